"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..core import ops
from ..core.errors import ArgumentError
from ..core.tensor import Tensor
from .checks import implementation, nonnegative, number, scalar
from .optimizer import Optimizer
from .plan import Plan

PLAIN: tuple[str, ...] = ()
MOMENTUM = ("momentum_buffer",)


class SGD(Optimizer):
    """Stochastic gradient descent, optionally with momentum.

    ::

        g = grad + weight_decay * p            (-grad with maximize)
        b = momentum * b + (1 - dampening) * g (b = g at the first step)
        p = p - lr * (g + momentum * b   with nesterov,   b   with momentum,   else g)

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor) or of dict
        The parameters or the parameter groups.
    lr : float or Tensor
        Learning rate.
    momentum, dampening, weight_decay : float
        As in the formula.
    nesterov : bool
        Nesterov's momentum; needs momentum and no dampening.
    maximize : bool
        Ascend instead of descending.
    foreach, fused : bool, optional
        Accepted and kept in state dicts; in PyTorch they choose among implementations, and here there is one, which
        updates all parameters of a group in one kernel.
    differentiable : bool
        Only False: a step records no gradient.

    Notes
    -----
    Nesterov's formula follows I. Sutskever et al., "On the importance of initialization and momentum in deep
    learning", ICML 2013, as PyTorch reads it: the learning rate multiplies the step, not the velocity.

    Examples
    --------
    >>> import candelabra as cb
    >>> w = cb.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = cb.optim.SGD([w], lr=0.25, momentum=0.5)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (w * w).sum().backward()
    ...     optimizer.step()
    >>> w.tolist()
    [0.0, 0.0]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def check_group(self, group: dict[str, Any]) -> None:
        """Raise where an option of `group` is out of range."""
        owner = type(self).__name__
        for name in ("lr", "momentum", "weight_decay"):
            nonnegative(owner, name, group[name])
        number(owner, "dampening", group["dampening"])
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ArgumentError(
                f"{owner}: nesterov=True needs momentum > 0 and dampening=0; got momentum={group['momentum']}, "
                f"dampening={group['dampening']}"
            )
        implementation(owner, group)

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Return ``("momentum_buffer",)`` with momentum, else nothing."""
        return MOMENTUM if group["momentum"] != 0 else PLAIN

    def update(self, plan: Plan, grads: list[Tensor]) -> None:
        """Update `plan.params` and their momentum."""
        group = plan.group
        ops.sgd_step(
            plan.params,
            grads,
            plan.buffers["momentum_buffer"] if plan.names else [],
            lr=scalar(group["lr"]),
            momentum=scalar(group["momentum"]),
            dampening=scalar(group["dampening"]),
            weight_decay=scalar(group["weight_decay"]),
            nesterov=group["nesterov"],
            maximize=group["maximize"],
            first=plan.first,
        )
