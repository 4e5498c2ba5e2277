"""Updates of optimizers that know a matrix from a vector: Adafactor and Muon.

As in `update`, each row is pure and works on many parameters at once.
"""

from __future__ import annotations

import math
from typing import Any

from .row import Row
from .update import mixed


def adjusted_lr(lr: float, adjust: str | None, shape: tuple[int, ...]) -> float:
    """Return Muon's learning rate of a matrix: Jordan's adjustment, or the one that matches AdamW's root mean square."""
    rows, columns = shape
    if adjust == "match_rms_adamw":
        return lr * 0.2 * math.sqrt(max(rows, columns))
    return lr * math.sqrt(max(1.0, rows / max(columns, 1)))


def _at_least(xp: Any, x: Any, least: float) -> Any:
    return xp.maximum(x, xp.full_like(x, least))


def _root_mean_square(xp: Any, x: Any) -> Any:
    return xp.sqrt(xp.mean(x * x))


def _adafactor_body(
    xp: Any, params: Any, grads: Any, row_vars: Any, col_vars: Any, variances: Any, *, steps: Any, lr: float,
    beta2_decay: float, eps1: Any, eps2: float, d: float, weight_decay: float, maximize: bool,
) -> Any:  # fmt: skip
    new: tuple[list[Any], ...] = ([], [], [], [])
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        if maximize:
            g = -g
        keep = 1 - steps[i] ** beta2_decay
        alpha = _at_least(xp, _root_mean_square(xp, p), eps2) * min(lr, 1 / math.sqrt(steps[i]))
        if weight_decay:
            p = p * (1 - lr * weight_decay)
        square = g * g
        if row_vars:
            row = mixed(row_vars[i], xp.mean(square, axis=-1, keepdims=True), keep)
            column = mixed(col_vars[i], xp.mean(square, axis=-2, keepdims=True), keep)
            variance = row * column / _at_least(xp, xp.mean(row, axis=-2, keepdims=True), eps1[i])
            new[1].append(row)
            new[2].append(column)
        else:
            variance = mixed(variances[i], square, keep)
            new[3].append(variance)
        step = g / xp.sqrt(_at_least(xp, variance, eps1[i] * eps1[i]))
        new[0].append(p - alpha / _at_least(xp, _root_mean_square(xp, step) / d, 1.0) * step)
    return new


def _coarse(xp: Any, x: Any) -> Any:
    """Round float32 to bfloat16's eight bits, ties to even, by Veltkamp's splitting, which leaves ties open."""

    def split(x: Any, bits: int) -> Any:
        scaled = x * (2.0 ** (24 - bits) + 1.0)
        return scaled - (scaled - x)

    near = split(x, 8)
    # Only at a tie has the neighbour on the other side of `x` eight bits, too; the even one of the two has seven.
    other = near + 2.0 * (x - near)
    return xp.where((split(near, 7) != near) & (split(other, 8) == other), other, near)


def _orthogonal(xp: Any, x: Any, a: float, b: float, c: float, steps: int, eps: float) -> Any:
    """Return nearly the nearest orthogonal matrix of a wide one, by Newton and Schulz, in bfloat16's precision."""
    x = _coarse(xp, x)
    norm = _coarse(xp, xp.sqrt(xp.sum(x * x)))
    x = _coarse(xp, x / _at_least(xp, norm, eps))
    for _ in range(steps):
        gram = _coarse(xp, xp.matmul(x, xp.matrix_transpose(x)))
        polynomial = _coarse(xp, b * gram + c * xp.matmul(gram, gram))
        x = _coarse(xp, a * x + xp.matmul(polynomial, x))
    return x


def _muon_body(
    xp: Any, params: Any, grads: Any, momentum_buffers: Any, *, lr: float, weight_decay: float, momentum: float,
    nesterov: bool, a: float, b: float, c: float, eps: float, ns_steps: int, adjust: str | None,
) -> Any:  # fmt: skip
    new: tuple[list[Any], ...] = ([], [])
    for p, g, buffer in zip(params, grads, momentum_buffers, strict=True):
        buffer = mixed(buffer, g, momentum)
        step = mixed(buffer, g, momentum) if nesterov else buffer
        step = xp.astype(step, xp.device.native_dtype("float32", "muon_step"))
        tall = p.shape[0] > p.shape[1]
        step = _orthogonal(xp, xp.matrix_transpose(step) if tall else step, a, b, c, ns_steps, eps)
        step = xp.astype(xp.matrix_transpose(step) if tall else step, p.dtype)
        new[0].append(p * (1 - lr * weight_decay) - adjusted_lr(lr, adjust, p.shape) * step)
        new[1].append(buffer)
    return new


adafactor_step = Row(
    "update", "adafactor_step",
    "[params], [grads], [row_vars], [col_vars], [variances], /, *, steps, lr, beta2_decay, eps1, eps2, d, weight_decay, "
    "maximize",
    "Update parameters by Adafactor (Shazeer and Stern, 2018): all matrices, with factors, or all vectors, with variances.",
    body=_adafactor_body, outputs=("params", "row_vars", "col_vars", "variances"), differentiable=(False,) * 4,
    category="real floating-point", depth=1,
)  # fmt: skip
muon_step = Row(
    "update", "muon_step",
    "[params], [grads], [momentum_buffers], /, *, lr, weight_decay, momentum, nesterov, a, b, c, eps, ns_steps, adjust",
    "Update matrices by Muon, momentum made orthogonal (Jordan et al., 2024), in bfloat16's precision.",
    body=_muon_body, outputs=("params", "momentum_buffers"), differentiable=(False, False),
    category="real floating-point", tolerance=3e3, depth=1,
)  # fmt: skip
