"""The Hessian of an MLP 32-32-1 with tanh by its 32 inputs, forward over reverse."""

from __future__ import annotations

from ..workload import Arrays, Step, Workload


def inputs(rng, width: int = 32) -> Arrays:
    def drawn(*shape: int):
        return rng.standard_normal(shape, dtype="float32")

    return {
        "x": drawn(width),
        "w1": drawn(width, width) / width**0.5,
        "b1": drawn(width),
        "w2": drawn(1, width) / width**0.5,
        "b2": drawn(1),
    }


def in_candelabra(arrays: Arrays) -> Step:
    import candelabra as cb
    from candelabra.func import hessian
    from candelabra.nn.functional import linear

    x, w1, b1, w2, b2 = map(cb.tensor, arrays.values())
    second = hessian(lambda x: linear(cb.tanh(linear(x, w1, b1)), w2, b2).sum())
    return lambda: second(x)


def in_torch(arrays: Arrays) -> Step:
    import torch
    from torch.func import hessian
    from torch.nn.functional import linear

    x, w1, b1, w2, b2 = map(torch.tensor, arrays.values())
    second = hessian(lambda x: linear(torch.tanh(linear(x, w1, b1)), w2, b2).sum())
    return lambda: second(x)


def in_numpy(arrays: Arrays) -> Step:
    import numpy as np

    x, w1, b1, w2, _ = arrays.values()

    def step():
        t = np.tanh(w1 @ x + b1)
        return (w1.T * (-2 * t * (1 - t * t) * w2[0])) @ w1

    return step


WORKLOADS = [
    Workload(
        name="hessian",
        title="Hessian of an MLP 32-32-1 by its inputs",
        ceiling=0.7,
        inputs=inputs,
        variants={"candelabra": in_candelabra, "torch": in_torch, "numpy": in_numpy},
    )
]
