"""Layers know no device: on a backend without a single kernel they give the CPU's values and gradients."""

from __future__ import annotations

from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn

LAYERS: list[tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = [
    ("Linear", (5, 3), {}, (4, 5)),
    ("Conv2d", (4, 6, 3), {"padding": "same", "groups": 2, "stride": 1}, (2, 4, 5, 6)),
    ("Conv2d", (2, 3, 3), {"padding": 1, "padding_mode": "reflect", "stride": 2}, (2, 2, 5, 6)),
    ("Conv1d", (4, 6, 3), {"dilation": 2, "padding": 1}, (2, 4, 9)),
    ("Conv3d", (2, 3, 2), {"stride": (1, 2, 1), "padding_mode": "circular", "padding": 1}, (2, 2, 3, 4, 3)),
    ("ConvTranspose1d", (4, 6, 3), {"stride": 2, "output_padding": 1}, (2, 4, 5)),
    ("ConvTranspose2d", (4, 6, 3), {"stride": (2, 1), "groups": 2, "dilation": 2}, (2, 4, 3, 4)),
    ("MaxPool2d", (2,), {}, (2, 3, 6, 7)),
    ("AvgPool2d", (3,), {"stride": 2, "padding": 1}, (2, 3, 8, 7)),
    ("AdaptiveAvgPool2d", ((4, 5),), {}, (3, 6, 7)),
    ("MaxPool3d", (2,), {"padding": 1, "ceil_mode": True}, (2, 2, 3, 4, 5)),
    ("AdaptiveMaxPool1d", (4,), {}, (2, 3, 7)),
    ("LPPool2d", (2, 2), {}, (2, 3, 6, 7)),
    ("ReflectionPad2d", ((1, 2, 0, 3),), {}, (2, 3, 4, 5)),
    ("CircularPad1d", (2,), {}, (3, 4)),
    ("ReplicationPad3d", (1,), {}, (1, 2, 3, 2, 2)),
    ("Unfold", (2,), {"padding": 1, "stride": 2}, (2, 3, 4, 5)),
    ("Fold", ((4, 5), 2), {}, (2, 12, 12)),
    ("Upsample", (), {"scale_factor": 1.5, "mode": "bilinear"}, (2, 3, 4, 5)),
    ("Upsample", (), {"size": (6, 3), "mode": "bicubic", "align_corners": True}, (2, 3, 4, 5)),
    ("UpsamplingNearest2d", (7,), {}, (2, 3, 4, 5)),
    ("PixelShuffle", (2,), {}, (1, 4, 2, 3)),
    ("BatchNorm1d", (4,), {}, (6, 4)),
    ("BatchNorm2d", (3,), {"momentum": None}, (2, 3, 4, 5)),
    ("LayerNorm", ((4, 5),), {}, (3, 4, 5)),
    ("Embedding", (7, 3), {"padding_idx": 2}, ()),
    ("Embedding", (7, 3), {"scale_grad_by_freq": True, "max_norm": 1.0}, ()),
    ("Flatten", (), {}, (2, 3, 4)),
    ("Softmax", (-1,), {}, (3, 5)),
    ("GELU", (), {}, (3, 5)),
    ("ReLU6", (), {}, (3, 5)),
    ("ELU", (), {}, (3, 5)),
    ("SELU", (), {}, (3, 5)),
    ("CELU", (), {}, (3, 5)),
    ("SiLU", (), {}, (3, 5)),
    ("Mish", (), {}, (3, 5)),
    ("LogSigmoid", (), {}, (3, 5)),
    ("Softplus", (), {}, (3, 5)),
    ("Hardswish", (), {}, (3, 5)),
    ("PReLU", (), {}, (3, 5)),
    ("Dropout", (0.5,), {}, (3, 5)),
    ("LSTM", (3, 4), {"num_layers": 2, "bidirectional": True}, (5, 2, 3)),
    ("LSTM", (3, 4), {"proj_size": 2, "batch_first": True}, (5, 2, 3)),
    ("TransformerEncoderLayer", (8, 2, 16), {"dropout": 0.2, "activation": "gelu"}, (5, 2, 8)),
]
LOSSES: list[tuple[str, Any]] = [
    ("MSELoss", np.linspace(-1, 1, 12).reshape(4, 3)),
    ("L1Loss", np.linspace(-1, 1, 12).reshape(4, 3)),
    ("CrossEntropyLoss", np.array([0, -100, 2, 1])),
    ("CrossEntropyLoss", np.linspace(0, 1, 12).reshape(4, 3)),
    ("NLLLoss", np.array([0, -100, 2, 1])),
    ("BCEWithLogitsLoss", np.linspace(0, 1, 12).reshape(4, 3)),
]


pytestmark = pytest.mark.host


def first(value: Any) -> Any:
    return first(value[0]) if isinstance(value, tuple) else value


def run(module: nn.Module, device: str, *inputs: np.ndarray) -> tuple[Any, list[Any]]:
    """Return the output and the gradients of inputs and parameters, as host arrays."""
    module.zero_grad()
    cb.manual_seed(1)
    tensors = [cb.tensor(x, device=device, requires_grad=x.dtype.kind == "f") for x in inputs]
    out = first(module(*tensors))
    (out * out).sum().backward()
    leaves = [t for t in tensors if t.requires_grad] + list(module.parameters())
    here = cb.zeros(1, device=device).device
    assert all(tensor.device == here for tensor in (out, *leaves))
    return out.detach().cpu().numpy(), [leaf.grad.cpu().numpy() for leaf in leaves if leaf.grad is not None]


def compare(device: str, module: nn.Module, twin: nn.Module, *inputs: np.ndarray) -> None:
    twin.load_state_dict(module.state_dict())
    twin.to(device)
    (one, gradients), (other, others) = run(module, "cpu", *inputs), run(twin, device, *inputs)
    np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-9)
    assert len(gradients) == len(others)
    for a, b in zip(gradients, others):
        np.testing.assert_allclose(b, a, rtol=1e-8, atol=1e-8)
    for name, value in module.state_dict().items():
        np.testing.assert_allclose(twin.state_dict()[name].cpu().numpy(), value.numpy(), rtol=1e-9, err_msg=name)


