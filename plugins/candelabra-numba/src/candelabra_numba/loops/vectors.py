"""Vectors of a cache line, for results that are larger than the caches: they are stored past them.

A store of the usual kind first reads what it overwrites. Where a result is larger than the caches, that is a third of
what a pass over rows moves; a store past the caches ("non-temporal") of a whole line does without.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic, models, overload, register_model

LINE = 64
"""Bytes of a vector: a line of the cache on x86-64 and on most 64-bit Arm processors, where any other is also right."""


class Vector(types.Type):  # type: ignore[misc]
    """numba's type of as many numbers as fill a line."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"Vector({dtype})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Vector) -> None:
        number = manager.lookup(kind.dtype).get_value_type()
        super().__init__(manager, kind, ir.VectorType(number, LINE // (kind.dtype.bitwidth // 8)))


def _place(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    """Return the pointer to the line that begins at an element of an array of one axis in C order."""
    data = context.make_array(kind)(context, builder, array).data
    line = context.get_value_type(Vector(kind.dtype))
    return builder.bitcast(builder.gep(data, [at]), line.as_pointer())


@intrinsic
def load(typing: Any, array: Any, at: Any) -> Any:
    """Return the vector that begins at ``array[at]``, anywhere."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = signature.args[0]
        return builder.load(_place(context, builder, kind, *args), align=kind.dtype.bitwidth // 8)

    return Vector(array.dtype)(array, types.intp), generate


@intrinsic
def stream(typing: Any, array: Any, at: Any, vector: Any) -> Any:
    """Store a vector past the caches at ``array[at]``, which begins a line."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        store = builder.store(args[2], _place(context, builder, signature.args[0], *args[:2]), align=LINE)
        store.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)]))
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), generate


def _spread(builder: Any, kind: Any, number: Any) -> Any:
    """Return a vector of a number."""
    empty = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(empty, number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(ir.IntType(32), kind.count), None))


@intrinsic
def splat(typing: Any, number: Any) -> Any:
    """Return a vector of one number."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _spread(builder, context.get_value_type(signature.return_type), args[0])

    return Vector(number)(number), generate


def _each_with(name: str, function: Any) -> None:
    """Let an operator work on two vectors by the instruction of its name."""

    @intrinsic
    def apply(typing: Any, one: Any, two: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return getattr(builder, name)(*args, flags=("contract",))

        return one(one, two), generate

    def of_two(one: Any, two: Any) -> Any:
        return apply(one, two)

    def choose(one: Any, two: Any) -> Any:
        return of_two if isinstance(one, Vector) and one == two else None

    overload(function)(choose)


for _name, _function in (("fadd", operator.add), ("fsub", operator.sub), ("fmul", operator.mul)):
    _each_with(_name, _function)


@intrinsic
def _to_line(typing: Any, array: Any) -> Any:
    """Return how many elements lie before the first that begins a line."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        missing = builder.and_(builder.neg(builder.ptrtoint(data, cgutils.intp_t)), cgutils.intp_t(LINE - 1))
        return builder.udiv(missing, cgutils.intp_t(array.dtype.bitwidth // 8))

    return types.intp(array), generate


@intrinsic
def per_line(typing: Any, array: Any) -> Any:
    """Return how many elements a vector has, which the compiler knows."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return cgutils.intp_t(LINE // (array.dtype.bitwidth // 8))

    return types.intp(array), generate


@intrinsic
def fence(typing: Any) -> Any:
    """Let nobody see what is stored from here on before what was stored past the caches."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate


@njit(error_model="numpy", nogil=True, forceinline=True)  # type: ignore[misc]
def lines(array: Any, past: Any) -> Any:
    """Return the first element that begins a line, and the last that one ends before.

    All lies before the first where nothing is to be stored past the caches.
    """
    if not past:
        return array.size, array.size
    first = min(_to_line(array), array.size)
    each = per_line(array)
    return first, first + (array.size - first) // each * each


@intrinsic
def store(typing: Any, array: Any, at: Any, vector: Any) -> Any:
    """Store a vector at ``array[at]``, anywhere."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = signature.args[0]
        builder.store(args[2], _place(context, builder, kind, *args[:2]), align=kind.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), generate


@intrinsic
def spread(typing: Any, array: Any, at: Any) -> Any:
    """Return a vector of the number ``array[at]``; the place is not negative, which is not looked at."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array_type, kind = signature.args[0], context.get_value_type(signature.return_type)
        data = context.make_array(array_type)(context, builder, args[0]).data
        number = builder.load(builder.gep(data, [args[1]]))
        return _spread(builder, kind, number)

    return Vector(array.dtype)(array, types.intp), generate


@intrinsic
def straight(typing: Any, line: Any) -> Any:
    """Return an array of one axis, whose numbers lie one after the other, as one of which the compiler knows that."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return impl_ret_borrowed(context, builder, signature.return_type, args[0])

    return types.Array(line.dtype, 1, "C")(line), generate
