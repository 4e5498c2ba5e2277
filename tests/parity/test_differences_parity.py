"""PyTorch does what docs/differences.md says of it."""

from __future__ import annotations

import math
import pickle
import re
import threading
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "differences.md").read_text(encoding="utf-8")


def raises(kind: type[Exception], run: Any) -> bool:
    with pytest.raises(kind):
        run()
    return True


def tie(t: Any) -> list[list[float]]:
    x = t.tensor([[1.0, 1.0]], requires_grad=True)
    x.max(1).values.sum().backward()
    return x.grad.tolist()


def filled_row(t: Any) -> Any:
    def filled(value: Any) -> Any:
        row = t.zeros(2)
        row[0] = value
        return row

    return filled


def slope_of_slope(t: Any) -> list[float]:
    ones = t.ones(2)

    def slope(y: Any) -> Any:
        return t.func.jvp(lambda v: t.linalg.solve(t.diag(v), ones), (y,), (ones,))[1].sum()

    return t.func.grad(slope)(t.tensor([1.0, 2.0])).tolist()


def farthest(t: Any) -> list[list[float]]:
    x = t.tensor([[1.0, 2.0]], requires_grad=True)
    t.cdist(x, t.tensor([[0.0, 1.0]]), math.inf).backward()
    return x.grad.tolist()


def saved_and_changed(t: Any) -> None:
    w = t.tensor([2.0], requires_grad=True)
    v = w * 1.0
    loss = (v * v).sum()
    v += 10.0
    loss.backward()


def through_a_view(t: Any) -> list[float]:
    z = t.zeros(4)
    z[0:2].fill_(7)
    return z.tolist()


def through_numpy(t: Any) -> list[int]:
    y = t.tensor([1, 2])
    y.numpy()[0] = 5
    return y.tolist()


def to_numpy(t: Any) -> list[float]:
    import numpy as np

    array = np.zeros(2)
    x = t.from_numpy(array)
    x += 1
    return array.tolist()


def counted_rows(t: Any) -> list[float]:
    table = t.zeros(3, 1, requires_grad=True)
    bag = t.nn.functional.embedding_bag(t.tensor([[0, 0, 1]]), table, mode="sum", scale_grad_by_freq=True)
    bag.sum().backward()
    return table.grad.flatten().tolist()


def pickled_norm(t: Any) -> bytes:
    return pickle.dumps(t.nn.utils.parametrizations.weight_norm(t.nn.Linear(2, 2)))


def started_sums(t: Any) -> list[float]:
    w = t.ones(2, requires_grad=True)
    return t.optim.Adagrad([{"params": [w], "initial_accumulator_value": 0.5}]).state[w]["sum"].tolist()


def reloaded_number(t: Any) -> Any:
    w = t.ones(2, dtype=t.float64, requires_grad=True)
    nadam = t.optim.NAdam([w])
    (w * w).sum().backward()
    nadam.step()
    nadam.load_state_dict(nadam.state_dict())
    return nadam.state[w]["mu_product"].dtype


def end_of_adamax(t: Any, rate: Any) -> float:
    w = t.ones(1, dtype=t.float64, requires_grad=True)
    adamax = t.optim.Adamax([w], lr=rate)
    for _ in range(3):
        adamax.zero_grad()
        (w * w).sum().backward()
        adamax.step()
    return w.item()


def takes_any_state(t: Any) -> bool:
    w = t.ones(2, requires_grad=True)
    rprop = t.optim.Rprop([w])
    rprop.load_state_dict(t.optim.RMSprop([w]).state_dict())
    return "etas" not in rprop.param_groups[0]


def batches_of_a_list_that_grows(t: Any) -> int:
    samples = [1, 2, 3]
    for _ in t.utils.data.DataLoader(samples):
        samples.append(4)
    return len(samples)


def padded_place(torch: Any) -> float:
    layer = torch.nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    encoder = torch.nn.TransformerEncoder(layer, 1).eval()
    padding = torch.tensor([[False, False, True]])
    with torch.no_grad():
        return float(encoder(torch.ones(1, 3, 4), src_key_padding_mask=padding)[0, 2:].abs().sum())


def gradient_of_a_phase(torch: Any) -> None:
    x = torch.tensor([[0.0, -2.0j], [2.0j, 1.0]], requires_grad=True)
    torch.linalg.eigh(x)[1].imag.sum().backward()


