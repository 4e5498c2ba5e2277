"""The hot path: from a row to the function that users call.

Two closures are written by hand, for elementwise rows of one and two operands; every other row's function is generated
from its signature on first use. None of them has a wrapper around it: the function that is called does the work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from . import device as devices
from .autograd.mode import grad_mode
from .autograd.node import MultiNode, Node, Output, next_sequence
from .errors import ArgumentTypeError, CandelabraError, KernelError
from .explain import explain
from .implementation import guards_narrow, implementations
from .operands import align, coerce, promote, scalar_operand
from .primitives.row import Row
from .tensor import Tensor

_new = object.__new__
_grad_mode = grad_mode.get


def unary(row: Row) -> Callable[..., Any]:
    """Return the function of an elementwise row of one operand."""
    impls = implementations(row)
    checked = row.checks_dtypes
    rule = row.partials[0] if row.partials else None
    names = rule.__code__.co_varnames[: rule.__code__.co_argcount] if callable(rule) else ()
    keeps_input = row.operands[0].name in names
    keeps_output = "out" in names
    differentiable = row.is_differentiable

    def op(x: Any, /) -> Any:
        if not isinstance(x, Tensor):
            (x,) = coerce(row, (x,))
        device = x.device
        impl = impls[device]
        a = x.array
        try:
            if checked and a.dtype not in impl.direct:
                (a,) = promote(row, impl, (a,))
            r = impl.run(a)
            if type(r) is not impl.array_type:
                r = impl.normalize(r if r is not NotImplemented else impl.declined(a))
        except Exception as error:
            raise explain(row, (x,), error) from error
        out = _new(Tensor)
        out.array = r
        out.device = device
        n = x.node
        if n is not None and differentiable and (mode := _grad_mode()):
            node = _new(Node)
            node.impl = impl
            node.sequence = next_sequence()
            node.parents = (n,)
            if keeps_input:
                node.saved = (a, r) if keeps_output else (a,)
            else:
                node.saved = (r,) if keeps_output else ()
            node.statics = ()
            node.shape = r.shape
            node.dtype = r.dtype
            node.hooks = None
            out.node = node
            if mode is not True:
                mode.note(node, (r,), (a,))
        else:
            out.node = None
        return out

    return op


def binary(row: Row) -> Callable[..., Any]:
    """Return the function of an elementwise row of two operands."""
    impls = implementations(row)
    checked = row.checks_dtypes
    one, two = row.operands[0].name, row.operands[1].name
    rules = [
        r.__code__.co_varnames[: r.__code__.co_argcount] if callable(r) else () for r in (row.partials or (None, None))
    ]
    # What is saved, and because of whose gradient: only an operand that needs one keeps anything alive.
    order: list[str] = []
    for names in rules:
        order += [n for n in names if n in (one, two, "out") and n not in order]
    one_by_one, one_by_two = one in rules[0], one in rules[1]
    two_by_one, two_by_two = two in rules[0], two in rules[1]
    out_by_one, out_by_two = "out" in rules[0], "out" in rules[1]
    crossed = order == [two, one] and not (one_by_one or two_by_two)
    differentiable = row.is_differentiable

    def op(x1: Any, x2: Any, /) -> Any:
        if isinstance(x1, Tensor):
            device = x1.device
            a1 = x1.array
            n1 = x1.node
            if isinstance(x2, Tensor):
                if x2.device is not device:
                    return op(*align(row.name, (x1, x2)))
                a2 = x2.array
                n2 = x2.node
                impl = impls[device]
                if a1.dtype is not a2.dtype or (checked and a1.dtype not in impl.direct):
                    a1, a2 = promote(row, impl, (a1, a2))
            else:
                n2 = None
                impl = impls[device]
                kind = type(x2)
                if (kind is float and a1.dtype in impl.plain_floats) or (
                    kind is int and a1.dtype in impl.plain_numbers
                ):
                    a2 = x2
                else:
                    a1, a2 = scalar_operand(row, impl, x1, x2)
        elif isinstance(x2, Tensor):
            device = x2.device
            a2 = x2.array
            n1 = None
            n2 = x2.node
            impl = impls[device]
            kind = type(x1)
            if (kind is float and a2.dtype in impl.plain_floats) or (kind is int and a2.dtype in impl.plain_numbers):
                a1 = x1
            else:
                a2, a1 = scalar_operand(row, impl, x2, x1)
        else:
            return op(*coerce(row, (x1, x2)))
        try:
            r = impl.run(a1, a2)
            if type(r) is not impl.array_type:
                r = impl.normalize(r if r is not NotImplemented else impl.declined(a1, a2))
        except Exception as error:
            raise explain(row, (x1, x2), error) from error
        out = _new(Tensor)
        out.array = r
        out.device = device
        if (n1 is not None or n2 is not None) and differentiable and (mode := _grad_mode()):
            node = _new(Node)
            node.impl = impl
            node.sequence = next_sequence()
            node.parents = (n1, n2)
            if not order:
                node.saved = ()
            elif crossed:
                node.saved = (a2 if n1 is not None else None, a1 if n2 is not None else None)
            else:
                kept = {
                    one: a1 if (one_by_one and n1 is not None) or (one_by_two and n2 is not None) else None,
                    two: a2 if (two_by_one and n1 is not None) or (two_by_two and n2 is not None) else None,
                    "out": r if (out_by_one and n1 is not None) or (out_by_two and n2 is not None) else None,
                }
                node.saved = tuple([kept[name] for name in order])
            node.statics = ()
            node.shape = r.shape
            node.dtype = r.dtype
            node.hooks = None
            out.node = node
            if mode is not True:
                mode.note(node, (r,), (a1, a2))
        else:
            out.node = None
        return out

    return op


def build(row: Row) -> Callable[..., Any]:
    """Return the public function of a row."""
    if row.kind == "update":
        from .update import make_update

        return make_update(row)
    if row.kind in ("elementwise", "discrete") and row.batch == "elementwise" and not row.statics:
        if len(row.operands) == 1:
            return unary(row)
        if len(row.operands) == 2 and not any(o.optional for o in row.operands):
            return binary(row)
    return _generate(row)


def _generate(row: Row) -> Callable[..., Any]:
    """Generate the function of a row that is not elementwise in one or two operands."""
    source, scope = function_source(row)
    exec(compile(source, f"<row {row.name}>", "exec"), scope)
    return scope[row.name]


def parameters(row: Row) -> str:
    """Return the parameter list of a row's public function."""
    parts = [o.name + ("=None" if o.optional else "") for o in row.operands]
    parts += [s.name for s in row.statics if s.where == "before"]
    if parts and row.kind != "creation":
        parts.append("/")
    positional = [s for s in row.statics if s.where == "positional"]
    keyword = [s for s in row.statics if s.where == "keyword"]
    parts += [s.name + ("" if s.required else f"={s.default!r}") for s in positional]
    if keyword or row.kind == "creation":
        parts.append("*")
    parts += [s.name + ("" if s.required else f"={s.default!r}") for s in keyword]
    if row.kind == "creation":
        parts.append("device=None")
    return ", ".join(parts)


