"""The transformer: encoder, decoder, and both (Vaswani et al., 2017)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from ..core import ops
from ..core.errors import ArgumentError, ShapeError
from ..core.tensor import Tensor
from . import functional as F
from . import init
from .attention import MultiheadAttention
from .containers import ModuleList
from .dropout import Dropout
from .following import followed
from .linear import Linear
from .module import Module
from .normalization import LayerNorm

__all__ = [
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
]


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
        self.activation = _activation("TransformerEncoderLayer", activation)

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
        return self.dropout2(self.linear2(self.dropout(followed(self.linear1, self.activation, x))))


def _activation(name: str, activation: str | Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    if callable(activation):
        return activation
    if activation not in ("relu", "gelu"):
        raise ArgumentError(f"{name}: activation is 'relu', 'gelu' or a callable, got {activation!r}")
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
        Accepted, without effect: in PyTorch they let evaluation skip padded places (and give zeros there) if the mask
        allows it; here every place is computed.

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
        self.layers = _copies(encoder_layer, num_layers)
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
        """Encode; the masks are those of `MultiheadAttention`: `attn_mask`, `key_padding_mask` and `is_causal`.

        `is_causal` is a hint that `mask` is the causal one; None looks for nothing, and the mask is used as it is.
        """
        for layer in self.layers:
            src = layer(src, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=bool(is_causal))
        return src if self.norm is None else self.norm(src)


def _copies(layer: Module, count: int) -> ModuleList:
    return ModuleList(copy.deepcopy(layer) for _ in range(count))


class TransformerDecoderLayer(Module):
    r"""Self-attention, attention to a memory, and a two-layer network, each with a residual path and layer norm.

    .. math:: z = n_1(x + a(x)), \quad u = n_2(z + b(z, m)), \quad y = n_3(u + f(u))

    or, with `norm_first`, z = x + a(n₁(x)), u = z + b(n₂(z), m), y = u + f(n₃(u)).

    Shapes: tgt (T, N, d_model) and memory (S, N, d_model), with `batch_first` (N, T, d_model) and (N, S, d_model),
    unbatched without N; the output is like tgt.

    Parameters
    ----------
    d_model : int
        Width.
    nhead : int
        Heads of the attentions.
    dim_feedforward : int
        Hidden width of the network.
    dropout : float
        Probability of a zero after the attentions, activation and network.
    activation : {"relu", "gelu"} or callable
        Between the network's layers.
    layer_norm_eps : float
        Added to the variance in layer norm.
    batch_first : bool
        Whether the batch is the first axis.
    norm_first : bool
        Whether layer norm stands before attentions and network instead of after the sum.
    bias : bool
        Whether linear layers and layer norms have biases.
    device, dtype : optional
        Of the parameters.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> layer = nn.TransformerDecoderLayer(d_model=16, nhead=4, dim_feedforward=32)
    >>> layer(cb.ones(7, 2, 16), cb.ones(10, 2, 16)).shape
    (7, 2, 16)
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
            d_model, nhead, dropout=dropout, batch_first=batch_first, bias=bias, **factory
        )
        self.multihead_attn = MultiheadAttention(
            d_model, nhead, dropout=dropout, batch_first=batch_first, bias=bias, **factory
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **factory)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **factory)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **factory)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **factory)
        self.norm3 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **factory)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = _activation("TransformerDecoderLayer", activation)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Decode; the masks are those of `MultiheadAttention`, first for `tgt` alone, then for `memory`."""
        own = (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        other = (memory_mask, memory_key_padding_mask, memory_is_causal)
        x = tgt
        if self.norm_first:
            x = x + self._attend_self(self.norm1(x), *own)
            x = x + self._attend_memory(self.norm2(x), memory, *other)
            return x + self._feed_forward(self.norm3(x))
        x = self.norm1(x + self._attend_self(x, *own))
        x = self.norm2(x + self._attend_memory(x, memory, *other))
        return self.norm3(x + self._feed_forward(x))

    def _attend_self(self, x: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool) -> Tensor:
        out, _ = self.self_attn(
            x, x, x, attn_mask=mask, key_padding_mask=padding, need_weights=False, is_causal=is_causal
        )
        return self.dropout1(out)

    def _attend_memory(
        self, x: Tensor, memory: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool
    ) -> Tensor:
        out, _ = self.multihead_attn(
            x, memory, memory, attn_mask=mask, key_padding_mask=padding, need_weights=False, is_causal=is_causal
        )
        return self.dropout2(out)

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.dropout3(self.linear2(self.dropout(followed(self.linear1, self.activation, x))))


class TransformerDecoder(Module):
    r"""A stack of decoder layers.

    .. math:: y = n(d_k(\ldots d_1(x, m), m))

    Shapes: as the layers'.

    Parameters
    ----------
    decoder_layer : TransformerDecoderLayer
        Copied for every place in the stack.
    num_layers : int
        How many.
    norm : Module, optional
        Applied at the end.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> layer = nn.TransformerDecoderLayer(d_model=16, nhead=4, dim_feedforward=32)
    >>> nn.TransformerDecoder(layer, num_layers=2)(cb.ones(7, 2, 16), cb.ones(10, 2, 16)).shape
    (7, 2, 16)
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _copies(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Decode; the masks are those of `MultiheadAttention`, first for `tgt` alone, then for `memory`.

        `tgt_is_causal` is a hint that `tgt_mask` is the causal one; None looks for nothing, the mask is used as it is.
        """
        for layer in self.layers:
            tgt = layer(
                tgt,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=bool(tgt_is_causal),
                memory_is_causal=memory_is_causal,
            )
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    r"""An encoder and a decoder that attends to its output.

    .. math:: y = \mathrm{decoder}(t, \mathrm{encoder}(s))

    Shapes: src (S, N, d_model) and tgt (T, N, d_model), with `batch_first` (N, S, d_model) and (N, T, d_model),
    unbatched without N; the output is like tgt.

    Parameters
    ----------
    d_model : int
        Width.
    nhead : int
        Heads of the attentions.
    num_encoder_layers, num_decoder_layers : int
        Layers of each stack.
    dim_feedforward : int
        Hidden width of the networks.
    dropout : float
        Probability of a zero.
    activation : {"relu", "gelu"} or callable
        Between the networks' layers.
    custom_encoder, custom_decoder : Module, optional
        Stand for the stacks; they are called as `TransformerEncoder` and `TransformerDecoder` are.
    layer_norm_eps : float
        Added to the variance in layer norm.
    batch_first : bool
        Whether the batch is the first axis.
    norm_first : bool
        Whether layer norm stands before attentions and networks instead of after the sum.
    bias : bool
        Whether linear layers and layer norms have biases.
    device, dtype : optional
        Of the parameters.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> model = nn.Transformer(d_model=16, nhead=4, num_encoder_layers=2, num_decoder_layers=2, dim_feedforward=32)
    >>> model(cb.ones(10, 2, 16), cb.ones(7, 2, 16)).shape
    (7, 2, 16)
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = F.relu,
        custom_encoder: Any | None = None,
        custom_decoder: Any | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        shared = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)
        if custom_encoder is not None:
            self.encoder = custom_encoder
        else:
            norm = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **factory)
            self.encoder = TransformerEncoder(TransformerEncoderLayer(*shared, **factory), num_encoder_layers, norm)
        if custom_decoder is not None:
            self.decoder = custom_decoder
        else:
            norm = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **factory)
            self.decoder = TransformerDecoder(TransformerDecoderLayer(*shared, **factory), num_decoder_layers, norm)
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def _reset_parameters(self) -> None:
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Encode `src`, then decode `tgt`; the masks are those of `MultiheadAttention`, for src, tgt and memory."""
        shapes = f"src {tuple(src.shape)} and tgt {tuple(tgt.shape)}"
        batch = 0 if self.batch_first else 1
        if src.ndim != tgt.ndim or src.ndim not in (2, 3):
            raise ShapeError(f"Transformer: src and tgt have 3 axes each, or 2 without a batch, got {shapes}")
        if src.ndim == 3 and src.shape[batch] != tgt.shape[batch]:
            raise ShapeError(f"Transformer: src and tgt must have the same batch (axis {batch}), got {shapes}")
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise ShapeError(f"Transformer: the last axis of both must have d_model={self.d_model}, got {shapes}")
        memory = self.encoder(
            src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal
        )
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """Return the causal mask (sz, sz): -inf above the diagonal, where keys lie in the future, and 0 elsewhere.

        Examples
        --------
        >>> from candelabra import nn
        >>> nn.Transformer.generate_square_subsequent_mask(2)
        tensor([[0., -inf],
                [0., 0.]])
        """
        return ops.triu(ops.full((sz, sz), float("-inf"), device=device, dtype=dtype), k=1)
