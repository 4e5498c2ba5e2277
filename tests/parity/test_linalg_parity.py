"""The linear algebra extension against torch.linalg: values, gradients of what no sign or phase changes, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest

L = cb.linalg
SHAPES = [(3, 3), (2, 4, 4), (1, 1), (2, 1, 2, 2)]
INF = float("inf")


def matrices(shape: tuple[int, ...], kind: str, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    return x + 1j * rng.standard_normal(shape) if kind.startswith("complex") else x


def definite(xp: Any, x: Any) -> Any:
    n = x.shape[-1]
    unit = cb.eye(n, dtype=x.dtype) if xp is cb else xp.eye(n, dtype=x.dtype)
    return x @ (cb.conj(x.mT) if xp is cb else x.mH) + unit


def hermitian(xp: Any, x: Any) -> Any:
    return x + (cb.conj(x.mT) if xp is cb else x.mH)


def weighted(xp: Any, values: Any, vectors: Any) -> Any:
    """A function of eigenvectors that does not see their signs and phases."""
    other = cb.conj(vectors.mT) if xp is cb else vectors.mH
    if values.dtype != vectors.dtype:
        values = cb.astype(values, vectors.dtype) if xp is cb else values.to(vectors.dtype)
    return (vectors * xp.sin(values)[..., None, :]) @ other


BOTH = pytest.mark.parametrize("kind", ["float64", "complex128"])
EACH = pytest.mark.parametrize("shape", SHAPES)


@BOTH
@EACH
def test_cholesky(compare: Callable[..., None], shape: tuple[int, ...], kind: str) -> None:
    x = matrices(shape, kind)
    for upper in (False, True):
        ours = lambda x, u=upper: L.cholesky(definite(cb, x), upper=u)
        theirs = lambda t, x, u=upper: t.linalg.cholesky(definite(t, x), upper=u)
        compare(ours, theirs, x, dtype=kind, tolerance=10)


@BOTH
@EACH
@pytest.mark.parametrize("name", ["inv", "det", "slogdet"])
def test_square(compare: Callable[..., None], shape: tuple[int, ...], kind: str, name: str) -> None:
    x = matrices(shape, kind, 1)
    compare(getattr(L, name), lambda t, x: getattr(t.linalg, name)(x), x, dtype=kind, tolerance=100)


@BOTH
def test_determinants_of_singular_matrices(kind: str) -> None:
    # PyTorch gives zeros for the first, whose determinant changes with its last element.
    low = matrices((3, 3), kind, 2)
    low[2] = low[0] * 2
    x = np.stack([np.diag([1.0, 2.0, 0.0]).astype(kind), low, matrices((3, 3), kind, 3), np.zeros((3, 3), kind)])
    wanted = np.empty_like(x)
    for k, i, j in np.ndindex(x.shape):
        minor = np.delete(np.delete(x[k], i, 0), j, 1)
        wanted[k, i, j] = np.conj((-1) ** (i + j) * np.linalg.det(minor))
    ours = cb.tensor(x, requires_grad=True)
    (found,) = cb.grad(cb.sum(cb.real(L.det(ours))), ours)
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-12)
    (again,) = cb.grad(cb.sum(cb.real(L.det(ours))), ours, create_graph=True)
    np.testing.assert_allclose(again.detach().numpy(), wanted, atol=1e-12)


@BOTH
@EACH
def test_hermitian_matrices(compare: Callable[..., None], shape: tuple[int, ...], kind: str) -> None:
    x = matrices(shape, kind, 4)
    compare(lambda x: L.eigvalsh(hermitian(cb, x)), lambda t, x: t.linalg.eigvalsh(hermitian(t, x)), x, dtype=kind)
    compare(lambda x: L.eigh(hermitian(cb, x)).eigenvalues, lambda t, x: t.linalg.eigh(hermitian(t, x))[0], x,
            dtype=kind)  # fmt: skip
    compare(lambda x: weighted(cb, *L.eigh(hermitian(cb, x))),
            lambda t, x: weighted(t, *t.linalg.eigh(hermitian(t, x))), x, dtype=kind, tolerance=1000)  # fmt: skip


@BOTH
@EACH
def test_eigenvalues(compare: Callable[..., None], shape: tuple[int, ...], kind: str) -> None:
    x = matrices(shape, kind, 5)
    compare(L.eigvals, lambda t, x: t.linalg.eigvals(x), x, dtype=kind, tolerance=1000)
    compare(lambda x: L.eig(x).eigenvalues, lambda t, x: t.linalg.eig(x)[0], x, dtype=kind, tolerance=1000)
    compare(lambda x: weighted(cb, *L.eig(x)), lambda t, x: weighted(t, *t.linalg.eig(x)), x, dtype=kind,
            tolerance=1000)  # fmt: skip


def parts(xp: Any, u: Any, s: Any, vh: Any) -> Any:
    k = s.shape[-1]
    s = cb.astype(s, u.dtype) if xp is cb else s.to(u.dtype)
    return (u[..., :, :k] * xp.sin(s)[..., None, :]) @ vh[..., :k, :]


@BOTH
@pytest.mark.parametrize("shape", [*SHAPES, (4, 2), (2, 3, 5)])
def test_singular_values(compare: Callable[..., None], shape: tuple[int, ...], kind: str) -> None:
    x = matrices(shape, kind, 6)
    compare(L.svdvals, lambda t, x: t.linalg.svdvals(x), x, dtype=kind, tolerance=10)
    # Second derivatives of full bases are PyTorch's only for square matrices.
    for full in (False, True):
        compare(lambda x, f=full: parts(cb, *L.svd(x, full_matrices=f)),
                lambda t, x, f=full: parts(t, *t.linalg.svd(x, full_matrices=f)), x,
                order=1 if full else 2, dtype=kind, tolerance=1000)  # fmt: skip


@BOTH
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 2, 5)])
def test_pseudo_inverse(compare: Callable[..., None], shape: tuple[int, ...], kind: str) -> None:
    x = matrices(shape, kind, 7)
    compare(L.pinv, lambda t, x: t.linalg.pinv(x), x, dtype=kind, tolerance=100)
    low = matrices((*shape[:-1], 1), kind, 8) @ matrices((*shape[:-2], 1, shape[-1]), kind, 9)
    compare(lambda x: L.pinv(x, rtol=1e-8), lambda t, x: t.linalg.pinv(x, rtol=1e-8), low, dtype=kind, order=1,
            tolerance=100)  # fmt: skip


def test_rank(compare: Callable[..., None]) -> None:
    x = np.stack([np.diag([3.0, 2.0, 1e-20]), np.eye(3), np.zeros((3, 3))])
    compare(L.matrix_rank, lambda t, x: t.linalg.matrix_rank(x), x)
    for rtol in (0.5, 0.9):
        compare(lambda x, r=rtol: L.matrix_rank(x, rtol=r), lambda t, x, r=rtol: t.linalg.matrix_rank(x, rtol=r), x)
    rtol = np.array([0.9, 0.0, 0.0])
    compare(lambda x, r: L.matrix_rank(x, rtol=r.detach()), lambda t, x, r: t.linalg.matrix_rank(x, rtol=r.detach()), x,
            rtol)  # fmt: skip


@BOTH
@pytest.mark.parametrize("n", [-3, -1, 0, 1, 2, 5, 8])
def test_power(compare: Callable[..., None], n: int, kind: str) -> None:
    x = matrices((2, 3, 3), kind, 10)
    compare(lambda x: L.matrix_power(x, n), lambda t, x: t.linalg.matrix_power(x, n), x, dtype=kind, tolerance=1000)


@BOTH
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("order", ["fro", "nuc", 1, -1, 2, -2, INF, -INF])
def test_matrix_norm(compare: Callable[..., None], order: Any, keepdims: bool, kind: str) -> None:
    x = matrices((2, 3, 4), kind, 11)
    compare(lambda x: L.matrix_norm(x, ord=order, keepdims=keepdims),
            lambda t, x: t.linalg.matrix_norm(x, ord=order, keepdim=keepdims), x, dtype=kind, tolerance=10)  # fmt: skip


@BOTH
def test_products_and_diagonals(compare: Callable[..., None], kind: str) -> None:
    a, b = matrices((2, 3), kind, 12), matrices((2, 3), kind, 13)
    compare(L.cross, lambda t, a, b: t.linalg.cross(a, b), a, b, dtype=kind)
    compare(L.vecdot, lambda t, a, b: t.linalg.vecdot(a, b), a, b, dtype=kind)
    compare(lambda a, b: L.tensordot(a, b, axes=([1], [1])), lambda t, a, b: t.tensordot(a, b, ([1], [1])), a, b,
            dtype=kind)  # fmt: skip
    compare(lambda a, b: L.outer(a[0], b[1]), lambda t, a, b: t.outer(a[0], b[1]), a, b, dtype=kind)
    x = matrices((2, 3, 4), kind, 14)
    for offset in (-1, 0, 2):
        compare(lambda x, k=offset: L.diagonal(x, offset=k), lambda t, x, k=offset: t.linalg.diagonal(x, offset=k), x,
                dtype=kind)  # fmt: skip
    compare(L.trace, lambda t, x: t.stack([v.trace() for v in x]), matrices((2, 3, 3), kind), dtype=kind)
    for order in (1, 2, 3.5, INF, -INF, 0):
        compare(lambda x, o=order: L.vector_norm(x, axis=1, ord=o),
                lambda t, x, o=order: t.linalg.vector_norm(x, dim=1, ord=o), x, dtype=kind, tolerance=10)  # fmt: skip


def test_phases_are_chosen_and_differentiable() -> None:
    x = cb.tensor(matrices((3, 3), "complex128", 15), requires_grad=True)
    for name in ("eigh", "eig", "svd"):
        function = lambda x, name=name: tuple(getattr(L, name)(x))
        vectors = function(x)[0 if name == "svd" else 1].detach().numpy()
        largest = vectors[np.argmax(np.abs(vectors), axis=0), range(3)]
        assert np.all(largest.imag == 0) and np.all(largest.real > 0)
        # PyTorch refuses a loss that depends on phases.
        assert cb.autograd.gradcheck(function, (x,))


@pytest.mark.parametrize("name", ["inv", "cholesky", "solve"])
def test_matrices_that_do_not_do(torch: Any, name: str) -> None:
    more = (cb.ones((2, 1)),) if name == "solve" else ()
    theirs = (torch.ones(2, 1),) if name == "solve" else ()
    with pytest.raises(torch.linalg.LinAlgError):
        getattr(torch.linalg, name)(torch.zeros(2, 2), *theirs)
    with pytest.raises(L.LinAlgError, match=rf"{name}\(.*float32 \(2, 2\).*add a multiple of the identity"):
        getattr(L, name)(cb.zeros((2, 2)), *more)


@BOTH
@pytest.mark.parametrize("scale", [0.1, 1.0, 20.0])
def test_exponential(compare: Callable[..., None], scale: float, kind: str) -> None:
    x = matrices((2, 3, 3), kind, 20)
    x[0] *= scale
    compare(L.matrix_exp, lambda t, x: t.linalg.matrix_exp(x), x, dtype=kind, tolerance=1000)


@BOTH
def test_triangular_systems(compare: Callable[..., None], kind: str) -> None:
    x = matrices((2, 3, 3), kind, 21) + 3 * np.eye(3)
    for upper in (False, True):
        for unit in (False, True):
            for left, y in ((True, matrices((3, 2), kind, 22)), (False, matrices((2, 4, 3), kind, 23))):
                options = {"upper": upper, "left": left, "unitriangular": unit}
                compare(lambda a, b, o=options: L.solve_triangular(a, b, **o),
                        lambda t, a, b, o=options: t.linalg.solve_triangular(a, b, **o), x, y, dtype=kind,
                        tolerance=100)  # fmt: skip


@BOTH
@pytest.mark.parametrize(
    ("left", "right"), [((5, 3), (5, 2)), ((2, 4, 2), (2, 4)), ((2, 2, 3), (2, 2, 1)), ((3, 3), (3, 1)), ((4, 2), (4,))]
)
def test_least_squares(compare: Callable[..., None], left: Any, right: Any, kind: str) -> None:
    a, b = matrices(left, kind, 24), matrices(right, kind, 25)
    compare(lambda a, b: L.lstsq(a, b).solution, lambda t, a, b: t.linalg.lstsq(a, b).solution, a, b, dtype=kind,
            tolerance=100)  # fmt: skip
    for driver in (None, "gels", "gelsd", "gelss", "gelsy"):
        compare(lambda a, b, d=driver: tuple(L.lstsq(a, b, driver=d))[1:],
                lambda t, a, b, d=driver: tuple(t.linalg.lstsq(a, b, driver=d))[1:], a, b, order=0, dtype=kind,
                tolerance=100)  # fmt: skip


@BOTH
def test_norms_conditions_and_chains(compare: Callable[..., None], kind: str) -> None:
    x, square = matrices((2, 3, 4), kind, 26), matrices((2, 3, 3), kind, 27)
    pairs = ((None, None), (None, 1), (None, (0, 2)), (3, 2), ("fro", (0, 1)), ("nuc", (2, 0)), (INF, (1, 2)))
    for order, axis in pairs:
        for keep in (False, True):
            compare(lambda x, o=order, d=axis, k=keep: L.norm(x, o, d, k),
                    lambda t, x, o=order, d=axis, k=keep: t.linalg.norm(x, o, d, k), x, dtype=kind,
                    tolerance=100)  # fmt: skip
    compare(lambda x: L.norm(x[0, 0], 1, dim=0, keepdim=True), lambda t, x: t.linalg.norm(x[0, 0], 1, 0, True), x,
            dtype=kind)  # fmt: skip
    compare(lambda x: L.norm(x[0], 1), lambda t, x: t.linalg.norm(x[0], 1), x, dtype=kind)
    for p in (None, 2, -2, 1, -1, INF, -INF, "fro", "nuc"):
        # PyTorch cannot differentiate its own for the other norms.
        order = 2 if p in (None, 2, -2) else 0
        compare(lambda x, p=p: L.cond(x, p), lambda t, x, p=p: t.linalg.cond(x, p), square, order=order, dtype=kind,
                tolerance=1000)  # fmt: skip
    ones = lambda t, x: t.linalg.matrix_norm(x, 1) * t.linalg.matrix_norm(t.linalg.inv(x), 1)
    compare(lambda x: L.cond(x, 1), ones, square, dtype=kind, tolerance=1000)
    chain = [matrices(s, kind, 30 + i) for i, s in enumerate([(2, 5), (5, 1), (1, 7), (7, 3)])]
    compare(lambda *c: L.multi_dot(c), lambda t, *c: t.linalg.multi_dot(c), *chain, dtype=kind)
    ends = [chain[0][0], *chain[1:3], chain[3][:, 0]]
    for part in (ends, ends[:3], ends[1:]):
        compare(lambda *c: L.multi_dot(c), lambda t, *c: t.linalg.multi_dot(c), *part, dtype=kind)


@BOTH
@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 2), (2, 3, 5), (1, 1)])
def test_elimination(compare: Callable[..., None], shape: tuple[int, ...], kind: str) -> None:
    x = matrices(shape, kind, 40)
    compare(lambda x: tuple(L.lu(x)), lambda t, x: tuple(t.linalg.lu(x)), x, dtype=kind, tolerance=100)
    compare(lambda x: tuple(L.lu_factor(x)), lambda t, x: tuple(t.linalg.lu_factor(x)), x, dtype=kind, tolerance=100)


@BOTH
@pytest.mark.parametrize("adjoint", [False, True])
@pytest.mark.parametrize("left", [False, True])
def test_solving_by_factors(compare: Callable[..., None], left: bool, adjoint: bool, kind: str) -> None:
    x, y = matrices((2, 3, 3), kind, 41), matrices((2, 3, 4) if left else (2, 4, 3), kind, 42)
    compare(lambda a, b: L.lu_solve(*L.lu_factor(a), b, left=left, adjoint=adjoint),
            lambda t, a, b: t.linalg.lu_solve(*t.linalg.lu_factor(a), b, left=left, adjoint=adjoint), x, y, dtype=kind,
            tolerance=1000)  # fmt: skip