def function_source(row: Row) -> tuple[str, dict[str, Any]]:
    """Return the source of a row's function, and the names that it uses."""
    scope: dict[str, Any] = {
        "__name__": __name__, "Tensor": Tensor, "_new": _new, "_row": row, "_impls": implementations(row),
        "_explain": explain, "_coerce": coerce, "_align": align, "_promote": promote, "_mode": _grad_mode,
        "_Node": Node, "_MultiNode": MultiNode, "_Output": Output, "_next": next_sequence,
        "_as_device": devices.as_device, "_default_device": devices.get_default_device, "_prepare": row.prepare,
        "_which": [i for i, o in enumerate(row.operands) if o.name in row.promote], "_native": _native,
        "_check_list": _check_list, "_CandelabraError": CandelabraError, "_too_few": _too_few,
    }  # fmt: skip
    plain = [o for o in row.operands if not o.is_list]
    listed = row.operands[-1] if row.has_list else None
    lines = [f"def {row.name}({parameters(row)}):"]
    add = lines.append
    statics = [s.name for s in row.statics]
    if row.kind == "creation":
        add("    device = _default_device() if device is None else _as_device(device)")
        add("    impl = _impls[device]")
        shown = "()"
    else:
        if listed:
            add(f"    if type({listed.name}) is not list or not {listed.name}:")
            add(f"        {listed.name} = _check_list(_row, {listed.name})")
        everything = ", ".join([o.name for o in plain] + ([f"*{listed.name}"] if listed else []))
        tests = [
            f"({o.name} is None or isinstance({o.name}, Tensor))" if o.optional else f"isinstance({o.name}, Tensor)"
            for o in plain
        ]
        # Loops: a comprehension is a call.
        if listed:
            add("    _well = True")
            add(f"    for _t in {listed.name}:")
            add("        if not isinstance(_t, Tensor):")
            add("            _well = False")
            tests.append("_well")
        targets = ", ".join([o.name for o in plain] + ([f"*{listed.name}"] if listed else []))
        add(f"    if not ({' and '.join(tests)}):")
        add(f"        {targets}, = _coerce(_row, ({everything},))")
        first = plain[0].name if plain else f"{listed.name}[0]"  # type: ignore[union-attr]
        add(f"    device = {first}.device")
        mixed = [
            f"({o.name} is not None and {o.name}.device is not device)" if o.optional
            else f"{o.name}.device is not device"
            for o in plain[1:]
        ]  # fmt: skip
        if listed:
            add(f"    for _t in {listed.name}:")
            add("        if _t.device is not device:")
            add("            _well = False")
            mixed.append("not _well")
        if mixed:
            add(f"    if {' or '.join(mixed)}:")
            add(f"        {targets}, = _align(_row.name, ({everything},))")
            add(f"        device = {first}.device")
        add("    impl = _impls[device]")
        shown = f"({everything},)"
        for i, o in enumerate(plain):
            add(f"    a{i} = {o.name}.array" + (f" if {o.name} is not None else None" if o.optional else ""))
        if listed:
            add("    al = []")
            add(f"    for _t in {listed.name}:")
            add("        al.append(_t.array)")
    if "dtype" in statics:
        add("    if dtype is not None:")
        add("        dtype = _native(device, dtype, _row)")
    add("    try:")
    arrays = [f"a{i}" for i in range(len(plain))] + (["al"] if listed else [])
    _promotion_lines(row, plain, listed, add)
    if row.prepare is not None:
        before = ", ".join(["device", *arrays, *statics])
        add(f"        {', '.join(statics) + ', = ' if statics else ''}_prepare({before})")
    positional = [s.name for s in row.statics if s.where == "before"]
    keyword = [f"{s.name}={s.name}" for s in row.statics if s.where != "before"]
    if row.kind == "creation":
        # A creation function's shape or count is its first argument in the standard.
        positional += [s.name for s in row.statics if s.where == "positional"]
        keyword = [f"{s.name}={s.name}" for s in row.statics if s.where == "keyword"]
    call = ", ".join([*arrays, *positional, *keyword])
    first = "a0" if plain else "al[0]"
    # A kernel itself is called where its wrappers have nothing to do.
    forward = f"impl.forward({call})"
    run, declined = f"impl.run({call})", f"impl.declined({call})"
    narrow = f"{first}.dtype in impl.narrow" if guards_narrow(row) else ""
    many = len(row.outputs) > 1 or row.outputs == ("*",)
    record = row.is_differentiable and row.kind != "creation"
    if record:
        for i, o in enumerate(plain):
            add(f"        n{i} = {o.name}.node" + (f" if {o.name} is not None else None" if o.optional else ""))
        if listed:
            add("        nl = []")
            add("        _some = False")
            add(f"        for _t in {listed.name}:")
            add("            nl.append(_t.node)")
            add("            if _t.node is not None:")
            add("                _some = True")
        some = [f"n{i} is not None" for i in range(len(plain))]
        if listed:
            some.append("_some")
        add(f"        _recorded = _mode() if {' or '.join(some)} else False")
        add("        residuals = ()")
        add("        if _recorded and impl.train is not None:")
        add(f"            r = {f'NotImplemented if {narrow} else ' if narrow else ''}impl.train({call})")
        add("            while r is NotImplemented and impl.train is not None:")
        add("                impl = impl.generic")
        add("                if impl.train is not None:")
        add(f"                    r = {f'NotImplemented if {narrow} else ' if narrow else ''}impl.train({call})")
        add("            if r is NotImplemented:")
        add(f"                r = {forward}")
        add("            else:")
        add("                r, residuals = r")
        add("        else:")
        add(f"            r = {f'{forward} if {narrow} else ' if narrow else ''}{run}")
    else:
        add(f"        r = {f'{forward} if {narrow} else ' if narrow else ''}{run}")
    if many:
        add("        if r is NotImplemented:")
        add(f"            r = {declined}")
        add("        r = [_v if type(_v) is impl.array_type else impl.normalize(_v) for _v in r]")
        if row.outputs != ("*",):
            add(f"        if len(r) < {len(row.outputs)}:")
            add("            raise _too_few(_row, r)")
    else:
        add("        if type(r) is not impl.array_type:")
        add(f"            r = impl.normalize(r if r is not NotImplemented else {declined})")
    add("    except Exception as error:")
    given = f"{{{', '.join(f'{s!r}: {s}' for s in statics)}}}" + (", device" if row.kind == "creation" else "")
    add(f"        raise _explain(_row, {shown}, error, {given}) from error")
    if many:
        _many_outputs(row, record, plain, listed, statics, add, scope)
    else:
        _one_output(row, record, plain, listed, statics, add, scope)
    return "\n".join(lines), scope


