"""Special values of the standard's elementwise functions, from the text of its specification, in every dtype.

A line is an operand's real and imaginary part (or two real operands) and the result. ``0`` is a zero of either sign,
in a result one whose sign the text leaves open; ``?`` before a part leaves its sign open, and ``cis`` stands for the
direction ``cos(b) + sin(b) j``. Every value of `POOL` that a pattern names is tried. Results hold for conjugates, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import candelabra as cb
import numpy as np
import pytest

INF, NAN = math.inf, math.nan
POOL = (0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 2.5, -3.0, 3.0, 1e-4, -1e-4, 1e4, -1e4, INF, -INF, NAN)
PATTERNS: dict[str, Callable[[float], bool]] = {
    "any": lambda v: True,
    "fin": math.isfinite,
    "nz": lambda v: math.isfinite(v) and v != 0,
    "pos": lambda v: math.isfinite(v) and v > 0,
    "neg": lambda v: math.isfinite(v) and v < 0,
    ">0": lambda v: v > 0,
    "<0": lambda v: v < 0,
    ">1": lambda v: abs(v) > 1,
    "<1": lambda v: abs(v) < 1,
    "=1": lambda v: abs(v) == 1,
    "odd": lambda v: math.isfinite(v) and v % 2 == 1,
    "even": lambda v: v != 0 and not (math.isfinite(v) and v % 2 == 1) and not math.isnan(v),
    "broken": lambda v: math.isfinite(v) and v != int(v),
    "0": lambda v: v == 0,
    "infs": math.isinf,
    "!nan": lambda v: not math.isnan(v),
    "!1": lambda v: v != 1,
    "!0": lambda v: v != 0,
}
COMPLEX = """
sqrt: 0 +0 = +0 +0 | any inf = inf inf | fin nan = nan nan | -inf pos = +0 inf | inf pos = inf +0 |
     -inf nan = nan ?inf |
      inf nan = inf nan | nan fin = nan nan | nan nan = nan nan
exp: 0 +0 = 1 +0 | fin inf = nan nan | fin nan = nan nan | inf +0 = inf +0 | -inf fin = +0cis | inf nz = infcis |
     -inf inf = 0 0 | inf inf = ?inf nan | -inf nan = 0 0 | inf nan = ?inf nan | nan +0 = nan +0 | nan nz = nan nan |
     nan inf = nan nan | nan nan = nan nan
expm1: 0 +0 = 0 0 | fin inf = nan nan | fin nan = nan nan | inf +0 = inf +0 | -inf inf = -1 0 | inf nz = infcis |
       inf inf = ?inf nan | -inf nan = -1 0 | inf nan = ?inf nan | nan +0 = nan +0 | nan nz = nan nan |
     nan nan = nan nan
log: -0 +0 = -inf pi | +0 +0 = -inf +0 | fin inf = inf pi/2 | fin nan = nan nan | -inf pos = inf pi | inf pos = inf +0 |
     -inf inf = inf 3pi/4 | inf inf = inf pi/4 | infs nan = inf nan | nan fin = nan nan | nan inf = inf nan |
     nan nan = nan nan
log1p: -1 +0 = -inf +0 | fin inf = inf pi/2 | fin nan = nan nan | -inf pos = inf pi | inf pos = inf +0 |
       -inf inf = inf 3pi/4 | inf inf = inf pi/4 | infs nan = inf nan | nan fin = nan nan | nan inf = inf nan |
       nan nan = nan nan
acos: 0 +0 = pi/2 -0 | 0 nan = pi/2 nan | fin inf = pi/2 -inf | nz nan = nan nan | -inf pos = pi -inf |
      inf pos = +0 -inf | -inf inf = 3pi/4 -inf | inf inf = pi/4 -inf | infs nan = nan ?inf | nan fin = nan nan |
      nan inf = nan -inf | nan nan = nan nan
acosh: 0 +0 = +0 pi/2 | fin inf = inf pi/2 | nz nan = nan nan | +0 nan = nan ?pi/2 | -inf pos = inf pi |
       inf pos = inf +0 | -inf inf = inf 3pi/4 | inf inf = inf pi/4 | infs nan = inf nan | nan fin = nan nan |
       nan inf = inf nan | nan nan = nan nan
