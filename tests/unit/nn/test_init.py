"""Initial values: bounds and moments, shapes that do not fit, and that nothing is recorded."""

from __future__ import annotations

import functools
import math

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn
from candelabra.core.errors import ArgumentError, ShapeError
from candelabra.nn import init


def test_fills() -> None:
    weight = nn.Parameter(cb.empty(2, 3))
    assert init.constant_(weight, 0.5) is weight and weight.is_leaf and weight.requires_grad
    assert weight.tolist() == [[0.5] * 3] * 2
    assert init.ones_(weight).tolist() == [[1.0] * 3] * 2
    assert init.zeros_(weight).tolist() == [[0.0] * 3] * 2
    assert init.eye_(weight).tolist() == np.eye(2, 3).tolist()
    with pytest.raises(ShapeError, match=r"eye_: a matrix is needed"):
        init.eye_(cb.empty(3))


def test_uniform_and_normal() -> None:
    values = init.uniform_(cb.empty(20_000), -2.0, 3.0).numpy()
    assert values.min() >= -2 and values.max() < 3 and values.mean() == pytest.approx(0.5, abs=0.05)
    values = init.normal_(cb.empty(20_000), 1.0, 2.0).numpy()
    assert values.mean() == pytest.approx(1.0, abs=0.06) and values.std() == pytest.approx(2.0, rel=0.03)


def test_generator() -> None:
    half = functools.partial(init.sparse_, sparsity=0.5)
    for function in (
        init.uniform_, init.normal_, init.xavier_uniform_, init.xavier_normal_, init.kaiming_uniform_,
        init.kaiming_normal_, init.trunc_normal_, init.orthogonal_, half,
    ):  # fmt: skip
        one = function(cb.empty(3, 4), generator=cb.Generator().manual_seed(5)).tolist()
        assert function(cb.empty(3, 4), generator=cb.Generator().manual_seed(5)).tolist() == one
        assert function(cb.empty(3, 4), generator=cb.Generator().manual_seed(6)).tolist() != one


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("bounds", [(0.0, 1.0, -2.0, 2.0), (1.0, 2.0, 0.5, 5.0), (0.0, 1.0, -9.0, 9.0)])
def test_trunc_normal(dtype: str, bounds: tuple[float, float, float, float]) -> None:
    mean, std, a, b = bounds
    values = init.trunc_normal_(cb.empty(20_000, dtype=getattr(cb, dtype)), mean, std, a, b).double().numpy()
    assert values.min() >= a and values.max() <= b
    grid = np.linspace(a, b, 4001)
    density = np.exp(-0.5 * ((grid - mean) / std) ** 2)
    density /= density.sum()
    expected = (grid * density).sum()
    assert values.mean() == pytest.approx(expected, abs=0.05)
    assert values.std() == pytest.approx(math.sqrt((density * (grid - expected) ** 2).sum()), rel=0.05)


def test_erfinv_inverts_erf() -> None:
    x = np.linspace(-3.3, 3.3, 201)
    y = np.array([math.erf(v) for v in x])
    np.testing.assert_allclose(init._erfinv(cb.tensor(y)).numpy(), x, rtol=1e-9, atol=1e-9)


def test_fans() -> None:
    linear, kernel = cb.empty(50, 30), cb.empty(16, 8, 3, 3)
    for weight, fan_in, fan_out in ((linear, 30, 50), (kernel, 72, 144)):
        bound = math.sqrt(6 / (fan_in + fan_out))
        values = init.xavier_uniform_(weight).numpy()
        assert 0.9 * bound < np.abs(values).max() <= bound
        assert init.xavier_normal_(weight, 2.0).numpy().std() == pytest.approx(
            2 * math.sqrt(2 / (fan_in + fan_out)), rel=0.12
        )
        bound = math.sqrt(6 / fan_out)
        values = init.kaiming_uniform_(weight, mode="fan_out", nonlinearity="relu").numpy()
        assert 0.9 * bound < np.abs(values).max() <= bound
        assert init.kaiming_normal_(weight, nonlinearity="linear").numpy().std() == pytest.approx(
            math.sqrt(1 / fan_in), rel=0.12
        )


