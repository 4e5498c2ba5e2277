"""The rows of neural networks. None is in the standard: beside each stands its generic body, which is its meaning.

A backend overrides a body with a kernel; derivatives of the rows without a rule of their own are those of the body.
"""

from __future__ import annotations

import math
from typing import Any

from ..errors import ArgumentError, DTypeError, ShapeError
from .row import elementwise, general
from .tools import axes_of, axis_index

FLOAT: dict[str, Any] = {"category": "real floating-point", "floating": True}

_SQRT_HALF = math.sqrt(0.5)
_INVERSE_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)
_TANH_SCALE = math.sqrt(2.0 / math.pi)


def _erf_body(xp: Any, x: Any) -> Any:
    """The error function by its Maclaurin series below 2 and the continued fraction of erfc above."""
    a = xp.abs(x)
    small = xp.minimum(a, xp.full_like(a, 2.0))
    square = small * small
    term, total = small, small
    for n in range(1, 40):
        term = term * (-square / n)
        total = total + term / (2 * n + 1)
    near = total * (2.0 / math.sqrt(math.pi))
    value = xp.where(a < 2.0, near, 1.0 - _erfc_tail(xp, a))
    return xp.where(xp.isnan(x), x, xp.where(x < 0, -value, value))


def _erfc_tail(xp: Any, a: Any) -> Any:
    """The complementary error function from 2 on, by its continued fraction."""
    big = xp.maximum(xp.minimum(a, xp.full_like(a, 30.0)), xp.full_like(a, 2.0))
    tail = big
    for n in range(40, 0, -1):
        tail = big + (n / 2.0) / tail
    return xp.exp(-big * big) / (tail * math.sqrt(math.pi))


def _erfc_body(xp: Any, x: Any) -> Any:
    return xp.where(x < 2.0, 1.0 - xp.erf(x), xp.where(xp.isnan(x), x, _erfc_tail(xp, x)))


erf = elementwise(
    "erf", "x, /", "Return the error function, ``2/sqrt(pi)`` times the integral of ``exp(-t*t)`` from 0 to ``x``.",
    d=lambda xp, x: (2.0 / math.sqrt(math.pi)) * xp.exp(-x * x), body=_erf_body, reference="math.erf", **FLOAT,
)  # fmt: skip
erfc = elementwise(
    "erfc", "x, /", "Return the complementary error function, ``1 - erf(x)``.",
    d=lambda xp, x: (-2.0 / math.sqrt(math.pi)) * xp.exp(-x * x), body=_erfc_body, reference="math.erfc", **FLOAT,
)  # fmt: skip


def _positive_part(xp: Any, x: Any) -> Any:
    return xp.maximum(x, xp.zeros((), dtype=x.dtype))


relu = elementwise(
    "relu", "x, /", "Return ``max(x, 0)``; the gradient at 0 is 0.", category="real numeric",
    d=lambda xp, out: xp.astype(out > 0, out.dtype), body=_positive_part,
)  # fmt: skip
sigmoid = elementwise(
    "sigmoid", "x, /", "Return ``1 / (1 + exp(-x))``.", d=lambda out: out * (1 - out),
    body=lambda xp, x: _sigmoid_body(xp, x), **FLOAT,
)  # fmt: skip


def _sigmoid_body(xp: Any, x: Any) -> Any:
    e = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, 1 / (1 + e), e / (1 + e))


silu = general(
    "silu", "x, /", "Return ``x * sigmoid(x)``.", batch="elementwise", body=lambda xp, x: x * xp.sigmoid(x),
    vjp=lambda xp, g, x: g * _silu_slope(xp, x), jvp=lambda xp, t, x: t * _silu_slope(xp, x), **FLOAT,
)  # fmt: skip


def _silu_slope(xp: Any, x: Any) -> Any:
    s = xp.sigmoid(x)
    return s * (1 + x * (1 - s))


def _softplus_body(xp: Any, x: Any, *, beta: float, threshold: float) -> Any:
    bx = beta * x
    safe = xp.where(bx > threshold, xp.zeros_like(bx), bx)
    soft = (xp.log1p(xp.exp(-xp.abs(safe))) + _positive_part(xp, safe)) / beta
    return xp.where(bx > threshold, x, soft)


