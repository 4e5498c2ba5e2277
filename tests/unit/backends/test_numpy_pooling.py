"""The NumPy pooling kernels against loops, and against PyTorch where it is there."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from candelabra.backends.numpy import pooling as pl
from candelabra.backends.numpy import pooling_average as av

RNG = np.random.default_rng(0)

MAX_CASES = [
    # shape, kernel_size, stride, padding, dilation, ceil_mode
    ((2, 3, 8, 6), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((2, 3, 7, 5), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((2, 3, 7, 5), (2, 2), (2, 2), (0, 0), (1, 1), True),
    ((2, 3, 8, 9), (3, 3), (2, 2), (1, 1), (1, 1), False),
    ((2, 3, 8, 9), (3, 2), (2, 1), (1, 0), (1, 1), True),
    ((2, 3, 9, 9), (3, 3), (1, 1), (1, 1), (2, 2), False),
    ((2, 3, 10, 9), (2, 3), (3, 2), (0, 1), (2, 1), True),
    ((2, 3, 6, 6), (1, 1), (1, 1), (0, 0), (1, 1), False),
    ((2, 3, 6, 6), (1, 3), (2, 3), (0, 0), (1, 1), False),
    ((1, 1, 40, 40), (17, 17), (3, 3), (8, 8), (1, 1), False),
    ((3, 6, 6), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((1, 1, 2, 2), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((0, 3, 6, 6), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((300, 7, 12, 12), (2, 2), (2, 2), (0, 0), (1, 1), False),
]
NAMES = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")


def max_reference(x, kernel_size, stride, padding, dilation, ceil_mode):
    """Windows as PyTorch's documentation says, walked one by one."""
    *lead, h, w = x.shape
    sizes = []
    for axis, size in enumerate((h, w)):
        span = size + 2 * padding[axis] - dilation[axis] * (kernel_size[axis] - 1) - 1
        count = (-(-span // stride[axis]) if ceil_mode else span // stride[axis]) + 1
        if ceil_mode and (count - 1) * stride[axis] >= size + padding[axis]:
            count -= 1
        sizes.append(count)
    planes = x.reshape(int(np.prod(lead)), h, w)
    out = np.empty((len(planes), *sizes), x.dtype)
    where = np.empty(out.shape, np.int64)
    for p, a, b in np.ndindex(*out.shape):
        best = None
        for i in range(kernel_size[0]):
            for j in range(kernel_size[1]):
                r = a * stride[0] - padding[0] + i * dilation[0]
                c = b * stride[1] - padding[1] + j * dilation[1]
                if 0 <= r < h and 0 <= c < w:
                    v = planes[p, r, c]
                    if best is None or v > best or np.isnan(v):
                        best, where[p, a, b] = v, r * w + c
        out[p, a, b] = best
    return out.reshape(*lead, *sizes), where.reshape(*lead, *sizes)


def scatter(g, where, x_shape):
    gx = np.zeros(x_shape, g.dtype).reshape(-1, x_shape[-2] * x_shape[-1])
    windows = g.shape[-2] * g.shape[-1]
    for plane, gp, wp in zip(gx, g.reshape(-1, windows), where.reshape(-1, windows), strict=True):
        np.add.at(plane, wp, gp)
    return gx.reshape(x_shape)


def max_statics(case):
    return dict(zip(NAMES, case[1:], strict=True))


@pytest.mark.parametrize("case", MAX_CASES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_max_pool(case, dtype):
    shape, kw = case[0], max_statics(case)
    # Small integers: many ties.
    x = RNG.integers(-3, 4, shape).astype(dtype)
    kept = x.copy()
    out, where = max_reference(x, **kw)
    np.testing.assert_array_equal(pl.max_pool(x, **kw), out)
    trained, (taps,) = pl.max_pool_train(x, **kw)
    assert trained.dtype == dtype
    np.testing.assert_array_equal(trained, out)
    values, indices = pl.max_pool_with_indices(x, **kw)
    np.testing.assert_array_equal(values, out)
    np.testing.assert_array_equal(indices, where)
    assert indices.dtype == np.int64
    np.testing.assert_array_equal(x, kept)
    g = RNG.standard_normal(out.shape).astype(dtype)
    (gx,) = pl.max_pool_vjp(None, g, x.shape, **kw, taps=taps, wants=(True,))
    assert gx.dtype == dtype
    np.testing.assert_allclose(gx, scatter(g, where, x.shape), rtol=1e-6, atol=1e-6)
    assert pl.max_pool_vjp(None, g, x.shape, **kw, taps=taps, wants=(False,)) == (None,)


@pytest.mark.parametrize("case", MAX_CASES[:13])
def test_max_pool_with_nan_and_infinities(case):
    shape, kw = case[0], max_statics(case)
    x = RNG.choice([np.nan, np.inf, -np.inf, 0.0, 1.0], shape)
    out, where = max_reference(x, **kw)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values, indices = pl.max_pool_with_indices(x, **kw)
        np.testing.assert_array_equal(pl.max_pool(x, **kw), out)
        # An infinite cotangent of one window leaves the others alone.
        _, (taps,) = pl.max_pool_train(x, **kw)
        g = np.full(out.shape, np.inf)
        (gx,) = pl.max_pool_vjp(None, g, x.shape, **kw, taps=taps, wants=(True,))
    np.testing.assert_array_equal(values, out)
    np.testing.assert_array_equal(indices, where)
    np.testing.assert_array_equal(gx, scatter(g, where, x.shape))


@pytest.mark.parametrize("case", MAX_CASES[:10])
def test_max_pool_agrees_with_torch(torch, case):
    shape, kw = case[0], max_statics(case)
    x = RNG.integers(-3, 4, shape).astype(np.float64)
    tx = torch.tensor(x, requires_grad=True)
    expected, indices = torch.nn.functional.max_pool2d(tx, **kw, return_indices=True)
    g = RNG.standard_normal(tuple(expected.shape))
    expected.backward(torch.tensor(g))
    out, (taps,) = pl.max_pool_train(x, **kw)
    np.testing.assert_array_equal(out, expected.detach().numpy())
    np.testing.assert_array_equal(pl.max_pool_with_indices(x, **kw)[1], indices.numpy())
    (gx,) = pl.max_pool_vjp(None, g, x.shape, **kw, taps=taps, wants=(True,))
    np.testing.assert_allclose(gx, tx.grad.numpy(), atol=1e-12)


def test_max_pool_of_an_input_that_is_not_contiguous():
    x = RNG.standard_normal((6, 8, 3, 2)).transpose(3, 2, 1, 0)
    kw = max_statics(MAX_CASES[0])
    np.testing.assert_array_equal(pl.max_pool(x, **kw), max_reference(x, **kw)[0])
    np.testing.assert_array_equal(pl.max_pool_with_indices(x, **kw)[1], max_reference(x, **kw)[1])
    out, (taps,) = pl.max_pool_train(x, **kw)
    g = np.asfortranarray(RNG.standard_normal(out.shape))
    (gx,) = pl.max_pool_vjp(None, g, x.shape, **kw, taps=taps, wants=(True,))
    np.testing.assert_array_equal(gx, scatter(g, max_reference(x, **kw)[1], x.shape))


AVG_CASES = [
    # shape, kernel_size, stride, padding, ceil_mode
    ((2, 3, 8, 6), (2, 2), (2, 2), (0, 0), False),
    ((2, 3, 7, 5), (2, 2), (2, 2), (0, 0), True),
    ((2, 3, 8, 9), (3, 3), (2, 2), (1, 1), False),
    ((2, 3, 8, 9), (3, 2), (2, 1), (1, 1), True),
    ((2, 3, 8, 9), (1, 3), (3, 2), (0, 1), True),
    ((2, 3, 8, 9), (3, 3), (5, 5), (1, 1), True),
    ((3, 6, 6), (6, 6), (6, 6), (0, 0), False),
    ((0, 3, 6, 6), (2, 2), (2, 2), (0, 0), False),
    ((300, 7, 12, 12), (2, 2), (2, 2), (0, 0), False),
]


def avg_matrix(size, kernel, stride, pad, ceil_mode, include_pad):
    """One axis of average pooling as a matrix of zeros and ones, and each window's length."""
    span = size + 2 * pad - kernel
    count = (-(-span // stride) if ceil_mode else span // stride) + 1
    if ceil_mode and (count - 1) * stride >= size + pad:
        count -= 1
    matrix, length = np.zeros((count, size)), np.zeros(count)
    for k in range(count):
        lo, hi = k * stride - pad, min(k * stride - pad + kernel, size + pad)
        matrix[k, max(lo, 0) : min(hi, size)] = 1
        length[k] = hi - lo if include_pad else min(hi, size) - max(lo, 0)
    return matrix, length


@pytest.mark.parametrize("case", AVG_CASES)
@pytest.mark.parametrize("include_pad,override", [(True, None), (False, None), (True, 5)])
@pytest.mark.parametrize("dtype,tol", [(np.float64, 1e-13), (np.float32, 1e-5)])
def test_avg_pool(case, include_pad, override, dtype, tol):
    shape, kernel, stride, padding, ceil_mode = case
    kw = {
        "kernel_size": kernel,
        "stride": stride,
        "padding": padding,
        "ceil_mode": ceil_mode,
        "count_include_pad": include_pad,
        "divisor_override": override,
    }
    x = RNG.standard_normal(shape).astype(dtype)
    a, la = avg_matrix(shape[-2], kernel[0], stride[0], padding[0], ceil_mode, include_pad)
    b, lb = avg_matrix(shape[-1], kernel[1], stride[1], padding[1], ceil_mode, include_pad)
    divisor = override or la[:, None] * lb
    out = av.avg_pool(x, **kw)
    assert out.dtype == dtype
    np.testing.assert_allclose(out, (a @ x.astype(np.float64) @ b.T) / divisor, rtol=tol, atol=tol)
    g = RNG.standard_normal(out.shape).astype(dtype)
    (gx,) = av.avg_pool_vjp(None, g, x.shape, **kw, wants=(True,))
    assert gx.dtype == dtype
    np.testing.assert_allclose(gx, a.T @ (g.astype(np.float64) / divisor) @ b, rtol=tol, atol=tol)
    assert av.avg_pool_vjp(None, g, x.shape, **kw, wants=(False,)) == (None,)


@pytest.mark.parametrize("case", AVG_CASES[:7])
@pytest.mark.parametrize("include_pad,override", [(True, None), (False, None), (True, 5)])
def test_avg_pool_agrees_with_torch(torch, case, include_pad, override):
    shape, kernel, stride, padding, ceil_mode = case
    x = RNG.standard_normal(shape)
    tx = torch.tensor(x, requires_grad=True)
    expected = torch.nn.functional.avg_pool2d(tx, kernel, stride, padding, ceil_mode, include_pad, override)
    g = RNG.standard_normal(tuple(expected.shape))
    expected.backward(torch.tensor(g))
    kw = {
        "kernel_size": kernel,
        "stride": stride,
        "padding": padding,
        "ceil_mode": ceil_mode,
        "count_include_pad": include_pad,
        "divisor_override": override,
    }
    np.testing.assert_allclose(av.avg_pool(x, **kw), expected.detach().numpy(), rtol=1e-12, atol=1e-13)
    (gx,) = av.avg_pool_vjp(None, g, x.shape, **kw, wants=(True,))
    np.testing.assert_allclose(gx, tx.grad.numpy(), rtol=1e-12, atol=1e-13)


def test_integers_are_declined():
    x = np.ones((1, 1, 4, 4), np.int64)
    assert pl.max_pool(x, **max_statics(MAX_CASES[0])) is NotImplemented
    assert pl.max_pool_train(x, **max_statics(MAX_CASES[0])) is NotImplemented
    assert pl.max_pool_with_indices(x, **max_statics(MAX_CASES[0])) is NotImplemented
