"""Tensors pickled, copied, and taken to the host and back."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import candelabra as cb
import ml_dtypes
import numpy as np
import pytest
from candelabra import nn
from candelabra.core import dtypes
from candelabra.core.errors import ArgumentTypeError, AutogradError, DeviceError, DTypeError
from candelabra.core.host import from_host, to_host


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


def pickled_old(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value, protocol=2))


WAYS = [pickled, pickled_old, copy.copy, copy.deepcopy]
NAMES = [d.name for d in dtypes.ALL]


class Tagged(nn.Parameter):
    """A parameter to which attributes can be given."""


@pytest.mark.parametrize("again", WAYS)
class TestCopies:
    @pytest.mark.parametrize("dtype", NAMES)
    @pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3)])
    def test_every_dtype_and_shape(self, again: Callable[[Any], Any], dtype: str, shape: tuple[int, ...]) -> None:
        x = cb.randint(0, 2, shape).to(dtype)
        y = again(x)
        assert type(y) is cb.Tensor
        assert y is not x
        assert (y.dtype, y.shape, y.device) == (x.dtype, x.shape, x.device)
        assert y.tolist() == x.tolist()

    def test_special_numbers(self, again: Callable[[Any], Any]) -> None:
        x = cb.tensor([float("nan"), float("inf"), -0.0, 1e-45])
        assert to_host(again(x)).tobytes() == to_host(x).tobytes()

    @pytest.mark.parametrize(
        "view",
        [lambda x: x.T, lambda x: x[1], lambda x: x[:, ::2], lambda x: x.expand(2, 3, 4), lambda x: cb.flip(x, axis=0)],
    )
    def test_views(self, again: Callable[[Any], Any], view: Callable[[Any], Any]) -> None:
        x = view(cb.arange(12).reshape(3, 4))
        assert again(x).tolist() == x.tolist()

    def test_leaves(self, again: Callable[[Any], Any]) -> None:
        x = cb.ones(2, requires_grad=True)
        (x * 3.0).sum().backward()
        y = again(x)
        assert y.is_leaf
        assert y.requires_grad
        assert y.grad.tolist() == [3.0, 3.0]
        (y * 2.0).sum().backward()
        assert x.grad.tolist() == [3.0, 3.0]
        assert y.grad.tolist() == [5.0, 5.0]
        y.requires_grad_(False)
        assert x.requires_grad

    def test_writing_one_leaves_the_other(self, again: Callable[[Any], Any]) -> None:
        x = cb.zeros(3)
        y = again(x)
        y += 1.0
        x[0] = 7.0
        assert x.tolist() == [7.0, 0.0, 0.0]
        assert y.tolist() == [1.0, 1.0, 1.0]

    def test_subclasses(self, again: Callable[[Any], Any]) -> None:
        p = Tagged(cb.ones(2))
        p.tag = {"decay": False}
        p.grad = cb.zeros(2)
        q = again(p)
        assert type(q) is Tagged
        assert q.tag == p.tag
        assert q.grad.tolist() == [0.0, 0.0]
        frozen = again(nn.Parameter(cb.ones(2), requires_grad=False))
        assert type(frozen) is nn.Parameter
        assert not frozen.requires_grad
        assert not again(nn.Buffer(cb.ones(2), persistent=False)).persistent

    def test_data_is_a_plain_tensor_again(self, again: Callable[[Any], Any]) -> None:
        x = cb.ones(2)
        y = again(x.data)
        assert type(y) is cb.Tensor
        y.zero_()
        assert x.tolist() == [1.0, 1.0]

    def test_modules(self, again: Callable[[Any], Any]) -> None:
        model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
        other = again(model)
        x = cb.ones((4, 2))
        assert other(x).tolist() == model(x).tolist()
        assert other.state_dict().keys() == model.state_dict().keys()


class TestIdentity:
    @pytest.mark.parametrize("again", [pickled, copy.deepcopy])
    def test_one_tensor_stays_one(self, again: Callable[[Any], Any]) -> None:
        x = cb.ones(2, requires_grad=True)
        a, b = again([x, x])
        assert a is b
        p = Tagged(cb.ones(1))
        p.me = p
        q = copy.deepcopy(p)
        assert q.me is q

    def test_a_shallow_copy_shares_what_it_holds(self) -> None:
        p = Tagged(cb.ones(1))
        p.tag = []
        assert copy.copy(p).tag is p.tag
        assert copy.deepcopy(p).tag is not p.tag

    def test_a_shallow_copy_keeps_its_graph(self) -> None:
        x = cb.ones(2, requires_grad=True)
        y = x * 3.0
        copy.copy(y).sum().backward()
        assert x.grad.tolist() == [3.0, 3.0]

    def test_borrowed_memory_is_not_shared(self) -> None:
        array = np.zeros(3, np.float32)
        x = cb.from_numpy(array)
        y, z = copy.deepcopy(x), pickled(x)
        array[:] = 1.0
        assert y.tolist() == z.tolist() == [0.0, 0.0, 0.0]

    @pytest.mark.host
    def test_an_unpickled_tensor_may_be_written_in_place(self) -> None:
        x = pickled(cb.zeros(3))
        assert x.array.base is None
        assert x.array.flags.writeable


class TestRefused:
    @pytest.mark.parametrize("again", [pickled, copy.deepcopy])
    def test_results(self, again: Callable[[Any], Any]) -> None:
        y = cb.ones(2, requires_grad=True) * 2.0
        with pytest.raises(AutogradError, match=r"only leaves can be .*; call x\.detach\(\) first"):
            again(y)
        assert again(y.detach()).tolist() == [2.0, 2.0]

    def test_a_device_that_is_not_there(self) -> None:
        text = pickle.dumps(cb.ones(2, device="cpu"), protocol=0).replace(b"Vcpu\n", b"Vnowhere\n")
        with pytest.raises(DeviceError, match="nowhere"):
            pickle.loads(text)

    def test_devices(self) -> None:
        pytest.importorskip("candelabra_strict", reason="the plugin candelabra-strict is not installed")
        x = cb.ones((2, 3), device="strict")
        for again in WAYS:
            assert again(x).device == x.device
            assert again(x).tolist() == x.tolist()

    def test_bytes_mean_the_same_everywhere(self) -> None:
        names: list[str] = []

        class Reader(pickle.Unpickler):
            def find_class(self, module: str, name: str) -> Any:
                names.append(f"{module}.{name}")
                return super().find_class(module, name)

        Reader(io.BytesIO(pickle.dumps(cb.ones(2, dtype=cb.bfloat16)))).load()
        assert names == ["candelabra.core.serialization_hooks.rebuild_tensor", "candelabra.core.tensor.Tensor"]


class TestHost:
    @pytest.mark.parametrize("dtype", NAMES)
    def test_round_trip(self, dtype: str) -> None:
        x = cb.randint(0, 2, (2, 3)).to(dtype)
        array = to_host(x)
        assert isinstance(array, np.ndarray)
        assert array.dtype == (ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
        assert not array.flags.writeable
        y = from_host(array)
        assert y.dtype is x.dtype
        assert y.tolist() == x.tolist()

    def test_what_requires_grad_leaves_its_graph(self) -> None:
        assert to_host(cb.ones(2, requires_grad=True) * 2.0).tolist() == [2.0, 2.0]

    def test_copies(self) -> None:
        array = np.zeros((2, 3))
        copied, shared = from_host(array), from_host(array, copy=False)
        array[:] = 1.0
        assert copied.tolist() == [[0.0] * 3] * 2
        assert shared.tolist() == [[1.0] * 3] * 2
        shared += 1.0
        assert array.tolist() == [[1.0] * 3] * 2

    def test_subclasses_of_arrays_are_copied_too(self, tmp_path: Path) -> None:
        mapped = np.memmap(tmp_path / "numbers", np.float32, "w+", shape=(3,))
        x = from_host(mapped)
        mapped[:] = 1.0
        assert x.tolist() == [0.0, 0.0, 0.0]

    def test_odd_arrays(self) -> None:
        assert from_host(np.arange(3, dtype=">i4")).tolist() == [0, 1, 2]
        assert from_host(np.arange(3, dtype=">f8"), copy=False).dtype is cb.float64
        assert from_host(np.arange(6).reshape(2, 3).T[::-1]).tolist() == [[2, 5], [1, 4], [0, 3]]
        assert from_host(np.float64(2.5)).item() == 2.5
        assert from_host(np.array([0.5, 1.7]), dtype=cb.int64).tolist() == [0, 1]
        assert from_host(np.array([1, 2]), dtype="bfloat16").dtype is cb.bfloat16

    def test_other_devices(self) -> None:
        pytest.importorskip("candelabra_strict", reason="the plugin candelabra-strict is not installed")
        array = np.arange(3.0)
        x = from_host(array, device="strict")
        array[:] = 9.0
        assert x.device == cb.device("strict:0")
        assert to_host(x).tolist() == [0.0, 1.0, 2.0]

    def test_bad_input(self) -> None:
        with pytest.raises(ArgumentTypeError, match=r"from_host: a numpy\.ndarray is needed, got list"):
            from_host([1.0])
        with pytest.raises(ArgumentTypeError, match="got Tensor"):
            from_host(cb.ones(2))
        with pytest.raises(DTypeError, match="from_host: no tensor holds an array of <U1; convert it to one of bool"):
            from_host(np.array(["a"]))
        with pytest.raises(DTypeError, match="complex numbers cannot become float32; take the array's real part first"):
            from_host(np.array([1j]), dtype=cb.float32)