softplus = general(
    "softplus", "x, /, *, beta=1.0, threshold=20.0", "Return ``log(1 + exp(beta * x)) / beta``, linear above the threshold.",
    body=_softplus_body, batch="elementwise",
    vjp=lambda xp, g, x, beta, threshold: g * _softplus_slope(xp, x, beta, threshold),
    jvp=lambda xp, t, x, beta, threshold: t * _softplus_slope(xp, x, beta, threshold), **FLOAT,
)  # fmt: skip


def _softplus_slope(xp: Any, x: Any, beta: float, threshold: float) -> Any:
    bx = beta * x
    return xp.where(bx > threshold, xp.ones_like(x), xp.sigmoid(bx))


def _gelu_body(xp: Any, x: Any, *, approximate: str) -> Any:
    if approximate == "tanh":
        return 0.5 * x * (1 + xp.tanh(_TANH_SCALE * (x + 0.044715 * x * x * x)))
    return 0.5 * x * (1 + xp.erf(_SQRT_HALF * x))


def _gelu_slope(xp: Any, x: Any, approximate: str) -> Any:
    if approximate == "tanh":
        t = xp.tanh(_TANH_SCALE * (x + 0.044715 * x * x * x))
        return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * (_TANH_SCALE * (1 + 3 * 0.044715 * x * x))
    return 0.5 * (1 + xp.erf(_SQRT_HALF * x)) + x * (_INVERSE_SQRT_2PI * xp.exp(-0.5 * x * x))


def _prepare_gelu(device: Any, x: Any, approximate: Any) -> tuple[str]:
    if approximate not in ("none", "tanh"):
        raise ArgumentError(f"gelu: approximate is 'none' or 'tanh', not {approximate!r}")
    return (approximate,)


gelu = general(
    "gelu", "x, /, *, approximate='none'",
    "Return ``x * Phi(x)``, Phi the normal distribution function: exact, or by tanh where ``approximate='tanh'``.",
    body=_gelu_body, batch="elementwise", prepare=_prepare_gelu,
    vjp=lambda xp, g, x, approximate: g * _gelu_slope(xp, x, approximate),
    jvp=lambda xp, t, x, approximate: t * _gelu_slope(xp, x, approximate), **FLOAT,
)  # fmt: skip
mish = general(
    "mish", "x, /", "Return ``x * tanh(softplus(x))``.", batch="elementwise",
    body=lambda xp, x: x * xp.tanh(xp.softplus(x, beta=1.0, threshold=20.0)), **FLOAT,
)  # fmt: skip


def _leaky_slope(xp: Any, x: Any, negative_slope: float) -> Any:
    return xp.where(x > 0, xp.ones_like(x), xp.full((), negative_slope, dtype=x.dtype))


leaky_relu = general(
    "leaky_relu", "x, /, *, negative_slope=0.01", "Return ``x`` where positive, ``negative_slope * x`` elsewhere.",
    body=lambda xp, x, *, negative_slope: xp.where(x > 0, x, negative_slope * x), batch="elementwise",
    vjp=lambda xp, g, x, negative_slope: g * _leaky_slope(xp, x, negative_slope),
    jvp=lambda xp, t, x, negative_slope: t * _leaky_slope(xp, x, negative_slope), **FLOAT,
)  # fmt: skip


def _elu_slope(xp: Any, x: Any, alpha: float) -> Any:
    return xp.where(x > 0, xp.ones_like(x), alpha * xp.exp(xp.minimum(x, xp.zeros((), dtype=x.dtype))))


elu = general(
    "elu", "x, /, *, alpha=1.0", "Return ``x`` where positive, ``alpha * (exp(x) - 1)`` elsewhere.",
    body=lambda xp, x, *, alpha: xp.where(x > 0, x, alpha * xp.expm1(xp.minimum(x, xp.zeros((), dtype=x.dtype)))),
    batch="elementwise",
    vjp=lambda xp, g, x, alpha: g * _elu_slope(xp, x, alpha),
    jvp=lambda xp, t, x, alpha: t * _elu_slope(xp, x, alpha), **FLOAT,
)  # fmt: skip


def _prepare_axis(name: str) -> Any:
    def prepare(device: Any, x: Any, axis: Any) -> tuple[int]:
        # A 0-d tensor is a distribution over one outcome, as in PyTorch.
        return (axis_index(axis, max(len(x.shape), 1), name),)

    return prepare


def _top(xp: Any, x: Any, axis: Any) -> Any:
    """The largest value along axes, with infinities replaced so that differences are numbers."""
    best = xp.max(x, axis=axis, keepdims=True)
    return xp.where(xp.isfinite(best), best, xp.zeros_like(best))


