"""Activations and the error function, row by row. None is in the standard: beside each stands its body, its meaning.

Values and slopes at the kinks are PyTorch's.
"""

from __future__ import annotations

import math
from typing import Any

from ..errors import ArgumentError
from .row import elementwise, general

FLOAT: dict[str, Any] = {"category": "real floating-point", "floating": True}

_SQRT_HALF = math.sqrt(0.5)
_INVERSE_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)
_TANH_SCALE = math.sqrt(2.0 / math.pi)


def _erf_body(xp: Any, x: Any) -> Any:
    """The error function by its Maclaurin series below 2 and the continued fraction of erfc above."""
    a = xp.abs(x)
    small = xp.minimum(a, xp.full_like(a, 2.0))
    square = small * small
    term, total = small, small
    for n in range(1, 40):
        term = term * (-square / n)
        total = total + term / (2 * n + 1)
    near = total * (2.0 / math.sqrt(math.pi))
    value = xp.where(a < 2.0, near, 1.0 - _erfc_tail(xp, a))
    return xp.where(xp.isnan(x), x, xp.where(x < 0, -value, value))


def _erfc_tail(xp: Any, a: Any) -> Any:
    """The complementary error function from 2 on, by its continued fraction."""
    big = xp.maximum(xp.minimum(a, xp.full_like(a, 30.0)), xp.full_like(a, 2.0))
    tail = big
    for n in range(40, 0, -1):
        tail = big + (n / 2.0) / tail
    return xp.exp(-big * big) / (tail * math.sqrt(math.pi))


def _erfc_body(xp: Any, x: Any) -> Any:
    return xp.where(x < 2.0, 1.0 - xp.erf(x), xp.where(xp.isnan(x), x, _erfc_tail(xp, x)))


erf = elementwise(
    "erf", "x, /", "Return the error function, ``2/sqrt(pi)`` times the integral of ``exp(-t*t)`` from 0 to ``x``.",
    d=lambda xp, x: (2.0 / math.sqrt(math.pi)) * xp.exp(-x * x), body=_erf_body, reference="math.erf", **FLOAT,
)  # fmt: skip
erfc = elementwise(
    "erfc", "x, /", "Return the complementary error function, ``1 - erf(x)``.",
    d=lambda xp, x: (-2.0 / math.sqrt(math.pi)) * xp.exp(-x * x), body=_erfc_body, reference="math.erfc", **FLOAT,
)  # fmt: skip


def _positive_part(xp: Any, x: Any) -> Any:
    return xp.maximum(x, xp.zeros((), dtype=x.dtype))


relu = elementwise(
    "relu", "x, /", "Return ``max(x, 0)``; the gradient at 0 is 0.", category="real numeric",
    d=lambda xp, out: xp.astype(out > 0, out.dtype), body=_positive_part,
)  # fmt: skip
sigmoid = elementwise(
    "sigmoid", "x, /", "Return ``1 / (1 + exp(-x))``.", d=lambda out: out * (1 - out),
    body=lambda xp, x: _sigmoid_body(xp, x), **FLOAT,
)  # fmt: skip


def _sigmoid_body(xp: Any, x: Any) -> Any:
    e = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, 1 / (1 + e), e / (1 + e))


silu = general(
    "silu", "x, /", "Return ``x * sigmoid(x)``.", batch="elementwise", body=lambda xp, x: x * xp.sigmoid(x),
    vjp=lambda xp, g, x: g * _silu_slope(xp, x), jvp=lambda xp, t, x: t * _silu_slope(xp, x), **FLOAT,
)  # fmt: skip


def _silu_slope(xp: Any, x: Any) -> Any:
    s = xp.sigmoid(x)
    return s * (1 + x * (1 - s))


def _softplus_body(xp: Any, x: Any, *, beta: float, threshold: float) -> Any:
    bx = beta * x
    safe = xp.where(bx > threshold, xp.zeros_like(bx), bx)
    soft = (xp.log1p(xp.exp(-xp.abs(safe))) + _positive_part(xp, safe)) / beta
    return xp.where(bx > threshold, x, soft)


