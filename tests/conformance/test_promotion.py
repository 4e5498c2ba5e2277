"""The promotion table, whole, on every device: pairs of tensors, 0-d ones too, and tensors with Python scalars."""

from __future__ import annotations

import pytest
from candelabra.core import dtypes, ops
from candelabra.core.device import Device
from candelabra.core.errors import DTypeError

# Within a kind the array API standard's table, across kinds the higher kind's dtype: as PyTorch promotes tensors.
TABLE = """
     b1  i1  i2  i4  i8  u1  u2  u4  u8  f2  bf  f4  f8  c8  c16
b1   b1  i1  i2  i4  i8  u1  u2  u4  u8  f2  bf  f4  f8  c8  c16
i1   i1  i1  i2  i4  i8  i2  i4  i8  --  f2  bf  f4  f8  c8  c16
i2   i2  i2  i2  i4  i8  i2  i4  i8  --  f2  bf  f4  f8  c8  c16
i4   i4  i4  i4  i4  i8  i4  i4  i8  --  f2  bf  f4  f8  c8  c16
i8   i8  i8  i8  i8  i8  i8  i8  i8  --  f2  bf  f4  f8  c8  c16
u1   u1  i2  i2  i4  i8  u1  u2  u4  u8  f2  bf  f4  f8  c8  c16
u2   u2  i4  i4  i4  i8  u2  u2  u4  u8  f2  bf  f4  f8  c8  c16
u4   u4  i8  i8  i8  i8  u4  u4  u4  u8  f2  bf  f4  f8  c8  c16
u8   u8  --  --  --  --  u8  u8  u8  u8  f2  bf  f4  f8  c8  c16
f2   f2  f2  f2  f2  f2  f2  f2  f2  f2  f2  f4  f4  f8  c8  c16
bf   bf  bf  bf  bf  bf  bf  bf  bf  bf  f4  bf  f4  f8  c8  c16
f4   f4  f4  f4  f4  f4  f4  f4  f4  f4  f4  f4  f4  f8  c8  c16
f8   f8  f8  f8  f8  f8  f8  f8  f8  f8  f8  f8  f8  f8  c16 c16
c8   c8  c8  c8  c8  c8  c8  c8  c8  c8  c8  c8  c8  c16 c8  c16
c16  c16 c16 c16 c16 c16 c16 c16 c16 c16 c16 c16 c16 c16 c16 c16
"""
# With a Python bool, int, float and complex; the default float dtype is float32.
SCALARS = """
b1   b1  i8  f4  c8
i1   i1  i1  f4  c8
i2   i2  i2  f4  c8
i4   i4  i4  f4  c8
i8   i8  i8  f4  c8
u1   u1  u1  f4  c8
u2   u2  u2  f4  c8
u4   u4  u4  f4  c8
u8   u8  u8  f4  c8
f2   f2  f2  f2  c8
bf   bf  bf  bf  c8
f4   f4  f4  f4  c8
f8   f8  f8  f8  c16
c8   c8  c8  c8  c8
c16  c16 c16 c16 c16
"""
NAMES = {
    "b1": "bool", "i1": "int8", "i2": "int16", "i4": "int32", "i8": "int64", "u1": "uint8", "u2": "uint16",
    "u4": "uint32", "u8": "uint64", "f2": "float16", "bf": "bfloat16", "f4": "float32", "f8": "float64",
    "c8": "complex64", "c16": "complex128",
}  # fmt: skip


def pairs() -> list[tuple[str, str, str | None]]:
    """The table as (left, right, result or None)."""
    head, *lines = [line.split() for line in TABLE.strip().splitlines()]
    return [(NAMES[line[0]], NAMES[c], NAMES.get(r)) for line in lines for c, r in zip(head, line[1:], strict=True)]


def known(device: Device, *names: str) -> bool:
    return all(dtypes.as_dtype(name) in device.native for name in names)


def test_table_is_whole() -> None:
    assert {(a, b) for a, b, _ in pairs()} == {(a.name, b.name) for a in dtypes.ALL for b in dtypes.ALL}


@pytest.mark.parametrize("shapes", [((2,), (2,)), ((), (2,)), ((2,), ()), ((), ())], ids=str)
def test_pairs(conformance_device: Device, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    tried = 0
    for left, right, wanted in pairs():
        if not known(conformance_device, left, right):
            continue
        a = ops.ones(shapes[0], dtype=dtypes.as_dtype(left), device=conformance_device)
        b = ops.ones(shapes[1], dtype=dtypes.as_dtype(right), device=conformance_device)
        if wanted is None:
            with pytest.raises(DTypeError, match="have no common integer dtype; convert one of them first"):
                ops.add(a, b)
            continue
        if not known(conformance_device, wanted):
            continue
        tried += 1
        assert ops.add(a, b).dtype.name == wanted, (left, right)
        assert ops.where(ops.equal(a, b), a, b).dtype.name == wanted, (left, right)
        assert ops.equal(a, b).dtype.name == "bool", (left, right)
        if shapes == ((2,), (2,)):
            assert ops.concat([a, b]).dtype.name == wanted, (left, right)
            floating = wanted if dtypes.as_dtype(wanted).is_differentiable else "float32"
            assert ops.divide(a, b).dtype.name == floating, (left, right)
    assert tried >= 36


@pytest.mark.parametrize("shape", [(2,), ()], ids=str)
def test_scalars(conformance_device: Device, shape: tuple[int, ...]) -> None:
    for line in SCALARS.strip().splitlines():
        name, *wanted = [NAMES[part] for part in line.split()]
        if not known(conformance_device, name):
            continue
        x = ops.ones(shape, dtype=dtypes.as_dtype(name), device=conformance_device)
        for scalar, result in zip((True, 1, 1.0, 1j), wanted, strict=True):
            if known(conformance_device, result):
                assert ops.add(x, scalar).dtype.name == result, (name, scalar)
                assert ops.add(scalar, x).dtype.name == result, (scalar, name)


def test_default_float_dtype(conformance_device: Device) -> None:
    if not known(conformance_device, "float64"):
        return
    dtypes.set_default_dtype("float64")
    try:
        x = ops.ones((2,), dtype=dtypes.int32, device=conformance_device)
        assert ops.divide(x, x).dtype.name == ops.add(x, 0.5).dtype.name == ops.sqrt(x).dtype.name == "float64"
    finally:
        dtypes.set_default_dtype("float32")
