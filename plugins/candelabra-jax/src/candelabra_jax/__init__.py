"""JAX as a device of candelabra: arrays that never change, on whatever `jax.devices()` has."""

from __future__ import annotations

from typing import Any

from candelabra.core.backend import Backend, BackendSpec

# Without `jax_enable_x64` JAX makes these half as wide.
WIDE = ("int64", "uint64", "float64", "complex128")


class JaxBackend(Backend):
    """Devices ``jax:0``, ``jax:1`` and so on: those of JAX's default platform."""

    api_version = 1
    name = "jax"
    device_types = ("jax",)

    def __init__(self) -> None:
        import jax

        from .kernels import KERNELS

        super().__init__(jax.numpy)
        self.jax = jax
        self.array_type = type(jax.numpy.zeros(()))
        self.compile, self.kernels = jax.jit, KERNELS

    def devices(self) -> list[str]:
        return [str(device) for device in self.jax.devices()]

    def native_device(self, index: int) -> Any:
        return self.jax.devices()[index]

    def dtypes(self, index: int = 0) -> dict[str, Any]:
        wide = self.jax.config.jax_enable_x64
        return {n: self.namespace.dtype(d) for n, d in super().dtypes(index).items() if wide or n not in WIDE}

    def to_host(self, array: Any) -> Any:
        import numpy

        return numpy.asarray(array)

    def from_dlpack(self, array: Any, index: int = 0) -> Any:
        return self.namespace.from_dlpack(array, device=self.native_device(index))

    def synchronize(self, index: int = 0) -> None:
        self.jax.device_put(0, self.native_device(index)).block_until_ready()

    def describe(self) -> dict[str, str]:
        return {"version": self.jax.__version__, "x64": "on" if self.jax.config.jax_enable_x64 else "off"}


def candelabra_backends() -> list[BackendSpec]:
    return [BackendSpec("jax", ("jax",), JaxBackend)]
