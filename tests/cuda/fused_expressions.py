"""Draws expressions by hypothesis and compares what is fused of them with NumPy, element by element and bit by bit.

Run as a program on a pretended card. An expression is a list of steps over operands of several dtypes, shapes and
layouts; what NumPy rounds otherwise than the compiler's library (exponentials and their kin) comes last in it, where
nothing makes more of a difference.
"""

from __future__ import annotations

import math
import random
from typing import Any

import cupy
import hypothesis
import hypothesis.strategies as st
import ml_dtypes
import numpy as np
from candelabra.backends.cupy.fusion import Fused
from candelabra.backends.cupy.fusion_text import functions
from candelabra.core.compiled import NothingGained
from candelabra.core.device import Device
from candelabra.core.implementation import namespace
from stand_in import loaded_together

HOME, HOST = Device("cuda", 0), Device("cpu")
KINDS = ["float32", "float64", "int8", "int32", "int64", "uint8", "uint64", "bool", "float16", "bfloat16"]
FLOAT = ["add", "subtract", "multiply", "divide", "maximum", "minimum", "copysign", "nextafter"]
WHOLE = ["add", "subtract", "multiply", "maximum", "minimum", "floor_divide", "remainder", "bitwise_and", "bitwise_or",
         "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift"]  # fmt: skip
TRUTH = ["logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor"]
COMPARED = ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"]
ONE_FLOAT = ["negative", "abs", "sign", "floor", "ceil", "trunc", "round", "sqrt", "square", "isnan", "isinf",
             "isfinite", "signbit", "reciprocal", "positive"]  # fmt: skip
ONE_WHOLE = ["negative", "abs", "sign", "square", "bitwise_invert", "floor", "positive"]
LAST = ["exp", "expm1", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh",
        "tanh", "asinh", "acosh", "atanh", "exp2", "sigmoid", "erf", "erfc"]  # fmt: skip
EDGES = [0.0, -0.0, 1.0, -1.0, 2.5, -3.5, math.inf, -math.inf, math.nan, 1e30, 1e-30, 0.5]
NUMBERS = [0, 1, -1, 2, 3, 0.5, -2.5, 0.0, math.inf, math.nan, True]


def host(name: str) -> np.dtype:
    """Return NumPy's dtype of a name."""
    return np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name)


def is_float(dtype: np.dtype) -> bool:
    """Say whether a dtype is one that functions are computed in."""
    return dtype.kind == "f" and dtype.itemsize > 2


