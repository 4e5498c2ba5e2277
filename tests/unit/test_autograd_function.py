"""Custom functions and checkpointing."""

from __future__ import annotations

import gc
import weakref

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn
from candelabra.autograd import Function, checkpoint, gradcheck, gradgradcheck
from candelabra.core.errors import ArgumentTypeError, AutogradError


def leaf(values, dtype=cb.float64):
    return cb.tensor(values, dtype=dtype, requires_grad=True)


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * g


class Exp(Function):
    """Saves its own output."""

    @staticmethod
    def forward(ctx, x):
        out = cb.exp(x)
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx, g):
        (out,) = ctx.saved_tensors
        return g * out


class Scaled(Function):
    """Takes constants beside tensors, and returns two outputs."""

    @staticmethod
    def forward(ctx, x, factor, w):
        ctx.factor = factor
        ctx.save_for_backward(x, w)
        return x * factor, x * w

    @staticmethod
    def backward(ctx, g1, g2):
        x, w = ctx.saved_tensors
        return g1 * ctx.factor + g2 * w, None, g2 * x


class TestFunction:
    def test_first_and_higher_derivatives(self):
        x = leaf([0.5, -1.5])
        for function in (Cube.apply, Exp.apply, lambda v: Exp.apply(Cube.apply(v))):
            assert gradcheck(function, x) and gradgradcheck(function, x)
        y = Exp.apply(leaf_ := leaf(0.3)) * 1
        for _ in range(3):
            (y,) = cb.grad(y, leaf_, create_graph=True)
        assert abs(y.item() - np.exp(0.3)) < 1e-12

    def test_several_outputs_and_constants(self):
        x, w = leaf([0.5, -1.5]), leaf([2.0, 3.0])
        a, b = Scaled.apply(x, 10, w)
        (a + 2 * b).sum().backward()
        assert x.grad.tolist() == [14.0, 16.0] and w.grad.tolist() == [1.0, -3.0]
        assert gradcheck(lambda x, w: Scaled.apply(x, 10, w), [x, w])
        assert gradgradcheck(lambda x, w: Scaled.apply(x, 10, w), [x, w])

    def test_an_unused_output_gets_zeros(self):
        x, w = leaf([0.5, -1.5]), leaf([2.0, 3.0])
        a, _ = Scaled.apply(x, 10, w)
        a.sum().backward()
        assert x.grad.tolist() == [10.0, 10.0] and w.grad.tolist() == [0.0, 0.0]

    def test_or_none_where_it_asked_for_that(self):
        seen = []

        class Two(Function):
            @staticmethod
            def forward(ctx, x):
                ctx.set_materialize_grads(False)
                return x * 1, x * 2

            @staticmethod
            def backward(ctx, g1, g2):
                seen.append((g1 is None, g2 is None))
                return g2 * 2

        x = leaf([1.0])
        Two.apply(x)[1].sum().backward()
        (g,) = cb.grad(Two.apply(x)[1].sum(), x, create_graph=True)
        assert seen == [(True, False)] * 2 and x.grad.tolist() == g.tolist() == [2.0]

    def test_needs_input_grad(self):
        seen = []

        class Product(Function):
            @staticmethod
            def forward(ctx, x, n, w):
                ctx.save_for_backward(x, w)
                return x * w

            @staticmethod
            def backward(ctx, g):
                x, w = ctx.saved_tensors
                seen.append(ctx.needs_input_grad)
                return g * w, None, g * x if ctx.needs_input_grad[2] else None

        x, w = leaf([1.0]), cb.tensor([5.0], dtype=cb.float64)
        Product.apply(x, 3, w).sum().backward()
        assert seen == [(True, False, False)] and x.grad.tolist() == [5.0]

    def test_nothing_is_recorded_where_nothing_needs_a_gradient(self):
        assert not Cube.apply(cb.ones(2)).requires_grad
        with cb.no_grad():
            assert not Cube.apply(leaf([1.0])).requires_grad

    def test_forward_and_backward_record_nothing_at_first_order(self):
        modes = []

        class Watch(Function):
            @staticmethod
            def forward(ctx, x):
                modes.append(cb.is_grad_enabled())
                return x * 1

            @staticmethod
            def backward(ctx, g):
                modes.append(cb.is_grad_enabled())
                return g * 1

        x = leaf([1.0])
        Watch.apply(x).sum().backward()
        cb.grad(Watch.apply(x).sum(), x, create_graph=True)
        assert modes == [False, False, False, True]

    def test_mark_non_differentiable(self):
        class Largest(Function):
            @staticmethod
            def forward(ctx, x):
                index, rank = x.argmax(), x * 2
                ctx.mark_non_differentiable(rank)
                return x.max() * 1, index, rank

            @staticmethod
            def backward(ctx, g, *others):
                assert all(o is None or o.tolist() == [0.0, 0.0] for o in others)
                return g * cb.tensor([0.0, 1.0], dtype=cb.float64)

        x = leaf([1.0, 2.0])
        value, index, rank = Largest.apply(x)
        assert value.requires_grad and not index.requires_grad and not rank.requires_grad
        value.backward()
        assert x.grad.tolist() == [0.0, 1.0]

    def test_setup_context(self):
        class Square(Function):
            @staticmethod
            def forward(x, scale):
                return x * x * scale

            @staticmethod
            def setup_context(ctx, inputs, output):
                x, ctx.scale = inputs
                ctx.save_for_backward(x)

            @staticmethod
            def backward(ctx, g):
                (x,) = ctx.saved_tensors
                return 2 * x * ctx.scale * g, None

        x = leaf([1.0, 3.0])
        assert gradcheck(lambda v: Square.apply(v, 2.0), x) and gradgradcheck(lambda v: Square.apply(v, 2.0), x)

    def test_returning_an_input_makes_a_new_tensor(self):
        class Reverse(Function):
            @staticmethod
            def forward(ctx, x):
                return x

            @staticmethod
            def backward(ctx, g):
                return -g

        x = leaf([1.0])
        y = Reverse.apply(x)
        assert y is not x and not y.is_leaf and x.is_leaf
        y.sum().backward()
        assert x.grad.tolist() == [-1.0]

    def test_returning_a_view_made_inside_is_safe(self):
        class View(Function):
            @staticmethod
            def forward(ctx, x):
                return x.reshape(-1)

            @staticmethod
            def backward(ctx, g):
                return g.reshape(2, 1)

        x = leaf([[1.0], [2.0]])
        y = View.apply(x)
        with pytest.warns(cb.LostWriteWarning):
            y += 1
        assert x.tolist() == [[1.0], [2.0]]

    @pytest.mark.parametrize(("given", "count"), [((), 0), ((1,), 1), ((1, 2, 3), 3)])
    def test_the_wrong_number_of_gradients(self, given, count):
        class Wrong(Function):
            @staticmethod
            def forward(ctx, x, w):
                return x * w

            @staticmethod
            def backward(ctx, g):
                return tuple(g * i for i in given)

        with pytest.raises(AutogradError, match=rf"Wrong.backward returned {count} gradients, but.* 2 arguments"):
            Wrong.apply(leaf([1.0]), leaf([2.0])).sum().backward()

    def test_trailing_nones_are_allowed(self):
        class Extra(Function):
            @staticmethod
            def forward(ctx, x):
                return x * 2

            @staticmethod
            def backward(ctx, g):
                return g * 2, None, None

        x = leaf([1.0])
        Extra.apply(x).sum().backward()
        assert x.grad.tolist() == [2.0]

    def test_a_gradient_that_is_no_tensor(self):
        class Wrong(Function):
            @staticmethod
            def forward(ctx, x):
                return x * 2

            @staticmethod
            def backward(ctx, g):
                return 2.0

        with pytest.raises(ArgumentTypeError, match=r"Wrong.backward: gradients are Tensors or None, got float"):
            Wrong.apply(leaf([1.0])).sum().backward()

    def test_a_gradient_of_the_wrong_shape(self):
        class Wrong(Function):
            @staticmethod
            def forward(ctx, x):
                return x * 2

            @staticmethod
            def backward(ctx, g):
                return cb.ones(3, dtype=cb.float64)

        with pytest.raises(ValueError, match=r"backward of Wrong: a cotangent of shape \(3,\) cannot.*\(2,\)"):
            Wrong.apply(leaf([1.0, 2.0])).sum().backward()

    def test_without_forward_or_backward(self):
        class Nothing(Function):
            pass

        class Half(Function):
            @staticmethod
            def forward(ctx, x):
                return x * 1

        with pytest.raises(AutogradError, match="must define the static method forward"):
            Nothing.apply(leaf([1.0]))
        with pytest.raises(AutogradError, match="must define the static method backward"):
            Half.apply(leaf([1.0])).sum().backward()
        with pytest.raises(ArgumentTypeError, match="Tensors or None are kept, got int"):
            cb.autograd.FunctionContext().save_for_backward(3)

    def test_a_second_backward(self):
        x = leaf([2.0])
        y = Cube.apply(x).sum()
        y.backward(retain_graph=True)
        y.backward()
        assert x.grad.tolist() == [24.0]
        with pytest.raises(AutogradError, match="a second time"):
            y.backward()

    def test_what_it_saved_goes_with_the_graph(self):
        x = leaf(np.ones(10))
        for function in (Cube, Exp):
            hidden = x * 1
            y = function.apply(hidden)
            kept = weakref.ref((hidden if function is Cube else y).array)
            loss = y.sum()
            del y, hidden
            gc.disable()
            try:
                loss.backward()
                assert kept() is None
            finally:
                gc.enable()

    def test_in_the_middle_of_a_graph_and_through_hooks(self):
        x = leaf([0.5, 2.0])
        y = Cube.apply(x * 2)
        y.register_hook(lambda g: g * 10)
        y.retain_grad()
        (y * 3).sum().backward()
        assert y.grad.tolist() == [30.0, 30.0] and np.allclose(x.grad.numpy(), 24 * np.array([0.25, 4.0]) * 30)

    def test_only_what_is_asked_for_is_returned(self):
        x, w = leaf([0.5, -1.5]), leaf([2.0, 3.0])
        a, b = Scaled.apply(x * 1, 10, w * 1)
        assert cb.grad((a + b).sum(), w)[0].tolist() == [0.5, -1.5]


