"""Calling a module with other parameters than its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ...core import ops
from ...core.autograd import no_grad
from ...core.errors import ArgumentError, ArgumentTypeError, ShapeError
from ...core.tensor import Tensor
from ..containers import ModuleList
from ..module import Module

__all__ = ["functional_call", "replace_all_batch_norm_modules_", "stack_module_state"]

_ABSENT = object()


def functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Tensor] | tuple[dict[str, Tensor], ...] | list[dict[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with tensors in the place of its parameters and buffers, which stay as they are.

    Parameters
    ----------
    module : Module
        The module.
    parameters_and_buffers : dict of str to Tensor, or several
        By dotted path; what is not named keeps its own. A buffer that the call replaces is put back into the dict.
    args : any or tuple, optional
        The arguments of the call; a tuple are several.
    kwargs : dict, optional
        Its keyword arguments.
    tie_weights : bool
        Whether a tensor given for one name of a shared parameter stands for its other names, too.
    strict : bool
        Whether every parameter and buffer must be named, and nothing else.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> layer = nn.Linear(2, 1, bias=False)
    >>> cb.func.functional_call(layer, {"weight": cb.ones(1, 2)}, cb.ones(3, 2)).flatten()
    tensor([2., 2., 2.])
    """
    given = parameters_and_buffers
    if isinstance(given, (list, tuple)):
        seen = [name for part in given for name in part]
        twice = sorted({name for name in seen if seen.count(name) > 1})
        if twice:
            raise ArgumentError(f"functional_call: {', '.join(twice)} stands in more than one of the dicts")
        given = {name: value for part in given for name, value in part.items()}
    if not isinstance(given, dict):
        raise ArgumentTypeError(f"functional_call: a dict of tensors is needed, got {type(given).__name__}")
    chosen = _tied(module, given) if tie_weights else dict(given)
    if strict:
        _check_names(module, chosen)
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    with _replaced(module, chosen) as changed:
        result = module(*arguments, **(kwargs or {}))
        for part in parameters_and_buffers if isinstance(parameters_and_buffers, (list, tuple)) else [given]:
            part.update({name: value for name, value in changed().items() if name in part})
    return result


def stack_module_state(models: Sequence[Module] | ModuleList) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Stack the parameters and the buffers of models of one architecture, for `vmap` over the ensemble.

    Parameters
    ----------
    models : sequence of Module
        At least one; all of one class, in one mode, with parameters of equal names and shapes.

    Returns
    -------
    (parameters, buffers)
        By dotted path, each with a new first axis over the models; stacked parameters are leaves that require gradients
        where all models' do.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> models = [nn.Linear(3, 2) for _ in range(4)]
    >>> parameters, buffers = cb.func.stack_module_state(models)
    >>> call = lambda p, b, x: cb.func.functional_call(models[0], (p, b), x)
    >>> cb.vmap(call, in_axes=(0, 0, None))(parameters, buffers, cb.ones(5, 3)).shape
    (4, 5, 2)
    """
    several = list(models)
    if not several:
        raise ArgumentError("stack_module_state: at least one model is needed")
    first = several[0]
    if any(model.training != first.training for model in several):
        raise ArgumentError("stack_module_state: all models are in training mode, or all in evaluation mode")
    if any(type(model) is not type(first) for model in several):
        kinds = ", ".join(dict.fromkeys(type(model).__name__ for model in several))
        raise ArgumentError(f"stack_module_state: all models are of one class, got {kinds}")
    return (
        _stacked([dict(model.named_parameters()) for model in several], leaves=True),
        _stacked([dict(model.named_buffers()) for model in several], leaves=False),
    )


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """Let all batch norms of a module keep no running statistics, so that `vmap` can map it in training mode.

    A batch norm in training mode writes its running statistics, of which there is one for all samples of a `vmap`.

    Parameters
    ----------
    root : Module
        The module, which is changed; its batch norms normalize by their batch's own statistics in every mode.

    Returns
    -------
    Module
        `root` itself.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> model = cb.func.replace_all_batch_norm_modules_(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)))
    >>> cb.vmap(model)(cb.ones(4, 5, 3)).shape
    (4, 5, 2)
    """
    from ..batch_normalization import _BatchNorm

    for module in root.modules():
        if isinstance(module, _BatchNorm):
            module.track_running_stats = False
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                setattr(module, name, None)
    return root


def _stacked(states: list[dict[str, Tensor]], *, leaves: bool) -> dict[str, Tensor]:
    names = set().union(*states)
    partly = sorted(name for name in names if any(name not in state for state in states))
    if partly:
        raise ShapeError(f"stack_module_state: {', '.join(partly)} must stand in every model, and does in some only")
    found = {}
    for name, own in states[0].items():
        parts = [state[name] for state in states]
        fit = [part.shape == own.shape and part.dtype is own.dtype for part in parts]
        if not all(fit):
            raise ShapeError(
                f"stack_module_state: {name} must stand in every model with shape {tuple(own.shape)} and dtype "
                f"{own.dtype.name}"
            )
        wants = [part.requires_grad for part in parts]
        if any(wants) and not all(wants):
            raise ArgumentError(f"stack_module_state: {name} requires gradients in some models and not in others")
        with no_grad():
            stack = ops.stack(parts, axis=0)
        found[name] = stack.requires_grad_(True) if leaves and all(wants) else stack
    return found


def _named(module: Module) -> dict[str, Tensor]:
    return dict(
        [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
    )


def _check_names(module: Module, chosen: dict[str, Tensor]) -> None:
    own = set(_named(module))
    missing, unexpected = sorted(own - set(chosen)), sorted(set(chosen) - own)
    if missing or unexpected:
        raise ArgumentError(
            "functional_call: strict=True wants every parameter and buffer and nothing else; missing: "
            f"{', '.join(missing) or 'none'}; unexpected: {', '.join(unexpected) or 'none'}"
        )


def _tied(module: Module, given: dict[str, Tensor]) -> dict[str, Tensor]:
    groups: dict[int, list[str]] = {}
    for name, tensor in _named(module).items():
        groups.setdefault(id(tensor), []).append(name)
    chosen = dict(given)
    for names in groups.values():
        values = [given[name] for name in names if name in given]
        if len({id(value) for value in values}) > 1:
            raise ArgumentError(
                f"functional_call: {', '.join(names)} share one tensor, but got different ones; use tie_weights=False"
            )
        if values:
            chosen.update(dict.fromkeys(names, values[0]))
    return chosen


@contextmanager
def _replaced(module: Module, chosen: dict[str, Tensor]) -> Iterator[Any]:
    """Let names mean other tensors inside the context; it gives a function that returns what they mean then."""
    places: list[tuple[str, Any, str]] = []
    for name, value in chosen.items():
        if not isinstance(value, Tensor):
            raise ArgumentTypeError(f"functional_call: {name!r} is a tensor, got {type(value).__name__}")
        path, _, last = name.rpartition(".")
        owner: Any = module.get_submodule(path)
        registry = next((r for r in (owner._parameters, owner._buffers) if last in r), owner.__dict__)
        if registry is owner.__dict__ and not isinstance(registry.get(last, value), Tensor):
            raise ArgumentError(f"functional_call: {name!r} of {type(module).__name__} is no tensor")
        places.append((name, registry, last))
    before = [registry.get(last, _ABSENT) for _, registry, last in places]
    try:
        for name, registry, last in places:
            registry[last] = chosen[name]
        yield lambda: {name: registry[last] for name, registry, last in places}
    finally:
        for (_, registry, last), value in zip(places, before, strict=True):
            if value is _ABSENT:
                registry.pop(last, None)
            else:
                registry[last] = value
