"""The rows of neural networks, called directly: values, gradients and second derivatives against PyTorch's."""

from __future__ import annotations

import functools
import math

import candelabra as cb
import numpy as np
import pytest

rng = np.random.default_rng(0)


def normal(*shape):
    return rng.standard_normal(shape)


X, LONG = normal(5, 4), normal(3, 6, 7)
TARGET = np.array([0, 3, 1, 2, 3])
WEIGHT = np.abs(normal(4)) + 0.1
IMAGE = normal(2, 4, 7, 6)


def f(t):
    return t.nn.functional


def case(name, ours, theirs, *inputs, **options):
    return pytest.param(ours, theirs, inputs, options, id=name)


ACTIVATIONS = [
    case("relu", cb.relu, lambda t, x: f(t).relu(x), X),
    case("gelu", cb.gelu, lambda t, x: f(t).gelu(x), X),
    case("gelu by tanh", lambda x: cb.gelu(x, approximate="tanh"), lambda t, x: f(t).gelu(x, approximate="tanh"), X),
    case("gelu far out", cb.gelu, lambda t, x: f(t).gelu(x), X * 20),
    case("silu", cb.silu, lambda t, x: f(t).silu(x), X),
    case("mish", cb.mish, lambda t, x: f(t).mish(x), X),
    case("softplus", cb.softplus, lambda t, x: f(t).softplus(x), X * 15),
    case("softplus with beta", lambda x: cb.softplus(x, beta=2.0, threshold=3.0),
         lambda t, x: f(t).softplus(x, 2.0, 3.0), X * 3),
    case("leaky_relu", lambda x: cb.leaky_relu(x, negative_slope=0.2), lambda t, x: f(t).leaky_relu(x, 0.2), X),
    case("elu", lambda x: cb.elu(x, alpha=0.7), lambda t, x: f(t).elu(x, 0.7), X),
    case("softmax", lambda x: cb.softmax(x, axis=1), lambda t, x: f(t).softmax(x, 1), LONG),
    case("softmax of large values", lambda x: cb.softmax(x, axis=-1), lambda t, x: f(t).softmax(x, -1), LONG * 300),
    case("softmax with a mask", lambda x, m: cb.softmax(cb.where(m, x, -math.inf), axis=1),
         lambda t, x, m: f(t).softmax(t.where(m, x, -math.inf), 1), X, np.tri(5, 4) > 0),
    case("log_softmax", lambda x: cb.log_softmax(x, axis=0), lambda t, x: f(t).log_softmax(x, 0), LONG),
    case("logsumexp", lambda x: cb.logsumexp(x, axis=(0, 2), keepdims=True),
         lambda t, x: t.logsumexp(x, (0, 2), True), LONG),
    case("linear", cb.linear, lambda t, *a: f(t).linear(*a), normal(2, 3, 4), normal(5, 4), normal(5)),
    case("linear without bias", cb.linear, lambda t, *a: f(t).linear(*a), normal(3, 4), normal(5, 4)),
    case("linear of a vector", cb.linear, lambda t, *a: f(t).linear(*a), normal(4), normal(5, 4), normal(5)),
    case("linear of nothing", cb.linear, lambda t, *a: f(t).linear(*a), normal(0, 4), normal(5, 4), normal(5)),
    case("mse_loss", lambda x, y: cb.mse_loss(x, y), lambda t, x, y: f(t).mse_loss(x, y), X, normal(5, 4)),
    case("mse_loss, sum", lambda x, y: cb.mse_loss(x, y, reduction="sum"),
         lambda t, x, y: f(t).mse_loss(x, y, reduction="sum"), X, normal(5, 4)),
    case("mse_loss, none", lambda x, y: cb.mse_loss(x, y, reduction="none"),
         lambda t, x, y: f(t).mse_loss(x, y, reduction="none"), X, normal(5, 4)),
]  # fmt: skip
NORMS = [
    case("layer_norm", lambda x, w, b: cb.layer_norm(x, w, b),
         lambda t, x, w, b: f(t).layer_norm(x, (7,), w, b), LONG, normal(7), normal(7)),
    case("layer_norm over two axes", lambda x, w, b: cb.layer_norm(x, w, b, axes=2),
         lambda t, x, w, b: f(t).layer_norm(x, (6, 7), w, b), LONG, normal(6, 7), normal(6, 7)),
    case("layer_norm without weights", lambda x: cb.layer_norm(x, eps=0.1),
         lambda t, x: f(t).layer_norm(x, (7,), eps=0.1), LONG),
    case("layer_norm without a bias", lambda x, w: cb.layer_norm(x, w),
         lambda t, x, w: f(t).layer_norm(x, (7,), w), LONG, normal(7)),
    case("batch_norm of images", lambda x, w, b: cb.batch_norm(x, w, b)[0],
         lambda t, x, w, b: f(t).batch_norm(x, None, None, w, b, True), IMAGE, normal(4), normal(4)),
    case("batch_norm of rows", lambda x: cb.batch_norm(x, eps=0.1)[0],
         lambda t, x: f(t).batch_norm(x, None, None, training=True, eps=0.1), X),
    case("batch_norm of sequences", lambda x, w, b: cb.batch_norm(x, w, b)[0],
         lambda t, x, w, b: f(t).batch_norm(x, None, None, w, b, True), LONG, normal(6), normal(6)),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("ours", "theirs", "inputs", "options"), ACTIVATIONS)
