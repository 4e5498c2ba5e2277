"""The linear algebra extension: signatures, empty stacks, narrow floats, transformations, and what is refused."""

from __future__ import annotations

import inspect
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.core.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError

L = cb.linalg
SIGNATURES = {
    "cholesky": "(x, /, *, upper=False)", "cross": "(x1, x2, /, *, axis=-1)", "det": "(x, /)",
    "diagonal": "(x, /, *, offset=0)", "eig": "(x, /)", "eigh": "(x, /)", "eigvals": "(x, /)", "eigvalsh": "(x, /)",
    "inv": "(x, /)", "matmul": "(x1, x2, /)", "matrix_norm": "(x, /, *, keepdims=False, ord='fro')",
    "matrix_power": "(x, n, /)", "matrix_rank": "(x, /, *, rtol=None)", "matrix_transpose": "(x, /)",
    "outer": "(x1, x2, /)", "pinv": "(x, /, *, rtol=None)", "qr": "(x, /, *, mode='reduced')", "slogdet": "(x, /)",
    "solve": "(x1, x2, /)", "svd": "(x, /, *, full_matrices=True)", "svdvals": "(x, /)",
    "tensordot": "(x1, x2, /, *, axes=2)", "trace": "(x, /, *, offset=0, dtype=None)",
    "vecdot": "(x1, x2, /, *, axis=-1)", "vector_norm": "(x, /, *, axis=None, keepdims=False, ord=2)",
}  # fmt: skip
MATRICES = ("det", "eig", "eigh", "eigvals", "eigvalsh", "inv", "slogdet", "svd", "svdvals", "cholesky", "pinv", "qr")
SQUARE = tuple(n for n in MATRICES if n not in ("svd", "svdvals", "pinv", "qr"))


def outputs(name: str, x: Any) -> tuple[Any, ...]:
    found = getattr(L, name)(x)
    return tuple(found) if isinstance(found, tuple) else (found,)


def total(name: str, x: Any) -> Any:
    return sum(cb.sum(cb.abs(o)) for o in outputs(name, x))


@pytest.mark.parametrize("name", SIGNATURES)
def test_signature(name: str) -> None:
    """The standard's own: what it passes by position may be, what it names has its default, more is optional."""
    found = inspect.signature(getattr(L, name)).parameters
    wanted = inspect.signature(eval(f"lambda {SIGNATURES[name][1:-1]}: None")).parameters
    before = [p for p in wanted.values() if p.kind is not p.KEYWORD_ONLY]
    for mine, theirs in zip(list(found.values())[: len(before)], before, strict=True):
        assert (mine.name, mine.kind) == (theirs.name, theirs.kind)
    for theirs in list(wanted.values())[len(before) :]:
        mine = found[theirs.name]
        # None stands for two in `tensordot`, which knows PyTorch's name of the axes, too.
        assert mine.default == theirs.default or (name, mine.default) == ("tensordot", None)
        assert mine.kind in (mine.KEYWORD_ONLY, mine.POSITIONAL_OR_KEYWORD)
    assert all(p.default is not p.empty for p in found.values() if p.name not in wanted)
    assert name in L.__all__


def test_names_of_the_results() -> None:
    x = cb.eye(2)
    assert L.eigh(x)._fields == L.eig(x)._fields == ("eigenvalues", "eigenvectors")
    assert L.qr(x)._fields == ("Q", "R")
    assert L.slogdet(x)._fields == ("sign", "logabsdet")
    assert L.svd(x)._fields == ("U", "S", "Vh")


@pytest.mark.parametrize("name", MATRICES)
def test_stacks_and_matrices_without_elements(name: str) -> None:
    for shape in ((0, 3, 3), (2, 0, 0), (0, 0)):
        x = cb.zeros(shape, requires_grad=True)
        wanted = getattr(np.linalg, name)(np.zeros(shape, np.float32))
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        assert [o.shape for o in outputs(name, x)] == [np.shape(w) for w in wanted]
        total(name, x).backward()
        assert x.grad.shape == shape


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("dtype", [cb.float16, cb.bfloat16])
def test_narrow_floats_are_computed_in_wider_ones(name: str, dtype: Any) -> None:
    x = (cb.eye(3) * cb.tensor([2.0, 3.0, 4.0]) + 0.25).to(dtype).requires_grad_()
    wide = x.detach().float()
    for found, wanted in zip(outputs(name, x), outputs(name, wide), strict=True):
        narrow = cb.complex64 if wanted.dtype.is_complex else dtype
        assert found.dtype is narrow
        step = 2.0**-7 if dtype is cb.bfloat16 else 2.0**-10
        assert np.allclose(found.detach().to(wanted.dtype).numpy(), wanted.numpy(), rtol=step, atol=step)
    total(name, x).backward()
    assert x.grad.dtype is dtype and bool(cb.all(cb.isfinite(x.grad)))


