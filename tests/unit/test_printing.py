"""What tensors print as: PyTorch's texts, with our dtypes' names."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import candelabra as cb
import ml_dtypes
import numpy as np
import pytest
from candelabra.core.errors import ArgumentError, ArgumentTypeError
from candelabra.core.printing import printoptions

DTYPES = ["float32", "float64", "float16", "bfloat16", "int64", "int32", "uint8", "bool", "complex64", "complex128"]


@pytest.fixture(autouse=True)
def usual_options() -> Iterator[None]:
    yield
    cb.set_printoptions(profile="default")


def comparable(text: str) -> str:
    """The text without what differs on purpose: dtypes' names, and where a line breaks for their length."""
    return re.sub(r",\s+(dtype|size)=", r", \1=", text.replace("torch.", "candelabra."))


def some_array(rng: np.random.Generator, dtype: str) -> np.ndarray:
    """An array of a random shape, with numbers that print in various ways."""
    sizes = rng.integers(0 if rng.random() < 0.1 else 1, (2, 6, 40)[rng.integers(3)], rng.integers(0, 4))
    shape = tuple(sizes.tolist())
    values: Any = rng.normal(size=shape)
    style = rng.integers(5)
    if style == 1:
        values = np.round(values * 5)
    elif style == 2:
        values = values * 10.0 ** rng.integers(-9, 9, shape)
    elif style == 3:
        odd = np.where(rng.random(shape) < 0.5, np.nan, -np.inf)
        values = np.where(rng.random(shape) < 0.4, odd, np.round(values))
    elif style == 4:
        values = np.where(rng.random(shape) < 0.5, -0.0, values)
    if dtype.startswith("complex"):
        values = values + 1j * rng.normal(size=shape) * 10.0 ** rng.integers(-3, 5)
    with warnings.catch_warnings():
        # Numbers that the dtype does not hold are cast somehow; both sides print the same result.
        warnings.simplefilter("ignore")
        return np.asarray(values).astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_texts_are_pytorchs(torch: ModuleType, dtype: str) -> None:
    rng = np.random.default_rng(sum(map(ord, dtype)))
    before = torch._tensor_str.get_printoptions()
    try:
        for _ in range(60):
            options = {
                "threshold": int(rng.choice([1000, 10, 50])),
                "edgeitems": int(rng.choice([3, 1, 2, 0])),
                "precision": int(rng.choice([4, 2, 0, 7])),
                "linewidth": int(rng.choice([80, 40, 20, 120])),
                "sci_mode": [None, None, True, False][rng.integers(4)],
            }
            torch.set_printoptions(**options)
            cb.set_printoptions(**options)
            array = some_array(rng, dtype)
            if dtype == "bfloat16":
                theirs = torch.from_numpy(array.astype(np.float32)).to(torch.bfloat16)
            else:
                theirs = torch.from_numpy(array.copy())
            assert comparable(repr(cb.asarray(array))) == comparable(repr(theirs)), options
    finally:
        torch.set_printoptions(**before)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: cb.tensor([[1.0, 2.0], [3.0, 4.0]]), "tensor([[1., 2.],\n        [3., 4.]])"),
        (lambda: cb.tensor(3.5), "tensor(3.5000)"),
        (lambda: cb.tensor([1, -20]), "tensor([  1, -20])"),
        (lambda: cb.tensor([True, False]), "tensor([ True, False])"),
        (lambda: cb.tensor([1.0, float("nan"), float("-inf")]), "tensor([1., nan, -inf])"),
        (lambda: cb.tensor([1e-6, 1.0]), "tensor([1.0000e-06, 1.0000e+00])"),
        (lambda: cb.tensor([1 + 2j, complex(0, -1.5)]), "tensor([1.+2.0000j, 0.-1.5000j])"),
        (lambda: cb.tensor([0.5], dtype=cb.bfloat16), "tensor([0.5000], dtype=candelabra.bfloat16)"),
        (lambda: cb.tensor([0.5], dtype=cb.float64), "tensor([0.5000], dtype=candelabra.float64)"),
        (lambda: cb.tensor([2], dtype=cb.int8), "tensor([2], dtype=candelabra.int8)"),
        (lambda: cb.zeros(0), "tensor([])"),
        (lambda: cb.zeros((0, 3)), "tensor([], size=(0, 3))"),
        (lambda: cb.zeros(0, dtype=cb.int64), "tensor([], dtype=candelabra.int64)"),
        (lambda: cb.ones(2, requires_grad=True), "tensor([1., 1.], requires_grad=True)"),
        (lambda: cb.ones(2, requires_grad=True) * 2.0, "tensor([2., 2.], grad_fn=<MultiplyBackward>)"),
        (lambda: cb.arange(2000), "tensor([   0,    1,    2,  ..., 1997, 1998, 1999])"),
    ],
)
def test_texts(make: Any, text: str) -> None:
    assert repr(make()) == str(make()) == text


