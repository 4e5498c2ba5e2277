"""Compares a card's attention with float64, where CuPy is the stand-in: `python attention_cases.py DTYPE`.

DTYPE may be tf32, too: float32 where tensor cores may round it. Each line it prints is a case that failed.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import candelabra as cb
import cupy
import ml_dtypes
import numpy as np
from candelabra.backends.cupy.kernels.attention import kernels
from candelabra.backends.cupy.launch import Launcher

DTYPES: dict[str, Any] = {
    "float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "tf32": np.float32, "float32": np.float32,
    "float64": np.float64,
}  # fmt: skip
# Of the largest element: a few of a dtype's own roundings, and those of sums.
TOLERANCE = {"float16": 3e-3, "bfloat16": 2e-2, "tf32": 3e-3, "float32": 1e-5, "float64": 1e-13}


class Recorder(Launcher):
    """A launcher that writes down which kernels it runs."""

    def __init__(self) -> None:
        super().__init__(cupy)
        self.ran: list[str] = []

    def run(self, file: str, expression: str, *arguments: Any, **options: Any) -> None:
        self.ran.append(expression.split("<")[0])
        super().run(file, expression, *arguments, **options)


GPU = Recorder()
ATTENTION = kernels(GPU)["attention"]


def reference(q: Any, k: Any, v: Any, g: Any, mask: Any, causal: bool, scale: float) -> list[Any]:
    """The result and the gradients of queries, keys and values, in float64."""
    q, k, v, g = (x.astype(np.float64) for x in (q, k, v, g))
    scores = q @ np.swapaxes(k, -1, -2) * scale
    if causal:
        scores = np.where(np.tril(np.ones(scores.shape[-2:], bool)), scores, -np.inf)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask.astype(np.float64)
    top = np.max(scores, axis=-1, keepdims=True)
    weights = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = np.sum(weights, axis=-1, keepdims=True)
    weights = weights / np.where(total == 0, 1, total)
    by_weight = g @ np.swapaxes(v, -1, -2)
    slopes = weights * (by_weight - np.sum(weights * by_weight, axis=-1, keepdims=True))
    return [
        weights @ v, slopes @ k * scale, _summed(np.swapaxes(slopes, -1, -2) @ q * scale, k.shape),
        _summed(np.swapaxes(weights, -1, -2) @ g, v.shape),
    ]  # fmt: skip


def _summed(x: Any, shape: Sequence[int]) -> Any:
    x = np.sum(x, axis=tuple(range(x.ndim - len(shape))))
    return np.sum(x, axis=tuple(i for i, n in enumerate(shape) if n == 1 and x.shape[i] > 1), keepdims=True)


def placed(host: Any, layout: str) -> Any:
    """An array on the card that lies there as a layout says."""
    if layout == "heads last" and host.ndim == 4:
        return cupy.asarray(np.ascontiguousarray(host.transpose(0, 2, 1, 3))).transpose(0, 2, 1, 3)
    if layout == "odd":
        wide = np.zeros((*host.shape[:-1], 2 * host.shape[-1] + 1), host.dtype)
        wide[..., 1 : 1 + host.shape[-1]] = host
        return cupy.asarray(wide)[..., 1 : 1 + host.shape[-1]]
    if layout == "columns":
        return cupy.asarray(np.ascontiguousarray(np.swapaxes(host, -1, -2))).swapaxes(-1, -2)
    if layout == "backwards":
        return cupy.asarray(np.ascontiguousarray(host[..., ::-1, :]))[..., ::-1, :]
    return cupy.asarray(host)


def case(
    name: str, lead: tuple[int, ...], sizes: tuple[int, int, int, int], *, keys: tuple[int, ...] | None = None,
    mask: tuple[str, tuple[int, ...]] | None = None, causal: bool = False, scale: float | None = None, layout: str = "",
    factor: float = 1.0,
) -> bool:  # fmt: skip
    """Compare one problem: queries, keys, features and features of values; a mask's kind and shape."""
    rng = np.random.default_rng(sum(sizes))
    length, others, width, value_width = sizes
    keys = lead if keys is None else keys

    def draw(*shape: int) -> Any:
        return np.asarray(rng.standard_normal(shape) * factor, DTYPES[name])

    q, k, v = draw(*lead, length, width), draw(*keys, others, width), draw(*keys, others, value_width)
    g = draw(*lead, length, value_width)
    host_mask = None
    if mask is not None:
        kind, shape = mask
        host_mask = np.asarray(rng.random(shape) > 0.5) if kind == "bool" else draw(*shape)
        if kind == "-inf":
            host_mask[rng.random(shape) > 0.6] = -np.inf
        if kind == "nothing":
            host_mask = np.zeros(shape, bool)
    scale = 1 / math.sqrt(width) if scale is None else scale
    want = reference(q, k, v, g, host_mask, causal, scale)
    on_card = [placed(x, layout) for x in (q, k, v)]
    mask_on_card = None if host_mask is None else placed(host_mask, layout if host_mask.ndim > 1 else "")
    out, (lse,) = ATTENTION.train(*on_card, mask_on_card, is_causal=causal, scale=scale)
    results, good = [(out, want[0])], True
    for deterministic in (False, True):
        cb.use_deterministic_algorithms(deterministic)
        gradients = ATTENTION.vjp(
            cupy, placed(g, layout), *on_card, mask_on_card, out, lse, causal, scale, (True, True, True, False)
        )
        results += zip(gradients[:3], want[1:], strict=True)
        good = good and gradients[3] is None
    for found, right in results:
        found = cupy.asnumpy(found).astype(np.float64)
        good = good and found.shape == right.shape
        good = good and np.max(np.abs(found - right)) <= TOLERANCE[name] * factor * max(np.max(np.abs(right)), 1)
    return bool(good)


