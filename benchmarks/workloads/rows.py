"""Layer norm and softmax of four million floats in rows of 1024, forward and backward: a few passes over each row."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..workload import Arrays, Step, Workload


def norm_inputs(rng, rows: int = 4096, columns: int = 1024) -> Arrays:
    return {
        "x": rng.standard_normal((rows, columns), dtype="float32"),
        "w": rng.standard_normal(columns, dtype="float32"),
        "b": rng.standard_normal(columns, dtype="float32"),
        "g": rng.standard_normal((rows, columns), dtype="float32"),
    }


def softmax_inputs(rng, rows: int = 4096, columns: int = 1024) -> Arrays:
    return {
        "x": rng.standard_normal((rows, columns), dtype="float32"),
        "g": rng.standard_normal((rows, columns), dtype="float32"),
    }


def norm_in_candelabra(arrays: Arrays) -> Step:
    import candelabra as cb
    from candelabra.nn.functional import layer_norm

    return norm(cb.tensor, layer_norm, arrays)


def norm_in_torch(arrays: Arrays) -> Step:
    import torch
    from torch.nn.functional import layer_norm

    return norm(torch.tensor, layer_norm, arrays)


def norm(tensor, layer_norm, arrays: Arrays) -> Step:
    """Layer norm of rows, and its gradients."""
    x, w, b = leaves = [tensor(arrays[name], requires_grad=True) for name in ("x", "w", "b")]
    g = tensor(arrays["g"])

    def step():
        for leaf in leaves:
            leaf.grad = None
        out = layer_norm(x, (x.shape[1],), w, b)
        out.backward(g)
        return [out, *(leaf.grad for leaf in leaves)]

    return step


def norm_in_numpy(arrays: Arrays) -> Step:
    """Blocks of rows that stay in the cache."""
    import numpy as np

    x, w, b, g = arrays.values()
    width = x.shape[1]
    block = max(1, 65536 // width)

    def step():
        out, x_grad = np.empty_like(x), np.empty_like(x)
        w_grad, b_grad = np.zeros_like(w), np.zeros_like(b)
        rstds, means = (np.empty((len(x), 1), np.float32) for _ in range(2))
        for start in range(0, len(x), block):
            rows = slice(start, start + block)
            mean = x[rows].mean(axis=1, keepdims=True)
            centred = x[rows] - mean
            rstd = 1 / np.sqrt(np.vecdot(centred, centred)[:, None] / width + 1e-5)
            centred *= rstd
            np.multiply(centred, w, out=out[rows])
            out[rows] += b
            means[rows], rstds[rows] = mean, rstd
        for start in range(0, len(x), block):
            rows = slice(start, start + block)
            y = (x[rows] - means[rows]) * rstds[rows]
            b_grad += g[rows].sum(axis=0)
            w_grad += (g[rows] * y).sum(axis=0)
            h = g[rows] * w
            y *= np.vecdot(h, y)[:, None] / width
            h -= h.mean(axis=1, keepdims=True)
            h -= y
            np.multiply(h, rstds[rows], out=x_grad[rows])
        return [out, x_grad, w_grad, b_grad]

    return step


def softmax_in_candelabra(arrays: Arrays) -> Step:
    import candelabra as cb
    from candelabra.nn.functional import softmax

    return _softmax(cb.tensor, softmax, arrays)


def softmax_in_torch(arrays: Arrays) -> Step:
    import torch
    from torch.nn.functional import softmax

    return _softmax(torch.tensor, softmax, arrays)


def there_and_back(function: Callable[[Any], Any], x: Any, g: Any) -> Step:
    """A function of one tensor, and its gradient."""

    def step() -> Any:
        x.grad = None
        out = function(x)
        out.backward(g)
        return [out, x.grad]

    return step


def _softmax(tensor, softmax, arrays: Arrays) -> Step:
    return there_and_back(partial(softmax, dim=-1), tensor(arrays["x"], requires_grad=True), tensor(arrays["g"]))


def softmax_in_numpy(arrays: Arrays) -> Step:
    """Blocks of rows that stay in the cache."""
    import numpy as np

    x, g = arrays.values()
    block = max(1, 65536 // x.shape[1])

    def step():
        out, x_grad = np.empty_like(x), np.empty_like(x)
        for start in range(0, len(x), block):
            rows = slice(start, start + block)
            e = np.subtract(x[rows], x[rows].max(axis=1, keepdims=True), out=out[rows])
            np.exp(e, out=e)
            e /= e.sum(axis=1, keepdims=True)
        for start in range(0, len(x), block):
            rows = slice(start, start + block)
            t = np.subtract(g[rows], np.vecdot(g[rows], out[rows])[:, None], out=x_grad[rows])
            t *= out[rows]
        return [out, x_grad]

    return step


WORKLOADS = [
    Workload(
        name="layer_norm",
        title="layer norm of 4096×1024, forward and backward",
        ceiling=1.0,
        inputs=norm_inputs,
        variants={"candelabra": norm_in_candelabra, "torch": norm_in_torch, "numpy": norm_in_numpy},
        small={"rows": 48, "columns": 32},
    ),
    Workload(
        name="softmax",
        title="softmax of 4096×1024, forward and backward",
        ceiling=1.0,
        inputs=softmax_inputs,
        variants={"candelabra": softmax_in_candelabra, "torch": softmax_in_torch, "numpy": softmax_in_numpy},
        small={"rows": 48, "columns": 32},
    ),
]
