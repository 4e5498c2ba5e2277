"""The NumPy kernel of selecting by order against the generic body: long lines, ties, integers, NaN."""

from __future__ import annotations

import candelabra as cb
import numpy as np
import pytest

RNG = np.random.default_rng(9)
LINES = {
    "distinct": RNG.standard_normal((2, 1000, 2)),
    "ties": RNG.integers(0, 5, (2, 1000, 2)).astype(np.float64),
    "integers": RNG.integers(0, 50, (2, 1000, 2)),
    "unsigned": RNG.integers(0, 9, (2, 1000, 2)).astype(np.uint8),
    "nan": np.where(RNG.random((2, 1000, 2)) < 0.01, np.nan, 1.0),
}


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("count", [1, 7, 250])
@pytest.mark.parametrize("name", LINES)
def test_long_lines(name: str, count: int, largest: bool) -> None:
    x = cb.tensor(LINES[name])
    order = cb.argsort(x, axis=1, descending=largest, stable=True)[:, :count]
    np.testing.assert_array_equal(cb.topk(x, count, axis=1, largest=largest).indices.numpy(), order.numpy())


def test_half_precision() -> None:
    x = cb.tensor(RNG.standard_normal(500)).to(cb.bfloat16)
    values = cb.topk(x, 3).values
    np.testing.assert_array_equal(values.float().numpy(), np.sort(x.float().numpy())[:-4:-1])


def many(dtype: str) -> np.ndarray:
    """Lines with ties, extremes, zeros of both signs and NaN where the dtype has them."""
    if dtype in ("float32", "float64", "float16", "bfloat16"):
        x = RNG.integers(-40, 40, (5, 600)) / 4.0
        x[0, ::50], x[1, 3::70], x[2, ::9] = np.nan, np.inf, -0.0
        x[3, ::7] = -np.inf
        return x
    limits = cb.iinfo(dtype)
    x = RNG.integers(max(limits.min, -30), 30, (5, 600))
    x[0, ::50], x[1, ::60] = max(limits.min, -(2**62)), min(limits.max, 2**62)
    return x


DTYPES = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int8", "uint8", "uint32")


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_sorted_lines(dtype: str, descending: bool, axis: int) -> None:
    x = cb.tensor(many(dtype)).to(getattr(cb, dtype))
    if axis == 0:
        x = x.mT
    wide = x.double().numpy() if "float" in dtype else x.numpy().astype(object)

    def line(values: list[float]) -> list[int]:
        # NaN counts as larger than every number, and of equal ones the first comes first.
        keys = [(v != v, 0 if v != v else v) for v in values]
        if descending:
            return sorted(range(len(keys)), key=lambda i: (not keys[i][0], -keys[i][1]))
        return sorted(range(len(keys)), key=keys.__getitem__)

    wanted = np.apply_along_axis(lambda v: np.array(line(list(v))), axis, wide)
    order = cb.argsort(x, axis=axis, descending=descending)
    np.testing.assert_array_equal(order.numpy(), wanted)
    values = cb.sort(x, axis=axis, descending=descending)
    assert values.dtype is x.dtype
    held = values.double().numpy() if "float" in dtype else values.numpy().astype(object)
    np.testing.assert_array_equal(held, np.take_along_axis(wide, wanted, axis))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint32", "int16", "uint16", "int8"])
def test_one_long_line(dtype: str, descending: bool) -> None:
    if "float" in dtype:
        x = np.round(RNG.standard_normal(9000) * 1000) / 64
        x[::500], x[1::700] = np.nan, -0.0
    else:
        limits = cb.iinfo(dtype)
        x = RNG.integers(max(limits.min, -(2**40)), min(limits.max, 2**40), 9000)
        x[:4] = limits.min, limits.max, limits.min, limits.max
    given = x.astype(dtype)
    order = cb.argsort(cb.tensor(given), descending=descending).numpy()
    line = np.argsort(given, kind="stable")
    if descending:
        line = len(given) - 1 - np.argsort(given[::-1], kind="stable")[::-1]
    np.testing.assert_array_equal(order, line)
    np.testing.assert_array_equal(cb.sort(cb.tensor(given), descending=descending).numpy(), given[line])


