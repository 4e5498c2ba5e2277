"""One graph over several devices: an embedding, an encoder and a head, each with another library, trained together."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn, optim


def at(name: str) -> cb.device:
    return cb.device(name).resolved()


class Mixed(nn.Module):
    """Sequences of words to classes; each part computes where its parameters are."""

    def __init__(self, places: tuple[str, str, str], checkpointed: bool = False) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 16).to(places[0])
        layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).to(places[1])
        self.head = nn.Sequential(nn.LayerNorm(16), nn.Linear(16, 3)).to(places[2])
        self.places, self.checkpointed = [at(p) for p in places], checkpointed

    def forward(self, words: cb.Tensor) -> cb.Tensor:
        h = self.embedding(words).to(self.places[1])
        h = cb.checkpoint(self.encoder, h) if self.checkpointed else self.encoder(h)
        return self.head(h.mean(axis=1).to(self.places[2]))


def run(places: tuple[str, str, str], steps: int = 5, **options: Any) -> tuple[list[float], list[Any], Mixed]:
    cb.manual_seed(0)
    model = Mixed(places, **options)
    optimizer = optim.AdamW(model.parameters(), lr=0.01)
    words = cb.randint(0, 20, (8, 6)).to(places[0])
    target = cb.randint(0, 3, (8,)).to(places[2])
    losses, gradients = [], []
    for number in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(words), target)
        loss.backward()
        if not number:
            gradients = [p.grad.cpu().numpy().copy() for p in model.parameters()]
        losses.append(float(nn.utils.clip_grad_norm_(model.parameters(), 5.0)))
        losses.append(loss.item())
        optimizer.step()
    assert all(p.grad.device == p.device for p in model.parameters())
    return losses, gradients, model


@pytest.fixture(scope="module")
def plain() -> tuple[list[float], list[Any]]:
    losses, gradients, _ = run(("cpu", "cpu", "cpu"))
    return losses, gradients


@pytest.mark.parametrize("checkpointed", [False, True], ids=["", "checkpointed"])
def test_it_learns_what_one_device_learns(trio, plain, checkpointed):
    losses, gradients, model = run(trio, checkpointed=checkpointed)
    assert [p.device for p in (model.embedding.weight, model.head[1].weight)] == [at(trio[0]), at(trio[2])]
    assert {p.device for p in model.encoder.parameters()} == {at(trio[1])}
    # float32 sums in another order differ in the last places, and AdamW divides by their roots.
    assert np.allclose(losses, plain[0], rtol=2e-3, atol=1e-4), (losses, plain[0])
    for (name, _), g, wanted in zip(model.named_parameters(), gradients, plain[1], strict=True):
        assert np.allclose(g, wanted, rtol=1e-3, atol=2e-5), name


def test_hooks_see_their_own_device(trio):
    cb.manual_seed(0)
    model, seen = Mixed(trio), []
    model.encoder.register_forward_hook(lambda m, args, out: seen.append((args[0].device, out.device)))
    model.encoder.register_full_backward_hook(lambda m, gi, go: seen.append((gi[0].device, go[0].device)))
    model.head.register_full_backward_pre_hook(lambda m, go: seen.append((go[0].device,) * 2))
    model.embedding.weight.register_post_accumulate_grad_hook(lambda p: seen.append((p.grad.device, p.device)))
    model(cb.tensor([[1, 2, 3]], device=trio[0])).sum().backward()
    first, middle, last = map(at, trio)
    assert seen == [(middle, middle), (last, last), (middle, middle), (first, first)]


def test_gradients_without_backward(trio):
    """`grad`, second derivatives and `func.functional_call` over the whole graph."""

    def derivatives(places: tuple[str, str, str]) -> list[Any]:
        cb.manual_seed(0)
        a, b, c = (cb.linspace(0.1, 1.0, 4).to(p).requires_grad_() for p in places)
        h = cb.tanh(a).to(places[1]) * b
        out = (cb.exp(h).to(places[2]) * c).sum()
        first = cb.grad(out, [a, b, c], create_graph=True)
        second = cb.grad(sum((g * g).sum().cpu() for g in first), [a, b, c])
        jacobian = cb.func.jacrev(lambda v: cb.sin(v.to(places[1])).to(places[2]) * c.detach())(a.detach())
        samples = cb.func.vmap(cb.func.grad(lambda v: (v.to(places[1]) * b.detach()).sum().to(places[2])))(
            cb.ones((3, 4), device=places[0])
        )
        found = [*first, *second, jacobian, samples]
        wanted = [*places, *places, places[2], places[0]]
        assert [t.device for t in found[:6]] == [at(p) for p in wanted[:6]]
        assert samples.device == at(places[0])
        return [t.detach().cpu().numpy() for t in found]

    for found, wanted in zip(derivatives(trio), derivatives(("cpu", "cpu", "cpu")), strict=True):
        assert np.allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_backward_in_threads(trio):
    import threading

    losses, _, _ = run(trio, steps=1)
    found: list[list[float]] = []
    lock = threading.Lock()
    cb.manual_seed(0)
    models = [Mixed(trio) for _ in range(3)]
    state = models[0].state_dict()
    for model in models[1:]:
        model.load_state_dict(state)
    words, target = cb.randint(0, 20, (8, 6)).to(trio[0]), cb.randint(0, 3, (8,)).to(trio[2])

    def work(model: Mixed) -> None:
        loss = nn.functional.cross_entropy(model(words), target)
        loss.backward()
        with lock:
            found.append([loss.item(), float(nn.utils.get_total_norm([p.grad for p in model.parameters()]))])

    threads = [threading.Thread(target=work, args=(model,)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3 and np.allclose(found, found[0], rtol=1e-5) and len(losses) == 2


def test_the_example(trio, capsys):
    path = Path(__file__).resolve().parents[2] / "examples" / "mixed_devices.py"
    found = runpy.run_path(str(path))["main"](["--steps", "12", "--devices", *trio])
    # A dozen steps in float32; later ones amplify what rounding differs in.
    assert found["apart"] < 1e-3 and found["last"] < found["first"]
    out = capsys.readouterr().out
    assert re.search(rf"encoder +on {trio[1]}", out) and re.search(rf"head +on {trio[2]}", out)
