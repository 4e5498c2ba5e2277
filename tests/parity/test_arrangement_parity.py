"""Joining, splitting, windows, sets and statistics against PyTorch's: values and two orders of gradients."""

from __future__ import annotations

import inspect

import candelabra as cb
import numpy as np
import pytest

rng = np.random.default_rng(20)
A, B = rng.standard_normal((3, 4)), rng.standard_normal((3, 4))
CUBE, OTHER = rng.standard_normal((2, 3, 4)), rng.standard_normal((2, 4, 3))
FOUR = rng.standard_normal((4, 6, 4))
ROW, THREE, SCALAR = rng.standard_normal(4), rng.standard_normal(3), np.asarray(0.7)
SQUARE = rng.standard_normal((3, 3))
COMPLEX = A + 1j * B
LINE = COMPLEX[0]
INTEGERS = rng.integers(-5, 6, (3, 4))
REPEATED = rng.integers(0, 3, (5, 4))
RUNS = np.array([[1, 1, 2], [2, 2, 3], [2, 2, 3]])
EQUAL = np.array([[1.0, 1.0, 2.0], [3.0, 3.0, 3.0]])
BELOW = np.array([1.0, 1.0, 0.0, 0.5])
UP = np.sort(rng.standard_normal(4))
COUNTS, WEIGHTS = np.array([1, 0, 3, 2]), rng.uniform(0.1, 2, 4)


def same(text, *inputs, **options):
    """One expression for both: `t` is the namespace."""
    body = eval(f"lambda t, x=None, y=None, z=None: {text}")
    return pytest.param(lambda *v: body(cb, *v), lambda t, *v: body(t, *v), inputs, options, id=text)


