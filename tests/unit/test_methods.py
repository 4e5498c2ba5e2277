"""Tensor's methods: what is refused, what writing in place refuses, and those that have no function of their name."""

from __future__ import annotations

from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.core import absent, method_inplace, method_names, ops
from candelabra.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    AutogradError,
    DTypeError,
    LostWriteWarning,
    ShapeError,
)

ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "addbmm": (cb.ones(1, 2, 3), cb.ones(1, 3, 2)), "addmm": (cb.ones(2, 3), cb.ones(3, 2)),
    "addcdiv": (cb.ones(2), cb.ones(2)), "addcmul": (cb.ones(2), cb.ones(2)), "lerp": (cb.ones(2), 0.5),
    "addmv": (cb.ones(2, 2), cb.ones(2)), "addr": (cb.ones(2), cb.ones(2)),
    "baddbmm": (cb.ones(1, 2, 3), cb.ones(1, 3, 2)), "cumprod": (0,), "cumsum": (0,), "renorm": (2, 0, 1.0),
    "mvlgamma": (1,), "polygamma": (1,), "clamp_max": (1.0,), "clamp_min": (1.0,), "clip": (0.0, 1.0),
}  # fmt: skip


def test_each_name_leads_somewhere() -> None:
    for name in (*method_names.FORWARDED, *method_names.ALIASES.values(), *method_names.IN_PLACE.values()):
        assert callable(getattr(ops, name)), name
    known = {*method_names.FORWARDED, *method_names.ALIASES.values()}
    assert set(method_names.OPERANDS) - {"pow"} <= known
    assert all(callable(getattr(cb.Tensor, name)) for name in method_names.OFTEN)


def test_operands_by_name() -> None:
    x, y = cb.ones(2, 3), cb.ones(3, 2)
    assert x.mm(mat2=y).tolist() == x.matmul(other=y).tolist() == x.mm(y).tolist()
    assert cb.zeros(2, 2).addmm(x, mat2=y).tolist() == cb.zeros(2, 2).addmm(mat2=y, mat1=x).tolist() == x.mm(y).tolist()
    assert x.clone().mul_(other=3).tolist() == (x * 3).tolist()
    with pytest.raises(TypeError, match=r"multiply\(\) got an unexpected keyword argument 'othr'"):
        x.mul(othr=2)
    with pytest.raises(ArgumentTypeError, match="in-place multiply: got an unexpected keyword argument 'othr'"):
        x.mul_(othr=2)


def test_each_method_in_place_has_its_namesake() -> None:
    for name in (*method_inplace.WRITING, *method_inplace.TURNING):
        assert callable(getattr(cb.Tensor, name)) and callable(getattr(cb.Tensor, f"{name}_"))
        assert getattr(cb.Tensor, f"{name}_").__name__ == f"{name}_"


@pytest.mark.parametrize("name", [*method_inplace.WRITING, *method_inplace.TURNING, "fill_diagonal", "copy", "zero"])
def test_a_leaf_is_not_written(name: str) -> None:
    x = cb.ones(2, 2, requires_grad=True)
    for arguments in (ARGUMENTS.get(name, ()), (0,), (0, 1), (cb.ones(2, 2),)):
        try:
            getattr(x, f"{name}_")(*arguments)
        except (AutogradError, TypeError) as error:
            caught = error
            if isinstance(error, AutogradError):
                break
    assert isinstance(caught, AutogradError)
    assert f"{name}_: a leaf that requires a gradient cannot be changed in place" in str(caught)
    assert x.tolist() == [[1.0, 1.0], [1.0, 1.0]] and x.is_leaf


def test_a_leaf_is_written_without_recording() -> None:
    x = cb.tensor([[1.0, 4.0], [9.0, 16.0]], requires_grad=True)
    with cb.no_grad():
        x.sqrt_().cos_().cumsum_(0).t_()
    assert x.is_leaf and x.requires_grad
    np.testing.assert_allclose(
        x.numpy(force=True), np.cumsum(np.cos([[1.0, 2.0], [3.0, 4.0]]), 0).T, rtol=1e-6, atol=1e-6
    )


