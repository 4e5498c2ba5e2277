"""Functions of pooling, padding, folding and resampling against PyTorch's."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.nn import functional as F

RNG = np.random.default_rng(11)
LINE, SQUARE, CUBE = (RNG.standard_normal(s) for s in ((2, 3, 11), (2, 3, 7, 9), (2, 2, 5, 4, 6)))
INPUTS = {1: LINE, 2: SQUARE, 3: CUBE}


def both(
    compare: Callable[..., None], name: str, *inputs: Any, order: int = 2, dtype: str = "float64", **how: Any
) -> None:
    def ours(*given: Any) -> Any:
        return getattr(F, name)(*given, **how)

    def theirs(torch: Any, *given: Any) -> Any:
        return getattr(torch.nn.functional, name)(*given, **how)

    compare(ours, theirs, *inputs, order=order, dtype=dtype)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_max_pool(compare: Callable[..., None], axes: int, dtype: str) -> None:
    x, name = INPUTS[axes], f"max_pool{axes}d"
    both(compare, name, x, kernel_size=2, dtype=dtype)
    both(compare, name, x, kernel_size=3, stride=2, padding=1, ceil_mode=True, return_indices=True, dtype=dtype)
    both(compare, f"{name}_with_indices", x, kernel_size=2, stride=1, dilation=2, order=1, dtype=dtype)
    both(compare, name, x[0], kernel_size=(2,) * axes, stride=[], dtype=dtype)
    ties = np.round(x)
    both(compare, name, ties, kernel_size=3, stride=2, padding=1, return_indices=True, order=1, dtype=dtype)
    both(compare, f"adaptive_{name}", ties, output_size=3, return_indices=True, order=1, dtype=dtype)
    both(compare, f"adaptive_{name}_with_indices", x[:0], output_size=(2,) * axes, order=1, dtype=dtype)
    both(compare, name, x[:0], kernel_size=2, return_indices=True, order=1, dtype=dtype)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_the_last_nan_wins_and_infinities_count(compare: Callable[..., None], axes: int) -> None:
    x = INPUTS[axes].copy()
    flat = x.reshape(-1)
    flat[::5], flat[1::9], flat[2::7] = np.nan, np.inf, -np.inf
    low = np.full_like(x, -np.inf)
    for given in (x, low):
        both(compare, f"max_pool{axes}d", given, kernel_size=3, stride=2, padding=1, return_indices=True, order=1)
        both(compare, f"max_pool{axes}d", given, kernel_size=2, return_indices=True, order=1)
        both(compare, f"max_pool{axes}d", given, kernel_size=3, stride=1, order=1)
        both(compare, f"adaptive_max_pool{axes}d", given, output_size=2, return_indices=True, order=1)


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
def test_max_pool_of_integers(compare: Callable[..., None], dtype: str) -> None:
    for axes in (2, 3):
        x = np.round(INPUTS[axes] * 3 + 4).clip(0).astype(dtype)
        both(compare, f"max_pool{axes}d", x, kernel_size=3, stride=2, padding=1, return_indices=True)
        both(compare, f"max_pool{axes}d", np.zeros_like(x), kernel_size=3, stride=1, padding=1, return_indices=True)


def test_lp_pool_of_nothing(compare: Callable[..., None]) -> None:
    """Where a sum of powers is zero, the gradient is PyTorch's, too."""
    x = SQUARE.copy()
    x[:, :, :4, :4] = 0
    both(compare, "lp_pool2d", x, norm_type=2, kernel_size=2, order=1)
    both(compare, "lp_pool2d", x, norm_type=3, kernel_size=2, order=1)
    both(compare, "lp_pool2d", x, norm_type=1, kernel_size=3, ceil_mode=True, order=1)
    both(compare, "lp_pool1d", LINE, norm_type=3, kernel_size=2, stride=3, order=1)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_avg_pool(compare: Callable[..., None], axes: int, dtype: str) -> None:
    x, name = INPUTS[axes], f"avg_pool{axes}d"
    both(compare, name, x, kernel_size=2, dtype=dtype)
    both(compare, name, x, kernel_size=3, stride=1, padding=1, count_include_pad=False, dtype=dtype)
    both(compare, name, x[0], kernel_size=3, stride=2, padding=1, ceil_mode=True, dtype=dtype)
    both(compare, name, x[:0], kernel_size=2, dtype=dtype)
    both(compare, f"lp_pool{axes}d", np.abs(x) + 0.1, norm_type=3, kernel_size=2, dtype=dtype)
    for size in (1, 2, 3, 6):
        both(compare, f"adaptive_{name}", x, output_size=size, dtype=dtype)
    both(compare, f"adaptive_{name}", x[:0], output_size=2, dtype=dtype)
    both(compare, f"adaptive_{name}", x, output_size=0, order=0, dtype=dtype)


