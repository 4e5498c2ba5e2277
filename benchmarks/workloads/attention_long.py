"""Causal attention in bfloat16, 16 heads of 64, 16384 tokens in sequences of 512 to 8192, forward and backward."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..workload import Arrays, Goal, Step, Workload
from .both import both

HEADS, WIDTH, TOKENS = 16, 64, 16384
LENGTHS = (512, 2048, 8192)


def inputs(rng: Any, length: int = 2048, tokens: int = TOKENS) -> Arrays:
    shape = (tokens // length, HEADS, length, WIDTH)
    return {name: 4 * rng.random(shape, dtype="float32") - 2 for name in ("q", "k", "v", "g")}


def attend(lib: Any, arrays: Arrays) -> Step:
    dtype = lib.module.bfloat16
    leaves = [lib.tensor(arrays[name], dtype=dtype, requires_grad=True) for name in ("q", "k", "v")]
    g = lib.tensor(arrays["g"], dtype=dtype)
    attention = lib.functional.scaled_dot_product_attention

    def step() -> Any:
        for leaf in leaves:
            leaf.grad = None
        out = attention(*leaves, is_causal=True)
        out.backward(g)
        return [out, *(leaf.grad for leaf in leaves)]

    return step


def operations(arrays: Arrays) -> float:
    """Two products forward and five backward, half of each behind the mask."""
    batch, heads, length, width = arrays["q"].shape
    return 7 * 2.0 * batch * heads * length * length * width / 2


WORKLOADS = [
    Workload(
        name=f"attention-{length}",
        title=f"causal attention, {TOKENS // length}×{HEADS}×{length}×{WIDTH}, bfloat16, forward and backward",
        ceiling=None,
        inputs=partial(inputs, length=length),
        variants=both(attend),
        small={"length": 70, "tokens": 140},
        card=Goal(ceiling=1.0),
        operations=operations,
    )
    for length in LENGTHS
]
