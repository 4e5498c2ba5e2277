"""The attention kernel of the NumPy backend, against the definition in float64 and PyTorch."""

from __future__ import annotations

import gc
import tracemalloc

import numpy as np
import pytest
from candelabra.backends.numpy import attention, parallel, tiled_attention


def exact(q, k, v, mask, is_causal, scale):
    """Weights and result by the definition; rows that may look at nothing give 0."""
    q, k, v = (a.astype(np.float64) for a in (q, k, v))
    scores = scale * q @ k.swapaxes(-1, -2)
    if mask is not None:
        scores = scores + (np.where(mask, 0, -np.inf) if mask.dtype == bool else mask)
    if is_causal:
        scores = np.where(np.tril(np.ones(scores.shape[-2:], bool)), scores, -np.inf)
    top = np.max(scores, axis=-1, keepdims=True, initial=-1e300)
    p = np.exp(scores - top)
    total = p.sum(-1, keepdims=True)
    p = p / np.where(total == 0, 1, total)
    return p, p @ v


def exact_gradients(g, q, k, v, mask, is_causal, scale):
    p, out = exact(q, k, v, mask, is_causal, scale)
    g, q, k, v = (a.astype(np.float64) for a in (g, q, k, v))
    ds = p * (g @ v.swapaxes(-1, -2) - (g * out).sum(-1, keepdims=True))
    return scale * ds @ k, scale * ds.swapaxes(-1, -2) @ q, p.swapaxes(-1, -2) @ g, ds


def run(q, k, v, mask, is_causal, scale, g=None):
    kernel = attention.KERNELS["attention"]
    plain = kernel.forward(q, k, v, mask, is_causal=is_causal, scale=scale)
    out, residuals = kernel.train(q, k, v, mask, is_causal=is_causal, scale=scale)
    np.testing.assert_allclose(plain, out, rtol=1e-5, atol=1e-6)
    g = np.random.default_rng(9).standard_normal(out.shape).astype(out.dtype) if g is None else g
    wants = (True, True, True, mask is not None and mask.dtype != bool)
    given = {"q": q, "k": k, "v": v, "mask": mask, "out": out, "is_causal": is_causal, "scale": scale}
    given |= dict(zip(kernel.residuals, residuals, strict=True))
    return out, g, kernel.vjp(None, g, **given, wants=wants)


def inputs(batch, length, keys, width, values, dtype, seed=0):
    rng = np.random.default_rng(seed)
    q = rng.standard_normal((*batch, length, width)).astype(dtype)
    k = rng.standard_normal((*batch, keys, width)).astype(dtype)
    return q, k, rng.standard_normal((*batch, keys, values)).astype(dtype)