def test_activations(compare, ours, theirs, inputs, options, dtype):
    compare(ours, theirs, *inputs, **options, dtype=dtype, tolerance=1 if dtype == "float64" else 3)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("ours", "theirs", "inputs", "options"), NORMS)
def test_norms(compare, ours, theirs, inputs, options, dtype):
    compare(ours, theirs, *inputs, **options, dtype=dtype, tolerance=1 if dtype == "float64" else 5)


def test_batch_statistics(torch):
    _, mean, var = cb.batch_norm(cb.tensor(IMAGE))
    x = torch.tensor(IMAGE)
    assert np.allclose(mean.numpy(), x.mean((0, 2, 3))) and np.allclose(var.numpy(), x.var((0, 2, 3), correction=0))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("ignored", [-100, 3])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy(compare, reduction, weighted, smoothing, ignored, dtype):
    how = {"ignore_index": ignored, "reduction": reduction, "label_smoothing": smoothing}
    weight = WEIGHT.astype(dtype)

    def entropy(t, function):
        return lambda x: function(x, t.tensor(TARGET), t.tensor(weight) if weighted else None, **how)

    compare(
        entropy(cb, cb.cross_entropy), lambda t, x: entropy(t, f(t).cross_entropy)(x), X,
        dtype=dtype, order=2 if dtype == "float64" else 1,
    )  # fmt: skip


ENTROPIES = [
    ("of images", IMAGE, rng.integers(0, 4, (2, 7, 6)), 2),
    ("of one example", X[0], np.asarray(2), 2),
    ("of large values", X * 500, TARGET, 2),
    ("with nothing but ignored targets", X, np.full(5, -100), 1),
]


@pytest.mark.parametrize(("x", "target", "order"), [pytest.param(*c[1:], id=c[0]) for c in ENTROPIES])
def test_cross_entropy_of_other_inputs(compare, x, target, order):
    compare(cb.cross_entropy, lambda t, x, y: f(t).cross_entropy(x, y), x, target, order=order)


CONVOLUTIONS = [
    (IMAGE, normal(5, 4, 3, 3), {}),
    (IMAGE, normal(5, 4, 3, 3), {"padding": 1}),
    (IMAGE, normal(5, 4, 3, 2), {"stride": 2, "padding": (1, 0)}),
    (IMAGE, normal(5, 4, 3, 3), {"dilation": 2, "padding": 2}),
    (IMAGE, normal(6, 2, 3, 3), {"groups": 2, "padding": 1}),
    (IMAGE, normal(4, 1, 3, 3), {"groups": 4, "stride": (2, 3)}),
    (IMAGE, normal(5, 4, 1, 1), {}),
    (IMAGE, normal(5, 4, 1, 1), {"stride": 2}),
    (IMAGE, normal(5, 4, 7, 6), {}),
    (IMAGE, normal(5, 4, 5, 5), {"padding": 4, "stride": 3}),
    (normal(3, 1, 8, 8), normal(8, 1, 3, 3), {"padding": 1}),
    (normal(1, 8, 12, 12), normal(16, 8, 3, 3), {"padding": 1}),
    (normal(0, 4, 7, 6), normal(5, 4, 3, 3), {}),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("image", "kernel", "options"), CONVOLUTIONS)
