"""One layer and direction of an LSTM, with one matrix product for all inputs and one per step for the recurrence.

Within a step the gates are laid out (4, N, H) in the order o, i, f, g: the three sigmoids are then one contiguous
range, and so are the three gates that act through the cell. ``sigmoid(x) = tanh(x / 2) / 2 + 1 / 2`` makes one `tanh`
serve all.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.backend import Kernel

Array = np.ndarray


# Elements of gates per block of the backward pass's preparation, which stay in a second-level cache.
_BLOCK = 1 << 16
# BLAS is fastest where the length of a row is a multiple of this.
_ALIGN = 8


def _reorder(w: Array, hidden: int) -> Array:
    """PyTorch's gates i, f, g, o along the first axis as o, i, f, g."""
    return np.concatenate((w[3 * hidden :], w[: 2 * hidden], w[2 * hidden : 3 * hidden]))


def _restore(w: Array, hidden: int) -> Array:
    """Gates o, i, f, g along the first axis as PyTorch's i, f, g, o."""
    return np.concatenate((w[hidden:], w[:hidden]))


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
    """`lstm`, with the gates (T, 4, N, H) in the order o, i, f, g and the cells (T, N, H) as residuals."""
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
    biases = [_reorder(b, hidden) for b in (b_ih, b_hh) if b is not None]
    inputs = x.reshape(steps * n, x.shape[2])
    w_in, w_rec = _reorder(w_ih, hidden), _reorder(w_hh, hidden)
    if biases:
        # A column of ones carries the biases; BLAS prefers rows of a round length.
        width = -(-(x.shape[2] + 1) // _ALIGN) * _ALIGN
        extended = np.zeros((steps * n, width), x.dtype)
        extended[:, : x.shape[2]] = inputs
        extended[:, x.shape[2]] = 1
        weights = np.zeros((4 * hidden, width), x.dtype)
        weights[:, : x.shape[2]] = w_in
        weights[:, x.shape[2]] = sum(biases)
        inputs, w_in = extended, weights
    # Half the sigmoids' arguments once, in the weights, not at every step.
    w_in[: 3 * hidden] *= 0.5
    w_rec[: 3 * hidden] *= 0.5
    w_rec = np.ascontiguousarray(w_rec.T)
    inputs = (inputs @ np.ascontiguousarray(w_in.T)).reshape(steps, n, 4 * hidden)
    out = np.empty((steps, n, hidden), x.dtype)
    # A step's gates overwrite its inputs, in another order.
    gates = inputs.reshape(steps, 4, n, hidden)
    cells = np.empty((steps if keep else 1, n, hidden), x.dtype)
    product = np.empty((n, 4 * hidden), x.dtype)
    product_by_gate = product.reshape(n, 4, hidden).transpose(1, 0, 2)
    scratch = np.empty((n, hidden), x.dtype)
    h, c = h0, c0
    for t in _times(steps, reverse):
        gate, cell = gates[t], cells[t if keep else 0]
        np.matmul(h, w_rec, out=product)
        np.add(product, inputs[t], out=product)
        np.tanh(product_by_gate, out=gate)
        sigmoids = gate[:3]
        np.multiply(sigmoids, 0.5, out=sigmoids)
        np.add(sigmoids, 0.5, out=sigmoids)
        o, i, f, g = gate
        np.multiply(f, c, out=cell)
        np.multiply(i, g, out=scratch)
        np.add(cell, scratch, out=cell)
        np.tanh(cell, out=scratch)
        h = out[t]
        np.multiply(o, scratch, out=h)
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
) -> Any:
    """Cotangents of all seven operands: backpropagation through time."""
    if _declines(x, *g):
        return NotImplemented
    wants = (*wants, False, False)[:7]
    steps, n, inputs = x.shape
    hidden = c0.shape[-1]
    dtype = c0.dtype
    g_out, g_h, g_c = g
    w_rec = _reorder(w_hh, hidden)
    dh = np.array(g_h, order="C")
    dc = np.array(g_c, order="C")
    deltas = np.empty((steps, n, 4 * hidden), dtype)
    by_gate = deltas.reshape(steps, n, 4, hidden).transpose(0, 2, 1, 3)
    scratch = np.empty((n, hidden), dtype)
    times = list(_times(steps, not reverse))
    step = max(1, _BLOCK // max(1, 4 * n * hidden))
    earlier = np.empty((min(step, steps), n, hidden), dtype)
    for k in range(0, steps, step):
        block = times[k : k + step]
        low, high = min(block), max(block) + 1
        previous = earlier[: high - low]
        if reverse:
            previous[-1] = cells[high] if high < steps else c0
            previous[:-1] = cells[low + 1 : high]
        else:
            previous[0] = cells[low - 1] if low else c0
            previous[1:] = cells[low : high - 1]
        slopes, through = _slopes(gates[low:high], cells[low:high], previous)
        for t in block:
            delta, slope = by_gate[t], slopes[t - low]
            np.add(dh, g_out[t], out=dh)
            np.multiply(slope[0], dh, out=delta[0])
            np.multiply(dh, through[t - low], out=scratch)
            np.add(dc, scratch, out=dc)
            np.multiply(slope[1:], dc, out=delta[1:])
            np.multiply(dc, gates[t, 2], out=dc)
            np.matmul(deltas[t], w_rec, out=dh)
    flat = deltas.reshape(steps * n, 4 * hidden)
    result: list[Array | None] = [None] * 7
    if wants[0]:
        result[0] = (flat @ _reorder(w_ih, hidden)).reshape(x.shape)
    if wants[1]:
        result[1] = dh
    if wants[2]:
        result[2] = dc
    if wants[3]:
        result[3] = _restore(flat.T @ x.reshape(steps * n, inputs), hidden)
    if wants[4]:
        before = np.empty((steps, n, hidden), dtype)
        if reverse:
            before[-1:] = h0
            before[:-1] = out[1:]
        else:
            before[:1] = h0
            before[1:] = out[:-1]
        result[4] = _restore(flat.T @ before.reshape(steps * n, hidden), hidden)
    if wants[5] or wants[6]:
        total = _restore(np.ones(steps * n, dtype) @ flat, hidden)
        if wants[5]:
            result[5] = total
        if wants[6]:
            result[6] = total.copy() if wants[5] else total
    return tuple(result)


def _slopes(gates: Array, cells: Array, previous: Array) -> tuple[Array, Array]:
    """What does not depend on later steps, for several at once.

    Returns the derivative of h (gate o) or of c (gates i, f, g) with respect to each gate's argument, and that of h
    with respect to c.
    """
    o, i, _, g = gates.transpose(1, 0, 2, 3)
    tanh_c = np.tanh(cells)
    slopes = np.empty_like(gates)
    sigmoids = slopes[:, :3]
    np.subtract(1, gates[:, :3], out=sigmoids)
    np.multiply(sigmoids, gates[:, :3], out=sigmoids)
    np.multiply(slopes[:, 0], tanh_c, out=slopes[:, 0])
    np.multiply(slopes[:, 1], g, out=slopes[:, 1])
    np.multiply(slopes[:, 2], previous, out=slopes[:, 2])
    last = slopes[:, 3]
    np.multiply(g, g, out=last)
    np.subtract(1, last, out=last)
    np.multiply(last, i, out=last)
    np.multiply(tanh_c, tanh_c, out=tanh_c)
    np.subtract(1, tanh_c, out=tanh_c)
    np.multiply(tanh_c, o, out=tanh_c)
    return slopes, tanh_c


KERNELS: dict[str, Any] = {"lstm": Kernel(lstm, train=lstm_train, vjp=lstm_vjp, residuals=("gates", "cells"))}
