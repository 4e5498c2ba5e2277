"""Updates that know a matrix from a vector: Adafactor and Muon.

The kernels are called as those of `optimizer_adaptive`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ml_dtypes
import numpy as np

from ...core.primitives.update_matrix import adjusted_lr
from .optimizer_blocks import BLOCK

_Lists = tuple[list[np.ndarray], ...]


def _wide(x: np.ndarray) -> np.ndarray:
    """16-bit arrays compute in float32."""
    return x.astype(np.float32) if x.dtype.itemsize == 2 else x


def _written(target: np.ndarray, value: np.ndarray, donate: bool) -> np.ndarray:
    """Return `value` in `target`'s dtype, and in its memory with `donate`."""
    if donate:
        if value is not target:
            target[...] = value
        return target
    return value.astype(target.dtype, copy=False)


def _mixed(old: np.ndarray, new: np.ndarray, share: float) -> np.ndarray:
    """Move from `old` to `new`, starting at the nearer one: with a share of 1 the old value leaves no trace."""
    return old + (new - old) * share if share < 0.5 else new - (new - old) * (1.0 - share)


def _squares(x: np.ndarray) -> float:
    flat = x.reshape(-1) if x.flags.c_contiguous else x.ravel(order="K")
    return float(np.dot(flat, flat))


def _root_mean_square(x: np.ndarray) -> float:
    return math.sqrt(_squares(x) / x.size)


def adafactor_step(
    params: list[np.ndarray], grads: list[np.ndarray], row_vars: list[np.ndarray], col_vars: list[np.ndarray],
    variances: list[np.ndarray], /, *, steps: Sequence[float], lr: float, beta2_decay: float, eps1: Sequence[float],
    eps2: float, d: float, weight_decay: float, maximize: bool, donate: bool = False,
) -> _Lists:  # fmt: skip
    """One step of Adafactor (Shazeer and Stern, 2018), for matrices or for vectors."""
    new: _Lists = ([], [], [], [])
    with np.errstate(all="ignore"):
        for i, (p, g) in enumerate(zip(params, grads, strict=True)):
            if not p.size:
                for out, arrays in zip(new, (params, row_vars, col_vars, variances), strict=True):
                    out.extend(a if donate else a.copy() for a in arrays[i : i + 1])
                continue
            wide, share = _wide(p), steps[i] ** beta2_decay
            alpha = max(eps2, _root_mean_square(wide)) * min(lr, 1.0 / math.sqrt(steps[i]))
            if g.ndim > 1:
                step, row, column = _factored(_wide(g), _wide(row_vars[i]), _wide(col_vars[i]), share, eps1[i])
                new[1].append(_written(row_vars[i], row, donate))
                new[2].append(_written(col_vars[i], column, donate))
            else:
                # NumPy's arithmetic would turn 0-d arrays into scalars.
                g, old = (np.atleast_1d(_wide(x)) for x in (g, variances[i]))
                variance = _mixed(old, g * g, share)
                step = np.maximum(variance, np.array(eps1[i] * eps1[i], g.dtype))
                np.sqrt(step, out=step)
                np.divide(g, step, out=step)
                step = step.reshape(p.shape)
                new[3].append(_written(variances[i], variance.reshape(p.shape), donate))
            size = alpha / max(1.0, _root_mean_square(step) / d)
            step *= size if maximize else -size
            if weight_decay:
                wide = np.multiply(wide, 1.0 - lr * weight_decay, out=wide if donate or wide is not p else None)
            total = np.add(wide, step, out=p if donate and wide is p else step)
            new[0].append(_written(p, total, donate))
    return new