softplus = general(
    "softplus", "x, /, *, beta=1.0, threshold=20.0", "Return ``log(1 + exp(beta * x)) / beta``, linear above the threshold.",
    body=_softplus_body, batch="elementwise",
    vjp=lambda xp, g, x, beta, threshold: g * _softplus_slope(xp, x, beta, threshold),
    jvp=lambda xp, t, x, beta, threshold: t * _softplus_slope(xp, x, beta, threshold), **FLOAT,
)  # fmt: skip


def _softplus_slope(xp: Any, x: Any, beta: float, threshold: float) -> Any:
    bx = beta * x
    return xp.where(bx > threshold, xp.ones_like(x), xp.sigmoid(bx))


def _gelu_body(xp: Any, x: Any, *, approximate: str) -> Any:
    if approximate == "tanh":
        return 0.5 * x * (1 + xp.tanh(_TANH_SCALE * (x + 0.044715 * x * x * x)))
    return 0.5 * x * (1 + xp.erf(_SQRT_HALF * x))


def _gelu_slope(xp: Any, x: Any, approximate: str) -> Any:
    if approximate == "tanh":
        t = xp.tanh(_TANH_SCALE * (x + 0.044715 * x * x * x))
        return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * (_TANH_SCALE * (1 + 3 * 0.044715 * x * x))
    return 0.5 * (1 + xp.erf(_SQRT_HALF * x)) + x * (_INVERSE_SQRT_2PI * xp.exp(-0.5 * x * x))


def _prepare_gelu(device: Any, x: Any, approximate: Any) -> tuple[str]:
    if approximate not in ("none", "tanh"):
        raise ArgumentError(f"gelu: approximate is 'none' or 'tanh', not {approximate!r}")
    return (approximate,)


gelu = general(
    "gelu", "x, /, *, approximate='none'",
    "Return ``x * Phi(x)``, Phi the normal distribution function: exact, or by tanh where ``approximate='tanh'``.",
    body=_gelu_body, batch="elementwise", prepare=_prepare_gelu,
    vjp=lambda xp, g, x, approximate: g * _gelu_slope(xp, x, approximate),
    jvp=lambda xp, t, x, approximate: t * _gelu_slope(xp, x, approximate), **FLOAT,
)  # fmt: skip
mish = general(
    "mish", "x, /", "Return ``x * tanh(softplus(x))``.", batch="elementwise",
    body=lambda xp, x: x * xp.tanh(xp.softplus(x, beta=1.0, threshold=20.0)), **FLOAT,
)  # fmt: skip


def _leaky_slope(xp: Any, x: Any, negative_slope: float) -> Any:
    return xp.where(x > 0, xp.ones_like(x), xp.full((), negative_slope, dtype=x.dtype))


leaky_relu = general(
    "leaky_relu", "x, /, *, negative_slope=0.01", "Return ``x`` where positive, ``negative_slope * x`` elsewhere.",
    body=lambda xp, x, *, negative_slope: xp.where(x > 0, x, negative_slope * x), batch="elementwise",
    vjp=lambda xp, g, x, negative_slope: g * _leaky_slope(xp, x, negative_slope),
    jvp=lambda xp, t, x, negative_slope: t * _leaky_slope(xp, x, negative_slope), **FLOAT,
)  # fmt: skip


def _negative_part(xp: Any, x: Any) -> Any:
    return xp.minimum(x, xp.zeros((), dtype=x.dtype))


def _elu_body(xp: Any, x: Any, *, alpha: float, scale: float, input_scale: float) -> Any:
    bent = (alpha * scale) * xp.expm1(input_scale * _negative_part(xp, x))
    return xp.where(x <= 0, bent, scale * x)


def _elu_slope(xp: Any, x: Any, alpha: float, scale: float, input_scale: float) -> Any:
    # Chosen and not cut by minimum, whose derivative at 0 is a half: the second one is 0 there.
    below = xp.where(x < 0, x, xp.zeros_like(x))
    bent = (alpha * scale * input_scale) * xp.exp(input_scale * below)
    return xp.where(x <= 0, bent, xp.full((), scale, dtype=x.dtype))


