"""Attention of short sequences against PyTorch, in every layout, with masks, and what it leaves to the backend."""

from __future__ import annotations

from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra_numba import attention

pytest.importorskip("numba")
torch = pytest.importorskip("torch")

# Batch, heads, queries, keys, features, values.
SHAPES = [
    (2, 3, 7, 9, 5, 6), (1, 1, 8, 32, 32, 32), (2, 2, 33, 65, 40, 17), (1, 2, 65, 33, 64, 1), (1, 1, 70, 256, 8, 40),
    (3, 1, 1, 1, 1, 1),
]  # fmt: skip
TOLERANCE = {"float32": 2e-5, "float64": 1e-12}


@pytest.fixture(autouse=True, params=["whole", "some rows"])
def small_ones_too(monkeypatch, request):
    monkeypatch.setattr(attention, "LEAST", 1)
    if request.param == "some rows":
        monkeypatch.setattr(attention, "SOME", 1)


def operands(sizes: tuple[int, ...], dtype: str, inside: bool) -> list[np.ndarray]:
    """Queries, keys, values and a cotangent; with the heads inside of rows, as a joint projection leaves them."""
    rng = np.random.default_rng(sum(sizes))
    a, h, length, keys, features, values = sizes
    found = []
    for rows, width in ((length, features), (keys, features), (keys, values), (length, values)):
        if inside:
            found.append(rng.standard_normal((a, rows, h, width)).astype(dtype).transpose(0, 2, 1, 3))
        else:
            found.append(rng.standard_normal((a, h, rows, width)).astype(dtype))
    return found


def theirs(q, k, v, g, mask=None, causal=False, scale=0.3) -> list[np.ndarray]:
    given = [torch.tensor(np.ascontiguousarray(x), requires_grad=True) for x in (q, k, v)]
    if mask is not None:
        mask = torch.tensor(np.ascontiguousarray(mask))
    out = torch.nn.functional.scaled_dot_product_attention(*given, attn_mask=mask, is_causal=causal, scale=scale)
    out.backward(torch.tensor(np.ascontiguousarray(g)))
    return [out.detach().numpy(), *(x.grad.numpy() for x in given)]


def mine(q, k, v, g, mask=None, causal=False, scale=0.3) -> list[Any]:
    out, (weights,) = attention.attention_train(q, k, v, mask, is_causal=causal, scale=scale)
    np.testing.assert_array_equal(attention.attention(q, k, v, mask, is_causal=causal, scale=scale), out)
    wants = (True, True, True) if mask is None else (True, True, True, False)
    found = attention.attention_vjp(g, q, k, v, scale, weights, wants)
    assert len(found) == len(wants)
    return [out, *found[:3]]


def compare(found: list[np.ndarray], wanted: list[np.ndarray], dtype: str) -> None:
    for one, two in zip(found, wanted, strict=True):
        assert one.dtype == dtype
        np.testing.assert_allclose(one, two, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", SHAPES, ids=str)
def test_values_and_cotangents(sizes, dtype, inside, causal):
    given = operands(sizes, dtype, inside)
    compare(mine(*given, causal=causal), theirs(*given, causal=causal), dtype)


@pytest.mark.parametrize("kind", ["bool", "float32"])
@pytest.mark.parametrize("shape", [(7, 9), (1, 9), (3, 7, 9), (2, 1, 1, 9), (2, 3, 7, 9)], ids=str)
def test_masks(shape, kind):
    rng = np.random.default_rng(0)
    given = operands(SHAPES[0], "float32", True)
    mask = rng.standard_normal(shape).astype(kind) if kind != "bool" else rng.random(shape) < 0.7
    compare(mine(*given, mask=mask), theirs(*given, mask=mask), "float32")


def test_a_row_that_may_look_at_nothing_gives_nothing():
    q, k, v, g = operands(SHAPES[0], "float32", False)
    mask = np.ones((7, 9), bool)
    mask[2] = False
    found = mine(q, k, v, g, mask=mask)
    assert (found[0][:, :, 2] == 0).all()
    assert (found[1][:, :, 2] == 0).all()
    assert all(np.isfinite(x).all() for x in found)


def test_a_score_that_is_no_number_stays_in_its_row():
    q, k, v, _ = operands(SHAPES[0], "float32", False)
    q[0, 0, 3, 1] = np.nan
    out = attention.attention(q, k, v, is_causal=False, scale=1.0)
    assert np.isnan(out[0, 0, 3]).all()
    assert np.isnan(out).sum() == out.shape[-1]


def test_layouts():
    q, k, v, g = operands(SHAPES[0], "float32", False)
    wanted = mine(q, k, v, g)
    frozen = [x.copy() for x in (q, k, v, g)]
    for x in frozen:
        x.flags.writeable = False
    turned = [np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2) for x in (q, k, v, g)]
    back = [x[:, :, ::-1].copy()[:, :, ::-1] for x in (q, k, v, g)]
    for given in (frozen, turned, back):
        for one, two in zip(mine(*given), wanted, strict=True):
            np.testing.assert_array_equal(one, two)
    for lead in ((), (3,)):
        cut = [x[0, 0] if lead == () else x[0] for x in (q, k, v, g)]
        for one, two in zip(mine(*cut), wanted, strict=True):
            np.testing.assert_array_equal(one, two[0, 0] if lead == () else two[0])


