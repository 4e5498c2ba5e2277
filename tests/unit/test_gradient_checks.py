"""Gradient checks by finite differences, and anomaly mode."""

from __future__ import annotations

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn
from candelabra.autograd import Function, detect_anomaly, gradcheck, gradgradcheck, set_detect_anomaly
from candelabra.core.errors import AnomalyError, ArgumentTypeError, GradientCheckError


def leaf(values, dtype=cb.float64):
    return cb.tensor(values, dtype=dtype, requires_grad=True)


class TestGradcheck:
    def test_finds_a_wrong_backward(self):
        class Wrong(Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * x

            @staticmethod
            def backward(ctx, g):
                (x,) = ctx.saved_tensors
                return 2.01 * x * g

        x = leaf([1.0, 2.0])
        with pytest.raises(GradientCheckError, match=r"input 0, element 0, against.* 0, element 0: analytical 2.01"):
            gradcheck(Wrong.apply, x)
        assert not gradcheck(Wrong.apply, x, raise_exception=False)
        assert not gradcheck(lambda v: (v * 1, Wrong.apply(v)), x, raise_exception=False)

    def test_finds_a_wrong_second_derivative(self):
        class Once(Function):
            """Right at first order, cut off from the graph at second."""

            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x**3

            @staticmethod
            def backward(ctx, g):
                (x,) = ctx.saved_tensors
                return 3 * (x.detach() ** 2) * g

        x = leaf([1.0, 2.0])
        assert gradcheck(Once.apply, x) and not gradgradcheck(Once.apply, x, raise_exception=False)
        with pytest.raises(GradientCheckError):
            gradgradcheck(Once.apply, x)

    def test_finds_a_missing_gradient(self):
        x, w = leaf([1.0, 2.0]), leaf([1.0, 2.0])
        assert not gradcheck(lambda x, w: x * w.detach(), [x, w], raise_exception=False)

    def test_inputs_without_gradients_are_not_checked(self):
        x, c = leaf([1.0, 2.0]), cb.tensor([3, 4])
        assert gradcheck(lambda x, c: x * c, [x, c]) and gradgradcheck(lambda x, c: x * c, [x, c])

    def test_what_it_cannot_check(self):
        with pytest.raises(ArgumentTypeError, match="at least one input must be a Tensor that requires a gradient"):
            gradcheck(cb.sin, cb.ones(2, dtype=cb.float64))
        with pytest.raises(ArgumentTypeError, match="input 0 has dtype float32; finite differences need float64"):
            gradcheck(cb.sin, leaf([1.0], cb.float32))

    def test_leaves_the_inputs_alone(self):
        x = leaf([1.0, 2.0])
        gradcheck(cb.sin, x)
        gradgradcheck(cb.sin, x)
        assert x.tolist() == [1.0, 2.0] and x.grad is None

    def test_given_cotangents(self):
        x = leaf([1.0, 2.0])
        assert gradgradcheck(lambda v: v**3, x, leaf([1.0, -2.0]))


class TestAnomaly:
    def test_names_the_line_of_a_forward_fault(self):
        x = leaf([0.0, 1.0])
        with detect_anomaly(), pytest.raises(AnomalyError, match=r"log made something non-finite") as caught:
            y = cb.log(x)  # the line
        assert "test_gradient_checks.py" in str(caught.value) and "y = cb.log(x)  # the line" in str(caught.value)
        assert "y" not in locals()

    def test_names_the_forward_line_of_a_backward_fault(self):
        x = leaf([0.0, 1.0])
        with detect_anomaly():
            y = cb.sqrt(x)  # the line
            with pytest.raises(AnomalyError, match="the backward of sqrt made a non-finite gradient") as caught:
                y.sum().backward()
        assert "y = cb.sqrt(x)  # the line" in str(caught.value)

    def test_a_fault_recorded_before(self):
        x = leaf([0.0, 1.0])
        y = cb.sqrt(x).sum()
        with detect_anomaly(), pytest.raises(AnomalyError, match="an unknown line"):
            y.backward()

    def test_infinities_that_were_there_are_none(self):
        x = leaf([[1.0, 2.0], [3.0, 4.0]])
        mask = cb.tensor([[0.0, -np.inf], [0.0, 0.0]], dtype=cb.float64)
        with detect_anomaly():
            cb.softmax(x + mask, axis=-1).sum().backward()
            cb.attention(x, x, x, mask).sum().backward()
            cb.where(mask == 0, x, mask).max().backward()
        assert np.isfinite(x.grad.numpy()).all()

    def test_a_custom_function(self):
        class Wrong(Function):
            @staticmethod
            def forward(ctx, x):
                return x * 1

            @staticmethod
            def backward(ctx, g):
                return g / 0.0

        with detect_anomaly(), pytest.raises(AnomalyError, match="the backward of Wrong made a non-finite gradient"):
            Wrong.apply(leaf([1.0])).sum().backward()

    def test_a_layer_deep_inside(self):
        model = nn.Sequential(nn.Linear(2, 2), nn.Tanh()).double()
        with cb.no_grad():
            model[0].weight.fill_(1e308)
        with detect_anomaly(), pytest.raises(AnomalyError, match="linear made") as caught:
            model(cb.ones(1, 2, dtype=cb.float64) * 10)  # the call
        assert "# the call" in str(caught.value)

    def test_without_checking_only_lines_are_kept(self):
        x = leaf([0.0])
        with detect_anomaly(check_nan=False):
            y = cb.log(x)
        assert "y = cb.log(x)" in y.grad_fn.line

    def test_off_again(self):
        x = leaf([0.0])
        with detect_anomaly():
            pass
        cb.log(x)
        set_detect_anomaly(True)
        try:
            with pytest.raises(AnomalyError):
                cb.log(x)
        finally:
            set_detect_anomaly(False)
        cb.log(x)
        with set_detect_anomaly(True), pytest.raises(AnomalyError):
            cb.log(x)
        cb.log(x)

    def test_it_switches_no_recording_on(self):
        x = leaf([1.0])
        with cb.no_grad():
            with detect_anomaly():
                assert not (x * 2).requires_grad
            with set_detect_anomaly(False):
                assert not (x * 2).requires_grad

    def test_as_a_decorator(self):
        for mode in (lambda: detect_anomaly(), lambda: set_detect_anomaly(True)):
            watched = mode()(cb.log)
            cb.log(leaf([0.0]))
            with pytest.raises(AnomalyError):
                watched(leaf([0.0]))
            cb.log(leaf([0.0]))

    def test_inside_transformations(self):
        f = lambda v: cb.sum(cb.sqrt(v) * v)
        with detect_anomaly():
            cb.func.vmap(cb.func.grad(f))(leaf([[1.0, 2.0], [3.0, 4.0]]))
            cb.func.jvp(cb.func.grad(f), (leaf([1.0, 2.0]),), (leaf([1.0, 1.0]),))
            with pytest.raises(AnomalyError, match="sqrt"):
                cb.func.vmap(cb.func.grad(lambda v: cb.sum(cb.sqrt(v))))(leaf([[1.0, 2.0], [0.0, 4.0]]))

    def test_grad_modes_inside(self):
        x = leaf([0.0])
        with detect_anomaly():
            with cb.no_grad():
                assert not cb.log(x).requires_grad
            with cb.no_grad(), cb.enable_grad(), pytest.raises(AnomalyError):
                cb.log(x)
            with pytest.raises(AnomalyError):
                cb.grad(cb.sqrt(x), x, create_graph=True)
            with pytest.raises(AnomalyError), cb.inference_mode(False):
                cb.log(x)
