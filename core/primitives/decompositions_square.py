"""Square matrices: Cholesky's factor, the inverse, determinants; and the pseudo-inverse of any matrix."""

from __future__ import annotations

import math
from typing import Any

from .decompositions_tools import (
    adjoint,
    as_columns,
    as_rows,
    check_floating,
    check_matrices,
    diagonal_of,
    fold_to_lower,
    from_lower,
    half_lower,
    is_complex,
    kind_of,
    prepare_matrices,
    unit,
    with_diagonal,
)
from .row import discrete, general, linear

FLOATING: dict[str, Any] = {"category": "floating-point", "standard": "linalg", "batch": "leading"}


def _hermitian_body(xp: Any, x: Any) -> Any:
    return (x + adjoint(xp, x)) * 0.5


hermitian_part = linear(
    "hermitian_part", "x, /", "Return the mean of square matrices and their adjoints.", category="floating-point",
    body=_hermitian_body, transpose=lambda xp, g: xp.hermitian_part(g), batch="leading",
    prepare=prepare_matrices("hermitian_part"),
)  # fmt: skip


def _cholesky_vjp(xp: Any, g: Any, out: Any) -> Any:
    over = adjoint(xp, out)
    inner = xp.solve_triangular(over, half_lower(xp, xp.matmul(over, g)), upper=True)
    return fold_to_lower(xp, adjoint(xp, xp.solve_triangular(over, adjoint(xp, inner), upper=True)))


def _cholesky_jvp(xp: Any, t: Any, out: Any) -> Any:
    left = xp.solve_triangular(out, from_lower(xp, t), upper=False)
    right = xp.solve_triangular(out, adjoint(xp, left), upper=False)
    return xp.matmul(out, half_lower(xp, adjoint(xp, right)))


cholesky = general(
    "cholesky", "x, /",
    "Return the lower triangular L with ``x = L L^H`` of positive definite matrices, of which the lower triangle is read.",
    prepare=prepare_matrices("cholesky"), vjp=_cholesky_vjp, jvp=_cholesky_jvp, **FLOATING,
)  # fmt: skip


def _definite_body(xp: Any, x: Any) -> Any:
    """By elimination without exchanges: a leading minor that is not positive makes a pivot that is not."""
    n = x.shape[-1]
    rows = xp.arange(n)
    failed = xp.zeros(tuple(x.shape)[:-2], dtype=rows.dtype)
    for k in range(n):
        head = x[..., k, k]
        head = xp.real(head) if is_complex(xp, x) else head
        bad = xp.logical_not(head > 0)
        failed = xp.where(xp.logical_and(bad, failed == 0), xp.full_like(failed, k + 1), failed)
        safe = xp.astype(xp.where(bad, xp.ones_like(head), head), x.dtype)
        column = xp.where(rows > k, x[..., :, k], xp.zeros_like(x[..., :, k]))
        x = x - as_columns(xp, column / as_columns(xp, safe)) * as_rows(xp, xp.conj(column))
    return failed


definite_order = discrete(
    "definite_order", "x, /",
    "Return the order of the first leading minor of Hermitian matrices that is not positive; 0 for definite ones.",
    category="floating-point", body=_definite_body, prepare=prepare_matrices("definite_order"), batch="leading",
)  # fmt: skip


def _inv_vjp(xp: Any, g: Any, out: Any) -> Any:
    other = adjoint(xp, out)
    return -xp.matmul(xp.matmul(other, g), other)


inv = general(
    "inv", "x, /", "Return the inverses of square matrices.",
    prepare=prepare_matrices("inv"), vjp=_inv_vjp,
    jvp=lambda xp, t, out: -xp.matmul(xp.matmul(out, t), out), **FLOATING,
)  # fmt: skip


def inverse_or(xp: Any, x: Any, singular: Any) -> Any:
    """Return inverses, and those of the identity where a matrix is singular."""
    return xp.inv(xp.where(as_columns(xp, as_columns(xp, singular)), xp.eye(x.shape[-1], dtype=x.dtype), x))


