"""From a trace to a program: which calls go into one kernel, in which order all runs, and the Python that runs it.

The calls that a generated kernel can do, and lie between the same calls of the library, are one kernel for each shape
of results. A value that several places need is computed again where that costs no more than to read it, and what only
later kernels read is computed there.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .fusion_text import (
    THREADS,
    WIDTH,
    Group,
    Prepared,
    Writer,
    is_elementwise,
    is_fill,
    operands_of,
    prepare,
    strides_told,
    text_of,
)
from .fusion_trace import Call, CannotTraceError, Ref, Trace
from .launch import Launcher

# Bytes of a kernel's arguments, and ways in which its operands lie, that are kept.
MOST_BYTES = 4096
MOST_LAYOUTS = 64
MOST_STATEMENTS = 1500
# Of more statements a thread does one element at a time: they take longer than to read, and a compiler longer still.
WIDE_STATEMENTS = 150
MOST_BLOCKS = 2**31 - 1


def refs_of(given: Any) -> list[int]:
    """Return the numbers of the values in what was given to a call."""
    if type(given) is Ref:
        return [given.number]
    if isinstance(given, (list, tuple)):
        return [n for part in given for n in refs_of(part)]
    return []


def _reads(call: Call) -> list[int]:
    return refs_of([*call.args, *call.kwargs.values()])


def _outs(call: Call) -> tuple[int, ...]:
    return (call.out,) if isinstance(call.out, int) else call.out


class Plan:
    """The steps of a program: calls of the library and groups of calls that are one kernel each.

    Parameters
    ----------
    trace : Trace
        What was called.
    results : object
        What the function returned, with `Ref` for values.
    """

    def __init__(self, trace: Trace, results: Any) -> None:
        self.trace, self.results = trace, results
        self.outputs = set(refs_of(results))
        self.maker = {n: i for i, call in enumerate(trace.calls) for n in _outs(call)}
        self.chained = [is_elementwise(call, trace) for call in trace.calls]
        self._find_readers()
        self._keep_views()
        self._find_readers()
        self.stage = self._stages()
        self.steps: list[Call | Group] = []
        self._gather()

    def _find_readers(self) -> None:
        """Find who reads each value, of those calls that the results need."""
        wanted: set[int] = set()
        self.readers: dict[int, list[int]] = {}
        pending = [n for n in self.outputs if n in self.maker]
        while pending:
            i = self.maker[pending.pop()]
            if i not in wanted:
                wanted.add(i)
                pending += [n for n in self._inputs(i) if n in self.maker]
        self.wanted = sorted(wanted)
        for i in self.wanted:
            for n in self._inputs(i):
                self.readers.setdefault(n, []).append(i)

    def _inputs(self, i: int) -> list[int]:
        call = self.trace.calls[i]
        if self.chained[i]:
            return [o.number for o in operands_of(call) if type(o) is Ref]
        return _reads(call)

    def _keep_views(self) -> None:
        """A broadcast array that is wanted as such is a view of the library's; and so is a lone fill its own."""
        for i in self.wanted:
            call = self.trace.calls[i]
            if call.name == "broadcast_to" or is_fill(call):
                n = _outs(call)[0]
                if n in self.outputs or any(not self.chained[r] for r in self.readers.get(n, ())):
                    self.chained[i] = False

    def _stages(self) -> list[int]:
        """Return after how many calls of the library, one behind the other, each call runs."""
        calls, chained = self.trace.calls, self.chained
        stage = [0] * len(calls)
        for i in self.wanted:
            for n in self._inputs(i):
                j = self.maker.get(n)
                if j is not None:
                    stage[i] = max(stage[i], stage[j] + (chained[j] and not chained[i]))
        for i in reversed(self.wanted):
            made: Any = calls[i].out
            if chained[i] and made not in self.outputs:
                # What is read later alone is computed there, from what it is made of.
                stage[i] = min(stage[r] - (not chained[r]) for r in self.readers[made])
        return stage

    def _gather(self) -> None:
        calls = self.trace.calls
        for stage in sorted({self.stage[i] for i in self.wanted}):
            here = [i for i in self.wanted if self.stage[i] == stage]
            self.steps += [calls[i] for i in here if not self.chained[i]]
            chained = [i for i in here if self.chained[i]]
            roots = [i for i in chained if self._is_root(i)]
            shapes = list(dict.fromkeys(self.trace.shapes[calls[i].out] for i in roots))  # type: ignore[index]
            made: set[int] = set()
            for shape in sorted(shapes, key=lambda s: (len(s), int(np.prod(s, dtype=object)))):
                mine = [i for i in roots if self.trace.shapes[calls[i].out] == shape]  # type: ignore[index]
                self.steps.append(self._group(mine, set(chained), made, shape))
                made |= {n for i in mine for n in _outs(calls[i])}

    def _is_root(self, i: int) -> bool:
        n = self.trace.calls[i].out
        readers = self.readers.get(n, ())  # type: ignore[arg-type]
        return n in self.outputs or any(not self.chained[r] or self.stage[r] != self.stage[i] for r in readers)

    def _group(self, roots: Sequence[int], here: set[int], made: set[int], shape: tuple[int, ...]) -> Any:
        """Return the group of roots of one shape, or the library's own call where it is one."""
        inside: set[int] = set()
        leaves: dict[int, None] = {}
        pending = list(roots)
        while pending:
            i = pending.pop()
            if i in inside:
                continue
            inside.add(i)
            for n in self._inputs(i):
                j = self.maker.get(n)
                if j is None or j not in here or n in made:
                    leaves[n] = None
                else:
                    pending.append(j)
        calls = tuple(self.trace.calls[i] for i in sorted(inside))
        if len(calls) == 1:
            return calls[0]
        if len(calls) > MOST_STATEMENTS:
            raise CannotTraceError("too many statements")
        return Group(calls, tuple(sorted(leaves)), tuple(_outs(self.trace.calls[i])[0] for i in roots), shape)

    def groups(self) -> list[Group]:
        """Return the groups of the plan."""
        return [step for step in self.steps if isinstance(step, Group)]


