"""Methods take the arguments that PyTorch's take, by the same names: what its operators declare, our stubs have."""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from types import ModuleType

import candelabra as cb
import pytest
from candelabra.core import absent

# Buffers for results, and what a kernel of PyTorch's is told.
EVERYWHERE = {
    "self",
    "out",
    "out_dtype",
    "layout",
    "pin_memory",
    "memory_format",
    "device",
    "generator",
    "non_blocking",
}
# Names of PyTorch's operators that its own Python methods do not take, or another name of the same argument.
OTHERWISE = {
    "copy_": {"other"}, "cumprod_": {"dtype"}, "cumsum_": {"dtype"}, "dsplit": {"indices", "sections"},
    "hsplit": {"indices", "sections"}, "vsplit": {"indices", "sections"}, "expand": {"implicit", "size"},
    "gather": {"sparse_grad"}, "geqrf": {"a", "tau"}, "kthvalue": {"values", "indices"}, "max": {"max", "max_values"},
    "median": {"values", "indices"}, "min": {"min", "min_indices"}, "mode": {"values", "indices"},
    "nanmedian": {"values", "indices"}, "qr": {"Q", "R"}, "random_": {"from", "to"}, "repeat": {"repeats"},
    "record_stream": {"s"}, "sort": {"values", "indices", "reverse"}, "split": {"split_sizes"}, "sum_to_size": {"size"},
    "svd": {"U", "S", "V"}, "to": {"copy", "dtype", "other"}, "tensordot": {"dims_other", "dims_self"},
    "tensor_split": {"tensor_indices_or_sections"}, "topk": {"values", "indices"}, "triangular_solve": {"X", "M"},
    "uniform_": {"from", "to"}, "view": {"dtype", "size"},
}  # fmt: skip


@functools.cache
def stubs() -> dict[str, set[str]]:
    """Return the arguments of each method, by its stub."""
    source = Path(cb.core.__path__[0], "installed.pyi").read_text(encoding="utf-8")
    (body,) = [node.body for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    return {
        node.name: {a.arg for a in (*node.args.args, *node.args.kwonlyargs)}
        for node in body
        if isinstance(node, ast.FunctionDef)
    }


def declared(torch: ModuleType, name: str) -> set[str]:
    """Return the names of the arguments that PyTorch's operators of a name have, over all that take a tensor first."""
    found: set[str] = set()
    for schema in torch._C._jit_get_schemas_for_operator(f"aten::{name}"):
        arguments = schema.arguments
        written = "out" in schema.overload_name or "imname" in f"{schema}"
        if not written and arguments and arguments[0].name == "self" and "Tensor" in f"{arguments[0].type}":
            found |= {a.name for a in arguments}
    return found - EVERYWHERE


def test_there_are_many(torch: ModuleType) -> None:
    assert len(stubs()) > 500
    assert sum(len(declared(torch, name)) for name in stubs()) > 500


@pytest.mark.parametrize("name", sorted(n for n in stubs() if not n.startswith("_")))
def test_arguments(torch: ModuleType, name: str) -> None:
    assert name not in absent.METHODS
    assert declared(torch, name) - stubs()[name] - OTHERWISE.get(name, set()) == set()
