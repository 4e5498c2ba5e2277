"""Steps of optimizers on a card: one launch for as many parameters as a kernel's argument has room for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ....core.primitives.update_adaptive import momentum_at, rectification
from ..launch import TYPES, Launcher, float64, name_of

# As in optimizer.cu.
MOST, LISTS, CHUNK = 36, 4, 8192
THREADS = 256
PARAMETERS = np.dtype(
    [
        ("from", np.uint64, (LISTS + 1, MOST)), ("to", np.uint64, (LISTS, MOST)), ("sizes", np.int64, MOST),
        ("first", np.float64, MOST), ("second", np.float64, MOST), ("third", np.float64, MOST),
        ("blocks", np.int32, MOST), ("count", np.int32), ("pad", np.int32),
    ]
)  # fmt: skip
NUMBERS = ("first", "second", "third")
# What a dtype's elements are for these kernels, and how many are in one: complex numbers are pairs, as in PyTorch.
KINDS = {name: (TYPES[name], 1) for name in ("float16", "bfloat16", "float32", "float64")}
KINDS |= {"complex64": (TYPES["float32"], 2), "complex128": (TYPES["float64"], 2)}


def alike(arrays: Sequence[Any]) -> bool:
    """Say whether arrays of one shape have their elements in the same order, and nothing between them."""
    first = arrays[0]
    if all(a.flags.c_contiguous for a in arrays):
        return True
    if any(a.strides != first.strides for a in arrays[1:]):
        return False
    after = first.itemsize
    for stride, n in sorted((s, n) for s, n in zip(first.strides, first.shape, strict=True) if n != 1):
        if stride != after:
            return False
        after *= n
    return True


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""

    def step(
        kernel: str, lists: Sequence[list[Any]], donate: bool, told: Sequence[float | bool],
        *numbers: Sequence[float], choice: Sequence[bool] = (),
    ) -> Any:  # fmt: skip
        """Run a step, which writes all lists but the second; an empty one is not there.

        `numbers` are those of each parameter, and `choice` the kernel's template arguments after the dtype.
        """
        params = lists[0]
        served = all(name_of(p.dtype) in KINDS for p in params)
        if not served or any(a[i].dtype != p.dtype for a in lists if a for i, p in enumerate(params)):
            return NotImplemented
        read = [list(arrays) for arrays in lists if arrays]
        kinds: dict[tuple[str, int], list[int]] = {}
        for i, p in enumerate(params):
            if not alike([arrays[i] for arrays in read]):
                for arrays in read:
                    arrays[i] = gpu.contiguous(arrays[i])
            if p.size:
                kinds.setdefault(KINDS[name_of(p.dtype)], []).append(i)
        to = [
            # What had to be made contiguous is overwritten in its copy alone.
            arrays if donate else [gpu.empty_like(x) for x in arrays]
            for which, arrays in enumerate(read)
            if which != 1
        ]
        for (kind, each), members in kinds.items():
            expression = f"{kernel}<{', '.join([kind, *('true' if c else 'false' for c in choice)])}>"
            for start in range(0, len(members), MOST):
                chosen = members[start : start + MOST]
                count = len(chosen)
                table = np.zeros((), PARAMETERS)
                for slots, groups in (("from", read), ("to", to)):
                    for line, arrays in enumerate(groups):
                        table[slots][line, :count] = [gpu.address(arrays[i]) for i in chosen]
                sizes = [params[i].size * each for i in chosen]
                table["sizes"][:count] = sizes
                for slot, values in zip(NUMBERS, numbers, strict=False):
                    table[slot][:count] = [values[i] for i in chosen]
                blocks = np.cumsum([-(-size // CHUNK) for size in sizes])
                table["blocks"][:count] = blocks
                table["count"] = count
                arguments = [np.bool_(x) if isinstance(x, bool) else float64(x) for x in told]
                gpu.run("optimizer", expression, int(blocks[-1]), THREADS, table, *arguments)
        written = iter(to)
        return tuple(next(written) if arrays else [] for i, arrays in enumerate(lists) if i != 1)

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

    made = (
        adam_step, sgd_step, rmsprop_step, adagrad_step, adadelta_step, adamax_step, nadam_step, radam_step, asgd_step,
        rprop_step, average_step,
    )  # fmt: skip
    return {function.__name__: function for function in made}


def _decays(lr: float, weight_decay: float, decoupled: bool) -> tuple[float, float]:
    """Return the L2 penalty, and what share of a parameter a decay apart from the gradient leaves."""
    return (0.0, 1 - lr * weight_decay) if decoupled else (weight_decay, 1.0)
