"""Recurrent layers: PyTorch's own forward, oneDNN's LSTM in training, and the way back through a GRU by hand."""

from __future__ import annotations

from typing import Any

import torch
from candelabra.core.backend import Kernel

from .layers import FLOATS

aten: Any = torch.ops.aten
LSTM = 2  # oneDNN's number of the kind of layer


def _served(batch_sizes: Any, *operands: Any) -> bool:
    kind = operands[0].dtype
    whole = batch_sizes is None and kind in FLOATS
    return whole and all(o is None or (o.dtype is kind and o.numel() > 0) for o in operands)


def _weights(w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> list[Any]:
    """Return weights and biases, zeros in place of a bias that is not there."""
    return [w_ih, w_hh, *(w_ih.new_zeros(len(w_ih)) if b is None else b for b in (b_ih, b_hh))]


def _run(function: Any, x: Any, state: Any, weights: list[Any], reverse: bool) -> Any:
    out, *last = function(x.flip(0) if reverse else x, state, weights, True, 1, 0.0, False, False, False)
    return (out.flip(0) if reverse else out, *(s[0] for s in last))


def rnn(
    x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None, /, *, nonlinearity: str, reverse: bool,
    batch_sizes: Any,
) -> Any:  # fmt: skip
    if not _served(batch_sizes, x, h0, w_ih, w_hh, b_ih, b_hh):
        return NotImplemented
    function = torch.rnn_tanh if nonlinearity == "tanh" else torch.rnn_relu
    return _run(function, x, h0[None], _weights(w_ih, w_hh, b_ih, b_hh), reverse)


def lstm(
    x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None, w_hr: Any = None, /, *,
    reverse: bool, batch_sizes: Any,
) -> Any:  # fmt: skip
    if w_hr is not None or not _served(batch_sizes, x, h0, c0, w_ih, w_hh, b_ih, b_hh):
        return NotImplemented
    return _run(torch.lstm, x, (h0[None], c0[None]), _weights(w_ih, w_hh, b_ih, b_hh), reverse)


def lstm_train(
    x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None, w_hr: Any = None, /, *,
    reverse: bool, batch_sizes: Any,
) -> Any:  # fmt: skip
    operands = (x, h0, c0, w_ih, w_hh, b_ih, b_hh)
    single = x.is_cpu and x.dtype is torch.float32 and torch.backends.mkldnn.is_available()
    if not single or w_hr is not None or not _served(batch_sizes, *operands):
        return NotImplemented
    given = [o.contiguous() for o in (x, *_weights(w_ih, w_hh, b_ih, b_hh), h0[None], c0[None])]
    out, h, c, workspace = aten.mkldnn_rnn_layer(
        *given, reverse, [], LSTM, h0.shape[1], 1, True, False, False, True
    )
    return (out, h[0], c[0]), (workspace,)


def lstm_vjp(
    xp: Any, g: Any, x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, out: Any, h_n: Any, c_n: Any,
    workspace: Any, reverse: bool,
) -> Any:  # fmt: skip
    given = [o.contiguous() for o in (x, *_weights(w_ih, w_hh, b_ih, b_hh), h0[None], c0[None])]
    upper = [o.contiguous() for o in (g[0], g[1][None], g[2][None])]
    last = out, h_n[None], c_n[None]
    dx, d_ih, d_hh, db_ih, db_hh, dh, dc = aten.mkldnn_rnn_layer_backward(
        *given, *last, *upper, reverse, LSTM, h0.shape[1], 1, True, True, False, [], False, workspace
    )
    return dx, dh.reshape(h0.shape), dc.reshape(c0.shape), d_ih, d_hh, db_ih, db_hh, None


def gru(
    x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None, /, *, reverse: bool, batch_sizes: Any
) -> Any:
    if not _served(batch_sizes, x, h0, w_ih, w_hh, b_ih, b_hh):
        return NotImplemented
    return _run(torch.gru, x, h0[None], _weights(w_ih, w_hh, b_ih, b_hh), reverse)


def gru_train(
    x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None, /, *, reverse: bool, batch_sizes: Any
) -> Any:
    """`gru`, with the gates of each step, what the reset gate multiplies, and the states before."""
    if not _served(batch_sizes, x, h0, w_ih, w_hh, b_ih, b_hh):
        return NotImplemented
    w_ih, w_hh, b_ih, b_hh = _weights(w_ih, w_hh, b_ih, b_hh)
    inputs = torch.nn.functional.linear(x, w_ih, b_ih)
    size, h = h0.shape[1], h0
    before, gates, news, inner = [], [], [], []
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        own = torch.addmm(b_hh, h, w_hh.mT)
        rz = torch.sigmoid(inputs[t, :, : 2 * size] + own[:, : 2 * size])
        new = torch.tanh(torch.addcmul(inputs[t, :, 2 * size :], rz[:, :size], own[:, 2 * size :]))
        before.append(h)
        h = torch.lerp(new, h, rz[:, size:])
        gates.append(rz)
        news.append(new)
        inner.append(own[:, 2 * size :])
    order = slice(None, None, -1) if reverse else slice(None)
    before, gates, news, inner = (torch.stack(part[order]) for part in (before, gates, news, inner))
    out = torch.stack([h, *before[:-1]] if reverse else [*before[1:], h])
    return (out, h), (before, gates, news, inner)


def gru_vjp(
    xp: Any, g: Any, x: Any, w_ih: Any, w_hh: Any, before: Any, gates: Any, news: Any, inner: Any, reverse: bool
) -> Any:
    size = w_hh.shape[1]
    r, z = gates[..., :size], gates[..., size:]
    # By what a state's cotangent is multiplied on its way to the gates.
    to_new = (1 - z) * (1 - news * news)
    to_update = (before - news) * z * (1 - z)
    to_reset = to_new * inner * r * (1 - r)
    factors = torch.cat([to_reset, to_update, to_new], -1)
    deltas = torch.empty_like(factors)
    own = torch.cat([to_reset, to_update, to_new * r], -1)
    dh = g[1]
    for t in range(len(x)) if reverse else reversed(range(len(x))):
        dh = dh + g[0][t]
        thrice = dh.repeat(1, 3)
        torch.mul(thrice, factors[t], out=deltas[t])
        own[t].mul_(thrice)
        dh = torch.addmm(dh * z[t], own[t], w_hh)
    rows, owns = deltas.reshape(-1, 3 * size), own.reshape(-1, 3 * size)
    by_weights = rows.mT @ x.reshape(-1, x.shape[-1]), owns.mT @ before.reshape(-1, size)
    return deltas @ w_ih, dh, *by_weights, rows.sum(0), owns.sum(0)


KERNELS: dict[str, Any] = {
    "rnn": rnn,
    "lstm": Kernel(lstm, lstm_train, lstm_vjp, ("workspace",)),
    "gru": Kernel(gru, gru_train, gru_vjp, ("before", "gates", "news", "inner")),
}
