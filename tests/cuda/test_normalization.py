"""Norms, softmax and activations on a card: packs of sixteen bytes and single elements, channels that blocks share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from candelabra.backends.cupy.kernels.normalization import shared

sys.path.insert(0, str(Path(__file__).parent))

from cards import python

WALK = """
import sys
import numpy as np
import candelabra as cb
from candelabra.nn import functional as F
from cupy.cuda import counts

ROWS = {
    "layer_norm": (lambda x, w, b: F.layer_norm(x, w.shape, w, b), {
        (5, 64): 64, (3, 67): 67, (2, 3, 8): 8, (2, 1200): 1200,
    }),
    "rms_norm": (lambda x, w, b: F.rms_norm(x, w.shape, w) + b, {(5, 64): 64, (3, 67): 67}),
    "group_norm": (lambda x, w, b: F.group_norm(x, 2, w, b), {
        (3, 6, 16): 6, (3, 6, 5): 6, (2, 64): 64, (2, 2, 4100): 2, (1, 2, 40000): 2,
    }),
    "batch_norm": (lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True), {
        (3, 6, 16): 6, (3, 6, 5): 6, (7, 9): 9, (4, 2, 32, 128): 2, (3, 2, 8193): 2, (1, 1, 20000): 1,
    }),
}
rng = np.random.default_rng(0)


def run(function, values, device, dtype, apart):
    given = []
    for value in values:
        made = cb.tensor(np.concatenate([np.zeros(apart), value.reshape(-1)]), dtype=dtype, device=device)
        given.append(made[apart:].reshape(value.shape).requires_grad_())
    before = counts["synchronisations"]
    out = function(*given)
    out.backward(cb.tensor(np.cos(np.arange(out.numel())).reshape(out.shape), dtype=dtype, device=device))
    assert counts["synchronisations"] == before or device == "cpu", "it waits for the card"
    return [t.detach().cpu().double().numpy() for t in (out, *(t.grad for t in given))]


name = sys.argv[1]
function, shapes = ROWS[name]
for shape, channels in shapes.items():
    # Far from zero, where sums of squares alone would have nothing left.
    values = [rng.standard_normal(shape) + 30, rng.uniform(0.5, 2, channels), rng.standard_normal(channels)]
    for dtype, error in ((cb.float32, 3e-4), (cb.float64, 1e-9), (cb.float16, 2e-2), (cb.bfloat16, 0.1)):
        if dtype.bits == 16 and np.prod(shape) > 9000:
            continue
        given = [cb.tensor(v, dtype=dtype).double().numpy() for v in values]
        wanted = run(function, given, "cpu", cb.float64, 0)
        for apart in (0, 1):
            found = run(function, given, "cuda", dtype, apart)
            for what, f, w in zip(("out", "x", "weight", "bias"), found, wanted, strict=True):
                scale = max(1.0, np.abs(w).max())
                assert np.abs(f - w).max() <= error * scale, (shape, dtype, apart, what, np.abs(f - w).max() / scale)
print("done")
"""


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm", "group_norm", "batch_norm"])
def test_norms_of_all_sizes_and_places(name: str, tmp_path: Path) -> None:
    done = python(["-c", WALK, name], tmp_path)
    assert done.returncode == 0 and done.stdout == "done\n", done.stdout + done.stderr


@pytest.mark.parametrize(("channels", "count", "each"), [(64, 64 * 112 * 112, 4), (2048, 64 * 49, 1), (1, 1, 8)])
def test_shares_of_a_channel_are_whole_packs_and_all_of_it(channels: int, count: int, each: int) -> None:
    shares, chunk = shared(channels, count, each)
    assert chunk % each == 0 and (shares - 1) * chunk < count <= shares * chunk
    assert shares == 1 or shares * channels >= 500


SOFTMAX = """
import numpy as np
import candelabra as cb
from candelabra.nn import functional as F

rng = np.random.default_rng(0)
for shape, axis in (((6, 64), -1), ((6, 67), -1), ((6, 1200), -1), ((6, 40, 3), 1), ((6, 9, 33), 1)):
    values = rng.standard_normal(shape) * 9
    rows = np.moveaxis(values, axis, -1)
    rows[0, ..., 5], rows[1, ..., 2], rows[2, ..., 7], rows[3] = -np.inf, np.inf, np.nan, -np.inf
    for dtype, error in ((cb.float32, 1e-6), (cb.float64, 1e-14), (cb.float16, 2e-3), (cb.bfloat16, 2e-2)):
        for name in ("softmax", "log_softmax", "logsumexp"):
            found = []
            for device, to in (("cpu", cb.float64), ("cuda", dtype)):
                for apart in (0, 1):
                    flat = cb.tensor(np.append(np.zeros(apart), values), dtype=dtype).to(device).to(to)
                    x = flat[apart:].reshape(shape).requires_grad_()
                    y = cb.logsumexp(x, axis=axis) if name == "logsumexp" else getattr(F, name)(x, dim=axis)
                    g = cb.tensor(np.cos(np.arange(y.numel())).reshape(y.shape), dtype=dtype).to(device).to(to)
                    y.backward(g)
                    found.append([t.detach().cpu().double().numpy() for t in (y, x.grad)])
            for got in found[2:]:
                for what, f, w in zip(("out", "x"), got, found[0], strict=True):
                    scale = max(1.0, np.abs(w[np.isfinite(w)]).max())
                    # Its gradient is of the result as it was rounded.
                    scale *= 30 if (name, what) == ("logsumexp", "x") else 1
                    text = f"{name} {shape} {dtype} {what}"
                    np.testing.assert_allclose(f, w, rtol=0, atol=error * scale, err_msg=text)
print("done")
"""


def test_softmax_of_all_sizes_and_places(tmp_path: Path) -> None:
    done = python(["-c", SOFTMAX], tmp_path)
    assert done.returncode == 0 and done.stdout == "done\n", done.stdout + done.stderr


ACTIVATIONS = """
import numpy as np
import candelabra as cb
from candelabra.nn import functional as F

rng = np.random.default_rng(0)
FUNCTIONS = (F.gelu, F.silu, F.mish, F.softplus, lambda x: F.gelu(x, approximate="tanh"))
for size in (1, 3, 8, 1000, 4099):
    values = rng.standard_normal(size) * 3
    for dtype, error in ((cb.float32, 1e-5), (cb.float64, 1e-12), (cb.float16, 4e-3), (cb.bfloat16, 4e-2)):
        for apart in (0, 1):
            for function in FUNCTIONS:
                found = []
                for device, to in (("cpu", cb.float64), ("cuda", dtype)):
                    flat = cb.tensor(np.append(np.zeros(apart), values), dtype=dtype).to(device).to(to)
                    x = flat[apart:].requires_grad_()
                    y = function(x)
                    y.sum().backward()
                    found.append([t.detach().cpu().double().numpy() for t in (y, x.grad)])
                for wanted, got in zip(*found, strict=True):
                    gap = np.abs(wanted - got).max() / max(1.0, np.abs(wanted).max())
                    assert gap <= error, (size, dtype, apart, function, gap)
print("done")
"""


def test_activations_of_all_sizes_and_places(tmp_path: Path) -> None:
    done = python(["-c", ACTIVATIONS], tmp_path)
    assert done.returncode == 0 and done.stdout == "done\n", done.stdout + done.stderr
