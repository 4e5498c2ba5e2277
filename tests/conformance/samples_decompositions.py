"""Generators of valid calls for eigenvalues, singular values, determinants and inverses.

Values to differentiate stay clear of equal eigenvalues and of singular matrices, where there is no derivative.
"""

from __future__ import annotations

import numpy as np
from candelabra.conformance.drawing import Draw, Sample


def _lead(d: Draw) -> tuple[int, ...]:
    return d.shape(0, 1)


def _spread(d: Draw, lead: tuple[int, ...], n: int) -> np.ndarray:
    """Matrices with distinct eigenvalues and singular values: a diagonal of different numbers, and little beside it."""
    x = d.array((*lead, n, n), "(-0.3, 0.3)")
    return np.asarray(x + np.diag(1.5 + np.arange(n)).astype(d.dtype)).astype(d.dtype)


def _square(d: Draw) -> np.ndarray:
    return _spread(d, _lead(d), d.integer(1, 3 if d.smooth else 4))


def draw_cholesky(d: Draw) -> Sample:
    # Where a check turns the first axis about, it must be one of a stack: turned matrices are not definite.
    lead = (d.integer(1, 2),) if d.smooth else _lead(d)
    return Sample((_spread(d, lead, d.integer(1, 3)),))


def draw_inv(d: Draw) -> Sample:
    return Sample((_square(d),))


def draw_det(d: Draw) -> Sample:
    if d.smooth or d.flag():
        return Sample((_square(d),))
    n = d.side(0, 4)
    return Sample((d.array((*_lead(d), n, n), "(-1, 1)"),))


def draw_matrix_exp(d: Draw) -> Sample:
    n = d.integer(1, 2 if d.smooth else 4)
    return Sample((d.array((*_lead(d), n, n), "(-1, 1)"),))


def draw_slogdet(d: Draw) -> Sample:
    return Sample((_square(d),))


def draw_eigh(d: Draw) -> Sample:
    return Sample((_square(d),))


def draw_eigvalsh(d: Draw) -> Sample:
    return Sample((_square(d),))


def draw_eig(d: Draw) -> Sample:
    return Sample((_square(d),))


def draw_eigvals(d: Draw) -> Sample:
    return Sample((_square(d),))


def _rectangle(d: Draw, lead: tuple[int, ...] | None = None) -> np.ndarray:
    m, n = d.integer(1, 3), d.integer(1, 3)
    square = _spread(d, _lead(d) if lead is None else lead, max(m, n))
    return np.ascontiguousarray(square[..., :m, :n])


def draw_svd(d: Draw) -> Sample:
    x = _rectangle(d)
    # Of the columns beyond the singular values only the space is determined.
    full = d.flag() if x.shape[-1] == x.shape[-2] else not d.smooth and d.flag()
    return Sample((x,), {"full_matrices": full})


def draw_svdvals(d: Draw) -> Sample:
    return Sample((_rectangle(d),))


def draw_pinv(d: Draw) -> Sample:
    x = _rectangle(d, d.shape(0, 1, empty=False))
    return Sample((x, np.asarray(1e-3, dtype=np.float32)))


def draw_lu_packed(d: Draw) -> Sample:
    return Sample((_rectangle(d),), {"pivot": d.flag()})
