"""From a row's rules to a backward: what is saved, and a small generated function that calls the rules.

A rule's parameter names say what it needs, and so what the graph keeps alive. A backward is called as
``backward(xp, g, node, saved)`` and returns one cotangent per parent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import dtypes
from .compiled import compiled_backward
from .implementation import Implementation, narrow_of
from .primitives.row import Row, rule_names

_IDENTITY = (lambda operand: operand).__code__.co_code
_NEVER = frozenset({"xp", "g", "wants", "t"})


def compile_backward(impl: Implementation, kernel_vjp: Any, residuals: tuple[str, ...]) -> None:
    """Set `saves`, `backward` and `backward_graph` of an implementation."""
    row = impl.row
    saves: list[tuple[str, Any]] = []
    if row.partials is not None:
        graph_rules: Any = row.partials
    elif row.vjp is not None:
        graph_rules = row.vjp
    else:
        graph_rules = None
        saves += [("operand", i) for i in range(len(row.operands))]
    for rule in _rules(graph_rules) + _rules(kernel_vjp):
        for name in rule_names(rule):
            entry = _entry(row, name, residuals)
            if entry is not None and entry not in saves:
                saves.append(entry)
    impl.saves = tuple(saves)
    impl.holds_arrays = any(kind not in ("shape", "dtype") for kind, _ in saves)
    impl.save = _compile_save(row, impl.saves, kernel_vjp)
    if graph_rules is None:
        from .autograd.body import differentiate_body

        impl.backward_graph = _widening(differentiate_body(row), narrow_of(impl.device), impl)
    else:
        impl.backward_graph = _compile(row, graph_rules, impl, row.partials is not None)
    impl.backward = impl.backward_graph
    compile = None if impl.device.levels else impl.device.backend.compile
    if compile is not None and not _is_short(row):
        impl.backward = compiled_backward(impl.backward_graph, compile, impl, narrow_of(impl.device))
    if kernel_vjp is not None:
        own = _compile(row, kernel_vjp, impl, False, residuals, impl.device.backend.narrow_kernels)
        impl.backward = _declining(own, impl.backward)


_compiled: dict[tuple[Row, Any], tuple[Any, ...]] = {}


def compile_at_levels(impl: Implementation) -> None:
    """Set what `compile_backward` sets, for a device of transformations: each new level asks for the same again."""
    row, device = impl.row, impl.device
    key = (row, device.physical)
    if key not in _compiled:
        compile_backward(impl, None, ())
        _compiled[key] = (impl.saves, impl.holds_arrays, impl.save, impl.backward_graph)
    impl.saves, impl.holds_arrays, impl.save, impl.backward_graph = _compiled[key]
    impl.backward = impl.backward_graph
    if row.partials is not None or row.vjp is not None:
        from .transforms.levels import operators_defer
        from .transforms.lowering import FOLDS, summing

        if not operators_defer(device):
            impl.backward = _on_tensors(impl)
        if row.name in FOLDS and device.levels[-1].kind == "vmap":
            impl.backward = summing(impl, impl.backward, graph=False)
            impl.backward_graph = summing(impl, impl.backward_graph, graph=True)
    if row.batch == "merge" and len(device.levels) == 1 and device.levels[0].kind == "vmap":
        from .implementation import implementation
        from .transforms.merging import use_merged_kernel

        base = implementation(row, device.physical)
        if base.backward is not base.backward_graph:
            use_merged_kernel(impl, base)


def _is_short(row: Row) -> bool:
    """Say whether each cotangent is at most one product: there is nothing to compile."""
    return row.partials is not None and all(
        p is None or p == -1 or (callable(p) and p.__code__.co_code == _IDENTITY) for p in row.partials
    )


def _wide(xp: Any, value: Any, impl: Implementation) -> Any:
    """Return a cotangent, or what was saved, in the dtype that 16-bit floats are computed in."""
    if isinstance(value, (tuple, list)):
        parts = [_wide(xp, v, impl) for v in value]
        return parts if isinstance(value, list) else tuple(parts)
    if not hasattr(value, "shape"):
        return value
    backend, wide = impl.device.backend, dtypes.as_dtype(impl.device.backend.wide_dtype)
    if isinstance(value.dtype, dtypes.DType):
        return xp.astype(value, wide) if value.dtype.name in backend.narrow_dtypes else value
    narrow = impl.device.dtype_of[value.dtype].name in backend.narrow_dtypes
    return xp.astype(value, impl.device.native[wide]) if narrow else value


def _widening(backward: Callable[..., Any], narrow: frozenset[Any], impl: Implementation) -> Callable[..., Any]:
    """Return a backward whose rule is given 16-bit floats in the dtype that they are computed in."""
    if not narrow:
        return backward

    def widened(xp: Any, g: Any, node: Any, saved: Any) -> Any:
        dtype = node.dtype[0] if type(node.dtype) is tuple else node.dtype
        if dtype in narrow:
            g, saved = _wide(xp, g, impl), _wide(xp, saved, impl)
        return backward(xp, g, node, saved)

    return widened


def _on_tensors(impl: Implementation) -> Callable[..., Any]:
    """Return a first-order backward inside transformations, where wrapped arrays meet plain ones of any library."""
    graph, device = impl.backward_graph, impl.device

    def backward(xp: Any, g: Any, node: Any, saved: Any) -> Any:
        from .autograd.mode import no_grad
        from .namespace import tensor_namespace
        from .transforms.levels import as_arrays, as_tensors

        kept = [
            v if kind in ("shape", "dtype", "residual") else as_tensors(device, v)
            for (kind, _), v in zip(impl.saves, saved, strict=True)
        ]
        with no_grad():
            return as_arrays(graph(tensor_namespace(device), as_tensors(device, g), node, tuple(kept)))  # type: ignore[misc]

    return backward


def _declining(own: Callable[..., Any], graph: Callable[..., Any]) -> Callable[..., Any]:
    """Return a kernel's backward; what it declines (`NotImplemented`) the row's own does."""

    def backward(xp: Any, g: Any, node: Any, saved: Any) -> Any:
        found = own(xp, g, node, saved)
        return graph(xp, g, node, saved) if found is NotImplemented else found

    return backward


def _compile_save(row: Row, saves: tuple[tuple[str, Any], ...], kernel_vjp: Any) -> Callable[..., tuple[Any, ...]]:
    """Return ``save(outputs, residuals, parents, *operands)``: what a node keeps.

    Where rules are per operand, an operand is kept only if one that needs a gradient asks for it.
    """
    rules = row.partials if row.partials is not None else row.vjp
    names = [f"a{i}" for i in range(len(row.operands))]
    asks: list[set[str]] = []
    if isinstance(rules, tuple) and len(row.operands) > 1 and (kernel_vjp is None or isinstance(kernel_vjp, tuple)):
        both = zip(rules, kernel_vjp or rules, strict=True)
        asks = [{n for r in pair if callable(r) for n in rule_names(r)} for pair in both]
    entries = []
    for kind, which in saves:
        if kind == "operand":
            because = [j for j, wanted in enumerate(asks) if row.operands[which].name in wanted]
            guard = " or ".join(f"parents[{j}] is not None" for j in because)
            entries.append(f"(a{which} if {guard} else None)" if guard else f"a{which}")
        elif kind in ("shape", "dtype"):
            operand = row.operands[which]
            if operand.is_list:
                entries.append(f"tuple([_a.{kind} for _a in a{which}])")
            else:
                entries.append(
                    f"(None if a{which} is None else a{which}.{kind})" if operand.optional else f"a{which}.{kind}"
                )
        elif kind == "residual":
            entries.append(f"(residuals[{which}] if residuals else None)")
        else:
            entries.append(f"outputs[{which}]")
    body = f"({', '.join(entries)},)" if entries else "()"
    scope: dict[str, Any] = {}
    source = f"def save(outputs, residuals, parents, {', '.join(names)}):\n    return {body}"
    exec(compile(source, f"<save of {row.name}>", "exec"), scope)
    return scope["save"]


def _rules(rules: Any) -> list[Callable[..., Any]]:
    items = rules if isinstance(rules, (tuple, list)) else [rules]
    return [rule for rule in items if callable(rule)]


def _entry(row: Row, name: str, residuals: tuple[str, ...] = ()) -> tuple[str, Any] | None:
    """Return what must be saved for a rule's parameter, as (kind, which)."""
    if name in _NEVER or any(name == s.name for s in row.statics):
        return None
    for i, operand in enumerate(row.operands):
        if name == operand.name:
            return ("operand", i)
        if name == f"{operand.name}_shape":
            return ("shape", i)
        if name == f"{operand.name}_dtype":
            return ("dtype", i)
    if name in residuals:
        return ("residual", residuals.index(name))
    if name == "out" or name in row.outputs:
        return ("out", row.outputs.index(name) if name in row.outputs else 0)
    raise AssertionError(name)


