"""The rows of recurrent layers: one layer and direction over a whole sequence each.

With `batch_sizes` the batch is sorted by length, the longest first: at step t only its first ``batch_sizes[t]`` rows are
alive. The others keep their state, and their outputs are zeros. In reverse a row starts at its own end.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from typing import Any

from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from .row import general

FLOAT: dict[str, Any] = {"category": "real floating-point", "floating": True}


def _run(
    xp: Any, step: Callable[..., tuple[Any, ...]], inputs: Any, states: tuple[Any, ...], reverse: bool, sizes: Any
) -> tuple[Any, ...]:
    """Take a step after another; the first of its states is its output."""
    time, n = inputs.shape[0], states[0].shape[0]
    outputs = []
    for t in reversed(range(time)) if reverse else range(time):
        alive = n if sizes is None else sizes[t]
        if alive == n:
            states = step(inputs[t, ...], *states)
            outputs.append(states[0])
            continue
        moved = step(inputs[t, :alive, ...], *[s[:alive, ...] for s in states])
        rest = xp.zeros((n - alive, moved[0].shape[1]), dtype=inputs.dtype)
        outputs.append(xp.concat([moved[0], rest], axis=0))
        states = tuple(xp.concat([m, s[alive:, ...]], axis=0) for m, s in zip(moved, states, strict=True))
    if not outputs:
        return xp.zeros((0, *tuple(states[0].shape)), dtype=inputs.dtype), *states
    return xp.stack(outputs[::-1] if reverse else outputs, axis=0), *states


def _affine(xp: Any, x: Any, weight: Any, *biases: Any) -> Any:
    found = xp.matmul(x, xp.matrix_transpose(weight))
    for bias in biases:
        if bias is not None:
            found = found + bias
    return found


def _parts(z: Any, count: int) -> list[Any]:
    n = z.shape[-1] // count
    return [z[..., k * n : (k + 1) * n] for k in range(count)]


def _rnn_body(
    xp: Any, x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, *,
    nonlinearity: str, reverse: bool, batch_sizes: Any,
) -> tuple[Any, ...]:  # fmt: skip
    activation = xp.tanh if nonlinearity == "tanh" else xp.relu

    def step(z: Any, h: Any) -> tuple[Any]:
        return (activation(z + _affine(xp, h, w_hh)),)

    return _run(xp, step, _affine(xp, x, w_ih, b_ih, b_hh), (h0,), reverse, batch_sizes)


def _gru_body(
    xp: Any, x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, *, reverse: bool, batch_sizes: Any
) -> tuple[Any, ...]:
    def step(inputs: Any, h: Any) -> tuple[Any]:
        (a_r, a_z, a_n), (s_r, s_z, s_n) = _parts(inputs, 3), _parts(_affine(xp, h, w_hh, b_hh), 3)
        r, z = xp.sigmoid(a_r + s_r), xp.sigmoid(a_z + s_z)
        new = xp.tanh(a_n + r * s_n)
        return (new + z * (h - new),)

    return _run(xp, step, _affine(xp, x, w_ih, b_ih), (h0,), reverse, batch_sizes)


def _lstm_body(
    xp: Any, x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, *,
    reverse: bool, batch_sizes: Any,
) -> tuple[Any, ...]:  # fmt: skip
    def step(inputs: Any, h: Any, c: Any) -> tuple[Any, Any]:
        i, f, g, o = _parts(inputs + _affine(xp, h, w_hh), 4)
        c = xp.sigmoid(f) * c + xp.sigmoid(i) * xp.tanh(g)
        h = xp.sigmoid(o) * xp.tanh(c)
        return (h if w_hr is None else _affine(xp, h, w_hr)), c

    return _run(xp, step, _affine(xp, x, w_ih, b_ih, b_hh), (h0, c0), reverse, batch_sizes)


def _shape(array: Any) -> tuple[int, ...]:
    return tuple(array.shape)


def _check(name: str, gates: int, x: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, size: int, state: int) -> None:
    """Refuse operands that do not fit a state of `state` features and gates of `size`."""
    axes = len(x.shape) == 3 and len(w_ih.shape) == 2
    if not axes or x.shape[2] != w_ih.shape[1] or w_ih.shape[0] != gates * size or _shape(w_hh) != (gates * size, state):
        rows = f"{gates} * hidden" if gates > 1 else "hidden"
        raise ShapeError(
            f"{name}: x {_shape(x)} (time, batch, features), w_ih {_shape(w_ih)} ({rows}, features) and w_hh "
            f"{_shape(w_hh)} ({rows}, {'state' if state != size else 'hidden'}) do not fit"
        )
    for which, bias in (("b_ih", b_ih), ("b_hh", b_hh)):
        if bias is not None and _shape(bias) != (gates * size,):
            raise ShapeError(f"{name}: {which} has shape {_shape(bias)}, expected {(gates * size,)}")


def _check_states(name: str, x: Any, **states: tuple[Any, int]) -> None:
    for which, (state, size) in states.items():
        if _shape(state) != (x.shape[1], size):
            raise ShapeError(
                f"{name}: the state {which} has shape {_shape(state)}, expected {(x.shape[1], size)} (batch, features)"
            )


def _sizes(name: str, x: Any, sizes: Any) -> tuple[int, ...] | None:
    """Return batch sizes as a tuple, or None where all rows live as long as the sequence."""
    if sizes is None:
        return None
    try:
        found = tuple(operator.index(size) for size in sizes)
    except TypeError:
        raise ArgumentTypeError(f"{name}: batch_sizes is a sequence of ints, one for each step, not {sizes!r}") from None
    time, n = x.shape[0], x.shape[1]
    if len(found) != time:
        raise ArgumentError(f"{name}: batch_sizes has {len(found)} entries for {time} steps")
    if found and (found[0] != n or found[-1] < 1 or any(a < b for a, b in itertools.pairwise(found))):
        raise ArgumentError(
            f"{name}: batch_sizes starts with the batch's {n} rows and falls to no less than 1, got {found}; sort the "
            "sequences by length, the longest first"
        )
    return None if all(size == n for size in found) else found


def _matrix(name: str, which: str, weight: Any) -> tuple[int, int]:
    if len(weight.shape) != 2:
        raise ShapeError(f"{name}: {which} has shape {_shape(weight)}, a matrix is needed")
    return _shape(weight)  # type: ignore[return-value]


def _prepare_rnn(
    device: Any, x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, nonlinearity: Any, reverse: Any,
    batch_sizes: Any,
) -> tuple[str, bool, tuple[int, ...] | None]:  # fmt: skip
    if nonlinearity not in ("tanh", "relu"):
        raise ArgumentError(f"rnn: nonlinearity is 'tanh' or 'relu', not {nonlinearity!r}")
    size = _matrix("rnn", "w_hh", w_hh)[1]
    _check("rnn", 1, x, w_ih, w_hh, b_ih, b_hh, size, size)
    _check_states("rnn", x, h0=(h0, size))
    return nonlinearity, bool(reverse), _sizes("rnn", x, batch_sizes)


def _prepare_gru(
    device: Any, x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, reverse: Any, batch_sizes: Any
) -> tuple[bool, tuple[int, ...] | None]:
    size = _matrix("gru", "w_hh", w_hh)[1]
    _check("gru", 3, x, w_ih, w_hh, b_ih, b_hh, size, size)
    _check_states("gru", x, h0=(h0, size))
    return bool(reverse), _sizes("gru", x, batch_sizes)


def _prepare_lstm(
    device: Any, x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, reverse: Any,
    batch_sizes: Any,
) -> tuple[bool, tuple[int, ...] | None]:  # fmt: skip
    state = _matrix("lstm", "w_hh", w_hh)[1]
    size = state
    if w_hr is not None:
        projected, size = _matrix("lstm", "w_hr", w_hr)
        if projected != state:
            raise ShapeError(
                f"lstm: w_hr {_shape(w_hr)} (state, hidden) and w_hh {_shape(w_hh)} (4 * hidden, state) do not fit"
            )
    _check("lstm", 4, x, w_ih, w_hh, b_ih, b_hh, size, state)
    _check_states("lstm", x, h0=(h0, state), c0=(c0, size))
    return bool(reverse), _sizes("lstm", x, batch_sizes)


rnn = general(
    "rnn",
    "x, h0, w_ih, w_hh, b_ih=None, b_hh=None, /, *, nonlinearity='tanh', reverse=False, batch_sizes=None",
    "Run one layer of an Elman network over x (time, batch, features); return outputs and the last state.",
    body=_rnn_body, outputs=("out", "h_n"), prepare=_prepare_rnn, **FLOAT,
)  # fmt: skip
gru = general(
    "gru", "x, h0, w_ih, w_hh, b_ih=None, b_hh=None, /, *, reverse=False, batch_sizes=None",
    "Run one layer of gated recurrent units over x (time, batch, features); return outputs and the last state.",
    body=_gru_body, outputs=("out", "h_n"), prepare=_prepare_gru, **FLOAT,
)  # fmt: skip
lstm = general(
    "lstm", "x, h0, c0, w_ih, w_hh, b_ih=None, b_hh=None, w_hr=None, /, *, reverse=False, batch_sizes=None",
    "Run one layer of a long short-term memory over x (time, batch, features); return outputs and the last states.",
    body=_lstm_body, outputs=("out", "h_n", "c_n"), prepare=_prepare_lstm, **FLOAT,
)  # fmt: skip
