"""Optimizer updates over many parameters at once. A row is pure: it returns the new parameters and state.

`outputs` names the lists of operands that are updated; dispatch tells a kernel whether it may overwrite them (`donate`).
Numbers that differ from parameter to parameter (a step count, a product of momenta) are static tuples.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .row import Row


def in_pairs(body: Callable[..., Any]) -> Callable[..., Any]:
    """Return `body` for complex parameters too: real and imaginary part are two real numbers, as in PyTorch."""

    def run(xp: Any, *lists: Any, **statics: Any) -> Any:
        dtype_of = xp.device.dtype_of
        pairs = [i for i, p in enumerate(lists[0]) if dtype_of.get(p.dtype, p.dtype).is_complex]
        if not pairs:
            return body(xp, *lists, **statics)
        dtypes = {i: lists[0][i].dtype for i in pairs}
        apart = [list(arrays) for arrays in lists]
        for arrays in apart:
            for i in pairs if arrays else ():
                arrays[i] = xp.stack([xp.real(arrays[i]), xp.imag(arrays[i])])
        results = body(xp, *apart, **statics)
        for arrays in results:
            for i in pairs if arrays else ():
                real, imag = (xp.astype(part, dtypes[i]) for part in xp.unstack(arrays[i]))
                arrays[i] = real + imag * 1j
        return results

    return run


def direction(p: Any, g: Any, weight_decay: float, maximize: bool) -> Any:
    """Return the gradient to go against, the L2 penalty added."""
    if maximize:
        g = -g
    return g + weight_decay * p if weight_decay else g


def mixed(mean: Any, new: Any, keep: float) -> Any:
    """Return a running mean."""
    return keep * mean + (1 - keep) * new


def _sgd_body(
    xp: Any, params: Any, grads: Any, momentum_buffers: Any, *, lr: float, momentum: float, dampening: float,
    weight_decay: float, nesterov: bool, maximize: bool, first: Any,
) -> Any:  # fmt: skip
    new_params, new_buffers = [], []
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        g = direction(p, g, weight_decay, maximize)
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
        g = direction(p, g, 0.0 if decoupled else weight_decay, maximize)
        if decoupled and weight_decay:
            p = p * (1 - lr * weight_decay)
        m = mixed(exp_avgs[i], g, beta1)
        v = mixed(exp_avg_sqs[i], g * g, beta2)
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


def _asgd_body(
    xp: Any, params: Any, grads: Any, averages: Any, *, etas: Any, mus: Any, lambd: float, weight_decay: float,
    maximize: bool,
) -> Any:  # fmt: skip
    new: tuple[list[Any], ...] = ([], [])
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        g = direction(p, g, weight_decay, maximize)
        p = p * (1 - lambd * etas[i]) - etas[i] * g
        a = averages[i]
        new[0].append(p)
        new[1].append(p if mus[i] == 1 else a + mus[i] * (p - a))
    return new


def _rprop_body(
    xp: Any, params: Any, grads: Any, former: Any, step_sizes: Any, *, shrink: float, grow: float, smallest: float,
    largest: float, maximize: bool,
) -> Any:  # fmt: skip
    new: tuple[list[Any], ...] = ([], [], [])
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        if maximize:
            g = -g
        sign = xp.sign(g * former[i])
        size = step_sizes[i]
        size = xp.where(sign > 0, size * grow, xp.where(sign < 0, size * shrink, xp.where(sign == 0, size, sign)))
        size = xp.minimum(xp.maximum(size, xp.full_like(size, smallest)), xp.full_like(size, largest))
        g = xp.where(sign < 0, xp.zeros_like(g), g)
        new[0].append(p - xp.sign(g) * size)
        new[1].append(g)
        new[2].append(size)
    return new


def _average_body(xp: Any, averages: Any, values: Any, *, share: float) -> Any:
    return ([a + share * (v - a) for a, v in zip(averages, values, strict=True)],)


def _copy_body(xp: Any, targets: Any, values: Any) -> Any:
    return ([xp.astype(v, t.dtype, copy=True) for t, v in zip(targets, values, strict=True)],)


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
    body=in_pairs(_adam_body), outputs=("params", "exp_avgs", "exp_avg_sqs", "max_exp_avg_sqs"), differentiable=(False,) * 4,
    category="real floating-point", depth=1,
)  # fmt: skip
asgd_step = Row(
    "update", "asgd_step",
    "[params], [grads], [averages], /, *, etas, mus, lambd, weight_decay, maximize",
    "Update parameters by stochastic gradient descent, and the average of the way (Polyak and Juditsky, 1992).",
    body=_asgd_body, outputs=("params", "averages"), differentiable=(False, False),
    category="real floating-point", depth=1,
)  # fmt: skip
rprop_step = Row(
    "update", "rprop_step",
    "[params], [grads], [former], [step_sizes], /, *, shrink, grow, smallest, largest, maximize",
    "Update parameters by resilient backpropagation (Riedmiller and Braun, 1993).",
    body=in_pairs(_rprop_body), outputs=("params", "former", "step_sizes"), differentiable=(False,) * 3,
    category="real floating-point", depth=1,
)  # fmt: skip
average_step = Row(
    "update", "average_step", "[averages], [values], /, *, share",
    "Move averages towards new values by a share of the distance.",
    body=_average_body, outputs=("averages",), differentiable=(False,), category="real floating-point", depth=1,
)  # fmt: skip
copy_step = Row(
    "update", "copy_step", "[targets], [values], /", "Let tensors take the values of others, each of one's shape and dtype.",
    body=_copy_body, outputs=("targets",), differentiable=(False,), depth=1,
)  # fmt: skip
