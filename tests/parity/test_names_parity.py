"""PyTorch's other names, creation functions, facts about dtypes and the linear algebra that exists, against PyTorch."""

from __future__ import annotations

import candelabra as cb
import numpy as np
import pytest

rng = np.random.default_rng(0)
A, B = rng.standard_normal((3, 4)), np.abs(rng.standard_normal((3, 4))) + 0.2
CUBE = rng.standard_normal((2, 3, 5))
INTEGERS = rng.integers(-4, 5, (3, 4))


@pytest.mark.parametrize("name", ["mul", "div", "true_divide", "ne", "eq", "lt", "le", "gt", "ge", "sub", "add", "pow"])
def test_short_names_of_two_operands(compare, name):
    x, y = (B, A) if name == "pow" else (A, B)
    compare(lambda x, y: getattr(x, name)(y), lambda t, x, y: getattr(x, name)(y), x, y)
    if hasattr(cb, name):
        compare(getattr(cb, name), lambda t, x, y: getattr(t, name)(x, y), x, y)
    compare(lambda x: getattr(x, name)(2), lambda t, x: getattr(x, name)(2), x)


@pytest.mark.parametrize("name", ["neg", "absolute", "half", "short", "numel", "element_size", "dim", "nelement"])
def test_short_names_of_one_operand(torch, name):
    ours, theirs = cb.tensor(INTEGERS), torch.tensor(INTEGERS)
    a, b = getattr(ours, name)(), getattr(theirs, name)()
    assert (a.tolist(), a.dtype.name) == (b.tolist(), str(b.dtype)[6:]) if isinstance(a, cb.Tensor) else a == b


METHODS = {
    "sqrt_": lambda y, v: (y * y).sqrt_(),
    "log_": lambda y, v: (y * y + 1).log_(),
    "addcdiv": lambda y, v: y.addcdiv(v, v * v, value=2),
    "addcdiv_": lambda y, v: y.addcdiv_(v, v * v, value=2),
    "swapdims": lambda y, v: y.swapdims(0, 1),
    "expand": lambda y, v: v.expand(2, -1, -1) * y,
    "chained": lambda y, v: y.add_(1).mul_(v).sub_(2).div_(v),
    "sizes": lambda y, v: y.reshape(y.size(1), y.size(0)) * y.size()[0] * y.dim() * y.numel(),
    "new_empty": lambda y, v: y.new_empty(2, 3) * 0 + y.sum(),
    "abs of a difference": lambda y, v: abs(y - v).pow(2).sum(-1, keepdim=True).sqrt(),
    "transposes": lambda y, v: y.T @ v + y.mT @ v,
    "unsqueezed": lambda y, v: y.unsqueeze(1) * v.unsqueeze(0),
    "iteration": lambda y, v: sum(r * i for i, r in enumerate(y)),
    "slices of steps": lambda y, v: y[::2, 1::2] * v[1:, ::2],
    "remainders": lambda y, v: y % v,
    "powers": lambda y, v: v**y + v**2 + 2**y,
    "reflected": lambda y, v: 1 - y + 2 / v + 3 * y,
}


@pytest.mark.parametrize("name", METHODS)
def test_methods(compare, name):
    run = METHODS[name]
    compare(lambda x, v: run(x * 1, v), lambda t, x, v: run(x * 1, v), A, B)


def test_index_add_and_scatter_add_in_place(compare):
    def added(x, s, i):
        y = x * 1
        return y.index_add_(0, i, s * 2) * y

    compare(added, lambda t, *v: added(*v), A, B[[0, 1, 1, 2]], np.array([2, 0, 0, 1]))

    def scattered(x, s, i):
        y = x * 1
        return y.scatter_add_(1, i, s) * 2

    compare(scattered, lambda t, *v: scattered(*v), A, B, INTEGERS % 4)


CREATION = [
    lambda t: t.zeros(2, 3), lambda t: t.ones((2, 3), dtype=t.int64), lambda t: t.full((2,), 7), lambda t: t.zeros(()),
    lambda t: t.arange(5), lambda t: t.arange(1, 5), lambda t: t.arange(5, 1, -2), lambda t: t.arange(0.0, 1.0, 0.25),
    lambda t: t.arange(3, dtype=t.float64), lambda t: t.linspace(0, 1, 5), lambda t: t.linspace(3.0, -3.0, steps=4),
    lambda t: t.linspace(0, 1, 1), lambda t: t.eye(3), lambda t: t.eye(2, 3), lambda t: t.tensor([[1, 2], [3, 4]]),
    lambda t: t.tensor([1, 2.5]), lambda t: t.tensor([True, False]), lambda t: t.tensor([]), lambda t: t.tensor(3),
    lambda t: t.tensor([[]]), lambda t: t.tensor([1 + 2j]), lambda t: t.tensor(np.ones(2)),
    lambda t: t.tensor([np.float32(1.5)]), lambda t: t.as_tensor([1.0, 2.0]),
    lambda t: t.as_tensor(np.arange(3), dtype=t.float32), lambda t: t.from_numpy(np.eye(2)),
    lambda t: t.zeros_like(t.ones(2, dtype=t.int32)), lambda t: t.ones_like(t.zeros(2), dtype=t.int64),
    lambda t: t.full_like(t.zeros(2), 3), lambda t: t.tril_indices(3, 4, 1), lambda t: t.triu_indices(3, 4, -1),
    lambda t: t.empty_like(t.zeros(2)).fill_(1), lambda t: t.empty(2, 3).zero_(),
    lambda t: t.nextafter(t.tensor([1.0, -1.0]), t.tensor([2.0, -2.0])), lambda t: t.zeros(2, 0, 3),
    lambda t: t.zeros(size=(2, 3)), lambda t: t.tensor([1, 2], dtype=t.uint8), lambda t: t.tensor(2.7, dtype=t.int64),
    lambda t: t.stack([t.tensor(1.0), t.tensor(2.0)]), lambda t: t.full((2, 2), True),
    lambda t: t.tensor([[1], [2]]).float(),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(CREATION)))
