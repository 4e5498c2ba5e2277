"""Loops over what goes back through activations in straight pieces."""

from __future__ import annotations

from ..compiled import signature


@signature("void(intp, intp, T[::1], T[::1], T[::1])")
def relu_back(start, stop, y, g, out):
    """The cotangent where the output is not 0; NaN is not."""
    y, g, out = y[start:stop], g[start:stop], out[start:stop]
    zero = y.dtype.type(0)
    for i in range(out.size):
        out[i] = zero if y[i] <= zero else g[i]


@signature("void(intp, intp, T[::1], T[::1], T[::1], T[::1])")
def leaky_relu_back(start, stop, x, g, out, slope):
    """The cotangent, times the slope where x is not positive."""
    x, g, out, flat = x[start:stop], g[start:stop], out[start:stop], slope[0]
    zero, one = x.dtype.type(0), x.dtype.type(1)
    for i in range(out.size):
        out[i] = g[i] * (one if x[i] > zero else flat)
