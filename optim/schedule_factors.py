"""Schedules that multiply the learning rate by something simple."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from typing import Any

from ..core.errors import ArgumentError
from .checks import number
from .optimizer import Optimizer
from .schedule import FunctionScheduler, LRScheduler, rates_of

__all__ = [
    "ConstantLR",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "PolynomialLR",
    "StepLR",
]


class LambdaLR(FunctionScheduler):
    """The initial learning rate times a function of the epoch.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer.
    lr_lambda : callable or sequence of callable
        Returns the factor for an epoch; one for all groups, or one for each.
    last_epoch : int
        The last epoch done; -1 starts anew.

    Examples
    --------
    >>> import candelabra as cb
    >>> optimizer = cb.optim.SGD([cb.zeros(2, requires_grad=True)], lr=0.5)
    >>> scheduler = cb.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def get_lr(self) -> list[Any]:
        """Return the initial learning rates times the factors of epoch `last_epoch`."""
        self._warn_outside_step()
        return [base * function(self.last_epoch) for function, base in zip(self.lr_lambdas, self.base_lrs)]


class MultiplicativeLR(FunctionScheduler):
    """Multiply the learning rate in each epoch by a function of the epoch.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer.
    lr_lambda : callable or sequence of callable
        Returns the factor for an epoch; one for all groups, or one for each.
    last_epoch : int
        The last epoch done; -1 starts anew.

    Examples
    --------
    >>> import candelabra as cb
    >>> optimizer = cb.optim.SGD([cb.zeros(2, requires_grad=True)], lr=0.5)
    >>> scheduler = cb.optim.lr_scheduler.MultiplicativeLR(optimizer, lambda epoch: 0.5)
    >>> rates = []
    >>> for _ in range(3):
    ...     rates.extend(scheduler.get_last_lr())
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [0.5, 0.25, 0.125]
    """

    def get_lr(self) -> list[Any]:
        """Return the present learning rates times the factors of epoch `last_epoch`."""
        self._warn_outside_step()
        if self._is_initial:
            return rates_of(self.optimizer)
        groups = self.optimizer.param_groups
        return [group["lr"] * function(self.last_epoch) for function, group in zip(self.lr_lambdas, groups)]