def test_the_shape_stays(any_device: str) -> None:
    x = cb.ones(2, 1, device=any_device)
    for write in (x.add_, x.atan2_, x.eq_, x.copysign_, x.logical_and_):
        with pytest.raises(ShapeError, match=r"the result has shape \(2, 3\), which does not fit .* \(2, 1\)"):
            write(cb.ones(2, 3, device=any_device))
    assert x.tolist() == [[1.0], [1.0]]


def test_the_dtype_stays(any_device: str) -> None:
    x = cb.ones(2, dtype=cb.int32, device=any_device)
    for write in (x.sin_, lambda: x.div_(2), lambda: x.add_(1.5), lambda: x.logical_and_(x).exp_()):
        with pytest.raises(DTypeError, match="a result of float32 cannot be written into a tensor of int32; convert"):
            write()
    assert x.eq_(1).dtype is cb.int32
    y = cb.ones(2, device=any_device)
    assert y.gt_(0).dtype is cb.float32 and y.tolist() == [1.0, 1.0]


def test_turning_keeps_the_graph() -> None:
    w = cb.tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    y = w * 2
    y.t_().unsqueeze_(0)
    assert y.shape == (1, 3, 1)
    (y.squeeze_(0).transpose_(0, 1) * cb.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert w.grad.tolist() == [[2.0, 20.0, 200.0]]
    z = w * 2
    with cb.no_grad():
        z.swapaxes_(0, 1)
    z.sum().backward()
    assert z.shape == (3, 1)


def test_writing_into_a_view_warns() -> None:
    x = cb.ones(3, 3)
    for write in (lambda: x[0].cos_(), lambda: x[:2].fill_diagonal_(0), lambda: x[0].apply_(float)):
        with pytest.warns(LostWriteWarning, match="_ writes into a temporary") as caught:
            write()
        assert [w.filename for w in caught] == [__file__]
    assert x.tolist() == cb.ones(3, 3).tolist()


@pytest.mark.parametrize("shape", [(3, 3), (2, 5), (5, 2), (7, 2), (3, 3, 3), (1, 4), (4, 1), (2, 2, 2, 2)])
@pytest.mark.parametrize("wrap", [False, True])
def test_fill_diagonal(any_device: str, shape: tuple[int, ...], wrap: bool) -> None:
    expected = np.arange(float(np.prod(shape))).reshape(shape)
    x = cb.asarray(expected, device=any_device)
    np.fill_diagonal(expected, -1.0, wrap=wrap)
    assert x.fill_diagonal_(-1.0, wrap=wrap) is x
    assert x.tolist() == expected.tolist()


def test_fill_diagonal_refuses() -> None:
    with pytest.raises(ShapeError, match="fill_diagonal_: two axes or more are needed"):
        cb.ones(3).fill_diagonal_(0)
    with pytest.raises(ShapeError, match="of more than two axes all sizes must be equal"):
        cb.ones(2, 3, 2).fill_diagonal_(0)


def test_python_functions_of_numbers() -> None:
    x = cb.tensor([[1, 2], [3, 4]])
    assert x.apply_(lambda n: n * n).tolist() == [[1, 4], [9, 16]]
    assert x.map_(cb.tensor([1, 0]), lambda a, b: a if b else -a).tolist() == [[1, -4], [9, -16]]
    assert x.map2_(x, x, lambda a, b, c: a + b + c).tolist() == [[3, -12], [27, -48]]
    with pytest.raises(AutogradError, match="map_: a Python function of numbers has no gradient"):
        cb.ones(2).map_(cb.ones(2, requires_grad=True), max)
    with pytest.raises(ArgumentTypeError, match="apply_: a function is needed, got int"):
        x.apply_(3)
    with pytest.raises(ArgumentTypeError, match="map_: a Tensor is needed, got int"):
        x.map_(3, max)


@pytest.mark.host
def test_facts() -> None:
    x = cb.zeros(2, 3)
    assert x.is_cpu and not x.is_cuda and not x.is_meta and not x.is_sparse and not x.is_quantized
    assert x.get_device() == -1 and cb.ones(2, device="strict").get_device() >= 0
    assert not cb.ones(2, device="strict").is_cpu
    assert x.data_ptr() == x.numpy().ctypes.data == x.const_data_ptr()
    with pytest.raises(ArgumentTypeError, match="data_ptr: arrays of backend 'strict' do not tell where they lie"):
        cb.ones(2, device="strict").data_ptr()
    assert x.is_same_size(cb.ones(2, 3)) and not cb.is_same_size(x, cb.ones(3))
    assert not cb.ones(2, dtype=cb.bool).is_signed() and cb.is_signed(cb.ones(2, dtype=cb.complex64))
    with pytest.raises(ArgumentTypeError, match="is_signed: a Tensor is needed, got list"):
        cb.is_signed([1])


def test_as_subclass() -> None:
    class Labelled(cb.Tensor):
        label = "a"

    x = cb.ones(2, requires_grad=True)
    made = (x * 2).as_subclass(Labelled)
    assert type(made) is Labelled and made.label == "a"
    made.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0] and not x.as_subclass(Labelled).is_leaf
    with pytest.raises(ArgumentTypeError, match="as_subclass: a subclass of Tensor is needed"):
        x.as_subclass(int)


