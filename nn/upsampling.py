"""Resampling layers, and elements moved between channels and space."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.tensor import Tensor
from .functions.resampling import interpolate
from .functions.shuffling import channel_shuffle, pixel_shuffle, pixel_unshuffle
from .module import Module

__all__ = [
    "ChannelShuffle",
    "PixelShuffle",
    "PixelUnshuffle",
    "Upsample",
    "UpsamplingBilinear2d",
    "UpsamplingNearest2d",
]


class Upsample(Module):
    r"""Resamples the spatial axes to a size, or by a factor.

    .. math:: y_o = \sum_i w_{o,i} x_i

    along each axis, with weights by the mode. Shapes: input (N, C, W), (N, C, H, W) or (N, C, D, H, W) of floats,
    output (N, C, *size).

    Parameters
    ----------
    size : int or sequence of int, optional
        The spatial sizes of the output; this or `scale_factor`.
    scale_factor : float or sequence of float, optional
        Output size over input size.
    mode : str
        "nearest", "nearest-exact", "area", "linear", "bilinear", "bicubic" or "trilinear".
    align_corners : bool, optional
        Whether the centres of the corner elements stay where they are.
    recompute_scale_factor : bool, optional
        Whether positions follow from the rounded size rather than from `scale_factor`.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Upsample(scale_factor=2, mode="bilinear")(cb.ones(1, 3, 4, 5)).shape
    (1, 3, 8, 10)
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.size = size
        self.scale_factor: float | tuple[float, ...] | None
        if isinstance(scale_factor, (tuple, list)):
            self.scale_factor = tuple(float(f) for f in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None  # type: ignore[arg-type]
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Resample."""
        return interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        )

    def extra_repr(self) -> str:
        """Return the size or the factor, and the mode."""
        if self.scale_factor is not None:
            return f"scale_factor={self.scale_factor!r}, mode={self.mode!r}"
        return f"size={self.size!r}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    r"""Resamples images by the nearest element: `Upsample` in mode "nearest".

    .. math:: y_{h, w} = x_{\lfloor h / s_h \rfloor,\, \lfloor w / s_w \rfloor}

    Shapes: input (N, C, H, W), output (N, C, *size).

    Parameters
    ----------
    size : int or pair, optional
        Height and width of the output; this or `scale_factor`.
    scale_factor : float or pair, optional
        Output size over input size.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.UpsamplingNearest2d(scale_factor=2)(cb.tensor([[[[1., 2.]]]]))
    tensor([[[[1., 1., 2., 2.],
              [1., 1., 2., 2.]]]])
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
    ) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    r"""Resamples images linearly with the corners' centres in place: `Upsample` with ``align_corners=True``.

    .. math:: y_{h, w} = x \text{ at } \bigl(h \tfrac{H - 1}{H' - 1},\; w \tfrac{W - 1}{W' - 1}\bigr)

    Shapes: input (N, C, H, W), output (N, C, *size).

    Parameters
    ----------
    size : int or pair, optional
        Height and width of the output; this or `scale_factor`.
    scale_factor : float or pair, optional
        Output size over input size.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.UpsamplingBilinear2d(size=(1, 3))(cb.tensor([[[[1., 2.]]]]))
    tensor([[[[1.0000, 1.5000, 2.0000]]]])
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
    ) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


class PixelShuffle(Module):
    r"""Makes an image r times as high and wide out of r² times the channels.

    .. math:: y_{c,\, h r + i,\, w r + j} = x_{c r^2 + i r + j,\, h,\, w}

    W. Shi et al., Real-time single image and video super-resolution (arXiv:1609.05158). Shapes: input (…, C·r², H, W),
    output (…, C, H·r, W·r).

    Parameters
    ----------
    upscale_factor : int
        The factor r.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.PixelShuffle(3)(cb.ones(1, 9, 4, 4)).shape
    (1, 1, 12, 12)
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Move channels into space."""
        return pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        """Return the factor."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    r"""Makes r² times the channels out of an image r times as high and wide: undoes `PixelShuffle`.

    .. math:: y_{c r^2 + i r + j,\, h,\, w} = x_{c,\, h r + i,\, w r + j}

    Shapes: input (…, C, H·r, W·r), output (…, C·r², H, W).

    Parameters
    ----------
    downscale_factor : int
        The factor r.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.PixelUnshuffle(3)(cb.ones(1, 1, 12, 12)).shape
    (1, 9, 4, 4)
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Move space into channels."""
        return pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        """Return the factor."""
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    r"""Deals the channels of each group out to all groups.

    .. math:: y_{n,\, i g + j} = x_{n,\, j C / g + i}

    X. Zhang et al., ShuffleNet (arXiv:1707.01083). Shapes: input (N, C, *), output the same.

    Parameters
    ----------
    groups : int
        The number of groups g.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.ChannelShuffle(2)(cb.reshape(cb.arange(4.), (1, 4, 1))).flatten()
    tensor([0., 2., 1., 3.])
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        """Deal the channels out."""
        return channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        """Return the number of groups."""
        return f"groups={self.groups}"
