"""Muon's steps on a card: matrices of one shape are a stack, whose products take a few calls however many they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np

from ....core.primitives.update_matrix import adjusted_lr
from ..launch import FLOATS, Launcher, float64, name_of
from ..products import combine
from .parameters import THREADS, parts

NARROW = np.dtype(ml_dtypes.bfloat16)
# So many elements are worked on at a time: what the products need beside them is as large.
LIMIT = 1 << 28
# From this compute capability on cuBLAS multiplies bfloat16, and from this version of CUDA on CuPy has it.
CAPABILITY, VERSION = 80, 12020


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""

    def muon_step(
        params: list[Any], grads: list[Any], momentum_buffers: list[Any], /, *, lr: float, weight_decay: float,
        momentum: float, nesterov: bool, a: float, b: float, c: float, eps: float, ns_steps: int, adjust: str | None,
        donate: bool = False,
    ) -> Any:  # fmt: skip
        read = [list(x) for x in (params, grads, momentum_buffers)]
        together = list(zip(*read, strict=True))
        if any(name_of(p.dtype) not in FLOATS or g.dtype != p.dtype or m.dtype != p.dtype for p, g, m in together):
            return NotImplemented
        if gpu.capability() < CAPABILITY or gpu.xp.cuda.runtime.runtimeGetVersion() < VERSION:
            return NotImplemented
        for arrays in read:
            arrays[:] = [gpu.contiguous(x) for x in arrays]
        params, grads, buffers = read
        to_params, to_buffers = (x if donate else [gpu.empty_like(y) for y in x] for x in (params, buffers))
        for batch in _batches(params):
            stacks = {shape: gpu.empty((len(members), *shape), NARROW) for shape, members in batch.items()}
            chosen = [i for members in batch.values() for i in members]
            steps = [step for stack in stacks.values() for step in _matrices(stack)]
            given = [[arrays[i] for i in chosen] for arrays in (params, grads, buffers)]
            made = [[arrays[i] for i in chosen] for arrays in (to_params, to_buffers)]
            for part in parts(gpu, given, (*made, steps)):
                sums, norms = gpu.empty((part.blocks,), np.float64), gpu.empty((int(part.table["count"]),), np.float32)
                told = float64(momentum), np.bool_(nesterov)
                gpu.run("muon", f"muon_momentum<{part.kind}>", part.blocks, THREADS, part.table, sums, *told)
                gpu.run("muon", "muon_norms", len(norms), THREADS, part.table, sums, norms, float64(eps))
                gpu.run("muon", "muon_divided", part.blocks, THREADS, part.table, norms)
            # Each stack is let go as soon as another takes its place.
            del steps
            made_orthogonal = [_orthogonal(gpu, stacks.pop(shape), a, b, c, ns_steps) for shape in batch]
            steps = [step for stack in made_orthogonal for step in _matrices(stack)]
            rates = [adjusted_lr(lr, adjust, params[i].shape) for i in chosen]
            for part in parts(gpu, (*given, steps), made, rates):
                left = float64(1 - lr * weight_decay)
                gpu.run("muon", f"muon_taken<{part.kind}>", part.blocks, THREADS, part.table, left)
        return to_params, to_buffers

    return {"muon_step": muon_step}


def _batches(params: list[Any]) -> Iterator[dict[tuple[int, ...], list[int]]]:
    """Yield which parameters of each shape are worked on together; those without elements are passed over."""
    batch: dict[tuple[int, ...], list[int]] = {}
    filled = 0
    for i in sorted((i for i, p in enumerate(params) if p.size), key=lambda i: params[i].shape):
        if batch and filled + params[i].size > LIMIT:
            yield batch
            batch, filled = {}, 0
        batch.setdefault(params[i].shape, []).append(i)
        filled += params[i].size
    if batch:
        yield batch


def _matrices(stack: Any) -> list[Any]:
    return [stack[k] for k in range(stack.shape[0])]


def _orthogonal(gpu: Launcher, x: Any, a: float, b: float, c: float, steps: int) -> Any:
    """Return nearly the nearest orthogonal matrices of a stack's, by Newton and Schulz; `x` is of no use after it."""
    count, rows, columns = x.shape
    tall = rows > columns
    size = min(rows, columns)
    gram = gpu.empty((count, size, size), x.dtype)
    for _ in range(steps):
        turned = x.swapaxes(1, 2)
        combine(gpu, *((turned, x) if tall else (x, turned)), gram)
        polynomial = gpu.copied(gram)
        combine(gpu, gram, gram, polynomial, c, b)
        former, x = x, gpu.copied(x)
        combine(gpu, *((former, polynomial) if tall else (polynomial, former)), x, 1.0, a)
    return x
