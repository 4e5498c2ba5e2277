"""Type promotion against PyTorch's: every pair of dtypes, Python scalars, 0-d tensors, and results of integers."""

from __future__ import annotations

import candelabra as cb
import pytest

NAMES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"]
NAMES += ["complex64", "complex128"]
SCALARS = {"True": True, "3": 3, "1.5": 1.5, "2j": 2j}


def name(tensor):
    return str(tensor.dtype).removeprefix("torch.").removeprefix("candelabra.")


def made(library, dtype, shape=(2,)):
    return library.ones(shape, dtype=getattr(library, dtype))


@pytest.mark.parametrize("one", NAMES)
@pytest.mark.parametrize("two", NAMES)
def test_pairs(torch, one, two):
    for function in ("add", "multiply", "eq", "divide"):
        ours = getattr(cb, {"eq": "equal"}.get(function, function))(made(cb, one), made(cb, two))
        theirs = getattr(torch, function)(made(torch, one), made(torch, two))
        assert name(ours) == name(theirs), function
    theirs = torch.promote_types(getattr(torch, one), getattr(torch, two))
    assert cb.result_type(made(cb, one), made(cb, two)).name == str(theirs).removeprefix("torch.")


@pytest.mark.parametrize("dtype", NAMES)
@pytest.mark.parametrize("scalar", SCALARS.values(), ids=list(SCALARS))
def test_python_scalars(torch, dtype, scalar):
    if dtype == "float16" and scalar == 2j:
        # PyTorch's complex32, which is in no other library.
        assert (made(cb, dtype) * scalar).dtype is cb.complex64
        return
    for run in (lambda x: x + scalar, lambda x: scalar * x, lambda x: x / 2 if scalar is True else x / scalar):
        assert name(run(made(cb, dtype))) == name(run(made(torch, dtype)))
    for run in (lambda x: x - scalar, lambda x: scalar - x, lambda x: x**scalar, lambda x: scalar**x):
        try:
            theirs = run(made(torch, dtype))
        except RuntimeError:
            continue
        if dtype == "bool" or scalar is True:
            # The standard has no subtraction and no powers of booleans; what PyTorch makes of them is its own.
            continue
        assert name(run(made(cb, dtype))) == name(theirs)


@pytest.mark.parametrize("dtype", NAMES)
def test_floating_functions(torch, dtype):
    for function in ("exp", "sin", "sqrt", "reciprocal", "log1p"):
        if dtype.startswith("complex") and function == "log1p":
            continue
        assert name(getattr(cb, function)(made(cb, dtype))) == name(getattr(torch, function)(made(torch, dtype)))
    assert name(made(cb, dtype) / made(cb, dtype)) == name(made(torch, dtype) / made(torch, dtype))


@pytest.mark.parametrize("dtype", NAMES)
def test_reductions(torch, dtype):
    x, y = made(cb, dtype), made(torch, dtype)
    if dtype == "uint8":
        # The standard sums unsigned integers in unsigned ones.
        assert name(x.sum()) == name(x.prod()) == name(x.cumsum(0)) == "uint64"
    else:
        assert name(x.sum()) == name(y.sum()) and name(x.prod()) == name(y.prod())
        assert name(x.cumsum(0)) == name(y.cumsum(0))
    assert name(cb.all(x)) == name(torch.all(y)).replace("uint8", "bool")
    if not dtype.startswith("complex") and dtype != "bool":
        assert name(x.max()) == name(y.max()) and name(x.argmax()) == name(y.argmax())
        assert name(cb.sort(x)) == name(torch.sort(y)[0])


