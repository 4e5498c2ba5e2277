"""Muon."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..core import ops
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.tensor import Tensor
from .checks import nonnegative, number, scalar
from .optimizer import Optimizer
from .plan import Plan

STATE = ("momentum_buffer",)
ADJUSTMENTS = (None, "original", "match_rms_adamw")


class Muon(Optimizer):
    """Muon: momentum made orthogonal, for the matrices of hidden layers.

    ::

        b = momentum * b + (1 - momentum) * grad
        u = momentum * b + (1 - momentum) * grad        (u = b without nesterov)
        x = u / norm(u),  then ns_steps times:  x = A * x + (B * x x^T + C * (x x^T)^2) x
        p = p - lr * weight_decay * p
        p = p - lr * adjustment * x

    The iteration runs in bfloat16's precision whatever the parameter's dtype, as PyTorch's does.

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor) or of dict
        Matrices, or groups of them; biases, embeddings and other parameters go to another optimizer.
    lr : float or Tensor
        Learning rate.
    weight_decay : float
        Rate of decay, as in AdamW.
    momentum : float
        Decay rate of the running mean of gradients.
    nesterov : bool
        Look ahead along the momentum.
    ns_coefficients : tuple of float
        A, B and C of the iteration by Newton and Schulz.
    eps : float
        Keeps the norm away from zero.
    ns_steps : int
        Number of iterations, less than 100.
    adjust_lr_fn : str, optional
        ``"original"`` (or None) for a factor of ``sqrt(max(1, rows / columns))``; ``"match_rms_adamw"`` for
        ``0.2 * sqrt(max(rows, columns))``, with which AdamW's learning rates fit.

    Raises
    ------
    ShapeError, DTypeError
        A parameter is not a matrix, or complex.

    Notes
    -----
    K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024
    (https://kellerjordan.github.io/posts/muon/); the second adjustment: J. Liu et al., "Muon is scalable for LLM
    training", 2025 (arXiv:2502.16982).

    Examples
    --------
    >>> import candelabra as cb
    >>> w = cb.tensor([[1.0, 0.0], [0.0, 1.0]], requires_grad=True)
    >>> optimizer = cb.optim.Muon([w], lr=0.5, weight_decay=0.0, ns_coefficients=(2.0, -1.5, 0.5))
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)

    def check_group(self, group: dict[str, Any]) -> None:
        """Raise where an option of `group` is out of range, or a parameter is not a real matrix."""
        owner = type(self).__name__
        for name in ("lr", "weight_decay", "momentum"):
            nonnegative(owner, name, group[name])
        number(owner, "eps", group["eps"])
        coefficients = group["ns_coefficients"]
        if not isinstance(coefficients, (tuple, list)) or len(coefficients) != 3:
            raise ArgumentError(f"{owner}: ns_coefficients={coefficients!r} are not three numbers")
        for index, value in enumerate(coefficients):
            number(owner, f"ns_coefficients[{index}]", value)
        if not isinstance(group["ns_steps"], int) or not 0 <= group["ns_steps"] < 100:
            raise ArgumentError(f"{owner}: ns_steps={group['ns_steps']!r} is not an integer between 0 and 99")
        if group["adjust_lr_fn"] not in ADJUSTMENTS:
            raise ArgumentError(
                f"{owner}: adjust_lr_fn={group['adjust_lr_fn']!r} is none of 'original', 'match_rms_adamw' and None"
            )
        for index, p in enumerate(group.get("params", ())):
            if p.ndim != 2:
                raise ShapeError(
                    f"{owner}: parameter {index} has shape {p.shape}, and only matrices can be made orthogonal; give "
                    "biases, embeddings and stacks of matrices to another optimizer, for example AdamW"
                )
            if p.dtype.is_complex:
                raise DTypeError(f"{owner}: parameter {index}, shape {p.shape}, is of dtype {p.dtype}; it must be real")

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Return ``("momentum_buffer",)``."""
        return STATE

    def update(self, plan: Plan, grads: list[Tensor]) -> None:
        """Update `plan.params` and their momentum."""
        group = plan.group
        a, b, c = map(scalar, group["ns_coefficients"])
        ops.muon_step(
            plan.params,
            grads,
            plan.buffers["momentum_buffer"],
            lr=scalar(group["lr"]),
            weight_decay=scalar(group["weight_decay"]),
            momentum=scalar(group["momentum"]),
            nesterov=bool(group["nesterov"]),
            a=a,
            b=b,
            c=c,
            eps=scalar(group["eps"]),
            ns_steps=group["ns_steps"],
            adjust=group["adjust_lr_fn"],
        )
