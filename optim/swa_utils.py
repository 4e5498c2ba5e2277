"""Averages of a model's parameters along its training: stochastic weight averaging and exponential moving averages.

This is the one file of `optim` that knows `nn`: an averaged model is a module.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any

from ..core import dtypes, ops
from ..core.autograd import no_grad
from ..core.errors import ArgumentError, ShapeError
from ..core.tensor import Tensor
from ..nn.batch_normalization import _BatchNorm
from ..nn.module import Module
from .checks import number
from .optimizer import Optimizer
from .schedule import LRScheduler, checked_optimizer, per_group

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


def _moved(averages: Iterable[Tensor], values: Iterable[Tensor], share: float) -> None:
    """Move averages towards values by `share` of the distance, all floating-point tensors in one kernel."""
    first: list[Tensor] = []
    second: list[Tensor] = []
    counters: dict[Any, list[tuple[Tensor, Tensor]]] = {}
    with no_grad():
        for average, value in zip(averages, values, strict=True):
            if average.dtype.is_differentiable:
                first.append(average)
                second.append(value.to(average.device, average.dtype))
            else:
                counters.setdefault((average.device, average.dtype), []).append((average, value.to(average.device)))
        ops.average_step(first, second, share=share)
        for pairs in counters.values():
            _moved_counters(pairs, share)


def _moved_counters(pairs: list[tuple[Tensor, Tensor]], share: float) -> None:
    """Move integers in floating point, then cut off, as PyTorch does with counters; all are joined for it."""
    averages = [average for average, _ in pairs]
    old, new = (ops.concat([ops.reshape(pair[k], (-1,)) for pair in pairs]) for k in (0, 1))
    moved = ops.astype(old + (new - old) * share, old.dtype)
    start = 0
    parts: list[Tensor] = []
    for average in averages:
        parts.append(ops.reshape(moved[start : start + average.size], average.shape))
        start += average.size
    ops.copy_step(averages, parts)


def _decay(decay: float, owner: str) -> float:
    if not 0 <= number(owner, "decay", decay) <= 1:
        raise ArgumentError(f"{owner}: decay={decay} is not between 0 and 1")
    return decay


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[..., None]:
    """Return a function that updates lists of exponential moving averages, all in one kernel.

    Parameters
    ----------
    decay : float
        The share of the average that each update keeps, between 0 and 1.

    Returns
    -------
    callable
        Takes the averages, which it changes, the present values, and a number of updates, which it does not read.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.optim.swa_utils import get_ema_multi_avg_fn
    >>> average = cb.tensor([0.0, 4.0])
    >>> get_ema_multi_avg_fn(0.75)([average], [cb.tensor([4.0, 0.0])], 1)
    >>> average
    tensor([1., 3.])
    """
    share = 1 - _decay(decay, "get_ema_multi_avg_fn")

    def update(averages: list[Tensor], values: list[Tensor], num_averaged: Any) -> None:
        _moved(averages, values, share)

    return update


def get_swa_multi_avg_fn() -> Callable[..., None]:
    """Return a function that updates lists of equally weighted averages, all in one kernel.

    Returns
    -------
    callable
        Takes the averages, which it changes, the present values, and how many values were averaged before.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.optim.swa_utils import get_swa_multi_avg_fn
    >>> average = cb.tensor([0.0, 3.0])
    >>> get_swa_multi_avg_fn()([average], [cb.tensor([3.0, 0.0])], 2)
    >>> average
    tensor([1., 2.])
    """

    def update(averages: list[Tensor], values: list[Tensor], num_averaged: Tensor | int) -> None:
        _moved(averages, values, 1.0 / (int(num_averaged) + 1))

    return update


def get_ema_avg_fn(decay: float = 0.999) -> Callable[[Tensor, Tensor, Any], Tensor]:
    """Return a function that computes an exponential moving average of one parameter.

    Parameters
    ----------
    decay : float
        The share of the average that each update keeps, between 0 and 1.

    Returns
    -------
    callable
        Takes the average, the present value and a number of updates; returns the new average.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.optim.swa_utils import get_ema_avg_fn
    >>> get_ema_avg_fn(0.75)(cb.tensor([0.0, 4.0]), cb.tensor([4.0, 0.0]), 1)
    tensor([1., 3.])
    """
    keep = _decay(decay, "get_ema_avg_fn")

    def average(averaged: Tensor, value: Tensor, num_averaged: Any) -> Tensor:
        with no_grad():
            return keep * averaged + (1 - keep) * value

    return average


def get_swa_avg_fn() -> Callable[[Tensor, Tensor, Any], Tensor]:
    """Return a function that computes the equally weighted average of one parameter.

    Returns
    -------
    callable
        Takes the average, the present value, and how many values were averaged before; returns the new average.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.optim.swa_utils import get_swa_avg_fn
    >>> get_swa_avg_fn()(cb.tensor([0.0, 3.0]), cb.tensor([3.0, 0.0]), 2)
    tensor([1., 2.])
    """

    def average(averaged: Tensor, value: Tensor, num_averaged: Tensor | int) -> Tensor:
        with no_grad():
            return averaged + (value - averaged) / (num_averaged + 1)

    return average


class AveragedModel(Module):
    """A copy of a model whose parameters are the average of the model's along its training.

    Parameters
    ----------
    model : Module
        The model; it is copied.
    device : Device or str, optional
        Where the copy lives.
    avg_fn : callable, optional
        Takes the average of one parameter, its present value and how many were averaged before, and returns the new
        average.
    multi_avg_fn : callable, optional
        The same for lists of all parameters, whose averages it changes in place. With neither function all values weigh
        equally (stochastic weight averaging).
    use_buffers : bool
        Average the buffers, too; otherwise they are copied.

    Attributes
    ----------
    module : Module
        The averaged copy.
    n_averaged : Tensor
        How many values have been averaged, a buffer.

    Raises
    ------
    ArgumentError
        Both functions are given.

    Notes
    -----
    P. Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI 2018; exponential
    moving averages: B. T. Polyak and A. B. Juditsky, 1992. The functions are not part of the state dict.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> from candelabra.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
    >>> model = nn.Linear(1, 1, bias=False)
    >>> ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.5))
    >>> for value in (4.0, 2.0):
    ...     model.weight.data = cb.tensor([[value]])
    ...     ema.update_parameters(model)
    >>> ema.module.weight.item(), ema(cb.ones(1)).item(), ema.n_averaged.item()
    (3.0, 3.0, 2)
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Callable[[Tensor, Tensor, Any], Tensor] | None = None,
        multi_avg_fn: Callable[[list[Tensor], list[Tensor], Any], None] | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise ArgumentError("AveragedModel: avg_fn and multi_avg_fn exclude each other; give one of them")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", ops.full((), 0, dtype=dtypes.int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the averaged model makes of its arguments."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the present parameters of `model` into the average; the first ones are copied.

        Parameters
        ----------
        model : Module
            The model that is trained, of the same parameters as the one given to the constructor.

        Raises
        ------
        ShapeError
            Its parameters are not of the same number and shapes. Nothing has been changed.
        """
        averages: list[Tensor] = list(self.module.parameters())
        values: list[Tensor] = list(model.parameters())
        own_buffers, buffers = list(self.module.buffers()), list(model.buffers())
        ours, theirs = [t.shape for t in chain(averages, own_buffers)], [t.shape for t in chain(values, buffers)]
        if ours != theirs:
            raise ShapeError(
                f"AveragedModel.update_parameters: the averaged model has parameters and buffers of shapes {ours}, the "
                f"model {theirs}; give the model that the average was made of"
            )
        copied = [] if self.use_buffers else list(zip(own_buffers, buffers))
        if self.use_buffers:
            averages, values = averages + own_buffers, values + buffers
        with no_grad():
            values = [value.detach().to(average.device) for average, value in zip(averages, values)]
            if self.n_averaged == 0:
                copied += zip(averages, values)
            elif self.avg_fn is not None:
                for average, value in zip(averages, values):
                    count = self.n_averaged.to(average.device)
                    average.copy_(self.avg_fn(average.detach(), value, count))
            else:
                (self.multi_avg_fn or get_swa_multi_avg_fn())(averages, values, self.n_averaged)
            if copied:
                targets = [average for average, _ in copied]
                ops.copy_step(targets, [value.detach().to(a.device, a.dtype) for a, value in copied])
            self.n_averaged += 1


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of a model's batch normalizations anew, by one pass over the data.

    Parameters
    ----------
    loader : iterable
        Batches: tensors, or lists or tuples whose first element is the model's argument.
    model : Module
        The model; without batch normalization nothing is done. Whether it is in training mode stays as it is.
    device : Device or str, optional
        Where batches are moved to.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> from candelabra.optim.swa_utils import update_bn
    >>> model = nn.BatchNorm1d(1)
    >>> update_bn([cb.tensor([[1.0], [3.0]]), cb.tensor([[5.0], [7.0]])], model)
    >>> model.running_mean
    tensor([4.])
    """
    momenta = {}
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.reset_running_stats()
            momenta[module] = module.momentum
    if not momenta:
        return
    training = model.training
    try:
        model.train()
        # The mean of all batches instead of a moving one.
        for module in momenta:
            module.momentum = None
        with no_grad():
            for batch in loader:
                data = batch[0] if isinstance(batch, (list, tuple)) else batch
                model(data if device is None else data.to(device))
    finally:
        for module, momentum in momenta.items():
            module.momentum = momentum
        model.train(training)


