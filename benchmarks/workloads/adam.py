"""One step of Adam on ten million parameters: ten matrices of 1000×1000, gradients given."""

from __future__ import annotations

from ..workload import Arrays, Step, Workload

LR = 1e-3


def inputs(rng, count: int = 10, size: int = 1000) -> Arrays:
    return {
        "parameters": list(rng.standard_normal((count, size, size), dtype="float32")),
        "gradients": list(rng.standard_normal((count, size, size), dtype="float32")),
    }


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
    )
]
