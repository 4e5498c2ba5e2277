"""One 3×3 convolution, 64 to 128 channels on 8 images of 56×56, forward and backward to input, weight and bias."""

from __future__ import annotations

from ..workload import Arrays, Step, Workload


def inputs(rng, batch: int = 8, size: int = 56) -> Arrays:
    return {
        "x": rng.standard_normal((batch, 64, size, size), dtype="float32"),
        "weight": rng.standard_normal((128, 64, 3, 3), dtype="float32") * 0.04,
        "bias": rng.standard_normal(128, dtype="float32"),
        "g": rng.standard_normal((batch, 128, size, size), dtype="float32"),
    }


def in_candelabra(arrays: Arrays) -> Step:
    import candelabra as cb
    from candelabra.nn.functional import conv2d

    x, weight, bias = leaves = [cb.tensor(arrays[name], requires_grad=True) for name in ("x", "weight", "bias")]
    g = cb.tensor(arrays["g"])

    def step():
        for leaf in leaves:
            leaf.grad = None
        out = conv2d(x, weight, bias, padding=1)
        out.backward(g)
        return [out, *(leaf.grad for leaf in leaves)]

    return step


def in_torch(arrays: Arrays) -> Step:
    import torch
    from torch.nn.functional import conv2d

    x, weight, bias = leaves = [torch.tensor(arrays[name], requires_grad=True) for name in ("x", "weight", "bias")]
    g = torch.tensor(arrays["g"])

    def step():
        for leaf in leaves:
            leaf.grad = None
        out = conv2d(x, weight, bias, padding=1)
        out.backward(g)
        return [out, *(leaf.grad for leaf in leaves)]

    return step


def in_numpy(arrays: Arrays) -> Step:
    from .by_hand import Conv3x3

    x, g = arrays["x"], arrays["g"]
    conv = Conv3x3(arrays["weight"], arrays["bias"])

    def step():
        return [conv.forward(x), *conv.backward(g)]

    return step


WORKLOADS = [
    Workload(
        name="conv3x3",
        title="3×3 convolution 64→128 on 8×64×56×56, forward and backward",
        ceiling=1.1,
        inputs=inputs,
        variants={"candelabra": in_candelabra, "torch": in_torch, "numpy": in_numpy},
        small={"batch": 2, "size": 10},
    )
]
