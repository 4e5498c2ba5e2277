"""Functions and methods of the core against PyTorch's: values, gradients and second derivatives, kinks and ties too."""

from __future__ import annotations

import candelabra as cb
import numpy as np
import pytest

rng = np.random.default_rng(0)
A, B = rng.standard_normal((3, 4)), rng.standard_normal((3, 4))
ROW, COLUMN = rng.standard_normal(4), rng.standard_normal((3, 1))
CUBE = rng.standard_normal((2, 3, 4))
POSITIVE = np.abs(A) + 0.3
UNIT = rng.uniform(-0.9, 0.9, (3, 4))
SCALAR = np.asarray(0.7)
TIES = np.array([[1.0, 3.0, 3.0, -2.0], [0.0, 0.0, -0.0, 0.0], [2.0, 2.0, 2.0, 5.0]])
ZEROS = np.array([[0.0, 1.5, -2.0, 0.0], [0.0, 0.0, 0.0, 0.0], [3.0, 0.0, 2.0, 1.0]])
INTEGERS = rng.integers(-5, 6, (3, 4))
NONZERO = np.where(INTEGERS == 0, 3, INTEGERS)
TRUTHS = rng.random((3, 4)) > 0.5
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 0.5, -2.5, 30.0, -30.0, 1.5, 1e-8, -1e-8])
COMPLEX = A + 1j * B

UNARY = [
    (A, "exp expm1 exp2 sin cos tan atan sinh cosh tanh asinh sigmoid relu erf erfc negative positive square abs sign"),
    (A, "floor ceil trunc round logical_not isfinite isinf isnan signbit reciprocal conj real"),
    (POSITIVE, "log log1p log2 log10 sqrt rsqrt"),
    (UNIT, "asin acos atanh"),
    (POSITIVE + 1, "acosh"),
]
SMOOTH = "exp sin cos tan atan sinh cosh tanh asinh asin acos atanh acosh log log2 log10 sqrt rsqrt reciprocal square"
BINARY = "add subtract multiply divide maximum minimum atan2 hypot logaddexp copysign remainder floor_divide"
COMPARISONS = "equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor"

COMPLEX_UNARY = "exp sin cos tan tanh sinh cosh asinh atan log sqrt reciprocal square sign abs"
INTEGER_UNARY = "abs negative positive square sign"
FLOATING = "exp sin sqrt log1p sigmoid reciprocal erf rsqrt tanh"
COMPLEX_BINARY = "add subtract multiply divide pow"
BITS = "bitwise_and bitwise_or bitwise_xor"
INTEGER_BINARY = "add subtract multiply maximum minimum remainder floor_divide divide"


def pairs(table):
    return [pytest.param(name, x, id=name) for x, names in table for name in names.split()]


def torch_name(name):
    return {"equal": "eq"}.get(name, name)


def case(name, ours, theirs, *inputs, **options):
    return pytest.param(ours, theirs, inputs, options, id=name)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "x"), pairs(UNARY))
def test_functions_of_one_operand(compare, name, x, dtype):
    ours, theirs = getattr(cb, name), lambda t, v: getattr(t, torch_name(name))(v)
    compare(ours, theirs, x, dtype=dtype, order=2 if dtype == "float64" else 1)
    compare(ours, theirs, np.asarray(x[0, 0]), dtype=dtype)
    compare(ours, theirs, x[:0], dtype=dtype)


@pytest.mark.parametrize("name", SMOOTH.split())
def test_third_derivatives(compare, name):
    domain = {n: x for x, names in UNARY for n in names.split()}[name]
    compare(getattr(cb, name), lambda t, v: getattr(t, name)(v), domain, order=3)


@pytest.mark.parametrize(("name", "x"), pairs([(SPECIAL, names) for _, names in UNARY]))
def test_special_values(compare, name, x):
    # The sign of NaN is NaN in the standard, 0 in PyTorch; what is outside acosh's domain has no gradient here.
    if name in ("sign", "abs", "relu"):
        x = x[~np.isnan(x)]
    compare(getattr(cb, name), lambda t, v: getattr(t, name)(v), x, order=0 if name == "acosh" else 1)


@pytest.mark.parametrize("name", COMPLEX_UNARY.split())
def test_complex_functions_of_one_operand(compare, name):
    theirs = {"sign": "sgn"}.get(name, name)
    compare(getattr(cb, name), lambda t, v: getattr(t, theirs)(v), COMPLEX)


@pytest.mark.parametrize("name", INTEGER_UNARY.split())
def test_integers_of_one_operand(compare, name):
    compare(getattr(cb, name), lambda t, v: getattr(t, name)(v), INTEGERS)


