"""Random tensors: the stream reaches every function, generators keep their place, and distributions are right."""

from __future__ import annotations

import copy
import json
import math
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.core.drawing import draw
from candelabra.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    AutogradError,
    DeviceError,
    DTypeError,
    LostWriteWarning,
    ShapeError,
    TransformError,
)
from candelabra.core.random_stream import STREAM_VERSION, blocks_for

PAGE = Path(__file__).resolve().parents[2] / "docs" / "random.md"
CASES = [json.loads(line) for line in PAGE.read_text().split("```json\n")[1].split("```")[0].splitlines()]


def at(key: int, counter: int = 0) -> cb.Generator:
    """A generator at a place of the stream."""
    words = [STREAM_VERSION, key, *((counter >> shift) & (2**64 - 1) for shift in (0, 64, 128, 192))]
    return cb.Generator().set_state(cb.asarray(np.array(words, np.uint64)))


def place(generator: cb.Generator) -> int:
    return sum(word << 64 * i for i, word in enumerate(generator.get_state().tolist()[2:]))


def by_name(case: dict[str, Any], generator: cb.Generator) -> cb.Tensor:
    """The draw of one of the page's test vectors, by the function that users call."""
    draw, n = case["draw"], case.get("n")
    options = {"generator": generator, "dtype": case.get("dtype")}
    if draw == "uniform":
        return cb.uniform(case["low"], case["high"], (n,), **options)
    if draw == "normal":
        return cb.normal(case.get("mean", 0.0), case.get("std", 1.0), (n,), **options)
    if draw == "integers":
        return cb.randint(case["low"], case["high"], (n,), **options)
    if draw == "permutation":
        return cb.randperm(n, generator=generator)
    if draw == "bernoulli":
        return cb.bernoulli(cb.zeros(n, dtype=case.get("dtype", "float32")), case["p"], generator=generator)
    weights = cb.tensor(case["weights"], dtype=cb.float64)
    return cb.multinomial(weights, case["samples"], case["replacement"], generator=generator)


