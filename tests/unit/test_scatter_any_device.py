"""Scattering, and distances, on a backend without kernels: the CPU's values and gradients."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest

RNG = np.random.default_rng(9)
X, SOURCE = RNG.standard_normal((4, 3)), RNG.standard_normal((5, 3))
ROWS, PLACES = np.array([0, 2, 2, 3, 0]), RNG.integers(0, 4, (5, 3))

CALLS: dict[str, Callable[..., Any]] = {
    "gather": lambda x, s, rows, places: x.gather(0, places) * s,
    "scatter": lambda x, s, rows, places: x.scatter(1, rows[:2].reshape(2, 1) % 3, s),
    "scatter value": lambda x, s, rows, places: x.scatter(0, places, 2.0),
    "scatter add": lambda x, s, rows, places: x.scatter_add(0, places, s),
    **{
        f"scatter {reduce} {own}": lambda x, s, rows, places, reduce=reduce, own=own: x.scatter_reduce(
            0, places, s, reduce, include_self=own
        )
        for reduce in ("sum", "prod", "mean", "amax", "amin")
        for own in (True, False)
    },
    "index add": lambda x, s, rows, places: x.index_add(0, rows, s, alpha=0.5),
    "index copy": lambda x, s, rows, places: x.index_copy(0, rows[2:4], s[:2]),
    "index fill": lambda x, s, rows, places: x.index_fill(0, rows, s[0, 0]),
    "index mean": lambda x, s, rows, places: x.index_reduce(0, rows, s, "mean", include_self=False),
    "index prod": lambda x, s, rows, places: x.index_reduce(0, rows, s, "prod"),
    "index put": lambda x, s, rows, places: x.index_put((rows,), s, True),
    "masked scatter": lambda x, s, rows, places: x.masked_scatter(x > 0, s),
    "put": lambda x, s, rows, places: x.put(places[0] - 4, s[0], True),
    "put along": lambda x, s, rows, places: cb.put_along_axis(x, places[:2], s[:2], axis=0),
    "take along": lambda x, s, rows, places: cb.take_along_dim(x, places, dim=0),
    "cdist": lambda x, s, rows, places: cb.cdist(x, s),
    "cdist by products": lambda x, s, rows, places: cb.cdist(x, s, compute_mode="use_mm_for_euclid_dist"),
    "pdist": lambda x, s, rows, places: cb.pdist(x, 3.0),
}  # fmt: skip


def run(call: Callable[..., Any], device: str) -> list[np.ndarray]:
    x, s = (cb.tensor(a, device=device, requires_grad=True) for a in (X, SOURCE))
    found = call(x * 1, s * 1, cb.tensor(ROWS, device=device), cb.tensor(PLACES, device=device))
    (found * found).sum().backward()
    assert found.device == x.device
    zero = cb.zeros_like(s.detach())
    return [t.detach().cpu().numpy() for t in (found, x.grad, zero if s.grad is None else s.grad)]


@pytest.mark.parametrize("name", CALLS)
def test_the_same_everywhere(elsewhere: str, name: str) -> None:
    for one, other in zip(run(CALLS[name], "cpu"), run(CALLS[name], elsewhere), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("seed", range(40))
def test_what_a_slice_took_comes_back_to_its_place(elsewhere: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 7, rng.integers(1, 4)))

    def part(n: int) -> Any:
        ends = [None, *map(int, rng.integers(-n - 2, n + 3, 4))]
        step = rng.choice([1, 2, 3, -1, -2, 5])
        one = slice(ends[rng.integers(5)], ends[rng.integers(5)], int(step))
        return int(rng.integers(-n, n)) if rng.random() < 0.25 else one

    for _ in range(5):
        key = [part(n) for n in shape[: rng.integers(1, len(shape) + 1)]]
        if rng.random() < 0.3:
            key.insert(int(rng.integers(len(key) + 1)), None)
        taken = np.zeros(shape)[tuple(key)]
        cotangent = rng.standard_normal(taken.shape)
        wanted = np.zeros(shape)
        wanted[tuple(key)] = cotangent
        x = cb.zeros(shape, dtype=cb.float64, device=elsewhere, requires_grad=True)
        (x[tuple(key)] * cb.asarray(cotangent, device=elsewhere)).sum().backward()
        assert np.array_equal(x.grad.cpu().numpy(), wanted), (shape, key)


def test_pooling_backward_without_kernels_needs_no_table_of_all_pairs() -> None:
    pytest.importorskip("candelabra_strict", reason="the plugin candelabra-strict is not installed")
    x = cb.linspace(-1, 1, 16 * 32 * 8 * 8, device="strict").reshape((16, 32, 8, 8)).requires_grad_()
    tracemalloc.start()
    cb.max_pool(x, kernel_size=2).sum().backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The operand has 128 KiB; a table of who goes where would have a thousand times as much.
    assert peak < 8 << 20 and float(x.grad.sum()) == 16 * 32 * 16
