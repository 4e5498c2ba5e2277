"""`DataLoader`: batches of a dataset, epoch after epoch."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from ..core.device import Device, as_device
from ..core.errors import ArgumentError, ArgumentTypeError, DataError, StateDictError
from ..core.random_state import Generator, default_generator
from .collate import converted, default_collate, default_convert
from .dataset import batched_getter
from .sampler import BatchSampler, RandomSampler, SequentialSampler, check_generator


class DataLoader:
    """Iterates over a dataset in batches; each `iter` is one epoch.

    Parameters
    ----------
    dataset : Dataset
        Anything with ``dataset[index]`` and, unless a sampler is given, ``len(dataset)``.
    batch_size : int or None
        Samples in a batch; None yields single samples.
    shuffle : bool, optional
        A new random order each epoch.
    sampler : Sampler or iterable, optional
        Gives the indices; excludes `shuffle`.
    batch_sampler : Sampler or iterable, optional
        Gives lists of indices; excludes `batch_size`, `shuffle`, `sampler` and `drop_last`.
    num_workers : int
        Only 0: batches are made in this process.
    collate_fn : callable, optional
        Makes a batch of a list of samples; `default_collate` otherwise (`default_convert` without batches).
    pin_memory : bool
        Accepted; batches are made in ordinary host memory, so it has no effect on the CPU.
    drop_last : bool
        Leave out the last batch where it is smaller.
    timeout, worker_init_fn, multiprocessing_context, prefetch_factor, persistent_workers
        Concern worker processes: only their defaults, but a `worker_init_fn` is accepted and, without workers, not
        called, as in PyTorch.
    generator : Generator, optional
        Draws the order of a shuffled epoch; the default generator otherwise.
    pin_memory_device : str
        Accepted, as `pin_memory`.
    in_order : bool
        Accepted: without workers batches always come in order.
    device : str or Device, optional
        Where the tensors of each batch are put.

    Raises
    ------
    DataError
        The dataset is empty, cannot be indexed, or (with `num_workers`) cannot be sent to another process.
    ArgumentError
        Arguments exclude each other or are out of range.

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
        check_workers(num_workers, {"dataset": dataset, "collate_fn": collate_fn, "worker_init_fn": worker_init_fn})
        for name, value, default in (
            ("timeout", timeout, 0),
            ("multiprocessing_context", multiprocessing_context, None),
            ("prefetch_factor", prefetch_factor, None),
            ("persistent_workers", persistent_workers, False),
        ):
            if value != default:
                raise ArgumentError(
                    f"DataLoader: {name}={value!r} needs worker processes, and num_workers is 0; leave {name} out"
                )
        if sampler is not None and shuffle:
            raise ArgumentError("DataLoader: sampler and shuffle=True exclude each other; the sampler sets the order")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ArgumentError(
                    "DataLoader: batch_sampler excludes batch_size, shuffle, sampler and drop_last; it sets all of them"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ArgumentError("DataLoader: drop_last=True needs batches, and batch_size=None yields single samples")
        if sampler is None and batch_sampler is None:
            if not hasattr(dataset, "__len__"):
                raise DataError(
                    f"DataLoader: {type(dataset).__name__} has no length; define __len__, or give a sampler"
                )
            sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        if batch_sampler is None and batch_size is not None:
            assert sampler is not None
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.dataset = dataset
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.num_workers = num_workers
        self.collate_fn = collate_fn or (default_convert if batch_sampler is None else default_collate)
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.prefetch_factor = prefetch_factor
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self.device = None if device is None else as_device(device)
        self._position: dict[str, Any] = {"batches": 0, "generator": None}
        self._resumed: dict[str, Any] | None = None
        self._settled = True

    def __setattr__(self, name: str, value: Any) -> None:
        # The batches are laid out already; a change would be lost in silence.
        if name in FIXED and "_settled" in self.__dict__:
            raise ArgumentError(f"DataLoader: {name} cannot be changed; make a new DataLoader with {name}={value!r}")
        super().__setattr__(name, value)

    def __iter__(self) -> Iterator[Any]:
        fetch = self._fetcher()
        device = self.device
        indices = self._indices()
        position = self._position
        for index in indices:
            batch = fetch(index)
            position["batches"] += 1
            yield batch if device is None else converted(batch, lambda tensor: tensor.to(device))
        position["batches"] = 0

    def _indices(self) -> Iterator[Any]:
        """Return the indices of an epoch, or what a loaded state left of one."""
        order: Any = self.sampler if self.batch_sampler is None else self.batch_sampler
        generator = self._order_generator()
        resumed = self._resumed
        if resumed is None:
            self._position = {"batches": 0, "generator": generator.get_state()}
            return iter(order)
        self._resumed = None
        self._position = dict(resumed)
        present = generator.get_state()
        generator.set_state(resumed["generator"])
        indices = iter(order)
        for _ in islice(indices, resumed["batches"]):
            pass
        if generator is default_generator:
            # The default generator serves others too, who have restored it for themselves.
            generator.set_state(present)
        return indices

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
            `candelabra.get_rng_state`). Samplers that draw from anything else are not replayed.
        """
        position = self._resumed or self._position
        if position["batches"] == 0:
            generator = self._order_generator()
            return {"batches": 0, "generator": None if generator is default_generator else generator.get_state()}
        return dict(position)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Let the next epoch be the rest of the one that `state_dict` describes.

        Raises
        ------
        StateDictError
            The state is none of a loader's, or has more batches than this loader.
        """
        if not isinstance(state_dict, Mapping) or set(state_dict) != {"batches", "generator"}:
            raise StateDictError("DataLoader.load_state_dict: a loader's state is a dict of 'batches' and 'generator'")
        batches, state = state_dict["batches"], state_dict["generator"]
        order: Any = self.sampler if self.batch_sampler is None else self.batch_sampler
        if not isinstance(batches, int) or batches < 0 or (hasattr(order, "__len__") and batches > len(order)):
            raise StateDictError(
                f"DataLoader.load_state_dict: the epoch has given {batches} batches, this loader has "
                f"{len(order) if hasattr(order, '__len__') else 'any number'}; make it with the same arguments"
            )
        if batches and state is None:
            raise StateDictError("DataLoader.load_state_dict: the state lacks its generator's")
        generator = self._order_generator()
        if state is not None and generator is not default_generator:
            generator.set_state(state)
        self._resumed = {"batches": batches, "generator": state} if batches else None
        self._position = {"batches": 0, "generator": None}

    def __len__(self) -> int:
        order: Any = self.sampler if self.batch_sampler is None else self.batch_sampler
        return len(order)

    def _fetcher(self) -> Callable[[Any], Any]:
        """Return what makes a batch of an index (of a list of them, in batches)."""
        dataset, collate = self.dataset, self.collate_fn
        if self.batch_sampler is None:
            return lambda index: collate(dataset[index])
        items = batched_getter(dataset, "__getitems__")

        def fetch(indices: list[Any]) -> Any:
            return collate(items(indices) if items is not None else [dataset[i] for i in indices])

        whole = batched_getter(dataset, "__getbatch__") if collate is default_collate else None
        if whole is None:
            return fetch

        def fetch_whole(indices: list[Any]) -> Any:
            batch = whole(indices)
            return fetch(indices) if batch is NotImplemented else batch

        return fetch_whole


