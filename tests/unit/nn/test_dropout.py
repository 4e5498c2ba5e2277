"""What the noise of each dropout is: how often, where, how scaled, and the same for the gradient."""

from __future__ import annotations

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn
from candelabra.core.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from candelabra.nn import functional as F

LAYERS = {
    "Dropout": (6, 5, 4), "Dropout1d": (6, 5, 4), "Dropout2d": (6, 5, 4, 3), "Dropout3d": (6, 5, 2, 2, 3),
    "AlphaDropout": (6, 5, 4), "FeatureAlphaDropout": (6, 5, 4, 2),
}  # fmt: skip
ALPHA = ("AlphaDropout", "FeatureAlphaDropout")
# Over which axes the mask is one number.
WHOLE = {"Dropout1d": (2,), "Dropout2d": (2, 3), "Dropout3d": (2, 3, 4), "FeatureAlphaDropout": (2, 3)}
SATURATION = -1.7580993408473766


@pytest.fixture(autouse=True)
def seeded():
    cb.manual_seed(7)


def affine(p):
    """The factor and the term of alpha dropout."""
    a = ((1 - p) * (1 + p * SATURATION**2)) ** -0.5
    return a, -a * SATURATION * p


def kept_by(name, x, y, p):
    """Which elements were kept, after checking that each is exactly one of the two values it may be."""
    x, y = x.numpy(), y.numpy()
    if name in ALPHA:
        a, b = affine(p)
        one, other = a * x + b, np.full_like(x, a * SATURATION + b)
    else:
        one, other = x / (1 - p), np.zeros_like(x)
    kept = np.isclose(y, one, rtol=1e-6)
    assert np.all(kept | np.isclose(y, other, rtol=1e-6, atol=1e-7))
    return kept


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("name", LAYERS)
def test_how_often_where_and_how_scaled(name, p):
    shape = (60, 70, *LAYERS[name][2:])
    x = cb.rand(*shape, dtype=cb.float64) + 3
    kept = kept_by(name, x, getattr(nn, name)(p)(x), p)
    over = WHOLE.get(name, ())
    if over:
        assert np.array_equal(kept.all(over), kept.any(over))
        kept = kept.all(over)
    # Five standard deviations of the mean of independent draws.
    assert abs(kept.mean() - (1 - p)) < 5 * np.sqrt(p * (1 - p) / kept.size)
    rows = kept.reshape(60, -1)
    assert len(np.unique(rows, axis=0)) == 60, "samples share a mask"


@pytest.mark.parametrize("name", LAYERS)
def test_the_gradient_uses_the_same_mask(name):
    x = (cb.rand(*LAYERS[name], dtype=cb.float64) + 3).requires_grad_()
    y = getattr(nn, name)(0.4)(x)
    y.sum().backward()
    kept = kept_by(name, x.detach(), y.detach(), 0.4)
    factor = affine(0.4)[0] if name in ALPHA else 1 / 0.6
    np.testing.assert_allclose(x.grad.numpy(), kept * factor)


@pytest.mark.parametrize("name", LAYERS)
def test_evaluation_is_the_identity(name):
    x = cb.rand(*LAYERS[name])
    layer = getattr(nn, name)(0.4, inplace=True).eval()
    assert layer(x) is x
    assert getattr(nn, name)(0.0)(x) is x


@pytest.mark.parametrize("p", [0.2, 0.5])
@pytest.mark.parametrize("name", ["Dropout", *ALPHA])
def test_the_mean_is_kept_and_for_alpha_the_variance(name, p):
    x = cb.randn(400, 500, dtype=cb.float64)
    y = getattr(nn, name)(p)(x).numpy()
    assert abs(y.mean()) < 0.02
    if name in ALPHA:
        assert y.var() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("name", ["Dropout", "Dropout1d", "Dropout2d", "Dropout3d"])
def test_in_place_the_input_takes_the_result(name):
    x = cb.ones(*LAYERS[name])
    layer = getattr(nn, name)(0.5, inplace=True)
    assert layer(x) is x
    assert set(np.unique(x.numpy())) == {0.0, 2.0}


@pytest.mark.parametrize("name", ["alpha_dropout", "feature_alpha_dropout"])
def test_functions_of_alpha_dropout_in_place(name):
    x = cb.ones(20, 30)
    assert getattr(F, name)(x, 0.5, True, True) is x
    assert len(np.unique(x.numpy())) == 2


@pytest.mark.parametrize("name", LAYERS)
def test_the_same_seed_gives_the_same_mask(name):
    x = cb.rand(*LAYERS[name])
    layer = getattr(nn, name)(0.5)
    cb.manual_seed(3)
    one, other = layer(x), layer(x)
    cb.manual_seed(3)
    np.testing.assert_array_equal(layer(x).numpy(), one.numpy())
    assert not np.array_equal(one.numpy(), other.numpy())


@pytest.mark.parametrize("name", LAYERS)
def test_each_sample_of_vmap_draws_for_itself(name):
    shape = LAYERS[name][1:] if name in ("Dropout", "AlphaDropout") else LAYERS[name]
    layer = getattr(nn, name)(0.5)
    x = cb.ones(30, *shape)
    different = cb.func.vmap(layer, randomness="different")(x).numpy().reshape(30, -1)
    assert len(np.unique(different, axis=0)) > 20
    same = cb.func.vmap(layer, randomness="same")(x).numpy().reshape(30, -1)
    assert len(np.unique(same, axis=0)) == 1


@pytest.mark.parametrize("name", LAYERS)
def test_bad_probabilities_and_dtypes(name):
    layer = getattr(nn, name)
    for p in (-0.1, 1.1, float("nan")):
        with pytest.raises(ArgumentError, match=f"{name}: p is a probability between 0 and 1"):
            layer(p)
    with pytest.raises(ArgumentTypeError, match=f"{name}: p is a number"):
        layer("half")
    with pytest.raises(DTypeError, match="floating-point"):
        layer(0.5)(cb.ones(*LAYERS[name], dtype=cb.int64))


def test_shapes_that_are_warned_of_or_refused():
    with pytest.raises(ShapeError, match=r"dropout1d: an input of shape \(N, C, L\) or \(C, L\)"):
        F.dropout1d(cb.ones(2, 3, 4, 5))
    with pytest.warns(UserWarning, match=r"dropout2d: .* is taken for \(N, C, L\)"):
        F.dropout2d(cb.ones(2, 3, 4))
    with pytest.warns(UserWarning, match=r"dropout3d: an input of shape \(N, C, D, H, W\)"):
        F.dropout3d(cb.ones(2, 3, 4))
    with pytest.raises(ShapeError, match="feature_alpha_dropout: at least"):
        F.feature_alpha_dropout(cb.ones(2), 0.5, True)


def test_channels_of_one_sample():
    y = F.dropout1d(cb.ones(200, 3), 0.5).numpy()
    assert np.array_equal(y.all(1), y.any(1)) and 0 < y[:, 0].mean() < 2
    y = F.dropout3d(cb.ones(200, 3, 2, 2), 0.5).numpy()
    assert np.array_equal(y.all((1, 2, 3)), y.any((1, 2, 3)))


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("name", LAYERS)
def test_the_dtype_is_kept(name, kind):
    x = cb.ones(*LAYERS[name]).to(getattr(cb, kind))
    assert getattr(nn, name)(0.5)(x).dtype.name == kind
