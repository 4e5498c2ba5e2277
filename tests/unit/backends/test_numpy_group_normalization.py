"""The NumPy kernels of group and root-mean-square normalization against their formulas in float64."""

from __future__ import annotations

import numpy as np
import pytest
from candelabra.backends.numpy import group_normalization as gn
from candelabra.backends.numpy import normalization as nm
from candelabra.backends.numpy import parallel, rows

RNG = np.random.default_rng(0)


def draw(*shape, dtype=np.float64):
    return RNG.standard_normal(shape).astype(dtype)


def exact(x, weight, bias, groups, eps, g):
    """The result, and the cotangents of x, weight and bias."""
    x, g = x.astype(np.float64), g.astype(np.float64)
    column = (1, x.shape[1], *(1,) * (x.ndim - 2))
    w = np.ones(column) if weight is None else weight.astype(np.float64).reshape(column)
    by_group = x.reshape(x.shape[0], groups, -1)
    mean, var = by_group.mean(2, keepdims=True), by_group.var(2, keepdims=True)
    rstd = 1 / np.sqrt(var + eps)
    y = ((by_group - mean) * rstd).reshape(x.shape)
    h, yg = (g * w).reshape(by_group.shape), y.reshape(by_group.shape)
    gx = rstd * (h - h.mean(2, keepdims=True) - yg * (h * yg).mean(2, keepdims=True))
    over = (0, *range(2, x.ndim))
    out = y * w + (0 if bias is None else bias.astype(np.float64).reshape(column))
    return out, gx.reshape(x.shape), (g * y).sum(over), g.sum(over)


# Short planes, long planes, several blocks, and enough elements for threads.
CASES = [
    ((3, 4), 2), ((3, 4), 4), ((2, 6, 5), 3), ((2, 4, 3, 5), 1), ((2, 2, 20, 30), 2), ((3, 4, 600), 2),
    ((40, 8, 15, 15), 4), ((9, 8, 64, 64), 2), ((300, 64, 1), 8), ((5, 64, 33, 33), 64),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "groups"), CASES)
@pytest.mark.parametrize("affine", ["both", "weight", "bias", "none"])
@pytest.mark.parametrize(("dtype", "mean"), [(np.float64, 0), (np.float64, 1000), (np.float32, 0), (np.float32, 3)])
def test_group_norm(shape, groups, affine, dtype, mean):
    x, g = draw(*shape, dtype=dtype) + dtype(mean), draw(*shape, dtype=dtype)
    weight = draw(shape[1], dtype=dtype) if affine in ("both", "weight") else None
    bias = draw(shape[1], dtype=dtype) if affine in ("both", "bias") else None
    kept = x.copy(), g.copy()
    out, (means, rstds) = gn.group_norm_train(x, weight, bias, num_groups=groups, eps=1e-3)
    np.testing.assert_array_equal(gn.group_norm(x, weight, bias, num_groups=groups, eps=1e-3), out)
    got = (out, *gn.group_norm_vjp(None, g, x, weight, groups, means, rstds, (True, True, True)))
    wanted = exact(x, weight, bias, groups, 1e-3, g)
    tolerance = (1e-9 if mean else 1e-11) if dtype is np.float64 else 3e-5
    for value, want in zip(got, wanted, strict=True):
        assert value.dtype == dtype and value.shape == want.shape
        scale = max(1.0, np.abs(want).max())
        np.testing.assert_allclose(value, want, rtol=10 * tolerance, atol=tolerance * scale)
    for value, before in zip((x, g), kept, strict=True):
        np.testing.assert_array_equal(value, before)


@pytest.mark.parametrize(("shape", "axes"), [((5, 7), 1), ((2, 3, 4), 2), ((4,), 1), ((600, 1030), 1), ((9, 70000), 1)])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rms_norm(shape, axes, weighted, dtype):
    x, g = draw(*shape, dtype=dtype), draw(*shape, dtype=dtype)
    tail = shape[len(shape) - axes :]
    over = tuple(range(len(shape) - axes, len(shape)))
    w = draw(*tail, dtype=dtype) if weighted else None
    out, (rstd,) = nm.rms_norm_train(x, w, axes=axes, eps=0.1)
    gx, gw = nm.rms_norm_vjp(None, g, x, w, axes, rstd, (True, True))
    wide, gs = x.astype(np.float64), g.astype(np.float64)
    scale = 1 / np.sqrt((wide * wide).mean(over, keepdims=True) + 0.1)
    h = gs if w is None else gs * w
    tolerance = 1e-11 if dtype is np.float64 else 3e-5
    np.testing.assert_allclose(out, wide * scale * (1 if w is None else w), rtol=tolerance, atol=tolerance)
    y = wide * scale
    np.testing.assert_allclose(gx, scale * (h - y * (h * y).mean(over, keepdims=True)), rtol=tolerance, atol=tolerance)
    lead = tuple(range(len(shape) - axes))
    np.testing.assert_allclose(gw, (gs * y).sum(lead), rtol=tolerance, atol=50 * tolerance)
    assert out.dtype == gx.dtype == gw.dtype == dtype
    assert nm.rms_norm_vjp(None, g, x, w, axes, rstd, (False, False)) == (None, None)


def test_results_do_not_depend_on_the_number_of_threads():
    x, g, w = draw(64, 32, 400, dtype=np.float32), draw(64, 32, 400, dtype=np.float32), draw(32, dtype=np.float32)
    line = draw(400, dtype=np.float32)
    before, found = parallel.get_num_threads(), []
    try:
        for threads in (1, 3):
            parallel.set_num_threads(threads)
            out, (mean, rstd) = gn.group_norm_train(x, w, w, num_groups=4, eps=1e-5)
            results = [out, *gn.group_norm_vjp(None, g, x, w, 4, mean, rstd, (True, True, True))]
            out, (mean, rstd) = nm.layer_norm_train(x, line, line, axes=1, eps=1e-5)
            results += [out, *nm.layer_norm_vjp(None, g, x, line, 1, mean, rstd, (True, True, True))]
            out, (rstd,) = nm.rms_norm_train(x, line, axes=1, eps=1e-5)
            results += [out, *nm.rms_norm_vjp(None, g, x, line, 1, rstd, (True, True))]
            outputs, (mean, rstd) = nm.batch_norm_train(x, w, w, eps=1e-5)
            results += [*outputs, *nm.batch_norm_vjp(None, (g, None, None), x, w, mean, rstd, (True, True, True))]
            found.append(results)
    finally:
        parallel.set_num_threads(before)
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_loops_along_rows_leave_the_users_settings_alone():
    before = np.geterr(), np.getbufsize()
    with rows.plain_loops(4096):
        assert np.getbufsize() == rows.LONG
    assert (np.geterr(), np.getbufsize()) == before


def test_what_is_declined():
    integers = np.ones((2, 4), np.int64)
    assert gn.group_norm(integers, num_groups=2, eps=1e-5) is NotImplemented
    assert gn.group_norm_train(np.ones((0, 4)), num_groups=2, eps=1e-5) is NotImplemented
    assert nm.rms_norm(integers, axes=1, eps=1e-5) is NotImplemented
