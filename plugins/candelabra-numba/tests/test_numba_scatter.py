"""Compiled scatter, segments and running sums against the backend's own, and what they leave to it."""

from __future__ import annotations

from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.backends.numpy import scatter as numpy_scatter
from candelabra.backends.numpy import segments as numpy_segments
from candelabra.core.errors import CandelabraError
from candelabra_numba import compiled, scatter

pytest.importorskip("numba")
rng = np.random.default_rng(0)
equal = np.testing.assert_array_equal
SHAPES = [(6,), (5, 4), (3, 5, 2), (1, 7, 1)]


@pytest.fixture(autouse=True, params=["on one thread", "on several"])
def _everything_is_large_enough(monkeypatch: pytest.MonkeyPatch, request: Any) -> None:
    monkeypatch.setattr(scatter, "LEAST", 0)
    if request.param == "on several":
        monkeypatch.setattr(compiled, "SHARED", 1)
        monkeypatch.setattr(scatter, "SHARED", 1)


def whole(shape: tuple[int, ...], dtype: str, spoilt: bool = False) -> np.ndarray:
    """Whole numbers, whose sums do not depend on an order."""
    x = rng.integers(-3, 4, shape).astype(dtype)
    if spoilt and x.size and x.dtype.kind == "f":
        x.reshape(-1)[-1] = np.nan
    return x


@pytest.mark.parametrize("kind", ["i8", "i4", "u1"])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "i8"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_scatter(shape: tuple[int, ...], dtype: str, kind: str) -> None:
    for axis in range(len(shape)):
        for count in (0, 1, 9):
            given = (*shape[:axis], count, *shape[axis + 1 :])
            x, source = whole(shape, dtype), whole(given, dtype, True)
            index, line = rng.integers(0, shape[axis], given).astype(kind), rng.integers(0, shape[axis], count)
            equal(
                scatter.index_add(x, line.astype(kind), source, axis=axis),
                numpy_scatter.index_add(x, line.astype(kind), source, axis=axis),
            )
            ours, theirs = (m.scatter_add(x, index, source, axis=axis) for m in (scatter, numpy_scatter))
            equal(ours, theirs)
            for reduce in ("sum", "prod", "amax", "amin"):
                for include in (False, True):
                    how = {"axis": axis, "reduce": reduce, "include_self": include}
                    ours, theirs = (m.scatter_reduce(x, index, source, **how) for m in (scatter, numpy_scatter))
                    equal(ours, theirs, err_msg=str(how))
                    assert ours.dtype == x.dtype


def test_sums_are_added_in_the_order_of_the_indices() -> None:
    source = rng.standard_normal((3000, 40)).astype(np.float32)
    index = rng.integers(0, 7, 3000)
    wanted = np.zeros((7, 40), np.float32)
    for i, row in zip(index, source, strict=True):
        wanted[i] += row
    equal(scatter.index_add(np.zeros((7, 40), np.float32), index, source, axis=0), wanted)
    equal(scatter.embedding_vjp(None, source, index, (7, 40), None, (True, False))[0], wanted)


@pytest.mark.parametrize("wrong", [-1, 5])
def test_an_index_that_is_out_of_range_is_the_backends_to_tell(wrong: int) -> None:
    x, index = cb.zeros((5, 3)), cb.asarray([[0, 1, wrong]])
    for function in (
        lambda: cb.scatter_add(x, index, cb.ones((1, 3)), axis=0),
        lambda: cb.index_add(x, cb.asarray([0, wrong]), cb.ones((2, 3)), axis=0),
        lambda: cb.scatter_reduce(x, index, cb.ones((1, 3)), axis=0, reduce="amax"),
    ):
        with pytest.raises(CandelabraError, match=rf"index {wrong} is out of range for an axis of size 5"):
            function()
    if wrong > 0:
        with pytest.raises(IndexError):
            cb.embedding(x, cb.asarray([0, wrong]))


