"""NumPy's functions of shape, sets and statistics; what is refused and how; other devices and maps of lengths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    AxisError,
    DTypeError,
    IndexOutOfRangeError,
    ShapeError,
)

RNG = np.random.default_rng(21)
A, B = RNG.standard_normal((3, 4)), RNG.standard_normal((3, 4))
HOLES = np.where(RNG.random((5, 6)) < 0.3, np.nan, RNG.standard_normal((5, 6)))
HOLES[:, 0] = 1.0
HOLES[2] = -np.inf
HOLES[2, 3] = np.nan
LINE, SHORT, ONE = RNG.standard_normal(7), RNG.standard_normal(3), RNG.standard_normal(1)
UP = np.sort(RNG.standard_normal(6))

NUMPYS: dict[str, Callable[[Any, Callable[[np.ndarray], Any]], Any]] = {
    "nanmax": lambda t, v: [t.nanmax(v(HOLES)), t.nanmax(v(HOLES), 0), t.nanmax(v(HOLES), axis=1, keepdims=True)],
    "nanmin": lambda t, v: [t.nanmin(v(HOLES)), t.nanmin(v(HOLES), 0), t.nanmin(v(HOLES), axis=(0, 1))],
    "nanprod": lambda t, v: [t.nanprod(v(HOLES)), t.nanprod(v(HOLES), 0)],
    "nanvar": lambda t, v: [t.nanvar(v(HOLES[:2])), t.nanvar(v(HOLES[:2]), 1, keepdims=True)],
    "nanstd": lambda t, v: [t.nanstd(v(HOLES[:2])), t.nanstd(v(HOLES[:2]), 0)],
    "nanargmax": lambda t, v: [t.nanargmax(v(HOLES)), t.nanargmax(v(HOLES), 1)],
    "nanargmin": lambda t, v: [t.nanargmin(v(HOLES)), t.nanargmin(v(HOLES), 0)],
    "nancumsum": lambda t, v: [t.nancumsum(v(HOLES), 1)],
    "nancumprod": lambda t, v: [t.nancumprod(v(HOLES), 0)],
    "digitize": lambda t, v: [
        t.digitize(v(A), v(UP)), t.digitize(v(A), v(UP[::-1].copy())), t.digitize(v(UP), v(UP), right=True),
        t.digitize(v(UP), v(UP[::-1].copy()), right=True),
    ],
    "interp": lambda t, v: [
        t.interp(v(A), v(UP), v(LINE[:6])), t.interp(v(UP), v(UP), v(LINE[:6])),
        t.interp(v(A), v(UP), v(LINE[:6]), left=-7.0, right=9.0), t.interp(v(A), v(ONE), v(ONE * 2)),
        t.interp(v(A), v(LINE), v(LINE * 2), period=1.5),
    ],
    "convolve": lambda t, v: [t.convolve(v(a), v(b), m) for m in ("full", "same", "valid")
                              for a, b in ((LINE, SHORT), (SHORT, LINE), (LINE, LINE[:4]), (LINE, ONE),
                                           (LINE + 1j, SHORT), (np.arange(5), np.arange(1, 3)))],
    "histogram2d": lambda t, v: [
        *t.histogram2d(v(A[0]), v(A[1]), 3), *t.histogram2d(v(A[0]), v(A[1]), (2, 3), ((-1, 1), (-2, 2)), True),
        *t.histogram2d(v(A[0]), v(A[1]), v(UP), weights=v(B[0])),
    ],
    "geomspace": lambda t, v: [t.geomspace(1.0, 256.0, 9), t.geomspace(-2.0, -8.0, 4), t.geomspace(3.0, 5.0, 1)],
    "ravel_multi_index": lambda t, v: [
        t.ravel_multi_index((v(np.array([2, 0])), v(np.array([3, 1]))), (3, 4)),
        t.ravel_multi_index((v(np.array([5, -1])), v(np.array([9, -2]))), (3, 4), mode="wrap"),
        t.ravel_multi_index((v(np.array([5, -1])), v(np.array([9, -2]))), (3, 4), mode="clip"),
    ],
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", NUMPYS)
def test_numpys_function(name: str, any_device: str) -> None:
    if name == "geomspace" and any_device == "strict":
        pytest.skip("made of numbers")
    found = NUMPYS[name](cb, lambda a: cb.asarray(a.copy(), device=any_device))
    wanted = NUMPYS[name](np, lambda a: a)
    for mine, theirs in zip(found, wanted, strict=True):
        assert mine.shape == np.shape(theirs)
        loose = 1e-6 if mine.dtype is cb.float32 else 1e-12
        np.testing.assert_allclose(mine.cpu().numpy(), theirs, rtol=loose, atol=loose)


@pytest.mark.parametrize("kth", [0, 3, -1, (1, 2)])
def test_partition(kth: Any) -> None:
    x = np.where(RNG.random((4, 6)) < 0.2, np.nan, RNG.integers(0, 5, (4, 6)))
    for axis in (0, 1, None):
        n = 24 if axis is None else x.shape[axis]
        found, wanted = cb.partition(cb.tensor(x), kth, axis=axis).numpy(), np.partition(x, kth, axis=axis)
        ranks = np.atleast_1d(kth) % n
        np.testing.assert_array_equal(np.take(found, ranks, axis=axis), np.take(wanted, ranks, axis=axis))
        order = cb.argpartition(cb.tensor(x), kth, axis=axis).numpy()
        flat = x.reshape(-1) if axis is None else x
        held = np.take_along_axis(flat, order, axis=0 if axis is None else axis)
        np.testing.assert_array_equal(np.take(held, ranks, axis=axis or 0), np.take(wanted, ranks, axis=axis or 0))


def test_a_slice_of_nothing_but_nan() -> None:
    x = cb.tensor([[float("nan")] * 2, [1.0, float("nan")]], requires_grad=True)
    for function in (cb.nanmax, cb.nanmin, cb.nanvar, cb.nanstd):
        found = function(x, 1)
        assert np.isnan(found[0].item()) and not np.isnan(found[1].item())
    cb.nanmax(x, 1)[1].backward()
    assert x.grad is not None and x.grad.tolist() == [[0.0, 0.0], [1.0, 0.0]]
    # Elsewhere the host would wait for it.
    with pytest.raises(ArgumentError, match="nanargmax: a slice holds nothing but NaN"):
        cb.nanargmax(x.cpu(), 1)


def test_interpolation_has_all_its_gradients() -> None:
    x, places, values = (cb.tensor(v, requires_grad=True) for v in (A[0], UP, LINE[:6]))
    assert cb.autograd.gradcheck(cb.interp, (x, places, values))
    assert cb.autograd.gradgradcheck(cb.interp, (x, places, values))


def test_lengths_may_be_mapped() -> None:
    x, lengths = cb.tensor(RNG.standard_normal((3, 6, 2))), cb.tensor([[1, 2, 3], [6, 0, 0], [2, 2, 2]])
    for reduce in ("sum", "mean", "max", "prod"):
        one = lambda v, n, r=reduce: cb.segment_reduce(v, r, lengths=n)
        wanted = np.stack([one(v, n).numpy() for v, n in zip(x, lengths, strict=True)])
        np.testing.assert_allclose(cb.func.vmap(one)(x, lengths).numpy(), wanted)
        shared = np.stack([one(v, lengths[0]).numpy() for v in x])
        np.testing.assert_allclose(cb.func.vmap(one, in_axes=(0, None))(x, lengths[0]).numpy(), shared)
        other = np.stack([one(x[0], n).numpy() for n in lengths])
        np.testing.assert_allclose(cb.func.vmap(one, in_axes=(None, 0))(x[0], lengths).numpy(), other)


X, V, SCALAR, WHOLE = cb.tensor(A), cb.tensor(A[0]), cb.tensor(1.0), cb.tensor([0, 1])
TRUTH = X > 0
REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: cb.dstack([]), ArgumentError, "dstack: at least one tensor is needed"),
    (lambda: cb.column_stack(3), ArgumentTypeError, "column_stack: a sequence of tensors is needed, not int"),
    (lambda: cb.hsplit(SCALAR, 2), ShapeError, "hsplit: a tensor of at least 1 axes is needed, got shape ()"),
    (lambda: cb.vsplit(X, 2), ShapeError, "vsplit: axis 0 of size 3 does not divide into 2 equal pieces"),
    (lambda: cb.tensor_split(X, 0), ArgumentError, "tensor_split: the number of sections is positive, got 0"),
    (lambda: cb.tensor_split(X), ArgumentTypeError, "tensor_split: give either a number of sections or indices"),
    (lambda: cb.tensor_split(X, 2, 5), AxisError, "tensor_split: axis 5 is out of bounds for 2 axes"),
    (lambda: cb.fliplr(V), ShapeError, "fliplr: at least two axes are needed, got shape (4,)"),
    (lambda: cb.flipud(SCALAR), ShapeError, "flipud: at least one axis is needed"),
    (lambda: cb.adjoint(V), ShapeError, "adjoint: matrices in the last two axes are needed"),
    (lambda: cb.cartesian_prod(X), ShapeError, "cartesian_prod: vectors are needed, got shape (3, 4)"),
    (lambda: cb.cartesian_prod(V, WHOLE), DTypeError, "vectors of one dtype are needed, got float64 and int64"),
    (lambda: cb.combinations(X), ShapeError, "combinations: a vector is needed, got shape (3, 4)"),
    (lambda: cb.combinations(V, -1), ArgumentError, "combinations: r is not negative, got -1"),
    (lambda: cb.unfold(X, 0, 9, 1), ArgumentError, "the size of a window lies between 0 and the axis' 3 elements"),
    (lambda: cb.unfold(X, 0, 2, 0), ArgumentError, "unfold: the step is positive, got 0"),
    (lambda: cb.unfold(X, 2, 2, 1), AxisError, "unfold: axis 2 is out of bounds for 2 axes"),
    (lambda: cb.unfold(X), ArgumentTypeError, "unfold: an axis, a size and a step are needed"),
    (lambda: cb.as_strided(X, (3,), (7,)), ShapeError, "reach element 14, a tensor of shape (3, 4) has 12"),
    (lambda: cb.as_strided(X, (3,), (-1,)), ArgumentError, "sizes, strides and the offset are not negative"),
    (lambda: cb.as_strided_scatter(X, V[:2], (2,), (0,)), ArgumentError, "name a place twice"),
    (lambda: cb.as_strided_scatter(X, V, (2,), (1,)), ShapeError, "src has shape (4,), the sizes are (2,)"),
    (lambda: cb.unravel_index(WHOLE + 5, (2, 3)), IndexOutOfRangeError, "unravel_index: index 6 is out of range"),
    (lambda: cb.unravel_index(V, (2, 3)), DTypeError, "unravel_index: indices are integers, not float64"),
    (lambda: cb.ravel_multi_index((WHOLE,), (2, 3)), ShapeError, "1 index tensors are given for a shape of 2 axes"),
    (lambda: cb.ravel_multi_index((WHOLE,), (1,)), IndexOutOfRangeError, "index 1 is out of range for 1 places"),
    (lambda: cb.select_scatter(X, V, 0, 3), IndexOutOfRangeError, "index 3 is out of range for axis 0 of size 3"),
    (lambda: cb.select_scatter(X, V, 1, 0), ShapeError, "src has shape (4,), the place for it (3,)"),
    (lambda: cb.slice_scatter(X, X, step=0), ArgumentError, "slice_scatter: the step is positive, got 0"),
    (lambda: cb.diagonal_scatter(X, V), ShapeError, "src has shape (4,), the place for it (3,)"),
    (lambda: cb.diagonal_scatter(X, V, 0, 1, 1), ArgumentError, "two different axes are needed"),
    (lambda: cb.mv(X, X), ShapeError, "mv: a matrix and a vector are needed, got shapes (3, 4) and (3, 4)"),
    (lambda: cb.inner(X, V[:2]), ShapeError, "inner: last axes of one size are needed"),
    (lambda: cb.vdot(V, V[:2]), ShapeError, "vdot: two vectors of one length are needed"),
    (lambda: cb.cross(V, V), ShapeError, "cross: vectors of three elements are needed, got shapes (4,) and (4,)"),
    (lambda: cb.trace(V), ShapeError, "trace: a matrix is needed, got shape (4,); use linalg.trace"),
    (lambda: cb.chain_matmul(X, X), ShapeError, "matrices that fit each other are needed, got shapes (3, 4), (3, 4)"),
    (lambda: cb.addbmm(X, X, X), ShapeError, "addbmm: two batches of matrices that fit are needed"),
    (lambda: cb.std_mean(WHOLE), DTypeError, "std_mean: takes floating-point numbers, not int64"),
    (lambda: cb.var_mean(X, correction=1, unbiased=True), ArgumentError, "give correction or unbiased, not both"),
    (lambda: cb.cov(cb.zeros((1, 1, 1))), ShapeError, "cov: a matrix of variables and observations is needed"),
    (lambda: cb.cov(X, fweights=V), DTypeError, "cov: fweights are integers, not float64"),
    (lambda: cb.cov(X, aweights=V[:2]), ShapeError, "cov: aweights has shape (2,), there are 4 observations"),
    (lambda: cb.cov(X, aweights=-(V * V)), ArgumentError, "cov: aweights are not negative"),
    (lambda: cb.cov(X, aweights=V * 0), ArgumentError, "cov: the weights add up to zero"),
    (lambda: cb.mode(cb.zeros((2, 0))), ShapeError, "mode: at least one element is needed along the axis"),
    (lambda: cb.mode(X * 1j), DTypeError, "mode: takes real numbers, not complex128"),
    (lambda: cb.renorm(X, 0, 0, 1.0), ArgumentError, "p is positive and maxnorm not negative, got 0 and 1.0"),
    (lambda: cb.renorm(V, 2, 0, 1.0), ShapeError, "renorm: at least two axes are needed"),
    (lambda: cb.nanmax(X * 1j), DTypeError, "nanmax: takes real numbers, not complex128"),
    (lambda: cb.nanvar(WHOLE), DTypeError, "nanvar: takes floating-point numbers, not int64"),
    (lambda: cb.trapezoid(X, V, dx=1.0), ArgumentError, "give the places x or their distance dx, not both"),
    (lambda: cb.trapezoid(X, V[:2]), ShapeError, "trapezoid: 2 places are given for 4 samples"),
    (lambda: cb.trapezoid(SCALAR), ShapeError, "trapezoid: samples along an axis are needed, got a 0-d tensor"),
    (lambda: cb.gradient(X, edge_order=3), ArgumentError, "gradient: edge_order is 1 or 2, not 3"),
    (lambda: cb.gradient(X[:1]), ShapeError, "2 samples are needed along axis 0, got shape (1, 4)"),
    (lambda: cb.gradient(X, spacing=[1.0]), ArgumentError, "gradient: 1 spacings are given for 2 axes"),
    (lambda: cb.gradient(TRUTH), DTypeError, "gradient: takes numbers, not bool"),
    (lambda: cb.interp(X, V, V[:2]), ShapeError, "interp: places and samples are vectors of one length"),
    (lambda: cb.interp(X, V, V, period=0.0), ArgumentError, "interp: the period is a number other than zero"),
    (lambda: cb.convolve(X, V), ShapeError, "convolve: two vectors with elements are needed, got (3, 4) and (4,)"),
    (lambda: cb.convolve(V, V, "all"), ArgumentError, "convolve: mode is 'full', 'same' or 'valid', not 'all'"),
    (lambda: cb.partition(V, 4), ArgumentError, "partition: kth=4 is out of range for the 4 elements of the axis"),
    (lambda: cb.argpartition(V, 1.5), ArgumentTypeError, "kth is an int or a sequence of ints, not 1.5"),
    (lambda: cb.digitize(V, X), ShapeError, "digitize: the edges are a vector with elements, got shape (3, 4)"),
    (lambda: cb.unique(X, dim=2), AxisError, "unique: axis 2 is out of bounds for 2 axes"),
    (lambda: cb.unique(X * 1j, dim=0), DTypeError, "unique: slices of complex numbers have no order"),
    (lambda: cb.unique(cb.zeros((2, 0)), dim=0), ShapeError, "of shape (2, 0) along axis 0 hold no elements"),
    (lambda: cb.histogramdd(V, 3), ShapeError, "histogramdd: points (..., N) are needed, got shape (4,)"),
    (lambda: cb.histogramdd(X, [3, 3]), ArgumentError, "2 bins are given for points of 4 dimensions"),
    (lambda: cb.histogramdd(X, 3, range=[0.0, 1.0]), ArgumentError, "a range of 8 numbers is needed, got 2"),
    (lambda: cb.histogramdd(X, 0), ArgumentError, "histogramdd: at least one bin is needed, got 0"),
    (lambda: cb.histogram2d(V, V[:2]), ShapeError, "histogram2d: coordinates are vectors of one length"),
    (lambda: cb.logspace(0, 1), ArgumentTypeError, "logspace: the number of values is needed, as steps"),
    (lambda: cb.geomspace(-1, 1, 3), ArgumentError, "two finite numbers of one sign are needed, got -1 and 1"),
    (lambda: cb.range(1, 0), ArgumentError, "range: a step from 1 towards 0 is needed, got 1"),
    (lambda: cb.vander(X), ShapeError, "vander: a vector is needed, got shape (3, 4)"),
    (lambda: cb.dist(WHOLE, WHOLE), DTypeError, "dist: takes floating-point numbers, not int64 and int64"),
    (lambda: cb.gather(X, 0), ArgumentTypeError, "gather: an index tensor is needed"),
    (lambda: cb.gather(X, WHOLE), ArgumentTypeError, "gather: an axis is needed, as in gather(x, 0, ...) or as axis=0"),
    (lambda: cb.scatter_add(X, WHOLE, WHOLE, X), ArgumentTypeError, "the axis is an int, not a Tensor"),
    (lambda: cb.searchsorted(X, V), ShapeError, "searchsorted: the sorted tensor has one axis, or all axes but"),
    (lambda: cb.searchsorted(V, V, side="left", right=True), ArgumentError, "say different things"),
    (lambda: cb.repeat(V, cb.tensor([1, -1, 0, 2])), ArgumentError, "repeat: repeats are not negative"),
    (lambda: cb.repeat_interleave(WHOLE, 2, output_size=5), ArgumentError, "add up to 4, output_size is 5"),
]


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_refused(case: int) -> None:
    call, error, text = REFUSED[case]
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)


@pytest.mark.parametrize(
    "function",
    [cb.unique, cb.unique_consecutive, cb.argwhere, lambda x: cb.unique(x, dim=0), lambda x: cb.nonzero(x > 0)],
)
def test_shapes_that_depend_on_the_data_do_not_map(function: Any) -> None:
    with pytest.raises(cb.core.errors.TransformError, match="depend"):
        cb.func.vmap(function)(cb.stack([X, X]))
