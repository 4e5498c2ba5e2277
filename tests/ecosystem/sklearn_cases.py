"""What the calls of `calls/sklearn.txt` speak of: scikit-learn's estimators and metrics, and data."""

from __future__ import annotations

from typing import Any

import numpy as np

# What an optimizer stops at.
TOLERANCES = {"CalibratedClassifierCV": 1e-6}
# The temperature is a Python number.
PARTIAL = frozenset({"CalibratedClassifierCV"})


def inputs() -> dict[str, np.ndarray]:
    """Return the arrays that the calls speak of: observations, labels, targets, counts, and guesses of them."""
    random = np.random.default_rng(7)
    x = random.normal(size=(30, 3)) * np.asarray([2.0, 1.0, 0.5])
    y = np.arange(30) % 3
    x[:, 0] += y
    t = x @ np.asarray([1.0, -0.5, 2.0]) + 0.3 * random.normal(size=30)
    return {
        "x": x, "y": y, "t": t, "c": random.poisson(3.0, 30) + 1.0, "guess": 0.3 * (t + 0.5 * random.normal(size=30)),
        "other": (y + (random.uniform(size=30) > 0.7)) % 3, "score": random.normal(size=30) + y,
        "binary": (y > 0).astype(np.int64), "share": random.uniform(0.1, 0.9, 30),
        "positive": random.uniform(0.5, 3.0, (6, 4)),
    }  # fmt: skip


def of(fitted: Any, *names: str) -> list[Any]:
    """Return attributes of an estimator."""
    return [getattr(fitted, name) for name in names]


def modules() -> dict[str, Any]:
    """Return what the calls name; from here on scikit-learn takes arrays of any library."""
    import sklearn
    from sklearn import (
        calibration,
        decomposition,
        discriminant_analysis,
        kernel_approximation,
        linear_model,
        metrics,
        mixture,
        model_selection,
        naive_bayes,
        pipeline,
        preprocessing,
    )

    sklearn.set_config(array_api_dispatch=True)
    homes = [
        preprocessing, calibration, pipeline, mixture, naive_bayes, model_selection, linear_model, kernel_approximation,
        discriminant_analysis, decomposition,
    ]  # fmt: skip
    found = {name: getattr(home, name) for home in homes for name in vars(home)}
    return {**found, "metrics": metrics, "of": of, "np": np}
