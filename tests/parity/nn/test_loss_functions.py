"""Functions of losses and distances against PyTorch's, to the second order; what only the functions take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.nn import functional as F

Compare = Callable[..., None]
RNG = np.random.default_rng(31)


def normal(*shape: int) -> np.ndarray:
    return np.asarray(RNG.standard_normal(shape))


def share(*shape: int) -> np.ndarray:
    return np.asarray(RNG.uniform(0.05, 0.95, shape))


WEIGHTED = ["mse_loss", "l1_loss", "huber_loss"]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", WEIGHTED)
def test_weights(compare: Compare, name: str, reduction: str) -> None:
    compare(
        lambda x, y, w: getattr(F, name)(x, y, reduction=reduction, weight=w),
        lambda torch, x, y, w: getattr(torch.nn.functional, name)(x, y, reduction=reduction, weight=w),
        normal(4, 3), normal(4, 3), share(4, 3), order=1 if name == "l1_loss" else 2,
    )  # fmt: skip


BROADCAST = {
    "mse_loss": {}, "l1_loss": {}, "smooth_l1_loss": {"beta": 0.3}, "huber_loss": {"delta": 0.3}, "kl_div": {},
    "poisson_nll_loss": {}, "soft_margin_loss": {}, "hinge_embedding_loss": {},
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", BROADCAST)
def test_shapes_broadcast(compare: Compare, name: str, dtype: str) -> None:
    y = share(3)
    for reduction in ("mean", "none"):
        options: dict[str, Any] = {**BROADCAST[name], "reduction": reduction}
        compare(
            lambda x, options=options: getattr(F, name)(x, cb.tensor(y.astype(dtype)), **options),
            lambda torch, x, options=options: getattr(torch.nn.functional, name)(
                x, torch.tensor(y.astype(dtype)), **options
            ),
            normal(4, 3), order=1, dtype=dtype,
        )  # fmt: skip


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_targets_are_differentiated(compare: Compare, reduction: str) -> None:
    compare(
        lambda x, y: F.cross_entropy(x, y, reduction=reduction, label_smoothing=0.1),
        lambda torch, x, y: torch.nn.functional.cross_entropy(x, y, reduction=reduction, label_smoothing=0.1),
        normal(4, 3), share(4, 3),
    )  # fmt: skip
    compare(
        lambda x, y: F.binary_cross_entropy_with_logits(x, y, reduction=reduction),
        lambda torch, x, y: torch.nn.functional.binary_cross_entropy_with_logits(x, y, reduction=reduction),
        normal(4, 3), share(4, 3),
    )  # fmt: skip


def test_binary_cross_entropy_at_its_ends(compare: Compare) -> None:
    ends, target = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0])
    for reduction in ("mean", "none"):
        compare(
            lambda x, r=reduction: F.binary_cross_entropy(x, cb.tensor(target), reduction=r),
            lambda torch, x, r=reduction: torch.nn.functional.binary_cross_entropy(
                x, torch.tensor(target), reduction=r
            ),
            ends, order=1, tolerance=1e4,
        )  # fmt: skip


def test_edges_of_the_margins(compare: Compare) -> None:
    """Where two branches meet the slope is PyTorch's."""
    one, minus = np.array([1.0]), np.array([-1.0])
    both: list[Callable[[Any, Any, Any], Any]] = [
        lambda f, lib, x: f.smooth_l1_loss(x, lib.tensor(one * 0), beta=1.0),
        lambda f, lib, x: f.huber_loss(x, lib.tensor(one * 0), delta=1.0),
        lambda f, lib, x: f.margin_ranking_loss(x, x.detach(), lib.tensor(one)),
        lambda f, lib, x: f.hinge_embedding_loss(x, lib.tensor(minus)),
        lambda f, lib, x: f.multi_margin_loss(x * lib.tensor(np.array([1.0, 0.0])), lib.tensor(0)),
        lambda f, lib, x: f.multilabel_margin_loss(x * lib.tensor(np.array([1.0, 0.0])), lib.tensor(np.array([0, -1]))),
        lambda f, lib, x: f.l1_loss(x, lib.tensor(one)),
        lambda f, lib, x: f.triplet_margin_loss(x * 2, x.detach() * 2, x.detach()),
    ]
    for case in both:
        compare(
            lambda x, case=case: case(F, cb, x),
            lambda torch, x, case=case: case(torch.nn.functional, torch, x),
            one, order=1,
        )  # fmt: skip


