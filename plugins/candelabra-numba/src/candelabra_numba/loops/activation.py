"""Activations and their derivatives, number by number."""

from __future__ import annotations

import math

from ..compiled import signature
from .mathematics import erf as _erf
from .mathematics import exp as _exp
from .mathematics import exp_negative, expm1_negative, log1p_unit, normal_cdf, one_plus_exp
from .mathematics import tanh as _tanh

# Minus twice the scale of the tanh that stands for the error function.
_LINEAR = -2 * math.sqrt(2 / math.pi)

ONE = signature("void(intp, intp, T[::1], T[::1])")
TWO = signature("void(intp, intp, T[::1], T[::1], T[::1])")


@ONE
def exp(start, stop, x, out):
    a, o = x[start:stop], out[start:stop]
    for i in range(a.size):
        o[i] = _exp(a[i])


@ONE
def tanh(start, stop, x, out):
    a, o = x[start:stop], out[start:stop]
    for i in range(a.size):
        o[i] = _tanh(a[i])


@TWO
def tanh_grad(start, stop, g, y, out):
    h, a, o = g[start:stop], y[start:stop], out[start:stop]
    one = a.dtype.type(1)
    for i in range(a.size):
        o[i] = h[i] * (one - a[i] * a[i])


@ONE
def erf(start, stop, x, out):
    a, o = x[start:stop], out[start:stop]
    for i in range(a.size):
        o[i] = _erf(a[i])


@ONE
def sigmoid(start, stop, x, out):
    a, o = x[start:stop], out[start:stop]
    one = a.dtype.type(1)
    for i in range(a.size):
        o[i] = one / one_plus_exp(-a[i])


@TWO
def sigmoid_grad(start, stop, g, y, out):
    h, a, o = g[start:stop], y[start:stop], out[start:stop]
    one = a.dtype.type(1)
    for i in range(a.size):
        o[i] = h[i] * ((one - a[i]) * a[i])


@ONE
def logsigmoid(start, stop, x, out):
    a, o = x[start:stop], out[start:stop]
    zero = a.dtype.type(0)
    for i in range(a.size):
        o[i] = (zero if a[i] > zero else a[i]) - log1p_unit(exp_negative(-abs(a[i])))


@TWO
def logsigmoid_grad(start, stop, g, x, out):
    h, a, o = g[start:stop], x[start:stop], out[start:stop]
    one = a.dtype.type(1)
    for i in range(a.size):
        o[i] = h[i] * (one / one_plus_exp(a[i]))


@ONE
def silu(start, stop, x, out):
    a, o = x[start:stop], out[start:stop]
    for i in range(a.size):
        o[i] = a[i] / one_plus_exp(-a[i])


@TWO
def silu_grad(start, stop, g, x, out):
    h, a, o = g[start:stop], x[start:stop], out[start:stop]
    one = a.dtype.type(1)
    for i in range(a.size):
        s = one / one_plus_exp(-a[i])
        o[i] = h[i] * (s * (one + a[i] * (one - s)))


@ONE
def gelu(start, stop, x, out):
    a, o = x[start:stop], out[start:stop]
    for i in range(a.size):
        o[i] = a[i] * normal_cdf(a[i])


@TWO
def gelu_grad(start, stop, g, x, out):
    h, a, o = g[start:stop], x[start:stop], out[start:stop]
    half, scale = a.dtype.type(-0.5), a.dtype.type(0.3989422804014327)
    for i in range(a.size):
        v = a[i]
        o[i] = h[i] * (normal_cdf(v) + v * (scale * exp_negative(half * v * v)))


@ONE
def gelu_tanh(start, stop, x, out):
    # (1 + tanh(u)) / 2 is 1 / (1 + exp(-2u)).
    a, o = x[start:stop], out[start:stop]
    linear, cubic = a.dtype.type(_LINEAR), a.dtype.type(_LINEAR * 0.044715)
    for i in range(a.size):
        v = a[i]
        o[i] = v / one_plus_exp(v * (linear + cubic * (v * v)))


