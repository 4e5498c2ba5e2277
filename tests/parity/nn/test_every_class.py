"""Every class of `nn` is compared with PyTorch's, with every argument at a value that is not its default."""

from __future__ import annotations

import functools
import inspect
import warnings
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn
from layer_cases import give, listed

# Checked for all classes at once, below.
FACTORY = {"device", "dtype"}
# PyTorch's past: checked once, for all losses.
DEPRECATED = {"size_average", "reduce"}
# Neither layers nor losses; they have tests of their own.
OTHERS = {"Module", "Parameter", "Buffer", "LinearCrossEntropyOptions"}


@functools.cache
def cases() -> dict[str, list[Any]]:
    table: dict[str, list[Any]] = {}
    for case in listed("CASES"):
        table.setdefault(case[0], []).append(case)
    return table


@functools.cache
def refusals() -> list[Any]:
    return listed("REFUSALS")


CLASSES = sorted(n for n in nn.__all__ if inspect.isclass(getattr(nn, n)) and n not in OTHERS)


@pytest.mark.parametrize("name", CLASSES)
def test_every_argument_has_a_case(name: str) -> None:
    signature = inspect.signature(getattr(nn, name))
    unseen = set(signature.parameters) - FACTORY - DEPRECATED
    entries = [case[1:3] for case in cases().get(name, [])]
    assert entries, f"nn.{name} is compared with nothing: add a case"
    for args, kwargs in [*entries, *(r[1:3] for r in refusals() if r[0] == name)]:
        bound = signature.bind(*args, **kwargs)
        for argument, value in bound.arguments.items():
            parameter = signature.parameters[argument]
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                unseen.discard(argument)
                continue
            default = parameter.default
            same = type(value) is type(default) and not isinstance(value, np.ndarray) and value == default
            if not same:
                unseen.discard(argument)
    assert not unseen, f"nn.{name}: no case has {', '.join(sorted(unseen))} at a value that is not its default"


@pytest.mark.parametrize("name", CLASSES)
def test_the_same_arguments_and_defaults(torch: Any, name: str) -> None:
    ours = list(inspect.signature(getattr(nn, name)).parameters.values())
    theirs = list(inspect.signature(getattr(torch.nn, name)).parameters.values())
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in theirs):
        return
    assert [p.name for p in ours] == [p.name for p in theirs]
    for one, other in zip(ours, theirs):
        assert one.kind == other.kind, one.name
        assert one.default == other.default or callable(one.default), one.name


def test_nothing_of_pytorch_is_missing_without_a_reason(torch: Any) -> None:
    theirs = {n for n in vars(torch.nn) if inspect.isclass(getattr(torch.nn, n)) and n[0] != "_"}
    missing = theirs - set(nn.__all__)
    for name in sorted(missing):
        with pytest.raises(AttributeError, match=rf"nn\.{name}: "):
            getattr(nn, name)


@pytest.mark.parametrize("name", CLASSES)
def test_parameters_take_a_dtype_and_a_device(name: str) -> None:
    cls = getattr(nn, name)
    if not set(inspect.signature(cls).parameters) & FACTORY or name not in cases():
        return
    for _, args, kwargs, *_ in cases()[name]:
        layer = cls(*give(cb, args), **{**give(cb, kwargs), "dtype": cb.float64, "device": "cpu"})
        kinds = {p.dtype for p in layer.parameters()}
        assert kinds <= {cb.float64}, kinds


@pytest.mark.parametrize("index", range(len(refusals())))
def test_what_is_refused_is_named(index: int) -> None:
    name, args, kwargs, pattern = refusals()[index]
    with pytest.raises(cb.CandelabraError, match=pattern):
        getattr(nn, name)(*give(cb, args), **give(cb, kwargs))


def _fresh(library: Any, case: Any) -> dict[str, np.ndarray]:
    name, args, kwargs = case[:3]
    layer = getattr(library.nn, name)(*give(library, args), **give(library, kwargs))
    return {k: v.numpy() for k, v in layer.state_dict().items()}


@pytest.mark.parametrize("name", CLASSES)
def test_initial_distribution(torch: Any, name: str) -> None:
    """The mean, the standard deviation and the bounds of every parameter over many draws agree."""

    torch.manual_seed(0)
    for case in cases().get(name, [])[:3]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            other = [_fresh(torch, case)]
            if not other[0]:
                return
            other += [_fresh(torch, case) for _ in range(39)]
            one = [_fresh(cb, case) for _ in range(40)]
        for key in other[0]:
            a, b = (np.stack([s[key] for s in many]).astype(float).ravel() for many in (one, other))
            if np.ptp(b) == 0:
                np.testing.assert_allclose(a, b, err_msg=key)
                continue
            assert a.std() == pytest.approx(b.std(), rel=0.25), key
            assert abs(a.mean() - b.mean()) < 9 * b.std() / np.sqrt(a.size) + 1e-9, key
            assert np.abs(a).max() == pytest.approx(np.abs(b).max(), rel=0.45 if np.ptp(b) > 2.5 else 0.25), key
