"""Updates of optimizers that scale a step by what they remember of the gradients' size.

Each kernel takes lists of arrays as its row does, and `donate`: whether parameters and state may be overwritten. The
work on a block takes slices of the operands, then of the results, then scratch; a result may be its operand. Constants
are 0-d arrays, with which a ufunc takes 0.3 µs less than with Python floats.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.primitives.update_adaptive import momentum_at, rectification
from .optimizer_blocks import Body, combination, direction, each_parameter, running_mean, running_square

_Lists = tuple[list[np.ndarray], ...]


def adagrad_step(
    params: list[np.ndarray], grads: list[np.ndarray], sums: list[np.ndarray], /, *, steps: Sequence[float], lr: float,
    lr_decay: float, eps: float, weight_decay: float, maximize: bool, donate: bool = False,
) -> _Lists:  # fmt: skip
    """One step of Adagrad (Duchi, Hazan and Singer, 2011)."""

    def make(step: float, dtype: np.dtype) -> Body:
        turn = direction(weight_decay, maximize, dtype)
        move = combination(-lr / (1.0 + (step - 1.0) * lr_decay), 1.0, dtype)
        small = np.array(eps, dtype)

        def body(
            p: Any, g: Any, s: Any, p_out: Any, s_out: Any, t: Any, u: Any = None,
        ) -> None:  # fmt: skip
            if turn is not None:
                g = turn(p, g, u)
            np.multiply(g, g, out=t)
            np.add(s, t, out=s_out)
            np.sqrt(s_out, out=t)
            np.add(t, small, out=t)
            np.divide(g, t, out=t)
            move(t, p, p_out, t)

        return body

    return each_parameter(
        (params, grads, sums), steps, make, scratch=1 + bool(maximize or weight_decay), donate=donate,
        reads_params=bool(weight_decay),
    )  # fmt: skip


def adadelta_step(
    params: list[np.ndarray], grads: list[np.ndarray], square_avgs: list[np.ndarray], acc_deltas: list[np.ndarray], /,
    *, lr: float, rho: float, eps: float, weight_decay: float, maximize: bool, donate: bool = False,
) -> _Lists:  # fmt: skip
    """One step of Adadelta (Zeiler, 2012)."""

    def make(_: Any, dtype: np.dtype) -> Body:
        turn = direction(weight_decay, maximize, dtype)
        square = running_square(rho, dtype)
        move, small = combination(-lr, 1.0, dtype), np.array(eps, dtype)

        def body(
            p: Any, g: Any, s: Any, a: Any, p_out: Any, s_out: Any, a_out: Any, t: Any, u: Any, w: Any = None,
        ) -> None:  # fmt: skip
            if turn is not None:
                g = turn(p, g, w)
            square(s, g, s_out, t)
            np.add(s_out, small, out=t)
            np.sqrt(t, out=t)
            np.add(a, small, out=u)
            np.sqrt(u, out=u)
            np.divide(u, t, out=u)
            np.multiply(u, g, out=u)
            square(a, u, a_out, t)
            move(u, p, p_out, u)

        return body

    return each_parameter(
        (params, grads, square_avgs, acc_deltas), [None] * len(params), make,
        scratch=2 + bool(maximize or weight_decay), donate=donate, reads_params=bool(weight_decay),
    )  # fmt: skip


def rmsprop_step(
    params: list[np.ndarray], grads: list[np.ndarray], square_avgs: list[np.ndarray],
    momentum_buffers: list[np.ndarray], grad_avgs: list[np.ndarray], /, *, lr: float, rho: float, eps: float,
    weight_decay: float, momentum: float, centered: bool, maximize: bool, donate: bool = False,
) -> _Lists:  # fmt: skip
    """One step of RMSprop (Tieleman and Hinton, 2012), or of its centered version (Graves, 2013)."""
    lists = [params, grads, square_avgs]
    if momentum:
        lists.append(momentum_buffers)
    if centered:
        lists.append(grad_avgs)
    count = len(lists)

    def make(_: Any, dtype: np.dtype) -> Body:
        turn = direction(weight_decay, maximize, dtype)
        square, mean = running_square(rho, dtype), running_mean(rho, dtype)
        small, move, keep = np.array(eps, dtype), combination(-lr, 1.0, dtype), combination(1.0, momentum, dtype)

        def body(*arrays: Any) -> None:
            p, g, s = arrays[:3]
            p_out, s_out = arrays[count : count + 2]
            t = arrays[2 * count - 1]
            if turn is not None:
                g = turn(p, g, arrays[-1])
            square(s, g, s_out, t)
            if centered:
                m, m_out = arrays[count - 1], arrays[2 * count - 2]
                mean(m, g, m_out, t)
                np.multiply(m_out, m_out, out=t)
                np.subtract(s_out, t, out=t)
                np.sqrt(t, out=t)
            else:
                np.sqrt(s_out, out=t)
            np.add(t, small, out=t)
            np.divide(g, t, out=t)
            if momentum:
                b, b_out = arrays[3], arrays[count + 2]
                keep(t, b, b_out, t)
                move(b_out, p, p_out, t)
            else:
                move(t, p, p_out, t)

        return body

    new_params, new_squares, *rest = each_parameter(
        lists, [None] * len(params), make, scratch=1 + bool(maximize or weight_decay), donate=donate,
        reads_params=bool(weight_decay),
    )  # fmt: skip
    return new_params, new_squares, rest.pop(0) if momentum else [], rest.pop(0) if centered else []


def adamax_step(
    params: list[np.ndarray], grads: list[np.ndarray], exp_avgs: list[np.ndarray], exp_infs: list[np.ndarray], /, *,
    steps: Sequence[float], lr: float, beta1: float, beta2: float, eps: float, weight_decay: float, maximize: bool,
    donate: bool = False,
) -> _Lists:  # fmt: skip
    """One step of Adamax (Kingma and Ba, 2015)."""

    def make(step: float, dtype: np.dtype) -> Body:
        turn = direction(weight_decay, maximize, dtype)
        mean = running_mean(beta1, dtype)
        small, keep = np.array(eps, dtype), np.array(beta2, dtype)
        move = combination(-lr / (1.0 - beta1**step), 1.0, dtype)

        def body(
            p: Any, g: Any, m: Any, top: Any, p_out: Any, m_out: Any, top_out: Any, t: Any, u: Any = None,
        ) -> None:  # fmt: skip
            if turn is not None:
                g = turn(p, g, u)
            mean(m, g, m_out, t)
            np.multiply(top, keep, out=top_out)
            np.absolute(g, out=t)
            np.add(t, small, out=t)
            np.maximum(top_out, t, out=top_out)
            np.divide(m_out, top_out, out=t)
            move(t, p, p_out, t)

        return body

    return each_parameter(
        (params, grads, exp_avgs, exp_infs), steps, make, scratch=1 + bool(maximize or weight_decay), donate=donate,
        reads_params=bool(weight_decay),
    )  # fmt: skip


def nadam_step(
    params: list[np.ndarray], grads: list[np.ndarray], exp_avgs: list[np.ndarray], exp_avg_sqs: list[np.ndarray], /, *,
    steps: Sequence[float], mu_products: Sequence[float], lr: float, beta1: float, beta2: float, eps: float,
    weight_decay: float, momentum_decay: float, decoupled: bool, maximize: bool, donate: bool = False,
) -> _Lists:  # fmt: skip
    """One step of NAdam (Dozat, 2016)."""

    def make(key: tuple[float, float], dtype: np.dtype) -> Body:
        step, product = key
        turn = direction(0.0 if decoupled else weight_decay, maximize, dtype)
        mean, square = running_mean(beta1, dtype), running_square(beta2, dtype)
        now, after = momentum_at(step, beta1, momentum_decay), momentum_at(step + 1.0, beta1, momentum_decay)
        # All over the root of the bias of v: a pass less.
        root = math.sqrt(1.0 - beta2**step)
        of_gradient = np.array(-lr * root * (1.0 - now) / (1.0 - product), dtype)
        of_mean = combination(-lr * root * after / (1.0 - product * after), 1.0, dtype)
        small, move = (
            np.array(eps * root, dtype),
            combination(1.0, 1.0 - lr * weight_decay if decoupled else 1.0, dtype),
        )

        def body(
            p: Any, g: Any, m: Any, v: Any, p_out: Any, m_out: Any, v_out: Any, t: Any, u: Any, x: Any, w: Any = None,
        ) -> None:  # fmt: skip
            if turn is not None:
                g = turn(p, g, w)
            mean(m, g, m_out, t)
            square(v, g, v_out, t)
            np.sqrt(v_out, out=t)
            np.add(t, small, out=t)
            np.multiply(g, of_gradient, out=u)
            of_mean(m_out, u, u, x)
            np.divide(u, t, out=u)
            move(u, p, p_out, u)

        return body

    return each_parameter(
        (params, grads, exp_avgs, exp_avg_sqs), list(zip(steps, mu_products)), make,
        scratch=3 + bool(maximize or (weight_decay and not decoupled)), donate=donate, reads_params=bool(weight_decay),
    )  # fmt: skip


def radam_step(
    params: list[np.ndarray], grads: list[np.ndarray], exp_avgs: list[np.ndarray], exp_avg_sqs: list[np.ndarray], /, *,
    steps: Sequence[float], lr: float, beta1: float, beta2: float, eps: float, weight_decay: float, decoupled: bool,
    maximize: bool, donate: bool = False,
) -> _Lists:  # fmt: skip
    """One step of RAdam (Liu et al., 2020)."""

    def make(step: float, dtype: np.dtype) -> Body:
        turn = direction(0.0 if decoupled else weight_decay, maximize, dtype)
        mean, square = running_mean(beta1, dtype), running_square(beta2, dtype)
        factor = rectification(step, beta2)
        scale = -lr / (1.0 - beta1**step)
        move = combination(
            scale if factor is None else scale * factor * math.sqrt(1.0 - beta2**step),
            1.0 - lr * weight_decay if decoupled else 1.0,
            dtype,
        )
        small = np.array(eps, dtype)

        def body(
            p: Any, g: Any, m: Any, v: Any, p_out: Any, m_out: Any, v_out: Any, t: Any, u: Any = None,
        ) -> None:  # fmt: skip
            if turn is not None:
                g = turn(p, g, u)
            mean(m, g, m_out, t)
            square(v, g, v_out, t)
            if factor is None:
                move(m_out, p, p_out, t)
                return
            np.sqrt(v_out, out=t)
            np.add(t, small, out=t)
            np.divide(m_out, t, out=t)
            move(t, p, p_out, t)

        return body

    return each_parameter(
        (params, grads, exp_avgs, exp_avg_sqs), steps, make,
        scratch=1 + bool(maximize or (weight_decay and not decoupled)), donate=donate, reads_params=bool(weight_decay),
    )  # fmt: skip


KERNELS: dict[str, Callable[..., Any]] = {
    "adagrad_step": adagrad_step,
    "adadelta_step": adadelta_step,
    "rmsprop_step": rmsprop_step,
    "adamax_step": adamax_step,
    "nadam_step": nadam_step,
    "radam_step": radam_step,
}
