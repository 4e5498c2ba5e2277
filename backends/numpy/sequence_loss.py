"""Connectionist temporal classification on NumPy arrays.

The recursion over states (blank, label, blank, ..., blank) runs in logarithms of float64, for all sequences at once.
With a gradient in view the backward recursion is the forward one over reversed sequences: both run in one loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.backend import Kernel
from ...core.errors import ArgumentError, IndexOutOfRangeError

# The logarithm of nothing: finite, so that differences of two such are numbers.
_NEVER = -1e300
_IMPOSSIBLE = -1e290

# `exp` is ten times slower where its result underflows. Beside a one this is nothing in float64.
_LEAST = -60.0

# Elements of a table of states by classes up to which a product with it adds shares up fastest.
_DENSE = 1 << 20


def _check(
    targets: np.ndarray, steps: int, classes: int, input_lengths: np.ndarray, target_lengths: np.ndarray
) -> None:
    for name, lengths, most in (
        ("input_lengths", input_lengths, steps),
        ("target_lengths", target_lengths, targets.shape[1]),
    ):
        if lengths.size and (lengths.min() < 0 or lengths.max() > most):
            bad = lengths.min() if lengths.min() < 0 else lengths.max()
            raise ArgumentError(f"ctc_loss: {name} lie between 0 and {most}, got {bad}")
    used = targets[np.arange(targets.shape[1]) < target_lengths[:, None]]
    if used.size and (used.min() < 0 or used.max() >= classes):
        bad = used.min() if used.min() < 0 else used.max()
        raise IndexOutOfRangeError(
            f"ctc_loss: label {bad} is out of range for {classes} classes; labels lie in [0, {classes - 1}]"
        )


def _recursion(emitted: np.ndarray, states: np.ndarray) -> np.ndarray:
    """Return the logarithms of the paths' probabilities up to each step and state, (steps, rows, states)."""
    steps, rows, width = emitted.shape
    # Two columns in front, so that a step from one or two states before is a view; each view lacks what it may not use.
    table = np.empty((steps, rows, width + 2))
    table[:, :, :2] = _NEVER
    found = table[:, :, 2:]
    found[0] = _NEVER
    found[0, :, :2] = emitted[0, :, :2]
    if width == 1:
        np.cumsum(emitted, axis=0, out=found)
        return found
    a, b, c = table.strides
    before = np.lib.stride_tricks.as_strided(table, (steps, 3, rows, width), (a, c, b, c), writeable=False)
    allowed = np.zeros((3, rows, width))
    allowed[0] = _NEVER
    allowed[0, :, 2:][states[:, 2:] != states[:, :-2]] = 0.0
    ways, best, total = np.empty((3, rows, width)), np.empty((rows, width)), np.empty((rows, width))
    for t in range(1, steps):
        np.add(before[t - 1], allowed, out=ways)
        np.maximum.reduce(ways, axis=0, out=best)
        np.subtract(ways, best, out=ways)
        np.maximum(ways, _LEAST, out=ways)
        np.exp(ways, out=ways)
        np.add.reduce(ways, axis=0, out=total)
        np.log(total, out=total)
        np.add(total, best, out=total)
        np.add(total, emitted[t], out=found[t])
    return found


