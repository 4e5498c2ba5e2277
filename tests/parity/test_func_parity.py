"""Nestings of transformations against torch.func, third order across levels included."""

from __future__ import annotations

import candelabra as cb
import numpy as np
import pytest
from candelabra.func import grad, hessian, jacfwd, jacrev, jvp, vjp, vmap

rng = np.random.default_rng(0)
X, W, V = rng.standard_normal((4, 3)), rng.standard_normal((3, 5)), rng.standard_normal(3)
IMAGES, KERNELS = rng.standard_normal((3, 2, 1, 5, 5)), rng.standard_normal((2, 1, 3, 3))
INDEX = np.array([[0, 2], [1, 1], [2, 0], [0, 0]])


class Ours:
    """The names that the cases use, as candelabra has them."""

    grad, hessian, jacfwd, jacrev, jvp, vjp, vmap = map(staticmethod, (grad, hessian, jacfwd, jacrev, jvp, vjp, vmap))
    tanh, exp, sum, max, prod, stack = map(staticmethod, (cb.tanh, cb.exp, cb.sum, cb.max, cb.prod, cb.stack))
    std = staticmethod(lambda x: cb.std(x))
    logsumexp = staticmethod(lambda x: cb.logsumexp(x))
    softmax = staticmethod(lambda x: cb.softmax(x, axis=-1))
    sort = staticmethod(lambda x: cb.sort(x))
    cumsum = staticmethod(lambda x: cb.cumulative_sum(x))
    cumprod = staticmethod(lambda x: cb.cumulative_prod(x))
    conv = staticmethod(lambda x, w: cb.conv(x, w))
    norm = staticmethod(lambda x: cb.layer_norm(x, axes=1))
    entropy = staticmethod(lambda x, t: cb.cross_entropy(x, t))
    pool = staticmethod(lambda x: cb.max_pool(x, kernel_size=2))

    @staticmethod
    def tensor(a):
        return cb.tensor(np.asarray(a))

    @staticmethod
    def filled(x):
        z = cb.zeros(4, dtype=cb.float64)
        z[0] = x[1]
        z[1:3] = x[:2] * 2
        return z


@pytest.fixture
def theirs(torch):
    from types import SimpleNamespace

    f = torch.nn.functional
    return SimpleNamespace(
        **{n: getattr(torch.func, n) for n in ("grad", "hessian", "jacfwd", "jacrev", "jvp", "vjp")},
        vmap=lambda fn, in_axes=0, out_axes=0: torch.func.vmap(fn, in_dims=in_axes, out_dims=out_axes),
        tanh=torch.tanh, exp=torch.exp, sum=torch.sum, max=torch.max, prod=torch.prod, stack=torch.stack,
        std=lambda x: x.std(correction=0), logsumexp=lambda x: torch.logsumexp(x, 0),
        softmax=lambda x: torch.softmax(x, -1), sort=lambda x: x.sort()[0], cumsum=lambda x: x.cumsum(0),
        cumprod=lambda x: x.cumprod(0), conv=f.conv2d,
        # Its own layer_norm is wrong in higher derivatives.
        norm=lambda x: (x - x.mean(-1, keepdim=True)) / (x.var(-1, correction=0, keepdim=True) + 1e-5).sqrt(),
        entropy=f.cross_entropy, pool=lambda x: f.max_pool2d(x, 2), tensor=lambda a: torch.tensor(np.asarray(a)),
        filled=lambda x: torch.stack([x[1], x[0] * 2, x[1] * 2, torch.zeros((), dtype=torch.float64)]),
    )  # fmt: skip


def smooth(n):
    w = n.tensor(W)
    return lambda x: n.sum(n.tanh(x @ w) ** 2)


def mixed(n):
    return lambda x: n.max(x) * n.prod(x) + n.std(x) + n.logsumexp(x) + n.sum(n.softmax(x) * x)


def ordered(n):
    return lambda x: n.sort(x)[1] * x[0] + n.cumsum(x)[2] * n.cumprod(x)[1]


def filled(n):
    return lambda x: n.sum(n.filled(x) ** 3)


def normed(n):
    return lambda x: n.sum(n.exp(n.norm(x * x)))


def entropy(n):
    target = n.tensor(1)
    return lambda x: n.entropy(x, target)


SCALAR = [smooth, mixed, ordered, filled, normed, entropy]


def third(n):
    return lambda x: n.sum(n.vmap(lambda r: n.jvp(n.grad(smooth(n)), (r,), (r,))[1])(x) ** 2)


