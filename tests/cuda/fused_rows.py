"""Walks the table on a pretended card: what is fused of each row, forward and back, against the same done call by call.

Run as a program; it writes what was found to a file, as JSON. Rows are called on small samples, each function that the
backend compiles is traced at once, and all generated kernels are compiled together.
"""

from __future__ import annotations

import contextlib
import functools
import json
import random
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import candelabra as cb
import cupy
import numpy as np
from candelabra.backends.cupy import fusion
from candelabra.backends.cupy.fusion_plan import Group
from candelabra.backends.cupy.fusion_text import functions
from candelabra.backends.cupy.fusion_trace import CannotTraceError
from candelabra.conformance.drawing import Draw, kind_of
from candelabra.conformance.samples import sample
from candelabra.conformance.subject import Subject
from candelabra.core.compiled import NothingGained
from candelabra.core.device import Device
from candelabra.core.errors import IndexOutOfRangeError
from candelabra.core.primitives.row import TABLE
from stand_in import loaded_together

DTYPES = ("float32", "float16", "int32")
TOLERANCE = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 4e-6, "float64": 1e-13}
# Kernels of one compilation.
TOGETHER = 150
# What the library makes of operands that mean nothing.
REFUSED = (np.linalg.LinAlgError, IndexOutOfRangeError)
EDGES = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-30, -3e4, 0.5]


class Watched(fusion.Fused):
    """Runs functions as they are, and remembers the program of each with an example."""

    cases: list[tuple[str, Any, Any, Any]] = []
    refused: dict[str, str] = {}
    row = ""

    def __call__(self, *given: Any) -> Any:
        flat: list[Any] = []
        key: list[Any] = []
        self._open(given, key, flat)
        if tuple(key) not in self.programs and len(self.programs) < 6:
            try:
                self._trace(tuple(key), given, len(flat))
            except NothingGained:
                self.programs[tuple(key)] = None
            except CannotTraceError as error:
                self.refused[self.row] = str(error)
            run = self.programs.get(tuple(key))
            if run is not None:
                plain = functools.partial(self._plainly, given)
                self.cases.append((self.row, run, [x.copy() for x in flat], plain))
        return self.function(*given)

    def _plainly(self, given: Any, flat: list[Any]) -> Any:
        return self.function(*shaped(given, flat))


def arrays(found: Any) -> list[Any]:
    """Return the arrays of results, lists opened."""
    if isinstance(found, (list, tuple)):
        return [a for part in found for a in arrays(part)]
    return [] if found is None else [found]


def shaped(given: Any, flat: list[Any]) -> Any:
    """Return operands as a function takes them, from the arrays."""
    if isinstance(given, (list, tuple)):
        return type(given)([shaped(part, flat) for part in given])
    return flat.pop(0) if isinstance(given, cupy.ndarray) else given


def edges(x: Any) -> Any:
    """Return an array of the same shape whose floats are those at which functions break."""
    if kind_of(x.dtype) != "f":
        return x
    with np.errstate(all="ignore"):
        return cupy.asarray(np.resize(np.roll(EDGES, x.size % len(EDGES)), x.shape).astype(x.dtype))


def difference(found: Any, wanted: Any) -> str:
    """Return how two arrays differ, "" where they do not."""
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        return f"{found.dtype}{found.shape} for {wanted.dtype}{wanted.shape}"
    if kind_of(wanted.dtype) != "f":
        same = np.array_equal(found, wanted, equal_nan=wanted.dtype.kind == "c")
        return "" if same else f"{found.tolist()} for {wanted.tolist()}"
    a, b = found.astype(np.float64), wanted.astype(np.float64)
    tolerance = TOLERANCE[wanted.dtype.name]
    scale = np.abs(b[np.isfinite(b)]).max(initial=0.0)
    if np.allclose(a, b, rtol=tolerance, atol=tolerance * min(scale, 1e3), equal_nan=True):
        return ""
    return f"{a.tolist()} for {b.tolist()}"


def call(row: Any, dtype: str, seed: int, device: Device) -> None:
    """Call a row on a sample, and walk back."""
    subject = Subject(row, device)
    if dtype not in subject.dtypes():
        return
    chosen = random.Random(f"{row.name} {dtype} {seed}")
    drawn = sample(row, Draw(chosen.randint, dtype, smooth=True))
    operands = subject.tensors(drawn, grad=row.is_differentiable and dtype[0] in "fb" and dtype != "bool")
    outputs = subject.call(operands, subject.statics(drawn))
    kept = [o for o in subject.differentiable(outputs) if o.node is not None]
    for out in kept[:1]:
        out.backward(cb.ones_like(out) * 0.5)


def walk(device: Device, names: Sequence[str]) -> None:
    """Call rows in each dtype."""
    for name in names:
        Watched.row = name
        for dtype in DTYPES:
            for seed in range(2):
                call(TABLE[name], dtype, seed, device)


def compile_all(device: Device) -> list[str]:
    """Compile the kernels of all programs, and return their texts."""
    gpu: Any = device.backend.gpu  # type: ignore[attr-defined]
    alone = gpu.function_of_text
    texts: dict[str, Any] = {}

    def collect(code: str, name: str) -> Callable[..., None]:
        texts.setdefault(code, None)
        return lambda grid, block, arguments: None

    gpu.function_of_text = collect
    for _, run, flat, _ in Watched.cases:
        # What nothing has written yet may be a singular matrix, or no index.
        with contextlib.suppress(*REFUSED):
            run(*flat)
        for kernel in run.kernels:
            kernel.ready.clear()
    with contextlib.suppress(IndexOutOfRangeError):
        gpu.check()
    codes = list(texts)
    for first in range(0, len(codes), TOGETHER):
        some = codes[first : first + TOGETHER]
        texts.update(zip(some, loaded_together(some, functions()), strict=True))
    gpu.function_of_text = lambda code, name: texts[code] if code in texts else alone(code, name)
    return codes


def compare() -> list[str]:
    """Return where a program's results are others than the function's."""
    wrong = []
    for row, run, flat, plain in Watched.cases:
        for values in (flat, [edges(x) for x in flat]):
            with np.errstate(all="ignore"):
                try:
                    wanted = arrays(plain([*values]))
                except REFUSED:
                    assert values is not flat
                    continue
                found = arrays(run(*values))
            told = [difference(a.get(), b.get()) for a, b in zip(found, wanted, strict=True)]
            wrong += [f"{row}: {t}"[:400] for t in told if t]
    return wrong


def main(file: str, *chosen: str) -> None:
    """Walk the rows that were chosen, or all, compare, and write what was found to a file."""
    warnings.simplefilter("ignore")
    fusion.Fusion.compile = lambda self, function: Watched(self, function)  # type: ignore[method-assign]
    device = Device("cuda", 0)
    names = chosen or [n for n, row in TABLE.items() if row.operands and row.kind != "update"]
    walk(device, names)
    texts = compile_all(device)
    steps = {
        row: [len(run.plan.groups()), sum(not isinstance(s, Group) for s in run.plan.steps)]
        for row, run, *_ in reversed(Watched.cases)
    }
    found = {"texts": texts, "cases": len(Watched.cases), "wrong": compare(), "steps": steps}
    Path(file).write_text(json.dumps({**found, "refused": Watched.refused}))


if __name__ == "__main__":
    main(*sys.argv[1:])
