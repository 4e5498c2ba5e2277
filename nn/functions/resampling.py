"""Resampling of lines, images and volumes as functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...core import dtypes, ops
from ...core.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from ...core.tensor import Tensor
from .pooling_adaptive import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

__all__ = ["interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]

# Which row's mode it is, and how many spatial axes it takes.
_MODES: dict[str, tuple[str, tuple[int, ...]]] = {
    "nearest": ("nearest", (1, 2, 3)),
    "nearest-exact": ("nearest-exact", (1, 2, 3)),
    "area": ("area", (1, 2, 3)),
    "linear": ("linear", (1,)),
    "bilinear": ("linear", (2,)),
    "trilinear": ("linear", (3,)),
    "bicubic": ("cubic", (2,)),
    "lanczos": ("lanczos", (2,)),
}
_FIXED = ("nearest", "nearest-exact", "area")
_AREA = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resample the spatial axes to a size, or by a factor.

    Parameters
    ----------
    input : Tensor
        Shape (N, C, W), (N, C, H, W) or (N, C, D, H, W).
    size : int or sequence of int, optional
        The spatial sizes of the result; this or `scale_factor`.
    scale_factor : float or sequence of float, optional
        Output size over input size.
    mode : str
        "nearest", "nearest-exact", "area", or by the number of spatial axes "linear" (1), "bilinear", "bicubic",
        "lanczos" (2, the last with `antialias` only), "trilinear" (3).
    align_corners : bool, optional
        Whether the centres of the corner elements stay where they are; only for linear and cubic modes.
    recompute_scale_factor : bool, optional
        Whether positions follow from the rounded size rather than from `scale_factor`.
    antialias : bool
        Whether to filter as widely as the step between outputs ("bilinear", "bicubic" and "lanczos").

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.interpolate(cb.tensor([[[0., 4.]]]), scale_factor=2, mode="linear")
    tensor([[[0., 1., 3., 4.]]])
    """
    axes = input.ndim - 2
    kind, allowed = _MODES.get(mode, ("", ()))
    if not allowed:
        raise ArgumentError(f"interpolate: mode is one of {', '.join(map(repr, _MODES))}, got {mode!r}")
    if axes not in allowed:
        shapes = " or ".join(("(N, C, W)", "(N, C, H, W)", "(N, C, D, H, W)")[a - 1] for a in allowed)
        raise ShapeError(f"interpolate: mode {mode!r} takes an input {shapes}, got shape {tuple(input.shape)}")
    if align_corners is not None and mode in _FIXED:
        raise ArgumentError(f"interpolate: align_corners has a meaning in linear and cubic modes only, not in {mode!r}")
    if antialias and mode not in ("bilinear", "bicubic", "lanczos"):
        raise ArgumentError(f"interpolate: antialias=True takes mode 'bilinear', 'bicubic' or 'lanczos', not {mode!r}")
    if mode == "lanczos" and not antialias:
        raise ArgumentError("interpolate: mode 'lanczos' needs antialias=True")
    sizes = tuple(input.shape)[2:]
    wanted, factors = _target(sizes, size, scale_factor, recompute_scale_factor)
    if mode == "area":
        return _AREA[axes](input, wanted)
    if min(sizes) < 1 or min(wanted) < 1:
        raise ShapeError(f"interpolate: spatial sizes must be positive, got {sizes} to be resampled to {wanted}")
    if mode == "nearest" and axes == 2:
        # PyTorch leaves an axis of an image, though not of a line or a volume, as it is where its size is kept.
        factors = tuple(None if n == m else f for n, m, f in zip(sizes, wanted, factors))
    how: dict[str, Any] = {
        "size": wanted, "mode": kind, "scale_factor": factors, "align_corners": bool(align_corners),
        "antialias": antialias,
    }  # fmt: skip
    if input.dtype is dtypes.uint8 and mode in _FIXED:
        return ops.astype(ops.interpolate(ops.astype(input, dtypes.float32), **how), dtypes.uint8)
    if input.dtype.kind != "float":
        raise DTypeError(f"interpolate: takes floating-point dtypes, not {input.dtype.name}; convert with x.float()")
    return ops.interpolate(input, **how)


def _target(
    sizes: tuple[int, ...], size: Any, scale_factor: Any, recompute: bool | None
) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """Return the output sizes, and the factors that positions follow from, None for the sizes' own."""
    if (size is None) == (scale_factor is None):
        raise ArgumentError("interpolate: give either size or scale_factor")
    if size is not None:
        if recompute:
            raise ArgumentError("interpolate: recompute_scale_factor=True needs scale_factor, not size")
        wanted = _listed("size", size, sizes)
        if not all(isinstance(m, int) for m in wanted):
            raise ArgumentTypeError(f"interpolate: size is an int or {len(sizes)} ints, got {size!r}")
        return wanted, (None,) * len(sizes)
    factors = tuple(float(f) for f in _listed("scale_factor", scale_factor, sizes))
    wanted = tuple(math.floor(n * f) for n, f in zip(sizes, factors))
    return wanted, (None,) * len(sizes) if recompute else factors


def _listed(name: str, value: Any, sizes: tuple[int, ...]) -> tuple[Any, ...]:
    if not isinstance(value, (tuple, list)):
        return (value,) * len(sizes)
    if len(value) != len(sizes):
        raise ArgumentError(f"interpolate: {name} has {len(value)} elements, the input spatial sizes {sizes}")
    return tuple(value)


def upsample(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """Resample: the older name of `interpolate`.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.upsample(cb.ones(1, 1, 2, 3), scale_factor=2).shape
    (1, 1, 4, 6)
    """
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(
    input: Tensor, size: int | Sequence[int] | None = None, scale_factor: float | Sequence[float] | None = None
) -> Tensor:
    """Resample by the nearest element: `interpolate` in mode "nearest".

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.upsample_nearest(cb.tensor([[[1., 2.]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(
    input: Tensor, size: int | Sequence[int] | None = None, scale_factor: float | Sequence[float] | None = None
) -> Tensor:
    """Resample images linearly with the corners' centres in place: `interpolate` with ``align_corners=True``.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.upsample_bilinear(cb.ones(1, 1, 2, 3), size=4).shape
    (1, 1, 4, 4)
    """
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)