MOVES = [
    same("t.concatenate([x, y], 1)", A, B),
    same("t.concatenate([x, y], dim=-1)", A, B),
    same("t.dstack([x, y])", A, B),
    same("t.dstack([x, y])", ROW, ROW),
    same("t.dstack([x, x])", SCALAR),
    same("t.column_stack([x, y])", THREE, A),
    same("t.column_stack([x, x])", SCALAR),
    same("t.row_stack([x, y])", ROW, A),
    same("t.hstack([x, x])", SCALAR),
    same("t.vstack([x, x])", SCALAR),
    same("t.atleast_1d(x, y)", SCALAR, A),
    same("t.atleast_2d(x)", SCALAR),
    same("t.atleast_2d(x, y)", ROW, A),
    same("t.atleast_2d((x, y))", ROW, A),
    same("t.atleast_3d(x)", SCALAR),
    same("t.atleast_3d(x, y, z)", ROW, A, CUBE),
    same("t.tensor_split(x, 3)", FOUR),
    same("t.tensor_split(x, 4, dim=1)", FOUR),
    same("t.tensor_split(x, 7, -1)", FOUR),
    same("t.tensor_split(x, (1, 4), 1)", FOUR),
    same("t.tensor_split(x, (1, -2), dim=1)", FOUR),
    same("t.tensor_split(x, [9, 2], dim=1)", FOUR),
    same("t.tensor_split(x, sections=2, dim=2)", FOUR),
    same("t.tensor_split(x, indices=(3,), dim=2)", FOUR),
    same("t.tensor_split(x, t.tensor([1, 3]))", FOUR),
    same("t.tensor_split(x, t.tensor(2))", FOUR),
    same("t.hsplit(x, 2)", FOUR),
    same("t.hsplit(x, [1, 3])", FOUR),
    same("t.hsplit(x, 2)", ROW),
    same("t.vsplit(x, 2)", FOUR),
    same("t.vsplit(x, (1, 3))", FOUR),
    same("t.dsplit(x, 2)", FOUR),
    same("t.dsplit(x, (1, 3))", FOUR),
    same("t.fliplr(x)", CUBE),
    same("t.flipud(x)", CUBE),
    same("t.flipud(x)", ROW),
    same("t.ravel(x)", CUBE),
    same("t.ravel(x)", SCALAR),
    same("t.adjoint(x)", COMPLEX),
    same("t.adjoint(x)", CUBE),
    same("t.swapdims(x, 0, 2)", CUBE),
    same("t.narrow_copy(x, 1, 1, 2)", CUBE),
    same("t.broadcast_tensors(x, y)", CUBE, ROW),
    same("t.cartesian_prod(x, y, z)", ROW, THREE, UP),
    same("t.cartesian_prod(x)", ROW),
    same("t.combinations(x)", ROW),
    same("t.combinations(x, r=3)", ROW),
    same("t.combinations(x, 1)", ROW),
    same("t.combinations(x, 0)", ROW),
    same("t.combinations(x, 5)", ROW),
    same("t.combinations(x, 2, True)", ROW),
    same("t.combinations(x, r=3, with_replacement=True)", ROW),
    same("t.unfold_copy(x, 1, 3, 2)", FOUR),
    same("t.unfold_copy(x, -1, 4, 1)", FOUR),
    same("t.unfold_copy(x, 0, 2, 3)", FOUR),
    same("t.unfold_copy(x, 1, 1, 4)", FOUR),
    same("t.unfold_copy(x, 1, 0, 2)", FOUR, order=0),
    same("t.unfold_copy(x, 0, 1, 1)", SCALAR),
    same("t.unfold_copy(x, 0, 70, 9)", rng.standard_normal(100)),
    same("t.as_strided(x, (3, 2), (1, 4))", A),
    same("t.as_strided(x, (2, 2, 2), (1, 0, 3), 2)", A),
    same("t.as_strided(x, (), ())", A),
    same("t.as_strided_scatter(x, y, (2, 3), (4, 1), 1)", A, B[:2, :3], order=0),
    same("t.argwhere(x)", INTEGERS),
    same("t.argwhere(x)", SCALAR),
    same("t.argwhere(x - x)", SCALAR),
    same("t.unravel_index(x, (4, 6, 4))", np.array([[0, 95], [17, -1]])),
    same("t.unravel_index(x, 7)", np.array([3, 6])),
    same("t.diagonal_scatter(x, y)", A, THREE),
    same("t.diagonal_scatter(x, y, 2)", A, ROW[:2]),
    same("t.diagonal_scatter(x, y, offset=-1, dim1=1, dim2=2)", CUBE, CUBE[:, :2, 0]),
    same("t.diagonal_scatter(x, y, 1, 2, 0)", CUBE, CUBE[0, :, :1]),
    same("t.select_scatter(x, y, 1, -1)", CUBE, CUBE[:, 0]),
    same("t.select_scatter(x, y, dim=0, index=1)", CUBE, A),
    same("t.slice_scatter(x, y, 1, 1, 3)", CUBE, CUBE[:, :2]),
    same("t.slice_scatter(x, y, dim=2, start=-3, end=9, step=2)", CUBE, CUBE[..., :2]),
    same("t.slice_scatter(x, y)", A, B),
    same("t.vander(x)", ROW, order=0),
    same("t.vander(x, 3, True)", ROW, order=0),
    same("t.vander(x, N=1)", ROW),
    same("t.vander(x, 0)", ROW),
    same("t.vander(x, 3)", INTEGERS[0].astype("int32")),
    same("t.vander(x > 0, 3)", ROW),
    same("t.cummax(x > 0, 1)", A),
    same("t.vander(x, N=4, increasing=True)", LINE, order=0),
    same("t.logspace(-1, 2, 7, dtype=t.float64)", ),
    same("t.logspace(0, 3, 4, 2, dtype=t.int64)", ),
    same("t.logspace(0, 3, 1)", ),
    same("t.range(1, 4)", ),
    same("t.range(4, 1, -1.5)", ),
    same("t.trapezoid(x)", A),
    same("t.trapezoid(x, dx=0.3, dim=0)", A),
    same("t.trapezoid(x, y)", A, ROW),
    same("t.trapezoid(x, y, dim=0)", A, THREE),
    same("t.trapezoid(x, y, dim=1)", CUBE, CUBE[:1]),
    same("t.trapezoid(x, y, dim=-1)", CUBE, B),
    same("t.trapezoid(x)", INTEGERS),
    same("t.trapz(x, y)", A, ROW),
    same("t.trapz(x, dx=2.0, dim=0)", COMPLEX),
    same("t.cumulative_trapezoid(x)", A),
    same("t.cumulative_trapezoid(x, y, dim=0)", A, THREE),
    same("t.cumulative_trapezoid(x, dx=3)", A),
    same("t.gradient(x)", FOUR),
    same("t.gradient(x, edge_order=2)", FOUR),
    same("t.gradient(x, spacing=0.5, dim=1)", FOUR),
    same("t.gradient(x, spacing=(0.5, 2.0), dim=(0, -1), edge_order=2)", FOUR),
    same("t.gradient(x, spacing=[y], dim=0, edge_order=2)", FOUR, UP),
    same("t.gradient(x, spacing=[y], dim=2)", FOUR, UP),
    same("t.gradient(x)", COMPLEX),
    same("t.mv(x, y)", A, ROW),
    same("t.addmv(x, y, z, beta=0.5, alpha=2)", THREE, A, ROW),
    same("t.addmv(x, y, z, beta=0)", np.full(3, np.nan), A, ROW),
    same("t.addr(x, y, z, beta=0.5, alpha=2)", A, THREE, ROW),
    same("t.addbmm(x, y, z, beta=0.5, alpha=2)", SQUARE, CUBE, OTHER),
    same("t.addbmm(x, y, z)", THREE, CUBE, OTHER),
    same("t.baddbmm(x, y, z, beta=0.5, alpha=2)", SQUARE, CUBE, OTHER),
    same("t.addmm(x, y, z, beta=0)", np.full((3, 3), np.nan), A, B.T.copy()),
    same("t.chain_matmul(x, y, z)", A, OTHER[0], SQUARE),
    same("t.ger(x, y)", THREE, ROW),
    same("t.inner(x, y)", CUBE, A),
    same("t.inner(x, y)", LINE, LINE),
    same("t.inner(x, y)", SCALAR, A),
    same("t.vdot(x, y)", LINE, LINE * 1j),
    same("t.vdot(x, y)", ROW, UP),
    same("t.cross(x, y)", A, B),
    same("t.cross(x, y, dim=1)", SQUARE, THREE[None]),
    same("t.linalg.cross(x, y)", SQUARE, SQUARE.T.copy()),
    same("t.trace(x)", A),
    same("t.trace(x)", INTEGERS),
]  # fmt: skip