class TestCheckpoint:
    def test_gradients_are_equal(self):
        model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)).double()
        data = np.random.default_rng(0).standard_normal((5, 4))

        def gradients(run):
            model.zero_grad()
            x = leaf(data)
            (run(x) ** 2).sum().backward()
            return [x.grad.numpy(), *[p.grad.numpy() for p in model.parameters()]]

        plain = gradients(model)
        for found in (gradients(lambda x: checkpoint(model, x)), gradients(lambda x: checkpoint(model, x * 1))):
            assert all(np.array_equal(a, b) for a, b in zip(plain, found, strict=True))

    def test_holds_nothing_between(self):
        kept = []

        def segment(x):
            a = cb.exp(x)
            kept.append(weakref.ref(a.array))
            return cb.sin(a).sum()

        x = leaf(np.ones(100))
        y = checkpoint(segment, x)
        assert kept[0]() is None
        y.backward()
        assert np.allclose(x.grad.numpy(), np.cos(np.e) * np.e)

    def test_the_same_dropout(self):
        x = leaf(np.ones(1000))
        masks = []

        def segment(v):
            out = cb.dropout(v * 1, p=0.5)
            masks.append(out.detach())
            return out * out

        before = cb.get_rng_state()
        y = checkpoint(segment, x)
        after = cb.get_rng_state()
        y.sum().backward()
        assert cb.allclose(masks[0], masks[1])
        assert cb.get_rng_state().tolist() == after.tolist() != before.tolist()
        assert np.allclose(x.grad.numpy(), 4 * masks[0].numpy())

    def test_another_random_state_if_asked(self):
        masks = []

        def segment(v):
            out = cb.dropout(v * 1, p=0.5)
            masks.append(out.detach())
            return out * out

        checkpoint(segment, leaf(np.ones(1000)), preserve_rng_state=False).sum().backward()
        assert not cb.allclose(masks[0], masks[1])

    def test_parameters_of_a_closure(self):
        w, x = leaf([3.0]), cb.tensor([2.0], dtype=cb.float64)
        checkpoint(lambda v: v * w * w, x).sum().backward()
        assert w.grad.tolist() == [12.0]

    def test_create_graph(self):
        x = leaf(0.5)
        y = checkpoint(lambda v: cb.exp(v) * cb.sin(v), x)
        (g,) = cb.grad(y, x, create_graph=True)
        (h,) = cb.grad(g, x, create_graph=True)
        assert abs(h.item() - 2 * np.exp(0.5) * np.cos(0.5)) < 1e-12
        (third,) = cb.grad(h, x)
        assert abs(third.item() - 2 * np.exp(0.5) * (np.cos(0.5) - np.sin(0.5))) < 1e-12
        assert gradgradcheck(lambda v: checkpoint(lambda u: cb.tanh(u) * u, v), leaf([0.3, 0.7]))

    def test_nested(self):
        def inner(v):
            return cb.exp(v) * v

        def outer(v):
            return cb.sin(checkpoint(inner, v * 2)) * v

        x, plain = leaf([0.5, 0.3]), leaf([0.5, 0.3])
        checkpoint(outer, x).sum().backward()
        (cb.sin(inner(plain * 2)) * plain).sum().backward()
        assert np.allclose(x.grad.numpy(), plain.grad.numpy(), rtol=1e-14)
        assert gradcheck(lambda v: checkpoint(outer, v), x) and gradgradcheck(lambda v: checkpoint(outer, v), x)

    def test_backward_twice(self):
        calls = []

        def segment(v):
            calls.append(1)
            return (cb.exp(v) * v).sum()

        x = leaf([0.5, 0.3])
        y = checkpoint(segment, x)
        y.backward(retain_graph=True)
        first = x.grad.numpy().copy()
        y.backward()
        assert np.allclose(x.grad.numpy(), 2 * first)
        with pytest.raises(AutogradError, match="a second time"):
            y.backward()

    def test_several_segments_in_a_row(self):
        x, plain = leaf([0.5, 0.3]), leaf([0.5, 0.3])
        y, z = x, plain
        for _ in range(5):
            y = checkpoint(lambda v: cb.tanh(v) * 1.5, y)
            z = cb.tanh(z) * 1.5
        y.sum().backward()
        z.sum().backward()
        assert x.grad.tolist() == plain.grad.tolist()

    def test_several_outputs_and_keyword_arguments(self):
        x = leaf([0.5, 0.3])

        def segment(v, *, scale, other=None):
            h = cb.exp(v) * scale
            return {"a": h * h, "b": [h, 3]}

        out = checkpoint(segment, x, scale=2.0)
        (out["a"] + out["b"][0]).sum().backward()
        assert np.allclose(x.grad.numpy(), 8 * np.exp([1.0, 0.6]) + 2 * np.exp([0.5, 0.3]))

    def test_only_some_outputs_are_used(self):
        x = leaf([0.5, 0.3])
        a, _ = checkpoint(lambda v: (cb.exp(v), cb.sin(cb.exp(v) * 2)), x)
        a.sum().backward()
        assert np.allclose(x.grad.numpy(), np.exp([0.5, 0.3]))

    def test_parameters_updated_in_between(self):
        """The second run sees the values of the first, as the graph does: saved values never change."""
        x = leaf([2.0])
        y = checkpoint(lambda v: v * v * v, x)
        with cb.no_grad():
            x.zero_()
        y.sum().backward()
        assert x.grad.tolist() == [12.0]

    def test_without_recording(self):
        with cb.no_grad():
            assert not checkpoint(cb.exp, leaf([1.0])).requires_grad
        assert checkpoint(cb.exp, cb.ones(1)).tolist() == cb.exp(cb.ones(1)).tolist()

    def test_a_function_that_does_something_else(self):
        state = []

        def segment(v):
            state.append(1)
            return cb.exp(v) if len(state) == 1 else cb.exp(cb.sin(v) * 2)

        with pytest.raises(AutogradError, match="recorded 1 operations at first and 3 when it ran again"):
            checkpoint(segment, leaf([1.0])).sum().backward()

    def test_a_loop_of_custom_functions_and_several_outputs(self):
        def segment(v):
            first, second = Cube.apply(v).unbind(0)
            return Exp.apply(first) * second

        x, plain = leaf([0.5, 0.3]), leaf([0.5, 0.3])
        checkpoint(segment, x).backward()
        segment(plain).backward()
        assert np.allclose(x.grad.numpy(), plain.grad.numpy(), rtol=1e-14)
        assert gradgradcheck(lambda v: checkpoint(segment, v), x)
