"""NumPy kernels of few elements: they give what NumPy's functions, or the kernels of many, give."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.backends.numpy import axes, creation, normalization, normalization_small, reduction, softmax
from candelabra.backends.numpy import softmax_small as small

FLOATS = ("float32", "float64")


def outcome(function: Any, *arguments: Any, **named: Any) -> Any:
    """Return a result's dtype, shape and bytes, or the error."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            found = np.asarray(function(*arguments, **named))
        except (TypeError, ValueError, OverflowError) as error:
            return type(error), str(error)
    return found.dtype, found.shape, found.tobytes()


@pytest.mark.parametrize("kind", ["bool", "float32", "complex128"])
def test_eye(kind: str) -> None:
    for n, m, k in itertools.product((0, 1, 2, 5), (None, 0, 1, 3, 7), range(-8, 9)):
        assert outcome(creation.eye, n, m, k=k, dtype=np.dtype(kind)) == outcome(np.eye, n, m, k=k, dtype=kind)
    assert outcome(creation.eye, -1, dtype=np.dtype(kind)) == outcome(np.eye, -1, dtype=kind)


@pytest.mark.parametrize("value", [True, 0, 1, 127, 128, -1, 300, 1.5, float("nan"), 1e300, 2**70, 1j])
def test_full(value: Any) -> None:
    for dtype in map(np.dtype, "?bBhHiIlLefdFD"):
        assert outcome(creation.full, (2, 3), value, dtype=dtype) == outcome(np.full, (2, 3), value, dtype)


@pytest.mark.parametrize("kind", ["float16", *FLOATS])
def test_linspace(kind: str) -> None:
    rng, dtype = np.random.default_rng(0), np.dtype(kind)
    ends = [0.0, -0.0, 1.0, -1.0, 5e-324, float("inf"), 1e30, 3e30, *rng.standard_normal(4).tolist()]
    for start, stop, num, endpoint in itertools.product(ends, ends, (0, 1, 2, 7, 300), (True, False)):
        mine = outcome(creation.linspace, start, stop, num, dtype=dtype, endpoint=endpoint)
        assert mine == outcome(np.linspace, start, stop, num, dtype=dtype, endpoint=endpoint)


@pytest.mark.parametrize("kind", FLOATS)
def test_reductions(kind: str) -> None:
    rng = np.random.default_rng(1)
    for shape in [(), (1,), (5,), (2, 3), (3, 1), (2, 3, 4), (50, 60)]:
        x = np.asarray(rng.standard_normal(shape), kind)
        for array in (x, x.T):
            for axis, keepdims in itertools.product([None, *range(-x.ndim, x.ndim)], (False, True)):
                for name in ("max", "min", "any", "all"):
                    found = reduction.KERNELS[name](array, axis=axis, keepdims=keepdims)
                    wanted = getattr(np, name)(array, axis=axis, keepdims=keepdims)
                    assert np.array_equal(found, wanted) and np.shape(found) == np.shape(wanted)
                for correction in (0.0, 0.5, 1, 100000):
                    found = reduction.var(array, axis=axis, correction=correction, keepdims=keepdims)
                    with np.errstate(all="ignore"), warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        wanted = np.var(array.astype(np.float64), axis=axis, ddof=correction, keepdims=keepdims)
                    n = array.size if axis is None else array.shape[axis]
                    wanted = wanted if n - correction > 0 else np.full_like(wanted, np.nan)
                    assert np.asarray(found).dtype == kind and np.shape(found) == np.shape(wanted)
                    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)
    nan = np.array([1.0, np.nan, 3.0])
    assert np.isnan(reduction.largest(nan)) and np.isnan(reduction.smallest(nan)) and reduction.some(nan)
    with pytest.raises(ValueError, match="zero-size"):
        reduction.largest(np.empty((0,)))


def test_cumulative() -> None:
    x = np.arange(6, dtype=np.int32).reshape(2, 3)
    for name, dtype, initial in itertools.product(("sum", "prod"), (None, np.float32), (False, True)):
        found = reduction.KERNELS[f"cumulative_{name}"](x, axis=1, dtype=dtype, include_initial=initial)
        wanted = getattr(np, f"cumulative_{name}")(x, axis=1, dtype=dtype, include_initial=initial)
        assert np.array_equal(found, wanted) and found.dtype == wanted.dtype


