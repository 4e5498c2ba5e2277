"""What the losses refuse: each error names the loss, what it got and the mend; nothing is changed by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import candelabra as cb
import pytest
from candelabra import nn
from candelabra.core.errors import (
    ArgumentError,
    CandelabraError,
    DTypeError,
    IndexOutOfRangeError,
    ShapeError,
)
from candelabra.nn import functional as F

X = cb.ones(4, 3)
Y = cb.asarray([0, 1, 2, 0])
LOGS = cb.log(cb.full((5, 2, 4), 0.25))
LABELS = cb.asarray([[1, 2], [3, 0]])


def ctc(*args: Any, **options: Any) -> Any:
    return F.ctc_loss(*args, **options)


def adaptive(x: Any, y: Any) -> Any:
    return nn.AdaptiveLogSoftmaxWithLoss(3, 9, [4])(x, y)


Argument, Kind, Outside, Shape = ArgumentError, DTypeError, IndexOutOfRangeError, ShapeError
# What the host tells of a target, a card tells of an index.
CASES: list[tuple[Callable[[], Any], type[CandelabraError], str]] = [
    # Classes.
    (lambda: F.cross_entropy(X, cb.asarray([0, 1, 3, 0])), Outside, r"cross_entropy: (target 3 .* 3 cl|index 3 .* 3)"),
    (lambda: F.cross_entropy(X, cb.asarray([0, -1, 2, 0])), Outside, r"cross_entropy: (target|index) -1 is out"),
    (lambda: F.nll_loss(X, cb.asarray([0, 1, 7, 0])), Outside, r"nll_loss: (target 7 .* \[0, 2\]|index 7 .* 3)"),
    (lambda: F.nll_loss(X, cb.asarray([0, -2, 2, 0])), Outside, r"nll_loss: (target -2 .* ignore_index|index -2 .* 3)"),
    (lambda: F.nll_loss(X, Y[:2]), Shape, r"nll_loss: input of shape \(4, 3\) wants class indices of shape \(4,\)"),
    (lambda: F.nll_loss(cb.ones(()), cb.asarray(0)), Shape, r"nll_loss: the input needs a class axis"),
    (lambda: F.cross_entropy(cb.ones(2, 3, 4), Y), Shape, r"cross_entropy: .* wants class indices of shape \(2, 4\)"),
    (lambda: F.multi_margin_loss(X, cb.asarray([0, 1, 3, 0])), Outside, r"multi_margin_loss: .* 3 classes"),
    (lambda: F.multi_margin_loss(X, cb.asarray([0, -1, 2, 0])), Outside, r"must lie in \[0, 2\]"),
    (lambda: F.multi_margin_loss(X, Y, p=3), Argument, r"multi_margin_loss: p is 1 or 2, got 3"),
    (lambda: F.multi_margin_loss(X, Y[:3]), Shape, r"multi_margin_loss: input \(N, C\) and target \(N,\)"),
    (lambda: F.multi_margin_loss(X, X[:, 0]), Kind, r"multi_margin_loss: class indices are integers, got float32"),
    (lambda: F.multi_margin_loss(X, Y, weight=cb.ones(2)), Shape, r"weight has shape \(2,\), 3 classes need \(3,\)"),
    (lambda: F.multilabel_margin_loss(X, Y), Shape, r"multilabel_margin_loss: input and target \(N, C\)"),
    (lambda: F.multilabel_margin_loss(X[0], cb.asarray([0, 3, -1])), Outside, r"-1 ends a list"),
    (lambda: F.multilabel_margin_loss(X, X), Kind, r"class indices are integers, got float32"),
    (lambda: F.multilabel_soft_margin_loss(cb.ones(()), cb.ones(())), Shape, r"the input needs a class axis"),
    # Numbers.
    (lambda: F.binary_cross_entropy(2 * X, X), Argument, r"binary_cross_entropy: .* between 0 and 1, got .* 2 to 2"),
    (lambda: F.binary_cross_entropy(X * cb.nan, X), Argument, r"between 0 and 1"),
    (lambda: F.binary_cross_entropy(X, X[:2]), Shape, r"must have the same shape; .*reshape"),
    (lambda: F.binary_cross_entropy_with_logits(X, X[:2], pos_weight=X), Shape, r"must have the same shape"),
    (lambda: F.smooth_l1_loss(X, X, beta=-1), Argument, r"smooth_l1_loss: beta is not negative, got -1"),
    (lambda: F.huber_loss(X, X, delta=0), Argument, r"huber_loss: delta is positive, got 0"),
    (lambda: F.huber_loss(X, X, weight=cb.ones(3)), Shape, r"huber_loss: weight has shape \(3,\)"),
    (lambda: F.gaussian_nll_loss(X, X, -X), Argument, r"gaussian_nll_loss: var is not negative"),
    (lambda: F.gaussian_nll_loss(X, X, -1.0), Argument, r"gaussian_nll_loss: var is not negative"),
    (lambda: F.gaussian_nll_loss(X, X, cb.ones(3)), Shape, r"gaussian_nll_loss: var has shape \(3,\)"),
    (lambda: F.kl_div(X, X, reduction="avg"), Argument, r"kl_div: reduction is 'batchmean', 'mean', 'sum' or 'none'"),
    (lambda: F.poisson_nll_loss(X, X, reduction="avg"), Argument, r"poisson_nll_loss: reduction is"),
    # Margins.
    (lambda: F.cosine_embedding_loss(X, X, X), Shape, r"cosine_embedding_loss: inputs \(N, D\) and target \(N,\)"),
    (lambda: F.margin_ranking_loss(X, X, Y), Shape, r"margin_ranking_loss: .* same number of axes"),
    (lambda: F.triplet_margin_loss(X, X, X[0]), Shape, r"triplet_margin_loss: anchor, positive and negative"),
    (lambda: F.triplet_margin_loss(X, X, X, margin=0), Argument, r"margin is greater than 0, got 0"),
    (
        lambda: F.triplet_margin_with_distance_loss(X, X, X, reduction="avg"), Argument,
        r"triplet_margin_with_distance_loss: reduction",
    ),
    # Sequences.
    (lambda: ctc(LOGS, LABELS, (5, 6), (2, 1)), Argument, r"ctc_loss: input_lengths lie between 0 and 5, got 6"),
    (lambda: ctc(LOGS, LABELS, (5, 5), (2, 3)), Argument, r"ctc_loss: target_lengths lie between 0 and 2, got 3"),
    (
        lambda: ctc(LOGS, LABELS, cb.asarray([5, 6]), (2, 1)), Argument,
        r"ctc_loss: input_lengths lie between 0 and 5, got (values from 5 to )?6",
    ),
    (
        lambda: ctc(LOGS, LABELS, (5, 5), cb.asarray([-1, 1])), Argument,
        r"ctc_loss: target_lengths lie between 0 and 2, got (values from )?-1",
    ),
    (lambda: ctc(LOGS, LABELS, (5,), (2, 1)), Shape, r"input_lengths have shape \(1,\), 2 sequences need \(2,\)"),
    (lambda: ctc(LOGS, LABELS[:1], (5, 5), (2, 1)), Shape, r"wants targets of shape \(2, S\) or \(sum of lengths,\)"),
    (lambda: ctc(LOGS, LABELS.float(), (5, 5), (2, 1)), Kind, r"ctc_loss: targets: class indices are integers"),
    (lambda: ctc(LOGS, LABELS, X[0], (2, 1)), Kind, r"ctc_loss: input_lengths: class indices|integers"),
    (
        lambda: ctc(LOGS, LABELS + 3, (5, 5), (2, 1)), Outside,
        r"ctc_loss: label [456] .* 4 classes|index [456] is out of range for size 4",
    ),
    (lambda: ctc(LOGS, LABELS.reshape(-1), (5, 5), (2, 1)), Shape, r"as many labels as target_lengths say, 3, got 4"),
    (lambda: ctc(LOGS, LABELS, (5, 5), (2, 1), blank=4), Argument, r"blank is one of the 4 classes"),
    (lambda: ctc(LOGS[0, 0], LABELS, (5, 5), (2, 1)), Shape, r"log_probs is of shape \(T, N, C\) or \(T, C\)"),
    (lambda: ctc(LOGS[:, 0], LABELS, (5,), (2,)), Shape, r"one sequence \(T, C\) needs targets \(S,\)"),
    # A linear map.
    (lambda: F.linear_cross_entropy(X, X[:, :2], Y), Shape, r"linear_cross_entropy: input has 3 features, .* 2"),
    (lambda: F.linear_cross_entropy(X, X[0], Y), Shape, r"linear_cross_entropy: input \(N, in_features\)"),
    (lambda: F.linear_cross_entropy(X, X, Y, linear_bias=cb.ones(3)), Shape, r"linear_bias has shape \(3,\)"),
    (lambda: F.linear_cross_entropy(X[0], cb.ones(2, 5, 3), Y), Shape, r"needs a batch"),
    (
        lambda: F.linear_cross_entropy(X, X, cb.ones(4, 4), ignore_index=1), Argument,
        r"ignore_index has no meaning where targets are probabilities",
    ),
    (lambda: adaptive(X, Y + 7), Outside, r"must lie in \[0, 8\], .* 7 to 9"),
    (lambda: adaptive(X, Y - 1), Outside, r"from -1 to 1"),
    (lambda: adaptive(X, Y[:2]), Shape, r"AdaptiveLogSoftmaxWithLoss: input \(N, 3\)"),
    (lambda: nn.AdaptiveLogSoftmaxWithLoss(2, 9, [4])(X, Y), Shape, r"the input has 3 features, the layer 2"),
    # Distances.
    (lambda: F.pdist(X[0]), Shape, r"pdist: rows of numbers \(N, M\)"),
    (lambda: F.pdist(X, -1.0), Argument, r"pdist: p is not negative"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(CASES)))
def test_refused(case: int) -> None:
    call, error, text = CASES[case]
    with pytest.raises(error, match=text):
        call()


def test_what_is_refused_leaves_no_gradient() -> None:
    x = cb.ones(4, 3, requires_grad=True)
    with pytest.raises(IndexOutOfRangeError):
        F.cross_entropy(x, Y + 2)
    with pytest.raises(ArgumentError):
        F.binary_cross_entropy(x + 1, X)
    assert x.grad is None
    F.cross_entropy(x, Y).backward()
    assert x.grad is not None


def test_labels_beyond_their_length_do_not_count() -> None:
    wild = cb.asarray([[1, 99], [3, -7]])
    one, other = (F.ctc_loss(LOGS, y, (5, 5), (1, 1)) for y in (wild, LABELS))
    assert one.item() == pytest.approx(other.item())
