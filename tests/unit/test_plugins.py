"""The manager against plugins of every kind of badness, most of them found as real entry points in a folder."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
from candelabra.core.backend import API_VERSION, Backend, BackendSpec
from candelabra.core.errors import DeviceError, PluginError
from candelabra.plugins.hookspecs import KernelSpec, SerializerSpec
from candelabra.plugins.manager import BUILTINS, DISABLE, Manager, Source

PREAMBLE = """
import numpy
from candelabra.core.backend import Backend, BackendSpec

class Wrapped(Backend):
    def __init__(self, name):
        super().__init__(numpy)
        self.name, self.device_types = name, (name,)
"""
GOOD = PREAMBLE + "def candelabra_backends(): return [BackendSpec('{0}', ('{0}',), lambda: Wrapped('{0}'))]"


class NumpyBackend(Backend):
    def __init__(self, name: str) -> None:
        super().__init__(numpy)
        self.name, self.device_types = name, (name,)


def plugin(**hooks: Callable[..., Any]) -> types.SimpleNamespace:
    return types.SimpleNamespace(**hooks)


def backend_plugin(name: str, load: Callable[[], Any] | None = None, **options: Any) -> types.SimpleNamespace:
    spec = BackendSpec(name, (name,), load or (lambda: NumpyBackend(name)), **options)
    return plugin(candelabra_backends=lambda: [spec])


@pytest.fixture(autouse=True)
def _only_our_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DISABLE, "1")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put a distribution with one module and an entry point for it on the path."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv(DISABLE, raising=False)

    def put(name: str, source: str, version: str = "1.0", group: str = "candelabra") -> None:
        (tmp_path / f"cbtest_{name}.py").write_text(source)
        info = tmp_path / f"cbtest_{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: cbtest-{name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = cbtest_{name}\n")

    return put


def refusal(manager: Manager, device_type: str) -> DeviceError:
    with pytest.raises(DeviceError) as caught:
        manager.resolve(device_type)
    return caught.value


def test_builtins_come_in_by_the_hook_and_load_on_first_use() -> None:
    manager = Manager()
    assert [spec.name for spec in manager.known()] == [name for name, _ in BUILTINS] == ["numpy", "cupy"]
    assert manager.host_type() == "cpu"
    assert not manager.indexed("cpu")
    assert manager.resolve("cpu") is manager.resolve("cpu")
    status = manager.statuses()[0]
    assert (status.name, status.device_types, status.state, status.distribution) == (
        "numpy", ("cpu",), "loaded", "candelabra",
    )  # fmt: skip


def test_a_third_party_is_found_when_its_device_is_asked_for(install: Callable[..., None]) -> None:
    install("oak", GOOD.format("oak"), version="2.3")
    manager = Manager()
    manager.resolve("cpu")
    assert "oak" not in [spec.name for spec in manager.known()]
    assert manager.indexed("oak")
    assert manager.resolve("oak").name == "oak"
    status = next(status for status in manager.statuses() if status.name == "oak")
    assert status.state == "loaded"
    assert (status.plugin, status.distribution, status.version, status.error) == ("oak", "cbtest-oak", "2.3", "")


def test_an_unknown_device_names_those_there_are() -> None:
    error = refusal(Manager([("a", backend_plugin("fir")), ("b", backend_plugin("elm"))]), "gpu")
    assert str(error).startswith("no backend serves device 'gpu'; there are 'fir', 'elm'.")


def test_a_plugin_that_raises_on_import_takes_nothing_else_down(install: Callable[..., None]) -> None:
    install("ash", "import a_library_that_is_not_there")
    install("box", "raise SystemExit('no licence')")
    install("oak", GOOD.format("oak"))
    manager = Manager()
    assert manager.resolve("oak").name == "oak"
    error = refusal(manager, "ash")
    assert (
        "plugin 'ash' of cbtest-ash 1.0 does not load: "
        "ModuleNotFoundError: No module named 'a_library_that_is_not_there'" in str(error)
    )
    assert "`candelabra devices` lists what is installed" in str(error)
    assert isinstance(error.__cause__, PluginError)
    assert isinstance(error.__cause__.__cause__, ModuleNotFoundError)
    failed = {status.plugin: status for status in manager.statuses() if status.state == "failed"}
    assert failed["box"].error == "plugin 'box' of cbtest-box 1.0 does not load: SystemExit: no licence"
    assert failed["ash"].device_types == ()


def test_the_switch_turns_third_parties_off(install: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    install("oak", GOOD.format("oak"))
    monkeypatch.setenv(DISABLE, "1")
    manager = Manager()
    assert manager.resolve("cpu").name == "numpy"
    assert f"Plugins are switched off by {DISABLE}; unset it" in str(refusal(manager, "oak"))
    assert [status.name for status in manager.statuses()] == ["numpy", "cupy"]


def test_a_failing_load_is_kept_and_shown_as_the_cause() -> None:
    calls = []

    def load() -> Backend:
        calls.append(1)
        raise OSError("libelm.so is missing")

    manager = Manager([("elm", backend_plugin("elm", load))])
    assert manager.statuses()[0].state == "not loaded"
    for _ in range(2):
        error = refusal(manager, "elm")
        assert str(error) == (
            "device 'elm' cannot be used: backend 'elm' (plugin 'elm' of candelabra) does not load: "
            "OSError: libelm.so is missing"
        )
        assert isinstance(error.__cause__, OSError)
    assert calls == [1]
    assert manager.statuses()[0].state == "failed"
    assert manager.statuses()[0].error == "OSError: libelm.so is missing"


def test_listing_can_load() -> None:
    manager = Manager([("elm", backend_plugin("elm"))])
    assert manager.statuses(load=True)[0].state == "loaded"


def test_a_taken_device_type_is_refused_and_its_owner_keeps_it() -> None:
    manager = Manager([("elm", backend_plugin("elm"))])
    with pytest.raises(PluginError, match=r"^plugin 'b' of two 0.1 is refused: .* 'elm' is taken by plugin 'elm'"):
        manager.register(backend_plugin("elm"), Source("b", "two", "0.1"))
    assert manager.resolve("elm").name == "elm"
    assert len(manager.statuses()) == 1


def test_another_contract_is_refused_naming_both() -> None:
    class Old(NumpyBackend):
        api_version = 0

    error = refusal(Manager([("elm", backend_plugin("elm", lambda: Old("elm")))]), "elm")
    assert f"version 0 of the backend contract, and this candelabra has version {API_VERSION}" in str(error)
    assert isinstance(error.__cause__, PluginError)


class Nameless(Backend):
    device_types = ("elm",)


class Unready(Backend):
    name, device_types = "elm", ("elm",)

    def __init__(self) -> None:
        pass


@pytest.mark.parametrize(
    ("load", "text"),
    [
        (lambda: Nameless(numpy), "the backend lacks name"),
        (Unready, "the backend lacks namespace.asarray, namespace.reshape, namespace.add"),
        (lambda: types.SimpleNamespace(api_version=API_VERSION), "must return an instance of candelabra.core.backend"),
        (lambda: NumpyBackend("yew"), "announced as 'elm' for ('elm',), the backend says 'yew' for ('yew',)"),
    ],
)
def test_a_backend_that_breaks_the_contract_is_refused(load: Callable[[], Any], text: str) -> None:
    error = refusal(Manager([("elm", backend_plugin("elm", load))]), "elm")
    assert text in str(error)
    assert isinstance(error.__cause__, PluginError)


@pytest.mark.parametrize(
    ("hooks", "text"),
    [
        ({"candelabra_backend": lambda: ["elm"]}, "unknown hook 'candelabra_backend'"),
        ({"candelabra_backends": lambda: ["elm"]}, "candelabra_backends must return BackendSpec records, got 'elm'"),
        ({"candelabra_backends": lambda: None}, "candelabra_backends must return BackendSpec records, got None"),
        ({"candelabra_backends": lambda: 1 / 0}, "ZeroDivisionError"),
        ({"candelabra_backends": lambda config: []}, "config"),
        ({"candelabra_backends": lambda config=None: []}, "candelabra_backends takes no parameters, got config"),
        (
            {"candelabra_backends": lambda: [BackendSpec("elm", "elm", lambda: None)]},  # type: ignore[arg-type]
            "device_types of backend 'elm' must be a tuple of identifiers, got 'elm'",
        ),
        (
            {"candelabra_kernels": lambda: [KernelSpec("cpu", "gelu", abs), KernelSpec("cpu", "gelu", abs)]},
            "candelabra_kernels: 'gelu' of 'cpu' with priority 0 is taken by itself; another priority lays one over",
        ),
        (
            {"candelabra_kernels": lambda: [KernelSpec("cpu", "geluu", abs)]},
            "candelabra_kernels: no row of the table is named 'geluu'",
        ),
        (
            {"candelabra_kernels": lambda: [KernelSpec("cpu", "gelu", abs, True)]},
            "candelabra_kernels: the priority of row 'gelu' must be an int, got True",
        ),
        (
            {"candelabra_kernels": lambda: [KernelSpec("cpu", "gelu", None)]},  # type: ignore[arg-type]
            "candelabra_kernels: the kernel of row 'gelu' is neither callable nor a Kernel",
        ),
    ],
)
def test_a_refused_plugin_leaves_nothing_behind(hooks: dict[str, Any], text: str) -> None:
    manager = Manager([("elm", backend_plugin("elm"))])
    good = {"candelabra_serializers": lambda: [SerializerSpec(".elm", dict)]}
    bad = plugin(**hooks, **good)
    with pytest.raises(PluginError) as caught:
        manager.register(bad, Source("bad", "bad-plugin", "0.2"))
    assert str(caught.value).startswith("plugin 'bad' of bad-plugin 0.2 is refused: ")
    assert text in str(caught.value)
    assert manager.records("candelabra_serializers") == []
    manager.register(plugin(**good), Source("bad", "bad-plugin", "0.3"))
    assert [record.suffix for record in manager.records("candelabra_serializers")] == [".elm"]


def test_registering_twice_is_refused_and_the_first_stays() -> None:
    elm = backend_plugin("elm")
    manager = Manager([("elm", elm)])
    for source in (Source("elm"), Source("again", "two")):
        with pytest.raises(PluginError, match="registered already"):
            manager.register(elm, source)
    assert manager.resolve("elm").name == "elm"


@pytest.mark.parametrize("loaded_before", [False, True])
def test_a_plugin_overrides_a_kernel_of_another_backend(loaded_before: bool) -> None:
    manager = Manager([("elm", backend_plugin("elm")), ("yew", backend_plugin("yew"))])
    if loaded_before:
        manager.resolve("elm")
    manager.register(plugin(candelabra_kernels=lambda: [KernelSpec("elm", "gelu", abs)]), Source("fast", "fast", "1"))
    assert manager.resolve("elm").kernels["gelu"] is abs
    assert "gelu" not in manager.resolve("yew").kernels
    assert "gelu" not in Backend.kernels
    manager.register(backend_plugin("oak"), Source("oak"))
    assert [list(layer) for layer in manager.resolve("elm").kernels.maps] == [["gelu"], []]  # type: ignore[attr-defined]
    with pytest.raises(PluginError, match="'gelu' of 'elm' with priority 0 is taken by plugin 'fast' of fast 1; a"):
        manager.register(plugin(candelabra_kernels=lambda: [KernelSpec("elm", "gelu", abs)]), Source("b", "b", "1"))
    above = [KernelSpec("elm", "gelu", max, 2), KernelSpec("elm", "tanh", min, -1)]
    manager.register(plugin(candelabra_kernels=lambda: above), Source("c", "c", "1"))
    layers = manager.resolve("elm").kernels.maps  # type: ignore[attr-defined]
    assert layers == [{"gelu": max}, {"gelu": abs}, {"tanh": min}, {}]


FAST = """
import numpy as np
from candelabra.core.backend import Kernel
from candelabra.plugins.hookspecs import KernelSpec

