"""Recurrent layers on a card, one layer and direction over a whole sequence each.

What the inputs add to the gates is one product for all steps; a step is one product, which is added to that, and one
kernel for the rest. Backwards, a step is the same two the other way round, and the weights' gradients are products over
all steps. Rows that have ended take part in the large products as zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ....core.backend import Kernel
from ..launch import THREADS, Launcher, nothing, type_of
from ..products import Repeated, multiply
from .epilogue import column_sums, fill_rows

Sizes = tuple[int, ...] | None

# `Step` of the kernels.
STEP = np.dtype(
    [("now", "i8"), ("earlier", "i8"), *((name, "i4") for name in ("n", "width", "alive", "started", "ending"))],
    align=True,
)
_LIMIT = 2**31 - 1


class Steps:
    """The steps of a layer in the order of its run.

    Parameters
    ----------
    gpu : Launcher
        Runs the kernels.
    time, n, width : int
        How many steps, rows and features of a state.
    reverse : bool
        Whether the last step comes first.
    sizes : tuple of int or None
        How many rows are in each step; None for all.
    """

    def __init__(self, gpu: Launcher, time: int, n: int, width: int, reverse: bool, sizes: Sizes) -> None:
        self.gpu, self.n, self.width = gpu, n, width
        self.order = list(range(time))[:: -1 if reverse else 1]
        self.alive = [n if sizes is None else sizes[t] for t in self.order]
        # A row's first step is the first of all, but where the shorter ones begin later.
        self.begin_later = reverse and sizes is not None
        self.records = np.zeros(time, STEP)
        self.records["now"] = self.order
        self.records["earlier"][1:] = self.order[:-1]
        self.records["n"], self.records["width"] = n, width
        self.records["alive"] = self.alive
        self.records["started"][1:] = self.alive[:-1]
        self.records["ending"][:-1] = self.alive[1:]

    def run(self, which: int, kernel: str, *arguments: Any, width: int | None = None) -> None:
        """Run a kernel for one step, the `which`-th of the order."""
        record = self.records[which : which + 1]
        if width is not None:
            record = record.copy()
            record["width"] = width
        self.gpu.run("recurrent", kernel, -(-self.n * (width or self.width) // THREADS), THREADS, *arguments, record)

    def recur(self, product: Repeated, initial: Repeated, which: int, at: int | None = None) -> None:
        """Multiply the states before a step, each row's of the step before or its first, into `at`, else its rows."""
        record = self.records[which]
        n, alive = self.n, int(record["alive"])
        started = min(int(record["started"]), alive)
        to = self.order[which] * n if at is None else at
        if started:
            product(int(record["earlier"]) * n, started, to)
        if started < alive:
            initial(started, alive - started, to + started)


def _declines(x: Any, *others: Any) -> bool:
    """Say whether the operands are not what the kernels are made for."""
    if x.ndim != 3 or type_of(x) is None or any(a is not None and a.dtype != x.dtype for a in others):
        return True
    return 0 in x.shape[:2] or any(0 in a.shape for a in others if a is not None)


def _too_large(x: Any, *weights: Any) -> bool:
    """Say whether a size, or the number of gates of one step, is no 32-bit integer."""
    time, n, _ = x.shape
    return max(time * n, *(size for w in weights for size in (*w.shape, n * w.shape[0]))) > _LIMIT


def _rows(x: Any) -> Any:
    return x.reshape(x.shape[0] * x.shape[1], x.shape[2])


def _of_inputs(gpu: Launcher, x: Any, weight: Any, *biases: Any) -> Any:
    """Return what the inputs add to the gates at all steps (R, C), with the biases."""
    rows, computed = _rows(x), gpu.computed(x)
    total: Any = None
    for bias in biases:
        if bias is not None:
            wide = bias.astype(computed, copy=False)
            total = wide if total is None else total + wide
    out = gpu.empty((rows.shape[0], weight.shape[0]), computed)
    if total is not None:
        fill_rows(gpu, total, out)
    multiply(gpu, rows, weight.swapaxes(0, 1), out, add=total is not None)
    return out


def _states(gpu: Launcher, out: Any, w_hh: Any) -> tuple[Any, Any, Any]:
    """Return what 16-bit states are kept in, or None; what is multiplied for the next step, and the weight's transpose.

    States of 16 bits are two numbers each, so that the products' tensor cores take them as they are.
    """
    rows, turned = _rows(out), w_hh.swapaxes(0, 1)
    if out.itemsize > 2:
        return None, rows, turned
    halves = gpu.empty((rows.shape[0], 2 * rows.shape[1]), out.dtype)
    return halves, halves, gpu.xp.concatenate((w_hh, w_hh), axis=1).swapaxes(0, 1)


