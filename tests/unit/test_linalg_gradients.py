"""Derivatives of linear algebra and Fourier transforms of complex numbers: reverse, double, forward and mapped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.autograd import gradcheck, gradgradcheck

L, F = cb.linalg, cb.fft
INF = float("inf")
Case = tuple[Callable[..., Any], tuple[tuple[int, ...], ...]]


def hermitian(x: Any) -> Any:
    return x + cb.conj(x.mT)


def definite(x: Any) -> Any:
    return x @ cb.conj(x.mT)


# A function, and the shapes of its operands; square ones stay clear of singular matrices.
CASES: dict[str, Case] = {
    "det": (L.det, ((3, 3),)),
    "slogdet": (lambda x: tuple(L.slogdet(x)), ((3, 3),)),
    "logdet": (cb.logdet, ((3, 3),)),
    "inv": (L.inv, ((3, 3),)),
    "inv_ex": (lambda x: L.inv_ex(x).inverse, ((3, 3),)),
    "cholesky": (lambda x: L.cholesky(definite(x)), ((3, 3),)),
    "cholesky_ex": (lambda x: L.cholesky_ex(definite(x), upper=True).L, ((3, 3),)),
    "cholesky_inverse": (lambda x: cb.cholesky_inverse(L.cholesky(definite(x))), ((3, 3),)),
    "cholesky_solve": (lambda x, y: cb.cholesky_solve(y, L.cholesky(definite(x))), ((3, 3), (3, 2))),
    "eigh": (lambda x: tuple(L.eigh(hermitian(x))), ((3, 3),)),
    "eigvalsh": (lambda x: L.eigvalsh(hermitian(x)), ((3, 3),)),
    "eig": (lambda x: tuple(L.eig(x)), ((3, 3),)),
    "eigvals": (L.eigvals, ((3, 3),)),
    "svd of tall": (lambda x: tuple(L.svd(x, full_matrices=False)), ((4, 3),)),
    "svd of wide": (lambda x: tuple(L.svd(x, full_matrices=False)), ((3, 4),)),
    "svdvals": (L.svdvals, ((4, 3),)),
    "pinv": (L.pinv, ((4, 3),)),
    "pinv of hermitian": (lambda x: L.pinv(hermitian(x), hermitian=True), ((3, 3),)),
    "pinv with atol": (lambda x: L.pinv(x, atol=1e-3), ((3, 4),)),
    "qr of tall": (lambda x: tuple(L.qr(x)), ((4, 3),)),
    "qr of wide": (lambda x: tuple(L.qr(x)), ((3, 4),)),
    "solve": (L.solve, ((3, 3), (3, 2))),
    "solve of a vector": (L.solve, ((3, 3), (3,))),
    "solve from the left": (lambda a, b: L.solve(a, b, left=False), ((3, 3), (2, 3))),
    "solve_ex": (lambda a, b: L.solve_ex(a, b).result, ((3, 3), (3, 2))),
    "solve_triangular": (lambda a, b: L.solve_triangular(a, b, upper=True), ((3, 3), (3, 2))),
    "solve_triangular, unit": (
        lambda a, b: L.solve_triangular(a, b, upper=False, left=False, unitriangular=True), ((3, 3), (2, 3)),
    ),
    "lu": (lambda x: tuple(L.lu(x))[1:], ((4, 3),)),
    "lu_factor": (lambda x: L.lu_factor(x)[0], ((3, 4),)),
    "lu_solve": (lambda a, b: L.lu_solve(*L.lu_factor(a), b, adjoint=True), ((3, 3), (3, 2))),
    "lstsq of tall": (lambda a, b: L.lstsq(a, b).solution, ((4, 3), (4, 2))),
    "lstsq of wide": (lambda a, b: L.lstsq(a, b).solution, ((3, 4), (3, 2))),
    "matrix_exp": (L.matrix_exp, ((3, 3),)),
    "matrix_power": (lambda x: L.matrix_power(x, -3), ((3, 3),)),
    "multi_dot": (lambda *x: L.multi_dot(x), ((3, 2), (2, 4), (4, 2))),
    "householder_product": (L.householder_product, ((4, 3), (3,))),
    "ormqr": (lambda x, t, y: cb.ormqr(x, t, y, False, True), ((4, 3), (3,), (2, 4))),
    "geqrf": (lambda x: tuple(cb.geqrf(x)), ((4, 3),)),
    "tensorinv": (lambda x: L.tensorinv(x.reshape(2, 2, 4)), ((4, 4),)),
    "tensorsolve": (lambda a, b: L.tensorsolve(a.reshape(2, 2, 4), b), ((4, 4), (2, 2))),
    "vander": (L.vander, ((3,),)),
    "cross": (L.cross, ((2, 3), (3,))),
    "vecdot": (L.vecdot, ((2, 3), (3,))),
    "cond": (L.cond, ((3, 3),)),
    "cond by columns": (lambda x: L.cond(x, 1), ((3, 3),)),
    "einsum": (lambda a, b, c: cb.einsum("bij,bjk,kl->bil", a, b, c), ((2, 2, 3), (2, 3, 2), (2, 2))),
    "fft": (lambda x: F.fft(x, n=5, norm="ortho"), ((2, 4),)),
    "irfft": (lambda x: F.irfft(x, n=5), ((2, 4),)),
    "hfft": (lambda x: F.hfft(x, n=6, axis=0), ((3, 2),)),
    "fftn": (lambda x: F.fftn(x, s=(3, 5)), ((2, 4),)),
    "irfft2": (lambda x: F.irfft2(x, s=(3, 5)), ((2, 4),)),
    "ihfft2": (lambda x: F.ihfft2(cb.real(x), s=(3, 4)), ((2, 4),)),
    "stft": (lambda x: cb.stft(x, 4, 2, return_complex=True, onesided=False), ((10,),)),
    "istft": (lambda x: cb.istft(x, 4, 2), ((3, 5),)),
    **{f"matrix_norm {o}": (lambda x, o=o: L.matrix_norm(x, ord=o), ((3, 4),))
       for o in ("fro", "nuc", 1, -1, 2, -2, INF, -INF)},
    **{f"vector_norm {o}": (lambda x, o=o: L.vector_norm(x, ord=o, axis=0), ((3, 4),))
       for o in (1, 2, 3, 2.5, -1, INF, -INF, 0.5)},
}  # fmt: skip


def operands(shapes: tuple[tuple[int, ...], ...], seed: int = 3) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    found = []
    for s in shapes:
        x = rng.standard_normal(s) + 1j * rng.standard_normal(s)
        found.append(x + 3 * np.eye(s[0]) if len(s) == 2 and s[0] == s[1] else x)
    return found


def as_tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def total(function: Callable[..., Any]) -> Callable[..., Any]:
    """A real number that sees all that a function returns."""

    def run(*x: Any) -> Any:
        return sum(cb.sum(cb.real(o) * 1.3) + cb.sum(cb.imag(o) * 0.7) if o.dtype.is_complex else cb.sum(o * 1.1)
                   for o in as_tuple(function(*x)))  # fmt: skip

    return run


@pytest.mark.parametrize("name", CASES)
def test_complex(name: str) -> None:
    function, shapes = CASES[name]
    x = tuple(cb.tensor(a, requires_grad=True) for a in operands(shapes))
    assert gradcheck(function, x)
    assert gradgradcheck(function, x)


@pytest.mark.parametrize("name", CASES)
def test_complex_transformed(name: str) -> None:
    function, shapes = CASES[name]
    x = [cb.tensor(a) for a in operands(shapes)]
    t = [cb.tensor(a) for a in operands(shapes, 4)]
    loss, every = total(function), tuple(range(len(x)))
    _, slope = cb.func.jvp(loss, tuple(x), tuple(t))
    gradients = cb.func.grad(loss, argnums=every)(*x)
    wanted = sum(np.sum((np.conj(g.numpy()) * a.numpy()).real) for g, a in zip(gradients, t, strict=True))
    assert np.allclose(slope.item(), wanted, rtol=1e-8)
    stacks = [cb.stack([a, a * 0.9]) for a in x]
    mapped = cb.func.vmap(cb.func.grad(loss, argnums=every))(*stacks)
    for found, alone in zip(mapped, gradients, strict=True):
        assert np.allclose(found[0].numpy(), alone.numpy(), atol=1e-8)
    for found, alone in zip(as_tuple(cb.func.vmap(function)(*stacks)), as_tuple(function(*x)), strict=True):
        assert np.allclose(found[0].numpy(), alone.numpy(), atol=1e-8)


SINGULAR = {
    "one zero": np.diag([1.0, 2.0, 0.0]), "equal values": np.diag([1.0, 1.0, 0.0]), "zeros": np.zeros((3, 3)),
    "rank one": np.ones((3, 3)), "rank two": np.arange(9.0).reshape(3, 3) - 4, "one by one": np.zeros((1, 1)),
    "a stack": np.stack([np.diag([1.0, 2.0, 0.0]), np.eye(3), np.diag([1.0, 0.0, 0.0])]),
}  # fmt: skip


@pytest.mark.parametrize("factor", [1.0, 1.0 + 0.5j])
@pytest.mark.parametrize("name", SINGULAR)
def test_determinants_of_singular_matrices(name: str, factor: complex) -> None:
    x = cb.tensor(SINGULAR[name] * factor, requires_grad=True)
    assert gradcheck(L.det, (x,))
    assert gradgradcheck(L.det, (x,))


@pytest.mark.parametrize("kind", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("shape", [(30, 30), (2, 40, 40), (33, 26), (26, 33)])
def test_large_matrices_take_another_way(shape: tuple[int, ...], kind: str) -> None:
    """LAPACK is called directly for them, and backward passes use what it found: against the small matrices' rules."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if kind.startswith("complex") else 0)
    x = (x / np.sqrt(shape[-1]) + 2 * np.eye(*shape[-2:])).astype(kind)
    tolerance = 2e-3 if kind in ("float32", "complex64") else 1e-9
    functions: dict[str, Callable[..., Any]] = {
        "svdvals": L.svdvals, "qr": lambda x: L.qr(x).R, "svd": lambda x: L.svd(x, False).S,
    }  # fmt: skip
    if shape[-1] == shape[-2]:
        functions |= {
            "det": L.det, "slogdet": lambda x: L.slogdet(x)[1], "inv": L.inv, "solve": lambda x: L.solve(x, x * x),
            "eigvalsh": lambda x: L.eigvalsh(hermitian(x)), "cholesky": lambda x: L.cholesky(definite(x)),
            "eigh": lambda x: L.eigh(hermitian(x)).eigenvalues, "eig": lambda x: cb.sum(L.eig(x).eigenvalues),
        }  # fmt: skip
    for name, function in functions.items():
        leaf = cb.tensor(x, requires_grad=True)
        out = function(leaf)
        seed = cb.ones_like(out.detach()) / out.detach().numpy().size
        (first,) = cb.grad(out, leaf, seed, retain_graph=True)
        (again,) = cb.grad(out, leaf, seed, create_graph=True)
        scale = max(1.0, float(np.abs(again.detach().numpy()).max()))
        np.testing.assert_allclose(first.numpy(), again.detach().numpy(), atol=tolerance * scale, err_msg=name)
        wide = function(cb.tensor(x.astype("complex128" if kind.startswith("complex") else "float64")))
        size = max(1.0, float(np.abs(wide.numpy()).max()))
        np.testing.assert_allclose(out.detach().numpy(), wide.numpy(), atol=tolerance * size, err_msg=name)
