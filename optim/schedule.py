"""The base of all learning rate schedulers.

Like PyTorch's they are chainable: each step multiplies the learning rate that it finds, so several schedulers may act
on one optimizer, and `last_epoch` counts the steps.
"""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from ..core.errors import ArgumentError, ArgumentTypeError, StateDictError
from ..core.tensor import Tensor
from .checks import scalar
from .optimizer import Optimizer

# PyTorch's older and newer releases differ in these; they say nothing about the schedule.
FREE = frozenset(("verbose", "_get_lr_called_within_step", "_is_initial"))


def copied(value: Any) -> Any:
    """Return a learning rate that later changes of `value` do not reach."""
    return value.detach().clone() if isinstance(value, Tensor) else value


def rates_of(optimizer: Optimizer, key: str = "lr") -> list[Any]:
    """Return copies of an option of all groups."""
    return [copied(group[key]) for group in optimizer.param_groups]


def set_rate(group: dict[str, Any], value: Any) -> None:
    """Set a group's learning rate; a tensor stays the same object and is filled."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(scalar(value))
    else:
        group["lr"] = value


def checked_optimizer(owner: str, optimizer: Any) -> Optimizer:
    """Return `optimizer`, or raise where it is none."""
    if not isinstance(optimizer, Optimizer):
        raise ArgumentTypeError(f"{owner}: optimizer is of type {type(optimizer).__name__}; give an Optimizer")
    return optimizer


def per_group(owner: str, name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """Return one value for each group, from a list or from one value for all."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [copied(value) for _ in range(groups)]
    if len(value) != groups:
        raise ArgumentError(
            f"{owner}: {name} has {len(value)} values for {groups} parameter groups; give one, or one per group"
        )
    return [copied(v) for v in value]


def attributes_of(function: Any) -> dict[str, Any] | None:
    """Return what a state dict keeps of a function: a callable object's attributes, of others nothing."""
    return None if isinstance(function, types.FunctionType) else deepcopy(getattr(function, "__dict__", None))


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
        checked_optimizer(name, optimizer)
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
        self.base_lrs: list[Any] = rates_of(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        self._initial_step()

    def _initial_step(self) -> None:
        """Set the learning rates of the first epoch."""
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
        try:
            self._update_lr(epoch)
        except BaseException:
            self._step_count -= 1
            raise

    def _update_lr(self, epoch: int | None = None) -> None:
        """Compute the learning rates of the next epoch, or of a given one, and hand them to the optimizer."""
        before = self.last_epoch
        self._get_lr_called_within_step = True
        try:
            if epoch is None:
                self.last_epoch += 1
                values = self.get_lr()
            else:
                self.last_epoch = epoch
                values = getattr(self, "_get_closed_form_lr", self.get_lr)()
        except BaseException:
            self.last_epoch = before
            raise
        finally:
            self._get_lr_called_within_step = False
        for group, value in zip(self.optimizer.param_groups, values, strict=True):
            set_rate(group, value)
        self._last_lr: list[Any] = rates_of(self.optimizer)

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
        self._apply(self._checked(state_dict))

    def _apply(self, state: dict[str, Any]) -> None:
        """Take over a state that has been checked."""
        self.__dict__.update(state)

    def _checked(self, state_dict: Any) -> dict[str, Any]:
        """Return a copy of a state dict, or raise where it is not one of this scheduler."""
        where = f"{type(self).__name__}.load_state_dict"
        if not isinstance(state_dict, Mapping):
            raise StateDictError(f"{where}: a scheduler's state dict is a dict; got {type(state_dict).__name__}")
        ours = self.state_dict().keys()
        missing = sorted(ours - state_dict.keys() - FREE)
        unexpected = sorted(map(str, state_dict.keys() - ours - FREE))
        if missing or unexpected:
            faults = [f"lacks {', '.join(missing)}"] if missing else []
            faults += [f"has {', '.join(unexpected)}, which is unknown here"] if unexpected else []
            raise StateDictError(
                f"{where}: the state dict {' and '.join(faults)}; it belongs to another kind of scheduler"
            )
        groups = len(self.optimizer.param_groups)
        for name in ("base_lrs", "_last_lr"):
            if name in ours and len(state_dict[name]) != groups:
                raise StateDictError(
                    f"{where}: the state dict has {len(state_dict[name])} {name}, the optimizer {groups} parameter "
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


class FunctionScheduler(LRScheduler):
    """Base of the schedulers that are given functions of the epoch."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        owner = type(self).__name__
        groups = len(checked_optimizer(owner, optimizer).param_groups)
        functions: list[Any] = list(lr_lambda) if isinstance(lr_lambda, (list, tuple)) else [lr_lambda] * groups
        if len(functions) != groups:
            raise ArgumentError(
                f"{owner}: {len(functions)} functions for {groups} parameter groups; give one, or one per group"
            )
        for function in functions:
            if not callable(function):
                raise ArgumentTypeError(f"{owner}: lr_lambda holds a {type(function).__name__}; give functions")
        self.lr_lambdas: list[Callable[[int], float]] = functions
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return all attributes but the optimizer; of the functions only the attributes of callable objects."""
        state = {key: deepcopy(v) for key, v in self.__dict__.items() if key not in ("optimizer", "lr_lambdas")}
        state["lr_lambdas"] = [attributes_of(function) for function in self.lr_lambdas]
        return state

    def _checked(self, state_dict: Any) -> dict[str, Any]:
        state = super()._checked(state_dict)
        if len(state["lr_lambdas"]) != len(self.lr_lambdas):
            raise StateDictError(
                f"{type(self).__name__}.load_state_dict: the state dict has {len(state['lr_lambdas'])} functions, the "
                f"scheduler {len(self.lr_lambdas)}"
            )
        return state

    def _apply(self, state: dict[str, Any]) -> None:
        # The functions stay those given to the constructor.
        saved = state.pop("lr_lambdas")
        super()._apply(state)
        for function, attributes in zip(self.lr_lambdas, saved):
            if attributes is not None:
                function.__dict__.update(attributes)