@pytest.mark.host
def test_pinning_has_no_effect() -> None:
    x = cb.ones(2)
    for device in ("cpu", None) if cb.core.memory.pinning() is None else ("cpu",):
        with pytest.warns(UserWarning, match="pin_memory has no effect"):
            assert x.pin_memory(device) is x and not x.is_pinned()


def test_sum_to_size(any_device: str) -> None:
    x = cb.reshape(cb.arange(24.0, device=any_device), (2, 3, 4)).requires_grad_()
    assert x.sum_to_size(3, 1).tolist() == x.detach().numpy().sum((0, 2))[:, None].tolist()
    assert x.sum_to_size((2, 3, 4)) is x and x.sum_to_size().item() == 276.0
    x.sum_to_size(4).sum().backward()
    assert x.grad.tolist() == np.ones((2, 3, 4)).tolist()
    for wrong in ((2,), (5, 2, 3, 4), (3, 2)):
        with pytest.raises(ShapeError, match="does not broadcast to the tensor's shape"):
            x.sum_to_size(wrong)


def test_type_names_the_dtype() -> None:
    assert cb.ones(1).type() == "candelabra.float32" and cb.ones(1).type(cb.int64).dtype is cb.int64


def test_reversed() -> None:
    x = cb.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert reversed(x).tolist() == [[3.0, 4.0], [1.0, 2.0]] and reversed(cb.tensor(1.0)).tolist() == 1.0


def test_adjoints() -> None:
    c = cb.tensor([[1.0 + 1j, 2.0], [3.0, 4.0 - 1j]])
    assert c.H.tolist() == c.mH.tolist() == [[1.0 - 1j, 3.0], [2.0, 4.0 + 1j]]
    with pytest.raises(ShapeError, match=r"H: a matrix is needed, got shape \(1, 2, 2\); x.mH"):
        c[None].H


def test_division_rounds(any_device: str) -> None:
    x, y = cb.tensor([-7, 7, -8, 0], device=any_device), cb.tensor([2, -2, 4, 3], device=any_device)
    assert cb.div(x, y, rounding_mode="trunc").tolist() == [-3, -3, -2, 0]
    assert x.div(y, rounding_mode="floor").tolist() == [-4, -4, -2, 0]
    assert x.float().div(y, rounding_mode="trunc").tolist() == [-3.0, -3.0, -2.0, 0.0]
    assert x.div_(2, rounding_mode="trunc").tolist() == [-3, 3, -4, 0]
    with pytest.raises(ArgumentError, match='rounding_mode is None, "floor" or "trunc", got \'up\''):
        cb.div(x, y, rounding_mode="up")


