"""The transformer's encoder (Vaswani et al., 2017)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from ..core.errors import ArgumentError
from ..core.tensor import Tensor
from . import functional as F
from .attention import MultiheadAttention
from .containers import ModuleList
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .normalization import LayerNorm

__all__ = ["TransformerEncoder", "TransformerEncoderLayer"]


class TransformerEncoderLayer(Module):
    r"""Self-attention and a two-layer network, each with a residual path and layer norm.

    .. math:: z = n_1(x + a(x)), \quad y = n_2(z + f(z))

    or, with `norm_first`, z = x + a(n₁(x)), y = z + f(n₂(z)).

    Shapes: src (S, N, d_model), with `batch_first` (N, S, d_model), unbatched (S, d_model); the output alike.

    Parameters
    ----------
    d_model : int
        Width.
    nhead : int
        Heads of the attention.
    dim_feedforward : int
        Hidden width of the network.
    dropout : float
        Probability of a zero after attention, activation and network.
    activation : {"relu", "gelu"} or callable
        Between the network's layers.
    layer_norm_eps : float
        Added to the variance in layer norm.
    batch_first : bool
        Whether the batch is the first axis.
    norm_first : bool
        Whether layer norm stands before attention and network instead of after the sum.
    bias : bool
        Whether linear layers and layer norms have biases.
    device, dtype : optional
        Of the parameters.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.TransformerEncoderLayer(d_model=16, nhead=4, dim_feedforward=32)(cb.ones(10, 2, 16)).shape
    (10, 2, 16)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout=dropout, bias=bias, batch_first=batch_first, **factory
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **factory)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **factory)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **factory)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **factory)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = _activation(activation)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Encode; the masks are those of `MultiheadAttention`: `attn_mask`, `key_padding_mask` and `is_causal`."""
        x = src
        if self.norm_first:
            x = x + self._attend(self.norm1(x), src_mask, src_key_padding_mask, is_causal)
            return x + self._feed_forward(self.norm2(x))
        x = self.norm1(x + self._attend(x, src_mask, src_key_padding_mask, is_causal))
        return self.norm2(x + self._feed_forward(x))

    def _attend(self, x: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool) -> Tensor:
        out, _ = self.self_attn(
            x, x, x, attn_mask=mask, key_padding_mask=padding, need_weights=False, is_causal=is_causal
        )
        return self.dropout1(out)

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))


def _activation(activation: str | Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    if callable(activation):
        return activation
    if activation not in ("relu", "gelu"):
        raise ArgumentError(f"TransformerEncoderLayer: activation is 'relu', 'gelu' or a callable, got {activation!r}")
    return F.relu if activation == "relu" else F.gelu


class TransformerEncoder(Module):
    r"""A stack of encoder layers.

    .. math:: y = n(e_k(\ldots e_1(x)))

    Shapes: as the layers'.

    Parameters
    ----------
    encoder_layer : TransformerEncoderLayer
        Copied for every place in the stack.
    num_layers : int
        How many.
    norm : Module, optional
        Applied at the end.
    enable_nested_tensor, mask_check : bool
        Accepted as PyTorch has them: there they choose a faster way of computing, here there is one way.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> layer = nn.TransformerEncoderLayer(d_model=16, nhead=4, dim_feedforward=32)
    >>> nn.TransformerEncoder(layer, num_layers=2)(cb.ones(10, 2, 16)).shape
    (10, 2, 16)
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = ModuleList(copy.deepcopy(encoder_layer) for _ in range(num_layers))
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """Encode; the masks are those of `MultiheadAttention`: `attn_mask`, `key_padding_mask` and `is_causal`."""
        for layer in self.layers:
            src = layer(src, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=bool(is_causal))
        return src if self.norm is None else self.norm(src)