def gradient_of_a_determinant(torch: Any) -> float:
    x = torch.tensor([1.0, 2.0, 0.0]).diag().requires_grad_()
    torch.linalg.det(x).backward()
    return float(x.grad[2, 2])


def numbers_of_a_convolution(torch: Any) -> int:
    x = torch.zeros(1, 32, 12, 12)
    x[0, 0, 5, 5] = math.nan
    return int(torch.isnan(torch.nn.functional.conv2d(x, torch.ones(32, 32, 3, 3), padding=1)[0, 0]).sum())


def slope_of_a_shape(t: Any) -> None:
    t.special.gammainc(t.tensor([1.5], requires_grad=True), t.tensor([1.0])).backward()


def slope_of_bessel(t: Any) -> None:
    t.special.bessel_j0(t.tensor([2.0], requires_grad=True)).backward()


def limits(t: Any) -> list[float]:
    end = t.tensor(math.inf)
    found = (t.special.bessel_j0(end), t.special.i0(end), t.special.airy_ai(end), t.polygamma(3, end))
    return [*(v.item() for v in found), t.special.zeta(t.tensor(2.0), end).item()]


def curve_of_sinc(t: Any) -> float:
    x = t.tensor(0.0, requires_grad=True)
    (slope,) = t.autograd.grad(t.sinc(x), x, create_graph=True)
    return float(t.autograd.grad(slope, x)[0])


def slope_at(t: Any, f: Any, at: float) -> float:
    x = t.tensor(at, requires_grad=True)
    f(x).backward()
    return float(x.grad)


def slope_of_heaviside(t: Any) -> None:
    t.heaviside(t.tensor([0.0]), t.tensor([2.0], requires_grad=True)).backward()


