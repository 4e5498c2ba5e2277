"""Derivatives and batching as functions of functions: `grad`, `vjp`, `jvp`, `vmap`, `jacrev`, `jacfwd`, `hessian`."""

from __future__ import annotations

from .core.transforms.func import grad, hessian, jacfwd, jacrev, jvp, value_and_grad, vjp, vmap

__all__ = ["grad", "hessian", "jacfwd", "jacrev", "jvp", "value_and_grad", "vjp", "vmap"]
