"""Loops of optimizer steps: each reads a parameter, its gradient and its state once and writes them back.

`c` holds what is the same for all elements, already in the dtype of the parameter. The first three numbers turn the
gradient: its sign, the share of the parameter that is added, and by what the parameter itself is multiplied.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from ..compiled import signature


@njit(inline="always")
def _moved(mean, value, keep, share, off):
    return keep * mean + share * (value - mean if off != 0 else value)


@njit(inline="always")
def _turned(g, p, sign, decay):
    # Without decay the parameter has no say, not even where it is not finite.
    return sign * g + decay * p if decay != 0 else sign * g


@signature("void(intp, intp, T[::1], T[::1], T[::1])")
def sgd(start, stop, p, g, c):
    """Without momentum."""
    sign, decay, lr = c[0], c[1], c[3]
    p, g = p[start:stop], g[start:stop]
    for i in range(p.size):
        p[i] -= lr * _turned(g[i], p[i], sign, decay)


@signature("void(intp, intp, T[::1], T[::1], T[::1], T[::1], b1, b1)")
def sgd_momentum(start, stop, p, g, b, c, first, nesterov):
    """With momentum; the first step's buffer is the gradient itself."""
    sign, decay, lr, momentum, share = c[0], c[1], c[3], c[4], c[5]
    p, g, b = p[start:stop], g[start:stop], b[start:stop]
    if first:
        b[:] = 0
    ahead, now = (momentum, c.dtype.type(1)) if nesterov else (c.dtype.type(1), c.dtype.type(0))
    if first:
        momentum = c.dtype.type(0)
        share = c.dtype.type(1)
    for i in range(p.size):
        turned = _turned(g[i], p[i], sign, decay)
        moved = momentum * b[i] + share * turned
        b[i] = moved
        p[i] -= lr * (now * turned + ahead * moved if nesterov else moved)


@signature("void(intp, intp, T[::1], T[::1], T[::1], T[::1], T[::1])")
def adam(start, stop, p, g, m, v, c):
    """Adam, and AdamW."""
    sign, decay, keep, held, new, off = c[0], c[1], c[2], c[3], c[4], c[5]
    old, fresh, small, size = c[6], c[7], c[8], c[9]
    p, g, m, v = p[start:stop], g[start:stop], m[start:stop], v[start:stop]
    if decay == 0 and sign == 1 and keep == 1:
        for i in range(p.size):
            mean = _moved(m[i], g[i], held, new, off)
            square = old * v[i] + fresh * (g[i] * g[i])
            m[i] = mean
            v[i] = square
            p[i] += size * (mean / (math.sqrt(square) + small))
        return
    for i in range(p.size):
        turned = _turned(g[i], p[i], sign, decay)
        mean = _moved(m[i], turned, held, new, off)
        square = old * v[i] + fresh * (turned * turned)
        m[i] = mean
        v[i] = square
        p[i] = keep * p[i] + size * (mean / (math.sqrt(square) + small))


@signature("void(intp, intp, T[::1], T[::1], T[::1], T[::1], T[::1], T[::1])")
def adam_largest(start, stop, p, g, m, v, top, c):
    """Adam and AdamW by the largest second moment so far."""
    sign, decay, keep, held, new, off = c[0], c[1], c[2], c[3], c[4], c[5]
    old, fresh, small, size = c[6], c[7], c[8], c[9]
    p, g, m, v, top = p[start:stop], g[start:stop], m[start:stop], v[start:stop], top[start:stop]
    for i in range(p.size):
        turned = _turned(g[i], p[i], sign, decay)
        mean = _moved(m[i], turned, held, new, off)
        square = old * v[i] + fresh * (turned * turned)
        m[i] = mean
        v[i] = square
        before = top[i]
        # NaN stays, as in maximum.
        largest = square if (square > before) | (square != square) else before
        top[i] = largest
        p[i] = keep * p[i] + size * (mean / (math.sqrt(largest) + small))


@signature("void(intp, intp, T[::1], T[::1], T[::1], T[::1])")
def adagrad(start, stop, p, g, s, c):
    """Adagrad."""
    sign, decay, small, size = c[0], c[1], c[3], c[4]
    p, g, s = p[start:stop], g[start:stop], s[start:stop]
    for i in range(p.size):
        turned = _turned(g[i], p[i], sign, decay)
        total = s[i] + turned * turned
        s[i] = total
        p[i] += size * (turned / (math.sqrt(total) + small))


@signature("void(intp, intp, T[::1], T[::1], T[::1], T[::1], T[::1])")
def adadelta(start, stop, p, g, s, a, c):
    """Adadelta."""
    sign, decay, rho, fresh, small, lr = c[0], c[1], c[3], c[4], c[5], c[6]
    p, g, s, a = p[start:stop], g[start:stop], s[start:stop], a[start:stop]
    for i in range(p.size):
        turned = _turned(g[i], p[i], sign, decay)
        square = rho * s[i] + fresh * (turned * turned)
        delta = math.sqrt(a[i] + small) / math.sqrt(square + small) * turned
        s[i] = square
        a[i] = rho * a[i] + fresh * (delta * delta)
        p[i] -= lr * delta


@signature("void(intp, intp, T[::1], T[::1], T[::1], T[::1])")
def rmsprop(start, stop, p, g, s, c):
    """RMSprop, plain."""
    sign, decay, rho, fresh, small, lr = c[0], c[1], c[3], c[4], c[5], c[6]
    p, g, s = p[start:stop], g[start:stop], s[start:stop]
    for i in range(p.size):
        turned = _turned(g[i], p[i], sign, decay)
        square = rho * s[i] + fresh * (turned * turned)
        s[i] = square
        p[i] -= lr * (turned / (math.sqrt(square) + small))


