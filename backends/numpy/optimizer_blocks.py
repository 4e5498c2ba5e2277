"""How an optimizer's kernel works through many parameters.

Each parameter is worked through in blocks that stay in cache, so that its memory is read and written once instead of a
dozen times; all blocks together are shared by several threads. Parameters of a few elements are joined into one block,
since there a call costs more than its arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

import numpy as np

from . import parallel
from .blas import LEAST, axpby, for_blas
from .layout import is_dense, laid_out_as

# Four arrays of this many float32 elements fit a 1 MB second-level cache. Large parameters take larger blocks: the
# interpreter lock then changes hands less often, which counts for more.
BLOCK = 1 << 16
_LARGE_BLOCK = 1 << 17

# Parameters up to this size are joined, if there are at least so many.
_SMALL = 1 << 12
_MANY = 3

_REAL: dict[Any, Any] = {np.dtype(np.complex64): np.dtype(np.float32), np.dtype(np.complex128): np.dtype(np.float64)}

# A block's work: slices of the operands, slices of the results, scratch.
Body = Callable[..., None]


def flat_pieces(x: np.ndarray) -> np.ndarray:
    """A dense array as one axis, complex numbers as pairs."""
    flat = x.reshape(-1) if x.flags.c_contiguous else x.ravel(order="K")
    real = _REAL.get(x.dtype)
    return flat if real is None else flat.view(real)


class Update:
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
        self.small: list[tuple[Body, list[np.ndarray]]] = []
        self.jobs: list[tuple[Body, list[np.ndarray], list[int], int, int]] = []
        self.results: list[list[np.ndarray]] = [list(arrays) for i, arrays in enumerate(lists) if i != 1]
        self.later: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, i: int, body: Body) -> None:
        """Plan the update of parameter `i`."""
        operands = [arrays[i] for arrays in self.lists]
        p = operands[0]
        if p.size <= BLOCK and p.dtype.itemsize > 2 and p.dtype not in _REAL:
            # One block in whatever layout.
            results = [p, *operands[2:]]
            if not self.donate:
                results = [np.empty_like(x) for x in results]
                for position, x in enumerate(results):
                    self.results[position][i] = x
            self.small.append((body, operands + results))
            return
        if p.dtype.itemsize == 2:
            # 16-bit parameters compute in float32, all in one order.
            wide = [np.array(x, dtype=np.float32, order="C") for x in operands]
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
        # A result that is its operand is so in the pieces, too.
        pieces = {id(x): flat_pieces(x) for x in (*operands, *results)}
        order = [list(pieces).index(id(x)) for x in (*operands, *results)]
        flat = list(pieces.values())
        size = flat[0].size
        step = _LARGE_BLOCK if size > 8 * _LARGE_BLOCK else BLOCK
        for start in range(0, size, step):
            self.jobs.append((body, flat, order, start, min(start + step, size)))

    def join(self, members: list[int], body: Body, reads_params: bool) -> None:
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
            longest = max(stop - start for _, _, _, start, stop in jobs)

            def work(spans: Iterator[tuple[int, int]]) -> None:
                buffers: dict[Any, list[np.ndarray]] = {}
                with np.errstate(all="ignore"):
                    for first, last in spans:
                        for body, flat, order, start, stop in jobs[first:last]:
                            dtype = flat[0].dtype
                            if dtype not in buffers:
                                buffers[dtype] = parallel.scratch(np.empty, scratch, longest, dtype)
                            cut = [x[start:stop] for x in flat]
                            body(*[cut[k] for k in order], *[b[: stop - start] for b in buffers[dtype]])

            parallel.for_blocks(work, len(jobs), 1)
        for target, wide in self.later:
            target[...] = wide
        return tuple(self.results)


def each_parameter(
    lists: Sequence[Sequence[np.ndarray]],
    keys: Sequence[Hashable],
    make: Callable[[Any, np.dtype], Body],
    *,
    scratch: int,
    donate: bool,
    reads_params: bool = True,
) -> tuple[list[np.ndarray], ...]:
    """Update every parameter, small ones together.

    Parameters
    ----------
    lists : sequence of list of ndarray
        The parameters, the gradients, then the state.
    keys : sequence of hashable
        Per parameter, what its arithmetic depends on, for example the number of its step.
    make : callable
        Takes a key and the dtype to compute in and returns the block's work, as `Update` calls it.
    scratch : int
        Number of scratch arrays that the work takes.
    donate : bool
        Write results into the operands.
    reads_params : bool
        Whether the step depends on the parameter; without it the work may be given zeros and only its step is used.

    Returns
    -------
    tuple of list of ndarray
        The new parameters and state.
    """
    update = Update(lists, scratch, donate)
    bodies: dict[tuple[Any, Any], Body] = {}
    groups: dict[tuple[Any, Any], list[int]] = {}
    for i, (p, key) in enumerate(zip(lists[0], keys)):
        dtype = p.dtype
        own = (dtype, key)
        body = bodies.get(own)
        if body is None:
            body = bodies[own] = make(key, _REAL.get(dtype, dtype) if dtype.itemsize > 2 else np.dtype(np.float32))
        if p.size <= _SMALL and dtype.itemsize > 2 and dtype not in _REAL:
            groups.setdefault(own, []).append(i)
        else:
            update.add(i, body)
    for own, members in groups.items():
        if len(members) < _MANY:
            for i in members:
                update.add(i, bodies[own])
            continue
        for part in _filling(members, lists[0]):
            update.join(part, bodies[own], reads_params)
    return update.run()


def direction(weight_decay: float, maximize: bool, dtype: np.dtype) -> Callable[..., np.ndarray] | None:
    """Return what turns parameter, gradient and scratch into the gradient to go against; None leaves it as it is.

    Parameters
    ----------
    weight_decay : float
        Factor of the parameter that is added.
    maximize : bool
        Whether the gradient's sign is turned first.
    dtype : numpy.dtype
        What is computed in.
    """
    if not weight_decay:
        return (lambda p, g, t: np.negative(g, out=t)) if maximize else None
    penalty = np.array(weight_decay, dtype)
    combine = np.subtract if maximize else np.add

    def turned(p: np.ndarray, g: np.ndarray, t: np.ndarray) -> np.ndarray:
        np.multiply(p, penalty, out=t)
        return combine(t, g, out=t)

    return turned


def combination(a: float, b: float, dtype: np.dtype) -> Callable[..., None]:
    """Return ``(x, y, out, t)``, which writes ``a x + b y`` into `out`.

    In a call `out` may be `y`, and the scratch array `t` may be `x`.
    """
    share, keep = np.array(a, dtype), np.array(b, dtype)
    # BLAS takes a factor of 0 for the absence of an operand, whose NaN would then be lost.
    blas = axpby if a and b else None

    def run(x: np.ndarray, y: np.ndarray, out: np.ndarray, t: np.ndarray) -> None:
        if blas is not None and out.size >= LEAST and for_blas(x, out):
            if out is not y:
                np.copyto(out, y)
            blas(a, x, b, out)
            return
        np.multiply(x, share, out=t)
        if b == 1.0:
            np.add(y, t, out=out)
        else:
            np.multiply(y, keep, out=out)
            np.add(out, t, out=out)

    return run


def running_mean(beta: float, dtype: np.dtype) -> Callable[..., None]:
    """Return ``(mean, new, out, t)``, which moves a mean towards a new value by a share of ``1 - beta``."""
    # Rounded to float32, beta and 1 - beta do not quite add up to 1, which shows in a mean over many steps.
    short = beta <= 0.95
    move = combination(1.0 - beta, beta if short else 1.0, dtype)

    def run(mean: np.ndarray, new: np.ndarray, out: np.ndarray, t: np.ndarray) -> None:
        if not short:
            new = np.subtract(new, mean, out=t)
        move(new, mean, out, t)

    return run


def running_square(beta: float, dtype: np.dtype) -> Callable[..., None]:
    """Return ``(mean, new, out, t)``, which moves a mean of squares."""
    mix = combination(1.0 - beta, beta, dtype)

    def run(mean: np.ndarray, new: np.ndarray, out: np.ndarray, t: np.ndarray) -> None:
        np.multiply(new, new, out=t)
        mix(t, mean, out, t)

    return run


def _filling(members: list[int], params: Sequence[np.ndarray]) -> Iterator[list[int]]:
    """Split `members` so that each part fills about a block."""
    part: list[int] = []
    size = 0
    for i in members:
        part.append(i)
        size += params[i].size
        if size >= BLOCK:
            yield part
            part, size = [], 0
    if part:
        yield part