def _softmax_body(xp: Any, x: Any, *, axis: int) -> Any:
    if not x.shape:
        return xp.ones_like(x)
    e = xp.exp(x - xp.max(x, axis=axis, keepdims=True))
    return e / xp.sum(e, axis=axis, keepdims=True)


def _log_softmax_body(xp: Any, x: Any, *, axis: int) -> Any:
    if not x.shape:
        return xp.zeros_like(x)
    shifted = x - xp.max(x, axis=axis, keepdims=True)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=axis, keepdims=True))


def _sum_kept(xp: Any, x: Any, axis: Any) -> Any:
    return xp.sum(x, axis=axis, keepdims=True) if x.shape else x


softmax = general(
    "softmax", "x, /, *, axis", "Return ``exp(x) / sum(exp(x))`` along an axis.", body=_softmax_body, batch="axis",
    prepare=_prepare_axis("softmax"),
    vjp=lambda xp, g, out, axis: out * (g - _sum_kept(xp, g * out, axis)),
    jvp=lambda xp, t, out, axis: out * (t - _sum_kept(xp, t * out, axis)), samples="along", **FLOAT,
)  # fmt: skip
log_softmax = general(
    "log_softmax", "x, /, *, axis", "Return ``x - log(sum(exp(x)))`` along an axis.", body=_log_softmax_body, batch="axis",
    prepare=_prepare_axis("log_softmax"),
    vjp=lambda xp, g, out, axis: g - xp.exp(out) * _sum_kept(xp, g, axis),
    jvp=lambda xp, t, out, axis: t - _sum_kept(xp, t * xp.exp(out), axis), samples="along", **FLOAT,
)  # fmt: skip


