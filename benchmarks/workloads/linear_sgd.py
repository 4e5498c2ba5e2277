"""One training step of the smallest model there is: `Linear(10, 1)`, squared error, SGD, on 100 rows."""

from __future__ import annotations

from ..workload import Arrays, Step, Workload

LR = 0.01


def inputs(rng, rows: int = 100) -> Arrays:
    x = rng.standard_normal((rows, 10), dtype="float32")
    y = x @ rng.standard_normal((10, 1), dtype="float32")
    parameters = {
        "weight": rng.standard_normal((1, 10), dtype="float32") * 0.3,
        "bias": rng.standard_normal(1, dtype="float32") * 0.3,
    }
    return {"x": x, "y": y, "parameters": parameters}


def in_candelabra(arrays: Arrays) -> Step:
    import candelabra as cb
    from candelabra import nn, optim

    x, y = cb.tensor(arrays["x"]), cb.tensor(arrays["y"])
    model = nn.Linear(10, 1)
    model.load_state_dict({name: cb.tensor(array) for name, array in arrays["parameters"].items()})
    optimizer = optim.SGD(model.parameters(), lr=LR)
    loss_function = nn.MSELoss()

    def step():
        optimizer.zero_grad()
        loss = loss_function(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def in_torch(arrays: Arrays) -> Step:
    import torch
    from torch import nn, optim

    x, y = torch.tensor(arrays["x"]), torch.tensor(arrays["y"])
    model = nn.Linear(10, 1)
    model.load_state_dict({name: torch.tensor(array) for name, array in arrays["parameters"].items()})
    optimizer = optim.SGD(model.parameters(), lr=LR)
    loss_function = nn.MSELoss()

    def step():
        optimizer.zero_grad()
        loss = loss_function(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def in_numpy(arrays: Arrays) -> Step:
    x, y = arrays["x"], arrays["y"]
    weight, bias = arrays["parameters"]["weight"], arrays["parameters"]["bias"]
    scale = 2 / y.size

    def step():
        nonlocal weight, bias
        residual = x @ weight.T + bias - y
        loss = (residual * residual).mean()
        g = residual * scale
        weight = weight - LR * (g.T @ x)
        bias = bias - LR * g.sum(axis=0)
        return loss

    return step


WORKLOADS = [
    Workload(
        name="linear-sgd",
        title="Linear(10, 1), MSE, SGD, 100 rows",
        ceiling=0.35,
        inputs=inputs,
        variants={"candelabra": in_candelabra, "torch": in_torch, "numpy": in_numpy},
    )
]
