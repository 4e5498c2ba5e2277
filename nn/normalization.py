"""Normalization over the last axes, and over the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core import dtypes, ops
from ..core.errors import ShapeError
from ..core.tensor import Tensor
from . import init
from .functions.normalization import batch_norm, layer_norm
from .module import Module
from .parameter import Parameter

__all__ = ["BatchNorm1d", "BatchNorm2d", "LayerNorm"]


class LayerNorm(Module):
    r"""Normalization over the last axes (Ba et al., 2016).

    .. math:: y = w \frac{x - \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}} + b

    Shapes: input (..., *normalized_shape), output alike; weight and bias normalized_shape, starting at 1 and 0.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        The sizes of the last axes.
    eps : float
        Added to the variance.
    elementwise_affine : bool
        Whether there is a weight, and a bias.
    bias : bool
        Whether there is a bias (with elementwise_affine only).
    device, dtype : optional
        Of the parameters.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.LayerNorm(10)(cb.ones(20, 5, 10)).shape
    (20, 5, 10)
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = (
            (normalized_shape,) if isinstance(normalized_shape, int) else tuple(int(n) for n in normalized_shape)
        )
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        for name, wanted in (("weight", elementwise_affine), ("bias", elementwise_affine and bias)):
            made = Parameter(ops.empty(self.normalized_shape, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to one and the bias to zero."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Normalize."""
        if self.weight is None:
            return layer_norm(input, self.normalized_shape, None, self.bias, self.eps)
        # The row holds the input's last axes against the weight's.
        return ops.layer_norm(input, self.weight, self.bias, axes=len(self.normalized_shape), eps=self.eps)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class _BatchNorm(Module):
    """What the batch norms of different inputs share."""

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
            "num_batches_tracked", ops.zeros((), dtype=dtypes.int64, device=device) if tracked else None
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

    def forward(self, input: Tensor) -> Tensor:
        """Normalize, and in training update the running statistics."""
        if input.ndim not in self._allowed_axes:
            raise ShapeError(f"{self._get_name()}: an input {self._needed} is needed, got {tuple(input.shape)}")
        if input.shape[1] != self.num_features:
            raise ShapeError(
                f"{self._get_name()}: axis 1 has num_features={self.num_features} channels, "
                f"got an input of shape {tuple(input.shape)}"
            )
        training = self.training
        batches = self.num_batches_tracked
        average = 0.0 if self.momentum is None else self.momentum
        if training and self.track_running_stats and batches is not None and self.momentum is None:
            average = 1.0 / (int(batches.item()) + 1)
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
