"""What transformations refuse, with the operation and the mend in the text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import func
from candelabra.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    AxisError,
    DTypeError,
    ShapeError,
    TransformError,
)

X = cb.tensor([[1.0, 2.0, -3.0], [1.0, -1.0, 2.0]])
ONE = r" inside vmap: the tensor stands for 2 values at once .*test_refusals\.py:\d+: .*cb\.where instead of if"
SHAPE = r" inside vmap: the result's shape would depend on the data, .* select with cb\.where"

REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "item": (lambda a: a[0].item(), "^item" + ONE),
    "float": (lambda a: float(a[0]), r"^float\(\)" + ONE),
    "int": (lambda a: int(a[0]), r"^int\(\)" + ONE),
    "complex": (lambda a: complex(a[0]), r"^complex\(\)" + ONE),
    "index": (lambda a: [1, 2][a[0].to(cb.int64)], "^an index" + ONE),
    "bool": (lambda a: a if a[0] > 0 else -a, r"^bool\(\)" + ONE),
    "tolist": (lambda a: a.tolist(), "^tolist" + ONE),
    "numpy": (lambda a: a.numpy(), "^numpy" + ONE),
    "dlpack": (lambda a: a.__dlpack__(), "^__dlpack__" + ONE),
    "allclose": (lambda a: cb.allclose(a, a), ONE),
    "boolean index": (lambda a: a[a > 0], "^getitem with a boolean index" + ONE),
    "masked_select": (lambda a: cb.masked_select(a, a > 0), "with a boolean index" + ONE),
    "repeat_interleave": (lambda a: cb.repeat_interleave(a, (a > 0).to(cb.int64)), ONE),
    "nonzero": (lambda a: cb.nonzero(a)[0], "^nonzero" + SHAPE),
    "argwhere": (lambda a: cb.argwhere(a), "nonzero" + SHAPE),
    "unique_values": (lambda a: cb.unique_values(a), "^unique_values" + SHAPE),
    "unique": (lambda a: cb.unique(a), SHAPE),
    "rand": (lambda a: a + cb.rand(3), r"^a draw \(uniform\) inside vmap, .*randomness='different'"),
    "dropout": (lambda a: cb.nn.functional.dropout(a), r"^dropout: a draw .*randomness='different'"),
    "randperm": (lambda a: a[cb.randperm(3)], r"^a draw \(permutation\) .*randomness='different'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_vmap_cannot_give(case: str) -> None:
    function, text = REFUSED[case]
    with pytest.raises(TransformError, match=text):
        func.vmap(function)(X)


def test_what_has_one_shape_is_mapped() -> None:
    def written(a: Any) -> Any:
        a = a * 1
        a[a > 0] = 0.0
        return a

    expected = np.where(X.numpy() > 0, 0.0, X.numpy())
    for function in (written, lambda a: a.masked_fill(a > 0, 0.0), lambda a: cb.where(a > 0, 0.0, a)):
        np.testing.assert_array_equal(func.vmap(function)(X).numpy(), expected)
    repeated = func.vmap(lambda a: cb.repeat_interleave(a, 2))(X)
    np.testing.assert_array_equal(repeated.numpy(), np.repeat(X.numpy(), 2, axis=1))


def test_a_tensor_that_outlives_its_transformation() -> None:
    kept = []
    func.vmap(lambda a: kept.append(a) or a)(X)
    with pytest.raises(TransformError, match=r"shape \(3,\) was made inside vmap and used after it ended; return it"):
        kept[0] * 2


ARGUMENTS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "no such argument": (lambda: func.grad(lambda a: a.sum(), 1)(X), ArgumentError, "argnums 1 is out of range for 1"),
    "an argument twice": (lambda: func.grad(lambda a: a.sum(), (0, 0))(X), ArgumentError, "each argument once"),
    "no argument": (lambda: func.jacrev(lambda a: a, ())(X), ArgumentError, "at least one"),
    "no scalar": (lambda: func.grad(lambda a: a)(X), ShapeError, r"must return a 0-d Tensor, got shape \(2, 3\)"),
    "no tensor": (lambda: func.grad(lambda a: 1.0)(X), ShapeError, "must return a 0-d Tensor, got float"),
    "a complex value": (lambda: func.grad(lambda a: (a * 1j).sum())(X), DTypeError, r"got complex64; take its \.real"),
    "an integer": (lambda: func.grad(lambda a: a.sum())(cb.arange(3)), ArgumentTypeError, r"int64 .* with \.float\(\)"),
    "no aux": (lambda: func.grad(lambda a: a.sum(), has_aux=True)(X), ArgumentTypeError, r"a pair \(output, aux\)"),
    "no differentiable output": (lambda: func.vjp(lambda a: a > 0, X), DTypeError, "an output is bool"),
    "no primal": (lambda: func.vjp(lambda: X), ArgumentError, "takes at least one"),
    "a cotangent too few": (
        lambda: func.vjp(lambda a: (a, a), X)[1](X), ArgumentTypeError, "2 outputs want as many cotangents, got 1",
    ),
    "a cotangent's shape": (lambda: func.vjp(lambda a: a, X)[1](X[0]), ShapeError, r"shape \(3,\), its output"),
    "primals no tuple": (lambda: func.jvp(lambda a: a, [X], [X]), ArgumentTypeError, "are tuples"),
    "nested differently": (lambda: func.jvp(lambda a: a, (X,), ((X,),)), ArgumentTypeError, "nested differently"),
    "a tangent's shape": (lambda: func.jvp(lambda a: a, (X,), (X[0],)), ShapeError, r"tangent has shape \(3,\)"),
    "no dependence": (lambda: func.jvp(lambda a: X, (X,), (X,), strict=True), ArgumentError, "strict=True forbids"),
    "no tensor from jvp": (lambda: func.jvp(lambda a: 3, (X,), (X,)), ArgumentTypeError, "return Tensors, got int"),
    "a complex Jacobian": (lambda: func.jacrev(lambda a: a * 1j)(X), DTypeError, "outputs are real, got complex64"),
    "a complex argument": (lambda: func.jacfwd(lambda a: a)(X * 1j), DTypeError, "arguments are real, got complex64"),
    "a chunk of none": (lambda: func.jacrev(lambda a: a, chunk_size=0), ArgumentError, "chunk_size is a positive int"),
    "vmap: a chunk of none": (lambda: func.vmap(lambda a: a, chunk_size=0), ArgumentError, "chunk_size is a positive"),
    "vmap: randomness": (lambda: func.vmap(lambda a: a, randomness="some"), ArgumentError, "'error', 'same' or 'diff"),
    "vmap: two names": (lambda: func.vmap(lambda a: a, 1, in_dims=1), ArgumentError, "two names of one argument"),
    "vmap: nothing mapped": (lambda: func.vmap(lambda a: a, None)(X), ArgumentError, "axis of at least one argument"),
    "vmap: no arguments": (lambda: func.vmap(lambda: X)(), ArgumentError, "without positional arguments"),
    "vmap: sizes": (lambda: func.vmap(lambda a, b: a)(X, X[0]), ShapeError, r"different sizes: \[2, 3\]"),
    "vmap: no tensor": (lambda: func.vmap(lambda a, b: a)(X, 2.0), ArgumentTypeError, "got float; in_axes=None shares"),
    "vmap: a scalar": (lambda: func.vmap(lambda a: a)(X[0, 0]), ArgumentTypeError, "got a 0-d Tensor; in_axes=None"),
    "vmap: axis": (lambda: func.vmap(lambda a: a, 2)(X), ShapeError, r"in_axes 2 is out of range .* \(2, 3\)"),
    "vmap: structure": (lambda: func.vmap(lambda a, b: a, (0,))(X, X), ArgumentError, r"in_axes \(0,\) does not fit"),
    "vmap: out structure": (lambda: func.vmap(lambda a: a, 0, (0, 0))(X), ArgumentError, r"out_axes \(0, 0\) does not"),
    "vmap: out axis": (lambda: func.vmap(lambda a: a, 0, 2)(X), AxisError, "out_axes: axis 2 is out of bounds"),
    "vmap: no tensor out": (lambda: func.vmap(lambda a: 3)(X), ArgumentTypeError, "got int; out_axes=None lets"),
    "vmap: out None": (lambda: func.vmap(lambda a: a, 0, None)(X), ArgumentError, "result that differs between"),
}  # fmt: skip


@pytest.mark.parametrize("case", ARGUMENTS)
def test_bad_arguments(case: str) -> None:
    call, kind, text = ARGUMENTS[case]
    with pytest.raises(kind, match=text):
        call()


def test_structures_are_matched_by_their_keys() -> None:
    row, other = X[0], X[1]
    swapped = {"q": other, "p": row}
    (found,) = func.vjp(lambda a: {"p": a, "q": 2 * a}, row)[1](swapped)
    assert found.tolist() == (row + 2 * other).tolist()
    _, slope = func.jvp(lambda d: d["p"] * d["q"], ({"p": row, "q": other},), (swapped,))
    assert slope.tolist() == (row * other + row * other).tolist()
    with pytest.raises(ArgumentTypeError, match="cotangents are nested as the output is"):
        func.vjp(lambda a: ((a, a), a), row)[1]((row, row, row))
    gradient = func.grad(lambda d: (d["p"] ** 2).sum())(defaultdict(list, p=row))
    assert isinstance(gradient, defaultdict) and gradient["p"].tolist() == (2 * row).tolist()


def test_absent_names_say_why() -> None:
    with pytest.raises(AttributeError, match=r"^func\.functionalize: operations are functions already"):
        func.functionalize
    with pytest.raises(AttributeError, match=r"^func\.debug_unwrap: inside a transformation a tensor prints"):
        func.debug_unwrap
    with pytest.raises(AttributeError, match=r"'candelabra\.func' has no attribute 'vmapp'"):
        func.vmapp