@pytest.mark.parametrize(("name", "args", "kwargs", "shape"), LAYERS, ids=[f"{i}-{x[0]}" for i, x in enumerate(LAYERS)])
def test_layer(elsewhere: str, name: str, args: Any, kwargs: Any, shape: tuple[int, ...]) -> None:
    made = [getattr(nn, name)(*args, **kwargs).double() for _ in range(2)]
    rng = np.random.default_rng(0)
    compare(elsewhere, *made, rng.standard_normal(shape) if shape else rng.integers(0, 7, 9))


@pytest.mark.parametrize(("name", "target"), LOSSES, ids=[f"{i}-{x[0]}" for i, x in enumerate(LOSSES)])
def test_loss(elsewhere: str, name: str, target: np.ndarray) -> None:
    made = [getattr(nn, name)() for _ in range(2)]
    compare(elsewhere, *made, np.random.default_rng(0).standard_normal((4, 3)), target)


def test_attention_with_masks(elsewhere: str) -> None:
    class SelfAttention(nn.MultiheadAttention):
        def forward(self, x: cb.Tensor) -> Any:  # type: ignore[override]
            hidden = cb.asarray([[False] * 4 + [True]] * 2, device=x.device)
            bias = cb.linspace(-1, 1, 25, dtype=cb.float64, device=x.device).reshape(5, 5)
            return super().forward(x, x, x, key_padding_mask=hidden, attn_mask=bias)

    made = (SelfAttention(8, 2).double() for _ in range(2))
    compare(elsewhere, *made, np.random.default_rng(0).standard_normal((5, 2, 8)))


def test_a_model_trains_where_it_lies(elsewhere: str) -> None:
    model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)).to(elsewhere)
    optimizer = cb.optim.SGD(model.parameters(), lr=0.1)
    x, y = cb.ones(4, 3, device=elsewhere), cb.zeros(4, 1, device=elsewhere)
    losses = []
    for _ in range(5):
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    assert losses == sorted(losses, reverse=True)
