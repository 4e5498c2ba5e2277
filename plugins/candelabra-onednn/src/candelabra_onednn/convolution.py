"""Convolution over one to three axes, and both its transposes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from candelabra.core.backend import Kernel

from .library import DIMS, TRAINING, Library, load
from .primitive import (
    BIAS,
    CACHE,
    D_SOURCE,
    D_TARGET,
    D_WEIGHTS,
    SOURCE,
    TARGET,
    WEIGHTS,
    Array,
    Primitive,
    dense,
    empty,
    in_training,
    is_channels_last,
    laid_out,
    plain,
)

DIRECT = 1
Pairs = tuple[tuple[int, int], ...]
# So little arithmetic is done before oneDNN has been asked.
_SMALL = 1 << 15
# Wide layers of so many channels, times places in a row, take less time by the backend's transforms (Winograd's), which
# halve the multiplications, on as many threads as its pool keeps busy.
_WIDE, _WIDE_LAYER, _WIDE_THREADS = 64, 1536, 4


def _serves(*arrays: Array | None) -> bool:
    return all(a is None or (a.dtype == np.float32 and a.size > 0) for a in arrays)


class _Windows:
    """How a kernel goes over an input, as oneDNN counts: dilation from 0."""

    def __init__(self, x: tuple[int, ...], weight: tuple[int, ...], stride: Any, padding: Pairs, dilation: Any,
                 groups: int) -> None:  # fmt: skip
        self.key = (x, weight, stride, padding, dilation, groups)
        self.out = (x[0], weight[0], *(
            (n + a + b - d * (k - 1) - 1) // s + 1
            for n, k, s, (a, b), d in zip(x[2:], weight[2:], stride, padding, dilation)
        ))  # fmt: skip
        self.x = x
        # Groups are an axis of the weight's own.
        self.weight = (groups, weight[0] // groups, *weight[1:]) if groups > 1 else weight
        self.dims = (
            DIMS(*stride), DIMS(*(d - 1 for d in dilation)),
            DIMS(*(a for a, _ in padding)), DIMS(*(b for _, b in padding)),
        )  # fmt: skip
        self.work = math.prod(self.out) * math.prod(weight[1:])
        self.transforms = (
            groups == 1 and weight[2:] == (3, 3) and all(s == 1 for s in stride) and all(d == 1 for d in dilation)
            and min(weight[:2]) >= _WIDE and min(weight[:2]) * self.out[3] >= _WIDE_LAYER
            and -(-self.out[2] // 4) * 4 <= 1.1 * self.out[2]
        )  # fmt: skip

    def left_to_backend(self, library: Library, *arrays: Array) -> bool:
        """Say whether oneDNN would be asked in vain, or would take longer."""
        if self.work < _SMALL or min(self.out) < 1 or min(self.x) < 1 or min(self.weight) < 1:
            return True
        return self.transforms and library.threads() <= _WIDE_THREADS and not any(map(is_channels_last, arrays))

    def forward(self, library: Library, bias: bool) -> tuple[int, list[tuple[Any, int]], list[int]]:
        """Return the forward pass's descriptor, what to give back after it, and descriptors of x, weight and out."""
        anyhow = [library.descriptor(shape) for shape in (self.x, self.weight, self.out)]
        b = library.descriptor((self.out[1],)) if bias else None
        owned = [(library.memory_desc_destroy, d) for d in (*anyhow, b) if d is not None]
        made = library.convolution_forward_primitive_desc_create(
            library.engine, TRAINING, DIRECT, anyhow[0], anyhow[1], b, anyhow[2], *self.dims, None
        )
        return made, owned, anyhow

    def hint(self, library: Library) -> tuple[int, list[tuple[Any, int]], list[int]]:
        """Return the same for a backward pass, which gives the forward descriptor back, too."""
        made, owned, anyhow = self.forward(library, False)
        return made, [*owned, (library.primitive_desc_destroy, made)], anyhow


