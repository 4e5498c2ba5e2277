"""What holds of CUDA devices, on two cards of the stand-in; each function is a test of its own."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any

import candelabra as cb
import cupy
import numpy as np
from candelabra import nn, optim
from candelabra.backends.cupy.launch import Launcher
from candelabra.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    DeviceError,
    DeviceMismatchError,
    ExchangeError,
    IndexOutOfRangeError,
)
from cupy.cuda import order
from pretended import refused, run

ONE = cb.device("cuda:1")
current = cupy.cuda.runtime.getDevice

# The current card.


def operations_run_where_their_operands_lie() -> None:
    x = cb.randn(6, 4, device="cuda:1", requires_grad=True)
    layer = nn.Sequential(nn.Linear(4, 5), nn.LayerNorm(5), nn.GELU(), nn.Linear(5, 3)).to("cuda:1")
    optimizer = optim.AdamW(layer.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(layer(x), cb.tensor([0, 1, 2, 0, 1, 2], device="cuda:1"))
        loss.backward()
        optimizer.step()
    for tensor in (x.grad, loss, *layer.parameters(), *(p.grad for p in layer.parameters())):
        assert tensor.device is ONE and tensor.array.device.id == 1
    assert current() == 0


def a_model_on_two_cards_learns() -> None:
    first, second = nn.Linear(3, 8).to("cuda:0"), nn.Linear(8, 1).to("cuda:1")
    optimizer = optim.SGD([*first.parameters(), *second.parameters()], lr=0.1)
    x, y, losses = cb.randn(20, 3, device="cuda:0"), cb.randn(20, 1, device="cuda:1"), []
    for _ in range(10):
        optimizer.zero_grad()
        loss = ((second(cb.tanh(first(x)).to("cuda:1")) - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] and first.weight.grad.array.device.id == 0


def a_gradient_used_twice_is_summed_on_its_card() -> None:
    x = cb.ones(3, device="cuda:1", requires_grad=True)
    y = x * 2
    (y * y + y * 3 + y).sum().backward()
    assert x.grad.tolist() == [16.0, 16.0, 16.0] and x.grad.array.device.id == 1


def writes_in_place_are_made_on_their_card() -> None:
    x = cb.zeros(4, device="cuda:1")
    x += 1
    x[1] = 5.0
    x[cb.tensor([2], device="cuda:1")] = 7.0
    x.mul_(cb.full((4,), 2.0, device="cuda:1"))
    assert x.tolist() == [2.0, 10.0, 14.0, 2.0] and x.array.device.id == 1


def derivatives_of_higher_order_and_batches_stay_on_their_card() -> None:
    x = cb.tensor([1.0, 2.0], device="cuda:1")
    hessian = cb.func.hessian(lambda v: (v**3).sum())(x)
    assert hessian.device is ONE and hessian.tolist() == [[6.0, 0.0], [0.0, 12.0]]
    assert cb.func.vmap(lambda v: v.sum() * v)(cb.ones((2, 3), device="cuda:1")).array.device.id == 1


def threads_begin_at_the_first_card_and_compute_on_any() -> None:
    found: list[Any] = []

    def work() -> None:
        found.append((current(), (cb.ones(3, device="cuda:1") * 2).sum().item(), current()))

    cupy.cuda.runtime.setDevice(1)
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert found == [(0, 6.0, 0)]
        assert (cb.ones(2, device="cuda:0") + 1).array.device.id == 0 and current() == 1
    finally:
        cupy.cuda.runtime.setDevice(0)


def the_name_alone_is_the_current_card() -> None:
    assert cb.zeros(1, device="cuda").device is cb.device("cuda:0").resolved()
    cb.cuda.set_device(1)
    try:
        assert cb.zeros(1, device="cuda").device is ONE and cb.cuda.current_device() == 1
    finally:
        cb.cuda.set_device(0)
    with cb.device("cuda:1"):
        assert cb.ones(2).array.device.id == 1 and cb.tensor([1.0]).device is ONE
    cb.set_default_device("cuda:1")
    try:
        assert cb.rand(2).array.device.id == 1 and current() == 0
    finally:
        cb.set_default_device(None)


def an_error_leaves_the_current_card_as_it_was() -> None:
    refused(Exception, lambda: cb.ones((2, 3), device="cuda:1") @ cb.ones((2, 3), device="cuda:1"), "matmul")
    assert current() == 0


def a_card_that_is_not_there_is_refused() -> None:
    words = ("device 'cuda:7' is not there", "2 devices (cuda:0 to cuda:1)")
    refused(DeviceError, lambda: cb.ones(1).to("cuda:7"), *words)
    refused(DeviceError, lambda: cb.Stream("cuda:7"), *words)
    refused(DeviceError, lambda: cb.cuda.set_device(7), *words)


def operands_on_two_cards_are_refused() -> None:
    refused(DeviceMismatchError, lambda: cb.ones(2, device="cuda:0") + cb.ones(2, device="cuda:1"), "cuda:0 and cuda:1")


def a_copy_between_cards_waits_on_both_sides() -> None:
    streams = cb.Stream("cuda:0"), cb.Stream("cuda:1")
    with streams[0], streams[1]:
        x = cb.arange(6.0, device="cuda:0").reshape((2, 3)).T
        y = x.to("cuda:1")
        assert y.array.device.id == 1
        z = y + 1
        del x
    assert not order.hazards, order.hazards
    streams[1].synchronize()
    assert z.tolist() == [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]
    assert cb.zeros((0, 3), device="cuda:0").to("cuda:1").shape == (0, 3)


# Streams and events.


def work_goes_to_the_current_stream() -> None:
    stream = ONE.stream()
    assert ONE.current_stream() == ONE.default_stream() != stream
    with stream:
        assert ONE.current_stream() == stream and cb.device("cuda:0").current_stream() != stream
        with cb.Stream("cuda:1") as inner:
            assert ONE.current_stream() == inner
        assert ONE.current_stream() == stream
        # As in PyTorch, its card is the current one.
        assert cb.zeros(1, device="cuda").device is ONE
        x = cb.ones(3, device="cuda:1") * 2
    assert ONE.current_stream() == ONE.default_stream() and current() == 0
    assert x.array.data.mem.uses.made[0] == (1, stream.native.ptr)


def what_is_not_waited_for_is_found_by_the_stand_in() -> None:
    stream = ONE.stream()
    with stream:
        x = cb.ones(3, device="cuda:1")
    x + 1
    assert len(order.hazards) == 1 and "not waited for" in order.hazards[0]
    del x
    assert len(order.hazards) == 2 and "let go" in order.hazards[1]
    order.hazards.clear()


def streams_wait_for_each_other() -> None:
    stream = ONE.stream()
    a = cb.ones(3, device="cuda:1")
    stream.wait_stream(ONE.current_stream())
    with stream:
        b = a * 2
        event = stream.record_event()
    a.record_stream(stream)
    del a
    event.wait()
    c = b + 1
    b.record_stream(ONE.current_stream())
    del b
    cb.release_memory("cuda:1")
    assert not order.hazards, order.hazards
    assert c.tolist() == [3.0, 3.0, 3.0]


def memory_that_another_stream_uses_waits_for_it() -> None:
    backend = ONE.backend
    kept = backend.streams.kept
    for covered in (True, False):
        stream = ONE.stream()
        x = cb.ones(1000, device="cuda:1")
        view = x[:10]
        stream.wait_stream(ONE.current_stream())
        with stream:
            y = x * 2
            if covered:
                view.record_stream(stream)
        order.busy.add(stream.native.ptr)
        used = ONE.memory()["allocated"]
        del x
        assert ONE.memory()["allocated"] == used
        del view
        cb.release_memory("cuda:1")
        if covered:
            # Its stream is not done: nobody else gets the memory.
            assert len(kept) == 1 and ONE.memory()["allocated"] == used and not order.hazards
            order.busy.clear()
            assert ONE.memory()["allocated"] < used and len(kept) == 0 and not order.hazards
        else:
            assert len(order.hazards) == 1 and "is let go while stream" in order.hazards[0]
            order.hazards.clear()
            order.busy.clear()
        stream.synchronize()
        del y


def events_measure() -> None:
    start, end = ONE.event(enable_timing=True), ONE.event(enable_timing=True)
    refused(DeviceError, lambda: start.elapsed_time(end), "the first event was not recorded")
    start.record()
    cb.ones(100, device="cuda:1") + 1
    end.record()
    end.synchronize()
    assert end.query() and start.elapsed_time(end) > 0
    plain = ONE.event()
    plain.record()
    refused(DeviceError, lambda: plain.elapsed_time(end), "enable_timing=True")
    stream = ONE.stream()
    order.busy.add(stream.native.ptr)
    end.record(stream)
    assert not end.query() and not stream.query()
    refused(DeviceError, lambda: start.elapsed_time(end), "the second event has not happened")
    order.busy.clear()
    refused(DeviceError, lambda: start.record(cb.Stream("cuda:0")), "cuda:1", "cuda:0")
    refused(ArgumentTypeError, lambda: stream.wait_event(stream), "an Event is needed")
    refused(DeviceMismatchError, lambda: cb.ones(1).record_stream(stream), "record_stream")


def pytorchs_names_of_streams() -> None:
    stream, event = cb.cuda.Stream(1), cb.cuda.Event(enable_timing=True)
    assert isinstance(stream, cb.Stream) and stream.device is ONE
    with cb.cuda.stream(stream):
        assert cb.cuda.current_stream() == stream
        event.record()
    assert event.device is ONE
    with cb.cuda.stream(None):
        assert cb.cuda.current_stream().device is cb.device("cuda:0").resolved()
    foreign = cb.cuda.ExternalStream(stream.native.ptr, 1)
    assert foreign == stream
    cb.cuda.set_stream(stream)
    assert cb.cuda.current_device() == 1 and cb.cuda.current_stream(1) == stream
    cb.cuda.set_stream(cb.cuda.default_stream(1))
    cb.cuda.set_device(0)
    refused(ArgumentError, lambda: cb.cuda.Event(interprocess=True), "interprocess")
    refused(DeviceError, lambda: cb.cuda.Stream("cpu"), "none of CUDA's")
    assert cb.cuda.get_device_capability(1) == (9, 0)


def an_event_of_a_card_holds_up_the_host() -> None:
    stream = cb.Stream("cuda:1")
    with stream:
        cb.ones(3, device="cuda:1")
    before = cupy.cuda.counts["synchronisations"]
    cb.device("cpu").current_stream().wait_stream(stream)
    assert cupy.cuda.counts["synchronisations"] == before + 1


def threads_have_streams_of_their_own() -> None:
    stream, found = ONE.stream(), []
    with stream:
        thread = threading.Thread(target=lambda: found.append(ONE.current_stream() == stream))
        thread.start()
        thread.join()
    assert found == [False]


def waiting_tells_of_bad_indices() -> None:
    weight = cb.ones((3, 2), device="cuda:1")
    for wait in (ONE.synchronize, lambda: cb.synchronize("cuda:1"), ONE.current_stream().synchronize):
        cb.embedding(weight, cb.tensor([5], device="cuda:1"))
        refused(IndexOutOfRangeError, wait, "embedding: index 5 is out of range for size 3")
    event = ONE.event()
    cb.embedding(weight, cb.tensor([5], device="cuda:1"))
    event.record()
    refused(IndexOutOfRangeError, event.synchronize, "embedding")


def bad_indices_of_every_stream_are_told() -> None:
    streams = ONE.stream(), ONE.stream()
    weight, bad = cb.ones((3, 2), device="cuda:1"), cb.tensor([5], device="cuda:1")
    good = cb.tensor([1], device="cuda:1")
    for stream in streams:
        stream.wait_stream(ONE.current_stream())
    with streams[0]:
        cb.gather(weight, bad[None] * 0, axis=0)
        ONE.backend.to_host(cb.embedding(weight, good).array)
    with streams[1]:
        cb.embedding(weight, bad)
        found = cb.embedding(weight, good)
        refused(IndexOutOfRangeError, found.tolist, "embedding: index 5")
    # A stream that nobody has waited for may still tell, until the whole card is waited for.
    possible = ONE.backend.gpu._fault_streams[1]
    with streams[0]:
        cb.embedding(weight, good)
    ONE.current_stream().synchronize()
    assert possible == {streams[0].native.ptr}
    ONE.synchronize()
    assert not possible
    for tensor in (weight, good, bad):
        for stream in streams:
            tensor.record_stream(stream)
    del tensor, weight, good, bad, found
    cb.release_memory("cuda:1")
    assert not order.hazards, order.hazards


# DLPack.


class Foreign:
    """Another library's array on a card: it notes what it is asked."""

    def __init__(self, array: Any, stream: Any = None, grad: bool = False) -> None:
        self.array, self.stream, self.grad = array, stream, grad
        self.asked: list[dict[str, Any]] = []

    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, self.array.device.id)

    def __dlpack__(self, **asked: Any) -> Any:
        self.asked.append(asked)
        if self.grad:
            raise BufferError("Can't export tensors that require gradient")
        assert current() == self.array.device.id
        if self.stream is None:
            return self.array.__dlpack__(**asked)
        with self.stream:
            return self.array.__dlpack__(**asked)


