"""Layers against PyTorch's: the same weights give the same values, gradients, state dicts and representations."""

from __future__ import annotations

from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn
from candelabra.nn import functional as F


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape))


def ints(high: int, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, high, shape)




def flat(value: Any) -> list[Any]:
    """Return all tensors in nested tuples."""
    return [t for v in value for t in flat(v)] if isinstance(value, tuple) else [value]


def close(ours: Any, theirs: Any, tolerance: float = 1e-9, what: str = "") -> None:
    np.testing.assert_allclose(
        ours.detach().numpy(), theirs.detach().numpy(), rtol=tolerance, atol=tolerance, err_msg=what
    )


def tensors(torch: Any, arrays: list[np.ndarray]) -> tuple[list[Any], list[Any]]:
    differentiable = [a.dtype.kind == "f" for a in arrays]
    ours = [cb.tensor(a, requires_grad=d) for a, d in zip(arrays, differentiable)]
    theirs = [torch.tensor(a, requires_grad=d) for a, d in zip(arrays, differentiable)]
    return ours, theirs


def twins(torch: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """Return our layer and PyTorch's in float64, with the same drawn weights."""
    theirs = getattr(torch.nn, name)(*args, **kwargs).double()
    with torch.no_grad():
        for i, parameter in enumerate(theirs.parameters()):
            parameter.copy_(torch.tensor(draw(*parameter.shape, seed=100 + i)))
    ours = getattr(nn, name)(*args, **kwargs).double()
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def compare_gradients(
    torch: Any, ours: list[Any], theirs: list[Any], leaves: list[tuple[str, Any, Any]], tolerance: float = 1e-9
) -> None:
    """Compare the leaves' gradients for drawn cotangents."""
    cotangents = [draw(*o.shape, seed=50 + i) for i, o in enumerate(ours)]
    our_total = sum((o * cb.tensor(g)).sum() for o, g in zip(ours, cotangents))
    their_total = sum((t * torch.tensor(g)).sum() for t, g in zip(theirs, cotangents))
    if their_total.requires_grad:
        our_total.backward()
        their_total.backward()
    for name, one, other in leaves:
        assert (one.grad is None) == (other.grad is None), name
        if one.grad is not None:
            close(one.grad, other.grad, tolerance, name)








def test_functions_have_the_same_arguments(torch: Any) -> None:
    import inspect

    torch_functional = torch.nn.functional
    for name in F.__all__:
        try:
            theirs = list(inspect.signature(getattr(torch_functional, name)).parameters.values())
        except ValueError:
            continue  # a built-in without a signature
        ours = [p for p in inspect.signature(getattr(F, name)).parameters.values() if p.name != "axis"]
        if theirs[0].name == "args":
            continue
        assert [p.name for p in ours] == [p.name for p in theirs], name
        assert [p.default for p in ours] == [p.default for p in theirs], name


def test_lstm_with_states(torch: Any) -> None:
    for options in ({}, {"num_layers": 2, "bidirectional": True}, {"proj_size": 2}):
        ours, theirs = twins(torch, "LSTM", (3, 4), options)
        count = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
        size = options.get("proj_size", 4)
        arrays = [draw(5, 2, 3), draw(count, 2, size, seed=1), draw(count, 2, 4, seed=2)]
        (x, h, c), (y, k, d) = tensors(torch, arrays)
        one, other = flat(ours(x, (h, c))), flat(theirs(y, (k, d)))
        for a, b in zip(one, other):
            close(a, b)
        compare_gradients(torch, one, other, [("x", x, y), ("h", h, k), ("c", c, d)])


def test_max_pool_indices(torch: Any) -> None:
    for shape in ((2, 3, 6, 7), (3, 6, 7)):
        (x,), (y,) = tensors(torch, [draw(*shape)])
        one, other = nn.MaxPool2d(2, return_indices=True)(x), torch.nn.MaxPool2d(2, return_indices=True)(y)
        close(one[0], other[0])
        np.testing.assert_array_equal(one[1].numpy(), other[1].numpy())


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("widths", [(1, 2), (2, 0), (1, 2, 2, 1), (0, 3, 1, 1)])
def test_pad(torch: Any, mode: str, widths: tuple[int, ...]) -> None:
    for shape in ((2, 3, 4, 5), (3, 4, 5)):
        if mode != "constant" and len(shape) - len(widths) // 2 not in (1, 2):
            continue
        (x,), (y,) = tensors(torch, [draw(*shape)])
        options = {"value": 1.5} if mode == "constant" else {}
        one, other = F.pad(x, widths, mode, **options), torch.nn.functional.pad(y, widths, mode, **options)
        close(one, other)
        compare_gradients(torch, [one], [other], [("x", x, y)])
    (x,), (y,) = tensors(torch, [draw(3, 4, 5)])
    close(F.pad(x, (-1, 2, 1, -2)), torch.nn.functional.pad(y, (-1, 2, 1, -2)))


def test_smaller_functions(torch: Any) -> None:
    functional = torch.nn.functional
    (x,), (y,) = tensors(torch, [draw(3, 4)])
    for p in (1.0, 2.0, 3.0, float("inf")):
        close(F.normalize(x, p, dim=0), functional.normalize(y, p, dim=0))
    close(F.normalize(x, axis=0), functional.normalize(y, dim=0))
    one, other = F.normalize(x * 0), functional.normalize(y * 0)
    compare_gradients(torch, [one], [other], [("x", x, y)])
    classes = ints(4, 2, 3)
    for count in (-1, 6):
        np.testing.assert_array_equal(
            F.one_hot(cb.tensor(classes), count).numpy(), functional.one_hot(torch.tensor(classes), count).numpy()
        )
    close(F.softmax(x, dim=0, dtype=cb.float64), functional.softmax(y, dim=0))
    close(F.log_softmax(x, axis=1), functional.log_softmax(y, dim=1))
    for edge in (-3.0, 0.0, 3.0, 6.0, -1.0, 1.0):
        for name in ("relu", "relu6", "hardtanh", "elu", "leaky_relu", "selu", "celu", "hardsigmoid"):
            (a,), (b,) = tensors(torch, [np.array([edge])])
            one, other = getattr(F, name)(a), getattr(functional, name)(b)
            close(one, other, what=name)
            compare_gradients(torch, [one], [other], [(f"{name}({edge})", a, b)], 1e-7)


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.5, float("inf"), -float("inf")])
def test_clip_grad(torch: Any, norm_type: float) -> None:
    arrays = [draw(3, 4), draw(5, seed=1), draw(seed=2)]
    for bound in (0.5, 100.0):
        ours, theirs = tensors(torch, arrays)
        for one, other in zip(ours, theirs):
            one.grad, other.grad = cb.tensor(3 * one.detach().numpy()), torch.tensor(3 * other.detach().numpy())
        close(
            nn.utils.clip_grad_norm_(ours, bound, norm_type),
            torch.nn.utils.clip_grad_norm_(theirs, bound, norm_type),
        )
        for one, other in zip(ours, theirs):
            close(one.grad, other.grad)
        nn.utils.clip_grad_value_(ours, 0.1)
        torch.nn.utils.clip_grad_value_(theirs, 0.1)
        for one, other in zip(ours, theirs):
            close(one.grad, other.grad)


