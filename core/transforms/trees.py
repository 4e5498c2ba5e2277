"""Nested tuples, lists and dicts of tensors, flattened and put together again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any


def flatten(value: Any) -> tuple[list[Any], Any]:
    """Return the leaves of a nested value, and its structure."""
    if isinstance(value, (tuple, list)):
        parts = [flatten(v) for v in value]
        return [leaf for leaves, _ in parts for leaf in leaves], (type(value), None, [tree for _, tree in parts])
    if isinstance(value, dict):
        parts = [flatten(v) for v in value.values()]
        return [leaf for leaves, _ in parts for leaf in leaves], (type(value), list(value), [tree for _, tree in parts])
    return [value], None


def leaves_like(tree: Any, value: Any) -> list[Any] | None:
    """Return the leaves of a value in the order of a structure, dicts by their keys; None where it does not fit."""
    if tree is None:
        return None if isinstance(value, (tuple, list, dict)) else [value]
    _, keys, parts = tree
    if keys is not None:
        if not isinstance(value, dict) or set(value) != set(keys):
            return None
        value = [value[key] for key in keys]
    if not isinstance(value, (tuple, list)) or len(value) != len(parts):
        return None
    found: list[Any] = []
    for part, v in zip(parts, value, strict=True):
        leaves = leaves_like(part, v)
        if leaves is None:
            return None
        found += leaves
    return found


def unflatten(tree: Any, leaves: Sequence[Any]) -> Any:
    """Return the nested value of a structure and leaves."""
    rest = iter(leaves)
    return _build(tree, rest)


def _build(tree: Any, rest: Any) -> Any:
    if tree is None:
        return next(rest)
    kind, keys, parts = tree
    values = [_build(part, rest) for part in parts]
    if keys is not None:
        found = zip(keys, values, strict=True)
        return kind(None, found) if issubclass(kind, defaultdict) else kind(found)
    return kind(*values) if hasattr(kind, "_fields") else kind(values)