def test_unpooling_what_overlaps(compare: Callable[..., None], torch: Any) -> None:
    out, places = torch.nn.functional.max_pool2d(torch.tensor(SQUARE), 3, 1, return_indices=True)
    how = {"kernel_size": 3, "stride": 1}
    both(compare, "max_unpool2d", out.numpy(), places.numpy(), **how)
    both(compare, "max_unpool2d", out[0].numpy(), places[0].numpy(), **how)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_fractional_max_pool(compare: Callable[..., None], dtype: str) -> None:
    for axes, x in ((2, SQUARE), (3, CUBE)):
        u = np.random.default_rng(axes).uniform(size=(2, x.shape[1], axes))
        name = f"fractional_max_pool{axes}d"
        # PyTorch refuses a volume that the windows just fill.
        for size in (1, 2, 3)[: 5 - axes]:

            def call(f: Any, library: Any, v: Any, name: str = name, u: Any = u, size: int = size) -> Any:
                samples = library.tensor(u.astype(dtype))
                how = {"output_size": size, "return_indices": True, "_random_samples": samples}
                return getattr(f, name)(v, 2, **how)

            compare(lambda v: call(F, cb, v), lambda t, v: call(t.nn.functional, t, v), x, order=1, dtype=dtype)


def test_fractional_max_pool_draws() -> None:
    cb.manual_seed(0)
    x = cb.tensor(np.arange(2.0 * 3 * 40 * 40).reshape(2, 3, 40, 40))
    one, two = (F.fractional_max_pool2d(x, 2, output_ratio=(0.6, 0.7)) for _ in range(2))
    assert one.shape == (2, 3, 24, 28)
    assert not bool(cb.all(one == two))
    # The last window is the last of the plane.
    np.testing.assert_array_equal(one[..., -1, -1].numpy(), x[..., -1, -1].numpy())


MODES = ["constant", "reflect", "replicate", "circular"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "complex128"])
def test_pad(compare: Callable[..., None], mode: str, dtype: str) -> None:
    for axes, lead in itertools.product((1, 2, 3), (0, 1)):
        x = INPUTS[axes][0] if lead else INPUTS[axes]
        x = np.round(x * 4).astype(dtype) if dtype != "float64" else x
        for widths in ((2, 1), (0, 3), (3, 0), (-1, 2), (2, -1), (-1, -2)):
            if mode == "circular" and min(widths) < 0:
                continue
            both(compare, "pad", x, pad=widths * axes, mode=mode)


def test_pad_with_a_value(compare: Callable[..., None]) -> None:
    both(compare, "pad", SQUARE, pad=(1, 2, -1, 3), value=1.5)
    both(compare, "pad", SQUARE, pad=(1, 2, 0, 1, 1, 0, 0, 2), value=-2)
    both(compare, "pad", SQUARE.astype(np.int64), pad=(1, 2), value=3)
    both(compare, "pad", SQUARE > 0, pad=(1, 2), value=1)
    both(compare, "pad", SQUARE, pad=())


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_fold_and_unfold(compare: Callable[..., None], dtype: str) -> None:
    for how in ({"kernel_size": 3}, {"kernel_size": (3, 2), "dilation": (1, 2), "padding": (1, 2), "stride": (2, 3)}):
        both(compare, "unfold", SQUARE, **how, dtype=dtype)
        both(compare, "unfold", SQUARE[0], **how, dtype=dtype)
        both(compare, "unfold", SQUARE[:0], **how, dtype=dtype)
        columns = F.unfold(cb.tensor(SQUARE), **how).numpy()
        both(compare, "fold", columns, output_size=(7, 9), **how, dtype=dtype)
        both(compare, "fold", columns[0], output_size=(7, 9), **how, dtype=dtype)
    both(compare, "unfold", SQUARE + 1j * SQUARE, kernel_size=2)


RESAMPLING = [
    *((axes, mode, None, False) for axes in (1, 2, 3) for mode in ("nearest", "nearest-exact", "area")),
    *((axes, mode, align, False) for axes, mode in ((1, "linear"), (2, "bilinear"), (2, "bicubic"), (3, "trilinear"))
      for align in (False, True)),
    *((2, mode, align, True) for mode in ("bilinear", "bicubic") for align in (False, True)),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("axes", "mode", "align", "antialias"), RESAMPLING)
def test_interpolate(
    compare: Callable[..., None], axes: int, mode: str, align: bool | None, antialias: bool, dtype: str
) -> None:
    x, how = INPUTS[axes], {"mode": mode, "align_corners": align, "dtype": dtype}
    if antialias:
        how["antialias"] = True
    for size in (1, 3, 5, (7, 9, 4)[:axes], (12, 3, 6)[:axes]):
        both(compare, "interpolate", x, size=size, **how)
    for factor in (2, 0.5, 3, 1.7, 0.37 if axes < 3 else 0.7, (1.2, 2.5, 0.6)[:axes]):
        both(compare, "interpolate", x, scale_factor=factor, order=1, **how)
        both(compare, "interpolate", x, scale_factor=factor, recompute_scale_factor=True, order=1, **how)
    both(compare, "interpolate", x[:0], size=3, order=1, **how)


