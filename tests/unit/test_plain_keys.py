"""Indexing by plain keys, masks and index tensors: the short way and the rows' give what NumPy gives."""

from __future__ import annotations

from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.core.errors import CandelabraError
from candelabra.core.functions import indexing

SHAPE = (3, 4, 2)
KEYS: list[Any] = [
    0, -1, slice(None), slice(1, 3), slice(None, None, 2), slice(None, None, -1), slice(5, 9), None, ..., (),
    (0, 1), (0, -1, 1), (..., 0), (0, ..., 1), (None, 1), (slice(None), 0),
    (slice(1), slice(2, None), slice(None, None, -1)),
    (0, None, slice(None), ...), (slice(np.int64(1), np.int64(3)),), np.int64(2), (np.int64(1), 0),
    np.array([2, 0, 0]), np.array(1), np.array([[0], [-3]]), np.array([], dtype=np.int64),
    np.array([1], dtype=np.uint8),
    (slice(None), np.array([3, 1])), (..., np.array([1, 0])), (np.array([0, 2]), np.array([1, 1])),
    (np.array([0, 2]), slice(None), np.array([1, 1])), (None, np.array([0, 2])), (np.array([0, 1]), 2),
    np.arange(24).reshape(SHAPE) % 3 == 0, np.array([True, False, True]), np.zeros(SHAPE, bool), [0, 2],
    [True, False, True],
    (np.array([True, False, True]), 1), (0, np.array([True, False, True, False])), True, False, np.array(True),
]  # fmt: skip


def ours(key: Any) -> Any:
    """Return a key with tensors for arrays."""
    if isinstance(key, tuple):
        return tuple(map(ours, key))
    return cb.asarray(key) if isinstance(key, np.ndarray) else key


@pytest.fixture(params=["short", "rows"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "rows":
        monkeypatch.setattr(cb.Tensor, "__getitem__", indexing._get_item)
        monkeypatch.setattr(cb.Tensor, "__setitem__", indexing._set_item)
    return request.param


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_reading(key: Any, way: str) -> None:
    array = np.arange(24.0).reshape(SHAPE)
    wanted = array[key]
    assert (cb.asarray(array)[ours(key)].numpy() == wanted).all()
    x = cb.tensor(array, requires_grad=True)
    found = x[ours(key)]
    assert found.shape == wanted.shape and found.requires_grad and (found.detach().numpy() == wanted).all()
    seed = np.arange(1.0, wanted.size + 1).reshape(wanted.shape)
    found.backward(cb.asarray(seed))
    total = np.zeros(SHAPE)
    np.add.at(total, key, seed)
    assert (x.grad.numpy() == total).all()
    with cb.no_grad():
        assert not x[ours(key)].requires_grad


@pytest.mark.parametrize("key", KEYS, ids=repr)
@pytest.mark.parametrize("kind", ["number", "0-d", "tensor", "other dtype"])
def test_writing(key: Any, kind: str, way: str) -> None:
    array = np.arange(24.0).reshape(SHAPE)
    wanted = array.copy()
    place = wanted[key]
    value: Any = {"number": -1.5, "0-d": np.array(-2.0)}.get(kind, -np.arange(1.0, place.size + 1).reshape(place.shape))
    value = value.astype(np.float32) if kind == "other dtype" else value
    wanted[key] = value
    given = value if kind == "number" else cb.asarray(value)
    alone = cb.tensor(array)
    alone[ours(key)] = given
    assert (alone.numpy() == wanted).all()
    # Nobody else's memory changes: a borrowed array's, a view's, nor what the graph saved.
    borrowed = cb.asarray(array)
    view = borrowed[...]
    borrowed[ours(key)] = given
    assert (borrowed.numpy() == wanted).all() and (view.numpy() == np.arange(24.0).reshape(SHAPE)).all()
    x = cb.tensor(array, requires_grad=True)
    y = x * 1.0
    saved = y.exp()
    y[ours(key)] = given
    assert (y.detach().numpy() == wanted).all() and y.requires_grad
    y.sum().backward(retain_graph=True)
    written = np.ones(SHAPE)
    written[key] = 0
    assert (x.grad.numpy() == written).all()
    saved.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), written + np.exp(array))
    with cb.no_grad():
        x[ours(key)] = given
    assert (x.detach().numpy() == wanted).all() and x.is_leaf and x.requires_grad


@pytest.mark.host
def test_a_tensor_is_written_in_place_where_it_is_alone() -> None:
    x = cb.zeros(3)
    memory = x.array
    x[0] = 1.0
    assert x.array is not memory, "the name holds the array, too"
    del memory
    address = x.data_ptr()
    x[1] = 2.0
    x[cb.tensor([True, False, False])] = 5.0
    x += 1
    assert x.data_ptr() == address and x.tolist() == [6.0, 3.0, 1.0]
    y = x[1:]
    x[1:] = y * 2
    assert y.tolist() == [3.0, 1.0] and x.tolist() == [6.0, 6.0, 2.0]
    x[:] = x
    assert x.tolist() == [6.0, 6.0, 2.0]


def test_what_is_wrong_changes_nothing() -> None:
    x = cb.zeros(3, dtype=cb.uint8)
    for key, value in [(3, 1), (0, 300), (slice(0, 2), cb.ones(3, dtype=cb.uint8)), (cb.tensor([0, 7]), 1), ("a", 1)]:
        with pytest.raises(CandelabraError):
            x[key] = value
        assert x.tolist() == [0, 0, 0]
    with pytest.raises(IndexError, match="slice"):
        cb.zeros(2, 2)[2]
    with pytest.raises(IndexError, match="getitem"):
        cb.zeros(2, 2)[cb.tensor([2])]
