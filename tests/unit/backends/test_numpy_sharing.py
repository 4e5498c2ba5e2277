"""Jobs with matrix products on several threads: all are done, once, and the same threads give the same bits."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from candelabra.backends.numpy import convolution, memory, parallel, sharing

MANY = 10_000_000


@pytest.fixture
def threads():
    before = parallel.get_num_threads(), memory.get_num_threads()
    yield
    parallel.set_num_threads(before[0])
    if before[1] is not None:
        memory.set_num_threads(before[1])
    parallel.set_num_threads(before[0])


@pytest.mark.parametrize("count", [0, 1, 2, 37])
@pytest.mark.parametrize("products", [0, MANY])
@pytest.mark.parametrize("number", [1, 2, 5])
def test_every_job_is_done_once(threads, count, products, number):
    parallel.set_num_threads(number)
    done, lock = [], threading.Lock()

    def work(jobs):
        for job in jobs:
            with lock:
                done.append(job)

    sharing.share(work, [f"job {i}" for i in range(count)], products)
    assert sorted(done) == sorted(f"job {i}" for i in range(count))


def test_small_work_stays_on_the_callers_thread(threads):
    parallel.set_num_threads(4)
    seen = set()
    sharing.share(lambda jobs: [seen.add(threading.get_ident()) for _ in jobs], list(range(8)), 1000)
    assert seen == {threading.get_ident()}


def test_a_failure_arrives_and_the_products_get_their_threads_back(threads):
    parallel.set_num_threads(2)
    before = memory.get_num_threads()

    def work(jobs):
        for job in jobs:
            raise ValueError(f"job {job}")

    with pytest.raises(ValueError, match="job"):
        sharing.share(work, [1, 2, 3], MANY)
    assert memory.get_num_threads() == before


def test_parts(threads):
    parallel.set_num_threads(3)
    assert [sharing.parts(n, 100) for n in (0, 1, 2, 6, 9)] == [1, 1, 2, 6, 6]
    assert sharing.parts(9, 1 << 20) == 3
    assert sharing.parts(9, 1 << 25) == 1
    parallel.set_num_threads(1)
    assert sharing.parts(9, 100) == 1


@pytest.mark.parametrize("kernel,groups", [((32, 24, 3, 3), 1), ((32, 24, 5, 4), 1), ((48, 1, 3, 3), 24)])
def test_convolution_on_threads(threads, kernel, groups):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((9, 24, 30, 31), dtype=np.float32)
    weight = rng.standard_normal(kernel, dtype=np.float32)
    how = {"stride": (1, 1), "padding": ((1, 1), (2, 1)), "dilation": (1, 1), "groups": groups}
    results = []
    for number in (1, 3, 3):
        parallel.set_num_threads(number)
        out = convolution.conv(x, weight, **how)
        results.append([out, *convolution.conv_vjp(None, out, x, weight, **how, wants=(True, True, True))])
    for one, many, again in zip(*results, strict=True):
        np.testing.assert_array_equal(many, again)
        np.testing.assert_allclose(one, many, rtol=1e-4, atol=1e-5 * np.abs(one).max())
