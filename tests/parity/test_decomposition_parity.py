"""Decompositions of matrices against PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest


@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (2, 4, 3), (1, 1), (3, 3, 1)])
@pytest.mark.parametrize("kind", ["float64", "complex128"])
def test_qr(compare: Callable[..., None], shape: tuple[int, ...], kind: str) -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal(shape)
    if kind == "complex128":
        x = x + 1j * rng.standard_normal(shape)
    # Of complex matrices the values: PyTorch refuses a loss that depends on the phases of the columns.
    order = 2 if kind == "float64" else 0
    compare(lambda x: tuple(cb.linalg.qr(x)), lambda t, x: tuple(t.linalg.qr(x)), x, order=order, dtype=kind)


@pytest.mark.parametrize(("shape", "mode"), [((3, 5), "reduced"), ((2, 4), "complete"), ((4, 2), "complete")])
def test_values_of_wide_and_complete_qr(compare: Callable[..., None], shape: tuple[int, ...], mode: str) -> None:
    x = np.random.default_rng(4).standard_normal(shape)
    compare(lambda x: tuple(cb.linalg.qr(x, mode=mode)), lambda t, x: tuple(t.linalg.qr(x, mode=mode)), x, order=0)


def test_gradients_of_a_wide_qr(torch: Any) -> None:
    x = np.random.default_rng(5).standard_normal((3, 5))
    ours, theirs = cb.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    for leaf, (q, r) in ((ours, cb.linalg.qr(ours)), (theirs, torch.linalg.qr(theirs))):
        (q * q * q).sum().backward(retain_graph=True)
        (r * r).sum().backward()
        assert leaf.grad is not None
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_a_matrix_that_is_triangular_already() -> None:
    x = cb.tensor(np.diag([2.0, -3.0, 0.0]), requires_grad=True)
    q, r = cb.linalg.qr(x)
    np.testing.assert_allclose((q @ r).detach().numpy(), x.detach().numpy())
    r.sum().backward()
    assert np.isfinite(x.grad.numpy()).all()


def test_refusals() -> None:
    with pytest.raises(cb.CandelabraError, match="qr: mode is 'reduced', 'complete' or 'r', not 'raw'"):
        cb.linalg.qr(cb.ones((2, 2)), mode="raw")
    with pytest.raises(cb.CandelabraError, match=r"qr: matrices in the last two axes are needed, got shape \(2,\)"):
        cb.linalg.qr(cb.ones(2))


SYSTEMS = [((3, 3), (3, 2)), ((2, 4, 4), (2, 4, 1)), ((3, 3), (3,)), ((5, 2, 2), (2, 3))]


@pytest.mark.parametrize("kind", ["float64", "complex128"])
@pytest.mark.parametrize(("left", "right"), SYSTEMS)
def test_solve(compare: Callable[..., None], left: tuple[int, ...], right: tuple[int, ...], kind: str) -> None:
    rng = np.random.default_rng(8)
    a, b = rng.standard_normal(left), rng.standard_normal(right)
    if kind == "complex128":
        a, b = a + 1j * rng.standard_normal(left), b + 1j * rng.standard_normal(right)
    compare(lambda a, b: cb.linalg.solve(a, b), lambda t, a, b: t.linalg.solve(a, b), a, b, dtype=kind, tolerance=10)


def test_refusals_of_solve() -> None:
    with pytest.raises(cb.CandelabraError, match=r"solve: square matrices .* got shape \(2, 3\)"):
        cb.linalg.solve(cb.ones((2, 3)), cb.ones(2))
    with pytest.raises(cb.CandelabraError, match=r"solve: right sides of shape \(3,\) do not fit"):
        cb.linalg.solve(cb.eye(2), cb.ones(3))
