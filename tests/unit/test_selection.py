"""Selecting by order: under vmap, across devices, and what is refused."""

from __future__ import annotations

from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.core.errors import ArgumentError, ArgumentTypeError, AxisError, DTypeError, ShapeError

RNG = np.random.default_rng(12)
X = cb.tensor(RNG.standard_normal((3, 4, 5)))

FUNCTIONS = {
    "topk": lambda x: cb.topk(x, 2, axis=0),
    "kthvalue": lambda x: cb.kthvalue(x, 2),
    "median": lambda x: cb.median(x, axis=0),
    "median of all": lambda x: (cb.median(x),),
    "quantile": lambda x: (cb.quantile(x, 0.3, axis=0),),
    "cummax": lambda x: cb.cummax(x, axis=1),
    "logcumsumexp": lambda x: (cb.logcumsumexp(x, axis=1),),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_vmap(name: str) -> None:
    function = FUNCTIONS[name]
    mapped = cb.func.vmap(function)(X)
    for i, result in enumerate(mapped):
        wanted = np.stack([function(X[j])[i].numpy() for j in range(3)])
        np.testing.assert_array_equal(result.numpy(), wanted)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_another_device(name: str) -> None:
    pytest.importorskip("candelabra_strict")
    function = FUNCTIONS[name]
    for mine, theirs in zip(function(X.to("strict")), function(X), strict=True):
        np.testing.assert_allclose(mine.cpu().numpy(), theirs.numpy(), rtol=1e-13)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: cb.topk(X, 9), ArgumentError, "topk: k lies between 0 and the 5 elements of the axis, got 9"),
        (lambda: cb.topk(X, 1.5), ArgumentTypeError, "topk: k is an int, not 1.5"),
        (lambda: cb.topk(X, 1, axis=1, dim=1), ArgumentError, "topk: give axis or its synonym dim"),
        (lambda: cb.kthvalue(X, 0), ArgumentError, "kthvalue: k lies between 1"),
        (lambda: cb.kthvalue(X > 0, 1), DTypeError, "kthvalue: takes real numbers, not bool"),
        (lambda: cb.median(X, axis=3), AxisError, "median: axis 3 is out of bounds"),
        (lambda: cb.median(cb.zeros((2, 0)), axis=1), ShapeError, "median: at least one element"),
        (lambda: cb.quantile(X, 1.5), ArgumentError, "quantile: q lies between 0 and 1"),
        (lambda: cb.quantile(X, 0.5, interpolation="cubic"), ArgumentError, "quantile: interpolation is one of"),
        (lambda: cb.quantile(X, cb.ones(2)), DTypeError, "quantile: q has dtype float32, x has float64"),
        (lambda: cb.quantile(cb.tensor([1, 2]), 0.5), DTypeError, "quantile: takes floating-point numbers, not int64"),
        (lambda: cb.cummax(X), ArgumentTypeError, "cummax: an axis is needed"),
        (lambda: cb.logcumsumexp(cb.tensor([1]), 0), DTypeError, "logcumsumexp: takes floating-point numbers"),
    ],
)
def test_refusals(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
