"""Memory of cards is shared, and written in place where nobody else holds it; nobody ever sees that."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from cards import python

WALK = """
import gc, random, sys, warnings
import candelabra as cb, cupy, numpy as np
warnings.simplefilter("ignore")
pick = random.Random(int(sys.argv[1]))
# What is held: a tensor, or an array of a user's, and the values that it must have.
held = []
in_place = 0

def values(x):
    return x.get() if isinstance(x, cupy.ndarray) else x.detach().cpu().numpy()

def hold(x, expected):
    held.append((x, np.array(expected)))

def fresh():
    shape = pick.choice([(4, 6), (24,), (2, 3, 4), ()])
    host = np.asarray(np.random.default_rng(pick.randrange(10**6)).integers(-4, 5, shape), np.float32)
    card = pick.choice(["cuda:0", "cuda:1"])
    kind = pick.randrange(4)
    if kind == 0:
        with cupy.cuda.Device(int(card[-1])):
            mine = cupy.asarray(host)
        x = cb.asarray(mine, device=card) if pick.random() < 0.5 else cb.from_dlpack(mine, device=card)
        if pick.random() < 0.5:
            hold(mine, host)
        hold(x, host)
    else:
        hold(cb.asarray(host).to(card), host)

def derived():
    x, expected = pick.choice(held)
    if isinstance(x, cupy.ndarray):
        with x.device:
            y = pick.choice([lambda: x[...], lambda: x.reshape(-1).reshape(x.shape), lambda: x.T.T])()
        hold(y, expected)
        return
    n = x.size
    views = [
        (lambda: x.detach(), expected), (lambda: x.reshape((n,)), expected.reshape(n)),
        (lambda: cb.permute_dims(x, tuple(reversed(range(x.ndim)))), expected.T),
        (lambda: cb.flip(x), np.flip(expected)), (lambda: cb.expand_dims(x, axis=0), expected[None]),
        (lambda: x[...], expected), (lambda: cb.astype(x, cb.float32, copy=False), expected),
        (lambda: cb.real(x), expected), (lambda: cb.conj(x), expected), (lambda: x.contiguous(), expected),
        (lambda: cb.broadcast_to(x, (2, *x.shape)), np.broadcast_to(expected, (2, *expected.shape))),
        (lambda: cb.asarray(x.array, device=x.device), expected), (lambda: cb.from_dlpack(x), expected),
        (lambda: x.to("cuda:0"), expected), (lambda: x.to("cuda:1"), expected),
        (lambda: x.cpu().to("cuda:0"), expected),
        (lambda: cb.clip(x, -1e30, 1e30), expected), (lambda: x + 0, expected), (lambda: x.clone(), expected),
        (lambda: cb.concat([cb.reshape(x, (n,))]), expected.reshape(n)),
        (lambda: cb.squeeze(cb.expand_dims(x, axis=0), axis=0), expected),
    ]
    if n and x.ndim:
        views += [
            (lambda: x[0], expected[0]), (lambda: x[::2], expected[::2]), (lambda: cb.unstack(x)[-1], expected[-1]),
            (lambda: x.unbind(0)[0], expected[0]), (lambda: cb.split(x, 1)[0], expected[:1]),
        ]
    make, wanted = pick.choice(views)
    found = make()
    if found is not x:
        hold(found, wanted)

def written():
    global in_place
    choices = [i for i, (x, _) in enumerate(held) if isinstance(x, cb.Tensor)]
    if not choices:
        return
    i = pick.choice(choices)
    x, expected = held[i]
    before = x.array.data.ptr
    kind = pick.randrange(8)
    if kind == 0:
        x += 1
        expected = expected + 1
    elif kind == 1:
        x.mul_(2)
        expected = expected * 2
    elif kind == 2:
        x -= x
        expected = expected - expected
    elif kind == 3 and x.ndim:
        x[0] = 7.0
        expected = expected.copy()
        expected[0] = 7
    elif kind == 4 and x.ndim:
        x[cb.asarray([0, -1], device=x.device)] = 3.0
        expected = expected.copy()
        expected[[0, -1]] = 3
    elif kind == 5:
        x.fill_(5.0)
        expected = np.full_like(expected, 5)
    elif kind == 6:
        # A leaf that takes a step; what the graph has saved of it keeps its numbers.
        leaf = x.requires_grad_()
        loss = (leaf * leaf).sum()
        leaf.grad = cb.ones_like(leaf.detach())
        optimizer = pick.choice([cb.optim.SGD, cb.optim.AdamW])([leaf], lr=1.0)
        optimizer.step()
        leaf.grad = None
        loss.backward()
        assert np.array_equal(leaf.grad.cpu().numpy(), 2 * expected), "what the graph saved was written"
        leaf.requires_grad_(False)
        leaf.grad = None
        expected = x.detach().cpu().numpy()
        expected = np.array(expected)
    else:
        x.sub_(cb.ones_like(x))
        expected = expected - 1
    in_place += x.array.data.ptr == before
    held[i] = (x, np.asarray(expected))

for turn in range(400):
    if len(held) < 3 or pick.random() < 0.15:
        fresh()
    elif pick.random() < 0.5:
        derived()
    else:
        written()
    while len(held) > 9:
        held.pop(pick.randrange(len(held)))
    for x, expected in held:
        found = values(x)
        assert np.allclose(found, expected, rtol=1e-5), (turn, found, expected)
assert in_place > 5, in_place
print("done")
"""

STEPS = """
import candelabra as cb, warnings
x = cb.ones(64, device="cuda")
place = x.array.data.ptr
x += 1
x.mul_(2)
assert x.array.data.ptr == place
y = x.detach()
x += 1
assert x.array.data.ptr != place and y.tolist() == [4.0] * 64
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    x[0].zero_()
assert "writes into a temporary" in str(told[0].message), told
long = cb.zeros(4, 6, device="cuda")
place = long.array.data.ptr
long[0] = 1.0
long[1:3, ::2] = cb.full((3,), 2.0, device="cuda")
long[cb.asarray([3, -1], device="cuda")] = 3.0
long[cb.asarray([0, 0], device="cuda"), cb.asarray([5, 5], device="cuda")] = cb.asarray([7.0, 8.0], device="cuda")
assert long.array.data.ptr == place
assert long.tolist() == [[1, 1, 1, 1, 1, 8], [2, 0] * 3, [2, 0] * 3, [3] * 6], long
kept = long.detach()
long[0] = 0.0
assert long.array.data.ptr != place and kept.tolist()[0] == [1, 1, 1, 1, 1, 8]
far = cb.ones(3, device="cuda:1", dtype=cb.bfloat16)
place = far.array.data.ptr
far += 1.5
far /= 2
assert far.tolist() == [1.25] * 3 and far.array.data.ptr == place and str(far.device) == "cuda:1"
print("done")
"""


def test_random_walks_over_moves_views_and_writes(tmp_path: Path) -> None:
    for seed in range(4):
        done = python(["-c", WALK, str(seed)], tmp_path, cards=2)
        assert done.returncode == 0, (seed, done.stderr[-3000:])
        assert done.stdout.split() == ["done"]


def test_a_walk_finds_what_is_written_and_shared(tmp_path: Path) -> None:
    fault = "from candelabra.core.tensor import Tensor\nTensor._is_unique = lambda self: self.array.base is None\n"
    done = python(["-c", fault + WALK, "0"], tmp_path, cards=2)
    assert done.returncode and "AssertionError" in done.stderr, done.stderr[-3000:]


def test_writes_in_place(tmp_path: Path) -> None:
    done = python(["-c", STEPS], tmp_path, cards=2)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["done"]
