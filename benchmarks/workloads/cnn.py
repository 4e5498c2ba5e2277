"""A training step of a small CNN on 64 images of 28×28, with SGD.

3×3 convolution to 32 channels, relu, 2×2 pooling, 3×3 convolution to 64 channels, relu, 2×2 pooling, linear to 10
classes, cross entropy. SGD, so that the convolutions are what is measured.
"""

from __future__ import annotations

from ..workload import Arrays, Goal, Step, Workload

LR = 0.01


def inputs(rng, batch: int = 64) -> Arrays:
    def uniform(fan_in: int, *shape: int):
        return rng.uniform(-(fan_in**-0.5), fan_in**-0.5, shape).astype("float32")

    parameters = {
        "0.weight": uniform(9, 32, 1, 3, 3),
        "0.bias": uniform(9, 32),
        "3.weight": uniform(288, 64, 32, 3, 3),
        "3.bias": uniform(288, 64),
        "7.weight": uniform(3136, 10, 3136),
        "7.bias": uniform(3136, 10),
    }
    x = rng.standard_normal((batch, 1, 28, 28), dtype="float32")
    return {"x": x, "target": rng.integers(0, 10, batch), "parameters": parameters}


def in_candelabra(arrays: Arrays) -> Step:
    import candelabra as cb
    from candelabra import nn, optim

    x, target = cb.tensor(arrays["x"]), cb.tensor(arrays["target"])
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(3136, 10),
    )
    model.load_state_dict({name: cb.tensor(array) for name, array in arrays["parameters"].items()})
    optimizer = optim.SGD(model.parameters(), lr=LR)
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
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(3136, 10),
    )
    model.load_state_dict({name: torch.tensor(array) for name, array in arrays["parameters"].items()})
    optimizer = optim.SGD(model.parameters(), lr=LR)
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

    from .by_hand import Conv3x3, cross_entropy, max_pool, max_pool_relu_backward

    x, target = arrays["x"], arrays["target"]
    parameters = w1, b1, w2, b2, w3, b3 = list(arrays["parameters"].values())
    conv1, conv2 = Conv3x3(w1, b1), Conv3x3(w2, b2)

    def step():
        h1 = conv1.forward(x)
        np.maximum(h1, 0, out=h1)
        pooled1 = max_pool(h1)
        h2 = conv2.forward(pooled1)
        np.maximum(h2, 0, out=h2)
        pooled2 = max_pool(h2)
        features = pooled2.reshape(len(x), -1)
        logits = features @ w3.T
        logits += b3
        loss, g = cross_entropy(logits, target)
        gradients = [g.T @ features, g.sum(0)]
        g = max_pool_relu_backward((g @ w3).reshape(pooled2.shape), h2, pooled2)
        g, *conv2_gradients = conv2.backward(g)
        g = max_pool_relu_backward(g, h1, pooled1)
        _, *conv1_gradients = conv1.backward(g, wants_input=False)
        for parameter, gradient in zip(parameters, [*conv1_gradients, *conv2_gradients, *gradients], strict=True):
            gradient *= LR
            parameter -= gradient
        return loss

    return step


WORKLOADS = [
    Workload(
        name="cnn",
        title="CNN conv32-pool-conv64-pool-fc on 64×1×28×28, SGD",
        ceiling=1.35,
        inputs=inputs,
        variants={"candelabra": in_candelabra, "torch": in_torch, "numpy": in_numpy},
        small={"batch": 4},
        card=Goal(ceiling=1.0),
    )
]
