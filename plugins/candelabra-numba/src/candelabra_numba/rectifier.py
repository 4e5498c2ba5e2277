"""What goes back through activations in straight pieces: one pass, where NumPy makes a mask and casts it."""

from __future__ import annotations

from typing import Any

import numpy as np
from candelabra.backends.numpy import rectifier as numpy_rectifier
from candelabra.core.backend import Kernel

from .compiled import Array, Loop, least, over_rows, plain, served

LEAST = least(1 << 12)
# So little is done with a number that a second thread has to take many.
_SHARED = 1 << 18

_RELU_BACK, _LEAKY_BACK = Loop("rectifier", "relu_back"), Loop("rectifier", "leaky_relu_back")


def _serves(x: Array, g: Array) -> bool:
    return served(x, LEAST) and g.dtype == x.dtype


def _back(loop: Loop, x: Array, g: Array, *more: Array) -> tuple[Array]:
    out = np.empty(x.shape, x.dtype)
    operands = x.reshape(-1), plain(g).reshape(-1), out.reshape(-1), *more
    if x.size < _SHARED:
        loop[x.dtype.char](0, x.size, *operands)
    else:
        over_rows(loop[x.dtype.char], x.size, x.size, *operands)
    return (out,)


def relu_vjp(xp: Any, g: Array, out: Array, wants: tuple[bool, ...]) -> Any:
    """The cotangent where the output is not 0."""
    if wants[0] and _serves(out, g):
        return _back(_RELU_BACK, out, g)
    return numpy_rectifier.relu_vjp(xp, g, out, wants)


def leaky_relu_vjp(xp: Any, g: Array, x: Array, negative_slope: float, wants: tuple[bool, ...]) -> Any:
    """The cotangent, times negative_slope where x is not positive."""
    if wants[0] and _serves(x, g):
        return _back(_LEAKY_BACK, x, g, np.array([negative_slope], x.dtype))
    return numpy_rectifier.leaky_relu_vjp(xp, g, x, negative_slope, wants)


KERNELS: dict[str, Any] = {
    "leaky_relu": Kernel(numpy_rectifier.leaky_relu, vjp=leaky_relu_vjp),
    "relu": Kernel(numpy_rectifier.relu, vjp=relu_vjp),
}
