"""Windows and short-time Fourier transforms: pieces of any hop, transformations, dtypes and refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.core.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError

RNG = np.random.default_rng(2)


@pytest.mark.parametrize(("n", "hop"), [(4, 1), (4, 2), (4, 3), (4, 4), (4, 7), (5, 2), (6, 4), (1, 1)])
def test_spectra_of_pieces(n: int, hop: int) -> None:
    x = RNG.standard_normal(23)
    found = cb.stft(cb.asarray(x), n, hop, center=False, return_complex=True).numpy()
    pieces = [x[start : start + n] for start in range(0, len(x) - n + 1, hop)]
    assert found.shape == (n // 2 + 1, len(pieces))
    np.testing.assert_allclose(found.T, [np.fft.rfft(piece) for piece in pieces], atol=1e-12)


@pytest.mark.parametrize(("n", "hop"), [(4, 1), (4, 2), (4, 3), (4, 4), (5, 2), (6, 4)])
def test_a_signal_comes_back(n: int, hop: int) -> None:
    x = RNG.standard_normal((2, 24))
    window = cb.asarray(RNG.uniform(0.5, 1, n))
    spectrum = cb.stft(cb.asarray(x), n, hop, window=window, return_complex=True)
    found = cb.istft(spectrum, n, hop, window=window)
    assert 24 - hop < found.shape[1] + n % 2 <= 24 + 1
    np.testing.assert_allclose(found.numpy(), x[:, : found.shape[1]], atol=1e-12)


def test_transformations() -> None:
    x = cb.asarray(RNG.standard_normal((3, 20)))
    window = cb.hann_window(8, dtype=cb.float64)

    def forward(x: Any) -> Any:
        return cb.stft(x, 8, window=window, return_complex=True)

    def there_and_back(x: Any) -> Any:
        return cb.istft(forward(x), 8, window=window, length=20)

    np.testing.assert_allclose(cb.vmap(forward)(x).numpy(), forward(x).numpy(), atol=1e-12)
    np.testing.assert_allclose(cb.vmap(there_and_back)(x).numpy(), x.numpy(), atol=1e-12)
    _, slope = cb.func.jvp(there_and_back, (x,), (2.0 * x,))
    np.testing.assert_allclose(slope.numpy(), 2 * x.numpy(), atol=1e-12)
    x.requires_grad_()
    assert cb.autograd.gradcheck(lambda x: cb.abs(forward(x)) ** 2, (x[:1, :10].detach().requires_grad_(),))


def test_dtypes_and_requires_grad() -> None:
    assert cb.hann_window(8, dtype=cb.bfloat16).dtype is cb.bfloat16
    assert cb.hamming_window(3, requires_grad=True).requires_grad and not cb.hamming_window(3).requires_grad
    # Places of 16 bits would stop at 2048.
    long = cb.bartlett_window(10000, dtype=cb.float16)
    np.testing.assert_allclose(long.double().numpy(), np.bartlett(10001)[:-1], atol=1e-3)
    np.testing.assert_allclose(cb.kaiser_window(9, False, 8.6, dtype=cb.float64).numpy(), np.kaiser(9, 8.6), atol=1e-12)
    single = cb.stft(cb.ones(16), 8, return_complex=True)
    assert single.dtype is cb.complex64 and cb.istft(single, 8).dtype is cb.float32


X, Z = cb.ones(16), cb.ones((5, 3), dtype=cb.complex64)
REFUSED: list[tuple[Callable[[], Any], type, str]] = [
    (lambda: cb.hann_window(-1), ArgumentError, "hann_window: window_length must not be negative, got -1"),
    (lambda: cb.hann_window(2.0), ArgumentTypeError, r"hann_window: window_length is an int, not 2\.0"),
    (lambda: cb.hann_window(2, dtype=cb.int64), DTypeError, "hann_window: a real floating-point dtype is needed"),
    (lambda: cb.stft(X, 8), ArgumentError, "stft: give return_complex for a real signal"),
    (lambda: cb.stft(cb.arange(16), 8), ShapeError, r"stft: a floating-point signal .* got int64 \(16,\)"),
    (lambda: cb.stft(X[None, None], 8), ShapeError, r"stft: a floating-point signal \(L,\) or \(B, L\) is needed"),
    (lambda: cb.stft(X, 0, return_complex=True), ArgumentError, "stft: n_fft must be positive, got 0"),
    (lambda: cb.stft(X, 3, return_complex=True), ArgumentError, "stft: hop_length must be positive, got 0"),
    (lambda: cb.stft(X, 8.0, return_complex=True), ArgumentTypeError, r"stft: n_fft is an int, not 8\.0"),
    (
        lambda: cb.stft(X, 8, win_length=9, return_complex=True),
        ArgumentError,
        "stft: win_length=9 is more than n_fft=8",
    ),
    (
        lambda: cb.stft(X, 8, window=cb.ones(7), return_complex=True),
        ShapeError,
        r"stft: a window of shape \(8,\) is needed, got \(7,\)",
    ),
    (lambda: cb.stft(X, 20, center=False, return_complex=True), ShapeError, "stft: n_fft=20 is longer than the signal"),
    (lambda: cb.stft(X + 0j, 8, onesided=True), ArgumentError, "stft: a complex signal or window has no onesided"),
    (
        lambda: cb.stft(X + 0j, 8, align_to_window=True),
        ArgumentError,
        "stft: align_to_window has a meaning with center",
    ),
    (lambda: cb.istft(X[None], 8), DTypeError, "istft: a complex spectrum is needed, got float32"),
    (lambda: cb.istft(Z[0], 8), ShapeError, r"istft: a spectrum .* got shape \(3,\)"),
    (lambda: cb.istft(Z, 10), ShapeError, r"istft: n_fft=10 with onesided=True has 6 frequencies, .* has 5"),
    (lambda: cb.istft(Z, 8, 9), ArgumentError, "istft: hop_length=9 leaves gaps"),
    (lambda: cb.istft(Z, 8, return_complex=True), ArgumentError, "istft: a complex signal has no onesided spectrum"),
    (lambda: cb.istft(Z, 8, window=cb.ones(8) + 0j), ArgumentError, "istft: a complex window makes a complex signal"),
    (
        lambda: cb.istft(Z, 8, window=cb.hann_window(8), center=False),
        ArgumentError,
        "istft: somewhere the windows leave the signal without weight",
    ),
    (lambda: cb.istft(Z[:, :1], 8), ShapeError, "istft: the windows are too few"),
]


@pytest.mark.parametrize(("call", "kind", "text"), REFUSED, ids=[text[:40] for _, _, text in REFUSED])
def test_refusals(call: Callable[[], Any], kind: type, text: str) -> None:
    with pytest.raises(kind, match=text):
        call()
