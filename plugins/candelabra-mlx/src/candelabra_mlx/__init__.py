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

        from . import exchange, functions, kernels

        super().__init__(functions)
        self.kernels = kernels.KERNELS
        self.mlx, self.exchange, self.array_type = mlx.core, exchange, mlx.core.array
        names = [kind.name for kind in (mlx.core.gpu, mlx.core.cpu) if mlx.core.is_available(kind)]
        self.names = sorted(names, key=lambda name: name != mlx.core.default_device().type.name)
        if len(names) > 1:
            # Arrays lie in memory that both share, and know no device.
            self.within = lambda index: mlx.core.stream(getattr(mlx.core, self.names[index]))

    def devices(self) -> list[str]:
        return self.names

    def dtypes(self, index: int = 0) -> dict[str, Any]:
        lacks = () if self.names[index] == "cpu" else ("float64",)
        return {name: native for name, native in super().dtypes(index).items() if name not in lacks}

    def asarray(self, data: Any, dtype: Any = None, index: int = 0) -> Any:
        return self.exchange.from_host(data, dtype, self.dtypes(index))

    def copy(self, array: Any) -> Any:
        return self.mlx.array(array)

    def to_host(self, array: Any) -> Any:
        return self.exchange.to_host(array)

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


def candelabra_backends() -> list[BackendSpec]:
    return [BackendSpec("mlx", ("mlx",), MLXBackend)]
