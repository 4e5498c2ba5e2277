"""Adafactor."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, ClassVar

from ..core import ops
from ..core.errors import ArgumentError, DTypeError
from ..core.functions.data_types import finfo
from ..core.tensor import Tensor
from .checks import nonnegative, number, pair, scalar
from .optimizer import Optimizer
from .plan import Plan

MATRIX = ("row_var", "col_var")
VECTOR = ("variance",)


class Adafactor(Optimizer):
    """Adafactor: the second moment of a matrix is kept as one number per row and one per column.

    ::

        g = grad                                        (-grad with maximize)
        k = t**beta2_decay,   a = max(eps[1], rms(p)) * min(lr, 1 / sqrt(t))
        p = p - lr * weight_decay * p
        R = (1 - k) * R + k * mean of g * g along each row,   C likewise along each column
        v = R * C / max(mean(R), eps[0])                (a vector: v = (1 - k) * v + k * g * g)
        u = g / sqrt(max(v, eps[0]**2))
        p = p - a * u / max(1, rms(u) / d)

    A parameter of more than two axes is a stack of matrices, which lie in the last two.

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor) or of dict
        The parameters or the parameter groups.
    lr : float or Tensor
        Upper bound of the relative step size.
    beta2_decay : float
        Exponent of the share of new squares, at most 0.
    eps : tuple
        The least root of a variance (None: the dtype's epsilon), and the least root mean square of a parameter.
    d : float
        The root mean square above which a step is clipped, at least 1.
    weight_decay : float
        Rate of decay, as in AdamW.
    foreach : bool, optional
        Accepted and kept in state dicts; in PyTorch it chooses among implementations, and here there is one.
    maximize : bool
        Ascend instead of descending.

    Raises
    ------
    DTypeError
        A parameter is complex.

    Notes
    -----
    N. Shazeer and M. Stern, "Adafactor: Adaptive learning rates with sublinear memory cost", ICML 2018, in PyTorch's
    reading: no first moment, decoupled decay.

    Examples
    --------
    >>> import candelabra as cb
    >>> w = cb.tensor([[3.0, 4.0], [3.0, 4.0]], requires_grad=True)
    >>> optimizer = cb.optim.Adafactor([w], lr=0.5)
    >>> w.sum().backward()
    >>> optimizer.step()
    >>> optimizer.state[w]["row_var"].shape, [round(x, 3) for x in w[0].tolist()]
    ((2, 1), [1.232, 2.232])
    """

    counts_steps: ClassVar[bool] = True
    separates: ClassVar[bool] = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check_group(self, group: dict[str, Any]) -> None:
        """Raise where an option of `group` is out of range, or a parameter is complex."""
        owner = type(self).__name__
        for name in ("lr", "weight_decay"):
            nonnegative(owner, name, group[name])
        first, second = pair(owner, "eps", group["eps"], "(eps1 or None, eps2)")
        if first is not None:
            nonnegative(owner, "eps[0]", first)
        nonnegative(owner, "eps[1]", second)
        if not number(owner, "beta2_decay", group["beta2_decay"]) <= 0:
            raise ArgumentError(f"{owner}: beta2_decay={group['beta2_decay']} is not a number of at most 0")
        if not number(owner, "d", group["d"]) >= 1:
            raise ArgumentError(f"{owner}: d={group['d']} is not a number of at least 1")
        for index, p in enumerate(group.get("params", ())):
            if p.dtype.is_complex:
                raise DTypeError(
                    f"{owner}: parameter {index}, shape {p.shape}, is of dtype {p.dtype}; complex parameters have no "
                    "factored second moment, optimize them with Adam"
                )

    def part_of(self, p: Tensor) -> Hashable:
        """Tell matrices from vectors."""
        return p.ndim > 1

    def state_names_of(self, group: dict[str, Any], part: Hashable) -> tuple[str, ...]:
        """Return the factors of a matrix, or a vector's variance."""
        return MATRIX if part else VECTOR

    def state_shape(self, name: str, p: Tensor) -> tuple[int, ...]:
        """Return a factor's shape: one number per row, or per column."""
        if name == "variance":
            return p.shape
        return (*p.shape[:-1], 1) if name == "row_var" else (*p.shape[:-2], 1, p.shape[-1])

    def start_state(self, name: str, p: Tensor, group: dict[str, Any]) -> Tensor:
        """Return zeros."""
        return ops.zeros(self.state_shape(name, p), dtype=p.dtype, device=p.device)

    def update(self, plan: Plan, grads: list[Tensor]) -> None:
        """Update `plan.params`, their second moments and their step counts."""
        group = plan.group
        least, eps2 = group["eps"]
        steps = tuple([count + 1.0 for count in plan.steps or ()])
        ops.adafactor_step(
            plan.params,
            grads,
            plan.buffers.get("row_var", []),
            plan.buffers.get("col_var", []),
            plan.buffers.get("variance", []),
            steps=steps,
            lr=scalar(group["lr"]),
            beta2_decay=scalar(group["beta2_decay"]),
            eps1=tuple(finfo(p.dtype).eps if least is None else scalar(least) for p in plan.params),
            eps2=scalar(eps2),
            d=scalar(group["d"]),
            weight_decay=scalar(group["weight_decay"]),
            maximize=group["maximize"],
        )
        plan.steps = steps
