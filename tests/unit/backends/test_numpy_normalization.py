"""The NumPy normalization kernels against their formulas in float64, and against PyTorch where it is there."""

from __future__ import annotations

import numpy as np
import pytest
from candelabra.backends.numpy import normalization as nm

RNG = np.random.default_rng(0)


def draw(*shape, dtype=np.float64):
    return RNG.standard_normal(shape).astype(dtype)


def normalized(x, axes, eps):
    x = x.astype(np.float64)
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def directional(function, x, dx, step=1e-6):
    """Numerical derivative of a function along dx."""
    return (function(x + step * dx) - function(x - step * dx)) / (2 * step)


LAYER_CASES = [((5, 7), 1), ((2, 3, 4), 2), ((4,), 1), ((3, 1), 1), ((3000, 64), 1), ((2, 3, 1030), 1)]


@pytest.mark.parametrize("shape,axes", LAYER_CASES)
@pytest.mark.parametrize("affine", ["both", "weight", "bias", "none"])
@pytest.mark.parametrize("dtype,tol", [(np.float64, 1e-12), (np.float32, 2e-5)])
def test_layer_norm(shape, axes, affine, dtype, tol):
    x = draw(*shape, dtype=dtype) + dtype(3)
    trailing = shape[len(shape) - axes :]
    w = draw(*trailing, dtype=dtype) if affine in ("both", "weight") else None
    b = draw(*trailing, dtype=dtype) if affine in ("both", "bias") else None
    where = tuple(range(len(shape) - axes, len(shape)))
    expected = normalized(x, where, 1e-5) * (1 if w is None else w) + (0 if b is None else b)
    kept = x.copy()
    out = nm.layer_norm(x, w, b, axes=axes, eps=1e-5)
    assert out.dtype == dtype and out.shape == shape
    np.testing.assert_allclose(out, expected, rtol=tol, atol=10 * tol)
    trained, (mean, rstd) = nm.layer_norm_train(x, w, b, axes=axes, eps=1e-5)
    np.testing.assert_array_equal(trained, out)
    g = draw(*shape, dtype=dtype)
    gx, gw, gb = nm.layer_norm_vjp(None, g, x, w, axes, mean, rstd, (True, w is not None, b is not None))
    np.testing.assert_array_equal(x, kept)
    assert gx.dtype == dtype
    lead = tuple(range(len(shape) - axes))
    size = 20 * np.sqrt(x.size)
    if w is not None:
        np.testing.assert_allclose(gw, (g * normalized(x, where, 1e-5)).sum(lead), rtol=tol, atol=size * tol)
        assert gw.dtype == dtype
    if b is not None:
        np.testing.assert_allclose(gb, g.sum(lead, dtype=np.float64), rtol=tol, atol=size * tol)
    if dtype == np.float64 and x.size < 10000:
        dx = draw(*shape)
        slope = directional(lambda v: (g * normalized(v, where, 1e-5) * (1 if w is None else w)).sum(), x, dx)
        np.testing.assert_allclose(np.vdot(gx, dx), slope, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("shape,axes", LAYER_CASES)
def test_layer_norm_agrees_with_torch(torch, shape, axes):
    x, trailing = draw(*shape), shape[len(shape) - axes :]
    w, b = draw(*trailing), draw(*trailing)
    leaves = [torch.tensor(a, requires_grad=True) for a in (x, w, b)]
    expected = torch.nn.functional.layer_norm(leaves[0], trailing, leaves[1], leaves[2], 1e-5)
    g = draw(*shape)
    expected.backward(torch.tensor(g))
    out, (mean, rstd) = nm.layer_norm_train(x, w, b, axes=axes, eps=1e-5)
    np.testing.assert_allclose(out, expected.detach().numpy(), rtol=1e-9, atol=1e-10)
    for got, leaf in zip(nm.layer_norm_vjp(None, g, x, w, axes, mean, rstd, (True,) * 3), leaves, strict=True):
        np.testing.assert_allclose(got, leaf.grad.numpy(), rtol=1e-9, atol=1e-9)


def test_layer_norm_takes_strides_and_a_constant_row():
    x = draw(6, 5, 4).transpose(2, 0, 1)
    np.testing.assert_allclose(nm.layer_norm(x, axes=1, eps=1e-5), normalized(x, (2,), 1e-5), atol=1e-12)
    constant = np.full((2, 8), 7.0, np.float32)
    np.testing.assert_allclose(nm.layer_norm(constant, axes=1, eps=1e-5), 0, atol=1e-3)


BATCH_CASES = [(6, 3), (4, 3, 5), (4, 3, 5, 2), (70, 8, 12, 12), (2, 1, 1, 1), (300, 5)]


@pytest.mark.parametrize("shape", BATCH_CASES)
@pytest.mark.parametrize("affine", ["both", "weight", "bias", "none"])
@pytest.mark.parametrize("dtype,tol", [(np.float64, 1e-12), (np.float32, 2e-5)])
def test_batch_norm(shape, affine, dtype, tol):
    x = draw(*shape, dtype=dtype) * dtype(2) + dtype(3)
    c = shape[1]
    w = draw(c, dtype=dtype) if affine in ("both", "weight") else None
    b = draw(c, dtype=dtype) if affine in ("both", "bias") else None
    where = (0, *range(2, len(shape)))
    column = (c, *[1] * (len(shape) - 2))
    scale = 1 if w is None else w.reshape(column)
    expected = normalized(x, where, 1e-5) * scale + (0 if b is None else b.reshape(column))
    kept = x.copy()
    out, mean, var = nm.batch_norm(x, w, b, eps=1e-5)
    assert out.dtype == mean.dtype == var.dtype == dtype and out.shape == shape
    np.testing.assert_allclose(out, expected, rtol=tol, atol=20 * tol)
    np.testing.assert_allclose(mean, x.mean(where, dtype=np.float64), rtol=tol, atol=tol)
    np.testing.assert_allclose(var, x.var(where, dtype=np.float64), rtol=10 * tol, atol=tol)
    (trained, _, _), (batch_mean, rstd) = nm.batch_norm_train(x, w, b, eps=1e-5)
    np.testing.assert_array_equal(trained, out)
    g = draw(*shape, dtype=dtype)
    wants = (True, w is not None, b is not None)
    gx, gw, gb = nm.batch_norm_vjp(None, (g, None, None), x, w, batch_mean, rstd, wants)
    np.testing.assert_array_equal(x, kept)
    assert gx.dtype == dtype and gx.shape == shape
    size = 20 * np.sqrt(x.size)
    if w is not None:
        np.testing.assert_allclose(gw, (g * normalized(x, where, 1e-5)).sum(where), rtol=tol, atol=size * tol)
    if b is not None:
        np.testing.assert_allclose(gb, g.sum(where, dtype=np.float64), rtol=tol, atol=size * tol)
    if dtype == np.float64 and x.size < 10000:
        dx = draw(*shape)
        slope = directional(lambda v: (g * normalized(v, where, 1e-5) * scale).sum(), x, dx)
        np.testing.assert_allclose(np.vdot(gx, dx), slope, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("shape", BATCH_CASES)
def test_batch_norm_agrees_with_torch(torch, shape):
    x, w, b = draw(*shape), draw(shape[1]), draw(shape[1])
    leaves = [torch.tensor(a, requires_grad=True) for a in (x, w, b)]
    expected = torch.nn.functional.batch_norm(leaves[0], None, None, leaves[1], leaves[2], True, 0.1, 1e-5)
    g = draw(*shape)
    expected.backward(torch.tensor(g))
    (out, _, _), (mean, rstd) = nm.batch_norm_train(x, w, b, eps=1e-5)
    np.testing.assert_allclose(out, expected.detach().numpy(), rtol=1e-10, atol=1e-10)
    got = nm.batch_norm_vjp(None, (g, None, None), x, w, mean, rstd, (True,) * 3)
    for value, leaf in zip(got, leaves, strict=True):
        np.testing.assert_allclose(value, leaf.grad.numpy(), rtol=1e-9, atol=1e-9)


def test_batch_norm_takes_strides_and_survives_a_large_mean():
    x = draw(5, 6, 4, 3).transpose(3, 2, 0, 1)
    np.testing.assert_allclose(nm.batch_norm(x, eps=1e-5)[0], normalized(x, (0, 2, 3), 1e-5), atol=1e-12)
    x = draw(64, 4, 8, 8, dtype=np.float32) + np.float32(1000)
    np.testing.assert_allclose(nm.batch_norm(x, eps=1e-5)[0], normalized(x, (0, 2, 3), 1e-5), atol=2e-3)


@pytest.mark.parametrize("dtype,tol", [(np.float64, 1e-9), (np.float32, 2e-3)])
def test_a_mean_far_from_zero_costs_no_accuracy(dtype, tol):
    x, g = draw(40, 8, 30) + 1000, draw(40, 8, 30)
    x, g = x.astype(dtype), g.astype(dtype)
    exact = x.astype(np.float64)

    def gradient(where):
        y = normalized(exact, where, 1e-5)
        rstd = 1 / np.sqrt(exact.var(where, keepdims=True) + 1e-5)
        return rstd * (g - g.mean(where, keepdims=True) - y * (g * y).mean(where, keepdims=True))

    out, (mean, rstd) = nm.layer_norm_train(x, axes=1, eps=1e-5)
    np.testing.assert_allclose(out, normalized(exact, (2,), 1e-5), atol=tol)
    gx, _, _ = nm.layer_norm_vjp(None, g, x, None, 1, mean, rstd, (True, False, False))
    np.testing.assert_allclose(gx, gradient((2,)), atol=tol)
    (out, _, _), (mean, rstd) = nm.batch_norm_train(x, eps=1e-5)
    np.testing.assert_allclose(out, normalized(exact, (0, 2), 1e-5), atol=tol)
    gx, _, _ = nm.batch_norm_vjp(None, (g, None, None), x, None, mean, rstd, (True, False, False))
    np.testing.assert_allclose(gx, gradient((0, 2)), atol=tol)


def test_unwanted_cotangents_are_none_and_integers_are_declined():
    x, g = draw(3, 4), draw(3, 4)
    _, (mean, rstd) = nm.layer_norm_train(x, axes=1, eps=1e-5)
    assert nm.layer_norm_vjp(None, g, x, None, 1, mean, rstd, (False, False, False)) == (None, None, None)
    _, (mean, rstd) = nm.batch_norm_train(x, eps=1e-5)
    got = nm.batch_norm_vjp(None, (g, None, None), x, None, mean, rstd, (False, False, False))
    assert got == (None, None, None)
    integers = np.ones((2, 3), np.int64)
    assert nm.layer_norm(integers, axes=1, eps=1e-5) is NotImplemented
    assert nm.layer_norm_train(integers, axes=1, eps=1e-5) is NotImplemented
    assert nm.batch_norm(integers, eps=1e-5) is NotImplemented