def _logsumexp_body(xp: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    top = _top(xp, x, axis)
    total = xp.log(xp.sum(xp.exp(x - top), axis=axis, keepdims=True)) + top
    return total if keepdims else xp.squeeze(total, axis)


def _prepare_logsumexp(device: Any, x: Any, axis: Any, keepdims: Any) -> tuple[Any, bool]:
    return axes_of(axis, len(x.shape), "logsumexp"), bool(keepdims)


def _logsumexp_share(xp: Any, x: Any, out: Any, axis: Any, keepdims: bool) -> Any:
    kept = out if keepdims else xp.reshape(out, tuple(1 if i in axis else n for i, n in enumerate(x.shape)))
    # exp(-inf - -inf) is no number: a sum of nothing but zeros has a gradient of zero.
    safe = xp.where(kept == -math.inf, xp.zeros_like(kept), kept)
    return xp.exp(x - safe), kept


logsumexp = general(
    "logsumexp", "x, /, *, axis=None, keepdims=False", "Return ``log(sum(exp(x)))`` over axes, without overflow.",
    body=_logsumexp_body, batch="axis", prepare=_prepare_logsumexp,
    vjp=lambda xp, g, x, out, axis, keepdims: _logsumexp_vjp(xp, g, x, out, axis, keepdims), samples="extremum", **FLOAT,
)  # fmt: skip


def _logsumexp_vjp(xp: Any, g: Any, x: Any, out: Any, axis: Any, keepdims: bool) -> Any:
    share, kept = _logsumexp_share(xp, x, out, axis, keepdims)
    return (g if keepdims else xp.reshape(g, tuple(kept.shape))) * share


def _prepare_linear(device: Any, x: Any, weight: Any, bias: Any) -> tuple[()]:
    if len(weight.shape) != 2 or not x.shape or x.shape[-1] != weight.shape[1]:
        raise ShapeError(
            f"linear: input of shape {tuple(x.shape)} does not fit weight {tuple(weight.shape)}: the input's last axis "
            f"must have {weight.shape[-1] if weight.shape else '?'} features"
        )
    if bias is not None and tuple(bias.shape) != (weight.shape[0],):
        raise ShapeError(f"linear: bias has shape {tuple(bias.shape)}, weight {tuple(weight.shape)} wants {(weight.shape[0],)}")
    return ()


def _linear_body(xp: Any, x: Any, weight: Any, bias: Any) -> Any:
    out = xp.matmul(x, xp.matrix_transpose(weight))
    return out if bias is None else out + bias


def _linear_vjp(xp: Any, g: Any, x: Any, weight: Any, bias_shape: Any, wants: Any) -> tuple[Any, Any, Any]:
    rows = xp.reshape(g, (-1, g.shape[-1])) if len(g.shape) != 2 else g
    flat = xp.reshape(x, (-1, x.shape[-1])) if len(x.shape) != 2 else x
    return (
        xp.matmul(g, xp.conj(weight)) if wants[0] else None,
        xp.matmul(xp.matrix_transpose(rows), xp.conj(flat)) if wants[1] else None,
        xp.sum(rows, axis=0) if wants[2] else None,
    )


linear_row = general(
    "linear", "x, weight, bias=None, /", "Return ``x @ weight.T + bias``: x (..., in), weight (out, in), bias (out,).",
    body=_linear_body, vjp=_linear_vjp, diagnose=_prepare_linear, category="numeric",
)  # fmt: skip


def _prepare_layer_norm(device: Any, x: Any, weight: Any, bias: Any, axes: Any, eps: Any) -> tuple[int, float]:
    if not 1 <= axes <= len(x.shape):
        raise ShapeError(f"layer_norm: {axes} trailing axes of a tensor of shape {tuple(x.shape)}")
    tail = tuple(x.shape)[-axes:]
    for name, p in (("weight", weight), ("bias", bias)):
        if p is not None and tuple(p.shape) != tail:
            raise ShapeError(f"layer_norm: {name} has shape {tuple(p.shape)}, the normalized shape is {tail}")
    return axes, eps


def _layer_norm_body(xp: Any, x: Any, weight: Any, bias: Any, *, axes: int, eps: float) -> Any:
    over = tuple(range(len(x.shape) - axes, len(x.shape)))
    centred = x - xp.mean(x, axis=over, keepdims=True)
    out = centred / xp.sqrt(xp.mean(centred * centred, axis=over, keepdims=True) + eps)
    if weight is not None:
        out = out * weight
    return out if bias is None else out + bias


layer_norm = general(
    "layer_norm", "x, weight=None, bias=None, /, *, axes=1, eps=1e-05",
    "Return ``(x - mean) / sqrt(var + eps) * weight + bias`` over the last `axes` axes (Ba et al., 2016).",
    body=_layer_norm_body, prepare=_prepare_layer_norm, **FLOAT,
)  # fmt: skip


def _prepare_batch_norm(device: Any, x: Any, weight: Any, bias: Any, eps: Any) -> tuple[float]:
    if len(x.shape) < 2:
        raise ShapeError(f"batch_norm: at least (batch, channels) axes are needed, got shape {tuple(x.shape)}")
    if x.shape[1] and _per_channel(x) <= 1:
        raise ShapeError(
            f"batch_norm: expected more than one value per channel in training, got input of shape {tuple(x.shape)}; "
            "use a larger batch or eval()"
        )
    for name, p in (("weight", weight), ("bias", bias)):
        if p is not None and tuple(p.shape) != (x.shape[1],):
            raise ShapeError(f"batch_norm: {name} has shape {tuple(p.shape)}, the input has {x.shape[1]} channels")
    return (eps,)


def _per_channel(x: Any) -> int:
    total = x.shape[0]
    for n in x.shape[2:]:
        total *= n
    return total


def _batch_norm_body(xp: Any, x: Any, weight: Any, bias: Any, *, eps: float) -> Any:
    over = (0, *range(2, len(x.shape)))
    shape = (1, x.shape[1], *(1,) * (len(x.shape) - 2))
    mean = xp.mean(x, axis=over, keepdims=True)
    centred = x - mean
    var = xp.mean(centred * centred, axis=over, keepdims=True)
    out = centred / xp.sqrt(var + eps)
    if weight is not None:
        out = out * xp.reshape(weight, shape)
    if bias is not None:
        out = out + xp.reshape(bias, shape)
    return out, xp.reshape(mean, (x.shape[1],)), xp.reshape(var, (x.shape[1],))


batch_norm = general(
    "batch_norm", "x, weight=None, bias=None, /, *, eps=1e-05",
    "Normalize each channel (axis 1) over the batch; also return the batch's mean and biased variance (Ioffe and Szegedy, 2015).",
    body=_batch_norm_body, outputs=("out", "mean", "var"), differentiable=(True, False, False),
    prepare=_prepare_batch_norm, **FLOAT,
)  # fmt: skip


def _prepare_cross_entropy(
    device: Any, x: Any, target: Any, weight: Any, ignore_index: Any, reduction: Any, label_smoothing: Any
) -> tuple[Any, ...]:
    if reduction not in ("none", "mean", "sum"):
        raise ArgumentError(f"cross_entropy: reduction is 'none', 'mean' or 'sum', not {reduction!r}")
    if not 0.0 <= label_smoothing <= 1.0:
        raise ArgumentError(f"cross_entropy: label_smoothing lies between 0 and 1, not {label_smoothing}")
    if not x.shape:
        raise ShapeError("cross_entropy: the input needs a class axis")
    classes = x.shape[0] if len(x.shape) == 1 else x.shape[1]
    expected = () if len(x.shape) == 1 else (x.shape[0], *x.shape[2:])
    if tuple(target.shape) != tuple(expected):
        raise ShapeError(
            f"cross_entropy: input of shape {tuple(x.shape)} wants class indices of shape {tuple(expected)}, "
            f"got target of shape {tuple(target.shape)}"
        )
    if device.dtype_of[target.dtype].kind not in ("signed", "unsigned"):
        raise DTypeError(f"cross_entropy: class indices are integers, not {device.dtype_of[target.dtype].name}")
    if weight is not None and tuple(weight.shape) != (classes,):
        raise ShapeError(f"cross_entropy: weight has shape {tuple(weight.shape)}, there are {classes} classes")
    return ignore_index, reduction, label_smoothing


def _cross_entropy_body(
    xp: Any, x: Any, target: Any, weight: Any, *, ignore_index: int, reduction: str, label_smoothing: float
) -> Any:
    alone = len(x.shape) == 1
    if alone:
        x, target = xp.expand_dims(x, axis=0), xp.expand_dims(target, axis=0)
    log_p = xp.moveaxis(xp.log_softmax(x, axis=1), 1, -1)
    keep = target != ignore_index
    # Ignored targets are masked before they index: -100 is no index.
    index = xp.where(keep, target, xp.zeros_like(target))
    picked = xp.squeeze(xp.gather(log_p, xp.expand_dims(index, axis=-1), axis=len(log_p.shape) - 1), -1)
    kept = xp.astype(keep, log_p.dtype)
    share = kept if weight is None else kept * xp.reshape(
        xp.take(weight, xp.reshape(index, (-1,)), axis=0), tuple(index.shape)
    )  # fmt: skip
    loss = -picked if weight is None else -picked * share
    if label_smoothing:
        smooth = -xp.sum(log_p if weight is None else log_p * weight, axis=-1)
        loss = (1 - label_smoothing) * loss + (label_smoothing / x.shape[1]) * smooth
    # Chosen and not multiplied: without any target the mean is no number, and its gradient zero.
    loss = xp.where(keep, loss, xp.zeros_like(loss))
    if reduction == "none":
        return xp.squeeze(loss, 0) if alone else loss
    total = xp.sum(loss)
    return total if reduction == "sum" else total / xp.sum(share)


cross_entropy = general(
    "cross_entropy", "x, target, weight=None, /, *, ignore_index=-100, reduction='mean', label_smoothing=0.0",
    "Return the negative log likelihood of class indices under ``softmax(x)``: x (N, C, ...) or (C,), target (N, ...) or ().",
    body=_cross_entropy_body, prepare=_prepare_cross_entropy, promote=("x", "weight"), **FLOAT,
)  # fmt: skip


def _prepare_attention(device: Any, q: Any, k: Any, v: Any, mask: Any, is_causal: Any, scale: Any) -> tuple[Any, Any]:
    if len(q.shape) < 2 or len(k.shape) < 2 or len(v.shape) < 2:
        raise ShapeError("attention: q, k and v have at least the axes (length, features)")
    if q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ShapeError(
            f"attention: q {tuple(q.shape)}, k {tuple(k.shape)} and v {tuple(v.shape)} do not fit: q and k share their "
            "features, k and v their length"
        )
    if mask is not None:
        kind = device.dtype_of[mask.dtype].kind
        if kind not in ("bool", "float"):
            raise DTypeError("attention: a mask is boolean (True takes part) or floating-point (added to the scores)")
    if is_causal and mask is not None:
        raise ArgumentError("attention: give a mask or is_causal=True, not both")
    return bool(is_causal), 1.0 / math.sqrt(q.shape[-1]) if scale is None else float(scale)


def _attention_body(xp: Any, q: Any, k: Any, v: Any, mask: Any, *, is_causal: bool, scale: float) -> Any:
    scores = xp.matmul(q * scale, xp.matrix_transpose(k))
    hidden = None
    if is_causal:
        hidden = xp.triu(xp.ones((q.shape[-2], k.shape[-2]), dtype=q.dtype), k=1) > 0
    elif mask is not None:
        if mask.dtype == q.dtype:
            scores = scores + mask
        else:
            hidden = xp.logical_not(mask)
    if hidden is not None:
        scores = xp.where(hidden, xp.full((), -math.inf, dtype=q.dtype), scores)
    top = xp.max(scores, axis=-1, keepdims=True)
    e = xp.exp(scores - xp.where(xp.isfinite(top), top, xp.zeros_like(top)))
    total = xp.sum(e, axis=-1, keepdims=True)
    # A row in which nothing takes part gives zeros, not NaN.
    return xp.matmul(e / xp.where(total == 0, xp.ones_like(total), total), v)


attention = general(
    "attention", "q, k, v, mask=None, /, *, is_causal=False, scale=None",
    "Return ``softmax(q @ k.T * scale + mask) @ v``: q (..., L, E), k (..., S, E), v (..., S, Ev) (Vaswani et al., 2017).",
    body=_attention_body, prepare=_prepare_attention, promote=("q", "k", "v"), **FLOAT,
)  # fmt: skip


def _lstm_body(
    xp: Any, x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, *, reverse: bool
) -> tuple[Any, Any, Any]:
    gates = xp.matmul(x, xp.matrix_transpose(w_ih))
    for bias in (b_ih, b_hh):
        if bias is not None:
            gates = gates + bias
    recurrent = xp.matrix_transpose(w_hh)
    n = w_hh.shape[1]
    h, c = h0, c0
    steps = []
    order = range(x.shape[0])
    for t in reversed(order) if reverse else order:
        z = gates[t, ...] + xp.matmul(h, recurrent)
        i, f, g, o = (z[..., k * n : (k + 1) * n] for k in range(4))
        c = xp.sigmoid(f) * c + xp.sigmoid(i) * xp.tanh(g)
        h = xp.sigmoid(o) * xp.tanh(c)
        steps.append(h)
    if not steps:
        return xp.zeros((0, *tuple(h0.shape)), dtype=x.dtype), h0, c0
    return xp.stack(steps[::-1] if reverse else steps, axis=0), h, c


def _prepare_lstm(
    device: Any, x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, reverse: Any
) -> tuple[bool]:
    n = w_hh.shape[1]
    if len(x.shape) != 3 or x.shape[2] != w_ih.shape[1] or w_ih.shape[0] != 4 * n or w_hh.shape[0] != 4 * n:
        raise ShapeError(
            f"lstm: x {tuple(x.shape)} (time, batch, features), w_ih {tuple(w_ih.shape)} and w_hh {tuple(w_hh.shape)} do not fit"
        )
    if tuple(h0.shape) != (x.shape[1], n) or tuple(c0.shape) != (x.shape[1], n):
        raise ShapeError(
            f"lstm: the states have shapes {tuple(h0.shape)} and {tuple(c0.shape)}, expected {(x.shape[1], n)}"
        )
    return (bool(reverse),)


lstm = general(
    "lstm", "x, h0, c0, w_ih, w_hh, b_ih=None, b_hh=None, /, *, reverse=False",
    "Run one layer of a long short-term memory over x (time, batch, features); return outputs and the last states.",
    body=_lstm_body, outputs=("out", "h_n", "c_n"), prepare=_prepare_lstm, **FLOAT,
)  # fmt: skip




def _prepare_mse(device: Any, x: Any, target: Any, reduction: Any) -> tuple[str]:
    if reduction not in ("none", "mean", "sum"):
        raise ArgumentError(f"mse_loss: reduction is 'none', 'mean' or 'sum', not {reduction!r}")
    return (reduction,)


def _mse_body(xp: Any, x: Any, target: Any, *, reduction: str) -> Any:
    d = x - target
    loss = d * d
    return loss if reduction == "none" else xp.sum(loss) if reduction == "sum" else xp.mean(loss)


mse_loss = general(
    "mse_loss", "x, target, /, *, reduction='mean'", "Return the squared difference, its mean or its sum.",
    body=_mse_body, prepare=_prepare_mse, category="real floating-point", floating=True, samples="paired",
)  # fmt: skip
