"""Generators of valid calls for the rows of convolution, over one to three spatial axes."""

from __future__ import annotations

from typing import Any

from candelabra.conformance.drawing import Draw, Sample


def _convolution(d: Draw) -> tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]:
    axes = d.choice((2, 1, 2, 3))
    groups = d.choice((1, 1, 2, 3))
    small = d.smooth and axes == 3
    n, c, o = d.side(0, 2), groups * d.integer(1, 2), groups * d.integer(1, 2)
    kernel = tuple(d.integer(1, 2 if small else 3) for _ in range(axes))
    stride = tuple(d.integer(1, 2) for _ in range(axes))
    dilation = tuple(d.integer(1, 2) for _ in range(axes))
    padding = tuple((d.integer(0, 1 if small else 2), d.integer(0, 1 if small else 2)) for _ in range(axes))
    size = tuple(
        max(1, dilation[i] * (kernel[i] - 1) + 1 - sum(padding[i])) + d.integer(0, 1 if small else 2 if d.smooth else 4)
        for i in range(axes)
    )
    statics = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return (n, c, *size), (o, c // groups, *kernel), statics


def _out_shape(x: tuple[int, ...], weight: tuple[int, ...], how: dict[str, Any]) -> tuple[int, ...]:
    sizes = [
        (x[2 + i] + sum(how["padding"][i]) - how["dilation"][i] * (weight[2 + i] - 1) - 1) // how["stride"][i] + 1
        for i in range(len(x) - 2)
    ]
    return (x[0], weight[0], *sizes)


def draw_conv(d: Draw) -> Sample:
    x, weight, how = _convolution(d)
    return Sample((d.array(x), d.array(weight), d.array(weight[:1]) if d.flag() else None), how)


def draw_conv_input(d: Draw) -> Sample:
    x, weight, how = _convolution(d)
    return Sample((d.array(_out_shape(x, weight, how)), d.array(weight)), {"x_shape": x, **how})


def draw_conv_weight(d: Draw) -> Sample:
    x, weight, how = _convolution(d)
    return Sample((d.array(x), d.array(_out_shape(x, weight, how))), {"weight_shape": weight, **how})
