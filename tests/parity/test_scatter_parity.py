"""Gathering, scattering and indexed writing against PyTorch's methods: values, gradients, in place, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    AutogradError,
    CandelabraError,
    DTypeError,
    IndexOutOfRangeError,
    ShapeError,
)

Compare = Callable[..., None]
RNG = np.random.default_rng(41)


def normal(*shape: int) -> np.ndarray:
    return np.asarray(RNG.standard_normal(shape))


# Shape of x, axis, shape of the index, shape of the source.
PLACES = [
    ((5,), 0, (9,), (9,)),
    ((5, 4), 0, (7, 4), (7, 4)),
    ((5, 4), 1, (5, 9), (5, 9)),
    ((5, 4), -1, (3, 6), (3, 6)),
    ((2, 5, 3), 1, (2, 8, 3), (2, 8, 3)),
    ((2, 5, 3), 0, (4, 1, 2), (4, 1, 2)),
    ((5, 4), 0, (0, 4), (0, 4)),
]


def drawn(places: Any) -> tuple[np.ndarray, int, np.ndarray, np.ndarray]:
    shape, axis, where, given = places
    return normal(*shape), axis, RNG.integers(0, shape[axis], where), normal(*given)


@pytest.mark.parametrize("places", PLACES, ids=str)
def test_scatter_add(compare: Compare, places: Any) -> None:
    x, axis, index, source = drawn(places)
    compare(
        lambda x, i, s: x.scatter_add(axis, i, s), lambda torch, x, i, s: x.scatter_add(axis, i, s), x, index, source
    )


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("places", PLACES, ids=str)
def test_scatter_reduce(compare: Compare, places: Any, reduce: str, include_self: bool) -> None:
    x, axis, index, source = drawn(places)
    for dtype in ("float64", "float32"):
        compare(
            lambda x, i, s: x.scatter_reduce(axis, i, s, reduce, include_self=include_self),
            lambda torch, x, i, s: x.scatter_reduce(axis, i, s, reduce, include_self=include_self),
            x, index, source, dtype=dtype, tolerance=10,
        )  # fmt: skip


@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("include_self", [True, False])
def test_scatter_reduce_of_integers(compare: Compare, reduce: str, include_self: bool) -> None:
    for kind in (np.int64, np.int32, np.uint8):
        x, source = (RNG.integers(1, 5, n).astype(kind) for n in (4, 9))
        index = RNG.integers(0, 4, 9)
        compare(
            lambda x, i, s: x.scatter_reduce(0, i, s, reduce, include_self=include_self),
            lambda torch, x, i, s: x.scatter_reduce(0, i, s, reduce, include_self=include_self),
            x, index, source,
        )  # fmt: skip


def test_ties_share_evenly(compare: Compare) -> None:
    index = np.array([0, 0, 1, 1, 1, 2])
    source = np.array([2.0, 2.0, 5.0, 1.0, 5.0, 0.0])
    for reduce in ("amax", "amin"):
        compare(
            lambda x, s, r=reduce: x.scatter_reduce(0, cb.tensor(index), s, r),
            lambda torch, x, s, r=reduce: x.scatter_reduce(0, torch.tensor(index), s, r),
            np.array([2.0, 5.0, 0.0, 7.0]), source,
        )  # fmt: skip


def test_products_with_zeros(compare: Compare) -> None:
    index = np.array([0, 0, 1, 1, 2, 2, 3])
    source = np.array([0.0, 3.0, 0.0, 0.0, 2.0, 4.0, 0.0])
    for x in (np.array([2.0, 5.0, 0.0, 0.0, 0.0]), np.array([2.0, 5.0, 3.0, 1.5, 1.0])):
        for include_self in (True, False):
            compare(
                lambda x, s, own=include_self: x.scatter_reduce(0, cb.tensor(index), s, "prod", include_self=own),
                lambda torch, x, s, own=include_self: x.scatter_reduce(
                    0, torch.tensor(index), s, "prod", include_self=own
                ),
                x, source, order=1,
            )  # fmt: skip


def test_second_derivative_of_a_product_with_one_zero(compare: Compare) -> None:
    index, x, source = np.array([0, 0, 0, 1]), np.array([2.0, 5.0]), np.array([0.0, 3.0, 4.0, 2.0])
    compare(
        lambda x, s: x.scatter_reduce(0, cb.tensor(index), s, "prod"),
        lambda torch, x, s: x.scatter_reduce(0, torch.tensor(index), s, "prod"),
        x, source,
    )  # fmt: skip


@pytest.mark.parametrize("include_self", [True, False])
def test_second_derivatives_of_products_with_zeros(include_self: bool) -> None:
    """PyTorch refuses where two factors are zero; differences tell."""
    index = cb.tensor([0, 0, 0, 1, 1, 2, 3, 3, 3])

    def product(x: Any, s: Any) -> Any:
        return x.scatter_reduce(0, index, s, "prod", include_self=include_self)

    x = cb.tensor([2.0, 0.0, 0.0, 1.5], dtype=cb.float64, requires_grad=True)
    s = cb.tensor([0.0, 0.0, 3.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0], dtype=cb.float64, requires_grad=True)
    assert cb.autograd.gradcheck(product, (x, s)) and cb.autograd.gradgradcheck(product, (x, s))


@pytest.mark.parametrize("places", PLACES, ids=str)
def test_scatter(compare: Compare, places: Any) -> None:
    x, axis, index, source = drawn(places)
    n, k = x.shape[axis], index.shape[axis]
    distinct = np.argsort(normal(*index.shape), axis=axis) if k <= n else np.zeros_like(index)
    if k > n:
        # All values that go to one place are the same, since PyTorch says nothing of which stays.
        source = np.ones_like(source)
    compare(lambda x, i, s: x.scatter(axis, i, s), lambda torch, x, i, s: x.scatter(axis, i, s), x, distinct, source)
    compare(lambda x, i: x.scatter(axis, i, 2.5), lambda torch, x, i: x.scatter(axis, i, 2.5), x, index)
    compare(
        lambda x, i: x.scatter(axis, i, value=-1), lambda torch, x, i: x.scatter(axis, i, value=-1), x, index, order=1
    )
    for reduce in ("add", "multiply"):
        compare(
            lambda x, i, r=reduce: x.detach().scatter(axis, i, cb.tensor(source), reduce=r),
            lambda torch, x, i, r=reduce: x.detach().scatter(axis, i, torch.tensor(source), reduce=r),
            x, index,
        )  # fmt: skip
        compare(
            lambda x, i, r=reduce: x.detach().scatter(axis, i, 3.0, reduce=r),
            lambda torch, x, i, r=reduce: x.detach().scatter(axis, i, 3.0, reduce=r),
            x, index,
        )  # fmt: skip


def test_a_source_may_reach_further_than_its_index(compare: Compare) -> None:
    x, index, source = normal(5, 4), RNG.integers(0, 5, (3, 2)), normal(6, 4)
    for reduce in ("sum", "prod", "mean", "amax"):
        # PyTorch has no gradient here.
        compare(
            lambda x, r=reduce: x.scatter_reduce(0, cb.tensor(index), cb.tensor(source), r).detach(),
            lambda torch, x, r=reduce: x.scatter_reduce(0, torch.tensor(index), torch.tensor(source), r).detach(),
            x, order=0,
        )  # fmt: skip
    s = cb.tensor(source, requires_grad=True)
    cb.tensor(x).scatter_reduce(0, cb.tensor(index), s, "mean").sum().backward()
    assert s.grad.shape == (6, 4) and not s.grad[3:].any() and not s.grad[:, 2:].any() and s.grad[:3, :2].all()


ROWS = [((5, 4), 0, 7), ((5, 4), 1, 3), ((2, 5, 3), -2, 6), ((6,), 0, 9), ((5, 4), 0, 0)]


@pytest.mark.parametrize(("shape", "axis", "m"), ROWS)
def test_indexed_slices(compare: Compare, shape: tuple[int, ...], axis: int, m: int) -> None:
    n = shape[axis]
    wide = tuple(m if i == axis % len(shape) else k for i, k in enumerate(shape))
    x, source, index = normal(*shape), normal(*wide), RNG.integers(0, n, m)
    compare(
        lambda x, i, s: x.index_add(axis, i, s, alpha=0.5), lambda torch, x, i, s: x.index_add(axis, i, s, alpha=0.5),
        x, index, source,
    )  # fmt: skip
    for include_self in (True, False):
        for reduce in ("prod", "mean", "amax", "amin"):
            compare(
                lambda x, i, s, r=reduce, own=include_self: x.index_reduce(axis, i, s, r, include_self=own),
                lambda torch, x, i, s, r=reduce, own=include_self: x.index_reduce(axis, i, s, r, include_self=own),
                x, index, source, order=1,
            )  # fmt: skip
    compare(lambda x, i: x.index_fill(axis, i, 2.5), lambda torch, x, i: x.index_fill(axis, i, 2.5), x, index - n)
    compare(
        lambda x, v: x.index_fill(axis, cb.tensor(index), v),
        lambda torch, x, v: x.index_fill(axis, torch.tensor(index), v), x, normal(),
    )  # fmt: skip
    chosen = RNG.permutation(n)[: min(m, n)]
    part = np.take(source, range(len(chosen)), axis=axis)
    compare(lambda x, i, s: x.index_copy(axis, i, s), lambda torch, x, i, s: x.index_copy(axis, i, s), x, chosen, part)


def test_masked_scatter(compare: Compare) -> None:
    for shape, mask in (((3, 4), (3, 4)), ((3, 4), (4,)), ((4,), (3, 4)), ((0, 4), (4,))):
        chosen = RNG.random(mask) < 0.5
        compare(
            lambda x, m, s: x.masked_scatter(m, s), lambda torch, x, m, s: x.masked_scatter(m, s),
            normal(*shape), chosen, normal(2, 7),
        )  # fmt: skip
    compare(
        lambda x, m, s: x.masked_scatter(m, s), lambda torch, x, m, s: x.masked_scatter(m, s),
        normal(3), np.zeros(3, bool), normal(0), order=1,
    )  # fmt: skip


def test_put(compare: Compare) -> None:
    x, source = normal(3, 4), normal(2, 3)
    distinct, again = np.array([[0, 5, -1], [7, 3, 2]]), np.array([[0, 5, -1], [11, 5, 0]])
    for accumulate, index in ((False, distinct), (True, again)):
        compare(
            lambda x, s, i=index, a=accumulate: x.put(cb.tensor(i), s, a),
            lambda torch, x, s, i=index, a=accumulate: torch.put(x, torch.tensor(i), s, a),
            x, source,
        )  # fmt: skip
        rows = index[0] % 3, index[1] % 4
        values = source[0] if accumulate else np.full(3, 1.5)
        compare(
            lambda x, v, r=rows, a=accumulate: x.index_put(tuple(map(cb.tensor, r)), v, a),
            lambda torch, x, v, r=rows, a=accumulate: x.index_put(tuple(map(torch.tensor, r)), v, a),
            x, values, order=2 if accumulate else 0,
        )  # fmt: skip


def test_along_an_axis(compare: Compare) -> None:
    x, index = normal(3, 4), RNG.integers(0, 4, (3, 2))
    compare(lambda x, i: x.gather(1, i), lambda torch, x, i: x.gather(1, i), x, index)
    compare(lambda x, i: x.take_along_dim(i, 1), lambda torch, x, i: torch.take_along_dim(x, i, 1), x, index[:1])
    compare(lambda x, i: cb.take_along_dim(x, i, dim=1), lambda torch, x, i: x.take_along_dim(i, dim=1), x, index)
    compare(lambda x, i: x.take_along_dim(i), lambda torch, x, i: x.take_along_dim(i), x, np.array([[7, 0], [3, 11]]))
    values = normal(3, 1)
    found = cb.put_along_axis(cb.tensor(x), cb.tensor(index[:, :1] - 4), cb.tensor(values), axis=1)
    expected = x.copy()
    np.put_along_axis(expected, index[:, :1] - 4, values, axis=1)
    np.testing.assert_array_equal(found.numpy(), expected)


IN_PLACE: list[tuple[str, Callable[[Any, Any], tuple[Any, ...]]]] = [
    ("scatter_", lambda lib, i: (0, i, lib.ones((3, 4), dtype=lib.float64))),
    ("scatter_add_", lambda lib, i: (0, i, lib.ones((3, 4), dtype=lib.float64))),
    ("scatter_reduce_", lambda lib, i: (0, i, lib.ones((3, 4), dtype=lib.float64), "amax")),
    ("index_add_", lambda lib, i: (0, i[:, 0], lib.ones((3, 4), dtype=lib.float64))),
    ("index_copy_", lambda lib, i: (0, lib.tensor([4, 0]), lib.ones((2, 4), dtype=lib.float64))),
    ("index_fill_", lambda lib, i: (0, i[:, 0], 9.0)),
    ("index_reduce_", lambda lib, i: (0, i[:, 0], lib.ones((3, 4), dtype=lib.float64), "mean")),
    ("masked_scatter_", lambda lib, i: (lib.tensor([True, False, True, True]), lib.arange(20.0, dtype=lib.float64))),
    ("masked_fill_", lambda lib, i: (lib.tensor([True, False, True, True]), 7.0)),
    ("put_", lambda lib, i: (lib.tensor([3, 0]), lib.ones((2,), dtype=lib.float64), True)),
    ("index_put_", lambda lib, i: ((lib.tensor([3, 0]),), lib.ones((4,), dtype=lib.float64))),
]


@pytest.mark.parametrize(("name", "arguments"), IN_PLACE, ids=[n for n, _ in IN_PLACE])
def test_in_place(torch: Any, name: str, arguments: Callable[[Any, Any], tuple[Any, ...]]) -> None:
    x, index = normal(5, 4), RNG.integers(0, 5, (3, 4))
    found = []
    for lib in (cb, torch):
        leaf = lib.tensor(x, requires_grad=True)
        y = leaf * 1
        same = getattr(y, name)(*arguments(lib, lib.tensor(index)))
        assert same is y
        (y * y).sum().backward()
        found.append((y.detach().numpy(), leaf.grad.numpy()))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-12)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-12)
    leaf = cb.tensor(x, requires_grad=True)
    with pytest.raises(AutogradError, match="a leaf that requires a gradient"):
        getattr(leaf, name)(*arguments(cb, cb.tensor(index)))
    view = cb.tensor(x)
    with pytest.warns(cb.LostWriteWarning, match="does not change"):
        getattr(view[:], name)(*arguments(cb, cb.tensor(index)))
    np.testing.assert_array_equal(view.numpy(), x)


ONES, TWO = cb.ones(3, 2), cb.tensor([0, 1])
BAD: list[tuple[Callable[[], Any], type[CandelabraError], str]] = [
    (lambda: ONES.gather(0, cb.tensor([[3, 0]])), IndexOutOfRangeError, r"gather: index 3 is out of range .* size 3"),
    (lambda: ONES.gather(0, cb.tensor([[-1, 0]])), IndexOutOfRangeError, r"gather: index -1 is out of range"),
    (lambda: ONES.gather(0, cb.tensor([[0, 0]]), sparse_grad=True), ArgumentError, r"gradients here are dense"),
    (lambda: ONES.scatter(0, cb.tensor([[3, 0]]), 1.0), IndexOutOfRangeError, r"scatter: index 3 is out of range"),
    (lambda: ONES.scatter(0, cb.tensor([[0, 0]]), 1.0, reduce="mean"), ArgumentError, r"reduce is 'add', 'multiply'"),
    (lambda: ONES.scatter(0, cb.tensor([[0, 0]])), ArgumentTypeError, r"give a source tensor or a value"),
    (lambda: ONES.scatter(0, cb.tensor([[0, 0]]), TWO.reshape(1, 2)), DTypeError, r"src is of int64"),
    (lambda: ONES.scatter_add(0, cb.tensor([[4, 0]]), ONES), IndexOutOfRangeError, r"scatter_add: index 4"),
    (
        lambda: ONES.scatter_reduce(0, cb.tensor([[4, 0]]), ONES, "amax"),
        IndexOutOfRangeError,
        r"scatter_reduce: index 4",
    ),
    (lambda: ONES.index_copy(0, TWO, ONES), ShapeError, r"index_copy: source has shape \(3, 2\), expected \(2, 2\)"),
    (
        lambda: ONES.index_copy(0, TWO - 1, ONES[:2]),
        IndexOutOfRangeError,
        r"index_copy: index -1 is out of range for 3",
    ),
    (lambda: ONES.index_fill(0, TWO + 2, 1.0), IndexOutOfRangeError, r"index_fill: index 3 is out of range for 3"),
    (lambda: ONES.index_fill(0, TWO, cb.ones(2)), ShapeError, r"index_fill: value is a number"),
    (lambda: ONES.index_fill(0, ONES, 1.0), ShapeError, r"index_fill: index has one axis"),
    (lambda: ONES.index_fill(0, cb.ones(2), 1.0), DTypeError, r"index_fill: indices are integers, not float32"),
    (lambda: ONES.index_reduce(0, TWO, ONES[:2], "sum"), ArgumentError, r"index_reduce: reduce is 'prod'"),
    (lambda: ONES.index_reduce(0, TWO, ONES, "mean"), ShapeError, r"index_reduce: source has shape"),
    (lambda: ONES.masked_scatter(ONES > 0, cb.ones(2)), ShapeError, r"the mask wants 6 elements, .* has 2"),
    (lambda: ONES.masked_scatter(ONES, ONES), ArgumentTypeError, r"masked_scatter: the mask is boolean"),
    (lambda: ONES.masked_scatter(ONES > 0, TWO), DTypeError, r"masked_scatter: source is of int64"),
    (lambda: ONES.put(TWO + 6, cb.ones(2)), IndexOutOfRangeError, r"put: index 7 is out of range for 6 places"),
    (lambda: ONES.put(TWO, cb.ones(3)), ShapeError, r"put: index of shape \(2,\) and source of shape \(3,\)"),
    (lambda: cb.put_along_axis(ONES, TWO, 1.0, axis=0), ShapeError, r"put_along_axis: indices have 1 axes"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_refused(case: int) -> None:
    call, error, text = BAD[case]
    with pytest.raises(error, match=text):
        call()
    assert ONES.tolist() == [[1.0, 1.0]] * 3
