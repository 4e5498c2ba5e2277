"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from ..core import ops
from ..core.tensor import Tensor
from .checks import implementation, nonnegative, number, scalar
from .optimizer import Optimizer
from .plan import Plan
from .state import single

STATE = ("ax",)


class ASGD(Optimizer):
    """Stochastic gradient descent that also keeps the average of the parameters, in ``state[p]["ax"]``.

    ::

        g = grad + weight_decay * p                     (-grad with maximize)
        p = p * (1 - lambd * eta) - eta * g
        ax = ax + (p - ax) * mu
        eta = lr / (1 + lambd * lr * t)**alpha          (for the next step; lr at first)
        mu = 1 / max(1, t - t0)                         (for the next step; 1 at first)

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor) or of dict
        The parameters or the parameter groups.
    lr : float or Tensor
        Learning rate.
    lambd : float
        Rate of decay, of the parameters and of the learning rate.
    alpha : float
        Exponent of the learning rate's decay.
    t0 : float
        The step after which averaging begins.
    weight_decay : float
        L2 penalty.
    maximize : bool
        Ascend instead of descending.
    foreach, capturable : bool, optional
        Accepted and kept in state dicts; in PyTorch they choose among implementations, and here there is one, which
        updates all parameters of a group in one kernel.
    differentiable : bool
        Only False: a step records no gradient.

    Notes
    -----
    B. T. Polyak and A. B. Juditsky, "Acceleration of stochastic approximation by averaging", SIAM Journal on Control
    and Optimization 30, 1992.

    Examples
    --------
    >>> import candelabra as cb
    >>> w = cb.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = cb.optim.ASGD([w], lr=0.25, lambd=0.0, t0=0)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (w * w).sum().backward()
    ...     optimizer.step()
    >>> w.tolist(), optimizer.state[w]["ax"].tolist()
    ([0.25, -0.5], [0.25, -0.5])
    """

    counts_steps: ClassVar[bool] = True
    numbers: ClassVar[tuple[str, ...]] = ("eta", "mu")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def check_group(self, group: dict[str, Any]) -> None:
        """Raise where an option of `group` is out of range."""
        owner = type(self).__name__
        for name in ("lr", "weight_decay"):
            nonnegative(owner, name, group[name])
        for name in ("lambd", "alpha", "t0"):
            number(owner, name, group[name])
        implementation(owner, group)

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Return ``("ax",)``."""
        return STATE

    def start_number(self, name: str, group: dict[str, Any]) -> float:
        """Return the first step's learning rate, or share in the average."""
        return single(scalar(group["lr"])) if name == "eta" else 1.0

    def update(self, plan: Plan, grads: list[Tensor]) -> None:
        """Update `plan.params`, their averages and their numbers."""
        group = plan.group
        lr, lambd = scalar(group["lr"]), scalar(group["lambd"])
        alpha, t0 = scalar(group["alpha"]), scalar(group["t0"])
        ops.asgd_step(
            plan.params,
            grads,
            plan.buffers["ax"],
            etas=plan.numbers["eta"],
            mus=plan.numbers["mu"],
            lambd=lambd,
            weight_decay=scalar(group["weight_decay"]),
            maximize=group["maximize"],
        )
        steps = tuple([count + 1.0 for count in plan.steps or ()])
        plan.steps = steps
        plan.numbers["eta"] = tuple(single(lr / (1 + lambd * lr * step) ** alpha) for step in steps)
        plan.numbers["mu"] = tuple(single(1 / max(1, step - t0)) for step in steps)