STATISTICS = [
    same("t.std_mean(x)", A),
    same("t.std_mean(x, 1)", A),
    same("t.std_mean(x, dim=(0, 1), correction=0, keepdim=True)", A),
    same("t.std_mean(x, dim=0, unbiased=False)", A),
    same("t.std_mean(x, False)", A),
    same("t.var_mean(x)", A),
    same("t.var_mean(x, [0, 1])", CUBE),
    same("t.var_mean(x, -1, correction=2, keepdim=True)", A),
    same("t.aminmax(x)", A),
    same("t.aminmax(x, dim=1)", INTEGERS),
    same("t.aminmax(x, dim=1, keepdim=True)", np.array([[1.0, 1.0, 2.0], [3.0, 0.0, 3.0]])),
    same("t.cov(x)", A),
    same("t.cov(x)", ROW),
    same("t.cov(x)", INTEGERS),
    same("t.cov(x, correction=0)", COMPLEX),
    same("t.cov(x, fweights=y)", A, COUNTS),
    same("t.cov(x, aweights=y)", A, WEIGHTS),
    same("t.cov(x, correction=2, fweights=y, aweights=z)", A, COUNTS, WEIGHTS, order=1),
    same("t.corrcoef(x)", A, tolerance=10),
    same("t.corrcoef(x)", COMPLEX, tolerance=10),
    same("t.mode(x)", REPEATED),
    same("t.mode(x, 0)", REPEATED),
    same("t.mode(x, dim=0, keepdim=True)", REPEATED / 2.0),
    same("t.mode(x)", A),
    same("t.renorm(x, 2, 0, 1.0)", A),
    same("t.renorm(x, 1, 1, 2.0)", CUBE),
    same("t.renorm(x, p=3, dim=-1, maxnorm=0.5)", CUBE),
    same("t.renorm(x, 2, 0, 1.0)", COMPLEX, order=1),
    same("t.dist(x, y)", A, B),
    same("t.dist(x, y, 1)", A, ROW),
    same("t.dist(x, y, p=3.5)", A, B),
    same("t.dist(x, y, 0)", A, A.round(), order=0),
    same("t.dist(x, y, float('inf'))", A, B),
    same("t.dist(x, x)", A, order=1),
    same("t.dist(x, y, 0.5)", EQUAL, EQUAL * [1.0, 2.0, 1.0], order=1),
    same("t.dist(x, y, 1.5)", EQUAL, EQUAL * [1.0, 2.0, 1.0], order=1),
    same("t.cdist(x, y, 0.5)", EQUAL, EQUAL + [[1.0], [0.0]], order=1),
    same("t.renorm(x, 0.5, 0, 1.0)", EQUAL * [[0.0], [1.0]], order=1),
    same("t.aminmax(x, dim=0)", SCALAR),
    same("t.cummax(x, 1)", np.zeros((2, 0))),
    same("t.logcumsumexp(x, 1)", np.zeros((2, 0))),
    same("t.logcumsumexp(x, 1)", COMPLEX * 0.3, order=1),
    same("t.logcumsumexp(x, 0)", COMPLEX * 300, order=0),
    same("t.std_mean(x, 1)", COMPLEX, order=1),
    same("t.cov(x)", np.zeros((2, 0)), order=1),
    same("x / 0 + x / -0.0", A, order=1),
    same("t.segment_reduce(x, 'max', lengths=t.tensor([2, 0, 2]), initial=1.0)", BELOW, order=1),
    same("t.unique_consecutive(x)", RUNS),
    same("t.unique_consecutive(x, True, True)", RUNS),
    same("t.unique_consecutive(x, return_counts=True, dim=0)", RUNS),
    same("t.unique_consecutive(x, return_inverse=True, return_counts=True, dim=1)", RUNS),
    same("t.unique_consecutive(x, return_inverse=True)", np.array([1.0, 1.0, np.nan, np.nan]), order=0),
    same("t.unique(x, dim=0)", REPEATED // 2),
    same("t.unique(x, return_inverse=True, return_counts=True, dim=0)", REPEATED // 2),
    same("t.unique(x, return_inverse=True, return_counts=True, dim=-1)", REPEATED // 2),
    same("t.unique(x, True, True, True)", REPEATED),
    same("t.unique(x, sorted=False)", REPEATED),
    same("t.unique(x, dim=0)", REPEATED > 1),
]  # fmt: skip


@pytest.mark.parametrize(("ours", "theirs", "inputs", "options"), MOVES)
def test_moves(compare, ours, theirs, inputs, options):
    compare(ours, theirs, *inputs, **options)


@pytest.mark.parametrize(("ours", "theirs", "inputs", "options"), STATISTICS)
def test_statistics(compare, ours, theirs, inputs, options):
    compare(ours, theirs, *inputs, **options)


def test_windows_are_the_methods(compare):
    compare(lambda x: cb.unfold(x, 1, 3, 2), lambda t, x: x.unfold(1, 3, 2), FOUR)
    compare(lambda x: cb.unfold(x, dimension=0, size=2, step=1), lambda t, x: x.unfold(0, 2, 1), FOUR)


@pytest.mark.parametrize("bins", [3, [2, 3], [4, 1]])
@pytest.mark.parametrize("density", [False, True])
@pytest.mark.parametrize("limits", [None, [-1.0, 0.5, -2.0, 2.0]])
@pytest.mark.parametrize("weighted", [False, True])
def test_histogramdd(torch, bins, density, limits, weighted):
    points, weight = rng.standard_normal((5, 6, 2)), rng.uniform(0, 2, (5, 6))
    given = {"range": limits, "density": density}
    mine = cb.histogramdd(cb.tensor(points), bins, weight=cb.tensor(weight) if weighted else None, **given)
    theirs = torch.histogramdd(
        torch.tensor(points), bins if isinstance(bins, list) else [bins] * 2,
        weight=torch.tensor(weight) if weighted else None, **given,
    )  # fmt: skip
    np.testing.assert_allclose(mine.hist.numpy(), theirs.hist.numpy(), rtol=1e-12)
    for a, b in zip(mine.bin_edges, theirs.bin_edges, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)


def test_histogramdd_of_edges(torch):
    points = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 0.5], [2.0, 2.0], [3.0, 0.0], [np.nan, 1.0]])
    edges = [np.array([0.0, 0.5, 2.0]), np.array([0.0, 1.0, 1.5, 2.0])]
    mine = cb.histogramdd(cb.tensor(points), [cb.tensor(e) for e in edges])
    theirs = torch.histogramdd(torch.tensor(points[:5]), [torch.tensor(e) for e in edges])
    np.testing.assert_array_equal(mine.hist.numpy(), theirs.hist.numpy())


