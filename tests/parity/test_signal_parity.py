"""torch.signal.windows: every argument."""

from __future__ import annotations

from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.core.errors import ArgumentError, ArgumentTypeError, DTypeError

W = cb.signal.windows
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "bartlett": [{}], "blackman": [{}], "cosine": [{}], "hamming": [{}], "hann": [{}], "nuttall": [{}],
    "exponential": [{}, {"tau": 2.5}, {"center": 1.0, "sym": False, "tau": 0.5}],
    "gaussian": [{}, {"std": 2.5}], "general_cosine": [{"a": [0.5]}, {"a": [0.4, 0.3, 0.2, 0.1]}],
    "general_hamming": [{}, {"alpha": 0.7}], "kaiser": [{}, {"beta": 0.0}, {"beta": 5.0}],
}  # fmt: skip


def test_names(torch: Any) -> None:
    theirs = {n for n in torch.signal.windows.__all__ if n.islower()}
    assert theirs == set(W.__all__) == set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("length", [0, 1, 2, 7, 8])
def test_windows(torch: Any, name: str, length: int) -> None:
    for options in OPTIONS[name]:
        for sym in (True, False):
            given = {"sym": sym, **options}
            for kind in ("float64", "float32"):
                if name == "exponential" and "center" in given and given["sym"]:
                    continue
                ours = getattr(W, name)(length, dtype=getattr(cb, kind), **given)
                theirs = getattr(torch.signal.windows, name)(length, dtype=getattr(torch, kind), **given)
                assert ours.shape == tuple(theirs.shape) and ours.dtype.name == kind
                np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-12 if kind == "float64" else 2e-6)


def test_the_other_arguments() -> None:
    assert W.hann(3, requires_grad=True).requires_grad
    assert W.hann(3, device="cpu").device == cb.device("cpu")
    assert W.hann(3).dtype is cb.get_default_dtype()


REFUSED = [
    (lambda: W.hann(-1), ArgumentError, "hann: M must not be negative, got -1"),
    (lambda: W.hann(2.5), ArgumentTypeError, r"hann: M is an int, not 2\.5"),
    (lambda: W.hann(3, dtype=cb.int64), DTypeError, "hann: a real floating-point dtype is needed, got int64"),
    (lambda: W.general_cosine(3, a=[]), ArgumentError, "general_cosine: at least one factor is needed"),
    (lambda: W.general_cosine(3, a="a"), ArgumentTypeError, "general_cosine: a is a sequence of numbers, not 'a'"),
    (lambda: W.exponential(3, tau=0.0), ArgumentError, r"exponential: tau must be positive, got 0\.0"),
    (lambda: W.exponential(3, center=1.0), ArgumentError, "exponential: a symmetric window has its center in its mid"),
    (lambda: W.gaussian(3, std=-1.0), ArgumentError, r"gaussian: std must be positive, got -1\.0"),
    (lambda: W.kaiser(3, beta=-1.0), ArgumentError, r"kaiser: beta must not be negative, got -1\.0"),
]


@pytest.mark.parametrize(("call", "kind", "text"), REFUSED)
def test_refusals(call: Any, kind: type, text: str) -> None:
    with pytest.raises(kind, match=text):
        call()
