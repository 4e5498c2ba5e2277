"""16-bit floats: every row and composite takes them, computes in float32, rounds, and has gradients of that kind.

What is compared is the same call on the same numbers in float32. A device that lacks such a dtype refuses it by name.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from candelabra import linalg, nn
from candelabra.conformance.checks import arrays_in, pattern
from candelabra.conformance.composites import CompositeSubject
from candelabra.conformance.drawing import Sample, host_dtype
from candelabra.conformance.families import modules
from candelabra.conformance.harness import Examples, for_rows
from candelabra.conformance.samples import sample
from candelabra.conformance.subject import Subject, host
from candelabra.core import dtypes, ops
from candelabra.core.autograd.engine import grad
from candelabra.core.device import Device
from candelabra.core.errors import DTypeError

NARROW = {"float16": 2.0**-10, "bfloat16": 2.0**-7}
CASES = {
    name: case
    for module in modules("composites")
    for cases in (module.CASES, getattr(module, "EXTENSIONS", {}))
    for name, case in cases.items()
    if case.real
}


def widened(value: Any, dtype: str) -> Any:
    """Return the same numbers in float32."""
    if isinstance(value, list):
        return [widened(v, dtype) for v in value]
    return value.astype(np.float32) if isinstance(value, np.ndarray) and value.dtype == host_dtype(dtype) else value


def results(subject: Subject, given: Sample, seeds: Any = None) -> tuple[list[Any], list[Any], list[Any], Any]:
    """Return outputs, operands that have gradients, these gradients, and the cotangents that they are of."""
    operands = subject.tensors(given, grad=getattr(subject.row, "is_differentiable", True))
    outputs = subject.call(operands, subject.statics(given))
    inputs = [t for t in arrays_in(operands) if t.requires_grad]
    roots = [o for o in subject.differentiable(outputs) if o.requires_grad]
    if not inputs or not roots:
        return outputs, [], [], seeds
    seeds = (
        pattern(subject, roots)
        if seeds is None
        else [ops.astype(s, o.dtype) for s, o in zip(seeds, roots, strict=True)]
    )
    found = grad(roots, inputs, seeds, allow_unused=True, materialize_grads=True)
    return outputs, inputs, list(found), seeds


def check_narrow(subject: Subject, given: Sample, dtype: str, ulps: float, slack: float, steep: float) -> None:
    """Outputs are within `ulps` of their own, and `slack` of the largest; gradients within `steep` of the largest."""
    outputs, inputs, slopes, seeds = results(subject, given)
    wide = Sample(tuple(widened(v, dtype) for v in given.operands), given.statics)
    wanted, _, wanted_slopes, _ = results(subject, wide, seeds)
    for i, (found, value) in enumerate(zip(outputs, wanted, strict=True)):
        what = f"{subject.row.name} output {i} of {given}"
        if value.dtype is dtypes.float32 and "dtype" not in given.statics:
            assert found.dtype.name in (dtype, "float32"), f"{what}: {found.dtype.name}"
            assert found.dtype.name == dtype or subject.row.name in KEEP_SINGLE, f"{what}: {found.dtype.name}"
        compare(host(found.detach()), host(value.detach()), NARROW[dtype], ulps, slack, what)
    for i, (t, found, value) in enumerate(zip(inputs, slopes, wanted_slopes, strict=True)):
        what = f"{subject.row.name} gradient {i} of {given}"
        assert found.dtype is t.dtype, f"{what}: {found.dtype.name}"
        compare(host(found), host(value), NARROW[dtype], 0.0, steep, what)


def compare(found: Any, wanted: Any, eps: float, ulps: float, slack: float, what: str) -> None:
    if wanted.dtype.kind not in "fc":
        assert np.array_equal(found, wanted), f"{what}: {found!r}, expected {wanted!r}"
        return
    kind = np.complex128 if wanted.dtype.kind == "c" else np.float64
    a, b = found.astype(kind), wanted.astype(kind)
    # The largest float16 number is 65504, and its least steps are fixed.
    held = np.isfinite(b) & (np.abs(b) < 6e4)
    if not held.any():
        return
    gap = np.abs(np.where(held, a, 0) - np.where(held, b, 0))
    size = np.abs(np.where(held, b, 0))
    bound = eps * (ulps * size + slack * max(float(size.max()), 2.0**-10)) + 6e-8
    assert (gap <= bound).all(), f"{what}: off by {gap.max():.3g}, allowed are {bound.max():.3g}\n{found!r}\n{wanted!r}"


# They change the dtype for good: parts of complex numbers have no 16 bits.
KEEP_SINGLE = {"abs", "imag", "real"}
# A bound of the row is rounded to the operand's dtype, and a value that lies there has another slope.
ROUNDED_BOUNDS = {"hardtanh", "leaky_relu"}
# What comes between may be rounded, as by the rows that they stand for, and a tail is steep: so much of the largest.
TWO_STEPS = {"linear_activation": 16.0}


@for_rows(lambda row: row.kind != "update" and bool(row.operands) and row.name not in ROUNDED_BOUNDS)
def test_rows(subject: Subject, examples: Examples) -> None:
    for dtype in [name for name in subject.dtypes() if name in NARROW]:

        def check(d: Any, dtype: str = dtype) -> None:
            given = sample(subject.row, d)
            if "dtype" not in given.statics:
                # An output that enters its own slope was rounded before.
                check_narrow(subject, given, dtype, 1.0, TWO_STEPS.get(subject.row.name, 0.0), 16.0)

        examples(check, dtype, smooth=True, share=0.3)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "composite" in metafunc.fixturenames:
        metafunc.parametrize("composite", CASES)


# Their results are of double precision, or complex, whatever comes in.
OTHERWISE = {"bincount", "fft.hfft", "fft.hfft2", "fft.hfftn", "fft.irfft", "fft.irfft2", "fft.irfftn"}


def test_composites(composite: str, conformance_device: Device) -> None:
    """Each step of a composite may round; none may lose more than that."""
    subject = CompositeSubject(composite, CASES[composite], conformance_device)
    for dtype in [name for name in NARROW if dtypes.as_dtype(name) in conformance_device.native]:
        given = subject.sample("float32", 3)
        kind = host_dtype(dtype)
        narrow = [o.astype(kind) if isinstance(o, np.ndarray) and o.dtype == np.float32 else o for o in given.operands]
        if composite in OTHERWISE:
            assert all(np.isfinite(host(o.detach())).all() for o in results(subject, Sample(tuple(narrow), {}))[0])
        else:
            check_narrow(subject, Sample(tuple(narrow), {}), dtype, 0.0, 8.0, 24.0)


def test_a_device_without_such_floats_refuses_them(conformance_device: Device) -> None:
    for dtype in map(dtypes.as_dtype, NARROW):
        if dtype in conformance_device.native:
            assert ops.ones((2,), dtype=dtype, device=conformance_device).dtype is dtype
            continue
        for make in (
            lambda dtype=dtype: ops.ones((2,), dtype=dtype, device=conformance_device),
            lambda dtype=dtype: ops.astype(ops.ones((2,), device=conformance_device), dtype),
        ):
            with pytest.raises(DTypeError, match=rf"has no {dtype.name}; it supports"):
                make()


def test_sums_and_norms_of_many(conformance_device: Device) -> None:
    """What is added up goes on growing, and squares do not overflow where their root does not."""
    for name, eps in NARROW.items():
        dtype = dtypes.as_dtype(name)
        if dtype not in conformance_device.native:
            continue
        x = ops.full((5000,), 300.0, dtype=dtype, device=conformance_device)
        ones = ops.ones((5000,), dtype=dtype, device=conformance_device)
        root = 300.0 * 5000**0.5
        wanted = [
            (ops.sum(ones), 5000), (ops.cumulative_sum(ones)[-1], 5000), (ops.mean(x), 300), (ops.norm(x), root),
            (linalg.vector_norm(x), root), (linalg.vector_norm(x, ord=3), 300 * 5000 ** (1 / 3)),
            (ops.dist(x, 0 * x), root),
            (nn.utils.get_total_norm([x[:2500], x[2500:]]), root), (ops.nansum(ones), 5000),
            (nn.functional.cosine_similarity(x, x, axis=0), 1.0), (ops.logsumexp(ones), 1 + math.log(5000)),
        ]  # fmt: skip
        for found, value in wanted:
            assert found.dtype is dtype and abs(float(found) - value) <= 2 * eps * value, (name, found, value)
