"""Convolution on a card: cuDNN where it is installed, else products of matrices that are never made.

Arrays are read by their strides, so channels may lie last in memory; the result's then do, too.
"""

from __future__ import annotations

import math
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ....core.backend import Kernel
from ....core.primitives.windows import output_size
from ..cudnn import Convolutions
from ..launch import MULTIPROCESSORS, THREADS, Launcher, int64, nothing, type_of
from ..products import product
from .epilogue import channel_sums, column_sums

Sizes = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]

# As in convolution.cuh.
AXIS = np.dtype(
    [(name, np.int32) for name in ("places", "taps", "size", "step", "first", "apart")]
    + [(name, np.int64) for name in ("source", "target", "weight")]
)
CORRELATION = np.dtype(
    [("axis", AXIS, 3)]
    + [(name, np.int32) for name in ("samples", "channels", "columns", "groups", "phases", "transposed")]
    + [
        (name, np.int64)
        for name in (
            "source_sample", "source_channel", "source_group", "target_start", "target_sample", "target_column",
            "target_group", "weight_start", "weight_channel", "weight_column", "weight_group",
        )
    ]
)  # fmt: skip
# How many terms' sums a thread holds at once, in convolution_direct.cu.
HELD = 9
# Up to so many channels of a result's group a tile would be empty for the most part.
FEW_COLUMNS, FEW_WEIGHT_COLUMNS = 8, 4
# What kernels count in 32 bits, and the most blocks along the second and third axis of a grid.
MOST, MOST_COORDINATE, MOST_BLOCKS = 1 << 30, 1 << 27, 65535
# The least tiles of terms that one of several blocks takes, and the most numbers that they leave together.
LEAST_TILES, MOST_PARTS = 8, 1 << 26


