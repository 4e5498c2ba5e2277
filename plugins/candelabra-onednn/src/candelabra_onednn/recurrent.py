"""One layer and direction of a recurrent network: LSTM, GRU (whose reset gate acts on a product) and tanh.

oneDNN's gates are i, f, c, o for an LSTM, PyTorch's order, and z, r, n for a GRU, where PyTorch has r, z, n. A relu of
oneDNN's hides what is not a number: such a layer stays the backend's.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from candelabra.core.backend import Kernel

from .library import INFERENCE, TRAINING, Library, load
from .primitive import (
    CACHE,
    NUMBER,
    WORKSPACE,
    Array,
    Operand,
    Primitive,
    argument,
    buffer_of,
    dense,
    plain,
    strides_of,
)

_BACKWARD = 128
_OVERWRITE = 1
_TANH = 33
_W_LAYER, _W_ITER = (131, 0, 33), (131, 1, 34)
_D_W_LAYER, _D_W_ITER = (132, 0, 161), (132, 1, 162)
Sizes = tuple[int, ...] | None


class _Cell(NamedTuple):
    """A kind of layer: its gates, rows of bias and states, and what stands around the operands in oneDNN's calls."""

    name: str
    gates: int
    biases: int
    states: int
    # Operands that this plugin leaves out, between the weights and the bias.
    absent: tuple[None, ...] = ()
    before: tuple[int, ...] = ()
    after: tuple[float, ...] = ()


_LSTM = _Cell("lstm", 4, 4, 2, absent=(None, None))
_GRU = _Cell("lbr_gru", 3, 4, 1)
_RNN = _Cell("vanilla_rnn", 1, 1, 1, before=(_TANH,), after=(0.0, 0.0))


class _Layer:
    """The sizes and the descriptors of a layer that runs in one direction."""

    def __init__(self, cell: _Cell, x: Array, hidden: int, reverse: bool) -> None:
        self.cell, self.direction = cell, 2 if reverse else 1
        self.key = (cell.name, x.shape, hidden, reverse)
        (t, n, i), h, gates = x.shape, hidden, cell.gates
        self.shapes = {"x": (t, n, i), "state": (1, 1, n, h), "out": (t, n, h), "bias": (1, 1, cell.biases, h)}
        # (gates * H, I) in memory, whose axes oneDNN calls input, gate, output.
        self.w_layer = ((1, 1, i, gates, h), (gates * h * i, gates * h * i, 1, h * i, i))
        self.w_iter = ((1, 1, h, gates, h), (gates * h * h, gates * h * h, 1, h * h, h))

    def forward(self, library: Library, prop: int) -> tuple[int, list[tuple[Any, int]], tuple[Any, ...]]:
        """Return a descriptor, what to give back after it, and the descriptors of its operands."""
        cell = self.cell
        x, state, out, bias = (library.descriptor(s, strides_of(s)) for s in self.shapes.values())
        layer, iteration = library.descriptor(self.w_layer[0]), library.descriptor(self.w_iter[0])
        owned = [(library.memory_desc_destroy, d) for d in (x, state, out, bias, layer, iteration)]
        states = (state,) * cell.states
        operands = (x, *states, layer, iteration, *cell.absent, bias, out, *states)
        make = getattr(library, f"{cell.name}_forward_primitive_desc_create")
        made = make(library.engine, prop, *cell.before, self.direction, *operands, 0, *cell.after, None)
        return made, owned, operands

    def backward(self, library: Library) -> tuple[int, list[tuple[Any, int]]]:
        """Return the backward pass's descriptor, and what to give back after it."""
        cell = self.cell
        hint, owned, operands = self.forward(library, TRAINING)
        owned.append((library.primitive_desc_destroy, hint))
        make = getattr(library, f"{cell.name}_backward_primitive_desc_create")
        made = make(
            library.engine, _BACKWARD, *cell.before, self.direction, *operands, *operands, _OVERWRITE, *cell.after,
            hint, None,
        )  # fmt: skip
        return made, owned

    def line(self, which: int, name: str, written: bool = False) -> Operand:
        """Return an operand of one layout."""
        return dense(argument(which), self.shapes[name], written)

    def states(self, which: int, written: bool = False) -> list[Operand]:
        """Return the states from a number of an argument on."""
        return [self.line(which + i, "state", written) for i in range(self.cell.states)]

    def inputs(self) -> list[Operand]:
        """Return what both passes read."""
        weights = [Operand(_W_LAYER, *self.w_layer), Operand(_W_ITER, *self.w_iter)]
        return [self.line(1, "x"), *self.states(2), *weights, self.line(41, "bias")]


