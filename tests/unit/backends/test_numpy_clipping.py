"""The NumPy backend's norms of many arrays together, and cutting them down."""

from __future__ import annotations

import itertools
import math

import ml_dtypes
import numpy as np
import pytest
from candelabra.backends.numpy import clipping, parallel

SHAPES = [(3, 4), (), (5,), (0,), (70, 80), (2, 1, 3), (700, 200)]
ORDERS = (2.0, 1.0, 0.0, 3.0, math.inf, -math.inf)


def draw(seed, dtype=np.float64):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "c":
        return [np.asarray(rng.standard_normal(s) + 1j * rng.standard_normal(s)).astype(dtype) for s in SHAPES]
    return [np.asarray(rng.standard_normal(s)).astype(dtype) for s in SHAPES]


def test_global_norm():
    arrays = draw(0)
    exact = np.sqrt(sum((a**2).sum() for a in arrays))
    assert clipping.global_norm(arrays) == pytest.approx(exact, rel=1e-14)
    assert clipping.global_norm([a.astype(np.float32) for a in arrays]) == pytest.approx(exact, rel=1e-6)
    assert clipping.global_norm([a.astype(np.float16) for a in arrays]) == pytest.approx(exact, rel=1e-3)
    assert clipping.global_norm([arrays[0].T, arrays[4][::2, ::-3]]) == pytest.approx(
        np.sqrt((arrays[0] ** 2).sum() + (arrays[4][::2, ::-3] ** 2).sum()), rel=1e-14
    )
    z = draw(1, np.complex64)
    assert clipping.global_norm(z) == pytest.approx(np.sqrt(sum((abs(a) ** 2).sum() for a in z)), rel=1e-5)
    assert clipping.global_norm([]) == 0.0
    assert clipping.global_norm([np.zeros(3, np.float32)]) == 0.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.filterwarnings("error")
def test_global_norm_of_extremes(dtype):
    info = np.finfo(dtype)
    for value in (float(info.max) / 16, float(info.tiny) * 4):
        assert clipping.global_norm([np.full(9, value, dtype)]) == pytest.approx(3 * value, rel=1e-6)
    assert clipping.global_norm([np.array([1, np.inf], dtype)]) == np.inf
    assert np.isnan(clipping.global_norm([np.array([np.nan, np.inf], dtype)]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, ml_dtypes.bfloat16, np.complex64])
@pytest.mark.parametrize("order", ORDERS)
def test_norms_of_every_order(dtype, order):
    arrays = draw(2, dtype)
    arrays[0], arrays[6] = np.asfortranarray(arrays[0]), arrays[6][::-1]
    found = clipping.total_norm(arrays, norm_type=order)
    wide = np.concatenate([np.abs(a.astype(np.complex128)).reshape(-1) for a in arrays])
    assert found.shape == () and found.dtype == (np.float32 if dtype is np.complex64 else dtype)
    tolerance = {2: 1e-2, 4: 1e-5}.get(np.dtype(dtype).itemsize, 1e-5)
    with np.errstate(over="ignore"):
        assert float(found) == pytest.approx(float(np.linalg.norm(wide, order).astype(found.dtype)), rel=tolerance)


def test_norms_of_a_mixture_and_of_nothing():
    arrays = [np.ones(4, np.float16), np.full(2, 2.0, np.float64), np.zeros((0, 3), np.float32)]
    assert clipping.total_norm(arrays, norm_type=2.0) == math.sqrt(12)
    assert clipping.total_norm(arrays, norm_type=2.0).dtype == np.float64
    narrow = [np.ones(1, np.float16), np.ones(1, ml_dtypes.bfloat16)]
    assert clipping.total_norm(narrow, norm_type=2.0).dtype == np.float32
    for order in ORDERS:
        assert clipping.total_norm([np.zeros(0, np.float32)], norm_type=order) == 0
        assert np.isnan(clipping.total_norm([np.ones(3), np.array([math.nan])], norm_type=order)) == (order != 0)


@pytest.mark.parametrize("donate", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, ml_dtypes.bfloat16, np.complex64])
def test_cutting_down(dtype, donate):
    for total, most in itertools.product((0.0, 0.5, 7.0, math.inf, math.nan), (0.25, 1.0)):
        arrays = draw(3, dtype)
        arrays[4] = np.asfortranarray(arrays[4])
        before = [a.copy() for a in arrays]
        given = list(arrays)
        (found,) = clipping.clip_norm_step(given, np.array(total, np.float32), max_norm=most, donate=donate)
        scale = np.float32(most) / (np.float32(total) + np.float32(1e-6))
        scale = 1.0 if scale > 1 else scale
        for old, new, was in zip(arrays, found, before, strict=True):
            assert (new is old) == donate and new.dtype == was.dtype
            if not donate:
                np.testing.assert_array_equal(old, was)
            # A product with a complex number of no imaginary part keeps infinities and zeros apart.
            np.testing.assert_allclose(
                new.astype(np.complex128), (was * np.asarray(scale, np.float32)).astype(dtype).astype(np.complex128),
                rtol=1e-6,
            )  # fmt: skip


@pytest.mark.parametrize("donate", [False, True])
def test_cutting_off(donate):
    arrays = draw(4, np.float32)
    arrays[0][0, 0] = math.nan
    before = [a.copy() for a in arrays]
    (found,) = clipping.clip_value_step(list(arrays), bound=0.5, donate=donate)
    for old, new, was in zip(arrays, found, before, strict=True):
        assert (new is old) == donate
        np.testing.assert_array_equal(new, np.clip(was, -0.5, 0.5))


def test_threads_change_nothing():
    arrays, results = draw(5, np.float32), []
    threads = parallel.get_num_threads()
    try:
        for count in (1, 2):
            parallel.set_num_threads(count)
            norms = [float(clipping.total_norm(arrays, norm_type=order)) for order in ORDERS]
            (cut,) = clipping.clip_norm_step(arrays, np.array(9.0, np.float32), max_norm=1.0)
            results.append((norms, [c.tolist() for c in cut]))
    finally:
        parallel.set_num_threads(threads)
    assert results[0] == results[1]
