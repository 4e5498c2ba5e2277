"""Transformations composed in any order, two and three deep, over functions of every family, against torch.func."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from types import ModuleType
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import func  # noqa: F401 - cb.func

rng = np.random.default_rng(5)
POINT, DIRECTION = rng.uniform(0.3, 1.2, 3), rng.standard_normal(3)
W, A = rng.standard_normal((3, 3)) / 2, rng.standard_normal((3, 3)) / 4 + 2 * np.eye(3)
KERNEL, SCALE = rng.standard_normal((2, 1, 3)) / 2, np.array([1.0, 0.7])
Map = Callable[[Any], Any]


def constant(n: ModuleType, array: Any) -> Any:
    return n.tensor(np.asarray(array))


def functional(n: ModuleType) -> Any:
    return n.nn.functional


def normalized(n: ModuleType, x: Any) -> Any:
    """Layer norm; PyTorch's own is wrong in higher derivatives."""
    if n is cb:
        return functional(n).layer_norm(x, (3,), constant(n, W[0]), constant(n, W[1]))
    centred = x - x.mean()
    return centred / ((centred * centred).mean() + 1e-5).sqrt() * constant(n, W[0]) + constant(n, W[1])


def solved(n: ModuleType, x: Any) -> Any:
    """PyTorch's solve is wrong when forward mode is differentiated in reverse."""
    matrix = constant(n, A) + n.diag(x)
    return n.linalg.solve(matrix, x * x) if n is cb else n.linalg.inv(matrix) @ (x * x)


def scaled_by_det(n: ModuleType, x: Any) -> Any:
    """PyTorch's determinant is wrong there, too."""
    m = constant(n, A) + n.outer(x, x)
    if n is cb:
        return x * n.linalg.det(m)
    return x * (
        m[0, 0] * (m[1, 1] * m[2, 2] - m[1, 2] * m[2, 1])
        - m[0, 1] * (m[1, 0] * m[2, 2] - m[1, 2] * m[2, 0])
        + m[0, 2] * (m[1, 0] * m[2, 1] - m[1, 1] * m[2, 0])
    )


def unit(n: ModuleType, x: Any) -> Any:
    """PyTorch's norm writes in place where a Hessian is differentiated again."""
    return x / (n.linalg.vector_norm(x) if n is cb else (x * x).sum().sqrt())


def pooled(n: ModuleType, x: Any) -> Any:
    return functional(n).avg_pool1d(functional(n).pad(x * x * x, (1, 1)).reshape(1, 5), 3, 1)[0]


def fourier(n: ModuleType, x: Any) -> Any:
    back = n.fft.irfft(n.fft.rfft(x), n=3)
    return n.fft.fft(x * x).real * n.fft.fft(x).imag + back**2


def convolved(n: ModuleType, x: Any) -> Any:
    found = functional(n).conv1d(x.reshape(1, 1, 3), constant(n, KERNEL), padding=1)
    return (found[0, 0] * n.sin(found[0, 1])).reshape(3)


def written(n: ModuleType, x: Any) -> Any:
    return n.stack([x[1] * x[0], x[2], x[0] ** 3])


def batch_normalized(n: ModuleType, x: Any) -> Any:
    columns = n.stack([x, x * x]).mT
    if n is cb:
        return functional(n).batch_norm(columns, None, None, training=True)[:, 1] * x
    centred = columns - columns.mean(0)
    return (centred / ((centred * centred).mean(0) + 1e-5).sqrt())[:, 1] * x


