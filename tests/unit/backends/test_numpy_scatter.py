"""Adding to indexed places on NumPy, against a loop and PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
from candelabra.backends.numpy import parallel, scatter
from candelabra.core.errors import IndexOutOfRangeError


def loop_index_add(x, index, source, axis):
    out = np.moveaxis(x.astype(np.complex128), axis, 0).copy()
    for i, row in zip(index, np.moveaxis(source, axis, 0), strict=True):
        out[i] += row
    return np.moveaxis(out, 0, axis)


def draw(rng, shape, dtype):
    values = rng.standard_normal(shape) * 3
    return (values + 1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else values).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.int64, np.int32])
@pytest.mark.parametrize("few", [0, 1 << 16])
@pytest.mark.parametrize(
    ("shape", "axis", "m"),
    [
        ((5, 3), 0, 9),
        ((5, 3), 1, 4),
        ((2, 4, 3), 1, 7),
        ((6,), 0, 20),
        ((5, 3), 0, 0),
        ((4, 0), 0, 3),
        ((3, 70), -2, 1),
    ],
)
def test_index_add(shape, axis, m, few, dtype, monkeypatch):
    monkeypatch.setattr(scatter, "_FEW", few)
    rng = np.random.default_rng(0)
    for _ in range(3):
        x = draw(rng, shape, dtype)
        source_shape = list(shape)
        source_shape[axis] = m
        index, source = rng.integers(0, shape[axis], m), draw(rng, source_shape, dtype)
        for a, s in ((x, source), (np.asfortranarray(x), np.asfortranarray(source))):
            kept = a.copy()
            out = scatter.index_add(a, index, s, axis=axis)
            assert out.dtype == dtype and out.shape == shape and not np.shares_memory(out, a)
            np.testing.assert_allclose(out, loop_index_add(x, index, source, axis), rtol=1e-4, atol=1e-4)
            np.testing.assert_array_equal(a, kept)


@pytest.mark.parametrize(("n", "m", "width"), [(70000, 3000, 40), (50, 20000, 33), (3, 5000, 100), (1, 3000, 64)])
def test_index_add_of_many_rows(n, m, width, monkeypatch):
    monkeypatch.setattr(parallel, "_threads", 3)
    monkeypatch.setattr(parallel, "_pool", None)
    rng = np.random.default_rng(1)
    index, source = rng.integers(0, n, m), rng.standard_normal((m, width))
    expected = np.zeros((n, width))
    np.add.at(expected, index, source)
    np.testing.assert_allclose(scatter.index_add(np.zeros((n, width)), index, source, axis=0), expected, atol=1e-10)


@pytest.mark.parametrize("bad", [-1, 5])
def test_indices_out_of_range_are_refused(bad):
    x, index = np.zeros((5, 2)), np.array([0, bad])
    with pytest.raises(IndexOutOfRangeError, match=f"index_add: index {bad} is out of range for an axis of size 5"):
        scatter.index_add(x, index, np.ones((2, 2)), axis=0)
    with pytest.raises(IndexOutOfRangeError, match=f"scatter_add: index {bad} is out of range for an axis of size 5"):
        scatter.scatter_add(x, index[:, None], np.ones((2, 2)), axis=0)


def test_what_is_declined():
    half, index = np.zeros((3, 2), np.float16), np.zeros(1, np.int64)
    assert scatter.index_add(half, index, half[:1], axis=0) is NotImplemented
    assert scatter.index_add(np.zeros((3, 2)), index, half[:1], axis=0) is NotImplemented
    assert scatter.scatter_add(half, index[:, None], half, axis=0) is NotImplemented


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize(
    ("shape", "index_shape", "axis"),
    [((4, 5), (3, 5), 0), ((4, 5), (2, 3), 0), ((4, 5), (4, 9), 1), ((2, 3, 4), (2, 6, 4), 1), ((7,), (30,), 0)],
)
def test_scatter_add(shape, index_shape, axis, dtype):
    rng = np.random.default_rng(2)
    x, index = draw(rng, shape, dtype), rng.integers(0, shape[axis], index_shape)
    source = draw(rng, [n + 1 for n in index_shape], dtype)
    expected = x.copy()
    for place in np.ndindex(*index_shape):
        target = list(place)
        target[axis] = index[place]
        expected[tuple(target)] += source[place]
    kept = x.copy()
    out = scatter.scatter_add(x, index, source, axis=axis)
    assert out.dtype == dtype and not np.shares_memory(out, x)
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(x, kept)
    torch = pytest.importorskip("torch")
    theirs = torch.tensor(x).scatter_add(axis, torch.tensor(index), torch.tensor(source))
    np.testing.assert_allclose(out, theirs.numpy(), rtol=1e-5, atol=1e-5)


def test_scatter_add_of_nothing():
    x = np.arange(6.0).reshape(2, 3)
    out = scatter.scatter_add(x, np.zeros((0, 3), np.int64), np.zeros((0, 3)), axis=0)
    np.testing.assert_array_equal(out, x)
    assert not np.shares_memory(out, x)
    scalar = scatter.scatter_add(np.array(1.0), np.array(0), np.array(2.5), axis=0)
    assert scalar.shape == () and scalar == 3.5 and type(scalar) is np.ndarray
