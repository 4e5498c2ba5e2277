"""The checks of a `DataLoader`'s arguments, which come before anything is made."""

from __future__ import annotations

import math
import multiprocessing
import warnings
from multiprocessing.context import BaseContext
from typing import Any

from ..core.errors import ArgumentError, ArgumentTypeError, DataError
from ..core.memory import pinning
from .dataset import IterableDataset
from .fetch import length_of
from .nursery import main_has_a_file
from .sampler import check_count
from .shared_memory import ByReference, Pickler, cloud_pickler, pickled

ENOUGH = 1 << 20
"""Bytes of a dataset's pickle that show whether it pickles, long before an epoch begins."""


class Enough(Exception):
    """So much was pickled that the rest can wait."""


class Discarding:
    """A file that keeps nothing, and ends the pickling once it has seen enough."""

    def __init__(self) -> None:
        self.seen = 0

    def write(self, data: Any) -> int:
        """Return the length of `data`."""
        size = len(data) if isinstance(data, bytes) else memoryview(data).nbytes
        self.seen += size
        if self.seen > ENOUGH:
            raise Enough
        return size


def check_dataset(dataset: Any) -> None:
    """Raise unless `dataset` can be indexed and, where it has a length, is not empty."""
    if isinstance(dataset, IterableDataset):
        return
    if not hasattr(dataset, "__getitem__"):
        kind = "an iterator" if hasattr(dataset, "__next__") else f"of type {type(dataset).__name__}"
        raise DataError(
            f"DataLoader: the dataset is {kind} and cannot be indexed; define __getitem__(index) and __len__, derive "
            "it from IterableDataset, or make a list of it"
        )
    if not isinstance(dataset, dict) and length_of(dataset) == 0:
        raise DataError(
            f"DataLoader: the dataset ({type(dataset).__name__}) is empty; check the path or the filter that it was "
            "made with, and give it at least one sample"
        )