class TestStream:
    @pytest.mark.parametrize(
        "case", [c for c in CASES if c["draw"] not in ("philox", "seed", "bits")], ids=lambda case: case["draw"]
    )
    def test_functions_give_the_vectors_of_the_page(self, case: dict[str, Any]) -> None:
        out = by_name(case, at(case["key"], case["counter"])).tolist()
        if case["draw"] == "normal":
            assert out == pytest.approx(case["result"], rel=2**-7 if "float16" in case["dtype"] else 1e-5, abs=1e-6)
        else:
            assert out == case["result"]

    @pytest.mark.parametrize(
        ("make", "kind", "n", "dtype"),
        [
            (lambda g: cb.rand(3, 7, generator=g), "uniform", 21, "float32"),
            (lambda g: cb.rand(3, 7, generator=g, dtype=cb.float64), "uniform", 21, "float64"),
            (lambda g: cb.randn(9, generator=g), "normal", 9, "float32"),
            (lambda g: cb.rand(9, generator=g, dtype=cb.complex128), "uniform", 18, "float64"),
            (lambda g: cb.randint(5, (9,), generator=g), "integers", 9, "int64"),
            (lambda g: cb.randperm(9, generator=g), "permutation", 9, "int64"),
            (lambda g: cb.bernoulli(cb.full((17,), 0.5), generator=g), "uniform", 17, "float32"),
            (lambda g: cb.bernoulli(cb.ones(17, dtype=cb.bfloat16), generator=g), "uniform", 17, "float32"),
            (lambda g: cb.dropout(cb.ones(17), p=0.5, generator=g), "bernoulli", 17, "float32"),
            (lambda g: cb.multinomial(cb.ones(6), 2, generator=g), "uniform", 6, "float64"),
            (lambda g: cb.multinomial(cb.ones(6), 20, True, generator=g), "uniform", 20, "float64"),
            (lambda g: cb.zeros(17).exponential_(generator=g), "uniform", 17, "float32"),
            (lambda g: cb.rand(0, 3, generator=g), "uniform", 0, "float32"),
        ],
    )
    def test_a_draw_takes_its_share(self, make: Callable[[Any], Any], kind: str, n: int, dtype: str) -> None:
        generator = at(5, 100)
        make(generator)
        assert place(generator) == 100 + blocks_for(kind, n, dtype)

    def test_the_default_generator_is_the_default(self) -> None:
        cb.manual_seed(3)
        assert cb.rand(4).tolist() == cb.rand(4, generator=cb.Generator().manual_seed(3)).tolist()
        assert cb.initial_seed() == 3

    def test_an_unseeded_generator_is_nowhere_twice(self) -> None:
        assert cb.Generator().initial_seed() != cb.Generator().initial_seed()

    @pytest.mark.parametrize(
        "make",
        [
            lambda: cb.rand(2, dtype=cb.int64),
            lambda: cb.rand(-1),
            lambda: cb.randint(3, 3, (2,)),
            lambda: cb.randint(0, 300, (2,), dtype=cb.int8),
            lambda: cb.uniform(2.0, 1.0, (2,)),
            lambda: cb.uniform(-3e38, 3e38, (2,)),
            lambda: cb.normal(0.0, -1.0, (2,)),
            lambda: cb.normal(cb.zeros(2), -1.0),
            lambda: cb.bernoulli(cb.ones(2), 1.5),
            lambda: cb.dropout(cb.ones(2), p=1.5),
            lambda: cb.multinomial(cb.tensor([1.0, 0.0]), 2),
            lambda: cb.ones(2, requires_grad=True).normal_(),
            lambda: cb.ones(2, dtype=cb.int32).normal_(),
            lambda: cb.rand(2, device="nowhere"),
        ],
    )
    def test_a_refused_draw_takes_nothing(self, make: Callable[[], Any]) -> None:
        before = cb.get_rng_state().tolist()
        with pytest.raises((ArgumentError, DTypeError, ShapeError, AutogradError, DeviceError)):
            make()
        assert cb.get_rng_state().tolist() == before

    @pytest.mark.host
    def test_another_device_draws_the_same_numbers(self) -> None:
        pytest.importorskip("candelabra_strict", reason="the plugin candelabra-strict is not installed")
        here, there = at(7), at(7)
        for make in (
            lambda **o: cb.rand(9, **o),
            lambda **o: cb.randn(9, dtype=cb.float64, **o),
            lambda **o: cb.randint(-5, 5, (9,), **o),
            lambda **o: cb.randperm(9, **o),
        ):
            strict = make(generator=there, device="strict")
            assert strict.device == cb.device("strict:0")
            assert strict.tolist() == make(generator=here).tolist()


