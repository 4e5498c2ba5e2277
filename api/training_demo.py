"""What ``candelabra train digits`` does: train on real handwritten digits, and show how it went.

It is written as a user would write it, on the public interface alone.
"""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .core.errors import MissingDependencyError


@dataclass(frozen=True)
class Settings:
    """The command line's options."""

    device: str = "cpu"
    model: str = "cnn"
    epochs: int = 12
    batch_size: int = 64
    lr: float = 3e-3
    seed: int = 0
    output: str | os.PathLike[str] = "runs/digits"


@dataclass
class History:
    """One number per epoch: mean training loss, and the shares of training and test digits that are recognised.

    The training accuracy is that of the batches as they come, with dropout on and the weights of the moment.
    """

    losses: list[float] = field(default_factory=list)
    training: list[float] = field(default_factory=list)
    test: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Result:
    """What a training run leaves behind."""

    accuracy: float
    history: History
    model_file: Path
    picture_file: Path


def build_model(name: str) -> Any:
    """Return the network: a CNN on (N, 1, 8, 8) images, or an MLP on the same images flattened."""
    from . import nn

    if name == "mlp":
        return nn.Sequential(
            nn.Flatten(),
            nn.Linear(64, 128),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(128, 128),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(128, 10),
        )
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(64 * 4 * 4, 10),
    )


def demanded(module: str) -> Any:
    """Import an optional library of the extra `demo`."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        name = {"PIL": "pillow", "sklearn": "scikit-learn"}.get(module, module)
        raise MissingDependencyError(
            f"train digits: it needs {name}, which is not installed; pip install candelabra[demo]"
        ) from error


def predicted(model: Any, images: Any) -> Any:
    """Return the class that a model in evaluation mode gives each image, int64."""
    from . import argmax, inference_mode

    model.eval()
    with inference_mode():
        return argmax(model(images), axis=1)


def train(settings: Settings) -> Result:
    """Train, print a line per epoch, write the model and the picture.

    The folder is made at once; no file is written before the training has ended, and then each as a whole.

    Raises
    ------
    MissingDependencyError
        scikit-learn, tqdm or pillow is not installed.
    DeviceError
        The device is not there.
    """
    tqdm = demanded("tqdm").tqdm
    demanded("PIL")
    demanded("sklearn")
    from . import argmax, manual_seed, nn, optim, save
    from .data import DataLoader, Digits
    from .training_picture import Picture

    manual_seed(settings.seed)
    model = build_model(settings.model).to(settings.device)
    digits, unseen = Digits(train=True), Digits(train=False)
    loader = DataLoader(digits, batch_size=settings.batch_size, shuffle=True, device=settings.device)
    test_images, test_labels = unseen.images.to(settings.device), unseen.labels.to(settings.device)
    folder = Path(settings.output)
    folder.mkdir(parents=True, exist_ok=True)

    optimizer = optim.AdamW(model.parameters(), lr=settings.lr, weight_decay=1e-2)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=settings.epochs * len(loader))
    history = History()
    width = len(str(settings.epochs))
    with tqdm(total=settings.epochs * len(loader), unit="batch", leave=False, disable=None, file=sys.stderr) as bar:
        for epoch in range(1, settings.epochs + 1):
            model.train()
            loss_sum, right = 0.0, 0
            for images, labels in loader:
                logits = model(images)
                loss = nn.functional.cross_entropy(logits, labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                loss_sum += loss.item() * len(labels)
                right += int((argmax(logits.detach(), axis=1) == labels).sum().item())
                bar.update()
            history.losses.append(loss_sum / len(digits))
            history.training.append(right / len(digits))
            predictions = predicted(model, test_images)
            history.test.append(int((predictions == test_labels).sum().item()) / len(unseen))
            bar.write(
                f"epoch {epoch:{width}}/{settings.epochs}  loss {history.losses[-1]:.4f}  "
                f"accuracy {history.training[-1]:7.2%}  on unseen digits {history.test[-1]:7.2%}",
                file=sys.stdout,
            )

    picture = Picture(
        title=f"{settings.model.upper()} on handwritten digits",
        history=history,
        images=unseen.images.reshape((-1, 8, 8)).tolist(),
        labels=unseen.labels.tolist(),
        predictions=predictions.tolist(),
    )
    model_file, picture_file = folder / "model.safetensors", folder / "training.png"
    save(model.state_dict(), model_file)
    picture.save(picture_file)
    return Result(history.test[-1], history, model_file, picture_file)
