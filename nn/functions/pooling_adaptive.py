"""Adaptive pooling as functions: windows are laid out to give the output size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core import ops
from ...core.tensor import Tensor
from .pooling import floats_only, on_batch

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
]

Sizes = int | None | Sequence[int | None]


def _sizes(output_size: Any) -> Any:
    return tuple(output_size) if isinstance(output_size, list) else output_size


def _adaptive_max(axes: int, indices: bool, input: Tensor, output_size: Any) -> Any:
    name = f"adaptive_max_pool{axes}d"
    floats_only(input, name)
    function = ops.adaptive_max_pool_with_indices if indices else ops.adaptive_max_pool
    found = on_batch(function, input, axes, name, output_size=_sizes(output_size))
    return tuple(found) if indices else found


def adaptive_avg_pool1d(input: Tensor, output_size: Sizes) -> Tensor:
    """Take means of windows that are laid out to give `output_size`, as `nn.AdaptiveAvgPool1d`.

    Shapes: input (N, C, L) or (C, L), of floats; a size of None keeps the input's.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.adaptive_avg_pool1d(cb.ones(1, 3, 7), 2).shape
    (1, 3, 2)
    """
    floats_only(input, "adaptive_avg_pool1d")
    sizes = _sizes(output_size)
    return on_batch(ops.adaptive_avg_pool, input, 1, "adaptive_avg_pool1d", output_size=sizes)  # type: ignore[no-any-return]


def adaptive_avg_pool2d(input: Tensor, output_size: Sizes) -> Tensor:
    """Take means of windows that are laid out to give `output_size`, as `nn.AdaptiveAvgPool2d`.

    Shapes: input (N, C, H, W) or (C, H, W), of floats; a size of None keeps the input's.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.adaptive_avg_pool2d(cb.ones(1, 3, 7, 5), (2, None)).shape
    (1, 3, 2, 5)
    """
    floats_only(input, "adaptive_avg_pool2d")
    sizes = _sizes(output_size)
    return on_batch(ops.adaptive_avg_pool, input, 2, "adaptive_avg_pool2d", output_size=sizes)  # type: ignore[no-any-return]


def adaptive_avg_pool3d(input: Tensor, output_size: Sizes) -> Tensor:
    """Take means of windows that are laid out to give `output_size`, as `nn.AdaptiveAvgPool3d`.

    Shapes: input (N, C, D, H, W) or (C, D, H, W), of floats; a size of None keeps the input's.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.adaptive_avg_pool3d(cb.ones(1, 3, 7, 5, 4), (2, None, 3)).shape
    (1, 3, 2, 5, 3)
    """
    floats_only(input, "adaptive_avg_pool3d")
    sizes = _sizes(output_size)
    return on_batch(ops.adaptive_avg_pool, input, 3, "adaptive_avg_pool3d", output_size=sizes)  # type: ignore[no-any-return]


def adaptive_max_pool1d(input: Tensor, output_size: Sizes, return_indices: bool = False) -> Any:
    """Take maxima of windows that are laid out to give `output_size`, as `nn.AdaptiveMaxPool1d`.

    Shapes: input (N, C, L) or (C, L), of floats; a size of None keeps the input's. With
    `return_indices` the result is (maxima, their places in the flattened spatial axes).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.adaptive_max_pool1d(cb.ones(1, 3, 7), 2).shape
    (1, 3, 2)
    """
    return _adaptive_max(1, return_indices, input, output_size)


def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: Sizes, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """Take adaptive maxima and their places in the flattened spatial axes, whatever `return_indices` says.

    Shapes: input (N, C, L) or (C, L), of floats; a size of None keeps the input's.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.adaptive_max_pool1d_with_indices(cb.ones(1, 3, 7), 2)[1].shape
    (1, 3, 2)
    """
    return _adaptive_max(1, True, input, output_size)  # type: ignore[no-any-return]


def adaptive_max_pool2d(input: Tensor, output_size: Sizes, return_indices: bool = False) -> Any:
    """Take maxima of windows that are laid out to give `output_size`, as `nn.AdaptiveMaxPool2d`.

    Shapes: input (N, C, H, W) or (C, H, W), of floats; a size of None keeps the input's. With
    `return_indices` the result is (maxima, their places in the flattened spatial axes).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.adaptive_max_pool2d(cb.ones(1, 3, 7, 5), (2, None)).shape
    (1, 3, 2, 5)
    """
    return _adaptive_max(2, return_indices, input, output_size)


def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: Sizes, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """Take adaptive maxima and their places in the flattened spatial axes, whatever `return_indices` says.

    Shapes: input (N, C, H, W) or (C, H, W), of floats; a size of None keeps the input's.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.adaptive_max_pool2d_with_indices(cb.ones(1, 3, 7, 5), (2, None))[1].shape
    (1, 3, 2, 5)
    """
    return _adaptive_max(2, True, input, output_size)  # type: ignore[no-any-return]


def adaptive_max_pool3d(input: Tensor, output_size: Sizes, return_indices: bool = False) -> Any:
    """Take maxima of windows that are laid out to give `output_size`, as `nn.AdaptiveMaxPool3d`.

    Shapes: input (N, C, D, H, W) or (C, D, H, W), of floats; a size of None keeps the input's. With
    `return_indices` the result is (maxima, their places in the flattened spatial axes).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.adaptive_max_pool3d(cb.ones(1, 3, 7, 5, 4), (2, None, 3)).shape
    (1, 3, 2, 5, 3)
    """
    return _adaptive_max(3, return_indices, input, output_size)


def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size: Sizes, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """Take adaptive maxima and their places in the flattened spatial axes, whatever `return_indices` says.

    Shapes: input (N, C, D, H, W) or (C, D, H, W), of floats; a size of None keeps the input's.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.adaptive_max_pool3d_with_indices(cb.ones(1, 3, 7, 5, 4), (2, None, 3))[1].shape
    (1, 3, 2, 5, 3)
    """
    return _adaptive_max(3, True, input, output_size)  # type: ignore[no-any-return]
