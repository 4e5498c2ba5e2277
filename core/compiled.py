"""Bodies and rules that run as one compiled function, where a backend offers to compile.

A library that dispatches slowly, or compiles each operation by itself, gains by doing the whole of a row's body, or of
its backward, at once. What looks at values (the number of a mask's elements) cannot be compiled, and runs as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

# A static that changes from call to call is no constant of a compiled function.
MOST = 64
# After how many functions that gain nothing by it no more are compiled.
VAIN = 2


class NothingGained(Exception):
    """What a compiled function raises that would do no better than the function itself."""


class Compiled:
    """A function of arrays and hashable constants, compiled by the library for each set of constants.

    Parameters
    ----------
    compile : callable
        The backend's `compile`.
    make : callable
        Takes a key's constants and returns the function of arrays to compile.
    """

    __slots__ = ("cannot", "compile", "made", "make", "plain")

    def __init__(self, compile: Callable[..., Any], make: Callable[..., Callable[..., Any]]) -> None:
        self.compile, self.make = compile, make
        self.made: dict[Any, Callable[..., Any]] = {}
        self.cannot = False
        # What gained nothing, by its constants.
        self.plain: set[Any] = set()

    def __call__(self, constants: tuple[Any, ...], arrays: tuple[Any, ...]) -> Any:
        if self.cannot:
            return self.make(*constants)(*arrays)
        # Numbers that are equal may differ in kind, and zeros in sign.
        kinds = tuple(map(type, constants))
        key: Any = (constants, kinds)
        if float in kinds:
            key = (constants, kinds, *[str(c) for c in constants if type(c) is float])
        function = self.made.get(key)
        if function is None:
            function = self.make(*constants)
            if len(self.made) >= MOST:
                return function(*arrays)
            function = self.made[key] = self.compile(function)
        try:
            return function(*arrays)
        except NothingGained:
            self.made[key] = function = self.make(*constants)
            self.plain.add(key)
            self.cannot = len(self.plain) == len(self.made) >= VAIN
            return function(*arrays)
        except Exception:
            # Either the operands are at fault, and this raises again, or the function looks at values.
            found = self.make(*constants)(*arrays)
            self.cannot = True
            self.made.clear()
            return found


def compiled_body(body_on: Callable[[Any], Callable[..., Any]], compile: Callable[..., Any], home: Any) -> Any:
    """Return a row's body on a device as a function of operands and statics that runs compiled.

    Parameters
    ----------
    body_on : callable
        Returns the body on a device, as it is.
    compile : callable
        The backend's `compile`.
    home : Device
        The device.
    """
    plain = body_on(home)

    def make(names: tuple[str, ...], *statics: Any) -> Callable[..., Any]:
        given = dict(zip(names, statics, strict=True))

        def function(*operands: Any, device: Any = home) -> Any:
            return (plain if device is home else body_on(device))(*operands, **given)

        return function

    found = Compiled(compile, make)

    def run(*operands: Any, **statics: Any) -> Any:
        if found.cannot:
            return plain(*operands, **statics)
        return found((tuple(statics), *statics.values()), operands)

    return run


def compiled_backward(backward: Callable[..., Any], compile: Callable[..., Any], impl: Any, narrow: Any) -> Any:
    """Return a row's backward that runs compiled where it is given raw arrays.

    Where the row was given one of the dtypes of `narrow`, which backwards compute in a wider one, cotangents of the
    result's shape are cast back as part of it.
    """
    kept = [i for i, (kind, _) in enumerate(impl.saves) if kind not in ("shape", "dtype")]
    told = [i for i, (kind, _) in enumerate(impl.saves) if kind in ("shape", "dtype")]
    home = impl.device

    def make(wants: tuple[bool, ...], dtype: Any, facts: tuple[Any, ...], ends: Any, *statics: Any) -> Any:
        parents = tuple([w or None for w in wants])

        def function(g: Any, arrays: Any, *, device: Any = home) -> Any:
            saved = [None] * (len(kept) + len(told))
            for i, value in zip((*kept, *told), (*arrays, *facts), strict=True):
                saved[i] = value
            there, walk = (impl, backward) if device is home else _on(impl.row, device)
            node = SimpleNamespace(impl=there, parents=parents, dtype=dtype, statics=statics)
            found = walk(there.xp, g, node, tuple(saved))
            return _ended(there.xp, found, ends) if ends else found

        return function

    found = Compiled(compile, make)

    def first_order(xp: Any, g: Any, node: Any, saved: Any) -> Any:
        if found.cannot or xp is not impl.xp:
            return backward(xp, g, node, saved)
        dtype, ends = node.dtype, None
        if dtype in narrow:
            shape = node.shape
            ends = tuple([p.dtype if p is not None and p.shape == shape else None for p in node.parents])
        wants = tuple([p is not None for p in node.parents])
        facts = tuple([saved[i] for i in told])
        return found((wants, dtype, facts, ends, *node.statics), (g, tuple([saved[i] for i in kept])))

    return first_order


def _on(row: Any, device: Any) -> tuple[Any, Callable[..., Any]]:
    """Return a row's implementation on another device, and its backward there."""
    from .implementation import implementation

    there = implementation(row, device)
    return there, there.backward_graph  # type: ignore[return-value]


def _ended(xp: Any, cotangents: Any, ends: tuple[Any, ...]) -> Any:
    """Return cotangents in the dtypes of the operands at which they end, where those are told."""
    return tuple([
        xp.astype(c, end) if c is not None and end is not None and c.dtype != end else c
        for c, end in zip(cotangents, ends, strict=True)
    ])  # fmt: skip