def _run(
    log_probs: np.ndarray,
    targets: np.ndarray,
    input_lengths: np.ndarray,
    target_lengths: np.ndarray,
    blank: int,
    both: bool,
) -> Any:
    if log_probs.dtype.itemsize < 4 or log_probs.dtype.kind != "f":
        return NotImplemented
    steps, count, classes = log_probs.shape
    _check(targets, steps, classes, input_lengths, target_lengths)
    given, lengths = input_lengths.tolist(), target_lengths.tolist()
    width = 2 * max(lengths, default=0) + 1
    rows = 2 * count if both else count
    states = np.full((rows, width), blank, np.int64)
    emitted = np.zeros((steps, rows, width))
    for n, (t, s) in enumerate(zip(given, lengths, strict=True)):
        states[n, 1 : 2 * s : 2] = targets[n, :s]
        own = log_probs[:t, n].take(states[n, : 2 * s + 1], axis=1)
        emitted[:t, n, : 2 * s + 1] = own
        if both:
            states[count + n, 1 : 2 * s : 2] = targets[n, :s][::-1]
            emitted[:t, count + n, : 2 * s + 1] = own[::-1, ::-1]
    np.maximum(emitted, _NEVER, out=emitted)
    likelihood = np.empty((count,))
    # Padded steps and states add nothing that is read.
    with np.errstate(all="ignore"):
        table = _recursion(emitted, states) if steps else np.empty((0, rows, width))
        for n, (t, s) in enumerate(zip(given, lengths, strict=True)):
            if not t:
                likelihood[n] = -np.inf if s else 0.0
            else:
                last = table[t - 1, n, 2 * s]
                likelihood[n] = np.logaddexp(last, table[t - 1, n, 2 * s - 1]) if s else last
        likelihood[likelihood < _IMPOSSIBLE] = -np.inf
    return likelihood, table, emitted, states


def ctc_loss(
    log_probs: np.ndarray,
    targets: np.ndarray,
    input_lengths: np.ndarray,
    target_lengths: np.ndarray,
    /,
    *,
    blank: int,
) -> Any:
    """The negative logarithm of the alignments' probabilities, one for each sequence."""
    found = _run(log_probs, targets, input_lengths, target_lengths, blank, both=False)
    return found if found is NotImplemented else (-found[0]).astype(log_probs.dtype)


def ctc_loss_train(
    log_probs: np.ndarray,
    targets: np.ndarray,
    input_lengths: np.ndarray,
    target_lengths: np.ndarray,
    /,
    *,
    blank: int,
) -> Any:
    """Do the same and keep each sequence's share of the paths in every step and state, (steps, count, states)."""
    found = _run(log_probs, targets, input_lengths, target_lengths, blank, both=True)
    if found is NotImplemented:
        return NotImplemented
    likelihood, table, emitted, states = found
    count = len(likelihood)
    shares = np.full((len(table), count, emitted.shape[2]), _NEVER)
    for n, (t, s) in enumerate(zip(input_lengths.tolist(), target_lengths.tolist(), strict=True)):
        if np.isneginf(likelihood[n]):
            continue
        inside = slice(0, 2 * s + 1)
        part = shares[:t, n, inside]
        # Both recursions hold the step's own emission.
        np.subtract(table[:t, n, inside], emitted[:t, n, inside], out=part)
        part += table[:t, count + n, inside][::-1, ::-1]
        part -= likelihood[n]
    np.maximum(shares, -700.0, out=shares)
    np.exp(shares, out=shares)
    shares[shares < 1e-300] = 0
    return (-likelihood).astype(log_probs.dtype), (shares, states[:count])


def ctc_loss_vjp(
    g: np.ndarray,
    log_probs_shape: tuple[int, ...],
    shares: np.ndarray,
    states: np.ndarray,
    wants: tuple[bool, ...],
) -> Any:
    """Minus the shares, added up by class."""
    if not wants[0]:
        return None, None, None, None
    steps, count, classes = log_probs_shape
    weighed = shares * -g[:, None]
    if states.size * classes <= _DENSE:
        chosen = (states[:, :, None] == np.arange(classes)).astype(weighed.dtype)
        found = np.matmul(weighed.transpose(1, 0, 2), chosen).transpose(1, 0, 2)
    else:
        places = (np.arange(steps * count).reshape(steps, count, 1) * classes + states).reshape(-1)
        found = np.bincount(places, weighed.reshape(-1), steps * count * classes).reshape(log_probs_shape)
    return found.astype(g.dtype), None, None, None


KERNELS: dict[str, Callable[..., Any] | Kernel] = {
    "ctc_loss": Kernel(ctc_loss, train=ctc_loss_train, vjp=ctc_loss_vjp, residuals=("shares", "states")),
}
