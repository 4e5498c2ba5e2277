"""default_collate and default_convert."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, namedtuple
from enum import IntEnum
from types import MappingProxyType

import candelabra as cb
import numpy as np
import pytest
from candelabra.core.errors import ArgumentTypeError, DataError
from candelabra.data import default_collate, default_convert

Point = namedtuple("Point", "x y")


class Colour(IntEnum):
    RED = 1
    BLUE = 2


@pytest.mark.parametrize(
    ("samples", "dtype", "values"),
    [
        ([1, 2], cb.int64, [1, 2]),
        ([True, False], cb.bool, [True, False]),
        ([1.5, 2], cb.float64, [1.5, 2.0]),
        ([1, 2.5], cb.float64, [1.0, 2.5]),
        ([1j, 2.0], cb.complex128, [1j, 2.0]),
        ([Colour.RED, Colour.BLUE], cb.int64, [1, 2]),
        ([Colour.RED, 2.5], cb.float64, [1.0, 2.5]),
        ([np.float32(1.5), np.float32(2.5)], cb.float32, [1.5, 2.5]),
        ([np.int8(1), np.int8(2)], cb.int8, [1, 2]),
        ([np.array([1.0, 2.0]), np.array([3.0, 4.0])], cb.float64, [[1.0, 2.0], [3.0, 4.0]]),
        ([np.array(3, dtype=np.uint8)], cb.uint8, [3]),
    ],
)
def test_numbers_and_arrays(samples, dtype, values) -> None:
    batch = default_collate(samples)
    assert isinstance(batch, cb.Tensor) and batch.dtype == dtype and batch.tolist() == values


def test_tensors_are_stacked() -> None:
    batch = default_collate([cb.ones((2, 3)), cb.zeros((2, 3))])
    assert batch.shape == (2, 2, 3) and batch.dtype == cb.float32
    assert default_collate([cb.tensor(1), cb.tensor(2)]).tolist() == [1, 2]


def test_gradients_flow_through() -> None:
    x = cb.tensor([1.0], requires_grad=True)
    default_collate([x, 2 * x]).sum().backward()
    assert x.grad.item() == 3.0


def test_the_batch_does_not_share_memory_with_the_arrays() -> None:
    array = np.zeros(2)
    batch = default_collate([array])
    array[:] = 1
    assert batch.tolist() == [[0.0, 0.0]]


def test_structures() -> None:
    assert default_collate([np.str_("a"), "b"]) == ["a", "b"]
    assert default_collate(["a", "b"]) == ["a", "b"] and default_collate((b"a", b"b")) == [b"a", b"b"]
    pairs = default_collate([(1, "a"), (2, "b")])
    assert type(pairs) is list and pairs[0].tolist() == [1, 2] and pairs[1] == ["a", "b"]
    lists = default_collate([[1, 2], [3, 4]])
    assert type(lists) is list and [t.tolist() for t in lists] == [[1, 3], [2, 4]]
    point = default_collate([Point(1, 2.0), Point(3, 4.0)])
    assert type(point) is Point and point.x.tolist() == [1, 3] and point.y.dtype == cb.float64
    ordered = default_collate([OrderedDict(a=1, b={"c": 2}), OrderedDict(a=3, b={"c": 4})])
    assert type(ordered) is OrderedDict and ordered["b"]["c"].tolist() == [2, 4]
    default = default_collate([defaultdict(list, a=1)])
    assert type(default) is defaultdict and default["new"] == []
    assert default_collate([MappingProxyType({"a": 1})])["a"].tolist() == [1]
    assert [t.tolist() for t in default_collate([range(2), range(2)])] == [[0, 0], [1, 1]]


@pytest.mark.parametrize(
    ("samples", "error", "text"),
    [
        ([], DataError, "the batch is empty"),
        (
            [{"image": (cb.ones(2), cb.ones((3, 4)))}, {"image": (cb.ones(2), cb.ones((3, 5)))}],
            DataError,
            r"sample\['image'\]\[1\] has shape \(3, 4\) in the first sample of the batch, but \(3, 5\) in number 1",
        ),
        ([np.ones(2), np.ones(3)], DataError, r"sample has shape \(2,\) .* \(3,\) in number 1"),
        ([cb.ones(2), np.ones(2)], DataError, "a Tensor in the first sample of the batch, but in number 1 a ndarray"),
        ([1, "a"], DataError, "of type int in the first sample of the batch, but of type str in number 1"),
        ([True, 2], DataError, "of type bool in the first"),
        ([{"a": 1}, {"b": 1}], DataError, r"keys \['a'\] .* in number 1 \['b'\]"),
        ([{"a": 1}, 3], DataError, "in number 1 int"),
        ([(1, 2), (1,)], DataError, "2 entries in the first sample of the batch, but number 1 has 1"),
        ([(1, 2), 5], DataError, "number 1 has a int"),
        ([object()], ArgumentTypeError, "sample is of type object; a sample holds tensors"),
        ([(1, None)], ArgumentTypeError, r"sample\[1\] is of type NoneType"),
        ([np.array(["a"])], ArgumentTypeError, "a NumPy array of dtype <U1, which no tensor has"),
    ],
)
def test_errors_name_the_place(samples, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        default_collate(samples)


def test_convert() -> None:
    converted = default_convert({"x": np.array([1, 2]), "y": (np.float32(3), 4), "z": Point("a", np.array(0.5))})
    assert converted["x"].tolist() == [1, 2] and converted["x"].dtype == cb.int64
    assert type(converted["y"]) is list and converted["y"][0].dtype == cb.float32 and converted["y"][1] == 4
    assert converted["z"].x == "a" and converted["z"].y.item() == 0.5
    tensor, words = cb.ones(2), np.array(["a", "b"])
    assert default_convert(tensor) is tensor and default_convert(words) is words and default_convert("ab") == "ab"
