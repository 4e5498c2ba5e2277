"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from ..core import ops
from ..core.tensor import Tensor
from .checks import implementation, nonnegative, scalar
from .optimizer import Optimizer
from .plan import Plan


class RMSprop(Optimizer):
    """RMSprop: steps scaled by the running root mean square of the gradient.

    ::

        g = grad + weight_decay * p                     (-grad with maximize)
        s = alpha * s + (1 - alpha) * g * g
        a = alpha * a + (1 - alpha) * g                 (with centered, else 0)
        d = g / (sqrt(s - a * a) + eps)
        b = momentum * b + d                            (b = d without momentum)
        p = p - lr * b

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor) or of dict
        The parameters or the parameter groups.
    lr : float or Tensor
        Learning rate.
    alpha : float
        Decay rate of the running means.
    eps : float
        Keeps the denominator away from zero.
    weight_decay : float
        L2 penalty.
    momentum : float
        The factor of the former step.
    centered : bool
        Divide by the standard deviation instead of the root mean square.
    maximize : bool
        Ascend instead of descending.
    capturable, foreach : bool, optional
        Accepted and kept in state dicts; in PyTorch they choose among implementations, and here there is one, which
        updates all parameters of a group in one kernel.
    differentiable : bool
        Only False: a step records no gradient.

    Notes
    -----
    T. Tieleman and G. Hinton, lecture 6.5 of "Neural networks for machine learning", 2012; centered: A. Graves,
    "Generating sequences with recurrent neural networks", 2013 (arXiv:1308.0850). As in PyTorch, `eps` is added to the
    root, not below it.

    Examples
    --------
    >>> import candelabra as cb
    >>> w = cb.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = cb.optim.RMSprop([w], lr=0.25, alpha=0.75)
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
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def check_group(self, group: dict[str, Any]) -> None:
        """Raise where an option of `group` is out of range."""
        owner = type(self).__name__
        for name in ("lr", "eps", "momentum", "weight_decay", "alpha"):
            nonnegative(owner, name, group[name])
        implementation(owner, group)

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Return the mean of squares, the buffer with momentum, and the mean of gradients with `centered`."""
        names = ("square_avg", "momentum_buffer", "grad_avg")
        return tuple(n for n, wanted in zip(names, (True, group["momentum"] > 0, group["centered"])) if wanted)

    def update(self, plan: Plan, grads: list[Tensor]) -> None:
        """Update `plan.params`, their state and their step counts."""
        group = plan.group
        ops.rmsprop_step(
            plan.params,
            grads,
            plan.buffers["square_avg"],
            plan.buffers.get("momentum_buffer", []),
            plan.buffers.get("grad_avg", []),
            lr=scalar(group["lr"]),
            rho=scalar(group["alpha"]),
            eps=scalar(group["eps"]),
            weight_decay=scalar(group["weight_decay"]),
            momentum=scalar(group["momentum"]),
            centered=bool(group["centered"]),
            maximize=group["maximize"],
        )
        plan.steps = tuple([count + 1.0 for count in plan.steps or ()])
