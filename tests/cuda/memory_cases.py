"""What holds of a card's memory and of batches that come to it, on two cards of the stand-in."""

from __future__ import annotations

import gc
import sys
import time
import warnings
from typing import Any

import candelabra as cb
import cupy
import numpy as np
from candelabra.core.errors import ArgumentError, ArgumentTypeError, DeviceError, OutOfMemoryError
from candelabra.data import DataLoader, Dataset, TensorDataset
from cupy.cuda import order
from pretended import refused, run

ONE = cb.device("cuda:1")

# Pinned memory, and batches.


def pinned_memory_is_copied_from_without_waiting() -> None:
    counts = cupy.cuda.counts
    plain = cb.arange(5.0)
    pinned = plain.pin_memory()
    assert pinned.is_pinned() and pinned.is_pinned("cuda") and not plain.is_pinned() and pinned.pin_memory() is pinned
    assert pinned.tolist() == plain.tolist() and pinned.device is plain.device
    before = counts["synchronisations"]
    for moved in (pinned.to(ONE, non_blocking=True), pinned.cuda(1, non_blocking=True), plain.to(ONE)):
        assert moved.array.device.id == 1
    assert counts["synchronisations"] == before
    pinned.to(ONE)
    assert counts["synchronisations"] == before + 1
    back = moved.to("cpu", non_blocking=True)
    assert counts["synchronisations"] == before + 1 and back.is_pinned()
    ONE.synchronize()
    assert back.tolist() == plain.tolist()
    refused(ArgumentTypeError, moved.pin_memory, "tensors of the host")
    assert not moved.is_pinned() and cb.zeros((0, 2)).to(ONE).to("cpu", non_blocking=True).shape == (0, 2)


def gradients_pass_through_pinned_memory() -> None:
    x = cb.ones(3, requires_grad=True)
    y = x.pin_memory()
    assert y.is_pinned() and y.requires_grad and not y.is_leaf
    (y.to(ONE, non_blocking=True) * 2).to("cpu", non_blocking=True).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]
    z = y.detach()
    z += 1
    assert not z.is_pinned() and y.tolist() == [1.0, 1.0, 1.0]


def a_copy_to_the_host_keeps_its_place_until_it_is_there() -> None:
    with ONE.stream() as stream:
        x = cb.ones(100, device=ONE)
        order.busy.add(stream.native.ptr)
        address = x.to("cpu", non_blocking=True).numpy().ctypes.data
        # Nobody holds it, and the copy is under way.
        assert cb.zeros(100).pin_memory().numpy().ctypes.data != address
        order.busy.clear()
        ONE.memory()


def numbered(n: int = 24) -> TensorDataset:
    return TensorDataset(cb.arange(n * 3.0).reshape((n, 3)), cb.arange(n))


def sums(loader: Any) -> list[float]:
    found = []
    for x, y in loader:
        assert x.device is ONE and y.device is ONE and x.array.device.id == 1
        found.append((x.sum() + y.sum()) * 1)
    del x, y
    cb.release_memory("cuda:1")
    return [f.item() for f in found]


def batches_come_beside_the_computation() -> None:
    counts = cupy.cuda.counts
    loader = DataLoader(numbered(), batch_size=4, device="cuda:1")
    before, x = counts["synchronisations"], None
    for x, y in loader:
        assert x.array.data.mem.uses.made[0] != (1, 0) and (x.sum() * y.sum()).device is ONE
    assert counts["synchronisations"] == before
    del x, y
    cb.release_memory("cuda:1")
    assert not order.hazards, order.hazards
    assert sums(loader) == [(a * 2).sum().item() * 0 + (a.sum() + b.sum()).item() for a, b in DataLoader(
        numbered(), batch_size=4)]  # fmt: skip
    assert not order.hazards


def a_loader_that_did_not_wait_would_be_found() -> None:
    from candelabra.backends.cupy.stream import CupyStreams

    for method in ("wait", "keep"):
        honest = getattr(CupyStreams, method)
        setattr(CupyStreams, method, lambda *arguments: None)
        try:
            sums(DataLoader(numbered(), batch_size=4, device="cuda:1"))
        finally:
            setattr(CupyStreams, method, honest)
        assert order.hazards
        order.hazards.clear()


