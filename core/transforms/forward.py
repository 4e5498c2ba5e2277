"""Forward mode's level: arrays that are pairs of a primal and a tangent, and how a row runs on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd.mode import no_grad
from ..device import Device
from ..implementation import implementation, namespace
from ..namespace import tensor_namespace
from ..primitives.row import Row, rule_names
from ..tensor import Tensor
from ..ways import BODY_LOSES
from .levels import Level, Wrapped, as_arrays, as_tensors, operators_defer, record, run_body


class Dual(Wrapped):
    """A primal and a tangent of the device inside."""

    __slots__ = ("primal", "tangent")

    def __init__(self, primal: Any, tangent: Any, level: ForwardLevel, device: Device) -> None:
        self.primal, self.tangent, self.level, self.device, self.epoch = primal, tangent, level, device, level.epoch

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        return tuple(self.primal.shape)

    @property
    def dtype(self) -> Any:
        return self.primal.dtype

    def map(self, function: Callable[[Any], Any], device: Device) -> Dual:
        return Dual(function(self.primal), function(self.tangent), self.level, device)  # type: ignore[arg-type]


class ForwardLevel(Level):
    """An entered `jvp`."""

    kind = "jvp"
    differs = "a value that has a tangent"

    def kernel(self, row: Row, device: Device) -> Callable[..., Any]:
        inner = device.parent
        forward = implementation(row, inner).forward
        many = len(row.outputs) > 1 or row.outputs == ("*",)

        def run(*operands: Any, **statics: Any) -> Any:
            if not any(map(self.wraps, operands)):
                return forward(*operands, **statics)
            found = differentiate(row, self, inner, device, forward, operands, statics)
            if isinstance(found, _Ready):
                return found.value
            primal, tangent = found
            if many:
                return tuple(self.pair(p, t, device) for p, t in zip(primal, tangent, strict=True))
            return self.pair(primal, tangent, device)

        return run

    def pair(self, primal: Any, tangent: Any, device: Device) -> Any:
        """Return a dual array, or the primal where there is no tangent."""
        if tangent is None:
            return primal
        xp = namespace(device.parent)
        shape = tuple(primal.shape)
        if tuple(tangent.shape) != shape:
            tangent = xp.broadcast_to(tangent, shape)
        if tangent.dtype != primal.dtype:
            kinds = device.dtype_of
            if kinds[tangent.dtype].is_complex and not kinds[primal.dtype].is_complex:
                tangent = xp.real(tangent)
            tangent = xp.astype(tangent, primal.dtype)
        return Dual(primal, tangent, self, device)

    def concrete(self, array: Any, operation: str) -> Any:
        return array.primal if isinstance(array, Dual) and array.level is self else array

    def lower(self, wrapped: Any) -> Any:
        return wrapped.tangent

    def lower_constant(self, array: Any, device: Device) -> Any:
        return namespace(device).zeros_like(array)

    def enter(self, x: Tensor, t: Tensor) -> Tensor:
        """Return the tensor of a primal and a tangent on one device."""
        source = x.device
        target = source.physical.at_levels((*source.levels, self))

        def back(g: Any) -> tuple[Any, Any]:
            # The cotangent of (p, t) is written as the dual number (cotangent of t, cotangent of p).
            return self.part(g, target, True), self.part(g, target, False)

        def back_graph(g: Tensor) -> tuple[Tensor, Tensor]:
            return self.leave(g, tangent=True), self.leave(g, tangent=False)

        dual = self.join(x.array, t.array, source)
        return record("jvp_enter", dual, target, (x.node, t.node), back, back_graph, (self,))

    def leave(self, y: Tensor, *, tangent: bool) -> Tensor:
        """Return the primal or the tangent."""
        device = y.device
        source = device.without(self)

        def back(g: Any) -> tuple[Any]:
            zero = namespace(source).zeros_like(g)
            return (self.join(g, zero, source) if tangent else self.join(zero, g, source),)

        def back_graph(g: Tensor) -> tuple[Tensor]:
            zero = Tensor(namespace(g.device).zeros_like(g.array), g.device)
            return (self.enter(g, zero) if tangent else self.enter(zero, g),)

        name = "jvp_tangent" if tangent else "jvp_primal"
        return record(name, self.part(y.array, device, tangent), source, (y.node,), back, back_graph, (self,))

    def join(self, primal: Any, tangent: Any, device: Device) -> Any:
        """Return the dual array of two arrays; wrappers of newer levels stay outside."""
        newer = [v for v in device.levels if v.serial > self.serial]
        target = device.physical.at_levels((*device.levels, self))
        if not newer:
            return Dual(primal, tangent, self, target)
        outer, inside = newer[-1], device.parent
        if not any(isinstance(a, Wrapped) and a.level is outer for a in (primal, tangent)):
            return self.join(primal, tangent, inside)
        if isinstance(outer, ForwardLevel):
            (p, dp), (t, dt) = _split(outer, primal), _split(outer, tangent)
            zero = namespace(inside).zeros_like
            first = self.join(p, t, inside)
            second = self.join(zero(p) if dp is None else dp, zero(t) if dt is None else dt, inside)
            return Dual(first, second, outer, target)
        from .batching import Batched, batched

        xp = namespace(inside)
        return Batched(self.join(batched(xp, outer, primal), batched(xp, outer, tangent), inside), outer, target)  # type: ignore[arg-type]

    def constant(self, array: Any, device: Device) -> tuple[Any, Device]:
        """Return the primal."""
        return self.part(array, device, False), device.without(self)

    def part(self, array: Any, device: Device, tangent: bool) -> Any:
        """Return the tangent or the primal of an array, inside the wrappers of newer levels."""
        if isinstance(array, Wrapped) and array.level.serial > self.serial:
            without = array.device.without(self)
            return array.map(lambda inner: self.part(inner, array.device.parent, tangent), without)
        if isinstance(array, Dual) and array.level is self:
            return array.tangent if tangent else array.primal
        if not tangent:
            return array
        inside = device.physical.at_levels(v for v in device.levels if v.serial < self.serial)
        return namespace(inside).zeros_like(array)


class _Ready:
    """A result that a body made on wrapped arrays."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def _split(level: ForwardLevel, operand: Any) -> tuple[Any, Any]:
    if isinstance(operand, (list, tuple)) and any(isinstance(o, Wrapped) for o in operand):
        pairs = [_split(level, o) for o in operand]
        return [p for p, _ in pairs], [t for _, t in pairs]
    if isinstance(operand, Dual) and operand.level is level:
        return operand.primal, operand.tangent
    return operand, None