# Vectors of three to vectors of three.
FUNCTIONS: dict[str, Callable[[ModuleType, Any], Any]] = {
    "matmul": lambda n, x: n.tanh(x @ constant(n, W)) * x,
    "matrix times vector": lambda n, x: n.sin(constant(n, W) @ x),
    "linear": lambda n, x: functional(n).gelu(functional(n).linear(x, constant(n, W), constant(n, W[0]))),
    "reductions": lambda n, x: x * x.sum() + n.exp(-x.mean()) * x.prod() + n.logsumexp(x, 0),
    "extremes": lambda n, x: n.maximum(x, x.mean()) * n.amax(x, 0) + n.amin(x, 0) ** 2,
    "where": lambda n, x: n.where(x > 0.7, n.sin(x), x**3),
    "indexing": lambda n, x: x[constant(n, [2, 0, 1])] * x[1:2] + x[0] ** 2,
    "stack": written,
    "softmax": lambda n, x: n.softmax(x, 0) * x,
    "layer norm": normalized,
    "batch norm": batch_normalized,
    "conv": convolved,
    "cumulative": lambda n, x: n.cumsum(x, 0) * n.cumprod(x, 0),
    "solve": solved,
    "inverse": lambda n, x: n.linalg.inv(constant(n, A) + n.outer(x, x)) @ x,
    "det": scaled_by_det,
    "cholesky": lambda n, x: n.linalg.cholesky(constant(n, A @ A.T) + n.diag(x)).sum(0),
    "fft": fourier,
    "sort": lambda n, x: (n.sort(x) if n is cb else n.sort(x)[0]) * x[0],
    "gather": lambda n, x: n.gather(x, 0, constant(n, [1, 1, 0])) * x,
    "cross entropy": lambda n, x: functional(n).cross_entropy(x, constant(n, 1)) * x,
    "losses": lambda n, x: functional(n).mse_loss(x, x * x, reduction="none") + functional(n).softplus(x),
    "einsum": lambda n, x: n.einsum("i,ij,j->j", x, constant(n, W), n.cos(x)),
    "pad and pool": pooled,
    "elementwise": lambda n, x: n.atan2(x, n.exp(x)) + n.lgamma(x + 1) * n.erf(x) + n.log1p(x) / (1 + x * x),
    "norm": unit,
}  # fmt: skip
# PyTorch's vmap of a gather differentiated twice has a shape of garbage.
PAIRS_ONLY = {"gather"}


def weights(n: ModuleType, y: Any) -> Any:
    count = int(np.prod(tuple(y.shape), dtype=int))
    return constant(n, np.cos(1.0 + np.arange(count)).reshape(tuple(y.shape)))


def total(n: ModuleType, h: Map) -> Map:
    def scalar(x: Any) -> Any:
        y = h(x)
        return (y * weights(n, y)).sum()

    return scalar


def pulled(n: ModuleType, h: Map) -> Map:
    def run(x: Any) -> Any:
        y, back = n.func.vjp(h, x)
        return back(weights(n, y))[0]

    return run


def mapped(n: ModuleType, h: Map) -> Map:
    return lambda x: n.func.vmap(h, out_dims=-1)(x * constant(n, SCALE[:, None]))


TRANSFORMS: dict[str, Callable[[ModuleType, Map], Map]] = {
    "grad": lambda n, h: n.func.grad(total(n, h)),
    "vjp": pulled,
    "jvp": lambda n, h: lambda x: n.func.jvp(h, (x,), (constant(n, DIRECTION),))[1],
    "vmap": mapped,
    "jacrev": lambda n, h: n.func.jacrev(h),
    "jacfwd": lambda n, h: n.func.jacfwd(h),
    "hessian": lambda n, h: n.func.hessian(total(n, h)),
}
PAIRS = list(itertools.product(TRANSFORMS, repeat=2))
TRIPLES = list(itertools.product(TRANSFORMS, repeat=3))


def composed(n: ModuleType, name: str, nesting: tuple[str, ...]) -> Any:
    def function(x: Any) -> Any:
        return FUNCTIONS[name](n, x)

    h: Map = function
    for transform in reversed(nesting):
        h = TRANSFORMS[transform](n, h)
    return h(constant(n, POINT))


def check(torch: ModuleType, name: str, nesting: tuple[str, ...]) -> None:
    expected = composed(torch, name, nesting).numpy(force=True)
    found = composed(cb, name, nesting)
    assert not found.requires_grad
    found = found.numpy()
    assert found.shape == expected.shape, nesting
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9 * scale, err_msg="(".join(nesting))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_and_two_deep(name: str, torch: ModuleType) -> None:
    for nesting in [*((t,) for t in TRANSFORMS), *PAIRS]:
        check(torch, name, nesting)


@pytest.mark.parametrize("outermost", TRANSFORMS)
def test_three_deep(outermost: str, torch: ModuleType) -> None:
    for nesting in [t for t in TRIPLES if t[0] == outermost]:
        check(torch, "matmul", nesting)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in PAIRS_ONLY and name != "matmul"])
def test_some_three_deep(name: str, torch: ModuleType) -> None:
    for nesting in random.Random(name).sample(TRIPLES, 8):
        check(torch, name, nesting)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_on_a_library_whose_arrays_know_no_others(name: str) -> None:
    """There rules run on tensors, since its arrays refuse a wrapped operand on their right."""
    pytest.importorskip("candelabra_strict")
    draw = random.Random(name)
    for nesting in [*draw.sample(PAIRS, 6), *draw.sample(TRIPLES, 2)]:
        expected = composed(cb, name, nesting).numpy()
        with cb.device("strict"):
            found = composed(cb, name, nesting).numpy()
        scale = max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9 * scale, err_msg="(".join(nesting))
