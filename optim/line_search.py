"""The line search of L-BFGS: a step that fulfils the strong Wolfe conditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..core import ops
from ..core.tensor import Tensor


class Point(NamedTuple):
    """A place on the line: step length, loss, gradient, and the gradient's component along the line."""

    t: Any
    loss: float
    gradient: Tensor
    slope: Any


def minimum_of_cubic(a: Point, b: Point, low: Any, high: Any) -> Any:
    """Return where the cubic through two points and their slopes is least, within bounds (Nocedal and Wright, 3.59)."""
    if not a.t <= b.t:
        a, b = b, a
    mean = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = mean**2 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2.0
    root = ops.sqrt(square)
    place = b.t - (b.t - a.t) * ((b.slope + root - mean) / (b.slope - a.slope + 2 * root))
    return min(max(place, low), high)


def strong_wolfe(
    evaluate: Callable[[Any], Point],
    start: Point,
    t: Any,
    direction: Tensor,
    *,
    tolerance: float,
    most: int,
    decrease: float = 1e-4,
    curvature: float = 0.9,
) -> tuple[Point, int]:
    """Search along a line for a step that fulfils the strong Wolfe conditions.

    Parameters
    ----------
    evaluate : callable
        Takes a step length and returns the point there.
    start : Point
        The point at step length 0.
    t : float or Tensor
        The first step length to try.
    direction : Tensor
        The line's direction, flat.
    tolerance : float
        Where the bracket moves no parameter farther than this, the search ends.
    most : int
        Most evaluations after the first.
    decrease, curvature : float
        The constants of the two conditions.

    Returns
    -------
    Point, int
        The best point found, and how often the loss was evaluated.

    Notes
    -----
    J. Nocedal and S. J. Wright, "Numerical optimization", 2nd edition, algorithms 3.5 and 3.6; M. Schmidt's
    minFunc.
    """

    def too_high(point: Point) -> bool:
        return bool(point.loss > start.loss + decrease * point.t * start.slope)

    def flat(point: Point) -> bool:
        return bool(abs(point.slope) <= -curvature * start.slope)

    former, point = start, evaluate(t)
    taken = 0
    while taken < most:
        if too_high(point) or (taken > 1 and point.loss >= former.loss) or (not flat(point) and point.slope >= 0):
            break
        if flat(point):
            return point, taken + 1
        low, high = point.t + 0.01 * (point.t - former.t), point.t * 10
        former, point = point, evaluate(minimum_of_cubic(former, point, low, high))
        taken += 1
    else:
        return (start if start.loss <= point.loss else point), taken + 1

    # A minimum lies between the two; make the bracket smaller until a point will do.
    bracket = [former, point]
    best = 0 if former.loss <= point.loss else 1
    reach = ops.max(ops.abs(direction))
    stuck = False
    while taken < most and not abs(bracket[1].t - bracket[0].t) * reach < tolerance:
        left, right = sorted((bracket[0].t, bracket[1].t))
        t = minimum_of_cubic(bracket[0], bracket[1], left, right)
        # Twice close to an end, or beyond it: a tenth of the bracket inwards.
        margin = 0.1 * (right - left)
        close = bool(min(right - t, t - left) < margin)
        if close and (stuck or t >= right or t <= left):
            t = right - margin if abs(t - right) < abs(t - left) else left + margin
            close = False
        stuck = close
        point = evaluate(t)
        taken += 1
        if too_high(point) or point.loss >= bracket[best].loss:
            bracket[1 - best] = point
            best = 0 if bracket[0].loss <= bracket[1].loss else 1
            continue
        if flat(point):
            return point, taken + 1
        if point.slope * (bracket[1 - best].t - bracket[best].t) >= 0:
            bracket[1 - best] = bracket[best]
        bracket[best] = point
    return bracket[best], taken + 1
