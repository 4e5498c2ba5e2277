"""Which devices there are."""

from __future__ import annotations

from .device import Device, resolver


def devices() -> list[Device]:
    """Return every device that can be used, the host's first; it imports the installed plugins and their libraries.

    ``candelabra devices`` tells why one is not among them; CANDELABRA_DISABLE_PLUGINS=1 switches third parties off.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.devices()[0]
    device(type='cpu')
    """
    return [
        Device(device_type, index)
        for backend in resolver().backends()
        for device_type in backend.device_types
        for index in range(len(backend.devices()))
    ]