@pytest.mark.parametrize("padding", [None, 2])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_embedding(dtype: str, padding: int | None) -> None:
    table, index = whole((7, 5), dtype), rng.integers(0, 7, (3, 4)).astype(np.int32)
    equal(scatter.embedding(table, index, padding_idx=padding), table[index])
    g = whole((3, 4, 5), dtype)
    wanted = np.zeros_like(table)
    np.add.at(wanted, index, g)
    if padding is not None:
        wanted[padding] = 0
    equal(scatter.embedding_vjp(None, g, index, (7, 5), padding, (True, False))[0], wanted)


def test_gradients_of_a_table_and_of_bags() -> None:
    values, index = rng.standard_normal((50, 8)), cb.asarray(rng.integers(0, 50, 200))
    offsets = cb.asarray([0, 3, 3, 90, 150])
    for function in (
        lambda w: cb.embedding(w, index, padding_idx=1),
        lambda w: cb.nn.functional.embedding_bag(index, w, offsets, mode="sum"),
        lambda w: cb.nn.functional.embedding_bag(index, w, offsets, mode="mean"),
        lambda w: cb.cumulative_sum(w, axis=0),
        lambda w: cb.take_along_axis(w, cb.reshape(index[:100], (100, 1)) % 50, axis=0),
    ):
        found = []
        for dtype in (cb.float32, cb.float64):
            w = cb.asarray(values, dtype=dtype, requires_grad=True)
            out = function(w)
            (out * out).sum().backward()
            found.append((np.asarray(out.detach()), np.asarray(w.grad)))
        for ours, exact in zip(*found, strict=True):
            np.testing.assert_allclose(ours, exact, 1e-4, 1e-4)


@pytest.mark.parametrize("by", ["sum", "prod", "max", "min"])
def test_segments(by: str) -> None:
    for lengths in ([], [0], [3, 0, 2, 1], [1] * 20):
        sizes = np.asarray(lengths, np.int64)
        for dtype in ("f4", "f8"):
            x = whole((int(sizes.sum()) + 2, 3), dtype)
            if len(x) > 3:
                x[2, 1] = np.nan
            equal(scatter.segment_reduction(x, sizes, by=by), numpy_segments.segment_reduction(x, sizes, by=by))
    assert scatter.segment_reduction(np.ones((3, 2)), np.array([2, 2]), by=by) is NotImplemented
    assert scatter.segment_reduction(np.ones((3, 2)), np.array([-1, 2]), by=by) is NotImplemented


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_running_sums(shape: tuple[int, ...]) -> None:
    for dtype in ("f4", "f8"):
        for axis in range(len(shape)):
            x = whole(shape, dtype)
            how = {"axis": axis, "dtype": None}
            equal(scatter.cumulative_sum(x, **how, include_initial=False), np.cumsum(x, axis=axis))
            wanted = np.flip(np.cumsum(np.flip(x, axis), axis=axis), axis)
            equal(scatter.cumulative_sum_vjp(None, x, axis, (True,))[0], wanted)
            assert scatter.cumulative_sum(x, **how, include_initial=True) is NotImplemented
    wide = {"axis": 0, "dtype": np.dtype("f8"), "include_initial": False}
    assert scatter.cumulative_sum(np.ones(3, np.float32), **wide) is NotImplemented


def test_long_sums_in_single_precision_keep_their_places() -> None:
    x = np.full(1 << 20, 0.1, np.float32)
    found = scatter.cumulative_sum(x, axis=0, dtype=None, include_initial=False)
    np.testing.assert_allclose(found[-1], x.astype(np.float64).sum(), rtol=1e-6)


def test_what_is_not_served() -> None:
    x, index = np.ones((4, 3), np.complex64), np.zeros((1, 3), np.int64)
    assert scatter.scatter_add(x, index, x[:1], axis=0) is NotImplemented
    x = np.ones((4, 3), np.float16)
    assert scatter.scatter_add(x, index, x[:1], axis=0) is NotImplemented
    x = np.ones((4, 3))
    # An index that is smaller than what it indexes.
    assert scatter.scatter_add(x, index[:, :2], x[:1], axis=0) is NotImplemented
    assert scatter.scatter_add(x, index, x[:1].astype(np.float32), axis=0) is NotImplemented
    assert scatter.scatter_reduce(x, index, x[:1], axis=0, reduce="mean") is NotImplemented
