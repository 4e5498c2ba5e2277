"""Finds plugins, guards against them, and hands the core the backend of a device type.

Built-in backends come in by the same hook as everybody's, but are registered directly. Third parties' entry points are
looked at when a device is asked for that is not built in, or when devices are listed; those of the group
`candelabra.kernels`, which speed up devices of others, before the first operation, and those of `candelabra.rows` when
a function is asked for that nobody has. One plugin's failure is kept, shown
as the cause when its device is asked for, and takes nothing else down.
"""

from __future__ import annotations

import inspect
import os
import sys
import threading
from collections import ChainMap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pluggy

from ..backends.cupy import plugin as cupy_plugin
from ..backends.numpy import plugin as numpy_plugin
from ..core.backend import Backend, BackendSpec
from ..core.errors import CandelabraError, DeviceError, PluginError
from ..core.implementation import forget
from ..core.primitives.row import TABLE
from . import hookspecs
from .contract import check_backend, check_kernels, check_record
from .hookspecs import KERNELS, OWN_SUFFIXES, PROJECT, RECORDS, ROWS

DISABLE = "CANDELABRA_DISABLE_PLUGINS"

# The first one is the host's and cannot be switched off.
BUILTINS = (("numpy", numpy_plugin), ("cupy", cupy_plugin))


@dataclass(frozen=True, slots=True)
class Source:
    """Where a plugin comes from: its entry point's name, its distribution and that one's version."""

    name: str
    distribution: str = PROJECT
    version: str = ""

    def __str__(self) -> str:
        return f"plugin {self.name!r} of {self.distribution} {self.version}".rstrip()


@dataclass(slots=True, eq=False)
class Claim:
    """A record that a plugin announced, and for a backend what came of loading it."""

    record: Any
    source: Source
    backend: Backend | None = None
    error: BaseException | None = None
    loaded: Any = None


class BackendStatus(NamedTuple):
    """One line of ``candelabra devices``; `state` is ``"loaded"``, ``"not loaded"`` or ``"failed"``."""

    name: str
    device_types: tuple[str, ...]
    state: str
    plugin: str
    distribution: str
    version: str
    error: str
    backend: Backend | None


class _Hooks(pluggy.PluginManager):
    """Takes every function named ``candelabra_…`` for a hook: a plugin needs no marker, and a typo is an error."""

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
        options = super().parse_hookimpl_opts(plugin, name)
        if options is None and name.startswith(PROJECT + "_") and inspect.isroutine(getattr(plugin, name, None)):
            return {}
        return options


