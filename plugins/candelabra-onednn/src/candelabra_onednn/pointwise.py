"""GELU and layer norm: one pass over the data each way."""

from __future__ import annotations

from typing import Any

import numpy as np
from candelabra.core.backend import Kernel

from .library import TRAINING, Library, load
from .primitive import (
    CACHE,
    D_SOURCE,
    D_TARGET,
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
# So few numbers are through before oneDNN has been asked.
_FEW = 1 << 12
_BACKWARD = 128
_MEAN, _VARIANCE, _SCALE, _SHIFT = (argument(which) for which in (49, 50, 51, 52))
_D_SCALE, _D_SHIFT = argument(255), argument(256)


def gelu(x: Array, /, *, approximate: str) -> Any:
    """x times the normal distribution function of x, exact or by tanh."""
    library = load()
    if library is None or x.dtype != np.float32 or x.size < _FEW:
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
    if library is None or x.dtype != np.float32:
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


def _flags(weight: Array | None, bias: Array | None) -> int:
    return 2 * (weight is not None) + 4 * (bias is not None)


def _norm_forward(library: Library, rows: int, width: int, eps: float, flags: int) -> tuple[int, list[Any]]:
    block = library.descriptor((rows, width), (width, 1))
    column = library.descriptor((rows,), (1,))
    made = library.layer_normalization_forward_primitive_desc_create(
        library.engine, TRAINING, block, block, column, eps, flags, None
    )
    return made, [(library.memory_desc_destroy, block), (library.memory_desc_destroy, column)]


def layer_norm_train(
    x: Array, weight: Array | None = None, bias: Array | None = None, /, *, axes: int, eps: float
) -> Any:
    """`layer_norm`, with the mean and the variance of each row."""
    library = load()
    if library is None or x.size < _FEW or any(a is not None and a.dtype != np.float32 for a in (x, weight, bias)):
        return NotImplemented
    width = int(np.prod(x.shape[-axes:]))
    rows, flags = x.size // width, _flags(weight, bias)

    def make() -> Primitive:
        found, owned = _norm_forward(library, rows, width, eps, flags)
        operands = [dense(SOURCE, (rows, width))]
        operands += [dense(_SCALE, (width,))] if weight is not None else []
        operands += [dense(_SHIFT, (width,))] if bias is not None else []
        operands += [dense(_MEAN, (rows,), True), dense(_VARIANCE, (rows,), True), dense(TARGET, (rows, width), True)]
        return Primitive(library, found, operands, owned)

    primitive = CACHE.get(library, ("layer norm", rows, width, eps, flags), make)
    if primitive is None:
        return NotImplemented
    out, mean, variance = np.empty(x.shape, np.float32), np.empty(rows, np.float32), np.empty(rows, np.float32)
    primitive(*(plain(a) for a in (x, weight, bias) if a is not None), mean, variance, out)
    return out, (mean, variance)


def layer_norm(x: Array, weight: Array | None = None, bias: Array | None = None, /, *, axes: int, eps: float) -> Any:
    """``(x - mean) / sqrt(var + eps) * weight + bias`` over the last axes."""
    found = layer_norm_train(x, weight, bias, axes=axes, eps=eps)
    return found if found is NotImplemented else found[0]


def layer_norm_vjp(
    xp: Any, g: Array, x: Array, weight: Array | None, bias: Array | None, axes: int, eps: float, mean: Array,
    variance: Array, wants: tuple[bool, ...],
) -> Any:  # fmt: skip
    """Cotangents of x, weight and bias."""
    library = load()
    if library is None:
        return NotImplemented
    width = int(np.prod(x.shape[-axes:]))
    rows, flags = x.size // width, _flags(weight, bias)

    def make() -> Primitive:
        hint, owned = _norm_forward(library, rows, width, eps, flags)
        block, column = owned[0][1], owned[1][1]
        found = library.layer_normalization_backward_primitive_desc_create(
            library.engine, _BACKWARD, block, block, block, column, eps, flags, hint, None
        )
        owned.append((library.primitive_desc_destroy, hint))
        operands = [dense(SOURCE, (rows, width)), dense(D_TARGET, (rows, width)), dense(_MEAN, (rows,))]
        operands += [dense(_VARIANCE, (rows,))]
        operands += [dense(_SCALE, (width,))] if weight is not None else []
        operands += [dense(_SHIFT, (width,))] if bias is not None else []
        operands += [dense(D_SOURCE, (rows, width), True)]
        operands += [dense(_D_SCALE, (width,), True)] if weight is not None else []
        operands += [dense(_D_SHIFT, (width,), True)] if bias is not None else []
        return Primitive(library, found, operands, owned)

    primitive = CACHE.get(library, ("layer norm back", rows, width, eps, flags), make)
    if primitive is None:
        return NotImplemented
    gx = np.empty(x.shape, np.float32)
    gw = None if weight is None else np.empty(weight.shape, np.float32)
    gb = None if bias is None else np.empty(bias.shape, np.float32)
    given = [plain(a) for a in (x, g, mean, variance, weight, bias) if a is not None]
    primitive(*given, *(a for a in (gx, gw, gb) if a is not None))
    return gx, gw, gb


KERNELS: dict[str, Any] = {
    "gelu": Kernel(gelu, in_training(gelu), gelu_vjp),
    "layer_norm": Kernel(layer_norm, layer_norm_train, layer_norm_vjp, ("mean", "variance")),
}
