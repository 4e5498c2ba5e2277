"""Look-up tables with trained rows."""

from __future__ import annotations

from typing import Any

from ..core import ops
from ..core.autograd import no_grad
from ..core.errors import ArgumentError, ShapeError
from ..core.tensor import Tensor
from . import init
from .module import Module
from .parameter import Parameter


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    r"""Look up rows of a table.

    .. math:: y_i = W_{x_i}

    Parameters
    ----------
    input : Tensor
        Integers, any shape.
    weight : Tensor
        The table, shape (V, E).
    padding_idx : int, optional
        A row that gets no gradient.
    max_norm : float, optional
        Rows looked up are first shortened in place to this norm.
    norm_type : float
        The p of that norm.
    scale_grad_by_freq : bool
        Whether a row's gradient is divided by how often it was looked up.
    sparse : bool
        Refused.

    Returns
    -------
    Tensor
        Shape (*input.shape, E).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.embedding(cb.asarray([1, 0]), cb.asarray([[0., 1.], [2., 3.]]))
    tensor([[2., 3.],
            [0., 1.]])
    """
    _refuse_sparse(sparse)
    count = weight.shape[0]
    if padding_idx is not None:
        if not -count <= padding_idx < count:
            raise ArgumentError(f"embedding: padding_idx={padding_idx} is outside the table's {count} rows")
        padding_idx %= count
    if max_norm is not None:
        _shorten_rows(weight, input, max_norm, norm_type)
    out = ops.embedding(weight, input, padding_idx=padding_idx)
    if scale_grad_by_freq and out.requires_grad:
        flat = ops.reshape(input, (-1,))
        ones = ops.ones(flat.shape, dtype=weight.dtype, device=weight.device)
        counts = ops.index_add(ops.zeros((count,), dtype=weight.dtype, device=weight.device), flat, ones, axis=0)
        share = ops.expand_dims(ops.take(ops.divide(1.0, ops.maximum(counts, 1.0)), input, axis=0), axis=-1)
        # The value is that of `out`; only the gradient is scaled.
        fixed = out.detach()
        out = ops.add(fixed, ops.multiply(share, ops.subtract(out, fixed)))
    return out


def _refuse_sparse(sparse: bool) -> None:
    """Refuse sparse gradients, with the reason."""
    if sparse:
        raise ArgumentError(
            "embedding: sparse=True is refused: there are no sparse tensors, and a gradient is dense; leave it False"
        )


@no_grad()
def _shorten_rows(weight: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> None:
    """Shorten in place those of the rows looked up that are longer than `max_norm`."""
    flat = ops.reshape(indices, (-1,))
    rows = ops.take(weight.detach(), flat, axis=0)
    norms = ops.sum(ops.abs(rows) ** norm_type, axis=1, keepdims=True) ** (1.0 / norm_type)
    # The 1e-7 is PyTorch's.
    scale = ops.where(ops.greater(norms, max_norm), ops.divide(max_norm, ops.add(norms, 1e-7)), 1.0)
    weight[flat] = ops.multiply(rows, scale)


class Embedding(Module):
    r"""A table of vectors, looked up by integers.

    .. math:: y_i = W_{x_i}

    Shapes: input any shape of integers, output (*input.shape, embedding_dim); weight
    (num_embeddings, embedding_dim), which starts from N(0, 1).

    Parameters
    ----------
    num_embeddings, embedding_dim : int
        Rows and columns of the table.
    padding_idx : int, optional
        A row that starts at zero and gets no gradient.
    max_norm : float, optional
        Rows looked up are first shortened in place to this norm.
    norm_type : float
        The p of that norm.
    scale_grad_by_freq : bool
        Whether a row's gradient is divided by how often it was looked up.
    sparse : bool
        Refused: there are no sparse tensors.
    device, dtype : optional
        Of the table.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Embedding(10, 3)(cb.asarray([[1, 2, 4, 5], [4, 3, 2, 9]])).shape
    (2, 4, 3)
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        _refuse_sparse(sparse)
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ArgumentError(f"Embedding: padding_idx={padding_idx} is outside num_embeddings={num_embeddings}")
            padding_idx %= num_embeddings
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_idx
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        if _weight is None:
            table = ops.empty((num_embeddings, embedding_dim), device=device, dtype=dtype)
            self.weight = Parameter(table, requires_grad=not _freeze)
            self.reset_parameters()
        else:
            if _weight.shape != (num_embeddings, embedding_dim):
                raise ShapeError(
                    f"Embedding: the weight has shape {tuple(_weight.shape)}, "
                    f"num_embeddings and embedding_dim say {(num_embeddings, embedding_dim)}"
                )
            self.weight = Parameter(_weight, requires_grad=not _freeze)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """Make a layer from a table of shape (num_embeddings, embedding_dim), which is not trained if `freeze`."""
        if embeddings.ndim != 2:
            raise ShapeError(f"from_pretrained: a table with 2 axes is needed, got shape {tuple(embeddings.shape)}")
        rows, columns = embeddings.shape
        return cls(
            rows,
            columns,
            padding_idx=padding_idx,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            sparse=sparse,
            _weight=embeddings,
            _freeze=freeze,
        )

    def reset_parameters(self) -> None:
        """Draw a new table."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0

    def forward(self, input: Tensor) -> Tensor:
        """Look the rows up."""
        if self.max_norm is None and not self.scale_grad_by_freq:
            return ops.embedding(self.weight, input, padding_idx=self.padding_idx)
        return embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse
        )

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.padding_idx is not None:
            text += f", padding_idx={self.padding_idx}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            text += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        return text
