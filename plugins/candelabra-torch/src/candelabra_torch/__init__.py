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

        super().__init__(array_api_compat.torch)
        self.torch, self.array_type = torch, torch.Tensor
        names = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        self.names = names + ["mps"] * torch.backends.mps.is_available()
        self.kernels = {
            "argmax": self.extreme("argmax"), "argmin": self.extreme("argmin"),
            "remainder": self.in_double("remainder"), "fmod": self.in_double("fmod"),
            "take_along_axis": self.take_along_axis, "take": self.take,
        }  # fmt: skip

    def extreme(self, name: str) -> Any:
        function = getattr(self.namespace, name)
        return lambda x, **options: function(x.to(self.torch.uint8) if x.dtype is self.torch.bool else x, **options)

    def in_double(self, name: str) -> Any:
        # PyTorch's own give NaN where the quotient overflows.
        function, single, double = getattr(self.torch, name), self.torch.float32, self.torch.float64

        def remainder(x1: Any, x2: Any) -> Any:
            if any(getattr(x, "dtype", single) is not single for x in (x1, x2)):
                return function(x1, x2)
            return function(*(x.to(double) if hasattr(x, "to") else x for x in (x1, x2))).to(single)

        return remainder

    def take_along_axis(self, x: Any, indices: Any, *, axis: int = -1) -> Any:
        # PyTorch's own takes what is out of range modulo the size.
        n = x.shape[axis]
        beside = list(self.torch.broadcast_shapes(*([*a.shape[:axis], 1, *a.shape[axis:][1:]] for a in (x, indices))))
        sizes = [[*beside[:axis], a.shape[axis], *beside[axis:][1:]] for a in (x, indices)]
        places = self.torch.where(indices < 0, indices + n, indices).expand(sizes[1])
        return self.indexed(self.torch.gather, x.expand(sizes[0]), axis, places.to(self.torch.int64))

    def take(self, x: Any, indices: Any, *, axis: int | None = None) -> Any:
        return self.indexed(self.namespace.take, x, indices, axis=0 if axis is None else axis)

    def indexed(self, function: Any, *operands: Any, **options: Any) -> Any:
        try:
            return function(*operands, **options)
        except RuntimeError as error:
            raise IndexError(str(error)) from error

    def devices(self) -> list[str]:
        return self.names

    def native_device(self, index: int) -> Any:
        return self.torch.device(self.names[index])

    def dtypes(self, index: int = 0) -> dict[str, Any]:
        lacks = (*STORED_ONLY, "float64", "complex128") if self.names[index] == "mps" else STORED_ONLY
        return {name: native for name, native in super().dtypes(index).items() if name not in lacks}

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
