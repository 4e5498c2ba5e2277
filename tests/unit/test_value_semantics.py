"""Writing through one tensor changes no other, nor what the graph saved; what a view in PyTorch would show, warns."""

from __future__ import annotations

import copy
import pickle
import threading
import warnings
from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.core.errors import LostWriteWarning


def grid(device: str = "cpu") -> cb.Tensor:
    return cb.reshape(cb.arange(12.0, device=device), (3, 4))


# Ways to get a tensor that may share its memory with another.
SHARING: dict[str, Callable[[cb.Tensor], cb.Tensor]] = {
    "detach": lambda x: x.detach(),
    "reshape": lambda x: x.reshape(12),
    "view": lambda x: x.view(4, 3),
    "slice": lambda x: x[1:],
    "row": lambda x: x[0],
    "step": lambda x: x[::2, ::-1],
    "new axis": lambda x: x[None],
    "transpose": lambda x: x.T,
    "permute": lambda x: x.permute(1, 0),
    "flip": lambda x: x.flip(0),
    "squeeze": lambda x: x[:1].squeeze(0),
    "expand": lambda x: x.unsqueeze(0).expand(2, 3, 4),
    "broadcast": lambda x: cb.broadcast_to(x, (2, 3, 4)),
    "real": lambda x: cb.real(x),
    "cast": lambda x: x.to(cb.float32),
    "same device": lambda x: x.to(x.device),
    "unstack": lambda x: cb.unstack(x)[0],
    "split": lambda x: x.split(2)[0],
    "chunk": lambda x: x.chunk(2)[1],
    "unbind": lambda x: x.unbind(1)[2],
    "concat of one": lambda x: cb.concat([x]),
    "broadcast_arrays": lambda x: cb.broadcast_arrays(x, x)[0],
    "asarray": lambda x: cb.asarray(x),
    "contiguous": lambda x: x.contiguous(),
    "clone": lambda x: x.clone(),
    "tensor": lambda x: cb.tensor(x),
    "dlpack": lambda x: cb.from_dlpack(x),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
    "positive": lambda x: +x,
    "clip": lambda x: cb.clip(x),
    "roll": lambda x: x.roll(0),
    "tile": lambda x: x.tile(1),
    "astype": lambda x: cb.astype(x, x.dtype, copy=False),
}
WRITES: dict[str, Callable[[cb.Tensor], Any]] = {
    "add": lambda x: x.__iadd__(1.0),
    "multiply": lambda x: x.mul_(3.0),
    "item": lambda x: x.__setitem__(0, 7.0),
    "ellipsis": lambda x: x.__setitem__(..., 7.0),
    "mask": lambda x: x.__setitem__(x > 3.0, -1.0),
    "zero": lambda x: x.zero_(),
    "copy": lambda x: x.copy_(cb.full(x.shape, 9.0, device=x.device)),
    "draw": lambda x: x.uniform_(),
    "clamp": lambda x: x.clamp_(4.0, 5.0),
    "again": lambda x: (x.add_(1.0), x.add_(1.0), x.__setitem__(0, 0.0)),
}


@pytest.mark.filterwarnings("ignore::candelabra.core.errors.LostWriteWarning")
@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("share", SHARING)
def test_a_write_stays_with_its_tensor(share: str, write: str, any_device: str) -> None:
    if any_device != "cpu" and share == "dlpack":
        pytest.skip("the device's own exchange is tested with its plugin")
    x = grid(any_device)
    other = SHARING[share](x)
    if other is x:
        return
    kept, seen = x.tolist(), other.tolist()
    WRITES[write](x)
    assert other.tolist() == seen
    assert x.tolist() != kept or write == "mask"
    changed = x.tolist()
    WRITES[write](other)
    assert x.tolist() == changed
    # A second tensor from the first, after both have been written.
    third = SHARING[share](x)
    if third is not x:
        WRITES[write](third)
        assert x.tolist() == changed


def test_writes_in_place_where_nobody_can_tell() -> None:
    x = cb.zeros(1000)
    address = x.data_ptr()
    x += 1.0
    x *= 2.0
    x[0] = 5.0
    assert x.data_ptr() == address and x.tolist()[:2] == [5.0, 2.0]
    shared = x.detach()
    x += 1.0
    assert x.data_ptr() != address and shared.tolist()[:2] == [5.0, 2.0]


