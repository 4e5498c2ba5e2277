"""The picture of a training run: the learning curve beside a grid of test digits, the wrong ones first and marked.

Drawn with Pillow alone, at twice its size and then reduced, which smooths lines and letters.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .training_demo import History

WIDTH, HEIGHT, SCALE = 1270, 640, 2
INK, FAINT, RULE, PAPER = "#1f2430", "#6d7486", "#e3e6ec", "#ffffff"
LOSS, TRAINING, TEST, WRONG = "#c4621c", "#8fb4d9", "#1c63b0", "#d0312d"
COLUMNS, ROWS, CELL, GAP = 8, 5, 58, 18


@dataclass(frozen=True)
class Picture:
    """What is drawn: per-epoch numbers, and the test images (N × 8 × 8, in [0, 1]) with labels and predictions."""

    title: str
    history: History
    images: Sequence[Sequence[Sequence[float]]]
    labels: Sequence[int]
    predictions: Sequence[int]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a PNG, as a whole or not at all."""
        path = Path(path)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                self.draw().save(file, format="PNG", optimize=True)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise

    def draw(self) -> Any:
        """Return the picture as a `PIL.Image.Image`."""
        from PIL import Image

        image = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), PAPER)
        canvas = Canvas(image)
        wrong = [n for n, (label, guess) in enumerate(zip(self.labels, self.predictions)) if label != guess]
        accuracy = 1 - len(wrong) / len(self.labels)
        canvas.text(40, 28, self.title, 26, INK)
        epochs = len(self.history.losses)
        passes = f"{epochs} epoch" + ("s" if epochs != 1 else "")
        canvas.text(40, 64, f"{accuracy:.2%} of {len(self.labels)} unseen digits recognised after {passes}", 16, FAINT)
        curve(canvas, (92, 140, 560, 330), "mean training loss", [(self.history.losses, LOSS, "")], shares=False)
        curve(
            canvas,
            (92, 400, 560, 580),
            "digits recognised",
            [(self.history.training, TRAINING, "training"), (self.history.test, TEST, "unseen")],
            shares=True,
        )
        grid(canvas, 640, 110, self, wrong)
        return image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


