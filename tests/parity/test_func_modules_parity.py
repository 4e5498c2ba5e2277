"""`linearize`, and ensembles of modules under `vmap`, against torch.func."""

from __future__ import annotations

from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import func, nn
from candelabra.core.errors import ArgumentError, ArgumentTypeError, ShapeError

rng = np.random.default_rng(3)
X, Y = rng.standard_normal(4), rng.standard_normal((3, 4))
TANGENTS = [(rng.standard_normal(4), rng.standard_normal((3, 4))) for _ in range(3)]


def near(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-9, atol=1e-10)


def test_linearize(torch: Any) -> None:
    def f(library: Any) -> Any:
        return lambda x, y: {"a": library.sin(x) * y, "b": (y @ x).sum()}

    calls = []

    def counted(x: Any, y: Any) -> Any:
        calls.append(1)
        return f(cb)(x, y)

    out, push = func.linearize(counted, cb.tensor(X), cb.tensor(Y))
    theirs, their_push = torch.func.linearize(f(torch), torch.tensor(X), torch.tensor(Y))
    for name in out:
        near(out[name], theirs[name])
    for dx, dy in TANGENTS:
        found, expected = push(cb.tensor(dx), cb.tensor(dy)), their_push(torch.tensor(dx), torch.tensor(dy))
        for name in found:
            near(found[name], expected[name])
            assert not found[name].requires_grad
    assert len(calls) == 1


def test_linearize_nests() -> None:
    """Under `vmap` over tangents, and differentiated in its point and in its tangent."""
    x = cb.tensor(X)
    _, push = func.linearize(lambda v: cb.exp(v) * v.sum(), x)
    basis = cb.eye(4, dtype=cb.float64)
    near(cb.vmap(push)(basis).mT, func.jacfwd(lambda v: cb.exp(v) * v.sum())(x))

    def slope(v: Any) -> Any:
        return func.linearize(lambda u: (u**3).sum(), v)[1](cb.ones_like(v))

    near(func.grad(slope)(x), cb.tensor(6 * X))
    near(func.grad(lambda t: (push(t) ** 2).sum())(x), 2 * (push(x) @ cb.vmap(push)(basis).mT))


def test_linearize_refuses() -> None:
    _, push = func.linearize(cb.sin, cb.tensor(X))
    with pytest.raises(ArgumentTypeError, match="1 primals want as many tangents, got 2"):
        push(cb.tensor(X), cb.tensor(X))
    with pytest.raises(ShapeError, match=r"tangent has shape \(3, 4\), its primal \(4,\)"):
        push(cb.tensor(Y))


def models(library: Any, count: int = 3) -> list[Any]:
    made = []
    for number in range(count):
        layers = library.nn
        model = layers.Sequential(layers.Linear(4, 5), layers.BatchNorm1d(5), layers.Tanh(), layers.Linear(5, 2))
        model = model.double().eval()
        for i, p in enumerate(model.parameters()):
            values = np.random.default_rng(10 * number + i).standard_normal(tuple(p.shape))
            with library.no_grad():
                p.copy_(library.tensor(values))
        made.append(model)
    return made


def test_an_ensemble(torch: Any) -> None:
    found = []
    for library, functions in ((cb, func), (torch, torch.func)):
        several = models(library)
        parameters, buffers = functions.stack_module_state(several)
        batch = library.tensor(Y)

        def loss(p: Any, b: Any, functions: Any = functions, several: Any = several, batch: Any = batch) -> Any:
            return (functions.functional_call(several[0], (p, b), (batch,)) ** 2).sum()

        together = functions.vmap(functions.grad_and_value(loss) if library is torch else func.value_and_grad(loss))
        first, second = together(parameters, buffers)
        gradients, values = (first, second) if library is torch else (second, first)
        found.append((parameters, buffers, gradients, values, several, loss))
    (ours, our_buffers, our_gradients, our_values, several, _), (theirs, their_buffers, gradients, values, *_) = found
    assert list(ours) == list(theirs) and list(our_buffers) == list(their_buffers)
    near(our_values, values)
    for name in ours:
        assert ours[name].is_leaf and ours[name].requires_grad
        near(ours[name], theirs[name])
        near(our_gradients[name], gradients[name])
    near(our_values[1], (several[1](cb.tensor(Y)) ** 2).sum())


def test_what_does_not_stack_is_refused() -> None:
    with pytest.raises(ArgumentError, match="at least one model"):
        func.stack_module_state([])
    with pytest.raises(ArgumentError, match="training mode"):
        func.stack_module_state([nn.Linear(2, 2), nn.Linear(2, 2).eval()])
    with pytest.raises(ArgumentError, match="one class, got Linear, Conv2d"):
        func.stack_module_state([nn.Linear(2, 2), nn.Conv2d(1, 1, 1)])
    with pytest.raises(ShapeError, match=r"weight must stand in every model with shape \(2, 2\)"):
        func.stack_module_state([nn.Linear(2, 2), nn.Linear(3, 2)])
    with pytest.raises(ShapeError, match="bias"):
        func.stack_module_state([nn.Linear(2, 2), nn.Linear(2, 2, bias=False)])
    frozen = nn.Linear(2, 2)
    frozen.weight.requires_grad_(False)
    with pytest.raises(ArgumentError, match="weight requires gradients in some"):
        func.stack_module_state([nn.Linear(2, 2), frozen])
