"""Distances between the rows of matrices."""

from __future__ import annotations

import math

from .. import ops
from ..errors import ArgumentError, DTypeError, ShapeError
from ..tensor import Tensor
from .narrow_floats import in_single, is_narrow

__all__ = ["cdist", "dist", "pdist"]

_PRODUCT = "use_mm_for_euclid_dist"
# How distances of p = 2 are computed: from how many rows on by a product of matrices.
_MODES = {f"{_PRODUCT}_if_necessary": 26, _PRODUCT: 0, f"donot_{_PRODUCT}": math.inf}


def _check_p(operation: str, p: float) -> None:
    if not p >= 0:
        raise ArgumentError(f"{operation}: p is not negative, got {p}")


def cdist(
    x1: Tensor, x2: Tensor, /, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary"
) -> Tensor:
    """Return the distances between all rows of one matrix and all of another, by their p-norm.

    Parameters
    ----------
    x1, x2 : Tensor
        Shapes (..., P, M) and (..., R, M); the leading axes broadcast.
    p : float
        Not negative; 0 counts the entries that differ, inf takes the largest difference.
    compute_mode : {"use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist"}
        Whether distances of p = 2 come from a product of matrices, which is faster and rounds more: from 26 rows on,
        always, or never.

    Returns
    -------
    Tensor
        Shape (..., P, R).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.cdist(cb.tensor([[0.0, 0.0]]), cb.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[5., 1.]])
    """
    _check_p("cdist", p)
    if compute_mode not in _MODES:
        raise ArgumentError(f"cdist: compute_mode is {', '.join(map(repr, _MODES))}, not {compute_mode!r}")
    if x1.ndim < 2 or x2.ndim < 2 or x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(
            f"cdist: rows (..., P, M) and (..., R, M) are needed, got shapes {tuple(x1.shape)} and {tuple(x2.shape)}"
        )
    if is_narrow(x1, x2):
        return in_single(cdist, x1, x2, p, compute_mode)
    if p == 2.0 and max(x1.shape[-2], x2.shape[-2]) >= _MODES[compute_mode]:
        one = ops.sum(ops.square(x1), axis=-1, keepdims=True)
        two = ops.sum(ops.square(x2), axis=-1, keepdims=True)
        inner = ops.matmul(x1, ops.matrix_transpose(x2))
        squares = ops.subtract(ops.add(one, ops.matrix_transpose(two)), ops.multiply(inner, 2.0))
        apart = ops.greater(squares, 0)
        return ops.where(apart, ops.sqrt(ops.where(apart, squares, 1.0)), 0.0)
    differences = ops.subtract(ops.expand_dims(x1, axis=-2), ops.expand_dims(x2, axis=-3))
    return ops.norm(differences, p, axis=-1)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    r"""Take the distances between all pairs of rows, by their p-norm, each pair once.

    Shapes: (N, M) to (N (N - 1) / 2,), ordered as ``(0, 1), (0, 2), ..., (1, 2), ...``.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.pdist(cb.asarray([[0., 0.], [3., 4.], [0., 1.]]))
    tensor([5.0000, 1.0000, 4.2426])
    """
    _check_p("pdist", p)
    if input.ndim != 2:
        raise ShapeError(f"pdist: rows of numbers (N, M) are needed, got shape {tuple(input.shape)}")
    n = input.shape[0]
    # Row i has the pairs from i (2n - i - 1) / 2 on: arithmetic, since to look for them would wait for a card.
    where = input.device.physical
    rows, pairs = ops.arange(max(n - 1, 0), device=where), ops.arange(n * (n - 1) // 2, device=where)
    starts = ops.floor_divide(rows * (2 * n - 1 - rows), 2)
    first = ops.searchsorted(starts, pairs, side="right") - 1
    second = pairs - ops.take(starts, first, axis=0) + first + 1
    return ops.norm(ops.subtract(ops.take(input, first, axis=0), ops.take(input, second, axis=0)), p, axis=1)


def dist(x1: Tensor, x2: Tensor, p: float = 2) -> Tensor:
    """Return the p-norm of the difference of all elements; the shapes broadcast.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.dist(cb.tensor([0.0, 3.0]), cb.tensor([4.0, 0.0]))
    tensor(5.)
    """
    if x1.dtype.rank < 2 and x2.dtype.rank < 2:
        raise DTypeError(f"dist: takes floating-point numbers, not {x1.dtype.name} and {x2.dtype.name}; convert first")
    return ops.norm(ops.subtract(x1, x2), float(p))
