"""Dropout as functions: of elements, of channels, and the kinds that keep mean and variance."""

from __future__ import annotations

import warnings

from ...core import ops
from ...core.drawing import draw, number
from ...core.errors import ArgumentError, DTypeError, ShapeError
from ...core.tensor import Tensor
from .activation import written

__all__ = ["alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"]

# What a SELU gives for large negative numbers, its sign changed: scale times alpha.
_SATURATION = 1.7580993408473766


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    r"""Set elements to zero at random with probability `p` and scale the others by 1 / (1 - p) (Hinton et al., 2012).

    .. math:: y = m x / (1 - p), \quad m \sim \mathrm{Bernoulli}(1 - p)

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.dropout(cb.ones(2), training=False)
    tensor([1., 1.])
    """
    p = probability("dropout", p)
    if not training or p == 0.0:
        return input
    out = ops.multiply(input, 0.0) if p == 1.0 else ops.dropout(input, p=p)
    return written(input, out) if inplace else out


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    r"""Set whole channels of sequences to zero at random and scale the others by 1 / (1 - p) (Tompson et al., 2015).

    .. math:: y_{nc} = m_{nc} x_{nc} / (1 - p), \quad m_{nc} \sim \mathrm{Bernoulli}(1 - p)

    Shapes: input (N, C, L) or (C, L).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.dropout1d(cb.ones(1, 2, 2), p=1.0)
    tensor([[[0., 0.],
             [0., 0.]]])
    """
    if input.ndim not in (2, 3):
        raise ShapeError(
            f"dropout1d: an input of shape (N, C, L) or (C, L) is needed, got {tuple(input.shape)}; "
            "dropout works on any shape"
        )
    return _channels("dropout1d", input, p, training, inplace, input.ndim == 3)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    r"""Set whole channels of images to zero at random and scale the others by 1 / (1 - p) (Tompson et al., 2015).

    .. math:: y_{nc} = m_{nc} x_{nc} / (1 - p), \quad m_{nc} \sim \mathrm{Bernoulli}(1 - p)

    Shapes: input (N, C, H, W). As in PyTorch three axes are taken for (N, C, L), with a warning, and any other number
    for (N, C, ...), with a warning too.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.dropout2d(cb.ones(1, 1, 1, 2), p=1.0)
    tensor([[[[0., 0.]]]])
    """
    if input.ndim == 3:
        warnings.warn(
            f"dropout2d: an input of shape {tuple(input.shape)} is taken for (N, C, L), as PyTorch does, and not for "
            "an unbatched (C, H, W); use dropout1d for (N, C, L), or unsqueeze an image",
            stacklevel=2,
        )
    elif input.ndim != 4:
        _warn_of_axes("dropout2d", "(N, C, H, W)", input)
    return _channels("dropout2d", input, p, training, inplace, True)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    r"""Set whole channels of volumes to zero at random and scale the others by 1 / (1 - p) (Tompson et al., 2015).

    .. math:: y_{nc} = m_{nc} x_{nc} / (1 - p), \quad m_{nc} \sim \mathrm{Bernoulli}(1 - p)

    Shapes: input (N, C, D, H, W) or (C, D, H, W). As in PyTorch any other number of axes is taken for (C, ...), with a
    warning.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.dropout3d(cb.ones(1, 1, 1, 2), p=1.0)
    tensor([[[[0., 0.]]]])
    """
    if input.ndim not in (4, 5):
        _warn_of_axes("dropout3d", "(N, C, D, H, W) or (C, D, H, W)", input)
    return _channels("dropout3d", input, p, training, inplace, input.ndim == 5)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    r"""Let elements saturate at random so that mean and variance stay those of SELUs (Klambauer et al., 2017).

    .. math:: y = a (m x + (1 - m) \alpha') + b, \quad m \sim \mathrm{Bernoulli}(1 - p), \quad \alpha' \approx -1.758

    a and b keep mean 0 and variance 1.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.alpha_dropout(cb.ones(2), training=False)
    tensor([1., 1.])
    """
    p = probability("alpha_dropout", p)
    if not training or p == 0.0:
        return input
    out = _saturated("alpha_dropout", input, p, tuple(input.shape))
    return written(input, out) if inplace else out


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    r"""Let whole channels saturate at random so that mean and variance stay those of SELUs (Klambauer et al., 2017).

    .. math:: y_{nc} = a (m_{nc} x_{nc} + (1 - m_{nc}) \alpha') + b, \quad m_{nc} \sim \mathrm{Bernoulli}(1 - p)

    Shapes: input (N, C, ...).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.feature_alpha_dropout(cb.ones(1, 2), training=False)
    tensor([[1., 1.]])
    """
    p = probability("feature_alpha_dropout", p)
    if not training or p == 0.0:
        return input
    out = _saturated("feature_alpha_dropout", input, p, _of_channels("feature_alpha_dropout", input))
    return written(input, out) if inplace else out


def probability(name: str, p: float, argument: str = "p") -> float:
    """Return `p` if it is a probability."""
    p = number(name, argument, p)
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(f"{name}: {argument} is a probability between 0 and 1, got {p}")
    return p


def _warn_of_axes(name: str, shape: str, input: Tensor) -> None:
    warnings.warn(
        f"{name}: an input of shape {shape} is meant, got {tuple(input.shape)}; dropout works on any shape",
        stacklevel=3,
    )


def _of_channels(name: str, input: Tensor) -> tuple[int, ...]:
    """The shape of a mask with one number for each channel of each sample."""
    if input.ndim < 2:
        raise ShapeError(f"{name}: at least the axes (N, C) are needed, got shape {tuple(input.shape)}")
    return (*input.shape[:2], *(1,) * (input.ndim - 2))


def _mask(name: str, input: Tensor, keep: float, shape: tuple[int, ...]) -> Tensor:
    if not input.dtype.is_floating_point:
        raise DTypeError(f"{name}: takes floating-point dtypes, not {input.dtype.name}; convert it with .float()")
    return draw("bernoulli", shape, input.dtype, input.device.physical, None, p=keep)


def _channels(name: str, input: Tensor, p: float, training: bool, inplace: bool, batched: bool) -> Tensor:
    p = probability(name, p)
    if not training or p == 0.0:
        return input
    if batched:
        shape = _of_channels(name, input)
    elif input.ndim:
        shape = (input.shape[0], *(1,) * (input.ndim - 1))
    else:
        raise ShapeError(f"{name}: a channel axis is needed, got a 0-d input")
    if p == 1.0:
        out = ops.multiply(input, 0.0)
    else:
        keep = 1.0 - p
        out = ops.multiply(input, ops.multiply(_mask(name, input, keep, shape), 1.0 / keep))
    return written(input, out) if inplace else out


def _saturated(name: str, input: Tensor, p: float, shape: tuple[int, ...]) -> Tensor:
    if p == 1.0:
        return ops.multiply(input, 0.0)
    keep = 1.0 - p
    a = ((_SATURATION**2 * p + 1.0) * keep) ** -0.5
    mask = _mask(name, input, keep, shape)
    # a (m x - (1 - m) s) + a s p, with s the saturation.
    shift = ops.add(ops.multiply(mask, _SATURATION * a), _SATURATION * a * (p - 1.0))
    return ops.add(ops.multiply(input, ops.multiply(mask, a)), shift)
