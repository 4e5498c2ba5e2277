"""Every public function, called wrongly in every way that its signature allows, answers or refuses in words.

A valid call of each function is taken from its own example, or from the calls that are compared with PyTorch's, or from
`CALLS`; a function without one fails here. Each argument is then replaced by what does not belong there. Wherever that
is an error, it is one of candelabra's own, whose text names the operation, or Python's own about the signature.
"""

from __future__ import annotations

import contextlib
import doctest
import functools
import importlib.util
import inspect
import io
import math
import types
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import candelabra as cb
import name_cases
import numpy as np
import pytest
from candelabra.core import errors
from candelabra.core.errors import AxisError, CandelabraError, DeviceMismatchError

STRICT = importlib.util.find_spec("candelabra_strict") is not None
SPACES = ("linalg", "fft", "special")


class Call(NamedTuple):
    """A call: by position, and by name."""

    operands: tuple[Any, ...]
    options: dict[str, Any]

    def put(self, where: int | str, value: Any) -> Call:
        """Return the call with another argument at a place."""
        if isinstance(where, str):
            return Call(self.operands, {**self.options, where: value})
        return Call((*self.operands[:where], value, *self.operands[where + 1 :]), self.options)

    def slots(self) -> Iterator[tuple[int | str, Any]]:
        """Yield the places that are filled, and with what."""
        yield from enumerate(self.operands)
        yield from self.options.items()


# Calls of those that have neither an example of their own nor a comparison.
CALLS: dict[str, Callable[[], Call]] = {
    "from_dlpack": lambda: Call((np.ones(2),), {}),
    "from_numpy": lambda: Call((np.ones(2),), {}),
    "gammaln": lambda: Call((cb.ones(2),), {}),
    "modified_bessel_i0": lambda: Call((cb.ones(2),), {}),
    "modified_bessel_i1": lambda: Call((cb.ones(2),), {}),
    "multigammaln": lambda: Call((cb.full((2,), 3.0), 2), {}),
    "psi": lambda: Call((cb.ones(2),), {}),
    "to_device": lambda: Call((cb.ones(2), "cpu"), {}),
}
# What takes no tensor and no number, or changes the process.
OTHERS = {
    "are_deterministic_algorithms_enabled", "checkpoint", "devices", "fork_rng", "get_default_device",
    "get_default_dtype", "get_deterministic_debug_mode", "get_float32_matmul_precision", "get_num_threads",
    "get_printoptions", "get_rng_state", "grad", "initial_seed", "is_deterministic_algorithms_warn_only_enabled",
    "is_grad_enabled", "is_inference_mode_enabled", "load", "manual_seed", "release_memory", "save", "seed",
    "set_allocator", "set_default_device", "set_default_dtype", "set_deterministic_debug_mode",
    "set_float32_matmul_precision", "set_memory_limit", "set_num_threads", "set_printoptions", "set_rng_state",
    "synchronize", "use_deterministic_algorithms", "vmap",
}  # fmt: skip
# The function that a small and often called one hands its arguments to, and that speaks for it.
SPEAKS = {
    "as_tensor": ("asarray",), "tensor": ("asarray",), "full_like": ("full",), "randn": ("random_normal",),
    "rand": ("random_uniform",), "randint": ("random_integers",), "randperm": ("random_permutation",),
    "linspace": ("item",), "full": ("item",),
}  # fmt: skip
# As much work as the number says.
LONG = {("mvlgamma", 1), ("multigammaln", 1), ("pca_lowrank", "niter"), ("svd_lowrank", "niter")}


@functools.cache
def functions() -> dict[str, Any]:
    """Return the public functions by name."""
    spaces = {"": cb} | {f"{name}.": getattr(cb, name) for name in SPACES}
    found = {prefix + name: getattr(space, name) for prefix, space in spaces.items() for name in dir(space)}
    return {
        name: function for name, function in found.items()
        if isinstance(function, types.FunctionType) and name.rpartition(".")[2][0] != "_" and name not in OTHERS
    }  # fmt: skip


class Listening:
    """A namespace that writes down what its functions are called with."""

    def __init__(self, space: Any, calls: dict[int, Call]) -> None:
        self._space, self._calls = space, calls

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._space, name)
        if isinstance(found, types.ModuleType):
            return Listening(found, self._calls)
        if not isinstance(found, types.FunctionType):
            return found

        def listening(*operands: Any, **options: Any) -> Any:
            self._calls.setdefault(id(found), Call(operands, options))
            return found(*operands, **options)

        return listening


