"""Attention: the scaled dot product, and the multi-head layer (Vaswani et al., 2017)."""

from __future__ import annotations

from typing import Any

from ..core import ops
from ..core.errors import ArgumentError, ArgumentTypeError, ShapeError
from ..core.tensor import Tensor
from . import init
from .functions.attention import _attend
from .functions.dropout import probability
from .linear import NonDynamicallyQuantizableLinear
from .module import Module
from .parameter import Parameter

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    r"""Attention by several heads at once (Vaswani et al., 2017).

    .. math:: y = [h_1, \ldots, h_H] W^O, \quad
        h_i = \mathrm{softmax}(q W_i^Q (k W_i^K)^\top / \sqrt{d}) \, v W_i^V

    Shapes: query (L, N, embed_dim), key (S, N, kdim), value (S, N, vdim), with `batch_first` (N, L, ·) and (N, S, ·),
    unbatched without N; the output is like the query, the weights (N, L, S), or (N, num_heads, L, S) if not averaged.

    Parameters
    ----------
    embed_dim : int
        The model's width.
    num_heads : int
        Divides embed_dim.
    dropout : float
        The probability with which a weight is dropped in training.
    bias : bool
        Whether the projections have biases.
    add_bias_kv : bool
        Whether a learned key and value stand at the sequence's end.
    add_zero_attn : bool
        Whether a key and value of zeros stand there.
    kdim, vdim : int, optional
        Widths of keys and values; embed_dim if not given.
    batch_first : bool
        Whether the batch is the first axis.
    device, dtype : optional
        Of the parameters.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> x = cb.ones(7, 2, 8)
    >>> out, weights = nn.MultiheadAttention(8, 2)(x, x, x)
    >>> out.shape, weights.shape
    ((7, 2, 8), (2, 7, 7))
    """

    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0 or embed_dim % num_heads:
            raise ArgumentError(
                f"MultiheadAttention: embed_dim is a positive multiple of num_heads, got embed_dim={embed_dim}, "
                f"num_heads={num_heads}"
            )
        probability("MultiheadAttention", dropout, "dropout")
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        factory = {"device": device, "dtype": dtype}

        def weight(wanted: bool, *shape: int) -> Parameter | None:
            return Parameter(ops.empty(shape, **factory)) if wanted else None

        same = self._qkv_same_embed_dim
        if same:
            self.register_parameter("in_proj_weight", weight(True, 3 * embed_dim, embed_dim))
        self.register_parameter("q_proj_weight", weight(not same, embed_dim, embed_dim))
        self.register_parameter("k_proj_weight", weight(not same, embed_dim, self.kdim))
        self.register_parameter("v_proj_weight", weight(not same, embed_dim, self.vdim))
        if not same:
            self.register_parameter("in_proj_weight", None)
        self.register_parameter("in_proj_bias", weight(bias, 3 * embed_dim))
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, **factory)
        self.register_parameter("bias_k", weight(add_bias_kv, 1, 1, embed_dim))
        self.register_parameter("bias_v", weight(add_bias_kv, 1, 1, embed_dim))
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for matrix in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if matrix is not None:
                init.xavier_uniform_(matrix)
        if self.in_proj_bias is not None and self.out_proj.bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend.

        Parameters
        ----------
        query, key, value : Tensor
            As the class says.
        key_padding_mask : Tensor, optional
            Shape (N, S): booleans, True where a key is left out, or numbers that are added to the scores.
        need_weights : bool
            Whether the weights are returned; without them it is faster.
        attn_mask : Tensor, optional
            Shape (L, S) or (N·num_heads, L, S), of the same two kinds.
        average_attn_weights : bool
            Whether the weights returned are the heads' mean.
        is_causal : bool
            Whether query i sees keys 0 to i only; an `attn_mask` given with it must say the same.

        Returns
        -------
        tuple of Tensor and Tensor or None
            The output, and the weights.
        """
        for x in (query, key, value):
            if not isinstance(x, Tensor):
                raise ArgumentTypeError(f"MultiheadAttention: tensors are needed, got {type(x).__name__}")
        single = query.ndim == 2
        if not (query.ndim == key.ndim == value.ndim) or query.ndim not in (2, 3):
            raise ShapeError(
                "MultiheadAttention: query, key and value have 3 axes each, or 2 without a batch, got shapes "
                f"{tuple(query.shape)}, {tuple(key.shape)} and {tuple(value.shape)}"
            )
        batch_first = self.batch_first
        if single:
            if query is key and key is value:
                query = key = value = ops.expand_dims(query, axis=0)
            else:
                query, key, value = (ops.expand_dims(x, axis=0) for x in (query, key, value))
            batch_first = True
            if key_padding_mask is not None and key_padding_mask.ndim == 1:
                key_padding_mask = ops.expand_dims(key_padding_mask, axis=0)
        same = self._qkv_same_embed_dim
        separate = None if same else (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        out, weights = _attend(
            query, key, value, batch_first, self.embed_dim, self.num_heads, self.in_proj_weight, separate,
            self.in_proj_bias, self.bias_k, self.bias_v, self.add_zero_attn, self.dropout if self.training else 0.0,
            self.out_proj.weight, self.out_proj.bias, key_padding_mask, need_weights, attn_mask,
            average_attn_weights, is_causal, None, None,
        )  # fmt: skip
        if single:
            out = ops.squeeze(out, axis=0)
            weights = None if weights is None else ops.squeeze(weights, axis=0)
        return out, weights
