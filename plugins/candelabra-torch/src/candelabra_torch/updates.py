"""Steps of optimizers on all parameters at once, by PyTorch's functions over lists."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

Arrays = list[torch.Tensor]
NARROW = frozenset({torch.float16, torch.bfloat16})


def _computed(array: torch.Tensor) -> torch.Tensor:
    return torch.view_as_real(array) if array.is_complex() else array.float() if array.dtype in NARROW else array


def _returned(array: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return torch.view_as_complex(array) if dtype.is_complex else array.to(dtype)


def _step(update: Callable[..., tuple[Arrays, ...]]) -> Callable[..., Any]:
    """Compute 16-bit floats in 32 bits, and complex numbers as pairs of real ones."""

    def step(*lists: Arrays, donate: bool = False, **statics: Any) -> Any:
        dtypes = [p.dtype for p in lists[0]]
        plain = all(d is torch.float32 or d is torch.float64 for d in dtypes)
        if plain:
            return update(*lists, **statics)
        results = update(*[[_computed(a) for a in arrays] for arrays in lists], **statics)
        return tuple([_returned(a, d) for a, d in zip(arrays, dtypes, strict=False)] for arrays in results)

    return step


def _directions(params: Arrays, grads: Arrays, weight_decay: float, maximize: bool) -> Arrays:
    if maximize:
        grads = torch._foreach_neg(grads)
    return torch._foreach_add(grads, params, alpha=weight_decay) if weight_decay else grads


@_step
def sgd_step(
    params: Arrays, grads: Arrays, momentum_buffers: Arrays, /, *, lr: float, momentum: float, dampening: float,
    weight_decay: float, nesterov: bool, maximize: bool, first: Any,
) -> tuple[Arrays, ...]:  # fmt: skip
    grads = _directions(params, grads, weight_decay, maximize)
    buffers: Arrays = []
    if momentum:
        buffers = list(grads)
        moved = [i for i in range(len(params)) if not first[i]]
        if moved:
            kept = torch._foreach_mul([momentum_buffers[i] for i in moved], momentum)
            torch._foreach_add_(kept, [grads[i] for i in moved], alpha=1 - dampening)
            for i, buffer in zip(moved, kept, strict=True):
                buffers[i] = buffer
        grads = torch._foreach_add(grads, buffers, alpha=momentum) if nesterov else buffers
    return list(torch._foreach_add(params, grads, alpha=-lr)), buffers


@_step
def adam_step(
    params: Arrays, grads: Arrays, exp_avgs: Arrays, exp_avg_sqs: Arrays, max_exp_avg_sqs: Arrays, /, *, steps: Any,
    lr: float, beta1: float, beta2: float, eps: float, weight_decay: float, amsgrad: bool, maximize: bool,
    decoupled: bool,
) -> tuple[Arrays, ...]:  # fmt: skip
    grads = _directions(params, grads, 0.0 if decoupled else weight_decay, maximize)
    if decoupled and weight_decay:
        params = torch._foreach_mul(params, 1 - lr * weight_decay)
    means = torch._foreach_mul(exp_avgs, beta1)
    torch._foreach_add_(means, grads, alpha=1 - beta1)
    squares = torch._foreach_mul(exp_avg_sqs, beta2)
    torch._foreach_addcmul_(squares, grads, grads, value=1 - beta2)
    tops = torch._foreach_maximum(max_exp_avg_sqs, squares) if amsgrad else squares
    below = torch._foreach_sqrt(tops)
    torch._foreach_div_(below, [math.sqrt(1 - beta2**n) for n in steps])
    torch._foreach_add_(below, eps)
    moved = torch._foreach_addcdiv(params, means, below, [-lr / (1 - beta1**n) for n in steps])
    return list(moved), list(means), list(squares), list(tops) if amsgrad else []


KERNELS: dict[str, Any] = {"sgd_step": sgd_step, "adam_step": adam_step}
