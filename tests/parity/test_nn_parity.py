"""Layers against PyTorch's: the same weights give the same values, gradients, state dicts and representations."""

from __future__ import annotations

from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn
from candelabra.nn import functional as F


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape))


def ints(high: int, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, high, shape)




def flat(value: Any) -> list[Any]:
    """Return all tensors in nested tuples."""
    return [t for v in value for t in flat(v)] if isinstance(value, tuple) else [value]


def close(ours: Any, theirs: Any, tolerance: float = 1e-9, what: str = "") -> None:
    np.testing.assert_allclose(
        ours.detach().numpy(), theirs.detach().numpy(), rtol=tolerance, atol=tolerance, err_msg=what
    )


def tensors(torch: Any, arrays: list[np.ndarray]) -> tuple[list[Any], list[Any]]:
    differentiable = [a.dtype.kind == "f" for a in arrays]
    ours = [cb.tensor(a, requires_grad=d) for a, d in zip(arrays, differentiable)]
    theirs = [torch.tensor(a, requires_grad=d) for a, d in zip(arrays, differentiable)]
    return ours, theirs


def twins(torch: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """Return our layer and PyTorch's in float64, with the same drawn weights."""
    theirs = getattr(torch.nn, name)(*args, **kwargs).double()
    with torch.no_grad():
        for i, parameter in enumerate(theirs.parameters()):
            parameter.copy_(torch.tensor(draw(*parameter.shape, seed=100 + i)))
    ours = getattr(nn, name)(*args, **kwargs).double()
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def compare_gradients(
    torch: Any, ours: list[Any], theirs: list[Any], leaves: list[tuple[str, Any, Any]], tolerance: float = 1e-9
) -> None:
    """Compare the leaves' gradients for drawn cotangents."""
    cotangents = [draw(*o.shape, seed=50 + i) for i, o in enumerate(ours)]
    our_total = sum((o * cb.tensor(g)).sum() for o, g in zip(ours, cotangents))
    their_total = sum((t * torch.tensor(g)).sum() for t, g in zip(theirs, cotangents))
    if their_total.requires_grad:
        our_total.backward()
        their_total.backward()
    for name, one, other in leaves:
        assert (one.grad is None) == (other.grad is None), name
        if one.grad is not None:
            close(one.grad, other.grad, tolerance, name)








def test_functions_have_the_same_arguments(torch: Any) -> None:
    import inspect

    torch_functional = torch.nn.functional
    for name in F.__all__:
        try:
            theirs = list(inspect.signature(getattr(torch_functional, name)).parameters.values())
        except ValueError:
            continue  # a built-in without a signature
        ours = [p for p in inspect.signature(getattr(F, name)).parameters.values() if p.name != "axis"]
        if theirs[0].name == "args":
            continue
        assert [p.name for p in ours] == [p.name for p in theirs], name
        assert [p.default for p in ours] == [p.default for p in theirs], name


ATTENTION = [
    {},
    {"batch_first": True},
    {"bias": False},
    {"add_bias_kv": True},
    {"add_zero_attn": True},
    {"add_bias_kv": True, "add_zero_attn": True, "batch_first": True},
    {"kdim": 5, "vdim": 3},
    {"kdim": 5, "vdim": 3, "bias": False, "batch_first": True},
]
MASKS = ["none", "bool", "float", "3d", "padding", "bool+padding", "float+padding", "causal"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("options", ATTENTION, ids=lambda o: "-".join(o) or "plain")
def test_multihead_attention(torch: Any, options: dict[str, Any], mask: str, need_weights: bool) -> None:
    ours, theirs = twins(torch, "MultiheadAttention", (8, 2), options)
    assert repr(ours) == repr(theirs) and list(ours.state_dict()) == list(theirs.state_dict())
    length, keys, batch = 4, 6, 3
    if mask == "causal":
        keys = length
    kdim, vdim = options.get("kdim", 8), options.get("vdim", 8)
    arrays = [draw(length, batch, 8), draw(keys, batch, kdim, seed=1), draw(keys, batch, vdim, seed=2)]
    if options.get("batch_first"):
        arrays = [np.swapaxes(a, 0, 1).copy() for a in arrays]
    masks: dict[str, np.ndarray] = {}
    hidden = np.random.default_rng(3).random((length, keys)) < 0.3
    hidden[:, 0] = False
    if mask.startswith("bool"):
        masks["attn_mask"] = hidden
    if mask.startswith("float"):
        masks["attn_mask"] = draw(length, keys, seed=4)
    if mask == "3d":
        masks["attn_mask"] = draw(batch * 2, length, keys, seed=4)
    if mask == "causal":
        masks["attn_mask"] = np.triu(np.full((length, length), -np.inf), 1)
    if mask.endswith("padding"):
        padding = np.zeros((batch, keys), dtype=bool)
        padding[1, 4:] = True
        masks["key_padding_mask"] = np.where(padding, -np.inf, 0.0) if mask.startswith("float") else padding
    our_inputs, their_inputs = tensors(torch, arrays)
    for average in (True, False):
        ours.zero_grad()
        theirs.zero_grad()
        # Where keys are added at the end PyTorch's hint hides them, against the mask; without the hint both agree.
        hint = mask == "causal" and not (options.get("add_bias_kv") or options.get("add_zero_attn"))
        settings = {"need_weights": need_weights, "average_attn_weights": average, "is_causal": hint}
        one = ours(*our_inputs, **settings, **{k: cb.tensor(v) for k, v in masks.items()})
        other = theirs(*their_inputs, **settings, **{k: torch.tensor(v) for k, v in masks.items()})
        assert (one[1] is None) == (other[1] is None) == (not need_weights)
        pairs = [(a, b) for a, b in zip(one, other) if a is not None]
        for a, b in pairs:
            assert a.shape == tuple(b.shape)
            close(a, b)
        for tensor in (*our_inputs, *their_inputs):
            tensor.grad = None
        leaves = [(f"input {i}", a, b) for i, (a, b) in enumerate(zip(our_inputs, their_inputs))]
        their_parameters = dict(theirs.named_parameters())
        leaves += [(n, p, their_parameters[n]) for n, p in ours.named_parameters()]
        compare_gradients(torch, [a for a, _ in pairs], [b for _, b in pairs], leaves)


def test_multihead_attention_unbatched_and_self(torch: Any) -> None:
    ours, theirs = twins(torch, "MultiheadAttention", (8, 4), {"batch_first": True})
    for shape in ((5, 8), (2, 5, 8)):
        x, y = cb.tensor(draw(*shape)), torch.tensor(draw(*shape))
        for one, other in zip(ours(x, x, x), theirs(y, y, y)):
            assert one.shape == tuple(other.shape)
            close(one, other)
        two, three = cb.tensor(draw(*shape, seed=3)), torch.tensor(draw(*shape, seed=3))
        close(ours(x, two, two)[0], theirs(y, three, three)[0])
    hidden = np.array([False, True, False, False, True])
    x, y = cb.tensor(draw(5, 8)), torch.tensor(draw(5, 8))
    close(
        ours(x, x, x, key_padding_mask=cb.tensor(hidden))[0], theirs(y, y, y, key_padding_mask=torch.tensor(hidden))[0]
    )


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"scale": 0.3}, {"mask": "bool"}, {"mask": "float"}])
def test_scaled_dot_product_attention(torch: Any, options: dict[str, Any]) -> None:
    options = dict(options)
    kind = options.pop("mask", None)
    arrays = [draw(2, 3, 4, 5), draw(2, 3, 6, 5, seed=1), draw(2, 3, 6, 7, seed=2)]
    mask = None if kind is None else (draw(4, 6) > -0.5 if kind == "bool" else draw(2, 1, 4, 6))
    if kind == "bool":
        mask[1] = False  # a query that sees nothing
    ours, theirs = tensors(torch, arrays)
    one = F.scaled_dot_product_attention(*ours, None if mask is None else cb.tensor(mask), **options)
    other = torch.nn.functional.scaled_dot_product_attention(
        *theirs, None if mask is None else torch.tensor(mask), **options
    )
    close(one, other)
    compare_gradients(torch, [one], [other], [(str(i), a, b) for i, (a, b) in enumerate(zip(ours, theirs))])
    grouped = [draw(2, 4, 3, 5), draw(2, 2, 6, 5), draw(2, 2, 6, 5, seed=1)]
    ours, theirs = tensors(torch, grouped)
    close(
        F.scaled_dot_product_attention(*ours, enable_gqa=True),
        torch.nn.functional.scaled_dot_product_attention(*theirs, enable_gqa=True),
    )


