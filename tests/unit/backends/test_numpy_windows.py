"""The NumPy kernels of padding, folding and resampling against the rows' bodies, where conformance does not look."""

from __future__ import annotations

from typing import Any

import candelabra as cb
import ml_dtypes
import numpy as np
import pytest
from candelabra.backends.numpy import folding, padding, parallel, pooling, pooling_average, pooling_grid, resampling
from candelabra.core.device import as_device
from candelabra.core.errors import IndexOutOfRangeError
from candelabra.core.implementation import Implementation, namespace
from candelabra.core.primitives.row import TABLE

RNG = np.random.default_rng(0)


def body(name: str, *operands: Any, **statics: Any) -> Any:
    """Run a row's generic body."""
    return TABLE[name].body(namespace(as_device("cpu")), *operands, **statics)


@pytest.fixture
def many_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of one plane, on two threads."""
    monkeypatch.setattr(pooling_grid, "_BLOCK_BYTES", 1)
    monkeypatch.setattr(parallel, "_threads", 2)
    monkeypatch.setattr(parallel, "_pool", None)


@pytest.mark.parametrize(
    "sizes", [((7, 9), (14, 18)), ((8, 6), (4, 3)), ((5, 7), (13, 4)), ((6, 6), (18, 9)), ((64, 3), (32, 2))]
)
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "linear", "cubic", "area"])
def test_resampling(many_blocks: None, sizes: Any, mode: str) -> None:
    given, wanted = sizes
    how = {"mode": mode, "scale_factor": (None, None), "align_corners": False, "antialias": False}
    x = RNG.standard_normal((3, 4, *given))
    np.testing.assert_allclose(
        resampling.interpolate(x, size=wanted, **how),
        body("interpolate", x, size=wanted, **how),
        rtol=1e-12,
        atol=1e-12,
    )
    g = RNG.standard_normal((3, 4, *wanted))
    np.testing.assert_allclose(
        resampling.interpolate_transpose(g, size=given, **how), body("interpolate_transpose", g, size=given, **how),
        rtol=1e-12, atol=1e-12,
    )  # fmt: skip


def test_resampling_keeps_infinities_to_their_windows() -> None:
    x = np.ones((1, 1, 16, 16), np.float32)
    x[0, 0, 5, 5] = np.inf
    for size, mode in (
        ((32, 32), "linear"),
        ((8, 8), "area"),
        ((11, 9), "area"),
        ((23, 21), "linear"),
        ((48, 48), "nearest"),
    ):
        found = resampling.interpolate(x, size=size, mode=mode)
        share = np.isfinite(found).mean()
        assert 0.9 < share < 1, (size, mode, share)
        np.testing.assert_allclose(found[np.isfinite(found)], 1, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_resampling_of_16_bits(dtype: Any) -> None:
    x = RNG.standard_normal((2, 3, 6, 8)).astype(dtype)
    wide = x.astype(np.float32)
    for found, wanted in (
        (resampling.interpolate(x, size=(9, 5)), resampling.interpolate(wide, size=(9, 5))),
        (resampling.interpolate_transpose(x, size=(3, 4)), resampling.interpolate_transpose(wide, size=(3, 4))),
        (resampling.adaptive_avg_pool(x, output_size=(1, 1)), resampling.adaptive_avg_pool(wide, output_size=(1, 1))),
        (resampling.adaptive_avg_pool(x, output_size=(4, 3)), resampling.adaptive_avg_pool(wide, output_size=(4, 3))),
    ):
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, wanted.astype(dtype))


def test_resampling_declines_other_dtypes() -> None:
    assert resampling.interpolate(np.ones((1, 1, 4), np.int64), size=(2,)) is NotImplemented


WIDTHS = [
    ((0, 0), (0, 0), (1, 2), (2, 0)),
    ((1, 0), (0, 2), (0, 0), (3, 1)),
    ((0, 0),) * 4,
    ((0, 0), (0, 0), (0, 3), (0, 0)),
]


@pytest.mark.parametrize("widths", WIDTHS)
@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_pad(many_blocks: None, widths: Any, mode: str) -> None:
    x = RNG.standard_normal((2, 3, 4, 5))
    value = 1.5 if mode == "constant" else 0.0
    np.testing.assert_array_equal(
        padding.pad(x, widths=widths, value=value, mode=mode), body("pad", x, widths=widths, value=value, mode=mode)
    )
    g = RNG.standard_normal(padding.pad(x, widths=widths, mode=mode).shape)
    (found,) = padding.pad_vjp(None, g, x.shape, widths, mode, (True,))
    wanted = TABLE["pad"].vjp(namespace(as_device("cpu")), g, x.shape, widths, mode)  # type: ignore[misc]
    np.testing.assert_allclose(found, wanted, rtol=1e-13, atol=1e-13)
    assert not np.shares_memory(found, g)


def test_pad_that_cuts() -> None:
    x = RNG.standard_normal((2, 5))
    for mode in ("reflect", "replicate"):
        assert padding.pad(x, widths=((0, 0), (-1, 2)), mode=mode) is NotImplemented
    np.testing.assert_array_equal(padding.pad(x, widths=((0, 0), (-1, -2))), x[:, 1:3])
    np.testing.assert_array_equal(padding.pad(x, widths=((0, 0), (-3, 2)), mode="circular"), x[:, [3, 4, 3, 4]])
    empty = np.empty((2, 0, 3, 4))
    assert padding.pad(empty, widths=((0, 0), (0, 0), (1, 1), (0, 0)), mode="circular").shape == (2, 0, 5, 4)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_folding(many_blocks: None, axes: int) -> None:
    size = (7, 6, 5)[:axes]
    how = {
        "kernel_size": (3, 2, 1)[:axes],
        "dilation": (1, 2, 1)[:axes],
        "padding": (2, 1, 0)[:axes],
        "stride": (2, 1, 3)[:axes],
    }
    x = RNG.standard_normal((2, 3, *size))
    columns = folding.im2col(x, **how)
    np.testing.assert_array_equal(columns, body("im2col", x, **how))
    g = RNG.standard_normal(columns.shape)
    np.testing.assert_allclose(
        folding.col2im(g, output_size=size, **how), body("col2im", g, output_size=size, **how), rtol=1e-13, atol=1e-13
    )


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_pooling_of_one_to_three_axes(many_blocks: None, axes: int, ceil_mode: bool) -> None:
    x = RNG.standard_normal((2, 3, *(9, 7, 6)[:axes]))
    for kernel, stride, pad, dilation in (
        (3, 2, 1, 1),
        (2, 2, 0, 1),
        (3, 1, 1, 1),
        (2, 3, 1, 2),
        (2, 1, 0, 2),
        (2, 2, 0, 3),
        (1, 2, 0, 1),
    ):
        how: Any = {"kernel_size": kernel, "stride": stride, "padding": pad}
        how = {k: (v,) * axes for k, v in how.items()} | {"ceil_mode": ceil_mode}
        far = {**how, "dilation": (dilation,) * axes}
        values, places = body("max_pool_with_indices", x, **far)
        np.testing.assert_array_equal(pooling.max_pool(x, **far), values)
        for found, wanted in zip(pooling.max_pool_with_indices(x, **far), (values, places), strict=True):
            np.testing.assert_array_equal(found, wanted)
        for include in (True, False):
            how |= {"count_include_pad": include, "divisor_override": None}
            np.testing.assert_allclose(
                pooling_average.avg_pool(x, **how), body("avg_pool", x, **how), rtol=1e-12, atol=1e-13
            )


@pytest.mark.parametrize("size", [(1, 1), (3, 4), (5, 2), (9, 7), (11, 3)])
def test_adaptive_max_pool(size: Any) -> None:
    x = np.round(RNG.standard_normal((2, 3, 9, 7)) * 2)
    x[0, 0, ::4, 2] = np.nan
    wanted = body("adaptive_max_pool_with_indices", x, output_size=size)
    for found, right in zip(pooling.adaptive_max_pool_with_indices(x, output_size=size), wanted, strict=True):
        np.testing.assert_array_equal(found, right)


def test_unpooling_refuses_places_that_are_not_there() -> None:
    x = np.ones((1, 1, 2))
    for places, wrong in (([0, 4], 4), ([-1, 0], -1)):
        with pytest.raises(
            IndexOutOfRangeError, match=rf"max_unpool: index {wrong} lies outside an output of size \(4,\)"
        ):
            pooling.max_unpool(x, np.asarray([[places]]), output_size=(4,))


def test_narrow_floats_keep_their_dtype() -> None:
    """Through the front door: bodies and kernels compute them in 32 bits."""
    x = RNG.standard_normal((2, 3, 6, 8)).astype(np.float32)
    for dtype in (cb.float16, cb.bfloat16):
        narrow = cb.tensor(x).to(dtype)
        for call in (
            lambda t: cb.max_pool(t, kernel_size=3, stride=2, padding=1),
            lambda t: cb.avg_pool(t, kernel_size=2),
            lambda t: cb.interpolate(t, size=(9, 5)),
            lambda t: cb.pad(t, widths=((0, 0), (0, 0), (1, 1), (2, 1)), mode="reflect"),
            lambda t: cb.col2im(cb.im2col(t, kernel_size=3), output_size=(6, 8), kernel_size=3),
        ):
            leaf = narrow.detach().requires_grad_()
            found = call(leaf)
            assert found.dtype is dtype
            close = call(cb.tensor(narrow.float().numpy()))
            np.testing.assert_allclose(found.float().detach().numpy(), close.numpy(), rtol=2e-2, atol=2e-2)
            found.sum().backward()
            assert leaf.grad.dtype is dtype


def test_the_generic_bodies_are_what_other_backends_run() -> None:
    """No kernel: the row's body on the same device gives the same gradient."""
    x = RNG.standard_normal((1, 2, 5, 6))
    for name in ("max_pool", "avg_pool"):
        assert Implementation(TABLE[name], as_device("cpu"), generic=True).source == "generic"
        how = {"kernel_size": 3, "stride": 2, "padding": 1}
        leaf = cb.tensor(x, requires_grad=True)
        out = getattr(cb, name)(leaf, **how)
        g = cb.tensor(RNG.standard_normal(out.shape))
        (one,) = cb.grad(out, leaf, g, retain_graph=True)
        (two,) = cb.grad(out, leaf, g, create_graph=True)
        np.testing.assert_allclose(one.numpy(), two.detach().numpy(), rtol=1e-12, atol=1e-13)
