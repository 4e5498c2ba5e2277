"""Bad input to the core: each an error of its own class, whose text names what is wrong and the mend."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.core import errors
from candelabra.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    AutogradError,
    AxisError,
    CandelabraError,
    DeviceError,
    DeviceMismatchError,
    DTypeError,
    IndexOutOfRangeError,
    OutOfRangeError,
    ShapeError,
)

STRICT = importlib.util.find_spec("candelabra_strict") is not None
Case = tuple[Callable[[], Any], type[CandelabraError], str]


def f() -> cb.Tensor:
    return cb.ones((2, 3))


def n() -> cb.Tensor:
    return cb.ones((2, 3), dtype=cb.int64)


def leaf() -> cb.Tensor:
    return cb.ones(2, requires_grad=True)


def check(cases: list[Case]) -> Any:
    return pytest.mark.parametrize(("run", "kind", "text"), cases, ids=[str(i) for i in range(len(cases))])


def refused(run: Callable[[], Any], kind: type[CandelabraError], *parts: str) -> None:
    with pytest.raises(kind) as caught:
        run()
    assert type(caught.value) is kind
    for part in parts:
        assert part in str(caught.value)


def test_every_error_is_also_a_standard_one() -> None:
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, CandelabraError) and kind is not CandelabraError:
            standard = {k for k in kind.__mro__ if k.__module__ == "builtins"} - {Exception, BaseException, object}
            assert standard, name


SHAPES: list[Case] = [
    (lambda: f() + cb.ones(4), ShapeError,
     "add(x1: float32 (2, 3), x2: float32 (4,)) on cpu: the shapes (2, 3) and (4,) "
     "do not broadcast; make sizes equal or 1 from the right, for example with reshape or expand_dims"),
    (lambda: f() @ f(), ShapeError,
     "matmul: shapes (2, 3) and (2, 3) do not fit: the last axis of the first has 3 elements"),
    (lambda: f() @ cb.tensor(1.0), ShapeError, "matmul: operands need at least one axis, got (2, 3) and ()"),
    (lambda: cb.reshape(f(), (4, 2)), ShapeError, "a tensor of shape (2, 3) has 6 elements, the shape (4, 2) has 8"),
    (lambda: f().view(-1, -1), ShapeError, "at most one size may be -1"),
    (lambda: f().view(-1, 4), ShapeError, "(6 elements) does not fit (-1, 4)"),
    (lambda: cb.broadcast_to(f(), (2, 4)), ShapeError,
     "a tensor of shape (2, 3) does not broadcast to (2, 4); sizes must be "),
    (lambda: cb.broadcast_shapes((2,), (3,)), ShapeError, "the shapes (2,), (3,) do not broadcast"),
    (lambda: cb.concat([f(), cb.ones((2, 2))]), ShapeError,
     "shapes must agree but for axis 0; the first is (2, 3), number 1"),
    (lambda: cb.stack([f(), cb.ones(2)]), ShapeError,
     "all shapes must be equal; the first is (2, 3), number 1 is (2,)"),
    (lambda: cb.concat([]), ArgumentTypeError, "concat: an empty list was given; at least one Tensor is needed"),
    (lambda: f().squeeze(0), ShapeError, "squeeze: axis 0 of shape (2, 3) has size 2, not 1"),
    (lambda: f().split([1, 5]), ShapeError, "the sizes [1, 5] add up to 6, axis 0 has 2"),
    (lambda: f().chunk(0), ArgumentError, "the number of chunks must be positive, got 0"),
    (lambda: cb.where(cb.ones(2) > 0, f(), f()), ShapeError, "(2,) and (2, 3) and (2, 3) do not broadcast"),
    (lambda: cb.max(cb.zeros(0)), ShapeError, "max(x: float32 (0,))"),
    (lambda: cb.mm(cb.ones(2), f()), ShapeError, "mm: two matrices are needed, got shapes (2,) and (2, 3); use matmul"),
    (lambda: cb.einsum("ij,jk->ik", f(), f()), ShapeError, "letter 'j' has size 3 in one operand and 2 in another"),
    (lambda: cb.einsum("ij->ijk", f()), ArgumentError, "the output's letters must be distinct and stand in a term"),
    (lambda: cb.tensordot(f(), f(), axes=1), ShapeError, "axes [1] of shape (2, 3) and [0] of shape (2, 3)"),
    (lambda: cb.vecdot(f(), cb.ones((2, 2))), ShapeError, "axis -1 has size 3 in shape (2, 3), 2 in (2, 2)"),
    (lambda: cb.tril(cb.ones(2)), ShapeError, "tril: matrices in the last two axes are needed, got shape (2,)"),
    (lambda: cb.meshgrid(f()), ShapeError, "meshgrid: one-dimensional tensors are needed, got shape (2, 3)"),
    (lambda: cb.tensor([[1], [1, 2]]), ShapeError, "the nested sequence is not rectangular"),
    (lambda: cb.zeros(-1), ShapeError, "zeros() with shape=(-1,)"),
    (lambda: f().item(), ShapeError, "a tensor with one element is needed, this one has shape (2, 3); use tolist()"),
    (lambda: bool(f()), ShapeError,
     "the truth value of a tensor of shape (2, 3) is ambiguous; use cb.any(x) or cb.all(x)"),
    (lambda: f().expand(3), ArgumentError, "expand: (3,) has fewer axes than the tensor's shape (2, 3)"),
]  # fmt: skip


@check(SHAPES)
def test_shapes(run: Callable[[], Any], kind: type[CandelabraError], text: str) -> None:
    refused(run, kind, text)


OUT_OF_BOUNDS = "axis 2 is out of bounds for 2 axes; axes go from -2 to 1"
AXES: list[Case] = [
    *((lambda name=name: getattr(cb, name)(f(), axis=2), AxisError, f"{name}: {OUT_OF_BOUNDS}") for name in (
        "sum", "mean", "prod", "max", "min", "std", "var", "all", "any", "argmax", "argmin", "count_nonzero", "sort",
        "argsort", "cumulative_sum", "cumulative_prod", "flip", "unstack", "softmax", "log_softmax", "logsumexp")),
    (lambda: cb.concat([f(), f()], axis=2), AxisError, f"concat: {OUT_OF_BOUNDS}"),
    (lambda: cb.stack([f(), f()], axis=3), AxisError, "stack: axis 3 is out of bounds for 3 axes"),
    (lambda: cb.sum(f(), axis=(0, 0)), AxisError, "sum: an axis stands twice in (0, 0)"),
    (lambda: cb.sum(f(), axis="rows"), ArgumentTypeError, "sum: an axis is an int, not 'rows'"),
    (lambda: cb.sum(f(), axis=1.5), ArgumentTypeError, "sum: an axis is an int, not 1.5"),
    (lambda: cb.sum(cb.tensor(1.0), axis=0), AxisError, "axis 0 is out of bounds for 0 axes (the tensor is 0-d)"),
    (lambda: cb.cumulative_sum(f()), AxisError, "cumulative_sum: an axis is needed for a tensor of 2 axes"),
    (lambda: cb.softmax(f()), ArgumentTypeError, "softmax: an axis is needed, such as softmax(x, axis=-1)"),
    (lambda: f().sum(axis=0, dim=0), ArgumentError, "give axis or its synonym dim, not both"),
    (lambda: cb.permute_dims(f(), (0,)), AxisError, "1 axes are given for a tensor of 2"),
    (lambda: f().permute(0, 0), AxisError, "an axis stands twice in (0, 0)"),
    (lambda: f().transpose(0, 2), AxisError, f"transpose: {OUT_OF_BOUNDS}"),
    (lambda: f().flatten(1, 0), AxisError, "start axis 1 lies behind end axis 0"),
    (lambda: cb.expand_dims(f(), axis=5), AxisError, "axis 5 is out of bounds for 3 axes; axes go from -3 to 2"),
    (lambda: cb.moveaxis(f(), (0, 1), (0,)), AxisError, "2 source axes, but 1 destinations"),
    (lambda: cb.roll(f(), (1, 2)), ArgumentTypeError, "several shifts need as many axes"),
    (lambda: cb.take(f(), cb.tensor([0])), ShapeError, "take: axis is needed for a tensor of 2 axes"),
]  # fmt: skip


@check(AXES)
def test_axes(run: Callable[[], Any], kind: type[CandelabraError], text: str) -> None:
    refused(run, kind, text)


INDICES: list[Case] = [
    (lambda: f()[5], IndexOutOfRangeError, "index 5 is out of bounds for axis 0 with size 2"),
    (lambda: f()[:, 7], IndexOutOfRangeError, "(x: float32 (2, 3)) with key=[:, 7] on cpu: index 7"),
    (lambda: f()[0, 0, 0], IndexOutOfRangeError, "too many indices"),
    (lambda: f()["a"], ArgumentTypeError,
     "a tensor is indexed with ints, slices, None, ..., and integer or boolean tensors"),
    (lambda: f()[1.5], ArgumentTypeError, "not with 1.5"),
    (lambda: f()[0:"a"], ArgumentTypeError, "a slice's bounds are ints or None, not 'a'"),
    (lambda: f()[::0], ArgumentError, "the step of a slice must not be zero"),
    (lambda: f()[..., ...], IndexOutOfRangeError, "ellipsis"),
    (lambda: f()[cb.tensor([0.5])], ArgumentTypeError, "index tensors are integer or boolean, not float32"),
    (lambda: f()[cb.tensor([5])], IndexOutOfRangeError, "index 5 is out of bounds for axis 0 with size 2"),
    (lambda: f()[cb.ones(3) > 0], IndexOutOfRangeError,
     "shape (3,) does not fit the axes (2,) of a tensor of shape (2, 3)"),
    (lambda: f().__setitem__(5, 1.0), IndexOutOfRangeError, "setitem"),
    (lambda: f().__setitem__(0, cb.ones(7)), ShapeError,
     "setitem(x: float32 (2, 3), value: float32 (7,)) with key=[0]"),
    (lambda: f().__setitem__(0, 1j), ArgumentTypeError, "complex data cannot become float32; take its real part first"),
    (lambda: f().__setitem__(0, cb.tensor(1j)), ArgumentTypeError,
     "complex values cannot be written into a tensor of float32"),
    (lambda: cb.take(f(), cb.tensor([7]), axis=1), IndexOutOfRangeError,
     "index 7 is out of bounds for axis 1 with size 3"),
    *((lambda name=name: getattr(cb, name)(f(), cb.tensor([[0.0]]), axis=0), DTypeError,
       f"{name}: indices are integers, not float32; convert them with .long()")
      for name in ("take", "take_along_axis", "gather")),
    (lambda: cb.index_add(f(), cb.tensor([5]), f()[:1], axis=0), IndexOutOfRangeError,
     "index 5 is out of range for an axis"),
    (lambda: cb.index_add(f(), cb.tensor([0]), f(), axis=0), ShapeError, "source has shape (2, 3), expected (1, 3)"),
    (lambda: cb.gather(f(), cb.tensor([9]), axis=1), ShapeError, "index has 1 axes, x has 2"),
    (lambda: cb.embedding(f(), cb.tensor([4])), IndexOutOfRangeError,
     "embedding(weight: float32 (2, 3), indices: int64 (1,))"),
    (lambda: f().masked_fill(f(), 0.0), ArgumentTypeError, "the mask is boolean, not float32"),
    (lambda: f().narrow(1, 2, 5), ShapeError, "5 slices from 2 on do not fit axis 1 of shape (2, 3)"),
]  # fmt: skip


@check(INDICES)
def test_indices(run: Callable[[], Any], kind: type[CandelabraError], text: str) -> None:
    refused(run, kind, text)


DTYPES: list[Case] = [
    (lambda: f() & f(), DTypeError,
     "bitwise_and(x1: float32 (2, 3), x2: float32 (2, 3)) on cpu: takes integer or boolean "
     "dtypes, not float32; convert first, for example with .to(candelabra.int64)"),
    (lambda: ~f(), DTypeError, "takes integer or boolean dtypes, not float32"),
    (lambda: f() << 1, DTypeError, "takes integer dtypes, not float32"),
    (lambda: -(f() > 0), DTypeError, "takes numeric dtypes, not bool"),
    (lambda: (f() > 0) - (f() > 0), DTypeError, "takes numeric dtypes, not bool"),
    *((lambda name=name: getattr(cb, name)(cb.ones(2, dtype=cb.complex64)), DTypeError, "not complex64; take x.real, ")
      for name in ("max", "min", "sort", "argsort", "argmax", "argmin", "floor", "ceil", "erf")),
    *((lambda name=name: getattr(cb, name)(*[cb.ones(2, dtype=cb.complex64)] * 2), DTypeError, f"{name}: takes real")
      for name in ("less", "greater_equal", "maximum", "minimum", "atan2", "logaddexp", "remainder")),
    (lambda: cb.ones(1, dtype=cb.uint64) + cb.ones(1, dtype=cb.int8), DTypeError,
     "uint64 and int8 have no common integer "
     "dtype; convert one of them first, for example with x.to(candelabra.int64)"),
    (lambda: cb.tensor(1j).to(cb.float32), DTypeError,
     "complex complex64 cannot become float32; take x.real or x.imag first"),
    (lambda: cb.where(f(), f(), f()), DTypeError,
     "the condition is boolean, not float32; compare it first, as in x != 0"),
    (lambda: cb.finfo(cb.int32), DTypeError, "finfo: a floating-point dtype is needed, got int32"),
    (lambda: cb.iinfo(cb.float32), DTypeError, "iinfo: an integer dtype is needed, got float32"),
    (lambda: cb.set_default_dtype(cb.int32), DTypeError, "a real floating-point dtype is needed, got int32"),
    (lambda: cb.zeros(2, dtype="float31"), ArgumentTypeError,
     "'float31' is no dtype of candelabra; use one of bool, int8,"),
    (lambda: cb.isdtype(cb.float32, "nice"), ArgumentTypeError,
     "unknown kind 'nice'; use one of 'bool', 'signed integer'"),
    (lambda: cb.pow(n(), -1), ArgumentError, "negative integer powers"),
    (lambda: n().__iadd__(0.5), DTypeError,
     "a result of float32 cannot be written into a tensor of int64; convert first"),
    (lambda: n().__itruediv__(2), DTypeError,
     "a result of float32 cannot be written into a tensor of int64; convert first"),
    (lambda: f().__imul__(1j), DTypeError, "a result of complex64 cannot be written into a tensor of float32"),
    (lambda: cb.tensor([300], dtype=cb.int8), OutOfRangeError, "300 out of bounds for int8"),
]  # fmt: skip


@check(DTYPES)
def test_dtypes(run: Callable[[], Any], kind: type[CandelabraError], text: str) -> None:
    refused(run, kind, text)


TYPES: list[Case] = [
    (lambda: f() + "a", ArgumentTypeError, "add: an operand is a builtins.str, not a Tensor on 'cpu'; convert it with "
     "candelabra.asarray(value, device='cpu')"),
    (lambda: f() + [1, 2, 3], ArgumentTypeError, "an operand is a builtins.list"),
    (lambda: f() < None, ArgumentTypeError, "an operand is a builtins.NoneType"),
    (lambda: f() @ "a", ArgumentTypeError, "matmul: an operand is a builtins.str"),
    (lambda: cb.add(1, 2), ArgumentTypeError, "at least one operand must be a Tensor, got int, int"),
    (lambda: cb.exp("a"), ArgumentTypeError, "at least one operand must be a Tensor, got str"),
    (lambda: cb.sum([1, 2]), ArgumentTypeError, "at least one operand must be a Tensor, got list"),
    (lambda: cb.take(f(), [0], axis=0), ArgumentTypeError, "an operand is a builtins.list"),
    (lambda: cb.concat(f), ArgumentTypeError, "concat: a list or tuple of Tensors is needed, got function"),
    (lambda: cb.tensor("a"), ArgumentTypeError,
     "cannot make a tensor of a str; pass numbers, nested lists, or an array"),
    (lambda: cb.tensor(None), ArgumentTypeError, "cannot make a tensor of a NoneType"),
    (lambda: cb.tensor([1, "a"]), ArgumentTypeError, "which no tensor can hold"),
    (lambda: cb.asarray(np.array(["a"])), ArgumentTypeError, "the data has dtype <U1, which no tensor can hold"),
    (lambda: cb.from_numpy([1]), ArgumentTypeError, "a numpy.ndarray is needed, got list"),
    (lambda: cb.from_dlpack([1]), ArgumentTypeError, "an object with __dlpack__ is needed, got list"),
    (lambda: cb.reshape(f(), (2.0, 3)), ArgumentTypeError, "a shape is a tuple of ints, not (2.0, 3)"),
    (lambda: cb.zeros("a"), ArgumentTypeError, "zeros: a shape is an int or a tuple of ints, not 'a'"),
    (lambda: cb.zeros(2, colour=1), ArgumentTypeError, "zeros: unknown argument 'colour'"),
    (lambda: cb.full((2,), "a"), ArgumentTypeError, "the fill value is a number, not str"),
    (lambda: cb.arange("a"), ArgumentTypeError, "arange: start is a number, not 'a'"),
    (lambda: cb.arange(0, 5, 0), ArgumentError, "arange: step must not be zero"),
    (lambda: cb.linspace(0, 1), ArgumentTypeError, "linspace: start, stop and num are needed"),
    (lambda: cb.linspace(0, 1, -1), ArgumentError, "num must not be negative, got -1"),
    (lambda: cb.meshgrid(cb.ones(2), indexing="ab"), ArgumentError, "indexing is 'xy' or 'ij', not 'ab'"),
    (lambda: cb.searchsorted(cb.ones(2), f(), side="up"), ArgumentError, "side is 'left' or 'right', not 'up'"),
    (lambda: cb.clamp(f()), ArgumentError, "clamp: min, max or both are needed"),
    (lambda: cb.asarray(f(), dtype=cb.int64, copy=False), ArgumentError, "another dtype needs a copy, but copy=False"),
    (lambda: len(cb.tensor(1.0)), ArgumentTypeError, "len() of a 0-d tensor"),
    (lambda: iter(cb.tensor(1.0)), ArgumentTypeError, "a 0-d tensor cannot be iterated over; use x.item()"),
    (lambda: range(3)[cb.tensor(1.0)], ArgumentTypeError,
     "only an integer tensor with one element can be used as an index"),
    (lambda: f().to(3.5), ArgumentTypeError, "a device, a dtype or a Tensor is needed, got 3.5"),
    (lambda: f().to(colour=1), ArgumentTypeError, "to: unknown argument 'colour'"),
    (lambda: cb.repeat(f(), (1, 2)), ArgumentTypeError, "repeats is an int or an integer tensor, not (1, 2)"),
    (lambda: cb.repeat(f(), -1), ShapeError, "repeats must not be negative, got -1"),
]  # fmt: skip


@check(TYPES)
def test_argument_types(run: Callable[[], Any], kind: type[CandelabraError], text: str) -> None:
    refused(run, kind, text)


DEVICES: list[Case] = [
    (lambda: cb.zeros(2, device="tpu"), DeviceError, "no backend serves device 'tpu'; there are 'cpu', 'cuda'"),
    (lambda: f().to("tpu"), DeviceError, "`candelabra devices` lists what is installed"),
    (lambda: cb.set_default_device("tpu"), DeviceError, "no backend serves device 'tpu'"),
    (lambda: cb.zeros(2, device="cpu:1"), DeviceError, "device 'cpu:1': there is one device 'cpu' only"),
    (lambda: cb.zeros(2, device="cpu:"), DeviceError, "device 'cpu:' cannot be read; write a type and an index"),
    (lambda: cb.zeros(2, device=5), ArgumentTypeError, "a string such as 'cpu' or 'cuda:1' is needed, got 5"),
]  # fmt: skip


@check(DEVICES)
def test_devices(run: Callable[[], Any], kind: type[CandelabraError], text: str) -> None:
    refused(run, kind, text)


@pytest.mark.skipif(not STRICT, reason="candelabra-strict is not installed")
def test_operands_on_different_devices() -> None:
    a, b = f(), cb.ones((2, 3), device="strict")
    mixed = "operands are on different devices, cpu and strict:0 (shapes (2, 3) on cpu, "
    mend = " on strict:0); move one of them first, for example with x.to('cpu')"
    for run, name in (
        (lambda: a + b, "add"), (lambda: a @ b, "matmul"), (lambda: cb.concat([a, b]), "concat"),
        (lambda: cb.where(a > 0, a, b), "where"), (lambda: a.__setitem__(0, b[0]), "setitem"),
        (lambda: a.__iadd__(b), "add"), (lambda: cb.cross_entropy(a, b[:, 0]), "cross_entropy"),
    ):  # fmt: skip
        refused(run, DeviceMismatchError, f"{name}: {mixed}", mend)
    assert a.tolist() == [[1.0] * 3] * 2
    refused(lambda: cb.zeros(2, device="strict:77"), DeviceError, "'strict' has 5 devices (strict:0 to strict:4)")
    refused(lambda: cb.zeros(2, device="strict:gone"), DeviceError, "no device named 'gone'; it has 0: CPU_DEVICE, 1: ")
    refused(lambda: cb.ones(1, dtype=cb.float64, device="strict:no_float64"), DTypeError, "no float64; it supports ")
    x = leaf()
    refused(lambda: setattr(x, "grad", cb.ones(2, device="strict")), DeviceMismatchError, "cpu and strict:0")


REFUSED: list[Case] = [
    (lambda: cb.tensor([1], requires_grad=True), DTypeError,
     "only floating-point and complex tensors have gradients, not "
     "int64; convert it first, for example with .float()"),
    (lambda: cb.tensor([True]).requires_grad_(), DTypeError, "not bool; convert it first"),
    (lambda: setattr(n(), "requires_grad", True), DTypeError, "not int64; convert it first"),
    *((run, AutogradError, "a leaf that requires a gradient cannot be changed in place while operations are recorded; "
       "do it inside `with candelabra.no_grad():`") for run in (
        lambda: leaf().add_(1), lambda: leaf().__iadd__(1), lambda: leaf().zero_(), lambda: leaf().__setitem__(0, 1.0),
        lambda: leaf().clamp_(0, 1), lambda: leaf().copy_(cb.zeros(2)), lambda: leaf().normal_(),
        lambda: leaf().exp_())),
    (lambda: leaf().numpy(), AutogradError, "this tensor requires a gradient; call x.detach().numpy()"),
    (lambda: np.asarray(leaf()), AutogradError, "would silently leave the graph; call x.detach() first"),
    (lambda: np.from_dlpack(leaf()), AutogradError, "would silently leave the graph; call x.detach() first"),
    (lambda: setattr(leaf() * 2, "requires_grad", False), AutogradError,
     "only a leaf's can be switched off; use x.detach()"),
    (lambda: setattr(leaf(), "grad", cb.ones(3)), ShapeError, "grad: has shape (3,), its tensor has shape (2,)"),
    (lambda: setattr(leaf(), "grad", cb.ones(2, dtype=cb.float64)), DTypeError,
     "has dtype float64, its tensor has dtype float32"),
    (lambda: setattr(f(), "grad", f()), AutogradError, "does not require a gradient; call requires_grad_() first"),
]  # fmt: skip


@check(REFUSED)
def test_what_is_refused(run: Callable[[], Any], kind: type[CandelabraError], text: str) -> None:
    refused(run, kind, text)


BACKWARD: list[Case] = [
    (lambda: (leaf() * 2).backward(), AutogradError,
     "only for a scalar, this output has shape (2,); reduce it first, for "
     "example with .sum(), or pass gradient= of the same shape"),
    (lambda: f().sum().backward(), AutogradError,
     "requires no gradient and is no result of one that does; set requires_grad=True"),
    (lambda: leaf().sum().backward(cb.ones(3)), ShapeError, "gradient has shape (3,), its output has shape ()"),
    (lambda: leaf().sum().backward("a"), ArgumentTypeError, "gradient must be a Tensor, got str"),
    (lambda: cb.grad(leaf().sum(), [f()]), AutogradError, "an input (shape (2, 3)) does not require a gradient"),
    (lambda: cb.grad(f().sum(), [leaf()]), AutogradError, "it does not depend on anything that requires one"),
]  # fmt: skip


@check(BACKWARD)
def test_backward(run: Callable[[], Any], kind: type[CandelabraError], text: str) -> None:
    refused(run, kind, text)


def test_backward_a_second_time() -> None:
    x = leaf()
    loss = (x * x).sum()
    loss.backward()
    refused(loss.backward, AutogradError, "a second time", "retain_graph=True")
    assert x.grad.tolist() == [2.0, 2.0]
    loss = (x * x).sum()
    loss.backward(retain_graph=True)
    loss.backward()
    assert x.grad.tolist() == [6.0, 6.0]


def test_nothing_is_half_changed() -> None:
    x = cb.zeros((2, 3))
    for write in (
        lambda: x.__setitem__(0, cb.ones(7)), lambda: x.__setitem__(5, 1.0), lambda: x.__setitem__(0, 1j),
        lambda: x.__iadd__(cb.ones((5, 2, 3))), lambda: x.copy_(cb.ones(4)), lambda: x.__imul__(1j),
        lambda: x.index_add_(0, cb.tensor([9]), cb.ones((1, 3))), lambda: x.bernoulli_(7.0),
    ):  # fmt: skip
        with pytest.raises(CandelabraError):
            write()
        assert x.tolist() == [[0.0] * 3] * 2 and x.dtype is cb.float32 and x.node is None