def test_gains(torch: Any) -> None:
    names = ("linear", "conv2d", "conv_transpose3d", "sigmoid", "tanh", "relu", "leaky_relu", "selu")
    for name, param in [*((name, None) for name in names), ("leaky_relu", 0.3)]:
        assert nn.init.calculate_gain(name, param) == pytest.approx(torch.nn.init.calculate_gain(name, param))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_state_dicts_of_any_precision_load(torch: Any, dtype: str) -> None:
    theirs = torch.nn.Linear(3, 2).to(getattr(torch, dtype))
    ours = nn.Linear(3, 2, dtype=cb.float64)
    ours.load_state_dict(theirs.state_dict(keep_vars=True))
    assert ours.weight.tolist() == theirs.weight.double().tolist()
    ours.load_state_dict(theirs.state_dict(), assign=True)
    assert ours.weight.dtype is getattr(cb, dtype)


def test_a_small_network_trains_alike(torch: Any) -> None:
    """Weights carried over, the same batches, the same trajectory."""
    theirs = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(36, 3),
    ).double()  # fmt: skip
    ours = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3)
    ).double()
    ours.load_state_dict(theirs.state_dict())
    ours_opt = cb.optim.SGD(ours.parameters(), lr=0.1, momentum=0.9)
    theirs_opt = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9)
    for step in range(10):
        x, y = draw(5, 1, 6, 6, seed=step), ints(3, 5, seed=step)
        one = F.cross_entropy(ours(cb.tensor(x)), cb.tensor(y))
        other = torch.nn.functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(y))
        close(one, other, 1e-8)
        for optimizer, loss in ((ours_opt, one), (theirs_opt, other)):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    for key, value in theirs.state_dict().items():
        close(ours.state_dict()[key], value, 1e-8, key)