def batches_are_made_in_pinned_memory() -> None:
    from candelabra.data import collate

    rooms: list[tuple[int, ...]] = []
    backend = ONE.backend
    empty = backend.empty_pinned
    backend.empty_pinned = lambda shape, dtype: rooms.append(tuple(shape)) or empty(shape, dtype)
    try:
        assert sums(DataLoader(numbered(8), batch_size=4, device="cuda:1"))
        assert rooms == [(4, 3), (4,)] * 2 and collate.room_here() is None
        rooms.clear()
        samples = [(np.full((2, 2), i, np.float32), i) for i in range(6)]
        for x, y in DataLoader(samples, batch_size=3, device="cuda:1"):
            assert x.shape == (3, 2, 2) and y.shape == (3,)
        assert rooms == [(3, 2, 2)] * 2
    finally:
        backend.empty_pinned = empty


def batches_of_the_host_can_be_pinned() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for options in ({}, {"pin_memory_device": "cuda:1"}):
            loader = DataLoader(numbered(8), batch_size=4, pin_memory=True, **options)
            for x, y in loader:
                assert x.is_pinned() and y.is_pinned() and x.device == cb.device("cpu")
        mapped = DataLoader([{"a": 1.0, "b": "text"}] * 4, batch_size=2, pin_memory=True)
        assert all(batch["a"].is_pinned() and batch["b"] == ["text"] * 2 for batch in mapped)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        list(DataLoader(numbered(8), batch_size=4, pin_memory=True, device="cpu"))
    assert "device 'cpu' takes no copies out of pinned memory" in str(told[0].message)


def batches_of_workers_come_beside_the_computation() -> None:
    counts = cupy.cuda.counts
    loader = DataLoader(numbered(), batch_size=4, num_workers=2, device="cuda:1")
    for _ in range(2):
        before = counts["synchronisations"]
        found = [(x.sum() + y.sum()) * 1 for x, y in loader]
        assert counts["synchronisations"] == before and len(found) == 6
        values = [f.item() for f in found]
        assert values == [(a.sum() + b.sum()).item() for a, b in DataLoader(numbered(), batch_size=4)]
    cb.release_memory("cuda:1")
    assert not order.hazards, order.hazards


def a_batch_that_is_fetched_ahead_is_not_yet_given() -> None:
    def loader(device: str) -> Any:
        generator = cb.Generator().manual_seed(3)
        return DataLoader(numbered(40), 4, shuffle=True, num_workers=2, generator=generator, device=device)

    here, there = loader("cpu"), loader("cuda:1")
    states, ahead = [], 0
    for _ in range(2):
        epochs = iter(here), iter(there)
        for (a, _), (b, _) in zip(*epochs, strict=True):
            time.sleep(0.02)
            ahead += epochs[1].fetched is not None
            assert a.tolist() == b.tolist() and str(here.state_dict()) == str(there.state_dict())
            states.append(there.state_dict())
        assert str(here.state_dict()) == str(there.state_dict())
    assert ahead > 5
    rest = loader("cuda:1")
    rest.load_state_dict(states[3])
    again = loader("cpu")
    whole = [x.tolist() for x, _ in again]
    assert [x.tolist() for x, _ in rest] == whole[4:]


