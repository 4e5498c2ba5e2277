"""oneDNN's kernels against NumPy's, their derivatives, and what they must leave to the backend."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn
from candelabra.core.implementation import Implementation, implementation
from candelabra.core.primitives import TABLE
from candelabra_onednn import convolution, library, pointwise, primitive, products

F = nn.functional
pytestmark = pytest.mark.skipif(library.load() is None, reason="oneDNN is not installed here, or does not load")
rng = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _everything_is_large_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((convolution, "_SMALL"), (products, "_SMALL"), (pointwise, "_FEW")):
        monkeypatch.setattr(module, name, 0)


def tensors(*shapes: tuple[int, ...]) -> list[cb.Tensor]:
    return [cb.asarray(rng.standard_normal(s), dtype=cb.float32, requires_grad=True) for s in shapes]


def without(function: Any, *operands: cb.Tensor) -> list[np.ndarray]:
    """What a function and its gradients are in double precision, where the plugin has no say."""
    wide = [x.detach().to(cb.float64).requires_grad_() for x in operands]
    return run(function, *wide)


def run(function: Any, *operands: cb.Tensor) -> list[np.ndarray]:
    found = function(*operands)
    outputs = list(found) if isinstance(found, tuple) else [found]
    total: Any = sum((o * o * (1 + 0.1 * o)).sum() for o in outputs)
    grads = cb.grad([total], list(operands))
    return [np.asarray(t.detach()) for t in (*outputs, *grads)]


CASES = {
    "conv1d": (lambda x, w, b: F.conv1d(x, w, b, stride=2, padding=1), (3, 4, 17), (6, 4, 3), (6,)),
    "conv2d": (lambda x, w, b: F.conv2d(x, w, b, padding=1), (2, 5, 9, 8), (7, 5, 3, 3), (7,)),
    "conv2d without bias": (lambda x, w: F.conv2d(x, w), (2, 5, 9, 8), (7, 5, 1, 1)),
    "conv2d in groups": (lambda x, w: F.conv2d(x, w, groups=2, dilation=(1, 2)), (2, 4, 9, 8), (6, 2, 3, 2)),
    "depthwise": (lambda x, w: F.conv2d(x, w, groups=4, padding=1), (2, 4, 9, 8), (4, 1, 3, 3)),
    "conv3d": (lambda x, w, b: F.conv3d(x, w, b, stride=(1, 2, 1)), (2, 3, 5, 6, 7), (4, 3, 2, 3, 2), (4,)),
    "conv_transpose2d": (lambda x, w: F.conv_transpose2d(x, w, stride=2, padding=1), (2, 4, 5, 6), (4, 3, 3, 3)),
    "conv of a transposed input": (lambda x, w: F.conv2d(x.mT, w), (2, 3, 6, 7), (4, 3, 3, 3)),
    "linear": (F.linear, (3, 5, 8), (6, 8), (6,)),
    "linear without bias": (F.linear, (7, 8), (6, 8)),
    "matmul": (lambda x, y: x @ y, (7, 8), (8, 5)),
    "matmul of transposes": (lambda x, y: x.mT @ y.mT, (2, 8, 7), (2, 5, 8)),
    "matmul that broadcasts": (lambda x, y: x @ y, (3, 1, 7, 8), (2, 8, 5)),
    "matmul of a slice": (lambda x, y: x[:, ::2] @ y, (7, 8), (4, 5)),
    "matmul of one row": (lambda x, y: x @ y, (1, 8), (8, 1)),
    "gelu": (lambda x: F.gelu(x), (5, 7)),
    "gelu by tanh": (lambda x: F.gelu(x, approximate="tanh"), (5, 7)),
    "layer norm": (lambda x, w, b: F.layer_norm(x, (7,), w, b), (5, 7), (7,), (7,)),
    "layer norm of two axes": (lambda x, w: F.layer_norm(x, (3, 7), w), (5, 3, 7), (3, 7)),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name: str) -> None:
    function, *shapes = CASES[name]
    operands = tensors(*shapes)
    for found, wanted in zip(run(function, *operands), without(function, *operands), strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, wanted, atol=3e-5 * max(1.0, np.abs(wanted).max()), rtol=0)


@pytest.mark.parametrize("reverse", [False, True])
def test_lstm(reverse: bool) -> None:
    layer = nn.LSTM(5, 6, num_layers=2, bidirectional=reverse)
    wide = nn.LSTM(5, 6, num_layers=2, bidirectional=reverse).double()
    wide.load_state_dict({k: v.double() for k, v in layer.state_dict().items()})
    (x,) = tensors((7, 3, 5))
    far = x.detach().double().requires_grad_()
    for model, given in ((layer, x), (wide, far)):
        out, (h, c) = model(given)
        ((out * out).sum() + (h * c).sum()).backward()
    pairs = [(x, far), *zip(layer.parameters(), wide.parameters(), strict=True)]
    for near, exact in pairs:
        np.testing.assert_allclose(np.asarray(near.grad), np.asarray(exact.grad), atol=2e-5, rtol=1e-4)


def test_what_it_serves_it_does() -> None:

    before = len(primitive.CACHE.made)
    x, w = tensors((2, 3, 11, 13), (5, 3, 3, 3))
    y = F.conv2d(x, w)
    (y * y).sum().backward()
    assert len(primitive.CACHE.made) == before + 3
    assert all(p is not None for p in primitive.CACHE.made.values())
    F.conv2d(x, w)
    assert len(primitive.CACHE.made) == before + 3
    assert y.node.impl is implementation(TABLE["conv"], x.device)


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (lambda x, w: F.conv2d(x, w), ((2, 3, 6, 6), (4, 3, 3, 3))),
        (lambda x, y: x @ y, ((8, 9), (9, 8))),
        (lambda x: F.gelu(x), ((9, 9),)),
    ],
)
def test_other_dtypes_are_the_backends_own(function: Any, shapes: Any) -> None:
    before = len(primitive.CACHE.made)
    wide = [x.detach().double() for x in tensors(*shapes)]
    assert function(*wide).dtype is cb.float64
    assert len(primitive.CACHE.made) == before


def test_what_it_declines_the_backend_does_by_its_own_kernel() -> None:
    x = tensors((2, 3, 6, 6))[0].detach().double().requires_grad_()
    w = tensors((4, 3, 3, 3))[0].detach().double().requires_grad_()
    y = F.conv2d(x, w)
    under = implementation(TABLE["conv"], x.device).generic
    assert isinstance(under, Implementation) and y.node.impl is under and under.source == "kernel"


@pytest.mark.parametrize("shape", [(0, 3, 6, 6), (2, 3, 3, 3)])
def test_edges(shape: tuple[int, ...]) -> None:
    x, w = tensors(shape, (4, 3, 3, 3))
    y = F.conv2d(x, w)
    y.sum().backward()
    assert y.shape == (shape[0], 4, shape[2] - 2, shape[3] - 2) and w.grad is not None
    assert (cb.zeros((0, 4)) @ cb.zeros((4, 3))).shape == (0, 3)
    assert (cb.zeros((2, 0)) @ cb.zeros((0, 3))).tolist() == [[0.0] * 3] * 2


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_stays_so(bad: float) -> None:
    x = cb.ones((4, 6))
    x[1, 2] = bad
    assert not bool(cb.isfinite(F.gelu(x))[1, 2])
    assert cb.isfinite(x @ cb.ones((6, 2))).tolist() == [[True] * 2, [False] * 2, [True] * 2, [True] * 2]
    assert cb.isnan(F.layer_norm(x, (6,)))[1].tolist() == [True] * 6
    image = cb.ones((1, 1, 5, 5))
    image[0, 0, 2, 2] = bad
    assert int((~cb.isfinite(F.conv2d(image, cb.ones((1, 1, 3, 3))))).sum()) == 9


def test_many_threads_share_primitives() -> None:
    operands = [tensors((2, 3, 8, 8), (4, 3, 3, 3)) for _ in range(4)]
    wanted = [np.asarray(F.conv2d(x, w).detach()) for x, w in operands]
    wrong: list[int] = []

    def work(i: int) -> None:
        for _ in range(40):
            if not np.array_equal(np.asarray(F.conv2d(*operands[i]).detach()), wanted[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_number_of_threads_is_candelabras() -> None:
    before = cb.get_num_threads()
    loaded = library.load()
    assert loaded is not None
    try:
        cb.set_num_threads(1)
        assert loaded.threads() == 1
        x, w = tensors((2, 3, 8, 8), (4, 3, 3, 3))
        assert F.conv2d(x, w).shape == (2, 4, 6, 6)
    finally:
        cb.set_num_threads(before)
    assert loaded.threads() == before


FORKED = """
import os, candelabra as cb
x = cb.randn(64, 256); w = cb.randn(256, 256)
y = x @ w
child = os.fork()
if not child:
    os._exit(0 if bool(((x @ w) == y).all()) else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_computes_on() -> None:
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "0", done.stderr


def test_the_cache_forgets_the_oldest() -> None:
    cache = primitive.Cache(2)
    made: list[int] = []
    for i in (1, 2, 1, 3, 1, 2):
        cache.get(library.load(), (i,), lambda i=i: made.append(i))  # type: ignore[arg-type,misc]
    assert made == [1, 2, 3, 2]


def test_conformance_of_its_rows(tmp_path: Path) -> None:
    (tmp_path / "everything.py").write_text(
        "from candelabra_onednn import convolution, pointwise, products\n"
        "convolution._SMALL = products._SMALL = pointwise._FEW = 0\n"
    )
    rows = ("conv", "conv_input", "conv_weight", "linear", "matmul", "gelu", "layer_norm", "lstm")
    command = [
        sys.executable, "-m", "candelabra", "conformance", "cpu", "-p", "everything", "-p", "no:cacheprovider",
        "-k", " or ".join(f"cpu-{row}]" for row in rows),
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    environment.pop("CANDELABRA_DISABLE_PLUGINS", None)
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
