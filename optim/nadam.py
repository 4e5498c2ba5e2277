"""NAdam."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from ..core import ops
from ..core.primitives.update_adaptive import momentum_at
from ..core.tensor import Tensor
from .checks import betas as check_betas
from .checks import implementation, nonnegative, scalar
from .optimizer import Optimizer
from .plan import Plan
from .state import single

STATE = ("exp_avg", "exp_avg_sq")


class NAdam(Optimizer):
    """NAdam: Adam with Nesterov's momentum.

    ::

        g = grad + weight_decay * p                        (-grad with maximize)
        mu(t) = beta1 * (1 - 0.96**(t * momentum_decay) / 2),   M = mu(1) * ... * mu(t)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        n = mu(t + 1) * m / (1 - M * mu(t + 1)) + (1 - mu(t)) * g / (1 - M)
        p = p - lr * n / (sqrt(v / (1 - beta2**t)) + eps)

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
    momentum_decay : float
        How fast the momentum rises to `beta1`.
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
    T. Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop 2016.

    Examples
    --------
    >>> import candelabra as cb
    >>> w = cb.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = cb.optim.NAdam([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> [round(x, 3) for x in w.tolist()]
    [0.472, -1.472]
    """

    counts_steps: ClassVar[bool] = True
    numbers: ClassVar[tuple[str, ...]] = ("mu_product",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def check_group(self, group: dict[str, Any]) -> None:
        """Raise where an option of `group` is out of range."""
        owner = type(self).__name__
        for name in ("lr", "eps", "weight_decay", "momentum_decay"):
            nonnegative(owner, name, group[name])
        check_betas(owner, group["betas"])
        implementation(owner, group)

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Return the two running means."""
        return STATE

    def start_number(self, name: str, group: dict[str, Any]) -> float:
        """Return the empty product."""
        return 1.0

    def update(self, plan: Plan, grads: list[Tensor]) -> None:
        """Update `plan.params`, their running means and their numbers."""
        group = plan.group
        beta1, beta2 = map(scalar, group["betas"])
        decay = scalar(group["momentum_decay"])
        steps = tuple([count + 1.0 for count in plan.steps or ()])
        # PyTorch keeps the product in float32, and so do state dicts.
        products = tuple(
            single(product * single(momentum_at(step, beta1, decay)))
            for product, step in zip(plan.numbers["mu_product"], steps)
        )
        ops.nadam_step(
            plan.params,
            grads,
            plan.buffers["exp_avg"],
            plan.buffers["exp_avg_sq"],
            steps=steps,
            mu_products=products,
            lr=scalar(group["lr"]),
            beta1=beta1,
            beta2=beta2,
            eps=scalar(group["eps"]),
            weight_decay=scalar(group["weight_decay"]),
            momentum_decay=decay,
            decoupled=bool(group["decoupled_weight_decay"]),
            maximize=group["maximize"],
        )
        plan.steps = steps
        plan.numbers["mu_product"] = products