def differentiate(
    row: Row,
    level: ForwardLevel,
    inner: Device,
    device: Device,
    forward: Callable[..., Any],
    operands: Any,
    statics: Any,
) -> Any:
    """Return primal outputs and tangents."""
    xp = namespace(inner)
    count = len(row.operands)
    before = operands[count:]
    pairs = [_split(level, o) for o in operands[:count]]
    primals, tangents = [p for p, _ in pairs], [t for _, t in pairs]
    named = {s.name: v for s, v in zip([s for s in row.statics if s.where == "before"], before, strict=True)} | statics
    if not row.is_differentiable:
        return _Ready(forward(*primals, *before, **statics))
    if row.partials is not None:
        out = forward(*primals, **statics)
        return out, _by_rule(_elementwise, row, inner, primals, tangents, out, named)
    if row.jvp is not None:
        out = forward(*primals, **statics)
        return out, _by_rule(_own_rule, row, inner, primals, tangents, out, named)
    if row.kind == "linear":
        return _linear(row, xp, inner, forward, primals, tangents, before, statics)
    if row.bilinear:
        out = forward(*primals, **statics)
        terms = [
            forward(*[t if j == i else p for j, p in enumerate(primals)], **statics)
            for i, t in enumerate(tangents)
            if t is not None
        ]
        return out, terms[0] if len(terms) == 1 else xp.add(terms[0], terms[1])
    if row.body is not None and row.name not in BODY_LOSES:
        return _Ready(run_body(row, device, operands, statics))
    return _twice_reverse(row, inner, forward, primals, tangents, before, statics)


def _by_rule(
    rule: Callable[..., Any], row: Row, inner: Device, primals: Any, tangents: Any, out: Any, named: dict[str, Any]
) -> Any:
    """Return the tangent by a row's rule: on arrays where all are plain, on tensors where some are wrapped."""
    if not inner.levels or operators_defer(inner):
        return rule(row, namespace(inner), primals, tangents, out, named)
    with no_grad():
        return as_arrays(rule(row, tensor_namespace(inner), *as_tensors(inner, [primals, tangents, out]), named))


