"""Anomaly mode: it names the source line of the forward operation that first made something non-finite."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Sequence
from typing import Any

from ..errors import AnomalyError
from ..implementation import namespace
from .mode import F, _Mode, grad_mode, recording


class Anomaly:
    """What `grad_mode` holds in anomaly mode: true, and told of each recorded operation."""

    def __init__(self, check_nan: bool) -> None:
        self.check_nan = check_nan

    def note(self, node: Any, outputs: Sequence[Any], operands: Sequence[Any]) -> None:
        """Remember the user's line, and refuse what is non-finite while all operands are finite."""
        node.line = user_line()
        if self.check_nan and not _finite(node, outputs) and _finite(node, operands):
            raise AnomalyError(f"{node.impl.row.name} made something non-finite out of finite operands, at {node.line}")

    def check_backward(self, node: Any, g: Any, cotangents: Sequence[Any]) -> None:
        """Refuse a gradient that became non-finite in this node."""
        if not self.check_nan:
            return
        arrived = [c for c in (g if isinstance(g, tuple) else (g,)) if c is not None]
        made = [c for c in cotangents if c is not None]
        if not _finite(node, made) and _finite(node, arrived):
            raise AnomalyError(
                f"the backward of {node.impl.row.name} made a non-finite gradient out of a finite one; its forward "
                f"ran at {getattr(node, 'line', 'an unknown line (recorded before anomaly mode was on)')}"
            )


def _finite(node: Any, arrays: Sequence[Any]) -> bool:
    device = node.impl.device.physical
    xp, own = namespace(device), device.backend.array_type
    for a in arrays:
        for raw in _inside(a.array if hasattr(a, "node") else a):
            # What a transfer hands back is another device's, and as finite as what came.
            dtype = getattr(raw, "dtype", None) if isinstance(raw, own) else None
            if dtype is None or not device.dtype_of[dtype].is_differentiable:
                continue
            if not bool(xp.all(xp.isfinite(raw))):
                return False
    return True


def _inside(array: Any) -> list[Any]:
    """Return the physical arrays of an array, which transformations may wrap."""
    found: list[Any] = []
    if not hasattr(array, "level"):
        return [array]

    def visit(inner: Any) -> Any:
        found.extend(_inside(inner))
        return inner

    array.map(visit, array.device.parent)
    return found


def user_line() -> str:
    """Return the innermost source line outside candelabra, with its text."""
    frame = sys._getframe(1)
    package = __name__.partition(".")[0]
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        frame = frame.f_back
    path, number = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(path, number).strip()
    return f"{path}:{number}" + (f": {text}" if text else "")


class detect_anomaly(_Mode):
    """Context manager and decorator that looks for the first operation making something non-finite.

    Parameters
    ----------
    check_nan : bool
        Whether to check; without, only the lines are kept for error texts.

    Raises
    ------
    AnomalyError
        By the operation, or in backward, naming the source line of its forward.

    Examples
    --------
    >>> import candelabra as cb
    >>> x = cb.tensor(0.0, requires_grad=True)
    >>> with cb.autograd.detect_anomaly():
    ...     cb.log(x)
    Traceback (most recent call last):
    candelabra.core.errors.AnomalyError: log made something non-finite out of finite operands, at ...
    """

    def __init__(self, check_nan: bool = True) -> None:
        super().__init__()
        self._check = check_nan
        self._record: Any = Anomaly(check_nan)

    def __enter__(self) -> None:
        self._previous.append((recording.get(), grad_mode.get()))
        self._set()

    def __exit__(self, *details: Any) -> None:
        self._restore(self._previous.pop())

    def _set(self) -> None:
        recording.set(self._record)
        if grad_mode.get():
            grad_mode.set(self._record)

    def _restore(self, modes: tuple[Any, Any]) -> None:
        recording.set(modes[0])
        grad_mode.set(modes[1])

    def _again(self) -> detect_anomaly:
        return detect_anomaly(self._check)


class set_detect_anomaly(detect_anomaly):
    """Switch anomaly mode on or off: at once as a function, or for a block as a context manager."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        super().__init__(check_nan)
        self._on = mode
        self._entry = (recording.get(), grad_mode.get())
        if not mode:
            self._record = True
        self._set()

    def __enter__(self) -> None:
        self._previous.append(self._entry)
        self._set()

    def __call__(self, function: F) -> F:
        self._restore(self._entry)
        return super().__call__(function)

    def _again(self) -> set_detect_anomaly:
        return set_detect_anomaly(self._on, self._check)
