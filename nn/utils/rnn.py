"""Sequences of different lengths: padded to one tensor, or packed so that recurrent layers read living steps alone.

Packed, the elements of all sequences stand below each other by time, those of a time by length, the longest sequence
first; `batch_sizes` counts the sequences that are alive at each time.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

from ...core import dtypes, ops
from ...core.device import host_device
from ...core.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from ...core.tensor import Tensor

__all__ = [
    "PackedSequence", "invert_permutation", "pack_padded_sequence", "pack_sequence", "pad_packed_sequence",
    "pad_sequence", "unpack_sequence", "unpad_sequence",
]  # fmt: skip


# Methods of the class below have the names of types.
_Index = int | str | None


class _Fields(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Fields):
    """A batch of packed sequences, as `pack_padded_sequence` and `pack_sequence` make it.

    Attributes
    ----------
    data : Tensor
        The elements (total, ...), by time, and of a time by length.
    batch_sizes : Tensor
        How many sequences are alive at each time; int64, in host memory.
    sorted_indices : Tensor or None
        Where in the batch the sequences stood that are now sorted by length; None where they were sorted.
    unsorted_indices : Tensor or None
        Where they stand now.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn.utils.rnn import pack_sequence
    >>> packed = pack_sequence([cb.tensor([1, 2, 3]), cb.tensor([4, 5])])
    >>> packed.data, packed.batch_sizes
    (tensor([1, 4, 2, 5, 3]), tensor([2, 2, 1]))
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Tensor,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        _tensor("PackedSequence", "data", data)
        if not isinstance(batch_sizes, Tensor):
            raise ArgumentTypeError(
                f"PackedSequence: batch_sizes is a tensor of ints, got {type(batch_sizes).__name__}; "
                "pack_sequence and pack_padded_sequence make one"
            )
        if batch_sizes.device != host_device():
            raise ArgumentError(f"PackedSequence: batch_sizes lies in host memory, not on {str(batch_sizes.device)!r}")
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _with(self, data: Tensor) -> PackedSequence:
        if data is self.data:
            return self
        indices = (None if i is None else i.to(data.device) for i in (self.sorted_indices, self.unsorted_indices))
        return type(self)(data, self.batch_sizes, *indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """Move or cast the data, as `Tensor.to` does; the batch sizes stay in host memory."""
        return self._with(self.data.to(*args, **kwargs))

    def cpu(self) -> PackedSequence:
        """Move the data to the CPU."""
        return self.to("cpu")

    def cuda(self, device: _Index = None) -> PackedSequence:
        """Move the data to a CUDA device."""
        return self.to(f"cuda:{device}" if isinstance(device, int) else device or "cuda")

    def double(self) -> PackedSequence:
        """Cast the data to float64."""
        return self.to(dtypes.float64)

    def float(self) -> PackedSequence:
        """Cast the data to float32."""
        return self.to(dtypes.float32)

    def half(self) -> PackedSequence:
        """Cast the data to float16."""
        return self.to(dtypes.float16)

    def long(self) -> PackedSequence:
        """Cast the data to int64."""
        return self.to(dtypes.int64)

    def int(self) -> PackedSequence:
        """Cast the data to int32."""
        return self.to(dtypes.int32)

    def short(self) -> PackedSequence:
        """Cast the data to int16."""
        return self.to(dtypes.int16)

    def char(self) -> PackedSequence:
        """Cast the data to int8."""
        return self.to(dtypes.int8)

    def byte(self) -> PackedSequence:
        """Cast the data to uint8."""
        return self.to(dtypes.uint8)


def _tensor(operation: str, name: str, value: Any) -> None:
    if not isinstance(value, Tensor):
        raise ArgumentTypeError(f"{operation}: {name} is a tensor, got {type(value).__name__}")


def _lengths(operation: str, lengths: Any) -> list[int]:
    if isinstance(lengths, Tensor):
        if lengths.dtype.kind not in ("signed", "unsigned") or lengths.ndim != 1:
            raise DTypeError(
                f"{operation}: lengths is one int for each sequence, got {lengths.dtype.name} of shape "
                f"{tuple(lengths.shape)}"
            )
        return lengths.tolist()
    try:
        found = [value.__index__() for value in lengths]
    except (TypeError, AttributeError):
        raise ArgumentTypeError(f"{operation}: lengths is a tensor or list of ints, got {lengths!r}") from None
    return found


def _host(values: Sequence[int]) -> Tensor:
    return ops.asarray(list(values), dtype=dtypes.int64, device=host_device())


def _sequences(operation: str, sequences: Any) -> list[Tensor]:
    found = list(ops.unstack(sequences, axis=0)) if isinstance(sequences, Tensor) else sequences
    if not isinstance(found, (list, tuple)) or not all(isinstance(s, Tensor) for s in found):
        raise ArgumentTypeError(f"{operation}: sequences is a list of tensors, got {type(sequences).__name__}")
    if not found:
        raise ArgumentError(f"{operation}: an empty list of sequences was given; at least one is needed")
    for k, sequence in enumerate(found):
        if sequence.ndim == 0 or tuple(sequence.shape[1:]) != tuple(found[0].shape[1:]):
            raise ShapeError(
                f"{operation}: sequence {k} has shape {tuple(sequence.shape)}, but sequence 0 has "
                f"{tuple(found[0].shape)}; they may differ in their first axis alone"
            )
    return list(found)


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """Return the permutation that undoes another, or None for None.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn.utils.rnn import invert_permutation
    >>> invert_permutation(cb.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    return None if permutation is None else ops.argsort(permutation)


def pack_padded_sequence(
    input: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack padded sequences.

    Parameters
    ----------
    input : Tensor
        (T, B, ...), with `batch_first` (B, T, ...).
    lengths : Tensor or sequence of int
        Each sequence's length, from 1 to T.
    batch_first : bool
        Whether the batch is the first axis.
    enforce_sorted : bool
        Whether lengths that do not fall are an error; otherwise the sequences are sorted, and what a recurrent layer
        or `pad_packed_sequence` makes of them comes in the old order.

    Raises
    ------
    ShapeError, ArgumentError
        If the lengths do not fit the padded tensor, or are not sorted.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn.utils.rnn import pack_padded_sequence
    >>> pack_padded_sequence(cb.tensor([[1, 2, 0], [3, 4, 5]]), [2, 3], batch_first=True, enforce_sorted=False).data
    tensor([3, 1, 4, 2, 5])
    """
    name = "pack_padded_sequence"
    _tensor(name, "input", input)
    if input.ndim < 2:
        raise ShapeError(f"{name}: input has a time and a batch axis at least, got shape {tuple(input.shape)}")
    sizes = _lengths(name, lengths)
    time, batch = (input.shape[1], input.shape[0]) if batch_first else (input.shape[0], input.shape[1])
    if len(sizes) != batch:
        raise ShapeError(
            f"{name}: {len(sizes)} lengths for a batch of {batch}, of input {tuple(input.shape)} with "
            f"batch_first={batch_first}"
        )
    if not sizes or min(sizes) < 1 or max(sizes) > time:
        raise ArgumentError(f"{name}: lengths lie between 1 and the {time} steps of the input, got {sizes}")
    if enforce_sorted and any(a < b for a, b in itertools.pairwise(sizes)):
        raise ArgumentError(
            f"{name}: lengths fall while enforce_sorted is True, got {sizes}; pass enforce_sorted=False to have the "
            "sequences sorted"
        )
    order = None if enforce_sorted else sorted(range(batch), key=lambda k: -sizes[k])
    sizes = sizes if order is None else [sizes[k] for k in order]
    alive = ops.less(ops.expand_dims(ops.arange(max(sizes), device=host_device()), axis=1), _host(sizes))
    steps, rows = ops.nonzero(alive)
    if order is not None:
        rows = ops.take(_host(order), rows)
    flat = ops.reshape(input, (time * batch, *tuple(input.shape[2:])))
    places = ops.add(ops.multiply(rows, time), steps) if batch_first else ops.add(ops.multiply(steps, batch), rows)
    data = ops.take(flat, places.to(input.device), axis=0)
    counts = ops.sum(ops.astype(alive, alive.device.whole), axis=1)
    return PackedSequence(data, counts, None if order is None else _host(order).to(input.device))


def living(packed: PackedSequence) -> tuple[int, ...]:
    """Return the batch sizes as ints, checked against the data."""
    if not isinstance(packed, PackedSequence):
        raise ArgumentTypeError(f"a PackedSequence is needed, got {type(packed).__name__}")
    sizes = tuple(packed.batch_sizes.tolist())
    falling = all(a >= b for a, b in itertools.pairwise(sizes))
    if not sizes or sizes[-1] < 1 or not falling or sum(sizes) != packed.data.shape[0]:
        raise ArgumentError(
            f"PackedSequence: batch_sizes {sizes} do not fall to at least 1, or do not sum up to the "
            f"{packed.data.shape[0]} elements of its data"
        )
    return sizes


def spread(data: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Return packed elements (total, ...) as (T, B, ...), in the packed order; dead places hold anything."""
    time, batch = len(sizes), sizes[0]
    if sizes[-1] == batch:
        return ops.reshape(data, (time, batch, *tuple(data.shape[1:])))
    starts = _starts(sizes)
    rows = ops.arange(batch, device=host_device())
    places = ops.add(ops.expand_dims(starts, axis=1), rows)
    dead = ops.greater_equal(rows, ops.expand_dims(_host(sizes), axis=1))
    places = ops.where(dead, ops.zeros_like(places), places)
    flat = ops.take(data, ops.reshape(places, (-1,)).to(data.device), axis=0)
    return ops.reshape(flat, (time, batch, *tuple(data.shape[1:])))


def gather(padded: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Return the living elements (total, ...) of (T, B, ...) in the packed order: `spread` undone."""
    time, batch = len(sizes), sizes[0]
    flat = ops.reshape(padded, (time * batch, *tuple(padded.shape[2:])))
    if sizes[-1] == batch:
        return flat
    alive = ops.less(ops.arange(batch, device=host_device()), ops.expand_dims(_host(sizes), axis=1))
    (places,) = ops.nonzero(ops.reshape(alive, (-1,)))
    return ops.take(flat, places.to(padded.device), axis=0)


def _starts(sizes: tuple[int, ...]) -> Tensor:
    counts = _host(sizes)
    return ops.subtract(ops.cumulative_sum(counts), counts)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """Pad packed sequences: the inverse of `pack_padded_sequence`.

    Parameters
    ----------
    sequence : PackedSequence
        What to pad.
    batch_first : bool
        Whether the result is (B, T, ...) instead of (T, B, ...).
    padding_value : float
        What stands behind a sequence's end.
    total_length : int, optional
        T; otherwise the longest sequence's length.

    Returns
    -------
    tuple of Tensor
        The padded sequences and their lengths (int64, in host memory), in the order before packing.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn.utils.rnn import pack_sequence, pad_packed_sequence
    >>> packed = pack_sequence([cb.tensor([1, 2]), cb.tensor([3, 4, 5])], enforce_sorted=False)
    >>> pad_packed_sequence(packed, batch_first=True)
    (tensor([[1, 2, 0],
            [3, 4, 5]]), tensor([2, 3]))
    """
    name = "pad_packed_sequence"
    sizes = living(sequence)
    longest, batch = len(sizes), sizes[0]
    time = longest if total_length is None else total_length
    if time < longest:
        raise ArgumentError(
            f"{name}: total_length is at least the longest sequence's length, got {total_length} for {longest}"
        )
    host = host_device()
    columns = ops.arange(batch, device=host)
    if sequence.unsorted_indices is not None:
        columns = sequence.unsorted_indices.to(host)
    sizes = (*sizes, *(0,) * (time - longest))
    places = ops.add(ops.expand_dims(_starts(sizes), axis=1), columns)
    alive = ops.less(columns, ops.expand_dims(_host(sizes), axis=1))
    lengths = ops.sum(ops.astype(alive, alive.device.whole), axis=0)
    if batch_first:
        places, alive = ops.matrix_transpose(places), ops.matrix_transpose(alive)
    data = sequence.data
    rest = tuple(data.shape[1:])
    safe = ops.where(alive, places, ops.zeros_like(places))
    found = ops.reshape(
        ops.take(data, ops.reshape(safe, (-1,)).to(data.device), axis=0), (*tuple(places.shape), *rest)
    )
    if time == longest and sizes[-1] == batch:
        return found, lengths
    mask = ops.reshape(alive.to(data.device), (*tuple(places.shape), *(1,) * len(rest)))
    filling = ops.full((), _as(data.dtype, padding_value), dtype=data.dtype, device=data.device)
    return ops.where(mask, found, filling), lengths


def _as(dtype: dtypes.DType, value: float) -> Any:
    return value if dtype.is_differentiable else bool(value) if dtype.kind == "bool" else int(value)


def pad_sequence(
    sequences: Tensor | Sequence[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Stack sequences of different lengths, padded to that of the longest.

    Parameters
    ----------
    sequences : sequence of Tensor
        Of shapes (L, ...) that differ in L alone.
    batch_first : bool
        Whether the result is (B, T, ...) instead of (T, B, ...).
    padding_value : float
        What the padding holds.
    padding_side : {"right", "left"}
        Whether it stands behind the sequences or before them.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn.utils.rnn import pad_sequence
    >>> pad_sequence([cb.tensor([1., 2.]), cb.tensor([3.])], batch_first=True)
    tensor([[1., 2.],
            [3., 0.]])
    """
    name = "pad_sequence"
    if padding_side not in ("right", "left"):
        raise ArgumentError(f"{name}: padding_side is 'right' or 'left', not {padding_side!r}")
    found = _sequences(name, sequences)
    longest = max(s.shape[0] for s in found)
    padded = []
    for s in found:
        missing = longest - s.shape[0]
        if missing:
            side = (0, missing) if padding_side == "right" else (missing, 0)
            s = ops.pad(s, widths=(side, *((0, 0),) * (s.ndim - 1)), value=_as(s.dtype, padding_value))
        padded.append(s)
    return ops.stack(padded, axis=0 if batch_first else 1)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False
) -> list[Tensor]:
    """Take padded sequences apart: the inverse of `pad_sequence`.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn.utils.rnn import unpad_sequence
    >>> unpad_sequence(cb.tensor([[1, 2], [3, 0]]), [2, 1], batch_first=True)
    [tensor([1, 2]), tensor([3])]
    """
    name = "unpad_sequence"
    _tensor(name, "padded_sequences", padded_sequences)
    sizes = _lengths(name, lengths)
    shape = tuple(padded_sequences.shape)
    time, batch = (shape[1::-1] if batch_first else shape[:2]) if len(shape) > 1 else (0, -1)
    if len(sizes) != batch:
        raise ShapeError(f"{name}: {len(sizes)} lengths do not fit {shape} with batch_first={batch_first}")
    if any(not 0 <= size <= time for size in sizes):
        raise ArgumentError(f"{name}: lengths lie between 0 and the {time} steps of the tensor, got {sizes}")
    return [
        padded_sequences[k, :size] if batch_first else padded_sequences[:size, k] for k, size in enumerate(sizes)
    ]


def pack_sequence(sequences: Tensor | Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences of different lengths.

    Parameters
    ----------
    sequences : sequence of Tensor
        Of shapes (L, ...) that differ in L alone.
    enforce_sorted : bool
        As `pack_padded_sequence` has it.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn.utils.rnn import pack_sequence
    >>> pack_sequence([cb.tensor([1, 2]), cb.tensor([3])]).data
    tensor([1, 3, 2])
    """
    found = _sequences("pack_sequence", sequences)
    return pack_padded_sequence(pad_sequence(found), [s.shape[0] for s in found], enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """Take packed sequences apart: the inverse of `pack_sequence`.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn.utils.rnn import pack_sequence, unpack_sequence
    >>> unpack_sequence(pack_sequence([cb.tensor([1, 2]), cb.tensor([3])]))
    [tensor([1, 2]), tensor([3])]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