def strides_of(array: Any) -> Sizes:
    """Return how many elements apart an array's neighbours lie along each axis."""
    return tuple(s // array.itemsize for s in array.strides)


def channels_last(array: Any) -> bool:
    """Whether the channels of (N, C, *spatial) lie side by side in memory."""
    return array.shape[1] > 1 and array.strides[1] == array.itemsize


def reach(shape: Sizes, strides: Sizes) -> int:
    """Return how far the last element lies from the first."""
    return sum((n - 1) * abs(s) for n, s in zip(shape, strides))


class Told(NamedTuple):
    """What a kernel is told, as bytes, and how large its products are: (rows, terms) by (terms, columns)."""

    bytes: Any
    rows: int
    columns: int
    terms: int
    groups: int
    phases: int


class Plan:
    """What kernels are told of one convolution, its input x (N, C, *spatial), weight and result by their strides."""

    def __init__(
        self, x: tuple[Sizes, Sizes], weight: tuple[Sizes, Sizes], y: tuple[Sizes, Sizes], stride: Sizes,
        padding: Pairs, dilation: Sizes, groups: int,
    ) -> None:  # fmt: skip
        self.x, self.weight, self.y, self.groups = x, weight, y, groups
        self.how = list(zip(stride, (before for before, _ in padding), dilation))

    @cached_property
    def serves(self) -> bool:
        """Whether 32 bits count all that kernels count."""
        (x, xs), (w, ws), (y, ys) = self.x, self.weight, self.y
        counts = (math.prod((x[0], *x[2:])), math.prod((y[0], *y[2:])), reach(x[1:], xs[1:]), reach(y[1:], ys[1:]))
        spans = [(k - 1) * d + before + n + m for k, (_, before, d), n, m in zip(w[2:], self.how, x[2:], y[2:])]
        return (
            max(*counts, reach(w, ws)) < MOST and max(spans) < MOST_COORDINATE
            and max(s * d for s, _, d in self.how) < MOST and 0 not in x + w + y
        )  # fmt: skip

    def _told(self) -> Any:
        told = np.zeros((), CORRELATION)
        told["samples"], told["groups"], told["phases"] = self.x[0][0], self.groups, 1
        for name in ("places", "taps", "size", "step", "apart"):
            told["axis"][name] = 1
        return told

    @cached_property
    def forward(self) -> Told:
        """What a kernel is told that reads x and writes the result, or for the weight reads both."""
        (x, xs), (w, ws), (y, ys) = self.x, self.weight, self.y
        told, columns = self._told(), w[0] // self.groups
        for i, (step, before, apart) in enumerate(self.how):
            n = 2 + i
            told["axis"][3 - len(self.how) + i] = (y[n], w[n], x[n], step, -before, apart, xs[n], ys[n], ws[n])
        told["channels"], told["columns"] = w[1], columns
        told["source_sample"], told["source_channel"], told["source_group"] = xs[0], xs[1], xs[1] * w[1]
        told["target_sample"], told["target_column"], told["target_group"] = ys[0], ys[1], ys[1] * columns
        told["weight_channel"], told["weight_column"], told["weight_group"] = ws[1], ws[0], ws[0] * columns
        return Told(told, math.prod((y[0], *y[2:])), columns, math.prod(w[1:]), self.groups, 1)

    @cached_property
    def transposed(self) -> Told:
        """What a kernel is told that reads the result's cotangent and writes that of x."""
        (x, xs), (w, ws), (y, ys) = self.x, self.weight, self.y
        told, channels = self._told(), w[0] // self.groups
        for i, (step, before, apart) in enumerate(self.how):
            n = 2 + i
            told["axis"][3 - len(self.how) + i] = (x[n], w[n], y[n], step, before, apart, ys[n], xs[n], ws[n])
        phases = math.prod(step for step, _, _ in self.how)
        told["phases"], told["transposed"] = phases, 1
        told["channels"], told["columns"] = channels, w[1]
        told["source_sample"], told["source_channel"], told["source_group"] = ys[0], ys[1], ys[1] * channels
        told["target_sample"], told["target_column"], told["target_group"] = xs[0], xs[1], xs[1] * w[1]
        told["weight_channel"], told["weight_column"], told["weight_group"] = ws[0], ws[1], ws[0] * channels
        # Those of the largest phase: every so many places, every so many taps.
        rows = x[0] * math.prod(-(-n // step) for n, (step, _, _) in zip(x[2:], self.how))
        taps = [-(-k // (step // math.gcd(step, apart))) for k, (step, _, apart) in zip(w[2:], self.how)]
        return Told(told, rows, w[1], channels * math.prod(taps), self.groups, phases)


@lru_cache(maxsize=4096)
def plan_of(*told: Any) -> Plan:
    """Return a plan, made once for all calls of a kind."""
    return Plan(*told)


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""
    library = Convolutions(gpu)

    def at(array: Any) -> Any:
        """Return where an array of any strides begins, as kernels take it."""
        return np.uint64(gpu.address(array))

    def new(shape: Sizes, dtype: Any, last: bool) -> Any:
        """Return a new array, its channels last in memory or in C order."""
        if not last:
            return gpu.empty(shape, dtype)
        return gpu.xp.moveaxis(gpu.empty((shape[0], *shape[2:], shape[1]), dtype), -1, 1)

    def serves(*arrays: Any) -> bool:
        """Whether arrays are of one dtype that kernels take, of one to three spatial axes."""
        first, kind = arrays[0], type_of(arrays[0])
        return kind is not None and 3 <= first.ndim <= 5 and all(a is None or a.dtype == first.dtype for a in arrays)

    def correlate(told: Told, source: Any, weight: Any, bias: Any, target: Any) -> bool:
        """Run the kernel that writes a result, or say that there is none."""
        kind, last, count = type_of(source), channels_last(source), told.groups * told.phases
        given = None if bias is None else gpu.contiguous(bias)
        arguments = (told.bytes, at(source), at(weight))
        if told.columns <= FEW_COLUMNS or count > MOST_BLOCKS:
            if told.phases > MOST_BLOCKS:
                return False
            blocks = min(-(-told.rows * told.columns * told.groups // THREADS), 16 * MULTIPROCESSORS)
            gpu.run(
                "convolution_direct", f"correlate_direct<{kind}>", (blocks, told.phases), THREADS, *arguments,
                nothing(given), at(target), np.bool_(channels_last(target)),
            )  # fmt: skip
            return True
        large = told.columns > 64 and tiles(told.rows, told.columns, 128) * count >= MULTIPROCESSORS
        side, depth = 128 if large else 64, depth_of(source, large)
        blocks, splits, share = tiles(told.rows, told.columns, side) * count, 1, -(-told.terms // depth)
        if blocks < MULTIPROCESSORS:
            splits, share = shares(told.terms, depth, blocks, target.size, MOST_BLOCKS // count)
        parts = gpu.empty((splits, target.size), gpu.computed(source)) if splits > 1 else None
        gpu.run(
            "convolution", f"correlate<{kind}, {flag(large)}, {flag(last)}>",
            (-(-told.rows // side), -(-told.columns // side), count * splits), THREADS, *arguments, nothing(given),
            at(target), nothing(parts), np.int32(splits), np.int32(share), int64(target.size),
        )  # fmt: skip
        if parts is not None:
            summed(parts, target)
            biased(target, bias)
        return True

    def correlate_weight(told: Told, source: Any, g: Any, out: Any) -> None:
        """Run the kernel that writes a weight's cotangent: its rows are the forward direction's terms."""
        kind, last, size = type_of(source), channels_last(source) and channels_last(g), out.size
        columns, groups, places, terms = told.columns, told.groups, told.rows, told.terms
        if columns <= FEW_WEIGHT_COLUMNS or groups > MOST_BLOCKS // 64:
            chunks = -(-terms // HELD)
            blocks = columns * groups * chunks
            splits, share = shares(places, THREADS, blocks, size)
            parts = gpu.empty((splits, size), gpu.computed(source)) if splits > 1 else None
            gpu.run(
                "convolution_direct", f"correlate_weight_direct<{kind}>", (blocks, splits), THREADS, told.bytes,
                at(source), at(g), out, nothing(parts), np.int32(chunks), np.int32(share * THREADS), int64(size),
                np.bool_(last),
            )  # fmt: skip
        else:
            large = min(terms, columns) > 64 and tiles(terms, columns, 128) * groups >= 8
            side, depth = 128 if large else 64, depth_of(source, large)
            blocks = tiles(terms, columns, side) * groups
            splits, share = shares(places, depth, blocks, size, MOST_BLOCKS // groups)
            parts = gpu.empty((splits, size), gpu.computed(source)) if splits > 1 else None
            gpu.run(
                "convolution", f"correlate_weight<{kind}, {flag(large)}, {flag(last)}>",
                (-(-terms // side), -(-columns // side), groups * splits), THREADS, told.bytes, at(source), at(g), out,
                nothing(parts), np.int32(splits), np.int32(share), int64(size),
            )  # fmt: skip
        if parts is not None:
            summed(parts, out)

    def summed(parts: Any, out: Any) -> None:
        gpu.run_each(
            "convolution_direct", f"sum_parts<{type_of(out)}>", out.size, parts, at(out), int64(out.size),
            np.int32(parts.shape[0]),
        )  # fmt: skip

    def conv(
        x: Any, weight: Any, bias: Any = None, /, *, stride: Sizes, padding: Pairs, dilation: Sizes, groups: int
    ) -> Any:
        if not serves(x, weight, bias):
            return NotImplemented
        sizes = zip(x.shape[2:], weight.shape[2:], stride, padding, dilation)
        shape = (x.shape[0], weight.shape[0], *(output_size(n, k, s, *p, d) for n, k, s, p, d in sizes))
        out = new(shape, x.dtype, channels_last(x))
        plan = planned(x, weight, out, stride, padding, dilation, groups)
        if not plan.serves:
            return NotImplemented
        given = "conv_fprop", x, weight, out, channels_last(x), stride, padding, dilation
        if bias is not None and library.run(*given, bias):
            return out
        if library.run(*given):
            return biased(out, bias)
        if is_pointwise(weight, stride, padding, groups) and (found := pointwise(x, weight)) is not None:
            return biased(found, bias)
        return out if correlate(plan.forward, x, weight, bias, out) else NotImplemented

    def biased(out: Any, bias: Any) -> Any:
        """Add a bias to an array in C order, or with channels last in memory."""
        if bias is not None:
            together = 1 if channels_last(out) else math.prod(out.shape[2:])
            gpu.run_each(
                "convolution_direct", f"add_bias<{type_of(out)}>", out.size, at(out), gpu.contiguous(bias),
                int64(out.size), np.int32(out.shape[1]), np.int32(together),
            )  # fmt: skip
        return out

    def rows_of_last(array: Any) -> Any:
        """Return (N, C, *spatial) as rows of channels."""
        return gpu.contiguous(gpu.xp.moveaxis(array, 1, -1)).reshape(-1, array.shape[1])

    def pointwise(x: Any, weight: Any) -> Any:
        """Return a convolution with one tap as a product of matrices, None where x would have to be copied for it."""
        matrix, sizes = weight.reshape(weight.shape[:2]), x.shape[2:]
        moved = gpu.xp.moveaxis(x, 1, -1)
        if channels_last(x) and moved.flags.c_contiguous:
            found = product(gpu, moved.reshape(-1, x.shape[1]), matrix.swapaxes(0, 1))
            return gpu.xp.moveaxis(found.reshape(x.shape[0], *sizes, -1), -1, 1)
        if not x.flags.c_contiguous:
            return None
        return product(gpu, matrix, x.reshape(*x.shape[:2], -1)).reshape(x.shape[0], -1, *sizes)

    def planned(x: Any, weight: Any, y: Any, stride: Sizes, padding: Pairs, dilation: Sizes, groups: int) -> Plan:
        told = [(tuple(a.shape), strides_of(a)) for a in (x, weight, y)]
        return plan_of(*told, stride, padding, dilation, groups)

    def conv_input(
        c: Any, weight: Any, /, *, x_shape: Sizes, stride: Sizes, padding: Pairs, dilation: Sizes, groups: int
    ) -> Any:
        if not serves(c, weight):
            return NotImplemented
        out = new(tuple(x_shape), c.dtype, channels_last(c))
        plan = planned(out, weight, c, stride, padding, dilation, groups)
        if not plan.serves:
            return NotImplemented
        if library.run("conv_dgrad", c, weight, out, channels_last(c), stride, padding, dilation):
            return out
        turned = weight.swapaxes(0, 1)
        if is_pointwise(weight, stride, padding, groups) and (found := pointwise(c, turned)) is not None:
            return found
        return out if correlate(plan.transposed, c, weight, None, out) else NotImplemented

    def conv_weight(
        x: Any, c: Any, /, *, weight_shape: Sizes, stride: Sizes, padding: Pairs, dilation: Sizes, groups: int
    ) -> Any:
        if not serves(x, c):
            return NotImplemented
        out = gpu.empty(weight_shape, x.dtype)
        plan = planned(x, out, c, stride, padding, dilation, groups)
        if not plan.serves:
            return NotImplemented
        if library.run("conv_wgrad", x, c, out, channels_last(x), stride, padding, dilation):
            return out
        if is_pointwise(out, stride, padding, groups) and channels_last(x) and channels_last(c):
            return product(gpu, rows_of_last(c).swapaxes(0, 1), rows_of_last(x)).reshape(weight_shape)
        correlate_weight(plan.forward, x, c, out)
        return out

    def bias_sum(g: Any) -> Any:
        """Return the sums of (N, C, *spatial) over all but channels, read as they lie."""
        return column_sums(gpu, rows_of_last(g)) if channels_last(g) else channel_sums(gpu, g)

    def conv_vjp(
        xp: Any, g: Any, x: Any, weight: Any, stride: Sizes, padding: Pairs, dilation: Sizes, groups: int,
        wants: tuple[bool, ...],
    ) -> Any:  # fmt: skip
        how: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        by_x, by_weight, by_bias = (*wants, False)[:3]
        if not serves(g, x, weight) or not planned(x, weight, g, stride, padding, dilation, groups).serves:
            return NotImplemented
        found = (
            conv_input(g, weight, x_shape=tuple(x.shape), **how) if by_x else None,
            conv_weight(x, g, weight_shape=tuple(weight.shape), **how) if by_weight else None,
            bias_sum(g) if by_bias else None,
        )
        return NotImplemented if any(f is NotImplemented for f in found) else found

    return {
        "conv": Kernel(conv, vjp=conv_vjp),
        "conv_input": Kernel(conv_input),
        "conv_weight": Kernel(conv_weight),
    }


def is_pointwise(weight: Any, stride: Sizes, padding: Pairs, groups: int) -> bool:
    """Whether each place of a result sees one place, its own."""
    return groups == 1 and set(weight.shape[2:]) == {1} and set(stride) == {1} and set(padding) == {(0, 0)}


def flag(value: bool) -> str:
    """Return what C++ calls a truth value."""
    return "true" if value else "false"


def tiles(rows: int, columns: int, side: int) -> int:
    """Return how many square tiles cover a matrix."""
    return -(-rows // side) * -(-columns // side)


def depth_of(array: Any, large: bool) -> int:
    """Return how many terms a tile has, as in tiles.cuh."""
    return 32 if array.itemsize == 2 else 8 if large else 16


def shares(count: int, unit: int, blocks: int, size: int, limit: int = MOST_BLOCKS) -> tuple[int, int]:
    """Return among how many blocks a sum of `count` terms is shared, and how many units of terms each gets.

    Where there are but few `blocks`, several sum what belongs to one, as long as the numbers that they leave are few.
    """
    units = -(-count // unit)
    most = min(-(-2 * MULTIPROCESSORS // blocks), units // LEAST_TILES, MOST_PARTS // size, limit)
    share = -(-units // max(1, most))
    return -(-units // share), share
