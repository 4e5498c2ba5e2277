"""What the rows of matrix decompositions share: checks, triangles, diagonals and the phases of complex vectors.

Their derivatives are those of M. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation" (2008), and of M. Seeger et al., "Auto-differentiating linear algebra" (2017), for complex matrices in
PyTorch's convention.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..dtypes import as_dtype
from ..errors import DTypeError, ShapeError


def check_floating(name: str, kind: Any) -> None:
    """Refuse a dtype that is no floating-point one."""
    if not kind.is_differentiable:
        raise DTypeError(
            f"{name}: takes floating-point dtypes, not {kind.name}; convert first, for example with "
            ".to(candelabra.float32)"
        )


def check_matrices(name: str, shape: tuple[int, ...], *, square: bool) -> None:
    """Refuse shapes that are no matrices in the last two axes."""
    if len(shape) < 2 or (square and shape[-1] != shape[-2]):
        kind = "square matrices" if square else "matrices"
        raise ShapeError(f"{name}: {kind} in the last two axes are needed, got shape {tuple(shape)}")


def prepare_matrices(name: str, *, square: bool = True) -> Callable[..., tuple[Any, ...]]:
    """Return a `prepare` that refuses what is no floating-point matrix."""

    def prepare(device: Any, x: Any, *statics: Any) -> tuple[Any, ...]:
        check_floating(name, device.dtype_of[x.dtype])
        check_matrices(name, x.shape, square=square)
        return statics

    return prepare


def diagnose_stacks(name: str, cores: tuple[int, ...]) -> Callable[..., tuple[()]]:
    """Return a `diagnose` that refuses operands whose leading axes do not broadcast.

    `cores` says how many axes of each operand are its matrices' or vectors' own.
    """

    def diagnose(device: Any, *arguments: Any) -> tuple[()]:
        shapes = [tuple(a.shape) for a, _ in zip(arguments, cores, strict=False)]
        check_stacks(name, shapes, [s[: len(s) - core] for s, core in zip(shapes, cores, strict=True)])
        return ()

    return diagnose


def check_stacks(name: str, shapes: list[tuple[int, ...]], leads: list[tuple[int, ...]]) -> None:
    """Refuse shapes whose leading axes do not broadcast."""
    for k in range(1, max(map(len, leads)) + 1):
        if len({lead[-k] for lead in leads if len(lead) >= k} - {1}) > 1:
            raise ShapeError(
                f"{name}: the leading axes of shapes {' and '.join(map(str, shapes))} do not broadcast; make sizes "
                "equal or 1 from the right, for example with reshape or expand_dims"
            )


def batched_stacks(xp: Any, values: tuple[Any, ...], batched: Any, ranks: Any, cores: tuple[int, ...]) -> list[Any]:
    """Return operands whose leading axes broadcast, with the hidden axis of those that have it before all the others.

    `cores` says how many axes of each operand are its matrices' or vectors' own.
    """
    most = max(rank - core for rank, core in zip(ranks, cores, strict=True))
    found = []
    for x, wrapped, rank, core in zip(values, batched, ranks, cores, strict=True):
        missing = most - (rank - core) if wrapped else 0
        shape = tuple(x.shape)
        found.append(xp.reshape(x, (shape[0], *(1,) * missing, *shape[1:])) if missing else x)
    return found


def kind_of(xp: Any, dtype: Any) -> Any:
    """Return candelabra's dtype of a library's or of a tensor."""
    return xp.device.dtype_of.get(dtype) or as_dtype(dtype)


def is_complex(xp: Any, x: Any) -> bool:
    """Say whether an array is complex."""
    return bool(kind_of(xp, x.dtype).is_complex)


def adjoint(xp: Any, x: Any) -> Any:
    """Return the conjugate transpose of matrices."""
    turned = xp.matrix_transpose(x)
    return xp.conj(turned) if is_complex(xp, x) else turned


def real(xp: Any, x: Any) -> Any:
    """Return the real part."""
    return xp.real(x) if is_complex(xp, x) else x


def unit(xp: Any, n: int) -> Any:
    """Return where a square matrix's diagonal lies."""
    rows = xp.arange(n)
    return xp.expand_dims(rows, axis=-1) == xp.expand_dims(rows, axis=0)


def diagonal_of(xp: Any, x: Any) -> Any:
    """Return the main diagonals of square matrices."""
    return xp.sum(xp.where(unit(xp, x.shape[-1]), x, xp.zeros_like(x)), axis=-1)


def as_columns(xp: Any, v: Any) -> Any:
    """Return one number for each row of a matrix, to multiply with."""
    return xp.expand_dims(v, axis=-1)


def as_rows(xp: Any, v: Any) -> Any:
    """Return one number for each column of a matrix, to multiply with."""
    return xp.expand_dims(v, axis=-2)


