"""The engine: walks the reachable nodes by descending sequence number and hands cotangents to their rules.

It alone sums a cotangent back to a broadcast operand's shape, casts it to the operand's dtype, and writes only into
buffers that it allocated itself (a rule may hand one array to both sides).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

from ..device import mismatch
from ..errors import ArgumentTypeError, AutogradError, CandelabraError, DTypeError, ShapeError
from ..failures import failure, in_brackets, origin
from ..implementation import Implementation
from ..implementation import namespace as _xp
from ..namespace import tensor_namespace
from ..tensor import Tensor
from .mode import grad_mode, recording, walking_back
from .node import Leaf, MultiNode, Node, Output

_sequence = attrgetter("sequence")
_accumulation = threading.Lock()
_new = object.__new__


class _Masked:
    """A node seen with fewer parents, when only some inputs' gradients are asked for."""

    __slots__ = ("dtype", "impl", "parents", "shape", "statics")

    def __init__(self, node: Node, parents: tuple[Any, ...]) -> None:
        self.impl, self.statics, self.parents = node.impl, node.statics, parents
        self.dtype, self.shape = node.dtype, node.shape


def _tensor(array: Any, device: Any, node: Any = None) -> Tensor:
    made: Tensor = _new(Tensor)
    made.array, made.device, made.node = array, device, node
    return made


def run(
    roots: Sequence[Any],
    seeds: Sequence[Any],
    wanted: Sequence[Any] | None,
    retain_graph: bool,
    create_graph: bool,
) -> dict[Any, Any]:
    """Walk back from `roots` with cotangents `seeds`: raw arrays, or tensors under `create_graph`.

    Without `wanted`, leaves accumulate into `grad`. With `wanted` (nodes), the cotangents that arrive there are
    returned and nothing else is touched.
    """
    order = list(dict.fromkeys(roots))
    seen = set(order)
    # The list grows while it is read: every node behind the roots, once.
    for node in order:
        for parent in node.parents:
            if parent is not None and parent not in seen:
                seen.add(parent)
                order.append(parent)
    order.sort(key=_sequence, reverse=True)
    token = walking_back.set(True)
    try:
        if wanted is None and not create_graph and grad_mode.get() in (True, False):
            _to_leaves(roots, seeds, order, retain_graph)
            return {}
        return _walk(roots, seeds, wanted, order, retain_graph, create_graph)
    finally:
        walking_back.reset(token)


def _to_leaves(roots: Sequence[Any], seeds: Sequence[Any], order: list[Any], retain_graph: bool) -> None:
    """Walk on raw arrays and accumulate in the leaves: the common backward, kept lean."""
    buffers: dict[Any, Any] = {}
    owned: set[Any] = set()
    for node, seed in zip(roots, seeds, strict=True):
        _give(node, seed, buffers, False, node)
    node = None
    try:
        for node in order:
            g = buffers.pop(node, None)
            if g is None:
                continue
            if type(node) is not Node:
                if type(node) is not MultiNode:
                    if node.hooks is not None:
                        g = _run_hooks(node, g, False)
                    if type(node) is Leaf:
                        _accumulate(node, g, False)
                    else:
                        _hand_to_operation(node, g, buffers)
                    continue
                g = _complete(node, g, False)
            elif node.hooks is not None:
                g = _run_hooks(node, g, False)
            saved = node.saved
            if type(saved) is not tuple:
                saved = _resolve(node, saved)
            impl = node.impl
            cotangents = impl.backward(impl.xp, g, node, saved)
            if not retain_graph and saved and impl.holds_arrays:
                node.saved = None
            for parent, cotangent in zip(node.parents, cotangents):
                if parent is not None and cotangent is not None:
                    if cotangent.shape != parent.shape or cotangent.dtype is not parent.dtype:
                        cotangent = _fitted(parent, cotangent, False, node)
                    before = buffers.get(parent)
                    if before is None:
                        buffers[parent] = cotangent
                    elif parent in owned:
                        # Written in place only where the array is the engine's own sum.
                        before += cotangent
                    else:
                        _sum_up(parent, before, cotangent, buffers, owned)
    except Exception as error:
        _add_note(error, node)
        raise


