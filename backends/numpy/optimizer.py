"""Optimizer updates over many parameters at once.

What the kernels share is in `optimizer_blocks`. The order of arithmetic is that of PyTorch's single-tensor
implementations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .layout import is_dense
from .optimizer_blocks import BLOCK, Body, Update, each_parameter, flat_pieces


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

    def gradient(p: np.ndarray, g: np.ndarray, t: np.ndarray) -> np.ndarray:
        if weight_decay:
            np.multiply(p, weight_decay, out=t)
            return (np.subtract if maximize else np.add)(t, g, out=t)
        return np.negative(g, out=t) if maximize else g

    def plain(p: np.ndarray, g: np.ndarray, out: np.ndarray, t: np.ndarray) -> None:
        np.multiply(gradient(p, g, t), -lr, out=t)
        np.add(p, t, out=out)

    def with_momentum(start: bool) -> Body:
        def body(
            p: np.ndarray, g: np.ndarray, b: np.ndarray, out: np.ndarray, b_out: np.ndarray, t: np.ndarray
        ) -> None:
            g = gradient(p, g, t)
            if start:
                np.copyto(b_out, g)
            else:
                np.multiply(b, momentum, out=b_out)
                if dampening:
                    np.add(b_out, g * (1.0 - dampening), out=b_out)
                else:
                    np.add(b_out, g, out=b_out)
            if nesterov:
                step = b_out * momentum
                np.add(g, step, out=t)
                np.multiply(t, -lr, out=t)
            else:
                np.multiply(b_out, -lr, out=t)
            np.add(p, t, out=out)

        return body

    if not momentum:
        if donate and not weight_decay and not maximize:
            return _plain_steps(params, grads, lr), []
        update = Update((params, grads), 1, donate)
        for i in range(len(params)):
            update.add(i, plain)
        return update.run()[0], []
    bodies = (with_momentum(False), with_momentum(True))
    buffers = [np.empty_like(p) if b is None else b for p, b in zip(params, momentum_buffers)]
    update = Update((params, grads, buffers), 1, donate)
    for i, start in enumerate(first):
        update.add(i, bodies[bool(start)])
    new_params, new_buffers = update.run()
    return new_params, new_buffers


def _plain_steps(params: list[np.ndarray], grads: list[np.ndarray], lr: float) -> list[np.ndarray]:
    """p -= lr g in place: two calls where a parameter is small, which is all there is to pay."""
    large: list[int] = []
    for i, (p, g) in enumerate(zip(params, grads)):
        if p.size > BLOCK or p.dtype.itemsize == 2:
            large.append(i)
        else:
            np.add(p, g * -lr, out=p)
    if large:

        def body(p: np.ndarray, g: np.ndarray, out: np.ndarray, t: np.ndarray) -> None:
            np.multiply(g, -lr, out=t)
            np.add(p, t, out=out)

        update = Update((params, grads), 1, True)
        for i in large:
            update.add(i, body)
        return update.run()[0]
    return list(params)


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
        return _adam_body(
            step, lr, beta1, beta2, eps, weight_decay, amsgrad, maximize, decoupled, len(lists), dtype
        )

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
    # 0-d arrays: a ufunc takes 0.3 µs less with them than with Python floats.
    step_size = np.array(-lr / (1.0 - beta1**step), dtype)
    root = np.array(1.0 / math.sqrt(1.0 - beta2**step), dtype)
    # lerp(m, g, 1 - beta1) has two forms in PyTorch: from m, or back from g.
    forward = beta1 > 0.5
    mix = np.array(1.0 - beta1 if forward else beta1, dtype)
    keep, new, small = np.array(beta2, dtype), np.array(1.0 - beta2, dtype), np.array(eps, dtype)
    shrink = np.array(1.0 - lr * weight_decay, dtype) if decoupled and weight_decay else None
    penalty = np.array(weight_decay, dtype) if weight_decay and not decoupled else None
    multiply, add, subtract = np.multiply, np.add, np.subtract

    def body(*arrays: np.ndarray) -> None:
        p, g, m, v = arrays[:4]
        p_out, m_out, v_out = arrays[lists : lists + 3]
        t = arrays[2 * lists - 1]
        if penalty is not None:
            u = arrays[2 * lists]
            multiply(p, penalty, out=u)
            g = (subtract if maximize else add)(u, g, out=u)
        elif maximize:
            g = np.negative(g, out=arrays[2 * lists])
        subtract(g, m, out=t)
        multiply(t, mix, out=t)
        if forward:
            add(m, t, out=m_out)
        else:
            subtract(g, t, out=m_out)
        multiply(g, g, out=t)
        multiply(t, new, out=t)
        multiply(v, keep, out=v_out)
        add(v_out, t, out=v_out)
        if amsgrad:
            s_out = arrays[lists + 3]
            np.maximum(arrays[4], v_out, out=s_out)
            np.sqrt(s_out, out=t)
        else:
            np.sqrt(v_out, out=t)
        multiply(t, root, out=t)
        add(t, small, out=t)
        np.divide(m_out, t, out=t)
        multiply(t, step_size, out=t)
        if shrink is None:
            add(p, t, out=p_out)
        else:
            multiply(p, shrink, out=p_out)
            add(p_out, t, out=p_out)

    return body


def global_norm(arrays: Sequence[np.ndarray]) -> float:
    """The 2-norm of all elements of all arrays together.

    Blocks are summed in their own dtype and added up in double precision; where that overflows or vanishes, all is
    done again in scaled double precision.
    """
    total = 0.0
    with np.errstate(all="ignore"):
        for x in arrays:
            flat = flat_pieces(x if is_dense(x) else x.copy())
            if flat.dtype.itemsize == 2 or flat.dtype.kind not in "f":
                flat = flat.astype(np.float32 if flat.dtype.kind not in "iub" else np.float64)
            for start in range(0, flat.size, BLOCK):
                block = flat[start : start + BLOCK]
                total += float(np.dot(block, block))
        if 1e-30 < total < math.inf:
            return math.sqrt(total)
        flats = [flat_pieces(x if is_dense(x) else x.copy()).astype(np.float64) for x in arrays if x.size]
        top = max((float(np.max(np.abs(flat))) for flat in flats), default=0.0)
        if any(np.isnan(flat).any() for flat in flats):
            return math.nan
        if top == 0.0 or math.isinf(top):
            return top
        return top * math.sqrt(sum(float(np.dot(flat / top, flat / top)) for flat in flats))


KERNELS: dict[str, Callable[..., Any]] = {"sgd_step": sgd_step, "adam_step": adam_step}
