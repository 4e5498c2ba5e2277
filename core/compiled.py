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


class Compiled:
    """A function of arrays and hashable constants, compiled by the library for each set of constants.

    Parameters
    ----------
    compile : callable
        The backend's `compile`.
    make : callable
        Takes a key's constants and returns the function of arrays to compile.
    """

    __slots__ = ("cannot", "compile", "made", "make")

    def __init__(self, compile: Callable[..., Any], make: Callable[..., Callable[..., Any]]) -> None:
        self.compile, self.make = compile, make
        self.made: dict[Any, Callable[..., Any]] = {}
        self.cannot = False

    def __call__(self, constants: tuple[Any, ...], arrays: tuple[Any, ...]) -> Any:
        if self.cannot:
            return self.make(*constants)(*arrays)
        # Numbers that are equal may differ in kind, and zeros in sign.
        key = (constants, *[str(c) if type(c) is float else type(c) for c in constants])
        function = self.made.get(key)
        if function is None:
            function = self.make(*constants)
            if len(self.made) >= MOST:
                return function(*arrays)
            function = self.made[key] = self.compile(function)
        try:
            return function(*arrays)
        except Exception:
            # Either the operands are at fault, and this raises again, or the function looks at values.
            found = self.make(*constants)(*arrays)
            self.cannot = True
            self.made.clear()
            return found


def compiled_body(body: Callable[..., Any], compile: Callable[..., Any], xp: Any) -> Callable[..., Any]:
    """Return a row's body on a device as a function of operands and statics that runs compiled."""

    def make(names: tuple[str, ...], statics: tuple[Any, ...]) -> Callable[..., Any]:
        given = dict(zip(names, statics, strict=True))
        return lambda *operands: body(xp, *operands, **given)

    run = Compiled(compile, lambda names, *statics: make(names, statics))
    return lambda *operands, **statics: run((tuple(statics), *statics.values()), operands)


def compiled_backward(backward: Callable[..., Any], compile: Callable[..., Any], impl: Any) -> Callable[..., Any]:
    """Return a row's backward that runs compiled where it is given raw arrays."""
    kept = [i for i, (kind, _) in enumerate(impl.saves) if kind not in ("shape", "dtype")]
    told = [i for i, (kind, _) in enumerate(impl.saves) if kind in ("shape", "dtype")]

    def make(wants: tuple[bool, ...], dtype: Any, statics: tuple[Any, ...], facts: tuple[Any, ...]) -> Any:
        parents = tuple([w or None for w in wants])
        node = SimpleNamespace(impl=impl, parents=parents, dtype=dtype, statics=statics)

        def run(g: Any, arrays: Any) -> Any:
            saved = [None] * (len(kept) + len(told))
            for i, value in zip((*kept, *told), (*arrays, *facts), strict=True):
                saved[i] = value
            return backward(impl.xp, g, node, tuple(saved))

        return run

    found = Compiled(compile, lambda wants, dtype, facts, *statics: make(wants, dtype, statics, facts))

    def first_order(xp: Any, g: Any, node: Any, saved: Any) -> Any:
        if xp is not impl.xp:
            return backward(xp, g, node, saved)
        wants = tuple([p is not None for p in node.parents])
        facts = tuple([saved[i] for i in told])
        return found((wants, node.dtype, facts, *node.statics), (g, tuple([saved[i] for i in kept])))

    return first_order
