"""Datasets that are indexed by position, datasets that are streams, and `random_split`."""

from __future__ import annotations

import math
import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Generic, TypeVar

from ..core import ops
from ..core.errors import ArgumentError, ArgumentTypeError, DataError, IndexOutOfRangeError, ShapeError
from ..core.random_state import Generator
from ..core.tensor import Tensor
from .collate import taken

T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """Base of datasets: `__getitem__` gives a sample, `__len__` says how many there are.

    A dataset may also define ``__getitems__(indices)``, which gives the samples of a batch as a list, and
    ``__getbatch__(indices)``, which gives the batch as `default_collate` would have made it; a loader uses the latter
    where its collate function is the default. A subclass that overrides only `__getitem__` is not short-circuited.

    Examples
    --------
    >>> import candelabra as cb
    >>> class Squares(cb.data.Dataset):
    ...     def __len__(self):
    ...         return 4
    ...
    ...     def __getitem__(self, index):
    ...         return index * index
    >>> [batch.tolist() for batch in cb.data.DataLoader(Squares(), batch_size=2)]
    [[0, 1], [4, 9]]
    """

    def __getitem__(self, index: Any) -> T_co:
        raise DataError(f"{type(self).__name__} does not define __getitem__(index), which gives one sample")

    def __add__(self, other: Dataset[Any]) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co]):
    """Base of datasets that are streams: `__iter__` gives one sample after the other.

    Each worker of a loader has its own copy of the dataset and runs through all of it, so `__iter__` asks
    `get_worker_info` which share is its own. A stream that can say where it stands defines ``state_dict()`` and
    ``load_state_dict(state)``, after which the next `iter` goes on from there; a loader resumes by them.

    Examples
    --------
    >>> import candelabra as cb
    >>> class Countdown(cb.data.IterableDataset):
    ...     def __iter__(self):
    ...         worker = cb.data.get_worker_info()
    ...         first, step = (0, 1) if worker is None else (worker.id, worker.num_workers)
    ...         return iter(range(5 - first, 0, -step))
    >>> [batch.tolist() for batch in cb.data.DataLoader(Countdown(), batch_size=2)]
    [[5, 4], [3, 2], [1]]
    """

    def __iter__(self) -> Iterator[T_co]:
        raise DataError(f"{type(self).__name__} does not define __iter__, which gives the samples one after the other")

    def __add__(self, other: Dataset[Any]) -> Any:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Tensors that are indexed together along their first axis.

    Parameters
    ----------
    *tensors : Tensor
        Each of shape (N, ...), with one N for all.

    Raises
    ------
    ShapeError
        The lengths differ, or a tensor is 0-d.

    Examples
    --------
    >>> import candelabra as cb
    >>> dataset = cb.data.TensorDataset(cb.arange(6).reshape((3, 2)), cb.tensor([0.0, 1.0, 2.0]))
    >>> len(dataset), [part.tolist() for part in dataset[1]]
    (3, [[2, 3], 1.0])
    """

    def __init__(self, *tensors: Tensor) -> None:
        if not tensors:
            raise ArgumentError("TensorDataset: no tensors were given; give at least one")
        for tensor in tensors:
            if not isinstance(tensor, Tensor):
                raise ArgumentTypeError(
                    f"TensorDataset: {type(tensor).__name__} is not a Tensor; convert it with candelabra.tensor(...)"
                )
        shapes = [tensor.shape for tensor in tensors]
        if any(len(shape) == 0 for shape in shapes) or len({shape[0] for shape in shapes}) > 1:
            raise ShapeError(
                f"TensorDataset: the tensors have shapes {', '.join(map(str, shapes))}; the length of the first axis "
                "must be the same for all"
            )
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __getbatch__(self, indices: Sequence[int]) -> Any:
        return [taken(tensor, indices) for tensor in self.tensors]

    def __len__(self) -> int:
        return self.tensors[0].shape[0]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} samples of {', '.join(str(t.shape[1:]) for t in self.tensors)})"


class Subset(Dataset[T_co]):
    """Some samples of a dataset, by their indices.

    Parameters
    ----------
    dataset : Dataset
        The whole.
    indices : sequence of int
        Which samples, in which order.

    Examples
    --------
    >>> import candelabra as cb
    >>> part = cb.data.Subset("abcdef", [4, 0])
    >>> len(part), part[0], part[1]
    (2, 'e', 'a')
    """

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        chosen = [self.indices[i] for i in indices]
        getter = batched_getter(self.dataset, "__getitems__")
        return getter(chosen) if getter is not None else [self.dataset[i] for i in chosen]

    def __getbatch__(self, indices: Sequence[int]) -> Any:
        getter = batched_getter(self.dataset, "__getbatch__")
        return NotImplemented if getter is None else getter([self.indices[i] for i in indices])

    def __len__(self) -> int:
        return len(self.indices)


class ConcatDataset(Dataset[Any]):
    """Several datasets one after the other; also ``a + b``.

    Parameters
    ----------
    datasets : iterable of Dataset
        At least one.

    Examples
    --------
    >>> import candelabra as cb
    >>> both = cb.data.ConcatDataset(["ab", "cde"])
    >>> len(both), both[1], both[2], both[-1]
    (5, 'b', 'c', 'e')
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ArgumentError("ConcatDataset: no datasets were given; give at least one")
        for dataset in self.datasets:
            if isinstance(dataset, IterableDataset):
                raise ArgumentTypeError(
                    f"ConcatDataset: {type(dataset).__name__} is an IterableDataset and cannot be indexed; use "
                    "ChainDataset"
                )
        self.cumulative_sizes = list(accumulate(len(dataset) for dataset in self.datasets))

    def __getitem__(self, index: int) -> Any:
        count = len(self)
        if not -count <= index < count:
            raise IndexOutOfRangeError(f"ConcatDataset: index {index} is out of range for length {count}")
        index %= count
        which = bisect_right(self.cumulative_sizes, index)
        start = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][index - start]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


