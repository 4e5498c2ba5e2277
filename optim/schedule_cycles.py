"""Schedules that run between bounds, once or in cycles, and momentum against them."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from ..core.errors import ArgumentError, ArgumentTypeError
from .checks import number
from .optimizer import Optimizer
from .schedule import LRScheduler, attributes_of, checked_optimizer, per_group, set_rate

__all__ = ["CyclicLR", "OneCycleLR"]


def uses_beta1(owner: str, optimizer: Optimizer) -> bool:
    """Say whether the optimizer's momentum is the first of its betas; raise where it has none."""
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ArgumentError(
            f"{owner}: cycle_momentum=True cycles momentum or betas[0], and {type(optimizer).__name__} has neither; "
            "give cycle_momentum=False"
        )
    return "betas" in optimizer.defaults


def set_momentum(group: dict[str, Any], value: Any, beta1: bool) -> None:
    """Set a group's momentum, or the first of its betas."""
    if beta1:
        group["betas"] = (value, *group["betas"][1:])
    else:
        group["momentum"] = value


class CyclicLR(LRScheduler):
    """Raise and lower the learning rate between two bounds, in cycles; momentum runs the other way.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer.
    base_lr, max_lr : float or list of float
        The bounds, for all groups or one for each. The lower one is set at once.
    step_size_up : int
        Steps from the lower bound to the upper one.
    step_size_down : int, optional
        Steps back; as many as up where it is not given.
    mode : str
        ``"triangular"``: every cycle is as high as the first; ``"triangular2"``: half as high as the one before;
        ``"exp_range"``: scaled by ``gamma**step``.
    gamma : float
        For ``"exp_range"``.
    scale_fn : callable, optional
        The height of a cycle, in place of `mode`.
    scale_mode : str
        What `scale_fn` is a function of: ``"cycle"``, counted from 1, or ``"iterations"``.
    cycle_momentum : bool
        Run momentum, or the first of the betas, between its bounds, highest where the learning rate is lowest.
    base_momentum, max_momentum : float or list of float
        Its bounds.
    last_epoch : int
        The last step done; -1 starts anew.

    Raises
    ------
    ArgumentError
        `cycle_momentum` with an optimizer that has neither momentum nor betas; an unknown mode.

    Notes
    -----
    L. N. Smith, "Cyclical learning rates for training neural networks", WACV 2017. Step after every batch.

    Examples
    --------
    >>> import candelabra as cb
    >>> optimizer = cb.optim.SGD([cb.zeros(2, requires_grad=True)], lr=1.0, momentum=0.9)
    >>> scheduler = cb.optim.lr_scheduler.CyclicLR(optimizer, base_lr=0.25, max_lr=1.25, step_size_up=2)
    >>> rates = []
    >>> for _ in range(5):
    ...     rates.extend(scheduler.get_last_lr())
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [0.25, 0.75, 1.25, 0.75, 0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
        last_epoch: int = -1,
    ) -> None:
        checked_optimizer("CyclicLR", optimizer)
        base_lrs = per_group("CyclicLR", "base_lr", optimizer, base_lr)
        self.max_lrs = per_group("CyclicLR", "max_lr", optimizer, max_lr)
        up = number("CyclicLR", "step_size_up", step_size_up)
        down = up if step_size_down is None else number("CyclicLR", "step_size_down", step_size_down)
        if not (up > 0 and down > 0):
            raise ArgumentError(f"CyclicLR: step_size_up={up} and step_size_down={down} are not both positive")
        if scale_fn is None and mode not in ("triangular", "triangular2", "exp_range"):
            raise ArgumentError(
                f"CyclicLR: mode={mode!r} is none of 'triangular', 'triangular2' and 'exp_range'; a cycle of another "
                "shape takes scale_fn"
            )
        if scale_fn is not None and not callable(scale_fn):
            raise ArgumentTypeError(f"CyclicLR: scale_fn is of type {type(scale_fn).__name__}; give a function")
        number("CyclicLR", "gamma", gamma)
        self.total_size = float(up) + float(down)
        self.step_ratio = float(up) / self.total_size
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        if scale_fn is None:
            scale_mode = "iterations" if mode == "exp_range" else "cycle"
        self.scale_mode = scale_mode
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = uses_beta1("CyclicLR", optimizer)
            self.base_momentums = per_group("CyclicLR", "base_momentum", optimizer, base_momentum)
            self.max_momentums = per_group("CyclicLR", "max_momentum", optimizer, max_momentum)
        if last_epoch == -1:
            for index, group in enumerate(optimizer.param_groups):
                set_rate(group, base_lrs[index])
                if cycle_momentum:
                    set_momentum(group, self.max_momentums[index], self.use_beta1)
                    group["max_momentum"] = self.max_momentums[index]
                    group["base_momentum"] = self.base_momentums[index]
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """Return the height of a cycle, or at a step, as `scale_mode` says."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        return 1 / 2.0 ** (x - 1) if self.mode == "triangular2" else self.gamma**x

    def get_lr(self) -> list[Any]:
        """Return the learning rates of step `last_epoch`, and set the momentum that belongs to them."""
        self._warn_outside_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        rise = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        height = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            bounds = zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums)
            for group, low, high in bounds:
                set_momentum(group, high - (high - low) * rise * height, self.use_beta1)
        return [low + (high - low) * rise * height for low, high in zip(self.base_lrs, self.max_lrs)]

    def state_dict(self) -> dict[str, Any]:
        """Return all attributes but the optimizer; of `scale_fn` only the attributes of a callable object."""
        state = {key: deepcopy(v) for key, v in self.__dict__.items() if key not in ("optimizer", "_scale_fn_custom")}
        function = self._scale_fn_custom
        state["_scale_fn_custom"] = None if function is None else attributes_of(function)
        return state

    def _apply(self, state: dict[str, Any]) -> None:
        attributes = state.pop("_scale_fn_custom")
        super()._apply(state)
        if attributes is not None and self._scale_fn_custom is not None:
            self._scale_fn_custom.__dict__.update(attributes)