def test_round_to_decimals() -> None:
    assert cb.tensor([1.25, -1.35], dtype=cb.float64).round(decimals=1).tolist() == [1.2, -1.4]
    assert cb.tensor([149.0, 151.0]).round_(decimals=-2).tolist() == [100.0, 200.0]
    with pytest.raises(DTypeError, match="round: decimals need a real floating-point tensor, not a int64 one"):
        cb.tensor([1]).round(decimals=1)


def test_nonzero_static(any_device: str) -> None:
    x = cb.tensor([[0, 5], [7, 0]], device=any_device)
    assert cb.nonzero_static(x, size=3).tolist() == [[0, 1], [1, 0], [-1, -1]]
    assert x.nonzero_static(size=1).tolist() == [[0, 1]]
    assert x.nonzero_static(size=6, fill_value=9).tolist() == [[0, 1], [1, 0], *[[9, 9]] * 4]
    assert cb.nonzero_static(cb.zeros(0, 3), size=2).shape == (2, 2)
    each = cb.func.vmap(lambda row: cb.nonzero_static(row, size=2))(x)
    assert each.tolist() == [[[1], [-1]], [[0], [-1]]]
    with pytest.raises(ArgumentError, match="size must not be negative, got -1"):
        cb.nonzero_static(x, size=-1)


def test_frombuffer() -> None:
    data = bytearray(np.arange(4.0).tobytes())
    x = cb.frombuffer(data, dtype=cb.float64, offset=8, count=2)
    assert x.tolist() == [1.0, 2.0] and x.dtype is cb.float64
    x += 1
    assert np.frombuffer(data).tolist() == [0.0, 1.0, 2.0, 3.0]
    assert cb.frombuffer(data, dtype=cb.complex128).tolist() == [1j, 2 + 3j]
    assert cb.frombuffer(data, dtype=cb.bfloat16).shape == (16,)
    assert cb.frombuffer(data, dtype=cb.float64, requires_grad=True).requires_grad
    for options, text in (
        ({"offset": 32}, "leave nothing to read"), ({"count": 0}, "leave nothing to read"),
        ({"offset": 1}, "are no whole number of float64"), ({"count": 5}, "5 elements of float64 need 40 bytes; 32"),
    ):  # fmt: skip
        with pytest.raises(ArgumentError, match=text):
            cb.frombuffer(data, dtype=cb.float64, **options)
    with pytest.raises(ArgumentTypeError, match="frombuffer: a contiguous buffer is needed"):
        cb.frombuffer(3, dtype=cb.uint8)


def test_fill_takes_a_tensor() -> None:
    value = cb.tensor(2.0, requires_grad=True)
    cb.fill(cb.ones(2, 3), value).sum().backward()
    assert value.grad.item() == 6.0
    with pytest.raises(ShapeError, match=r"fill: the value has no axes, got shape \(2,\)"):
        cb.fill(cb.ones(2), cb.ones(2))


def test_refused_names_are_not_listed() -> None:
    x = cb.ones(1)
    assert not set(absent.METHODS) & set(dir(x)) and {"exp_", "shape", "backward"} <= set(dir(x))
    assert not hasattr(x, "stride") and not hasattr(cb, "sparse_coo_tensor")
    with pytest.raises(AttributeError, match=r"^Tensor\.storage is not offered: tensors have no storages"):
        x.storage()
    with pytest.raises(AttributeError, match="no attribute 'nosuch'"):
        x.nosuch
    with pytest.raises(AttributeError, match=r"^candelabra\.autograd\.Variable is not offered: a tensor is its own"):
        cb.autograd.Variable
    with pytest.raises(AttributeError, match=r"'candelabra\.autograd' has no attribute 'nosuch'"):
        cb.autograd.nosuch
