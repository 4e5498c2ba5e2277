"""The conformance suite catches what it is there for: each fault planted here makes one of its checks fail."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from candelabra.conformance import batching, checks, derivatives
from candelabra.conformance.derivatives import Kink, Point
from candelabra.conformance.drawing import Draw
from candelabra.conformance.samples import sample
from candelabra.conformance.subject import Subject
from candelabra.core.backend import Kernel
from candelabra.core.device import as_device
from candelabra.core.implementation import implementations
from candelabra.core.primitives import TABLE
from candelabra.core.primitives.row import Row, elementwise, general, linear
from candelabra.core.tensor import Tensor
from candelabra.core.transforms.forward import ForwardLevel


def examples(check: Callable[[Draw], None], dtype: str = "float64", *, smooth: bool = False) -> None:
    for seed in range(12):
        with contextlib.suppress(Kink):
            check(Draw(random.Random(seed).randint, dtype, smooth=smooth))


def run(check: Callable[[Subject, Any], None], row: Row, device: str = "cpu", dtype: str = "float64") -> None:
    subject = Subject(row, as_device(device))
    examples(lambda d: check(subject, sample(row, d)), dtype)


def run_at_points(check: Callable[[Point], None], row: Row) -> None:
    subject = Subject(row, as_device("cpu"))
    examples(lambda d: check(Point(subject, sample(row, d), 5)), smooth=True)


def check_vmap(subject: Subject, drawn: Any) -> None:
    batching.check_vmap(subject, drawn, [0] * len(checks.arrays_in(drawn.operands)))


def caught(check: Callable[..., None], *arguments: Any, text: str) -> None:
    with pytest.raises(AssertionError, match=text):
        check(*arguments)


@pytest.fixture
def plant() -> Iterator[Callable[..., Row]]:
    """Register rows for one test."""
    before = set(TABLE)

    def make(kind: Callable[..., Row], *arguments: Any, **options: Any) -> Row:
        options = {"reference": "numpy.tanh", "samples": "real", "floating": True, **options}
        return kind("planted", *arguments, **options)

    yield make
    for name in set(TABLE) - before:
        del TABLE[name]


@contextlib.contextmanager
def kernel(name: str, function: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Row]:
    """Override a row's kernel on the CPU."""
    row, device = TABLE[name], as_device("cpu")
    with monkeypatch.context() as patch:
        patch.setattr(device.backend, "kernels", {**device.backend.kernels, name: function})
        patch.delitem(implementations(row), device, raising=False)
        yield row
        implementations(row).pop(device, None)


TANH: dict[str, Any] = {"body": lambda xp, x: xp.tanh(x)}


def test_a_right_row_passes(plant: Callable[..., Row]) -> None:
    row = plant(elementwise, "x, /", d=lambda out: 1 - out * out, **TANH)
    for check in (checks.check_values, checks.check_layouts, checks.check_aliasing, checks.check_kernel, check_vmap):
        run(check, row)
    for check in (
        derivatives.check_vjp, derivatives.check_graph_rule, derivatives.check_double_backward, derivatives.check_third,
        derivatives.check_jvp, derivatives.check_levels,
    ):  # fmt: skip
        run_at_points(check, row)


def test_wrong_forward(plant: Callable[..., Row]) -> None:
    row = plant(elementwise, "x, /", d=lambda out: 1 - out * out, body=lambda xp, x: xp.tanh(x * (1 + 1e-9)))
    caught(run, checks.check_values, row, text="planted output 0 .* off by")


def test_wrong_dtype(plant: Callable[..., Row]) -> None:
    row = plant(elementwise, "x, /", body=lambda xp, x: xp.astype(xp.tanh(x), "float64"))
    caught(run, checks.check_values, row, "cpu", "float32", text="dtype float64, expected float32")


def test_wrong_vjp(plant: Callable[..., Row]) -> None:
    row = plant(elementwise, "x, /", d=lambda out: 1 - out * out * 1.001, **TANH)
    caught(run_at_points, derivatives.check_vjp, row, text="vjp of planted")


def test_vjp_that_forgets_the_graph(plant: Callable[..., Row]) -> None:
    def slope(out: Any) -> Any:
        constant = out.detach() if isinstance(out, Tensor) else out
        return 1 - constant * constant

    row = plant(elementwise, "x, /", d=slope, **TANH)
    run_at_points(derivatives.check_vjp, row)
    caught(run_at_points, derivatives.check_double_backward, row, text="second derivative of planted")


