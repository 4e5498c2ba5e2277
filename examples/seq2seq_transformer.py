"""A transformer that reads a string of digits and writes it backwards, or sorted.

The strings have different lengths, so that the padding must be masked; the answer is written digit by digit, each from
those before it. In the end one sees where the decoder looked while it wrote: backwards. Run it with
``python examples/seq2seq_transformer.py``; Pillow draws the picture.
"""

import argparse
import math

import candelabra as cb
from candelabra import nn, optim
from candelabra.nn import functional as F

PADDING, START, END = 10, 11, 12
VOCABULARY = 13
SHORTEST = 3


class Translator(nn.Module):
    """Strings (N, S) and the answers so far (N, T) to the logits of each next digit (N, T, VOCABULARY)."""

    def __init__(self, longest: int, width: int, heads: int = 4, layers: int = 2) -> None:
        super().__init__()
        self.digit = nn.Embedding(VOCABULARY, width, padding_idx=PADDING)
        self.place = nn.Parameter(cb.randn(longest + 2, width))
        self.transformer = nn.Transformer(
            width, heads, layers, layers, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.head = nn.Linear(width, VOCABULARY)

    def forward(self, source: cb.Tensor, answer: cb.Tensor) -> cb.Tensor:
        unread = source == PADDING
        future = nn.Transformer.generate_square_subsequent_mask(answer.shape[1])
        x = self.transformer(
            self.embed(source),
            self.embed(answer),
            tgt_mask=future,
            tgt_is_causal=True,
            src_key_padding_mask=unread,
            memory_key_padding_mask=unread,
        )
        return self.head(x)

    def embed(self, tokens: cb.Tensor) -> cb.Tensor:
        return self.digit(tokens) + self.place[: tokens.shape[1]]


def draw_strings(count: int, longest: int, task: str) -> tuple[cb.Tensor, cb.Tensor]:
    """Return random strings (N, longest + 1) with their end marked, and the right answers (N, longest + 2)."""
    lengths = cb.randint(SHORTEST, longest + 1, (count, 1))
    places = cb.arange(longest + 1)
    digits = cb.randint(0, 10, (count, longest + 1))
    # What lies behind the end sorts last, in either order.
    inside = places < lengths
    if task == "sort":
        right = cb.sort(cb.where(inside, digits, PADDING), axis=1)
    else:
        right = cb.take_along_axis(digits, cb.where(inside, lengths - 1 - places, places), axis=1)
    source, right = (
        cb.where(inside, x, cb.where(places == lengths, END, PADDING)) for x in (digits, right)
    )
    return source, cb.concat([cb.full((count, 1), START), right], axis=1)


def translate(model: Translator, source: cb.Tensor) -> cb.Tensor:
    """Write answers (N, S) greedily: each next digit is the likeliest one."""
    answer = cb.full((source.shape[0], 1), START)
    done = cb.zeros((source.shape[0], 1), dtype=cb.bool)
    with cb.no_grad():
        while answer.shape[1] <= source.shape[1] and not bool(done.all()):
            next_digit = model(source, answer)[:, -1:].argmax(axis=-1)
            answer = cb.concat([answer, cb.where(done, PADDING, next_digit)], axis=1)
            done = done | (next_digit == END)
    return F.pad(answer[:, 1:], (0, source.shape[1] + 1 - answer.shape[1]), value=PADDING)


def accuracy(model: Translator, source: cb.Tensor, right: cb.Tensor) -> float:
    """The share of strings whose answer is right from the first digit to the end."""
    model.eval()
    same = translate(model, source) == right[:, 1:]
    model.train()
    return same.all(axis=1).float().mean().item()


def where_it_looks(model: Translator, source: cb.Tensor, answer: cb.Tensor) -> list[list[float]]:
    """The last layer's attention to the string for each digit of the answer, the mean of all heads."""
    attention = model.transformer.decoder.layers[-1].multihead_attn
    seen = []
    handles = [
        attention.register_forward_pre_hook(
            lambda module, args, kwargs: (args, {**kwargs, "need_weights": True}), with_kwargs=True
        ),
        attention.register_forward_hook(lambda module, args, output: seen.append(output[1])),
    ]
    with cb.no_grad():
        model(source, answer)
    for handle in handles:
        handle.remove()
    return seen[0][0].tolist()


def text(tokens: list[int]) -> str:
    return "".join(str(t) for t in tokens[: tokens.index(END)] if t < 10) if END in tokens else "?"


def draw(weights: list[list[float]], source: str, answer: str, losses: list[float], path: str) -> bool:
    """Draw the attention of a string's answer, and the losses."""
    try:
        from PIL import Image
    except ImportError:
        return False
    from candelabra.training_picture import FAINT, HEIGHT, INK, LOSS, PAPER, SCALE, TEST, WIDTH, Canvas

    image = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), PAPER)
    canvas = Canvas(image)
    canvas.text(40, 28, f"{source} becomes {answer}", 26, INK)
    canvas.text(40, 66, "where the decoder looks (across) while it writes (down)", 15, FAINT)
    cell = 440 / max(len(source) + 1, len(answer) + 1)
    blue = [int(TEST[i : i + 2], 16) for i in (1, 3, 5)]
    for i, letter in enumerate(source + "."):
        canvas.text(90 + (i + 0.5) * cell, 112, letter, 18, INK, "mm")
    for j, letter in enumerate(answer + "."):
        canvas.text(70, 130 + (j + 0.5) * cell, letter, 18, INK, "mm")
        for i, weight in enumerate(weights[j][: len(source) + 1]):
            shade = tuple(round(255 + (c - 255) * min(1.0, weight)) for c in blue)
            left, top = (90 + i * cell) * SCALE, (130 + j * cell) * SCALE
            canvas.pen.rectangle([left, top, left + (cell - 2) * SCALE, top + (cell - 2) * SCALE], fill=shade)
    canvas.text(640, 66, "loss", 15, LOSS)
    highest = max(losses)
    width, height = 560 / max(len(losses) - 1, 1), 440
    points = [(640 + n * width, 130 + height * (1 - loss / highest)) for n, loss in enumerate(losses)]
    canvas.line([(640, 130 + height), (1200, 130 + height)], FAINT)
    canvas.line(points, LOSS, 1.5)
    canvas.text(636, 130, f"{highest:.1f}", 14, FAINT, "rm")
    canvas.text(636, 130 + height, "0", 14, FAINT, "rm")
    canvas.text(1200, 140 + height, f"step {len(losses)}", 14, FAINT, "ra")
    image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).save(path)
    return True


