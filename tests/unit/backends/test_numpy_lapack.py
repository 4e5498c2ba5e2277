"""LAPACK called directly, and what stands in where NumPy is built with another library."""

from __future__ import annotations

from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.backends.numpy import elimination, fourier, lapack, reflection, spectral, triangles

L = cb.linalg


def matrices(shape: tuple[int, ...], kind: str = "float64") -> np.ndarray:
    rng = np.random.default_rng(1)
    x = rng.standard_normal(shape)
    return (x + 1j * rng.standard_normal(shape) if kind.startswith("complex") else x).astype(kind)


def results(n: int, kind: str) -> dict[str, list[np.ndarray]]:
    x = matrices((2, n, n), kind) + 2 * np.sqrt(n) * np.eye(n, dtype=kind)
    a, b = cb.tensor(x), cb.tensor(matrices((2, n, 3), kind))
    h = a @ cb.conj(a.mT)
    symmetric, packed = L.ldl_factor(h, hermitian=True), cb.geqrf(a)
    # Signs and phases of vectors are not the same everywhere.
    found: dict[str, Any] = {
        "eigvalsh": L.eigvalsh(h), "svdvals": L.svdvals(a), "inv": L.inv(a), "det": L.det(a / n),
        "solve": L.solve(a, b),
        "slogdet": tuple(L.slogdet(a)), "cholesky": L.cholesky(h), "qr": L.qr(a)[0] @ L.qr(a)[1],
        "lu": tuple(L.lu(a)), "lu_solve": L.lu_solve(*L.lu_factor(a), b), "lstsq": L.lstsq(a[..., :5], b).solution,
        "triangular": L.solve_triangular(a, b, upper=False), "ldl": L.ldl_solve(*symmetric, b, hermitian=True),
        "ex": tuple(L.cholesky_ex(h)), "geqrf": L.householder_product(*packed) @ cb.triu(packed.a),
    }  # fmt: skip
    return {k: [v.numpy() for v in (f if isinstance(f, tuple) else (f,))] for k, f in found.items()}


@pytest.mark.parametrize("kind", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("n", [6, 30])
def test_without_lapack_the_same_is_found(monkeypatch: pytest.MonkeyPatch, n: int, kind: str) -> None:
    assert lapack.AVAILABLE, "NumPy's wheels hold OpenBLAS"
    wanted = results(n, kind)
    monkeypatch.setattr(lapack, "AVAILABLE", False)
    single = kind in ("float32", "complex64")
    for name, parts in results(n, kind).items():
        for a, b in zip(parts, wanted[name], strict=True):
            scale = max(1.0, float(np.abs(b).max()))
            np.testing.assert_allclose(a, b, atol=scale * (1e-3 if single else 1e-10), err_msg=name)


def test_without_pocketfft_s_own_functions_the_same_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    x, real = matrices((3, 4, 5), "complex128"), matrices((3, 4, 5))
    calls = (
        lambda: fourier.fft_c2c(x, axis=(0, 2), scale=0.5), lambda: fourier.fft_c2c(x, axis=1, inverse=True),
        lambda: fourier.fft_r2c(real, axis=1, scale=2.0), lambda: fourier.fft_c2r(x, n=9, axis=-1, scale=0.1),
    )  # fmt: skip
    wanted = [call() for call in calls]
    monkeypatch.setattr(fourier, "_FUNCTIONS", None)
    for call, want in zip(calls, wanted, strict=True):
        np.testing.assert_allclose(call(), want, atol=1e-12)


def test_operands_stay_as_they_are() -> None:
    x, y = matrices((2, 30, 30)), matrices((2, 30, 4))
    before = x.copy(), y.copy()
    calls = (
        lambda: spectral.eigh(x), lambda: spectral.svd(x), lambda: spectral.eig(x), lambda: triangles.triu(x),
        lambda: elimination.lu_packed(x, pivot=True), lambda: elimination.ldl_packed(x, hermitian=False),
        lambda: elimination.solve_triangular(x, y, upper=True, unitriangular=False),
        lambda: reflection.reflections(x), lambda: reflection.lstsq(x, y, np.float64(0)),
    )  # fmt: skip
    for call in calls:
        call()
        assert (x == before[0]).all() and (y == before[1]).all()


def test_views_of_any_layout() -> None:
    whole = matrices((60, 60)) + 9 * np.eye(60)
    y = matrices((30, 3))
    corner = whole[:30, :30]
    for x in (corner, corner.T, whole[::2, ::2], whole[29::-1, 29::-1], np.asfortranarray(corner)):
        plain = np.ascontiguousarray(x)
        for upper in (False, True):
            options = {"upper": upper, "unitriangular": False}
            got, want = elimination.solve_triangular(x, y, **options), elimination.solve_triangular(plain, y, **options)
            np.testing.assert_allclose(got, want)
        np.testing.assert_allclose(spectral.svdvals(x), np.linalg.svd(plain, compute_uv=False))
        packed, pivots = elimination.lu_packed(x, pivot=True)
        np.testing.assert_allclose(elimination.lu_solve(packed, pivots, y, adjoint=False), np.linalg.solve(plain, y))
        read_only = plain.copy()
        read_only.flags.writeable = False
        np.testing.assert_allclose(elimination.lu_packed(read_only, pivot=True)[0], packed)


@pytest.mark.parametrize("shape", [(3, 5), (100, 70), (70, 130), (2, 65, 64), (1, 1), (0, 4), (200, 10), (3, 0)])
def test_triangles_in_blocks(shape: tuple[int, ...]) -> None:
    x = matrices(shape)
    for k in (-300, -70, -5, -1, 0, 1, 3, 64, 65, 150, 300):
        np.testing.assert_array_equal(triangles.triu(x, k=k), np.triu(x, k))
        np.testing.assert_array_equal(triangles.tril(x, k=k), np.tril(x, k))


@pytest.mark.parametrize("n", [2, 3, 200])
def test_cholesky_reads_the_lower_triangle_in_any_layout(n: int) -> None:
    generator = np.random.default_rng(0)
    root = generator.standard_normal((n, n))
    definite = root @ root.T + n * np.eye(n)
    wanted = np.linalg.cholesky(definite)
    indefinite = definite.copy()
    indefinite[n - 1, 0] = indefinite[0, n - 1] = 1e4
    for laid_out in (np.ascontiguousarray, np.asfortranarray):
        np.testing.assert_allclose(cb.linalg.cholesky(cb.asarray(laid_out(definite))).numpy(), wanted, rtol=1e-10)
        assert cb.linalg.cholesky_ex(cb.asarray(laid_out(indefinite))).info.item() == n
