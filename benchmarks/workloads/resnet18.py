"""A training step of ResNet-18 (He et al., 2016) on 64 images of 3×224×224, SGD with momentum, float32.

Convolutions and products are in TF32 on both sides, as PyTorch's convolutions are unless told otherwise.
"""

from __future__ import annotations

from typing import Any

from ..workload import Arrays, Goal, Step, Workload
from .both import both, products

STAGES = (64, 128, 256, 512)
LR, MOMENTUM, WEIGHT_DECAY = 0.01, 0.9, 1e-4


def inputs(rng: Any, batch: int = 64, size: int = 224, classes: int = 1000) -> Arrays:
    parameters: dict[str, Any] = {}

    def convolution(name: str, out: int, within: int, width: int) -> None:
        fan = within * width * width
        kernel = (rng.random((out, within, width, width), dtype="float32") - 0.5) * (24 / fan) ** 0.5
        parameters[name] = kernel.astype("float32")

    convolution("conv1.weight", 64, 3, 7)
    before = 64
    for stage, channels in enumerate(STAGES, 1):
        for block in range(2):
            path = f"layer{stage}.{block}"
            convolution(f"{path}.conv1.weight", channels, before, 3)
            convolution(f"{path}.conv2.weight", channels, channels, 3)
            if before != channels:
                convolution(f"{path}.downsample.0.weight", channels, before, 1)
            before = channels
    parameters["fc.weight"] = (rng.random((classes, before), dtype="float32") - 0.5) * 0.1
    return {
        "x": rng.random((batch, 3, size, size), dtype="float32") - 0.5,
        "target": rng.integers(0, classes, batch),
        "parameters": parameters,
    }


def network(nn: Any, functional: Any, classes: int) -> Any:
    """Return the network, written with a library's modules."""
    relu = functional.relu

    class Block(nn.Module):
        def __init__(self, before: int, channels: int) -> None:
            super().__init__()
            stride = 1 if before == channels else 2
            self.conv1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(channels)
            self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(channels)
            self.downsample = None
            if stride == 2:
                self.downsample = nn.Sequential(
                    nn.Conv2d(before, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
                )

        def forward(self, x: Any) -> Any:
            out = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
            return relu(out + (x if self.downsample is None else self.downsample(x)))

    class ResNet18(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
            self.bn1 = nn.BatchNorm2d(64)
            self.maxpool = nn.MaxPool2d(3, 2, 1)
            for stage, (before, channels) in enumerate(zip((64, *STAGES), STAGES), 1):
                setattr(self, f"layer{stage}", nn.Sequential(Block(before, channels), Block(channels, channels)))
            self.avgpool = nn.AdaptiveAvgPool2d(1)
            self.fc = nn.Linear(STAGES[-1], classes)

        def forward(self, x: Any) -> Any:
            x = self.maxpool(relu(self.bn1(self.conv1(x))))
            x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
            return self.fc(self.avgpool(x).flatten(1))

    return ResNet18()


def train(lib: Any, arrays: Arrays) -> Step:
    x, target = lib.tensor(arrays["x"]), lib.tensor(arrays["target"])
    model = network(lib.nn, lib.functional, len(arrays["parameters"]["fc.weight"]))
    state = {name: lib.tensor(array) for name, array in arrays["parameters"].items()}
    # Norms and biases begin as the libraries make them: at one and zero, but the last bias, which is drawn.
    state["fc.bias"] = lib.module.zeros_like(model.fc.bias).detach()
    model.load_state_dict(state, strict=False)
    optimizer = lib.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    loss_function = lib.nn.CrossEntropyLoss()

    def step() -> Any:
        with products(lib, "high"):
            optimizer.zero_grad()
            loss = loss_function(model(x), target)
            loss.backward()
            optimizer.step()
        return [loss, model.conv1.weight, model.layer4[1].bn2.running_var]

    return step


WORKLOADS = [
    Workload(
        name="resnet18",
        title="ResNet-18 on 64×3×224×224, SGD, TF32",
        ceiling=None,
        inputs=inputs,
        variants=both(train),
        small={"batch": 4, "size": 64, "classes": 7},
        card=Goal(ceiling=1.0),
    ),
]
