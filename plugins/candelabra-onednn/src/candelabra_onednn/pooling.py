"""Average and maximum pooling over one to three axes, with the channels where they are in memory.

oneDNN's maximum pooling ignores what is not a number and takes -inf for the least finite one: the input is summed
first, and where the sum is not finite the backend's kernel runs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from candelabra.core.backend import Kernel

from .library import DIMS, INFERENCE, TRAINING, Library, load
from .primitive import (
    CACHE,
    D_SOURCE,
    D_TARGET,
    NUMBER,
    SOURCE,
    TARGET,
    WORKSPACE,
    Array,
    Primitive,
    buffer_of,
    empty,
    is_channels_last,
    laid_out,
    plain,
)

Sizes = tuple[int, ...]
_MAX, _AVERAGE, _AVERAGE_INSIDE = 0x1FF, 0x2FF, 0x3FF
# So few numbers are through before oneDNN has been asked.
_FEW = 1 << 14


class _Windows:
    """How windows go over an input, as oneDNN counts: dilation from 0."""

    def __init__(self, x: Sizes, algorithm: int, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes,
                 ceil_mode: bool, last: bool) -> None:  # fmt: skip
        self.x, self.algorithm, self.last = x, algorithm, last
        self.key = (x, algorithm, kernel, stride, padding, dilation, ceil_mode, last)
        out, after = [], []
        for n, k, s, p, d in zip(x[2:], kernel, stride, padding, dilation, strict=True):
            reach = d * (k - 1) + 1
            m = (n + 2 * p - reach + (s - 1 if ceil_mode else 0)) // s + 1
            # A last window that begins beyond the input and its padding is left out.
            m -= ceil_mode and (m - 1) * s >= n + p
            out.append(m)
            after.append((m - 1) * s + reach - n - p)
        self.out = (*x[:2], *out)
        # Windows that reach further count fewer elements, and so do inputs that no window reaches the end of.
        self.beyond = any(a > p for a, p in zip(after, padding, strict=True))
        self.dims = (
            DIMS(*stride), DIMS(*kernel), DIMS(*(d - 1 for d in dilation)), DIMS(*padding), DIMS(*after),
        )  # fmt: skip

    def forward(self, library: Library, prop: int) -> tuple[int, list[tuple[Any, int]], tuple[int, int]]:
        """Return a descriptor, what to give back after it, and the descriptors of x and out."""
        x, out = (
            library.descriptor(o.shape, o.strides)
            for o in (laid_out(SOURCE, self.x, self.last), laid_out(TARGET, self.out, self.last))
        )
        owned = [(library.memory_desc_destroy, d) for d in (x, out)]
        made = library.pooling_forward_primitive_desc_create(
            library.engine, prop, self.algorithm, x, out, *self.dims, None
        )
        return made, owned, (x, out)


def _forward(how: _Windows, x: Array, keep: bool) -> Any:
    """Return the pooled input and, to `keep` it, oneDNN's workspace."""
    library = load()
    if library is None:
        return NotImplemented
    prop = TRAINING if keep else INFERENCE

    def make() -> Primitive:
        made, owned, _ = how.forward(library, prop)
        operands = [laid_out(SOURCE, how.x, how.last), laid_out(TARGET, how.out, how.last, True)]
        return Primitive(library, made, [*operands, WORKSPACE] if keep else operands, owned)

    primitive = CACHE.get(library, ("pool", keep, how.key), make)
    if primitive is None:
        return NotImplemented
    out = empty(how.out, how.last)
    workspace = (buffer_of(primitive.sizes[-1]),) if keep else ()
    primitive(x if how.last else plain(x), out, *workspace)
    return out, workspace


def _backward(how: _Windows, g: Array, workspace: tuple[Array, ...]) -> Any:
    library = load()
    if library is None:
        return NotImplemented

    def make() -> Primitive:
        hint, owned, (x, out) = how.forward(library, TRAINING)
        made = library.pooling_backward_primitive_desc_create(
            library.engine, how.algorithm, x, out, *how.dims, hint, None
        )
        owned.append((library.primitive_desc_destroy, hint))
        operands = [laid_out(D_TARGET, how.out, how.last), laid_out(D_SOURCE, how.x, how.last, True)]
        return Primitive(library, made, [*operands, WORKSPACE] if workspace else operands, owned)

    primitive = CACHE.get(library, ("pool back", how.key), make)
    if primitive is None:
        return NotImplemented
    gx = empty(how.x, how.last)
    if how.last and not is_channels_last(g):
        g, given = empty(how.out, True), g
        g[...] = given
    primitive(g if how.last else plain(g), gx, *workspace)
    return (gx,)


