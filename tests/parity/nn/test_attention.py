"""`scaled_dot_product_attention` against PyTorch's: masks, groups, scales and dropout."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.nn import functional as F
from candelabra.nn.functions import attention as functions


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape))


def boolean(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).random(shape) < 0.6


@pytest.fixture(autouse=True)
def by_the_book(torch: Any) -> Iterator[None]:
    """PyTorch's other kernels have no second derivative."""
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        yield


def both(**kwargs: Any) -> tuple[Any, Any]:
    def ours(q: Any, k: Any, v: Any, mask: Any = None) -> Any:
        return F.scaled_dot_product_attention(q, k, v, mask, **kwargs)

    def theirs(torch: Any, q: Any, k: Any, v: Any, mask: Any = None) -> Any:
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, mask, **kwargs)

    return ours, theirs


SHAPES = [
    ((4, 5), (6, 5), (6, 7)),
    ((3, 4, 5), (3, 6, 5), (3, 6, 5)),
    ((2, 3, 4, 5), (2, 3, 6, 5), (2, 3, 6, 7)),
    ((2, 1, 3, 4, 5), (2, 1, 3, 6, 5), (2, 1, 3, 6, 5)),
]


@pytest.mark.parametrize("shapes", SHAPES, ids=lambda s: f"{len(s[0])} axes")
@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"scale": 0.3}, {"scale": -2.0, "is_causal": True}])
def test_without_a_mask(compare: Callable[..., None], shapes: Any, options: dict[str, Any]) -> None:
    compare(*both(**options), *(draw(*s, seed=i) for i, s in enumerate(shapes)))


@pytest.mark.parametrize(("length", "keys"), [(3, 7), (7, 3), (1, 4), (4, 1), (5, 5)])
def test_causal_from_the_top_left(compare: Callable[..., None], length: int, keys: int) -> None:
    compare(*both(is_causal=True), draw(2, length, 4), draw(2, keys, 4, seed=1), draw(2, keys, 3, seed=2))


MASKS = [
    (2, 3, 4, 6), (1, 3, 4, 6), (2, 1, 4, 6), (2, 1, 1, 6), (1, 1, 4, 1), (3, 4, 6), (1, 4, 6), (4, 6), (1, 6), (4, 1),
    (1, 1), (6,), (1,),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["bool", "float", "infinite"])
@pytest.mark.parametrize("shape", MASKS, ids=str)
def test_every_shape_of_a_mask(compare: Callable[..., None], shape: tuple[int, ...], kind: str) -> None:
    mask: np.ndarray = boolean(*shape) if kind == "bool" else draw(*shape, seed=4)
    if kind == "infinite":
        mask = np.where(boolean(*shape), mask, -np.inf)
    inputs = (draw(2, 3, 4, 5), draw(2, 3, 6, 5, seed=1), draw(2, 3, 6, 5, seed=2))
    # Where a query may look at nothing, PyTorch's second derivative is no number.
    blind = not boolean(*shape).all() and kind != "float"
    compare(*both(), *inputs, mask, order=1 if blind else 2)


def test_a_mask_of_float32_fits_any_query(compare: Callable[..., None]) -> None:
    mask = draw(4, 6).astype(np.float32)
    compare(*both(), draw(2, 4, 5), draw(2, 6, 5, seed=1), draw(2, 6, 5, seed=2), mask, order=1, tolerance=1e-3)


def test_a_query_that_sees_nothing_gives_zeros_to_any_order() -> None:
    mask = boolean(4, 6)
    mask[1] = False
    q, k, v = (cb.tensor(draw(*s), requires_grad=True) for s in ((2, 4, 5), (2, 6, 5), (2, 6, 5)))
    out = F.scaled_dot_product_attention(q, k, v, cb.tensor(mask))
    np.testing.assert_array_equal(out.detach().numpy()[:, 1], 0)
    (first,) = cb.grad(out.sin().sum(), [q], create_graph=True)
    np.testing.assert_array_equal(first.detach().numpy()[:, 1], 0)
    for second in cb.grad(first.sin().sum(), [q, k, v]):
        assert np.isfinite(second.numpy()).all()


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"scale": 0.4}])
@pytest.mark.parametrize(("heads", "shared"), [(4, 2), (4, 1), (6, 3), (4, 4)])
def test_groups_of_heads_share_keys(
    compare: Callable[..., None], heads: int, shared: int, options: dict[str, Any]
) -> None:
    inputs = (draw(2, heads, 3, 5), draw(2, shared, 6, 5, seed=1), draw(2, shared, 6, 4, seed=2))
    compare(*both(enable_gqa=True, **options), *inputs)
    compare(*both(enable_gqa=True, **options), *(x[0] for x in inputs))


