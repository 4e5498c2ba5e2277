"""The tape and its engine: backward, grad and hooks."""

from __future__ import annotations

import warnings

import candelabra as cb
import numpy as np
import pytest
from candelabra.core.errors import ArgumentTypeError, AutogradError, DeviceMismatchError, DTypeError, ShapeError


def leaf(values, dtype=cb.float64):
    return cb.tensor(values, dtype=dtype, requires_grad=True)


class TestBackward:
    def test_accumulates_in_leaves(self):
        x = leaf([1.0, 2.0])
        (x * x).sum().backward()
        assert x.grad.tolist() == [2.0, 4.0]
        (3 * x).sum().backward()
        assert x.grad.tolist() == [5.0, 7.0]

    def test_a_gradient_has_its_tensors_dtype_and_shape(self):
        x = leaf([[1.0], [2.0]], cb.float32)
        y = leaf([1.0, 2.0, 3.0], cb.float64)
        (x * y).sum().backward()
        assert x.grad.shape == (2, 1) and x.grad.dtype is cb.float32 and x.grad.tolist() == [[6.0], [6.0]]
        assert y.grad.shape == (3,) and y.grad.dtype is cb.float64

    def test_a_tensor_used_twice_gets_both_gradients(self):
        x = leaf(3.0)
        y = x * x
        (y + y + x).backward()
        assert x.grad.item() == 13.0

    def test_needs_a_scalar_or_a_gradient(self):
        x = leaf([1.0, 2.0])
        with pytest.raises(AutogradError, match=r"this output has shape \(2,\); reduce it first"):
            (x * 2).backward()
        (x * 2).backward(cb.tensor([1.0, 10.0], dtype=cb.float64))
        assert x.grad.tolist() == [2.0, 20.0]
        with pytest.raises(ShapeError, match=r"gradient has shape \(3,\), its output has shape \(2,\)"):
            (x * 2).backward(cb.ones(3, dtype=cb.float64))
        with pytest.raises(ArgumentTypeError, match="gradient must be a Tensor, got list"):
            (x * 2).backward([1.0, 1.0])

    def test_a_tensor_of_one_element_needs_no_gradient(self):
        x = leaf([[2.0]])
        (x * x).backward()
        assert x.grad.tolist() == [[4.0]]

    def test_a_gradient_is_cast_to_its_outputs_dtype(self):
        x = leaf([1.0, 2.0], cb.float32)
        (x * 3).backward(cb.ones(2, dtype=cb.float64))
        assert x.grad.dtype is cb.float32

    def test_without_a_graph(self):
        with pytest.raises(AutogradError, match=r"requires no gradient.*requires_grad=True"):
            cb.ones(()).backward()

    def test_a_second_time(self):
        x = leaf([1.0, 2.0])
        y = (x * x).sum()
        y.backward()
        with pytest.raises(AutogradError, match=r"backward through multiply a second time.*retain_graph=True"):
            y.backward()
        assert x.grad.tolist() == [2.0, 4.0]

    def test_retain_graph(self):
        x = leaf([1.0, 2.0])
        y = (x * x).sum()
        y.backward(retain_graph=True)
        y.backward()
        assert x.grad.tolist() == [4.0, 8.0]

    def test_a_graph_without_saved_arrays_may_be_walked_twice(self):
        x = leaf([1.0, 2.0])
        y = (x + 1).reshape(1, 2).sum()
        y.backward()
        y.backward()
        assert x.grad.tolist() == [2.0, 2.0]

    def test_two_losses_may_share_what_saves_no_arrays(self):
        w = leaf([1.0, 2.0, 3.0, 4.0])
        shared = w.reshape(2, 2)
        (shared * shared).sum().backward()
        (shared * 3).sum().backward()
        assert w.grad.tolist() == [5.0, 7.0, 9.0, 11.0]

    def test_inputs(self):
        x, w = leaf(2.0), leaf(3.0)
        y = x * w
        (y * y).backward(inputs=[w])
        assert x.grad is None and w.grad.item() == 24.0
        (x * w).backward(inputs=x)
        assert x.grad.item() == 3.0 and w.grad.item() == 24.0
        hidden = x * 2
        with pytest.raises(AutogradError, match="inputs= takes leaves only"):
            (hidden * w).backward(inputs=[hidden])
        with pytest.raises(AutogradError, match="does not require a gradient"):
            (x * w).backward(inputs=[cb.ones(())])

    def test_several_outputs_at_once(self):
        x = leaf([1.0, 2.0])
        cb.autograd.backward([x.sum(), (x * x).sum()])
        assert x.grad.tolist() == [3.0, 5.0]
        with pytest.raises(ArgumentTypeError, match="1 outputs, but 2 gradients"):
            cb.autograd.backward([x.sum()], [None, None])

    def test_create_graph(self):
        x = leaf(2.0)
        (x**3).backward(create_graph=True)
        first = x.grad
        assert first.item() == 12.0 and first.requires_grad
        x.grad = None
        first.backward()
        assert x.grad.item() == 12.0

    def test_gradients_of_a_graph_accumulate_out_of_place_under_create_graph(self):
        x = leaf(2.0)
        (x * x).backward(create_graph=True)
        (x * x * x).backward(create_graph=True)
        assert x.grad.item() == 16.0
        (second,) = cb.grad(x.grad, x)
        assert second.item() == 14.0

    def test_runs_inside_no_grad(self):
        x = leaf(2.0)
        y = x * x
        with cb.no_grad():
            y.backward(create_graph=True)
        assert x.grad.requires_grad and x.grad.item() == 4.0

    def test_an_unused_branch_costs_nothing(self):
        x, w = leaf([1.0, 2.0]), leaf([1.0, 1.0])
        unused = w * x
        (x * 2).sum().backward()
        assert w.grad is None and unused.requires_grad

    def test_part_of_several_outputs(self):
        x = leaf([[1.0, 2.0], [3.0, 4.0]])
        first, _ = x.unbind(0)
        (first * first).sum().backward()
        assert x.grad.tolist() == [[2.0, 4.0], [0.0, 0.0]]

    def test_an_output_used_twice(self):
        x = leaf([[1.0, 2.0], [3.0, 4.0]])
        first, second = x.unbind(0)
        (first * first + first * second).sum().backward()
        assert x.grad.tolist() == [[5.0, 8.0], [1.0, 2.0]]

    def test_indices_have_no_gradient_and_statistics_none(self):
        x = leaf(np.arange(8.0).reshape(4, 2))
        out, mean, var = cb.batch_norm(x)
        assert out.requires_grad and not mean.requires_grad and not var.requires_grad
        assert not x.argmax(0).requires_grad and not (x > 1).requires_grad

    def test_a_fault_in_backward_names_the_operation(self):
        class Wrong(cb.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x * 1

            @staticmethod
            def backward(ctx, g):
                raise ValueError("no")

        x = leaf([1.0])
        with pytest.raises(ValueError, match="no") as caught:
            Wrong.apply(x).sum().backward()
        assert any("backward of Wrong" in note for note in caught.value.__notes__)


class TestBuffers:
    """A rule may hand one array to both sides; nobody may then write into it."""

    def test_add_hands_the_same_cotangent_to_both_sides(self):
        x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
        total = x + y
        (total.sum() + (total * 5).sum() + (x * 2).sum()).backward()
        assert x.grad.tolist() == [8.0, 8.0] and y.grad.tolist() == [6.0, 6.0]

    def test_gradients_of_two_leaves_never_change_together(self):
        x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
        (x + y).sum().backward()
        x.grad += 1
        x.grad.mul_(3)
        assert x.grad.tolist() == [6.0, 6.0] and y.grad.tolist() == [1.0, 1.0]
        (x + y).sum().backward()
        assert x.grad.tolist() == [7.0, 7.0] and y.grad.tolist() == [2.0, 2.0]

    def test_gradients_that_came_as_slices_may_be_written(self):
        x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
        for join in (cb.concat, cb.stack):
            x.grad = y.grad = None
            (join([x, y]) * 2).sum().backward()
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                x.grad.zero_()
                y.grad[0] = 7.0
            assert x.grad.tolist() == [0.0, 0.0] and y.grad.tolist() == [7.0, 2.0]

    def test_the_given_cotangent_stays_as_it_is(self):
        x = leaf([1.0, 2.0])
        seed = cb.tensor([1.0, 1.0], dtype=cb.float64)
        y = x + 0
        (y + y).backward(seed)
        assert seed.tolist() == [1.0, 1.0]
        x.grad += 1
        assert seed.tolist() == [1.0, 1.0] and x.grad.tolist() == [3.0, 3.0]

    def test_three_uses_with_one_cotangent(self):
        x = leaf([1.0, 2.0])
        a, b = x.clone(), x.clone()
        s = a + b
        out = s + a + b + s
        (g_a, g_b, g_s) = cb.grad(out, [a, b, s], cb.ones(2, dtype=cb.float64), retain_graph=True)
        assert g_s.tolist() == [2.0, 2.0] and g_a.tolist() == [3.0, 3.0] and g_b.tolist() == [3.0, 3.0]

    def test_a_saved_gradient_is_not_written_by_later_sums(self):
        x = leaf([1.0, 2.0])
        y = x * 2
        seen = []
        y.register_hook(seen.append)
        (y + y * 3 + y * 4).sum().backward()
        assert seen[0].tolist() == [8.0, 8.0] and x.grad.tolist() == [16.0, 16.0]


class TestGrad:
    def test_touches_no_grad(self):
        x = leaf([1.0, 2.0])
        (g,) = cb.grad((x * x).sum(), x)
        assert g.tolist() == [2.0, 4.0] and x.grad is None and not g.requires_grad

    def test_several_inputs_and_outputs(self):
        x, w = leaf(2.0), leaf(3.0)
        gx, gw = cb.grad([x * w, x + w], [x, w])
        assert gx.item() == 4.0 and gw.item() == 3.0
        gx, gw = cb.grad([x * w, x + w], [x, w], [cb.tensor(10.0), None])
        assert gx.item() == 31.0 and gw.item() == 21.0
        with pytest.raises(ArgumentTypeError, match="2 outputs, but 1 grad_outputs"):
            cb.grad([x * w, x + w], [x], [None])

    def test_of_an_inner_tensor(self):
        x = leaf(2.0)
        y = x * x
        z = y * y
        gy, gx = cb.grad(z, [y, x])
        assert gy.item() == 8.0 and gx.item() == 32.0

    def test_of_an_output_with_respect_to_itself(self):
        x = leaf(2.0)
        y = x * x
        gy, gx = cb.grad(y, [y, x])
        assert gy.item() == 1.0 and gx.item() == 4.0
        assert cb.grad(x, x)[0].item() == 1.0

    def test_allow_unused(self):
        x, w = leaf(2.0), leaf([1.0, 2.0])
        with pytest.raises(AutogradError, match=r"input 1 \(shape \(2,\)\) was not used.*allow_unused=True"):
            cb.grad(x * x, [x, w])
        assert cb.grad(x * x, [x, w], allow_unused=True)[1] is None
        zeros = cb.grad(x * x, [x, w], materialize_grads=True)[1]
        assert zeros.tolist() == [0.0, 0.0] and zeros.dtype is cb.float64

    def test_inputs_must_require_a_gradient(self):
        x = leaf(2.0)
        with pytest.raises(AutogradError, match="does not require a gradient"):
            cb.grad(x * x, cb.ones(()))
        with pytest.raises(AutogradError, match="an output requires no gradient"):
            cb.grad(cb.ones(()), x)
        with pytest.raises(ArgumentTypeError, match="inputs must be a Tensor or a sequence of Tensors, got float"):
            cb.grad(x * x, 2.0)
        with pytest.raises(ArgumentTypeError, match="outputs must be Tensors, got int"):
            cb.grad([x * x, 3], x)

    def test_batched_cotangents(self):
        x = leaf([1.0, 2.0, 3.0])
        y = x * x
        (rows,) = cb.grad(y, x, cb.eye(3, dtype=cb.float64), is_grads_batched=True)
        assert rows.tolist() == [[2.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 6.0]]

    def test_third_derivatives(self):
        x = leaf(2.0)
        y = cb.tanh(x) * cb.exp(x)
        for _ in range(3):
            (y,) = cb.grad(y, x, create_graph=True)
        h = 1e-3
        f = lambda v: np.tanh(v) * np.exp(v)
        expected = (f(2 + 2 * h) - 2 * f(2 + h) + 2 * f(2 - h) - f(2 - 2 * h)) / (2 * h**3)
        assert abs(y.item() - expected) < 1e-4

    def test_mixed_second_derivatives(self):
        x, w = leaf([1.0, 2.0]), leaf([3.0, 4.0])
        (gx,) = cb.grad((x * x * w).sum(), x, create_graph=True)
        gxx, gxw = cb.grad(gx.sum(), [x, w])
        assert gxx.tolist() == [6.0, 8.0] and gxw.tolist() == [2.0, 4.0]

    def test_the_same_input_twice(self):
        x = leaf(2.0)
        a, b = cb.grad(x * x, [x, x])
        assert a.item() == b.item() == 4.0

    def test_a_gradient_that_does_not_depend_on_its_input(self):
        x = leaf(2.0)
        (g,) = cb.grad(3 * x, x, create_graph=True)
        assert g.item() == 3.0
        # Its slope is zero; it is either outside the graph, or unused.
        assert not g.requires_grad or cb.grad(g, x, allow_unused=True, materialize_grads=True)[0].item() == 0.0


class TestHooks:
    def test_sees_and_replaces_the_gradient(self):
        x = leaf([1.0, 2.0])
        y = x * 2
        seen = []
        y.register_hook(lambda g: seen.append(g.tolist()))
        y.register_hook(lambda g: g * 10)
        y.register_hook(lambda g: seen.append(g.tolist()))
        y.sum().backward()
        assert seen == [[1.0, 1.0], [10.0, 10.0]] and x.grad.tolist() == [20.0, 20.0]

    def test_on_a_leaf(self):
        x = leaf([1.0, 2.0])
        x.register_hook(lambda g: g / 2)
        (x * 2 + x * 4).sum().backward()
        assert x.grad.tolist() == [3.0, 3.0]

    def test_runs_once_with_the_whole_gradient(self):
        x = leaf(1.0)
        y = x * 1
        calls = []
        y.register_hook(lambda g: calls.append(g.item()))
        (y * 2 + y * 3).backward()
        assert calls == [5.0]

    def test_removable(self):
        x = leaf(1.0)
        handle = x.register_hook(lambda g: g * 100)
        handle.remove()
        handle.remove()
        x.backward(cb.ones((), dtype=cb.float64))
        assert x.grad.item() == 1.0
        with x.register_hook(lambda g: g * 100):
            x.backward(cb.ones((), dtype=cb.float64))
        assert x.grad.item() == 101.0
        x.backward(cb.ones((), dtype=cb.float64))
        assert x.grad.item() == 102.0

    def test_a_hook_may_remove_itself(self):
        x = leaf(1.0)
        handles = []
        handles.append(x.register_hook(lambda g: handles[0].remove()))
        (x * 1).backward()
        (x * 1).backward()
        assert x.grad.item() == 2.0

    def test_of_outputs_of_several(self):
        x = leaf([[1.0, 2.0], [3.0, 4.0]])
        first, second = x.unbind(0)
        first.register_hook(lambda g: g * 7)
        (first + second).sum().backward()
        assert x.grad.tolist() == [[7.0, 7.0], [1.0, 1.0]]

    def test_replaced_in_a_recorded_backward(self):
        x = leaf(2.0)
        y = x * x
        handle = y.register_hook(lambda g: g * y)
        (g,) = cb.grad(y * 1, x, create_graph=True)
        handle.remove()
        assert g.item() == 16.0 and cb.grad(g, x)[0].item() == 24.0

    def test_wrong_returns(self):
        x = leaf([1.0, 2.0])
        handle = x.register_hook(lambda g: 3.0)
        with pytest.raises(ArgumentTypeError, match="returns a Tensor or None, got float"):
            x.sum().backward()
        handle.remove()
        x.register_hook(lambda g: cb.ones(3, dtype=cb.float64))
        with pytest.raises(ShapeError, match=r"returned shape \(3,\) for a gradient of \(2,\)"):
            x.sum().backward()
        with pytest.raises(ArgumentTypeError, match="must be callable, got int"):
            x.register_hook(3)
        with pytest.raises(AutogradError, match="does not require a gradient"):
            cb.ones(2).register_hook(print)

    def test_a_hook_that_writes_in_place(self):
        x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
        x.register_hook(lambda g: g.mul_(10))

        def silently(g):
            g += 1

        x.register_hook(silently)
        total = x + y
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            total.sum().backward()
        assert x.grad.tolist() == [11.0, 11.0] and y.grad.tolist() == [1.0, 1.0]

    @pytest.mark.host
    def test_another_dtype_or_device_from_a_hook(self):
        x = leaf([1.0, 2.0], cb.float32)
        with x.register_hook(lambda g: g.double()), pytest.raises(DTypeError, match="float64 for a gradient"):
            x.sum().backward()
        pytest.importorskip("candelabra_strict")
        with x.register_hook(lambda g: g.to("strict")), pytest.raises(DeviceMismatchError, match="cpu and strict"):
            x.sum().backward()

    def test_after_accumulation(self):
        x = leaf([1.0, 2.0])
        seen = []
        handle = x.register_post_accumulate_grad_hook(lambda p: seen.append((p is x, p.grad.tolist())))
        (x * 2).sum().backward()
        (x * 3).sum().backward()
        assert seen == [(True, [2.0, 2.0]), (True, [5.0, 5.0])]
        handle.remove()
        (x * 3).sum().backward()
        assert len(seen) == 2
        with pytest.raises(AutogradError, match="only leaves"):
            (x * 2).register_post_accumulate_grad_hook(print)

    def test_an_optimizer_step_after_accumulation(self):
        x = leaf([1.0, 2.0])

        def step(p):
            with cb.no_grad():
                p -= 0.5 * p.grad
            p.grad = None

        x.register_post_accumulate_grad_hook(step)
        (x * 2).sum().backward()
        assert x.tolist() == [0.0, 1.0] and x.grad is None


class TestRetainGrad:
    def test_keeps_an_inner_gradient(self):
        x = leaf(2.0)
        y = x * x
        y.retain_grad()
        assert y.retains_grad and y.grad is None
        (y * 3).backward()
        assert y.grad.item() == 3.0 and x.grad.item() == 12.0

    def test_keeps_what_hooks_made(self):
        x = leaf(2.0)
        y = x * x
        y.register_hook(lambda g: g * 2)
        y.retain_grad()
        y.backward()
        assert y.grad.item() == 2.0

    def test_on_a_leaf_nothing_happens(self):
        x = leaf(2.0)
        x.retain_grad()
        (x * x).backward()
        assert x.grad.item() == 4.0
        with pytest.raises(AutogradError, match="does not require a gradient"):
            cb.ones(2).retain_grad()

    def test_without_it_grad_warns(self):
        y = leaf(2.0) * 2
        with pytest.warns(UserWarning, match=r"no leaf is None.*retain_grad\(\)"):
            assert y.grad is None


@pytest.mark.host
class TestDevices:
    def test_a_gradient_from_elsewhere_is_refused(self):
        pytest.importorskip("candelabra_strict")
        x = leaf([1.0])
        other = cb.ones(1, dtype=cb.float64, device="strict")
        with pytest.raises(DeviceMismatchError, match=r"backward.*cpu.*strict|backward.*strict.*cpu"):
            (x * 2).backward(other)
        with pytest.raises(DeviceMismatchError, match="grad: operands are on different devices"):
            x.grad = other