class TestGenerator:
    def test_state_goes_round(self) -> None:
        generator = at(2**64 - 1, 2**200 + 5)
        state = generator.get_state()
        assert state.dtype is cb.uint64
        assert state.shape == (6,)
        first = cb.randn(5, generator=generator).tolist()
        assert cb.randn(5, generator=generator).tolist() != first
        assert generator.set_state(state) is generator
        assert cb.randn(5, generator=generator).tolist() == first
        assert generator.initial_seed() == 2**64 - 1

    def test_the_counter_comes_round(self) -> None:
        generator = at(0, 2**256 - 1)
        cb.rand(9, generator=generator)
        assert place(generator) == 1

    @pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))])
    def test_copies_go_their_own_way(self, again: Callable[[Any], Any]) -> None:
        generator = at(4, 9)
        other = again(generator)
        expected = cb.rand(3, generator=generator).tolist()
        assert place(other) == 9
        assert cb.rand(3, generator=other).tolist() == expected

    def test_seeds(self) -> None:
        generator = cb.Generator()
        assert generator.manual_seed(-1).initial_seed() == 2**64 - 1
        assert generator.manual_seed(2**64 + 5).initial_seed() == 5
        assert generator.manual_seed(np.int64(8)).initial_seed() == 8
        assert generator.seed() == generator.initial_seed() != 8
        assert cb.seed() == cb.initial_seed()
        assert cb.manual_seed(1) is cb.default_generator

    def test_device(self) -> None:
        assert cb.Generator().device == cb.Generator("cpu").device == cb.device("cpu")
        assert "seed 7, block 0" in repr(cb.Generator().manual_seed(7))
        with pytest.raises(DeviceError):
            cb.Generator("nowhere")

    def test_bad_input(self) -> None:
        generator = at(3, 3)
        with pytest.raises(ArgumentTypeError, match=r"a seed is an int, not 1\.5 \(float\)"):
            generator.manual_seed(1.5)
        with pytest.raises(ArgumentTypeError, match="what get_state\\(\\) returns, a Tensor of uint64, not list"):
            generator.set_state([1])
        with pytest.raises(ArgumentTypeError, match="not a Tensor of int64"):
            generator.set_state(cb.zeros(6, dtype=cb.int64))
        with pytest.raises(ArgumentError, match=r"has shape \(6,\), not \(5,\)"):
            generator.set_state(cb.zeros(5, dtype=cb.uint64))
        with pytest.raises(ArgumentError, match=f"of version 0 of the random stream, .* has version {STREAM_VERSION}"):
            generator.set_state(cb.zeros(6, dtype=cb.uint64))
        with pytest.raises(ArgumentTypeError, match=r"a generator is a candelabra\.Generator, not int"):
            cb.rand(2, generator=3)
        assert place(generator) == 3

    def test_fork_rng(self) -> None:
        before = cb.get_rng_state().tolist()
        with pytest.raises(KeyError), cb.fork_rng():
            cb.manual_seed(9)
            cb.rand(100)
            raise KeyError
        assert cb.get_rng_state().tolist() == before
        with cb.fork_rng(enabled=False):
            cb.rand(100)
        assert cb.get_rng_state().tolist() != before

    def test_threads_share_without_overlap(self) -> None:
        generator, drawn, lock = at(1), [], threading.Lock()

        def work() -> None:
            mine = [cb.rand(8, generator=generator).tolist() for _ in range(50)]
            with lock:
                drawn.extend(map(tuple, mine))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(drawn)) == 200
        assert place(generator) == 200


