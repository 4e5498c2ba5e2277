"""Discrete Fourier transforms against PyTorch's: values, and gradients to the second order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest

NORMS = ("backward", "ortho", "forward")
ALONG_ONE = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
ALONG_MANY = ("fftn", "ifftn", "rfftn", "irfftn", "hfftn", "ihfftn")
ALONG_TWO = ("fft2", "ifft2", "rfft2", "irfft2", "hfft2", "ihfft2")
OF_REALS = ("rfft", "ihfft", "rfftn", "rfft2", "ihfftn", "ihfft2")


def numbers(name: str, shape: tuple[int, ...], *, real: bool = False) -> np.ndarray:
    rng = np.random.default_rng(11)
    x = rng.standard_normal(shape)
    return x if real or name in OF_REALS else x + 1j * rng.standard_normal(shape)


@pytest.mark.parametrize("name", ALONG_ONE)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("n", [None, 1, 2, 4, 5, 9])
def test_along_one_axis(compare: Callable[..., None], name: str, norm: str, n: int | None) -> None:
    for shape, axis in (((5,), -1), ((2, 6, 3), 1), ((4, 2), 0)):
        compare(
            lambda x, axis=axis: getattr(cb.fft, name)(x, n=n, axis=axis, norm=norm),
            lambda t, x, axis=axis: getattr(t.fft, name)(x, n=n, dim=axis, norm=norm),
            numbers(name, shape),
        )


@pytest.mark.parametrize("name", ALONG_MANY)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(
    ("s", "axes"),
    [
        (None, None),
        (None, (1,)),
        (None, (2, 0)),
        ((3, 6), (0, 2)),
        ((5, 4), None),
        ((-1, 7), (1, -3)),
        ((1, 1, 1), None),
    ],
)
def test_along_several_axes(compare: Callable[..., None], name: str, norm: str, s: Any, axes: Any) -> None:
    compare(
        lambda x: getattr(cb.fft, name)(x, s=s, axes=axes, norm=norm),
        lambda t, x: getattr(t.fft, name)(x, s=s, dim=axes, norm=norm),
        numbers(name, (4, 3, 5)),
    )


@pytest.mark.parametrize("name", ALONG_TWO)
@pytest.mark.parametrize(("s", "axes"), [(None, (-2, -1)), ((4, 2), (-2, -1)), ((2, -1), (0, 1))])
def test_along_two_axes(compare: Callable[..., None], name: str, s: Any, axes: Any) -> None:
    compare(
        lambda x: getattr(cb.fft, name)(x, s=s, axes=axes),
        lambda t, x: getattr(t.fft, name)(x, s=s, dim=axes),
        numbers(name, (3, 4, 5)),
    )


@pytest.mark.parametrize("name", ["fft", "ifft", "irfft", "hfft", "fftn", "ifftn", "irfftn"])
def test_real_numbers_where_complex_ones_are_meant(compare: Callable[..., None], name: str) -> None:
    x = numbers(name, (4, 3), real=True)
    compare(lambda x: getattr(cb.fft, name)(x), lambda t, x: getattr(t.fft, name)(x), x)


@pytest.mark.parametrize("name", [*ALONG_ONE, *ALONG_MANY])
def test_single_precision_and_integers(compare: Callable[..., None], torch: Any, name: str) -> None:
    x = numbers(name, (3, 4)).astype(np.float32 if name in OF_REALS else np.complex64)
    compare(lambda x: getattr(cb.fft, name)(x), lambda t, x: getattr(t.fft, name)(x), x, order=1)
    whole = np.arange(12).reshape(3, 4)
    compare(lambda x: getattr(cb.fft, name)(x), lambda t, x: getattr(t.fft, name)(x), whole, order=0)


@pytest.mark.parametrize("n", [64, 101, 1024])
def test_a_long_signal(compare: Callable[..., None], n: int) -> None:
    compare(lambda x: cb.fft.irfft(cb.fft.rfft(x) ** 2, n=n), lambda t, x: t.fft.irfft(t.fft.rfft(x) ** 2, n=n),
            numbers("rfft", (2, n)), order=1, tolerance=10)  # fmt: skip


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_frequencies_and_shifts(compare: Callable[..., None], n: int) -> None:
    compare(lambda: cb.fft.fftfreq(n, d=0.5), lambda t: t.fft.fftfreq(n, d=0.5))
    compare(lambda: cb.fft.rfftfreq(n, d=0.5), lambda t: t.fft.rfftfreq(n, d=0.5))
    x = numbers("fft", (n, 3))
    for axes in (None, 0, (0, 1)):
        compare(lambda x, a=axes: cb.fft.fftshift(x, axes=a), lambda t, x, a=axes: t.fft.fftshift(x, dim=a), x)
        compare(lambda x, a=axes: cb.fft.ifftshift(x, axes=a), lambda t, x, a=axes: t.fft.ifftshift(x, dim=a), x)


ONE = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
MANY = tuple(f"{name}{k}" for name in ONE for k in ("2", "n"))


@pytest.mark.parametrize("name", (*ONE, *MANY))
def test_arguments_in_pytorch_s_places_and_by_its_names(compare: Callable[..., None], name: str) -> None:
    rng = np.random.default_rng(9)
    x = rng.standard_normal((3, 4, 5))
    if not name.startswith(("rfft", "ihfft")):
        x = x + 1j * rng.standard_normal(x.shape)
    kind = "complex128" if x.dtype.kind == "c" else "float64"
    size, place = (4, 1) if name in ONE else ((4, 6), (0, 2))
    for call in (
        lambda f, x: f(x, size, place, "ortho"),
        lambda f, x: f(x, dim=place),
        lambda f, x: f(x, size, dim=place, norm="forward"),
    ):
        compare(lambda x, c=call: c(getattr(cb.fft, name), x), lambda t, x, c=call: c(getattr(t.fft, name), x), x,
                dtype=kind, tolerance=10)  # fmt: skip


def test_frequencies_and_their_order(compare: Callable[..., None]) -> None:
    for name in ("fftfreq", "rfftfreq"):
        for n in (1, 5, 8):
            compare(lambda n=n, f=name: getattr(cb.fft, f)(n, 0.5), lambda t, n=n, f=name: getattr(t.fft, f)(n, 0.5))
    assert cb.fft.fftfreq(4, requires_grad=True).requires_grad
    x = np.random.default_rng(10).standard_normal((4, 5))
    for name in ("fftshift", "ifftshift"):
        for options in ({}, {"dim": 1}, {"dim": (0, 1)}):
            compare(lambda x, f=name, o=options: getattr(cb.fft, f)(x, **o),
                    lambda t, x, f=name, o=options: getattr(t.fft, f)(x, **o), x)  # fmt: skip
        compare(lambda x, f=name: getattr(cb.fft, f)(x, 0), lambda t, x, f=name: getattr(t.fft, f)(x, 0), x)