def test_factors_that_keep_a_size(compare: Callable[..., None]) -> None:
    """By a factor near one positions still follow from the factor, but where PyTorch leaves an axis as it is."""
    for axes, modes in ((1, ["nearest", "nearest-exact", "linear", "area"]), (3, ["nearest", "trilinear", "area"]),
                        (2, ["nearest", "nearest-exact", "bilinear", "bicubic", "area"])):  # fmt: skip
        for mode in modes:
            # Here the gradients of PyTorch's nearest, bicubic and antialias are not those of its own values.
            order = 0 if mode == "bicubic" or (mode == "nearest" and axes != 2) else 1
            both(compare, "interpolate", INPUTS[axes], scale_factor=1.1, mode=mode, order=order)
    for mode in ("bilinear", "bicubic"):
        both(compare, "interpolate", SQUARE, scale_factor=(1.1, 1.6), mode=mode, antialias=True, order=0)
        both(compare, "interpolate", SQUARE, size=(7, 4), mode=mode, antialias=True, align_corners=True, order=1)
    both(compare, "interpolate", SQUARE, scale_factor=(0.0, 1.0), mode="area", order=0)


def test_lanczos(compare: Callable[..., None]) -> None:
    for size in ((3, 4), (7, 9), (12, 5)):
        both(compare, "interpolate", SQUARE, size=size, mode="lanczos", antialias=True)


def test_older_names_of_interpolate(compare: Callable[..., None]) -> None:
    both(compare, "upsample", SQUARE, scale_factor=2)
    both(compare, "upsample", SQUARE, size=(3, 4), mode="bilinear", align_corners=True)
    both(compare, "upsample_nearest", SQUARE, size=(3, 12))
    both(compare, "upsample_bilinear", SQUARE, scale_factor=(2, 3))


def test_nearest_of_bytes(compare: Callable[..., None]) -> None:
    x = (np.abs(SQUARE) * 80).astype(np.uint8)
    for mode in ("nearest", "nearest-exact"):
        both(compare, "interpolate", x, size=(5, 12), mode=mode)


def test_the_nearest_source_is_the_same_on_every_edge(torch: Any) -> None:
    """Whole rows of sizes: what lies between two sources falls to the same side in float32."""
    for n, mode in itertools.product((5, 6, 7, 24, 97), ("nearest", "nearest-exact")):
        x = np.arange(n, dtype=np.float32).reshape(1, 1, 1, n)
        for m in (*range(1, 60), 113, 225, 300):
            ours = F.interpolate(cb.tensor(x), size=(1, m), mode=mode).numpy()
            theirs = torch.nn.functional.interpolate(torch.tensor(x), size=(1, m), mode=mode).numpy()
            np.testing.assert_array_equal(ours, theirs, err_msg=f"{n} to {m}, {mode}")


def test_positions_are_rounded_as_in_pytorch(torch: Any) -> None:
    """Far from the origin float32 positions have few digits left of the fraction: these are the same."""
    x = np.random.default_rng(4).standard_normal((1, 1, 3403)).astype(np.float32)
    for how in ({"scale_factor": 2.145}, {"size": 5205}, {"size": 1000, "align_corners": True}):
        ours = F.interpolate(cb.tensor(x), mode="linear", **how).numpy()
        theirs = torch.nn.functional.interpolate(torch.tensor(x), mode="linear", **how).numpy()
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


def test_shuffles(compare: Callable[..., None]) -> None:
    x = np.random.default_rng(3).standard_normal((2, 8, 4, 6))
    both(compare, "pixel_shuffle", x, upscale_factor=2)
    both(compare, "pixel_shuffle", x[0, :4], upscale_factor=2)
    both(compare, "pixel_unshuffle", x, downscale_factor=2)
    both(compare, "pixel_unshuffle", x[0], downscale_factor=2)
    both(compare, "channel_shuffle", x, groups=4)
    both(compare, "native_channel_shuffle", x, groups=2, order=0)


GRIDS = [
    (mode, padding, align)
    for mode, padding, align in itertools.product(
        ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection"), (False, True)
    )
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("mode", "padding", "align"), GRIDS)
def test_grid_sample(compare: Callable[..., None], mode: str, padding: str, align: bool, dtype: str) -> None:
    how = {"mode": mode, "padding_mode": padding, "align_corners": align, "dtype": dtype}
    grid = np.random.default_rng(8).uniform(-1.6, 1.6, (2, 5, 4, 2))
    # PyTorch has no second derivative of bicubic sampling.
    both(compare, "grid_sample", SQUARE, grid, order=1 if mode == "bicubic" else 2, **how)
    both(compare, "grid_sample", SQUARE[:, :, :1], grid * 2.5, order=1, **how)
    if mode != "bicubic":
        volume = np.random.default_rng(9).uniform(-1.6, 1.6, (2, 3, 2, 4, 3))
        both(compare, "grid_sample", CUBE, volume, order=1, **how)


@pytest.mark.parametrize("align", [False, True])
def test_affine_grid(compare: Callable[..., None], align: bool) -> None:
    theta = np.random.default_rng(10).standard_normal((2, 3, 4))
    both(compare, "affine_grid", theta[:, :2, :3], size=(2, 3, 4, 5), align_corners=align)
    both(compare, "affine_grid", theta, size=(2, 3, 4, 1, 5), align_corners=align)
