"""Linear algebra beyond the standard's extension, by PyTorch's names: systems of equations, norms, chained products."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

from .. import ops
from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from ..ops import row_function
from ..primitives.row import TABLE
from ..primitives.tools import axes_of, axis_index, size_of
from ..tensor import Tensor
from .decompositions import checked_matrices, is_mapped
from .singular_values import relative_tolerance

__all__ = ["lstsq", "multi_dot", "solve_triangular", "tensorinv", "tensorsolve", "vander"]


class LstsqResult(NamedTuple):
    """What `lstsq` finds."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


def multi_dot(tensors: Sequence[Tensor], /) -> Tensor:
    """Return the product of matrices, multiplied in the order that takes the fewest multiplications.

    Parameters
    ----------
    tensors : sequence of Tensor
        At least two matrices; the first may be a row vector of one axis, the last a column vector of one axis.

    Raises
    ------
    ShapeError
        If the shapes do not fit.

    Notes
    -----
    The order is found by T. Cormen et al., "Introduction to Algorithms" (15.2, matrix-chain multiplication).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.multi_dot([cb.ones(3), cb.ones((3, 2)), cb.ones((2, 4))])
    tensor([6., 6., 6., 6.])
    """
    chain = list(tensors)
    if len(chain) < 2 or not all(isinstance(t, Tensor) for t in chain):
        raise ArgumentTypeError("multi_dot: at least two Tensors are needed")
    shapes = [t.shape for t in chain]
    first, last = chain[0].ndim == 1, chain[-1].ndim == 1
    chain[0] = ops.expand_dims(chain[0], axis=0) if first else chain[0]
    chain[-1] = ops.expand_dims(chain[-1], axis=1) if last else chain[-1]
    if any(t.ndim != 2 for t in chain) or any(a.shape[1] != b.shape[0] for a, b in itertools.pairwise(chain)):
        raise ShapeError(
            f"multi_dot: the shapes {', '.join(map(str, shapes))} do not fit; take matrices, and vectors at the ends"
        )
    sizes = [chain[0].shape[0], *[t.shape[1] for t in chain]]
    found = _product(chain, _order(sizes), 0, len(chain) - 1)
    gone = (0,) * first + (1,) * last
    return ops.reshape(found, tuple(n for i, n in enumerate(found.shape) if i not in gone)) if gone else found


