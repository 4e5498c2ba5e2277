"""What the kernels of a text take: a card reads what it is given as its own types, whatever it was."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from candelabra.backends.cupy.launch import TYPES

_NAMES = {cpp: name for name, cpp in TYPES.items()} | {"int64": "int64", "uint64": "uint64", "unsigned int": "uint32"}
_LIST = re.compile(r"\s*<(.*)>\s*$", re.DOTALL)


def _parts(text: str) -> list[str]:
    """Return what stands between commas that are in no brackets."""
    found, depth = [""], 0
    for letter in text:
        depth += (letter in "<(") - (letter in ">)")
        if letter == "," and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    return [part.strip() for part in found if part.strip()]


@functools.cache
def parameters(code: str, expression: str) -> tuple[tuple[bool, str | None], ...]:
    """Return of an instance's parameters whether each is a pointer, and the dtype's name; None for what is none."""
    name, _, given = expression.partition("<")
    found = re.search(rf"__global__ void[^;{{}}]*?\b{name}\(([^{{}}]*?)\)\s*{{", code)
    assert found is not None, f"no kernel {name}"
    chosen = {}
    if given:
        ahead = code[: found.start()]
        start = ahead.rindex("template <")
        named = _LIST.match(ahead[start + len("template ") :])
        assert named is not None, f"{name}: {ahead[start:]!r} is no template"
        keys = [part.split()[-1] for part in _parts(named[1])]
        values = _parts(given[:-1])
        chosen = dict(zip(keys, values, strict=True))
    return tuple(_parameter(part, chosen) for part in _parts(found[1]))


def _parameter(text: str, chosen: dict[str, str]) -> tuple[bool, str | None]:
    kind = re.sub(r"\bconst\b|\b__restrict__\b", "", text)
    kind = re.sub(r"\w+\s*$", "", kind).strip()
    pointer = kind.endswith("*")
    kind = kind.rstrip("* ")
    if (inner := re.fullmatch(r"typename (Computed|Joined)<(\w+)>::type", kind)) is not None:
        of = chosen.get(inner[2], inner[2])
        narrow = of in ("__half", "__nv_bfloat16")
        return pointer, "float32" if narrow or (inner[1] == "Computed" and of != "double") else _NAMES[of]
    if kind == "M":
        # What is moved at once stands for whatever it is made of.
        return pointer, None
    return pointer, _NAMES.get(chosen.get(kind, kind))


def check(code: str, expression: str, arguments: Sequence[Any], array_type: type) -> None:
    """Hold the arguments of a launch to the kernel's own types."""
    wanted = parameters(code, expression)
    assert len(arguments) == len(wanted), f"{expression} takes {len(wanted)} arguments, got {len(arguments)}"
    for i, (argument, (pointer, name)) in enumerate(zip(arguments, wanted, strict=True)):
        where = f"{expression}: argument {i}"
        if isinstance(argument, array_type):
            kind = argument.dtype.name
            # A complex number is two.
            kind = {"complex64": "float32", "complex128": "float64"}.get(kind, kind)
            assert pointer and (name is None or kind == name), f"{where} is an array of {kind}, not {name}"
        elif isinstance(argument, np.ndarray):
            assert argument.dtype.names and not pointer and name is None, f"{where} is no structure"
        else:
            assert isinstance(argument, np.generic), f"{where}: what {argument!r} is on a card is not said"
            kind = "uint64" if pointer else name
            assert kind is not None and argument.dtype.name == kind, f"{where} is {argument.dtype.name}, not {kind}"