@pytest.mark.parametrize("kind", ["bool", "float"])
@pytest.mark.parametrize(
    "shape", [(2, 4, 3, 6), (1, 4, 3, 6), (2, 1, 3, 6), (4, 1, 6), (1, 3, 6), (3, 6), (6,)], ids=str
)
def test_masks_of_groups(compare: Callable[..., None], shape: tuple[int, ...], kind: str) -> None:
    mask = draw(*shape, seed=4) if kind == "float" else np.ones(shape, bool)
    if kind == "bool":
        mask[..., 2:4] = False
    inputs = (draw(2, 4, 3, 5), draw(2, 2, 6, 5, seed=1), draw(2, 2, 6, 4, seed=2))
    compare(*both(enable_gqa=True), *inputs, mask)


def test_groups_of_keys_and_values_may_differ(compare: Callable[..., None]) -> None:
    inputs = (draw(2, 6, 3, 5), draw(2, 2, 4, 5, seed=1), draw(2, 3, 4, 4, seed=2))

    def theirs(torch: Any, q: Any, k: Any, v: Any) -> Any:
        k, v = k.repeat_interleave(3, 1), v.repeat_interleave(2, 1)
        return torch.nn.functional.scaled_dot_product_attention(q, k, v)

    compare(both(enable_gqa=True)[0], theirs, *inputs)


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"enable_gqa": True}])
def test_long_sequences(torch: Any, compare: Callable[..., None], options: dict[str, Any]) -> None:
    shared = 1 if "enable_gqa" in options else 2
    inputs = (draw(1, 2, 400, 8), draw(1, shared, 300, 8, seed=1), draw(1, shared, 300, 8, seed=2))
    compare(*both(**options), *inputs, dtype="float32", order=1, tolerance=5)


# The two values that dropout leaves, and where: PyTorch's draws differ.


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"mask": True}, {"enable_gqa": True}])
@pytest.mark.parametrize("limit", [1 << 24, 1])
def test_dropout_drops_weights(options: dict[str, Any], limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "_LIMIT", limit)
    options = dict(options)
    mask = cb.tensor(boolean(30, 40)) if options.pop("mask", False) else None
    cb.manual_seed(0)
    q, k = cb.tensor(draw(2, 4, 30, 6)), cb.tensor(draw(2, 2 if "enable_gqa" in options else 4, 40, 6, seed=1))
    # With one-hot values the output is the weights themselves.
    v = cb.broadcast_to(cb.eye(40, dtype=cb.float64), (*k.shape[:2], 40, 40)).clone().requires_grad_()
    whole = F.scaled_dot_product_attention(q, k, v, mask, **options).detach().numpy()
    out = F.scaled_dot_product_attention(q, k, v, mask, dropout_p=0.3, **options)
    dropped = out.detach().numpy()
    seen = whole > 0
    ratio = dropped[seen] / whole[seen]
    assert np.all(np.isclose(ratio, 0) | np.isclose(ratio, 1 / 0.7))
    assert abs((ratio > 0).mean() - 0.7) < 0.03
    assert np.all(dropped[~seen] == 0)
    rows = (dropped > 0).reshape(-1, 40)
    assert len(np.unique(rows, axis=0)) > 0.8 * len(rows), "queries share a mask"
    # The gradient went through the same mask.
    out.sum().backward()
    share = dropped.sum(-2)
    share = share.reshape(*v.shape[:2], -1, 40).sum(2) if "enable_gqa" in options else share
    np.testing.assert_allclose(v.grad.numpy(), np.broadcast_to(share[..., None], v.shape), rtol=1e-10, atol=1e-12)


