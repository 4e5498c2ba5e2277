"""Optimizer steps: one pass over each parameter, its gradient and its state, blocks of them shared among threads.

The kernels are called as the backend's own are and agree with them up to rounding. They write in place what is donated;
a step with a parameter or a state that they do not serve is the backend's as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from candelabra.backends.numpy import parallel
from candelabra.backends.numpy.layout import is_dense
from candelabra.core.primitives.update_adaptive import momentum_at, rectification

from .compiled import Array, Loop, least

Lists = Sequence[Sequence[Array]]

# Elements of all parameters together.
LEAST = least(1 << 14)
# So many elements are a block, and so many in all are worth a second thread.
_BLOCK = 1 << 16
_SHARED = 1 << 18

_REAL = {"f": "f", "d": "d", "F": "f", "D": "d"}


def _flat(lists: Lists, i: int) -> list[Array] | None:
    """Each list's array of a parameter as one axis, complex numbers as pairs; None where memory does not allow it."""
    p = lists[0][i]
    dtype = p.dtype
    if dtype.char not in _REAL:
        return None
    found = []
    for k, arrays in enumerate(lists):
        x = arrays[i]
        if x.dtype != dtype:
            return None
        if not x.flags.carray:
            if k == 1 and p.flags.carray:
                x = np.array(x, order="C")
            elif not (is_dense(x) and x.flags.behaved and is_dense(p) and (x.strides == p.strides or k == 1)):
                return None
            else:
                if x.strides != p.strides:
                    laid = np.empty_like(p)
                    laid[...] = x
                    x = laid
                x = x.ravel(order="K")
        elif not p.flags.carray:
            return None
        found.append(x.reshape(-1) if x.ndim != 1 else x)
    if dtype.kind == "c":
        found = [x.view(_REAL[dtype.char]) for x in found]
    return found


def step(
    lists: Lists, donate: bool, loop: Loop, constants: Callable[[int], Sequence[float]],
    keys: Sequence[Any] | None = None, more: Callable[[int], tuple[Any, ...]] | None = None,
) -> Any:  # fmt: skip
    """Run a loop over every parameter.

    Parameters
    ----------
    lists : sequence of list of ndarray
        The parameters, the gradients, then the state. All but the gradients are written.
    donate : bool
        Whether they may be; copies are written otherwise.
    loop : Loop
        Takes the start and the stop of a block, the arrays and the constants.
    constants : callable
        What gives the constants of parameter `i`.
    keys : sequence, optional
        Per parameter, what its constants depend on; nothing, if left out.
    more : callable, optional
        Further arguments of the loop for parameter `i`.

    Returns
    -------
    list of list of ndarray, or NotImplemented
        The new parameters and state.
    """
    params = lists[0]
    total = 0
    for p in params:
        total += p.size
    if total < LEAST:
        return NotImplemented
    if not donate:
        lists = [x if k == 1 else [np.array(a, order="K") for a in x] for k, x in enumerate(lists)]
    jobs: list[tuple[Any, int, tuple[Any, ...]]] = []
    made: dict[Any, Array] = {}
    for i in range(len(params)):
        arrays = _flat(lists, i)
        if arrays is None:
            return NotImplemented
        char = arrays[0].dtype.char
        key = (char, keys[i] if keys is not None else None)
        c = made.get(key)
        if c is None:
            c = made[key] = np.array(constants(i), char)
        jobs.append((loop[char], arrays[0].size, (*arrays, c, *(more(i) if more is not None else ()))))
    run(jobs, total)
    return [x for k, x in enumerate(lists) if k != 1]


def run(jobs: list[tuple[Any, int, tuple[Any, ...]]], total: int) -> None:
    """Run jobs of a function, a length and its arguments, on several threads where they are long."""
    if total < _SHARED or parallel.get_num_threads() < 2:
        for function, size, arguments in jobs:
            function(0, size, *arguments)
        return
    spans: list[list[tuple[Any, int, int, tuple[Any, ...]]]] = [[]]
    filled = 0
    for function, size, arguments in jobs:
        for start in range(0, size, _BLOCK):
            stop = min(start + _BLOCK, size)
            if filled + stop - start > _BLOCK:
                spans.append([])
                filled = 0
            spans[-1].append((function, start, stop, arguments))
            filled += stop - start

    def work(blocks: Iterator[tuple[int, int]]) -> None:
        for first, last in blocks:
            for span in spans[first:last]:
                for function, start, stop, arguments in span:
                    function(start, stop, *arguments)

    parallel.for_blocks(work, len(spans), 1, 1)


def _mean(beta: float) -> tuple[float, float, float]:
    """How a running mean moves: what is kept of it, the share of what is new, and what of it is taken off that first.

    Rounded to float32, beta and 1 - beta do not quite add up to 1, which shows in a mean over many steps.
    """
    return (beta, 1.0 - beta, 0.0) if beta <= 0.95 else (1.0, 1.0 - beta, 1.0)


def _turn(weight_decay: float, maximize: bool, keep: float = 1.0) -> tuple[float, float, float]:
    return -1.0 if maximize else 1.0, weight_decay, keep


