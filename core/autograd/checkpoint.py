"""Checkpointing: what a segment saved is dropped, and computed again when backward comes to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import AutogradError
from ..tensor import Tensor
from .mode import enable_grad, grad_mode
from .node import MultiNode, Node, next_sequence


class _Segment:
    """One checkpointed call: how to run it again, and what it then saved."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], rng: Any) -> None:
        self.function, self.args, self.kwargs, self.rng = function, args, kwargs, rng
        self.count = 0
        self.saved: list[Any] | None = None

    def run_again(self) -> None:
        from ..random_state import default_generator

        start = next_sequence()
        with enable_grad():
            if self.rng is None:
                outputs = self.function(*self.args, **self.kwargs)
            else:
                after = default_generator.get_state()
                default_generator.set_state(self.rng)
                try:
                    outputs = self.function(*self.args, **self.kwargs)
                finally:
                    default_generator.set_state(after)
        nodes = _nodes_since(outputs, start)
        if len(nodes) != self.count:
            raise AutogradError(
                f"checkpoint: the function recorded {self.count} operations at first and {len(nodes)} when it ran "
                "again; it must do the same both times"
            )
        self.saved = [n.saved for n in nodes]


class _Dropped:
    """Stands where a node's saved arrays were."""

    __slots__ = ("place", "segment")

    def __init__(self, segment: _Segment, place: int) -> None:
        self.segment, self.place = segment, place

    def resolve(self, node: Node) -> tuple[Any, ...]:
        segment = self.segment
        if segment.saved is None:
            segment.run_again()
        saved: Any = segment.saved[self.place]  # type: ignore[index]
        # Each is handed out once; a second backward runs the segment again.
        segment.saved[self.place] = None  # type: ignore[index]
        if saved is None:
            segment.run_again()
            saved, segment.saved[self.place] = segment.saved[self.place], None  # type: ignore[index]
        if all(s is None for s in segment.saved):  # type: ignore[union-attr]
            segment.saved = None
        return saved if type(saved) is tuple else saved.resolve(node)


def _nodes_since(outputs: Any, start: int) -> list[Node]:
    """The operations recorded after `start` that the outputs depend on, in the order of recording."""
    stack = [t.node for t in _tensors(outputs) if t.node is not None]
    seen: set[Any] = set()
    found: list[Node] = []
    while stack:
        node = stack.pop()
        if node in seen or node.sequence <= start:
            continue
        seen.add(node)
        if type(node) in (Node, MultiNode):
            found.append(node)
        stack.extend(p for p in node.parents if p is not None)
    return sorted(found, key=lambda n: n.sequence)


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [t for v in value for t in _tensors(v)]
    return []


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool = False,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """Call a function without keeping what its operations saved; backward runs it again.

    Parameters
    ----------
    function : callable
        Does the same each time it is called.
    *args, **kwargs
        Its arguments.
    use_reentrant : bool
        Accepted for PyTorch's sake; there is one implementation, which supports everything that False does there.
    preserve_rng_state : bool
        Restore the random state for the second run, so that dropout makes the same mask.

    Returns
    -------
    What `function` returns.

    Examples
    --------
    >>> import candelabra as cb
    >>> x = cb.tensor(2.0, requires_grad=True)
    >>> cb.checkpoint(lambda v: cb.exp(v) * v, x).backward()
    >>> f"{x.grad.item():.3f}"
    '22.167'
    """
    from ..random_state import default_generator

    if not grad_mode.get():
        return function(*args, **kwargs)
    rng = default_generator.get_state() if preserve_rng_state else None
    start = next_sequence()
    outputs = function(*args, **kwargs)
    # Handles may be rebound between now and then: the second run gets the same arrays and nodes.
    held = tuple(_held(a) for a in args)
    segment = _Segment(function, held, {k: _held(v) for k, v in kwargs.items()}, rng)
    nodes = _nodes_since(outputs, start)
    segment.count = len(nodes)
    for place, node in enumerate(nodes):
        if node.saved:
            node.saved = _Dropped(segment, place)  # type: ignore[assignment]
    return outputs


def _held(value: Any) -> Any:
    return Tensor(value.array, value.device, value.node) if type(value) is Tensor else value
