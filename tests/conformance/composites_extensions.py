"""One call of each function of `cb.linalg` and `cb.fft` that is no row and not on the front door."""

from __future__ import annotations

from typing import Any

import candelabra as cb
from candelabra.conformance.composites import SQUARE, Case, M, case, discrete

S, RECTANGLE, BATCH = (2, 3, 3), (4, 3), (2, 3, 4)


def definite(x: Any) -> Any:
    """A Hermitian, positive definite matrix of any."""
    return x @ cb.conj(x.mT) + 2 * cb.eye(x.shape[-1], dtype=x.dtype, device=x.device)


def regular(x: Any) -> Any:
    """A matrix that is far from singular."""
    return x + 4 * cb.eye(x.shape[-1], dtype=x.dtype, device=x.device)


CASES: dict[str, Case] = {
    "linalg.cholesky": case(lambda x: cb.linalg.cholesky(definite(x), upper=True), S, complex=True, tolerance=10),
    "linalg.cond": case(lambda x: cb.linalg.cond(regular(x), 1), S, complex=True, tolerance=30),
    "linalg.cross": case(lambda x, y: cb.linalg.cross(x, y, axis=0), M, M, complex=True),
    "linalg.det": case(lambda x: cb.linalg.det(x), S, complex=True, tolerance=30),
    "linalg.diagonal": case(lambda x: cb.linalg.diagonal(x, offset=1), BATCH, complex=True),
    "linalg.eig": case(lambda x: cb.linalg.eigvals(x).sum(), SQUARE, complex=True, tolerance=100, batch=False),
    "linalg.eigh": case(lambda x: cb.linalg.eigh(definite(x)).eigenvalues, S, complex=True, tolerance=100),
    "linalg.eigvals": case(lambda x: (cb.linalg.eigvals(x) ** 2).sum(-1), S, complex=True, tolerance=300),
    "linalg.eigvalsh": case(lambda x: cb.linalg.eigvalsh(definite(x)), S, complex=True, tolerance=100),
    "linalg.inv": case(lambda x: cb.linalg.inv(regular(x)), S, complex=True, tolerance=30),
    "linalg.lstsq": case(lambda x, y: cb.linalg.lstsq(x, y).solution, RECTANGLE, (4, 2), complex=True, tolerance=300),
    "linalg.lu": case(lambda x: cb.linalg.lu(regular(x)), S, complex=True, tolerance=30),
    "linalg.lu_factor": case(lambda x: cb.linalg.lu_factor(regular(x))[0], S, complex=True, tolerance=30),
    "linalg.lu_solve": case(
        lambda x, y: cb.linalg.lu_solve(*cb.linalg.lu_factor(regular(x)), y), SQUARE, (3, 2), complex=True, tolerance=30
    ),
    "linalg.matmul": case(lambda x, y: cb.linalg.matmul(x, y), BATCH, (4, 2), complex=True),
    "linalg.matrix_exp": case(lambda x: cb.linalg.matrix_exp(x), S, complex=True, tolerance=100),
    "linalg.matrix_norm": case(lambda x: cb.linalg.matrix_norm(x, ord="nuc"), BATCH, complex=True, tolerance=100),
    "linalg.matrix_power": case(lambda x: cb.linalg.matrix_power(regular(x), -2), S, complex=True, tolerance=30),
    "linalg.matrix_rank": discrete(lambda x: cb.linalg.matrix_rank(x), BATCH, complex=True),
    "linalg.matrix_transpose": case(lambda x: cb.linalg.matrix_transpose(x), BATCH, complex=True),
    "linalg.multi_dot": case(lambda x, y, z: cb.linalg.multi_dot([x, y, z]), M, (4, 2), (2, 5), complex=True),
    "linalg.norm": case(lambda x: cb.linalg.norm(x, "fro"), M, complex=True),
    "linalg.outer": case(lambda x, y: cb.linalg.outer(x, y), (4,), (3,), complex=True),
    "linalg.pinv": case(lambda x: cb.linalg.pinv(x), RECTANGLE, complex=True, tolerance=300),
    "linalg.qr": case(lambda x: cb.linalg.qr(regular(x)), S, complex=True, tolerance=100),
    "linalg.slogdet": case(lambda x: cb.linalg.slogdet(regular(x)), S, complex=True, tolerance=30),
    "linalg.solve": case(lambda x, y: cb.linalg.solve(regular(x), y), S, (3, 2), complex=True, tolerance=30),
    "linalg.solve_triangular": case(
        lambda x, y: cb.linalg.solve_triangular(regular(x), y, upper=False), S, (3, 2), complex=True, tolerance=30
    ),
    "linalg.svd": case(lambda x: cb.linalg.svd(x, full_matrices=False).S, BATCH, complex=True, tolerance=100),
    "linalg.svdvals": case(lambda x: cb.linalg.svdvals(x), BATCH, complex=True, tolerance=100),
    "linalg.tensordot": case(lambda x, y: cb.linalg.tensordot(x, y, axes=1), BATCH, (4, 2), complex=True),
    "linalg.trace": case(lambda x: cb.linalg.trace(x, offset=1), BATCH, complex=True),
    "linalg.vecdot": case(lambda x, y: cb.linalg.vecdot(x, y), BATCH, M, complex=True),
    "linalg.vector_norm": case(lambda x: cb.linalg.vector_norm(x, axis=1, ord=3), M, complex=True),
    "fft.fft": case(lambda x: cb.fft.fft(x, n=5, norm="ortho"), M, complex=True),
    "fft.ifft": case(lambda x: cb.fft.ifft(x, axis=0), M, complex=True),
    "fft.fft2": case(lambda x: cb.fft.fft2(x), BATCH, complex=True),
    "fft.ifft2": case(lambda x: cb.fft.ifft2(x, norm="forward"), BATCH, complex=True),
    "fft.fftn": case(lambda x: cb.fft.fftn(x, axes=(0, 1)), M, complex=True),
    "fft.ifftn": case(lambda x: cb.fft.ifftn(x, s=(5, 2), axes=(0, 1)), M, complex=True),
    "fft.rfft": case(lambda x: cb.fft.rfft(x), M),
    "fft.irfft": case(lambda x: cb.fft.irfft(x, n=7), M, complex=True),
    "fft.rfft2": case(lambda x: cb.fft.rfft2(x), BATCH),
    "fft.irfft2": case(lambda x: cb.fft.irfft2(x), BATCH, complex=True),
    "fft.rfftn": case(lambda x: cb.fft.rfftn(x, axes=(0, 1)), M),
    "fft.irfftn": case(lambda x: cb.fft.irfftn(x, axes=(0, 1)), M, complex=True),
    "fft.hfft": case(lambda x: cb.fft.hfft(x), M, complex=True),
    "fft.ihfft": case(lambda x: cb.fft.ihfft(x), M),
    "fft.hfft2": case(lambda x: cb.fft.hfft2(x), BATCH, complex=True),
    "fft.ihfft2": case(lambda x: cb.fft.ihfft2(x), BATCH),
    "fft.hfftn": case(lambda x: cb.fft.hfftn(x, axes=(0, 1)), M, complex=True),
    "fft.ihfftn": case(lambda x: cb.fft.ihfftn(x, axes=(0, 1)), M),
    "fft.fftshift": case(lambda x: cb.fft.fftshift(x, axes=1), M, complex=True),
    "fft.ifftshift": case(lambda x: cb.fft.ifftshift(x), M, complex=True),
}
WITHOUT = {
    "linalg.LinAlgError": "an error",
    "fft.fftfreq": "makes a tensor of no other",
    "fft.rfftfreq": "makes a tensor of no other",
}
