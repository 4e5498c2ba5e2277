"""JAX as a device of candelabra: arrays that never change, on the devices of JAX's default platform."""

from __future__ import annotations

from typing import Any

import numpy
from candelabra.core.backend import Backend, BackendSpec

# Without `jax_enable_x64` JAX makes these half as wide.
WIDE = ("int64", "uint64", "float64", "complex128")


class JaxBackend(Backend):
    """Devices ``jax:cpu:0``, ``jax:gpu:1`` and so on, also written ``jax:0``, ``jax:1``."""

    api_version = 1
    name = "jax"
    device_types = ("jax",)
    narrow_dtypes, narrow_kernels = frozenset(("float16", "bfloat16")), True
    lenient = True

    def __init__(self) -> None:
        import jax

        from . import kernels, mended, recurrent

        super().__init__(jax.numpy)
        self.jax = jax
        self.array_type = type(jax.numpy.zeros(()))
        self.compile = jax.jit
        self.kernels = {**kernels.KERNELS, **mended.KERNELS, **recurrent.KERNELS}

    def devices(self) -> list[str]:
        return [f"{device.platform}:{device.id}" for device in self.jax.local_devices()]

    def native_device(self, index: int) -> Any:
        return self.jax.local_devices()[index]

    def dtypes(self, index: int = 0) -> dict[str, Any]:
        wide = self.jax.config.jax_enable_x64
        return {n: self.namespace.dtype(d) for n, d in super().dtypes(index).items() if wide or n not in WIDE}

    def missing(self, dtype: str, index: int = 0) -> str:
        return "with JAX_ENABLE_X64=1 in the environment JAX has it" if dtype in WIDE else ""

    def asarray(self, data: Any, dtype: Any = None, index: int = 0) -> Any:
        # Told a device, JAX's own compiles a program for each shape, as its copies do.
        found = data if isinstance(data, numpy.ndarray) else self.namespace.asarray(data, dtype=dtype)
        if dtype is not None and found.dtype != dtype:
            found = found.astype(dtype)
        return self.jax.device_put(found, self.native_device(index))

    def copy(self, array: Any) -> Any:
        if isinstance(array, self.jax.core.Tracer):
            return array
        return self.jax.device_put(array, array.sharding, may_alias=False)

    def normalize(self, value: Any, index: int = 0) -> Any:
        # What JAX traces is an array to it, too.
        return value if isinstance(value, self.jax.Array) else self.asarray(value, index=index)

    def to_host(self, array: Any) -> Any:
        return array.__array__()

    def from_dlpack(self, array: Any, index: int = 0) -> Any:
        return self.namespace.from_dlpack(array, device=self.native_device(index))

    def to_dlpack(self, array: Any, asked: dict[str, Any]) -> Any:
        # Consumers that know no version that JAX has get a capsule without one.
        return array.__dlpack__(**{k: v for k, v in asked.items() if k != "max_version" or v >= (0, 5)})

    def synchronize(self, index: int = 0) -> None:
        self.jax.block_until_ready(self._living(index))

    def memory(self, index: int = 0) -> dict[str, int]:
        told = self.native_device(index).memory_stats()
        told = told or {"bytes_in_use": sum(array.nbytes for array in self._living(index))}
        used, total = told["bytes_in_use"], told.get("bytes_limit", 0)
        found = {"allocated": used, "reserved": told.get("pool_bytes", used)}
        return {**found, "free": total - used, "total": total} if total else found

    def _living(self, index: int) -> list[Any]:
        device = self.native_device(index)
        return [array for array in self.jax.live_arrays() if device in array.devices()]

    def describe(self) -> dict[str, str]:
        return {"version": self.jax.__version__, "x64": "on" if self.jax.config.jax_enable_x64 else "off"}


def candelabra_backends() -> list[BackendSpec]:
    return [BackendSpec("jax", ("jax",), JaxBackend)]
