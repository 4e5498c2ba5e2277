"""Normalization over rows, groups of channels, and channels. Sums may be made in any order, and so by vectors.

A row's variance is that of its numbers less their mean, in a pass of its own: a row stays in the cache.
"""

from __future__ import annotations

import numpy as np

from ..compiled import signature
from .mathematics import inlined, times
from .vectors import fence, lines, load, per_line, splat, stream

ANY_ORDER = {"fastmath": {"contract", "reassoc"}}


@inlined
def _normal(x, mean, rstd, weight, bias):
    return (x - mean) * rstd * weight + bias


@signature("void(intp, intp, T[:, ::1], T[::1], T[::1], float64, boolean, T[:, ::1], T[::1], T[::1])", **ANY_ORDER)
def layer_norm(start, stop, x, weight, bias, eps, past, out, mean, rstd):
    n = x.shape[1]
    zero, count = x.dtype.type(0), x.dtype.type(n)
    for i in range(start, stop):
        a, o = x[i], out[i]
        total = zero
        for j in range(n):
            total += a[j]
        m = total / count
        total = zero
        for j in range(n):
            d = a[j] - m
            total += d * d
        r = x.dtype.type(1.0 / np.sqrt(np.float64(total) / n + eps))
        mean[i] = m
        rstd[i] = r
        first, last = lines(o, past)
        for j in range(first):
            o[j] = _normal(a[j], m, r, weight[j], bias[j])
        for j in range(first, last, per_line(o)):
            stream(o, j, _normal(load(a, j), splat(m), splat(r), load(weight, j), load(bias, j)))
        for j in range(last, n):
            o[j] = _normal(a[j], m, r, weight[j], bias[j])
    if past:
        fence()


@inlined
def _normal_back(g, x, weight, mean, rstd, shift, pull):
    return rstd * (g * weight) - shift - (x - mean) * pull