asinh: +0 +0 = +0 +0 | pos inf = inf pi/2 | fin nan = nan nan | inf pos = inf +0 | inf inf = inf pi/4 |
     inf nan = inf nan |
       nan +0 = nan +0 | nan nz = nan nan | nan inf = ?inf nan | nan nan = nan nan
atanh: +0 +0 = +0 +0 | +0 nan = +0 nan | 1 +0 = inf +0 | pos inf = +0 pi/2 | nz nan = nan nan | inf pos = +0 pi/2 |
       inf inf = +0 pi/2 | inf nan = +0 nan | nan fin = nan nan | nan inf = 0 pi/2 | nan nan = nan nan
cosh: +0 +0 = 1 +0 | +0 inf = nan 0 | +0 nan = nan 0 | nz inf = nan nan | nz nan = nan nan | inf +0 = inf +0 |
      inf nz = infcis | inf inf = ?inf nan | inf nan = inf nan | nan 0 = nan 0 | nan nz = nan nan | nan nan = nan nan
sinh: +0 +0 = +0 +0 | +0 inf = 0 nan | +0 nan = 0 nan | pos inf = nan nan | pos nan = nan nan | inf +0 = inf +0 |
      inf pos = infcis | inf inf = ?inf nan | inf nan = ?inf nan | nan +0 = nan +0 | nan nz = nan nan |
     nan nan = nan nan
tanh: +0 +0 = +0 +0 | nz inf = nan nan | +0 inf = +0 nan | nz nan = nan nan | +0 nan = +0 nan | inf pos = 1 +0 |
      inf inf = 1 0 | inf nan = 1 0 | nan +0 = nan +0 | nan nz = nan nan | nan nan = nan nan
sign: 0 0 = 0 0 | nan any = nan nan | any nan = nan nan
"""
REAL = """
acos: >1 = nan | 1 = +0 | nan = nan
acosh: <0 = nan | <1 = nan | 1 = +0 | inf = inf | nan = nan
asin: >1 = nan | +0 = +0 | -0 = -0 | nan = nan
asinh: +0 = +0 | -0 = -0 | inf = inf | -inf = -inf | nan = nan
atan: +0 = +0 | -0 = -0 | inf = pi/2 | -inf = -pi/2 | nan = nan
atanh: >1 = nan | -1 = -inf | 1 = inf | +0 = +0 | -0 = -0 | nan = nan
cos: 0 = 1 | infs = nan | nan = nan
cosh: 0 = 1 | infs = inf | nan = nan
exp: 0 = 1 | inf = inf | -inf = +0 | nan = nan
expm1: +0 = +0 | -0 = -0 | inf = inf | -inf = -1 | nan = nan
log: <0 = nan | 0 = -inf | 1 = +0 | inf = inf | nan = nan
log1p: -1 = -inf | -0 = -0 | +0 = +0 | inf = inf | -inf = nan | -3 = nan | nan = nan
log2: <0 = nan | 0 = -inf | 1 = +0 | inf = inf | nan = nan
log10: <0 = nan | 0 = -inf | 1 = +0 | inf = inf | nan = nan
sin: +0 = +0 | -0 = -0 | infs = nan | nan = nan
sinh: +0 = +0 | -0 = -0 | inf = inf | -inf = -inf | nan = nan
sqrt: <0 = nan | +0 = +0 | -0 = -0 | inf = inf | nan = nan
tan: +0 = +0 | -0 = -0 | infs = nan | nan = nan
tanh: +0 = +0 | -0 = -0 | inf = 1 | -inf = -1 | nan = nan
abs: -0 = +0 | -inf = inf | nan = nan
ceil: +0 = +0 | -0 = -0 | inf = inf | -inf = -inf | nan = nan | -0.5 = -0 | 2.5 = 3
floor: +0 = +0 | -0 = -0 | inf = inf | -inf = -inf | nan = nan | 0.5 = +0 | 2.5 = 2
trunc: +0 = +0 | -0 = -0 | inf = inf | -inf = -inf | nan = nan | -0.5 = -0 | 2.5 = 2
round: +0 = +0 | -0 = -0 | inf = inf | -inf = -inf | nan = nan | 0.5 = +0 | -0.5 = -0 | 2.5 = 2
sign: <0 = -1 | 0 = 0 | >0 = 1 | nan = nan
"""
BINARY = """
atan2: nan any = nan | any nan = nan | >0 0 = pi/2 | <0 0 = -pi/2 | +0 >0 = +0 | +0 +0 = +0 | +0 -0 = pi | +0 <0 = pi |
       -0 >0 = -0 | -0 +0 = -0 | -0 -0 = -pi | -0 <0 = -pi | pos inf = +0 | pos -inf = pi | neg inf = -0 |
       neg -inf = -pi | inf fin = pi/2 | -inf fin = -pi/2 | inf inf = pi/4 | inf -inf = 3pi/4 | -inf inf = -pi/4 |
       -inf -inf = -3pi/4
