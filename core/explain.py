"""Error texts, built from the row: the operation, the operands' shapes, dtypes and devices, and the mend."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from .device import host_device
from .errors import (
    ArgumentError,
    ArgumentTypeError,
    AxisError,
    CandelabraError,
    DTypeError,
    IndexOutOfRangeError,
    KernelError,
    LinAlgError,
    OutOfRangeError,
    ShapeError,
)
from .failures import failure, in_brackets, origin
from .primitives.row import Row
from .primitives.tools import axes_of


def describe(value: Any) -> str:
    """Return a short description of an operand, such as ``float32 (2, 3)``."""
    device = getattr(value, "device", None)
    array = getattr(value, "array", None)
    if array is None or device is None:
        return f"{type(value).__name__} {value!r}" if not isinstance(value, (list, tuple)) else type(value).__name__
    return f"{device.dtype_of[array.dtype].name} {tuple(array.shape)}"


def _broadcastable(shapes: Sequence[tuple[int, ...]]) -> bool:
    width = max(map(len, shapes), default=0)
    for position in range(1, width + 1):
        sizes = {s[-position] for s in shapes if len(s) >= position} - {1}
        if len(sizes) > 1:
            return False
    return True


def explain(
    row: Row,
    operands: Sequence[Any],
    error: Exception,
    statics: dict[str, Any] | None = None,
    device: Any = None,
) -> Exception:
    """Return the error to raise for what a kernel raised; `device` is where something was to be created."""
    place = next((v.device for v in operands if hasattr(v, "device") and hasattr(v, "array")), device)
    if isinstance(error, CandelabraError) and not isinstance(error, KernelError):
        raise error if _NAMED.match(str(error)) else named(error, row.name)
    if isinstance(error, MemoryError) and _says(error, row.name):
        # Refused before a library was asked.
        raise error
    if isinstance(error, Warning):
        raise error
    if row.diagnose is not None and not isinstance(error, KernelError | MemoryError):
        _diagnose(row, operands, statics or {})
    if statics and "axis" in statics and row.prepare is None and hasattr(operands[0], "array"):
        axes_of(statics["axis"], len(operands[0].array.shape), row.name)
    shown = ", ".join(
        f"{o.name}: {describe(v)}" if v is not None else f"{o.name}: None"
        for o, v in zip(_names(row, len(operands)), operands, strict=False)
    )
    where = f" on {place}" if place is not None else ""
    given = {k: v for k, v in (statics or {}).items() if v is not None and k != "dtype"}
    arguments = f" with {', '.join(f'{k}={_shown(k, v)}' for k, v in given.items())}" if given else ""
    text = f"{row.name}({shown}){arguments}{where}: "
    if place is not None and place.physical.backend.is_out_of_memory(error):
        # A text without operands would say nothing in its brackets.
        what = f"{row.name}({shown}){arguments}" if shown else row.name
        return failure(what, place, error, row.name)
    shapes = [tuple(v.array.shape) for v in operands if hasattr(v, "array")]
    reason = (str(error) or type(error).__name__) + in_brackets(place and place.physical, row.name)
    if row.batch == "elementwise" and not _broadcastable(shapes):
        return ShapeError(
            f"{text}the shapes {' and '.join(map(str, shapes))} do not broadcast; make sizes equal or 1 from the "
            "right, for example with reshape or expand_dims"
        )
    if row.name == "broadcast_to" and statics:
        return ShapeError(
            f"broadcast_to: a tensor of shape {shapes[0]} does not broadcast to {statics['shape']}; sizes must be "
            "equal or 1, counted from the right"
        )
    if type(error).__name__ == "AxisError":
        return AxisError(f"{text}{reason}")
    from . import dtypes

    promoted = [
        v.device.dtype_of[v.array.dtype]
        for o, v in zip(_names(row, len(operands)), operands, strict=False)
        if hasattr(v, "array") and o.name.partition("[")[0] in (row.promote or [o.name])
    ]
    wrong = [k for k in promoted if k not in dtypes.CATEGORIES[row.category]]
    if wrong:
        return wrong_dtype(row, shown, place, wrong[0])
    if type(error).__name__.endswith("LinAlgError"):
        return LinAlgError(f"{text}{reason}; {_MATRIX_MEND.get(row.name, 'do the matrices hold NaN or infinities?')}")
    if isinstance(error, IndexError):
        return IndexOutOfRangeError(f"{text}{reason}")
    if isinstance(error, TypeError):
        kind = ArgumentTypeError if statics else DTypeError
        return kind(f"{text}{reason}")
    if isinstance(error, OverflowError):
        return OutOfRangeError(f"{text}{reason}")
    if isinstance(error, ValueError) and row.batch == "elementwise":
        return ArgumentError(f"{text}{reason}")
    if isinstance(error, ValueError):
        return ShapeError(f"{text}{reason}")
    if place is None or (_plain_host(place, row.name) and not isinstance(error, KernelError)):
        raise error
    return failure(f"{row.name}({shown}){arguments}", place, error, row.name)


def _plain_host(device: Any, row: str) -> bool:
    """Whether the host's own library computed: what NumPy raises, as it was told to, is the caller's."""
    return device.physical is host_device() and not origin(device.physical, row)


def _says(error: Exception, name: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", str(error)) is not None


def named(error: Exception, name: str) -> Exception:
    """Return an error whose text names an operation: the error itself, or one for it."""
    text = str(error)
    if _says(error, name):
        return error
    if isinstance(error, MemoryError):
        # NumPy's own has a text that cannot be added to.
        return MemoryError(f"{name}: {text or 'there is not enough memory'}")
    error.args = (f"{name}: {text}" if text else name, *error.args[1:])
    return error


def wrong_dtype(row: Row, shown: str, device: Any, kind: Any) -> DTypeError:
    """Return the error for a dtype that is not of the row's category."""
    return DTypeError(
        f"{row.name}({shown}) on {device}: takes {row.category} dtypes, not {kind.name}; convert first, for example "
        f"with .to({_MEND.get(row.category, 'candelabra.float32')})"
    )


