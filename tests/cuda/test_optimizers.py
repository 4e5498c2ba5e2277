"""Steps of optimizers on a card: what they give, how many launches they take, and that they write in place."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cards import python

START = """
import candelabra as cb, cupy, numpy as np, warnings
from candelabra import nn, optim
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

CLIP = """
import math
for dtypes in ((cb.float32,), (cb.float16,), (cb.bfloat16, cb.float32), (cb.complex64, cb.float64)):
    for order in (2.0, 1.0, 0.0, 3.0, math.inf, -math.inf):
        for special in (None, math.inf, math.nan):
            given = {}
            for where in ("cpu", "cuda"):
                rng = np.random.default_rng(3)
                params = parameters(where, cb.float32)
                for i, p in enumerate(params):
                    dtype = dtypes[i % len(dtypes)]
                    g = p.detach()
                    if special is not None and i == 3:
                        g[5] = special
                    params[i] = g.to(dtype).requires_grad_()
                    params[i].grad = params[i].detach()
                before = counts["launches"], counts["synchronisations"], counts["calls"]
                total = nn.utils.clip_grad_norm_(params, 0.5, order)
                norm = counts["launches"] - before[0]
                if cb.complex64 not in dtypes:
                    nn.utils.clip_grad_value_(params, 0.01)
                if where == "cuda":
                    # Two launches for 46 tensors of one dtype, one each where there are two; one more joins the norms.
                    assert norm == 5, norm
                    assert counts["launches"] - before[0] - norm <= 2
                    # The library makes room for the norm, and for what it is made of.
                    assert (counts["synchronisations"], counts["calls"]) == (before[1], before[2] + 2)
                given[where] = [total.cpu(), *(p.grad.cpu() for p in params)]
            for a, b in zip(given["cpu"], given["cuda"]):
                assert a.dtype is b.dtype
                wide = cb.complex128 if a.dtype.is_complex else cb.float64
                a, b = a.to(wide).numpy(), b.to(wide).numpy()
                rough = 2e-2 if min(d.bits for d in dtypes) == 16 else 2e-5
                assert np.allclose(a, b, rtol=rough, atol=1e-6, equal_nan=True), (str(dtypes), order, special, a, b)
print("done")
"""
MATRICES = """
SHAPES = [(70, 80), (4500, 1), (1, 4500), (2, 2, 67, 65), (40, 3, 3), (0, 3), (5, 1)] + [(3, 2)] * 34
MADE = {
    "Adafactor": (lambda p: optim.Adafactor(p, lr=0.1, weight_decay=0.1), SHAPES, 12),
    "maximize": (lambda p: optim.Adafactor(p, lr=0.1, maximize=True, d=2.0), SHAPES[:9], 6),
    "vectors": (lambda p: optim.Adafactor(p, lr=0.1), [(5000,), (), (0,)] + [(3,)] * 34, 6),
    "Muon": (lambda p: optim.Muon(p, lr=0.1), [(70, 80), (80, 70), (1, 5), (0, 3), (9000, 2)] + [(3, 2)] * 34, 8),
    "plain": (lambda p: optim.Muon(p, nesterov=False, adjust_lr_fn="match_rms_adamw"), [(5, 7)] * 3, 4),
}
for dtype in (cb.float32, cb.float64, cb.float16, cb.bfloat16):
    for name, (make, SHAPES, launches) in MADE.items():
        given = {}
        for where in ("cpu", "cuda"):
            rng = np.random.default_rng(3)
            values = [cb.asarray(np.asarray(rng.standard_normal(s)), dtype=dtype).to(where) for s in SHAPES]
            if values[0].ndim > 1:
                values[0] = values[0].mT.clone().mT
            params = [x.requires_grad_() for x in values]
            optimizer = make(params)
            for turn in range(3):
                for p in params:
                    p.grad = cb.asarray(np.asarray(rng.standard_normal(p.shape)), dtype=dtype).to(where)
                before = counts["launches"], counts["synchronisations"]
                addresses = [p.array.data.ptr for p in params] if where == "cuda" and turn else None
                optimizer.step()
                if where == "cuda" and turn:
                    assert counts["launches"] - before[0] <= launches, (name, counts["launches"] - before[0])
                    assert counts["synchronisations"] == before[1], name
                    assert addresses == [p.array.data.ptr for p in params], name
            # State that the parameter has not seen.
            state = [v for p in params for v in optimizer.state[p].values() if isinstance(v, cb.Tensor)]
            given[where] = [x.detach().cpu().to(cb.float64).numpy() for x in params + state]
        for i, (a, b) in enumerate(zip(given["cpu"], given["cuda"])):
            error = np.max(np.abs(a - b), initial=0.0) / max(np.max(np.abs(a), initial=0.0), 1e-3)
            # Muon rounds within its step, where sums in another order may round the other way.
            allowed = 3e-2 if dtype.bits == 16 else 1e-2 if isinstance(optimizer, optim.Muon) else 2e-5
            assert error < allowed, (str(dtype), name, i, a.shape, error)
print("done")
"""
AVERAGES = """
made = [m for _ in range(20) for m in (nn.Linear(3, 3), nn.BatchNorm1d(3))]
model = nn.Sequential(*made).to("cuda")
found = {}
for options in ({}, {"multi_avg_fn": optim.swa_utils.get_ema_multi_avg_fn(0.75)}, {"use_buffers": True}):
    average = optim.swa_utils.AveragedModel(model, **options)
    average.update_parameters(model)
    with cb.no_grad():
        for x in model.parameters():
            x += 1
        for x in model.buffers():
            x += 4
    # What is copied is of its own.
    assert not any(a.array is b.array for a, b in zip(average.module.buffers(), model.buffers()))
    before = [x.cpu().numpy() for x in average.module.state_dict().values()]
    taken = counts["launches"], counts["synchronisations"], counts["calls"]
    average.update_parameters(model)
    # 80 parameters in three launches and 60 buffers in two; or 120 of both in four, and counters joined.
    assert counts["launches"] - taken[0] <= (6 if "use_buffers" in options else 5), counts["launches"] - taken[0]
    assert "use_buffers" in options or counts["calls"] == taken[2]
    assert counts["synchronisations"] == taken[1]
    share = 0.25 if "multi_avg_fn" in options else 0.5
    for (name, old), a, b in zip(average.module.state_dict().items(), before, model.state_dict().values()):
        buffer = "running" in name or "tracked" in name
        b = b.cpu().numpy()
        wanted = b if buffer and "use_buffers" not in options else a + share * (b - a)
        assert np.allclose(old.cpu().numpy(), wanted.astype(b.dtype), atol=1e-6), name
print("done")
"""


TEXTS = {"walk": WALK, "sharing": STEP, "clipping": CLIP, "matrices": MATRICES, "averages": AVERAGES}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_steps(text: str, tmp_path: Path) -> None:
    done = python(["-c", START + text], tmp_path, CANDELABRA_SYNC_ERRORS="0")
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["done"]
