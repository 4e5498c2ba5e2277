"""Docstrings and annotations of the generated functions, assembled from their rows."""

from __future__ import annotations

import inspect
from typing import Any

from .primitives.examples import EXAMPLES
from .primitives.row import Row, Static

_STATIC_TYPES = {
    "axis": "int | tuple[int, ...] | None", "keepdims": "bool", "dtype": "DType | None",
    "shape": "int | tuple[int, ...]", "device": "Device | str | None", "copy": "bool | None",
    "stride": "int | tuple[int, ...] | None", "padding": "int | tuple[int | tuple[int, int], ...]",
    "dilation": "int | tuple[int, ...]",
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
            f"    {_static_text(row, s.name)}" + ("" if s.required else f" Default: {s.default!r}.")
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
    example = row.example or EXAMPLES.get(row.name)
    if example:
        lines += ["", "Examples", "--------", ">>> import candelabra as cb", *example.strip().splitlines()]
    return "\n".join(lines)


def _static_text(row: Row, name: str) -> str:
    return _STATIC_TEXTS["key_" if name == "key" and row.name.startswith("random_") else name]


_STATIC_TEXTS = {
    "axis": "The axis or axes; negative ones count from the last.",
    "count": "How many.",
    "keepdims": "Keep reduced axes with size one.",
    "dtype": "The dtype of the result.",
    "shape": "The sizes of the axes.",
    "copy": "Whether to copy.",
    "stride": "The steps of the window, one for all spatial axes or one for each.",
    "padding": "What is put around the image, one number for all spatial axes or one (or a pair) for each.",
    "dilation": "The distance between the window's elements, one for all spatial axes or one for each.",
    "num_groups": "Into how many groups the channels fall; it divides their number.",
    "groups": "Into how many groups of channels the convolution falls.",
    "x_shape": "The shape of the operand that this is the transpose in.",
    "weight_shape": "The shape of the weight that this is the transpose in.",
    "kernel_size": "The size of the window, one for all spatial axes or one for each.",
    "output_size": "The size of the result, one for all spatial axes or one for each.",
    "ceil_mode": "Round the number of windows up instead of down.",
    "count_include_pad": "Count padding in the mean's divisor.",
    "divisor_override": "What to divide by instead of the number of elements.",
    "fill_value": "The value of each element.",
    "start": "The first value.",
    "stop": "The end of the interval.",
    "step": "The distance between neighbours.",
    "num": "How many values.",
    "endpoint": "Whether the end belongs to the values.",
    "n_rows": "The number of rows.",
    "n_cols": "The number of columns; None means as many as rows.",
    "k": "The diagonal: 0 is the main one, positive ones lie above it.",
    "key": "Integers, None, Ellipsis, ``(\"slice\", start, stop, step)``, and ``(\"array\",)`` for an index tensor.",
    "padding_idx": "The row that gets no gradient.",
    "beta": "The sharpness.",
    "threshold": "The value of ``beta * x`` above which the function is linear.",
    "activation": "One of ``\"relu\"``, ``\"gelu\"``, ``\"gelu_tanh\"`` and ``\"silu\"``.",
    "approximate": "``\"none\"`` for the exact function, ``\"tanh\"`` for its approximation.",
    "negative_slope": "The slope below zero.",
    "alpha": "The scale below zero.",
    "input_scale": "The factor of the exponent below zero.",
    "min_val": "The lower bound.",
    "max_val": "The upper bound.",
    "axes": "The axes: their new order, or for a norm the number of trailing ones.",
    "eps": "What is added to the variance (or to Adam's root) so that nothing is divided by zero.",
    "ignore_index": "The target that does not count.",
    "blank": "The class that stands for no label.",
    "reduce": "``\"sum\"``, ``\"prod\"``, ``\"mean\"``, ``\"amax\"`` or ``\"amin\"``.",
    "include_self": "Whether the tensor's own elements take part where others come to them.",
    "width": "The difference up to which the loss is quadratic.",
    "reduction": "``\"mean\"``, ``\"sum\"`` or ``\"none\"``.",
    "label_smoothing": "The share of the target that is spread over all classes, between 0 and 1.",
    "family": "Which polynomials: ``\"chebyshev_t\"``, ``\"legendre\"``, ….",
    "order": "How often it is differentiated.",
    "is_causal": "Hide what lies behind the diagonal.",
    "scale": "The factor of the result; of attention's scores, None means one over the root of the features' number.",
    "inverse": "Whether the exponent is positive, as in the inverse transform.",
    "reverse": "Run from the last step to the first.",
    "batch_sizes": "How many rows are alive at each step, the longest first; None means all.",
    "nonlinearity": "``\"tanh\"`` or ``\"relu\"``.",
    "key_": "The generator's key.",
    "counter": "The block of the stream at which the draw begins.",
    "keep": "The probability with which an element is kept.",
    "wide": "Whether an element takes a word of the stream, as float64 does, or half of one.",
    "n": "How many values.",
    "low": "The lower bound, which may occur.",
    "high": "The upper bound, which does not occur.",
    "mean": "The mean.",
    "std": "The standard deviation.",
    "p": "The probability of a one.",
    "correction": "What is taken from the number of elements in the divisor; 1 for the unbiased variance.",
    "include_initial": "Begin with the neutral element.",
    "source": "The axes to move.",
    "destination": "Where they go.",
    "shift": "By how many places, one number per axis or one for all.",
    "repetitions": "How often along each axis.",
    "repeats": "How often each element.",
    "widths": "A pair (before, after) for each axis; negative numbers cut.",
    "value": "The constant.",
    "mode": "For padding ``\"constant\"``, ``\"reflect\"``, ``\"replicate\"`` or ``\"circular\"``;"
    " for resampling ``\"nearest\"``, ``\"nearest-exact\"``, ``\"linear\"``, ``\"cubic\"`` or ``\"area\"``; "
    "for qr ``\"reduced\"`` or ``\"complete\"`` (a square Q).",
    "size": "The spatial sizes of the result, one for all axes or one for each.",
    "scale_factor": "Output size over input size along each axis, where it is not the sizes' own ratio.",
    "align_corners": "Whether the centres of the corner elements stay where they are, and not the corners themselves.",
    "antialias": "Whether a filter as wide as the step between outputs is taken (linear, cubic, lanczos).",
    "upper": "Whether the upper triangle is read, or the lower one.",
    "unitriangular": "Take the diagonal for ones, without reading it.",
    "rows": "How many rows there are.",
    "adjoint": "Take the conjugate transposes of the matrices.",
    "hermitian": "Whether complex matrices are Hermitian, not symmetric.",
    "left": "Whether the product stands on the left of the operand.",
    "pivot": "Whether to exchange rows, the largest element of what is left of a column first.",
    "full_matrices": "Whether U and Vh are square; else they have min(M, N) columns and rows.",
    "descending": "Largest first.",
    "rank": "From 0 on; None is the lower median.",
    "nan": "``\"last\"``, ``\"wins\"`` or ``\"skipped\"``.",
    "maxima": "The largest, else the smallest.",
    "by": "``\"sum\"``, ``\"prod\"``, ``\"max\"`` or ``\"min\"``.",
    "stable": "Keep the order of equal values.",
    "side": "``\"left\"`` or ``\"right\"`` of equal values.",
    "lr": "The learning rate.",
    "momentum": "The factor of the former update.",
    "dampening": "The share of the gradient that the momentum leaves out.",
    "weight_decay": "The factor of the penalty on the parameters.",
    "nesterov": "Look ahead along the momentum.",
    "maximize": "Climb instead of descend.",
    "first": "For each parameter, whether its buffer starts with this gradient.",
    "steps": "For each parameter, the number of this step, from 1.",
    "beta1": "The decay of the mean of gradients.",
    "beta2": "The decay of the mean of squared gradients.",
    "amsgrad": "Divide by the largest mean so far.",
    "decoupled": "Shrink the parameters by the weight decay instead of adding it to the gradient.",
    "share": "The share of the distance.",
    "etas": "For each parameter, its learning rate.",
    "norm_type": "The order of the norm; infinity for the largest magnitude.",
    "max_norm": "The greatest norm that is left.",
    "bound": "The greatest magnitude that is left.",
    "mus": "For each parameter, the share of the new value in its average.",
    "lambd": "The rate of decay.",
    "shrink": "The factor of a step's size where the gradient has changed its sign.",
    "grow": "The factor of a step's size where the gradient has kept its sign.",
    "smallest": "The least size of a step.",
    "largest": "The greatest size of a step.",
    "lr_decay": "How fast the learning rate falls with the steps.",
    "rho": "The decay of the mean of squares.",
    "centered": "Divide by the standard deviation of the gradient instead of its root mean square.",
    "mu_products": "For each parameter, the product of its momenta so far.",
    "momentum_decay": "How fast the momentum nears its limit.",
    "beta2_decay": "The exponent of the step number in the share of new squares.",
    "eps1": "For each parameter, the least root of its variance.",
    "eps2": "The least root mean square of a parameter in the size of its step.",
    "d": "The root mean square above which a step is clipped.",
    "a": "The coefficient of the first power.",
    "b": "The coefficient of the third power.",
    "c": "The coefficient of the fifth power.",
    "ns_steps": "The number of iterations.",
    "adjust": "How the learning rate follows the matrix's shape: ``\"original\"``, ``\"match_rms_adamw\"`` or None.",
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
