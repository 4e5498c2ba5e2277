"""Softmax, logsumexp and cross entropy of the NumPy backend, against plain float64 formulas and PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
from candelabra.backends.numpy import parallel, softmax
from candelabra.core.errors import IndexOutOfRangeError

TOLERANCE = {"float32": 2e-6, "float64": 1e-14}


def call_vjp(name, g, operands, out, residuals=(), **statics):
    kernel = softmax.KERNELS[name]
    given = {"xp": None, "g": g, "out": out, "wants": (True,) + (False,) * (len(operands) - 1), **statics}
    for key, value in operands.items():
        given[key] = value
        given[key + "_shape"] = None if value is None else value.shape
    given |= dict(zip(kernel.residuals, residuals, strict=True))
    code = kernel.vjp.__code__
    result = kernel.vjp(**{key: given[key] for key in code.co_varnames[: code.co_argcount]})
    assert result[1:] == (None,) * (len(operands) - 1)
    return result[0]


def exact(name, x, axis, keepdims=True):
    x = x.astype(np.float64)
    m = x.max(axis=axis, keepdims=True, initial=-np.inf)
    m = np.where(np.isfinite(m), m, 0)
    total = np.exp(x - m).sum(axis=axis, keepdims=True)
    with np.errstate(divide="ignore"):
        lse = np.log(total) + m
    if name == "softmax":
        return np.exp(x - lse)
    if name == "log_softmax":
        return x - lse
    return lse if keepdims else lse.squeeze(axis)


SHAPES = [((5, 7), 1), ((5, 7), 0), ((3, 4, 5), 1), ((3, 4, 5), (1, 2)), ((3, 4, 5), (0, 2)), ((2, 3, 4, 5), -1)]
SHAPES += [((6,), -1), ((), 0), ((0, 4), 1), ((4, 1), 1), ((300, 2), 1), ((2, 70000), 1)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize(("shape", "axis"), SHAPES)
@pytest.mark.filterwarnings("error")
def test_softmax(name, shape, axis, dtype):
    rng = np.random.default_rng(2)
    base = (rng.standard_normal(shape) * 4).astype(dtype)
    g = np.asarray(rng.standard_normal(shape), dtype)
    reduced = axis if shape else None
    for x in (base, np.asfortranarray(base), np.repeat(base, 2, axis=0)[::2] if base.ndim else base):
        kernel = softmax.KERNELS[name]
        out = kernel.forward(x, axis=axis)
        expected = exact(name, x, reduced)
        assert type(out) is np.ndarray and out.dtype == x.dtype and out.shape == x.shape
        np.testing.assert_allclose(out, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
        dx = call_vjp(name, g, {"x": x}, out, axis=axis)
        p, g64 = exact("softmax", x, reduced), g.astype(np.float64)
        if name == "softmax":
            want = p * (g64 - (g64 * p).sum(axis=reduced, keepdims=True))
        else:
            want = g64 - p * g64.sum(axis=reduced, keepdims=True)
        assert dx.dtype == x.dtype
        np.testing.assert_allclose(dx, want, rtol=1e-5 if dtype == "float32" else 1e-12, atol=20 * TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("keepdims", [True, False])
@pytest.mark.parametrize(("shape", "axis"), SHAPES)
@pytest.mark.filterwarnings("error")
def test_logsumexp(shape, axis, keepdims, dtype):
    rng = np.random.default_rng(2)
    x = (rng.standard_normal(shape) * 4).astype(dtype)
    reduced = axis if shape else ()
    out = softmax.logsumexp(x, axis=axis, keepdims=keepdims)
    expected = exact("logsumexp", x, reduced, keepdims)
    assert type(out) is np.ndarray and out.dtype == x.dtype and out.shape == expected.shape
    np.testing.assert_allclose(out, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
    g = np.asarray(rng.standard_normal(out.shape), dtype)
    dx = call_vjp("logsumexp", g, {"x": x}, out, axis=axis, keepdims=keepdims)
    g = g.reshape(exact("logsumexp", x, reduced).shape)
    np.testing.assert_allclose(dx, g * exact("softmax", x, reduced), rtol=1e-5, atol=10 * TOLERANCE[dtype])


@pytest.mark.filterwarnings("error")
def test_logsumexp_of_infinities():
    inf = np.inf
    x = np.array([[-inf, -inf, -inf], [1, inf, 2], [inf, inf, -inf], [0, -inf, 0], [np.nan, 1, inf]])
    out = softmax.logsumexp(x, axis=1, keepdims=False)
    np.testing.assert_array_equal(out, [-inf, inf, inf, np.log(2), np.nan])
    dx = call_vjp("logsumexp", np.ones(5), {"x": x}, out, axis=1, keepdims=False)
    np.testing.assert_array_equal(dx[0], 0)
    np.testing.assert_allclose(dx[3], [0.5, 0, 0.5])
    np.testing.assert_array_equal(softmax.logsumexp(np.zeros((2, 0)), axis=1, keepdims=True), [[-inf], [-inf]])


def test_masked_rows_of_softmax_as_in_torch():
    torch = pytest.importorskip("torch")
    x = np.array([[0.5, -np.inf, 2], [-np.inf, -np.inf, -np.inf], [1, np.inf, 3]])
    for name in ("softmax", "log_softmax"):
        expected = getattr(torch, name)(torch.tensor(x), 1).numpy()
        np.testing.assert_allclose(softmax.KERNELS[name].forward(x, axis=1), expected)


def test_many_rows_on_threads(monkeypatch):
    monkeypatch.setattr(parallel, "_threads", 3)
    monkeypatch.setattr(parallel, "_pool", None)
    x = np.random.default_rng(0).standard_normal((3000, 300)).astype(np.float32)
    np.testing.assert_allclose(softmax.softmax(x, axis=1), exact("softmax", x, 1), rtol=1e-5)


def test_other_dtypes_are_declined():
    x = np.zeros((2, 3), np.float16)
    assert softmax.softmax(x, axis=1) is NotImplemented
    assert softmax.log_softmax(x, axis=1) is NotImplemented
    assert softmax.logsumexp(x, axis=1, keepdims=False) is NotImplemented
    statics = {"ignore_index": -100, "reduction": "mean", "label_smoothing": 0.0}
    assert softmax.cross_entropy(x, np.zeros(2, np.int64), None, **statics) is NotImplemented


def loop_cross_entropy(x, target, weight, ignore_index, reduction, label_smoothing):
    """One sample at a time, straight from the definition."""
    x = x.astype(np.float64)
    x, target = (x[None], target[None]) if x.ndim == 1 else (x, target)
    classes = x.shape[1]
    weight = np.ones(classes) if weight is None else weight.astype(np.float64)
    losses, total = np.zeros(target.shape), 0.0
    for index in np.ndindex(target.shape):
        if target[index] == ignore_index:
            continue
        row = x[(index[0], slice(None), *index[1:])]
        logp = row - np.log(np.exp(row - row.max()).sum()) - row.max()
        total += weight[target[index]]
        losses[index] = -(1 - label_smoothing) * weight[target[index]] * logp[target[index]]
        losses[index] -= label_smoothing / classes * (weight * logp).sum()
    if reduction == "none":
        return losses
    with np.errstate(invalid="ignore"):
        return losses.sum() if reduction == "sum" else losses.sum() / np.float64(total)


CASES = [
    (shape, weighted, ignored, reduction, smoothing)
    for shape in ((6, 5), (4, 3, 2, 3), (5,), (3, 4, 0))
    for weighted in (False, True)
    for ignored in (False, True)
    for reduction in ("mean", "sum", "none")
    for smoothing in (0.0, 0.3)
]


def cross_entropy_inputs(shape, weighted, ignored, dtype):
    rng = np.random.default_rng(4)
    x = (rng.standard_normal(shape) * 3).astype(dtype)
    classes = shape[0] if len(shape) == 1 else shape[1]
    target = np.asarray(rng.integers(0, classes, () if len(shape) == 1 else (shape[0], *shape[2:])))
    if ignored and target.ndim and target.size:
        target[1] = -7
    return x, target, rng.uniform(0.2, 2, classes).astype(dtype) if weighted else None


@pytest.mark.parametrize(("shape", "weighted", "ignored", "reduction", "smoothing"), CASES)
def test_cross_entropy(shape, weighted, ignored, reduction, smoothing):
    for dtype, tolerance in (("float32", 2e-6), ("float64", 1e-13)):
        x, target, weight = cross_entropy_inputs(shape, weighted, ignored, dtype)
        statics = {"ignore_index": -7, "reduction": reduction, "label_smoothing": smoothing}
        kept = x.copy()
        plain = softmax.cross_entropy(x, target, weight, **statics)
        out, residuals = softmax.cross_entropy_train(x, target, weight, **statics)
        expected = loop_cross_entropy(x, target, weight, **statics)
        assert type(out) is np.ndarray and out.dtype == x.dtype
        expected = expected.reshape(out.shape) if len(shape) == 1 else expected
        np.testing.assert_allclose(out, expected, rtol=tolerance, atol=tolerance)
        np.testing.assert_array_equal(plain, out)
        np.testing.assert_array_equal(x, kept)
        g = np.asarray(np.random.default_rng(1).standard_normal(out.shape), dtype)
        dx = call_vjp("cross_entropy", g, {"x": x, "target": target, "weight": weight}, out, residuals, **statics)
        assert dx.dtype == x.dtype and dx.shape == x.shape
        torch = pytest.importorskip("torch")
        leaf = torch.tensor(x, requires_grad=True)
        loss = torch.nn.functional.cross_entropy(
            leaf, torch.tensor(target), None if weight is None else torch.tensor(weight), **statics
        )
        loss.backward(torch.tensor(g))
        np.testing.assert_allclose(out, loss.detach().numpy(), rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(dx, leaf.grad.numpy(), rtol=10 * tolerance, atol=tolerance)


def test_cross_entropy_ignores_rows_that_are_not_finite():
    x = np.array([[1.0, 2.0], [np.nan, np.inf], [0.0, -1.0]])
    statics = {"ignore_index": -100, "reduction": "mean", "label_smoothing": 0.1}
    target = np.array([0, -100, 1])
    out, residuals = softmax.cross_entropy_train(x, target, None, **statics)
    expected = softmax.cross_entropy(x[::2], target[::2], None, **statics)
    np.testing.assert_allclose(out, expected)
    dx = call_vjp(
        "cross_entropy", np.ones(()), {"x": x, "target": target, "weight": None}, out, residuals, **statics
    )
    np.testing.assert_array_equal(dx[1], 0)
    assert np.isfinite(dx).all()


def test_cross_entropy_of_nothing_is_nan():
    x, target = np.zeros((2, 3), np.float32), np.full(2, -100)
    statics = {"ignore_index": -100, "reduction": "mean", "label_smoothing": 0.0}
    assert np.isnan(softmax.cross_entropy(x, target, None, **statics))


@pytest.mark.parametrize("bad", [-1, 3, 100])
def test_cross_entropy_refuses_targets_out_of_range(bad):
    x, target = np.zeros((4, 3), np.float32), np.array([0, 1, bad, 2])
    with pytest.raises(IndexOutOfRangeError, match=f"target {bad} is out of range for 3 classes"):
        softmax.cross_entropy(x, target, None, ignore_index=-100, reduction="mean", label_smoothing=0.0)


def test_cross_entropy_of_many_classes_on_threads(monkeypatch):
    monkeypatch.setattr(parallel, "_threads", 3)
    monkeypatch.setattr(parallel, "_pool", None)
    rng = np.random.default_rng(0)
    x, target = rng.standard_normal((900, 1000)), rng.integers(0, 1000, 900)
    statics = {"ignore_index": -100, "reduction": "none", "label_smoothing": 0.0}
    out, residuals = softmax.cross_entropy_train(x, target, None, **statics)
    np.testing.assert_allclose(out, -exact("log_softmax", x, 1)[np.arange(900), target])
    dx = call_vjp(
        "cross_entropy", np.ones(900), {"x": x, "target": target, "weight": None}, out, residuals, **statics
    )
    want = exact("softmax", x, 1)
    want[np.arange(900), target] -= 1
    np.testing.assert_allclose(dx, want, atol=1e-15)
