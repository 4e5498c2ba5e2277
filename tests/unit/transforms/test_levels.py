"""Levels are used again with what was built for them, and keep nothing that is not."""

from __future__ import annotations

import gc
import threading
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import func
from candelabra.core.device import Device
from candelabra.core.implementation import Implementation

W = cb.tensor(np.random.default_rng(0).standard_normal((3, 3)), requires_grad=True)
X = cb.ones((4, 3), dtype=cb.float64)


def everything() -> None:
    """Transformations with and without a tape that names their levels."""

    def scalar(v: Any) -> Any:
        return cb.tanh(W @ v).sum()

    func.hessian(scalar)(X[0])
    func.jacrev(func.jacrev(scalar))(X[0])
    func.vmap(func.grad(scalar))(X)
    func.vmap(lambda s: func.jvp(func.grad(scalar), (s,), (s,))[1])(X).sum().backward()
    func.vmap(func.vmap(lambda s: s * 2))(X)
    W.grad = None


def test_devices_of_levels_do_not_pile_up() -> None:
    everything()
    gc.collect()
    before = len(Device._levelled)
    for _ in range(5):
        everything()
    gc.collect()
    assert len(Device._levelled) <= before


def test_a_second_map_builds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []
    own = Implementation._at_levels

    def counted(self: Implementation) -> None:
        built.append(self.row.name)
        own(self)

    def mapped() -> Any:
        return func.vmap(func.grad(lambda v: cb.sin(v * v).sum()))(X)

    mapped()
    monkeypatch.setattr(Implementation, "_at_levels", counted)
    mapped()
    assert built == []


def test_threads_have_levels_of_their_own() -> None:
    expected = func.vmap(func.hessian(lambda v: (v**3).sum()))(X * 2).numpy()
    wrong: list[Any] = []

    def run() -> None:
        for _ in range(20):
            found = func.vmap(func.hessian(lambda v: (v**3).sum()))(X * 2).numpy()
            if not np.allclose(found, expected):
                wrong.append(found)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_results_of_inner_derivatives_need_no_gradient_outside() -> None:
    weight = cb.tensor([1.0, 2.0])
    found = func.grad(lambda x: (func.grad(lambda w: ((w * x) ** 3).sum())(weight) ** 2).sum())(weight)
    assert not found.requires_grad
    np.testing.assert_allclose(found.numpy(), 54 * weight.numpy() ** 9)