calls = []

def small(x, *rest):
    return x.size < 4

def tanh(x):
    calls.append("tanh")
    return NotImplemented if small(x) else np.tanh(x)

def forward(x, *rest, **statics):
    calls.append("softmax")
    return NotImplemented

def train(x, *rest, **statics):
    calls.append("softmax in training")
    return NotImplemented

def vjp(g):
    raise AssertionError("nothing of this kernel's was recorded")

def candelabra_kernels():
    kernel = Kernel(forward, train, vjp)
    return [KernelSpec("cpu", "tanh", tanh), *(KernelSpec("cpu", row, kernel) for row in ("softmax", "layer_norm"))]
"""


def in_a_process(code: str, folder: Path, **environment: str) -> str:
    kept = {k: v for k, v in os.environ.items() if k != DISABLE}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**kept, "PYTHONPATH": str(folder), **environment},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_kernels_for_a_device_of_others_are_there_before_the_first_operation(
    install: Callable[..., None], tmp_path: Path
) -> None:
    install("fast", FAST, group="candelabra.kernels")
    code = """
import sys, candelabra as cb
assert "cbtest_fast" not in sys.modules
cb.tanh(cb.ones(5)), cb.tanh(cb.ones(2))
print(sys.modules["cbtest_fast"].calls if "cbtest_fast" in sys.modules else None, "importlib.metadata" in sys.modules)
"""
    assert in_a_process(code, tmp_path) == "['tanh', 'tanh'] True"
    assert in_a_process(code, tmp_path, **{DISABLE: "1"}) == "None False"


LAYER = """
import numpy as np
from candelabra.core.backend import Kernel
from candelabra.plugins.hookspecs import KernelSpec

