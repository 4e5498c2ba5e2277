"""The optimizer kernels of the NumPy backend, against the formulas in float64 and against torch.optim."""

from __future__ import annotations

import itertools

import ml_dtypes
import numpy as np
import pytest
from candelabra.backends.numpy import optimizer, parallel

SHAPES = [(3, 4), (), (5,), (0,), (70, 80), (2, 1, 3), (300, 200)]


def draw(seed, dtype=np.float64, shapes=SHAPES):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "c":
        return [np.asarray(rng.standard_normal(s) + 1j * rng.standard_normal(s)).astype(dtype) for s in shapes]
    return [np.asarray(rng.standard_normal(s)).astype(dtype) for s in shapes]


def sgd(params, grads, buffers, t, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, maximize=False):
    out = []
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        g = (-g if maximize else g) + weight_decay * p
        if momentum:
            buffers[i] = g if t == 0 else momentum * buffers[i] + (1 - dampening) * g
            g = g + momentum * buffers[i] if nesterov else buffers[i]
        out.append(p - lr * g)
    return out


def adam(params, grads, state, t, lr, beta1, beta2, eps, weight_decay, amsgrad, maximize, decoupled):
    out = []
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        g = -g if maximize else g
        if decoupled:
            p = p - lr * weight_decay * p
        else:
            g = g + weight_decay * p
        state[0][i] = beta1 * state[0][i] + (1 - beta1) * g
        state[1][i] = beta2 * state[1][i] + (1 - beta2) * g * g
        v = state[1][i]
        if amsgrad:
            v = state[2][i] = np.maximum(state[2][i], v)
        out.append(p - lr * state[0][i] / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps))
    return out


def frozen(arrays):
    return [[a.copy() for a in group] for group in arrays]


SGD_DEFAULTS = {"momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False, "maximize": False}
SGD = [
    {"lr": 0.1},
    {"lr": 0.1, "weight_decay": 0.3, "maximize": True},
    {"lr": 0.1, "momentum": 0.9},
    {"lr": 0.1, "momentum": 0.9, "dampening": 0.4, "weight_decay": 0.1},
    {"lr": 0.1, "momentum": 0.7, "nesterov": True, "weight_decay": 0.2, "maximize": True},
]


@pytest.mark.parametrize("donate", [False, True])
@pytest.mark.parametrize("options", SGD, ids=str)
def test_sgd(options, donate):
    options = SGD_DEFAULTS | options
    params, expected, buffers, wanted = draw(0), draw(0), [], [None] * len(SHAPES)
    if options["momentum"]:
        buffers = [np.full_like(p, np.nan) for p in params]
    for t in range(4):
        grads = draw(10 + t)
        before = frozen((params, buffers, grads))
        expected = sgd(expected, grads, wanted, t, **options)
        given = [list(params), list(buffers)]
        params, buffers = optimizer.sgd_step(
            given[0], grads, given[1], first=(t == 0,) * len(params), donate=donate, **options
        )
        for a, b in zip(params, expected, strict=True):
            assert type(a) is np.ndarray and a.dtype == np.float64
            np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-13)
        for a, b in zip(grads, before[2], strict=True):
            np.testing.assert_array_equal(a, b)
        if options["momentum"]:
            for a, b in zip(buffers, wanted, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-13)
        else:
            assert buffers == []
        for old, new, kept in zip(given[0] + given[1], params + buffers, before[0] + before[1], strict=True):
            if donate:
                assert new is old
            else:
                assert not np.shares_memory(old, new) and new.base is None
                np.testing.assert_array_equal(old, kept)


ADAM = [
    {},
    {"weight_decay": 0.1},
    {"weight_decay": 0.1, "decoupled": True},
    {"amsgrad": True, "weight_decay": 0.1, "maximize": True},
    {"amsgrad": True, "decoupled": True, "maximize": True, "weight_decay": 0.2},
    {"beta1": 0.3, "eps": 1e-3},
    {"lr": 0.0},
]
ADAM_DEFAULTS = {"lr": 0.02, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0}
ADAM_DEFAULTS |= {"amsgrad": False, "maximize": False, "decoupled": False}