@pytest.mark.parametrize("norm_first", [False, True])
def test_transformer_encoder(torch: Any, norm_first: bool) -> None:
    options = {"dim_feedforward": 16, "dropout": 0.0, "batch_first": True, "norm_first": norm_first}
    theirs = torch.nn.TransformerEncoder(
        torch.nn.TransformerEncoderLayer(8, 2, **options), 2, torch.nn.LayerNorm(8), enable_nested_tensor=False
    ).double()
    ours = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, **options), 2, nn.LayerNorm(8)).double()
    ours.load_state_dict(theirs.state_dict())
    assert repr(ours) == repr(theirs)
    padding = np.zeros((3, 5), dtype=bool)
    padding[0, 3:] = True
    causal = np.triu(np.ones((5, 5), dtype=bool), 1)
    for masks in ({}, {"src_key_padding_mask": padding}, {"mask": causal}, {"mask": causal, "is_causal": True}):
        (x,), (y,) = tensors(torch, [draw(3, 5, 8)])
        ours.zero_grad()
        theirs.zero_grad()
        one = ours(x, **{k: cb.tensor(v) if k != "is_causal" else v for k, v in masks.items()})
        other = theirs(y, **{k: torch.tensor(v) if k != "is_causal" else v for k, v in masks.items()})
        close(one, other)
        their_parameters = dict(theirs.named_parameters())
        leaves = [("input", x, y), *((n, p, their_parameters[n]) for n, p in ours.named_parameters())]
        compare_gradients(torch, [one], [other], leaves)


