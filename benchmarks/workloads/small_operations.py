"""Fifty recorded operations on 8×8 matrices, and their backward pass: the price of the graph."""

from __future__ import annotations

from ..workload import Arrays, Goal, Step, Workload

BLOCKS = 10  # of five operations: matmul, tanh, multiply, add, subtract


def inputs(rng, size: int = 8) -> Arrays:
    names = ("x", "m", "w", "b", "c")
    return {name: rng.standard_normal((size, size), dtype="float32") * 0.4 for name in names}


def in_candelabra(arrays: Arrays) -> Step:
    import candelabra as cb

    leaves = x, m, w, b, c = [cb.tensor(array, requires_grad=True) for array in arrays.values()]
    ones = cb.ones_like(x).detach()
    tanh = cb.tanh

    def step():
        for leaf in leaves:
            leaf.grad = None
        h = x
        for _ in range(BLOCKS):
            h = tanh(h @ m) * w + b - c
        h.backward(ones)
        return [h, *(leaf.grad for leaf in leaves)]

    return step


def in_torch(arrays: Arrays) -> Step:
    import torch

    leaves = x, m, w, b, c = [torch.tensor(array, requires_grad=True) for array in arrays.values()]
    ones = torch.ones_like(x).detach()
    tanh = torch.tanh

    def step():
        for leaf in leaves:
            leaf.grad = None
        h = x
        for _ in range(BLOCKS):
            h = tanh(h @ m) * w + b - c
        h.backward(ones)
        return [h, *(leaf.grad for leaf in leaves)]

    return step


def in_numpy(arrays: Arrays) -> Step:
    import numpy as np

    x, m, w, b, c = arrays.values()
    ones = np.ones_like(x)

    def step():
        h, saved = x, []
        for _ in range(BLOCKS):
            a = np.tanh(h @ m)
            saved.append((h, a))
            h = a * w + b - c
        g, m_grad, w_grad, b_grad = ones, np.zeros_like(m), np.zeros_like(w), np.zeros_like(b)
        for before, a in reversed(saved):
            b_grad += g
            w_grad += g * a
            g = g * w * (1 - a * a)
            m_grad += before.T @ g
            g = g @ m.T
        return [h, g, m_grad, w_grad, b_grad, -b_grad]

    return step


WORKLOADS = [
    Workload(
        name="small-operations",
        title="50 operations on 8×8 and backward",
        ceiling=0.6,
        inputs=inputs,
        variants={"candelabra": in_candelabra, "torch": in_torch, "numpy": in_numpy},
        card=Goal(ceiling=1.3),
    )
]
