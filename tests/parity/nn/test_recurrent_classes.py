"""Layers of recurrent against PyTorch's; the format is told in `conftest.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest

SORTED, MIXED = [5, 3, 3, 1], [3, 5, 1, 3]


def packing(lengths: list[int], enforce_sorted: bool, batch_first: bool = False) -> Callable[..., Any]:
    """Call a layer with a packed sequence."""

    def run(library: Any, layer: Any, x: Any, *states: Any) -> Any:
        rnn = library.nn.utils.rnn
        packed = rnn.pack_padded_sequence(x, lengths, batch_first=batch_first, enforce_sorted=enforce_sorted)
        output, last = layer(packed, *((states if len(states) == 2 else states[0],) if states else ()))
        assert type(output) is rnn.PackedSequence
        return [*output, last]

    return run


def parameters(library: Any, layer: Any) -> list[Any]:
    """The base classes have no forward."""
    return [weight * 2 for weight in layer.parameters()]


def stepping(library: Any, cell: Any, x: Any, *states: Any) -> Any:
    """Call a cell step by step, on from its own states."""
    hx: Any = states if len(states) == 2 else states[0]
    outputs = []
    for step in x:
        hx = cell(step, hx)
        outputs.append(hx)
    return outputs


CASES: list[tuple[Any, ...]] = [
    ("RNNBase", ("LSTM", 3, 4, 2, False, True, 0.5, True, 2), {}, [], {"run": parameters}),
    ("RNNBase", ("RNN_RELU", 3, 4), {"dropout": 0.0}, [], {"run": parameters}),
    ("RNNCellBase", (3, 4, False, 3), {}, [], {"run": parameters}),
    ("RNNCellBase", (3, 4), {"bias": True, "num_chunks": 2}, [], {"run": parameters}),
    *(
        case
        for name, states in (("RNN", 1), ("GRU", 1), ("LSTM", 2))
        for case in [
            (name, (3, 4), {}, [(5, 2, 3)], {"order": 2}),
            (name, (3, 4), {"num_layers": 2, "bidirectional": True, "batch_first": True}, [(2, 5, 3)]),
            (name, (3, 4), {"bias": False}, [(5, 3)]),
            # Between layers, in training, dropout draws its own numbers; all or nothing is the same in both.
            (name, (3, 4), {"num_layers": 3, "dropout": 0.5}, [(5, 2, 3)], {"modes": ("eval",)}),
            (name, (3, 4), {"num_layers": 2, "dropout": 1.0}, [(5, 2, 3)]),
            (name, (3, 4), {"num_layers": 2, "dropout": 0.0}, [(5, 3)]),
            (
                name, (3, 4, 2), {"bidirectional": True}, [(5, 2, 3), *[(4, 2, 4)] * states],
                {"run": lambda lib, layer, x, *hx: layer(x, hx if len(hx) == 2 else hx[0])},
            ),
            (
                name, (3, 4), {"bias": False}, [(5, 3), *[(1, 4)] * states],
                {"run": lambda lib, layer, x, *hx: layer(x, hx if len(hx) == 2 else hx[0])},
            ),
            (name, (3, 4), {}, [(5, 4, 3)], {"run": packing(SORTED, True), "order": 2}),
            (name, (3, 4), {}, [(5, 4, 3)], {"run": packing([5, 5, 5, 5], True)}),
            (
                name, (3, 4, 2), {"bidirectional": True, "batch_first": True}, [(4, 6, 3)],
                {"run": packing(MIXED, False, True)},
            ),
            (
                name, (3, 4, 2), {"bidirectional": True}, [(5, 4, 3), *[(4, 4, 4)] * states],
                {"run": packing(MIXED, False)},
            ),
        ]
    ),
    ("RNN", (3, 4), {"nonlinearity": "relu"}, [(5, 2, 3)], {"order": 2}),
    ("RNN", (3, 4, 2, "relu"), {"bidirectional": True}, [(5, 4, 3)], {"run": packing(MIXED, False)}),
    ("LSTM", (3, 4), {"proj_size": 2, "num_layers": 2, "bidirectional": True}, [(5, 2, 3)]),
    ("LSTM", (3, 4), {"proj_size": 3, "bias": False}, [(5, 2, 3)], {"order": 2}),
    ("LSTM", (3, 4), {"proj_size": 2, "bidirectional": True}, [(5, 4, 3)], {"run": packing(MIXED, False)}),
    (
        "LSTM", (3, 4), {"proj_size": 2}, [(5, 2, 3), (1, 2, 2), (1, 2, 4)],
        {"run": lambda lib, layer, x, *hx: layer(x, hx)},
    ),
    *(
        case
        for name, states in (("RNNCell", 1), ("GRUCell", 1), ("LSTMCell", 2))
        for case in [
            (name, (3, 4), {}, [(2, 3)], {"order": 2}),
            (name, (3, 4), {"bias": False}, [(3,)]),
            (name, (3, 4), {}, [(3, 2, 3), *[(2, 4)] * states], {"run": stepping}),
            (name, (3, 4, False), {}, [(3, 3), *[(4,)] * states], {"run": stepping}),
        ]
    ),
    ("RNNCell", (3, 4), {"nonlinearity": "relu"}, [(2, 3)], {"order": 2}),
]  # fmt: skip

REFUSALS: list[tuple[Any, ...]] = [
    ("RNNBase", ("TANH", 3, 4), {}, "RNNBase: mode is one of 'RNN_TANH'"),
    ("RNNBase", ("GRU", 3, 4), {"proj_size": 2}, "RNNBase: an LSTM alone has a projection"),
    ("RNN", (3, 4), {"nonlinearity": "gelu"}, "RNN: nonlinearity is 'tanh' or 'relu', not 'gelu'"),
    ("RNN", (3, 4), {"dropout": 2}, "RNN: dropout is a probability"),
    ("GRU", (3, 4.0), {}, "GRU: hidden_size is an int, got float"),
    ("GRU", (3, 4), {"num_layers": 0}, "GRU: hidden_size and num_layers are positive"),
    ("LSTM", (3, 4), {"proj_size": 4}, "LSTM: proj_size lies between"),
    ("RNNCell", (3, 4), {"nonlinearity": "gelu"}, "RNNCell: nonlinearity is 'tanh' or 'relu', not 'gelu'"),
    ("LSTMCell", (3, 0), {}, "LSTMCell: hidden_size and num_chunks are positive"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_layer(check_layer: Callable[..., None], case: tuple[Any, ...]) -> None:
    check_layer(*case)


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_dropout_between_layers_keeps_the_mean(torch: Any, name: str) -> None:
    """The mean over many draws of what the second layer reads is what PyTorch's is."""
    ours = getattr(cb.nn, name)(2, 3, num_layers=2, dropout=0.4, bias=False)
    theirs = getattr(torch.nn, name)(2, 3, num_layers=2, dropout=0.4, bias=False)
    theirs.load_state_dict({k: torch.tensor(np.array(v.numpy())) for k, v in ours.state_dict().items()})
    x = np.random.default_rng(1).standard_normal((3, 2000, 2)).astype("float32") * 0 + 1
    torch.manual_seed(0)
    one, other = ours(cb.tensor(x))[0].detach().numpy(), theirs(torch.tensor(x))[0].detach().numpy()
    np.testing.assert_allclose(one.mean(axis=1), other.mean(axis=1), atol=0.03)
    np.testing.assert_allclose(one.std(axis=1), other.std(axis=1), atol=0.03)
