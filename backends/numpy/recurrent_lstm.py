"""One layer and direction of an LSTM.

The gates stand in PyTorch's order i, f, g, o. One `tanh` serves all, since ``sigmoid(x) = tanh(x / 2) / 2 + 1 / 2``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.backend import Kernel
from . import recurrent_shared as shared
from .recurrent_shared import Array, Sizes


def lstm(
    x: Array, h0: Array, c0: Array, w_ih: Array, w_hh: Array, b_ih: Array | None = None, b_hh: Array | None = None,
    w_hr: Array | None = None, /, *, reverse: bool = False, batch_sizes: Sizes = None,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Run an LSTM over x (T, N, I); returns its outputs (T, N, P) and the last states (N, P) and (N, H)."""
    result = _run(x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, reverse, batch_sizes, keep=False)
    return NotImplemented if result is NotImplemented else result[0]


def lstm_train(
    x: Array, h0: Array, c0: Array, w_ih: Array, w_hh: Array, b_ih: Array | None = None, b_hh: Array | None = None,
    w_hr: Array | None = None, /, *, reverse: bool = False, batch_sizes: Sizes = None,
) -> Any:  # fmt: skip
    """`lstm`, with residuals: the gates (R, 4 * H), of which each step's rows hold one gate after the other; the cells,
    their tanh, and what is projected (R, H)."""
    return _run(x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, reverse, batch_sizes, keep=True)


def _run(
    x: Array, h0: Array, c0: Array, w_ih: Array, w_hh: Array, b_ih: Array | None, b_hh: Array | None,
    w_hr: Array | None, reverse: bool, sizes: Sizes, keep: bool,
) -> Any:  # fmt: skip
    if shared.declines(x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr):
        return NotImplemented
    (steps, n, _), hidden, dtype = x.shape, c0.shape[1], x.dtype
    rows = shared.pack(x, sizes)
    w_in, w_rec, bias = w_ih, w_hh, shared.added(b_ih, b_hh)
    many = steps >= shared.MANY_STEPS
    if many:
        # Half the sigmoids' arguments once, in the weights, not at every step.
        w_in, w_rec = _halved(w_in, hidden), _halved(w_rec, hidden)
        bias = None if bias is None else _halved(bias, hidden)
    w_rec = shared.columns(np.ascontiguousarray(w_rec.T) if many else w_rec.T, n)
    kept = len(rows) if keep else n
    tanh_cells, cells = np.empty((kept, hidden), dtype), np.empty((kept if keep else 0, hidden), dtype)
    projected = np.empty((kept if w_hr is not None else 0, hidden), dtype)
    project = None if w_hr is None else w_hr.T
    out, out_rows = shared.empty_rows(steps, n, h0.shape[1], dtype, sizes)
    product, scratch = np.empty((n, 4 * hidden), dtype), np.empty((n, hidden), dtype)
    product_blocks = shared.alike(product, w_rec)
    product_by_gate = product.reshape(n, 4, hidden).transpose(1, 0, 2)
    h, c = np.array(h0, order="C"), np.array(c0, order="C")
    steps_of = shared.spans(x, sizes, reverse)
    for gates, part_of in shared.fed(rows, w_in, bias, steps_of, n * w_hh.size):
        for start, stop in part_of:
            living = stop - start
            low, high = (start, stop) if keep else (0, living)
            z, part = product[:living], scratch[:living]
            state, cell = (h, c) if sizes is None else (h[:living], c[:living])
            after = cells[low:high] if keep else cell
            inputs = gates[start:stop]
            # The gates overwrite the inputs, in another order.
            gate = inputs.reshape(4, living, hidden)
            np.matmul(state, w_rec, out=product_blocks[:, :living])
            np.add(z, inputs, out=z)
            if not many:
                np.multiply(z[:, : 2 * hidden], 0.5, out=z[:, : 2 * hidden])
                np.multiply(z[:, 3 * hidden :], 0.5, out=z[:, 3 * hidden :])
            np.tanh(product_by_gate[:, :living], out=gate)
            i, f, g, o = gate
            for sigmoids in (gate[:2], o):
                np.multiply(sigmoids, 0.5, out=sigmoids)
                np.add(sigmoids, 0.5, out=sigmoids)
            np.multiply(f, cell, out=after)
            np.multiply(i, g, out=part)
            np.add(after, part, out=after)
            bounded = tanh_cells[low:high]
            np.tanh(after, out=bounded)
            now = out_rows[start:stop]
            if project is None:
                np.multiply(o, bounded, out=now)
            else:
                inner = projected[low:high]
                np.multiply(o, bounded, out=inner)
                np.matmul(inner, project, out=now)
            if sizes is None:
                h, c = now, after
            else:
                state[...], cell[...] = now, after
    if sizes is None:
        h, c = h.copy(), c.copy()
    return (shared.unpack(out, out_rows, sizes), h, c), (gates, cells, tanh_cells, projected)


