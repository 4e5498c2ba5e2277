"""Elementwise chains as one kernel: what the backend compiles bodies and backwards of rows with.

A function is run once with arrays that write down what is done with them (`fusion_trace`); what was done is divided
into calls of the library and chains that one generated kernel does (`fusion_plan`, `fusion_text`), for each set of
shapes.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from ...core import dtypes
from ...core.compiled import NothingGained
from ...core.device import Device
from .fusion_plan import Plan, program
from .fusion_text import is_fill
from .fusion_trace import Trace, Traced, tracing_device
from .launch import Launcher

SWITCH = "CANDELABRA_FUSION"
# Sets of shapes of one function whose programs are kept.
MOST = 64


def is_on() -> bool:
    """Say whether chains are to be fused: unless the environment says ``CANDELABRA_FUSION=0``."""
    return os.environ.get(SWITCH, "1") != "0"


class Fusion:
    """What makes fused functions.

    Parameters
    ----------
    gpu : Launcher
        What runs the kernels.

    Attributes
    ----------
    after : int
        How many calls with operands of the same shapes run as they are before one is traced: what is called once is not
        worth a compiler's time.
    """

    def __init__(self, gpu: Launcher) -> None:
        self.gpu = gpu
        self.after = 1
        # One trace at a time.
        self.lock = threading.Lock()

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function of arrays as one that does its chains by kernels of their own."""
        return Fused(self, function)


class Fused:
    """A function of arrays, lists of them, None and numbers, with a program for each set of shapes."""

    def __init__(self, fusion: Fusion, function: Callable[..., Any]) -> None:
        self.fusion, self.function = fusion, function
        defaults: Any = function.__kwdefaults__
        self.home: Device = defaults["device"]
        self.array_type = self.home.backend.array_type
        # A function, or how often such operands have come.
        self.programs: dict[Any, Any] = {}

    def __call__(self, *given: Any) -> Any:
        flat: list[Any] = []
        signs: list[Any] = [dtypes.get_default_dtype()]
        self._open(given, signs, flat)
        key = tuple(signs)
        found = self.programs.get(key, 0)
        if type(found) is not int:
            return found(*flat)
        if found < self.fusion.after:
            if len(self.programs) >= MOST:
                self.programs.clear()
            self.programs[key] = found + 1
            return self.function(*given)
        return self._trace(key, given, len(flat))

    def _open(self, given: Any, key: list[Any], flat: list[Any]) -> None:
        kind = self.array_type
        for value in given:
            if type(value) is kind:
                key.append(value.shape)
                key.append(value.dtype)
                flat.append(value)
            elif value is None:
                key.append(None)
            elif isinstance(value, (list, tuple)):
                key += (type(value), len(value))
                self._open(value, key, flat)
            elif type(value) in (bool, int, float, complex):
                key += (type(value), repr(value))
            else:
                raise TypeError(f"a fused function takes arrays, not {type(value).__name__}")

    def _trace(self, key: Any, given: Any, count: int) -> Any:
        lock = self.fusion.lock
        if not lock.acquire(blocking=False):
            # Another one is being written; it may be the one that calls this.
            return self.function(*given)
        device = tracing_device(self.home)
        backend: Any = device.backend
        trace = Trace(self.home.backend, self.home.index or 0)
        try:
            backend.trace = trace
            found = self.function(*self._traced(given, trace), device=device)
        finally:
            backend.trace = None
            lock.release()
        _, results = trace.open(found)
        plan = Plan(trace, results)
        if plan.groups():
            self.programs[key] = program(plan, count, self.fusion.gpu)
        elif not trace.calls or not all(map(is_fill, trace.calls)):
            # What gives one number for operands without elements may do more for others.
            raise NothingGained
        return _arrays(found)

    def _traced(self, given: Any, trace: Trace) -> Any:
        return [
            trace.value(value) if type(value) is self.array_type
            else type(value)(self._traced(value, trace)) if isinstance(value, (list, tuple))
            else value
            for value in given
        ]  # fmt: skip


def _arrays(found: Any) -> Any:
    if type(found) is Traced:
        return found.array
    if isinstance(found, (list, tuple)):
        return type(found)([_arrays(part) for part in found])
    return found
