"""Layers against formulas written out, and the inputs and arguments that they refuse."""

from __future__ import annotations

import math
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn
from candelabra.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    AxisError,
    CandelabraError,
    DTypeError,
    ShapeError,
)
from candelabra.nn import functional as F


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def near(tensor: Any, expected: Any, tolerance: float = 1e-5) -> None:
    np.testing.assert_allclose(tensor.detach().numpy(), expected, rtol=tolerance, atol=tolerance)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_linear() -> None:
    layer, x = nn.Linear(3, 2), draw(4, 3)
    near(layer(cb.tensor(x)), x @ layer.weight.detach().numpy().T + layer.bias.detach().numpy())
    assert nn.Linear(3, 2, bias=False).bias is None
    assert nn.Linear(3, 2, dtype=cb.float64, device="cpu").weight.dtype is cb.float64
    bound = 1 / math.sqrt(300)
    weight = nn.Linear(300, 100).weight.detach().numpy()
    assert np.abs(weight).max() <= bound and weight.std() == pytest.approx(bound / math.sqrt(3), rel=0.05)
    with pytest.raises(ArgumentError, match=r"not negative"):
        nn.Linear(-1, 2)


def test_conv2d_is_a_correlation() -> None:
    layer, x = nn.Conv2d(2, 4, (2, 3), stride=(1, 2), padding=1, groups=2), draw(1, 2, 4, 5)
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    expected = np.zeros((1, 4, 5, 3), dtype=np.float64)
    for o in range(4):
        for i in range(5):
            for j in range(3):
                patch = padded[0, o // 2, i : i + 2, 2 * j : 2 * j + 3]
                expected[0, o, i, j] = (patch * weight[o, 0]).sum() + bias[o]
    near(layer(cb.tensor(x)), expected)
    near(layer(cb.tensor(x[0])), expected[0])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"groups": 0}, "groups is a positive number"),
        ({"groups": 3}, "no multiples of groups=3"),
        ({"padding_mode": "mirror"}, "padding_mode is 'zeros', 'reflect', 'replicate' or 'circular', got 'mirror'"),
        ({"padding": "half"}, "padding is an int, a pair of ints, 'same' or 'valid', got 'half'"),
        ({"padding": "same", "stride": 2}, "padding='same' needs stride 1"),
        ({"stride": (1, 2, 3)}, "stride is an int or a pair of ints"),
        ({"dilation": 0}, "dilation is positive"),
    ],
)
def test_conv2d_refuses(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        nn.Conv2d(2, 4, 3, **arguments)


def test_pooling() -> None:
    x = draw(2, 3, 4, 6)
    blocks = x.reshape(2, 3, 2, 2, 3, 2)
    near(nn.MaxPool2d(2)(cb.tensor(x)), blocks.max(axis=(3, 5)))
    near(nn.AvgPool2d(2)(cb.tensor(x)), blocks.mean(axis=(3, 5)))
    near(nn.AdaptiveAvgPool2d((2, 3))(cb.tensor(x)), blocks.mean(axis=(3, 5)))
    near(nn.AdaptiveAvgPool2d(1)(cb.tensor(x[0])), x[0].mean(axis=(1, 2), keepdims=True))
    near(nn.AdaptiveAvgPool2d((None, 4))(cb.tensor(x))[..., 1], x[..., 1:3].mean(axis=-1))
    out, places = nn.MaxPool2d(2, return_indices=True)(cb.tensor(x))
    picked = np.take_along_axis(x.reshape(2, 3, 24), places.numpy().reshape(2, 3, 6), axis=-1)
    near(out, picked.reshape(2, 3, 2, 3))
    with pytest.raises(ArgumentError, match=r"padding lies between 0 and half the kernel size"):
        nn.MaxPool2d(2, padding=2)(cb.tensor(x))
    with pytest.raises(ArgumentError, match=r"divisor_override must not be zero"):
        nn.AvgPool2d(2, divisor_override=0)(cb.tensor(x))
    with pytest.raises(ShapeError, match=r"adaptive_avg_pool2d: an input \(N, C, H, W\)"):
        nn.AdaptiveAvgPool2d(1)(cb.ones(3))


def test_batch_norm_keeps_statistics() -> None:
    layer, x = nn.BatchNorm1d(3), draw(5, 3)
    mean, variance = x.mean(axis=0), x.var(axis=0)
    near(layer(cb.tensor(x)), (x - mean) / np.sqrt(variance + 1e-5))
    near(layer.running_mean, 0.1 * mean)
    near(layer.running_var, 0.9 + 0.1 * x.var(axis=0, ddof=1))
    assert int(layer.num_batches_tracked) == 1
    layer.eval()
    running = layer.running_mean.numpy(), layer.running_var.numpy()
    near(layer(cb.tensor(x)), (x - running[0]) / np.sqrt(running[1] + 1e-5))
    near(layer.running_mean, running[0])
    average = nn.BatchNorm1d(3, momentum=None)
    batches = [draw(5, 3, seed=s) for s in range(4)]
    for batch in batches:
        average(cb.tensor(batch))
    near(average.running_mean, np.mean([b.mean(axis=0) for b in batches], axis=0))
    average.reset_running_stats()
    assert average.running_mean.tolist() == [0.0] * 3 and int(average.num_batches_tracked) == 0


def test_batch_norm_needs_two_values_per_channel() -> None:
    layer = nn.BatchNorm1d(3)
    before = {name: value.tolist() for name, value in layer.state_dict().items()}
    with pytest.raises(ShapeError, match=r"more than one value per channel is needed.*\(1, 3\).*eval\(\)"):
        layer(cb.ones(1, 3))
    assert {name: value.tolist() for name, value in layer.state_dict().items()} == before
    assert layer.eval()(cb.ones(1, 3)).shape == (1, 3)
    with pytest.raises(ShapeError, match=r"more than one value"):
        nn.BatchNorm2d(3)(cb.ones(1, 3, 1, 1))


def test_batch_norm_refuses_other_shapes() -> None:
    with pytest.raises(ShapeError, match=r"BatchNorm2d: an input \(N, C, H, W\) is needed, got \(4, 3\)"):
        nn.BatchNorm2d(3)(cb.ones(4, 3))
    with pytest.raises(ShapeError, match=r"num_features=3 channels"):
        nn.BatchNorm1d(3)(cb.ones(4, 2))
    with pytest.raises(ShapeError, match=r"weight has shape \(2,\)"):
        F.batch_norm(cb.ones(4, 3), None, None, weight=cb.ones(2), training=True)
    with pytest.raises(ArgumentError, match=r"running_mean and running_var are needed"):
        F.batch_norm(cb.ones(4, 3), None, None)


def test_layer_norm() -> None:
    x = draw(3, 4, 5)
    layer = nn.LayerNorm((4, 5))
    with cb.no_grad():
        layer.weight.copy_(cb.tensor(draw(4, 5, seed=1)))
        layer.bias.copy_(cb.tensor(draw(4, 5, seed=2)))
    mean, variance = x.mean(axis=(1, 2), keepdims=True), x.var(axis=(1, 2), keepdims=True)
    near(layer(cb.tensor(x)), (x - mean) / np.sqrt(variance + 1e-5) * draw(4, 5, seed=1) + draw(4, 5, seed=2))
    assert nn.LayerNorm(5, bias=False).bias is None and nn.LayerNorm(5, elementwise_affine=False).weight is None
    with pytest.raises(ShapeError, match=r"weight has shape \(4,\), the last axes of an input .* are \(5,\)"):
        nn.LayerNorm(4)(cb.ones(2, 5))
    with pytest.raises(ShapeError, match=r"last axes must be normalized_shape=\(4,\)"):
        nn.LayerNorm(4, elementwise_affine=False)(cb.ones(2, 5))
    with pytest.raises(ShapeError, match=r"bias must have normalized_shape"):
        F.layer_norm(cb.ones(2, 5), (5,), bias=cb.ones(4))


def test_dropout() -> None:
    layer, x = nn.Dropout(0.25), cb.ones(10_000)
    out = layer(x)
    kept = out.numpy() != 0
    assert kept.mean() == pytest.approx(0.75, abs=0.02)
    near(out, kept / 0.75)
    assert not np.array_equal(layer(x).numpy() != 0, kept)
    cb.manual_seed(3)
    one = layer(x).tolist()
    cb.manual_seed(3)
    assert layer(x).tolist() == one
    assert layer.eval()(x) is x
    assert nn.Dropout(1.0)(x).numpy().max() == 0
    with pytest.raises(ArgumentError, match=r"p is a probability between 0 and 1, got 1.5"):
        nn.Dropout(1.5)
    with pytest.raises(ArgumentError, match=r"p is a probability"):
        F.dropout(x, -0.1)


def test_dropout_gradient_uses_the_same_mask() -> None:
    x = cb.ones(100, requires_grad=True)
    out = nn.Dropout(0.5)(x)
    out.sum().backward()
    assert x.grad.tolist() == out.tolist()


def test_embedding() -> None:
    layer = nn.Embedding(5, 3, padding_idx=-1)
    assert layer.padding_idx == 4 and layer.weight[4].tolist() == [0.0] * 3
    index = cb.asarray([[0, 4], [2, 0]])
    out = layer(index)
    near(out, layer.weight.detach().numpy()[index.numpy()])
    out.sum().backward()
    assert layer.weight.grad.numpy()[:, 0].tolist() == [2.0, 0.0, 1.0, 0.0, 0.0]
    table = cb.tensor(draw(4, 2))
    fixed = nn.Embedding.from_pretrained(table)
    assert not fixed.weight.requires_grad and fixed(cb.asarray(1)).tolist() == table[1].tolist()
    assert nn.Embedding.from_pretrained(table, freeze=False).weight.requires_grad


def test_embedding_refuses() -> None:
    with pytest.raises(ArgumentError, match=r"sparse=True is refused: there are no sparse tensors"):
        nn.Embedding(5, 3, sparse=True)
    with pytest.raises(ArgumentError, match=r"sparse=True is refused"):
        F.embedding(cb.asarray([0]), cb.ones(2, 2), sparse=True)
    with pytest.raises(ArgumentError, match=r"padding_idx=7 is outside num_embeddings=5"):
        nn.Embedding(5, 3, padding_idx=7)
    with pytest.raises(ShapeError, match=r"the weight has shape"):
        nn.Embedding(5, 3, _weight=cb.ones(2, 3))
    with pytest.raises(ShapeError, match=r"2 axes"):
        nn.Embedding.from_pretrained(cb.ones(3))
    with pytest.raises(CandelabraError, match=r"\(in Embedding\)"):
        nn.Embedding(5, 3)(cb.asarray([7]))


def test_flatten() -> None:
    assert nn.Flatten()(cb.ones(2, 3, 4)).shape == (2, 12)
    assert nn.Flatten(0, 1)(cb.ones(2, 3, 4)).shape == (6, 4)
    assert nn.Flatten(-2)(cb.ones(2, 3, 4)).shape == (2, 12)
    with pytest.raises(AxisError, match=r"Flatten: axes 2 to -1 are no run of axes"):
        nn.Flatten(2)(cb.ones(2, 3))


X = np.array([-30.0, -4.0, -1.5, -0.2, 0.0, 0.3, 2.0, 5.0, 40.0], dtype=np.float32)
WIDE = X.astype(np.float64)
ACTIVATIONS: list[tuple[nn.Module, np.ndarray]] = [
    (nn.ReLU(), np.maximum(WIDE, 0)),
    (nn.ReLU6(), np.clip(WIDE, 0, 6)),
    (nn.LeakyReLU(0.1), np.where(WIDE > 0, WIDE, 0.1 * WIDE)),
    (nn.ELU(2.0), np.where(WIDE > 0, WIDE, 2 * np.expm1(np.minimum(WIDE, 0)))),
    (nn.CELU(2.0), np.where(WIDE > 0, WIDE, 2 * np.expm1(np.minimum(WIDE, 0) / 2))),
    (nn.SELU(), 1.0507009873554805 * np.where(WIDE > 0, WIDE, 1.6732632423543772 * np.expm1(np.minimum(WIDE, 0)))),
    (nn.GELU(), np.array([x * 0.5 * math.erfc(-x / math.sqrt(2)) for x in WIDE])),
    (nn.GELU("tanh"), 0.5 * WIDE * (1 + np.tanh(math.sqrt(2 / math.pi) * (WIDE + 0.044715 * WIDE**3)))),
    (nn.SiLU(), WIDE * sigmoid(WIDE)),
    (nn.Mish(), WIDE * np.tanh(np.logaddexp(0, WIDE))),
    (nn.Sigmoid(), sigmoid(WIDE)),
    (nn.Tanh(), np.tanh(WIDE)),
    (nn.Softplus(2.0, 10.0), np.where(2 * WIDE > 10, WIDE, np.logaddexp(0, 2 * WIDE) / 2)),
    (nn.Softsign(), WIDE / (1 + np.abs(WIDE))),
    (nn.LogSigmoid(), -np.logaddexp(0, -WIDE)),
    (nn.Hardtanh(-2, 3), np.clip(WIDE, -2, 3)),
    (nn.Hardsigmoid(), np.clip(WIDE + 3, 0, 6) / 6),
    (nn.Hardswish(), WIDE * np.clip(WIDE + 3, 0, 6) / 6),
    (nn.Softmax(0), np.exp(WIDE - 40) / np.exp(WIDE - 40).sum()),
    (nn.LogSoftmax(0), WIDE - 40 - math.log(np.exp(WIDE - 40).sum())),
    (nn.PReLU(init=0.3), np.where(WIDE > 0, WIDE, 0.3 * WIDE)),
    (nn.Identity(), WIDE),
]


@pytest.mark.parametrize(("layer", "expected"), ACTIVATIONS, ids=[type(a).__name__ for a, _ in ACTIVATIONS])
def test_activation(layer: nn.Module, expected: np.ndarray) -> None:
    near(layer(cb.tensor(X)), expected)
    x = cb.tensor(X, requires_grad=True)
    out = layer(x)
    assert out.dtype is cb.float32
    out.sum().backward()
    assert np.isfinite(x.grad.numpy()).all()
    assert np.isnan(layer(cb.tensor([math.nan]))[0].item())


@pytest.mark.parametrize("name", ["ReLU", "ReLU6", "LeakyReLU", "ELU", "SELU", "CELU", "SiLU", "Mish", "Hardtanh",
                                  "Hardsigmoid", "Hardswish"])  # fmt: skip
def test_in_place(name: str) -> None:
    layer, plain = getattr(nn, name)(inplace=True), getattr(nn, name)()
    x = cb.tensor(X)
    alias = cb.tensor(X)
    assert layer(x) is x and x.tolist() == plain(alias).tolist()
    leaf = cb.tensor(X, requires_grad=True)
    with pytest.raises(CandelabraError, match=r"leaf"):
        layer(leaf)
    middle = leaf * 1
    layer(middle)
    middle.sum().backward()
    other = cb.tensor(X, requires_grad=True)
    plain(other).sum().backward()
    assert leaf.grad.tolist() == other.grad.tolist()
    # PyTorch's hard sigmoid and hard swish do not say it.
    assert ("inplace=True" in repr(layer)) == (name not in ("Hardsigmoid", "Hardswish"))


def test_activations_refuse() -> None:
    with pytest.raises(ArgumentError, match=r"approximate is 'none' or 'tanh', got 'erf'"):
        nn.GELU("erf")
    with pytest.raises(ArgumentError, match=r"max_val=-1.0 must be larger"):
        nn.Hardtanh(1.0, -1.0)
    with pytest.warns(FutureWarning, match=r"min_val"):
        assert nn.Hardtanh(min_value=-3.0).min_val == -3.0
    with pytest.raises(ShapeError, match=r"one per channel \(4\)"):
        nn.PReLU(3)(cb.ones(2, 4))
    with pytest.raises(ArgumentTypeError, match=r"two names of one argument"):
        F.softmax(cb.ones(2), dim=0, axis=0)
    with pytest.warns(UserWarning, match=r"no axis was given; axis=1"):
        F.softmax(cb.ones(2, 2))


def test_multihead_attention_by_hand() -> None:
    layer = nn.MultiheadAttention(4, 2, batch_first=True)
    q, k = draw(1, 3, 4), draw(1, 5, 4, seed=1)
    out, weights = layer(cb.tensor(q), cb.tensor(k), cb.tensor(k))
    w, b = layer.in_proj_weight.detach().numpy(), layer.in_proj_bias.detach().numpy()
    q, k, v = q[0] @ w[:4].T + b[:4], k[0] @ w[4:8].T + b[4:8], k[0] @ w[8:].T + b[8:]
    heads, total = [], np.zeros((3, 5))
    for h in (slice(0, 2), slice(2, 4)):
        scores = np.exp(q[:, h] @ k[:, h].T / math.sqrt(2))
        scores /= scores.sum(axis=1, keepdims=True)
        total += scores / 2
        heads.append(scores @ v[:, h])
    projected = np.concatenate(heads, axis=1) @ layer.out_proj.weight.detach().numpy().T
    near(out, projected[None] + layer.out_proj.bias.detach().numpy())
    near(weights, total[None])
    near(layer(*(cb.tensor(x) for x in (draw(1, 3, 4), draw(1, 5, 4, seed=1), draw(1, 5, 4, seed=1))),
               need_weights=False)[0], out.detach().numpy())  # fmt: skip


def test_causal_attention_without_a_mask() -> None:
    layer = nn.MultiheadAttention(4, 2)
    x = cb.tensor(draw(5, 2, 4))
    mask = cb.tensor(np.triu(np.ones((5, 5), dtype=bool), 1))
    expected = layer(x, x, x, attn_mask=mask, need_weights=False)[0].detach().numpy()
    near(layer(x, x, x, is_causal=True, need_weights=False)[0], expected)
    near(layer(x, x, x, is_causal=True)[0], expected)


def test_attention_refuses() -> None:
    layer = nn.MultiheadAttention(4, 2)
    x = cb.ones(5, 2, 4)
    with pytest.raises(ArgumentError, match=r"positive multiple of num_heads"):
        nn.MultiheadAttention(5, 2)
    with pytest.raises(ShapeError, match=r"embed_dim=4"):
        layer(cb.ones(5, 2, 3), x, x)
    with pytest.raises(ShapeError, match=r"key and value have the same length"):
        layer(x, x, cb.ones(4, 2, 4))
    with pytest.raises(ShapeError, match=r"attn_mask has shape \(L, S\) = \(5, 5\)"):
        layer(x, x, x, attn_mask=cb.ones(5, 4))
    with pytest.raises(ShapeError, match=r"key_padding_mask has shape \(N, S\) = \(2, 5\)"):
        layer(x, x, x, key_padding_mask=cb.ones(5, 2))
    with pytest.raises(DTypeError, match=r"boolean or floating-point, got int64"):
        layer(x, x, x, attn_mask=cb.ones(5, 5, dtype=cb.int64))
    with pytest.raises(ShapeError, match=r"have 3 axes each"):
        layer(cb.ones(1, 5, 2, 4), x, x)
    with pytest.raises(ArgumentTypeError, match=r"tensors are needed"):
        layer(x, None, x)
    with pytest.raises(ArgumentError, match=r"not both"):
        F.scaled_dot_product_attention(x, x, x, cb.ones(2, 2), is_causal=True)
    with pytest.raises(DTypeError, match=r"attn_mask is bool or float32"):
        F.scaled_dot_product_attention(x, x, x, cb.ones(2, 2, dtype=cb.int64))
    with pytest.raises(ArgumentError, match=r"dropout_p"):
        F.scaled_dot_product_attention(x, x, x, dropout_p=2.0)


def test_attention_dropout() -> None:
    q = cb.tensor(draw(2, 4, 3))
    assert F.scaled_dot_product_attention(q, q, q, dropout_p=1.0).numpy().max() == 0
    many = [F.scaled_dot_product_attention(q, q, q, dropout_p=0.3).numpy() for _ in range(400)]
    near(F.scaled_dot_product_attention(q, q, q), np.mean(many, axis=0), 0.25)
    layer = nn.MultiheadAttention(4, 2, dropout=0.5)
    x = cb.tensor(draw(5, 2, 4))
    for need_weights in (True, False):
        one, two = (layer(x, x, x, need_weights=need_weights)[0].tolist() for _ in range(2))
        assert one != two
    layer.eval()
    assert layer(x, x, x)[0].tolist() == layer(x, x, x)[0].tolist()


def test_transformer() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 3, norm=nn.LayerNorm(8))
    assert len({id(p) for p in encoder.parameters()}) == 3 * 12 + 2
    x = cb.tensor(draw(2, 5, 8))
    once = layer(x)
    near(nn.TransformerEncoder(layer, 1)(x), once.detach().numpy())
    assert nn.TransformerEncoderLayer(8, 2, 16, activation=cb.tanh)(x).shape == (2, 5, 8)
    with pytest.raises(ArgumentError, match=r"activation is 'relu', 'gelu' or a callable, got 'mish'"):
        nn.TransformerEncoderLayer(8, 2, activation="mish")
    with pytest.raises(ShapeError, match=r"\(in layers\.0\.self_attn\)$"):
        encoder(cb.ones(2, 5, 7))


