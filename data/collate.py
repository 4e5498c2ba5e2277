"""Collating: from a list of samples to one batch.

This is one of the few files that speak NumPy: a dataset may give NumPy arrays, and a batch of them is stacked on the
host before it becomes a tensor.
"""

from __future__ import annotations

import copy
import dataclasses
import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping, MutableSequence, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core import dtypes, ops
from ..core.device import host_device
from ..core.errors import ArgumentTypeError, DataError
from ..core.host import from_host
from ..core.tensor import Tensor

Room = Callable[[tuple[int, ...], Any], Any]
room: Room | None = None
"""Gives, in a worker, the shared memory to write a batch into; None where it has none for that shape and dtype."""
_thread = threading.local()


@contextmanager
def pinned_room(given: Room) -> Iterator[None]:
    """Let batches that this thread makes inside the block be written into what `given` returns, as into `room`."""
    before = getattr(_thread, "room", None)
    _thread.room = given
    try:
        yield
    finally:
        _thread.room = before


def room_here() -> Room | None:
    """Return what gives the memory to write a batch into, None where any does."""
    return getattr(_thread, "room", None) if room is None else room


# The first kind that a batch has decides its dtype; a bool is also an int, and never stands beside other ints.
NUMBERS = {complex: dtypes.complex128, float: dtypes.float64, bool: dtypes.bool_, int: dtypes.int64}


def default_collate(batch: Sequence[Any]) -> Any:
    """Make one batch of a list of samples.

    ==================================  ===================================================
    samples                             batch
    ==================================  ===================================================
    tensors of one shape                a tensor with a new first axis
    NumPy arrays or NumPy scalars       a tensor of the same dtype with a new first axis
    int, bool, float, complex           a tensor of int64, bool, float64, complex128
    str, bytes                          the list as it is
    mappings                            a mapping of batches, of the same type
    named tuples, dataclasses           the named tuple, the dataclass of batches
    tuples, other sequences             a list (of the same type if not a tuple) of batches
    ==================================  ===================================================

    Parameters
    ----------
    batch : sequence
        The samples, all of one structure.

    Returns
    -------
    object
        The batch.

    Raises
    ------
    DataError
        The samples' shapes, keys or lengths differ; the text names where.
    ArgumentTypeError
        A sample holds something else.

    Examples
    --------
    >>> import candelabra as cb
    >>> batch = cb.data.default_collate([{"x": (0, 1.5), "name": "a"}, {"x": (2, 2.5), "name": "b"}])
    >>> batch["name"], [part.tolist() for part in batch["x"]]
    (['a', 'b'], [[0, 2], [1.5, 2.5]])
    """
    if len(batch) == 0:
        raise DataError("default_collate: the batch is empty; give at least one sample")
    return collate(batch, "sample")


