"""The nodes of the tape.

An operation's node keeps the implementation that ran, edges to its inputs' nodes, what the rules asked to keep, and its
output's shape and dtype. A leaf's node owns `grad` and hooks, so that no node ever refers to a tensor of the user's.
"""

from __future__ import annotations

import itertools
from typing import Any

next_sequence = itertools.count(1).__next__


class Node:
    """An operation with one output."""

    __slots__ = (
        "__weakref__", "dtype", "grad", "hooks", "impl", "line", "parents", "saved", "sequence", "shape", "statics",
    )  # fmt: skip
    is_leaf = False
    impl: Any
    sequence: int
    parents: Any
    saved: Any
    statics: Any
    shape: Any
    dtype: Any
    hooks: Any
    line: str
    grad: Any

    @property
    def device(self) -> Any:
        """The device of the output."""
        return self.impl.device

    @property
    def name(self) -> str:
        """The name under which the operation prints, such as ``MulBackward0`` does in PyTorch."""
        return _class_name(self.impl.row.name)

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes of the inputs, as PyTorch shows them."""
        return tuple(
            (None, 0) if p is None else (p.parent, p.index) if isinstance(p, Output) else (p, 0) for p in self.parents
        )

    def __repr__(self) -> str:
        return f"<{self.name}>"


class MultiNode(Node):
    """An operation with several outputs; `shape` and `dtype` are tuples, one entry per output."""

    __slots__ = ()


class Output:
    """One output of a `MultiNode`."""

    __slots__ = ("__weakref__", "dtype", "grad", "hooks", "index", "parent", "sequence", "shape")
    is_leaf = False

    def __init__(self, parent: MultiNode, index: int) -> None:
        self.parent = parent
        self.index = index
        self.sequence = next_sequence()
        self.shape = parent.shape[index]
        self.dtype = parent.dtype[index]
        self.hooks: Any = None

    @property
    def device(self) -> Any:
        """The device of the output."""
        return self.parent.device

    @property
    def parents(self) -> tuple[Any, ...]:
        """The one node behind this output."""
        return (self.parent,)

    @property
    def name(self) -> str:
        """The name under which the operation prints."""
        return self.parent.name

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes of the operation's inputs."""
        return self.parent.next_functions

    def __repr__(self) -> str:
        return f"<{self.name}>"


class Leaf:
    """The node of a tensor that requires a gradient and is no operation's result."""

    __slots__ = ("__weakref__", "device", "dtype", "grad", "hooks", "post_hooks", "sequence", "shape")
    is_leaf = True
    parents = ()
    next_functions = ()
    name = "AccumulateGrad"

    def __init__(self, shape: tuple[int, ...], dtype: Any, device: Any) -> None:
        self.shape = shape
        self.dtype = dtype
        self.device = device
        # Before every operation, unless a transformation made the leaf.
        self.sequence = 0
        self.grad: Any = None
        self.hooks: Any = None
        self.post_hooks: Any = None

    def __repr__(self) -> str:
        return "<AccumulateGrad>"


def _class_name(row_name: str) -> str:
    return "".join(part.capitalize() for part in row_name.split("_")) + "Backward"
