"""Linear algebra beyond the standard's extension, by PyTorch's names: systems of equations, norms, chained products."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

from .. import ops
from ..errors import ArgumentError, ArgumentTypeError, AxisError, ShapeError
from ..ops import row_function
from ..primitives.row import TABLE
from ..primitives.tools import axes_of
from ..tensor import Tensor
from .decompositions import checked_matrices, matrix_norm, pinv, relative_tolerance
from .linear_algebra import vector_norm
from .torch_names import either

__all__ = ["cond", "lstsq", "multi_dot", "norm", "solve_triangular"]


class LstsqResult(NamedTuple):
    """What `lstsq` finds."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


def norm(
    x: Tensor,
    /,
    ord: Any = None,
    axis: Any = None,
    keepdims: bool = False,
    *,
    dtype: Any = None,
    dim: Any = None,
    keepdim: bool = False,
) -> Tensor:
    """Return a vector norm or a matrix norm.

    Parameters
    ----------
    x : Tensor
        Floating-point.
    ord : int, float or str, optional
        As for `vector_norm` along one axis, as for `matrix_norm` over two. None: the root of the sum of squares.
    axis : int or tuple of int, optional
        One axis or a pair. Default: all, as one vector where `ord` is None; else `x` is a vector or a matrix. `dim` is
        a synonym.
    keepdims : bool
        Keep reduced axes with size one; `keepdim` is a synonym.
    dtype : DType, optional
        Convert `x` first.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.norm(cb.tensor([[3.0, 0.0], [0.0, 4.0]]), "nuc")
    tensor(7.)
    """
    axis, keepdims = either(axis, dim, "norm"), keepdims or keepdim
    if dtype is not None:
        x = ops.astype(x, dtype)
    if ord is None:
        return vector_norm(x, axis=axis, keepdims=keepdims)
    if axis is None and x.ndim not in (1, 2):
        raise ShapeError(f"norm: with ord={ord!r} and no axis x is a vector or a matrix, got shape {x.shape}")
    axes = axes_of(axis, x.ndim, "norm")
    if len(axes) == 1:
        return vector_norm(x, axis=axes[0], keepdims=keepdims, ord=ord)
    if len(axes) != 2:
        raise AxisError(f"norm: with ord={ord!r} one axis or two are needed, got {axis!r}")
    rest = tuple(i for i in range(x.ndim) if i not in axes)
    found = matrix_norm(ops.permute_dims(x, (*rest, *axes)), ord=ord)
    if not keepdims:
        return found
    return ops.reshape(found, tuple(1 if i in axes else n for i, n in enumerate(x.shape)))


def cond(x: Tensor, /, p: Any = None) -> Tensor:
    """Return the condition numbers of matrices: ``norm(x, p) * norm(inv(x), p)``.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, M), floating-point; any (..., M, N) where `p` is None, 2 or -2.
    p : int, float or str, optional
        A norm of `matrix_norm`. None or 2: the largest over the smallest singular value; -2: the inverse of that.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.cond(cb.tensor([[4.0, 0.0], [0.0, 2.0]]))
    tensor(2.)
    """
    if p is None or p in (2, -2):
        values = row_function(TABLE["svdvals"])(checked_matrices(x, "cond", square=False))
        if values.shape[-1] == 0:
            raise ShapeError(f"cond: matrices without elements have no condition number, got shape {x.shape}")
        first, last = values[..., 0], values[..., -1]
        return last / first if p == -2 else first / last
    x = checked_matrices(x, "cond")
    return matrix_norm(x, ord=p) * matrix_norm(row_function(TABLE["inv"])(x), ord=p)


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
    if unitriangular:
        one = ops.eye(x1.shape[-1], dtype=x1.dtype, device=x1.device.physical)
        x1 = (ops.triu(x1, k=1) if upper else ops.tril(x1, k=-1)) + one
    else:
        x1 = ops.triu(x1) if upper else ops.tril(x1)
    if left:
        return ops.solve(x1, x2)
    return ops.matrix_transpose(ops.solve(ops.matrix_transpose(x1), ops.matrix_transpose(x2)))


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
    solution = ops.matmul(pinv(x1, rtol=rcond), right)
    values = row_function(TABLE["svdvals"])(x1.detach())
    least = ops.max(values, axis=-1, keepdims=True) if min(m, n) else values
    rank = ops.count_nonzero(values > least * relative_tolerance(x1, rcond, "lstsq"), axis=-1)
    none = ops.zeros((0,), dtype=values.dtype, device=x1.device.physical)
    residuals = none
    if m > n and (driver == "gels" or (driver in ("gelsd", "gelss") and _all_of_rank(x1, rank, n))):
        gap = ops.abs(ops.matmul(x1, solution) - right)
        residuals = ops.sum(gap * gap, axis=-2)
    return LstsqResult(
        ops.squeeze(solution, axis=-1) if alone else solution,
        residuals,
        ops.astype(none, rank.dtype) if driver == "gels" else rank,
        values if driver in ("gelsd", "gelss") else none,
    )


def _all_of_rank(x: Tensor, rank: Tensor, n: int) -> bool:
    """Whether all matrices are of full rank. Mapped ones have no answer in common: their residuals are left empty."""
    return not x.device.levels and bool(ops.all(rank == n))
