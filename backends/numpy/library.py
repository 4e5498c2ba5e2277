"""The NumPy backend: the namespace, the dtypes, and small kernels where NumPy's own function is slow or differs.

The files beside this one hold the larger kernels, one family each.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import ml_dtypes
import numpy as np

from ...core import threads
from ...core.backend import Backend, Kernel
from . import elementwise, exchange, memory

# log(0) and 1 / 0 have answers, and other devices do not speak of them. The user's own NumPy still does.
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"candelabra\.")

# Which file holds a row's kernel: it is imported when the row is first used.
FAMILIES: dict[str, tuple[str, ...]] = {
    "activation": (
        "erf", "erfc", "gelu", "sigmoid", "silu", "softplus", "mish", "elu", "logsigmoid",
    ),
    "attention": ("attention",),
    "axes": (
        "concat", "expand_dims", "flip", "moveaxis", "permute_dims", "roll", "squeeze", "stack", "unstack",
    ),
    "clipping": ("total_norm", "clip_norm_step", "clip_value_step"),
    "convolution": ("conv", "conv_input", "conv_weight"),
    "creation": ("eye", "full", "linspace", "ones"),
    "group_normalization": ("group_norm",),
    "decomposition": ("cholesky", "definite_order", "det", "hermitian_part", "inv", "qr", "slogdet", "solve"),
    "elimination": ("ldl_packed", "ldl_solve", "lu_packed", "lu_solve", "pivot_order", "solve_triangular"),
    "linear": ("linear",),
    "loss": (
        "binary_cross_entropy", "binary_cross_entropy_with_logits", "mse_loss", "nll_loss", "smooth_l1_loss",
    ),
    "sequence_loss": ("ctc_loss",),
    "normalization": ("batch_norm", "layer_norm", "rms_norm"),
    "optimizer": ("sgd_step", "adam_step"),
    "optimizer_adaptive": (
        "adagrad_step", "adadelta_step", "rmsprop_step", "adamax_step", "nadam_step", "radam_step",
    ),
    "optimizer_matrix": ("adafactor_step", "muon_step"),
    "optimizer_plain": ("asgd_step", "rprop_step", "average_step", "copy_step"),
    "elementwise_beyond": ("bitwise_count", "complex", "fmod", "frexp_exponent", "gcd"),
    "folding": ("im2col", "col2im"),
    "fourier": ("fft_c2c", "fft_r2c", "fft_c2r"),
    "padding": ("pad",),
    "pooling": (
        "max_pool", "max_pool_with_indices", "adaptive_max_pool", "adaptive_max_pool_with_indices", "max_unpool",
    ),
    "pooling_average": ("avg_pool",),
    "reflection": ("lstsq", "reflections"),
    "resampling": ("interpolate", "interpolate_transpose", "adaptive_avg_pool"),
    "random": (
        "random_bits", "random_uniform", "random_normal", "random_bernoulli", "random_integers", "random_permutation",
    ),
    "recurrent": ("rnn", "gru", "lstm"),
    "rectifier": ("relu", "leaky_relu", "hardtanh", "hardsigmoid", "hardswish", "prelu"),
    "reduction": (
        "sum", "prod", "max", "min", "all", "any", "argmax", "argmin", "count_nonzero", "mean", "var", "std",
        "cumulative_prod", "cumulative_sum",
    ),
    "scatter": ("gather", "index_add", "scatter", "scatter_add", "scatter_reduce", "take_along_axis"),
    "select": ("take_along_axis", "where"),
    "running": ("running_extremum", "running_logsumexp"),
    "segments": ("segment_argmax", "segment_reduction"),
    "selection": ("argsort", "rank_index", "sort", "top_indices"),
    "spectral": ("eig", "eigh", "eigvals", "eigvalsh", "svd", "svdvals"),
    "special": ("digamma", "erfinv", "lgamma"),
    "special_series": (
        "airy_ai", "airy_ai_slope", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "betaln", "erfcx",
        "gammainc_slope", "i0", "i0e", "i1", "i1e", "igamma", "igammac", "log_ndtr", "ndtr", "ndtri", "polygamma",
        "scaled_modified_bessel_k0", "scaled_modified_bessel_k1", "zeta",
    ),
    "triangles": ("lu_triangles", "permutation", "tril", "triu"),
    "vectors": ("cross_product", "euclidean_norm"),
    "softmax": ("softmax", "log_softmax", "logsumexp", "cross_entropy"),
}  # fmt: skip


class Kernels(dict[str, Any]):
    """The kernels by row, each family imported on the first use of one of its rows."""

    def __init__(self) -> None:
        super().__init__(elementwise.KERNELS)
        self._family = {row: family for family, rows in FAMILIES.items() for row in rows}

    def __missing__(self, row: str) -> Callable[..., Any] | Kernel:
        family = self._family.get(row)
        if family is None:
            raise KeyError(row)
        module = import_module(f".{family}", __package__)
        for name, kernel in module.KERNELS.items():
            self.setdefault(name, kernel)
        return self[row]

    def get(self, row: str, default: Any = None) -> Any:
        """Return a row's kernel, or the default."""
        return self[row] if row in self else default  # noqa: SIM401

    def __contains__(self, row: object) -> bool:
        return super().__contains__(row) or row in self._family


class NumpyBackend(Backend):
    """NumPy, always holding `numpy.ndarray` and never a NumPy scalar."""

    name = "numpy"
    device_types = ("cpu",)
    # Views of an ndarray hold their owner in `base`, so that a reference count of one means sole ownership.
    mutable = True
    lenient = True
    plain_keys = True
    checks_values = True
    array_type = np.ndarray
    # No BLAS and no SIMD for these, and mixed with Python numbers they become float32.
    narrow_dtypes = frozenset(("float16", "bfloat16"))

    def __init__(self) -> None:
        super().__init__(np)
        self.kernels: Mapping[str, Callable[..., Any] | Kernel] = Kernels()
        self.donating = elementwise.DONATING

    def dtypes(self, index: int = 0) -> dict[str, Any]:
        names = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
                 "float64", "complex64", "complex128")  # fmt: skip
        return {name: np.dtype(name) for name in names} | {"bfloat16": np.dtype(ml_dtypes.bfloat16)}

    def asarray(self, data: Any, dtype: Any = None, index: int = 0) -> np.ndarray:
        return np.asarray(data, dtype=dtype)

    def copy(self, array: np.ndarray) -> np.ndarray:
        return array.copy()

    def normalize(self, value: Any, index: int = 0) -> np.ndarray:
        return np.asarray(value)

    def normalizer(self, index: int = 0) -> Callable[[Any], Any]:
        return np.asarray

    def to_host(self, array: np.ndarray) -> np.ndarray:
        return array

    def from_dlpack(self, array: Any, index: int = 0) -> np.ndarray:
        return exchange.array_of(array)

    def to_dlpack(self, array: np.ndarray, asked: dict[str, Any]) -> Any:
        return exchange.capsule_of(array, asked)

    def is_view_of_live_owner(self, array: np.ndarray) -> bool:
        base = array.base
        # This name, the view's own reference and the call's argument are three.
        return isinstance(base, np.ndarray) and sys.getrefcount(base) > 3

    def set_num_threads(self, n: int) -> None:
        memory.set_num_threads(n)

    def get_num_threads(self) -> int:
        return memory.get_num_threads() or 1

    def describe(self) -> dict[str, str]:
        return {"version": np.__version__, **memory.policy(), **threads.pools()}
