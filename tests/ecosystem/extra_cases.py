"""What the calls of `calls/extra.txt` speak of: array-api-extra, and arrays."""

from __future__ import annotations

from typing import Any

import numpy as np


def inputs() -> dict[str, np.ndarray]:
    """Return the arrays that the calls speak of, far from kinks and ties."""
    random = np.random.default_rng(7)
    v = random.normal(size=9)
    gaps = v.copy()
    gaps[[2, 5]] = np.nan
    return {
        "v": v, "w": random.normal(size=9), "p": random.uniform(0.5, 3.0, 9), "m": random.normal(size=(4, 5)),
        "z": random.normal(size=5) + 1j * random.normal(size=5), "k": np.asarray([1, 3, 0, 3, 4]), "gaps": gaps,
    }  # fmt: skip


def modules() -> dict[str, Any]:
    """Return what the calls name."""
    import array_api_extra

    return {"xpx": array_api_extra, "np": np}
