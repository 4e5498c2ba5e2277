"""Steps of optimizers on a card: what they give, how many launches they take, and that they write in place."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cards import python

START = """
import candelabra as cb, cupy, numpy as np, warnings
from candelabra import optim
counts = cupy.cuda.counts
rng = np.random.default_rng(3)
# Empty, 0-d, of a chunk and more, not in C order, and starting anywhere.
SHAPES = [(3, 4), (), (0, 2), (8192,), (8195,), (5, 7, 2), (33,)] + [(2, 3)] * 40
def parameters(where, dtype, grad=False):
    made = []
    for i, shape in enumerate(SHAPES):
        values = cb.asarray(np.asarray(rng.standard_normal(shape)), dtype=dtype)
        x = values.to(where)
        if i == 0:
            x = x.mT.clone().mT
        if i == 6:
            x = cb.concat([x, x])[33:]
        made.append(x if grad else x.requires_grad_())
    return made
MADE = {
    "SGD": lambda p: optim.SGD(p, lr=0.1, weight_decay=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "maximize": lambda p: optim.SGD(p, lr=0.1, momentum=0.5, dampening=0.5, maximize=True),
    "Adam": lambda p: optim.Adam(p, lr=0.01, weight_decay=0.1),
    "amsgrad": lambda p: optim.Adam(p, lr=0.01, amsgrad=True),
    "AdamW": lambda p: optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.01),
    "centered": lambda p: optim.RMSprop(p, lr=0.01, centered=True),
    "both": lambda p: optim.RMSprop(p, lr=0.01, centered=True, momentum=0.9),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.1, lr_decay=0.1),
    "Adadelta": lambda p: optim.Adadelta(p, lr=1.0),
    "Adamax": lambda p: optim.Adamax(p, lr=0.01),
    "NAdam": lambda p: optim.NAdam(p, lr=0.01, weight_decay=0.1, decoupled_weight_decay=True),
    "RAdam": lambda p: optim.RAdam(p, lr=0.01),
    "Rprop": lambda p: optim.Rprop(p, lr=0.01),
    "ASGD": lambda p: optim.ASGD(p, lr=0.01, t0=2),
}
"""
WALK = """
for dtype in (cb.float32, cb.float16, cb.bfloat16, cb.complex64):
    narrow = dtype.bits == 16
    for name, make in MADE.items():
        given = {}
        for where in ("cpu", "cuda"):
            rng = np.random.default_rng(3)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                params = parameters(where, dtype)
                optimizer = make(params)
                for turn in range(7 if dtype is cb.float32 else 2):
                    for p, g in zip(params, parameters(where, dtype, grad=True)):
                        p.grad = g
                    before = counts["launches"], counts["synchronisations"]
                    addresses = [p.array.data.ptr for p in params] if where == "cuda" and turn else None
                    optimizer.step()
                    if where == "cuda" and turn:
                        # 46 parameters have elements: two launches for all of them, and nothing of the library's.
                        assert counts["launches"] - before[0] == 2, (name, counts["launches"] - before[0])
                        assert counts["synchronisations"] == before[1]
                        assert addresses == [p.array.data.ptr for p in params], name
            given[where] = [p.detach().cpu() for p in params]
        for i, (a, b) in enumerate(zip(given["cpu"], given["cuda"])):
            a, b = (v.to(cb.complex64 if dtype is cb.complex64 else cb.float32).numpy() for v in (a, b))
            error = np.max(np.abs(a - b), initial=0.0) / max(np.max(np.abs(a), initial=0.0), 1e-3)
            assert error < (2e-2 if narrow else 2e-5), (str(dtype), name, SHAPES[i], error)
print("done")
"""
STEP = """
# What another tensor shares is not written: neither a parameter nor its state.
w = cb.ones(5, device="cuda").requires_grad_()
w.grad = cb.ones(5, device="cuda")
optimizer = optim.SGD([w], lr=0.5, momentum=0.9)
kept, view = w.detach(), w.detach().reshape((1, 5))
optimizer.step()
state = optimizer.state_dict()["state"][0]["momentum_buffer"]
held = state.tolist()
optimizer.step()
assert kept.tolist() == [1.0] * 5 and view.tolist() == [[1.0] * 5], (kept, view)
assert state.tolist() == held and w.tolist() != kept.tolist()
# A gradient that does not fit in one launch with others of its kind still takes part.
mixed = [cb.ones(3, device="cuda", dtype=d).requires_grad_() for d in (cb.float32, cb.float64, cb.bfloat16)]
for p in mixed:
    p.grad = cb.ones_like(p.detach())
optim.AdamW(mixed, lr=0.25, weight_decay=0.0).step()
assert [round(float(p[0]), 4) for p in mixed] == [0.75] * 3, mixed
print("done")
"""


@pytest.mark.parametrize("text", [WALK, STEP], ids=["walk", "sharing"])
def test_steps(text: str, tmp_path: Path) -> None:
    done = python(["-c", START + text], tmp_path, CANDELABRA_SYNC_ERRORS="0")
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["done"]
