"""gelu(x·w + b), elementwise on four million floats, forward and backward: what memory traffic costs."""

from __future__ import annotations

from ..workload import Arrays, Step, Workload


def inputs(rng, rows: int = 4096, columns: int = 1024) -> Arrays:
    return {
        "x": rng.standard_normal((rows, columns), dtype="float32"),
        "w": rng.standard_normal(columns, dtype="float32"),
        "b": rng.standard_normal(columns, dtype="float32"),
        "g": rng.standard_normal((rows, columns), dtype="float32"),
    }


def in_candelabra(arrays: Arrays) -> Step:
    import candelabra as cb
    from candelabra.nn.functional import gelu

    x, w, b = leaves = [cb.tensor(arrays[name], requires_grad=True) for name in ("x", "w", "b")]
    g = cb.tensor(arrays["g"])

    def step():
        for leaf in leaves:
            leaf.grad = None
        out = gelu(x * w + b)
        out.backward(g)
        return [out, *(leaf.grad for leaf in leaves)]

    return step


def in_torch(arrays: Arrays) -> Step:
    import torch
    from torch.nn.functional import gelu

    x, w, b = leaves = [torch.tensor(arrays[name], requires_grad=True) for name in ("x", "w", "b")]
    g = torch.tensor(arrays["g"])

    def step():
        for leaf in leaves:
            leaf.grad = None
        out = gelu(x * w + b)
        out.backward(g)
        return [out, *(leaf.grad for leaf in leaves)]

    return step


def in_numpy(arrays: Arrays) -> Step:
    """Blocks of rows that stay in the cache; the derivative of gelu is made beside gelu, from the same exponential.

    The tail of the normal distribution is Abramowitz and Stegun 7.1.26, within 1e-7.
    """
    import numpy as np

    x, w, b, g = arrays.values()
    block = max(1, 16384 // x.shape[1])
    scratch = np.empty((3, block, x.shape[1]), np.float32)
    coefficients = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)
    bell_scale = (2 * np.pi) ** -0.5

    def step():
        out, x_grad = np.empty_like(x), np.empty_like(x)
        w_grad, b_grad = np.zeros_like(w), np.zeros_like(b)
        for start in range(0, len(x), block):
            rows = slice(start, start + block)
            u = x[rows] * w
            tail, bell, t = scratch[:, : len(u)]
            u += b
            np.multiply(u, u, out=bell)
            np.multiply(bell, -0.5, out=bell)
            np.exp(bell, out=bell)
            np.abs(u, out=t)
            np.multiply(t, 0.3275911 * 0.5**0.5, out=t)
            np.add(t, 1, out=t)
            np.reciprocal(t, out=t)
            np.multiply(t, 0.5 * coefficients[0], out=tail)
            for coefficient in coefficients[1:]:
                np.add(tail, 0.5 * coefficient, out=tail)
                np.multiply(tail, t, out=tail)
            np.multiply(tail, bell, out=tail)
            # Φ(u) is the tail where u is negative, and one minus it elsewhere.
            np.subtract(tail, 0.5, out=tail)
            np.copysign(tail, u, out=tail)
            np.add(tail, 0.5, out=tail)
            np.multiply(u, tail, out=out[rows])
            np.multiply(bell, bell_scale, out=bell)
            np.multiply(bell, u, out=bell)
            np.add(bell, tail, out=bell)
            # `bell` is now gelu'(u); its product with g is the gradient of u.
            np.multiply(bell, g[rows], out=bell)
            np.multiply(bell, w, out=x_grad[rows])
            b_grad += bell.sum(axis=0)
            np.multiply(bell, x[rows], out=bell)
            w_grad += bell.sum(axis=0)
        return [out, x_grad, w_grad, b_grad]

    return step


WORKLOADS = [
    Workload(
        name="gelu",
        title="gelu(x·w+b) on 4M elements, forward and backward",
        ceiling=1.1,
        inputs=inputs,
        variants={"candelabra": in_candelabra, "torch": in_torch, "numpy": in_numpy},
        small={"rows": 64, "columns": 48},
    )
]
