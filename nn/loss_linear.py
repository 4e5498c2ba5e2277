"""Losses that hold the linear map whose scores they judge."""

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from ..core import ops
from ..core.errors import ArgumentError, IndexOutOfRangeError, ShapeError
from ..core.tensor import Tensor
from .containers import ModuleList, Sequential
from .functions.loss_linear import LinearCrossEntropyOptions, linear_cross_entropy
from .functions.loss_tools import check_classes
from .linear import Linear
from .loss_base import _WeightedLoss
from .module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss", "LinearCrossEntropyLoss", "LinearCrossEntropyOptions"]

_ASMoutput = namedtuple("_ASMoutput", ["output", "loss"])


class LinearCrossEntropyLoss(_WeightedLoss):
    r"""Cross entropy of the scores that an own linear map gives.

    .. math:: \ell = \mathrm{cross\_entropy}(x W^\top + b, y)

    Shapes: input (N, in_features) or (in_features,); target class indices of shape (N, *out_features) or (), or
    probabilities (N, num_classes, *out_features).

    Parameters
    ----------
    in_features : int
        Size of each sample.
    num_classes : int
        Number of classes.
    out_features : tuple of int
        Further axes of the scores.
    bias : bool
        Whether the map has a bias.
    device, dtype : optional
        Of the parameters.
    reduction : {"mean", "sum", "none"}
        What becomes of the losses.
    weight : Tensor, optional
        One per class.
    ignore_index : int, optional
        Targets of this value count for nothing; None means -100.
    label_smoothing : float
        Between 0 and 1: that part of each target is spread evenly over all classes.
    options : LinearCrossEntropyOptions, optional
        Work on chunks of the batch, so that never all scores are in memory.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.LinearCrossEntropyLoss(5, 10, out_features=(4, 3))(cb.ones(2, 5), cb.ones(2, 4, 3).long()).shape
    ()
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: LinearCrossEntropyOptions | None = None,
    ) -> None:
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise ShapeError(
                f"LinearCrossEntropyLoss: weight has shape {tuple(weight.shape)}, {num_classes} classes need "
                f"({num_classes},)"
            )
        if not 0.0 <= label_smoothing <= 1.0:
            raise ArgumentError(f"LinearCrossEntropyLoss: label_smoothing lies between 0 and 1, got {label_smoothing}")
        super().__init__(weight, None, None, reduction)
        self.num_classes = num_classes
        self.out_features = out_features
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        scores = math.prod(out_features, start=num_classes)
        self.linear = Linear(in_features, scores, bias=bias, device=device, dtype=dtype)
        self.options = options

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        weight, bias = self.linear.weight, self.linear.bias
        places = (self.num_classes, *self.out_features)
        return linear_cross_entropy(
            input,
            ops.reshape(weight, (*places, self.linear.in_features)) if self.out_features else weight,
            target,
            linear_bias=ops.reshape(bias, places) if bias is not None and self.out_features else bias,
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self) -> str:
        """Return the settings."""
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, out_features={self.out_features}, "
            f"bias={self.linear.bias is not None}, reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )


class AdaptiveLogSoftmaxWithLoss(Module):
    r"""A softmax over very many classes: the frequent ones in full, the rare ones in clusters (Grave et al., 2017).

    Classes are sorted by frequency, the most frequent first. The head scores those below the first cutoff and one entry
    for each cluster; a cluster scores its own classes from a smaller projection, for its own samples alone.

    Shapes: input (N, in_features) or (in_features,), target (N,) or (); output like the target, and a scalar loss.

    Parameters
    ----------
    in_features : int
        Size of each sample.
    n_classes : int
        Number of classes.
    cutoffs : sequence of int
        Where clusters begin, increasing, between 1 and n_classes - 1.
    div_value : float
        Cluster number i, from 1, projects to ``in_features // div_value**i`` features.
    head_bias : bool
        Whether the head has a bias.
    device, dtype : optional
        Of the parameters.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> layer = nn.AdaptiveLogSoftmaxWithLoss(16, 20, cutoffs=[5, 10])
    >>> layer(cb.ones(3, 16), cb.asarray([0, 7, 19])).output.shape
    (3,)
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        given = list(cutoffs)
        fits = all(int(c) == c for c in given) and given == sorted(set(given))
        if not given or not fits or given[0] <= 0 or given[-1] > n_classes - 1:
            raise ArgumentError(
                f"AdaptiveLogSoftmaxWithLoss: cutoffs are different ints in increasing order, each between 1 and "
                f"n_classes - 1 = {n_classes - 1}, got {given}"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*given, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = given[0]
        self.n_clusters = len(given)
        self.head_size = self.shortlist_size + self.n_clusters
        factory = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **factory)
        self.tail = ModuleList()
        for i, (low, high) in enumerate(pairwise(self.cutoffs)):
            hidden = int(in_features // (div_value ** (i + 1)))
            self.tail.append(
                Sequential(
                    Linear(in_features, hidden, bias=False, **factory),
                    Linear(hidden, high - low, bias=False, **factory),
                )
            )

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        self.head.reset_parameters()
        for i2h, h2o in self.tail:
            i2h.reset_parameters()
            h2o.reset_parameters()

    def _checked(self, input: Tensor, target: Tensor) -> None:
        name = "AdaptiveLogSoftmaxWithLoss"
        check_classes(name, target)
        if target.ndim > 1 or input.ndim != target.ndim + 1 or input.shape[:-1] != target.shape:
            raise ShapeError(
                f"{name}: input (N, {self.in_features}) and target (N,), or ({self.in_features},) and (), are needed, "
                f"got {tuple(input.shape)} and {tuple(target.shape)}"
            )
        if input.shape[-1] != self.in_features:
            raise ShapeError(f"{name}: the input has {input.shape[-1]} features, the layer {self.in_features}")
        outside = ops.logical_or(ops.less(target, 0), ops.greater_equal(target, self.n_classes))
        if target.shape != (0,) and bool(ops.any(outside)):
            raise IndexOutOfRangeError(
                f"{name}: a target must lie in [0, {self.n_classes - 1}], got values from {ops.min(target).item()} to "
                f"{ops.max(target).item()}"
            )

    def forward(self, input_: Tensor, target_: Tensor) -> Any:
        """Return each target's log probability, ``output``, and minus their mean, ``loss``."""
        self._checked(input_, target_)
        alone = target_.ndim == 0
        input = ops.expand_dims(input_, axis=0) if alone else input_
        target = ops.expand_dims(target_, axis=0) if alone else target_
        output = ops.zeros(target.shape, dtype=input.dtype, device=input.device.physical)
        entry = target
        for i, (low, high) in enumerate(pairwise(self.cutoffs)):
            (rows,) = ops.nonzero(ops.logical_and(ops.greater_equal(target, low), ops.less(target, high)))
            if rows.shape[0] == 0:
                continue
            logs = ops.log_softmax(self.tail[i](ops.take(input, rows, axis=0)), axis=1)
            places = ops.expand_dims(ops.subtract(ops.take(target, rows, axis=0), low), axis=1)
            found = ops.squeeze(ops.gather(logs, places, axis=1), 1)
            output = ops.index_copy(output, rows, found, axis=0)
            entry = ops.index_fill(entry, rows, self.shortlist_size + i, axis=0)
        head = ops.log_softmax(self.head(input), axis=1)
        output = ops.add(output, ops.squeeze(ops.gather(head, ops.expand_dims(entry, axis=1), axis=1), 1))
        loss = ops.mean(ops.negative(output))
        return _ASMoutput(ops.squeeze(output, 0) if alone else output, loss)

    def _all_logs(self, input: Tensor, head_output: Tensor) -> Tensor:
        head = ops.log_softmax(head_output, axis=1)
        parts = [head[:, : self.shortlist_size]]
        for i, cluster in enumerate(self._clusters()):
            own = ops.log_softmax(cluster(input), axis=1)
            parts.append(ops.add(own, head[:, self.shortlist_size + i, None]))
        return ops.concat(parts, axis=1)

    def _clusters(self) -> Iterator[Any]:
        return iter(self.tail)

    def log_prob(self, input: Tensor) -> Tensor:
        """Return the log probabilities of all classes: (N, in_features) to (N, n_classes)."""
        return self._all_logs(input, self.head(input))

    def predict(self, input: Tensor) -> Tensor:
        """Return each sample's most likely class: (N, in_features) to (N,)."""
        head_output = self.head(input)
        output = ops.argmax(head_output, axis=1)
        (rows,) = ops.nonzero(ops.greater_equal(output, self.shortlist_size))
        if rows.shape[0] == 0:
            return output
        logs = self._all_logs(ops.take(input, rows, axis=0), ops.take(head_output, rows, axis=0))
        return ops.index_copy(output, rows, ops.argmax(logs, axis=1), axis=0)
