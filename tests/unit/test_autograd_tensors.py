"""Grad modes, and what tensors of a graph may do: leaves, in-place writes, memory, threads, complex gradients."""

from __future__ import annotations

import gc
import threading
import warnings
import weakref

import candelabra as cb
import numpy as np
import pytest
from candelabra.core.errors import ArgumentTypeError, AutogradError, DTypeError, ShapeError


def leaf(values, dtype=cb.float64):
    return cb.tensor(values, dtype=dtype, requires_grad=True)


class TestModes:
    def test_no_grad(self):
        x = leaf(2.0)
        with cb.no_grad():
            y = x * x
            assert not cb.is_grad_enabled()
            with cb.enable_grad():
                z = x * x
        assert not y.requires_grad and z.requires_grad and cb.is_grad_enabled()

    def test_an_exception_restores_the_mode(self):
        with pytest.raises(KeyError), cb.no_grad():
            raise KeyError
        assert cb.is_grad_enabled()

    def test_as_decorators(self):
        x = leaf(2.0)

        @cb.no_grad()
        def one(v):
            return v * v

        @cb.no_grad
        def two(v):
            """Say so."""
            return v * v

        @cb.enable_grad()
        def three(v):
            return v * v

        @cb.inference_mode()
        def four(v):
            return v * v, cb.is_inference_mode_enabled()

        @cb.set_grad_enabled(False)
        def five(v):
            return v * v

        assert not one(x).requires_grad and not two(x).requires_grad and two.__doc__ == "Say so."
        with cb.no_grad():
            assert three(x).requires_grad
        assert not four(x)[0].requires_grad and four(x)[1]
        assert cb.is_grad_enabled() and not five(x).requires_grad and cb.is_grad_enabled()

    def test_a_decorated_function_may_recurse(self):
        @cb.no_grad()
        def down(n):
            return cb.is_grad_enabled() or (n > 0 and down(n - 1))

        assert not down(3) and cb.is_grad_enabled()

    def test_one_object_may_be_entered_twice(self):
        off = cb.no_grad()
        with off:
            with off:
                assert not cb.is_grad_enabled()
            assert not cb.is_grad_enabled()
        assert cb.is_grad_enabled()

    def test_set_grad_enabled(self):
        cb.set_grad_enabled(False)
        assert not cb.is_grad_enabled()
        cb.set_grad_enabled(True)
        assert cb.is_grad_enabled()
        with cb.set_grad_enabled(False):
            assert not cb.is_grad_enabled()
        assert cb.is_grad_enabled()

    def test_inference_mode(self):
        x = leaf(2.0)
        with cb.inference_mode():
            assert cb.is_inference_mode_enabled() and not cb.is_grad_enabled()
            assert not (x * x).requires_grad
            with cb.inference_mode(False):
                assert (x * x).requires_grad and not cb.is_inference_mode_enabled()
            assert cb.is_inference_mode_enabled()
        assert not cb.is_inference_mode_enabled() and cb.is_grad_enabled()

    def test_modes_belong_to_a_thread(self):
        seen = []
        with cb.no_grad():
            thread = threading.Thread(target=lambda: seen.append(cb.is_grad_enabled()))
            thread.start()
            thread.join()
        assert seen == [True]

    def test_generators_are_decorated_while_they_run(self):
        x = leaf(2.0)

        @cb.no_grad()
        def produce():
            yield x * x
            yield cb.is_grad_enabled()

        steps = produce()
        assert not next(steps).requires_grad
        assert cb.is_grad_enabled()
        assert next(steps) is False
        assert cb.is_grad_enabled()