@pytest.mark.parametrize("donate", [False, True])
@pytest.mark.parametrize("options", ADAM, ids=str)
@pytest.mark.filterwarnings("error")
def test_adam(options, donate):
    options = ADAM_DEFAULTS | options
    params, expected = draw(0), draw(0)
    state = [[np.zeros_like(p) for p in params] for _ in range(3 if options["amsgrad"] else 2)]
    wanted = [[np.zeros_like(p) for p in params] for _ in range(3)]
    for t in range(1, 5):
        grads = draw(10 + t)
        before = frozen((params, grads, *state))
        given = [list(params), *(list(s) for s in state)]
        expected = adam(expected, grads, wanted, t, **options)
        params, *state = optimizer.adam_step(
            given[0],
            grads,
            *given[1:],
            *([] if options["amsgrad"] else [[]]),
            steps=(float(t),) * len(params),
            donate=donate,
            **options,
        )
        for got, want in zip([params, *state], [expected, *wanted], strict=False):
            for a, b in zip(got, want if got else [], strict=True):
                assert type(a) is np.ndarray and a.dtype == np.float64
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
        if not options["amsgrad"]:
            assert state.pop() == []
        for a, b in zip(grads, before[1], strict=True):
            np.testing.assert_array_equal(a, b)
        for old, new, kept in zip(given, [params, *state], [before[0], *before[2:]], strict=True):
            for a, b, c in zip(old, new, kept, strict=True):
                if donate:
                    assert a is b
                else:
                    assert not np.shares_memory(a, b) and b.base is None
                    np.testing.assert_array_equal(a, c)


def test_parameters_may_have_taken_different_numbers_of_steps():
    steps = (1.0, 5.0, 1.0, 2.0, 5.0, 5.0, 5.0)
    params, grads, m, v = draw(0), draw(1), draw(2), [abs(a) for a in draw(3)]
    got = optimizer.adam_step(params, grads, m, v, [], steps=steps, **ADAM_DEFAULTS)
    for i, step in enumerate(steps):
        want = adam(params[i : i + 1], grads[i : i + 1], [m[i : i + 1], v[i : i + 1]], step, **ADAM_DEFAULTS)
        np.testing.assert_allclose(got[0][i], want[0], rtol=1e-12)


@pytest.mark.parametrize("donate", [False, True])
def test_any_layout(donate):
    rng = np.random.default_rng(0)
    for order, size in itertools.product(range(6), (6, 90)):
        shape = (size, size)
        values = [np.abs(rng.standard_normal(shape)) for _ in range(4)]
        layouts = [np.array, np.asfortranarray, lambda a: np.repeat(a, 2, axis=1)[:, ::2]]
        p, g, m, v = (layouts[(order + i) % 3](a) for i, a in enumerate(values))
        wanted = [[values[2].copy()], [values[3].copy()]]
        want = adam([values[0]], [values[1]], wanted, 3, **ADAM_DEFAULTS)
        got = optimizer.adam_step([p] * 1, [g], [m], [v], [], steps=(3.0,), donate=donate, **ADAM_DEFAULTS)
        np.testing.assert_allclose(got[0][0], want[0], rtol=1e-12)
        np.testing.assert_allclose(got[1][0], wanted[0][0], rtol=1e-12)
        np.testing.assert_allclose(got[2][0], wanted[1][0], rtol=1e-12)
        p = layouts[order % 3](values[0])
        got = optimizer.sgd_step([p], [g], [], first=(False,), donate=donate, **(SGD_DEFAULTS | {"lr": 0.1}))
        np.testing.assert_allclose(got[0][0], values[0] - 0.1 * values[1], rtol=1e-12)