def test_one_hot_is_one_function(torch):
    assert inspect.unwrap(cb.nn.functional.one_hot) is inspect.unwrap(cb.one_hot)
    classes = np.array([[0, 2], [1, 1]])
    np.testing.assert_array_equal(
        cb.one_hot(cb.tensor(classes), 4).numpy(), torch.nn.functional.one_hot(torch.tensor(classes), 4).numpy()
    )


INDEX, PLACES, BACK = np.array([[0, 1, 1, 0], [2, 2, 0, 1]]), np.array([0, 2, 2]), np.array([2, 0])
SOURCE, LINES = rng.standard_normal((2, 4)), np.sort(A, axis=1)
FORMS = [
    same("t.gather(x, 0, y)", A, INDEX),
    same("t.gather(x, dim=0, index=y, sparse_grad=False)", A, INDEX),
    same("t.scatter(x, 1, y[:, :2] * 0 + t.arange(2), z[:, :2])", A, INDEX, SOURCE),
    same("t.scatter(x, dim=0, index=y, src=z, reduce='add')", A, INDEX, SOURCE, order=0),
    same("t.scatter(x, 0, y, 2.0)", A, INDEX),
    same("t.scatter(x, 0, y, value=2.0)", A, INDEX),
    same("t.scatter(x, 0, y, 2.0, reduce='multiply')", A, INDEX, order=0),
    same("t.scatter_add(x, 0, y, z)", A, INDEX, SOURCE),
    same("t.scatter_add(x, dim=0, index=y, src=z)", A, INDEX, SOURCE),
    same("t.scatter_reduce(x, 0, y, z, 'amax')", A, INDEX, SOURCE),
    same("t.scatter_reduce(x, dim=0, index=y, src=z, reduce='sum', include_self=False)", A, INDEX, SOURCE),
    same("t.index_add(x, 0, y, z)", A, PLACES, B),
    same("t.index_add(x, dim=0, index=y, source=z, alpha=2)", A, PLACES, B),
    same("t.index_copy(x, 0, y, z)", A, BACK, SOURCE),
    same("t.index_copy(x, dim=0, index=y, source=z)", A, BACK, SOURCE),
    same("t.index_fill(x, 0, y, 1.5)", A, BACK),
    same("t.index_fill(x, dim=0, index=y, value=1.5)", A, BACK),
    same("t.index_reduce(x, 0, y, z, 'prod')", A, PLACES, B, order=1),
    same("t.index_reduce(x, dim=0, index=y, source=z, reduce='amax', include_self=False)", A, PLACES, B, order=1),
    same("t.masked_scatter(x, mask=x > 0, source=y)", A, B),
    same("t.masked_fill(x, mask=x > 0, value=0.5)", A),
    same("t.take_along_dim(x, indices=y, dim=0)", A, INDEX),
    same("t.argwhere(x)", INDEX),
    same("t.nonzero(x, as_tuple=False)", INDEX),
    same("t.nonzero(x, as_tuple=True)", INDEX),
    same("t.searchsorted(x, y)", LINES, A),
    same("t.searchsorted(x, y, right=True, out_int32=True)", LINES, LINES[:, 1:]),
    same("t.searchsorted(x, y, side='right')", np.sort(INTEGERS, 1), INTEGERS),
    same("t.searchsorted(x, y, side='left')", np.sort(INTEGERS, 1), INTEGERS[:, :2]),
    same("t.searchsorted(x, y, sorter=z)", A, B, np.argsort(A, 1)),
    same("t.searchsorted(x, 0.3, out_int32=True)", UP),
    same("t.repeat_interleave(x)", PLACES),
    same("t.repeat_interleave(x, y, 0, output_size=4)", A, PLACES),
    same("t.einsum(x, [0, 1], y, [0, 1], [0])", A, B),
    same("t.einsum(x, [0, 30], y, [1, 30])", A, B),
    same("t.einsum(x, [Ellipsis, 1], y, [Ellipsis, 1], [Ellipsis])", CUBE, CUBE),
]  # fmt: skip