def on_card(card: int, stream: Any = None) -> Foreign:
    with cupy.cuda.Device(card):
        if stream is None:
            return Foreign(cupy.arange(4.0))
        with stream:
            return Foreign(cupy.arange(4.0), stream)


def arrays_of_other_libraries_are_shared_where_they_lie() -> None:
    for make in (cb.from_dlpack, cb.asarray, cb.as_tensor):
        given = on_card(1)
        found = make(given)
        assert found.device is ONE and found.array.data.ptr == given.array.data.ptr
        assert given.asked[0]["stream"] == 1
        # What somebody else holds is never written into.
        found += 1
        assert given.array.tolist() == [0.0, 1.0, 2.0, 3.0] and found.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert cb.asarray(on_card(1), dtype=cb.float32).dtype is cb.float32
    copied = cb.from_dlpack(given, copy=True)
    assert copied.array.data.ptr != given.array.data.ptr
    with cupy.cuda.Device(1):
        own = cupy.arange(3)
    assert cb.asarray(own).device is ONE and cb.asarray(own).array.data.ptr == own.data.ptr


def the_producer_waits_into_our_current_stream() -> None:
    with cupy.cuda.Device(1):
        theirs = cupy.cuda.Stream(non_blocking=True)
    given = on_card(1, theirs)
    with ONE.stream() as stream:
        found = cb.from_dlpack(given)
        assert given.asked[0]["stream"] == stream.native.ptr
        found + 1
    # It goes back to its owner, who does not know of our stream.
    found.record_stream(stream)
    del found, given
    cb.release_memory("cuda:1")


