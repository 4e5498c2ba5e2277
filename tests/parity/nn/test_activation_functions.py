"""Activations as functions against PyTorch's: in place, at bends and infinities, random ones, and what they refuse."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.nn import functional as F

ODD = np.asarray([np.nan, np.inf, -np.inf, 0.0, -0.0, 3.0, -3.0, 0.5, -0.5, 1.0, -1.0, 6.0, 20.5, 1e-30])
ELEMENTWISE: list[tuple[str, dict[str, Any]]] = [
    ("relu", {}), ("relu6", {}), ("elu", {"alpha": 0.7}), ("selu", {}), ("celu", {"alpha": 2.0}), ("gelu", {}),
    ("silu", {}),
    ("leaky_relu", {"negative_slope": 0.3}), ("hardtanh", {"min_val": -0.5, "max_val": 3.0}), ("hardswish", {}),
    ("softplus", {}), ("softplus", {"beta": 3.0, "threshold": 2.0}), ("softsign", {}), ("logsigmoid", {}),
    ("tanhshrink", {}), ("hardshrink", {}), ("softshrink", {"lambd": 0.2}), ("rrelu", {}),
    ("threshold", {"threshold": 0.5, "value": -7.0}), ("sigmoid", {}), ("tanh", {}), ("mish", {}),
]  # fmt: skip
IN_PLACE: list[tuple[str, tuple[Any, ...]]] = [
    ("relu_", ()), ("elu_", (0.5,)), ("selu_", ()), ("celu_", (2.0,)), ("leaky_relu_", (0.2,)),
    ("hardtanh_", (-0.3, 2.0)),
    ("threshold_", (0.1, 20.0)), ("rrelu_", (0.25, 0.25, True)), ("rrelu_", ()),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), ELEMENTWISE)
def test_values_at_bends_and_infinities(torch: Any, name: str, options: dict[str, Any]) -> None:
    # PyTorch's gelu is not a number at minus infinity, where some of our kernels have its limit, and that of float32 is
    # off by 1e-4 in the tail.
    for dtype in ("float64",) if name == "gelu" else ("float64", "float32"):
        x = (np.delete(ODD, 2) if name == "gelu" else ODD).astype(dtype)
        ours = getattr(F, name)(cb.tensor(x), **options).numpy()
        theirs = getattr(torch.nn.functional, name)(torch.tensor(x), **options).numpy()
        np.testing.assert_allclose(ours, theirs, rtol=1e-6 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize(
    ("name", "options"), [e for e in ELEMENTWISE if e[0] not in ("gelu", "silu", "mish", "softsign", "tanhshrink")]
)
def test_gradients_at_bends_and_infinities(torch: Any, name: str, options: dict[str, Any]) -> None:
    x = ODD[1:]
    ours, theirs = cb.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    getattr(F, name)(ours, **options).sum().backward()
    getattr(torch.nn.functional, name)(theirs, **options).sum().backward()
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize(("name", "args"), IN_PLACE)
def test_in_place(torch: Any, name: str, args: tuple[Any, ...]) -> None:
    x = np.random.default_rng(0).standard_normal((3, 4))
    mine, other = cb.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    ours, theirs = mine * 2.0, other * 2.0
    result = getattr(F, name)(ours, *args)
    getattr(torch.nn.functional, name)(theirs, *args)
    assert result is ours
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-12)
    ours.sum().backward()
    theirs.sum().backward()
    np.testing.assert_allclose(mine.grad.numpy(), other.grad.numpy(), rtol=1e-12)
    with pytest.raises(cb.CandelabraError, match="leaf that requires a gradient"):
        getattr(F, name)(mine, *args)
    np.testing.assert_array_equal(mine.detach().numpy(), x)


@pytest.mark.parametrize("name", ["hardtanh", "relu6", "relu"])
def test_integers_stay_integers(torch: Any, name: str) -> None:
    x = np.arange(-4, 9)
    ours, theirs = getattr(F, name)(cb.tensor(x)), getattr(torch.nn.functional, name)(torch.tensor(x))
    assert ours.dtype is cb.int64
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_threshold_of_integers(torch: Any) -> None:
    x = np.arange(5)
    ours = F.threshold(cb.tensor(x), 2, 0.5)
    assert ours.dtype is cb.int64
    np.testing.assert_array_equal(ours.numpy(), torch.nn.functional.threshold(torch.tensor(x), 2, 0.5).numpy())


def test_softmin_and_glu(compare: Callable[..., None]) -> None:
    x = np.random.default_rng(1).standard_normal((4, 6))
    compare(lambda x: F.softmin(x, dim=1), lambda t, x: t.nn.functional.softmin(x, dim=1), x)
    compare(
        lambda x: F.softmin(x, 0, dtype=cb.float32), lambda t, x: t.nn.functional.softmin(x, 0, dtype=t.float32), x,
        dtype="float32",
    )  # fmt: skip
    compare(lambda x: F.glu(x, dim=0), lambda t, x: t.nn.functional.glu(x, dim=0), x)
    compare(
        lambda x, w: F.prelu(x, w), lambda t, x, w: t.nn.functional.prelu(x, w), x, np.linspace(-0.5, 2.0, 6)
    )  # fmt: skip


def test_slopes_of_rrelu_are_drawn_for_every_element(torch: Any) -> None:
    x = -np.ones(20000)
    ours = -F.rrelu(cb.tensor(x), 0.1, 0.9, training=True).numpy()
    theirs = -torch.nn.functional.rrelu(torch.tensor(x), 0.1, 0.9, training=True).numpy()
    assert 0.1 <= ours.min() < 0.11 and 0.89 < ours.max() <= 0.9
    assert ours.mean() == pytest.approx(theirs.mean(), abs=0.01) and ours.std() == pytest.approx(theirs.std(), abs=0.01)
    leaf = cb.tensor(x, requires_grad=True)
    out = F.rrelu(leaf, training=True)
    out.sum().backward()
    np.testing.assert_allclose(leaf.grad.numpy(), -out.detach().numpy())


def test_gumbel_softmax(torch: Any) -> None:
    p = np.asarray([0.5, 0.3, 0.2])
    logits = np.broadcast_to(np.log(p), (40000, 3)).copy()
    cb.manual_seed(3)
    hard = F.gumbel_softmax(cb.tensor(logits), hard=True)
    assert set(np.unique(hard.numpy().round(12))) == {0.0, 1.0}
    np.testing.assert_allclose(hard.numpy().mean(0), p, atol=0.01)
    for tau in (0.5, 3.0):
        soft = F.gumbel_softmax(cb.tensor(logits), tau=tau).numpy()
        theirs = torch.nn.functional.gumbel_softmax(torch.tensor(logits), tau=tau).numpy()
        np.testing.assert_allclose(soft.sum(1), 1.0)
        np.testing.assert_allclose(soft.mean(0), theirs.mean(0), atol=0.01)
        np.testing.assert_allclose(soft.std(0), theirs.std(0), atol=0.01)
    # The hard draw has the soft draw's gradient.
    grads = []
    for flag in (False, True):
        cb.manual_seed(5)
        leaf = cb.tensor(logits[:5], requires_grad=True)
        (F.gumbel_softmax(leaf, hard=flag, dim=1) * cb.arange(3.0, dtype=cb.float64)).sum().backward()
        grads.append(leaf.grad.numpy())
    np.testing.assert_allclose(grads[0], grads[1])
    assert F.gumbel_softmax(cb.tensor(logits[:4]), hard=True, dim=0).sum(0).numpy().tolist() == pytest.approx([1] * 3)
    with pytest.warns(UserWarning, match="eps is deprecated"):
        F.gumbel_softmax(cb.zeros(3), eps=1e-5)


def test_deprecated_bounds_of_hardtanh() -> None:
    for name in ("min_value", "max_value"):
        with pytest.warns(FutureWarning, match=name):
            cb.nn.Hardtanh(**{name: -0.5 if name == "min_value" else 0.5})


def test_inside_transformations() -> None:
    x = cb.tensor(np.random.default_rng(2).standard_normal((3, 4)))
    for name, options in ELEMENTWISE:
        one = cb.func.vmap(functools.partial(getattr(F, name), **options))(x)
        np.testing.assert_allclose(one.numpy(), getattr(F, name)(x, **options).numpy(), rtol=1e-12)
    different = cb.func.vmap(lambda v: F.rrelu(v, training=True), randomness="different")(-cb.ones((4, 5)))
    assert len(np.unique(different.numpy())) == 20
    drawn = cb.func.vmap(lambda v: F.gumbel_softmax(v, hard=True), randomness="different")(cb.zeros((6, 5)))
    np.testing.assert_allclose(drawn.numpy().sum(1), 1.0)


@pytest.mark.parametrize(
    ("call", "pattern"),
    [
        (lambda: F.softshrink(cb.zeros(3), -1.0), "softshrink: lambd"),
        (lambda: F.glu(cb.zeros((3, 5))), "glu: axis -1 of shape"),
        (lambda: F.glu(cb.tensor(1.0)), "glu: a tensor without axes"),
        (lambda: F.glu(cb.zeros((2, 2)), 2), "glu: dim=2"),
        (lambda: F.rrelu(cb.zeros(3), 0.5, 0.2), "rrelu: lower=0.5"),
        (lambda: F.celu(cb.zeros(3), 0.0), "celu: alpha"),
        (lambda: F.hardtanh(cb.zeros(3), 2.0, 1.0), "hardtanh: min_val"),
        (lambda: F.gelu(cb.zeros(3), approximate="erf"), "gelu: approximate"),
        (lambda: F.prelu(cb.zeros((2, 3)), cb.zeros(2)), r"prelu: weight .* per channel \(3\); got shape \(2,\)"),
        (lambda: F.gumbel_softmax(cb.arange(3)), "exponential_"),
        (lambda: cb.nn.Softmax2d()(cb.zeros((2, 3))), "Softmax2d"),
    ],
)
def test_refusals(call: Callable[[], Any], pattern: str) -> None:
    with warnings.catch_warnings(), pytest.raises(cb.CandelabraError, match=pattern):
        call()
