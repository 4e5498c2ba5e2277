"""Discrete Fourier transforms, by the names of the array API standard's extension, and PyTorch's for two axes."""

from __future__ import annotations

from .core.functions.fourier import fft, hfft, ifft, ihfft, irfft, rfft
from .core.functions.fourier_axes import (
    fft2,
    fftn,
    hfft2,
    hfftn,
    ifft2,
    ifftn,
    ihfft2,
    ihfftn,
    irfft2,
    irfftn,
    rfft2,
    rfftn,
)
from .core.functions.frequencies import fftfreq, fftshift, ifftshift, rfftfreq
from .core.functions.guard import guard_names as _guard_names

__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "hfft2", "hfftn", "ifft", "ifft2", "ifftn", "ifftshift",
    "ihfft", "ihfft2", "ihfftn", "irfft", "irfft2", "irfftn", "rfft", "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip

_guard_names(globals(), __all__)
