"""Products of matrices on a card: which calls of cuBLAS they are, in which layouts, and what they compute in."""

from __future__ import annotations

import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from candelabra.backends.cupy import products
from candelabra.core import precision
from candelabra.core.errors import ArgumentError, MissingDependencyError

sys.path.insert(0, str(Path(__file__).parent))

from cards import python
from stand_in import HostCuda, HostLauncher, fake_blas

RNG = np.random.default_rng(0)
DTYPES = {"float16": 2**-9, "bfloat16": 2**-6, "float32": 2**-20, "float64": 2**-48}
DTYPES |= {"complex64": 2**-20, "complex128": 2**-48}


@pytest.fixture
def gpu():
    fake_blas().calls.clear()
    return HostLauncher(HostCuda())


@pytest.fixture
def calls(gpu):
    return fake_blas().calls


def draw(shape, dtype="float64"):
    found = RNG.standard_normal(shape)
    if dtype.startswith("complex"):
        found = found + 1j * RNG.standard_normal(shape)
    return found.astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)


def wide(x):
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)


def close(found, a, b, dtype="float64"):
    wanted = wide(a) @ wide(b)
    assert found.dtype == a.dtype and found.shape == wanted.shape
    size = max(1.0, float(np.abs(wanted).max(initial=0)))
    np.testing.assert_allclose(wide(found), wanted, rtol=0, atol=DTYPES[dtype] * size)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("turned", ["NN", "NT", "TN", "TT"])
def test_a_transposed_view_is_multiplied_without_a_copy(gpu, calls, dtype, turned):
    a = draw((5, 7), dtype) if turned[0] == "N" else draw((7, 5), dtype).T
    b = draw((7, 3), dtype) if turned[1] == "N" else draw((3, 7), dtype).T
    gpu.copied = None
    close(products.product(gpu, a, b), a, b, dtype)
    assert [(c.operations, c.sizes, c.count) for c in calls] == [(turned[::-1], (3, 5, 7), 1)]


def views():
    base = draw((12, 12, 12))
    return {
        "rows apart": base[3, 2:7, 1:5], "every second row": base[0, ::2, :4], "every second column": base[0, :4, ::2],
        "backwards": base[0, ::-1, :4], "a column": base[0, :, 3:4], "a row": base[0, 3:4, :],
        "a row, every second": base[0, 3:4, ::2], "one row again and again": np.broadcast_to(base[0, 0], (4, 12)),
        "one column again and again": np.broadcast_to(base[0, :, :1], (12, 4)), "one element": base[0, :1, :1],
        "of a stack": base[:, :, 3], "turned of a stack": base[:5, 3, :4].T,
    }  # fmt: skip


@pytest.mark.parametrize("name", views())
def test_every_layout_is_read_as_it_lies(gpu, name):
    a = views()[name]
    for b in (draw((a.shape[1], 5)), draw((5, a.shape[1])).T):
        close(products.product(gpu, a, b), a, b)
        close(products.product(gpu, b.T, a.T), b.T, a.T)
        padded = np.full((a.shape[0], 9), np.nan)
        products.multiply(gpu, a, b, padded[:, 2:7])
        np.testing.assert_allclose(padded[:, 2:7], a @ b)
        assert np.isnan(padded[:, [0, 1, 7, 8]]).all()


STACKS = {
    "a matrix for all": ((4, 6, 5, 7), (7, 3), 1),
    "a matrix for all, with axes": ((4, 6, 5, 7), (1, 1, 7, 3), 1),
    "a matrix before a stack": ((5, 7), (6, 7, 3), 1),
    "two stacks": ((4, 6, 5, 7), (4, 6, 7, 3), 1),
    "a stack's own": ((4, 1, 5, 7), (4, 1, 7, 3), 1),
    "each with each": ((4, 1, 5, 7), (6, 7, 3), 4),
    "the inner axis": ((4, 6, 5, 7), (6, 7, 3), 4),
    "the outer axis": ((4, 6, 5, 7), (4, 1, 7, 3), 4),
    "one of one": ((1, 1, 5, 7), (1, 7, 3), 1),
}


