"""One gradient per sample, `vmap(grad(loss))` of an MLP by `functional_call`: a realistic one, and a tiny one."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

from ..workload import Arrays, Step, Workload

SIZES = (784, 128, 64, 10)
TINY = (20, 32, 5)


def inputs(rng, sizes: tuple[int, ...] = SIZES, batch: int = 256) -> Arrays:
    parameters = {}
    for layer, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        bound = fan_in**-0.5
        parameters[f"{2 * layer}.weight"] = rng.uniform(-bound, bound, (fan_out, fan_in)).astype("float32")
        parameters[f"{2 * layer}.bias"] = rng.uniform(-bound, bound, fan_out).astype("float32")
    x = rng.random((batch, sizes[0]), dtype="float32")
    return {"x": x, "target": rng.integers(0, sizes[-1], batch), "parameters": parameters}


def layers(nn, parameters) -> list:
    weights = [array for name, array in parameters.items() if name.endswith("weight")]
    found = []
    for weight in weights:
        found += [nn.Linear(weight.shape[1], weight.shape[0]), nn.ReLU()]
    return found[:-1]


def in_candelabra(arrays: Arrays) -> Step:
    import candelabra as cb
    from candelabra import nn
    from candelabra.func import functional_call, grad, vmap

    x, target = cb.tensor(arrays["x"]), cb.tensor(arrays["target"])
    model = nn.Sequential(*layers(nn, arrays["parameters"]))
    parameters = {name: cb.tensor(array) for name, array in arrays["parameters"].items()}

    def loss(parameters, sample, label):
        return nn.functional.cross_entropy(functional_call(model, parameters, (sample,)), label)

    gradients = vmap(grad(loss), in_dims=(None, 0, 0))

    def step():
        return list(gradients(parameters, x, target).values())

    return step


def in_torch(arrays: Arrays) -> Step:
    import torch
    from torch import nn
    from torch.func import functional_call, grad, vmap

    x, target = torch.tensor(arrays["x"]), torch.tensor(arrays["target"])
    model = nn.Sequential(*layers(nn, arrays["parameters"]))
    parameters = {name: torch.tensor(array) for name, array in arrays["parameters"].items()}

    def loss(parameters, sample, label):
        return nn.functional.cross_entropy(functional_call(model, parameters, (sample,)), label)

    gradients = vmap(grad(loss), in_dims=(None, 0, 0))

    def step():
        return list(gradients(parameters, x, target).values())

    return step


def in_numpy(arrays: Arrays) -> Step:
    import numpy as np

    x, target = arrays["x"], arrays["target"]
    parameters = list(arrays["parameters"].values())
    weights, biases = parameters[::2], parameters[1::2]
    rows = np.arange(len(x))

    def step():
        h, before = x, []
        for w, b in zip(weights, biases, strict=True):
            before.append(h)
            h = h @ w.T
            h += b
            if w is not weights[-1]:
                np.maximum(h, 0, out=h)
        g = h - h.max(axis=1, keepdims=True)
        np.exp(g, out=g)
        g /= g.sum(axis=1, keepdims=True)
        g[rows, target] -= 1
        found = []
        for w, h in zip(reversed(weights), reversed(before), strict=True):
            found += [g, g[:, :, None] * h[:, None, :]]
            if w is not weights[0]:
                g = g @ w
                g *= h > 0
        return found[::-1]

    return step


VARIANTS = {"candelabra": in_candelabra, "torch": in_torch, "numpy": in_numpy}

WORKLOADS = [
    Workload(
        name="per-sample-gradients",
        title="Gradient per sample, MLP 784-128-64-10, batch 256",
        ceiling=0.7,
        inputs=inputs,
        variants=VARIANTS,
        small={"batch": 8},
    ),
    Workload(
        name="per-sample-gradients-tiny",
        title="Gradient per sample, MLP 20-32-5, batch 32",
        ceiling=0.7,
        inputs=partial(inputs, sizes=TINY, batch=32),
        variants=VARIANTS,
    ),
]
