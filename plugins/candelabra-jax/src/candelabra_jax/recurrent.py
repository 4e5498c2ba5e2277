"""Recurrent layers by `lax.scan`: one step is compiled, however long the sequence; the generic bodies unroll it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from candelabra.core.backend import Kernel
from jax import lax
from jax import numpy as jnp

Array = Any


def affine(x: Array, weight: Array, *biases: Array) -> Array:
    """Return a linear map of the last axis, biases added."""
    return sum((b for b in biases if b is not None), x @ weight.T)


def scan(step: Callable[..., Any], inputs: Array, states: Any, alive: Array, reverse: bool) -> Any:
    """Take a step after another; where `alive` counts the rows of each, the others keep their state and yield zeros."""

    def move(states: Any, given: Any) -> Any:
        z, living = given
        moved = step(z, *states)
        if living is None:
            return moved, moved[0]
        here = (jnp.arange(z.shape[0]) < living)[:, None]
        kept = tuple(jnp.where(here, m, s) for m, s in zip(moved, states, strict=True))
        return kept, jnp.where(here, moved[0], jnp.zeros_like(moved[0]))

    states, out = lax.scan(move, states, (inputs, alive), reverse=reverse)
    return out, *states


def rnn(
    x: Array, h0: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array, *, nonlinearity: str, alive: Array,
    reverse: bool,
) -> Any:  # fmt: skip
    activation = jnp.tanh if nonlinearity == "tanh" else jax.nn.relu

    def step(z: Array, h: Array) -> Any:
        return (activation(z + affine(h, w_hh)),)

    return scan(step, affine(x, w_ih, b_ih, b_hh), (h0,), alive, reverse)


def gru(x: Array, h0: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array, *, alive: Array, reverse: bool) -> Any:
    def step(inputs: Array, h: Array) -> Any:
        (a_r, a_z, a_n), (s_r, s_z, s_n) = jnp.split(inputs, 3, -1), jnp.split(affine(h, w_hh, b_hh), 3, -1)
        r, z = jax.nn.sigmoid(a_r + s_r), jax.nn.sigmoid(a_z + s_z)
        new = jnp.tanh(a_n + r * s_n)
        return (new + z * (h - new),)

    return scan(step, affine(x, w_ih, b_ih), (h0,), alive, reverse)


def lstm(
    x: Array, h0: Array, c0: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array, w_hr: Array, *, alive: Array,
    reverse: bool,
) -> Any:  # fmt: skip
    def step(inputs: Array, h: Array, c: Array) -> Any:
        i, f, g, o = jnp.split(inputs + affine(h, w_hh), 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h if w_hr is None else affine(h, w_hr)), c

    return scan(step, affine(x, w_ih, b_ih, b_hh), (h0, c0), alive, reverse)


def kernel(layer: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return a layer's forward and backward, compiled; lengths of sequences are operands, and compile nothing anew."""

    def forward(operands: Any, alive: Array, facts: Any) -> Any:
        kind = operands[0].dtype
        if kind.itemsize > 2:
            return layer(*operands, alive=alive, **dict(facts))
        # A state in 16 bits would be rounded at every step.
        wide = [o if o is None else o.astype(jnp.float32) for o in operands]
        return tuple(part.astype(kind) for part in layer(*wide, alive=alive, **dict(facts)))

    def backward(g: Any, operands: Any, alive: Array, facts: Any, wants: Any) -> Any:
        chosen = [o for o, wanted in zip(operands, wants, strict=True) if wanted]

        def run(*given: Array) -> Any:
            rest = iter(given)
            return forward([next(rest) if w else o for o, w in zip(operands, wants, strict=True)], alive, facts)

        found = iter(jax.vjp(run, *chosen)[1](tuple(g)))
        return tuple(next(found) if wanted else None for wanted in wants)

    return (jax.jit(forward, static_argnames="facts"), jax.jit(backward, static_argnames=("facts", "wants")))


def counts(batch_sizes: Any) -> Any:
    return None if batch_sizes is None else np.asarray(batch_sizes, np.int32)


RNN, GRU, LSTM = kernel(rnn), kernel(gru), kernel(lstm)


def rnn_forward(*operands: Array, nonlinearity: str, reverse: bool, batch_sizes: Any) -> Any:
    return RNN[0](operands, counts(batch_sizes), (("nonlinearity", nonlinearity), ("reverse", reverse)))


def rnn_vjp(
    g: Any, x: Array, h0: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array, nonlinearity: str, reverse: bool,
    batch_sizes: Any, wants: Any,
) -> Any:  # fmt: skip
    facts = (("nonlinearity", nonlinearity), ("reverse", reverse))
    return RNN[1](g, (x, h0, w_ih, w_hh, b_ih, b_hh), counts(batch_sizes), facts, wants)


def gru_forward(*operands: Array, reverse: bool, batch_sizes: Any) -> Any:
    return GRU[0](operands, counts(batch_sizes), (("reverse", reverse),))


def gru_vjp(
    g: Any, x: Array, h0: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array, reverse: bool, batch_sizes: Any,
    wants: Any,
) -> Any:  # fmt: skip
    return GRU[1](g, (x, h0, w_ih, w_hh, b_ih, b_hh), counts(batch_sizes), (("reverse", reverse),), wants)


def lstm_forward(*operands: Array, reverse: bool, batch_sizes: Any) -> Any:
    return LSTM[0](operands, counts(batch_sizes), (("reverse", reverse),))


def lstm_vjp(
    g: Any, x: Array, h0: Array, c0: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array, w_hr: Array,
    reverse: bool, batch_sizes: Any, wants: Any,
) -> Any:  # fmt: skip
    return LSTM[1](g, (x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr), counts(batch_sizes), (("reverse", reverse),), wants)


KERNELS: dict[str, Any] = {
    "rnn": Kernel(rnn_forward, vjp=rnn_vjp), "gru": Kernel(gru_forward, vjp=gru_vjp),
    "lstm": Kernel(lstm_forward, vjp=lstm_vjp),
}  # fmt: skip
