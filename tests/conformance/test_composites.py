"""Every composite differentiates and batches as rows do, on every device."""

from __future__ import annotations

import candelabra as cb
import pytest
from candelabra.conformance import derivatives
from candelabra.conformance.batching import check_vmap
from candelabra.conformance.composites import CASES as FRONT
from candelabra.conformance.composites import WITHOUT, CompositeSubject
from candelabra.conformance.composites_extensions import CASES as EXTENSIONS
from candelabra.conformance.composites_extensions import WITHOUT as BESIDE
from candelabra.conformance.composites_linear import CASES as LINEAR
from candelabra.conformance.composites_linear import EXTENSIONS as BEYOND
from candelabra.conformance.composites_linear import WITHOUT as DRAWN
from candelabra.conformance.composites_names import CASES as NAMES
from candelabra.conformance.composites_names import WITHOUT as FACTS
from candelabra.conformance.composites_special import CASES as SPECIAL
from candelabra.conformance.derivatives import Point
from candelabra.conformance.subject import assert_close, host, is_inexact
from candelabra.core import functions
from candelabra.core.device import Device, host_device

CASES = {**FRONT, **SPECIAL, **NAMES, **LINEAR, **EXTENSIONS, **BEYOND}
SEED = 20


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "composite" in metafunc.fixturenames:
        names = [name for name, case in CASES.items() if case.derivative or "slope" not in metafunc.function.__name__]
        if metafunc.function.__name__ == "test_vmap":
            names = [name for name in names if CASES[name].batch]
        metafunc.parametrize("composite", names)


@pytest.fixture
def called(composite: str, conformance_device: Device) -> CompositeSubject:
    return CompositeSubject(composite, CASES[composite], conformance_device)


def points(subject: CompositeSubject) -> list[Point]:
    return [Point(subject, subject.sample(dtype, SEED), SEED) for dtype in subject.smooth_dtypes()]


def test_values_are_the_hosts(called: CompositeSubject) -> None:
    for dtype in called.smooth_dtypes():
        sample = called.sample(dtype, SEED)
        found, wanted = called.run(sample), called.on(host_device()).run(sample)
        for f, w in zip(found, wanted, strict=True):
            assert f.device is called.device and f.dtype.name == called.held(w.dtype.name)
            assert_close(host(f), host(w), f.dtype.name, f"{called.name} on {called.device}", 8 * called.case.tolerance)


def test_slope_in_reverse(called: CompositeSubject) -> None:
    for point in points(called):
        derivatives.check_vjp(point)


def test_slope_of_slope(called: CompositeSubject) -> None:
    for point in points(called):
        derivatives.check_double_backward(point)


def test_slope_forward(called: CompositeSubject) -> None:
    for point in points(called):
        derivatives.check_jvp(point)


def test_vmap(called: CompositeSubject) -> None:
    for dtype in called.smooth_dtypes():
        sample = called.sample(dtype, SEED)
        arrays = [o for o in sample.operands if hasattr(o, "dtype")]
        check_vmap(called, sample, [0] * len(arrays))
        axes = [-1 if is_inexact(a) else None for a in arrays]
        if None in axes and set(axes) != {None}:
            check_vmap(called, sample, axes)


def test_every_composite_has_a_case() -> None:
    names = set(functions.read_all())
    without = {**WITHOUT, **FACTS, **DRAWN}
    assert sorted(names - set(CASES) - set(without)) == []
    assert sorted((set(FRONT) | set(SPECIAL) | set(NAMES) | set(LINEAR) | set(without)) - names) == []
    assert sorted(set(CASES) & set(without)) == []


def test_every_function_of_an_extension_has_a_case() -> None:
    names = {f"{space}.{name}" for space in ("linalg", "fft") for name in getattr(cb, space).__all__}
    front = {name for name in names if name.rpartition(".")[2] in FRONT}
    known = {*EXTENSIONS, *BEYOND}
    assert sorted(names - known - set(BESIDE) - front) == []
    assert sorted((known | set(BESIDE)) - names) == []