def _gradients(
    gpu: Launcher, steps: Steps, x: Any, h0: Any, out: Any, w_ih: Any, by_inputs: Any, by_states: Any, first: Any,
    wants: tuple[bool, ...],
) -> tuple[Any, ...]:  # fmt: skip
    """Return the cotangents of x, its weight, the states' weight and both biases.

    `wants` says which of these are wanted.
    """
    n, dtype = steps.n, x.dtype
    by_x = by_w_ih = by_w_hh = None
    if wants[0]:
        by_x = gpu.empty((by_inputs.shape[0], x.shape[2]), dtype)
        multiply(gpu, by_inputs, w_ih, by_x)
        by_x = by_x.reshape(x.shape)
    if wants[1]:
        by_w_ih = gpu.empty(w_ih.shape, dtype)
        multiply(gpu, by_inputs.swapaxes(0, 1), _rows(x), by_w_ih)
    if wants[2]:
        by_w_hh = gpu.empty((by_states.shape[1], h0.shape[1]), gpu.computed(x))
        start = by_states[steps.order[0] * n : (steps.order[0] + 1) * n] if first is None else first
        multiply(gpu, start.swapaxes(0, 1), h0, by_w_hh)
        # Each other step's state before it is its neighbour's output.
        later, earlier = (by_states[n:], _rows(out)[:-n])
        if steps.order[0] > 0:
            later, earlier = (by_states[:-n], _rows(out)[n:])
        multiply(gpu, later.swapaxes(0, 1), earlier, by_w_hh, add=True)
        by_w_hh = by_w_hh.astype(dtype, copy=False)
    by_b_ih = column_sums(gpu, by_inputs) if wants[3] else None
    if by_b_ih is not None and by_inputs is by_states:
        by_b_hh = by_b_ih.copy() if wants[4] else None
    else:
        by_b_hh = column_sums(gpu, by_states) if wants[4] else None
    return by_x, by_w_ih, by_w_hh, by_b_ih, by_b_hh


def _wide(gpu: Launcher, g: Any) -> Any:
    """Return a copy, in what the dtype is computed in, that may be written to."""
    return gpu.xp.array(g, dtype=gpu.computed(g), order="C")


def _first(gpu: Launcher, steps: Steps, x: Any, width: int) -> Any:
    """Return where each row's first cotangents go, if not into the first step's."""
    return gpu.empty((steps.n, width), x.dtype) if steps.begin_later else None


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""
    return {"rnn": _rnn(gpu), "gru": _gru(gpu), "lstm": _lstm(gpu)}


def _rnn(gpu: Launcher) -> Kernel:
    def rnn(
        x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None, /, *, nonlinearity: str = "tanh",
        reverse: bool = False, batch_sizes: Sizes = None,
    ) -> Any:  # fmt: skip
        if _declines(x, h0, w_ih, w_hh, b_ih, b_hh) or _too_large(x, w_ih, w_hh):
            return NotImplemented
        (time, n, _), hidden = x.shape, h0.shape[1]
        steps = Steps(gpu, time, n, hidden, reverse, batch_sizes)
        out, h_n = gpu.empty((time, n, hidden), x.dtype), gpu.empty((n, hidden), x.dtype)
        inputs = _of_inputs(gpu, x, w_ih, b_ih, b_hh)
        halves, states, weight = _states(gpu, out, w_hh)
        product = Repeated(gpu, states, weight, inputs, add=True)
        initial = Repeated(gpu, gpu.contiguous(h0), w_hh.swapaxes(0, 1), inputs, add=True)
        kernel = f"rnn_step<{type_of(x)}, {'true' if nonlinearity == 'relu' else 'false'}>"
        for k in range(time):
            steps.recur(product, initial, k)
            steps.run(k, kernel, inputs, out, nothing(halves), h_n)
        return out, h_n

    def rnn_vjp(
        xp: Any, g: Any, x: Any, h0: Any, w_ih: Any, w_hh: Any, out: Any, nonlinearity: str, reverse: bool,
        batch_sizes: Sizes, wants: tuple[bool, ...],
    ) -> Any:  # fmt: skip
        if _declines(x, h0, w_ih, w_hh, *g) or _too_large(x, w_ih, w_hh):
            return NotImplemented
        (time, n, _), hidden = x.shape, h0.shape[1]
        steps = Steps(gpu, time, n, hidden, reverse, batch_sizes)
        out, g_out, later = gpu.contiguous(out), gpu.contiguous(g[0]), _wide(gpu, g[1])
        deltas, first = gpu.empty((time * n, hidden), x.dtype), _first(gpu, steps, x, hidden)
        product = Repeated(gpu, deltas, w_hh, later)
        kernel = f"rnn_back<{type_of(x)}, {'true' if nonlinearity == 'relu' else 'false'}>"
        for k in reversed(range(time)):
            steps.run(k, kernel, out, g_out, later, deltas, nothing(first))
            product(steps.order[k] * n, steps.alive[k], 0)
        wants = (*wants, False, False)[:6]
        by = _gradients(gpu, steps, x, h0, out, w_ih, deltas, deltas, first, (wants[0], *wants[2:]))
        return by[0], later.astype(x.dtype, copy=False) if wants[1] else None, *by[1:]

    return Kernel(rnn, vjp=rnn_vjp)


