"""What the layers of losses share."""

from __future__ import annotations

from ..core.tensor import Tensor
from .functions.loss_tools import chosen_reduction
from .module import Module

__all__: list[str] = []


class _Loss(Module):
    """A loss module: it holds how the losses are reduced."""

    # Ways to reduce beside "mean", "sum" and "none".
    _reductions: tuple[str, ...] = ()

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = chosen_reduction(
            size_average, reduce, reduction, self._get_name(), *self._reductions, stacklevel=4
        )


class _WeightedLoss(_Loss):
    """A loss module with weights, which are a buffer."""

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
