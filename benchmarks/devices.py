"""A library's device, as a worker sees it: where arrays go, waiting for what was asked, memory, and copy bandwidth."""

from __future__ import annotations

import gc
import importlib.metadata
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from time import perf_counter
from typing import Any

HOST = "cpu"


def version_of(library: str) -> str:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


class Place:
    """The host, and what another device does otherwise."""

    def __init__(self, library: str, device: str) -> None:
        self.library, self.device = library, device

    def building(self) -> AbstractContextManager[Any]:
        """Return a context in which arrays are made on the device; steps run outside, where it would cost time."""
        if self.device != HOST:
            raise SystemExit(f"{self.library} has no device {self.device}")
        return nullcontext()

    def synchronize(self) -> None:
        """Wait until the device has done what was asked of it."""

    def start(self) -> None:
        """Give back what the last workload held."""
        gc.collect()

    def memory(self, step: Callable[[], Any]) -> dict[str, int]:
        """Return the device's own memory in bytes: ``device``, the most that arrays take during a step, and ``held``.

        What the library does not tell is left out.
        """
        return {}

    def describe(self) -> dict[str, Any]:
        """Return the library's version, and on what it runs."""
        return {"version": version_of(self.library)}

    def copier(self, size: int) -> Callable[[], Any]:
        """Return what copies `size` bytes from the device to itself."""
        raise SystemExit(f"{self.library} has no device to copy on")

    def copy_rate(self, size: int) -> float:
        """Return bytes per second, read and written, of the fastest of a few copies."""
        with self.building():
            copy, times = self.copier(size), []
        for _ in range(12):
            self.synchronize()
            start = perf_counter()
            for _ in range(4):
                copy()
            self.synchronize()
            times.append(perf_counter() - start)
        return 4 * 2 * size / min(times[2:])


class CandelabraPlace(Place):
    """A device of candelabra."""

    def building(self) -> AbstractContextManager[Any]:
        import candelabra as cb

        resolved = cb.device(self.device).resolved()
        self.backend, self.index = resolved.backend, resolved.index or 0
        return resolved

    def synchronize(self) -> None:
        self.backend.synchronize(self.index)

    def start(self) -> None:
        super().start()
        if self.device != HOST:
            self.backend.release_memory(self.index)

    def memory(self, step: Callable[[], Any]) -> dict[str, int]:
        if self.device == HOST:
            return {}
        from candelabra.core.errors import DeviceError

        held = self.backend.memory(self.index)["reserved"]
        try:
            self.backend.reset_peak_memory(self.index)
        except DeviceError:
            return {"held": held} if held else {}
        step()
        self.synchronize()
        peak = self.backend.memory(self.index)["peak"]
        # Counting costs time at each allocation, and ends with this.
        self.backend.set_allocator("pool")
        return {"device": peak, "held": held}

    def describe(self) -> dict[str, Any]:
        facts = self.backend.describe()
        about = super().describe() | {self.backend.name if k == "version" else k: v for k, v in facts.items()}
        return about if self.device == HOST else about | {"device": self.backend.device_name(self.index)}

    def copier(self, size: int) -> Callable[[], Any]:
        import candelabra as cb

        array = cb.zeros(size, dtype=cb.uint8).array
        return lambda: self.backend.copy(array)


class TorchPlace(Place):
    """A device of PyTorch."""

    def building(self) -> AbstractContextManager[Any]:
        import torch

        device = torch.device(self.device)
        self.module = getattr(torch, device.type)
        return device

    def synchronize(self) -> None:
        if self.device != HOST:
            self.module.synchronize()

    def start(self) -> None:
        super().start()
        if self.device != HOST:
            self.module.empty_cache()

    def memory(self, step: Callable[[], Any]) -> dict[str, int]:
        if not hasattr(self.module, "reset_peak_memory_stats"):
            return {}
        self.module.reset_peak_memory_stats()
        step()
        self.synchronize()
        return {"device": self.module.max_memory_allocated(), "held": self.module.memory_reserved()}

    def describe(self) -> dict[str, Any]:
        import torch

        about = super().describe() | {"threads": torch.get_num_threads()}
        if self.device == HOST or not hasattr(self.module, "get_device_name"):
            return about
        return about | {"CUDA": torch.version.cuda, "cuDNN": torch.backends.cudnn.version(),
                        "device": self.module.get_device_name()}  # fmt: skip

    def copier(self, size: int) -> Callable[[], Any]:
        import torch

        source, target = torch.zeros(size, dtype=torch.uint8), torch.empty(size, dtype=torch.uint8)
        return lambda: target.copy_(source)


PLACES: dict[str, type[Place]] = {"candelabra": CandelabraPlace, "torch": TorchPlace}


def place_of(library: str, device: str) -> Place:
    """Return a library's device."""
    return PLACES.get(library, Place)(library, device)
