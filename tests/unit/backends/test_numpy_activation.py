"""The activation kernels of the NumPy backend, against plain float64 formulas and PyTorch."""

from __future__ import annotations

import math

import numpy as np
import pytest
from candelabra.backends.numpy import activation, parallel, rectifier
from candelabra.core.backend import Kernel

STATICS = {
    "gelu": [{"approximate": "none"}, {"approximate": "tanh"}],
    "softplus": [{"beta": 1.0, "threshold": 20.0}, {"beta": 2.5, "threshold": 1.0}],
    "leaky_relu": [{"negative_slope": s} for s in (0.01, 0.0, 2.0, -0.5)],
    "elu": [
        {"alpha": a, "scale": s, "input_scale": i}
        for a, s, i in ((1.0, 1.0, 1.0), (0.3, 1.0, 1.0), (-2.0, 1.0, 1.0), (1.67, 1.05, 1.0), (1.5, 1.0, 1 / 1.5))
    ],
    "hardtanh": [{"min_val": -1.0, "max_val": 1.0}, {"min_val": 0.0, "max_val": 6.0}],
}
ROWS = [
    "gelu", "sigmoid", "silu", "softplus", "mish", "relu", "leaky_relu", "elu", "logsigmoid", "hardtanh", "hardsigmoid",
    "hardswish",
]  # fmt: skip
CASES = [(row, statics) for row in ROWS for statics in STATICS.get(row, [{}])]
TOLERANCE = {"float32": 3e-7, "float64": 5e-16}

erf = np.vectorize(math.erf, otypes=[np.float64])


def reference(row, x, **statics):
    """Values and derivatives in float64 by the textbook formulas."""
    x = x.astype(np.float64)
    with np.errstate(all="ignore"):
        s = 1 / (1 + np.exp(-x))
        if row == "gelu" and statics["approximate"] == "none":
            cdf = 0.5 * (1 + erf(x / math.sqrt(2)))
            return x * cdf, cdf + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        if row == "gelu":
            k = math.sqrt(2 / math.pi)
            th = np.tanh(k * (x + 0.044715 * x**3))
            return 0.5 * x * (1 + th), 0.5 * (1 + th) + 0.5 * x * (1 - th * th) * k * (1 + 3 * 0.044715 * x * x)
        if row == "sigmoid":
            return s, s * (1 - s)
        if row == "silu":
            return x * s, s * (1 + x * (1 - s))
        if row == "softplus":
            z = statics["beta"] * x
            linear = z > statics["threshold"]
            return np.where(linear, x, np.logaddexp(0, z) / statics["beta"]), np.where(linear, 1, 1 / (1 + np.exp(-z)))
        if row == "mish":
            th = np.tanh(np.logaddexp(0, x))
            return x * th, th + x * (1 - th * th) * s
        if row == "relu":
            return np.maximum(x, 0), np.where(x > 0, 1.0, 0.0)
        if row == "leaky_relu":
            slope = np.where(x > 0, 1.0, statics["negative_slope"])
            return x * slope, slope
        if row == "logsigmoid":
            return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x))), 1 / (1 + np.exp(x))
        if row == "hardtanh":
            low, high = statics["min_val"], statics["max_val"]
            return np.clip(x, low, high), np.where((x > low) & (x < high), 1.0, 0.0)
        if row == "hardsigmoid":
            return np.clip(x + 3, 0, 6) / 6, np.where(np.abs(x) < 3, 1 / 6, 0.0)
        if row == "hardswish":
            slope = np.where(x <= -3, 0.0, np.where(x < 3, x / 3 + 0.5, 1.0))
            return x * np.clip(x + 3, 0, 6) / 6, slope
        alpha, scale, factor = statics["alpha"], statics["scale"], statics["input_scale"]
        bent = factor * np.minimum(x, 0)
        slope = np.where(x > 0, scale, scale * alpha * factor * np.exp(bent))
        return scale * np.where(x > 0, x, alpha * np.expm1(bent)), slope


def run(row, x, g, statics):
    """Forward without recording, forward with, and the cotangent."""
    kernel = (activation.KERNELS | rectifier.KERNELS)[row]
    kernel = kernel if isinstance(kernel, Kernel) else Kernel(kernel)
    plain = kernel.forward(x, **statics)
    if kernel.train is None:
        out, residuals = plain, ()
    else:
        out, residuals = kernel.train(x, **statics)
    given = {"xp": None, "g": g, "x": x, "out": out, "wants": (True,), **statics}
    given |= dict(zip(kernel.residuals, residuals, strict=True))
    code = kernel.vjp.__code__
    names = code.co_varnames[: code.co_argcount]
    assert kernel.vjp(**{**{name: given[name] for name in names}, "wants": (False,)}) == (None,)
    return plain, out, kernel.vjp(**{name: given[name] for name in names})[0]


