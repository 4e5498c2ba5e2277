"""One layer and direction of a GRU, whose reset gate acts on the product with the state, as PyTorch's.

The cotangents of the arguments stand in the order m, r, z, n, where n = tanh(inputs + r * m): the first three belong to
the states' weights, the last three to the inputs'.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.backend import Kernel
from . import recurrent_shared as shared
from .recurrent_shared import Array, Sizes

# Of PyTorch's gates r, z, n: how the states' weights meet the cotangents of m, r, z.
_WITHIN = (2, 0, 1)
_SAME = (0, 1, 2)


def gru(
    x: Array, h0: Array, w_ih: Array, w_hh: Array, b_ih: Array | None = None, b_hh: Array | None = None, /, *,
    reverse: bool = False, batch_sizes: Sizes = None,
) -> tuple[Array, Array]:  # fmt: skip
    """Run a GRU over x (T, N, I); returns its outputs (T, N, H) and the last state (N, H)."""
    result = _run(x, h0, w_ih, w_hh, b_ih, b_hh, reverse, batch_sizes, keep=False)
    return NotImplemented if result is NotImplemented else result[0]


def gru_train(
    x: Array, h0: Array, w_ih: Array, w_hh: Array, b_ih: Array | None = None, b_hh: Array | None = None, /, *,
    reverse: bool = False, batch_sizes: Sizes = None,
) -> Any:  # fmt: skip
    """`gru`, with residuals: r, z and n (R, 3 * H), each step's rows holding one after the other, and m (R, H)."""
    return _run(x, h0, w_ih, w_hh, b_ih, b_hh, reverse, batch_sizes, keep=True)


def _run(
    x: Array, h0: Array, w_ih: Array, w_hh: Array, b_ih: Array | None, b_hh: Array | None, reverse: bool, sizes: Sizes,
    keep: bool,
) -> Any:  # fmt: skip
    if shared.declines(x, h0, w_ih, w_hh, b_ih, b_hh):
        return NotImplemented
    (steps, n, _), hidden, dtype = x.shape, h0.shape[1], x.dtype
    rows = shared.pack(x, sizes)
    # What is added to r and z may as well come with the inputs; what is added to m may not.
    bias, b_m = b_ih, None
    if b_hh is not None:
        bias, b_m = (np.zeros_like(b_hh) if b_ih is None else b_ih.copy()), b_hh[2 * hidden :]
        bias[: 2 * hidden] += b_hh[: 2 * hidden]
    w_in, w_rec = w_ih, w_hh
    many = steps >= shared.MANY_STEPS
    if many:
        # Half the sigmoids' arguments once, in the weights, not at every step.
        w_in, w_rec = _halved(w_in, hidden), _halved(w_rec, hidden)
        bias = None if bias is None else _halved(bias, hidden)
    w_rec = shared.columns(np.ascontiguousarray(w_rec.T) if many else w_rec.T, n)
    inner = np.empty((len(rows) if keep else n, hidden), dtype)
    out, out_rows = shared.empty_rows(steps, n, hidden, dtype, sizes)
    product = np.empty((n, 3 * hidden), dtype)
    product_blocks = shared.alike(product, w_rec)
    by_gate = product.reshape(n, 3, hidden).transpose(1, 0, 2)
    h = np.array(h0, order="C")
    for gates, part_of in shared.fed(rows, w_in, bias, shared.spans(x, sizes, reverse), n * w_hh.size):
        for start, stop in part_of:
            living = stop - start
            state, inputs = h[:living], gates[start:stop]
            m = inner[start:stop] if keep else inner[:living]
            np.matmul(state, w_rec, out=product_blocks[:, :living])
            if b_m is None:
                m[...] = product[:living, 2 * hidden :]
            else:
                np.add(product[:living, 2 * hidden :], b_m, out=m)
            both = product[:living, : 2 * hidden]
            np.add(both, inputs[:, : 2 * hidden], out=both)
            if not many:
                np.multiply(both, 0.5, out=both)
            product[:living, 2 * hidden :] = inputs[:, 2 * hidden :]
            # The gates overwrite the inputs, in another order.
            gate = inputs.reshape(3, living, hidden)
            np.tanh(by_gate[:2, :living], out=gate[:2])
            sigmoids = gate[:2]
            np.multiply(sigmoids, 0.5, out=sigmoids)
            np.add(sigmoids, 0.5, out=sigmoids)
            r, z, new = gate
            np.multiply(r, m, out=new)
            np.add(new, by_gate[2, :living], out=new)
            np.tanh(new, out=new)
            np.subtract(state, new, out=state)
            np.multiply(state, z, out=state)
            np.add(state, new, out=state)
            out_rows[start:stop] = state
    return (shared.unpack(out, out_rows, sizes), h), (gates, inner)