pow: !1 nan = nan | any 0 = 1 | nan !0 = nan | >1 inf = inf | >1 -inf = +0 | =1 infs = 1 | 1 !nan = 1 | <1 inf = +0 |
     <1 -inf = inf | inf >0 = inf | inf <0 = +0 | -inf 3 = -inf | -inf 2.5 = inf | -inf -3 = -0 | -inf -2 = +0 |
     +0 >0 = +0 | +0 <0 = inf | -0 3 = -0 | -0 2 = +0 | -0 -3 = -inf | -0 -2 = inf | neg broken = nan
floor_divide: nan any = nan | any nan = nan | infs infs = nan | 0 0 = nan | +0 >0 = +0 | -0 >0 = -0 | +0 <0 = -0 |
     -0 <0 = +0 | >0 +0 = inf | >0 -0 = -inf | <0 +0 = -inf | <0 -0 = inf | inf pos = inf | inf neg = -inf |
     -inf pos = -inf | -inf neg = inf | pos inf = +0 | pos -inf = -0 | neg inf = -0 | neg -inf = +0
remainder: nan any = nan | any nan = nan | infs infs = nan | 0 0 = nan | 0 >0 = +0 | 0 <0 = -0 | any 0 = nan |
     infs fin = nan | pos inf = x1 | pos -inf = x2 | neg inf = x2 | neg -inf = x1
divide: nan any = nan | any nan = nan | infs infs = nan | 0 0 = nan | +0 >0 = +0 | -0 >0 = -0 | +0 <0 = -0 |
     -0 <0 = +0 |
     >0 +0 = inf | >0 -0 = -inf | <0 +0 = -inf | <0 -0 = inf | inf pos = inf | inf neg = -inf | -inf pos = -inf |
     -inf neg = inf | pos inf = +0 | pos -inf = -0 | neg inf = -0 | neg -inf = +0
multiply: nan any = nan | any nan = nan | infs 0 = nan | 0 infs = nan | inf >0 = inf | -inf >0 = -inf | inf <0 = -inf
add: nan any = nan | any nan = nan | inf -inf = nan | -inf inf = nan | -0 -0 = -0 | -0 +0 = +0 | +0 -0 = +0 |
     inf fin = inf
