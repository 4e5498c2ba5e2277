"""Activations and the error function on NumPy arrays.

Every kernel works in blocks that stay in cache, and on several threads where the array is large (`parallel`). Those
whose derivative shares work with the value (GELU, SiLU, Mish, ELU) compute both in one pass over a block and keep the
derivative as their residual, so that the backward pass is one product.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.backend import Kernel
from .blockwise import FLOAT32, FLOAT64, blockwise, constants, exp_of_negative, horner, level, scale_vjp, served

# erf(x) / x as a polynomial in x**2 on [0, 1]: Chebyshev interpolation in 50 digits, relative error 8e-18.
_ERF_NEAR = (
    1.1283791670955126, -0.37612638903183543, 0.11283791670945006, -0.02686617064323777, 0.0052239776071164225,
    -0.0008548325975389692, 0.00012055294904839707, -1.492473690741966e-05, 1.6447424703317362e-06,
    -1.6208483801871705e-07, 1.3720064546777686e-08, -7.795898827002142e-10,
)  # fmt: skip
# exp(x**2) erfc(x) (1 + 2 x) as a polynomial in (x - 3) / (x + 3) on [1, 28], fitted likewise: relative error 8e-17.
_ERFC_FAR = (
    1.2530080582697298, -0.1356211061245818, -0.04756229435349139, 0.12964515870287935, -0.1192736634123678,
    0.06830802733684652, -0.023770514998550332, 0.0025293920136707938, 0.0018886913888875854, -0.0007798351520815042,
    -0.0001051663711451085, 0.00012512265555826875, 4.966092145137716e-06, -2.0204731045280845e-05,
    -7.084487700755333e-07, 3.706251837901243e-06, 1.4852118129629044e-07, -7.89919744208201e-07,
    1.7934056629984586e-07,
)  # fmt: skip
# erf(x) / x as a rational function of x**2 on [0, 3.95], minimax: relative error 2.1e-8, for float32.
_ERF32_NUMERATOR = (
    1.1283791437353816, 0.19155112968258042, 0.05287552894872042, 0.003808190379010616, 0.00028468732478831673,
    2.0258877512166203e-06,
)  # fmt: skip
_ERF32_DENOMINATOR = (
    1.0, 0.5030904442356828, 0.11455993911845752, 0.01505514725184038, 0.0011707308361285453, 3.783156991233719e-05,
)  # fmt: skip
# atanh(erf(x / sqrt(2))) / x as a polynomial in x**2 on [0, 6.5], minimax in the normal distribution function
# 1/2 + tanh(x P(x**2)) / 2: absolute error 2.9e-8. It grows without bound beyond, where tanh is 1.
_NORMAL32 = (
    0.797884941460086, 0.0363330845755071, -3.25949776440907e-05, -5.5306192694920806e-05, 3.964744205369121e-06,
    -1.3226332060799265e-07, 1.756170155083745e-09,
)  # fmt: skip


def _far_erfc(y: np.ndarray) -> np.ndarray:
    """erfc on [1, 28], exp(-y**2) with the square in two parts, since its rounding would be multiplied by y**2."""
    head = y.astype(np.float32).astype(np.float64)
    u = (y - 3.0) / (y + 3.0)
    polynomial = np.empty_like(y)
    horner(constants(FLOAT64, *_ERFC_FAR), u, polynomial)
    polynomial *= np.exp(-head * head) * np.exp((head - y) * (head + y))
    polynomial /= 1.0 + 2.0 * y
    return polynomial


def _erf_block(x: np.ndarray, out: np.ndarray, t: np.ndarray) -> None:
    """float64: a polynomial for all, replaced where abs(x) > 1 by 1 - erfc."""
    np.multiply(x, x, out=t)
    np.minimum(t, level(t, 1.0), out=t)
    horner(constants(FLOAT64, *_ERF_NEAR), t, out)
    np.multiply(out, x, out=out)
    np.abs(x, out=t)
    far = np.flatnonzero(t > 1.0)
    if far.size:
        value = 1.0 - _far_erfc(np.minimum(t[far], 6.0))
        out[far] = np.copysign(value, x[far])


def _erfc_block(x: np.ndarray, out: np.ndarray, t: np.ndarray) -> None:
    np.multiply(x, x, out=t)
    np.minimum(t, level(t, 1.0), out=t)
    horner(constants(FLOAT64, *_ERF_NEAR), t, out)
    np.multiply(out, x, out=out)
    np.subtract(1.0, out, out=out)
    np.abs(x, out=t)
    far = np.flatnonzero(t > 1.0)
    if far.size:
        value = _far_erfc(np.minimum(t[far], 28.0))
        out[far] = np.where(x[far] < 0.0, 2.0 - value, value)


def _erf_block_float32(x: np.ndarray, out: np.ndarray) -> None:
    """float32 through float64: NumPy's own float32 `tanh` and `exp` leave no room within 2 ulp."""
    n, step = x.size, 1 << 14
    y, t, p = np.empty((3, min(n, step)))
    for start in range(0, n, step):
        part = slice(start, min(start + step, n))
        m = part.stop - start
        a, b, c = y[:m], t[:m], p[:m]
        a[...] = x[part]
        np.minimum(a, level(a, 3.95), out=a)
        np.maximum(a, level(a, -3.95), out=a)
        np.multiply(a, a, out=b)
        horner(constants(FLOAT64, *_ERF32_NUMERATOR), b, c)
        np.multiply(a, c, out=a)
        horner(constants(FLOAT64, *_ERF32_DENOMINATOR), b, c)
        np.divide(a, c, out=out[part])


