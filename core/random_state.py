"""Generators: where in the random stream of `docs/random.md` the next draw begins.

A generator is a key and a counter, no more. A draw takes both and moves the counter on before any number is computed,
so whoever repeats it with the same key and counter sees the same numbers, on every device.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import dtypes
from .device import Device, as_device, host_device
from .errors import ArgumentError, ArgumentTypeError
from .random_stream import STREAM_VERSION, blocks_for, derive_key
from .tensor import Tensor

_WORD = (1 << 64) - 1
_COUNTER = (1 << 256) - 1
_SHIFTS = (0, 64, 128, 192)


class GeneratorState(Tensor):
    """What `Generator.get_state` returns: a Tensor of uint64 that stays the host's when a file is loaded elsewhere."""

    __slots__ = ()


class Generator:
    """A source of random numbers (Philox-4x64-10); the same seed gives the same numbers on every device.

    Parameters
    ----------
    device : Device or str, optional
        The device that it is made for, as PyTorch has it; it serves every other device as well. Default: the host's.

    Notes
    -----
    Not seeded, it begins at a seed from the operating system. Draws from several threads never overlap.

    Examples
    --------
    >>> import candelabra as cb
    >>> g = cb.Generator().manual_seed(7)
    >>> a = cb.rand(3, generator=g)
    >>> bool((a == cb.rand(3, generator=g.manual_seed(7))).all())
    True
    """

    __slots__ = ("__weakref__", "_counter", "_device", "_key", "_lock")

    def __init__(self, device: Device | str | None = None) -> None:
        self._device = None if device is None else as_device(device)
        self._lock = threading.Lock()
        self._key = int.from_bytes(os.urandom(8), "little")
        self._counter = 0

    @property
    def device(self) -> Device:
        """The device that it was made for."""
        return host_device() if self._device is None else self._device

    def manual_seed(self, seed: int) -> Generator:
        """Begin anew at a seed, any integer (taken modulo 2**64); returns the generator."""
        try:
            key = derive_key(seed)
        except TypeError:
            raise ArgumentTypeError(f"manual_seed: a seed is an int, not {seed!r} ({type(seed).__name__})") from None
        self._set(key, 0)
        return self

    def seed(self) -> int:
        """Begin anew at a seed from the operating system, and return it."""
        key = int.from_bytes(os.urandom(8), "little")
        self._set(key, 0)
        return key

    def initial_seed(self) -> int:
        """Return the seed at which it began, modulo 2**64."""
        return self._key

    def get_state(self) -> Tensor:
        """Return the state: uint64 of shape (6,), on the host: stream version, key and the counter's four words."""
        key, counter = self._get()
        words = [STREAM_VERSION, key, *((counter >> shift) & _WORD for shift in _SHIFTS)]
        host = host_device()
        return GeneratorState(host.backend.asarray(words, host.native[dtypes.uint64]), host)

    def set_state(self, new_state: Tensor) -> Generator:
        """Continue from a state of `get_state`; returns the generator.

        Raises
        ------
        ArgumentTypeError
            If `new_state` is no Tensor of uint64.
        ArgumentError
            If it is no state, or one of another version of the stream.
        """
        if not isinstance(new_state, Tensor) or new_state.dtype is not dtypes.uint64:
            given = f"a Tensor of {new_state.dtype.name}" if isinstance(new_state, Tensor) else type(new_state).__name__
            raise ArgumentTypeError(f"set_state: a state is what get_state() returns, a Tensor of uint64, not {given}")
        shape = (2 + len(_SHIFTS),)
        if new_state.shape != shape:
            raise ArgumentError(
                f"set_state: a state is what get_state() returns and has shape {shape}, not {new_state.shape}"
            )
        version, key, *words = new_state.tolist()
        if version != STREAM_VERSION:
            raise ArgumentError(
                f"set_state: the state is of version {version} of the random stream, and this candelabra has version "
                f"{STREAM_VERSION}; use the candelabra that made it, or begin anew with manual_seed"
            )
        self._set(key, sum(word << shift for word, shift in zip(words, _SHIFTS, strict=True)))
        return self

    def draw(self, kind: str, n: int, dtype: dtypes.DType | str = "float32") -> tuple[int, int]:
        """Return the key and counter for a draw, and move the counter behind it.

        Parameters
        ----------
        kind : {"bits", "uniform", "normal", "integers", "permutation", "bernoulli"}
            What is drawn.
        n : int
            How many elements.
        dtype : DType or str
            The result's dtype.
        """
        blocks = blocks_for(kind, n, dtype.name if type(dtype) is dtypes.DType else dtype)  # type: ignore[arg-type]
        with self._lock:
            counter = self._counter
            self._counter = (counter + blocks) & _COUNTER
            return self._key, counter

    def take_back(self, kind: str, n: int, dtype: dtypes.DType | str, key: int, counter: int) -> None:
        """Undo a draw that failed, unless another one has followed it."""
        blocks = blocks_for(kind, n, dtype if isinstance(dtype, str) else dtype.name)
        with self._lock:
            if self._key == key and self._counter == (counter + blocks) & _COUNTER:
                self._counter = counter

    def _get(self) -> tuple[int, int]:
        with self._lock:
            return self._key, self._counter

    def _set(self, key: int, counter: int) -> None:
        with self._lock:
            self._key, self._counter = key, counter

    def __repr__(self) -> str:
        key, counter = self._get()
        return f"<Generator on {self.device}, seed {key}, block {counter}>"

    def __reduce__(self) -> tuple[Any, ...]:
        device = None if self._device is None else str(self._device)
        return (_generator, (device, STREAM_VERSION, *self._get()))


def _generator(device: str | None, version: int, key: int, counter: int) -> Generator:
    """Return the generator that was pickled or copied."""
    if version != STREAM_VERSION:
        raise ArgumentError(
            f"the pickled generator is of version {version} of the random stream, and this candelabra has version "
            f"{STREAM_VERSION}"
        )
    made = Generator(device)
    made._set(key, counter)
    return made


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Begin the default generator anew at a seed, any integer; returns the generator.

    Examples
    --------
    >>> import candelabra as cb
    >>> _ = cb.manual_seed(0)
    >>> cb.initial_seed()
    0
    """
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Begin the default generator anew at a seed from the operating system, and return it."""
    return default_generator.seed()


def initial_seed() -> int:
    """Return the seed at which the default generator began, modulo 2**64."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """Return the default generator's state, uint64 of shape (6,).

    Examples
    --------
    >>> import candelabra as cb
    >>> state = cb.get_rng_state()
    >>> a = cb.rand(2)
    >>> cb.set_rng_state(state)
    >>> bool((a == cb.rand(2)).all())
    True
    """
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Let the default generator continue from a state of `get_rng_state`."""
    default_generator.set_state(new_state)


@contextmanager
def fork_rng(devices: Any = None, enabled: bool = True) -> Iterator[None]:
    """Leave the default generator after a block as it was before.

    Parameters
    ----------
    devices : iterable of Device or str, optional
        As PyTorch has it; one generator serves all devices, so it is forked whichever are named.
    enabled : bool
        False leaves the generator alone.

    Examples
    --------
    >>> import candelabra as cb
    >>> before = cb.get_rng_state()
    >>> with cb.fork_rng():
    ...     _ = cb.manual_seed(1)
    >>> bool((cb.get_rng_state() == before).all())
    True
    """
    if not enabled:
        yield
        return
    state = default_generator._get()
    try:
        yield
    finally:
        default_generator._set(*state)