_SGD, _SGD_MOMENTUM = Loop("optimizer", "sgd"), Loop("optimizer", "sgd_momentum")
_ADAM, _ADAM_LARGEST = Loop("optimizer", "adam"), Loop("optimizer", "adam_largest")
_ADAGRAD, _ADADELTA = Loop("optimizer", "adagrad"), Loop("optimizer", "adadelta")
_RMSPROP, _RMSPROP_MORE = Loop("optimizer", "rmsprop"), Loop("optimizer", "rmsprop_more")
_ADAMAX, _NADAM, _RADAM = (Loop("optimizer", name) for name in ("adamax", "nadam", "radam"))
_ASGD, _RPROP, _AVERAGE = (Loop("optimizer", name) for name in ("asgd", "rprop", "average"))


def sgd_step(
    params: list[Array], grads: list[Array], momentum_buffers: list[Array], /, *, lr: float, momentum: float,
    dampening: float, weight_decay: float, nesterov: bool, maximize: bool, first: Sequence[bool], donate: bool = False,
) -> Any:  # fmt: skip
    """One step of stochastic gradient descent."""
    turn = _turn(weight_decay, maximize)
    if not momentum:
        # One addition is a call of NumPy's or of BLAS, as fast where a single core does it.
        if not weight_decay and sum(p.size for p in params) < max(LEAST, _SHARED if LEAST else 0):
            return NotImplemented
        found = step((params, grads), donate, _SGD, lambda i: (*turn, lr))
        return found if found is NotImplemented else (found[0], [])
    buffers = [np.empty_like(p) if b is None else b for p, b in zip(params, momentum_buffers, strict=True)]
    return step(
        (params, grads, buffers), donate, _SGD_MOMENTUM, lambda i: (*turn, lr, momentum, 1.0 - dampening),
        more=lambda i: (bool(first[i]), nesterov),
    )  # fmt: skip


def adam_step(
    params: list[Array], grads: list[Array], exp_avgs: list[Array], exp_avg_sqs: list[Array],
    max_exp_avg_sqs: list[Array], /, *, steps: Sequence[float], lr: float, beta1: float, beta2: float, eps: float,
    weight_decay: float, amsgrad: bool, maximize: bool, decoupled: bool, donate: bool = False,
) -> Any:  # fmt: skip
    """One step of Adam, or of AdamW."""
    turn = _turn(0.0 if decoupled else weight_decay, maximize, 1.0 - lr * weight_decay if decoupled else 1.0)
    mean = _mean(beta1)

    def constants(i: int) -> tuple[float, ...]:
        # m / (sqrt(v) / root + eps), with numerator and denominator times the root.
        root = math.sqrt(1.0 - beta2 ** steps[i])
        return (*turn, *mean, beta2, 1.0 - beta2, eps * root, -lr * root / (1.0 - beta1 ** steps[i]))

    lists = (params, grads, exp_avgs, exp_avg_sqs, *((max_exp_avg_sqs,) if amsgrad else ()))
    found = step(lists, donate, _ADAM_LARGEST if amsgrad else _ADAM, constants, steps)
    return found if found is NotImplemented or amsgrad else (*found, [])


def adagrad_step(
    params: list[Array], grads: list[Array], sums: list[Array], /, *, steps: Sequence[float], lr: float,
    lr_decay: float, eps: float, weight_decay: float, maximize: bool, donate: bool = False,
) -> Any:  # fmt: skip
    """One step of Adagrad."""
    turn = _turn(weight_decay, maximize)

    def constants(i: int) -> tuple[float, ...]:
        return (*turn, eps, -lr / (1.0 + (steps[i] - 1.0) * lr_decay))

    return step((params, grads, sums), donate, _ADAGRAD, constants, steps)


def adadelta_step(
    params: list[Array], grads: list[Array], square_avgs: list[Array], acc_deltas: list[Array], /, *, lr: float,
    rho: float, eps: float, weight_decay: float, maximize: bool, donate: bool = False,
) -> Any:  # fmt: skip
    """One step of Adadelta."""
    constants = (*_turn(weight_decay, maximize), rho, 1.0 - rho, eps, lr)
    return step((params, grads, square_avgs, acc_deltas), donate, _ADADELTA, lambda i: constants)


def rmsprop_step(
    params: list[Array], grads: list[Array], square_avgs: list[Array], momentum_buffers: list[Array],
    grad_avgs: list[Array], /, *, lr: float, rho: float, eps: float, weight_decay: float, momentum: float,
    centered: bool, maximize: bool, donate: bool = False,
) -> Any:  # fmt: skip
    """One step of RMSprop, or of its centered version."""
    constants = (*_turn(weight_decay, maximize), rho, 1.0 - rho, eps, lr, momentum, *_mean(rho))
    moving = bool(momentum)
    if not moving and not centered:
        found = step((params, grads, square_avgs), donate, _RMSPROP, lambda i: constants)
        return found if found is NotImplemented else (*found, [], [])
    # What is not used is neither read nor written: the squares stand for it.
    buffers, means = momentum_buffers if moving else square_avgs, grad_avgs if centered else square_avgs
    lists = (params, grads, square_avgs, buffers, means)
    found = step(lists, donate, _RMSPROP_MORE, lambda i: constants, more=lambda i: (moving, centered))
    if found is NotImplemented:
        return found
    return found[0], found[1], found[2] if moving else [], found[3] if centered else []