def erf(x: np.ndarray, /) -> Any:
    """The error function, within 2 ulp in float32 and 4 ulp in float64."""
    if x.dtype == FLOAT32:
        return blockwise(_erf_block_float32, (x,), 1)[0]
    if x.dtype == FLOAT64:
        return blockwise(_erf_block, (x,), 1, 1)[0]
    return NotImplemented


def erfc(x: np.ndarray, /) -> Any:
    """1 - erf(x), without cancellation for large x."""
    if x.dtype == FLOAT32:
        return erfc(x.astype(np.float64)).astype(np.float32)
    if x.dtype == FLOAT64:
        return blockwise(_erfc_block, (x,), 1, 1)[0]
    return NotImplemented


def _normal_cdf(x: np.ndarray, out: np.ndarray, t: np.ndarray) -> None:
    """The normal distribution function into `out`, x**2 into `t`."""
    half, root = constants(x.dtype, 0.5, math.sqrt(0.5))
    if x.dtype == FLOAT32:
        np.multiply(x, x, out=t)
        horner(constants(FLOAT32, *_NORMAL32), t, out)
        np.multiply(out, x, out=out)
        np.tanh(out, out=out)
        np.multiply(out, half, out=out)
        np.add(out, half, out=out)
    else:
        z = x * root
        _erf_block(z, out, t)
        np.multiply(out, half, out=out)
        np.add(out, half, out=out)
        np.multiply(x, x, out=t)


def _gelu(x: np.ndarray, out: np.ndarray, t: np.ndarray, u: np.ndarray) -> None:
    _normal_cdf(x, u, t)
    np.multiply(u, x, out=out)


def _gelu_train(x: np.ndarray, out: np.ndarray, d: np.ndarray, t: np.ndarray, u: np.ndarray) -> None:
    # d = Phi(x) + x phi(x)
    _normal_cdf(x, u, t)
    np.multiply(u, x, out=out)
    minus_half, scale = constants(x.dtype, -0.5, 1.0 / math.sqrt(2.0 * math.pi))
    np.multiply(t, minus_half, out=t)
    np.exp(t, out=t)
    np.multiply(t, scale, out=t)
    np.multiply(t, x, out=t)
    np.add(u, t, out=d)


_TANH_SCALE = math.sqrt(2.0 / math.pi)
_TANH_CUBIC = 0.044715 * _TANH_SCALE


