"""The rows of losses. Beside each stands its generic body, which is its meaning."""

from __future__ import annotations

import math
from typing import Any

from ..errors import ArgumentError, DTypeError, ShapeError
from .row import general
from .tools import size_of

FLOAT: dict[str, Any] = {"category": "real floating-point", "floating": True}


def _check_reduction(name: str, reduction: Any) -> None:
    if reduction not in ("none", "mean", "sum"):
        raise ArgumentError(f"{name}: reduction is 'none', 'mean' or 'sum', not {reduction!r}")


def _check_classes(name: str, device: Any, x: Any, target: Any, weight: Any, reduction: Any) -> None:
    _check_reduction(name, reduction)
    if not x.shape:
        raise ShapeError(f"{name}: the input needs a class axis")
    classes = x.shape[0] if len(x.shape) == 1 else x.shape[1]
    expected = () if len(x.shape) == 1 else (x.shape[0], *x.shape[2:])
    if tuple(target.shape) != tuple(expected):
        raise ShapeError(
            f"{name}: input of shape {tuple(x.shape)} wants class indices of shape {tuple(expected)}, "
            f"got target of shape {tuple(target.shape)}"
        )
    if device.dtype_of[target.dtype].kind not in ("signed", "unsigned"):
        raise DTypeError(f"{name}: class indices are integers, not {device.dtype_of[target.dtype].name}")
    if weight is not None and tuple(weight.shape) != (classes,):
        raise ShapeError(f"{name}: weight has shape {tuple(weight.shape)}, there are {classes} classes")


def _prepare_cross_entropy(
    device: Any, x: Any, target: Any, weight: Any, ignore_index: Any, reduction: Any, label_smoothing: Any
) -> tuple[Any, ...]:
    if not 0.0 <= label_smoothing <= 1.0:
        raise ArgumentError(f"cross_entropy: label_smoothing lies between 0 and 1, not {label_smoothing}")
    _check_classes("cross_entropy", device, x, target, weight, reduction)
    return ignore_index, reduction, label_smoothing


def _prepare_nll(
    device: Any, x: Any, target: Any, weight: Any, ignore_index: Any, reduction: Any
) -> tuple[Any, ...]:
    _check_classes("nll_loss", device, x, target, weight, reduction)
    return ignore_index, reduction


def _kept(xp: Any, target: Any, ignore_index: int) -> Any:
    """Where a target counts: anywhere, if its dtype does not hold the index that is ignored."""
    dtype = xp.device.dtype_of.get(target.dtype, target.dtype)
    low = 0 if dtype.kind == "unsigned" else -(1 << (dtype.bits - 1))
    return target != ignore_index if low <= ignore_index < low + (1 << dtype.bits) else target == target


def _likelihood_body(
    xp: Any, log_p: Any, target: Any, weight: Any, ignore_index: int, reduction: str, label_smoothing: float = 0.0
) -> Any:
    """Minus what log probabilities say of the targets."""
    alone = len(log_p.shape) == 1
    if alone:
        log_p, target = xp.expand_dims(log_p, axis=0), xp.expand_dims(target, axis=0)
    classes = log_p.shape[1]
    log_p = xp.moveaxis(log_p, 1, -1)
    keep = _kept(xp, target, ignore_index)
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
        loss = (1 - label_smoothing) * loss + (label_smoothing / classes) * smooth
    # Chosen and not multiplied: without any target the mean is no number, and its gradient zero.
    loss = xp.where(keep, loss, xp.zeros_like(loss))
    if reduction == "none":
        return xp.squeeze(loss, 0) if alone else loss
    total = xp.sum(loss)
    return total if reduction == "sum" else total / xp.sum(share)


def _cross_entropy_body(
    xp: Any, x: Any, target: Any, weight: Any, *, ignore_index: int, reduction: str, label_smoothing: float
) -> Any:
    log_p = xp.log_softmax(x, axis=0 if len(x.shape) == 1 else 1)
    return _likelihood_body(xp, log_p, target, weight, ignore_index, reduction, label_smoothing)


def _nll_body(xp: Any, x: Any, target: Any, weight: Any, *, ignore_index: int, reduction: str) -> Any:
    return _likelihood_body(xp, x, target, weight, ignore_index, reduction)


