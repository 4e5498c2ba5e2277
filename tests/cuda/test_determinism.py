"""Sums where indices say, the same in every run where that is asked for; and what is told of indices out of range."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cards import python

SUMS = """
import candelabra as cb, cupy, numpy as np
from candelabra.core import ops
rng = np.random.default_rng(5)
used = []
gpu = cb.device("cuda:0").resolved().backend.gpu
launch = gpu.run
gpu.run = lambda file, expression, *rest: (used.append(expression), launch(file, expression, *rest))[1]

def card(a, dtype=None):
    return cb.asarray(np.asarray(a), dtype=dtype).to("cuda")

def both(call, *arrays):
    # Integers as floats: every order of the additions gives the same, so that values are exact.
    on_cpu = call(*[cb.asarray(np.asarray(a)) for a in arrays])
    on_card = call(*[card(a) for a in arrays])
    assert np.array_equal(on_cpu.numpy(), on_card.cpu().numpy()), (on_cpu, on_card)

for asked in (False, True):
    cb.use_deterministic_algorithms(asked)
    # Runs within a chunk of 64, over several, over the whole; few and many columns; an axis in the middle.
    for count, entries, after in ((1, 3, 1), (63, 5, 3), (64, 1, 2), (65, 2, 1), (500, 3, 1), (300, 40, 9), (99, 1, 1)):
        index = rng.integers(0, entries, count)
        source = rng.integers(-9, 9, (count, after)).astype(np.float32)
        x = rng.integers(-9, 9, (entries, after)).astype(np.float32)
        used.clear()
        both(lambda x, i, s: cb.index_add(x, i, s, axis=0), x, index, source)
        assert any("join_chunks" in u for u in used) is asked and any("index_add<" in u for u in used) is not asked
        both(lambda x, i, s: cb.index_add(x, i, s, axis=1), x.T.copy(), index, source.T.copy())
        wide = np.stack([source, source * 2])
        both(lambda x, i, s: cb.index_add(x, i, s, axis=1), np.stack([x, x]), index, wide)
        full = rng.integers(0, entries, (count, after))
        both(lambda x, i, s: cb.scatter_add(x, i, s, axis=0), x, full, source)
        both(lambda x, i, s: cb.scatter(x, i, s, axis=0), x, full, source)
        for how in ("amax", "amin", "mean", "sum", "prod"):
            for own in (True, False):
                small = np.sign(source) if how == "prod" else source
                both(lambda x, i, s: ops.scatter_reduce(x, i, s, axis=0, reduce=how, include_self=own), x, full, small)
        for dtype in ("int32", "int64", "uint8", "int16", "bfloat16", "float16", "float64", "complex64"):
            kind = getattr(cb, dtype)
            got = [
                cb.index_add(cb.zeros((entries, after), dtype=kind, device=where),
                             cb.asarray(index).to(where), cb.ones((count, after), dtype=kind).to(where), axis=0)
                for where in ("cpu", "cuda")
            ]
            assert got[0].tolist() == got[1].tolist(), (dtype, count)

# Half precision loses nothing of a long sum: it is rounded once.
ones = cb.ones((5000, 2), dtype=cb.bfloat16, device="cuda")
total = cb.index_add(cb.zeros((1, 2), dtype=cb.bfloat16, device="cuda"), card(np.zeros(5000, int)), ones, axis=0)
assert total.tolist() == cb.full((1, 2), 5000.0, dtype=cb.bfloat16).tolist()

# The gradients that are such sums.
cb.use_deterministic_algorithms(True)
weight = card(rng.integers(-5, 5, (4, 3)).astype(np.float32)).requires_grad_()
used.clear()
found = cb.embedding(weight, card([[0, 1, 0], [3, 3, 3]]), padding_idx=1)
(found * card(np.arange(18.0, dtype=np.float32).reshape(2, 3, 3))).sum().backward()
assert weight.grad.tolist() == [[6.0, 8.0, 10.0], [0.0] * 3, [0.0] * 3, [36.0, 39.0, 42.0]], weight.grad
assert any("join_chunks" in u for u in used) and not any("index_add<" in u for u in used)
for key in ((card([0, 0, 2]),), (card([0, 0, 2]), card([1, 1, 0])), (slice(1, 3), card([2, 2])), (0, card([1, 1])),
            (card([[0], [1]]), slice(None), None), (None, card([1]), Ellipsis)):
    x = card(rng.integers(-5, 5, (3, 3)).astype(np.float32))
    hosts = tuple(k.cpu() if isinstance(k, cb.Tensor) else k for k in key)
    pairs = []
    for where, k in (("cuda", key), ("cpu", hosts)):
        y = x.to(where).detach().requires_grad_()
        z = y[k]
        (z * cb.reshape(cb.arange(z.size, dtype=cb.float32, device=where), z.shape)).sum().backward()
        w = x.to(where).clone()
        w[k] = cb.reshape(cb.arange(z.size, dtype=cb.float32, device=where), z.shape)
        one = x.to(where).clone()
        one[k] = 4.0
        pairs.append((z.tolist(), y.grad.tolist(), w.tolist(), one.tolist()))
    assert pairs[0] == pairs[1], (key, pairs)
