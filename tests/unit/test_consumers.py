"""What SciPy, scikit-learn and other consumers of arrays do with a Tensor, and the standard's own tests do not."""

from __future__ import annotations

import operator
import pickle
import sys
import threading
import time
import warnings

import candelabra as cb
import numpy as np
import pytest


def test_one_truth_value_takes_a_value_of_the_shape_that_it_selects(any_device: str) -> None:
    device = any_device
    true, false = (cb.asarray(value, device=device) for value in (True, False))
    x = cb.asarray(1.5, dtype=cb.float64, device=device)
    x[x > 2] = cb.zeros(0, device=device)
    assert x.item() == 1.5
    x[x > 1] = cb.asarray([3.0], dtype=cb.float64, device=device)
    assert x.item() == 3.0 and x.shape == ()
    y = cb.zeros((2,), device=device)
    y[true] = cb.asarray([[1.0, 2.0]], device=device)
    assert y.tolist() == [1.0, 2.0]
    y[false] = cb.asarray([[5.0, 6.0]], device=device)
    assert y.tolist() == [1.0, 2.0]
    with pytest.raises(cb.CandelabraError, match=r"shape \(0, 2\) does not broadcast to \(2,\)"):
        y[true] = cb.zeros((0, 2), device=device)
    assert y.tolist() == [1.0, 2.0]


def test_a_gradient_flows_through_a_value_at_one_truth_value() -> None:
    value = cb.tensor([3.0], requires_grad=True)
    x = cb.tensor(1.0, requires_grad=True)
    y = x * 2
    y[cb.tensor(True)] = value * value
    y.backward()
    assert value.grad.tolist() == [6.0] and x.grad.item() == 0.0


def test_numpy_scalars_are_python_scalars_where_a_function_takes_one() -> None:
    x = cb.asarray([1.0, 2.0])
    above = x > 1
    for scalar in (np.float64(3.0), np.float32(3.0), np.int64(3)):
        found = cb.where(above, scalar, x)
        assert found.tolist() == [1.0, 3.0] and found.dtype is cb.float32
    assert cb.where(above, np.bool_(True), x > 5).tolist() == [False, True]
    assert cb.result_type(np.float64(1.0), x) is cb.float32
    assert cb.arange(np.int64(3)).tolist() == [0, 1, 2] and cb.arange(np.float32(1), np.int64(3)).dtype is cb.float32
    assert cb.full_like(x, np.float32(3.0)).tolist() == [3.0, 3.0]
    assert cb.repeat(x, np.int64(2)).tolist() == [1.0, 1.0, 2.0, 2.0]
    assert cb.std(x, correction=np.float64(1.0)).dtype is cb.float32
    for made in (np.float64(2.0) * x, x / np.float64(2.0), cb.maximum(x, np.float64(2.0)), cb.clip(x, np.float64(2.0))):
        assert isinstance(made, cb.Tensor) and made.dtype is cb.float32


