"""Recurrent layers, a step at a time."""

from __future__ import annotations

import math
from typing import Any

from ..core import ops
from ..core.errors import ArgumentError, ArgumentTypeError, ShapeError
from ..core.tensor import Tensor
from . import init
from .module import Module
from .parameter import Parameter

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]


class RNNCellBase(Module):
    """What the cells share: parameters, and steps with and without a batch.

    Parameters
    ----------
    input_size, hidden_size : int
        Features of the input and of the state.
    bias : bool
        Whether there are biases.
    num_chunks : int
        How many gates' weights are stacked.
    device, dtype : optional
        Of the parameters.

    Examples
    --------
    >>> from candelabra import nn
    >>> nn.RNNCellBase(2, 4, bias=True, num_chunks=3).weight_ih.shape
    (12, 2)
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        name = type(self).__name__
        for argument, value in (("input_size", input_size), ("hidden_size", hidden_size), ("num_chunks", num_chunks)):
            if not isinstance(value, int) or isinstance(value, bool):
                raise ArgumentTypeError(f"{name}: {argument} is an int, got {type(value).__name__}")
        if hidden_size <= 0 or num_chunks <= 0:
            raise ArgumentError(f"{name}: hidden_size and num_chunks are positive, got {hidden_size} and {num_chunks}")
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows, factory = num_chunks * hidden_size, {"device": device, "dtype": dtype}
        self.weight_ih = Parameter(ops.empty((rows, input_size), **factory))
        self.weight_hh = Parameter(ops.empty((rows, hidden_size), **factory))
        self.bias_ih: Parameter | None
        self.bias_hh: Parameter | None
        self.register_parameter("bias_ih", Parameter(ops.empty((rows,), **factory)) if bias else None)
        self.register_parameter("bias_hh", Parameter(ops.empty((rows,), **factory)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights, uniform in ±1/√hidden_size."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        nonlinearity = getattr(self, "nonlinearity", "tanh")
        if nonlinearity != "tanh":
            text += f", nonlinearity={nonlinearity}"
        return text

    def _checked(self, input: Any, states: tuple[Any, ...]) -> tuple[Tensor, list[Tensor], bool]:
        """Return the input as a sequence of one step, the states with a batch axis, and whether that was missing."""
        name = type(self).__name__
        if not isinstance(input, Tensor):
            raise ArgumentTypeError(f"{name}: a Tensor is needed, got {type(input).__name__}")
        if input.ndim not in (1, 2) or input.shape[-1] != self.input_size:
            raise ShapeError(
                f"{name}: an input (N, {self.input_size}) or ({self.input_size},) is needed, got {tuple(input.shape)}"
            )
        single = input.ndim == 1
        wanted = (self.hidden_size,) if single else (input.shape[0], self.hidden_size)
        found = []
        for state in states:
            if state is None:
                state = ops.zeros(wanted, dtype=self.weight_hh.dtype, device=input.device)
            elif not isinstance(state, Tensor):
                raise ArgumentTypeError(f"{name}: a state is a Tensor, got {type(state).__name__}")
            elif tuple(state.shape) != wanted:
                raise ShapeError(
                    f"{name}: for an input {tuple(input.shape)} a state has shape {wanted}, got {tuple(state.shape)}"
                )
            found.append(ops.expand_dims(state, axis=0) if single else state)
        x = ops.expand_dims(input, axis=0)
        return (ops.expand_dims(x, axis=0) if single else x), found, single

    def _weights(self) -> tuple[Any, ...]:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh


class RNNCell(RNNCellBase):
    r"""A step of Elman's recurrent network.

    .. math:: h' = \tanh(W x + b + U h + b')

    or with max(·, 0) instead of tanh.

    Shapes: input (N, input_size) and state (N, hidden_size), or both without N; returns the new state.

    Parameters
    ----------
    input_size, hidden_size : int
        Features of the input and of the state.
    bias : bool
        Whether there are biases.
    nonlinearity : {"tanh", "relu"}
        What bounds the state.
    device, dtype : optional
        Of the parameters.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.RNNCell(10, 20)(cb.ones(3, 10)).shape
    (3, 20)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(f"RNNCell: nonlinearity is 'tanh' or 'relu', not {nonlinearity!r}")
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Take a step from the state `hx`, or from zeros."""
        x, states, single = self._checked(input, (hx,))
        h = ops.rnn(x, *states, *self._weights(), nonlinearity=self.nonlinearity).h_n
        return ops.squeeze(h, axis=0) if single else h


class GRUCell(RNNCellBase):
    r"""A step of gated recurrent units.

    .. math::
        (r, z) &= \sigma(W x + b + U h + b'), \quad n = \tanh(W x + b + r \odot (U h + b')) \\
        h' &= (1 - z) \odot n + z \odot h

    Shapes: input (N, input_size) and state (N, hidden_size), or both without N; returns the new state.

    Parameters
    ----------
    input_size, hidden_size : int
        Features of the input and of the state.
    bias : bool
        Whether there are biases.
    device, dtype : optional
        Of the parameters.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.GRUCell(10, 20)(cb.ones(10)).shape
    (20,)
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Take a step from the state `hx`, or from zeros."""
        x, states, single = self._checked(input, (hx,))
        h = ops.gru(x, *states, *self._weights()).h_n
        return ops.squeeze(h, axis=0) if single else h


class LSTMCell(RNNCellBase):
    r"""A step of long short-term memory.

    .. math::
        (i, f, o) &= \sigma(W x + b + U h + b'), \quad g = \tanh(W x + b + U h + b') \\
        c' &= f \odot c + i \odot g, \quad h' = o \odot \tanh c'

    Shapes: input (N, input_size) and states (N, hidden_size), or all without N; returns the new states (h', c').

    Parameters
    ----------
    input_size, hidden_size : int
        Features of the input and of the states.
    bias : bool
        Whether there are biases.
    device, dtype : optional
        Of the parameters.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> h, c = nn.LSTMCell(10, 20)(cb.ones(3, 10))
    >>> h.shape, c.shape
    ((3, 20), (3, 20))
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """Take a step from the states `hx` = (h, c), or from zeros."""
        if hx is not None and (not isinstance(hx, (tuple, list)) or len(hx) != 2):
            raise ArgumentTypeError(f"LSTMCell: hx is a pair (h, c), got {type(hx).__name__}")
        x, states, single = self._checked(input, (None, None) if hx is None else tuple(hx))
        _, h, c = ops.lstm(x, *states, *self._weights())
        return (ops.squeeze(h, axis=0), ops.squeeze(c, axis=0)) if single else (h, c)