def _add_note(error: Exception, node: Any) -> None:
    """Say where an error came up; what means that memory ran out, or the code of others failed, is raised as that."""
    if isinstance(node, Node):
        name, device = node.impl.row.name, node.impl.device.physical
        note = f"raised in the backward of {name}, whose result has shape {node.shape}{in_brackets(device, name)}"
        if not isinstance(error, CandelabraError) and (
            device.backend.is_out_of_memory(error)
            # What a user's own function or hook raises is the user's.
            or (type(node.impl) is Implementation and not _in_hook(error) and origin(device, name))
        ):
            failed = failure(f"backward of {name}", device, error, name)
            failed.add_note(note)
            raise failed from error
        error.add_note(note)


def _in_hook(error: Exception) -> bool:
    """Whether an error came up in a hook, and not in a rule."""
    trace = error.__traceback__
    return trace is not None and trace.tb_next is not None and trace.tb_next.tb_frame.f_code is _run_hooks.__code__


def _resolve(node: Any, saved: Any) -> tuple[Any, ...]:
    """Return what a node saved, which may have been dropped."""
    if saved is None:
        raise _second_time(node)
    return saved.resolve(node)


def _hand_to_operation(output: Output, g: Any, buffers: dict[Any, Any]) -> None:
    """Put an output's cotangent into its place among those of its operation."""
    parent = output.parent
    entries = buffers.get(parent)
    if entries is None:
        entries = buffers[parent] = [None] * len(parent.shape)
    before = entries[output.index]
    entries[output.index] = g if before is None else _sum(parent, before, g)


def _walk(
    roots: Sequence[Any],
    seeds: Sequence[Any],
    wanted: Sequence[Any] | None,
    order: list[Any],
    retain_graph: bool,
    create_graph: bool,
) -> dict[Any, Any]:
    """Walk with tensors, towards chosen nodes, or in anomaly mode."""
    needed: set[Any] | None = None
    if wanted is not None:
        needed = set(wanted)
        for node in reversed(order):
            if node not in needed and any(p in needed for p in node.parents):
                needed.add(node)
    buffers: dict[Any, Any] = {}
    for node, seed in zip(roots, seeds, strict=True):
        _give(node, seed, buffers, create_graph, node)
    results: dict[Any, Any] = {}
    mode = grad_mode.get()
    anomaly = None if mode is True or mode is False else mode
    for node in order:
        g = buffers.pop(node, None)
        if g is None or (needed is not None and node not in needed):
            continue
        kind = type(node)
        if kind is not MultiNode and node.hooks is not None:
            g = _run_hooks(node, g, create_graph)
        if wanted is not None and node in wanted:
            results[node] = g
        if kind is Leaf:
            if wanted is None:
                _accumulate(node, g, create_graph)
            continue
        if kind is Output:
            _hand_to_operation(node, g, buffers)
            continue
        view = node
        if needed is not None and any(p is not None and p not in needed for p in node.parents):
            if not any(p in needed for p in node.parents):
                continue
            view = _Masked(node, tuple(p if p in needed else None for p in node.parents))
        saved = node.saved
        if type(saved) is not tuple:
            saved = _resolve(node, saved)
        impl = node.impl
        if kind is MultiNode:
            g = _complete(node, g, create_graph)
        try:
            if create_graph:
                space = tensor_namespace(impl.device)
                cotangents = impl.backward_graph(space, g, view, _as_tensors(node, saved))
            else:
                cotangents = impl.backward(impl.xp, g, view, saved)
            if anomaly is not None:
                anomaly.check_backward(node, g, cotangents)
            if not retain_graph and saved and impl.holds_arrays:
                node.saved = None
            for parent, cotangent in zip(view.parents, cotangents, strict=True):
                if parent is not None and cotangent is not None:
                    _give(parent, cotangent, buffers, create_graph, node)
        except Exception as error:
            _add_note(error, node)
            raise
    return results