@pytest.mark.parametrize(
    "look",
    [
        lambda x: x.numpy(),
        lambda x: np.asarray(x),
        pytest.param(lambda x: np.from_dlpack(x), marks=pytest.mark.host),
        lambda x: memoryview(x.numpy()),
        lambda x: x.numpy()[1:].reshape(-1),
        lambda x: np.broadcast_to(x.numpy(), (2, 3)),
    ],
)
def test_what_numpy_has_seen_does_not_change(look: Callable[[cb.Tensor], Any]) -> None:
    x = cb.tensor([1.0, 2.0, 3.0])
    seen = look(x)
    before = np.array(seen)
    x += 10.0
    x[0] = 0.0
    x.zero_()
    assert np.array_equal(np.asarray(seen), before)


@pytest.mark.host
def test_borrowed_memory_is_copied_by_the_first_write() -> None:
    for borrow in (cb.from_numpy, cb.asarray, cb.from_dlpack, cb.as_tensor):
        owner = np.arange(4.0)
        x = borrow(owner)
        assert np.shares_memory(x.numpy(), owner)
        x += 1.0
        x[0] = 9.0
        assert owner.tolist() == [0.0, 1.0, 2.0, 3.0] and x.tolist() == [9.0, 2.0, 3.0, 4.0]
    owner = np.arange(4.0)
    x = cb.tensor(owner)
    owner += 1
    assert x.tolist() == [0.0, 1.0, 2.0, 3.0]


def test_read_only_memory() -> None:
    frozen = np.arange(3.0)
    frozen.flags.writeable = False
    x = cb.asarray(frozen)
    x += 1
    assert x.tolist() == [1.0, 2.0, 3.0]
    y = cb.from_dlpack(cb.tensor([1.0, 2.0]).numpy())
    y *= 2
    assert y.tolist() == [2.0, 4.0]
    view = cb.tensor([1.0]).numpy()
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 2.0


@pytest.mark.host
def test_another_library_over_dlpack(torch: Any) -> None:
    x = cb.tensor([1.0, 2.0])
    theirs = torch.from_dlpack(x)
    x += 1.0
    assert theirs.tolist() == [1.0, 2.0]
    mine = cb.from_dlpack(torch.arange(3.0))
    mine += 1.0
    assert mine.tolist() == [1.0, 2.0, 3.0]


SAVED: dict[str, Callable[[cb.Tensor], cb.Tensor]] = {
    "multiply": lambda x: x * x,
    "divide": lambda x: 1.0 / x,
    "exp": lambda x: cb.exp(x),
    "matmul": lambda x: x @ x.T,
    "max": lambda x: cb.max(x, axis=1),
    "softmax": lambda x: cb.softmax(x, axis=1),
    "take": lambda x: x[cb.tensor([0, 2, 0])] ** 2,
    "slice": lambda x: x[:, 1:] * x[:, :-1],
    "layer_norm": lambda x: cb.nn.functional.layer_norm(x, (4,)),
}


@pytest.mark.filterwarnings("ignore::candelabra.core.errors.LostWriteWarning")
@pytest.mark.parametrize("write", [w for w in WRITES if w not in ("mask", "draw")])
@pytest.mark.parametrize("name", SAVED)
def test_what_the_graph_saved_does_not_change(name: str, write: str) -> None:
    start = cb.tensor(np.random.default_rng(0).uniform(0.5, 2.0, (3, 4)), requires_grad=True)
    (expected,) = cb.grad(SAVED[name](start * 1.0).sum(), [start])
    x = start * 1.0
    out = SAVED[name](x)
    loss = out.sum()
    WRITES[write](x)
    WRITES[write](out)
    (found,) = cb.grad(loss, [start])
    assert np.allclose(found.numpy(), expected.numpy())


def test_a_parameter_written_between_forward_and_backward() -> None:
    w = cb.tensor([2.0, 3.0], requires_grad=True)
    loss = (w * w).sum()
    with cb.no_grad():
        w += 100.0
    loss.backward()
    assert w.grad.tolist() == [4.0, 6.0] and w.tolist() == [102.0, 103.0] and w.is_leaf


def test_gradients_that_arrive_as_one_array_are_two() -> None:
    a, b = cb.ones(3, requires_grad=True), cb.ones(3, requires_grad=True)
    (a + b).sum().backward()
    a.grad += 1.0
    a.grad[0] = 7.0
    assert a.grad.tolist() == [7.0, 2.0, 2.0] and b.grad.tolist() == [1.0, 1.0, 1.0]
    kept = b.grad
    (a + b).sum().backward()
    assert kept.tolist() in ([1.0, 1.0, 1.0], [2.0, 2.0, 2.0]) and b.grad.tolist() == [2.0, 2.0, 2.0]


def test_data_writes_through_to_its_tensor_alone() -> None:
    p = cb.ones(3, requires_grad=True)
    other = p.detach()
    p.data.mul_(2.0)
    p.data[0] = 9.0
    p.data += 1.0
    assert p.tolist() == [10.0, 3.0, 3.0] and p.is_leaf and p.requires_grad
    assert other.tolist() == [1.0, 1.0, 1.0] and not p.data.requires_grad
    p.data = cb.zeros(3)
    assert p.tolist() == [0.0, 0.0, 0.0] and p.requires_grad