class SWALR(LRScheduler):
    """Anneal the learning rate to a fixed value, at which the weights are averaged.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer.
    swa_lr : float or list of float
        The learning rate to go to, for all groups or one for each.
    anneal_epochs : int
        Epochs until then.
    anneal_strategy : str
        ``"cos"`` or ``"linear"``.
    last_epoch : int
        The last epoch done; -1 starts anew.

    Notes
    -----
    P. Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI 2018.

    Examples
    --------
    >>> import candelabra as cb
    >>> optimizer = cb.optim.SGD([cb.zeros(2, requires_grad=True)], lr=1.0)
    >>> scheduler = cb.optim.swa_utils.SWALR(optimizer, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear")
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.extend(scheduler.get_last_lr())
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 0.75, 0.5, 0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        rates = per_group("SWALR", "swa_lr", checked_optimizer("SWALR", optimizer), swa_lr)
        for rate in rates:
            number("SWALR", "swa_lr", rate)
        if anneal_strategy not in ("cos", "linear"):
            raise ArgumentError(f"SWALR: anneal_strategy={anneal_strategy!r} is neither 'cos' nor 'linear'")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ArgumentError(f"SWALR: anneal_epochs={anneal_epochs!r} is not an integer of at least 0")
        for rate, group in zip(rates, optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, step: int) -> float:
        """Return how much of the way has been gone after a number of steps."""
        t = max(0, min(1, step / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def get_lr(self) -> list[Any]:
        """Return the next learning rates from the present ones."""
        self._warn_outside_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, share = self._share(step - 1), self._share(step)
        values = []
        for group in self.optimizer.param_groups:
            end = group["swa_lr"]
            start = end if before == 1 else (group["lr"] - before * end) / (1 - before)
            values.append(end * share + start * (1 - share))
        return values
