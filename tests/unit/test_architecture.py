"""The rooms and their doors, read from the source: who imports whom, and who may know a device by name."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = {
    "api": "candelabra",
    "core": "candelabra.core",
    "backends": "candelabra.backends",
    "plugins": "candelabra.plugins",
    "nn": "candelabra.nn",
    "optim": "candelabra.optim",
    "data": "candelabra.data",
    "tests/conformance": "candelabra.conformance",
}
MAY_IMPORT = {
    "core": {"core"},
    "backends": {"core", "backends"},
    "plugins": {"core", "backends", "plugins"},
    "nn": {"core", "nn"},
    # An averaged model (optim.swa_utils) is a module.
    "optim": {"core", "optim", "nn"},
    "data": {"core", "data"},
    "api": {"core", "backends", "plugins", "nn", "optim", "data", "api"},
}
# Where a tensor meets host memory, a file or a screen.
MAY_IMPORT_NUMPY = {
    "core/printing.py",
    "core/serialization.py",
    "core/torch_checkpoint.py",
    "data/collate.py",
    "data/shared_memory.py",
}
MAY_IMPORT_CONFORMANCE = {"api/cli.py", "api/__main__.py"}
ARRAY_LIBRARIES = {"numpy", "cupy", "cupyx", "jax", "torch", "mlx", "array_api_strict", "dpnp", "tensorflow"}
DEVICE_NAMES = {"cpu", "cuda", "gpu", "mps", "numpy", "cupy", "strict", "jax", "torch", "mlx"}
LONGEST = 600


def sources(*rooms: str) -> list[Path]:
    """Python files of the given rooms; plugin distributions below `plugins/` are houses of their own."""
    return sorted(
        path
        for room in rooms
        for path in (ROOT / room).rglob("*.py")
        if "__pycache__" not in path.parts and not any(part.startswith("candelabra-") for part in path.parts)
    )


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def room_of(module: str) -> str | None:
    """The room that an absolute module name belongs to."""
    names = sorted(ROOMS.items(), key=lambda item: -len(item[1]))
    return next((room for room, name in names if module == name or module.startswith(name + ".")), None)


def module_name(path: Path) -> str:
    room = next(room for room in ROOMS if (ROOT / room) in path.parents)
    parts = [ROOMS[room], *path.relative_to(ROOT / room).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and absolute name of every module that a file imports, in functions and for type checking too."""
    package = module_name(path) if path.name == "__init__.py" else module_name(path).rpartition(".")[0]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            yield node.lineno, base
            # `from .. import nn` imports a module, `from ..errors import X` a name in one.
            for alias in node.names:
                if room_of(f"{base}.{alias.name}") != room_of(base):
                    yield node.lineno, f"{base}.{alias.name}"


def wrong_arrows(path: Path, room: str) -> list[str]:
    found = []
    for line, module in imported(path):
        target = room_of(module)
        # `from ... import core` names the front door on its way to a room.
        if target is None or (target == "api" and module == "candelabra" and room != "core"):
            continue
        if target == "tests/conformance" and relative(path) in MAY_IMPORT_CONFORMANCE:
            continue
        if target not in MAY_IMPORT[room]:
            found.append(f"{relative(path)}:{line} imports {module}")
    return found


def test_there_is_something_to_read() -> None:
    assert len(sources(*MAY_IMPORT)) > 40


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_run_one_way(room: str) -> None:
    found = [line for path in sources(room) for line in wrong_arrows(path, room)]
    assert found == []


def test_imports_inside_the_package_are_relative() -> None:
    found = [
        f"{relative(path)}:{node.lineno}"
        for path in sources(*MAY_IMPORT)
        for node in ast.walk(tree(path))
        if (isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] == "candelabra")
        or (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "candelabra" for alias in node.names))
    ]
    assert found == []


