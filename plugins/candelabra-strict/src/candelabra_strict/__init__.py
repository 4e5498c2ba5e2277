"""array-api-strict as a device of candelabra: nothing beside the standard, on devices that lack this and that."""

from __future__ import annotations

from typing import Any

from candelabra.core.backend import Backend, BackendSpec


class StrictBackend(Backend):
    """Devices ``strict:CPU_DEVICE``, ``strict:device1``, ``strict:no_float64`` and so on."""

    api_version = 1
    name = "strict"
    device_types = ("strict",)

    def __init__(self) -> None:
        import array_api_strict

        super().__init__(array_api_strict)
        self.info = array_api_strict.__array_namespace_info__()
        self.array_type = type(array_api_strict.asarray(0))

    def devices(self) -> list[str]:
        return [repr(device).split("'")[1] for device in self.info.devices()]

    def native_device(self, index: int) -> Any:
        return self.info.devices()[index]

    def dtypes(self, index: int = 0) -> dict[str, Any]:
        return dict(self.info.dtypes(device=self.native_device(index)))

    def from_dlpack(self, array: Any, index: int = 0) -> Any:
        return self.namespace.from_dlpack(array, **self.on_device(index))


def candelabra_backends() -> list[BackendSpec]:
    return [BackendSpec("strict", ("strict",), StrictBackend)]
