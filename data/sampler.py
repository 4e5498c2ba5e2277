"""Samplers: in which order a loader asks a dataset for its samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Any, Generic, TypeVar

from ..core import dtypes, ops
from ..core.errors import ArgumentError, ArgumentTypeError, DataError, ShapeError
from ..core.random_state import Generator

T_co = TypeVar("T_co", covariant=True)


class Sampler(Generic[T_co]):
    """Base of samplers: `__iter__` gives indices (or lists of them), `__len__`, where there is one, their number.

    Examples
    --------
    >>> import candelabra as cb
    >>> class Backwards(cb.data.Sampler):
    ...     def __init__(self, data):
    ...         self.data = data
    ...
    ...     def __iter__(self):
    ...         return iter(range(len(self.data) - 1, -1, -1))
    ...
    ...     def __len__(self):
    ...         return len(self.data)
    >>> list(cb.data.DataLoader("abc", batch_size=2, sampler=Backwards("abc")))
    [['c', 'b'], ['a']]
    """

    def __iter__(self) -> Iterator[T_co]:
        raise DataError(f"{type(self).__name__} does not define __iter__, which gives the indices of an epoch")


class SequentialSampler(Sampler[int]):
    """All indices in order.

    Parameters
    ----------
    data_source : Sized
        The dataset, of which only the length is used.

    Examples
    --------
    >>> import candelabra as cb
    >>> list(cb.data.SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Indices at random.

    Parameters
    ----------
    data_source : Sized
        The dataset, of which only the length is used.
    replacement : bool
        Draw each index independently; otherwise every permutation is used up before the next one.
    num_samples : int, optional
        How many indices; the dataset's length otherwise.
    generator : Generator, optional
        Draws them; the default generator otherwise.

    Raises
    ------
    DataError
        There is nothing to draw from.

    Examples
    --------
    >>> import candelabra as cb
    >>> sorted(cb.data.RandomSampler(range(5), generator=cb.Generator().manual_seed(3)))
    [0, 1, 2, 3, 4]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        if not isinstance(replacement, bool):
            raise ArgumentTypeError(f"RandomSampler: replacement={replacement!r} is not a bool")
        if num_samples is not None:
            check_count("RandomSampler", "num_samples", num_samples)
        check_generator("RandomSampler", generator)
        if len(data_source) == 0:
            raise DataError("RandomSampler: the dataset is empty; give one with at least one sample")
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator

    @property
    def num_samples(self) -> int:
        """How many indices an epoch has."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        generator = self.generator
        if generator is None:
            # One draw from the default generator per epoch: what is drawn between two batches leaves the order alone.
            generator = Generator().manual_seed(int(ops.randint(0, 2**62, ())))
        n = len(self.data_source)
        left = self.num_samples
        if self.replacement:
            # In chunks, so that an endless epoch does not have to fit into memory.
            while left > 0:
                size = min(left, 4096)
                yield from ops.randint(0, n, (size,), generator=generator).tolist()
                left -= size
            return
        while left > 0:
            yield from ops.randperm(n, generator=generator).tolist()[:left]
            left -= n

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """Given indices in a random order.

    Parameters
    ----------
    indices : sequence of int
        The indices.
    generator : Generator, optional
        Draws the order; the default generator otherwise.

    Examples
    --------
    >>> import candelabra as cb
    >>> sorted(cb.data.SubsetRandomSampler([7, 2, 5]))
    [2, 5, 7]
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        check_generator("SubsetRandomSampler", generator)
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for i in ops.randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices 0 to ``len(weights) - 1``, each with a probability proportional to its weight.

    Parameters
    ----------
    weights : sequence of float
        Non-negative; they need not sum to one.
    num_samples : int
        How many indices.
    replacement : bool
        Draw each index independently; otherwise none comes twice.
    generator : Generator, optional
        Draws them; the default generator otherwise.

    Examples
    --------
    >>> import candelabra as cb
    >>> list(cb.data.WeightedRandomSampler([0.0, 0.0, 2.5], num_samples=3))
    [2, 2, 2]
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        check_count("WeightedRandomSampler", "num_samples", num_samples)
        if not isinstance(replacement, bool):
            raise ArgumentTypeError(f"WeightedRandomSampler: replacement={replacement!r} is not a bool")
        check_generator("WeightedRandomSampler", generator)
        self.weights = ops.asarray(weights, dtype=dtypes.float64)
        if self.weights.ndim != 1:
            raise ShapeError(f"WeightedRandomSampler: weights have shape {self.weights.shape}; give one axis")
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = ops.multinomial(self.weights, self.num_samples, replacement=self.replacement, generator=self.generator)
        return iter(drawn.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Batches of another sampler's indices.

    Parameters
    ----------
    sampler : Sampler or iterable
        Gives the indices.
    batch_size : int
        How many indices a batch has.
    drop_last : bool
        Leave out the last batch where it is smaller.

    Examples
    --------
    >>> import candelabra as cb
    >>> list(cb.data.BatchSampler(range(5), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        check_count("BatchSampler", "batch_size", batch_size)
        if not isinstance(drop_last, bool):
            raise ArgumentTypeError(f"BatchSampler: drop_last={drop_last!r} is not a bool")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(islice(indices, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield batch

    def __len__(self) -> int:
        count = len(self.sampler)  # type: ignore[arg-type]
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)


class DistributedSampler(Sampler[int]):
    """One replica's share of a dataset, the same length for all of them.

    Parameters
    ----------
    dataset : Sized
        The dataset, of which only the length is used.
    num_replicas : int
        Into how many shares it is divided.
    rank : int
        Which share, from 0.
    shuffle : bool
        A random order, the same for all replicas; `set_epoch` changes it.
    seed : int
        Chooses the orders.
    drop_last : bool
        Leave out what does not divide evenly; otherwise samples from the front come twice.

    Raises
    ------
    ArgumentError
        `num_replicas` or `rank` is missing or out of range: there is no process group to ask.

    Examples
    --------
    >>> import candelabra as cb
    >>> [list(cb.data.DistributedSampler("abcde", num_replicas=2, rank=rank, shuffle=False)) for rank in (0, 1)]
    [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            raise ArgumentError(
                "DistributedSampler: give num_replicas and rank; there is no process group here that knows them"
            )
        check_count("DistributedSampler", "num_replicas", num_replicas)
        if not isinstance(rank, int) or not 0 <= rank < num_replicas:
            raise ArgumentError(f"DistributedSampler: rank={rank!r} is none of 0 to {num_replicas - 1}")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last
        count = len(dataset)
        self.num_samples = count // num_replicas if drop_last else -(-count // num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        count = len(self.dataset)
        order: Sequence[int] = range(count)
        if self.shuffle:
            order = ops.randperm(count, generator=Generator().manual_seed(self.seed + self.epoch)).tolist()
        share = range(self.rank, self.total_size, self.num_replicas)
        return iter([order[i % count] for i in share])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next epoch; call it with the epoch's number before each."""
        self.epoch = epoch


def check_count(owner: str, name: str, value: Any) -> None:
    """Raise unless `value` is a positive integer."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ArgumentTypeError(f"{owner}: {name}={value!r} is not an integer")
    if value <= 0:
        raise ArgumentError(f"{owner}: {name}={value} is not positive")


def check_generator(owner: str, generator: Any) -> None:
    """Raise unless `generator` is a Generator or None."""
    if generator is not None and not isinstance(generator, Generator):
        raise ArgumentTypeError(
            f"{owner}: generator is of type {type(generator).__name__}; give candelabra.Generator().manual_seed(...)"
        )