elu = general(
    "elu", "x, /, *, alpha=1.0, scale=1.0, input_scale=1.0",
    "Return ``scale * x`` where positive, ``alpha * scale * (exp(input_scale * x) - 1)`` elsewhere.",
    body=_elu_body, batch="elementwise",
    vjp=lambda xp, g, x, alpha, scale, input_scale: g * _elu_slope(xp, x, alpha, scale, input_scale),
    jvp=lambda xp, t, x, alpha, scale, input_scale: t * _elu_slope(xp, x, alpha, scale, input_scale), **FLOAT,
)  # fmt: skip


def _log_sigmoid_body(xp: Any, x: Any) -> Any:
    return _negative_part(xp, x) - xp.log1p(xp.exp(-xp.abs(x)))


logsigmoid = elementwise(
    "logsigmoid", "x, /", "Return ``log(1 / (1 + exp(-x)))``, without overflow.", body=_log_sigmoid_body,
    d=lambda xp, x: xp.sigmoid(-x), **FLOAT,
)  # fmt: skip


def _prepare_hardtanh(device: Any, x: Any, min_val: Any, max_val: Any) -> tuple[Any, Any]:
    if min_val > max_val:
        raise ArgumentError(f"hardtanh: min_val={min_val} is larger than max_val={max_val}; swap them")
    kind = device.dtype_of[x.dtype].kind
    if kind in ("signed", "unsigned"):
        least = 0 if kind == "unsigned" else int(min_val)
        return max(int(min_val), least), max(int(max_val), least)
    return float(min_val), float(max_val)


def _hardtanh_body(xp: Any, x: Any, *, min_val: Any, max_val: Any) -> Any:
    low, high = xp.full((), min_val, dtype=x.dtype), xp.full((), max_val, dtype=x.dtype)
    return xp.minimum(xp.maximum(x, low), high)


def _hardtanh_slope(xp: Any, out: Any, min_val: Any, max_val: Any) -> Any:
    cut = xp.logical_or(out <= min_val, out >= max_val)
    return xp.astype(xp.logical_not(cut), out.dtype)


hardtanh = general(
    "hardtanh", "x, /, *, min_val=-1.0, max_val=1.0",
    "Return ``min(max(x, min_val), max_val)``; the gradient at the bounds is 0.", body=_hardtanh_body,
    batch="elementwise", prepare=_prepare_hardtanh, category="real numeric",
    vjp=lambda xp, g, out, min_val, max_val: g * _hardtanh_slope(xp, out, min_val, max_val),
    jvp=lambda xp, t, out, min_val, max_val: t * _hardtanh_slope(xp, out, min_val, max_val),
)  # fmt: skip


def _six(xp: Any, x: Any) -> Any:
    """``x + 3`` between 0 and 6."""
    return xp.minimum(xp.maximum(x + 3.0, xp.zeros((), dtype=x.dtype)), xp.full((), 6.0, dtype=x.dtype))


hardsigmoid = elementwise(
    "hardsigmoid", "x, /", "Return ``min(max(x + 3, 0), 6) / 6``; the gradient at the bends is 0.",
    body=lambda xp, x: _six(xp, x) / 6.0, d=lambda xp, x: xp.astype(xp.abs(x) < 3, x.dtype) / 6.0, **FLOAT,
)  # fmt: skip
hardswish = elementwise(
    "hardswish", "x, /", "Return ``x * min(max(x + 3, 0), 6) / 6``; the gradient is 0 at -3 and 1 at 3.",
    body=lambda xp, x: x * _six(xp, x) / 6.0,
    d=lambda xp, x: _hardswish_slope(xp, x), **FLOAT,
)  # fmt: skip


def _hardswish_slope(xp: Any, x: Any) -> Any:
    return xp.where(x <= -3, xp.zeros_like(x), xp.where(x < 3, x / 3.0 + 0.5, xp.ones_like(x)))


def _prelu_vjp(xp: Any, g: Any, x: Any, weight: Any, wants: Any) -> tuple[Any, Any]:
    positive = x > 0
    return (
        xp.where(positive, g, g * weight) if wants[0] else None,
        xp.where(positive, xp.zeros_like(g), g * x) if wants[1] else None,
    )


prelu = general(
    "prelu", "x, weight, /", "Return ``x`` where positive, ``weight * x`` elsewhere; the operands broadcast.",
    body=lambda xp, x, weight: xp.where(x > 0, x, weight * x), batch="elementwise", vjp=_prelu_vjp, **FLOAT,
)  # fmt: skip