# For each heading of the page: what PyTorch does.
PYTORCH: dict[str, Any] = {
    "`Embedding` and `EmbeddingBag` refuse `sparse=True`": lambda t, x: t.nn.Embedding(10, 3, sparse=True).sparse,
    "`EmbeddingBag` divides a row's gradient by that row's own count": lambda t, x: counted_rows(t) != [1.0, 1.0, 0.0],
    "A parametrized module is pickled": lambda t, x: raises(RuntimeError, lambda: pickled_norm(t)),
    "What is made inside `vmap` may be written in place": lambda t, x: raises(
        RuntimeError, lambda: t.func.vmap(filled_row(t))(t.arange(3.0))
    ),
    "Derivatives of `solve` and `det` in forward mode may be differentiated in reverse": lambda t, x: (
        abs(slope_of_slope(t)[0] - 2.0) > 0.5
    ),
    "Axes are named by keyword": lambda t, x: t.sum(x, 1).tolist() == [7.0, 8.0],
    "`max` and `min` along an axis return the values alone": lambda t, x: len(x.max(1)) == 2,
    "The gradient of `max` and `min` along an axis is shared among ties": lambda t, x: sorted(tie(t)[0]) == [0.0, 1.0],
    "`sort` returns the values alone": lambda t, x: len(t.sort(x)) == 2,
    "`std` and `var` divide by n": lambda t, x: t.var(t.tensor([1.0, 3.0])).item() == 2.0,
    "`meshgrid` is Cartesian": lambda t, x: t.meshgrid(t.arange(2), t.arange(3))[0].shape == (2, 3),
    "`nonzero` returns one tensor per axis": lambda t, x: t.nonzero(x > 2).shape == (3, 2),
    "`repeat` repeats each element": lambda t, x: t.tensor([1, 2]).repeat(2).tolist() == [1, 2, 1, 2],
    "`squeeze` refuses an axis that is not of size one": lambda t, x: x.squeeze(0).shape == (2, 3),
    "`take` takes slices along an axis": lambda t, x: t.take(x, t.tensor([5])).tolist() == [5.0],
    "Of equal values the first is selected": lambda t, x: (
        t.topk(t.tensor([1.0, 3.0, 3.0, 2.0, 3.0]), 2).indices.tolist() != [1, 2]
        or t.kthvalue(t.ones(3), 3).indices.item() != 0
    ),
    "The gradient of the largest difference is shared among ties": lambda t, x: farthest(t) == [[1.0, 1.0]],
    "`mode` counts each NaN for itself": lambda t, x: t.isnan(t.mode(t.tensor([math.nan, math.nan, 1.0])).values),
    "`as_strided` counts elements in row-major order": lambda t, x: (
        t.as_strided(x.mT, (3,), (1,)).tolist() == [1.0, 4.0, 2.0]
    ),
    "An index out of range is refused by `unravel_index`, too": lambda t, x: (
        [i.item() for i in t.unravel_index(t.tensor([6]), (2, 3))] == [0, 0]
    ),
    "`equal` compares element by element": lambda t, x: t.equal(x, x) is True,
    "`mean`, `std` and `var` of integers are floating-point": lambda t, x: raises(
        RuntimeError, lambda: t.tensor([1, 2]).mean()
    ),
    "Infinities divide, and integers divide by zero": lambda t, x: (
        t.isnan(t.tensor(float("inf")) // 2) and raises(RuntimeError, lambda: t.tensor([1]) // t.tensor([0]))
    ),
    "The sign of NaN is NaN": lambda t, x: t.sign(t.tensor(float("nan"))).item() == 0.0,
    "`cholesky`, `eigh` and `eigvalsh` take the Hermitian part": lambda t, x: (
        t.linalg.eigvalsh(t.tensor([[0.0, 2.0], [0.0, 0.0]])).tolist() == [0.0, 0.0]
    ),
    "Complex eigenvectors and singular vectors have a phase": lambda t, x: raises(
        RuntimeError, lambda: gradient_of_a_phase(t)
    ),
    "The gradient of a determinant of zero": lambda t, x: gradient_of_a_determinant(t) == 0.0,
    "Right sides of one axis less than the matrices are matrices": lambda t, x: (
        t.linalg.solve(t.ones(3, 2, 2) + t.eye(2), t.ones(3, 2)).shape == (3, 2)
    ),
    "`solve_triangular` refuses a zero on the diagonal": lambda t, x: (
        t.isinf(t.linalg.solve_triangular(t.zeros(1, 1), t.ones(1, 1), upper=True))
    ),
    "What a factorization has not found is NaN": lambda t, x: (
        t.linalg.cholesky_ex(t.tensor([[4.0, 0.0], [0.0, -1.0]])).L[0, 0].item() == 2.0
    ),
    "Packed reflections and `ldl_solve` have derivatives": lambda t, x: (
        raises(RuntimeError, lambda: t.geqrf(t.ones(2, 1, requires_grad=True))[0].sum().backward())
    ),
    "They have derivatives in every argument that they are smooth in": lambda t, x: (
        raises(NotImplementedError, lambda: slope_of_a_shape(t)) and raises(RuntimeError, lambda: slope_of_bessel(t))
    ),
    "Bessel functions are right to the last digits": lambda t, x: (
        1e-9 < abs(t.special.bessel_j0(t.tensor(6.0, dtype=t.float64)).item() - 0.150645257251) < 1e-6
    ),
    "Infinite arguments give limits": lambda t, x: all(map(math.isnan, limits(t))),
    "A NaN in either argument of `gammainc` stays one": lambda t, x: (
        t.special.gammainc(t.tensor(math.nan), t.tensor(0.0)).item() == 0.0
    ),
    "The second derivative of `sinc` at zero": lambda t, x: math.isnan(curve_of_sinc(t)),
    "Equal infinities share the gradient of `logaddexp` and `logaddexp2`": lambda t, x: math.isnan(
        slope_at(t, lambda v: t.logaddexp2(v, t.tensor(math.inf)), math.inf)
    ),
    "`ldexp` differentiates with negative powers, too": lambda t, x: (
        slope_at(t, lambda v: t.ldexp(v, t.tensor(-2)), 1.0) == 0.0
    ),
    "`heaviside` passes the gradient to its values at zero": lambda t, x: (
        raises(RuntimeError, lambda: slope_of_heaviside(t))
        and raises(RuntimeError, lambda: t.complex(t.ones(1), t.ones(1, dtype=t.float64)))
    ),
    "A tensor without axes promotes like any other": lambda t, x: (
        (x * t.tensor(1.0, dtype=t.float64)).dtype == t.float32
    ),
    "Unsigned integers promote": lambda t, x: raises(
        RuntimeError, lambda: t.ones(1, dtype=t.uint16) + t.ones(1, dtype=t.int8)
    ),
    "An integer that a dtype does not hold is refused": lambda t, x: (
        (t.tensor([100], dtype=t.int8) + 200).tolist() == [44]
    ),
    "`size` is a number": lambda t, x: callable(x.size) and x.size != 6,
    "A write never changes another tensor": lambda t, x: through_a_view(t)[0] == 7.0,
    "A write to a temporary view warns": lambda t, x: through_a_view(t) == [7.0, 7.0, 0.0, 0.0],
    "What the graph saved cannot be changed": lambda t, x: raises(RuntimeError, lambda: saved_and_changed(t)),
    "`numpy()` is read-only": lambda t, x: through_numpy(t) == [5, 2],
    "`from_numpy` shares memory until the first write": lambda t, x: to_numpy(t) == [1.0, 1.0],
    "Memory cannot be read as another dtype": lambda t, x: x.view(t.int32).dtype == t.int32,
    "Names that are not offered say why": lambda t, x: x.stride() == (3, 1) and t.eye(2).to_sparse().is_sparse,
    "Operands of functions have no names": lambda t, x: t.multiply(x, other=2).tolist() == (x * 2).tolist(),
    "Functions of the front door that layers are made of take their own arguments": lambda t, x: (
        t.layer_norm(x, (3,)).shape == x.shape
    ),
    "A device has its index from the start": lambda t, x: t.device("cpu:0") != t.device("cpu"),
    "Padded places of a `TransformerEncoder` are computed in evaluation, too": lambda t, x: padded_place(t) == 0,
    "`is_causal=True` needs no mask beside it": lambda t, x: raises(
        RuntimeError, lambda: t.nn.MultiheadAttention(4, 2)(*[t.ones(3, 1, 4)] * 3, is_causal=True)
    ),
    "A convolution may spread what is no number to its neighbours": lambda t, x: numbers_of_a_convolution(t) == 9,
    "A step records no gradient": lambda t, x: (
        t.optim.Adam([t.ones(2, requires_grad=True)], differentiable=True).defaults["differentiable"]
    ),
    "The state dict of another kind of optimizer is refused": lambda t, x: takes_any_state(t),
    "A loaded optimizer goes on as if it had never stopped": lambda t, x: reloaded_number(t) == t.float64,
    "A learning rate that is a tensor is read as a number": lambda t, x: (
        end_of_adamax(t, t.tensor(0.1)) != end_of_adamax(t, t.tensor(0.1).item())
    ),
    "`Adagrad` starts a group's sums at the group's own value": lambda t, x: started_sums(t) == [0.0, 0.0],
    "Workers begin by importing, not by copying": lambda t, x: (
        t.utils.data.DataLoader([threading.Lock()], num_workers=1).multiprocessing_context is None
    ),
    "An empty dataset is refused": lambda t, x: list(t.utils.data.DataLoader([])) == [],
    "A dataset keeps its size during an epoch": lambda t, x: batches_of_a_list_that_grows(t) == 6,
    "Text in a batch is a list": lambda t, x: t.utils.data.default_collate([(1, "a"), (2, "b")])[1] == ("a", "b"),
    "Whole and broken numbers make a batch of float64": lambda t, x: (
        t.utils.data.default_collate([1, 2.5]).dtype == t.float32
    ),
}
# What an object offers, and not a result that differs.
ELSEWHERE = {
    "`x.data` writes through to its tensor, and to no other",
    "The same seed gives other numbers",
    "`save` writes no pickle",
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("title", PYTORCH)
def test_pytorch_differs(torch: Any, title: str) -> None:
    assert PYTORCH[title](torch, torch.tensor([[1.0, 4.0, 2.0], [3.0, 0.0, 5.0]]))


def test_every_difference_is_looked_up() -> None:
    assert set(re.findall(r"^### (.+)$", PAGE, re.MULTILINE)) == set(PYTORCH) | ELSEWHERE


def test_the_seed_gives_other_numbers(torch: Any) -> None:
    import candelabra as cb

    cb.manual_seed(0)
    torch.manual_seed(0)
    assert cb.rand(3).tolist() != torch.rand(3).tolist()
