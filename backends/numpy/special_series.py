"""Special functions on NumPy arrays by their rows' bodies, in blocks that stay in cache.

Single precision and less is computed in double, with as many terms as single precision sees.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import ml_dtypes
import numpy as np

from ...core.device import host_device
from ...core.implementation import namespace
from ...core.primitives.row import TABLE
from .blockwise import FLOAT32, FLOAT64, blockwise

_STEP = 1 << 13
_SERVED = (FLOAT32, FLOAT64, np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16))


class _Namespace:
    """The host's namespace; `single` says that results are rounded to single precision."""

    def __init__(self, single: bool) -> None:
        self.single = single
        self.device = host_device()

    def __getattr__(self, name: str) -> Any:
        function = getattr(namespace(self.device), name)
        setattr(self, name, function)
        return function

    @staticmethod
    def chebyshev(coefficients: tuple[float, ...], x: np.ndarray) -> np.ndarray:
        """Clenshaw's scheme in three buffers."""
        twice = x + x
        later = np.full_like(x, coefficients[-1])
        last = coefficients[-1] * twice
        last += coefficients[-2]
        product = np.empty_like(x)
        for c in coefficients[-3:0:-1]:
            np.multiply(twice, last, out=product)
            np.subtract(product, later, out=later)
            later += c
            later, last = last, later
        last *= x
        last -= later
        last += coefficients[0]
        return last

    @staticmethod
    def only_where(
        mask: np.ndarray, function: Callable[..., Any], otherwise: np.ndarray, *operands: np.ndarray
    ) -> np.ndarray:
        """The function sees the elements that are asked for; `otherwise` is written."""
        places = np.flatnonzero(mask)
        if places.size:
            otherwise[places] = function(*[x[places] for x in operands])
        return otherwise

    @staticmethod
    def exponential_sum(
        nodes: tuple[tuple[float, float], ...], slope: np.ndarray, reach: np.ndarray, x: np.ndarray
    ) -> np.ndarray:
        """The sum of ``w exp(t slope - x (exp(t reach) - 1))`` over nodes t and weights w, in two buffers."""
        total = np.zeros_like(x)
        first, second = np.empty_like(x), np.empty_like(x)
        for node, weight in nodes:
            np.multiply(reach, node, out=first)
            np.expm1(first, out=first)
            first *= x
            np.multiply(slope, node, out=second)
            second -= first
            np.exp(second, out=second)
            second *= weight
            total += second
        return total

    @staticmethod
    def branch(mask: np.ndarray, near: Callable[..., Any], far: Callable[..., Any], x: np.ndarray) -> np.ndarray:
        """Each function sees the elements that are its own."""
        first = np.flatnonzero(mask)
        if first.size == x.size:
            return near(x)
        if not first.size:
            return far(x)
        second = np.flatnonzero(~mask)
        out = np.empty_like(x)
        out[first] = near(x[first])
        out[second] = far(x[second])
        return out


@lru_cache(maxsize=2)
def _host(single: bool) -> _Namespace:
    return _Namespace(single)


def _computed(body: Callable[..., Any], dtype: np.dtype, statics: dict[str, Any]) -> Callable[..., None]:
    xp = _host(dtype != FLOAT64)

    def block(*arrays: np.ndarray) -> None:
        *given, out = arrays
        for start in range(0, out.size, _STEP):
            part = slice(start, start + _STEP)
            out[part] = body(xp, *[x[part].astype(np.float64, copy=False) for x in given], **statics)

    return block


def _unary(name: str) -> Callable[..., Any]:
    def kernel(x: np.ndarray, /, **statics: Any) -> Any:
        if x.dtype not in _SERVED:
            return NotImplemented
        return blockwise(_computed(TABLE[name].body, x.dtype, statics), (x,), 1)[0]  # type: ignore[arg-type]

    return kernel


def _binary(name: str) -> Callable[..., Any]:
    def kernel(x1: Any, x2: Any, /, **statics: Any) -> Any:
        dtype = x1.dtype if hasattr(x1, "dtype") else x2.dtype
        if dtype not in _SERVED:
            return NotImplemented
        x1, x2 = np.broadcast_arrays(np.asarray(x1, dtype), np.asarray(x2, dtype))
        return blockwise(_computed(TABLE[name].body, dtype, statics), (x1, x2), 1)[0]  # type: ignore[arg-type]

    return kernel


UNARY = (
    "airy_ai", "airy_ai_slope", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "erfcx", "i0", "i0e", "i1",
    "i1e", "log_ndtr", "ndtr", "ndtri", "polygamma", "scaled_modified_bessel_k0", "scaled_modified_bessel_k1",
)  # fmt: skip
BINARY = ("betaln", "gammainc_slope", "igamma", "igammac", "zeta")
KERNELS = {name: _unary(name) for name in UNARY} | {name: _binary(name) for name in BINARY}
