"""What an optimizer remembers: step counts, snapshots, and state dicts of this library's and of PyTorch's making."""

from __future__ import annotations

import struct
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


# What PyTorch's optimizers have given their groups over the years: a state dict of an older release lacks some.
YOUNG = frozenset(("capturable", "decoupled_weight_decay", "differentiable", "foreach", "fused", "maximize"))

# Options by which one kind of optimizer is told from another.
TELLING = frozenset(
    ("adjust_lr_fn", "alpha", "amsgrad", "beta2_decay", "betas", "centered", "d", "dampening", "eps", "etas",
     "history_size", "initial_accumulator_value", "lambd", "line_search_fn", "lr_decay", "max_eval", "max_iter",
     "momentum", "momentum_decay", "nesterov", "ns_coefficients", "ns_steps", "rho", "step_sizes", "t0",
     "tolerance_change", "tolerance_grad")
)  # fmt: skip


def host_number(value: float) -> Tensor:
    """Return a number of a state as PyTorch keeps it: a 0-d float32 tensor on the host."""
    return ops.full((), value, dtype=dtypes.float32, device=host_device())


def single(value: float) -> float:
    """Return a number rounded to float32, which is what a state dict holds of it."""
    return struct.unpack("f", struct.pack("f", value))[0]


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


def loaded_value(name: str, value: Any, p: Tensor, label: str, numbers: tuple[str, ...]) -> Any:
    """Return a value of a parameter's saved state, tensors in the place and dtype of `p`, but for `numbers`."""
    if isinstance(value, dict):
        return {key: loaded_value(key, v, p, label, ()) for key, v in value.items()}
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(loaded_value("", v, p, label, ()) for v in value)
    if name in numbers and isinstance(value, (int, float)):
        return host_number(float(value))
    tensor = adopted(name, value, label)
    if not isinstance(tensor, Tensor):
        return tensor
    if name in numbers:
        if tensor.size != 1:
            raise StateDictError(f"{label}: the saved {name} has shape {tensor.shape}; it is one number")
        return host_number(float(tensor))
    if p.dtype.is_floating_point or (p.dtype.is_complex and tensor.dtype.is_complex):
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
    for index, (saved, group) in enumerate(zip(saved_groups, optimizer.param_groups)):
        lacking = sorted(optimizer.defaults.keys() - saved.keys() - YOUNG)
        strange = sorted(saved.keys() & TELLING - optimizer.defaults.keys() - group.keys())
        if lacking and strange:
            raise StateDictError(
                f"{where}: parameter group {index} of the state dict has no {lacking} and has {strange}; it belongs to "
                "another kind of optimizer"
            )
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
        numbers = ("step", *optimizer.numbers)
        state[p] = {name: loaded_value(name, value, p, label, numbers) for name, value in entry.items()}
        optimizer.check_state(state[p], p, label, fresh)
    return state, groups


def check_entry(optimizer: Optimizer, entry: dict[str, Any], p: Tensor, label: str, group: dict[str, Any]) -> None:
    """Raise where a parameter's saved state lacks a tensor or has one of another shape."""
    names = optimizer.state_names_of(group, optimizer.part_of(p))
    if names and entry:
        needed = (("step",) if optimizer.counts_steps else ()) + optimizer.numbers + names
        missing = [name for name in needed if name not in entry and name not in optimizer.optional_state]
        if missing:
            raise StateDictError(
                f"{label}: the state has no {missing}; it has {sorted(entry)} and belongs to another kind of "
                "optimizer, or to one with other options"
            )
    for name in names:
        value = entry.get(name)
        shape = optimizer.state_shape(name, p)
        if isinstance(value, Tensor) and value.shape != shape:
            wanted = "" if shape == p.shape else f", its {name} therefore {shape}"
            raise StateDictError(
                f"{label} has shape {p.shape}{wanted}, the saved {name} {value.shape}; the state dict belongs to "
                "another model, or its parameters come in another order"
            )