def _promotion_lines(row: Row, plain: Sequence[Any], listed: Any, add: Callable[[str], None]) -> None:
    together = [i for i, o in enumerate(plain) if o.name in row.promote]
    if listed and listed.name in row.promote:
        names = [f"a{i}" for i in together]
        joined = ", ".join([*names, "*al"])
        first = names[0] if names else "al[0]"
        add(f"        _kind = {first}.dtype")
        add(f"        _well = {'_kind in impl.direct' if row.checks_dtypes else 'True'}")
        add("        for _a in al:")
        add("            if _a.dtype is not _kind:")
        add("                _well = False")
        add("        if not _well:")
        add(f"            {', '.join([*names, '*al'])}, = _promote(_row, impl, ({joined},))")
        return
    if not together:
        return
    lead = f"a{together[0]}"
    tests = []
    for i in together[1:]:
        test = f"a{i}.dtype is not {lead}.dtype"
        tests.append(f"(a{i} is not None and {test})" if plain[i].optional else test)
    if row.checks_dtypes:
        tests.append(f"{lead}.dtype not in impl.direct")
    if tests:
        joined = ", ".join(f"a{i}" for i in range(len(plain)))
        add(f"        if {' or '.join(tests)}:")
        add(f"            {joined}, = _promote(_row, impl, ({joined},), _which)")


