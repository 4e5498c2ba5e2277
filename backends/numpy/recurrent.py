"""Recurrent layers, one layer and direction over a whole sequence each; the gated ones have files of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.backend import Kernel
from . import recurrent_shared as shared
from .recurrent_gru import KERNEL as GRU
from .recurrent_lstm import KERNEL as LSTM
from .recurrent_shared import Array, Sizes


def rnn(
    x: Array, h0: Array, w_ih: Array, w_hh: Array, b_ih: Array | None = None, b_hh: Array | None = None, /, *,
    nonlinearity: str = "tanh", reverse: bool = False, batch_sizes: Sizes = None,
) -> tuple[Array, Array]:  # fmt: skip
    """Run an Elman network over x (T, N, I); returns its outputs (T, N, H) and the last state (N, H)."""
    if shared.declines(x, h0, w_ih, w_hh, b_ih, b_hh):
        return NotImplemented
    (steps, n, _), hidden, dtype = x.shape, h0.shape[1], x.dtype
    w_rec = shared.columns(np.ascontiguousarray(w_hh.T) if steps >= shared.MANY_STEPS else w_hh.T, n)
    out, out_rows = shared.empty_rows(steps, n, hidden, dtype, batch_sizes)
    h, product = np.array(h0, order="C"), np.empty((n, hidden), dtype)
    product_blocks = shared.alike(product, w_rec)
    order = shared.spans(x, batch_sizes, reverse)
    bias = shared.added(b_ih, b_hh)
    for inputs, part_of in shared.fed(shared.pack(x, batch_sizes), w_ih, bias, order, n * w_hh.size):
        for start, stop in part_of:
            living = stop - start
            z, state = product[:living], h[:living]
            np.matmul(state, w_rec, out=product_blocks[:, :living])
            np.add(z, inputs[start:stop], out=state)
            if nonlinearity == "tanh":
                np.tanh(state, out=state)
            else:
                np.maximum(state, 0, out=state)
            out_rows[start:stop] = state
    return shared.unpack(out, out_rows, batch_sizes), h


def rnn_vjp(
    xp: Any, g: tuple[Array, Array], x: Array, h0: Array, w_ih: Array, w_hh: Array, out: Array, nonlinearity: str,
    reverse: bool, batch_sizes: Sizes, wants: tuple[bool, ...],
) -> Any:  # fmt: skip
    """Cotangents of all six operands: backpropagation through time."""
    if shared.declines(x, *g):
        return NotImplemented
    n, hidden, dtype, sizes = x.shape[1], h0.shape[1], h0.dtype, batch_sizes
    g_out, out_rows = shared.pack(g[0], sizes), shared.pack(out, sizes)
    w_rec = shared.columns(w_hh, n)
    dh = np.array(g[1], order="C")
    dh_blocks = shared.alike(dh, w_rec)
    deltas = np.empty((len(g_out), hidden), dtype)
    wants = (*wants, False, False)[:6]
    steps = shared.spans(x, sizes, reverse)
    earlier = shared.Before(h0, out_rows, steps) if wants[3] else None
    rest = shared.Gradients(deltas, deltas, x, sizes, w_ih, earlier, (wants[0], wants[2]))
    for part_of in rest.follow(steps[::-1], n * w_hh.size):
        for start, stop in part_of:
            state, delta, after = dh[: stop - start], deltas[start:stop], out_rows[start:stop]
            np.add(state, g_out[start:stop], out=state)
            if nonlinearity == "tanh":
                np.multiply(after, after, out=delta)
                np.subtract(1, delta, out=delta)
                np.multiply(delta, state, out=delta)
            else:
                np.multiply(state, after > 0, out=delta)
            np.matmul(delta, w_rec, out=dh_blocks[:, : stop - start])
    total = shared.sum_of_rows(deltas) if wants[4] or wants[5] else None
    return (
        rest.x,
        dh if wants[1] else None,
        rest.w_ih,
        rest.w_hh,
        total if wants[4] else None,
        total.copy() if wants[5] and total is not None else None,
    )


KERNELS: dict[str, Any] = {"rnn": Kernel(rnn, vjp=rnn_vjp), "gru": GRU, "lstm": LSTM}
