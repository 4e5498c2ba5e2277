"""PyTorch's arrays as a device of candelabra; its autograd, its layers and its optimizers stay out of it."""

from __future__ import annotations

from typing import Any

from candelabra.core.backend import Backend, BackendSpec
from candelabra.core.errors import ArgumentTypeError

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

        from . import algebra, layers, mended, places, pointwise, updates

        super().__init__(array_api_compat.torch)
        self.torch, self.array_type = torch, torch.Tensor
        names = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        self.names = names + ["mps"] * torch.backends.mps.is_available()
        families = (algebra, layers, mended, places, pointwise, updates)
        self.kernels = {row: kernel for family in families for row, kernel in family.KERNELS.items()}

    def devices(self) -> list[str]:
        return self.names

    def native_device(self, index: int) -> Any:
        return self.torch.device(self.names[index])

    def dtypes(self, index: int = 0) -> dict[str, Any]:
        lacks = (*STORED_ONLY, "float64", "complex128") if self.names[index] == "mps" else STORED_ONLY
        return {name: native for name, native in super().dtypes(index).items() if name not in lacks}

    def adopt(self, array: Any, index: int = 0) -> Any:
        if array.requires_grad:
            raise ArgumentTypeError(
                "this torch.Tensor requires grad: PyTorch's graph does not go on in candelabra's; hand over x.detach()"
            )
        if array.is_meta or array.layout is not self.torch.strided:
            what = "on the meta device has no data" if array.is_meta else f"is {array.layout}; hand over x.to_dense()"
            raise ArgumentTypeError(f"this torch.Tensor {what}")
        return array.detach().to(self.native_device(index))

    def asarray(self, data: Any, dtype: Any = None, index: int = 0) -> Any:
        if getattr(getattr(data, "dtype", None), "name", "") == "bfloat16":
            data = self.torch.asarray(data.view("int16")).view(self.torch.bfloat16)
        return super().asarray(data, dtype, index)

    def to_host(self, array: Any) -> Any:
        if array.dtype != self.torch.bfloat16:
            return array.numpy(force=True)
        import ml_dtypes

        return array.view(self.torch.int16).numpy(force=True).view(ml_dtypes.bfloat16)

    def from_dlpack(self, array: Any, index: int = 0) -> Any:
        return self.torch.from_dlpack(array).to(self.native_device(index))

    def to_device(self, array: Any, index: int) -> Any:
        return array.to(self.native_device(index))

    def synchronize(self, index: int = 0) -> None:
        kind = self.names[index].partition(":")[0]
        if kind != "cpu":
            getattr(self.torch, kind).synchronize()

    def set_num_threads(self, n: int) -> None:
        self.torch.set_num_threads(n)

    def get_num_threads(self) -> int:
        return self.torch.get_num_threads()

    def describe(self) -> dict[str, str]:
        return {"version": self.torch.__version__}


def candelabra_backends() -> list[BackendSpec]:
    return [BackendSpec("torch", ("torch",), TorchBackend)]