def test_large_parameters_are_shared_by_threads(monkeypatch):
    monkeypatch.setattr(parallel, "_threads", 3)
    monkeypatch.setattr(parallel, "_pool", None)
    shapes = [(600, 700), (3,), (400, 999)]
    params, grads, m = draw(0, shapes=shapes), draw(1, shapes=shapes), draw(2, shapes=shapes)
    v = [abs(a) for a in draw(3, shapes=shapes)]
    want = adam(params, grads, [list(m), list(v)], 2, **ADAM_DEFAULTS)
    got = optimizer.adam_step(params, grads, m, v, [], steps=(2.0,) * 3, donate=True, **ADAM_DEFAULTS)
    for a, b in zip(got[0], want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("donate", [False, True])
def test_16_bit_parameters_compute_in_float32(dtype, donate):
    shapes = [(3, 4), (5,), (2,), (100, 100)]
    params, grads, m = (draw(i, dtype, shapes) for i in range(3))
    v = [abs(a) for a in draw(3, dtype, shapes)]
    wide = [[a.astype(np.float64) for a in group] for group in (params, grads, m, v)]
    want = adam(*wide[:2], wide[2:], 2, **ADAM_DEFAULTS)
    got = optimizer.adam_step(list(params), grads, m, v, [], steps=(2.0,) * 4, donate=donate, **ADAM_DEFAULTS)
    for a, b, p in zip(got[0], want, params, strict=True):
        assert a.dtype == dtype and (a is p) == donate
        np.testing.assert_allclose(a.astype(np.float64), b, rtol=1e-2, atol=1e-2)
    start = [p.astype(np.float64) for p in params]
    got, _ = optimizer.sgd_step(list(params), grads, [], first=(False,) * 4, donate=donate, lr=0.1, **SGD_DEFAULTS)
    for a, b, g in zip(got, start, grads, strict=True):
        assert a.dtype == dtype
        np.testing.assert_allclose(a.astype(np.float64), b - 0.1 * g.astype(np.float64), rtol=1e-2, atol=1e-2)


def trajectories(make, step, dtype, shapes):
    """Parameters after six steps on the same gradients, PyTorch's and ours."""
    torch = pytest.importorskip("torch")
    theirs = [torch.tensor(a, requires_grad=True) for a in draw(0, dtype, shapes)]
    their_optimizer = make(torch, theirs)
    ours, state = draw(0, dtype, shapes), None
    for t in range(6):
        grads = draw(20 + t, dtype, shapes)
        for p, g in zip(theirs, grads, strict=True):
            p.grad = torch.tensor(g)
        their_optimizer.step()
        ours, state = step(ours, grads, state, t)
    return ours, [p.detach().numpy() for p in theirs]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64])
@pytest.mark.parametrize("options", SGD, ids=str)
def test_sgd_against_torch(options, dtype):
    full = SGD_DEFAULTS | options

    def step(params, grads, state, t):
        buffers = state or ([np.zeros_like(p) for p in params] if full["momentum"] else [])
        return optimizer.sgd_step(params, grads, buffers, first=(t == 0,) * len(params), donate=True, **full)

    ours, theirs = trajectories(lambda torch, p: torch.optim.SGD(p, foreach=False, **options), step, dtype, SHAPES)
    for a, b in zip(ours, theirs, strict=True):
        tolerance = 1e-14 if dtype is np.float64 else 2e-6
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64])
@pytest.mark.parametrize("options", ADAM, ids=str)
def test_adam_against_torch(options, dtype):
    full = ADAM_DEFAULTS | options

    def make(torch, params):
        kind = torch.optim.AdamW if full["decoupled"] else torch.optim.Adam
        return kind(
            params,
            lr=full["lr"],
            betas=(full["beta1"], full["beta2"]),
            eps=full["eps"],
            weight_decay=full["weight_decay"],
            amsgrad=full["amsgrad"],
            maximize=full["maximize"],
            foreach=False,
        )

    def step(params, grads, state, t):
        state = state or [[np.zeros_like(p) for p in params] for _ in range(3)]
        if not full["amsgrad"]:
            state[2] = []
        steps = (t + 1.0,) * len(params)
        params, *state = optimizer.adam_step(params, grads, *state, steps=steps, donate=True, **full)
        return params, state

    ours, theirs = trajectories(make, step, dtype, SHAPES)
    for a, b in zip(ours, theirs, strict=True):
        tolerance = 1e-13 if dtype is np.float64 else 2e-6
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
