"""The rows of convolution as explicit loops over every product."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np


def _taps(x_shape: Any, weight_shape: Any, how: dict[str, Any]) -> Any:
    """Every product of a convolution: (image place, weight place, output place)."""
    (stride, padding, dilation, groups) = (how[k] for k in ("stride", "padding", "dilation", "groups"))
    n, _, *sizes = x_shape
    o, cg, *kernel = weight_shape
    out = _sizes(sizes, kernel, how)
    for b, k, c in itertools.product(range(n), range(o), range(cg)):
        channel = (k // (o // groups)) * cg + c
        for tap in np.ndindex(*kernel):
            for place in np.ndindex(*out):
                spot = tuple(
                    p * s - before + t * d
                    for p, s, (before, _), t, d in zip(place, stride, padding, tap, dilation, strict=True)
                )
                if all(0 <= i < size for i, size in zip(spot, sizes, strict=True)):
                    yield (b, channel, *spot), (k, c, *tap), (b, k, *place)


def _sizes(sizes: Any, kernel: Any, how: dict[str, Any]) -> list[int]:
    return [
        (sizes[i] + sum(how["padding"][i]) - how["dilation"][i] * (kernel[i] - 1) - 1) // how["stride"][i] + 1
        for i in range(len(sizes))
    ]


def conv(x: Any, weight: Any, bias: Any, **how: Any) -> Any:
    out = _sizes(x.shape[2:], weight.shape[2:], how)
    found = np.zeros((x.shape[0], weight.shape[0], *out), dtype=x.dtype)
    for source, tap, target in _taps(x.shape, weight.shape, how):
        found[target] += x[source] * weight[tap]
    if bias is not None:
        for k in range(weight.shape[0]):
            found[:, k] += bias[k]
    return found


def conv_input(c: Any, weight: Any, *, x_shape: Any, **how: Any) -> Any:
    found = np.zeros(x_shape, dtype=c.dtype)
    for source, tap, target in _taps(x_shape, weight.shape, how):
        found[source] += c[target] * weight[tap]
    return found


def conv_weight(x: Any, c: Any, *, weight_shape: Any, **how: Any) -> Any:
    found = np.zeros(weight_shape, dtype=c.dtype)
    for source, tap, target in _taps(x.shape, weight_shape, how):
        found[tap] += c[target] * x[source]
    return found
