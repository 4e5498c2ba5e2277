"""Set functions against NumPy's, on both devices that every run has."""

from __future__ import annotations

import candelabra as cb
import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from candelabra.core.errors import ArgumentTypeError, CandelabraError

few = st.lists(st.integers(-4, 4), max_size=8)


@pytest.fixture
def device(any_device: str) -> str:
    return any_device


@hypothesis.settings(suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture], deadline=None)
@hypothesis.given(few, few)
def test_against_numpy(device: str, a: list[int], b: list[int]) -> None:
    x, y = cb.asarray(a, dtype=cb.int64, device=device), cb.asarray(b, dtype=cb.int64, device=device)
    left, right = np.asarray(a, np.int64), np.asarray(b, np.int64)
    for found, wanted in (
        (cb.union1d(x, y), np.union1d(left, right)),
        (cb.setdiff1d(x, y), np.setdiff1d(left, right)),
        (cb.nunique(x), np.asarray(len(set(a)))),
    ):
        assert found.device == x.device and found.dtype is cb.int64
        assert found.tolist() == wanted.tolist()


@pytest.mark.parametrize("name", ["union1d", "setdiff1d"])
def test_bad_input(name: str) -> None:
    with pytest.raises(ArgumentTypeError, match=f"^{name}: .* not (list|NoneType)"):
        getattr(cb, name)([1, 2], cb.tensor([1]))
    with pytest.raises(ArgumentTypeError, match=f"^{name}: .* not (list|NoneType)"):
        getattr(cb, name)(cb.tensor([1]), None)


def test_under_vmap_the_shape_would_depend_on_the_data() -> None:
    for function in (lambda x: cb.union1d(x, x), lambda x: cb.setdiff1d(x, x)):
        with pytest.raises(CandelabraError, match="vmap"):
            cb.vmap(function)(cb.ones((3, 2)))