class TestTensors:
    def test_requires_grad_is_for_floats(self):
        with pytest.raises(DTypeError, match=r"requires_grad: .*not int64.*\.float\(\)"):
            cb.tensor([1, 2], requires_grad=True)
        with pytest.raises(DTypeError, match="not bool"):
            cb.ones(2, dtype=cb.bool).requires_grad_()
        assert cb.ones(2, dtype=cb.complex64, requires_grad=True).requires_grad

    def test_results_of_integers_require_none(self):
        x = leaf([1.7, 2.2])
        assert not x.astype(cb.int64).requires_grad and not x.argsort().requires_grad

    def test_switching_off(self):
        x = leaf(2.0)
        assert not x.requires_grad_(False).requires_grad
        x.requires_grad = True
        y = x * 2
        with pytest.raises(AutogradError, match=r"only a leaf's can be switched off; use x.detach\(\)"):
            y.requires_grad_(False)
        assert y.detach_() is y and not y.requires_grad

    def test_leaves_and_nodes(self):
        x = leaf(2.0)
        y = x * x
        assert x.is_leaf and x.grad_fn is None and not y.is_leaf
        assert cb.ones(2).is_leaf and cb.ones(2).grad_fn is None
        assert y.grad_fn.name == "MultiplyBackward" and repr(y.grad_fn) == "<MultiplyBackward>"
        (first, index), (second, _) = y.grad_fn.next_functions
        assert index == 0 and first is second and first.name == "AccumulateGrad"
        z = cb.exp(y) + 1
        assert z.grad_fn.next_functions[0][0].next_functions[0][0] is y.grad_fn

    def test_which_output_a_node_comes_from(self):
        a, b = leaf([[1.0], [2.0]]).unbind(0)
        assert (a * 1).grad_fn.next_functions[0][1] == 0 and (b * 1).grad_fn.next_functions[0][1] == 1

    def test_detach_shares_values_but_no_graph(self):
        x = leaf([1.0, 2.0])
        d = x.detach()
        assert not d.requires_grad
        d += 1
        assert x.tolist() == [1.0, 2.0] and d.tolist() == [2.0, 3.0]

    def test_data(self):
        x = leaf([1.0, 2.0])
        assert not x.data.requires_grad
        x.data += 1
        assert x.tolist() == [2.0, 3.0]
        x.data.zero_()
        x.data[0] = 7.0
        assert x.tolist() == [7.0, 0.0] and x.requires_grad and x.is_leaf
        x.data = cb.tensor([5.0, 5.0], dtype=cb.float64)
        (x * x).sum().backward()
        assert x.grad.tolist() == [10.0, 10.0]
        with pytest.raises(ArgumentTypeError, match="a Tensor is needed, got list"):
            x.data = [1.0]

    def test_setting_grad(self):
        x = leaf([1.0, 2.0])
        x.grad = cb.zeros(2, dtype=cb.float64)
        x.sum().backward()
        assert x.grad.tolist() == [1.0, 1.0]
        with pytest.raises(ShapeError, match=r"has shape \(3,\), its tensor has shape \(2,\)"):
            x.grad = cb.zeros(3, dtype=cb.float64)
        with pytest.raises(DTypeError, match="has dtype float32, its tensor has dtype float64"):
            x.grad = cb.zeros(2, dtype=cb.float32)
        with pytest.raises(ArgumentTypeError, match="a Tensor or None is needed"):
            x.grad = 3
        with pytest.raises(AutogradError, match="requires_grad_"):
            cb.ones(2).grad = cb.ones(2)
        del x.grad
        assert x.grad is None

    def test_leaving_the_graph_in_silence_is_refused(self):
        x = leaf([1.0])
        for leave in (np.asarray, np.from_dlpack, lambda t: t.numpy()):
            with pytest.raises(AutogradError, match=r"detach\(\)"):
                leave(x)
        assert x.numpy(force=True).tolist() == [1.0] and x.detach().numpy().tolist() == [1.0]

    def test_copies(self):
        import copy

        x = leaf([1.0, 2.0])
        y = copy.deepcopy(x)
        assert y.requires_grad and y.is_leaf and y is not x
        (y * 2).sum().backward()
        assert x.grad is None and y.grad.tolist() == [2.0, 2.0]
        with pytest.raises(AutogradError, match="only leaves can be deep-copied"):
            copy.deepcopy(x * 2)


