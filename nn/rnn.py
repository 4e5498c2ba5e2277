"""Recurrent layers over whole sequences."""

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
from .utils.rnn import PackedSequence, gather, living, spread

__all__ = ["GRU", "LSTM", "RNN", "RNNBase"]

State = tuple[Tensor, Tensor]

# How many gates' weights are stacked.
_GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "GRU": 3, "LSTM": 4}


class RNNBase(Module):
    """What the recurrent layers share: parameters, directions, layers, and packed sequences.

    Parameters
    ----------
    mode : {"RNN_TANH", "RNN_RELU", "GRU", "LSTM"}
        Which recurrence the parameters are for.
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
        If positive, the LSTM's h is projected to this size.
    device, dtype : optional
        Of the parameters.

    Examples
    --------
    >>> from candelabra import nn
    >>> [w.shape for w in nn.RNNBase("GRU", 2, 4).all_weights[0]]
    [(12, 2), (12, 4), (12,), (12,)]
    """

    def __init__(
        self,
        mode: str,
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
        name = type(self).__name__
        if mode not in _GATES:
            raise ArgumentError(f"{name}: mode is one of {', '.join(map(repr, _GATES))}, not {mode!r}")
        if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1:
            raise ArgumentError(f"{name}: dropout is a probability between 0 and 1, got {dropout!r}")
        for argument, value in (("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)):
            if not isinstance(value, int) or isinstance(value, bool):
                raise ArgumentTypeError(f"{name}: {argument} is an int, got {type(value).__name__}")
        if hidden_size <= 0 or num_layers <= 0:
            raise ArgumentError(
                f"{name}: hidden_size and num_layers are positive, got {hidden_size} and {num_layers}"
            )
        if not 0 <= proj_size < hidden_size:
            most = hidden_size - 1
            raise ArgumentError(f"{name}: proj_size lies between 0 and hidden_size - 1 = {most}, got {proj_size}")
        if proj_size and mode != "LSTM":
            raise ArgumentError(f"{name}: an LSTM alone has a projection, so proj_size is 0, not {proj_size}")
        if dropout > 0 and num_layers == 1:
            warnings.warn(f"{name}: dropout acts between layers, and there is only one", stacklevel=3)
        self.mode = mode
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
        rows = _GATES[mode] * hidden_size
        for layer, suffix in self._layers():
            width = input_size if layer == 0 else out_size * directions
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

    def _run(self, input: Any, states: tuple[Tensor, ...] | None) -> tuple[Any, tuple[Tensor, ...]]:
        """Read sequences with all layers, from the first states or from zeros; return outputs and last states."""
        if isinstance(input, PackedSequence):
            return self._run_packed(input, states)
        name = type(self).__name__
        if not isinstance(input, Tensor):
            raise ArgumentTypeError(f"{name}: a Tensor or a PackedSequence is needed, got {type(input).__name__}")
        if input.ndim not in (2, 3) or input.shape[-1] != self.input_size:
            raise ShapeError(
                f"{name}: an input (L, N, {self.input_size}), (N, L, {self.input_size}) with batch_first or "
                f"(L, {self.input_size}) is needed, got {tuple(input.shape)}"
            )
        single = input.ndim == 2
        x = input
        if single:
            x = ops.expand_dims(x, axis=1)
        elif self.batch_first:
            x = ops.permute_dims(x, (1, 0, 2))
        out, last = self._stack(x, self._first(states, x, single), None)
        if single:
            return ops.squeeze(out, axis=1), tuple(ops.squeeze(s, axis=1) for s in last)
        return (ops.permute_dims(out, (1, 0, 2)) if self.batch_first else out), last

    def _run_packed(
        self, input: PackedSequence, states: tuple[Tensor, ...] | None
    ) -> tuple[PackedSequence, tuple[Tensor, ...]]:
        data, batch_sizes, order, back = input
        sizes = living(input)
        if data.ndim != 2 or data.shape[1] != self.input_size:
            raise ShapeError(
                f"{type(self).__name__}: packed elements (total, {self.input_size}) are needed, got {tuple(data.shape)}"
            )
        x = spread(data, sizes)
        first = self._first(states, x, False, order)
        out, last = self._stack(x, first, None if sizes[-1] == sizes[0] else sizes)
        if back is not None:
            last = tuple(ops.take(s, back, axis=1) for s in last)
        return PackedSequence(gather(out, sizes), batch_sizes, order, back), last

    def _first(
        self, states: tuple[Tensor, ...] | None, x: Tensor, single: bool, order: Tensor | None = None
    ) -> list[Any]:
        """Return the first states of each kind, one per layer and direction."""
        name = type(self).__name__
        count = self.num_layers * (2 if self.bidirectional else 1)
        kinds = ("h_0", "c_0") if self.mode == "LSTM" else ("hx",)
        sizes = (self.proj_size or self.hidden_size, self.hidden_size)[: len(kinds)]
        batch = x.shape[1]
        if states is None:
            dtype = self.weight_hh_l0.dtype  # type: ignore[attr-defined]
            return [[ops.zeros((batch, size), dtype=dtype, device=x.device)] * count for size in sizes]
        found = []
        for kind, given, size in zip(kinds, states, sizes, strict=True):
            wanted = (count, size) if single else (count, batch, size)
            if not isinstance(given, Tensor):
                raise ArgumentTypeError(f"{name}: {kind} is a Tensor, got {type(given).__name__}")
            if tuple(given.shape) != wanted:
                raise ShapeError(f"{name}: {kind} must have shape {wanted}, got {tuple(given.shape)}")
            if single:
                given = ops.expand_dims(given, axis=1)
            if order is not None:
                given = ops.take(given, order, axis=1)
            found.append([ops.squeeze(given, axis=0)] if count == 1 else ops.unstack(given, axis=0))
        return found

    def _stack(
        self, x: Tensor, first: list[Any], sizes: tuple[int, ...] | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Read (L, N, features) with one layer above another; return the last one's outputs and all last states."""
        last: list[list[Tensor]] = [[] for _ in first]
        for layer in range(self.num_layers):
            if layer and self.dropout and self.training:
                x = F.dropout(x, self.dropout, True)
            outputs = []
            for direction in range(2 if self.bidirectional else 1):
                place = len(last[0])
                out, *states = self._read(x, [kind[place] for kind in first], layer, bool(direction), sizes)
                outputs.append(out)
                for kind, state in zip(last, states, strict=True):
                    kind.append(state)
            x = outputs[0] if len(outputs) == 1 else ops.concat(outputs, axis=-1)
        return x, tuple(ops.stack(kind, axis=0) for kind in last)

    def _read(
        self, x: Tensor, states: list[Tensor], layer: int, reverse: bool, sizes: tuple[int, ...] | None
    ) -> tuple[Tensor, ...]:
        """Read a sequence with one layer in one direction."""
        suffix = f"l{layer}_reverse" if reverse else f"l{layer}"
        # By attribute: a weight may be parametrized, and then is no parameter.
        w_ih, w_hh = getattr(self, f"weight_ih_{suffix}"), getattr(self, f"weight_hh_{suffix}")
        b_ih, b_hh = (getattr(self, f"{kind}_{suffix}", None) for kind in ("bias_ih", "bias_hh"))
        if self.mode == "LSTM":
            w_hr = getattr(self, f"weight_hr_{suffix}", None)
            h, c = states
            return ops.lstm(x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, reverse=reverse, batch_sizes=sizes)
        (h,) = states
        if self.mode == "GRU":
            return ops.gru(x, h, w_ih, w_hh, b_ih, b_hh, reverse=reverse, batch_sizes=sizes)
        kind = self.mode.removeprefix("RNN_").lower()
        return ops.rnn(x, h, w_ih, w_hh, b_ih, b_hh, nonlinearity=kind, reverse=reverse, batch_sizes=sizes)


class RNN(RNNBase):
    r"""Elman's recurrent network (1990), of one or more layers.

    .. math:: h_t = \tanh(W x_t + b + U h_{t-1} + b')

    or with max(·, 0) instead of tanh.

    Shapes: input (L, N, input_size), with `batch_first` (N, L, input_size), unbatched (L, input_size), or a
    `PackedSequence`; h₀ (D·num_layers, N, hidden_size), unbatched without N, where D is 2 if bidirectional. Returns
    output (L, N, D·hidden_size), packed if the input was, and h_n.

    Parameters
    ----------
    input_size, hidden_size : int
        Features of the input and of the state.
    num_layers : int
        Layers, each reading the one below.
    nonlinearity : {"tanh", "relu"}
        What bounds the state.
    bias : bool
        Whether there are biases.
    batch_first : bool
        Whether the batch is the first axis of input and output (not of the states).
    dropout : float
        In training, the probability of a zero in the output of all layers but the last.
    bidirectional : bool
        Whether each layer also reads backwards.
    device, dtype : optional
        Of the parameters.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> output, h = nn.RNN(10, 20, bidirectional=True)(cb.ones(5, 3, 10))
    >>> output.shape, h.shape
    ((5, 3, 40), (2, 3, 20))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(f"RNN: nonlinearity is 'tanh' or 'relu', not {nonlinearity!r}")
        super().__init__(
            f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, bias, batch_first, dropout,
            bidirectional, 0, device, dtype,
        )  # fmt: skip
        self.nonlinearity = nonlinearity

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        """Read a sequence, from the state `hx`, or from zeros."""
        output, (h,) = self._run(input, None if hx is None else (hx,))
        return output, h


class GRU(RNNBase):
    r"""Gated recurrent units (Cho et al., 2014), of one or more layers.

    .. math::
        (r, z) &= \sigma(W x_t + b + U h_{t-1} + b'), \quad n = \tanh(W x_t + b + r \odot (U h_{t-1} + b')) \\
        h_t &= (1 - z) \odot n + z \odot h_{t-1}

    with own weights for each of r, z, n, stacked in this order.

    Shapes: input (L, N, input_size), with `batch_first` (N, L, input_size), unbatched (L, input_size), or a
    `PackedSequence`; h₀ (D·num_layers, N, hidden_size), unbatched without N, where D is 2 if bidirectional. Returns
    output (L, N, D·hidden_size), packed if the input was, and h_n.

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
    device, dtype : optional
        Of the parameters.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> output, h = nn.GRU(10, 20, batch_first=True)(cb.ones(3, 5, 10))
    >>> output.shape, h.shape
    ((3, 5, 20), (1, 3, 20))
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
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        """Read a sequence, from the state `hx`, or from zeros."""
        output, (h,) = self._run(input, None if hx is None else (hx,))
        return output, h


class LSTM(RNNBase):
    r"""Long short-term memory (Hochreiter and Schmidhuber, 1997), of one or more layers.

    .. math::
        (i, f, o) &= \sigma(W x_t + b + U h_{t-1} + b'), \quad g = \tanh(W x_t + b + U h_{t-1} + b') \\
        c_t &= f \odot c_{t-1} + i \odot g, \quad h_t = o \odot \tanh c_t

    with own weights for each of the gates i, f, g, o, stacked in this order.

    Shapes: input (L, N, input_size), with `batch_first` (N, L, input_size), unbatched (L, input_size), or a
    `PackedSequence`; h₀ (D·num_layers, N, P) and c₀ (D·num_layers, N, hidden_size), unbatched without N, where D is 2
    if bidirectional and P is proj_size or else hidden_size. Returns output (L, N, D·P), packed if the input was, and
    (h_n, c_n).

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
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size, device,
            dtype,
        )  # fmt: skip

    def forward(self, input: Any, hx: State | None = None) -> tuple[Any, State]:
        """Read a sequence, from the states `hx` = (h₀, c₀), or from zeros."""
        if hx is not None and (not isinstance(hx, (tuple, list)) or len(hx) != 2):
            raise ArgumentTypeError(f"LSTM: hx is a pair (h_0, c_0), got {type(hx).__name__}")
        output, (h, c) = self._run(input, None if hx is None else tuple(hx))
        return output, (h, c)
