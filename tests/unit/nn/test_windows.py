"""Pooling, padding, folding and resampling: under vmap and forward mode, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn
from candelabra.core.errors import ArgumentError, CandelabraError, DTypeError, IndexOutOfRangeError, ShapeError
from candelabra.nn import functional as F

RNG = np.random.default_rng(0)
IMAGES = RNG.standard_normal((4, 2, 3, 6, 8))
SAMPLES = RNG.uniform(size=(2, 3, 2))

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "max_pool2d": lambda x: F.max_pool2d(x, 3, 2, 1),
    "avg_pool2d": lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    "lp_pool2d": lambda x: F.lp_pool2d(x.abs(), 3.0, 2),
    "adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x, (4, 3)),
    "adaptive_max_pool2d": lambda x: F.adaptive_max_pool2d(x, (4, 3)),
    "fractional_max_pool2d": lambda x: F.fractional_max_pool2d(x, 2, 3, _random_samples=cb.tensor(SAMPLES)),
    "pad reflect": lambda x: F.pad(x, (1, 2, 2, 1), "reflect"),
    "pad replicate": lambda x: F.pad(x, (1, 2, 2, 1), "replicate"),
    "pad circular": lambda x: F.pad(x, (1, 2, 2, 1), "circular"),
    "unfold": lambda x: F.unfold(x, 3, padding=1),
    "fold": lambda x: F.fold(F.unfold(x, 3), (6, 8), 3),
    "nearest": lambda x: F.interpolate(x, size=5),
    "bicubic": lambda x: F.interpolate(x, scale_factor=1.5, mode="bicubic"),
    "antialias": lambda x: F.interpolate(x, size=3, mode="bilinear", antialias=True),
    "pixel_unshuffle": lambda x: F.pixel_unshuffle(x, 2),
    "channel_shuffle": lambda x: F.channel_shuffle(x, 3),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_vmap_and_forward_mode(name: str) -> None:
    f, x = FUNCTIONS[name], cb.tensor(IMAGES)
    near(cb.func.vmap(f)(x), cb.stack([f(x[i]) for i in range(4)]))

    def square(v: Any) -> Any:
        return (f(v) ** 2).sum()

    gradient = cb.func.grad(square)
    near(cb.func.vmap(gradient)(x), cb.stack([gradient(x[i]) for i in range(4)]))
    t = cb.tensor(RNG.standard_normal((2, 3, 6, 8)))
    _, along = cb.func.jvp(square, (x[0],), (t,))
    near(along, (gradient(x[0]) * t).sum())


def near(one: Any, other: Any) -> None:
    np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("dims", [(0, 0), (0, None), (None, 0)])
def test_unpooling_under_vmap(dims: Any) -> None:
    places = cb.stack([F.max_pool2d(cb.tensor(x), 2, return_indices=True)[1] for x in IMAGES])
    values = cb.tensor(RNG.standard_normal(places.shape))
    given = [v if d == 0 else v[0] for v, d in zip((values, places), dims)]
    found = cb.func.vmap(lambda v, i: F.max_unpool2d(v, i, 2), in_dims=dims)(*given)
    one = [[v[k] if d == 0 else v for v, d in zip(given, dims)] for k in range(4)]
    near(found, cb.stack([F.max_unpool2d(v, i, 2) for v, i in one]))


def test_sampling_a_grid_under_vmap() -> None:
    x, grid = cb.tensor(IMAGES), cb.tensor(RNG.uniform(-1.3, 1.3, (4, 2, 5, 4, 2)))
    for mode in ("bilinear", "nearest", "bicubic"):

        def f(v: Any, g: Any, mode: str = mode) -> Any:
            return F.grid_sample(v, g, mode=mode, padding_mode="reflection")

        near(cb.func.vmap(f)(x, grid), cb.stack([f(x[k], grid[k]) for k in range(4)]))
    theta = cb.tensor(RNG.standard_normal((4, 2, 2, 3)))
    near(cb.func.vmap(lambda t: F.affine_grid(t, (2, 3, 4, 5)))(theta)[1], F.affine_grid(theta[1], (2, 3, 4, 5)))


X, LINE = cb.ones(2, 3, 4, 5), cb.ones(2, 3, 4)
PLACES = cb.zeros(2, 3, 4, dtype=cb.int64)

BAD: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (
        lambda: F.max_pool2d(cb.ones(4, 5), 2),
        ShapeError,
        r"max_pool2d: an input \(N, C, H, W\) or \(C, H, W\) is needed",
    ),
    (
        lambda: F.max_pool1d(X, 2),
        ShapeError,
        r"max_pool1d: an input \(N, C, L\) or \(C, L\) is needed, got .*\(2, 3, 4, 5\)",
    ),
    (
        lambda: F.max_pool2d(X, 2, padding=2),
        ArgumentError,
        "max_pool2d: padding lies between 0 and half the kernel size",
    ),
    (lambda: F.max_pool2d(X, 9), ShapeError, r"max_pool: a window of \(9, 9\) does not fit"),
    (lambda: F.max_pool2d(X, 2, 0), ArgumentError, r"max_pool: kernel_size \(2, 2\), stride \(0, 0\)"),
    (lambda: F.max_pool2d(X, (2, 2, 2)), ArgumentError, "max_pool2d: kernel_size is an int or a pair of ints"),
    (lambda: F.max_pool2d(cb.ones(1, 1, 0, 4), 2), ShapeError, "max_pool: only the batch may be empty"),
    (lambda: F.max_pool3d(X[:0, :0], 2), ShapeError, "max_pool: only the batch may be empty"),
    (
        lambda: F.avg_pool2d(X.long(), 2),
        DTypeError,
        r"avg_pool2d: takes real floating-point dtypes, not int64; .* x.float\(\)",
    ),
    (
        lambda: F.avg_pool3d(X, 4, padding=2),
        ShapeError,
        r"avg_pool3d: a window of \(4, 4, 4\) is larger than an input of",
    ),
    (lambda: F.avg_pool2d(X, 2, divisor_override=0), ArgumentError, "avg_pool2d: divisor_override must not be zero"),
    (lambda: F.adaptive_avg_pool2d(X, (2, 2, 2)), ArgumentError, "adaptive_avg_pool: output_size is an int, None or 2"),
    (lambda: F.adaptive_max_pool2d(X, -1), ArgumentError, "adaptive_max_pool: output_size must not be negative"),
    (lambda: F.adaptive_max_pool2d(X.long(), 1), DTypeError, "adaptive_max_pool2d: takes real floating-point dtypes"),
    (lambda: F.max_unpool1d(LINE, PLACES, 2, output_size=(99,)), ArgumentError, "spatial axis 0 lies between 7 and 9"),
    (
        lambda: F.max_unpool1d(LINE, PLACES, 2, output_size=(8, 8)),
        ArgumentError,
        "output_size has 1 or 3 elements, got 2",
    ),
    (lambda: F.max_unpool1d(LINE, PLACES[0], 2), ShapeError, "max_unpool1d: indices have shape"),
    (lambda: F.max_unpool1d(LINE, LINE, 2), DTypeError, "max_unpool: indices are integers"),
    (
        lambda: F.max_unpool1d(LINE, PLACES + 8, 2), IndexOutOfRangeError,
        "max_unpool: index 8 lies outside|scatter: index 8 is out of range for size 8",
    ),
    (lambda: F.fractional_max_pool2d(X, 2), ArgumentError, "give either output_size or output_ratio"),
    (lambda: F.fractional_max_pool2d(X, 3, 3), ShapeError, r"at least output_size \+ kernel_size - 1"),
    (lambda: F.fractional_max_pool2d(X, 2, 2, _random_samples=cb.ones(1, 3, 2)), ShapeError, r"have shape \(2, 3, 2\)"),
    (
        lambda: F.fractional_max_pool2d(X.double(), 2, 2, _random_samples=cb.ones(2, 3, 2)),
        DTypeError,
        "are of the input's",
    ),
    (lambda: F.unfold(cb.ones(4, 4), 2), ShapeError, r"unfold: an input \(N, C, H, W\) or"),
    (lambda: F.unfold(X, 2, padding=-1), ArgumentError, r"padding \(-1, -1\) not negative"),
    (lambda: F.fold(cb.ones(1, 1, 4, 9), 4, 2), ShapeError, r"fold: columns .* are needed"),
    (
        lambda: F.fold(cb.ones(1, 4, 8), 4, 2),
        ShapeError,
        r"output_size \(4, 4\) has windows \(3, 3\), 9 columns, got 8",
    ),
    (lambda: F.interpolate(X, 2, 2.0), ArgumentError, "give either size or scale_factor"),
    (lambda: F.interpolate(X), ArgumentError, "give either size or scale_factor"),
    (lambda: F.interpolate(X, 2, mode="linear"), ShapeError, r"mode 'linear' takes an input \(N, C, W\), got"),
    (lambda: F.interpolate(X, 2, mode="sharp"), ArgumentError, "mode is one of .* got 'sharp'"),
    (lambda: F.interpolate(X, 2, align_corners=True), ArgumentError, "align_corners has a meaning in linear and cubic"),
    (lambda: F.interpolate(X, 2, antialias=True), ArgumentError, "antialias=True takes mode"),
    (lambda: F.interpolate(X, 2, mode="lanczos"), ArgumentError, "'lanczos' needs antialias=True"),
    (lambda: F.interpolate(X, (2,)), ArgumentError, r"size has 1 elements, the input spatial sizes \(4, 5\)"),
    (lambda: F.interpolate(X, 2.5), CandelabraError, "size is an int or 2 ints, got 2.5"),
    (lambda: F.interpolate(X, scale_factor=0.1), ShapeError, "spatial sizes must be positive"),
    (lambda: F.interpolate(X, 2, recompute_scale_factor=True), ArgumentError, "needs scale_factor, not size"),
    (lambda: F.interpolate(X.long(), 2), DTypeError, "interpolate: takes floating-point dtypes, not int64"),
    (lambda: F.pixel_shuffle(X, 2), ShapeError, "3 channels are no multiple of upscale_factor² = 4"),
    (lambda: F.pixel_shuffle(X, 0), ArgumentError, "upscale_factor is positive, got 0"),
    (lambda: F.pixel_unshuffle(X, 3), ShapeError, "height 4 and width 5 are no multiples of downscale_factor = 3"),
    (lambda: F.channel_shuffle(X, 2), ShapeError, "3 channels are no multiple of groups = 2"),
    (lambda: F.channel_shuffle(X, 0), ArgumentError, "groups is positive, got 0"),
    (lambda: F.grid_sample(X, cb.ones(2, 2, 2, 3)), ShapeError, "grid_sample: input .* and grid"),
    (
        lambda: F.grid_sample(X, cb.ones(2, 2, 2, 2).double()),
        DTypeError,
        "input and grid are of one .* float32 and float64",
    ),
    (
        lambda: F.grid_sample(X, cb.ones(2, 2, 2, 2), "sharp"),
        ArgumentError,
        "mode is 'bilinear', 'nearest' or 'bicubic'",
    ),
    (lambda: F.grid_sample(X, cb.ones(2, 2, 2, 2), padding_mode="wrap"), ArgumentError, "padding_mode is 'zeros'"),
    (lambda: F.affine_grid(cb.ones(2, 2, 3), (2, 3, 4)), ShapeError, "affine_grid: size is"),
    (lambda: F.affine_grid(cb.ones(2, 2, 2), (2, 3, 4, 5)), ShapeError, r"affine_grid: theta has shape \(2, 2, 3\)"),
]


@pytest.mark.parametrize("index", range(len(BAD)))
def test_what_is_refused(index: int) -> None:
    call, error, pattern = BAD[index]
    with pytest.raises(error, match=pattern):
        call()


def test_samples_of_a_layer_are_a_buffer() -> None:
    samples = cb.tensor(SAMPLES)
    layer = nn.FractionalMaxPool2d(2, 3, return_indices=True, _random_samples=samples)
    assert list(layer.state_dict()) == ["_random_samples"]
    out, places = layer(cb.tensor(IMAGES[0]))
    flat = IMAGES[0].reshape(2, 3, 48)
    np.testing.assert_array_equal(
        out.numpy().reshape(2, 3, 9), np.take_along_axis(flat, places.numpy().reshape(2, 3, 9), -1)
    )
    assert repr(nn.MaxUnpool1d(2)) == "MaxUnpool1d(kernel_size=(2,), stride=(2,), padding=(0,))"


def test_a_pool_undone() -> None:
    x = cb.tensor(IMAGES[0], requires_grad=True)
    out, places = nn.MaxPool2d(2, return_indices=True)(x)
    back = nn.MaxUnpool2d(2)(out, places)
    kept = back.detach().numpy() != 0
    np.testing.assert_array_equal(back.detach().numpy()[kept], IMAGES[0][kept])
    back.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), kept)