def test_wrong_from_the_third_derivative_on(plant: Callable[..., Row]) -> None:
    class Squared:
        """Right to second order: the square's own slope is a constant to whoever differentiates it."""

        @staticmethod
        def slope(xp: Any, x: Any) -> Any:
            if not isinstance(x, Tensor):
                return 3 * x * x
            constant = x.detach()
            return 3 * constant * constant + 6 * constant * (x - constant)

    row = plant(elementwise, "x, /", d=Squared.slope, body=lambda xp, x: x * x * x)
    run_at_points(derivatives.check_double_backward, row)
    caught(run_at_points, derivatives.check_third, row, text="third derivative of planted")


def test_wrong_jvp(plant: Callable[..., Row]) -> None:
    row = plant(
        general, "x, /", vjp=lambda xp, g, out: g * (1 - out * out), jvp=lambda xp, t, out: t * (1 + out), **TANH
    )
    run_at_points(derivatives.check_vjp, row)
    caught(run_at_points, derivatives.check_jvp, row, text="jvp of planted")


def test_tangent_of_an_affine_row(plant: Callable[..., Row]) -> None:
    row = plant(linear, "x, /", transpose=lambda g: g, body=lambda xp, x: x + 1)
    caught(run_at_points, derivatives.check_jvp, row, text="jvp of planted")


def test_wrong_batching_rule(plant: Callable[..., Row]) -> None:
    row = plant(
        general, "x, /", batch=lambda xp, size, x: xp.flip(xp.tanh(x), axis=(0,)), vjp=lambda xp, g, out: g, **TANH
    )
    caught(run, check_vmap, row, text="vmap, in_axes .* of planted")


def test_wrong_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    with kernel("softplus", lambda x, *, beta, threshold: np.log1p(np.exp(x)), monkeypatch) as row:
        caught(run, checks.check_kernel, row, text="softplus, result 0")


def test_wrong_kernel_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    def forward(x: Any) -> Any:
        return x * np.tanh(np.log1p(np.exp(x)))

    own = Kernel(forward, vjp=lambda xp, g, x: (g,))
    with kernel("mish", own, monkeypatch) as row:
        run(checks.check_values, row)
        caught(run, checks.check_kernel, row, text="mish, result 1")
        caught(run_at_points, derivatives.check_graph_rule, row, text="gradient 0 of mish")


def test_a_kernel_may_decline(monkeypatch: pytest.MonkeyPatch) -> None:
    def declines(*operands: Any, **statics: Any) -> Any:
        return NotImplemented

    with kernel("softplus", Kernel(declines, train=declines, vjp=lambda xp, g, x: (None,)), monkeypatch) as row:
        run(checks.check_values, row)
        run(checks.check_kernel, row)
        run_at_points(derivatives.check_vjp, row)


def test_kernel_that_reads_memory_order(monkeypatch: pytest.MonkeyPatch) -> None:
    with kernel("exp", lambda x: np.exp(x.ravel(order="K")).reshape(x.shape), monkeypatch) as row:
        run(checks.check_values, row)
        caught(run, checks.check_layouts, row, text="exp, layout")


def test_kernel_that_writes_into_its_operand(monkeypatch: pytest.MonkeyPatch) -> None:
    with kernel("exp", lambda x: np.exp(x, out=x), monkeypatch) as row:
        caught(run, checks.check_values, row, text="exp: an operand was changed")


def test_alias_on_a_backend_that_hides_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays of this library hide whose memory they share: calling them mutable must be found out."""
    backend = as_device("strict").backend
    add = lambda x, y: x.__iadd__(y)
    monkeypatch.setattr(backend, "mutable", True)
    monkeypatch.setattr(backend, "donating", {"add": add})
    monkeypatch.setattr(Tensor, "_is_unique", lambda self: True)
    caught(run, checks.check_aliasing, TABLE["reshape"], "strict", text="reshape: .* was written")


def test_write_that_leaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A write in place although another tensor holds the memory."""
    monkeypatch.setattr(Tensor, "_is_unique", lambda self: True)
    caught(run, checks.check_aliasing, TABLE["alias"], text="alias: .* was written")
    caught(run, checks.check_aliasing, TABLE["permute_dims"], text="permute_dims: .* was written")


def test_wrong_lowering_between_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    """The transpose of lifting a constant into forward mode: right to second order, wrong in the third."""
    monkeypatch.setattr(ForwardLevel, "lower", lambda self, wrapped: wrapped.primal)
    run_at_points(derivatives.check_jvp, TABLE["tanh"])
    caught(run_at_points, derivatives.check_levels, TABLE["multiply"], text="grad of jvp of grad")
