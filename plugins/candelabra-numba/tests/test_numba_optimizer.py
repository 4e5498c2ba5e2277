"""Compiled optimizer steps against the backend's own, and what they leave to it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn, optim
from candelabra.backends.numpy import optimizer as plain_optimizer
from candelabra.backends.numpy import optimizer_adaptive, optimizer_plain
from candelabra_numba import optimizer

pytest.importorskip("numba")
OWN: dict[str, Any] = {**plain_optimizer.KERNELS, **optimizer_adaptive.KERNELS, **optimizer_plain.KERNELS}
SHAPES = ((7, 5), (300,), (), (2, 3, 4))
STEPS = (1, 2, 5, 1000)
BOTH = (False, True)
# By row: how many lists it takes, and what each static may be.
CASES: dict[str, tuple[int, dict[str, Any]]] = {
    "adadelta_step": (4, {"lr": [0.1], "rho": [0.9], "eps": [1e-6], "weight_decay": [0, 0.01], "maximize": BOTH}),
    "adagrad_step": (
        3, {"steps": [STEPS], "lr": [0.1], "lr_decay": [0, 0.1], "eps": [1e-8], "weight_decay": [0, 0.01],
            "maximize": BOTH},
    ),
    "adam_step": (
        5, {"steps": [STEPS], "lr": [0.1], "beta1": [0.0, 0.9, 0.99], "beta2": [0.999], "eps": [1e-8],
            "weight_decay": [0, 0.01], "amsgrad": BOTH, "maximize": BOTH, "decoupled": BOTH},
    ),
    "adamax_step": (
        4, {"steps": [STEPS], "lr": [0.1], "beta1": [0.9], "beta2": [0.999], "eps": [1e-8], "weight_decay": [0, 0.01],
            "maximize": BOTH},
    ),
    "asgd_step": (
        3, {"etas": [(0.1, 0.2, 0.3, 0.4)], "mus": [(1, 0.5, 0.1, 0.9)], "lambd": [1e-4], "weight_decay": [0, 0.01],
            "maximize": BOTH},
    ),
    "average_step": (2, {"share": [0.1, 1.0]}),
    "nadam_step": (
        4, {"steps": [STEPS], "mu_products": [(0.9, 0.8, 0.3, 0.1)], "lr": [0.1], "beta1": [0.9], "beta2": [0.999],
            "eps": [1e-8], "weight_decay": [0, 0.01], "momentum_decay": [0.004], "decoupled": BOTH, "maximize": BOTH},
    ),
    "radam_step": (
        4, {"steps": [STEPS], "lr": [0.1], "beta1": [0.9], "beta2": [0.999], "eps": [1e-8], "weight_decay": [0, 0.01],
            "decoupled": BOTH, "maximize": BOTH},
    ),
    "rmsprop_step": (
        5, {"lr": [0.1], "rho": [0.9, 0.99], "eps": [1e-6], "weight_decay": [0, 0.01], "momentum": [0, 0.9],
            "centered": BOTH, "maximize": BOTH},
    ),
    "rprop_step": (4, {"shrink": [0.5], "grow": [1.2], "smallest": [1e-6], "largest": [50.0], "maximize": BOTH}),
    "sgd_step": (
        3, {"lr": [0.1], "momentum": [0, 0.9], "dampening": [0, 0.3], "weight_decay": [0, 0.01], "nesterov": BOTH,
            "maximize": BOTH, "first": [(True, False, True, False)]},
    ),
}  # fmt: skip
TOLERANCES = {"f": (3e-4, 1e-5), "F": (3e-4, 1e-5), "d": (1e-9, 1e-10), "D": (1e-9, 1e-10)}


@pytest.fixture(autouse=True)
def _everything_is_large_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimizer, "LEAST", 0)


def statics_of(name: str) -> Iterator[dict[str, Any]]:
    grid = CASES[name][1]
    for values in itertools.product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def lists_of(name: str, statics: dict[str, Any], dtype: str, order: Any = "C") -> list[list[np.ndarray]]:
    """Parameters and gradients of either sign, and a state that a few steps may have left."""
    rng = np.random.default_rng(0)
    pair = dtype in "FD"

    def draw(shape: tuple[int, ...], positive: bool) -> np.ndarray:
        parts = [rng.standard_normal(shape) for _ in range(1 + pair)]
        parts = [np.abs(part) + 1.0 for part in parts] if positive else parts
        return np.asarray(parts[0] + 1j * parts[1] if pair else parts[0]).astype(dtype, order=order)

    signed = 3 if name == "rprop_step" else 2
    lists = [[draw(shape, k >= signed) for shape in SHAPES] for k in range(CASES[name][0])]
    if name == "rmsprop_step" and statics["centered"]:
        # The mean of squares is at least the square of the mean.
        lists[4] = [np.asarray(x / 10) for x in lists[4]]
    for name_, last in (("momentum", 2 if name == "sgd_step" else 3), ("centered", 4), ("amsgrad", 4)):
        if name_ in statics and not statics[name_]:
            lists[last] = []
    return lists


@pytest.mark.parametrize("dtype", ["f", "d", "F", "D"])
@pytest.mark.parametrize("name", sorted(CASES))
def test_steps_are_the_backends_up_to_rounding(name: str, dtype: str) -> None:
    relative, absolute = TOLERANCES[dtype]
    for statics, order in itertools.product(statics_of(name), "CF"):
        lists = lists_of(name, statics, dtype, order)
        wanted = OWN[name](*[[x.copy(order="K") for x in part] for part in lists], **statics, donate=False)
        for donate in BOTH:
            given = [[x.copy(order="K") for x in part] for part in lists]
            found = optimizer.KERNELS[name](*given, **statics, donate=donate)
            assert found is not NotImplemented
            for ours, theirs in zip(found, wanted, strict=True):
                for x, y in zip(ours, theirs, strict=True):
                    assert x.shape == y.shape and x.dtype == y.dtype
                    np.testing.assert_allclose(x, y, relative, absolute, err_msg=f"{statics}")
            assert all(x is y for x, y in zip(found[0], given[0], strict=True)) == donate
            kept = [given[1]] if donate else given
            for ours, theirs in zip(kept, [lists[1]] if donate else lists, strict=True):
                for x, y in zip(ours, theirs, strict=True):
                    np.testing.assert_array_equal(x, y)


def adam(lists: list[list[np.ndarray]], **more: Any) -> Any:
    statics = {"steps": (1,) * len(lists[0]), "lr": 0.1, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0}
    statics |= {"amsgrad": False, "maximize": False, "decoupled": False, **more}
    return optimizer.adam_step(*lists, [], **statics, donate=True)


def test_gradients_of_another_layout_or_for_reading_alone_are_served() -> None:
    rng = np.random.default_rng(1)
    p, g = rng.standard_normal((2, 30, 20))
    wanted = adam([[p.copy()], [g.copy()], [np.zeros_like(p)], [np.zeros_like(p)]])[0][0]
    locked = g.copy()
    locked.flags.writeable = False
    wide = np.zeros((30, 40))
    wide[:, ::2] = g
    for gradient in (np.asfortranarray(g), locked, wide[:, ::2]):
        found = adam([[p.copy()], [gradient], [np.zeros_like(p)], [np.zeros_like(p)]])
        np.testing.assert_array_equal(found[0][0], wanted)


def test_what_is_not_served_is_left_alone() -> None:
    half = [[np.ones(8, np.float16)] for _ in range(4)]
    assert adam(half) is NotImplemented
    mixed = [[np.ones(8)], [np.ones(8)], [np.ones(8, np.float32)], [np.ones(8)]]
    assert adam(mixed) is NotImplemented
    gaps = np.zeros((4, 8))[:, ::2]
    assert adam([[gaps], [np.ones((4, 4))], [np.zeros((4, 4))], [np.zeros((4, 4))]]) is NotImplemented
    assert not gaps.any()


def test_a_gradient_that_is_not_finite_spoils_its_own_element_alone() -> None:
    p = np.zeros(40, np.float32)
    g = np.ones(40, np.float32)
    g[3], g[20] = np.nan, np.inf
    state = [[np.zeros(40, np.float32)], [np.zeros(40, np.float32)]]
    found = adam([[p], [g], *state])[0][0]
    assert np.flatnonzero(~np.isfinite(found)).tolist() == [3, 20]


def test_large_parameters_are_shared_among_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    shapes = [(1000, 300), (7,), (400, 401)]
    lists = [[np.abs(rng.standard_normal(s)) for s in shapes] for _ in range(4)]
    copies = [[[x.copy() for x in part] for part in lists] for _ in range(2)]
    with_threads = adam(copies[0])
    monkeypatch.setattr(optimizer.parallel, "get_num_threads", lambda: 1)
    alone = adam(copies[1])
    for ours, theirs in zip(with_threads, alone, strict=True):
        for x, y in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(x, y)


def test_an_optimizer_takes_the_same_way_with_the_plugin_and_in_double_precision() -> None:
    rng = np.random.default_rng(3)
    start, x = rng.standard_normal((50, 20)), rng.standard_normal((32, 50))
    ways = []
    for dtype in (cb.float32, cb.float64):
        w = nn.Parameter(cb.asarray(start, dtype=dtype))
        steps = optim.AdamW([w], lr=0.01)
        given = cb.asarray(x, dtype=dtype)
        losses = []
        for _ in range(5):
            steps.zero_grad()
            loss = ((given @ w) ** 2).mean()
            loss.backward()
            steps.step()
            losses.append(loss.item())
        ways.append(losses)
    assert ways[0] == pytest.approx(ways[1], rel=1e-4)
    assert ways[0][-1] < ways[0][0]


def test_several_threads_step_at_once() -> None:
    rng = np.random.default_rng(4)
    lists = [[np.abs(rng.standard_normal((600, 500)))] for _ in range(4)]
    wanted = adam([[x.copy() for x in part] for part in lists])[0][0]
    found: list[np.ndarray] = []

    def work() -> None:
        for _ in range(3):
            found.append(adam([[x.copy() for x in part] for part in lists])[0][0])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 24
    for x in found:
        np.testing.assert_array_equal(x, wanted)


def test_small_models_do_not_wait_for_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimizer, "LEAST", 1 << 14)
    assert adam([[np.ones(8)] for _ in range(4)]) is NotImplemented
