"""Checks of options that optimizers and schedulers share."""

from __future__ import annotations

from typing import Any

from ..core.errors import ArgumentError, ArgumentTypeError
from ..core.tensor import Tensor


def scalar(value: Any) -> float:
    """Return an option as a Python number; a tensor of one element counts as one."""
    return value.item() if isinstance(value, Tensor) else value


def number(owner: str, name: str, value: Any) -> Any:
    """Return `value` as a Python number, or raise naming `owner` and `name`."""
    if isinstance(value, Tensor):
        if value.size != 1:
            raise ArgumentError(f"{owner}: {name} is a tensor of shape {value.shape}; give a number or one element")
        return value.item()
    if isinstance(value, (str, bytes, complex)) or not hasattr(value, "__float__"):
        raise ArgumentTypeError(f"{owner}: {name} is of type {type(value).__name__}; give a number")
    return value


def nonnegative(owner: str, name: str, value: Any) -> None:
    """Raise unless `value` is a number of at least zero (NaN is not)."""
    if not number(owner, name, value) >= 0:
        raise ArgumentError(f"{owner}: {name}={scalar(value)} is not a number of at least 0")


def fraction(owner: str, name: str, value: Any) -> None:
    """Raise unless ``0 <= value < 1``."""
    if not 0 <= number(owner, name, value) < 1:
        raise ArgumentError(f"{owner}: {name}={scalar(value)} is not in [0, 1)")


def pair(owner: str, name: str, value: Any, meaning: str) -> tuple[Any, Any]:
    """Return an option that is a pair, or raise."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ArgumentError(f"{owner}: {name}={value!r} is not a pair of numbers; give {meaning}")
    return value[0], value[1]


def betas(owner: str, value: Any) -> None:
    """Raise unless `value` is a pair of decay rates."""
    for index, beta in enumerate(pair(owner, "betas", value, "(beta1, beta2)")):
        fraction(owner, f"betas[{index}]", beta)


def implementation(owner: str, group: dict[str, Any]) -> None:
    """Check the options with which PyTorch chooses among implementations; here there is one."""
    if group.get("differentiable"):
        raise ArgumentError(
            f"{owner}: differentiable=True is not available, since a step is one kernel that records no gradient; "
            "write the update as tensor expressions over candelabra.grad(..., create_graph=True)"
        )
    if group.get("fused") and group.get("foreach"):
        raise ArgumentError(f"{owner}: fused=True and foreach=True exclude each other; leave both out")
