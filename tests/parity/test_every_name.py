"""Every name of `torch`, of its tensors and of its modules of functions is there and does the same, or says why not."""

from __future__ import annotations

import ast
import functools
import inspect
from types import ModuleType
from typing import Any

import candelabra as cb
import name_cases
import numpy as np
import pytest
from candelabra.core import absent
from candelabra.core.errors import AutogradError

MODULES = ("linalg", "fft", "special", "func", "autograd")
# Classes, and what has tests of its own.
APART = {
    "Event", "Generator", "Stream", "Tensor", "device", "dtype", "from_dlpack", "load", "lstm", "save", "to_dlpack",
}  # fmt: skip
NEED_A_CARD = {"cuda", "pin_memory", "record_stream"}
NOT_DIFFERENTIATED = (
    "derivative for", "modified by an inplace operation", "only supported for tensors that don't require grad",
    "it is a view of a tensor", "does not require grad", "for tensors that require grad",
)  # fmt: skip


def shown(module: Any) -> list[str]:
    """Return the public names of a class of PyTorch's, or the functions and classes of one of its modules."""
    if inspect.isclass(module):
        return [n for n in dir(module) if n[0] != "_"]
    # PyTorch's front door has more than its `__all__` says.
    found = dir(module) if module.__name__ == "torch" else getattr(module, "__all__", dir(module))
    return [n for n in found if n[0] != "_" and callable(getattr(module, n))]


def test_nothing_of_torch_is_missing_without_a_reason(torch: ModuleType) -> None:
    names = shown(torch)
    assert len(names) > 800
    assert [n for n in names if not hasattr(cb, n) and n not in absent.FUNCTIONS] == []


def test_no_constant_is_missing_without_a_reason(torch: ModuleType) -> None:
    kinds = (torch.dtype, torch.layout, torch.memory_format, torch.qscheme)
    names = [n for n in dir(torch) if n[0] != "_" and isinstance(getattr(torch, n), kinds)]
    assert len(names) > 60
    assert [n for n in names if not hasattr(cb, n) and n not in absent.FUNCTIONS] == []


def test_no_method_is_missing_without_a_reason(torch: ModuleType) -> None:
    names = shown(torch.Tensor)
    assert len(names) > 590
    assert [n for n in names if not hasattr(cb.Tensor, n) and n not in absent.METHODS] == []


def test_no_operator_is_missing(torch: ModuleType) -> None:
    # Python 2's, and what makes others' classes of PyTorch's tensors.
    past = {"__div__", "__idiv__", "__rdiv__", "__long__", "__nonzero__"}
    own = {"__torch_dispatch__", "__torch_function__", "__setstate__", "__dlpack_c_exchange_api__"}
    others = {"__array_priority__", "__array_wrap__", "__cuda_array_interface__", "__delitem__"}
    missing = {n for n in dir(torch.Tensor) if n.startswith("__") and not hasattr(cb.Tensor, n)}
    # What pickling leaves on a class that it has met.
    noted = {"__slotnames__"}
    assert missing - past - own - others - noted == set()


@pytest.mark.parametrize("name", MODULES)
def test_no_function_of_a_module_is_missing_without_a_reason(torch: ModuleType, name: str) -> None:
    theirs, ours = getattr(torch, name), getattr(cb, name)
    missing = [n for n in shown(theirs) if not hasattr(ours, n) and n != "Tensor"]
    for one in missing:
        with pytest.raises(AttributeError, match=rf"{name}\.{one}\b.*: .{{8,}}"):
            getattr(ours, one)


@pytest.mark.parametrize("name", sorted(absent.FUNCTIONS))
def test_a_refused_function_says_why(name: str) -> None:
    with pytest.raises(AttributeError, match=rf"^candelabra\.{name} is not offered: .{{8,}}"):
        getattr(cb, name)
    assert name not in dir(cb)


@pytest.mark.parametrize("name", sorted(absent.METHODS))
def test_a_refused_method_says_why(name: str) -> None:
    x = cb.ones(2)
    for place in (cb.Tensor, x):
        with pytest.raises(AttributeError, match=rf"^Tensor\.{name} is not offered: .{{8,}}"):
            getattr(place, name)
    assert name not in dir(x)


def test_what_is_refused_is_pytorch_s(torch: ModuleType) -> None:
    assert [n for n in absent.FUNCTIONS if not hasattr(torch, n) and n != "while_loop"] == []
    assert [n for n in absent.METHODS if not hasattr(torch.Tensor, n) and n != "names"] == []
    assert [n for n in absent.AUTOGRAD if not hasattr(torch.autograd, n)] == []
    assert [n for n in shown(torch.autograd.functional) if not hasattr(cb.autograd.functional, n)] == []


@functools.cache
def _calls() -> list[Any]:
    """Return every name with its calls; the names come from PyTorch, so without it there are none."""
    try:
        import torch
    except ImportError:
        return []
    found = []
    for name in shown(torch.Tensor):
        if name not in absent.METHODS and name not in NEED_A_CARD:
            calls = [name_cases.written(c) if name.endswith("_") else c for c in name_cases.of_method(name)]
            found += [(f"Tensor.{name}", call) for call in calls or [""]]
    for name in shown(torch):
        if name not in absent.FUNCTIONS and name not in APART:
            found += [(name, call) for call in name_cases.of_function(name) or [""]]
    for module in name_cases.MODULES:
        theirs = getattr(torch, module)
        for name in shown(theirs):
            if not inspect.isclass(getattr(theirs, name)):
                found += [(f"{module}.{name}", call) for call in name_cases.of_module(module, name) or [""]]
    return found