def _saved(plain: Sequence[Any], listed: Any, outputs: str) -> str:
    """Return the expression of what a node saves: the implementation knows what its rules ask for."""
    arrays = "".join([f", a{i}" for i in range(len(plain))] + ([", al"] if listed else []))
    return f"impl.save({outputs}, residuals, node.parents{arrays})"


def _node_lines(
    row: Row, plain: Sequence[Any], listed: Any, statics: Sequence[str], add: Callable[[str], None], kind: str
) -> None:
    add(f"        node = _new({kind})")
    add("        node.impl = impl")
    add("        node.sequence = _next()")
    parents = ", ".join([f"n{i}" for i in range(len(plain))] + (["*nl"] if listed else []))
    add(f"        node.parents = ({parents},)")
    add(f"        node.statics = ({', '.join(statics)}{',' if statics else ''})")
    add("        node.hooks = None")


def _one_output(
    row: Row, record: bool, plain: Any, listed: Any, statics: Any, add: Callable[[str], None], scope: dict[str, Any]
) -> None:
    add("    out = _new(Tensor)")
    add("    out.array = r")
    add("    out.device = device")
    if not record:
        add("    out.node = None")
        add("    return out")
        return
    # A cast, or a reduction told a dtype, may leave the numbers that can be differentiated.
    check = " and r.dtype in impl.differentiable" if "dtype" in statics else ""
    add(f"    if _recorded{check}:")
    _node_lines(row, plain, listed, statics, add, "_Node")
    add("        node.shape = r.shape")
    add("        node.dtype = r.dtype")
    add(f"        node.saved = {_saved(plain, listed, '(r,)')}")
    add("        out.node = node")
    add("        if _recorded is not True:")
    add(f"            _recorded.note(node, (r,), ({_operands(plain, listed)},))")
    add("    else:")
    add("        out.node = None")
    add("    return out")


