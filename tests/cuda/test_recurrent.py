"""Recurrent layers on a card against the host's kernels, and what a step asks the card for."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from candelabra.backends.cupy.kernels.recurrent import STEP, Steps

sys.path.insert(0, str(Path(__file__).parent))

from cards import python

ROWS = """
import itertools, warnings
import numpy as np
import candelabra as cb
from candelabra.core import ops
from candelabra.core.errors import HostFallbackWarning
from cupy.cuda import counts
from cupy_backends.cuda.libs.cublas import calls

warnings.simplefilter("error", HostFallbackWarning)
rng = np.random.default_rng(0)
GATES = {"rnn": 1, "gru": 3, "lstm": 4}

def operands(name, time, n, features, hidden, bias, state=None):
    shapes = [(time, n, features), (n, state or hidden)]
    shapes += [(n, hidden)] if name == "lstm" else []
    shapes += [(GATES[name] * hidden, features), (GATES[name] * hidden, state or hidden)]
    shapes += [(GATES[name] * hidden,)] * 2 if bias else [None, None]
    shapes += [(state, hidden)] if state else []
    return [None if s is None else rng.uniform(-1, 1, s) for s in shapes]

def run(name, given, device, dtype, **statics):
    given = [None if a is None else cb.tensor(a, dtype=dtype, device=device, requires_grad=True) for a in given]
    outputs = getattr(ops, name)(*given, **statics)
    seeds = [cb.tensor(np.cos(np.arange(o.numel())).reshape(o.shape), dtype=dtype, device=device) for o in outputs]
    before = counts["synchronisations"]
    cb.autograd.backward(outputs, seeds)
    assert counts["synchronisations"] == before, "the backward pass waits for the card"
    return [o.detach().cpu().double().numpy() for o in outputs] + [
        None if t is None else t.grad.cpu().double().numpy() for t in given
    ]

def compare(name, given, dtype, tolerance, **statics):
    wanted = run(name, given, "cpu", cb.float64, **statics)
    found = run(name, given, "cuda", dtype, **statics)
    for i, (f, w) in enumerate(zip(found, wanted, strict=True)):
        if w is not None:
            size = max(1.0, np.abs(w).max(initial=0))
            np.testing.assert_allclose(f, w, rtol=0, atol=tolerance * size, err_msg=f"{name} {i} {statics}")
"""

STATICS = '[{"nonlinearity": "tanh"}, {"nonlinearity": "relu"}] if name == "rnn" else [{}]'


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
def test_values_and_gradients_are_the_hosts(name, tmp_path):
    code = f"""
name = {name!r}
for (time, n, features, hidden), bias, reverse, statics in itertools.product(
    [(5, 3, 4, 6), (1, 2, 3, 1), (7, 1, 1, 5), (3, 33, 9, 17)], (True, False), (False, True), {STATICS}
):
    given = operands(name, time, n, features, hidden, bias)
    falling = sorted(rng.integers(1, n + 1, time), reverse=True)
    for sizes in (None, (n, *map(int, falling[1:]))):
        statics |= {{"reverse": reverse, "batch_sizes": sizes}}
        compare(name, given, cb.float64, 1e-12, **statics)
        compare(name, given, cb.float32, 1e-5, **statics)
"""
    done = python(["-c", ROWS + code], tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_projected_state_is_the_hosts(tmp_path):
    code = """
for bias, reverse, sizes in itertools.product((True, False), (False, True), (None, (3, 3, 2, 1), (3, 1, 1, 1))):
    given = operands("lstm", 4, 3, 5, 6, bias, state=2)
    compare("lstm", given, cb.float64, 1e-12, reverse=reverse, batch_sizes=sizes)
    compare("lstm", given, cb.float16, 2e-2, reverse=reverse, batch_sizes=sizes)
"""
    done = python(["-c", ROWS + code], tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("dtype", "error"), [("float16", 2**-10), ("bfloat16", 2**-7)])
def test_16_bit_states_lose_nothing_between_steps(dtype, error, tmp_path):
    # Rounded at every step, states that hardly forget drift apart by many times what one rounding is.
    code = f"""
