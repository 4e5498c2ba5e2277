"""The random stream: the page that fixes it, the pure-Python reference, and NumPy's kernels against both."""

from __future__ import annotations

import csv
import json
import math
import threading
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from candelabra.backends.numpy import random as kernels
from candelabra.conformance import philox_reference as reference
from candelabra.core.errors import ArgumentError, CandelabraError
from candelabra.core.random_stream import KINDS, STREAM_VERSION, blocks_for, derive_key

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs" / "random.md"


BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
FLOATS = [np.dtype("float64"), np.dtype("float32"), np.dtype("float16"), BFLOAT16]
INTEGERS = [np.dtype(f"{kind}{size}") for kind in ("int", "uint") for size in (8, 16, 32, 64)]
SHAPES = [(), (0,), (1,), (7,), (3, 0, 2), (2, 3, 5)]
# Around the kernels' chunk length, where a mistake at a seam would show.
SEAMS = [16383, 16384, 16385, 32767, 32769, 65537]
CASES = [json.loads(line) for line in PAGE.read_text().split("```json\n")[1].split("```")[0].splitlines()]


@pytest.fixture(autouse=True)
def nothing_made_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test begin as a thread does: small draws that follow each other are taken from numbers made ahead."""
    monkeypatch.setattr(kernels, "_local", threading.local())


def dtype_of(name: str) -> np.dtype:
    return BFLOAT16 if name == "bfloat16" else np.dtype(name)


def as_floats(array: np.ndarray) -> list[float]:
    return array.astype(np.float64).reshape(-1).tolist()


def allowed(expected: float, dtype: np.dtype) -> float:
    """The page's tolerance for a normal: eight units of the dtype computed in, then one rounding."""
    compute = 2.0**-53 if dtype == np.float64 else 2.0**-24
    rounding = 0.0 if dtype.itemsize > 2 else 2.0 ** -reference.PRECISION[dtype.name] * 2
    return 16 * compute + rounding * max(abs(expected), 2.0**-14)


def words_of(case: dict[str, Any]) -> list[int]:
    return [int(word, 16) for word in case["result"]]


def test_the_page_has_vectors_for_everything() -> None:
    assert {case["draw"] for case in CASES} == {"philox", "seed", "multinomial", *KINDS}
    assert len(CASES) >= 30
    assert f"stream version {STREAM_VERSION}" in PAGE.read_text()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["draw"])
def test_reference_gives_the_vectors_of_the_page(case: dict[str, Any]) -> None:
    draw = case["draw"]
    if draw == "philox":
        counter, key = ([int(word, 16) for word in case[name]] for name in ("counter", "key"))
        assert list(reference.philox(counter, key)) == words_of(case)
    elif draw == "seed":
        assert derive_key(case["seed"]) == int(case["key"], 16)
    elif draw == "bits":
        assert reference.words(case["key"], case["counter"], case["n"]) == words_of(case)
    elif draw == "normal":
        dtype = dtype_of(case["dtype"])
        values = reference.normal(case["key"], case["counter"], case["n"], case["dtype"])
        for value, expected in zip(values, case["result"], strict=True):
            assert abs(value - expected) <= allowed(expected, dtype)
    else:
        arguments = {name: case[name] for name in case if name not in ("draw", "result")}
        if draw == "integers":
            del arguments["dtype"]
        assert getattr(reference, draw)(**arguments) == case["result"]


@pytest.mark.parametrize("case", [c for c in CASES if c["draw"] in KINDS], ids=lambda case: case["draw"])
def test_kernels_give_the_vectors_of_the_page(case: dict[str, Any]) -> None:
    draw, n = case["draw"], case["n"]
    statics = {name: case[name] for name in case if name not in ("draw", "result", "n", "dtype")}
    dtype = dtype_of(case.get("dtype", "int64"))
    if draw == "bits":
        assert kernels.random_bits(n=n, **statics).tolist() == words_of(case)
    elif draw == "permutation":
        assert kernels.random_permutation(n=n, dtype=dtype, **statics).tolist() == case["result"]
    else:
        out = kernels.KERNELS[f"random_{draw}"](shape=(n,), dtype=dtype, **statics)
        assert out.dtype == dtype
        if draw == "normal":
            for value, expected in zip(as_floats(out), case["result"], strict=True):
                assert abs(value - expected) <= allowed(expected, dtype)
        elif dtype.kind in "iu":
            assert out.tolist() == case["result"]
        else:
            assert as_floats(out) == case["result"]


