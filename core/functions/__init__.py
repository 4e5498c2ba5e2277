"""Composites: plain code over rows, by family. `COMPOSITES` holds their public functions by name.

The families that every program needs are read here, those of `LATE` when a name is asked for that nobody else has. Only
an early family may give a row of an early family a friendlier front.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any

from ..primitives.row import TABLE
from .guard import guard_names

COMPOSITES: dict[str, Callable[..., Any]] = {}
EARLY = (
    "conversion", "creation", "data_types", "indexing", "manipulation", "mathematics", "random", "scatter", "searching",
    "torch_names",
)  # fmt: skip
LATE = (
    "arrangement", "counting", "distance", "elementwise_names", "extra", "histograms", "integrals", "joining",
    "linear_names", "low_rank", "matrices", "overlays", "polynomials", "products", "progressions", "random_counts",
    "segments", "selection", "sets", "short_time", "special", "statistics", "tensor_names", "windows",
)  # fmt: skip
# Small and often called: these check what they are given themselves.
SELF_CHECKING = frozenset((
    "arange", "as_tensor", "asarray", "empty", "empty_like", "eye", "from_numpy", "full", "full_like", "get_item",
    "linspace", "log_softmax", "ones", "ones_like", "rand", "randint", "randn", "randperm", "set_item",
    "softmax", "take_item", "tensor", "zeros", "zeros_like",
))  # fmt: skip
# Rows of late families to which a late family gives a friendlier front.
FRONTS = frozenset(("cholesky", "det", "lu_solve", "matrix_exp", "polygamma", "qr", "slogdet", "svd", "zeta"))
_lock = threading.RLock()
_waiting: list[str] = list(LATE)


def read(family: str) -> None:
    """Enter a family's public functions."""
    module = import_module(f".{family}", __name__)
    guard_names(vars(module), [name for name in module.__all__ if name not in SELF_CHECKING])
    for name in module.__all__:
        COMPOSITES[name] = getattr(module, name)


def read_all() -> dict[str, Callable[..., Any]]:
    """Read the families that have not been needed yet, and return every composite."""
    # Whoever comes while another thread reads waits here.
    with _lock:
        while _waiting:
            read(_waiting[0])
            del _waiting[0]
    return COMPOSITES


def find(name: str) -> Callable[..., Any] | None:
    """Return the composite of a name, or None; reads the late families where no early row answers to it."""
    found = COMPOSITES.get(name)
    if found is None and _waiting and (name in FRONTS or not dict.__contains__(TABLE, name)):
        found = read_all().get(name)
    return found


for _family in EARLY:
    read(_family)
