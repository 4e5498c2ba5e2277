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
    folding,
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
    padding,
    parameter,
    parameter_containers,
    pooling,
    pooling_adaptive,
    rectifier,
    rnn,
    rnn_cells,
    transformer,
    unpooling,
    upsampling,
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
from .folding import *
from .linear import *
from .loss import *
from .loss_linear import *
from .loss_margin import *
from .loss_regression import *
from .loss_sequence import *
from .module import *
from .normalization import *
from .padding import *
from .parameter import *
from .parameter_containers import *
from .pooling import *
from .pooling_adaptive import *
from .rectifier import *
from .rnn import *
from .rnn_cells import *
from .transformer import *
from .unpooling import *
from .upsampling import *

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
__all__ += folding.__all__
__all__ += linear.__all__
__all__ += loss.__all__
__all__ += loss_linear.__all__
__all__ += loss_margin.__all__
__all__ += loss_regression.__all__
__all__ += loss_sequence.__all__
__all__ += module.__all__
__all__ += normalization.__all__
__all__ += padding.__all__
__all__ += parameter.__all__
__all__ += parameter_containers.__all__
__all__ += pooling.__all__
__all__ += pooling_adaptive.__all__
__all__ += rectifier.__all__
__all__ += rnn.__all__
__all__ += rnn_cells.__all__
__all__ += transformer.__all__
__all__ += unpooling.__all__
__all__ += upsampling.__all__


def __getattr__(name: str) -> Any:
    reason = absent.ABSENT.get(name)
    raise AttributeError(f"nn.{name}: {reason}" if reason else f"module 'candelabra.nn' has no attribute {name!r}")