def adamax_step(
    params: list[Array], grads: list[Array], exp_avgs: list[Array], exp_infs: list[Array], /, *,
    steps: Sequence[float], lr: float, beta1: float, beta2: float, eps: float, weight_decay: float, maximize: bool,
    donate: bool = False,
) -> Any:  # fmt: skip
    """One step of Adamax."""
    shared = (*_turn(weight_decay, maximize), *_mean(beta1), beta2, eps)
    lists = (params, grads, exp_avgs, exp_infs)
    return step(lists, donate, _ADAMAX, lambda i: (*shared, -lr / (1.0 - beta1 ** steps[i])), steps)


def nadam_step(
    params: list[Array], grads: list[Array], exp_avgs: list[Array], exp_avg_sqs: list[Array], /, *,
    steps: Sequence[float], mu_products: Sequence[float], lr: float, beta1: float, beta2: float, eps: float,
    weight_decay: float, momentum_decay: float, decoupled: bool, maximize: bool, donate: bool = False,
) -> Any:  # fmt: skip
    """One step of NAdam."""
    turn = _turn(0.0 if decoupled else weight_decay, maximize, 1.0 - lr * weight_decay if decoupled else 1.0)
    mean = _mean(beta1)

    def constants(i: int) -> tuple[float, ...]:
        now, after = (momentum_at(t, beta1, momentum_decay) for t in (steps[i], steps[i] + 1.0))
        product = mu_products[i]
        root = math.sqrt(1.0 - beta2 ** steps[i])
        by_gradient = -lr * root * (1.0 - now) / (1.0 - product)
        by_mean = -lr * root * after / (1.0 - product * after)
        return (*turn, *mean, beta2, 1.0 - beta2, eps * root, by_gradient, by_mean)

    keys = list(zip(steps, mu_products, strict=True))
    return step((params, grads, exp_avgs, exp_avg_sqs), donate, _NADAM, constants, keys)


def radam_step(
    params: list[Array], grads: list[Array], exp_avgs: list[Array], exp_avg_sqs: list[Array], /, *,
    steps: Sequence[float], lr: float, beta1: float, beta2: float, eps: float, weight_decay: float, decoupled: bool,
    maximize: bool, donate: bool = False,
) -> Any:  # fmt: skip
    """One step of RAdam."""
    turn = _turn(0.0 if decoupled else weight_decay, maximize, 1.0 - lr * weight_decay if decoupled else 1.0)
    mean = _mean(beta1)

    def constants(i: int) -> tuple[float, ...]:
        factor = rectification(steps[i], beta2)
        size = -lr / (1.0 - beta1 ** steps[i])
        if factor is not None:
            size *= factor * math.sqrt(1.0 - beta2 ** steps[i])
        return (*turn, *mean, beta2, 1.0 - beta2, eps, size)

    return step(
        (params, grads, exp_avgs, exp_avg_sqs), donate, _RADAM, constants, steps,
        more=lambda i: (rectification(steps[i], beta2) is not None,),
    )  # fmt: skip


def asgd_step(
    params: list[Array], grads: list[Array], averages: list[Array], /, *, etas: Sequence[float],
    mus: Sequence[float], lambd: float, weight_decay: float, maximize: bool, donate: bool = False,
) -> Any:  # fmt: skip
    """One step of averaged stochastic gradient descent."""

    def constants(i: int) -> tuple[float, ...]:
        return (*_turn(weight_decay, maximize, 1.0 - lambd * etas[i]), etas[i], mus[i])

    return step((params, grads, averages), donate, _ASGD, constants, list(zip(etas, mus, strict=True)))


def rprop_step(
    params: list[Array], grads: list[Array], former: list[Array], step_sizes: list[Array], /, *, shrink: float,
    grow: float, smallest: float, largest: float, maximize: bool, donate: bool = False,
) -> Any:  # fmt: skip
    """One step of resilient backpropagation."""
    constants = (*_turn(0.0, maximize), shrink, grow, smallest, largest)
    return step((params, grads, former, step_sizes), donate, _RPROP, lambda i: constants)


def average_step(averages: list[Array], values: list[Array], /, *, share: float, donate: bool = False) -> Any:
    """Move averages towards new values by a share of the distance."""
    return step((averages, values), donate, _AVERAGE, lambda i: (share,))


KERNELS: dict[str, Any] = {
    "adadelta_step": adadelta_step,
    "adagrad_step": adagrad_step,
    "adam_step": adam_step,
    "adamax_step": adamax_step,
    "asgd_step": asgd_step,
    "average_step": average_step,
    "nadam_step": nadam_step,
    "radam_step": radam_step,
    "rmsprop_step": rmsprop_step,
    "rprop_step": rprop_step,
    "sgd_step": sgd_step,
}