dtype = cb.{dtype}
rounded = lambda arrays: [None if a is None else cb.tensor(a, dtype=dtype).double().numpy() for a in arrays]
for name in GATES:
    given = rounded(operands(name, 40, 3, 4, 8, True))
    wanted = run(name, given, "cpu", cb.float64)
    calls.clear()
    found = run(name, given, "cuda", dtype)
    assert {{c.dtypes[0] for c in calls}} == {{"{dtype}"}}, "a product is not one of 16-bit factors"
    for f, w in zip(found[:2], wanted[:2], strict=True):
        assert (np.abs(f - w) <= {error} * np.maximum(np.abs(w), 0.1)).all(), (name, np.abs(f - w).max())
"""
    done = python(["-c", ROWS + code], tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_step_is_one_product_and_one_kernel(tmp_path):
    code = """
for name in GATES:
    given = operands(name, 20, 3, 4, 5, True)
    given = [cb.tensor(a, dtype=cb.float32, device="cuda", requires_grad=True) for a in given]
    getattr(ops, name)(*given)
    calls.clear()
    counts.clear()
    outputs = getattr(ops, name)(*given)
    forward = len(calls), counts["launches"], counts["synchronisations"]
    # The inputs' product and the steps'; the bias in every row and the steps.
    assert forward == (21, 21, 0), forward
    seeds = [cb.ones(*o.shape, device="cuda") for o in outputs]
    calls.clear()
    counts.clear()
    cb.autograd.backward(outputs, seeds)
    # And of x, of w_ih, and of w_hh by the first step and by the others; sums of columns of the biases.
    back = len(calls), counts["launches"], counts["synchronisations"]
    assert back == (24, 24 if name == "gru" else 22, 0), (name, back)
"""
    done = python(["-c", ROWS + code], tmp_path)
    assert done.returncode == 0, done.stderr


def test_layers_of_both_directions_take_packed_sequences(tmp_path):
    code = """
from candelabra import nn
from candelabra.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
for Layer in (nn.RNN, nn.GRU, nn.LSTM):
    cb.manual_seed(0)
    here = Layer(4, 6, num_layers=2, bidirectional=True).double()
    there = Layer(4, 6, num_layers=2, bidirectional=True).double().to("cuda")
    there.load_state_dict(here.state_dict())
    x = cb.randn(5, 3, 4, dtype=cb.float64)
    results = []
    for layer, device in ((here, "cpu"), (there, "cuda")):
        packed = pack_padded_sequence(x.to(device), [5, 2, 4], enforce_sorted=False)
        out, _ = pad_packed_sequence(layer(packed)[0])
        (out * out).sum().backward()
        results.append([out.detach().cpu().numpy(), *(p.grad.cpu().numpy() for p in layer.parameters())])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
"""
    done = python(["-c", ROWS + code], tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_record_of_a_step_lies_as_c_lays_it():
    # Two 64-bit numbers, five of 32 bits, and what aligns the next.
    assert STEP.itemsize == 40
    assert [STEP.fields[name][1] for name in STEP.names] == [0, 8, 16, 20, 24, 28, 32]


@pytest.mark.parametrize("reverse", [False, True])
def test_which_rows_are_in_a_step(reverse):
    steps = Steps(None, 4, 3, 2, reverse, (3, 2, 2, 1))
    found = [tuple(int(r[name]) for name in ("now", "earlier", "alive", "started", "ending")) for r in steps.records]
    assert found == (
        [(3, 0, 1, 0, 2), (2, 3, 2, 1, 2), (1, 2, 2, 2, 3), (0, 1, 3, 2, 0)] if reverse else
        [(0, 0, 3, 0, 2), (1, 0, 2, 3, 2), (2, 1, 2, 2, 1), (3, 2, 1, 2, 0)]
    )  # fmt: skip
    assert np.array_equal(steps.records["n"], [3] * 4) and steps.begin_later is reverse