def _likelihood_vjp(
    xp: Any, g: Any, scores: Any, target: Any, weight: Any, out: Any, ignore_index: int, reduction: str,
    smoothing: float, wants: Any, *, softmax: bool,
) -> tuple[Any, None, Any]:  # fmt: skip
    """A sample's loss is ``-sum_c a_c log p_c``, with shares a of the classes that its target and the weights give."""
    at = 0 if len(scores.shape) == 1 else 1
    classes, rank = scores.shape[at], len(scores.shape)
    along = (classes, *(1,) * (rank - 1 - at))
    keep = _kept(xp, target, ignore_index)
    index = xp.expand_dims(xp.where(keep, target, xp.zeros_like(target)), axis=at)
    chosen = index == xp.reshape(xp.arange(classes, dtype=target.dtype), along)
    hot = xp.astype(chosen, scores.dtype)
    share = hot if weight is None else hot * xp.reshape(weight, along)
    if reduction == "mean":
        kept = xp.astype(keep, scores.dtype)
        total = xp.sum(kept if weight is None else kept * xp.sum(share, axis=at))
        g = g / total
    each = xp.expand_dims(xp.where(keep, g, xp.zeros_like(g)), axis=at)
    if smoothing:
        spread = smoothing / classes if weight is None else (smoothing / classes) * xp.reshape(weight, along)
        share = (1 - smoothing) * share + spread
    back = None
    if wants[0] and softmax:
        p = xp.softmax(scores, axis=at)
        back = each * ((p if weight is None else p * xp.sum(share, axis=at, keepdims=True)) - share)
    elif wants[0]:
        back = -each * share
    if not wants[2]:
        return back, None, None
    log_p = xp.log_softmax(scores, axis=at) if softmax else scores
    # Chosen and not multiplied: the logarithm of a class that is none may be infinite.
    picked = xp.where(chosen, log_p, xp.zeros_like(log_p))
    terms = -each * ((1 - smoothing) * picked + (smoothing / classes) * log_p if smoothing else picked)
    if reduction == "mean":
        terms = terms - xp.expand_dims(xp.where(keep, g * out, xp.zeros_like(g)), axis=at) * hot
    return back, None, xp.sum(terms, axis=tuple(i for i in range(rank) if i != at))


def _cross_entropy_vjp(
    xp: Any, g: Any, x: Any, target: Any, weight: Any, out: Any, ignore_index: int, reduction: str,
    label_smoothing: float, wants: Any,
) -> tuple[Any, None, Any]:  # fmt: skip
    return _likelihood_vjp(xp, g, x, target, weight, out, ignore_index, reduction, label_smoothing, wants, softmax=True)


def _nll_vjp(
    xp: Any, g: Any, x: Any, target: Any, weight: Any, out: Any, ignore_index: int, reduction: str, wants: Any
) -> tuple[Any, None, Any]:
    return _likelihood_vjp(xp, g, x, target, weight, out, ignore_index, reduction, 0.0, wants, softmax=False)


cross_entropy = general(
    "cross_entropy", "x, target, weight=None, /, *, ignore_index=-100, reduction='mean', label_smoothing=0.0",
    "Return the negative log likelihood of class indices under ``softmax(x)``: x (N, C, ...) or (C,), target (N, ...) or ().",
    body=_cross_entropy_body, vjp=_cross_entropy_vjp, prepare=_prepare_cross_entropy, promote=("x", "weight"), **FLOAT,
)  # fmt: skip

nll_loss = general(
    "nll_loss", "x, target, weight=None, /, *, ignore_index=-100, reduction='mean'",
    "Return minus the log probabilities of class indices: x (N, C, ...) or (C,), target (N, ...) or ().",
    body=_nll_body, vjp=_nll_vjp, prepare=_prepare_nll, promote=("x", "weight"), **FLOAT,
)  # fmt: skip


def _reduce(xp: Any, loss: Any, reduction: str) -> Any:
    return loss if reduction == "none" else xp.sum(loss) if reduction == "sum" else xp.mean(loss)


