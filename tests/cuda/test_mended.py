"""Functions in place of CuPy's own, on the stand-in: they are made of what CuPy and NumPy compute alike."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cards import python

DIVISION = """
import numpy as np
import candelabra as cb

INF, NAN = float("inf"), float("nan")
CASES = [
    (7.0, 2.0, 3.0, 1.0), (-7.0, 2.0, -4.0, 1.0), (7.0, -2.0, -4.0, -1.0), (6.0, -3.0, -2.0, -0.0),
    (-1.0, -3.0, 0.0, -1.0), (1.0, 0.1, 9.0, 1.0 % 0.1), (1e20, 3.0, 1e20 // 3.0, 1e20 % 3.0), (-0.0, 5.0, -0.0, 0.0),
    (INF, 2.0, INF, NAN), (INF, -2.0, -INF, NAN), (-INF, -2.0, INF, NAN), (1.0, INF, 0.0, 1.0),
    (1.0, -INF, -0.0, -INF), (-1.0, INF, -0.0, INF), (INF, INF, NAN, NAN), (1.0, 0.0, INF, NAN), (NAN, 1.0, NAN, NAN),
]


def same(a, b):
    return (np.isnan(a) and np.isnan(b)) or (a == b and np.signbit(a) == np.signbit(b))


for x, y, quotient, remainder in CASES:
    a, b = (cb.asarray([v], dtype=cb.float64, device="cuda") for v in (x, y))
    for found in (a // b, a // y, x // b):
        assert same(found.item(), quotient), (x, y, found)
    for found in (a % b, a % y, x % b):
        assert same(found.item(), remainder), (x, y, found)
n = cb.asarray([-7, 7], device="cuda")
assert (n // 2).tolist() == [-4, 3] and (n % 2).tolist() == [1, 1] and (7 % n).tolist() == [0, 0]
print("as expected")
"""

SMALL = """
import cmath
import candelabra as cb

for dtype, close in ((cb.complex128, 1e-15), (cb.complex64, 4e-7)):
    for z in (1e-9 + 2e-9j, -3e-12j, 1e-7 + 0.3j, -0.2 + 1e-8j, 2 + 3j, -1 + 1e-3j, 1e6 - 2e6j):
        x = cb.asarray([z], dtype=dtype, device="cuda")
        z = x.item()
        if z.real < 100:
            # By sinh, which loses nothing: exp(z) - 1 = 2 exp(z/2) sinh(z/2).
            wanted = 2 * cmath.exp(z / 2) * cmath.sinh(z / 2)
            assert abs(cb.expm1(x).item() - wanted) <= close * abs(wanted), (z, cb.expm1(x), wanted)
        # log(1 + z) = 2 atanh(z / (2 + z)), which is exact where z is small.
        wanted = 2 * cmath.atanh(z / (2 + z)) if abs(z) < 1 else cmath.log(1 + z)
        assert abs(cb.log1p(x).item() - wanted) <= 4 * close * abs(wanted), (z, cb.log1p(x), wanted)
inf = float("inf")
assert cb.expm1(cb.asarray([complex(-inf, inf), complex(inf, 0)], device="cuda")).tolist() == [-1 + 0j, complex(inf, 0)]
one = cb.tanh(cb.asarray([complex(inf, 2), complex(-inf, -2), complex(0.5, 2)], device="cuda")).tolist()
assert [str(z) for z in one[:2]] == ["(1+0j)", "(-1-0j)"] and abs(one[2] - cmath.tanh(0.5 + 2j)) < 1e-6
assert str(cb.tan(cb.asarray(complex(2, inf), device="cuda")).item()) == "1j"
assert abs(cb.tan(cb.asarray(0.5 + 2j, device="cuda")).item() - cmath.tan(0.5 + 2j)) < 1e-6
print("as expected")
"""


def told(code: str, folder: Path) -> str:
    done = python(["-W", "ignore", "-c", code], folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_division_with_a_remainder_is_exact(tmp_path: Path) -> None:
    assert told(DIVISION, tmp_path) == "as expected"


def test_exponentials_and_logarithms_of_small_complex_numbers(tmp_path: Path) -> None:
    assert told(SMALL, tmp_path) == "as expected"


SINGULAR = """
import candelabra as cb
from candelabra.core import errors

zero = cb.zeros(2, 2, device="cuda")
for function in (cb.linalg.inv, cb.linalg.cholesky, lambda x: cb.linalg.solve(x, x)):
    try:
        function(zero)
    except errors.LinAlgError as error:
        assert "on cuda:0" in str(error) and "add a multiple of the identity" in str(error), error
    else:
        raise AssertionError("a matrix of zeros was taken")
assert cb.linalg.det(zero).item() == 0
print("as expected")
"""


def test_matrices_without_an_answer_are_refused(tmp_path: Path) -> None:
    assert told(SINGULAR, tmp_path) == "as expected"


SPECIAL = """
import math
import candelabra as cb

inf, nan = math.inf, math.nan


def of(function, *values, dtype=cb.complex64):
    return function(*[cb.asarray([v], dtype=dtype, device="cuda") for v in values]).item()


def same(found, wanted):
    parts = [(found.real, wanted.real), (found.imag, wanted.imag)]
    return all((math.isnan(a) and math.isnan(b)) or (abs(a - b) <= 1e-6 * abs(b) or a == b) for a, b in parts)


LOGS = (("log", math.e), ("log10", 10), ("log2", 2))
for dtype in (cb.complex64, cb.complex128):
    for name, base in LOGS:
        scale = math.log(base)
        for z, wanted in (
            (complex(inf, nan), complex(inf, nan)), (complex(nan, -inf), complex(inf, nan)),
            (complex(-inf, 1), complex(inf, math.pi / scale)), (0j, complex(-inf, 0)),
            (complex(0, inf), complex(inf, math.pi / 2 / scale)),
            (3 + 4j, complex(math.log(5) / scale, math.atan2(4, 3) / scale)),
        ):
            assert same(of(getattr(cb, name), z, dtype=dtype), wanted), (name, z, of(getattr(cb, name), z, dtype=dtype))
    assert str(of(cb.expm1, complex(-0.0, 0.0), dtype=dtype)) == "0j"
    assert same(of(cb.acosh, complex(0, nan), dtype=dtype), complex(nan, math.pi / 2))
    for b in (inf, -inf, nan):
        assert same(of(cb.tanh, complex(0.0, b), dtype=dtype), complex(0, nan))
        assert same(of(cb.tanh, complex(1.0, b), dtype=dtype), complex(nan, nan))
        assert same(of(cb.tan, complex(b, 0.0), dtype=dtype), complex(nan, 0))
    assert of(lambda z: z**2, 1j, dtype=dtype) == -1 and of(cb.square, 1j, dtype=dtype) == -1

steps = [(inf, 0.0, 65504.0), (-inf, inf, -65504.0), (inf, inf, inf), (inf, nan, nan), (1.0, inf, 1.0009765625)]
for a, b, wanted in steps:
    assert same(of(cb.nextafter, a, b, dtype=cb.float16), wanted), (a, b)

truth = cb.asarray([True, False], device="cuda")
assert cb.conj(truth).dtype == cb.bool and cb.conj(truth).tolist() == [True, False]

real, imag = (cb.asarray(v, device="cuda") for v in ([-0.0, 1.0, inf], [0.0, -0.0, -inf]))
z = cb.complex(real, imag)
assert z.dtype == cb.complex64 and [str(v) for v in z.tolist()] == ["(-0+0j)", "(1-0j)", "(inf-infj)"]
assert cb.complex(real.astype(cb.float16), imag.astype(cb.float16)).dtype == cb.complex64
assert cb.complex(real.astype(cb.float64), 1.0).dtype == cb.complex128
least = -(2**31)
n = cb.asarray([least, 6, 0, -4], dtype=cb.int32, device="cuda")
assert cb.gcd(n, cb.asarray([6, 4, 0, -6], dtype=cb.int32, device="cuda")).tolist() == [2, 2, 0, 2]
assert cb.bitwise_count(n).dtype == cb.int32 and cb.bitwise_count(n).tolist() == [1, 2, 0, 1]
assert cb.fmod(cb.asarray([7, -7, 7, least], dtype=cb.int32, device="cuda"), n).tolist() == [7, -1, 0, 0]
print("as expected")
"""

NARROW = """
import math
import candelabra as cb

for dtype in (cb.bfloat16, cb.float16):
    x = cb.asarray([3.0, math.nan, -1.0, 3.0, -math.inf, math.nan, 0.5], device="cuda").astype(dtype)
    for found in (cb.sort(x), cb.flip(cb.sort(x, descending=True))):
        assert found.dtype == dtype and found[:5].tolist() == [-math.inf, -1.0, 0.5, 3.0, 3.0], found
    assert cb.argsort(x).tolist() == [4, 2, 6, 0, 3, 1, 5]
    assert cb.argsort(x, descending=True).tolist()[2:] == [0, 3, 6, 2, 4]
    for result in (cb.unique_all(x), cb.unique_counts(x), cb.unique_inverse(x)):
        assert result.values.dtype == dtype and result.values[:4].tolist() == [-math.inf, -1.0, 0.5, 3.0]
    assert cb.unique_all(x).counts.tolist() == [1, 1, 1, 2, 1, 1] and cb.unique_values(x).dtype == dtype
    assert cb.isin(x, x[2:4]).tolist() == [True, False, True, True, False, False, False]
    ordered = cb.sort(x)[:5]
    assert cb.searchsorted(ordered, x).tolist() == [3, 5, 1, 3, 0, 5, 2]
    kept = cb.where(x == x, x, 0)
    assert kept.dtype == dtype and kept.tolist() == [3.0, 0.0, -1.0, 3.0, -math.inf, 0.0, 0.5]
    assert cb.where(x == x, x, cb.zeros_like(x)).dtype == dtype
    assert cb.where(x == x, x, cb.zeros(7, device="cuda")).dtype == cb.float32
    assert (x // 2).dtype == dtype and (x % 2).dtype == dtype and (x // 2)[0].item() == 1 and (x % 2)[2].item() == 1
    small = x[cb.asarray([0, 2, 6], device="cuda")]
    for function in (cb.var, cb.std):
        assert function(small).dtype == dtype and math.isnan(function(small, correction=3).item())
    assert abs(cb.var(small).item() - 2.7222) < 0.02
print("as expected")
"""


def test_special_values_of_complex_numbers_and_others(tmp_path: Path) -> None:
    assert told(SPECIAL, tmp_path) == "as expected"


def test_order_and_choice_in_16_bits(tmp_path: Path) -> None:
    assert told(NARROW, tmp_path) == "as expected"


STACKS = """
import numpy as np
import candelabra as cb

rng = np.random.default_rng(0)
for left, right in (
    ((3, 3), (3,)), ((2, 3, 3), (3,)), ((3, 3), (2, 3, 2)), ((2, 1, 3, 3), (4, 3, 2)), ((0, 3, 3), (3, 2)),
    ((2, 3, 3), (2, 3, 0)), ((2, 0, 0), (2, 0, 3)),
):
    a, b = rng.standard_normal(left) + 3 * np.eye(left[-1]), rng.standard_normal(right)
    found = cb.linalg.solve(cb.asarray(a, device="cuda"), cb.asarray(b, device="cuda"))
    wanted = np.linalg.solve(a, b) if b.ndim > 1 else np.linalg.solve(a, b[:, None])[..., 0]
    assert found.shape == wanted.shape and np.allclose(found.cpu().numpy(), wanted), (left, right)
values = cb.linalg.eigvals(cb.asarray([[0.0, 1.0], [-1.0, 0.0]], device="cuda"))
assert str(values.device) == "cuda:0" and sorted(v.imag for v in values.tolist()) == [-1, 1]
print("as expected")
"""


@pytest.mark.parametrize("lacks", ["", "geev"])
def test_systems_in_stacks_and_eigenvalues(lacks: str, tmp_path: Path) -> None:
    done = python(["-c", STACKS], tmp_path, CANDELABRA_FAKE_LACKS=lacks)
    assert done.stdout.strip() == "as expected", done.stderr
    assert ("eigvals" in done.stderr) == bool(lacks), done.stderr
