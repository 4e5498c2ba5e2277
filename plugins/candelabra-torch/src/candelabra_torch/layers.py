"""PyTorch's kernels of layers: forward, what their backward needs, and that backward, without PyTorch's autograd.

Each declines what PyTorch's kernel does not serve as the row means it; the generic body then runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from candelabra.core.backend import Kernel
from torch.nn import functional

aten: Any = torch.ops.aten
Array = torch.Tensor
FLOATS = frozenset({torch.float32, torch.float64})


def _plain(x: Array, *rest: Array | None) -> bool:
    """Whether the operands are of one dtype that PyTorch computes layers in, and there is something to compute."""
    kind = x.dtype
    return kind in FLOATS and x.numel() > 0 and all(r is None or (r.dtype is kind and r.numel() > 0) for r in rest)


def _masked(wants: Any, *there: Any) -> list[bool]:
    return [bool(want) and given is not None for want, given in zip(wants, there, strict=False)]


def _even(padding: Any) -> list[int] | None:
    """Return one number for each axis, None where an axis is padded by more on one side."""
    return [a for a, _ in padding] if all(a == b for a, b in padding) else None


def conv(x: Any, weight: Any, bias: Any = None, /, *, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    sides, axes = _even(padding), x.ndim - 2
    if sides is None or axes > 3 or not _plain(x, weight, bias):
        return NotImplemented
    return torch.convolution(x, weight, bias, stride, sides, dilation, False, [0] * axes, groups)


def _conv_cotangents(
    g: Any, x: Any, weight: Any, stride: Any, padding: Any, dilation: Any, groups: int, mask: list[bool]
) -> Any:
    sides, axes = _even(padding), g.ndim - 2
    if sides is None or axes > 3 or not _plain(g, x, weight):
        return NotImplemented
    return aten.convolution_backward(
        g, x, weight, [weight.shape[0]], stride, sides, dilation, False, [0] * axes, groups, mask
    )


def conv_vjp(
    xp: Any, g: Any, x: Any, weight: Any, stride: Any, padding: Any, dilation: Any, groups: int, wants: Any
) -> Any:
    mask = [bool(want) for want in (*wants, False)[:3]]
    return _conv_cotangents(g, x, weight, stride, padding, dilation, groups, mask)


def _of_shape(like: Array, shape: Any) -> Array:
    """Return an array that has a shape and hardly any memory, where only the shape counts."""
    return like.new_empty(1).expand(shape)


def conv_input(
    c: Any, weight: Any, /, *, x_shape: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    found = _conv_cotangents(
        c, _of_shape(c, x_shape), weight, stride, padding, dilation, groups, [True, False, False]
    )
    return found if found is NotImplemented else found[0]


def conv_weight(
    x: Any, c: Any, /, *, weight_shape: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    found = _conv_cotangents(
        c, x, _of_shape(c, weight_shape), stride, padding, dilation, groups, [False, True, False]
    )
    return found if found is NotImplemented else found[1]


def _on_planes(axes: int, three: Any, two: Any) -> Any:
    return three if axes == 3 else two


def _flat(x: Array, *numbers: Any) -> tuple[Any, ...]:
    """Give one spatial axis a second one of size 1 in front, and its numbers (value, neutral) one more."""
    if x.ndim != 3:
        return (x, *(value for value, _ in numbers))
    return (x[:, :, None], *((neutral, *value) for value, neutral in numbers))


def _max_pool(x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Any:
    if not _plain(x) or x.ndim > 5:
        return NotImplemented
    x, *how = _flat(x, (kernel, 1), (stride, 1), (padding, 0), (dilation, 1))
    function = _on_planes(x.ndim - 2, aten.max_pool3d_with_indices, aten.max_pool2d_with_indices)
    return function(x, *how, ceil_mode)


def _line(found: Any, axes: int) -> Any:
    return tuple(f[:, :, 0] for f in found) if axes == 1 else tuple(found)


def max_pool_with_indices(
    x: Any, /, *, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Any:
    found = _max_pool(x, kernel_size, stride, padding, dilation, ceil_mode)
    return found if found is NotImplemented else _line(found, x.ndim - 2)


def max_pool(x: Any, /, **how: Any) -> Any:
    found = max_pool_with_indices(x, **how)
    return found if found is NotImplemented else found[0]


def max_pool_train(x: Any, /, **how: Any) -> Any:
    found = max_pool_with_indices(x, **how)
    return found if found is NotImplemented else (found[0], (found[1],))


def max_pool_vjp(
    xp: Any, g: Any, x: Any, places: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Any:
    axes = x.ndim - 2
    if axes == 1:
        g, places = g[:, :, None], places[:, :, None]
    x, *how = _flat(x, (kernel_size, 1), (stride, 1), (padding, 0), (dilation, 1))
    function = _on_planes(
        axes, aten.max_pool3d_with_indices_backward, aten.max_pool2d_with_indices_backward
    )
    found = function(g.contiguous(), x, *how, ceil_mode, places)
    return (found[:, :, 0] if axes == 1 else found,)


def max_pool_with_indices_vjp(
    xp: Any, g: Any, x: Any, indices: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Any:
    if not _plain(x) or x.ndim > 5:
        return NotImplemented
    return max_pool_vjp(xp, g[0], x, indices, kernel_size, stride, padding, dilation, ceil_mode)


def avg_pool(
    x: Any, /, *, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool,
    divisor_override: Any,
) -> Any:  # fmt: skip
    if not _plain(x) or x.ndim > 5 or not (divisor_override is None or isinstance(divisor_override, int)):
        return NotImplemented
    axes = x.ndim - 2
    x, *how = _flat(x, (kernel_size, 1), (stride, 1), (padding, 0))
    function = _on_planes(axes, aten.avg_pool3d, aten.avg_pool2d)
    found = function(x, *how, ceil_mode, count_include_pad, divisor_override)
    return found[:, :, 0] if axes == 1 else found


def avg_pool_vjp(
    xp: Any, g: Any, x_shape: Any, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool,
    count_include_pad: bool, divisor_override: Any,
) -> Any:  # fmt: skip
    axes = g.ndim - 2
    if not _plain(g) or axes > 3 or not (divisor_override is None or isinstance(divisor_override, int)):
        return NotImplemented
    x, *how = _flat(_of_shape(g, x_shape), (kernel_size, 1), (stride, 1), (padding, 0))
    function = _on_planes(axes, aten.avg_pool3d_backward, aten.avg_pool2d_backward)
    g = (g[:, :, None] if axes == 1 else g).contiguous()
    found = function(g, x, *how, ceil_mode, count_include_pad, divisor_override)
    return (found[:, :, 0] if axes == 1 else found,)


def adaptive_avg_pool(x: Any, /, *, output_size: Any) -> Any:
    if not _plain(x) or x.ndim > 5:
        return NotImplemented
    axes = x.ndim - 2
    x, size = _flat(x, (output_size, 1))
    found = _on_planes(axes, aten._adaptive_avg_pool3d, aten._adaptive_avg_pool2d)(x, size)
    return found[:, :, 0] if axes == 1 else found


def adaptive_avg_pool_vjp(xp: Any, g: Any, x_shape: Any) -> Any:
    axes = g.ndim - 2
    if not _plain(g) or axes > 3:
        return NotImplemented
    function = _on_planes(axes, aten._adaptive_avg_pool3d_backward, aten._adaptive_avg_pool2d_backward)
    (x,) = _flat(_of_shape(g, x_shape))
    found = function((g[:, :, None] if axes == 1 else g).contiguous(), x)
    return (found[:, :, 0] if axes == 1 else found,)


def linear(x: Any, weight: Any, bias: Any = None, /) -> Any:
    if bias is not None and bias.ndim != 1:
        return NotImplemented
    return functional.linear(x, weight, bias)


def _tail(x: Array, axes: int) -> list[int]:
    return list(x.shape[x.ndim - axes :])


def layer_norm_train(x: Any, weight: Any = None, bias: Any = None, /, *, axes: int, eps: float) -> Any:
    if not _plain(x, weight, bias):
        return NotImplemented
    out, mean, rstd = torch.native_layer_norm(x, _tail(x, axes), weight, bias, eps)
    return out, (mean, rstd)


def layer_norm(x: Any, weight: Any = None, bias: Any = None, /, *, axes: int, eps: float) -> Any:
    found = layer_norm_train(x, weight, bias, axes=axes, eps=eps)
    return found if found is NotImplemented else found[0]


def layer_norm_vjp(
    xp: Any, g: Any, x: Any, weight: Any, bias: Any, mean: Any, rstd: Any, axes: int, wants: Any
) -> Any:
    mask = [bool(wants[0]), *_masked((*wants, False, False)[1:3], weight, bias)]
    return aten.native_layer_norm_backward(g.contiguous(), x, _tail(x, axes), mean, rstd, weight, bias, mask)


def group_norm_train(x: Any, weight: Any = None, bias: Any = None, /, *, num_groups: int, eps: float) -> Any:
    if not _plain(x, weight, bias):
        return NotImplemented
    n, channels = x.shape[:2]
    size = x.numel() // (n * channels)
    # It reads memory as if all lay together.
    weight, bias = (None if p is None else p.contiguous() for p in (weight, bias))
    out, mean, rstd = torch.native_group_norm(x.contiguous(), weight, bias, n, channels, size, num_groups, eps)
    return out, (mean, rstd)


def group_norm(x: Any, weight: Any = None, bias: Any = None, /, *, num_groups: int, eps: float) -> Any:
    found = group_norm_train(x, weight, bias, num_groups=num_groups, eps=eps)
    return found if found is NotImplemented else found[0]


def group_norm_vjp(
    xp: Any, g: Any, x: Any, weight: Any, bias: Any, mean: Any, rstd: Any, num_groups: int, wants: Any
) -> Any:
    n, channels = x.shape[:2]
    mask = [bool(wants[0]), *_masked((*wants, False, False)[1:3], weight, bias)]
    weight = None if weight is None else weight.contiguous()
    return aten.native_group_norm_backward(
        g.contiguous(), x.contiguous(), mean, rstd, weight, n, channels, x.numel() // (n * channels), num_groups, mask
    )


def batch_norm_train(x: Any, weight: Any = None, bias: Any = None, /, *, eps: float) -> Any:
    if not _plain(x, weight, bias):
        return NotImplemented
    channels = x.shape[1]
    count = x.numel() // channels
    # With a momentum of 1 the running statistics become the batch's own, the variance without its bias.
    mean, var = x.new_zeros(channels), x.new_zeros(channels)
    out, kept, rstd = torch.native_batch_norm(x, weight, bias, mean, var, True, 1.0, eps)
    return (out, mean, var.mul_((count - 1) / count)), (kept, rstd)


def batch_norm(x: Any, weight: Any = None, bias: Any = None, /, *, eps: float) -> Any:
    found = batch_norm_train(x, weight, bias, eps=eps)
    return found if found is NotImplemented else found[0]


def batch_norm_vjp(
    xp: Any, g: Any, x: Any, weight: Any, bias: Any, kept: Any, rstd: Any, eps: float, wants: Any
) -> Any:
    mask = [bool(wants[0]), *_masked((*wants, False, False)[1:3], weight, bias)]
    return aten.native_batch_norm_backward(g[0].contiguous(), x, weight, None, None, kept, rstd, True, eps, mask)


def attention(q: Any, k: Any, v: Any, mask: Any = None, /, *, is_causal: bool, scale: float) -> Any:
    if not _plain(q, k, v) or (mask is not None and not mask.numel()):
        return NotImplemented
    return functional.scaled_dot_product_attention(q, k, v, mask, is_causal=is_causal, scale=scale)


def _added(mask: Any, like: Any) -> Any:
    """Return a mask as what is added to the scores."""
    if mask is None or mask.dtype is not torch.bool:
        return mask
    return torch.zeros(mask.shape, dtype=like.dtype, device=like.device).masked_fill_(~mask, -torch.inf)


def attention_train(q: Any, k: Any, v: Any, mask: Any = None, /, *, is_causal: bool, scale: float) -> Any:
    alike = q.shape[:-2] == k.shape[:-2] == v.shape[:-2] and q.shape[-1] == v.shape[-1]
    seen = mask is None or (mask.numel() and mask.ndim in (2, 4) and mask.shape[-2:] == (q.shape[-2], k.shape[-2]))
    if q.ndim != 4 or not alike or not seen or q.device.type != "cpu" or not _plain(q, k, v):
        return NotImplemented
    out, logsumexp = aten._scaled_dot_product_flash_attention_for_cpu(
        q, k, v, 0.0, is_causal, attn_mask=_added(mask, q), scale=scale
    )
    return out, (logsumexp,)


def attention_vjp(
    xp: Any, g: Any, q: Any, k: Any, v: Any, mask: Any, out: Any, logsumexp: Any, is_causal: bool, scale: float,
    wants: Any,
) -> Any:  # fmt: skip
    if mask is not None and wants[3]:
        return NotImplemented
    found = aten._scaled_dot_product_flash_attention_for_cpu_backward(
        g, q, k, v, out, logsumexp, 0.0, is_causal, attn_mask=_added(mask, q), scale=scale
    )
    return (*found, None)


def softmax(x: Any, /, *, axis: int) -> Any:
    return torch.softmax(x, axis)


def softmax_vjp(xp: Any, g: Any, out: Any, axis: int) -> Any:
    return (aten._softmax_backward_data(g, out, axis, out.dtype),)


def log_softmax(x: Any, /, *, axis: int) -> Any:
    return torch.log_softmax(x, axis)


def log_softmax_vjp(xp: Any, g: Any, out: Any, axis: int) -> Any:
    return (aten._log_softmax_backward_data(g, out, axis, out.dtype),)


def logsumexp(x: Any, /, *, axis: Any, keepdims: bool) -> Any:
    return torch.logsumexp(x, axis, keepdims) if axis and x.numel() else NotImplemented


REDUCTIONS = {"none": 0, "mean": 1, "sum": 2}


def cross_entropy_train(
    x: Any, target: Any, weight: Any = None, /, *, ignore_index: int, reduction: str, label_smoothing: float
) -> Any:
    if label_smoothing or not _plain(x, weight) or x.ndim > 4 or not target.numel():
        return NotImplemented
    target = target.to(torch.int64)
    log_p = torch.log_softmax(x, 0 if x.ndim == 1 else 1)
    function = aten.nll_loss2d_forward if x.ndim == 4 else aten.nll_loss_forward
    if x.ndim == 3:
        return NotImplemented
    try:
        out, total = function(log_p, target, weight, REDUCTIONS[reduction], ignore_index)
    except RuntimeError as error:
        raise IndexError(str(error)) from error
    return out, (log_p, total)


def cross_entropy(x: Any, target: Any, weight: Any = None, /, **how: Any) -> Any:
    found = cross_entropy_train(x, target, weight, **how)
    return found if found is NotImplemented else found[0]


def cross_entropy_vjp(
    xp: Any, g: Any, x_shape: Any, target: Any, weight: Any, log_p: Any, total: Any, ignore_index: int, reduction: str,
    wants: Any,
) -> Any:  # fmt: skip
    if (*wants, False, False)[2]:
        return NotImplemented
    function = aten.nll_loss2d_backward if len(x_shape) == 4 else aten.nll_loss_backward
    share = function(g, log_p, target.to(torch.int64), weight, REDUCTIONS[reduction], ignore_index, total)
    return aten._log_softmax_backward_data(share, log_p, 0 if len(x_shape) == 1 else 1, log_p.dtype), None, None


def _loss(forward: Callable[..., Any], backward: Callable[..., Any]) -> Kernel:
    def loss(x: Any, target: Any, /, *, reduction: str) -> Any:
        return forward(x, target, REDUCTIONS[reduction]) if _plain(x, target) else NotImplemented

    def vjp(xp: Any, g: Any, x: Any, target: Any, reduction: str, wants: Any) -> Any:
        if wants[1] or not _plain(x, target):
            return NotImplemented
        return backward(g, x, target, REDUCTIONS[reduction]), None

    return Kernel(loss, vjp=vjp)


KERNELS: dict[str, Any] = {
    "conv": Kernel(conv, vjp=conv_vjp),
    "conv_input": conv_input,
    "conv_weight": conv_weight,
    "max_pool": Kernel(max_pool, max_pool_train, max_pool_vjp, ("places",)),
    "max_pool_with_indices": Kernel(max_pool_with_indices, vjp=max_pool_with_indices_vjp),
    "avg_pool": Kernel(avg_pool, vjp=avg_pool_vjp),
    "adaptive_avg_pool": Kernel(adaptive_avg_pool, vjp=adaptive_avg_pool_vjp),
    "linear": linear,
    "layer_norm": Kernel(layer_norm, layer_norm_train, layer_norm_vjp, ("mean", "rstd")),
    "group_norm": Kernel(group_norm, group_norm_train, group_norm_vjp, ("mean", "rstd")),
    "batch_norm": Kernel(batch_norm, batch_norm_train, batch_norm_vjp, ("kept", "rstd")),
    "attention": Kernel(attention, attention_train, attention_vjp, ("logsumexp",)),
    "softmax": Kernel(softmax, vjp=softmax_vjp),
    "log_softmax": Kernel(log_softmax, vjp=log_softmax_vjp),
    "logsumexp": logsumexp,
    "cross_entropy": Kernel(cross_entropy, cross_entropy_train, cross_entropy_vjp, ("log_p", "total")),
    "mse_loss": _loss(aten.mse_loss, aten.mse_loss_backward),
}