def _fitted(node: Any, cotangent: Any, graph: bool, source: Any) -> Any:
    """Return a cotangent in the shape and dtype of the node at which it arrives."""
    shape = node.shape
    if cotangent.shape != shape:
        space = tensor_namespace(node.device) if graph else _xp(node.device)
        cotangent = sum_to(space, cotangent, tuple(shape), source)
    dtype = cotangent.array.dtype if graph else cotangent.dtype
    if dtype is not node.dtype and dtype != node.dtype:
        cotangent = _cast(cotangent, dtype, node, graph)
    return cotangent


def _sum_up(node: Any, before: Any, cotangent: Any, buffers: dict[Any, Any], owned: set[Any]) -> None:
    """Add a second cotangent into a new buffer, which is the engine's own where arrays can be written."""
    buffers[node] = _sum(node, before, cotangent)
    backend = node.device.backend
    if node.shape and not node.device.levels and backend.mutable and backend.within is None:
        owned.add(node)


def _give(node: Any, cotangent: Any, buffers: dict[Any, Any], graph: bool, source: Any) -> None:
    """Add a cotangent to what has arrived at a node."""
    cotangent = _fitted(node, cotangent, graph, source)
    before = buffers.get(node)
    buffers[node] = cotangent if before is None else _sum(node, before, cotangent)


def _sum(node: Any, before: Any, cotangent: Any) -> Any:
    """Add two cotangents; inside a transformation one may be a plain array that knows no wrapped ones."""
    if isinstance(before, Tensor):
        return before + cotangent
    device = node.impl.device if type(node) is MultiNode else node.device
    if hasattr(cotangent, "lowered"):
        return cotangent + before
    if (not device.levels and device.backend.within is None) or hasattr(before, "lowered"):
        return before + cotangent
    return _xp(device).add(before, cotangent)


def _cast(cotangent: Any, dtype: Any, node: Any, graph: bool) -> Any:
    space = tensor_namespace(node.device) if graph else _xp(node.device)
    kinds = node.device.dtype_of
    if kinds[dtype].is_complex and not kinds[node.dtype].is_complex:
        cotangent = space.real(cotangent)
    return space.astype(cotangent, node.dtype)


def sum_to(space: Any, cotangent: Any, shape: tuple[int, ...], source: Any = None) -> Any:
    """Sum a cotangent back to the shape of an operand that was broadcast."""
    given = cotangent.shape
    extra = len(given) - len(shape)
    if extra < 0 or any(n not in (1, m) for n, m in zip(shape, given[extra:], strict=True)):
        impl = getattr(source, "impl", None)
        name = getattr(getattr(impl, "row", None), "name", "an operation")
        whose = in_brackets(impl.device.physical, name) if type(impl) is Implementation else ""
        raise ShapeError(
            f"backward of {name}: a cotangent of shape {tuple(given)} cannot be summed to the operand's shape "
            f"{shape}{whose}"
        )
    axes = tuple(range(extra)) + tuple(
        i + extra for i, (n, m) in enumerate(zip(shape, given[extra:], strict=True)) if n != m
    )
    summed = space.sum(cotangent, axis=axes, keepdims=False) if axes else cotangent
    return summed if summed.shape == shape else space.reshape(summed, shape)


def _complete(node: MultiNode, cotangents: list[Any], graph: bool) -> tuple[Any, ...]:
    """Fill the cotangents of differentiable outputs that nobody used with zeros."""
    if not getattr(node.impl, "materialize", True):
        return tuple(cotangents)
    space = tensor_namespace(node.impl.device) if graph else node.impl.xp
    kept = node.impl.row.differentiable
    many = kept * len(cotangents) if len(kept) == 1 else kept
    return tuple(
        None if not differentiable else space.zeros(tuple(shape), dtype=dtype) if c is None else c
        for c, shape, dtype, differentiable in zip(cotangents, node.shape, node.dtype, many, strict=True)
    )


