"""What torch.linalg and torch have beside the standard's linear algebra, and each of PyTorch's arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest

L = cb.linalg
INF = float("inf")
BOTH = pytest.mark.parametrize("kind", ["float64", "complex128"])
FLAGS = pytest.mark.parametrize("flag", [False, True])


def matrices(shape: tuple[int, ...], kind: str, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    return x + 1j * rng.standard_normal(shape) if kind.startswith("complex") else x


def regular(shape: tuple[int, ...], kind: str, seed: int = 0) -> np.ndarray:
    return matrices(shape, kind, seed) + 3 * np.eye(shape[-2], shape[-1])


def host(x: Any) -> np.ndarray:
    return np.asarray(x.resolve_conj().numpy() if hasattr(x, "resolve_conj") else x.numpy())


def definite(xp: Any, x: Any) -> Any:
    return x @ (cb.conj(x.mT) if xp is cb else x.mH)


def same(ours: Any, theirs: Any, tolerance: float = 1e-10) -> None:
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype.name == str(b.dtype).removeprefix("torch.") and tuple(a.shape) == tuple(b.shape)
        np.testing.assert_allclose(host(a), host(b), rtol=tolerance, atol=tolerance)


@BOTH
@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 4), (1, 1), (30, 30)])
def test_results_with_info(compare: Callable[..., None], torch: Any, shape: tuple[int, ...], kind: str) -> None:
    x, y = regular(shape, kind), matrices((*shape[:-1], 2), kind, 1)
    order = 1 if shape[-1] > 9 else 2
    for upper in (False, True):
        compare(lambda x, u=upper: tuple(L.cholesky_ex(definite(cb, x), upper=u)),
                lambda t, x, u=upper: tuple(t.linalg.cholesky_ex(definite(t, x), upper=u)), x, order=0, dtype=kind,
                tolerance=1000)  # fmt: skip
    compare(lambda x: tuple(L.inv_ex(x)), lambda t, x: tuple(t.linalg.inv_ex(x)), x, order=order, dtype=kind,
            tolerance=1000)  # fmt: skip
    compare(lambda x: tuple(L.lu_factor_ex(x)), lambda t, x: tuple(t.linalg.lu_factor_ex(x)), x, order=order,
            dtype=kind, tolerance=1000)  # fmt: skip
    compare(lambda x, y: tuple(L.solve_ex(x, y)), lambda t, x, y: tuple(t.linalg.solve_ex(x, y)), x, y, order=order,
            dtype=kind, tolerance=1000)  # fmt: skip


def test_info_of_matrices_that_do_not_do(torch: Any) -> None:
    x = np.stack([np.eye(3), np.diag([1.0, -1.0, 2.0]), np.diag([0.0, 1.0, 1.0]), np.diag([1.0, 2.0, 0.0])])
    ours, theirs = cb.tensor(x), torch.tensor(x)
    for name in ("cholesky_ex", "inv_ex", "lu_factor_ex", "ldl_factor_ex"):
        found, wanted = getattr(L, name)(ours), getattr(torch.linalg, name)(theirs)
        assert found.info.tolist() == wanted.info.tolist(), name
        assert found.info.dtype is cb.int32
        assert np.allclose(host(found[0])[0], host(wanted[0])[0])
    assert L.solve_ex(ours, cb.ones((3, 1), dtype=cb.float64)).info.tolist() == [0, 0, 1, 3]
    assert bool(cb.all(cb.isnan(L.inv_ex(ours).inverse[2])))
    for name in ("cholesky_ex", "inv_ex", "lu_factor_ex", "ldl_factor_ex"):
        assert getattr(L, name)(ours[0], check_errors=True).info.item() == 0
        with pytest.raises(RuntimeError):
            getattr(torch.linalg, name)(theirs, check_errors=True)
        with pytest.raises(L.LinAlgError, match=r"batch element [12]\)"):
            getattr(L, name)(ours, check_errors=True)
    with pytest.raises(L.LinAlgError, match=r"ldl_factor: D has a zero block, .*\(batch element 2\): number 1; add"):
        L.ldl_factor(ours)


@BOTH
@FLAGS
@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (2, 3, 3), (2, 2, 6, 6)])
def test_symmetric_factors(torch: Any, shape: tuple[int, ...], flag: bool, kind: str) -> None:
    x = matrices(shape, kind, 3)
    x = x + np.swapaxes(x.conj() if flag else x, -1, -2)
    y = matrices((*shape[:-1], 2), kind, 4)
    ours, theirs = L.ldl_factor(cb.tensor(x), hermitian=flag), torch.linalg.ldl_factor(torch.tensor(x), hermitian=flag)
    assert ours.pivots.tolist() == theirs.pivots.tolist() and ours.pivots.dtype is cb.int32
    np.testing.assert_allclose(np.tril(host(ours.LD)), np.tril(host(theirs.LD)), atol=1e-10)
    same((L.ldl_solve(*ours, cb.tensor(y), hermitian=flag),),
         (torch.linalg.ldl_solve(*theirs, torch.tensor(y), hermitian=flag),), 1e-8)  # fmt: skip
    # PyTorch has no derivative.
    side = cb.tensor(y, requires_grad=True)
    assert cb.autograd.gradcheck(lambda b: L.ldl_solve(*ours, b, hermitian=flag), (side,))


@BOTH
@pytest.mark.parametrize(("shape", "k"), [((3, 3), 3), ((5, 3), 3), ((2, 4, 2), 2), ((4, 3), 2), ((3, 1), 1)])
def test_products_of_reflections(
    compare: Callable[..., None], torch: Any, shape: tuple[int, ...], k: int, kind: str
) -> None:
    packed, tau = torch.geqrf(torch.tensor(matrices(shape, kind, 5)))
    x, t = host(packed), host(tau)[..., :k]
    mine = cb.geqrf(cb.tensor(matrices(shape, kind, 5)))
    same(mine, (packed, tau))
    compare(L.householder_product, lambda t_, x, t: t_.linalg.householder_product(x, t), x, t, dtype=kind,
            tolerance=100)  # fmt: skip
    compare(cb.orgqr, lambda t_, x, t: t_.orgqr(x, t), x, t, order=1, dtype=kind, tolerance=100)
    # Factors that make no orthogonal matrices.
    free = matrices(t.shape, kind, 6)
    compare(L.householder_product, lambda t_, x, t: t_.linalg.householder_product(x, t), x, free, order=0, dtype=kind)
    for left in (False, True):
        other = matrices((*shape[:-2], shape[-2], 2) if left else (*shape[:-2], 2, shape[-2]), kind, 7)
        for turned in (False, True):
            if k == min(shape[-2:]):
                compare(lambda x, t, o, a=(left, turned): cb.ormqr(x, t, o, *a),
                        lambda t_, x, t, o, a=(left, turned): t_.ormqr(x, t, o, *a), x, t, other, order=0, dtype=kind,
                        tolerance=100)  # fmt: skip


@BOTH
def test_tensors_as_maps(compare: Callable[..., None], kind: str) -> None:
    for shape, ind in (((2, 3, 6), 2), ((6, 2, 3), 1), ((4, 2, 2), 1), ((4, 4), 1)):
        x = regular((np.prod(shape[:ind]), np.prod(shape[ind:])), kind, 8).reshape(shape)
        compare(lambda x, i=ind: L.tensorinv(x, i), lambda t, x, i=ind: t.linalg.tensorinv(x, i), x, dtype=kind,
                tolerance=100)  # fmt: skip
    x, y = regular((6, 6), kind, 9).reshape(2, 3, 6), matrices((2, 3), kind, 10)
    compare(L.tensorsolve, lambda t, x, y: t.linalg.tensorsolve(x, y), x, y, dtype=kind, tolerance=100)
    turned = x.reshape(2, 3, 3, 2).transpose(0, 2, 1, 3).copy()
    compare(lambda x, y: L.tensorsolve(x, y, dims=(1, 3)), lambda t, x, y: t.linalg.tensorsolve(x, y, dims=(1, 3)),
            np.ascontiguousarray(turned), y, dtype=kind, tolerance=1000)  # fmt: skip


@BOTH
def test_powers_of_a_vector(compare: Callable[..., None], kind: str) -> None:
    x = matrices((2, 3), kind, 11)
    x[0, 0] = 0
    for n in (None, 2, 4):
        compare(lambda x, n=n: L.vander(x, n), lambda t, x, n=n: t.linalg.vander(x, N=n), x, dtype=kind, tolerance=10)
    compare(lambda x: L.vander(x, N=3), lambda t, x: t.linalg.vander(x, N=3), np.arange(4, dtype=np.int32))


@BOTH
@pytest.mark.parametrize("uplo", ["L", "U"])
def test_one_triangle(compare: Callable[..., None], uplo: str, kind: str) -> None:
    x = matrices((2, 4, 4), kind, 12)
    compare(lambda x: L.eigvalsh(x, uplo), lambda t, x: t.linalg.eigvalsh(x, uplo), x, order=1, dtype=kind)
    compare(lambda x: L.eigh(x, UPLO=uplo).eigenvalues, lambda t, x: t.linalg.eigh(x, UPLO=uplo)[0], x, order=1,
            dtype=kind)  # fmt: skip
    whole = x + np.swapaxes(x.conj(), -1, -2)
    compare(lambda x: L.eigvalsh(x, uplo), lambda t, x: t.linalg.eigvalsh(x, uplo), whole, order=1, dtype=kind)


@BOTH
def test_tolerances(compare: Callable[..., None], torch: Any, kind: str) -> None:
    u = np.linalg.qr(matrices((4, 4), kind, 13))[0]
    x = (u * np.array([8.0, 2.0, 0.5, 0.01])) @ u.conj().T
    tall = x[:, :3].copy()
    for given in (x, tall):
        for options in ({}, {"rtol": 0.1}, {"atol": 1.0}, {"rtol": 0.001, "atol": 0.1}, {"atol": 0.0}):
            compare(lambda x, o=options: L.pinv(x, **o), lambda t, x, o=options: t.linalg.pinv(x, **o), given, order=1,
                    dtype=kind, tolerance=1000)  # fmt: skip
            compare(lambda x, o=options: L.matrix_rank(x, **o), lambda t, x, o=options: t.linalg.matrix_rank(x, **o),
                    given)  # fmt: skip
    signed = (u * np.array([8.0, -2.0, 0.5, -0.01])) @ u.conj().T
    for options in ({}, {"rtol": 0.1}, {"atol": 1.0}):
        chosen = {"hermitian": True, **options}
        compare(lambda x, o=chosen: L.pinv(x, **o), lambda t, x, o=chosen: t.linalg.pinv(x, **o), signed, order=0,
                dtype=kind, tolerance=1000)  # fmt: skip
        compare(lambda x, o=chosen: L.matrix_rank(x, **o), lambda t, x, o=chosen: t.linalg.matrix_rank(x, **o), signed)
        compare(lambda x, o=chosen: L.pinv((x + cb.conj(x.mT)) / 2, **o),
                lambda t, x, o=chosen: t.linalg.pinv((x + x.mH) / 2, **o), signed, order=1, dtype=kind,
                tolerance=1000)  # fmt: skip
    each = np.array([1.0, 0.001])
    pair = np.stack([x, x])
    ours, theirs = ({"atol": xp.tensor(each), "rtol": xp.tensor(each)} for xp in (cb, torch))
    found, wanted = L.matrix_rank(cb.tensor(pair), **ours), torch.linalg.matrix_rank(torch.tensor(pair), **theirs)
    assert found.tolist() == wanted.tolist()


@BOTH
def test_solving_from_the_left(compare: Callable[..., None], kind: str) -> None:
    x = regular((2, 3, 3), kind, 14)
    for y in (matrices((2, 4, 3), kind, 15), matrices((4, 3), kind, 16)):
        compare(lambda a, b: L.solve(a, b, left=False), lambda t, a, b: t.linalg.solve(a, b, left=False), x, y,
                dtype=kind, tolerance=100)  # fmt: skip
        compare(lambda a, b: L.solve_ex(a, b, left=False).result,
                lambda t, a, b: t.linalg.solve_ex(a, b, left=False)[0], x, y, dtype=kind, tolerance=100)  # fmt: skip


@BOTH
def test_the_factor_r_alone(compare: Callable[..., None], kind: str) -> None:
    for shape in ((3, 3), (4, 2), (2, 2, 5)):
        compare(lambda x: tuple(L.qr(x, "r")), lambda t, x: tuple(t.linalg.qr(x, "r")), matrices(shape, kind, 17),
                order=0, dtype=kind)  # fmt: skip


ORDERS: list[Any] = [0, 1, 2, 2.5, 3, -1, -2, 0.5, INF, -INF]


@BOTH
@pytest.mark.parametrize("order", ORDERS)
def test_vector_norms(compare: Callable[..., None], order: float, kind: str) -> None:
    x = matrices((2, 3, 4), kind, 18)
    for axis in (None, 1, (0, 2), -1):
        for keep in (False, True):
            compare(lambda x, d=axis, k=keep: L.vector_norm(x, order, d, k),
                    lambda t, x, d=axis, k=keep: t.linalg.vector_norm(x, order, d, k), x, dtype=kind,
                    tolerance=100)  # fmt: skip
    options: dict[str, Any] = {"ord": order, "dim": 2, "keepdim": True}
    compare(lambda x: L.vector_norm(x, **options), lambda t, x: t.linalg.vector_norm(x, **options), x, order=0,
            dtype=kind)  # fmt: skip
    narrow = "complex64" if kind == "complex128" else "float32"
    compare(lambda x: L.vector_norm(x, order, dtype=getattr(cb, kind)),
            lambda t, x: t.linalg.vector_norm(x, order, dtype=getattr(t, kind)), x, order=1, dtype=narrow,
            tolerance=10)  # fmt: skip
    with pytest.raises(cb.CandelabraError, match=f"vector_norm: dtype {narrow} is narrower than the operand's, {kind}"):
        L.vector_norm(cb.tensor(x), order, dtype=narrow)


@BOTH
@pytest.mark.parametrize("order", ["fro", "nuc", 1, -1, 2, -2, INF, -INF])
def test_matrix_norms(compare: Callable[..., None], order: Any, kind: str) -> None:
    x = matrices((2, 3, 4), kind, 19)
    for axes in ((0, 1), (-1, 0), (2, 1)):
        compare(lambda x, d=axes: L.matrix_norm(x, order, d, True),
                lambda t, x, d=axes: t.linalg.matrix_norm(x, order, d, True), x, dtype=kind, tolerance=100)  # fmt: skip
        compare(lambda x, d=axes: L.matrix_norm(x, ord=order, dim=d),
                lambda t, x, d=axes: t.linalg.matrix_norm(x, ord=order, dim=d), x, order=0, dtype=kind)  # fmt: skip


@BOTH
@pytest.mark.parametrize("order", [None, 0, 1, 2, 2.5, 3, INF, -INF])
def test_norms_at_zero(compare: Callable[..., None], order: Any, kind: str) -> None:
    zero = np.zeros((2, 3), kind)
    compare(lambda x: L.norm(x, order, 1), lambda t, x: t.linalg.norm(x, order, 1), zero, order=1, dtype=kind)


@BOTH
def test_arguments_by_pytorch_s_names(compare: Callable[..., None], kind: str) -> None:
    a, b = matrices((3, 2), kind, 20), matrices((3, 2), kind, 21)
    compare(lambda a, b: L.cross(a, b, dim=0), lambda t, a, b: t.linalg.cross(a, b, dim=0), a, b, dtype=kind)
    compare(lambda a, b: L.vecdot(a, b, dim=0), lambda t, a, b: t.linalg.vecdot(a, b, dim=0), a, b, dtype=kind)
    x = matrices((2, 3, 4), kind, 22)
    compare(lambda x: L.diagonal(x, offset=1, dim1=0, dim2=2),
            lambda t, x: t.linalg.diagonal(x, offset=1, dim1=0, dim2=2), x, dtype=kind)  # fmt: skip
    compare(lambda x: L.svd(x, False).S, lambda t, x: t.linalg.svd(x, False)[1], x, dtype=kind)


@BOTH
def test_names_of_the_main_namespace(compare: Callable[..., None], torch: Any, kind: str) -> None:
    x, y = regular((2, 3, 3), kind, 23), matrices((2, 3, 2), kind, 24)
    for name in ("det", "inverse", "pinverse", "matrix_exp", "logdet", "slogdet"):
        call = lambda xp, v, n=name: getattr(xp, n)(v)
        given = x if name != "logdet" else x @ np.swapaxes(x.conj(), -1, -2)
        compare(lambda x, c=call: c(cb, x), lambda t, x, c=call: c(t, x), given, dtype=kind, tolerance=1e4)
    compare(lambda x: cb.matrix_power(x, -2), lambda t, x: t.matrix_power(x, -2), x, dtype=kind, tolerance=100)
    for flag in (False, True):
        compare(lambda b, x, u=flag: cb.cholesky_solve(b, x, u), lambda t, b, x, u=flag: t.cholesky_solve(b, x, u), y,
                x, order=0, dtype=kind, tolerance=100)  # fmt: skip
        compare(lambda b, x, u=flag: cb.cholesky_solve(b, x.triu() if u else x.tril(), upper=u),
                lambda t, b, x, u=flag: t.cholesky_solve(b, x.triu() if u else x.tril(), upper=u), y, x, dtype=kind,
                tolerance=1000)  # fmt: skip
        # LAPACK takes the diagonal for real, as it is.
        compare(lambda x, u=flag: cb.cholesky_inverse(cb.cholesky(definite(cb, x), u), u),
                lambda t, x, u=flag: t.cholesky_inverse(t.linalg.cholesky(definite(t, x), upper=u), u), x, dtype=kind,
                tolerance=1000)  # fmt: skip
        same(cb.qr(cb.tensor(y), some=flag), torch.qr(torch.tensor(y), some=flag))
        for turned in (False, True):
            for unit in (False, True):
                same(cb.triangular_solve(cb.tensor(y), cb.tensor(x), flag, turned, unit),
                     torch.triangular_solve(torch.tensor(y), torch.tensor(x), flag, turned, unit))  # fmt: skip
        u, s, v = cb.svd(cb.tensor(y), some=flag)
        wanted = torch.svd(torch.tensor(y), some=flag)
        assert [tuple(p.shape) for p in (u, s, v)] == [tuple(p.shape) for p in wanted]
        np.testing.assert_allclose(host(s), host(wanted[1]))
        k = s.shape[-1]
        back = (u[..., :k] * cb.astype(s, u.dtype)[..., None, :]) @ cb.conj(v[..., :k].mT)
        np.testing.assert_allclose(host(back), y, atol=1e-10)
    assert [tuple(p.shape) for p in cb.svd(cb.tensor(y), compute_uv=False)] == [
        tuple(p.shape) for p in torch.svd(torch.tensor(y), compute_uv=False)
    ]
    compare(lambda x: cb.cholesky(definite(cb, x)), lambda t, x: t.linalg.cholesky(definite(t, x)), x, dtype=kind,
            tolerance=1000)  # fmt: skip


@BOTH
@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 3), (2, 3, 5)])
def test_elimination_by_the_older_names(torch: Any, shape: tuple[int, ...], kind: str) -> None:
    x = matrices(shape, kind, 25)
    ours, theirs = cb.lu(cb.tensor(x)), torch.lu(torch.tensor(x))
    same(ours, theirs)
    assert cb.lu(cb.tensor(x), get_infos=True)[2].tolist() == torch.lu(torch.tensor(x), get_infos=True)[2].tolist()
    for options in ({}, {"unpack_data": False}, {"unpack_pivots": False}):
        same(cb.lu_unpack(*ours, **options), torch.lu_unpack(*theirs, **options))
    if shape[-1] == shape[-2]:
        y = matrices((*shape[:-1], 2), kind, 26)
        same((cb.lu_solve(cb.tensor(y), *ours),), (torch.lu_solve(torch.tensor(y), *theirs),))


def test_norms_by_the_older_names(compare: Callable[..., None]) -> None:
    x = matrices((3, 4), "float64", 27)
    compare(cb.nuclear_norm, lambda t, x: t.nuclear_norm(x), x)
    compare(lambda x: cb.nuclear_norm(x[None], (1, 2), True), lambda t, x: t.nuclear_norm(x[None], (1, 2), True), x)
    compare(lambda x: cb.frobenius_norm(x, (0, 1)), lambda t, x: t.frobenius_norm(x, (0, 1)), x)
    compare(lambda x: cb.frobenius_norm(x, 1, True), lambda t, x: t.frobenius_norm(x, 1, True), x)
    for dim in (-1, 0, 1):
        compare(lambda x, d=dim: cb.norm_except_dim(x, 2, d), lambda t, x, d=dim: t.norm_except_dim(x, 2, d), x)


@BOTH
@pytest.mark.parametrize("shape", [(7, 5), (4, 6), (2, 6, 6)])
def test_low_rank(torch: Any, shape: tuple[int, ...], kind: str) -> None:
    x = matrices((*shape[:-1], 2), kind, 28) @ matrices((*shape[:-2], 2, shape[-1]), kind, 29)
    u, s, v = cb.svd_lowrank(cb.tensor(x), q=3)
    wanted = torch.svd_lowrank(torch.tensor(x), q=3)
    assert [tuple(p.shape) for p in (u, s, v)] == [tuple(p.shape) for p in wanted]
    np.testing.assert_allclose(host(s), host(wanted[1]), atol=1e-8)
    back = lambda u, s, v: (u * cb.astype(s, u.dtype)[..., None, :]) @ cb.conj(v.mT)
    np.testing.assert_allclose(host(back(u, s, v)), x, atol=1e-8)
    shift = matrices(shape[-1:], kind, 30)
    np.testing.assert_allclose(host(back(*cb.svd_lowrank(cb.tensor(x), 4, 2, cb.tensor(shift)))), x - shift, atol=1e-8)
    np.testing.assert_allclose(host(back(*cb.pca_lowrank(cb.tensor(x)))), x - x.mean(-2, keepdims=True), atol=1e-8)
    np.testing.assert_allclose(host(cb.pca_lowrank(cb.tensor(x), q=3, center=False).S),
                               host(torch.pca_lowrank(torch.tensor(x), q=3, center=False)[1]), atol=1e-8)  # fmt: skip
    leaf = cb.tensor(x, requires_grad=True)
    (g,) = cb.grad(cb.sum(cb.svd_lowrank(leaf, q=2).S), leaf)
    exact = cb.tensor(x, requires_grad=True)
    (h,) = cb.grad(cb.sum(cb.linalg.svdvals(exact)[..., :2]), exact)
    np.testing.assert_allclose(host(g), host(h), atol=1e-8)