def test_array_libraries_are_imported_in_backends_only() -> None:
    found = [
        f"{relative(path)}:{line} imports {module}"
        for path in sources("core", "nn", "optim", "data", "plugins", "api")
        for line, module in imported(path)
        if (library := module.split(".")[0]) in ARRAY_LIBRARIES
        and not (library == "numpy" and relative(path) in MAY_IMPORT_NUMPY)
    ]
    assert found == []


def speaks_of_a_device(node: ast.expr) -> bool:
    """Whether an expression is a device or backend, or its name: `x.device`, `device.type`, `str(backend.name)`."""
    if isinstance(node, ast.Name | ast.Attribute):
        name = node.id if isinstance(node, ast.Name) else node.attr
        if name.split("_")[-1] in ("device", "backend") or name == "device_type":
            return True
        return isinstance(node, ast.Attribute) and name in ("type", "name") and speaks_of_a_device(node.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in ("lower", "strip", "split", "partition") and speaks_of_a_device(node.func.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
        return node.func.id in ("str", "repr") and speaks_of_a_device(node.args[0])
    return isinstance(node, ast.Subscript) and speaks_of_a_device(node.value)


def literals(node: ast.AST) -> set[str]:
    return {part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)}


def device_comparisons(module: ast.Module) -> Iterator[int]:
    """Lines that compare a device or backend with a string literal, or anything with a device's name."""
    for node in ast.walk(module):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
        elif isinstance(node, ast.Match):
            sides = [node.subject, *(part.value for part in ast.walk(node) if isinstance(part, ast.MatchValue))]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in (
            "startswith", "endswith", "partition", "removeprefix", "fullmatch",
        ):  # fmt: skip
            sides = [node.func.value, *node.args]
        else:
            continue
        plain = [side for side in sides if isinstance(side, ast.Constant | ast.Tuple | ast.List | ast.Set)]
        strings = set().union(*map(literals, plain)) - {"", ":"}
        speaks = any(speaks_of_a_device(side) for side in sides if side not in plain)
        if strings and (speaks or strings & DEVICE_NAMES):
            yield node.lineno


def test_nobody_above_the_backends_asks_for_a_device_by_name() -> None:
    found = [
        f"{relative(path)}:{line}"
        for path in sources("core", "nn", "optim", "data", "api", "plugins")
        for line in device_comparisons(tree(path))
    ]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        "if x.device.type == 'cuda': pass",
        "ok = backend.name in ('numpy', 'cupy')",
        "ok = str(device).startswith('cuda')",
        "ok = kind == 'gpu'",
        "match device.type:\n    case 'cuda': pass",
        "ok = 'mps' != device",
        "ok = str(x.device).split(':')[0] == 'tpu'",
        "ok = x.device.backend.name.lower() in {'tpu', 'npu'}",
    ],
)
def test_the_reader_sees_such_a_question(code: str) -> None:
    assert list(device_comparisons(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "def cpu(self): return self.to('cpu')",
        "mode == 'mean'",
        "device.index == 0",
        "device.dtype_of[x].kind == 'float'",
    ],
)
def test_the_reader_lets_pass_what_is_none(code: str) -> None:
    assert not list(device_comparisons(ast.parse(code)))


def test_files_are_short_enough_to_read() -> None:
    folders = [*MAY_IMPORT, "tests", "benchmarks", "examples", ".ci"]
    lengths = {relative(path): len(path.read_text(encoding="utf-8").splitlines()) for path in sources(*folders)}
    assert {path: length for path, length in lengths.items() if length > LONGEST} == {}


def public_functions(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node.body, f"{node.name}.")


def test_public_functions_are_annotated() -> None:
    found = []
    for path in sources(*MAY_IMPORT):
        for name, node in public_functions(tree(path).body):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            bare = [a.arg for a in arguments if a.annotation is None and a.arg not in ("self", "cls")]
            if bare or node.returns is None:
                found.append(f"{relative(path)}:{node.lineno} {name}: {', '.join(bare) or 'no return type'}")
    assert found == []


def test_the_root_is_no_package() -> None:
    assert not (ROOT / "__init__.py").exists()
    assert not (ROOT / "candelabra").exists()