def _gelu_tanh(x: np.ndarray, out: np.ndarray) -> None:
    half, scale, cubic = constants(x.dtype, 0.5, _TANH_SCALE, _TANH_CUBIC)
    np.multiply(x, x, out=out)
    np.multiply(out, cubic, out=out)
    np.add(out, scale, out=out)
    np.multiply(out, x, out=out)
    np.tanh(out, out=out)
    np.multiply(out, half, out=out)
    np.add(out, half, out=out)
    np.multiply(out, x, out=out)


def _gelu_tanh_train(x: np.ndarray, out: np.ndarray, d: np.ndarray, t: np.ndarray, v: np.ndarray) -> None:
    # With c = (1 + tanh u) / 2: out = x c and d = c + 2 u' (1 - c) out. The bound on x**2 keeps u' finite where 1 - c
    # has become 0.
    half, one, two = constants(x.dtype, 0.5, 1.0, 2.0)
    scale, cubic, slope = constants(x.dtype, _TANH_SCALE, _TANH_CUBIC, 3.0 * _TANH_CUBIC)
    np.multiply(x, x, out=t)
    np.minimum(t, level(t, 1e4), out=t)
    np.multiply(t, cubic, out=d)
    np.add(d, scale, out=d)
    np.multiply(d, x, out=d)
    np.tanh(d, out=d)
    np.multiply(d, half, out=d)
    np.add(d, half, out=d)
    np.multiply(d, x, out=out)
    np.multiply(t, slope, out=t)
    np.add(t, scale, out=t)
    np.multiply(t, two, out=t)
    np.subtract(one, d, out=v)
    np.multiply(t, v, out=t)
    np.multiply(t, out, out=t)
    np.add(d, t, out=d)


def gelu(x: np.ndarray, /, *, approximate: str) -> Any:
    """x times the normal distribution function of x, exact or by tanh (Hendrycks and Gimpel, 2016)."""
    if not served(x):
        return NotImplemented
    if approximate == "tanh":
        return blockwise(_gelu_tanh, (x,), 1)[0]
    return blockwise(_gelu, (x,), 1, 2)[0] if approximate == "none" else NotImplemented


def gelu_train(x: np.ndarray, /, *, approximate: str) -> Any:
    """`gelu` and its derivative."""
    if not served(x):
        return NotImplemented
    if approximate == "tanh":
        out, derivative = blockwise(_gelu_tanh_train, (x,), 2, 2)
    elif approximate == "none":
        out, derivative = blockwise(_gelu_train, (x,), 2, 2)
    else:
        return NotImplemented
    return out, (derivative,)


def _sigmoid(x: np.ndarray, out: np.ndarray) -> None:
    (one,) = constants(x.dtype, 1.0)
    exp_of_negative(x, out)
    np.add(out, one, out=out)
    np.divide(one, out, out=out)


def _sigmoid_grad(y: np.ndarray, g: np.ndarray, out: np.ndarray) -> None:
    (one,) = constants(y.dtype, 1.0)
    np.subtract(one, y, out=out)
    np.multiply(out, y, out=out)
    np.multiply(out, g, out=out)


def sigmoid(x: np.ndarray, /) -> Any:
    """1 / (1 + exp(-x))."""
    return blockwise(_sigmoid, (x,), 1)[0] if served(x) else NotImplemented


def sigmoid_vjp(xp: Any, g: np.ndarray, out: np.ndarray, wants: tuple[bool, ...]) -> tuple[np.ndarray | None]:
    """The derivative is out (1 - out)."""
    return (blockwise(_sigmoid_grad, (out, g), 1, quiet=False)[0] if wants[0] else None,)


def _silu(x: np.ndarray, out: np.ndarray) -> None:
    (one,) = constants(x.dtype, 1.0)
    exp_of_negative(x, out)
    np.add(out, one, out=out)
    np.divide(x, out, out=out)


def _silu_train(x: np.ndarray, out: np.ndarray, d: np.ndarray, t: np.ndarray) -> None:
    # d = s + out (1 - s) with s = sigmoid(x)
    _sigmoid(x, d)
    np.multiply(x, d, out=out)
    np.multiply(out, d, out=t)
    np.subtract(out, t, out=t)
    np.add(d, t, out=d)


