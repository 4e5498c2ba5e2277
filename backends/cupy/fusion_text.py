"""The C++ text of a kernel that computes a group of calls for each element at once.

What a call computes in follows the dtypes that the library itself gave: operands are cast to the result's dtype, those
of a comparison to their common one. 16-bit floats are computed in float and rounded where they are stored or cast;
products and sums are not contracted, so that all else is what the calls alone would give. A float that no integer of a
cast's dtype is near becomes what the card makes of it, the nearest one, as in CuPy's own casts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from .fusion_trace import Call, Ref, Trace
from .launch import FOLDER, TYPES

# What is computed in the dtype of the result.
FLOATS_ALONE = frozenset((
    "reciprocal", "sqrt", "exp", "expm1", "exp2", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "asin",
    "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "sigmoid", "divide",
    "atan2", "hypot", "copysign", "nextafter", "logaddexp",
))  # fmt: skip
NUMBERS = frozenset((
    "add", "subtract", "multiply", "negative", "positive", "abs", "pow", "maximum", "minimum", "sign", "floor",
    "ceil", "trunc", "round", "square", "clip",
))  # fmt: skip
INTEGERS_ALONE = frozenset(("floor_divide", "remainder", "bitwise_left_shift", "bitwise_right_shift"))
BITS = frozenset(("bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_invert"))
# What is computed in the common dtype of the operands, and gives truth values.
TESTS = frozenset((
    "equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "isnan", "isinf", "isfinite",
    "signbit",
))  # fmt: skip
LOGICAL = {"logical_and": "{0} && {1}", "logical_or": "{0} || {1}", "logical_xor": "{0} != {1}", "logical_not": "!{0}"}
# What gives one value everywhere: the place of the value among the arguments, or the value.
FILLS: dict[str, Any] = {"zeros": 0, "ones": 1, "full": (1,), "zeros_like": 0, "ones_like": 1, "full_like": (1,)}
KNOWN = FLOATS_ALONE | NUMBERS | INTEGERS_ALONE | BITS | TESTS | set(LOGICAL) | {"astype", "where", "broadcast_to"}
NAMES = {"bitwise_left_shift": "left_shift", "bitwise_right_shift": "right_shift"}
NARROW = ("float16", "bfloat16")
THREADS = 256
# A thread reads and writes so many bytes of an operand at once.
WIDTH = 16


@cache
def functions() -> str:
    """Return the text of the scalar functions."""
    return (FOLDER / "fusion.cuh").read_text(encoding="utf-8")


def computed(dtype: Any) -> str:
    """Return what C++ computes a dtype in."""
    return "float" if dtype.name in NARROW else TYPES[dtype.name]


def is_fill(call: Call) -> bool:
    """Say whether a call gives one Python number everywhere."""
    return call.name in FILLS and type(fill_value(call)) in (bool, int, float)


def fill_value(call: Call) -> Any:
    """Return the value of a fill."""
    value = FILLS[call.name]
    if not isinstance(value, tuple):
        return value
    given = [*call.args[value[0] :], *(call.kwargs[k] for k in ("fill_value", "value") if k in call.kwargs)]
    return given[0] if given else None


def operands_of(call: Call) -> list[Any]:
    """Return what a call computes on: `Ref`, Python numbers and, of a clip, None."""
    if is_fill(call):
        return []
    if call.name in ("astype", "broadcast_to"):
        return [call.args[0]]
    if call.name == "clip":
        named = [call.kwargs.get("min"), call.kwargs.get("max")]
        return [*call.args, *named[len(call.args) - 1 :]]
    return list(call.args)


def is_elementwise(call: Call, trace: Trace) -> bool:
    """Say whether a generated kernel can compute a call as the library does."""
    if not isinstance(call.out, int):
        return False
    dtype, name = trace.dtypes[call.out], call.name
    if dtype.name not in TYPES:
        return False
    if is_fill(call):
        return _holds(dtype, fill_value(call))
    if name not in KNOWN or (call.kwargs and name not in ("clip", "astype")):
        return False
    operands = operands_of(call)
    refs = [o.number for o in operands if type(o) is Ref]
    plain = [o for o in operands if type(o) is not Ref and o is not None]
    if not refs or any(type(o) not in (bool, int, float) for o in plain):
        return False
    kinds = [trace.dtypes[n] for n in refs]
    if any(kind.name not in TYPES for kind in kinds):
        return False
    shape = np.broadcast_shapes(*(trace.shapes[n] for n in refs))
    if name == "broadcast_to":
        return True
    if trace.shapes[call.out] != shape:
        return False
    if name == "astype":
        return set(call.kwargs) <= {"copy", "dtype", "device"}
    if name == "where":
        return kinds[0].name == "bool" and type(operands[0]) is Ref and all(_holds(dtype, p) for p in plain)
    if name in LOGICAL:
        return dtype.name == "bool"
    if name in TESTS:
        common = _common(kinds)
        return dtype.name == "bool" and common is not None and all(_holds(common, p) for p in plain)
    if not all(_holds(dtype, p) for p in plain):
        return False
    floats = dtype.name in NARROW or dtype.kind == "f"
    if name in FLOATS_ALONE:
        return floats and (name != "nextafter" or dtype.name not in NARROW)
    if name in INTEGERS_ALONE:
        return dtype.kind in "iu"
    if name in BITS:
        return dtype.kind in "iub"
    if name == "clip":
        return all(kind == dtype for kind in kinds)
    # Of truth values there are sums and products alone.
    return name in NUMBERS and (dtype.name != "bool" or name in ("add", "multiply", "maximum", "minimum"))


def _common(kinds: Sequence[Any]) -> Any:
    """Return the dtype that operands are compared in, None where the library may do it otherwise."""
    first = kinds[0]
    if all(kind == first for kind in kinds):
        return first
    if any(kind.name in NARROW for kind in kinds):
        return None
    common = np.result_type(*kinds)
    whole = common.kind in "iu" and all(kind.kind in "iub" for kind in kinds)
    return common if common.kind == "f" or whole else None


def _holds(dtype: Any, number: Any) -> bool:
    """Say whether a dtype takes a Python number as it is."""
    if dtype.kind == "b":
        return type(number) is bool or number in (0, 1)
    if dtype.kind in "iu":
        return type(number) is not float and np.iinfo(dtype).min <= number <= np.iinfo(dtype).max
    return type(number) is not int or abs(number) < 2**53


@dataclass(frozen=True)
class Group:
    """Calls of one kernel, in order, the values that they read and those that are written."""

    calls: tuple[Call, ...]
    leaves: tuple[int, ...]
    roots: tuple[int, ...]
    shape: tuple[int, ...]


class Writer:
    """Writes down what one element's statements are; numbers become arguments, so that texts do not depend on them."""

    def __init__(self, group: Group, trace: Trace) -> None:
        self.group, self.trace = group, trace
        self.names: dict[int, str] = {}
        self.numbers: list[tuple[str, Any]] = []
        self.lines: list[str] = []
        for i, leaf in enumerate(group.leaves):
            self.names[leaf] = f"x{i}"
        for call in group.calls:
            self._write(call)

    def _write(self, call: Call) -> None:
        assert isinstance(call.out, int)
        dtype = self.trace.dtypes[call.out]
        expression = self._expression(call, dtype)
        name = self.names[call.out] = f"v{len(self.lines)}"
        self.lines.append(f"const {computed(dtype)} {name} = {expression};")

    def _number(self, value: Any, dtype: Any) -> str:
        kind = computed(dtype)
        if dtype.kind == "b":
            return "true" if value else "false"
        key: tuple[str, float]
        if dtype.kind in "iu":
            key = ("q" if dtype.kind == "i" else "Q", int(value))
        else:
            key = ("d", float(value))
        # Zeros differ in sign, and NaN from itself.
        same = [i for i, (k, v) in enumerate(self.numbers) if k == key[0] and repr(v) == repr(key[1])]
        if not same:
            self.numbers.append(key)
        return f"({kind})a.k{same[0] if same else len(self.numbers) - 1}"

    def _as(self, operand: Any, dtype: Any) -> str:
        """Return an operand in the type that a dtype is computed in."""
        if type(operand) is not Ref:
            return self._number(operand, dtype)
        own, name = self.trace.dtypes[operand.number], self.names[operand.number]
        if computed(own) == computed(dtype):
            return name
        return f"({name} != 0)" if dtype.kind == "b" else f"({computed(dtype)}){name}"

    def _expression(self, call: Call, dtype: Any) -> str:
        name, operands = call.name, operands_of(call)
        if is_fill(call):
            return self._number(fill_value(call), dtype)
        if name == "astype":
            own = self.trace.dtypes[operands[0].number]
            if dtype.name in NARROW and own != dtype:
                return f"narrowed<{TYPES[dtype.name]}>({self.names[operands[0].number]})"
            return self._as(operands[0], dtype)
        if name in ("broadcast_to", "positive"):
            return self._as(operands[0], dtype)
        if name == "where":
            chosen = [self._as(o, dtype) for o in operands[1:]]
            return f"{self.names[operands[0].number]} ? {chosen[0]} : {chosen[1]}"
        if name in LOGICAL:
            parts = [f"({self._truth(o)})" for o in operands]
            return LOGICAL[name].format(*parts)
        if name == "clip":
            x, low, high = (*operands, None, None)[:3]
            text = self._as(x, dtype)
            text = text if low is None else f"op_maximum({text}, {self._as(low, dtype)})"
            return text if high is None else f"op_minimum({text}, {self._as(high, dtype)})"
        if name in TESTS:
            kinds = [self.trace.dtypes[o.number] for o in operands if type(o) is Ref]
            return f"op_{name}({', '.join(self._as(o, _common(kinds)) for o in operands)})"
        if name == "pow" and type(operands[1]) is not Ref and operands[1] == 2:
            return f"op_square({self._as(operands[0], dtype)})"
        return f"op_{NAMES.get(name, name)}({', '.join(self._as(o, dtype) for o in operands)})"

    def _truth(self, operand: Any) -> str:
        if type(operand) is not Ref:
            return "true" if operand else "false"
        own, name = self.trace.dtypes[operand.number], self.names[operand.number]
        return name if own.kind == "b" else f"{name} != 0"


