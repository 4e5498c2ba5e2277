"""Layers of embedding against PyTorch's; the format is told in `conftest.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest


def ints(high: int, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, high, shape)


TABLE = np.random.default_rng(5).standard_normal((7, 3))
OFFSETS = np.asarray([0, 3, 3, 7])
ENDED = np.asarray([0, 3, 3, 7, 9])


def pretrained(library: Any, layer: Any, x: Any) -> Any:
    """Replace the layer by one that is made from its table."""
    maker = type(layer).from_pretrained
    out = []
    for options in ({}, {"freeze": False, "padding_idx": 2}, {"max_norm": 0.7, "norm_type": 1.0}):
        made = maker(layer.weight.detach() * 1.0, **options)
        assert made.weight.requires_grad == (not options.get("freeze", True))
        out += [made(x), made.weight.detach()]
    return out


CASES: list[tuple[Any, ...]] = [
    ("Embedding", (7, 3), {}, [ints(7, 2, 5)], {"order": 2}),
    ("Embedding", (7, 3), {}, [ints(7, 2, 5).astype(np.int32)]),
    ("Embedding", (7, 3), {"padding_idx": -2}, [ints(7, 2, 5)]),
    ("Embedding", (7, 3), {"scale_grad_by_freq": True}, [ints(7, 9)]),
    ("Embedding", (7, 3), {"scale_grad_by_freq": True, "padding_idx": 1}, [ints(7, 3, 4)]),
    ("Embedding", (7, 3), {"max_norm": 1.0}, [ints(7, 9)]),
    ("Embedding", (7, 3), {"max_norm": 0.5, "norm_type": 1.0}, [ints(7, 9)]),
    ("Embedding", (7, 3), {"_weight": TABLE, "_freeze": True}, [ints(7, 9)]),
    ("Embedding", (7, 3), {}, [ints(7, 9)], {"run": pretrained}),
    *(("EmbeddingBag", (7, 3), {"mode": mode}, [ints(7, 4, 5)], {"order": 2}) for mode in ("sum", "mean", "max")),
    *(("EmbeddingBag", (7, 3), {"mode": mode}, [ints(7, 9), OFFSETS], {"order": 2}) for mode in ("sum", "mean", "max")),
    *(
        ("EmbeddingBag", (7, 3), {"mode": mode, "include_last_offset": True}, [ints(7, 9), ENDED])
        for mode in ("sum", "mean", "max")
    ),
    *(
        ("EmbeddingBag", (7, 3), {"mode": mode, "padding_idx": -4}, inputs)
        for mode in ("sum", "mean", "max")
        for inputs in ([ints(7, 9), OFFSETS], [ints(7, 4, 5)], [np.full((2, 2), 3)])
    ),
    *(
        ("EmbeddingBag", (7, 3), {"mode": mode, "scale_grad_by_freq": True}, inputs)
        for mode in ("sum", "mean")
        # Each index equally often: PyTorch's kernel for the CPU divides by the count of another index.
        for inputs in ([np.asarray([0, 1, 2, 2, 0, 1, 3, 3]), OFFSETS], [np.asarray([[4, 1], [1, 4]])])
    ),
    ("EmbeddingBag", (7, 3), {"max_norm": 0.7, "norm_type": 1.0}, [ints(7, 9), OFFSETS]),
    ("EmbeddingBag", (7, 3), {"mode": "sum"}, [ints(7, 4, 5), None, (4, 5)]),
    ("EmbeddingBag", (7, 3), {"mode": "sum", "padding_idx": 1}, [ints(7, 9), OFFSETS, (9,)]),
    ("EmbeddingBag", (7, 3), {"_weight": TABLE}, [ints(7, 4, 5)]),
    ("EmbeddingBag", (7, 3), {}, [ints(7, 2, 4)], {"run": pretrained}),
    ("EmbeddingBag", (7, 3), {}, [np.zeros(0, np.int64), np.zeros(2, np.int64)]),
    ("EmbeddingBag", (7, 3), {"mode": "max"}, [np.zeros(0, np.int64), np.zeros(2, np.int64)]),
    ("EmbeddingBag", (7, 3), {"mode": "max"}, [ints(7, 3), np.asarray([0, 3, 3])]),
]
REFUSALS: list[tuple[Any, ...]] = [
    ("Embedding", (7, 3), {"sparse": True}, r"Embedding: sparse=True is refused: .* a gradient is dense"),
    ("Embedding", (7, 3), {"padding_idx": 7}, r"Embedding: padding_idx=7 is outside num_embeddings=7"),
    ("Embedding", (7, 4), {"_weight": TABLE}, r"Embedding: the weight has shape \(7, 3\)"),
    ("EmbeddingBag", (7, 3), {"sparse": True}, r"EmbeddingBag: sparse=True is refused: .* a gradient is dense"),
    ("EmbeddingBag", (7, 3), {"padding_idx": -8}, r"EmbeddingBag: padding_idx=-8 is outside"),
    ("EmbeddingBag", (7, 3), {"mode": "min"}, r"EmbeddingBag: mode is 'sum', 'mean' or 'max', got 'min'"),
    ("EmbeddingBag", (7, 4), {"_weight": TABLE}, r"EmbeddingBag: the weight has shape \(7, 3\)"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_layer(check_layer: Callable[..., None], case: tuple[Any, ...]) -> None:
    check_layer(*case)
