"""A training step of an MLP 784-256-128-10, cross entropy and Adam, on batches of 32 and of 256."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

from ..workload import Arrays, Step, Workload

SIZES = (784, 256, 128, 10)
LR = 1e-3


def inputs(rng, batch: int = 32) -> Arrays:
    parameters = {}
    for layer, (fan_in, fan_out) in enumerate(pairwise(SIZES)):
        bound = fan_in**-0.5
        parameters[f"{2 * layer}.weight"] = rng.uniform(-bound, bound, (fan_out, fan_in)).astype("float32")
        parameters[f"{2 * layer}.bias"] = rng.uniform(-bound, bound, fan_out).astype("float32")
    x = rng.random((batch, SIZES[0]), dtype="float32")
    return {"x": x, "target": rng.integers(0, SIZES[-1], batch), "parameters": parameters}


def in_candelabra(arrays: Arrays) -> Step:
    import candelabra as cb
    from candelabra import nn, optim

    x, target = cb.tensor(arrays["x"]), cb.tensor(arrays["target"])
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))
    model.load_state_dict({name: cb.tensor(array) for name, array in arrays["parameters"].items()})
    optimizer = optim.Adam(model.parameters(), lr=LR)
    loss_function = nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad()
        loss = loss_function(model(x), target)
        loss.backward()
        optimizer.step()
        return loss

    return step


def in_torch(arrays: Arrays) -> Step:
    import torch
    from torch import nn, optim

    x, target = torch.tensor(arrays["x"]), torch.tensor(arrays["target"])
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))
    model.load_state_dict({name: torch.tensor(array) for name, array in arrays["parameters"].items()})
    optimizer = optim.Adam(model.parameters(), lr=LR)
    loss_function = nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad()
        loss = loss_function(model(x), target)
        loss.backward()
        optimizer.step()
        return loss

    return step


def in_numpy(arrays: Arrays) -> Step:
    import numpy as np

    from .by_hand import Adam, cross_entropy

    x, target = arrays["x"], arrays["target"]
    parameters = w1, b1, w2, b2, w3, b3 = list(arrays["parameters"].values())
    optimizer = Adam(parameters, LR)

    def step():
        h1 = x @ w1.T
        h1 += b1
        np.maximum(h1, 0, out=h1)
        h2 = h1 @ w2.T
        h2 += b2
        np.maximum(h2, 0, out=h2)
        logits = h2 @ w3.T
        logits += b3
        loss, g3 = cross_entropy(logits, target)
        g2 = g3 @ w3
        g2 *= h2 > 0
        g1 = g2 @ w2
        g1 *= h1 > 0
        optimizer.step([g1.T @ x, g1.sum(0), g2.T @ h1, g2.sum(0), g3.T @ h2, g3.sum(0)])
        return loss

    return step


VARIANTS = {"candelabra": in_candelabra, "torch": in_torch, "numpy": in_numpy}

WORKLOADS = [
    Workload(
        name="mlp-32",
        title="MLP 784-256-128-10, Adam, batch 32",
        ceiling=0.6,
        inputs=partial(inputs, batch=32),
        variants=VARIANTS,
    ),
    Workload(
        name="mlp-256",
        title="MLP 784-256-128-10, Adam, batch 256",
        ceiling=0.75,
        inputs=partial(inputs, batch=256),
        variants=VARIANTS,
    ),
]
