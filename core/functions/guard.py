"""What stands before a composite: bad input is told by the composite's own name, whatever fails inside.

A row's dispatch explains what its kernel refuses; a composite is plain code over rows, where a list in place of a
tensor would surface as an AttributeError from somewhere within. Good calls pay one look at their operands; the
annotations are read only after a failure.
"""

from __future__ import annotations

import inspect
import numbers
import operator
import re
import sys
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

from .. import device as devices
from .. import dtypes
from ..errors import ArgumentTypeError, CandelabraError, OutOfRangeError
from ..explain import named
from ..tensor import Tensor


def guard_names(namespace: dict[str, Any], names: Sequence[str]) -> None:
    """Put the guard before the composites among a namespace's names, there and where they are written."""
    for name in names:
        function = namespace[name]
        home = sys.modules.get(getattr(function, "__module__", ""))
        if isinstance(function, FunctionType) and home is not None and home.__package__ == __package__:
            own: str = function.__name__
            namespace[name] = guarded = guard(function)
            if vars(home).get(own) is function:
                setattr(home, own, guarded)


def guard(function: Callable[..., Any], module: str | None = None) -> Callable[..., Any]:
    """Return a composite that takes NumPy arrays for tensors, as rows do, and tells its name in errors.

    The result has the globals, name and documentation of `function`: it takes its place in its module, or in another.
    """
    if not isinstance(function, FunctionType) or hasattr(function, "_guarded"):
        return function
    code, annotations = function.__code__, function.__annotations__
    places = tuple(
        i for i, name in enumerate(code.co_varnames[: code.co_argcount]) if annotations.get(name) in _TENSORS
    )
    convert, tell, kind = _converted, told, Tensor

    def call(*operands: Any, **options: Any) -> Any:
        for i in places:
            if i < len(operands) and not isinstance(operands[i], kind):
                operands = convert(operands, places)
                break
        try:
            return function(*operands, **options)
        except Exception as error:
            other = tell(function, operands, options, error)
            if other is error:
                raise
            raise other from error

    # Doctests and pickles find a function by its module's globals.
    guarded = FunctionType(call.__code__, function.__globals__, function.__name__, None, call.__closure__)
    for name in ("__module__", "__qualname__", "__doc__", "__annotations__"):
        setattr(guarded, name, getattr(function, name))
    guarded.__module__ = module or function.__module__
    guarded.__wrapped__ = function  # type: ignore[attr-defined]
    guarded._guarded = True  # type: ignore[attr-defined]
    return guarded


def told(function: Any, operands: Sequence[Any], options: dict[str, Any], error: Exception) -> Exception:
    """Return the error to raise for one that came out of a composite."""
    name = function.__name__
    if isinstance(error, ArgumentTypeError) and not str(error).startswith(name):
        # What is wrong with the caller's own argument says more than what it became.
        wrong = _first_wrong(function, operands, options)
        if wrong:
            return ArgumentTypeError(f"{name}: {wrong}")
    if isinstance(error, (CandelabraError, MemoryError)):
        return named(error, name)
    frames = error.__traceback__
    if frames is None or frames.tb_next is None:
        # Python itself refused the call, and named the function.
        return error
    if isinstance(error, (AttributeError, TypeError, ValueError, IndexError, OverflowError, ZeroDivisionError)):
        wrong = _first_wrong(function, operands, options)
        if wrong:
            return ArgumentTypeError(f"{name}: {wrong}")
        if isinstance(error, OverflowError):
            return OutOfRangeError(f"{name}: {error}")
    return error


def _converted(operands: Sequence[Any], places: Sequence[int]) -> tuple[Any, ...]:
    host = devices.host_device()
    return tuple(
        Tensor(x, host) if i in places and isinstance(x, host.backend.array_type) else x for i, x in enumerate(operands)
    )


