"""Arrays of the stand-in: host memory behind CuPy's interface, and none of NumPy's courtesies."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _manners
from .cuda import MemoryPointer, _current, _place, counted, counts, get_current_stream
from .cuda.order import clock_of, record, tell_host, wait


class Flags:
    """An array's flags as CuPy tells them."""

    def __init__(self, host: np.ndarray, owns: bool) -> None:
        self.c_contiguous, self.f_contiguous = host.flags.c_contiguous, host.flags.f_contiguous
        self.owndata, self.forc, self.fnc = owns, host.flags.forc, host.flags.fnc

    def __getitem__(self, name: str) -> bool:
        return getattr(self, name.lower())


class ndarray:
    """An array on a card of the stand-in."""

    __slots__ = ("__weakref__", "_at", "_host", "base")
    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]

    def __new__(
        cls, shape: Any, dtype: Any = float, memptr: Any = None, strides: Any = None, order: str = "C"
    ) -> ndarray:
        dtype = np.dtype(dtype)
        if memptr is not None:
            # As NumPy does it for an interface: no array of NumPy's is asked who owns the memory.
            told = {"shape": tuple(shape), "typestr": f"|V{dtype.itemsize}", "data": (memptr.ptr, False), "version": 3,
                    "strides": strides}  # fmt: skip
            host = np.asarray(type("Interface", (), {"__array_interface__": told})()).view(dtype)
            return made(host, memptr.mem)
        host = np.empty(shape, dtype, order=order)
        return made(host, _place(host))

    @property
    def data(self) -> MemoryPointer:
        return MemoryPointer(self._at, self._host.__array_interface__["data"][0] - self._at.ptr)

    @property
    def device(self) -> Any:
        return self._at.device

    @property
    def flags(self) -> Flags:
        return Flags(self._host, self.base is None)

    dtype = property(lambda self: self._host.dtype)
    itemsize = property(lambda self: self._host.itemsize)
    nbytes = property(lambda self: self._host.nbytes)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    strides = property(lambda self: self._host.strides)

    @property
    def shape(self) -> tuple[int, ...]:
        return self._host.shape

    @shape.setter
    def shape(self, shape: Any) -> None:
        self._host.shape = shape

    @property
    def T(self) -> ndarray:
        return view(self, self._host.T)

    @property
    def mT(self) -> ndarray:
        return view(self, self._host.mT)

    @property
    def real(self) -> ndarray:
        return view(self, self._host.real)

    @real.setter
    def real(self, value: Any) -> None:
        self._host.real = bare(value)

    @property
    def imag(self) -> ndarray:
        if self.dtype.kind != "c":
            return made(np.zeros_like(self._host))
        return view(self, self._host.imag)

    @imag.setter
    def imag(self, value: Any) -> None:
        self._host.imag = bare(value)

    # What waits for the card.
    def get(self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True) -> np.ndarray:
        with self.device:
            stream = get_current_stream() if stream is None else stream
            self._at.uses.use(stream._queue())
        if blocking:
            counts["synchronisations"] += 1
            tell_host(clock_of(stream._queue()))
        if out is not None:
            out[...] = self._host
            return out
        return np.array(self._host, order=order)

    @counted
    def item(self, *index: int) -> Any:
        return self._host.item(*index)

    @counted
    def tolist(self) -> Any:
        return self._host.tolist()

    @counted
    def __bool__(self) -> bool:
        return bool(self._host)

    @counted
    def __int__(self) -> int:
        return int(self._host)

    @counted
    def __index__(self) -> int:
        return self._host.__index__()

    @counted
    def __float__(self) -> float:
        return float(self._host)

    @counted
    def __complex__(self) -> complex:
        return complex(self._host)

    @counted
    def __repr__(self) -> str:
        return repr(self._host)

    @counted
    def __str__(self) -> str:
        return str(self._host)

    def __array__(self, *arguments: Any, **options: Any) -> Any:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array "
            "explicitly."
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        from . import __dict__ as offered

        function = offered.get(ufunc.__name__)
        if function is None or method != "__call__":
            return NotImplemented
        return function(*inputs, **options)

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        from . import __dict__ as offered

        mine = offered.get(function.__name__)
        return NotImplemented if mine is None else mine(*arguments, **options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, self.device.id)

    def __dlpack__(
        self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: Any = None
    ) -> Any:
        if max_version is not None and not isinstance(max_version, tuple):
            raise TypeError("Argument 'max_version' has incorrect type")
        if dl_device in (None, self.__dlpack_device__()):
            if copy is True:
                raise BufferError("copy=True only supported for copy to CPU.")
        elif dl_device == (1, 0):
            if copy is False:
                raise ValueError("GPU memory cannot be exported to CPU without copy.")
            return self.get().__dlpack__(max_version=max_version)
        else:
            raise BufferError("unsupported device requested.")
        consumer = 1 if stream is None else stream
        if consumer < -1:
            raise ValueError(f"On CUDA, the valid stream for the DLPack protocol is -1, 1, 2, or any larger value, but "
                             f"{stream} was provided")  # fmt: skip
        current = get_current_stream()
        if consumer != -1 and consumer != (current.ptr or 1):
            wait((_current(), 0 if consumer == 1 else consumer), record(current._queue()))
        # No capsule can tell of a card that is not there: the array itself takes its place.
        return self

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {
            "shape": self.shape, "typestr": self.dtype.str, "data": (self.data.ptr, False), "version": 3,
            "strides": None if self.flags.c_contiguous else self.strides, "descr": self.dtype.descr, "stream": 1,
        }  # fmt: skip

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self) -> Any:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __copy__(self) -> ndarray:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> ndarray:
        return self.copy()

    def __reduce__(self) -> Any:
        from . import array

        return array, (self.get(),)

    def __getitem__(self, key: Any) -> ndarray:
        reach(self)
        key = bare(_indices(self, key))
        if _looks_at_values(key):
            count_of_mask()
        found = self._host[key]
        if isinstance(found, np.generic) or not np.shares_memory(found, self._host):
            if _basic(key):
                keys = key if isinstance(key, tuple) else (key,)
                return view(self, self._host[keys if any(k is Ellipsis for k in keys) else (*keys, ...)])
            return made(np.array(found))
        return view(self, found)

    def __setitem__(self, key: Any, value: Any) -> None:
        reach(self)
        if isinstance(value, np.ndarray) and value.ndim:
            raise TypeError(f"Unsupported type {type(value)}")
        at, value = bare(_indices(self, key)), bare(value)
        if isinstance(value, np.ndarray) and value.dtype != self.dtype:
            value = _manners.cast(value, self.dtype)
        if _names_places(at):
            _manners.scattered(self._host, at, value)
        else:
            self._host[at] = value

    # CuPy's methods that copy or convert.
    def astype(
        self, dtype: Any, order: str = "K", casting: Any = None, subok: Any = None, copy: bool = True
    ) -> ndarray:
        reach(self)
        dtype = np.dtype(dtype)
        if not copy and dtype == self.dtype:
            return self
        with np.errstate(all="ignore"):
            return made(_manners.cast(self._host, dtype, order))

    def copy(self, order: str = "C") -> ndarray:
        # CuPy copies from the card where the array lies to the current one.
        return made(self._host.copy(order=order))

    def view(self, dtype: Any = None, type: Any = None) -> ndarray:
        return view(self, self._host.view() if dtype is None else self._host.view(dtype))

    def reshape(self, *shape: Any, order: str = "C") -> ndarray:
        found = self._host.reshape(*shape, order=order)
        return view(self, found) if np.may_share_memory(found, self._host) else made(np.array(found))

    def ravel(self, order: str = "C") -> ndarray:
        return self.reshape(-1, order=order)

    def flatten(self, order: str = "C") -> ndarray:
        return made(self._host.flatten(order=order))

    def transpose(self, *axes: Any) -> ndarray:
        return view(self, self._host.transpose(*axes))

    def swapaxes(self, one: int, other: int) -> ndarray:
        return view(self, self._host.swapaxes(one, other))

    def squeeze(self, axis: Any = None) -> ndarray:
        return view(self, self._host.squeeze(axis))

    def fill(self, value: Any) -> None:
        self._host.fill(bare(value))

    def set(self, values: np.ndarray, stream: Any = None) -> None:
        if not isinstance(values, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if values.dtype != self.dtype or values.shape != self.shape:
            raise ValueError(f"shapes or dtypes mismatch: {values.shape} {values.dtype}, {self.shape} {self.dtype}")
        self._host[...] = values

    def tobytes(self, order: str = "C") -> bytes:
        return self.get().tobytes(order)


def made(host: np.ndarray, memory: Any = None) -> ndarray:
    """Return an array that owns its memory, on the current card."""
    if memory is None:
        if host.base is not None:
            host = host.copy(order="K")
        memory = _place(host)
    array = object.__new__(ndarray)
    array._host, array._at, array.base = host, memory, None
    return array


def view(owner: ndarray, host: np.ndarray) -> ndarray:
    """Return a view of an array's memory."""
    array = object.__new__(ndarray)
    array._host, array._at = host, owner._at
    array.base = owner if owner.base is None else owner.base
    return array


def reach(array: ndarray) -> None:
    """Refuse an array of another card than the current one, as CuPy does between cards that cannot reach each other."""
    if array._at.device.id != _current():
        raise ValueError(
            "The device where the array resides does not match the current device: "
            f"array device = {array._at.device.id} while current = {_current()}"
        )
    array._at.use()


def bare(value: Any) -> Any:
    """Return what NumPy takes for a value, arrays of the stand-in being looked through."""
    if isinstance(value, ndarray):
        reach(value)
        return value._host
    if isinstance(value, tuple):
        return tuple([bare(v) for v in value])
    if isinstance(value, list):
        return [bare(v) for v in value]
    return value


def count_of_mask() -> None:
    """Count what waits for the number of a mask's elements."""
    from .cuda import counts

    counts["synchronisations"] += 1


def _basic(key: Any) -> bool:
    keys = key if isinstance(key, tuple) else (key,)
    return all(k is None or k is Ellipsis or isinstance(k, slice) or (isinstance(k, int | np.integer)
               and not isinstance(k, bool)) for k in keys)  # fmt: skip


def _looks_at_values(key: Any) -> bool:
    keys = key if isinstance(key, tuple) else (key,)
    return any(isinstance(k, np.ndarray) and k.dtype.kind == "b" for k in keys)


def _names_places(key: Any) -> bool:
    keys = key if isinstance(key, tuple) else (key,)
    return any(isinstance(k, np.ndarray) and k.dtype.kind in "iu" for k in keys)


def _indices(array: ndarray, key: Any) -> Any:
    """Return a key whose arrays of integers wrap around, as they do in CuPy; NumPy's own arrays are copied there."""
    keys = key if isinstance(key, tuple) else (key,)
    ahead = sum(_axes(k) for k in keys)
    axis, found = 0, []
    for k in keys:
        if k is Ellipsis:
            axis += array.ndim - ahead
        elif isinstance(k, ndarray) and k.dtype.kind in "iu":
            size = array.shape[axis]
            k = made(np.array(k._host % size) if size else k._host.copy(), None) if k.size else k
        axis += 0 if k is Ellipsis else _axes(k)
        found.append(k)
    return tuple(found) if isinstance(key, tuple) else found[0]


def _axes(key: Any) -> int:
    if key is None or key is Ellipsis or isinstance(key, bool):
        return 0
    if isinstance(key, ndarray | np.ndarray) and key.dtype.kind == "b":
        return key.ndim
    return 1
