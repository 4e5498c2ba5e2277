"""Kernels of losses on NumPy: several blocks, layouts that are not dense, and the formulas in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from candelabra.backends.numpy import loss, sequence_loss
from candelabra.core.errors import ArgumentError, IndexOutOfRangeError

RNG = np.random.default_rng(3)
SHAPES = [(), (0, 3), (5,), (700, 301)]


def layouts(shape: tuple[int, ...], low: float, high: float, dtype: Any) -> Any:
    x, y = (RNG.uniform(low, high, shape).astype(dtype) for _ in range(2))
    yield x, y
    if shape:
        # It would give a 0-d array an axis.
        yield np.asfortranarray(x), y
    if len(shape) == 2:
        wide = RNG.uniform(low, high, (2 * shape[0], 2 * shape[1])).astype(dtype)
        yield wide[::2, ::2], y


def reduced(losses: np.ndarray, reduction: str) -> Any:
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.mean() if losses.size else np.nan


def smooth(x: np.ndarray, y: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    d = x - y
    if not width:
        return np.abs(d), np.sign(d)
    near = np.abs(d) < width
    return np.where(near, d * d / (2 * width), np.abs(d) - width / 2), np.where(near, d / width, np.sign(d))


def binary(p: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return -(t * np.log(p) + (1 - t) * np.log1p(-p)), (p - t) / (p * (1 - p))


def logits(x: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.logaddexp(0, x) - t * x, 1 / (1 + np.exp(-x)) - t


KERNELS: dict[str, tuple[Any, dict[str, float], tuple[float, float]]] = {
    "smooth": (lambda x, y: smooth(x, y, 0.7), {"width": 0.7}, (-2, 2)),
    "absolute": (lambda x, y: smooth(x, y, 0.0), {"width": 0.0}, (-2, 2)),
    "binary": (binary, {}, (0.05, 0.95)),
    "logits": (logits, {}, (-20, 20)),
}
FORWARD = {
    "smooth": loss.smooth_l1_loss, "absolute": loss.smooth_l1_loss, "binary": loss.binary_cross_entropy,
    "logits": loss.binary_cross_entropy_with_logits,
}  # fmt: skip


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", KERNELS)
def test_values_and_slopes(name: str, shape: tuple[int, ...], dtype: Any, reduction: str) -> None:
    formula, statics, (low, high) = KERNELS[name]
    tolerance = 2e-5 if dtype == np.float32 else 1e-11
    for x, y in layouts(shape, low, high, dtype):
        kept = x.copy()
        values, slopes = formula(x.astype(np.float64), y.astype(np.float64))
        wanted = reduced(values, reduction)
        found = FORWARD[name](x, y, reduction=reduction, **statics)
        assert type(found) is np.ndarray and found.dtype == dtype
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)
        g = np.asarray(RNG.standard_normal(found.shape), dtype)
        share = g / values.size if reduction == "mean" and values.size else g
        if name in ("smooth", "absolute"):
            trained, (bounded,) = loss.smooth_l1_loss_train(x, y, reduction=reduction, **statics)
            np.testing.assert_allclose(trained, wanted, rtol=tolerance, atol=tolerance)
            one, other = loss.smooth_l1_loss_vjp(g, bounded, reduction, statics["width"], (True, True))
            np.testing.assert_allclose(other, -slopes * share, rtol=tolerance, atol=tolerance)
        else:
            rule = {"binary": loss.binary_cross_entropy_vjp, "logits": loss.binary_cross_entropy_with_logits_vjp}[name]
            one = rule(g, x, y, reduction, (True, False))[0]
        assert one.dtype == dtype and one.shape == shape
        np.testing.assert_allclose(one, slopes * share, rtol=10 * tolerance, atol=10 * tolerance)
        np.testing.assert_array_equal(x, kept)


def test_small_probabilities_keep_their_digits() -> None:
    x, t = np.array([40.0, -40.0], np.float32), np.array([1.0, 0.0], np.float32)
    found = loss.binary_cross_entropy_with_logits(x, t, reduction="none")
    np.testing.assert_allclose(found, np.exp(-40.0), rtol=1e-4)
    tiny = np.array([1e-12], np.float32)
    np.testing.assert_allclose(loss.binary_cross_entropy(tiny, 0 * tiny, reduction="none"), 1e-12, rtol=1e-6)


@pytest.mark.parametrize("bad", [-0.01, 1.01, np.nan, np.inf])
def test_what_is_no_probability_is_refused_in_any_block(bad: float) -> None:
    x = RNG.uniform(0, 1, (700, 301)).astype(np.float32)
    x[650, 7] = bad
    for reduction in ("none", "mean"):
        with pytest.raises(ArgumentError, match=r"between 0 and 1, got values from"):
            loss.binary_cross_entropy(x, x, reduction=reduction)


@pytest.mark.parametrize("shape", [(300, 40), (40, 7, 5), (9,), (3, 4, 2, 2)])
@pytest.mark.parametrize("weighted", [False, True])
def test_nll(shape: tuple[int, ...], weighted: bool) -> None:
    axis = 0 if len(shape) == 1 else 1
    classes = shape[axis]
    x = RNG.standard_normal(shape).astype(np.float32)
    target = np.asarray(RNG.integers(0, classes, (*shape[:axis], *shape[axis + 1 :])))
    if target.ndim:
        target.flat[::5] = -100
    weight = RNG.uniform(0.5, 2, classes).astype(np.float32) if weighted else None
    index = np.where(target < 0, 0, target)
    counts = (target >= 0) * (1 if weight is None else weight[index])
    picked = np.squeeze(np.take_along_axis(x, np.expand_dims(index, axis), axis), axis)
    for reduction in ("none", "sum", "mean"):
        statics: dict[str, Any] = {"ignore_index": -100, "reduction": reduction}
        found, (places, factors, scale) = loss.nll_loss_train(x, target, weight, **statics)
        wanted = -picked * counts
        whole = wanted if reduction == "none" else wanted.sum() / (counts.sum() if reduction == "mean" else 1)
        np.testing.assert_allclose(found, whole, rtol=1e-5, atol=1e-6)
        g = np.asarray(RNG.standard_normal(found.shape), np.float32)
        grad = loss.nll_loss_vjp(g, shape, places, factors, scale, (True, False, False))[0]
        slope = np.zeros(shape)
        each = -counts * g / (counts.sum() if reduction == "mean" else 1)
        np.put_along_axis(slope, np.expand_dims(index, axis), np.expand_dims(each, axis), axis)
        np.testing.assert_allclose(grad, slope, rtol=1e-5, atol=1e-6)
    with pytest.raises(IndexOutOfRangeError, match=rf"nll_loss: target {classes} is out of range"):
        loss.nll_loss(x, np.full_like(target, classes), weight, ignore_index=-100, reduction="sum")


@pytest.mark.parametrize("dense", [True, False])
def test_shares_are_added_up_by_class_either_way(dense: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    steps, count, classes, labels = 30, 4, 7, 5
    logs = RNG.standard_normal((steps, count, classes))
    targets = RNG.integers(1, classes, (count, labels))
    lengths = np.array([30, 21, 11, 2]), np.array([5, 3, 0, 5])
    value, (shares, states) = sequence_loss.ctc_loss_train(logs, targets, *lengths, blank=0)
    assert np.isinf(value[3]) and not shares[:, 3].any()
    np.testing.assert_allclose(value, sequence_loss.ctc_loss(logs, targets, *lengths, blank=0))
    np.testing.assert_allclose(shares[:21, 1].sum(axis=-1), 1.0)
    monkeypatch.setattr(sequence_loss, "_DENSE", 1 << 20 if dense else 0)
    (grad, *_) = sequence_loss.ctc_loss_vjp(np.ones(count), logs.shape, shares, states, (True, False, False, False))
    np.testing.assert_allclose(grad[:, 0].sum(axis=-1), -1.0)
    assert not grad[21:, 1].any() and not grad[11:, 2].any() and not grad[:11, 2, 1:].any() and not grad[:, 3].any()
    step = 1e-6
    for place in ((0, 0, 0), (5, 1, int(targets[1, 1])), (10, 2, 0), (29, 0, int(targets[0, 4]))):
        ends = []
        for sign in (1, -1):
            moved = logs.copy()
            moved[place] += sign * step
            ends.append(sequence_loss.ctc_loss(moved, targets, *lengths, blank=0)[place[1]])
        assert grad[place] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-7)
