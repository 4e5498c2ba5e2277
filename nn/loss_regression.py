"""Losses of numbers: the modules that hold their settings."""

from __future__ import annotations

from ..core.errors import ArgumentError, ArgumentTypeError
from ..core.tensor import Tensor
from .functions.loss_regression import (
    gaussian_nll_loss,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    poisson_nll_loss,
    smooth_l1_loss,
)
from .loss_base import _Loss

__all__ = [
    "GaussianNLLLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "PoissonNLLLoss",
    "SmoothL1Loss",
]


class MSELoss(_Loss):
    r"""The mean of squared errors.

    .. math:: \ell = \mathrm{mean}((x - y)^2)

    Shapes: input and target alike; a scalar, or their shape with ``reduction="none"``.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.MSELoss()(cb.asarray([1., 2.]), cb.asarray([1., 4.]))
    tensor(2.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return mse_loss(input, target, None, None, self.reduction)


class L1Loss(_Loss):
    r"""The mean of absolute errors.

    .. math:: \ell = \mathrm{mean}(|x - y|)

    Shapes: input and target alike; a scalar, or their shape with ``reduction="none"``.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.L1Loss()(cb.asarray([1., 2.]), cb.asarray([1., 4.]))
    tensor(1.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    r"""The mean of errors that are squared where small and absolute where large (Girshick, 2015).

    .. math:: \ell = \begin{cases} (x - y)^2 / 2\beta & |x - y| < \beta \\ |x - y| - \beta / 2 \end{cases}

    Shapes: input and target alike; a scalar, or their shape with ``reduction="none"``.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.SmoothL1Loss()(cb.asarray([1., 2.]), cb.asarray([2., 4.]))
    tensor(1.)
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        beta: float = 1.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        if beta < 0:
            raise ArgumentError(f"SmoothL1Loss: beta is not negative, got {beta}")
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    r"""The mean of errors that are squared where small and absolute where large (Huber, 1964).

    .. math:: \ell = \begin{cases} (x - y)^2 / 2 & |x - y| < \delta \\ \delta (|x - y| - \delta / 2) \end{cases}

    Shapes: input and target alike; a scalar, or their shape with ``reduction="none"``.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.HuberLoss()(cb.asarray([1., 2.]), cb.asarray([2., 4.]))
    tensor(1.)
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        if not isinstance(delta, (float, int)):
            raise ArgumentTypeError(f"HuberLoss: delta is a number, got {type(delta).__name__}")
        if not delta > 0:
            raise ArgumentError(f"HuberLoss: delta is positive, got {delta}")
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class KLDivLoss(_Loss):
    r"""The Kullback-Leibler divergence of the input from the target.

    .. math:: \ell = y (\ln y - x)

    Shapes: input (log probabilities) and target (probabilities, or logarithms with ``log_target=True``) broadcast.
    ``reduction="batchmean"`` divides the sum by the first axis's size, as the divergence is defined.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.KLDivLoss(reduction="batchmean")(cb.log(cb.asarray([[0.5, 0.5]])), cb.asarray([[1., 0.]]))
    tensor(0.6931)
    """

    _reductions = ("batchmean",)

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class PoissonNLLLoss(_Loss):
    r"""The negative log likelihood of counts under Poisson distributions.

    .. math:: \ell = e^x - y x \quad\text{or}\quad x - y \ln(x + \epsilon)

    Shapes: input (the logarithms of the means, or the means with ``log_input=False``) and target broadcast.

    Parameters
    ----------
    log_input : bool
        Whether the input is the logarithm of the mean.
    full : bool
        Add Stirling's approximation of :math:`\ln y!` where y > 1.
    size_average, reduce : bool, optional
        Deprecated forms of `reduction`.
    eps : float
        Keeps the logarithm finite where `log_input` is False.
    reduction : {"mean", "sum", "none"}
        What becomes of the losses.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.PoissonNLLLoss()(cb.asarray([0.]), cb.asarray([3.]))
    tensor(1.)
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return poisson_nll_loss(
            log_input, target, log_input=self.log_input, full=self.full, eps=self.eps, reduction=self.reduction
        )


class GaussianNLLLoss(_Loss):
    r"""The negative log likelihood under normal distributions of given means and variances.

    .. math:: \ell = \tfrac12 (\ln \max(v, \epsilon) + (x - y)^2 / \max(v, \epsilon))

    Shapes: input (the means) and target broadcast; var has the input's shape, or that with one axis of size 1 or
    without the last axis, or is a number. ``full=True`` adds :math:`\tfrac12 \ln 2\pi`.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.GaussianNLLLoss()(cb.asarray([1.]), cb.asarray([3.]), cb.asarray([1.]))
    tensor(2.)
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(None, None, reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        """Return the loss."""
        return gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)