def _served(sizes: Sizes, *arrays: Array | None) -> bool:
    return sizes is None and all(a is None or (a.dtype == NUMBER and a.size > 0) for a in arrays)


def _run(
    cell: _Cell, x: Array, states: tuple[Array, ...], weights: tuple[Array, Array], bias: Array, reverse: bool,
    prop: int,
) -> Any:  # fmt: skip
    """Return the outputs and the last states and, in training, oneDNN's workspace."""
    library = load()
    if library is None:
        return NotImplemented
    layer = _Layer(cell, x, states[-1].shape[1], reverse)

    def make() -> Primitive:
        made, owned, _ = layer.forward(library, prop)
        operands = [*layer.inputs(), layer.line(17, "out", True), *layer.states(18, True)]
        operands += [WORKSPACE] if prop == TRAINING else []
        return Primitive(library, made, operands, owned, reference=True)

    primitive = CACHE.get(library, (prop, layer.key), make)
    if primitive is None:
        return NotImplemented
    found = [np.empty(layer.shapes["out"], np.float32), *(np.empty(s.shape, np.float32) for s in states)]
    workspace = [buffer_of(primitive.sizes[-1])] if prop == TRAINING else []
    primitive(*(plain(a) for a in (x, *states, *weights)), bias, *found, *workspace)
    return tuple(found), tuple(workspace)


def _back(
    cell: _Cell, g: tuple[Array, ...], x: Array, states: tuple[Array, ...], weights: tuple[Array, Array], bias: Array,
    found: tuple[Array, ...], reverse: bool, workspace: Array,
) -> Any:  # fmt: skip
    """Return cotangents of x, the states, both weights and the bias."""
    library = load()
    if library is None:
        return NotImplemented
    layer = _Layer(cell, x, states[-1].shape[1], reverse)

    def make() -> Primitive:
        made, owned = layer.backward(library)
        arguments = [
            *layer.inputs(), layer.line(17, "out"), *layer.states(18), WORKSPACE, layer.line(145, "out"),
            *layer.states(146), layer.line(129, "x", True), *layer.states(130, True),
            Operand(_D_W_LAYER, *layer.w_layer, True), Operand(_D_W_ITER, *layer.w_iter, True),
            layer.line(169, "bias", True),
        ]  # fmt: skip
        return Primitive(library, made, arguments, owned, reference=True)

    primitive = CACHE.get(library, ("back", layer.key), make)
    if primitive is None:
        return NotImplemented
    read = [plain(a) for a in (x, *states, *weights)]
    written = [np.empty(a.shape, np.float32) for a in (*read, bias)]
    primitive(*read, bias, *map(plain, found), workspace, *map(plain, g), *written)
    return written


def _sum(hidden: int, *biases: Array | None) -> Array:
    total = np.zeros(hidden, np.float32)
    for bias in biases:
        if bias is not None:
            total += bias
    return total


def _wanted(wants: tuple[bool, ...], places: tuple[int, int], of_ih: Array, of_hh: Array) -> tuple[Any, Any]:
    """Return the cotangents of both biases where they are asked for."""
    return tuple(
        g if place < len(wants) and wants[place] else None for g, place in zip((of_ih, of_hh), places, strict=True)
    )  # type: ignore[return-value]


