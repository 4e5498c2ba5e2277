"""Pooling over one to three spatial axes: one value for each window of an input (N, C, *spatial)."""

from __future__ import annotations

import math
from typing import Any

from ..errors import ArgumentError, DTypeError, ShapeError
from .row import general
from .tools import size_of
from .windows import patches, per_axis, spatial_axes


def pooled_size(n: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    """Return the size of one axis after pooling; a last window that starts in the padding behind is dropped."""
    span = n + 2 * padding - dilation * (kernel - 1) - 1
    size = (-(-span // stride) if ceil_mode else span // stride) + 1
    if ceil_mode and (size - 1) * stride >= n + padding:
        size -= 1
    return size


def _pooled_sizes(x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> tuple[int, ...]:
    how = zip(tuple(x.shape)[2:], kernel, stride, padding, dilation, strict=True)
    return tuple(pooled_size(n, k, s, p, d, ceil_mode) for n, k, s, p, d in how)


def _refuse_booleans(name: str, device: Any, x: Any) -> None:
    # A library may take them for numbers in every step of a body.
    if device.dtype_of[x.dtype].kind == "bool":
        raise DTypeError(f"{name}: takes real numeric dtypes, not bool; convert first, as with x.float()")


def _check_pool(name: str, x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> None:
    if min(kernel) < 1 or min(stride) < 1 or min(dilation) < 1 or min(padding) < 0:
        raise ArgumentError(
            f"{name}: kernel_size {kernel}, stride {stride}, dilation {dilation} must be positive, padding {padding} "
            "not negative"
        )
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        raise ArgumentError(f"{name}: padding {padding} must be at most half of kernel_size {kernel}")
    out = _pooled_sizes(x, kernel, stride, padding, dilation, ceil_mode)
    if min(out) < 1:
        raise ShapeError(f"{name}: a window of {kernel} does not fit an input of shape {tuple(x.shape)}")
    for n, m, k, s, p, d in zip(tuple(x.shape)[2:], out, kernel, stride, padding, dilation, strict=True):
        # Only where taps lie apart may all of them miss the input.
        if p and d > 1 and not all(any(0 <= o * s - p + t * d < n for t in range(k)) for o in range(m)):
            raise ShapeError(
                f"{name}: with dilation {dilation} and padding {padding} a window of {kernel} holds no element of an "
                f"input of shape {tuple(x.shape)}"
            )


def _prepare_max_pool(name: str) -> Any:
    def prepare(
        device: Any, x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: Any
    ) -> tuple[Any, ...]:
        axes = spatial_axes(name, x)
        _refuse_booleans(name, device, x)
        kernel = per_axis(kernel_size, axes, f"{name}: kernel_size")
        stride = kernel if stride is None else per_axis(stride, axes, f"{name}: stride")
        padding = per_axis(padding, axes, f"{name}: padding")
        dilation = per_axis(dilation, axes, f"{name}: dilation")
        _check_pool(name, x, kernel, stride, padding, dilation, bool(ceil_mode))
        return kernel, stride, padding, dilation, bool(ceil_mode)

    return prepare


def _prepare_avg_pool(
    device: Any, x: Any, kernel_size: Any, stride: Any, padding: Any, ceil_mode: Any, count_include_pad: Any,
    divisor_override: Any,
) -> tuple[Any, ...]:  # fmt: skip
    axes = spatial_axes("avg_pool", x)
    kernel = per_axis(kernel_size, axes, "avg_pool: kernel_size")
    stride = kernel if stride is None else per_axis(stride, axes, "avg_pool: stride")
    padding = per_axis(padding, axes, "avg_pool: padding")
    _check_pool("avg_pool", x, kernel, stride, padding, (1,) * axes, bool(ceil_mode))
    if divisor_override is not None and divisor_override == 0:
        raise ArgumentError("avg_pool: divisor_override must not be zero")
    return kernel, stride, padding, bool(ceil_mode), bool(count_include_pad), divisor_override


def _windows(
    xp: Any, x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, fill: float
) -> tuple[Any, tuple[int, ...]]:
    out = _pooled_sizes(x, kernel, stride, padding, dilation, ceil_mode)
    pads = []
    for n, m, k, s, p, d in zip(tuple(x.shape)[2:], out, kernel, stride, padding, dilation, strict=True):
        need = (m - 1) * s + d * (k - 1) + 1
        pads.append((p, max(need - n - p, 0)))
    if any(a or b for a, b in pads):
        x = xp.pad(x, widths=((0, 0), (0, 0), *pads), value=fill)
    return patches(xp, x, kernel, stride, ((0, 0),) * len(out), dilation, out), out


def _lowest(xp: Any, x: Any) -> Any:
    """What loses against every value of a dtype."""
    kind = xp.device.dtype_of.get(x.dtype, x.dtype)
    if kind.kind == "float":
        return -math.inf
    return 0 if kind.kind == "unsigned" else -(2 ** (8 * kind.itemsize - 1))


def _first_best(xp: Any, windows: Any, axis: int = 2) -> Any:
    """The number of each window's first largest tap; the last NaN wins over everything."""
    if _lowest(xp, windows) != -math.inf:
        return xp.argmax(windows, axis=axis)
    nan = xp.isnan(windows)
    shape = tuple(windows.shape)[axis:]
    number = xp.reshape(xp.arange(1, shape[0] + 1, dtype=windows.dtype), (shape[0], *(1,) * (len(shape) - 1)))
    last = xp.where(nan, number, xp.zeros((), dtype=windows.dtype))
    ranked = xp.where(nan, xp.full((), math.inf, dtype=windows.dtype), windows)
    return xp.argmax(xp.where(xp.max(last, axis=axis, keepdims=True) > 0, last, ranked), axis=axis)


def _chosen(xp: Any, windows: Any, best: Any) -> Any:
    return xp.squeeze(xp.take_along_axis(windows, xp.expand_dims(best, axis=2), axis=2), 2)


def _inside(xp: Any, best: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """Where a tap of the padding won, nothing in the window is larger than what loses: its first element wins."""
    if not any(padding):
        return best
    axes, first = len(kernel), None
    for i, (m, k, s, p, d) in enumerate(zip(tuple(best.shape)[2:], kernel, stride, padding, dilation, strict=True)):
        short = (p + d - 1) - xp.arange(m, dtype=best.dtype) * s
        line = xp.clip(xp.floor_divide(short, xp.full((), d, dtype=best.dtype)), 0, None)
        line = xp.reshape(line, (m, *(1,) * (axes - 1 - i)))
        first = line if first is None else first * k + line
    return xp.maximum(best, first)


def _max_pool_body(
    xp: Any, x: Any, *, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Any:
    windows, _ = _windows(xp, x, kernel_size, stride, padding, dilation, ceil_mode, _lowest(xp, x))
    return _chosen(xp, windows, _inside(xp, _first_best(xp, windows), kernel_size, stride, padding, dilation))


def _max_pool_indices_body(
    xp: Any, x: Any, *, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[Any, Any]:
    windows, out = _windows(xp, x, kernel_size, stride, padding, dilation, ceil_mode, _lowest(xp, x))
    best = _inside(xp, _first_best(xp, windows), kernel_size, stride, padding, dilation)
    starts = [xp.arange(m, dtype=best.dtype) * s - p for m, s, p in zip(out, stride, padding, strict=True)]
    return _chosen(xp, windows, best), _places(xp, best, starts, kernel_size, dilation, tuple(x.shape)[2:])


def _places(xp: Any, best: Any, starts: Any, kernel: Any, dilation: Any, sizes: Any) -> Any:
    """Where in the flattened spatial axes the winning taps lie, given where windows start along each axis."""
    rest, total, step = best, None, 1
    axes = len(sizes)
    for i in reversed(range(axes)):
        k = xp.full((), kernel[i], dtype=best.dtype)
        tap, rest = xp.remainder(rest, k), xp.floor_divide(rest, k)
        line = xp.reshape(starts[i], tuple(-1 if j == i else 1 for j in range(axes)))
        place = (line + tap * dilation[i]) * step
        total = place if total is None else total + place
        step *= sizes[i]
    return total


def _avg_pool_body(
    xp: Any, x: Any, *, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool,
    divisor_override: Any,
) -> Any:  # fmt: skip
    axes = len(kernel_size)
    windows, out = _windows(xp, x, kernel_size, stride, padding, (1,) * axes, ceil_mode, 0.0)
    total = xp.sum(windows, axis=2)
    if divisor_override is not None:
        return total / divisor_override
    for i, (m, k, s, p) in enumerate(zip(out, kernel_size, stride, padding, strict=True)):
        n = x.shape[2 + i]
        start = xp.arange(m, dtype=x.dtype) * s - p
        end = xp.clip(start + k, None, n + p)
        count = end - start if count_include_pad else xp.clip(end, None, n) - xp.clip(start, 0, None)
        total = total / xp.reshape(count, (m, *(1,) * (axes - 1 - i)))
    return total


def adaptive_sizes(name: str, x: Any, output_size: Any) -> tuple[int, ...]:
    """Return an adaptive pool's output size; None keeps the input's."""
    axes = spatial_axes(name, x)
    given = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * axes
    if len(given) != axes:
        raise ArgumentError(f"{name}: output_size is an int, None or {axes} of them, not {output_size!r}")
    sizes = [n if m is None else m for m, n in zip(given, tuple(x.shape)[2:], strict=True)]
    found = per_axis(sizes, axes, f"{name}: output_size")
    if min(found) < 0:
        raise ArgumentError(f"{name}: output_size must not be negative, got {output_size!r}")
    if size_of(found) >> 48:
        raise MemoryError(f"{name}: no memory holds an output of size {found}")
    return found


def _prepare_adaptive(name: str) -> Any:
    def prepare(device: Any, x: Any, output_size: Any) -> tuple[Any]:
        _refuse_booleans(name, device, x)
        return (adaptive_sizes(name, x, output_size),)

    return prepare


def _adaptive_windows(xp: Any, x: Any, output_size: Any) -> tuple[Any, list[Any], list[int]]:
    """The windows ⌊i n / m⌋ … ⌈(i + 1) n / m⌉ - 1 as (N, C, taps, *out), where they start, and their largest sizes."""
    sizes, axes = tuple(x.shape)[2:], len(output_size)
    starts, kernel, outside = [], [], None
    for i, (n, m) in enumerate(zip(sizes, output_size, strict=True)):
        k = max((-((j + 1) * n // -m) - j * n // m for j in range(m)), default=1)
        number = xp.arange(m)
        start = xp.floor_divide(number * n, xp.full((), max(m, 1), dtype=number.dtype))
        end = xp.floor_divide((number + 1) * n + (m - 1), xp.full((), max(m, 1), dtype=number.dtype))
        places = xp.expand_dims(start, axis=1) + xp.arange(k, dtype=start.dtype)
        beyond = places >= xp.expand_dims(end, axis=1)
        # Axis i stands behind two axes (windows, taps) for each axis that was cut before it.
        x = xp.take(x, xp.reshape(xp.clip(places, None, n - 1), (m * k,)), axis=2 + 2 * i)
        shape = tuple(x.shape)
        x = xp.reshape(x, (*shape[: 2 + 2 * i], m, k, *shape[3 + 2 * i :]))
        beyond = xp.reshape(beyond, (m, k, *(1,) * (2 * (axes - 1 - i))))
        outside = beyond if outside is None else xp.logical_or(outside, beyond)
        starts.append(start)
        kernel.append(k)
    x = xp.where(outside, xp.full((), _lowest(xp, x), dtype=x.dtype), x)
    order = (0, 1, *range(3, 3 + 2 * axes, 2), *range(2, 2 + 2 * axes, 2))
    windows = xp.reshape(xp.permute_dims(x, order), (*tuple(x.shape)[:2], size_of(tuple(kernel)), *output_size))
    return windows, starts, kernel


def _adaptive_max_pool_body(xp: Any, x: Any, *, output_size: Any) -> Any:
    windows, _, _ = _adaptive_windows(xp, x, output_size)
    return _chosen(xp, windows, _first_best(xp, windows))


def _adaptive_max_pool_indices_body(xp: Any, x: Any, *, output_size: Any) -> tuple[Any, Any]:
    windows, starts, kernel = _adaptive_windows(xp, x, output_size)
    best = _first_best(xp, windows)
    starts = [xp.astype(s, best.dtype) for s in starts]
    return _chosen(xp, windows, best), _places(xp, best, starts, kernel, (1,) * len(kernel), tuple(x.shape)[2:])


def _prepare_unpool(device: Any, x: Any, indices: Any, output_size: Any) -> tuple[Any]:
    axes = spatial_axes("max_unpool", x)
    if device.dtype_of[indices.dtype].kind not in ("signed", "unsigned"):
        raise DTypeError(
            f"max_unpool: indices are integers, as max_pool_with_indices returns them, not {device.dtype_of[indices.dtype].name}"
        )
    if tuple(indices.shape) != tuple(x.shape):
        raise ShapeError(f"max_unpool: indices have shape {tuple(indices.shape)}, the input {tuple(x.shape)}")
    size = per_axis(output_size, axes, "max_unpool: output_size")
    if min(size) < 1:
        raise ArgumentError(f"max_unpool: output_size must be positive, got {size}")
    return (size,)


def _unpool_body(xp: Any, x: Any, indices: Any, *, output_size: Any) -> Any:
    n, c = tuple(x.shape)[:2]
    whole, given = size_of(output_size), size_of(tuple(x.shape)[2:])
    found = xp.zeros((n * c, whole), dtype=x.dtype)
    if n * c:
        # Plane by plane, so that an index that is out of range does not reach another one.
        found = xp.scatter(found, xp.reshape(indices, (n * c, given)), xp.reshape(x, (n * c, given)), axis=1)
    return xp.reshape(found, (n, c, *output_size))


def _unpool_vjp(xp: Any, g: Any, indices: Any, x_shape: Any) -> Any:
    """Where two values were written to one place, both get its cotangent, as PyTorch has it."""
    n, c = x_shape[:2]
    flat = xp.reshape(g, (n, c, size_of(tuple(g.shape)[2:])))
    found = xp.gather(flat, xp.reshape(indices, (n, c, size_of(x_shape[2:]))), axis=2)
    return xp.reshape(found, x_shape)


def _batch_unpool(xp: Any, size: int, x: Any, indices: Any, *, output_size: Any, batched: Any, ranks: Any) -> Any:
    def merged(value: Any, own: bool) -> Any:
        if not own:
            value = xp.broadcast_to(xp.expand_dims(value, axis=0), (size, *tuple(value.shape)))
        shape = tuple(value.shape)
        return xp.reshape(value, (shape[0] * shape[1], *shape[2:]))

    found = xp.max_unpool(merged(x, batched[0]), merged(indices, batched[1]), output_size=output_size)
    return xp.reshape(found, (size, -1, *tuple(found.shape)[1:]) if size else (size, *tuple(x.shape)[1:3], *output_size))


MAX: dict[str, Any] = {"batch": "merge", "category": "real numeric"}
MAX_SIGNATURE = "x, /, *, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False"
max_pool = general(
    "max_pool", MAX_SIGNATURE, "Return the largest value of each window of an input (N, C, *spatial); the first wins a tie.",
    body=_max_pool_body, prepare=_prepare_max_pool("max_pool"), **MAX,
)  # fmt: skip
max_pool_with_indices = general(
    "max_pool_with_indices", MAX_SIGNATURE,
    "Return the largest value of each window, and its index in the flattened spatial axes.",
    body=_max_pool_indices_body, prepare=_prepare_max_pool("max_pool_with_indices"), outputs=("out", "indices"),
    differentiable=(True, False), samples="max_pool", **MAX,
)  # fmt: skip
avg_pool = general(
    "avg_pool",
    "x, /, *, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None",
    "Return the mean of each window of an input (N, C, *spatial).",
    body=_avg_pool_body, prepare=_prepare_avg_pool, batch="merge", category="real floating-point", floating=True,
)  # fmt: skip
adaptive_max_pool = general(
    "adaptive_max_pool", "x, /, *, output_size",
    "Return the largest values of windows that are laid out to give a size; the first wins a tie.",
    body=_adaptive_max_pool_body, prepare=_prepare_adaptive("adaptive_max_pool"), **MAX,
)  # fmt: skip
adaptive_max_pool_with_indices = general(
    "adaptive_max_pool_with_indices", "x, /, *, output_size",
    "Return the largest values of windows that are laid out to give a size, and their indices in the flattened spatial axes.",
    body=_adaptive_max_pool_indices_body, prepare=_prepare_adaptive("adaptive_max_pool_with_indices"),
    outputs=("out", "indices"), differentiable=(True, False), samples="adaptive_max_pool", **MAX,
)  # fmt: skip
max_unpool = general(
    "max_unpool", "x, indices, /, *, output_size",
    "Return zeros with the values of `x` written where `indices` say in the flattened spatial axes.",
    body=_unpool_body, vjp=(_unpool_vjp, None), prepare=_prepare_unpool, promote=("x",), batch=_batch_unpool,
)  # fmt: skip
