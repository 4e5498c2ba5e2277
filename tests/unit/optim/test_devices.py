"""State follows its parameters from device to device, on the devices of the array-api-strict plugin."""

from __future__ import annotations

from typing import Any

import candelabra as cb
import pytest

pytest.importorskip("candelabra_strict", reason="the plugin candelabra-strict is not installed")

CASES = [
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("Adam", {"amsgrad": True}),
    ("AdamW", {}),
    ("ASGD", {"t0": 0, "lambd": 0.1}),
    ("Adadelta", {"rho": 0.5}),
    ("Adafactor", {}),
    ("Adagrad", {"initial_accumulator_value": 0.5}),
    ("Adamax", {}),
    ("NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"betas": (0.5, 0.6)}),
    ("RMSprop", {"momentum": 0.9, "centered": True}),
    ("Rprop", {}),
]


def train(kind: str, options: dict[str, Any], moves: dict[int, tuple[str, str]]) -> tuple[Any, ...]:
    """Six steps on two parameters, which lie where `moves` last said."""
    p = cb.tensor([1.0, -2.0], requires_grad=True)
    q = cb.tensor([[0.5]], requires_grad=True)
    opt = getattr(cb.optim, kind)([p, q], lr=0.1, **options)
    for number in range(6):
        for tensor, device in zip((p, q), moves.get(number, ())):
            tensor.data = tensor.detach().to(device)
        opt.zero_grad()
        loss = (p * p).sum().to("cpu") + (q * q * q).sum().to("cpu")
        loss.backward()
        opt.step()
    return p.tolist(), q.tolist(), opt, p, q


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_state_follows_its_parameter(kind: str, options: dict[str, Any]) -> None:
    moves = {2: ("strict", "strict"), 4: ("strict:1", "cpu"), 5: ("cpu", "strict")}
    *still, _, _, _ = train(kind, options, {})
    *moved, opt, p, q = train(kind, options, moves)
    for a, b in zip(still, moved):
        assert cb.allclose(cb.tensor(a), cb.tensor(b), rtol=1e-5, atol=1e-6)
    numbers = {"step", *opt.numbers}
    assert {str(v.device) for k, v in opt.state[p].items() if k not in numbers} == {"cpu"}
    assert {str(v.device) for k, v in opt.state[q].items() if k not in numbers} == {"strict:0"}
    assert all(str(s[name].device) == "cpu" for s in opt.state.values() for name in numbers if name in s)


@pytest.mark.parametrize(("kind", "options"), [c for c in CASES if c[0] != "Adafactor"])
def test_complex_parameters_have_the_same_steps_everywhere(kind: str, options: dict[str, Any]) -> None:
    ends = []
    for device in ("cpu", "strict"):
        p = cb.tensor([1 + 2j, -0.5j, 3], dtype=cb.complex128, device=device, requires_grad=True)
        opt = getattr(cb.optim, kind)([p], lr=0.1, **options)
        for number in range(4):
            p.grad = cb.tensor([1j * number, 1 - 1j, -0.1 + number], dtype=cb.complex128, device=device)
            opt.step()
        ends.append(p.detach().to("cpu"))
    assert cb.allclose(cb.real(ends[0]), cb.real(ends[1]), rtol=1e-12)
    assert cb.allclose(cb.imag(ends[0]), cb.imag(ends[1]), rtol=1e-12)


def test_muon_and_lbfgs_elsewhere() -> None:
    found = []
    for device in ("cpu", "strict"):
        w = cb.tensor([[1.0, -2.0], [0.5, 3.0], [0.0, 1.0]], device=device, requires_grad=True)
        muon = cb.optim.Muon([w], lr=0.1)
        for _ in range(3):
            muon.zero_grad()
            (w * w).sum().backward()
            muon.step()
        lbfgs = cb.optim.LBFGS([w], max_iter=3, line_search_fn="strong_wolfe")

        def closure(w: cb.Tensor = w, lbfgs: Any = lbfgs) -> cb.Tensor:
            lbfgs.zero_grad()
            loss = ((w - 1) ** 4).sum()
            loss.backward()
            return loss

        lbfgs.step(closure)
        found.append(w.detach().to("cpu"))
    assert cb.allclose(found[0], found[1], rtol=1e-3, atol=1e-3)


def test_a_loaded_state_goes_to_its_parameter() -> None:
    opt, p = train("Adam", {}, {})[2:4]
    other = cb.zeros(2, device="strict", requires_grad=True)
    fresh = cb.optim.Adam([{"params": [other, cb.zeros((1, 1), requires_grad=True)]}])
    fresh.load_state_dict(opt.state_dict())
    assert str(fresh.state[other]["exp_avg"].device) == "strict:0"
    assert fresh.state[other]["exp_avg"].tolist() == opt.state[p]["exp_avg"].tolist()


def test_batches_are_put_on_a_device() -> None:
    data = cb.data.TensorDataset(cb.arange(6.0, device="strict"), cb.arange(6))
    [(x, y)] = cb.data.DataLoader(data, batch_size=6)
    assert (str(x.device), str(y.device)) == ("strict:0", "cpu")
    [(x, y)] = cb.data.DataLoader(data, batch_size=6, device="strict:1")
    assert (str(x.device), str(y.device)) == ("strict:1", "strict:1") and y.tolist() == list(range(6))