def a_consumer_is_told_on_its_stream() -> None:
    ours = ONE.stream()
    with ours:
        x = cb.ones(3, device="cuda:1") * 2
        with cupy.cuda.Device(1):
            theirs = cupy.cuda.Stream(non_blocking=True)
        array = x.__dlpack__(stream=theirs.ptr, max_version=(1, 0))
        x.record_stream(cb.cuda.ExternalStream(theirs.ptr, 1))
    with cupy.cuda.Device(1), theirs:
        array * 2
    assert x.__dlpack_device__() == (2, 1)
    with ours:
        shared = x.__dlpack__(stream=-1)
        # It has a reader now.
        x += 1
        assert shared.tolist() == [2.0, 2.0, 2.0] and x.tolist() == [3.0, 3.0, 3.0]


def copies_that_a_consumer_asks_for() -> None:
    x = cb.arange(3.0, device="cuda:1")
    assert np.from_dlpack(x, device="cpu").tolist() == [0.0, 1.0, 2.0]
    assert x.__dlpack__(copy=True).data.ptr != x.array.data.ptr
    other = x.__dlpack__(dl_device=(2, 0))
    assert other.device.id == 0 and other.tolist() == [0.0, 1.0, 2.0]
    refused(ExchangeError, lambda: x.__dlpack__(dl_device=(2, 0), copy=False), "copy=False")
    refused(ExchangeError, lambda: x.__dlpack__(dl_device=(8, 0)), "unsupported device")
    refused(ExchangeError, lambda: np.from_dlpack(x, device="cpu", copy=False), "without copy")
    cb.embedding(cb.ones((3, 2), device="cuda:1"), cb.tensor([9], device="cuda:1"))
    refused(IndexOutOfRangeError, lambda: np.from_dlpack(x, device="cpu"), "embedding")


