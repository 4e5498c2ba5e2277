"""Which file holds a row's kernel for a card: it is imported when the row is first used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from ..launch import Launcher

FAMILIES: dict[str, tuple[str, ...]] = {
    "activation": ("gelu", "silu", "mish", "softplus", "erf", "erfc", "sigmoid", "lgamma"),
    "adafactor": ("adafactor_step",),
    "attention": ("attention",),
    "clipping": ("total_norm", "clip_norm_step", "clip_value_step"),
    "convolution": ("conv", "conv_input", "conv_weight"),
    "dropout": ("random_dropout",),
    "elements": ("bitwise_count", "complex", "gcd"),
    "extremes": ("argmax", "argmin"),
    "indexing": ("take", "embedding", "gather", "take_along_axis", "getitem", "getitem_transpose", "setitem"),
    "linear": ("linear", "linear_activation"),
    "loss": ("cross_entropy", "nll_loss"),
    "matmul": ("matmul", "vecdot"),
    "muon": ("muon_step",),
    "normalization": ("layer_norm", "rms_norm", "group_norm", "batch_norm"),
    "optimizer": (
        "adam_step", "sgd_step", "rmsprop_step", "adagrad_step", "adadelta_step", "adamax_step", "nadam_step",
        "radam_step", "asgd_step", "rprop_step", "average_step", "copy_step",
    ),
    "pooling": ("max_pool", "max_pool_with_indices", "avg_pool"),
    "random": (
        "random_bits", "random_uniform", "random_normal", "random_bernoulli", "random_integers", "random_permutation",
    ),
    "scattering": ("index_add", "scatter_add", "scatter", "scatter_reduce"),
    "recurrent": ("rnn", "gru", "lstm"),
    "softmax": ("softmax", "log_softmax", "logsumexp"),
}  # fmt: skip


class Kernels(Mapping[str, Any]):
    """The kernels by row, each family imported on the first use of one of its rows.

    Parameters
    ----------
    gpu : Launcher
        What runs them.
    """

    def __init__(self, gpu: Launcher) -> None:
        self.gpu = gpu
        self._family = {row: family for family, rows in FAMILIES.items() for row in rows}
        self._made: dict[str, Any] = {}

    def __getitem__(self, row: str) -> Any:
        if row not in self._made:
            family = self._family[row]
            self._made.update(import_module(f".{family}", __package__).kernels(self.gpu))
        return self._made[row]

    def __iter__(self) -> Iterator[str]:
        return iter(self._family)

    def __len__(self) -> int:
        return len(self._family)
