"""Layers, losses and containers, under PyTorch's names, arguments and parameter names."""

from __future__ import annotations

from typing import Any

from . import (
    absent,
    activation,
    attention,
    batch_normalization,
    containers,
    convolution,
    distance,
    dropout,
    embedding,
    flatten,
    functional,
    init,
    linear,
    loss,
    loss_linear,
    loss_margin,
    loss_regression,
    loss_sequence,
    module,
    normalization,
    parameter,
    parameter_containers,
    pooling,
    rectifier,
    rnn,
    transformer,
    utils,
)
from .activation import *
from .attention import *
from .batch_normalization import *
from .containers import *
from .convolution import *
from .distance import *
from .dropout import *
from .embedding import *
from .flatten import *
from .linear import *
from .loss import *
from .loss_linear import *
from .loss_margin import *
from .loss_regression import *
from .loss_sequence import *
from .module import *
from .normalization import *
from .parameter import *
from .parameter_containers import *
from .pooling import *
from .rectifier import *
from .rnn import *
from .transformer import *

__all__ = ["functional", "init", "utils"]
__all__ += activation.__all__
__all__ += attention.__all__
__all__ += batch_normalization.__all__
__all__ += containers.__all__
__all__ += convolution.__all__
__all__ += distance.__all__
__all__ += dropout.__all__
__all__ += embedding.__all__
__all__ += flatten.__all__
__all__ += linear.__all__
__all__ += loss.__all__
__all__ += loss_linear.__all__
__all__ += loss_margin.__all__
__all__ += loss_regression.__all__
__all__ += loss_sequence.__all__
__all__ += module.__all__
__all__ += normalization.__all__
__all__ += parameter.__all__
__all__ += parameter_containers.__all__
__all__ += pooling.__all__
__all__ += rectifier.__all__
__all__ += rnn.__all__
__all__ += transformer.__all__


def __getattr__(name: str) -> Any:
    reason = absent.ABSENT.get(name)
    raise AttributeError(f"nn.{name}: {reason}" if reason else f"module 'candelabra.nn' has no attribute {name!r}")
