"""Products to which cuBLASLt adds a bias, against a stand-in of the library that is compiled and called as it is."""

from __future__ import annotations

import ctypes
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
    made = biased.Biased(Gpu(HostCuda()), library)
    yield made
    for plan in made._plans.of.values():
        if plan is not None:
            plan.close()


def draw(shape, dtype="float32"):
    return RNG.standard_normal(shape).astype(DTYPES[dtype])


def check(multiply, a, b, bias, wanted=True):
    out = np.full((a.shape[0], b.shape[1]), np.nan, a.dtype)
    assert multiply(a, b, bias, out) is wanted
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
        assert multiply(a, b, bias, out)
        np.testing.assert_allclose(out, a @ b + bias, rtol=1e-5)
    assert counters["products"].value == 3 and len(multiply._plans.of) == 1


def test_places_that_are_aligned_worse_are_told(multiply, counters):
    memory = np.empty(4096, np.float16)
    start = -(memory.ctypes.data // 2) % 128
    for offset in (0, 1, 2, 4, 8, 128):
        a = memory[start + offset :][:40].reshape(5, 8)
        a[...] = draw((5, 8), "float16")
        check(multiply, a, draw((8, 4), "float16"), draw((4,), "float16"))
    told = {key[-1][-1][1] for key in multiply._plans.of}
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
    assert multiply(*double, np.empty((4, 3))) is False
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


def test_a_library_that_is_not_there_is_none():
    assert biased.load(999_000) is None
