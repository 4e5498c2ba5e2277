"""Automatic differentiation: grad modes here at once, the engine and its tools on first use."""

from __future__ import annotations

from typing import Any

from .mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)

_LATE = {
    "backward": "engine", "Function": "function", "checkpoint": "checkpoint", "gradcheck": "gradcheck",
    "gradgradcheck": "gradcheck", "detect_anomaly": "anomaly", "set_detect_anomaly": "anomaly",
}  # fmt: skip

__all__ = [
    "enable_grad", "grad", "inference_mode", "is_grad_enabled", "is_inference_mode_enabled", "no_grad",
    "set_grad_enabled", *_LATE,
]  # fmt: skip


def grad(*args: Any, **kwargs: Any) -> Any:
    """Return the gradients of outputs with respect to inputs (see `candelabra.core.autograd.engine.grad`)."""
    from .engine import grad as run

    return run(*args, **kwargs)


def __getattr__(name: str) -> Any:
    if name in _LATE:
        from importlib import import_module

        return getattr(import_module(f".{_LATE[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
