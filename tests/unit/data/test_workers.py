"""DataLoader with worker processes: what they give, and that they leave nothing behind."""

from __future__ import annotations

import gc
import multiprocessing
import os
import random
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import candelabra as cb
import numpy as np
import pytest
from candelabra.core.errors import ArgumentError, ArgumentTypeError, DataError
from candelabra.data import DataLoader, Subset, TensorDataset, default_collate

sys.path.insert(0, str(Path(__file__).resolve().parent))

import worker_cases as cases

METHODS = multiprocessing.get_all_start_methods()
BIG = (3, 64, 64)
"""Samples of 48 kB: four of them travel in a segment."""


def left_over() -> set[str]:
    """What may be forgotten: files in shared memory (others may make some, too), and memory that is still mapped."""
    found = {path.name for path in Path("/dev/shm").glob("candelabra*")}
    maps = Path("/proc/self/maps")
    if maps.exists():
        found |= {line.split()[0] for line in maps.read_text().splitlines() if "candelabra" in line}
    return found


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    gc.collect()
    before = left_over()
    yield
    gc.collect()
    deadline = time.monotonic() + 20
    while multiprocessing.active_children() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert multiprocessing.active_children() == []
    assert left_over() <= before


def numbers(loader) -> list:
    return [batch.tolist() for batch in loader]


# What arrives


@pytest.mark.parametrize("method", METHODS)
def test_batches_equal_those_of_one_process(method: str) -> None:
    def make(**kwargs):
        cb.manual_seed(5)
        data = TensorDataset(cb.rand(11, 3), cb.arange(11))
        return DataLoader(data, batch_size=3, shuffle=True, **kwargs)

    ours, theirs = make(num_workers=2, multiprocessing_context=method), make()
    assert len(ours) == 4 and ours.prefetch_factor == 2
    for _ in range(2):
        cb.manual_seed(8)
        left, after = [[t.tolist() for t in batch] for batch in ours], cb.rand(()).item()
        cb.manual_seed(8)
        assert left == [[t.tolist() for t in batch] for batch in theirs]
        assert after == cb.rand(()).item(), "the number of workers changes what is drawn later"


@pytest.mark.parametrize("batch_size", [1, 3, None])
def test_every_kind_of_sample(batch_size) -> None:
    data = cases.Kinds(7)
    pairs = list(zip(DataLoader(data, batch_size, num_workers=2), DataLoader(data, batch_size), strict=True))
    for got, wanted in pairs:
        assert list(got) == list(wanted)
        assert type(got["pair"]) is cases.Pair and type(got["sample"]) is cases.Sample
        assert got["name"] == wanted["name"] and got["tensor"].dtype == cb.bfloat16
        flat = [got["pair"].x, got["sample"].image, got["tensor"]]
        for a, b in zip(flat, [wanted["pair"].x, wanted["sample"].image, wanted["tensor"]], strict=True):
            assert isinstance(a, cb.Tensor) and a.dtype == b.dtype and a.tolist() == b.tolist()
        assert str(got["nested"]) == str(wanted["nested"]) and str(got["flag"]) == str(wanted["flag"])
    assert len(pairs) == {1: 7, 3: 3, None: 7}[batch_size]


@pytest.mark.parametrize("data", [cases.Numbered(21, BIG), TensorDataset(cb.rand(21, *BIG), cb.arange(21))])
def test_large_batches_may_all_be_kept(data) -> None:
    loader = DataLoader(data, batch_size=4, num_workers=2)
    kept = list(loader)
    for (x, y), (a, b) in zip(kept, DataLoader(data, batch_size=4), strict=True):
        assert bool((x == a).all()) and y.tolist() == b.tolist() and x.dtype == a.dtype
    kept[0][0].zero_()
    kept[0][0].add_(5)
    assert kept[0][0].sum().item() == 5 * int(kept[0][0].size)
    again = list(loader)
    assert bool((again[1][0] == kept[1][0]).all()) and bool((again[0][0] != kept[0][0]).any())


