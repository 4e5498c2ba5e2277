"""Functions of convolution against PyTorch's, to the second order; per-sample gradients against `torch.func`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.core.errors import ShapeError
from candelabra.nn import functional as F

Compare = Callable[..., None]
RNG = np.random.default_rng(11)
SHAPES = {1: (2, 4, 9), 2: (2, 4, 6, 7), 3: (2, 4, 4, 3, 5)}


def normal(*shape: int) -> np.ndarray:
    return np.asarray(RNG.standard_normal(shape))


FORWARD: list[tuple[int, tuple[int, ...], dict[str, Any]]] = [
    (1, (6, 4, 3), {}),
    (1, (6, 4, 3), {"stride": 2, "padding": 1}),
    (1, (6, 2, 4), {"padding": "same", "groups": 2}),
    (1, (4, 1, 3), {"dilation": 3, "padding": 3, "groups": 4}),
    (1, (6, 4, 2), {"padding": "valid", "dilation": 2}),
    (1, (6, 4, 1), {}),
    (2, (6, 4, 3, 3), {"padding": 1}),
    (2, (6, 4, 2, 3), {"stride": (2, 1), "padding": (0, 2)}),
    (2, (6, 4, 2, 4), {"padding": "same", "dilation": (1, 2)}),
    (2, (8, 1, 3, 3), {"groups": 4, "padding": 1, "stride": 2}),
    (2, (4, 1, 3, 3), {"groups": 4, "padding": (1, 2), "dilation": (2, 1)}),
    (2, (6, 2, 1, 1), {"groups": 2}),
    (2, (6, 4, 1, 1), {"stride": 2}),
    (2, (6, 4, 3, 3), {"stride": [2], "dilation": (1,)}),
    (3, (6, 4, 2, 2, 2), {}),
    (3, (6, 4, 2, 1, 3), {"stride": (1, 2, 2), "padding": (1, 0, 1)}),
    (3, (6, 2, 2, 3, 2), {"padding": "same", "groups": 2}),
    (3, (4, 1, 3, 2, 2), {"groups": 4, "padding": 1, "dilation": (1, 2, 1)}),
    (3, (6, 4, 1, 1, 1), {}),
    (3, (6, 4, 3, 1, 1), {"padding": (1, 0, 0)}),
    (3, (6, 4, 1, 3, 3), {"padding": (0, 1, 1), "stride": (2, 1, 1)}),
]
BACKWARD: list[tuple[int, tuple[int, ...], dict[str, Any]]] = [
    (1, (4, 6, 3), {}),
    (1, (4, 3, 3), {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2}),
    (1, (4, 1, 4), {"stride": 3, "groups": 4}),
    (2, (4, 6, 3, 3), {"padding": 1}),
    (2, (4, 6, 4, 4), {"stride": 2, "padding": 1}),
    (2, (4, 3, 3, 2), {"stride": (2, 1), "padding": (1, 0), "output_padding": (1, 0), "groups": 2, "dilation": (1, 2)}),
    (2, (4, 1, 3, 3), {"stride": 2, "groups": 4}),
    (2, (4, 6, 1, 1), {"stride": 2, "output_padding": 1}),
    (3, (4, 6, 2, 2, 2), {}),
    (3, (4, 3, 2, 3, 1), {"stride": (2, 1, 2), "padding": (0, 1, 0), "output_padding": (1, 0, 1), "groups": 2}),
]
CASES = [(f"conv{n}d", n, w, o) for n, w, o in FORWARD]
CASES += [(f"conv_transpose{n}d", n, w, o) for n, w, o in BACKWARD]
IDS = [f"{i}-{name}" for i, (name, *_) in enumerate(CASES)]


def run(name: str, options: dict[str, Any]) -> tuple[Any, Any]:
    def theirs(torch: Any, *operands: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return getattr(torch.nn.functional, name)(*operands, **options)

    return lambda *operands: getattr(F, name)(*operands, **options), theirs


def bias_of(name: str, weight: tuple[int, ...], options: dict[str, Any]) -> np.ndarray:
    return normal(weight[1] * options.get("groups", 1) if "transpose" in name else weight[0])


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
@pytest.mark.parametrize(("name", "axes", "weight", "options"), CASES, ids=IDS)
def test_function(compare: Compare, name: str, axes: int, weight: Any, options: Any, dtype: str) -> None:
    bias = bias_of(name, weight, options)
    operands = [normal(*SHAPES[axes]), normal(*weight), bias]
    if dtype == "complex128":
        operands = [o + 1j * normal(*o.shape) for o in operands]
        compare(*run(name, options), *operands, order=1, tolerance=5)
    else:
        compare(*run(name, options), *operands, dtype=dtype, order=2 if dtype == "float64" else 1, tolerance=5)


@pytest.mark.parametrize(("name", "axes", "weight", "options"), CASES[::3], ids=IDS[::3])
def test_one_sample_and_none(compare: Compare, name: str, axes: int, weight: Any, options: Any) -> None:
    compare(*run(name, options), normal(*SHAPES[axes][1:]), normal(*weight), tolerance=5)
    compare(*run(name, options), normal(0, *SHAPES[axes][1:]), normal(*weight), order=1)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_third_order(compare: Compare, axes: int) -> None:
    kernel = normal(3, 2, *(2,) * axes)
    compare(
        lambda x, w: cb.tanh(getattr(F, f"conv{axes}d")(x, w, padding=1)),
        lambda t, x, w: t.tanh(getattr(t.nn.functional, f"conv{axes}d")(x, w, padding=1)),
        normal(1, 2, *(3,) * axes), kernel, order=3,
    )  # fmt: skip


@pytest.mark.parametrize("name", sorted({name for name, *_ in CASES}))
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int64"])
def test_other_dtypes(torch: Any, name: str, dtype: str) -> None:
    axes = int(name[-2])
    values = [np.round(2 * normal(*SHAPES[axes])), np.round(2 * normal(4, 4, *(2,) * axes))]
    ours = getattr(F, name)(*[cb.tensor(v, dtype=getattr(cb, dtype)) for v in values], stride=2)
    if dtype == "int64" and "transpose" in name and axes == 3:
        pytest.skip("PyTorch has no such kernel")
    theirs = getattr(torch.nn.functional, name)(*[torch.tensor(v).to(getattr(torch, dtype)) for v in values], stride=2)
    assert ours.dtype.name == dtype
    np.testing.assert_array_equal(ours.double().numpy(), theirs.double().numpy())


def test_conv_tbc(compare: Compare) -> None:
    compare(
        lambda x, w, b: F.conv_tbc(x, w, b, 2), lambda t, x, w, b: t.nn.functional.conv_tbc(x, w, b, 2),
        normal(5, 2, 4), normal(3, 4, 6), normal(6), order=1,
    )  # fmt: skip
    with pytest.raises(ShapeError, match=r"conv_tbc: an input \(T, N, C\)"):
        F.conv_tbc(cb.ones(5, 2), cb.ones(3, 4, 6), cb.ones(6))


PER_SAMPLE = [
    ("conv1d", (4, 2, 9), (6, 2, 3), {"groups": 1, "padding": 1}),
    ("conv2d", (4, 4, 6, 5), (6, 4, 3, 3), {"padding": 1, "stride": 2}),
    ("conv2d", (4, 4, 6, 5), (8, 1, 3, 2), {"groups": 4, "dilation": 2}),
    ("conv3d", (4, 2, 3, 4, 3), (4, 1, 2, 2, 1), {"groups": 2}),
    ("conv_transpose1d", (4, 2, 5), (2, 3, 3), {"stride": 2}),
    ("conv_transpose2d", (4, 4, 5, 3), (4, 2, 3, 3), {"groups": 2, "stride": 2, "output_padding": 1}),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "shape", "weight", "options"), PER_SAMPLE)
def test_gradients_per_sample(torch: Any, name: str, shape: Any, weight: Any, options: Any) -> None:
    """Of the weight for each image, of the image for each of several weights, and of both together."""
    x, bias = normal(*shape), bias_of(name, weight, options)
    w, ws = normal(*weight), normal(shape[0], *weight)

    def gradients(library: Any, vmap: Any, grad: Any) -> list[Any]:
        f = getattr(library.nn.functional, name)
        x_, w_, ws_, b_ = (library.tensor(v) for v in (x, w, ws, bias))

        def loss(w: Any, b: Any, x: Any) -> Any:
            return (f(x, w, b, **options) ** 3).sum()

        return [
            *vmap(grad(loss, (0, 1, 2)), (None, None, 0))(w_, b_, x_),
            *vmap(grad(loss, (0, 1, 2)), (0, None, 0))(ws_, b_, x_),
            *vmap(grad(loss, (0, 1, 2)), (0, None, None))(ws_, b_, x_[0]),
            *vmap(grad(loss, (0, 1, 2)), (0, None, None))(ws_, b_, x_),
            vmap(lambda b: f(x_, w_, b, **options), (0,))(library.stack([b_, b_ * 2])),
        ]

    ours = gradients(cb, cb.func.vmap, cb.func.grad)
    theirs = gradients(torch, torch.func.vmap, torch.func.grad)
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-9, err_msg=str(i))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda x, w: F.conv2d(x, w, stride=2, padding="same"), "conv2d: padding='same' needs stride 1"),
        (lambda x, w: F.conv2d(x, w, padding="full"), "conv2d: padding is an int, a pair of ints, 'same' or 'valid'"),
        (lambda x, w: F.conv2d(x, w, padding=-1), "conv2d: padding is not negative"),
        (lambda x, w: F.conv2d(x, w, stride=(1, 2, 3)), r"conv2d: stride is an int or a pair of ints, got \(1, 2, 3\)"),
        (lambda x, w: F.conv2d(x, w, stride=2.0), "conv2d: stride is an int or a pair of ints, got 2.0"),
        (lambda x, w: F.conv2d(x, w, stride=0), r"conv2d: stride \(0, 0\), .* must be positive"),
        (lambda x, w: F.conv2d(x[0, 0], w), r"conv2d: an input \(N, C, H, W\) or \(C, H, W\) is needed, got"),
        (lambda x, w: F.conv1d(x, w), r"conv1d: a weight of 3 axes is needed, got shape \(6, 4, 3, 3\)"),
        (lambda x, w: F.conv2d(x[:, :3], w), r"conv2d: input has 3 channels, weight \(6, 4, 3, 3\) .* wants 4"),
        (lambda x, w: F.conv2d(x[..., :2], w), r"conv2d: a kernel of size \(3, 3\) .* does not fit"),
        (lambda x, w: F.conv2d(x, w, cb.ones(5)), r"conv2d: bias has shape \(5,\), expected \(6,\)"),
        (lambda x, w: F.conv_transpose2d(x, w), r"conv_transpose2d: input .* has 4 channels, weight .* wants 6"),
        (lambda x, w: F.conv_transpose2d(x, w[:4], cb.ones(5)), r"conv_transpose2d: bias has shape .* expected \(4,\)"),
        (lambda x, w: F.conv_transpose2d(x, w[:4], output_padding=1), "conv_transpose2d: output_padding"),
        (lambda x, w: F.conv_transpose2d(x, w[:4], padding="same"), "conv_transpose2d: padding is an int or a pair"),
    ],
)  # fmt: skip
def test_refused(call: Any, text: str) -> None:
    with pytest.raises(cb.CandelabraError, match=text):
        call(cb.ones(2, 4, 5, 5), cb.ones(6, 4, 3, 3))