def test_lstm_with_states(torch: Any) -> None:
    for options in ({}, {"num_layers": 2, "bidirectional": True}, {"proj_size": 2}):
        ours, theirs = twins(torch, "LSTM", (3, 4), options)
        count = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
        size = options.get("proj_size", 4)
        arrays = [draw(5, 2, 3), draw(count, 2, size, seed=1), draw(count, 2, 4, seed=2)]
        (x, h, c), (y, k, d) = tensors(torch, arrays)
        one, other = flat(ours(x, (h, c))), flat(theirs(y, (k, d)))
        for a, b in zip(one, other):
            close(a, b)
        compare_gradients(torch, one, other, [("x", x, y), ("h", h, k), ("c", c, d)])


def test_max_pool_indices(torch: Any) -> None:
    for shape in ((2, 3, 6, 7), (3, 6, 7)):
        (x,), (y,) = tensors(torch, [draw(*shape)])
        one, other = nn.MaxPool2d(2, return_indices=True)(x), torch.nn.MaxPool2d(2, return_indices=True)(y)
        close(one[0], other[0])
        np.testing.assert_array_equal(one[1].numpy(), other[1].numpy())


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("widths", [(1, 2), (2, 0), (1, 2, 2, 1), (0, 3, 1, 1)])
def test_pad(torch: Any, mode: str, widths: tuple[int, ...]) -> None:
    for shape in ((2, 3, 4, 5), (3, 4, 5)):
        if mode != "constant" and len(shape) - len(widths) // 2 not in (1, 2):
            continue
        (x,), (y,) = tensors(torch, [draw(*shape)])
        options = {"value": 1.5} if mode == "constant" else {}
        one, other = F.pad(x, widths, mode, **options), torch.nn.functional.pad(y, widths, mode, **options)
        close(one, other)
        compare_gradients(torch, [one], [other], [("x", x, y)])
    (x,), (y,) = tensors(torch, [draw(3, 4, 5)])
    close(F.pad(x, (-1, 2, 1, -2)), torch.nn.functional.pad(y, (-1, 2, 1, -2)))


