"""Worker processes as their caller sees them: started, spoken to, listened to, and ended whatever happens."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import pickle
import select
import signal
import sys
import time
import weakref
from collections.abc import Iterable, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from ..core.errors import DataError, WorkerError
from . import nursery, worker
from .segment import Segment, receive_message, send_message
from .shared_memory import MOST_SPARE, Lender, Parcel

GRACE = 2.0
"""Seconds in which a worker may finish what it is doing before it is ended by force."""
WATCH = 5.0
"""Seconds after which a silent worker is looked after; a dead one normally closes its connection at once."""
UNGUARDED = 83
"""The exit status of a worker whose import of the main module came to a loader."""
NAME = "candelabra-worker"
GUARD = (
    "DataLoader: a worker process imports the main module, and that came to this loader again, as the script has no "
    'guard; put what it runs below `if __name__ == "__main__":` (functions and classes stay above), or use '
    "num_workers=0"
)


def check_may_have_workers() -> None:
    """Raise where this process cannot have workers; end it where it is one that imports an unguarded main module."""
    current = multiprocessing.current_process()
    if not nursery.importing_main():
        if current.daemon:
            raise DataError(
                f"DataLoader: the process {current.name} is a daemon and cannot have workers of its own; use "
                "num_workers=0 in it"
            )
        return
    if current.name.startswith(NAME):
        # The caller learns it from the status, and says it once.
        os._exit(UNGUARDED)
    if nursery.serving:
        raise nursery.GuardReached
    raise DataError(GUARD)


def default_context() -> Any:
    """Return the way of starting processes that the user has set, if it is none that forks, or else a fork server's."""
    chosen = multiprocessing.get_start_method(allow_none=True)
    if chosen in (None, "fork"):
        chosen = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    return multiprocessing.get_context(chosen)


def ready_server() -> None:
    """Start the fork server with candelabra in it, unless one is running or the user has said what it loads."""
    from multiprocessing import forkserver

    server: Any = forkserver._forkserver  # type: ignore[attr-defined]
    if getattr(server, "_forkserver_pid", None) is not None:
        return
    if getattr(server, "_preload_modules", None) == ["__main__"]:
        forkserver.set_forkserver_preload([f"{__package__}.preload"])
    os.environ[nursery.VARIABLE] = nursery.describe_main()
    try:
        forkserver.ensure_running()
    finally:
        os.environ.pop(nursery.VARIABLE, None)


_ends: weakref.WeakSet[Connection] = weakref.WeakSet()


def close_inherited_ends() -> None:
    """Close a forked process's copies: a worker knows that its caller has gone when all of them are closed."""
    for connection in list(_ends):
        connection.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=close_inherited_ends)


