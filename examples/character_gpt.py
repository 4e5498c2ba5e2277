"""A small GPT that learns to write Python's documentation, one character at a time.

The text is `pydoc_data.topics`, which every Python brings along. Run it with ``python examples/character_gpt.py``.
"""

import argparse
import math
from pydoc_data.topics import topics

import candelabra as cb
from candelabra import nn, optim
from candelabra.nn import functional as F

CONTEXT = 64


class SelfAttention(nn.Module):
    """Attention of each character to those before it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: cb.Tensor) -> cb.Tensor:
        batch, length, width = x.shape
        split = self.project(x).reshape(batch, length, 3, self.heads, width // self.heads)
        q, k, v = split.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(mixed.permute(0, 2, 1, 3).reshape(batch, length, width))


class Block(nn.Module):
    """Attention and a feed-forward network, each on a normalised copy of the stream that it adds to."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width), SelfAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: cb.Tensor) -> cb.Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.feed_forward(self.norm2(x))


class GPT(nn.Module):
    """Characters (N, T) to the logits of the next one (N, T, vocabulary)."""

    def __init__(self, vocabulary: int, width: int = 96, heads: int = 4, layers: int = 3) -> None:
        super().__init__()
        self.character = nn.Embedding(vocabulary, width)
        self.position = nn.Parameter(0.02 * cb.randn(CONTEXT, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        nn.init.normal_(self.character.weight, std=0.02)

    def forward(self, characters: cb.Tensor) -> cb.Tensor:
        x = self.character(characters) + self.position[: characters.shape[1]]
        return self.head(self.norm(self.blocks(x)))


def write(model: GPT, alphabet: str, start: str, length: int, temperature: float = 0.8) -> str:
    """Continue `start` by drawing one character after another."""
    place = {character: n for n, character in enumerate(alphabet)}
    text = [place[character] for character in start]
    with cb.no_grad():
        for _ in range(length):
            logits = model(cb.tensor([text[-CONTEXT:]]))[0, -1]
            text.append(cb.multinomial(cb.softmax(logits / temperature, axis=-1), 1).item())
    return "".join(alphabet[n] for n in text)


def main(argv: list[str] | None = None) -> list[float]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--sample", type=int, default=400, help="characters to write in the end")
    options = parser.parse_args(argv)

    cb.manual_seed(0)
    text = "\n".join(topics.values())
    alphabet = "".join(sorted(set(text)))
    place = {character: n for n, character in enumerate(alphabet)}
    data = cb.tensor([place[character] for character in text])
    offsets = cb.arange(CONTEXT + 1)

    model = GPT(len(alphabet))
    weights = sum(parameter.numel() for parameter in model.parameters())
    print(f"{len(text)} characters, {len(alphabet)} different ones; a model of {weights} weights")
    print(f"a guess without any knowledge has a loss of {math.log(len(alphabet)):.2f}")
    optimizer = optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.95), weight_decay=0.1)
    warm_up = max(1, options.steps // 20)
    schedule = optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / warm_up, 0.55 + 0.45 * math.cos(math.pi * step / options.steps)),
    )
    losses = []
    for step in range(1, options.steps + 1):
        starts = cb.randint(0, len(data) - CONTEXT, (options.batch_size, 1))
        windows = data[starts + offsets]
        logits = model(windows[:, :-1])
        loss = F.cross_entropy(logits.reshape(-1, len(alphabet)), windows[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % 50 == 0 or step == options.steps:
            recent = losses[-50:]
            print(f"step {step}: loss {sum(recent) / len(recent):.3f}", flush=True)

    print("\n" + write(model, alphabet, "The ", options.sample))
    return losses


if __name__ == "__main__":
    main()