def _lstm(x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, reverse: bool, sizes: Sizes,
          prop: int) -> Any:  # fmt: skip
    if w_hr is not None or not _served(sizes, x, h0, c0, w_ih, w_hh, b_ih, b_hh):
        return NotImplemented
    bias = _sum(len(w_ih), b_ih, b_hh)
    found = _run(_LSTM, x, (h0, c0), (w_ih, w_hh), bias, reverse, prop)
    return found if found is NotImplemented else (found[0], (bias, *found[1]))


def lstm(
    x: Array, h0: Array, c0: Array, w_ih: Array, w_hh: Array, b_ih: Array | None = None, b_hh: Array | None = None,
    w_hr: Array | None = None, /, *, reverse: bool = False, batch_sizes: Sizes = None,
) -> Any:  # fmt: skip
    """Run an LSTM over x (T, N, I); returns its outputs (T, N, H) and the last states (N, H)."""
    found = _lstm(x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, reverse, batch_sizes, INFERENCE)
    return found if found is NotImplemented else found[0]


def lstm_train(
    x: Array, h0: Array, c0: Array, w_ih: Array, w_hh: Array, b_ih: Array | None = None, b_hh: Array | None = None,
    w_hr: Array | None = None, /, *, reverse: bool = False, batch_sizes: Sizes = None,
) -> Any:  # fmt: skip
    """`lstm`, with the sum of the biases and oneDNN's workspace."""
    return _lstm(x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, reverse, batch_sizes, TRAINING)


def lstm_vjp(
    xp: Any, g: tuple[Array, Array, Array], x: Array, h0: Array, c0: Array, w_ih: Array, w_hh: Array, out: Array,
    h_n: Array, c_n: Array, reverse: bool, bias: Array, workspace: Array, wants: tuple[bool, ...],
) -> Any:  # fmt: skip
    """Cotangents of the operands."""
    found = _back(_LSTM, g, x, (h0, c0), (w_ih, w_hh), bias, (out, h_n, c_n), reverse, workspace)
    if found is NotImplemented:
        return found
    gb = found.pop()
    return (*found, *_wanted(wants, (5, 6), gb, gb.copy()), None)


def _swapped(array: Array, hidden: int) -> Array:
    """Swap the gates r and z, the first of three; each is its own inverse."""
    return np.concatenate([array[hidden : 2 * hidden], array[:hidden], array[2 * hidden :]])


def _gru(x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, reverse: bool, sizes: Sizes, prop: int) -> Any:
    if not _served(sizes, x, h0, w_ih, w_hh, b_ih, b_hh):
        return NotImplemented
    hidden = h0.shape[1]
    bias = np.zeros(4 * hidden, np.float32)
    if b_ih is not None:
        bias[: 3 * hidden] = _swapped(b_ih, hidden)
    if b_hh is not None:
        # What is added to the reset gate's product is a row of its own.
        bias[: 2 * hidden] += _swapped(b_hh, hidden)[: 2 * hidden]
        bias[3 * hidden :] = b_hh[2 * hidden :]
    weights = _swapped(w_ih, hidden), _swapped(w_hh, hidden)
    found = _run(_GRU, x, (h0,), weights, bias, reverse, prop)
    return found if found is NotImplemented else (found[0], (bias, *found[1]))


def gru(
    x: Array, h0: Array, w_ih: Array, w_hh: Array, b_ih: Array | None = None, b_hh: Array | None = None, /, *,
    reverse: bool = False, batch_sizes: Sizes = None,
) -> Any:  # fmt: skip
    """Run a GRU over x (T, N, I); returns its outputs (T, N, H) and the last state (N, H)."""
    found = _gru(x, h0, w_ih, w_hh, b_ih, b_hh, reverse, batch_sizes, INFERENCE)
    return found if found is NotImplemented else found[0]


