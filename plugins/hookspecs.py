"""What a plugin may bring, as pluggy sees it: one hook per kind of thing, each returning light records.

A plugin is a module (or object) with functions of these names; it is found through an entry point of the group
`candelabra` in its distribution, of `candelabra.kernels` where it speeds up devices of others, or of `candelabra.rows`
where it brings functions of its own. Kernels are looked for before the first operation, rows when a function is asked
for that nobody has, the rest when one of their devices, or a file with their suffix, is. Hooks take nothing, run once,
when the plugin is registered, and only announce: whatever is heavy belongs into the `load` of a record, which runs
when the thing is first wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import pluggy

from ..core.backend import BackendSpec, Kernel

PROJECT = "candelabra"
KERNELS = "candelabra.kernels"
ROWS = "candelabra.rows"
# What candelabra reads and writes itself, and no plugin may claim.
OWN_SUFFIXES = frozenset({".safetensors", ".pt", ".pth"})

hookspec = pluggy.HookspecMarker(PROJECT)


class KernelSpec(NamedTuple):
    """A faster way to compute one row of the table on the devices of one type, in place of the backend's own.

    Kernels of several plugins for one row lie over each other, the highest `priority` first. What one declines goes to
    the next, at last to the backend's own.
    """

    device_type: str
    row: str
    kernel: Callable[..., Any] | Kernel
    priority: int = 0


class RowsSpec(NamedTuple):
    """A row for the table, and so a function ``candelabra.<name>``; `load` imports the module that declares it."""

    name: str
    load: Callable[[], Any]


class SerializerSpec(NamedTuple):
    """A file format for `save` and `load`, chosen by the file's suffix.

    `load` returns an object with ``save(obj, path)`` and ``load(path)``. The path is a string; what `save` writes there
    takes the file's place once it is whole.
    """

    suffix: str
    load: Callable[[], Any]


class ExporterSpec(NamedTuple):
    """A format for `export`; `load` returns a function of a recorded program and a path."""

    format: str
    load: Callable[[], Any]


class CommunicatorSpec(NamedTuple):
    """A way for processes to exchange arrays; `load` returns the communicator's class."""

    name: str
    load: Callable[[], Any]


@hookspec
def candelabra_backends() -> Iterable[BackendSpec]:  # type: ignore[empty-body]
    """Announce backends. A device type belongs to one backend; one that is taken is refused."""


@hookspec
def candelabra_kernels() -> Iterable[KernelSpec]:  # type: ignore[empty-body]
    """Announce kernels for the devices of another backend; two for one row need two priorities."""


@hookspec
def candelabra_rows() -> Iterable[RowsSpec]:  # type: ignore[empty-body]
    """Announce rows of the plugin's own, by an entry point in the group `candelabra.rows`."""


@hookspec
def candelabra_serializers() -> Iterable[SerializerSpec]:  # type: ignore[empty-body]
    """Announce file formats for whole checkpoints."""


@hookspec
def candelabra_exporters() -> Iterable[ExporterSpec]:  # type: ignore[empty-body]
    """Announce formats that a recorded program can be exported to. Nothing in this version asks for one."""


@hookspec
def candelabra_communicators() -> Iterable[CommunicatorSpec]:  # type: ignore[empty-body]
    """Announce communicators for training on several processes. Nothing in this version asks for one."""


# For each hook, the record that it returns and the names that a record claims for itself.
RECORDS: dict[str, tuple[type, Callable[[Any], Iterable[Any]]]] = {
    "candelabra_backends": (BackendSpec, lambda spec: spec.device_types),
    "candelabra_kernels": (KernelSpec, lambda spec: [(spec.device_type, spec.row, spec.priority)]),
    "candelabra_rows": (RowsSpec, lambda spec: [spec.name]),
    "candelabra_serializers": (SerializerSpec, lambda spec: [spec.suffix]),
    "candelabra_exporters": (ExporterSpec, lambda spec: [spec.format]),
    "candelabra_communicators": (CommunicatorSpec, lambda spec: [spec.name]),
}
