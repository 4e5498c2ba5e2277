"""PyTorch's arrays as a device of candelabra; its autograd, its layers and its optimizers stay out of it."""

from __future__ import annotations

from typing import Any

from candelabra.core.backend import Backend, BackendSpec

# PyTorch stores these and computes with them hardly at all.
STORED_ONLY = ("uint16", "uint32", "uint64")


class TorchBackend(Backend):
    """Devices ``torch:cpu``, ``torch:cuda:0``, ``torch:mps``: what this PyTorch was built for and finds."""

    api_version = 1
    name = "torch"
    device_types = ("torch",)
    lenient = True
    # Its matrix decompositions, among others, refuse them.
    narrow_dtypes = frozenset({"float16", "bfloat16"})

    def __init__(self) -> None:
        import array_api_compat.torch
        import torch

        from . import accelerators, algebra, exchange, layers, mended, places, pointwise, recurrent, updates

        super().__init__(array_api_compat.torch)
        self.torch, self.array_type = torch, torch.Tensor
        self.exchange, self.accelerators, self.names = exchange, accelerators, accelerators.names()
        self.set_num_threads, self.get_num_threads = torch.set_num_threads, torch.get_num_threads
        families = (algebra, layers, mended, places, pointwise, recurrent, updates)
        self.kernels = {row: kernel for family in families for row, kernel in family.KERNELS.items()}

    def devices(self) -> list[str]:
        return self.names

    def native_device(self, index: int) -> Any:
        return self.torch.device(self.names[index])

    def dtypes(self, index: int = 0) -> dict[str, Any]:
        lacks = (*STORED_ONLY, "float64", "complex128") if self.names[index] == "mps" else STORED_ONLY
        return {name: native for name, native in super().dtypes(index).items() if name not in lacks}

    def adopt(self, array: Any, index: int = 0) -> Any:
        return self.exchange.adopted(array).to(self.native_device(index))

    def asarray(self, data: Any, dtype: Any = None, index: int = 0) -> Any:
        return super().asarray(self.exchange.readable(data), dtype, index)

    def to_host(self, array: Any) -> Any:
        return self.exchange.on_host(array)

    def from_dlpack(self, array: Any, index: int = 0) -> Any:
        return self.torch.from_dlpack(array).to(self.native_device(index))

    def to_device(self, array: Any, index: int) -> Any:
        return array.to(self.native_device(index))

    def synchronize(self, index: int = 0) -> None:
        self.accelerators.synchronize(self.native_device(index))

    def memory(self, index: int = 0) -> dict[str, int]:
        return self.accelerators.memory(self.native_device(index))

    def release_memory(self, index: int = 0) -> None:
        self.accelerators.release_memory(self.native_device(index))

    def describe(self) -> dict[str, str]:
        return {"version": self.torch.__version__}


def candelabra_backends() -> list[BackendSpec]:
    return [BackendSpec("torch", ("torch",), TorchBackend)]
