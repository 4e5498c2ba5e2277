"""Recurrent layers."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import Any

from ..core import ops
from ..core.errors import ArgumentError, ArgumentTypeError, ShapeError
from ..core.tensor import Tensor
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

__all__ = ["LSTM"]

State = tuple[Tensor, Tensor]


class LSTM(Module):
    r"""Long short-term memory (Hochreiter and Schmidhuber, 1997), of one or more layers.

    .. math::
        (i, f, o) &= \sigma(W x_t + b + U h_{t-1} + b'), \quad g = \tanh(W x_t + b + U h_{t-1} + b') \\
        c_t &= f \odot c_{t-1} + i \odot g, \quad h_t = o \odot \tanh c_t

    with own weights for each of the gates i, f, g, o, stacked in this order.

    Shapes: input (L, N, input_size), with `batch_first` (N, L, input_size), unbatched (L, input_size); h₀
    (D·num_layers, N, P) and c₀ (D·num_layers, N, hidden_size), unbatched without N, where D is 2 if bidirectional and P
    is proj_size or else hidden_size. Returns output (L, N, D·P) and (h_n, c_n).

    Parameters
    ----------
    input_size, hidden_size : int
        Features of the input and of the state.
    num_layers : int
        Layers, each reading the one below.
    bias : bool
        Whether there are biases.
    batch_first : bool
        Whether the batch is the first axis of input and output (not of the states).
    dropout : float
        In training, the probability of a zero in the output of all layers but the last.
    bidirectional : bool
        Whether each layer also reads backwards.
    proj_size : int
        If positive, h is projected to this size.
    device, dtype : optional
        Of the parameters.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> output, (h, c) = nn.LSTM(10, 20, num_layers=2)(cb.ones(5, 3, 10))
    >>> output.shape, h.shape, c.shape
    ((5, 3, 20), (2, 3, 20), (2, 3, 20))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1:
            raise ArgumentError(f"LSTM: dropout is a probability between 0 and 1, got {dropout!r}")
        if not isinstance(hidden_size, int):
            raise ArgumentTypeError(f"LSTM: hidden_size is an int, got {type(hidden_size).__name__}")
        if hidden_size <= 0 or num_layers <= 0:
            raise ArgumentError(
                f"LSTM: hidden_size and num_layers are positive, got {hidden_size} and {num_layers}"
            )
        if not 0 <= proj_size < hidden_size:
            raise ArgumentError(f"LSTM: proj_size lies between 0 and hidden_size={hidden_size} - 1, got {proj_size}")
        if dropout > 0 and num_layers == 1:
            warnings.warn("LSTM: dropout acts between layers, and there is only one", stacklevel=2)
        self.mode = "LSTM"
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        factory = {"device": device, "dtype": dtype}
        directions = 2 if bidirectional else 1
        out_size = proj_size or hidden_size
        for layer, suffix in self._layers():
            width = input_size if layer == 0 else out_size * directions
            rows = 4 * hidden_size
            shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, width), "weight_hh": (rows, out_size)}
            if bias:
                shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
            if proj_size:
                shapes["weight_hr"] = (proj_size, hidden_size)
            for kind, shape in shapes.items():
                self.register_parameter(f"{kind}_{suffix}", Parameter(ops.empty(shape, **factory)))
        self.reset_parameters()

    def _layers(self) -> Iterator[tuple[int, str]]:
        for layer in range(self.num_layers):
            yield layer, f"l{layer}"
            if self.bidirectional:
                yield layer, f"l{layer}_reverse"

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        return [
            [getattr(self, f"{kind}_{suffix}") for kind in self._kinds()] for _, suffix in self._layers()
        ]

    def _kinds(self) -> list[str]:
        kinds = ["weight_ih", "weight_hh"] + (["bias_ih", "bias_hh"] if self.bias else [])
        return [*kinds, "weight_hr"] if self.proj_size else kinds

    def flatten_parameters(self) -> None:
        """Do nothing: PyTorch lays the weights out for cuDNN here."""

    def reset_parameters(self) -> None:
        """Draw new weights, uniform in ±1/√hidden_size."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def forward(self, input: Tensor, hx: State | None = None) -> tuple[Tensor, State]:
        """Read a sequence, from the states `hx` = (h₀, c₀), or from zeros."""
        if not isinstance(input, Tensor):
            raise ArgumentTypeError(
                f"LSTM: a tensor is needed, got {type(input).__name__}; packed sequences are refused, since there "
                "is no variable-length recurrence yet: pad the batch and ignore the padded outputs"
            )
        if input.ndim not in (2, 3) or input.shape[-1] != self.input_size:
            raise ShapeError(
                f"LSTM: an input (L, N, {self.input_size}), (N, L, {self.input_size}) with batch_first or "
                f"(L, {self.input_size}) is needed, got {tuple(input.shape)}"
            )
        single = input.ndim == 2
        if single:
            input = ops.expand_dims(input, axis=1)
        elif self.batch_first:
            input = ops.permute_dims(input, (1, 0, 2))
        h0, c0 = self._states(hx, input, single)
        x = input
        last_h: list[Tensor] = []
        last_c: list[Tensor] = []
        for layer in range(self.num_layers):
            if layer and self.dropout and self.training:
                x = F.dropout(x, self.dropout, True)
            outputs = []
            for direction in range(2 if self.bidirectional else 1):
                place = len(last_h)
                out, h, c = self._read(x, h0[place], c0[place], layer, bool(direction))
                outputs.append(out)
                last_h.append(h)
                last_c.append(c)
            x = outputs[0] if len(outputs) == 1 else ops.concat(outputs, axis=-1)
        h_n, c_n = ops.stack(last_h, axis=0), ops.stack(last_c, axis=0)
        if single:
            return ops.squeeze(x, axis=1), (ops.squeeze(h_n, axis=1), ops.squeeze(c_n, axis=1))
        return (ops.permute_dims(x, (1, 0, 2)) if self.batch_first else x), (h_n, c_n)

    def _states(self, hx: State | None, input: Tensor, single: bool) -> tuple[Any, Any]:
        """Return the first states, one per layer and direction."""
        count = self.num_layers * (2 if self.bidirectional else 1)
        sizes = (self.proj_size or self.hidden_size, self.hidden_size)
        batch = input.shape[1]
        if hx is None:
            zeros = [ops.zeros((batch, size), dtype=self.weight_hh_l0.dtype, device=input.device) for size in sizes]  # type: ignore[attr-defined]
            return [zeros[0]] * count, [zeros[1]] * count
        if not isinstance(hx, (tuple, list)) or len(hx) != 2:
            raise ArgumentTypeError(f"LSTM: hx is a pair (h_0, c_0), got {type(hx).__name__}")
        states = []
        for name, given, size in zip(("h_0", "c_0"), hx, sizes):
            wanted = (count, size) if single else (count, batch, size)
            if given.shape != wanted:
                raise ShapeError(f"LSTM: {name} must have shape {wanted}, got {tuple(given.shape)}")
            given = ops.expand_dims(given, axis=1) if single else given
            states.append([ops.squeeze(given, axis=0)] if count == 1 else ops.unstack(given, axis=0))
        return states[0], states[1]

    def _read(self, x: Tensor, h: Tensor, c: Tensor, layer: int, reverse: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Read a sequence with one layer in one direction."""
        suffix = f"l{layer}_reverse" if reverse else f"l{layer}"
        own: Any = self._parameters
        w_ih, w_hh = own[f"weight_ih_{suffix}"], own[f"weight_hh_{suffix}"]
        b_ih, b_hh = own.get(f"bias_ih_{suffix}"), own.get(f"bias_hh_{suffix}")
        projection = own.get(f"weight_hr_{suffix}")
        if projection is None:
            return ops.lstm(x, h, c, w_ih, w_hh, b_ih, b_hh, reverse=reverse)
        steps = ops.unstack(ops.linear(x, w_ih, b_ih), axis=0)
        outputs: list[Tensor] = []
        for gates in reversed(steps) if reverse else steps:
            i, f, g, o = _quarters(ops.add(gates, ops.linear(h, w_hh, b_hh)), self.hidden_size)
            c = ops.add(ops.multiply(ops.sigmoid(f), c), ops.multiply(ops.sigmoid(i), ops.tanh(g)))
            h = ops.linear(ops.multiply(ops.sigmoid(o), ops.tanh(c)), projection)
            outputs.append(h)
        return ops.stack(outputs[::-1] if reverse else outputs, axis=0), h, c

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        text = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size:
            text += f", proj_size={self.proj_size}"
        if self.num_layers != 1:
            text += f", num_layers={self.num_layers}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if self.batch_first:
            text += f", batch_first={self.batch_first}"
        if self.dropout:
            text += f", dropout={self.dropout}"
        if self.bidirectional:
            text += f", bidirectional={self.bidirectional}"
        return text


def _quarters(gates: Tensor, size: int) -> Any:
    return ops.unstack(ops.reshape(gates, (gates.shape[0], 4, size)), axis=1)
