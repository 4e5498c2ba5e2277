"""RAdam."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from ..core import ops
from ..core.tensor import Tensor
from .checks import betas as check_betas
from .checks import implementation, nonnegative, scalar
from .optimizer import Optimizer
from .plan import Plan

STATE = ("exp_avg", "exp_avg_sq")


class RAdam(Optimizer):
    """RAdam: Adam with the variance of its early steps rectified.

    ::

        g = grad + weight_decay * p                        (-grad with maximize)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        R = 2 / (1 - beta2) - 1,    r = R - 2 * t * beta2**t / (1 - beta2**t)
        f = sqrt((r - 4) * (r - 2) * R / ((R - 4) * (R - 2) * r)) * sqrt(1 - beta2**t) / (sqrt(v) + eps)
        p = p - lr * m / (1 - beta1**t) * f                (f = 1 while r <= 5)

    With `decoupled_weight_decay` the decay shrinks `p`, as in AdamW, and does not enter `g`.

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor) or of dict
        The parameters or the parameter groups.
    lr : float or Tensor
        Learning rate.
    betas : tuple of float
        Decay rates of the two running means, each in [0, 1).
    eps : float
        Keeps the denominator away from zero.
    weight_decay : float
        L2 penalty; with `decoupled_weight_decay` the rate of decay.
    decoupled_weight_decay : bool
        Decay as AdamW does.
    maximize : bool
        Ascend instead of descending.
    foreach, capturable : bool, optional
        Accepted and kept in state dicts; in PyTorch they choose among implementations, and here there is one, which
        updates all parameters of a group in one kernel.
    differentiable : bool
        Only False: a step records no gradient.

    Notes
    -----
    L. Liu et al., "On the variance of the adaptive learning rate and beyond", ICLR 2020.

    Examples
    --------
    >>> import candelabra as cb
    >>> w = cb.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = cb.optim.RAdam([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> [round(x, 3) for x in w.tolist()]
    [0.0, 0.0]
    """

    counts_steps: ClassVar[bool] = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
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
        """Return the two running means."""
        return STATE

    def update(self, plan: Plan, grads: list[Tensor]) -> None:
        """Update `plan.params`, their running means and their numbers."""
        group = plan.group
        beta1, beta2 = group["betas"]
        steps = tuple([count + 1.0 for count in plan.steps or ()])
        ops.radam_step(
            plan.params,
            grads,
            plan.buffers["exp_avg"],
            plan.buffers["exp_avg_sq"],
            steps=steps,
            lr=scalar(group["lr"]),
            beta1=scalar(beta1),
            beta2=scalar(beta2),
            eps=scalar(group["eps"]),
            weight_decay=scalar(group["weight_decay"]),
            decoupled=bool(group["decoupled_weight_decay"]),
            maximize=group["maximize"],
        )
        plan.steps = steps