def _prepare_paired(name: str) -> Any:
    def prepare(device: Any, x: Any, target: Any, reduction: Any) -> tuple[str]:
        _check_reduction(name, reduction)
        if tuple(x.shape) != tuple(target.shape):
            raise ShapeError(
                f"{name}: input {tuple(x.shape)} and target {tuple(target.shape)} must have the same shape; "
                "reshape one of them, such as target.reshape(input.shape)"
            )
        return (reduction,)

    return prepare


def _bounded_log(xp: Any, x: Any) -> Any:
    """The logarithm, no less than -100, with slope zero at 0."""
    positive = x > 0
    safe = xp.log(xp.where(positive, x, xp.ones_like(x)))
    return xp.where(positive, xp.maximum(safe, xp.full((), -100.0, dtype=x.dtype)), xp.full_like(x, -100.0))


def _binary_body(xp: Any, x: Any, target: Any, *, reduction: str) -> Any:
    loss = -(target * _bounded_log(xp, x) + (1.0 - target) * _bounded_log(xp, 1.0 - x))
    return _reduce(xp, loss, reduction)


def _binary_vjp(xp: Any, g: Any, x: Any, target: Any, reduction: str, wants: Any) -> tuple[Any, Any]:
    if reduction == "mean":
        g = g / max(size_of(tuple(x.shape)), 1)
    # PyTorch keeps the divisor from vanishing at both ends, and so does this.
    least = 1e-4 if xp.device.dtype_of.get(x.dtype, x.dtype).name == "float16" else 1e-12
    width = xp.maximum(x * (1.0 - x), xp.full((), least, dtype=x.dtype)) if wants[0] else None
    return (
        g * (x - target) / width if wants[0] else None,
        g * (_bounded_log(xp, 1.0 - x) - _bounded_log(xp, x)) if wants[1] else None,
    )


binary_cross_entropy = general(
    "binary_cross_entropy", "x, target, /, *, reduction='mean'",
    "Return ``-(target log(x) + (1 - target) log(1 - x))``, its mean or its sum; logarithms stop at -100.",
    body=_binary_body, vjp=_binary_vjp, prepare=_prepare_paired("binary_cross_entropy"), **FLOAT,
)  # fmt: skip


def _binary_logits_body(xp: Any, x: Any, target: Any, *, reduction: str) -> Any:
    return _reduce(xp, (1.0 - target) * x - xp.logsigmoid(x), reduction)


binary_cross_entropy_with_logits = general(
    "binary_cross_entropy_with_logits", "x, target, /, *, reduction='mean'",
    "Return the binary cross entropy of ``sigmoid(x)``, without overflow, its mean or its sum.",
    body=_binary_logits_body, prepare=_prepare_paired("binary_cross_entropy_with_logits"), samples="paired", **FLOAT,
)  # fmt: skip


def _prepare_mse(device: Any, x: Any, target: Any, reduction: Any) -> tuple[str]:
    _check_reduction("mse_loss", reduction)
    return (reduction,)


def _mse_body(xp: Any, x: Any, target: Any, *, reduction: str) -> Any:
    d = x - target
    return _reduce(xp, d * d, reduction)


mse_loss = general(
    "mse_loss", "x, target, /, *, reduction='mean'", "Return the squared difference, its mean or its sum.",
    body=_mse_body, prepare=_prepare_mse, category="real floating-point", floating=True, samples="paired",
)  # fmt: skip


def _prepare_smooth_l1(device: Any, x: Any, target: Any, reduction: Any, width: Any) -> tuple[str, float]:
    _check_reduction("smooth_l1_loss", reduction)
    if not width >= 0:
        raise ArgumentError(f"smooth_l1_loss: width is not negative, got {width!r}")
    return reduction, float(width)


def _smooth_l1_body(xp: Any, x: Any, target: Any, *, reduction: str, width: float) -> Any:
    a = xp.abs(x - target)
    loss = a
    if width:
        # Where the difference is large, the square is of a constant: infinities do not meet.
        near = xp.where(a < width, a, xp.full((), width, dtype=a.dtype))
        loss = xp.where(a < width, near * near * (0.5 / width), a - 0.5 * width)
    return _reduce(xp, loss, reduction)


smooth_l1_loss = general(
    "smooth_l1_loss", "x, target, /, *, reduction='mean', width=1.0",
    "Return ``d*d/(2*width)`` where ``d = abs(x - target)`` is less than the width and ``d - width/2`` elsewhere, its mean or its "
    "sum (Girshick, 2015); ``abs(x - target)`` for a width of 0.",
    body=_smooth_l1_body, prepare=_prepare_smooth_l1, **FLOAT,
)  # fmt: skip


