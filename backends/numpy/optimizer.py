"""Optimizer updates over many parameters at once.

What the kernels share is in `optimizer_blocks`. They agree with PyTorch's single-tensor implementations up to rounding:
factors are put together where that saves a pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .blas import LEAST, axpby, for_blas
from .optimizer_blocks import (
    Body,
    combination,
    direction,
    each_parameter,
    running_mean,
    running_square,
)

# Up to this many elements a single pass is not worth sharing among threads.
_ALONE = 1 << 19


def sgd_step(
    params: list[np.ndarray],
    grads: list[np.ndarray],
    momentum_buffers: list[np.ndarray],
    /,
    *,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
    first: Sequence[bool],
    donate: bool = False,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """One step of stochastic gradient descent for all parameters.

    Parameters
    ----------
    params, grads, momentum_buffers : list of ndarray
        The buffers are an empty list where `momentum` is 0.
    lr, momentum, dampening, weight_decay, nesterov, maximize
        As in `torch.optim.SGD`.
    first : sequence of bool
        Per parameter, whether its buffer starts as the gradient; what it holds is not read.
    donate : bool
        Whether `params` and `momentum_buffers` may be overwritten. `grads` never are.

    Returns
    -------
    tuple of two lists of ndarray
        The new parameters and buffers.
    """
    statics = (lr, momentum, dampening, weight_decay, nesterov, maximize)
    if momentum or weight_decay or maximize or not donate:
        return _sgd_in_blocks(params, grads, momentum_buffers, first, *statics, donate=donate)
    rest = _plain_steps(params, grads, lr)
    results = list(params)
    if rest:
        chosen = [[arrays[i] for i in rest] for arrays in (params, grads)]
        changed, _ = _sgd_in_blocks(chosen[0], chosen[1], [], [False] * len(rest), *statics, donate=True)
        for i, x in zip(rest, changed):
            results[i] = x
    return results, []


def _plain_steps(params: Sequence[np.ndarray], grads: Sequence[np.ndarray], lr: float) -> list[int]:
    """p -= lr g in place where it is a call or two, on this thread; returns what is left."""
    large: list[int] = []
    sizes: dict[np.dtype, np.ndarray] = {}
    for i, (p, g) in enumerate(zip(params, grads)):
        dtype = p.dtype
        if p.size >= LEAST or dtype.itemsize == 2:
            if axpby is not None and lr and p.size <= _ALONE and for_blas(g, p):
                axpby(-lr, g, 1.0, p)
            else:
                large.append(i)
            continue
        size = sizes.get(dtype)
        if size is None:
            # A ufunc takes 0.3 µs less with a 0-d array than with a Python float.
            size = sizes[dtype] = np.array(-lr, dtype)
        np.add(p, np.multiply(g, size), out=p)
    return large


def _sgd_in_blocks(
    params: list[np.ndarray], grads: list[np.ndarray], momentum_buffers: list[np.ndarray], first: Sequence[bool],
    lr: float, momentum: float, dampening: float, weight_decay: float, nesterov: bool, maximize: bool, *, donate: bool,
) -> tuple[list[np.ndarray], list[np.ndarray]]:  # fmt: skip
    """Any layout and dtype, in blocks that stay in cache."""
    sign = -1.0 if maximize else 1.0

    def make(start: bool, dtype: np.dtype) -> Body:
        share = 1.0 if start else 1.0 - dampening
        by_gradient = combination(-lr * sign, 1.0 - lr * weight_decay, dtype)
        gather = combination(sign * share, momentum, dtype)
        decay = combination(weight_decay * share, 1.0, dtype)
        by_momentum = combination(-lr * (momentum if nesterov else 1.0), 1.0, dtype)
        turn = np.negative if maximize else np.positive

        def with_momentum(p: Any, g: Any, b: Any, out: Any, b_out: Any, t: Any) -> None:
            if start:
                turn(g, out=b_out)
            else:
                gather(g, b, b_out, t)
            if weight_decay:
                decay(p, b_out, b_out, t)
            if nesterov:
                # lr (g + weight_decay p) at once, and then the momentum's part.
                by_gradient(g, p, out, t)
                p = out
            by_momentum(b_out, p, out, t)

        return with_momentum if momentum else _without_momentum(by_gradient)

    if not momentum:
        return each_parameter((params, grads), [False] * len(params), make, scratch=1, donate=donate)[0], []
    buffers = [np.empty_like(p) if b is None else b for p, b in zip(params, momentum_buffers)]
    new_params, new_buffers = each_parameter(
        (params, grads, buffers), [bool(start) for start in first], make, scratch=1, donate=donate
    )
    return new_params, new_buffers


def _without_momentum(move: Callable[..., None]) -> Body:
    """Return the step without momentum: a combination of gradient and parameter."""

    def body(p: Any, g: Any, out: Any, t: Any) -> None:
        move(g, p, out, t)

    return body


def adam_step(
    params: list[np.ndarray],
    grads: list[np.ndarray],
    exp_avgs: list[np.ndarray],
    exp_avg_sqs: list[np.ndarray],
    max_exp_avg_sqs: list[np.ndarray],
    /,
    *,
    steps: Sequence[float],
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    amsgrad: bool,
    maximize: bool,
    decoupled: bool,
    donate: bool = False,
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """One step of Adam (Kingma and Ba, 2015), or of AdamW (Loshchilov and Hutter, 2019), for all parameters.

    Parameters
    ----------
    params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs : list of ndarray
        The last is an empty list without `amsgrad`.
    steps : sequence of float
        Per parameter, the number of this step, counted from 1.
    lr, beta1, beta2, eps, weight_decay, amsgrad, maximize
        As in `torch.optim.Adam`.
    decoupled : bool
        Decay the parameter itself, as AdamW does, instead of adding to the gradient.
    donate : bool
        Whether parameters and state may be overwritten. `grads` never are.

    Returns
    -------
    tuple of four lists of ndarray
        The new parameters and state.
    """
    lists = (params, grads, exp_avgs, exp_avg_sqs, *((max_exp_avg_sqs,) if amsgrad else ()))

    def make(step: float, dtype: np.dtype) -> Body:
        return _adam_body(step, lr, beta1, beta2, eps, weight_decay, amsgrad, maximize, decoupled, len(lists), dtype)

    new_params, new_avgs, new_sqs, *largest = each_parameter(
        lists, steps, make, scratch=2 if maximize or (weight_decay and not decoupled) else 1, donate=donate,
        reads_params=bool(weight_decay),
    )  # fmt: skip
    return new_params, new_avgs, new_sqs, largest[0] if amsgrad else []


def _adam_body(
    step: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    amsgrad: bool,
    maximize: bool,
    decoupled: bool,
    lists: int,
    dtype: np.dtype,
) -> Body:
    turn = direction(0.0 if decoupled else weight_decay, maximize, dtype)
    mean, square = running_mean(beta1, dtype), running_square(beta2, dtype)
    # m / (sqrt(s) / root + eps), with numerator and denominator times the root: a pass less.
    root = math.sqrt(1.0 - beta2**step)
    small = np.array(eps * root, dtype)
    move = combination(-lr * root / (1.0 - beta1**step), 1.0 - lr * weight_decay if decoupled else 1.0, dtype)

    def body(*arrays: np.ndarray) -> None:
        p, g, m, v = arrays[:4]
        p_out, m_out, v_out = arrays[lists : lists + 3]
        t = arrays[2 * lists - 1]
        if turn is not None:
            g = turn(p, g, arrays[2 * lists])
        mean(m, g, m_out, t)
        square(v, g, v_out, t)
        if amsgrad:
            s_out = arrays[lists + 3]
            np.maximum(arrays[4], v_out, out=s_out)
            np.sqrt(s_out, out=t)
        else:
            np.sqrt(v_out, out=t)
        np.add(t, small, out=t)
        np.divide(m_out, t, out=t)
        move(t, p, p_out, t)

    return body


KERNELS: dict[str, Callable[..., Any]] = {"sgd_step": sgd_step, "adam_step": adam_step}
