"""Schedules that follow a cosine down, once or again and again."""

from __future__ import annotations

import math
from typing import Any

from ..core.errors import ArgumentError
from .checks import number
from .optimizer import Optimizer
from .schedule import LRScheduler, rates_of, set_rate

__all__ = ["CosineAnnealingLR", "CosineAnnealingWarmRestarts"]


class CosineAnnealingLR(LRScheduler):
    r"""Lower the learning rate along half a cosine, from its start to `eta_min` at epoch `T_max`.

    The closed formula is ``eta_min + (base - eta_min) * (1 + cos(pi * t / T_max)) / 2``; each step multiplies the
    present rate's distance from `eta_min` by the ratio of two consecutive values, so that other changes of the rate
    are kept. Beyond `T_max` the rate rises again, without restarts.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer.
    T_max : int
        Epochs of half a period.
    eta_min : float
        The lowest learning rate.
    last_epoch : int
        The last epoch done; -1 starts anew.

    Notes
    -----
    I. Loshchilov and F. Hutter, "SGDR: Stochastic gradient descent with warm restarts", ICLR 2017.

    Examples
    --------
    >>> import candelabra as cb
    >>> optimizer = cb.optim.SGD([cb.zeros(2, requires_grad=True)], lr=1.0)
    >>> scheduler = cb.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)
    >>> rates = []
    >>> for _ in range(4):
    ...     optimizer.step()
    ...     scheduler.step()
    ...     rates.extend(round(rate, 3) for rate in scheduler.get_last_lr())
    >>> rates
    [0.854, 0.5, 0.146, 0.0]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        if not number("CosineAnnealingLR", "T_max", T_max) > 0:
            raise ArgumentError(f"CosineAnnealingLR: T_max={T_max!r} is not a positive number of epochs")
        number("CosineAnnealingLR", "eta_min", eta_min)
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """Return the next learning rates from the present ones."""
        self._warn_outside_step()
        groups = self.optimizer.param_groups
        t, period, low = self.last_epoch, self.T_max, self.eta_min
        if self._is_initial:
            return rates_of(self.optimizer)
        if self._step_count == 1 and t > 0:
            return [low + (base - low) * (1 + math.cos(t * math.pi / period)) / 2 for base in self.base_lrs]
        if (t - 1 - period) % (2 * period) == 0:
            # The rate stands at eta_min, where the ratio below is 0/0.
            return [
                group["lr"] + (base - low) * (1 - math.cos(math.pi / period)) / 2
                for base, group in zip(self.base_lrs, groups)
            ]
        ratio = (1 + math.cos(math.pi * t / period)) / (1 + math.cos(math.pi * (t - 1) / period))
        return [ratio * (group["lr"] - low) + low for group in groups]

    def _get_closed_form_lr(self) -> list[Any]:
        t, period, low = self.last_epoch, self.T_max, self.eta_min
        return [low + (base - low) * (1 + math.cos(math.pi * t / period)) / 2 for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Lower the learning rate along half a cosine, then start again at the top, each time for longer.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer.
    T_0 : int
        Epochs of the first descent.
    T_mult : int
        Factor by which each descent is longer than the one before.
    eta_min : float
        The lowest learning rate.
    last_epoch : int
        The last epoch done; -1 starts anew.

    Notes
    -----
    I. Loshchilov and F. Hutter, "SGDR: Stochastic gradient descent with warm restarts", ICLR 2017.

    Examples
    --------
    >>> import candelabra as cb
    >>> optimizer = cb.optim.SGD([cb.zeros(2, requires_grad=True)], lr=1.0)
    >>> scheduler = cb.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2, T_mult=2)
    >>> rates = []
    >>> for _ in range(6):
    ...     rates.extend(scheduler.get_last_lr())
    ...     optimizer.step()
    ...     scheduler.step()
    >>> [round(rate, 3) for rate in rates]
    [1.0, 0.5, 1.0, 0.854, 0.5, 0.146]
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        for name, value in (("T_0", T_0), ("T_mult", T_mult)):
            if not isinstance(value, int) or value < 1:
                raise ArgumentError(f"CosineAnnealingWarmRestarts: {name}={value!r} is not a positive integer")
        number("CosineAnnealingWarmRestarts", "eta_min", eta_min)
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """Return the learning rates at `T_cur` epochs of a descent of `T_i`."""
        self._warn_outside_step()
        share = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * share for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Set the learning rates of the next epoch.

        Parameters
        ----------
        epoch : float, optional
            The epoch to go to; a fraction lies between two of them, as when ``epoch + i / len(loader)`` is given after
            each batch.
        """
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        elif epoch < 0:
            raise ArgumentError(f"CosineAnnealingWarmRestarts.step: epoch={epoch} is negative")
        elif epoch < self.T_0:
            self.T_i, self.T_cur = self.T_0, epoch
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:
            rounds = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_cur = epoch - self.T_0 * (self.T_mult**rounds - 1) / (self.T_mult - 1)
            self.T_i = self.T_0 * self.T_mult**rounds
        self.last_epoch = math.floor(epoch)
        self._get_lr_called_within_step = True
        try:
            values = self.get_lr()
        finally:
            self._get_lr_called_within_step = False
        for group, value in zip(self.optimizer.param_groups, values, strict=True):
            set_rate(group, value)
        self._last_lr = rates_of(self.optimizer)
