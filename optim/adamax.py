"""Adamax."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from ..core import ops
from ..core.tensor import Tensor
from .checks import betas as check_betas
from .checks import implementation, nonnegative, scalar
from .optimizer import Optimizer
from .plan import Plan

STATE = ("exp_avg", "exp_inf")


class Adamax(Optimizer):
    """Adamax: Adam with the infinity norm in place of the second moment.

    ::

        g = grad + weight_decay * p                     (-grad with maximize)
        m = beta1 * m + (1 - beta1) * g
        u = max(beta2 * u, abs(g) + eps)
        p = p - lr / (1 - beta1**t) * m / u

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor) or of dict
        The parameters or the parameter groups.
    lr : float or Tensor
        Learning rate.
    betas : tuple of float
        Decay rates of the mean and of the norm, each in [0, 1).
    eps : float
        Keeps the denominator away from zero.
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
    D. P. Kingma and J. Ba, "Adam: A method for stochastic optimization", ICLR 2015, section 7.1.

    Examples
    --------
    >>> import candelabra as cb
    >>> w = cb.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = cb.optim.Adamax([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> [round(x, 3) for x in w.tolist()]
    [0.5, -1.5]
    """

    counts_steps: ClassVar[bool] = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
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
        for name in ("lr", "eps", "weight_decay"):
            nonnegative(owner, name, group[name])
        check_betas(owner, group["betas"])
        implementation(owner, group)

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Return the running mean and the running norm."""
        return STATE

    def update(self, plan: Plan, grads: list[Tensor]) -> None:
        """Update `plan.params`, their state and their step counts."""
        group = plan.group
        beta1, beta2 = group["betas"]
        steps = tuple([count + 1.0 for count in plan.steps or ()])
        ops.adamax_step(
            plan.params,
            grads,
            plan.buffers["exp_avg"],
            plan.buffers["exp_inf"],
            steps=steps,
            lr=scalar(group["lr"]),
            beta1=scalar(beta1),
            beta2=scalar(beta2),
            eps=scalar(group["eps"]),
            weight_decay=scalar(group["weight_decay"]),
            maximize=group["maximize"],
        )
        plan.steps = steps
