"""Every loss under `vmap`, `grad` and `jvp`: what a loop over samples gives, and what differences give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import func
from candelabra.nn import functional as F

RNG = np.random.default_rng(17)


def normal(*shape: int) -> Any:
    return cb.tensor(RNG.standard_normal(shape))


def share(*shape: int) -> Any:
    return cb.tensor(RNG.uniform(0.1, 0.9, shape))


Y, CLASSES, SIGNS = normal(4, 3), cb.tensor([0, 2, 1, -100]), cb.tensor([1.0, -1.0, 1.0, -1.0], dtype="float64")
PLAIN, LISTS = cb.tensor([0, 2, 1, 1]), cb.tensor([[0, 2, -1], [1, -1, 0], [2, 1, 0], [-1, 0, 0]])
INNER = cb.tensor(np.array([3, 4, 1, 2, 2, 4]))

LOSSES: dict[str, Callable[[Any], Any]] = {
    "mse": lambda x: F.mse_loss(x, Y),
    "l1": lambda x: F.l1_loss(x, Y),
    "smooth_l1": lambda x: F.smooth_l1_loss(x, Y, beta=0.7),
    "huber": lambda x: F.huber_loss(x, Y, delta=0.7, reduction="sum"),
    "kl_div": lambda x: F.kl_div(F.log_softmax(x, dim=1), F.softmax(Y, dim=1), reduction="batchmean"),
    "poisson": lambda x: F.poisson_nll_loss(x, F.softmax(Y, dim=1) * 3, full=True),
    "gaussian": lambda x: F.gaussian_nll_loss(x, Y, F.softmax(x, dim=1) + 0.1),
    "cross_entropy": lambda x: F.cross_entropy(x, CLASSES, label_smoothing=0.1),
    "probabilities": lambda x: F.cross_entropy(x, F.softmax(Y, dim=1)),
    "nll": lambda x: F.nll_loss(F.log_softmax(x, dim=1), CLASSES),
    "bce": lambda x: F.binary_cross_entropy(F.sigmoid(x), F.softmax(Y, dim=1)),
    "bce_with_logits": lambda x: F.binary_cross_entropy_with_logits(x, F.softmax(Y, dim=1), pos_weight=Y[0] ** 2),
    "cosine_embedding": lambda x: F.cosine_embedding_loss(x, Y, SIGNS, margin=-0.5),
    "margin_ranking": lambda x: F.margin_ranking_loss(x[:, 0], Y[:, 0], SIGNS, margin=0.3),
    "hinge_embedding": lambda x: F.hinge_embedding_loss(x[:, 0], SIGNS),
    "soft_margin": lambda x: F.soft_margin_loss(x[:, 0], SIGNS),
    "multi_margin": lambda x: F.multi_margin_loss(x, PLAIN, p=2),
    "multilabel_margin": lambda x: F.multilabel_margin_loss(x, LISTS),
    "multilabel_soft_margin": lambda x: F.multilabel_soft_margin_loss(x, F.softmax(Y, dim=1)),
    "triplet": lambda x: F.triplet_margin_loss(x, Y, Y.flip(0), swap=True),
    "ctc": lambda x: F.ctc_loss(F.log_softmax(x, dim=1), cb.tensor([2, 1]), cb.tensor(4), cb.tensor(2)),
    "linear": lambda x: F.linear_cross_entropy(x, Y, PLAIN),
    "cosine_similarity": lambda x: F.cosine_similarity(x, Y).sum(),
    "pairwise_distance": lambda x: F.pairwise_distance(x, Y, p=3.0).sum(),
    "pdist": lambda x: F.pdist(x).sum(),
    "cdist": lambda x: cb.cdist(x, Y).sum(),
    "scatter": lambda x: (x.scatter(0, INNER.reshape(2, 3) % 4, x * 2) ** 2).sum(),
    "scatter_reduce": lambda x: (Y[:, 0].scatter_reduce(0, INNER % 4, x.reshape(-1)[:6], "amax") ** 2).sum(),
    "products": lambda x: (Y[:, 0].scatter_reduce(0, INNER % 4, x.reshape(-1)[:6], "prod") ** 2).sum(),
    "index_copy": lambda x: (x.index_copy(1, cb.tensor([2, 0]), x[:, :2]) ** 2).sum(),
    "index_fill": lambda x: (x.index_fill(0, cb.tensor([1, 1]), 0.0) ** 2).sum(),
    "masked_scatter": lambda x: (x.masked_scatter(Y > 0, x.flip(0)) ** 2).sum(),
    "put": lambda x: (x.put(cb.tensor([0, -1, 5]), x[0], True) ** 2).sum(),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_mapped(name: str) -> None:
    loss = LOSSES[name]
    samples = normal(3, 4, 3)
    found = func.vmap(loss)(samples)
    np.testing.assert_allclose(found.numpy(), [loss(samples[i]).item() for i in range(3)], rtol=1e-10)
    grads = func.vmap(func.grad(loss))(samples)
    for i in range(3):
        x = cb.tensor(samples[i].numpy(), requires_grad=True)
        loss(x).backward()
        np.testing.assert_allclose(grads[i].numpy(), x.grad.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_forward_mode(name: str) -> None:
    loss, x, t = LOSSES[name], normal(4, 3), normal(4, 3)
    _, tangent = func.jvp(loss, (x,), (t,))
    step = 1e-6
    wanted = (loss(x + step * t).item() - loss(x - step * t).item()) / (2 * step)
    assert tangent.item() == pytest.approx(wanted, rel=2e-5, abs=1e-7)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_of_gradients(name: str) -> None:
    x = cb.tensor(normal(4, 3).numpy(), requires_grad=True)
    assert cb.autograd.gradcheck(LOSSES[name], (x,))
    assert cb.autograd.gradgradcheck(LOSSES[name], (x,))


def test_targets_and_lengths_may_be_mapped() -> None:
    logs = F.log_softmax(normal(3, 5, 4), dim=2)
    targets, steps, labels = cb.tensor([[1, 2], [3, 3], [1, 0]]), cb.tensor([5, 4, 3]), cb.tensor([2, 2, 1])
    found = func.vmap(F.ctc_loss)(logs, targets, steps, labels)
    wanted = [F.ctc_loss(logs[i], targets[i], steps[i], labels[i]).item() for i in range(3)]
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-10)
    classes = cb.tensor([[0, 1, 2, 3, -100]] * 3)
    found = func.vmap(F.nll_loss)(logs, classes)
    np.testing.assert_allclose(found.numpy(), [F.nll_loss(logs[i], classes[i]).item() for i in range(3)], rtol=1e-10)
