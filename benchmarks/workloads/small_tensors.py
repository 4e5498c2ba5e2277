"""Making, slicing and reducing 8×8 tensors: what a call costs where there is next to nothing to compute.

A step calls each function ten times. candelabra and PyTorch run the same lines; NumPy's are written by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from itertools import repeat
from typing import Any

from ..workload import Arrays, Step, Workload

TIMES = 10


def inputs(rng, size: int = 8) -> Arrays:
    x, full = rng.standard_normal((2, size, size), dtype="float32")
    return {"x": x, "y": rng.standard_normal((size, size), dtype="float32"), "full": full}


def created(library: Any, x: Any) -> list[Any]:
    library.empty_like(x)
    return [
        library.zeros(8, 8), library.ones(8, 8), library.full((8, 8), 1.5), library.tensor([1.0, 2.0, 3.0]),
        library.tensor([1, 2, 3]), library.tensor(1.5), library.arange(8), library.arange(0, 8, 2),
        library.zeros_like(x), library.eye(8), library.linspace(0.0, 1.0, 8),
    ]  # fmt: skip


def sliced(x: Any, y: Any, index: Any, mask: Any, rows: Any) -> list[Any]:
    y[0] = 1.5
    y[1:3] = rows
    return [x[0], x[1:3], x[:, 0], x[..., None], x[::2], x[2, 3], x[index], x[mask], y]


def reduced(x: Any) -> list[Any]:
    return [
        x.sum(), x.sum(1), x.sum(1, True), x.mean(), x.mean(1), x.mean(1, True), x.max(), x.amax(1), x.argmax(),
        x.argmax(1), x.any(), x.any(1), x.prod(), x.prod(1), x.std(correction=0), x.std(dim=1, correction=0),
    ]  # fmt: skip


def creation(arrays: Arrays, library: str) -> Step:
    module = import_module(library)
    x = module.tensor(arrays["x"])

    def step():
        for _ in repeat(None, TIMES):
            found = created(module, x)
        return found

    return step


def creation_by_hand(arrays: Arrays) -> Step:
    import numpy as np

    x, kind = arrays["x"], np.float32

    def step():
        for _ in repeat(None, TIMES):
            np.empty_like(x)
            found = [
                np.zeros((8, 8), kind), np.ones((8, 8), kind), np.full((8, 8), 1.5, kind),
                np.array([1.0, 2.0, 3.0], kind), np.array([1, 2, 3]), np.array(1.5, kind), np.arange(8),
                np.arange(0, 8, 2), np.zeros_like(x), np.eye(8, dtype=kind), np.linspace(0.0, 1.0, 8, dtype=kind),
            ]  # fmt: skip
        return found

    return step


def slicing(arrays: Arrays, library: str) -> Step:
    module = import_module(library)
    x, y = module.tensor(arrays["x"]), module.tensor(arrays["y"])
    index, mask, rows = module.tensor([0, 2, 5]), x > 0, module.tensor(arrays["full"])[:2]

    def step():
        for _ in repeat(None, TIMES):
            found = sliced(x, y, index, mask, rows)
        return found

    return step


def slicing_by_hand(arrays: Arrays) -> Step:
    import numpy as np

    x, y, index = arrays["x"], arrays["y"].copy(), np.array([0, 2, 5])
    mask, rows = x > 0, arrays["full"][:2]

    def step():
        for _ in repeat(None, TIMES):
            found = sliced(x, y, index, mask, rows)
        return found

    return step


def slicing_recorded(arrays: Arrays, library: str) -> Step:
    module = import_module(library)
    x = module.tensor(arrays["x"], requires_grad=True)
    full = module.tensor(arrays["full"])
    index, mask, row, rows = module.tensor([0, 2, 5]), full > 0, full[0], full[:2]
    some, few, half, column = full[mask], full[:3], full[:4], full[:, 0]

    def step():
        x.grad = None
        for _ in repeat(None, TIMES):
            x[0].backward(row)
            x[1:3].backward(rows)
            x[:, 0].backward(column)
            x[::2].backward(half)
            x[index].backward(few)
            x[mask].backward(some)
            written = x * 2.0
            written[0] = row
            written.backward(full)
        return x.grad

    return step


def slicing_recorded_by_hand(arrays: Arrays) -> Step:
    import numpy as np

    full, index = arrays["full"], np.array([0, 2, 5])
    mask = full > 0

    def step():
        total = np.zeros_like(full)
        for _ in repeat(None, TIMES):
            total[0] += full[0]
            total[1:3] += full[:2]
            total[:, 0] += full[:, 0]
            total[::2] += full[:4]
            total[index] += full[:3]
            total[mask] += full[mask]
            total[1:] += 2 * full[1:]
        return total

    return step


def reduction(arrays: Arrays, library: str) -> Step:
    x = import_module(library).tensor(arrays["x"])

    def step():
        for _ in repeat(None, TIMES):
            found = reduced(x)
        return found

    return step


def reduction_by_hand(arrays: Arrays) -> Step:
    x = arrays["x"]

    def step():
        for _ in repeat(None, TIMES):
            found = [
                x.sum(), x.sum(1), x.sum(1, keepdims=True), x.mean(), x.mean(1), x.mean(1, keepdims=True), x.max(),
                x.max(1), x.argmax(), x.argmax(1), x.any(), x.any(1), x.prod(), x.prod(1), x.std(), x.std(1),
            ]  # fmt: skip
        return found

    return step


def reduction_recorded(arrays: Arrays, library: str) -> Step:
    module = import_module(library)
    x, full = module.tensor(arrays["x"], requires_grad=True), module.tensor(arrays["full"])
    row, column = full[0], full[:, :1]

    def step():
        x.grad = None
        for _ in repeat(None, TIMES):
            x.sum().backward()
            x.mean().backward()
            x.sum(1).backward(row)
            x.mean(1).backward(row)
            x.sum(1, True).backward(column)
        return x.grad

    return step


def reduction_recorded_by_hand(arrays: Arrays) -> Step:
    import numpy as np

    full = arrays["full"]
    row, column = full[0], full[:, :1]

    def step():
        total = np.zeros_like(full)
        for _ in repeat(None, TIMES):
            total += 1.0
            total += 1.0 / total.size
            total += row[:, None]
            total += row[:, None] / total.shape[1]
            total += column
        return total

    return step


def _workload(name: str, title: str, build: Callable[..., Step], by_hand: Callable[[Arrays], Step]) -> Workload:
    return Workload(
        name=name,
        title=title,
        ceiling=1.2,
        inputs=inputs,
        variants={
            "candelabra": partial(build, library="candelabra"),
            "torch": partial(build, library="torch"),
            "numpy": by_hand,
        },
    )


WORKLOADS = [
    _workload("small-creation", "12 ways to make an 8×8 tensor", creation, creation_by_hand),
    _workload("small-slicing", "10 ways to index an 8×8 tensor", slicing, slicing_by_hand),
    _workload("small-slicing-grad", "index an 8×8 tensor, and backward", slicing_recorded, slicing_recorded_by_hand),
    _workload("small-reduction", "16 reductions of an 8×8 tensor", reduction, reduction_by_hand),
    _workload("small-reduction-grad", "sum, mean of 8×8, and backward", reduction_recorded, reduction_recorded_by_hand),
]
