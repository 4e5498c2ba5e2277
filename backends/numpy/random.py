"""The random stream of `docs/random.md` on NumPy, whose own Philox bit generator supplies the words.

Each kernel is a draw: key (64 bit) and counter (a block number) come in as Python integers, and nothing is remembered
between calls. Large draws are worked off in chunks that stay in cache, from the words to the result.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.errors import ArgumentError

# Words per chunk: 64 KiB of bits and about as much again of intermediate results.
_CHUNK = 8192
_MASK = 0xFFFFFFFFFFFFFFFF
_LOW_HALF = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)

_F32 = np.dtype(np.float32)
_F64 = np.dtype(np.float64)
# The dtypes that uniforms and normals come in, with the number of bits in the significand. bfloat16 is added when it is
# first met, so that ml_dtypes is not imported for it here.
_PRECISION: dict[Any, int] = {_F32: 24, _F64: 53, np.dtype(np.float16): 11}

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


def _halves(words: np.ndarray) -> np.ndarray:
    """Return the half-words of an array of words, the lower half of each first, on the same memory."""
    halves = words.view(np.uint32)
    if sys.byteorder == "big":
        halves = halves.reshape(-1, 2)[:, ::-1].reshape(-1)
    return halves


def _chunks(n: int, per_word: int) -> Any:
    """Yield (start, stop, words to read) over n elements of which one word makes `per_word`."""
    step = _CHUNK * per_word
    for start in range(0, n, step):
        stop = min(start + step, n)
        yield start, stop, (stop - start + per_word - 1) // per_word


def _precision(dtype: np.dtype) -> int:
    """Return the length of a floating-point dtype's significand, 0 for a dtype that is not served."""
    bits = _PRECISION.get(dtype)
    if bits is None:
        bits = 8 if dtype.name == "bfloat16" else 0
        _PRECISION[dtype] = bits
    return bits


def random_bits(*, key: int, counter: int, n: int) -> np.ndarray:
    """Return the first `n` words at a counter, as uint64."""
    return _seek(key, counter)(n)


def _bounds(low: float, high: float, dtype: np.dtype, compute: np.dtype) -> tuple[Any, Any, Any]:
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
    bits = _precision(dtype)
    if not bits:
        return NotImplemented
    wide = bits == 53
    compute = _F64 if wide else _F32
    scale = compute.type(2.0**-bits)
    shift = np.uint64(11) if wide else np.uint32(32 - bits)
    unit = low == 0 and high == 1
    if not unit:
        base, width, greatest = _bounds(low, high, dtype, compute)
    out = np.empty(shape, dtype)
    flat = out.reshape(-1)
    read = _seek(key, counter)
    for start, stop, count in _chunks(out.size, 1 if wide else 2):
        words = read(count)
        source = words if wide else _halves(words)[: stop - start]
        np.right_shift(source, shift, out=source)
        part = flat[start:stop]
        # The shifted bits fit the signed type of the same size, which processors convert faster.
        values = source.view(np.int64 if wide else np.int32).astype(compute)
        if unit:
            np.multiply(values, scale, out=part, casting="same_kind")
        else:
            values *= scale
            values *= width
            values += base
            part[...] = values
            np.minimum(part, greatest, out=part)
    return out


