"""Every argument of the functions of `cb.func` against torch.func: axes, structures, auxiliary results, chunks."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import func

rng = np.random.default_rng(11)
X, Y, M = rng.standard_normal(3), rng.standard_normal(3), rng.standard_normal((3, 4))
C = rng.standard_normal(3) + 1j * rng.standard_normal(3)
Case = Callable[[ModuleType, Any], Any]


def t(n: ModuleType, a: Any) -> Any:
    return n.tensor(np.asarray(a))


def pair(n: ModuleType) -> dict[str, Any]:
    return {"a": t(n, X), "b": (t(n, Y),)}


def product(d: dict[str, Any]) -> Any:
    return d["a"] ** 2 * d["b"][0]


CASES: dict[str, Case] = {
    "grad of the second": lambda n, f: f.grad(lambda a, b: (a * b * b).sum(), argnums=1)(t(n, X), t(n, Y)),
    "grad of the last": lambda n, f: f.grad(lambda a, b: (a * b * b).sum(), argnums=-1)(t(n, X), t(n, Y)),
    "grad of two": lambda n, f: f.grad(lambda a, b: (a * b * b).sum(), argnums=(1, 0))(t(n, X), t(n, Y)),
    "grad of one in a tuple": lambda n, f: f.grad(lambda a: (a * a).sum(), argnums=(0,))(t(n, X)),
    "grad of a structure": lambda n, f: f.grad(lambda d: product(d).sum())(pair(n)),
    "grad with aux": lambda n, f: f.grad(lambda a: ((a * a).sum(), {"twice": a * 2}), has_aux=True)(t(n, X)),
    "grad with keywords": lambda n, f: f.grad(lambda a, power: (a**power).sum())(t(n, X), power=3),
    "grad of a constant": lambda n, f: f.grad(lambda a: n.ones(()) * 2)(t(n, X)),
    "grad of a complex argument": lambda n, f: f.grad(lambda z: (z * z.conj()).real.sum())(t(n, C)),
    "grad in float32": lambda n, f: f.grad(lambda a: (a * a).sum())(t(n, X.astype("float32"))),
    "grad_and_value": lambda n, f: f.grad_and_value(lambda a: (a * a).sum())(t(n, X)),
    "grad_and_value with aux": lambda n, f: f.grad_and_value(lambda a: ((a * a).sum(), a), has_aux=True)(t(n, X)),
    "vjp": lambda n, f: f.vjp(lambda a, b: a * b, t(n, X), t(n, Y))[1](t(n, Y)),
    "vjp of an unused": lambda n, f: f.vjp(lambda a, b: a * 2, t(n, X), t(n, Y))[1](t(n, Y)),
    "vjp of structures": lambda n, f: f.vjp(lambda d: {"p": product(d), "q": (d["a"].sum(),)}, pair(n))[1](
        {"p": t(n, Y), "q": (n.tensor(2.0, dtype=n.float64),)}
    ),
    "vjp with aux": lambda n, f: f.vjp(lambda a: (a * a, a + 1), t(n, X), has_aux=True)[::2],
    "vjp twice": lambda n, f: [f.vjp(lambda a: a**3, t(n, X))[1](t(n, Y)) for _ in range(2)],
    "vjp of complex": lambda n, f: f.vjp(lambda z: z * z, t(n, C))[1](t(n, C)),
    "vjp kept": lambda n, f: f.vjp(lambda a: a**3, t(n, X))[1](t(n, Y), retain_graph=True, create_graph=False),
    "jvp": lambda n, f: f.jvp(lambda a, b: (a * b, a.sum()), (t(n, X), t(n, Y)), (t(n, Y), t(n, X))),
    "jvp of structures": lambda n, f: f.jvp(product, (pair(n),), (pair(n),)),
    "jvp with aux": lambda n, f: f.jvp(lambda a: (a * a, a + 1), (t(n, X),), (t(n, Y),), has_aux=True),
    "jvp strict": lambda n, f: f.jvp(lambda a: a * a, (t(n, X),), (t(n, Y),), strict=True),
    "jvp of a constant": lambda n, f: f.jvp(lambda a: n.ones(2), (t(n, X),), (t(n, Y),)),
    "jvp of complex": lambda n, f: f.jvp(lambda z: z * z.conj(), (t(n, C),), (t(n, C * 1j),)),
    "linearize": lambda n, f: f.linearize(lambda a, b: a * b, t(n, X), t(n, Y))[1](t(n, Y), t(n, X)),
    "vmap of a nested axis": lambda n, f: f.vmap(lambda d: d["a"] * d["b"], in_dims=({"a": 0, "b": None},))(
        {"a": t(n, X), "b": t(n, Y)}
    ),
    "vmap of None for a dict": lambda n, f: f.vmap(lambda d, v: d["a"].sum() * v, in_dims=(None, 0))(
        {"a": t(n, X)}, t(n, Y)
    ),
    "vmap of an int for a dict": lambda n, f: f.vmap(lambda d: d["a"] * d["b"])({"a": t(n, X), "b": t(n, Y)}),
    "vmap of negative axes": lambda n, f: f.vmap(lambda a, b: a * b, in_dims=(-1, None), out_dims=-1)(
        t(n, M), t(n, X)
    ),
    "vmap out nested": lambda n, f: f.vmap(lambda a: {"p": a, "q": (a * 2,)}, out_dims={"p": 1, "q": (0,)})(t(n, M)),
    "vmap out None": lambda n, f: f.vmap(lambda a: (a * 2, n.ones(2), 3), out_dims=(0, None, None))(t(n, X)),
    "vmap of a constant": lambda n, f: f.vmap(lambda a: n.ones(2))(t(n, X)),
    "vmap with keywords": lambda n, f: f.vmap(lambda a, b: a + b)(t(n, X), b=t(n, Y)),
    "vmap in chunks": lambda n, f: f.vmap(lambda a: (a * 2, a.sum()), out_dims=(-1, 0), chunk_size=2)(t(n, M)),
    "vmap in large chunks": lambda n, f: f.vmap(lambda a: a * 2, chunk_size=9)(t(n, M)),
    "vmap of nothing": lambda n, f: f.vmap(lambda a: a * 2)(t(n, np.zeros((0, 3)))),
    "nested vmap": lambda n, f: f.vmap(f.vmap(lambda a, b: a * b, (0, None)), (None, 0))(t(n, X), t(n, Y)),
    "vmap of complex": lambda n, f: f.vmap(lambda z: (z * z).sum())(t(n, np.stack([C, 2 * C]))),
    "jacrev of structures": lambda n, f: f.jacrev(lambda d: {"p": product(d), "q": d["a"].sum()})(pair(n)),
    "jacrev of two": lambda n, f: f.jacrev(lambda a, b: (a * b, a.sum()), argnums=(1, 0))(t(n, X), t(n, Y)),
    "jacrev in chunks": lambda n, f: f.jacrev(lambda a: (a**3, a[:2]), chunk_size=2)(t(n, X)),
    "jacrev with aux": lambda n, f: f.jacrev(lambda a: (a * a, a.sum()), has_aux=True)(t(n, X)),
    "jacrev of an unused": lambda n, f: f.jacrev(lambda a, b: a * 2, argnums=(0, 1))(t(n, X), t(n, Y)),
    "jacfwd of structures": lambda n, f: f.jacfwd(lambda d: {"p": product(d), "q": d["a"].sum()})(pair(n)),
    "jacfwd of two": lambda n, f: f.jacfwd(lambda a, b: (a * b, a.sum()), argnums=(1, 0))(t(n, X), t(n, Y)),
    "jacfwd with aux": lambda n, f: f.jacfwd(lambda a: (a * a, a.sum()), has_aux=True)(t(n, X)),
    "jacfwd of a matrix": lambda n, f: f.jacfwd(lambda a: a @ a.mT)(t(n, M)),
    "hessian of two": lambda n, f: f.hessian(lambda a, b: (a**2 * b).sum(), argnums=(0, 1))(t(n, X), t(n, Y)),
    "hessian of a structure": lambda n, f: f.hessian(lambda d: product(d).sum())(pair(n)),
}  # fmt: skip


def same(found: Any, expected: Any, where: str) -> None:
    if isinstance(expected, dict):
        assert list(found) == list(expected), where
        for key in expected:
            same(found[key], expected[key], f"{where}[{key!r}]")
    elif isinstance(expected, (tuple, list)):
        assert isinstance(found, type(expected)) and len(found) == len(expected), where
        for i, (f, e) in enumerate(zip(found, expected, strict=True)):
            same(f, e, f"{where}[{i}]")
    elif hasattr(expected, "numpy"):
        assert tuple(found.shape) == tuple(expected.shape), where
        assert f"torch.{found.dtype.name}" == str(expected.dtype), where
        assert not found.requires_grad, where
        theirs = expected.detach().resolve_conj().numpy()
        np.testing.assert_allclose(found.numpy(), theirs, rtol=1e-6, atol=1e-9, err_msg=where)
    else:
        assert found == expected, where


@pytest.mark.parametrize("case", CASES)
def test_the_same_as_torch_func(case: str, torch: ModuleType) -> None:
    same(CASES[case](cb, func), CASES[case](torch, torch.func), case)


def test_every_argument_of_torch_func_is_there(torch: ModuleType) -> None:
    # What each of them does is seen above; PyTorch's own underscored arguments are its business.
    for name in ("grad", "grad_and_value", "vjp", "jvp", "vmap", "jacrev", "jacfwd", "hessian", "linearize",
                 "functional_call", "stack_module_state"):  # fmt: skip
        theirs = [p for p in inspect.signature(getattr(torch.func, name)).parameters if not p.startswith("_")]
        renamed = {"parameter_and_buffer_dicts": "parameters_and_buffers"}
        ours = inspect.signature(getattr(func, name)).parameters
        assert [renamed.get(p, p) for p in theirs if renamed.get(p, p) not in ours] == [], name


def test_every_name_of_torch_func_is_there_or_refused_with_a_reason(torch: ModuleType) -> None:
    for name in dir(torch.func):
        if name.startswith("_") or inspect.ismodule(getattr(torch.func, name)):
            continue
        if not hasattr(func, name):
            with pytest.raises(AttributeError, match=rf"^func\.{name}: .{{20}}"):
                getattr(func, name)


def test_batch_norms_without_statistics(torch: ModuleType) -> None:
    images = rng.standard_normal((2, 4, 3))
    found = []
    for n, functions in ((cb, func), (torch, torch.func)):
        model = n.nn.Sequential(n.nn.BatchNorm1d(3), n.nn.Sequential(n.nn.BatchNorm1d(3))).double()
        assert functions.replace_all_batch_norm_modules_(model) is model
        assert not list(model.buffers())
        found.append(functions.vmap(functions.grad(lambda x, m=model: (m(x) ** 3).sum()))(t(n, images)))
    same(found[0].detach(), found[1], "batch norm")


@pytest.mark.parametrize("chunk_size", [None, 2])
def test_randomness(chunk_size: int | None) -> None:
    points = cb.zeros(5)

    def draw(a: Any) -> Any:
        return a + cb.rand(3)

    cb.manual_seed(3)
    alike = func.vmap(draw, randomness="same", chunk_size=chunk_size)(points)
    assert bool((alike == alike[0]).all())
    different = func.vmap(draw, randomness="different", chunk_size=chunk_size)(points)
    assert len(set(different.flatten().tolist())) == 15
    jacobian = func.jacfwd(lambda a: a * cb.rand(3), randomness="same")(cb.ones(3))
    assert bool((jacobian == cb.diag(cb.diagonal(jacobian))).all())
