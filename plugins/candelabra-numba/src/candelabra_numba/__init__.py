"""Kernels for candelabra's CPU that numba compiles: norms, softmax, losses, activations, pooling, scatter, steps."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from candelabra.core.backend import Kernel
from candelabra.plugins.hookspecs import KernelSpec

# Which module holds the kernels of which rows, in its `KERNELS`. It is imported when one of the rows is first used.
FAMILIES: dict[str, tuple[str, ...]] = {
    "activation": ("elu", "gelu", "mish", "silu", "softplus"),
    "attention": ("attention",),
    "elementwise": ("erf", "exp", "logsigmoid", "sigmoid", "tanh"),
    "loss": ("cross_entropy",),
    "normalization": ("batch_norm", "group_norm", "layer_norm", "rms_norm"),
    "optimizer": (
        "adadelta_step", "adagrad_step", "adam_step", "adamax_step", "asgd_step", "average_step", "nadam_step",
        "radam_step", "rmsprop_step", "rprop_step", "sgd_step",
    ),
    "pooling": ("adaptive_max_pool", "adaptive_max_pool_with_indices", "avg_pool", "max_pool", "max_pool_with_indices"),
    "rectifier": ("leaky_relu", "relu"),
    "scatter": ("cumulative_sum", "embedding", "index_add", "scatter_add", "scatter_reduce", "segment_reduction"),
    "softmax": ("log_softmax", "logsumexp", "softmax"),
}  # fmt: skip

# Above oneDNN, which says 0, but where it was measured to be faster.
PRIORITY = 1
BELOW: frozenset[str] = frozenset()


class LateKernel(Kernel):
    """A kernel whose module is imported when somebody looks at it."""

    __slots__ = ("_family", "_found", "_row")

    def __init__(self, family: str, row: str) -> None:
        for name, value in (("_family", family), ("_row", row), ("_found", None)):
            object.__setattr__(self, name, value)

    def _kernel(self) -> Kernel:
        if self._found is None:
            kernel = import_module(f".{self._family}", __package__).KERNELS[self._row]
            object.__setattr__(self, "_found", kernel if isinstance(kernel, Kernel) else Kernel(kernel))
        return self._found

    def __repr__(self) -> str:
        return f"<numba's kernel of {self._row}>"

    forward: Any = property(lambda self: self._kernel().forward)
    train: Any = property(lambda self: self._kernel().train)
    vjp: Any = property(lambda self: self._kernel().vjp)
    residuals: Any = property(lambda self: self._kernel().residuals)


def candelabra_kernels() -> list[KernelSpec]:
    """Announce the kernels; none where numba is not installed. It is not imported before a kernel computes."""
    if find_spec("numba") is None:
        return []
    return [
        KernelSpec("cpu", row, LateKernel(family, row), -1 if row in BELOW else PRIORITY)
        for family, rows in FAMILIES.items()
        for row in rows
    ]
