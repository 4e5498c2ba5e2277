"""Elements moved between channels and space, or among channels, as functions."""

from __future__ import annotations

from ...core import ops
from ...core.errors import ArgumentError, ShapeError
from ...core.tensor import Tensor

__all__ = ["channel_shuffle", "native_channel_shuffle", "pixel_shuffle", "pixel_unshuffle"]


def _images(input: Tensor, factor: int, name: str, what: str) -> tuple[int, ...]:
    if input.ndim < 3:
        raise ShapeError(f"{name}: an input (..., C, H, W) is needed, got shape {tuple(input.shape)}")
    if factor < 1:
        raise ArgumentError(f"{name}: {what} is positive, got {factor}")
    return tuple(input.shape)


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Make an image r times as high and wide out of r² times the channels, as `nn.PixelShuffle`.

    W. Shi et al., Real-time single image and video super-resolution (arXiv:1609.05158). Shapes: input
    (..., C·r², H, W), result (..., C, H·r, W·r).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.pixel_shuffle(cb.ones(1, 9, 4, 4), 3).shape
    (1, 1, 12, 12)
    """
    r = upscale_factor
    *lead, c, h, w = _images(input, r, "pixel_shuffle", "upscale_factor")
    if c % (r * r):
        raise ShapeError(f"pixel_shuffle: {c} channels are no multiple of upscale_factor² = {r * r}")
    n = len(lead)
    parted = ops.reshape(input, (*lead, c // (r * r), r, r, h, w))
    order = (*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return ops.reshape(ops.permute_dims(parted, order), (*lead, c // (r * r), h * r, w * r))


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Undo `pixel_shuffle`: make r² times the channels out of an image r times as high and wide.

    Shapes: input (..., C, H·r, W·r), result (..., C·r², H, W).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.pixel_unshuffle(cb.ones(1, 1, 12, 12), 3).shape
    (1, 9, 4, 4)
    """
    r = downscale_factor
    *lead, c, h, w = _images(input, r, "pixel_unshuffle", "downscale_factor")
    if h % r or w % r:
        raise ShapeError(f"pixel_unshuffle: height {h} and width {w} are no multiples of downscale_factor = {r}")
    n = len(lead)
    parted = ops.reshape(input, (*lead, c, h // r, r, w // r, r))
    order = (*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return ops.reshape(ops.permute_dims(parted, order), (*lead, c * r * r, h // r, w // r))


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Deal the channels of each group out to all groups, as `nn.ChannelShuffle`.

    X. Zhang et al., ShuffleNet (arXiv:1707.01083). Shapes: input (N, C, *), the result as well.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.channel_shuffle(cb.reshape(cb.arange(4.), (1, 4, 1)), 2).flatten()
    tensor([0., 2., 1., 3.])
    """
    if input.ndim < 3:
        raise ShapeError(f"channel_shuffle: an input (N, C, *, ...) is needed, got shape {tuple(input.shape)}")
    if groups < 1:
        raise ArgumentError(f"channel_shuffle: groups is positive, got {groups}")
    n, c, *rest = tuple(input.shape)
    if c % groups:
        raise ShapeError(f"channel_shuffle: {c} channels are no multiple of groups = {groups}")
    parted = ops.reshape(input, (n, groups, c // groups, *rest))
    order = (0, 2, 1, *range(3, 3 + len(rest)))
    return ops.reshape(ops.permute_dims(parted, order), (n, c, *rest))


def native_channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Deal the channels of each group out to all groups: another name of `channel_shuffle`.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.native_channel_shuffle(cb.reshape(cb.arange(4.), (1, 4, 1)), 2).flatten()
    tensor([0., 2., 1., 3.])
    """
    return channel_shuffle(input, groups)
