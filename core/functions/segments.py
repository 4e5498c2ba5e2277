"""Reductions of consecutive segments of an axis."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from ..primitives.tools import axis_index, size_of
from ..tensor import Tensor
from .torch_names import either

__all__ = ["segment_reduce"]

_REDUCTIONS = ("sum", "mean", "max", "min", "prod")


def segment_reduce(
    x: Tensor,
    reduce: str,
    *,
    lengths: Tensor | None = None,
    indices: Tensor | None = None,
    offsets: Tensor | None = None,
    axis: int | None = None,
    unsafe: bool = False,
    initial: float | None = None,
    dim: int | None = None,
) -> Tensor:
    """Return the reduction of each of consecutive segments of an axis.

    Parameters
    ----------
    x : Tensor
        Floating-point, shape (*B, N, ...).
    reduce : {"sum", "mean", "max", "min", "prod"}
        How; equal extrema share the gradient.
    lengths : Tensor, optional
        The segments' lengths: integers of shape (*B, S) that add up to N.
    indices : Tensor, optional
        Refused, as by PyTorch: `index_reduce` reduces by the number of each row's segment.
    offsets : Tensor, optional
        Instead of lengths: where the segments begin, and N; integers of shape (*B, S + 1).
    axis : int, optional
        The axis behind B, by default the first; `dim` is a synonym.
    unsafe : bool
        Whether the lengths are taken as they are, without looking whether they add up to N.
    initial : float, optional
        What each segment begins with.

    Returns
    -------
    Tensor
        Shape (*B, S, ...). Without `initial` an empty segment gives 0, NaN, an infinity or 1.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.segment_reduce(cb.tensor([1.0, 2.0, 3.0]), "sum", lengths=cb.tensor([2, 1]))
    tensor([3., 3.])
    """
    if reduce not in _REDUCTIONS:
        raise ArgumentError(f"segment_reduce: reduce is one of {', '.join(_REDUCTIONS)}, not {reduce!r}")
    if indices is not None:
        raise ArgumentError(
            "segment_reduce: indices are not taken; give lengths or offsets, or call index_reduce, which reduces by "
            "the number of each row's segment"
        )
    if (lengths is None) == (offsets is None):
        raise ArgumentError("segment_reduce: give either lengths or offsets")
    if x.dtype.kind != "float" or not x.ndim:
        raise ArgumentError(
            f"segment_reduce: floats with an axis are needed, got {x.dtype.name} of shape {tuple(x.shape)}"
        )
    given = either(axis, dim, "segment_reduce")
    at = axis_index(0 if given is None else given, x.ndim, "segment_reduce")
    sizes = _sizes(x, at, lengths, offsets, unsafe)
    lead, n, rest = tuple(x.shape[:at]), x.shape[at], tuple(x.shape[at + 1 :])
    rows = ops.reshape(x, (size_of(lead) * n, *rest)) if at else x
    by = "sum" if reduce == "mean" else reduce
    found = ops.segment_reduction(rows, sizes, by=by)
    if initial is not None:
        start = float(initial)
        if reduce in ("max", "min"):
            # What ties with the beginning keeps its gradient.
            found = ops.where(found < start if reduce == "max" else found > start, start, found)
        else:
            found = found * start if reduce == "prod" else found + start
    if reduce == "mean":
        number = ops.reshape(ops.astype(sizes, x.dtype), (-1,) + (1,) * len(rest))
        found = found / (number if initial is None else ops.maximum(number, 1))
    return ops.reshape(found, (*lead, sizes.shape[0] // max(size_of(lead), 1), *rest)) if at else found


def _sizes(x: Tensor, at: int, lengths: Tensor | None, offsets: Tensor | None, unsafe: bool) -> Tensor:
    """Return the lengths of the segments of all lines one after the other."""
    lines: Any = lengths if offsets is None else offsets
    if not isinstance(lines, Tensor):
        raise ArgumentTypeError(f"segment_reduce: lengths or offsets are a tensor, not {type(lines).__name__}")
    lead, n = tuple(x.shape[:at]), x.shape[at]
    if lines.dtype.kind not in ("signed", "unsigned") or tuple(lines.shape[:-1]) != lead or not lines.ndim:
        wanted = f"({', '.join(map(str, lead))}, S)" if lead else "(S,)"
        raise ArgumentError(
            f"segment_reduce: lengths or offsets are integers of shape {wanted}, got shape {tuple(lines.shape)} of "
            f"{lines.dtype.name}"
        )
    lines = ops.astype(lines, lines.device.whole, copy=False)
    if offsets is None:
        sizes = lines
    else:
        if not lines.shape[-1]:
            raise ShapeError("segment_reduce: offsets have one entry more than there are segments, got none")
        sizes = lines[..., 1:] - lines[..., :-1]
    # Inside a transformation lengths may have no single value.
    if not unsafe and not sizes.device.levels:
        ends = ops.sum(sizes, axis=-1)
        begins = ops.any(lines[..., 0] != 0) if offsets is not None else False
        if bool(ops.any(sizes < 0)) or bool(ops.any(ends != n)) or bool(begins):
            raise ArgumentError(
                f"segment_reduce: segments of lengths {sizes.tolist()} do not make up the {n} rows of x along axis {at}"
            )
    return ops.reshape(sizes, (size_of(tuple(sizes.shape)),)) if lead else sizes
