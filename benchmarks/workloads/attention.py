"""Scaled dot-product attention, 8 heads of 64, batch 2, length 1024, forward and backward to queries, keys and values.

The scores of all heads are 67 MB: both libraries work through them in tiles that stay in cache.
"""

from __future__ import annotations

from ..workload import Arrays, Step, Workload

HEADS, WIDTH = 8, 64


def inputs(rng, batch: int = 2, length: int = 1024) -> Arrays:
    shape = (batch, HEADS, length, WIDTH)
    return {name: rng.standard_normal(shape, dtype="float32") for name in ("q", "k", "v", "g")}


def in_candelabra(arrays: Arrays) -> Step:
    import candelabra as cb
    from candelabra.nn.functional import scaled_dot_product_attention

    leaves = [cb.tensor(arrays[name], requires_grad=True) for name in ("q", "k", "v")]
    g = cb.tensor(arrays["g"])

    def step():
        for leaf in leaves:
            leaf.grad = None
        out = scaled_dot_product_attention(*leaves)
        out.backward(g)
        return [out, *(leaf.grad for leaf in leaves)]

    return step


def in_torch(arrays: Arrays) -> Step:
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    leaves = [torch.tensor(arrays[name], requires_grad=True) for name in ("q", "k", "v")]
    g = torch.tensor(arrays["g"])

    def step():
        for leaf in leaves:
            leaf.grad = None
        out = scaled_dot_product_attention(*leaves)
        out.backward(g)
        return [out, *(leaf.grad for leaf in leaves)]

    return step


def in_numpy(arrays: Arrays) -> Step:
    import numpy as np

    q, k, v, g = arrays.values()
    scale = np.float32(WIDTH**-0.5)

    def head(q, k, v, g):
        """One head after the other, so that its scores are the only ones in memory."""
        weights = (q * scale) @ k.T
        weights -= weights.max(axis=-1, keepdims=True)
        np.exp(weights, out=weights)
        weights /= weights.sum(axis=-1, keepdims=True)
        out = weights @ v
        v_grad = weights.T @ g
        scores_grad = g @ v.T
        scores_grad -= np.vecdot(g, out)[:, None]
        scores_grad *= weights
        q_grad = scores_grad @ k
        q_grad *= scale
        k_grad = scores_grad.T @ q
        k_grad *= scale
        return out, q_grad, k_grad, v_grad

    def step():
        found = [np.empty_like(x) for x in (q, q, k, v)]
        for place in np.ndindex(*q.shape[:2]):
            for array, value in zip(found, head(q[place], k[place], v[place], g[place])):
                array[place] = value
        return found

    return step


WORKLOADS = [
    Workload(
        name="attention",
        title="attention, 8 heads of 64, batch 2, length 1024, forward and backward",
        ceiling=1.0,
        inputs=inputs,
        variants={"candelabra": in_candelabra, "torch": in_torch, "numpy": in_numpy},
        small={"batch": 1, "length": 70},
    )
]