def masks(batch, length, keys, dtype):
    rng = np.random.default_rng(7)
    yield None
    boolean = rng.random((length, keys)) < 0.6
    if length and keys:
        boolean[length // 2] = False
    yield boolean
    yield rng.standard_normal((length, keys)).astype(dtype)
    yield rng.random((*batch[:-1], 1, 1, keys))[..., :1, :, :] < 0.7 if len(batch) > 1 else rng.random(keys) < 0.7
    full = rng.standard_normal((*batch, length, keys)).astype(dtype)
    yield np.where(rng.random(full.shape) < 0.2, dtype(-np.inf), full)


SHAPES = [
    ((), 4, 6, 3, 3),
    ((3,), 5, 5, 2, 4),
    ((2, 3), 7, 5, 4, 4),
    ((2, 1, 3), 4, 4, 2, 3),
    ((2, 2), 1, 9, 3, 3),
    ((0, 2), 3, 3, 2, 2),
    ((2, 2), 3, 1, 1, 1),
]


@pytest.mark.parametrize("scale", [1.0, 300.0])
def test_large_scores_do_not_overflow(scale):
    q, k, v = inputs((2, 2), 5, 6, 4, 3, np.float32)
    out, g, gradients = run(q, k, v, None, True, scale)
    np.testing.assert_allclose(out, exact(q, k, v, None, True, scale)[1], rtol=1e-3, atol=1e-4)
    for got, want in zip(gradients, exact_gradients(g, q, k, v, None, True, scale), strict=False):
        if got is not None:
            np.testing.assert_allclose(got, want, rtol=2e-2, atol=1e-2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize(("block", "keep"), [(1 << 17, 1 << 23), (8, 1 << 23), (8, 0), (30, 0), (0, 0)])
@pytest.mark.parametrize(("batch", "length", "keys", "width", "values"), SHAPES)
@pytest.mark.filterwarnings("error")
def test_values_and_gradients(batch, length, keys, width, values, block, keep, is_causal, dtype, monkeypatch):
    monkeypatch.setattr(attention, "_BLOCK", block)
    monkeypatch.setattr(attention, "_KEEP", keep)
    monkeypatch.setattr(tiled_attention, "ROWS", 3)
    monkeypatch.setattr(tiled_attention, "COLUMNS", 2)
    q, k, v = inputs(batch, length, keys, width, values, dtype)
    tolerance = 2e-5 if dtype is np.float32 else 1e-12
    for mask in masks(batch, length, keys, dtype):
        copies = [a.copy() for a in (q, k, v)]
        out, g, gradients = run(q, k, v, mask, is_causal, 0.6)
        expected = exact(q, k, v, mask, is_causal, 0.6)[1]
        assert out.dtype == dtype and out.shape == (*batch, length, values)
        np.testing.assert_allclose(out, expected, rtol=tolerance, atol=tolerance)
        wanted = exact_gradients(g, q, k, v, mask, is_causal, 0.6)
        for got, want in zip(gradients[:3], wanted, strict=False):
            assert got.dtype == dtype
            np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)
        if mask is not None and mask.dtype != bool:
            got, want = (summed_to(x, mask.shape) for x in (gradients[3], wanted[3]))
            np.testing.assert_allclose(got, want, rtol=tolerance, atol=5 * tolerance)
        else:
            assert gradients[3] is None
        for a, b in zip((q, k, v), copies, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", ["plain", "causal", "large", "bool", "float", "row", "heads"])
@pytest.mark.parametrize(("length", "keys"), [(600, 500), (300, 1100), (1030, 257), (1, 70000)])
def test_long_sequences(length, keys, kind):
    q, k, v = inputs((1, 2), length, keys, 8, 6, np.float32)
    rng = np.random.default_rng(2)
    scale, mask = (30.0, None) if kind == "large" else (0.3, None)
    if kind == "bool":
        mask = rng.random((length, keys)) < 0.5
        mask[length // 2] = False
    elif kind == "float":
        mask = rng.standard_normal((2, length, keys)).astype(np.float32)
        mask[0, length // 2] = -np.inf
    elif kind == "row":
        mask = rng.standard_normal((1, 1, 1, keys)).astype(np.float32)
    elif kind == "heads":
        mask = rng.standard_normal((2, 1, 1)).astype(np.float32)
    out, g, gradients = run(q, k, v, mask, kind == "causal", scale)
    expected = exact(q, k, v, mask, kind == "causal", scale)[1]
    tolerance = 2e-3 if kind == "large" else 1e-4
    np.testing.assert_allclose(out, expected, rtol=tolerance, atol=tolerance)
    wanted = [*exact_gradients(g, q, k, v, mask, kind == "causal", scale)]
    if mask is None or mask.dtype == bool:
        assert gradients[3] is None
    else:
        wanted[3] = summed_to(wanted[3], mask.shape)
        assert gradients[3].shape == mask.shape
    for got, want in zip(gradients, wanted, strict=False):
        if got is not None:
            size = max(1.0, np.abs(want).max())
            np.testing.assert_allclose(got, want, rtol=50 * tolerance, atol=size * tolerance)


@pytest.mark.parametrize("small", [1 << 22, 0])
@pytest.mark.parametrize("shape", [(600, 500), (1, 500), (2, 1, 500), (600, 1), (500,)])
def test_boolean_masks_of_long_sequences(shape, small, monkeypatch):
    monkeypatch.setattr(tiled_attention, "_SMALL_MASK", small)
    q, k, v = inputs((1, 2), 600, 500, 8, 6, np.float32)
    mask = np.random.default_rng(2).random(shape) < 0.5
    out, g, gradients = run(q, k, v, mask, False, 0.3)
    np.testing.assert_allclose(out, exact(q, k, v, mask, False, 0.3)[1], rtol=1e-4, atol=1e-5)
    for got, want in zip(gradients[:3], exact_gradients(g, q, k, v, mask, False, 0.3), strict=False):
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4)


def test_which_masks_are_mild():
    inf = np.float32(np.inf)
    for mild in ([0.0, -3.0, -inf], [-inf, -inf], [29.0], []):
        assert attention._is_mild(np.array([mild], np.float32)) and attention._is_mild(np.array(mild, np.float32))
    for wild in ([0.0, -1e9], [40.0], [inf], [np.nan, 0.0]):
        assert not attention._is_mild(np.array([wild], np.float32))


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("batch", [(), (1,), (5,), (2, 3)])
def test_long_sequences_on_threads(batch, threads):
    before = parallel.get_num_threads()
    parallel.set_num_threads(threads)
    try:
        q, k, v = inputs(batch, 700, 600, 8, 8, np.float32)
        out, g, gradients = run(q, k, v, None, True, 0.3)
    finally:
        parallel.set_num_threads(before)
    np.testing.assert_allclose(out, exact(q, k, v, None, True, 0.3)[1], rtol=1e-4, atol=1e-5)
    for got, want in zip(gradients[:3], exact_gradients(g, q, k, v, None, True, 0.3), strict=False):
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4)


def test_weights_of_rows_hidden_by_large_numbers_keep_their_sum():
    # -1e9 in a whole row leaves nothing of the scores: every key has the same weight, and the gradients know it.
    q, k, v = inputs((1, 1), 300, 400, 8, 8, np.float32)
    mask = np.zeros((300, 400), np.float32)
    mask[7] = -1e9
    out, g, gradients = run(q, k, v, mask, False, 0.3)
    np.testing.assert_allclose(out[0, 0, 7], v[0, 0].mean(0), rtol=1e-3, atol=1e-5)
    only = np.zeros_like(g)
    only[0, 0, 7] = 1
    _, _, gradients = run(q, k, v, mask, False, 0.3, only)
    np.testing.assert_allclose(gradients[2], 1 / 400, rtol=1e-4)


@pytest.mark.parametrize("long", [True, False])
@pytest.mark.parametrize(
    ("queries", "shared", "others"),
    [
        ((2, 3), (1, 3), (3,)), ((2, 3), (2, 1), (2, 1)), ((1, 3), (2, 1), (2, 3)), ((2,), (), ()),
        ((2, 2, 2), (2, 1), (1,)),
    ],
)
def test_operands_that_share_keys_or_queries(queries, shared, others, long, monkeypatch):
    if long:
        monkeypatch.setattr(attention, "_BLOCK", 0)
        monkeypatch.setattr(tiled_attention, "ROWS", 4)
        monkeypatch.setattr(tiled_attention, "COLUMNS", 5)
    monkeypatch.setattr(tiled_attention, "_SHARED", 0)
    q, _, _ = inputs(queries, 9, 7, 4, 3, np.float64)
    _, k, _ = inputs(shared, 9, 7, 4, 3, np.float64, seed=1)
    _, _, v = inputs(others, 9, 7, 4, 3, np.float64, seed=2)
    out, g, gradients = run(q, k, v, None, False, 0.5)
    np.testing.assert_allclose(out, exact(q, k, v, None, False, 0.5)[1])
    for x, got, want in zip((q, k, v), gradients, exact_gradients(g, q, k, v, None, False, 0.5), strict=False):
        assert np.allclose(summed_to(got, x.shape), summed_to(want, x.shape))


def summed_to(x, shape):
    """Sum over what a shape was broadcast along, as the engine does."""
    x = x.sum(tuple(range(x.ndim - len(shape))))
    return x.sum(tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


def test_the_score_matrix_never_exists():
    """Forward and backward over 8192 queries and keys hold a few tiles, not 67 million scores."""
    q, k, v = inputs((1, 2), 8192, 8192, 8, 8, np.float32)
    mask = np.zeros((1, 1, 1, 8192), bool)
    mask[..., :4000] = True
    for given, is_causal in ((None, True), (mask, False)):
        gc.collect()
        tracemalloc.start()
        try:
            out, residuals = attention.attention_train(q, k, v, given, is_causal=is_causal, scale=0.3)
            kept = dict(zip(attention.KERNELS["attention"].residuals, residuals, strict=True))
            attention.attention_vjp(
                None, out, q, k, v, given, out, **kept, is_causal=is_causal, scale=0.3, wants=(True,) * 3
            )
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert sum(a.nbytes for a in residuals if a is not None) <= 2 * 2 * 8192 * 4
        # All four operands and results are half a megabyte each.
        assert peak < 16 << 20, f"{peak / 2**20:.1f} MB; the scores alone would be 512"


def test_heads_inside_rows_stay_there():
    packed = np.random.default_rng(0).standard_normal((2, 6, 3, 4, 5)).astype(np.float32)
    q, k, v = (packed[:, :, i].transpose(0, 2, 1, 3) for i in range(3))
    out, g, gradients = run(q, k, v, None, False, 0.5)
    np.testing.assert_allclose(out, exact(q, k, v, None, False, 0.5)[1], rtol=1e-5, atol=1e-6)
    assert out.transpose(0, 2, 1, 3).flags.c_contiguous
    for got, want in zip(gradients, exact_gradients(g, q, k, v, None, False, 0.5), strict=False):
        if got is not None:
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_broadcast_batches():
    q, _, _ = inputs((2, 3), 4, 5, 2, 2, np.float64)
    _, k, v = inputs((1, 3), 4, 5, 2, 2, np.float64, seed=1)
    out, g, gradients = run(q, k, v[0], None, False, 0.5)
    np.testing.assert_allclose(out, exact(q, k, v[0], None, False, 0.5)[1])
    for got, want in zip(gradients, exact_gradients(g, q, k, v[0], None, False, 0.5), strict=False):
        if got is not None:
            np.testing.assert_allclose(got, want)


def test_no_keys_at_all():
    q, k, v = inputs((2,), 3, 0, 2, 2, np.float32)
    out, _, gradients = run(q, k, v, None, False, 0.5)
    np.testing.assert_array_equal(out, 0)
    np.testing.assert_array_equal(gradients[0], 0)
    assert gradients[1].shape == k.shape


def test_what_is_declined():
    q, k, v = inputs((2,), 3, 4, 2, 2, np.float32)
    statics = {"is_causal": False, "scale": 1.0}
    assert attention.attention(q.astype(np.float16), k, v, None, **statics) is NotImplemented
    assert attention.attention(q, k, v, np.zeros((3, 4)), **statics) is NotImplemented
    assert attention.attention(q, k, v, np.zeros((5, 2, 3, 4), np.float32), **statics) is NotImplemented


@pytest.mark.parametrize("kind", ["none", "causal", "bool", "float"])
def test_against_torch(kind):
    torch = pytest.importorskip("torch")
    for dtype, tolerance in ((np.float32, 1e-5), (np.float64, 1e-12)):
        q, k, v = inputs((2, 3), 9, 9, 4, 4, dtype)
        rng = np.random.default_rng(3)
        mask = None
        if kind == "bool":
            mask = rng.random((9, 9)) < 0.5
            mask[3] = False
        elif kind == "float":
            mask = rng.standard_normal((9, 9)).astype(dtype)
            mask[3] = -np.inf
        out, g, gradients = run(q, k, v, mask, kind == "causal", 0.7)
        leaves = [torch.tensor(a, requires_grad=True) for a in (q, k, v)]
        torch_mask = None if mask is None else torch.tensor(mask, requires_grad=kind == "float")
        expected = torch.nn.functional.scaled_dot_product_attention(
            *leaves, torch_mask, is_causal=kind == "causal", scale=0.7
        )
        expected.backward(torch.tensor(g))
        np.testing.assert_allclose(out, expected.detach().numpy(), rtol=tolerance, atol=tolerance)
        for got, leaf in zip(gradients[:3], leaves, strict=True):
            np.testing.assert_allclose(got, leaf.grad.numpy(), rtol=tolerance, atol=tolerance)
        if kind == "float":
            np.testing.assert_allclose(
                gradients[3].sum((0, 1)), torch_mask.grad.numpy(), rtol=10 * tolerance, atol=10 * tolerance
            )


def test_broadcast_cotangents_and_turned_operands_of_long_sequences():
    rng = np.random.default_rng(4)
    q, k, v = (rng.standard_normal((1, 2, 8, 400)).astype(np.float32).swapaxes(-1, -2) for _ in range(3))
    g = np.broadcast_to(np.float32(1), q.shape)
    out, _, gradients = run(q, k, v, None, False, 0.3, g)
    np.testing.assert_allclose(out, exact(q, k, v, None, False, 0.3)[1], rtol=1e-4, atol=1e-5)
    for got, want in zip(gradients[:3], exact_gradients(g, q, k, v, None, False, 0.3), strict=False):
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-3)