def main(argv: list[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=["reverse", "sort"], default="reverse")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--longest", type=int, default=10, help="digits in the longest string")
    parser.add_argument("--width", type=int, default=64, help="of the model")
    parser.add_argument("--picture", default="seq2seq_transformer.png", help="where to draw attention and losses")
    options = parser.parse_args(argv)

    cb.manual_seed(0)
    model = Translator(options.longest, options.width)
    weights = sum(parameter.numel() for parameter in model.parameters())
    print(f"strings of {SHORTEST} to {options.longest} digits; a model of {weights} weights")
    unseen = draw_strings(200, options.longest, options.task)
    optimizer = optim.AdamW(model.parameters(), lr=2e-3)
    warm_up = max(1, options.steps // 20)
    schedule = optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm_up, 0.52 + 0.48 * math.cos(math.pi * step / options.steps))
    )
    losses = []
    for step in range(1, options.steps + 1):
        source, right = draw_strings(options.batch_size, options.longest, options.task)
        logits = model(source, right[:, :-1])
        loss = F.cross_entropy(logits.reshape(-1, VOCABULARY), right[:, 1:].reshape(-1), ignore_index=PADDING)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % 100 == 0 or step == options.steps:
            recent = losses[-100:]
            share = accuracy(model, *unseen)
            print(f"step {step}: loss {sum(recent) / len(recent):.4f}, {share:.1%} of unseen strings right", flush=True)

    share = accuracy(model, *unseen)
    model.eval()
    answers = translate(model, unseen[0]).tolist()
    for source, right, answer in list(zip(unseen[0].tolist(), unseen[1].tolist(), answers))[:5]:
        verdict = "right" if text(answer) == text(right[1:]) else f"wrong, it is {text(right[1:])}"
        print(f"{text(source):>{options.longest}} -> {text(answer)} ({verdict})")
    longest = max(range(200), key=lambda n: unseen[0][n].tolist().index(END))
    source, answer = text(unseen[0][longest].tolist()), text(answers[longest])
    looked = where_it_looks(model, unseen[0][longest : longest + 1], unseen[1][longest : longest + 1, :-1])
    if draw(looked, source, answer, losses, options.picture):
        print(f"where it looked, and the losses, are drawn in {options.picture}")
    else:
        print("not drawn: that takes Pillow (pip install pillow)")
    return {"first": losses[0], "last": sum(losses[-20:]) / len(losses[-20:]), "right": share}


if __name__ == "__main__":
    main()