def _first_wrong(function: Any, operands: Sequence[Any], options: dict[str, Any]) -> str:
    """Say of the first argument that is not what its annotation promises, what it should be and what it is."""
    signature = inspect.signature(function)
    try:
        given = signature.bind(*operands, **options).arguments
    except TypeError:
        return ""
    for name, value in given.items():
        parameter = signature.parameters[name]
        annotation = str(parameter.annotation)
        if parameter.kind is parameter.VAR_KEYWORD:
            continue
        many = parameter.kind is parameter.VAR_POSITIONAL
        for place, one in [(f"{name}[{i}]", v) for i, v in enumerate(value)] if many else [(name, value)]:
            wrong = refusal(place, annotation, one)
            if wrong:
                return wrong
    return ""


def refusal(name: str, annotation: str, value: Any) -> str:
    """Say what an argument must be, and is not; nothing if it fits its annotation, or nobody can tell."""
    choices = _choices(annotation)
    if any(_fits(choice, value) for choice in choices):
        return ""
    words = " or ".join(dict.fromkeys(_in_words(choice) for choice in choices))
    shown = f"{type(value).__name__} {value!r}" if _short(value) else type(value).__name__
    mend = "; make one with candelabra.asarray(...)" if choices[0] in _TENSORS else ""
    return f"{name} is {words}, not {shown}{mend}"


def _short(value: Any) -> bool:
    return isinstance(value, (bool, int, float, complex, str, bytes, type(None), list, tuple)) and len(repr(value)) < 60


def _choices(annotation: str) -> list[str]:
    """Split a union at its top level."""
    parts, depth = [""], 0
    for character in annotation.replace(" ", ""):
        depth += (character in "[(") - (character in ")]")
        if character == "|" and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _is_index(value: Any) -> bool:
    try:
        operator.index(value)
    except (TypeError, CandelabraError):
        return False
    return True


_TENSORS = ("Tensor", "tensor.Tensor")
_SEQUENCE = re.compile(r"(?:Sequence|Iterable|list|tuple)\[(.*?)(?:,\.\.\.)?\]$")
_SIMPLE: dict[str, tuple[Callable[[Any], bool], str]] = {
    "Tensor": (lambda v: isinstance(v, Tensor), "a Tensor"),
    "tensor.Tensor": (lambda v: isinstance(v, Tensor), "a Tensor"),
    "int": (_is_index, "an int"),
    "float": (lambda v: isinstance(v, numbers.Real) or getattr(v, "size", 0) == 1, "a number"),
    "complex": (lambda v: isinstance(v, numbers.Complex) or getattr(v, "size", 0) == 1, "a number"),
    "bool": (lambda v: isinstance(v, (bool, int)) or type(v).__name__ in ("bool", "bool_"), "True or False"),
    "str": (lambda v: isinstance(v, str), "a string"),
    "None": (lambda v: v is None, "None"),
    "DType": (lambda v: isinstance(v, dtypes.DType), "a dtype"),
}


def _fits(choice: str, value: Any) -> bool:
    if choice in _SIMPLE:
        return _SIMPLE[choice][0](value)
    inner = _SEQUENCE.match(choice)
    if inner is None:
        return True
    if not isinstance(value, (list, tuple)):
        return False
    kinds = _parts(inner[1])
    if len(kinds) > 1:
        return len(kinds) != len(value) or all(map(_fits_any, kinds, value))
    return all(_fits_any(inner[1], v) for v in value)


def _fits_any(annotation: str, value: Any) -> bool:
    return any(_fits(choice, value) for choice in _choices(annotation))


def _parts(inner: str) -> list[str]:
    """Split what stands in a tuple's brackets at its commas."""
    parts, depth = [""], 0
    for character in inner:
        depth += (character in "[(") - (character in ")]")
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _in_words(choice: str) -> str:
    if choice in _SIMPLE:
        return _SIMPLE[choice][1]
    inner = _SEQUENCE.match(choice)
    if inner is None:
        return choice
    kinds = {_in_words(c) for part in _parts(inner[1]) for c in _choices(part)}
    plural = {"a Tensor": "Tensors", "an int": "ints", "a number": "numbers", "a string": "strings"}
    return "a sequence" if "Any" in kinds else "a sequence of " + " or ".join(sorted(plural.get(k, k) for k in kinds))