def random_normal(
    *, key: int, counter: int, shape: tuple[int, ...], dtype: np.dtype, mean: float = 0.0, std: float = 1.0
) -> np.ndarray:
    """Return normals by Box and Muller's transform."""
    bits = _precision(dtype)
    if not bits:
        return NotImplemented
    if not std >= 0:
        raise ArgumentError(f"normal: the standard deviation must not be negative, got {std}")
    wide = bits == 53
    compute = _F64 if wide else _F32
    number = compute.type
    # fl(c * u2) with u2 = k * 2**-p: the power of two may move into the constant, exactly.
    turn = number(2 * math.pi) * number(2.0**-53 if wide else 2.0**-24)
    minus_two = number(-2)
    out = np.empty(shape, dtype)
    flat = out.reshape(-1)
    read = _seek(key, counter)
    for start, stop, count in _chunks(out.size, 1 if wide else 2):
        size = stop - start
        if wide:
            words = read(count + count % 2)
            np.right_shift(words, np.uint64(11), out=words)
            signed = words.view(np.int64)
            radius = signed[0::2].astype(compute)
            radius *= number(-(2.0**-53))
            radius += number(1)
            angle = signed[1::2].astype(compute)
        else:
            halves = _halves(read(count))
            radius = halves[0::2].astype(compute)
            radius *= number(2.0**-32)
            radius += number(2.0**-33)
            angle = np.right_shift(halves[1::2], np.uint32(8)).view(np.int32).astype(compute)
        np.log(radius, out=radius)
        radius *= minus_two
        np.sqrt(radius, out=radius)
        angle *= turn
        values = flat[start:stop] if dtype == compute else np.empty(size, compute)
        cosine = np.cos(angle)
        np.multiply(radius, cosine, out=values[0::2])
        np.sin(angle, out=angle)
        np.multiply(radius[: size // 2], angle[: size // 2], out=values[1::2])
        if std != 1:
            values *= number(std)
        if mean != 0:
            values += number(mean)
        if dtype != compute:
            flat[start:stop] = values
    return out


def random_bernoulli(
    *, key: int, counter: int, shape: tuple[int, ...], dtype: np.dtype, p: float
) -> np.ndarray:
    """Return draws that are one with probability `p`, else zero."""
    if not 0 <= p <= 1:
        raise ArgumentError(f"bernoulli: p must lie in [0, 1], got {p}")
    wide = dtype == _F64
    # u < p compares k * 2**-bits with p, so k is compared with an integer, and k's place within the word does not matter.
    if wide:
        bound, top, unsigned = math.ceil(p * 2.0**53) << 11, 2**64, np.uint64
    else:
        bound, top, unsigned = math.ceil(float(np.float32(p)) * 2.0**24) << 8, 2**32, np.uint32
    if bound == top:
        return np.ones(shape, dtype)
    threshold = unsigned(bound)
    out = np.empty(shape, dtype)
    flat = out.reshape(-1)
    boolean = dtype == np.bool_
    read = _seek(key, counter)
    for start, stop, count in _chunks(out.size, 1 if wide else 2):
        words = read(count)
        source = words if wide else _halves(words)[: stop - start]
        if boolean:
            np.less(source, threshold, out=flat[start:stop])
        else:
            flat[start:stop] = np.less(source, threshold)
    return out


def _check_range(low: int, high: int, dtype: np.dtype) -> None:
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
    if dtype.kind not in "iubf" and not _precision(dtype):
        return NotImplemented
    _check_range(low, high, dtype)
    width = high - low
    offset = np.uint64(low & _MASK) if low else None
    view = np.uint64 if high > 1 << 63 else np.int64
    out = np.empty(shape, dtype)
    flat = out.reshape(-1)
    read = _seek(key, counter)
    for start, stop, count in _chunks(out.size, 1):
        words = read(count)
        if width <= _MASK:
            words = _multiply_high(words, width)
        if offset is not None:
            words += offset
        flat[start:stop] = words.view(view)
    return out


def random_permutation(*, key: int, counter: int, n: int, dtype: np.dtype) -> np.ndarray:
    """Return a permutation of `n`: the stable argsort of the first `n` words."""
    keys = _seek(key, counter)(n)
    order = np.argsort(keys)
    if n > 1:
        # The default sort is several times faster than the stable one and gives the same unless two keys are equal.
        keys = keys[order]
        if (keys[1:] == keys[:-1]).any():
            order = _stable_order(keys, order)
    return order.astype(dtype, copy=False)


def _stable_order(ascending: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return `order`, which sorts keys to `ascending`, with the indices of equal keys put in ascending order."""
    return order[np.lexsort((order, ascending))]


KERNELS: dict[str, Callable[..., np.ndarray]] = {
    "random_bits": random_bits,
    "random_uniform": random_uniform,
    "random_normal": random_normal,
    "random_bernoulli": random_bernoulli,
    "random_integers": random_integers,
    "random_permutation": random_permutation,
}
