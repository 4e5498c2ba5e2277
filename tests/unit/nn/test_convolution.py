"""Convolution over one to three axes: definitions, transposes and what the layers add, without another library."""

from __future__ import annotations

from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn
from candelabra.core.errors import ArgumentError, ShapeError
from candelabra.nn import functional as F

SIZES = {1: (9,), 2: (6, 7), 3: (4, 3, 5)}


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape))


def near(tensor: Any, expected: Any, tolerance: float = 1e-10) -> None:
    np.testing.assert_allclose(tensor.detach().numpy(), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_shifted_impulse_copies_the_kernel(axes: int) -> None:
    x = np.zeros((1, 1, *(7,) * axes))
    x[(0, 0, *(3,) * axes)] = 1
    kernel = draw(1, 1, *(3,) * axes)
    flipped = kernel[(0, 0, *(slice(None, None, -1),) * axes)]
    out = getattr(F, f"conv{axes}d")(cb.tensor(x), cb.tensor(kernel))
    near(out[0, 0][(slice(1, 4),) * axes], flipped)
    assert float(abs(out).sum()) == pytest.approx(np.abs(kernel).sum())
    spread = getattr(F, f"conv_transpose{axes}d")(cb.tensor(x), cb.tensor(kernel))
    near(spread[0, 0][(slice(3, 6),) * axes], kernel[0, 0])


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1}, {"dilation": 2, "padding": 2}, {"groups": 2}])
def test_the_transpose_is_the_transpose(axes: int, options: dict[str, Any]) -> None:
    x, w = draw(2, 4, *(7,) * axes), draw(6, 4 // options.get("groups", 1), *(3,) * axes, seed=1)
    y = getattr(F, f"conv{axes}d")(cb.tensor(x), cb.tensor(w), **options)
    c = draw(*y.shape, seed=2)
    back = getattr(F, f"conv_transpose{axes}d")(cb.tensor(c), cb.tensor(w), **options)
    assert back.shape == x.shape
    assert float((y * cb.tensor(c)).sum()) == pytest.approx(float((back * cb.tensor(x)).sum()))


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_gradients_are_those_of_differences(axes: int) -> None:
    x = cb.tensor(draw(1, 2, *(3,) * axes), requires_grad=True)
    shapes = ((2, 1, *(2,) * axes), (2, 2, *(2,) * axes), (4,))
    w, v, b = (cb.tensor(draw(*shape, seed=4), requires_grad=True) for shape in shapes)

    def function(x: Any, w: Any, v: Any, b: Any) -> Any:
        inner = getattr(F, f"conv{axes}d")(x, w, padding=1, groups=2)
        return getattr(F, f"conv_transpose{axes}d")(cb.tanh(inner), v, b, stride=2, groups=2)

    assert cb.autograd.gradcheck(function, (x, w, v, b))


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize(("mode", "numpy_mode"), [("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")])
@pytest.mark.parametrize("padding", [1, "same"])
def test_padding_modes(axes: int, mode: str, numpy_mode: Any, padding: Any) -> None:
    layer = getattr(nn, f"Conv{axes}d")(2, 3, 4, padding=padding, padding_mode=mode, dtype=cb.float64)
    x = draw(2, 2, *SIZES[axes])
    # Of an even kernel 'same' pads one more behind.
    around = (1, 2) if padding == "same" else (1, 1)
    padded = np.pad(x, ((0, 0), (0, 0), *(around,) * axes), mode=numpy_mode)
    expected = getattr(F, f"conv{axes}d")(cb.tensor(padded), layer.weight, layer.bias)
    near(layer(cb.tensor(x)), expected.detach().numpy())
    near(layer(cb.tensor(x[0])), expected[0].detach().numpy())


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_output_size_undoes_a_strided_convolution(axes: int) -> None:
    down = getattr(nn, f"Conv{axes}d")(2, 4, 3, stride=2, padding=1)
    up = getattr(nn, f"ConvTranspose{axes}d")(4, 2, 3, stride=2, padding=1)
    for size in (7, 8):
        x = cb.ones(3, 2, *(size,) * axes)
        assert up(down(x), output_size=x.shape).shape == x.shape
        assert up(down(x), x.shape[2:]).shape == x.shape
    with pytest.raises(ArgumentError, match=r"ConvTranspose\dd: output_size=.* lies not between"):
        up(down(x), output_size=(99,) * axes)
    with pytest.raises(ArgumentError, match=r"output_size has \d or \d numbers"):
        up(down(x), output_size=(9,) * (axes + 3))


def test_repr_names_what_differs_from_the_defaults() -> None:
    layer = nn.ConvTranspose2d(4, 6, 3, 2, 1, output_padding=1, groups=2, bias=False, dilation=(1, 2))
    assert repr(layer) == (
        "ConvTranspose2d(4, 6, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), dilation=(1, 2), "
        "output_padding=(1, 1), groups=2, bias=False)"
    )
    assert layer.weight.shape == (4, 3, 3, 3) and layer.bias is None


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_batches_without_an_element(axes: int) -> None:
    for name in (f"Conv{axes}d", f"ConvTranspose{axes}d"):
        layer = getattr(nn, name)(2, 3, 3)
        x = cb.zeros(0, 2, *(5,) * axes, requires_grad=True)
        out = layer(x)
        assert out.shape[:2] == (0, 3)
        out.sum().backward()
        assert x.grad.shape == x.shape and not layer.weight.grad.numpy().any()


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_map_over_inputs_and_over_weights(axes: int) -> None:
    conv = getattr(F, f"conv{axes}d")
    x, w, b = draw(3, 2, 2, *SIZES[axes]), draw(3, 4, 2, *(2,) * axes, seed=1), draw(3, 4, seed=2)
    x_, w_, b_ = map(cb.tensor, (x, w, b))
    whole = [[conv(x_[i], w_[j], b_[j], padding=1).numpy() for j in range(3)] for i in range(3)]
    vmap = cb.func.vmap
    near(vmap(lambda x: conv(x, w_[0], b_[0], padding=1))(x_), np.stack([whole[i][0] for i in range(3)]))
    near(vmap(lambda w, b: conv(x_[0], w, b, padding=1))(w_, b_), np.stack(whole[0]))
    near(vmap(lambda x, w, b: conv(x, w, b, padding=1))(x_, w_, b_), np.stack([whole[i][i] for i in range(3)]))
    both = vmap(vmap(lambda x, w, b: conv(x, w, b, padding=1), (None, 0, 0)), (0, None, None))(x_, w_, b_)
    near(both, np.array(whole))


def test_shapes_that_do_not_fit_are_named() -> None:
    x, w = cb.ones(2, 4, 5, 5), cb.ones(6, 4, 3, 3)
    for call, text in (
        (lambda: F.conv3d(x, w), r"conv3d: a weight of 5 axes is needed, got shape \(6, 4, 3, 3\)"),
        (lambda: F.conv2d(x[0, 0], w), r"conv2d: an input \(N, C, H, W\) or \(C, H, W\) is needed"),
        (lambda: F.conv2d(x[:, :3], w), r"conv2d: input has 3 channels, weight .* wants 4"),
        (lambda: F.conv_transpose2d(x, w), r"conv_transpose2d: input \(2, 4, 5, 5\) has 4 channels, weight .* wants 6"),
        (lambda: F.conv_transpose2d(x, w[:4], padding=4), r"conv_transpose2d: nothing is left of an input"),
        (lambda: nn.Conv1d(3, 4, 2)(x), r"Conv1d: an input of shape \(N, 3, L\) or \(3, L\) is needed"),
        (lambda: nn.Conv2d(3, 4, 2)(x), r"Conv2d: an input of shape \(N, 3, H, W\)"),
    ):
        with pytest.raises(ShapeError, match=text):
            call()


def test_numbers_may_be_numpys() -> None:
    x, w = cb.ones(1, 2, 6, 6), cb.ones(3, 2, 3, 3)
    assert F.conv2d(x, w, stride=np.int64(2), padding=[np.int32(1), 0]).shape == (1, 3, 3, 2)
    for wrong in (2.0, "2", (1, 2.5), (), None):
        with pytest.raises(ArgumentError, match="conv2d: stride is an int or a pair of ints, got"):
            F.conv2d(x, w, stride=wrong)
