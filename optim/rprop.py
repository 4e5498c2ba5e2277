"""Resilient backpropagation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from ..core import ops
from ..core.errors import ArgumentError
from ..core.tensor import Tensor
from .checks import implementation, nonnegative, number, pair, scalar
from .optimizer import Optimizer
from .plan import Plan

STATE = ("prev", "step_size")


class Rprop(Optimizer):
    """Resilient backpropagation: each element has a step size of its own, and of the gradient only the sign counts.

    ::

        g = grad                                        (-grad with maximize)
        c = g * prev
        s = s * etas[1] where c > 0,  s * etas[0] where c < 0;  then into [step_sizes[0], step_sizes[1]]
        g = 0 where c < 0
        p = p - sign(g) * s
        prev = g

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor) or of dict
        The parameters or the parameter groups.
    lr : float or Tensor
        The step sizes at first; changed later, it has no effect.
    etas : tuple of float
        The factors by which a step size shrinks and grows, ``0 < etas[0] < 1 < etas[1]``.
    step_sizes : tuple of float
        The least and the greatest step size.
    maximize : bool
        Ascend instead of descending.
    capturable, foreach : bool, optional
        Accepted and kept in state dicts; in PyTorch they choose among implementations, and here there is one, which
        updates all parameters of a group in one kernel.
    differentiable : bool
        Only False: a step records no gradient.

    Notes
    -----
    M. Riedmiller and H. Braun, "A direct adaptive method for faster backpropagation learning: the RPROP algorithm",
    IEEE International Conference on Neural Networks, 1993. Meant for whole data sets, not for batches.

    Examples
    --------
    >>> import candelabra as cb
    >>> w = cb.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = cb.optim.Rprop([w], lr=0.5)
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
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def check_group(self, group: dict[str, Any]) -> None:
        """Raise where an option of `group` is out of range."""
        owner = type(self).__name__
        nonnegative(owner, "lr", group["lr"])
        shrink, grow = pair(owner, "etas", group["etas"], "(shrink, grow)")
        if not 0 < number(owner, "etas[0]", shrink) < 1 < number(owner, "etas[1]", grow):
            raise ArgumentError(f"{owner}: etas={group['etas']!r} does not fulfil 0 < etas[0] < 1 < etas[1]")
        for index, size in enumerate(pair(owner, "step_sizes", group["step_sizes"], "(least, greatest)")):
            number(owner, f"step_sizes[{index}]", size)
        implementation(owner, group)

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Return the former gradient and the step sizes."""
        return STATE

    def start_state(self, name: str, p: Tensor, group: dict[str, Any]) -> Tensor:
        """Return zeros, or `lr` as step sizes; real and imaginary part are numbers of their own."""
        if name == "prev":
            return super().start_state(name, p, group)
        lr = scalar(group["lr"])
        return ops.full_like(p.detach(), complex(lr, lr) if p.dtype.is_complex else lr)

    def update(self, plan: Plan, grads: list[Tensor]) -> None:
        """Update `plan.params`, their state and their step counts."""
        group = plan.group
        shrink, grow = group["etas"]
        smallest, largest = group["step_sizes"]
        ops.rprop_step(
            plan.params,
            grads,
            plan.buffers["prev"],
            plan.buffers["step_size"],
            shrink=scalar(shrink),
            grow=scalar(grow),
            smallest=scalar(smallest),
            largest=scalar(largest),
            maximize=group["maximize"],
        )
        plan.steps = tuple([count + 1.0 for count in plan.steps or ()])