@pytest.mark.parametrize("name", ["smooth_l1_loss", "l1_loss", "mse_loss", "huber_loss"])
def test_large_and_not_finite_values(compare: Compare, name: str) -> None:
    wide = normal(300, 301) * 3
    compare(
        lambda x, y: getattr(F, name)(x, y), lambda torch, x, y: getattr(torch.nn.functional, name)(x, y),
        wide, normal(300, 301), order=1,
    )  # fmt: skip
    # The slope of PyTorch's l1_loss at NaN is zero; here it is NaN.
    odd = np.array([np.inf, -np.inf, 1.0 if name == "l1_loss" else np.nan, 1e300, 0.0])
    for reduction in ("none", "sum"):
        compare(
            lambda x, r=reduction: getattr(F, name)(x, cb.zeros(5, dtype="float64"), reduction=r),
            lambda torch, x, r=reduction: getattr(torch.nn.functional, name)(
                x, torch.zeros(5, dtype=torch.float64), reduction=r
            ),
            odd, order=1,
        )  # fmt: skip


@pytest.mark.parametrize("p", [0.0, 1.0, 1.5, 2.0, 3.0, float("inf")])
def test_pdist(compare: Compare, p: float) -> None:
    # PyTorch crashes in the gradient of no pairs at all.
    for shape, order in (((5, 3), 1), ((2, 4), 1), ((1, 3), 0), ((0, 3), 0)):
        compare(lambda x: F.pdist(x, p), lambda torch, x: torch.nn.functional.pdist(x, p), normal(*shape), order=order)
    twins = np.repeat(normal(2, 3), 2, axis=0)
    compare(lambda x: F.pdist(x, p), lambda torch, x: torch.nn.functional.pdist(x, p), twins, order=1)


@pytest.mark.parametrize("mode", ["use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist", None])
@pytest.mark.parametrize("p", [0.0, 1.0, 1.5, 2.0, 3.0, float("inf")])
def test_cdist(compare: Compare, p: float, mode: str | None) -> None:
    options = {} if mode is None else {"compute_mode": mode}
    pairs = [((5, 3), (4, 3)), ((2, 5, 3), (4, 3)), ((2, 1, 4, 3), (3, 2, 3)), ((30, 3), (4, 3)), ((0, 3), (4, 3))]
    for one, two in pairs:
        compare(
            lambda x, y: cb.cdist(x, y, p, **options), lambda torch, x, y: torch.cdist(x, y, p, **options),
            normal(*one), normal(*two), order=1, tolerance=1e3,
        )  # fmt: skip
    with pytest.raises(cb.CandelabraError, match=r"cdist: rows \(..., P, M\)"):
        cb.cdist(cb.ones(3), cb.ones(2, 3))
    with pytest.raises(cb.CandelabraError, match=r"cdist: compute_mode is 'use_mm"):
        cb.cdist(cb.ones(2, 3), cb.ones(2, 3), compute_mode="fast")
    with pytest.raises(cb.CandelabraError, match=r"p is not negative"):
        cb.cdist(cb.ones(2, 3), cb.ones(2, 3), -1.0)


@pytest.mark.parametrize("p", [0.0, 1.0, 2.0, 3.0, float("inf")])
def test_pairwise_distance(compare: Compare, p: float) -> None:
    compare(
        lambda x, y: F.pairwise_distance(x, y, p, 0.0, True),
        lambda torch, x, y: torch.nn.functional.pairwise_distance(x, y, p, 0.0, True),
        normal(4, 3), normal(1, 3), order=1 if p == float("inf") else 2,
    )  # fmt: skip


