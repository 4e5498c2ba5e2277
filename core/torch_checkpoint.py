"""An inert reader of the zip checkpoints that `torch.save` writes. It needs no PyTorch and runs nothing from the file.

The archive is checked first, then the pickle in it is read (`torch_pickle.py`) into plain values and descriptions of
tensors; only when the whole structure is known to be sound are arrays made.
"""

from __future__ import annotations

import math
import struct
import sys
import zipfile
import zlib
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any, BinaryIO

from . import dtypes
from .device import host_device
from .errors import FileFormatError
from .torch_pickle import DeviceSpec, PickleMachine, StorageSpec, StorageType, TensorSpec

_MAX_DEPTH = 100
_MAX_PICKLE_BYTES = 1 << 28
_NEWEST_VERSION = 10
_UNFINISHED = object()


def read_checkpoint(
    file: BinaryIO, make_tensor: Callable[[Any, str, bool, bool], Any], make_device: Callable[[str], Any]
) -> Any:
    """Read a PyTorch zip checkpoint of tensors and plain values.

    Parameters
    ----------
    file : binary file
        Open for reading, and seekable.
    make_tensor : callable
        Called as ``make_tensor(array, location, requires_grad, is_parameter)`` with a NumPy array in C order and the
        device that PyTorch noted; the same array is handed over again for a tensor that shares all of its memory.

    make_device : callable
        Makes a device from the name that PyTorch has for it.

    Returns
    -------
    object
        The saved object; a `torch.Size` comes back as a tuple.

    Raises
    ------
    FileFormatError
        If the file is damaged or holds anything but tensors and plain values. The text does not name the file.
    """
    archive = _Archive(file)
    described = PickleMachine(archive.read("data.pkl"), archive.describe_storage).run()
    return _Builder(archive, make_tensor, make_device).build(described, 0)


