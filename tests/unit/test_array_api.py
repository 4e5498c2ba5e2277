"""The main namespace of the array API standard, 2025.12: its names and signatures, and the cases that libraries miss.

What the standard's own suite (data-apis/array-api-tests) found on the way is kept here, one test each.
"""

from __future__ import annotations

import cmath
import inspect
import math
import operator
import pickle
import warnings
from pathlib import Path
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    CandelabraError,
    DTypeError,
    IndexOutOfRangeError,
    OutOfRangeError,
    ShapeError,
)

SIGNATURES = (Path(__file__).parent / "array_api_2025_12.txt").read_text(encoding="utf-8").split("\n")[:-1]
EXTENSIONS = [
    "linalg.cross(x1, x2, /, *, axis=-1)",
    "linalg.diagonal(x, /, *, offset=0)",
    "linalg.matmul(x1, x2, /)",
    "linalg.matrix_transpose(x, /)",
    "linalg.outer(x1, x2, /)",
    "linalg.tensordot(x1, x2, /, *, axes=2)",
    "linalg.trace(x, /, *, offset=0, dtype=None)",
    "linalg.vecdot(x1, x2, /, *, axis=-1)",
    "linalg.vector_norm(x, /, *, axis=None, keepdims=False, ord=2)",
    "fft.fft(x, /, *, n=None, axis=-1, norm='backward')",
    "fft.ifft(x, /, *, n=None, axis=-1, norm='backward')",
    "fft.rfft(x, /, *, n=None, axis=-1, norm='backward')",
    "fft.irfft(x, /, *, n=None, axis=-1, norm='backward')",
    "fft.hfft(x, /, *, n=None, axis=-1, norm='backward')",
    "fft.ihfft(x, /, *, n=None, axis=-1, norm='backward')",
    "fft.fftn(x, /, *, s=None, axes=None, norm='backward')",
    "fft.ifftn(x, /, *, s=None, axes=None, norm='backward')",
    "fft.rfftn(x, /, *, s=None, axes=None, norm='backward')",
    "fft.irfftn(x, /, *, s=None, axes=None, norm='backward')",
    "fft.fftfreq(n, /, *, d=1.0, dtype=None, device=None)",
    "fft.rfftfreq(n, /, *, d=1.0, dtype=None, device=None)",
    "fft.fftshift(x, /, *, axes=None)",
    "fft.ifftshift(x, /, *, axes=None)",
]
METHODS = [
    "__abs__", "__add__", "__and__", "__array_namespace__", "__bool__", "__complex__", "__dlpack__",
    "__dlpack_device__", "__eq__", "__float__", "__floordiv__", "__ge__", "__getitem__", "__gt__", "__index__",
    "__int__", "__invert__", "__le__", "__lshift__", "__lt__", "__matmul__", "__mod__", "__mul__", "__ne__",
    "__neg__", "__or__", "__pos__", "__pow__", "__rshift__", "__setitem__", "__sub__", "__truediv__", "__xor__",
    "to_device", "__radd__", "__rsub__", "__rmul__", "__rtruediv__", "__rfloordiv__", "__rpow__", "__rmod__",
    "__rmatmul__", "__rand__", "__ror__", "__rxor__", "__rlshift__", "__rrshift__", "__iadd__", "__isub__",
    "__imul__", "__itruediv__", "__ifloordiv__", "__ipow__", "__imod__", "__imatmul__", "__iand__", "__ior__",
    "__ixor__", "__ilshift__", "__irshift__", "dtype", "device", "mT", "ndim", "shape", "size", "T",
]  # fmt: skip
NAN, INF = math.nan, math.inf


def same(found: Any, expected: Any) -> bool:
    """Equal, with NaN equal to itself and zeros told apart by their sign."""
    found, expected = complex(found), complex(expected)

    def part(a: float, b: float) -> bool:
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))

    return part(found.real, expected.real) and part(found.imag, expected.imag)


def stub(text: str) -> inspect.Signature:
    scope: dict[str, Any] = {}
    exec(f"def function{text[text.index('('):]}: ...", scope)
    return inspect.signature(scope["function"])