calls = []

def tanh(x):
    calls.append(x.size)
    return np.full(x.shape, {value}, x.dtype) if x.size >= {least} else NotImplemented

def train(x, **statics):
    calls.append("train")
    return (np.full(x.shape, {value}, x.dtype), (x.size,)) if x.size >= {least} else NotImplemented

def vjp(g, size):
    return g * size,

def forward(x, **statics):
    return tanh(x)

def candelabra_kernels():
    softmax = Kernel(forward, train, vjp, ("size",))
    return [KernelSpec("cpu", "tanh", tanh, {priority}), KernelSpec("cpu", "softmax", softmax, {priority})]
"""


def test_kernels_of_two_plugins_lie_over_each_other_by_priority(install: Callable[..., None], tmp_path: Path) -> None:
    install("above", LAYER.format(value=10, least=8, priority=1), group="candelabra.kernels")
    install("below", LAYER.format(value=20, least=4, priority=-3), group="candelabra.kernels")
    code = """
import candelabra as cb
values, grads = [], []
for n in (8, 4, 1):
    values.append(cb.tanh(cb.zeros(n))[0].item())
    x = cb.zeros(n, requires_grad=True)
    y = cb.softmax(x, axis=0)
    y[0].backward()
    values.append(y[0].item())
    grads.append(x.grad[0].item())
