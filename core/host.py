"""The host boundary: tensors to `numpy.ndarray` and back, for what must look at numbers (files, datasets, screens)."""

from __future__ import annotations

from typing import Any

from . import device as devices
from . import dtypes
from .errors import ArgumentTypeError, DTypeError
from .tensor import Tensor


def to_host(tensor: Tensor) -> Any:
    """Return a tensor's values as a read-only `numpy.ndarray`, from any device, without its graph.

    Parameters
    ----------
    tensor : Tensor
        Any shape and dtype; bfloat16 becomes ml_dtypes' one.

    Returns
    -------
    numpy.ndarray
        In the tensor's shape; it may share memory with it.
    """
    return tensor.numpy(force=True)


def from_host(array: Any, *, dtype: Any = None, device: Any = None, copy: bool = True) -> Tensor:
    """Return a tensor of a `numpy.ndarray`.

    Parameters
    ----------
    array : numpy.ndarray
        Any shape.
    dtype : DType, optional
        Default: the array's own.
    device : Device or str, optional
        Default: the host's.
    copy : bool
        False may share the array's memory: the tensor then changes with it, until the first in-place write.

    Raises
    ------
    ArgumentTypeError
        If it is no array.
    DTypeError
        If no tensor holds the array's dtype, such as one of strings.
    """
    host = devices.host_device()
    given: Any = array
    if not isinstance(given, host.backend.array_type):
        # A scalar of the host's library is nearly an array.
        if isinstance(given, Tensor) or getattr(given, "shape", None) != ():
            raise ArgumentTypeError(f"from_host: a numpy.ndarray is needed, got {type(given).__name__}")
        given = host.backend.normalize(given)
    try:
        here = dtypes.as_dtype(given.dtype)
    except ArgumentTypeError:
        known = ", ".join(d.name for d in dtypes.ALL)
        raise DTypeError(
            f"from_host: no tensor holds an array of {given.dtype}; convert it to one of {known}"
        ) from None
    target = host if device is None else devices.as_device(device)
    if dtype is None and here not in target.native:
        # Wide integers are held by narrower ones; anything else is refused there.
        there = devices.transfer(host.backend.asarray(given, host.native[here]), host, target)
        return Tensor(there, target)
    wanted = here if dtype is None else dtypes.as_dtype(dtype)
    native = target.native_dtype(wanted, "from_host")
    if here.is_complex and not wanted.is_complex:
        raise DTypeError(f"from_host: complex numbers cannot become {wanted.name}; take the array's real part first")
    # Foreign byte orders and other dtypes: the cast copies.
    cast = host.native.get(wanted, host.native[here])
    made = host.backend.asarray(given, cast)
    if target is host:
        shared = made is given or made.base is not None
        return Tensor(host.backend.copy(made) if copy and shared else made, host)
    made = devices.from_host_memory(made, native, target)
    return Tensor(target.backend.copy(made) if copy else made, target)
