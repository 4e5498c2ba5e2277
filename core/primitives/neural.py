"""The rows of neural networks. None is in the standard: beside each stands its generic body, which is its meaning.

A backend overrides a body with a kernel; derivatives of the rows without a rule of their own are those of the body.
"""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError, ShapeError
from .row import general

FLOAT: dict[str, Any] = {"category": "real floating-point", "floating": True}


def _prepare_linear(device: Any, x: Any, weight: Any, bias: Any) -> tuple[()]:
    if len(weight.shape) != 2 or not x.shape or x.shape[-1] != weight.shape[1]:
        raise ShapeError(
            f"linear: input of shape {tuple(x.shape)} does not fit weight {tuple(weight.shape)}: the input's last axis "
            f"must have {weight.shape[-1] if weight.shape else '?'} features"
        )
    if bias is not None and tuple(bias.shape) != (weight.shape[0],):
        raise ShapeError(f"linear: bias has shape {tuple(bias.shape)}, weight {tuple(weight.shape)} wants {(weight.shape[0],)}")
    return ()


def _linear_body(xp: Any, x: Any, weight: Any, bias: Any) -> Any:
    out = xp.matmul(x, xp.matrix_transpose(weight))
    if bias is None:
        return out
    if len(bias.shape) > 1:
        # A kernel refuses what would broadcast here.
        _prepare_linear(None, x, weight, bias)
    return out + bias


def _linear_vjp(xp: Any, g: Any, x: Any, weight: Any, bias_shape: Any, wants: Any) -> tuple[Any, Any, Any]:
    if len(x.shape) == 1:
        return (
            xp.matmul(g, xp.conj(weight)) if wants[0] else None,
            xp.expand_dims(g, axis=1) * xp.conj(x) if wants[1] else None,
            g if wants[2] else None,
        )
    rows = xp.reshape(g, (-1, g.shape[-1])) if len(g.shape) != 2 else g
    flat = xp.reshape(x, (-1, x.shape[-1])) if len(x.shape) != 2 else x
    return (
        xp.matmul(g, xp.conj(weight)) if wants[0] else None,
        xp.matmul(xp.matrix_transpose(rows), xp.conj(flat)) if wants[1] else None,
        xp.sum(rows, axis=0) if wants[2] else None,
    )


linear_row = general(
    "linear", "x, weight, bias=None, /", "Return ``x @ weight.T + bias``: x (..., in), weight (out, in), bias (out,).",
    body=_linear_body, vjp=_linear_vjp, diagnose=_prepare_linear, category="numeric",
)  # fmt: skip

ACTIVATIONS = ("relu", "gelu", "gelu_tanh", "silu")


def _prepare_activation(device: Any, x: Any, weight: Any, bias: Any, activation: Any) -> tuple[str]:
    if activation not in ACTIVATIONS:
        raise ArgumentError(f"linear_activation: activation is one of {', '.join(ACTIVATIONS)}, not {activation!r}")
    return (activation,)


def _linear_activation_body(xp: Any, x: Any, weight: Any, bias: Any, *, activation: str) -> Any:
    out = xp.linear(x, weight, bias)
    if activation == "relu":
        return xp.relu(out)
    if activation == "silu":
        return xp.silu(out)
    return xp.gelu(out, approximate="tanh" if activation == "gelu_tanh" else "none")


# For devices that finish a product as they write it; on others nothing is gained over the two rows.
linear_activation = general(
    "linear_activation", "x, weight, bias=None, /, *, activation='relu'",
    "Return an activation of `linear`: ReLU, SiLU, or GELU, exact or by tanh.", body=_linear_activation_body,
    prepare=_prepare_activation,
    diagnose=lambda device, x, weight, bias, activation: _prepare_linear(device, x, weight, bias), **FLOAT,
)  # fmt: skip
