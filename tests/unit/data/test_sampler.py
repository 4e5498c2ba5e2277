"""Samplers."""

from __future__ import annotations

from collections import Counter

import candelabra as cb
import pytest
from candelabra.core.errors import ArgumentError, ArgumentTypeError, DataError, ShapeError
from candelabra.data import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)


def seeded(seed: int = 0) -> cb.Generator:
    return cb.Generator().manual_seed(seed)


def test_sequential() -> None:
    sampler = SequentialSampler("abcd")
    assert list(sampler) == list(sampler) == [0, 1, 2, 3] and len(sampler) == 4


def test_random_permutes_anew_each_epoch() -> None:
    sampler = RandomSampler(range(50), generator=seeded())
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(50)) and first != second
    assert list(RandomSampler(range(50), generator=seeded())) == first
    assert all(type(i) is int for i in first)


def test_random_follows_manual_seed() -> None:
    orders = []
    for _ in range(2):
        cb.manual_seed(5)
        orders.append(list(RandomSampler(range(30))))
    assert orders[0] == orders[1]


@pytest.mark.parametrize("count", [1, 7, 10, 25])
def test_random_with_a_number_of_samples(count: int) -> None:
    sampler = RandomSampler(range(10), num_samples=count, generator=seeded())
    drawn = list(sampler)
    assert len(drawn) == len(sampler) == count
    # Whole permutations are used up before the next one begins.
    assert max(Counter(drawn).values()) == -(-count // 10)


def test_random_with_replacement() -> None:
    drawn = list(RandomSampler(range(10), replacement=True, num_samples=5000, generator=seeded()))
    counts = Counter(drawn)
    assert len(drawn) == 5000 and set(counts) == set(range(10))
    assert all(400 < n < 600 for n in counts.values())


def test_subset() -> None:
    sampler = SubsetRandomSampler([4, 8, 15, 16, 23, 42], generator=seeded())
    assert sorted(sampler) == [4, 8, 15, 16, 23, 42] and len(sampler) == 6


def test_weighted() -> None:
    drawn = Counter(WeightedRandomSampler([1.0, 0.0, 3.0], 4000, generator=seeded()))
    assert set(drawn) == {0, 2} and 2800 < drawn[2] < 3200
    once = list(WeightedRandomSampler([1.0, 2.0, 3.0], 3, replacement=False, generator=seeded()))
    assert sorted(once) == [0, 1, 2]


def test_batches() -> None:
    assert list(BatchSampler(range(5), 2, False)) == [[0, 1], [2, 3], [4]]
    assert list(BatchSampler(range(5), 2, True)) == [[0, 1], [2, 3]]
    assert list(BatchSampler(iter(range(3)), 3, True)) == [[0, 1, 2]]
    assert [len(BatchSampler(range(n), 2, drop)) for n in (4, 5) for drop in (False, True)] == [2, 2, 3, 2]


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: RandomSampler([]), DataError, "RandomSampler: the dataset is empty; give one"),
        (lambda: RandomSampler("ab", num_samples=0), ArgumentError, "num_samples=0 is not positive"),
        (lambda: RandomSampler("ab", num_samples=1.5), ArgumentTypeError, "num_samples=1.5 is not an integer"),
        (lambda: RandomSampler("ab", replacement="no"), ArgumentTypeError, "replacement='no' is not a bool"),
        (lambda: RandomSampler("ab", generator=3), ArgumentTypeError, "generator is of type int; give candelabra.Gen"),
        (lambda: WeightedRandomSampler([[1.0]], 1), ShapeError, r"weights have shape \(1, 1\)"),
        (lambda: WeightedRandomSampler([1.0], -1), ArgumentError, "num_samples=-1 is not positive"),
        (lambda: BatchSampler("ab", 0, False), ArgumentError, "BatchSampler: batch_size=0 is not positive"),
        (lambda: BatchSampler("ab", True, False), ArgumentTypeError, "batch_size=True is not an integer"),
        (lambda: BatchSampler("ab", 2, 1), ArgumentTypeError, "drop_last=1 is not a bool"),
        (lambda: iter(Sampler()), DataError, "Sampler does not define __iter__"),
    ],
)
def test_errors(make, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()
