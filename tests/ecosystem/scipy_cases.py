"""What the calls of `calls/scipy.txt` speak of: SciPy's modules, arrays, and the directions in which those may go."""

from __future__ import annotations

from typing import Any

import numpy as np


def modules() -> dict[str, Any]:
    """Return what the calls name."""
    from scipy import (
        constants,
        differentiate,
        fft,
        integrate,
        interpolate,
        linalg,
        ndimage,
        optimize,
        signal,
        special,
        stats,
    )
    from scipy.cluster import hierarchy, vq
    from scipy.optimize import elementwise
    from scipy.spatial.transform import RigidTransform, Rotation, Slerp

    return {
        "RigidTransform": RigidTransform, "Rotation": Rotation, "Slerp": Slerp, "constants": constants,
        "differentiate": differentiate, "elementwise": elementwise, "fft": fft, "hierarchy": hierarchy,
        "integrate": integrate, "interpolate": interpolate, "linalg": linalg, "ndimage": ndimage, "np": np,
        "optimize": optimize, "signal": signal, "special": special, "stats": stats, "vq": vq,
    }  # fmt: skip


def inputs() -> dict[str, np.ndarray]:
    """Return the arrays that the calls speak of, far from kinks and ties."""
    from scipy.spatial.transform import RigidTransform, Rotation

    random = np.random.default_rng(7)
    v = random.normal(size=9)
    w = 0.5 * v + random.normal(size=9)
    tree = np.asarray([[0, 1, 0.4, 2], [2, 3, 0.7, 2], [4, 5, 1.1, 3], [6, 7, 1.5, 5.0]])
    times = np.linspace(0.0, 3.0, 9) + 0.05 * random.uniform(size=9)
    knots = np.asarray([0.0, 0, 0, 0, 1.0, 2.1, 3.2, 3.2, 3.2, 3.2])
    vectors = 0.4 * random.normal(size=(4, 3))
    frames = Rotation.from_rotvec(vectors).as_matrix()
    rigid = np.zeros((4, 4, 4))
    rigid[:, :3, :3], rigid[:, :3, 3], rigid[:, 3, 3] = frames, random.normal(size=(4, 3)), 1.0
    twists = 0.3 * random.normal(size=(4, 6))
    square = random.normal(size=(4, 4))
    mask = random.uniform(size=(6, 7)) > 0.4
    labels = np.zeros((6, 7), dtype=np.int64)
    labels[:3, :3], labels[4:, 2:] = 1, 2
    symmetric = np.asarray([0.02, 0.1, 0.3, 1.0, 0.3, 0.1, 0.02])
    return {
        "v": v, "w": w, "p": random.uniform(0.5, 3.0, 9), "q": random.uniform(0.5, 3.0, 9),
        "u": random.uniform(0.1, 0.9, 9), "n": np.arange(3, 12), "ks": np.asarray([1, 2, 1, 3, 4, 2, 5, 6, 2]),
        "m": random.normal(size=(4, 5)), "a": square, "spd": square @ square.T + 4 * np.eye(4),
        "b": random.normal(size=(4, 2)), "c": random.normal(size=(2, 4)), "d": random.normal(size=(2, 2)),
        "series": random.normal(size=64), "other": random.normal(size=48) + 0.3, "odd": random.normal(size=(4, 5)),
        "z": random.normal(size=8) + 1j * random.normal(size=8),
        "zimage": random.normal(size=(6, 7)) + 1j * random.normal(size=(6, 7)),
        "image": random.normal(size=(6, 7)), "mask": mask, "labels": labels,
        "matrix": np.asarray([[0.9, 0.1], [-0.1, 1.1]]), "kernel": random.normal(size=(3, 3)),
        "places": random.uniform(0.5, 4.5, size=(2, 5)), "places2": random.uniform(0.1, 1.0, size=(5, 2)),
        "num": np.asarray([0.4, 0.3, 0.2]), "den": np.asarray([1.0, -0.5, 0.2]), "wn": np.asarray(0.3),
        "roots": np.asarray([-0.3 + 0.4j, -0.3 - 0.4j]), "poles": np.asarray([-0.5 + 0.2j, -0.5 - 0.2j]),
        "real_poles": np.asarray([-1.0, -2.0, -3.0, -4.0]), "freqs": np.asarray([0.3, 0.7, 1.1, 1.9, 2.3]),
        "sos": np.asarray([[0.4, 0.3, 0.2, 1.0, -0.5, 0.2], [0.3, 0.1, 0.2, 1.0, -0.2, 0.1]]),
        "symmetric": symmetric, "bands": np.asarray([0.0, 0.2, 0.3, 0.5]), "gains": np.asarray([1.0, 0.9, 0.1, 0.0]),
        "points": np.asarray([0.0, 0.2, 0.6, 1.0]), "observations": random.normal(size=(12, 2)),
        "picture": random.normal(size=(64, 64)), "p12": random.normal(size=12),
        "tree": tree, "distances": random.uniform(0.5, 2.0, 10),
        "leaders": np.asarray([1, 1, 2, 2, 3]), "low": np.asarray([0.1, 0.2]), "high": np.asarray([1.1, 1.4]),
        "times": times, "knots": knots, "lsq_knots": np.concatenate([[times[0]] * 4, [1.5], [times[-1]] * 4]),
        "vectors": vectors, "quaternions": random.normal(size=(4, 4)), "rigid": rigid, "twists": twists,
        "twists8": RigidTransform.from_exp_coords(twists).as_dual_quat(),
    }  # fmt: skip


def allowed(name: str, array: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Return a direction in which an input may go and stay what it is."""
    if name == "tree":
        direction[:, [0, 1, 3]] = 0
    if name == "sos":
        direction[:, 3] = 0
    if name == "rigid":
        # A rotation stays one.
        direction[:, 3, :] = 0
        turn = direction[:, :3, :3]
        direction[:, :3, :3] = array[:, :3, :3] @ (turn - np.swapaxes(turn, 1, 2))
    if name == "den":
        direction[0] = 0
    if name == "symmetric":
        direction = direction + direction[::-1]
    if name in ("bands", "points"):
        direction[[0, -1]] = 0
    if name in ("roots", "poles"):
        direction = np.asarray([direction[0] + 1j * direction[1], direction[0] - 1j * direction[1]])
    return direction