class Breaks(Dataset):
    """Fails at one sample."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> Any:
        if index == 5:
            raise KeyError("sample 5")
        return np.float32(index)


def what_a_batch_raises_comes_at_its_turn() -> None:
    epoch, found = iter(DataLoader(Breaks(), 2, num_workers=1, device="cuda:1")), []
    for _ in range(4):
        time.sleep(0.05)
        try:
            found.append(next(epoch).tolist())
        except KeyError as error:
            found.append("sample 5" in str(error))
    assert found == [[0.0, 1.0], [2.0, 3.0], True, [6.0, 7.0]] and next(epoch, None) is None


class Images(Dataset):
    """Samples of which a batch is too large for a pipe."""

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> Any:
        return np.full((3, 64, 64), index, np.float32), index


def memory_of_workers_is_pinned_where_it_lies() -> None:
    from cupy.cuda import pinned_memory

    def values() -> list[float]:
        return [x[:, 0, 0, 0].sum().item() for x, _ in DataLoader(Images(), 4, num_workers=2, device="cuda:1")]

    assert not pinned_memory.registered
    loader = DataLoader(Images(), 4, num_workers=2, device="cuda:1", persistent_workers=True)
    kept = None
    for _ in range(2):
        found = []
        for x, y in loader:
            # Most are lent; the pins go with the last array that lies there.
            assert pinned_memory.registered and y.device is ONE
            found.append((x[:, 0, 0, 0].sum() * 1).item())
        assert found == [6.0, 22.0, 38.0]
        if kept is None:
            kept = next(iter(DataLoader(Images(), 4, num_workers=1, pin_memory=True)))[0]
    assert kept.is_pinned() and kept[0, 0, 0, 0].item() == 0.0
    del loader
    gc.collect()
    assert not pinned_memory.registered
    cupy.cuda.registers[0] = False
    try:
        assert values() == [6.0, 22.0, 38.0] and not pinned_memory.registered
    finally:
        cupy.cuda.registers[0] = True
    del x, y
    cb.release_memory("cuda:1")
    assert not order.hazards, order.hazards


class Weighted(Dataset):
    """Samples that are made on a card, in whatever process."""

    def __init__(self) -> None:
        self.weight = cb.ones(3, device="cuda:1")

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Any:
        return (self.weight * index).sum()


def workers_that_are_forked_stay_on_the_host() -> None:
    forked = {"num_workers": 1, "multiprocessing_context": "fork"}
    assert sums(DataLoader(numbered(8), 4, device="cuda:1", **forked)) == [72.0, 232.0]
    words = ("DataLoader worker 0", "CUDA does not survive a fork", "return host tensors")
    refused(DeviceError, lambda: list(DataLoader(Weighted(), 2, **forked)), *words)
    with ONE:
        assert [str(x.device) for x in DataLoader(range(8), 4, **forked)] == ["cpu", "cpu"]
    cb.set_default_device(ONE)
    assert [str(x.device) for x in DataLoader(range(8), 4, **forked)] == ["cpu", "cpu"]
    cb.set_default_device(None)
    # Those of a fork server have a CUDA of their own.
    assert [x.tolist() for x in DataLoader(Weighted(), 2, num_workers=1)] == [[0.0, 3.0], [6.0, 9.0]]


class OnTheCard(Dataset):
    """Samples that lie on the card already."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Any:
        return cb.full((2,), float(index), device="cuda:1")


def batches_that_lie_there_stay_there() -> None:
    found = list(DataLoader(OnTheCard(), batch_size=2, device="cuda:1"))
    assert [x.tolist()[0][0] for x in found] == [0.0, 2.0, 4.0] and not order.hazards


# Memory.


def figures_of_memory() -> None:
    before = ONE.memory()
    x = cb.zeros(1024, device="cuda:1")
    now = ONE.memory()
    assert now["allocated"] - before["allocated"] == 4096 and now["total"] == 8 * 2**30
    assert now["reserved"] >= now["allocated"] and now["free"] <= now["total"] - now["reserved"]
    assert cb.cuda.memory_allocated(1) == now["allocated"] and cb.cuda.mem_get_info(1) == (now["free"], now["total"])
    del x
    cb.release_memory("cuda:1")
    assert cb.cuda.memory_reserved(1) == cb.cuda.memory_allocated(1) == before["allocated"]
    assert cb.device("cpu").memory() == {"allocated": 0, "reserved": 0}


def the_peak_is_counted_once_asked_for() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        cb.cuda.max_memory_allocated(1)
    assert "counted from now on" in str(told[0].message)
    cb.cuda.reset_peak_memory_stats(1)
    start = cb.cuda.memory_allocated(1)
    x = cb.zeros(2048, device="cuda:1")
    y = cb.zeros(1024, device="cuda:1")
    del x, y
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cb.cuda.max_memory_allocated(1) == start + 12288
        cb.cuda.reset_peak_memory_stats(1)
        assert cb.cuda.max_memory_allocated(1) == start
        cb.core.memory.reset_peak_memory("cuda:0")
        z = cb.zeros(1024, device="cuda:1")
        assert cb.cuda.max_memory_allocated(1) == start + 4096 and cb.cuda.max_memory_allocated(0) < 2**20
        del z
    ONE.backend.set_allocator("pool")
    assert "peak" not in ONE.memory()


