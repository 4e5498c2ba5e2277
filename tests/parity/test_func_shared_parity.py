"""Gradients of what all samples of a `vmap` share, summed where they are made, against torch.func."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import func
from candelabra.core.transforms import lowering

rng = np.random.default_rng(2)
X, W, B, V = rng.standard_normal((6, 4)), rng.standard_normal((3, 4)), rng.standard_normal(3), rng.standard_normal(4)
M, N = rng.standard_normal((6, 4, 5)), rng.standard_normal((6, 5, 4))
INDEX, IMAGES = rng.integers(0, 3, (6, 2)), rng.standard_normal((6, 2, 3, 7, 7))
KERNELS = rng.standard_normal((4, 3, 3, 3)) / 3


def mapped(operation: Callable[..., Any]) -> Callable[..., Any]:
    """A scalar of a shared weight and of samples."""
    return lambda n, f, w, x: (f.vmap(lambda s: operation(n, w, s))(x) ** 3).sum()


def linear(n: Any, w: Any, s: Any) -> Any:
    return n.tanh(n.nn.functional.linear(s, w, n.tensor(B)))


OPERATIONS: dict[str, tuple[Callable[..., Any], Any, Any]] = {
    "linear": (mapped(linear), W, X),
    "linear of matrices": (mapped(linear), W, N),
    "matrix times vector": (mapped(lambda n, w, s: w @ s), W, X),
    "matrix times matrix": (mapped(lambda n, w, s: w @ s), W, M),
    "vector times matrix": (mapped(lambda n, w, s: w @ s), V, M),
    "vector times vector": (mapped(lambda n, w, s: w @ s), V, X),
    "vector times a transpose": (mapped(lambda n, w, s: s @ w.mT), W, X),
    "matrix times a vector": (mapped(lambda n, w, s: s.mT @ w), V, M),
    "used twice": (mapped(lambda n, w, s: w @ s + (w @ (s * 2)) * w.sum()), W, X),
    "embedding": (mapped(lambda n, w, s: n.nn.functional.embedding(s, w)), W, INDEX),
    "an index": (mapped(lambda n, w, s: w[s]), W, INDEX),
    "convolution": (mapped(lambda n, w, s: n.nn.functional.conv2d(s, w, padding=1)), KERNELS, IMAGES),
    "vmap of vmap": (lambda n, f, w, x: (f.vmap(f.vmap(lambda s: w @ s))(x) ** 3).sum(), W, N),
    "linear, vmap of vmap": (lambda n, f, w, x: (f.vmap(f.vmap(lambda s: linear(n, w, s)))(x) ** 3).sum(), W, N),
}


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []

    def watch(name: str, own: Callable[..., Any]) -> None:
        def run(*args: Any) -> Any:
            found.append(name)
            return own(*args)

        monkeypatch.setattr(lowering, name, run)

    watch("_on_arrays", lowering._on_arrays)
    watch("_on_tensors", lowering._on_tensors)
    return found


def near(ours: Any, theirs: Any) -> None:
    expected = theirs.detach().numpy()
    np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-9, atol=1e-10 * max(1.0, float(np.abs(expected).max())))


def each(n: ModuleType, f: Any, name: str, order: str) -> list[Any]:
    scalar, weight, samples = OPERATIONS[name]
    w, x = n.tensor(weight), n.tensor(samples)
    if order == "first":
        return [f.grad(lambda w: scalar(n, f, w, x))(w)]
    if order == "both":
        return list(f.grad(lambda w, x: scalar(n, f, w, x), (0, 1))(w, x))
    if order == "second":
        return [f.grad(lambda v: (f.grad(lambda w: scalar(n, f, w, x))(v) ** 2).sum())(w)]
    if order == "mixed":
        return [f.grad(lambda x: (f.grad(lambda w: scalar(n, f, w, x))(w) ** 2).sum())(x)]
    return [f.vmap(lambda s: f.grad(lambda w: scalar(n, f, w, s[None]))(w))(x)]


@pytest.mark.parametrize("order", ["first", "both", "second", "mixed", "of each sample"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_the_same_as_torch_func(name: str, order: str, torch: ModuleType, counted: list[str]) -> None:
    if OPERATIONS[name][2].dtype.kind == "i" and order in ("both", "mixed"):
        return
    for ours, theirs in zip(each(cb, func, name, order), each(torch, torch.func, name, order), strict=True):
        near(ours, theirs)
    if order in ("first", "both"):
        assert "_on_arrays" in counted
    if order in ("second", "mixed"):
        assert "_on_tensors" in counted


def test_leaves_accumulate(counted: list[str]) -> None:
    w = cb.tensor(W, requires_grad=True)
    (func.vmap(lambda s: w @ s)(cb.tensor(X)) ** 2).sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), 2 * (X @ W.T).T @ X)
    assert counted == ["_on_arrays"]
