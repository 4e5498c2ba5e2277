"""One multiplication of ten floats, recorded for a backward pass or not: the price of an operation.

A step is a hundred multiplications, so that calling the step does not show.
"""

from __future__ import annotations

from functools import partial
from itertools import repeat

from ..workload import Arrays, Step, Workload

TIMES = 100


def inputs(rng, size: int = 10) -> Arrays:
    x, y = rng.standard_normal((2, size), dtype="float32")
    return {"x": x, "y": y}


def in_candelabra(arrays: Arrays, requires_grad: bool) -> Step:
    import candelabra as cb

    x = cb.tensor(arrays["x"], requires_grad=requires_grad)
    y = cb.tensor(arrays["y"], requires_grad=requires_grad)

    def step():
        for _ in repeat(None, TIMES):
            z = x * y
        return z

    return step


def in_torch(arrays: Arrays, requires_grad: bool) -> Step:
    import torch

    x = torch.tensor(arrays["x"], requires_grad=requires_grad)
    y = torch.tensor(arrays["y"], requires_grad=requires_grad)

    def step():
        for _ in repeat(None, TIMES):
            z = x * y
        return z

    return step


def in_numpy(arrays: Arrays) -> Step:
    x, y = arrays["x"], arrays["y"]

    def step():
        for _ in repeat(None, TIMES):
            z = x * y
        return z

    return step


WORKLOADS = [
    Workload(
        name="multiply",
        title="multiply, 10 floats",
        ceiling=1.0,
        inputs=inputs,
        variants={
            "candelabra": partial(in_candelabra, requires_grad=False),
            "torch": partial(in_torch, requires_grad=False),
            "numpy": in_numpy,
        },
    ),
    Workload(
        name="multiply-grad",
        title="multiply, 10 floats, recorded",
        ceiling=1.2,
        inputs=inputs,
        variants={
            "candelabra": partial(in_candelabra, requires_grad=True),
            "torch": partial(in_torch, requires_grad=True),
            "numpy": in_numpy,
        },
    ),
]
