"""Functions in place of CuPy's own, on the stand-in: they are made of what CuPy and NumPy compute alike."""

from __future__ import annotations

import sys
from pathlib import Path

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
