"""Plugins that break in every way, as real distributions in processes of their own: what is said, what stays well."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PREAMBLE = """
import numpy
from candelabra.core.backend import Backend, BackendSpec

class Elm(Backend):
    name, device_types, array_type = "elm", ("elm",), numpy.ndarray
    count = 2
    def __init__(self):
        super().__init__(numpy)
    def devices(self):
        return ["one", "two"][: self.count]
    def dtypes(self, index=0):
        return {n: numpy.dtype(n) for n in ("bool", "int32", "int64", "float32", "float64")}
    def asarray(self, data, dtype=None, index=0):
        return numpy.array(data, dtype)

def candelabra_backends():
    return [BackendSpec("elm", ("elm",), Elm)]
"""
FIRST = """
import candelabra as cb

def told(call):
    try:
        found = call()
    except BaseException as error:
        causes = [error]
        while causes[-1].__cause__ is not None:
            causes.append(causes[-1].__cause__)
        print(" < ".join(type(e).__name__ for e in causes) + ": " + str(error))
        for note in getattr(error, "__notes__", ()):
            print("note: " + note)
        return error
    print("no error:", found)
"""
LAST = """
x = cb.asarray([1.0, 2.0], requires_grad=True)
(x * x).sum().backward()
assert x.grad.tolist() == [2.0, 4.0]
"""
WHOSE = "plugin 'elm' of cbtest-elm 1.5"


def preamble(name: str) -> str:
    return PREAMBLE.replace('"elm"', f'"{name}"')


def in_a_process(folder: Path, plugins: dict[str, str], code: str, group: str = "candelabra") -> list[str]:
    """Run code beside plugins, and return what it printed; afterwards the host must still compute."""
    for name, source in plugins.items():
        (folder / f"cbtest_{name}.py").write_text(source)
        info = folder / f"cbtest_{name}-1.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: cbtest-{name}\nVersion: 1.5\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = cbtest_{name}\n")
    kept = {k: v for k, v in os.environ.items() if k != "CANDELABRA_DISABLE_PLUGINS"}
    done = subprocess.run(
        [sys.executable, "-c", FIRST + code + LAST], env={**kept, "PYTHONPATH": str(folder)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.fixture
def plugged(tmp_path: Path) -> Callable[..., list[str]]:
    def run(plugin: str, code: str, group: str = "candelabra") -> list[str]:
        return in_a_process(tmp_path, {"elm": plugin}, code, group)

    return run


# Many broken plugins lie in one folder, so that one process meets them all: none may take another down.
IMPORTS = {
    "ash": ("import a_library_that_is_not_there", "ModuleNotFoundError: No module named 'a_library_that_is_not_there'"),
    "bay": ("def broken(:", "SyntaxError: invalid syntax (cbtest_bay.py, line 1)"),
    "box": ("import sys; sys.exit('no licence')", "SystemExit: no licence"),
    "fig": ("def f(): return f()\nf()", "RecursionError: maximum recursion depth exceeded"),
    "fir": ("class Panic(BaseException): pass\nraise Panic('a library in Rust')", "Panic: a library in Rust"),
}
HOOKS = {
    "hop": ("def candelabra_backends(): return 7", "candelabra_backends must return BackendSpec records, got 7"),
    "ivy": ("def candelabra_backends(): return 'elm'", "candelabra_backends must return BackendSpec records, got 'e'"),
    "jin": ("def candelabra_backends(): return [Elm]", "candelabra_backends must return BackendSpec records, got <"),
    "koa": (
        "def candelabra_backends():\n    yield BackendSpec('koa', ('koa',), Elm)\n    1 / 0", "ZeroDivisionError: "
    ),
    "may": ("def candelabra_backends():\n    raise SystemExit(3)\n    yield", "SystemExit: 3"),
    "nim": (
        "def candelabra_backends(): return [BackendSpec('nim', ('cpu',), Elm)]",
        "candelabra_backends: 'cpu' is taken by plugin 'numpy' of candelabra",
    ),
    "nut": (
        "def candelabra_backends(): return [BackendSpec('nut', ('nut',), 7)]",
        "candelabra_backends: load of BackendSpec must be a function, got 7",
    ),
    "oat": (
        "def candelabra_backends(): return [BackendSpec('', ('oat',), Elm)]",
        "candelabra_backends: name of BackendSpec must be a name, got ''",
    ),
    "pea": (
        "from candelabra.plugins.hookspecs import SerializerSpec\n"
        "def candelabra_serializers(): return [SerializerSpec('npz', Elm)]",
        "candelabra_serializers: suffix of SerializerSpec must be a file's suffix such as '.npz', got 'npz'",
    ),
}  # fmt: skip
LOADS = {
    "aka": (
        "Elm.api_version = 9",
        "it is written for version 9 of the backend contract, and this candelabra has version",
    ),
    "asp": (
        "Elm.namespace = property(lambda s: object(), lambda s, v: None)",
        "the backend lacks namespace.asarray, namespace.reshape, namespace.add",
    ),
    "bel": ("def Elm(): raise OSError('libelm.so is missing')", "OSError: libelm.so is missing"),
    "cob": ("def Elm(): raise SystemExit('no licence')", "SystemExit: no licence"),
    "dal": ("def Elm(): return 'elm'", "load() must return an instance of candelabra.core.backend.Backend, got 'elm'"),
    "elk": ("Elm.name = 'x'", "announced as 'elk' for ('elk',), the backend says 'x' for ('elk',)"),
}
DEVICES = {
    "gum": ("Elm.devices = lambda s: 1 / 0", "its devices cannot be listed: ZeroDivisionError: division by zero"),
    "haw": ("Elm.dtypes = lambda s, i=0: {'float33': 1}", "its dtypes cannot be listed: "),
    "ita": ("Elm.dtypes = lambda s, i=0: None", "its dtypes cannot be listed: AttributeError: "),
    "jaca": (
        "Elm.dtypes = lambda s, i=0: {'bool': numpy.dtype('bool')}",
        "dtypes() must name a signed integer and float32 or float64 at least, and names bool",
    ),
    "kaki": (
        "Elm.dtypes = lambda s, i=0: {'int64': numpy.int64, 'float32': numpy.float32}",
        "dtypes() says <class 'numpy.float32'> for float32, and what asarray makes of it is of dtype dtype('float32')",
    ),
    "lime": (
        "Elm.asarray = lambda s, data, dtype=None, index=0: [data]",
        "dtypes() says dtype('float32') for float32, and what asarray makes of it is without a dtype, a list",
    ),
    "mora": (
        "def asarray(s, data, dtype=None, index=0): return numpy.asarray(data, dtype, device=s.native_device(index))\n"
        "Elm.asarray = asarray\nElm.native_device = lambda s, index: 'nowhere'",
        "asarray(1.0, float32) fails there: ValueError: ",
    ),
}
ALL = {**IMPORTS, **HOOKS, **LOADS, **DEVICES}


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What asking for each device says, in a process with all of these plugins and a good one."""
    folder = tmp_path_factory.mktemp("plugins")
    code = "".join(f"told(lambda: cb.asarray([1.0], device='{name}:0'))\n" for name in ALL)
    sources = {
        name: source if name in IMPORTS else f"{preamble(name)}\n{source}\n" for name, (source, _) in ALL.items()
    }
    shown = in_a_process(folder, {**sources, "oak": preamble("oak")}, code + "print(cb.ones(1, device='oak'))\n")
    assert shown.pop() == "tensor([1.], device='oak:0')"
    return dict(zip(ALL, shown, strict=True))