@pytest.mark.parametrize("name", FLOATING.split())
def test_integers_become_the_default_float(compare, name):
    for x in (np.abs(INTEGERS) + 1, TRUTHS, (np.abs(INTEGERS) + 1).astype("uint8")):
        compare(getattr(cb, name), lambda t, v: getattr(t, name)(v), x)


SHAPES = [(A, B), (A, ROW), (COLUMN, ROW), (A, SCALAR), (SCALAR, A), (CUBE, A), (A, CUBE), (A[:0], ROW)]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", BINARY.split())
def test_functions_of_two_operands(compare, name, dtype):
    for x, y in SHAPES if dtype == "float64" else SHAPES[:2]:
        order = 0 if name == "floor_divide" else 2 if x is A else 1
        compare(getattr(cb, name), lambda t, *v: getattr(t, name)(*v), x, y, dtype=dtype, order=order)


@pytest.mark.parametrize("name", COMPARISONS.split())
def test_comparisons(compare, name):
    for x, y in ((A, B), (TIES, TIES[:, ::-1].copy()), (INTEGERS, INTEGERS[::-1].copy()), (A, ROW), (ZEROS, SCALAR)):
        compare(getattr(cb, name), lambda t, *v: getattr(t, torch_name(name))(*v), x, y)


@pytest.mark.parametrize("name", COMPLEX_BINARY.split())
def test_complex_functions_of_two_operands(compare, name):
    for x, y in ((COMPLEX, COMPLEX[::-1].copy()), (COMPLEX, POSITIVE), (POSITIVE, COMPLEX)):
        compare(getattr(cb, name), lambda t, *v: getattr(t, name)(*v), x, y)


@pytest.mark.parametrize("name", BITS.split())
def test_bits(compare, name):
    for x, y in ((INTEGERS, NONZERO), (TRUTHS, ~TRUTHS), (INTEGERS.astype("int8"), NONZERO.astype("int8"))):
        compare(getattr(cb, name), lambda t, *v: getattr(t, name)(*v), x, y)
    compare(cb.bitwise_invert, lambda t, v: t.bitwise_not(v), INTEGERS)
    shift = np.abs(INTEGERS) % 4
    compare(cb.bitwise_left_shift, lambda t, *v: t.bitwise_left_shift(*v), INTEGERS, shift)
    compare(cb.bitwise_right_shift, lambda t, *v: t.bitwise_right_shift(*v), INTEGERS, shift)


@pytest.mark.parametrize("name", INTEGER_BINARY.split())
def test_integers_of_two_operands(compare, name):
    compare(getattr(cb, name), lambda t, *v: getattr(t, name)(*v), INTEGERS, NONZERO)