def test_creation(torch, number):
    a, b = CREATION[number](cb), CREATION[number](torch)
    assert a.tolist() == pytest.approx(b.tolist()) if b.ndim < 2 else a.tolist() == b.tolist()
    assert (tuple(a.shape), a.dtype.name, a.requires_grad) == (tuple(b.shape), str(b.dtype)[6:], b.requires_grad)


def test_facts(torch):
    for name in ("float16", "bfloat16", "float32", "float64", "complex64"):
        a, b = cb.finfo(getattr(cb, name)), torch.finfo(getattr(torch, name))
        assert (a.bits, a.eps, a.max, a.min, a.tiny) == (b.bits, b.eps, b.max, b.min, b.tiny)
    for name in ("int8", "int16", "int32", "int64", "uint8"):
        a, b = cb.iinfo(getattr(cb, name)), torch.iinfo(getattr(torch, name))
        assert (a.bits, a.max, a.min) == (b.bits, b.max, b.min)
    for one in ("bool", "int32", "float32", "complex64"):
        t, u = cb.ones(1, dtype=getattr(cb, one)), torch.ones(1, dtype=getattr(torch, one))
        assert cb.is_complex(t) == torch.is_complex(u) == t.is_complex()
        assert cb.is_floating_point(t) == torch.is_floating_point(u) == t.is_floating_point()
        assert (t.itemsize, t.nbytes) == (u.itemsize, u.nbytes)
    assert cb.broadcast_shapes((2, 1), (3,)) == tuple(torch.broadcast_shapes((2, 1), (3,)))
    assert cb.is_tensor(cb.ones(1)) and not cb.is_tensor(np.ones(1))
    assert cb.numel(cb.ones(2, 3)) == 6


LINALG = [
    ("diagonal", lambda x: cb.linalg.diagonal(x, offset=1), lambda t, x: t.linalg.diagonal(x, offset=1), CUBE),
    ("diagonal below", lambda x: cb.linalg.diagonal(x, offset=-2), lambda t, x: t.linalg.diagonal(x, offset=-2), CUBE),
    ("diagonal outside", lambda x: cb.linalg.diagonal(x, offset=9), lambda t, x: x[:, :0, 0], CUBE),
    ("trace", lambda x: cb.linalg.trace(x[:, :3, :3]), lambda t, x: t.stack([t.trace(m) for m in x[:, :3, :3]]), CUBE),
    ("cross", lambda x: cb.linalg.cross(x[..., 0], x[..., 1]), lambda t, x: t.linalg.cross(x[..., 0], x[..., 1]), CUBE),
    ("outer", lambda x: cb.linalg.outer(x[0], x[1]), lambda t, x: t.outer(x[0], x[1]), A),
    ("matrix_transpose", lambda x: cb.matrix_transpose(x), lambda t, x: x.mT, CUBE),
    ("permute_dims", lambda x: cb.permute_dims(x, (2, 0, 1)), lambda t, x: t.permute(x, (2, 0, 1)), CUBE),
    ("expand_dims", lambda x: cb.expand_dims(x, axis=(0, 2)), lambda t, x: x[None, :, None], A),
    ("broadcast_arrays", lambda x: cb.broadcast_arrays(x, x[:, :1]), lambda t, x: t.broadcast_tensors(x, x[:, :1]), A),
    ("global_norm", lambda x: cb.global_norm([x, x[0] * 2]), lambda t, x: t.cat([x.flatten(), x[0] * 2]).norm(), A),
] + [
    (f"vector_norm {p} {axis}", lambda x, p=p, axis=axis: cb.linalg.vector_norm(x, ord=p, axis=axis, keepdims=True),
     lambda t, x, p=p, axis=axis: t.linalg.vector_norm(x, p, axis, True), CUBE)
    for p in (1, 2, 2.5, 3, np.inf, -np.inf) for axis in (None, 1, (0, 2))
]  # fmt: skip


@pytest.mark.parametrize(("ours", "theirs", "x"), [pytest.param(*c[1:], id=c[0]) for c in LINALG])
def test_linear_algebra(compare, ours, theirs, x):
    compare(ours, theirs, x)


SETS = [
    ("unique_values", lambda t, x: t.unique(x)),
    ("unique_counts", lambda t, x: t.unique(x, return_counts=True)),
    ("unique_inverse", lambda t, x: t.unique(x, return_inverse=True)),
]


@pytest.mark.parametrize(("name", "theirs"), SETS)
def test_sets(compare, name, theirs):
    compare(getattr(cb, name), theirs, INTEGERS)
    compare(getattr(cb, name), theirs, np.round(A), order=0)
