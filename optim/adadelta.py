"""Adadelta."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from ..core import ops
from ..core.errors import ArgumentError
from ..core.tensor import Tensor
from .checks import implementation, nonnegative, number, scalar
from .optimizer import Optimizer
from .plan import Plan

STATE = ("square_avg", "acc_delta")


class Adadelta(Optimizer):
    """Adadelta: steps in the parameter's own unit, the ratio of the running sizes of steps and gradients.

    ::

        g = grad + weight_decay * p                     (-grad with maximize)
        s = rho * s + (1 - rho) * g * g
        d = sqrt(a + eps) / sqrt(s + eps) * g
        a = rho * a + (1 - rho) * d * d
        p = p - lr * d

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor) or of dict
        The parameters or the parameter groups.
    lr : float or Tensor
        Factor of the step.
    rho : float
        Decay rate of the two running means, in [0, 1].
    eps : float
        Starts the steps, and keeps the denominator away from zero.
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
    M. D. Zeiler, "ADADELTA: An adaptive learning rate method", 2012 (arXiv:1212.5701).

    Examples
    --------
    >>> import candelabra as cb
    >>> w = cb.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = cb.optim.Adadelta([w], rho=0.75, eps=1.0)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> [round(x, 3) for x in w.tolist()]
    [-0.414, -0.211]
    """

    counts_steps: ClassVar[bool] = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def check_group(self, group: dict[str, Any]) -> None:
        """Raise where an option of `group` is out of range."""
        owner = type(self).__name__
        for name in ("lr", "eps", "weight_decay"):
            nonnegative(owner, name, group[name])
        if not 0 <= number(owner, "rho", group["rho"]) <= 1:
            raise ArgumentError(f"{owner}: rho={scalar(group['rho'])} is not in [0, 1]")
        implementation(owner, group)

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Return the two running means."""
        return STATE

    def update(self, plan: Plan, grads: list[Tensor]) -> None:
        """Update `plan.params`, their running means and their step counts."""
        group = plan.group
        ops.adadelta_step(
            plan.params,
            grads,
            plan.buffers["square_avg"],
            plan.buffers["acc_delta"],
            lr=scalar(group["lr"]),
            rho=scalar(group["rho"]),
            eps=scalar(group["eps"]),
            weight_decay=scalar(group["weight_decay"]),
            maximize=group["maximize"],
        )
        plan.steps = tuple([count + 1.0 for count in plan.steps or ()])
