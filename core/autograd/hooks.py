"""Hooks on nodes: functions called with a gradient as it arrives, and handles that remove them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from ..errors import ArgumentTypeError

_identifiers = itertools.count()


class Hooks:
    """A node's hooks, in the order of registration, and whether its gradient is retained."""

    __slots__ = ("functions", "retain")

    def __init__(self) -> None:
        self.functions: dict[int, Callable[[Any], Any]] = {}
        self.retain = False


class RemovableHandle:
    """What registering a hook returns: `remove` takes the hook away again."""

    def __init__(self, registry: dict[int, Any], identifier: int) -> None:
        self._registry = registry
        self.id = identifier

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        self._registry.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *details: Any) -> None:
        self.remove()


def hooks_of(node: Any) -> Hooks:
    """Return a node's hooks, made if need be."""
    if node.hooks is None:
        node.hooks = Hooks()
    return node.hooks


def add_hook(node: Any, hook: Callable[[Any], Any]) -> RemovableHandle:
    """Register a hook for the gradients that arrive at a node."""
    return register(hooks_of(node).functions, hook)


def add_post_hook(leaf: Any, reference: Any, hook: Callable[[Any], Any]) -> RemovableHandle:
    """Register a hook that runs after a leaf's gradient has been accumulated."""
    if leaf.post_hooks is None:
        leaf.post_hooks = {}
    if not callable(hook):
        raise ArgumentTypeError(f"a hook must be callable, got {type(hook).__name__}")
    identifier = next(_identifiers)
    leaf.post_hooks[identifier] = (reference, hook)
    return RemovableHandle(leaf.post_hooks, identifier)


def register(registry: dict[int, Any], hook: Any, *, first: bool = False) -> RemovableHandle:
    """Add a hook to an ordered registry and return its handle."""
    if not callable(hook):
        raise ArgumentTypeError(f"a hook must be callable, got {type(hook).__name__}")
    identifier = next(_identifiers)
    registry[identifier] = hook
    if first:
        rest = [k for k in registry if k != identifier]
        for key in rest:
            registry[key] = registry.pop(key)
    return RemovableHandle(registry, identifier)