def _argument(row: Row, name: str, saves: tuple[tuple[str, Any], ...], residuals: tuple[str, ...]) -> str:
    if name in ("xp", "g", "wants"):
        return name
    for k, static in enumerate(row.statics):
        if name == static.name:
            return f"node.statics[{k}]"
    return f"saved[{saves.index(_entry(row, name, residuals))}]"  # type: ignore[arg-type]


def _call(
    row: Row, rule: Callable[..., Any], rule_name: str, saves: tuple[Any, ...], residuals: tuple[str, ...] = ()
) -> str:
    positional = rule.__code__.co_argcount
    arguments = [_argument(row, n, saves, residuals) for n in rule_names(rule)]
    named = [f"{n}={a}" for n, a in zip(rule_names(rule)[positional:], arguments[positional:], strict=True)]
    return f"{rule_name}({', '.join(arguments[:positional] + named)})"


def _compile(
    row: Row, rules: Any, impl: Implementation, partial: bool, residuals: tuple[str, ...] = (), able: bool = False
) -> Any:
    """Return the backward of rules; those that are `able` take 16-bit floats as they are."""
    scope: dict[str, Any] = {"__name__": __name__, "complexes": impl.complexes, "_conj": _conj, "_wide": _wide}
    scope["impl"], scope["narrow"] = impl, narrow_of(impl.device)
    scope["odd"] = scope["narrow"] | impl.complexes
    lines = ["def backward(xp, g, node, saved):"]
    widen = "g, saved = _wide(xp, g, impl), _wide(xp, saved, impl)"
    if row.kind == "general" and scope["narrow"] and not able:
        lines += [f"    if node.dtype{'[0]' if len(row.outputs) > 1 else ''} in narrow:", f"        {widen}"]
    if callable(rules):
        scope["rule"] = rules
        if "wants" in rule_names(rules):
            lines.append("    wants = tuple([p is not None for p in node.parents])")
        call = _call(row, rules, "rule", impl.saves, residuals)
        lines.append(f"    return ({call},)" if _is_per_operand(row, rules) else f"    return {call}")
    else:
        uses_conj = partial and any(callable(rule) for rule in rules)
        if len(row.operands) > 1:
            lines.append(f"    {', '.join(f'p{i}' for i in range(len(row.operands)))}, = node.parents")
        terms = [_term(row, rule, i, scope, impl, partial, False) for i, rule in enumerate(rules)]
        if uses_conj:
            conjugated = [_term(row, rule, i, scope, impl, partial, True) for i, rule in enumerate(rules)]
            lines.append("    if node.dtype in odd:")
            lines.append("        if node.dtype in complexes:")
            lines.append(f"            return ({', '.join(conjugated)},)")
            lines.append(f"        {widen}")
        lines.append(f"    return ({', '.join(terms)},)")
    source = "\n".join(lines)
    exec(compile(source, f"<backward of {row.name}>", "exec"), scope)
    return scope["backward"]