def memory_of_another_card_is_copied() -> None:
    given = on_card(0)
    found = cb.from_dlpack(given, device="cuda:1")
    assert found.array.device.id == 1 and found.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert cb.asarray(on_card(0), device="cuda:1").array.device.id == 1
    assert cb.from_dlpack(given, device="cpu").tolist() == [0.0, 1.0, 2.0, 3.0]
    refused(ExchangeError, lambda: cb.from_dlpack(given, device="cuda:1", copy=False), "a copy to 'cuda:1'")
    with cupy.cuda.Device(0):
        own = cupy.arange(3)
    assert cb.asarray(own, device="cuda:1").array.device.id == 1


def what_cannot_be_shared_says_why() -> None:
    given = on_card(1)
    given.grad = True
    for make in (cb.from_dlpack, cb.asarray):
        refused(ExchangeError, lambda make=make: make(given), "Foreign on cuda:1 cannot be shared", "require gradient")


# After a fork.


def a_forked_process_is_told_why_it_cannot() -> None:
    x = cb.ones(3, device="cuda:1")
    y = x + 1
    stream, reader_writer = ONE.stream(), os.pipe()
    child = os.fork()
    if child == 0:
        told = []
        for attempt in (
            lambda: x + y, lambda: x.add_(1), lambda: x.tolist(), lambda: x.cpu(), lambda: x.to("cuda:0"),
            lambda: cb.ones(2, device="cuda"), lambda: cb.ones(2).to("cuda:1"), lambda: ONE.synchronize(),
            lambda: ONE.memory(), lambda: ONE.stream(), lambda: stream.synchronize(), lambda: x.clone(),
            lambda: x.sum(), lambda: x[0], lambda: x.__dlpack__(),
        ):  # fmt: skip
            try:
                attempt()
                told.append("nothing was raised")
            except Exception as error:
                told.append(f"{type(error).__name__}: {error}")
        # What needs no card still works.
        told.append(f"{tuple(x.shape)} {x.dtype.name} {x.device} {cb.ones(2).sum().item()}")
        os.write(reader_writer[1], json.dumps(told).encode())
        os._exit(0)
    os.close(reader_writer[1])
    with os.fdopen(reader_writer[0], "rb") as pipe:
        told = json.loads(pipe.read())
    os.waitpid(child, 0)
    assert told.pop() == "(3,) float32 cuda:1 2.0"
    for text in told:
        assert "Error: " in text and "CUDA does not survive a fork" in text and "'spawn' or 'forkserver'" in text, text
    assert (x + y).tolist() == [3.0, 3.0, 3.0]


def threads_that_meet_on_the_first_look_up_share_what_it_makes() -> None:
    made, meeting = [], threading.Barrier(3)

    class Slow:
        def __getattr__(self, name: str) -> Any:
            return getattr(cupy, name)

        def zeros(self, *given: Any) -> Any:
            time.sleep(0.05)
            made.append(cupy.zeros(*given))
            return made[-1]

    gpu, lines = Launcher(Slow()), {}

    def look_up(name: str) -> None:
        meeting.wait()
        lines[name] = gpu.fault(name)

    threads = [threading.Thread(target=look_up, args=(name,)) for name in ("take", "gather", "scatter")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert sorted(line.data.ptr - made[0].data.ptr for line in lines.values()) == [0, 24, 48]


if __name__ == "__main__":
    run(sys.modules[__name__])
