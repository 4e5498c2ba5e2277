"""Discrete Fourier transforms: dtypes, sizes, transformations, refusals, and the body without a library's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.core import ops
from candelabra.core.device import host_device
from candelabra.core.errors import ArgumentError, ArgumentTypeError, AxisError, DTypeError, ShapeError
from candelabra.core.implementation import Namespace
from candelabra.core.primitives import fourier as table
from candelabra.core.primitives.row import TABLE

RNG = np.random.default_rng(5)


def real(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def complexes(*shape: int) -> np.ndarray:
    return real(*shape) + 1j * real(*shape)


@pytest.mark.parametrize(
    ("name", "given", "wanted"),
    [
        ("fft", cb.complex64, cb.complex64), ("fft", cb.complex128, cb.complex128), ("fft", cb.float32, cb.complex64),
        ("ifftn", cb.float64, cb.complex128), ("fft", cb.float16, cb.complex64), ("fftn", cb.int64, cb.complex64),
        ("rfft", cb.float32, cb.complex64), ("rfftn", cb.float64, cb.complex128), ("rfft", cb.bfloat16, cb.complex64),
        ("ihfft", cb.float16, cb.complex64), ("rfft", cb.uint8, cb.complex64), ("irfft", cb.complex64, cb.float32),
        ("hfft", cb.complex128, cb.float64), ("irfftn", cb.float32, cb.float32), ("irfft", cb.int32, cb.float32),
    ],
)  # fmt: skip
def test_dtypes(name: str, given: Any, wanted: Any) -> None:
    values = np.asarray([[1, 4, 2, 8], [5, 7, 1, 0]])
    found = getattr(cb.fft, name)(cb.astype(cb.asarray(values), given))
    assert found.dtype is wanted
    expected = getattr(np.fft, name)(values.astype(np.float64))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", [cb.float16, cb.bfloat16, cb.float32, cb.float64])
def test_gradients_have_the_operand_s_dtype(kind: Any) -> None:
    x = cb.asarray(real(2, 6), dtype=kind, requires_grad=True)
    y = cb.fft.rfft(x)
    cb.sum(cb.abs(y) ** 2).backward()
    assert x.grad.dtype is kind
    # Parseval: the half counts all but its ends once instead of twice.
    wide = x.detach().double().numpy()
    spectrum = np.fft.fft(wide)
    weights = np.asarray([1, 0.5, 0.5, 1, 0.5, 0.5])
    expected = 2 * 6 * np.fft.ifft(spectrum * weights).real
    tolerance = {"float16": 2e-2, "bfloat16": 2e-1, "float32": 1e-4, "float64": 1e-10}[kind.name]
    np.testing.assert_allclose(x.grad.double().numpy(), expected, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("n", [1, 2, 3, 32, 33, 37, 60, 96, 1024, 1369, 1994])
def test_the_generic_body_without_a_library(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_extension", lambda xp, x: None)
    xp = Namespace(host_device())
    x = complexes(2, n, 3)
    for inverse, function in ((False, np.fft.fft), (True, np.fft.ifft)):
        body = TABLE["fft_c2c"].body
        assert body is not None
        found = body(xp, x, axis=(1,), inverse=inverse, scale=1 / n if inverse else 1.0)
        np.testing.assert_allclose(found, function(x, axis=1), atol=1e-11)
    half = x[:, : n // 2 + 1]
    found = TABLE["fft_c2r"].body(xp, half, n=n, axis=1, scale=1 / n)  # type: ignore[misc]
    np.testing.assert_allclose(found, np.fft.irfft(half, n=n, axis=1), atol=1e-11)
    found = TABLE["fft_r2c"].body(xp, x.real, axis=1, scale=1.0)  # type: ignore[misc]
    np.testing.assert_allclose(found, np.fft.rfft(x.real, axis=1), atol=1e-11)


@pytest.mark.parametrize("scale", [1.0, 1 / 2048, 2048**-0.5, 0.3])
@pytest.mark.parametrize("kind", ["complex64", "complex128"])
def test_the_kernel_s_factors(scale: float, kind: str) -> None:
    # Large enough for the kernel's way round NumPy's double precision.
    x = complexes(2, 2048).astype(kind)
    for inverse, function in ((False, np.fft.fft), (True, np.fft.ifft)):
        expected = function(x.astype(np.complex128)) * scale * (2048 if inverse else 1)
        found = ops.fft_c2c(cb.asarray(x), axis=-1, inverse=inverse, scale=scale)
        assert found.dtype.name == kind
        size = np.max(np.abs(expected))
        np.testing.assert_allclose(found.numpy(), expected, atol=size * (1e-6 if kind == "complex64" else 1e-14))
    half = np.fft.rfft(x.real.astype(np.float64))
    found = ops.fft_r2c(cb.asarray(x.real), scale=scale)
    np.testing.assert_allclose(found.numpy(), half * scale, rtol=1e-4, atol=1e-4 * scale)
    back = ops.fft_c2r(found, n=2048, scale=1 / (2048 * scale))
    np.testing.assert_allclose(back.numpy(), x.real, atol=1e-5)


@pytest.mark.parametrize("shape", [(300, 256), (256, 300), (3, 160, 150), (80000,), (2, 40000)])
def test_large_arrays(shape: tuple[int, ...]) -> None:
    x = complexes(*shape)
    for axis in range(len(shape)):
        np.testing.assert_allclose(cb.fft.fft(cb.asarray(x), axis=axis).numpy(), np.fft.fft(x, axis=axis), atol=1e-9)
        half = np.fft.rfft(x.real, axis=axis)
        np.testing.assert_allclose(cb.fft.rfft(cb.asarray(x.real), axis=axis).numpy(), half, atol=1e-9)
        back = cb.fft.irfft(cb.asarray(half), n=shape[axis], axis=axis)
        np.testing.assert_allclose(back.numpy(), x.real, atol=1e-9)
    np.testing.assert_allclose(cb.fft.ifftn(cb.asarray(x)).numpy(), np.fft.ifftn(x), atol=1e-9)


@pytest.mark.parametrize("there", ["fft", "ifft", "rfft", "hfft", "ihfft", "fftn", "ifftn", "rfftn"])
@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
def test_there_and_back(there: str, norm: str) -> None:
    back = there[1:] if there.startswith("i") else f"i{there}"
    x = real(4, 6) if there in ("rfft", "ihfft", "rfftn") else complexes(4, 6)
    if there == "hfft":
        x[:, [0, -1]] = x[:, [0, -1]].real
    found = getattr(cb.fft, back)(getattr(cb.fft, there)(cb.asarray(x), norm=norm), norm=norm)
    np.testing.assert_allclose(found.numpy(), x, atol=1e-12)


def test_transformations() -> None:
    x = cb.asarray(complexes(3, 4, 5))
    for function in (cb.fft.fft, cb.fft.irfft, lambda x: cb.fft.fftn(x, s=(3, 6), axes=(0, 1)), cb.fft.fftn):
        found = cb.vmap(function)(x)
        expected = cb.stack([function(x[i]) for i in range(3)])
        np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-12)
        value, slope = cb.func.jvp(function, (x,), (2.0 * x,))
        np.testing.assert_allclose(slope.numpy(), 2 * value.numpy(), atol=1e-11)
    along = cb.vmap(cb.fft.rfft, in_axes=1, out_axes=1)(cb.real(x))
    np.testing.assert_allclose(along.numpy(), np.fft.rfft(x.numpy().real), atol=1e-12)


def test_derivatives() -> None:
    x = cb.asarray(real(2, 5), requires_grad=True)
    z = cb.asarray(complexes(2, 4), requires_grad=True)
    for n in (1, 2, 5, 8):
        assert cb.autograd.gradcheck(lambda x, n=n: cb.fft.rfft(x, n=n), (x,))
        assert cb.autograd.gradcheck(lambda z, n=n: cb.fft.irfft(z, n=n, norm="ortho"), (z,))
        assert cb.autograd.gradgradcheck(lambda z, n=n: cb.abs(cb.fft.fft(z, n=n)) ** 2, (z,))


def test_a_circular_convolution_is_a_product() -> None:
    a, b = real(7), real(7)
    found = cb.fft.irfft(cb.fft.rfft(cb.asarray(a)) * cb.fft.rfft(cb.asarray(b)), n=7)
    expected = [sum(a[j] * b[(i - j) % 7] for j in range(7)) for i in range(7)]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


def test_axes_without_elements_and_none_at_all() -> None:
    assert cb.fft.fft(cb.zeros((0, 3))).shape == (0, 3)
    assert cb.fft.fft(cb.zeros((2, 0)), n=3).tolist() == [[0j] * 3] * 2
    assert cb.fft.rfft(cb.zeros((3, 0, 4))).shape == (3, 0, 3)
    z = cb.asarray(3 + 1j)
    assert cb.fft.fftn(z).item() == z.item()
    assert cb.fft.ifftn(cb.asarray([1 + 1j]), axes=()).tolist() == [1 + 1j]
    assert cb.fft.fft(cb.ones(3), norm=None).tolist() == cb.fft.fft(cb.ones(3)).tolist()


X, Z = cb.ones((2, 3)), cb.ones((2, 3), dtype=cb.complex64)
REFUSED: list[tuple[Callable[[], Any], type, str]] = [
    (lambda: cb.fft.fft(Z, n=0), ArgumentError, "fft: the length of a transform must be positive, got 0"),
    (lambda: cb.fft.rfft(X, n=-1), ArgumentError, "rfft: the length of a transform must be positive, got -1"),
    (lambda: cb.fft.fft(Z, n=2.0), ArgumentTypeError, r"fft: the length of a transform is an int, not 2\.0"),
    (lambda: cb.fft.fft(Z, axis=2), AxisError, r"fft: axis 2 is out of bounds for 2 axes"),
    (lambda: cb.fft.fft(cb.asarray(1j)), AxisError, r"fft: axis -1 is out of bounds .*0-d"),
    (lambda: cb.fft.fft(Z, norm="unit"), ArgumentError, "fft: norm is one of 'backward', 'ortho', .* not 'unit'"),
    (lambda: cb.fft.ihfft(X, norm="unit"), ArgumentError, "ihfft: norm is one of"),
    (lambda: cb.fft.fftn(Z, axes=(0, -2)), AxisError, r"fftn: an axis stands twice in \(0, -2\)"),
    (lambda: cb.fft.fftn(Z, s=(2,), axes=(0, 1)), ShapeError, "fftn: 1 sizes are given for 2 axes"),
    (lambda: cb.fft.fftn(Z, s=(2, 2, 2)), ShapeError, "fftn: 3 sizes are given for a tensor of 2 axes"),
    (lambda: cb.fft.fftn(Z, s=4.0), ArgumentTypeError, "fftn: s is a sequence of ints, not 4.0"),
    (lambda: cb.fft.rfftn(X, axes=()), AxisError, "rfftn: at least one axis is needed"),
    (lambda: cb.fft.rfft(Z), DTypeError, "rfft: real numbers are needed, got complex64; .* or use fft"),
    (lambda: cb.fft.ihfft(Z), DTypeError, "ihfft: real numbers are needed, got complex64; .* or use ifft"),
    (lambda: cb.fft.rfft2(Z), DTypeError, "rfft2: real numbers are needed, got complex64; .* or use fft2"),
    (lambda: cb.fft.ihfftn(Z), DTypeError, "ihfftn: real numbers are needed, got complex64; .* or use ifftn"),
    (lambda: cb.fft.fft(X > 0), DTypeError, r"fft: numbers are needed, got a tensor of bool; convert it with \.float"),
    (lambda: cb.fft.rfft(X > 0), DTypeError, "rfft: numbers are needed, got a tensor of bool"),
    (lambda: cb.fft.fft(cb.zeros((2, 0))), ShapeError, r"fft: axis 1 of shape \(2, 0\) is empty; a transform needs"),
    (lambda: cb.fft.irfft(cb.ones((2, 1))), ShapeError, r"irfft: axis 1 of shape \(2, 1\) is too short for half a"),
]


@pytest.mark.parametrize(("call", "kind", "text"), REFUSED, ids=[text[:40] for _, _, text in REFUSED])
def test_refusals(call: Callable[[], Any], kind: type, text: str) -> None:
    with pytest.raises(kind, match=text):
        call()