def _as_tensors(node: Node, saved: tuple[Any, ...]) -> tuple[Any, ...]:
    """Hand saved arrays over as tensors that know their place in the graph."""
    impl, parents = node.impl, node.parents
    device = impl.device
    listed = len(impl.row.operands) - 1 if impl.row.has_list else None
    found: list[Any] = []
    for (kind, which), value in zip(impl.saves, saved, strict=True):
        # By type: a scalar of NumPy's, which a 0-d array inside a transformation may be, is a Python float as well.
        if kind in ("shape", "dtype", "residual") or value is None or type(value) in (int, float, complex):
            found.append(value)
        elif kind == "out":
            owner = Output(node, which) if type(node) is MultiNode else node
            found.append(_tensor(value, device, owner))
        elif which == listed:
            found.append([_tensor(v, device, p) for v, p in zip(value, parents[listed:], strict=True)])
        else:
            found.append(_tensor(value, device, parents[which]))
    return tuple(found)


def _run_hooks(node: Any, g: Any, graph: bool) -> Any:
    tensor = g if graph else _tensor(_owned(g, node.device), node.device)
    for hook in list(node.hooks.functions.values()):
        changed = hook(tensor)
        if changed is not None:
            if not isinstance(changed, Tensor):
                raise ArgumentTypeError(f"a gradient hook returns a Tensor or None, got {type(changed).__name__}")
            if tuple(changed.shape) != tuple(node.shape):
                raise ShapeError(f"a gradient hook returned shape {changed.shape} for a gradient of {node.shape}")
            if changed.device.physical is not tensor.device.physical:
                raise mismatch("a gradient hook", [tensor.device, changed.device])
            if changed.dtype is not tensor.dtype:
                raise DTypeError(
                    f"a gradient hook returned {changed.dtype.name} for a gradient of {tensor.dtype.name}; cast it back"
                )
            tensor = changed
    if node.hooks.retain:
        node.grad = tensor if graph else _tensor(tensor.array, tensor.device)
    return tensor if graph else tensor.array


def _owned(array: Any, device: Any) -> Any:
    """Return a cotangent that users may write into: a view of another array would warn of a lost write."""
    if device.levels:
        return array
    backend = device.backend
    if type(array) is not backend.array_type:
        return backend.normalize(array, device.index or 0)
    return backend.copy(array) if backend.is_view_of_live_owner(array) else array


def _accumulate(leaf: Leaf, g: Any, graph: bool) -> None:
    with _accumulation:
        if not graph:
            device = leaf.device
            if leaf.grad is None:
                leaf.grad = _tensor(_owned(g, device), device)
            elif leaf.grad.node is None:
                leaf.grad.array = _xp(device).add(leaf.grad.array, g)
                if not device.levels and type(leaf.grad.array) is not device.backend.array_type:
                    leaf.grad.array = device.backend.normalize(leaf.grad.array, device.index or 0)
            else:
                leaf.grad = leaf.grad + _tensor(g, device)
        else:
            leaf.grad = g if leaf.grad is None else leaf.grad + g
    if leaf.post_hooks is not None:
        for reference, hook in list(leaf.post_hooks.values()):
            tensor = reference()
            if tensor is not None:
                hook(tensor)


def _second_time(node: Node) -> AutogradError:
    return AutogradError(
        f"backward through {node.impl.row.name} a second time: what it had saved was dropped after the first; "
        "call backward(retain_graph=True) (or grad(..., retain_graph=True)) the first time"
    )


