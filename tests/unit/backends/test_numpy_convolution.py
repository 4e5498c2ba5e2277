"""The NumPy kernels of linear maps and convolution against loops, and against PyTorch where it is there."""

from __future__ import annotations

import numpy as np
import pytest
from candelabra.backends.numpy import convolution as cv
from candelabra.backends.numpy import linear as lin

RNG = np.random.default_rng(0)


def draw(*shape, dtype=np.float64):
    return RNG.standard_normal(shape).astype(dtype)


def reference_conv(x, w, b, stride, padding, dilation, groups):
    """A convolution as its definition says, in float64 (or complex128)."""
    wide = np.result_type(x.dtype, np.float64)
    x = np.pad(x.astype(wide), ((0, 0), (0, 0), *padding))
    o, cg, *kernel = w.shape
    size = [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True)]
    out = np.zeros((x.shape[0], o, *size), wide)
    for k in range(o):
        first = k // (o // groups) * cg
        for tap in np.ndindex(*kernel):
            cuts = [
                slice(i * d, i * d + (m - 1) * s + 1, s) for i, d, m, s in zip(tap, dilation, size, stride, strict=True)
            ]
            seen = x[(slice(None), slice(first, first + cg), *cuts)]
            out[:, k] += np.einsum("nc...,c->n...", seen, w[(k, slice(None), *tap)].astype(wide))
    return out if b is None else out + b.reshape(-1, *(1,) * len(size))


def statics(stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1):
    return {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}


