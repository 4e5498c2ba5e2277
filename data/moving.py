"""How batches come to their device: out of pinned memory, beside what the device computes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..core.backend import Backend
from ..core.device import Device
from ..core.memory import pin_memory
from ..core.stream import Event, Stream
from ..core.tensor import Tensor
from .collate import converted, pinned_room

_streams: dict[Device, Stream] = {}
"""One stream for each device, on which batches are copied: memory that one stream lets go serves no other."""


def copying_stream(device: Device) -> Stream:
    """Return the stream on which batches come to a device."""
    found = _streams.get(device)
    if found is None:
        found = _streams.setdefault(device, Stream(device))
    return found


class Moving(NamedTuple):
    """A batch on its way: its tensors that are copied, and the event behind the copies, if there are any."""

    batch: Any
    moved: Sequence[Tensor] = ()
    done: Event | None = None


class Mover:
    """Puts the tensors of batches where they belong.

    Parameters
    ----------
    device : Device, optional
        Where to; None leaves them on the host.
    pins : Backend, optional
        For whose devices batches that stay on the host are pinned.
    fresh : bool
        Whether nobody else writes into a batch's memory while it is copied.
    """

    def __init__(self, device: Device | None, pins: Backend | None, fresh: bool) -> None:
        self.device, self.fresh = device, fresh
        self.pins = pins if device is None else device.backend if device.backend.pins else None

    @property
    def pin(self) -> Callable[[int, int], Callable[[], object] | None] | None:
        """What pins memory in which batches come, None where that is of no use."""
        return None if self.pins is None or self.device is None else self.pins.pin_in_place

    @property
    def runs_ahead(self) -> bool:
        """Whether a copy can be under way while the batch before it is worked with."""
        return self.device is not None and self.pins is not None

    def begin(self, batch: Any) -> Moving:
        """Put a batch where it belongs; its copy may be under way."""
        device = self.device
        if device is None:
            return Moving(batch if self.pins is None else converted(batch, self._pinned))
        if self.pins is None:
            return Moving(converted(batch, lambda tensor: tensor.to(device)))
        stream = copying_stream(device)
        moved: list[Tensor] = []

        def move(tensor: Tensor) -> Tensor:
            found = tensor.to(device, non_blocking=self.fresh)
            if found is not tensor:
                moved.append(found)
            return found

        with stream:
            made = converted(batch, move)
        return Moving(made, moved, stream.record_event() if moved else None)

    def finish(self, moving: Moving) -> Any:
        """Return a batch for whose copy the caller's stream waits."""
        if moving.done is not None:
            assert self.device is not None
            caller = self.device.current_stream()
            caller.wait_event(moving.done)
            for tensor in moving.moved:
                # It dies on the caller's stream, and its memory is the other one's.
                tensor.record_stream(caller)
        return moving.batch

    def _pinned(self, tensor: Tensor) -> Tensor:
        assert self.pins is not None
        return pin_memory(tensor, self.pins.device_types[0]) if tensor.device.backend is not self.pins else tensor

    def making(self, fetch: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return what makes batches as `fetch` does, in pinned memory where that is of use."""
        pins = self.pins
        if pins is None:
            return fetch

        def room(shape: Sequence[int], dtype: Any) -> Any:
            try:
                return None if dtype.hasobject else pins.empty_pinned(shape, dtype)
            except Exception as error:
                if pins.is_out_of_memory(error):
                    # Ordinary memory does, too; copies out of it take longer.
                    return None
                raise

        def fetch_pinned(index: Any) -> Any:
            with pinned_room(room):
                return fetch(index)

        return fetch_pinned