def test_an_operator_called_as_a_function_and_written_back_loses_nothing() -> None:
    x, y, key = cb.zeros(5), cb.ones(2), slice(1, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error", cb.LostWriteWarning)
        x[key] = operator.iadd(x[key], y)
        x[1:3] = operator.imul(x[1:3], y + y)
        x[..., 1:2] = operator.isub(x[..., 1:2], 1.0)
    assert x.tolist() == [0.0, 1.0, 2.0, 0.0, 0.0]
    with pytest.warns(cb.LostWriteWarning, match="in-place add writes into a temporary"):
        part = operator.iadd(x[key], y)
    x[0] = part[0]
    with pytest.warns(cb.LostWriteWarning, match="in-place add writes into a temporary"):
        operator.iadd(x[key], y)


def test_numpy_reductions_call_the_methods() -> None:
    x = cb.tensor([[1.0, 2.0], [3.0, 5.0]], requires_grad=True)
    for reduction in (np.sum, np.prod, np.mean, np.max, np.min):
        found = reduction(x)
        assert isinstance(found, cb.Tensor) and found.requires_grad
        assert found.item() == reduction(x.detach().numpy())
        along = reduction(x, axis=1)
        along = along if isinstance(along, cb.Tensor) else along.values
        assert along.tolist() == reduction(x.detach().numpy(), axis=1).tolist()
    assert np.any(x > 4).item() is True and np.all(x > 4).item() is False
    for name in ("sum", "max", "mean", "all"):
        with pytest.raises(cb.CandelabraError, match=f"{name}: a result cannot be written into a given tensor"):
            getattr(x.detach(), name)(out=cb.zeros(()))


def test_asking_whether_a_tensor_is_iterable_costs_nothing() -> None:
    x = cb.zeros(3_000_000)
    start = time.perf_counter()
    assert np.iterable(x) and not np.iterable(x[0])
    assert time.perf_counter() - start < 0.5
    y = cb.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    first, second = y
    (first * second).sum().backward()
    assert y.grad.tolist() == [[3.0, 4.0], [1.0, 2.0]]
    with pytest.raises(TypeError, match="a 0-d tensor cannot be iterated over"):
        iter(y[0, 0])


@pytest.mark.parametrize(("device", "rows"), [("cpu", 100_000), ("strict", 20)])
def test_threads_fill_one_tensor(device: str, rows: int) -> None:
    """scikit-learn's distances do so with more than one job; every thread writes columns of its own."""
    if device == "strict":
        pytest.importorskip("candelabra_strict")
    x = cb.zeros((rows, 16), device=device)
    columns = [cb.full((rows,), 1.0 + i, device=device) for i in range(16)]
    together = threading.Barrier(4)

    def fill(first: int) -> None:
        together.wait()
        for i in range(first, 16, 4):
            x[:, i] = columns[i]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=fill, args=(first,)) for first in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert cb.min(x, axis=0).tolist() == cb.max(x, axis=0).tolist() == [1.0 + i for i in range(16)]


def test_transpose_takes_numpys_order_of_axes() -> None:
    x = cb.zeros((2, 3, 4))
    assert cb.transpose(x, (2, 0, 1)).shape == (4, 2, 3) and cb.transpose(x, 0, 2).shape == (4, 3, 2)
    with pytest.raises(cb.CandelabraError, match="transpose: two axes, or one tuple with the order of all, are needed"):
        cb.transpose(x, 1)


def test_differences_by_position_as_numpy_and_pytorch_have_them() -> None:
    x = cb.asarray([[1.0, 4.0, 9.0], [0.0, 1.0, 0.0]])
    assert cb.diff(x, 2).tolist() == [[2.0], [-2.0]] and cb.diff(x, 1, 0).tolist() == [[-1.0, -3.0, -9.0]]
    assert cb.diff(x, axis=0, n=1).tolist() == [[-1.0, -3.0, -9.0]]


def test_a_copy_under_transformations() -> None:
    def double(x: cb.Tensor) -> cb.Tensor:
        y = cb.asarray(x, copy=True)
        y *= 2
        return y + 0 * x

    x = cb.asarray([[1.0, 2.0], [3.0, 4.0]])
    assert cb.func.vmap(double)(x).tolist() == [[2.0, 4.0], [6.0, 8.0]]
    assert cb.func.jacfwd(double)(x[0]).tolist() == [[2.0, 0.0], [0.0, 2.0]]
    assert cb.func.vmap(cb.func.jacrev(double))(x)[1].tolist() == [[2.0, 0.0], [0.0, 2.0]]
    assert x.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_view_as_the_dtype_that_a_tensor_has() -> None:
    x = cb.asarray([1.0, 2.0])
    assert x.view(cb.float32).tolist() == [1.0, 2.0] and x.view(float).dtype is cb.float32
    with pytest.raises(cb.CandelabraError, match="view: reinterpreting memory as another dtype is not offered"):
        x.view(int)


@pytest.mark.parametrize("name", ["median", "nanmedian", "put_along_axis"])
@pytest.mark.parametrize("version", [None, "2024.12", "2025.12"])
def test_consumers_are_not_offered_what_numpy_means_otherwise(name: str, version: str | None) -> None:
    xp = cb.ones(1).__array_namespace__(api_version=version)
    assert hasattr(cb, name) and not hasattr(xp, name) and name not in dir(xp)
    with pytest.raises(AttributeError, match=f"has no '{name}': NumPy means something else by it; candelabra.{name}"):
        getattr(xp, name)


def test_a_namespace_is_pickled_by_its_version() -> None:
    for version in ("2024.12", "2025.12"):
        xp = cb.ones(1).__array_namespace__(api_version=version)
        assert pickle.loads(pickle.dumps(xp)) is xp
