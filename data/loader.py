"""`DataLoader`: batches of a dataset, epoch after epoch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice, repeat
from typing import Any

from ..core import dtypes, ops
from ..core.device import Device, as_device
from ..core.errors import ArgumentError, DataError, StateDictError
from ..core.memory import pinning
from ..core.random_state import Generator, default_generator
from .arguments import (
    as_context,
    check_dataset,
    check_functions,
    check_order,
    check_pinning,
    check_workers,
    choose_pickler,
)
from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .epoch import ParallelEpoch, Position, SerialEpoch
from .fetch import Exhausted, length_of, make_fetcher
from .moving import Mover
from .pool import Pool, Spare, check_may_have_workers, default_context
from .sampler import BatchSampler, RandomSampler, SequentialSampler, check_generator
from .worker import Content, Task

FIXED = frozenset({"batch_sampler", "batch_size", "dataset", "drop_last", "persistent_workers", "sampler"})
PREFETCH = 2
"""How many batches a worker makes ahead, unless told."""
STATE = frozenset({"batches", "generator"})
OPTIONAL_STATE = frozenset({"ahead", "dataset", "next", "seed", "workers"})


class DataLoader:
    """Iterates over a dataset in batches; each `iter` is one epoch.

    Parameters
    ----------
    dataset : Dataset or IterableDataset
        Anything with ``dataset[index]`` and, unless a sampler is given, ``len(dataset)``; or an `IterableDataset`.
    batch_size : int or None
        Samples in a batch; None yields single samples.
    shuffle : bool, optional
        A new random order each epoch.
    sampler : Sampler or iterable, optional
        Gives the indices; excludes `shuffle`.
    batch_sampler : Sampler or iterable, optional
        Gives lists of indices; excludes `batch_size`, `shuffle`, `sampler` and `drop_last`.
    num_workers : int
        How many processes make batches ahead of time; with 0 this one makes them when they are asked for. What they
        make arrives in shared memory, without a copy.
    collate_fn : callable, optional
        Makes a batch of a list of samples; `default_collate` otherwise (`default_convert` without batches).
    pin_memory : bool
        Whether batches that stay on the host lie in pinned memory, from which a device copies by itself. Those of
        `device` come through pinned memory anyway. Where no device takes copies out of it, True says so.
    drop_last : bool
        Leave out the last batch where it is smaller.
    timeout : float
        Seconds to wait for a batch of the workers, 0 for any time.
    worker_init_fn : callable, optional
        Called in each worker with its number, once it has its dataset and its seeds.
    multiprocessing_context : str or context, optional
        How workers are started: ``"forkserver"``, ``"spawn"``, ``"fork"`` or what `multiprocessing.get_context`
        returns. The default is ``"forkserver"``, where there is none ``"spawn"``, unless
        `multiprocessing.set_start_method` has chosen one of these.
    generator : Generator, optional
        Draws the order of a shuffled epoch, and the seed that its workers begin at; the default generator otherwise.
    prefetch_factor : int, optional
        How many batches each worker makes ahead; 2 unless given.
    persistent_workers : bool
        Keep the workers, and their copies of the dataset, from one epoch to the next.
    pin_memory_device : str
        For which device memory is pinned; default: one that is there.
    in_order : bool
        False gives each batch to the worker that has time, and yields batches as they come.
    device : str or Device, optional
        Where the tensors of each batch are put. Where copies can go on beside what the device computes, they do, on a
        stream of their own for which the caller's current stream waits.

    Raises
    ------
    DataError
        The dataset is empty, cannot be indexed, changes its size during an epoch, or (with `num_workers`) cannot be
        sent to another process.
    WorkerError
        A worker died, or no batch came within `timeout`. What a dataset raises in a worker is raised here again, with
        the worker's traceback in its text.
    ArgumentError
        Arguments exclude each other or are out of range.

    Notes
    -----
    In each epoch worker ``i`` begins at the seed ``base_seed + i``, with `base_seed` drawn from `generator`:
    ours, Python's and NumPy's generators, and PyTorch's where it is loaded. BLAS has one thread there. A script that
    uses workers runs what it does below ``if __name__ == "__main__":``, since they import its main module. Functions
    and classes that do not pickle are sent by cloudpickle where that is installed.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.data import DataLoader, TensorDataset
    >>> dataset = TensorDataset(cb.arange(10.0), cb.arange(10))
    >>> for x, y in DataLoader(dataset, batch_size=4):
    ...     print(x.shape, y.tolist())
    (4,) [0, 1, 2, 3]
    (4,) [4, 5, 6, 7]
    (2,) [8, 9]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[list[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
        device: str | Device | None = None,
    ) -> None:
        check_generator("DataLoader", generator)
        check_dataset(dataset)
        check_workers(num_workers, timeout, multiprocessing_context, prefetch_factor, persistent_workers)
        check_order(dataset, batch_size, shuffle, sampler, batch_sampler, drop_last, in_order)
        check_functions(collate_fn=collate_fn, worker_init_fn=worker_init_fn)
        check_pinning(pin_memory, pin_memory_device, device)
        context = as_context(multiprocessing_context, num_workers)
        if num_workers:
            parts = {"dataset": dataset, "collate_fn": collate_fn, "worker_init_fn": worker_init_fn}
            choose_pickler(context or default_context(), num_workers, parts)
        self._stream = isinstance(dataset, IterableDataset)
        # A sampler of the user's may well follow a dataset that grows.
        self._watches = sampler is None and batch_sampler is None and not self._stream
        if batch_sampler is not None:
            batch_size = None
        self._batched = batch_sampler is not None or batch_size is not None
        if self._watches:
            if not hasattr(dataset, "__len__"):
                raise DataError(
                    f"DataLoader: {type(dataset).__name__} has no length; define __len__, or give a sampler"
                )
            sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        if batch_sampler is None and batch_size is not None and not self._stream:
            assert sampler is not None
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.dataset = dataset
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.num_workers = num_workers
        self.collate_fn = collate_fn or (default_collate if self._batched else default_convert)
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = context
        self.generator = generator
        self.prefetch_factor = PREFETCH if num_workers and prefetch_factor is None else prefetch_factor
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self.device = None if device is None else as_device(device)
        self._position: Position = {"batches": 0, "generator": None}
        self._resumed: Position | None = None
        self._promised: int | None = None
        self._pool: Pool | None = None
        self._spare = Spare()
        self._settled = True

    def __setattr__(self, name: str, value: Any) -> None:
        # The batches are laid out already; a change would be lost in silence.
        if name in FIXED and "_settled" in self.__dict__:
            raise ArgumentError(f"DataLoader: {name} cannot be changed; make a new DataLoader with {name}={value!r}")
        super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, Any]:
        # A copy has workers and memory of its own.
        return {**self.__dict__, "_pool": None, "_spare": Spare()}

    def __iter__(self) -> Iterator[Any]:
        if not self.num_workers:
            return SerialEpoch(self._begin_serially)
        check_may_have_workers()
        context = as_context(self.multiprocessing_context, self.num_workers) or default_context()
        common, seed = self._begin()
        pool, kept = self._workers(context)
        # Both may have been set since the loader was made.
        epoch = ParallelEpoch(pool, kept, self.prefetch_factor or PREFETCH, self.in_order, self._stream, seed, *common)
        self._position, self._resumed = common[1], None
        return epoch

    def _begin_serially(self) -> tuple[Callable[[Any], Any], tuple[Any, ...]]:
        common, _ = self._begin()
        fetch = common[-1].making(self._fetcher(common[1]))
        self._position, self._resumed = common[1], None
        return fetch, common

    def _begin(self) -> tuple[tuple[Any, ...], int]:
        """Return what an epoch needs to know, the whole one or what a loaded state left of it, and its seed."""
        order: Any = self.sampler if self.batch_sampler is None else self.batch_sampler
        generator = self._order_generator()
        seeding = default_generator if self.generator is None else self.generator
        resumed = self._resumed
        position: Position = {"batches": 0, "generator": generator.get_state()}
        if resumed:
            position = copy.deepcopy(resumed)
        present = generator.get_state()
        if resumed:
            generator.set_state(resumed["generator"])
        seed = 0
        if not resumed or seeding is generator or (self.num_workers and "seed" not in position):
            # Drawn with and without workers, whose number then changes no order.
            seed = int(ops.randint(0, 2**62, (), generator=seeding))
        if self.num_workers:
            seed = position.setdefault("seed", seed)
        if self._stream:
            indices: Iterator[tuple[int, Any]] = zip(repeat(0), repeat(None))
        else:
            indices = enumerate(order)
        if resumed:
            if not self._stream:
                passed = set(resumed.get("ahead", ()))
                indices = rest_of(indices, resumed["batches"], passed)
            if generator is default_generator:
                # It serves others too, who have restored it for themselves. Samplers draw with their first index.
                indices = chain(list(islice(indices, 1)), indices)
                generator.set_state(present)
        size = length_of(self.dataset) if self._watches else None
        promised = lambda: self._promised if self._stream else None
        return (indices, position, self.dataset, size, promised, self._mover()), seed

    def _mover(self) -> Mover:
        pins = pinning(self.pin_memory_device or None) if self.pin_memory and self.device is None else None
        return Mover(self.device, pins, bool(self.num_workers) or self.collate_fn is default_collate)

    def _fetcher(self, position: Position) -> Callable[[Any], Any]:
        """Return what makes batches in this process."""
        dataset = self.dataset
        if self._stream and position.get("dataset") is not None:
            dataset.load_state_dict(position["dataset"])
        standard = self.collate_fn is default_collate
        fetch = make_fetcher(
            dataset, self.collate_fn, self._batched, self.batch_size, self.drop_last, self._stream, standard
        )
        if self._stream and position.get("dataset") is None:
            try:
                for _ in range(position["batches"]):
                    fetch(None)
            except Exhausted:
                pass  # it will be so again
        return fetch

    def _workers(self, context: Any) -> tuple[Pool, bool]:
        """Return workers for an epoch, and whether they are kept after it."""
        pool = self._pool
        if pool is not None and not pool.stopped and pool.task.num_workers == self.num_workers:
            user = pool.user()
            if user is None or user.done:
                return pool, True
        content = Content(self.dataset, self.collate_fn, self.worker_init_fn)
        pickler = choose_pickler(context, self.num_workers, vars(content))
        task = Task(
            num_workers=self.num_workers,
            batched=self._batched,
            batch_size=self.batch_size,
            drop_last=self.drop_last,
            iterable=self._stream,
            default_collate=self.collate_fn is default_collate,
            default_dtype=dtypes.get_default_dtype().name,
        )
        made = Pool(context, task, content, pickler, self.timeout, self._spare)
        # An epoch beside one that is under way has workers of its own.
        keep = self.persistent_workers and (pool is None or pool.stopped)
        if keep:
            self._pool = made
        return made, keep

    def _order_generator(self) -> Generator:
        inner = getattr(self.batch_sampler, "sampler", None)
        given = (self.generator, *(getattr(s, "generator", None) for s in (self.sampler, self.batch_sampler, inner)))
        return next((g for g in given if isinstance(g, Generator)), default_generator)

    def state_dict(self) -> dict[str, Any]:
        """Return where the latest epoch stands, so that a loader of the same arguments can go on from there.

        Returns
        -------
        dict
            ``"batches"``: how many the epoch has given; ``"generator"``: the generator's state as the epoch began
            (between epochs its present state, or None for the default generator, which is saved by
            `candelabra.get_rng_state`). Samplers that draw from anything else are not replayed. With workers also the
            epoch's seed, and where each worker's generators (ours, Python's, NumPy's) stood after its last batch; with
            ``in_order=False`` who makes a batch depends on time, and so do these.

        Notes
        -----
        An `IterableDataset` that has `state_dict` and `load_state_dict` is asked, in each worker, where its iteration
        stands, and the next `iter` after `load_state_dict` has to go on from there. Any other is run through again up
        to the place.
        """
        position = self._resumed or self._position
        if position["generator"] is None:
            generator = self._order_generator()
            return {"batches": 0, "generator": None if generator is default_generator else generator.get_state()}
        state = copy.deepcopy(position)
        if self._stream and not self.num_workers and self._resumed is None and has_state(self.dataset):
            state["dataset"] = self.dataset.state_dict()
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Let the next epoch be the rest of the one that `state_dict` describes.

        Raises
        ------
        StateDictError
            The state is none of a loader's, has more batches than this loader, or is that of a stream that was read by
            another number of workers.
        """
        if not isinstance(state_dict, Mapping) or not STATE <= set(state_dict) <= STATE | OPTIONAL_STATE:
            raise StateDictError("DataLoader.load_state_dict: a loader's state is a dict of 'batches' and 'generator'")
        state = copy.deepcopy(dict(state_dict))
        batches, drawn = state["batches"], state["generator"]
        count = None if self._stream else self._count()
        if not isinstance(batches, int) or batches < 0 or (count is not None and batches > count):
            raise StateDictError(
                f"DataLoader.load_state_dict: the epoch has given {batches} batches, this loader has "
                f"{'any number' if count is None else count}; make it with the same arguments"
            )
        begun = bool(batches or state.get("ahead") or "seed" in state)
        if begun and drawn is None:
            raise StateDictError("DataLoader.load_state_dict: the state lacks its generator's")
        workers = len(state.get("workers", ()))
        if begun and workers != self.num_workers:
            if self._stream:
                raise StateDictError(
                    f"DataLoader.load_state_dict: the stream was read with num_workers={workers}, and this loader has "
                    f"num_workers={self.num_workers}, among which it would be divided in another way; make them equal"
                )
            # The order is the same whoever makes the batches; what workers draw is not.
            for name in ("workers", "next", "seed"):
                state.pop(name, None)
        generator = self._order_generator()
        if drawn is not None and generator is not default_generator:
            generator.set_state(drawn)
        self._resumed = state if begun else None
        self._position = {"batches": 0, "generator": None}

    def _count(self) -> int | None:
        order: Any = self.sampler if self.batch_sampler is None else self.batch_sampler
        return len(order) if hasattr(order, "__len__") else None

    def __len__(self) -> int:
        if not self._stream:
            order: Any = self.sampler if self.batch_sampler is None else self.batch_sampler
            return len(order)
        samples = len(self.dataset)
        if self.batch_size is not None:
            samples = samples // self.batch_size if self.drop_last else -(-samples // self.batch_size)
        self._promised = samples
        return samples


def rest_of(indices: Iterator[tuple[int, Any]], first: int, passed: set[int]) -> Iterator[tuple[int, Any]]:
    """Return the indices from batch number `first` on, but for those `passed`; the earlier ones are drawn at once."""
    for _ in range(first):
        next(indices, None)
    return (pair for pair in indices if pair[0] not in passed)


def has_state(dataset: Any) -> bool:
    """Say whether a stream knows where it stands."""
    return hasattr(dataset, "state_dict") and hasattr(dataset, "load_state_dict")
