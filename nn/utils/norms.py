"""What both styles of weight and spectral normalization share: norms of weights, and the power method."""

from __future__ import annotations

from typing import Any

from ...core import ops
from ...core.autograd import no_grad
from ...core.errors import AxisError
from ...core.tensor import Tensor
from ..functions.distance import normalize


def norm_except(weight: Tensor, dim: int) -> Tensor:
    """Return the Euclidean norms over all axes but one, which stay as ones; of the whole tensor for -1."""
    if dim == -1:
        return ops.sqrt(ops.sum(ops.multiply(weight, weight)))
    if not -weight.ndim <= dim < weight.ndim:
        raise AxisError(f"weight_norm: dim={dim} is no axis of a weight of shape {tuple(weight.shape)}")
    axes = tuple(i for i in range(weight.ndim) if i != dim % weight.ndim)
    return ops.sqrt(ops.sum(ops.multiply(weight, weight), axis=axes, keepdims=True))


def weight_of(g: Tensor, v: Tensor, dim: int) -> Tensor:
    """Return ``g * v / |v|``."""
    return ops.multiply(v, ops.divide(g, norm_except(v, dim)))


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """Return a weight with one axis in front and all others joined behind it."""
    if dim:
        weight = ops.permute_dims(weight, (dim, *(i for i in range(weight.ndim) if i != dim)))
    return ops.reshape(weight, (weight.shape[0], -1))


def unit_vector(n: int, like: Tensor, eps: float) -> Tensor:
    """Return a random vector of length one."""
    with no_grad():
        drawn = ops.empty((n,), dtype=like.dtype, device=like.device).normal_()
        return normalize(drawn, dim=0, eps=eps)


def largest_singular_value(matrix: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Return ``u @ matrix @ v``, which is the largest singular value where u and v are its vectors."""
    return ops.vecdot(u, ops.matmul(matrix, v))


def advance(first: Any, second: Any, matrix: Tensor, steps: int, eps: float, u_first: bool) -> None:
    """Improve the singular vectors u and v in place by some steps of the power method.

    `first` and `second` are u and v; `u_first` says which of them is computed first in a step.
    """
    with no_grad():
        matrix = matrix.detach()
        u, v = first.detach(), second.detach()
        turned = ops.conj(ops.matrix_transpose(matrix))
        for _ in range(steps):
            if u_first:
                u = normalize(ops.matmul(matrix, v), dim=0, eps=eps)
                v = normalize(ops.matmul(turned, u), dim=0, eps=eps)
            else:
                v = normalize(ops.matmul(turned, u), dim=0, eps=eps)
                u = normalize(ops.matmul(matrix, v), dim=0, eps=eps)
        first._rebind(u.array, u.device)
        second._rebind(v.array, v.device)
