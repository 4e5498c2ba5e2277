"""Recurrent layers and packed sequences: what holds without PyTorch, and what is refused."""

from __future__ import annotations

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn
from candelabra.core.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from candelabra.nn.utils import rnn

RNG = np.random.default_rng(0)
LAYERS = pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])


def draw(*shape):
    return cb.tensor(RNG.standard_normal(shape))


def layer_of(name, **options):
    return getattr(nn, name)(3, 4, **options).double()


def near(a, b):
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), atol=1e-12)


def states_of(last):
    return last if isinstance(last, tuple) else (last,)


@LAYERS
def test_packed_sequences_are_read_one_by_one(name):
    layer = layer_of(name, num_layers=2, bidirectional=True)
    sequences = [draw(n, 3) for n in (2, 5, 3)]
    output, last = layer(rnn.pack_sequence(sequences, enforce_sorted=False))
    for k, (sequence, out) in enumerate(zip(sequences, rnn.unpack_sequence(output), strict=True)):
        alone, alone_last = layer(sequence)
        near(out, alone)
        for one, other in zip(states_of(last), states_of(alone_last), strict=True):
            near(one[:, k], other)


@LAYERS
def test_what_is_behind_the_end_is_not_read(name):
    layer = layer_of(name, bidirectional=True)
    clean = RNG.standard_normal((5, 2, 3))
    wild = clean.copy()
    wild[2:, 1] = np.nan
    results = []
    for x in (clean, wild):
        layer.zero_grad()
        given = cb.tensor(x, requires_grad=True)
        output, last = layer(rnn.pack_padded_sequence(given, [5, 2]))
        (output.data.sum() + states_of(last)[0].sum()).backward()
        assert (given.grad.numpy()[2:, 1] == 0).all() and (given.grad.numpy()[:2] != 0).all()
        results.append([output.data, *states_of(last), given.grad, *[p.grad for p in layer.parameters()]])
    for one, other in zip(*results, strict=True):
        near(one, other)


@LAYERS
def test_a_layer_is_its_cells(name):
    layer, cell = layer_of(name), getattr(nn, f"{name}Cell")(3, 4).double()
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
    x, hx = draw(4, 2, 3), None
    outputs = []
    for step in x:
        hx = cell(step, hx)
        outputs.append(states_of(hx)[0])
    out, last = layer(x)
    near(cb.stack(outputs), out)
    for one, other in zip(states_of(hx), states_of(last), strict=True):
        near(one, other[0])


@LAYERS
def test_under_vmap_and_grad(name):
    layer = layer_of(name)
    xs = draw(3, 5, 2, 3)
    near(cb.func.vmap(lambda x: layer(x)[0])(xs), cb.stack([layer(x)[0] for x in xs]))
    single = cb.func.vmap(lambda x: layer(x)[0])(xs[:, :, 0])
    near(single, cb.stack([layer(x[:, 0])[0] for x in xs]))

    def loss(x):
        output, _ = layer(rnn.pack_padded_sequence(x, [2, 5], enforce_sorted=False))
        return (output.data**2).sum()

    mapped = cb.func.vmap(cb.func.grad(loss))(xs)
    near(mapped, cb.stack([cb.func.grad(loss)(x) for x in xs]))


@LAYERS
def test_half_precision(name):
    layer = getattr(nn, name)(3, 4).to(cb.bfloat16)
    x = cb.ones(5, 2, 3, dtype=cb.bfloat16, requires_grad=True)
    output, _ = layer(x)
    output.sum().backward()
    assert output.dtype is cb.bfloat16 and x.grad.dtype is cb.bfloat16


@LAYERS
def test_a_layer_refuses(name):
    layer = layer_of(name)
    with pytest.raises(ShapeError, match=rf"{name}: an input \(L, N, 3\)"):
        layer(draw(2, 2, 5))
    with pytest.raises(ArgumentTypeError, match=rf"{name}: a Tensor or a PackedSequence is needed, got list"):
        layer([1.0])
    with pytest.raises(ShapeError, match=rf"{name}: packed elements \(total, 3\) are needed, got \(3, 2\)"):
        layer(rnn.pack_sequence([draw(2, 2), draw(1, 2)]))
    state = cb.zeros(1, 3, 4)
    hx = (state, state) if name == "LSTM" else state
    with pytest.raises(ShapeError, match=rf"{name}: h\w+ must have shape \(1, 2, 4\), got \(1, 3, 4\)"):
        layer(draw(5, 2, 3), hx)
    with pytest.raises(ArgumentTypeError, match=rf"{name}: h.* is "):
        layer(draw(5, 2, 3), 3)
    packed = rnn.PackedSequence(draw(4, 3), cb.tensor([2, 1], device="cpu"))
    with pytest.raises(ArgumentError, match=r"batch_sizes \(2, 1\) do not .* 4 elements"):
        layer(packed)
    with pytest.warns(UserWarning, match=rf"{name}: dropout acts between layers, and there is only one"):
        getattr(nn, name)(3, 4, dropout=0.5)