def test_multinomial_vectors_from_the_uniform_kernel() -> None:
    for case in (c for c in CASES if c["draw"] == "multinomial"):
        weights = np.asarray(case["weights"])
        n = case["samples"] if case["replacement"] else weights.size
        u = kernels.random_uniform(key=case["key"], counter=case["counter"], shape=(n,), dtype=np.dtype("float64"))
        if case["replacement"]:
            cdf = np.cumsum(weights)
            indices = np.searchsorted(cdf, u * cdf[-1], side="right")
        else:
            with np.errstate(divide="ignore"):
                times = np.where(weights > 0, -np.log1p(-u) / weights, np.inf)
            indices = np.argsort(times, kind="stable")[: case["samples"]]
        assert indices.tolist() == case["result"]


def test_reference_against_the_vectors_that_numpy_ships() -> None:
    data = Path(np.__file__).parent / "random" / "tests" / "data"
    files = sorted(data.glob("philox-testset-*.csv"))
    if not files:
        pytest.skip("this NumPy was installed without its test data")
    for file in files:
        rows = list(csv.reader(file.read_text().splitlines()))
        seed, expected = int(rows[0][1].strip(), 0), [int(row[1].strip(), 0) for row in rows[1:]]
        key = [int(word) for word in np.random.SeedSequence(seed).generate_state(2, np.uint64)]
        # NumPy starts from counter zero and advances it before the first block.
        blocks = [reference.philox((block, 0, 0, 0), key) for block in range(1, len(expected) // 4 + 1)]
        assert [word for block in blocks for word in block] == expected


@pytest.mark.parametrize("counter", [0, 1, 5, 2**64 - 1, 2**64, 2**64 + 1, 2**128 - 1, 2**192, 2**256 - 1])
@pytest.mark.parametrize("key", [0, 1, 2**63, 2**64 - 1])
def test_bits_at_any_key_and_counter(key: int, counter: int) -> None:
    out = kernels.random_bits(key=key, counter=counter, n=13)
    assert out.dtype == np.uint64
    assert out.tolist() == reference.words(key, counter, 13)


def test_kernels_remember_nothing_between_calls() -> None:
    first = kernels.random_bits(key=3, counter=2, n=5)
    kernels.random_uniform(key=8, counter=11, shape=(3,), dtype=np.dtype("float32"))
    assert np.array_equal(kernels.random_bits(key=3, counter=2, n=5), first)


def test_kernels_leave_numpys_own_generators_alone() -> None:
    np.random.seed(0)  # noqa: NPY002
    expected = np.random.random(3)  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    kernels.random_normal(key=3, counter=0, shape=(9,), dtype=np.dtype("float32"))
    assert np.array_equal(np.random.random(3), expected)  # noqa: NPY002


def test_threads_do_not_disturb_each_other() -> None:
    expected = {key: kernels.random_bits(key=key, counter=key, n=50_000) for key in range(4)}
    wrong: list[int] = []

    def draw(key: int) -> None:
        for _ in range(10):
            if not np.array_equal(kernels.random_bits(key=key, counter=key, n=50_000), expected[key]):
                wrong.append(key)

    threads = [threading.Thread(target=draw, args=(key,)) for key in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


class TestSeedAndCounter:
    def test_key(self) -> None:
        assert derive_key(0) == 0
        assert derive_key(-1) == 2**64 - 1
        assert derive_key(-(2**63)) == 2**63
        assert derive_key(2**200 + 3) == 3
        assert derive_key(np.int64(-2)) == 2**64 - 2
        with pytest.raises(TypeError):
            derive_key(1.5)  # type: ignore[arg-type]

    def test_blocks(self) -> None:
        for kind in KINDS:
            assert blocks_for(kind, 0) == 0
            assert blocks_for(kind, 1) == 1
            assert [blocks_for(kind, n, "float64") for n in (4, 5, 8, 9)] == [1, 2, 2, 3]
        for kind in ("uniform", "normal", "bernoulli"):
            for dtype in ("float32", "float16", "bfloat16", "bool", "int64"):
                assert [blocks_for(kind, n, dtype) for n in (8, 9, 16, 17)] == [1, 2, 2, 3]
        for kind in ("bits", "integers", "permutation"):
            assert [blocks_for(kind, n, "int8") for n in (8, 9, 16, 17)] == [2, 3, 4, 5]

    def test_unknown_kind(self) -> None:
        with pytest.raises(ArgumentError, match="unknown kind 'gamma'"):
            blocks_for("gamma", 3)

    @pytest.mark.parametrize(
        ("kind", "dtype"),
        [(kind, dtype) for kind in ("uniform", "normal", "bernoulli") for dtype in ("float64", "float32", "bfloat16")]
        + [(kind, "int64") for kind in ("bits", "integers", "permutation", "bernoulli")],
    )
    @pytest.mark.parametrize("n", [1, 7, 8, 9, 40_001])
    def test_a_draw_reads_its_own_blocks_and_no_more(
        self, kind: str, dtype: str, n: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seek, read = kernels._seek, []

        def counting(key: int, counter: int) -> Any:
            source = seek(key, counter)
            return lambda count: (read.append(count), source(count))[1]

        monkeypatch.setattr(kernels, "_seek", counting)
        statics: dict[str, Any] = {"integers": {"low": 0, "high": 5}, "bernoulli": {"p": 0.3}}.get(kind, {})
        if kind in ("bits", "permutation"):
            statics["n"] = n
        else:
            statics["shape"] = (n,)
        if kind != "bits":
            statics["dtype"] = dtype_of(dtype)
        kernels.KERNELS[f"random_{kind}"](key=1, counter=0, **statics)
        assert math.ceil(sum(read) / 4) == blocks_for(kind, n, dtype)

    def test_consecutive_draws_continue_the_stream(self) -> None:
        counter, drawn = 10, []
        for n in (5, 0, 4, 9, 1):
            drawn.append(kernels.random_bits(key=2, counter=counter, n=n))
            counter += blocks_for("bits", n)
        blocks = [set(bits.tolist()) for bits in drawn]
        assert len(set().union(*blocks)) == sum(map(len, blocks)) == 19
        assert counter == 10 + 2 + 0 + 1 + 3 + 1


class TestUniform:
    @pytest.mark.parametrize("dtype", FLOATS, ids=str)
    @pytest.mark.parametrize("bounds", [(0.0, 1.0), (-2.5, 0.3), (1.0, 1.01), (0.0, 1 / 3), (-1e4, 3e4)])
    def test_reference(self, dtype: np.dtype, bounds: tuple[float, float]) -> None:
        low, high = bounds
        out = kernels.random_uniform(key=9, counter=3, shape=(301,), dtype=dtype, low=low, high=high)
        assert as_floats(out) == reference.uniform(9, 3, 301, dtype.name, low, high)

    @pytest.mark.parametrize("dtype", FLOATS, ids=str)
    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_shapes(self, dtype: np.dtype, shape: tuple[int, ...]) -> None:
        for statics in ({}, {"low": -1.0, "high": 1.0}):
            out = kernels.random_uniform(key=9, counter=3, shape=shape, dtype=dtype, **statics)
            assert isinstance(out, np.ndarray)
            assert out.shape == shape
            assert out.dtype == dtype
            assert out.base is None
            flat = kernels.random_uniform(key=9, counter=3, shape=(out.size,), dtype=dtype, **statics)
            assert np.array_equal(out.reshape(-1), flat)

    @pytest.mark.parametrize("dtype", FLOATS, ids=str)
    def test_one_is_never_returned_and_zero_is(self, dtype: np.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
        extremes = np.array([2**64 - 1, 0], np.uint64)
        monkeypatch.setattr(kernels, "_seek", lambda key, counter: lambda count: np.resize(extremes, count))
        bits = reference.PRECISION[dtype.name]
        for shape in ((4,), (40_000,)):
            out = as_floats(kernels.random_uniform(key=0, counter=0, shape=shape, dtype=dtype))
            assert max(out) == 1 - 2.0**-bits
            assert min(out) == 0
            for low, high in ((1.0, 2.0), (-1.0, 1.0), (100.0, 101.0), (-3.0, -2.9), (0.0, 1 / 3), (-1.0, 0.0)):
                out = kernels.random_uniform(key=0, counter=0, shape=shape, dtype=dtype, low=low, high=high)
                assert min(as_floats(out)) == float(np.asarray(low).astype(dtype))
                assert max(as_floats(out)) < float(np.asarray(high).astype(dtype))

    @pytest.mark.parametrize("dtype", FLOATS, ids=str)
    @pytest.mark.parametrize("n", SEAMS)
    def test_a_draw_is_a_prefix_of_a_longer_one(self, dtype: np.dtype, n: int) -> None:
        long = kernels.random_uniform(key=4, counter=7, shape=(70_000,), dtype=dtype, low=-1.0)
        assert np.array_equal(kernels.random_uniform(key=4, counter=7, shape=(n,), dtype=dtype, low=-1.0), long[:n])

    def test_late_elements_against_the_reference(self) -> None:
        out = kernels.random_uniform(key=4, counter=7, shape=(70_000,), dtype=np.dtype("float32"))
        late = 65_536 // 8
        assert as_floats(out[65_536:65_600]) == reference.unit_uniform(4, 7 + late, 64, "float32")

    def test_statistics(self) -> None:
        for dtype in FLOATS:
            out = np.sort(kernels.random_uniform(key=1, counter=0, shape=(200_000,), dtype=dtype).astype(np.float64))
            step = 2.0 ** -reference.PRECISION[dtype.name]
            assert abs(out.mean() + step / 2 - 0.5) < 3e-3
            assert abs(out.var() - 1 / 12) < 1e-3
            # Kolmogorov and Smirnov's distance, plus a step of the coarser dtypes.
            grid = np.arange(1, out.size + 1) / out.size
            assert np.abs(out - grid).max() < 2 / math.sqrt(out.size) + step

    def test_all_values_of_the_coarse_dtypes_occur(self) -> None:
        out = kernels.random_uniform(key=1, counter=0, shape=(100_000,), dtype=np.dtype("float16"))
        assert np.array_equal(np.unique(out.astype(np.float64)), np.arange(2048) / 2048)

    def test_bad_bounds(self) -> None:
        def draw(low: float, high: float, dtype: str) -> np.ndarray:
            return kernels.random_uniform(key=0, counter=0, shape=(2,), dtype=np.dtype(dtype), low=low, high=high)

        with pytest.raises(ArgumentError, match=r"low \(2\.0\) must not be greater than high \(1\.0\)"):
            draw(2.0, 1.0, "float32")
        with pytest.raises(ArgumentError, match="must not be greater"):
            draw(math.nan, 1.0, "float32")
        for low, high, dtype in ((-3e38, 3e38, "float32"), (0.0, 1e5, "float16"), (0.0, math.inf, "float64")):
            with pytest.raises(ArgumentError, match=f"is not finite in {dtype}"):
                draw(low, high, dtype)
        assert draw(2.0, 2.0, "float32").tolist() == [2.0, 2.0]

    def test_other_dtypes_are_declined(self) -> None:
        for dtype in (np.dtype("int32"), np.dtype("complex64"), np.dtype(ml_dtypes.float8_e4m3fn)):
            assert kernels.random_uniform(key=0, counter=0, shape=(2,), dtype=dtype) is NotImplemented
            assert kernels.random_normal(key=0, counter=0, shape=(2,), dtype=dtype) is NotImplemented


class TestNormal:
    @pytest.mark.parametrize("dtype", FLOATS, ids=str)
    @pytest.mark.parametrize("n", [1, 2, 300, 301])
    def test_reference(self, dtype: np.dtype, n: int) -> None:
        out = as_floats(kernels.random_normal(key=9, counter=3, shape=(n,), dtype=dtype))
        for value, expected in zip(out, reference.normal(9, 3, n, dtype.name), strict=True):
            assert abs(value - expected) <= allowed(expected, dtype)

    @pytest.mark.parametrize("dtype", FLOATS, ids=str)
    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_shapes(self, dtype: np.dtype, shape: tuple[int, ...]) -> None:
        out = kernels.random_normal(key=9, counter=3, shape=shape, dtype=dtype, mean=1.0, std=2.0)
        assert isinstance(out, np.ndarray)
        assert out.shape == shape
        assert out.dtype == dtype
        assert out.base is None

    @pytest.mark.parametrize("dtype", FLOATS, ids=str)
    @pytest.mark.parametrize("n", SEAMS)
    def test_a_draw_is_a_prefix_of_a_longer_one(self, dtype: np.dtype, n: int) -> None:
        long = as_floats(kernels.random_normal(key=4, counter=7, shape=(70_000,), dtype=dtype))
        short = as_floats(kernels.random_normal(key=4, counter=7, shape=(n,), dtype=dtype))
        assert len(short) == n
        assert all(abs(x - y) <= allowed(y, dtype) for x, y in zip(short, long))

    @pytest.mark.parametrize("dtype", FLOATS, ids=str)
    def test_finite_at_the_ends_of_the_uniforms(self, dtype: np.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
        ones, quarter = 2**64 - 1, 2**62 | 2**30
        # Every pair of extreme and quarter-turn words and half-words; at half a turn the tangent overflows.
        values = [0, 2**11, 2**32 - 1, quarter, 2 * quarter, 3 * quarter, 2**63, 2**63 - 2048, ones - 2**32 + 1, ones]
        words = np.array([word for first in values for second in values for word in (first, second)], np.uint64)
        monkeypatch.setattr(kernels, "_seek", lambda key, counter: lambda count: np.resize(words, count).copy())
        n = words.size if dtype == np.float64 else 2 * words.size
        out = kernels.random_normal(key=0, counter=0, shape=(n,), dtype=dtype)
        largest = 8.58 if dtype == np.float64 else 6.8
        assert np.isfinite(out).all()
        assert 0.99 * largest < np.abs(out.astype(np.float64)).max() < largest

    def test_radius_is_rounded_as_the_page_says(self) -> None:
        halves = kernels._halves(kernels.random_bits(key=5, counter=0, n=2000))
        rounded = [reference.to_dtype(float(half), "float32") for half in halves.tolist()]
        assert as_floats(halves.astype(np.float32)) == rounded

    def test_mean_and_standard_deviation(self) -> None:
        for dtype in FLOATS:
            compute = np.float64 if dtype == np.float64 else np.float32
            standard = kernels.random_normal(key=2, counter=0, shape=(99,), dtype=np.dtype(compute))
            out = kernels.random_normal(key=2, counter=0, shape=(99,), dtype=dtype, mean=0.1, std=0.3)
            assert np.array_equal(out, (standard * compute(0.3) + compute(0.1)).astype(dtype))
        out = kernels.random_normal(key=2, counter=0, shape=(9,), dtype=np.dtype("float32"), mean=3.0, std=0.0)
        assert out.tolist() == [3.0] * 9

    def test_statistics(self) -> None:
        erf = np.vectorize(math.erf, otypes=[np.float64])
        for dtype in FLOATS:
            out = np.sort(kernels.random_normal(key=1, counter=0, shape=(50_000,), dtype=dtype).astype(np.float64))
            assert abs(out.mean()) < 0.02
            assert abs(out.var() - 1) < 0.03
            assert abs((out**3).mean()) < 0.06
            assert abs((out**4).mean() - 3) < 0.15
            cdf = 0.5 + 0.5 * erf(out / math.sqrt(2))
            grid = np.arange(1, out.size + 1) / out.size
            assert np.abs(cdf - grid).max() < 2 / math.sqrt(out.size) + 2.0 ** -reference.PRECISION[dtype.name]

    def test_the_two_of_a_pair_are_uncorrelated(self) -> None:
        pairs = kernels.random_normal(key=1, counter=0, shape=(50_000, 2), dtype=np.dtype("float32"))
        assert abs(float((pairs[:, 0] * pairs[:, 1]).mean())) < 0.02
        assert abs(float((pairs[:, 0] ** 2 * pairs[:, 1] ** 2).mean()) - 1) < 0.05

    def test_bad_standard_deviation(self) -> None:
        for std in (-1.0, math.nan):
            with pytest.raises(ArgumentError, match="must not be negative"):
                kernels.random_normal(key=0, counter=0, shape=(2,), dtype=np.dtype("float32"), std=std)


class TestBernoulli:
    @pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS, np.dtype(bool)], ids=str)
    @pytest.mark.parametrize("p", [0.0, 1e-9, 0.1, 0.25, 0.5, 0.7, 1 - 2.0**-30, 1.0])
    def test_reference(self, dtype: np.dtype, p: float) -> None:
        out = kernels.random_bernoulli(key=9, counter=3, shape=(301,), dtype=dtype, p=p)
        assert out.dtype == dtype
        assert as_floats(out) == reference.bernoulli(9, 3, 301, dtype.name, p)

    @pytest.mark.parametrize("dtype", [np.dtype("float32"), np.dtype("float64")], ids=str)
    def test_is_uniform_less_than_p(self, dtype: np.dtype) -> None:
        statics = {"key": 3, "counter": 1, "shape": (40_000,), "dtype": dtype}
        u = kernels.random_uniform(**statics)
        for p in (0.1, 0.5, float(u[17]), float(u[17]) + 1e-9):
            assert np.array_equal(kernels.random_bernoulli(**statics, p=p), u < dtype.type(p))

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_shapes(self, shape: tuple[int, ...]) -> None:
        for p in (0.5, 1.0):
            out = kernels.random_bernoulli(key=1, counter=0, shape=shape, dtype=np.dtype(bool), p=p)
            assert isinstance(out, np.ndarray)
            assert out.shape == shape
            assert out.base is None

    def test_certain_at_the_extreme_words(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for dtype in (np.dtype("float32"), np.dtype("float64")):
            for word, p, expected in ((2**64 - 1, 1.0, 1.0), (0, 0.0, 0.0), (2**64 - 1, 1 - 2.0**-24, 0.0)):
                with monkeypatch.context() as patch:
                    full = np.full(2, word, np.uint64)
                    patch.setattr(kernels, "_seek", lambda key, counter, full=full: lambda count: full[:count].copy())
                    out = kernels.random_bernoulli(key=0, counter=0, shape=(2,), dtype=dtype, p=p)
                assert out.tolist() == [expected] * 2

    def test_statistics(self) -> None:
        for p in (0.01, 0.3, 0.9):
            out = kernels.random_bernoulli(key=1, counter=0, shape=(200_000,), dtype=np.dtype("float32"), p=p)
            assert abs(float(out.mean(dtype=np.float64)) - p) < 5 * math.sqrt(p * (1 - p) / out.size)

    def test_bad_probability(self) -> None:
        for p in (-0.1, 1.1, math.nan):
            with pytest.raises(ArgumentError, match=r"p must lie in \[0, 1\]"):
                kernels.random_bernoulli(key=0, counter=0, shape=(2,), dtype=np.dtype(bool), p=p)


class TestIntegers:
    @pytest.mark.parametrize("dtype", INTEGERS, ids=str)
    def test_reference_over_ranges(self, dtype: np.dtype) -> None:
        info = np.iinfo(dtype)
        least, end = int(info.min), int(info.max) + 1
        ranges = [(least, end), (0, end), (0, 1), (end - 1, end), (least, least + 3), (1, 100), (least, end - 1)]
        if dtype.itemsize == 8:
            ranges += [(7, 2**32), (0, 2**32 + 1), (5, 2**40 + 9), (0, 3 * 2**61), (1, 2**63), (least + 1, end - 5)]
        for low, high in ranges:
            out = kernels.random_integers(key=9, counter=3, shape=(101,), dtype=dtype, low=low, high=high)
            assert out.dtype == dtype
            assert out.tolist() == reference.integers(9, 3, 101, low, high)

    @pytest.mark.parametrize("dtype", [*FLOATS, np.dtype(bool)], ids=str)
    def test_other_dtypes(self, dtype: np.dtype) -> None:
        low, high = (0, 2) if dtype.kind == "b" else (-5, 6)
        out = kernels.random_integers(key=9, counter=3, shape=(101,), dtype=dtype, low=low, high=high)
        assert out.dtype == dtype
        assert as_floats(out) == reference.integers(9, 3, 101, low, high)

    def test_multiply_high(self) -> None:
        words = [*kernels.random_bits(key=1, counter=0, n=40).tolist(), 0, 2**32 - 1, 2**32, 2**64 - 2**32, 2**64 - 1]
        factors = [1, 2, 3, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**63, 2**63 + 1, 2**64 - 2**32, 2**64 - 1, *words[:8]]
        for factor in factors:
            out = kernels._multiply_high(np.array(words, np.uint64), factor)
            assert out.tolist() == [word * factor >> 64 for word in words]

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_shapes(self, shape: tuple[int, ...]) -> None:
        out = kernels.random_integers(key=1, counter=0, shape=shape, dtype=np.dtype("int64"), low=-3, high=4)
        assert isinstance(out, np.ndarray)
        assert out.shape == shape
        assert out.base is None

    @pytest.mark.parametrize("n", SEAMS)
    def test_a_draw_is_a_prefix_of_a_longer_one(self, n: int) -> None:
        statics = {"key": 4, "counter": 7, "dtype": np.dtype("int64"), "low": -3, "high": 10**12}
        long = kernels.random_integers(shape=(70_000,), **statics)
        assert np.array_equal(kernels.random_integers(shape=(n,), **statics), long[:n])

    def test_statistics(self) -> None:
        out = kernels.random_integers(key=1, counter=0, shape=(70_000,), dtype=np.dtype("int8"), low=-3, high=4)
        counts = np.bincount(out.astype(np.int64) + 3, minlength=7)
        assert counts.size == 7
        assert (np.abs(counts - 10_000) < 500).all()

    def test_bad_ranges(self) -> None:
        def draw(low: int, high: int, dtype: str) -> np.ndarray:
            return kernels.random_integers(key=0, counter=0, shape=(2,), dtype=np.dtype(dtype), low=low, high=high)

        for low, high in ((3, 3), (4, 3)):
            with pytest.raises(ArgumentError, match=rf"low \({low}\) must be less than high \({high}\)"):
                draw(low, high, "int64")
        for low, high, dtype in (
            (0, 129, "int8"),
            (-1, 3, "uint8"),
            (0, 2**63 + 1, "int64"),
            (0, 3, "bool"),
            (-1, 2**63 + 1, "float64"),
        ):
            with pytest.raises(ArgumentError, match=f"does not fit in {dtype}"):
                draw(low, high, dtype)
        assert issubclass(ArgumentError, CandelabraError)


class TestPermutation:
    @pytest.mark.parametrize("n", [0, 1, 2, 10, 1000, 4095, 4096, 5000])
    def test_reference(self, n: int) -> None:
        out = kernels.random_permutation(key=9, counter=3, n=n, dtype=np.dtype("int64"))
        assert out.dtype == np.int64
        assert out.base is None
        assert out.tolist() == reference.permutation(9, 3, n)

    def test_is_a_permutation(self) -> None:
        for dtype in ("int64", "int32"):
            out = kernels.random_permutation(key=1, counter=0, n=300_000, dtype=np.dtype(dtype))
            assert out.dtype == dtype
            assert np.array_equal(np.sort(out), np.arange(300_000))

    @pytest.mark.parametrize("n", [50, 6000])
    def test_equal_keys_keep_their_order(self, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
        words = kernels.random_bits(key=1, counter=0, n=n)
        for coarse in (words >> np.uint64(60), words & np.uint64(7), (words >> np.uint64(50)) << np.uint64(31)):
            monkeypatch.setattr(kernels, "_seek", lambda key, counter, coarse=coarse: lambda count: coarse.copy())
            out = kernels.random_permutation(key=0, counter=0, n=n, dtype=np.dtype("int64"))
            assert np.array_equal(out, np.argsort(coarse, kind="stable"))

    def test_every_permutation_of_three_is_as_likely(self) -> None:
        counts: dict[tuple[int, ...], int] = {}
        for counter in range(6000):
            order = tuple(kernels.random_permutation(key=1, counter=counter, n=3, dtype=np.dtype("int64")).tolist())
            counts[order] = counts.get(order, 0) + 1
        assert len(counts) == 6
        assert all(abs(count - 1000) < 150 for count in counts.values())


class TestAhead:
    """Small draws that follow each other are taken from numbers made ahead: the same numbers, to the bit."""

    DRAWS = {
        "uniform": (kernels.random_uniform, "float32", {}, 8),
        "normal": (kernels.random_normal, "float32", {}, 8),
        "bernoulli": (kernels.random_bernoulli, "bool", {"p": 0.3}, 8),
        "dropout": (kernels.random_bernoulli, "float32", {"p": 0.7}, 8),
        "integers": (kernels.random_integers, "int64", {"low": -5, "high": 1000}, 4),
        "small integers": (kernels.random_integers, "uint8", {"low": 3, "high": 200}, 4),
        "wide integers": (kernels.random_integers, "int64", {"low": -(2**63), "high": 2**63}, 4),
    }

    @pytest.mark.parametrize("name", DRAWS)
    def test_equal_to_draws_made_for_themselves(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        function, dtype, statics, per_block = self.DRAWS[name]
        rng = np.random.default_rng(5)
        key, counter, draws = 9, 2**64 - 700, []
        for _ in range(300):
            n = int(rng.integers(1, 40))
            shape = (n,) if rng.random() < 0.7 else (n, 2)
            draws.append((key, counter, shape))
            counter += -(-math.prod(shape) // per_block) + int(rng.choice([0, 0, 0, 1, 50, 300]))
            if rng.random() < 0.05:
                key, counter = int(rng.integers(3)), int(rng.integers(50))
        follow = [function(key=k, counter=c, shape=s, dtype=np.dtype(dtype), **statics) for k, c, s in draws]
        assert kernels._local.windows
        for (k, c, s), found in zip(draws, follow, strict=True):
            monkeypatch.setattr(kernels, "_local", threading.local())
            alone = function(key=k, counter=c, shape=s, dtype=np.dtype(dtype), **statics)
            assert found.tobytes() == alone.tobytes() and found.shape == s and found.base is None

    def test_permutations(self, monkeypatch: pytest.MonkeyPatch) -> None:
        follow = [kernels.random_permutation(key=1, counter=3 * i, n=9, dtype=np.dtype("int64")) for i in range(200)]
        for i, found in enumerate(follow):
            monkeypatch.setattr(kernels, "_local", threading.local())
            alone = kernels.random_permutation(key=1, counter=3 * i, n=9, dtype=np.dtype("int64"))
            assert found.tolist() == alone.tolist()

    def test_a_draw_may_be_written(self) -> None:
        draws = [kernels.random_uniform(key=1, counter=i, shape=(4,), dtype=np.dtype("float32")) for i in range(4)]
        again = [d.copy() for d in draws]
        draws[2] *= 0
        assert np.array_equal(draws[3], again[3])
        assert np.array_equal(kernels.random_uniform(key=1, counter=2, shape=(4,), dtype=np.dtype("float32")), again[2])
