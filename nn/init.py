"""How parameters start: each function fills a tensor in place, records nothing, and returns the tensor.

Distributions and fans are PyTorch's; the random numbers are candelabra's own stream.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from ..core import dtypes, ops
from ..core.autograd import no_grad
from ..core.errors import ArgumentError, ShapeError
from ..core.functions.linear_algebra import diagonal
from ..core.tensor import Tensor

_UNIT_GAIN = frozenset(
    {"linear", "sigmoid", *(f"conv{kind}{n}d" for kind in ("", "_transpose") for n in (1, 2, 3))}
)  # fmt: skip


_skipping: ContextVar[bool] = ContextVar("skipping", default=False)
_F = TypeVar("_F", bound=Callable[..., Any])


@contextmanager
def skipped() -> Iterator[None]:
    """Let every function here leave its tensor as it is, inside the context."""
    token = _skipping.set(True)
    try:
        yield
    finally:
        _skipping.reset(token)


def _fill(function: _F) -> _F:
    """Return a function that fills its tensor without recording, but inside `skipped` does nothing."""
    unrecorded = no_grad()(function)

    @functools.wraps(function)
    def call(tensor: Tensor, *args: Any, **kwargs: Any) -> Any:
        return tensor if _skipping.get() else unrecorded(tensor, *args, **kwargs)

    return call  # type: ignore[return-value]


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the factor by which weights grow to keep the variance through a nonlinearity.

    1 for linear, convolution and sigmoid; 5/3 for tanh; √2 for relu; √(2 / (1 + slope²)) for leaky_relu, where `param`
    is the slope (0.01 if not given); 3/4 for selu.

    Examples
    --------
    >>> from candelabra import nn
    >>> nn.init.calculate_gain("leaky_relu", 1.0)
    1.0
    """
    if nonlinearity in _UNIT_GAIN:
        return 1.0
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        if param is not None and (isinstance(param, bool) or not isinstance(param, (int, float))):
            raise ArgumentError(f"calculate_gain: the slope of leaky_relu is a number, got {param!r}")
        return math.sqrt(2.0 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ArgumentError(
        f"calculate_gain: unknown nonlinearity {nonlinearity!r}; use tanh, relu, leaky_relu, selu, "
        + ", ".join(sorted(_UNIT_GAIN))
    )


@_fill
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with draws from the uniform distribution on [a, b), both parts of complex numbers.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> bool((nn.init.uniform_(cb.empty(3, 5), -1, 1) < 1).all())
    True
    """
    if tensor.dtype.is_complex:
        empty = ops.empty(tensor.shape, dtype=tensor.dtype.to_real(), device=tensor.device)
        real, imaginary = (empty.clone().uniform_(a, b, generator=generator) for _ in range(2))
        return tensor.copy_(real + 1j * imaginary)
    return tensor.uniform_(a, b, generator=generator)


@_fill
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with draws from the normal distribution N(mean, std²).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.init.normal_(cb.empty(3, 5)).shape
    (3, 5)
    """
    return tensor.normal_(mean, std, generator=generator)


@_fill
def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Any = None
) -> Tensor:
    """Fill with draws from N(mean, std²) restricted to [a, b], by inverting the cumulative distribution.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> bool((abs(nn.init.trunc_normal_(cb.empty(100))) <= 2).all())
    True
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn("trunc_normal_: mean is more than 2 std from [a, b]; the distribution may be incorrect")
    low, high = (math.erf((bound - mean) / std / math.sqrt(2.0)) for bound in (a, b))
    tensor.uniform_(low, high, generator=generator)
    drawn = tensor.detach()
    if drawn.dtype.itemsize == 2:
        drawn = drawn.to(dtypes.float32)
    values = _erfinv(drawn) * (std * math.sqrt(2.0)) + mean
    return tensor.copy_(ops.clip(values, a, b))


@_fill
def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with the value `val`.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.init.constant_(cb.empty(2), 0.5)
    tensor([0.5000, 0.5000])
    """
    return tensor.fill_(val)


@_fill
def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.init.ones_(cb.empty(2))
    tensor([1., 1.])
    """
    return tensor.fill_(1.0)


@_fill
def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.init.zeros_(cb.ones(2))
    tensor([0., 0.])
    """
    return tensor.fill_(0.0)


@_fill
def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.init.eye_(cb.empty(2, 3))
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    if tensor.ndim != 2:
        raise ShapeError(f"eye_: a matrix is needed, got shape {tuple(tensor.shape)}")
    return tensor.copy_(ops.eye(*tensor.shape, dtype=tensor.dtype, device=tensor.device))