def gru_vjp(
    xp: Any, g: tuple[Array, Array], x: Array, h0: Array, w_ih: Array, w_hh: Array, out: Array, reverse: bool,
    batch_sizes: Sizes, gates: Array, inner: Array, wants: tuple[bool, ...],
) -> Any:  # fmt: skip
    """Cotangents of all six operands: backpropagation through time."""
    if shared.declines(x, *g):
        return NotImplemented
    n, hidden, dtype, sizes = x.shape[1], h0.shape[1], h0.dtype, batch_sizes
    g_out = shared.pack(g[0], sizes)
    w_rec = shared.columns(shared.reordered(w_hh, hidden, _WITHIN), n)
    dh = np.array(g[1], order="C")
    deltas = np.empty((len(g_out), 4 * hidden), dtype)
    by_gate = deltas.reshape(-1, 4, hidden).transpose(1, 0, 2)
    product = np.empty((n, hidden), dtype)
    product_blocks = shared.alike(product, w_rec)
    wants = (*wants, False, False)[:6]
    steps = shared.spans(x, sizes, reverse)
    earlier = shared.Before(h0, shared.pack(out, sizes), steps)
    rest = shared.Gradients(
        deltas[:, hidden:], deltas[:, : 3 * hidden], x, sizes, w_ih, earlier if wants[3] else None, (wants[0], wants[2])
    )
    for part_of in rest.follow(steps[::-1], n * w_hh.size):
        for block in shared.blocks(part_of, shared.BLOCK // (4 * hidden)):
            low, high, living = min(block)[0], max(block)[1], block[0][1] - block[0][0]
            shape = (len(block), living, hidden)
            gate = gates[low:high].reshape(len(block), 3, living, hidden)
            slopes = _slopes(gate, inner[low:high].reshape(shape), earlier[low:high].reshape(shape))
            state = dh[:living]
            for start, stop in block:
                place = (start - low) // living if living else 0
                np.add(state, g_out[start:stop], out=state)
                np.multiply(slopes[place], state, out=by_gate[:, start:stop])
                np.multiply(state, gate[place, 1], out=state)
                np.matmul(deltas[start:stop, : 3 * hidden], w_rec, out=product_blocks[:, :living])
                np.add(state, product[:living], out=state)
    total = shared.sum_of_rows(deltas) if wants[4] or wants[5] else None
    return (
        rest.x,
        dh if wants[1] else None,
        rest.w_ih,
        None if rest.w_hh is None else shared.restored(rest.w_hh, hidden, _WITHIN),
        total[hidden:].copy() if wants[4] and total is not None else None,
        shared.restored(total[: 3 * hidden], hidden, _WITHIN) if wants[5] and total is not None else None,
    )


def _halved(weight: Array, hidden: int) -> Array:
    """Return a copy of (3 * H, ...) in which the sigmoids' arguments are halved."""
    found = weight.copy()
    found[: 2 * hidden] *= 0.5
    return found


def _slopes(gates: Array, inner: Array, earlier: Array) -> Array:
    """Return the derivatives of several steps' h with respect to m and the arguments of r, z and n."""
    r, z, new = gates.transpose(1, 0, 2, 3)
    slopes = np.empty((len(gates), 4, *gates.shape[2:]), gates.dtype)
    of_m, of_r, of_z, of_n = slopes.transpose(1, 0, 2, 3)
    np.subtract(1, z, out=of_z)
    np.multiply(new, new, out=of_n)
    np.subtract(1, of_n, out=of_n)
    np.multiply(of_n, of_z, out=of_n)
    np.multiply(of_z, z, out=of_z)
    np.subtract(earlier, new, out=of_m)
    np.multiply(of_z, of_m, out=of_z)
    np.multiply(of_n, r, out=of_m)
    np.subtract(1, r, out=of_r)
    np.multiply(of_r, of_m, out=of_r)
    np.multiply(of_r, inner, out=of_r)
    return slopes


KERNEL = Kernel(gru, train=gru_train, vjp=gru_vjp, residuals=("gates", "inner"))