class Kernel:
    """A group's kernel, run on arrays of the shapes of the trace, however they lie."""

    def __init__(self, gpu: Launcher, group: Group, trace: Trace) -> None:
        self.gpu, self.group, self.trace = gpu, group, trace
        self.writer = Writer(group, trace)
        self.shape = group.shape
        self.size = int(np.prod(group.shape, dtype=object))
        self.dtypes = tuple(trace.dtypes[n] for n in group.roots)
        self.ready: dict[Any, Any] = {}
        # How a function of just so many arrays is called is most of what it takes.
        self.run = self._written() if self.size else self._nothing

    def _written(self) -> Callable[..., tuple[Any, ...]]:
        """Return the function that runs the kernel on arrays."""
        ins, outs = range(len(self.group.leaves)), range(len(self.dtypes))
        operands = ", ".join(f"x{i}" for i in ins)
        places = "".join(f"p{i}, " for i in ins)
        results = "".join(f"r{i}, " for i in outs)
        lines = [f"def run({operands}):", *(f"    p{i} = address(x{i})" for i in ins)]
        lines.append(f"    aligned = not ({' | '.join(f'p{i}' for i in ins) or '0'}) & {WIDTH - 1}")
        lines.append(f"    key = ({''.join(f'x{i}.strides, ' for i in ins)}aligned)")
        lines += ["    way = ready.get(key)", "    if way is None:", f"        way = prepare(key, ({operands},))"]
        lines.append("    function, pack, tail, kind, grid, memory, back = way")
        lines += [f"    r{i} = empty(memory, d{i})" for i in outs]
        told = f"pack({places}{''.join(f'address(r{i}), ' for i in outs)}{self.size}) + tail"
        lines.append(f"    function(grid, ({THREADS},), (frombuffer({told}, kind),))")
        turned = "".join(f"r{i}.transpose(back), " for i in outs)
        lines.append(f"    return ({results}) if back is None else ({turned})")
        scope: dict[str, Any] = {
            "address": self.gpu.address, "empty": self.gpu.empty, "frombuffer": np.frombuffer, "ready": self.ready,
            "prepare": self._prepare, **{f"d{i}": self.dtypes[i] for i in outs},
        }  # fmt: skip
        exec(compile("\n".join(lines), "<launch of a fused kernel>", "exec"), scope)
        return scope["run"]

    def _nothing(self, *operands: Any) -> tuple[Any, ...]:
        return tuple([self.gpu.empty(self.shape, dtype) for dtype in self.dtypes])

    def _prepare(self, key: Any, operands: Sequence[Any]) -> Any:
        """Return what runs for operands that lie so: the function, what it is told, the grid, the results' order."""
        prepared = self.prepared([x.strides for x in operands], key[-1])
        told = [*prepared.dims] if prepared.layout.rank > 1 else []
        told += [step for i in strides_told(prepared.layout) for step in prepared.strides[i]]
        codes = "".join(k for k, _ in self.writer.numbers)
        tail = struct.pack(f"={len(told)}q{codes}", *told, *[v for _, v in self.writer.numbers])
        count = len(operands) + len(self.dtypes)
        pack = struct.Struct(f"={count}Qq").pack
        words = count + 1 + len(tail) // 8
        if 8 * words > MOST_BYTES:
            raise CannotTraceError("too many operands")
        function = self.gpu.function_of_text(text_of(self.writer, prepared.layout), "fused")
        blocks = min(-(-self.size // (THREADS * prepared.layout.width)), MOST_BLOCKS)
        memory, back = self.shape, None
        if prepared.order is not None:
            memory = tuple(self.shape[a] for a in prepared.order)
            back = tuple(prepared.order.index(a) for a in range(len(self.shape)))
        kind = np.dtype([("words", np.uint64, (words,))])
        if len(self.ready) >= MOST_LAYOUTS:
            self.ready.clear()
        way = self.ready[key] = (function, pack, tail, kind, (blocks,), memory, back)
        return way

    def prepared(self, strides: Sequence[Sequence[int]], aligned: bool) -> Prepared:
        """Return how the kernel runs for operands of these strides."""
        kinds = [(self.trace.shapes[n], self.trace.dtypes[n].itemsize) for n in self.group.leaves]
        told = [(shape, s, itemsize) for (shape, itemsize), s in zip(kinds, strides, strict=True)]
        wide = aligned and len(self.writer.lines) <= WIDE_STATEMENTS
        return prepare(self.shape, told, [d.itemsize for d in self.dtypes], wide)


def program(plan: Plan, operands: int, gpu: Launcher) -> Callable[..., Any]:
    """Return the function of a plan: it takes the operands, lists opened, and returns what the traced function did."""
    trace = plan.trace
    scope: dict[str, Any] = {}
    kernels: dict[int, Kernel] = {}
    for n, array in trace.held.items():
        scope[f"v{n}"] = array
    last: dict[int, int] = {}
    reads = [list(step.leaves) if isinstance(step, Group) else _reads(step) for step in plan.steps]
    for at, numbers in enumerate(reads):
        last |= dict.fromkeys(numbers, at)

    def source(given: Any) -> str:
        if type(given) is Ref:
            return f"v{given.number}"
        if isinstance(given, (list, tuple)):
            inside = ", ".join(map(source, given))
            return f"[{inside}]" if isinstance(given, list) else f"({inside},)" if given else "()"
        if given is None or type(given) in (bool, int):
            return repr(given)
        name = f"c{len(scope)}"
        scope[name] = given
        return name

    lines = [f"def run({', '.join(f'v{i}' for i in range(operands))}):"]
    for at, step in enumerate(plan.steps):
        if isinstance(step, Group):
            kernels[at] = Kernel(gpu, step, trace)
            scope[f"f{at}"] = kernels[at].run
            outs: tuple[int, ...] = step.roots
            call, many, normalized = f"f{at}({', '.join(f'v{n}' for n in step.leaves)})", True, False
        else:
            scope[f"f{at}"] = step.function
            given = [source(a) for a in step.args] + [f"{k}={source(v)}" for k, v in step.kwargs.items()]
            outs, call = _outs(step), f"f{at}({', '.join(given)})"
            many, normalized = not isinstance(step.out, int), step.normalized
        lines.append(f"    {', '.join(f'v{n}' for n in outs)}{',' if many else ''} = {call}")
        if normalized:
            scope["normalize"], scope["index"] = trace.backend.normalize, trace.index
            lines += [f"    v{n} = normalize(v{n}, index)" for n in outs]
        # What nothing more reads goes at once.
        done = {n for n in (*reads[at], *outs) if last.get(n, -1) <= at} - plan.outputs
        done -= set(trace.held)
        lines += [f"    del {', '.join(f'v{n}' for n in sorted(done))}"] if done else []
    lines.append(f"    return {source(plan.results)}")
    exec(compile("\n".join(lines), "<fused>", "exec"), scope)
    run = scope["run"]
    run.plan, run.kernels = plan, tuple(kernels.values())
    return run