def wide_cases() -> Iterator[tuple[Any, dict[str, Any]]]:
    """What only 16-bit heads may have: more than 128 features."""
    for width in (129, 160, 200, 256):
        yield ((1,), (9, 20, width, 300 - width)), {}
        yield ((1,), (70, 67, width, width)), {"causal": True, "layout": "heads last"}
    yield ((2, 2), (66, 40, 192, 256)), {"layout": "odd", "mask": ("float", (2, 1, 66, 40))}
    yield ((2, 2), (130, 70, 256, 136)), {"mask": ("-inf", (130, 70))}
    for causal in (False, True):
        yield ((2, 3), (33, 70, 160, 256)), {"keys": (2, 1), "causal": causal}


def cases() -> Iterator[tuple[Any, dict[str, Any]]]:
    """Leading axes, sizes and what else a problem has."""
    for width in (1, 7, 17, 32, 33, 65, 80, 128):
        yield ((1,), (9, 20, width, 130 - width if width > 60 else 128)), {}
        yield ((1,), (20, 9, width, width)), {"causal": True}
    # Lengths about a tile's.
    for length, others in ((1, 150), (150, 1), (63, 65), (64, 64), (129, 200), (200, 129)):
        yield ((1,), (length, others, 64, 64)), {"causal": length > 100, "layout": "heads last"}
        yield ((1,), (length, others, 128, 128)), {"causal": length < 100}
    for layout in ("heads last", "odd", "columns", "backwards"):
        yield ((2, 2), (20, 40, 32, 24)), {"layout": layout}
        yield ((2, 2), (33, 70, 64, 64)), {"layout": layout, "mask": ("float", (2, 1, 33, 70))}
    for shape in ((), (70,), (1, 70), (33, 1), (33, 70), (2, 33, 70), (2, 1, 1, 70), (2, 2, 33, 70)):
        yield ((2, 2), (33, 70, 16, 16)), {"mask": ("-inf" if len(shape) % 2 else "bool", shape)}
    yield ((2, 2), (33, 70, 16, 16)), {"mask": ("nothing", (2, 1, 33, 1))}
    yield ((), (70, 40, 64, 64)), {}
    yield ((1, 2, 1, 3, 1), (5, 6, 8, 8)), {}
    for causal in (False, True):
        yield ((2, 2, 3), (40, 70, 64, 64)), {"keys": (2, 2, 1), "causal": causal}
        yield ((2, 2, 3), (70, 40, 128, 64)), {"keys": (2, 1, 1), "causal": causal}
        yield ((2, 2, 3), (40, 40, 16, 16)), {"keys": (1, 2, 1), "causal": causal}
        yield ((2, 3), (33, 40, 32, 32)), {"keys": (), "causal": causal}
    yield ((2, 2, 3), (33, 40, 32, 32)), {"keys": (2, 1), "mask": ("bool", (2, 1, 1, 1, 40))}
    for scale in (0.0, -0.3, 1.0):
        yield ((2,), (20, 40, 32, 32)), {"scale": scale}
    # Sums of exponentials that would overflow without the greatest score taken off.
    yield ((1,), (20, 70, 64, 64)), {"factor": 3.0, "scale": 0.5}


def main(name: str) -> None:
    """Print the cases of a dtype that fail."""
    cb.set_float32_matmul_precision("high" if name == "tf32" else "highest")
    half = DTYPES[name](0).itemsize == 2
    for (lead, sizes), more in (*cases(), *(wide_cases() if half else ())):
        GPU.ran.clear()
        good = case(name, lead, sizes, **more)
        style = "attention_mma" if half or name == "tf32" else "attention"
        expected = {style, f"{style}_grad", "attention_shares"}
        if style == "attention_mma" and max(sizes[2:]) <= 128:
            expected |= {"attention_fused_grad", "attention_gathered"}
        if not good or {*GPU.ran} != expected:
            print(lead, sizes, more, GPU.ran)


if __name__ == "__main__":
    main(sys.argv[1])
