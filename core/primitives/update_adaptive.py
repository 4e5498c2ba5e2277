"""Updates of optimizers that scale a step by what they remember of the gradients' size.

As in `update`, each row is pure and works on many parameters at once.
"""

from __future__ import annotations

import math
from typing import Any

from .row import Row
from .update import direction, in_pairs, mixed


def momentum_at(step: float, beta1: float, momentum_decay: float) -> float:
    """Return NAdam's momentum of a step, counted from 1."""
    return beta1 * (1.0 - 0.5 * 0.96 ** (step * momentum_decay))


def rectification(step: float, beta2: float) -> float | None:
    """Return RAdam's factor of a step, or None where the variance of the second moment is not finite yet."""
    longest = 2 / (1 - beta2) - 1
    power = beta2**step
    length = longest - 2 * step * power / (1 - power)
    if length <= 5.0:
        return None
    return math.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))


def _adagrad_body(
    xp: Any, params: Any, grads: Any, sums: Any, *, steps: Any, lr: float, lr_decay: float, eps: float,
    weight_decay: float, maximize: bool,
) -> Any:  # fmt: skip
    new: tuple[list[Any], ...] = ([], [])
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        g = direction(p, g, weight_decay, maximize)
        s = sums[i] + g * g
        new[0].append(p - lr / (1 + (steps[i] - 1) * lr_decay) * (g / (xp.sqrt(s) + eps)))
        new[1].append(s)
    return new


def _adadelta_body(
    xp: Any, params: Any, grads: Any, square_avgs: Any, acc_deltas: Any, *, lr: float, rho: float, eps: float,
    weight_decay: float, maximize: bool,
) -> Any:  # fmt: skip
    new: tuple[list[Any], ...] = ([], [], [])
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        g = direction(p, g, weight_decay, maximize)
        s = mixed(square_avgs[i], g * g, rho)
        delta = xp.sqrt(acc_deltas[i] + eps) / xp.sqrt(s + eps) * g
        new[0].append(p - lr * delta)
        new[1].append(s)
        new[2].append(mixed(acc_deltas[i], delta * delta, rho))
    return new


def _rmsprop_body(
    xp: Any, params: Any, grads: Any, square_avgs: Any, momentum_buffers: Any, grad_avgs: Any, *, lr: float, rho: float,
    eps: float, weight_decay: float, momentum: float, centered: bool, maximize: bool,
) -> Any:  # fmt: skip
    new: tuple[list[Any], ...] = ([], [], [], [])
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        g = direction(p, g, weight_decay, maximize)
        s = mixed(square_avgs[i], g * g, rho)
        spread = s
        if centered:
            mean = mixed(grad_avgs[i], g, rho)
            spread = s - mean * mean
            new[3].append(mean)
        step = g / (xp.sqrt(spread) + eps)
        if momentum:
            step = momentum * momentum_buffers[i] + step
            new[2].append(step)
        new[0].append(p - lr * step)
        new[1].append(s)
    return new


def _adamax_body(
    xp: Any, params: Any, grads: Any, exp_avgs: Any, exp_infs: Any, *, steps: Any, lr: float, beta1: float,
    beta2: float, eps: float, weight_decay: float, maximize: bool,
) -> Any:  # fmt: skip
    new: tuple[list[Any], ...] = ([], [], [])
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        g = direction(p, g, weight_decay, maximize)
        m = mixed(exp_avgs[i], g, beta1)
        top = xp.maximum(beta2 * exp_infs[i], xp.abs(g) + eps)
        new[0].append(p - lr / (1 - beta1 ** steps[i]) * (m / top))
        new[1].append(m)
        new[2].append(top)
    return new


def _nadam_body(
    xp: Any, params: Any, grads: Any, exp_avgs: Any, exp_avg_sqs: Any, *, steps: Any, mu_products: Any, lr: float,
    beta1: float, beta2: float, eps: float, weight_decay: float, momentum_decay: float, decoupled: bool, maximize: bool,
) -> Any:  # fmt: skip
    new: tuple[list[Any], ...] = ([], [], [])
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        g = direction(p, g, 0.0 if decoupled else weight_decay, maximize)
        if decoupled and weight_decay:
            p = p * (1 - lr * weight_decay)
        now, after = (momentum_at(step, beta1, momentum_decay) for step in (steps[i], steps[i] + 1))
        m = mixed(exp_avgs[i], g, beta1)
        v = mixed(exp_avg_sqs[i], g * g, beta2)
        root = xp.sqrt(v / (1 - beta2 ** steps[i])) + eps
        p = p - lr * (1 - now) / (1 - mu_products[i]) * (g / root)
        new[0].append(p - lr * after / (1 - mu_products[i] * after) * (m / root))
        new[1].append(m)
        new[2].append(v)
    return new


