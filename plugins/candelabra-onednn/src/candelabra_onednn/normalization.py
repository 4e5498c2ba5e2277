"""Layer norm over rows, and batch norm where the channels are last in memory: one pass over the data each way."""

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
    empty,
    is_channels_last,
    laid_out,
    plain,
)

# So few numbers are through before oneDNN has been asked.
_FEW = 1 << 12
_BACKWARD = 128
_MEAN, _VARIANCE, _SCALE, _SHIFT = (argument(which) for which in (49, 50, 51, 52))
_D_SCALE, _D_SHIFT = argument(255), argument(256)


def _flags(weight: Array | None, bias: Array | None) -> int:
    return 2 * (weight is not None) + 4 * (bias is not None)


def _served(*arrays: Array | None) -> bool:
    return all(a is None or a.dtype == NUMBER for a in arrays) and arrays[0].size >= max(_FEW, 1)  # type: ignore


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
    if library is None or not _served(x, weight, bias):
        return NotImplemented
    width = math.prod(x.shape[-axes:])
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
    width = math.prod(x.shape[-axes:])
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


def _batch_forward(
    library: Library, shape: tuple[int, ...], eps: float, flags: int
) -> tuple[int, list[tuple[Any, int]]]:
    operand = laid_out(SOURCE, shape, True)
    block = library.descriptor(operand.shape, operand.strides)
    made = library.batch_normalization_forward_primitive_desc_create(
        library.engine, TRAINING, block, block, eps, flags, None
    )
    return made, [(library.memory_desc_destroy, block)]


def batch_norm_train(x: Array, weight: Array | None = None, bias: Array | None = None, /, *, eps: float) -> Any:
    """`batch_norm`; mean and variance are the residuals, too."""
    library = load()
    # Planes of channels are slow here, one and a half and six times PyTorch's.
    if library is None or not _served(x, weight, bias) or not is_channels_last(x):
        return NotImplemented
    shape, flags, row = x.shape, _flags(weight, bias), x.shape[1:2]

    def make() -> Primitive:
        found, owned = _batch_forward(library, shape, eps, flags)
        operands = [laid_out(SOURCE, shape, True)]
        operands += [dense(_SCALE, row)] if weight is not None else []
        operands += [dense(_SHIFT, row)] if bias is not None else []
        operands += [dense(_MEAN, row, True), dense(_VARIANCE, row, True), laid_out(TARGET, shape, True, True)]
        return Primitive(library, found, operands, owned)

    primitive = CACHE.get(library, ("batch norm", shape, eps, flags), make)
    if primitive is None:
        return NotImplemented
    out, mean, variance = empty(shape, True), np.empty(row, np.float32), np.empty(row, np.float32)
    primitive(x, *(plain(a) for a in (weight, bias) if a is not None), mean, variance, out)
    return (out, mean, variance), (mean, variance)


def batch_norm(x: Array, weight: Array | None = None, bias: Array | None = None, /, *, eps: float) -> Any:
    """Normalize x (N, C, *spatial) by its own statistics, and return each channel's mean and biased variance."""
    found = batch_norm_train(x, weight, bias, eps=eps)
    return found if found is NotImplemented else found[0]


def batch_norm_vjp(
    xp: Any, g: tuple[Array, Array, Array], x: Array, weight: Array | None, bias: Array | None, eps: float,
    batch_mean: Array, variance: Array, wants: tuple[bool, ...],
) -> Any:  # fmt: skip
    """Cotangents of x, weight and bias."""
    library = load()
    if library is None:
        return NotImplemented
    shape, flags, row = x.shape, _flags(weight, bias), x.shape[1:2]

    def make() -> Primitive:
        hint, owned = _batch_forward(library, shape, eps, flags)
        block = owned[0][1]
        found = library.batch_normalization_backward_primitive_desc_create(
            library.engine, _BACKWARD, block, block, block, eps, flags, hint, None
        )
        owned.append((library.primitive_desc_destroy, hint))
        operands = [laid_out(SOURCE, shape, True), laid_out(D_TARGET, shape, True), dense(_MEAN, row)]
        operands += [dense(_VARIANCE, row)]
        operands += [dense(_SCALE, row)] if weight is not None else []
        operands += [laid_out(D_SOURCE, shape, True, True)]
        operands += [dense(_D_SCALE, row, True)] if weight is not None else []
        operands += [dense(_D_SHIFT, row, True)] if bias is not None else []
        return Primitive(library, found, operands, owned)

    primitive = CACHE.get(library, ("batch norm back", shape, eps, flags), make)
    if primitive is None:
        return NotImplemented
    cotangent = g[0]
    if not is_channels_last(cotangent):
        cotangent = empty(shape, True)
        cotangent[...] = g[0]
    gx = empty(shape, True)
    gw = None if weight is None else np.empty(row, np.float32)
    gb = None if bias is None else np.empty(row, np.float32)
    given = [x, cotangent, batch_mean, variance, *([] if weight is None else [plain(weight)])]
    primitive(*given, gx, *(a for a in (gw, gb) if a is not None))
    return gx, gw, gb


KERNELS: dict[str, Any] = {
    "layer_norm": Kernel(layer_norm, layer_norm_train, layer_norm_vjp, ("mean", "variance")),
    "batch_norm": Kernel(batch_norm, batch_norm_train, batch_norm_vjp, ("batch_mean", "variance")),
}