def too_little_memory_says_who_holds_it() -> None:
    used = ONE.memory()["allocated"]
    kept = cb.zeros(2**20 // 4, device="cuda:1")
    cb.set_memory_limit(used + 2**21, "cuda:1")
    x = cb.zeros(2**18 - 256, device="cuda:1", requires_grad=True)
    try:
        refused(
            OutOfMemoryError, lambda: x * 2, "multiply(", "float32 (261888,)", "out of memory on 'cuda:1'",
            "1023.00 KiB wanted", "in tensors", "held by others", "limited to 2.", "smaller batches",
            "candelabra.checkpoint", "candelabra.set_memory_limit",
        )  # fmt: skip
        refused(OutOfMemoryError, lambda: cb.ones(2**20).to("cuda:1"), "to_device", "out of memory on 'cuda:1'")
        refused(MemoryError, lambda: cb.ones(2**20, device="cuda:1"), "ones")
        assert x.tolist()[:2] == [0.0, 0.0] and ONE.memory()["limit"] == used + 2**21
    finally:
        cb.set_memory_limit(None, "cuda:1")
    assert (x * 2).shape == x.shape and "limit" not in ONE.memory()
    del kept


def limits_are_bytes_or_parts() -> None:
    cb.set_memory_limit(0.5, "cuda:1")
    assert ONE.memory()["limit"] == 4 * 2**30
    cb.cuda.set_per_process_memory_fraction(0.25, 1)
    assert ONE.memory()["limit"] == 2 * 2**30 and "limit" not in cb.device("cuda:0").memory()
    cb.set_memory_limit(None, "cuda:1")
    for wrong in (-1, 0, 1.5, float("nan")):
        refused(ArgumentError, lambda wrong=wrong: cb.set_memory_limit(wrong, "cuda:1"), f"{wrong!r} is no limit")
    refused(ArgumentTypeError, lambda: cb.set_memory_limit("1G", "cuda:1"), "bytes, a part")
    refused(DeviceError, lambda: cb.set_memory_limit(10, "cpu"), "knows no limit")


def memory_may_come_from_elsewhere() -> None:
    log: list[tuple[str, int, int]] = []

    def allocate(size: int, card: int) -> int:
        log.append(("allocate", size, card))
        return 4096

    cb.set_allocator((allocate, lambda address, card: log.append(("free", address, card))), "cuda:1")
    x = cb.zeros(10, device="cuda:1")
    assert log == [("allocate", 40, 1)] and ONE.memory()["allocated"] == 0
    refused(DeviceError, lambda: cb.set_memory_limit(100, "cuda:1"), "two functions", "only pools do")
    refused(DeviceError, lambda: cb.cuda.reset_peak_memory_stats(1), "two functions")
    for name in ("async", "managed", "direct"):
        cb.set_allocator(name, "cuda:1")
        y = cb.zeros(10, device="cuda:1")
        assert ONE.memory()["allocated"] == (0 if name == "direct" else 512), name
        del y
    calls: list[int] = []
    pool = cupy.cuda.MemoryPool()
    cb.set_allocator(lambda size: calls.append(size) or pool.malloc(size), "cuda:1")
    cb.zeros(3, device="cuda:1")
    assert calls == [12]
    cb.set_allocator("pool", "cuda:1")
    # It goes back to where it came from.
    del x
    assert log[1] == ("free", 4096, 1)
    refused(ArgumentError, lambda: cb.set_allocator("best", "cuda:1"), "'best' is none", "'managed'")
    refused(ArgumentTypeError, lambda: cb.set_allocator(5, "cuda:1"), "MemoryPointer")
    refused(DeviceError, lambda: cb.set_allocator("pool", "cpu"), "takes no allocator")


def an_allocator_that_fails_is_told_as_what_it_is() -> None:
    def allocate(size: int, card: int) -> int:
        raise MemoryError("none left")

    cb.set_allocator((allocate, lambda address, card: None), "cuda:1")
    try:
        refused(OutOfMemoryError, lambda: cb.zeros(10, device="cuda:1"), "zeros", "none left", "out of memory")
    finally:
        cb.set_allocator("pool", "cuda:1")


def the_listing_tells_of_the_cards() -> None:
    facts = ONE.backend.describe()
    assert facts["card 1"].startswith("Stand-in card 1, compute capability 9.0, ")
    assert facts["card 1"].endswith("of 8.0 GiB free")
    assert facts["memory from"] == "CuPy's pool, which keeps what is let go" and facts["CUDA"] == "12090, driver 13000"


if __name__ == "__main__":
    run(sys.modules[__name__])
