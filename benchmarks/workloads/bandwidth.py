"""What is bound by memory, on arrays far larger than a card's cache: elementwise chains, and rows of several lengths.

Each says how many bytes must be read and written at least, for comparison with a copy: one pass of an operation's own
over each operand and each result, forward and backward, nothing kept in between but what is needed again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..workload import Arrays, Goal, Step, Workload
from .both import both
from .rows import norm, there_and_back

TOTAL = 2**26
LENGTHS = (512, 2048, 8192)
GOAL = Goal(fraction=0.85)


def inputs(rng: Any, columns: int = 8192, total: int = TOTAL) -> Arrays:
    shape = (total // columns, columns)
    return {
        "x": 4 * rng.random(shape, dtype="float32") - 2,
        "g": rng.random(shape, dtype="float32"),
        "w": rng.random(columns, dtype="float32"),
        "b": rng.random(columns, dtype="float32"),
        "target": rng.integers(0, columns, shape[0]),
    }


def of_elements(passes: float) -> Callable[[Arrays], float]:
    """Return what counts the bytes of so many passes over the elements of x."""
    return lambda arrays: passes * arrays["x"].nbytes


def chain(lib: Any, arrays: Arrays) -> Step:
    """Five operations one after the other, each of which reads and writes; no gradient."""
    x, g = lib.tensor(arrays["x"]), lib.tensor(arrays["g"])
    tanh = lib.module.tanh

    def step() -> Any:
        return tanh(x * g + 0.5) * 1.5 - x

    return step


def activation(lib: Any, arrays: Arrays, name: str) -> Step:
    x, g = lib.tensor(arrays["x"], requires_grad=True), lib.tensor(arrays["g"])
    return there_and_back(getattr(lib.functional, name), x, g)


def layer_norm(lib: Any, arrays: Arrays) -> Step:
    return norm(lib.tensor, lib.functional.layer_norm, arrays)


def softmax(lib: Any, arrays: Arrays) -> Step:
    x, g = lib.tensor(arrays["x"], requires_grad=True), lib.tensor(arrays["g"])
    return there_and_back(partial(lib.functional.softmax, dim=-1), x, g)


def cross_entropy(lib: Any, arrays: Arrays) -> Step:
    x, target = lib.tensor(arrays["x"], requires_grad=True), lib.tensor(arrays["target"])
    function = lib.functional.cross_entropy

    def step() -> Any:
        x.grad = None
        loss = function(x, target)
        loss.backward()
        return [loss, x.grad]

    return step


def workload(name: str, title: str, build: Callable[[Any, Arrays], Step], passes: float, columns: int) -> Workload:
    return Workload(
        name=name,
        title=title,
        ceiling=None,
        inputs=partial(inputs, columns=columns),
        variants=both(build),
        small={"columns": 48, "total": 48 * 20},
        card=GOAL,
        moved=of_elements(passes),
    )


ROWS = (
    ("layer-norm", "layer norm", layer_norm, 5),
    ("softmax", "softmax", softmax, 5),
    # The logits are read for the loss, read again and their gradient written for the derivative.
    ("cross-entropy", "cross entropy", cross_entropy, 3),
)

WORKLOADS = [
    # x·g: 3, + : 2, tanh: 2, ·: 2, −: 3.
    workload("chain", "tanh(x·g + ½)·1.5 − x on 64M floats", chain, 12, 8192),
    workload("gelu-large", "gelu of 64M floats, forward and backward", partial(activation, name="gelu"), 5, 8192),
    workload(
        "hardswish", "hardswish of 64M floats, forward and backward", partial(activation, name="hardswish"), 5, 8192
    ),
    *(
        workload(
            f"{name}-{columns}",
            f"{title} of {TOTAL // columns}×{columns}, forward and backward",
            build,
            passes,
            columns,
        )
        for name, title, build, passes in ROWS
        for columns in LENGTHS
    ),
]