def test_dirac_hands_channels_through() -> None:
    weight = init.dirac_(cb.empty(4, 2, 3, 3), groups=2)
    x = cb.randn(1, 4, 5, 5)
    np.testing.assert_allclose(nn.functional.conv2d(x, weight, padding=1, groups=2).numpy(), x.numpy(), rtol=1e-6)
    with pytest.raises(ArgumentError, match=r"not divisible by groups=3"):
        init.dirac_(cb.empty(4, 2, 3, 3), groups=3)
    with pytest.raises(ShapeError, match=r"3, 4 or 5 axes"):
        init.dirac_(cb.empty(4, 2))


def test_refusals() -> None:
    with pytest.raises(ArgumentError, match=r"unknown nonlinearity 'swish'"):
        init.calculate_gain("swish")
    with pytest.raises(ArgumentError, match=r"the slope of leaky_relu is a number"):
        init.calculate_gain("leaky_relu", "steep")
    with pytest.raises(ShapeError, match=r"at least 2 axes"):
        init.xavier_uniform_(cb.empty(3))
    with pytest.raises(ArgumentError, match=r"'fan_in' or 'fan_out'"):
        init.kaiming_uniform_(cb.empty(3, 3), mode="fan_avg")
    with pytest.raises(ShapeError, match=r"orthogonal_: a tensor of at least 2 axes"):
        init.orthogonal_(cb.empty(3))
    with pytest.raises(ShapeError, match=r"sparse_: a matrix is needed"):
        init.sparse_(cb.empty(3), 0.5)
    assert init.orthogonal_(cb.empty(0, 3)).shape == (0, 3)
    with pytest.warns(UserWarning, match=r"without elements"):
        init.kaiming_normal_(cb.empty(0, 3))
    with pytest.warns(UserWarning, match=r"more than 2 std"):
        init.trunc_normal_(cb.empty(3), mean=9.0)


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4), (6, 2, 2, 1), (2, 3, 4)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_orthogonal(shape: tuple[int, ...], dtype: str) -> None:
    weight = nn.Parameter(cb.empty(*shape, dtype=getattr(cb, dtype)))
    assert init.orthogonal_(weight, 2.0) is weight and weight.is_leaf
    flat = weight.detach().double().numpy().reshape(shape[0], -1)
    product = flat @ flat.T if flat.shape[0] <= flat.shape[1] else flat.T @ flat
    tolerance = {"float32": 1e-5, "float64": 1e-12, "float16": 2e-2}[dtype]
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=tolerance)


def test_orthogonal_is_uniform() -> None:
    # Angles of uniform rotations and reflections of the plane are uniform.
    first = np.stack([init.orthogonal_(cb.empty(2, 2)).numpy() for _ in range(2000)])
    angles = np.arctan2(first[:, 1, 0], first[:, 0, 0])
    counts, _ = np.histogram(angles, bins=8, range=(-np.pi, np.pi))
    assert abs(counts - 250).max() < 75
    assert abs((np.linalg.det(first) > 0).mean() - 0.5) < 0.05


def test_sparse() -> None:
    weight = init.sparse_(cb.empty(40, 300), sparsity=0.11, std=2.0).numpy()
    assert ((weight == 0).sum(0) == math.ceil(0.11 * 40)).all()
    assert weight[weight != 0].std() == pytest.approx(2.0, rel=0.05)
    assert (np.abs((weight == 0).mean(1) - 0.125) < 0.08).all()
    with pytest.raises(ArgumentError, match=r"sparsity is a share between 0 and 1, got 2"):
        init.sparse_(cb.empty(2, 2), 2)


def test_a_mode_in_capitals() -> None:
    assert init.kaiming_uniform_(cb.empty(3, 5), mode="FAN_IN").shape == (3, 5)


def test_uniform_fills_both_parts_of_complex_numbers() -> None:
    layer = nn.Conv1d(8, 64, 5, dtype=cb.complex64)
    assert {p.dtype for p in layer.parameters()} == {cb.complex64}
    for part in (layer.weight.detach().numpy().real, layer.weight.detach().numpy().imag):
        assert np.abs(part).max() <= 1 / np.sqrt(40)
        assert part.std() == pytest.approx(1 / np.sqrt(120), rel=0.1)
    assert layer(cb.ones(2, 8, 7, dtype=cb.complex64)).dtype == cb.complex64