class _Archive:
    """The zip file: members that are stored as they are, each once, under one folder."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._length = file.seek(0, 2)
        try:
            with zipfile.ZipFile(file) as archive:
                members = archive.infolist()
        except Exception as error:  # zipfile raises nearly every kind of error for a damaged directory
            raise FileFormatError(f"it starts like a zip archive but cannot be read as one ({error})") from error
        self._members = {member.filename: member for member in members}
        if len(self._members) != len(members):
            raise FileFormatError("the zip archive holds two members of one name")
        for member in members:
            self._check_member(member)
        if sum(member.file_size for member in members) > self._length:
            raise FileFormatError("the zip archive's members overlap or are cut off")
        roots = [n[: -len("/data.pkl")] for n in self._members if n.endswith("/data.pkl") and n.count("/") == 1]
        if len(roots) != 1:
            raise FileFormatError("it is a zip archive but no PyTorch checkpoint: it has no data.pkl in one folder")
        self._root = roots[0]
        if f"{self._root}/constants.pkl" in self._members:
            raise FileFormatError(
                "it is a TorchScript archive, which holds code; in PyTorch save its state instead: "
                "torch.save(torch.jit.load(path).state_dict(), new_path)"
            )
        version = self.read("version").strip() if f"{self._root}/version" in self._members else b"3"
        if not version.isdigit() or len(version) > 9 or not 1 <= int(version) <= _NEWEST_VERSION:
            raise FileFormatError(
                f"its archive version is {version!r:.40}; candelabra reads versions 1 to {_NEWEST_VERSION}"
            )
        order = self.read("byteorder") if f"{self._root}/byteorder" in self._members else b"little"
        if order not in (b"little", b"big"):
            raise FileFormatError(f"its byte order is {order!r:.40}, neither little nor big")
        self.swapped = order.decode() != sys.byteorder
        data = f"{self._root}/data/"
        self.storage_bytes = sum(m.file_size for name, m in self._members.items() if name.startswith(data))

    @staticmethod
    def _check_member(member: zipfile.ZipInfo) -> None:
        if not 0 <= member.header_offset < 1 << 62:
            raise FileFormatError("the zip archive's directory is damaged")
        if member.orig_filename != member.filename:
            raise FileFormatError(f"member {member.orig_filename!a:.80} of the zip archive has a name that is unsafe")
        if member.flag_bits & 1:
            raise FileFormatError(f"member {member.filename!a:.80} of the zip archive is encrypted")
        if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
            raise FileFormatError(
                f"member {member.filename!a:.80} of the zip archive is compressed, which torch.save never does; "
                "pack the archive again without compression"
            )

    def _locate(self, name: str) -> zipfile.ZipInfo:
        """Seek to a member's bytes, comparing what the archive says about it in two places."""
        member = self._members[f"{self._root}/{name}"]
        self._file.seek(member.header_offset)
        header = self._file.read(30)
        if len(header) != 30 or header[:4] != b"PK\x03\x04":
            raise FileFormatError(f"member {member.filename!a:.80} is not where the zip directory says")
        name_length, extra_length = struct.unpack("<HH", header[26:30])
        encoding = "utf-8" if member.flag_bits & 0x800 else "cp437"
        same_name = self._file.read(name_length) == member.filename.encode(encoding)
        if not same_name or header[8:10] != b"\x00\x00":
            raise FileFormatError(f"member {member.filename!a:.80} is described in two different ways")
        if self._file.seek(extra_length, 1) + member.file_size > self._length:
            raise FileFormatError(f"member {member.filename!a:.80} is cut off")
        return member

    def _read_into(self, name: str, buffer: Any) -> None:
        member = self._locate(name)
        if self._file.readinto(buffer) != member.file_size:  # type: ignore[attr-defined]
            raise FileFormatError(f"member {member.filename!a:.80} is cut off")
        # torch.serialization.set_crc32_options(False) leaves all checksums zero.
        if member.CRC != 0 and zlib.crc32(buffer) != member.CRC:
            raise FileFormatError(f"member {member.filename!a:.80} is damaged: its checksum is wrong")

    def read(self, name: str) -> bytes:
        """Return a small member's bytes."""
        size = self._members[f"{self._root}/{name}"].file_size
        if size > _MAX_PICKLE_BYTES:
            raise FileFormatError(f"its {name} is larger than {_MAX_PICKLE_BYTES >> 20} MiB")
        buffer = bytearray(size)
        self._read_into(name, buffer)
        return bytes(buffer)

    def read_storage(self, key: str, array: Any) -> None:
        """Fill a NumPy array of a storage's size with its bytes."""
        import numpy as np

        self._read_into(f"data/{key}", memoryview(array.reshape(-1).view(np.uint8)))

    def describe_storage(self, persistent_id: Any) -> StorageSpec:
        """Return what a persistent id ``("storage", type, key, location, number of elements)`` describes."""
        if type(persistent_id) is not tuple or len(persistent_id) != 5:
            raise FileFormatError("its pickle names a storage wrongly")
        tag, kind, key, location, count = persistent_id
        if (
            tag != "storage"
            or type(kind) is not StorageType
            or type(key) is not str
            or type(location) is not str
            or type(count) is not int
        ):
            raise FileFormatError("its pickle names a storage wrongly")
        member = self._members.get(f"{self._root}/data/{key}")
        if member is None:
            raise FileFormatError(f"storage {key!a:.80} is not in the archive")
        itemsize = kind.dtype.itemsize if kind.dtype is not None else 1
        if count * itemsize != member.file_size:
            raise FileFormatError(
                f"storage {key!a:.80} has {member.file_size} bytes, which disagrees with its number of elements"
            )
        return StorageSpec(key, kind.dtype, location, member.file_size)


