"""`save` and `load`: a nested state in one safetensors file, and PyTorch's checkpoints read without PyTorch.

Tensors are entries of the file, so that every reader of safetensors finds them; what stands around them is a JSON text
in the file's metadata (`structure.py`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from . import dtypes, serialization_formats, structure
from .device import Device, as_device, host_device, resolver
from .errors import ArgumentError, ArgumentTypeError, DeviceError, DTypeError, FileFormatError
from .host import from_host
from .random_state import GeneratorState
from .tensor import Tensor

FORMAT = 1
_METADATA_KEY = "candelabra"
_MAX_HEADER_BYTES = 100_000_000  # readers of safetensors refuse a longer header
_LEGACY_TORCH = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
_DTYPES = {dtype.name: dtype for dtype in dtypes.ALL}
_CODES = {
    "BOOL": dtypes.bool_, "I8": dtypes.int8, "I16": dtypes.int16, "I32": dtypes.int32, "I64": dtypes.int64,
    "U8": dtypes.uint8, "U16": dtypes.uint16, "U32": dtypes.uint32, "U64": dtypes.uint64, "F16": dtypes.float16,
    "BF16": dtypes.bfloat16, "F32": dtypes.float32, "F64": dtypes.float64, "C64": dtypes.complex64,
}  # fmt: skip
_PYTHON_TYPES: dict[str, Callable[[Any], Any]] = {
    "bool": bool, "signed": int, "unsigned": int, "float": float, "complex": complex,
}  # fmt: skip
_tensor_classes: dict[str, tuple[type, Callable[[Tensor, bool], Tensor], Callable[[Any], bool]]] = {
    "GeneratorState": (
        GeneratorState, lambda data, requires_grad: GeneratorState(data.array, data.device), lambda value: True
    ),
}  # fmt: skip

MapLocation = str | Device | Mapping[Any, Any] | Callable[[str], Any] | None


def register_tensor_class(
    name: str, kind: type, build: Callable[[Tensor, bool], Tensor], when: Callable[[Any], bool] = lambda value: True
) -> None:
    """Let `save` and `load` keep a subclass of Tensor.

    Parameters
    ----------
    name : str
        What stands for the class in a file.
    kind : type
        The subclass.
    build : callable
        Makes an instance from a tensor and whether it requires a gradient.
    when : callable, optional
        Says of an instance whether this name stands for it, where a class has several.
    """
    _tensor_classes[name] = (kind, build, when)


def save(obj: Any, path: str | os.PathLike[str]) -> None:
    """Save a nested state to one safetensors file.

    A state is made of tensors and parameters, dictionaries, lists, tuples, sets, numbers, text, bytes, None, dtypes,
    devices and NumPy arrays. What occurs in several places is stored once; the same object is one object again after
    loading. A tensor that an operation made is stored as a leaf. The file is complete or it is not there: it is written
    under another name and then renamed.

    Parameters
    ----------
    obj : object
        The state. The names of a flat dictionary of tensors are the names in the file.
    path : str or path
        The file, by convention with the suffix ``.safetensors``. A suffix that a plugin brings a format for is written
        by the plugin.

    Raises
    ------
    ArgumentTypeError
        If something in the state cannot be saved; the text names the place. Nothing is written then.
    ArgumentError
        If the state contains itself or is nested too deeply.
    OSError
        If the file cannot be written. A file that was there before is untouched.

    Examples
    --------
    >>> import os, tempfile
    >>> import candelabra as cb
    >>> path = os.path.join(tempfile.mkdtemp(), "state.safetensors")
    >>> cb.save({"weight": cb.ones(2), "epoch": 3, "betas": (0.9, 0.999)}, path)
    >>> cb.load(path)
    {'weight': tensor([1., 1.]), 'epoch': 3, 'betas': (0.9, 0.999)}
    """
    name = _file_name(path, "save")
    if (found := resolver().serializer(name)) is not None:
        serialization_formats.save(obj, name, *found)
        return
    entries = _Entries()
    state = structure.Encoder(entries.encode, _encode_scalar).encode(obj)
    text = json.dumps({"format": FORMAT, "state": state}, allow_nan=False, separators=(",", ":"))
    header = len(json.dumps(text)) + sum(len(json.dumps(n)) + 20 * a.ndim + 120 for n, a in entries.arrays.items())
    if header > _MAX_HEADER_BYTES:
        raise ArgumentError(
            f"save: what stands around the tensors takes {header >> 20} MiB, and a safetensors file has room for "
            f"{_MAX_HEADER_BYTES >> 20}; put long lists of numbers and long bytes into tensors"
        )
    _write(name, entries.arrays, {_METADATA_KEY: text})


def load(path: str | os.PathLike[str], *, map_location: MapLocation = None) -> Any:
    """Load what `save` wrote, any other safetensors file, or a PyTorch checkpoint.

    The kind of file is told from its content, or by a suffix that a plugin brings a format for. A PyTorch checkpoint
    (``.pt``, ``.pth``) needs no PyTorch, and nothing in it is run: tensors, parameters and plain values are read,
    anything else is refused.

    Parameters
    ----------
    path : str or path
        The file.
    map_location : str, Device, mapping or callable, optional
        Where tensors go: one device; or a device for each device that is noted in the file, as a mapping or as a
        function of its name (None leaves it). Not given, a tensor goes to the device that it was saved on, and what
        others wrote to the CPU. The state of a random generator is the CPU's in any case.

    Returns
    -------
    object
        The state. A safetensors file that others wrote is a dictionary of tensors.

    Raises
    ------
    FileFormatError
        If the file is damaged, of another kind, of a newer version, or holds something that cannot be read.
    DeviceError
        If a tensor's device is not there.

    Examples
    --------
    >>> import os, tempfile
    >>> import candelabra as cb
    >>> path = os.path.join(tempfile.mkdtemp(), "state.safetensors")
    >>> cb.save([cb.zeros(2), None], path)
    >>> cb.load(path, map_location="cpu")
    [tensor([0., 0.]), None]
    """
    name = _file_name(path, "load")
    maker = _TensorMaker(map_location)
    if (found := resolver().serializer(name)) is not None:
        state = serialization_formats.load(name, *found)
        return state if map_location is None else serialization_formats.moved(state, maker.move)
    with open(name, "rb") as file, _naming(name):
        start = file.read(16)
        if start[:4] == b"PK\x03\x04" and start[8:9] != b"{":
            from .torch_checkpoint import read_checkpoint

            return read_checkpoint(file, maker.from_torch, maker.device)
        _refuse_other_formats(start)
        return _read_safetensors(name, maker)


class _Entries:
    """The arrays to be written, each once, under the name of its place in the state."""

    def __init__(self) -> None:
        self.arrays: dict[str, Any] = {}
        self._kept: dict[int, tuple[dict[str, str], Any]] = {}

    def encode(self, value: Any, encoder: structure.Encoder) -> dict[str, Any] | None:
        """Return what stands for a tensor or a NumPy array in the text; None for anything else."""
        import numpy as np

        if isinstance(value, Tensor):
            fields: dict[str, Any] = {}
            if type(value) is not Tensor:
                fields["class"] = self._class_of(value, encoder)
            if value.requires_grad:
                fields["requires_grad"] = True
            if value.device != host_device():
                fields["device"] = str(value.device)
            return {"tensor": self._add(value.array, lambda: value._to_host("save"), encoder.name) | fields}
        if type(value) is np.ndarray and value.dtype.name in _DTYPES:
            return {"ndarray": self._add(value, lambda: value, encoder.name)}
        return None

    @staticmethod
    def _class_of(value: Tensor, encoder: structure.Encoder) -> str:
        for name, (kind, _, when) in _tensor_classes.items():
            if kind is type(value) and when(value):
                return name
        raise ArgumentTypeError(f"save: {encoder.place} is {structure.describe(value)}, or its detach()")

    def _add(self, array: Any, host: Callable[[], Any], name: str) -> dict[str, Any]:
        import numpy as np

        known = self._kept.get(id(array))
        if known is not None:
            return known[0]
        content = host()
        dtype = _DTYPES[content.dtype.name]
        # safetensors 0.8.0 writes wrong data for what is not in C order, without a word (safetensors#825).
        content = np.asarray(content, dtype=host_device().native[dtype], order="C")
        name = self._free_name(name)
        fields = {"entry": name}
        if dtype.is_complex:
            # Few readers know complex numbers: a last axis holds the real and the imaginary part.
            content = content.reshape((*content.shape, 1)).view(host_device().native[dtype.to_real()])
            fields["dtype"] = dtype.name
        self.arrays[name] = content
        self._kept[id(array)] = (fields, array)
        return fields

    def _free_name(self, base: str) -> str:
        # A name is Unicode text, and one is taken by the metadata.
        base = base.encode("utf-8", "replace").decode("utf-8")
        name, count = base, 1
        while name in self.arrays or name == "__metadata__":
            count += 1
            name = f"{base}#{count}"
        return name


def _encode_scalar(value: Any, inner: Callable[[Any], Any]) -> dict[str, Any] | None:
    """Return what stands for a dtype, a device or a NumPy scalar; None for anything else."""
    import numpy as np

    if type(value) is dtypes.DType:
        return {"dtype": value.name}
    if type(value) is Device:
        return {"device": str(value)}
    if isinstance(value, np.generic) and value.dtype.name in _DTYPES:
        dtype = _DTYPES[value.dtype.name]
        return {"scalar": [dtype.name, inner(_PYTHON_TYPES[dtype.kind](value))]}
    return None


def _write(path: str, entries: dict[str, Any], metadata: dict[str, str]) -> None:
    """Write a safetensors file whole or not at all."""
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    def fill(temporary: str) -> None:
        try:
            save_file(entries, temporary, metadata)
        except SafetensorError as error:
            raise OSError(f"save: {path} cannot be written ({error})") from error

    write_whole(path, fill)


def write_whole(path: str, fill: Callable[[str], None], suffix: str = ".tmp") -> None:
    """Let `fill` write under another name in the same folder, and rename that file when it is on the disk."""
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    if os.path.exists(target) and not os.path.isfile(target):
        raise OSError(f"save: {path} is no regular file")
    temporary = os.path.join(folder, f".{name[:50]}.{os.urandom(4).hex()}{suffix}")
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        # safetensors lets only the owner read; ours has the permissions of the file that it replaces, or usual ones.
        mode = (os.stat(target) if os.path.exists(target) else os.fstat(descriptor)).st_mode & 0o777
        os.close(descriptor)
        fill(temporary)
        os.chmod(temporary, mode)
        _flush(temporary)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
    if os.name == "posix":
        # The file is there; that its name outlives a power cut, not every file system can promise.
        with suppress(OSError):
            _flush(folder)


def _flush(path: str) -> None:
    # Windows flushes only what is open for writing, POSIX a folder only when it is open for reading.
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _file_name(path: Any, operation: str) -> str:
    if not isinstance(path, str | os.PathLike):
        raise ArgumentTypeError(f"{operation}: the path must be a string or a path, got {type(path).__name__}")
    return os.fsdecode(path)


@contextmanager
def _naming(path: str) -> Iterator[None]:
    """Put the file's name before what is wrong with it."""
    try:
        yield
    except (FileFormatError, DeviceError, DTypeError) as error:
        raise type(error)(f"load: {path}: {error}") from error
    except (MemoryError, RecursionError) as error:
        raise FileFormatError(f"load: {path}: reading it takes too much memory ({type(error).__name__})") from error