class TestInPlace:
    def test_refused_on_a_leaf(self):
        x = leaf([1.0, 2.0])
        for write in (
            lambda: x.__iadd__(1),
            lambda: x.mul_(2),
            lambda: x.zero_(),
            lambda: x.__setitem__(0, 1.0),
            lambda: x.copy_(cb.ones(2, dtype=cb.float64)),
            lambda: x.normal_(),
            lambda: x.clamp_(0, 1),
        ):
            with pytest.raises(AutogradError, match="a leaf that requires a gradient cannot be changed in place"):
                write()
        assert x.tolist() == [1.0, 2.0]
        with cb.no_grad():
            x += 1
        assert x.tolist() == [2.0, 3.0] and x.is_leaf and x.requires_grad

    def test_recorded_on_results(self):
        x = leaf([1.0, 2.0])
        y = x * 1
        y *= 3
        y += x
        y[0] = 5.0
        y[1:] = x[:1] * 7
        y.sum().backward()
        assert x.grad.tolist() == [7.0, 0.0]

    def test_a_constant_takes_up_a_graph(self):
        x = leaf([1.0, 2.0])
        y = cb.zeros(3, dtype=cb.float64)
        y[1:] = x * x
        assert y.requires_grad and not y.is_leaf
        y.sum().backward()
        assert x.grad.tolist() == [2.0, 4.0]

    def test_never_changes_what_the_graph_saved(self):
        x = leaf([1.0, 2.0, 3.0])
        a = x * 1
        y = a * a
        a += 100
        a[0] = 0.0
        with cb.no_grad():
            a.zero_()
        y.sum().backward()
        assert x.grad.tolist() == [2.0, 4.0, 6.0]

    def test_never_changes_what_the_graph_saved_of_an_output(self):
        x = leaf([1.0, 2.0])
        y = cb.exp(x)
        z = y * 1
        y.mul_(0)
        with cb.no_grad():
            y.fill_(7)
        z.sum().backward()
        assert np.allclose(x.grad.numpy(), np.exp([1.0, 2.0]))

    def test_never_changes_what_the_graph_saved_of_a_leaf(self):
        x, w = leaf([1.0, 2.0]), leaf([3.0, 4.0])
        y = (x * w).sum()
        with cb.no_grad():
            w -= 10
            x.mul_(0)
        y.backward()
        assert x.grad.tolist() == [3.0, 4.0] and w.grad.tolist() == [1.0, 2.0]

    def test_second_derivatives_after_rebinding(self):
        x = leaf([1.0, 2.0])
        y = (x**3).sum()
        (g,) = cb.grad(y, x, create_graph=True)
        with cb.no_grad():
            x.zero_()
        (h,) = cb.grad(g.sum(), x)
        assert h.tolist() == [6.0, 12.0]

    def test_arrays_that_share_memory(self):
        x = cb.arange(4, dtype=cb.float64)
        views = [x.reshape(2, 2), x[1:], x.detach(), x.view(-1), cb.from_dlpack(x.detach()), x.flip(axis=0)]
        before = [v.tolist() for v in views]
        x += 100
        x[0] = -1
        assert [v.tolist() for v in views] == before

    def test_dtype_and_shape_stay(self):
        x = cb.ones(2)
        with pytest.raises(DTypeError, match="cannot be written into a tensor of int64"):
            y = cb.ones(2, dtype=cb.int64)
            y += 0.5
        with pytest.raises(ShapeError, match=r"the result has shape \(3, 2\)"):
            x += cb.ones(3, 2)
        x += cb.ones(2, dtype=cb.float64)
        assert x.dtype is cb.float32

    def test_a_lost_write_warns(self):
        x = cb.zeros(2, 2)
        with pytest.warns(cb.LostWriteWarning, match="x.key. = value on the owner|owner"):
            x[0].zero_()
        with pytest.warns(cb.LostWriteWarning, match=r"owner\[i, j\] = value"):
            x[0][1] = 3.0
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            x[0, 1] = 3.0
            x[0] += 1.0
            x[:, 1] *= 2.0
            x[0:2] -= 1.0
            y = x[0]
            del x
            y[0] = 1.0
        assert y.tolist() == [1.0, 7.0]

    def test_an_augmented_assignment_to_a_view_warns(self):
        x = cb.zeros(2, 2)
        row = x[0]
        with pytest.warns(cb.LostWriteWarning, match="the tensor that it was taken from does not change"):
            row += 1
        holder = type("Holder", (), {"row": x[1]})
        with pytest.warns(cb.LostWriteWarning):
            holder.row += 1
        assert x.tolist() == [[0.0, 0.0], [0.0, 0.0]]


