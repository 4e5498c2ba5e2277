"""A convolutional autoencoder that squeezes handwritten digits through a few numbers and draws them again.

Run it with ``python examples/autoencoder.py``; it needs ``pip install candelabra[demo]`` for the images. Beside the
losses it leaves a picture: above, digits that it has not seen; below, what it makes of them.
"""

import argparse
import struct
import zlib
from pathlib import Path

import candelabra as cb
from candelabra import nn, optim
from candelabra.data import DataLoader, Digits

COLUMNS, SCALE, GAP = 12, 8, 6


class Autoencoder(nn.Module):
    """Images (N, 1, 8, 8) to codes (N, code) and back to images."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(32 * 2 * 2, code),
        )
        self.decoder = nn.Sequential(
            nn.Linear(code, 32 * 2 * 2),
            nn.SiLU(),
            nn.Unflatten(1, (32, 2, 2)),
            nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, images: cb.Tensor) -> cb.Tensor:
        return self.decoder(self.encoder(images))


def error(model: nn.Module, images: cb.Tensor) -> float:
    """The mean squared error of what the model draws."""
    with cb.no_grad():
        return nn.functional.mse_loss(model(images), images).item()


def save_picture(path: Path, rows: list[cb.Tensor]) -> None:
    """Write images in [0, 1], one row of them for each tensor (COLUMNS, 1, 8, 8), as a PNG of grey pixels."""
    lines: list[bytes] = []
    for images in rows:
        if lines:
            lines += [b"\0" + b"\xff" * (len(lines[0]) - 1)] * GAP
        shades = (255 - images * 255).round().to(cb.uint8).permute(2, 0, 1, 3).reshape(8, -1).tolist()
        for line in shades:
            wide = bytes(shade for shade in line for _ in range(SCALE))
            lines += [b"\0" + wide] * SCALE
    width, height = len(lines[0]) - 1, len(lines)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packed = zlib.compress(b"".join(lines))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    )


def main(argv: list[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--code", type=int, default=8, help="how many numbers a digit is squeezed into")
    parser.add_argument("--picture", type=Path, default=Path("autoencoder.png"), help="where to save the picture")
    options = parser.parse_args(argv)

    cb.manual_seed(0)
    training, unseen = Digits(train=True), Digits(train=False)
    loader = DataLoader(training, batch_size=64, shuffle=True)
    model = Autoencoder(options.code)
    optimizer = optim.AdamW(model.parameters(), lr=4e-3)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=options.epochs)
    # Who draws the same mean digit each time makes this error.
    blank = nn.functional.mse_loss(training.images.mean(axis=0).expand(unseen.images.shape), unseen.images).item()
    print(f"the mean digit: error {blank:.4f}")
    for epoch in range(1, options.epochs + 1):
        for images, _ in loader:
            loss = nn.functional.mse_loss(model(images), images)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
        print(f"epoch {epoch}: last loss {loss.item():.4f}, error on unseen digits {error(model, unseen.images):.4f}")
    found = {"blank": blank, "unseen": error(model, unseen.images)}
    print(f"{options.code} numbers of 64 keep {1 - found['unseen'] / blank:.0%} of what sets digits apart")
    with cb.no_grad():
        shown = unseen.images[:COLUMNS]
        save_picture(options.picture, [shown, model(shown)])
    print(f"digits and what became of them are drawn in {options.picture}")
    return found


if __name__ == "__main__":
    main()