def of(name: str) -> str:
    return f"plugin '{name}' of cbtest-{name} 1.5"


@pytest.mark.parametrize("name", IMPORTS)
def test_a_plugin_that_does_not_import(lines: dict[str, str], name: str) -> None:
    assert lines[name].startswith("DeviceError < PluginError < ")
    assert f"{of(name)} does not load: {IMPORTS[name][1]}" in lines[name]


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_that_returns_rubbish(lines: dict[str, str], name: str) -> None:
    assert lines[name].startswith("DeviceError < PluginError")
    assert f"{of(name)} is refused: {HOOKS[name][1]}" in lines[name]


@pytest.mark.parametrize("name", LOADS)
def test_a_backend_that_breaks_the_contract(lines: dict[str, str], name: str) -> None:
    assert lines[name].startswith("DeviceError < ")
    told = f": device '{name}' cannot be used: backend '{name}' ({of(name)}) does not load: {LOADS[name][1]}"
    assert told in lines[name]


@pytest.mark.parametrize("name", DEVICES)
def test_a_device_that_cannot_be_used(lines: dict[str, str], name: str) -> None:
    assert lines[name].startswith("DeviceError")
    assert f": device '{name}:0' cannot be used: backend '{name}' ({of(name)}): {DEVICES[name][1]}" in lines[name]


def test_no_devices_at_all(plugged: Callable[..., list[str]]) -> None:
    (line,) = plugged(PREAMBLE + "Elm.count = 0\n", "told(lambda: cb.asarray([1.0], device='elm:0'))")
    assert line == "DeviceError: device 'elm:0' is not there: backend 'elm' has none"


BROKEN = PREAMBLE + """
class Boom(RuntimeError): pass
class Space:
    def __getattr__(self, name): return getattr(numpy, name)
    def exp(self, x): raise Boom("stream is dead")
    def sin(self, x): raise ValueError("no sine today")
    def cos(self, x): return None
    def log(self, x): return [1.0]
    def zeros(self, *args, **kwargs): raise Boom("no zeros")
space = Space()
Elm.__init__ = lambda self: Backend.__init__(self, space)
"""  # fmt: skip