def silu(x: np.ndarray, /) -> Any:
    """x sigmoid(x)."""
    return blockwise(_silu, (x,), 1)[0] if served(x) else NotImplemented


def silu_train(x: np.ndarray, /) -> Any:
    """`silu` and its derivative."""
    if not served(x):
        return NotImplemented
    out, derivative = blockwise(_silu_train, (x,), 2, 1)
    return out, (derivative,)


def softplus(x: np.ndarray, /, *, beta: float, threshold: float) -> Any:
    """log(1 + exp(beta x)) / beta, and x itself where beta x > threshold."""
    if not served(x) or beta == 0:
        return NotImplemented

    def body(x: np.ndarray, out: np.ndarray, t: np.ndarray) -> None:
        # max(z, 0) + log1p(exp(-abs(z))): no overflow on either side.
        np.multiply(x, beta, out=t)
        np.abs(t, out=out)
        exp_of_negative(out, out)
        np.log1p(out, out=out)
        linear = np.flatnonzero(t > threshold)
        np.maximum(t, level(t, 0.0), out=t)
        np.add(out, t, out=out)
        if beta != 1:
            np.divide(out, beta, out=out)
        if linear.size:
            out[linear] = x[linear]

    return blockwise(body, (x,), 1, 1)[0]


def softplus_vjp(
    xp: Any, g: np.ndarray, x: np.ndarray, beta: float, threshold: float, wants: tuple[bool, ...]
) -> tuple[np.ndarray | None]:
    """sigmoid(beta x), and 1 in the linear part."""

    def body(x: np.ndarray, g: np.ndarray, out: np.ndarray) -> None:
        one, minus_beta = constants(x.dtype, 1.0, -beta)
        np.multiply(x, minus_beta, out=out)
        linear = np.flatnonzero(out < -threshold)
        np.exp(out, out=out)
        np.add(out, one, out=out)
        np.divide(g, out, out=out)
        if linear.size:
            out[linear] = g[linear]

    return (blockwise(body, (x, g), 1)[0] if wants[0] else None,)


def _mish(x: np.ndarray, out: np.ndarray, t: np.ndarray) -> None:
    # tanh(softplus(x)) = n / (n + 2) with e = exp(x), n = e (e + 2); it is 1 in either dtype long before x = 40.
    (two,) = constants(x.dtype, 2.0)
    np.minimum(x, level(x, 40.0), out=t)
    np.exp(t, out=t)
    np.add(t, two, out=out)
    np.multiply(t, out, out=t)
    np.add(t, two, out=out)
    np.divide(t, out, out=t)
    np.multiply(t, x, out=out)


def _mish_train(x: np.ndarray, out: np.ndarray, d: np.ndarray, t: np.ndarray, v: np.ndarray) -> None:
    # d = n / (n + 2) + 4 x (e / (n + 2)) ((1 + e) / (n + 2)), in factors that neither overflow nor vanish early
    one, two, four = constants(x.dtype, 1.0, 2.0, 4.0)
    np.minimum(x, level(x, 40.0), out=t)
    np.exp(t, out=t)
    np.add(t, two, out=d)
    np.multiply(d, t, out=d)
    np.add(d, two, out=v)
    np.divide(d, v, out=d)
    np.add(t, one, out=out)
    np.divide(out, v, out=out)
    np.divide(t, v, out=t)
    np.multiply(t, out, out=t)
    np.minimum(x, level(x, 40.0), out=out)
    np.multiply(t, out, out=t)
    np.multiply(t, four, out=t)
    np.multiply(d, x, out=out)
    np.add(d, t, out=d)


def mish(x: np.ndarray, /) -> Any:
    """x tanh(softplus(x))."""
    return blockwise(_mish, (x,), 1, 1)[0] if served(x) else NotImplemented


