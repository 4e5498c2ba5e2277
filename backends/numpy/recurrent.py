"""One layer and direction of an LSTM, with one matrix product for all inputs and one per step for the recurrence.

Within a step everything is laid out (N, 4 H) with the gates in the order i, f, o, g, so that the three sigmoids are one
contiguous range: ``sigmoid(x) = tanh(x / 2) / 2 + 1 / 2`` makes a single `tanh` serve all four.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.backend import Kernel

Array = np.ndarray


def _reorder(w: Array, hidden: int) -> Array:
    """Gates i, f, g, o along the first axis as i, f, o, g, and back."""
    return np.concatenate((w[: 2 * hidden], w[3 * hidden :], w[2 * hidden : 3 * hidden]))


def _times(steps: int, reverse: bool) -> range:
    return range(steps - 1, -1, -1) if reverse else range(steps)


def _declines(x: Array, *others: Array | None) -> bool:
    return x.ndim != 3 or any(a is not None and a.dtype.char not in "fd" for a in (x, *others))


def lstm(
    x: Array,
    h0: Array,
    c0: Array,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array | None = None,
    b_hh: Array | None = None,
    /,
    *,
    reverse: bool,
) -> tuple[Array, Array, Array]:
    """Run an LSTM over x (T, N, I); returns its outputs (T, N, H) and the last hidden and cell state (N, H)."""
    result = _run(x, h0, c0, w_ih, w_hh, b_ih, b_hh, reverse, keep=False)
    return NotImplemented if result is NotImplemented else result[0]


def lstm_train(
    x: Array,
    h0: Array,
    c0: Array,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array | None = None,
    b_hh: Array | None = None,
    /,
    *,
    reverse: bool,
) -> tuple[tuple[Array, Array, Array], tuple[Array, Array]]:
    """`lstm`, with the gates (T, N, 4 H) in the order i, f, o, g and the cells (T, N, H) as residuals."""
    return _run(x, h0, c0, w_ih, w_hh, b_ih, b_hh, reverse, keep=True)


def _run(
    x: Array,
    h0: Array,
    c0: Array,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array | None,
    b_hh: Array | None,
    reverse: bool,
    keep: bool,
) -> Any:
    if _declines(x, h0, c0, w_ih, w_hh, b_ih, b_hh):
        return NotImplemented
    steps, n, _ = x.shape
    hidden = h0.shape[-1]
    # Half the sigmoids' arguments once, in the weights, not at every step.
    half = np.full((4 * hidden, 1), 0.5, x.dtype)
    half[3 * hidden :] = 1
    w_in = _reorder(w_ih, hidden)
    w_in *= half
    w_rec = _reorder(w_hh, hidden)
    w_rec *= half
    gates = (x.reshape(steps * n, x.shape[2]) @ w_in.T).reshape(steps, n, 4 * hidden)
    for b in (b_ih, b_hh):
        if b is not None:
            gates += _reorder(b, hidden) * half[:, 0]
    w_rec = np.ascontiguousarray(w_rec.T)
    out = np.empty((steps, n, hidden), x.dtype)
    cells = np.empty((steps if keep else 1, n, hidden), x.dtype)
    part = np.empty((n, 4 * hidden), x.dtype)
    scratch = np.empty((n, hidden), x.dtype)
    h, c = h0, c0
    for t in _times(steps, reverse):
        gate = gates[t]
        np.matmul(h, w_rec, out=part)
        gate += part
        np.tanh(gate, out=gate)
        sigmoids = gate[:, : 3 * hidden]
        sigmoids *= 0.5
        sigmoids += 0.5
        cell = cells[t if keep else 0]
        np.multiply(gate[:, hidden : 2 * hidden], c, out=cell)
        np.multiply(gate[:, :hidden], gate[:, 3 * hidden :], out=scratch)
        cell += scratch
        np.tanh(cell, out=scratch)
        h = out[t]
        np.multiply(gate[:, 2 * hidden : 3 * hidden], scratch, out=h)
        c = cell
    return (out, h.copy(), c.copy()), (gates, cells)


def lstm_vjp(
    xp: Any,
    g: tuple[Array, Array, Array],
    x: Array,
    h0: Array,
    c0: Array,
    w_ih: Array,
    w_hh: Array,
    out: Array,
    reverse: bool,
    gates: Array,
    cells: Array,
    wants: tuple[bool, ...],
) -> tuple[Array | None, ...]:
    """Cotangents of all seven operands: backpropagation through time."""
    wants = (*wants, False, False)[:7]
    steps, n, _ = x.shape
    hidden = h0.shape[-1]
    if steps == 0:
        zeros = [np.zeros(a.shape, x.dtype) for a in (x, h0, c0, w_ih, w_hh, w_ih[:, 0], w_hh[:, 0])]
        zeros[1], zeros[2] = g[1].copy(), g[2].copy()
        return tuple(z if want else None for z, want in zip(zeros, wants, strict=True))
    g_out, g_h, g_c = g
    i, f = gates[..., :hidden], gates[..., hidden : 2 * hidden]
    o, c_in = gates[..., 2 * hidden : 3 * hidden], gates[..., 3 * hidden :]
    # What does not depend on later steps is done for all of them at once, leaving four products per step.
    tanh_c = np.tanh(cells)
    slopes = np.empty((steps, n, 4, hidden), x.dtype)
    sigmoids = gates[..., : 3 * hidden].reshape(steps, n, 3, hidden)
    np.subtract(1, sigmoids, out=slopes[:, :, :3])
    slopes[:, :, :3] *= sigmoids
    slopes[:, :, 0] *= c_in
    previous = slice(1, None) if reverse else slice(None, -1)
    current = slice(None, -1) if reverse else slice(1, None)
    first = steps - 1 if reverse else 0
    slopes[current, :, 1] *= cells[previous]
    slopes[first, :, 1] *= c0
    slopes[:, :, 2] *= tanh_c
    np.multiply(c_in, c_in, out=slopes[:, :, 3])
    np.subtract(1, slopes[:, :, 3], out=slopes[:, :, 3])
    slopes[:, :, 3] *= i
    np.multiply(tanh_c, tanh_c, out=tanh_c)
    np.subtract(1, tanh_c, out=tanh_c)
    tanh_c *= o
    w_rec = _reorder(w_hh, hidden)
    dh = g_h.copy()
    dc = g_c.copy()
    scratch = np.empty((n, hidden), x.dtype)
    for t in _times(steps, not reverse):
        dh += g_out[t]
        np.multiply(dh, tanh_c[t], out=scratch)
        dc += scratch
        slope = slopes[t]
        slope[:, :2] *= dc[:, None]
        slope[:, 2] *= dh
        slope[:, 3] *= dc
        dc *= f[t]
        np.matmul(slope.reshape(n, 4 * hidden), w_rec, out=dh)
    deltas = slopes.reshape(steps * n, 4 * hidden)
    result: list[Array | None] = [None] * 7
    if wants[0]:
        result[0] = (deltas @ _reorder(w_ih, hidden)).reshape(x.shape)
    if wants[1]:
        result[1] = dh
    if wants[2]:
        result[2] = dc
    if wants[3]:
        result[3] = _reorder(deltas.T @ x.reshape(steps * n, x.shape[2]), hidden)
    if wants[4]:
        later = slopes[current].reshape((steps - 1) * n, 4 * hidden)
        total = later.T @ out[previous].reshape((steps - 1) * n, hidden)
        total += slopes[first].reshape(n, 4 * hidden).T @ h0
        result[4] = _reorder(total, hidden)
    if wants[5] or wants[6]:
        total = _reorder(np.ones(steps * n, x.dtype) @ deltas, hidden)
        if wants[5]:
            result[5] = total
        if wants[6]:
            result[6] = total.copy() if wants[5] else total
    return tuple(result)


KERNELS: dict[str, Any] = {"lstm": Kernel(lstm, train=lstm_train, vjp=lstm_vjp, residuals=("gates", "cells"))}