@pytest.mark.parametrize("name", STACKS)
def test_stacks_are_as_few_calls_as_they_can_be(gpu, calls, name):
    left, right, count = STACKS[name]
    a, b = draw(left), draw(right)
    gpu.copied = None
    close(products.product(gpu, a, b), a, b)
    assert len(calls) == count
    if name.startswith("a matrix for all"):
        assert calls[0].count == 1 and calls[0].sizes == (3, 120, 7)


def test_heads_that_lie_between_rows_are_copied_once(gpu, calls):
    q, k = (draw((8, 9, 12, 4)).swapaxes(1, 2) for _ in range(2))
    close(products.product(gpu, q, k.swapaxes(-1, -2)), q, k.swapaxes(-1, -2))
    assert [(c.count, c.operations) for c in calls] == [(96, "TN")]


def test_a_few_stacks_are_not_copied(gpu, calls):
    q, k = (draw((2, 9, 12, 4)).swapaxes(1, 2) for _ in range(2))
    gpu.copied = None
    close(products.product(gpu, q, k.swapaxes(-1, -2)), q, k.swapaxes(-1, -2))
    assert [(c.count, c.operations) for c in calls] == [(12, "TN")] * 2


def test_a_repeated_operand_is_not_written_out(gpu, calls):
    a = np.broadcast_to(draw((5, 14))[:, ::2], (50, 5, 7))
    b = draw((50, 7, 3))
    sizes = []
    gpu.copied = lambda x: sizes.append(x.size) or np.array(x, order="C")
    close(products.product(gpu, a, b), a, b)
    assert sizes == [35] and len(calls) == 1


def test_many_broadcasts_are_written_out_rather_than_called_one_by_one(gpu, calls):
    a, b = draw((70, 1, 2, 3)), draw((1, 80, 3, 2))
    close(products.product(gpu, a, b), a, b)
    assert len(calls) == 1


@pytest.mark.parametrize("sizes", [(0, 3, 2), (2, 0, 3), (3, 2, 0)])
def test_empty_sizes(gpu, calls, sizes):
    m, k, n = sizes
    for lead in ((), (4,), (4, 0)):
        found = products.product(gpu, draw((*lead, m, k)), draw((*lead, k, n)))
        assert found.shape == (*lead, m, n) and not found.any()
    kept = np.ones((m, n))
    products.multiply(gpu, draw((m, k)), draw((k, n)), kept, add=True)
    assert (kept == 1).all() and not calls


@pytest.mark.parametrize(("sizes", "count"), [((9, 2, 3), 3), ((2, 9, 3), 3), ((2, 3, 9), 6), ((9, 9, 9), 81)])
def test_sizes_beyond_32_bits_are_divided(gpu, calls, monkeypatch, sizes, count):
    monkeypatch.setattr(products, "LIMIT", 4)
    m, k, n = sizes
    a, b = draw((m, k)), draw((k, n))
    found = np.full((m, n), np.nan)
    products.multiply(gpu, a, b, found)
    np.testing.assert_allclose(found, a @ b)
    assert len(calls) == count and max(max(c.sizes) for c in calls) <= 4
    stack = draw((3, m, k))
    np.testing.assert_allclose(products.product(gpu, stack, b), stack @ b)
    np.testing.assert_allclose(products.product(gpu, stack, draw((3, k, n)) * 0 + b), stack @ b)


def test_a_long_stack_is_divided(gpu, calls, monkeypatch):
    monkeypatch.setattr(products, "LIMIT", 4)
    a, b = draw((10, 2, 3)), draw((10, 3, 2))
    close(products.product(gpu, a, b), a, b)
    assert [c.count for c in calls] == [4, 4, 2]