class TestShapesAndDtypes:
    @pytest.mark.parametrize("function", [cb.rand, cb.randn])
    def test_sizes(self, function: Callable[..., cb.Tensor]) -> None:
        for shape in ((2, 3), (), (0, 2), (1,)):
            assert function(shape).shape == function(*shape).shape == function(size=shape).shape == shape
        assert function([2, 3]).shape == (2, 3)
        assert function(np.int64(2), 3).shape == (2, 3)
        with pytest.raises(ShapeError, match=rf"{function.__name__}: sizes must not be negative, got \(2, -1\)"):
            function(2, -1)
        with pytest.raises(ArgumentTypeError, match="a shape is a tuple of ints"):
            function(2.5, 2)
        with pytest.raises(ArgumentTypeError, match="the shape is given twice"):
            function(2, size=(2,))

    @pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "complex64", "complex128"])
    def test_float_dtypes(self, dtype: str) -> None:
        for made in (cb.rand(4, dtype=dtype), cb.randn(4, dtype=getattr(cb, dtype))):
            assert made.dtype is getattr(cb, dtype)
        like = cb.zeros((2, 3), dtype=dtype)
        for made in (cb.rand_like(like), cb.randn_like(like), cb.zeros_like(like).normal_()):
            assert made.dtype is like.dtype
            assert made.shape == (2, 3)

    def test_default_dtype(self) -> None:
        cb.set_default_dtype(cb.float64)
        assert cb.rand(2).dtype is cb.randn(2).dtype is cb.uniform().dtype is cb.float64
        assert cb.randint(3, (2,)).dtype is cb.randperm(3).dtype is cb.int64

    def test_integers(self) -> None:
        assert cb.randint(high=3, size=(4,)).shape == (4,)
        assert cb.randint(5, 6, size=(2,)).tolist() == [5, 5]
        assert cb.randint(-4, -3, (2,), dtype=cb.int8).tolist() == [-4, -4]
        assert cb.randint(cb.tensor(7), cb.tensor(8), ()).item() == 7
        assert cb.randint(2, (50,), dtype=cb.bool).dtype is cb.bool
        assert cb.randint_like(cb.zeros(3), 1).tolist() == [0.0, 0.0, 0.0]
        assert cb.randint_like(cb.zeros(3, dtype=cb.int16), 4, 5).tolist() == [4, 4, 4]
        assert cb.randint(3, (2,), dtype=cb.float32, requires_grad=True).requires_grad

    def test_requires_grad(self) -> None:
        assert cb.rand(2, requires_grad=True).is_leaf
        assert cb.randn_like(cb.zeros(2), requires_grad=True).requires_grad
        with pytest.raises(DTypeError, match="randint: only floating-point and complex tensors can require a gradient"):
            cb.randint(3, (2,), requires_grad=True)

    def test_bad_input(self) -> None:
        with pytest.raises(DTypeError, match="rand: makes floating-point dtypes, not int64"):
            cb.rand(2, dtype=cb.int64)
        with pytest.raises(DTypeError, match="uniform: makes real floating-point dtypes, not complex64"):
            cb.uniform(size=(2,), dtype=cb.complex64)
        with pytest.raises(DTypeError, match="randint: makes real dtypes, not complex64"):
            cb.randint(3, (2,), dtype=cb.complex64)
        with pytest.raises(ArgumentTypeError, match="randint: a size is needed"):
            cb.randint(3)
        with pytest.raises(ArgumentTypeError, match="randint: high is an int, not 2"):
            cb.randint(0, 2.5, (2,))
        with pytest.raises(ArgumentError, match=r"randint: low \(4\) must be less than high \(2\)"):
            cb.randint(4, 2, (2,))
        with pytest.raises(ArgumentError, match="the range from 0 to 300"):
            cb.randint(0, 300, (2,), dtype=cb.int8)
        with pytest.raises(ArgumentError, match=r"uniform: low \(2\.0\) must not be greater than high \(1\.0\)"):
            cb.uniform(2.0, 1.0, (2,))
        with pytest.raises(ArgumentTypeError, match="uniform: low is a number, not '0'"):
            cb.uniform("0", 1.0, (2,))
        with pytest.raises(ArgumentError, match="randperm: n must not be negative, got -1"):
            cb.randperm(-1)
        with pytest.raises(ArgumentError, match="randperm: int8 does not hold every integer below 1000"):
            cb.randperm(1000, dtype=cb.int8)
        with pytest.raises(ArgumentTypeError, match="rand_like: a Tensor is needed, got list"):
            cb.rand_like([1.0])

    def test_no_device_makes_what_it_lacks(self) -> None:
        with pytest.raises(DTypeError, match="random_uniform: makes real floating-point dtypes, not complex64"):
            draw("uniform", (2,), cb.complex64, cb.device("cpu"), None)


class TestNormal:
    def test_tensors(self) -> None:
        mean = cb.tensor([[0.0], [100.0]], dtype=cb.float64, requires_grad=True)
        out = cb.normal(mean, cb.tensor([1e-9, 0.0, 1.0], dtype=cb.float64))
        assert out.shape == (2, 3)
        assert out.dtype is cb.float64
        assert not out.requires_grad
        assert out[:, 1].tolist() == [0.0, 100.0]
        assert cb.normal(0.0, cb.ones(3)).shape == cb.normal(cb.ones(3)).shape == (3,)
        noise = cb.randn(3, generator=at(1))
        shifted = cb.normal(cb.tensor([1.0, 2.0, 3.0]), 2.0, generator=at(1))
        assert shifted.tolist() == (noise * 2.0 + cb.tensor([1.0, 2.0, 3.0])).tolist()

    def test_bad_input(self) -> None:
        with pytest.raises(ArgumentTypeError, match="with numbers for mean and std a size is needed"):
            cb.normal(0.0, 1.0)
        with pytest.raises(ArgumentError, match="mean or std is a tensor and sets the shape; leave size out"):
            cb.normal(cb.zeros(2), 1.0, (2,))
        with pytest.raises(ArgumentError, match="every standard deviation must be at least 0"):
            cb.normal(0.0, cb.tensor([1.0, -1.0]))
        with pytest.raises(ArgumentError, match="the standard deviation must not be negative, got -1"):
            cb.normal(0.0, -1.0, (2,))
        with pytest.raises(ShapeError, match="do not broadcast"):
            cb.normal(cb.zeros(2), cb.ones(3))


