"""Batch normalization in evaluation, worked into the layer before it."""

from __future__ import annotations

import copy
from typing import Any

from ...core import ops
from ...core.autograd import no_grad
from ...core.errors import ArgumentError
from ...core.tensor import Tensor
from ..module import Module
from ..parameter import Parameter

__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"]


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """Return a convolution that does what a convolution and the batch normalization behind it do in evaluation.

    Parameters
    ----------
    conv : Module
        The convolution, in evaluation.
    bn : Module
        The batch normalization, in evaluation, with running statistics.
    transpose : bool
        Whether the convolution is a transposed one, whose weight has the outputs on its second axis.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> conv, bn = nn.Conv2d(1, 2, 3).eval(), nn.BatchNorm2d(2).eval()
    >>> x = cb.ones(1, 1, 4, 4)
    >>> bool((abs(nn.utils.fuse_conv_bn_eval(conv, bn)(x) - bn(conv(x))) < 1e-5).all())
    True
    """
    fused = _copy("fuse_conv_bn_eval", conv, bn)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias, transpose
    )
    return fused


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Return the weight and the bias of a convolution with the batch normalization behind it worked in.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> w, b = nn.utils.fuse_conv_bn_weights(cb.ones(2, 1, 1), None, cb.zeros(2), 4 * cb.ones(2), 0.0, None, None)
    >>> w.flatten().tolist()
    [0.5, 0.5]
    """
    outputs = bn_rm.shape[0]
    shape = [1] * conv_w.ndim
    shape[1 if transpose else 0] = outputs
    with no_grad():
        scale, shift = _scale_and_shift(conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)
        weight = ops.multiply(conv_w, ops.reshape(scale, tuple(shape))).to(conv_w.dtype)
    return _parameters(weight, shift, conv_w, conv_b)


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """Return a linear layer that does what a linear layer and the batch normalization behind it do in evaluation.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> linear, bn = nn.Linear(3, 2).eval(), nn.BatchNorm1d(2).eval()
    >>> x = cb.ones(4, 3)
    >>> bool((abs(nn.utils.fuse_linear_bn_eval(linear, bn)(x) - bn(linear(x))) < 1e-5).all())
    True
    """
    fused = _copy("fuse_linear_bn_eval", linear, bn)
    if bn.num_features not in (1, linear.out_features):
        raise ArgumentError(
            f"fuse_linear_bn_eval: the linear layer has {linear.out_features} outputs, "
            f"the batch normalization {bn.num_features} features"
        )
    fused.weight, fused.bias = fuse_linear_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return fused


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """Return the weight and the bias of a linear layer with the batch normalization behind it worked in.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> w, b = nn.utils.fuse_linear_bn_weights(cb.ones(2, 1), None, cb.zeros(2), 4 * cb.ones(2), 0.0, None, None)
    >>> w.flatten().tolist()
    [0.5, 0.5]
    """
    with no_grad():
        scale, shift = _scale_and_shift(linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)
        weight = ops.multiply(linear_w, ops.expand_dims(scale, axis=-1)).to(linear_w.dtype)
    return _parameters(weight, shift, linear_w, linear_b)


def _copy(operation: str, layer: Module, bn: Any) -> Any:
    if layer.training or bn.training:
        raise ArgumentError(f"{operation}: both layers must be in evaluation; call .eval() first")
    if bn.running_mean is None or bn.running_var is None:
        raise ArgumentError(f"{operation}: the batch normalization has no running statistics to work in")
    return copy.deepcopy(layer)


def _scale_and_shift(
    bias: Tensor | None, mean: Tensor, var: Tensor, eps: float, bn_w: Tensor | None, bn_b: Tensor | None
) -> tuple[Tensor, Tensor]:
    scale = ops.rsqrt(ops.add(var, eps))
    if bn_w is not None:
        scale = ops.multiply(scale, bn_w)
    centred = ops.negative(mean) if bias is None else ops.subtract(bias, mean)
    shift = ops.multiply(centred, scale)
    return scale, shift if bn_b is None else ops.add(shift, bn_b)


def _parameters(weight: Tensor, shift: Tensor, old: Tensor, bias: Tensor | None) -> tuple[Parameter, Parameter]:
    shift = shift.to(old.dtype if bias is None else bias.dtype)
    return (
        Parameter(weight.detach(), old.requires_grad),
        Parameter(shift.detach(), False if bias is None else bias.requires_grad),
    )
