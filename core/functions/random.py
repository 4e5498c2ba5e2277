"""Random tensors, by PyTorch's names, from the stream of `docs/random.md`.

The same seed gives the same numbers on every device.
"""

from __future__ import annotations

import math
from typing import Any

from .. import device as devices
from .. import dtypes, ops
from ..drawing import below, draw, draw_permutation, draw_standard, drop, integer, largest_integer, number, require
from ..errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from ..inplace import apply_
from ..primitives.tools import shape_tuple
from ..random_state import Generator
from ..tensor import Tensor
from .random_inplace import bernoulli_, exponential_, normal_, random_, uniform_

__all__ = [
    "bernoulli", "bernoulli_", "dropout", "exponential_", "multinomial", "normal", "normal_", "rand", "rand_like",
    "randint", "randint_like", "randn", "randn_like", "random_", "randperm", "uniform", "uniform_",
]  # fmt: skip


def rand(
    *shape: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return uniform draws from [0, 1).

    Parameters
    ----------
    *shape : int, or one tuple of int
        The sizes of the axes; also as ``size=``.
    generator : Generator, optional
        Default: the default generator, which `manual_seed` seeds.
    dtype : DType, optional
        Floating-point or complex (real and imaginary part are drawn one after the other). Default: the default dtype.
    device : Device or str, optional
        Default: the default device.
    requires_grad : bool
        Whether a gradient is wanted.

    Examples
    --------
    >>> import candelabra as cb
    >>> x = cb.rand(2, 3)
    >>> x.shape, bool(((x >= 0) & (x < 1)).all())
    ((2, 3), True)
    """
    place, kind = _options("rand", device, dtype, None, "floating-point", requires_grad)
    return _finish(draw_standard("uniform", _size("rand", shape, size), kind, place, generator), requires_grad)


def randn(
    *shape: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return draws from the standard normal distribution.

    Parameters
    ----------
    *shape : int, or one tuple of int
        The sizes of the axes; also as ``size=``.
    generator : Generator, optional
        Default: the default generator, which `manual_seed` seeds.
    dtype : DType, optional
        Floating-point, or complex with variance 1 (one half in each part). Default: the default dtype.
    device : Device or str, optional
        Default: the default device.
    requires_grad : bool
        Whether a gradient is wanted.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.randn(2, 3).shape
    (2, 3)
    """
    place, kind = _options("randn", device, dtype, None, "floating-point", requires_grad)
    return _finish(draw_standard("normal", _size("randn", shape, size), kind, place, generator), requires_grad)


def uniform(
    low: float = 0.0,
    high: float = 1.0,
    size: Any = (),
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return uniform draws from [low, high).

    Examples
    --------
    >>> import candelabra as cb
    >>> x = cb.uniform(-1.0, 1.0, (100,))
    >>> bool((abs(x) <= 1).all())
    True
    """
    place, kind = _options("uniform", device, dtype, None, "real floating-point", requires_grad)
    low, high = number("uniform", "low", low), number("uniform", "high", high)
    made = draw("uniform", _size("uniform", (), size), kind, place, generator, low=low, high=high)
    return _finish(made, requires_grad)


def normal(
    mean: Tensor | float = 0.0,
    std: Tensor | float = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return draws from normal distributions.

    Parameters
    ----------
    mean, std : Tensor or float
        Tensors broadcast against each other, one draw for each element; the result is not differentiated through them.
    size : int or tuple of int
        The shape, where both are numbers.
    generator : Generator, optional
        Default: the default generator.
    dtype : DType, optional
        Default: the tensors', else the default dtype.
    device : Device or str, optional
        Default: the tensors', else the default device.
    requires_grad : bool
        Whether a gradient is wanted.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.normal(cb.zeros(3), 0.1).shape
    (3,)
    >>> cb.normal(2.0, 3.0, (2, 2)).shape
    (2, 2)
    """
    tensors = [value for value in (mean, std) if isinstance(value, Tensor)]
    if not tensors:
        if size is None:
            raise ArgumentTypeError(
                "normal: with numbers for mean and std a size is needed, such as normal(0.0, 1.0, (2, 3))"
            )
        place, kind = _options("normal", device, dtype, None, "real floating-point", requires_grad)
        mean, std = number("normal", "mean", mean), number("normal", "std", std)
        made = draw("normal", _size("normal", (), size), kind, place, generator, mean=mean, std=std)
        return _finish(made, requires_grad)
    if size is not None:
        raise ArgumentError("normal: mean or std is a tensor and sets the shape; leave size out, or expand the tensor")
    first = tensors[0]
    for tensor in tensors:
        if tensor.device.physical is not first.device.physical:
            raise devices.mismatch("normal", [t.device for t in tensors], [t.shape for t in tensors])
    target = first.device.physical if device is None else device
    place, kind = _options("normal", target, dtype, first.dtype, "real floating-point", requires_grad)
    if isinstance(std, Tensor):
        require(ops.greater_equal(std.detach(), 0), "normal: every standard deviation must be at least 0")
    elif not number("normal", "std", std) >= 0:
        raise ArgumentError(f"normal: the standard deviation must not be negative, got {std}")
    shape = ops.broadcast_shapes(*[t.shape for t in tensors])
    noise = draw("normal", shape, kind, place, generator)
    mean, std = (
        ops.to_device(ops.astype(v.detach(), kind), place) if isinstance(v, Tensor) else v for v in (mean, std)
    )
    return _finish(ops.add(ops.multiply(noise, std), mean), requires_grad)


def randint(
    low: Any = 0,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return integers from [low, high), all equally likely.

    Parameters
    ----------
    low, high : int
        The range; one number alone is `high`, as in ``randint(10, (3,))``.
    size : int or tuple of int
        The shape.
    generator : Generator, optional
        Default: the default generator.
    dtype : DType, optional
        Default: int64.
    device : Device or str, optional
        Default: the default device.
    requires_grad : bool
        Whether a gradient is wanted, for a floating-point `dtype`.

    Examples
    --------
    >>> import candelabra as cb
    >>> x = cb.randint(3, 10, (100,))
    >>> bool(((x >= 3) & (x < 10)).all())
    True
    """
    if isinstance(high, (tuple, list)) and size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if size is None:
        raise ArgumentTypeError("randint: a size is needed, such as randint(0, 10, (2, 3)); () gives one number")
    place, kind = _options("randint", device, dtype, dtypes.int64, "real", requires_grad)
    low, high = integer("randint", "low", low), integer("randint", "high", high)
    made = draw("integers", _size("randint", (), size), kind, place, generator, low=low, high=high)
    return _finish(made, requires_grad)


def randperm(
    n: int, *, generator: Generator | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return the integers below `n` in a random order, int64 unless `dtype` says otherwise.

    Examples
    --------
    >>> import candelabra as cb
    >>> sorted(cb.randperm(4).tolist())
    [0, 1, 2, 3]
    """
    place, kind = _options("randperm", device, dtype, dtypes.int64, "real numeric", requires_grad)
    count = integer("randperm", "n", n)
    if count < 0:
        raise ArgumentError(f"randperm: n must not be negative, got {count}")
    most = largest_integer(kind)
    if count > most + 1:
        raise ArgumentError(f"randperm: {kind.name} does not hold every integer below {count}; take a larger dtype")
    return _finish(draw_permutation(count, kind, place, generator), requires_grad)


def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return uniform draws from [0, 1) in the shape, dtype and device of `input`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.rand_like(cb.zeros(2, 3)).shape
    (2, 3)
    """
    like = _like("rand_like", input, dtype, device)
    return rand(input.shape, generator=generator, requires_grad=requires_grad, **like)


def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return standard normal draws in the shape, dtype and device of `input`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.randn_like(cb.zeros(2, 3)).shape
    (2, 3)
    """
    like = _like("randn_like", input, dtype, device)
    return randn(input.shape, generator=generator, requires_grad=requires_grad, **like)


def randint_like(
    input: Tensor,
    low: Any,
    high: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return integers from [low, high) in the shape, dtype and device of `input`; one number alone is `high`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.randint_like(cb.zeros(2), 10).dtype
    candelabra.float32
    """
    like = _like("randint_like", input, dtype, device)
    return randint(low, high, input.shape, generator=generator, requires_grad=requires_grad, **like)


def bernoulli(input: Tensor, p: float | None = None, *, generator: Generator | None = None) -> Tensor:
    """Return ones and zeros in the shape, dtype and device of `input`.

    Parameters
    ----------
    input : Tensor
        Floating-point: the probability of each one.
    p : float, optional
        One probability for all; the values of `input` then do not count.
    generator : Generator, optional
        Default: the default generator.

    Raises
    ------
    ArgumentError
        If a probability is not in [0, 1].

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.bernoulli(cb.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    _like("bernoulli", input, None, None)
    device = input.device.physical
    if p is not None:
        p = number("bernoulli", "p", p)
        return draw("bernoulli", input.shape, input.dtype, device, generator, p=p)
    return ops.astype(below(input, input.shape, device, generator, "bernoulli"), input.dtype)


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Return indices drawn in proportion to weights.

    Parameters
    ----------
    input : Tensor
        Weights of shape (k,) or (m, k): not negative, finite, each row of positive sum.
    num_samples : int
        How many indices for each row.
    replacement : bool
        Whether an index may come again.
    generator : Generator, optional
        Default: the default generator.

    Returns
    -------
    Tensor
        int64 of shape (num_samples,) or (m, num_samples).

    Notes
    -----
    With replacement a uniform draw is looked up in the cumulative sum of the weights; without it, the indices are those
    of the smallest of k exponential arrival times (`docs/random.md`).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.multinomial(cb.tensor([0.0, 1.0, 0.0]), 2, replacement=True)
    tensor([1, 1])
    """
    _like("multinomial", input, None, None)
    if not input.dtype.is_floating_point:
        raise DTypeError(f"multinomial: weights are floating-point, not {input.dtype.name}; convert them with .float()")
    if input.ndim not in (1, 2) or input.shape[-1] == 0:
        raise ShapeError(f"multinomial: weights have shape (k,) or (m, k) with k > 0, not {input.shape}")
    samples = integer("multinomial", "num_samples", num_samples)
    if samples <= 0:
        raise ArgumentError(f"multinomial: num_samples must be positive, got {samples}")
    place = input.device.physical
    if dtypes.float64 not in place.native:
        # The stream fixes the arithmetic to float64, which the host has.
        host = ops.to_device(input.detach(), devices.host_device())
        return ops.to_device(multinomial(host, samples, replacement, generator=generator), place)
    weights = ops.astype(input.detach(), dtypes.float64)
    require(
        ops.logical_and(ops.greater_equal(weights, 0), ops.isfinite(weights)),
        "multinomial: weights must be finite and not negative",
    )
    require(ops.greater(ops.sum(weights, axis=-1), 0), "multinomial: the weights of a row must not all be zero")
    lead = weights.shape[:-1]
    if replacement:
        cdf = ops.cumulative_sum(weights, axis=-1)
        points = ops.multiply(draw("uniform", (*lead, samples), dtypes.float64, place, generator), cdf[..., -1:])
        return _count_not_above(cdf, points)
    positive = ops.count_nonzero(weights, axis=-1)
    require(
        ops.greater_equal(positive, samples),
        f"multinomial: {samples} samples without replacement need as many positive weights in each row; "
        "draw fewer, or with replacement=True",
    )
    u = draw("uniform", weights.shape, dtypes.float64, place, generator)
    arrivals = ops.divide(ops.negative(ops.log1p(ops.negative(u))), weights)
    # 0 / 0 too is a weight that never arrives.
    arrivals = ops.where(ops.equal(weights, 0), math.inf, arrivals)
    return ops.astype(ops.argsort(arrivals, axis=-1, stable=True)[..., :samples], arrivals.device.whole)


def _count_not_above(cdf: Tensor, points: Tensor) -> Tensor:
    """Return for each point how many entries of its ascending row are not greater."""
    if cdf.ndim == 1:
        return ops.astype(ops.searchsorted(cdf, points, side="right"), points.device.whole)
    # Bisection of all rows at once; the last entry is above every point.
    low = ops.zeros(points.shape, dtype=points.device.whole, device=points.device.physical)
    width = cdf.shape[-1]
    high = ops.full_like(low, width - 1)
    for _ in range((width - 1).bit_length()):
        middle = ops.floor_divide(ops.add(low, high), 2)
        above = ops.greater(ops.take_along_axis(cdf, middle, axis=-1), points)
        high = ops.where(above, middle, high)
        low = ops.where(above, low, ops.minimum(ops.add(middle, 1), high))
    return high


def dropout(x: Tensor, *, p: float, generator: Generator | None = None) -> Tensor:
    """Set elements to zero with probability `p` and scale the others by 1 / (1 - p), as in training.

    Parameters
    ----------
    x : Tensor
        Floating-point or complex, any shape.
    p : float
        The probability of a zero.
    generator : Generator, optional
        Default: the default generator.

    Examples
    --------
    >>> import candelabra as cb
    >>> x = cb.ones(3)
    >>> cb.dropout(x, p=0.0)
    tensor([1., 1., 1.])
    """
    if not isinstance(x, Tensor):
        raise ArgumentTypeError(f"dropout: a Tensor is needed, got {type(x).__name__}")
    if type(p) is not float:
        p = number("dropout", "p", p)
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(f"dropout: p is a probability between 0 and 1, got {p}")
    if not x.dtype.is_differentiable:
        raise DTypeError(f"dropout: takes floating-point dtypes, not {x.dtype.name}; convert it with .float()")
    if p == 0.0:
        return ops.alias(x)
    if p == 1.0:
        return ops.multiply(x, 0.0)
    keep = 1.0 - p
    if (dropped := drop(x, keep, generator)) is not None:
        return dropped
    mask = draw("bernoulli", x.shape, x.dtype.to_real(), x.device.physical, generator, p=keep)
    return ops.multiply(x, apply_(mask, "multiply", 1.0 / keep))


def _size(name: str, shape: tuple[Any, ...], size: Any) -> tuple[int, ...]:
    """Return the shape that is given as ints, as one tuple, or as ``size=``."""
    if size is not None:
        if shape:
            raise ArgumentTypeError(f"{name}: the shape is given twice, as {shape} and as size={size!r}")
        found = shape_tuple(size, name)
    else:
        found = shape_tuple(shape[0] if len(shape) == 1 else shape, name)
    for n in found:
        if n < 0:
            raise ShapeError(f"{name}: sizes must not be negative, got {found}")
    return found


def _options(
    name: str, device: Any, dtype: Any, default: dtypes.DType | None, category: str, requires_grad: bool
) -> tuple[devices.Device, dtypes.DType]:
    """Return the device and dtype of a result, checked before anything is drawn."""
    place = devices.get_default_device() if device is None else devices.as_device(device)
    if dtype is None:
        kind = default or dtypes.get_default_dtype()
        if kind not in place.native:
            kind = place.dtype_of[place.best_native_dtype(kind)]
    else:
        kind = dtypes.as_dtype(dtype)
        place.native_dtype(kind, name)
    if kind not in dtypes.CATEGORIES[category]:
        raise DTypeError(f"{name}: makes {category} dtypes, not {kind.name}")
    if requires_grad and not kind.is_differentiable:
        raise DTypeError(f"{name}: only floating-point and complex tensors can require a gradient, not {kind.name}")
    return place, kind


def _like(name: str, input: Any, dtype: Any, device: Any) -> dict[str, Any]:
    if not isinstance(input, Tensor):
        raise ArgumentTypeError(f"{name}: a Tensor is needed, got {type(input).__name__}")
    return {
        "dtype": input.dtype if dtype is None else dtype,
        "device": input.device.physical if device is None else device,
    }


def _finish(made: Tensor, requires_grad: bool) -> Tensor:
    return made.requires_grad_() if requires_grad else made
