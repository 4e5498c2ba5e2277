"""Datasets and functions that workers import by name; `test_workers.py` and its like put this folder on the path."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import time
from collections import namedtuple
from dataclasses import dataclass

import candelabra as cb
import numpy as np
from candelabra.data import Dataset, IterableDataset, get_worker_info

Pair = namedtuple("Pair", "x y")


@dataclass
class Sample:
    image: np.ndarray
    label: int


class Numbered(Dataset):
    """Sample i is an array full of i, and i."""

    def __init__(self, n: int = 10, shape: tuple[int, ...] = (3,)) -> None:
        self.n, self.shape = n, shape

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index):
        return np.full(self.shape, index, dtype=np.float32), index


class Kinds(Numbered):
    def __getitem__(self, index):
        return {
            "pair": Pair(np.full(2, index), float(index)),
            "sample": Sample(np.full((2, 2), index, dtype=np.uint8), index),
            "name": f"n{index}",
            "tensor": cb.full((2,), index, dtype=cb.bfloat16),
            "flag": index % 2 == 0,
            "nested": [index, (index + 1j, b"x")],
        }


class Draws(Numbered):
    """Samples are what the three generators give, and the worker's number."""

    def __getitem__(self, index):
        worker = get_worker_info()
        number = -1 if worker is None else worker.id
        return cb.rand(()).item(), random.random(), np.random.rand(), number, index  # noqa: NPY002


class DefaultDtype(Numbered):
    def __getitem__(self, index):
        return cb.rand(2), index


class About(Numbered):
    """Samples say in which worker they are made."""

    def __getitem__(self, index):
        worker = get_worker_info()
        assert worker.dataset is self and worker.seed == cb.initial_seed()
        return worker.id, worker.num_workers, worker.seed, os.getpid(), cb.get_num_threads()


class Failing(Numbered):
    def __init__(self, error: BaseException | None = None, at: int = 5, n: int = 10) -> None:
        super().__init__(n)
        self.error, self.at = error, at

    def __getitem__(self, index):
        if index == self.at:
            self.fail()
        return index

    def fail(self):
        raise self.error


class OwnError(Exception):
    pass


class DemandingError(ValueError):
    def __init__(self, a, b):
        super().__init__(a, b)


class Demanding(Failing):
    def fail(self):
        raise DemandingError(1, 2)


class LocalError(Failing):
    def fail(self):
        class HiddenError(LookupError):
            pass

        raise HiddenError("lost")


class Dying(Failing):
    def __init__(self, how: str, n: int = 10) -> None:
        super().__init__(n=n)
        self.how = how

    def fail(self):
        if self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.how == "segv":
            os.kill(os.getpid(), signal.SIGSEGV)
        elif self.how == "sys.exit":
            sys.exit(3)
        elif self.how == "os._exit":
            os._exit(4)
        time.sleep(600)


class Slow(Numbered):
    """The batches of worker 0 take their time."""

    def __getitem__(self, index):
        if get_worker_info().id == 0:
            time.sleep(0.2)
        return index


class Odd(Failing):
    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what

    def __getitem__(self, index):
        if index != 5:
            return index
        if self.what == "function":
            return lambda: None
        if self.what == "graph":
            return cb.ones(2, requires_grad=True) * 2
        raise AssertionError(self.what)


class Counter(IterableDataset):
    """0 to n - 1, divided among the workers, or all of it in each."""

    def __init__(self, n: int = 10, divided: bool = True, length: int | None = None) -> None:
        self.n, self.divided, self.length = n, divided, length

    def __iter__(self):
        worker = get_worker_info()
        first, step = (0, 1) if worker is None or not self.divided else (worker.id, worker.num_workers)
        yield from range(first, self.n, step)


class Sized(Counter):
    def __len__(self) -> int:
        return self.length


class Uneven(IterableDataset):
    """Worker i gives i samples more than the last."""

    def __iter__(self):
        worker = get_worker_info()
        yield from (10 * worker.id + i for i in range(1 + 2 * worker.id))


class Drawing(Counter):
    def __iter__(self):
        for number in super().__iter__():
            yield number, random.random(), cb.rand(()).item()


class Breaking(Counter):
    """A stream whose fourth sample is not to be had."""

    def __iter__(self):
        yield from range(3)
        raise OwnError("no fourth")


class Remembering(Counter):
    """A stream that knows where it stands, and how often it was begun."""

    def __init__(self, n: int) -> None:
        super().__init__(n)
        self.at = None
        self.made = 0

    def __iter__(self):
        worker = get_worker_info()
        first, step = (0, 1) if worker is None else (worker.id, worker.num_workers)
        start, self.at = (first if self.at is None else self.at), None
        for number in range(start, self.n, step):
            self.last = number + step
            self.made += 1
            yield number, self.made, cb.rand(()).item()

    def state_dict(self):
        return {"at": self.last}

    def load_state_dict(self, state):
        self.at = state["at"]


class Shared(Numbered):
    """Holds what travels only while a process is started."""

    def __init__(self, context) -> None:
        super().__init__(4)
        self.value = context.Value("i", 0)

    def __getitem__(self, index):
        with self.value.get_lock():
            self.value.value += 1
        return index


class Unrestorable(Numbered):
    def __setstate__(self, state):
        raise RuntimeError("no way back")


class Keeping(Numbered):
    """Keeps what it was given to collate into."""

    kept: list = []

    def collate(self, samples):
        batch = cb.data.default_collate(samples)
        self.kept.append(batch)
        return [*batch, cb.tensor([float(k[0].sum().item()) for k in self.kept])]


class Appendable(Dataset):
    def __init__(self, n: int) -> None:
        self.items = list(range(n))

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


class SelfShrinking(Appendable):
    """Loses samples as it is read, in the worker's own copy."""

    def __getitem__(self, index):
        del self.items[-2:]
        return self.items[index]


def fail_at_start(number: int) -> None:
    raise OwnError(f"init of {number}")


def reseed(number: int) -> None:
    cb.manual_seed(100 + number)


def doubled(samples):
    return [2 * sample for sample in samples]


def stacked_twice(samples):
    """NumPy arrays that lie one in the other."""
    whole = np.stack([x for x, _ in samples])
    return {"whole": whole, "part": whole[:1], "transposed": whole.T, "scalar": np.float32(1), "empty": whole[:0]}


def nested_loader(number: int) -> None:
    list(cb.data.DataLoader(range(3), num_workers=1))


def is_daemon(samples):
    return multiprocessing.current_process().daemon