@dataclass(frozen=True)
class Layout:
    """How a kernel's operands lie: `modes` says for each operand how its innermost elements are read.

    "p" is side by side, "s" one element for all, "g" far apart.
    """

    rank: int
    width: int
    modes: str
    long: bool


def text_of(writer: Writer, layout: Layout) -> str:
    """Return a kernel's text; it is named ``fused`` and takes one structure of 8-byte fields.

    The fields are the operands' addresses, the results', the size, with more than one axis the axes' lengths and then
    each operand's distances in elements (those between the innermost elements even of one axis, where they are not side
    by side), and the numbers.
    """
    trace, group = writer.trace, writer.group
    ins = [TYPES[trace.dtypes[n].name] for n in group.leaves]
    outs = [TYPES[trace.dtypes[n].name] for n in group.roots]
    rank, strided = layout.rank, strides_told(layout)
    fields = [f"const {t}* in{i};" for i, t in enumerate(ins)] + [f"{t}* out{i};" for i, t in enumerate(outs)]
    fields.append("int64 size;")
    if rank > 1:
        fields.append(f"int64 dims[{rank}];")
    fields += [f"int64 strides{i}[{rank}];" for i in strided]
    kinds = {"q": "int64", "Q": "uint64", "d": "double"}
    fields += [f"{kinds[k]} k{i};" for i, (k, _) in enumerate(writer.numbers)]
    index = "uint64" if layout.long else "unsigned"
    lines: list[str] = []
    for i in strided:
        lines.append(f"int64 at{i} = 0;")
    if rank > 1:
        lines.append(f"{index} rest = i;")
        for d in range(rank - 1, 0, -1):
            lines.append(f"const {index} c{d} = rest % ({index})a.dims[{d}];")
            lines.append(f"rest /= ({index})a.dims[{d}];")
            lines += [f"at{j} += (int64)c{d} * a.strides{j}[{d}];" for j in strided]
        lines += [f"at{j} += (int64)rest * a.strides{j}[0];" for j in strided]
    else:
        lines += [f"at{j} = (int64)i * a.strides{j}[0];" for j in strided]
    for i, (kind, mode) in enumerate(zip(ins, layout.modes, strict=True)):
        place = f"a.in{i} + at{i}" if i in strided else f"a.in{i}" if mode == "s" else f"a.in{i} + i"
        if mode == "p":
            lines.append(f"const Pack<{kind}, N> p{i} = *(const Pack<{kind}, N>*)({place});")
        elif mode == "s":
            lines.append(f"const {kind} p{i} = *({place});")
        else:
            lines.append(f"Pack<{kind}, N> p{i};")
            lines.append(f"for (int w = 0; w < N; w++) p{i}.at[w] = *({place} + w * a.strides{i}[{rank - 1}]);")
    lines += [f"Pack<{t}, N> r{i};" for i, t in enumerate(outs)]
    lines.append("#pragma unroll\n    for (int w = 0; w < N; w++) {")
    for i, (leaf, mode) in enumerate(zip(group.leaves, layout.modes, strict=True)):
        kind = computed(trace.dtypes[leaf])
        lines.append(f"    const {kind} x{i} = ({kind})p{i}{'' if mode == 's' else '.at[w]'};")
    lines += [f"    {line}" for line in writer.lines]
    for i, (root, kind) in enumerate(zip(group.roots, outs, strict=True)):
        lines.append(f"    r{i}.at[w] = ({kind}){writer.names[root]};")
    lines.append("}")
    lines += [f"*(Pack<{t}, N>*)(a.out{i} + i) = r{i};" for i, t in enumerate(outs)]
    names = {trace.dtypes[n].name for n in (*group.leaves, *group.roots)} | {
        trace.dtypes[c.out].name for c in group.calls if isinstance(c.out, int)
    }
    includes = [f"#include <cuda_{'bf16' if n == 'bfloat16' else 'fp16'}.h>" for n in NARROW if n in names]
    head = "\n".join(["#ifndef CANDELABRA_ON_HOST", *includes, "#endif", functions()] if includes else [functions()])
    body, width = "\n    ".join(lines), layout.width
    one = f"if (i + {width} <= a.size) work<{width}>(a, i);"
    if width > 1:
        one += "\n        else for (; i < a.size; i++) work<1>(a, i);"
    return f"""{head}
struct Arguments {{
    {" ".join(fields)}
}};
template <int N> __device__ inline void work(const Arguments& a, {index} i) {{
    {body}
}}
extern "C" __global__ void fused(const Arguments a) {{
    const uint64 step = (uint64)gridDim.x * {THREADS} * {width};
    for (uint64 first = ((uint64)blockIdx.x * {THREADS} + threadIdx.x) * {width}; first < a.size; first += step) {{
        {index} i = ({index})first;
        {one}
    }}
}}
"""


