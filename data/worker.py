"""What a worker process does: it rebuilds the dataset, then makes one batch after the other.

One thread reads what the caller wants, so that the caller is never kept waiting by a batch in the making; it also ends
the process at once when the caller is gone, whatever the dataset is doing then.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import threading
import traceback
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from ..core import dtypes
from ..core.device import set_default_device
from . import collate
from .fetch import Exhausted, make_fetcher
from .seeding import RandomWatch, limit_threads, restore_random_states, seed_all
from .segment import receive_message, send_message
from .shared_memory import Arena, opened


@dataclass(frozen=True)
class WorkerInfo:
    """What `get_worker_info` tells a dataset about the worker process that it runs in.

    Attributes
    ----------
    id : int
        The worker's number, from 0.
    num_workers : int
        How many workers the loader has.
    seed : int
        The seed of this worker's generators in this epoch.
    dataset : Dataset
        This process's copy of the dataset.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """Return which worker of a `DataLoader` this process is; None in the process that trains.

    An `IterableDataset` asks it which part of the stream is its own.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.data.get_worker_info() is None
    True
    """
    return _info


@dataclass
class Task:
    """What every worker of a loader is given; its dataset and functions travel in a parcel of their own."""

    num_workers: int
    batched: bool
    batch_size: int | None
    drop_last: bool
    iterable: bool
    default_collate: bool
    default_dtype: str


@dataclass
class Content:
    """The user's part of the work."""

    dataset: Any
    collate_fn: Callable[[Any], Any]
    worker_init_fn: Callable[[int], None] | None


def main(connection: Connection, number: int, task: Task, content: Content | None) -> None:
    """Run worker `number`; `content` is None where it comes as a parcel."""
    if threading.current_thread() is threading.main_thread():
        # Ctrl-C reaches the whole group; the caller decides what becomes of its workers.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What is forked has the caller's default device, which it may not be able to use, and whatever is entered there.
    set_default_device(None)
    Context().run(Worker(connection, number, task).run, content)


class Worker:
    """One worker process."""

    def __init__(self, connection: Connection, number: int, task: Task) -> None:
        self.connection = connection
        self.number = number
        self.task = task
        self.requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.epoch = -1
        self.stopping = False
        self.arena = Arena()

    def listen(self) -> None:
        """Take in what the caller sends; end the process when the caller ends."""
        try:
            while True:
                request = receive_message(self.connection, private="parcel")
                kind = request[0][0]
                if kind == "stop":
                    self.stopping = True
                elif kind == "epoch":
                    self.epoch = request[0][1]
                self.requests.put(request)
        except BaseException as error:
            if self.stopping:
                return
            if not isinstance(error, (EOFError, ConnectionError)):
                traceback.print_exc()
            # The caller was killed: nobody waits for what this process may still be doing.
            os._exit(1)

    def run(self, content: Content | None) -> None:
        """Serve until the caller says stop."""
        threading.Thread(target=self.listen, name="candelabra-listen", daemon=True).start()
        limit_threads(1)
        dtypes.set_default_dtype(dtypes.as_dtype(self.task.default_dtype))
        if not self.prepare(content):
            return
        collate.room = self.arena.room
        while not self.stopping:
            header, _, segments = self.requests.get()
            kind, epoch, *rest = header
            if kind in ("finish", "stop"):
                return
            if kind == "blocks":
                self.arena.adopt(segments)
                continue
            if kind == "epoch":
                self.start_epoch(*rest)
                continue
            what, index, returned = rest
            self.arena.free.extend(returned)
            if epoch == self.epoch:
                self.serve(epoch, what, index)

    def prepare(self, content: Content | None) -> bool:
        """Rebuild the dataset."""
        if content is None:
            header, _, (segment, *_) = self.requests.get()
            if header[0] == "stop":
                return False
            try:
                _, places, files = header
                content = opened(places, files, segment)
            except BaseException as error:
                self.complain(-1, -1, error, "the dataset, collate_fn or worker_init_fn could not be rebuilt in it")
                return False
        self.content: Content = content  # type: ignore[assignment]
        return True

    def start_epoch(self, seed: int, first: bool, resume: dict[str, Any] | None) -> None:
        """Seed the generators, and stand where a resumed epoch stood."""
        global _info
        content, task = self.content, self.task
        self.broken: BaseException | None = None
        seed_all(seed + self.number)
        _info = WorkerInfo(self.number, task.num_workers, seed + self.number, content.dataset)
        self.fetch: Any = None
        self.size = None
        try:
            if first and content.worker_init_fn is not None:
                content.worker_init_fn(self.number)
            self.random = RandomWatch()
            dataset = content.dataset
            self.stateful = task.iterable and hasattr(dataset, "state_dict") and hasattr(dataset, "load_state_dict")
            served = 0
            if resume is not None and task.iterable:
                served = resume["served"]
                if resume["dataset"] is not None:
                    dataset.load_state_dict(resume["dataset"])
                    served = 0
            self.fetch = make_fetcher(
                dataset, content.collate_fn, task.batched, task.batch_size, task.drop_last, task.iterable,
                task.default_collate,
            )  # fmt: skip
            if resume is not None and resume["ended"]:
                self.fetch = ended
            for _ in range(served):
                self.fetch(None)
            if resume is not None and resume["random"] is not None and (self.stateful or not task.iterable):
                restore_random_states(resume["random"])
        except Exhausted:
            self.fetch = ended
        except BaseException as error:
            if isinstance(error, SystemExit):
                raise
            self.broken = error

    def serve(self, epoch: int, what: int, index: Any) -> None:
        """Make one batch and send it, or say what went wrong."""
        connection, arena = self.connection, self.arena
        try:
            if self.broken is not None:
                raise self.broken
            arena.begin()
            batch = self.fetch(index)
        except Exhausted:
            self.reply(("end", epoch, what))
            return
        except SystemExit:
            raise
        except BaseException as error:
            self.complain(epoch, what, error, "")
            return
        try:
            state = (self.random.now(), self.content.dataset.state_dict() if self.stateful else None)
            arena.send(connection, ("batch", epoch, what, state), batch)
        except (BrokenPipeError, ConnectionResetError):
            self.stopping = True
        except BaseException as error:
            mend = (
                "its batch cannot be sent to the caller; let the dataset and collate_fn return tensors, NumPy arrays, "
                "numbers, text and containers of them, detached from any graph"
            )
            self.complain(epoch, what, error, mend)

    def complain(self, epoch: int, what: int, error: BaseException, why: str) -> None:
        """Send an exception and its traceback."""
        text = "".join(traceback.format_exception(error))
        self.reply(("error", epoch, what, error_classes(error), text, why))

    def reply(self, header: tuple[Any, ...]) -> None:
        try:
            send_message(self.connection, header, (), ())
        except (BrokenPipeError, ConnectionResetError):
            self.stopping = True


def ended(index: Any) -> Any:
    """Fetch from a stream that has ended."""
    raise Exhausted


def error_classes(error: BaseException) -> list[tuple[str, str]]:
    """Return where the classes of an exception are found, the most special one first."""
    found = []
    for kind in type(error).__mro__:
        try:
            pickle.dumps(kind)
        except Exception:  # a class of a function's; the next one in line stands for it
            continue
        found.append((kind.__module__, kind.__qualname__))
    return found
