"""Layers of convolution against PyTorch's; the format is told in `conftest.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import candelabra as cb
import pytest
from candelabra import nn
from candelabra.core.errors import ShapeError

SECOND = {"order": 2, "tolerance": 1e-9}
CASES: list[tuple[Any, ...]] = [
    ("Conv2d", (4, 6, 3), {}, [(2, 4, 7, 8)], SECOND),
    ("Conv2d", (4, 6, (3, 2)), {"stride": (2, 1), "padding": (1, 2), "bias": False}, [(2, 4, 7, 8)], SECOND),
    ("Conv2d", (4, 6, 3), {"padding": "same", "dilation": (2, 1), "groups": 2}, [(2, 4, 7, 8)], SECOND),
    ("Conv2d", (4, 6, (2, 4)), {"padding": "same"}, [(4, 7, 8)]),
    ("Conv2d", (4, 8, 3), {"groups": 4, "padding": "valid", "stride": 2}, [(2, 4, 7, 8)]),
    ("Conv2d", (4, 4, 3), {"groups": 4, "padding": 1, "stride": (2, 1)}, [(2, 4, 7, 8)], SECOND),
    ("Conv2d", (16, 18, 3), {"padding": 1}, [(2, 16, 8, 8)]),
    ("Conv2d", (4, 6, 1), {}, [(2, 4, 7, 8)]),
    ("Conv2d", (4, 6, [1, 1]), {"stride": [2, 1]}, [(2, 4, 7, 8)]),
    ("Conv2d", (4, 6, 3), {}, [(0, 4, 7, 8)]),
    ("Conv2d", (2, 3, 3), {"padding": (1, 2), "padding_mode": "reflect"}, [(2, 2, 5, 6)]),
    ("Conv2d", (2, 3, 3), {"padding": 2, "padding_mode": "replicate", "stride": 2}, [(2, 5, 6)]),
    ("Conv2d", (2, 3, (2, 3)), {"padding": "same", "padding_mode": "circular"}, [(2, 2, 5, 6)], SECOND),
    ("Conv2d", (2, 3, 3), {"padding": "valid", "padding_mode": "reflect"}, [(2, 2, 5, 6)]),
    ("Conv1d", (4, 6, 3), {}, [(2, 4, 9)], SECOND),
    ("Conv1d", (4, 6, 3), {"stride": 2, "padding": 2, "dilation": 2, "groups": 2, "bias": False}, [(2, 4, 9)], SECOND),
    ("Conv1d", (4, 6, 4), {"padding": "same"}, [(4, 9)]),
    ("Conv1d", (4, 4, 5), {"padding": "same", "dilation": 2, "groups": 4}, [(2, 4, 9)]),
    ("Conv1d", (4, 6, 3), {"padding": 3, "padding_mode": "circular"}, [(2, 4, 9)]),
    ("Conv1d", (4, 6, 4), {"padding": "same", "padding_mode": "reflect"}, [(4, 9)]),
    ("Conv3d", (2, 4, 2), {}, [(2, 2, 4, 3, 5)], SECOND),
    ("Conv3d", (2, 4, (3, 1, 2)), {"stride": (2, 1, 1), "padding": (1, 0, 2), "groups": 2}, [(2, 2, 4, 3, 5)], SECOND),
    ("Conv3d", (2, 4, (2, 3, 2)), {"padding": "same", "dilation": (1, 1, 2), "bias": False}, [(2, 4, 3, 5)]),
    ("Conv3d", (16, 16, 3), {"padding": 1}, [(2, 16, 4, 8, 8)]),
    ("Conv3d", (2, 4, 3), {"padding": (1, 0, 2), "padding_mode": "replicate"}, [(2, 2, 4, 3, 5)]),
    ("Conv3d", (2, 4, 3), {"padding": 1, "padding_mode": "reflect"}, [(2, 4, 3, 5)]),
    ("ConvTranspose1d", (4, 6, 3), {}, [(2, 4, 5)], SECOND),
    (
        "ConvTranspose1d", (4, 6, 3),
        {"stride": 3, "padding": 1, "output_padding": 2, "groups": 2, "bias": False, "dilation": 2}, [(2, 4, 5)],
        SECOND,
    ),
    ("ConvTranspose1d", (4, 6, 3), {"stride": 2}, [(4, 5)], {"call": {"output_size": (12,)}}),
    # More than a stride of output padding, within and beyond the padding that is cut off.
    ("ConvTranspose1d", (4, 6, 3), {"padding": 2, "output_padding": 1, "dilation": 2}, [(2, 4, 5)], SECOND),
    ("ConvTranspose1d", (4, 6, 3), {"padding": 1, "output_padding": 2, "dilation": 3}, [(2, 4, 5)], SECOND),
    ("ConvTranspose2d", (4, 6, 3), {}, [(2, 4, 5, 6)], SECOND),
    (
        "ConvTranspose2d", (4, 6, (3, 2)),
        {"stride": (2, 3), "padding": (1, 0), "output_padding": (1, 2), "groups": 2, "dilation": (2, 1)},
        [(2, 4, 5, 6)], SECOND,
    ),
    ("ConvTranspose2d", (4, 4, 4), {"stride": 2, "padding": 1, "bias": False}, [(2, 4, 5, 6)]),
    ("ConvTranspose2d", (4, 4, 3), {"stride": 2, "groups": 4}, [(2, 4, 5, 6)]),
    ("ConvTranspose2d", (16, 18, 3), {"padding": 1}, [(2, 16, 8, 8)]),
    ("ConvTranspose2d", (4, 6, 3), {"stride": 2}, [(2, 4, 5, 6)], {"call": {"output_size": [12, 13]}}),
    ("ConvTranspose2d", (4, 6, 3), {"stride": 2}, [(4, 5, 6)], {"call": {"output_size": (6, 11, 14)}}),
    ("ConvTranspose2d", (4, 6, 3), {"stride": 2}, [(0, 4, 5, 6)]),
    ("ConvTranspose3d", (2, 4, 2), {}, [(2, 2, 3, 4, 3)], SECOND),
    (
        "ConvTranspose3d", (2, 4, (2, 3, 1)),
        {"stride": (2, 1, 2), "padding": (0, 1, 0), "output_padding": (1, 0, 1), "groups": 2, "dilation": (1, 2, 1),
         "bias": False}, [(2, 2, 3, 4, 3)], SECOND,
    ),
    ("ConvTranspose3d", (2, 4, 3), {"stride": 2, "padding": 1}, [(2, 3, 4, 3)], {"call": {"output_size": (6, 8, 5)}}),
]  # fmt: skip

REFUSALS: list[tuple[Any, ...]] = [
    *(
        (f"ConvTranspose{n}d", (4, 6, 3), {"padding_mode": "reflect"}, rf"ConvTranspose{n}d: padding_mode='reflect'")
        for n in (1, 2, 3)
    ),
    ("ConvTranspose2d", (4, 6, 3), {"padding": "same"}, "ConvTranspose2d: padding is given in numbers, got 'same'"),
    ("ConvTranspose3d", (4, 6, 3), {"padding": (1, 2)}, r"padding is an int or three ints, got \(1, 2\)"),
    ("ConvTranspose1d", (4, 6, 3), {"stride": 0}, r"ConvTranspose1d: stride is positive, got \(0,\)"),
    ("Conv1d", (4, 6, 3), {"padding": "same", "stride": 2}, "Conv1d: padding='same' needs stride 1"),
    ("Conv3d", (4, 6, 0), {}, "Conv3d: kernel_size is positive"),
    ("Conv3d", (4, 6, 3), {"padding": -1}, "Conv3d: padding is not negative"),
    ("Conv1d", (4, 6, 3), {"groups": 4}, "Conv1d: in_channels=4 and out_channels=6 are no multiples of groups=4"),
    ("Conv1d", (-4, 6, 3), {}, "Conv1d: in_channels is not negative, got -4"),
    ("Conv2d", (4, 6, 2.5), {}, "Conv2d: kernel_size is an int or a pair of ints, got 2.5"),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_layer(check_layer: Callable[..., None], case: tuple[Any, ...]) -> None:
    check_layer(*case)


@pytest.mark.parametrize(
    ("layer", "shape", "text"),
    [
        (("Conv2d", 3), (2, 3, 8, 8), r"Conv2d: an input of shape \(N, 4, H, W\) or \(4, H, W\) is needed, got"),
        (("Conv2d", 3), (8, 8), r"Conv2d: an input of shape"),
        (("Conv1d", 3), (2, 4, 8, 8), r"Conv1d: an input of shape \(N, 4, L\) or \(4, L\) is needed, got \(2, 4,"),
        (("Conv3d", 3), (4, 2, 3, 3), r"conv3d: a kernel of size \(3, 3, 3\) .* does not fit"),
        (("ConvTranspose2d", 3), (2, 3, 8, 8), r"ConvTranspose2d: an input of shape \(N, 4, H, W\)"),
    ],
)  # fmt: skip
def test_inputs_that_do_not_fit(layer: tuple[str, int], shape: tuple[int, ...], text: str) -> None:
    made = getattr(nn, layer[0])(4, 6, layer[1])
    with pytest.raises(ShapeError, match=text):
        made(cb.ones(shape))


@pytest.mark.parametrize(
    ("options", "size", "text"),
    [
        ({"stride": 2}, (13, 12), r"output_size=\(13, 12\) lies not between \(11, 11\) and \(12, 12\)"),
        ({"stride": 2}, (7, 12, 12), r"output_size has 2 or 4 numbers .* got \(7, 12, 12\)"),
        ({"output_padding": 1}, None, r"conv_transpose2d: output_padding .* smaller than stride or dilation"),
        ({"padding": 9}, None, r"nothing is left of an input \(1, 4, 5, 5\)"),
    ],
)
def test_output_sizes_that_cannot_be(options: dict[str, Any], size: Any, text: str) -> None:
    with pytest.raises(cb.CandelabraError, match=text):
        nn.ConvTranspose2d(4, 6, 3, **options)(cb.ones(1, 4, 5, 5), output_size=size)