def test_many_threads_write_their_own() -> None:
    source = cb.ones(1000)
    failures: list[str] = []

    def work(k: int) -> None:
        for _ in range(30):
            mine = source.detach()
            view = mine[:10].clone()
            mine += float(k)
            mine[0] = -1.0
            x = cb.full((4,), float(k), requires_grad=True)
            (x * x).sum().backward()
            ok = mine.tolist()[:2] == [-1.0, 1.0 + k] and view.tolist() == [1.0] * 10
            if not ok or x.grad.tolist() != [2.0 * k] * 4:
                failures.append(f"{k}: {mine.tolist()[:2]} {x.grad}")

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [] and source.tolist() == [1.0] * 1000


def test_threads_that_share_one_tensor_never_write_its_memory() -> None:
    x = cb.zeros(100)
    seen = x.detach()

    def work() -> None:
        for _ in range(50):
            x.add_(1.0)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen.tolist() == [0.0] * 100
    assert len(set(x.tolist())) == 1


def lost(run: Callable[[cb.Tensor], Any]) -> bool:
    x = grid()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run(x)
    return any(isinstance(w.message, LostWriteWarning) for w in caught)


def assign(x: cb.Tensor, key: Any, value: Any) -> None:
    x[key] = value


def add_to_item(x: cb.Tensor) -> None:
    x[1] += 2.0


def add_to_slice(x: cb.Tensor) -> None:
    x[:, 1:] *= 2.0


def add_to_name(x: cb.Tensor) -> None:
    row = x[1]
    row += 2.0


LOST: dict[str, tuple[bool, Callable[[cb.Tensor], Any]]] = {
    "w[0].zero_()": (True, lambda x: x[0].zero_()),
    "x[i][j] = v": (True, lambda x: assign(x[0], 1, 5.0)),
    "bias[n:2 * n].fill_(1)": (True, lambda x: x[1:2].fill_(1.0)),
    "x.view(-1)[k] = 0": (True, lambda x: assign(x.view(-1), 3, 0.0)),
    "x.T.add_(1)": (True, lambda x: x.T.add_(1.0)),
    "row = x[1]; row += 2": (True, add_to_name),
    "x[0].normal_()": (True, lambda x: x[0].normal_()),
    "x[:, 0].copy_(y)": (True, lambda x: x[:, 0].copy_(cb.ones(3))),
    "x[1] += 2": (False, add_to_item),
    "x[:, 1:] *= 2": (False, add_to_slice),
    "x[0] = v": (False, lambda x: assign(x, 0, 5.0)),
    "x.add_(1)": (False, lambda x: x.add_(1.0)),
    "x[[0, 2]].zero_()": (False, lambda x: x[[0, 2]].zero_()),
    "x[x > 3].zero_()": (False, lambda x: x[x > 3.0].zero_()),
    "x.roll(1).zero_()": (False, lambda x: x.roll(1, 0).zero_()),
    "x.tile(2).zero_()": (False, lambda x: x.tile(2).zero_()),
    "tensordot(x, x).zero_()": (False, lambda x: cb.tensordot(x, x.T, axes=1).zero_()),
    "x.data.zero_()": (False, lambda x: x.data.zero_()),
    "x.clone()[0].mul(2)": (False, lambda x: x.clone()[0].mul(2.0)),
    "the owner is gone": (False, lambda x: assign(cb.arange(6.0).reshape(2, 3), 0, 1.0)),
}


@pytest.mark.parametrize("name", LOST)
def test_lost_writes(name: str) -> None:
    expected, run = LOST[name]
    assert lost(run) is expected


def test_the_warning_names_the_spelling_that_works() -> None:
    x = grid()
    with pytest.warns(LostWriteWarning, match="the tensor that it was taken from does not change") as caught:
        x[0].add_(1.0)
    assert "x[key] += value" in str(caught[0].message) and caught[0].filename == __file__
    with pytest.warns(LostWriteWarning, match=r"write owner\[i, j\] = value instead of owner\[i\]\[j\] = value"):
        x[0][1] = 5.0
    with pytest.warns(LostWriteWarning, match=r"fill_ .*write owner\[key\] = value instead") as caught:
        x[0].zero_()
    x[0, 1] = 5.0
    x[2] += 1.0
    assert x.tolist()[0] == [0.0, 5.0, 2.0, 3.0] and x.tolist()[2] == [9.0, 10.0, 11.0, 12.0]