class Manager:
    """The plugins of one process.

    Parameters
    ----------
    builtins : iterable of (str, module)
        Plugins registered at once; the first device type of the first one is the host's.
    """

    def __init__(self, builtins: Iterable[tuple[str, Any]] = BUILTINS) -> None:
        self._hooks = _Hooks(PROJECT)
        self._hooks.add_hookspecs(hookspecs)
        self._claims: dict[str, dict[Any, Claim]] = {hook: {} for hook in RECORDS}
        self._failures: list[tuple[Source, PluginError]] = []
        self._waiting = {PROJECT, KERNELS, ROWS}
        self._own_kernels: dict[int, Any] = {}
        self._distributions: set[str] = set()
        self._lock = threading.RLock()
        for name, plugin in builtins:
            self.register(plugin, Source(name))

    def resolve(self, device_type: str) -> Backend:
        """Return the backend that serves a device type, loading it on first use.

        Raises
        ------
        DeviceError
            If nothing serves the type, or what does cannot be loaded; the exception's cause is the plugin's own.
        """
        claim = self._backend_claim(device_type)
        backend = claim.backend or self._load(claim)
        if backend is None:
            raise DeviceError(
                f"device {device_type!r} cannot be used: backend {claim.record.name!r} ({claim.source}) "
                f"does not load: {_text(claim.error)}"
            ) from claim.error
        return backend

    def indexed(self, device_type: str) -> bool:
        """Say whether there can be several devices of the type."""
        return self._backend_claim(device_type).record.indexed

    def host_type(self) -> str:
        """Return the device type whose arrays live in host memory."""
        return next(iter(self._claims["candelabra_backends"]))

    def backends(self) -> list[Backend]:
        """Return every backend that can be loaded, the host's first; it imports the installed plugins."""
        return [status.backend for status in self.statuses(load=True) if status.backend is not None]

    def in_use(self) -> list[Backend]:
        """Return the backends that have been loaded."""
        return [claim.backend for claim in self._backend_claims() if claim.backend is not None]

    def at_hand(self) -> list[Backend]:
        """Return the backends that are in use or built in, as far as these load; no plugin is looked for."""
        claims = [c for c in self._backend_claims() if c.backend is not None or c.source.distribution == PROJECT]
        return [backend for claim in claims if (backend := claim.backend or self._load(claim)) is not None]

    def known(self) -> list[BackendSpec]:
        """Return the backends announced so far, without looking for plugins."""
        return [claim.record for claim in self._backend_claims()]

    def source_of(self, device_type: str) -> Source:
        """Return the plugin that serves a device type, with its distribution and version."""
        return _versioned(self._backend_claim(device_type).source)

    def kernel_sources(self, device_type: str) -> dict[str, list[Source]]:
        """Return, by row, the plugins whose kernels lie over the device's own, the first asked first."""
        return self._layers(self._backend_claim(device_type))

    def _layers(self, backend: Claim, only: str = "") -> dict[str, list[Source]]:
        found: dict[str, list[tuple[int, Source]]] = {}
        for (of_type, row, priority), claim in self._claims["candelabra_kernels"].items():
            if of_type in backend.record.device_types and only in ("", row):
                found.setdefault(row, []).append((priority, claim.source))
        return {
            row: [source for _, source in sorted(layers, key=lambda layer: -layer[0])] for row, layers in found.items()
        }

    def origin(self, device_type: str, row: str = "") -> str:
        """Say which plugins of third parties compute on devices of a type, or a row there; "" for what is built in."""
        claim = self._claims["candelabra_backends"].get(device_type)
        if claim is None:
            return ""
        parts = [f"kernel of {source}" for source in self._layers(claim, row).get(row, ())]
        if parts:
            parts.append(f"{DISABLE}=1 leaves it out")
        if claim.source.distribution != PROJECT:
            parts.append(str(claim.source))
        return "; ".join(parts)

    def statuses(self, load: bool = False) -> list[BackendStatus]:
        """Return one record per backend, and one per plugin that was refused. It imports the installed plugins.

        Parameters
        ----------
        load : bool
            Whether to load what has not been used yet, and so see whether it would.
        """
        self.discover()
        statuses = []
        for claim in self._backend_claims():
            if load and claim.backend is None:
                self._load(claim)
            state = "loaded" if claim.backend else "failed" if claim.error else "not loaded"
            statuses.append(_status(claim.source, state, claim.error, claim.record, claim.backend))
        return statuses + [_status(source, "failed", error) for source, error in self._failures]

    def records(self, hook: str) -> list[Any]:
        """Return what all plugins announced through a hook; entry points are looked at."""
        self.discover()
        return [claim.record for claim in dict.fromkeys(self._claims[hook].values())]

    def announced(self) -> dict[str, dict[str, list[str]]]:
        """Return, for each hook but that of backends, what each plugin announced; it imports the installed plugins."""
        self.discover()
        found: dict[str, dict[str, list[str]]] = {}
        for hook, claims in self._claims.items():
            if hook != "candelabra_backends" and claims:
                for key, claim in claims.items():
                    shown = key if isinstance(key, str) else f"{key[1]} on {key[0]}"
                    found.setdefault(hook, {}).setdefault(str(_versioned(claim.source)), []).append(shown)
        return found

    def discover(self) -> None:
        """Register the plugins that installed distributions announce, once; a failing one is kept for `statuses`."""
        for group in (KERNELS, ROWS, PROJECT):
            self._discover(group)

    def find_kernels(self) -> None:
        """Register the plugins that announce kernels for devices of others, once."""
        self._discover_some(KERNELS)

    def find_row(self, name: str) -> bool:
        """Take up a row that a plugin announces, and say whether there is one.

        Raises
        ------
        PluginError
            If the plugin's row cannot be loaded; nothing of it stays in the table.
        """
        self._discover_some(ROWS)
        claim = self._claims["candelabra_rows"].get(name)
        if claim is None:
            return False
        self._load_row(claim)
        return True

    def read_rows(self) -> list[PluginError]:
        """Take up all the rows that plugins announce, and return what is wrong with those that fail."""
        self.discover()
        failed = []
        for claim in self._claims["candelabra_rows"].values():
            try:
                self._load_row(claim)
            except PluginError as error:
                failed.append(error)
        return failed

    def _load_row(self, claim: Claim) -> None:
        with self._lock:
            name = claim.record.name
            if claim.error is None and name not in TABLE:
                before = set(TABLE)
                with _failing_once(claim):
                    claim.record.load()
                    if name not in TABLE:
                        raise PluginError("load() has declared no row of that name")
                if claim.error is not None:
                    for new in set(TABLE) - before:
                        del TABLE[new]
            if claim.error is not None:
                raise PluginError(
                    f"row {name!r} of {claim.source} does not load: {_text(claim.error)}"
                ) from claim.error

    def serializer(self, path: str) -> tuple[Any, str] | None:
        """Return what saves and loads a file of this name, and whose it is, None where that is candelabra itself.

        The longest suffix that a plugin claims decides. A name without a suffix, or with one of candelabra's own, is
        candelabra's, and no plugin is looked for.

        Raises
        ------
        PluginError
            If the plugin's serializer cannot be loaded, or is none.
        """
        name = os.path.basename(path)
        if "." not in name.lstrip(".") or name.endswith(tuple(OWN_SUFFIXES)):
            return None
        self.discover()
        claims = self._claims["candelabra_serializers"]
        suffix = max((s for s in claims if name.endswith(s)), key=len, default=None)
        if suffix is None:
            return None
        claim = claims[suffix]
        with self._lock:
            if claim.loaded is None and claim.error is None:
                with _failing_once(claim):
                    found = claim.record.load()
                    if not (callable(getattr(found, "save", None)) and callable(getattr(found, "load", None))):
                        raise PluginError(f"load() must return what has save and load, got {found!r}")
                    claim.loaded = found
        if claim.error is not None:
            raise PluginError(
                f"files named *{suffix} belong to {claim.source}, which does not load: {_text(claim.error)}"
            ) from claim.error
        return claim.loaded, str(claim.source)

    def _discover_some(self, group: str) -> None:
        # Importing what reads entry points takes longer than all the rest of the manager.
        if group in self._waiting and (plugins_disabled() or not _announced_anywhere(group)):
            self._waiting.discard(group)
        self._discover(group)

    def _discover(self, group: str) -> None:
        if group not in self._waiting:
            return
        with self._lock:
            if group not in self._waiting:
                return
            self._waiting.discard(group)
            if plugins_disabled():
                return
            from importlib.metadata import entry_points

            found: dict[tuple[str, str], tuple[Source, Any]] = {}
            for entry in entry_points(group=group):
                source = Source(entry.name, *((entry.dist.name, entry.dist.version) if entry.dist else ("?",)))
                found.setdefault((source.distribution, source.name), (source, entry))
            for _, (source, entry) in sorted(found.items()):
                try:
                    plugin = entry.load()
                    # One module may stand in several groups.
                    if not self._hooks.is_registered(plugin) or source.distribution not in self._distributions:
                        self.register(plugin, source)
                        self._distributions.add(source.distribution)
                except PluginError as error:
                    self._failures.append((source, error))
                except KeyboardInterrupt:
                    raise
                except BaseException as error:
                    failure = PluginError(f"{source} does not load: {_text(error)}")
                    failure.__cause__ = error
                    self._failures.append((source, failure))

    def register(self, plugin: Any, source: Source) -> None:
        """Register a plugin, a module or an object with hooks; nothing of a refused one stays.

        Raises
        ------
        PluginError
            If it breaks the contract of a hook or claims what another plugin has.
        """
        name = f"{source.distribution}:{source.name}"
        with self._lock:
            if self._hooks.has_plugin(name) or self._hooks.is_registered(plugin):
                raise PluginError(f"{source} is refused: it is registered already")
            try:
                self._hooks.register(plugin, name)
                self._hooks.check_pending()
                if not self._hooks.get_hookcallers(plugin):
                    raise PluginError(f"it has none of the hooks {', '.join(RECORDS)}")
                claims = list(self._announced(plugin, source))
            except BaseException as error:
                if self._hooks.is_registered(plugin):
                    self._hooks.unregister(plugin)
                if isinstance(error, KeyboardInterrupt):
                    raise
                raise PluginError(f"{source} is refused: {_text(error)}") from error
            for hook, key, claim in claims:
                self._claims[hook][key] = claim
            for claim in self._backend_claims():
                if claim.backend is not None:
                    rows = [
                        key[1] for hook, key, _ in claims
                        if hook == "candelabra_kernels" and key[0] in claim.record.device_types
                    ]  # fmt: skip
                    self._override_kernels(claim.backend)
                    forget(claim.backend, rows)

    def _announced(self, plugin: Any, source: Source) -> Iterable[tuple[str, Any, Claim]]:
        new: set[tuple[str, Any]] = set()
        for hook, (record_type, keys) in RECORDS.items():
            for implementation in getattr(self._hooks.hook, hook).get_hookimpls():
                if implementation.plugin is not plugin:
                    continue
                if implementation.kwargnames:
                    raise PluginError(f"{hook} takes no parameters, got {', '.join(implementation.kwargnames)}")
                for record in _iterable(hook, implementation.function(), record_type):
                    check_record(hook, record, record_type, hasattr(plugin, "candelabra_rows"))
                    claim = Claim(record, source)
                    for key in keys(record):
                        holder = self._claims[hook].get(key)
                        if holder is not None or (hook, key) in new:
                            owner = holder.source if holder else "itself"
                            raise PluginError(f"{hook}: {_shown(key)} is taken by {owner}{_way_out(key)}")
                        new.add((hook, key))
                        yield hook, key, claim

    def _backend_claims(self) -> list[Claim]:
        return list(dict.fromkeys(self._claims["candelabra_backends"].values()))

    def _backend_claim(self, device_type: str) -> Claim:
        claims = self._claims["candelabra_backends"]
        if device_type not in claims:
            self.discover()
        if device_type in claims:
            return claims[device_type]
        message = [f"no backend serves device {device_type!r}; there are {', '.join(map(repr, claims))}."]
        cause = None
        for source, error in self._failures:
            message.append(f"Of what is installed, {error}.")
            if cause is None or source.name == device_type:
                cause = error
        if plugins_disabled():
            message.append(f"Plugins are switched off by {DISABLE}; unset it to look for one.")
        else:
            message.append("Install a plugin that brings it; `candelabra devices` lists what is installed.")
        raise DeviceError(" ".join(message)) from cause

    def _load(self, claim: Claim) -> Backend | None:
        """Load a backend once; a failure is kept, and not tried again."""
        with self._lock:
            if claim.backend is None and claim.error is None:
                with _failing_once(claim):
                    backend = claim.record.load()
                    check_backend(backend, claim.record)
                    if claim.source.distribution != PROJECT:
                        check_kernels(backend, self._claims["candelabra_rows"])
                    self._override_kernels(backend)
                    claim.backend = backend
            return claim.backend

    def _override_kernels(self, backend: Backend) -> None:
        layers: dict[int, dict[str, Any]] = {}
        for (device_type, row, priority), claim in self._claims["candelabra_kernels"].items():
            if device_type in backend.device_types:
                layers.setdefault(priority, {})[row] = claim.record.kernel
        if layers:
            # Each plugin that comes later lays them anew over the backend's own.
            base = self._own_kernels.setdefault(id(backend), backend.kernels)
            backend.kernels = ChainMap(*(layers[p] for p in sorted(layers, reverse=True)), base)