def test_a_batch_is_not_overwritten_by_later_ones() -> None:
    seen = []
    for x, _ in DataLoader(cases.Numbered(80, BIG), batch_size=2, num_workers=2):
        if len(seen) % 9 == 0:
            seen.append((x, x.sum().item()))
        else:
            seen.append((x[1:], x[1:].sum().item()))
        if len(seen) > 6:
            del seen[2]
        assert all(tensor.sum().item() == total for tensor, total in seen)


def test_writing_in_place_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for x, _ in DataLoader(cases.Numbered(4, BIG), batch_size=4, num_workers=1):
            x /= 2
            x.zero_()
            assert x.sum().item() == 0


def test_arrays_of_a_collate_fn() -> None:
    for batch, first in zip(
        DataLoader(cases.Numbered(8, BIG), batch_size=4, num_workers=1, collate_fn=cases.stacked_twice), (0, 4)
    ):
        whole = batch["whole"]
        assert isinstance(whole, np.ndarray) and whole.shape == (4, *BIG) and whole[3, 0, 0, 0] == first + 3
        assert (batch["transposed"] == whole.T).all() and (batch["part"] == whole[:1]).all()
        assert batch["scalar"] == 1 and batch["empty"].shape == (0, *BIG)
        whole += 1  # it is the caller's to write
        assert whole[0, 0, 0, 0] == first + 1 and batch["part"][0, 0, 0, 0] == first


def test_a_worker_that_keeps_its_batches_keeps_them() -> None:
    data = cases.Keeping(24, BIG)
    sums = []
    for i, (x, _, totals) in enumerate(DataLoader(data, batch_size=2, num_workers=1, collate_fn=data.collate)):
        sums.append(x.sum().item())
        assert totals.tolist() == sums, i


def test_device_and_collate_fn() -> None:
    for x, y in DataLoader(cases.Numbered(4), batch_size=2, num_workers=1, device="cpu"):
        assert x.device == y.device == cb.device("cpu")
    loader = DataLoader(range(5), batch_size=2, num_workers=2, collate_fn=cases.doubled)
    assert list(loader) == [[0, 2], [4, 6], [8]]
    assert list(DataLoader(range(2), num_workers=1, collate_fn=cases.is_daemon)) == [True, True]


def test_order_lengths_and_samplers() -> None:
    assert numbers(DataLoader(range(7), 3, drop_last=True, num_workers=2)) == [[0, 1, 2], [3, 4, 5]]
    assert numbers(DataLoader(range(9), 2, sampler=[8, 1, 4], num_workers=2)) == [[8, 1], [4]]
    assert numbers(DataLoader(range(9), batch_sampler=[[3], [4, 5]], num_workers=3)) == [[3], [4, 5]]
    assert numbers(DataLoader(Subset(range(9), [4, 2]), 5, num_workers=2)) == [[4, 2]]
    assert list(DataLoader({"a": 1, "b": 2}, batch_size=None, sampler=["b", "a"], num_workers=2)) == [2, 1]
    assert numbers(DataLoader(range(10_000), 5_000, sampler=range(10_000), num_workers=1))[1][0] == 5_000


@pytest.mark.parametrize("prefetch", [1, 5])
def test_slow_workers_do_not_change_the_order(prefetch: int) -> None:
    loader = DataLoader(cases.Slow(9), 1, num_workers=2, prefetch_factor=prefetch)
    assert numbers(loader) == [[i] for i in range(9)]


def test_out_of_order() -> None:
    found = numbers(DataLoader(cases.Slow(12), 1, num_workers=2, in_order=False))
    assert sorted(found) == [[i] for i in range(12)] != found


def test_two_epochs_at_once() -> None:
    for persistent in (False, True):
        loader = DataLoader(range(4), 2, num_workers=1, persistent_workers=persistent)
        assert [(a.tolist(), b.tolist()) for a, b in zip(loader, loader)] == [([0, 1], [0, 1]), ([2, 3], [2, 3])]


# Workers and their seeds