KINKS = [
    case("maximum of ties", cb.maximum, lambda t, x, y: t.maximum(x, y), TIES, TIES[:, ::-1].copy()),
    case("minimum of ties", cb.minimum, lambda t, x, y: t.minimum(x, y), TIES, TIES[:, ::-1].copy()),
    case("maximum with nan", cb.maximum, lambda t, x, y: t.maximum(x, y), SPECIAL, SPECIAL[::-1].copy(), order=0),
    case("max of ties", lambda x: cb.max(x), lambda t, x: t.max(x), TIES),
    case("max over an axis", lambda x: cb.max(x, axis=1), lambda t, x: t.amax(x, 1), TIES),
    case("min over axes", lambda x: cb.min(x, axis=(0, 1)), lambda t, x: t.amin(x, (0, 1)), TIES),
    case("sort of ties", lambda x: cb.sort(x), lambda t, x: t.sort(x, stable=True)[0], TIES),
    case("abs at zero", cb.abs, lambda t, x: t.abs(x), ZEROS),
    case("sqrt at zero", cb.sqrt, lambda t, x: t.sqrt(x), np.abs(ZEROS)),
    case("prod with zeros", lambda x: cb.prod(x), lambda t, x: t.prod(x), ZEROS),
    case("prod with zeros over an axis", lambda x: cb.prod(x, axis=1), lambda t, x: t.prod(x, 1), ZEROS),
    case("prod with one zero", lambda x: cb.prod(x, axis=0),
         lambda t, x: t.prod(x, 0), np.array([[0.0, 2.0], [3.0, 4.0], [5.0, 6.0]])),
    case("cumulative_prod with zeros", lambda x: cb.cumulative_prod(x, axis=1), lambda t, x: t.cumprod(x, 1), ZEROS),
    case("norm at zero", lambda x: cb.norm(x, axis=1), lambda t, x: t.linalg.vector_norm(x, dim=1), ZEROS, order=1),
    case("norm 1 at zero", lambda x: cb.norm(x, 1, axis=1),
         lambda t, x: t.linalg.vector_norm(x, 1, dim=1), ZEROS, order=1),
    case("norm 3 at zero", lambda x: cb.norm(x, 3, axis=1),
         lambda t, x: t.linalg.vector_norm(x, 3, dim=1), ZEROS, order=1),
    case("norm inf of ties", lambda x: cb.norm(x, np.inf, axis=1),
         lambda t, x: t.linalg.vector_norm(x, np.inf, dim=1), TIES, order=1),
    case("norm of zeros", lambda x: cb.norm(x), lambda t, x: t.norm(x), np.zeros(3), order=1),
    case("std of a constant", lambda x: cb.std(x, axis=1),
         lambda t, x: t.std(x, 1, correction=0), np.ones((2, 3)), order=1),
    case("relu at zero", cb.relu, lambda t, x: t.relu(x), ZEROS),
    case("clip at its bounds", lambda x: cb.clip(x, 0.0, 3.0), lambda t, x: t.clamp(x, 0.0, 3.0), TIES),
    case("clip by tensors", lambda x, a, b: cb.clip(x, a, b), lambda t, x, a, b: t.clamp(x, a, b), A, B - 0.5, B + 0.5),
    case("clip from below by a tensor", lambda x, a: cb.clip(x, a),
         lambda t, x, a: t.clamp(x, a), TIES, TIES[::-1].copy()),
    case("clip from above by a tensor", lambda x, a: cb.clip(x, None, a),
         lambda t, x, a: t.clamp(x, None, a), TIES, TIES[::-1].copy()),
    case("clip with crossed bounds", lambda x, a, b: cb.clip(x, a, b),
         lambda t, x, a, b: t.clamp(x, a, b), A, B + 0.5, B - 0.5),
    case("0 ** 0", cb.pow, lambda t, x, y: t.pow(x, y), ZEROS, ZEROS, order=1),
    case("x ** 0", lambda x: x**0, lambda t, x: x**0, ZEROS),
    case("x ** 1", lambda x: x**1, lambda t, x: x**1, ZEROS),
    case("x ** 2", lambda x: x**2, lambda t, x: x**2, ZEROS),
    case("x ** 3", lambda x: x**3, lambda t, x: x**3, ZEROS),
    case("x ** 0.5", lambda x: x**0.5, lambda t, x: x**0.5, np.abs(ZEROS), order=1),
    case("x ** -1", lambda x: x**-1, lambda t, x: x**-1, A),
    case("x ** 2.5", lambda x: x**2.5, lambda t, x: x**2.5, POSITIVE),
    case("2 ** x", lambda x: 2**x, lambda t, x: 2**x, A),
    case("0 ** x", lambda x: 0**x, lambda t, x: 0**x, np.abs(ZEROS), order=1),
    case("x ** y", cb.pow, lambda t, x, y: t.pow(x, y), POSITIVE, B),
    case("a negative base", cb.pow, lambda t, x, y: t.pow(x, y), A, np.round(B * 3), order=1),
    case("atan2 at the origin", cb.atan2, lambda t, x, y: t.atan2(x, y), ZEROS, ZEROS, order=1),
    case("hypot at the origin", cb.hypot, lambda t, x, y: t.hypot(x, y), ZEROS, ZEROS, order=1),
    case("copysign of zeros", cb.copysign, lambda t, x, y: t.copysign(x, y), ZEROS, A, order=1),
    case("remainder", cb.remainder, lambda t, x, y: t.remainder(x, y), A * 5, B),
    case("divide by zero", cb.divide, lambda t, x, y: t.divide(x, y), A, ZEROS, order=1),
    case("log at zero", cb.log, lambda t, x: t.log(x), np.abs(ZEROS), order=1),
    case("logaddexp of infinities", cb.logaddexp,
         lambda t, x, y: t.logaddexp(x, y), np.array([np.inf, -np.inf, 1.0]), np.array([1.0, 2.0, -np.inf]), order=1),
    case("where", lambda c, x, y: cb.where(c, x, y), lambda t, c, x, y: t.where(c, x, y), TRUTHS, A, ROW),
    case("where hides infinities", lambda x: cb.where(x > 0, cb.log(cb.where(x > 0, x, 1.0)), 0.0),
         lambda t, x: t.where(x > 0, t.log(t.where(x > 0, x, 1.0)), 0.0), A),
    case("sigmoid far out", cb.sigmoid, lambda t, x: t.sigmoid(x), np.array([-800.0, 800.0, 40.0, -40.0])),
    case("logsumexp of -inf", lambda x: cb.logsumexp(x, axis=0),
         lambda t, x: t.logsumexp(x, 0), np.array([[-np.inf, 1.0], [-np.inf, 2.0]]), order=0),
    case("logsumexp of inf", lambda x: cb.logsumexp(x, axis=0),
         lambda t, x: t.logsumexp(x, 0), np.array([[np.inf, 1.0], [3.0, 1000.0]]), order=1),
]  # fmt: skip


