"""Every layer under the transformations: `vmap` against a loop, forward mode against reverse mode."""

from __future__ import annotations

from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.core.errors import TransformError
from layer_cases import draw, flat, give, listed, materialize

# What they compute depends on values that a hidden axis does not show.
DATA_DEPENDENT = {"AdaptiveLogSoftmaxWithLoss", "CTCLoss", "EmbeddingBag"}
# Their inputs must stay probabilities.
PROBABILITIES = {"BCELoss", "KLDivLoss", "PoissonNLLLoss", "GaussianNLLLoss"}


def eligible() -> list[tuple[Any, ...]]:
    found = []
    for name, args, kwargs, inputs, *rest in listed("CASES"):
        values = [materialize(v, 3 * i) for i, v in enumerate(inputs)]
        plain = bool(values) and all(isinstance(v, np.ndarray) for v in values)
        if plain and not rest[:1] and not kwargs.get("inplace") and name not in DATA_DEPENDENT:
            found.append((name, args, kwargs, values))
    return found


CASES = eligible()


def made(case: tuple[Any, ...]) -> Any:
    name, args, kwargs, _ = case
    return getattr(cb.nn, name)(*give(cb, list(args)), **give(cb, kwargs)).double().eval()


every_case = pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])


def test_there_is_something_to_run() -> None:
    assert len(CASES) > 100


@pytest.mark.filterwarnings("ignore")
@every_case
def test_vmap(case: tuple[Any, ...]) -> None:
    if case[2].get("max_norm"):
        # It writes the rows that a sample names back, into the weight that all share.
        with pytest.raises(TransformError, match=r"was written in place .* with a value of each sample's own"):
            cb.vmap(made(case))(cb.stack([cb.tensor(case[3][0])] * 2))
        return
    layer = made(case)
    scale = 1.0 if case[0] in PROBABILITIES else 1.5
    samples = [[cb.tensor(v * s if v.dtype.kind == "f" else v) for v in case[3]] for s in (1.0, scale)]
    expected = [flat(layer(*values)) for values in samples]
    stacked = [cb.stack(list(pair)) for pair in zip(*samples)]
    found = flat(cb.vmap(lambda *xs: layer(*xs))(*stacked))
    assert len(found) == len(expected[0])
    for i, together in enumerate(found):
        apart = cb.stack([outputs[i] for outputs in expected])
        np.testing.assert_allclose(together.detach().numpy(), apart.detach().numpy(), rtol=1e-7, atol=1e-8)


@pytest.mark.filterwarnings("ignore")
@every_case
def test_forward_mode(case: tuple[Any, ...]) -> None:
    """The tangent's product with a cotangent is the pullback's with the tangent."""
    layer = made(case)
    values = [cb.tensor(v) for v in case[3]]
    places = [i for i, v in enumerate(values) if v.dtype.is_floating_point]

    def first(*some: Any) -> Any:
        everything = list(values)
        for i, x in zip(places, some):
            everything[i] = x
        return flat(layer(*everything))[0]

    primals = tuple(values[i] for i in places)
    if not primals or not first(*primals).dtype.is_floating_point:
        return
    tangents = tuple(cb.tensor(draw(tuple(p.shape), 9 + i)) for i, p in enumerate(primals))
    out, tangent = cb.func.jvp(first, primals, tangents)
    _, pullback = cb.func.vjp(first, *primals)
    cotangent = cb.tensor(draw(tuple(out.shape), 11))
    forward = (tangent * cotangent).sum().item()
    reverse = sum((g * t).sum().item() for g, t in zip(pullback(cotangent), tangents))
    assert forward == pytest.approx(reverse, rel=1e-6, abs=1e-7)