@signature(
    "void(intp, intp, intp, T[:, ::1], T[:, ::1], T[::1], T[::1], T[::1], boolean, boolean, T[:, ::1], boolean, "
    "T[:, ::1], T[:, ::1])",
    **ANY_ORDER,
)
def layer_norm_grad(start, stop, block, g, x, weight, mean, rstd, past, want_x, gx, want_sums, by_weight, by_bias):
    n = x.shape[1]
    zero, count = x.dtype.type(0), x.dtype.type(n)
    sw, sb = by_weight[start // block], by_bias[start // block]
    for i in range(start, stop):
        # A view made below, under a condition, would be counted by a locked instruction, which waits for all stores.
        h, a, o = g[i], x[i], gx[i]
        m, r = mean[i], rstd[i]
        total, dot = zero, zero
        if want_sums:
            for j in range(n):
                y = (a[j] - m) * r
                v = h[j] * weight[j]
                total += v
                dot += v * y
                sb[j] += h[j]
                sw[j] += h[j] * y
        else:
            for j in range(n):
                v = h[j] * weight[j]
                total += v
                dot += v * ((a[j] - m) * r)
        if want_x:
            shift, pull = r * (total / count), r * r * (dot / count)
            first, last = lines(o, past)
            for j in range(first):
                o[j] = _normal_back(h[j], a[j], weight[j], m, r, shift, pull)
            for j in range(first, last, per_line(o)):
                stream(
                    o, j, _normal_back(
                        load(h, j), load(a, j), load(weight, j), splat(m), splat(r), splat(shift), splat(pull)
                    ),
                )  # fmt: skip
            for j in range(last, n):
                o[j] = _normal_back(h[j], a[j], weight[j], m, r, shift, pull)
    if past:
        fence()


@signature("void(intp, intp, T[:, ::1], T[::1], float64, boolean, T[:, ::1], T[::1])", **ANY_ORDER)
def rms_norm(start, stop, x, weight, eps, past, out, rstd):
    n = x.shape[1]
    for i in range(start, stop):
        a, o = x[i], out[i]
        total = x.dtype.type(0)
        for j in range(n):
            total += a[j] * a[j]
        r = x.dtype.type(1.0 / np.sqrt(np.float64(total) / n + eps))
        rstd[i] = r
        first, last = lines(o, past)
        for j in range(first):
            o[j] = a[j] * r * weight[j]
        for j in range(first, last, per_line(o)):
            stream(o, j, load(a, j) * splat(r) * load(weight, j))
        for j in range(last, n):
            o[j] = a[j] * r * weight[j]
    if past:
        fence()


@inlined
def _rms_back(g, x, weight, rstd, pull):
    return rstd * (g * weight - times(x * rstd, pull))


@signature(
    "void(intp, intp, intp, T[:, ::1], T[:, ::1], T[::1], T[::1], boolean, boolean, T[:, ::1], boolean, T[:, ::1])",
    **ANY_ORDER,
)
def rms_norm_grad(start, stop, block, g, x, weight, rstd, past, want_x, gx, want_sums, by_weight):
    n = x.shape[1]
    zero, count = x.dtype.type(0), x.dtype.type(n)
    sums = by_weight[start // block]
    for i in range(start, stop):
        h, a, o, r = g[i], x[i], gx[i], rstd[i]
        if want_sums:
            for j in range(n):
                sums[j] += h[j] * (a[j] * r)
        if want_x:
            dot = zero
            for j in range(n):
                dot += h[j] * weight[j] * (a[j] * r)
            dot = dot / count
            first, last = lines(o, past)
            for j in range(first):
                o[j] = _rms_back(h[j], a[j], weight[j], r, dot)
            for j in range(first, last, per_line(o)):
                stream(o, j, _rms_back(load(h, j), load(a, j), load(weight, j), splat(r), splat(dot)))
            for j in range(last, n):
                o[j] = _rms_back(h[j], a[j], weight[j], r, dot)
    if past:
        fence()


@signature(
    "void(intp, intp, T[:, :, ::1], T[::1], T[::1], float64, boolean, boolean, T[:, :, ::1], T[::1], T[::1])",
    **ANY_ORDER,
)
def group_norm(start, stop, x, weight, bias, eps, weighted, biased, out, mean, rstd):
    # A row holds a group's channels, each of `n` numbers; sums over channels are made in float64.
    channels, n = x.shape[1], x.shape[2]
    zero, one = x.dtype.type(0), x.dtype.type(1)
    size = channels * n
    groups = 1 if not (weighted or biased) else max(weight.size, bias.size) // channels
    for i in range(start, stop):
        whole = 0.0
        for c in range(channels):
            a = x[i, c]
            total = zero
            for j in range(n):
                total += a[j]
            whole += total
        m = x.dtype.type(whole / size)
        whole = 0.0
        for c in range(channels):
            a = x[i, c]
            total = zero
            for j in range(n):
                d = a[j] - m
                total += d * d
            whole += total
        r = x.dtype.type(1.0 / np.sqrt(whole / size + eps))
        mean[i] = m
        rstd[i] = r
        first = (i % groups) * channels
        for c in range(channels):
            a, o = x[i, c], out[i, c]
            scale = r * weight[first + c] if weighted else r * one
            shift = bias[first + c] if biased else zero
            for j in range(n):
                o[j] = (a[j] - m) * scale + shift


@signature(
    "void(intp, intp, T[:, :, ::1], T[:, :, ::1], T[::1], boolean, T[::1], T[::1], boolean, T[:, :, ::1], "
    "T[:, ::1], T[:, ::1])",
    **ANY_ORDER,
)
def group_norm_grad(start, stop, g, x, weight, weighted, mean, rstd, want_x, gx, by_weight, by_bias):
    # `by_weight` and `by_bias` hold for each row and channel the sums of g y and of g.
    channels, n = x.shape[1], x.shape[2]
    zero, one = x.dtype.type(0), x.dtype.type(1)
    size = channels * n
    groups = max(weight.size // channels, 1)
    for i in range(start, stop):
        m, r = mean[i], rstd[i]
        first = (i % groups) * channels
        whole, inner = 0.0, 0.0
        for c in range(channels):
            h, a = g[i, c], x[i, c]
            total, dot = zero, zero
            for j in range(n):
                total += h[j]
                dot += h[j] * ((a[j] - m) * r)
            by_weight[i, c] = dot
            by_bias[i, c] = total
            w = weight[first + c] if weighted else one
            whole += np.float64(w) * total
            inner += np.float64(w) * dot
        if want_x:
            shift, pull = x.dtype.type(whole / size), x.dtype.type(inner / size)
            for c in range(channels):
                h, a, o = g[i, c], x[i, c], gx[i, c]
                w = weight[first + c] if weighted else one
                for j in range(n):
                    o[j] = r * (h[j] * w - shift - (a[j] - m) * r * pull)


@signature(
    "void(intp, intp, T[:, :, ::1], T[::1], T[::1], float64, boolean, boolean, T[:, :, ::1], T[::1], T[::1], T[::1])",
    **ANY_ORDER,
)
def batch_norm(start, stop, x, weight, bias, eps, weighted, biased, out, mean, var, rstd):
    # A channel's numbers lie in as many runs as there are samples; their sums are added in float64.
    samples, n = x.shape[0], x.shape[2]
    zero, one = x.dtype.type(0), x.dtype.type(1)
    size = samples * n
    for c in range(start, stop):
        whole = 0.0
        for i in range(samples):
            a = x[i, c]
            total = zero
            for j in range(n):
                total += a[j]
            whole += total
        m = x.dtype.type(whole / size)
        whole = 0.0
        for i in range(samples):
            a = x[i, c]
            total = zero
            for j in range(n):
                d = a[j] - m
                total += d * d
            whole += total
        mean[c] = m
        var[c] = x.dtype.type(whole / size)
        r = x.dtype.type(1.0 / np.sqrt(whole / size + eps))
        rstd[c] = r
        scale = r * weight[c] if weighted else r * one
        shift = bias[c] if biased else zero
        for i in range(samples):
            a, o = x[i, c], out[i, c]
            for j in range(n):
                o[j] = (a[j] - m) * scale + shift


@signature(
    "void(intp, intp, T[:, :, ::1], T[:, :, ::1], T[::1], boolean, T[::1], T[::1], boolean, T[:, :, ::1], "
    "T[::1], T[::1])",
    **ANY_ORDER,
)
def batch_norm_grad(start, stop, g, x, weight, weighted, mean, rstd, want_x, gx, by_weight, by_bias):
    samples, n = x.shape[0], x.shape[2]
    zero = x.dtype.type(0)
    size = samples * n
    for c in range(start, stop):
        m, r = mean[c], rstd[c]
        whole, inner = 0.0, 0.0
        for i in range(samples):
            h, a = g[i, c], x[i, c]
            total, dot = zero, zero
            for j in range(n):
                total += h[j]
                dot += h[j] * ((a[j] - m) * r)
            whole += total
            inner += dot
        by_weight[c] = x.dtype.type(inner)
        by_bias[c] = x.dtype.type(whole)
        if want_x:
            shift, pull = x.dtype.type(whole / size), x.dtype.type(inner / size)
            scale = r * weight[c] if weighted else r
            for i in range(samples):
                h, a, o = g[i, c], x[i, c], gx[i, c]
                for j in range(n):
                    o[j] = scale * (h[j] - shift - (a[j] - m) * r * pull)
