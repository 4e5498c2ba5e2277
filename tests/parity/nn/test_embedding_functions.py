"""Embeddings and bilinear maps as functions: what PyTorch refuses is refused, and nothing changes then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.nn import functional as F

INDICES = np.asarray([1, 2, 3, 4, 5, 6])


def table() -> cb.Tensor:
    return cb.reshape(cb.arange(20.0), (10, 2))


def bag(indices: Any = INDICES, offsets: Any = (0, 3), **options: Any) -> Callable[[], Any]:
    given = None if offsets is None else cb.tensor(np.asarray(offsets))
    return lambda: F.embedding_bag(cb.tensor(indices), table(), given, **options)


@pytest.mark.parametrize(
    ("call", "pattern"),
    [
        (bag(offsets=(1, 3)), "first bag begins at 0, but the first of the offsets is 1"),
        (bag(offsets=(0, 7)), "the last of the offsets is 7, the input has 6 indices"),
        (bag(offsets=(0.0, 1.0)), "offsets are integers, not float64"),
        (bag(offsets=((0, 1),)), r"offsets have 1 axis, got shape \(1, 2\)"),
        (bag(offsets=None), "an input of 1 axis needs offsets"),
        (bag(INDICES.reshape(2, 3)), "offsets must be None"),
        (bag(INDICES.reshape(1, 2, 3)), r"an input \(B, N\) or \(N,\) is needed"),
        (bag(offsets=np.zeros(0, np.int64), include_last_offset=True), "needs at least one offset"),
        (bag(mode="min"), "mode is 'sum', 'mean' or 'max', got 'min'"),
        (bag(mode="max", scale_grad_by_freq=True), "does not go with mode='max'"),
        (bag(sparse=True), "embedding_bag: sparse=True is refused"),
        (bag(padding_idx=12), "padding_idx=12 is outside the table's 10 rows"),
        (bag(per_sample_weights=cb.ones(6)), "per_sample_weights go with mode='sum' only"),
        (bag(mode="sum", per_sample_weights=cb.ones(5)), r"have shape \(5,\), the input \(6,\)"),
        (bag(mode="sum", per_sample_weights=cb.ones(6, dtype=cb.float64)), "are float64, the weight is float32"),
        (lambda: F.embedding_bag(cb.tensor(INDICES), cb.ones(3), cb.tensor([0])), "the weight has 2 axes"),
        (lambda: F.bilinear(cb.ones(2, 3), cb.ones(4, 3), cb.ones(1, 3, 3)), "differ before their last axes"),
        (lambda: F.bilinear(cb.ones(2, 3), cb.ones(2, 4), cb.ones(1, 3, 3)), "3 and 4 features do not fit"),
        (lambda: F.bilinear(cb.ones(2, 3), cb.ones(2, 3), cb.ones(3, 3)), "the weight has 3 axes"),
        (lambda: F.bilinear(cb.ones(2, 3), cb.ones(2, 3), cb.ones(1, 3, 3), cb.ones(2)), "bias has shape"),
    ],
)
def test_refusals(call: Callable[[], Any], pattern: str) -> None:
    with pytest.raises(cb.CandelabraError, match=pattern):
        call()


def test_nothing_is_shortened_where_something_is_refused() -> None:
    weight = table()
    with pytest.raises(cb.CandelabraError, match="the last of the offsets"):
        F.embedding_bag(cb.tensor(INDICES), weight, cb.tensor([0, 9]), max_norm=0.1)
    np.testing.assert_array_equal(weight.numpy(), table().numpy())


def test_operands_in_the_old_order_are_swapped() -> None:
    with pytest.warns(UserWarning, match="the two are swapped"):
        out = F.embedding_bag(table(), cb.tensor(INDICES), cb.tensor([0]), mode="sum")
    assert out.tolist() == bag(offsets=(0,), mode="sum")().tolist()


def test_bags_inside_transformations(torch: Any) -> None:
    weights = np.random.default_rng(0).standard_normal((4, 10, 2))
    for mode in ("sum", "mean", "max"):
        one = cb.func.vmap(
            lambda w, m=mode: F.embedding_bag(cb.tensor(INDICES), w, cb.tensor([0, 3, 3]), mode=m, padding_idx=2)
        )(cb.tensor(weights))
        each = [
            torch.nn.functional.embedding_bag(
                torch.tensor(INDICES), torch.tensor(w), torch.tensor([0, 3, 3]), mode=mode, padding_idx=2
            ).numpy()
            for w in weights
        ]
        np.testing.assert_allclose(one.numpy(), np.stack(each))


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_gradients_of_bags_by_frequency_are_those_of_embeddings(torch: Any, mode: str) -> None:
    indices, weights = np.random.default_rng(0).integers(0, 7, (4, 5)), np.random.default_rng(1).standard_normal((7, 3))
    leaf, other = cb.tensor(weights, requires_grad=True), torch.tensor(weights, requires_grad=True)
    bags = F.embedding_bag(cb.tensor(indices), leaf, mode=mode, scale_grad_by_freq=True)
    rows = torch.nn.functional.embedding(torch.tensor(indices), other, scale_grad_by_freq=True)
    (bags * bags).sum().backward()
    theirs = rows.sum(1) if mode == "sum" else rows.mean(1)
    (theirs * theirs).sum().backward()
    np.testing.assert_allclose(leaf.grad.numpy(), other.grad.numpy())


@pytest.mark.parametrize("padding_idx", [None, 3])
def test_the_largest_of_bags_of_very_different_lengths(compare: Callable[..., None], padding_idx: int | None) -> None:
    indices = np.random.default_rng(2).integers(0, 7, 60)
    offsets = np.asarray([0, 1, 1, 3, 40, 44, 45, 45, 53, 60])
    weights = np.random.default_rng(3).standard_normal((7, 3))
    compare(
        lambda w: F.embedding_bag(cb.tensor(indices), w, cb.tensor(offsets), mode="max", padding_idx=padding_idx),
        lambda t, w: t.nn.functional.embedding_bag(
            t.tensor(indices), w, t.tensor(offsets), mode="max", padding_idx=padding_idx
        ),
        weights,
    )
