"""Adagrad."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from ..core import ops
from ..core.tensor import Tensor
from .checks import implementation, nonnegative, scalar
from .optimizer import Optimizer
from .plan import Plan
from .state import host_number

STATE = ("sum",)


class Adagrad(Optimizer):
    """Adagrad: each element's step shrinks with the sum of its squared gradients.

    ::

        g = grad + weight_decay * p            (-grad with maximize)
        s = s + g * g                          (initial_accumulator_value at first)
        p = p - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor) or of dict
        The parameters or the parameter groups.
    lr : float or Tensor
        Learning rate.
    lr_decay : float
        How fast the learning rate falls with the steps.
    weight_decay : float
        L2 penalty.
    initial_accumulator_value : float
        What the sum of squares starts from; the state of every parameter exists from the beginning. In PyTorch a
        group's own value has no effect, here it has.
    eps : float
        Keeps the denominator away from zero.
    maximize : bool
        Ascend instead of descending.
    foreach, fused : bool, optional
        Accepted and kept in state dicts; in PyTorch they choose among implementations, and here there is one, which
        updates all parameters of a group in one kernel.
    differentiable : bool
        Only False: a step records no gradient.

    Notes
    -----
    J. Duchi, E. Hazan and Y. Singer, "Adaptive subgradient methods for online learning and stochastic optimization",
    Journal of Machine Learning Research 12, 2011.

    Examples
    --------
    >>> import candelabra as cb
    >>> w = cb.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = cb.optim.Adagrad([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> [round(x, 3) for x in w.tolist()]
    [0.5, -1.5]
    """

    counts_steps: ClassVar[bool] = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                self._state[p].update(step=host_number(0.0), sum=self.start_state("sum", p, group))

    def check_group(self, group: dict[str, Any]) -> None:
        """Raise where an option of `group` is out of range."""
        owner = type(self).__name__
        for name in ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps"):
            nonnegative(owner, name, group[name])
        implementation(owner, group)

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Return ``("sum",)``."""
        return STATE

    def start_state(self, name: str, p: Tensor, group: dict[str, Any]) -> Tensor:
        """Return the sum of squares before the first update; real and imaginary part are numbers of their own."""
        value = scalar(group["initial_accumulator_value"])
        return ops.full_like(p.detach(), complex(value, value) if p.dtype.is_complex else value)

    def update(self, plan: Plan, grads: list[Tensor]) -> None:
        """Update `plan.params`, their sums of squares and their step counts."""
        group = plan.group
        steps = tuple([count + 1.0 for count in plan.steps or ()])
        ops.adagrad_step(
            plan.params,
            grads,
            plan.buffers["sum"],
            steps=steps,
            lr=scalar(group["lr"]),
            lr_decay=scalar(group["lr_decay"]),
            eps=scalar(group["eps"]),
            weight_decay=scalar(group["weight_decay"]),
            maximize=group["maximize"],
        )
        plan.steps = steps
