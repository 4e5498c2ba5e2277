"""MLX's arrays as a device of candelabra: lazy, in memory that Apple's CPU and GPU share."""

from __future__ import annotations

from typing import Any

from candelabra.core.backend import Backend, BackendSpec


class MLXBackend(Backend):
    """Devices ``mlx:gpu`` and ``mlx:cpu``: those that this MLX was built for, its own default first."""

    api_version = 1
    name = "mlx"
    device_types = ("mlx",)
    data_dependent_shapes = False
    lenient = True
    # Sums of them overflow or lose their digits.
    narrow_dtypes = frozenset({"float16", "bfloat16"})

    def __init__(self) -> None:
        import mlx.core
        import numpy

        from . import functions, kernels

        super().__init__(functions)
        self.kernels = kernels.KERNELS
        self.mlx, self.numpy, self.array_type = mlx.core, numpy, mlx.core.array
        names = [kind.name for kind in (mlx.core.gpu, mlx.core.cpu) if mlx.core.is_available(kind)]
        self.names = sorted(names, key=lambda name: name != mlx.core.default_device().type.name)

    def devices(self) -> list[str]:
        return self.names

    def dtypes(self, index: int = 0) -> dict[str, Any]:
        lacks = () if self.names[index] == "cpu" else ("float64",)
        return {name: native for name, native in super().dtypes(index).items() if name not in lacks}

    def asarray(self, data: Any, dtype: Any = None, index: int = 0) -> Any:
        if isinstance(data, self.mlx.array):
            return data if dtype is None else data.astype(dtype)
        if dtype is None:
            host = self.numpy.asarray(data)
            dtype = self.dtypes(index).get(host.dtype.name)
            return self.mlx.array(host) if dtype is None else self.mlx.array(host, dtype=dtype)
        # Python's own numbers lose their last digits on the way to 64 bits.
        return self.mlx.array(self.numpy.asarray(data, dtype=_host_dtype(dtype)), dtype=dtype)

    def copy(self, array: Any) -> Any:
        return self.mlx.array(array)

    def to_host(self, array: Any) -> Any:
        if array.dtype == self.mlx.bfloat16:
            return self.numpy.asarray(array.view(self.mlx.uint16)).view(_host_dtype(array.dtype))
        return self.numpy.asarray(array)

    def from_dlpack(self, array: Any, index: int = 0) -> Any:
        raise BufferError("MLX takes other libraries' memory by a copy alone")

    def settle(self, arrays: Any) -> None:
        self.mlx.async_eval(arrays)

    def synchronize(self, index: int = 0) -> None:
        self.mlx.synchronize(getattr(self.mlx, self.names[index]))

    def memory(self, index: int = 0) -> dict[str, int]:
        active = self.mlx.get_active_memory()
        return {"allocated": active, "reserved": active + self.mlx.get_cache_memory()}

    def release_memory(self, index: int = 0) -> None:
        self.mlx.clear_cache()

    def describe(self) -> dict[str, str]:
        return {"version": self.mlx.__version__}


def _host_dtype(dtype: Any) -> Any:
    name = str(dtype).rpartition(".")[2]
    if name == "bfloat16":
        import ml_dtypes

        return ml_dtypes.bfloat16
    return name


def candelabra_backends() -> list[BackendSpec]:
    return [BackendSpec("mlx", ("mlx",), MLXBackend)]
