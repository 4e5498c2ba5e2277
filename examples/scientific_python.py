"""Differentiate through SciPy and scikit-learn: their functions take Tensors, and what they compute is recorded.

Two programs in one:

- a cloud of points has been turned by a rotation that is to be found. `scipy.spatial.transform.Rotation` turns the
  points, and gradient descent finds the rotation vector, with a loss that shrugs at outliers, which the closed form of
  least squares (`Rotation.align_vectors`) does not;
- a ridge regression of scikit-learn is the last layer of a network. Its fit has a closed form, so the network learns
  the features with which a regression fitted on one half of a batch predicts the other half.

Run it with ``python examples/scientific_python.py``; it needs ``pip install candelabra[ecosystem]``.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

# SciPy reads it when it is imported.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

import candelabra as cb
import sklearn
from candelabra import nn, optim
from scipy import special, stats
from scipy.spatial.transform import Rotation
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score


def angle(one: Rotation, other: Rotation) -> float:
    """Return the angle between two rotations in degrees."""
    return float((one * other.inv()).magnitude().item()) * 57.29577951308232


def find_rotation(steps: int) -> dict[str, float]:
    """Turn points by a rotation, spoil some of them, and find it again by least squares and by a robust loss."""
    cb.manual_seed(0)
    true = Rotation.from_rotvec(cb.asarray([0.6, -1.1, 0.4]))
    points = cb.randn(60, 3)
    seen = true.apply(points) + 0.02 * cb.randn(60, 3)
    seen[:12] += 2.0 * cb.rand(12, 3)
    least_squares, _ = Rotation.align_vectors(seen, points)

    vector = cb.zeros(3, requires_grad=True)
    optimizer = optim.Adam([vector], lr=0.05)
    for _ in range(steps):
        away = cb.linalg.vector_norm(Rotation.from_rotvec(vector).apply(points) - seen, axis=1)
        loss = special.xlog1py(1.0, (away / 0.1) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = Rotation.from_rotvec(vector.detach())
    return {"least_squares": angle(least_squares, true), "robust": angle(found, true)}


def fit_then_predict(features: cb.Tensor, target: cb.Tensor, unseen: cb.Tensor) -> cb.Tensor:
    """Fit a ridge regression and predict with it; differentiable with respect to the features and the target."""
    with sklearn.config_context(array_api_dispatch=True):
        return Ridge(alpha=1.0, solver="svd").fit(features, target).predict(unseen)


def learn_features(steps: int) -> dict[str, float]:
    """Train the layers below a ridge regression on the diabetes data, and compare with the regression alone."""
    cb.manual_seed(0)
    data = load_diabetes()
    x = stats.zscore(cb.asarray(data.data), axis=0)
    y = stats.zscore(cb.asarray(data.target))
    order = cb.randperm(len(y))
    train, test = order[:300], order[300:]
    plain = r2_score(y[test].numpy(), fit_then_predict(x[train], y[train], x[test]).numpy())

    body = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Dropout(0.2), nn.Linear(16, 6))
    optimizer = optim.AdamW(body.parameters(), lr=3e-3, weight_decay=0.05)
    first = last = 0.0
    for step in range(steps):
        shuffled = train[cb.randperm(len(train))]
        fitted, held_out = shuffled[:150], shuffled[150:]
        predicted = fit_then_predict(body(x[fitted]), y[fitted], body(x[held_out]))
        loss = nn.functional.mse_loss(predicted, y[held_out])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        first, last = (loss.item() if step == 0 else first), loss.item()
    body.eval()
    with cb.no_grad():
        learned = r2_score(y[test].numpy(), fit_then_predict(body(x[train]), y[train], body(x[test])).numpy())
    return {"plain": plain, "learned": learned, "first": first, "last": last}


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    options = parser.parse_args(argv)
    # SciPy's constants are of the default dtype.
    cb.set_default_dtype(cb.float64)
    found = {**find_rotation(options.steps), **learn_features(options.steps)}
    print(f"a rotation, one point in five spoilt: least squares are off by {found['least_squares']:.2f} degrees,")
    print(f"a robust loss and gradients through SciPy by {found['robust']:.2f}")
    print(f"ridge regression of unseen patients: R2 {found['plain']:.3f}, with learned features {found['learned']:.3f}")
    return found


if __name__ == "__main__":
    main()