def _seed(tensor: Any, gradient: Any, operation: str, graph: bool) -> Any:
    """Check or make the cotangent of an output."""
    device = tensor.device
    if gradient is None:
        if tensor.size != 1:
            raise AutogradError(
                f"{operation}: a gradient can be made up only for a scalar, this output has shape "
                f"{tuple(tensor.shape)}; reduce it first, for example with .sum(), or pass gradient= of the same shape"
            )
        if not device.dtype_of[tensor.array.dtype].kind == "float":
            raise DTypeError(
                f"{operation}: a gradient can be made up only for real outputs, this one is {tensor.dtype.name}; "
                "pass gradient= or take .real"
            )
        ones = _xp(device).ones(tensor.array.shape, dtype=tensor.array.dtype)
        return _tensor(ones, device) if graph else ones
    if not isinstance(gradient, Tensor):
        raise ArgumentTypeError(f"{operation}: gradient must be a Tensor, got {type(gradient).__name__}")
    if tuple(gradient.shape) != tuple(tensor.shape):
        raise ShapeError(
            f"{operation}: gradient has shape {tuple(gradient.shape)}, its output has shape {tuple(tensor.shape)}"
        )
    if gradient.device is not device:
        from ..operands import align

        gradient = align(operation, [gradient, tensor])[0]
    return gradient if graph else gradient.array


def backward(
    tensors: Sequence[Any],
    gradients: Sequence[Any] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Sequence[Any] | None = None,
) -> None:
    """Accumulate the gradients of `tensors` in the leaves' ``grad``.

    Parameters
    ----------
    tensors : sequence of Tensor
        Outputs; without `gradients` each has one element.
    gradients : sequence of Tensor, optional
        Cotangents, in the outputs' shapes.
    retain_graph : bool, optional
        Keep what the graph saved for another backward. Default: `create_graph`.
    create_graph : bool
        Record the backward, for higher derivatives.
    inputs : sequence of Tensor, optional
        Accumulate into these leaves only.
    """
    keep = create_graph if retain_graph is None else retain_graph
    given = [None] * len(tensors) if gradients is None else list(gradients)
    if len(given) != len(tensors):
        raise ArgumentTypeError(f"backward: {len(tensors)} outputs, but {len(given)} gradients")
    for tensor in tensors:
        if tensor.node is None:
            raise AutogradError(
                "backward: this tensor requires no gradient and is no result of one that does; "
                "set requires_grad=True on the inputs, and compute it outside no_grad()"
            )
    seeds = [_seed(t, g, "backward", create_graph) for t, g in zip(tensors, given, strict=True)]
    with _Recording(create_graph):
        if inputs is None:
            run([t.node for t in tensors], seeds, None, keep, create_graph)
            return
        nodes = [_input_node(t, "backward") for t in inputs]
        found = run([t.node for t in tensors], seeds, nodes, keep, create_graph)
        for node in dict.fromkeys(nodes):
            if node in found:
                if type(node) is not Leaf:
                    raise AutogradError("backward: inputs= takes leaves only")
                _accumulate(node, found[node], create_graph)


class _Recording:
    """Under create_graph what the rules do is recorded, whatever the caller's mode."""

    def __init__(self, on: bool) -> None:
        self.on = on

    def __enter__(self) -> None:
        if self.on:
            self.token = grad_mode.set(recording.get())

    def __exit__(self, *details: Any) -> None:
        if self.on:
            grad_mode.reset(self.token)


def _input_node(tensor: Any, operation: str) -> Any:
    if not isinstance(tensor, Tensor):
        raise ArgumentTypeError(f"{operation}: inputs must be Tensors, got {type(tensor).__name__}")
    if tensor.node is None:
        raise AutogradError(f"{operation}: an input (shape {tuple(tensor.shape)}) does not require a gradient")
    return tensor.node


