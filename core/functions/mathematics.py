"""Composites of arithmetic, linear algebra and comparison."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import Any

from .. import device as devices
from .. import dtypes, ops
from ..errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from ..ops import row_function
from ..primitives.row import TABLE
from ..primitives.tools import axis_index, size_of
from ..tensor import Tensor
from .narrow_floats import in_single, is_narrow
from .torch_names import either

__all__ = [
    "addmm", "allclose", "bmm", "clamp", "clip", "dot", "einsum", "global_norm", "isclose", "mm", "mul", "norm",
    "outer", "sub", "tensordot", "true_divide", "where",
]  # fmt: skip


def mul(x1: Any, x2: Any) -> Tensor:
    """Return the product (PyTorch's name for `multiply`)."""
    return ops.multiply(x1, x2)


def sub(x1: Any, x2: Any, *, alpha: float = 1) -> Tensor:
    """Return ``x1 - alpha * x2`` (PyTorch's name for `subtract`)."""
    return ops.subtract(x1, x2 if alpha == 1 else alpha * x2)


def true_divide(x1: Any, x2: Any) -> Tensor:
    """Return the quotient (PyTorch's name for `divide`)."""
    return ops.divide(x1, x2)


def mm(x1: Tensor, x2: Tensor) -> Tensor:
    """Return the product of two matrices.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.mm(cb.eye(2), cb.ones((2, 1))).shape
    (2, 1)
    """
    if x1.ndim != 2 or x2.ndim != 2:
        raise ShapeError(f"mm: two matrices are needed, got shapes {x1.shape} and {x2.shape}; use matmul")
    return ops.matmul(x1, x2)


def bmm(x1: Tensor, x2: Tensor) -> Tensor:
    """Return the products of two batches of matrices."""
    if x1.ndim != 3 or x2.ndim != 3 or x1.shape[0] != x2.shape[0]:
        raise ShapeError(f"bmm: two equal batches of matrices are needed, got {x1.shape} and {x2.shape}; use matmul")
    return ops.matmul(x1, x2)


def addmm(x: Tensor, x1: Tensor, x2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return ``beta * x + alpha * (x1 @ x2)``."""
    return added(x, mm(x1, x2), beta, alpha)


def added(x: Tensor, product: Tensor, beta: Any, alpha: Any) -> Tensor:
    """Return ``beta * x + alpha * product``; with a beta of zero what `x` holds does not matter, not even NaN."""
    scaled = product if _is(alpha, 1) else alpha * product
    if _is(beta, 0):
        shape = ops.broadcast_shapes(tuple(x.shape), tuple(scaled.shape))
        return scaled if shape == tuple(scaled.shape) else ops.broadcast_to(scaled, shape)
    return (x if _is(beta, 1) else beta * x) + scaled


def _is(value: Any, number: int) -> bool:
    return isinstance(value, (int, float, complex)) and value == number


def dot(x1: Tensor, x2: Tensor) -> Tensor:
    """Return the sum of products of two vectors, without conjugation."""
    if x1.ndim != 1 or x2.ndim != 1:
        raise ShapeError(f"dot: two vectors are needed, got shapes {x1.shape} and {x2.shape}")
    return ops.matmul(x1, x2)


def outer(x1: Tensor, x2: Tensor) -> Tensor:
    """Return the matrix of products of two vectors."""
    if x1.ndim != 1 or x2.ndim != 1:
        raise ShapeError(f"outer: two vectors are needed, got shapes {x1.shape} and {x2.shape}")
    return ops.expand_dims(x1, axis=1) * ops.expand_dims(x2, axis=0)


def tensordot(
    x1: Tensor, x2: Tensor, /, axes: int | tuple[Sequence[int], Sequence[int]] | None = None, *, dims: Any = None
) -> Tensor:
    """Return the contraction of two tensors over pairs of axes.

    Parameters
    ----------
    x1, x2 : Tensor
        Numeric dtypes.
    axes : int or (sequence of int, sequence of int)
        The last `axes` of `x1` with the first of `x2`, or the axes themselves; by default 2. `dims` is a synonym.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.tensordot(cb.ones((2, 3)), cb.ones((3, 4)), axes=1).shape
    (2, 4)
    """
    given = either(axes, dims, "tensordot")
    if given is None or hasattr(given, "__index__"):
        count = 2 if given is None else operator.index(given)
        if count < 0 or count > x1.ndim or count > x2.ndim:
            raise ShapeError(f"tensordot: {count} axes cannot be contracted of shapes {x1.shape} and {x2.shape}")
        left, right = list(range(x1.ndim - count, x1.ndim)), list(range(count))
    else:
        if len(given) != 2:
            raise ArgumentTypeError("tensordot: axes is an int or a pair of sequences of ints")
        pair = [[a] if hasattr(a, "__index__") else list(a) for a in given]
        left = [axis_index(a, x1.ndim, "tensordot") for a in pair[0]]
        right = [axis_index(a, x2.ndim, "tensordot") for a in pair[1]]
    if len(left) != len(right) or any(x1.shape[i] != x2.shape[j] for i, j in zip(left, right, strict=False)):
        raise ShapeError(
            f"tensordot: axes {left} of shape {x1.shape} and {right} of shape {x2.shape} do not have equal sizes"
        )
    keep1 = [i for i in range(x1.ndim) if i not in left]
    keep2 = [i for i in range(x2.ndim) if i not in right]
    rows, columns = [x1.shape[i] for i in keep1], [x2.shape[i] for i in keep2]
    inner = size_of(tuple(x1.shape[i] for i in left))
    a = ops.reshape(ops.permute_dims(x1, (*keep1, *left)), (size_of(tuple(rows)), inner))
    b = ops.reshape(ops.permute_dims(x2, (*right, *keep2)), (inner, size_of(tuple(columns))))
    return ops.reshape(ops.matmul(a, b), (*rows, *columns))


def einsum(equation: Any, *operands: Any) -> Tensor:
    """Return the sum of products that an equation of axis letters says; the order of contraction is optimised.

    Parameters
    ----------
    equation : str
        Such as ``"bij,bjk->bik"``; an ellipsis stands for axes that broadcast.
    *operands : Tensor
        One per term. Without an equation each operand is followed by the list of its axes' numbers (which may hold
        an ellipsis), and at the end may come the result's.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.einsum("ij,j->i", cb.eye(2), cb.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """
    from .contraction import contract

    if isinstance(equation, Tensor):
        equation, operands = _equation_of((equation, *operands))
    given = list(operands[0]) if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else list(operands)
    return contract(equation, given)


def _equation_of(mixed: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """Return the equation and the operands of operands that are each followed by a list of axis numbers."""
    operands, terms = mixed[0::2], list(mixed[1::2])
    output = operands[-1] if len(mixed) % 2 else None
    if len(mixed) % 2:
        operands = operands[:-1]

    def term(numbers: Any) -> str:
        found = ""
        for k in numbers if isinstance(numbers, (tuple, list)) else (None,):
            if k is Ellipsis:
                found += "..."
            elif type(k) is int and 0 <= k < 52:
                found += chr(ord("A") + k) if k < 26 else chr(ord("a") + k - 26)
            else:
                raise ArgumentTypeError(
                    "einsum: each operand is followed by a list of axis numbers from 0 to 51, the last list being the "
                    'result\'s; or write an equation, such as einsum("ij,jk->ik", a, b)'
                )
        return found

    equation = ",".join(term(t) for t in terms)
    return (equation if output is None else f"{equation}->{term(output)}"), operands


def clip(x: Tensor, /, min: Any = None, max: Any = None) -> Tensor:
    """Limit the values to the interval from `min` to `max`.

    Parameters
    ----------
    x : Tensor
        Real dtypes.
    min, max : Tensor or scalar, optional
        The bounds; they broadcast with `x`. The upper one wins where they cross.

    Notes
    -----
    The gradient passes at the bounds.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.clip(cb.tensor([-2.0, 0.5, 2.0]), -1, 1)
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if isinstance(x, Tensor):
        min, max = _bound(x, min), _bound(x, max)
    return row_function(TABLE["clip"])(x, min, max)


def _bound(x: Tensor, value: Any) -> Any:
    """Return a number as a tensor that promotes with `x` as the number does; the same ones come again and again."""
    if type(value) is int or (type(value) is float and x.dtype.rank >= 2):
        return _number(value, dtypes.promote_scalar(x.dtype, value), x.device.physical)
    return value


@functools.lru_cache(maxsize=256, typed=True)
def _number(value: float, dtype: dtypes.DType, device: devices.Device) -> Tensor:
    return ops.asarray(value, dtype=dtype, device=device)


def clamp(x: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Limit the values to an interval (PyTorch's name for `clip`)."""
    if min is None and max is None:
        raise ArgumentError("clamp: min, max or both are needed")
    return ops.clip(x, min, max)


def where(condition: Tensor, x1: Any = None, x2: Any = None, /) -> Any:
    """Return elements of `x1` where the condition holds, of `x2` elsewhere; without both, the indices where it holds.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.where(cb.tensor([True, False]), 1.0, 0.0)
    tensor([1., 0.])
    """
    if x1 is None and x2 is None:
        return ops.nonzero(condition)
    if not isinstance(condition, Tensor):
        condition = ops.asarray(condition)
    if condition.dtype.kind != "bool":
        raise DTypeError(f"where: the condition is boolean, not {condition.dtype.name}; compare it first, as in x != 0")
    if not isinstance(x1, Tensor) and not isinstance(x2, Tensor):
        kind = ops.result_type(x1, x2)
        x1 = ops.asarray(x1, dtype=kind, device=condition.device.physical)
    if not isinstance(x1, Tensor):
        x1 = ops.asarray(x1, dtype=dtypes.promote_scalar(x2.dtype, x1), device=x2.device.physical)
    if not isinstance(x2, Tensor):
        x2 = ops.asarray(x2, dtype=dtypes.promote_scalar(x1.dtype, x2), device=x1.device.physical)
    return row_function(TABLE["where"])(condition, x1, x2)


def norm(
    x: Tensor,
    p: float | str | None = 2.0,
    axis: Any = None,
    keepdims: bool = False,
    *,
    dtype: Any = None,
    dim: Any = None,
    keepdim: bool = False,
) -> Tensor:
    """Return the vector norm over axes: ``sum(|x|**p)**(1/p)``; no axis means all.

    As in PyTorch, the order "fro" is 2, and "nuc" is the nuclear norm of the matrices in two axes, the sum of their
    singular values; with `dtype` it is computed in that.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.norm(cb.tensor([3.0, 4.0]))
    tensor(5.)
    """
    axis, keepdims = either(axis, dim, "norm"), keepdims or keepdim
    if dtype is not None:
        x = ops.astype(x, dtype, copy=False)
    if is_narrow(x):
        # Squares of 16-bit floats overflow long before their root does.
        return in_single(norm, x, p, axis, keepdims)
    if p == "nuc":
        return _nuclear(x, axis, keepdims)
    axis = tuple(axis) if isinstance(axis, list) else axis
    ord = 2.0 if p is None or p == "fro" else p
    if isinstance(ord, str):
        raise ArgumentError(f"norm: the order is a number, 'fro' or 'nuc', not {ord!r}")
    if ord == 2 and not x.dtype.is_complex:
        return _root(ops.sum(x * x, axis=axis, keepdims=keepdims), 2)
    size = ops.abs(x)
    if ord == math.inf:
        return ops.max(size, axis=axis, keepdims=keepdims)
    if ord == -math.inf:
        return ops.min(size, axis=axis, keepdims=keepdims)
    if ord == 0:
        return ops.sum(ops.astype(x != 0, size.dtype), axis=axis, keepdims=keepdims)
    if ord == 1:
        return ops.sum(size, axis=axis, keepdims=keepdims)
    if 0 < ord < 2 and (size.node is not None or size.device.levels):
        # The slopes of a broken power at zero are infinite, those of a norm are taken for zero.
        zero = ops.equal(size, 0)
        powers = ops.where(zero, 0.0, ops.where(zero, 1.0, size) ** ord)
    else:
        powers = size**ord
    return _root(ops.sum(powers, axis=axis, keepdims=keepdims), ord)


def _nuclear(x: Tensor, axis: Any, keepdims: bool) -> Tensor:
    axes = tuple(range(x.ndim)) if axis is None else tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    if len(axes) != 2:
        raise ShapeError(f"norm: the nuclear norm is over two axes, got {len(axes)} of shape {x.shape}")
    made = ops.sum(ops.svdvals(ops.moveaxis(x, axes, (-2, -1))), axis=-1)
    lost: Any = tuple(sorted(a % x.ndim for a in axes))
    return ops.expand_dims(made, axis=lost) if keepdims else made


def _root(total: Tensor, ord: float) -> Tensor:
    """Return ``total ** (1 / ord)``, whose gradient at zero is zero, as PyTorch's norm has it."""
    if total.node is None and not total.device.levels:
        return ops.sqrt(total) if ord == 2 else total ** (1.0 / ord)
    zero = ops.equal(total, 0.0)
    safe = ops.where(zero, 1.0, total)
    return ops.where(zero, 0.0, ops.sqrt(safe) if ord == 2 else safe ** (1.0 / ord))


def isclose(x1: Tensor, x2: Any, /, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Say where ``|x1 - x2| <= atol + rtol * |x2|``; infinities are close to themselves."""
    if not isinstance(x2, Tensor):
        x2 = ops.asarray(x2, device=x1.device.physical)
    same = ops.equal(x1, x2)
    kind = ops.result_type(x1, x2)
    if kind.rank < 2:
        wide = x1.device.best_native_dtype(dtypes.float64)
        x1, x2 = ops.astype(x1, wide), ops.astype(x2, wide)
    near = ops.less_equal(ops.abs(x1 - x2), atol + rtol * ops.abs(x2))
    result = ops.logical_or(same, ops.logical_and(near, ops.logical_and(ops.isfinite(x1), ops.isfinite(x2))))
    return ops.logical_or(result, ops.logical_and(ops.isnan(x1), ops.isnan(x2))) if equal_nan else result


def allclose(x1: Tensor, x2: Any, /, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Say whether all elements are close (see `isclose`)."""
    return bool(ops.all(isclose(x1, x2, rtol=rtol, atol=atol, equal_nan=equal_nan)))


def global_norm(tensors: Sequence[Tensor], ord: float = 2.0) -> Tensor:
    """Return the norm of all elements of several tensors together, 0-d, on the first one's device.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.global_norm([cb.tensor([3.0]), cb.tensor([[4.0]])])
    tensor(5.)
    """
    if not tensors:
        raise ArgumentError("global_norm: at least one tensor is needed")
    home = tensors[0].device
    norms = [ops.to_device(norm(x, ord), home) for x in tensors]
    return norm(ops.stack(norms), ord) if len(norms) > 1 else norms[0]
