"""GELU and softmax: one pass over the data each way."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from candelabra.core.backend import Kernel

from .library import TRAINING, Library, load
from .primitive import (
    CACHE,
    D_SOURCE,
    D_TARGET,
    NUMBER,
    SOURCE,
    TARGET,
    Array,
    Primitive,
    argument,
    dense,
    in_training,
    plain,
    strides_of,
)

_GELU = {"tanh": 43, "none": 49}
_SOFTMAX, _LOG_SOFTMAX = 0x30000, 0x30001
# So few numbers are through before oneDNN has been asked.
_FEW = 1 << 12
_BACK_TARGET = argument(17)


def gelu(x: Array, /, *, approximate: str) -> Any:
    """x times the normal distribution function of x, exact or by tanh."""
    library = load()
    if library is None or x.dtype != NUMBER or x.size < _FEW:
        return NotImplemented
    algorithm, shape = _GELU[approximate], (x.size,)

    def make() -> Primitive:
        found, owned = _gelu_forward(library, algorithm, shape)
        return Primitive(library, found, [dense(SOURCE, shape), dense(TARGET, shape, True)], owned)

    primitive = CACHE.get(library, ("gelu", algorithm, shape), make)
    if primitive is None:
        return NotImplemented
    out = np.empty(x.shape, np.float32)
    primitive(plain(x), out)
    return out


def _gelu_forward(library: Library, algorithm: int, shape: tuple[int, ...]) -> tuple[int, list[Any]]:
    line = library.descriptor(shape, strides_of(shape))
    made = library.eltwise_forward_primitive_desc_create(
        library.engine, TRAINING, algorithm, line, line, 0.0, 0.0, None
    )
    return made, [(library.memory_desc_destroy, line)]


def gelu_vjp(xp: Any, g: Array, x: Array, approximate: str) -> Any:
    """The cotangent of x."""
    library = load()
    if library is None or x.dtype != NUMBER:
        return NotImplemented
    algorithm, shape = _GELU[approximate], (x.size,)

    def make() -> Primitive:
        hint, owned = _gelu_forward(library, algorithm, shape)
        line = owned[0][1]
        found = library.eltwise_backward_primitive_desc_create(
            library.engine, algorithm, line, line, line, 0.0, 0.0, hint, None
        )
        owned.append((library.primitive_desc_destroy, hint))
        operands = [dense(SOURCE, shape), dense(D_TARGET, shape), dense(D_SOURCE, shape, True)]
        return Primitive(library, found, operands, owned)

    primitive = CACHE.get(library, ("gelu back", algorithm, shape), make)
    if primitive is None:
        return NotImplemented
    gx = np.empty(x.shape, np.float32)
    primitive(plain(x), plain(g), gx)
    return (gx,)


def _softmax_shape(shape: tuple[int, ...], axis: int) -> tuple[int, ...] | None:
    """Return rows and columns where the axis is the last, which alone is fast; else None."""
    return (math.prod(shape[:-1]), shape[-1]) if axis == len(shape) - 1 else None


def _softmax_forward(library: Library, algorithm: int, shape: tuple[int, ...]) -> tuple[int, list[Any]]:
    block = library.descriptor(shape, strides_of(shape))
    made = library.softmax_forward_primitive_desc_create(library.engine, TRAINING, algorithm, block, block, 1, None)
    return made, [(library.memory_desc_destroy, block)]


def _softmax_primitive(library: Library, algorithm: int, shape: tuple[int, ...]) -> Primitive | None:
    def make() -> Primitive:
        found, owned = _softmax_forward(library, algorithm, shape)
        return Primitive(library, found, [dense(SOURCE, shape), dense(TARGET, shape, True)], owned)

    return CACHE.get(library, ("softmax", algorithm, shape), make)


def _softmax(x: Array, axis: int, algorithm: int) -> Any:
    library = load()
    shape = _softmax_shape(x.shape, axis)
    if library is None or shape is None or x.dtype != NUMBER or x.size < max(_FEW, 1):
        return NotImplemented
    primitive = _softmax_primitive(library, algorithm, shape)
    if primitive is None:
        return NotImplemented
    out = np.empty(x.shape, np.float32)
    primitive(plain(x), out)
    with np.errstate(all="ignore"):
        # oneDNN makes one element of a row no number where all of them should be.
        return out if math.isfinite(np.add.reduce(out, axis=None)) else NotImplemented


def softmax_in_place(x: Array) -> bool:
    """Overwrite scores in C order by their softmax over the last axis; say whether that was done."""
    library = load()
    shape = (math.prod(x.shape[:-1]), x.shape[-1])
    primitive = None if library is None else _softmax_primitive(library, _SOFTMAX, shape)
    if primitive is not None:
        primitive(x, x)
    return primitive is not None


def softmax(x: Array, /, *, axis: int) -> Any:
    """exp(x) / sum(exp(x)) along an axis."""
    return _softmax(x, axis, _SOFTMAX)


def log_softmax(x: Array, /, *, axis: int) -> Any:
    """x - log(sum(exp(x))) along an axis."""
    return _softmax(x, axis, _LOG_SOFTMAX)


def _softmax_back_primitive(library: Library, algorithm: int, shape: tuple[int, ...]) -> Primitive | None:
    def make() -> Primitive:
        hint, owned = _softmax_forward(library, algorithm, shape)
        block = owned[0][1]
        found = library.softmax_backward_primitive_desc_create(
            library.engine, algorithm, block, block, block, 1, hint, None
        )
        owned.append((library.primitive_desc_destroy, hint))
        operands = [dense(_BACK_TARGET, shape), dense(D_TARGET, shape), dense(D_SOURCE, shape, True)]
        return Primitive(library, found, operands, owned)

    return CACHE.get(library, ("softmax back", algorithm, shape), make)


def _softmax_back(g: Array, out: Array, axis: int, algorithm: int) -> Any:
    library = load()
    shape = _softmax_shape(out.shape, axis)
    if library is None or shape is None or out.dtype != NUMBER or out.size < max(_FEW, 1):
        return NotImplemented
    primitive = _softmax_back_primitive(library, algorithm, shape)
    if primitive is None:
        return NotImplemented
    gx = np.empty(out.shape, np.float32)
    primitive(plain(out), plain(g), gx)
    return (gx,)


def softmax_cotangent(out: Array, g: Array) -> bool:
    """Overwrite the cotangent of a softmax over the last axis by that of its input; say whether that was done."""
    library = load()
    shape = (math.prod(out.shape[:-1]), out.shape[-1])
    primitive = None if library is None else _softmax_back_primitive(library, _SOFTMAX, shape)
    if primitive is not None:
        primitive(out, g, g)
    return primitive is not None


def softmax_vjp(xp: Any, g: Array, out: Array, axis: int) -> Any:
    """The cotangent of x."""
    return _softmax_back(g, out, axis, _SOFTMAX)


def log_softmax_vjp(xp: Any, g: Array, out: Array, axis: int) -> Any:
    """The cotangent of x."""
    return _softmax_back(g, out, axis, _LOG_SOFTMAX)


KERNELS: dict[str, Any] = {
    "gelu": Kernel(gelu, in_training(gelu), gelu_vjp),
    "softmax": Kernel(softmax, in_training(softmax), softmax_vjp),
    "log_softmax": Kernel(log_softmax, in_training(log_softmax), log_softmax_vjp),
}