def inputs(dtype, size=4001):
    rng = np.random.default_rng(5)
    x = rng.standard_normal(size) * 3
    x[:12] = [0.0, -0.0, 1e-30, -1e-30, 20.5, -20.5, 90, -90, 800, -800, 5, -5]
    return x.astype(dtype), rng.standard_normal(size).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("row", "statics"), CASES, ids=str)
def test_values_and_derivatives(row, statics, dtype):
    x, g = inputs(dtype)
    kept = x.copy()
    plain, out, dx = run(row, x, g, statics)
    value, slope = reference(row, x, **statics)
    # The derivative of the tanh form multiplies the rounding of 1 + tanh by x**3, in PyTorch too.
    slack = 16 if statics.get("approximate") == "tanh" else 4
    for got, expected in ((plain, value), (out, value), (dx, g.astype(np.float64) * slope)):
        assert got.dtype == x.dtype and got.shape == x.shape
        np.testing.assert_allclose(got, expected, rtol=8 * TOLERANCE[dtype], atol=slack * TOLERANCE[dtype])
    np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize(("row", "statics"), CASES, ids=str)
def test_layouts_and_sizes(row, statics):
    base, _ = inputs(np.float32, 24)
    views = [
        base.reshape(2, 3, 4),
        base.reshape(2, 3, 4).transpose(2, 0, 1),
        base.reshape(6, 4)[::2, ::-1],
        np.broadcast_to(base[:3], (4, 3)),
        base[3:4].reshape(1, 1, 1).transpose(2, 0, 1),
        base[3].reshape(()),
        base[:0].reshape(0, 5),
    ]
    for x in views:
        g = np.asarray(np.random.default_rng(1).standard_normal(x.shape), dtype=np.float32)
        for cotangent in (g, np.broadcast_to(np.float32(0.5), x.shape), g.transpose().copy().transpose()):
            plain, out, dx = run(row, x, cotangent, statics)
            value, slope = reference(row, x, **statics)
            assert all(type(a) is np.ndarray and a.shape == x.shape for a in (plain, out, dx))
            assert not any(np.shares_memory(a, x) for a in (plain, out, dx))
            np.testing.assert_allclose(plain, value, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(out, value, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(dx, cotangent * slope, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("row", "statics"), CASES, ids=str)
def test_large_arrays_on_threads_equal_small_ones(row, statics, monkeypatch):
    monkeypatch.setattr(parallel, "_threads", 3)
    monkeypatch.setattr(parallel, "_pool", None)
    x, g = inputs(np.float32, 16 * parallel.BLOCK + 17)
    whole = run(row, x, g, statics)
    part = run(row, x[-1000:], g[-1000:], statics)
    for a, b in zip(whole, part, strict=True):
        np.testing.assert_allclose(a[-1000:], b, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("row", "statics"), CASES, ids=str)
def test_extremes(row, statics, dtype):
    big = float(np.finfo(dtype).max) / 8
    x = np.array([big, -big, 1e15, -1e15, 1e30, -1e30, np.nan, np.inf], dtype)
    plain, out, dx = run(row, x, np.ones_like(x), statics)
    value, slope = reference(row, x, **statics)
    if row in ("gelu", "mish", "silu"):
        value[:6] = np.where(x[:6] > 0, x[:6], 0)
        slope[:6] = x[:6] > 0
    if row == "sigmoid":
        slope[:6] = 0
    np.testing.assert_allclose(plain[:6], value[:6], rtol=1e-6)
    np.testing.assert_allclose(out[:6], value[:6], rtol=1e-6)
    np.testing.assert_allclose(dx[:6], slope[:6], rtol=1e-6)
    assert np.isnan(plain[6]) and np.isnan(out[6])
    top = {"sigmoid": 1, "hardsigmoid": 1, "logsigmoid": 0, "hardtanh": statics.get("max_val")}
    assert plain[7] == out[7] == top.get(row, np.inf)
    if row not in ("gelu", "mish", "silu", "sigmoid"):
        assert dx[7] == pytest.approx(slope[7], rel=1e-6)


@pytest.mark.parametrize(("row", "statics"), CASES, ids=str)
def test_other_dtypes_are_declined(row, statics):
    kernel = (activation.KERNELS | rectifier.KERNELS)[row]
    for dtype in (np.float16, np.complex64, np.int64):
        x = np.zeros(3, dtype)
        assert kernel.forward(x, **statics) is NotImplemented
        if kernel.train is not None:
            assert kernel.train(x, **statics) is NotImplemented


@pytest.mark.filterwarnings("error")
def test_no_warnings():
    for row, statics in CASES:
        for dtype in (np.float32, np.float64):
            x, g = inputs(dtype)
            run(row, x, g, statics)


def ulps(got, exact):
    rounded = exact.astype(got.dtype)
    return np.max(np.abs(got.astype(np.longdouble) - exact) / np.spacing(np.abs(rounded)).astype(np.longdouble))


def test_erf_float32_within_2_ulp():
    bits = np.concatenate([np.arange(0, 0x40C00000, 40009), [1, 2, 0x7FFFFF, 0x800000]]).astype(np.uint32)
    x = np.concatenate([bits.view(np.float32), -bits.view(np.float32)])
    assert ulps(activation.erf(x), erf(x.astype(np.float64))) < 2


def test_erf_float64_within_4_ulp():
    mpmath = pytest.importorskip("mpmath")
    rng = np.random.default_rng(3)
    x = np.concatenate([rng.uniform(-6.2, 6.2, 1500), np.logspace(-320, 1, 500), np.linspace(0.9, 1.1, 500)])
    with mpmath.workdps(40):
        exact = [mpmath.erf(mpmath.mpf(v)) for v in x]
        got = activation.erf(x)
        worst = max(
            abs((mpmath.mpf(g) - e) / mpmath.mpf(np.spacing(abs(float(e)))))
            for g, e in zip(got.tolist(), exact, strict=True)
        )
        assert worst < 4
        for y, g in zip(x.tolist(), activation.erfc(x).tolist(), strict=True):
            assert abs(mpmath.mpf(g) / mpmath.erfc(y) - 1) < 4e-15
        tail = rng.uniform(1, 26, 300)
        for y, g in zip(tail.tolist(), activation.erfc(tail).tolist(), strict=True):
            assert abs(mpmath.mpf(g) / mpmath.erfc(y) - 1) < 2e-15


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_erf_special_values(dtype):
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 50, -50], dtype)
    got = activation.erf(x)
    np.testing.assert_array_equal(got, np.array([0, 0, 1, -1, np.nan, 1, -1], dtype))
    assert np.signbit(got[1]) and not np.signbit(got[0])
    tiny = np.nextafter(np.zeros((), dtype), np.ones((), dtype))
    assert activation.erf(tiny) == tiny and activation.erf(tiny).shape == ()
    complement = np.array([1, 1, 0, 2, np.nan, 0, 2], dtype)
    np.testing.assert_array_equal(activation.erfc(x), complement)
    assert activation.erf(np.zeros(2, np.int64)) is NotImplemented
    assert activation.erfc(np.zeros(2, np.float16)) is NotImplemented