@pytest.mark.parametrize("text", SIGNATURES + EXTENSIONS, ids=lambda text: text.partition("(")[0])
def test_signature(text: str) -> None:
    found = inspect.signature(operator.attrgetter(text.partition("(")[0])(cb)).parameters
    by_position = list(found.values())
    for i, wanted in enumerate(stub(text).parameters.values()):
        if wanted.kind is wanted.KEYWORD_ONLY:
            assert found[wanted.name].kind in (wanted.KEYWORD_ONLY, wanted.POSITIONAL_OR_KEYWORD)
            continue
        assert by_position[i].kind is wanted.kind or wanted.kind is wanted.POSITIONAL_ONLY
        if wanted.kind is wanted.POSITIONAL_OR_KEYWORD:
            assert by_position[i].name == wanted.name


def test_names_of_the_array_and_the_constants() -> None:
    x = cb.asarray([[1.0]])
    assert [name for name in METHODS if not hasattr(x, name)] == []
    assert (cb.e, cb.pi, cb.inf, cb.newaxis) == (math.e, math.pi, math.inf, None) and math.isnan(cb.nan)
    assert cb.__array_api_version__ == "2025.12"
    xp = x.__array_namespace__()
    assert xp is x.__array_namespace__(api_version="2025.12") and xp is cb.ones(2).__array_namespace__()
    assert xp.__name__ == "candelabra" and xp.__array_api_version__ == "2025.12"
    assert xp == cb and cb == xp and len({xp, cb}) == 1 and xp != x.__array_namespace__(api_version="2024.12")
    names = [name for name in dir(xp) if not name.startswith("_")]
    assert len(names) > 500 and [name for name in names if getattr(xp, name) is not getattr(cb, name)] == []
    with pytest.raises(ArgumentError, match=r"'1999\.01' of the array API standard is not one of 2021\.12"):
        x.__array_namespace__(api_version="1999.01")


@pytest.mark.parametrize("version", ["2021.12", "2022.12", "2023.12", "2024.12"])
def test_older_versions_have_lists_where_the_newest_has_tuples(version: str) -> None:
    x = cb.asarray([1.0, 2.0])
    xp = x.__array_namespace__(api_version=version)
    assert xp is cb.ones(1).__array_namespace__(api_version=version) and xp.__array_api_version__ == version
    for older, newest in (
        (xp.broadcast_arrays(x, x[:1]), cb.broadcast_arrays(x, x[:1])),
        (xp.meshgrid(x, x, indexing="ij"), cb.meshgrid(x, x, indexing="ij")),
        (xp.__array_namespace_info__().devices(), cb.__array_namespace_info__().devices()),
    ):
        assert type(older) is list and type(newest) is tuple and len(older) == len(newest)
        assert all(a is b or cb.all(a == b) for a, b in zip(older, newest, strict=True))
    # Everything else is the package's own.
    assert xp.sin is cb.sin and xp.linalg is cb.linalg and xp.Tensor is cb.Tensor and xp.__name__ == "candelabra"
    assert xp.__array_namespace_info__().default_dtypes() == cb.__array_namespace_info__().default_dtypes()
    assert inspect.signature(xp.meshgrid) == inspect.signature(cb.meshgrid)
    assert dir(xp) == dir(cb.ones(1).__array_namespace__())
    assert repr(xp) == f"<candelabra as version {version} of the array API standard has it>"
    assert pickle.loads(pickle.dumps(xp)) is xp
    with pytest.raises(AttributeError, match="module 'candelabra' has no attribute 'sine'"):
        xp.sine


@pytest.mark.host
def test_inspection() -> None:
    info = cb.__array_namespace_info__()
    assert info.capabilities()["boolean indexing"] is True
    assert info.default_device() == cb.device("cpu") and isinstance(info.devices(), tuple)
    assert info.default_dtypes() == {
        "real floating": cb.float32, "complex floating": cb.complex64, "integral": cb.int64, "indexing": cb.int64,
    }  # fmt: skip
    assert info.dtypes(kind="bool") == {"bool": cb.bool}
    assert set(info.dtypes(kind=("complex floating", "unsigned integer"))) == {
        "uint8", "uint16", "uint32", "uint64", "complex64", "complex128",
    }  # fmt: skip
    assert len(info.dtypes()) == 13


