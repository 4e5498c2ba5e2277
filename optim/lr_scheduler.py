"""Learning rate schedulers, which set ``group["lr"]`` of an optimizer from epoch to epoch: all of PyTorch's."""

from __future__ import annotations

from .schedule import LRScheduler
from .schedule_cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from .schedule_cycles import CyclicLR, OneCycleLR
from .schedule_factors import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from .schedule_joined import ChainedScheduler, ReduceLROnPlateau, SequentialLR

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
