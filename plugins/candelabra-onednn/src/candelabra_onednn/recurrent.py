"""One layer and direction of an LSTM. oneDNN's gates are i, f, c, o: PyTorch's order."""

from __future__ import annotations

from typing import Any

import numpy as np
from candelabra.core.backend import Kernel

from .library import INFERENCE, TRAINING, Library, load
from .primitive import CACHE, WORKSPACE, Array, Operand, Primitive, argument, buffer_of, dense, plain, strides_of

_BACKWARD = 128
_OVERWRITE = 1
_W_LAYER, _W_ITER = (131, 0, 33), (131, 1, 34)
_D_W_LAYER, _D_W_ITER = (132, 0, 161), (132, 1, 162)


class _Layer:
    """The sizes and the descriptors of a layer that runs in one direction."""

    def __init__(self, x: Array, hidden: int, reverse: bool) -> None:
        self.steps, self.batch, self.width = x.shape
        self.hidden, self.direction = hidden, 2 if reverse else 1
        self.key = (x.shape, hidden, reverse)
        t, n, i, h = self.steps, self.batch, self.width, hidden
        self.shapes = {"x": (t, n, i), "state": (1, 1, n, h), "out": (t, n, h), "bias": (1, 1, 4, h)}
        # (4 * H, I) in memory, whose axes oneDNN calls input, gate, output.
        self.w_layer = ((1, 1, i, 4, h), (4 * h * i, 4 * h * i, 1, h * i, i))
        self.w_iter = ((1, 1, h, 4, h), (4 * h * h, 4 * h * h, 1, h * h, h))

    def forward(self, library: Library, prop: int) -> tuple[int, list[tuple[Any, int]], tuple[Any, ...]]:
        """Return a descriptor, what to give back after it, and the descriptors of its operands."""
        x, state, out, bias = (library.descriptor(s, strides_of(s)) for s in self.shapes.values())
        layer, iteration = library.descriptor(self.w_layer[0]), library.descriptor(self.w_iter[0])
        owned = [(library.memory_desc_destroy, d) for d in (x, state, out, bias, layer, iteration)]
        operands = (x, state, state, layer, iteration, None, None, bias, out, state, state)
        made = library.lstm_forward_primitive_desc_create(library.engine, prop, self.direction, *operands, 0, None)
        return made, owned, operands

    def line(self, which: int, name: str, written: bool = False) -> Operand:
        """Return an operand of one layout."""
        return dense(argument(which), self.shapes[name], written)

    def inputs(self) -> list[Operand]:
        """Return what both passes read."""
        return [
            self.line(1, "x"), self.line(2, "state"), self.line(3, "state"), Operand(_W_LAYER, *self.w_layer),
            Operand(_W_ITER, *self.w_iter), self.line(41, "bias"),
        ]  # fmt: skip


def _served(batch_sizes: Any, w_hr: Array | None, *arrays: Array | None) -> bool:
    return (
        batch_sizes is None and w_hr is None
        and all(a is None or (a.dtype == np.float32 and a.size > 0) for a in arrays)
    )  # fmt: skip


def _run(
    x: Array, h0: Array, c0: Array, w_ih: Array, w_hh: Array, b_ih: Array | None, b_hh: Array | None, reverse: bool,
    prop: int,
) -> Any:  # fmt: skip
    library = load()
    if library is None:
        return NotImplemented
    layer = _Layer(x, c0.shape[1], reverse)

    def make() -> Primitive:
        made, owned, _ = layer.forward(library, prop)
        operands = [
            *layer.inputs(), layer.line(17, "out", True), layer.line(18, "state", True), layer.line(19, "state", True),
        ]  # fmt: skip
        operands += [WORKSPACE] if prop == TRAINING else []
        return Primitive(library, made, operands, owned, reference=True)

    primitive = CACHE.get(library, ("lstm", prop, *layer.key), make)
    if primitive is None:
        return NotImplemented
    bias = np.zeros(4 * layer.hidden, np.float32)
    for part in (b_ih, b_hh):
        if part is not None:
            bias += part
    out = np.empty(layer.shapes["out"], np.float32)
    h, c = np.empty(h0.shape, np.float32), np.empty(c0.shape, np.float32)
    given = [plain(a) for a in (x, h0, c0, w_ih, w_hh)]
    workspace = [buffer_of(primitive.sizes[-1])] if prop == TRAINING else []
    primitive(*given, bias, out, h, c, *workspace)
    return (out, h, c), (bias, *workspace)


