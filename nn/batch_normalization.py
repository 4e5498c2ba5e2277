"""Normalization of every channel, over the batch or of each sample, with running statistics."""

from __future__ import annotations

import warnings
from typing import Any

from ..core import dtypes, ops
from ..core.device import as_device
from ..core.errors import ShapeError
from ..core.tensor import Tensor
from . import init
from .functions.normalization import batch_norm, instance_norm
from .module import Module
from .parameter import Parameter

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
]


class _Norm(Module):
    """What batch and instance norms share: parameters and running statistics."""

    _version = 2
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None
    _allowed_axes: tuple[int, ...] = ()
    _needed = ""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        factory = {"device": device, "dtype": dtype}
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            self.register_parameter(name, Parameter(ops.empty((num_features,), **factory)) if wanted else None)
        tracked = track_running_stats
        self.register_buffer("running_mean", ops.zeros((num_features,), **factory) if tracked else None)
        self.register_buffer("running_var", ops.ones((num_features,), **factory) if tracked else None)
        self.register_buffer(
            "num_batches_tracked", ops.zeros((), dtype=as_device(device).whole, device=device) if tracked else None
        )
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the running statistics."""
        if self.running_mean is not None:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)  # type: ignore[arg-type]
            self.num_batches_tracked.fill_(0)  # type: ignore[union-attr]

    def reset_parameters(self) -> None:
        """Forget the running statistics, set the weight to one and the bias to zero."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *rest: Any
    ) -> None:
        # PyTorch's state dicts without a version 2 mark may come from before the batches were counted.
        key = prefix + "num_batches_tracked"
        if local_metadata.get("version", 1) < 2 and self.track_running_stats and key not in state_dict:
            count = self.num_batches_tracked
            state_dict[key] = ops.zeros((), dtype=dtypes.int64) if count is None else count.detach()
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def _check_axes(self, input: Tensor) -> None:
        if input.ndim not in self._allowed_axes:
            raise ShapeError(f"{self._get_name()}: an input {self._needed} is needed, got {tuple(input.shape)}")


class _BatchNorm(_Norm):
    """What the batch norms of different inputs share."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalize, and in training update the running statistics."""
        self._check_axes(input)
        if input.shape[1] != self.num_features:
            raise ShapeError(
                f"{self._get_name()}: axis 1 has num_features={self.num_features} channels, "
                f"got an input of shape {tuple(input.shape)}"
            )
        training = self.training
        batches = self.num_batches_tracked
        average: Any = 0.0 if self.momentum is None else self.momentum
        if training and self.track_running_stats and batches is not None and self.momentum is None:
            average = ops.divide(1.0, ops.add(batches, 1).to(input.dtype))
        # Without running statistics the batch's are used in evaluation too.
        use_batch = training or (self.running_mean is None and self.running_var is None)
        keep = not training or self.track_running_stats
        out = batch_norm(
            input,
            self.running_mean if keep else None,
            self.running_var if keep else None,
            self.weight,
            self.bias,
            use_batch,
            average,
            self.eps,
        )
        # After the computation, which may refuse the input.
        if training and self.track_running_stats and batches is not None:
            batches._rebind(ops.add(batches, 1).array)
        return out


class BatchNorm1d(_BatchNorm):
    r"""Normalization of every channel over the batch (Ioffe and Szegedy, 2015).

    .. math:: y = w \frac{x - \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}} + b

    Shapes: input (N, num_features) or (N, num_features, L), output alike; weight and bias (num_features,).

    Parameters
    ----------
    num_features : int
        Channels.
    eps : float
        Added to the variance.
    momentum : float, optional
        How far the running statistics move to the batch's; None keeps their plain average over all batches.
    affine : bool
        Whether there is a weight, and a bias.
    track_running_stats : bool
        Whether running statistics are kept and used in evaluation.
    device, dtype : optional
        Of parameters and statistics.
    bias : bool
        Whether there is a bias (with affine only).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.BatchNorm1d(100)(cb.ones(20, 100)).shape
    (20, 100)
    """

    _allowed_axes = (2, 3)
    _needed = "(N, C) or (N, C, L)"


class BatchNorm2d(_BatchNorm):
    r"""Normalization of every channel of images over the batch (Ioffe and Szegedy, 2015).

    .. math:: y = w \frac{x - \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}} + b

    Shapes: input (N, num_features, H, W), output alike; weight and bias (num_features,).

    Parameters
    ----------
    num_features : int
        Channels.
    eps : float
        Added to the variance.
    momentum : float, optional
        How far the running statistics move to the batch's; None keeps their plain average over all batches.
    affine : bool
        Whether there is a weight, and a bias.
    track_running_stats : bool
        Whether running statistics are kept and used in evaluation.
    device, dtype : optional
        Of parameters and statistics.
    bias : bool
        Whether there is a bias (with affine only).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.BatchNorm2d(100)(cb.ones(20, 100, 35, 45)).shape
    (20, 100, 35, 45)
    """

    _allowed_axes = (4,)
    _needed = "(N, C, H, W)"


