"""Softmax and what is made of it, by rows; a sum may be made in any order, and so by vectors."""

from __future__ import annotations

import numpy as np

from ..compiled import signature
from .mathematics import exp, exp_negative, exp_scaled, inlined, largest, times
from .vectors import fence, lines, load, per_line, splat, stream

ANY_ORDER = {"fastmath": {"contract", "reassoc"}}
ONE = signature("void(intp, intp, T[:, ::1], T[:, ::1])", **ANY_ORDER)
TWO = signature("void(intp, intp, T[:, ::1], T[:, ::1], T[:, ::1])", **ANY_ORDER)


@ONE
def softmax(start, stop, x, out):
    n, zero, one = x.shape[1], x.dtype.type(0), x.dtype.type(1)
    for i in range(start, stop):
        a, o = x[i], out[i]
        top, total = largest(a), zero
        for j in range(n):
            # Scaled by a power of two, as the sum is: both go in the quotient.
            e = exp_scaled(a[j] - top)
            o[j] = e
            total += e
        share = one / total
        for j in range(n):
            o[j] = times(o[j], share)


@inlined
def _softmax_back(g, y, dot):
    return y * (g - dot)


@signature("void(intp, intp, T[:, ::1], T[:, ::1], boolean, T[:, ::1])", **ANY_ORDER)
def softmax_grad(start, stop, g, y, past, out):
    n, zero = y.shape[1], y.dtype.type(0)
    for i in range(start, stop):
        h, a, o = g[i], y[i], out[i]
        dot = zero
        for j in range(n):
            dot += h[j] * a[j]
        first, last = lines(o, past)
        for j in range(first):
            o[j] = _softmax_back(h[j], a[j], dot)
        for j in range(first, last, per_line(o)):
            stream(o, j, _softmax_back(load(h, j), load(a, j), splat(dot)))
        for j in range(last, n):
            o[j] = _softmax_back(h[j], a[j], dot)
    if past:
        fence()


@ONE
def log_softmax(start, stop, x, out):
    n, zero = x.shape[1], x.dtype.type(0)
    for i in range(start, stop):
        a, o = x[i], out[i]
        top, total = largest(a), zero
        for j in range(n):
            total += exp_negative(a[j] - top)
        shift = x.dtype.type(np.log(np.float64(total)))
        for j in range(n):
            o[j] = a[j] - top - shift


@TWO
def log_softmax_grad(start, stop, g, y, out):
    n, zero = y.shape[1], y.dtype.type(0)
    for i in range(start, stop):
        h, a, o = g[i], y[i], out[i]
        total = zero
        for j in range(n):
            total += h[j]
        for j in range(n):
            o[j] = h[j] - exp_negative(a[j]) * total


@signature("void(intp, intp, T[:, ::1], T[::1])", **ANY_ORDER)
def logsumexp(start, stop, x, out):
    n, zero = x.shape[1], x.dtype.type(0)
    for i in range(start, stop):
        a = x[i]
        top, total = largest(a), zero
        # An infinite one is no shift: exp(-inf) = 0 and exp(inf) = inf do what is wanted.
        top = top if abs(top) < np.inf else zero
        for j in range(n):
            total += exp(a[j] - top)
        out[i] = x.dtype.type(np.log(np.float64(total))) + top


@signature("void(intp, intp, T[::1], T[:, ::1], T[::1], T[:, ::1])", **ANY_ORDER)
def logsumexp_grad(start, stop, g, x, y, out):
    n, zero = x.shape[1], x.dtype.type(0)
    for i in range(start, stop):
        a, o, h, shift = x[i], out[i], g[i], y[i]
        # Nothing but zeros has a gradient of zero.
        shift = zero if shift == -np.inf else shift
        for j in range(n):
            o[j] = h * exp_negative(a[j] - shift)


@signature(
    "intp(intp, intp, T[:, ::1], int64[::1], T[::1], boolean, float64, int64, T[::1], T[::1], T[::1], T[::1])",
    **ANY_ORDER,
)
def cross_entropy(start, stop, x, target, weight, weighted, smoothing, ignored, loss, factor, tops, shares):
    """Each row's loss and how much it counts; the largest score and one over the sum of powers. How many are bad."""
    n, zero, one = x.shape[1], x.dtype.type(0), x.dtype.type(1)
    spread, hard, bad = x.dtype.type(smoothing / n), x.dtype.type(1.0 - smoothing), 0
    for i in range(start, stop):
        a, t = x[i], target[i]
        top, total = largest(a), zero
        for j in range(n):
            total += exp_negative(a[j] - top)
        tops[i] = top
        shares[i] = one / total
        loss[i] = zero
        factor[i] = zero
        if t == ignored:
            continue
        if t < 0 or t >= n:
            bad += 1
            continue
        log = x.dtype.type(np.log(np.float64(total)))
        w = weight[t] if weighted else one
        value = (log - (a[t] - top)) * w
        if smoothing != 0.0:
            # The sum over all classes of weight (log - (score - top)).
            rest = zero
            if weighted:
                for j in range(n):
                    rest += weight[j] * (log - (a[j] - top))
            else:
                for j in range(n):
                    rest += log - (a[j] - top)
            value = hard * value + spread * rest
        loss[i] = value
        factor[i] = w
    return bad


@signature("void(T[::1], T[::1], boolean, T[::1])", **ANY_ORDER)
def reduced(loss, factor, mean, out):
    """The sum of the losses, and one; or their mean, and one over what they count."""
    total, count = 0.0, 0.0
    for i in range(loss.size):
        total += loss[i]
        count += factor[i]
    out[0] = loss.dtype.type(total / count if mean else total)
    out[1] = loss.dtype.type(1.0 / count if mean else 1.0)


@signature(
    "void(intp, intp, T[:, ::1], int64[::1], T[::1], boolean, float64, int64, T[::1], boolean, T[::1], T[::1], T[::1], "
    "T[::1], T[:, ::1])",
    **ANY_ORDER,
)
def cross_entropy_grad(
    start, stop, x, target, weight, weighted, smoothing, ignored, g, each, scale, factor, tops, shares, out
):
    n, zero, one = x.shape[1], x.dtype.type(0), x.dtype.type(1)
    spread, hard = x.dtype.type(smoothing / n), x.dtype.type(1.0 - smoothing)
    whole = one
    if smoothing != 0.0:
        whole = x.dtype.type(n)
        if weighted:
            whole = zero
            for j in range(n):
                whole += weight[j]
    for i in range(start, stop):
        a, o, t = x[i], out[i], target[i]
        if t == ignored:
            for j in range(n):
                o[j] = zero
            continue
        v = (g[i] if each else g[0]) * scale[1]
        top, spike = tops[i], v * factor[i]
        if smoothing == 0.0:
            share = spike * shares[i]
            for j in range(n):
                o[j] = exp_negative(a[j] - top) * share
        else:
            # The loss is linear in the log probabilities: -spike at the target, -v spread at every class.
            spike *= hard
            v *= spread
            share = (spike + v * whole) * shares[i]
            if weighted:
                for j in range(n):
                    o[j] = exp_negative(a[j] - top) * share - v * weight[j]
            else:
                for j in range(n):
                    o[j] = exp_negative(a[j] - top) * share - v
        o[t] -= spike