def _values(row: Row, rule: Any, xp: Any, primals: Any, out: Any, named: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {"xp": xp, "out": out, **named}
    for o, p in zip(row.operands, primals, strict=True):
        values[o.name] = p
        values[f"{o.name}_shape"] = None if p is None else getattr(p, "shape", ())
        values[f"{o.name}_dtype"] = getattr(p, "dtype", None)
    return {name: values[name] for name in rule_names(rule) if name in values}


def _elementwise(row: Row, xp: Any, primals: Any, tangents: Any, out: Any, named: dict[str, Any]) -> Any:
    total = None
    for rule, t in zip(row.partials, tangents, strict=True):  # type: ignore[arg-type]
        if t is None:
            continue
        term = t if rule is None else -t if rule == -1 else rule(**_values(row, rule, xp, primals, out, named)) * t
        total = term if total is None else total + term
    return total


def _own_rule(row: Row, xp: Any, primals: Any, tangents: Any, out: Any, named: dict[str, Any]) -> Any:
    values = _values(row, row.jvp, xp, primals, out, named)
    return row.jvp(t=tangents[0] if len(tangents) == 1 else tuple(tangents), **values)  # type: ignore[misc]


def _is_float(device: Device, value: Any) -> bool:
    dtype = getattr(value, "dtype", None)
    return dtype is not None and device.dtype_of[dtype].is_differentiable


def _linear(
    row: Row, xp: Any, inner: Device, forward: Any, primals: Any, tangents: Any, before: Any, statics: Any
) -> Any:
    """The operation itself on tangents: a missing one is zero, and operands without a transpose stay as they are."""
    rules = row.vjp if isinstance(row.vjp, tuple) else (True,) * len(primals)
    out = forward(*primals, *before, **statics)

    def part(p: Any, t: Any) -> Any:
        if isinstance(p, list):
            return [part(a, b) for a, b in zip(p, t if t is not None else [None] * len(p), strict=True)]
        if t is not None:
            return t
        # By type: scalars of NumPy's are Python floats as well.
        if type(p) in (int, float, complex):
            return 0
        return xp.zeros_like(p) if _is_float(inner, p) else p

    arguments = [part(p, t) if rule is not None else p for p, t, rule in zip(primals, tangents, rules, strict=True)]
    if not _is_float(inner, out[0] if isinstance(out, tuple) else out):
        return _Ready(out)
    return out, forward(*arguments, *before, **statics)


def _twice_reverse(
    row: Row, inner: Device, forward: Any, primals: Any, tangents: Any, before: Any, statics: Any
) -> Any:
    """The vjp is linear in its cotangent: its transpose, by a second reverse pass, is the jvp."""
    from .. import ops
    from ..autograd.engine import gradients
    from ..autograd.mode import enable_grad
    from ..autograd.node import Leaf
    from ..namespace import tensor_namespace

    impl = implementation(row, inner)
    out = forward(*primals, *before, **statics)
    u = Tensor(namespace(inner).zeros_like(out), inner)
    u.node = Leaf(tuple(out.shape), out.dtype, inner)
    saved = impl.save((out,), (), tuple(True for _ in primals), *primals)
    wrapped = tuple(
        Tensor(v, inner) if kind in ("operand", "out") and hasattr(v, "dtype") else v
        for (kind, _), v in zip(impl.saves, saved, strict=True)
    )
    ordered = {**dict(zip([s.name for s in row.statics if s.where == "before"], before, strict=True)), **statics}
    node = _Shim(
        impl, tuple(t if t is None else True for t in tangents), out, tuple(ordered[s.name] for s in row.statics)
    )
    with enable_grad():
        cotangents = impl.backward_graph(tensor_namespace(inner), u, node, wrapped)  # type: ignore[misc]
        total = None
        for c, t in zip(cotangents, tangents, strict=True):
            if t is not None and c is not None:
                term = ops.sum(_real_product(c, Tensor(t, inner)))
                total = term if total is None else total + term
    seed = namespace(inner).ones((), dtype=total.array.dtype)  # type: ignore[union-attr]
    (found,) = gradients([total], [seed], [u.node], create_graph=False, retain_graph=False)
    return out, found


def _real_product(c: Tensor, t: Tensor) -> Tensor:
    """The product of a cotangent and a tangent, complex numbers taken as pairs of real ones."""
    from .. import ops

    return ops.real(ops.conj(c) * t) if c.dtype.is_complex else c * t


class _Shim:
    """What a backward reads of a node."""

    __slots__ = ("dtype", "impl", "parents", "shape", "statics")

    def __init__(self, impl: Any, parents: Any, out: Any, statics: Any) -> None:
        self.impl, self.parents, self.statics = impl, parents, statics
        self.shape, self.dtype = tuple(out.shape), out.dtype