def _of_factors(xp: Any, x: Any) -> tuple[Any, Any]:
    """Return the diagonals of U, and the signs of the exchanges that Gauss's elimination makes."""
    packed, pivots = xp.lu_packed(x, pivot=True)
    one = xp.arange(x.shape[-1]) + 1
    odd = xp.count_nonzero(xp.astype(pivots, one.dtype) != one, axis=-1) % 2
    return diagonal_of(xp, packed), xp.astype(1 - 2 * odd, x.dtype)


def _det_body(xp: Any, x: Any) -> Any:
    diagonal, sign = _of_factors(xp, x)
    return xp.prod(diagonal, axis=-1) * sign


def _slogdet_body(xp: Any, x: Any) -> tuple[Any, Any]:
    diagonal, sign = _of_factors(xp, x)
    size = xp.abs(diagonal)
    zero = size == 0
    unit_ = xp.where(zero, xp.zeros_like(diagonal), diagonal / xp.astype(xp.where(zero, xp.ones_like(size), size), x.dtype))
    return xp.prod(unit_, axis=-1) * sign, xp.sum(xp.log(size), axis=-1)


def _cofactors(xp: Any, x: Any, out: Any) -> Any:
    """Return the conjugate of a determinant's derivative: by the inverse, or of singular matrices by the adjugate."""
    singular = out == 0
    inverse = inverse_or(xp, x, singular)
    size = lambda v: xp.max(xp.sum(xp.abs(v), axis=-1), axis=-1)
    # Of an inverse that rounding has made up nothing is right but its size.
    limit = 0.1 * (2.0**23 if kind_of(xp, x.dtype).to_real().bits <= 32 else 2.0**52)
    singular = xp.logical_or(singular, xp.logical_not(size(x) * size(inverse) < limit))
    by_inverse = as_columns(xp, as_columns(xp, xp.conj(out))) * adjoint(xp, inverse)
    if not xp.device.levels and not bool(xp.any(singular)):
        return by_inverse
    return xp.where(as_columns(xp, as_columns(xp, singular)), adjoint(xp, xp.adjugate(x)), by_inverse)


def _det_vjp(xp: Any, g: Any, x: Any, out: Any) -> Any:
    if 0 in x.shape:
        return xp.zeros_like(x)
    return as_columns(xp, as_columns(xp, g)) * _cofactors(xp, x, out)


def _det_jvp(xp: Any, t: Any, x: Any, out: Any) -> Any:
    if 0 in x.shape:
        return xp.zeros_like(out)
    return xp.sum(xp.conj(_cofactors(xp, x, out)) * t, axis=(-2, -1))


def _all_but(xp: Any, s: Any) -> Any:
    """Return the products of all singular values but two, (..., i, j); on the diagonal of all but one."""
    n = s.shape[-1]
    here = unit(xp, n)
    out = xp.logical_or(xp.reshape(here, (n, 1, n)), xp.reshape(here, (1, n, n)))
    wide = xp.expand_dims(xp.expand_dims(s, axis=-2), axis=-2)
    return xp.prod(xp.where(out, xp.ones_like(wide), wide), axis=-1)


def _in_its_basis(xp: Any, x: Any) -> tuple[Any, Any, Any, Any]:
    """Return U, V^H, ``det(U) det(V^H)`` and the products of singular values."""
    u, s, vh = xp.svd(x, full_matrices=False)
    sign = as_columns(xp, as_columns(xp, xp.det(u) * xp.det(vh)))
    return u, vh, sign, xp.astype(_all_but(xp, s), x.dtype)


def _adjugate_body(xp: Any, x: Any) -> Any:
    u, vh, sign, products = _in_its_basis(xp, x)
    return sign * xp.matmul(adjoint(xp, vh) * as_rows(xp, diagonal_of(xp, products)), adjoint(xp, u))


def _adjugate_moved(xp: Any, moved: Any, products: Any) -> Any:
    """Return how the adjugate of a diagonal matrix moves: a linear map that is its own transpose."""
    own = diagonal_of(xp, moved)
    across = xp.sum(
        xp.where(unit(xp, moved.shape[-1]), xp.zeros_like(products), products) * as_rows(xp, own), axis=-1
    )
    return with_diagonal(xp, -moved * products, across)