def _too_few(row: Row, results: list[Any]) -> KernelError:
    return KernelError(f"{', '.join(row.outputs)} must be returned, got {len(results)} of these {len(row.outputs)}")


def _many_outputs(
    row: Row, record: bool, plain: Any, listed: Any, statics: Any, add: Callable[[str], None], scope: dict[str, Any]
) -> None:
    add("    outs = []")
    add("    for _v in r:")
    add("        out = _new(Tensor)")
    add("        out.array = _v")
    add("        out.device = device")
    add("        out.node = None")
    add("        outs.append(out)")
    if record:
        scope["_kept"] = row.differentiable
        add("    if _recorded:")
        _node_lines(row, plain, listed, statics, add, "_MultiNode")
        add("        node.shape = tuple([_v.shape for _v in r])")
        add("        node.dtype = tuple([_v.dtype for _v in r])")
        add(f"        node.saved = {_saved(plain, listed, 'r')}")
        if row.outputs == ("*",):
            add("        for _i, out in enumerate(outs):")
        else:
            add("        for _i, out in [(_i, _o) for _i, _o in enumerate(outs) if _kept[_i]]:")
        add("            out.node = _Output(node, _i)")
        add("        if _recorded is not True:")
        add(f"            _recorded.note(node, r, ({_operands(plain, listed)},))")
    if row.outputs == ("*",):
        add("    return tuple(outs)")
    else:
        add(f"    return _results(outs[0], {', '.join(f'outs[{i}]' for i in range(1, len(row.outputs)))})")
        scope["_results"] = _result_type(row)


def _operands(plain: Sequence[Any], listed: Any) -> str:
    return ", ".join([f"a{i}" for i in range(len(plain))] + (["*al"] if listed else []))


def _result_type(row: Row) -> Callable[..., Any]:
    from collections import namedtuple

    return namedtuple(f"{row.name}_result", row.outputs)  # type: ignore[misc]


def _native(device: devices.Device, dtype: Any, row: Row) -> Any:
    return device.native_dtype(dtype, row.name)


def _check_list(row: Row, value: Any) -> list[Any]:
    if isinstance(value, Tensor):
        return [value[i] for i in range(value.shape[0])] if value.ndim else [value]
    if not isinstance(value, (list, tuple)):
        raise ArgumentTypeError(f"{row.name}: a list or tuple of Tensors is needed, got {type(value).__name__}")
    if not value and len(row.operands) == 1:
        raise ArgumentTypeError(f"{row.name}: an empty list was given; at least one Tensor is needed")
    return list(value)