class ChainDataset(IterableDataset[Any]):
    """Several streams one after the other; also ``a + b``.

    Parameters
    ----------
    datasets : iterable of IterableDataset
        The streams; they are opened when their turn comes.

    Raises
    ------
    ArgumentTypeError
        On iterating, one of them is no IterableDataset.

    Examples
    --------
    >>> import candelabra as cb
    >>> class Letters(cb.data.IterableDataset):
    ...     def __init__(self, text):
    ...         self.text = text
    ...
    ...     def __iter__(self):
    ...         return iter(self.text)
    >>> list(Letters("ab") + Letters("c"))
    ['a', 'b', 'c']
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)

    def _streams(self) -> Iterator[Any]:
        for i, dataset in enumerate(self.datasets):
            if not isinstance(dataset, IterableDataset):
                raise ArgumentTypeError(
                    f"ChainDataset: dataset {i} is of type {type(dataset).__name__}, no IterableDataset; use "
                    "ConcatDataset for datasets that are indexed"
                )
            yield dataset

    def __iter__(self) -> Iterator[Any]:
        for dataset in self._streams():
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self._streams())


class StackDataset(Dataset[Any]):
    """Several datasets side by side: a sample is a tuple, or with keywords a dict, of one sample of each.

    Parameters
    ----------
    *args : Dataset
        Datasets of one length; samples are tuples.
    **kwargs : Dataset
        The same by name; samples are dicts. Either or.

    Raises
    ------
    DataError
        The lengths differ.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.data.StackDataset("abc", [1, 2, 3])[1], cb.data.StackDataset(x="abc", y=[1, 2, 3])[2]
    (('b', 2), {'x': 'c', 'y': 3})
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if bool(args) == bool(kwargs):
            given = "both" if args else "neither"
            raise ArgumentError(
                f"StackDataset: give datasets either by position (for tuples) or by name (for dicts), not {given}"
            )
        self.datasets: Any = args or kwargs
        lengths = [len(dataset) for dataset in (args or kwargs.values())]
        if len(set(lengths)) > 1:
            raise DataError(f"StackDataset: the datasets have lengths {lengths}; make them equal, with Subset say")
        self._length = lengths[0]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        named = isinstance(self.datasets, dict)
        columns = []
        for dataset in self.datasets.values() if named else self.datasets:
            getter = batched_getter(dataset, "__getitems__")
            column = [dataset[i] for i in indices] if getter is None else getter(indices)
            if len(column) != len(indices):
                raise DataError(
                    f"StackDataset: __getitems__ of {type(dataset).__name__} gave {len(column)} samples for "
                    f"{len(indices)} indices; give one for each"
                )
            columns.append(column)
        if named:
            return [dict(zip(self.datasets, row)) for row in zip(*columns)]
        return list(zip(*columns))

    def __len__(self) -> int:
        return self._length


def batched_getter(dataset: Any, name: str) -> Callable[[Sequence[int]], Any] | None:
    """Return the dataset's method `name` for whole batches, unless a subclass overrides only `__getitem__`.

    Taking the parent's batch would pass over the override in silence.
    """
    for cls in type(dataset).__mro__:
        if name in cls.__dict__:
            return getattr(dataset, name)
        if "__getitem__" in cls.__dict__:
            return None
    return None


def random_split(dataset: Any, lengths: Sequence[int | float], generator: Generator | None = None) -> list[Subset[Any]]:
    """Split a dataset at random into parts that do not overlap.

    Parameters
    ----------
    dataset : Dataset
        The whole.
    lengths : sequence of int or of float
        The length of each part, or fractions that sum to 1; with fractions each part has the whole number below, and
        the samples left over go to the parts in turn.
    generator : Generator, optional
        Draws the permutation; the default generator otherwise.

    Returns
    -------
    list of Subset

    Raises
    ------
    DataError
        The lengths do not sum to the dataset's, or the fractions to 1.

    Examples
    --------
    >>> import candelabra as cb
    >>> parts = cb.data.random_split(range(10), [0.7, 0.3], generator=cb.Generator().manual_seed(0))
    >>> [len(part) for part in parts]
    [7, 3]
    """
    count = len(dataset)
    total = sum(lengths)
    sizes: list[Any] = list(lengths)
    if math.isclose(total, 1) and total <= 1:
        for i, share in enumerate(lengths):
            if not 0 <= share <= 1:
                raise DataError(f"random_split: fraction {i} is {share}; give fractions in [0, 1]")
        sizes = [math.floor(count * share) for share in lengths]
        for i in range(count - sum(sizes)):
            sizes[i % len(sizes)] += 1
        for i, size in enumerate(sizes):
            if size == 0:
                warnings.warn(f"random_split: part {i} of {count} samples is empty", UserWarning, stacklevel=2)
    elif any(not isinstance(size, int) or size < 0 for size in sizes):
        raise DataError(f"random_split: lengths {sizes} are neither non-negative integers nor fractions that sum to 1")
    if sum(sizes) != count:
        raise DataError(
            f"random_split: the lengths {sizes} sum to {sum(sizes)}, the dataset has {count} samples; make them equal, "
            "or give fractions that sum to 1"
        )
    order: Iterator[int] = iter(ops.randperm(count, generator=generator).tolist())
    return [Subset(dataset, [next(order) for _ in range(int(size))]) for size in sizes]
