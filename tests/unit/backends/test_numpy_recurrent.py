"""The NumPy kernels of recurrent layers against their formulas, and against PyTorch where it is there."""

from __future__ import annotations

import functools
import threading
import weakref

import numpy as np
import pytest
from candelabra.backends.numpy import parallel
from candelabra.backends.numpy import recurrent as rc
from candelabra.backends.numpy import recurrent_shared as shared

RNG = np.random.default_rng(0)
GATES = {"rnn": 1, "gru": 3, "lstm": 4, "projected": 4}
# Steps, rows, features, hidden size.
SIZES = [(5, 3, 4, 6), (1, 2, 3, 1), (7, 1, 1, 5), (4, 33, 9, 17)]


def operands(name, steps, n, inputs, hidden, dtype=np.float64, bias=True):
    def draw(*shape):
        return (RNG.standard_normal(shape) * 0.5).astype(dtype)

    state, gates = max(1, hidden - 1) if name == "projected" else hidden, GATES[name]
    made = [draw(steps, n, inputs), draw(n, state)]
    if gates == 4:
        made.append(draw(n, hidden))
    made += [draw(gates * hidden, inputs), draw(gates * hidden, state)]
    made += [draw(gates * hidden), draw(gates * hidden)] if bias else [None, None]
    return [*made, draw(state, hidden)] if name == "projected" else [*made, None] if name == "lstm" else made


