"""Write the committed type stubs of what is made at run time.

Rows of the table become functions when they are first used, operators and methods are installed on Tensor at import,
and the front door finds most of its names late. Editors and type checkers see them by these stubs:

- ``core/ops.pyi``: every public function, rows with the signature that they have at run time;
- ``core/installed.pyi``: the operators and methods of Tensor;
- ``api/__init__.pyi``: the names of the front door.

Usage, with candelabra installed from this tree: ``python docs/make_stubs.py`` writes the stubs, and with ``--check``
names those that are stale and writes nothing.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import candelabra
from candelabra.core import ops, tensor
from candelabra.core.functions import read_all
from candelabra.core.method_names import IN_PLACE, OPERANDS
from candelabra.core.primitives import TABLE, is_internal

COMPOSITES = read_all()
ROOT = Path(__file__).resolve().parents[1]
WIDTH = 120
HEADER = '"""{}\n\nWritten by docs/make_stubs.py; do not edit.\n"""\n'
# Where the names in annotations come from.
SOURCES = {
    "Any": "typing", "NamedTuple": "typing", "Callable": "collections.abc", "Iterator": "collections.abc",
    "Sequence": "collections.abc", "Tensor": ".tensor", "DType": ".dtypes", "Device": ".device", "dtypes": ".",
    "Generator": ".random_state", "Row": ".primitives.row", "ValuesAndIndices": ".functions.selection",
    "Histogram": ".functions.counting",
}  # fmt: skip
Parameter = inspect.Parameter


def identifiers(annotation: str) -> set[str]:
    """Return the names that an annotation uses."""
    return {node.id for node in ast.walk(ast.parse(annotation)) if isinstance(node, ast.Name)}


def imports(annotations: Iterable[str], own: set[str]) -> list[str]:
    """Return the import lines for the names that annotations use; `own` are the names that the stub defines."""
    used = set().union(*map(identifiers, annotations)) - own
    found: dict[str, list[str]] = {}
    for name in sorted(used):
        if name in SOURCES:
            found.setdefault(SOURCES[name], []).append(name)
        elif name == "builtins":
            found["builtins"] = []
        elif module := class_home(name):
            found.setdefault(module, []).append(name)
        elif not hasattr(builtins, name):
            raise SystemExit(f"no import is known for {name!r} in an annotation; add it to SOURCES")
    plain = [f"import {module}" for module, names in found.items() if not names]
    absolute = [f"from {m} import {', '.join(n)}" for m, n in sorted(found.items()) if n and m[0] != "."]
    relative = [f"from {m} import {', '.join(n)}" for m, n in sorted(found.items()) if n and m[0] == "."]
    return [*plain, *absolute, *([""] if absolute and relative else []), *relative]


def class_home(name: str) -> str | None:
    """Return the module below `core` of a class that a composite's annotation names, None for anything else."""
    for function in COMPOSITES.values():
        found = getattr(function, "__globals__", {}).get(name)
        if isinstance(found, type) and found.__module__.startswith("candelabra.core."):
            return found.__module__.removeprefix("candelabra.core")
    return None


def text_of(annotation: Any, shadowed: set[str]) -> str:
    """Return an annotation as the stub spells it: builtins that the stub redefines by their full name."""
    if annotation is inspect.Signature.empty:
        return "Any"
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    for name in identifiers(text) & shadowed & set(dir(builtins)):
        text = re.sub(rf"(?<![\w.]){name}\b", f"builtins.{name}", text)
    return text


def default_of(value: Any) -> str:
    """Return a default as the stub spells it."""
    if value is None or type(value) in (bool, int, str, tuple) or (type(value) is float and value - value == 0):
        return repr(value)
    return "..."


def parameter_texts(signature: inspect.Signature, shadowed: set[str], *, method: bool) -> list[str]:
    """Return the parameters of a function, with slash and star."""
    texts: list[str] = []
    previous = None
    for i, p in enumerate(signature.parameters.values()):
        if previous is Parameter.POSITIONAL_ONLY and p.kind is not previous:
            texts.append("/")
        if p.kind is Parameter.KEYWORD_ONLY and previous not in (p.kind, Parameter.VAR_POSITIONAL):
            texts.append("*")
        star = {Parameter.VAR_POSITIONAL: "*", Parameter.VAR_KEYWORD: "**"}.get(p.kind, "")
        default = "" if p.default is Parameter.empty else f" = {default_of(p.default)}"
        texts.append("self" if method and i == 0 else f"{star}{p.name}: {text_of(p.annotation, shadowed)}{default}")
        previous = p.kind
    if previous is Parameter.POSITIONAL_ONLY and texts != ["self"]:
        texts.append("/")
    return texts


