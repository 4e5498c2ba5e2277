"""Schedulers made of schedulers, and the one that waits for a plateau."""

from __future__ import annotations

import math
import warnings
from bisect import bisect_right
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from ..core.errors import ArgumentError, ArgumentTypeError, StateDictError
from .checks import number, scalar
from .optimizer import Optimizer
from .schedule import LRScheduler, checked_optimizer, rates_of, set_rate

__all__ = ["ChainedScheduler", "ReduceLROnPlateau", "SequentialLR"]


class JoinedScheduler(LRScheduler):
    """Base of schedulers that are made of others."""

    _schedulers: Sequence[LRScheduler]

    def _check_members(self, schedulers: Any, optimizer: Any) -> Optimizer:
        """Return the optimizer that all members share, or raise."""
        owner = type(self).__name__
        if not isinstance(schedulers, (list, tuple)) or not schedulers:
            raise ArgumentError(f"{owner}: schedulers={schedulers!r} is not a list of at least one scheduler")
        for index, member in enumerate(schedulers):
            if isinstance(member, ReduceLROnPlateau):
                raise ArgumentError(
                    f"{owner}: scheduler {index} is a ReduceLROnPlateau, whose step takes a metric; step it on its own"
                )
            if not isinstance(member, LRScheduler):
                raise ArgumentTypeError(f"{owner}: scheduler {index} is of type {type(member).__name__}")
        optimizer = schedulers[0].optimizer if optimizer is None else checked_optimizer(owner, optimizer)
        for index, member in enumerate(schedulers):
            if member.optimizer is not optimizer:
                raise ArgumentError(
                    f"{owner}: scheduler {index}, a {type(member).__name__}, acts on another optimizer than the "
                    "others; make all of them for one"
                )
        return optimizer

    def state_dict(self) -> dict[str, Any]:
        """Return all attributes but the optimizer, and the state dicts of the schedulers."""
        state = {key: deepcopy(v) for key, v in self.__dict__.items() if key not in ("optimizer", "_schedulers")}
        state["_schedulers"] = [member.state_dict() for member in self._schedulers]
        return state

    def _checked(self, state_dict: Any) -> dict[str, Any]:
        state = super()._checked(state_dict)
        saved = state["_schedulers"]
        if len(saved) != len(self._schedulers):
            raise StateDictError(
                f"{type(self).__name__}.load_state_dict: the state dict has {len(saved)} schedulers, this one "
                f"{len(self._schedulers)}"
            )
        state["_schedulers"] = [member._checked(part) for member, part in zip(self._schedulers, saved)]
        return state

    def _apply(self, state: dict[str, Any]) -> None:
        for member, part in zip(self._schedulers, state.pop("_schedulers")):
            member._apply(part)
        super()._apply(state)


def undo(scheduler: Any) -> None:
    """Take back the first step that every scheduler makes when it is built."""
    if isinstance(scheduler, JoinedScheduler):
        for member in scheduler._schedulers:
            undo(member)
    else:
        scheduler.last_epoch -= 1


class SequentialLR(JoinedScheduler):
    """One scheduler after another, each from its own beginning.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer.
    schedulers : list of LRScheduler
        The schedulers, all of this optimizer.
    milestones : list of int
        The epochs at which the second, the third and so on take over: one fewer than schedulers.
    last_epoch : int
        The last epoch done; -1 starts anew.

    Raises
    ------
    ArgumentError
        The numbers of schedulers and milestones do not fit, the schedulers act on different optimizers, or one of them
        is a `ReduceLROnPlateau`.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.optim.lr_scheduler import ConstantLR, ExponentialLR, SequentialLR
    >>> optimizer = cb.optim.SGD([cb.zeros(2, requires_grad=True)], lr=1.0)
    >>> first, second = ConstantLR(optimizer, factor=0.5, total_iters=2), ExponentialLR(optimizer, gamma=0.25)
    >>> scheduler = SequentialLR(optimizer, [first, second], milestones=[2])
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.extend(scheduler.get_last_lr())
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [0.5, 0.5, 1.0, 0.25]
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int], last_epoch: int = -1
    ) -> None:
        self.optimizer = self._check_members(schedulers, checked_optimizer("SequentialLR", optimizer))
        if len(milestones) != len(schedulers) - 1:
            raise ArgumentError(
                f"SequentialLR: {len(schedulers)} schedulers take {len(schedulers) - 1} milestones; got "
                f"{len(milestones)}"
            )
        self._schedulers = schedulers
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        # Every scheduler has made its first step by now; only the first one's is to count.
        for group in optimizer.param_groups:
            set_rate(group, group["initial_lr"])
        undo(self)
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def step(self, epoch: int | None = None) -> None:
        """Let the scheduler whose turn it is set the learning rates of the next epoch."""
        if epoch is not None:
            raise ArgumentError("SequentialLR.step: takes no epoch; call step()")
        self.last_epoch += 1
        index = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[index]
        if index > 0 and self._milestones[index - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


class ChainedScheduler(JoinedScheduler):
    """Several schedulers at once: each step is a step of all of them.

    Parameters
    ----------
    schedulers : sequence of LRScheduler
        The schedulers, all of one optimizer.
    optimizer : Optimizer, optional
        That optimizer.

    Raises
    ------
    ArgumentError
        The schedulers act on different optimizers, or one of them is a `ReduceLROnPlateau`.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.optim.lr_scheduler import ChainedScheduler, ConstantLR, ExponentialLR
    >>> optimizer = cb.optim.SGD([cb.zeros(2, requires_grad=True)], lr=1.0)
    >>> parts = ConstantLR(optimizer, factor=0.5, total_iters=2), ExponentialLR(optimizer, gamma=0.5)
    >>> scheduler = ChainedScheduler(parts)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.extend(scheduler.get_last_lr())
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [0.5, 0.25, 0.25, 0.125]
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        self.optimizer = self._check_members(schedulers, optimizer)
        self._schedulers = schedulers
        self._last_lr = rates_of(self.optimizer)

    def step(self, epoch: int | None = None) -> None:
        """Make a step of every scheduler."""
        if epoch is not None:
            raise ArgumentError("ChainedScheduler.step: takes no epoch; call step()")
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = rates_of(self.optimizer)