@signature("void(intp, intp, T[::1], T[::1], T[::1], T[::1], T[::1], T[::1], b1, b1)")
def rmsprop_more(start, stop, p, g, s, b, a, c, moving, centered):
    """RMSprop with momentum, centered, or both; `b` and `a` are any array where they are not used."""
    sign, decay, rho, fresh, small, lr, momentum = c[0], c[1], c[3], c[4], c[5], c[6], c[7]
    held, new, off = c[8], c[9], c[10]
    p, g, s, b, a = p[start:stop], g[start:stop], s[start:stop], b[start:stop], a[start:stop]
    for i in range(p.size):
        turned = _turned(g[i], p[i], sign, decay)
        square = rho * s[i] + fresh * (turned * turned)
        s[i] = square
        spread = square
        if centered:
            mean = _moved(a[i], turned, held, new, off)
            a[i] = mean
            spread -= mean * mean
        step = turned / (math.sqrt(spread) + small)
        if moving:
            step += momentum * b[i]
            b[i] = step
        p[i] -= lr * step


@signature("void(intp, intp, T[::1], T[::1], T[::1], T[::1], T[::1])")
def adamax(start, stop, p, g, m, top, c):
    """Adamax."""
    sign, decay, held, new, off = c[0], c[1], c[3], c[4], c[5]
    beta, small, size = c[6], c[7], c[8]
    p, g, m, top = p[start:stop], g[start:stop], m[start:stop], top[start:stop]
    for i in range(p.size):
        turned = _turned(g[i], p[i], sign, decay)
        mean = _moved(m[i], turned, held, new, off)
        before, now = beta * top[i], abs(turned) + small
        largest = now if (now > before) | (now != now) else before
        m[i] = mean
        top[i] = largest
        p[i] += size * (mean / largest)


@signature("void(intp, intp, T[::1], T[::1], T[::1], T[::1], T[::1])")
def nadam(start, stop, p, g, m, v, c):
    """NAdam."""
    sign, decay, keep, held, new, off = c[0], c[1], c[2], c[3], c[4], c[5]
    old, fresh, small, of_gradient, of_mean = c[6], c[7], c[8], c[9], c[10]
    p, g, m, v = p[start:stop], g[start:stop], m[start:stop], v[start:stop]
    for i in range(p.size):
        turned = _turned(g[i], p[i], sign, decay)
        mean = _moved(m[i], turned, held, new, off)
        square = old * v[i] + fresh * (turned * turned)
        m[i] = mean
        v[i] = square
        p[i] = keep * p[i] + (of_gradient * turned + of_mean * mean) / (math.sqrt(square) + small)


@signature("void(intp, intp, T[::1], T[::1], T[::1], T[::1], T[::1], b1)")
def radam(start, stop, p, g, m, v, c, rectified):
    """RAdam."""
    sign, decay, keep, held, new, off = c[0], c[1], c[2], c[3], c[4], c[5]
    old, fresh, small, size = c[6], c[7], c[8], c[9]
    p, g, m, v = p[start:stop], g[start:stop], m[start:stop], v[start:stop]
    for i in range(p.size):
        turned = _turned(g[i], p[i], sign, decay)
        mean = _moved(m[i], turned, held, new, off)
        square = old * v[i] + fresh * (turned * turned)
        m[i] = mean
        v[i] = square
        step = mean / (math.sqrt(square) + small) if rectified else mean
        p[i] = keep * p[i] + size * step


@signature("void(intp, intp, T[::1], T[::1], T[::1], T[::1])")
def asgd(start, stop, p, g, a, c):
    """Averaged descent."""
    sign, decay, keep, eta, mu = c[0], c[1], c[2], c[3], c[4]
    p, g, a = p[start:stop], g[start:stop], a[start:stop]
    for i in range(p.size):
        moved = keep * p[i] - eta * _turned(g[i], p[i], sign, decay)
        p[i] = moved
        a[i] = moved if mu == 1 else a[i] + mu * (moved - a[i])


@signature("void(intp, intp, T[::1], T[::1], T[::1], T[::1], T[::1])")
def rprop(start, stop, p, g, former, size, c):
    """Resilient backpropagation."""
    sign, shrink, grow, smallest, largest = c[0], c[3], c[4], c[5], c[6]
    p, g, former, size = p[start:stop], g[start:stop], former[start:stop], size[start:stop]
    zero, one = c.dtype.type(0), c.dtype.type(1)
    for i in range(p.size):
        turned = sign * g[i]
        agreed = turned * former[i]
        factor = grow if agreed > 0 else shrink if agreed < 0 else one if agreed == 0 else agreed
        now = size[i] * factor
        now = smallest if now < smallest else now
        now = largest if now > largest else now
        used = zero if agreed < 0 else turned
        former[i] = used
        size[i] = now
        way = one if used > 0 else -one if used < 0 else used
        p[i] -= way * now


@signature("void(intp, intp, T[::1], T[::1], T[::1])")
def average(start, stop, a, v, c):
    """Averages moved towards new values by a share of the distance."""
    share = c[0]
    a, v = a[start:stop], v[start:stop]
    for i in range(a.size):
        a[i] += share * (v[i] - a[i])


@signature("float64(intp, intp, T[::1])", fastmath={"contract", "reassoc", "nsz"})
def square_sum(start, stop, x):
    """The sum of squares, in double precision over blocks."""
    total = 0.0
    for first in range(start, stop, 4096):
        part = x[first : min(first + 4096, stop)]
        block = x.dtype.type(0)
        for i in range(part.size):
            block += part[i] * part[i]
        total += np.float64(block)
    return total