class OneCycleLR(LRScheduler):
    """One cycle: up to a maximum, then far down; momentum runs the other way.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer.
    max_lr : float or list of float
        The maximum, for all groups or one for each.
    total_steps : int, optional
        Steps of the cycle.
    epochs, steps_per_epoch : int, optional
        Their product is the number of steps where `total_steps` is not given.
    pct_start : float
        The share of the steps that go up, between 0 and 1.
    anneal_strategy : str
        ``"cos"`` or ``"linear"``.
    cycle_momentum : bool
        Run momentum, or the first of the betas, between its bounds, highest where the learning rate is lowest.
    base_momentum, max_momentum : float or list of float
        Its bounds.
    div_factor : float
        The maximum over the learning rate at the start.
    final_div_factor : float
        The learning rate at the start over that at the end.
    three_phase : bool
        Come down to the start first, in as many steps as up, and go on to the end from there.
    last_epoch : int
        The last step done; -1 starts anew.

    Raises
    ------
    ArgumentError
        The number of steps is missing; `cycle_momentum` with an optimizer that has neither momentum nor betas; a step
        beyond the last.

    Notes
    -----
    L. N. Smith and N. Topin, "Super-convergence: Very fast training of neural networks using large learning rates",
    2017 (arXiv:1708.07120); two phases as in fastai's reading of it. Step after every batch.

    Examples
    --------
    >>> import candelabra as cb
    >>> optimizer = cb.optim.SGD([cb.zeros(2, requires_grad=True)], lr=1.0, momentum=0.9)
    >>> scheduler = cb.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=5, anneal_strategy="linear")
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.extend(scheduler.get_last_lr())
    ...     optimizer.step()
    ...     scheduler.step()
    >>> [round(rate, 3) for rate in rates]
    [0.04, 0.857, 0.571, 0.286]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        checked_optimizer("OneCycleLR", optimizer)
        if total_steps is None and (epochs is None or steps_per_epoch is None):
            raise ArgumentError("OneCycleLR: give total_steps, or both epochs and steps_per_epoch")
        given: dict[str, Any] = {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
        if total_steps is not None:
            given = {"total_steps": total_steps}
        for name, value in given.items():
            if not isinstance(value, int) or value < 1:
                raise ArgumentError(f"OneCycleLR: {name}={value!r} is not a positive integer")
        if not 0 <= number("OneCycleLR", "pct_start", pct_start) <= 1:
            raise ArgumentError(f"OneCycleLR: pct_start={pct_start} is not between 0 and 1")
        if anneal_strategy not in ("cos", "linear"):
            raise ArgumentError(f"OneCycleLR: anneal_strategy={anneal_strategy!r} is neither 'cos' nor 'linear'")
        max_lrs = per_group("OneCycleLR", "max_lr", optimizer, max_lr)
        self.total_steps: int = math.prod(given.values())
        self._schedule_phases = phases(self.total_steps, pct_start, three_phase)
        self._anneal_func_type = anneal_strategy
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = uses_beta1("OneCycleLR", optimizer)
            highest = per_group("OneCycleLR", "max_momentum", optimizer, max_momentum)
            lowest = per_group("OneCycleLR", "base_momentum", optimizer, base_momentum)
        if last_epoch == -1:
            for index, group in enumerate(optimizer.param_groups):
                group["initial_lr"] = max_lrs[index] / div_factor
                group["max_lr"] = max_lrs[index]
                group["min_lr"] = group["initial_lr"] / final_div_factor
                if cycle_momentum:
                    set_momentum(group, highest[index], self.use_beta1)
                    group["max_momentum"] = highest[index]
                    group["base_momentum"] = lowest[index]
        super().__init__(optimizer, last_epoch)

    def _between(self, start: Any, end: Any, share: float) -> Any:
        if self._anneal_func_type == "cos":
            return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)
        return (end - start) * share + start

    def get_lr(self) -> list[Any]:
        """Return the learning rates of step `last_epoch`, and set the momentum that belongs to them."""
        self._warn_outside_step()
        step = self.last_epoch
        if step > self.total_steps:
            raise ArgumentError(
                f"OneCycleLR.step: the cycle has {self.total_steps} steps, and this would be step {step}; make it "
                "longer (total_steps, or epochs and steps_per_epoch) or stop stepping"
            )
        begin = 0.0
        for phase in self._schedule_phases:
            if step <= phase["end_step"] or phase is self._schedule_phases[-1]:
                break
            begin = phase["end_step"]
        # A phase of no length is at its end.
        length = phase["end_step"] - begin
        share = (step - begin) / length if length else 1.0
        values = []
        for group in self.optimizer.param_groups:
            values.append(self._between(group[phase["start_lr"]], group[phase["end_lr"]], share))
            if self.cycle_momentum:
                momentum = self._between(group[phase["start_momentum"]], group[phase["end_momentum"]], share)
                set_momentum(group, momentum, self.use_beta1)
        return values


def phases(steps: int, share: float, three: bool) -> list[dict[str, Any]]:
    """Return the last step of each phase of one cycle, and the options it runs between."""

    def phase(end: float, *names: str) -> dict[str, Any]:
        keys = ("start_lr", "end_lr", "start_momentum", "end_momentum")
        return {"end_step": end, **dict(zip(keys, names, strict=True))}

    up = phase(float(share * steps) - 1, "initial_lr", "max_lr", "max_momentum", "base_momentum")
    if not three:
        return [up, phase(steps - 1, "max_lr", "min_lr", "base_momentum", "max_momentum")]
    return [
        up,
        phase(float(2 * share * steps) - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum"),
        phase(steps - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum"),
    ]