# A text that begins with an operation's name.
_NAMED = re.compile(r"\w+(: |\()")
_MATRIX_MEND = {
    "cholesky": "add a multiple of the identity, or use eigh",
    "inv": "add a multiple of the identity, or use pinv",
    "lu_solve": "add a multiple of the identity, or use pinv",
    "solve": "add a multiple of the identity, or use pinv",
    "solve_triangular": "add a multiple of the identity, or use pinv",
}
_MEND = {
    "integer": "candelabra.int64", "integer or boolean": "candelabra.int64", "boolean": "candelabra.bool",
    "complex floating-point": "candelabra.complex64",
}  # fmt: skip


def _shown(name: str, value: Any) -> str:
    """Write an argument as the user does: a key of the indexing rows as what stands in brackets."""
    if name != "key" or not isinstance(value, tuple):
        return repr(value)
    return f"[{', '.join(map(_key_part, value))}]"


def _key_part(part: Any) -> str:
    if isinstance(part, tuple):
        if part[0] != "slice":
            return "indices"
        start, stop, step = ("" if n is None else str(n) for n in part[1:])
        return f"{start}:{stop}:{step}" if step else f"{start}:{stop}"
    return "..." if part is Ellipsis else repr(part)


def _diagnose(row: Row, operands: Sequence[Any], statics: dict[str, Any]) -> None:
    """Let the row raise an error of its own for what its kernel refused."""
    arrays = [getattr(o, "array", o) for o in operands]
    device = next(o.device for o in operands if hasattr(o, "array"))
    row.diagnose(device, *arrays, *[statics.get(s.name) for s in row.statics])  # type: ignore[misc]


def _names(row: Row, count: int) -> list[Any]:
    names = [o for o in row.operands if not o.is_list]
    if row.has_list:
        listed = row.operands[-1]
        names += [listed._replace(name=f"{listed.name}[{i}]") for i in range(count - len(names))]
    return names