def _refuse_other_formats(start: bytes) -> None:
    if not start:
        raise FileFormatError("it is empty")
    if start.startswith(_LEGACY_TORCH):
        raise FileFormatError(
            "it is a PyTorch file of the format before 1.6, which is all pickle; in PyTorch save it anew: "
            "torch.save(torch.load(path, weights_only=True), new_path)"
        )
    if start[8:9] != b"{":
        known = {b"\x80": "a pickle, which could run code", b"\x93NUMPY": "a NumPy file", b"\x89HDF": "an HDF5 file"}
        found = [kind for magic, kind in known.items() if start.startswith(magic)]
        raise FileFormatError(
            f"it is {found[0] if found else 'no file that candelabra knows, or damaged'}; candelabra reads safetensors "
            "files and PyTorch's zip checkpoints"
        )


def _read_safetensors(path: str, maker: _TensorMaker) -> Any:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            reader = _Reader(file, maker)
            text = (file.metadata() or {}).get(_METADATA_KEY)
            return reader.read_foreign() if text is None else reader.read(text)
    except SafetensorError as error:
        raise FileFormatError(f"it is damaged ({error})") from error


class _Reader:
    """Reads an open safetensors file."""

    def __init__(self, file: Any, maker: _TensorMaker) -> None:
        self._file = file
        self._maker = maker
        self._names = set(file.keys())
        self._arrays: dict[tuple[str, str | None], Any] = {}

    def read_foreign(self) -> dict[str, Tensor]:
        """Return the entries of a file that others wrote."""
        return {name: self._maker.make(self._array(name)) for name in sorted(self._names)}

    def read(self, text: str) -> Any:
        """Return the state that `save` wrote."""
        content = structure.parse(text)
        if type(content) is not dict or type(content.get("format")) is not int:
            raise FileFormatError("the description of its structure is damaged")
        if content["format"] > FORMAT:
            raise FileFormatError(
                f"it has format {content['format']}, and this candelabra reads up to {FORMAT}; install a newer one"
            )
        if content.keys() != {"format", "state"} or content["format"] < 1:
            raise FileFormatError("the description of its structure is damaged")
        leaves: dict[str, Callable[[Any], Any]] = {"tensor": self._tensor, "ndarray": self._ndarray}
        scalars = {"dtype": _decode_dtype, "device": self._device, "scalar": _decode_scalar}
        state = structure.Decoder(leaves, scalars).decode(content["state"])
        unused = sorted(self._names - {name for name, _ in self._arrays})
        if unused:
            raise FileFormatError(f"entry {unused[0]!a:.80} is not part of its structure")
        return state

    def _tensor(self, fields: Any) -> Tensor:
        array = self._entry(fields, {"class", "requires_grad", "device"})
        location, kind = fields.get("device"), fields.get("class")
        if not isinstance(location, str | None) or not isinstance(kind, str | None):
            raise FileFormatError("the description of its structure is damaged")
        if fields.get("requires_grad", True) is not True:
            raise FileFormatError("the description of its structure is damaged")
        return self._maker.make(array, location, "requires_grad" in fields, kind, keep_location=True)

    def _device(self, payload: Any, inner: Any) -> Device:
        if type(payload) is not str:
            raise FileFormatError("the description of its structure is damaged")
        return self._maker.device(payload)

    def _ndarray(self, fields: Any) -> Any:
        # A tensor may have borrowed the same memory, and an array of the user's is written to.
        return self._entry(fields, set()).copy()

    def _entry(self, fields: Any, others: set[str]) -> Any:
        """Return the array that the fields of a leaf name."""
        if type(fields) is not dict or not fields.keys() <= {"entry", "dtype", *others}:
            raise FileFormatError("the description of its structure is damaged")
        name, dtype = fields.get("entry"), fields.get("dtype")
        if type(name) is not str or name not in self._names or not isinstance(dtype, str | None):
            raise FileFormatError(f"its structure names entry {name!a:.80}, which is not there")
        return self._array(name, dtype)

    def _array(self, name: str, complex_name: str | None = None) -> Any:
        import numpy as np

        found = self._arrays.get((name, complex_name))
        if found is not None:
            return found
        code = self._file.get_slice(name).get_dtype()
        if code not in _CODES:
            raise FileFormatError(f"entry {name!a:.80} has dtype {code}, which candelabra does not have")
        try:
            array = self._file.get_tensor(name)
        except ValueError as error:
            raise FileFormatError(f"entry {name!a:.80} has a shape that NumPy cannot hold") from error
        if code == "BOOL":
            array = np.asarray(array.view(np.uint8) != 0)  # NumPy takes no other byte than 0 and 1 for a bool
        if complex_name is not None:
            dtype = _DTYPES.get(complex_name)
            if dtype is None or not dtype.is_complex or _CODES[code] is not dtype.to_real() or array.shape[-1:] != (2,):
                raise FileFormatError(f"entry {name!a:.80} does not hold what its structure says")
            array = array.view(host_device().native[dtype]).reshape(array.shape[:-1])
        self._arrays[name, complex_name] = array
        return array


