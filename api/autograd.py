"""Automatic differentiation: `backward`, `grad`, `Function`, `gradcheck`, `detect_anomaly` and the grad modes."""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import Any as _Any

from .core import absent as _absent
from .core.autograd import (
    enable_grad,
    grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .core.autograd.anomaly import detect_anomaly, set_detect_anomaly
from .core.autograd.checkpoint import checkpoint
from .core.autograd.engine import backward
from .core.autograd.function import Function, FunctionContext
from .core.autograd.gradcheck import gradcheck, gradgradcheck

__all__ = [
    "Function", "FunctionContext", "backward", "checkpoint", "detect_anomaly", "enable_grad", "grad", "gradcheck",
    "gradgradcheck", "inference_mode", "is_grad_enabled", "is_inference_mode_enabled", "no_grad", "set_detect_anomaly",
    "set_grad_enabled",
]  # fmt: skip


def __getattr__(name: str) -> _Any:
    if name == "functional":
        return _import_module(".core.autograd.functional", __package__)
    reason = _absent.AUTOGRAD.get(name)
    if reason is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    raise AttributeError(_absent.reason_text("candelabra.autograd", name, reason))
