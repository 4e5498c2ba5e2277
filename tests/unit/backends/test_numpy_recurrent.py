"""The NumPy LSTM kernel against its formulas, and against PyTorch where it is there."""

from __future__ import annotations

import numpy as np
import pytest
from candelabra.backends.numpy import recurrent as rc

RNG = np.random.default_rng(0)


def operands(steps, n, inputs, hidden, dtype=np.float64, bias=True):
    def draw(*shape):
        return (RNG.standard_normal(shape) * 0.5).astype(dtype)

    states = [draw(steps, n, inputs), draw(n, hidden), draw(n, hidden)]
    made = [*states, draw(4 * hidden, inputs), draw(4 * hidden, hidden)]
    return [*made, draw(4 * hidden), draw(4 * hidden)] if bias else [*made, None, None]


def reference(x, h, c, w_ih, w_hh, b_ih, b_hh, reverse):
    """The LSTM's formulas, step by step in float64."""
    x, h, c = (a.astype(np.float64) for a in (x, h, c))
    out = np.empty((*x.shape[:2], h.shape[1]))
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        gates = x[t] @ w_ih.T + h @ w_hh.T
        for b in (b_ih, b_hh):
            gates = gates if b is None else gates + b
        i, f, g, o = np.split(gates, 4, axis=1)
        i, f, o = (1 / (1 + np.exp(-v)) for v in (i, f, o))
        c = f * c + i * np.tanh(g)
        h = out[t] = o * np.tanh(c)
    return out, h, c


SIZES = [(5, 3, 4, 6), (1, 2, 3, 1), (7, 1, 1, 5), (4, 33, 9, 17)]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype,tol", [(np.float64, 1e-13), (np.float32, 1e-5)])
def test_lstm_is_its_formulas(sizes, reverse, bias, dtype, tol):
    args = operands(*sizes, dtype=dtype, bias=bias)
    kept = [None if a is None else a.copy() for a in args]
    results = rc.lstm(*args, reverse=reverse)
    trained, _ = rc.lstm_train(*args, reverse=reverse)
    for got, again, want in zip(results, trained, reference(*args, reverse), strict=True):
        assert got.dtype == dtype
        np.testing.assert_array_equal(got, again)
        np.testing.assert_allclose(got, want, rtol=tol, atol=tol)
    assert not np.shares_memory(results[0], results[1])
    for a, k in zip(args, kept, strict=True):
        assert a is None or np.array_equal(a, k)


def backward(args, reverse, wants, cotangents):
    (out, _, _), (gates, cells) = rc.lstm_train(*args, reverse=reverse)
    return rc.lstm_vjp(None, cotangents, *args[:5], out, reverse, gates, cells, wants)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("reverse", [False, True])
def test_lstm_gradients_are_numerical_ones(sizes, reverse):
    args = operands(*sizes)
    cotangents = tuple(RNG.standard_normal(a.shape) for a in rc.lstm(*args, reverse=reverse))
    kept = [c.copy() for c in cotangents]
    grads = backward(args, reverse, (True,) * 7, cotangents)
    for c, k in zip(cotangents, kept, strict=True):
        np.testing.assert_array_equal(c, k)
    assert grads[5] is not grads[6]

    def loss(k, value):
        changed = [value if j == k else a for j, a in enumerate(args)]
        return sum(np.vdot(c, r) for c, r in zip(cotangents, reference(*changed, reverse), strict=True))

    for k, (a, grad) in enumerate(zip(args, grads, strict=True)):
        assert grad.shape == a.shape
        d = RNG.standard_normal(a.shape)
        slope = (loss(k, a + 1e-6 * d) - loss(k, a - 1e-6 * d)) / 2e-6
        np.testing.assert_allclose(np.vdot(grad, d), slope, rtol=1e-6, atol=1e-7)
    for k in range(7):
        alone = backward(args, reverse, tuple(j == k for j in range(7)), cotangents)
        np.testing.assert_array_equal(alone[k], grads[k])
        assert all(v is None for j, v in enumerate(alone) if j != k)


@pytest.mark.parametrize("reverse", [False, True])
def test_lstm_agrees_with_torch(torch, reverse):
    steps, n, inputs, hidden = 6, 3, 4, 5
    args = operands(steps, n, inputs, hidden)
    leaves = [torch.tensor(a, requires_grad=True) for a in args]
    x = leaves[0].flip(0) if reverse else leaves[0]
    expected = torch.lstm(x, [v[None] for v in leaves[1:3]], leaves[3:], True, 1, 0.0, True, False, False)
    out = expected[0].flip(0) if reverse else expected[0]
    results = (out, expected[1][0], expected[2][0])
    cotangents = tuple(RNG.standard_normal(tuple(r.shape)) for r in results)
    torch.autograd.backward(results, [torch.tensor(c) for c in cotangents])
    for got, want in zip(rc.lstm(*args, reverse=reverse), results, strict=True):
        np.testing.assert_allclose(got, want.detach().numpy(), rtol=1e-11, atol=1e-12)
    for got, leaf in zip(backward(args, reverse, (True,) * 7, cotangents), leaves, strict=True):
        np.testing.assert_allclose(got, leaf.grad.numpy(), rtol=1e-10, atol=1e-11)


def test_lstm_takes_strides_empty_batches_and_no_steps():
    args = operands(5, 3, 4, 6)
    strided = [np.asfortranarray(a) for a in args]
    cotangents = tuple(np.asfortranarray(RNG.standard_normal(a.shape)) for a in rc.lstm(*args, reverse=False))
    for got, want in zip(rc.lstm(*strided, reverse=False), rc.lstm(*args, reverse=False), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-13)
    pairs = zip(
        backward(strided, False, (True,) * 7, cotangents), backward(args, False, (True,) * 7, cotangents), strict=True
    )
    for got, want in pairs:
        np.testing.assert_allclose(got, want, atol=1e-12)
    for sizes in ((5, 0, 4, 6), (0, 3, 4, 6)):
        args = operands(*sizes)
        out, h, c = rc.lstm(*args, reverse=False)
        assert out.shape == (sizes[0], sizes[1], 6)
        if sizes[0] == 0:
            np.testing.assert_array_equal(h, args[1])
            np.testing.assert_array_equal(c, args[2])
        grads = backward(args, False, (True,) * 7, (out, h, c))
        assert [v.shape for v in grads] == [a.shape for a in args]
    assert rc.lstm(*[a.astype(np.complex128) for a in operands(2, 2, 2, 2)], reverse=False) is NotImplemented
