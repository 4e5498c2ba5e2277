"""Long attention never holds the whole score matrix: not in the generic body, nor in its rule, nor with dropout."""

from __future__ import annotations

import gc
import tracemalloc

import candelabra as cb
import numpy as np
import pytest
from candelabra.core.device import as_device
from candelabra.core.implementation import namespace
from candelabra.core.primitives import attention as row
from candelabra.nn import functional as F
from candelabra.nn.functions import attention as functions

RNG = np.random.default_rng(0)


def draw(*shape, dtype=np.float64):
    return RNG.standard_normal(shape).astype(dtype)


def peak_of(function):
    """The most memory that a call holds at a time, in bytes."""
    gc.collect()
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


MASKS = {
    "none": None, "bool": RNG.random((7, 9)) < 0.7, "float": draw(2, 3, 7, 9), "row": draw(3, 1, 9),
    "column": draw(7, 1), "one": draw(9), "heads": draw(2, 1, 1, 1),
}  # fmt: skip


@pytest.mark.parametrize("limit", [1, 60, 150])
@pytest.mark.parametrize("kind", [*MASKS, "causal"])
def test_blocks_give_what_the_whole_gives(kind, limit, monkeypatch):
    xp, q, k, v, g = namespace(as_device("cpu")), draw(2, 3, 7, 4), draw(2, 3, 9, 4), draw(2, 3, 9, 5), draw(2, 3, 7, 5)
    mask, causal = MASKS.get(kind), kind == "causal"
    wants = (True, True, True, mask is not None and mask.dtype != bool)

    def run():
        out = row._attention_body(xp, q, k, v, mask, is_causal=causal, scale=0.4)
        return out, *row._attention_vjp(xp, g, q, k, v, mask, causal, 0.4, wants)

    whole = run()
    monkeypatch.setattr(row, "_LIMIT", limit)
    assert len(row._chunks(q, k, v)) > 1
    for one, other in zip(run(), whole, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["none", "float", "row", "causal"])
def test_second_derivatives_in_blocks(kind, monkeypatch):
    arrays = [draw(2, 3, 7, 4), draw(2, 3, 9, 4), draw(2, 3, 9, 5)]
    arrays += [] if MASKS.get(kind) is None else [MASKS[kind]]

    def second():
        leaves = [cb.tensor(a, requires_grad=True) for a in arrays]
        out = cb.attention(*leaves, is_causal=kind == "causal")
        first = cb.grad(out.sin().sum(), leaves, create_graph=True)
        return cb.grad(sum((f * f).sum() for f in first), leaves)

    whole = second()
    monkeypatch.setattr(row, "_LIMIT", 60)
    for one, other in zip(second(), whole, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-10, atol=1e-10)


def test_the_generic_body_and_rule_hold_a_block_at_a_time(monkeypatch):
    monkeypatch.setattr(row, "_LIMIT", 1 << 16)
    xp, (q, k, v, g) = namespace(as_device("cpu")), (draw(1, 2, 1024, 4, dtype=np.float32) for _ in range(4))

    def run():
        row._attention_body(xp, q, k, v, None, is_causal=True, scale=0.4)
        row._attention_vjp(xp, g, q, k, v, None, True, 0.4, (True, True, True, False))

    # The whole matrix is eight megabytes, a block a quarter of one.
    assert peak_of(run) < 4 << 20


@pytest.mark.host
def test_the_function_holds_tiles_not_scores():
    """8192 queries and keys in one head: 256 MB of scores, of which never more than a few tiles are there."""
    q, k, v = (cb.tensor(draw(1, 1, 8192, 8, dtype=np.float32), requires_grad=True) for _ in range(3))

    def run():
        F.scaled_dot_product_attention(q, k, v, is_causal=True).sum().backward()

    assert peak_of(run) < 16 << 20
    assert all(x.grad is not None for x in (q, k, v))


@pytest.mark.host
def test_dropout_holds_a_block_at_a_time_forward_and_backward(monkeypatch):
    monkeypatch.setattr(functions, "_LIMIT", 1 << 16)
    q, k, v = (cb.tensor(draw(1, 2, 1024, 4, dtype=np.float32), requires_grad=True) for _ in range(3))

    def run():
        F.scaled_dot_product_attention(q, k, v, dropout_p=0.2, is_causal=True).sum().backward()

    # The whole matrix is eight megabytes, and dropout's graph holds half a dozen of its size.
    assert peak_of(run) < 8 << 20
    cb.manual_seed(1)
    (one,) = cb.grad(F.scaled_dot_product_attention(q, k, v, dropout_p=0.2).sum(), [v])
    cb.manual_seed(1)
    (other,) = cb.grad(F.scaled_dot_product_attention(q, k, v, dropout_p=0.2).sum(), [v])
    np.testing.assert_array_equal(one.numpy(), other.numpy())


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_narrow_floats(dtype):
    q, k, v = (draw(2, 5, 4, dtype=np.float32) for _ in range(3))
    kind = getattr(cb, dtype)
    narrow = F.scaled_dot_product_attention(*(cb.tensor(x).to(kind) for x in (q, k, v)))
    assert narrow.dtype is kind
    whole = F.scaled_dot_product_attention(*(cb.tensor(x).to(kind).float() for x in (q, k, v)))
    np.testing.assert_allclose(narrow.float().numpy(), whole.numpy(), rtol=1e-2, atol=1e-2)


def test_vmap_over_attention():
    q, k, v = (cb.tensor(draw(3, 2, 5, 4)) for _ in range(3))
    batched = cb.func.vmap(lambda a, b, c: F.scaled_dot_product_attention(a, b, c, is_causal=True))(q, k, v)
    np.testing.assert_allclose(batched.numpy(), F.scaled_dot_product_attention(q, k, v, is_causal=True).numpy())
    noisy = cb.func.vmap(
        lambda a, b, c: F.scaled_dot_product_attention(a, b, c, dropout_p=0.5), randomness="different"
    )(q, k, v)
    assert noisy.shape == (3, 2, 5, 4)


def test_gradients_of_each_sample_through_a_transformer():
    layer = cb.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True).double()
    x = cb.tensor(draw(4, 5, 8))
    by_sample = cb.func.vmap(cb.func.grad(lambda sample: (layer(sample) ** 2).sum()))(x)
    for i in range(4):
        leaf = cb.tensor(x[i].numpy(), requires_grad=True)
        (layer(leaf) ** 2).sum().backward()
        np.testing.assert_allclose(by_sample[i].detach().numpy(), leaf.grad.numpy(), rtol=1e-10, atol=1e-12)