@pytest.mark.parametrize(
    ("x1", "x2", "quotient", "remainder"),
    [
        (7.0, 2.0, 3.0, 1.0), (-7.0, 2.0, -4.0, 1.0), (7.0, -2.0, -4.0, -1.0), (INF, 2.0, INF, NAN),
        (INF, -2.0, -INF, NAN), (-INF, 2.0, -INF, NAN), (-INF, -2.0, INF, NAN), (1.0, INF, 0.0, 1.0),
        (1.0, -INF, -0.0, -INF), (-1.0, INF, -0.0, INF), (-1.0, -INF, 0.0, -1.0), (INF, INF, NAN, NAN),
        (1.0, 0.0, INF, NAN), (NAN, 1.0, NAN, NAN),
    ],
)  # fmt: skip
def test_floor_division(x1: float, x2: float, quotient: float, remainder: float) -> None:
    a, b = cb.asarray([x1], dtype=cb.float64), cb.asarray([x2], dtype=cb.float64)
    for found in (a // b, cb.floor_divide(x1, b), a // x2, cb.clone(a).__ifloordiv__(b)):
        assert same(found.item(), quotient)
    assert same((a % b).item(), remainder)


@pytest.mark.parametrize("dtype", [cb.complex64, cb.complex128])
def test_complex_tanh_and_tan_at_infinity(dtype: cb.DType) -> None:
    # sin(2 * 2.0) and sin(2 * 1.0) differ in sign: the zero has the sign of the finite part, not of that sine.
    for b in (0.0, 1.0, 2.0, 3.0, 1e30):
        for x, expected in (
            (complex(INF, b), complex(1, 0.0)), (complex(INF, -b), complex(1, -0.0)),
            (complex(-INF, b), complex(-1, 0.0)), (complex(-INF, -b), complex(-1, -0.0)),
        ):  # fmt: skip
            assert same(cb.tanh(cb.asarray(x, dtype=dtype)).item(), expected)
            found = cb.tanh(cb.asarray([[0.5, 0.25j], [x, complex(-x.real, x.imag)]], dtype=dtype))
            assert same(found[1, 0].item(), expected)
            assert same(found[1, 1].item(), complex(-expected.real, expected.imag))
            assert cmath.isclose(found[0, 1].item(), 1j * math.tan(0.25), rel_tol=1e-6)
            # tan(x) is -1j * tanh(1j * x).
            turned = cb.tan(cb.asarray([complex(x.imag, x.real)], dtype=dtype))
            assert same(turned[0].item(), complex(expected.imag, expected.real))
    assert cmath.isnan(cb.tanh(cb.asarray(complex(0.5, INF), dtype=dtype)).item())
    assert same(cb.tanh(cb.asarray(-INF)).item(), -1.0) and same(cb.tanh(cb.asarray(-0.0)).item(), -0.0)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (complex(INF, 0), complex(INF, 0)), (complex(-INF, INF), complex(-1, 0)),
        (complex(INF, NAN), complex(INF, NAN)), (complex(-INF, NAN), complex(-1, 0)),
        (complex(NAN, 0), complex(NAN, 0)), (complex(-0.0, 0), 0j),
        (complex(1, INF), complex(NAN, NAN)), (1e-10 + 1e-10j, 1e-10 + 1.0000000001e-10j),
    ],
)  # fmt: skip
def test_complex_expm1(x: complex, expected: complex) -> None:
    found = cb.expm1(cb.asarray(x, dtype=cb.complex128)).item()
    assert same(found, expected) or cmath.isclose(found, expected, rel_tol=1e-9)


@pytest.mark.parametrize(
    ("x", "expected"), [(0j, 0j), (3 + 4j, 0.6 + 0.8j), (-2 + 0j, -1 + 0j), (complex(NAN, 1), complex(NAN, NAN))]
)
def test_complex_sign(x: complex, expected: complex) -> None:
    found = cb.sign(cb.asarray(x, dtype=cb.complex128)).item()
    assert same(found, expected) or cmath.isclose(found, expected)


def test_clip_takes_its_bounds_by_name_and_by_position() -> None:
    x = cb.asarray([-2.0, NAN, 5.0])
    for found in (cb.clip(x, -1, 3), cb.clip(x, min=-1, max=3), cb.clip(x, cb.asarray(-1.0), max=cb.asarray([3.0]))):
        assert found.tolist()[::2] == [-1.0, 3.0] and math.isnan(found.tolist()[1])
    assert cb.clip(cb.asarray([1, 5]), max=2).tolist() == [1, 2]
    assert cb.clip(x, max=None).tolist()[0] == -2.0
    assert cb.clip(cb.asarray([1.0]), 3.0, 2.0).tolist() == [2.0]
    assert math.isnan(cb.clip(cb.asarray([1.0]), cb.asarray([NAN])).item())


