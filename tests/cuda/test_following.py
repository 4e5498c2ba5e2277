"""Linear layers take the activation after them along on a card, and nobody sees a difference."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from cards import python

BEFORE = """
import numpy as np
import candelabra as cb
from candelabra import nn
from candelabra.core.errors import CandelabraError

def graph(model, x):
    return repr(model(x).grad_fn).strip("<>").removesuffix("Backward")

def trained(model, x, device):
    model.to(device).zero_grad()
    x = cb.tensor(x, device=device, requires_grad=True)
    y = model(x)
    (y * y).sum().backward()
    return [t.detach().numpy() for t in (y.cpu(), x.grad.cpu(), *(p.grad.cpu() for p in model.parameters()))]

x = np.random.default_rng(0).standard_normal((3, 5, 8)).astype("float32")
there = cb.tensor(x, device="cuda")
"""


def run(code: str, folder: Path) -> list[str]:
    done = python(["-c", BEFORE + code], folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_models_compute_what_they_do_on_the_host(tmp_path: Path) -> None:
    code = """
def same(model):
    for here, there in zip(trained(model, x, "cpu"), trained(model, x, "cuda"), strict=True):
        np.testing.assert_allclose(here, there, rtol=2e-4, atol=2e-5)

for act in (nn.ReLU(), nn.ReLU(inplace=True), nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.Tanh()):
    for bias in (True, False):
        model = nn.Sequential(nn.Linear(8, 16, bias=bias), act, nn.Linear(16, 8), nn.Linear(8, 8), act, nn.Linear(8, 3))
        same(model)
        print(graph(model[:2], there))
for activation in ("relu", "gelu", nn.SiLU(), cb.nn.functional.silu, cb.sin):
    same(nn.TransformerEncoderLayer(8, 2, 16, activation=activation, dropout=0.0))
"""
    fused = ["LinearActivation"] * 10
    assert run(code, tmp_path) == [*fused, "Tanh", "Tanh"]


def test_results_are_written_into_as_any(tmp_path: Path) -> None:
    code = """
import warnings
warnings.simplefilter("error")
for act in (nn.ReLU(), nn.GELU()):
    model = nn.Sequential(nn.Linear(8, 16), act)
    for given in (x, x[0]):
        slopes = []
        for device in ("cpu", "cuda"):
            model.to(device).zero_grad()
            y = model(cb.tensor(given, device=device))
            y[0] = 5.0
            y += 1
            (y * y).sum().backward()
            slopes.append(model[0].weight.grad.cpu().numpy())
        np.testing.assert_allclose(*slopes, rtol=2e-4, atol=2e-5)
"""
    assert run(code, tmp_path) == []


def test_the_16_bit_rows_are_those_of_the_two_apart(tmp_path: Path) -> None:
    code = """
layers = nn.Linear(8, 16), nn.GELU()
model = nn.Sequential(*layers).to("cuda").half()
print(bool((model(there.half()) == layers[1](layers[0](there.half()))).all()))
"""
    assert run(code, tmp_path) == ["True"]


def test_who_looks_at_what_lies_between_sees_it(tmp_path: Path) -> None:
    code = """
seen = []
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU()).to("cuda")
print(graph(model, there))
for layer in model:
    handle = layer.register_forward_hook(lambda module, given, result: seen.append(type(module).__name__))
    model(there)
    handle.remove()
print(seen)
model[1].forward = lambda given: given * 2
print(graph(model, there))
del model[1].forward

class Other(nn.Linear):
    def forward(self, given):
        return super().forward(given) + 1

print(graph(nn.Sequential(Other(8, 16), nn.ReLU()).to("cuda"), there))
print(cb.func.vmap(model)(there).shape, cb.func.jvp(model, (there,), (there,))[1].shape)
print(float(abs(cb.func.hessian(lambda t: nn.Sequential(model[0], nn.SiLU())(t).sum())(there[0, 0])).sum()) > 0)
for wrong in (there[..., :3], cb.ones(2, 8)):
    try:
        nn.Sequential(nn.Identity(), model)(wrong)
    except CandelabraError as error:
        print(type(error).__name__, str(error).split(":")[0], "(in 1.0" in str(error))
"""
    assert run(code, tmp_path) == [
        "LinearActivation", "['Linear', 'ReLU']", "Multiply", "Relu", "(3, 5, 16) (3, 5, 16)", "True",
        "ShapeError linear True", "DeviceMismatchError linear True",
    ]  # fmt: skip
