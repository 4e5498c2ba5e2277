"""Attention on a card, without the whole matrix of scores."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ....core.backend import Kernel
from ..launch import Launcher, float64, type_of, without_residuals

# As in attention.cu.
MASK = np.dtype(
    [("values", np.uint64), *((name, np.int64) for name in ("by_batch", "by_row", "by_column")),
     ("kind", np.int32), ("causal", np.int32)]
)  # fmt: skip
SHAPE = np.dtype([(name, np.int64) for name in ("queries", "keys", "width", "value_width")])
MOST_FEATURES, FEW_FEATURES = 128, 64
# The most blocks along the second axis of a grid.
MOST_BATCHES = 65535


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""

    def declines(q: Any, k: Any, v: Any, mask: Any) -> bool:
        lead = q.shape[:-2]
        if type_of(q) is None or any(x.dtype != q.dtype or x.shape[:-2] != lead for x in (k, v)):
            return True
        if max(q.shape[-1], v.shape[-1]) > MOST_FEATURES or math.prod(lead) > MOST_BATCHES:
            return True
        if 0 in q.shape + k.shape + v.shape:
            return True
        # A mask belongs to all batches, or to each its own.
        ahead = () if mask is None else mask.shape[:-2]
        return any(n != 1 for n in ahead) and ahead != lead

    def told(q: Any, k: Any, v: Any, mask: Any, causal: bool) -> tuple[Any, Any, Any]:
        """What kernels are told of the mask and of the shapes; the mask that must live as long."""
        about = np.zeros((), MASK)
        about["causal"] = causal
        if mask is not None:
            mask = gpu.contiguous(mask)
            rows, columns = (1, 1, *mask.shape)[-2:]
            about["values"], about["kind"] = gpu.address(mask), 1 if mask.dtype.kind == "b" else 2
            about["by_batch"] = rows * columns if mask.size > rows * columns else 0
            about["by_row"], about["by_column"] = columns if rows > 1 else 0, int(columns > 1)
        shape = np.array((q.shape[-2], k.shape[-2], q.shape[-1], v.shape[-1]), SHAPE)
        return about, shape, mask

    def instance(name: str, q: Any, v: Any) -> tuple[str, int]:
        """An instance of a kernel, and how many rows its tiles have."""
        wider = max(q.shape[-1], v.shape[-1]) > FEW_FEATURES
        tile = (64 if wider else 128) // gpu.computed(q).itemsize
        return f"{name}<{type_of(q)}, {str(wider).lower()}>", tile

    def train(q: Any, k: Any, v: Any, mask: Any = None, /, *, is_causal: bool, scale: float) -> Any:
        if declines(q, k, v, mask):
            return NotImplemented
        q, k, v = (gpu.contiguous(x) for x in (q, k, v))
        about, shape, _kept = told(q, k, v, mask, is_causal)
        out = gpu.empty((*q.shape[:-1], v.shape[-1]), q.dtype)
        lse = gpu.empty(q.shape[:-1], gpu.computed(q))
        expression, tile = instance("attention", q, v)
        grid = (-(-q.shape[-2] // tile), math.prod(q.shape[:-2]))
        gpu.run("attention", expression, grid, 4 * tile, q, k, v, about, out, lse, shape, float64(scale))
        return out, (lse,)

    def vjp(
        xp: Any, g: Any, q: Any, k: Any, v: Any, mask: Any, out: Any, lse: Any, is_causal: bool, scale: float,
        wants: tuple[bool, ...],
    ) -> Any:  # fmt: skip
        if g.dtype != q.dtype or (len(wants) > 3 and wants[3]):
            # A mask is data, seldom differentiated: the row does it.
            return NotImplemented
        g, q, k, v, out = (gpu.contiguous(x) for x in (g, q, k, v, out))
        about, shape, _kept = told(q, k, v, mask, is_causal)
        shares = gpu.empty(lse.shape, lse.dtype)
        gpu.run("attention", f"attention_shares<{type_of(q)}>", lse.size, 64, g, out, shares, np.int64(v.shape[-1]))
        batches, by_query, by_key, by_value = math.prod(q.shape[:-2]), None, None, None
        if wants[0]:
            by_query = gpu.empty(q.shape, q.dtype)
            expression, tile = instance("attention_grad_queries", q, v)
            gpu.run(
                "attention", expression, (-(-q.shape[-2] // tile), batches), 4 * tile, q, k, v, about, g, lse, shares,
                by_query, shape, float64(scale),
            )  # fmt: skip
        if wants[1] or wants[2]:
            by_key, by_value = gpu.empty(k.shape, k.dtype), gpu.empty(v.shape, v.dtype)
            expression, tile = instance("attention_grad_keys", q, v)
            gpu.run(
                "attention", expression, (-(-k.shape[-2] // tile), batches), 4 * tile, q, k, v, about, g, lse, shares,
                by_key, by_value, shape, float64(scale),
            )  # fmt: skip
        return by_query, by_key if wants[1] else None, by_value if wants[2] else None, None

    return {"attention": Kernel(without_residuals(train), train, vjp, ("lse",))}
