"""Initial values against PyTorch's: signatures, gains, fans, distributions, and what is refused."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.nn import init

FILLS = [
    "uniform_", "normal_", "trunc_normal_", "constant_", "ones_", "zeros_", "eye_", "dirac_", "xavier_uniform_",
    "xavier_normal_", "kaiming_uniform_", "kaiming_normal_", "orthogonal_", "sparse_",
]  # fmt: skip
OLD = [name[:-1] for name in FILLS if name not in ("trunc_normal_", "ones_", "zeros_")]


@pytest.mark.parametrize("name", [*FILLS, "calculate_gain"])
def test_the_same_arguments_and_defaults(torch: Any, name: str) -> None:
    ours = inspect.signature(getattr(init, name)).parameters.values()
    theirs = inspect.signature(getattr(torch.nn.init, name)).parameters.values()
    assert [(p.name, p.default, p.kind) for p in ours] == [(p.name, p.default, p.kind) for p in theirs]


@pytest.mark.parametrize("name", OLD)
def test_old_names_warn(torch: Any, name: str) -> None:
    extra = {"constant": (0.5,), "sparse": (0.5,)}.get(name, ())
    shape = (4, 3, 3) if name == "dirac" else (4, 3)
    for library in (cb, torch):
        with pytest.warns(FutureWarning, match=f"{name}_"):
            getattr(library.nn.init, name)(library.empty(shape), *extra)


def test_gains(torch: Any) -> None:
    names = ["linear", "sigmoid", "tanh", "relu", "selu", "leaky_relu"]
    names += [f"conv{kind}{n}d" for kind in ("", "_transpose") for n in (1, 2, 3)]
    for name in names:
        assert init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    for slope in (0, 1, 0.2, -0.3):
        assert init.calculate_gain("leaky_relu", slope) == torch.nn.init.calculate_gain("leaky_relu", slope)


def _pooled(library: Any, name: str, shape: tuple[int, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    fill = getattr(library.nn.init, name)
    drawn = [fill(library.empty(shape), *args, **kwargs).numpy() for _ in range(60)]
    return np.stack(drawn).astype(float).ravel()


@pytest.mark.parametrize("shape", [(20, 30), (12, 5, 3), (8, 6, 3, 2), (4, 6, 2, 2, 3)])
@pytest.mark.parametrize(
    ("name", "args", "kwargs"),
    [
        ("uniform_", (-1.0, 3.0), {}),
        ("normal_", (1.0, 0.5), {}),
        ("trunc_normal_", (0.5, 1.5), {"a": -1.0, "b": 2.5}),
        ("xavier_uniform_", (1.5,), {}),
        ("xavier_normal_", (), {"gain": 0.7}),
        ("kaiming_uniform_", (0.2,), {"mode": "fan_out"}),
        ("kaiming_uniform_", (), {"nonlinearity": "tanh"}),
        ("kaiming_normal_", (), {"nonlinearity": "relu"}),
        ("kaiming_normal_", (0.5, "fan_out"), {}),
        ("orthogonal_", (), {"gain": 1.5}),
    ],
)
def test_distributions(torch: Any, name: str, args: Any, kwargs: Any, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    cb.manual_seed(0)
    ours, theirs = (_pooled(library, name, shape, args, kwargs) for library in (cb, torch))
    slack = 8 * theirs.std() / np.sqrt(theirs.size)
    assert ours.mean() == pytest.approx(theirs.mean(), abs=slack)
    assert ours.std() == pytest.approx(theirs.std(), rel=0.03)
    quantiles = np.linspace(0.05, 0.95, 7)
    spread = np.quantile(theirs, 0.95) - np.quantile(theirs, 0.05)
    np.testing.assert_allclose(np.quantile(ours, quantiles), np.quantile(theirs, quantiles), atol=0.04 * spread)
    if name in ("uniform_", "xavier_uniform_", "kaiming_uniform_", "trunc_normal_"):
        assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=0.02)


@pytest.mark.parametrize("shape", [(4, 2, 3), (6, 3, 3, 4), (4, 2, 3, 2, 5), (3, 5, 3), (8, 1, 3)])
@pytest.mark.parametrize("groups", [1, 2])
def test_dirac_and_eye(torch: Any, shape: tuple[int, ...], groups: int) -> None:
    if shape[0] % groups:
        pytest.skip("does not divide")
    ours = init.dirac_(cb.ones(shape), groups).numpy()
    np.testing.assert_array_equal(ours, torch.nn.init.dirac_(torch.ones(shape), groups).numpy())
    flat = shape[:2]
    np.testing.assert_array_equal(init.eye_(cb.ones(flat)).numpy(), torch.nn.init.eye_(torch.ones(flat)).numpy())


def test_sparse_has_as_many_zeros(torch: Any) -> None:
    for sparsity in (0.0, 0.1, 0.34, 1.0):
        ours = init.sparse_(cb.empty(7, 50), sparsity).numpy()
        theirs = torch.nn.init.sparse_(torch.empty(7, 50), sparsity).numpy()
        np.testing.assert_array_equal((ours == 0).sum(0), (theirs == 0).sum(0))


@pytest.mark.parametrize(
    ("name", "shape", "args"),
    [
        ("xavier_uniform_", (3,), ()), ("xavier_normal_", (3,), ()), ("kaiming_uniform_", (3,), ()),
        ("kaiming_normal_", (3, 3), (0, "fan_avg")), ("kaiming_uniform_", (3, 3), (0, "fan_in", "swish")),
        ("orthogonal_", (3,), ()), ("sparse_", (3,), (0.5,)), ("eye_", (3,), ()), ("dirac_", (3, 3), ()),
        ("dirac_", (4, 2, 3), (3,)),
    ],
)  # fmt: skip
def test_what_pytorch_refuses_is_refused_and_changes_nothing(
    torch: Any, name: str, shape: tuple[int, ...], args: tuple[Any, ...]
) -> None:
    tensor = cb.ones(shape)
    with pytest.raises(ValueError):
        getattr(torch.nn.init, name)(torch.ones(shape), *args)
    with pytest.raises(cb.CandelabraError):
        getattr(init, name)(tensor, *args)
    assert (tensor.numpy() == 1).all()


def test_tensors_without_elements_warn_as_pytorch_does(torch: Any) -> None:
    for name in ("kaiming_uniform_", "kaiming_normal_"):
        for library in (cb, torch):
            with pytest.warns(UserWarning):
                getattr(library.nn.init, name)(library.empty(0, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert init.orthogonal_(cb.empty(3, 0)).shape == (3, 0)
