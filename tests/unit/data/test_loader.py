"""DataLoader, and the digits."""

from __future__ import annotations

import sys
import threading
from collections import Counter, namedtuple

import candelabra as cb
import numpy as np
import pytest
from candelabra.core.errors import ArgumentError, ArgumentTypeError, DataError, MissingDependencyError, StateDictError
from candelabra.data import BatchSampler, DataLoader, Dataset, Digits, Subset, TensorDataset, default_collate

Pair = namedtuple("Pair", "x y")


def numbered(n: int = 10) -> TensorDataset:
    return TensorDataset(cb.arange(n * 2.0).reshape((n, 2)), cb.arange(n))


class Items(Dataset):
    """A dataset of plain items that counts how it is asked."""

    def __init__(self, n: int = 10) -> None:
        self.n = n
        self.asked: list[int] = []

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int):
        self.asked.append(index)
        return np.full(3, index, dtype=np.float32), index


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("n", [1, 9, 10, 12])
@pytest.mark.parametrize("batch_size", [1, 3, 20])
def test_lengths(n: int, batch_size: int, drop_last: bool) -> None:
    loader = DataLoader(numbered(n), batch_size=batch_size, drop_last=drop_last)
    sizes = [x.shape[0] for x, _ in loader]
    whole, rest = divmod(n, batch_size)
    assert sizes == [batch_size] * whole + ([rest] if rest and not drop_last else [])
    assert len(loader) == len(sizes)


@pytest.mark.parametrize("make", [numbered, Items, lambda: Subset(numbered(30), range(5, 15))])
def test_an_epoch_holds_every_sample_once(make) -> None:
    loader = DataLoader(make(), batch_size=4, shuffle=True, generator=cb.Generator().manual_seed(0))
    orders = []
    for _ in range(3):
        batches = list(loader)
        assert all(type(batch) is list and len(batch) == 2 for batch in batches)
        orders.append([int(y) for _, labels in batches for y in labels.tolist()])
        for x, y in batches:
            assert x.dtype == cb.float32 and y.dtype == cb.int64
            assert x[:, 0].tolist() in ([2.0 * i for i in y.tolist()], [float(i) for i in y.tolist()])
    assert orders[0] != orders[1] and len({tuple(sorted(order)) for order in orders}) == 1
    assert set(Counter(orders[0]).values()) == {1} and len(orders[0]) == 10


def test_whole_batches_equal_collated_samples() -> None:
    data = numbered()
    fast = list(DataLoader(data, batch_size=3))
    slow = list(DataLoader(data, batch_size=3, collate_fn=lambda samples: default_collate(samples)))
    for a, b in zip(fast, slow):
        assert [t.tolist() for t in a] == [t.tolist() for t in b] and [t.dtype for t in a] == [t.dtype for t in b]


def test_a_batch_is_nobody_elses_memory() -> None:
    data = numbered()
    for x, _ in DataLoader(data, batch_size=10):
        x.zero_()
    assert data.tensors[0].sum().item() == sum(range(20))


class Negated(TensorDataset):
    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        return -x, y


def test_an_overridden_getitem_is_not_short_circuited() -> None:
    for data in (Negated(cb.ones(4), cb.ones(4)), Subset(Negated(cb.ones(4), cb.ones(4)), [0, 1, 2, 3])):
        assert next(iter(DataLoader(data, batch_size=4)))[0].tolist() == [-1.0] * 4


class Doubling(Dataset):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index):
        raise AssertionError("the batched way is there")

    def __getitems__(self, indices):
        return [2 * i for i in indices]


def test_getitems_is_used() -> None:
    assert [b.tolist() for b in DataLoader(Doubling(), batch_size=3)] == [[0, 2, 4], [6]]
    assert [b.tolist() for b in DataLoader(Subset(Doubling(), [3, 1]), batch_size=3)] == [[6, 2]]