def test_16_bit_factors_are_summed_in_float32(gpu, calls):
    a, b = np.full((1, 4096), 1, np.float16), np.full((4096, 1), 1, np.float16)
    b[1:] = 2**-11
    assert float(products.product(gpu, a, b)[0, 0]) == 3
    out = np.zeros((1, 1), np.float32)
    products.multiply(gpu, a, b, out)
    assert out[0, 0] == 1 + 4095 * 2**-11
    assert [c.dtypes for c in calls] == [("float16", "float16"), ("float16", "float32")]


def test_a_result_is_added_to_what_is_there(gpu):
    a, b, out = draw((4, 5)), draw((5, 3)), draw((4, 3))
    before = out.copy()
    products.multiply(gpu, a, b, out, add=True)
    np.testing.assert_allclose(out, before + a @ b)


def test_rows_of_an_array_are_multiplied_again_and_again(gpu):
    a, b, out = draw((8, 5)), draw((3, 5)).T, np.zeros((6, 3))
    again = products.Repeated(gpu, a, b, out, add=True)
    again(2, 3, 1)
    again(0, 2, 4)
    wanted = np.zeros((6, 3))
    wanted[1:4], wanted[4:] = a[2:5] @ b, a[:2] @ b
    np.testing.assert_allclose(out, wanted)


@pytest.fixture
def highest():
    yield
    precision.set_float32_matmul_precision("highest")


@pytest.mark.parametrize(("chosen", "compute", "bits"), [("highest", 68, 23), ("high", 77, 10), ("medium", 75, 7)])
def test_float32_is_multiplied_as_exactly_as_is_asked_for(gpu, calls, highest, chosen, compute, bits):
    precision.set_float32_matmul_precision(chosen)
    assert precision.get_float32_matmul_precision() == chosen
    a, b = (np.full((1, 1), 1 + 2.0**-k, np.float32) for k in (bits, bits + 1))
    lost = 1.0 if bits < 23 else float(b[0, 0])
    assert float(products.product(gpu, a, b)[0, 0]) == float(np.float32(float(a[0, 0]) * lost))
    for dtype in ("float16", "bfloat16", "float64", "complex64", "complex128"):
        products.product(gpu, draw((2, 2), dtype), draw((2, 2), dtype))
    assert [c.compute for c in calls] == [compute, 68, 68, 70, 68, 70]


def test_cards_before_ampere_multiply_float32_exactly(gpu, calls, highest, monkeypatch):
    monkeypatch.setattr(gpu, "capability", lambda: 75)
    precision.set_float32_matmul_precision("high")
    products.product(gpu, draw((2, 2), "float32"), draw((2, 2), "float32"))
    assert calls[0].compute == 68


def test_a_precision_that_there_is_not_is_refused():
    with pytest.raises(ArgumentError, match="'highest', 'high' or 'medium' is needed, got 'low'"):
        precision.set_float32_matmul_precision("low")
    assert precision.get_float32_matmul_precision() == "highest"


def test_a_missing_library_is_named(gpu, monkeypatch):
    from candelabra.backends.cupy.launch import Launcher

    monkeypatch.setitem(sys.modules, "cupy_backends.cuda.libs", None)
    with pytest.raises(MissingDependencyError, match=r"need cuBLAS, .*; pip install 'candelabra\[cuda\]'"):
        Launcher(HostCuda()).blas()


