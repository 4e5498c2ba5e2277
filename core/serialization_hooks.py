"""How pickle and copy take a tensor apart and put it together again: bytes, and names that mean the same everywhere."""

from __future__ import annotations

import sys

from . import device as devices
from . import dtypes
from .autograd.node import Leaf
from .tensor import Tensor


def host_bytes(tensor: Tensor) -> tuple[bytes, str, tuple[int, ...]]:
    """Return a tensor's bytes (C order, little-endian), its dtype's name and its shape."""
    array = tensor._to_host("pickle")
    if sys.byteorder == "big":
        array = array.byteswap()
    return array.tobytes(), tensor.dtype.name, tensor.shape


def rebuild_tensor(
    kind: type[Tensor],
    data: bytes,
    dtype: str,
    shape: tuple[int, ...],
    device: str,
    requires_grad: bool,
    grad: Tensor | None,
) -> Tensor:
    """Return the tensor that `host_bytes` took apart, on its device.

    Raises
    ------
    DeviceError
        If the device is not there.
    """
    host = devices.host_device()
    target = devices.as_device(device)
    named = dtypes.as_dtype(dtype)
    flat = host.backend.asarray(memoryview(data), host.native[dtypes.uint8])
    # A copy owns its memory and may be written in place; the pickle's bytes may not.
    array = host.backend.copy(flat.view(host.native[named]).reshape(shape))
    if sys.byteorder == "big":
        array = array.byteswap()
    if target is not host:
        array = devices.transfer(array, host, target)
    made: Tensor = object.__new__(kind)
    made.array, made.device, made.node = array, target, None
    if requires_grad:
        made.node = Leaf(made.shape, array.dtype, target)
        made.node.grad = grad
    return made