@pytest.mark.parametrize("dtype", NAMES)
def test_floor_division_and_remainder(torch, dtype):
    if dtype in ("bool", "complex64", "complex128"):
        return
    for run in (lambda x: x // 2, lambda x: x % 2, lambda x: x // 2.5, lambda x: 5 // x, lambda x: 5.5 % x):
        assert name(run(made(cb, dtype))) == name(run(made(torch, dtype)))


@pytest.mark.parametrize("default", ["float32", "float64"])
def test_the_default_dtype_decides_for_integers_and_scalars(torch, default):
    cb.set_default_dtype(getattr(cb, default))
    torch.set_default_dtype(getattr(torch, default))
    try:
        for run in (
            lambda t: t.tensor([1, 2]) / 2,
            lambda t: t.tensor([1, 2]) * 1.5,
            lambda t: t.exp(t.tensor([True])),
            lambda t: t.tensor(1.5),
            lambda t: t.tensor([1.5, 2]),
            lambda t: t.tensor(2j),
            lambda t: t.tensor([1, 2]) * 2j,
            lambda t: t.zeros(2),
            lambda t: t.arange(3),
            lambda t: t.arange(0.0, 1.0, 0.5),
            lambda t: t.full((2,), 1.5),
            lambda t: t.full((2,), 3),
            lambda t: t.full((2,), True),
            lambda t: t.tensor([]),
            lambda t: t.eye(2),
            lambda t: t.rand(2),
            lambda t: t.linspace(0, 1, 3),
        ):
            assert name(run(cb)) == name(run(torch))
    finally:
        torch.set_default_dtype(torch.float32)


def test_tensors_of_no_axes_promote_like_any_other(torch):
    """Where PyTorch lets a 0-d tensor's kind alone count, the standard counts its dtype."""
    ours = cb.ones(2, dtype=cb.float32) * cb.tensor(2.0, dtype=cb.float64)
    theirs = torch.ones(2, dtype=torch.float32) * torch.tensor(2.0, dtype=torch.float64)
    assert ours.dtype is cb.float64 and theirs.dtype is torch.float32


def test_where_and_concat_promote(torch):
    for one in ("bool", "uint8", "int64", "float16", "float32", "float64", "complex64"):
        for two in ("int32", "float32", "complex128"):
            x, y = made(cb, one), made(cb, two)
            u, v = made(torch, one), made(torch, two)
            assert name(cb.where(x == y, x, y)) == name(torch.where(u == v, u, v))
            assert name(cb.concat([x, y])) == name(torch.cat([u, v]))
            assert name(cb.stack([x, y])) == name(torch.cat([u, v]))


def test_products_promote():
    for one, two, expected in (
        ("int32", "int64", "int64"),
        ("int64", "float32", "float32"),
        ("float16", "float32", "float32"),
        ("float32", "complex64", "complex64"),
        ("float64", "complex64", "complex128"),
    ):
        x, y = made(cb, one, (2, 2)), made(cb, two, (2, 2))
        assert name(x @ y) == name(y @ x) == expected
        assert name(cb.einsum("ij,jk->ik", x, y)) == name(cb.tensordot(x, y, axes=1)) == expected
        assert name(cb.vecdot(x, y)) == expected


def test_integers_without_a_common_dtype_are_refused():
    with pytest.raises(TypeError, match="uint64 and int64 have no common integer dtype; convert one of them first"):
        made(cb, "uint64") + made(cb, "int64")


def test_integers_wrap_around_as_in_pytorch(torch):
    for library in (cb, torch):
        x = library.tensor([127, -128], dtype=library.int8)
        assert (x + 1).tolist() == [-128, -127] and (-x).tolist() == [-127, -128] and (x * 2).tolist() == [-2, 0]
        assert (library.tensor([0], dtype=library.uint8) - 1).tolist() == [255]


def test_gradients_keep_the_operands_dtype(torch):
    for one, two in (("float32", "float64"), ("float16", "float32"), ("bfloat16", "float32"), ("float32", "complex64")):
        found = []
        for library in (cb, torch):
            x = library.ones(2, dtype=getattr(library, one), requires_grad=True)
            y = library.ones(2, dtype=getattr(library, two), requires_grad=True)
            abs(x * y).sum().backward()
            found.append((name(x.grad), name(y.grad), x.grad.tolist()))
        assert found[0] == found[1] and found[0][:2] == (one, two)