def _prepare_ctc(
    device: Any, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: Any
) -> tuple[int]:
    if len(log_probs.shape) != 3 or len(targets.shape) != 2 or targets.shape[0] != log_probs.shape[1]:
        raise ShapeError(
            f"ctc_loss: log_probs (T, N, C) and targets (N, S) are needed, got {tuple(log_probs.shape)} and "
            f"{tuple(targets.shape)}"
        )
    n, classes = log_probs.shape[1:]
    for name, operand, shape in (
        ("targets", targets, tuple(targets.shape)),
        ("input_lengths", input_lengths, (n,)),
        ("target_lengths", target_lengths, (n,)),
    ):
        if device.dtype_of[operand.dtype].kind not in ("signed", "unsigned"):
            raise DTypeError(f"ctc_loss: {name} are integers, not {device.dtype_of[operand.dtype].name}")
        if tuple(operand.shape) != shape:
            raise ShapeError(f"ctc_loss: {name} have shape {tuple(operand.shape)}, {n} sequences need {shape}")
    if not 0 <= blank < classes:
        raise ArgumentError(f"ctc_loss: blank is one of the {classes} classes, got {blank}")
    return (blank,)


def _ctc_body(xp: Any, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, *, blank: int) -> Any:
    """The forward recursion over states blank, label, blank, label, ..., blank, in logarithms, all sequences at once."""
    steps, count, _ = log_probs.shape
    labels, whole = targets.shape[1], target_lengths.dtype
    longest = xp.full((), math.inf, dtype=log_probs.dtype)
    never, nothing = -longest, xp.zeros((count,), dtype=log_probs.dtype)
    impossible = xp.where(target_lengths > 0, longest, nothing)
    if steps == 0:
        return impossible
    width = 2 * labels + 1
    if labels:
        counted = xp.reshape(xp.arange(labels, dtype=whole), (1, labels)) < xp.expand_dims(target_lengths, axis=1)
        blanks = xp.full((count, labels), blank, dtype=targets.dtype)
        pairs = xp.stack([blanks, xp.where(counted, targets, blanks)], axis=2)
        states = xp.concat([xp.reshape(pairs, (count, 2 * labels)), blanks[:, :1]], axis=1)
    else:
        states = xp.full((count, 1), blank, dtype=targets.dtype)
    wide = xp.broadcast_to(xp.expand_dims(states, axis=0), (steps, count, width))
    emitted = xp.take_along_axis(log_probs, wide, axis=2)
    place = xp.reshape(xp.arange(width, dtype=whole), (1, width))
    alpha = xp.where(place < 2, emitted[0, ...], never)
    if labels:
        # A label may follow another one at once, if they differ.
        jumps = states[:, 2:] != states[:, : width - 2]
        one, two = (xp.full((count, k), -math.inf, dtype=log_probs.dtype) for k in (1, 2))
    for t in range(1, steps):
        ways = [alpha]
        if labels:
            ways.append(xp.concat([one, alpha[:, : width - 1]], axis=1))
            ways.append(xp.concat([two, xp.where(jumps, alpha[:, : width - 2], never)], axis=1))
        moved = xp.logsumexp(xp.stack(ways, axis=0), axis=0) + emitted[t, ...]
        alpha = xp.where(xp.expand_dims(input_lengths, axis=1) > t, moved, alpha)
    end = xp.expand_dims(target_lengths * 2, axis=1)
    last = xp.logical_or(place == end, place == end - 1)
    loss = -xp.logsumexp(xp.where(last, alpha, never), axis=1)
    return xp.where(input_lengths > 0, loss, impossible)


ctc_loss = general(
    "ctc_loss", "log_probs, targets, input_lengths, target_lengths, /, *, blank=0",
    "Return the negative log likelihood of labels over all alignments: log_probs (T, N, C), targets (N, S), lengths (N,), one "
    "loss for each of the N sequences (Graves et al., 2006).",
    body=_ctc_body, prepare=_prepare_ctc, promote=("log_probs",), **FLOAT,
)  # fmt: skip