def test_dropout_of_everything_and_of_nothing() -> None:
    q, k, v = (cb.tensor(draw(2, 4, 5, seed=i)) for i in range(3))
    np.testing.assert_array_equal(F.scaled_dot_product_attention(q, k, v, dropout_p=1.0).numpy(), 0)
    one, other = F.scaled_dot_product_attention(q, k, v, dropout_p=0.0), F.scaled_dot_product_attention(q, k, v)
    np.testing.assert_array_equal(one.numpy(), other.numpy())


BAD: list[tuple[Any, ...]] = [
    (((4, 5), (6, 4), (6, 5)), None, {}, "query and key share their last axis"),
    (((4, 5), (6, 5), (7, 5)), None, {}, r"key and value their length \(axis -2\)"),
    (((5,), (6, 5), (6, 5)), None, {}, r"\(..., length, features\) are needed"),
    (((4, 5), (6, 5), (6, 5)), np.ones((4, 5), bool), {}, r"must broadcast to \(..., L, S\) = \(..., 4, 6\)"),
    (((1, 5), (6, 5), (6, 5)), np.ones((3, 6), bool), {}, r"must broadcast to \(..., L, S\) = \(..., 1, 6\)"),
    (((4, 5), (6, 5), (6, 5)), np.ones((4, 6), np.int64), {}, "attn_mask is bool or float32 or float64"),
    (((4, 5), (6, 5), (6, 5)), np.ones((4, 6), bool), {"is_causal": True}, "not both"),
    (((4, 5), (6, 5), (6, 5)), None, {"dropout_p": 1.5}, "dropout_p is a probability"),
    (((4, 3, 5), (3, 6, 5), (3, 6, 5)), None, {"enable_gqa": True}, "no multiple of the 3 of the key"),
    (((4, 5), (6, 5), (6, 5)), None, {"enable_gqa": True}, "heads, length, features"),
]


@pytest.mark.parametrize("case", BAD, ids=range(len(BAD)))
def test_bad_input(torch: Any, case: tuple[Any, ...]) -> None:
    shapes, mask, options, text = case
    inputs = [np.ones(s) for s in shapes]
    masks = [] if mask is None else [mask]
    if options != {"enable_gqa": True}:
        with pytest.raises((RuntimeError, ValueError, IndexError)):
            torch.nn.functional.scaled_dot_product_attention(*map(torch.tensor, inputs + masks), **options)
    with pytest.raises(cb.CandelabraError, match=text):
        F.scaled_dot_product_attention(*map(cb.tensor, inputs + masks), **options)


def test_the_layer_as_a_function(torch: Any) -> None:
    """`multi_head_attention_forward` takes the layer's weights one by one, and projected keys and values."""
    layer = torch.nn.MultiheadAttention(8, 2).double()
    x, memory = draw(4, 3, 8), draw(6, 3, 8, seed=1)
    static = {"static_k": draw(6, 5, 4, seed=2), "static_v": draw(6, 5, 4, seed=3)}
    inner, outer = (layer.in_proj_weight, layer.in_proj_bias), (layer.out_proj.weight, layer.out_proj.bias)
    weights = [*inner, None, None, False, 0.0, *outer]
    for given in ({}, static):
        for options in ({}, {"need_weights": False}, {"average_attn_weights": False}, {"training": False}):
            one = F.multi_head_attention_forward(
                *map(cb.tensor, (x, memory, memory)), 8, 2,
                *(cb.tensor(w.detach().numpy()) if isinstance(w, torch.Tensor) else w for w in weights),
                **{k: cb.tensor(v) for k, v in given.items()}, **options,
            )  # fmt: skip
            other = torch.nn.functional.multi_head_attention_forward(
                *map(torch.tensor, (x, memory, memory)), 8, 2, *weights,
                **{k: torch.tensor(v) for k, v in given.items()}, **options,
            )  # fmt: skip
            for a, b in zip(one, other, strict=True):
                assert (a is None) == (b is None)
                if a is not None:
                    np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=1e-10, atol=1e-12)