@pytest.mark.parametrize("name", MATRICES)
def test_refusals(name: str) -> None:
    function = getattr(L, name)
    with pytest.raises(DTypeError, match=rf"^{name}: takes floating-point dtypes, not int64; convert first"):
        function(cb.eye(2, dtype=cb.int64))
    with pytest.raises(ShapeError, match=rf"^{name}: .*matrices in the last two axes are needed, got shape \(3,\)"):
        function(cb.ones(3))
    with pytest.raises(ArgumentTypeError, match=rf"^{name}: at least one operand must be a Tensor"):
        function([[1.0]])
    if name in SQUARE:
        with pytest.raises(ShapeError, match=rf"^{name}: square matrices .* got shape \(2, 3\)"):
            function(cb.ones((2, 3)))


@pytest.mark.host
def test_more_refusals() -> None:
    x = cb.eye(2)
    with pytest.raises(ArgumentError, match=r"matrix_norm: ord is 'fro', 'nuc', 1, -1, 2, -2, inf or -inf, not 3"):
        L.matrix_norm(x, ord=3)
    with pytest.raises(ArgumentError, match="matrix_norm: matrices without elements have no smallest sum"):
        L.matrix_norm(cb.zeros((0, 0)), ord=-2)
    with pytest.raises(ArgumentTypeError, match=r"matrix_power: the exponent is an int, not 0\.5"):
        L.matrix_power(x, 0.5)
    with pytest.raises(ArgumentTypeError, match="pinv: rtol is a number, a tensor or None, not 'a'"):
        L.pinv(x, rtol="a")
    with pytest.raises(DTypeError, match="matrix_rank: rtol is real, not complex64"):
        L.matrix_rank(x, rtol=cb.tensor(1j))
    with pytest.raises(L.LinAlgError, match=r"inv\(x: float32 \(2, 2\)\) on cpu: .*ingular.*; add a multiple of the"):
        L.inv(cb.zeros((2, 2)))
    with pytest.raises(L.LinAlgError, match=r"cholesky\(x: float32 \(2, 2\)\) on cpu: .*positive definite; add a"):
        L.cholesky(-x)
    assert issubclass(L.LinAlgError, ValueError) and issubclass(L.LinAlgError, cb.CandelabraError)


@pytest.mark.parametrize("name", MATRICES)
def test_mapped_and_forward(name: str) -> None:
    rng = np.random.default_rng(3)
    x = cb.tensor(rng.uniform(-0.3, 0.3, (4, 3, 3)) + np.diag([1.0, 2.0, 3.0]))
    if name in ("cholesky", "eigh", "eigvalsh"):
        x = (x + x.mT) / 2
    t = cb.tensor(rng.standard_normal((4, 3, 3)))
    mapped = cb.func.vmap(lambda x: outputs(name, x))(x)
    for found, wanted in zip(mapped, outputs(name, x), strict=True):
        assert np.allclose(found.numpy(), wanted.numpy())
    _, slope = cb.func.jvp(lambda x: total(name, x), (x,), (t,))
    gradient = cb.func.grad(lambda x: total(name, x))(x)
    assert np.allclose(slope.item(), cb.sum(gradient * t).item())
    one = lambda x: cb.sum(cb.abs(outputs(name, x)[-1]) ** 3)
    assert np.allclose(cb.func.vmap(cb.func.grad(one))(x).numpy(), cb.func.grad(lambda x: one(x))(x).numpy())
    assert np.allclose(cb.func.hessian(one)(x[0]).numpy(), cb.func.jacrev(cb.func.jacrev(one))(x[0]).numpy())


def test_a_gradient_says_the_same_of_either_triangle() -> None:
    x = cb.tensor([[2.0, 0.5], [0.5, 3.0]], requires_grad=True)
    for function in (L.cholesky, L.eigvalsh, lambda x: L.eigh(x).eigenvectors):
        (g,) = cb.grad(cb.sum(function(x) ** 3), x)
        assert np.allclose(g.numpy(), g.mT.numpy())


def test_equal_eigenvalues_have_derivatives_their_vectors_have_none() -> None:
    x = cb.eye(3, dtype=cb.float64).requires_grad_()
    for function in (L.eigvalsh, L.svdvals, lambda x: L.eigh(x).eigenvalues, lambda x: L.svd(x).S):
        (g,) = cb.grad(cb.sum(function(x)), x)
        assert np.allclose(g.numpy(), np.eye(3))
    (g,) = cb.grad(cb.sum(L.eigh(x).eigenvectors[0]), x)
    assert not bool(cb.all(cb.isfinite(g)))
    assert cb.autograd.gradcheck(L.pinv, (x,)) and cb.autograd.gradcheck(L.det, (x,))
    assert cb.autograd.gradgradcheck(L.det, (x,)) and cb.autograd.gradgradcheck(L.pinv, (x,))