class TestBernoulli:
    def test_probabilities_of_the_input(self) -> None:
        p = cb.tensor([0.0, 1.0, 0.25], dtype=cb.float64).broadcast_to((20_000, 3))
        share = cb.bernoulli(p).mean(0).tolist()
        assert share[:2] == [0.0, 1.0]
        assert abs(share[2] - 0.25) < 0.02

    @pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "int64", "bool"])
    def test_one_probability(self, dtype: str) -> None:
        out = cb.bernoulli(cb.zeros(20_000, dtype=dtype), 0.25)
        assert out.dtype is getattr(cb, dtype) or dtype == "bool"
        assert abs(out.float().mean().item() - 0.25) < 0.02

    def test_bad_input(self) -> None:
        with pytest.raises(ArgumentError, match=r"bernoulli: every probability must lie in \[0, 1\]"):
            cb.bernoulli(cb.tensor([0.5, 1.5]))
        with pytest.raises(ArgumentError, match=r"every probability must lie in \[0, 1\]"):
            cb.bernoulli(cb.tensor([math.nan]))
        with pytest.raises(ArgumentError, match=r"bernoulli: p must lie in \[0, 1\], got -0.5"):
            cb.bernoulli(cb.ones(2), -0.5)
        with pytest.raises(DTypeError, match="bernoulli: probabilities are floating-point, not int64"):
            cb.bernoulli(cb.ones(2, dtype=cb.int64))


class TestMultinomial:
    @pytest.mark.parametrize("k", [1, 2, 5, 33, 1000])
    def test_rows_are_drawn_as_one_row_is(self, k: int) -> None:
        weights = cb.rand(k, dtype=cb.float64) * (cb.arange(k) % 3 != 1)
        rows = cb.stack([weights, weights * 7.0])
        both = cb.multinomial(rows, 40, replacement=True, generator=at(3))
        assert both.shape == (2, 40)
        assert both[0].tolist() == cb.multinomial(weights, 40, replacement=True, generator=at(3)).tolist()
        assert bool((weights[both] > 0).all())

    def test_frequencies(self) -> None:
        weights = np.array([1.0, 0.0, 2.0, 5.0])
        drawn = cb.multinomial(cb.tensor(weights), 40_000, replacement=True)
        share = np.bincount(drawn.numpy(), minlength=4) / 40_000
        assert np.abs(share - weights / 8).max() < 0.015
        firsts = cb.multinomial(cb.tensor(weights).broadcast_to((20_000, 4)), 2)
        share = np.bincount(firsts[:, 0].numpy(), minlength=4) / 20_000
        assert np.abs(share - weights / 8).max() < 0.015
        assert bool((firsts[:, 0] != firsts[:, 1]).all())

    def test_weights_may_be_the_smallest(self) -> None:
        tiny = cb.tensor([5e-324, 0.0, 1.0], dtype=cb.float64)
        assert sorted(cb.multinomial(tiny, 2).tolist()) == [0, 2]
        assert cb.multinomial(cb.tensor([0.0, 3.0], dtype=cb.float16), 3, True).tolist() == [1, 1, 1]

    def test_bad_input(self) -> None:
        for weights in ([-1.0, 2.0], [math.inf, 1.0], [math.nan, 1.0]):
            with pytest.raises(ArgumentError, match="weights must be finite and not negative"):
                cb.multinomial(cb.tensor(weights), 1)
        with pytest.raises(ArgumentError, match="the weights of a row must not all be zero"):
            cb.multinomial(cb.tensor([[1.0, 2.0], [0.0, 0.0]]), 1)
        with pytest.raises(ArgumentError, match="2 samples without replacement need as many positive weights"):
            cb.multinomial(cb.tensor([0.0, 2.0]), 2)
        with pytest.raises(ArgumentError, match="num_samples must be positive, got 0"):
            cb.multinomial(cb.ones(3), 0)
        with pytest.raises(ShapeError, match=r"weights have shape \(k,\) or \(m, k\) with k > 0, not \(1, 2, 3\)"):
            cb.multinomial(cb.ones((1, 2, 3)), 1)
        with pytest.raises(DTypeError, match="weights are floating-point, not int64"):
            cb.multinomial(cb.ones(3, dtype=cb.int64), 1)


