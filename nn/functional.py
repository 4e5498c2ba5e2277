"""The functions behind the layers, under PyTorch's names and arguments; `dim` is another name of `axis`."""

from __future__ import annotations

from typing import Any

from . import absent as _absent
from . import functions as _families
from .functions.activation import *
from .functions.attention import *
from .functions.convolution import *
from .functions.distance import *
from .functions.dropout import *
from .functions.embedding import *
from .functions.folding import *
from .functions.grid import *
from .functions.linear import *
from .functions.loss import *
from .functions.loss_linear import *
from .functions.loss_margin import *
from .functions.loss_regression import *
from .functions.loss_sequence import *
from .functions.normalization import *
from .functions.padding import *
from .functions.pooling import *
from .functions.pooling_adaptive import *
from .functions.rectifier import *
from .functions.resampling import *
from .functions.shuffling import *
from .functions.unpooling import *

__all__ = [
    *_families.activation.__all__,
    *_families.attention.__all__,
    *_families.convolution.__all__,
    *_families.distance.__all__,
    *_families.dropout.__all__,
    *_families.embedding.__all__,
    *_families.folding.__all__,
    *_families.grid.__all__,
    *_families.linear.__all__,
    *_families.loss.__all__,
    *_families.loss_linear.__all__,
    *_families.loss_margin.__all__,
    *_families.loss_regression.__all__,
    *_families.loss_sequence.__all__,
    *_families.normalization.__all__,
    *_families.padding.__all__,
    *_families.pooling.__all__,
    *_families.pooling_adaptive.__all__,
    *_families.rectifier.__all__,
    *_families.resampling.__all__,
    *_families.shuffling.__all__,
    *_families.unpooling.__all__,
]


def __getattr__(name: str) -> Any:
    reason = _absent.ABSENT_FUNCTIONS.get(name)
    raise AttributeError(f"nn.functional.{name}: {reason or f'module {__name__!r} has no such function'}")