CASES = {
    "jvp(grad)": lambda n: n.jvp(n.grad(smooth(n)), (n.tensor(V),), (n.tensor(2 * V),))[1],
    "grad(jvp)": lambda n: n.grad(lambda x: n.jvp(smooth(n), (x,), (n.tensor(V),))[1])(n.tensor(V)),
    "grad(grad(jvp))": lambda n: n.grad(
        lambda y: n.sum(n.grad(lambda x: n.jvp(smooth(n), (x,), (n.tensor(V),))[1])(y) ** 2)
    )(n.tensor(V)),
    "jvp(x * jvp(x + y))": lambda n: n.jvp(
        lambda x: x * n.jvp(lambda y: x + y, (n.tensor(1.0),), (n.tensor(1.0),))[1], (n.tensor(2.0),), (n.tensor(1.0),)
    )[1],
    "jvp(jvp(grad))": lambda n: n.jvp(
        lambda x: n.jvp(n.grad(smooth(n)), (x,), (n.tensor(V),))[1], (n.tensor(V),), (n.tensor(V),)
    )[1],
    "grad(vmap) by closure": lambda n: n.grad(
        lambda w: n.sum(n.vmap(lambda x: n.tanh(x @ w))(n.tensor(X)) ** 2)
    )(n.tensor(W)),
    "vmap(grad) of an unbatched weight": lambda n: n.vmap(
        lambda x: n.grad(lambda w: n.sum(n.tanh(x @ w)))(n.tensor(W))
    )(n.tensor(X)),
    "grad(sum |vmap(grad)|^2)": lambda n: n.grad(lambda x: n.sum(n.vmap(n.grad(smooth(n)))(x) ** 2))(n.tensor(X)),
    "grad(vmap(jvp(grad)))": lambda n: n.grad(third(n))(n.tensor(X)),
    "grad(|grad(vmap(jvp(grad)))|^2)": lambda n: n.grad(lambda x: n.sum(n.grad(third(n))(x) ** 2))(n.tensor(X)),
    "grad(vmap(jvp(vmap(grad))))": lambda n: n.grad(
        lambda x: n.sum(
            n.vmap(lambda r: n.jvp(lambda s: n.vmap(n.grad(smooth(n)))(n.stack([s, 2 * s])), (r,), (r,))[1])(x) ** 2
        )
    )(n.tensor(X)),
    "jacrev(jacrev)": lambda n: n.jacrev(n.jacrev(smooth(n)))(n.tensor(V)),
    "jacfwd(jacfwd)": lambda n: n.jacfwd(n.jacfwd(smooth(n)))(n.tensor(V)),
    "jacrev(jacfwd)": lambda n: n.jacrev(n.jacfwd(smooth(n)))(n.tensor(V)),
    "jacrev(vmap)": lambda n: n.jacrev(n.vmap(smooth(n)))(n.tensor(X)),
    "vmap(jacrev)": lambda n: n.vmap(n.jacrev(lambda x: n.tanh(x @ n.tensor(W))))(n.tensor(X)),
    "hessian(hessian)": lambda n: n.hessian(lambda x: n.sum(n.hessian(smooth(n))(x) ** 2))(n.tensor(V)),
    "vmap(vmap)": lambda n: n.vmap(n.vmap(lambda a, b: a * b, (0, None)), (None, 0))(n.tensor(V), n.tensor(X[:, 0])),
    "vmap with axes": lambda n: n.vmap(lambda a: n.tanh(a @ n.tensor(W)), 1, 1)(n.tensor(X.T)),
    "vmap of an index": lambda n: n.vmap(lambda x, i: n.sum(x[i] ** 2))(n.tensor(X), n.tensor(INDEX)),
    "vmap(grad) of an index": lambda n: n.vmap(n.grad(lambda x, i: n.sum(x[i] ** 3)))(n.tensor(X), n.tensor(INDEX)),
    "vmap(hessian) of an index": lambda n: n.vmap(n.hessian(lambda x, i: n.sum(x[i] ** 3)))(
        n.tensor(X), n.tensor(INDEX)
    ),
    "per-sample gradients of a convolution": lambda n: n.vmap(
        n.grad(lambda w, x: n.sum(n.conv(x, w) ** 2)), in_axes=(None, 0)
    )(n.tensor(KERNELS), n.tensor(IMAGES)),
    "Hessian product of a convolution": lambda n: n.jvp(
        n.grad(lambda w: n.sum(n.conv(n.tensor(IMAGES[0]), w) ** 4)), (n.tensor(KERNELS),), (n.tensor(KERNELS),)
    )[1],
    "vmap(grad) of a pooled convolution": lambda n: n.vmap(
        n.grad(lambda x: n.sum(n.pool(n.conv(x, n.tensor(KERNELS))) ** 3))
    )(n.tensor(IMAGES)),
}  # fmt: skip


def check(ours, theirs):
    found, expected = ours.detach().numpy(), theirs.detach().numpy()
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("case", CASES)
def test_nestings_agree_with_torch_func(case, theirs):
    check(CASES[case](Ours), CASES[case](theirs))


@pytest.mark.parametrize("function", SCALAR)
@pytest.mark.parametrize("transform", ["grad", "hessian", "jacfwd"])
def test_transformations_of_scalar_functions(function, transform, theirs):
    ours = getattr(Ours, transform)(function(Ours))
    other = getattr(theirs, transform)(function(theirs))
    check(ours(Ours.tensor(V)), other(theirs.tensor(V)))
    check(vmap(ours)(Ours.tensor(X)), theirs.vmap(other)(theirs.tensor(X)))


def test_a_pullback_takes_batched_cotangents(theirs):
    def run(n):
        _, back = n.vjp(lambda x: n.tanh(x @ n.tensor(W)), n.tensor(V))
        return n.vmap(lambda c: back(c)[0])(n.tensor(np.eye(5)))

    check(run(Ours), run(theirs))