def check_order(
    dataset: Any, batch_size: Any, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: Any, in_order: Any
) -> None:
    """Raise where the arguments that set the order exclude each other."""
    for name, value in (("drop_last", drop_last), ("in_order", in_order), ("shuffle", shuffle or False)):
        if not isinstance(value, bool):
            raise ArgumentTypeError(f"DataLoader: {name}={value!r} is not a bool")
    if isinstance(dataset, IterableDataset):
        given = {"shuffle=True": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
        for name, value in given.items():
            if value is not None:
                raise ArgumentError(
                    f"DataLoader: {name} needs a dataset that is indexed, and {type(dataset).__name__} is an "
                    "IterableDataset, which sets its order itself; shuffle in its __iter__"
                )
    if sampler is not None and shuffle:
        raise ArgumentError("DataLoader: sampler and shuffle=True exclude each other; the sampler sets the order")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ArgumentError(
                "DataLoader: batch_sampler excludes batch_size, shuffle, sampler and drop_last; it sets all of them"
            )
    elif batch_size is None:
        if drop_last:
            raise ArgumentError("DataLoader: drop_last=True needs batches, and batch_size=None yields single samples")
    else:
        check_count("BatchSampler", "batch_size", batch_size)


def check_functions(**functions: Any) -> None:
    """Raise where what should be called cannot be."""
    for name, function in functions.items():
        if function is not None and not callable(function):
            raise ArgumentTypeError(f"DataLoader: {name} is of type {type(function).__name__}, which cannot be called")


def check_workers(
    num_workers: Any, timeout: Any, context: Any, prefetch_factor: Any, persistent_workers: Any
) -> None:
    """Raise where the arguments about worker processes are wrong, or have nothing to act on."""
    if not isinstance(num_workers, int) or isinstance(num_workers, bool):
        raise ArgumentTypeError(f"DataLoader: num_workers={num_workers!r} is not an integer")
    if num_workers < 0:
        raise ArgumentError(f"DataLoader: num_workers={num_workers} is negative; use 0 to load in this process")
    if not isinstance(timeout, (int, float)) or isinstance(timeout, bool):
        raise ArgumentTypeError(f"DataLoader: timeout={timeout!r} is not a number of seconds")
    if timeout < 0 or not math.isfinite(timeout):
        raise ArgumentError(f"DataLoader: timeout={timeout!r} is no time to wait; give seconds, or 0 to wait for ever")
    if not isinstance(persistent_workers, bool):
        raise ArgumentTypeError(f"DataLoader: persistent_workers={persistent_workers!r} is not a bool")
    if num_workers == 0:
        for name, value, default in (
            ("timeout", timeout, 0),
            ("multiprocessing_context", context, None),
            ("prefetch_factor", prefetch_factor, None),
            ("persistent_workers", persistent_workers, False),
        ):
            if value != default:
                raise ArgumentError(
                    f"DataLoader: {name}={value!r} needs worker processes, and num_workers is 0; leave {name} out"
                )
    if prefetch_factor is not None:
        check_count("DataLoader", "prefetch_factor", prefetch_factor)


def as_context(context: Any, num_workers: int) -> Any:
    """Return the multiprocessing context that a loader's argument means."""
    if context is None or num_workers == 0:
        return None
    if isinstance(context, str):
        known = multiprocessing.get_all_start_methods()
        if context not in known:
            raise ArgumentError(
                f"DataLoader: multiprocessing_context={context!r} is no way of starting processes here; use one of "
                f"{', '.join(map(repr, known))}"
            )
        return multiprocessing.get_context(context)
    if not isinstance(context, BaseContext):
        raise ArgumentTypeError(
            "DataLoader: multiprocessing_context is a name or what multiprocessing.get_context(...) returns, not "
            f"{type(context).__name__}"
        )
    return context


def check_pinning(pin_memory: Any, pin_memory_device: Any, device: Any) -> None:
    """Raise where the arguments about pinned memory are wrong, and say where pinning has no effect."""
    if not isinstance(pin_memory, bool):
        raise ArgumentTypeError(f"DataLoader: pin_memory={pin_memory!r} is not a bool")
    if not isinstance(pin_memory_device, str):
        raise ArgumentTypeError(f"DataLoader: pin_memory_device={pin_memory_device!r} is not a device's name")
    wanted = device if device is not None else pin_memory_device or None
    if pin_memory and pinning(wanted) is None:
        where = "no device here takes" if wanted is None else f"device {str(wanted)!r} takes no"
        warnings.warn(
            f"DataLoader: pin_memory=True has no effect: {where} copies out of pinned memory; leave it out",
            UserWarning,
            stacklevel=3,
        )


def choose_pickler(context: Any, num_workers: int, parts: dict[str, Any]) -> Any:
    """Return what pickles a loader's parts for its workers; None where they are inherited.

    Raises
    ------
    DataError
        A part does not pickle; the text names it and the mend.
    """
    if context.get_start_method() == "fork":
        return None
    plain: Any = Pickler if main_has_a_file() else ByReference
    for name, part in parts.items():
        error = failure(part, plain)
        if error is None:
            continue
        if isinstance(error, RuntimeError) and "inheritance" in str(error):
            # A lock or a shared value: such things travel only while a process is started.
            return None
        cloud = cloud_pickler()
        if cloud is not None and all(failure(part, cloud) is None for part in parts.values()):
            return cloud
        mend = "" if cloud is not None else ", install cloudpickle (pip install cloudpickle)"
        raise DataError(
            f"DataLoader: num_workers={num_workers} sends the {name} ({type(part).__name__}) to worker processes, "
            f"but it does not pickle ({type(error).__name__}: {error}); define it at the top level of a module and "
            f"keep lambdas, open files and locks out of it{mend}, or use num_workers=0"
        ) from error
    return plain


def failure(part: Any, kind: Any) -> Exception | None:
    """Return why a part does not pickle, as far as its first megabyte shows."""
    try:
        pickled(part, kind, Discarding())
    except Enough:
        return None
    except Exception as error:
        return error
    return None