class StepLR(LRScheduler):
    """Multiply the learning rate by `gamma` every `step_size` epochs.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer.
    step_size : int
        Epochs between two changes.
    gamma : float
        The factor.
    last_epoch : int
        The last epoch done; -1 starts anew.

    Examples
    --------
    >>> import candelabra as cb
    >>> optimizer = cb.optim.SGD([cb.zeros(2, requires_grad=True)], lr=1.0)
    >>> scheduler = cb.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> rates = []
    >>> for _ in range(5):
    ...     rates.extend(scheduler.get_last_lr())
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        if not isinstance(step_size, int) or step_size < 1:
            raise ArgumentError(f"StepLR: step_size={step_size!r} is not a positive integer")
        number("StepLR", "gamma", gamma)
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """Return the present learning rates, times `gamma` where `last_epoch` is a multiple of `step_size`."""
        self._warn_outside_step()
        if self.last_epoch == 0 or self.last_epoch % self.step_size != 0:
            return rates_of(self.optimizer)
        return [group["lr"] * self.gamma for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Any]:
        return [base * self.gamma ** (self.last_epoch // self.step_size) for base in self.base_lrs]


class MultiStepLR(LRScheduler):
    """Multiply the learning rate by `gamma` at each of the given epochs.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer.
    milestones : iterable of int
        The epochs; one that is named twice counts twice.
    gamma : float
        The factor.
    last_epoch : int
        The last epoch done; -1 starts anew.

    Examples
    --------
    >>> import candelabra as cb
    >>> optimizer = cb.optim.SGD([cb.zeros(2, requires_grad=True)], lr=1.0)
    >>> scheduler = cb.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[1, 3], gamma=0.5)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.extend(scheduler.get_last_lr())
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 0.5, 0.5, 0.25]
    """

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        number("MultiStepLR", "gamma", gamma)
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """Return the present learning rates, times `gamma` where `last_epoch` is a milestone."""
        self._warn_outside_step()
        times = self.milestones.get(self.last_epoch)
        if times is None:
            return rates_of(self.optimizer)
        return [group["lr"] * self.gamma**times for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Any]:
        passed = bisect_right(sorted(Counter(self.milestones).elements()), self.last_epoch)
        return [base * self.gamma**passed for base in self.base_lrs]


class ConstantLR(LRScheduler):
    """The learning rate times `factor` in the first epochs, then the learning rate itself.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer.
    factor : float
        The factor, between 0 and 1.
    total_iters : int
        How many epochs it lasts.
    last_epoch : int
        The last epoch done; -1 starts anew.

    Examples
    --------
    >>> import candelabra as cb
    >>> optimizer = cb.optim.SGD([cb.zeros(2, requires_grad=True)], lr=1.0)
    >>> scheduler = cb.optim.lr_scheduler.ConstantLR(optimizer, factor=0.25, total_iters=2)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.extend(scheduler.get_last_lr())
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [0.25, 0.25, 1.0, 1.0]
    """

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        if not 0 <= number("ConstantLR", "factor", factor) <= 1:
            raise ArgumentError(f"ConstantLR: factor={factor} is not between 0 and 1")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """Return the present learning rates, multiplied at the beginning and divided at the end."""
        self._warn_outside_step()
        groups = self.optimizer.param_groups
        if self.last_epoch == 0:
            return [group["lr"] * self.factor for group in groups]
        if self.last_epoch != self.total_iters:
            return rates_of(self.optimizer)
        # From nothing there is no way back by a factor.
        return [group["lr"] * (1.0 / self.factor) for group in groups] if self.factor else list(self.base_lrs)

    def _get_closed_form_lr(self) -> list[Any]:
        return [
            base * (self.factor + (self.last_epoch >= self.total_iters) * (1 - self.factor)) for base in self.base_lrs
        ]


class LinearLR(LRScheduler):
    """The learning rate times a factor that goes along a line from `start_factor` to `end_factor`.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer.
    start_factor : float
        The factor of the first epoch, above 0 and at most 1.
    end_factor : float
        The factor from epoch `total_iters` on, between 0 and 1.
    total_iters : int
        Epochs from the one to the other.
    last_epoch : int
        The last epoch done; -1 starts anew.

    Examples
    --------
    >>> import candelabra as cb
    >>> optimizer = cb.optim.SGD([cb.zeros(2, requires_grad=True)], lr=1.0)
    >>> scheduler = cb.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.5, total_iters=2)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.extend(scheduler.get_last_lr())
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [0.5, 0.75, 1.0, 1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < number("LinearLR", "start_factor", start_factor) <= 1:
            raise ArgumentError(f"LinearLR: start_factor={start_factor} is not above 0 and at most 1")
        if not 0 <= number("LinearLR", "end_factor", end_factor) <= 1:
            raise ArgumentError(f"LinearLR: end_factor={end_factor} is not between 0 and 1")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """Return the present learning rates times the ratio of two consecutive factors."""
        self._warn_outside_step()
        groups = self.optimizer.param_groups
        if self.last_epoch == 0:
            return [group["lr"] * self.start_factor for group in groups]
        if self._is_initial or self.last_epoch > self.total_iters:
            return rates_of(self.optimizer)
        rise = self.end_factor - self.start_factor
        former = self.total_iters * self.start_factor + (self.last_epoch - 1) * rise
        return [group["lr"] * (1.0 + rise / former) for group in groups]

    def _get_closed_form_lr(self) -> list[Any]:
        rise = self.end_factor - self.start_factor
        epoch = min(self.total_iters, self.last_epoch)
        return [base * (self.start_factor + rise * epoch / self.total_iters) for base in self.base_lrs]


class ExponentialLR(LRScheduler):
    """Multiply the learning rate by `gamma` in every epoch.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer.
    gamma : float
        The factor.
    last_epoch : int
        The last epoch done; -1 starts anew.

    Examples
    --------
    >>> import candelabra as cb
    >>> optimizer = cb.optim.SGD([cb.zeros(2, requires_grad=True)], lr=1.0)
    >>> scheduler = cb.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> rates = []
    >>> for _ in range(3):
    ...     rates.extend(scheduler.get_last_lr())
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 0.5, 0.25]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        number("ExponentialLR", "gamma", gamma)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """Return the present learning rates times `gamma`."""
        self._warn_outside_step()
        if self._is_initial:
            return rates_of(self.optimizer)
        return [group["lr"] * self.gamma for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Any]:
        return [base * self.gamma**self.last_epoch for base in self.base_lrs]


class PolynomialLR(LRScheduler):
    """The learning rate times ``(1 - epoch / total_iters)**power``, down to zero.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer.
    total_iters : int
        Epochs until zero.
    power : float
        The exponent.
    last_epoch : int
        The last epoch done; -1 starts anew.

    Examples
    --------
    >>> import candelabra as cb
    >>> optimizer = cb.optim.SGD([cb.zeros(2, requires_grad=True)], lr=1.0)
    >>> scheduler = cb.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=4, power=2.0)
    >>> rates = []
    >>> for _ in range(5):
    ...     rates.extend(scheduler.get_last_lr())
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 0.5625, 0.25, 0.0625, 0.0]
    """

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        number("PolynomialLR", "power", power)
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """Return the present learning rates times the ratio of two consecutive factors."""
        self._warn_outside_step()
        epoch, total = self.last_epoch, self.total_iters
        if self._is_initial or epoch > total:
            return rates_of(self.optimizer)
        factor = ((1.0 - epoch / total) / (1.0 - (epoch - 1) / total)) ** self.power
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Any]:
        epoch = min(self.total_iters, self.last_epoch)
        return [base * (1.0 - epoch / self.total_iters) ** self.power for base in self.base_lrs]