def _is_per_operand(row: Row, rule: Callable[..., Any]) -> bool:
    """Whether a lone rule returns the one operand's cotangent itself rather than a tuple."""
    return len(row.operands) == 1 and not row.has_list and rule is row.vjp


def _term(row: Row, rule: Any, i: int, scope: dict[str, Any], impl: Implementation, partial: bool, conj: bool) -> str:
    guard = f" if p{i} is not None else None" if len(row.operands) > 1 else ""
    if partial:
        if rule is None:
            return f"g{guard}"
        if rule == -1:
            return f"-g{guard}"
        scope[f"d{i}"] = rule
        if rule.__code__.co_code == _IDENTITY:
            # A partial that is another operand, or the output, needs no call.
            only = _argument(row, rule_names(rule)[0], impl.saves, ())
            return f"(g * _conj(xp, {only}){guard})" if conj else f"(g * {only}{guard})"
        call = _call(row, rule, f"d{i}", impl.saves)
        return f"(g * _conj(xp, {call}){guard})" if conj else f"(g * {call}{guard})"
    if rule is None:
        return "None"
    scope[f"r{i}"] = rule
    return f"({_call(row, rule, f'r{i}', impl.saves)}{guard})"


def _conj(xp: Any, value: Any) -> Any:
    return xp.conj(value) if hasattr(value, "dtype") else value.conjugate()
