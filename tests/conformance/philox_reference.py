"""The random stream of docs/random.md in plain Python integers and floats: slow, obvious, independent of any kernel."""

from __future__ import annotations

import math
import struct
from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate

MASK = 2**64 - 1
MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
PRECISION = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8}


def philox(counter: Sequence[int], key: Sequence[int]) -> tuple[int, int, int, int]:
    """Return the block of four words at four counter words under two key words."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = MULTIPLIERS[0] * c0, MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (p1 >> 64) ^ c1 ^ k0, p1 & MASK, (p0 >> 64) ^ c3 ^ k1, p0 & MASK
        k0, k1 = (k0 + WEYL[0]) & MASK, (k1 + WEYL[1]) & MASK
    return c0, c1, c2, c3


def words(key: int, counter: int, n: int) -> list[int]:
    """Return the first n words of a draw."""
    out: list[int] = []
    while len(out) < n:
        block = counter % 2**256
        out += philox([(block >> shift) & MASK for shift in (0, 64, 128, 192)], (key, 0))
        counter += 1
    return out[:n]


def half_words(key: int, counter: int, n: int) -> list[int]:
    """Return the first n half-words of a draw."""
    return [half for w in words(key, counter, (n + 1) // 2) for half in (w & 0xFFFFFFFF, w >> 32)][:n]


def to_dtype(x: float, dtype: str) -> float:
    """Round a float64 to nearest, ties to even, in the dtype named; normal numbers and zero only."""
    if dtype == "float64":
        return x
    if dtype == "bfloat16":
        if x == 0:
            return x
        exponent = math.frexp(x)[1] - PRECISION[dtype]
        return math.ldexp(float(round(Fraction(x) / Fraction(2) ** exponent)), exponent)
    code = {"float32": "<f", "float16": "<e"}[dtype]
    return struct.unpack(code, struct.pack(code, x))[0]


def below(x: float, dtype: str) -> float:
    """Return the largest value of the dtype below x, a value of that dtype other than zero; normal numbers only."""
    mantissa, exponent = math.frexp(x)
    power = exponent - PRECISION[dtype] - (1 if mantissa == 0.5 else 0)
    return x - math.ldexp(1.0, power)


def unit_uniform(key: int, counter: int, n: int, dtype: str) -> list[float]:
    """Return n unit uniforms."""
    bits = PRECISION[dtype]
    if dtype == "float64":
        return [math.ldexp(w >> 11, -53) for w in words(key, counter, n)]
    return [math.ldexp(h >> (32 - bits), -bits) for h in half_words(key, counter, n)]


def uniform(key: int, counter: int, n: int, dtype: str, low: float = 0.0, high: float = 1.0) -> list[float]:
    """Return n uniforms in [low, high)."""
    compute = "float64" if dtype == "float64" else "float32"
    unit = unit_uniform(key, counter, n, dtype)
    if low == 0 and high == 1:
        return unit
    low, high = to_dtype(low, dtype), to_dtype(high, dtype)
    width = to_dtype(high - low, compute)
    # A product or sum of two float32 is rounded to float64 and then to float32; the float64 significand is more than
    # twice as long, so that the result is the correctly rounded one.
    values = (to_dtype(to_dtype(low + to_dtype(width * u, compute), compute), dtype) for u in unit)
    return [below(high, dtype) if high > low and y >= high else y for y in values]


def normal(key: int, counter: int, n: int, dtype: str) -> list[float]:
    """Return n standard normals, computed in float64 from the inputs that the dtype prescribes, unrounded."""
    even = n + n % 2
    if dtype == "float64":
        source = words(key, counter, even)
        first = [1.0 - math.ldexp(w >> 11, -53) for w in source[::2]]
        angles = [2 * math.pi * math.ldexp(w >> 11, -53) for w in source[1::2]]
    else:
        source = half_words(key, counter, even)
        first = [to_dtype(to_dtype(float(h), "float32") * 2.0**-32 + 2.0**-33, "float32") for h in source[::2]]
        turn = to_dtype(2 * math.pi, "float32")
        angles = [to_dtype(turn * math.ldexp(h >> 8, -24), "float32") for h in source[1::2]]
    out: list[float] = []
    for u1, t in zip(first, angles):
        r = math.sqrt(-2 * math.log(u1))
        out += (r * math.cos(t), r * math.sin(t))
    return out[:n]


def integers(key: int, counter: int, n: int, low: int, high: int) -> list[int]:
    """Return n integers in [low, high)."""
    return [low + (w * (high - low) >> 64) for w in words(key, counter, n)]


def permutation(key: int, counter: int, n: int) -> list[int]:
    """Return a permutation of n."""
    keys = words(key, counter, n)
    return sorted(range(n), key=keys.__getitem__)


def bernoulli(key: int, counter: int, n: int, dtype: str, p: float) -> list[bool]:
    """Return n draws that are true with probability p."""
    kind = "float64" if dtype == "float64" else "float32"
    p = to_dtype(p, kind)
    return [u < p for u in unit_uniform(key, counter, n, kind)]


def multinomial(key: int, counter: int, weights: Sequence[float], samples: int, replacement: bool) -> list[int]:
    """Return indices drawn in proportion to the weights."""
    if replacement:
        cdf = list(accumulate(weights))
        return [bisect_right(cdf, u * cdf[-1]) for u in unit_uniform(key, counter, samples, "float64")]
    unit = unit_uniform(key, counter, len(weights), "float64")
    times = [-math.log1p(-u) / w if w > 0 else math.inf for u, w in zip(unit, weights)]
    return sorted(range(len(weights)), key=times.__getitem__)[:samples]
