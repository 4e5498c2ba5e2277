"""Learning rate schedulers, which set ``group["lr"]`` of an optimizer from epoch to epoch.

Like PyTorch's they are chainable: each step multiplies the learning rate that it finds, so several schedulers may act
on one optimizer, and `last_epoch` counts the steps.
"""

from __future__ import annotations

import math
import types
import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from ..core.errors import ArgumentError, ArgumentTypeError, StateDictError
from ..core.tensor import Tensor
from .checks import number, scalar
from .optimizer import Optimizer

__all__ = ["CosineAnnealingLR", "LRScheduler", "LambdaLR", "StepLR"]


def copied(value: Any) -> Any:
    """Return a learning rate that later changes of `value` do not reach."""
    return value.detach().clone() if isinstance(value, Tensor) else value


class LRScheduler:
    """Base of all schedulers: counts the steps and writes what `get_lr` computes into the optimizer.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer. Its learning rates are set at once to those of the first epoch.
    last_epoch : int
        The last epoch done; -1 starts anew. Resuming needs ``"initial_lr"`` in each group, which a loaded
        optimizer state dict brings.

    Attributes
    ----------
    base_lrs : list of float or Tensor
        The learning rates at the start.
    last_epoch : int
        How many steps have been made.

    Examples
    --------
    >>> import candelabra as cb
    >>> class Halving(cb.optim.lr_scheduler.LRScheduler):
    ...     def get_lr(self):
    ...         return [base / 2**self.last_epoch for base in self.base_lrs]
    >>> w = cb.zeros(2, requires_grad=True)
    >>> optimizer = cb.optim.SGD([w], lr=1.0)
    >>> scheduler = Halving(optimizer)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    _get_lr_called_within_step: bool = False
    _is_initial: bool = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        name = type(self).__name__
        if not isinstance(optimizer, Optimizer):
            raise ArgumentTypeError(f"{name}: optimizer is of type {type(optimizer).__name__}; give an Optimizer")
        if not isinstance(last_epoch, int) or last_epoch < -1:
            raise ArgumentError(f"{name}: last_epoch={last_epoch!r} is not an integer of at least -1")
        self.optimizer = optimizer
        for index, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            elif "initial_lr" not in group:
                raise ArgumentError(
                    f"{name}: last_epoch={last_epoch} resumes a schedule, but parameter group {index} has no "
                    "'initial_lr'; load the optimizer's state dict first, or start with last_epoch=-1"
                )
        self.base_lrs: list[Any] = [copied(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def get_lr(self) -> list[Any]:
        """Return the learning rates of epoch `last_epoch`, one per group; a subclass computes them here."""
        raise ArgumentTypeError(f"{type(self).__name__} does not define get_lr")

    def get_last_lr(self) -> list[Any]:
        """Return the learning rates that the last step set, one per group."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Set the learning rates of the next epoch; call it after the optimizer's steps.

        Parameters
        ----------
        epoch : int, optional
            The epoch to go to instead of the next one, by the closed formula where the schedule has one. PyTorch
            deprecates it, and so it warns.
        """
        if self._step_count == 1 and not self.optimizer.stepped:
            warnings.warn(
                f"{type(self).__name__}.step() was called before optimizer.step(), which skips the first value of the "
                "schedule; call optimizer.step() first",
                UserWarning,
                stacklevel=2,
            )
        if epoch is not None:
            warnings.warn(
                f"{type(self).__name__}.step(epoch) is deprecated; call step() without an epoch",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
        self._get_lr_called_within_step = True
        try:
            if epoch is None:
                self.last_epoch += 1
                values = self.get_lr()
            else:
                self.last_epoch = epoch
                closed = getattr(self, "_get_closed_form_lr", self.get_lr)
                values = closed()
        finally:
            self._get_lr_called_within_step = False
        for group, value in zip(self.optimizer.param_groups, values, strict=True):
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(scalar(value))
            else:
                group["lr"] = value
        self._last_lr: list[Any] = [copied(group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return all attributes but the optimizer, under PyTorch's names."""
        return {key: deepcopy(value) for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load what `state_dict` returned, here or in PyTorch; the optimizer's own state is loaded apart.

        Raises
        ------
        StateDictError
            An attribute is missing or unknown, or the number of groups differs. Nothing has been loaded.
        """
        self.__dict__.update(self._checked(state_dict))

    def _checked(self, state_dict: Any) -> dict[str, Any]:
        where = f"{type(self).__name__}.load_state_dict"
        if not isinstance(state_dict, Mapping):
            raise StateDictError(f"{where}: a scheduler's state dict is a dict; got {type(state_dict).__name__}")
        # PyTorch's older and newer releases differ in these; they say nothing about the schedule.
        free = {"verbose", "_get_lr_called_within_step", "_is_initial"}
        ours = self.__dict__.keys() - {"optimizer"}
        missing = sorted(ours - state_dict.keys() - free)
        unexpected = sorted(map(str, state_dict.keys() - ours - free))
        if missing or unexpected:
            raise StateDictError(
                f"{where}: the state dict lacks {missing} and has unknown {unexpected}; it belongs to another kind of "
                "scheduler"
            )
        groups = len(self.optimizer.param_groups)
        if len(state_dict["base_lrs"]) != groups:
            raise StateDictError(
                f"{where}: the state dict has {len(state_dict['base_lrs'])} base_lrs, the optimizer {groups} parameter "
                "groups; build the optimizer over the same groups before loading"
            )
        return {key: deepcopy(value) for key, value in state_dict.items() if key in ours}

    def _warn_outside_step(self) -> None:
        if not self._get_lr_called_within_step:
            warnings.warn(
                f"{type(self).__name__}.get_lr() computes the next learning rate; call get_last_lr() for the last one",
                UserWarning,
                stacklevel=3,
            )


class LambdaLR(LRScheduler):
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

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        groups = len(getattr(optimizer, "param_groups", ()))
        functions: list[Any] = list(lr_lambda) if isinstance(lr_lambda, (list, tuple)) else [lr_lambda] * groups
        if len(functions) != groups:
            raise ArgumentError(
                f"LambdaLR: {len(functions)} functions for {groups} parameter groups; give one, or one per group"
            )
        for function in functions:
            if not callable(function):
                raise ArgumentTypeError(f"LambdaLR: lr_lambda holds a {type(function).__name__}; give functions")
        self.lr_lambdas: list[Callable[[int], float]] = functions
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """Return the initial learning rates times the factors of epoch `last_epoch`."""
        self._warn_outside_step()
        return [base * function(self.last_epoch) for function, base in zip(self.lr_lambdas, self.base_lrs)]

    def state_dict(self) -> dict[str, Any]:
        """Return all attributes but the optimizer; of the functions only the attributes of callable objects."""
        state = {key: deepcopy(v) for key, v in self.__dict__.items() if key not in ("optimizer", "lr_lambdas")}
        state["lr_lambdas"] = [
            None if isinstance(f, types.FunctionType) else deepcopy(getattr(f, "__dict__", None))
            for f in self.lr_lambdas
        ]
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load what `state_dict` returned; the functions themselves stay those given to the constructor."""
        state = self._checked(state_dict)
        saved = state.pop("lr_lambdas")
        self.__dict__.update(state)
        for function, attributes in zip(self.lr_lambdas, saved):
            if attributes is not None:
                function.__dict__.update(attributes)


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
            return [copied(group["lr"]) for group in self.optimizer.param_groups]
        return [group["lr"] * self.gamma for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Any]:
        return [base * self.gamma ** (self.last_epoch // self.step_size) for base in self.base_lrs]


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
            return [copied(group["lr"]) for group in groups]
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
