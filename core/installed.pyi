"""The operators and methods of Tensor, installed by core/operators.py and core/methods.py.

Written by docs/make_stubs.py; do not edit.
"""

import builtins
from collections.abc import Sequence
from typing import Any

from .functions.counting import Histogram
from .functions.selection import ValuesAndIndices
from .random_state import Generator
from .tensor import Tensor

class Installed:
    """What is installed on Tensor: a base of it for type checkers alone."""

    @property
    def T(self) -> Tensor: ...

    def __abs__(self) -> Tensor: ...

    def __add__(self, x2: Tensor | complex, /) -> Tensor: ...

    def __and__(self, x2: Tensor | complex, /) -> Tensor: ...

    def __eq__(self, other: Any) -> Any: ...  # type: ignore[override]

    def __floordiv__(self, x2: Tensor | complex, /) -> Tensor: ...

    def __ge__(self, x2: Tensor | complex, /) -> Tensor: ...

    def __getitem__(self, key: Any) -> Tensor: ...

    def __gt__(self, x2: Tensor | complex, /) -> Tensor: ...

    def __iadd__(self, other: Tensor | complex) -> Tensor: ...

    def __iand__(self, other: Tensor | complex) -> Tensor: ...

    def __ifloordiv__(self, other: Tensor | complex) -> Tensor: ...

    def __ilshift__(self, other: Tensor | complex) -> Tensor: ...

    def __imatmul__(self, other: Tensor | complex) -> Tensor: ...

    def __imod__(self, other: Tensor | complex) -> Tensor: ...

    def __imul__(self, other: Tensor | complex) -> Tensor: ...

    def __invert__(self) -> Tensor: ...

    def __ior__(self, other: Tensor | complex) -> Tensor: ...

    def __ipow__(self, other: Tensor | complex) -> Tensor: ...

    def __irshift__(self, other: Tensor | complex) -> Tensor: ...

    def __isub__(self, other: Tensor | complex) -> Tensor: ...

    def __itruediv__(self, other: Tensor | complex) -> Tensor: ...

    def __ixor__(self, other: Tensor | complex) -> Tensor: ...

    def __le__(self, x2: Tensor | complex, /) -> Tensor: ...

    def __lshift__(self, x2: Tensor | complex, /) -> Tensor: ...

    def __lt__(self, x2: Tensor | complex, /) -> Tensor: ...

    def __matmul__(self, x2: Tensor, /) -> Tensor: ...

    def __mod__(self, x2: Tensor | complex, /) -> Tensor: ...

    def __mul__(self, x2: Tensor | complex, /) -> Tensor: ...

    def __ne__(self, other: Any) -> Any: ...  # type: ignore[override]

    def __neg__(self) -> Tensor: ...

    def __or__(self, x2: Tensor | complex, /) -> Tensor: ...

    def __pos__(self) -> Tensor: ...

    def __pow__(self, x2: Tensor | complex, /) -> Tensor: ...

    def __radd__(self, x2: Tensor | complex, /) -> Tensor: ...

    def __rand__(self, x2: Tensor | complex, /) -> Tensor: ...

    def __rfloordiv__(self, other: Tensor | complex) -> Tensor: ...

    def __rlshift__(self, other: Tensor | complex) -> Tensor: ...

    def __rmatmul__(self, other: Tensor | complex) -> Tensor: ...

    def __rmod__(self, other: Tensor | complex) -> Tensor: ...

    def __rmul__(self, x2: Tensor | complex, /) -> Tensor: ...

    def __ror__(self, x2: Tensor | complex, /) -> Tensor: ...

    def __rpow__(self, other: Tensor | complex) -> Tensor: ...

    def __rrshift__(self, other: Tensor | complex) -> Tensor: ...

    def __rshift__(self, x2: Tensor | complex, /) -> Tensor: ...

    def __rsub__(self, other: Tensor | complex) -> Tensor: ...

    def __rtruediv__(self, other: Tensor | complex) -> Tensor: ...

    def __rxor__(self, x2: Tensor | complex, /) -> Tensor: ...

    def __setitem__(self, key: Any, value: Any) -> None: ...

    def __sub__(self, x2: Tensor | complex, /) -> Tensor: ...

    def __truediv__(self, x2: Tensor | complex, /) -> Tensor: ...

    def __xor__(self, x2: Tensor | complex, /) -> Tensor: ...

    def abs(self) -> Tensor:
        """Return the absolute value; real for complex numbers."""

    def abs_(self) -> Tensor:
        """Compute `abs` in place."""

    def absolute(self) -> Tensor:
        """Return the absolute value; real for complex numbers."""

    def acos(self) -> Tensor:
        """Return the inverse cosine, in radians."""

    def acosh(self) -> Tensor:
        """Return the inverse hyperbolic cosine."""

    def add(self, other: Any, *, alpha: builtins.float = 1) -> Tensor:
        """Return ``self + alpha * other``."""

    def add_(self, other: Any, *, alpha: builtins.float = 1) -> Tensor:
        """Add in place."""

    def addcdiv(self, tensor1: Tensor, tensor2: Tensor, *, value: builtins.float = 1) -> Tensor:
        """Return ``self + value * tensor1 / tensor2``."""

    def addcdiv_(self, tensor1: Tensor, tensor2: Tensor, *, value: builtins.float = 1) -> Tensor:
        """Add ``value * tensor1 / tensor2`` in place."""

    def addcmul(self, tensor1: Tensor, tensor2: Tensor, *, value: builtins.float = 1) -> Tensor:
        """Return ``self + value * tensor1 * tensor2``."""

    def addcmul_(self, tensor1: Tensor, tensor2: Tensor, *, value: builtins.float = 1) -> Tensor:
        """Add ``value * tensor1 * tensor2`` in place."""

    def addmm(self, x1: Tensor, x2: Tensor, *, beta: builtins.float = 1, alpha: builtins.float = 1) -> Tensor:
        """Return ``beta * x + alpha * (x1 @ x2)``."""

    def all(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        dim: Any = None,
        keepdim: builtins.bool = False,
        **options: Any,
    ) -> Tensor:
        """The method of `all`."""

    def allclose(
        self, x2: Any, /, rtol: builtins.float = 1e-05, atol: builtins.float = 1e-08, equal_nan: builtins.bool = False
    ) -> builtins.bool:
        """Say whether all elements are close (see `isclose`)."""

    def amax(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        dim: Any = None,
        keepdim: builtins.bool = False,
        **options: Any,
    ) -> Tensor:
        """The method of `max`."""

    def amin(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        dim: Any = None,
        keepdim: builtins.bool = False,
        **options: Any,
    ) -> Tensor:
        """The method of `min`."""

    def any(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        dim: Any = None,
        keepdim: builtins.bool = False,
        **options: Any,
    ) -> Tensor:
        """The method of `any`."""

    def argmax(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        dim: Any = None,
        keepdim: builtins.bool = False,
        **options: Any,
    ) -> Tensor:
        """The method of `argmax`."""

    def argmin(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        dim: Any = None,
        keepdim: builtins.bool = False,
        **options: Any,
    ) -> Tensor:
        """The method of `argmin`."""

    def argsort(
        self,
        axis: builtins.int = -1,
        descending: builtins.bool = False,
        stable: builtins.bool = True,
        *,
        dim: builtins.int | None = None,
    ) -> Tensor:
        """Return the indices that sort along an axis."""

    def asin(self) -> Tensor:
        """Return the inverse sine, in radians."""

    def asinh(self) -> Tensor:
        """Return the inverse hyperbolic sine."""

    def astype(self, dtype: Any, /, *, copy: builtins.bool = True, device: Any = None) -> Tensor:
        """Return the tensor in another dtype; differentiable between floating-point dtypes."""

    def atan(self) -> Tensor:
        """Return the inverse tangent, in radians."""

    def atan2(self, x2: Tensor | complex, /) -> Tensor:
        """Return the angle of the point ``(x2, x1)``, in radians."""

    def atanh(self) -> Tensor:
        """Return the inverse hyperbolic tangent."""

    def bernoulli(self, p: builtins.float | None = None, *, generator: Generator | None = None) -> Tensor:
        """Return ones and zeros in the shape, dtype and device of `input`."""

    def bernoulli_(self, p: Tensor | builtins.float = 0.5, *, generator: Generator | None = None) -> Tensor:
        """Fill a tensor with ones, each with probability `p` (a number, or a tensor that broadcasts), and zeros."""

    def bfloat16(self) -> Tensor:
        """The method of `a cast to bfloat16`."""

    def bincount(self, weights: Tensor | None = None, minlength: builtins.int = 0) -> Tensor:
        """Return how often each of the numbers 0, 1, 2, … stands in a vector, or the sums of their weights."""

    def bmm(self, x2: Tensor) -> Tensor:
        """Return the products of two batches of matrices."""

    def bool(self) -> Tensor:
        """The method of `a cast to bool`."""

    def broadcast_to(self, /, shape: builtins.int | tuple[builtins.int, ...]) -> Tensor:
        """Return the tensor broadcast to a shape."""

    def ceil(self) -> Tensor:
        """Round towards plus infinity; the gradient is zero."""

    def ceil_(self) -> Tensor:
        """Compute `ceil` in place."""

    def chunk(
        self, chunks: builtins.int, axis: builtins.int = 0, *, dim: builtins.int | None = None
    ) -> tuple[Tensor, ...]:
        """Return equal pieces along an axis."""

    def clamp(self, min: Any = None, max: Any = None) -> Tensor:
        """Limit the values to an interval (PyTorch's name for `clip`)."""

    def clamp_(self, min: Any = None, max: Any = None) -> Tensor:
        """Limit the values to an interval in place."""

    def clip(self, /, min: Any = None, max: Any = None) -> Tensor:
        """Limit the values to the interval from `min` to `max`."""

    def clone(self) -> Tensor:
        """Return a copy, recorded."""

    def conj(self) -> Tensor:
        """Return the complex conjugate."""

    def contiguous(self) -> Tensor:
        """Return the tensor itself: memory order is the backend's business."""

    def copy_(self, source: Tensor, non_blocking: builtins.bool = False) -> Tensor:
        """Take another tensor's values, in the own dtype and on the own device; they broadcast."""

    def copysign(self, x2: Tensor | complex, /) -> Tensor:
        """Return the magnitude of ``x1`` with the sign of ``x2``."""

    def cos(self) -> Tensor:
        """Return the cosine of ``x`` in radians."""

    def cosh(self) -> Tensor:
        """Return the hyperbolic cosine."""

    def count_nonzero(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        dim: Any = None,
        keepdim: builtins.bool = False,
        **options: Any,
    ) -> Tensor:
        """The method of `count_nonzero`."""

    def cpu(self) -> Tensor:
        """Return the tensor on the host's device."""

    def cuda(self, device: Any = None) -> Tensor:
        """Return the tensor on a CUDA device."""

    def cummax(self, axis: builtins.int | None = None, *, dim: builtins.int | None = None) -> ValuesAndIndices:
        """Return the largest value so far along an axis, and its index (of equal ones the last)."""

    def cummin(self, axis: builtins.int | None = None, *, dim: builtins.int | None = None) -> ValuesAndIndices:
        """Return the smallest value so far along an axis, and its index (of equal ones the last); NaN stays."""

    def cumprod(self, axis: Any = None, *, dim: Any = None, **options: Any) -> Any:
        """The method of `cumulative_prod`."""

    def cumsum(self, axis: Any = None, *, dim: Any = None, **options: Any) -> Any:
        """The method of `cumulative_sum`."""

    def diag(self, offset: builtins.int = 0, *, diagonal: builtins.int = 0) -> Tensor: ...

    def diag_embed(
        self,
        offset: builtins.int = 0,
        axis1: builtins.int = -2,
        axis2: builtins.int = -1,
        *,
        dim1: builtins.int | None = None,
        dim2: builtins.int | None = None,
    ) -> Tensor:
        """Return matrices with the values of the last axis on a diagonal, zeros elsewhere."""

    def diagflat(self, offset: builtins.int = 0) -> Tensor:
        """Return a matrix with all values on its diagonal."""

    def diagonal(
        self,
        offset: builtins.int = 0,
        axis1: builtins.int = 0,
        axis2: builtins.int = 1,
        *,
        dim1: builtins.int | None = None,
        dim2: builtins.int | None = None,
    ) -> Tensor:
        """Return the diagonals of the matrices in two axes; `linalg.diagonal` takes the last two."""

    def diff(
        self,
        n: builtins.int = 1,
        axis: builtins.int | None = None,
        prepend: Tensor | None = None,
        append: Tensor | None = None,
        *,
        dim: builtins.int | None = None,
    ) -> Tensor:
        """Return the n-th differences of neighbours along an axis, by default the last."""

    def digamma(self) -> Tensor:
        """Return the logarithmic derivative of the gamma function."""

    def dim(self) -> builtins.int:
        """Return the number of axes."""

    def div(self, x2: Tensor | complex, /) -> Tensor:
        """Return the quotient ``x1 / x2``; integers become the default float dtype."""

    def div_(self, x2: Tensor | complex, /) -> Tensor:
        """Compute `divide` in place."""

    def dot(self, x2: Tensor) -> Tensor:
        """Return the sum of products of two vectors, without conjugation."""

    def double(self) -> Tensor:
        """The method of `a cast to float64`."""

    def element_size(self) -> builtins.int:
        """Return the bytes of an element."""

    def eq(self, x2: Tensor | complex, /) -> Tensor:
        """Say where the operands are equal."""

    def erf(self) -> Tensor:
        """Return the error function, ``2/sqrt(pi)`` times the integral of ``exp(-t*t)`` from 0 to ``x``."""

    def erfc(self) -> Tensor:
        """Return the complementary error function, ``1 - erf(x)``."""

    def erfinv(self) -> Tensor:
        """Return the inverse of the error function."""

    def exp(self) -> Tensor:
        """Return e to the power ``x``."""

    def exp_(self) -> Tensor:
        """Compute `exp` in place."""

    def expand(self, *sizes: Any) -> Tensor:
        """Return the tensor broadcast to sizes; -1 keeps an axis's size."""

    def expand_as(self, other: Tensor) -> Tensor:
        """Return the tensor broadcast to another's shape."""

    def expand_dims(self, /, axis: builtins.int = 0) -> Tensor:
        """Return the tensor with new axes of size one."""

    def expm1(self) -> Tensor:
        """Return ``exp(x) - 1``, exact near zero."""

    def exponential_(self, lambd: builtins.float = 1.0, *, generator: Generator | None = None) -> Tensor:
        """Fill a tensor with draws from the exponential distribution of rate `lambd`, all above 0; returns it."""

    def fill_(self, value: Any) -> Tensor:
        """Fill with one value."""

    def flatten(self, start_dim: builtins.int = 0, end_dim: builtins.int = -1) -> Tensor:
        """Return the tensor with axes merged."""

    def flip(self, *axes: Any, axis: Any = None, dims: Any = None) -> Tensor:
        """Return the tensor with the order along axes reversed; no axis means all."""

    def float(self) -> Tensor:
        """The method of `a cast to float32`."""

    def floor(self) -> Tensor:
        """Round towards minus infinity; the gradient is zero."""

    def floor_(self) -> Tensor:
        """Compute `floor` in place."""

    def floor_divide(self, x2: Tensor | complex, /) -> Tensor:
        """Return ``floor(x1 / x2)``; its gradient is zero."""

    def gather(self, dim: builtins.int, index: Tensor, *, sparse_grad: builtins.bool = False) -> Tensor:
        """Return elements along an axis that `index` names."""

    def ge(self, x2: Tensor | complex, /) -> Tensor:
        """Say where ``x1 >= x2``."""

    def gt(self, x2: Tensor | complex, /) -> Tensor:
        """Say where ``x1 > x2``."""

    def half(self) -> Tensor:
        """The method of `a cast to float16`."""

    def histc(self, bins: builtins.int = 100, min: builtins.float = 0, max: builtins.float = 0) -> Tensor: ...

    def histogram(
        self,
        bins: builtins.int | Tensor,
        *,
        range: Sequence[builtins.float] | None = None,
        weight: Tensor | None = None,
        density: builtins.bool = False,
    ) -> Histogram:
        """Return how many values fall into each bin, and the bins' edges; the last bin has both of its edges."""

    def hypot(self, x2: Tensor | complex, /) -> Tensor:
        """Return ``sqrt(x1**2 + x2**2)`` without overflow."""

    def i0(self) -> Tensor:
        """Return the modified Bessel function of the first kind, of order 0."""

    @property
    def imag(self) -> Tensor: ...

    def index_add(self, dim: builtins.int, index: Tensor, source: Tensor, *, alpha: builtins.float = 1) -> Tensor:
        """Return the tensor with slices of `source`, times `alpha`, added at `index`."""

    def index_add_(self, dim: builtins.int, index: Tensor, source: Tensor, *, alpha: builtins.float = 1) -> Tensor:
        """Do the same as `index_add`, in place."""

    def index_copy(self, dim: builtins.int, index: Tensor, source: Tensor) -> Tensor:
        """Return the tensor with slices of `source` written at `index`."""

    def index_copy_(self, dim: builtins.int, index: Tensor, source: Tensor) -> Tensor:
        """Do the same as `index_copy`, in place."""

    def index_fill(self, dim: builtins.int, index: Tensor, value: Any) -> Tensor:
        """Return the tensor with one value written at `index`."""

    def index_fill_(self, dim: builtins.int, index: Tensor, value: Any) -> Tensor:
        """Do the same as `index_fill`, in place."""

    def index_put(self, indices: Any, values: Any, accumulate: builtins.bool = False) -> Tensor:
        """Return the tensor with values written, or added, where a key of index tensors selects."""

    def index_put_(self, indices: Any, values: Any, accumulate: builtins.bool = False) -> Tensor:
        """Do the same as `index_put`, in place."""

    def index_reduce(
        self, dim: builtins.int, index: Tensor, source: Tensor, reduce: str, *, include_self: builtins.bool = True
    ) -> Tensor:
        """Return the tensor with slices of `source` reduced into it at `index`."""

    def index_reduce_(
        self, dim: builtins.int, index: Tensor, source: Tensor, reduce: str, *, include_self: builtins.bool = True
    ) -> Tensor:
        """Do the same as `index_reduce`, in place."""

    def index_select(
        self, axis: builtins.int | None = None, index: Any = None, *, dim: builtins.int | None = None
    ) -> Tensor:
        """Return the slices along an axis that `index` names."""

    def int(self) -> Tensor:
        """The method of `a cast to int32`."""

    def is_complex(self) -> builtins.bool:
        """Say whether the dtype is complex."""

    def is_contiguous(self) -> builtins.bool:
        """Return True: memory order is the backend's business."""

    def is_floating_point(self) -> builtins.bool:
        """Say whether the dtype is a real floating-point one."""

    def isclose(
        self, x2: Any, /, rtol: builtins.float = 1e-05, atol: builtins.float = 1e-08, equal_nan: builtins.bool = False
    ) -> Tensor:
        """Say where ``|x1 - x2| <= atol + rtol * |x2|``; infinities are close to themselves."""

    def isfinite(self) -> Tensor:
        """Say where values are finite."""

    def isinf(self) -> Tensor:
        """Say where values are infinite."""

    def isnan(self) -> Tensor:
        """Say where values are NaN."""

    def kron(self, x2: Tensor) -> Tensor:
        """Return the Kronecker product: every element of `x1` times all of `x2`."""

    def kthvalue(
        self,
        k: builtins.int,
        axis: builtins.int | None = None,
        keepdims: builtins.bool = False,
        *,
        dim: builtins.int | None = None,
        keepdim: builtins.bool = False,
    ) -> ValuesAndIndices:
        """Return the `k`-th smallest value along an axis (from 1 on), and its index."""

    def le(self, x2: Tensor | complex, /) -> Tensor:
        """Say where ``x1 <= x2``."""

    def lerp(self, end: Tensor, weight: Any) -> Tensor:
        """Return ``self + weight * (end - self)``."""

    def lerp_(self, end: Tensor, weight: Any) -> Tensor:
        """Interpolate in place."""

    def lgamma(self) -> Tensor:
        """Return the logarithm of the absolute value of the gamma function."""

    def log(self) -> Tensor:
        """Return the natural logarithm."""

    def log10(self) -> Tensor:
        """Return the logarithm to base 10."""

    def log1p(self) -> Tensor:
        """Return ``log(1 + x)``, exact near zero."""

    def log2(self) -> Tensor:
        """Return the logarithm to base 2."""

    def log_(self) -> Tensor:
        """Compute `log` in place."""

    def log_softmax(self, axis: Any = None, *, dim: Any = None, **options: Any) -> Any:
        """The method of `log_softmax`."""

    def logcumsumexp(self, axis: builtins.int | None = None, *, dim: builtins.int | None = None) -> Tensor:
        """Return the logarithm of the running sum of exponentials along an axis, without overflow."""

    def logical_and(self, x2: Tensor | complex, /) -> Tensor:
        """Return the logical and; a number is true if it is not zero."""

    def logical_not(self) -> Tensor:
        """Return the logical complement; a number is true if it is not zero."""

    def logical_or(self, x2: Tensor | complex, /) -> Tensor:
        """Return the logical or; a number is true if it is not zero."""

    def logical_xor(self, x2: Tensor | complex, /) -> Tensor:
        """Return the logical exclusive or; a number is true if it is not zero."""

    def logit(self, eps: builtins.float | None = None) -> Tensor:
        """Return ``log(x / (1 - x))``, the inverse of `sigmoid`."""

    def logsumexp(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        dim: Any = None,
        keepdim: builtins.bool = False,
        **options: Any,
    ) -> Tensor:
        """The method of `logsumexp`."""

    def long(self) -> Tensor:
        """The method of `a cast to int64`."""

    def lt(self, x2: Tensor | complex, /) -> Tensor:
        """Say where ``x1 < x2``."""

    @property
    def mT(self) -> Tensor: ...

    def masked_fill(self, mask: Tensor, value: Any, /) -> Tensor:
        """Return `x` with `value` where `mask` is true; the mask broadcasts."""

    def masked_fill_(self, mask: Tensor, value: Any) -> Tensor:
        """Write a value where the mask is true."""

    def masked_scatter(self, mask: Tensor, source: Tensor) -> Tensor:
        """Return the tensor with the first elements of `source`, in order, where the mask is true."""

    def masked_scatter_(self, mask: Tensor, source: Tensor) -> Tensor:
        """Do the same as `masked_scatter`, in place."""

    def masked_select(self, mask: Tensor, /) -> Tensor:
        """Return the elements of `x` where `mask` is true, in one axis."""

    def matmul(self, x2: Tensor, /) -> Tensor:
        """Return the matrix product; leading axes broadcast."""

    def max(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        dim: Any = None,
        keepdim: builtins.bool = False,
        **options: Any,
    ) -> Tensor:
        """The method of `max`."""

    def maximum(self, x2: Tensor | complex, /) -> Tensor:
        """Return the larger operand, elementwise; NaN wins."""

    def mean(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        dim: Any = None,
        keepdim: builtins.bool = False,
        **options: Any,
    ) -> Tensor:
        """The method of `mean`."""

    def median(
        self,
        axis: builtins.int | None = None,
        keepdims: builtins.bool = False,
        *,
        dim: builtins.int | None = None,
        keepdim: builtins.bool = False,
    ) -> Any:
        """Return the median, the lower of two; along an axis also its index. NaN wins."""

    def min(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        dim: Any = None,
        keepdim: builtins.bool = False,
        **options: Any,
    ) -> Tensor:
        """The method of `min`."""

    def minimum(self, x2: Tensor | complex, /) -> Tensor:
        """Return the smaller operand, elementwise; NaN wins."""

    def mm(self, x2: Tensor) -> Tensor:
        """Return the product of two matrices."""

    def moveaxis(self, source: Any, destination: Any, /) -> Tensor:
        """Return the tensor with axes moved to other positions."""

    def movedim(self, source: Any, destination: Any) -> Tensor:
        """Return `x` with axes moved (PyTorch's name for `moveaxis`)."""

    def msort(self) -> Tensor:
        """Return the values in order along the first axis."""

    def mul(self, x2: Tensor | complex, /) -> Tensor:
        """Return the product ``x1 * x2``; of booleans, the logical and."""

    def mul_(self, x2: Tensor | complex, /) -> Tensor:
        """Compute `multiply` in place."""

    def multinomial(
        self, num_samples: builtins.int, replacement: builtins.bool = False, *, generator: Generator | None = None
    ) -> Tensor:
        """Return indices drawn in proportion to weights."""

    def nanmean(
        self, axis: Any = None, keepdims: builtins.bool = False, *, dim: Any = None, keepdim: builtins.bool = False
    ) -> Tensor:
        """Return the mean over axes of what is no NaN."""

    def nanmedian(
        self,
        axis: builtins.int | None = None,
        keepdims: builtins.bool = False,
        *,
        dim: builtins.int | None = None,
        keepdim: builtins.bool = False,
    ) -> Any:
        """Return the median of what is no NaN (see `median`)."""

    def nanquantile(
        self,
        q: Any,
        axis: builtins.int | None = None,
        keepdims: builtins.bool = False,
        *,
        interpolation: str = 'linear',
        dim: builtins.int | None = None,
        keepdim: builtins.bool = False,
    ) -> Tensor:
        """Return quantiles of what is no NaN (see `quantile`)."""

    def nansum(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        dtype: Any = None,
        dim: Any = None,
        keepdim: builtins.bool = False,
    ) -> Tensor:
        """Return the sum over axes of what is no NaN."""

    def narrow(self, axis: builtins.int, start: builtins.int, length: builtins.int) -> Tensor:
        """Return `length` slices along an axis from `start` on."""

    def ne(self, x2: Tensor | complex, /) -> Tensor:
        """Say where the operands differ."""

    def neg(self) -> Tensor:
        """Return ``-x``."""

    def neg_(self) -> Tensor:
        """Compute `negative` in place."""

    def nelement(self) -> builtins.int:
        """Return the number of elements (PyTorch's name for `x.size`)."""

    def new_empty(self, *size: Any, dtype: Any = None, device: Any = None) -> Tensor:
        """Return arbitrary values on the same device and in the same dtype."""

    def new_full(self, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
        """Return one value on the same device and in the same dtype."""

    def new_ones(self, *size: Any, dtype: Any = None, device: Any = None) -> Tensor:
        """Return ones on the same device and in the same dtype."""

    def new_tensor(self, data: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
        """Return a tensor of the data on the same device and in the same dtype."""

    def new_zeros(self, *size: Any, dtype: Any = None, device: Any = None) -> Tensor:
        """Return zeros on the same device and in the same dtype."""

    def nonzero(self) -> tuple[Tensor, ...]:
        """Return one index tensor per axis of the elements that are not zero."""

    def norm(self, p: builtins.float = 2.0, dim: Any = None, keepdim: builtins.bool = False) -> Tensor:
        """Return the vector norm over axes."""

    def normal_(
        self, mean: builtins.float = 0.0, std: builtins.float = 1.0, *, generator: Generator | None = None
    ) -> Tensor:
        """Fill a tensor with normal draws, a complex one with half the variance in each part; returns it."""

    def numel(self) -> builtins.int:
        """Return the number of elements."""

    def outer(self, x2: Tensor) -> Tensor:
        """Return the matrix of products of two vectors."""

    def permute(self, *axes: Any, dims: Any = None) -> Tensor:
        """Return the tensor with its axes in another order."""

    def permute_dims(self, /, axes: Any) -> Tensor:
        """Return the tensor with its axes in another order."""

    def pow(self, x2: Tensor | complex, /) -> Tensor:
        """Return ``x1`` to the power ``x2``."""

    def pow_(self, x2: Tensor | complex, /) -> Tensor:
        """Compute `pow` in place."""

    def prod(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        dtype: Any = None,
        dim: Any = None,
        keepdim: builtins.bool = False,
    ) -> Tensor:
        """The method of `prod`."""

    def put(self, index: Tensor, source: Tensor, accumulate: builtins.bool = False) -> Tensor:
        """Return the tensor with elements written, or added, at places of the flattened tensor."""

    def put_(self, index: Tensor, source: Tensor, accumulate: builtins.bool = False) -> Tensor:
        """Do the same as `put`, in place."""

    def quantile(
        self,
        q: Any,
        axis: builtins.int | None = None,
        keepdims: builtins.bool = False,
        *,
        interpolation: str = 'linear',
        dim: builtins.int | None = None,
        keepdim: builtins.bool = False,
    ) -> Tensor:
        """Return quantiles along an axis, or of all elements; NaN where one is a NaN."""

    def random_(self, low: Any = None, high: Any = None, *, generator: Generator | None = None) -> Tensor:
        """Fill a tensor with integers from [low, high); returns it."""

    @property
    def real(self) -> Tensor: ...

    def reciprocal(self) -> Tensor:
        """Return ``1 / x``."""

    def reciprocal_(self) -> Tensor:
        """Compute `reciprocal` in place."""

    def relu(self) -> Tensor:
        """Return ``max(x, 0)``; the gradient at 0 is 0."""

    def relu_(self) -> Tensor:
        """Compute `relu` in place."""

    def remainder(self, x2: Tensor | complex, /) -> Tensor:
        """Return the remainder of ``floor_divide``, with the divisor's sign."""

    def repeat(self, *repeats: Any, axis: builtins.int | None = None, dim: builtins.int | None = None) -> Tensor:
        """Return the tensor with each element repeated; several counts, PyTorch's way to tile, are refused."""

    def repeat_interleave(
        self, repeats: Any, axis: builtins.int | None = None, *, dim: builtins.int | None = None
    ) -> Tensor:
        """Return `x` with each element repeated (PyTorch's name for `repeat`)."""

    def reshape(self, *shape: Any, copy: builtins.bool | None = None) -> Tensor:
        """Return the elements in another shape; ints or one tuple."""

    def roll(self, shift: Any = None, axis: Any = None, *, shifts: Any = None, dims: Any = None) -> Tensor:
        """Return the tensor with elements shifted round along axes, flattened without one."""

    def rot90(self, k: builtins.int = 1, axes: Sequence[builtins.int] = (0, 1), *, dims: Any = None) -> Tensor:
        """Return the tensor turned by `k` quarters in the plane of two axes, from the first towards the second."""

    def round(self) -> Tensor:
        """Round to the nearest integer, halves to even; the gradient is zero."""

    def round_(self) -> Tensor:
        """Compute `round` in place."""

    def rsqrt(self) -> Tensor:
        """Return ``1 / sqrt(x)``."""

    def scatter(
        self, dim: builtins.int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None
    ) -> Tensor:
        """Return the tensor with `src` (or one value) written, added or multiplied where `index` says."""

    def scatter_(
        self, dim: builtins.int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None
    ) -> Tensor:
        """Do the same as `scatter`, in place."""

    def scatter_add(self, dim: builtins.int, index: Tensor, src: Tensor) -> Tensor:
        """Return the tensor with `src` added where `index` says."""

    def scatter_add_(self, dim: builtins.int, index: Tensor, src: Tensor) -> Tensor:
        """Do the same as `scatter_add`, in place."""

    def scatter_reduce(
        self, dim: builtins.int, index: Tensor, src: Tensor, reduce: str, *, include_self: builtins.bool = True
    ) -> Tensor:
        """Return the tensor with all of `src` that `index` sends to a place reduced into it."""

    def scatter_reduce_(
        self, dim: builtins.int, index: Tensor, src: Tensor, reduce: str, *, include_self: builtins.bool = True
    ) -> Tensor:
        """Do the same as `scatter_reduce`, in place."""

    def select(self, axis: builtins.int, index: builtins.int) -> Tensor:
        """Return the slice number `index` along an axis."""

    def short(self) -> Tensor:
        """The method of `a cast to int16`."""

    def sigmoid(self) -> Tensor:
        """Return ``1 / (1 + exp(-x))``."""

    def sigmoid_(self) -> Tensor:
        """Compute `sigmoid` in place."""

    def sign(self) -> Tensor:
        """Return the sign: -1, 0 or 1, and ``x / abs(x)`` for complex numbers."""

    def sin(self) -> Tensor:
        """Return the sine of ``x`` in radians."""

    def sinc(self) -> Tensor:
        """Return ``sin(pi x) / (pi x)``, 1 at zero."""

    def sinh(self) -> Tensor:
        """Return the hyperbolic sine."""

    def softmax(self, axis: Any = None, *, dim: Any = None, **options: Any) -> Any:
        """The method of `softmax`."""

    def sort(
        self,
        axis: builtins.int = -1,
        descending: builtins.bool = False,
        stable: builtins.bool = True,
        *,
        dim: builtins.int | None = None,
    ) -> Tensor:
        """Return the values in order along an axis."""

    def split(self, split_size: Any, axis: builtins.int = 0, *, dim: builtins.int | None = None) -> tuple[Tensor, ...]:
        """Return pieces along an axis."""

    def sqrt(self) -> Tensor:
        """Return the square root."""

    def sqrt_(self) -> Tensor:
        """Compute `sqrt` in place."""

    def square(self) -> Tensor:
        """Return ``x * x``."""

    def square_(self) -> Tensor:
        """Compute `square` in place."""

    def squeeze(self, axis: Any = None, *, dim: Any = None) -> Tensor:
        """Return the tensor without axes of size one: those named, or all of them."""

    def std(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        correction: builtins.float | None = None,
        unbiased: builtins.bool | None = None,
        dim: Any = None,
        keepdim: builtins.bool = False,
    ) -> Tensor:
        """Return the standard deviation over axes; the correction is 0 unless given, as in the standard."""

    def sub(self, other: Any, *, alpha: builtins.float = 1) -> Tensor:
        """Return ``self - alpha * other``."""

    def sub_(self, other: Any, *, alpha: builtins.float = 1) -> Tensor:
        """Subtract in place."""

    def sum(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        dtype: Any = None,
        dim: Any = None,
        keepdim: builtins.bool = False,
    ) -> Tensor:
        """The method of `sum`."""

    def swapaxes(self, axis0: builtins.int, axis1: builtins.int) -> Tensor:
        """Return `x` with two axes exchanged."""

    def swapdims(self, axis0: builtins.int, axis1: builtins.int) -> Tensor:
        """Return `x` with two axes exchanged."""

    def t(self) -> Tensor:
        """Return the transpose of a matrix; a vector stays as it is."""

    def take(self, indices: Tensor, /, *, axis: builtins.int | tuple[builtins.int, ...] | None = None) -> Tensor:
        """Return the slices along an axis that integers name."""

    def take_along_dim(self, indices: Tensor, dim: builtins.int | None = None) -> Tensor:
        """Return elements along an axis that `indices` name, or of the flattened tensor."""

    def tan(self) -> Tensor:
        """Return the tangent of ``x`` in radians."""

    def tanh(self) -> Tensor:
        """Return the hyperbolic tangent."""

    def tanh_(self) -> Tensor:
        """Compute `tanh` in place."""

    def tensordot(
        self, x2: Tensor, /, *, axes: builtins.int | tuple[Sequence[builtins.int], Sequence[builtins.int]] = 2
    ) -> Tensor:
        """Return the contraction of two tensors over pairs of axes."""

    def tile(self, *repetitions: Any) -> Tensor:
        """Return the tensor repeated whole along each axis."""

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        """Return the tensor on another device, in another dtype, or both."""

    def to_device(self, device: Any, /, *, stream: Any = None) -> Tensor:
        """Return the tensor on another device; differentiable."""

    def topk(
        self,
        k: builtins.int,
        axis: builtins.int | None = None,
        largest: builtins.bool = True,
        sorted: builtins.bool = True,
        *,
        dim: builtins.int | None = None,
    ) -> ValuesAndIndices:
        """Return the `k` largest (or smallest) values along an axis, and their indices."""

    def transpose(self, axis0: builtins.int, axis1: builtins.int) -> Tensor:
        """Return the tensor with two axes exchanged."""

    def tril(self, k: builtins.int = 0, *, diagonal: builtins.int = 0) -> Tensor:
        """Return the lower triangle of the last two axes, zeros above the diagonal `k`."""

    def triu(self, k: builtins.int = 0, *, diagonal: builtins.int = 0) -> Tensor:
        """Return the upper triangle of the last two axes, zeros below the diagonal `k`."""

    def true_divide(self, x2: Tensor | complex, /) -> Tensor:
        """Return the quotient ``x1 / x2``; integers become the default float dtype."""

    def trunc(self) -> Tensor:
        """Round towards zero; the gradient is zero."""

    def type(self, dtype: Any) -> Tensor:
        """Return the tensor in another dtype."""

    def type_as(self, other: Tensor) -> Tensor:
        """Return the tensor in another's dtype."""

    def unbind(self, axis: builtins.int = 0, *, dim: builtins.int | None = None) -> tuple[Tensor, ...]:
        """Return the slices along an axis."""

    def unflatten(self, axis: builtins.int, sizes: Sequence[builtins.int]) -> Tensor:
        """Return `x` with one axis split into several; one size may be -1."""

    def uniform_(
        self, low: builtins.float = 0.0, high: builtins.float = 1.0, *, generator: Generator | None = None
    ) -> Tensor:
        """Fill a tensor with uniform draws from [low, high); returns it."""

    def unique(
        self, sorted: builtins.bool = True, return_inverse: builtins.bool = False, return_counts: builtins.bool = False
    ) -> Any:
        """Return the distinct values in order, and if asked the inverse and the counts (PyTorch's order of results)."""

    def unsqueeze(self, axis: builtins.int | None = None, *, dim: builtins.int | None = None) -> Tensor:
        """Return the tensor with a new axis of size one."""

    def var(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        correction: builtins.float | None = None,
        unbiased: builtins.bool | None = None,
        dim: Any = None,
        keepdim: builtins.bool = False,
    ) -> Tensor:
        """Return the variance over axes; the correction is 0 unless given, as in the standard."""

    def vecdot(self, x2: Tensor, /, *, axis: builtins.int = -1) -> Tensor:
        """Return the sum of ``conj(x1) * x2`` along an axis."""

    def view(self, *shape: Any) -> Tensor:
        """Return the elements in another shape, or another dtype's cast is refused: use `reshape`, `to`."""

    def view_as(self, other: Tensor) -> Tensor:
        """Return the elements in another tensor's shape."""

    def where(self, condition: Tensor, other: Any) -> Tensor:
        """Return the tensor's elements where the condition holds, those of `other` elsewhere."""

    def xlogy(self, x2: Tensor | complex, /) -> Tensor:
        """Return ``x1 * log(x2)``, 0 where ``x1`` is 0."""

    def zero_(self) -> Tensor:
        """Fill with zeros."""
