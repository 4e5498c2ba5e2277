"""In-place operations: they rebind the handle to a new array, and write in place only where nobody could tell.

Another tensor on the same memory, and what the graph saved, never change.
"""

from __future__ import annotations

import dis
import sys
import warnings
from types import FrameType
from typing import Any

from . import ops
from .autograd.mode import grad_mode
from .errors import AutogradError, DTypeError, LostWriteWarning, OutOfRangeError, ShapeError
from .primitives.row import TABLE
from .tensor import Tensor


def check_leaf(tensor: Tensor, operation: str) -> None:
    """Refuse an in-place operation on a leaf that requires a gradient, outside `no_grad`."""
    node = tensor.node
    if node is not None and node.is_leaf and grad_mode.get():
        raise AutogradError(
            f"{operation}: a leaf that requires a gradient cannot be changed in place while operations are recorded; "
            "do it inside `with candelabra.no_grad():`"
        )


def warn_of_lost_write(tensor: Tensor, operation: str, mend: str, augmented: bool = False) -> None:
    """Warn where PyTorch would have written through a view and candelabra cannot."""
    device = tensor.device
    if not device.levels and device.backend.is_view_of_live_owner(tensor.array):
        if augmented and _is_stored_back(sys._getframe(3)):
            return
        warnings.warn(
            f"{operation} writes into a temporary: the tensor that it was taken from does not change; {mend}",
            LostWriteWarning,
            stacklevel=_steps_to_the_caller(),
        )


def _steps_to_the_caller() -> int:
    """Return the number of frames from the warning's to the first that is not of this package."""
    frame, steps = sys._getframe(1), 1
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith(_PACKAGE):
        frame, steps = frame.f_back, steps + 1
    return steps


_PACKAGE = f"{__name__.partition('.')[0]}."
_BEFORE_A_WRITE = ("SWAP", "BUILD_SLICE", "BUILD_TUPLE")


def _is_stored_back(frame: FrameType) -> bool:
    """Say whether the running statement writes the result into its owner: ``x[key] += value`` or an assignment.

    ``x[key] = operator.iadd(x[key], value)`` names `x` and the key once more before it writes.
    """
    for instruction in dis.get_instructions(frame.f_code):
        name = instruction.opname
        if instruction.offset > frame.f_lasti and name not in _BEFORE_A_WRITE and not name.startswith("LOAD_"):
            return name in ("STORE_SUBSCR", "STORE_SLICE")
    return False


def apply_(tensor: Tensor, name: str, *operands: Any, augmented: bool = False) -> Tensor:
    """Compute a row with `tensor` as first operand and let the handle name the result."""
    if len(operands) == 1 and (tensor.node is None or not grad_mode.get()) and tensor._is_unique():
        write = tensor.device.backend.donating.get(name)
        if write is not None:
            other = _direct_operand(tensor, operands[0], 2 if TABLE[name].floating else 1)
            if other is not None:
                try:
                    write(tensor.array, other)
                except OverflowError as error:
                    raise OutOfRangeError(f"in-place {name}: {error}") from error
                return tensor
    check_leaf(tensor, f"in-place {name}")
    if tensor.device.backend.mutable:
        mend = "write x[key] = value (or x[key] += value) on the owner instead"
        warn_of_lost_write(tensor, f"in-place {name}", mend, augmented)
    return assign_(tensor, getattr(ops, name)(tensor, *operands), f"in-place {name}")


def _direct_operand(tensor: Tensor, operand: Any, least: int) -> Any:
    """Return the raw operand of a write in place, or None where a new array must be made."""
    array, device, kind = tensor.array, tensor.device, type(operand)
    rank = device.dtype_of[array.dtype].rank
    if rank < least:
        return None
    if kind is float or kind is int:
        return operand if rank >= (2 if kind is float else 1) else None
    if not isinstance(operand, Tensor) or operand.device is not device:
        return None
    if operand.node is not None and grad_mode.get():
        return None
    other = operand.array
    if (other.dtype is not array.dtype and other.dtype != array.dtype) or other.shape != array.shape:
        return None
    return other


def assign_(tensor: Tensor, result: Tensor, operation: str = "in-place assignment") -> Tensor:
    """Let the handle name `result`'s array, in the handle's own dtype and shape."""
    check_leaf(tensor, operation)
    if tuple(result.array.shape) != tuple(tensor.array.shape):
        raise ShapeError(
            f"{operation}: the result has shape {tuple(result.array.shape)}, which does not fit the tensor's shape "
            f"{tuple(tensor.array.shape)}; write x = x op y instead"
        )
    if result.array.dtype != tensor.array.dtype:
        have, need = result.dtype, tensor.dtype
        if have.rank > need.rank:
            raise DTypeError(
                f"{operation}: a result of {have.name} cannot be written into a tensor of {need.name}; "
                f"convert first, for example x = x.to(candelabra.{have.name})"
            )
        result = ops.astype(result, need)
    node = result.node
    if node is None and tensor.node is not None and (tensor.node.is_leaf or not grad_mode.get()):
        # Inside no_grad a leaf stays the leaf that it is, and a result stays in its graph.
        tensor._rebind(result.array, result.device)
        return tensor
    tensor._rebind(result.array, result.device)
    tensor.node = node
    return tensor