def test_worker_info_and_seeds() -> None:
    loader = DataLoader(cases.About(8), 1, num_workers=2, persistent_workers=True)
    seeds, processes = [], set()
    for _ in range(2):
        rows = [[part.item() for part in batch] for batch in loader]
        assert [row[0] for row in rows] == [0, 1] * 4 and {row[1] for row in rows} == {2}
        assert {row[2] - row[0] for row in rows} == {rows[0][2]}
        assert {row[4] for row in rows} == {1}, "BLAS has more than one thread"
        seeds.append(rows[0][2])
        processes |= {row[3] for row in rows}
    assert len(processes) == 2 and os.getpid() not in processes, "workers were not kept"
    assert seeds[0] != seeds[1]
    assert cb.data.get_worker_info() is None


@pytest.mark.parametrize("persistent", [False, True])
def test_draws_in_workers_follow_the_seed(persistent: bool) -> None:
    def epochs(seed: int, **kwargs):
        cb.manual_seed(seed)
        loader = DataLoader(cases.Draws(12), 2, num_workers=2, persistent_workers=persistent, **kwargs)
        return [[[t.tolist() for t in batch] for batch in loader] for _ in range(2)]

    random.seed(3)
    one = epochs(1)
    random.seed(4)
    assert one == epochs(1) != epochs(2)
    assert one[0] != one[1]
    draws = [value for epoch in one for batch in epoch for kind in batch[:3] for value in kind]
    assert len(set(draws)) == len(draws), "two workers, or two epochs, drew the same"
    chosen = epochs(1, worker_init_fn=cases.reseed)
    assert chosen[0][0][0] == [cb.manual_seed(100) and cb.rand(()).item() for _ in range(1)] + [cb.rand(()).item()]


def test_the_generator_gives_the_seed() -> None:
    def draw(seed: int):
        generator = cb.Generator().manual_seed(seed)
        loader = DataLoader(cases.Draws(6), 2, shuffle=True, num_workers=2, generator=generator)
        return [[t.tolist() for t in batch] for batch in loader]

    assert draw(1) == draw(1) != draw(2)


def test_workers_have_the_callers_default_dtype() -> None:
    cb.set_default_dtype(cb.float64)
    for workers in (0, 1):
        draws, *_ = next(iter(DataLoader(cases.DefaultDtype(2), num_workers=workers)))
        assert draws.dtype == cb.float64


def test_a_dataset_may_hold_shared_values() -> None:
    context = multiprocessing.get_context("spawn")
    data = cases.Shared(context)
    assert numbers(DataLoader(data, 2, num_workers=2, multiprocessing_context=context)) == [[0, 1], [2, 3]]
    assert data.value.value == 4


# Streams


def test_a_stream_is_divided() -> None:
    for workers in (0, 1, 2, 3):
        found = numbers(DataLoader(cases.Counter(11), 2, num_workers=workers))
        assert sorted(i for batch in found for i in batch) == list(range(11)), workers
    assert numbers(DataLoader(cases.Counter(7), 2, num_workers=2)) == [[0, 2], [1, 3], [4, 6], [5]]
    assert numbers(DataLoader(cases.Counter(7), 2, num_workers=2, drop_last=True)) == [[0, 2], [1, 3], [4, 6]]
    assert list(DataLoader(cases.Counter(4), None, num_workers=2)) == [0, 1, 2, 3]
    assert sorted(numbers(DataLoader(cases.Counter(4), 1, num_workers=2, in_order=False))) == [[0], [1], [2], [3]]
    assert list(DataLoader(cases.Counter(0), num_workers=2)) == []


def test_parts_of_different_length() -> None:
    found = list(DataLoader(cases.Uneven(), None, num_workers=3, persistent_workers=True))
    assert found == [0, 10, 20, 11, 21, 12, 22, 23, 24]
    loader = DataLoader(cases.Uneven(), None, num_workers=3, persistent_workers=True)
    assert [list(loader) for _ in range(3)] == [found] * 3


