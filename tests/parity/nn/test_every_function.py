"""Nothing of ``torch.nn.functional``, ``nn.init`` and ``nn.utils`` is missing without a reason."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from candelabra import nn

# PyTorch's own machinery, which its functional module shows by accident.
MACHINERY = {
    "assert_int_or_pair", "boolean_dispatch", "handle_torch_function", "has_torch_function", "has_torch_function_unary",
    "has_torch_function_variadic",
}  # fmt: skip
# Memory formats are PyTorch's; arrays here are in C order.
MEMORY_FORMAT = {"convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"}


def functions(module: Any) -> list[str]:
    return sorted(
        n
        for n, value in vars(module).items()
        if n[0] != "_" and callable(value) and not inspect.isclass(value) and not repr(value).startswith("typing.")
    )


def test_functional(torch: Any) -> None:
    names = [n for n in functions(torch.nn.functional) if n not in MACHINERY]
    assert len(names) > 120
    for name in names:
        if name in nn.functional.__all__:
            continue
        with pytest.raises(AttributeError, match=rf"nn\.functional\.{name}: (?!module)"):
            getattr(nn.functional, name)


def test_init(torch: Any) -> None:
    assert [n for n in torch.nn.init.__all__ if not hasattr(nn.init, n)] == []


def test_utils(torch: Any) -> None:
    assert [n for n in torch.nn.utils.__all__ if n not in MEMORY_FORMAT and not hasattr(nn.utils, n)] == []
    for submodule in ("rnn", "parametrize", "parametrizations"):
        theirs = getattr(torch.nn.utils, submodule)
        names = getattr(theirs, "__all__", functions(theirs))
        assert [n for n in names if not hasattr(getattr(nn.utils, submodule), n)] == [], submodule
