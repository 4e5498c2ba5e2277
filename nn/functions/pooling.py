"""Pooling as functions."""

from __future__ import annotations

from typing import Any

from ...core import ops
from ...core.errors import ArgumentError, ShapeError
from ...core.tensor import Tensor
from .convolution import pair

__all__ = ["adaptive_avg_pool2d", "avg_pool2d", "max_pool2d"]


def max_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    r"""Take the maximum of each window.

    .. math:: y_{h,w} = \max_{i,j} x_{h s + i d,\, w s + j d}

    Shapes: input (N, C, H, W) or (C, H, W). With `return_indices` the result is (maxima, places in the flattened H×W
    plane).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.max_pool2d(cb.ones(1, 1, 4, 6), 2).shape
    (1, 1, 2, 3)
    """
    kernel = pair(kernel_size, "max_pool2d: kernel_size")
    statics: dict[str, Any] = {
        "kernel_size": kernel,
        "stride": pair(stride, "max_pool2d: stride") if stride or stride == 0 else kernel,
        "padding": _half(padding, kernel, "max_pool2d"),
        "dilation": pair(dilation, "max_pool2d: dilation"),
        "ceil_mode": ceil_mode,
    }
    if input.ndim == 3:
        batch = ops.expand_dims(input, axis=0)
        if return_indices:
            out, indices = ops.max_pool_with_indices(batch, **statics)
            return ops.squeeze(out, axis=0), ops.squeeze(indices, axis=0)
        return ops.squeeze(ops.max_pool(batch, **statics), axis=0)
    if return_indices:
        return tuple(ops.max_pool_with_indices(input, **statics))
    return ops.max_pool(input, **statics)


def avg_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    r"""Take the mean of each window.

    .. math:: y_{h,w} = \frac{1}{k_h k_w} \sum_{i,j} x_{h s + i,\, w s + j}

    Shapes: input (N, C, H, W) or (C, H, W).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.avg_pool2d(cb.ones(1, 1, 4, 6), 2).shape
    (1, 1, 2, 3)
    """
    if divisor_override == 0:
        raise ArgumentError("avg_pool2d: divisor_override must not be zero")
    kernel = pair(kernel_size, "avg_pool2d: kernel_size")
    statics: dict[str, Any] = {
        "kernel_size": kernel,
        "stride": pair(stride, "avg_pool2d: stride") if stride or stride == 0 else kernel,
        "padding": _half(padding, kernel, "avg_pool2d"),
        "ceil_mode": ceil_mode,
        "count_include_pad": count_include_pad,
        "divisor_override": divisor_override,
    }
    if input.ndim == 3:
        return ops.squeeze(ops.avg_pool(ops.expand_dims(input, axis=0), **statics), axis=0)
    return ops.avg_pool(input, **statics)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    r"""Take means of windows that are laid out to give `output_size`.

    .. math:: y_i = \mathrm{mean}(x_{\lfloor i n / m \rfloor}, \ldots, x_{\lceil (i + 1) n / m \rceil - 1})

    along both axes, from n elements to m.

    Shapes: input (N, C, H, W) or (C, H, W); `output_size` an int or a pair, None keeping the input's size.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.adaptive_avg_pool2d(cb.ones(1, 3, 7, 5), (2, None)).shape
    (1, 3, 2, 5)
    """
    if input.ndim not in (3, 4):
        raise ShapeError(
            f"adaptive_avg_pool2d: an input (N, C, H, W) or (C, H, W) is needed, got shape {tuple(input.shape)}"
        )
    given = output_size if isinstance(output_size, (tuple, list)) else (output_size, output_size)
    if len(given) != 2:
        raise ArgumentError(f"adaptive_avg_pool2d: output_size is an int or a pair, got {output_size!r}")
    sizes = tuple(input.shape[-2:])
    wanted = tuple(n if m is None else int(m) for m, n in zip(given, sizes))
    if min(wanted) < 0:
        raise ArgumentError(f"adaptive_avg_pool2d: output_size is not negative, got {output_size!r}")
    if wanted == sizes:
        return input
    if min(wanted) > 0 and sizes[0] % wanted[0] == 0 and sizes[1] % wanted[1] == 0:
        kernel = (sizes[0] // wanted[0], sizes[1] // wanted[1])
        if wanted == (1, 1):
            return ops.mean(input, axis=(-2, -1), keepdims=True)
        return avg_pool2d(input, kernel)
    # Averaging along an axis is linear: a matrix of window means on each side.
    down = _window_means(sizes[0], wanted[0], input)
    across = _window_means(sizes[1], wanted[1], input)
    return ops.matmul(ops.matmul(down, input), ops.permute_dims(across, (1, 0)))


def _window_means(n: int, m: int, like: Tensor) -> Tensor:
    rows = []
    for i in range(m):
        first, end = i * n // m, -((i + 1) * n // -m)
        rows.append([1 / (end - first) if first <= j < end else 0.0 for j in range(n)])
    if m == 0:
        return ops.zeros((0, n), dtype=like.dtype, device=like.device)
    return ops.asarray(rows, dtype=like.dtype, device=like.device)


def _half(padding: Any, kernel: tuple[int, int], operation: str) -> tuple[int, int]:
    widths = pair(padding, f"{operation}: padding")
    if any(w < 0 or w > k // 2 for w, k in zip(widths, kernel)):
        raise ArgumentError(
            f"{operation}: padding lies between 0 and half the kernel size, got padding={padding}, kernel_size={kernel}"
        )
    return widths
