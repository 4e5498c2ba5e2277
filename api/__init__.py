"""candelabra: PyTorch's way of working on a core that speaks only the Python array API standard.

Functions are those of the array API standard, 2025.12; training is PyTorch's. By convention
``import candelabra as cb``.
"""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import Any as _Any

from .plugins.manager import manager as _manager  # isort: skip
from .core import device as _device  # isort: skip

_device.set_resolver(_manager)
# The host's library is loaded here, inside the memory and BLAS policies that it needs.
_device.host_backend()

from .core import methods as _methods  # noqa: E402
from .core import operators as _operators  # noqa: E402
from .core import ops as _ops  # noqa: E402
from .core.api_version import __array_namespace_info__  # noqa: E402
from .core.autograd import (  # noqa: E402
    enable_grad,
    grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .core.device import Device, get_default_device, set_default_device  # noqa: E402
from .core.device import Device as device  # noqa: E402
from .core.dtypes import (  # noqa: E402
    DType,
    bfloat16,
    complex64,
    complex128,
    float16,
    float32,
    float64,
    get_default_dtype,
    int8,
    int16,
    int32,
    int64,
    set_default_dtype,
    uint8,
    uint16,
    uint32,
    uint64,
)
from .core.dtypes import bool_ as bool  # noqa: E402
from .core.errors import CandelabraError, LostWriteWarning  # noqa: E402
from .core.primitives import is_internal as _is_internal  # noqa: E402
from .core.random_state import (  # noqa: E402
    Generator,
    default_generator,
    fork_rng,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .core.tensor import Tensor  # noqa: E402

_operators.install()
_methods.install()

__version__ = "0.1.0"
__array_api_version__ = "2025.12"

half, float, double, long, int, short = float16, float32, float64, int64, int32, int16
cfloat, cdouble = complex64, complex128
dtype = DType
e = 2.718281828459045
pi = 3.141592653589793
inf = 1e400
nan = inf - inf
newaxis = None

_SUBMODULES = frozenset(
    ("autograd", "backends", "conformance", "core", "cuda", "data", "fft", "func", "linalg", "nn", "optim", "plugins",
     "random", "special", "cli", "signal")
)  # fmt: skip
_LATE = {
    "save": "serialization", "load": "serialization", "set_printoptions": "core.printing",
    "get_printoptions": "core.printing", "set_num_threads": "core.threads", "get_num_threads": "core.threads",
    "devices": "core.listing", "Stream": "core.stream", "Event": "core.stream", "synchronize": "core.stream",
    "release_memory": "core.memory", "set_memory_limit": "core.memory", "set_allocator": "core.memory",
    "vmap": "core.transforms.mapping", "checkpoint": "core.autograd.checkpoint",
}  # fmt: skip
_DETERMINISM = (
    "use_deterministic_algorithms", "are_deterministic_algorithms_enabled", "set_deterministic_debug_mode",
    "is_deterministic_algorithms_warn_only_enabled", "get_deterministic_debug_mode",
)  # fmt: skip
_LATE.update(dict.fromkeys(_DETERMINISM, "core.determinism"))
_PRECISION = ("set_float32_matmul_precision", "get_float32_matmul_precision")
_LATE.update(dict.fromkeys(_PRECISION, "core.precision"))
# Functions of layers that PyTorch has at its front door, too.
_LAYERS = (
    "adaptive_avg_pool1d", "alpha_dropout", "avg_pool1d", "bilinear", "celu", "celu_", "channel_shuffle", "conv1d",
    "conv2d", "conv3d", "conv_tbc", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "cosine_similarity",
    "feature_alpha_dropout", "hardshrink", "max_pool1d", "max_pool1d_with_indices", "max_pool2d", "max_pool3d",
    "pairwise_distance", "pixel_shuffle", "pixel_unshuffle", "rrelu", "rrelu_", "selu", "selu_", "threshold",
    "threshold_",
)  # fmt: skip
_LATE.update(dict.fromkeys(_LAYERS, "nn.functional"))


def __getattr__(name: str) -> _Any:
    if name in _SUBMODULES:
        return _import_module(f".{name}", __name__)
    if name in _LATE:
        value = getattr(_import_module(f".{_LATE[name]}", __name__), name)
        if name in _LAYERS:
            value = _import_module(".core.functions.guard", __name__).guard(value, __name__)
    elif name.startswith("_") or _is_internal(name):
        raise AttributeError(_reason(name) or f"module 'candelabra' has no attribute {name!r}")
    else:
        try:
            value = getattr(_ops, name)
        except AttributeError:
            raise AttributeError(_reason(name) or f"module 'candelabra' has no attribute {name!r}") from None
    globals()[name] = value
    return value


def _reason(name: str) -> str | None:
    """Return the text that says why PyTorch's function of this name is not here, None for any other name."""
    from .core import absent

    reason = absent.FUNCTIONS.get(name)
    return absent.reason_text("candelabra", name, reason) if reason else None


def __dir__() -> list[str]:
    return sorted(name for name in {*globals(), *dir(_ops), *_SUBMODULES, *_LATE} if not _is_internal(name))


__all__ = [
    "CandelabraError", "DType", "Device", "Generator", "LostWriteWarning", "Tensor", "__array_api_version__",
    "__array_namespace_info__", "bfloat16", "bool", "cdouble", "cfloat", "complex64", "complex128", "default_generator",
    "device", "double", "dtype", "e", "enable_grad", "float", "float16", "float32", "float64", "fork_rng",
    "get_default_device", "get_default_dtype", "get_rng_state", "grad", "half", "inf", "inference_mode", "initial_seed",
    "int", "int8", "int16", "int32", "int64", "is_grad_enabled", "is_inference_mode_enabled", "long", "manual_seed",
    "nan", "newaxis", "no_grad", "pi", "seed", "set_default_device", "set_default_dtype", "set_grad_enabled",
    "set_rng_state", "short", "uint8", "uint16", "uint32", "uint64",
]  # fmt: skip
