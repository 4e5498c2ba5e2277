"""`candelabra.autograd.functional` does what `torch.autograd.functional` does."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.core.errors import ArgumentError, ArgumentTypeError, AutogradError, ShapeError

rng = np.random.default_rng(0)
X, Y, M = rng.standard_normal(3), rng.standard_normal((2, 3)), rng.standard_normal((3, 3))
# Functions of one tensor or several, with one result or several.
FUNCTIONS: dict[str, tuple[Any, tuple[np.ndarray, ...]]] = {
    "one of one": (lambda x: x**3 + x.sum(), (X,)),
    "a matrix of one": (lambda y: y.T @ y, (Y,)),
    "one of two": (lambda x, y: y @ x * x.sum(), (X, Y)),
    "two of one": (lambda x: (x.sin(), x.sum() * x[:2]), (X,)),
    "two of two": (lambda x, y: (y @ x, (x * x).sum()), (X, Y)),
    "one left out": (lambda x, y: x * 2, (X, Y)),
    "a constant": (lambda x: x.detach() * 2, (X,)),
}
SCALARS: dict[str, tuple[Any, tuple[np.ndarray, ...]]] = {
    "of one": (lambda x: (x**3).sum() + x.prod(), (X,)),
    "of two": (lambda x, y: ((y @ x) ** 2).sum() * x[0], (X, Y)),
    "linear": (lambda x: x.sum(), (X,)),
    "of a matrix": (lambda m: (m @ m).sum().exp() * 1e-3, (M,)),
}


def given(library: Any, arrays: tuple[np.ndarray, ...], wanted: bool = False) -> Any:
    made = tuple(library.tensor(a, requires_grad=wanted) for a in arrays)
    return made if len(made) > 1 else made[0]


def same(ours: Any, theirs: Any) -> None:
    assert isinstance(ours, (tuple, list)) == isinstance(theirs, (tuple, list))
    if isinstance(theirs, (tuple, list)):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
        return
    assert tuple(ours.shape) == tuple(theirs.shape) and ours.dtype.name == str(theirs.dtype)[6:]
    np.testing.assert_allclose(ours.numpy(force=True), theirs.numpy(force=True), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("vectorize", [False, True])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_jacobian(torch: ModuleType, name: str, vectorize: bool) -> None:
    function, arrays = FUNCTIONS[name]
    ours = cb.autograd.functional.jacobian(function, given(cb, arrays), vectorize=vectorize)
    same(ours, torch.autograd.functional.jacobian(function, given(torch, arrays)))
    if vectorize:
        ours = cb.autograd.functional.jacobian(function, given(cb, arrays), vectorize=True, strategy="forward-mode")
        same(ours, torch.autograd.functional.jacobian(function, given(torch, arrays)))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_products(torch: ModuleType, name: str) -> None:
    function, arrays = FUNCTIONS[name]
    results = function(*[torch.tensor(a) for a in arrays])
    shapes = [tuple(r.shape) for r in results] if isinstance(results, tuple) else [tuple(results.shape)]
    seeds = tuple(np.asarray(rng.standard_normal(s)) for s in shapes)
    tangents = tuple(np.asarray(rng.standard_normal(a.shape)) for a in arrays)
    for product, vectors in (("vjp", seeds), ("jvp", tangents)):
        ours, theirs = (getattr(library.autograd.functional, product) for library in (cb, torch))
        same(
            ours(function, given(cb, arrays), given(cb, vectors)),
            theirs(function, given(torch, arrays), given(torch, vectors)),
        )


@pytest.mark.parametrize("vectorize", [False, True])
@pytest.mark.parametrize("name", SCALARS)
def test_hessian(torch: ModuleType, name: str, vectorize: bool) -> None:
    function, arrays = SCALARS[name]
    expected = torch.autograd.functional.hessian(function, given(torch, arrays))
    same(cb.autograd.functional.hessian(function, given(cb, arrays), vectorize=vectorize), expected)
    if vectorize:
        options = {"vectorize": True, "outer_jacobian_strategy": "forward-mode"}
        same(cb.autograd.functional.hessian(function, given(cb, arrays), **options), expected)


@pytest.mark.parametrize("product", ["vhp", "hvp"])
@pytest.mark.parametrize("name", SCALARS)
def test_products_with_the_hessian(torch: ModuleType, name: str, product: str) -> None:
    function, arrays = SCALARS[name]
    vectors = tuple(np.asarray(rng.standard_normal(a.shape)) for a in arrays)
    ours, theirs = (getattr(library.autograd.functional, product) for library in (cb, torch))
    same(
        ours(function, given(cb, arrays), given(cb, vectors)),
        theirs(function, given(torch, arrays), given(torch, vectors)),
    )


@pytest.mark.parametrize("name", ["jacobian", "hessian", "vjp", "jvp", "vhp", "hvp"])
def test_results_are_differentiated_again(torch: ModuleType, name: str) -> None:
    found = []
    for library in (cb, torch):
        x = library.tensor(X, requires_grad=True)
        function = (lambda x: (x**4).sum()) if name in ("hessian", "vhp", "hvp") else (lambda x: x**3)
        vectors = () if name in ("hessian", "jacobian") else (library.tensor(Y[0]),)
        run = getattr(library.autograd.functional, name)
        made = run(function, x, *vectors, create_graph=True)
        (made if isinstance(made, library.Tensor) else made[1]).sum().backward()
        found.append(x.grad)
        kept = run(function, x, *vectors)
        assert not (kept if isinstance(kept, library.Tensor) else kept[1]).requires_grad
    same(*found)


@pytest.mark.parametrize("name", ["jacobian", "vjp", "jvp"])
def test_strict(torch: ModuleType, name: str) -> None:
    for library, error in ((cb, AutogradError), (torch, RuntimeError)):
        vectors = {"vjp": (library.ones(3),), "jvp": ((library.ones(3), library.ones(3)),)}.get(name, ())
        run = getattr(library.autograd.functional, name)
        with pytest.raises(error):
            run(lambda x, y: x * 2, (library.ones(3), library.ones(3)), *vectors, strict=True)


def test_what_is_refused() -> None:
    f = cb.autograd.functional
    with pytest.raises(ArgumentTypeError, match="jacobian: the inputs are a Tensor or a tuple of them, got float"):
        f.jacobian(lambda x: x, 1.0)
    with pytest.raises(ArgumentTypeError, match="vjp: the function returns a Tensor or a tuple of them, got float"):
        f.vjp(lambda x: 1.0, cb.ones(2))
    with pytest.raises(ArgumentError, match="vjp: v is needed unless there is a single tensor of one element"):
        f.vjp(lambda x: x, cb.ones(2))
    with pytest.raises(ArgumentError, match="jvp: v has 2 tensors where 1 are needed"):
        f.jvp(lambda x: x, cb.ones(2), (cb.ones(2), cb.ones(2)))
    with pytest.raises(ShapeError, match=r"hvp: v\[0\] has shape \(3,\), and its tensor \(2,\)"):
        f.hvp(lambda x: x.sum(), cb.ones(2), cb.ones(3))
    with pytest.raises(ShapeError, match=r"hessian: the function must return one element, its result has shape \(2,\)"):
        f.hessian(lambda x: x, cb.ones(2))
    with pytest.raises(ArgumentError, match='jacobian: strategy is "reverse-mode" or "forward-mode", got \'both\''):
        f.jacobian(lambda x: x, cb.ones(2), strategy="both")
    with pytest.raises(ArgumentError, match='strategy="forward-mode" needs vectorize=True'):
        f.jacobian(lambda x: x, cb.ones(2), strategy="forward-mode")
    with pytest.raises(AutogradError, match="vjp: strict=True, and nothing that is returned depends on input 0"):
        f.vjp(lambda x: cb.ones(2), cb.ones(2), cb.ones(2), strict=True)