class TestMemory:
    def test_a_product_with_a_constant_keeps_only_the_constant(self):
        x = leaf(np.ones(1000))
        c = cb.ones(1000, dtype=cb.float64)
        made = []
        y = x
        for _ in range(20):
            y = y * c
            made.append(weakref.ref(y.array))
        gc.collect()
        assert sum(ref() is not None for ref in made) == 1

    def test_a_sum_keeps_nothing(self):
        x = leaf(np.ones(1000))
        made = []
        y = x
        for _ in range(20):
            y = y + 1.0
            made.append(weakref.ref(y.array))
        gc.collect()
        assert sum(ref() is not None for ref in made) == 1

    def test_a_frozen_weight_keeps_no_activation(self):
        x, w = leaf(np.ones((3, 4))), cb.ones((4, 4), dtype=cb.float64)
        hidden = x * 2
        kept = weakref.ref(hidden.array)
        y = hidden @ w
        del hidden
        assert kept() is None and y.requires_grad

    def test_saved_arrays_go_in_backward(self):
        x = leaf(np.ones(1000))
        y = cb.exp(cb.sin(x) * 2)
        z = y.sum()
        kept = weakref.ref(y.array)
        del y
        assert kept() is not None
        z.backward()
        assert kept() is None

    def test_a_graph_goes_without_the_collector(self):
        gc.disable()
        try:
            x = leaf(np.ones(10))
            y = cb.tanh(x)
            node = weakref.ref(y.grad_fn)
            z = (y * y).sum()
            del y
            z.backward()
            del z
            assert node() is None
            a, b = leaf(np.ones((2, 3))).unbind(0)
            node = weakref.ref(a.grad_fn.parent)
            loss = (a * b).sum()
            del a, b
            loss.backward()
            del loss
            assert node() is None
        finally:
            gc.enable()

    def test_double_backward_leaves_nothing(self):
        x = leaf(np.ones(10))
        y = cb.tanh(x).sum()
        node = weakref.ref(y.grad_fn)
        (g,) = cb.grad(y, x, create_graph=True)
        (g * g).sum().backward()
        x.grad = None
        del y, g
        gc.collect()
        assert node() is None

    def test_a_hundred_thousand_nodes_need_no_recursion(self):
        x = leaf(1.0)
        y = x
        for _ in range(100_000):
            y = y + 1.0
        y.backward()
        assert x.grad.item() == 1.0
        del y

    def test_a_deep_graph_may_be_dropped_without_backward(self):
        x = leaf(1.0)
        y = x
        for _ in range(20_000):
            y = cb.sin(y) * 1.5
        del y
        z = x
        for _ in range(20_000):
            (z,) = z.reshape(1).unbind(0)
        del z
        gc.collect()
        assert x.grad is None

    def test_a_deep_graph_of_second_order(self):
        x = leaf(1.0)
        y = x
        for _ in range(5_000):
            y = y * 1.0001 + 0.0
        (g,) = cb.grad(y * x, x, create_graph=True)
        (h,) = cb.grad(g, x)
        assert abs(h.item() - 2 * 1.0001**5000) < 1e-8


