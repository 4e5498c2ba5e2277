"""The rows of recurrent layers, one sequence and one number after another."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np


def _logistic(v: float) -> float:
    return 1 / (1 + math.exp(-v))


def _dot(weight: Any, value: Any, bias: Any) -> list[float]:
    rows = [math.fsum(w * v for w, v in zip(row, value, strict=True)) for row in weight]
    return rows if bias is None else [r + float(b) for r, b in zip(rows, bias, strict=True)]


def _sequences(
    x: Any, states: list[Any], reverse: bool, batch_sizes: Any, step: Callable[..., list[list[float]]]
) -> tuple[Any, ...]:
    """Let each row of the batch run for itself over the steps at which it is alive."""
    time, batch, _ = x.shape
    out = np.zeros((time, batch, states[0].shape[1]))
    last = [np.array(s) for s in states]
    for b in range(batch):
        alive = [t for t in range(time) if batch_sizes is None or b < batch_sizes[t]]
        now = [[float(v) for v in s[b]] for s in states]
        for t in reversed(alive) if reverse else alive:
            now = step(x[t, b], *now)
            out[t, b] = now[0]
        for place, value in zip(last, now, strict=True):
            place[b] = value
    return out, *last


def rnn(
    x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, *, nonlinearity: str, reverse: bool, batch_sizes: Any
) -> Any:
    def step(inputs: Any, h: list[float]) -> list[list[float]]:
        z = [a + b for a, b in zip(_dot(w_ih, inputs, b_ih), _dot(w_hh, h, b_hh), strict=True)]
        return [[math.tanh(v) if nonlinearity == "tanh" else max(v, 0.0) for v in z]]

    return _sequences(x, [h0], reverse, batch_sizes, step)


def gru(
    x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, *, reverse: bool, batch_sizes: Any
) -> Any:
    n = h0.shape[1]

    def step(inputs: Any, h: list[float]) -> list[list[float]]:
        a, s = _dot(w_ih, inputs, b_ih), _dot(w_hh, h, b_hh)
        r = [_logistic(a[i] + s[i]) for i in range(n)]
        z = [_logistic(a[n + i] + s[n + i]) for i in range(n)]
        new = [math.tanh(a[2 * n + i] + r[i] * s[2 * n + i]) for i in range(n)]
        return [[(1 - z[i]) * new[i] + z[i] * h[i] for i in range(n)]]

    return _sequences(x, [h0], reverse, batch_sizes, step)


def lstm(
    x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, *, reverse: bool, batch_sizes: Any
) -> Any:
    n = c0.shape[1]

    def step(inputs: Any, h: list[float], c: list[float]) -> list[list[float]]:
        z = [a + b for a, b in zip(_dot(w_ih, inputs, b_ih), _dot(w_hh, h, b_hh), strict=True)]
        c = [_logistic(z[n + i]) * c[i] + _logistic(z[i]) * math.tanh(z[2 * n + i]) for i in range(n)]
        h = [_logistic(z[3 * n + i]) * math.tanh(c[i]) for i in range(n)]
        return [h if w_hr is None else _dot(w_hr, h, None), c]

    return _sequences(x, [h0, c0], reverse, batch_sizes, step)