def test_a_stream_with_a_wrong_length() -> None:
    loader = DataLoader(cases.Sized(6, divided=False, length=4), 2, num_workers=2)
    assert len(loader) == 2
    with pytest.warns(UserWarning, match=r"promised 2 batches, and more have come.*get_worker_info"):
        assert len(list(loader)) == 6
    serial = DataLoader(cases.Sized(6, length=4), 2, drop_last=True)
    assert len(serial) == 2
    with pytest.warns(UserWarning, match="promised 2 batches, and more have come; correct its __len__"):
        assert len(list(serial)) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [len(batch) for batch in iter(DataLoader(cases.Sized(6, length=4), 2))] == [2, 2, 2]


# Leaving early, and often


def test_an_iterator_is_dropped_in_the_middle() -> None:
    for persistent in (False, True):
        loader = DataLoader(cases.Numbered(40, BIG), 4, num_workers=2, persistent_workers=persistent)
        for batch in loader:
            assert batch[0][3, 0, 0, 0].item() == 3
            break
        assert [int(y[0]) for _, y in loader] == list(range(0, 40, 4))
        iterator = iter(loader)
        next(iterator)
        del iterator
    del loader, batch


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="needs /proc")
@pytest.mark.parametrize("persistent", [False, True])
def test_nothing_grows_over_epochs(persistent: bool) -> None:
    loader = DataLoader(cases.Numbered(24, BIG), 4, num_workers=2, persistent_workers=persistent)
    counts = []
    for _ in range(8):
        for _x, _y in loader:
            pass
        gc.collect()
        counts.append((open_files(), len(left_over()), len(blocks_of(loader))))
    # Three blocks for each worker are in use; a fourth where one was late.
    assert max(blocks for *_, blocks in counts) <= 8, counts
    assert max(files for files, *_ in counts) <= counts[0][0] + 2 * 8, counts
    assert max(maps for _, maps, _ in counts) <= counts[0][1] + 8, counts


def blocks_of(loader) -> list:
    """The memory that a loader holds."""
    pool = loader._pool
    return [*loader._spare.blocks, *([] if pool is None else [b for own in pool.lenders for b in own.blocks])]


@pytest.mark.parametrize("persistent", [False, True])
def test_memory_is_used_again(persistent: bool) -> None:
    data = TensorDataset(cb.rand(24, *BIG), cb.arange(24))
    loader = DataLoader(data, 4, num_workers=1, persistent_workers=persistent)
    epochs = []
    for _ in range(3):
        epochs.append([(x.clone(), x.sum().item()) for x, _ in loader])
    kept = [blocks_of(loader)[:] for _ in range(2)]
    assert kept[0] and kept[0] == kept[1]
    assert epochs[0][0][1] == epochs[2][0][1] == data.tensors[0][:4].sum().item()
    # Other samples, and larger batches: what is too small is given up.
    wider = DataLoader(cases.Numbered(12, (6, *BIG)), 4, num_workers=1)
    wider._spare.blocks = loader._spare.blocks
    assert [x[3].max().item() for x, _ in wider] == [3, 7, 11]
    assert all(block.size >= 24 * 4 * 3 * 64 * 64 for block in wider._spare.blocks)


@pytest.mark.skipif("fork" not in METHODS, reason="the change has to reach the worker")
def test_without_anonymous_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    loader = DataLoader(cases.Numbered(24, BIG), 4, num_workers=2, multiprocessing_context="fork")
    iterator = iter(loader)
    assert next(iterator)[0].shape == (4, *BIG)
    assert not [name for name in os.listdir("/dev/shm") if name.startswith("candelabra")]
    assert [int(y[0]) for _, y in iterator] == list(range(4, 24, 4))


# Arguments