def test_axes() -> None:
    rng = np.random.default_rng(2)
    for shape in [(3,), (2, 3), (2, 1, 4)]:
        x, n = rng.standard_normal(shape), len(shape)
        for a, b in itertools.product(range(-n, n), repeat=2):
            assert np.array_equal(axes.moveaxis(x, a, b), np.moveaxis(x, a, b))
            assert np.array_equal(axes.flip(x, axis=(a % n, b % n)), np.flip(x, tuple({a % n, b % n})))
            assert np.array_equal(axes.roll(x, (b,), axis=(a % n,)), np.roll(x, b, a))
            parts = axes.unstack(x, axis=a)
            assert all(type(part) is np.ndarray for part in parts)
            assert all(np.array_equal(p, q) for p, q in zip(parts, np.unstack(x, axis=a), strict=True))
        for a in range(-n - 1, n + 1):
            assert np.array_equal(axes.stack([x, 2 * x], axis=a), np.stack([x, 2 * x], a))
            assert axes.expand_dims(x, axis=a).shape == np.expand_dims(x, a).shape
        for pair in itertools.permutations(range(n + 2), 2):
            assert axes.expand_dims(x, axis=pair).shape == np.expand_dims(x, pair).shape
        for order in itertools.permutations(range(n)):
            assert np.array_equal(axes.moveaxis(x, tuple(range(n)), order), np.moveaxis(x, range(n), order))


def near(found: Any, wanted: Any, kind: str) -> None:
    assert found.dtype == kind and found.shape == wanted.shape
    rtol, atol = (2e-5, 2e-6) if kind == "float32" else (1e-12, 1e-12)
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=atol)


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("shape", [(4,), (3, 5), (2, 3, 4), (40, 1)])
@pytest.mark.parametrize("scale", [1.0, 30.0, 1e4])
def test_softmax(kind: str, shape: tuple[int, ...], scale: float, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    x, g = (scale * rng.standard_normal(shape)).astype(kind), rng.standard_normal(shape).astype(kind)
    axis, rules = x.ndim - 1, {"axis": x.ndim - 1, "wants": (True,)}

    def results() -> list[Any]:
        y, logs = softmax.softmax(x, axis=axis), softmax.log_softmax(x, axis=axis)
        return [y, logs, softmax.softmax_vjp(np, g, y, **rules)[0], softmax.log_softmax_vjp(np, g, logs, **rules)[0]]

    few = results()
    monkeypatch.setattr(small, "FEW", 0)
    for found, wanted in zip(few, results(), strict=True):
        near(found, wanted, kind)


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("rows", [1, 7, 50])
@pytest.mark.parametrize("ignore_index", [-100, 2])
def test_cross_entropy(
    kind: str, reduction: str, rows: int, ignore_index: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(4)
    x, target = (5 * rng.standard_normal((rows, 6))).astype(kind), rng.integers(0, 6, rows)
    target[0] = 3
    statics = {"ignore_index": ignore_index, "reduction": reduction, "label_smoothing": 0.0}

    def results() -> list[Any]:
        loss, kept = softmax.cross_entropy_train(x, target, **statics)
        names = ("powers", "sums", "places", "kept", "factors", "scale")
        g = np.ones(loss.shape, kind) * np.array(0.5, kind)
        grad = softmax.cross_entropy_vjp(
            np, g, x.shape, None, **dict(zip(names, kept, strict=True)), label_smoothing=0.0, wants=(True, False, False)
        )[0]
        return [loss, softmax.cross_entropy(x, target, **statics), grad]

    few = results()
    monkeypatch.setattr(small, "FEW", 0)
    for found, wanted in zip(few, results(), strict=True):
        near(found, wanted, kind)


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("affine", [False, True])
def test_layer_norm(kind: str, count: int, affine: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    x, g = (rng.standard_normal((2, 2, 3, 4)) + 3).astype(kind)
    weight, bias = rng.standard_normal((2, *x.shape[3 - count :])).astype(kind) if affine else (None, None)

    def results() -> list[Any]:
        out, kept = normalization.layer_norm_train(x, weight, bias, axes=count, eps=1e-5)
        return [out, *normalization.layer_norm_vjp(np, g, x, weight, count, *kept, wants=(True, affine, affine))]

    few = results()
    monkeypatch.setattr(normalization_small, "FEW", 0)
    for found, wanted in zip(few, results(), strict=True):
        if wanted is None:
            assert found is None
        else:
            assert found.shape == wanted.shape
            np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4 if kind == "float32" else 1e-10)


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_the_logarithm_of_one_and_a_little(dtype):
    # Against the series, whose next term is below the last place; and where the squares cancel, against wider numbers.
    eps = np.finfo(dtype).eps
    small = (1e-5 * np.exp(1j * np.linspace(0, 6, 50))).astype(dtype)
    z = small.astype(np.clongdouble)
    series = z - z**2 / 2 + z**3 / 3 - z**4 / 4
    found = np.asarray(cb.log1p(cb.asarray(small)))
    np.testing.assert_allclose(found, series.astype(dtype), rtol=8 * eps)
    b = np.linspace(0.01, 0.4, 40)
    cancelling = (-b * b / 2 + 1j * b).astype("complex64")
    exact = np.log1p(cancelling.astype(np.clongdouble)).astype("complex64")
    np.testing.assert_allclose(np.asarray(cb.log1p(cb.asarray(cancelling))).real, exact.real, rtol=1e-5, atol=1e-12)
    assert cb.log1p(cb.asarray(1e-5 + 1e-6j, dtype=cb.complex64)).real.item() == pytest.approx(1e-5, rel=1e-4)