def _gru(gpu: Launcher) -> Kernel:
    def run(
        x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, reverse: bool, batch_sizes: Sizes, keep: bool
    ) -> Any:
        if _declines(x, h0, w_ih, w_hh, b_ih, b_hh) or _too_large(x, w_ih, w_hh):
            return NotImplemented
        (time, n, _), hidden, computed = x.shape, h0.shape[1], gpu.computed(x)
        steps = Steps(gpu, time, n, hidden, reverse, batch_sizes)
        out, h_n = gpu.empty((time, n, hidden), x.dtype), gpu.empty((n, hidden), x.dtype)
        gates, h0 = _of_inputs(gpu, x, w_ih, b_ih), gpu.contiguous(h0)
        inner = gpu.empty((time * n if keep else 0, hidden), computed)
        within = gpu.empty((n, 3 * hidden), computed)
        halves, states, weight = _states(gpu, out, w_hh)
        product = Repeated(gpu, states, weight, within)
        initial = Repeated(gpu, h0, w_hh.swapaxes(0, 1), within)
        bias = nothing(None if b_hh is None else gpu.contiguous(b_hh))
        kernel = f"gru_step<{type_of(x)}, {'true' if keep else 'false'}>"
        for k in range(time):
            steps.recur(product, initial, k, at=0)
            steps.run(k, kernel, gates, inner, within, bias, h0, out, nothing(halves), h_n)
        return (out, h_n), (gates, inner, halves)

    def gru(
        x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None, /, *, reverse: bool = False,
        batch_sizes: Sizes = None,
    ) -> Any:  # fmt: skip
        found = run(x, h0, w_ih, w_hh, b_ih, b_hh, reverse, batch_sizes, keep=False)
        return found if found is NotImplemented else found[0]

    def gru_train(
        x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None, /, *, reverse: bool = False,
        batch_sizes: Sizes = None,
    ) -> Any:  # fmt: skip
        return run(x, h0, w_ih, w_hh, b_ih, b_hh, reverse, batch_sizes, keep=True)

    def gru_vjp(
        xp: Any, g: Any, x: Any, h0: Any, w_ih: Any, w_hh: Any, out: Any, reverse: bool, batch_sizes: Sizes,
        gates: Any, inner: Any, halves: Any, wants: tuple[bool, ...],
    ) -> Any:  # fmt: skip
        if _declines(x, h0, w_ih, w_hh, *g) or _too_large(x, w_ih, w_hh):
            return NotImplemented
        (time, n, _), hidden = x.shape, h0.shape[1]
        steps = Steps(gpu, time, n, hidden, reverse, batch_sizes)
        out, g_out, later, h0 = gpu.contiguous(out), gpu.contiguous(g[0]), _wide(gpu, g[1]), gpu.contiguous(h0)
        by_inputs, by_states = (gpu.empty((time * n, 3 * hidden), x.dtype) for _ in range(2))
        first = _first(gpu, steps, x, 3 * hidden)
        product = Repeated(gpu, by_states, w_hh, later, add=True)
        for k in reversed(range(time)):
            told = gates, inner, h0, out, nothing(halves), g_out, later, by_inputs, by_states, nothing(first)
            steps.run(k, f"gru_back<{type_of(x)}>", *told)
            product(steps.order[k] * n, steps.alive[k], 0)
        wants = (*wants, False, False)[:6]
        by = _gradients(gpu, steps, x, h0, out, w_ih, by_inputs, by_states, first, (wants[0], *wants[2:]))
        return by[0], later.astype(x.dtype, copy=False) if wants[1] else None, *by[1:]

    return Kernel(gru, train=gru_train, vjp=gru_vjp, residuals=("gates", "inner", "halves"))


