"""The in-place methods: `name_` computes what the method `name` does and gives the result to the tensor itself.

The result must have the tensor's shape and fit its dtype. Methods that change the shape (`t_`, `squeeze_`, ...) are the
exception that PyTorch makes, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import inplace, ops
from .autograd.mode import enable_grad
from .errors import ArgumentTypeError, AutogradError, ShapeError
from .tensor import Tensor

_MEND = "write owner[key] = value instead"
# Whose values are what the method without the underscore returns.
WRITING = (
    "abs", "absolute", "acos", "acosh", "addbmm", "addcdiv", "addcmul", "addmm", "addmv", "addr", "arccos", "arccosh",
    "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "asin", "asinh", "atan", "atan2", "atanh", "baddbmm",
    "bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "ceil",
    "clamp_max", "clamp_min", "clip", "conj_physical", "copysign", "cos", "cosh", "cumprod", "cumsum", "deg2rad",
    "digamma", "eq", "erf", "erfc", "erfinv", "exp", "exp2", "expm1", "fix", "float_power", "floor", "floor_divide",
    "fmod", "frac", "gcd", "ge", "greater", "greater_equal", "gt", "heaviside", "hypot", "i0", "igamma", "igammac",
    "lcm", "ldexp", "le", "lerp", "less", "less_equal", "lgamma", "log", "log10", "log1p", "log2", "logical_and",
    "logical_not", "logical_or", "logical_xor", "logit", "lt", "mvlgamma", "nan_to_num", "ne", "neg", "negative",
    "nextafter", "not_equal", "polygamma", "rad2deg", "reciprocal", "relu", "remainder", "renorm", "rsqrt", "sgn",
    "sigmoid", "sign", "sin", "sinc", "sinh", "sqrt", "square", "tan", "tanh", "tril", "triu", "trunc", "xlogy",
)  # fmt: skip
# Whose shape may change.
TURNING = (
    "squeeze", "swapaxes", "swapdims", "t", "transpose", "unsqueeze",
)  # fmt: skip


def writing(method: Callable[..., Tensor], name: str) -> Callable[..., Tensor]:
    """Return the form of a method that gives its result to the tensor itself."""
    operation = f"{name}_"

    def write(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        inplace.check_leaf(self, operation)
        inplace.warn_of_lost_write(self, operation, _MEND)
        return inplace.assign_(self, method(self, *args, **kwargs), operation)

    return _named(write, method, name)


def turning(method: Callable[..., Tensor], name: str) -> Callable[..., Tensor]:
    """Return the form of a method that gives its result, of whatever shape, to the tensor itself."""
    operation = f"{name}_"

    def turn(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        inplace.check_leaf(self, operation)
        if self.is_leaf:
            made = method(self, *args, **kwargs)
        else:
            # A result in a graph keeps its node, whose gradient must have the new shape.
            with enable_grad():
                made = method(self, *args, **kwargs)
            self.node = made.node
        self._rebind(made.array, made.device)
        return self

    return _named(turn, method, name)


def _named(made: Callable[..., Tensor], method: Callable[..., Tensor], name: str) -> Callable[..., Tensor]:
    made.__name__ = f"{name}_"
    made.__qualname__ = f"Tensor.{name}_"
    made.__doc__ = f"Do the same as `{name}`, in place."
    made.__wrapped__ = method  # type: ignore[attr-defined]
    return made


def install() -> None:
    """Give Tensor the in-place forms of the methods that it has."""
    for name in WRITING:
        setattr(Tensor, f"{name}_", writing(getattr(Tensor, name), name))
    for name in TURNING:
        setattr(Tensor, f"{name}_", turning(getattr(Tensor, name), name))
    for method in _OWN:
        setattr(Tensor, method.__name__, method)


def fill_diagonal_(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Write one value on the main diagonal.

    Parameters
    ----------
    fill_value : number
        What is written.
    wrap : bool
        Of a matrix with more rows than columns: begin the diagonal again, with a row between, until the last row.

    Raises
    ------
    ShapeError
        If there is one axis or none, or if there are more than two and their sizes differ.
    """
    inplace.check_leaf(self, "fill_diagonal_")
    shape = self.shape
    if len(shape) < 2:
        raise ShapeError(f"fill_diagonal_: two axes or more are needed, got shape {shape}")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise ShapeError(f"fill_diagonal_: of more than two axes all sizes must be equal, got shape {shape}")
    rows, columns = shape[0], shape[-1]
    step = sum(columns**i for i in range(len(shape)))
    end = int(self.size)
    if len(shape) == 2 and rows > columns and not wrap:
        end = columns * columns
    place = self.device.physical
    flat = ops.remainder(ops.arange(int(self.size), device=place), max(step, 1)) == 0
    on = ops.reshape(ops.logical_and(flat, ops.arange(int(self.size), device=place) < end), shape)
    inplace.warn_of_lost_write(self, "fill_diagonal_", _MEND)
    return inplace.assign_(self, ops.masked_fill(self, on, fill_value), "fill_diagonal_")


def apply_(self: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Give each element to a Python function, one by one, and write what it returns; slow, and without a gradient."""
    return _mapped(self, "apply_", callable)


def map_(self: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Give each element, and the one of a tensor that broadcasts, to a Python function and write what it returns."""
    return _mapped(self, "map_", callable, tensor)


def map2_(self: Tensor, x: Tensor, y: Tensor, callable: Callable[[Any, Any, Any], Any]) -> Tensor:
    """Give each element, and those of two tensors that broadcast, to a Python function and write what it returns."""
    return _mapped(self, "map2_", callable, x, y)


def _mapped(tensor: Tensor, operation: str, function: Callable[..., Any], *others: Tensor) -> Tensor:
    for operand in (tensor, *others):
        if not isinstance(operand, Tensor):
            raise ArgumentTypeError(f"{operation}: a Tensor is needed, got {type(operand).__name__}")
        if operand.requires_grad:
            raise AutogradError(
                f"{operation}: a Python function of numbers has no gradient; call it on x.detach(), or write it as "
                "functions of tensors"
            )
    if not callable(function):
        raise ArgumentTypeError(f"{operation}: a function is needed, got {type(function).__name__}")
    columns = [ops.reshape(ops.broadcast_to(t, tensor.shape), (-1,)).tolist() for t in (tensor, *others)]
    values = [function(*numbers) for numbers in zip(*columns, strict=True)]
    inplace.warn_of_lost_write(tensor, operation, _MEND)
    made = ops.reshape(ops.asarray(values, dtype=tensor.dtype, device=tensor.device.physical), tensor.shape)
    return inplace.assign_(tensor, made, operation)


_OWN = (fill_diagonal_, apply_, map_, map2_)
