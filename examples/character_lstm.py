"""An LSTM that learns a small language, one character at a time, and is marked on its grammar.

The language is made up: a dozen words, in which a verb agrees with its subject although another noun may stand between
them ("the dog that the cats see runs home."). So it is known how well a model can do at best, and which of the
sentences that it writes are right. Run it with ``python examples/character_lstm.py``; Pillow draws the picture.
"""

import argparse
import math
import random
import re

import candelabra as cb
from candelabra import nn, optim
from candelabra.nn import functional as F

NOUNS = ["dog", "cat", "child", "bird"]
TRANSITIVE = ["see", "hear", "follow"]
INTRANSITIVE = ["run", "sing", "sleep"]
PLACES = ["home", "away", "here", "in the garden"]
CONTEXT = 64


def plural(noun: str) -> str:
    return "children" if noun == "child" else noun + "s"


class Language:
    """Writes sentences, and counts the information that its choices hold."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.nats = 0.0

    def choose(self, options: list[str]) -> str:
        self.nats += math.log(len(options))
        return self.random.choice(options)

    def subject(self) -> tuple[str, bool]:
        noun = self.choose(NOUNS)
        many = self.choose(["one", "many"]) == "many"
        return "the " + (plural(noun) if many else noun), many

    def verb(self, words: list[str], many: bool) -> str:
        return self.choose(words) + ("" if many else "s")

    def sentence(self) -> str:
        subject, many = self.subject()
        if self.choose(["plain", "clause"]) == "clause":
            other, others = self.subject()
            subject += f" that {other} {self.verb(TRANSITIVE, others)}"
        return f"{subject} {self.verb(INTRANSITIVE, many)} {self.choose(PLACES)}.\n"

    def write(self, characters: int) -> str:
        text: list[str] = []
        while sum(map(len, text)) < characters:
            text.append(self.sentence())
        return "".join(text)


def grammar() -> re.Pattern[str]:
    """Return a pattern of all right sentences."""
    nouns = {False: "|".join(NOUNS), True: "|".join(map(plural, NOUNS))}

    def with_verb(words: list[str], many: bool) -> str:
        return f"(?:{'|'.join(words)}){'' if many else 's'}"

    clauses = "|".join(f"the (?:{nouns[many]}) {with_verb(TRANSITIVE, many)}" for many in (False, True))
    whole = "|".join(
        f"the (?:{nouns[many]})(?: that (?:{clauses}))? {with_verb(INTRANSITIVE, many)}" for many in (False, True)
    )
    return re.compile(rf"(?:{whole}) (?:{'|'.join(PLACES)})\.")


class Model(nn.Module):
    """Characters (N, T) and states to the logits of the next character (N, T, vocabulary), and the new states."""

    def __init__(self, vocabulary: int, hidden: int, layers: int = 1) -> None:
        super().__init__()
        self.character = nn.Embedding(vocabulary, 24)
        self.recurrent = nn.LSTM(24, hidden, num_layers=layers, batch_first=True)
        self.head = nn.Linear(hidden, vocabulary)

    def forward(self, characters, states=None):
        read, states = self.recurrent(self.character(characters), states)
        return self.head(read), states


def write(model: Model, alphabet: str, length: int, temperature: float = 1.0) -> str:
    """Draw one character after another; the states remember all that stands before."""
    text, states = "\n", None
    with cb.no_grad():
        for _ in range(length):
            logits, states = model(cb.tensor([[alphabet.index(text[-1])]]), states)
            chances = cb.softmax(logits[0, -1] / temperature, axis=-1)
            text += alphabet[cb.multinomial(chances, 1).item()]
    return text[1:]


def draw(losses: list[float], bound: float, path: str) -> bool:
    """Draw the losses and what the language itself allows; say whether Pillow is there to do it."""
    try:
        from PIL import Image
    except ImportError:
        return False
    from candelabra.training_picture import FAINT, HEIGHT, INK, LOSS, PAPER, RULE, SCALE, TEST, WIDTH, Canvas, ticks

    image = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), PAPER)
    canvas = Canvas(image)
    left, top, right, bottom = 92.0, 120.0, WIDTH - 60.0, HEIGHT - 70.0
    marks = ticks(0.0, max(losses))

    def place(step: float, loss: float) -> tuple[float, float]:
        along = step / max(1, len(losses) - 1)
        return left + along * (right - left), bottom - loss / marks[-1] * (bottom - top)

    canvas.text(40, 28, "An LSTM learns a language, one character at a time", 26, INK)
    caption = "loss in nats per character, over the steps of training, whose texts begin anywhere in a sentence"
    canvas.text(40, 64, caption, 16, FAINT)
    for mark in marks:
        canvas.line([place(0, mark), place(len(losses) - 1, mark)], RULE)
        canvas.text(left - 10, place(0, mark)[1], f"{mark:.4g}", 13, FAINT, anchor="rm")
    for step in ticks(0, len(losses) - 1):
        if step < len(losses):
            canvas.text(place(step, 0)[0], bottom + 10, f"{step:.0f}", 13, FAINT, anchor="ma")
    canvas.line([place(n, loss) for n, loss in enumerate(losses)], LOSS, 2.0)
    canvas.line([place(0, bound), place(len(losses) - 1, bound)], TEST, 2.0)
    canvas.text(right, place(0, bound)[1] + 5, f"the language's own entropy, {bound:.3f}", 14, TEST, anchor="ra")
    image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).save(path)
    return True


def main(argv: list[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--hidden", type=int, default=128, help="size of the LSTM's state")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--sample", type=int, default=600, help="characters to write in the end")
    parser.add_argument("--picture", default="character_lstm.png", help="where to draw the losses")
    options = parser.parse_args(argv)

    cb.manual_seed(0)
    language = Language(seed=0)
    text = language.write(100_000)
    bound = language.nats / len(text)
    alphabet = "".join(sorted(set(text)))
    data, unseen = (
        cb.tensor([alphabet.index(character) for character in part])
        for part in (text, Language(seed=1).write(20_000))
    )
    offsets = cb.arange(CONTEXT + 1)

    model = Model(len(alphabet), options.hidden)
    weights = sum(parameter.numel() for parameter in model.parameters())
    print(f"{len(text)} characters, {len(alphabet)} different ones; a model of {weights} weights")
    print(f"the best that is possible is a loss of {bound:.3f}, a perplexity of {math.exp(bound):.3f}")
    optimizer = optim.Adam(model.parameters(), lr=5e-3)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=options.steps)
    losses: list[float] = []
    for step in range(1, options.steps + 1):
        starts = cb.randint(0, len(data) - CONTEXT, (options.batch_size, 1))
        windows = data[starts + offsets]
        logits, _ = model(windows[:, :-1])
        loss = F.cross_entropy(logits.reshape(-1, len(alphabet)), windows[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % 50 == 0 or step == options.steps:
            recent = losses[-50:]
            mean = sum(recent) / len(recent)
            bar = "#" * (20 * step // options.steps)
            print(f"[{bar:<20}] step {step}: loss {mean:.3f}, perplexity {math.exp(mean):.3f}", flush=True)

    with cb.no_grad():
        # One long sequence: the states know where in a sentence they are, as they do when writing.
        logits, _ = model(unseen[None, :-1])
        final = F.cross_entropy(logits[0], unseen[1:]).item()
    print(f"on unseen text: loss {final:.3f}, perplexity {math.exp(final):.3f}")
    written = write(model, alphabet, options.sample)
    sentences = written.split("\n")[:-1]
    right = [bool(grammar().fullmatch(sentence)) for sentence in sentences]
    print(f"\n{written}\n")
    print(f"{sum(right)} of {len(right)} sentences are right")
    if draw(losses, bound, options.picture):
        print(f"the losses are drawn in {options.picture}")
    else:
        print("Pillow is not installed, so the losses are not drawn")
    share = sum(right) / len(right) if right else 0.0
    return {"first": losses[0], "unseen": final, "possible": bound, "right": share}


if __name__ == "__main__":
    main()
