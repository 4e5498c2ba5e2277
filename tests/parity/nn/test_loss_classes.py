"""Losses against PyTorch's; the format is told in `conftest.py`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn

RNG = np.random.default_rng(23)


def normal(*shape: int) -> np.ndarray:
    return np.asarray(RNG.standard_normal(shape))


def ints(high: int, *shape: int) -> np.ndarray:
    return RNG.integers(0, high, shape)


def share(*shape: int) -> np.ndarray:
    """Numbers between 0 and 1."""
    return np.asarray(RNG.uniform(0.05, 0.95, shape))


def fixed(array: np.ndarray) -> Any:
    """Return an input that is not differentiated."""
    return functools.partial(lambda lib, a: lib.tensor(a), a=array)


def signs(*shape: int) -> Any:
    return fixed(RNG.choice([-1.0, 1.0], shape))


def log_softmax(x: np.ndarray) -> np.ndarray:
    return np.asarray(x - np.log(np.exp(x).sum(axis=-1, keepdims=True)))


def softened(axis: int) -> Callable[..., Any]:
    return lambda lib, layer, x, *rest: layer(lib.nn.functional.log_softmax(x, dim=axis), *rest)


def squared(lib: Any) -> Any:
    return lambda a, b: ((a - b) ** 2).sum(-1)


def ignoring(*shape: int) -> np.ndarray:
    found = ints(4, *shape)
    found.flat[::3] = -100
    return found


TWICE = {"order": 2}
ALL = [{"reduction": r} for r in ("mean", "sum", "none")]
LABELS = np.array([[1, 0, -1, 2], [3, 3, 2, -1], [-1, 0, 0, 0], [0, 1, 2, 3]])
LENGTHS = fixed(np.array([7, 5, 6])), fixed(np.array([3, 2, 1]))
CHUNKS = functools.partial(lambda lib: lib.nn.LinearCrossEntropyOptions(False, 3, None))
SHORT = fixed(np.array([7, 4, 5])), fixed(np.array([3, 3, 3]))
CTC = {"run": softened(2), "modes": ("train",)}
SEQUENCE = (7, 3, 5)
TARGETS = ints(4, 3, 3) + 1

CASES: list[tuple[Any, ...]] = [
    *[("MSELoss", (), r, [(4, 3), (4, 3)], TWICE) for r in ALL],
    *[("L1Loss", (), r, [(4, 3), (4, 3)]) for r in ALL],
    *[("SmoothL1Loss", (), r, [(4, 3), (4, 3)], TWICE) for r in ALL],
    *[("SmoothL1Loss", (), {**r, "beta": 0.4}, [(4, 3), (4, 3)], TWICE) for r in ALL],
    ("SmoothL1Loss", (), {"beta": 0.0}, [(4, 3), (4, 3)]),
    ("SmoothL1Loss", (), {}, [(), ()]),
    *[("HuberLoss", (), r, [(4, 3), (4, 3)], TWICE) for r in ALL],
    *[("HuberLoss", (r["reduction"], 0.6), {}, [(4, 3), (4, 3)], TWICE) for r in ALL],
    *[
        ("KLDivLoss", (), {"reduction": r}, [(4, 3, 2), fixed(share(4, 3, 2))], TWICE)
        for r in ("mean", "sum", "none", "batchmean")
    ],
    ("KLDivLoss", (), {"reduction": "batchmean"}, [(4, 3), share(4, 3)]),
    ("KLDivLoss", (), {"reduction": "sum"}, [(2, 2), fixed(np.array([[0.0, 1.0], [0.5, 0.5]]))]),
    *[
        ("KLDivLoss", (), {"reduction": r, "log_target": True}, [(4, 3), (4, 3)], TWICE)
        for r in ("mean", "sum", "none", "batchmean")
    ],
    *[("PoissonNLLLoss", (), r, [(4, 3), fixed(share(4, 3) * 5)], TWICE) for r in ALL],
    ("PoissonNLLLoss", (), {"full": True}, [(4, 3), fixed(share(4, 3) * 5)], TWICE),
    ("PoissonNLLLoss", (False,), {"eps": 1e-3}, [share(4, 3), fixed(share(4, 3) * 5)], TWICE),
    ("PoissonNLLLoss", (False, True), {"reduction": "none"}, [share(4, 3), fixed(share(4, 3) * 5)], TWICE),
    *[("GaussianNLLLoss", (), r, [(4, 3), (4, 3), share(4, 3)], TWICE) for r in ALL],
    ("GaussianNLLLoss", (), {"full": True, "eps": 0.5}, [(4, 3), (4, 3), share(4, 3)], TWICE),
    ("GaussianNLLLoss", (), {}, [(4, 3), (4, 3), share(4, 1)], TWICE),
    ("GaussianNLLLoss", (), {}, [(4, 3), (4, 3), share(4)], TWICE),
    ("GaussianNLLLoss", (), {"reduction": "none"}, [(4, 3, 2), (4, 3, 2), share(4, 1, 2)], TWICE),
    ("GaussianNLLLoss", (), {}, [(4, 3), (4, 3), 0.7], TWICE),
    *[("CrossEntropyLoss", (), r, [(6, 4), ints(4, 6)], TWICE) for r in ALL],
    *[("CrossEntropyLoss", (share(4),), r, [(6, 4), ints(4, 6)], TWICE) for r in ALL],
    *[
        ("CrossEntropyLoss", (share(4),), {**r, "label_smoothing": 0.2, "ignore_index": 1}, [(6, 4), ints(4, 6)], TWICE)
        for r in ALL
    ],
    ("CrossEntropyLoss", (), {}, [(4,), fixed(np.array(2))], TWICE),
    ("CrossEntropyLoss", (), {"label_smoothing": 0.3}, [(4,), fixed(np.array(2))], TWICE),
    *[("CrossEntropyLoss", (share(4),), r, [(2, 4, 3), ignoring(2, 3)], TWICE) for r in ALL],
    *[("CrossEntropyLoss", (), r, [(2, 4, 3, 2), ignoring(2, 3, 2)], TWICE) for r in ALL],
    ("CrossEntropyLoss", (share(4),), {"label_smoothing": 0.1}, [(2, 4, 3, 2, 2), ignoring(2, 3, 2, 2)], TWICE),
    *[("CrossEntropyLoss", (), r, [(6, 4), share(6, 4)], TWICE) for r in ALL],
    *[
        ("CrossEntropyLoss", (share(4),), {**r, "label_smoothing": 0.2}, [(6, 4), fixed(share(6, 4))], TWICE)
        for r in ALL
    ],
    ("CrossEntropyLoss", (share(4),), {}, [(4,), fixed(share(4))], TWICE),
    *[("CrossEntropyLoss", (share(4),), r, [(2, 4, 3, 2), fixed(share(2, 4, 3, 2))], TWICE) for r in ALL],
    *[("NLLLoss", (), r, [(6, 4), ints(4, 6)], TWICE) for r in ALL],
    *[("NLLLoss", (share(4),), {**r, "ignore_index": 2}, [(6, 4), ints(4, 6)], TWICE) for r in ALL],
    *[("NLLLoss", (share(4),), r, [(2, 4, 3), ignoring(2, 3)], TWICE) for r in ALL],
    *[("NLLLoss", (share(4),), r, [(2, 4, 3, 2), ignoring(2, 3, 2)], TWICE) for r in ALL],
    ("NLLLoss", (), {}, [(2, 4, 3, 2, 2), ignoring(2, 3, 2, 2)], TWICE),
    ("NLLLoss", (), {}, [(4,), fixed(np.array(2))], TWICE),
    ("NLLLoss2d", (), {}, [(2, 4, 3, 2), ignoring(2, 3, 2)], TWICE),
    ("NLLLoss2d", (share(4),), {"reduction": "sum"}, [(2, 4, 3, 2), ints(4, 2, 3, 2)], TWICE),
    *[("BCELoss", (), r, [share(4, 3), fixed(share(4, 3))], {"order": 2, "tolerance": 1e-7}) for r in ALL],
    *[("BCELoss", (share(3),), r, [share(4, 3), fixed(share(4, 3))], {"tolerance": 1e-7}) for r in ALL],
    *[("BCEWithLogitsLoss", (), r, [(4, 3), fixed(share(4, 3))], TWICE) for r in ALL],
    *[
        ("BCEWithLogitsLoss", (share(3),), {**r, "pos_weight": share(3)}, [(4, 3), fixed(share(4, 3))], TWICE)
        for r in ALL
    ],
    ("BCEWithLogitsLoss", (), {}, [60 * normal(4, 3), fixed(share(4, 3))], TWICE),
    *[("CosineEmbeddingLoss", (), r, [(5, 3), (5, 3), signs(5)], TWICE) for r in ALL],
    ("CosineEmbeddingLoss", (0.3,), {}, [(5, 3), (5, 3), signs(5)], TWICE),
    ("CosineEmbeddingLoss", (), {}, [(3,), (3,), fixed(np.array(1.0))], TWICE),
    *[("MarginRankingLoss", (), r, [(5,), (5,), signs(5)], TWICE) for r in ALL],
    ("MarginRankingLoss", (0.7,), {}, [(5, 2), (5, 2), signs(5, 2)], TWICE),
    *[("HingeEmbeddingLoss", (), r, [(5, 2), signs(5, 2)], TWICE) for r in ALL],
    ("HingeEmbeddingLoss", (0.4,), {}, [(7,), fixed(np.array([1.0, -1, 1, -1, 0, 2, -1]))], TWICE),
    *[("SoftMarginLoss", (), r, [(5, 2), signs(5, 2)], TWICE) for r in ALL],
    *[("MultiMarginLoss", (), r, [(5, 4), ints(4, 5)]) for r in ALL],
    *[("MultiMarginLoss", (2, 0.6, share(4)), r, [(5, 4), ints(4, 5)]) for r in ALL],
    ("MultiMarginLoss", (), {}, [(4,), fixed(np.array(2))]),
    *[("MultiLabelMarginLoss", (), r, [(4, 4), LABELS]) for r in ALL],
    ("MultiLabelMarginLoss", (), {}, [(4,), LABELS[0]]),
    *[("MultiLabelSoftMarginLoss", (), r, [(5, 4), fixed(share(5, 4).round())], TWICE) for r in ALL],
    ("MultiLabelSoftMarginLoss", (share(4),), {}, [(5, 4), fixed(share(5, 4).round())], TWICE),
    ("MultiLabelSoftMarginLoss", (), {"reduction": "none"}, [(2, 3, 4), fixed(share(2, 3, 4))], TWICE),
    *[("TripletMarginLoss", (), r, [(5, 3), (5, 3), (5, 3)], TWICE) for r in ALL],
    *[("TripletMarginLoss", (0.5, p, 1e-3, True), {}, [(5, 3), (5, 3), (5, 3)]) for p in (1.0, 2, 3.0)],
    ("TripletMarginLoss", (), {}, [(3,), (3,), (3,)], TWICE),
    *[("TripletMarginWithDistanceLoss", (), r, [(5, 3), (5, 3), (5, 3)], TWICE) for r in ALL],
    (
        "TripletMarginWithDistanceLoss", (),
        {"distance_function": functools.partial(squared), "margin": 0.5, "swap": True},
        [(5, 3), (5, 3), (5, 3)], TWICE,
    ),
    *[("CTCLoss", (), r, [SEQUENCE, TARGETS, *LENGTHS], CTC) for r in ALL],
    ("CTCLoss", (2,), {}, [SEQUENCE, np.array([[1, 3, 3], [0, 0, 4], [4, 1, 1]]), *LENGTHS], CTC),
    ("CTCLoss", (), {}, [SEQUENCE, TARGETS, [7, 7, 7], [3, 0, 1]], CTC),
    ("CTCLoss", (), {}, [SEQUENCE, TARGETS.ravel()[:6], *LENGTHS], CTC),
    ("CTCLoss", (), {"zero_infinity": True}, [SEQUENCE, np.ones((3, 3), int), *SHORT], CTC),
    ("CTCLoss", (), {"reduction": "none"}, [(7, 5), TARGETS[0], fixed(np.array(7)), fixed(np.array(3))],
     {"run": softened(1), "modes": ("train",)}),
    # PyTorch's gradient at the log-probabilities is that of scores under a log-softmax.
    *[("CTCLoss", (), r, [log_softmax(normal(*SEQUENCE)), TARGETS, *LENGTHS], {"modes": ("train",)}) for r in ALL],
    ("LinearCrossEntropyLoss", (3, 4), {}, [(5, 3), ints(4, 5)], TWICE),
    ("LinearCrossEntropyLoss", (3, 4), {"bias": True, "weight": share(4), "ignore_index": 1, "reduction": "none"},
     [(5, 3), ints(4, 5)], TWICE),
    ("LinearCrossEntropyLoss", (3, 4), {"label_smoothing": 0.2}, [(3,), fixed(np.array(2))], TWICE),
    ("LinearCrossEntropyLoss", (3, 4), {"out_features": (2, 3), "bias": True}, [(5, 3), ints(4, 5, 2, 3)], TWICE),
    ("LinearCrossEntropyLoss", (3, 4), {"out_features": (2,)}, [(5, 3), fixed(share(5, 4, 2))], TWICE),
    *[
        ("LinearCrossEntropyLoss", (3, 4), {"options": CHUNKS, "bias": True, "ignore_index": 2, **r},
         [(7, 3), ints(4, 7)], {"same_repr": False})
        for r in ALL
    ],
    ("LinearCrossEntropyLoss", (3, 4), {"options": CHUNKS, "weight": share(4)}, [(6, 3), ignoring(6)],
     {"same_repr": False}),
    ("AdaptiveLogSoftmaxWithLoss", (16, 20, [5, 10]), {}, [(9, 16), np.array([0, 4, 5, 9, 10, 19, 3, 12, 7])], TWICE),
    ("AdaptiveLogSoftmaxWithLoss", (16, 20, [3, 11, 15]), {"div_value": 2.0, "head_bias": True},
     [(9, 16), np.array([0, 2, 1, 11, 14, 19, 15, 3, 10])], TWICE),
    ("AdaptiveLogSoftmaxWithLoss", (8, 20, [5]), {}, [(8,), fixed(np.array(7))], TWICE),
    ("AdaptiveLogSoftmaxWithLoss", (16, 20, [5, 10]), {}, [(9, 16)],
     {"run": lambda lib, layer, x: (layer.log_prob(x), layer.predict(x))}),
    ("AdaptiveLogSoftmaxWithLoss", (16, 30, [1, 2]), {}, [(40, 16)],
     {"run": lambda lib, layer, x: (layer.log_prob(x), layer.predict(x))}),
]  # fmt: skip

REFUSALS = [
    ("MSELoss", (), {"reduction": "average"}, r"MSELoss: reduction is 'mean', 'sum' or 'none', got 'average'"),
    ("KLDivLoss", (), {"reduction": "average"}, r"KLDivLoss: reduction is 'batchmean', 'mean', 'sum' or 'none'"),
    ("SmoothL1Loss", (), {"beta": -1.0}, r"SmoothL1Loss: beta is not negative"),
    ("HuberLoss", (), {"delta": 0.0}, r"HuberLoss: delta is positive"),
    ("HuberLoss", (), {"delta": "1"}, r"HuberLoss: delta is a number"),
    ("MultiMarginLoss", (3,), {}, r"MultiMarginLoss: p is 1 or 2, got 3"),
    ("MultiMarginLoss", (), {"weight": np.ones((2, 2))}, r"MultiMarginLoss: weight has one axis"),
    ("TripletMarginLoss", (0.0,), {}, r"TripletMarginLoss: margin is greater than 0"),
    ("TripletMarginWithDistanceLoss", (), {"margin": -1.0}, r"margin is greater than 0"),
    ("LinearCrossEntropyLoss", (3, 4), {"weight": np.ones(3)}, r"weight has shape \(3,\), 4 classes need \(4,\)"),
    ("LinearCrossEntropyLoss", (3, 4), {"label_smoothing": 2.0}, r"label_smoothing lies between 0 and 1"),
    *[
        ("AdaptiveLogSoftmaxWithLoss", (16, 20, cutoffs), {}, r"cutoffs are different ints in increasing order")
        for cutoffs in ([], [5, 5], [7, 3], [0, 3], [5, 20], [1.5])
    ],
    ("LinearCrossEntropyOptions", (), {"acc_policy": "fast"}, r"acc_policy is 'auto'"),
    ("LinearCrossEntropyOptions", (), {"batch_chunk_size": 0}, r"batch_chunk_size is a positive int"),
    ("LinearCrossEntropyOptions", (), {"chunking_method": "aspect_ratio:0"}, r"chunking_method is 'auto'"),
    ("LinearCrossEntropyOptions", (), {"chunking_method": "square"}, r"chunking_method is 'auto'"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_layer(check_layer: Callable[..., None], case: tuple[Any, ...]) -> None:
    check_layer(*case)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("reduce", [None, True, False])
@pytest.mark.parametrize("size_average", [None, True, False])
def test_deprecated_reductions(torch: Any, size_average: bool | None, reduce: bool | None) -> None:
    given = {"size_average": size_average, "reduce": reduce}
    for name, args in (("MSELoss", ()), ("KLDivLoss", ()), ("NLLLoss", (None,)), ("TripletMarginLoss", ())):
        one, other = (getattr(lib.nn, name)(*args, **given) for lib in (cb, torch))
        assert one.reduction == other.reduction, name
    x, y = normal(4, 3), normal(4, 3)
    one = nn.functional.smooth_l1_loss(cb.tensor(x), cb.tensor(y), **given)
    other = torch.nn.functional.smooth_l1_loss(torch.tensor(x), torch.tensor(y), **given)
    np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-12)


def test_the_old_name_warns() -> None:
    with pytest.warns(FutureWarning, match="use NLLLoss"):
        assert isinstance(nn.NLLLoss2d(), nn.NLLLoss)


def test_options_have_the_same_arguments(torch: Any) -> None:
    one, other = (lib.nn.LinearCrossEntropyOptions for lib in (cb, torch))
    assert list(inspect.signature(one).parameters) == list(inspect.signature(other).parameters)
    assert repr(one(batch_chunk_size=3)) == repr(other(batch_chunk_size=3))
    for method in ("auto", "aspect_ratio", "aspect_ratio:4", None):
        size = one(chunking_method=method).chunk(512, 16, 1000)
        theirs = other(chunking_method=method)._adjust(
            num_batches=512, in_features=16, num_classes=1000, dtype=torch.float32, device=torch.device("cpu")
        )
        assert size == (theirs.batch_chunk_size or 512), method


def test_chunks_keep_no_scores() -> None:
    x, w, y = cb.tensor(normal(64, 4), requires_grad=True), cb.tensor(normal(1000, 4)), cb.tensor(ints(1000, 64))
    options = nn.LinearCrossEntropyOptions(batch_chunk_size=8, chunking_method=None)
    loss = nn.functional.linear_cross_entropy(x, w, y, options=options)
    (once,) = cb.grad([loss], [x], retain_graph=True)
    (again,) = cb.grad([loss], [x])
    whole = cb.grad([nn.functional.linear_cross_entropy(x, w, y)], [x])[0]
    np.testing.assert_allclose(once.numpy(), whole.numpy(), rtol=1e-10)
    np.testing.assert_array_equal(once.numpy(), again.numpy())
    with pytest.warns(UserWarning, match="options are of no effect here"):
        nn.functional.linear_cross_entropy(x, w, y, options=options, label_smoothing=0.1)