@pytest.mark.parametrize(("ours", "theirs", "inputs", "options"), KINKS)
def test_kinks_and_edges(compare, ours, theirs, inputs, options):
    compare(ours, theirs, *inputs, **options)


@pytest.mark.parametrize("dim", [None, 0, 1, -1, (0, 1), (-1, 0), (0, 1, 2), (1,)], ids=str)
@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize(
    ("name", "theirs", "order"),
    [
        ("sum", lambda t, x, d, k: t.sum(x, d, k), 2),
        ("mean", lambda t, x, d, k: t.mean(x, d, k), 2),
        ("max", lambda t, x, d, k: t.amax(x, () if d is None else d, k), 2),
        ("min", lambda t, x, d, k: t.amin(x, () if d is None else d, k), 2),
        ("std", lambda t, x, d, k: t.std(x, d, correction=0, keepdim=k), 2),
        ("var", lambda t, x, d, k: t.var(x, d, correction=0, keepdim=k), 2),
        ("logsumexp", lambda t, x, d, k: t.logsumexp(x, tuple(range(x.ndim)) if d is None else d, k), 2),
        ("norm", lambda t, x, d, k: t.linalg.vector_norm(x, dim=d, keepdim=k), 2),
        ("all", lambda t, x, d, k: t.all(x, d, k) if d is not None else t.all(x, (0, 1, 2), k), 0),
        ("any", lambda t, x, d, k: t.any(x, d, k) if d is not None else t.any(x, (0, 1, 2), k), 0),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_reductions(compare, name, theirs, order, dim, keepdim):
    ours = lambda x: getattr(cb, name)(x, axis=dim, keepdims=keepdim)
    compare(ours, lambda t, x: theirs(t, x, dim, keepdim), CUBE, order=order)
    method = lambda x: getattr(x, name)(dim=dim, keepdim=keepdim) if name != "norm" else x.norm(2, dim, keepdim)
    compare(method, lambda t, x: theirs(t, x, dim, keepdim), CUBE, order=1)


REDUCTIONS = [
    case("prod of one axis", lambda x: cb.prod(x, axis=-1), lambda t, x: t.prod(x, -1), CUBE),
    case("prod of one axis, kept", lambda x: cb.prod(x, axis=1, keepdims=True), lambda t, x: t.prod(x, 1, True), CUBE),
    case("prod of all", lambda x: x.prod(), lambda t, x: x.prod(), A),
    case("prod of two axes", lambda x: cb.prod(x, axis=(0, 2)), lambda t, x: t.prod(t.prod(x, 2), 0), CUBE),
    case("sample variance", lambda x: cb.var(x, axis=1, correction=1), lambda t, x: t.var(x, 1), CUBE),
    case("sample deviation", lambda x: x.std(axis=(0, 2), correction=1), lambda t, x: x.std((0, 2)), CUBE),
    case("sum of integers", lambda x: x.sum(), lambda t, x: x.sum(), INTEGERS.astype("int32")),
    case("sum of truths", lambda x: x.sum(axis=0), lambda t, x: x.sum(0), TRUTHS),
    case("prod of integers", lambda x: x.prod(axis=0), lambda t, x: x.prod(0), NONZERO.astype("int8")),
    case("sum in another dtype", lambda x: cb.sum(x, dtype=cb.float32),
         lambda t, x: t.sum(x, dtype=t.float32), A, tolerance=1e5),
    case("sum of nothing", lambda x: cb.sum(x[:0], axis=0), lambda t, x: t.sum(x[:0], 0), A),
    case("mean of nothing", lambda x: cb.mean(x[:0]), lambda t, x: t.mean(x[:0]), A, order=0),
    case("prod of nothing", lambda x: cb.prod(x[:0]), lambda t, x: t.prod(x[:0]), A),
    case("argmax", lambda x: cb.argmax(x), lambda t, x: t.argmax(x), CUBE),
    case("argmax of ties", lambda x: cb.argmax(x, axis=1), lambda t, x: t.argmax(x, 1), TIES),
    case("argmin, kept", lambda x: x.argmin(1, keepdim=True), lambda t, x: x.argmin(1, keepdim=True), CUBE),
    case("argmax with nan", lambda x: cb.argmax(x), lambda t, x: t.argmax(x), SPECIAL),
    case("count_nonzero", lambda x: cb.count_nonzero(x, axis=1), lambda t, x: t.count_nonzero(x, 1), ZEROS),
    case("cumulative_sum", lambda x: cb.cumulative_sum(x, axis=1), lambda t, x: t.cumsum(x, 1), CUBE),
    case("cumsum of integers", lambda x: x.cumsum(0), lambda t, x: x.cumsum(0), INTEGERS.astype("int32")),
    case("cumulative_prod", lambda x: x.cumprod(-1), lambda t, x: x.cumprod(-1), CUBE),
    case("cumprod of complex", lambda x: x.cumprod(0), lambda t, x: x.cumprod(0), COMPLEX),
    case("prod of complex", lambda x: x.prod(), lambda t, x: x.prod(), COMPLEX),
    case("mean of complex", lambda x: x.mean(), lambda t, x: x.mean(), COMPLEX),
    case("var of complex", lambda x: cb.var(x, axis=0), lambda t, x: t.var(x, 0, correction=0), COMPLEX),
    case("norm 1.5", lambda x: x.norm(1.5), lambda t, x: x.norm(1.5), A),
    case("norm of complex", lambda x: cb.norm(x), lambda t, x: t.linalg.vector_norm(x), COMPLEX),
    case("norm inf", lambda x: x.norm(float("inf"), 1), lambda t, x: x.norm(float("inf"), 1), A),
    case("norm 0", lambda x: x.norm(0, 1), lambda t, x: x.norm(0, 1), ZEROS, order=0),
    case("diff", lambda x: cb.diff(x, axis=1, n=2), lambda t, x: t.diff(x, 2, 1), CUBE),
    case("diff of truths", lambda x: cb.diff(x), lambda t, x: t.diff(x), TRUTHS),
    case("sort", lambda x: cb.sort(x, axis=0), lambda t, x: t.sort(x, 0)[0], CUBE),
    case("sort downwards", lambda x: x.sort(-1, descending=True), lambda t, x: x.sort(-1, descending=True)[0], CUBE),
    case("argsort", lambda x: x.argsort(1), lambda t, x: x.argsort(1), CUBE),
    case("argsort of ties", lambda x: x.argsort(1), lambda t, x: t.argsort(x, dim=1, stable=True), TIES),
    case("argsort of ties downwards", lambda x: x.argsort(1, True),
         lambda t, x: t.argsort(x, dim=1, descending=True, stable=True), TIES),
    case("softmax", lambda x: x.softmax(1), lambda t, x: x.softmax(1), CUBE),
    case("log_softmax", lambda x: x.log_softmax(dim=-1), lambda t, x: x.log_softmax(dim=-1), CUBE * 30),
    case("softmax of 0-d", lambda x: cb.softmax(x, axis=0), lambda t, x: t.softmax(x, 0), SCALAR),
    case("max of 0-d", lambda x: cb.max(x), lambda t, x: t.max(x), SCALAR),
    case("sum of 0-d", lambda x: x.sum(), lambda t, x: x.sum(), SCALAR),
    case("var of 0-d", lambda x: cb.var(x), lambda t, x: t.var(x, correction=0), SCALAR),
    case("searchsorted", lambda x, y: cb.searchsorted(cb.sort(x), y),
         lambda t, x, y: t.searchsorted(t.sort(x)[0], y), ROW, A[0], order=0),
    case("unique", lambda x: cb.unique(x, return_inverse=True, return_counts=True),
         lambda t, x: t.unique(x, return_inverse=True, return_counts=True), INTEGERS),
    case("isin", lambda x, y: cb.isin(x, y), lambda t, x, y: t.isin(x, y), INTEGERS, np.array([1, -2, 3])),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("ours", "theirs", "inputs", "options"), REDUCTIONS)
def test_reductions_and_sorts(compare, ours, theirs, inputs, options, dtype):
    compare(ours, theirs, *inputs, **options, dtype=dtype)


def test_a_pair_is_refused_and_an_index_is_asked_for(torch):
    x = cb.tensor(TIES)
    with pytest.raises(TypeError, match=r"x.argmax\(axis\)"):
        _, _ = x.max(1)
    assert x.argmax(1).tolist() == torch.tensor(TIES).max(1)[1].tolist()