class TestDropout:
    @pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "complex64"])
    def test_keeps_the_mean(self, dtype: str) -> None:
        out = cb.dropout(cb.ones(40_000, dtype=dtype), p=0.2)
        assert out.dtype is getattr(cb, dtype)
        values = np.unique(cb.real(out).float().numpy() if out.dtype.is_complex else out.float().numpy())
        assert values == pytest.approx([0.0, 1.25], rel=2**-8)
        assert abs(abs(out).float().mean().item() - 1.0) < 0.02

    def test_gradient_is_the_mask(self) -> None:
        x = cb.rand(100, requires_grad=True)
        out = cb.dropout(x * 1.0, p=0.4)
        (grad,) = cb.grad(out.sum(), [x], create_graph=True)
        assert np.allclose(out.numpy(force=True), (x * grad).numpy(force=True))
        assert not grad.requires_grad or cb.grad(grad.sum(), [x], allow_unused=True)[0] is None

    def test_ends(self) -> None:
        x = cb.tensor([1.0, -2.0], requires_grad=True)
        assert cb.dropout(x, p=0.0).tolist() == [1.0, -2.0]
        out = cb.dropout(x, p=1.0)
        assert abs(out).tolist() == [0.0, 0.0]
        out.sum().backward()
        assert abs(x.grad).tolist() == [0.0, 0.0]

    def test_bad_input(self) -> None:
        with pytest.raises(ArgumentError, match="dropout: p is a probability between 0 and 1"):
            cb.dropout(cb.ones(2), p=1.5)
        with pytest.raises(DTypeError, match="dropout: takes floating-point dtypes, not int64"):
            cb.dropout(cb.ones(2, dtype=cb.int64), p=0.5)