CASES = [
    # x shape, weight shape, statics
    ((2, 3, 7, 8), (4, 3, 3, 3), statics()),
    ((2, 3, 7, 8), (4, 3, 3, 3), statics(padding=((1, 1), (1, 1)))),
    ((9, 1, 28, 28), (8, 1, 3, 3), statics(padding=((1, 1), (1, 1)))),
    ((2, 3, 7, 8), (4, 3, 1, 1), statics()),
    ((2, 3, 7, 8), (4, 3, 1, 1), statics(stride=(2, 3))),
    ((2, 3, 7, 8), (4, 3, 1, 1), statics(padding=((1, 0), (2, 1)))),
    ((2, 3, 9, 8), (4, 3, 3, 2), statics(stride=(2, 2), padding=((1, 1), (0, 0)))),
    ((2, 3, 9, 8), (4, 3, 5, 4), statics(padding=((2, 2), (1, 2)))),
    ((1, 2, 5, 6), (3, 2, 3, 3), statics(padding=((4, 3), (3, 5)))),
    ((2, 3, 9, 10), (4, 3, 3, 3), statics(padding=((2, 2), (2, 2)), dilation=(2, 2))),
    ((2, 3, 9, 10), (4, 3, 3, 3), statics(stride=(1, 2), padding=((2, 1), (0, 2)), dilation=(1, 3))),
    ((2, 3, 9, 10), (4, 3, 2, 3), statics(stride=(3, 1), padding=((0, 1), (1, 1)), dilation=(2, 1))),
    ((2, 3, 9, 10), (4, 3, 3, 1), statics(stride=(3, 1))),
    ((2, 4, 6, 6), (6, 2, 3, 3), statics(padding=((1, 1), (1, 1)), groups=2)),
    ((2, 4, 6, 6), (8, 1, 3, 3), statics(stride=(2, 2), padding=((1, 1), (1, 1)), groups=4)),
    ((3, 5, 6, 1), (7, 5, 6, 1), statics()),
    ((2, 20, 40, 300), (24, 20, 3, 3), statics(padding=((1, 1), (1, 1)))),
    ((70, 16, 5, 5), (24, 16, 3, 3), statics(padding=((1, 1), (1, 1)))),
    # Wide enough for the transformed products: heights that tiles of four do and do not divide, paddings, shifts.
    ((3, 16, 8, 7), (17, 16, 3, 3), statics(padding=((1, 1), (1, 1)))),
    ((3, 16, 7, 5), (17, 16, 3, 3), statics(padding=((1, 1), (1, 1)))),
    ((3, 18, 9, 9), (17, 18, 3, 3), statics()),
    ((3, 18, 10, 9), (17, 18, 3, 3), statics(padding=((0, 2), (2, 0)))),
    ((2, 16, 6, 8), (16, 16, 3, 2), statics(padding=((2, 2), (1, 0)))),
    ((2, 16, 6, 9), (16, 16, 3, 3), statics(padding=((1, 1), (2, 2)), dilation=(1, 2))),
    ((2, 16, 6, 9), (16, 16, 3, 3), statics(padding=((1, 1), (1, 3)), dilation=(1, 2))),
    ((2, 16, 6, 1), (16, 16, 3, 1), statics(padding=((5, 1), (0, 0)))),
    ((2, 16, 3, 2), (16, 16, 3, 4), statics(padding=((1, 1), (3, 4)))),
    ((1, 16, 70, 120), (20, 16, 3, 3), statics(padding=((1, 1), (1, 1)))),
    ((130, 16, 5, 5), (20, 16, 3, 3), statics(padding=((1, 0), (1, 1)))),
    # Rows that lie apart, strides without a tap on some place, kernels wider than the image.
    ((2, 16, 11, 9), (16, 16, 3, 3), statics(padding=((2, 2), (2, 2)), dilation=(2, 2))),
    ((2, 17, 5, 9), (16, 17, 3, 1), statics(padding=((7, 8), (0, 0)), dilation=(6, 1))),
    ((2, 3, 9, 10), (4, 3, 1, 2), statics(stride=(3, 4), padding=((1, 0), (2, 2)))),
    ((2, 12, 9, 10), (9, 12, 4, 4), statics(stride=(2, 2), padding=((1, 1), (1, 1)))),
    ((2, 12, 9, 10), (9, 12, 3, 3), statics(stride=(2, 3), dilation=(4, 2), padding=((4, 4), (1, 3)))),
    ((2, 12, 7, 7), (9, 12, 1, 1), statics(stride=(2, 2))),
    # Depthwise, and groups of some channels and of many.
    ((3, 5, 9, 8), (5, 1, 3, 3), statics(padding=((1, 1), (1, 1)), groups=5)),
    ((3, 5, 9, 8), (10, 1, 3, 2), statics(stride=(2, 3), padding=((1, 0), (0, 2)), groups=5)),
    ((70, 33, 14, 14), (33, 1, 5, 5), statics(padding=((2, 2), (2, 2)), groups=33)),
    ((2, 5, 9, 8), (5, 1, 3, 3), statics(stride=(2, 1), dilation=(3, 2), padding=((3, 3), (2, 2)), groups=5)),
    ((2, 6, 9, 8), (4, 3, 3, 3), statics(stride=(2, 1), padding=((1, 1), (1, 1)), groups=2)),
    ((3, 34, 9, 8), (32, 17, 3, 3), statics(padding=((1, 1), (1, 1)), groups=2)),
    ((1, 34, 9, 8), (32, 17, 2, 3), statics(padding=((1, 1), (1, 1)), groups=2)),
    # Sequences and volumes.
    ((3, 4, 30), (6, 4, 3), statics((1,), ((1, 1),), (1,))),
    ((3, 4, 30), (6, 4, 5), statics((2,), ((2, 4),), (1,))),
    ((3, 16, 600), (6, 16, 4), statics((3,), ((0, 1),), (2,))),
    ((3, 6, 30), (6, 1, 3), statics((1,), ((2, 2),), (2,), 6)),
    ((3, 6, 30), (4, 3, 3), statics((2,), ((2, 2),), (2,), 2)),
    ((3, 4, 30), (6, 4, 1), statics((1,), ((0, 0),), (1,))),
    ((2, 3, 5, 6, 7), (4, 3, 3, 3, 3), statics((1, 1, 1), ((1, 1), (1, 1), (1, 1)), (1, 1, 1))),
    ((3, 3, 5, 6, 7), (4, 3, 2, 3, 1), statics((2, 1, 2), ((1, 0), (2, 1), (0, 0)), (1, 2, 1))),
    ((3, 9, 9, 6, 7), (4, 9, 3, 2, 2), statics((3, 2, 1), ((2, 1), (0, 1), (0, 2)), (2, 1, 3))),
    ((2, 16, 4, 8, 8), (16, 16, 1, 3, 3), statics((1, 1, 1), ((0, 0), (1, 1), (1, 1)), (1, 1, 1))),
    ((2, 16, 4, 8, 8), (16, 16, 3, 3, 3), statics((1, 1, 1), ((1, 1), (1, 1), (1, 1)), (1, 1, 1))),
    # Patches of one image that are cut.
    ((2, 3, 300, 250), (5, 3, 3, 3), statics(stride=(1, 2), padding=((1, 0), (1, 2)), dilation=(2, 1))),
    ((2, 3, 60, 30, 30), (5, 3, 2, 2, 2), statics((2, 1, 1), ((1, 0), (1, 2), (0, 0)), (1, 1, 2))),
    ((1, 16, 40, 6, 30), (16, 16, 3, 3, 2), statics((1, 1, 1), ((2, 3), (1, 1), (1, 1)), (2, 1, 1))),
    ((2, 6, 5, 6, 7), (6, 1, 3, 3, 2), statics((1, 2, 1), ((1, 1), (1, 0), (1, 0)), (1, 1, 2), 6)),
    ((2, 6, 5, 6, 7), (4, 3, 3, 3, 2), statics((1, 2, 1), ((1, 1), (1, 0), (1, 0)), (1, 1, 2), 2)),
    ((2, 6, 5, 6, 7), (4, 6, 1, 1, 1), statics((2, 1, 2), ((0, 0), (0, 0), (0, 0)), (1, 1, 1))),
    ((0, 3, 7, 8), (4, 3, 3, 3), statics(padding=((1, 1), (1, 1)))),
    ((2, 0, 7, 8), (4, 0, 3, 3), statics(padding=((1, 1), (1, 1)))),
    ((2, 3, 4, 4), (0, 3, 3, 3), statics()),
]
# Of the last ones nothing is compared with PyTorch, which refuses them.
WHOLE = CASES[:-2]


