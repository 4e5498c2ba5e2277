"""What linear algebra refuses, and in which words: the function, shapes or dtypes, the matrix of a stack, the mend."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.core.errors import ArgumentError, ArgumentTypeError, AxisError, DTypeError, ShapeError

L = cb.linalg
SQUARE = (
    "cholesky", "cholesky_ex", "det", "eig", "eigh", "eigvals", "eigvalsh", "inv", "inv_ex", "ldl_factor",
    "ldl_factor_ex", "matrix_exp", "slogdet",
)  # fmt: skip
ANY = ("lu", "lu_factor", "matrix_norm", "matrix_rank", "pinv", "qr", "svd", "svdvals")
FRONT = ("cholesky", "cholesky_inverse", "det", "inverse", "logdet", "matrix_exp", "slogdet")
PIVOTS = cb.tensor([1, 2], dtype=cb.int32)
E2, E3 = cb.eye(2), cb.eye(3)


@pytest.mark.parametrize(
    "function", [*[getattr(L, n) for n in (*SQUARE, *ANY)], *[getattr(cb, n) for n in (*FRONT, "geqrf")]]
)
def test_dtypes_and_shapes(function: Callable[..., Any]) -> None:
    name = function.__name__
    for kind in (cb.int64, cb.bool):
        with pytest.raises(DTypeError, match=rf"{name}: takes floating-point dtypes, not {kind.name}; convert first"):
            function(cb.ones((2, 2), dtype=kind))
    for shape in ((), (3,)):
        told = rf"{name}: .*in the last two axes are needed, got shape {re.escape(str(shape))}"
        with pytest.raises(ShapeError, match=told):
            function(cb.ones(shape))
    if name in SQUARE or name in FRONT:
        with pytest.raises(ShapeError, match=rf"{name}: square matrices .* got shape \(2, 3\)"):
            function(cb.ones((2, 3)))


TWO: list[tuple[Callable[..., Any], type, str]] = [
    (lambda: L.solve(cb.ones((2, 3, 3)), cb.ones((4, 3, 1))), ShapeError,
     r"solve: the leading axes of shapes \(2, 3, 3\) and \(4, 3, 1\) do not broadcast; make sizes equal or 1"),
    (lambda: L.solve(cb.ones((2, 3, 3)), cb.ones((2, 3))), ShapeError,
     r"solve: right sides of shape \(2, 3\) do not fit .*; one vector for each matrix is x2\[\.\.\., None\]"),
    (lambda: L.solve_triangular(cb.ones((2, 3, 3)), cb.ones((4, 3, 1)), upper=True), ShapeError,
     "solve_triangular: the leading axes of shapes"),
    (lambda: L.solve_triangular(E3, cb.ones((2, 3)), upper=True), ShapeError,
     r"solve_triangular: right sides of shape \(2, 3\) do not fit matrices of shape \(3, 3\): they have 3 rows"),
    (lambda: L.solve_triangular(E3, cb.ones((3, 2)), upper=True, left=False), ShapeError, "they have 3 columns"),
    (lambda: L.lstsq(cb.ones((2, 3, 3)), cb.ones((4, 3, 1))), ShapeError, "lstsq: the leading axes of shapes"),
    (lambda: L.lu_solve(cb.ones((2, 2, 2)), PIVOTS, cb.ones((3, 2, 1))), ShapeError, "lu_solve: the leading axes of"),
    (lambda: L.lu_solve(E2, PIVOTS + 1, E2), ArgumentError, "lu_solve: pivots count rows from 1 to 2; these go beyond"),
    (lambda: L.lu_solve(E2, PIVOTS * 1.0, E2), DTypeError, "lu_solve: pivots are integers, not float32"),
    (lambda: L.ldl_solve(E2, -PIVOTS - 1, E2), ArgumentError, "ldl_solve: pivots count rows from 1 to 2, negative for"),
    (lambda: L.ldl_solve(E2, cb.tensor([1, -1]), E2), ArgumentError, "ldl_solve: pivots count rows from 1 to 2"),
    (lambda: L.ldl_solve(E2, PIVOTS, E3), ShapeError, r"ldl_solve: factors of shape \(2, 2\), pivots of shape \(2,\)"),
    (lambda: L.householder_product(cb.ones((2, 3)), cb.ones(2)), ShapeError,
     "householder_product: vectors .* with N up"),
    (lambda: L.householder_product(E2, cb.ones(2, dtype=cb.float64)), DTypeError,
     "householder_product: vectors and factors are of one dtype, not float32 and float64"),
    (lambda: cb.ormqr(E2, cb.ones(2), E3), ShapeError,
     r"ormqr: matrices of shape \(3, 3\) do not fit vectors of shape"),
    (lambda: cb.ormqr(E2, cb.ones(2), E2, 1), ArgumentError, "ormqr: left and transpose are bools, not 1 and False"),
    (lambda: L.matmul(cb.ones((2, 3, 3)), cb.ones((4, 3, 3))), ShapeError, "matmul: the leading axes of shapes"),
    (lambda: L.vecdot(cb.ones((2, 3)), cb.ones((4, 3))), ShapeError, "vecdot: the leading axes of shapes"),
    (lambda: L.cross(cb.ones((2, 3)), cb.ones((4, 3))), ShapeError, "cross: the leading axes of shapes"),
    (lambda: L.cross(cb.ones(2), cb.ones(2)), ShapeError, "cross: axis -1 must have size 3 in both operands"),
    (lambda: L.eigh(E2, "X"), ArgumentError, "eigh: UPLO is 'L', 'U' or None, not 'X'"),
    (lambda: L.svd(E2, driver="gesvd"), ArgumentError, "svd: driver chooses among routines of cuSOLVER"),
    (lambda: L.svd(E2, 1), ArgumentTypeError, "svd: full_matrices is a bool, not 1"),
    (lambda: L.pinv(E2, atol="a"), ArgumentTypeError, "pinv: atol is a number, a tensor or None, not 'a'"),
    (lambda: L.matrix_rank(E2, atol=cb.tensor(1j)), DTypeError, "matrix_rank: atol is real, not complex64"),
    (lambda: L.vector_norm(cb.ones(2, dtype=cb.int64)), DTypeError,
     "vector_norm: takes floating-point dtypes, not int64"),
    (lambda: L.norm(cb.ones(2, dtype=cb.int64)), DTypeError, "norm: takes floating-point dtypes, not int64"),
    (lambda: L.vector_norm(E2, "fro"), ArgumentTypeError, "vector_norm: ord is a number, not 'fro'"),
    (lambda: L.vector_norm(E2, axis=2), AxisError, "vector_norm: axis 2 is out of bounds for 2 axes"),
    (lambda: L.vector_norm(E2, axis=1, dim=1), ArgumentError, "vector_norm: give axis or its synonym dim, not both"),
    (lambda: L.matrix_norm(E2, axis=(0, 0)), AxisError, "matrix_norm: an axis stands twice"),
    (lambda: L.matrix_norm(E2, axis=(0,)), AxisError, r"matrix_norm: two axes are needed, not \(0,\)"),
    (lambda: L.diagonal(E2, dim1=0, dim2=-2), ArgumentError, "diagonal: two different axes are needed, not 0 and -2"),
    (lambda: L.tensorinv(cb.ones((2, 3))), ShapeError,
     r"tensorinv: the first 2 axes of shape \(2, 3\) have 6 elements"),
    (lambda: L.tensorinv(E2, 0), ArgumentError, "tensorinv: ind must be positive, got 0"),
    (lambda: L.tensorinv(E2, 1.0), ArgumentTypeError, r"tensorinv: ind is an int, not 1\.0"),
    (lambda: L.tensorsolve(E3, cb.ones(2)), ShapeError, r"tensorsolve: a tensor of shape \(3, 3\) has not as many"),
    (lambda: L.vander(cb.ones(2), 0), ArgumentError, "vander: N must be positive, got 0"),
    (lambda: L.vander(cb.ones(2), 1.5), ArgumentTypeError, r"vander: N is an int, not 1\.5"),
    (lambda: L.vander(cb.tensor(1.0)), AxisError, "vander: axis -1 is out of bounds for 0 axes"),
    (lambda: cb.cholesky_solve(E3, E2), ShapeError,
     r"cholesky_solve: right sides of shape \(3, 3\) do not fit factors"),
    (lambda: cb.lu_unpack(E2, E2), ShapeError, r"lu_unpack: integer pivots \(\.\.\., min\(M, N\)\) go with factors"),
    (lambda: cb.svd_lowrank(E2, q=3), ArgumentError, "svd_lowrank: q must lie between 0 and 2, got 3"),
    (lambda: cb.svd_lowrank(E2, q=1, niter=-1), ArgumentError, "svd_lowrank: niter must not be less than 0, got -1"),
    (lambda: cb.svd_lowrank(E2, q=1, M=E3), ShapeError,
     r"svd_lowrank: M of shape \(3, 3\) does not broadcast to \(2, 2\)"),
    (lambda: cb.pca_lowrank(E2, q=1.0), ArgumentTypeError, r"pca_lowrank: q is an int, not 1\.0"),
    (lambda: cb.nuclear_norm(cb.ones(2)), ShapeError,
     r"nuclear_norm: a matrix or two axes are needed, got shape \(2,\)"),
    (lambda: cb.norm_except_dim(E2, 2, 2), ArgumentError, "norm_except_dim: dim lies between -1 and 1, got 2"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(TWO)))
def test_arguments(number: int) -> None:
    call, kind, text = TWO[number]
    if "pivots count rows" in text and E2.device != cb.device("cpu"):
        pytest.skip("kernels of the host alone look at pivots")
    with pytest.raises(kind, match=text):
        call()


def test_an_integer_operand_promotes_with_a_floating_one() -> None:
    assert L.solve(E3, cb.ones((3, 1), dtype=cb.int64)).dtype is cb.float32


SINGULAR: dict[str, Callable[[Any], Any]] = {
    "inv": L.inv, "solve": lambda x: L.solve(x, cb.ones((x.shape[-1], 1))),
    "solve_triangular": lambda x: L.solve_triangular(x, cb.ones((x.shape[-1], 1)), upper=True),
    "cholesky": L.cholesky, "lu_solve": lambda x: L.lu_solve(*L.lu_factor(x), cb.ones((x.shape[-1], 1))),
}  # fmt: skip


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("n", [3, 30])
@pytest.mark.parametrize("name", SINGULAR)
def test_the_singular_matrix_is_named(name: str, n: int, grad: bool) -> None:
    good, bad = np.eye(n, dtype=np.float32), np.zeros((n, n), np.float32)
    function = SINGULAR[name]
    with pytest.raises(L.LinAlgError, match=rf"{name}\(.*float32 \({n}, {n}\)") as caught:
        function(cb.tensor(bad, requires_grad=grad))
    assert "batch element" not in str(caught.value)
    here = cb.get_default_device() == cb.device("cpu")
    with pytest.raises(L.LinAlgError, match=(r"\(batch element 1\).*" if here else "") + "(ingular|definite)"):
        function(cb.tensor(np.stack([good, bad]), requires_grad=grad))
    with pytest.raises(L.LinAlgError, match=r"\(batch element \(1, 0\)\)" if here else "(ingular|definite)"):
        function(cb.tensor(np.stack([good, good, bad, good]).reshape(2, 2, n, n), requires_grad=grad))


@pytest.mark.host
@pytest.mark.parametrize("n", [3, 30])
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["eig", "eigh", "eigvals", "eigvalsh", "svd", "svdvals"])
def test_what_is_not_finite_does_not_converge(name: str, value: float, n: int) -> None:
    with pytest.raises(L.LinAlgError, match="do the matrices hold NaN or infinities"):
        getattr(L, name)(cb.tensor(np.full((n, n), value)))


TOUGH = ["det", "inv", "lu_factor", "qr", "solve", "lstsq", "pinv", "ldl_factor", "matrix_exp"]


@pytest.mark.parametrize("name", TOUGH)
def test_nothing_breaks_on_what_is_not_finite_or_empty(name: str) -> None:
    function = getattr(L, name)
    for n in (3, 30):
        for value in (np.nan, np.inf):
            x = cb.tensor(np.full((n, n), value))
            try:
                found = function(x, cb.ones((n, 1), dtype=cb.float64)) if name in ("solve", "lstsq") else function(x)
            except L.LinAlgError:
                continue
            first = found[0] if isinstance(found, tuple) else found
            assert not bool(cb.all(cb.isfinite(first)))
    for shape in ((0, 0), (0, 3, 3), (2, 0, 0)):
        x = cb.zeros(shape)
        found = function(x, cb.ones((*shape[:-1], 1))) if name in ("solve", "lstsq") else function(x)
        assert (found[0] if isinstance(found, tuple) else found).shape[: len(shape) - 2] == shape[:-2]


def test_operands_on_two_devices() -> None:
    pytest.importorskip("candelabra_strict")
    here, there = cb.eye(3), cb.eye(3, device="strict")
    calls = (
        lambda: L.solve(here, there), lambda: L.lstsq(here, there), lambda: L.cross(here, there),
        lambda: L.solve_triangular(here, there, upper=True), lambda: cb.cholesky_solve(here, there),
    )  # fmt: skip
    for call in calls:
        with pytest.raises(cb.CandelabraError, match=r"operands are on different devices, .*; move one of them first"):
            call()
