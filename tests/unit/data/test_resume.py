"""A loader with workers goes on in the middle of an epoch with exactly the batches that were left."""

from __future__ import annotations

import sys
from pathlib import Path

import candelabra as cb
import pytest
from candelabra.core.errors import StateDictError
from candelabra.data import BatchSampler, DataLoader, RandomSampler, SubsetRandomSampler, WeightedRandomSampler

sys.path.insert(0, str(Path(__file__).resolve().parent))

import worker_cases as cases


def plain(batch):
    return [part.tolist() if isinstance(part, cb.Tensor) else part for part in batch]


def interrupted(make, served: int, tmp_path: Path, epochs: int = 2) -> None:
    """Serve some batches, save, and compare what follows with a fresh loader that loads the state from a file."""
    cb.manual_seed(7)
    loader = make()
    list(loader)
    epoch = iter(loader)
    before = [plain(next(epoch)) for _ in range(served)]
    cb.rand(3)
    path = tmp_path / "state.safetensors"
    cb.save({"loader": loader.state_dict(), "random": cb.get_rng_state()}, path)
    after = [plain(batch) for batch in epoch]
    following = [[plain(batch) for batch in loader] for _ in range(epochs - 1)]

    cb.manual_seed(99)
    other = make()
    state = cb.load(path)
    cb.set_rng_state(state["random"])
    other.load_state_dict(state["loader"])
    assert str(other.state_dict()) == str(state["loader"])
    assert [plain(batch) for batch in other] == after
    assert [[plain(batch) for batch in other] for _ in range(epochs - 1)] == following
    assert len(before) == served


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("served", [0, 1, 4, 7])
def test_a_shuffled_epoch_with_random_samples(own: bool, served: int, tmp_path: Path) -> None:
    def make() -> DataLoader:
        generator = cb.Generator().manual_seed(4) if own else None
        return DataLoader(cases.Draws(20), 3, shuffle=True, num_workers=2, generator=generator)

    interrupted(make, served, tmp_path)


@pytest.mark.parametrize(
    "sampler",
    [
        lambda: RandomSampler(range(20), replacement=True, num_samples=11),
        lambda: RandomSampler(range(20), generator=cb.Generator().manual_seed(3)),
        lambda: SubsetRandomSampler(range(3, 17)),
        lambda: WeightedRandomSampler([float(i) for i in range(20)], 12),
    ],
)
def test_samplers(sampler, tmp_path: Path) -> None:
    interrupted(lambda: DataLoader(cases.Draws(20), 2, sampler=sampler(), num_workers=2), 3, tmp_path)
    batches = lambda: BatchSampler(sampler(), 2, True)
    interrupted(lambda: DataLoader(cases.Draws(20), batch_sampler=batches(), num_workers=3), 2, tmp_path)


def test_persistent_workers(tmp_path: Path) -> None:
    interrupted(lambda: DataLoader(cases.Draws(20), 3, True, num_workers=2, persistent_workers=True), 3, tmp_path)


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("served", [0, 1, 2, 5])
def test_a_stream_is_run_through_again(workers: int, served: int, tmp_path: Path) -> None:
    data = cases.Drawing if workers else cases.Counter
    wrap = (lambda batch: batch) if workers else (lambda batch: [batch])

    class Wrapped(DataLoader):
        def __iter__(self):
            return map(wrap, super().__iter__())

    interrupted(lambda: Wrapped(data(16), 3, num_workers=workers), served, tmp_path)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stream_that_knows_where_it_stands(workers: int) -> None:
    def epoch(loader, n: int | None = None) -> list:
        iterator = iter(loader)
        return [plain(next(iterator)) for _ in range(n)] if n else [plain(batch) for batch in iterator]

    make = lambda: DataLoader(cases.Remembering(21), 2, num_workers=workers)
    cb.manual_seed(1)
    whole = epoch(make())
    cb.manual_seed(1)
    loader = make()
    first = epoch(loader, 4)
    state = loader.state_dict()
    random = cb.get_rng_state()
    assert first == whole[:4]
    other = make()
    if not workers:
        cb.set_rng_state(random)
    other.load_state_dict(state)
    rest = epoch(other)
    drop_counts = lambda batches: [[batch[0], batch[2]] for batch in batches]
    assert drop_counts(rest) == drop_counts(whole[4:])
    assert rest[0][1][0] == 1, "the samples before were not made again"


def test_out_of_order(tmp_path: Path) -> None:
    loader = DataLoader(cases.Slow(14), 1, num_workers=2, in_order=False)
    iterator = iter(loader)
    given = [next(iterator).item() for _ in range(5)]
    state = loader.state_dict()
    assert state["ahead"] and sorted([*range(state["batches"]), *state["ahead"]]) == sorted(given)
    del iterator
    for in_order in (False, True):
        other = DataLoader(cases.Slow(14), 1, num_workers=2, in_order=in_order)
        other.load_state_dict(state)
        rest = [batch.item() for batch in other]
        assert sorted(given + rest) == list(range(14))
        assert not in_order or rest == sorted(rest)


@pytest.mark.parametrize(("saved", "loaded"), [(2, 0), (0, 2), (2, 3)])
def test_another_number_of_workers(saved: int, loaded: int) -> None:
    """The order is the same, whoever makes the batches."""
    cb.manual_seed(3)
    loader = DataLoader(range(20), 3, shuffle=True, num_workers=saved)
    iterator = iter(loader)
    next(iterator)
    state, random = loader.state_dict(), cb.get_rng_state()
    rest = [batch.tolist() for batch in iterator] + [batch.tolist() for batch in loader]
    cb.set_rng_state(random)
    other = DataLoader(range(20), 3, shuffle=True, num_workers=loaded)
    other.load_state_dict(state)
    assert [batch.tolist() for batch in other] + [batch.tolist() for batch in other] == rest

    stream = DataLoader(cases.Counter(20), num_workers=saved)
    iterator = iter(stream)
    next(iterator)
    text = rf"read with num_workers={saved}, and this loader has num_workers={loaded}, among which"
    with pytest.raises(StateDictError, match=text):
        DataLoader(cases.Counter(20), num_workers=loaded).load_state_dict(stream.state_dict())


def test_the_state_survives_a_worker_that_dies() -> None:
    loader = DataLoader(cases.Dying("os._exit"), 1, num_workers=2)
    given = []
    with pytest.raises(RuntimeError, match="exit status 4"):
        for batch in loader:
            given.append(batch.item())
    assert given == [0, 1, 2, 3, 4]
    other = DataLoader(cases.Numbered(10), 1, num_workers=2)
    other.load_state_dict(loader.state_dict())
    assert [int(y) for _, y in other] == [5, 6, 7, 8, 9]