@contextmanager
def _failing_once(claim: Claim) -> Iterator[None]:
    """Keep what goes wrong while a claim's record loads: it is told where the record is needed, and not tried again."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # Also what a library in Rust panics with, or one that exits: it takes nothing else down.
        claim.error = error


def _announced_anywhere(group: str) -> bool:
    """Say whether an installed distribution has entry points of a group, from the files alone."""
    title = f"[{group}]".encode()
    for folder in sys.path:
        try:
            entries = list(os.scandir(folder or "."))
        except OSError:
            # Not a folder, or not there: an archive brings no kernels.
            continue
        for entry in entries:
            if entry.name.endswith((".dist-info", ".egg-info")):
                try:
                    with open(os.path.join(entry.path, "entry_points.txt"), "rb") as file:
                        if title in file.read():
                            return True
                except OSError:
                    continue
    return False


def plugins_disabled() -> bool:
    """Say whether the environment switches third parties' plugins off."""
    return os.environ.get(DISABLE, "0") not in ("", "0")


def _iterable(hook: str, found: Any, record_type: type) -> Iterable[Any]:
    if not isinstance(found, Iterable):
        raise PluginError(f"{hook} must return {record_type.__name__} records, got {found!r}")
    return found


def _status(
    source: Source,
    state: str,
    error: BaseException | None,
    spec: BackendSpec | None = None,
    backend: Backend | None = None,
) -> BackendStatus:
    source = _versioned(source)
    return BackendStatus(
        spec.name if spec else source.name,
        spec.device_types if spec else (),
        state,
        source.name,
        source.distribution,
        source.version,
        _text(error) if error else "",
        backend,
    )


def _versioned(source: Source) -> Source:
    """Return a source with its distribution's version, which what is built in does not carry."""
    if source.version or source.distribution == "?":
        return source
    from importlib.metadata import version

    return replace(source, version=version(source.distribution))


def _text(error: BaseException | None) -> str:
    return str(error) if isinstance(error, CandelabraError) else f"{type(error).__name__}: {error}"


def _shown(key: Any) -> str:
    if isinstance(key, str):
        return repr(key)
    device_type, row, priority = key
    return f"{row!r} of {device_type!r} with priority {priority}"


def _way_out(key: Any) -> str:
    return "" if isinstance(key, str) else "; another priority lays one over the other"


manager = Manager()
