"""Layers of attention and transformers against PyTorch's; the format is told in `conftest.py`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn

LENGTH, KEYS, BATCH = 4, 6, 3


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape))


def hidden(*shape: int) -> np.ndarray:
    """A boolean mask under which every query still sees the first key."""
    mask = np.random.default_rng(3).random(shape) < 0.3
    mask[..., 0] = False
    return mask


def causal(n: int) -> np.ndarray:
    return np.triu(np.full((n, n), -np.inf), 1)


PADDING = np.zeros((BATCH, KEYS), dtype=bool)
PADDING[1, 4:] = True
MASKS: dict[str, dict[str, Any]] = {
    "none": {},
    "bool": {"attn_mask": hidden(LENGTH, KEYS)},
    "float": {"attn_mask": draw(LENGTH, KEYS, seed=4)},
    "bool for each head": {"attn_mask": hidden(BATCH * 2, LENGTH, KEYS)},
    "float for each head": {"attn_mask": draw(BATCH * 2, LENGTH, KEYS, seed=4)},
    "padding": {"key_padding_mask": PADDING},
    "float padding": {"key_padding_mask": np.where(PADDING, -np.inf, 0.0)},
    "bool and padding": {"attn_mask": hidden(LENGTH, KEYS), "key_padding_mask": PADDING},
    "float and padding": {
        "attn_mask": draw(LENGTH, KEYS, seed=4),
        "key_padding_mask": np.where(PADDING, -np.inf, 0.0),
    },
}
ATTENTION: list[dict[str, Any]] = [
    {},
    {"batch_first": True},
    {"bias": False},
    {"add_bias_kv": True},
    {"add_zero_attn": True},
    {"add_bias_kv": True, "add_zero_attn": True, "batch_first": True},
    {"kdim": 5, "vdim": 3},
    {"kdim": 5, "vdim": 3, "bias": False, "batch_first": True},
]


def attention_cases() -> Iterator[tuple[Any, ...]]:
    for options in ATTENTION:
        kdim, vdim = options.get("kdim", 8), options.get("vdim", 8)
        shapes = [(LENGTH, BATCH, 8), (KEYS, BATCH, kdim), (KEYS, BATCH, vdim)]
        if options.get("batch_first"):
            shapes = [(b, n, e) for n, b, e in shapes]
        for mask in MASKS.values():
            for need_weights, average in ((True, True), (True, False), (False, True)):
                call = {**mask, "need_weights": need_weights, "average_attn_weights": average}
                yield "MultiheadAttention", (8, 2), options, shapes, {"call": call}
        same = [(b, LENGTH, e) for b, _, e in shapes] if options.get("batch_first") else [
            (LENGTH, b, e) for _, b, e in shapes
        ]  # fmt: skip
        # Where keys are added at the end PyTorch's hint hides them, against the mask; without the hint both agree.
        hint = not (options.get("add_bias_kv") or options.get("add_zero_attn"))
        for need_weights in (True, False):
            call = {"attn_mask": causal(LENGTH), "is_causal": hint, "need_weights": need_weights}
            yield "MultiheadAttention", (8, 2), options, same, {"call": call}
        alone = [(LENGTH, 8), (KEYS, kdim), (KEYS, vdim)]
        for mask in ({}, {"attn_mask": hidden(2, LENGTH, KEYS)}, {"key_padding_mask": PADDING[1]}):
            yield "MultiheadAttention", (8, 2), options, alone, {"call": mask, "order": 2 if not options else 1}


def to_itself(library: Any, layer: Any, x: Any) -> Any:
    return layer(x, x, x)


def to_a_memory(library: Any, layer: Any, x: Any, memory: Any) -> Any:
    return layer(x, memory, memory)


CASES: list[tuple[Any, ...]] = [
    *attention_cases(),
    ("MultiheadAttention", (8, 4), {}, [(5, 2, 8)], {"run": to_itself, "order": 2}),
    ("MultiheadAttention", (8, 4), {"batch_first": True}, [(5, 8)], {"run": to_itself}),
    ("MultiheadAttention", (8, 4), {}, [(5, 2, 8), (3, 2, 8)], {"run": to_a_memory}),
    ("MultiheadAttention", (8, 4), {"dropout": 0.3}, [(5, 2, 8)], {"run": to_itself, "modes": ("eval",)}),
    ("MultiheadAttention", (8, 4), {"dropout": 1.0}, [(5, 2, 8)], {"run": to_itself}),
]

# PyTorch's fast path in evaluation gives other numbers where a query sees nothing, and none where there is a gradient.
WIDE = {"dropout": 0.0, "batch_first": True}
SRC_PADDING = np.zeros((3, 6), dtype=bool)
SRC_PADDING[0, 4:] = True
TGT_PADDING = np.zeros((3, 5), dtype=bool)
TGT_PADDING[2, 3:] = True


def tanh(library: Any) -> Any:
    return library.tanh


def leaky(library: Any) -> Any:
    return library.nn.LeakyReLU(0.2)


SETTINGS: list[dict[str, Any]] = [
    {"dropout": 0.0},
    {"dropout": 1.0, "activation": "gelu", "norm_first": True, "batch_first": True, "layer_norm_eps": 1e-3},
    {"dropout": 0.0, "bias": False},
    {"dropout": 0.0, "activation": functools.partial(tanh), "norm_first": True},
    {"dropout": 0.0, "activation": functools.partial(leaky), "bias": False, "norm_first": True, "batch_first": True},
]


def sized(settings: dict[str, Any], *lengths: int) -> list[tuple[int, int, int]]:
    return [(3, n, 8) if settings.get("batch_first") else (n, 3, 8) for n in lengths]


for settings in SETTINGS:
    order = 2 if settings == {"dropout": 0.0} else 1
    CASES += [
        ("TransformerEncoderLayer", (8, 2, 16), settings, sized(settings, 6), {"order": order}),
        ("TransformerEncoderLayer", (8, 2, 16), settings, [(6, 8)]),
        *(
            ("TransformerEncoderLayer", (8, 2, 16), settings, sized(settings, 6), {"call": call})
            for call in (
                {"src_mask": hidden(6, 6)},
                {"src_mask": causal(6), "is_causal": True},
                {"src_key_padding_mask": SRC_PADDING},
                {"src_mask": hidden(6, 6), "src_key_padding_mask": SRC_PADDING},
            )
        ),
        ("TransformerDecoderLayer", (8, 2, 16), settings, sized(settings, 5, 6), {"order": order}),
        ("TransformerDecoderLayer", (8, 2, 16), settings, [(5, 8), (6, 8)]),
        *(
            ("TransformerDecoderLayer", (8, 2, 16), settings, sized(settings, 5, 6), {"call": call})
            for call in (
                {"tgt_mask": causal(5), "tgt_is_causal": True, "memory_mask": hidden(5, 6)},
                {"tgt_key_padding_mask": TGT_PADDING, "memory_key_padding_mask": SRC_PADDING},
                {
                    "tgt_mask": hidden(5, 5), "memory_mask": np.triu(np.full((5, 6), -np.inf), 1),
                    "memory_is_causal": True, "tgt_key_padding_mask": TGT_PADDING,
                },
            )
        ),
    ]  # fmt: skip


def of_encoder(**kwargs: Any) -> functools.partial[Any]:
    return functools.partial(lambda library: library.nn.TransformerEncoderLayer(8, 2, 16, **WIDE, **kwargs))


def of_decoder(**kwargs: Any) -> functools.partial[Any]:
    return functools.partial(lambda library: library.nn.TransformerDecoderLayer(8, 2, 16, **WIDE, **kwargs))


def last_norm() -> functools.partial[Any]:
    return functools.partial(lambda library: library.nn.LayerNorm(8))


PLAIN = {"enable_nested_tensor": False, "mask_check": False}
CASES += [
    ("TransformerEncoder", (of_encoder(), 2), {"norm": last_norm(), **PLAIN}, [(3, 6, 8)], {"order": 2}),
    ("TransformerEncoder", (of_encoder(norm_first=True), 3), PLAIN, [(6, 8)]),
    *(
        ("TransformerEncoder", (of_encoder(), 2), {"norm": last_norm(), **PLAIN}, [(3, 6, 8)], {"call": call})
        for call in (
            {"mask": np.isneginf(causal(6))},
            {"mask": causal(6), "is_causal": True},
            {"mask": hidden(6, 6), "src_key_padding_mask": SRC_PADDING, "is_causal": False},
        )
    ),
    ("TransformerDecoder", (of_decoder(), 2), {"norm": last_norm()}, [(3, 5, 8), (3, 6, 8)], {"order": 2}),
    ("TransformerDecoder", (of_decoder(norm_first=True), 3), {}, [(5, 8), (6, 8)]),
    *(
        ("TransformerDecoder", (of_decoder(), 2), {"norm": last_norm()}, [(3, 5, 8), (3, 6, 8)], {"call": call})
        for call in (
            {"tgt_mask": np.isneginf(causal(5))},
            {"tgt_mask": causal(5), "tgt_is_causal": True, "memory_mask": hidden(5, 6)},
            {"tgt_key_padding_mask": TGT_PADDING, "memory_key_padding_mask": SRC_PADDING},
        )
    ),
]


class Doubled(nn.Module):
    """Stands for a stack: takes what they take."""

    def forward(self, x: Any, *memory: Any, **masks: Any) -> Any:
        return x * 2 + (memory[0].mean() if memory else 0)


def custom(library: Any) -> Any:
    if library is cb:
        return Doubled()

    class Theirs(library.nn.Module):
        forward = Doubled.forward

        def _get_name(self) -> str:
            return "Doubled"

    return Theirs()


SMALL = {"d_model": 8, "nhead": 2, "num_encoder_layers": 2, "num_decoder_layers": 1, "dim_feedforward": 16}
BOTH = [(3, 6, 8), (3, 5, 8)]
ALL_MASKS = {
    "src_mask": hidden(6, 6), "tgt_mask": causal(5), "memory_mask": hidden(5, 6), "src_key_padding_mask": SRC_PADDING,
    "tgt_key_padding_mask": TGT_PADDING, "memory_key_padding_mask": SRC_PADDING,
}  # fmt: skip
CASES += [
    ("Transformer", (), {**SMALL, **WIDE}, BOTH, {"order": 2, "modes": ("train",)}),
    ("Transformer", (), {**SMALL, **WIDE, "norm_first": True, "activation": "gelu"}, BOTH),
    ("Transformer", (), {**SMALL, "dropout": 0.0, "layer_norm_eps": 1e-3, "bias": False}, [(6, 3, 8), (5, 3, 8)]),
    ("Transformer", (), {**SMALL, "dropout": 1.0}, [(6, 8), (5, 8)]),
    ("Transformer", (), {**SMALL, **WIDE}, BOTH, {"call": ALL_MASKS, "modes": ("train",)}),
    (
        "Transformer", (), {**SMALL, **WIDE}, BOTH,
        {
            "call": {
                "src_mask": causal(6), "tgt_mask": causal(5), "src_is_causal": True, "tgt_is_causal": True,
                "memory_is_causal": False,
            }
        },
    ),
    ("Transformer", (), {**SMALL, **WIDE, "custom_encoder": functools.partial(custom)}, BOTH),
    ("Transformer", (), {**SMALL, **WIDE, "custom_decoder": functools.partial(custom)}, BOTH, {"modes": ("train",)}),
]  # fmt: skip

REFUSALS: list[tuple[Any, ...]] = [
    ("MultiheadAttention", (8, 3), {}, "embed_dim is a positive multiple of num_heads"),
    ("MultiheadAttention", (8, 2), {"dropout": 1.5}, "dropout is a probability"),
    ("TransformerEncoderLayer", (8, 2), {"activation": "tanh"}, "EncoderLayer: activation is 'relu', 'gelu'"),
    ("TransformerDecoderLayer", (8, 2), {"activation": 3}, "DecoderLayer: activation is 'relu', 'gelu'"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_layer(torch: Any, check_layer: Callable[..., None], case: tuple[Any, ...]) -> None:
    # PyTorch's other kernels have no second derivative.
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        check_layer(*case)


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_the_square_mask(torch: Any, kind: str) -> None:
    ours = nn.Transformer.generate_square_subsequent_mask(4, dtype=getattr(cb, kind))
    theirs = torch.nn.Transformer.generate_square_subsequent_mask(4, dtype=getattr(torch, kind))
    assert ours.dtype.name == kind
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


# What is refused: inputs by shape, the call, and our text; PyTorch refuses each, too.
BAD: list[tuple[str, dict[str, Any], list[Any], dict[str, Any], str]] = [
    ("MultiheadAttention", {}, [(4, 3, 8), (6, 3, 8), (5, 3, 8)], {}, "key and value have the same length"),
    ("MultiheadAttention", {}, [(4, 3, 8), (6, 2, 8), (6, 2, 8)], {}, r"same batch \(axis 1\)"),
    ("MultiheadAttention", {}, [(4, 3, 6), (6, 3, 8), (6, 3, 8)], {}, "embed_dim=8"),
    ("MultiheadAttention", {"kdim": 5}, [(4, 3, 8), (6, 3, 4), (6, 3, 8)], {}, "kdim=5 and vdim=8"),
    ("MultiheadAttention", {}, [(4, 8), (6, 3, 8), (6, 3, 8)], {}, "3 axes each, or 2"),
    (
        "MultiheadAttention", {}, [(4, 3, 8), (6, 3, 8), (6, 3, 8)], {"attn_mask": np.zeros((4, 5), bool)},
        r"attn_mask has shape \(L, S\) = \(4, 6\) or \(N·num_heads, L, S\) = \(6, 4, 6\), got \(4, 5\)",
    ),
    (
        "MultiheadAttention", {}, [(4, 3, 8), (6, 3, 8), (6, 3, 8)], {"attn_mask": np.zeros((3, 4, 6), bool)},
        r"\(N·num_heads, L, S\) = \(6, 4, 6\), got \(3, 4, 6\)",
    ),
    (
        "MultiheadAttention", {}, [(4, 3, 8), (6, 3, 8), (6, 3, 8)], {"key_padding_mask": np.zeros((6, 3), bool)},
        r"key_padding_mask has shape \(N, S\) = \(3, 6\), got \(6, 3\)",
    ),
    (
        "MultiheadAttention", {}, [(4, 3, 8), (6, 3, 8), (6, 3, 8)], {"attn_mask": np.zeros((4, 6), np.int64)},
        "masks are boolean or floating-point",
    ),
    (
        "MultiheadAttention", {}, [(4, 8), (6, 8), (6, 8)], {"key_padding_mask": np.zeros((1, 5), bool)},
        r"key_padding_mask has shape",
    ),
    ("Transformer", SMALL, [(6, 3, 8), (5, 2, 8)], {}, r"same batch \(axis 1\)"),
    ("Transformer", SMALL, [(6, 3, 8), (5, 3, 6)], {}, "d_model=8"),
    ("Transformer", SMALL, [(6, 3, 8), (5, 8)], {}, "3 axes each, or 2"),
]  # fmt: skip


@pytest.mark.parametrize("case", BAD, ids=range(len(BAD)))
def test_bad_input(torch: Any, case: tuple[Any, ...]) -> None:
    name, options, shapes, call, text = case
    args = (8, 2) if name == "MultiheadAttention" else ()
    inputs = [np.ones(s) for s in shapes]
    with pytest.raises((AssertionError, RuntimeError, ValueError)):
        theirs = getattr(torch.nn, name)(*args, **options).double()
        theirs(*map(torch.tensor, inputs), **{k: torch.tensor(v) for k, v in call.items()})
    ours = getattr(nn, name)(*args, **options).double()
    with pytest.raises(cb.CandelabraError, match=text):
        ours(*map(cb.tensor, inputs), **{k: cb.tensor(v) for k, v in call.items()})


def test_dropout_of_weights_drops_weights() -> None:
    """Weights are zero or scaled, the output is what the weights say, and evaluation drops nothing."""
    cb.manual_seed(0)
    layer = nn.MultiheadAttention(8, 2, dropout=0.5).double()
    x = cb.randn(40, 3, 8, dtype=cb.float64)
    _, whole = layer.eval()(x, x, x, average_attn_weights=False)
    _, dropped = layer.train()(x, x, x, average_attn_weights=False)
    ratio = dropped.detach().numpy() / whole.detach().numpy()
    assert np.all(np.isclose(ratio, 0) | np.isclose(ratio, 2))
    assert abs((ratio > 1).mean() - 0.5) < 0.02
    one, other = (layer(x, x, x, need_weights=False)[0] for _ in range(2))
    assert not np.allclose(one.detach().numpy(), other.detach().numpy())


def test_padded_places_are_computed_in_evaluation_too(torch: Any) -> None:
    """`enable_nested_tensor` has no effect: PyTorch's fast path gives zeros for padded places, not so here."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.TransformerEncoder(layer, 2).eval()
    x, padding = cb.randn(3, 6, 8), cb.tensor(SRC_PADDING)
    theirs = torch.nn.TransformerEncoder(torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2).eval()
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in model.state_dict().items()})
    with torch.no_grad():
        other = theirs(torch.tensor(x.numpy()), src_key_padding_mask=torch.tensor(SRC_PADDING)).numpy()
    one = model(x, src_key_padding_mask=padding).detach().numpy()
    np.testing.assert_allclose(one[~SRC_PADDING], other[~SRC_PADDING], rtol=1e-4, atol=1e-5)
    assert np.all(other[SRC_PADDING] == 0) and np.all(one[SRC_PADDING] != 0)
