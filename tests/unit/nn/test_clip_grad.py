"""Clipping gradients."""

from __future__ import annotations

import math

import candelabra as cb
import pytest
from candelabra import nn
from candelabra.core.errors import ArgumentError, ArgumentTypeError, DTypeError, LostWriteWarning
from candelabra.nn.utils import clip_grad_norm_, clip_grad_value_, get_total_norm


def parameters(*gradients: list[float] | None) -> list[nn.Parameter]:
    made = []
    for gradient in gradients:
        parameter = nn.Parameter(cb.zeros(1 if gradient is None else len(gradient)))
        parameter.grad = None if gradient is None else cb.asarray(gradient)
        made.append(parameter)
    return made


def test_by_norm() -> None:
    chosen = parameters([3.0], None, [0.0, 4.0])
    total = clip_grad_norm_(iter(chosen), 1.0)
    assert float(total) == pytest.approx(5.0) and total.shape == ()
    assert chosen[0].grad.tolist() == pytest.approx([0.6], rel=1e-5)
    assert chosen[2].grad.tolist() == pytest.approx([0.0, 0.8], rel=1e-5)
    assert float(clip_grad_norm_(chosen, 100.0)) == pytest.approx(1.0, rel=1e-5)
    assert chosen[0].grad.tolist() == pytest.approx([0.6], rel=1e-5)
    assert float(clip_grad_norm_(chosen[0], 1.0, math.inf, foreach=False)) == pytest.approx(0.6, rel=1e-5)
    assert float(clip_grad_norm_([], 1.0)) == 0.0
    assert float(get_total_norm([cb.asarray([1.0, -2.0])], 1.0)) == pytest.approx(3.0)
    assert float(get_total_norm([cb.asarray([1.0, 0.0, -2.0]), cb.zeros(0)], 0.0)) == 2.0
    assert float(get_total_norm([cb.asarray([1.0, -2.0]), cb.zeros(0, 3)], math.inf)) == 2.0


def test_a_gradient_shared_with_a_tensor_is_not_written_through() -> None:
    gradient = cb.asarray([3.0, 4.0])
    parameter = nn.Parameter(cb.zeros(2))
    parameter.grad = gradient.detach()
    clip_grad_norm_([parameter], 1.0)
    assert gradient.tolist() == [3.0, 4.0]
    assert parameter.grad.tolist() == pytest.approx([0.6, 0.8], rel=1e-5)


def test_not_finite() -> None:
    chosen = parameters([math.nan], [1.0])
    with pytest.raises(ArgumentError, match=r"the total norm of order 2.0 is nan"):
        clip_grad_norm_(chosen, 1.0, error_if_nonfinite=True)
    assert chosen[1].grad.tolist() == [1.0]
    clip_grad_norm_(chosen, 1.0)
    assert math.isnan(chosen[1].grad.item())


def test_by_value() -> None:
    chosen = parameters([3.0, -0.5, -7.0], None)
    clip_grad_value_(chosen, 1.0)
    assert chosen[0].grad.tolist() == [1.0, -0.5, -1.0]
    with pytest.raises(ArgumentTypeError, match=r"parameters are tensors, got int"):
        clip_grad_value_([3], 1.0)


@pytest.mark.parametrize("order", [2.0, 0.0, 1.0, math.inf, -math.inf, 3.0])
def test_gradients_on_several_devices(order: float) -> None:
    pytest.importorskip("candelabra_strict")
    values = [[3.0, -1.0], [0.0, 4.0], [2.0], []]
    alone, mixed = parameters(*values), parameters(*values)
    for i, parameter in enumerate(mixed):
        gradient = parameter.grad
        parameter.grad = None
        parameter.data = parameter.detach().to("strict:0" if i % 2 else "cpu")
        parameter.grad = gradient.to(parameter.device)
    wanted = clip_grad_norm_(alone, 0.5, order)
    found = clip_grad_norm_(mixed, 0.5, order)
    assert found.device == cb.device("cpu") and found.item() == pytest.approx(wanted.item(), rel=1e-6)
    clip_grad_value_(alone, 0.1)
    clip_grad_value_(mixed, 0.1)
    for a, b in zip(alone, mixed, strict=True):
        assert b.grad.device == b.device and b.grad.tolist() == pytest.approx(a.grad.tolist(), rel=1e-6)


def test_a_gradient_that_is_a_view_is_told_apart() -> None:
    whole = cb.asarray([3.0, 4.0, 5.0])
    parameter = nn.Parameter(cb.zeros(2))
    parameter.grad = whole[:2]
    with pytest.warns(LostWriteWarning, match="clip_norm_step"):
        clip_grad_norm_([parameter], 1.0)
    assert whole.tolist() == [3.0, 4.0, 5.0] and parameter.grad.tolist() == pytest.approx([0.6, 0.8], rel=1e-5)


def test_integers_have_no_norm_here() -> None:
    with pytest.raises(DTypeError, match=r"total_norm: takes floating-point and complex dtypes, not int64"):
        get_total_norm([cb.asarray([1, 2])])
