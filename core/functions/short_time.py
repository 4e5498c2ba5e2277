"""The short-time Fourier transform and its inverse, with PyTorch's arguments."""

from __future__ import annotations

import math
from typing import Any

from .. import ops
from ..errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from ..tensor import Tensor
from .decompositions import is_mapped
from .fourier import as_complex

__all__ = ["istft", "stft"]


def stft(
    input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None,
    window: Tensor | None = None, center: bool = True, pad_mode: str = "reflect", normalized: bool = False,
    onesided: bool | None = None, return_complex: bool | None = None, align_to_window: bool | None = None,
) -> Tensor:  # fmt: skip
    """Return the Fourier transforms of the windows that slide over signals.

    Parameters
    ----------
    input : Tensor
        Shape (L,) or (B, L), floating-point.
    n_fft : int
        The length of a transform.
    hop_length : int, optional
        The distance between neighbouring windows. Default: ``n_fft // 4``.
    win_length : int, optional
        The length of the window, at most n_fft. Default: n_fft.
    window : Tensor, optional
        Shape (win_length,): what a piece of the signal is multiplied by, in the middle of n_fft places. Default: ones.
    center : bool
        Whether windows have their middles, not their starts, at multiples of the hop; the signal is then padded by
        ``n_fft // 2`` on both sides.
    pad_mode : str
        How: ``"reflect"``, ``"constant"``, ``"replicate"`` or ``"circular"``.
    normalized : bool
        Whether to divide by the root of n_fft.
    onesided : bool, optional
        Whether to return only the first half, ``n_fft // 2 + 1`` frequencies. Default: where all is real.
    return_complex : bool
        Whether to return complex numbers, or pairs of real ones in one more axis. It must be given where all is real,
        as in PyTorch.
    align_to_window : bool, optional
        Without `center`: whether the window's own first element, not that of the n_fft places around it, stands at
        multiples of the hop. Default: no.

    Returns
    -------
    Tensor
        Shape (N, T) or (B, N, T) for N frequencies and T windows, and a last axis of 2 without `return_complex`.

    Raises
    ------
    ShapeError, DTypeError, ArgumentError
        If the arguments do not fit each other.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.stft(cb.ones(16), n_fft=8, window=cb.hann_window(8), return_complex=True).shape
    (5, 9)
    """
    name = "stft"
    if input.ndim not in (1, 2) or not (input.dtype.is_floating_point or input.dtype.is_complex):
        raise ShapeError(
            f"{name}: a floating-point signal (L,) or (B, L) is needed, got {input.dtype.name} {input.shape}"
        )
    hop, width = _lengths(name, n_fft, hop_length, win_length, window)
    complexes = input.dtype.is_complex or (window is not None and window.dtype.is_complex)
    if return_complex is None:
        if not complexes:
            raise ArgumentError(f"{name}: give return_complex for a real signal; True is what other functions take")
        return_complex = True
    onesided = not complexes if onesided is None else onesided
    if onesided and complexes:
        raise ArgumentError(f"{name}: a complex signal or window has no onesided spectrum; pass onesided=False")
    if center and align_to_window is not None:
        raise ArgumentError(f"{name}: align_to_window has a meaning with center=False only")
    alone = input.ndim == 1
    x = ops.expand_dims(input, axis=0) if alone else input
    if align_to_window:
        before = (n_fft - width) // 2
        x = ops.pad(x, widths=((0, 0), (before, n_fft - width - before)))
    if center:
        x = ops.pad(x, widths=((0, 0), (n_fft // 2, n_fft // 2)), mode=pad_mode)
    if x.shape[1] < n_fft:
        raise ShapeError(f"{name}: n_fft={n_fft} is longer than the signal, {x.shape[1]} elements with its padding")
    frames = _frames(x, n_fft, hop)
    if window is not None:
        frames = frames * _in_the_middle(window, n_fft, width)
    elif width < n_fft:
        frames = frames * _in_the_middle(ops.ones((width,), dtype=x.dtype, device=x.device), n_fft, width)
    scale = 1.0 / math.sqrt(n_fft) if normalized else 1.0
    if onesided:
        found = ops.fft_r2c(frames, axis=-1, scale=scale)
    else:
        found = ops.fft_c2c(as_complex(name, frames), axis=-1, scale=scale)
    found = ops.matrix_transpose(found)
    found = found if return_complex else ops.stack([ops.real(found), ops.imag(found)], axis=-1)
    return found[0] if alone else found


def istft(
    input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None,
    window: Tensor | None = None, center: bool = True, normalized: bool = False, onesided: bool | None = None,
    length: int | None = None, return_complex: bool = False,
) -> Tensor:  # fmt: skip
    """Return the signals whose short-time Fourier transforms are nearest to `input` by least squares.

    Source: D. W. Griffin and J. S. Lim, Signal estimation from modified short-time Fourier transform (1984).

    Parameters
    ----------
    input : Tensor
        Shape (N, T) or (B, N, T) for N frequencies and T windows, complex: what `stft` returned.
    n_fft, hop_length, win_length, window, center, normalized, onesided
        As for `stft`. Default of `onesided`: whether N is not n_fft.
    length : int, optional
        The length of the signal; zeros fill what no window reaches. Default: all that the windows reach, without the
        padding of `center`.
    return_complex : bool
        Whether the signal is complex; it then needs ``onesided=False``.

    Returns
    -------
    Tensor
        Shape (length,) or (B, length).

    Raises
    ------
    ShapeError, DTypeError, ArgumentError
        If the arguments do not fit each other, or the windows leave a place of the signal without weight.

    Examples
    --------
    >>> import candelabra as cb
    >>> window = cb.hann_window(8)
    >>> spectrum = cb.stft(cb.arange(16.0), n_fft=8, window=window, return_complex=True)
    >>> cb.istft(spectrum, n_fft=8, window=window)[4:8]
    tensor([4.0000, 5.0000, 6.0000, 7.0000])
    """
    name = "istft"
    if not input.dtype.is_complex:
        raise DTypeError(f"{name}: a complex spectrum is needed, got {input.dtype.name}; stft(return_complex=True) is")
    if input.ndim not in (2, 3) or 0 in input.shape:
        raise ShapeError(f"{name}: a spectrum (N, T) or (B, N, T), not empty, is needed, got shape {input.shape}")
    hop, width = _lengths(name, n_fft, hop_length, win_length, window)
    if hop > width:
        raise ArgumentError(f"{name}: hop_length={hop} leaves gaps between windows of win_length={width}")
    count = input.shape[-2]
    onesided = count != n_fft if onesided is None else onesided
    expected = n_fft // 2 + 1 if onesided else n_fft
    if count != expected:
        raise ShapeError(
            f"{name}: n_fft={n_fft} with onesided={onesided} has {expected} frequencies, a spectrum of shape "
            f"{input.shape} has {count}"
        )
    if return_complex and onesided:
        raise ArgumentError(f"{name}: a complex signal has no onesided spectrum; pass onesided=False")
    if not return_complex and window is not None and window.dtype.is_complex:
        raise ArgumentError(f"{name}: a complex window makes a complex signal; pass return_complex=True")
    alone = input.ndim == 2
    x = ops.matrix_transpose(ops.expand_dims(input, axis=0) if alone else input)
    scale = 1.0 / math.sqrt(n_fft) if normalized else 1.0 / n_fft
    if return_complex:
        frames = ops.fft_c2c(x, axis=-1, inverse=True, scale=scale)
    else:
        frames = ops.fft_c2r(x[..., : n_fft // 2 + 1], n=n_fft, axis=-1, scale=scale)
    if window is None:
        window = ops.ones((width,), dtype=frames.dtype, device=frames.device)
    weights = _in_the_middle(window, n_fft, width)
    total = _overlay(frames * weights, hop)
    steps = frames.shape[1]
    # Every window weighs the same: one row of them serves the whole batch.
    whole = _overlay(ops.broadcast_to(weights * weights, (1, steps, n_fft)), hop)
    reach = total.shape[1]
    start = n_fft // 2 if center else 0
    stop = start + length if length is not None else reach - n_fft // 2 if center else reach
    total, whole = total[:, start:stop], whole[:, start:stop]
    _refuse_gaps(name, whole)
    found = total / whole
    if stop > reach:
        found = ops.pad(found, widths=((0, 0), (0, stop - max(reach, start))))
    return found[0] if alone else found


def _refuse_gaps(name: str, weights: Tensor) -> None:
    # Inside a transformation there is no one value to look at: a gap is then a NaN or an infinity in the result.
    if 0 in weights.shape:
        raise ShapeError(f"{name}: the windows are too few to leave anything without the padding of center=True")
    if not is_mapped(weights) and bool(ops.any(ops.abs(weights) < 1e-11)):
        raise ArgumentError(
            f"{name}: somewhere the windows leave the signal without weight; take a smaller hop_length, a window "
            "without zeros, or center=True"
        )


def _lengths(name: str, n_fft: Any, hop_length: Any, win_length: Any, window: Any) -> tuple[int, int]:
    """Check what both directions take; return the hop and the window's length."""
    hop = n_fft // 4 if hop_length is None and isinstance(n_fft, int) else hop_length
    width = n_fft if win_length is None else win_length
    for what, value in (("n_fft", n_fft), ("hop_length", hop), ("win_length", width)):
        if not isinstance(value, int) or isinstance(value, bool):
            raise ArgumentTypeError(f"{name}: {what} is an int, not {value!r}")
        if value < 1:
            raise ArgumentError(f"{name}: {what} must be positive, got {value}")
    if width > n_fft:
        raise ArgumentError(f"{name}: win_length={width} is more than n_fft={n_fft}")
    if window is not None and window.shape != (width,):
        raise ShapeError(f"{name}: a window of shape ({width},) is needed, got {window.shape}")
    return hop, width


def _in_the_middle(window: Tensor, n_fft: int, width: int) -> Tensor:
    before = (n_fft - width) // 2
    return window if width == n_fft else ops.pad(window, widths=((before, n_fft - width - before),))


def _frames(x: Tensor, n: int, hop: int) -> Tensor:
    """Return the pieces (B, T, n) of signals (B, L) that begin at multiples of the hop.

    A piece is a row of neighbouring blocks of the hop's length, so that a few slices serve however long the signal is.
    """
    steps = 1 + (x.shape[1] - n) // hop
    blocks = -(-n // hop)
    wanted = (steps + blocks - 1) * hop
    if wanted > x.shape[1]:
        x = ops.pad(x, widths=((0, 0), (0, wanted - x.shape[1])))
    cut = ops.reshape(x[:, :wanted], (x.shape[0], steps + blocks - 1, hop))
    found = ops.concat([cut[:, i : i + steps] for i in range(blocks)], axis=-1) if blocks > 1 else cut
    return found if blocks * hop == n else found[..., :n]


def _overlay(frames: Tensor, hop: int) -> Tensor:
    """Return the sum (B, L) of pieces (B, T, n) that begin at multiples of the hop: the transpose of `_frames`."""
    size, steps, n = frames.shape
    blocks = -(-n // hop)
    if blocks * hop > n:
        frames = ops.pad(frames, widths=((0, 0), (0, 0), (0, blocks * hop - n)))
    total: Any = None
    for i in range(blocks):
        part = frames[..., i * hop : (i + 1) * hop]
        placed = ops.pad(part, widths=((0, 0), (i, blocks - 1 - i), (0, 0))) if blocks > 1 else part
        total = placed if total is None else total + placed
    return ops.reshape(total, (size, (steps + blocks - 1) * hop))[:, : n + hop * (steps - 1)]