class Canvas:
    """Drawing in the picture's own coordinates, whatever the scale."""

    def __init__(self, image: Any):
        from PIL import ImageDraw

        self.image = image
        self.pen = ImageDraw.Draw(image)

    def text(self, x: float, y: float, text: str, size: int, colour: str, anchor: str = "la") -> None:
        from PIL import ImageFont

        font = ImageFont.load_default(size * SCALE)
        self.pen.text((x * SCALE, y * SCALE), text, colour, font=font, anchor=anchor)

    def line(self, points: Sequence[tuple[float, float]], colour: str, width: float = 1.0) -> None:
        self.pen.line([(x * SCALE, y * SCALE) for x, y in points], colour, round(width * SCALE), joint="curve")

    def dot(self, x: float, y: float, radius: float, colour: str) -> None:
        self.pen.circle((x * SCALE, y * SCALE), radius * SCALE, colour)

    def frame(self, x: float, y: float, size: float, colour: str, width: float) -> None:
        corners = [x * SCALE, y * SCALE, (x + size) * SCALE, (y + size) * SCALE]
        self.pen.rectangle(corners, outline=colour, width=round(width * SCALE))

    def digit(self, x: float, y: float, size: float, rows: Sequence[Sequence[float]]) -> None:
        """Dark ink on white, one square per pixel."""
        from PIL import Image

        grey = bytes(round(255 * (1 - min(1.0, max(0.0, value)))) for row in rows for value in row)
        small = Image.frombytes("L", (len(rows[0]), len(rows)), grey)
        large = small.resize((round(size * SCALE), round(size * SCALE)), Image.Resampling.NEAREST)
        self.image.paste(large, (round(x * SCALE), round(y * SCALE)))


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers that cover [low, high]: multiples of 1, 2 or 5 times a power of ten."""
    span = max(high - low, 1e-9)
    power = 10.0 ** math.floor(math.log10(span / about))
    step = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= about)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


def curve(
    canvas: Canvas,
    box: tuple[float, float, float, float],
    title: str,
    series: Sequence[tuple[Sequence[float], str, str]],
    *,
    shares: bool,
) -> None:
    """Draw lines over epochs 1, 2, … into a box (left, top, right, bottom); shares are written as percentages."""
    left, top, right, bottom = box
    values = [value for numbers, _, _ in series for value in numbers if math.isfinite(value)] or [0.0]
    # A poor first epoch may not squeeze the rest of a share's curve flat, so its scale starts at the lowest value.
    marks = ticks(min(values) if shares else 0.0, max(values))
    low, high = marks[0], marks[-1]
    epochs = len(series[0][0])

    def place(epoch: int, value: float) -> tuple[float, float]:
        along = (epoch - 1) / (epochs - 1) if epochs > 1 else 0.5
        return left + along * (right - left), bottom - (value - low) / (high - low) * (bottom - top)

    write: Callable[[float], str] = (lambda mark: f"{mark:.4g}") if not shares else (lambda m: f"{100 * m:.4g}%")
    for mark in marks:
        if shares and mark > 1 + 1e-9:
            continue
        _, y = place(1, mark)
        canvas.line([(left, y), (right, y)], RULE)
        canvas.text(left - 10, y, write(mark), 13, FAINT, anchor="rm")
    canvas.text(left, top - 30, title, 16, INK)
    for epoch in sorted({1, epochs, *(round(mark) for mark in ticks(1, epochs, 6) if 1 < mark < epochs)}):
        canvas.text(place(epoch, low)[0], bottom + 10, str(epoch), 13, FAINT, anchor="ma")
    canvas.text(right + 20, bottom + 10, "epoch", 13, FAINT, anchor="la")
    offset = 0
    for numbers, colour, name in series:
        points = [place(n, value) for n, value in enumerate(numbers, 1) if math.isfinite(value)]
        if len(points) > 1:
            canvas.line(points, colour, 2.5)
        for x, y in points:
            canvas.dot(x, y, 3.2, colour)
        if name:
            x = right - 150 + offset
            canvas.dot(x, top - 20, 5, colour)
            canvas.text(x + 10, top - 20, name, 14, FAINT, anchor="lm")
            offset += 90


def grid(canvas: Canvas, left: float, top: float, picture: Picture, wrong: Sequence[int]) -> None:
    """Draw test digits under which stands what the model says; the wrong ones come first, in red."""
    places = COLUMNS * ROWS
    shown = list(wrong[:places])
    marked = set(wrong)
    rest = [n for n in range(len(picture.labels)) if n not in marked]
    needed = places - len(shown)
    # Evenly spaced over the test set, since its beginning need not show every class.
    shown += [rest[n * len(rest) // needed] for n in range(min(needed, len(rest)))] if needed else []
    title = f"Unseen digits, {len(wrong)} of {len(picture.labels)} wrong" + (", shown first" if wrong else "")
    canvas.text(left, top, title, 16, INK)
    for place, n in enumerate(shown):
        row, column = divmod(place, COLUMNS)
        x, y = left + column * (CELL + GAP), top + 34 + row * (CELL + 40)
        canvas.digit(x, y, CELL, picture.images[n])
        if n in marked:
            canvas.frame(x - 3, y - 3, CELL + 6, WRONG, 2.5)
            text = f"{picture.predictions[n]}, is {picture.labels[n]}"
            canvas.text(x + CELL / 2, y + CELL + 7, text, 14, WRONG, anchor="ma")
        else:
            canvas.frame(x, y, CELL, RULE, 1)
            canvas.text(x + CELL / 2, y + CELL + 7, str(picture.predictions[n]), 14, FAINT, anchor="ma")