def strides_told(layout: Layout) -> list[int]:
    """Return which operands' distances a kernel is told: with one axis, of those whose elements are far apart alone."""
    if layout.rank > 1:
        return list(range(len(layout.modes)))
    return [i for i, mode in enumerate(layout.modes) if mode == "g"]


@dataclass
class Prepared:
    """A kernel as it runs for operands that lie in one way."""

    layout: Layout
    # Where the axes of the result lie in memory, from the outermost; None for C order.
    order: tuple[int, ...] | None
    dims: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]


def prepare(
    shape: Sequence[int], operands: Sequence[tuple[Sequence[int], Sequence[int], int]], sizes: Sequence[int],
    aligned: bool, most: int = 2**31 - 1,
) -> Prepared:  # fmt: skip
    """Return how a kernel runs.

    Parameters
    ----------
    shape : sequence of int
        The results' shape, not empty.
    operands : sequence of (shape, strides, itemsize)
        Strides in bytes.
    sizes : sequence of int
        The results' itemsizes.
    aligned : bool
        Whether all operands begin where `WIDTH` bytes can be read.
    """
    total, rank = math.prod(shape), len(shape)
    steps = []
    for given, strides, itemsize in operands:
        lead = rank - len(given)
        wide = [0] * lead + [0 if n == 1 else s for n, s in zip(given, strides, strict=True)]
        if any(s % itemsize for s in wide):
            raise ValueError("elements that do not lie in steps of their size")
        steps.append([s // itemsize for s in wide])
    order = _order(shape, steps)
    axes = [a for a in (order or range(rank)) if shape[a] != 1]
    dims, rows = [shape[a] for a in axes], [[s[a] for a in axes] for s in steps]
    i = len(dims) - 1
    while i > 0:
        # Neighbours that every operand runs through in one go are one axis.
        if all(row[i - 1] == row[i] * dims[i] for row in rows):
            dims[i - 1] *= dims[i]
            for row in rows:
                row[i - 1] = row[i]
            del dims[i]
            for row in rows:
                del row[i]
        i -= 1
    if not dims:
        dims, rows = [1], [[0] for _ in rows]
    modes = "".join("s" if row[-1] == 0 else "p" if row[-1] == 1 else "g" for row in rows)
    widest = max([*sizes, *(o[2] for o, m in zip(operands, modes, strict=True) if m == "p")])
    width = max(1, WIDTH // widest) if aligned else 1
    if len(dims) > 1:
        packed = [row for row, mode in zip(rows, modes, strict=True) if mode == "p"]
        while width > 1 and (dims[-1] % width or any(s % width for row in packed for s in row[:-1])):
            width //= 2
    # A thread's first element counts, too, where the last ones of all are not a whole pack.
    layout = Layout(len(dims), width, modes, total > most - WIDTH * THREADS)
    return Prepared(layout, order, tuple(dims), tuple(map(tuple, rows)))


def _order(shape: Sequence[int], steps: Sequence[Sequence[int]]) -> tuple[int, ...] | None:
    """Return the axes as an operand that fills the shape has them in memory, None for C order or where none does."""
    found = None
    for row in steps:
        if any(s <= 0 for s, n in zip(row, shape, strict=True) if n != 1):
            continue
        axes = sorted(range(len(shape)), key=lambda a: (-row[a] if shape[a] != 1 else 0, a))
        after, dense = 1, True
        for a in reversed(axes):
            if shape[a] != 1:
                dense = dense and row[a] == after
                after *= shape[a]
        real = [a for a in axes if shape[a] != 1]
        if dense and real == sorted(real):
            return None
        if dense and found is None:
            found = tuple(axes)
    return found