def gru_train(
    x: Array, h0: Array, w_ih: Array, w_hh: Array, b_ih: Array | None = None, b_hh: Array | None = None, /, *,
    reverse: bool = False, batch_sizes: Sizes = None,
) -> Any:  # fmt: skip
    """`gru`, with the biases as oneDNN takes them and its workspace."""
    return _gru(x, h0, w_ih, w_hh, b_ih, b_hh, reverse, batch_sizes, TRAINING)


def gru_vjp(
    xp: Any, g: tuple[Array, Array], x: Array, h0: Array, w_ih: Array, w_hh: Array, out: Array, h_n: Array,
    reverse: bool, bias: Array, workspace: Array, wants: tuple[bool, ...],
) -> Any:  # fmt: skip
    """Cotangents of the operands."""
    hidden = h0.shape[1]
    weights = _swapped(w_ih, hidden), _swapped(w_hh, hidden)
    found = _back(_GRU, g, x, (h0,), weights, bias, (out, h_n), reverse, workspace)
    if found is NotImplemented:
        return found
    gx, gh, g_ih, g_hh, gb = found
    of_ih = _swapped(gb[: 3 * hidden], hidden)
    of_hh = np.concatenate([of_ih[: 2 * hidden], gb[3 * hidden :]])
    return gx, gh, _swapped(g_ih, hidden), _swapped(g_hh, hidden), *_wanted(wants, (4, 5), of_ih, of_hh)


def _rnn(x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, nonlinearity: str, reverse: bool, sizes: Sizes,
         prop: int) -> Any:  # fmt: skip
    if nonlinearity != "tanh" or not _served(sizes, x, h0, w_ih, w_hh, b_ih, b_hh):
        return NotImplemented
    bias = _sum(len(w_ih), b_ih, b_hh)
    found = _run(_RNN, x, (h0,), (w_ih, w_hh), bias, reverse, prop)
    return found if found is NotImplemented else (found[0], (bias, *found[1]))


def rnn(
    x: Array, h0: Array, w_ih: Array, w_hh: Array, b_ih: Array | None = None, b_hh: Array | None = None, /, *,
    nonlinearity: str = "tanh", reverse: bool = False, batch_sizes: Sizes = None,
) -> Any:  # fmt: skip
    """Run an Elman network over x (T, N, I); returns its outputs (T, N, H) and the last state (N, H)."""
    found = _rnn(x, h0, w_ih, w_hh, b_ih, b_hh, nonlinearity, reverse, batch_sizes, INFERENCE)
    return found if found is NotImplemented else found[0]


def rnn_train(
    x: Array, h0: Array, w_ih: Array, w_hh: Array, b_ih: Array | None = None, b_hh: Array | None = None, /, *,
    nonlinearity: str = "tanh", reverse: bool = False, batch_sizes: Sizes = None,
) -> Any:  # fmt: skip
    """`rnn`, with the sum of the biases and oneDNN's workspace."""
    return _rnn(x, h0, w_ih, w_hh, b_ih, b_hh, nonlinearity, reverse, batch_sizes, TRAINING)


def rnn_vjp(
    xp: Any, g: tuple[Array, Array], x: Array, h0: Array, w_ih: Array, w_hh: Array, out: Array, h_n: Array,
    reverse: bool, bias: Array, workspace: Array, wants: tuple[bool, ...],
) -> Any:  # fmt: skip
    """Cotangents of the operands."""
    found = _back(_RNN, g, x, (h0,), (w_ih, w_hh), bias, (out, h_n), reverse, workspace)
    if found is NotImplemented:
        return found
    gb = found.pop()
    return (*found, *_wanted(wants, (4, 5), gb, gb.copy()))


_KEPT = ("bias", "workspace")
KERNELS: dict[str, Any] = {
    "lstm": Kernel(lstm, lstm_train, lstm_vjp, _KEPT),
    "gru": Kernel(gru, gru_train, gru_vjp, _KEPT),
    "rnn": Kernel(rnn, rnn_train, rnn_vjp, _KEPT),
}