class TestInPlace:
    def test_values_are_the_functions(self) -> None:
        x = cb.zeros((3, 5), dtype=cb.float64)
        assert x.uniform_(-2.0, 3.0, generator=at(1)) is x
        assert x.tolist() == cb.uniform(-2.0, 3.0, (3, 5), dtype=cb.float64, generator=at(1)).tolist()
        x.normal_(1.0, 2.0, generator=at(1))
        assert x.tolist() == cb.normal(1.0, 2.0, (3, 5), dtype=cb.float64, generator=at(1)).tolist()
        x.bernoulli_(0.3, generator=at(1))
        assert x.tolist() == cb.bernoulli(x, 0.3, generator=at(1)).tolist()
        assert x.bernoulli_(cb.tensor([0.0, 1.0, 0.0, 1.0, 0.0])).tolist() == [[0.0, 1.0, 0.0, 1.0, 0.0]] * 3
        x.random_(4, 9, generator=at(1))
        assert x.tolist() == cb.randint(4, 9, (3, 5), generator=at(1)).tolist()

    def test_ranges_of_random(self) -> None:
        assert set(cb.zeros(200, dtype=cb.int64).random_(3).tolist()) == {0, 1, 2}
        assert set(cb.zeros(200, dtype=cb.bool).random_().tolist()) == {False, True}
        wide = cb.zeros(20_000, dtype=cb.uint8).random_()
        assert set(wide.tolist()) == set(range(256))
        assert cb.zeros(5000, dtype=cb.bfloat16).random_().float().max().item() == 256.0
        assert cb.zeros(5000, dtype=cb.int64).random_().min().item() >= 0

    def test_exponential(self) -> None:
        for dtype in (cb.float16, cb.float32, cb.float64):
            x = cb.zeros(50_000, dtype=dtype).exponential_(2.0)
            assert x.min().item() >= 0.0
            assert abs(x.double().mean().item() - 0.5) < 0.01
        # Where the stream gives a uniform draw of zero.
        assert cb.zeros(2**20).exponential_(generator=at(0)).min().item() > 0.0

    def test_other_tensors_do_not_change(self) -> None:
        x = cb.zeros(4)
        y = x.detach()
        x.normal_()
        assert y.tolist() == [0.0] * 4

    def test_leaves(self) -> None:
        x = cb.zeros(4, requires_grad=True)
        for fill in ("uniform_", "normal_", "bernoulli_", "exponential_", "random_"):
            with pytest.raises(AutogradError, match=f"{fill}: a leaf that requires a gradient cannot"):
                getattr(x, fill)()
        with cb.no_grad():
            x.normal_()
        assert x.is_leaf
        assert x.requires_grad
        x.data.uniform_(5.0, 6.0)
        assert bool((x >= 5).all())

    def test_a_lost_write_warns(self) -> None:
        x = cb.zeros((2, 3))
        with pytest.warns(LostWriteWarning, match=r"write owner\[key\] = values instead") as caught:
            x[0].normal_()
        assert caught[0].filename == __file__

    def test_bad_input(self) -> None:
        with pytest.raises(DTypeError, match="normal_: fills floating-point tensors, not int64 ones"):
            cb.zeros(2, dtype=cb.int64).normal_()
        with pytest.raises(DTypeError, match="uniform_: fills real floating-point tensors, not complex64 ones"):
            cb.zeros(2, dtype=cb.complex64).uniform_()
        with pytest.raises(ArgumentError, match="exponential_: lambd must be positive and finite, got 0"):
            cb.zeros(2).exponential_(0)
        with pytest.raises(ArgumentError, match=r"uniform: low \(1\.0\) must not be greater"):
            cb.zeros(2).uniform_(1.0, 0.0)
        x = cb.zeros(2, dtype=cb.complex64)
        with pytest.raises(ArgumentError, match="normal_: the standard deviation must not be negative"):
            x.normal_(0.0, -1.0)


