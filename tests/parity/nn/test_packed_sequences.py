"""Packed and padded sequences against PyTorch's: values, order, lengths and gradients."""

from __future__ import annotations

from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.nn.utils import rnn

RNG = np.random.default_rng(3)
SORTED, MIXED, TIES = [4, 3, 1], [2, 4, 1], [2, 3, 2, 3, 1]


def draw(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def same_packed(ours: Any, theirs: Any) -> None:
    np.testing.assert_array_equal(ours.data.detach().numpy(), theirs.data.detach().numpy())
    for one, other in zip(ours[1:], theirs[1:], strict=True):
        assert (one is None) is (other is None)
        if one is not None:
            assert one.dtype.name == str(other.dtype).removeprefix("torch.")
            np.testing.assert_array_equal(one.numpy(), other.numpy())


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("as_tensor", [False, True])
@pytest.mark.parametrize(
    "lengths,enforce_sorted", [(SORTED, True), (SORTED, False), (MIXED, False), (TIES, False), ([3, 3, 3], True)]
)
@pytest.mark.parametrize("rest", [(), (2,), (2, 3)])
def test_pack_and_pad(torch: Any, lengths: Any, enforce_sorted: bool, as_tensor: bool, batch_first: bool, rest: Any):
    batch = len(lengths)
    x = draw(*((batch, 5) if batch_first else (5, batch)), *rest)
    a, b = cb.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    how = {"batch_first": batch_first, "enforce_sorted": enforce_sorted}
    ours = rnn.pack_padded_sequence(a, cb.tensor(lengths) if as_tensor else lengths, **how)
    theirs = torch.nn.utils.rnn.pack_padded_sequence(b, torch.tensor(lengths) if as_tensor else lengths, **how)
    same_packed(ours, theirs)
    for options in ({}, {"batch_first": True}, {"padding_value": -1.5, "total_length": 6}):
        one, our_lengths = rnn.pad_packed_sequence(ours, **options)
        other, their_lengths = torch.nn.utils.rnn.pad_packed_sequence(theirs, **options)
        np.testing.assert_array_equal(one.detach().numpy(), other.detach().numpy())
        np.testing.assert_array_equal(our_lengths.numpy(), their_lengths.numpy())
        seed = draw(*one.shape)
        (g,) = cb.grad((one * cb.tensor(seed) * one).sum(), a, retain_graph=True)
        (h,) = torch.autograd.grad((other * torch.tensor(seed) * other).sum(), b, retain_graph=True)
        np.testing.assert_allclose(g.numpy(), h.numpy(), rtol=1e-12)
    for one, other in zip(rnn.unpack_sequence(ours), torch.nn.utils.rnn.unpack_sequence(theirs), strict=True):
        np.testing.assert_array_equal(one.detach().numpy(), other.detach().numpy())


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("kind", ["float64", "int64"])
@pytest.mark.parametrize("rest", [(), (2,)])
def test_pad_sequence(torch: Any, batch_first: bool, side: str, kind: str, rest: Any):
    arrays = [(10 * draw(n, *rest)).astype(kind) for n in (2, 4, 1)]
    how = {"batch_first": batch_first, "padding_value": 2.0, "padding_side": side}
    grad = {"requires_grad": kind == "float64"}
    mine, others = [cb.tensor(a, **grad) for a in arrays], [torch.tensor(a, **grad) for a in arrays]
    one, other = rnn.pad_sequence(mine, **how), torch.nn.utils.rnn.pad_sequence(others, **how)
    np.testing.assert_array_equal(one.detach().numpy(), other.detach().numpy())
    assert one.dtype.name == kind
    if kind == "float64":
        for g, h in zip(cb.grad((one**2).sum(), mine), torch.autograd.grad((other**2).sum(), others), strict=True):
            np.testing.assert_allclose(g.numpy(), h.numpy())
    lengths = [2, 4, 1]
    back = rnn.unpad_sequence(one, cb.tensor(lengths), batch_first=batch_first)
    theirs = torch.nn.utils.rnn.unpad_sequence(other, torch.tensor(lengths), batch_first=batch_first)
    for a, b in zip(back, theirs, strict=True):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())
    stacked = draw(3, 4)
    np.testing.assert_array_equal(
        rnn.pad_sequence(cb.tensor(stacked)).numpy(), torch.nn.utils.rnn.pad_sequence(torch.tensor(stacked)).numpy()
    )


@pytest.mark.parametrize("lengths,enforce_sorted", [(SORTED, True), (MIXED, False)])
def test_pack_sequence(torch: Any, lengths: list[int], enforce_sorted: bool):
    arrays = [draw(n, 2) for n in lengths]
    ours = rnn.pack_sequence([cb.tensor(a) for a in arrays], enforce_sorted=enforce_sorted)
    theirs = torch.nn.utils.rnn.pack_sequence([torch.tensor(a) for a in arrays], enforce_sorted=enforce_sorted)
    same_packed(ours, theirs)
    for name in ("float", "half", "double", "long", "int", "short", "char"):
        same_packed(getattr(ours, name)(), getattr(theirs, name)())
    assert ours.double() is ours and ours.to(ours.data.device) is ours
    assert (ours.cpu() is ours) == (ours.data.device == cb.device("cpu"))
    assert repr(ours).startswith("PackedSequence(data=") and ours._fields == theirs._fields
    made = rnn.PackedSequence(ours.data, ours.batch_sizes, ours.sorted_indices)
    same_packed(made, torch.nn.utils.rnn.PackedSequence(theirs.data, theirs.batch_sizes, theirs.sorted_indices))


def test_names_are_pytorchs(torch: Any):
    import inspect

    for name in rnn.__all__:
        ours, theirs = getattr(rnn, name), getattr(torch.nn.utils.rnn, name)
        if inspect.isclass(ours):
            missing = {n for n in dir(theirs) if n[0] != "_"} - set(dir(ours))
            # A tensor here tells its device, and no host memory is pinned.
            assert missing == {"is_cuda", "is_pinned", "pin_memory"}
            ours, theirs = ours.__new__, theirs.__new__
        assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)
        for one, other in zip(*(inspect.signature(f).parameters.values() for f in (ours, theirs)), strict=True):
            assert one.default == other.default
