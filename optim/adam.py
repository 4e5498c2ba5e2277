"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from ..core import ops
from ..core.tensor import Tensor
from .checks import betas as check_betas
from .checks import implementation, nonnegative, scalar
from .optimizer import Optimizer
from .plan import Plan

PLAIN = ("exp_avg", "exp_avg_sq")
AMSGRAD = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")


class Adam(Optimizer):
    """Adam: steps scaled by running means of the gradient and of its square.

    ::

        g = grad + weight_decay * p                        (-grad with maximize)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        s = the largest v so far with amsgrad, else v
        p = p - lr * (m / (1 - beta1**t)) / (sqrt(s / (1 - beta2**t)) + eps)

    With `decoupled_weight_decay` it is AdamW: the decay shrinks `p` and does not enter `g`.

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
    amsgrad : bool
        Divide by the largest second moment so far.
    maximize : bool
        Ascend instead of descending.
    foreach, capturable, fused : bool, optional
        Accepted and kept in state dicts; in PyTorch they choose among implementations, and here there is one, which
        updates all parameters of a group in one kernel.
    differentiable : bool
        Only False: a step records no gradient.
    decoupled_weight_decay : bool
        Decay as AdamW does.

    Notes
    -----
    D. P. Kingma and J. Ba, "Adam: A method for stochastic optimization", ICLR 2015; amsgrad: S. J. Reddi, S. Kale and
    S. Kumar, "On the convergence of Adam and beyond", ICLR 2018.

    Examples
    --------
    >>> import candelabra as cb
    >>> w = cb.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = cb.optim.Adam([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> [round(x, 3) for x in w.tolist()]
    [0.5, -1.5]
    >>> optimizer.state_dict()["state"][0]["step"].item()
    1.0
    """

    counts_steps: ClassVar[bool] = True
    optional_state: ClassVar[frozenset[str]] = frozenset(("max_exp_avg_sq",))

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
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
        """Return the two running means and, with amsgrad, the largest second moment."""
        return AMSGRAD if group["amsgrad"] else PLAIN

    def update(self, plan: Plan, grads: list[Tensor]) -> None:
        """Update `plan.params`, their running means and their step counts."""
        group = plan.group
        buffers = plan.buffers
        beta1, beta2 = group["betas"]
        steps = tuple([count + 1.0 for count in plan.steps or ()])
        ops.adam_step(
            plan.params,
            grads,
            buffers["exp_avg"],
            buffers["exp_avg_sq"],
            buffers["max_exp_avg_sq"] if plan.names is AMSGRAD else [],
            steps=steps,
            lr=scalar(group["lr"]),
            beta1=scalar(beta1),
            beta2=scalar(beta2),
            eps=scalar(group["eps"]),
            weight_decay=scalar(group["weight_decay"]),
            amsgrad=group["amsgrad"],
            maximize=group["maximize"],
            decoupled=group["decoupled_weight_decay"],
        )
        plan.steps = steps


class AdamW(Adam):
    """Adam with decoupled weight decay: ``p = p - lr * weight_decay * p`` before Adam's own step.

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor) or of dict
        The parameters or the parameter groups.
    lr, betas, eps, amsgrad, maximize, foreach, capturable, differentiable, fused
        As in `Adam`.
    weight_decay : float
        Rate of decay.

    Notes
    -----
    I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", ICLR 2019.

    Examples
    --------
    >>> import candelabra as cb
    >>> w = cb.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = cb.optim.AdamW([w], lr=0.5, weight_decay=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> [round(x, 3) for x in w.tolist()]
    [0.25, -1.0]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def check_group(self, group: dict[str, Any]) -> None:
        """Raise where an option of `group` is out of range; a state dict of Adam's decays as AdamW once loaded here."""
        group["decoupled_weight_decay"] = True
        super().check_group(group)
