"""`SparseAdam`, which there is no use for here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from ..core.errors import ArgumentError
from ..core.tensor import Tensor
from .optimizer import Optimizer


class SparseAdam(Optimizer):
    """Not available: it updates by sparse gradients, and all gradients here are dense. Use `Adam`.

    PyTorch's `SparseAdam` refuses dense gradients, so that a program that uses it also needs `Embedding(sparse=True)`.

    Parameters
    ----------
    params, lr, betas, eps, maximize
        PyTorch's.

    Raises
    ------
    ArgumentError
        Always.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.optim.SparseAdam([cb.zeros(2, requires_grad=True)])
    Traceback (most recent call last):
        ...
    candelabra.core.errors.ArgumentError: SparseAdam takes sparse gradients, and all gradients here are dense; use Adam
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> NoReturn:
        raise ArgumentError("SparseAdam takes sparse gradients, and all gradients here are dense; use Adam")
