"""The random stream of `docs/random.md` on NumPy, whose own Philox bit generator supplies the words.

Each kernel is a draw: key (64 bit) and counter (a block number) come in as Python integers, and nothing is remembered
between calls. Large draws are worked off in chunks that stay in cache, from the words to the result.
"""

from __future__ import annotations

import functools
import math
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.errors import ArgumentError

# Words per chunk: 128 KiB of bits and about as much again of intermediate results, for a level 2 cache.
_CHUNK = 16384
_MASK = 0xFFFFFFFFFFFFFFFF
_LOW_HALF = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)

_F32 = np.dtype(np.float32)
_F64 = np.dtype(np.float64)


class _Format:
    """How uniforms and normals of one dtype are made from words.

    Attributes
    ----------
    wide : bool
        Whether an element takes a word, or half a word.
    compute : numpy.dtype
        The dtype computed in.
    shift, scale : NumPy scalars
        A uniform is ``(bits >> shift) * scale``.
    signed : type
        The signed integers of the bits' size: shifted bits fit them, and processors convert them faster.
    step : int
        Elements per chunk.
    """

    __slots__ = ("compute", "scale", "shift", "signed", "step", "wide")

    def __init__(self, bits: int, compute: np.dtype) -> None:
        self.wide = compute == _F64
        self.compute = compute
        self.scale = compute.type(2.0**-bits)
        self.shift = np.uint64(64 - bits) if self.wide else np.uint32(32 - bits)
        self.signed = np.int64 if self.wide else np.int32
        self.step = _CHUNK if self.wide else 2 * _CHUNK


# bfloat16 is added when it is first met, so that ml_dtypes is not imported for it here.
_FORMATS: dict[Any, _Format | None] = {
    _F32: _Format(24, _F32),
    _F64: _Format(53, _F64),
    np.dtype(np.float16): _Format(11, _F32),
}

_local = threading.local()


def _seek(key: int, counter: int) -> Callable[[int], np.ndarray]:
    """Return a function that reads the next n words, starting with the given block.

    NumPy advances its counter before it makes a block, so its counter stands one below the block. The generator is
    kept per thread: to set its state costs a tenth of making one.
    """
    try:
        generator, state, words, keys = _local.stream
    except AttributeError:
        words, keys = [0, 0, 0, 0], [0, 0]
        generator = np.random.Philox(key=0)
        state = {
            "bit_generator": "Philox",
            "state": {"counter": words, "key": keys},
            "buffer": (0, 0, 0, 0),
            "buffer_pos": 4,
            "has_uint32": 0,
            "uinteger": 0,
        }
        _local.stream = generator, state, words, keys
    keys[0] = key
    if 0 < counter <= _MASK:
        words[:] = (counter - 1, 0, 0, 0)
    else:
        before = (counter - 1) % 2**256
        words[:] = [(before >> shift) & _MASK for shift in (0, 64, 128, 192)]
    generator.state = state
    return generator.random_raw


# A draw of no more elements is taken from numbers made ahead, where draws follow each other.
_FEW = 256
_AHEAD = 128  # blocks
_DIRECT = 16  # elements


class _Window:
    """Numbers made ahead of the draws of one kind, for the blocks from `start` on of one key."""

    __slots__ = ("end", "key", "size", "start", "values")

    def __init__(self, key: int, counter: int) -> None:
        # A draw at the same place does not follow.
        self.key, self.start, self.end, self.size = key, counter, counter + 1, 0
        self.values: Any = None


def _ahead(make: Callable[[int, int, int], np.ndarray], per_block: int, key: int, counter: int, n: int) -> Any:
    """Return the `n` numbers of a small draw as part of a longer array that is not to be written, or None.

    A seed's first draw is made for itself: whether others follow is not known. Windows are kept per thread, one for
    each kind of number.

    Parameters
    ----------
    make : callable
        Takes key, counter and how many numbers; its first numbers do not depend on how many.
    per_block : int
        How many numbers a block gives.
    key, counter, n : int
        The draw.
    """
    try:
        window = _local.windows[make]
    except AttributeError:
        _local.windows = {make: _Window(key, counter)}
        return None
    except KeyError:
        window = _local.windows[make] = _Window(key, counter)
    first = counter - window.start
    if window.key == key and first >= 0:
        at = first * per_block
        if at + n <= window.size:
            return window.values[at : at + n]
        if window.end <= counter <= min(window.end + _AHEAD, _MASK):
            window.start, window.end, window.size = counter, counter + _AHEAD, _AHEAD * per_block
            window.values = make(key, counter, _AHEAD * per_block)
            return window.values[:n]
    window.key, window.start, window.size, window.values = key, counter, 0, None
    window.end = counter + (n + per_block - 1) // per_block
    return None


def _words(key: int, counter: int, n: int) -> np.ndarray:
    return _seek(key, counter)(n)


