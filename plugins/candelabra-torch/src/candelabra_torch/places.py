"""Indexing, gathering and scattering by PyTorch, which counts indices from the front and has errors of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from candelabra.core.backend import Kernel
from torch.nn import functional

ARRAY = ("array",)
# Up to here one thread writes, so that of equal places the last one wins.
SERIAL = 32768


def bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let an index out of range be Python's error of that name."""

    def indexed(*operands: Any, **options: Any) -> Any:
        try:
            return function(*operands, **options)
        except RuntimeError as error:
            if "ut of" in str(error):
                raise IndexError(str(error)) from error
            raise

    return indexed


def from_front(indices: Any, n: int) -> Any:
    """Return indices as PyTorch's functions want them: 64 bits wide, counted from the first element."""
    indices = indices.to(torch.int64)
    return torch.where(indices < 0, indices + n, indices)


@bounded
def take(x: Any, indices: Any, /, *, axis: int | None = None) -> Any:
    axis = axis or 0
    found = torch.index_select(x, axis, from_front(indices.reshape(-1), x.shape[axis]))
    return found if indices.ndim == 1 else found.reshape((*x.shape[:axis], *indices.shape, *x.shape[axis:][1:]))


@bounded
def take_along_axis(x: Any, indices: Any, /, *, axis: int = -1) -> Any:
    axis %= x.ndim
    beside = list(torch.broadcast_shapes(*([*a.shape[:axis], 1, *a.shape[axis + 1 :]] for a in (x, indices))))
    sizes = [[*beside[:axis], a.shape[axis], *beside[axis + 1 :]] for a in (x, indices)]
    return torch.gather(x.expand(sizes[0]), axis, from_front(indices, x.shape[axis]).expand(sizes[1]))


@bounded
def gather(x: Any, index: Any, /, *, axis: int) -> Any:
    return torch.gather(x, axis, from_front(index, x.shape[axis]))


@bounded
def scatter(x: Any, index: Any, source: Any, /, *, axis: int) -> Any:
    return torch.scatter(x, axis, from_front(index, x.shape[axis]), source) if x.is_cpu else NotImplemented


@bounded
def scatter_add(x: Any, index: Any, source: Any, /, *, axis: int) -> Any:
    return torch.scatter_add(x, axis, from_front(index, x.shape[axis]), source)


@bounded
def index_add(x: Any, index: Any, source: Any, /, *, axis: int) -> Any:
    return torch.index_add(x, axis, from_front(index, x.shape[axis]), source)


@bounded
def scatter_reduce(x: Any, index: Any, source: Any, /, *, axis: int, reduce: str, include_self: bool) -> Any:
    if not x.is_floating_point():
        return NotImplemented
    places = from_front(index, x.shape[axis])
    return torch.scatter_reduce(x, axis, places, source, reduce, include_self=include_self)


@bounded
def embedding(weight: Any, indices: Any, /, *, padding_idx: Any) -> Any:
    return functional.embedding(from_front(indices, weight.shape[0]), weight)


def embedding_vjp(xp: Any, g: Any, indices: Any, weight_shape: Any, padding_idx: Any) -> Any:
    if not g.numel():
        return NotImplemented
    skipped = -1 if padding_idx is None else padding_idx
    n = weight_shape[0]
    return torch.ops.aten.embedding_dense_backward(g, from_front(indices, n), n, skipped, False), None


def _key(key: Any, indices: Any, shape: Any) -> tuple[tuple[Any, ...], list[int]] | None:
    """Return a key in PyTorch's terms, and which axes of the result are to be turned round; None where it has none."""
    given, sizes, found, turned, axis = iter(indices), iter(shape), [], [], 0
    rest = len(shape) - sum(1 for k in key if k is not None and k is not Ellipsis)
    if rest < 0:
        return None
    for k in key:
        if k is Ellipsis:
            found += [slice(None)] * rest
            axis += rest
            for _ in range(rest):
                next(sizes)
            continue
        if k is None:
            found.append(None)
            axis += 1
            continue
        n = next(sizes)
        if k == ARRAY:
            found.append(next(given))
        elif type(k) is not tuple:
            found.append(k)
            continue
        elif k[3] is None or k[3] > 0:
            found.append(slice(*k[1:]))
        else:
            steps = range(*slice(*k[1:]).indices(n))
            found.append(slice(steps[-1], steps[0] + 1, -steps.step) if steps else slice(0, 0))
            turned.append(axis)
        axis += 1
    return tuple(found), turned


def slice_(x: Any, /, *, key: Any) -> Any:
    found = _key(key, (), x.shape)
    if found is None:
        return NotImplemented
    out = x[found[0]]
    return torch.flip(out, found[1]) if found[1] else out


def getitem(x: Any, indices: Any, /, *, key: Any) -> Any:
    found = _key(key, indices, x.shape)
    return NotImplemented if found is None or found[1] else x[found[0]]


def setitem(x: Any, value: Any, indices: Any, /, *, key: Any) -> Any:
    found = _key(key, indices, x.shape)
    many = indices and (not x.is_cpu or x.numel() > SERIAL or any(i.numel() > SERIAL for i in indices))
    if found is None or found[1] or many:
        return NotImplemented
    out = x.clone(memory_format=torch.contiguous_format)
    out[found[0]] = value
    return out


def getitem_transpose(g: Any, indices: Any, /, *, x_shape: Any, key: Any) -> Any:
    found = _key(key, indices, x_shape)
    if found is None or (indices and found[1]):
        return NotImplemented
    out = g.new_zeros(x_shape)
    if indices:
        # The places of this key alone, not those of all arrays that may stand in it.
        where = [k if isinstance(k, torch.Tensor) else None for k in found[0]]
        if any(k is not None and k != slice(None) for k, w in zip(found[0], where, strict=True) if w is None):
            return NotImplemented
        if None in found[0]:
            return NotImplemented
        return torch.ops.aten.index_put_(out, where, g, True)
    out[found[0]] = torch.flip(g, found[1]) if found[1] else g
    return out


def pad(x: Any, /, *, widths: Any, value: Any, mode: str) -> Any:
    if mode != "constant" or (x.is_complex() and isinstance(value, complex)):
        return NotImplemented
    sides = [side for pair in reversed(widths) for side in pair]
    return functional.pad(x, sides, value=value)


KERNELS: dict[str, Any] = {
    "take": take, "take_along_axis": take_along_axis, "gather": gather, "scatter": scatter,
    "scatter_add": scatter_add, "index_add": index_add, "scatter_reduce": scatter_reduce,
    "embedding": Kernel(embedding, vjp=embedding_vjp), "slice": slice_, "getitem": getitem, "setitem": setitem,
    "getitem_transpose": getitem_transpose, "pad": pad,
}  # fmt: skip