print("done")
"""

TOLD = """
import candelabra as cb, numpy as np
from candelabra.core import errors
from candelabra.nn import functional as F
def t(v):
    return cb.asarray(np.asarray(v)).to("cuda")
def put(key, value=1.0):
    y = x.clone()
    y[key] = value
    return y
x, cube = t(np.arange(12.0, dtype=np.float32).reshape(4, 3)), t(np.zeros((2, 3, 4), np.float32))
row = cb.ones(1, 3, device="cuda")
CASES = {
    "take: 4 of 4": lambda: cb.take(x, t([0, 4]), axis=0),
    "take: -5 of 4": lambda: cb.take(x, t([-5]), axis=0),
    "embedding: 4 of 4": lambda: F.embedding(t([0, 4]), x),
    "embedding: 9 of 4": lambda: F.embedding_bag(t([[0, 9]]), x),
    "gather: 9 of 4": lambda: x.gather(0, t([[0, 9, 0]])),
    "take_along_axis: 8 of 4": lambda: cb.take_along_axis(x, t([[0, 8, 0]]), axis=0),
    "take: 7 of 4": lambda: x.index_select(0, t([7])),
    "getitem: 7 of 4": lambda: x[t([7])],
    "getitem: 3 of 3": lambda: x[t([0]), t([3])],
    "getitem: 5 of 3": lambda: x[0, t([5])],
    "getitem: 4 of 4": lambda: cube[t([0]), :, t([4])],
    "setitem: 7 of 4": lambda: put(t([7])),
    "setitem: 8 of 4": lambda: put(t([8]), row),
    "setitem: 3 of 3": lambda: put((slice(None), t([3]))),
    "index_add: -1 of 4": lambda: x.index_add(0, t([-1]), row),
    "gather: -1 of 4": lambda: x.gather(0, t([[0, -1, 0]])),
    "scatter: -2 of 4": lambda: x.scatter(0, t([[-2, 0, 0]]), row),
    "index_add: 5 of 4": lambda: x.index_add(0, t([5]), row),
    "setitem: 5 of 4": lambda: x.index_copy(0, t([5]), row),
    "setitem: 6 of 4": lambda: x.index_fill(0, t([6]), 2.0),
    "setitem: 9 of 4": lambda: x.index_put((t([9]),), row[0]),
    "scatter_reduce: 5 of 4": lambda: x.index_reduce(0, t([5]), row, "prod"),
    "scatter: 5 of 4": lambda: x.scatter(0, t([[5, 0, 0]]), row),
    "scatter: 6 of 4": lambda: x.scatter(0, t([[6, 0, 0]]), 2.0),
    "scatter_add: 5 of 4": lambda: x.scatter_add(0, t([[5, 0, 0]]), row),
    "scatter_reduce: 7 of 4": lambda: x.scatter_reduce(0, t([[7, 0, 0]]), row, "amax"),
    "cross_entropy: 3 of 3": lambda: F.cross_entropy(x, t([0, 1, 2, 3])),
    "cross_entropy: 7 of 3": lambda: F.cross_entropy(cube, t([[0, 1, 2, 7], [0, 0, 0, 0]])),
    "nll_loss: 3 of 3": lambda: F.nll_loss(x, t([0, 1, 2, 3])),
    "nll_loss: -1 of 3": lambda: F.nll_loss(x, t([0, 1, 2, -1])),
    "gather: 3 of 3": lambda: F.multi_margin_loss(x, t([0, 1, 2, 3])),
    "take_along_axis: 7 of 3": lambda: F.ctc_loss(t(np.zeros((4, 2, 3))), t([[1, 7], [1, 2]]), (4, 4), (2, 2)),
    "scatter: 9 of 4 in max_unpool": lambda: F.max_unpool1d(cb.ones(1, 1, 2).to("cuda"), t([[[0, 9]]]), 2),
}
for name, call in CASES.items():
    operation, rest = name.split(": ")
    index, size = rest.split(" ")[0], rest.split(" ")[2]
    found = call()
    try:
        found.numpy()
    except errors.IndexOutOfRangeError as error:
        assert f"{operation}: index {index} is out of range for size {size}" in str(error), (name, error)
    else:
        raise AssertionError(f"{name}: nothing was told")
    # Once, and for what comes after nothing.
    (x + 1).numpy()
# What is in range, and what is ignored, is not told.
F.cross_entropy(x, t([0, -100, 2, 1])).item()
F.nll_loss(x, t([0, -100, 2, 1])).item()
x[t([-4, 3])].numpy()
print("done")
"""


@pytest.mark.parametrize("text", [SUMS, TOLD], ids=["sums", "told"])
def test_indices(text: str, tmp_path: Path) -> None:
    done = python(["-c", text], tmp_path, CANDELABRA_SYNC_ERRORS="0")
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["done"]


def test_indices_are_told_at_once_where_that_is_asked_for(tmp_path: Path) -> None:
    text = """
import candelabra as cb
from candelabra.core import errors
try:
    cb.take(cb.ones(3, device="cuda"), cb.asarray([5]).to("cuda"), axis=0)
except errors.IndexOutOfRangeError as error:
    print("take: index 5 is out of range for size 3" in str(error))
"""
    done = python(["-c", text], tmp_path, CANDELABRA_SYNC_ERRORS="1")
    assert done.stdout.split() == ["True"], done.stderr[-3000:]