def test_cosine_similarity(compare: Compare) -> None:
    for dim in (0, 1, -1):
        compare(
            lambda x, y, dim=dim: F.cosine_similarity(x, y, dim=dim, eps=1e-4),
            lambda torch, x, y, dim=dim: torch.nn.functional.cosine_similarity(x, y, dim=dim, eps=1e-4),
            normal(4, 1, 3), normal(1, 2, 3),
        )  # fmt: skip


CTC = [
    ((7, 3, 5), (3, 3), [7, 5, 6], [3, 2, 1]),
    ((7, 3, 5), (3, 0), [7, 5, 6], [0, 0, 0]),
    ((1, 2, 4), (2, 2), [1, 1], [1, 0]),
    ((12, 4, 3), (4, 5), [12, 11, 9, 12], [5, 4, 3, 0]),
    ((40, 5, 20), (5, 9), [40, 33, 21, 18, 40], [9, 9, 9, 4, 1]),
]


@pytest.mark.parametrize("blank", [0, -1])
@pytest.mark.parametrize("case", range(len(CTC)))
def test_ctc(compare: Compare, case: int, blank: int) -> None:
    shape, places, steps, labels = CTC[case]
    blank %= shape[2]
    for seed in range(3):
        targets = np.random.default_rng(seed).integers(0, shape[2] - 1, places)
        targets += targets >= blank

        def loss(lib: Any, f: Any, x: Any, targets: np.ndarray = targets) -> Any:
            logs = f.log_softmax(x, dim=2)
            return f.ctc_loss(logs, lib.tensor(targets), tuple(steps), tuple(labels), blank, "none", True)

        compare(
            lambda x, loss=loss: loss(cb, F, x),
            lambda torch, x, loss=loss: loss(torch, torch.nn.functional, x),
            2 * normal(*shape), order=1,
        )  # fmt: skip


def test_ctc_of_repeated_labels_and_flat_targets(compare: Compare) -> None:
    x = normal(9, 2, 4)
    rows, flat = np.array([[2, 2, 1], [3, 3, 0]]), np.array([2, 2, 1, 3, 3])
    for targets in (rows, flat):
        for dtype in ("float32", "float64"):
            compare(
                lambda x, t=targets: F.ctc_loss(F.log_softmax(x, dim=-1), cb.tensor(t), (9, 8), cb.tensor([3, 2])),
                lambda torch, x, t=targets: torch.nn.functional.ctc_loss(
                    torch.log_softmax(x, -1), torch.tensor(t), (9, 8), (3, 2)
                ),
                x, order=1, dtype=dtype, tolerance=10,
            )  # fmt: skip


def test_ctc_of_the_nearly_impossible(compare: Compare) -> None:
    """A long row of labels, each less likely than a millionth: in probabilities themselves it would vanish."""
    x = np.zeros((300, 1, 5))
    x[:, :, 0] = 25.0
    targets = np.tile(np.array([[1, 2, 3, 4]]), (1, 30))
    compare(
        lambda x: F.ctc_loss(F.log_softmax(x, dim=-1), cb.tensor(targets), (300,), (120,), reduction="sum"),
        lambda torch, x: torch.nn.functional.ctc_loss(
            torch.log_softmax(x, -1), torch.tensor(targets), (300,), (120,), reduction="sum"
        ),
        x, order=1,
    )  # fmt: skip


def test_ctc_gradients_of_gradients() -> None:
    """PyTorch refuses the second order; here it is compared with differences."""
    targets = cb.tensor([[1, 1], [2, 0]])

    def loss(x: Any) -> Any:
        return F.ctc_loss(F.log_softmax(x, dim=2), targets, (4, 3), (2, 1), reduction="sum")

    x = cb.tensor(normal(4, 2, 3), requires_grad=True)
    assert cb.autograd.gradcheck(loss, (x,)) and cb.autograd.gradgradcheck(loss, (x,))