@pytest.mark.parametrize("dtype", DTYPES)
def test_ranks(dtype: str) -> None:
    x = cb.tensor(many(dtype)).to(getattr(cb, dtype))
    order = cb.argsort(x, axis=1).numpy()
    for k in (1, 5, 300, 600):
        values, indices = cb.kthvalue(x, k, 1)
        wanted = np.take_along_axis(x.double().numpy(), order[:, k - 1 : k], 1)[:, 0]
        np.testing.assert_array_equal(values.double().numpy(), wanted)
        np.testing.assert_array_equal(cb.gather(x, indices[:, None], axis=1)[:, 0].double().numpy(), wanted)
    if "float" in dtype:
        found = cb.nanmedian(x, 1).values.double().numpy()
        real = [np.sort(line[~np.isnan(line)]) for line in x.double().numpy()]
        np.testing.assert_array_equal(found, [line[(len(line) - 1) // 2] for line in real])
        assert np.isnan(cb.median(x, 1).values.double().numpy()[0])


RUNNING = {
    "random": RNG.standard_normal((3, 3000)),
    "ascending": np.arange(9000.0).reshape(3, 3000),
    "descending": -np.arange(9000.0).reshape(3, 3000),
    "ties": RNG.integers(0, 3, (3, 3000)),
    "nan early": np.where(np.arange(3000) == 7, np.nan, RNG.standard_normal((3, 3000))),
    "nan late": np.where(np.arange(3000) == 2999, np.nan, RNG.standard_normal((3, 3000))),
    "one ascending": np.concatenate([RNG.standard_normal((40, 1009)), np.arange(1009.0)[None]]),
    "infinite": np.where(np.arange(3000) % 40 == 0, -np.inf, RNG.standard_normal((3, 3000))),
}


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("name", RUNNING)
def test_running_extrema(name: str, axis: int) -> None:
    from candelabra.conformance.references_selection import running_extremum

    x = np.ascontiguousarray(RUNNING[name] if axis else RUNNING[name].T)
    for function, maxima in ((cb.cummax, True), (cb.cummin, False)):
        values, indices = running_extremum(x, axis=axis, maxima=maxima)
        found = function(cb.tensor(x), axis)
        np.testing.assert_array_equal(found.values.numpy(), values)
        np.testing.assert_array_equal(found.indices.numpy(), indices)


@pytest.mark.parametrize("by", ["sum", "prod", "max", "min"])
@pytest.mark.parametrize("longest", [3, 40, 400])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int8"])
def test_segments(dtype: str, longest: int, by: str) -> None:
    from candelabra.conformance.references_selection import segment_reduction
    from candelabra.core import ops

    lengths = RNG.integers(0, longest, 60)
    x = (RNG.integers(1, 9, (int(lengths.sum()) + 5, 11)) / 8 + 0.5).astype(dtype)
    found = ops.segment_reduction(cb.tensor(x), cb.tensor(lengths), by=by)
    assert found.dtype.name == dtype
    np.testing.assert_allclose(found.numpy(), segment_reduction(x, lengths, by=by), rtol=1e-4)


@pytest.mark.parametrize("longest", [3, 40, 400])
def test_first_rows_of_segments(longest: int) -> None:
    from candelabra.conformance.references_selection import segment_argmax
    from candelabra.core import ops

    lengths = RNG.integers(0, longest, 60)
    x = RNG.integers(0, 9, (int(lengths.sum()) + 5, 11)) / 8.0
    found = ops.segment_argmax(cb.tensor(x), cb.tensor(lengths)).numpy()
    np.testing.assert_array_equal(found, segment_argmax(x, lengths))
    x[3, 4] = np.nan
    at = int(np.searchsorted(np.cumsum(lengths), 3, side="right"))
    assert ops.segment_argmax(cb.tensor(x), cb.tensor(lengths)).numpy()[at, 4] == 3


def test_elements_along_an_axis() -> None:
    x = RNG.standard_normal((3, 4, 5))
    for axis in (0, 1, 2):
        shape = tuple(7 if i == axis else n for i, n in enumerate(x.shape))
        index = RNG.integers(-x.shape[axis], x.shape[axis], shape)
        found = cb.take_along_axis(cb.tensor(x), cb.tensor(index), axis=axis)
        np.testing.assert_array_equal(found.numpy(), np.take_along_axis(x, index, axis))
        turned = cb.take_along_axis(cb.tensor(x).mT.mT, cb.tensor(index.astype(np.int32)), axis=axis)
        np.testing.assert_array_equal(turned.numpy(), np.take_along_axis(x, index, axis))
        with pytest.raises(IndexError, match="take_along_axis"):
            cb.take_along_axis(cb.tensor(x), cb.tensor(index + x.shape[axis]), axis=axis)
    wide = cb.take_along_axis(cb.tensor(x), cb.tensor([[[1]]]), axis=1)
    np.testing.assert_array_equal(wide.numpy(), np.take_along_axis(x, np.array([[[1]]]), 1))