@_fill
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill a convolution's weight so that it hands as many channels through as it can.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> float(nn.init.dirac_(cb.empty(2, 2, 3, 3))[1, 1, 1, 1])
    1.0
    """
    if tensor.ndim not in (3, 4, 5):
        raise ShapeError(f"dirac_: a weight of 3, 4 or 5 axes is needed, got shape {tuple(tensor.shape)}")
    out_channels, in_channels, *kernel = tensor.shape
    if out_channels % groups:
        raise ArgumentError(f"dirac_: {out_channels} output channels are not divisible by groups={groups}")
    values = ops.zeros_like(tensor.detach())
    per_group = out_channels // groups
    centre = tuple(k // 2 for k in kernel)
    for group in range(groups):
        for channel in range(min(per_group, in_channels)):
            values[(group * per_group + channel, channel, *centre)] = 1.0
    return tensor.copy_(values)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Fill uniformly in ±gain·√(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.init.xavier_uniform_(cb.empty(3, 5)).shape
    (3, 5)
    """
    fan_in, fan_out = _fans(tensor)
    bound = math.sqrt(3.0) * gain * math.sqrt(2.0 / (fan_in + fan_out))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Fill from N(0, std²), std = gain·√(2 / (fan_in + fan_out)) (Glorot and Bengio, 2010).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.init.xavier_normal_(cb.empty(3, 5)).shape
    (3, 5)
    """
    fan_in, fan_out = _fans(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / (fan_in + fan_out)), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Fill uniformly in ±gain·√(3 / fan) (He et al., 2015), `a` being the slope of leaky_relu.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.init.kaiming_uniform_(cb.empty(3, 5), nonlinearity="relu").shape
    (3, 5)
    """
    if 0 in tensor.shape:
        warnings.warn("kaiming_uniform_: a tensor without elements stays as it is")
        return tensor
    bound = math.sqrt(3.0) * calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Fill from N(0, std²), std = gain / √fan (He et al., 2015), `a` being the slope of leaky_relu.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.init.kaiming_normal_(cb.empty(3, 5), mode="fan_out").shape
    (3, 5)
    """
    if 0 in tensor.shape:
        warnings.warn("kaiming_normal_: a tensor without elements stays as it is")
        return tensor
    return normal_(tensor, 0.0, calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode)), generator)


@_fill
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Any = None) -> Tensor:
    """Fill with an orthogonal matrix times `gain` (Saxe et al., 2013), uniform among them (Mezzadri, 2007).

    Axes behind the second are joined with it; of the longer side only orthonormal rows or columns are taken.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> w = nn.init.orthogonal_(cb.empty(2, 5))
    >>> bool((abs(w @ w.T - cb.eye(2)) < 1e-5).all())
    True
    """
    if tensor.ndim < 2:
        raise ShapeError(f"orthogonal_: a tensor of at least 2 axes is needed, got shape {tuple(tensor.shape)}")
    if 0 in tensor.shape:
        return tensor
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    kind = tensor.dtype if tensor.dtype.itemsize > 2 else dtypes.float32
    drawn = ops.empty((max(rows, columns), min(rows, columns)), dtype=kind, device=tensor.device).normal_(
        generator=generator
    )
    q, r = ops.qr(drawn)
    # R with a positive diagonal is unique, and makes Q uniform.
    q = ops.multiply(q, ops.sign(diagonal(r)))
    if rows < columns:
        q = ops.matrix_transpose(q)
    return tensor.copy_(ops.multiply(ops.reshape(q, tensor.shape), gain))


@_fill
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    """Fill a matrix from N(0, std²), and set the share `sparsity` of each column to zero (Martens, 2010).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> (nn.init.sparse_(cb.empty(4, 3), sparsity=0.5) == 0).sum(0)
    tensor([2, 2, 2])
    """
    if tensor.ndim != 2:
        raise ShapeError(f"sparse_: a matrix is needed, got shape {tuple(tensor.shape)}")
    if not 0.0 <= sparsity <= 1.0:
        raise ArgumentError(f"sparse_: sparsity is a share between 0 and 1, got {sparsity}")
    zeros = math.ceil(sparsity * tensor.shape[0])
    values = ops.empty(tensor.shape, dtype=tensor.dtype, device=tensor.device).normal_(0, std, generator=generator)
    # The ranks of independent draws in a column are a permutation of its rows.
    keys = ops.empty(tensor.shape, dtype=dtypes.float32, device=tensor.device).uniform_(generator=generator)
    ranks = ops.argsort(ops.argsort(keys, axis=0), axis=0)
    return tensor.copy_(ops.where(ops.less(ranks, zeros), 0.0, values))


def _fans(tensor: Tensor) -> tuple[int, int]:
    """Return fan in and fan out of a weight (out, in, *kernel)."""
    if tensor.ndim < 2:
        raise ShapeError(
            f"fan in and fan out need a weight of at least 2 axes, got shape {tuple(tensor.shape)}; "
            "use uniform_ or normal_"
        )
    receptive_field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * receptive_field, tensor.shape[0] * receptive_field


def _fan(tensor: Tensor, mode: str) -> int:
    mode = mode.lower() if isinstance(mode, str) else mode
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentError(f"mode is 'fan_in' or 'fan_out', got {mode!r}")
    return _fans(tensor)[mode == "fan_out"]


def _erfinv(y: Tensor) -> Tensor:
    """Return the inverse error function: Giles's polynomials (GPU Computing Gems, 2011), mended by two Newton steps."""
    central = (
        2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503,
        -0.00417768164, 0.246640727, 1.50140941,
    )  # fmt: skip
    tail = (
        -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613,
        0.00943887047, 1.00167406, 2.83297682,
    )  # fmt: skip
    # Short of ±1, where the inverse is infinite.
    y = ops.clip(y, -1 + 1e-7, 1 - 1e-7)
    w = -ops.log((1 - y) * (1 + y))
    x = ops.where(w < 5, _polynomial(central, w - 2.5), _polynomial(tail, ops.sqrt(ops.abs(w)) - 3)) * y
    for _ in range(2):
        x = x - (ops.erf(x) - y) * (math.sqrt(math.pi) / 2) * ops.exp(x * x)
    return x


def _polynomial(coefficients: tuple[float, ...], x: Tensor) -> Tensor:
    value = x * coefficients[0] + coefficients[1]
    for coefficient in coefficients[2:]:
        value = value * x + coefficient
    return value


def _deprecated(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return a function under its name before PyTorch 0.4, which warns."""
    new = function.__name__
    old = new[:-1]

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(f"nn.init.{old} is deprecated; use nn.init.{new}", FutureWarning, stacklevel=2)
        return function(*args, **kwargs)

    call.__name__ = old
    call.__doc__ = f"Call `{new}` under its deprecated name."
    return call


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)
