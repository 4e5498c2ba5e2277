"""The backend contract: what an array library must offer to become a device.

A `Backend` names the device types that it serves and hands over a namespace of the Python array API standard;
everything else has a working default. A `Kernel` is a faster way to one row of the table. A `BackendSpec` is the light
record by which a plugin announces a backend without importing its library.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from . import dtypes
from .errors import DeviceError

if TYPE_CHECKING:
    from .stream import Streams

API_VERSION = 1

# How libraries say so: PyTorch, JAX, MLX, CUDA.
_OUT_OF_MEMORY = re.compile(
    "out of memory|RESOURCE_EXHAUSTED|can't allocate memory|unable to allocate|attempting to allocate|MemoryAllocation|"
    "ALLOC_FAILED",
    re.IGNORECASE,
)
# DLPack's number of the device whose memory the host reads.
HOST_MEMORY = 1


@dataclass(frozen=True, slots=True)
class Kernel:
    """A backend's own way to compute one row.

    Parameters
    ----------
    forward : callable
        Takes the row's operands by position and its statics by keyword, all raw arrays of the backend, and returns
        the outputs. It may return `NotImplemented` to decline; the generic body then runs, or the host's kernel
        where the row has none.
    train : callable, optional
        Like `forward`, but returns ``(outputs, residuals)``, `residuals` being a tuple named by `residuals`. It runs
        instead of `forward` where a gradient is recorded.
    vjp : callable or tuple of callables, optional
        A joint rule, or one rule per operand, for raw arrays at first order. Its parameter names say what it needs: an
        operand, ``<operand>_shape``, ``<operand>_dtype``, `out` (or an output's name), a static, a residual; and the
        reserved `xp`, `g`, `wants`. It returns one cotangent per operand, None where `wants` says that none is needed,
        or `NotImplemented` to decline.
    residuals : tuple of str
        Names of what `train` hands over for `vjp`.
    """

    forward: Callable[..., Any]
    train: Callable[..., Any] | None = None
    vjp: Callable[..., Any] | tuple[Callable[..., Any] | None, ...] | None = None
    residuals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BackendSpec:
    """What a plugin's `candelabra_backends` hook returns for each backend.

    Parameters
    ----------
    name : str
        The backend's name, such as ``"numpy"``.
    device_types : tuple of str
        The device types that it serves, such as ``("cpu",)``. A device type belongs to one backend.
    load : callable
        Takes nothing, imports the library and returns the `Backend`. Called on the first use of one of the devices.
    indexed : bool
        Whether there can be several devices of a type. Where not, ``"cpu"`` and ``"cpu:0"`` are one and the same.
    """

    name: str
    device_types: tuple[str, ...]
    load: Callable[[], Backend]
    indexed: bool = True


class Backend:
    """An array library as a device of candelabra.

    Subclass it, name the device types, and hand a namespace of the array API standard to `__init__`. Override what
    the library needs mended.

    Parameters
    ----------
    namespace : module or object
        The functions of the array API standard.

    Attributes
    ----------
    mutable : bool
        Whether a tensor that alone owns its array may be written in place: every view of an array must then hold its
        owner in ``base``, so that a reference count tells.
    lenient : bool
        Whether the namespace's functions also take truth values where the standard wants numbers; conformance then lets
        them. What a function refuses by a TypeError the row itself serves, lenient or not.
    plain_keys : bool
        Whether arrays are indexed, and where they are mutable written into, by Python's keys of ints, slices, None and
        Ellipsis as NumPy's are, by its masks of leading axes, and by one array of integers.
    compile : callable, optional
        Takes a function of the library's arrays, lists of them and None, and returns one that does the same as a whole,
        faster. Bodies and backwards of rows run through it; it raises where a function looks at values, and
        `NothingGained` where it is no faster. The function also takes ``device=``, by default its own: another
        `Device`, whose namespace it then calls on that one's arrays, lets a backend see what it does.
    kernels : mapping of str to callable or Kernel
        Own ways to compute rows of the table; rows not named here run the namespace's function or the generic body.
    donating : mapping of str to callable
        For a row's name, a function of the operands that writes the result into the first one and returns it.
    """

    api_version: int = API_VERSION
    name: str = ""
    device_types: tuple[str, ...] = ()
    mutable: bool = False
    array_type: type | tuple[type, ...] = object
    kernels: Mapping[str, Callable[..., Any] | Kernel] = {}
    donating: Mapping[str, Callable[..., Any]] = {}
    data_dependent_shapes: bool = True
    lenient: bool = False
    plain_keys: bool = False
    # Names of dtypes that the library stores but computes badly with: rows work on them in `wide_dtype`.
    narrow_dtypes: frozenset[str] = frozenset()
    # Whether its kernels take them all the same.
    narrow_kernels: bool = False
    wide_dtype: str = "float32"
    compile: Callable[..., Any] | None = None
    # Where arrays know no device: a function of a device's index that returns a context manager, inside which the
    # library computes there.
    within: Callable[[int], AbstractContextManager[Any]] | None = None
    # Whether the devices' memory is their own, so that DLPack shares nothing with the host.
    apart: bool = False
    # DLPack's numbers of the memory beside the host's whose arrays, by the number of their device, lie on the backend's
    # devices of the same indices.
    dlpack_types: frozenset[int] = frozenset()
    # Whether copies from pinned host memory go on while the host does something else.
    pins: bool = False
    # Whether bad values are refused by the call that has them: where looking waits for nothing, or one asked to wait.
    checks_values: bool = False
    # What a lazy library does with arrays that take the place of others, such as parameters after a step: it starts to
    # compute them, so that no graph grows from step to step.
    settle: Callable[[Sequence[Any]], None] | None = None

    def __init__(self, namespace: Any) -> None:
        self.namespace = namespace

    def dtypes(self, index: int = 0) -> dict[str, Any]:
        """Return the library's dtype for each dtype name that the device supports."""
        return {d.name: native for d in dtypes.ALL if (native := getattr(self.namespace, d.name, None)) is not None}

    def missing(self, dtype: str, index: int = 0) -> str:
        """Return what would bring a device a dtype that it lacks, for errors; an empty string where nothing does."""
        return ""

    def devices(self) -> Sequence[str]:
        """Return the names of the devices, by index; an empty string where a device has no name of its own."""
        return ("",)

    def current_index(self) -> int:
        """Return the index that a device without an index gets."""
        return 0

    def native_device(self, index: int) -> Any:
        """Return what the library's creation functions take as ``device=``."""
        return None

    def on_device(self, index: int) -> Mapping[str, Any]:
        """Return the keyword arguments that bind a creation function to a device."""
        native = self.native_device(index)
        return {} if native is None else {"device": native}

    def asarray(self, data: Any, dtype: Any = None, index: int = 0) -> Any:
        """Return an array on the device from a host array (`numpy.ndarray`), an own array or Python scalars and lists.

        It may share memory with `data`.
        """
        return self.namespace.asarray(data, dtype=dtype, **self.on_device(index))

    def adopt(self, array: Any, index: int = 0) -> Any:
        """Return an array of the library that a user hands over, as the device's arrays are; it may share memory.

        Raise an `ArgumentTypeError` that tells the mend where it cannot be one, as where the library itself
        differentiates through it.
        """
        return array

    def copy(self, array: Any) -> Any:
        """Return a copy of an array, in the library's default memory order."""
        return self.namespace.asarray(array, copy=True)

    def normalize(self, value: Any, index: int = 0) -> Any:
        """Return `value`, which a function of the library gave for an array, as an array."""
        return value if isinstance(value, self.array_type) else self.asarray(value, index=index)

    def normalizer(self, index: int = 0) -> Callable[[Any], Any]:
        """Return `normalize` for a device, as a function of the value alone."""
        return lambda value: self.normalize(value, index)

    def to_host(self, array: Any) -> Any:
        """Return the array as a `numpy.ndarray`, sharing memory where that is possible."""
        from .device import host_backend

        return host_backend().from_dlpack(array)

    def placed(self, function: Callable[..., Any], index: int) -> Callable[..., Any]:
        """Return a function that computes on a device as `function` does on the library's current one."""
        within = self.within
        if within is None:
            return function

        def run(*operands: Any, **statics: Any) -> Any:
            with within(index):
                return function(*operands, **statics)

        return run

    def from_host(self, array: Any, dtype: Any, index: int = 0, non_blocking: bool = False) -> Any:
        """Return a host array on the device.

        `non_blocking` allows to return before a copy out of pinned memory is done: the caller writes nothing there
        until it is.
        """
        return self.asarray(array, dtype, index)

    def to_host_later(self, array: Any) -> Any:
        """Return what `to_host` does, perhaps before it is there: the caller waits for the device's current stream."""
        return self.to_host(array)

    def empty_pinned(self, shape: Sequence[int], dtype: Any) -> Any:
        """Return a host array, of a host dtype, in pinned memory, where the library `pins`."""
        raise DeviceError(f"backend {self.name!r} has no pinned memory")

    def pin_in_place(self, address: int, size: int) -> Callable[[], object] | None:
        """Pin host memory where it lies, and return what undoes that; None where it cannot be."""
        return None

    def is_pinned(self, array: Any) -> bool:
        """Say whether a host array lies in memory that is pinned for the library."""
        return False

    def from_dlpack(self, array: Any, index: int = 0) -> Any:
        """Return an array over the memory of another library's array, through DLPack, without a copy."""
        return self.namespace.from_dlpack(array)

    def to_dlpack(self, array: Any, asked: dict[str, Any]) -> Any:
        """Return a DLPack capsule of an array, as the arguments of ``__dlpack__`` ask."""
        from .device import host_backend

        if array.__dlpack_device__()[0] == HOST_MEMORY:
            try:
                host = host_backend().from_dlpack(array)
            except (BufferError, RuntimeError, TypeError, ValueError):
                return array.__dlpack__(**asked)
            if min(host.strides, default=0) < 0:
                # A library may end the process where an array's order runs backwards; the host's backend mends it.
                return host_backend().to_dlpack(host, asked)
        return array.__dlpack__(**asked)

    def to_device(self, array: Any, index: int) -> Any:
        """Return the array on another device of this backend."""
        native = self.native_device(index)
        return array if native is None else array.to_device(native)

    def is_view_of_live_owner(self, array: Any) -> bool:
        """Say whether the array is a view of memory that another living array owns."""
        return False

    def synchronize(self, index: int = 0) -> None:
        """Wait until the device has done what was asked of it."""

    @cached_property
    def streams(self) -> Streams:
        """What the library does about streams and events."""
        from .stream import Streams

        return Streams(self)

    def choose(self, index: int) -> None:
        """Let a device without an index be this one, in this thread."""
        if index != self.current_index():
            raise DeviceError(f"backend {self.name!r} has no current device to choose")

    def memory(self, index: int = 0) -> dict[str, int]:
        """Return memory figures in bytes: ``allocated`` and ``reserved``, 0 where the library does not tell.

        Where it is known, also the device's ``free`` and ``total``, which errors then name; the ``limit`` of what may
        be reserved, where one is set, and the ``peak`` of what was allocated, where it is counted.
        """
        return {"allocated": 0, "reserved": 0}

    def reset_peak_memory(self, index: int = 0) -> None:
        """Count the peak of the allocated memory from here on."""
        raise DeviceError(f"backend {self.name!r} does not count its memory's peak")

    def set_memory_limit(self, limit: int | None, index: int = 0) -> None:
        """Reserve no more than these bytes on the device."""
        raise DeviceError(f"backend {self.name!r} knows no limit of its memory")

    def set_allocator(self, allocator: Any) -> None:
        """Take memory from elsewhere: an allocator by its name, as two functions, or as the library has them."""
        raise DeviceError(f"backend {self.name!r} takes no allocator")

    def wanted(self, error: BaseException) -> int:
        """Return the bytes that an error of too little memory says were asked for, 0 where it does not."""
        return 0

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Say whether what the library raised means that the device's memory does not suffice."""
        return isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(str(error)) is not None

    def release_memory(self, index: int = 0) -> None:
        """Give memory that the library holds and does not use back to the device."""

    def device_name(self, index: int) -> str:
        """Return what a device is called, for people."""
        return self.devices()[index] or f"{self.device_types[0]}:{index}"

    def set_num_threads(self, n: int) -> None:
        """Compute with `n` threads, as far as the library can be told."""

    def get_num_threads(self) -> int:
        """Return the number of threads that the library computes with."""
        return 1

    def describe(self) -> dict[str, str]:
        """Return facts for ``candelabra devices``: the library's version and the policies in force."""
        return {"version": str(getattr(self.namespace, "__version__", "unknown"))}

    def index_of(self, name: str) -> int:
        """Return the index of the device with this name."""
        names = list(self.devices())
        if name in names:
            return names.index(name)
        raise DeviceError(
            f"backend {self.name!r} has no device named {name!r}; it has "
            + ", ".join(f"{i}: {n}" if n else str(i) for i, n in enumerate(names))
        )