def from_example(function: Any, calls: dict[int, Call]) -> None:
    scope = {"cb": Listening(cb, calls)}
    for example in doctest.DocTestParser().get_examples(inspect.getdoc(function) or ""):
        if "import candelabra" not in example.source and example.exc_msg is None:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(example.source, "<example>", "single"), scope)


def from_comparison(name: str, calls: dict[int, Call]) -> None:
    scope: dict[str, Any] = {"T": Listening(cb, calls), "np": np}
    for text in name_cases.of_function(name)[:1]:
        scope.update({key: cb.asarray(value) for key, value in name_cases.INPUTS.items()})
        eval(text.rpartition(" | ")[2].lstrip("~!"), scope)


@functools.cache
def valid(name: str) -> Call:
    """Return a valid call of a public function."""
    function, calls = functions()[name], dict[int, Call]()
    short = name.rpartition(".")[2]
    if short in CALLS:
        return CALLS[short]()
    from_example(function, calls)
    if id(function) not in calls:
        from_comparison(short, calls)
    if id(function) not in calls and short != name and short in functions():
        return valid(short)
    return calls[id(function)]


def operands_like(x: cb.Tensor) -> Iterator[Any]:
    """Yield what does not belong where a tensor is expected, and tensors of every dtype and many shapes."""
    yield from ("seven", None, [1.0, 2.0], [[1, 2], [3]], np.ones(x.shape), object(), 1.5, 3, {})
    for dtype in (cb.bool, cb.int64, cb.uint8, cb.uint64, cb.complex64, cb.float16, cb.bfloat16, cb.float64):
        if dtype in x.device.native:
            yield cb.ones(x.shape, dtype=dtype, device=x.device)
    for shape in ((), (7,), (1, 2, 1, 2, 1), (*x.shape, 2), (0,), (0,) * x.ndim, tuple(n + 1 for n in x.shape)):
        yield cb.ones(shape, dtype=x.dtype, device=x.device)
    for value in (math.nan, math.inf) if x.dtype.kind in ("float", "complex") else (100,):
        yield cb.full(x.shape, value, dtype=x.dtype, device=x.device)


STATICS = (
    None, "seven", -1, 99, -99, 2.5, True, math.nan, math.inf, [1.5], (0, 0), (), 2**63, -(2**63), 2**100, 2**48,
    object(), f"{cb.pi}", {}, 1j, b"x", cb.float32, np.int64(1),
)  # fmt: skip


def wrong(name: str, given: Call) -> Iterator[tuple[str, Call]]:
    """Yield calls with one argument that may not fit."""
    for where, value in given.slots():
        if isinstance(value, cb.Tensor):
            others: Any = operands_like(value)
        elif isinstance(value, (list, tuple)) and value and isinstance(value[0], cb.Tensor):
            others = [[other, *value[1:]] for other in operands_like(value[0])]
            others += [[], None, "seven", 3, value[0]]
        else:
            others = STATICS if (name.rpartition(".")[2], where) not in LONG else STATICS[:3]
        for other in others:
            yield f"{where}={other!r:.60}", given.put(where, other)
    few = {where for short, where in LONG if short == name.rpartition(".")[2]}
    for i, parameter in enumerate(inspect.signature(functions()[name]).parameters.values()):
        free = parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        if free and i >= len(given.operands) and parameter.name not in given.options:
            for other in STATICS[: 3 if parameter.name in few else None]:
                yield f"{parameter.name}={other!r:.60}", given.put(parameter.name, other)
    yield "an unknown name", given.put("colour", 1)
    yield "nothing", Call((), {})
    yield "too many", Call((*given.operands, *[1] * 12), given.options)


def depth(error: BaseException) -> int:
    trace, count = error.__traceback__, 0
    while trace is not None:
        trace, count = trace.tb_next, count + 1
    return count


def outcome(name: str, what: str, given: Call) -> type[Exception] | None:
    """Return the class of a call's error, None without one; fails where the error is not told in words."""
    function = functions()[name]
    try:
        function(*given.operands, **given.options)
    except (CandelabraError, MemoryError) as error:
        short = name.rpartition(".")[2]
        told = {short, function.__name__, *SPEAKS.get(short, ())}
        # The text of a dtype or a device names that, and the switch of a gradient itself.
        named = any(n in str(error) for n in told) or what.startswith(
            ("dtype=", "device=", "requires_grad=", "generator=")
        )
        assert named, f"{name}({what}): {type(error).__name__}: {error}"
        return type(error)
    except TypeError as error:
        # Python's own, about the signature.
        assert depth(error) <= 4 and "()" in str(error) and "argument" in str(error), f"{name}({what}): {error}"
        return TypeError
    except Exception as error:
        raise AssertionError(f"{name}({what}): {type(error).__name__}: {error}") from error
    return None