def _adjugate_vjp(xp: Any, g: Any, x: Any) -> Any:
    u, vh, sign, products = _in_its_basis(xp, x)
    inner = xp.conj(sign) * xp.matmul(xp.matmul(vh, g), u)
    return xp.matmul(xp.matmul(u, _adjugate_moved(xp, inner, products)), vh)


def _adjugate_jvp(xp: Any, t: Any, x: Any) -> Any:
    u, vh, sign, products = _in_its_basis(xp, x)
    inner = _adjugate_moved(xp, xp.matmul(xp.matmul(adjoint(xp, u), t), adjoint(xp, vh)), products)
    return sign * xp.matmul(xp.matmul(adjoint(xp, vh), inner), adjoint(xp, u))


adjugate = general(
    "adjugate", "x, /",
    "Return the adjugates of square matrices, ``det(x) inv(x)`` without a division: the transposed matrices of cofactors.",
    category="floating-point", body=_adjugate_body, vjp=_adjugate_vjp, jvp=_adjugate_jvp,
    prepare=prepare_matrices("adjugate"), batch="leading", tolerance=8.0,
)  # fmt: skip


det = general(
    "det", "x, /", "Return the determinants of square matrices.",
    body=_det_body, prepare=prepare_matrices("det"), vjp=_det_vjp, jvp=_det_jvp, **FLOATING,
)  # fmt: skip


def _slogdet_inverse(xp: Any, x: Any, sign: Any) -> Any:
    """Return inverses, with NaN for a singular matrix: the logarithm of zero has no derivative."""
    singular = sign == 0
    found = inverse_or(xp, x, singular)
    return xp.where(as_columns(xp, as_columns(xp, singular)), xp.full_like(found, float("nan")), found)


def _slogdet_vjp(xp: Any, g: Any, x: Any, sign: Any) -> Any:
    by_sign, by_log = g
    complexes = is_complex(xp, x)
    total = None if by_log is None else xp.astype(by_log, x.dtype)
    if complexes and by_sign is not None:
        turned = xp.astype(xp.imag(xp.conj(sign) * by_sign), x.dtype) * 1j
        total = turned if total is None else total + turned
    if total is None:
        return xp.zeros_like(x)
    return as_columns(xp, as_columns(xp, total)) * adjoint(xp, _slogdet_inverse(xp, x, sign))


def _slogdet_jvp(xp: Any, t: Any, x: Any, out: Any) -> Any:
    sign = out[0]
    share = diagonal_of(xp, xp.matmul(_slogdet_inverse(xp, x, sign), t))
    share = xp.sum(share, axis=-1)
    if not is_complex(xp, x):
        return xp.zeros_like(sign), share
    return sign * xp.astype(xp.imag(share), sign.dtype) * 1j, xp.real(share)


slogdet = general(
    "slogdet", "x, /", "Return the signs (complex: phases) of determinants, and the logarithms of their magnitudes.",
    outputs=("sign", "logabsdet"), materialize=False, body=_slogdet_body, prepare=prepare_matrices("slogdet"),
    vjp=_slogdet_vjp, jvp=_slogdet_jvp, **FLOATING,
)  # fmt: skip


def _prepare_pinv(device: Any, x: Any, rtol: Any) -> tuple[()]:
    check_floating("pinv", device.dtype_of[x.dtype])
    check_matrices("pinv", x.shape, square=False)
    return ()


def _pinv_body(xp: Any, x: Any, rtol: Any) -> Any:
    u, s, vh = xp.svd(x, full_matrices=False)
    least = xp.astype(rtol, s.dtype) * xp.max(s, axis=-1)
    kept = s > as_columns(xp, least)
    inverse = xp.where(kept, 1 / xp.where(kept, s, xp.ones_like(s)), xp.zeros_like(s))
    return xp.matmul(adjoint(xp, vh) * as_rows(xp, xp.astype(inverse, x.dtype)), adjoint(xp, u))


def _pinv_vjp(xp: Any, g: Any, x: Any, out: Any, wants: Any) -> tuple[Any, None]:
    """G. Golub and V. Pereyra (1973), for matrices of constant rank."""
    other, turned = adjoint(xp, out), adjoint(xp, g)
    left = xp.matmul(turned - xp.matmul(x, xp.matmul(out, turned)), xp.matmul(out, other))
    right = xp.matmul(xp.matmul(other, out), turned - xp.matmul(xp.matmul(turned, out), x))
    return left + right - xp.matmul(xp.matmul(other, g), other), None


