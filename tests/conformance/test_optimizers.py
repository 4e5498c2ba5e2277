"""Every optimizer makes the same steps on the device as on the host."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from candelabra import optim
from candelabra.core.device import Device, host_device
from candelabra.core.host import from_host, to_host

OPTIONS: dict[str, dict[str, Any]] = {
    "ASGD": {"t0": 1, "lambd": 0.1},
    "Adadelta": {"weight_decay": 0.1},
    "Adafactor": {"lr": 0.1},
    "Adagrad": {"lr_decay": 0.1},
    "Adam": {"amsgrad": True},
    "AdamW": {},
    "Adamax": {},
    # Longer steps: the cubic through two losses that differ in their last digits alone is no device's to agree on.
    "LBFGS": {"lr": 1.0, "max_iter": 3, "line_search_fn": "strong_wolfe"},
    "Muon": {},
    "NAdam": {"decoupled_weight_decay": True, "weight_decay": 0.1},
    "RAdam": {"betas": (0.9, 0.9)},
    "RMSprop": {"momentum": 0.9, "centered": True},
    "Rprop": {},
    "SGD": {"momentum": 0.9, "nesterov": True},
}


def run(kind: str, device: Device) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    shapes = [(4, 3), (3, 5)] if kind == "Muon" else [(4, 3), (5,), ()]
    starts, targets = ([np.asarray(generator.standard_normal(s), np.float32) for s in shapes] for _ in range(2))
    params = [from_host(x, device=device).requires_grad_() for x in starts]
    wanted = [from_host(x, device=device) for x in targets]
    optimizer = getattr(optim, kind)(params, **{"lr": 0.05, **OPTIONS[kind]})

    def closure() -> Any:
        optimizer.zero_grad()
        loss: Any = sum((((p - t) ** 2).sum() for p, t in zip(params, wanted, strict=True)))
        loss.backward()
        return loss

    for _ in range(6):
        optimizer.step(closure)
    assert all(p.device == device for p in params)
    return [np.asarray(to_host(p.detach())) for p in params]


@pytest.mark.parametrize("kind", OPTIONS)
def test_optimizers(conformance_device: Device, kind: str) -> None:
    # Muon rounds to bfloat16 within its step.
    tolerance = 2e-3 if kind == "Muon" else 2e-5
    for found, wanted in zip(run(kind, conformance_device), run(kind, host_device()), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)
