"""Optimizers and learning rate schedulers, with PyTorch's names, defaults and state dicts.

An optimizer gathers the parameters of a group that have a gradient and hands them to one kernel, which updates them
all; parameters and state keep their tensors and get new values.

Gradients add up until `zero_grad` drops them, so that a batch that does not fit into memory is worked through in parts:

>>> import candelabra as cb
>>> w = cb.tensor([1.0, 2.0], requires_grad=True)
>>> optimizer = cb.optim.SGD([w], lr=0.5)
>>> x = cb.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0], [0.0, 2.0]])
>>> for part in (x[:2], x[2:]):
...     loss = (part @ w).mean() / 2          # half of the batch, half of its mean
...     loss.backward()
>>> optimizer.step()                          # as if (x @ w).mean() had been differentiated
>>> optimizer.zero_grad()
>>> w.tolist()
[0.625, 1.625]
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import lr_scheduler
from .adadelta import Adadelta
from .adafactor import Adafactor
from .adagrad import Adagrad
from .adam import Adam, AdamW
from .adamax import Adamax
from .asgd import ASGD
from .lbfgs import LBFGS
from .muon import Muon
from .nadam import NAdam
from .optimizer import Optimizer
from .radam import RAdam
from .rmsprop import RMSprop
from .rprop import Rprop
from .sgd import SGD
from .sparse_adam import SparseAdam
from .stateless import swap_in_optimizer_params_and_state

if TYPE_CHECKING:
    from . import swa_utils

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SparseAdam",
    "lr_scheduler",
    "swa_utils",
    "swap_in_optimizer_params_and_state",
]


def __getattr__(name: str) -> Any:
    # An optimizer needs no layers: only the averages of models do.
    if name == "swa_utils":
        return import_module(".swa_utils", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