def with_diagonal(xp: Any, x: Any, v: Any) -> Any:
    """Return square matrices with other numbers on their diagonals; None means zeros."""
    filled = xp.zeros_like(x) if v is None else xp.broadcast_to(as_columns(xp, xp.astype(v, x.dtype)), x.shape)
    return xp.where(unit(xp, x.shape[-1]), filled, x)


def over_gaps(xp: Any, x: Any, values: Any) -> Any:
    """Return ``x[i, j] / (values[j] - values[i])`` with zeros on the diagonal.

    Equal values have no gap: what depends on their vectors has no derivative, and infinities or NaN say so.
    """
    apart = as_rows(xp, values) - as_columns(xp, values)
    mask = unit(xp, x.shape[-1])
    safe = xp.astype(xp.where(mask, xp.ones_like(apart), apart), x.dtype)
    return xp.where(mask, xp.zeros_like(x), x / safe)


def fold_to_lower(xp: Any, s: Any) -> Any:
    """Return the cotangent of matrices of which the lower triangle is read, from that of the Hermitian matrices."""
    both = s + adjoint(xp, s)
    return with_diagonal(xp, xp.tril(both, k=-1), diagonal_of(xp, real(xp, s)))


def from_lower(xp: Any, t: Any) -> Any:
    """Return the Hermitian matrices whose lower triangles are given."""
    below = xp.tril(t, k=-1)
    return with_diagonal(xp, below + adjoint(xp, below), diagonal_of(xp, real(xp, t)))


def half_lower(xp: Any, x: Any) -> Any:
    """Return the lower triangle, with half of the diagonal."""
    return xp.tril(x, k=-1) + with_diagonal(xp, xp.zeros_like(x), 0.5 * diagonal_of(xp, x))


def one_phase(xp: Any, v: Any) -> tuple[Any, Any]:
    """Return (where the largest element of each column lies, its phase)."""
    size = xp.abs(v)
    largest = xp.argmax(size, axis=-2, keepdims=True)
    pivot = xp.expand_dims(xp.arange(v.shape[-2]), axis=-1) == largest
    top = xp.sum(xp.where(pivot, v, xp.zeros_like(v)), axis=-2, keepdims=True)
    length = xp.abs(top)
    zero = length == 0
    phase = xp.where(zero, xp.ones_like(top), top / xp.astype(xp.where(zero, xp.ones_like(length), length), v.dtype))
    return pivot, phase


def turned_columns(xp: Any, v: Any) -> tuple[Any, Any]:
    """Return complex columns with their largest elements real and positive, and the phases taken out."""
    if 0 in v.shape:
        return v, xp.ones((*v.shape[:-2], 1, v.shape[-1]), dtype=v.dtype)
    pivot, phase = one_phase(xp, v)
    turned = v * xp.conj(phase)
    # Exactly real: by this the rules know the pivots again.
    return xp.where(pivot, xp.astype(xp.abs(v), v.dtype), turned), phase


def pivots(xp: Any, v: Any) -> tuple[Any, Any]:
    """Return (where the element lies that makes a column's phase, what it is) for columns of one phase."""
    size = xp.where(xp.logical_and(xp.imag(v) == 0, xp.real(v) > 0), xp.real(v), xp.full_like(xp.real(v), -1.0))
    largest = xp.argmax(size, axis=-2, keepdims=True)
    pivot = xp.expand_dims(xp.arange(v.shape[-2]), axis=-1) == largest
    return pivot, xp.sum(xp.where(pivot, xp.real(v), xp.zeros_like(size)), axis=-2, keepdims=True)


def without_turning(xp: Any, v: Any, gv: Any, turning: Any) -> Any:
    """Return a cotangent of complex columns less what turning their phases gives, which the pivots forbid.

    `turning` is the derivative of the loss by the columns' phases; where the loss does not see them it is zero.
    """
    if 0 in v.shape:
        return gv
    pivot, length = pivots(xp, v)
    back = xp.astype(as_rows(xp, turning) / length, v.dtype) * -1j
    return gv + xp.where(pivot, xp.broadcast_to(back, v.shape), xp.zeros_like(v))


def turning_of(xp: Any, v: Any, dv: Any) -> Any:
    """Return by which angles columns must turn so that their pivots stay real, as factors of the columns."""
    if 0 in v.shape:
        return xp.zeros((*v.shape[:-2], 1, v.shape[-1]), dtype=v.dtype)
    pivot, length = pivots(xp, v)
    slip = xp.sum(xp.where(pivot, xp.imag(dv), xp.zeros_like(xp.imag(dv))), axis=-2, keepdims=True)
    return xp.astype(slip / length, v.dtype) * -1j
