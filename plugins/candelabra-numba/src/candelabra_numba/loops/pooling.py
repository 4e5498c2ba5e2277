"""Loops over the windows of pooling: planes of three spatial axes, of which the first may have one element.

`how` holds for depth, height and width the sizes of the window, its stride, its padding and its dilation: twelve
numbers. Places that are computed are unsigned, since for negative ones numba would look whether to count from the end.
"""

from __future__ import annotations

import numpy as np
from numba import njit, uintp

from ..compiled import signature


@njit
def _reach(at, stride, size, out):
    """Between which windows a tap lies inside a line of the input; `at` is where the first window's tap lies."""
    low = 0 if at >= 0 else (-at + stride - 1) // stride
    high = 0 if at >= size else (size - 1 - at) // stride + 1
    high = min(high, out)
    return min(low, high), high


@njit(inline="always")
def _better(value, best):
    # The last NaN wins, and else the first of what ties.
    return (value > best) | (value != value)


@signature("void(intp, intp, T[:, :, :, ::1], T[:, :, :, ::1], uint8[:, :, :, ::1], UniTuple(int64, 12))")
def max_pool_taps(start, stop, x, out, taps, how):
    """The largest of each window, and the number of the tap that it came from."""
    kd, kh, kw, sd, sh, sw, pd, ph, pw, dd, dh, dw = how
    depth, height, width = x.shape[1:]
    out_width = out.shape[3]
    first = np.empty(out_width, np.uint8)
    for j in range(out_width):
        first[j] = max(0, (pw - j * sw + dw - 1) // dw)
    for plane in range(start, stop):
        for od in range(out.shape[1]):
            near = max(0, (pd - od * sd + dd - 1) // dd)
            for oh in range(out.shape[2]):
                best, tap = out[plane, od, oh], taps[plane, od, oh]
                # Where nothing is larger than what loses, the first tap inside wins.
                line = (near * kh + max(0, (ph - oh * sh + dh - 1) // dh)) * kw
                for j in range(out_width):
                    best[j] = -np.inf
                    tap[j] = line + first[j]
                for td in range(kd):
                    d = od * sd - pd + td * dd
                    if d < 0 or d >= depth:
                        continue
                    for th in range(kh):
                        h = oh * sh - ph + th * dh
                        if h < 0 or h >= height:
                            continue
                        row = x[plane, d, h]
                        for tw in range(kw):
                            at, code = tw * dw - pw, np.uint8((td * kh + th) * kw + tw)
                            low, high = _reach(at, sw, width, out_width)
                            for j in range(low, high):
                                value, held, before = row[uintp(j * sw + at)], best[uintp(j)], tap[uintp(j)]
                                better = _better(value, held)
                                best[uintp(j)] = value if better else held
                                tap[uintp(j)] = code if better else before


@njit
def _shifts(how, height, width):
    """How far each tap lies from where its window starts, in a plane that is one line."""
    kd, kh, kw = how[0], how[1], how[2]
    dd, dh, dw = how[9], how[10], how[11]
    found = np.empty(kd * kh * kw, np.int64)
    k = 0
    for td in range(kd):
        for th in range(kh):
            for tw in range(kw):
                found[k] = (td * dd * height + th * dh) * width + tw * dw
                k += 1
    return found


@signature("void(intp, intp, T[:, :, :, ::1], uint8[:, :, :, ::1], T[:, :, :, ::1], UniTuple(int64, 12))")
def max_pool_back(start, stop, g, taps, gx, how):
    """Each cotangent goes to the tap that won."""
    sd, sh, sw, pd, ph, pw = how[3:9]
    height, width = gx.shape[2:]
    out_depth, out_height, out_width = g.shape[1:]
    shift = _shifts(how, height, width)
    pairs = how[0] == 1 and how[1] == 2 and how[2] == 2 and sd == 1 and sh == 2 and sw == 2
    pairs = pairs and pd == 0 and ph == 0 and pw == 0 and how[10] == 1 and how[11] == 1
    # Short rows are through before their loops have begun.
    pairs = pairs and 2 * out_height <= height and 2 * out_width <= width and out_width >= 16
    zero = g.dtype.type(0)
    for plane in range(start, stop):
        whole = gx[plane].reshape(-1)
        if not pairs or 2 * out_height != height or 2 * out_width != width:
            whole[:] = 0
        for od in range(out_depth):
            for oh in range(out_height):
                row, tap = g[plane, od, oh], taps[plane, od, oh]
                if pairs:
                    upper, lower = gx[plane, od, 2 * oh], gx[plane, od, 2 * oh + 1]
                    for j in range(out_width):
                        upper[uintp(2 * j)] = row[j] if tap[j] == 0 else zero
                        upper[uintp(2 * j + 1)] = row[j] if tap[j] == 1 else zero
                    for j in range(out_width):
                        lower[uintp(2 * j)] = row[j] if tap[j] == 2 else zero
                        lower[uintp(2 * j + 1)] = row[j] if tap[j] == 3 else zero
                else:
                    at = ((od * sd - pd) * height + oh * sh - ph) * width - pw
                    for j in range(out_width):
                        whole[uintp(at + j * sw + shift[tap[j]])] += row[j]


@signature("void(intp, intp, uint8[:, :, :, ::1], int64[:, :, :, ::1], UniTuple(int64, 12), intp, intp)")
def places_of_taps(start, stop, taps, places, how, height, width):
    """Where in the flattened spatial axes the winning taps lie."""
    sd, sh, sw, pd, ph, pw = how[3:9]
    shift = _shifts(how, height, width)
    for plane in range(start, stop):
        for od in range(taps.shape[1]):
            for oh in range(taps.shape[2]):
                tap, place = taps[plane, od, oh], places[plane, od, oh]
                at = ((od * sd - pd) * height + oh * sh - ph) * width - pw
                for j in range(tap.size):
                    place[j] = at + j * sw + shift[tap[j]]


@signature("void(intp, intp, T[:, :, :, ::1], T[:, :, :, ::1], T[::1], T[::1], T[::1], UniTuple(int64, 12))")
def avg_pool(start, stop, x, out, in_depth, in_height, in_width, how):
    """The sum of each window over the product of three counts, one of each axis."""
    kd, kh, kw, sd, sh, sw, pd, ph, pw = how[:9]
    depth, height, width = x.shape[1:]
    column = np.empty(width, x.dtype)
    for plane in range(start, stop):
        for od in range(out.shape[1]):
            for oh in range(out.shape[2]):
                # First down, then along the row.
                column[:] = 0
                for d in range(max(0, od * sd - pd), min(depth, od * sd - pd + kd)):
                    for h in range(max(0, oh * sh - ph), min(height, oh * sh - ph + kh)):
                        row = x[plane, d, h]
                        for j in range(width):
                            column[j] += row[j]
                total = out[plane, od, oh]
                total[:] = 0
                for tw in range(kw):
                    low, high = _reach(tw - pw, sw, width, total.size)
                    for j in range(low, high):
                        total[uintp(j)] += column[uintp(j * sw + tw - pw)]
                others = in_depth[od] * in_height[oh]
                for j in range(total.size):
                    total[j] /= others * in_width[j]


@signature("void(intp, intp, T[:, :, :, ::1], T[:, :, :, ::1], T[::1], T[::1], T[::1], UniTuple(int64, 12))")
def avg_pool_back(start, stop, g, gx, in_depth, in_height, in_width, how):
    """Each cotangent is spread over its window."""
    kd, kh, kw, sd, sh, sw, pd, ph, pw = how[:9]
    depth, height, width = gx.shape[1:]
    column, share = np.empty(width, g.dtype), np.empty(g.shape[3], g.dtype)
    for plane in range(start, stop):
        gx[plane].reshape(-1)[:] = 0
        for od in range(g.shape[1]):
            for oh in range(g.shape[2]):
                row = g[plane, od, oh]
                others = in_depth[od] * in_height[oh]
                for j in range(share.size):
                    share[j] = row[j] / (others * in_width[j])
                column[:] = 0
                for tw in range(kw):
                    low, high = _reach(tw - pw, sw, width, share.size)
                    for j in range(low, high):
                        column[uintp(j * sw + tw - pw)] += share[uintp(j)]
                for d in range(max(0, od * sd - pd), min(depth, od * sd - pd + kd)):
                    for h in range(max(0, oh * sh - ph), min(height, oh * sh - ph + kh)):
                        target = gx[plane, d, h]
                        for j in range(width):
                            target[j] += column[j]


@signature("void(intp, intp, T[:, :, :, ::1], T[:, :, :, ::1], int64[:, :, :, ::1])")
def adaptive_max_pool(start, stop, x, out, places):
    """The largest of windows that are laid out to give a size, and where it lies in the flattened spatial axes."""
    depth, height, width = x.shape[1:]
    out_depth, out_height, out_width = out.shape[1:]
    for plane in range(start, stop):
        for od in range(out_depth):
            near, far = od * depth // out_depth, -((od + 1) * depth // -out_depth)
            for oh in range(out_height):
                top, bottom = oh * height // out_height, -((oh + 1) * height // -out_height)
                for ow in range(out_width):
                    left, right = ow * width // out_width, -((ow + 1) * width // -out_width)
                    best = x[plane, near, top, left]
                    place = (near * height + top) * width + left
                    for d in range(near, far):
                        for h in range(top, bottom):
                            row, at = x[plane, d, h], (d * height + h) * width
                            for j in range(left, right):
                                if _better(row[uintp(j)], best):
                                    best, place = row[uintp(j)], at + j
                    out[plane, od, oh, ow] = best
                    places[plane, od, oh, ow] = place


@signature("void(intp, intp, T[:, ::1], int64[:, ::1], T[:, ::1])")
def adaptive_max_pool_back(start, stop, g, places, gx):
    """Each cotangent goes to where its window's largest element lies."""
    for plane in range(start, stop):
        gx[plane, :] = 0
        for j in range(g.shape[1]):
            gx[plane, uintp(places[plane, j])] += g[plane, j]