def _pinv_jvp(xp: Any, t: Any, x: Any, out: Any) -> Any:
    (along, _), other = t, adjoint(xp, out)
    if along is None:
        return xp.zeros_like(out)
    turned = adjoint(xp, along)
    left = xp.matmul(xp.matmul(out, other), turned - xp.matmul(xp.matmul(turned, x), out))
    right = xp.matmul(turned - xp.matmul(out, xp.matmul(x, turned)), xp.matmul(other, out))
    return left + right - xp.matmul(xp.matmul(out, along), out)


pinv = general(
    "pinv", "x, rtol, /",
    "Return the pseudo-inverses of matrices; singular values up to `rtol` times the largest count as zero.",
    category="floating-point", promote=("x",), body=_pinv_body, vjp=_pinv_vjp, jvp=_pinv_jvp, prepare=_prepare_pinv,
)  # fmt: skip


# Of Taylor's polynomials: the highest powers of the matrix that are formed, and how many groups of them are joined.
_SHAPES = ((2, 2), (3, 3), (4, 4), (5, 4))


def _reach(degree: int, roundoff: float) -> float:
    """Return up to which norm a polynomial of this degree is exact: where what is left out is less than rounding."""
    return 0.9 * (roundoff * math.factorial(degree + 1)) ** (1 / degree)


def _matrix_exp_body(xp: Any, x: Any) -> Any:
    """Scaling and squaring, each matrix as often as its norm asks for. It runs on plain arrays alone.

    The polynomial is grouped as M. Paterson and L. Stockmeyer (1973) do it; there is no system of equations to solve.
    """
    n = x.shape[-1]
    if 0 in x.shape:
        return x
    norm = xp.max(xp.sum(xp.abs(x), axis=-2), axis=-1)
    safe = xp.where(xp.isfinite(norm), norm, xp.zeros_like(norm))
    roundoff = 2.0**-24 if kind_of(xp, norm.dtype).bits <= 32 else 2.0**-53
    largest = float(xp.max(safe))
    width, groups = next((s for s in _SHAPES if largest <= _reach(s[0] * s[1], roundoff)), _SHAPES[-1])
    reach = _reach(width * groups, roundoff)
    times = xp.ceil(xp.log2(xp.where(safe > reach, safe / reach, xp.ones_like(safe))))
    scale = as_columns(xp, as_columns(xp, times))
    if largest > reach:
        x = x * xp.astype(xp.pow(xp.full_like(scale, 2.0), -scale), x.dtype)
    powers = [x]
    for k in range(2, width + 1):
        powers.append(xp.matmul(powers[k // 2 - 1], powers[k - k // 2 - 1]))
    one = xp.eye(n, dtype=x.dtype)

    def group(start: int, count: int) -> Any:
        total = one * (1 / math.factorial(start))
        for k in range(1, count):
            total = total + powers[k - 1] * (1 / math.factorial(start + k))
        return total

    found = group((groups - 1) * width, width + 1)
    for j in reversed(range(groups - 1)):
        found = xp.matmul(powers[-1], found) + group(j * width, width)
    for k in range(int(xp.max(times))):
        found = xp.where(scale > k, xp.matmul(found, found), found)
    return found


def _matrix_exp_along(xp: Any, x: Any, t: Any) -> Any:
    """Return the derivative in a direction: a block of the exponential of a matrix of twice the size."""
    n = x.shape[-1]
    above, below = xp.concat([x, t], axis=-1), xp.concat([xp.zeros_like(x), x], axis=-1)
    return xp.matrix_exp(xp.concat([above, below], axis=-2))[..., :n, n:]


matrix_exp = general(
    "matrix_exp", "x, /", "Return the exponentials of square matrices, by scaling and squaring.",
    category="floating-point", batch="leading", body=_matrix_exp_body, prepare=prepare_matrices("matrix_exp"),
    vjp=lambda xp, g, x: _matrix_exp_along(xp, adjoint(xp, x), g),
    jvp=lambda xp, t, x: _matrix_exp_along(xp, x, t), tolerance=8.0,
)  # fmt: skip
