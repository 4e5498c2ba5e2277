"""An epoch of a data loader with two workers: batches of 38 MB, and the handwritten digits.

The workers are started and ended in each epoch, as is the default. The hand-written step makes the same batches in its
own process.
"""

from __future__ import annotations

from typing import Any

from ..workload import Arrays, Step, Workload

BATCH = 64
POOL = 8
"""Samples that are there already, so that making one costs nothing but the loader's work."""


class Images:
    """A cheap dataset of large samples: an image from a small pool, and its index."""

    def __init__(self, pool: Any, count: int) -> None:
        self.pool, self.count = list(pool), count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.pool[index % len(self.pool)], index


def image_inputs(rng, batches: int = 16, batch: int = BATCH, size: int = 224) -> Arrays:
    return {"pool": rng.random((POOL, 3, size, size), dtype="float32"), "batches": batches, "batch": batch}


def digit_inputs(rng, count: int = 1438, batch: int = BATCH) -> Arrays:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    x = (images[:count] / 16).reshape(-1, 1, 8, 8).astype("float32")
    return {"x": x, "y": labels[:count], "batch": batch}


def images_in_candelabra(arrays: Arrays) -> Step:
    from candelabra.data import DataLoader

    data = Images(arrays["pool"], arrays["batches"] * arrays["batch"])
    loader = DataLoader(data, batch_size=arrays["batch"], num_workers=2)
    return lambda: [corner(x, y) for x, y in loader]


def images_in_torch(arrays: Arrays) -> Step:
    import torch
    from torch.utils.data import DataLoader

    data = Images([torch.tensor(image) for image in arrays["pool"]], arrays["batches"] * arrays["batch"])
    loader = DataLoader(data, batch_size=arrays["batch"], num_workers=2)
    return lambda: [corner(x, y) for x, y in loader]


def images_in_numpy(arrays: Arrays) -> Step:
    import numpy as np

    batch = arrays["batch"]
    data = Images(arrays["pool"], arrays["batches"] * batch)

    def step() -> list[Any]:
        found = []
        for start in range(0, len(data), batch):
            samples = [data[i] for i in range(start, start + batch)]
            found.append(corner(np.stack([x for x, _ in samples]), np.array([y for _, y in samples])))
        return found

    return step


def corner(x: Any, y: Any) -> float:
    """What shows that a batch has come whole: its last number and its labels."""
    return float(x[-1, -1, -1, -1]) + float(y.sum())


def digits_in_candelabra(arrays: Arrays) -> Step:
    import candelabra as cb
    from candelabra.data import DataLoader, TensorDataset

    data = TensorDataset(cb.tensor(arrays["x"]), cb.tensor(arrays["y"]))
    loader = DataLoader(data, batch_size=arrays["batch"], shuffle=True, num_workers=2)
    return lambda: totals(loader)


def digits_in_torch(arrays: Arrays) -> Step:
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    data = TensorDataset(torch.tensor(arrays["x"]), torch.tensor(arrays["y"]))
    loader = DataLoader(data, batch_size=arrays["batch"], shuffle=True, num_workers=2)
    return lambda: totals(loader)


def digits_in_numpy(arrays: Arrays) -> Step:
    import numpy as np

    x, y, batch = arrays["x"], arrays["y"], arrays["batch"]
    rng = np.random.default_rng(0)

    def step() -> list[float]:
        order = rng.permutation(len(y))
        chunks = [order[start : start + batch] for start in range(0, len(y), batch)]
        return totals((x[chunk], y[chunk]) for chunk in chunks)

    return step


def totals(batches: Any) -> list[float]:
    """The sums over an epoch, whatever its order."""
    pixels = labels = 0.0
    for x, y in batches:
        pixels += float(x.sum())
        labels += float(y.sum())
    return [pixels, labels]


WORKLOADS = [
    Workload(
        name="load-38mb",
        title="data loader, 2 workers, 16 batches of 38 MB",
        ceiling=0.5,
        inputs=image_inputs,
        variants={"candelabra": images_in_candelabra, "torch": images_in_torch, "numpy": images_in_numpy},
        small={"batches": 3, "batch": 4, "size": 32},
    ),
    Workload(
        name="load-digits",
        title="data loader, 2 workers, an epoch of digits",
        ceiling=1.0,
        inputs=digit_inputs,
        variants={"candelabra": digits_in_candelabra, "torch": digits_in_torch, "numpy": digits_in_numpy},
        small={"count": 200, "batch": 32},
    ),
]