def lstm(
    x: Array, h0: Array, c0: Array, w_ih: Array, w_hh: Array, b_ih: Array | None = None, b_hh: Array | None = None,
    w_hr: Array | None = None, /, *, reverse: bool = False, batch_sizes: Any = None,
) -> Any:  # fmt: skip
    """Run an LSTM over x (T, N, I); returns its outputs (T, N, H) and the last states (N, H)."""
    if not _served(batch_sizes, w_hr, x, h0, c0, w_ih, w_hh, b_ih, b_hh):
        return NotImplemented
    found = _run(x, h0, c0, w_ih, w_hh, b_ih, b_hh, reverse, INFERENCE)
    return found if found is NotImplemented else found[0]


def lstm_train(
    x: Array, h0: Array, c0: Array, w_ih: Array, w_hh: Array, b_ih: Array | None = None, b_hh: Array | None = None,
    w_hr: Array | None = None, /, *, reverse: bool = False, batch_sizes: Any = None,
) -> Any:  # fmt: skip
    """`lstm`, with the sum of the biases and oneDNN's workspace."""
    if not _served(batch_sizes, w_hr, x, h0, c0, w_ih, w_hh, b_ih, b_hh):
        return NotImplemented
    return _run(x, h0, c0, w_ih, w_hh, b_ih, b_hh, reverse, TRAINING)


def lstm_vjp(
    xp: Any, g: tuple[Array, Array, Array], x: Array, h0: Array, c0: Array, w_ih: Array, w_hh: Array, out: Array,
    h_n: Array, c_n: Array, reverse: bool, bias: Array, workspace: Array, wants: tuple[bool, ...],
) -> Any:  # fmt: skip
    """Cotangents of the operands."""
    library = load()
    if library is None:
        return NotImplemented
    layer = _Layer(x, c0.shape[1], reverse)

    def make() -> Primitive:
        hint, owned, operands = layer.forward(library, TRAINING)
        made = library.lstm_backward_primitive_desc_create(
            library.engine, _BACKWARD, layer.direction, *operands, *operands, _OVERWRITE, hint, None
        )
        owned.append((library.primitive_desc_destroy, hint))
        arguments = [
            *layer.inputs(), layer.line(17, "out"), layer.line(18, "state"), layer.line(19, "state"), WORKSPACE,
            layer.line(145, "out"), layer.line(146, "state"), layer.line(147, "state"), layer.line(129, "x", True),
            layer.line(130, "state", True), layer.line(131, "state", True),
            Operand(_D_W_LAYER, *layer.w_layer, True), Operand(_D_W_ITER, *layer.w_iter, True),
            layer.line(169, "bias", True),
        ]  # fmt: skip
        return Primitive(library, made, arguments, owned, reference=True)

    primitive = CACHE.get(library, ("lstm back", *layer.key), make)
    if primitive is None:
        return NotImplemented
    read = [plain(a) for a in (x, h0, c0, w_ih, w_hh)]
    found = [np.empty(a.shape, np.float32) for a in (x, h0, c0, w_ih, w_hh, bias)]
    primitive(*read, bias, plain(out), plain(h_n), plain(c_n), workspace, *(plain(c) for c in g), *found)
    gb = found.pop()
    both = (gb if wants[5] else None, gb.copy() if wants[6] else None) if len(wants) > 6 else (None, None)
    return (*found, *both, None)


KERNELS: dict[str, Any] = {"lstm": Kernel(lstm, lstm_train, lstm_vjp, ("bias", "workspace"))}