def _radam_body(
    xp: Any, params: Any, grads: Any, exp_avgs: Any, exp_avg_sqs: Any, *, steps: Any, lr: float, beta1: float,
    beta2: float, eps: float, weight_decay: float, decoupled: bool, maximize: bool,
) -> Any:  # fmt: skip
    new: tuple[list[Any], ...] = ([], [], [])
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        g = direction(p, g, 0.0 if decoupled else weight_decay, maximize)
        if decoupled and weight_decay:
            p = p * (1 - lr * weight_decay)
        m = mixed(exp_avgs[i], g, beta1)
        v = mixed(exp_avg_sqs[i], g * g, beta2)
        size = lr / (1 - beta1 ** steps[i])
        factor = rectification(steps[i], beta2)
        if factor is None:
            p = p - size * m
        else:
            p = p - size * factor * math.sqrt(1 - beta2 ** steps[i]) * (m / (xp.sqrt(v) + eps))
        new[0].append(p)
        new[1].append(m)
        new[2].append(v)
    return new


adagrad_step = Row(
    "update", "adagrad_step",
    "[params], [grads], [sums], /, *, steps, lr, lr_decay, eps, weight_decay, maximize",
    "Update parameters by Adagrad (Duchi, Hazan and Singer, 2011).",
    body=in_pairs(_adagrad_body), outputs=("params", "sums"), differentiable=(False, False),
    category="real floating-point", depth=1,
)  # fmt: skip
adadelta_step = Row(
    "update", "adadelta_step",
    "[params], [grads], [square_avgs], [acc_deltas], /, *, lr, rho, eps, weight_decay, maximize",
    "Update parameters by Adadelta (Zeiler, 2012).",
    body=in_pairs(_adadelta_body), outputs=("params", "square_avgs", "acc_deltas"), differentiable=(False,) * 3,
    category="real floating-point", depth=1,
)  # fmt: skip
rmsprop_step = Row(
    "update", "rmsprop_step",
    "[params], [grads], [square_avgs], [momentum_buffers], [grad_avgs], /, *, lr, rho, eps, weight_decay, momentum, "
    "centered, maximize",
    "Update parameters by RMSprop (Tieleman and Hinton, 2012), or its centered version (Graves, 2013).",
    body=in_pairs(_rmsprop_body), outputs=("params", "square_avgs", "momentum_buffers", "grad_avgs"),
    differentiable=(False,) * 4, category="real floating-point", depth=1,
)  # fmt: skip
adamax_step = Row(
    "update", "adamax_step",
    "[params], [grads], [exp_avgs], [exp_infs], /, *, steps, lr, beta1, beta2, eps, weight_decay, maximize",
    "Update parameters by Adamax, Adam with the infinity norm (Kingma and Ba, 2015).",
    body=in_pairs(_adamax_body), outputs=("params", "exp_avgs", "exp_infs"), differentiable=(False,) * 3,
    category="real floating-point", depth=1,
)  # fmt: skip
nadam_step = Row(
    "update", "nadam_step",
    "[params], [grads], [exp_avgs], [exp_avg_sqs], /, *, steps, mu_products, lr, beta1, beta2, eps, weight_decay, "
    "momentum_decay, decoupled, maximize",
    "Update parameters by Adam with Nesterov's momentum (Dozat, 2016).",
    body=in_pairs(_nadam_body), outputs=("params", "exp_avgs", "exp_avg_sqs"), differentiable=(False,) * 3,
    category="real floating-point", depth=1,
)  # fmt: skip
radam_step = Row(
    "update", "radam_step",
    "[params], [grads], [exp_avgs], [exp_avg_sqs], /, *, steps, lr, beta1, beta2, eps, weight_decay, decoupled, maximize",
    "Update parameters by rectified Adam (Liu et al., 2020).",
    body=in_pairs(_radam_body), outputs=("params", "exp_avgs", "exp_avg_sqs"), differentiable=(False,) * 3,
    category="real floating-point", depth=1,
)  # fmt: skip