@TWO
def gelu_tanh_grad(start, stop, g, x, out):
    h, a, o = g[start:stop], x[start:stop], out[start:stop]
    one, linear, cubic = a.dtype.type(1), a.dtype.type(_LINEAR), a.dtype.type(_LINEAR * 0.044715)
    three, most = a.dtype.type(3), a.dtype.type(1e4)
    for i in range(a.size):
        v = a[i]
        s = v * v
        # The bound keeps the slope of u finite where 1 - c has become 0.
        s = most if s > most else s
        c = one / one_plus_exp(v * (linear + cubic * s))
        o[i] = h[i] * (c - v * c * (one - c) * (linear + three * cubic * s))


@signature("void(intp, intp, T[::1], T[::1], float64, float64)")
def softplus(start, stop, x, out, beta, threshold):
    a, o = x[start:stop], out[start:stop]
    zero, b, bound, back = a.dtype.type(0), a.dtype.type(beta), a.dtype.type(threshold), a.dtype.type(1 / beta)
    for i in range(a.size):
        z = a[i] * b
        soft = (log1p_unit(exp_negative(-abs(z))) + (zero if z < zero else z)) * back
        o[i] = a[i] if z > bound else soft


@signature("void(intp, intp, T[::1], T[::1], T[::1], float64, float64)")
def softplus_grad(start, stop, g, x, out, beta, threshold):
    h, a, o = g[start:stop], x[start:stop], out[start:stop]
    b, bound = a.dtype.type(beta), a.dtype.type(threshold)
    for i in range(a.size):
        z = a[i] * b
        o[i] = h[i] if z > bound else h[i] / one_plus_exp(-z)


@ONE
def mish(start, stop, x, out):
    # tanh(log(1 + e)) is n / (n + 2) with n = e (e + 2); it is 1 long before 40.
    a, o = x[start:stop], out[start:stop]
    two, most = a.dtype.type(2), a.dtype.type(40)
    for i in range(a.size):
        e = _exp(most if a[i] > most else a[i])
        n = e * (e + two)
        o[i] = a[i] * (n / (n + two))


@TWO
def mish_grad(start, stop, g, x, out):
    h, a, o = g[start:stop], x[start:stop], out[start:stop]
    one, two, four, most = a.dtype.type(1), a.dtype.type(2), a.dtype.type(4), a.dtype.type(40)
    for i in range(a.size):
        v = most if a[i] > most else a[i]
        e = _exp(v)
        n = e * (e + two)
        d = one / (n + two)
        o[i] = h[i] * (n * d + four * v * (e * d) * ((one + e) * d))


@signature("void(intp, intp, T[::1], T[::1], float64, float64, float64)")
def elu(start, stop, x, out, alpha, scale, input_scale):
    a, o = x[start:stop], out[start:stop]
    zero, below, above, inner = (
        a.dtype.type(0), a.dtype.type(alpha * scale), a.dtype.type(scale), a.dtype.type(input_scale)
    )  # fmt: skip
    for i in range(a.size):
        v = a[i]
        bent = below * expm1_negative(inner * (zero if v > zero else v))
        o[i] = above * v if v > zero else bent


@signature("void(intp, intp, T[::1], T[::1], T[::1], float64, float64, float64)")
def elu_grad(start, stop, g, x, out, alpha, scale, input_scale):
    h, a, o = g[start:stop], x[start:stop], out[start:stop]
    zero, slope, above, inner = (
        a.dtype.type(0), a.dtype.type(alpha * scale * input_scale), a.dtype.type(scale), a.dtype.type(input_scale)
    )  # fmt: skip
    for i in range(a.size):
        v = a[i]
        o[i] = h[i] * (above if v > zero else slope * exp_negative(inner * (zero if v > zero else v)))