import cbtest_above, cbtest_below
print(values, grads, cbtest_above.calls, cbtest_below.calls)
"""
    assert in_a_process(code, tmp_path) == (
        "[10.0, 10.0, 20.0, 20.0, 0.0, 1.0] [8.0, 4.0, 0.0] "
        "[8, 'train', 4, 'train', 1, 'train'] [4, 'train', 1, 'train']"
    )


def test_what_a_plugin_declines_goes_to_the_backends_own_kernel(install: Callable[..., None], tmp_path: Path) -> None:
    install("fast", FAST, group="candelabra.kernels")
    code = """
import candelabra as cb
from candelabra.core.primitives import TABLE
x = cb.randn(3, 4, requires_grad=True)
y = cb.softmax(x, axis=1)
(y * y).sum().backward()
impl = TABLE["softmax"].implementations[x.device]
z = y.node
print(impl.source, z.impl is impl.generic, z.impl.source, z.impl.backward is not z.impl.backward_graph)
print(TABLE["softmax"].fallback["cpu"])
import cbtest_fast
print(cbtest_fast.calls)
"""
    shown = in_a_process(code, tmp_path).splitlines()
    assert shown == ["kernel True kernel True", "kernel", "['softmax in training']"]
    # The backend's own kernel keeps residuals.
    code = """
import candelabra as cb
x = cb.asarray([[1.0, 2.0, 4.0]], requires_grad=True)
y = cb.layer_norm(x)
y[0, 0].backward()
print(y.node.impl.train is not None, [round(v, 4) for v in x.grad.tolist()[0]])
"""
    plain = "import candelabra as cb\nx = cb.asarray([[1.0, 2.0, 4.0]], requires_grad=True)\n"
    plain += "cb.layer_norm(x)[0, 0].backward(); print([round(v, 4) for v in x.grad.tolist()[0]])"
    wanted = in_a_process(plain, tmp_path, **{DISABLE: "1"})
    assert in_a_process(code, tmp_path) == f"True {wanted}"


SPECTRAL = """
import numpy as np
from candelabra.core.backend import Kernel
from candelabra.plugins.hookspecs import KernelSpec

def eig(x):
    found = np.linalg.eig(x)
    return NotImplemented if len(x) > 2 else (found.eigenvalues, found.eigenvectors * np.exp(1j))

def forward(x):
    found = np.linalg.eigh(x)
    return found.eigenvalues, found.eigenvectors * np.exp(1j)

def vjp(g):
    return NotImplemented

def candelabra_kernels():
    kernel = Kernel(forward, lambda x: (forward(x), ()), vjp)
    return [KernelSpec("cpu", "eig", eig), KernelSpec("cpu", "eigh", kernel)]
"""


def test_a_plugins_vectors_get_the_phases_that_the_rules_expect(install: Callable[..., None], tmp_path: Path) -> None:
    install("spectral", SPECTRAL, group="candelabra.kernels")
    code = """
import candelabra as cb
x = cb.asarray([[2.0, 1j], [-1j, 4.0]], requires_grad=True)
found = [cb.linalg.eigh(x.detach())[1], cb.linalg.eigh(x)[1], cb.linalg.eig(x)[1], cb.linalg.eig(cb.eye(3) + 0j)[1]]
cb.sum(cb.abs(found[1]) ** 4).backward()
for v in (*found, x.grad):
    print([[(round(w.real, 4) + 0.0, round(w.imag, 4) + 0.0) for w in row] for row in v.detach().tolist()])
"""
    plain = in_a_process(code, tmp_path, **{DISABLE: "1"})
    assert in_a_process(code, tmp_path) == plain and "(0.9239, 0.0)" in plain


def test_a_backend_loads_once_though_several_threads_ask() -> None:
    calls: list[int] = []
    start = threading.Barrier(8)

    def load() -> Backend:
        calls.append(1)
        return NumpyBackend("elm")

    manager = Manager([("elm", backend_plugin("elm", load))])
    found: list[Backend] = []

    def ask() -> None:
        start.wait()
        found.append(manager.resolve("elm"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert len(set(map(id, found))) == 1