def _half_words(key: int, counter: int, n: int) -> np.ndarray:
    return _halves(_seek(key, counter)((n + 1) // 2))


def _uniforms32(key: int, counter: int, n: int) -> np.ndarray:
    return random_uniform(key=key, counter=counter, shape=(n,), dtype=_F32)


def _normals32(key: int, counter: int, n: int) -> np.ndarray:
    return random_normal(key=key, counter=counter, shape=(n,), dtype=_F32)


def _small(
    make: Callable[[int, int, int], np.ndarray], per_block: int, key: int, counter: int, shape: tuple[int, ...]
) -> np.ndarray | None:
    """Return a new array of the numbers of a small draw, or None where they are to be made for it."""
    n = shape[0] if len(shape) == 1 else math.prod(shape)
    if not 0 < n <= _FEW:
        return None
    values = _ahead(make, per_block, key, counter, n)
    if values is None:
        return None
    return values.copy() if len(shape) == 1 else values.reshape(shape).copy()


def _halves(words: np.ndarray) -> np.ndarray:
    """Return the half-words of an array of words, the lower half of each first."""
    halves = words.view(np.uint32)
    if sys.byteorder == "big":
        halves = halves.reshape(-1, 2)[:, ::-1].reshape(-1)
    return halves


def _format(dtype: np.dtype) -> _Format | None:
    """Return how uniforms and normals of a dtype are made, None for a dtype that is not served."""
    try:
        return _FORMATS[dtype]
    except KeyError:
        found = _Format(8, _F32) if dtype.name == "bfloat16" else None
        _FORMATS[dtype] = found
        return found


def random_bits(*, key: int, counter: int, n: int) -> np.ndarray:
    """Return the first `n` words at a counter, as uint64."""
    return _seek(key, counter)(n)


@functools.lru_cache(maxsize=64)
def bounds(low: float, high: float, dtype: np.dtype, compute: np.dtype) -> tuple[Any, Any, Any]:
    """Return low and high - low in the dtype computed in, and the largest result allowed, in the result's dtype."""
    if not low <= high:
        raise ArgumentError(f"uniform: low ({low}) must not be greater than high ({high})")
    with np.errstate(over="ignore", invalid="ignore"):
        lowest, highest = np.asarray(low).astype(dtype), np.asarray(high).astype(dtype)
        base = lowest.astype(compute)[()]
        width = highest.astype(compute)[()] - base
    if not math.isfinite(width):
        raise ArgumentError(f"uniform: the range from {low} to {high} is not finite in {dtype.name}")
    return base, width, np.nextafter(highest, lowest)


def random_uniform(
    *, key: int, counter: int, shape: tuple[int, ...], dtype: np.dtype, low: float = 0.0, high: float = 1.0
) -> np.ndarray:
    """Return uniforms in [low, high)."""
    if dtype is _F32 and low == 0 and high == 1 and (few := _small(_uniforms32, 8, key, counter, shape)) is not None:
        return few
    fmt = _format(dtype)
    if fmt is None:
        return NotImplemented
    wide, compute, shift, scale = fmt.wide, fmt.compute, fmt.shift, fmt.scale
    unit = low == 0 and high == 1
    if not unit:
        base, width, greatest = bounds(low, high, dtype, compute)
    direct = dtype == compute
    out = np.empty(shape, dtype)
    flat = out.reshape(-1)
    size, step = out.size, fmt.step
    read = _seek(key, counter)
    for start in range(0, size, step):
        part = flat[start : start + step]
        count = part.size
        if wide:
            bits = read(count)
        else:
            bits = _halves(read((count + 1) // 2))[:count]
        np.right_shift(bits, shift, out=bits)
        bits = bits.view(fmt.signed)
        values = part if direct else np.empty(count, compute)
        values[:] = bits
        np.multiply(values, scale, out=values)
        if not unit:
            np.multiply(values, width, out=values)
            np.add(values, base, out=values)
        if not direct:
            part[:] = values
        if not unit:
            np.minimum(part, greatest, out=part)
    return out


def random_normal(
    *, key: int, counter: int, shape: tuple[int, ...], dtype: np.dtype, mean: float = 0.0, std: float = 1.0
) -> np.ndarray:
    """Return normals by Box and Muller's transform."""
    if dtype is _F32 and std == 1 and mean == 0 and (few := _small(_normals32, 8, key, counter, shape)) is not None:
        return few
    fmt = _format(dtype)
    if fmt is None:
        return NotImplemented
    if not std >= 0:
        raise ArgumentError(f"normal: the standard deviation must not be negative, got {std}")
    compute = fmt.compute
    polar = _polar64 if fmt.wide else _polar32
    direct = dtype == compute
    out = np.empty(shape, dtype)
    flat = out.reshape(-1)
    size, step = out.size, fmt.step
    read = _seek(key, counter)
    for start in range(0, size, step):
        part = flat[start : start + step]
        values = part if direct else np.empty(part.size, compute)
        polar(read, values)
        if std != 1:
            np.multiply(values, compute.type(std), out=values)
        if mean != 0:
            np.add(values, compute.type(mean), out=values)
        if not direct:
            part[:] = values
    return out


# fl(c * u2), u2 an integer times a power of two: that power may move into the constant, exactly.
_TURN32 = np.float32(np.float32(2 * math.pi) * np.float32(2.0**-24))
_HALF_TURN64 = np.float64(math.pi * 2.0**-53)
_STEP32, _HALF_STEP32, _MINUS_TWO32 = np.float32(2.0**-32), np.float32(2.0**-33), np.float32(-2)
_MINUS_STEP64, _MINUS_TWO64, _ONE64 = np.float64(-(2.0**-53)), np.float64(-2), np.float64(1)
_8, _11 = np.uint32(8), np.uint64(11)


def _polar32(read: Callable[[int], np.ndarray], out: np.ndarray) -> None:
    """Fill a float32 array with standard normals."""
    halves = _halves(read((out.size + 1) // 2))
    radius = halves[0::2].astype(_F32)
    angle = (halves[1::2] >> _8).view(np.int32).astype(_F32)
    np.multiply(radius, _STEP32, out=radius)
    np.add(radius, _HALF_STEP32, out=radius)
    np.log(radius, out=radius)
    np.multiply(radius, _MINUS_TWO32, out=radius)
    np.sqrt(radius, out=radius)
    np.multiply(angle, _TURN32, out=angle)
    np.multiply(radius, np.cos(angle), out=out[0::2])
    np.sin(angle, out=angle)
    pairs = out.size // 2
    np.multiply(radius[:pairs], angle[:pairs], out=out[1::2])


def _polar64(read: Callable[[int], np.ndarray], out: np.ndarray) -> None:
    """Fill a float64 array with standard normals.

    NumPy's float64 sine and cosine are not vectorized, its tangent is: both come from the tangent of half the angle,
    as (1 - t^2) / (1 + t^2) and 2 t / (1 + t^2).
    """
    words = read(out.size + out.size % 2)
    np.right_shift(words, _11, out=words)
    words = words.view(np.int64)
    radius = words[0::2].astype(_F64)
    tangent = words[1::2].astype(_F64)
    np.multiply(radius, _MINUS_STEP64, out=radius)
    np.add(radius, _ONE64, out=radius)
    np.log(radius, out=radius)
    np.multiply(radius, _MINUS_TWO64, out=radius)
    np.sqrt(radius, out=radius)
    np.multiply(tangent, _HALF_TURN64, out=tangent)
    np.tan(tangent, out=tangent)
    square = tangent * tangent
    np.divide(radius, square + _ONE64, out=radius)
    np.subtract(_ONE64, square, out=square)
    np.multiply(radius, square, out=out[0::2])
    np.add(tangent, tangent, out=tangent)
    pairs = out.size // 2
    np.multiply(radius[:pairs], tangent[:pairs], out=out[1::2])


@functools.lru_cache(maxsize=64)
def threshold(p: float, wide: bool) -> Any:
    """Return below which a word or half-word a draw is one, as a 0-d array; None where each is."""
    # u < p compares k * 2**-bits with p, so k can be compared with an integer, and that where it stands in the word.
    if wide:
        bound, top = math.ceil(p * 2.0**53) << 11, 2**64
    else:
        bound, top = math.ceil(float(np.float32(p)) * 2.0**24) << 8, 2**32
    return None if bound == top else np.array(bound, np.uint64 if wide else np.uint32)


def random_bernoulli(
    *, key: int, counter: int, shape: tuple[int, ...], dtype: np.dtype, p: float
) -> np.ndarray:
    """Return draws that are one with probability `p`, else zero."""
    if not 0 <= p <= 1:
        raise ArgumentError(f"bernoulli: p must lie in [0, 1], got {p}")
    wide = dtype == _F64
    bound = threshold(p, wide)
    if bound is None:
        return np.ones(shape, dtype)
    if not wide and (bits := _small(_half_words, 8, key, counter, shape)) is not None:
        return np.asarray(np.less(bits, bound)).astype(dtype, copy=False)
    out = np.empty(shape, dtype)
    flat = out.reshape(-1)
    boolean = dtype == np.bool_
    size, step = out.size, _CHUNK if wide else 2 * _CHUNK
    read = _seek(key, counter)
    for start in range(0, size, step):
        part = flat[start : start + step]
        count = part.size
        bits = read(count) if wide else _halves(read((count + 1) // 2))[:count]
        if boolean:
            np.less(bits, bound, out=part)
        else:
            part[:] = np.less(bits, bound)
    return out


def check_range(low: int, high: int, dtype: np.dtype) -> None:
    """Refuse an empty range and one that the dtype does not hold."""
    if low >= high:
        raise ArgumentError(f"randint: low ({low}) must be less than high ({high})")
    kind, size = dtype.kind, 8 * dtype.itemsize
    if kind == "i":
        least, most = -(1 << (size - 1)), 1 << (size - 1)
    elif kind == "u":
        least, most = 0, 1 << size
    elif kind == "b":
        least, most = 0, 2
    else:
        least, most = (0, 1 << 64) if high > 1 << 63 else (-(1 << 63), 1 << 63)
    if low < least or high > most:
        raise ArgumentError(f"randint: the range from {low} to {high} (exclusive) does not fit in {dtype.name}")


def _multiply_high(words: np.ndarray, factor: int) -> np.ndarray:
    """Return the upper 64 bits of words * factor, 0 < factor < 2**64, overwriting the words."""
    if factor & (factor - 1) == 0:
        if factor == 1:
            words.fill(0)
            return words
        return np.right_shift(words, np.uint64(65 - factor.bit_length()), out=words)
    lower = words & _LOW_HALF
    upper = np.right_shift(words, _32, out=words)
    f0, f1 = np.uint64(factor & 0xFFFFFFFF), np.uint64(factor >> 32)
    if not f1:
        lower *= f0
        lower >>= _32
        upper *= f0
        upper += lower
        upper >>= _32
        return upper
    # Schoolbook multiplication on halves: no partial sum below exceeds 64 bits.
    cross = lower * f0
    cross >>= _32
    middle = upper * f0
    middle += cross
    lower *= f1
    lower += middle & _LOW_HALF
    lower >>= _32
    middle >>= _32
    upper *= f1
    upper += middle
    upper += lower
    return upper


def random_integers(
    *, key: int, counter: int, shape: tuple[int, ...], dtype: np.dtype, low: int, high: int
) -> np.ndarray:
    """Return integers in [low, high)."""
    if dtype.kind not in "iub" and _format(dtype) is None:
        return NotImplemented
    check_range(low, high, dtype)
    width = high - low
    if dtype.kind in "iu":
        n = math.prod(shape)
        if 0 < n <= _DIRECT and (words := _ahead(_words, 4, key, counter, n)) is not None:
            # For so few, Python's integers are faster than the halves below.
            found = np.array([low + (word * width >> 64) for word in words.tolist()], dtype)
            return found if len(shape) == 1 else found.reshape(shape).copy()
    offset = np.uint64(low & _MASK) if low else None
    view = np.uint64 if high > 1 << 63 else np.int64
    out = np.empty(shape, dtype)
    flat = out.reshape(-1)
    read = _seek(key, counter)
    size = out.size
    for start in range(0, size, _CHUNK):
        part = flat[start : start + _CHUNK]
        words = read(part.size)
        if width <= _MASK:
            words = _multiply_high(words, width)
        if offset is not None:
            words += offset
        part[:] = words.view(view)
    return out


def random_permutation(*, key: int, counter: int, n: int, dtype: np.dtype) -> np.ndarray:
    """Return a permutation of `n`: the stable argsort of the first `n` words."""
    keys = _ahead(_words, 4, key, counter, n) if 0 < n <= _FEW else None
    if keys is None:
        keys = _seek(key, counter)(n)
    order = np.argsort(keys, kind="stable") if n < _RADIX_FROM else _radix_argsort(keys)
    return order.astype(dtype, copy=False)


# Fewer keys than these sort faster by comparison.
_RADIX_FROM = 4096


def _radix_argsort(keys: np.ndarray) -> np.ndarray:
    """Return the stable ascending argsort of 64-bit keys.

    NumPy's stable sort of 16-bit integers is a radix sort, many times faster than its sorts of 64-bit ones. Two
    passes sort by the upper 32 bits; where these are equal, for one pair in 2**32, the whole keys decide.
    """
    upper = (keys >> _32).astype(np.uint32)
    order = np.argsort(upper.astype(np.uint16), kind="stable")
    order = order[np.argsort((upper >> np.uint32(16)).astype(np.uint16)[order], kind="stable")]
    upper = upper[order]
    equal = upper[1:] == upper[:-1]
    if equal.any():
        tied = np.zeros(keys.size, np.bool_)
        tied[1:] = equal
        tied[:-1] |= equal
        indices = order[tied]
        order[tied] = indices[np.lexsort((indices, keys[indices]))]
    return order


KERNELS: dict[str, Callable[..., np.ndarray]] = {
    "random_bits": random_bits,
    "random_uniform": random_uniform,
    "random_normal": random_normal,
    "random_bernoulli": random_bernoulli,
    "random_integers": random_integers,
    "random_permutation": random_permutation,
}
