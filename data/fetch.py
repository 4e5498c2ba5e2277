"""How a batch is made of a dataset, in the process that trains or in a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from ..core.errors import DataError
from .dataset import batched_getter

Fetch = Callable[[Any], Any]


class Exhausted(Exception):
    """An iterable dataset has come to its end."""


def make_fetcher(
    dataset: Any,
    collate: Callable[[Any], Any],
    batched: bool,
    batch_size: int | None,
    drop_last: bool,
    iterable: bool,
    default: bool,
) -> Fetch:
    """Return what makes the next batch: of an index (of a list of them, in batches), or of a stream's next samples."""
    if iterable:
        return StreamFetcher(dataset, collate, batch_size, drop_last)
    return watched(dataset, map_fetcher(dataset, collate, batched, default))


def map_fetcher(dataset: Any, collate: Callable[[Any], Any], batched: bool, default: bool) -> Fetch:
    """Return what makes a batch of a dataset that is indexed."""
    if not batched:
        return lambda index: collate(dataset[index])
    items = batched_getter(dataset, "__getitems__")

    def fetch(indices: list[Any]) -> Any:
        return collate(items(indices) if items is not None else [dataset[i] for i in indices])

    whole = batched_getter(dataset, "__getbatch__") if default else None
    if whole is None:
        return fetch

    def fetch_whole(indices: list[Any]) -> Any:
        batch = whole(indices)
        return fetch(indices) if batch is NotImplemented else batch

    return fetch_whole


class StreamFetcher:
    """Makes batches of an iterable dataset's next samples."""

    def __init__(self, dataset: Any, collate: Callable[[Any], Any], batch_size: int | None, drop_last: bool) -> None:
        self.samples: Iterator[Any] = iter(dataset)
        self.collate, self.batch_size, self.drop_last = collate, batch_size, drop_last
        self.ended = False

    def __call__(self, index: Any) -> Any:
        if self.ended:
            raise Exhausted
        if self.batch_size is None:
            for sample in self.samples:
                return self.collate(sample)
            raise self.end()
        batch = list(islice(self.samples, self.batch_size))
        if len(batch) < self.batch_size:
            end = self.end()
            if not batch or self.drop_last:
                raise end
        return self.collate(batch)

    def end(self) -> Exhausted:
        """Return the exception for the end; the stream is not asked again."""
        self.ended = True
        return Exhausted()


def watched(dataset: Any, fetch: Fetch) -> Fetch:
    """Return `fetch` with an error of its own for a dataset that has shrunk or grown meanwhile."""
    size = length_of(dataset)
    if size is None:
        return fetch

    def fetch_watched(index: Any) -> Any:
        try:
            batch = fetch(index)
        except (IndexError, KeyError) as error:
            if length_of(dataset) != size:
                raise size_error(dataset, size) from error
            raise
        return batch

    return fetch_watched


def length_of(dataset: Any) -> int | None:
    """Return a dataset's length, None where it has none."""
    if not hasattr(dataset, "__len__"):
        return None
    try:
        return len(dataset)
    except (TypeError, NotImplementedError):
        return None


def size_error(dataset: Any, size: int) -> DataError:
    """Return the error for a dataset whose length is no longer `size`."""
    return DataError(
        f"DataLoader: the dataset ({type(dataset).__name__}) had {size} samples when the epoch began and has "
        f"{length_of(dataset)} now; change it between epochs only, or make it an IterableDataset"
    )