@LAYERS
def test_a_cell_refuses(name):
    cell = getattr(nn, f"{name}Cell")(3, 4)
    with pytest.raises(ShapeError, match=rf"{name}Cell: an input \(N, 3\)"):
        cell(cb.ones(1, 1, 3))
    state = cb.zeros(3, 4)
    with pytest.raises(ShapeError, match=rf"{name}Cell: .* a state has shape \(2, 4\), got \(3, 4\)"):
        cell(cb.ones(2, 3), (state, state) if name == "LSTM" else state)
    if name == "LSTM":
        with pytest.raises(ArgumentTypeError, match=r"LSTMCell: hx is a pair"):
            cell(cb.ones(2, 3), state)


def test_packing_refuses():
    x = cb.ones(4, 3, 2)
    for lengths, error, text in (
        ([2, 4, 1], ArgumentError, r"lengths fall while enforce_sorted is True, got \[2, 4, 1\]; pass enforce_sorted"),
        ([4, 2], ShapeError, r"2 lengths for a batch of 3, of input \(4, 3, 2\) with batch_first=False"),
        ([5, 2, 1], ArgumentError, r"lengths lie between 1 and the 4 steps of the input, got \[5, 2, 1\]"),
        ([4, 2, 0], ArgumentError, r"lengths lie between 1 and the 4 steps"),
        ([4.0, 2.0, 1.0], ArgumentTypeError, r"lengths is a tensor or list of ints"),
        (3, ArgumentTypeError, r"lengths is a tensor or list of ints"),
        (cb.tensor([4.0, 2.0, 1.0]), DTypeError, r"lengths is one int for each sequence, got float32"),
    ):
        with pytest.raises(error, match=f"pack_padded_sequence: {text}"):
            rnn.pack_padded_sequence(x, lengths)
    with pytest.raises(ShapeError, match=r"input has a time and a batch axis at least, got shape \(3,\)"):
        rnn.pack_padded_sequence(cb.ones(3), [1])
    with pytest.raises(ArgumentTypeError, match=r"input is a tensor, got list"):
        rnn.pack_padded_sequence([[1.0]], [1])
    with pytest.raises(ArgumentError, match=r"lengths fall while"):
        rnn.pack_sequence([cb.ones(1), cb.ones(2)])
    with pytest.raises(ShapeError, match=r"sequence 1 has shape \(2, 3\), but sequence 0 has \(2, 2\)"):
        rnn.pack_sequence([cb.ones(2, 2), cb.ones(2, 3)])


def test_padding_refuses():
    packed = rnn.pack_sequence([cb.ones(3), cb.ones(2)])
    with pytest.raises(ArgumentError, match=r"total_length is at least the longest sequence's length, got 2 for 3"):
        rnn.pad_packed_sequence(packed, total_length=2)
    with pytest.raises(ArgumentTypeError, match=r"a PackedSequence is needed, got Tensor"):
        rnn.pad_packed_sequence(cb.ones(3))
    with pytest.raises(ArgumentError, match=r"an empty list of sequences"):
        rnn.pad_sequence([])
    with pytest.raises(ArgumentTypeError, match=r"sequences is a list of tensors, got list"):
        rnn.pad_sequence([1])
    with pytest.raises(ArgumentError, match=r"padding_side is 'right' or 'left', not 'both'"):
        rnn.pad_sequence([cb.ones(1)], padding_side="both")
    with pytest.raises(ShapeError, match=r"unpad_sequence: 2 lengths do not fit \(4, 3\)"):
        rnn.unpad_sequence(cb.ones(4, 3), [1, 2])
    with pytest.raises(ArgumentError, match=r"unpad_sequence: lengths lie between 0 and the 4 steps"):
        rnn.unpad_sequence(cb.ones(4, 1), [5])
    with pytest.raises(ArgumentTypeError, match=r"PackedSequence: batch_sizes is a tensor of ints, got list"):
        rnn.PackedSequence(cb.ones(2), [2])


def test_lengths_lie_in_host_memory():
    pytest.importorskip("candelabra_strict")
    x = cb.ones(4, 2, 3, device="strict")
    packed = rnn.pack_padded_sequence(x, [2, 4], enforce_sorted=False)
    assert packed.data.device == x.device and packed.unsorted_indices.device == x.device
    assert str(packed.batch_sizes.device) == "cpu"
    with pytest.raises(ArgumentError, match=r"batch_sizes lies in host memory, not on 'strict"):
        rnn.PackedSequence(packed.data, packed.batch_sizes.to("strict"))
    layer = nn.GRU(3, 4).to("strict")
    output, _ = layer(packed)
    padded, lengths = rnn.pad_packed_sequence(output)
    assert padded.device == x.device and lengths.tolist() == [2, 4]
    assert packed.cpu().sorted_indices.device == packed.batch_sizes.device