def test_samples_one_by_one() -> None:
    data = Items(3)
    samples = list(DataLoader(data, batch_size=None))
    assert data.asked == [0, 1, 2] and len(DataLoader(data, batch_size=None)) == 3
    assert isinstance(samples[2][0], cb.Tensor) and samples[2][0].tolist() == [2.0] * 3 and samples[2][1] == 2


def test_collate_fn() -> None:
    assert list(DataLoader("abcde", batch_size=2, collate_fn="".join)) == ["ab", "cd", "e"]


def test_samplers() -> None:
    assert [b.tolist() for b in DataLoader(range(9), batch_size=2, sampler=[8, 1, 4])] == [[8, 1], [4]]
    loader = DataLoader(range(9), batch_sampler=BatchSampler([5, 3, 2], 2, True))
    assert [b.tolist() for b in loader] == [[5, 3]] and len(loader) == 1 and loader.batch_size is None
    assert [b.tolist() for b in DataLoader({"a": 1, "b": 2}, sampler=["b", "a"])] == [[2], [1]]


def test_shuffle_follows_manual_seed() -> None:
    orders = []
    for _ in range(2):
        cb.manual_seed(11)
        orders.append([b.tolist() for b in DataLoader(range(20), batch_size=5, shuffle=True)])
    assert orders[0] == orders[1]


def test_device() -> None:
    for data in (numbered(), [Pair(cb.ones(2), "a")] * 3, [{"x": 1.0, "y": (1, 2)}] * 3):
        for batch in DataLoader(data, batch_size=2, device="cpu"):
            tensor = batch["x"] if isinstance(batch, dict) else batch[0]
            assert tensor.device == cb.device("cpu")
    batch = next(iter(DataLoader([Pair(cb.ones(2), "a")] * 2, batch_size=2, device="cpu")))
    assert type(batch) is Pair and batch.y == ["a", "a"]


def test_two_epochs_at_once_do_not_meet() -> None:
    loader = DataLoader(range(4), batch_size=2)
    assert [(a.tolist(), b.tolist()) for a, b in zip(loader, loader)] == [([0, 1], [0, 1]), ([2, 3], [2, 3])]


def test_bad_samples_name_their_place() -> None:
    with pytest.raises(DataError, match=r"sample\[0\] has shape \(0,\) in the first sample of the batch, but \(1,\)"):
        list(DataLoader([(np.zeros(i), i) for i in range(3)], batch_size=2))


class Locked(Items):
    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()


class NoLength:
    def __getitem__(self, index: int) -> int:
        return index


BAD = [
    (lambda: DataLoader([]), DataError, r"the dataset \(list\) is empty; check the path or the filter"),
    (lambda: DataLoader(numbered(0), shuffle=True), DataError, r"the dataset \(TensorDataset\) is empty"),
    (lambda: DataLoader(iter([1])), DataError, "the dataset is an iterator and cannot be indexed"),
    (lambda: DataLoader(3), DataError, "the dataset is of type int and cannot be indexed"),
    (lambda: DataLoader(NoLength()), DataError, "NoLength has no length; define __len__, or give a sampler"),
    (
        lambda: DataLoader(Locked(), num_workers=2),
        DataError,
        r"num_workers=2 sends the dataset \(Locked\) to worker processes, but it does not pickle \(TypeError.*num_work"
        "ers=0",
    ),
    (lambda: DataLoader(range(3), num_workers=-1), ArgumentError, "num_workers=-1 is negative"),
    (lambda: DataLoader(range(3), num_workers="2"), ArgumentTypeError, "num_workers='2' is not an integer"),
    (lambda: DataLoader(range(3), timeout=5), ArgumentError, "timeout=5 needs worker processes"),
    (lambda: DataLoader(range(3), prefetch_factor=2), ArgumentError, "prefetch_factor=2 needs worker processes"),
    (lambda: DataLoader(range(3), persistent_workers=True), ArgumentError, "persistent_workers=True needs worker"),
    (
        lambda: DataLoader(range(3), multiprocessing_context="fork"),
        ArgumentError,
        "multiprocessing_context='fork'",
    ),
    (lambda: DataLoader(range(3), sampler=[0], shuffle=True), ArgumentError, "sampler and shuffle=True exclude"),
    (
        lambda: DataLoader(range(3), batch_sampler=[[0]], batch_size=2),
        ArgumentError,
        "batch_sampler excludes batch",
    ),
    (lambda: DataLoader(range(3), batch_size=None, drop_last=True), ArgumentError, "drop_last=True needs batches"),
    (lambda: DataLoader(range(3), batch_size=0), ArgumentError, "batch_size=0 is not positive"),
    (lambda: DataLoader(range(3), generator=5), ArgumentTypeError, "generator is of type int"),
]