FIXED = frozenset({"batch_sampler", "batch_size", "dataset", "drop_last", "persistent_workers", "sampler"})


class Discarding:
    """A file that keeps nothing."""

    def write(self, data: Any) -> int:
        """Return the length of `data`."""
        return len(data)


def check_dataset(dataset: Any) -> None:
    """Raise unless `dataset` can be indexed and, where it has a length, is not empty."""
    if not hasattr(dataset, "__getitem__"):
        kind = "an iterator" if hasattr(dataset, "__next__") else f"of type {type(dataset).__name__}"
        raise DataError(
            f"DataLoader: the dataset is {kind} and cannot be indexed; define __getitem__(index) and __len__, or make "
            "a list of it"
        )
    if hasattr(dataset, "__len__") and not isinstance(dataset, dict) and len(dataset) == 0:
        raise DataError(
            f"DataLoader: the dataset ({type(dataset).__name__}) is empty; check the path or the filter that it was "
            "made with, and give it at least one sample"
        )


def check_workers(num_workers: Any, parts: dict[str, Any]) -> None:
    """Raise unless `num_workers` is 0, saying first what could not have been sent to a worker."""
    if not isinstance(num_workers, int) or isinstance(num_workers, bool):
        raise ArgumentTypeError(f"DataLoader: num_workers={num_workers!r} is not an integer")
    if num_workers < 0:
        raise ArgumentError(f"DataLoader: num_workers={num_workers} is negative; use 0 to load in this process")
    if num_workers == 0:
        return
    for name, part in parts.items():
        try:
            pickle.Pickler(Discarding()).dump(part)  # type: ignore[arg-type]
        except Exception as error:
            raise DataError(
                f"DataLoader: num_workers={num_workers} sends the {name} ({type(part).__name__}) to worker processes, "
                f"but it does not pickle ({type(error).__name__}: {error}); define it at the top level of a module and "
                "keep lambdas, open files and locks out of it, or use num_workers=0"
            ) from error
    raise ArgumentError(
        f"DataLoader: num_workers={num_workers} is not available, since this version loads in the training process; "
        "use num_workers=0"
    )
