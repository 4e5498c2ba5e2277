"""Derivatives and batching as functions of functions: `grad`, `vjp`, `jvp`, `vmap`, `jacrev`, `jacfwd`, `hessian`."""

from __future__ import annotations

from .core.transforms.func import grad, hessian, jacfwd, jacrev, jvp, value_and_grad, vjp, vmap
from .core.transforms.linearize import linearize
from .nn.utils.stateless import functional_call, stack_module_state

__all__ = [
    "functional_call", "grad", "hessian", "jacfwd", "jacrev", "jvp", "linearize", "stack_module_state",
    "value_and_grad", "vjp", "vmap",
]  # fmt: skip
