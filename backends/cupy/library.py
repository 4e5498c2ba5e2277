"""The CuPy backend of CUDA devices: array-api-compat's namespace, and what it takes to say what is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core.backend import Backend
from ...core.errors import DeviceError, MissingDependencyError
from . import sharing
from .kernels.table import Kernels
from .launch import Launcher

_CREATION = ("arange", "empty", "eye", "from_dlpack", "full", "linspace", "ones", "zeros")


def load_backend() -> Backend:
    """Import CuPy and return its backend.

    Raises
    ------
    MissingDependencyError
        If CuPy is not installed.
    DeviceError
        If there is no driver or no card.
    """
    try:
        import cupy
    except ImportError as error:
        raise MissingDependencyError(
            f"CUDA devices need CuPy, which cannot be imported ({error}); pip install 'candelabra[cuda]'"
        ) from error
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise DeviceError(
            f"CuPy {cupy.__version__} is installed, but finds no CUDA device: {error}; "
            "install NVIDIA's driver, and see that `nvidia-smi` lists the card"
        ) from error
    if count == 0:
        raise DeviceError(f"CuPy {cupy.__version__} is installed, but finds no CUDA device; `nvidia-smi` must list one")
    return CupyBackend()


class CupyBackend(Backend):
    """CuPy. Operations run on the card of CuPy's current device, creation and transfers on the one that is named."""

    name = "cupy"
    device_types = ("cuda",)
    lenient = True
    # A stream orders what writes into an array behind what reads it.
    mutable = True
    # Products of more than two axes fail for bfloat16, and what is made of many steps overflows in float16.
    narrow_dtypes = frozenset(("float16", "bfloat16"))
    narrow_kernels = True

    def __init__(self) -> None:
        import array_api_compat.cupy
        import cupy

        super().__init__(_Namespace(array_api_compat.cupy))
        self.cupy: Any = cupy
        self.array_type = cupy.ndarray
        self.gpu = Launcher(cupy)
        self.kernels = Kernels(self.gpu)
        self.donating = sharing.donating(cupy)

    def dtypes(self, index: int = 0) -> dict[str, Any]:
        names = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
                 "float64", "complex64", "complex128")  # fmt: skip
        found = {name: self.cupy.dtype(name) for name in names}
        if self.cupy.cuda.runtime.runtimeGetVersion() >= 12020:
            import ml_dtypes

            found["bfloat16"] = self.cupy.dtype(ml_dtypes.bfloat16)
        return found

    def devices(self) -> list[str]:
        return [""] * self.cupy.cuda.runtime.getDeviceCount()

    def current_index(self) -> int:
        return self.cupy.cuda.runtime.getDevice()

    def native_device(self, index: int) -> Any:
        return self.cupy.cuda.Device(index)

    def asarray(self, data: Any, dtype: Any = None, index: int = 0) -> Any:
        with self.native_device(index):
            return self.cupy.asarray(data, dtype=dtype)

    def copy(self, array: Any) -> Any:
        with array.device:
            return array.copy()

    def to_host(self, array: Any) -> Any:
        with array.device:
            found = self.cupy.asnumpy(array)
            self.gpu.check()
            return found

    def from_dlpack(self, array: Any, index: int = 0) -> Any:
        with self.native_device(index):
            # Memory of another device is copied: an array belongs where its name says.
            return sharing.borrowed(self.cupy, self.cupy.asarray(self.cupy.from_dlpack(array)))

    def adopt(self, array: Any, index: int = 0) -> Any:
        with array.device:
            return sharing.borrowed(self.cupy, array)

    def is_view_of_live_owner(self, array: Any) -> bool:
        return sharing.is_view_of_live_owner(self.cupy, array)

    def to_device(self, array: Any, index: int) -> Any:
        with self.native_device(index):
            return self.cupy.asarray(array)

    def synchronize(self, index: int = 0) -> None:
        self.native_device(index).synchronize()
        with self.native_device(index):
            self.gpu.check()

    def memory(self, index: int = 0) -> dict[str, int]:
        with self.native_device(index):
            pool = self.cupy.get_default_memory_pool()
            return {"allocated": pool.used_bytes(), "reserved": pool.total_bytes()}

    def release_memory(self, index: int = 0) -> None:
        with self.native_device(index):
            self.cupy.get_default_memory_pool().free_all_blocks()

    def device_name(self, index: int) -> str:
        return self.cupy.cuda.runtime.getDeviceProperties(index)["name"].decode()

    def describe(self) -> dict[str, str]:
        runtime = self.cupy.cuda.runtime
        return {
            "version": self.cupy.__version__,
            "CUDA": f"{runtime.runtimeGetVersion()}, driver {runtime.driverGetVersion()}",
        }


class _Namespace:
    """array-api-compat's functions; those that create, which ignore ``device=`` there, go to the device named."""

    def __init__(self, compat: Any) -> None:
        self._compat = compat
        for name in _CREATION:
            setattr(self, name, _on_device(getattr(compat, name)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._compat, name)


def _on_device(function: Callable[..., Any]) -> Callable[..., Any]:
    def create(*args: Any, device: Any = None, **options: Any) -> Any:
        if device is None:
            return function(*args, **options)
        with device:
            return function(*args, **options)

    return create