def definition(
    name: str,
    signature: inspect.Signature,
    summary: str,
    shadowed: set[str],
    *,
    returns: str = "",
    method: bool = False,
) -> list[str]:
    """Return the lines of a function's stub."""
    parameters = parameter_texts(signature, shadowed, method=method)
    end = f") -> {returns or text_of(signature.return_annotation, shadowed)}:"
    indent = "    " if method else ""
    ignore = "  # type: ignore[override]" if name in ("__eq__", "__ne__") else ""
    lines = [f"{indent}def {name}({', '.join(parameters)}{end}{ignore}"]
    if len(lines[0]) > WIDTH:
        joined = f"{indent}    {', '.join(parameters)}"
        split = [joined] if len(joined) <= WIDTH else [f"{indent}    {p}," for p in parameters]
        lines = [f"{indent}def {name}(", *split, f"{indent}{end}"]
    body = f'{indent}    """{summary}"""'
    if summary and len(body) <= WIDTH:
        return [*lines, body]
    return [*lines[:-1], lines[-1].replace(end, f"{end} ...")]


def summary_of(function: Any) -> str:
    """Return the first line of a docstring."""
    return (inspect.getdoc(function) or "").partition("\n")[0].replace("\\", "\\\\")


def annotations_in(lines: Iterable[str]) -> list[str]:
    """Return every annotation of a stub's functions and classes."""
    found = []
    for node in ast.walk(ast.parse("\n".join(lines))):
        for field in ("annotation", "returns"):
            if getattr(node, field, None) is not None:
                found.append(ast.unparse(getattr(node, field)))
        if isinstance(node, ast.ClassDef):
            found += map(ast.unparse, node.bases)
    return found


def home(name: str) -> str | None:
    """Return the module below `core` where a composite is named, None for one that is made at run time."""
    function = COMPOSITES[name]
    module = function.__module__
    if module.startswith("candelabra.core.") and vars(sys.modules[module]).get(name) is not function:
        # Another name of a function stands where it was given.
        families = (m for m in list(sys.modules) if m.startswith("candelabra.core.functions."))
        module = next((m for m in families if vars(sys.modules[m]).get(name) is function), module)
    return module.removeprefix("candelabra.core") if module.startswith("candelabra.core.") else None


def ops_stub() -> str:
    """Return the text of ``core/ops.pyi``."""
    shadowed = set(dir(ops))
    written: dict[str, list[str]] = {}
    lines: list[str] = []
    for name in dir(ops):
        if name in COMPOSITES and home(name) is not None:
            written.setdefault(home(name), []).append(name)
            continue
        function = getattr(ops, name)
        row = None if name in COMPOSITES else TABLE[name]
        returns = ""
        if row is not None and len(row.outputs) > 1 and row.kind != "update":
            returns = f"{name}_result"
            lines += [f"class {returns}(NamedTuple):", *(f"    {output}: Tensor" for output in row.outputs), ""]
        lines += [*definition(name, inspect.signature(function), summary_of(function), shadowed, returns=returns), ""]
    lines += ["def row_function(row: Row) -> Any:", f'    """{summary_of(ops.row_function)}"""']
    own = {line.split("(")[0].removeprefix("class ") for line in lines if line.startswith("class ")}
    composites = [
        line
        for module, names in sorted(written.items())
        for line in (f"from {module} import (", *(f"    {name} as {name}," for name in names), ")")
    ]
    head = [*imports(annotations_in(lines), own), *composites]
    return "\n".join(
        [HEADER.format("Every function of candelabra: rows of the table, and composites."), *head, "", *lines, ""]
    )


def forwarded(method: Callable[..., Any]) -> tuple[inspect.Signature, str] | None:
    """Return the signature and summary of what a method hands all its arguments to; None for any other method."""
    if hasattr(method, "__wrapped__"):
        inner = forwarded(method.__wrapped__)
        return inner and (inner[0], summary_of(method))
    signature = inspect.signature(method)
    kinds = [p.kind for p in signature.parameters.values()]
    named = inspect.getclosurevars(method).nonlocals.get("name")
    if kinds[1:] != [Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD] or not named:
        return None
    function = getattr(ops, named, None)
    if function is None:
        return None
    true = with_torch_s_names(inspect.signature(function), named)
    if method.__name__ in IN_PLACE:
        return true, f"Compute `{named}` in place."
    return true, summary_of(function)


