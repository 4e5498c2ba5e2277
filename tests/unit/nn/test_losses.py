"""Losses against formulas written out, and what they refuse."""

from __future__ import annotations

import math
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn
from candelabra.core.errors import ArgumentError, CandelabraError, DTypeError, ShapeError
from candelabra.nn import functional as F


def near(tensor: Any, expected: Any) -> None:
    np.testing.assert_allclose(tensor.detach().numpy(), expected, rtol=1e-5, atol=1e-6)


SCORES = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
LOGS = SCORES - np.log(np.exp(SCORES).sum(axis=1, keepdims=True))
CLASSES = np.array([2, 0, 1, 1])
WEIGHTS = np.array([0.5, 2.0, 1.0], dtype=np.float32)


def test_mse_and_l1() -> None:
    x, y = cb.asarray([1.0, 2.0, 3.0]), cb.asarray([1.0, 4.0, 0.0])
    near(nn.MSELoss()(x, y), 13 / 3)
    near(nn.MSELoss(reduction="sum")(x, y), 13)
    near(nn.MSELoss(reduction="none")(x, y), [0, 4, 9])
    near(nn.L1Loss()(x, y), 5 / 3)
    near(F.mse_loss(x, y, weight=cb.asarray([1.0, 1.0, 2.0])), 22 / 4)
    near(F.l1_loss(x, y, reduction="none", weight=cb.asarray([1.0, 1.0, 2.0])), [0, 2, 6])
    with pytest.warns(UserWarning, match=r"different shapes and are broadcast"):
        F.mse_loss(x, cb.ones(2, 1))
    with pytest.raises(ArgumentError, match=r"reduction is 'mean', 'sum' or 'none', got 'average'"):
        F.mse_loss(x, y, reduction="average")
    with pytest.raises(ArgumentError, match=r"MSELoss: reduction is"):
        nn.MSELoss(reduction="average")
    with pytest.raises(ShapeError, match=r"weight has shape \(2,\)"):
        F.l1_loss(x, y, weight=cb.ones(2))


def test_cross_entropy() -> None:
    x, y = cb.tensor(SCORES), cb.tensor(CLASSES)
    picked = -LOGS[np.arange(4), CLASSES]
    near(nn.CrossEntropyLoss()(x, y), picked.mean())
    near(nn.CrossEntropyLoss(cb.tensor(WEIGHTS))(x, y), (picked * WEIGHTS[CLASSES]).sum() / WEIGHTS[CLASSES].sum())
    near(F.cross_entropy(x, y, reduction="none", ignore_index=1), picked * (CLASSES != 1))
    near(F.cross_entropy(x, y, ignore_index=1), picked[:2].mean())
    smoothed = 0.9 * picked - 0.1 * LOGS.mean(axis=1)
    near(F.cross_entropy(x, y, label_smoothing=0.1), smoothed.mean())
    one_hot = F.one_hot(y, 3).float()
    near(F.cross_entropy(x, one_hot), picked.mean())
    near(F.cross_entropy(x, one_hot, label_smoothing=0.1), smoothed.mean())
    assert math.isnan(F.cross_entropy(x, cb.asarray([-100] * 4)).item())
    near(F.nll_loss(cb.tensor(LOGS), y), picked.mean())
    near(nn.NLLLoss(reduction="sum", ignore_index=1)(cb.tensor(LOGS), y), picked[:2].sum())


def test_ignored_targets_give_no_gradient() -> None:
    for function in (F.cross_entropy, F.nll_loss):
        x = cb.tensor(SCORES, requires_grad=True)
        function(x, cb.asarray([-100, 0, -100, 1])).backward()
        grad = x.grad.numpy()
        assert np.abs(grad[[0, 2]]).max() == 0 and np.abs(grad[[1, 3]]).max() > 0