hypot: infs any = inf | any infs = inf | fin nan = nan | nan fin = nan | nan nan = nan
logaddexp: nan any = nan | any nan = nan | inf !nan = inf | !nan inf = inf | -inf -inf = -inf
nextafter: nan any = nan | any nan = nan | -0 +0 = +0 | +0 -0 = -0
copysign: 2 <0 = -2 | 2 -0 = -2 | 2 +0 = 2 | -2 >0 = 2 | inf <0 = -inf | 0 >0 = +0 | 0 -0 = -0
maximum: nan any = nan | any nan = nan | inf !nan = inf | -inf fin = x2
minimum: nan any = nan | any nan = nan | -inf !nan = -inf | inf fin = x2
"""
CONJUGATE = ("acos acosh asin asinh atan atanh cos cosh exp expm1 log log1p log2 log10 sin sinh sqrt tan tanh").split()


def number(text: str) -> float:
    if "pi" in text:
        head, _, part = text.partition("pi")
        return (-1.0 if head == "-" else float(head or 1)) * math.pi / float(part[1:] or 1)
    return {"inf": INF, "-inf": -INF, "nan": NAN}.get(text) or float(text)


def number_of(text: str) -> float:
    return -3 * math.pi / 4 if text == "-3pi/4" else number(text)


def values(pattern: str) -> list[float]:
    if pattern in PATTERNS:
        return [v for v in POOL if PATTERNS[pattern](v)]
    wanted = number_of(pattern)
    return [wanted]


def lines(table: str) -> Iterator[tuple[str, list[str], list[str]]]:
    for block in table.strip().replace("|\n", "|").splitlines():
        name, _, cases = block.partition(":")
        for case in cases.split("|"):
            operands, _, results = case.partition("=") if " = " not in case else case.partition(" = ")
            yield name.strip(), operands.split(), results.split()


def agrees(found: float, wanted: str, tolerance: float) -> bool:
    open_sign = wanted.startswith("?") or wanted == "0"
    expected = number_of(wanted.removeprefix("?"))
    if math.isnan(expected):
        return math.isnan(found)
    if open_sign:
        found, expected = abs(found), abs(expected)
    if expected == 0 or math.isinf(expected):
        return found == expected and (open_sign or math.copysign(1, found) == math.copysign(1, expected))
    return math.isclose(found, expected, rel_tol=tolerance)


def within(found: complex, direction: str, b: float) -> bool:
    size = 0.0 if direction.startswith("+0") else INF
    parts = ((found.real, math.cos(b)), (found.imag, math.sin(b)))
    # A direction along an axis: infinity times zero is no number, zero times anything a zero.
    return all(v == math.copysign(size, c) and math.copysign(1, v) == math.copysign(1, c) for v, c in parts if c)


TOLERANCE = {
    "complex64": 1e-5,
    "complex128": 1e-12,
    "float64": 1e-12,
    "float32": 1e-5,
    "float16": 4e-3,
    "bfloat16": 2e-2,
}


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("name", [block.partition(":")[0] for block in COMPLEX.strip().splitlines() if block[0] != " "])
def test_complex(name: str, dtype: str) -> None:
    count = 0
    for function, (first, second), results in lines(COMPLEX):
        if function != name:
            continue
        for a in values(first):
            for b in values(second):
                x = cb.asarray([complex(a, b)] * 3, dtype=dtype)
                found = getattr(cb, name)(x)[1].item()
                what = f"{name}({a}, {b}) = {found}, not {' '.join(results)}"
                if results[0].endswith("cis"):
                    assert within(found, results[0], b), what
                else:
                    assert agrees(found.real, results[0], TOLERANCE[dtype]), what
                    assert agrees(found.imag, results[1], TOLERANCE[dtype]), what
                count += 1
    assert count > 5


def same(a: float, b: float, tolerance: float = 0.0) -> bool:
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return (a == b and math.copysign(1, a) == math.copysign(1, b)) or (
        a * b > 0 and math.isclose(a, b, rel_tol=tolerance)
    )


@pytest.mark.parametrize("name", CONJUGATE)
def test_conjugates(name: str) -> None:
    points = [complex(a, b) for a in POOL for b in POOL]
    function = getattr(cb, name)
    for dtype in (cb.complex64, cb.complex128):
        above = function(cb.asarray(points, dtype=dtype)).tolist()
        below = function(cb.conj(cb.asarray(points, dtype=dtype))).tolist()
        for x, one, other in zip(points, above, below, strict=True):
            # Where the text leaves a sign open, or the number is none, conjugates may differ in it.
            unsure = any(math.isnan(v) or math.isinf(v) for v in (x.real, x.imag))
            real = (abs(one.real), abs(other.real)) if unsure else (one.real, other.real)
            assert same(*real, 1e-5), f"{name}({x}): {one} and {other}"
            imag = (abs(one.imag), abs(other.imag)) if unsure else (one.imag, -other.imag)
            assert same(*imag, 1e-5), f"{name}({x}): {one} and {other}"


def test_odd_and_even() -> None:
    points = [complex(a, b) for a in POOL for b in POOL if math.isfinite(a) and math.isfinite(b)]
    x = cb.asarray(points, dtype=cb.complex128)
    for name, sign in (
        ("asinh", -1),
        ("atanh", -1),
        ("sinh", -1),
        ("tanh", -1),
        ("cosh", 1),
        ("asin", -1),
        ("atan", -1),
    ):
        one, other = getattr(cb, name)(x).tolist(), getattr(cb, name)(-x).tolist()
        for p, a, b in zip(points, one, other, strict=True):
            assert all(same(u, sign * v, 1e-9) for u, v in ((a.real, b.real), (a.imag, b.imag))), (
                f"{name}({p}): {a}, {b}"
            )


def test_inverse_functions_by_their_definition() -> None:
    # The standard defines asin and atan, and their values at infinity, by asinh and atanh of 1j * x.
    points = [complex(a, b) for a in POOL for b in POOL]
    for name, hyperbolic in (("asin", "asinh"), ("atan", "atanh"), ("sin", "sinh"), ("tan", "tanh")):
        for p in points:
            if math.isnan(p.real) or math.isnan(p.imag):
                continue
            found = getattr(cb, name)(cb.asarray(p, dtype=cb.complex128)).item()
            turned = getattr(cb, hyperbolic)(cb.asarray(complex(-p.imag, p.real), dtype=cb.complex128)).item()
            expected = complex(turned.imag, -turned.real)
            if not any(math.isnan(v) for v in (expected.real, expected.imag)):
                assert same(found.real, expected.real, 1e-9) and same(found.imag, expected.imag, 1e-9), (
                    f"{name}({p}) = {found}, not {expected}"
                )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", [block.partition(":")[0] for block in REAL.strip().splitlines()])
def test_real(name: str, dtype: str) -> None:
    for function, operands, results in lines(REAL):
        if function != name:
            continue
        for v in values(operands[0]):
            # One value and many: short and long arrays take different paths.
            for x in (cb.asarray(v, dtype=dtype), cb.full((70,), v, dtype=dtype)):
                found = cb.reshape(getattr(cb, name)(x), (-1,))[-1].item()
                assert agrees(found, results[0], TOLERANCE[dtype]), f"{name}({v}) = {found}, not {results[0]}"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", [block.partition(":")[0] for block in BINARY.strip().splitlines() if block[0] != " "])
def test_binary(name: str, dtype: str) -> None:
    function = getattr(cb, name)
    for row, (first, second), results in lines(BINARY):
        if row != name:
            continue
        for a in values(first):
            for b in values(second):
                x1, x2 = cb.asarray([a], dtype=dtype), cb.asarray([b], dtype=dtype)
                wanted = {"x1": str(x1.item()), "x2": str(x2.item())}.get(results[0], results[0])
                for found in (function(x1, x2), function(cb.full((70,), a, dtype=dtype), x2), function(x1, b)):
                    value = found[-1].item()
                    assert agrees(value, wanted, TOLERANCE[dtype]), f"{name}({a}, {b}) = {value}, not {wanted}"


def test_the_sign_of_a_complex_zero() -> None:
    for x in (complex(0.0, -0.0), complex(-0.0, 0.0), complex(-0.0, -0.0), 0j):
        found = cb.sign(cb.asarray([x, x, 1j])).tolist()
        assert found[2] == 1j and all(same(v.real, 0.0) and same(v.imag, 0.0) for v in found[:2]), (x, found)


def test_signs_of_zeros_and_of_no_numbers() -> None:
    for dtype in (cb.float16, cb.bfloat16, cb.float32, cb.float64):
        x = cb.asarray([0.0, -0.0, INF, -INF, 1.0, -1.0, NAN], dtype=dtype)
        assert cb.signbit(x).tolist()[:6] == [False, True, False, True, False, True]
        negative_nan = cb.copysign(cb.asarray([NAN], dtype=dtype), -1.0)
        assert cb.signbit(negative_nan).tolist() == [True] and cb.isnan(negative_nan).tolist() == [True]
        assert cb.signbit(cb.copysign(negative_nan, 1.0)).tolist() == [False]
    for x in (complex(INF, NAN), complex(NAN, -INF)):
        assert abs(cb.asarray(x)).item() == INF and cb.isinf(cb.asarray(x)).item() and cb.isnan(cb.asarray(x)).item()
    assert np.isnan(abs(cb.asarray(complex(NAN, 1))).item())
