"""What plugins must hand over: the records of hooks, backends and their kernels. What is wrong is told as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..core import functions
from ..core.backend import API_VERSION, Backend, BackendSpec, Kernel
from ..core.errors import PluginError
from ..core.primitives.row import TABLE
from . import hookspecs
from .hookspecs import OWN_SUFFIXES, KernelSpec


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value != ""


_LOAD = ("load", "a function", callable)
_NAME = ("name", "a name", _is_name)
# What the fields of a record must be: a wrong one is told when the plugin is registered, not when it is used.
_FIELDS: dict[type, tuple[tuple[str, str, Callable[[Any], bool]], ...]] = {
    BackendSpec: (_NAME, _LOAD),
    hookspecs.RowsSpec: (_NAME, _LOAD),
    hookspecs.SerializerSpec: (
        ("suffix", "a file's suffix such as '.npz'", lambda s: _is_name(s) and s[0] == "." and s[1:].strip(".") != ""),
        _LOAD,
    ),
    hookspecs.ExporterSpec: (("format", "a name", _is_name), _LOAD),
    hookspecs.CommunicatorSpec: (_NAME, _LOAD),
}


def check_record(hook: str, record: Any, record_type: type, own_rows: bool) -> None:
    """Refuse a record that a hook may not return."""
    if not isinstance(record, record_type):
        raise PluginError(f"{hook} must return {record_type.__name__} records, got {record!r}")
    for name, what, right in _FIELDS.get(record_type, ()):
        if not right(getattr(record, name)):
            raise PluginError(f"{hook}: {name} of {record_type.__name__} must be {what}, got {getattr(record, name)!r}")
    if isinstance(record, BackendSpec):
        types = record.device_types
        if not (isinstance(types, tuple) and types and all(isinstance(t, str) and t.isidentifier() for t in types)):
            raise PluginError(
                f"{hook}: device_types of backend {record.name!r} must be a tuple of identifiers, got {types!r}"
            )
    if isinstance(record, hookspecs.RowsSpec):
        name = record.name
        if not name.isidentifier() or name in TABLE or functions.find(name) is not None:
            raise PluginError(f"{hook}: a row cannot be named {name!r}: it is no identifier, or there is one already")
    if isinstance(record, hookspecs.SerializerSpec) and record.suffix in OWN_SUFFIXES:
        raise PluginError(f"{hook}: files named *{record.suffix} are candelabra's own")
    if isinstance(record, KernelSpec):
        if record.row not in TABLE and not own_rows:
            raise PluginError(f"{hook}: no row of the table is named {record.row!r}")
        if not (callable(record.kernel) or isinstance(record.kernel, Kernel)):
            raise PluginError(f"{hook}: the kernel of row {record.row!r} is neither callable nor a Kernel")
        if type(record.priority) is not int:
            raise PluginError(f"{hook}: the priority of row {record.row!r} must be an int, got {record.priority!r}")


def check_backend(backend: Any, spec: BackendSpec) -> None:
    """Refuse what is no backend, or another than was announced."""
    version = getattr(backend, "api_version", None)
    # Another contract's backend need not be an instance of this one's class.
    if version != API_VERSION and hasattr(backend, "api_version"):
        raise PluginError(
            f"it is written for version {version} of the backend contract, and this candelabra has version "
            f"{API_VERSION}; install versions of both that fit"
        )
    if not isinstance(backend, Backend):
        raise PluginError(f"load() must return an instance of candelabra.core.backend.Backend, got {backend!r}")
    namespace = getattr(backend, "namespace", None)
    missing = [f"namespace.{name}" for name in ("asarray", "reshape", "add") if not hasattr(namespace, name)]
    missing += [name for name in ("name", "device_types") if not getattr(backend, name)]
    if missing:
        raise PluginError(f"the backend lacks {', '.join(missing)}")
    if backend.name != spec.name or set(backend.device_types) != set(spec.device_types):
        raise PluginError(
            f"announced as {spec.name!r} for {spec.device_types}, the backend says {backend.name!r} "
            f"for {backend.device_types}"
        )


def check_kernels(backend: Backend, rows: Iterable[str]) -> None:
    """Refuse kernels that nobody would call, or could."""
    for name in ("kernels", "donating"):
        found = getattr(backend, name)
        if not isinstance(found, Mapping):
            raise PluginError(f"{name} must map rows to functions, got {found!r:.60}")
        for row, kernel in found.items():
            if row not in TABLE and row not in rows:
                raise PluginError(f"{name}: no row of the table is named {row!r}")
            if not (callable(kernel) or isinstance(kernel, Kernel)):
                raise PluginError(f"{name}: the kernel of row {row!r} is neither callable nor a Kernel")
