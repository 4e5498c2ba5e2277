"""An optimizer acting for a while on other parameters and another state."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..core.errors import ArgumentError, ArgumentTypeError, StateDictError
from ..core.tensor import Tensor
from .optimizer import Optimizer


def _described(optimizer: Optimizer, parameters: Any, state: Any) -> list[tuple[dict[str, Any], list[Tensor], Any]]:
    """Return the options, the parameters and their keys in the state for each group, or raise."""
    where = "swap_in_optimizer_params_and_state"
    if not isinstance(parameters, Mapping) or not all(isinstance(p, Tensor) for p in parameters.values()):
        raise ArgumentTypeError(f"{where}: swapin_parameters is a dict of tensors by name")
    if not optimizer.state:
        raise ArgumentError(f"{where}: the optimizer has no state yet; make a step, or load a state dict")
    entries, groups = (state.get(key) if isinstance(state, Mapping) else None for key in ("state", "param_groups"))
    if not isinstance(entries, dict) or not isinstance(groups, list):
        raise StateDictError(f"{where}: swapin_optim_state is a state dict, with 'state' and 'param_groups'")
    if len(groups) != len(optimizer.param_groups):
        raise StateDictError(
            f"{where}: swapin_optim_state has {len(groups)} parameter groups, the optimizer has "
            f"{len(optimizer.param_groups)}"
        )
    found = []
    rest = list(parameters.values())
    known: set[Any] = set()
    for index, (group, saved) in enumerate(zip(optimizer.param_groups, groups)):
        if not isinstance(saved, dict) or saved.keys() != group.keys():
            theirs = sorted(saved) if isinstance(saved, dict) else type(saved).__name__
            raise StateDictError(
                f"{where}: group {index} of swapin_optim_state has {theirs}, that of the optimizer {sorted(group)}"
            )
        keys = saved["params"]
        if len(keys) != len(group["params"]) or len(keys) > len(rest):
            raise StateDictError(
                f"{where}: group {index} of the optimizer has {len(group['params'])} parameters; swapin_optim_state "
                f"has {len(keys)} there, and swapin_parameters {len(rest)} left for it"
            )
        chosen, rest = rest[: len(keys)], rest[len(keys) :]
        known.update(keys)
        found.append((saved, chosen, keys))
    strange = [key for key in entries if key not in known]
    if strange:
        raise StateDictError(f"{where}: swapin_optim_state has state of {strange}, which are in no group")
    return found


@contextmanager
def swap_in_optimizer_params_and_state(
    optimizer: Optimizer, swapin_parameters: dict[str, Tensor], swapin_optim_state: dict[str, Any]
) -> Iterator[None]:
    """Let an optimizer act on other parameters, with another state and other options; afterwards all is as before.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer; it has a state.
    swapin_parameters : dict of str to Tensor
        The parameters, in the order of the optimizer's own.
    swapin_optim_state : dict
        A state dict whose groups have the optimizer's options. Its tensors are used and updated, not copied.

    Raises
    ------
    ArgumentError, ArgumentTypeError, StateDictError
        Something does not fit. The optimizer is as it was.

    Examples
    --------
    >>> import candelabra as cb
    >>> w = cb.tensor([1.0], requires_grad=True)
    >>> optimizer = cb.optim.SGD([w], lr=0.5, momentum=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> other = cb.tensor([4.0], requires_grad=True)
    >>> (other * other).sum().backward()
    >>> with cb.optim.swap_in_optimizer_params_and_state(optimizer, {"w": other}, optimizer.state_dict()):
    ...     optimizer.step()
    >>> w.tolist(), other.tolist()
    ([0.0], [-0.5])
    """
    found = _described(optimizer, swapin_parameters, swapin_optim_state)
    state, groups = optimizer.state, [dict(group) for group in optimizer.param_groups]
    exposed: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
    for _, params, keys in found:
        for p, key in zip(params, keys, strict=True):
            exposed[p] = dict(swapin_optim_state["state"].get(key, {}))
    try:
        for group, (saved, params, _) in zip(optimizer.param_groups, found, strict=True):
            group.update({**saved, "params": params})
        optimizer.state = exposed
        yield
    finally:
        optimizer._settle()
        for group, before in zip(optimizer.param_groups, groups, strict=True):
            group.clear()
            group.update(before)
        optimizer.state = state
