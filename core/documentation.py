"""Docstrings and annotations of the generated functions, assembled from their rows."""

from __future__ import annotations

import inspect
from typing import Any

from .primitives.row import Row, Static

_STATIC_TYPES = {
    "axis": "int | tuple[int, ...] | None", "keepdims": "bool", "dtype": "DType | None",
    "shape": "int | tuple[int, ...]", "device": "Device | str | None", "copy": "bool | None",
}  # fmt: skip


def annotations_of(row: Row) -> dict[str, str]:
    """Return the annotations of a row's function."""
    found: dict[str, str] = {}
    for o in row.operands:
        found[o.name] = "Sequence[Tensor]" if o.is_list else "Tensor | None" if o.optional else "Tensor"
    if row.batch == "elementwise" and len(row.operands) == 2:
        found = dict.fromkeys(found, "Tensor | complex")
    for s in row.statics:
        found[s.name] = _static_type(s)
    if row.kind == "creation":
        found["device"] = _STATIC_TYPES["device"]
    if row.kind == "update":
        found["return"] = "None"
    elif row.outputs == ("*",):
        found["return"] = "tuple[Tensor, ...]"
    else:
        found["return"] = "Tensor" if len(row.outputs) == 1 else f"tuple[{', '.join(['Tensor'] * len(row.outputs))}]"
    return found


def _static_type(static: Static) -> str:
    if static.name == "axis" and type(static.default) is int:
        return "int"
    return _STATIC_TYPES.get(static.name, _type_of(static.default))


def _type_of(default: Any) -> str:
    if default is None:
        return "Any"
    if isinstance(default, tuple):
        return f"tuple[{', '.join(map(_type_of, default))}]"
    return type(default).__name__


def docstring(row: Row) -> str:
    """Return the NumPy-style docstring of a row's function."""
    lines = [row.doc or row.name, "", "Parameters", "----------"]
    for o in row.operands:
        kind = "sequence of Tensor" if o.is_list else "Tensor"
        what = {"where": "broadcast against each other"}.get(row.name, "")
        text = f"{row.category} dtype" if o.name in row.promote and row.category != "all" else "any dtype"
        if row.batch == "elementwise" and len(row.operands) > 1:
            what = "broadcasts with the other operands"
        lines.append(f"{o.name} : {kind}{', optional' if o.optional else ''}")
        lines.append(f"    Of {text}{'; ' + what if what else ''}.")
    for s in row.statics:
        lines.append(f"{s.name} : {_static_type(s)}{'' if s.required else ', optional'}")
        lines.append(
            f"    {_STATIC_TEXTS.get(s.name, 'See above.')}" + ("" if s.required else f" Default: {s.default!r}.")
        )
    if row.kind == "creation":
        lines += ["device : Device or str, optional", "    Where to make it. Default: the default device."]
    lines += ["", "Returns", "-------"]
    if row.kind == "update":
        lines += ["None", f"    The tensors of {', '.join(row.outputs)} name their new values."]
    elif row.outputs == ("*",):
        lines += ["tuple of Tensor"]
    elif len(row.outputs) > 1:
        lines += [f"{name} : Tensor" for name in row.outputs]
    else:
        lines += ["Tensor"]
    derivative = {
        "discrete": "It has no derivative.", "creation": "", "update": "It is never recorded.",
        "linear": "It is linear, and differentiable to any order.",
    }.get(row.kind, "Differentiable to any order.")  # fmt: skip
    if derivative:
        lines += ["", derivative]
    lines += ["", "Raises", "------", "ShapeError, AxisError, DTypeError, DeviceMismatchError",
              "    If the operands' shapes, axes, dtypes or devices do not fit."]  # fmt: skip
    if row.example:
        lines += ["", "Examples", "--------", ">>> import candelabra as cb", *row.example.strip().splitlines()]
    return "\n".join(lines)


_STATIC_TEXTS = {
    "axis": "The axis or axes; negative ones count from the last.",
    "keepdims": "Keep reduced axes with size one.",
    "dtype": "The dtype of the result.",
    "shape": "The sizes of the axes.",
    "copy": "Whether to copy.",
}


def dress(function: Any, row: Row) -> None:
    """Give a generated function its name, annotations and docstring."""
    function.__name__ = function.__qualname__ = row.name
    function.__module__ = "candelabra"
    function.__annotations__ = annotations_of(row)
    function.__doc__ = inspect.cleandoc(docstring(row))
    if row.kind == "update":
        function.__signature__ = _update_signature(row)


def _update_signature(row: Row) -> inspect.Signature:
    types = annotations_of(row)
    kind = inspect.Parameter
    lists = [kind(o.name, kind.POSITIONAL_ONLY, annotation=types[o.name]) for o in row.operands]
    statics = [
        kind(s.name, kind.KEYWORD_ONLY, default=kind.empty if s.required else s.default, annotation=types[s.name])
        for s in row.statics
    ]
    return inspect.Signature([*lists, *statics], return_annotation=types["return"])
