"""Hooks around forward and backward."""

from __future__ import annotations

import copy
from typing import Any

import candelabra as cb
import pytest
from candelabra import nn
from candelabra.core.errors import ArgumentError, ShapeError


class Scale(nn.Module):
    def forward(self, x: cb.Tensor, factor: float = 2.0) -> cb.Tensor:
        return x * factor


def test_forward_pre_hooks_change_arguments() -> None:
    module = Scale()
    module.register_forward_pre_hook(lambda m, args: args[0] + 1)
    assert float(module(cb.asarray(1.0))) == 4.0
    first = module.register_forward_pre_hook(lambda m, args: (args[0] * 10,), prepend=True)
    assert float(module(cb.asarray(1.0))) == 22.0
    first.remove()

    def with_kwargs(m: nn.Module, args: Any, kwargs: Any) -> Any:
        return args, {**kwargs, "factor": 5.0}

    with module.register_forward_pre_hook(with_kwargs, with_kwargs=True):
        assert float(module(cb.asarray(1.0), factor=3.0)) == 10.0
    assert float(module(cb.asarray(1.0), factor=3.0)) == 6.0
    module.register_forward_pre_hook(lambda m, args, kwargs: args, with_kwargs=True)
    with pytest.raises(ArgumentError, match=r"new_args, new_kwargs"):
        module(cb.asarray(1.0))


def test_forward_hooks_change_the_result() -> None:
    module = Scale()
    module.register_forward_hook(lambda m, args, out: out + 1)
    module.register_forward_hook(lambda m, args, kwargs, out: out * kwargs["factor"], with_kwargs=True)
    module.register_forward_hook(lambda m, args, out: None)
    assert float(module(cb.asarray(1.0), factor=3.0)) == 12.0
    module.register_forward_hook(lambda m, args, out: out - 2, prepend=True)
    assert float(module(cb.asarray(1.0), factor=3.0)) == 6.0


def test_always_call() -> None:
    layer = nn.Linear(2, 1)
    seen: list[Any] = []
    layer.register_forward_hook(lambda m, args, out: seen.append(out), always_call=True)
    layer.register_forward_hook(lambda m, args, out: seen.append("second"))
    with pytest.raises(ShapeError):
        layer(cb.ones(3))
    assert seen == [None]
    layer(cb.ones(2))
    assert len(seen) == 3


def test_full_backward_hook() -> None:
    layer = nn.Linear(2, 1)
    seen: list[Any] = []

    def hook(module: nn.Module, grad_input: Any, grad_output: Any) -> Any:
        seen.append((module, grad_input, grad_output))
        return (grad_input[0] * 10,)

    layer.register_full_backward_pre_hook(lambda module, grad_output: (grad_output[0] * 2,))
    layer.register_full_backward_hook(hook)
    with cb.no_grad():
        layer.weight.fill_(1.0)
    x = cb.ones(1, 2, requires_grad=True)
    layer(x).sum().backward()
    (module, grad_input, grad_output) = seen[0]
    assert len(seen) == 1 and module is layer
    assert grad_input[0].tolist() == [[2.0, 2.0]] and grad_output[0].tolist() == [[2.0]]
    assert x.grad.tolist() == [[20.0, 20.0]]
    assert layer.weight.grad.tolist() == [[2.0, 2.0]]


def test_full_backward_hook_without_a_gradient_for_the_input() -> None:
    layer = nn.Linear(2, 1)
    seen: list[Any] = []
    layer.register_full_backward_hook(lambda module, grad_input, grad_output: seen.append((grad_input, grad_output)))
    layer(cb.ones(1, 2)).sum().backward()
    assert seen[0][0] == (None,) and seen[0][1][0].tolist() == [[1.0]]
    with cb.no_grad():
        layer(cb.ones(1, 2))
    assert len(seen) == 1


def test_backward_hook_of_several_tensors() -> None:
    class Both(nn.Module):
        def forward(self, x: cb.Tensor, n: int, y: cb.Tensor) -> tuple[cb.Tensor, cb.Tensor]:
            return x * n, x * y

    seen: list[Any] = []
    module = Both()
    module.register_full_backward_hook(lambda module, grad_input, grad_output: seen.append((grad_input, grad_output)))
    x, y = cb.ones(1, requires_grad=True), cb.asarray([4.0], requires_grad=True)
    one, two = module(x, 3, y)
    (one + 2 * two).sum().backward()
    grad_input, grad_output = seen[0]
    assert grad_input[0].tolist() == [11.0] and grad_input[1] is None and grad_input[2].tolist() == [2.0]
    assert [g.tolist() for g in grad_output] == [[1.0], [2.0]]
    module.register_full_backward_hook(lambda module, grad_input, grad_output: grad_input[:1])
    with pytest.raises(ArgumentError, match=r"returned 1 values for grad_input, 3 are needed"):
        module(x, 3, y)[0].sum().backward()


def test_hooks_are_copied() -> None:
    module = Scale()
    handle = module.register_forward_hook(lambda m, args, out: out + 1)
    twin = copy.deepcopy(module)
    handle.remove()
    assert float(module(cb.asarray(1.0))) == 2.0
    assert float(twin(cb.asarray(1.0))) == 3.0