def _decode_dtype(payload: Any, inner: Any) -> dtypes.DType:
    if type(payload) is not str or payload not in _DTYPES:
        raise FileFormatError("it names a dtype that this candelabra does not have")
    return _DTYPES[payload]


def _decode_scalar(payload: Any, inner: Callable[[Any], Any]) -> Any:
    if type(payload) is not list or len(payload) != 2:
        raise FileFormatError("the description of its structure is damaged")
    dtype = _decode_dtype(payload[0], inner)
    value = inner(payload[1])
    if type(value) is not _PYTHON_TYPES[dtype.kind]:
        raise FileFormatError("the description of its structure is damaged")
    try:
        return host_device().native[dtype].type(value)
    except (OverflowError, ValueError) as error:
        raise FileFormatError("a number in it is out of range") from error


class _TensorMaker:
    """Makes tensors from host arrays, on the devices that the caller wants."""

    def __init__(self, map_location: MapLocation) -> None:
        if not (map_location is None or isinstance(map_location, str | Device | Mapping) or callable(map_location)):
            raise ArgumentTypeError(
                "load: map_location must be a device, a mapping of devices or a function, "
                f"got {type(map_location).__name__}"
            )
        self._map_location = map_location
        self._devices: dict[tuple[str, bool], Device] = {}
        self._shared: dict[tuple[int, Device], tuple[Any, Tensor]] = {}

    def from_torch(self, array: Any, location: str, requires_grad: bool, is_parameter: bool) -> Tensor:
        """Return a tensor of a PyTorch checkpoint."""
        kind = "Parameter" if is_parameter and "Parameter" in _tensor_classes else None
        return self.make(array, location, requires_grad, kind)

    def make(
        self,
        array: Any,
        location: str | None = None,
        requires_grad: bool = False,
        kind: str | None = None,
        keep_location: bool = False,
    ) -> Tensor:
        """Return a new handle for an array; several handles for one array share its memory."""
        if kind == "GeneratorState":
            # No data to compute with, and of a dtype that few devices have.
            device = host_device()
        else:
            device = self._place(str(host_device()) if location is None else location, keep_location)
        _, first = self._shared.get((id(array), device), (None, None))
        if first is None:
            first = from_host(array, device=device, copy=False)
            self._shared[id(array), device] = (array, first)
        if requires_grad and not first.dtype.is_differentiable:
            raise FileFormatError(f"a tensor of dtype {first.dtype} in it requires a gradient")
        if kind is not None:
            if kind not in _tensor_classes:
                raise FileFormatError(f"it has a tensor of class {kind!a:.40}, which this candelabra does not know")
            return _tensor_classes[kind][1](first.detach(), requires_grad)
        return first.detach().requires_grad_(requires_grad)

    def device(self, name: str) -> Device:
        """Return a device that is itself part of the state; where there is none such, the one that takes its place."""
        try:
            return Device(name)
        except DeviceError:
            mapped = self._mapped(name)
            if mapped is None:
                raise
            return as_device(mapped)

    def move(self, tensor: Tensor) -> Tensor:
        """Return a tensor, which is somewhere already, where `map_location` wants it."""
        mapped = self._mapped(str(tensor.device))
        return tensor if mapped is None else tensor.to(as_device(mapped))

    def _mapped(self, location: str) -> Any:
        wanted: Any = self._map_location
        if isinstance(wanted, Mapping):
            return next((device for name, device in wanted.items() if str(name) == location), None)
        return wanted if wanted is None or isinstance(wanted, str | Device) else wanted(location)

    def _place(self, location: str, keep_location: bool) -> Device:
        """Return the device for a tensor that was on another, perhaps elsewhere."""
        known = self._devices.get((location, keep_location))
        if known is not None:
            return known
        mapped = self._mapped(location)
        if mapped is not None:
            device = as_device(mapped)
        elif not keep_location:
            device = host_device()
        else:
            try:
                device = as_device(location)
            except DeviceError as error:
                raise DeviceError(
                    f"a tensor was saved on {location!r}: {error}; to load it elsewhere, pass map_location, "
                    "for example map_location='cpu'"
                ) from error
        self._devices[location, keep_location] = device
        return device