def _lstm(gpu: Launcher) -> Kernel:
    def run(
        x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, reverse: bool,
        batch_sizes: Sizes, keep: bool,
    ) -> Any:  # fmt: skip
        weights = (w_ih, w_hh) if w_hr is None else (w_ih, w_hh, w_hr)
        if _declines(x, h0, c0, b_ih, b_hh, *weights) or _too_large(x, *weights):
            return NotImplemented
        if w_hr is not None and x.itemsize == 2:
            # What is projected would be rounded at each step.
            return NotImplemented
        (time, n, _), hidden = x.shape, c0.shape[1]
        steps = Steps(gpu, time, n, hidden, reverse, batch_sizes)
        out, h_n = gpu.empty((time, n, h0.shape[1]), x.dtype), gpu.empty(h0.shape, x.dtype)
        c_n = gpu.empty((n, hidden), x.dtype)
        gates, c0 = _of_inputs(gpu, x, w_ih, b_ih, b_hh), gpu.contiguous(c0)
        cells = gpu.empty((time * n if keep else n, hidden), gpu.computed(x))
        halves, states, weight = _states(gpu, out, w_hh)
        product = Repeated(gpu, states, weight, gates, add=True)
        initial = Repeated(gpu, gpu.contiguous(h0), w_hh.swapaxes(0, 1), gates, add=True)
        bounded = out if w_hr is None else gpu.empty((time, n, hidden), x.dtype)
        project = None if w_hr is None else Repeated(gpu, _rows(bounded), w_hr.swapaxes(0, 1), _rows(out))
        kernel = f"lstm_step<{type_of(x)}, {'true' if keep else 'false'}>"
        for k in range(time):
            steps.recur(product, initial, k)
            told = bounded, nothing(halves), nothing(h_n if project is None else None), c_n
            steps.run(k, kernel, gates, cells, c0, *told)
            if project is not None:
                now = steps.order[k]
                # Rows that are not in the step are zeros before and after.
                project(now * n, n, now * n)
                ending, alive = int(steps.records["ending"][k]), steps.alive[k]
                if ending < alive:
                    h_n[ending:alive] = out[now, ending:alive]
        return (out, h_n, c_n), (gates, cells, bounded)

    def lstm(
        x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None, w_hr: Any = None, /, *,
        reverse: bool = False, batch_sizes: Sizes = None,
    ) -> Any:  # fmt: skip
        found = run(x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, reverse, batch_sizes, keep=False)
        return found if found is NotImplemented else found[0]

    def lstm_train(
        x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None, w_hr: Any = None, /, *,
        reverse: bool = False, batch_sizes: Sizes = None,
    ) -> Any:  # fmt: skip
        return run(x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, reverse, batch_sizes, keep=True)

    def lstm_vjp(
        xp: Any, g: Any, x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, w_hr: Any, out: Any, reverse: bool,
        batch_sizes: Sizes, gates: Any, cells: Any, bounded: Any, wants: tuple[bool, ...],
    ) -> Any:  # fmt: skip
        weights = (w_ih, w_hh) if w_hr is None else (w_ih, w_hh, w_hr)
        if _declines(x, h0, c0, *weights, *g) or _too_large(x, *weights):
            return NotImplemented
        (time, n, _), hidden, state = x.shape, c0.shape[1], h0.shape[1]
        steps = Steps(gpu, time, n, hidden, reverse, batch_sizes)
        out, c0, kind = gpu.contiguous(out), gpu.contiguous(c0), type_of(x)
        g_out, later, later_cells = gpu.contiguous(g[0]), _wide(gpu, g[1]), _wide(gpu, g[2])
        deltas, first = gpu.empty((time * n, 4 * hidden), x.dtype), _first(gpu, steps, x, 4 * hidden)
        product = Repeated(gpu, deltas, w_hh, later)
        outer: Any = None
        by_state, g_step = later, g_out
        if w_hr is not None:
            outer, by_state = gpu.empty((time * n, state), x.dtype), gpu.empty((n, hidden), later.dtype)
            through = Repeated(gpu, outer, w_hr, by_state)
            g_step = nothing(None)
        for k in reversed(range(time)):
            now = steps.order[k] * n
            if w_hr is not None:
                steps.run(k, f"projected_back<{kind}>", g_out, later, outer, width=state)
                through(now, n, 0)
            told = gates, cells, c0, g_step, by_state, later_cells, deltas, nothing(first)
            steps.run(k, f"lstm_back<{kind}>", *told)
            product(now, steps.alive[k], 0)
        wants = (*wants, False, False, False)[:8]
        by = _gradients(gpu, steps, x, h0, out, w_ih, deltas, deltas, first, (wants[0], *wants[3:7]))
        by_w_hr = None
        if wants[7]:
            by_w_hr = gpu.empty(w_hr.shape, x.dtype)
            multiply(gpu, outer.swapaxes(0, 1), _rows(bounded), by_w_hr)
        states = [
            s.astype(x.dtype, copy=False) if wanted else None
            for s, wanted in zip((later, later_cells), wants[1:3], strict=True)
        ]
        return by[0], *states, *by[1:], by_w_hr

    return Kernel(lstm, train=lstm_train, vjp=lstm_vjp, residuals=("gates", "cells", "bounded"))