def kernel(name):
    return rc.KERNELS["lstm" if name == "projected" else name]


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def step(name, x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr=None):
    a = x @ w_ih.T + (0 if b_ih is None else b_ih)
    s = h @ w_hh.T + (0 if b_hh is None else b_hh)
    if name == "rnn":
        return np.tanh(a + s), c
    if name == "gru":
        (ar, az, an), (sr, sz, sn) = np.split(a, 3, axis=1), np.split(s, 3, axis=1)
        z = sigmoid(az + sz)
        return (1 - z) * np.tanh(an + sigmoid(ar + sr) * sn) + z * h, c
    i, f, g, o = np.split(a + s, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return h if w_hr is None else h @ w_hr.T, c


def reference(name, args, reverse, sizes):
    """The formulas, step by step in float64."""
    args = [None if a is None else a.astype(np.float64) for a in args]
    x, h = args[0], args[1].copy()
    c, weights = (args[2].copy(), args[3:]) if GATES[name] == 4 else (h, args[2:])
    out = np.zeros((*x.shape[:2], h.shape[1]))
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        alive = slice(x.shape[1] if sizes is None else sizes[t])
        moved, cell = step(name, x[t, alive], h[alive], c[alive], *weights)
        out[t, alive] = h[alive] = moved
        c[alive] = cell
    return (out, h, c) if GATES[name] == 4 else (out, h)


def sizes_for(steps, n, packed):
    return tuple(max(1, n - t) for t in range(steps)) if packed else None


def run(name, args, reverse, sizes):
    """Return the outputs, and a function from cotangents and wants to gradients."""
    k = kernel(name)
    how = {"reverse": reverse, "batch_sizes": sizes}
    if k.train is None:
        outputs, residuals = k.forward(*args, **how), ()
    else:
        outputs, residuals = k.train(*args, **how)
    states, rest = (3, args[3:5]) if GATES[name] == 4 else (2, args[2:4])

    def backward(cotangents, wants):
        extra = {"rnn": ("tanh",), "gru": ()}.get(name, ())
        weights = (*args[1:states], *rest, *((args[-1],) if GATES[name] == 4 else ()))
        return k.vjp(None, cotangents, args[0], *weights, outputs[0], *extra, reverse, sizes, *residuals, wants)

    return outputs, backward


ALL = pytest.mark.parametrize("name", sorted(GATES))
REVERSE = pytest.mark.parametrize("reverse", [False, True])
PACKED = pytest.mark.parametrize("packed", [False, True])


@ALL
@PACKED
@REVERSE
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype,tol", [(np.float64, 1e-13), (np.float32, 1e-5)])
def test_a_layer_is_its_formulas(name, sizes, reverse, bias, dtype, tol, packed):
    args = operands(name, *sizes, dtype=dtype, bias=bias)
    batch_sizes = sizes_for(*sizes[:2], packed)
    kept = [None if a is None else a.copy() for a in args]
    results = kernel(name).forward(*args, reverse=reverse, batch_sizes=batch_sizes)
    trained, _ = run(name, args, reverse, batch_sizes)
    for got, again, want in zip(results, trained, reference(name, args, reverse, batch_sizes), strict=True):
        assert got.dtype == dtype
        np.testing.assert_array_equal(got, again)
        np.testing.assert_allclose(got, want, rtol=tol, atol=tol)
    assert not np.shares_memory(results[0], results[1])
    for a, k in zip(args, kept, strict=True):
        assert a is None or np.array_equal(a, k)


@ALL
@PACKED
@REVERSE
@pytest.mark.parametrize("sizes", SIZES)
def test_gradients_are_numerical_ones(name, sizes, reverse, packed):
    args = operands(name, *sizes)
    batch_sizes = sizes_for(*sizes[:2], packed)
    outputs, backward = run(name, args, reverse, batch_sizes)
    cotangents = tuple(RNG.standard_normal(a.shape) for a in outputs)
    kept = [c.copy() for c in cotangents]
    count = len(args)
    grads = backward(cotangents, (True,) * count)[:count]
    for c, k in zip(cotangents, kept, strict=True):
        np.testing.assert_array_equal(c, k)

    def loss(k, value):
        changed = [value if j == k else a for j, a in enumerate(args)]
        results = reference(name, changed, reverse, batch_sizes)
        return sum(np.vdot(c, r) for c, r in zip(cotangents, results, strict=True))

    present = [k for k, a in enumerate(args) if a is not None]
    for k in present:
        a, grad = args[k], grads[k]
        assert grad.shape == a.shape
        d = RNG.standard_normal(a.shape)
        slope = (loss(k, a + 1e-6 * d) - loss(k, a - 1e-6 * d)) / 2e-6
        np.testing.assert_allclose(np.vdot(grad, d), slope, rtol=1e-6, atol=1e-7)
    for k in present:
        alone = backward(cotangents, tuple(j == k for j in range(count)))[:count]
        np.testing.assert_array_equal(alone[k], grads[k])
        assert all(v is None for j, v in enumerate(alone) if j != k)
        assert all(v is not w for j, v in enumerate(grads) for w in grads[:j] if v is not None)


@ALL
@PACKED
@REVERSE
def test_another_thread_changes_nothing(monkeypatch, name, reverse, packed):
    args = operands(name, 16, 4, 3, 5)
    batch_sizes = sizes_for(16, 4, packed)
    outputs, backward = run(name, args, reverse, batch_sizes)
    cotangents = tuple(RNG.standard_normal(a.shape) for a in outputs)
    grads = backward(cotangents, (True,) * len(args))
    threads = parallel.get_num_threads()
    monkeypatch.setattr(shared, "_WORTH", 0)
    started = []
    task = parallel.Task
    monkeypatch.setattr(parallel, "Task", lambda job: started.append(0) or task(job))
    parallel.set_num_threads(2)
    try:
        again, backward = run(name, args, reverse, batch_sizes)
        assert len(started) == 7
        others = backward(cotangents, (True,) * len(args))
        assert len(started) == 7 + 9
        for first, second in zip(others, backward(cotangents, (True,) * len(args)), strict=True):
            np.testing.assert_array_equal(first, second)
    finally:
        parallel.set_num_threads(threads)
    for a, b in zip((*outputs, *grads), (*again, *others), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13) if a is not None else None


def test_what_fails_on_another_thread_fails_here():
    def job():
        raise ZeroDivisionError

    threads = parallel.get_num_threads()
    parallel.set_num_threads(2)
    try:
        with pytest.raises(ZeroDivisionError), shared._another_thread() as start:
            start(job).finish()
    finally:
        parallel.set_num_threads(threads)


def test_without_another_thread_the_caller_does_the_job():
    threads = parallel.get_num_threads()
    parallel.set_num_threads(1)
    try:
        done = []
        with shared._another_thread() as start:
            task = start(lambda: done.append(1))
            forgotten = start(lambda: done.append(2))
            assert not done
            task.finish()
        assert done == [1] and forgotten.forget() is None
    finally:
        parallel.set_num_threads(threads)


def test_a_job_taken_back_holds_nothing():
    threads = parallel.get_num_threads()
    parallel.set_num_threads(2)
    gate = threading.Event()
    busy = parallel.Task(gate.wait)
    try:
        arrays = [np.zeros(3), np.zeros(3)]
        seen = [weakref.ref(a) for a in arrays]
        finished = parallel.Task(functools.partial(np.add, arrays[0], 1))
        forgotten = parallel.Task(functools.partial(np.add, arrays[1], 1))
        finished.finish()
        assert forgotten.forget() is None
        arrays.clear()
        assert [ref() for ref in seen] == [None, None]
    finally:
        gate.set()
        busy.finish()
        parallel.set_num_threads(threads)


@ALL
def test_small_products_in_blocks_are_the_whole_product(monkeypatch, name):
    args = operands(name, 3, 2, 3, 64)
    whole, backward = run(name, args, False, None)
    cotangents = tuple(RNG.standard_normal(a.shape) for a in whole)
    grads = backward(cotangents, (True,) * len(args))
    monkeypatch.setattr(shared, "_SMALL", 2 * 64 * 64)
    parts, backward = run(name, args, False, None)
    for a, b in zip((*whole, *grads), (*parts, *backward(cotangents, (True,) * len(args))), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12) if a is not None else None


def test_relu():
    args = operands("rnn", 4, 3, 2, 5)
    out, h = rc.rnn(*args, nonlinearity="relu")
    expected, state = np.empty_like(out), args[1]
    for t in range(4):
        state = np.maximum(args[0][t] @ args[2].T + state @ args[3].T + args[4] + args[5], 0)
        expected[t] = state
    np.testing.assert_allclose(out, expected, atol=1e-14)
    np.testing.assert_array_equal(h, out[-1])


@REVERSE
def test_lstm_agrees_with_torch(torch, reverse):
    args = operands("lstm", 6, 3, 4, 5)
    leaves = [torch.tensor(a, requires_grad=True) for a in args[:7]]
    x = leaves[0].flip(0) if reverse else leaves[0]
    expected = torch.lstm(x, [v[None] for v in leaves[1:3]], leaves[3:], True, 1, 0.0, True, False, False)
    out = expected[0].flip(0) if reverse else expected[0]
    wanted = (out, expected[1][0], expected[2][0])
    cotangents = tuple(RNG.standard_normal(tuple(r.shape)) for r in wanted)
    torch.autograd.backward(wanted, [torch.tensor(c) for c in cotangents])
    results, backward = run("lstm", args, reverse, None)
    for got, want in zip(results, wanted, strict=True):
        np.testing.assert_allclose(got, want.detach().numpy(), rtol=1e-11, atol=1e-12)
    for got, leaf in zip(backward(cotangents, (True,) * 7), leaves, strict=False):
        np.testing.assert_allclose(got, leaf.grad.numpy(), rtol=1e-10, atol=1e-11)


@ALL
def test_strides_empty_batches_and_no_steps(name):
    args = operands(name, 5, 3, 4, 6)
    wants = (True,) * len(args)
    strided = [None if a is None else np.asfortranarray(a) for a in args]
    (outputs, backward), (others, again) = run(name, args, False, None), run(name, strided, False, None)
    cotangents = tuple(np.asfortranarray(RNG.standard_normal(a.shape)) for a in outputs)
    pairs = zip((*outputs, *backward(cotangents, wants)), (*others, *again(cotangents, wants)), strict=True)
    for got, want in pairs:
        np.testing.assert_allclose(got, want, atol=1e-12) if got is not None else None
    for sizes in ((5, 0, 4, 6), (0, 3, 4, 6)):
        args = operands(name, *sizes)
        outputs, backward = run(name, args, False, None)
        assert outputs[0].shape[:2] == sizes[:2]
        if sizes[0] == 0:
            np.testing.assert_array_equal(outputs[1], args[1])
        grads = backward(outputs, wants)
        assert [v.shape for v, a in zip(grads, args, strict=False) if a is not None] == [
            a.shape for a in args if a is not None
        ]
    wide = [None if a is None else a.astype(np.complex128) for a in operands(name, 2, 2, 2, 2)]
    assert kernel(name).forward(*wide) is NotImplemented