# What tells where a tensor lies; PyTorch's lie on the host.
PLACES = {"Tensor.device", "Tensor.get_device", "Tensor.is_cpu", "Tensor.is_cuda", "get_default_device", "get_device"}


def _here(name: str, call: str) -> Any:
    return pytest.param(name, call, marks=pytest.mark.host if name in PLACES or "cpu" in call else ())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "call"), [_here(*c) for c in _calls()])
def test_name(torch: ModuleType, compare: Any, name: str, call: str) -> None:
    assert call, f"{name} is compared with nothing: add a line to name_cases.py"
    drawn = call.startswith("~")
    ours, _, theirs = call.lstrip("~!").partition(" | ")
    theirs = theirs or ours
    names = inputs_of(ours, theirs)
    arrays = [name_cases.INPUTS[n].copy() for n in names]

    def run(library: Any, text: str, *values: Any) -> Any:
        return evaluated(library, text, dict(zip(names, values)))

    def in_both(**options: Any) -> None:
        compare(
            lambda *values: flat(run(cb, ours, *values)),
            lambda t, *values: flat(run(t, theirs, *values)),
            *arrays,
            tolerance=100 if "gamma" in name or name.endswith("psi") else 1,
            **options,
        )

    leaves = [[library.tensor(a, requires_grad=recorded(call)) for a in arrays] for library in (cb, torch)]
    expected = run(torch, theirs, *leaves[1])
    if call[0] not in "~!" and holds_tensors(expected):
        try:
            in_both(order=1)
            if not name.endswith("float_power_"):
                # Which PyTorch wants in double precision.
                in_both(order=0, dtype="float32")
            return
        except (RuntimeError, NotImplementedError) as error:
            # What PyTorch does not differentiate, or writes over although it needs it, is compared as it stands.
            if not any(text in str(error) for text in NOT_DIFFERENTIATED):
                raise
    check(run(cb, ours, *leaves[0]), expected, drawn)


# PyTorch lets logical_and_ write into a leaf, and its gradient through.
ALLOWED_ON_A_LEAF = {"detach_", "logical_and_", "requires_grad_"}


def _in_place() -> list[Any]:
    """Return one call of each method in place that PyTorch refuses on a leaf, not on a copy as the others are made."""
    found: dict[str, Any] = {}
    for name, call in _calls():
        if name.startswith("Tensor.") and name.endswith("_") and name[7:] not in ALLOWED_ON_A_LEAF:
            text = call.lstrip("~!").partition(" | ")[0].replace(".clone()", "").replace(".contiguous()", "")
            if text.startswith(tuple(f"{leaf}.{name[7:]}(" for leaf in "xpumv")):
                found.setdefault(name, (name, text))
    return list(found.values())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "call"), _in_place())
def test_a_leaf_is_refused_in_place(torch: ModuleType, name: str, call: str) -> None:
    names = inputs_of(call)
    for library, error in ((torch, RuntimeError), (cb, AutogradError)):
        values = {n: library.tensor(name_cases.INPUTS[n].copy()) for n in names}
        leaf = values[call[0]].requires_grad_()
        with pytest.raises(error):
            evaluated(library, call, values)
        assert leaf.is_leaf and leaf.tolist() == name_cases.INPUTS[call[0]].tolist()


# What a device need not have.
MAY_LACK = {"Tensor.bfloat16", "Tensor.const_data_ptr", "Tensor.data_ptr", "Tensor.half"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "call"), [c for c in _calls() if c[1][:1] not in ("", "~") and c[0] not in MAY_LACK])
def test_name_on_another_device(elsewhere: str, name: str, call: str) -> None:
    ours = call.lstrip("!").partition(" | ")[0]
    names, found = inputs_of(ours), []
    for place in ("cpu", elsewhere):
        values = {n: cb.tensor(name_cases.INPUTS[n].copy(), device=place) for n in names}
        if recorded(call):
            for x in values.values():
                x.requires_grad_()
        cb.set_default_device(place)
        found.append(evaluated(cb, ours, values))
    if holds_tensors(found[0]):
        check(found[1], found[0], False)


def inputs_of(*texts: str) -> list[str]:
    """Return which inputs calls use."""
    used = {node.id for text in texts for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    return sorted(used & name_cases.INPUTS.keys())


def evaluated(library: Any, text: str, values: dict[str, Any]) -> Any:
    """Return what a call returns in a library."""
    return eval(text, {"T": library, "np": np, **values})


def recorded(call: str) -> bool:
    """Whether a call is about the graph that its inputs are in."""
    return any(word in call for word in ("hook", "retain", "backward"))


def holds_tensors(value: Any) -> bool:
    return hasattr(value, "detach") or (isinstance(value, (tuple, list)) and any(map(holds_tensors, value)))


def flat(value: Any) -> Any:
    """Return tensors in nests as one tuple."""
    if isinstance(value, (tuple, list)):
        return tuple(part for v in value for part in (flat(v) if isinstance(v, (tuple, list)) else (v,)))
    return value


def check(ours: Any, theirs: Any, drawn: bool) -> None:
    """Compare what is not differentiated: shape and dtype of a draw, values of anything else."""
    if isinstance(theirs, (tuple, list)):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            check(a, b, drawn)
    elif hasattr(theirs, "detach"):
        kinds = [str(x.dtype).rpartition(".")[2] for x in (ours, theirs)]
        assert tuple(ours.shape) == tuple(theirs.shape) and kinds[0] == kinds[1]
        if not drawn:
            exact = 1e-6 if "32" in kinds[0] or "complex64" in kinds[0] else 1e-10
            np.testing.assert_allclose(ours.numpy(force=True), theirs.numpy(force=True), rtol=exact, atol=exact)
    else:
        assert np.array_equal(ours, theirs) if isinstance(theirs, np.ndarray) else ours == theirs