def test_classification_refuses() -> None:
    x, y = cb.tensor(SCORES), cb.tensor(CLASSES)
    with pytest.raises(CandelabraError, match=r"7"):
        F.cross_entropy(x, cb.asarray([0, 7, 1, 2]))
    with pytest.raises(ArgumentError, match=r"label_smoothing lies between 0 and 1"):
        F.cross_entropy(x, y, label_smoothing=2.0)
    with pytest.raises(ShapeError, match=r"probabilities as targets have the input's shape \(4, 3\), got \(4,\)"):
        F.cross_entropy(x, cb.ones(4))
    with pytest.raises(ArgumentError, match=r"ignore_index has no meaning"):
        F.cross_entropy(x, x, ignore_index=1)
    with pytest.raises(ShapeError, match=r"there are 3 classes"):
        F.cross_entropy(x, x, weight=cb.ones(2))
    with pytest.raises(DTypeError, match=r"nll_loss: class indices are integers, not float32"):
        F.nll_loss(x, cb.ones(4))
    with pytest.raises(ShapeError, match=r"nll_loss: input of shape \(4, 3\) wants class indices of shape \(4,\)"):
        F.nll_loss(x, cb.asarray([0, 1]))
    with pytest.raises(ShapeError, match=r"3 classes"):
        F.nll_loss(x, y, weight=cb.ones(2))


def test_binary_cross_entropy() -> None:
    p, t = np.array([0.2, 0.7, 0.0, 1.0]), np.array([1.0, 0.25, 0.0, 0.0])
    with np.errstate(divide="ignore"):
        expected = -(t * np.maximum(np.log(p), -100) + (1 - t) * np.maximum(np.log(1 - p), -100))
    near(nn.BCELoss(reduction="none")(cb.tensor(p), cb.tensor(t)), expected)
    x = np.log(p[:2]) - np.log(1 - p[:2])
    near(nn.BCEWithLogitsLoss(reduction="none")(cb.tensor(x), cb.tensor(t[:2])), expected[:2])
    weighted = -(3 * t[:2] * np.log(p[:2]) + (1 - t[:2]) * np.log(1 - p[:2]))
    loss = nn.BCEWithLogitsLoss(reduction="none", pos_weight=cb.asarray([3.0], dtype=cb.float64))
    near(loss(cb.tensor(x), cb.tensor(t[:2])), weighted)
    assert list(loss.state_dict()) == ["pos_weight"]
    near(F.binary_cross_entropy_with_logits(cb.asarray([-1000.0, 1000.0]), cb.asarray([1.0, 1.0])), 500.0)
    x = cb.tensor([0.0, 1.0], requires_grad=True)
    F.binary_cross_entropy(x, cb.asarray([0.0, 1.0]), reduction="sum").backward()
    assert np.isfinite(x.grad.numpy()).all()
    for function in (F.binary_cross_entropy, F.binary_cross_entropy_with_logits):
        with pytest.raises(ShapeError, match=r"must have the same shape; .*reshape"):
            function(cb.ones(3), cb.ones(3, 1))


def test_deprecated_reductions() -> None:
    with pytest.warns(UserWarning, match=r"size_average and reduce are deprecated; use reduction='sum'"):
        assert nn.MSELoss(size_average=False).reduction == "sum"
    with pytest.warns(UserWarning, match=r"reduction='none'"):
        assert F.l1_loss(cb.ones(3), cb.ones(3), reduce=False).shape == (3,)


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: F.hinge_embedding_loss(x, cb.tensor([-1.0, 1.0])),
        lambda x: F.margin_ranking_loss(x, x * 2, cb.ones(2)),
        lambda x: F.cosine_embedding_loss(x[None], cb.ones(1, 2), cb.tensor([-1])),
        lambda x: F.triplet_margin_loss(x[None], cb.ones(1, 2), cb.zeros(1, 2)),
        lambda x: F.multi_margin_loss(x[None], cb.tensor([1])),
        lambda x: F.smooth_l1_loss(x, cb.zeros(2)),
        lambda x: F.huber_loss(x, cb.zeros(2)),
        lambda x: F.soft_margin_loss(x, cb.ones(2)),
        lambda x: F.kl_div(x, cb.ones(2), reduction="sum"),
        lambda x: F.cross_entropy(x[None], cb.tensor([1])),
        lambda x: F.binary_cross_entropy_with_logits(x, cb.ones(2)),
    ],
)
def test_what_is_no_number_gives_no_number(loss: Any) -> None:
    assert math.isnan(loss(cb.tensor([math.nan, 1.0])).item())