def lstm_vjp(
    xp: Any, g: tuple[Array, Array, Array], x: Array, h0: Array, c0: Array, w_ih: Array, w_hh: Array,
    w_hr: Array | None, out: Array, reverse: bool, batch_sizes: Sizes, gates: Array, cells: Array, tanh_cells: Array,
    projected: Array, wants: tuple[bool, ...],
) -> Any:  # fmt: skip
    """Cotangents of all eight operands: backpropagation through time."""
    if shared.declines(x, *g):
        return NotImplemented
    (_, n, _), hidden, dtype, sizes = x.shape, c0.shape[1], c0.dtype, batch_sizes
    g_out = shared.pack(g[0], sizes)
    w_rec = shared.columns(w_hh, n)
    dh, dc = np.array(g[1], order="C"), np.array(g[2], order="C")
    deltas = np.empty((len(g_out), 4 * hidden), dtype)
    by_gate = deltas.reshape(-1, 4, hidden).transpose(1, 0, 2)
    outer = np.empty((len(g_out) if w_hr is not None else 0, h0.shape[1]), dtype)
    scratch, through_projection = np.empty((n, hidden), dtype), np.empty((n, hidden), dtype)
    dh_blocks = shared.alike(dh, w_rec)
    wants = (*wants, False, False, False)[:8]
    steps = shared.spans(x, sizes, reverse)
    out_rows = shared.pack(out, sizes)
    earlier = shared.Before(h0, out_rows, steps) if wants[4] else None
    earlier_cells = shared.Before(c0, cells, steps)
    bounded = out_rows if w_hr is None else projected
    rest = shared.Gradients(deltas, deltas, x, sizes, w_ih, earlier, (wants[0], wants[3]))
    for part_of in rest.follow(steps[::-1], n * w_hh.size):
        for block in shared.blocks(part_of, shared.BLOCK // (4 * hidden)):
            low, high, living = min(block)[0], max(block)[1], block[0][1] - block[0][0]
            shape = (len(block), living, hidden)
            gate = gates[low:high].reshape(len(block), 4, living, hidden)
            known = (rows[low:high].reshape(shape) for rows in (earlier_cells, tanh_cells, bounded))
            slopes, through = _slopes(gate, *known)
            above, cell, part = dh[:living], dc[:living], scratch[:living]
            into = through_projection[:living] if w_hr is not None else above
            for start, stop in block:
                place = (start - low) // living if living else 0
                slope, delta = slopes[place], by_gate[:, start:stop]
                np.add(above, g_out[start:stop], out=above)
                if w_hr is not None:
                    outer[start:stop] = above
                    np.matmul(above, w_hr, out=into)
                np.multiply(slope[3], into, out=delta[3])
                np.multiply(into, through[place], out=part)
                np.add(cell, part, out=cell)
                np.multiply(slope[:3], cell, out=delta[:3])
                np.multiply(cell, gate[place, 1], out=cell)
                np.matmul(deltas[start:stop], w_rec, out=dh_blocks[:, :living])
    total = shared.sum_of_rows(deltas) if wants[5] or wants[6] else None
    return (
        rest.x,
        dh if wants[1] else None,
        dc if wants[2] else None,
        rest.w_ih,
        rest.w_hh,
        total if wants[5] else None,
        total.copy() if wants[6] and total is not None else None,
        outer.T @ projected if wants[7] else None,
    )


def _halved(weight: Array, hidden: int) -> Array:
    """Return a copy of (4 * H, ...) in which the sigmoids' arguments are halved."""
    found = weight * 0.5
    found[2 * hidden : 3 * hidden] = weight[2 * hidden : 3 * hidden]
    return found


def _slopes(gates: Array, earlier: Array, tanh_cells: Array, bounded: Array) -> tuple[Array, Array]:
    """What does not depend on later steps, for several at once; `bounded` is ``o * tanh_cells``.

    Returns the derivative of c (gates i, f, g) or of o * tanh(c) (gate o) with respect to each gate's argument, and
    that of o * tanh(c) with respect to c.
    """
    i, f, g, o = gates.transpose(1, 0, 2, 3)
    slopes = np.empty_like(gates)
    of_i, of_f, of_g, of_o = slopes.transpose(1, 0, 2, 3)
    through = np.empty_like(tanh_cells)
    # y * s * (1 - s) is y * s - (y * s) * s, and what is multiplied by s is known or needed anyway.
    np.multiply(i, g, out=through)
    np.multiply(through, g, out=of_g)
    np.subtract(i, of_g, out=of_g)
    np.multiply(through, i, out=of_i)
    np.subtract(through, of_i, out=of_i)
    np.multiply(f, earlier, out=through)
    np.multiply(through, f, out=of_f)
    np.subtract(through, of_f, out=of_f)
    np.multiply(bounded, o, out=of_o)
    np.subtract(bounded, of_o, out=of_o)
    np.multiply(bounded, tanh_cells, out=through)
    np.subtract(o, through, out=through)
    return slopes, through


KERNEL = Kernel(lstm, train=lstm_train, vjp=lstm_vjp, residuals=("gates", "cells", "tanh_cells", "projected"))
