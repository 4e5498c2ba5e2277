"""One row on one device, as the checks call it: host arrays in, host arrays out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from candelabra.conformance.drawing import Sample
from candelabra.conformance.references import reference
from candelabra.core import dtypes, ops
from candelabra.core.device import Device
from candelabra.core.errors import DTypeError
from candelabra.core.host import from_host, to_host
from candelabra.core.primitives.row import Row
from candelabra.core.tensor import Tensor

# Relative to the largest value compared; a row's `tolerance` multiplies it.
TOLERANCE: dict[str, float] = {
    "float16": 4e-3, "bfloat16": 3e-2, "float32": 4e-6, "float64": 1e-12, "complex64": 4e-6, "complex128": 1e-12,
}  # fmt: skip


class Subject:
    """A row on a device."""

    def __init__(self, row: Row, device: Device) -> None:
        self.row, self.device = row, device
        self.function = ops.row_function(row)

    def on(self, device: Device) -> Subject:
        """Return the same on another device."""
        return Subject(self.row, device)

    def dtypes(self) -> list[str]:
        """Return the names of the dtypes that both the row takes and the device has."""
        allowed = dtypes.CATEGORIES[self.row.category]
        return [d.name for d in dtypes.ALL if d in allowed and d in self.device.native]

    def smooth_dtypes(self) -> list[str]:
        """Return the dtypes to differentiate in: the most precise ones."""
        found = set(self.dtypes())
        pairs = (("float64", "float32"), ("complex128", "complex64"))
        return [next(name for name in pair if name in found) for pair in pairs if found & set(pair)]

    def held(self, name: str) -> str:
        """Return the dtype in which the device holds indices and counts, which are 64 bits wide elsewhere."""
        choices = {"int64": ("int64", "int32"), "uint64": ("uint64", "uint32", "int64", "int32")}.get(name, (name,))
        return next((n for n in choices if dtypes.as_dtype(n) in self.device.native), name)

    def tensor(self, value: Any, *, grad: bool = False) -> Any:
        """Return an operand as tensors on the device; scalars and None stay."""
        if isinstance(value, list):
            return [self.tensor(v, grad=grad) for v in value]
        if not isinstance(value, np.ndarray):
            return value
        held = self.held(dtypes.as_dtype(value.dtype).name)
        made = from_host(value.astype(held) if value.dtype.kind in "iu" else value, device=self.device)
        return made.requires_grad_() if grad and is_inexact(value) else made

    def tensors(self, sample: Sample, *, grad: bool = False) -> tuple[Any, ...]:
        """Return a sample's operands as tensors; with `grad` those that can require a gradient do."""
        return tuple(self.tensor(v, grad=grad) for v in sample.operands)

    def statics(self, sample: Sample) -> dict[str, Any]:
        """Return statics as the public function takes them."""
        found = dict(sample.statics)
        if isinstance(found.get("dtype"), str):
            found["dtype"] = dtypes.as_dtype(found["dtype"])
        return found

    def call(self, operands: Sequence[Any], statics: dict[str, Any]) -> list[Tensor]:
        """Call the public function and return its outputs."""
        rest = dict(statics)
        before = [rest.pop(s.name) for s in self.row.statics if s.where == "before"]
        if self.row.kind == "creation":
            rest["device"] = self.device
        if self.row.kind == "update":
            self.function(*operands, **rest)
            names = [o.name for o in self.row.operands]
            return [t for output in self.row.outputs for t in operands[names.index(output)]]
        with refusals(self.device):
            found = self.function(*operands, *before, **rest)
        return list(found) if isinstance(found, tuple) else [found]

    def run(self, sample: Sample) -> list[Tensor]:
        """Call the public function on a sample."""
        return self.call(self.tensors(sample), self.statics(sample))

    def differentiable(self, outputs: Sequence[Tensor]) -> list[Tensor]:
        """Return the outputs that a gradient flows from."""
        if not self.row.is_differentiable:
            return []
        kept = self.row.differentiable
        kept = kept * len(outputs) if len(kept) == 1 else kept
        return [o for o, keep in zip(outputs, kept, strict=True) if keep and o.dtype.is_differentiable]

    def expected(self, sample: Sample) -> list[np.ndarray]:
        """Return the reference's outputs, computed in float64 from the same operands."""
        function = reference(self.row)
        assert function is not None, f"row {self.row.name} has no reference"
        statics = dict(sample.statics)
        before = [statics.pop(s.name) for s in self.row.statics if s.where == "before"]
        with np.errstate(all="ignore"):
            found = function(*[widen(v) for v in sample.operands], *before, **statics)
        if self.row.kind == "update":
            return [np.asarray(f) for part in found for f in part]
        if self.row.name == "random_bits":
            # A device without uint64 has the leading bits.
            held = np.dtype(self.held("uint64"))
            bits = 8 * held.itemsize - (held.kind == "i")
            return [(np.asarray(found) >> np.uint64(64 - bits)).astype(held)]
        many = isinstance(found, (tuple, list)) and len(self.row.outputs) + (self.row.outputs == ("*",)) > 1
        return [np.ma.asanyarray(f) for f in found] if many else [np.ma.asanyarray(found)]

    def expected_dtype(self, sample: Sample, wanted: np.ndarray) -> str:
        """Return the dtype that an output must have, from the reference's and the operands'."""
        if "dtype" in sample.statics:
            return str(sample.statics["dtype"])
        kind = wanted.dtype.kind
        if kind in "biu":
            return self.held(wanted.dtype.name)
        given = [
            dtypes.as_dtype(a.dtype)
            for o, v in zip(self.row.operands, sample.operands, strict=True)
            if o.name in self.row.promote or not self.row.promote
            for a in (v if isinstance(v, list) else [v])
            if isinstance(a, np.ndarray)
        ]
        if not given:
            return wanted.dtype.name
        found = given[0]
        for other in given[1:]:
            found = dtypes.promote_types(found, other) if self.row.promote else found
        found = dtypes.float_for(found)
        return (found.to_complex() if kind == "c" else found.to_real()).name


