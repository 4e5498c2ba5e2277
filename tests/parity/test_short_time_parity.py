"""Windows and short-time Fourier transforms against PyTorch's."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest

RNG = np.random.default_rng(9)
WINDOWS = ("hann_window", "hamming_window", "blackman_window", "bartlett_window", "kaiser_window")


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_windows(compare: Callable[..., None], name: str, periodic: bool, kind: str) -> None:
    for length in (0, 1, 2, 3, 8, 101):
        compare(
            lambda n=length: getattr(cb, name)(n, periodic, dtype=getattr(cb, kind)),
            lambda t, n=length: getattr(t, name)(n, periodic, dtype=getattr(t, kind)),
        )


def test_windows_with_other_arguments(compare: Callable[..., None]) -> None:
    compare(lambda: cb.hamming_window(7, True, 0.5, 0.3), lambda t: t.hamming_window(7, True, 0.5, 0.3))
    compare(lambda: cb.kaiser_window(7, False, 4.0), lambda t: t.kaiser_window(7, False, 4.0))
    compare(lambda: cb.hann_window(5), lambda t: t.hann_window(5))


CASES: list[dict[str, Any]] = [
    {},
    {"hop_length": 3},
    {"hop_length": 8, "win_length": 5},
    {"hop_length": 11},
    {"hop_length": 2, "win_length": 7, "normalized": True},
    {"center": False},
    {"pad_mode": "constant", "onesided": False},
    {"pad_mode": "replicate", "hop_length": 1},
    {"pad_mode": "circular", "onesided": True},
    {"return_complex": False},
    {"center": False, "win_length": 5, "hop_length": 3, "align_to_window": True},
    {"center": False, "win_length": 6, "align_to_window": False},
]


@pytest.mark.filterwarnings("ignore:stft with return_complex")
@pytest.mark.parametrize("how", CASES, ids=str)
@pytest.mark.parametrize("n_fft", [8, 9])
@pytest.mark.parametrize("shape", [(30,), (2, 33)])
def test_stft(compare: Callable[..., None], how: dict[str, Any], n_fft: int, shape: tuple[int, ...]) -> None:
    how = {"return_complex": True, **how}
    x, window = RNG.standard_normal(shape), RNG.uniform(0.5, 1, how.get("win_length", n_fft))
    compare(
        lambda x, w: cb.stft(x, n_fft, window=w, **how), lambda t, x, w: t.stft(x, n_fft, window=w, **how), x, window
    )


@pytest.mark.filterwarnings("ignore")
def test_stft_of_complex_signals_and_without_a_window(compare: Callable[..., None]) -> None:
    z = RNG.standard_normal(30) + 1j * RNG.standard_normal(30)
    compare(lambda z: cb.stft(z, 8), lambda t, z: t.stft(z, 8), z)
    how: dict[str, Any] = {"win_length": 5, "return_complex": True}
    compare(lambda x: cb.stft(x, 8, **how), lambda t, x: t.stft(x, 8, **how), z.real)


INVERSE: list[dict[str, Any]] = [
    {},
    {"hop_length": 3},
    {"hop_length": 5, "win_length": 6},
    {"normalized": True, "length": 20},
    {"length": 31, "hop_length": 4},
    {"center": False, "hop_length": 1},
    {"center": False, "length": 25},
    {"onesided": False},
    {"onesided": False, "return_complex": True, "hop_length": 7},
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("how", INVERSE, ids=str)
@pytest.mark.parametrize("n_fft", [8, 9])
@pytest.mark.parametrize("lead", [(), (2,)])
def test_istft(compare: Callable[..., None], how: dict[str, Any], n_fft: int, lead: tuple[int, ...]) -> None:
    shape = (*lead, n_fft // 2 + 1 if how.get("onesided", True) else n_fft, 6)
    z = RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape)
    window = RNG.uniform(0.5, 1, how.get("win_length", n_fft))
    compare(
        lambda z, w: cb.istft(z, n_fft, window=w, **how), lambda t, z, w: t.istft(z, n_fft, window=w, **how), z, window
    )


def test_there_and_back(compare: Callable[..., None]) -> None:
    def round_trip(module: Any, x: Any, window: Any) -> Any:
        spectrum = module.stft(x, 64, 16, window=window, return_complex=True)
        return module.istft(spectrum, 64, 16, window=window, length=500)

    x = RNG.standard_normal((2, 500))
    window = cb.hann_window(64, dtype=cb.float64).numpy()
    compare(lambda x: round_trip(cb, x, cb.asarray(window)), lambda t, x: round_trip(t, x, t.tensor(window)), x)
    found = round_trip(cb, cb.asarray(x), cb.asarray(window))
    np.testing.assert_allclose(found.numpy(), x, atol=1e-12)


@pytest.mark.parametrize("name", ["stft", "istft"])
def test_arguments_are_pytorch_s(torch: Any, name: str) -> None:
    ours = inspect.signature(getattr(cb, name)).parameters
    if name == "istft":
        # PyTorch's is built in; its signature stands in the docstring.
        first = torch.istft.__doc__.strip().split("(", 1)[1].split(")", 1)[0]
        theirs = [part.partition("=")[0].strip() for part in first.split(",")]
        assert list(ours) == theirs
        return
    found = inspect.signature(torch.stft).parameters
    assert [(p.name, p.default) for p in ours.values()] == [(p.name, p.default) for p in found.values()]
