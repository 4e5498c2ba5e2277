"""How a function of ours is compared with PyTorch's: values, gradients, and gradients of gradients."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import candelabra as cb
import numpy as np
import pytest

TOLERANCE = {"float64": 1e-10, "float32": 2e-5, "complex128": 1e-10, "complex64": 2e-5}


@pytest.fixture
def compare(torch: ModuleType) -> Callable[..., None]:
    """Compare ``ours(*inputs)`` with ``theirs(torch, *inputs)``."""
    return functools.partial(compare_with, torch)


def compare_with(
    torch: ModuleType,
    ours: Any,
    theirs: Any,
    *inputs: Any,
    order: int = 2,
    dtype: str = "float64",
    tolerance: float = 1.0,
) -> None:
    """Compare values, and gradients up to an order; arrays become tensors, those of floats are differentiated."""
    mine: list[Any] = []
    other: list[Any] = []
    for value in inputs:
        if not isinstance(value, np.ndarray):
            mine.append(value)
            other.append(value)
            continue
        if value.dtype == np.float64:
            value = value.astype(dtype)
        wanted = value.dtype.kind in "fc"
        mine.append(cb.tensor(value, requires_grad=wanted))
        other.append(torch.tensor(value, requires_grad=wanted))
    kinds = [v.dtype.name for v in mine if isinstance(v, cb.Tensor) and v.dtype.name in TOLERANCE]
    tolerance = max((TOLERANCE[k] for k in kinds), default=TOLERANCE["float32"]) * tolerance
    a, b = as_tuple(ours(*mine)), as_tuple(theirs(torch, *other))
    assert len(a) == len(b), f"{len(a)} results, PyTorch has {len(b)}"
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        assert_same(x, y, f"result {i}", tolerance)
    leaves = [(x, y) for x, y in zip(mine, other, strict=True) if isinstance(x, cb.Tensor) and x.requires_grad]
    rng = np.random.default_rng(7)
    for level in range(1, order + 1):
        roots = [(x, y) for x, y in zip(a, b, strict=True) if y.requires_grad]
        if not roots or not leaves:
            return
        seeds = [like(rng, y) for _, y in roots]
        # What PyTorch records although it is constant may be a plain constant here.
        live = [(x, cb.tensor(s)) for (x, _), s in zip(roots, seeds, strict=True) if x.requires_grad]
        unused = {"create_graph": True, "allow_unused": True, "materialize_grads": True}
        wanted = [x for x, _ in leaves]
        zeros = tuple(map(cb.zeros_like, wanted))
        a = cb.grad([x for x, _ in live], wanted, [s for _, s in live], **unused) if live else zeros
        b = torch.autograd.grad([y for _, y in roots], [y for _, y in leaves], list(map(torch.tensor, seeds)), **unused)
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, f"gradient {i} of order {level}", tolerance * 10 ** (level - 1))


def as_tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def host(tensor: Any) -> np.ndarray:
    return np.asarray(tensor.numpy(force=True))


def assert_same(ours: Any, theirs: Any, what: str, tolerance: float) -> None:
    """Compare one tensor: shape, dtype and values, NaN equal to NaN."""
    kind = str(theirs.dtype).removeprefix("torch.")
    assert tuple(ours.shape) == tuple(theirs.shape), f"{what}: shape {ours.shape}, PyTorch's {tuple(theirs.shape)}"
    assert ours.dtype.name == kind, f"{what}: {ours.dtype}, PyTorch's {kind}"
    a, b = host(ours), host(theirs)
    if a.dtype.kind not in "fc":
        np.testing.assert_array_equal(a, b, err_msg=what)
        return
    finite = np.abs(b[np.isfinite(b)])
    scale = max(1.0, float(np.max(finite, initial=0.0)))
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale, err_msg=what)


def like(rng: np.random.Generator, tensor: Any) -> np.ndarray:
    """Return a cotangent for a tensor of PyTorch's."""
    kind = host(tensor).dtype
    value = np.asarray(rng.standard_normal(tuple(tensor.shape)))
    if kind.kind == "c":
        value = value + 1j * rng.standard_normal(tuple(tensor.shape))
    return value.astype(kind)
