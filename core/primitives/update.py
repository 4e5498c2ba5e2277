"""Optimizer updates over many parameters at once. A row is pure: it returns the new parameters and state.

`outputs` names the lists of operands that are updated; dispatch tells a kernel whether it may overwrite them (`donate`).
"""

from __future__ import annotations

import math
from typing import Any

from .row import Row


def _sgd_body(
    xp: Any, params: Any, grads: Any, momentum_buffers: Any, *, lr: float, momentum: float, dampening: float,
    weight_decay: float, nesterov: bool, maximize: bool, first: Any,
) -> Any:  # fmt: skip
    new_params, new_buffers = [], []
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        if maximize:
            g = -g
        if weight_decay:
            g = g + weight_decay * p
        if momentum:
            b = g if first[i] else momentum * momentum_buffers[i] + (1 - dampening) * g
            new_buffers.append(b)
            g = g + momentum * b if nesterov else b
        new_params.append(p - lr * g)
    return new_params, new_buffers


def _adam_body(
    xp: Any, params: Any, grads: Any, exp_avgs: Any, exp_avg_sqs: Any, max_exp_avg_sqs: Any, *, steps: Any, lr: float,
    beta1: float, beta2: float, eps: float, weight_decay: float, amsgrad: bool, maximize: bool, decoupled: bool,
) -> Any:  # fmt: skip
    new: tuple[list[Any], ...] = ([], [], [], [])
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        if maximize:
            g = -g
        if weight_decay:
            if decoupled:
                p = p * (1 - lr * weight_decay)
            else:
                g = g + weight_decay * p
        m = beta1 * exp_avgs[i] + (1 - beta1) * g
        v = beta2 * exp_avg_sqs[i] + (1 - beta2) * g * xp.conj(g)
        top = v
        if amsgrad:
            top = xp.maximum(max_exp_avg_sqs[i], v)
            new[3].append(top)
        root = math.sqrt(1 - beta2 ** steps[i])
        denominator = xp.sqrt(top) / root + eps
        new[0].append(p - (lr / (1 - beta1 ** steps[i])) * (m / denominator))
        new[1].append(m)
        new[2].append(v)
    return new


sgd_step = Row(
    "update", "sgd_step",
    "[params], [grads], [momentum_buffers], /, *, lr, momentum, dampening, weight_decay, nesterov, maximize, first",
    "Update parameters by stochastic gradient descent with momentum (Sutskever et al., 2013).",
    body=_sgd_body, outputs=("params", "momentum_buffers"), differentiable=(False, False),
    category="real floating-point", depth=1,
)  # fmt: skip
adam_step = Row(
    "update", "adam_step",
    "[params], [grads], [exp_avgs], [exp_avg_sqs], [max_exp_avg_sqs], /, *, steps, lr, beta1, beta2, eps, weight_decay, "
    "amsgrad, maximize, decoupled",
    "Update parameters by Adam (Kingma and Ba, 2015), or AdamW where `decoupled` (Loshchilov and Hutter, 2019).",
    body=_adam_body, outputs=("params", "exp_avgs", "exp_avg_sqs", "max_exp_avg_sqs"), differentiable=(False,) * 4,
    category="real floating-point", depth=1,
)  # fmt: skip
