"""Functions of update rows: lists of tensors in, and the handles rebound to their new values.

Where a backend's arrays are mutable, an array that another tensor shares is copied first, and the kernel then
overwrites; elsewhere it makes new arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .errors import ArgumentTypeError, KernelError, ShapeError
from .explain import explain
from .implementation import implementations
from .primitives.row import Row
from .tensor import Tensor


def make_update(row: Row) -> Callable[..., None]:
    """Return the function of an update row."""
    impls = implementations(row)
    names = [o.name for o in row.operands]
    written = [names.index(output) for output in row.outputs]
    # Operands that all parameters share.
    shared = [i for i, o in enumerate(row.operands) if not o.is_list]
    paired = len(names) > 1 and 1 not in shared

    def update(*lists: Any, **statics: Any) -> None:
        params = lists[0]
        if len(lists) != len(names):
            raise ArgumentTypeError(f"{row.name}: takes the lists {', '.join(names)}, got {len(lists)} lists")
        if shared:
            lists = tuple([x] if i in shared else x for i, x in enumerate(lists))
        if not params:
            return
        device = params[0].device
        for tensors in lists:
            for t in tensors:
                if t.device is not device:
                    _by_device(update, lists, shared, statics)
                    return
        for p, g in zip(params, lists[1], strict=True) if paired else ():
            if g.array.shape != p.array.shape:
                raise ShapeError(f"{row.name}: a gradient has shape {g.shape}, its parameter {p.shape}")
        impl = impls[device]
        backend = device.backend
        donate = backend.mutable and impl.source == "kernel" and not device.levels
        if donate:
            for i in written:
                for t in lists[i]:
                    if not t._is_unique():
                        t.array = backend.copy(t.array)
        arrays: list[Any] = [[t.array for t in tensors] for tensors in lists]
        for i in shared:
            (arrays[i],) = arrays[i]
        kind, normalize = impl.array_type, impl.normalize
        try:
            if impl.source == "kernel":
                results = impl.forward(*arrays, donate=donate, **statics)
            else:
                results = impl.forward(*arrays, **statics)
            made = [[a if type(a) is kind else normalize(a) for a in new] for new in results]
            if [len(new) for new in made] != [len(lists[i]) for i in written]:
                raise KernelError(f"{', '.join(row.outputs)} must be returned, an array for each tensor")
        except Exception as error:
            raise explain(row, (), error, None, device) from error
        for i, new in zip(written, made, strict=True):
            for t, array in zip(lists[i], new, strict=True):
                t._rebind(array)

    update.__name__ = row.name
    return update


def _by_device(
    update: Callable[..., None], lists: Sequence[Sequence[Tensor]], shared: Sequence[int], statics: dict[str, Any]
) -> None:
    """Run an update once per device; state may have been left on another device than its parameter and follows it."""
    from .transfer import transfer

    groups: dict[Any, list[int]] = {}
    for i, p in enumerate(lists[0]):
        groups.setdefault(p.device, []).append(i)
    for device, members in groups.items():
        chosen: list[Any] = []
        for k, tensors in enumerate(lists):
            if k in shared:
                chosen.append(transfer(tensors[0].detach(), device))
                continue
            part = [tensors[i] for i in members] if tensors else []
            for t in part:
                if t.device is not device:
                    moved = t.detach()
                    t._rebind(transfer(moved, device).array, device)
            chosen.append(part)
        per_parameter = {
            k: tuple(v[i] for i in members) if isinstance(v, tuple) and len(v) == len(lists[0]) else v
            for k, v in statics.items()
        }
        update(*chosen, **per_parameter)