class Workers:
    """The processes and their connections; apart from `Pool`, so that a finalizer can end them."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.processes: list[Any] = []
        self.connections: list[Connection] = []
        self.grace = GRACE

    def stop(self) -> bool:
        """End all workers, those that are idle at once, the others after a while by force; say whether all ended."""
        if os.getpid() != self.owner:
            return False  # a copy in a forked process
        connections, self.connections = self.connections, []
        processes, self.processes = self.processes, []
        for connection in connections:
            try:
                if hasattr(os, "set_blocking") and sys.platform != "win32":
                    # One that is stopped may have its pipe full.
                    os.set_blocking(connection.fileno(), False)
                send_message(connection, ("stop", 0), (), ())
            except (OSError, ValueError):
                pass  # it has ended already
            connection.close()
        deadline = time.monotonic() + self.grace
        for end in ("join", "terminate", "kill"):
            for process in processes:
                if end != "join" and process.is_alive():
                    getattr(process, end)()
            for process in processes:
                process.join(max(0.0, deadline - time.monotonic()))
            deadline = time.monotonic() + 1.0
        ended = [process for process in processes if not process.is_alive()]
        for process in ended:
            process.close()
        return len(ended) == len(processes)


class Spare:
    """Memory that a loader keeps from one epoch to the next: its pages are there already."""

    def __init__(self) -> None:
        self.blocks: list[Segment] = []
        self.parcel: Segment | None = None


class Pool:
    """The workers of one loader.

    Parameters
    ----------
    context : multiprocessing context
        How processes are started.
    task : worker.Task
        What all are told.
    content : worker.Content
        Dataset and functions.
    pickler : type, optional
        Makes the parcel of `content`; None lets the processes inherit it.
    timeout : float
        Seconds to wait for a batch, 0 for any time.
    spare : Spare
        Memory that earlier workers of the loader have left, and where these leave theirs.
    """

    def __init__(
        self,
        context: Any,
        task: worker.Task,
        content: worker.Content,
        pickler: Any,
        timeout: float,
        spare: Spare,
    ) -> None:
        self.task, self.timeout, self.spare = task, timeout, spare
        self.epoch = -1
        self.stopped = False
        self.user: Any = lambda: None
        self.lenders = [Lender() for _ in range(task.num_workers)]
        self.parcel: Segment | None = None
        self.heard = [False] * task.num_workers
        self.workers = Workers()
        self._finalizer = weakref.finalize(self, self.workers.stop)
        try:
            self.start(context, content, pickler)
        except BaseException:
            self.stop()
            raise
        self.pollers = [poller(connection) for connection in self.workers.connections]

    def start(self, context: Any, content: worker.Content, pickler: Any) -> None:
        """Start the processes, then hand each the parcel."""
        used, self.spare.parcel = self.spare.parcel, None
        try:
            parcel = None if pickler is None else Parcel(content, pickler, used)
        except (AttributeError, RecursionError, TypeError, ValueError, pickle.PicklingError) as error:
            raise self.unpicklable(error) from error
        if context.get_start_method() == "forkserver":
            ready_server()
        for number in range(self.task.num_workers):
            here, there = context.Pipe(duplex=True)
            _ends.add(here)
            self.workers.connections.append(here)
            arguments = (there, number, self.task, content if parcel is None else None)
            process = context.Process(target=worker.main, args=arguments, name=f"{NAME}-{number}", daemon=True)
            with there:
                try:
                    process.start()
                except (AttributeError, RecursionError, TypeError, ValueError, pickle.PicklingError) as error:
                    raise self.unpicklable(error) from error
            self.workers.processes.append(process)
        blocks, self.spare.blocks = self.spare.blocks, []
        for number in range(self.task.num_workers):
            if parcel is not None:
                self.send(number, ("parcel", parcel.places, parcel.files), [parcel.segment])
                self.parcel = parcel.segment
            mine = blocks[number :: self.task.num_workers]
            self.lenders[number].blocks.update(enumerate(mine))
            self.send(number, ("blocks", 0), mine)

    def unpicklable(self, error: Exception) -> DataError:
        """Return the error for what cannot be sent to a worker."""
        return DataError(
            f"DataLoader: num_workers={self.task.num_workers} sends the dataset, collate_fn and worker_init_fn to "
            f"worker processes, but something in them does not pickle ({type(error).__name__}: {error}); keep lambdas, "
            "open files and locks out of them, or use num_workers=0"
        )

    def begin(self, user: Any, seed: int, resume: Sequence[Any] | None) -> int:
        """Begin an epoch in all workers and return its number; what was asked for before is forgotten."""
        first = self.epoch < 0
        self.epoch += 1
        self.user = weakref.ref(user)
        for number in range(self.task.num_workers):
            self.send(number, ("epoch", self.epoch, seed, first, None if resume is None else resume[number]))
        return self.epoch

    def ask(self, number: int, batch: int, index: Any) -> None:
        """Ask a worker for a batch, and return the blocks that it may use again."""
        self.send(number, ("batch", self.epoch, batch, index, self.lenders[number].take_returned()))

    def finish(self, number: int) -> None:
        """Let a worker end once it has made what it was asked for."""
        self.send(number, ("finish", 0))

    def send(self, number: int, header: tuple[Any, ...], new: Sequence[Segment] = ()) -> None:
        """Send a message; that a worker has died shows when its answer is wanted."""
        try:
            send_message(self.workers.connections[number], header, (), new)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def receive(self, candidates: Iterable[int]) -> tuple[int, str, int, Any]:
        """Return the next answer of this epoch from one of some workers: who, its kind, which batch, and the rest.

        Raises
        ------
        WorkerError
            A worker has died or is silent for longer than the timeout. The pool is stopped then, as it is where
            something else ends the waiting.
        """
        candidates = list(candidates)
        try:
            while True:
                number = self.wait_for(candidates)
                try:
                    (kind, epoch, *rest), data, new = receive_message(self.workers.connections[number])
                except (EOFError, OSError):
                    raise self.death(number) from None
                self.heard[number] = True
                if kind == "error" and epoch < 0:
                    raise rebuilt_error(number, *rest)
                if kind == "batch":
                    what, state, description = rest
                    # A batch of an epoch that was given up still brings its block back.
                    batch = self.lenders[number].unpack(description, data, new)
                    rest = [what, state, batch]
                    del batch
                if epoch == self.epoch:
                    return number, kind, rest[0], rest[1:]
        except BaseException:
            self.workers.grace = 0.1  # one of them may well hang
            self.stop()
            raise

    def wait_for(self, candidates: list[int]) -> int:
        """Return a worker that has something to say."""
        deadline = time.monotonic() + self.timeout if self.timeout else None
        while True:
            left = WATCH if deadline is None else max(0.0, min(WATCH, deadline - time.monotonic()))
            if len(candidates) == 1:
                number = candidates[0]
                if self.pollers[number](left):
                    return number
            else:
                connections = self.workers.connections
                ready = wait([connections[number] for number in candidates], left)
                if ready:
                    return next(number for number in candidates if connections[number] in ready)
            for number in candidates:
                if not self.workers.processes[number].is_alive() and not self.pollers[number](0):
                    raise self.death(number)
            if deadline is not None and time.monotonic() >= deadline:
                who = f"worker {candidates[0]}" if len(candidates) == 1 else "all workers"
                raise WorkerError(
                    f"DataLoader: timed out: no batch came within timeout={self.timeout:g} seconds from {who} of "
                    f"{self.task.num_workers}; the dataset hangs or is slow: try it with num_workers=0, or raise "
                    "timeout"
                )

    def death(self, number: int) -> Exception:
        """Return the error for a worker that has ended by itself."""
        process = self.workers.processes[number]
        process.join(GRACE)
        status = process.exitcode
        if status == UNGUARDED:
            return WorkerError(GUARD)
        who = f"DataLoader: worker {number} of {self.task.num_workers} (pid {process.pid})"
        if status is not None and status < 0:
            try:
                name = signal.Signals(-status).name
            except ValueError:
                name = f"signal {-status}"
            hint = ""
            if -status == getattr(signal, "SIGKILL", 9):
                hint = "; this is what a system short of memory does: use fewer workers, smaller batches or a lower "
                hint += "prefetch_factor"
            elif -status in (getattr(signal, "SIGSEGV", 11), getattr(signal, "SIGBUS", 7)):
                hint = "; a library that the dataset calls has crashed: find it with num_workers=0"
            return WorkerError(f"{who} was killed by {name}{hint}")
        if not self.heard[number]:
            return WorkerError(
                f"{who} ended with exit status {status} before its first batch; what it printed says why (it imports "
                'the main module, which must run nothing outside `if __name__ == "__main__":`)'
            )
        return WorkerError(
            f"{who} ended with exit status {status}; something in the dataset ends the process (sys.exit, os._exit): "
            "raise an exception instead"
        )

    def stop(self) -> None:
        """End the workers, and keep the memory that no batch holds."""
        if self.stopped:
            return
        self.stopped = True
        if self._finalizer():
            self.spare.parcel = self.parcel
            blocks = [*self.spare.blocks, *(block for lender in self.lenders for block in lender.spare())]
            blocks.sort(key=lambda block: -block.size)
            self.spare.blocks = blocks[: MOST_SPARE * self.task.num_workers]


def poller(connection: Connection) -> Any:
    """Return what waits for a connection for some seconds and says whether there is something to read."""
    if not hasattr(select, "poll") or sys.platform == "win32":
        return connection.poll
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)

    def ready(seconds: float) -> bool:
        return bool(poll.poll(seconds * 1000))

    return ready


class Text(str):
    """A text that a KeyError shows as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def rebuilt_error(number: int, what: int, classes: Sequence[tuple[str, str]], trace: str, why: str) -> Exception:
    """Return a worker's exception, of its own class where that takes a text, with the worker's traceback in it."""
    name = classes[0][1] if classes else "an exception"
    place = f" while it made batch {what}" if what >= 0 else ""
    reason = f": {why}" if why else ""
    text = f"Caught {name} in DataLoader worker {number}{place}{reason}\n\n{trace}"
    for module, path in classes:
        try:
            kind: Any = importlib.import_module(module)
            for part in path.split("."):
                kind = getattr(kind, part)
            if kind in (Exception, BaseException, StopIteration, StopAsyncIteration):
                break
            error = kind(Text(text) if issubclass(kind, KeyError) else text)
        except Exception:  # its class is not to be found here, or wants other arguments: the next more general one
            continue
        if not isinstance(error, Exception):
            break
        if trace not in str(error):
            error.add_note(text)
        return error
    return WorkerError(text)