def _factored(
    g: np.ndarray, row: np.ndarray, column: np.ndarray, share: float, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the gradient over the root of its factored variance, and the factors' new values."""
    rows, columns = g.shape[-2:]
    matrices = g.reshape(-1, rows, columns)
    row_mean, column_mean = np.empty((len(matrices), rows), g.dtype), np.zeros((len(matrices), columns), g.dtype)
    pieces = list(_pieces(*matrices.shape))
    scratch = np.empty_like(matrices[pieces[0]])
    for piece in pieces:
        part = matrices[piece]
        square = np.multiply(part, part, out=scratch[: len(part), : part.shape[1]])
        np.add.reduce(square, axis=2, out=row_mean[piece])
        column_mean[piece[0]] += np.add.reduce(square, axis=1)
    row_mean /= columns
    column_mean /= rows
    row = _mixed(row, row_mean.reshape(row.shape), share)
    column = _mixed(column, column_mean.reshape(column.shape), share)
    scaled = (row / np.maximum(row.mean(axis=-2, keepdims=True), np.array(eps, g.dtype))).reshape(-1, rows, 1)
    step = np.empty(g.shape, g.dtype)
    out, by_column, least = step.reshape(matrices.shape), column.reshape(-1, 1, columns), np.array(eps * eps, g.dtype)
    for piece in pieces:
        part = np.multiply(scaled[piece], by_column[piece[0]], out=out[piece])
        np.maximum(part, least, out=part)
        np.sqrt(part, out=part)
        np.divide(matrices[piece], part, out=part)
    return step, row, column


def _pieces(count: int, rows: int, columns: int) -> Iterator[tuple[slice, slice]]:
    """Several matrices, or some rows of one, that stay in cache."""
    many = max(1, BLOCK // (rows * columns))
    height = max(1, BLOCK // columns) if many == 1 else rows
    for first in range(0, count, many):
        for start in range(0, rows, height):
            yield slice(first, first + many), slice(start, start + height)


def muon_step(
    params: list[np.ndarray], grads: list[np.ndarray], momentum_buffers: list[np.ndarray], /, *, lr: float,
    weight_decay: float, momentum: float, nesterov: bool, a: float, b: float, c: float, eps: float, ns_steps: int,
    adjust: str | None, donate: bool = False,
) -> _Lists:  # fmt: skip
    """One step of Muon (Jordan et al., 2024)."""
    new: _Lists = ([], [])
    with np.errstate(all="ignore"):
        for p, g, old in zip(params, grads, momentum_buffers, strict=True):
            g, buffer = _wide(g), _wide(old)
            step = g - buffer
            step *= 1.0 - momentum
            buffer = np.add(buffer, step, out=buffer if donate or buffer is not old else None)
            if nesterov:
                np.subtract(g, buffer, out=step)
                step *= 1.0 - momentum
                step += buffer
            tall = p.shape[0] > p.shape[1]
            step = step if nesterov else buffer
            step = _orthogonal(step.T if tall else step, a, b, c, ns_steps, eps)
            wide = _wide(p)
            step = (step.T if tall else step).astype(wide.dtype, copy=False)
            step *= -adjusted_lr(lr, adjust, p.shape)
            wide = np.multiply(wide, 1.0 - lr * weight_decay, out=wide if donate or wide is not p else None)
            wide += step
            new[0].append(_written(p, wide, donate))
            new[1].append(_written(old, buffer, donate))
    return new


def _coarse(x: np.ndarray) -> np.ndarray:
    """Round to bfloat16, and go on in float32, where BLAS is."""
    return x.astype(ml_dtypes.bfloat16).astype(np.float32)


def _orthogonal(x: np.ndarray, a: float, b: float, c: float, steps: int, eps: float) -> np.ndarray:
    """Nearly the nearest orthogonal matrix of a wide one, by Newton and Schulz."""
    x = _coarse(np.ascontiguousarray(x, np.float32))
    norm = _coarse(np.asarray(np.sqrt(np.float32(_squares(x)))))
    x = _coarse(x / np.maximum(norm, np.float32(eps)))
    for _ in range(steps):
        # NumPy takes half the multiplications where a matrix meets its own transpose.
        gram = _coarse(x @ x.T)
        polynomial = gram @ gram.T
        polynomial *= c
        gram *= b
        polynomial += gram
        power = _coarse(polynomial) @ x
        x *= a
        x += power
        x = _coarse(x)
    return x


KERNELS: dict[str, Callable[..., Any]] = {"adafactor_step": adafactor_step, "muon_step": muon_step}