def with_torch_s_names(signature: inspect.Signature, name: str) -> inspect.Signature:
    """Return a method's signature, whose operands may be given by the names that PyTorch has for them."""
    own, *rest = signature.parameters.values()
    for i, torch_s in enumerate(OPERANDS.get(name, ("other",))):
        if i == len(rest) or not (name in OPERANDS or rest[i].name in ("x2", "other")):
            break
        if rest[i].kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD):
            own = own.replace(kind=Parameter.POSITIONAL_OR_KEYWORD)
            rest[i] = rest[i].replace(name=torch_s, kind=Parameter.POSITIONAL_OR_KEYWORD)
    return signature.replace(parameters=[own, *rest])


def installed_stub() -> str:
    """Return the text of ``core/installed.pyi``."""
    (declared,) = [
        node
        for node in ast.parse(inspect.getsource(tensor)).body
        if isinstance(node, ast.ClassDef) and node.name == "Tensor"
    ]
    own = {node.name for node in declared.body if isinstance(node, ast.FunctionDef)} | {"__hash__", "__doc__"}
    own |= {node.target.id for node in declared.body if isinstance(node, ast.AnnAssign)}
    own |= {target.id for node in declared.body if isinstance(node, ast.Assign) for target in node.targets}
    members = {
        n: v for n, v in vars(tensor.Tensor).items() if n not in own and (callable(v) or isinstance(v, property))
    }
    shadowed = set(members)
    lines: list[str] = []
    for name in sorted(members):
        member = members[name]
        if isinstance(member, property):
            returns = text_of(inspect.signature(member.fget).return_annotation, shadowed)
            lines += ["    @property", f"    def {name}(self) -> {returns}: ...", ""]
            continue
        signature, summary = forwarded(member) or (inspect.signature(member), summary_of(member))
        if name.startswith("__"):
            summary = ""
        lines += [*definition(name, signature, summary, shadowed, method=True), ""]
    body = [
        "class Installed:",
        '    """What is installed on Tensor: a base of it for type checkers alone."""',
        "",
        *lines,
    ]
    head = imports(annotations_in(body), {"Installed"})
    title = "The operators and methods of Tensor, installed by core/operators.py and core/methods.py."
    return "\n".join([HEADER.format(title), *head, "", *body])


def front_stub() -> str:
    """Return the text of ``api/__init__.pyi``."""
    source = ast.parse(Path(candelabra.__file__).read_text(encoding="utf-8"))
    lines = []
    found: set[str] = set()

    def take(module: str, names: Iterable[tuple[str, str]]) -> None:
        names = [(name, shown) for name, shown in names if not (shown.startswith("_") and not shown.endswith("__"))]
        if names:
            lines.extend([f"from {module} import (", *(f"    {name} as {shown}," for name, shown in names), ")"])
            found.update(shown for _, shown in names)

    for node in source.body:
        if isinstance(node, ast.ImportFrom) and node.level:
            take(f".{node.module or ''}", [(a.name, a.asname or a.name) for a in node.names])
    for module in sorted(set(candelabra._LATE.values())):
        take(f".{module}", [(name, name) for name, where in sorted(candelabra._LATE.items()) if where == module])
    take(".", [(name, name) for name in sorted(candelabra._SUBMODULES)])
    hidden = found | {"row_function"}
    take(".core.ops", [(name, name) for name in dir(ops) if name not in hidden and not is_internal(name)])
    constants = []
    for name in sorted({"__version__", *candelabra.__all__} - found):
        value = getattr(candelabra, name)
        if isinstance(value, type):
            constants.append(f"{name} = {value.__name__}")
        else:
            kind = type(value).__name__
            constants.append(f"{name}: {'None' if value is None else kind if kind == 'DType' else f'_builtins.{kind}'}")
    lines = ["import builtins as _builtins", *lines, "", *constants, "", f"__all__ = {exported()}"]
    return "\n".join([HEADER.format("The names of the front door."), *lines, ""])


def exported() -> str:
    """Return the front door's `__all__`, one name per line."""
    return "[\n" + "".join(f'    "{name}",\n' for name in candelabra.__all__) + "]"


STUBS = {"core/ops.pyi": ops_stub, "core/installed.pyi": installed_stub, "api/__init__.pyi": front_stub}


def main(arguments: list[str]) -> int:
    """Write the stubs, or with ``--check`` say which are stale; return the exit status."""
    stale = []
    for name, make in STUBS.items():
        path = ROOT / name
        text = make()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in arguments:
                path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"{name} is stale: run python docs/make_stubs.py" if "--check" in arguments else f"wrote {name}")
    return int("--check" in arguments and bool(stale))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