CALLS = {
    "cb.exp(x)": f"KernelError < Boom: exp(x: float32 (2,)) on elm:0: Boom: stream is dead ({WHOSE})",
    "cb.sin(x)": f"ArgumentError < ValueError: sin(x: float32 (2,)) on elm:0: no sine today ({WHOSE})",
    "cb.cos(x)": "KernelError < KernelError: cos(x: float32 (2,)) on elm:0: an array must be returned, got NoneType "
    f"None ({WHOSE})",
    "cb.log(x)": "KernelError < KernelError: log(x: float32 (2,)) on elm:0: an array must be returned, got list [1.0] "
    f"({WHOSE})",
    "cb.zeros((3,), device='elm')": f"KernelError < Boom: zeros() with shape=(3,) on elm:0: Boom: no zeros ({WHOSE})",
    "x.requires_grad_() * 2 + cb.exp(x)":
    f"KernelError < Boom: exp(x: float32 (2,)) on elm:0: Boom: stream is dead ({WHOSE})",
}  # fmt: skip


def test_a_function_that_fails(plugged: Callable[..., list[str]]) -> None:
    code = "x = cb.asarray([1.0, 2.0], device='elm')\n" + "".join(f"told(lambda: {call})\n" for call in CALLS)
    assert plugged(BROKEN, code + "print((x + 1).tolist())\n") == [*CALLS.values(), "[2.0, 3.0]"]


FAST = """
import numpy
from candelabra.core.backend import Kernel
from candelabra.plugins.hookspecs import KernelSpec

def vjp(g, x): raise RuntimeError("no way back")
def rubbish(x): return None
def broken(x): raise RuntimeError("illegal instruction")

def candelabra_kernels():
    return [
        KernelSpec("cpu", "silu", Kernel(numpy.abs, None, vjp)), KernelSpec("cpu", "mish", rubbish),
        KernelSpec("cpu", "erf", broken), KernelSpec("cpu", "logsigmoid", rubbish, 2),
        KernelSpec("cpu", "logsigmoid", broken, 1),
    ]
"""


def test_a_kernel_for_a_device_of_others_that_fails(plugged: Callable[..., list[str]]) -> None:
    code = """
x = cb.asarray([1.0, 2.0])
told(lambda: cb.erf(x))
told(lambda: cb.nn.functional.mish(x))
told(lambda: cb.nn.functional.logsigmoid(x))
x.requires_grad_()
told(lambda: cb.nn.functional.silu(x).sum().backward())
print(cb.tanh(x).shape, cb.ones(3).sum().item())
"""
    whose = f"(kernel of {WHOSE}; CANDELABRA_DISABLE_PLUGINS=1 leaves it out)"
    twice = f"(kernel of {WHOSE}; kernel of {WHOSE}; CANDELABRA_DISABLE_PLUGINS=1 leaves it out)"
    assert plugged(FAST, code, group="candelabra.kernels") == [
        f"KernelError < RuntimeError: erf(x: float32 (2,)) on cpu: RuntimeError: illegal instruction {whose}",
        "KernelError < KernelError: mish(x: float32 (2,)) on cpu: an array must be returned, got NoneType None "
        + whose,
        "KernelError < KernelError: logsigmoid(x: float32 (2,)) on cpu: an array must be returned, got NoneType None "
        + twice,
        "RuntimeError: no way back",
        f"note: raised in the backward of silu, whose result has shape (2,) {whose}",
        "(2,) 3.0",
    ]


LOST = PREAMBLE + """
class Lost(RuntimeError): pass
def alive(index):
    if index >= Elm.count:
        raise Lost(f"device {index} fell off the bus")
class Array(numpy.ndarray):
    at = 0
Elm.array_type = Array
def asarray(self, data, dtype=None, index=0):
    alive(index)
    made = numpy.array(data, dtype).view(Array)
    made.at = index
    return made
def to_host(self, array):
    alive(array.at)
    return numpy.asarray(array)
def tanh(x):
    alive(x.at)
    return numpy.tanh(x)
Elm.asarray, Elm.to_host, Elm.kernels = asarray, to_host, {"tanh": tanh}
def from_dlpack(self, array, index=0): raise BufferError
def to_dlpack(self, array, asked): raise BufferError
Elm.from_dlpack, Elm.to_dlpack = from_dlpack, to_dlpack
Elm.to_device = lambda self, array, index: self.asarray(array, None, index)
"""  # fmt: skip