@pytest.mark.parametrize("x_shape,w_shape,kw", CASES)
@pytest.mark.parametrize("dtype,tol", [(np.float64, 1e-12), (np.float32, 2e-5)])
def test_conv_is_its_definition_and_its_transposes_are_adjoint(x_shape, w_shape, kw, dtype, tol):
    x, w, b = draw(*x_shape, dtype=dtype), draw(*w_shape, dtype=dtype), draw(w_shape[0], dtype=dtype)
    kept = x.copy(), w.copy()
    expected = reference_conv(x, w, b, **kw)
    out = cv.conv(x, w, b, **kw)
    assert out.dtype == dtype
    np.testing.assert_allclose(out, expected, rtol=tol, atol=10 * tol)
    np.testing.assert_allclose(cv.conv(x, w, **kw), reference_conv(x, w, None, **kw), rtol=tol, atol=10 * tol)

    g = draw(*out.shape, dtype=dtype)
    gx = cv.conv_input(g, w, x_shape=x_shape, **kw)
    gw = cv.conv_weight(x, g, weight_shape=w_shape, **kw)
    assert gx.shape == x_shape and gw.shape == w_shape and gx.dtype == gw.dtype == dtype
    # <g, conv(dx, w)> = <gx, dx> for every direction dx pins the cotangent down.
    for _ in range(3):
        dx, dw = draw(*x_shape), draw(*w_shape)
        scale = max(1.0, np.abs(g).sum())
        left = np.vdot(g.astype(np.float64), reference_conv(dx, w.astype(np.float64), None, **kw))
        assert abs(left - np.vdot(gx.astype(np.float64), dx)) <= tol * scale
        left = np.vdot(g.astype(np.float64), reference_conv(x.astype(np.float64), dw, None, **kw))
        assert abs(left - np.vdot(gw.astype(np.float64), dw)) <= tol * scale
    gx2, gw2, gb = cv.conv_vjp(None, g, x, w, **kw, wants=(True, True, True))
    np.testing.assert_allclose(gx2, gx, rtol=tol, atol=tol * np.abs(gx).max(initial=1))
    np.testing.assert_allclose(gw2, gw, rtol=tol, atol=tol * np.abs(gw).max(initial=1))
    axes = (0, *range(2, g.ndim))
    np.testing.assert_allclose(gb, g.sum(axes, dtype=np.float64), rtol=tol, atol=20 * tol)
    assert cv.conv_vjp(None, g, x, w, **kw, wants=(False, False, False)) == (None, None, None)
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(w, kept[1])


@pytest.mark.parametrize("x_shape,w_shape,kw", WHOLE)
def test_conv_agrees_with_torch(torch, x_shape, w_shape, kw):
    x, w, b = draw(*x_shape), draw(*w_shape), draw(w_shape[0])
    tx, tw, tb = (torch.tensor(a, requires_grad=True) for a in (x, w, b))
    padded = torch.nn.functional.pad(tx, [width for pair in reversed(kw["padding"]) for width in pair])
    function = getattr(torch.nn.functional, f"conv{x.ndim - 2}d")
    expected = function(padded, tw, tb, stride=kw["stride"], dilation=kw["dilation"], groups=kw["groups"])
    g = draw(*expected.shape)
    expected.backward(torch.tensor(g))
    np.testing.assert_allclose(cv.conv(x, w, b, **kw), expected.detach().numpy(), rtol=1e-11, atol=1e-11)
    for got, want in zip(cv.conv_vjp(None, g, x, w, **kw, wants=(True, True, True)), (tx, tw, tb), strict=True):
        np.testing.assert_allclose(got, want.grad.numpy(), rtol=1e-11, atol=1e-11)