class ReduceLROnPlateau(LRScheduler):
    """Lower the learning rate where a metric has stopped to get better.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer.
    mode : str
        ``"min"`` or ``"max"``: which way better is.
    factor : float
        What the learning rate is multiplied by, below 1.
    patience : int
        How many epochs without a better value are endured.
    threshold : float
        How much better counts as better.
    threshold_mode : str
        ``"rel"``: better by the share `threshold` of the best value; ``"abs"``: better by `threshold`.
    cooldown : int
        Epochs after a reduction that do not count.
    min_lr : float or list of float
        The lowest learning rate, for all groups or one for each.
    eps : float
        A smaller change of the learning rate is not made.

    Examples
    --------
    >>> import candelabra as cb
    >>> optimizer = cb.optim.SGD([cb.zeros(2, requires_grad=True)], lr=1.0)
    >>> scheduler = cb.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> rates = []
    >>> for loss in (3.0, 2.0, 2.0, 2.0, 2.0):
    ...     optimizer.step()
    ...     scheduler.step(loss)
    ...     rates.extend(scheduler.get_last_lr())
    >>> rates
    [1.0, 1.0, 1.0, 0.5, 0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: list[float] | float = 0,
        eps: float = 1e-8,
    ) -> None:
        checked_optimizer("ReduceLROnPlateau", optimizer)
        if not number("ReduceLROnPlateau", "factor", factor) < 1:
            raise ArgumentError(f"ReduceLROnPlateau: factor={factor} is not below 1")
        if mode not in ("min", "max"):
            raise ArgumentError(f"ReduceLROnPlateau: mode={mode!r} is neither 'min' nor 'max'")
        if threshold_mode not in ("rel", "abs"):
            raise ArgumentError(f"ReduceLROnPlateau: threshold_mode={threshold_mode!r} is neither 'rel' nor 'abs'")
        groups = len(optimizer.param_groups)
        many = isinstance(min_lr, (list, tuple))
        if many and len(min_lr) != groups:  # type: ignore[arg-type]
            raise ArgumentError(f"ReduceLROnPlateau: {len(min_lr)} values of min_lr for {groups} parameter groups")  # type: ignore[arg-type]
        self.optimizer = optimizer
        self.mode = mode
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.cooldown = cooldown
        self.default_min_lr = None if many else min_lr
        self.min_lrs: list[Any] = list(min_lr) if many else [min_lr] * groups  # type: ignore[arg-type]
        self.eps = eps
        self.last_epoch = 0
        self._last_lr = rates_of(optimizer)
        self.mode_worse = math.inf if mode == "min" else -math.inf
        self.best: float = self.mode_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0

    @property
    def in_cooldown(self) -> bool:
        """Whether the last reduction is so near that epochs do not count."""
        return self.cooldown_counter > 0

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Note the metric of an epoch, and lower the learning rates where it is time.

        Parameters
        ----------
        metrics : float or Tensor
            The metric, one number.
        epoch : int, optional
            The number of the epoch. PyTorch deprecates it, and so it warns.
        """
        current = float(scalar(metrics))
        if epoch is not None:
            warnings.warn(
                "ReduceLROnPlateau.step(metrics, epoch) is deprecated; call step(metrics) without an epoch",
                UserWarning,
                stacklevel=2,
            )
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(current):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = rates_of(self.optimizer)

    def _is_better(self, value: float) -> bool:
        if self.mode == "min":
            return value < (
                self.best * (1 - self.threshold) if self.threshold_mode == "rel" else self.best - self.threshold
            )
        return value > (
            self.best * (1 + self.threshold) if self.threshold_mode == "rel" else self.best + self.threshold
        )

    def _reduce(self) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise ArgumentError(
                    f"ReduceLROnPlateau.step: {len(self.min_lrs)} values of min_lr for {len(groups)} parameter groups, "
                    "since a group was added; set the scheduler's min_lrs"
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, least in zip(groups, self.min_lrs):
            old = float(scalar(group["lr"]))
            new = max(old * self.factor, least)
            if old - new > self.eps:
                set_rate(group, new)