def test_a_device_that_disappears(plugged: Callable[..., list[str]]) -> None:
    code = """
import cbtest_elm
here, there = cb.asarray([1.0, 2.0], device="elm:0"), cb.asarray([[3.0, 4.0]], device="elm:1")
print(there)
cbtest_elm.Elm.count = 1
told(lambda: here.to("elm:1"))
told(lambda: cb.ones(2).to("elm:1"))
told(lambda: cb.asarray([1.0], device="elm:1"))
told(lambda: there.to("cpu"))
told(lambda: cb.tanh(there))
told(lambda: there.tolist())
print(there, there.shape, there.dtype)
print(here.to("cpu").tolist())
cbtest_elm.Elm.devices = lambda self: 1 / 0
told(lambda: there.to("cpu"))
"""
    gone = f"device 'elm:1' is no longer there: backend 'elm' ({WHOSE}) now has 1 device"
    lost = "Lost: device 1 fell off the bus"
    lines = plugged(LOST, code)
    assert lines[0] == "tensor([[3., 4.]], device='elm:1')"
    assert lines[1] == f"DeviceError < Lost: to_device(x of shape (2,)) from elm:0 to elm:1: {gone}; {lost}"
    assert lines[2].startswith("DeviceError < Lost") and f"{gone}; {lost}" in lines[2]
    assert lines[3].startswith("DeviceError < Lost") and f"{gone}; {lost}" in lines[3]
    assert lines[4] == f"DeviceError < Lost: to_device(x of shape (1, 2)) from elm:1 to cpu: {gone}; {lost}"
    assert lines[5] == f"DeviceError < Lost: tanh(x: float32 (1, 2)) on elm:1: {gone}; {lost}".replace(
        " on elm:1:", ":"
    )
    assert lines[6].endswith(lost)
    assert "unreadable='Lost: device 1 fell off the bus'" in "".join(lines[7:-2])
    assert "size=(1, 2)) (1, 2) float32" in lines[8]
    assert lines[-2] == "[1.0, 2.0]"
    assert "its devices cannot be listed (ZeroDivisionError: division by zero)" in lines[-1]


FULL = PREAMBLE + """
class XlaRuntimeError(RuntimeError): pass
class Space:
    def __getattr__(self, name): return getattr(numpy, name)
    def exp(self, x): raise XlaRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 8589934592 bytes.")
    def add(self, a, b): raise RuntimeError("[alloc_cpu.cpp:117] can't allocate memory: 8589934592 bytes")
space = Space()
Elm.__init__ = lambda self: Backend.__init__(self, space)
Elm.memory = lambda self, index=0: {"allocated": 3 << 30, "reserved": 0, "free": 1 << 29, "total": 8 << 30}
def vjp(g, x): raise MemoryError
from candelabra.core.backend import Kernel
Elm.kernels = {"sinh": Kernel(numpy.sinh, None, vjp)}
def asarray(self, data, dtype=None, index=0):
    if getattr(data, "size", 0) > 5: raise RuntimeError("Attempting to allocate 99 bytes which is too much")
    return numpy.array(data, dtype)
Elm.asarray = asarray
def from_dlpack(self, array, index=0): raise BufferError
Elm.from_dlpack = from_dlpack
"""  # fmt: skip


def test_memory_that_runs_out(plugged: Callable[..., list[str]]) -> None:
    code = """
x = cb.asarray([1.0, 2.0], device="elm:1")
error = told(lambda: cb.exp(x))
assert isinstance(error, MemoryError) and isinstance(error, cb.core.errors.DeviceError)
told(lambda: x + x)
told(lambda: cb.ones(9).to("elm:1"))
told(lambda: cb.sinh(x.requires_grad_()).backward(x))
"""
    figures = (
        "out of memory on 'elm:1', 3.00 GiB in tensors, 4.50 GiB held by others, 512.00 MiB of 8.00 GiB free "
        f"({WHOSE}); use smaller batches or a narrower dtype, let go of tensors that are no longer needed "
        "(a loss holds what its backward needs), compute without a graph (no_grad) "
        "or keep less of it (candelabra.checkpoint); other programs "
        "and libraries hold a good part of the device, too"
    )
    lines = plugged(FULL, code)
    assert lines[:2] == [
        "OutOfMemoryError < XlaRuntimeError: exp(x: float32 (2,)): RESOURCE_EXHAUSTED: Out of memory allocating "
        f"8589934592 bytes: {figures}",
        "OutOfMemoryError < RuntimeError: add(x1: float32 (2,), x2: float32 (2,)): [alloc_cpu.cpp:117] "
        f"can't allocate memory: 8589934592 bytes: {figures}",
    ]
    assert lines[2].startswith(
        "OutOfMemoryError < RuntimeError: to_device(data of shape (9,)): Attempting to allocate 99"
    )
    assert lines[3] == f"OutOfMemoryError < MemoryError: backward of sinh: there is not enough memory: {figures}"
    assert lines[4] == f"note: raised in the backward of sinh, whose result has shape (2,) ({WHOSE})"