NAMES = sorted(functions())


def test_there_are_many() -> None:
    assert len(NAMES) > 600


@pytest.mark.parametrize("name", NAMES)
def test_wrong_arguments(name: str) -> None:
    given = valid(name)
    for what, call in wrong(name, given):
        outcome(name, what, call)
    # What was given is as it was.
    assert outcome(name, "again", given) is None


def tensors_in(value: Any) -> list[cb.Tensor]:
    if isinstance(value, cb.Tensor):
        return [value]
    return [t for v in value for t in tensors_in(v)] if type(value) in (list, tuple) else []


def moved(value: Any) -> Any:
    if isinstance(value, cb.Tensor):
        return value.to("strict")
    return type(value)(map(moved, value)) if type(value) in (list, tuple) else value


@pytest.mark.skipif(not STRICT, reason="candelabra-strict is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_the_same_error_elsewhere(name: str) -> None:
    given = valid(name)
    for where, value in given.slots():
        if not isinstance(value, cb.Tensor):
            continue
        shapes = ((), (7,), (1, 2, 1, 2, 1), (*value.shape, 2), tuple(n + 1 for n in value.shape))
        for other in ("seven", None, [1.0], object(), {}, *(cb.ones(shape, dtype=value.dtype) for shape in shapes)):
            call, what = given.put(where, other), f"{where}={other!r:.60}"
            here = outcome(name, what, call)
            there = Call(moved(call.operands), {key: moved(value) for key, value in call.options.items()})
            elsewhere = outcome(name, what, there)
            # Values are looked at where that costs no synchronization.
            unseen = here in (errors.IndexOutOfRangeError, errors.ArgumentError) or name == "masked_scatter"
            assert elsewhere is here or unseen or (name, where) in ONE_AXIS, f"{name}({what}): {here} and {elsewhere}"


# The standard's index has one axis; NumPy takes any number.
ONE_AXIS = {("take", 1), ("index_select", 2)}


@pytest.mark.skipif(not STRICT, reason="candelabra-strict is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_operands_on_two_devices(name: str) -> None:
    given = valid(name)
    places = [where for where, value in given.slots() if isinstance(value, cb.Tensor)]
    lists = [w for w, v in given.slots() if type(v) in (list, tuple) and len(v) > 1 and isinstance(v[0], cb.Tensor)]
    options = dict(given.slots())
    mixed = [given.put(w, moved(options[w])) for w in places] if len(places) > 1 else []
    mixed += [given.put(w, [moved(options[w][0]), *options[w][1:]]) for w in lists]
    for call in mixed:
        if name in MAY_MIX:
            functions()[name](*call.operands, **call.options)
            continue
        with pytest.raises(DeviceMismatchError) as caught:
            functions()[name](*call.operands, **call.options)
        text = str(caught.value)
        assert "cpu" in text and "strict:0" in text and "x.to(" in text, text


# They compare facts, or write into parameters that may lie anywhere.
MAY_MIX = {"global_norm", "is_same_size", "result_type", "promote_types", "can_cast"}


@pytest.mark.parametrize("name", NAMES)
def test_axes_that_are_not_there(name: str) -> None:
    given, parameters = valid(name), inspect.signature(functions()[name]).parameters
    for word in ("axis", "dim"):
        if word not in parameters or name in COUNTED:
            continue
        others = {"axis", "dim"} - {word}
        place = list(parameters).index(word)
        plain = Call(given.operands, {k: v for k, v in given.options.items() if k not in others})
        other = next((o for o in others if o in parameters and list(parameters).index(o) < len(given.operands)), None)
        for axis, kind in ((99, AxisError), (-99, AxisError), (1.5, TypeError), ("rows", TypeError)):
            if other is not None:
                # The other name of the axis is filled by position.
                continue
            call = plain.put(place if place < len(given.operands) else word, axis)
            with pytest.raises(CandelabraError) as caught:
                functions()[name](*call.operands, **call.options)
            assert isinstance(caught.value, kind), f"{name}({word}={axis!r}): {type(caught.value)}: {caught.value}"
            assert str(axis) in str(caught.value)


# Here a dimension is something else.
COUNTED = {"norm_except_dim"}