def lstm_by_hand(x: np.ndarray, weights: list[np.ndarray], hidden: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    w_ih, w_hh, b_ih, b_hh, *projection = weights
    h, c, outputs = np.zeros(w_hh.shape[1]), np.zeros(hidden), []
    for step in x:
        i, f, g, o = np.split(w_ih @ step + b_ih + w_hh @ h + b_hh, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        h = projection[0] @ h if projection else h
        outputs.append(h)
    return np.array(outputs), h, c


@pytest.mark.parametrize("proj_size", [0, 2])
def test_lstm(proj_size: int) -> None:
    layer, x = nn.LSTM(3, 4, proj_size=proj_size), draw(6, 3)
    weights = [w.detach().numpy() for w in layer.all_weights[0]]
    out, h, c = lstm_by_hand(x, weights, 4)
    ours, (last_h, last_c) = layer(cb.tensor(x))
    near(ours, out)
    near(last_h[0], h)
    near(last_c[0], c)
    batch = nn.LSTM(3, 4, proj_size=proj_size, batch_first=True)
    batch.load_state_dict(layer.state_dict())
    near(batch(cb.tensor(x[None]))[0][0], out)


def test_lstm_both_ways_and_deep() -> None:
    layer = nn.LSTM(3, 4, num_layers=2, bidirectional=True)
    assert [n for n, _ in layer.named_parameters()][:8] == [
        f"{kind}_l0{way}" for way in ("", "_reverse") for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ]
    x = cb.tensor(draw(6, 2, 3))
    out, (h, c) = layer(x)
    assert out.shape == (6, 2, 8) and h.shape == c.shape == (4, 2, 4)
    near(out[-1, :, :4], h[2].detach().numpy())
    near(out[0, :, 4:], h[3].detach().numpy())
    again, _ = layer(x, (cb.zeros(4, 2, 4), cb.zeros(4, 2, 4)))
    near(again, out.detach().numpy())
    noisy = nn.LSTM(3, 4, num_layers=2, dropout=0.5)
    assert noisy(x)[0].tolist() != noisy(x)[0].tolist()
    noisy.eval()
    assert noisy(x)[0].tolist() == noisy(x)[0].tolist()
    assert layer.flatten_parameters() is None


def test_lstm_refuses() -> None:
    layer = nn.LSTM(3, 4)
    with pytest.raises(ArgumentTypeError, match=r"a Tensor or a PackedSequence is needed, got tuple"):
        layer((cb.ones(3, 3), cb.ones(3)))
    with pytest.raises(ShapeError, match=r"LSTM: an input \(L, N, 3\)"):
        layer(cb.ones(2, 2, 5))
    with pytest.raises(ShapeError, match=r"h_0 must have shape \(1, 2, 4\), got \(1, 3, 4\)"):
        layer(cb.ones(5, 2, 3), (cb.zeros(1, 3, 4), cb.zeros(1, 2, 4)))
    with pytest.raises(ArgumentTypeError, match=r"hx is a pair"):
        layer(cb.ones(5, 2, 3), cb.zeros(1, 2, 4))
    with pytest.raises(ArgumentError, match=r"proj_size lies between"):
        nn.LSTM(3, 4, proj_size=4)
    with pytest.raises(ArgumentError, match=r"dropout is a probability"):
        nn.LSTM(3, 4, dropout=2)
    with pytest.warns(UserWarning, match=r"there is only one"):
        nn.LSTM(3, 4, dropout=0.5)


def test_one_step_of_training_lowers_the_loss() -> None:
    model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    x, y = cb.tensor(draw(20, 3)), cb.tensor(draw(20, 1, seed=1))
    losses = []
    for _ in range(20):
        loss = F.mse_loss(model(x), y)
        model.zero_grad()
        loss.backward()
        with cb.no_grad():
            for parameter in model.parameters():
                parameter -= 0.1 * parameter.grad
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0] and losses == sorted(losses, reverse=True)


def test_half_precision_layers_run() -> None:
    for dtype in (cb.float16, cb.bfloat16):
        model = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.LayerNorm(8), nn.Linear(8, 2)).to(dtype)
        out = model(cb.ones(3, 4, dtype=dtype))
        assert out.dtype is dtype
        out.sum().backward()
        assert model[0].weight.grad.dtype is dtype
