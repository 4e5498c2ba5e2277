"""Counting, segments and matrices from pieces: under vmap, on another device, and what is refused."""

from __future__ import annotations

from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.core.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError

X = cb.tensor(np.random.default_rng(5).standard_normal((3, 4)))
ONES = cb.ones(4)

FUNCTIONS = {
    "diag": lambda x: cb.diag(x, 1),
    "diagonal": lambda x: cb.diagonal(cb.diag_embed(x), 0),
    "kron": lambda x: cb.kron(x, x),
    "block_diag": lambda x: cb.block_diag(x, x),
    "nanmean": lambda x: cb.nanmean(x, axis=0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_vmap(name: str) -> None:
    function = FUNCTIONS[name]
    wanted = np.stack([function(X[j]).numpy() for j in range(3)])
    np.testing.assert_array_equal(cb.func.vmap(function)(X).numpy(), wanted)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_another_device(name: str) -> None:
    pytest.importorskip("candelabra_strict")
    function = FUNCTIONS[name]
    np.testing.assert_array_equal(function(X[0].to("strict")).cpu().numpy(), function(X[0]).numpy())


def test_counts_on_another_device() -> None:
    pytest.importorskip("candelabra_strict")
    away = X.to("strict")
    edges = cb.tensor([-1.0, 0.0, 1.0], dtype="float64")
    np.testing.assert_array_equal(
        cb.bucketize(away, edges.to("strict")).cpu().numpy(), cb.bucketize(X, edges).numpy()
    )
    np.testing.assert_array_equal(cb.histc(away, 5).cpu().numpy(), cb.histc(X, 5).numpy())
    np.testing.assert_array_equal(cb.histogram(away, 5).hist.cpu().numpy(), cb.histogram(X, 5).hist.numpy())
    np.testing.assert_array_equal(cb.bincount(cb.tensor([1, 3], device="strict")).cpu().numpy(), [0, 1, 0, 1])
    lengths = cb.tensor([1, 2])
    mine = cb.segment_reduce(away, "max", lengths=lengths.to("strict"))
    np.testing.assert_array_equal(mine.cpu().numpy(), cb.segment_reduce(X, "max", lengths=lengths).numpy())


def test_histograms_leave_out_what_lies_outside() -> None:
    x = cb.tensor([float("nan"), -5.0, 0.5, 1.0, 9.0])
    assert cb.histogram(x, 2, range=(0.0, 1.0)).hist.tolist() == [0.0, 2.0]
    assert cb.histc(x, 2, 0, 1).tolist() == [0.0, 2.0]


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: cb.einsum(X, [0, "i"]), ArgumentTypeError, 'or write an equation, such as einsum("ij,jk->ik", a, b)'),
        (lambda: cb.einsum(X, X), ArgumentTypeError, "each operand is followed by a list of axis numbers"),
        (lambda: cb.diag(cb.zeros((2, 2, 2))), ShapeError, "diag: a vector or a matrix is needed, got shape (2, 2, 2)"),
        (lambda: cb.diagonal(X, 0, 1, -1), ArgumentError, "diagonal: two different axes"),
        (lambda: cb.diag_embed(cb.tensor(1.0)), ShapeError, "diag_embed: at least one axis"),
        (lambda: cb.block_diag([X, X]), ArgumentTypeError, "block_diag: at least one tensor is needed"),
        (lambda: cb.block_diag(cb.zeros((1, 1, 1))), ShapeError, "at most two axes are needed, got shapes (1, 1, 1)"),
        (lambda: cb.rot90(X, 1, (0,)), ArgumentError, "rot90: two axes are needed, not 1"),
        (lambda: cb.nanmean(cb.tensor([1])), DTypeError, "nanmean: takes floating-point numbers, not int64"),
        (lambda: cb.bucketize(X, X), ShapeError, "bucketize: the boundaries have one axis"),
        (lambda: cb.bincount(cb.tensor([-1])), ArgumentError, "bincount: the numbers are not negative, got -1"),
        (lambda: cb.bincount(ONES), ArgumentError, "a vector of integers is needed, got shape (4,) of float32"),
        (lambda: cb.histc(ONES, 0), ArgumentError, "histc: at least one bin"),
        (lambda: cb.histc(ONES, 3, 2, 1), ArgumentError, "histc: the range from 2.0 to 1.0"),
        (lambda: cb.histogram(ONES, "auto"), ArgumentTypeError, "histogram: bins is an int or a tensor of edges"),
        (lambda: cb.histogram(ONES, ONES, range=(0, 1)), ArgumentError, "give the edges as bins or a range"),
        (lambda: cb.segment_reduce(ONES, "sum"), ArgumentError, "give either lengths or offsets"),
        (lambda: cb.segment_reduce(ONES, "var", lengths=ONES), ArgumentError, "reduce is one of sum, mean"),
        (lambda: cb.segment_reduce(ONES, "sum", lengths=cb.tensor([1, 2])), ArgumentError, "lengths [1, 2] do not"),
        (
            lambda: cb.segment_reduce(X, "sum", lengths=cb.tensor([4]), axis=1),
            ArgumentError,
            "integers of shape (3, S), got shape (1,) of int64",
        ),
        (
            lambda: cb.segment_reduce(ONES, "sum", indices=cb.tensor([0, 0, 1, 1])),
            ArgumentError,
            "indices are not taken; give lengths or offsets, or call index_reduce",
        ),
    ],
)
def test_refusals(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