def gradients(
    roots: Sequence[Any], seeds: Sequence[Any], wanted: Sequence[Any], *, create_graph: bool, retain_graph: bool
) -> list[Any]:
    """Return the cotangents at the nodes `wanted`; None where nothing arrives."""
    with _Recording(create_graph):
        live = [(t.node, s) for t, s in zip(roots, seeds, strict=True) if t.node is not None]
        found = run([n for n, _ in live], [s for _, s in live], wanted, retain_graph, create_graph)
    return [found.get(node) for node in wanted]


def _sequence_of(value: Any, name: str) -> list[Any]:
    if isinstance(value, Tensor):
        return [value]
    if not isinstance(value, Iterable):
        raise ArgumentTypeError(f"grad: {name} must be a Tensor or a sequence of Tensors, got {type(value).__name__}")
    return list(value)


def _tensors(value: Any, name: str) -> list[Any]:
    found = _sequence_of(value, name)
    for item in found:
        if not isinstance(item, Tensor):
            raise ArgumentTypeError(f"grad: {name} must be Tensors, got {type(item).__name__}")
    return found


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """Return the gradients of `outputs` with respect to `inputs`, touching no ``grad``.

    Parameters
    ----------
    outputs, inputs : Tensor or sequence of Tensor
        What is differentiated, and with respect to what.
    grad_outputs : Tensor or sequence of Tensor, optional
        Cotangents of the outputs.
    retain_graph, create_graph : bool, optional
        As in `backward`.
    allow_unused : bool, optional
        Return None for an input that the outputs do not depend on, instead of an error.
    is_grads_batched : bool
        The first axis of each `grad_outputs` is a batch of cotangents.
    materialize_grads : bool
        Return zeros instead of None.

    Returns
    -------
    tuple of Tensor
        One gradient per input, in its shape and dtype.

    Examples
    --------
    >>> import candelabra as cb
    >>> x = cb.tensor(3.0, requires_grad=True)
    >>> cb.grad(x ** 2, x)
    (tensor(6.),)
    """
    outs, ins = _tensors(outputs, "outputs"), _tensors(inputs, "inputs")
    seeds = [None] * len(outs) if grad_outputs is None else _sequence_of(grad_outputs, "grad_outputs")
    if len(seeds) != len(outs):
        raise ArgumentTypeError(f"grad: {len(outs)} outputs, but {len(seeds)} grad_outputs")
    if is_grads_batched:
        from ..transforms.mapping import vmap

        def once(*cotangents: Any) -> tuple[Any, ...]:
            # With the graph, since only tensors know the batch's level.
            found = grad(outs, ins, cotangents, True, True, allow_unused, False, materialize_grads)
            return found if create_graph else tuple(g if g is None else _tensor(g.array, g.device) for g in found)

        return vmap(once)(*seeds)
    nodes = [_input_node(t, "grad") for t in ins]
    for out in outs:
        if out.node is None:
            raise AutogradError(
                "grad: an output requires no gradient; it does not depend on anything that requires one"
            )
    keep = create_graph if retain_graph is None else retain_graph
    arrays = [_seed(t, s, "grad", create_graph) for t, s in zip(outs, seeds, strict=True)]
    found = gradients(outs, arrays, nodes, create_graph=create_graph, retain_graph=keep)
    results: list[Any] = []
    for position, (tensor, g) in enumerate(zip(ins, found, strict=True)):
        if g is None:
            if materialize_grads:
                space = tensor_namespace(tensor.device)
                results.append(space.zeros(tuple(tensor.shape), dtype=tensor.array.dtype))
            elif allow_unused:
                results.append(None)
            else:
                raise AutogradError(
                    f"grad: input {position} (shape {tuple(tensor.shape)}) was not used by the outputs; "
                    "pass allow_unused=True to get None for it"
                )
        elif create_graph:
            results.append(g)
        else:
            device = tensor.device
            results.append(_tensor(g if device.levels else device.backend.normalize(g, device.index or 0), device))
    return tuple(results)


__all__ = ["backward", "grad", "gradients", "run", "sum_to"]