@pytest.mark.parametrize(("ours", "theirs", "inputs", "options"), FORMS)
def test_pytorchs_forms(compare, ours, theirs, inputs, options):
    compare(ours, theirs, *inputs, **options)


def test_the_axis_by_keyword_is_the_same(compare):
    for name, given in (("gather", ()), ("scatter_add", (SOURCE,)), ("scatter", (SOURCE[:, :2],))):
        index = INDEX[:, :2] * 0 + np.arange(2) if name == "scatter" else INDEX
        axis = 1 if name == "scatter" else 0
        compare(
            lambda x, i, *s, n=name, a=axis: getattr(cb, n)(x, i, *s, axis=a),
            lambda t, x, i, *s, n=name, a=axis: getattr(t, n)(x, a, i, *s), A, index, *given,
        )  # fmt: skip
    for name in ("index_add", "index_copy"):
        compare(
            lambda x, i, s, n=name: getattr(cb, n)(x, i, s, axis=0),
            lambda t, x, i, s, n=name: getattr(t, n)(x, 0, i, s), A, BACK, SOURCE,
        )  # fmt: skip


@pytest.mark.parametrize("reduce", ["sum", "mean", "max", "min", "prod"])
@pytest.mark.parametrize("initial", [None, 0.5])
def test_segments_of_a_later_axis(compare, torch, reduce, initial):
    x, lengths = rng.standard_normal((2, 6, 3)), np.array([[1, 3, 2], [2, 0, 4]])
    # PyTorch's gradient of the second order is missing there.
    given = {"reduce": reduce, "axis": 1, "initial": initial}
    compare(
        lambda x: cb.segment_reduce(x, lengths=cb.tensor(lengths), **given),
        lambda t, x: t.segment_reduce(x, lengths=t.tensor(lengths), **given), x, order=1,
    )  # fmt: skip
    offsets = np.concatenate([np.zeros((2, 1), int), np.cumsum(lengths, 1)], axis=1)
    mine = cb.segment_reduce(cb.tensor(x), offsets=cb.tensor(offsets), unsafe=True, **given)
    theirs = torch.segment_reduce(torch.tensor(x), offsets=torch.tensor(offsets), unsafe=True, **given)
    np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=1e-12)