def test_what_a_square_basis_adds_is_determined_as_a_space() -> None:
    def rest(x: Any) -> Any:
        u = L.svd(x).U[:, 2:]
        return u @ u.mT

    x = cb.tensor(np.random.default_rng(5).standard_normal((4, 2)), requires_grad=True)
    assert cb.autograd.gradcheck(rest, (x,))


def test_refusals_beyond_the_extension() -> None:
    x = cb.eye(3)
    with pytest.raises(ShapeError, match=r"norm: with ord=2 and no axis x is a vector or a matrix, got shape"):
        L.norm(cb.ones((1, 1, 1)), 2)
    with pytest.raises(cb.CandelabraError, match=r"norm: with ord='fro' one axis or two are needed, got \(0, 1, 2\)"):
        L.norm(cb.ones((1, 1, 1)), "fro", (0, 1, 2))
    with pytest.raises(ShapeError, match=r"cond: matrices without elements have no condition number"):
        L.cond(cb.ones((2, 0)))
    with pytest.raises(ArgumentTypeError, match="multi_dot: at least two Tensors are needed"):
        L.multi_dot([x])
    with pytest.raises(ShapeError, match=r"multi_dot: the shapes \(3, 3\), \(2,\) do not fit"):
        L.multi_dot([x, cb.ones(2)])
    with pytest.raises(ShapeError, match=r"solve_triangular: right sides of shape \(2, 1\) do not fit"):
        L.solve_triangular(x, cb.ones((2, 1)), upper=True)
    with pytest.raises(L.LinAlgError, match=r"singular|Singular"):
        L.solve_triangular(cb.zeros((2, 2)), cb.ones((2, 1)), upper=True)
    with pytest.raises(ArgumentError, match="lstsq: driver is 'gelsy', 'gelsd', 'gelss', 'gels' or None, not 'qr'"):
        L.lstsq(x, x, driver="qr")
    with pytest.raises(ShapeError, match=r"lstsq: right sides of shape \(2, 1\) do not fit matrices of shape \(3, 3\)"):
        L.lstsq(x, cb.ones((2, 1)))


def test_the_exponential_of_small_large_and_infinite_matrices() -> None:
    x = cb.tensor(np.stack([np.diag([1e-9, -2.0]), np.diag([-300.0, 30.0]), np.diag([np.inf, 0.0])]))
    found = L.matrix_exp(x).numpy()
    assert np.allclose(found[:2], [np.diag(np.exp(np.diag(a))) for a in x.numpy()[:2]], rtol=1e-12)
    assert not np.isfinite(found[2]).all()
    assert L.matrix_exp(cb.zeros((2, 0, 0))).shape == (2, 0, 0)
    mapped = cb.func.vmap(L.matrix_exp)(x[:2]).numpy()
    assert np.allclose(mapped, found[:2])


def test_elimination_of_what_is_singular_empty_or_narrow() -> None:
    for array in (np.zeros((3, 3)), np.ones((2, 3, 3)), np.zeros((0, 3, 2)), np.zeros((2, 0, 0)), np.zeros((0, 3))):
        x = cb.tensor(array)
        p, l, u = L.lu(x)
        k = min(array.shape[-2:])
        assert (p.shape[-1], l.shape[-1], u.shape[-2]) == (array.shape[-2], k, k)
        assert np.allclose((p @ l @ u).numpy(), array)
    x = cb.tensor([[4.0, 3.0], [6.0, 3.0]])
    assert L.lu(x, pivot=False).P.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert L.lu(x, pivot=False).L.tolist() == [[1.0, 0.0], [1.5, 1.0]]
    assert np.allclose(L.lu(x.to(cb.bfloat16)).U.float().numpy(), L.lu(x).U.numpy(), rtol=1e-2)
    mapped = cb.func.vmap(lambda x: tuple(L.lu(x)))(cb.stack([x, x.mT]))
    for found, wanted in zip(mapped, L.lu(cb.stack([x, x.mT])), strict=True):
        assert np.allclose(found.numpy(), wanted.numpy())
    with pytest.raises(DTypeError, match="lu_solve: pivots are integers, not float32"):
        L.lu_solve(x, cb.ones(2), x)
    with pytest.raises(ShapeError, match=r"lu_solve: factors of shape \(2, 2\), pivots of shape \(3,\) and"):
        L.lu_solve(x, cb.ones(3, dtype=cb.int32), x)