def test_masks_whose_axes_are_empty_select_nothing() -> None:
    x = cb.ones((3, 2))
    assert x[cb.zeros((0,), dtype=cb.bool)].shape == (0, 2)
    assert x[cb.zeros((3, 0), dtype=cb.bool)].shape == (0,)
    with pytest.raises(IndexOutOfRangeError, match=r"a boolean index of shape \(2,\) does not fit the axes \(3,\)"):
        x[cb.ones((2,), dtype=cb.bool)]
    with pytest.raises(IndexOutOfRangeError, match=r"shape \(3, 2, 1\) does not fit"):
        x[cb.ones((3, 2, 1), dtype=cb.bool)]


def test_one_truth_value_as_a_key() -> None:
    x = cb.arange(3.0)
    assert x[True].tolist() == [[0.0, 1.0, 2.0]] and x[cb.asarray(False)].shape == (0, 3)
    assert cb.asarray(1.0)[True].shape == (1,) and cb.ones((0,))[cb.asarray(False)].shape == (0, 0)
    x[True] = cb.asarray([1.0, 1.0, 4.0])
    x[cb.asarray(False)] = 7.0
    assert x.tolist() == [1.0, 1.0, 4.0]
    y = cb.asarray(1.0)
    y[cb.asarray(True)] = 2.0
    assert y.item() == 2.0
    with pytest.raises(ArgumentTypeError, match="a single truth value is no index beside others"):
        x[True, 0]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: cb.asarray(2**63), "too large"),
        (lambda: cb.asarray([[1, 2**63]]), "too large"),
        (lambda: cb.asarray([300], dtype=cb.uint8), "300 out of bounds for uint8"),
        (lambda: cb.asarray(-1, dtype=cb.uint64), "-1 out of bounds for uint64"),
        (lambda: cb.asarray([1], dtype=cb.int8) + 300, "300 out of bounds for int8"),
    ],
)
def test_integers_that_a_dtype_does_not_hold(make: Any, text: str) -> None:
    with pytest.raises(OverflowError, match=text) as caught:
        make()
    assert isinstance(caught.value, OutOfRangeError)


def test_integers_that_a_dtype_holds() -> None:
    assert cb.asarray(2**63, dtype=cb.uint64).item() == 2**63
    assert cb.asarray([2**63 - 1, -(2**63)]).tolist() == [2**63 - 1, -(2**63)]
    assert cb.asarray(10**30, dtype=cb.float64).item() == 1e30
    assert cb.asarray([1.7, -1.7], dtype=cb.int8).tolist() == [1, -1]
    assert cb.asarray([], dtype=cb.int8).dtype is cb.int8


def test_an_empty_range_keeps_its_dtype() -> None:
    for args in ((0, 0.0, -1), (2.0, 1), (3, 1, 0.5)):
        assert cb.arange(*args).dtype is cb.float32 and cb.arange(*args).shape == (0,)
    assert cb.arange(3, 1).dtype is cb.int64 and cb.arange(1, 3, -1, dtype=cb.int8).dtype is cb.int8


def test_variance_without_degrees_of_freedom() -> None:
    for function in (cb.var, cb.std):
        assert math.isnan(function(cb.asarray([1.0]), correction=1).item())
        assert math.isnan(function(cb.asarray([1.0]), correction=2).item())
        assert math.isnan(function(cb.zeros((0,))).item())
        assert function(cb.asarray(3.0)).item() == 0.0 and function(cb.asarray(3.0)).shape == ()
        assert math.isnan(function(cb.asarray(NAN)).item())
    x = cb.asarray([[1.0, 2.0, 4.0], [1.0, 1.0, 1.0]])
    assert cb.var(x, axis=1, correction=1).tolist() == pytest.approx([7 / 3, 0.0])
    assert cb.std(x, axis=(0, 1), keepdims=True).shape == (1, 1)
    assert cb.var(cb.asarray([1 + 1j, 1 - 1j])).item() == 1.0


