"""What an optimizer remembers: step counts, snapshots, and state dicts of this library's and of PyTorch's making."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from copy import deepcopy
from itertools import chain
from typing import TYPE_CHECKING, Any

from ..core import dtypes, ops
from ..core.device import host_device
from ..core.errors import CandelabraError, StateDictError
from ..core.tensor import Tensor

if TYPE_CHECKING:
    from .optimizer import Optimizer


def step_tensor(count: float) -> Tensor:
    """Return a step count as PyTorch keeps it: a 0-d float32 tensor on the host."""
    return ops.full((), count, dtype=dtypes.float32, device=host_device())


def snapshot(value: Any) -> Any:
    """Return `value` with every tensor in it detached, so that later updates do not reach it."""
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, dict):
        return {key: snapshot(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(snapshot(v) for v in value)
    return deepcopy(value)


def adopted(name: str, value: Any, label: str) -> Any:
    """Return a tensor of any library as this one's, detached, and anything else as a copy."""
    if isinstance(value, Tensor):
        return value.detach()
    if not (hasattr(value, "__dlpack__") or hasattr(value, "__array__")):
        return deepcopy(value)
    if hasattr(value, "detach"):
        value = value.detach()
        if str(value.dtype).endswith("bfloat16"):
            # NumPy has no such dtype to import it by; float32 holds every value of it.
            value = value.float()
    try:
        return ops.asarray(value, copy=True)
    except (CandelabraError, TypeError, ValueError, BufferError, RuntimeError) as error:
        raise StateDictError(f"{label}: {name} of type {type(value).__name__} cannot be read: {error}") from error


def loaded_value(name: str, value: Any, p: Tensor, label: str) -> Any:
    """Return a value of a parameter's saved state, tensors in the place and dtype of `p`."""
    if isinstance(value, dict):
        return {key: loaded_value(key, v, p, label) for key, v in value.items()}
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(loaded_value("", v, p, label) for v in value)
    if name == "step" and isinstance(value, (int, float)):
        return step_tensor(float(value))
    tensor = adopted(name, value, label)
    if not isinstance(tensor, Tensor):
        return tensor
    if name == "step":
        return step_tensor(float(tensor))
    if p.dtype.is_floating_point or p.dtype.is_complex:
        return tensor.to(p.device, p.dtype)
    return tensor.to(p.device)


def checked_state(optimizer: Optimizer, loaded: Any) -> tuple[defaultdict[Any, dict[str, Any]], list[dict[str, Any]]]:
    """Return the state by parameter and the options of each group that `loaded` holds, or raise."""
    where = f"{type(optimizer).__name__}.load_state_dict"
    if not isinstance(loaded, Mapping) or "state" not in loaded or "param_groups" not in loaded:
        raise StateDictError(f"{where}: an optimizer's state dict is a dict with 'state' and 'param_groups'")
    saved_groups = loaded["param_groups"]
    if not all(isinstance(g, Mapping) and "params" in g for g in saved_groups):
        raise StateDictError(f"{where}: each of 'param_groups' is a dict with 'params'")
    ours = [len(g["params"]) for g in optimizer.param_groups]
    theirs = [len(g["params"]) for g in saved_groups]
    if ours != theirs:
        raise StateDictError(
            f"{where}: the state dict has {len(theirs)} parameter groups of {theirs} parameters, the optimizer "
            f"{len(ours)} of {ours}; build the optimizer over the same groups before loading"
        )
    groups = []
    for saved, group in zip(saved_groups, optimizer.param_groups):
        fresh = {key: adopted(key, value, where) for key, value in saved.items() if key != "params"}
        for key, default in optimizer.defaults.items():
            fresh.setdefault(key, group.get(key, default))
        optimizer.check_group(fresh)
        groups.append(fresh)
    owner = dict(
        zip(
            chain.from_iterable(g["params"] for g in saved_groups),
            ((p, group, fresh) for group, fresh in zip(optimizer.param_groups, groups) for p in group["params"]),
        )
    )
    state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
    for key, entry in loaded["state"].items():
        if key not in owner:
            state[key] = snapshot(entry)
            continue
        p, group, fresh = owner[key]
        label = f"{where}: {optimizer.describe(group, p)}"
        state[p] = {name: loaded_value(name, value, p, label) for name, value in entry.items()}
        check_entry(optimizer, state[p], p, label, fresh)
    return state, groups


def check_entry(optimizer: Optimizer, entry: dict[str, Any], p: Tensor, label: str, group: dict[str, Any]) -> None:
    """Raise where a parameter's saved state lacks a tensor or has one of another shape."""
    names = optimizer.state_names(group)
    if names and entry:
        missing = [n for n in (("step",) if optimizer.counts_steps else ()) + names[:2] if n not in entry]
        if missing:
            raise StateDictError(f"{label}: the state has no {missing}; it has {sorted(entry)}")
    for name in names:
        value = entry.get(name)
        if isinstance(value, Tensor) and value.shape != p.shape:
            raise StateDictError(
                f"{label} has shape {p.shape}, the saved {name} {value.shape}; the state dict belongs to another "
                "model, or its parameters come in another order"
            )