def operand(draw: random.Random, full: tuple[int, ...]) -> Any:
    """Draw an operand: a dtype, a shape that broadcasts, values with edges among them, and how it lies."""
    dtype = host(draw.choice(KINDS))
    shape = tuple(1 if draw.randint(0, 4) == 0 else n for n in full)[draw.randint(0, len(full)) // 2 :]
    values = np.random.default_rng(draw.randint(0, 2**32 - 1))
    padded = tuple(2 * n for n in shape)
    if dtype.kind == "b":
        x = values.random(padded) < 0.5
    elif dtype.kind in "iu":
        limits = np.iinfo(dtype)
        ends = np.array([limits.min, limits.max, 0, 1, 2, 3, 7, limits.max - 1], dtype)
        small = values.integers(0, 100, padded).astype(dtype)
        x = np.where(values.random(padded) < 0.7, small, values.choice(ends, padded))
    else:
        with np.errstate(all="ignore"):
            x = values.choice(EDGES, padded)
            x = np.where(values.random(padded) < 0.7, values.normal(size=padded) * 3, x).astype(dtype)
    x = cupy.asarray(x)
    way = draw.randint(0, 5) if shape else 0
    inside = tuple(slice(0, n) for n in shape)
    if way == 1:
        return x[tuple(slice(None, None, 2) for _ in shape)]
    if way == 2:
        return x[inside][tuple(slice(None, None, -1) for _ in shape)]
    if way == 3:
        return cupy.asarray(x[inside], order="F")
    if way == 4:
        # Where no pack of elements begins.
        return x.ravel()[1 : 1 + math.prod(shape)].reshape(shape)
    if way == 5:
        return cupy.broadcast_to(x[inside].copy(), full)
    return x[inside].copy()


class Expression:
    """Steps over operands: a name, and for each argument the number of a value or a Python number in a list."""

    def __init__(self, draw: random.Random) -> None:
        full = tuple(draw.choice([1, 2, 3, 4, 5, 8, 16, 24]) for _ in range(draw.choice([0, 1, 1, 2, 2, 3])))
        full = (*full, 0) if draw.randint(0, 30) == 0 else full
        self.operands = [operand(draw, full) for _ in range(draw.randint(1, 3))]
        self.steps: list[tuple[str, tuple[Any, ...]]] = []
        self.values = [x.get() for x in self.operands]
        xp = namespace(HOST)
        with np.errstate(all="ignore"):
            for _ in range(draw.randint(3, 12)):
                self._add(draw, xp)
            self.exact = len(self.steps)
            floats = [i for i, v in enumerate(self.values) if is_float(v.dtype)]
            if floats and draw.random() < 0.5:
                self._do(xp, draw.choice(LAST), (draw.choice(floats),))
        count = len(self.operands)
        # All values are compared, or those at the end, with what leads to them inside the kernel.
        self.wanted = [*range(count, len(self.values))]
        if draw.randint(0, 2) == 0:
            self.wanted = sorted({len(self.values) - 1, count + self.exact - 1})

    def _do(self, xp: Any, name: str, arguments: tuple[Any, ...]) -> None:
        self.steps.append((name, arguments))
        self.values.append(np.asarray(step(xp, self.values, name, arguments)))

    def _add(self, draw: random.Random, xp: Any) -> None:
        """Draw a step that the values allow; NumPy tells what becomes of dtypes."""
        one = draw.randint(max(0, len(self.values) - 4), len(self.values) - 1)
        dtype = self.values[one].dtype
        if not (is_float(dtype) or dtype.kind in "iub"):
            # 16-bit floats go wide, as in bodies.
            self._do(xp, "astype", (one, [np.dtype(draw.choice(["float32", "float64"]))]))
            return
        alike = [i for i, v in enumerate(self.values) if v.dtype == dtype]
        kinds = [(is_float(v.dtype), v.dtype.kind) for v in self.values]
        near = [i for i, kind in enumerate(kinds) if kind == (is_float(dtype), dtype.kind)]
        two: Any = draw.choice(alike)
        way = draw.randint(0, 7)
        if way == 7 and dtype.kind != "b":
            number = draw.choice([n for n in NUMBERS if fits(n, dtype)])
            two = [number]
        if way == 0:
            truths = [i for i, v in enumerate(self.values) if v.dtype == bool]
            if truths:
                self._do(xp, "where", (draw.choice(truths), one, two))
                return
        if way == 1:
            self._cast(draw, xp, one)
        elif way == 2:
            self._do(xp, draw.choice(COMPARED), (one, draw.choice(near) if dtype.kind != "b" else two))
        elif dtype.kind == "b":
            self._do(xp, draw.choice(TRUTH), (one, two))
        elif way == 3:
            self._do(xp, draw.choice(ONE_FLOAT if is_float(dtype) else ONE_WHOLE), (one,))
        elif is_float(dtype):
            name = draw.choice(FLOAT)
            same = two if name in ("nextafter", "copysign") or isinstance(two, list) else draw.choice(near)
            self._do(xp, name, (one, same))
        else:
            name = draw.choice(WHOLE)
            if name.endswith("shift") and not isinstance(two, list) and dtype.kind == "i":
                self._do(xp, "bitwise_and", (two, [15]))
                two = len(self.values) - 1
            self._do(xp, name, (one, two))

    def _cast(self, draw: random.Random, xp: Any, one: int) -> None:
        """Cast; a float that is to be an integer is one that the integers have."""
        to = host(draw.choice(KINDS))
        if is_float(self.values[one].dtype) and to.kind in "iu":
            self._do(xp, "isnan", (one,))
            self._do(xp, "where", (len(self.values) - 1, [0.0], one))
            self._do(xp, "maximum", (len(self.values) - 1, [0.0]))
            self._do(xp, "minimum", (len(self.values) - 1, [100.0]))
            one = len(self.values) - 1
        self._do(xp, "astype", (one, [to]))

    def function(self) -> Any:
        """Return the expression as a function that the backend compiles: it gives some of its values."""
        wanted = self.wanted

        def run(*operands: Any, device: Device = HOME) -> Any:
            xp, values = namespace(device), list(operands)
            for name, arguments in self.steps:
                values.append(step(xp, values, name, arguments))
            return [values[i] for i in wanted]

        return run


def step(xp: Any, values: Any, name: str, arguments: tuple[Any, ...]) -> Any:
    """Do one step."""
    given = [a[0] if isinstance(a, list) else values[a] for a in arguments]
    if name == "where":
        given = [a if hasattr(a, "dtype") else np.full((), a, given[2].dtype)[()].item() for a in given]
    return getattr(xp, name)(*given)


def fits(number: Any, dtype: np.dtype) -> bool:
    """Say whether a dtype takes a number without becoming another."""
    if dtype.kind == "f":
        return True
    return isinstance(number, int) and not (dtype.kind == "u" and number < 0)


def same(found: np.ndarray, wanted: np.ndarray, exact: bool) -> bool:
    """Compare; where nothing is rounded otherwise, zeros have the same sign, too."""
    if found.dtype != wanted.dtype or found.shape != wanted.shape:
        return False
    if not is_float(wanted.dtype) and wanted.dtype.kind in "iub":
        return np.array_equal(found, wanted)
    a, b = found.astype(np.float64), wanted.astype(np.float64)
    if exact:
        return bool(np.all(((a == b) & (np.signbit(a) == np.signbit(b))) | (np.isnan(a) & np.isnan(b))))
    tolerance = 2e-6 if wanted.dtype == np.float32 else 1e-13
    return np.allclose(a, b, rtol=tolerance, atol=0.1 * tolerance, equal_nan=True)


@hypothesis.settings(
    max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=list(hypothesis.HealthCheck),
    phases=[hypothesis.Phase.generate],
)  # fmt: skip
@hypothesis.given(st.lists(st.integers(0, 2**32 - 1), min_size=40, max_size=40, unique=True))
def check(seeds: list[int]) -> None:
    """Compare expressions, which are compiled together, with NumPy."""
    drawn = [Expression(random.Random(seed)) for seed in seeds]
    gpu: Any = HOME.backend.gpu  # type: ignore[attr-defined]
    texts: dict[str, Any] = {}
    programs = []
    for expression in drawn:
        fused = Fused(HOME.backend.compile.__self__, expression.function())  # type: ignore[union-attr]
        with np.errstate(all="ignore"):
            try:
                fused._trace((), tuple(expression.operands), len(expression.operands))
            except NothingGained:
                continue
        if fused.programs:
            programs.append((expression, fused.programs[()]))
    gpu.function_of_text = lambda code, name: texts.setdefault(code, lambda grid, block, arguments: None)
    for expression, program in programs:
        program(*expression.operands)
        for kernel in program.kernels:
            kernel.ready.clear()
    texts = dict(zip(texts, loaded_together(list(texts), functions()), strict=True))
    gpu.function_of_text = lambda code, name: texts[code]
    for expression, program in programs:
        with np.errstate(all="ignore"):
            found = [v.get() for v in program(*expression.operands)]
        wanted = [expression.values[i] for i in expression.wanted]
        for i, (a, b) in enumerate(zip(found, wanted, strict=True)):
            last = len(expression.steps) > expression.exact and i == len(wanted) - 1
            shown = [(x.dtype.name, x.shape, x.strides, x.tolist()) for x in expression.operands]
            assert same(a, b, not last), (expression.steps, shown, a, b)
    counted.append(len(programs))


counted: list[int] = []

if __name__ == "__main__":
    check()
    assert sum(counted) > 80, counted
    print(f"{sum(counted)} expressions agree")
