"""One epoch of a loader: in the process itself, or by worker processes that run ahead."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ..core.errors import DataError
from .fetch import Exhausted, length_of, size_error
from .moving import Mover
from .pool import Pool, rebuilt_error

Position = dict[str, Any]
"""Where an epoch stands; what `DataLoader.state_dict` is made of."""


class Fetched(NamedTuple):
    """A batch on its way, or what was raised for it, and where the epoch then stood."""

    moving: Any
    position: Position | None


class Epoch:
    """What both kinds have in common.

    Parameters
    ----------
    indices : iterator
        What is left of the epoch's order, as pairs of a batch's number and its index.
    position : dict
        Where the epoch stands; kept up to date.
    dataset : Dataset
        The caller's one.
    size : int, optional
        The dataset's length, which must not change.
    expected : int, optional
        The number of batches that a length promised; more of them are worth a warning.
    mover : Mover
        Puts the tensors of a batch where they belong.
    """

    def __init__(
        self,
        indices: Iterator[tuple[int, Any]],
        position: Position,
        dataset: Any,
        size: int | None,
        expected: Callable[[], int | None],
        mover: Mover,
    ) -> None:
        self.indices, self.position, self.dataset, self.size = indices, position, dataset, size
        self.expected, self.mover = expected, mover
        # What the loader shows of the place: while a batch is fetched ahead, that of the one before it.
        self.shown = position
        self.fetched: Fetched | None = None
        self.done = False

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        fetched, self.fetched = self.fetched, None
        if fetched is None:
            if self.done:
                raise StopIteration
            fetched = self.fetch_one()
        elif isinstance(fetched.moving, Exception):
            self.show(fetched.position)
            raise fetched.moving
        self.show(fetched.position)
        promised = self.expected()
        if promised is not None and self.shown["batches"] == promised + 1:
            warnings.warn(
                f"DataLoader: the length of the dataset ({type(self.dataset).__name__}) promised {promised} batches, "
                "and more have come; correct its __len__"
                + (", or let each worker give its own share of the stream (get_worker_info)" if self.shared else ""),
                UserWarning,
                stacklevel=2,
            )
        batch = self.mover.finish(fetched.moving)
        if self.is_ready():
            try:
                self.fetched = self.fetch_one()
            except StopIteration:
                pass
            except Exception as error:
                # It is the next batch's.
                self.fetched = Fetched(error, self.place())
        return batch

    def fetch_one(self) -> Fetched:
        """Fetch a batch and begin to move it; raise `StopIteration` at the end."""
        if self.size is not None and length_of(self.dataset) != self.size:
            self.close()
            raise size_error(self.dataset, self.size)
        moving = self.mover.begin(self.next_batch())
        return Fetched(moving, self.place())

    def place(self) -> Position | None:
        """Return where the epoch stands, None where that is shown at once."""
        return None

    def show(self, position: Position | None) -> None:
        """Let the loader show a place."""
        if position is not None:
            self.shown.clear()
            self.shown.update(position)

    def is_ready(self) -> bool:
        """Say whether a batch can be fetched ahead at once."""
        return False

    shared = False

    def next_batch(self) -> Any:
        """Return the next batch, or raise `StopIteration` after `finish`."""
        raise StopIteration

    def finish(self) -> None:
        """Leave the epoch behind."""
        self.close()
        for position in (self.position, self.shown):
            position.clear()
            position.update(batches=0, generator=None)

    def close(self) -> None:
        """Give no more batches; where the epoch stood stays known."""
        self.done, self.fetched = True, None


class SerialEpoch(Epoch):
    """An epoch whose batches are made when they are asked for; it begins with the first."""

    def __init__(self, begin: Callable[[], tuple[Callable[[Any], Any], tuple[Any, ...]]]) -> None:
        self.begin: Any = begin
        self.done = False

    def __next__(self) -> Any:
        if self.begin is not None:
            self.fetch, common = self.begin()
            self.begin = None
            super().__init__(*common)
        return super().__next__()

    def next_batch(self) -> Any:
        """Make the next batch."""
        for _, index in self.indices:
            # One that fails is passed over, should the caller go on.
            self.position["batches"] += 1
            try:
                return self.fetch(index)
            except Exhausted:
                break
            except StopIteration as error:
                raise DataError("DataLoader: the dataset raised StopIteration for a sample") from error
        self.finish()
        raise StopIteration


class ParallelEpoch(Epoch):
    """An epoch whose batches come from workers, several of which are always in the making.

    Batch number n is made by worker n modulo their number, and in a stream by the next worker whose part has not ended:
    which numbers a worker draws never depends on how fast it is. Only ``in_order=False`` gives a batch to whoever has
    time.
    """

    shared = True

    def __init__(
        self, pool: Pool, keeps_pool: bool, prefetch: int, in_order: bool, stream: bool, seed: int, *common: Any
    ) -> None:
        super().__init__(*common)
        self.pool, self.keeps_pool, self.in_order, self.stream = pool, keeps_pool, in_order, stream
        # A stream's end is only known when it is there.
        self.runs_ahead = self.mover.runs_ahead and not stream
        if self.runs_ahead:
            self.position = dict(self.position)
        count = pool.task.num_workers
        self.asked = [0] * count
        self.finishing = False
        resume = self.position.get("workers")
        if resume is None:
            fresh = {"served": 0, "random": None, "dataset": None, "ended": False}
            self.position["workers"] = [dict(fresh) for _ in range(count)]
        self.workers = self.position["workers"]
        self.turn = self.position.get("next", 0)
        self.waiting: dict[int, int] = {}
        self.next = self.position["batches"]
        self.ahead = set(self.position.get("ahead", ()))
        self.show(self.place())
        for lender in pool.lenders:
            lender.pin_for(self.mover.pin)
        pool.begin(self, seed, resume)
        try:
            for _ in range(prefetch):
                for worker in range(count):
                    self.ask(worker)
        except BaseException:
            pool.stop()
            raise

    def place(self) -> Position | None:
        """Return where the epoch stands; what lies in it is replaced, never changed."""
        return {**self.position, "workers": [dict(about) for about in self.workers]} if self.runs_ahead else None

    def is_ready(self) -> bool:
        """Say whether the next batch has come already."""
        return self.runs_ahead and not self.done and any(self.pool.pollers[n](0) for n in self.candidates())

    def ask(self, worker: int) -> None:
        """Let a worker make one more batch, if there is one."""
        if self.stream:
            if not self.workers[worker]["ended"]:
                number = self.workers[worker]["served"] + self.asked[worker]
                self.asked[worker] += 1
                self.pool.ask(worker, number, None)
            return
        for number, index in self.indices:
            if self.in_order:
                worker = number % len(self.asked)
            self.asked[worker] += 1
            self.waiting[number] = worker
            self.pool.ask(worker, number, index)
            return
        if not self.keeps_pool and not self.finishing:
            # They end while the last batches are worked with.
            self.finishing = True
            for each in range(len(self.asked)):
                self.pool.finish(each)

    def next_batch(self) -> Any:
        """Take in the next batch."""
        while candidates := self.candidates():
            try:
                worker, kind, what, rest = self.pool.receive(candidates)
            except BaseException:
                self.done = True
                raise
            self.asked[worker] -= 1
            about = self.workers[worker]
            if kind == "end":
                about["ended"] = True
                if not self.keeps_pool:
                    self.pool.finish(worker)
                self.turn = self.position["next"] = (worker + 1) % len(self.workers)
                continue
            self.pass_over(worker, what)
            self.ask(worker)
            if kind == "error":
                raise rebuilt_error(worker, what, *rest)
            (about["random"], about["dataset"]), batch = rest
            return batch
        self.finish()
        raise StopIteration

    def candidates(self) -> list[int]:
        """Return the workers from which the next batch may come, none at the end."""
        count = len(self.workers)
        if self.stream:
            turns = [(self.turn + i) % count for i in range(count)]
            running = [worker for worker in turns if not self.workers[worker]["ended"]]
            return running[:1] if self.in_order else running
        if not self.waiting:
            return []
        # They are kept in the order in which they were asked for.
        return [next(iter(self.waiting.values()))] if self.in_order else sorted(set(self.waiting.values()))

    def pass_over(self, worker: int, what: int) -> None:
        """Note that a batch has been given."""
        position = self.position
        self.workers[worker]["served"] += 1
        if self.stream:
            position["batches"] += 1
            self.turn = position["next"] = (worker + 1) % len(self.workers)
            return
        del self.waiting[what]
        self.ahead.add(what)
        while self.next in self.ahead:
            self.ahead.discard(self.next)
            self.next += 1
        position["batches"] = self.next
        position["ahead"] = sorted(self.ahead)

    def close(self) -> None:
        """Give no more batches, and let the workers go unless they are kept."""
        super().close()
        if not self.keeps_pool and not self.pool.stopped:
            self.pool.stop()

    def __del__(self) -> None:
        if hasattr(self, "pool"):
            self.close()