class BatchNorm3d(_BatchNorm):
    r"""Normalization of every channel of volumes over the batch (Ioffe and Szegedy, 2015).

    .. math:: y = w \frac{x - \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}} + b

    Shapes: input (N, num_features, D, H, W), output alike; weight and bias (num_features,).

    Parameters
    ----------
    num_features : int
        Channels.
    eps : float
        Added to the variance.
    momentum : float, optional
        How far the running statistics move to the batch's; None keeps their plain average over all batches.
    affine : bool
        Whether there is a weight, and a bias.
    track_running_stats : bool
        Whether running statistics are kept and used in evaluation.
    device, dtype : optional
        Of parameters and statistics.
    bias : bool
        Whether there is a bias (with affine only).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.BatchNorm3d(100)(cb.ones(20, 100, 5, 4, 3)).shape
    (20, 100, 5, 4, 3)
    """

    _allowed_axes = (5,)
    _needed = "(N, C, D, H, W)"


class _InstanceNorm(_Norm):
    """What the instance norms of different inputs share."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        """Normalize, and in training update the running statistics."""
        self._check_axes(input)
        alone = input.ndim == self._allowed_axes[0]
        axis = 0 if alone else 1
        if input.shape[axis] != self.num_features:
            text = (
                f"{self._get_name()}: axis {axis} has num_features={self.num_features} channels, "
                f"got an input of shape {tuple(input.shape)}"
            )
            if self.affine or self.track_running_stats:
                raise ShapeError(text)
            warnings.warn(f"{text}; without affine and running statistics that is no matter", stacklevel=3)
        out = instance_norm(
            ops.expand_dims(input, axis=0) if alone else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return ops.squeeze(out, 0) if alone else out

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *rest: Any
    ) -> None:
        # Before PyTorch 0.4 instance norms always had running statistics: say what to do with them.
        stale = [k for k in (f"{prefix}running_mean", f"{prefix}running_var") if k in state_dict]
        if local_metadata.get("version") is None and not self.track_running_stats and stale:
            rest[-1].append(
                f"running statistics {', '.join(map(repr, stale))} for {self._get_name()} with "
                "track_running_stats=False; take them out of the state dict, or set track_running_stats=True"
            )
            for key in stale:
                state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class InstanceNorm1d(_InstanceNorm):
    r"""Normalization of every channel of each sample of sequences (Ulyanov et al., 2016).

    .. math:: y = w \frac{x - \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}} + b

    Shapes: input (N, num_features, L), or (num_features, L) of one sample, output alike;
    weight and bias (num_features,).

    Parameters
    ----------
    num_features : int
        Channels.
    eps : float
        Added to the variance.
    momentum : float
        How far the running statistics move to those of a batch.
    affine : bool
        Whether there is a weight, and a bias.
    track_running_stats : bool
        Whether running statistics are kept and used in evaluation.
    device, dtype : optional
        Of parameters and statistics.
    bias : bool
        Whether there is a bias (with affine only).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.InstanceNorm1d(10)(cb.ones(20, 10, 8)).shape
    (20, 10, 8)
    """

    _allowed_axes = (2, 3)
    _needed = "(N, C, L) or (C, L)"


class InstanceNorm2d(_InstanceNorm):
    r"""Normalization of every channel of each sample of images (Ulyanov et al., 2016).

    .. math:: y = w \frac{x - \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}} + b

    Shapes: input (N, num_features, H, W), or (num_features, H, W) of one sample, output alike;
    weight and bias (num_features,).

    Parameters
    ----------
    num_features : int
        Channels.
    eps : float
        Added to the variance.
    momentum : float
        How far the running statistics move to those of a batch.
    affine : bool
        Whether there is a weight, and a bias.
    track_running_stats : bool
        Whether running statistics are kept and used in evaluation.
    device, dtype : optional
        Of parameters and statistics.
    bias : bool
        Whether there is a bias (with affine only).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.InstanceNorm2d(10)(cb.ones(20, 10, 3, 4)).shape
    (20, 10, 3, 4)
    """

    _allowed_axes = (3, 4)
    _needed = "(N, C, H, W) or (C, H, W)"


class InstanceNorm3d(_InstanceNorm):
    r"""Normalization of every channel of each sample of volumes (Ulyanov et al., 2016).

    .. math:: y = w \frac{x - \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}} + b

    Shapes: input (N, num_features, D, H, W), or (num_features, D, H, W) of one sample, output alike;
    weight and bias (num_features,).

    Parameters
    ----------
    num_features : int
        Channels.
    eps : float
        Added to the variance.
    momentum : float
        How far the running statistics move to those of a batch.
    affine : bool
        Whether there is a weight, and a bias.
    track_running_stats : bool
        Whether running statistics are kept and used in evaluation.
    device, dtype : optional
        Of parameters and statistics.
    bias : bool
        Whether there is a bias (with affine only).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.InstanceNorm3d(10)(cb.ones(20, 10, 2, 3, 4)).shape
    (20, 10, 2, 3, 4)
    """

    _allowed_axes = (4, 5)
    _needed = "(N, C, D, H, W) or (C, D, H, W)"
