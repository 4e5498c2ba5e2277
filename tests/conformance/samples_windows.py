"""Generators of valid calls for the rows of pooling, folding, padding and resampling."""

from __future__ import annotations

from typing import Any

import numpy as np
from candelabra.conformance.drawing import Draw, Sample


def _rank(d: Draw) -> int:
    """Draw the number of spatial axes; three only where the sample stays small."""
    return d.choice((1, 2, 2, 3) if d.smooth else (1, 2, 3))


def _lead(d: Draw) -> tuple[int, int]:
    return d.side(0, 2), d.integer(1, 2)


def _distinct(d: Draw, shape: tuple[int, ...]) -> np.ndarray:
    """Draw values; where they are differentiated no two of them are near one another, so that maxima are stable."""
    values = d.array(shape)
    if d.smooth:
        values = (d.values.permutation(values.size).reshape(shape) * 0.37 - 2).astype(values.dtype)
    return values


def _pool(d: Draw) -> tuple[tuple[int, ...], dict[str, Any]]:
    axes = _rank(d)
    kernel = tuple(d.integer(1, 3 if axes < 3 else 2) for _ in range(axes))
    padding = tuple(d.integer(0, k // 2) for k in kernel)
    size = tuple(k + d.integer(0, 3 if axes < 3 else 1) for k in kernel)
    stride = d.choice((None, 1, (2, 1, 2)[:axes], (2, 3, 1)[:axes]))
    return (*_lead(d), *size), {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": d.flag()}


def draw_max_pool(d: Draw) -> Sample:
    shape, statics = _pool(d)
    if d.flag():
        axes = len(shape) - 2
        statics["dilation"] = d.choice(((2, 1, 2), (3, 3, 1)))[:axes]
        spare = [s * (k - 1) for s, k in zip(statics["dilation"], statics["kernel_size"], strict=True)]
        shape = (*shape[:2], *(n + m for n, m in zip(shape[2:], spare, strict=True)))
    return Sample((_distinct(d, shape),), statics)


def draw_avg_pool(d: Draw) -> Sample:
    shape, statics = _pool(d)
    how = {"count_include_pad": d.flag(), "divisor_override": d.choice((None, None, 3))}
    return Sample((d.array(shape),), {**statics, **how})


def _adaptive(d: Draw) -> tuple[tuple[int, ...], Any]:
    axes = _rank(d)
    size = tuple(d.integer(1, 5 if axes == 1 else 3) for _ in range(axes))
    most = 4 if axes == 1 else 3
    output = d.choice((d.integer(1, most), (None, 2, 1)[:axes], tuple(d.integer(1, most) for _ in range(axes))))
    return (*_lead(d), *size), output


def draw_adaptive_max_pool(d: Draw) -> Sample:
    shape, output = _adaptive(d)
    return Sample((_distinct(d, shape),), {"output_size": output})


def draw_max_unpool(d: Draw) -> Sample:
    axes = _rank(d)
    n, c = _lead(d)
    output = tuple(d.integer(1, 3) for _ in range(axes))
    size = tuple(d.integer(1, m) for m in output)
    whole, given = int(np.prod(output)), int(np.prod(size))
    places = [d.values.permutation(whole)[:given] for _ in range(n * c)]
    indices = np.asarray(places, dtype=np.int64).reshape(n, c, *size)
    return Sample((d.array((n, c, *size)), indices), {"output_size": output})


def draw_adaptive_avg_pool(d: Draw) -> Sample:
    shape, output = _adaptive(d)
    return Sample((d.array(shape),), {"output_size": output})


def _folding(d: Draw) -> tuple[tuple[int, ...], dict[str, Any]]:
    axes = _rank(d)
    most = 3 if axes < 3 else 2
    kernel = tuple(d.integer(1, most) for _ in range(axes))
    how = {
        "kernel_size": kernel,
        "dilation": tuple(d.integer(1, 2) for _ in kernel),
        "padding": tuple(d.integer(0, 1) for _ in kernel),
        "stride": tuple(d.integer(1, 2) for _ in kernel),
    }
    size = tuple(
        max(1, s * (k - 1) + 1 - 2 * p) + d.integer(0, 2 if axes < 3 else 1)
        for k, s, p in zip(kernel, how["dilation"], how["padding"], strict=True)
    )
    return size, how


def draw_im2col(d: Draw) -> Sample:
    size, how = _folding(d)
    return Sample((d.array((*_lead(d), *size)),), how)


def draw_col2im(d: Draw) -> Sample:
    size, how = _folding(d)
    windows = [
        (n + 2 * p - s * (k - 1) - 1) // t + 1
        for n, k, s, p, t in zip(size, how["kernel_size"], how["dilation"], how["padding"], how["stride"], strict=True)
    ]
    n, c = _lead(d)
    shape = (n, c * int(np.prod(how["kernel_size"])), int(np.prod(windows)))
    return Sample((d.array(shape),), {"output_size": size, **how})


def draw_pad(d: Draw) -> Sample:
    shape = d.shape(1, empty=False)
    mode = d.choice(("constant", "constant", "reflect", "replicate", "circular"))
    widths = []
    for n in shape:
        cut = d.integer(-1 if n > 2 else 0, 0)
        most = {"constant": 2, "reflect": n - 1, "replicate": 3, "circular": n + cut}[mode]
        pair = (cut, d.integer(0, most)) if cut or d.flag() else (d.integer(0, most), d.integer(0, most))
        widths.append(pair if d.flag() else pair[::-1])
    value = d.choice((0.0, 1.0)) if mode == "constant" else 0.0
    return Sample((d.array(shape),), {"widths": tuple(widths), "value": value, "mode": mode})


def _resampling(d: Draw) -> tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]:
    axes = _rank(d)
    most = 5 if axes == 1 else 4 if axes == 2 else 2
    size, other = (tuple(d.integer(1, most) for _ in range(axes)) for _ in range(2))
    antialias = d.flag() and axes < 3
    plain = ("nearest", "nearest-exact", "linear", "cubic", "area")
    mode = d.choice(("linear", "cubic", "lanczos") if antialias else plain)
    how: dict[str, Any] = {"mode": mode, "antialias": antialias}
    if mode in ("linear", "cubic"):
        how["align_corners"] = d.flag()
    if mode != "area" and not how.get("align_corners") and d.flag():
        how["scale_factor"] = (1.37, None, 0.81)[:axes]
    return size, other, how


def draw_interpolate(d: Draw) -> Sample:
    given, wanted, how = _resampling(d)
    return Sample((d.array((*_lead(d), *given)),), {"size": wanted, **how})


def draw_interpolate_transpose(d: Draw) -> Sample:
    given, wanted, how = _resampling(d)
    return Sample((d.array((*_lead(d), *wanted)),), {"size": given, **how})
