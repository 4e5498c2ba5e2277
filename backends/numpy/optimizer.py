"""Optimizer updates over many parameters at once.

Each parameter is worked through in blocks that stay in cache, so that its memory is read and written once instead of a
dozen times; all blocks together are shared by several threads. Parameters of a few elements are joined into one block,
since there a call costs more than its arithmetic. The order of arithmetic is that of PyTorch's single-tensor
implementations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from . import parallel
from .layout import is_dense, laid_out_as

# Five arrays of this many float32 elements fit a 1 MB second-level cache. Large parameters take larger blocks: the
# interpreter lock then changes hands less often, which counts for more.
_BLOCK = 1 << 15
_LARGE_BLOCK = 1 << 17

# Parameters up to this size are joined, if there are at least so many.
_SMALL = 1 << 12
_MANY = 3

_REAL: dict[Any, Any] = {np.dtype(np.complex64): np.dtype(np.float32), np.dtype(np.complex128): np.dtype(np.float64)}

# A block's work: slices of the operands, slices of the results, scratch.
_Body = Callable[..., None]


def _flat(x: np.ndarray) -> np.ndarray:
    """A dense array as one axis, complex numbers as pairs."""
    flat = x.reshape(-1) if x.flags.c_contiguous else x.ravel(order="K")
    real = _REAL.get(x.dtype)
    return flat if real is None else flat.view(real)


class _Update:
    """One update of lists of arrays: ``body(*operands, *results, *scratch)`` on flat pieces of each parameter.

    Parameters
    ----------
    lists : sequence of list of ndarray
        The parameters, the gradients, then the state. All but the gradients have a result.
    scratch : int
        Number of scratch arrays that `body` takes.
    donate : bool
        Write results into the operands.
    """

    def __init__(self, lists: Sequence[Sequence[np.ndarray]], scratch: int, donate: bool) -> None:
        self.lists = lists
        self.scratch = scratch
        self.donate = donate
        self.small: list[tuple[_Body, list[np.ndarray]]] = []
        self.jobs: list[tuple[_Body, list[np.ndarray], int, int]] = []
        self.results: list[list[np.ndarray]] = [list(arrays) for i, arrays in enumerate(lists) if i != 1]
        self.later: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, i: int, body: _Body) -> None:
        """Plan the update of parameter `i`."""
        operands = [arrays[i] for arrays in self.lists]
        p = operands[0]
        if p.size <= _BLOCK and p.dtype.itemsize > 2 and p.dtype not in _REAL:
            # One block in whatever layout.
            results = [p, *operands[2:]]
            if not self.donate:
                results = [np.empty_like(x) for x in results]
                for position, x in enumerate(results):
                    self.results[position][i] = x
            self.small.append((body, operands + results))
            return
        if p.dtype.itemsize == 2:
            # 16-bit parameters compute in float32.
            wide = [np.array(x, dtype=np.float32) for x in operands]
            results = [wide[0], *wide[2:]]
            for position, x in enumerate(results):
                target = self.lists[position + (position > 0)][i]
                target = target if self.donate else np.empty_like(target)
                self.results[position][i] = target
                self.later.append((target, x))
            operands = wide
        elif self.donate and is_dense(p):
            operands = [p, *(laid_out_as(x, p) for x in operands[1:])]
            results = [operands[0], *operands[2:]]
            for position, x in enumerate(results):
                self.results[position][i] = x
        else:
            template = np.empty_like(p)
            results = [template, *(np.empty_like(template) for _ in operands[2:])]
            operands = [laid_out_as(x, template) for x in operands]
            for position, x in enumerate(results):
                self.results[position][i] = x
        flat = [_flat(x) for x in (*operands, *results)]
        size = flat[0].size
        step = _LARGE_BLOCK if size > 8 * _LARGE_BLOCK else _BLOCK
        for start in range(0, size, step):
            self.jobs.append((body, flat, start, min(start + step, size)))

    def join(self, members: list[int], body: _Body, reads_params: bool) -> None:
        """Update small parameters of one dtype together; `reads_params` where the step depends on the parameter."""
        lists = [[arrays[i] for i in members] for arrays in self.lists]
        joined = [np.concatenate(arrays, axis=None) for arrays in lists[1:]]
        p = np.concatenate(lists[0], axis=None) if reads_params else np.zeros_like(joined[0])
        g, *state = joined
        buffers = np.empty((self.scratch, g.size), g.dtype)
        with np.errstate(all="ignore"):
            body(p, g, *state, p, *state, *buffers)
        start = 0
        donate = self.donate
        for i, old in zip(members, lists[0]):
            shape = old.shape
            stop = start + old.size
            part = p[start:stop].reshape(shape)
            if reads_params:
                if donate:
                    old[...] = part
                else:
                    self.results[0][i] = part.copy()
            else:
                self.results[0][i] = np.add(old, part, out=old if donate else np.empty_like(old))
            for position, values in enumerate(state, 1):
                part = values[start:stop].reshape(shape)
                if donate:
                    self.results[position][i][...] = part
                else:
                    self.results[position][i] = part.copy()
            start = stop

    def run(self) -> tuple[list[np.ndarray], ...]:
        """Do what is planned; return the lists of results."""
        if self.small:
            with np.errstate(all="ignore"):
                for body, arrays in self.small:
                    body(*arrays, *[np.empty_like(arrays[0]) for _ in range(self.scratch)])
        if self.jobs:
            jobs, scratch = self.jobs, self.scratch
            longest = max(stop - start for _, _, start, stop in jobs)

            def work(spans: Iterator[tuple[int, int]]) -> None:
                buffers: dict[Any, list[np.ndarray]] = {}
                with np.errstate(all="ignore"):
                    for first, last in spans:
                        for body, flat, start, stop in jobs[first:last]:
                            dtype = flat[0].dtype
                            if dtype not in buffers:
                                buffers[dtype] = parallel.scratch(np.empty, scratch, longest, dtype)
                            body(*[x[start:stop] for x in flat], *[b[: stop - start] for b in buffers[dtype]])

            parallel.for_blocks(work, len(jobs), 1)
        for target, wide in self.later:
            target[...] = wide
        return tuple(self.results)


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

    def with_momentum(start: bool) -> _Body:
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
        update = _Update((params, grads), 1, donate)
        for i in range(len(params)):
            update.add(i, plain)
        return update.run()[0], []
    bodies = (with_momentum(False), with_momentum(True))
    buffers = [np.empty_like(p) if b is None else b for p, b in zip(params, momentum_buffers)]
    update = _Update((params, grads, buffers), 1, donate)
    for i, start in enumerate(first):
        update.add(i, bodies[bool(start)])
    new_params, new_buffers = update.run()
    return new_params, new_buffers


def _plain_steps(params: list[np.ndarray], grads: list[np.ndarray], lr: float) -> list[np.ndarray]:
    """p -= lr g in place: two calls where a parameter is small, which is all there is to pay."""
    large: list[int] = []
    for i, (p, g) in enumerate(zip(params, grads)):
        if p.size > _BLOCK or p.dtype.itemsize == 2:
            large.append(i)
        else:
            np.add(p, g * -lr, out=p)
    if large:

        def body(p: np.ndarray, g: np.ndarray, out: np.ndarray, t: np.ndarray) -> None:
            np.multiply(g, -lr, out=t)
            np.add(p, t, out=out)

        update = _Update((params, grads), 1, True)
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
    update = _Update(lists, 2 if maximize or (weight_decay and not decoupled) else 1, donate)
    bodies: dict[tuple[Any, float], _Body] = {}
    groups: dict[tuple[Any, float], list[int]] = {}
    for i, (p, step) in enumerate(zip(params, steps)):
        dtype = p.dtype
        key = (dtype, step)
        if key not in bodies:
            real = _REAL.get(dtype, dtype) if dtype.itemsize > 2 else np.dtype(np.float32)
            bodies[key] = _adam_body(
                step, lr, beta1, beta2, eps, weight_decay, amsgrad, maximize, decoupled, len(lists), real
            )
        if p.size <= _SMALL and dtype.itemsize > 2 and dtype not in _REAL:
            groups.setdefault(key, []).append(i)
        else:
            update.add(i, bodies[key])
    for key, members in groups.items():
        if len(members) < _MANY:
            for i in members:
                update.add(i, bodies[key])
            continue
        for part in _filling(members, params):
            update.join(part, bodies[key], bool(weight_decay))
    new_params, new_avgs, new_sqs, *largest = update.run()
    return new_params, new_avgs, new_sqs, largest[0] if amsgrad else []


def _filling(members: list[int], params: list[np.ndarray]) -> Iterator[list[int]]:
    """Split `members` so that each part fills about a block."""
    part: list[int] = []
    size = 0
    for i in members:
        part.append(i)
        size += params[i].size
        if size >= _BLOCK:
            yield part
            part, size = [], 0
    if part:
        yield part


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
) -> _Body:
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
            flat = _flat(x if is_dense(x) else x.copy())
            if flat.dtype.itemsize == 2 or flat.dtype.kind not in "f":
                flat = flat.astype(np.float32 if flat.dtype.kind not in "iub" else np.float64)
            for start in range(0, flat.size, _BLOCK):
                block = flat[start : start + _BLOCK]
                total += float(np.dot(block, block))
        if 1e-30 < total < math.inf:
            return math.sqrt(total)
        flats = [_flat(x if is_dense(x) else x.copy()).astype(np.float64) for x in arrays if x.size]
        top = max((float(np.max(np.abs(flat))) for flat in flats), default=0.0)
        if any(np.isnan(flat).any() for flat in flats):
            return math.nan
        if top == 0.0 or math.isinf(top):
            return top
        return top * math.sqrt(sum(float(np.dot(flat / top, flat / top)) for flat in flats))


KERNELS: dict[str, Callable[..., Any]] = {"sgd_step": sgd_step, "adam_step": adam_step}
