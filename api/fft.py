"""What goes with discrete Fourier transforms, by the names of the array API standard's extension."""

from __future__ import annotations

from .core.functions.fourier import fftfreq, fftshift, ifftshift, rfftfreq

__all__ = ["fftfreq", "fftshift", "ifftshift", "rfftfreq"]