def test_what_is_usual_follows_the_default_dtype() -> None:
    x, y = cb.tensor([0.5], dtype=cb.float32), cb.tensor([0.5], dtype=cb.float64)
    cb.set_default_dtype(cb.float64)
    assert repr(x) == "tensor([0.5000], dtype=candelabra.float32)"
    assert repr(y) == "tensor([0.5000])"
    assert repr(cb.tensor([1j])) == "tensor([0.+1.j])"


def test_a_device_other_than_the_hosts_is_named() -> None:
    pytest.importorskip("candelabra_strict", reason="the plugin candelabra-strict is not installed")
    x = cb.asarray([1.5], device="strict")
    assert repr(x) == "tensor([1.5000], device='strict:0')"


def test_long_suffixes_take_a_line_of_their_own() -> None:
    text = repr(cb.zeros(14, dtype=cb.float64, requires_grad=True))
    first, second = text.split("\n")
    assert len(first) <= 80
    assert second == "       dtype=candelabra.float64, requires_grad=True)"


def test_inside_a_transformation() -> None:
    seen = []

    def look(x: cb.Tensor) -> cb.Tensor:
        seen.append(repr(x))
        return x

    cb.func.vmap(look)(cb.zeros((3, 2), dtype=cb.float64))
    assert seen.pop() == "tensor(..., size=(2,), dtype=candelabra.float64, inside=vmap)"
    cb.func.jvp(look, (cb.ones(2),), (cb.ones(2),))
    assert seen.pop() == "tensor([1., 1.], inside=jvp)"


def test_format_and_views() -> None:
    loss = cb.tensor(0.123456, requires_grad=True)
    assert f"{loss:.3f}" == "0.123"
    assert f"{cb.ones(2)}" == "tensor([1., 1.])"
    assert repr(cb.tensor([[1, 2], [3, 4]]).T) == "tensor([[1, 3],\n        [2, 4]])"


class TestOptions:
    def test_profiles(self) -> None:
        x = cb.tensor([1.23456])
        cb.set_printoptions(profile="short")
        assert repr(x) == "tensor([1.23])"
        cb.set_printoptions(profile="full")
        assert "..." not in repr(cb.arange(2000))
        cb.set_printoptions(profile="short", precision=1)
        assert repr(x) == "tensor([1.2])"
        cb.set_printoptions(profile="default")
        assert cb.get_printoptions() == {
            "precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None,
        }  # fmt: skip

    def test_scientific_on_and_off(self) -> None:
        x = cb.tensor([1e-6, 1.0])
        cb.set_printoptions(sci_mode=False)
        assert repr(x) == "tensor([    0.0000,     1.0000])".replace("    ", "")
        cb.set_printoptions(sci_mode=True)
        assert repr(cb.tensor([2.0])) == "tensor([2.0000e+00])"
        cb.set_printoptions()
        assert repr(cb.tensor([2.0])) == "tensor([2.])"

    def test_for_a_block(self) -> None:
        with pytest.raises(KeyError), printoptions(precision=1):
            assert repr(cb.tensor([0.25])) == "tensor([0.2])"
            raise KeyError
        assert repr(cb.tensor([0.25])) == "tensor([0.2500])"

    def test_bad_input_changes_nothing(self) -> None:
        before = cb.get_printoptions()
        with pytest.raises(ArgumentError, match="profile is one of 'default', 'short', 'full', not 'long'"):
            cb.set_printoptions(profile="long")
        with pytest.raises(ArgumentError, match="precision cannot be -1"):
            cb.set_printoptions(linewidth=10, precision=-1)
        with pytest.raises(ArgumentTypeError, match=r"edgeitems is a number, not 1\.5"):
            cb.set_printoptions(threshold=3, edgeitems=1.5)
        with pytest.raises(ArgumentTypeError, match="sci_mode is True, False or None, not 'yes'"):
            cb.set_printoptions(threshold=3, sci_mode="yes")
        assert cb.get_printoptions() == before