def test_layers_do_not_wait_and_sums_and_products_are_right(tmp_path):
    code = """
import cupy, numpy as np
import candelabra as cb
from candelabra import nn
from cupy.cuda import counts
from cupy_backends.cuda.libs.cublas import calls
model = nn.Linear(6, 40, device="cuda:1")
x = cb.randn(7, 5, 6, device="cuda:1", requires_grad=True)
seed = cb.randn(7, 5, 40, device="cuda:1")
before = counts["synchronisations"]
calls.clear()
y = model(x)
y.backward(seed)
assert counts["synchronisations"] == before
# The product that is added to the bias, and those of both gradients.
assert [(c.sizes, float(c.beta)) for c in calls] == [((40, 35, 6), 1), ((6, 35, 40), 0), ((6, 40, 35), 0)], calls
w, g = model.weight.detach().numpy(), seed.numpy().reshape(35, 40)
flat = x.detach().numpy().reshape(35, 6)
wanted = flat @ w.T + model.bias.detach().numpy()
np.testing.assert_allclose(y.detach().numpy().reshape(35, 40), wanted, rtol=1e-5, atol=1e-5)
np.testing.assert_allclose(model.bias.grad.numpy(), g.sum(0), rtol=1e-5, atol=1e-5)
np.testing.assert_allclose(model.weight.grad.numpy(), g.T @ flat, rtol=1e-5, atol=1e-5)
np.testing.assert_allclose(x.grad.numpy().reshape(35, 6), g @ w, rtol=1e-5, atol=1e-5)
for dtype in (cb.float16, cb.bfloat16):
    calls.clear()
    half = nn.Linear(8, 16, device="cuda", dtype=dtype)
    v = cb.ones(3, 8, device="cuda", dtype=dtype, requires_grad=True)
    half(v).sum().backward()
    assert {c.dtypes for c in calls} == {(dtype.name, dtype.name)} and len(calls) == 3, calls
    assert half.weight.grad.dtype is dtype and v.grad.dtype is dtype
for n in (1, 33, 100_000):
    a, b = cb.randn(n, device="cuda", dtype=cb.float64), cb.randn(n, device="cuda", dtype=cb.float64)
    np.testing.assert_allclose((a @ b).item(), a.numpy() @ b.numpy(), rtol=1e-10, atol=1e-10)
for shape in ((1, 1), (1000, 3), (3, 1000), (77, 128), (0, 4)):
    g = cb.randn(*shape, device="cuda")
    bias = cb.zeros(shape[1], device="cuda", requires_grad=True)
    out = nn.functional.linear(cb.zeros(shape[0], 2, device="cuda"), cb.zeros(shape[1], 2, device="cuda"), bias)
    out.backward(g)
    np.testing.assert_allclose(bias.grad.numpy(), g.numpy().sum(0), rtol=1e-4, atol=1e-4)
for n in (2, 50):
    # A matrix before a stack: summed over it as one product, or after it.
    w = cb.randn(8, 6, device="cuda", dtype=cb.float64, requires_grad=True)
    v = cb.randn(5, 3, 6, n, device="cuda", dtype=cb.float64)
    g = cb.randn(5, 3, 8, n, device="cuda", dtype=cb.float64)
    calls.clear()
    (w @ v).backward(g)
    assert [c.sizes for c in calls][1:] == [(6, 8, 30) if n == 2 else (6, 8, 50)], calls
    np.testing.assert_allclose(w.grad.numpy(), np.einsum("abmn,abkn->mk", g.numpy(), v.numpy()), rtol=1e-9, atol=1e-9)
for left, right in [((2, 3, 0), (0, 4)), ((2, 0, 3), (3, 4)), ((2, 3, 4), (4, 0)), ((2, 3, 0), (0,)), ((0,), (0, 3)),
                    ((0, 3), (3,)), ((0,), (0,)), ((0, 2, 3), (0, 3, 2)), ((4, 3), (0, 3, 2)), ((3,), (5, 3, 0))]:
    a, b = (cb.ones(*shape, device="cuda", requires_grad=True) for shape in (left, right))
    (a @ b).sum().backward()
    assert a.grad.shape == left and b.grad.shape == right and not a.grad.numpy().any() and not b.grad.numpy().any()
i = cb.ones(2, 3, device="cuda", dtype=cb.int64)
assert (i @ i.mT).tolist() == [[3, 3], [3, 3]]
"""
    done = python(["-c", code], tmp_path, cards=2)
    assert done.returncode == 0, done.stderr
    assert "HostFallbackWarning" not in done.stderr
