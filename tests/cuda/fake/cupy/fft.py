"""Fourier transforms of the stand-in."""

from __future__ import annotations

from . import _calls

globals().update(_calls.offered("fft"))
