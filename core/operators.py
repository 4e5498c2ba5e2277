"""Operators of tensors: each is the row's own function, so that `x + y` costs what `add(x, y)` costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import inplace
from .ops import row_function
from .primitives.row import TABLE
from .tensor import Tensor

_BINARY = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "floordiv": "floor_divide",
    "mod": "remainder", "pow": "pow", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
    "lshift": "bitwise_left_shift", "rshift": "bitwise_right_shift",
}  # fmt: skip
_COMPARISONS = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"}
_UNARY = {"neg": "negative", "pos": "positive", "abs": "abs", "invert": "bitwise_invert"}


def _reflected(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def reflected(self: Tensor, other: Tensor | complex) -> Tensor:
        return function(other, self)

    return reflected


def _augmented(name: str) -> Callable[..., Tensor]:
    def augmented(self: Tensor, other: Tensor | complex) -> Tensor:
        return inplace.apply_(self, name, other, augmented=True)

    return augmented


def _equality(name: str, unequal: bool) -> Callable[..., Any]:
    function = row_function(TABLE[name])

    def compare(self: Tensor, other: Any) -> Any:
        # A tensor is never equal to None or a string, as in PyTorch.
        if other is None or isinstance(other, str):
            return unequal
        return function(self, other)

    return compare


def install() -> None:
    """Give Tensor its operators."""
    commutative = {"add", "mul", "and", "or", "xor"}
    for short, name in _BINARY.items():
        function = row_function(TABLE[name])
        setattr(Tensor, f"__{short}__", function)
        setattr(Tensor, f"__r{short}__", function if short in commutative else _reflected(function))
        setattr(Tensor, f"__i{short}__", _augmented(name))
    for short, name in _COMPARISONS.items():
        setattr(Tensor, f"__{short}__", row_function(TABLE[name]))
    for short, name in _UNARY.items():
        setattr(Tensor, f"__{short}__", row_function(TABLE[name]))
    matmul = row_function(TABLE["matmul"])
    Tensor.__matmul__ = matmul  # type: ignore[method-assign, assignment]
    Tensor.__rmatmul__ = _reflected(matmul)  # type: ignore[method-assign, assignment]
    Tensor.__imatmul__ = _augmented("matmul")  # type: ignore[method-assign, assignment]
    Tensor.__eq__ = _equality("equal", False)  # type: ignore[method-assign, assignment]
    Tensor.__ne__ = _equality("not_equal", True)  # type: ignore[method-assign, assignment]
