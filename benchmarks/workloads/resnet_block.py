"""A training step of a ResNet basic block on 16 images of 64 channels and 32×32 (He et al., 2016), with SGD.

3×3 convolution, batch norm, relu, 3×3 convolution, batch norm, the input added, relu; forward, backward to the
parameters and the input, and the update.
"""

from __future__ import annotations

from ..workload import Arrays, Step, Workload

LR = 0.001


def inputs(rng, batch: int = 16, channels: int = 64, size: int = 32) -> Arrays:
    bound = (9 * channels) ** -0.5

    def kernels():
        return rng.uniform(-bound, bound, (channels, channels, 3, 3)).astype("float32")

    shape = (batch, channels, size, size)
    return {
        "x": rng.standard_normal(shape, dtype="float32"),
        "g": rng.standard_normal(shape, dtype="float32"),
        "parameters": {"conv1.weight": kernels(), "conv2.weight": kernels()},
    }


def in_candelabra(arrays: Arrays) -> Step:
    import candelabra as cb
    from candelabra import nn, optim

    class Block(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(channels)
            self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(channels)
            self.relu = nn.ReLU()

        def forward(self, x):
            out = self.relu(self.bn1(self.conv1(x)))
            return self.relu(self.bn2(self.conv2(out)) + x)

    x, g = cb.tensor(arrays["x"], requires_grad=True), cb.tensor(arrays["g"])
    block = Block(x.shape[1])
    parameters = {name: cb.tensor(array) for name, array in arrays["parameters"].items()}
    block.load_state_dict(parameters, strict=False)
    optimizer = optim.SGD(block.parameters(), lr=LR)

    def step():
        optimizer.zero_grad()
        x.grad = None
        out = block(x)
        out.backward(g)
        optimizer.step()
        return [out, x.grad, *(parameter.grad for parameter in block.parameters())]

    return step


def in_torch(arrays: Arrays) -> Step:
    import torch
    from torch import nn, optim

    class Block(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(channels)
            self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(channels)
            self.relu = nn.ReLU()

        def forward(self, x):
            out = self.relu(self.bn1(self.conv1(x)))
            return self.relu(self.bn2(self.conv2(out)) + x)

    x, g = torch.tensor(arrays["x"], requires_grad=True), torch.tensor(arrays["g"])
    block = Block(x.shape[1])
    parameters = {name: torch.tensor(array) for name, array in arrays["parameters"].items()}
    block.load_state_dict(parameters, strict=False)
    optimizer = optim.SGD(block.parameters(), lr=LR)

    def step():
        optimizer.zero_grad()
        x.grad = None
        out = block(x)
        out.backward(g)
        optimizer.step()
        return [out, x.grad, *(parameter.grad for parameter in block.parameters())]

    return step


def in_numpy(arrays: Arrays) -> Step:
    import numpy as np

    from .by_hand import BatchNorm, Conv3x3

    x, g = arrays["x"], arrays["g"]
    channels = x.shape[1]
    w1, w2 = (weight.copy() for weight in arrays["parameters"].values())
    zeros = np.zeros(channels, np.float32)
    conv1, conv2 = Conv3x3(w1, zeros), Conv3x3(w2, zeros)
    norm1, norm2 = BatchNorm(channels), BatchNorm(channels)

    def step():
        h = norm1.forward(conv1.forward(x))
        np.maximum(h, 0, out=h)
        out = norm2.forward(conv2.forward(h))
        out += x
        np.maximum(out, 0, out=out)
        skip = g * (out > 0)
        back, *gradients2 = norm2.backward(skip)
        back, gw2, _ = conv2.backward(back)
        back *= h > 0
        back, *gradients1 = norm1.backward(back)
        gx, gw1, _ = conv1.backward(back)
        gx += skip
        gradients = [gw1, *gradients1, gw2, *gradients2]
        parameters = [w1, norm1.weight, norm1.bias, w2, norm2.weight, norm2.bias]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter -= LR * gradient
        return [out, gx, *gradients]

    return step


WORKLOADS = [
    Workload(
        name="resnet_block",
        title="ResNet basic block on 16×64×32×32, SGD",
        ceiling=1.35,
        inputs=inputs,
        variants={"candelabra": in_candelabra, "torch": in_torch, "numpy": in_numpy},
        small={"batch": 3, "channels": 16, "size": 8},
    )
]
