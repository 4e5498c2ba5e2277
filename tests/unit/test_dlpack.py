"""Arrays handed over by DLPack: to and from NumPy, array-api-strict and PyTorch, in every form; what is refused."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    AutogradError,
    DeviceError,
    ExchangeError,
    TransformError,
)

DTYPES = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64",
    "complex64", "complex128",
]  # fmt: skip


def x() -> cb.Tensor:
    return cb.reshape(cb.arange(6.0), (2, 3))


@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_and_back(dtype: str) -> None:
    given = x().to(dtype)
    array = np.from_dlpack(given)
    assert array.dtype.name == dtype and array.tolist() == given.tolist() and np.shares_memory(array, given.numpy())
    back = cb.from_dlpack(array)
    assert back.dtype is given.dtype and np.shares_memory(back.numpy(), array) and back.device == cb.Device("cpu")
    for form in (
        given[:, ::2],
        given.T,
        given[::-1],
        cb.flip(given),
        given[0:0],
        given[1, 1],
        cb.broadcast_to(given, (4, 2, 3)),
    ):
        assert np.from_dlpack(form).tolist() == form.tolist() and np.from_dlpack(form).shape == form.shape
    for form in (array[:, ::2], array.T, array[::-1, ::-1], np.asfortranarray(array), array[0:0], array[1, 1, None]):
        assert cb.from_dlpack(form).tolist() == form.tolist()


@pytest.mark.parametrize("dtype", [*DTYPES, "bfloat16"])
def test_pytorch_and_back(dtype: str, torch: ModuleType) -> None:
    given = x().to(dtype)
    for form in (given, given[:, ::2], given.T, cb.flip(given), given[0:0], given[1, 1]):
        there = torch.from_dlpack(form)
        assert str(there.dtype) == f"torch.{dtype}" and there.tolist() == form.tolist() and there.shape == form.shape
        back = cb.from_dlpack(there)
        assert back.dtype is given.dtype and back.tolist() == form.tolist()
        assert cb.asarray(there).dtype is given.dtype and cb.from_dlpack(there, copy=True).tolist() == form.tolist()
        for version in ((1, 0), (0, 8)):
            assert torch.utils.dlpack.from_dlpack(form.__dlpack__(max_version=version)).tolist() == form.tolist()
    # Memory is shared.
    there = torch.arange(6).reshape(2, 3).to(there.dtype)
    assert cb.from_dlpack(there.T).shape == (3, 2) and cb.from_dlpack(there, copy=False).tolist() == there.tolist()
    there[0, 0] = 1
    shared = cb.from_dlpack(there)
    there[0, 0] = 0
    assert not shared[0, 0].item()


def test_what_pytorch_has_and_others_have_not(torch: ModuleType) -> None:
    for tensor, text in (
        (torch.ones(2, requires_grad=True), "requires grad"), (torch.tensor([1j]).conj(), "conjugate bit"),
        (torch.eye(2).to_sparse(), "Sparse"), (torch.ones(2).to(torch.float8_e4m3fn), "Float8"),
    ):  # fmt: skip
        with pytest.raises(ArgumentTypeError, match=f"from_dlpack.*Tensor cannot be imported: .*{text}"):
            cb.from_dlpack(tensor)


def test_writes_stay_on_their_side(torch: ModuleType) -> None:
    for make in (np.arange, torch.arange):
        array = make(3.0)
        tensor = cb.from_dlpack(array)
        tensor += 1
        tensor[0] = 9.0
        assert array.tolist() == [0.0, 1.0, 2.0] and tensor.tolist() == [9.0, 2.0, 3.0]
    for take in (np.from_dlpack, torch.from_dlpack):
        tensor = cb.arange(3.0)
        array = take(tensor)
        tensor += 1
        tensor[0] = 9.0
        assert array.tolist() == [0.0, 1.0, 2.0] and tensor.tolist() == [9.0, 2.0, 3.0]
    frozen = np.arange(3.0)
    frozen.setflags(write=False)
    tensor = cb.from_dlpack(frozen)
    tensor[1] = 5.0
    assert tensor.tolist() == [0.0, 5.0, 2.0] and frozen.tolist() == [0.0, 1.0, 2.0]
    assert not np.from_dlpack(cb.broadcast_to(cb.ones(1), (3,))).flags.writeable


def test_arguments() -> None:
    given = x()
    assert given.__dlpack_device__() == (1, 0)
    assert "dltensor_versioned" in repr(given.__dlpack__(max_version=(1, 0), dl_device=(1, 0), stream=None))
    assert '"dltensor"' in repr(given.__dlpack__()) and '"dltensor"' in repr(given.__dlpack__(max_version=(0, 8)))
    assert not np.shares_memory(np.from_dlpack(given, copy=True), given.numpy())
    assert np.shares_memory(np.from_dlpack(given, copy=False), given.numpy())
    where = "a tensor of float32 on 'cpu': "
    for options, kind, text in (
        ({"stream": 2}, ExchangeError, rf"^__dlpack__\(stream=2\): {where}NumPy only supports stream=None"),
        ({"stream": "a"}, ExchangeError, "stream='a'"),
        ({"dl_device": (2, 0)}, ExchangeError, rf"^__dlpack__\(dl_device=\(2, 0\)\): {where}unsupported device"),
        ({"dl_device": "cpu"}, ArgumentTypeError, "dl_device must be a tuple"),
        ({"max_version": 1}, ArgumentTypeError, "max_version must be None or a tuple"),
        ({"copy": "x"}, ArgumentTypeError, "strings are not allowed for 'copy'"),
    ):  # fmt: skip
        with pytest.raises(kind, match=text):
            given.__dlpack__(**options)
    # What the standard prescribes, so that consumers can try otherwise.
    assert issubclass(ExchangeError, BufferError)
    with pytest.raises(BufferError, match=r"an array in reversed order can only be copied, but copy=False"):
        cb.flip(given).__dlpack__(copy=False)
    with pytest.raises(TypeError, match=r"__dlpack__\(\) got an unexpected keyword argument 'colour'"):
        given.__dlpack__(colour=1)
    with pytest.raises(AutogradError, match=r"would silently leave the graph; call x.detach\(\) first"):
        np.from_dlpack(cb.ones(2, requires_grad=True))
    with pytest.raises(TransformError, match="__dlpack__ inside vmap"):
        cb.vmap(lambda row: np.from_dlpack(row))(given)


class Producer:
    def __init__(self, error: Exception | None = None, array: Any = None) -> None:
        self.error, self.array = error, array

    def __dlpack__(self, stream: Any = None) -> Any:
        if self.error is not None:
            raise self.error
        return self.array if self.array is None else self.array.__dlpack__()

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


def test_producers() -> None:
    # A producer of the protocol before versions.
    assert cb.from_dlpack(Producer(array=np.arange(3))).tolist() == [0, 1, 2]
    for broken in (Producer(BufferError("no")), Producer(RuntimeError("no")), Producer(TypeError("no"))):
        with pytest.raises(ArgumentTypeError, match=r"from_dlpack.*Producer cannot be imported: no"):
            cb.from_dlpack(broken)
        with pytest.raises(BufferError, match=r"from_dlpack: Producer cannot be shared, and copy=False: no"):
            cb.from_dlpack(broken, copy=False)
    with pytest.raises(ArgumentTypeError, match=r"from_dlpack.*Producer cannot be imported"):
        cb.from_dlpack(Producer())
    for wrong in ([1], 1, "s", None, object(), np.float64(1)):
        with pytest.raises(ArgumentTypeError, match=r"from_dlpack: an object with __dlpack__ is needed, got \w+"):
            cb.from_dlpack(wrong)
    for array in (np.array(["a"]), np.array([object()]), np.ones(2, dtype=np.longdouble), np.ones(2, dtype="i4,f4")):
        with pytest.raises(ArgumentTypeError, match=r"from_dlpack.*the data has dtype .*, which no tensor can hold"):
            cb.from_dlpack(array)
    assert cb.from_dlpack(np.ones(2, dtype=">f4")).dtype is cb.float32
    with pytest.raises(DeviceError, match=r"from_dlpack.*no backend serves device 'tpu'"):
        cb.from_dlpack(np.arange(3), device="tpu")


def test_tensors() -> None:
    leaf = cb.ones(2, requires_grad=True)
    assert cb.from_dlpack(leaf).requires_grad
    given = x()
    assert np.shares_memory(cb.from_dlpack(given).numpy(), given.numpy())
    assert not np.shares_memory(cb.from_dlpack(given, copy=True).numpy(), given.numpy())


def test_array_api_strict() -> None:
    strict = pytest.importorskip("array_api_strict")
    pytest.importorskip("candelabra_strict")
    given = x()
    assert strict.from_dlpack(given).shape == (2, 3) and cb.from_dlpack(strict.arange(3)).tolist() == [0, 1, 2]
    for device in ("strict", "strict:1"):
        there = cb.from_dlpack(np.arange(3), device=device)
        assert str(there.device).startswith("strict:") and np.from_dlpack(there).tolist() == [0, 1, 2]
        assert cb.from_dlpack(given, device=device).tolist() == given.tolist()
        assert there.__dlpack_device__() == (1, 0)
    with pytest.raises(ArgumentError, match="a copy to 'strict:0' is needed, but copy=False"):
        cb.from_dlpack(given, device="strict", copy=False)
