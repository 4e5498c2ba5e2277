"""Loaders that hand their batches out on a device, with and without worker processes."""

from __future__ import annotations

import collections
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.data import DataLoader, Dataset, TensorDataset

Pair = collections.namedtuple("Pair", "x y")


def at(name: str) -> cb.device:
    return cb.device(name).resolved()


class Dicts(Dataset):
    """Samples that are dicts of arrays, numbers, text and nested tuples."""

    def __len__(self) -> int:
        return 10

    def __getitem__(self, i: int) -> dict[str, Any]:
        return {"x": np.full(3, i, np.float32), "y": i, "name": str(i), "more": (cb.tensor([i]), [np.float32(i)]),
                "pair": Pair(np.float32(i), i)}  # fmt: skip


def total(batch: list[dict[str, Any]]) -> tuple[cb.Tensor, int]:
    return cb.stack([cb.asarray(b["x"]) for b in batch]).sum(), len(batch)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_arrive_on_the_device(place, workers):
    data = TensorDataset(cb.arange(20.0).reshape((10, 2)), cb.arange(10))
    loader = DataLoader(data, batch_size=4, shuffle=True, num_workers=workers, device=place,
                        generator=cb.Generator().manual_seed(3))  # fmt: skip
    plain = DataLoader(data, batch_size=4, shuffle=True, num_workers=workers, generator=cb.Generator().manual_seed(3))
    held = cb.int64 if cb.int64 in at(place).native else cb.int32
    for (x, y), (u, v) in zip(loader, plain, strict=True):
        assert x.device == y.device == at(place) and x.dtype is cb.float32 and y.dtype is held
        assert np.array_equal(x.cpu().numpy(), u.numpy()) and y.tolist() == v.tolist()


@pytest.mark.parametrize("workers", [0, 2])
def test_structures_arrive_whole(place, workers):
    loader = DataLoader(Dicts(), batch_size=5, num_workers=workers, device=at(place))
    for number, batch in enumerate(loader):
        assert batch["x"].device == batch["y"].device == batch["more"][0].device == at(place)
        assert batch["name"] == [str(i) for i in range(5 * number, 5 * number + 5)]
        assert type(batch["pair"]) is Pair and batch["pair"].x.device == at(place)
        assert batch["y"].tolist() == batch["pair"].y.tolist() == list(range(5 * number, 5 * number + 5))
        assert batch["more"][1][0].device == at(place)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_collate_function_of_ones_own(place, workers):
    loader = DataLoader(Dicts(), batch_size=5, num_workers=workers, device=place, collate_fn=total)
    found = [(x.device, float(x), n) for x, n in loader]
    assert found == [(at(place), 30.0, 5), (at(place), 105.0, 5)]


def test_data_that_lies_on_a_device(arm):
    data = TensorDataset(cb.arange(6.0, device=arm), cb.arange(6).to(arm))
    for x, y in DataLoader(data, batch_size=3):
        assert x.device == y.device == at(arm)
    for x, _ in DataLoader(data, batch_size=3, device="cpu"):
        assert x.device == at("cpu")


def test_what_a_device_does_not_hold_is_named():
    pytest.importorskip("candelabra_strict")
    data = TensorDataset(cb.arange(6.0, dtype=cb.float64))
    with pytest.raises(cb.core.errors.DTypeError, match=r"device 'strict:3' has no float64"):
        next(iter(DataLoader(data, batch_size=3, device="strict:no_float64")))
    with pytest.raises(cb.core.errors.DeviceError, match=r"no backend serves device 'nowhere'"):
        DataLoader(data, device="nowhere")
