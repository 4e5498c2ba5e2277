"""Every method of a tensor, given what does not belong there, answers or refuses in words, and changes nothing then."""

from __future__ import annotations

import math
import re
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.core.errors import CandelabraError

# These hand tensors to something else, or write to files.
OTHERS = {"backward", "pin_memory", "register_hook", "share_memory_"}
OPERATORS = (
    "__add__", "__radd__", "__and__", "__contains__", "__eq__", "__floordiv__", "__getitem__", "__iadd__",
    "__imatmul__", "__lshift__", "__lt__", "__matmul__", "__pow__", "__setitem__", "__dlpack__",
)  # fmt: skip
METHODS = sorted(
    name for name in dir(cb.Tensor)
    if not name.startswith("_") and callable(getattr(cb.Tensor, name, None)) and name not in OTHERS
)  # fmt: skip
# Work grows with the number.
LONG = {"mvlgamma", "mvlgamma_"}


def junk(name: str) -> list[Any]:
    return [
        None, "seven", -1, 99, 2.5, True, math.nan, [1.5], (0, 0), (), object(), {}, 1j, b"x", cb.float32, 0, 1,
        np.ones(2), [[1, 2], [3]], cb.ones((2, 2)), cb.ones(3, dtype=cb.int64), cb.ones((2, 3), dtype=cb.bool),
        cb.ones(0), *([] if name in LONG else [2**63, 2**100]),
    ]  # fmt: skip


TENSORS = (
    lambda: cb.ones((2, 3)),
    lambda: cb.ones((2, 3), dtype=cb.int64),
    lambda: cb.ones((2, 2), dtype=cb.bool),
    lambda: cb.ones((3, 3), dtype=cb.complex64),
    lambda: cb.ones(()),
    lambda: cb.ones((0, 3)),
)


def test_there_are_many() -> None:
    assert len(METHODS) > 400


@pytest.mark.parametrize("name", [*METHODS, *OPERATORS])
def test_method(name: str) -> None:
    given = junk(name)
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = [((), {}), *(((j,), {}) for j in given)]
    calls += [((a, b), {}) for a in (0, cb.ones(3), "x") for b in given] + [((0, 1, j), {}) for j in given]
    calls += [((), {"colour": 1}), ((), {"dim": 99}), ((), {"axis": "a"}), ((), {"dim": 1.5}), ((), {"dtype": "seven"})]
    for make in TENSORS:
        for operands, options in calls:
            x = make()
            before = x.tolist(), x.shape, x.dtype
            what = f"x.{name}({operands!r:.80}, {options})"
            try:
                getattr(x, name)(*operands, **options)
                continue
            except (CandelabraError, MemoryError) as error:
                assert str(error), what
            except AttributeError as error:
                # A method that candelabra does not offer says why.
                assert re.search(rf"\b{name}\b", str(error)) and "object has no" not in str(error), f"{what}: {error}"
            except TypeError as error:
                # Python's own, about the signature.
                assert "()" in str(error) and "argument" in str(error), f"{what}: {error}"
            except ValueError as error:
                # NumPy's own, of an array where a switch belongs.
                assert "truth value of an array" in str(error) and any(isinstance(v, np.ndarray) for v in operands)
            assert (x.tolist(), x.shape, x.dtype) == before, what
