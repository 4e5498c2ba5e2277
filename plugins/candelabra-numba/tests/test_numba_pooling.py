"""Compiled pooling against the backend's own, and what it leaves to it."""

from __future__ import annotations

import threading
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn
from candelabra.backends.numpy import pooling as numpy_pooling
from candelabra.backends.numpy import pooling_average
from candelabra_numba import pooling

pytest.importorskip("numba")
F = nn.functional
rng = np.random.default_rng(0)
equal, close = np.testing.assert_array_equal, np.testing.assert_allclose
# Input, window, stride, padding, dilation, ceil mode.
WINDOWS: list[tuple[tuple[int, ...], Any, Any, Any, Any, bool]] = [
    ((2, 3, 9), (3,), (2,), (1,), (1,), False),
    ((2, 3, 10), (2,), (3,), (0,), (2,), True),
    ((2, 3, 8, 7), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((2, 3, 8, 40), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((2, 3, 9, 41), (2, 2), (2, 2), (0, 0), (1, 1), True),
    ((1, 2, 7, 9), (3, 3), (1, 1), (1, 1), (1, 1), False),
    ((1, 2, 11, 10), (3, 2), (2, 3), (1, 1), (1, 1), True),
    ((1, 2, 12, 12), (3, 3), (1, 2), (0, 0), (2, 3), False),
    ((2, 1, 5, 6, 7), (2, 3, 2), (1, 2, 2), (1, 1, 0), (1, 1, 1), True),
    ((0, 3, 8, 8), (2, 2), (2, 2), (0, 0), (1, 1), False),
]
NAMES = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")


@pytest.fixture(autouse=True)
def _everything_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooling, "LEAST", 0)
    monkeypatch.setattr(pooling, "_MANY", 1 << 60)


def inputs(shape: tuple[int, ...], dtype: str) -> dict[str, np.ndarray]:
    """Inputs with ties, NaN and infinities."""
    plain = rng.integers(-4, 5, shape).astype(dtype)
    spoilt, low = plain.copy(), plain.copy()
    spoilt[rng.random(shape) < 0.2] = np.nan
    low[rng.random(shape) < 0.7] = -np.inf
    return {"ties": plain, "NaN": spoilt, "minus infinity": low}


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("case", WINDOWS, ids=str)
def test_maxima_and_their_cotangents(case: Any, dtype: str) -> None:
    shape, *rest = case
    statics = dict(zip(NAMES, rest, strict=True))
    for x in inputs(shape, dtype).values():
        wanted, (winners,) = numpy_pooling.max_pool_train(x, **statics)
        found, (taps,) = pooling.max_pool_train(x, **statics)
        equal(found, wanted)
        equal(taps, winners)
        g = rng.standard_normal(found.shape).astype(dtype)
        theirs = numpy_pooling.max_pool_vjp(None, g, shape, *rest, winners, (True,))[0]
        close(pooling.max_pool_vjp(None, g, shape, *rest, taps, (True,))[0], theirs, 1e-5, 1e-6)
        (_, places), _ = numpy_pooling._max_pool_with_indices_train(x, **statics)
        (_, ours), _ = pooling.max_pool_with_indices_train(x, **statics)
        equal(ours, places)
        assert ours.dtype == np.int64


@pytest.mark.parametrize("divisor", [None, 3])
@pytest.mark.parametrize("count_include_pad", [False, True])
@pytest.mark.parametrize("case", [c for c in WINDOWS if set(c[4]) == {1}], ids=str)
def test_means_and_their_cotangents(case: Any, count_include_pad: bool, divisor: int | None) -> None:
    shape, kernel, stride, padding, _, ceil = case
    statics = {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil}
    statics |= {"count_include_pad": count_include_pad, "divisor_override": divisor}
    for dtype in "fd":
        x = rng.standard_normal(shape).astype(dtype)
        wanted, found = pooling_average.avg_pool(x, **statics), pooling.avg_pool(x, **statics)
        close(found, wanted, 1e-5, 1e-6)
        g = rng.standard_normal(found.shape).astype(dtype)
        theirs = pooling_average.avg_pool_vjp(None, g, shape, *statics.values(), (True,))[0]
        close(pooling.avg_pool_vjp(None, g, shape, *statics.values(), (True,))[0], theirs, 1e-4, 1e-5)


@pytest.mark.parametrize("size", [(7, 9), (3, 1), (1, 1), (4, 6), (10, 12)], ids=str)
def test_adaptive_maxima(size: tuple[int, int]) -> None:
    for dtype in "fd":
        for x in inputs((2, 3, 7, 9), dtype).values():
            (wanted, winners), _ = numpy_pooling._adaptive_max_pool_train(x, output_size=size)
            (found, places), _ = pooling.adaptive_max_pool_train(x, output_size=size)
            equal(found, wanted)
            equal(places, winners)
            g = rng.standard_normal(found.shape).astype(dtype)
            theirs = numpy_pooling.adaptive_max_pool_vjp(None, g, x.shape, size, winners, (True,))[0]
            close(pooling.adaptive_max_pool_vjp(None, g, x.shape, size, places, (True,))[0], theirs, 1e-5, 1e-6)


def test_layers_have_the_gradients_of_double_precision() -> None:
    values = rng.standard_normal((2, 3, 12, 10))
    for function in (
        lambda x: F.max_pool2d(x, 3, 2, 1),
        lambda x: F.avg_pool2d(x, 2, ceil_mode=True),
        lambda x: F.adaptive_max_pool2d(x, 5),
        lambda x: F.max_pool2d(x.mT, 2),
    ):
        found = []
        for dtype in (cb.float32, cb.float64):
            x = cb.asarray(values, dtype=dtype, requires_grad=True)
            out = function(x)
            (out * out).sum().backward()
            found.append((np.asarray(out.detach()), np.asarray(x.grad)))
        for ours, exact in zip(*found, strict=True):
            close(ours, exact, 1e-4, 1e-5)


def test_a_cotangent_for_reading_alone_is_served() -> None:
    x = cb.asarray(rng.standard_normal((2, 3, 8, 8)), dtype=cb.float32, requires_grad=True)
    F.max_pool2d(x, 2).sum().backward()
    assert x.grad is not None and np.asarray(x.grad).sum() == 2 * 3 * 16


def test_what_is_not_served(monkeypatch: pytest.MonkeyPatch) -> None:
    statics = dict(zip(NAMES, ((2, 2), (2, 2), (0, 0), (1, 1), False), strict=True))
    assert pooling.max_pool_train(np.ones((1, 1, 8, 8), np.float16), **statics) is NotImplemented
    assert pooling.max_pool_train(np.ones((1, 1, 8, 8), np.int64), **statics) is NotImplemented
    wide = {**statics, "kernel_size": (17, 17)}
    assert pooling.max_pool_train(np.ones((1, 1, 40, 40)), **wide) is NotImplemented
    monkeypatch.setattr(pooling, "LEAST", 1 << 11)
    assert pooling.max_pool_train(np.ones((1, 1, 8, 8)), **statics) is NotImplemented


def test_large_inputs_are_the_backends_forwards_and_compiled_on_the_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooling, "_MANY", 0)
    statics = dict(zip(NAMES, ((3, 3), (2, 2), (1, 1), (1, 1), False), strict=True))
    x = rng.standard_normal((16, 8, 33, 33)).astype(np.float32)
    out, (taps,) = pooling.max_pool_train(x, **statics)
    g = np.ones_like(out)
    theirs = numpy_pooling.max_pool_vjp(None, g, x.shape, *statics.values(), taps, (True,))[0]
    equal(pooling.max_pool_vjp(None, g, x.shape, *statics.values(), taps, (True,))[0], theirs)


def test_several_threads_pool_at_once() -> None:
    x = rng.standard_normal((8, 16, 40, 40)).astype(np.float32)
    statics = dict(zip(NAMES, ((2, 2), (2, 2), (0, 0), (1, 1), False), strict=True))
    wanted, _ = pooling.max_pool_train(x, **statics)
    found: list[np.ndarray] = []

    def work() -> None:
        found.extend(pooling.max_pool_train(x, **statics)[0] for _ in range(3))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 24
    for out in found:
        equal(out, wanted)
