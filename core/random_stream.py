"""How a seed becomes a key, and how far each draw moves the counter: the arithmetic of `docs/random.md`.

No array is made here. A generator advances its counter by `blocks_for` before it dispatches a draw, so whoever
repeats the draw from the same key and counter sees the same numbers.
"""

from __future__ import annotations

import operator

from .errors import ArgumentError

STREAM_VERSION = 1

KINDS = frozenset({"bits", "uniform", "normal", "integers", "permutation", "bernoulli"})
_HALF_PER_ELEMENT = frozenset({"uniform", "normal", "bernoulli"})


def derive_key(seed: int) -> int:
    """Return the 64-bit Philox key that a seed stands for.

    Parameters
    ----------
    seed : int
        Any integer; a negative one is taken as its two's complement.

    Returns
    -------
    int
        The seed modulo 2**64.

    Examples
    --------
    >>> derive_key(7)
    7
    >>> hex(derive_key(-1))
    '0xffffffffffffffff'
    """
    return operator.index(seed) & 0xFFFFFFFFFFFFFFFF


def blocks_for(kind: str, n: int, dtype: str = "float32") -> int:
    """Return how many counter blocks of four 64-bit words a draw consumes.

    Parameters
    ----------
    kind : {"bits", "uniform", "normal", "integers", "permutation", "bernoulli"}
        What is drawn.
    n : int
        How many elements.
    dtype : str
        The name of the result's dtype. It counts for uniform, normal and bernoulli draws, where float64 takes a word
        per element and every other dtype half a word.

    Returns
    -------
    int
        Zero for an empty draw.

    Examples
    --------
    >>> blocks_for("uniform", 9, "float32"), blocks_for("uniform", 9, "float64")
    (2, 3)
    """
    if kind in _HALF_PER_ELEMENT and dtype != "float64":
        return (n + 7) >> 3
    if kind in KINDS:
        return (n + 3) >> 2
    raise ArgumentError(f"blocks_for: unknown kind {kind!r}; the kinds are {', '.join(sorted(KINDS))}")
