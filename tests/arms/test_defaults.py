"""The default device, by context, by the process and by the environment, and the list of devices."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn


def at(name: str) -> cb.device:
    return cb.device(name).resolved()


def test_what_is_made_inside_lies_there(arm):
    with cb.device(arm):
        made = [
            cb.zeros(2), cb.ones((2, 2)), cb.full((2,), 3.0), cb.arange(4), cb.linspace(0, 1, 3), cb.eye(2),
            cb.empty(2), cb.tensor([1.0]), cb.asarray([1, 2]), cb.as_tensor(2.0), cb.rand(3), cb.randn(2),
            cb.randint(0, 5, (3,)), cb.randperm(4), cb.tril(cb.ones((2, 2))), cb.asarray(np.ones(2, np.float32)),
        ]  # fmt: skip
        model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.LSTM(3, 2), nn.Embedding(3, 2))
        inner = cb.zeros_like(cb.zeros(2, device="cpu"))
    assert all(x.device == at(arm) for x in made), [str(x.device) for x in made]
    assert all(t.device == at(arm) for t in model.state_dict().values())
    assert inner.device == at("cpu") and cb.zeros(2).device == at("cpu")
    assert made[6].shape == (2,) and model[0](made[1]).device == at(arm)


def test_contexts_nest_and_leave_by_errors(installed):
    seen = []
    with cb.device("cpu"):
        for name in installed:
            with cb.device(name):
                seen.append(cb.ones(1).device)
                with cb.device("cpu"):
                    seen.append(cb.ones(1).device)
                with pytest.raises(ZeroDivisionError), cb.device("cpu"):
                    1 // 0
                seen.append(cb.get_default_device())
    assert seen == [at(d) for name in installed for d in (name, "cpu", name)]
    assert cb.get_default_device() == at("cpu")


def test_a_default_is_its_threads_own(arm):
    found, ready, done = [], threading.Barrier(2), threading.Event()

    def other() -> None:
        ready.wait()
        found.append(cb.ones(1).device)
        with cb.device(arm):
            found.append(cb.ones(1).device)
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with cb.device(arm):
        ready.wait()
        assert done.wait(60)
        assert cb.ones(1).device == at(arm)
    thread.join()
    assert found == [at("cpu"), at(arm)]


def test_a_default_of_the_process(arm):
    cb.set_default_device(arm)
    try:
        assert cb.ones(1).device == at(arm) == cb.get_default_device()
        with cb.device("cpu"):
            assert cb.ones(1).device == at("cpu")
        found = []
        thread = threading.Thread(target=lambda: found.append(cb.ones(1).device))
        thread.start()
        thread.join()
        assert found == [at(arm)]
    finally:
        cb.set_default_device(None)
    assert cb.ones(1).device == at("cpu")


def test_a_default_of_the_environment(arm):
    program = (
        "import candelabra as cb\n"
        "model = cb.nn.Linear(2, 1)\n"
        "x = cb.ones(3, 2)\n"
        "loss = model(x).sum(); loss.backward()\n"
        "print(x.device.type, model.weight.grad.device.type, cb.zeros(1, device='cpu').device.type)"
    )
    environment = {**os.environ, "CANDELABRA_DEFAULT_DEVICE": arm}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=300)
    assert done.stdout.split() == [arm, arm, "cpu"], done.stderr


def test_devices_are_listed(installed):
    listed = cb.devices()
    assert listed[0] == at("cpu") and len(set(map(str, listed))) == len(listed)
    types = [device.type for device in listed]
    assert set(installed) <= set(types), types
    for device in listed:
        assert cb.ones(2, device=device).device == device, device


def test_the_same_seed_gives_the_same_model_everywhere(place):
    cb.manual_seed(3)
    with cb.device(place):
        there = nn.Linear(4, 3)
    cb.manual_seed(3)
    here = nn.Linear(4, 3)
    assert np.array_equal(there.weight.detach().cpu().numpy(), here.weight.detach().numpy())
