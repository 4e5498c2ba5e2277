"""Derivatives of a row on a device: reverse mode to the third order against numerical ones, forward against reverse.

Everything happens at one random point, in one random direction per order. Where the device has no double precision, its
derivatives are compared with the host's in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from candelabra import func
from candelabra.conformance.drawing import Sample
from candelabra.conformance.subject import TOLERANCE, Subject, assert_close, host, is_inexact, widen
from candelabra.core import ops
from candelabra.core.autograd.engine import grad
from candelabra.core.device import host_device
from candelabra.core.tensor import Tensor

STEP = 1e-4
# A numerical derivative of smooth functions by Richardson's extrapolation is good to this, relative to the terms' sum.
NUMERICAL = 2e-6


class Kink(Exception):
    """The point lies too near to a place without a derivative: another one must be drawn."""


def leaves_of(operands: Any) -> list[np.ndarray]:
    """Return the arrays that can require a gradient, lists opened."""
    found: list[np.ndarray] = []
    for o in operands:
        if isinstance(o, list):
            found += leaves_of(o)
        elif isinstance(o, np.ndarray) and is_inexact(o):
            found.append(o)
    return found


class Point:
    """A row at a point: a function of the operands that can require a gradient, and random directions."""

    def __init__(self, subject: Subject, sample: Sample, seed: int) -> None:
        self.subject, self.sample, self.seed = subject, sample, seed
        self.arrays = leaves_of(sample.operands)
        self.values = np.random.default_rng(seed)
        self.outputs = [host(o) for o in self(self.tensors())]
        self.cotangents = [self.direction(o) for o in self.outputs]
        self.directions = [[self.direction(a) for a in self.arrays] for _ in range(3)]

    def direction(self, like: np.ndarray) -> np.ndarray:
        """Draw an array of another's shape and dtype."""
        real = self.values.standard_normal(like.shape)
        kind = np.dtype(like.dtype).kind
        return np.asarray(real + 1j * self.values.standard_normal(like.shape) if kind == "c" else real).astype(
            like.dtype
        )

    def tensors(self, arrays: Sequence[np.ndarray] | None = None, *, grad: bool = False) -> list[Tensor]:
        """Return arrays (by default the point) as tensors on the device."""
        return [self.subject.tensor(a, grad=grad) for a in (self.arrays if arrays is None else arrays)]

    def __call__(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Return the differentiable outputs, with tensors in place of the operands that can require a gradient."""
        rest = iter(tensors)
        outputs = self.subject.call(self._filled(self.sample.operands, rest), self.subject.statics(self.sample))
        return self.subject.differentiable(outputs)

    def _filled(self, operands: Any, rest: Any) -> Any:
        return [
            self._filled(o, rest)
            if isinstance(o, list)
            else next(rest)
            if isinstance(o, np.ndarray) and is_inexact(o)
            else self.subject.tensor(o)
            for o in operands
        ]

    def scalar(self, *tensors: Tensor) -> Tensor:
        """Return the outputs' product with the cotangents: a real function of the operands."""
        return product(self.tensors(self.cotangents), self(tensors))

    def describe(self) -> str:
        return f"{self.subject.row.name} on {self.subject.device} at {self.sample}"


def product(weights: Sequence[Tensor], values: Sequence[Any]) -> Any:
    """Return the sum of ``real(conj(weights) * values)``, in which complex numbers count as pairs."""
    total: Any = 0.0
    for w, v in zip(weights, values, strict=True):
        if v is not None:
            total = total + ops.sum(ops.real(ops.conj(w) * v) if w.dtype.is_complex else w * v)
    return total


def pairing(weights: Sequence[np.ndarray], values: Sequence[np.ndarray]) -> float:
    """Return the same of host arrays."""
    return float(sum(np.sum((np.conj(widen(w)) * widen(v)).real) for w, v in zip(weights, values, strict=True)))


def gradients(outputs: Sequence[Any], inputs: Sequence[Tensor], seeds: Any, graph: bool) -> list[Tensor]:
    """Return gradients, zeros where nothing depends on an input."""
    live = [(o, s) for o, s in zip(outputs, seeds, strict=True) if isinstance(o, Tensor) and o.requires_grad]
    if not live:
        return [ops.zeros_like(x.detach()) for x in inputs]
    return list(
        grad(
            [o for o, _ in live],
            inputs,
            [s for _, s in live],
            create_graph=graph,
            allow_unused=True,
            materialize_grads=True,
        )
    )


def first_order(point: Point, arrays: Sequence[np.ndarray], cotangents: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the gradients at a point, as `backward` computes them."""
    xs = point.tensors(arrays, grad=True)
    return [host(g) for g in gradients(point(xs), xs, point.tensors(cotangents), False)]


def recorded(point: Point, arrays: Sequence[np.ndarray], cotangents: Sequence[np.ndarray]) -> tuple[Any, Any, Any]:
    """Return the operands, cotangents and gradients as tensors, the gradients recorded."""
    xs, cs = point.tensors(arrays, grad=True), point.tensors(cotangents, grad=True)
    return xs, cs, gradients(point(xs), xs, cs, True)


def second_order(point: Point, arrays: Sequence[np.ndarray], cotangents: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the gradients of the gradients' product with a direction, for operands and cotangents."""
    xs, cs, gs = recorded(point, arrays, cotangents)
    s = product(point.tensors(point.directions[0]), gs)
    return [host(g) for g in gradients([s], [*xs, *cs], [None], False)]


def third_order(point: Point, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the gradients of the second gradients' product with a second direction."""
    xs, _, gs = recorded(point, arrays, point.cotangents)
    s = product(point.tensors(point.directions[0]), gs)
    hs = gradients([s], xs, [None], True)
    t = product(point.tensors(point.directions[1]), hs)
    return [host(g) for g in gradients([t], xs, [None], False)]


def numerical(
    function: Callable[[list[np.ndarray]], float], arrays: Sequence[np.ndarray], along: Sequence[np.ndarray]
) -> float:
    """Return a directional derivative from values at four points.

    Raises
    ------
    Kink
        If differences of two widths disagree: there is no derivative nearby.
    """

    def difference(width: float) -> float:
        ahead = function([np.asarray(a + width * d) for a, d in zip(arrays, along, strict=True)])
        behind = function([np.asarray(a - width * d) for a, d in zip(arrays, along, strict=True)])
        return (ahead - behind) / (2 * width)

    near, far = difference(STEP), difference(2 * STEP)
    if not np.isfinite(near) or abs(near - far) > 1e-5 * max(1.0, abs(near)):
        raise Kink
    return (4 * near - far) / 3


def check_gradient(found: float, wanted: float, scale: float, what: str) -> None:
    bound = NUMERICAL * max(1.0, scale)
    assert abs(found - wanted) <= bound, f"{what}: derivative {found:.9g}, numerical {wanted:.9g} (allowed {bound:.2g})"


def in_double(point: Point) -> bool:
    """Say whether the point is in double precision, so that its derivatives can be compared with numerical ones."""
    return all(a.dtype.itemsize // (2 if a.dtype.kind == "c" else 1) >= 8 for a in point.arrays)


def on_host(point: Point) -> Point:
    """Return the same point on the host, in double precision."""

    def wide(value: Any) -> Any:
        return [wide(v) for v in value] if isinstance(value, list) else widen(value)

    sample = Sample(tuple(wide(v) for v in point.sample.operands), point.sample.statics)
    other = Point(point.subject.on(host_device()), sample, point.seed)
    other.cotangents = [widen(c) for c in point.cotangents]
    other.directions = [[widen(d) for d in ds] for ds in point.directions]
    return other


def check_against_host(point: Point, order: Callable[..., list[np.ndarray]], *more: str) -> None:
    """Derivatives in single precision are the host's in double."""
    other = on_host(point)
    found = order(point, point.arrays, *[getattr(point, m) for m in more])
    wanted = order(other, other.arrays, *[getattr(other, m) for m in more])
    for f, w in zip(found, wanted, strict=True):
        assert_close(
            f, w, np.dtype(f.dtype).name, f"{order.__name__} of {point.describe()}", 30 * point.subject.row.tolerance
        )


def check_vjp(point: Point) -> None:
    """First derivatives, all operands at once and each alone."""
    found = first_order(point, point.arrays, point.cotangents)
    for g, a in zip(found, point.arrays, strict=True):
        assert g.shape == a.shape and g.dtype == a.dtype, f"a gradient of {point.describe()} is {g.dtype} {g.shape}"
    for i in range(len(point.arrays)):
        xs = [point.subject.tensor(a, grad=i == j) for j, a in enumerate(point.arrays)]
        (alone,) = gradients(point(xs), [xs[i]], point.tensors(point.cotangents), False)
        dtype = np.dtype(found[i].dtype).name
        assert_close(host(alone), found[i], dtype, f"gradient {i} of {point.describe()}, asked for alone,", 4.0)
    if not in_double(point):
        check_against_host(point, first_order, "cotangents")
        return
    along = point.directions[0]
    wanted = numerical(lambda arrays: pairing(point.cotangents, values(point, arrays)), point.arrays, along)
    scale = pairing([np.abs(widen(c)) for c in point.cotangents], [np.abs(widen(o)) for o in point.outputs])
    check_gradient(pairing(found, along), wanted, scale, f"vjp of {point.describe()}")


def values(point: Point, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the differentiable outputs at a point."""
    return [host(o) for o in point(point.tensors(arrays))]


def check_graph_rule(point: Point) -> None:
    """First derivatives by a kernel's own rule are those of the row's rule or body, which `create_graph` uses."""
    found = first_order(point, point.arrays, point.cotangents)
    wanted = recorded(point, point.arrays, point.cotangents)[2]
    for i, (f, w) in enumerate(zip(found, wanted, strict=True)):
        dtype = np.dtype(f.dtype).name
        assert_close(f, host(w), dtype, f"gradient {i} of {point.describe()}", 8 * point.subject.row.tolerance)


def check_double_backward(point: Point) -> None:
    """Second derivatives, by operands and cotangents."""
    found = second_order(point, point.arrays, point.cotangents)
    if not in_double(point):
        check_against_host(point, second_order, "cotangents")
        return
    count = len(point.arrays)
    along = [*point.directions[1], *[point.direction(c) for c in point.cotangents]]

    def slope(arrays: list[np.ndarray]) -> float:
        return pairing(point.directions[0], first_order(point, arrays[:count], arrays[count:]))

    wanted = numerical(slope, [*point.arrays, *point.cotangents], along)
    scale = pairing(*[[np.abs(a) for a in part] for part in (found, along)])
    check_gradient(pairing(found, along), wanted, scale, f"second derivative of {point.describe()}")


def check_third(point: Point) -> None:
    """Third derivatives."""
    found = third_order(point, point.arrays)
    if not in_double(point):
        check_against_host(point, third_order)
        return
    along, count = point.directions[2], len(point.arrays)

    def slope(arrays: list[np.ndarray]) -> float:
        return pairing(point.directions[1], second_order(point, arrays, point.cotangents)[:count])

    wanted = numerical(slope, point.arrays, along)
    scale = pairing(*[[np.abs(a) for a in part] for part in (found, along)])
    check_gradient(pairing(found, along), wanted, scale, f"third derivative of {point.describe()}")


def check_jvp(point: Point) -> None:
    """Forward mode gives the values, and what reverse mode gives of the same direction; each operand alone, too."""
    gs = first_order(point, point.arrays, point.cotangents)
    dtype = np.dtype(point.arrays[0].dtype).name if point.arrays else "float64"
    for chosen in [range(len(point.arrays)), *[[i] for i in range(len(point.arrays)) if len(point.arrays) > 1]]:
        xs = point.tensors()

        def function(*moving: Tensor, xs: list[Tensor] = xs, chosen: Sequence[int] = chosen) -> tuple[Tensor, ...]:
            given = list(xs)
            for i, x in zip(chosen, moving, strict=True):
                given[i] = x
            return tuple(point(given))

        along = [point.directions[0][i] for i in chosen]
        outputs, slopes = func.jvp(function, tuple(xs[i] for i in chosen), tuple(point.tensors(along)))
        for o, w in zip(outputs, point.outputs, strict=True):
            assert_close(host(o), w, o.dtype.name, f"the value beside the jvp of {point.describe()}", 8.0)
        for s, o in zip(slopes, outputs, strict=True):
            assert s.shape == o.shape and s.dtype is o.dtype, f"the jvp of {point.describe()} is {s.dtype} {s.shape}"
        found = pairing(point.cotangents, [host(s) for s in slopes])
        wanted = pairing([gs[i] for i in chosen], along)
        scale = 1.0 + pairing(*[[np.abs(widen(a)) for a in part] for part in ([gs[i] for i in chosen], along)])
        bound = 100 * TOLERANCE[dtype] * scale * point.subject.row.tolerance
        assert abs(found - wanted) <= bound, f"jvp of {point.describe()}: {found:.12g}, by reverse mode {wanted:.12g}"


def check_levels(point: Point) -> None:
    """Third derivatives across levels are those of reverse mode alone.

    They are gradients of a jvp of gradients: alone; batched; and with the point also reaching in from outside, as a
    constant of the jvp and of the vmap, whose cotangents must be lowered.
    """
    count = len(point.arrays)
    numbers = tuple(range(count))
    one, two = (point.tensors(point.directions[i]) for i in range(2))
    start = point.tensors()

    def slope(*xs: Tensor, outer: Sequence[Tensor] = start, share: float = 0.0) -> Tensor:
        def inner(*ys: Tensor) -> Any:
            moved = [y + share * (x - x0) if share else y for y, x, x0 in zip(ys, outer, start, strict=True)]
            return func.grad(point.scalar, numbers)(*moved)

        return product(two, func.jvp(inner, xs, tuple(one))[1])

    def reaching_in(*xs: Tensor) -> Tensor:
        return slope(*xs, outer=xs, share=0.5)

    other = [a[::-1].copy() if a.ndim else a for a in point.arrays]
    wanted = [third_order(point, arrays) for arrays in (point.arrays, other)]
    if not all(np.isfinite(w).all() for w in wanted[1]):
        # Turned upside down, a matrix may be singular: then both rows of the batch are the point.
        other, wanted = list(point.arrays), [wanted[0]] * 2
    batch = point.tensors([np.stack([a, b]) for a, b in zip(point.arrays, other, strict=True)])

    def shared(*xs: Tensor) -> Tensor:
        def one_row(*ys: Tensor) -> Tensor:
            return slope(*[y + (x - x0) for y, x, x0 in zip(ys, xs, start, strict=True)])

        return ops.sum(func.vmap(one_row)(*batch))

    factor = 1000 * point.subject.row.tolerance

    def compare(found: Sequence[Any], expected: Sequence[Any], how: str) -> None:
        for i, (f, w) in enumerate(zip(found, expected, strict=True)):
            assert_close(f, w, np.dtype(w.dtype).name, f"{how} {i} of {point.describe()}", factor)

    compare([host(g) for g in func.grad(slope, numbers)(*start)], wanted[0], "grad of jvp of grad")
    both = [host(g) for g in func.vmap(func.grad(slope, numbers))(*batch)]
    for k in range(2):
        compare([g[k] for g in both], wanted[k], "vmap of grad of jvp of grad")
    outside = [host(g) for g in func.grad(reaching_in, numbers)(*start)]
    compare(outside, [1.5 * w for w in wanted[0]], "grad of jvp of grad with constants")
    total = [a + b for a, b in zip(*wanted, strict=True)]
    compare([host(g) for g in func.grad(shared, numbers)(*start)], total, "grad of vmap of jvp of grad with constants")