def mish_train(x: np.ndarray, /) -> Any:
    """`mish` and its derivative."""
    if not served(x):
        return NotImplemented
    out, derivative = blockwise(_mish_train, (x,), 2, 2)
    return out, (derivative,)


def elu(x: np.ndarray, /, *, alpha: float, scale: float, input_scale: float) -> Any:
    """scale x where x > 0, else alpha scale (exp(input_scale x) - 1)."""
    if not served(x):
        return NotImplemented
    below = alpha * scale

    def body(x: np.ndarray, out: np.ndarray, t: np.ndarray) -> None:
        zeros = level(x, 0.0)
        np.minimum(x, zeros, out=t)
        if input_scale != 1:
            np.multiply(t, input_scale, out=t)
        np.expm1(t, out=t)
        if below != 1:
            np.multiply(t, below, out=t)
        np.maximum(x, zeros, out=out)
        if scale != 1:
            np.multiply(out, scale, out=out)
        np.add(out, t, out=out)

    return blockwise(body, (x,), 1, 1)[0]


def elu_train(x: np.ndarray, /, *, alpha: float, scale: float, input_scale: float) -> Any:
    """`elu` and its derivative."""
    if not served(x):
        return NotImplemented
    below = alpha * scale
    slope = below * input_scale

    def body(x: np.ndarray, out: np.ndarray, d: np.ndarray) -> None:
        zeros = level(x, 0.0)
        np.minimum(x, zeros, out=d)
        if input_scale != 1:
            np.multiply(d, input_scale, out=d)
        np.expm1(d, out=d)
        np.maximum(x, zeros, out=out)
        if scale != 1:
            np.multiply(out, scale, out=out)
        if below == slope:
            if below != 1:
                np.multiply(d, below, out=d)
            np.add(out, d, out=out)
        else:
            np.add(out, d * np.array(below, x.dtype), out=out)
            np.multiply(d, slope, out=d)
        np.add(d, slope, out=d)
        if slope != scale:
            # `slope` where x > 0 so far
            np.add(d, (x > 0) * np.array(scale - slope, x.dtype), out=d)

    out, derivative = blockwise(body, (x,), 2)
    return out, (derivative,)


def _log_sigmoid(x: np.ndarray, out: np.ndarray, t: np.ndarray) -> None:
    np.abs(x, out=out)
    exp_of_negative(out, out)
    np.log1p(out, out=out)
    np.minimum(x, level(x, 0.0), out=t)
    np.subtract(t, out, out=out)


def logsigmoid(x: np.ndarray, /) -> Any:
    """log(1 / (1 + exp(-x))), without overflow."""
    return blockwise(_log_sigmoid, (x,), 1, 1)[0] if served(x) else NotImplemented


def logsigmoid_vjp(xp: Any, g: np.ndarray, x: np.ndarray, wants: tuple[bool, ...]) -> tuple[np.ndarray | None]:
    """The derivative is 1 / (1 + exp(x))."""

    def body(x: np.ndarray, g: np.ndarray, out: np.ndarray) -> None:
        np.exp(x, out=out)
        np.add(out, constants(x.dtype, 1.0)[0], out=out)
        np.divide(g, out, out=out)

    return (blockwise(body, (x, g), 1)[0] if wants[0] else None,)


def _derivative_kernel(forward: Callable[..., Any], train: Callable[..., Any]) -> Kernel:
    return Kernel(forward, train=train, vjp=scale_vjp, residuals=("derivative",))


KERNELS: dict[str, Callable[..., Any] | Kernel] = {
    "erf": erf,
    "erfc": erfc,
    "gelu": _derivative_kernel(gelu, gelu_train),
    "sigmoid": Kernel(sigmoid, vjp=sigmoid_vjp),
    "silu": _derivative_kernel(silu, silu_train),
    "softplus": Kernel(softplus, vjp=softplus_vjp),
    "mish": _derivative_kernel(mish, mish_train),
    "elu": _derivative_kernel(elu, elu_train),
    "logsigmoid": Kernel(logsigmoid, vjp=logsigmoid_vjp),
}