def test_infinities_are_answers_and_no_warnings() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"candelabra\.")
        x = cb.asarray([0.0, -1.0], requires_grad=True)
        (cb.log(x) + 1 / x).sum().backward()
        big = cb.asarray([3e38, 3e38])
        assert cb.sum(big).item() == cb.exp(big)[0].item() == INF
        assert cb.std(big).item() == INF or math.isnan(cb.std(big).item())
        cb.asarray([1]) // cb.asarray([0])
        cb.asarray([1.0]) % 0.0
        assert math.isnan(cb.mean(cb.zeros((0,))).item())


def test_numpy_still_warns_its_own_users() -> None:
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        np.log(np.zeros(1))


@pytest.mark.parametrize(
    ("kinds", "result"),
    [
        ((cb.int8, cb.uint8), cb.int16), ((cb.int32, cb.uint32), cb.int64),
        ((cb.float32, cb.complex64), cb.complex64), ((cb.float64, cb.complex64), cb.complex128),
        ((cb.int64, cb.float32), cb.float32), ((cb.bool, cb.int8), cb.int8),
        ((cb.float16, cb.bfloat16), cb.float32), ((cb.bool, cb.float16), cb.float16),
    ],
)  # fmt: skip
def test_promotion(kinds: Any, result: cb.DType) -> None:
    a, b = (cb.ones((2,), dtype=kind) for kind in kinds)
    assert cb.add(a, b).dtype is cb.result_type(*kinds) is cb.result_type(b, a) is result
    assert cb.where(cb.asarray([True, False]), a, b).dtype is cb.concat([a, b]).dtype is result


def test_promotion_with_scalars() -> None:
    assert (cb.ones((), dtype=cb.float16) * 2.0).dtype is cb.float16
    assert (cb.asarray([1], dtype=cb.int8) + 1).dtype is cb.int8
    assert (cb.asarray([1]) + 1.0).dtype is (cb.asarray([True]) * 1.0).dtype is cb.float32
    assert (1j * cb.asarray([1.0], dtype=cb.float64)).dtype is cb.complex128
    assert (cb.asarray([1]) / cb.asarray([2])).dtype is cb.float32
    assert cb.result_type(cb.int8, 1, 2.0) is cb.float32 and cb.result_type(1, 2.0, cb.float64) is cb.float64
    with pytest.raises(DTypeError, match="uint64 and int64 have no common integer dtype; convert one of them first"):
        cb.add(cb.asarray([1], dtype=cb.uint64), cb.asarray([1], dtype=cb.int64))