def test_conv2d(compare, image, kernel, options, dtype):
    ours = dict(options)
    if "padding" in ours:
        pair = ours["padding"] if isinstance(ours["padding"], tuple) else (ours["padding"],) * 2
        ours["padding"] = tuple((p, p) for p in pair)
    for bias in ([], [normal(kernel.shape[0])]):
        compare(
            lambda x, w, *b: cb.conv(x, w, *b, **ours), lambda t, x, w, *b: f(t).conv2d(x, w, *b, **options),
            image, kernel, *bias, dtype=dtype, order=2 if dtype == "float64" else 1, tolerance=5,
        )  # fmt: skip


def test_conv2d_third_order_and_asymmetric_padding(compare):
    image, kernel = normal(1, 2, 5, 5), normal(2, 2, 3, 3)
    compare(lambda x, w: cb.tanh(cb.conv(x, w)), lambda t, x, w: t.tanh(f(t).conv2d(x, w)), image, kernel, order=3)
    compare(
        lambda x, w: cb.conv(x, w, padding=((1, 0), (2, 1))),
        lambda t, x, w: f(t).conv2d(f(t).pad(x, (2, 1, 1, 0)), w), image, kernel,
    )  # fmt: skip


POOLS = [
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 2},
    {"kernel_size": (3, 2), "stride": (1, 2), "padding": (1, 0)},
    {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    {"kernel_size": (7, 6)},
    {"kernel_size": 2, "stride": 3, "ceil_mode": True},
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("options", POOLS, ids=str)
def test_pools(compare, options, dtype):
    compare(lambda x: cb.max_pool(x, **options), lambda t, x: f(t).max_pool2d(x, **options), IMAGE, dtype=dtype)
    compare(
        lambda x: cb.max_pool_with_indices(x, **options),
        lambda t, x: f(t).max_pool2d(x, **options, return_indices=True), IMAGE, dtype=dtype, order=1,
    )  # fmt: skip
    ties = np.round(IMAGE)
    compare(lambda x: cb.max_pool(x, **options), lambda t, x: f(t).max_pool2d(x, **options), ties, order=1)
    for more in ({}, {"count_include_pad": False}, {"divisor_override": 3}):
        how = {**options, **more}
        compare(lambda x: cb.avg_pool(x, **how), lambda t, x: f(t).avg_pool2d(x, **how), IMAGE, dtype=dtype)  # noqa: B023


def test_max_pool_with_dilation(compare):
    how = {"kernel_size": 2, "stride": 1, "dilation": 2}
    compare(lambda x: cb.max_pool(x, **how), lambda t, x: f(t).max_pool2d(x, **how), IMAGE)


def test_max_pool_of_nan(compare):
    image = IMAGE.copy()
    image[0, 0, 2, 3] = np.nan
    compare(lambda x: cb.max_pool(x, kernel_size=2), lambda t, x: f(t).max_pool2d(x, 2), image, order=1)


INDICES = np.array([[1, 0, 4], [4, 4, 2]])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_embedding_and_lookups(compare, dtype):
    weight = normal(5, 3)
    for pad in (None, 4, -1, 0):
        compare(
            lambda w, i: cb.embedding(w, i, padding_idx=pad), lambda t, w, i: f(t).embedding(i, w, padding_idx=pad),  # noqa: B023
            weight, INDICES, dtype=dtype,
        )  # fmt: skip
    compare(lambda w, i: cb.take(w, i, axis=0), lambda t, w, i: w[i], weight, INDICES, dtype=dtype)
    compare(
        lambda x, i, s: cb.index_add(x, i, s, axis=1), lambda t, x, i, s: t.index_add(x, 1, i, s),
        normal(3, 5), np.array([1, 1, 4, 0]), normal(3, 4), dtype=dtype,
    )  # fmt: skip


def attended(t, q, k, v, mask=None, **how):
    return f(t).scaled_dot_product_attention(q, k, v, mask, **how)


ATTENTION = [
    case("plain", lambda *a: cb.attention(*a),
         lambda t, *a: attended(t, *a), normal(2, 3, 5, 4), normal(2, 3, 6, 4), normal(2, 3, 6, 7)),
    case("of three axes", lambda *a: cb.attention(*a),
         lambda t, *a: attended(t, *a), normal(3, 5, 4), normal(3, 6, 4), normal(3, 6, 4)),
    case("causal", lambda *a: cb.attention(*a, is_causal=True),
         lambda t, *a: attended(t, *a, is_causal=True), normal(2, 2, 6, 4), normal(2, 2, 6, 4), normal(2, 2, 6, 4)),
    case("scaled", lambda *a: cb.attention(*a, scale=0.3),
         lambda t, *a: attended(t, *a, scale=0.3), normal(2, 2, 5, 4), normal(2, 2, 6, 4), normal(2, 2, 6, 4)),
    case("added mask", lambda *a: cb.attention(*a),
         lambda t, *a: attended(t, *a), normal(2, 2, 5, 4), normal(2, 2, 6, 4), normal(2, 2, 6, 4), normal(5, 6)),
    case("mask per head", lambda *a: cb.attention(*a),
         lambda t, *a: attended(t, *a), normal(2, 2, 5, 4), normal(2, 2, 6, 4), normal(2, 2, 6, 4), normal(2, 1, 1, 6)),
    case("boolean mask", lambda *a: cb.attention(*a),
         lambda t, *a: attended(t, *a), normal(2, 2, 5, 4), normal(2, 2, 6, 4), normal(2, 2, 6, 4), np.tri(5, 6) > 0),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("ours", "theirs", "inputs", "options"), ATTENTION)
def test_attention(compare, torch, ours, theirs, inputs, options, dtype):
    # PyTorch's fused kernels have no second derivative.
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        compare(ours, theirs, *inputs, **options, dtype=dtype, order=2 if dtype == "float64" else 1, tolerance=5)


def test_attention_without_a_place_to_look_at_gives_zeros():
    q = cb.tensor(normal(1, 2, 4), requires_grad=True)
    mask = cb.tensor([[True, False], [False, False]])
    out = cb.attention(q, q, q, mask)
    (g,) = cb.grad(out.sum(), q)
    assert out[0, 1].tolist() == [0.0] * 4 and np.isfinite(g.numpy()).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_lstm(compare, torch, bias, reverse, dtype):
    def theirs(t, x, h, c, w_ih, w_hh, *biases):
        weights = [w_ih, w_hh, *biases]
        x = x.flip(0) if reverse else x
        out, h, c = t.lstm(x, (h[None], c[None]), weights, bias, 1, 0.0, False, False, False)
        return out.flip(0) if reverse else out, h[0], c[0]

    inputs = [normal(4, 3, 5), normal(3, 2), normal(3, 2), normal(8, 5), normal(8, 2)]
    if bias:
        inputs += [normal(8), normal(8)]
    order = 2 if dtype == "float64" else 1
    compare(lambda *a: cb.lstm(*a, reverse=reverse), theirs, *inputs, dtype=dtype, order=order, tolerance=5)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kind", ["gru", "rnn_tanh", "rnn_relu"])
def test_gru_and_rnn(compare, torch, kind, bias, reverse, dtype):
    def theirs(t, x, h, w_ih, w_hh, *biases):
        x = x.flip(0) if reverse else x
        out, h = getattr(t, kind)(x, h[None], [w_ih, w_hh, *biases], bias, 1, 0.0, False, False, False)
        return out.flip(0) if reverse else out, h[0]

    rows = 6 if kind == "gru" else 2
    inputs = [normal(4, 3, 5), normal(3, 2), normal(rows, 5), normal(rows, 2)]
    if bias:
        inputs += [normal(rows), normal(rows)]
    name, _, nonlinearity = kind.partition("_")
    how = {"nonlinearity": nonlinearity} if nonlinearity else {}
    order = 2 if dtype == "float64" else 1
    ours = functools.partial(getattr(cb, name), reverse=reverse, **how)
    compare(ours, theirs, *inputs, dtype=dtype, order=order, tolerance=5)


def test_dropout_keeps_the_mean_and_scales_the_gradient(torch):
    x = cb.ones(100_000, requires_grad=True)
    y = cb.dropout(x, p=0.3)
    kept = y.detach().numpy() != 0
    assert abs(kept.mean() - 0.7) < 0.01 and np.allclose(y.detach().numpy()[kept], 1 / 0.7)
    y.sum().backward()
    assert np.allclose(x.grad.numpy(), y.detach().numpy())


NARROW = {
    "add": lambda t, f, x, w: x + 2 * x,
    "multiply and sum": lambda t, f, x, w: (x * x).sum(1),
    "exp": lambda t, f, x, w: t.exp(x),
    "matmul": lambda t, f, x, w: x @ w,
    "linear": lambda t, f, x, w: f.linear(x, w),
    "mean": lambda t, f, x, w: x.mean(),
    "relu": lambda t, f, x, w: f.relu(x),
    "gelu": lambda t, f, x, w: f.gelu(x),
    "tanh": lambda t, f, x, w: t.tanh(x),
    "softmax": lambda t, f, x, w: f.softmax(x, -1),
    "log_softmax": lambda t, f, x, w: f.log_softmax(x, -1) * x,
    "softmax over the first axis": lambda t, f, x, w: f.softmax(x, 0) * x,
    "log_softmax over the first axis": lambda t, f, x, w: f.log_softmax(x, 0) * x,
    "logsumexp": lambda t, f, x, w: t.logsumexp(x, 0),
    "conv2d": lambda t, f, x, w: f.conv2d(x.reshape(1, 1, 5, 4), w.reshape(1, 1, 4, 4), padding=1),
    "max_pool2d": lambda t, f, x, w: f.max_pool2d(x.reshape(1, 1, 5, 4), 2),
    "batch_norm": lambda t, f, x, w: f.batch_norm(x, None, None, training=True) * x,
    "attention": lambda t, f, x, w: f.scaled_dot_product_attention(x[None], x[None], x[None]),
    "embedding": lambda t, f, x, w: f.embedding(t.tensor([0, 1, 1]), x),
    "cross entropy": lambda t, f, x, w: f.cross_entropy(x, t.tensor(TARGET)),
    "layer_norm": lambda t, f, x, w: f.layer_norm(x, (4,)),
    "indexing": lambda t, f, x, w: x[t.tensor([1, 1, 0])],
    "division": lambda t, f, x, w: x / (x * x + 1),
    "cumsum": lambda t, f, x, w: x.cumsum(0),
    "std": lambda t, f, x, w: x.std(0, correction=1),
}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", NARROW)
def test_narrow_floats(torch, name, dtype):
    """Within the dtype's rounding, and in the dtype."""
    found = []
    for t in (cb, torch):
        x = t.tensor(X, dtype=getattr(t, dtype), requires_grad=True)
        w = t.tensor(X[:4], dtype=getattr(t, dtype), requires_grad=True)
        out = NARROW[name](t, f(t), x, w)
        out.sum().backward()
        assert str(out.dtype).endswith(dtype) and str(x.grad.dtype).endswith(dtype)
        found.append((np.array(out.detach().float().tolist()), np.array(x.grad.float().tolist())))
    eps = {"float16": 2**-10, "bfloat16": 2**-7}[dtype]
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=4 * eps, atol=4 * eps * max(1.0, np.abs(theirs).max()))
