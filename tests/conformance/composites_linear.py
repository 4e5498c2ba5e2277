"""One call of each function of linear algebra under PyTorch's name on the front door, or beyond the standard."""

from __future__ import annotations

import candelabra as cb
from candelabra.conformance.composites import SQUARE, Case, M, case
from candelabra.conformance.composites_extensions import S, definite, regular

CASES: dict[str, Case] = {
    "cholesky": case(lambda x: cb.cholesky(definite(x)), S, complex=True, tolerance=10),
    "cholesky_inverse": case(lambda x: cb.cholesky_inverse(cb.tril(regular(x))), S, complex=True, tolerance=100),
    "cholesky_solve": case(
        lambda y, x: cb.cholesky_solve(y, cb.tril(regular(x))), (3, 2), S, complex=True, tolerance=100
    ),
    "det": case(lambda x: cb.det(regular(x)), S, complex=True, tolerance=30),
    "frobenius_norm": case(lambda x: cb.frobenius_norm(x, dim=(0, 1)), M, complex=True),
    "geqrf": case(lambda x: cb.orgqr(*cb.geqrf(regular(x))), SQUARE, batch=False, derivative=False),
    "inverse": case(lambda x: cb.inverse(regular(x)), S, complex=True, tolerance=30),
    "logdet": case(lambda x: cb.logdet(definite(x)), S, tolerance=30),
    "lu": case(lambda x: cb.lu(regular(x))[0], S, complex=True, tolerance=30),
    "lu_solve": case(
        lambda y, x: cb.lu_solve(y, *cb.linalg.lu_factor(regular(x))), (3, 2), SQUARE, complex=True, tolerance=30
    ),
    "lu_unpack": case(lambda x: cb.lu_unpack(*cb.linalg.lu_factor(regular(x))), S, complex=True, tolerance=30),
    "matrix_exp": case(lambda x: cb.matrix_exp(x), S, complex=True, tolerance=100),
    "matrix_power": case(lambda x: cb.matrix_power(regular(x), 3), S, complex=True, tolerance=30),
    "norm_except_dim": case(lambda x: cb.norm_except_dim(x, 2, 1), M),
    "nuclear_norm": case(lambda x: cb.nuclear_norm(x), M, complex=True, tolerance=100),
    "orgqr": case(lambda x, t: cb.orgqr(x, t), (4, 3), (3,), complex=True, tolerance=30),
    "ormqr": case(lambda x, t, y: cb.ormqr(x, t, y), (4, 3), (3,), (4, 2), complex=True, tolerance=30),
    "pinverse": case(lambda x: cb.pinverse(x), (4, 3), complex=True, tolerance=300),
    "qr": case(lambda x: cb.qr(regular(x)), S, complex=True, tolerance=100),
    "slogdet": case(lambda x: cb.slogdet(regular(x))[1], S, complex=True, tolerance=30),
    "svd": case(lambda x: cb.svd(x)[1], (2, 3, 4), complex=True, tolerance=100),
    "triangular_solve": case(
        lambda y, x: cb.triangular_solve(y, regular(x))[0], (3, 2), S, complex=True, tolerance=30
    ),
}  # fmt: skip
WITHOUT = {**dict.fromkeys(("pca_lowrank", "svd_lowrank"), "starts from random vectors")}

EXTENSIONS: dict[str, Case] = {
    "linalg.cholesky_ex": case(lambda x: cb.linalg.cholesky_ex(definite(x))[0], S, complex=True, tolerance=10),
    "linalg.householder_product": case(
        lambda x, t: cb.linalg.householder_product(x, t), (4, 3), (3,), complex=True, tolerance=30
    ),
    "linalg.inv_ex": case(lambda x: cb.linalg.inv_ex(regular(x))[0], S, complex=True, tolerance=30),
    "linalg.ldl_factor": case(lambda x: cb.linalg.ldl_factor(definite(x))[0], S, derivative=False, batch=False),
    "linalg.ldl_factor_ex": case(lambda x: cb.linalg.ldl_factor_ex(definite(x))[0], S, derivative=False, batch=False),
    "linalg.ldl_solve": case(
        lambda x, p, y: cb.linalg.ldl_solve(regular(x), p, y), SQUARE, [1, 2, 3], (3, 2), tolerance=100, batch=False
    ),
    "linalg.lu_factor_ex": case(lambda x: cb.linalg.lu_factor_ex(regular(x))[0], S, complex=True, tolerance=30),
    "linalg.solve_ex": case(lambda x, y: cb.linalg.solve_ex(regular(x), y)[0], S, (3, 2), complex=True, tolerance=30),
    "linalg.tensorinv": case(
        lambda x: cb.linalg.tensorinv(cb.reshape(x + 4 * cb.eye(6, dtype=x.dtype, device=x.device), (2, 3, 6)), ind=2),
        (6, 6), complex=True, tolerance=100,
    ),
    "linalg.tensorsolve": case(
        lambda x, y: cb.linalg.tensorsolve(
            cb.reshape(x + 4 * cb.eye(6, dtype=x.dtype, device=x.device), (2, 3, 6)), y
        ),
        (6, 6), (2, 3), complex=True, tolerance=100,
    ),
}  # fmt: skip