class TestVmap:
    x = property(lambda self: cb.zeros((3, 2)))

    @pytest.mark.parametrize(
        "noise",
        [
            lambda v: cb.rand(2),
            lambda v: cb.randn_like(v),
            lambda v: cb.randn(2, dtype=cb.complex64),
            lambda v: cb.randint(0, 10**9, (2,)),
            lambda v: cb.randperm(40),
            lambda v: cb.normal(v, 1.0),
            lambda v: cb.empty(2).exponential_(),
            lambda v: cb.bernoulli(v.expand(40, 2) + 0.5),
            lambda v: cb.dropout(v.expand(40, 2) + 1.0, p=0.5),
            lambda v: cb.multinomial(v.expand(40, 2)[:, 0] + 1.0, 30, replacement=True),
            lambda v: cb.multinomial(v.expand(40, 2)[:, 0] + 1.0, 30),
        ],
    )
    def test_says_what_a_draw_means(self, noise: Callable[[Any], Any]) -> None:
        before = cb.get_rng_state().tolist()
        with pytest.raises(TransformError, match=r"inside vmap.*; write vmap\(\.\.\., randomness='different'\)"):
            cb.func.vmap(noise)(self.x)
        assert cb.get_rng_state().tolist() == before
        own = cb.func.vmap(noise, randomness="different")(self.x).tolist()
        assert own[0] != own[1] != own[2] != own[0]
        shared = cb.func.vmap(noise, randomness="same")(self.x).tolist()
        assert shared[0] == shared[1] == shared[2]

    def test_a_draw_of_ones_own_is_the_batched_draw(self) -> None:
        inside = cb.func.vmap(lambda v: v + cb.rand(2, generator=generator), randomness="different")
        generator = at(5)
        assert inside(self.x).tolist() == cb.rand(3, 2, generator=at(5)).tolist()
        generator = at(5)
        assert cb.func.vmap(inside, randomness="different")(cb.zeros((4, 3, 2))).tolist() == (
            cb.rand(4, 3, 2, generator=at(5)).tolist()
        )

    def test_permutations(self) -> None:
        orders = cb.func.vmap(lambda v: cb.randperm(9), randomness="different")(self.x)
        assert cb.sort(orders).tolist() == [list(range(9))] * 3

    @pytest.mark.parametrize(("outer", "inner"), [("same", "different"), ("different", "same")])
    def test_nested(self, outer: str, inner: str) -> None:
        function = cb.func.vmap(lambda v: v + cb.rand(()), randomness=inner)
        drawn = np.array(cb.func.vmap(function, randomness=outer)(self.x).tolist())
        rows, columns = (np.ptp(drawn, axis=axis).max() > 0 for axis in (0, 1))
        assert (rows, columns) == (outer == "different", inner == "different")

    def test_gradients_go_through_the_mask(self) -> None:
        def loss(v: cb.Tensor) -> cb.Tensor:
            return cb.dropout(v, p=0.5, generator=generator).sum()

        generator = at(3)
        grads = cb.func.vmap(cb.func.grad(loss), randomness="different")(cb.ones((5, 8)))
        assert grads.tolist() == cb.dropout(cb.ones((5, 8)), p=0.5, generator=at(3)).tolist()

    def test_forward_mode_draws_as_usual(self) -> None:
        _, tangent = cb.func.jvp(lambda v: v * cb.rand(3, 2, generator=at(1)), (self.x,), (self.x + 1.0,))
        assert tangent.tolist() == cb.rand(3, 2, generator=at(1)).tolist()


class TestDistributions:
    """The same moments as PyTorch's, and as a whole no further from them than chance allows."""

    @pytest.mark.parametrize(
        "make",
        [
            lambda lib: lib.rand(40_000),
            lambda lib: lib.randn(40_000, dtype=lib.float64),
            lambda lib: lib.randn(200, 200).to(lib.float64),
            lambda lib: lib.normal(lib.full((40_000,), 2.0), 3.0),
            lambda lib: lib.normal(-1.0, 0.5, (200, 200)),
            lambda lib: lib.randint(-5, 20, (40_000,)).to(lib.float64),
            lambda lib: lib.empty(40_000).uniform_(-1.0, 3.0),
            lambda lib: lib.empty(40_000).exponential_(0.5),
            lambda lib: lib.empty(40_000).bernoulli_(0.1),
            lambda lib: lib.randn(40_000, dtype=lib.complex64).real,
            lambda lib: lib.randn(40_000, dtype=lib.complex64).imag,
            lambda lib: lib.randperm(40_000).to(lib.float64),
        ],
    )
    def test_agree_with_pytorch(self, torch: ModuleType, make: Callable[[Any], Any]) -> None:
        cb.manual_seed(1)
        torch.manual_seed(1)
        ours, theirs = np.sort(make(cb).numpy().ravel()), np.sort(make(torch).numpy().ravel())
        assert ours.dtype == theirs.dtype
        scale = theirs.std()
        assert abs(ours.mean() - theirs.mean()) < 0.03 * scale
        assert abs(ours.std() - scale) < 0.03 * scale
        assert np.abs(ours - theirs).mean() < 0.03 * scale

    def test_sequences_are_independent(self) -> None:
        pairs = np.stack([cb.rand(20_000, generator=cb.Generator().manual_seed(s)).numpy() for s in range(4)])
        assert np.abs(np.corrcoef(pairs) - np.eye(4)).max() < 0.03
        x = cb.rand(20_000).numpy()
        assert abs(np.corrcoef(x[1:], x[:-1])[0, 1]) < 0.03
