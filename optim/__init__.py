"""Optimizers and learning rate schedulers, with PyTorch's names, defaults and state dicts.

An optimizer gathers the parameters of a group that have a gradient and hands them to one kernel, which updates them
all; parameters and state keep their tensors and get new values.
"""

from __future__ import annotations

from . import lr_scheduler
from .adam import Adam, AdamW
from .optimizer import Optimizer
from .sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "lr_scheduler"]