def test_conv_takes_operands_that_are_not_contiguous():
    x, w = draw(6, 7, 2, 3).transpose(2, 3, 0, 1), draw(3, 3, 3, 5).transpose(3, 2, 0, 1)
    for kw in (statics(padding=((1, 1), (1, 1))), statics(stride=(2, 2)), statics(dilation=(2, 2))):
        expected = reference_conv(x, w, None, **kw)
        np.testing.assert_allclose(cv.conv(x, w, **kw), expected, atol=1e-12)
        g = np.asfortranarray(draw(*expected.shape))
        contiguous = cv.conv_vjp(
            None, g.copy("C"), x.copy("C"), w.copy("C"), **kw, wants=(True, True, False)
        )
        for got, want in zip(cv.conv_vjp(None, g, x, w, **kw, wants=(True, True, False)), contiguous, strict=True):
            if want is not None:
                np.testing.assert_allclose(got, want, atol=1e-12)


@pytest.mark.parametrize("x_shape,w_shape,kw", CASES[::4])
def test_complex_numbers(x_shape, w_shape, kw):
    x, w = (draw(*shape) + 1j * draw(*shape) for shape in (x_shape, w_shape))
    expected = reference_conv(x, w, None, **kw)
    np.testing.assert_allclose(cv.conv(x, w, **kw), expected, rtol=1e-11, atol=1e-11)
    g = draw(*expected.shape) + 1j * draw(*expected.shape)
    gx, gw = cv.conv_input(g, w, x_shape=x_shape, **kw), cv.conv_weight(x, g, weight_shape=w_shape, **kw)
    # The rows are bilinear: nothing is conjugated.
    scale = max(1.0, np.abs(g).sum())
    assert abs((g * expected).sum() - (gx * x).sum()) <= 1e-10 * scale
    assert abs((g * expected).sum() - (gw * w).sum()) <= 1e-10 * scale
    dx, dw = (draw(*shape) + 1j * draw(*shape) for shape in (x_shape, w_shape))
    assert abs((g * reference_conv(dx, w, None, **kw)).sum() - (gx * dx).sum()) <= 1e-10 * scale
    assert abs((g * reference_conv(x, dw, None, **kw)).sum() - (gw * dw).sum()) <= 1e-10 * scale
    assert cv.conv_vjp(None, g, x, w, **kw, wants=(True, True)) is NotImplemented


def test_other_dtypes_and_more_axes_are_declined():
    x, w = np.ones((1, 1, 3, 3), np.int64), np.ones((1, 1, 1, 1), np.int64)
    assert cv.conv(x, w, **statics()) is NotImplemented
    x, w = draw(1, 1, 3, 3, 3, 3), draw(1, 1, 1, 1, 1, 1)
    assert cv.conv(x, w, stride=(1,) * 4, padding=((0, 0),) * 4, dilation=(1,) * 4, groups=1) is NotImplemented
    assert lin.linear(np.ones((2, 3), np.int64), np.ones((4, 3), np.int64)) is NotImplemented


@pytest.mark.parametrize("shape", [(3,), (5, 3), (2, 4, 3), (0, 3), (2, 0, 3), (2, 2, 2, 3)])
@pytest.mark.parametrize("dtype,tol", [(np.float64, 1e-13), (np.float32, 1e-5)])
def test_linear(shape, dtype, tol):
    x, w, b = draw(*shape, dtype=dtype), draw(4, 3, dtype=dtype), draw(4, dtype=dtype)
    out = lin.linear(x, w, b)
    assert out.dtype == dtype
    np.testing.assert_allclose(out, np.tensordot(x, w, axes=(-1, -1)) + b, rtol=tol, atol=tol)
    np.testing.assert_allclose(lin.linear(x, w), np.tensordot(x, w, axes=(-1, -1)), rtol=tol, atol=tol)
    g = draw(*out.shape, dtype=dtype)
    gx, gw, gb = lin.linear_vjp(None, g, x, w, (True, True, True))
    assert gx.dtype == gw.dtype == gb.dtype == dtype
    np.testing.assert_allclose(gx, np.tensordot(g, w, axes=(-1, 0)), rtol=tol, atol=tol)
    np.testing.assert_allclose(gw, g.reshape(-1, 4).T @ x.reshape(-1, 3), rtol=tol, atol=5 * tol)
    np.testing.assert_allclose(gb, g.reshape(-1, 4).sum(0), rtol=tol, atol=5 * tol)
    assert lin.linear_vjp(None, g, x, w, (False, True, False))[::2] == (None, None)
    assert isinstance(lin.linear(np.ones(3), np.ones((1, 3))), np.ndarray)
