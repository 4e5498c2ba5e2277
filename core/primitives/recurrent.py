"""The rows of recurrent layers: one layer and direction over a whole sequence each."""

from __future__ import annotations

from typing import Any

from ..errors import ShapeError
from .row import general

FLOAT: dict[str, Any] = {"category": "real floating-point", "floating": True}


def _lstm_body(
    xp: Any, x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, *, reverse: bool
) -> tuple[Any, Any, Any]:
    gates = xp.matmul(x, xp.matrix_transpose(w_ih))
    for bias in (b_ih, b_hh):
        if bias is not None:
            gates = gates + bias
    recurrent = xp.matrix_transpose(w_hh)
    n = w_hh.shape[1]
    h, c = h0, c0
    steps = []
    order = range(x.shape[0])
    for t in reversed(order) if reverse else order:
        z = gates[t, ...] + xp.matmul(h, recurrent)
        i, f, g, o = (z[..., k * n : (k + 1) * n] for k in range(4))
        c = xp.sigmoid(f) * c + xp.sigmoid(i) * xp.tanh(g)
        h = xp.sigmoid(o) * xp.tanh(c)
        steps.append(h)
    if not steps:
        return xp.zeros((0, *tuple(h0.shape)), dtype=x.dtype), h0, c0
    return xp.stack(steps[::-1] if reverse else steps, axis=0), h, c


def _prepare_lstm(
    device: Any, x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, reverse: Any
) -> tuple[bool]:
    n = w_hh.shape[1]
    if len(x.shape) != 3 or x.shape[2] != w_ih.shape[1] or w_ih.shape[0] != 4 * n or w_hh.shape[0] != 4 * n:
        raise ShapeError(
            f"lstm: x {tuple(x.shape)} (time, batch, features), w_ih {tuple(w_ih.shape)} and w_hh {tuple(w_hh.shape)} do not fit"
        )
    if tuple(h0.shape) != (x.shape[1], n) or tuple(c0.shape) != (x.shape[1], n):
        raise ShapeError(
            f"lstm: the states have shapes {tuple(h0.shape)} and {tuple(c0.shape)}, expected {(x.shape[1], n)}"
        )
    return (bool(reverse),)


lstm = general(
    "lstm", "x, h0, c0, w_ih, w_hh, b_ih=None, b_hh=None, /, *, reverse=False",
    "Run one layer of a long short-term memory over x (time, batch, features); return outputs and the last states.",
    body=_lstm_body, outputs=("out", "h_n", "c_n"), prepare=_prepare_lstm, **FLOAT,
)  # fmt: skip