class Unanswered(Exception):
    """The device lacks the dtype of a call's result, and said so."""


@contextmanager
def refusals(device: Device) -> Iterator[None]:
    """Tell a device's plain word that it has no complex128, which it need not have beside float64, from a failure."""
    try:
        yield
    except DTypeError as error:
        if dtypes.complex128 in device.native or "has no complex128; it supports" not in str(error):
            raise
        raise Unanswered(str(error)) from error


def widen(value: Any) -> Any:
    """Return an operand in double precision, for a reference."""
    if isinstance(value, list):
        return [widen(v) for v in value]
    if not isinstance(value, np.ndarray) or not is_inexact(value):
        return value
    return value.astype(np.complex128 if value.dtype.kind == "c" else np.float64)


def is_inexact(array: np.ndarray) -> bool:
    """Say whether an array can require a gradient."""
    return dtypes.as_dtype(array.dtype).is_differentiable


def host(tensor: Tensor) -> np.ndarray:
    """Return a tensor's values in host memory."""
    return to_host(tensor)


def assert_close(found: Any, wanted: Any, dtype: str, what: str, factor: float = 1.0) -> None:
    """Assert that values agree: exactly, or within the dtype's tolerance of the largest value compared."""
    found, mask = np.asarray(found), np.ma.getmaskarray(wanted)
    wanted = np.ma.getdata(wanted)
    assert found.shape == wanted.shape, f"{what}: shape {found.shape}, expected {wanted.shape}"
    if mask.any() or not found.size:
        return
    if dtype not in TOLERANCE:
        assert np.array_equal(found, wanted), f"{what}: {found!r}, expected {wanted!r}"
        return
    wide = np.complex128 if "c" in (found.dtype.kind, wanted.dtype.kind) else np.float64
    a, b = found.astype(wide), wanted.astype(wide)
    finite = np.isfinite(b)
    same = np.where(finite, True, (a == b) | (np.isnan(a) & np.isnan(b)))
    scale = max(1.0, float(np.max(np.abs(b[finite]), initial=0.0)))
    bound = TOLERANCE[dtype] * factor * scale
    gap = np.where(finite, np.abs(np.where(finite, a, 0) - np.where(finite, b, 0)), 0.0)
    worst = float(np.max(gap, initial=0.0))
    assert bool(same.all()) and worst <= bound, (
        f"{what}: off by {worst:.3g}, allowed are {bound:.3g} ({dtype})\nfound    {found!r}\nexpected {wanted!r}"
    )
