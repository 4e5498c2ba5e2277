"""Random graphs of many operations against PyTorch: shared results, in-place writes, several outputs, second order."""

from __future__ import annotations

import candelabra as cb
import numpy as np
import pytest

UNARY = [
    lambda t, x: t.tanh(x), lambda t, x: t.exp(-x * x), lambda t, x: t.sin(x) * 2, lambda t, x: x * x, lambda t, x: -x,
    lambda t, x: t.sigmoid(x), lambda t, x: t.relu(x), lambda t, x: abs(x), lambda t, x: x.T.clone(),
    lambda t, x: x.flatten().reshape(4, 4), lambda t, x: x.sum(0, keepdim=True) * x, lambda t, x: x - x.mean(),
    lambda t, x: x.softmax(-1), lambda t, x: x.cumsum(1), lambda t, x: x[[1, 0, 3, 3]],
    lambda t, x: t.cat([x[2:], x[:2]]), lambda t, x: x.amax(1, keepdim=True) - x,
    lambda t, x: t.where(x > 0, x, 0.1 * x), lambda t, x: x.clamp(-0.5, 0.5), lambda t, x: t.stack(x.unbind(1)[::-1]),
    lambda t, x: x.float().double(), lambda t, x: x.tril() + 1, lambda t, x: t.sqrt(x * x + 1),
    lambda t, x: x.detach() * x, lambda t, x: x[:, None, :].expand(4, 2, 4).sum(1), lambda t, x: t.outer(x[0], x[:, 1]),
    lambda t, x: x.masked_fill(x > 1, 0.5),
]  # fmt: skip
BINARY = [
    lambda t, x, y: x + y, lambda t, x, y: x * y, lambda t, x, y: x - 2 * y, lambda t, x, y: x / (y * y + 1),
    lambda t, x, y: x @ y * 0.3, lambda t, x, y: t.maximum(x, y), lambda t, x, y: t.where(x > y, x, y * y),
    lambda t, x, y: t.einsum("ij,kj->ik", x, y) * 0.3, lambda t, x, y: x * y[0], lambda t, x, y: x + y[:, :1],
    lambda t, x, y: t.atan2(x, y * y + 1), lambda t, x, y: t.cat([x[:2], y[2:]]), lambda t, x, y: t.logaddexp(x, y),
]  # fmt: skip


def write(t, choice, x, y):
    """One in-place operation on a fresh tensor."""
    z = x * 1
    if choice == 0:
        z += y
    elif choice == 1:
        z[1:3] = y[:2] * 2
    elif choice == 2:
        z[:, 0] *= 3
    elif choice == 3:
        z[z > 0.3] = 0.0
    elif choice == 4:
        z.mul_(y).add_(1)
    elif choice == 5:
        z[0] = z[1] + y[2]
    elif choice == 6:
        with t.no_grad():
            w = z * 2
        z += w
    else:
        z[[0, 2], [1, 3]] = y[0, :2]
    return z


def run(t, leaves, program):
    values = list(leaves)
    for kind, choice, i, j in program:
        x, y = values[i % len(values)], values[j % len(values)]
        if kind == 0:
            values.append(UNARY[choice % len(UNARY)](t, x))
        elif kind == 1:
            values.append(BINARY[choice % len(BINARY)](t, x, y))
        else:
            values.append(write(t, choice % 8, x, y))
    return values


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs(torch, seed):
    rng = np.random.default_rng(seed)
    data = [rng.standard_normal((4, 4)) for _ in range(3)]
    program = [tuple(int(v) for v in rng.integers(0, 1000, 4)) for _ in range(12)]
    program = [(k % 5 // 2 if k % 5 < 4 else 2, c, i, j) for k, c, i, j in program]
    results = []
    for t in (cb, torch):
        leaves = [t.tensor(d, requires_grad=True) for d in data]
        values = run(t, leaves, program)
        loss = sum((v * (i + 1)).sum() for i, v in enumerate(values[-4:])) + (values[-1] ** 2).mean()
        loss.backward(retain_graph=True)
        first = t.autograd.grad(loss, leaves, create_graph=True, allow_unused=True, materialize_grads=True)
        again = sum((g * g).sum() for g in first)
        second = [leaf.grad for leaf in leaves]
        if again.requires_grad:
            second += t.autograd.grad(again, leaves, allow_unused=True, materialize_grads=True)
        results.append([loss, *first, *second])
    for ours, theirs in zip(*results, strict=True):
        if theirs is None:
            assert ours is None
            continue
        a, b = np.array(ours.tolist()), np.array(theirs.tolist())
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-7 * max(1.0, float(np.abs(b).max())))


def test_detach_stops_forward_mode_too(torch):
    found = []
    for t in (cb, torch):
        x, v = t.tensor([2.0, 3.0]), t.tensor([1.0, 1.0])
        f = lambda x, t=t: (x.detach() * x * t.exp(x).detach()).sum()
        batched = t.func.vmap(t.func.jacfwd(f))(t.stack([x, v]))
        nested = t.func.jvp(lambda x, t=t, f=f: t.func.jvp(f, (x,), (x,))[1] * x.sum(), (x,), (v,))[1]
        parts = [t.func.jvp(f, (x,), (v,))[1], t.func.grad(f)(x), t.func.jacfwd(f)(x), t.func.hessian(f)(x)]
        found.append([p.tolist() for p in (*parts, batched, nested)])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("seed", range(12))
def test_random_graphs_checkpointed_batched_and_forward(seed):
    rng = np.random.default_rng(1000 + seed)
    data = [rng.standard_normal((4, 4)) for _ in range(3)]
    program = [tuple(int(v) for v in rng.integers(0, 1000, 4)) for _ in range(10)]
    # Forward mode sees through no_grad, as PyTorch's does.
    program = [(k % 5 // 2 if k % 5 < 4 else 2, c - (c % 8 == 6), i, j) for k, c, i, j in program]

    def f(*leaves):
        values = run(cb, leaves, program)
        return sum((v * (i + 1)).sum() for i, v in enumerate(values[-4:])) + (values[-1] ** 2).mean()

    def gradients(function):
        leaves = [cb.tensor(d, requires_grad=True) for d in data]
        first = cb.grad(function(*leaves), leaves, create_graph=True, allow_unused=True, materialize_grads=True)
        again = sum((g * g).sum() for g in first)
        second = cb.grad(again, leaves, allow_unused=True, materialize_grads=True) if again.requires_grad else ()
        return [g.detach().numpy() for g in (*first, *second)]

    def batched(*leaves):
        return cb.func.vmap(f)(*[cb.stack([x, x]) for x in leaves]).sum() / 2

    plain = gradients(f)
    for other in (lambda *leaves: cb.checkpoint(f, *leaves), batched):
        for a, b in zip(plain, gradients(other), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9 * max(1.0, float(np.abs(a).max())))
    tangents = tuple(cb.tensor(rng.standard_normal((4, 4))) for _ in data)
    _, slope = cb.func.jvp(f, tuple(map(cb.tensor, data)), tangents)
    expected = sum(float((g * t.numpy()).sum()) for g, t in zip(plain[:3], tangents, strict=True))
    assert slope.item() == pytest.approx(expected, rel=1e-5, abs=1e-4)