def test_against_torch():
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    for row, statics in CASES:
        for dtype, tolerance in ((np.float32, 3e-6), (np.float64, 1e-13)):
            x, g = inputs(dtype)
            function = getattr(torch if row == "sigmoid" else functional, row)
            leaf = torch.tensor(x, requires_grad=True)
            if row == "elu":
                # PyTorch's own row of this name has all three, and its functions one or none.
                expected = torch.ops.aten.elu(leaf, *statics.values())
            else:
                expected = function(leaf, **statics)
            expected.backward(torch.tensor(g))
            plain, out, dx = run(row, x, g, statics)
            if row == "hardsigmoid":
                tolerance = 1e-7  # PyTorch holds its sixth in single precision.
            for got, want in ((plain, expected), (out, expected), (dx, leaf.grad)):
                np.testing.assert_allclose(got, want.detach().numpy(), rtol=tolerance, atol=tolerance, err_msg=row)


def test_blocks_cover_every_element_once_and_pass_errors_on(monkeypatch):
    monkeypatch.setattr(parallel, "_threads", 3)
    monkeypatch.setattr(parallel, "_pool", None)
    seen = np.zeros(1003, np.int64)

    def work(spans):
        for start, stop in spans:
            seen[start:stop] += 1

    parallel.for_blocks(work, seen.size, block=10)
    assert (seen == 1).all()

    def fail(spans):
        for _ in spans:
            raise ValueError("in a block")

    with pytest.raises(ValueError, match="in a block"):
        parallel.for_blocks(fail, seen.size, block=10)
