"""Products of vectors, matrices and batches of them, by PyTorch's names."""

from __future__ import annotations

import math
from typing import Any

from .. import ops
from ..errors import ArgumentTypeError, ShapeError
from ..tensor import Tensor
from . import linear_algebra
from .mathematics import added, bmm, dot, mm, outer
from .torch_names import either

__all__ = [
    "addbmm", "addmv", "addr", "baddbmm", "chain_matmul", "cross", "ger", "inner", "mv", "trace", "vdot",
]  # fmt: skip

ger = outer


def mv(x1: Tensor, x2: Tensor) -> Tensor:
    """Return the product of a matrix and a vector.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.mv(cb.eye(2), cb.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """
    if x1.ndim != 2 or x2.ndim != 1:
        raise ShapeError(
            f"mv: a matrix and a vector are needed, got shapes {tuple(x1.shape)} and {tuple(x2.shape)}; use matmul"
        )
    return ops.matmul(x1, x2)


def addmv(x: Tensor, x1: Tensor, x2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """Return ``beta * x + alpha * (x1 @ x2)`` of a matrix and a vector.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.addmv(cb.ones(2), cb.eye(2), cb.tensor([1.0, 2.0]))
    tensor([2., 3.])
    """
    return added(x, mv(x1, x2), beta, alpha)


def addr(x: Tensor, x1: Tensor, x2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """Return ``beta * x + alpha * outer(x1, x2)`` of two vectors.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.addr(cb.zeros((2, 2)), cb.tensor([1.0, 2.0]), cb.tensor([3.0, 4.0]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    return added(x, outer(x1, x2), beta, alpha)


def addbmm(x: Tensor, x1: Tensor, x2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """Return ``beta * x + alpha * sum(x1[i] @ x2[i])`` of two batches of matrices.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.addbmm(cb.zeros((1, 1)), cb.ones((3, 1, 2)), cb.ones((3, 2, 1)))
    tensor([[6.]])
    """
    if x1.ndim != 3 or x2.ndim != 3 or x1.shape[0] != x2.shape[0] or x1.shape[2] != x2.shape[1]:
        raise ShapeError(
            f"addbmm: two batches of matrices that fit are needed, got {tuple(x1.shape)} and {tuple(x2.shape)}"
        )
    b, n, k = x1.shape
    # One product of matrices: the sum over the batch is part of the contraction.
    left = ops.reshape(ops.permute_dims(x1, (1, 0, 2)), (n, b * k))
    return added(x, ops.matmul(left, ops.reshape(x2, (b * k, x2.shape[2]))), beta, alpha)


def baddbmm(x: Tensor, x1: Tensor, x2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """Return ``beta * x + alpha * (x1 @ x2)`` of two batches of matrices.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.baddbmm(cb.ones((3, 1, 1)), cb.ones((3, 1, 2)), cb.ones((3, 2, 1))).shape
    (3, 1, 1)
    """
    return added(x, bmm(x1, x2), beta, alpha)


def inner(x1: Tensor, x2: Tensor) -> Tensor:
    """Return the sums of products over the last axes, without conjugation; a number multiplies.

    Shapes: (*a, K) and (*b, K) to (*a, *b).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.inner(cb.tensor([1, 2]), cb.tensor([3, 4]))
    tensor(11)
    """
    if not x1.ndim or not x2.ndim:
        return x1 * x2
    if x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(f"inner: last axes of one size are needed, got shapes {tuple(x1.shape)} and {tuple(x2.shape)}")
    return ops.tensordot(x1, x2, axes=([x1.ndim - 1], [x2.ndim - 1]))


def vdot(x1: Tensor, x2: Tensor) -> Tensor:
    """Return the sum of products of two vectors, the first one conjugated.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.vdot(cb.tensor([1.0, 2.0]), cb.tensor([3.0, 4.0]))
    tensor(11.)
    """
    if x1.ndim != 1 or x2.ndim != 1 or x1.shape != x2.shape:
        raise ShapeError(
            f"vdot: two vectors of one length are needed, got shapes {tuple(x1.shape)} and {tuple(x2.shape)}"
        )
    return dot(ops.conj(x1) if x1.dtype.is_complex else x1, x2)


def cross(x1: Tensor, x2: Tensor, axis: int | None = None, *, dim: int | None = None) -> Tensor:
    """Return the cross products of vectors of three elements along an axis.

    Without one it is the first axis of size three, as in PyTorch; `linalg.cross` takes the last axis.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.cross(cb.tensor([1, 0, 0]), cb.tensor([0, 1, 0]))
    tensor([0, 0, 1])
    """
    at = either(axis, dim, "cross")
    if at is None:
        shape = ops.broadcast_shapes(tuple(x1.shape), tuple(x2.shape))
        if 3 not in shape:
            raise ShapeError(
                f"cross: vectors of three elements are needed, got shapes {tuple(x1.shape)} and {tuple(x2.shape)}"
            )
        at = shape.index(3) - len(shape)
    return linear_algebra.cross(x1, x2, axis=at)


def trace(x: Tensor) -> Tensor:
    """Return the sum along the diagonal of a matrix; `linalg.trace` takes those in the last two axes.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.trace(cb.eye(3))
    tensor(3.)
    """
    if x.ndim != 2:
        raise ShapeError(f"trace: a matrix is needed, got shape {tuple(x.shape)}; use linalg.trace")
    return linear_algebra.trace(x)


def chain_matmul(*matrices: Any) -> Tensor:
    """Return the product of matrices, multiplied in the order that takes the fewest operations.

    Notes
    -----
    Cormen, Leiserson, Rivest and Stein, Introduction to Algorithms, section 15.2.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.chain_matmul(cb.eye(2), cb.ones((2, 3)), cb.ones((3, 1))).shape
    (2, 1)
    """
    given = list(matrices[0]) if len(matrices) == 1 and isinstance(matrices[0], (tuple, list)) else list(matrices)
    if not given or not all(isinstance(x, Tensor) for x in given):
        raise ArgumentTypeError("chain_matmul: at least one matrix is needed, each a tensor of its own")
    for i, x in enumerate(given):
        if x.ndim != 2 or (i and given[i - 1].shape[1] != x.shape[0]):
            shapes = ", ".join(str(tuple(x.shape)) for x in given)
            raise ShapeError(f"chain_matmul: matrices that fit each other are needed, got shapes {shapes}")
    sizes = [given[0].shape[0], *(x.shape[1] for x in given)]
    n = len(given)
    cost = {(i, i): 0.0 for i in range(n)}
    cut: dict[tuple[int, int], int] = {}
    for width in range(1, n):
        for i in range(n - width):
            j = i + width
            cost[i, j] = math.inf
            for k in range(i, j):
                total = cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
                if total < cost[i, j]:
                    cost[i, j], cut[i, j] = total, k

    def product(i: int, j: int) -> Tensor:
        return given[i] if i == j else mm(product(i, cut[i, j]), product(cut[i, j] + 1, j))

    return product(0, n - 1)