def _order(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Return where each part of a chain is best divided."""
    n = len(sizes) - 1
    cost = {(i, i): 0 for i in range(n)}
    split = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            price = {k: cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)}
            split[i, j] = min(price, key=price.__getitem__)
            cost[i, j] = price[split[i, j]]
    return split


def _product(chain: list[Tensor], split: dict[tuple[int, int], int], i: int, j: int) -> Tensor:
    if i == j:
        return chain[i]
    k = split[i, j]
    return ops.matmul(_product(chain, split, i, k), _product(chain, split, k + 1, j))


def solve_triangular(
    x1: Tensor, x2: Tensor, /, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """Solve systems of linear equations with triangular matrices.

    Parameters
    ----------
    x1 : Tensor
        Shape (..., M, M), floating-point. Of it only a triangle is read.
    x2 : Tensor
        Shape (..., M, K); (..., K, M) where not `left`. Leading axes broadcast.
    upper : bool
        Whether the upper triangle is read, or the lower one.
    left : bool
        Solve ``x1 @ out = x2``; else ``out @ x1 = x2``.
    unitriangular : bool
        Take the diagonal for ones, without reading it.

    Raises
    ------
    LinAlgError
        If there is a zero on a diagonal.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.solve_triangular(cb.tensor([[2.0, 9.0], [1.0, 1.0]]), cb.tensor([[2.0], [3.0]]), upper=False)
    tensor([[1.],
            [2.]])
    """
    x1 = checked_matrices(x1, "solve_triangular")
    x2 = checked_matrices(x2, "solve_triangular", square=False)
    if x2.shape[-2 if left else -1] != x1.shape[-1]:
        raise ShapeError(
            f"solve_triangular: right sides of shape {x2.shape} do not fit matrices of shape {x1.shape}: they have "
            f"{x1.shape[-1]} {'rows' if left else 'columns'}"
        )
    row = row_function(TABLE["solve_triangular"])
    if left:
        return row(x1, x2, upper=upper, unitriangular=unitriangular)
    turned = row(ops.matrix_transpose(x1), ops.matrix_transpose(x2), upper=not upper, unitriangular=unitriangular)
    return ops.matrix_transpose(turned)


def lstsq(x1: Tensor, x2: Tensor, /, rcond: Any = None, *, driver: str | None = None) -> LstsqResult:
    """Solve systems of linear equations by least squares: the shortest `out` that makes ``|x1 @ out - x2|`` smallest.

    Parameters
    ----------
    x1 : Tensor
        Shape (..., M, N), floating-point.
    x2 : Tensor
        Shape (..., M, K), or (..., M): one right side for each matrix.
    rcond : float, optional
        Singular values up to `rcond` times the largest count as zero. Default: ``max(M, N)`` times the machine epsilon.
    driver : {None, "gelsy", "gelsd", "gelss", "gels"}
        PyTorch's drivers differ in what they return beside the solution: all but "gels" the rank, all but "gelsy" (the
        default) the residuals, "gelsd" and "gelss" the singular values. The solution is the pseudo-inverse's for all.

    Returns
    -------
    solution : Tensor
        Shape (..., N, K) or (..., N). It alone has a derivative, that of `pinv`; and the residuals.
    residuals : Tensor
        Shape (..., K): sums of squares, where M > N and (but for "gels") all matrices are of rank N; else empty.
    rank : Tensor
        Shape (...), integers; empty for "gels".
    singular_values : Tensor
        Shape (..., min(M, N)); empty but for "gelsd" and "gelss".

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.lstsq(cb.tensor([[2.0], [0.0]]), cb.tensor([1.0, 3.0])).solution
    tensor([0.5000])
    """
    if driver not in (None, "gelsy", "gelsd", "gelss", "gels"):
        raise ArgumentError(f"lstsq: driver is 'gelsy', 'gelsd', 'gelss', 'gels' or None, not {driver!r}")
    x1 = checked_matrices(x1, "lstsq", square=False)
    m, n = x1.shape[-2:]
    alone = x2.ndim == 1 or (x2.ndim == x1.ndim - 1 and x2.shape == x1.shape[:-1])
    right = ops.expand_dims(x2, axis=-1) if alone else x2
    if right.ndim < 2 or right.shape[-2] != m:
        raise ShapeError(f"lstsq: right sides of shape {x2.shape} do not fit matrices of shape {x1.shape}: {m} rows")
    least = relative_tolerance(x1, rcond, "lstsq")
    if min(m, n) == 0 or 0 in x1.shape or 0 in right.shape:
        lead = ops.broadcast_shapes(x1.shape[:-2], right.shape[:-2])
        solution = ops.zeros((*lead, n, right.shape[-1]), dtype=x1.dtype, device=x1.device.physical)
        rank = ops.zeros(x1.shape[:-2], dtype=x1.device.whole, device=x1.device.physical)
    else:
        solution, rank = row_function(TABLE["lstsq"])(x1, right, least)
    values = row_function(TABLE["svdvals"])(x1.detach()) if driver in ("gelsd", "gelss") else None
    none = ops.zeros((0,), dtype=x1.dtype.to_real(), device=x1.device.physical)
    residuals = none
    if m > n and (driver == "gels" or (driver in ("gelsd", "gelss") and _all_of_rank(x1, rank, n))):
        gap = ops.abs(ops.matmul(x1, solution) - right)
        residuals = ops.sum(gap * gap, axis=-2)
    return LstsqResult(
        ops.squeeze(solution, axis=-1) if alone else solution,
        residuals,
        ops.astype(none, rank.dtype) if driver == "gels" else rank,
        none if values is None else values,
    )


def _all_of_rank(x: Tensor, rank: Tensor, n: int) -> bool:
    """Whether all matrices are of full rank. Mapped ones have no answer in common: their residuals are left empty."""
    return not is_mapped(x) and bool(ops.all(rank == n))


def tensorinv(x: Tensor, /, ind: int = 2) -> Tensor:
    """Return the inverse of a tensor as a map from its last axes to its first ones.

    Parameters
    ----------
    x : Tensor
        Floating-point; the product of its first `ind` sizes is that of the others.
    ind : int
        How many axes stand first.

    Returns
    -------
    Tensor
        The other axes first: ``tensordot(tensorinv(x, ind), x, ind)`` is the identity.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.tensorinv(cb.reshape(cb.eye(6), (2, 3, 6)), ind=2).shape
    (6, 2, 3)
    """
    if not isinstance(ind, int) or isinstance(ind, bool):
        raise ArgumentTypeError(f"tensorinv: ind is an int, not {ind!r}")
    if ind < 1:
        raise ArgumentError(f"tensorinv: ind must be positive, got {ind}")
    first, rest = x.shape[:ind], x.shape[ind:]
    if size_of(first) != size_of(rest):
        raise ShapeError(
            f"tensorinv: the first {ind} axes of shape {x.shape} have {size_of(first)} elements, the others "
            f"{size_of(rest)}"
        )
    n = size_of(first)
    found = row_function(TABLE["inv"])(checked_matrices(ops.reshape(x, (n, n)), "tensorinv"))
    return ops.reshape(found, (*rest, *first))


def tensorsolve(
    x1: Tensor, x2: Tensor, /, dims: Sequence[int] | None = None, *, axes: Sequence[int] | None = None
) -> Tensor:
    """Solve ``tensordot(x1, out, out.ndim) = x2``.

    Parameters
    ----------
    x1 : Tensor
        Floating-point; of its axes the first, as many as `x2` has, stand for equations, the others for the unknowns.
    x2 : Tensor
        The right side.
    dims : sequence of int, optional
        Axes of `x1` that are moved behind all others first; `axes` is a synonym.

    Examples
    --------
    >>> import candelabra as cb
    >>> x = cb.reshape(cb.eye(6), (2, 3, 6))
    >>> cb.linalg.tensorsolve(x, cb.ones((2, 3))).shape
    (6,)
    """
    chosen = axes if dims is None else dims
    if chosen is not None:
        moved = axes_of(tuple(chosen), x1.ndim, "tensorsolve")
        x1 = ops.permute_dims(x1, (*(i for i in range(x1.ndim) if i not in moved), *moved))
    rest = x1.shape[x2.ndim :]
    n = size_of(x2.shape)
    if size_of(rest) != n or size_of(x1.shape) != n * n:
        raise ShapeError(
            f"tensorsolve: a tensor of shape {x1.shape} has not as many unknowns as equations for a right side of "
            f"shape {x2.shape}"
        )
    matrix = checked_matrices(ops.reshape(x1, (n, n)), "tensorsolve")
    return ops.reshape(row_function(TABLE["solve"])(matrix, ops.reshape(x2, (n,))), rest)


def vander(x: Tensor, /, N: int | None = None) -> Tensor:
    """Return matrices of powers (A. Vandermonde): ``out[..., i, j] = x[..., i] ** j``.

    Parameters
    ----------
    x : Tensor
        Shape (..., M), numeric.
    N : int, optional
        How many powers, from 0. Default: M.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.vander(cb.tensor([2, 3]), 3)
    tensor([[1, 2, 4],
            [1, 3, 9]])
    """
    axis_index(-1, x.ndim, "vander")
    n = x.shape[-1] if N is None else N
    if not isinstance(n, int) or isinstance(n, bool):
        raise ArgumentTypeError(f"vander: N is an int, not {N!r}")
    if n < 1 and N is not None:
        raise ArgumentError(f"vander: N must be positive, got {n}")
    kind = x.device.whole if x.dtype.kind in ("signed", "unsigned", "bool") else x.dtype
    column = ops.expand_dims(ops.astype(x, kind, copy=False), axis=-1)
    one = ops.ones((*x.shape, 1), dtype=kind, device=x.device.physical)
    if n < 2:
        return one[..., :n]
    powers = ops.concat([one, ops.broadcast_to(column, (*x.shape, n - 1))], axis=-1)
    return ops.cumulative_prod(powers, axis=-1)