BAD = [
    (lambda: DataLoader(range(3), num_workers=-1), ArgumentError, "num_workers=-1 is negative"),
    (lambda: DataLoader(range(3), num_workers=True), ArgumentTypeError, "num_workers=True is not an integer"),
    (lambda: DataLoader(range(3), num_workers=1, timeout=-1), ArgumentError, "timeout=-1 is no time to wait"),
    (lambda: DataLoader(range(3), num_workers=1, timeout="1"), ArgumentTypeError, "timeout='1' is not a number"),
    (lambda: DataLoader(range(3), num_workers=1, prefetch_factor=0), ArgumentError, "prefetch_factor=0 is not pos"),
    (
        lambda: DataLoader(range(3), num_workers=1, persistent_workers=1),
        ArgumentTypeError,
        "persistent_workers=1 is not a bool",
    ),
    (
        lambda: DataLoader(range(3), num_workers=1, multiprocessing_context="thread"),
        ArgumentError,
        "multiprocessing_context='thread' is no way of starting processes here; use one of .*'spawn'",
    ),
    (
        lambda: DataLoader(range(3), num_workers=1, multiprocessing_context=3),
        ArgumentTypeError,
        "multiprocessing_context is a name or what multiprocessing.get_context",
    ),
    (lambda: DataLoader(range(3), worker_init_fn=3), ArgumentTypeError, "worker_init_fn is of type int, which cannot"),
    (lambda: DataLoader(range(3), collate_fn="x"), ArgumentTypeError, "collate_fn is of type str, which cannot"),
    (lambda: DataLoader(range(3), in_order=None), ArgumentTypeError, "in_order=None is not a bool"),
    (lambda: DataLoader(range(3), shuffle="yes"), ArgumentTypeError, "shuffle='yes' is not a bool"),
    (lambda: DataLoader(range(3), pin_memory=1), ArgumentTypeError, "pin_memory=1 is not a bool"),
    (lambda: DataLoader(cases.Counter(), shuffle=True), ArgumentError, "shuffle=True needs a dataset that is indexed"),
    (lambda: DataLoader(cases.Counter(), sampler=[1]), ArgumentError, "sampler needs a dataset that is indexed"),
    (lambda: DataLoader(cases.Counter(), batch_sampler=[[1]]), ArgumentError, "batch_sampler needs a dataset"),
]


@pytest.mark.parametrize(("make", "error", "text"), BAD)
def test_bad_arguments(make, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()


def test_pinning_says_that_it_has_no_effect() -> None:
    here = {} if cb.core.memory.pinning() is None else {"pin_memory_device": "cpu"}
    with pytest.warns(UserWarning, match="pin_memory=True has no effect"):
        loader = DataLoader(range(3), pin_memory=True, **here)
    assert loader.pin_memory and numbers(loader) == [[0], [1], [2]]


def test_attributes_that_are_set_later() -> None:
    loader = DataLoader(range(4), 2)
    loader.num_workers, loader.multiprocessing_context = 1, METHODS[-1]
    assert numbers(loader) == [[0, 1], [2, 3]]
    loader.multiprocessing_context = "thread"
    with pytest.raises(ArgumentError, match="'thread' is no way of starting processes here"):
        iter(loader)


def test_a_loader_is_copied_without_its_workers() -> None:
    import pickle

    loader = DataLoader(range(4), 2, num_workers=1, persistent_workers=True)
    next(iter(loader))
    other = pickle.loads(pickle.dumps(loader))
    assert numbers(other) == numbers(loader) == [[0, 1], [2, 3]]
    assert other._pool is not loader._pool


def test_the_context_that_the_user_has_set(monkeypatch: pytest.MonkeyPatch) -> None:
    from candelabra.data.pool import default_context

    for chosen, expected in ((None, "forkserver"), ("fork", "forkserver"), ("spawn", "spawn")):
        monkeypatch.setattr(multiprocessing, "get_start_method", lambda allow_none, chosen=chosen: chosen)
        monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: ["fork", "forkserver", "spawn"])
        assert default_context().get_start_method() == expected
    monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: ["spawn"])
    monkeypatch.setattr(multiprocessing, "get_start_method", lambda allow_none: None)
    assert default_context().get_start_method() == "spawn"


def test_default_collate_of_records() -> None:
    samples = [cases.Sample(np.zeros(2), i) for i in range(3)]
    batch = default_collate(samples)
    assert type(batch) is cases.Sample and batch.image.shape == (3, 2) and batch.label.tolist() == [0, 1, 2]
    with pytest.raises(DataError, match=r"sample is a Sample in the first sample of the batch, but in number 1 a Pair"):
        default_collate([samples[0], cases.Pair(1, 2)])