def test_operators_in_place_and_reflected() -> None:
    x = cb.asarray([6.0, 8.0])
    x += 2
    x /= cb.asarray([4.0, 5.0])
    x **= 2
    x -= 1
    x *= 3
    x //= 2
    x %= 3
    assert x.tolist() == [1.0, 1.0]
    n = cb.asarray([6, 5])
    n <<= 1
    n |= 1
    n ^= 3
    n &= 14
    n >>= 1
    assert n.tolist() == [7, 4]
    assert (10 - n).tolist() == [3, 6] and (2**n).tolist() == [128, 16] and (9 % n).tolist() == [2, 1]
    assert (1 / cb.asarray([4.0])).tolist() == [0.25] and (9 // n).tolist() == [1, 2] and (1 << n).tolist() == [128, 16]
    m = cb.eye(2)
    m @= cb.asarray([[1.0, 2.0], [3.0, 4.0]])
    assert m.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    with pytest.raises(DTypeError, match=r"a result of float32 cannot be written into a tensor of int64; convert"):
        n += 0.5
    with pytest.raises(ShapeError, match=r"the result has shape \(3, 2\), which does not fit the tensor's shape"):
        n += cb.ones((3, 2), dtype=cb.int64)


@pytest.mark.host
def test_reading_through_dlpack_and_numpy() -> None:
    x = cb.asarray([1.0, 2.0])
    assert np.from_dlpack(x).tolist() == [1.0, 2.0] and x.__dlpack_device__() == (1, 0)
    copied = np.from_dlpack(x, copy=True)
    assert not np.shares_memory(copied, x.numpy()) and np.shares_memory(np.from_dlpack(x), x.numpy())
    assert cb.from_dlpack(np.arange(3)).dtype is cb.int64
    assert cb.asarray(np.float32([1, 2])).dtype is cb.float32


def test_an_error_tells_the_signature_s_names() -> None:
    with pytest.raises(CandelabraError, match=r"x1: float32 \(2,\), x2: float32 \(3,\).* do not broadcast"):
        cb.add(cb.ones(2), cb.ones(3))


def test_linear_algebra_and_frequencies() -> None:
    a = np.arange(24.0).reshape(2, 3, 4)
    x = cb.asarray(a)
    for offset in range(-4, 5):
        assert np.array_equal(cb.linalg.diagonal(x, offset=offset).numpy(), np.linalg.diagonal(a, offset=offset))
        assert np.array_equal(cb.linalg.trace(x, offset=offset).numpy(), np.linalg.trace(a, offset=offset))
    v, w = np.float64([[1, 2, 3]]), np.float64([[0, 1, 5], [2, 2, 1]])
    assert np.array_equal(cb.linalg.cross(cb.asarray(v), cb.asarray(w)).numpy(), np.cross(v, w))
    assert np.array_equal(cb.linalg.cross(cb.asarray(v.T), cb.asarray(w.T), axis=0).numpy(), np.cross(v, w).T)
    for order in (INF, -INF, 0, 1, 2, 3.5):
        found = cb.linalg.vector_norm(x, axis=1, keepdims=True, ord=order).numpy()
        assert np.allclose(found, np.linalg.vector_norm(a, axis=1, keepdims=True, ord=order))
    for n in (1, 2, 5, 8):
        assert np.allclose(cb.fft.fftfreq(n, d=0.5).numpy(), np.fft.fftfreq(n, 0.5))
        assert np.allclose(cb.fft.rfftfreq(n, d=0.5).numpy(), np.fft.rfftfreq(n, 0.5))
    for axes in (None, 1, (0, 2)):
        assert np.array_equal(cb.fft.fftshift(x, axes=axes).numpy(), np.fft.fftshift(a, axes))
        assert np.array_equal(cb.fft.ifftshift(x, axes=axes).numpy(), np.fft.ifftshift(a, axes))
    with pytest.raises(ShapeError, match=r"cross: axis -1 must have size 3 in both operands, got shapes \(2,\)"):
        cb.linalg.cross(cb.ones(2), cb.ones(2))
    with pytest.raises(ShapeError, match=r"diagonal: matrices in the last two axes are needed, got shape \(2,\)"):
        cb.linalg.diagonal(cb.ones(2))


def test_derivatives_of_the_linear_algebra() -> None:
    x = cb.rand(3, 4, dtype=cb.float64, requires_grad=True)
    y = cb.rand(3, 3, dtype=cb.float64, requires_grad=True)
    assert cb.autograd.gradcheck(lambda x: cb.linalg.diagonal(x, offset=1), (x,))
    assert cb.autograd.gradcheck(cb.linalg.trace, (y,))
    assert cb.autograd.gradcheck(cb.linalg.cross, (y, cb.rand(3, 3, dtype=cb.float64, requires_grad=True)))
    assert cb.autograd.gradcheck(lambda x: cb.linalg.vector_norm(x, axis=0), (x,))
    assert cb.autograd.gradcheck(cb.fft.fftshift, (x,))


def test_the_norm_of_zeros_has_a_gradient_of_zeros() -> None:
    for order in (2, 1, 3, INF):
        x = cb.zeros(3, requires_grad=True)
        cb.linalg.vector_norm(x, ord=order).backward()
        assert not cb.any(cb.isnan(x.grad))
    x = cb.zeros(3, requires_grad=True)
    cb.norm(x).backward()
    assert x.grad.tolist() == [0.0, 0.0, 0.0]


def test_qr_of_numbers_whose_squares_leave_the_range(any_device: str) -> None:
    matrices = [[[-1e-5j, 0, 1.8445e19j]], [[1e-30, 1e30], [3e-30, 2e30]], [[2e-41j, 1], [1e-41, 2]], [[1e-40, 3e38]]]
    for rows in matrices:
        dtype = cb.complex64 if any(isinstance(v, complex) for row in rows for v in row) else cb.float32
        x = cb.asarray(rows, dtype=dtype, device=any_device)
        q, r = cb.linalg.qr(x)
        given, back = np.asarray(x.to("cpu").numpy()), (q @ r).to("cpu").numpy()
        assert np.all(np.abs(back - given) <= 1e-5 * np.abs(given).max(axis=0) + 1e-44)
        q = q.to("cpu").numpy()
        assert np.allclose(q.conj().T @ q, np.eye(q.shape[1]), atol=1e-5)
