"""Derivatives and batching as functions of functions: `grad`, `vjp`, `jvp`, `vmap`, `jacrev`, `jacfwd`, `hessian`."""

from __future__ import annotations

from typing import Any

from .core.transforms.func import grad, grad_and_value, jvp, value_and_grad, vjp
from .core.transforms.jacobians import hessian, jacfwd, jacrev
from .core.transforms.linearize import linearize
from .core.transforms.mapping import vmap
from .nn.utils.stateless import functional_call, replace_all_batch_norm_modules_, stack_module_state

__all__ = [
    "functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize",
    "replace_all_batch_norm_modules_", "stack_module_state", "value_and_grad", "vjp", "vmap",
]  # fmt: skip

# What torch.func has and this has not, with the reason.
_ABSENT = {
    "debug_unwrap": "inside a transformation a tensor prints what it stands for; return it to have its values",
    "functionalize": "operations are functions already: writing in place rebinds a tensor and never changes another",
    "rearrange": "einops.rearrange takes Tensors",
}


def __getattr__(name: str) -> Any:
    reason = _ABSENT.get(name)
    raise AttributeError(f"func.{name}: {reason}" if reason else f"module 'candelabra.func' has no attribute {name!r}")
