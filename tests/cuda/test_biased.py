"""Products to which cuBLASLt adds a bias, against a stand-in of the library that is compiled and called as it is."""

from __future__ import annotations

import ctypes
import itertools
import sys
import threading
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from candelabra.backends.cupy import biased
from candelabra.core import precision

sys.path.insert(0, str(Path(__file__).parent))

from cards import NEEDED
from stand_in import COMPILER, HostCuda, HostLauncher, compiled, fake_blas

HERE = Path(__file__).parent
RNG = np.random.default_rng(0)
DTYPES = {"float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


class Gpu(HostLauncher):
    """The launcher with a handle that is none of the library's, but no null pointer."""

    def blas(self):
        return fake_blas(), 77


@pytest.fixture(scope="module")
def library():
    if COMPILER is None:
        assert not NEEDED, "there is no C++ compiler"
        pytest.skip("there is no C++ compiler")
    text = (HERE / "cublaslt.cpp").read_text().replace('"stand_in.h"', f'"{HERE / "stand_in.h"}"')
    return biased.prepared(ctypes.CDLL(str(compiled(text))))


@pytest.fixture
def counters(library):
    found = {n: ctypes.c_int.in_dll(library, n) for n in ("alive", "products", "without_a_way", "failing")}
    before = found["alive"].value
    found["products"].value = 0
    yield found
    found["without_a_way"].value = found["failing"].value = 0
    assert found["alive"].value == before, "something was made and not given back"


@pytest.fixture
def multiply(library, counters):
    made = biased.Finished(Gpu(HostCuda()), library)
    yield made
    for plan in made._plans.of.values():
        if plan is not None:
            plan.close()


def draw(shape, dtype="float32"):
    return RNG.standard_normal(shape).astype(DTYPES[dtype])


def check(multiply, a, b, bias, wanted=True):
    out = np.full((a.shape[0], b.shape[1]), np.nan, a.dtype)
    assert multiply.biased(a, b, bias, out) is wanted
    if wanted:
        exact = a.astype(np.float64) @ b.astype(np.float64) + bias.astype(np.float64)
        # Rounded once, whatever the dtype.
        bound = np.maximum(np.abs(exact), 1) * {"float32": 2**-20, "float16": 2**-10, "bfloat16": 2**-7}[a.dtype.name]
        assert (np.abs(out.astype(np.float64) - exact) <= bound).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("turned", ["NN", "NT", "TN", "TT"])
def test_every_layout(multiply, counters, dtype, turned):
    a = draw((5, 7), dtype) if turned[0] == "N" else draw((7, 5), dtype).T
    b = draw((7, 3), dtype) if turned[1] == "N" else draw((3, 7), dtype).T
    for _ in range(2):
        check(multiply, a, b, draw((3,), dtype))
    check(multiply, draw((9, 16), dtype)[::2, 1:8], b, draw((6,), dtype)[::2])
    assert counters["products"].value == 3


def test_a_product_is_described_once_and_told_its_bias_each_time(multiply, counters):
    a, b, out = draw((4, 5)), draw((5, 3)), np.empty((4, 3), np.float32)
    biases = np.arange(3 * 64, dtype=np.float32).reshape(3, 64)[:, :3]
    for bias in biases:
        assert multiply.biased(a, b, bias, out)
        np.testing.assert_allclose(out, a @ b + bias, rtol=1e-5)
    assert counters["products"].value == 3 and len(multiply._plans.of) == 1


def test_places_that_are_aligned_worse_are_told(multiply, counters):
    memory = np.empty(4096, np.float16)
    start = -(memory.ctypes.data // 2) % 128
    for offset in (0, 1, 2, 4, 8, 128):
        a = memory[start + offset :][:40].reshape(5, 8)
        a[...] = draw((5, 8), "float16")
        check(multiply, a, draw((8, 4), "float16"), draw((4,), "float16"))
    told = {key[-1][-2][1] for key in multiply._plans.of}
    assert told == {2, 4, 8, 16, 256} and counters["products"].value == 6


def test_what_it_has_no_way_for_is_left(multiply, counters):
    counters["without_a_way"].value = 1
    for _ in range(2):
        check(multiply, draw((4, 5)), draw((5, 3)), draw((3,)), wanted=False)
    counters["without_a_way"].value = 0
    # What it said once holds.
    check(multiply, draw((4, 5)), draw((5, 3)), draw((3,)), wanted=False)
    check(multiply, draw((4, 6)), draw((6, 3)), draw((3,)))
    double = [draw(shape).astype(np.float64) for shape in ((4, 5), (5, 3), (3,))]
    assert multiply.biased(*double, np.empty((4, 3))) is False
    for m, k, n in ((0, 5, 3), (4, 1, 3), (4, 5, 1), (4, 0, 3)):
        check(multiply, draw((m, k)), draw((k, n)), draw((n,)), wanted=False)


def test_what_fails_is_left_and_given_back(multiply, counters):
    check(multiply, draw((4, 5)), draw((5, 3)), bias := draw((3,)))
    counters["failing"].value = 1
    check(multiply, draw((4, 5)), draw((5, 3)), bias, wanted=False)
    assert counters["products"].value == 1


def test_precision_is_asked_for(multiply):
    try:
        for chosen in ("highest", "high", "medium"):
            precision.set_float32_matmul_precision(chosen)
            check(multiply, draw((4, 5)), draw((5, 3)), draw((3,)))
    finally:
        precision.set_float32_matmul_precision("highest")
    assert {key[-1][0] for key in multiply._plans.of} == {68, 75, 77}


def test_few_are_remembered(multiply, counters, monkeypatch):
    monkeypatch.setattr(biased, "_REMEMBERED", 4)
    for m in range(1, 10):
        check(multiply, draw((m, 5)), draw((5, 3)), draw((3,)))
    assert len(multiply._plans.of) == 4


def test_threads_have_descriptions_of_their_own(multiply, counters):
    # Each is told the bias before it runs: shared, one thread's would be the other's.
    failures = []

    def work(k):
        try:
            for _ in range(50):
                check(multiply, draw((4, 5)), draw((5, 3)), np.full(3, k, np.float32))
        except AssertionError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures and not multiply._plans.of


def test_layers_fall_back_and_use_it(library, counters, monkeypatch):
    from candelabra.backends.cupy.kernels import linear

    for found in (library, None):
        monkeypatch.setattr(Gpu, "blas_lt", lambda self, found=found: found)
        forward = linear.kernels(Gpu(HostCuda()))["linear"].forward
        x, w, b = draw((2, 4, 5)), draw((3, 5)), draw((3,))
        np.testing.assert_allclose(forward(x, w, b), x @ w.T + b, rtol=1e-5, atol=1e-5)
        counters["without_a_way"].value = 1
        np.testing.assert_allclose(forward(x[:, :3], w, b), x[:, :3] @ w.T + b, rtol=1e-5, atol=1e-5)
        counters["without_a_way"].value = 0
    assert counters["products"].value == 1


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("keeping", [True, False])
def test_gelu_of_a_product(multiply, counters, dtype, with_bias, keeping):
    a, b, bias = draw((5, 7), dtype), draw((16, 7), dtype).T, draw((16,), dtype) if with_bias else None
    wide = a.astype(np.float64) @ b.astype(np.float64) + (bias.astype(np.float64) if with_bias else 0)
    eps = 2**-10 if dtype == "float16" else 2**-7
    out, kept = np.empty((2, 5, 16), a.dtype)
    for _ in range(2):
        out[...], kept[...] = np.nan, np.nan
        assert multiply.gelu(a, b, bias, out, kept if keeping else None)
        assert (np.abs(out.astype(np.float64) - gelu(wide)) <= eps * np.maximum(np.abs(gelu(wide)), 0.1)).all()
        assert not keeping or (np.abs(kept.astype(np.float64) - wide) <= eps * np.maximum(np.abs(wide), 0.1)).all()
    assert counters["products"].value == 2 and len(multiply._plans.of) == 1


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sums_with_the_product_that_reads_them(multiply, counters, dtype):
    g, x = draw((9, 16), dtype), draw((9, 8), dtype)
    sums, out = np.full(16, np.nan, g.dtype), np.full((16, 8), np.nan, g.dtype)
    assert multiply.summing(g.T, x, sums, out)
    eps = 2**-9 if dtype == "float16" else 2**-6
    for found, wanted in ((sums, g.astype(float).sum(0)), (out, g.astype(float).T @ x.astype(float))):
        assert (np.abs(found.astype(float) - wanted) <= eps * np.maximum(np.abs(wanted), 1)).all()
    # cuBLASLt sums what lies transposed only.
    assert multiply.summing(np.ascontiguousarray(g.T), x, sums, out) is False
    assert counters["products"].value == 1


def test_what_gains_nothing_is_not_asked_for(multiply, counters, monkeypatch):
    given = [draw(shape) for shape in ((8, 8), (8, 8), (8,), (8, 8))]
    assert not multiply.gelu(*given)
    assert not multiply.summing(given[0].T, given[1], given[2], given[3])
    odd = [draw(shape, "float16") for shape in ((8, 8), (8, 9), (9,), (8, 9))]
    assert not multiply.gelu(*odd)
    assert not multiply.summing(odd[0].T, odd[1], odd[0][0], odd[3])
    monkeypatch.setattr(Gpu, "capability", lambda self: 80)
    even = [draw(shape, "float16") for shape in ((8, 8), (8, 8), (8,), (8, 8))]
    assert not multiply.gelu(*even)
    assert multiply.summing(even[0].T, even[1], even[2], even[3])
    monkeypatch.setattr(Gpu, "capability", lambda self: 75)
    assert not multiply.summing(even[0].T, even[1], even[2], even[3])


def torch_activation(torch, name, x):
    functional = torch.nn.functional
    return functional.gelu(x, approximate="tanh") if name == "gelu_tanh" else getattr(functional, name)(x)


@pytest.mark.parametrize("lt", [True, False])
@pytest.mark.parametrize("activation", ["relu", "gelu", "gelu_tanh", "silu"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_activated_layers_and_their_cotangents_are_pytorchs(library, counters, monkeypatch, lt, activation, dtype):
    torch = pytest.importorskip("torch")
    from candelabra.backends.cupy.kernels import linear

    monkeypatch.setattr(Gpu, "blas_lt", lambda self: library if lt else None)
    row = linear.kernels(Gpu(HostCuda()))["linear_activation"]
    for with_bias, shape in itertools.product((True, False), ((2, 4, 8), (3, 8), (8,), (0, 8))):
        x, w, b = draw(shape, dtype), draw((16, 8), dtype), draw((16,), dtype) if with_bias else None
        g = draw((*shape[:-1], 16), dtype)
        operands = [torch.from_numpy(v.astype(np.float64)).requires_grad_() for v in (x, w, b) if v is not None]
        wanted = torch_activation(torch, activation, torch.nn.functional.linear(*operands))
        slopes = torch.autograd.grad(wanted, operands, torch.from_numpy(g.astype(np.float64)))
        out, residuals = row.train(x, w, b, activation=activation)
        found = row.vjp(None, g, x, w, *residuals, activation, (True, True, with_bias))
        assert (found[2] is None) is (not with_bias)
        eps = 1e-5 if dtype == "float32" else 1e-2
        plain = row.forward(x, w, b, activation=activation)
        for one, other in ((out, wanted), (plain, wanted), *zip(found, slopes, strict=False)):
            assert one.dtype == x.dtype
            other = other.detach().numpy()
            np.testing.assert_allclose(
                one.astype(np.float64), other, rtol=eps, atol=eps * max(1, np.abs(other).max(initial=0))
            )
    if not lt:
        assert counters["products"].value == 0


def test_what_is_no_number_stays_none(library, counters, monkeypatch):
    from candelabra.backends.cupy.kernels import linear

    monkeypatch.setattr(Gpu, "blas_lt", lambda self: library)
    row = linear.kernels(Gpu(HostCuda()))["linear_activation"]
    x, w, b = draw((2, 8), "float16"), draw((8, 8), "float16"), draw((8,), "float16")
    x[0, 0] = np.nan
    for activation in linear.FUNCTIONS:
        found = row.forward(x, w, b, activation=activation)
        assert np.isnan(found[0]).all() and not np.isnan(found[1]).any()


def test_a_library_that_is_not_there_is_none():
    assert biased.load(999_000) is None
