"""Streams, events and memory on devices that do at once what they are asked: the same programs run there."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import candelabra as cb
import pytest
from candelabra.core.errors import ArgumentTypeError, DeviceError, DeviceMismatchError
from candelabra.data import DataLoader


@pytest.fixture(params=["cpu", "strict:1"])
def device(request: pytest.FixtureRequest) -> Any:
    if request.param != "cpu":
        pytest.importorskip("candelabra_strict")
    return cb.device(request.param)


def test_the_current_stream_is_the_threads(device: Any) -> None:
    stream, default = device.stream(), device.current_stream()
    assert stream != default and default == device.default_stream() == cb.core.stream.current_stream(device)
    found = []
    with stream as entered:
        assert entered is stream and device.current_stream() == stream
        with cb.Stream(device, priority=-1) as inner:
            assert device.current_stream() == inner != stream
        assert device.current_stream() == stream
        thread = threading.Thread(target=lambda: found.append(device.current_stream()))
        thread.start()
        thread.join()
    assert device.current_stream() == default and found == [default]
    with pytest.raises(KeyError), stream:
        raise KeyError
    assert device.current_stream() == default and len({stream, default, device.current_stream()}) == 2


def test_waiting_is_nothing(device: Any) -> None:
    stream, event = cb.Stream(device), cb.Event(device)
    assert event.query() and stream.query()
    with stream:
        x = cb.ones(3, device=device) * 2
        event.record()
    x.record_stream(device.current_stream())
    for wait in (
        event.wait, event.synchronize, stream.synchronize, device.synchronize, lambda: cb.synchronize(device),
        lambda: device.current_stream().wait(stream), lambda: stream.wait(event), lambda: event.wait(stream),
        lambda: stream.wait_event(cb.Event(device)),
    ):  # fmt: skip
        assert wait() is None
    assert stream.record_event().query() and x.tolist() == [2.0, 2.0, 2.0]


def test_events_measure(device: Any) -> None:
    start, end = device.event(enable_timing=True), device.event(enable_timing=True)
    start.record()
    end.record()
    assert 0 < start.elapsed_time(end) < 1e5 and end.elapsed_time(start) < 0
    for one, other, text in (
        (device.event(), end, "the first event was made without timing"),
        (start, device.event(enable_timing=True), "the second event was not recorded"),
    ):
        with pytest.raises(DeviceError, match=text):
            one.elapsed_time(other)


def test_between_devices() -> None:
    pytest.importorskip("candelabra_strict")
    here, there = cb.Stream("cpu"), cb.Stream("strict:1")
    here.wait_stream(there)
    there.wait_event(here.record_event())
    with pytest.raises(DeviceError, match=r"one of 'cpu' and the stream one of 'strict:1'; make the event with"):
        cb.Event("cpu").record(there)
    start, end = cb.Event("cpu", enable_timing=True), cb.Event("strict:1", enable_timing=True)
    start.record()
    end.record()
    with pytest.raises(DeviceError, match="whose clocks differ"):
        start.elapsed_time(end)
    with pytest.raises(DeviceMismatchError, match="record_stream: operands are on different devices, cpu and strict:1"):
        cb.ones(2).record_stream(there)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: cb.Stream("cpu", priority="high"), "Stream: priority is an int, got 'high'"),
        (lambda: cb.Stream("cpu").wait_event(3), "Stream.wait_event: an Event is needed, got int"),
        (lambda: cb.Stream("cpu").wait_stream(None), "Stream.wait_stream: a Stream is needed, got NoneType"),
        (lambda: cb.Event(enable_timing=1), "Event: enable_timing is a bool, got 1"),
        (lambda: cb.Event().record("cpu"), "Event.record: a Stream is needed, got str"),
        (lambda: cb.Event(enable_timing=True).elapsed_time(2), "Event.elapsed_time: an Event is needed, got int"),
        (lambda: cb.ones(1).record_stream("s"), "record_stream: a Stream is needed, got str"),
        (lambda: cb.to_device(cb.ones(1), "strict", stream=1), "to_device: stream is a Stream, got int"),
    ],
)
def test_bad_input(call: Any, text: str) -> None:
    with pytest.raises(ArgumentTypeError, match=text):
        call()


def test_they_are_of_their_process(device: Any) -> None:
    for thing in (device.stream(), device.event()):
        assert copy.copy(thing) is thing and copy.deepcopy({"a": thing})["a"] is thing
        with pytest.raises(ArgumentTypeError, match="belong to their process"):
            pickle.dumps(thing)


def test_a_copy_on_a_stream(device: Any) -> None:
    x = cb.ones(2, requires_grad=True)
    y = cb.to_device(x, device, stream=cb.Stream(device), non_blocking=True)
    (y.to("cpu", non_blocking=True) * 3).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0] and x.to(device, cb.float32, True).device == device
    target = cb.zeros(2, device=device)
    assert target.copy_(x.detach(), non_blocking=True).tolist() == [1.0, 1.0]


def test_memory_of_a_library_that_does_not_tell(device: Any) -> None:
    assert device.memory() == {"allocated": 0, "reserved": 0}
    assert cb.release_memory(device) is None
    name = device.backend.name
    for call, text in (
        (lambda: cb.set_memory_limit(1 << 30, device), f"backend '{name}' knows no limit of its memory"),
        (lambda: cb.set_allocator("pool", device), f"backend '{name}' takes no allocator"),
        (lambda: cb.core.memory.reset_peak_memory(device), f"backend '{name}' does not count"),
        (lambda: device.backend.streams.external(1, 0), f"backend '{name}' takes no streams of other libraries"),
        (lambda: device.backend.empty_pinned((1,), "f4"), f"backend '{name}' has no pinned memory"),
    ):
        with pytest.raises(DeviceError, match=text):
            call()


def test_batches_come_to_any_device(device: Any) -> None:
    for x in DataLoader([cb.ones(2), cb.zeros(2)], batch_size=2, device=device):
        assert x.device == device and x.tolist() == [[1.0, 1.0], [0.0, 0.0]]