class _Builder:
    """Turns descriptions into the values that the caller gets."""

    def __init__(
        self, archive: _Archive, make_tensor: Callable[[Any, str, bool, bool], Any], make_device: Callable[[str], Any]
    ) -> None:
        self._archive = archive
        self._make_tensor = make_tensor
        self._make_device = make_device
        self._made: dict[int, Any] = {}
        self._storages: dict[str, Any] = {}
        self._arrays: dict[tuple[Any, ...], Any] = {}
        # A stride of zero makes much out of little. There is room for what people save, not for a bomb.
        self._bytes_left = 8 * archive.storage_bytes + (64 << 20)

    def build(self, value: Any, depth: int) -> Any:
        """Return a described value as the caller gets it; what was shared is shared."""
        kind: Any = type(value)
        if value is None or kind in (str, int, float, bool, bytes, complex, bytearray, set, frozenset, dtypes.DType):
            return value
        if kind is DeviceSpec:
            return self._make_device(value.name)
        if depth > _MAX_DEPTH:
            raise FileFormatError(f"it is nested deeper than {_MAX_DEPTH} levels")
        if id(value) in self._made:
            made = self._made[id(value)]
            if made is _UNFINISHED:
                raise FileFormatError("a container in it contains itself")
            return made
        self._made[id(value)] = _UNFINISHED
        if kind is TensorSpec:
            array = self._array(value)
            made = self._make_tensor(array, value.storage.location, value.requires_grad, value.is_parameter)
        elif kind is list or kind is tuple:
            made = kind(self.build(item, depth + 1) for item in value)
        elif kind in (dict, OrderedDict, Counter):
            made = kind()
            for key, item in value.items():
                made[key] = self.build(item, depth + 1)
            if kind is OrderedDict and vars(value):
                made._metadata = self.build(vars(value)["_metadata"], depth + 1)
        else:
            raise FileFormatError("it holds a bare storage or a class, not a tensor or a plain value")
        self._made[id(value)] = made
        return made

    def _array(self, spec: TensorSpec) -> Any:
        """Return the tensor's elements as an array of its own, in C order."""
        import numpy as np

        array = self._arrays.get(spec.window)
        if array is not None:
            return array
        native = host_device().native[spec.dtype]
        nbytes = math.prod(spec.size) * native.itemsize
        self._bytes_left -= nbytes
        if self._bytes_left < 0:
            raise FileFormatError("its tensors are far larger than the memory that it holds for them")
        try:
            array = np.empty(spec.size, native)
        except ValueError as error:
            raise FileFormatError(f"a tensor has an impossible size, {spec.size}") from error
        if nbytes == spec.storage.nbytes and spec.offset == 0 and _is_c_order(spec.size, spec.stride):
            self._archive.read_storage(spec.storage.key, array)
        elif nbytes:
            whole = spec.storage.nbytes // native.itemsize * native.itemsize
            elements = self._bytes(spec.storage)[:whole].view(native)[spec.offset :]
            # The stride of an axis of one element means nothing, and may be too large for NumPy.
            strides = tuple(step * native.itemsize if n > 1 else 0 for n, step in zip(spec.size, spec.stride))
            array[...] = np.lib.stride_tricks.as_strided(elements, spec.size, strides, writeable=False)
        if self._archive.swapped:
            part = native.itemsize // 2 if spec.dtype.is_complex else native.itemsize
            array.reshape(-1).view(f"u{part}").byteswap(inplace=True)
        if spec.dtype is dtypes.bool_:
            array = np.asarray(array.view(np.uint8) != 0)  # NumPy takes no other byte than 0 and 1 for a bool
        if spec.conjugate:
            array = np.asarray(np.conjugate(array))
        if spec.negate:
            array = np.asarray(np.negative(array))
        self._arrays[spec.window] = array
        return array

    def _bytes(self, storage: StorageSpec) -> Any:
        import numpy as np

        found = self._storages.get(storage.key)
        if found is None:
            found = self._storages[storage.key] = np.empty(storage.nbytes, np.uint8)
            self._archive.read_storage(storage.key, found)
        return found


def _is_c_order(size: tuple[int, ...], stride: tuple[int, ...]) -> bool:
    expected = 1
    for n, step in zip(reversed(size), reversed(stride)):
        if n != 1 and step != expected:
            return False
        expected *= n
    return True