def _is_finite(x: Array, last: bool) -> bool:
    # In the order of memory, which NumPy sums many times faster.
    line = x.transpose(0, *range(2, x.ndim), 1) if last else x
    with np.errstate(all="ignore"):
        return math.isfinite(np.add.reduce(line, axis=None))


def _max_windows(x: Array, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool) -> Any:
    if x.dtype != NUMBER or x.size < _FEW or not x.size or x.ndim > 5:
        return None
    last = is_channels_last(x)
    if not _is_finite(x, last):
        return None
    return _Windows(x.shape, _MAX, kernel_size, stride, padding, dilation, ceil_mode, last)


def max_pool(
    x: Array, /, *, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> Any:
    """The largest value of each window of x (N, C, *spatial)."""
    how = _max_windows(x, kernel_size, stride, padding, dilation, ceil_mode)
    found = NotImplemented if how is None else _forward(how, x, False)
    return found if found is NotImplemented else found[0]


def max_pool_train(
    x: Array, /, *, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> Any:
    """`max_pool`, with which element of each window won."""
    how = _max_windows(x, kernel_size, stride, padding, dilation, ceil_mode)
    found = NotImplemented if how is None else _forward(how, x, True)
    return found if found is NotImplemented else (found[0], (*found[1], how.last))


def max_pool_vjp(
    xp: Any, g: Array, x_shape: Sizes, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes,
    ceil_mode: bool, workspace: Array, last: bool,
) -> Any:  # fmt: skip
    """The cotangent of x."""
    how = _Windows(tuple(x_shape), _MAX, kernel_size, stride, padding, dilation, ceil_mode, last)
    return _backward(how, g, (workspace,))


def _average_windows(
    x: Sizes, kernel_size: Sizes, stride: Sizes, padding: Sizes, ceil_mode: bool, count_include_pad: bool, last: bool
) -> _Windows | None:
    algorithm = _AVERAGE if count_include_pad and any(padding) else _AVERAGE_INSIDE
    how = _Windows(x, algorithm, kernel_size, stride, padding, (1,) * len(kernel_size), ceil_mode, last)
    # oneDNN divides by the whole window, also where it reaches beyond the padding.
    return None if how.beyond and algorithm == _AVERAGE else how


def avg_pool(
    x: Array, /, *, kernel_size: Sizes, stride: Sizes, padding: Sizes, ceil_mode: bool, count_include_pad: bool,
    divisor_override: int | None,
) -> Any:  # fmt: skip
    """The mean of each window of x (N, C, *spatial)."""
    if x.dtype != NUMBER or x.size < _FEW or not x.size or x.ndim > 5 or divisor_override is not None:
        return NotImplemented
    how = _average_windows(x.shape, kernel_size, stride, padding, ceil_mode, count_include_pad, is_channels_last(x))
    found = NotImplemented if how is None else _forward(how, x, False)
    return found if found is NotImplemented else found[0]


def avg_pool_train(
    x: Array, /, *, kernel_size: Sizes, stride: Sizes, padding: Sizes, ceil_mode: bool, count_include_pad: bool,
    divisor_override: int | None,
) -> Any:  # fmt: skip
    """`avg_pool`, with where the channels lie."""
    out = avg_pool(
        x, kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode,
        count_include_pad=count_include_pad, divisor_override=divisor_override,
    )  # fmt: skip
    return out if out is NotImplemented else (out, (is_channels_last(x),))


def avg_pool_vjp(
    xp: Any, g: Array, x_shape: Sizes, kernel_size: Sizes, stride: Sizes, padding: Sizes, ceil_mode: bool,
    count_include_pad: bool, last: bool,
) -> Any:  # fmt: skip
    """The cotangent of x."""
    how = _average_windows(tuple(x_shape), kernel_size, stride, padding, ceil_mode, count_include_pad, last)
    return NotImplemented if how is None else _backward(how, g, ())


KERNELS: dict[str, Any] = {
    "max_pool": Kernel(max_pool, max_pool_train, max_pool_vjp, ("workspace", "last")),
    "avg_pool": Kernel(avg_pool, avg_pool_train, avg_pool_vjp, ("last",)),
}