@pytest.mark.parametrize(("make", "error", "text"), BAD)
def test_bad_arguments(make, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()


def test_what_is_laid_out_cannot_be_changed() -> None:
    loader = DataLoader(range(3), batch_size=2)
    with pytest.raises(ArgumentError, match=r"batch_size cannot be changed; make a new DataLoader with batch_size=3"):
        loader.batch_size = 3
    loader.collate_fn = list
    assert list(loader) == [[0, 1], [2]]


# State


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("served", [0, 1, 3, 4])
def test_an_epoch_is_taken_up_where_it_stood(own: bool, served: int) -> None:
    def make() -> DataLoader:
        generator = cb.Generator().manual_seed(4) if own else None
        return DataLoader(range(10), batch_size=3, shuffle=True, generator=generator)

    cb.manual_seed(7)
    loader = make()
    list(loader)
    epoch = iter(loader)
    before = [next(epoch).tolist() for _ in range(served)]
    cb.rand(3)
    saved, default = loader.state_dict(), cb.get_rng_state()
    after = [batch.tolist() for batch in epoch] + [batch.tolist() for batch in loader]

    cb.manual_seed(99)
    other = make()
    cb.set_rng_state(default)
    other.load_state_dict(saved)
    assert other.state_dict()["batches"] == served
    assert [batch.tolist() for batch in other] + [batch.tolist() for batch in other] == after
    assert sorted(i for batch in before + after[: 4 - served] for i in batch) == list(range(10))


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ({"batches": 1}, "a dict of 'batches' and 'generator'"),
        ({"batches": 9, "generator": None}, "has given 9 batches, this loader has 4"),
        ({"batches": -1, "generator": None}, "has given -1 batches"),
        ({"batches": 2, "generator": None}, "lacks its generator's"),
    ],
)
def test_states_that_do_not_fit(state, text: str) -> None:
    with pytest.raises(StateDictError, match=text):
        DataLoader(range(10), batch_size=3).load_state_dict(state)


# Digits


def test_digits() -> None:
    pytest.importorskip("sklearn")
    train, test = Digits(), Digits(train=False)
    assert len(train) + len(test) == 1797
    x, y = train[0]
    assert x.shape == (1, 8, 8) and x.dtype == cb.float32 and y.shape == () and y.dtype == cb.int64
    assert train.images.min().item() == 0.0 and train.images.max().item() == 1.0
    shares = Counter(test.labels.tolist())
    assert set(shares) == set(range(10)) and all(34 <= n <= 37 for n in shares.values())
    assert Digits(flatten=True).images.shape == (len(train), 64) and len(train.classes) == 10
    seen = {tuple(row) for row in Digits(flatten=True).images.tolist()}
    assert not any(tuple(row) in seen for row in Digits(False, flatten=True).images.tolist()[:50])


def test_the_split_is_fixed_and_chosen_by_the_seed() -> None:
    pytest.importorskip("sklearn")
    assert Digits().labels.tolist() == Digits().labels.tolist() != Digits(seed=1).labels.tolist()
    assert len(Digits(train=False, test_fraction=0.5)) > 890
    with pytest.raises(ArgumentError, match=r"test_fraction=1\.5 is not between 0 and 1"):
        Digits(test_fraction=1.5)


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingDependencyError, match=r"pip install candelabra\[demo\]"):
        Digits()
