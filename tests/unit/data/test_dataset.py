"""Datasets and random_split."""

from __future__ import annotations

import candelabra as cb
import pytest
from candelabra.core.errors import ArgumentError, ArgumentTypeError, DataError, IndexOutOfRangeError, ShapeError
from candelabra.data import ConcatDataset, DataLoader, Dataset, Subset, TensorDataset, random_split


def numbered(n: int = 10) -> TensorDataset:
    return TensorDataset(cb.arange(n * 2.0).reshape((n, 2)), cb.arange(n))


def test_tensor_dataset() -> None:
    data = numbered()
    x, y = data[3]
    assert len(data) == 10 and x.tolist() == [6.0, 7.0] and y.item() == 3
    assert [part.tolist() for part in data[-1]] == [[18.0, 19.0], 9]
    assert [part.shape for part in data[2:5]] == [(3, 2), (3,)]
    assert repr(data) == "TensorDataset(10 samples of (2,), ())"


@pytest.mark.parametrize(
    ("tensors", "error", "text"),
    [
        ((), ArgumentError, "no tensors were given"),
        ((cb.ones((2, 3)), cb.ones(3)), ShapeError, r"shapes \(2, 3\), \(3,\); the length of the first axis"),
        ((cb.ones(()),), ShapeError, r"shapes \(\)"),
        (([1, 2],), ArgumentTypeError, "list is not a Tensor; convert it with candelabra.tensor"),
    ],
)
def test_tensor_dataset_errors(tensors, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        TensorDataset(*tensors)


def test_an_index_out_of_range() -> None:
    for read in (lambda d: d[10], lambda d: list(DataLoader(d, sampler=[3, 10]))):
        with pytest.raises(IndexOutOfRangeError):
            read(numbered())


def test_subset_and_concat() -> None:
    part = Subset(numbered(), [7, 0, 7])
    assert [part[i][1].item() for i in range(len(part))] == [7, 0, 7]
    both = part + Subset(numbered(), [1])
    assert isinstance(both, ConcatDataset) and len(both) == 4
    assert [both[i][1].item() for i in (0, 2, 3, -1, -4)] == [7, 7, 1, 1, 7]
    with pytest.raises(IndexOutOfRangeError, match="index 4 is out of range for length 4"):
        both[4]
    with pytest.raises(ArgumentError, match="no datasets were given"):
        ConcatDataset([])


def test_a_dataset_without_getitem_says_so() -> None:
    with pytest.raises(DataError, match=r"Dataset does not define __getitem__\(index\)"):
        Dataset()[0]


@pytest.mark.parametrize(
    ("lengths", "sizes"), [([7, 3], [7, 3]), ([0.5, 0.5], [5, 5]), ([0.33, 0.33, 0.34], [4, 3, 3]), ([10], [10])]
)
def test_random_split(lengths: list[float], sizes: list[int]) -> None:
    parts = random_split(range(10), lengths, generator=cb.Generator().manual_seed(1))
    again = random_split(range(10), lengths, generator=cb.Generator().manual_seed(1))
    assert [len(part) for part in parts] == sizes
    assert sorted(i for part in parts for i in part) == list(range(10))
    assert [list(part) for part in parts] == [list(part) for part in again]


def test_random_split_draws_from_the_default_generator() -> None:
    runs = []
    for _ in range(2):
        cb.manual_seed(3)
        runs.append([list(part) for part in random_split(range(20), [10, 10])])
    assert runs[0] == runs[1] != [list(part) for part in random_split(range(20), [10, 10])]


@pytest.mark.parametrize(
    ("lengths", "text"),
    [
        ([5, 4], r"the lengths \[5, 4\] sum to 9, the dataset has 10 samples"),
        ([0.5, 0.2], "neither non-negative integers nor fractions that sum to 1"),
        ([1.5, -0.5], "fraction 0 is 1.5"),
        ([11, -1], "neither non-negative"),
    ],
)
def test_random_split_errors(lengths: list[float], text: str) -> None:
    with pytest.raises(DataError, match=text):
        random_split(range(10), lengths)


def test_an_empty_part_warns() -> None:
    with pytest.warns(UserWarning, match="part 1 of 3 samples is empty"):
        random_split(range(3), [0.99, 0.01])