def collate(batch: Sequence[Any], path: str) -> Any:
    """Collate what lies at `path` of each sample."""
    first = batch[0]
    # One type throughout is the common case and quickly seen; what is left in doubt is looked at member by member.
    alike = len(set(map(type, batch))) == 1
    if isinstance(first, (str, bytes)):
        return batch if isinstance(batch, list) else list(batch)
    if isinstance(first, Tensor):
        if not alike or len({member.array.shape for member in batch}) > 1:
            check_members(batch, Tensor, path)
        return tensor_batch(batch)
    if isinstance(first, (np.ndarray, np.generic)):
        if not alike or len({member.shape for member in batch}) > 1:
            check_members(batch, np.ndarray if isinstance(first, np.ndarray) else np.generic, path)
        return numpy_batch(batch, path)
    if isinstance(first, (bool, int, float, complex)):
        if not alike:
            check_numbers(batch, path)
        kinds = set(map(type, batch))
        dtype = next(dtype for kind, dtype in NUMBERS.items() if any(issubclass(k, kind) for k in kinds))
        return ops.asarray(list(batch), dtype=dtype)
    if isinstance(first, Mapping):
        keys = first.keys()
        for i, sample in enumerate(batch):
            if not (alike or isinstance(sample, Mapping)) or sample.keys() != keys:
                found = sorted(map(str, sample)) if isinstance(sample, Mapping) else type(sample).__name__
                raise DataError(
                    f"default_collate: {path} has keys {sorted(map(str, first))} in the first sample of the batch, but "
                    f"in number {i} {found}; give every sample the same keys, or pass collate_fn"
                )
        return rebuilt(first, {key: collate([sample[key] for sample in batch], f"{path}[{key!r}]") for key in first})
    if is_record(first):
        check_records(batch, path)
        return with_fields(
            first, {f: collate([getattr(sample, f) for sample in batch], f"{path}.{f}") for f in fields_of(first)}
        )
    if isinstance(first, Sequence):
        for i, sample in enumerate(batch):
            if not (alike or isinstance(sample, Sequence)) or len(sample) != len(first):
                found = f"{len(sample)}" if isinstance(sample, Sequence) else f"a {type(sample).__name__}"
                raise DataError(
                    f"default_collate: {path} has {len(first)} entries in the first sample of the batch, but number "
                    f"{i} has {found}; make them equal, or pass collate_fn"
                )
        return rebuilt(first, [collate(part, f"{path}[{k}]") for k, part in enumerate(zip(*batch))])
    raise ArgumentTypeError(
        f"default_collate: {path} is of type {type(first).__name__}; a sample holds tensors, NumPy arrays, numbers, "
        "strings, and dicts, tuples, lists and dataclasses of them; pass collate_fn for anything else"
    )


def default_convert(data: Any) -> Any:
    """Convert the NumPy arrays in one sample to tensors, and leave everything else as it is.

    A loader uses it where ``batch_size=None``.

    Parameters
    ----------
    data : object
        A sample.

    Returns
    -------
    object
        The sample, with tensors for NumPy arrays and NumPy scalars. Tuples become lists, as in PyTorch.

    Examples
    --------
    >>> import candelabra as cb
    >>> import numpy as np
    >>> cb.data.default_convert({"x": np.array([1, 2]), "name": "a"})
    {'x': tensor([1, 2]), 'name': 'a'}
    """
    if isinstance(data, (np.ndarray, np.generic)):
        return data if data.dtype.kind in "OSUVMm" else from_host(np.asarray(data))
    if isinstance(data, (Tensor, str, bytes)):
        return data
    if isinstance(data, Mapping):
        return rebuilt(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, Sequence):
        return rebuilt(data, [default_convert(value) for value in data])
    if is_record(data):
        return with_fields(data, {f: default_convert(getattr(data, f)) for f in fields_of(data)})
    return data


