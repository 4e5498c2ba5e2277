"""Sizes that no memory holds, what vmap cannot know, and targets that stay as they were after an error."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import candelabra as cb
import pytest
from candelabra import nn, optim
from candelabra.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    AxisError,
    CandelabraError,
    OutOfRangeError,
    ShapeError,
    TransformError,
)

MAKERS: dict[str, Callable[[Any], Any]] = {
    "zeros": cb.zeros,
    "ones": cb.ones,
    "empty": cb.empty,
    "full": lambda n: cb.full(n, 1.0),
    "random_uniform": cb.rand,
    "random_normal": cb.randn,
    "tile": lambda n: cb.tile(cb.ones(2), n if isinstance(n, tuple) else (n,)),
}
ONE = {
    "arange": cb.arange,
    "eye": cb.eye,
    "linspace": lambda n: cb.linspace(0.0, 1.0, n),
    "random_permutation": cb.randperm,
    "repeat": lambda n: cb.repeat(cb.ones(2), n),
    "pad": lambda n: cb.pad(cb.ones(2), widths=((0, n),)),
}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("shape", [2**48, 2**62, 2**63, 2**64, 2**100, (2**32, 2**32), (2**20, 2**20, 2**20)])
def test_sizes_that_no_memory_holds(name: str, shape: Any) -> None:
    with pytest.raises((MemoryError, ShapeError, OutOfRangeError)) as caught:
        MAKERS[name](shape)
    text = str(caught.value)
    assert name in text
    # What was asked for, or the first array on the way there.
    sizes = shape if isinstance(shape, tuple) else (shape,)
    assert name == "tile" or any(str(n) in text for n in sizes), text


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize("count", [2**48, 2**62, 2**63, 2**100])
def test_counts_that_no_memory_holds(name: str, count: int) -> None:
    with pytest.raises((MemoryError, CandelabraError)) as caught:
        ONE[name](count)
    assert name in str(caught.value) or name.removeprefix("random_")[:4] in str(caught.value)


def test_a_lack_of_memory_says_what_was_asked_for() -> None:
    with pytest.raises(
        MemoryError, match=r"^zeros: Unable to allocate .* for an array with shape \(281474976710656,\)"
    ):
        cb.zeros(2**48)
    with pytest.raises(MemoryError, match=r"arange: no memory holds the values from 0 to 9223372036854775808 in steps"):
        cb.arange(2**63)
    with pytest.raises(MemoryError, match="arange: no memory holds the values from 0 to inf"):
        cb.arange(0, math.inf)
    with pytest.raises(MemoryError, match="arange: no memory holds"):
        cb.arange(10**400)
    with pytest.raises(MemoryError, match=r"adaptive_avg_pool: no memory holds an output of size \(281474976710656,"):
        cb.adaptive_avg_pool(cb.ones((1, 1, 4)), output_size=2**48)


@pytest.mark.parametrize("size", [-1, -(2**63), (2, -1), [-3]])
@pytest.mark.parametrize("name", [name for name in MAKERS if name != "tile"])
def test_negative_sizes(name: str, size: Any) -> None:
    with pytest.raises(ShapeError):
        MAKERS[name](size)


def test_what_is_no_size_and_no_axis() -> None:
    for wrong in (True, False, 1.0, "3", b"3", None, (2, True), (2, 1.0), (2, "3")):
        for make in (cb.zeros, cb.ones, cb.rand):
            with pytest.raises((ArgumentTypeError, TypeError)):
                make(wrong)
    with pytest.raises(ArgumentTypeError, match=r"zeros: a shape is a tuple of ints, not \(2, True\)"):
        cb.zeros((2, True))
    for wrong in (True, 1.0, "rows", b"1", (0, True)):
        with pytest.raises(ArgumentTypeError, match="sum: an axis is an int"):
            cb.sum(cb.ones((2, 3)), axis=wrong)
    with pytest.raises(AxisError, match="sum: axis 9223372036854775808 is out of bounds for 2 axes"):
        cb.sum(cb.ones((2, 3)), axis=2**63)
    with pytest.raises(ShapeError, match=r"broadcast_to: a tensor of shape \(\) does not broadcast to \(-1,\)"):
        cb.broadcast_to(cb.ones(()), (-1,))
    with pytest.raises(ArgumentError, match="expand: -1 keeps the size of an axis, which the new axes"):
        cb.ones((2, 3)).expand(-1, 2, 3)
    assert cb.zeros(cb.tensor(3)).shape == (3,) and cb.zeros(2, 0, 5).shape == (2, 0, 5)


DATA_DEPENDENT: list[tuple[Callable[[cb.Tensor], Any], str]] = [
    (cb.nonzero, "nonzero inside vmap: the result's shape would depend on the data"),
    (cb.unique_values, "unique_values inside vmap: the result's shape would depend on the data"),
    (cb.unique_all, "unique_all inside vmap: the result's shape would depend on the data"),
    (cb.unique_counts, "unique_counts inside vmap: the result's shape would depend on the data"),
    (cb.unique_inverse, "unique_inverse inside vmap: the result's shape would depend on the data"),
    (lambda x: x[x > 2], "getitem with a boolean index inside vmap: the tensor stands for 3 values at once"),
    (lambda x: cb.masked_select(x, x > 2), "with a boolean index inside vmap"),
    (lambda x: x[0].item(), "item inside vmap: the tensor stands for 3 values at once and has no single one"),
    (lambda x: x if x[0] > 1 else -x, "bool() inside vmap"),
    (lambda x: int(x[0]), "int() inside vmap"),
    (lambda x: float(x[0]), "float() inside vmap"),
    (lambda x: range(9)[x[0]], "an index inside vmap"),
    (lambda x: x.tolist(), "tolist inside vmap"),
    (lambda x: x.numpy(), "numpy inside vmap"),
    (lambda x: cb.arange(x[0]), "inside vmap"),
    (lambda x: cb.zeros(x[0]), "zeros: an index inside vmap"),
    (lambda x: cb.repeat(x, x), "inside vmap"),
    (lambda x: cb.bincount(x), "inside vmap"),
    (lambda x: x[: x[0]], "an index inside vmap"),
]


@pytest.mark.parametrize(("function", "text"), DATA_DEPENDENT, ids=[str(i) for i in range(len(DATA_DEPENDENT))])
@pytest.mark.parametrize("device", ["cpu", "strict"])
def test_what_depends_on_the_data_inside_vmap(function: Any, text: str, device: str) -> None:
    if device == "strict":
        pytest.importorskip("candelabra_strict")
    x = cb.reshape(cb.arange(6, device=device), (3, 2))
    with pytest.raises(TransformError) as caught:
        cb.vmap(function)(x)
    assert text in str(caught.value) and ("cb.where" in str(caught.value) or "outside" in str(caught.value))


STEPPING = sorted(
    name for name in dir(optim)
    if isinstance(getattr(optim, name), type) and issubclass(getattr(optim, name), optim.Optimizer)
    and name not in ("Optimizer", "LBFGS", "SparseAdam")
)  # fmt: skip


@pytest.mark.parametrize("name", STEPPING)
def test_an_optimizer_that_fails_has_updated_nothing(name: str) -> None:
    first, second = nn.Parameter(cb.ones((2, 2))), nn.Parameter(cb.ones((2, 2)))
    made = getattr(optim, name)([{"params": [first]}, {"params": [second]}], lr=0.1)

    def refused(*arguments: Any) -> None:
        before = first.tolist(), second.tolist(), made.state_dict()
        with pytest.raises((CandelabraError, ZeroDivisionError)):
            made.step(*arguments)
        after = first.tolist(), second.tolist(), made.state_dict()
        assert before[:2] == after[:2] and repr(before[2]["state"]) == repr(after[2]["state"])

    for p in (first, second):
        p.grad = cb.ones((2, 2))
    made.step()
    made.param_groups[1]["lr"] = "fast"
    refused()
    made.param_groups[1]["lr"] = 0.1
    refused(lambda: 1 / 0)
    saved = made.state_dict()
    saved["param_groups"] = saved["param_groups"][:1]
    before = first.tolist()
    with pytest.raises(CandelabraError):
        made.load_state_dict(saved)
    made.step()
    assert first.tolist() == second.tolist() != before


def test_writes_that_fail_write_nothing() -> None:
    x = cb.asarray([[1, 2, 3], [4, 5, 6]])
    for write in (
        lambda: x.__iadd__(2**63), lambda: x.__imul__(2**100), lambda: x.add_(0.5), lambda: x.copy_(cb.ones((7,))),
        lambda: x.scatter_(0, cb.asarray([[5]]), 1), lambda: x.index_copy_(0, cb.asarray([0]), cb.ones((1, 3))),
        lambda: x.index_fill_(0, cb.asarray([9]), 1), lambda: x.put_(cb.asarray([99]), cb.asarray([1])),
        lambda: x.masked_fill_(cb.ones((5, 3), dtype=cb.bool), 1), lambda: x.__setitem__((0, 7), 1),
        lambda: x.__setitem__(cb.asarray([True]), 1), lambda: x.clamp_(min="a"), lambda: x.fill_("a"),
        lambda: x.masked_scatter_(cb.ones((2, 3), dtype=cb.bool), cb.asarray([1])), lambda: x.lerp_(x, 0.5),
    ):  # fmt: skip
        with pytest.raises(CandelabraError):
            write()
        assert x.tolist() == [[1, 2, 3], [4, 5, 6]] and x.dtype is cb.int64 and x.node is None
