"""The CuPy backend of CUDA devices: array-api-compat's namespace, and what it takes to say what is missing."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

from ...core.backend import HOST_MEMORY, Backend
from ...core.errors import DeviceError, MissingDependencyError
from ...core.implementation import forget
from . import cudnn, fusion, memory, mended, missing, sharing
from .kernels.table import Kernels
from .launch import Launcher
from .stream import CupyStreams

# DLPack's numbers of kinds of memory.
CUDA_MEMORY, MANAGED_MEMORY = 2, 13
_CREATION = ("arange", "empty", "eye", "from_dlpack", "full", "linspace", "ones", "zeros")


def load_backend() -> Backend:
    """Import CuPy and return its backend.

    Raises
    ------
    MissingDependencyError
        If CuPy is not installed, or CUDA's libraries are not.
    DeviceError
        If there is no driver or no card.
    """
    try:
        import cupy
    except ImportError as error:
        raise missing.no_cupy(error) from error
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise missing.no_device(cupy, error) from error
    if count == 0:
        raise missing.no_device(cupy, None)
    if lacking := missing.no_libraries(cupy):
        raise MissingDependencyError(
            f"CuPy {cupy.__version__} finds a CUDA device, but not CUDA's libraries ({', '.join(lacking)}); "
            f"{missing.EXTRA} brings them, as does NVIDIA's toolkit"
        )
    return CupyBackend()


class CupyBackend(Backend):
    """CuPy. Whichever card is CuPy's current one, operations run where their operands lie."""

    name = "cupy"
    device_types = ("cuda",)
    lenient = True
    # A stream orders what writes into an array behind what reads it.
    mutable = True
    # Products of more than two axes fail for bfloat16, and what is made of many steps overflows in float16.
    narrow_dtypes = frozenset(("float16", "bfloat16"))
    narrow_kernels = True
    apart = True
    pins = True
    dlpack_types = frozenset((CUDA_MEMORY, MANAGED_MEMORY))

    def __init__(self) -> None:
        import array_api_compat.cupy
        import cupy
        import cupyx

        super().__init__(_Namespace(array_api_compat.cupy, cupy, cupyx))
        self.cupy: Any = cupy
        self.array_type = cupy.ndarray
        self.gpu = Launcher(cupy)
        self.checks_values = self.gpu.tells_at_once
        self.kernels = Kernels(self.gpu)
        if fusion.is_on():
            self.compile = fusion.Fusion(self.gpu).compile
        self.donating = sharing.donating(cupy, self.gpu)
        self.card_memory = memory.CardMemory(cupy)
        self.forked = False
        # A program that has one card pays nothing for those that have more.
        self.within: Callable[[int], AbstractContextManager[Any]] | None = None
        if cupy.cuda.runtime.getDeviceCount() > 1:
            self.within = self.native_device
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._found_forked)

    def _found_forked(self) -> None:
        """Let whatever computes in this process, a copy of one that used CUDA, be told why it cannot."""
        self.forked, self.donating = True, {}
        forget(self)

    def placed(self, function: Callable[..., Any], index: int) -> Callable[..., Any]:
        runtime = self.cupy.cuda.runtime
        current, choose = runtime.getDevice, runtime.setDevice

        def run(*operands: Any, **statics: Any) -> Any:
            before = current()
            if before == index:
                return function(*operands, **statics)
            choose(index)
            try:
                return function(*operands, **statics)
            finally:
                choose(before)

        return run if self.within is not None else function

    def normalizer(self, index: int = 0) -> Callable[[Any], Any]:
        self.native_device(index)
        return super().normalizer(index)

    @cached_property
    def streams(self) -> CupyStreams:
        return CupyStreams(self)

    def dtypes(self, index: int = 0) -> dict[str, Any]:
        names = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
                 "float64", "complex64", "complex128")  # fmt: skip
        found = {name: self.cupy.dtype(name) for name in names}
        if self.cupy.cuda.runtime.runtimeGetVersion() >= 12020:
            import ml_dtypes

            found["bfloat16"] = self.cupy.dtype(ml_dtypes.bfloat16)
        return found

    def devices(self) -> list[str]:
        if self.forked:
            raise DeviceError(missing.FORKED)
        return [""] * self.cupy.cuda.runtime.getDeviceCount()

    def current_index(self) -> int:
        return self.cupy.cuda.runtime.getDevice()

    def choose(self, index: int) -> None:
        self.native_device(index).use()

    def native_device(self, index: int) -> Any:
        if self.forked:
            raise DeviceError(missing.FORKED)
        return self.cupy.cuda.Device(index)

    def asarray(self, data: Any, dtype: Any = None, index: int = 0) -> Any:
        with self.native_device(index):
            return self.cupy.asarray(data, dtype=dtype)

    def from_host(self, array: Any, dtype: Any, index: int = 0, non_blocking: bool = False) -> Any:
        # CuPy copies what is not pinned into memory that is, so that only a copy out of pinned memory is waited for.
        blocking = not non_blocking and array.base is not None and self.is_pinned(array)
        with self.native_device(index):
            return self.cupy.asarray(array, dtype=dtype, blocking=blocking)

    def copy(self, array: Any) -> Any:
        with self.native_device(array.device.id):
            return array.copy()

    def to_host(self, array: Any) -> Any:
        with self.native_device(array.device.id):
            found = self.cupy.asnumpy(array)
            self.gpu.check()
            return found

    def to_host_later(self, array: Any) -> Any:
        if not array.size:
            return self.to_host(array)
        found = self.empty_pinned(array.shape, array.dtype)
        with self.native_device(array.device.id):
            array.get(out=found, blocking=False)
            event = self.cupy.cuda.Event(disable_timing=True)
            event.record()
            # Should nobody want it: pinned memory that is let go serves the next who asks.
            self.streams.kept.until(event, found)
        return found

    def empty_pinned(self, shape: Sequence[int], dtype: Any) -> Any:
        return self.card_memory.empty_pinned(shape, dtype)

    def pin_in_place(self, address: int, size: int) -> Callable[[], object] | None:
        return self.card_memory.pin_in_place(address, size)

    def is_pinned(self, array: Any) -> bool:
        return self.card_memory.is_pinned(array)

    def from_dlpack(self, array: Any, index: int = 0) -> Any:
        # CuPy names its current stream to the other side, which lets it wait for what fills the array.
        found = self.cupy.from_dlpack(array)
        if found.device.id != index:
            return self.to_device(found, index)
        with self.native_device(index):
            return sharing.borrowed(found)

    def to_dlpack(self, array: Any, asked: dict[str, Any]) -> Any:
        asked = dict(asked)
        place = tuple(map(int, asked["dl_device"])) if "dl_device" in asked else None
        if place is not None and place != array.__dlpack_device__():
            asked["dl_device"] = place
            if place[0] == CUDA_MEMORY and place[1] < len(self.devices()):
                if asked.pop("copy", None) is False:
                    raise BufferError(f"the array lies on card {array.device.id}, and copy=False was asked for")
                array = self.to_device(array, place[1])
        elif asked.get("copy"):
            # CuPy copies to the host alone.
            array = self.copy(array)
            del asked["copy"]
        # What the consumer's stream waits for is this card's current stream.
        with self.native_device(array.device.id):
            capsule = array.__dlpack__(**asked)
            if place is not None and place[0] == HOST_MEMORY:
                self.gpu.check()
            return capsule

    def adopt(self, array: Any, index: int = 0) -> Any:
        if array.device.id != index:
            return self.to_device(array, index)
        with self.native_device(index):
            return sharing.borrowed(array)

    def is_view_of_live_owner(self, array: Any) -> bool:
        return sharing.is_view_of_live_owner(self.cupy, array)

    def to_device(self, array: Any, index: int) -> Any:
        cuda, source = self.cupy.cuda, array.device.id
        if source == index:
            return array
        if not array.size:
            with self.native_device(index):
                return self.cupy.empty(array.shape, array.dtype)
        with self.native_device(source):
            here = cuda.get_current_stream()
            if not array.flags.c_contiguous:
                array = self.cupy.ascontiguousarray(array)
            ready = cuda.Event(disable_timing=True)
            ready.record(here)
        with self.native_device(index):
            there = cuda.get_current_stream()
            there.wait_event(ready)
            found = self.cupy.asarray(array)
            copied = cuda.Event(disable_timing=True)
            copied.record(there)
        with self.native_device(source):
            # Before its memory may serve again.
            here.wait_event(copied)
        return found

    def synchronize(self, index: int = 0) -> None:
        with self.native_device(index) as card:
            card.synchronize()
            self.gpu.check(everything=True)

    def memory(self, index: int = 0) -> dict[str, int]:
        self._sweep()
        with self.native_device(index):
            return self.card_memory.figures(index)

    def reset_peak_memory(self, index: int = 0) -> None:
        with self.native_device(index):
            self.card_memory.reset_peak(index)

    def set_memory_limit(self, limit: int | None, index: int = 0) -> None:
        with self.native_device(index):
            self.card_memory.limit(limit)

    def set_allocator(self, allocator: Any) -> None:
        self.card_memory.choose(allocator)

    def release_memory(self, index: int = 0) -> None:
        self._sweep()
        with self.native_device(index):
            self.card_memory.release()

    def _sweep(self) -> None:
        if "streams" in self.__dict__:
            self.streams.kept.sweep()

    def wanted(self, error: BaseException) -> int:
        return memory.wanted(error)

    def device_name(self, index: int) -> str:
        return self.cupy.cuda.runtime.getDeviceProperties(index)["name"].decode()

    def describe(self) -> dict[str, str]:
        runtime = self.cupy.cuda.runtime
        facts = {
            "version": self.cupy.__version__,
            "CUDA": f"{runtime.runtimeGetVersion()}, driver {runtime.driverGetVersion()}",
        }
        for index in range(len(self.devices())):
            about = runtime.getDeviceProperties(index)
            free, total = self.native_device(index).mem_info
            facts[f"card {index}"] = (
                f"{about['name'].decode()}, compute capability {about['major']}.{about['minor']}, "
                f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB free"
            )
        facts["convolution"] = cudnn.describe()
        facts["memory from"] = memory.NAMES.get(self.card_memory.source, self.card_memory.source)
        return facts


class _Namespace:
    """array-api-compat's functions; those that create, which ignore ``device=`` there, go to the device named."""

    def __init__(self, compat: Any, cupy: Any, cupyx: Any) -> None:
        self._compat = compat
        self.linalg = mended.Linalg(compat.linalg, cupy, cupyx.errstate)
        for name in _CREATION:
            setattr(self, name, _on_device(getattr(compat, name)))
        for name, function in mended.functions(cupy, compat).items():
            setattr(self, name, function)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._compat, name)


def _on_device(function: Callable[..., Any]) -> Callable[..., Any]:
    def create(*args: Any, device: Any = None, **options: Any) -> Any:
        if device is None:
            return function(*args, **options)
        with device:
            return function(*args, **options)

    return create
