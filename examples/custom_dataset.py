"""A dataset of one's own, made by worker processes while the model learns: shapes drawn at random, then recognised.

Run it with ``python examples/custom_dataset.py``; it needs ``pip install candelabra[demo]`` for the picture that it
leaves in ``shapes.png``: unseen shapes, each with what the model takes it for.
"""

import argparse
import os
import time

import candelabra as cb
import numpy as np
from candelabra import nn, optim
from candelabra.data import DataLoader, Dataset, get_worker_info

SIZE = 16
KINDS = ("circle", "square", "triangle", "cross")


class Shapes(Dataset):
    """Noisy drawings (1, 16, 16) of four kinds of shapes, and the kind's number.

    Sample i is drawn by a generator of its own, so it is the same in every worker and in every run.
    """

    def __init__(self, count: int, seed: int = 0) -> None:
        self.count, self.seed = count, seed

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        rng = np.random.default_rng([self.seed, index])
        kind = int(rng.integers(len(KINDS)))
        rows, columns = np.mgrid[:SIZE, :SIZE] + 0.5
        radius, angle = rng.uniform(4, 6.5), rng.uniform(0, 2 * np.pi)
        row, column = rng.uniform(radius, SIZE - radius, 2)
        along = (columns - column) * np.cos(angle) + (rows - row) * np.sin(angle)
        across = (rows - row) * np.cos(angle) - (columns - column) * np.sin(angle)
        inside = (
            along**2 + across**2 < radius**2,
            np.maximum(abs(along), abs(across)) < 0.8 * radius,
            (across < 0.5 * radius) & (across > 1.8 * abs(along) - radius),
            (np.minimum(abs(along), abs(across)) < radius / 4) & (np.maximum(abs(along), abs(across)) < radius),
        )[kind]
        image = inside * rng.uniform(0.5, 1.0) + rng.normal(0, 0.1, (SIZE, SIZE))
        return image[None].astype(np.float32), kind


def introduce(worker: int) -> None:
    """Called in each worker as it starts: it has its own process, its own copy of the dataset, its own seed."""
    info = get_worker_info()
    print(f"worker {worker} of {info.num_workers}: process {os.getpid()}, {len(info.dataset)} samples", flush=True)


def accuracy(model: nn.Module, loader: DataLoader) -> float:
    """The share of shapes that the model recognises."""
    model.eval()
    with cb.no_grad():
        right = sum((model(images).argmax(axis=1) == kinds).sum().item() for images, kinds in loader)
    model.train()
    return right / len(loader.dataset)


def draw(model: nn.Module, data: Shapes, path: str) -> None:
    """Leave a picture of 24 samples and what the model takes them for; mistakes are in red."""
    from PIL import Image, ImageDraw

    images, kinds = next(iter(DataLoader(data, batch_size=24)))
    model.eval()
    with cb.no_grad():
        guesses = model(images).argmax(axis=1).tolist()
    sheet = Image.new("RGB", (8 * 104, 3 * 124), "white")
    pen = ImageDraw.Draw(sheet)
    for i, (guess, kind) in enumerate(zip(guesses, kinds.tolist())):
        grey = np.clip(images[i, 0].numpy() * 255, 0, 255).astype(np.uint8)
        place = (4 + i % 8 * 104, 4 + i // 8 * 124)
        sheet.paste(Image.fromarray(grey).resize((96, 96), Image.Resampling.NEAREST), place)
        pen.text((place[0] + 2, place[1] + 99), KINDS[guess], fill="black" if guess == kind else "red")
    sheet.save(path)


def main(argv: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--samples", type=int, default=3000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", default="shapes.png")
    options = parser.parse_args(argv)

    cb.manual_seed(0)
    training, unseen = Shapes(options.samples), Shapes(400, seed=1)
    workers = {"num_workers": options.workers, "persistent_workers": options.workers > 0}
    loader = DataLoader(training, batch_size=50, shuffle=True, worker_init_fn=introduce, **workers)
    test_loader = DataLoader(unseen, batch_size=100)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 4 * 4, 64), nn.ReLU(), nn.Linear(64, len(KINDS)),
    )  # fmt: skip
    optimizer = optim.AdamW(model.parameters(), lr=3e-3)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=options.epochs)
    for epoch in range(1, options.epochs + 1):
        start = time.perf_counter()
        for images, kinds in loader:
            loss = nn.functional.cross_entropy(model(images), kinds)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
        seconds = time.perf_counter() - start
        share = accuracy(model, test_loader)
        print(f"epoch {epoch}: last loss {loss.item():.4f}, {share:.1%} of unseen shapes recognised, {seconds:.1f} s")
    draw(model, unseen, options.output)
    print(f"a picture of some of them: {options.output}")
    return share


# Workers import this file: what is below the guard runs in the first process only.
if __name__ == "__main__":
    main()
