"""One step of Adam on ten million parameters: ten matrices of 1000×1000, gradients given; on a card on a hundred."""

from __future__ import annotations

from functools import partial

from ..workload import Arrays, Goal, Step, Workload

LR = 1e-3


def inputs(rng, count: int = 10, size: int = 1000) -> Arrays:
    return {
        "parameters": list(rng.standard_normal((count, size, size), dtype="float32")),
        "gradients": list(rng.standard_normal((count, size, size), dtype="float32")),
    }


def moved(arrays: Arrays) -> float:
    """Parameter, gradient and both moments are read, and all but the gradient written."""
    return 7.0 * sum(array.nbytes for array in arrays["parameters"])


def in_candelabra(arrays: Arrays) -> Step:
    import candelabra as cb
    from candelabra import nn, optim

    parameters = [nn.Parameter(cb.tensor(array)) for array in arrays["parameters"]]
    for parameter, gradient in zip(parameters, arrays["gradients"], strict=True):
        parameter.grad = cb.tensor(gradient)
    optimizer = optim.Adam(parameters, lr=LR)

    def step():
        optimizer.step()
        return parameters

    return step


def in_torch(arrays: Arrays) -> Step:
    import torch
    from torch import nn, optim

    parameters = [nn.Parameter(torch.tensor(array)) for array in arrays["parameters"]]
    for parameter, gradient in zip(parameters, arrays["gradients"], strict=True):
        parameter.grad = torch.tensor(gradient)
    optimizer = optim.Adam(parameters, lr=LR)

    def step():
        optimizer.step()
        return parameters

    return step


def in_numpy(arrays: Arrays) -> Step:
    from .by_hand import Adam

    parameters, gradients = arrays["parameters"], arrays["gradients"]
    optimizer = Adam(parameters, LR)

    def step():
        optimizer.step(gradients)
        return parameters

    return step


WORKLOADS = [
    Workload(
        name="adam",
        title="Adam on 10M parameters",
        ceiling=1.5,
        inputs=inputs,
        variants={"candelabra": in_candelabra, "torch": in_torch, "numpy": in_numpy},
        small={"count": 3, "size": 9},
    ),
    Workload(
        name="adam-large",
        title="Adam on 100M parameters",
        ceiling=None,
        inputs=partial(inputs, count=100),
        variants={"candelabra": in_candelabra, "torch": in_torch},
        small={"count": 3, "size": 9},
        card=Goal(ceiling=1.0, fraction=0.85),
        moved=moved,
    ),
]
