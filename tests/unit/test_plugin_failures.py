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
    "gin": ("del candelabra_backends", "it has none of the hooks candelabra_backends, candelabra_kernels, "),
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
    "eel": ("Elm.kernels = ['tanh']", "kernels must map rows to functions, got ['tanh']"),
    "eft": ("Elm.kernels = {'tanhh': numpy.tanh}", "kernels: no row of the table is named 'tanhh'"),
    "egg": ("Elm.kernels = {'tanh': 3}", "kernels: the kernel of row 'tanh' is neither callable nor a Kernel"),
    "elk": ("Elm.name = 'x'", "announced as 'elk' for ('elk',), the backend says 'x' for ('elk',)"),
}
DEVICES = {
    "gum": ("Elm.devices = lambda s: 1 / 0", "its devices cannot be listed: ZeroDivisionError: division by zero"),
    "hag": ("Elm.devices = lambda s: 'abc'", "devices() must return a list of names, got 'abc'"),
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
        f"KernelError < RuntimeError: backward of silu on cpu: RuntimeError: no way back {whose}",
        f"note: raised in the backward of silu, whose result has shape (2,) {whose}",
        "(2,) 3.0",
    ]


AWRY = PREAMBLE + """
from candelabra.core.backend import Kernel
def soft(x, axis): return numpy.exp(x) / numpy.sum(numpy.exp(x), axis=axis, keepdims=True)
def train(x, axis): return soft(x, axis), ()
def raises(g, x): raise ValueError("no way back")
def rubbish(g, x): return "abc"
def narrow(g, x): return (g[:1],)
def two(g, x): return (g, g)
def step(*lists, **statics): raise OSError("half a step")
def stub(*lists, donate=False, **statics): return [list(lists[0][:1])]
def alone(x, **statics): return (x,)
Elm.kernels = {
    "softmax": Kernel(soft, train, raises), "log_softmax": Kernel(soft, train, rubbish), "elu": abs,
    "logsumexp": Kernel(lambda x, axis, keepdims: soft(x, axis), None, narrow), "tanh": Kernel(numpy.tanh, None, two),
    "adam_step": step, "sgd_step": stub, "max_pool_with_indices": alone,
}
def lost(self, *args): raise OSError("fell off the bus")
Elm.synchronize = lost
"""  # fmt: skip


def test_the_way_back_and_steps_that_fail(plugged: Callable[..., list[str]]) -> None:
    code = """
import cbtest_elm
from candelabra.nn import functional as F
x = cb.asarray([[1.0, 2.0], [3.0, 4.0]], device="elm", requires_grad=True)
told(lambda: F.softmax(x, dim=1).sum().backward())
told(lambda: cb.autograd.grad(F.log_softmax(x, dim=1).sum(), [x]))
told(lambda: cb.logsumexp(x, dim=1, keepdim=True).sum().backward())
told(lambda: cb.tanh(x))
told(lambda: F.max_pool1d(x.detach(), 2, return_indices=True))
def hook(g): raise ValueError("the user's own")
h = x.register_hook(hook)
told(lambda: (x * 2).sum().backward())
h.remove()
class Mine(cb.autograd.Function):
    @staticmethod
    def forward(ctx, x): return x * 2
    @staticmethod
    def backward(ctx, g): raise ValueError("the user's own, too")
told(lambda: Mine.apply(x).sum().backward())
before = x.tolist()
p, q = cb.nn.Parameter(x.detach()), cb.nn.Parameter(x.detach())
p.grad = q.grad = cb.ones((2, 2), device="elm")
told(lambda: cb.optim.Adam([p, q]).step())
told(lambda: cb.optim.SGD([p, q], lr=1.0).step())
assert p.tolist() == q.tolist() == before and x.grad is None
told(lambda: cb.synchronize("elm"))
cbtest_elm.Elm.to_host = lambda self, array: "abc"
told(lambda: x.tolist())
cbtest_elm.Elm.to_host = cbtest_elm.lost
told(lambda: x.sum().item())
cbtest_elm.Elm.current_index = lambda self: "one"
told(lambda: cb.ones(2, device="elm"))
"""
    def back(row: str, text: str) -> list[str]:
        return [f"{text} ({WHOSE})", f"note: raised in the backward of {row}, whose result has shape (2, 2) ({WHOSE})"]

    pool = "kernel_size=(2,), stride=(2,), padding=(0,), dilation=(1,), ceil_mode=False"
    rubbish = "AttributeError: 'str' object has no attribute 'shape'"
    assert plugged(AWRY, code) == [
        *back("softmax", "KernelError < ValueError: backward of softmax on elm:0: ValueError: no way back"),
        *back("log_softmax", f"KernelError < AttributeError: backward of log_softmax on elm:0: {rubbish}"),
        *back(
            "logsumexp", "ShapeError: backward of logsumexp: a cotangent of shape (1, 2) cannot be summed to the "
            "operand's shape (2, 2)",
        ),
        "RegistrationError: a kernel of the elementwise row 'tanh' asks for x: such a row keeps only what its own "
        f"partials name; leave the kernel's vjp out, and the partials are used ({WHOSE})",
        f"KernelError < KernelError: max_pool_with_indices(x: float32 (1, 2, 2)) with {pool} on elm:0: out, indices "
        f"must be returned, got 1 of these 2 ({WHOSE})",
        "ValueError: the user's own",
        "ValueError: the user's own, too",
        f"note: raised in the backward of Mine, whose result has shape ((2, 2),) ({WHOSE})",
        f"KernelError < OSError: adam_step() on elm:0: OSError: half a step ({WHOSE})",
        "KernelError < KernelError: sgd_step() on elm:0: params, momentum_buffers must be returned, an array for each "
        f"tensor ({WHOSE})",
        f"KernelError < OSError: synchronize on elm:0: OSError: fell off the bus ({WHOSE})",
        "KernelError < KernelError: tolist(x of shape (2, 2)) on elm:0: to_host must return an array of NumPy's, got "
        f"str 'abc' ({WHOSE})",
        f"KernelError < OSError: item(x of shape ()) on elm:0: OSError: fell off the bus ({WHOSE})",
        f"DeviceError: device 'elm' cannot be used: backend 'elm' ({WHOSE}): current_index() must return an int, got "
        "'one'",
    ]  # fmt: skip


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