def test_parts_of_one_product_have_cotangents_that_are_parts_of_one_array():
    x = np.random.default_rng(0).standard_normal((2, 16, 3, 4, 8), dtype="float32").transpose(2, 0, 3, 1, 4)
    g = np.random.default_rng(1).standard_normal((2, 4, 16, 8), dtype="float32")
    _, gq, gk, gv = mine(*x, g)
    assert gq.base is gk.base is gv.base is not None
    assert gk.ctypes.data - gq.ctypes.data == gv.ctypes.data - gk.ctypes.data == x.strides[0]
    assert gq.strides == x[0].strides


def test_what_is_left_to_the_backend():
    q, k, v, g = operands(SHAPES[0], "float32", False)
    left = {
        "other dtypes": (q.astype("float16"), k.astype("float16"), v.astype("float16")),
        "groups of heads": (q, k[:, :1], v[:, :1]),
        "five axes": (q[None], k[None], v[None]),
        "a mask that broadens": (q[0, 0], k[0, 0], v[0, 0], np.zeros((1, 7, 9), "float32")),
        "no keys": (q, k[:, :, :0], v[:, :, :0]),
        "no features": (q[..., :0], k[..., :0], v),
    }
    for name, given in left.items():
        assert attention.attention(*given, is_causal=False, scale=1.0) is NotImplemented, name
    for sizes in ((1, 1, 300, 8), (4, 4, 1 << 14, 8)):
        long = np.zeros(sizes, "float32")
        assert attention.attention(long, long, long, is_causal=False, scale=1.0) is NotImplemented
    mask = np.zeros((7, 9), "float32")
    _, (weights,) = attention.attention_train(q, k, v, mask, is_causal=False, scale=1.0)
    assert attention.attention_vjp(g, q, k, v, 1.0, weights, (True,) * 4) is NotImplemented


def test_in_a_graph():
    q, k, v, g = operands((2, 3, 40, 50, 16, 16), "float32", True)
    mask = np.random.default_rng(0).standard_normal((40, 50), dtype="float32")
    ours = [cb.tensor(x, requires_grad=True) for x in (q, k, v, mask)]
    out = cb.nn.functional.scaled_dot_product_attention(*ours[:3], attn_mask=ours[3], scale=0.3)
    out.backward(cb.tensor(g))
    other = [torch.tensor(np.ascontiguousarray(x), requires_grad=True) for x in (q, k, v, mask)]
    expected = torch.nn.functional.scaled_dot_product_attention(*other[:3], attn_mask=other[3], scale=0.3)
    expected.backward(torch.tensor(np.ascontiguousarray(g)))
    for one, two in zip(ours, other, strict=True):
        np.testing.assert_allclose(one.grad.numpy(), two.grad.numpy(), rtol=2e-5, atol=2e-5)
