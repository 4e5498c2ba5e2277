"""Pooling over two axes."""

from __future__ import annotations

from typing import Any

from ..core import ops
from ..core.errors import ArgumentError, ShapeError
from ..core.tensor import Tensor
from .convolution import pair
from .module import Module


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
            out, indices = ops.max_pool2d_with_indices(batch, **statics)
            return ops.squeeze(out, axis=0), ops.squeeze(indices, axis=0)
        return ops.squeeze(ops.max_pool2d(batch, **statics), axis=0)
    if return_indices:
        return tuple(ops.max_pool2d_with_indices(input, **statics))
    return ops.max_pool2d(input, **statics)


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
        return ops.squeeze(ops.avg_pool2d(ops.expand_dims(input, axis=0), **statics), axis=0)
    return ops.avg_pool2d(input, **statics)


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


class MaxPool2d(Module):
    r"""The maximum of each window.

    .. math:: y_{h,w} = \max_{i,j} x_{h s + i d,\, w s + j d}

    Shapes: input (N, C, H, W) or (C, H, W), output (…, H', W') with
    H' = ⌊(H + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1, or the ceiling with `ceil_mode`.

    Parameters
    ----------
    kernel_size : int or pair
        Height and width of the window.
    stride : int or pair, optional
        Steps between windows; the kernel size if not given.
    padding : int or pair
        Minus infinity on both sides.
    dilation : int or pair
        Steps between a window's elements.
    return_indices : bool
        Whether to return the places of the maxima too.
    ceil_mode : bool
        Whether a window may hang over the end.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.MaxPool2d(3, stride=2)(cb.ones(2, 16, 50, 32)).shape
    (2, 16, 24, 15)
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        """Take the maxima."""
        return max_pool2d(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class AvgPool2d(Module):
    r"""The mean of each window.

    .. math:: y_{h,w} = \frac{1}{k_h k_w} \sum_{i,j} x_{h s + i,\, w s + j}

    Shapes: input (N, C, H, W) or (C, H, W), output (…, H', W') with H' = ⌊(H + 2·padding − kernel_size) / stride⌋ + 1.

    Parameters
    ----------
    kernel_size : int or pair
        Height and width of the window.
    stride : int or pair, optional
        Steps between windows; the kernel size if not given.
    padding : int or pair
        Zeros on both sides.
    ceil_mode : bool
        Whether a window may hang over the end.
    count_include_pad : bool
        Whether the padding's zeros count in the mean.
    divisor_override : int, optional
        Divides the sums instead of the window's size.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.AvgPool2d((3, 2), stride=(2, 1))(cb.ones(2, 16, 50, 32)).shape
    (2, 16, 24, 31)
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        """Take the means."""
        return avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AdaptiveAvgPool2d(Module):
    r"""Means of windows that are laid out to give the output size.

    .. math:: y_i = \mathrm{mean}(x_{\lfloor i n / m \rfloor}, \ldots, x_{\lceil (i + 1) n / m \rceil - 1})

    along both axes, from n elements to m.

    Shapes: input (N, C, H, W) or (C, H, W), output (…, *output_size).

    Parameters
    ----------
    output_size : int, None or pair of them
        Height and width of the output; None keeps the input's.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.AdaptiveAvgPool2d((5, 7))(cb.ones(1, 64, 8, 9)).shape
    (1, 64, 5, 7)
    """

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """Take the means."""
        return adaptive_avg_pool2d(input, self.output_size)

    def extra_repr(self) -> str:
        """Return the constructor's argument."""
        return f"output_size={self.output_size}"
