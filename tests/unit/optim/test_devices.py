"""State follows its parameters from device to device, on the devices of the array-api-strict plugin."""

from __future__ import annotations

from typing import Any

import candelabra as cb
import pytest

pytest.importorskip("candelabra_strict", reason="the plugin candelabra-strict is not installed")

CASES = [("SGD", {"momentum": 0.9, "nesterov": True}), ("Adam", {"amsgrad": True}), ("AdamW", {})]


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
    assert {str(v.device) for k, v in opt.state[p].items() if k != "step"} == {"cpu"}
    assert {str(v.device) for k, v in opt.state[q].items() if k != "step"} == {"strict:0"}
    assert all(str(s["step"].device) == "cpu" for s in opt.state.values() if "step" in s)


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