class TestThreads:
    def test_eight_graphs_at_once(self):
        def run(seed):
            rng = np.random.default_rng(seed)
            x, w = leaf(rng.standard_normal((5, 4))), leaf(rng.standard_normal((4, 4)))
            for _ in range(20):
                with cb.no_grad():
                    (x * 2).sum()
                (cb.tanh(x @ w) ** 2).sum().backward()
            return x.grad.numpy(), w.grad.numpy()

        serial = [run(i) for i in range(8)]
        found = [None] * 8

        def work(i):
            found[i] = run(i)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for one, other in zip(serial, found, strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))

    def test_eight_threads_into_one_leaf(self):
        w = leaf(np.ones(100))
        start = threading.Barrier(8)

        def work():
            start.wait()
            for _ in range(50):
                (w * 2).sum().backward()

        threads = [threading.Thread(target=work) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert w.grad.tolist() == [800.0] * 100


class TestComplex:
    """PyTorch's convention: the gradient of a real L is dL/dRe + i dL/dIm."""

    def test_of_a_modulus(self):
        z = cb.tensor([3.0 + 4.0j], dtype=cb.complex128, requires_grad=True)
        (abs(z) ** 2).sum().backward()
        assert z.grad.tolist() == [pytest.approx(6.0 + 8.0j, rel=1e-15)]

    def test_of_a_real_operand(self):
        x = leaf([2.0])
        z = cb.tensor([1.0 + 3.0j], dtype=cb.complex128)
        cb.real(x * z).sum().backward()
        assert x.grad.dtype is cb.float64 and x.grad.tolist() == [1.0]

    def test_a_complex_output_needs_a_cotangent(self):
        z = cb.tensor(1.0 + 2.0j, dtype=cb.complex128, requires_grad=True)
        with pytest.raises(DTypeError, match="only for real outputs, this one is complex128"):
            (z * z).backward()
        (z * z).backward(cb.tensor(1.0 + 0j, dtype=cb.complex128))
        assert z.grad.item() == 2.0 - 4.0j

    @pytest.mark.parametrize(
        "f",
        [
            lambda z: z * z, lambda z: 1 / z, cb.exp, cb.log, cb.sqrt, cb.sin, cb.cos, cb.tanh, cb.conj, cb.real,
            abs, cb.imag, cb.reciprocal, cb.square, cb.sign, lambda z: z * cb.conj(z),
            lambda z: z @ z, lambda z: cb.sum(z, axis=0), lambda z: cb.prod(z),
            lambda z: cb.cumulative_prod(z), lambda z: z**3, lambda z: cb.where(z.real > 0, z, 2 * z),
            lambda z: z[1:] * z[:-1], lambda z: cb.var(z), lambda z: cb.mean(z), cb.atan, cb.asinh, lambda z: z**z,
        ],
    )  # fmt: skip
    def test_by_finite_differences(self, f):
        z = cb.tensor([0.5 + 0.7j, -0.3 + 0.4j, 0.9 - 0.2j], dtype=cb.complex128, requires_grad=True)
        assert cb.autograd.gradcheck(f, z)
        assert cb.autograd.gradgradcheck(f, z)

    def test_gradients_of_a_real_and_a_complex_operand(self):
        x = leaf([0.5, 0.7])
        z = cb.tensor([0.5 + 0.7j, -0.3 + 0.4j], dtype=cb.complex128, requires_grad=True)
        for f in (lambda x, z: x * z, lambda x, z: z / x, lambda x, z: x + z, lambda x, z: x @ z.reshape(2, 1)):
            assert cb.autograd.gradcheck(f, [x, z])
            assert cb.autograd.gradgradcheck(f, [x, z])

    @pytest.mark.parametrize("name", ["sigmoid", "relu", "maximum", "less", "max", "sort", "erf", "gelu", "floor"])
    def test_what_has_no_meaning_for_complex_numbers_is_refused(self, name):
        z = cb.tensor([1.0 + 2.0j])
        operands = (z, z) if name in ("maximum", "less") else (z,)
        with pytest.raises(DTypeError, match=rf"^{name}: takes real.* dtypes, not complex64; take x.real"):
            getattr(cb, name)(*operands)

    def test_a_complex_scalar_is_refused_too(self):
        for run in (lambda x: cb.maximum(x, 2j), lambda x: x > 1j, lambda x: cb.clip(x, 1j, None)):
            with pytest.raises(DTypeError, match=r"takes real.* dtypes, not complex64"):
                run(cb.ones(2))