def converted(batch: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Return `batch` with `change` applied to every tensor in it."""
    if isinstance(batch, Tensor):
        return change(batch)
    if isinstance(batch, (str, bytes)):
        return batch
    if isinstance(batch, Mapping):
        return rebuilt(batch, {key: converted(value, change) for key, value in batch.items()})
    if isinstance(batch, tuple) and not hasattr(batch, "_fields"):
        return tuple(converted(value, change) for value in batch)
    if isinstance(batch, Sequence):
        return rebuilt(batch, [converted(value, change) for value in batch])
    if is_record(batch):
        return with_fields(batch, {f: converted(getattr(batch, f), change) for f in fields_of(batch)})
    return batch


def rebuilt(like: Any, parts: Any) -> Any:
    """Return `parts`, a dict or a list, as a container of the type of `like` where that can be built."""
    try:
        if isinstance(like, tuple):
            return type(like)(*parts) if hasattr(like, "_fields") else parts
        if isinstance(like, MutableMapping):
            clone: Any = copy.copy(like)
            clone.update(parts)
            return clone
        if isinstance(like, MutableSequence):
            clone = copy.copy(like)
            for i, part in enumerate(parts):
                clone[i] = part
            return clone
        return type(like)(parts)
    except TypeError:
        return parts


def is_record(data: Any) -> bool:
    """Say whether `data` is an instance of a dataclass."""
    return dataclasses.is_dataclass(data) and not isinstance(data, type)


def fields_of(record: Any) -> list[str]:
    """Return the names of a dataclass's fields."""
    return [field.name for field in dataclasses.fields(record)]


def with_fields(record: Any, values: Mapping[str, Any]) -> Any:
    """Return a copy of a dataclass instance with other values, without its checks of single samples."""
    made = copy.copy(record)
    for name, value in values.items():
        object.__setattr__(made, name, value)
    return made


def check_records(batch: Sequence[Any], path: str) -> None:
    """Raise where a sample is of another dataclass than the first."""
    kind = type(batch[0])
    for i, sample in enumerate(batch):
        if type(sample) is not kind:
            raise DataError(
                f"default_collate: {path} is a {kind.__name__} in the first sample of the batch, but in number {i} a "
                f"{type(sample).__name__}; give every sample the same structure, or pass collate_fn"
            )


def check_members(batch: Sequence[Any], kind: Any, path: str) -> None:
    """Raise where a member is of another kind or shape than the first."""
    shape = batch[0].shape
    for i, member in enumerate(batch):
        if not isinstance(member, kind):
            raise DataError(
                f"default_collate: {path} is a {kind.__name__} in the first sample of the batch, but in number {i} a "
                f"{type(member).__name__}; give every sample the same structure, or pass collate_fn"
            )
        if member.shape != shape:
            raise DataError(
                f"default_collate: {path} has shape {tuple(shape)} in the first sample of the batch, but "
                f"{tuple(member.shape)} in number {i}; pad or crop the samples to one shape, or pass collate_fn"
            )


def check_numbers(batch: Sequence[Any], path: str) -> None:
    """Raise where a member is no number, or some are truth values and some are not."""
    truth = isinstance(batch[0], bool)
    for i, member in enumerate(batch):
        if not isinstance(member, (int, float, complex)) or isinstance(member, bool) != truth:
            raise DataError(
                f"default_collate: {path} is of type {type(batch[0]).__name__} in the first sample of the batch, but "
                f"of type {type(member).__name__} in number {i}; give every sample the same structure, or pass "
                "collate_fn"
            )


def numpy_batch(batch: Sequence[Any], path: str) -> Tensor:
    """Stack NumPy arrays or NumPy scalars on the host."""
    dtype = batch[0].dtype
    if dtype.kind in "OSUVMm" and dtype.name != "bfloat16":
        raise ArgumentTypeError(
            f"default_collate: {path} is a NumPy array of dtype {dtype}, which no tensor has; convert it to numbers in "
            "the dataset, or pass collate_fn"
        )
    return from_host(stacked(batch), copy=False)


def stacked(arrays: Sequence[Any]) -> Any:
    """Stack NumPy arrays of one shape, where their reader wants them."""
    first, given = arrays[0], room_here()
    mixed = given is None or len({array.dtype for array in arrays}) > 1
    place = None if mixed or given is None else given((len(arrays), *first.shape), first.dtype)
    if place is None:
        return np.stack(arrays)
    for i, array in enumerate(arrays):
        place[i] = array
    return place


def tensor_batch(batch: Sequence[Tensor]) -> Tensor:
    """Stack tensors of one shape."""
    host = host_device()
    if room_here() is None or any(tensor.device is not host or tensor.node is not None for tensor in batch):
        return ops.stack(list(batch))
    if len({tensor.array.dtype for tensor in batch}) > 1:
        return ops.stack(list(batch))
    return Tensor(stacked([tensor.array for tensor in batch]), host)


def taken(tensor: Tensor, indices: Sequence[int]) -> Tensor:
    """Return the rows of a tensor at `indices`, where their reader wants them."""
    host, given = host_device(), room_here()
    count = tensor.array.shape[0]
    if given is not None and tensor.device is host and tensor.node is None:
        where = np.asarray(indices, dtype=np.int64)
        place = given((len(where), *tensor.array.shape[1:]), tensor.array.dtype)
        if place is not None and where.size and where.min() >= 0 and where.max() < count:
            # The indices are right: any other mode than "clip" makes a second copy.
            np.take(tensor.array, where, axis=0, out=place, mode="clip")
            return Tensor(place, host)
    # A device without int64 holds them by what it has.
    return ops.take(tensor, ops.asarray(indices, dtype=dtypes.int64, device=host).to(tensor.device), axis=0)
