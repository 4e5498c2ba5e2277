"""oneDNN's kernels against NumPy's, their derivatives, and what they must leave to the backend."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import candelabra as cb
import candelabra_onednn
import numpy as np
import pytest
from candelabra import nn
from candelabra.core.device import as_device
from candelabra.core.implementation import Implementation, implementation
from candelabra.core.primitives import TABLE
from candelabra_onednn import (
    attention,
    convolution,
    library,
    normalization,
    pointwise,
    pooling,
    primitive,
    products,
)

F = nn.functional
pytestmark = pytest.mark.skipif(library.load() is None, reason="oneDNN is not installed here, or does not load")
rng = np.random.default_rng(0)


SIZES = (
    (attention, "_SMALL"), (convolution, "_SMALL"), (products, "_SMALL"), (pointwise, "_FEW"), (normalization, "_FEW"),
    (pooling, "_FEW"),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _everything_is_large_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in SIZES:
        monkeypatch.setattr(module, name, 0)
    monkeypatch.setattr(convolution, "_WIDE_THREADS", 0)


def tensors(*shapes: tuple[int, ...]) -> list[cb.Tensor]:
    return [cb.asarray(rng.standard_normal(s), dtype=cb.float32, requires_grad=True) for s in shapes]


def channels_last(x: cb.Tensor) -> cb.Tensor:
    """The same values, with the channels last in memory."""
    axes = x.ndim
    moved = cb.permute_dims(x, (0, *range(2, axes), 1)).clone()
    return cb.permute_dims(moved, (0, axes - 1, *range(1, axes - 1)))


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
    "conv2d of channels that are last": (
        lambda x, w, b: F.conv2d(channels_last(x), w, b, padding=1), (2, 5, 9, 8), (7, 5, 3, 3), (7,)
    ),
    "conv1d of channels that are last": (lambda x, w: F.conv1d(channels_last(x), w), (2, 5, 9), (7, 5, 3)),
    "conv_transpose2d of channels that are last": (
        lambda x, w: F.conv_transpose2d(channels_last(x), w, stride=2), (2, 4, 5, 6), (4, 3, 3, 3)
    ),
    "batch norm of channels that are last": (
        lambda x, w, b: F.batch_norm(channels_last(x), None, None, w, b, training=True), (3, 5, 4, 6), (5,), (5,)
    ),
    "batch norm without a weight": (
        lambda x: F.batch_norm(channels_last(x), None, None, training=True), (3, 5, 4, 6)
    ),
    "average pooling": (lambda x: F.avg_pool2d(x, 3, 2, padding=1), (2, 3, 9, 8)),
    "average pooling of what is inside": (
        lambda x: F.avg_pool2d(x, 3, 2, padding=1, count_include_pad=False, ceil_mode=True), (2, 3, 9, 8)
    ),
    "average pooling, the size rounded up": (lambda x: F.avg_pool2d(x, 3, 2, padding=1, ceil_mode=True), (2, 3, 9, 8)),
    "average pooling over one axis": (lambda x: F.avg_pool1d(x, 4, 3), (2, 3, 13)),
    "average pooling over three axes": (lambda x: F.avg_pool3d(x, 2), (2, 3, 5, 6, 4)),
    "average pooling of channels that are last": (lambda x: F.avg_pool2d(channels_last(x), 2), (2, 3, 8, 8)),
    "maximum pooling": (lambda x: F.max_pool2d(x, 2), (2, 3, 9, 8)),
    "maximum pooling that overlaps": (lambda x: F.max_pool2d(x, 3, 2, padding=1, ceil_mode=True), (2, 3, 9, 8)),
    "maximum pooling that is dilated": (lambda x: F.max_pool2d(x, 2, 1, dilation=2), (2, 3, 9, 8)),
    "maximum pooling over one axis": (lambda x: F.max_pool1d(x, 3, 2), (2, 3, 13)),
    "maximum pooling over three axes": (lambda x: F.max_pool3d(x, 2), (2, 3, 5, 6, 4)),
    "maximum pooling of channels that are last": (lambda x: F.max_pool2d(channels_last(x), 3, 2), (2, 3, 9, 8)),
    "softmax": (lambda x: F.softmax(x, dim=-1), (5, 3, 7)),
    "softmax over another axis": (lambda x: F.softmax(x, dim=1), (5, 3, 7)),
    "log_softmax": (lambda x: F.log_softmax(x, dim=-1), (5, 7)),
    "attention": (F.scaled_dot_product_attention, (2, 3, 5, 4), (2, 3, 6, 4), (2, 3, 6, 7)),
    "attention of heads inside rows": (
        lambda q, k, v: F.scaled_dot_product_attention(*(x.transpose(1, 2) for x in (q, k, v))),
        (2, 5, 3, 4), (2, 6, 3, 4), (2, 6, 3, 4),
    ),
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


@pytest.mark.parametrize("options", [{}, {"bidirectional": True, "num_layers": 2}, {"bias": False}])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrent_layers(kind: Any, options: dict[str, Any]) -> None:
    layer, wide = kind(5, 6, **options), kind(5, 6, **options).double()
    wide.load_state_dict({k: v.double() for k, v in layer.state_dict().items()})
    (x,) = tensors((7, 3, 5))
    far = x.detach().double().requires_grad_()
    outputs = []
    for model, given in ((layer, x), (wide, far)):
        out, last = model(given)
        states = last if isinstance(last, tuple) else (last,)
        sum(((s * s * (i + 1)).sum() for i, s in enumerate(states)), (out * out).sum()).backward()
        outputs.append([out, *states])
    with cb.no_grad():
        assert bool((layer(x)[0] == outputs[0][0]).all())
    for near, exact in zip(*outputs, strict=True):
        np.testing.assert_allclose(np.asarray(near.detach()), np.asarray(exact.detach()), atol=1e-5)
    for near, exact in [(x, far), *zip(layer.parameters(), wide.parameters(), strict=True)]:
        np.testing.assert_allclose(np.asarray(near.grad), np.asarray(exact.grad), atol=2e-5, rtol=1e-4)


def test_a_relu_layer_and_packed_sequences_are_the_backends_own() -> None:
    before = len(primitive.CACHE.made)
    x, _ = tensors((7, 3, 5), (1,))
    assert nn.RNN(5, 6, nonlinearity="relu")(x)[0].shape == (7, 3, 6)
    packed = nn.utils.rnn.pack_padded_sequence(x, cb.tensor([7, 4, 2]))
    assert nn.GRU(5, 6)(packed)[1].shape == (1, 3, 6)
    assert len(primitive.CACHE.made) == before


def test_results_lie_as_the_input_does() -> None:
    assert channels_last(tensors((2, 5, 9, 8))[0]).array.strides[1] == 4
    x, w = tensors((2, 5, 9, 8), (7, 5, 3, 3))
    how: Any = {"kernel_size": (2, 2), "stride": (2, 2), "padding": (0, 0), "dilation": (1, 1), "ceil_mode": False}
    for given, order in ((channels_last(x), (0, 2, 3, 1)), (x, (0, 1, 2, 3))):
        found = F.conv2d(given, w).array
        # Asked for itself: another plugin may pool, too.
        pooled = pooling.max_pool(found, **how)
        assert found.transpose(order).flags.c_contiguous and pooled.transpose(order).flags.c_contiguous


def test_wide_layers_are_left_to_the_backends_transforms(monkeypatch: pytest.MonkeyPatch) -> None:
    x, w = tensors((1, 64, 24, 24), (64, 64, 3, 3))
    ours = implementation(TABLE["conv"], x.device)
    assert F.conv2d(x, w, padding=1).node.impl is ours
    monkeypatch.setattr(convolution, "_WIDE_THREADS", 1 << 10)
    assert F.conv2d(x, w, padding=1).node.impl is ours.generic
    assert F.conv2d(channels_last(x), w, padding=1).node.impl is ours
    assert F.conv2d(x, w, stride=2).node.impl is ours


def test_what_it_serves_it_does() -> None:

    before = len(primitive.CACHE.made)
    x, w = tensors((2, 3, 11, 13), (5, 3, 3, 3))
    y = F.conv2d(x, w)
    (y * y).sum().backward()
    assert len(primitive.CACHE.made) == before + 3
    assert all(p is not None for _, p in list(primitive.CACHE.made.values())[before:])
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
    assert cb.isnan(F.softmax(x, dim=1)).tolist() == [[False] * 6, [True] * 6, [False] * 6, [False] * 6]
    assert cb.isnan(F.log_softmax(x, dim=1))[1].tolist() == [True] * 6
    plane = x.reshape(1, 1, 4, 6)
    assert (~cb.isfinite(F.max_pool2d(plane, 2))).sum() == (~cb.isfinite(F.avg_pool2d(plane, 2))).sum() == 1
    assert F.max_pool2d(plane * 0 - math.inf, 2).isnan().sum() == 1
    keys = x.reshape(1, 4, 6)
    assert not cb.isfinite(F.scaled_dot_product_attention(cb.ones((1, 2, 6)), keys, keys)).all()
    hidden = nn.GRU(6, 3)(x.reshape(4, 1, 6))[0]
    assert cb.isfinite(hidden[0]).all() and (bad == math.inf or cb.isnan(hidden[1:]).all())
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


def test_threads_of_their_own_follow_too() -> None:
    before, loaded = cb.get_num_threads(), library.load()
    assert loaded is not None
    counts: list[int] = []
    try:
        cb.set_num_threads(1)
        thread = threading.Thread(target=lambda: counts.append(loaded.threads()))
        thread.start()
        thread.join()
    finally:
        cb.set_num_threads(before)
    assert counts == [1]


def test_devices_say_how_it_computes() -> None:
    facts = as_device("cpu").backend.describe()
    assert facts["onednn"].startswith(f"{cb.get_num_threads()} threads of OpenMP")


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
    modules = ", ".join(sorted({module.__name__.rpartition(".")[2] for module, _ in SIZES}))
    sizes = "".join(f"{module.__name__.rpartition('.')[2]}.{name} = 0\n" for module, name in SIZES)
    (tmp_path / "everything.py").write_text(
        f"from candelabra_onednn import {modules}\n{sizes}convolution._WIDE_THREADS = 0\n"
    )
    rows = [spec.row for spec in candelabra_onednn.candelabra_kernels()]
    command = [
        sys.executable, "-m", "candelabra", "conformance", "cpu", "-p", "everything", "-p", "no:cacheprovider",
        "-k", " or ".join(f"cpu-{row}]" for row in rows),
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    environment.pop("CANDELABRA_DISABLE_PLUGINS", None)
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