def test_smaller_functions(torch: Any) -> None:
    functional = torch.nn.functional
    (x,), (y,) = tensors(torch, [draw(3, 4)])
    for p in (1.0, 2.0, 3.0, float("inf")):
        close(F.normalize(x, p, dim=0), functional.normalize(y, p, dim=0))
    close(F.normalize(x, axis=0), functional.normalize(y, dim=0))
    one, other = F.normalize(x * 0), functional.normalize(y * 0)
    compare_gradients(torch, [one], [other], [("x", x, y)])
    classes = ints(4, 2, 3)
    for count in (-1, 6):
        np.testing.assert_array_equal(
            F.one_hot(cb.tensor(classes), count).numpy(), functional.one_hot(torch.tensor(classes), count).numpy()
        )
    close(F.softmax(x, dim=0, dtype=cb.float64), functional.softmax(y, dim=0))
    close(F.log_softmax(x, axis=1), functional.log_softmax(y, dim=1))
    for edge in (-3.0, 0.0, 3.0, 6.0, -1.0, 1.0):
        for name in ("relu", "relu6", "hardtanh", "elu", "leaky_relu", "selu", "celu", "hardsigmoid"):
            (a,), (b,) = tensors(torch, [np.array([edge])])
            one, other = getattr(F, name)(a), getattr(functional, name)(b)
            close(one, other, what=name)
            compare_gradients(torch, [one], [other], [(f"{name}({edge})", a, b)], 1e-7)


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.5, float("inf"), -float("inf")])
def test_clip_grad(torch: Any, norm_type: float) -> None:
    arrays = [draw(3, 4), draw(5, seed=1), draw(seed=2)]
    for bound in (0.5, 100.0):
        ours, theirs = tensors(torch, arrays)
        for one, other in zip(ours, theirs):
            one.grad, other.grad = cb.tensor(3 * one.detach().numpy()), torch.tensor(3 * other.detach().numpy())
        close(
            nn.utils.clip_grad_norm_(ours, bound, norm_type),
            torch.nn.utils.clip_grad_norm_(theirs, bound, norm_type),
        )
        for one, other in zip(ours, theirs):
            close(one.grad, other.grad)
        nn.utils.clip_grad_value_(ours, 0.1)
        torch.nn.utils.clip_grad_value_(theirs, 0.1)
        for one, other in zip(ours, theirs):
            close(one.grad, other.grad)


def test_gains(torch: Any) -> None:
    names = ("linear", "conv2d", "conv_transpose3d", "sigmoid", "tanh", "relu", "leaky_relu", "selu")
    for name, param in [*((name, None) for name in names), ("leaky_relu", 0.3)]:
        assert nn.init.calculate_gain(name, param) == pytest.approx(torch.nn.init.calculate_gain(name, param))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_state_dicts_of_any_precision_load(torch: Any, dtype: str) -> None:
    theirs = torch.nn.Linear(3, 2).to(getattr(torch, dtype))
    ours = nn.Linear(3, 2, dtype=cb.float64)
    ours.load_state_dict(theirs.state_dict(keep_vars=True))
    assert ours.weight.tolist() == theirs.weight.double().tolist()
    ours.load_state_dict(theirs.state_dict(), assign=True)
    assert ours.weight.dtype is getattr(cb, dtype)


def test_a_small_network_trains_alike(torch: Any) -> None:
    """Weights carried over, the same batches, the same trajectory."""
    theirs = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(36, 3),
    ).double()  # fmt: skip
    ours = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3)
    ).double()
    ours.load_state_dict(theirs.state_dict())
    ours_opt = cb.optim.SGD(ours.parameters(), lr=0.1, momentum=0.9)
    theirs_opt = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9)
    for step in range(10):
        x, y = draw(5, 1, 6, 6, seed=step), ints(3, 5, seed=step)
        one = F.cross_entropy(ours(cb.tensor(x)), cb.tensor(y))
        other = torch.nn.functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(y))
        close(one, other, 1e-8)
        for optimizer, loss in ((ours_opt, one), (theirs_opt, other)):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    for key, value in theirs.state_dict().items():
        close(ours.state_dict()[key], value, 1e-8, key)
