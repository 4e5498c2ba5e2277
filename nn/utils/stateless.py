"""Calling a module with other parameters than its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...core.errors import ArgumentError, ArgumentTypeError
from ...core.tensor import Tensor
from ..module import Module

__all__ = ["functional_call"]

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