def conv(
    x: Array, weight: Array, bias: Array | None = None, /, *, stride: tuple[int, ...], padding: Pairs,
    dilation: tuple[int, ...], groups: int,
) -> Any:  # fmt: skip
    """Cross-correlate x (N, C, *spatial) with weight (O, C / groups, *kernel)."""
    library = load()
    if library is None or not _serves(x, weight, bias):
        return NotImplemented
    how = _Windows(x.shape, weight.shape, stride, padding, dilation, groups)
    if how.left_to_backend(library, x):
        return NotImplemented
    last = is_channels_last(x)

    def make() -> Primitive:
        operands = [laid_out(SOURCE, how.x, last), dense(WEIGHTS, how.weight)]
        operands += [dense(BIAS, (weight.shape[0],))] if bias is not None else []
        made, owned, _ = how.forward(library, bias is not None)
        return Primitive(library, made, [*operands, laid_out(TARGET, how.out, last, True)], owned)

    primitive = CACHE.get(library, ("conv", bias is not None, last, how.key), make)
    if primitive is None:
        return NotImplemented
    out = empty(how.out, last)
    given = (x if last else plain(x), plain(weight))
    primitive(*(given if bias is None else (*given, plain(bias))), out)
    return out


def conv_input(
    c: Array, weight: Array, /, *, x_shape: tuple[int, ...], stride: tuple[int, ...], padding: Pairs,
    dilation: tuple[int, ...], groups: int,
) -> Any:  # fmt: skip
    """The cotangent of a convolution's input, from the cotangent of its output (N, O, *spatial)."""
    library = load()
    if library is None or not _serves(c, weight):
        return NotImplemented
    how = _Windows(tuple(x_shape), weight.shape, stride, padding, dilation, groups)
    if how.left_to_backend(library, c):
        return NotImplemented
    last = is_channels_last(c)

    def make() -> Primitive:
        hint, owned, anyhow = how.hint(library)
        descriptor = library.convolution_backward_data_primitive_desc_create(
            library.engine, DIRECT, *anyhow, *how.dims, hint, None
        )
        operands = [
            laid_out(D_TARGET, how.out, last), dense(WEIGHTS, how.weight), laid_out(D_SOURCE, how.x, last, True)
        ]  # fmt: skip
        return Primitive(library, descriptor, operands, owned)

    primitive = CACHE.get(library, ("conv_input", last, how.key), make)
    if primitive is None:
        return NotImplemented
    gx = empty(how.x, last)
    primitive(c if last else plain(c), plain(weight), gx)
    return gx


def conv_weight(
    x: Array, c: Array, /, *, weight_shape: tuple[int, ...], stride: tuple[int, ...], padding: Pairs,
    dilation: tuple[int, ...], groups: int,
) -> Any:  # fmt: skip
    """The cotangent of a convolution's weight, from its input and the cotangent of its output."""
    library = load()
    if library is None or not _serves(x, c):
        return NotImplemented
    how = _Windows(x.shape, tuple(weight_shape), stride, padding, dilation, groups)
    if how.left_to_backend(library, x, c):
        return NotImplemented
    lasts = is_channels_last(x), is_channels_last(c)

    def make() -> Primitive:
        hint, owned, anyhow = how.hint(library)
        descriptor = library.convolution_backward_weights_primitive_desc_create(
            library.engine, DIRECT, anyhow[0], anyhow[1], None, anyhow[2], *how.dims, hint, None
        )
        operands = [
            laid_out(SOURCE, how.x, lasts[0]), laid_out(D_TARGET, how.out, lasts[1]),
            dense(D_WEIGHTS, how.weight, True),
        ]  # fmt: skip
        return Primitive(library, descriptor, operands, owned)

    primitive = CACHE.get(library, ("conv_weight", lasts, how.key), make)
    if primitive is None:
        return NotImplemented
    gw = np.empty(weight_shape, np.float32)
    primitive(*(a if last else plain(a) for a, last in zip((x, c), lasts, strict=True)), gw)
    return gw


def conv_vjp(
    xp: Any, g: Array, x: Array, weight: Array, stride: tuple[int, ...], padding: Pairs, dilation: tuple[int, ...],
    groups: int, wants: tuple[bool, ...],
) -> Any:  # fmt: skip
    """Cotangents of x, weight and bias."""
    how: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    want_x, want_w, want_b = (*wants, False)[:3]
    gx = conv_input(g, weight, x_shape=x.shape, **how) if want_x else None
    gw = NotImplemented if gx is NotImplemented else None
    if gw is None and want_w:
        gw = conv_weight(x, g, weight_shape=weight.shape, **how)
    if gx is NotImplemented or gw is NotImplemented:
        return NotImplemented
    gb = np.add.reduce(g, axis=(0, *range(2, g.ndim))) if want_b else None
    return gx, gw, gb


KERNELS: dict[str, Any] = {
    "conv": Kernel(conv, in_training(conv), conv_vjp),
    "conv_input": Kernel(conv_input),
    "conv_weight": Kernel(conv_weight),
}
