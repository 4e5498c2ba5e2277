"""Steps of optimizers on a card: one launch for as many parameters as a kernel's argument has room for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ....core.primitives.update_adaptive import momentum_at, rectification
from ..launch import Launcher
from .parameters import THREADS, Steps, alike, byte_parts


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""

    step = Steps(gpu, "optimizer")

    def adam_step(
        params: list[Any], grads: list[Any], exp_avgs: list[Any], exp_avg_sqs: list[Any], tops: list[Any], /, *,
        steps: Sequence[float], lr: float, beta1: float, beta2: float, eps: float, weight_decay: float, amsgrad: bool,
        maximize: bool, decoupled: bool, donate: bool = False,
    ) -> Any:  # fmt: skip
        told = (beta1, beta2, eps, *_decays(lr, weight_decay, decoupled), bool(maximize))
        scales, roots = [lr / (1 - beta1**n) for n in steps], [math.sqrt(1 - beta2**n) for n in steps]
        lists = (params, grads, exp_avgs, exp_avg_sqs, tops if amsgrad else [])
        return step("adam", lists, donate, told, scales, roots, choice=[amsgrad])

    def sgd_step(
        params: list[Any], grads: list[Any], buffers: list[Any], /, *, lr: float, momentum: float, dampening: float,
        weight_decay: float, nesterov: bool, maximize: bool, first: Sequence[bool], donate: bool = False,
    ) -> Any:  # fmt: skip
        told = (lr, momentum, dampening, weight_decay, bool(nesterov), bool(maximize))
        if not momentum:
            return step("sgd", (params, grads, []), donate, told, choice=[False])
        # A buffer that starts as the gradient may not be there yet.
        buffers = [gpu.empty_like(p) if b is None else b for p, b in zip(params, buffers, strict=True)]
        return step("sgd", (params, grads, buffers), donate, told, [float(bool(x)) for x in first], choice=[True])

    def rmsprop_step(
        params: list[Any], grads: list[Any], squares: list[Any], buffers: list[Any], means: list[Any], /, *, lr: float,
        rho: float, eps: float, weight_decay: float, momentum: float, centered: bool, maximize: bool,
        donate: bool = False,
    ) -> Any:  # fmt: skip
        lists = (params, grads, squares, buffers if momentum else [], means if centered else [])
        told = (lr, rho, eps, weight_decay, momentum, bool(maximize))
        return step("rmsprop", lists, donate, told, choice=[bool(momentum), centered])

    def adagrad_step(
        params: list[Any], grads: list[Any], sums: list[Any], /, *, steps: Sequence[float], lr: float, lr_decay: float,
        eps: float, weight_decay: float, maximize: bool, donate: bool = False,
    ) -> Any:  # fmt: skip
        rates = [lr / (1 + (n - 1) * lr_decay) for n in steps]
        return step("adagrad", (params, grads, sums), donate, (eps, weight_decay, bool(maximize)), rates)

    def adadelta_step(
        params: list[Any], grads: list[Any], square_avgs: list[Any], acc_deltas: list[Any], /, *, lr: float,
        rho: float, eps: float, weight_decay: float, maximize: bool, donate: bool = False,
    ) -> Any:  # fmt: skip
        told = (lr, rho, eps, weight_decay, bool(maximize))
        return step("adadelta", (params, grads, square_avgs, acc_deltas), donate, told)

    def adamax_step(
        params: list[Any], grads: list[Any], exp_avgs: list[Any], exp_infs: list[Any], /, *, steps: Sequence[float],
        lr: float, beta1: float, beta2: float, eps: float, weight_decay: float, maximize: bool, donate: bool = False,
    ) -> Any:  # fmt: skip
        rates = [lr / (1 - beta1**n) for n in steps]
        told = (beta1, beta2, eps, weight_decay, bool(maximize))
        return step("adamax", (params, grads, exp_avgs, exp_infs), donate, told, rates)

    def nadam_step(
        params: list[Any], grads: list[Any], exp_avgs: list[Any], exp_avg_sqs: list[Any], /, *, steps: Sequence[float],
        mu_products: Sequence[float], lr: float, beta1: float, beta2: float, eps: float, weight_decay: float,
        momentum_decay: float, decoupled: bool, maximize: bool, donate: bool = False,
    ) -> Any:  # fmt: skip
        now = [momentum_at(n, beta1, momentum_decay) for n in steps]
        after = [momentum_at(n + 1, beta1, momentum_decay) for n in steps]
        rates = [lr * (1 - m) / (1 - product) for m, product in zip(now, mu_products, strict=True)]
        rates_after = [lr * m / (1 - product * m) for m, product in zip(after, mu_products, strict=True)]
        told = (beta1, beta2, eps, *_decays(lr, weight_decay, decoupled), bool(maximize))
        lists = (params, grads, exp_avgs, exp_avg_sqs)
        return step("nadam", lists, donate, told, rates, rates_after, [1 - beta2**n for n in steps])

    def radam_step(
        params: list[Any], grads: list[Any], exp_avgs: list[Any], exp_avg_sqs: list[Any], /, *, steps: Sequence[float],
        lr: float, beta1: float, beta2: float, eps: float, weight_decay: float, decoupled: bool, maximize: bool,
        donate: bool = False,
    ) -> Any:  # fmt: skip
        rates = [lr / (1 - beta1**n) for n in steps]
        factors = [rectification(n, beta2) for n in steps]
        rectified = [
            0.0 if factor is None else rate * factor * math.sqrt(1 - beta2**n)
            for n, rate, factor in zip(steps, rates, factors, strict=True)
        ]
        told = (beta1, beta2, eps, *_decays(lr, weight_decay, decoupled), bool(maximize))
        lists = (params, grads, exp_avgs, exp_avg_sqs)
        return step("radam", lists, donate, told, rates, rectified, [float(f is not None) for f in factors])

    def asgd_step(
        params: list[Any], grads: list[Any], averages: list[Any], /, *, etas: Sequence[float], mus: Sequence[float],
        lambd: float, weight_decay: float, maximize: bool, donate: bool = False,
    ) -> Any:  # fmt: skip
        told = (lambd, weight_decay, bool(maximize))
        return step("asgd", (params, grads, averages), donate, told, etas, mus)

    def rprop_step(
        params: list[Any], grads: list[Any], former: list[Any], step_sizes: list[Any], /, *, shrink: float, grow: float,
        smallest: float, largest: float, maximize: bool, donate: bool = False,
    ) -> Any:  # fmt: skip
        told = (shrink, grow, smallest, largest, bool(maximize))
        return step("rprop", (params, grads, former, step_sizes), donate, told)

    def average_step(averages: list[Any], values: list[Any], /, *, share: float, donate: bool = False) -> Any:
        return step("average", (averages, values), donate, (share,))

    def copy_step(targets: list[Any], values: list[Any], /, *, donate: bool = False) -> Any:
        if any(v.dtype != t.dtype or v.shape != t.shape for t, v in zip(targets, values, strict=True)):
            return NotImplemented
        together = [alike(pair) for pair in zip(targets, values, strict=True)]
        read = [v if same else gpu.contiguous(v) for v, same in zip(values, together, strict=True)]
        # What lies in another order than its value is replaced.
        to = [
            t if same and donate else gpu.empty_like(v) if same else gpu.empty(v.shape, v.dtype)
            for t, v, same in zip(targets, read, together, strict=True)
        ]
        for part in byte_parts(gpu, (to, read), (to,)):
            gpu.run("optimizer", "copied", part.blocks, THREADS, part.table)
        return (to,)

    made = (
        adam_step, sgd_step, rmsprop_step, adagrad_step, adadelta_step, adamax_step, nadam_step, radam_step, asgd_step,
        rprop_step, average_step, copy_step,
    )  # fmt: skip
    return {function.__name__: function for function in made}


def _decays(lr: float, weight_decay: float, decoupled: bool) -> tuple[float, float]:
    """Return the L2 penalty, and what share of a parameter a decay apart from the gradient leaves."""
    return (0.0, 1 - lr * weight_decay) if decoupled else (weight_decay, 1.0)
