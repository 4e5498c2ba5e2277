"""The operators and methods of Tensor, installed by core/operators.py and core/methods.py.

Written by docs/make_stubs.py; do not edit.
"""

import builtins
from collections.abc import Callable, Sequence
from typing import Any

from .functions.counting import Histogram
from .functions.elementwise_names import MantissaAndExponent
from .functions.linear_names import SVDNamesResult, TriangularSolveResult
from .functions.reflections import GeqrfResult
from .functions.selection import ValuesAndIndices
from .functions.statistics import MinMax
from .random_state import Generator
from .tensor import Tensor

class Installed:
    """What is installed on Tensor: a base of it for type checkers alone."""

    @property
    def H(self) -> Tensor: ...

    @property
    def T(self) -> Tensor: ...

    def __abs__(self) -> Tensor: ...

    def __add__(self, x2: Tensor | complex, /) -> Tensor: ...

    def __and__(self, x2: Tensor | complex, /) -> Tensor: ...

    def __dir__(self) -> list[str]: ...

    def __eq__(self, other: Any) -> Any: ...  # type: ignore[override]

    def __floordiv__(self, x2: Tensor | complex, /) -> Tensor: ...

    def __ge__(self, x2: Tensor | complex, /) -> Tensor: ...

    def __getitem__(self, key: Any, /) -> Tensor: ...

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

    def __reversed__(self) -> Tensor: ...

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

    def __setitem__(self, key: Any, value: Any, /) -> None: ...

    def __sub__(self, x2: Tensor | complex, /) -> Tensor: ...

    def __truediv__(self, x2: Tensor | complex, /) -> Tensor: ...

    def __xor__(self, x2: Tensor | complex, /) -> Tensor: ...

    def abs(self) -> Tensor:
        """Return the absolute value; real for complex numbers."""

    def abs_(self) -> Tensor:
        """Do the same as `abs`, in place."""

    def absolute(self) -> Tensor:
        """Return the absolute value; real for complex numbers."""

    def absolute_(self) -> Tensor:
        """Do the same as `absolute`, in place."""

    def acos(self) -> Tensor:
        """Return the inverse cosine, in radians."""

    def acos_(self) -> Tensor:
        """Do the same as `acos`, in place."""

    def acosh(self) -> Tensor:
        """Return the inverse hyperbolic cosine."""

    def acosh_(self) -> Tensor:
        """Do the same as `acosh`, in place."""

    def add(self, other: Any, *, alpha: builtins.float = 1) -> Tensor:
        """Return ``self + alpha * other``."""

    def add_(self, other: Any, *, alpha: builtins.float = 1) -> Tensor:
        """Add in place."""

    def addbmm(self, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
        """Return ``beta * x + alpha * sum(x1[i] @ x2[i])`` of two batches of matrices."""

    def addbmm_(self, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
        """Do the same as `addbmm`, in place."""

    def addcdiv(self, tensor1: Tensor, tensor2: Tensor, *, value: builtins.float | Tensor = 1) -> Tensor:
        """Return ``input + value * tensor1 / tensor2``."""

    def addcdiv_(self, tensor1: Tensor, tensor2: Tensor, *, value: builtins.float | Tensor = 1) -> Tensor:
        """Do the same as `addcdiv`, in place."""

    def addcmul(self, tensor1: Tensor, tensor2: Tensor, *, value: builtins.float | Tensor = 1) -> Tensor:
        """Return ``input + value * tensor1 * tensor2``."""

    def addcmul_(self, tensor1: Tensor, tensor2: Tensor, *, value: builtins.float | Tensor = 1) -> Tensor:
        """Do the same as `addcmul`, in place."""

    def addmm(self, mat1: Tensor, mat2: Tensor, *, beta: builtins.float = 1, alpha: builtins.float = 1) -> Tensor:
        """Return ``beta * x + alpha * (x1 @ x2)``."""

    def addmm_(self, mat1: Tensor, mat2: Tensor, *, beta: builtins.float = 1, alpha: builtins.float = 1) -> Tensor:
        """Do the same as `addmm`, in place."""

    def addmv(self, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
        """Return ``beta * x + alpha * (x1 @ x2)`` of a matrix and a vector."""

    def addmv_(self, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
        """Do the same as `addmv`, in place."""

    def addr(self, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
        """Return ``beta * x + alpha * outer(x1, x2)`` of two vectors."""

    def addr_(self, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
        """Do the same as `addr`, in place."""

    def adjoint(self) -> Tensor:
        """Return the conjugate transposes of the matrices in the last two axes."""

    def all(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        dim: Any = None,
        keepdim: builtins.bool = False,
        out: None = None,
    ) -> Tensor:
        """The method of `all`."""

    def allclose(
        self, other: Any, rtol: builtins.float = 1e-05, atol: builtins.float = 1e-08, equal_nan: builtins.bool = False
    ) -> builtins.bool:
        """Say whether all elements are close (see `isclose`)."""

    def amax(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        dim: Any = None,
        keepdim: builtins.bool = False,
        out: None = None,
    ) -> Tensor:
        """The method of `max`."""

    def amin(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        dim: Any = None,
        keepdim: builtins.bool = False,
        out: None = None,
    ) -> Tensor:
        """The method of `min`."""

    def aminmax(
        self,
        *,
        axis: builtins.int | None = None,
        keepdims: builtins.bool = False,
        dim: builtins.int | None = None,
        keepdim: builtins.bool = False,
    ) -> MinMax:
        """Return the smallest and the largest values, of all elements or along an axis; NaN wins."""

    def angle(self) -> Tensor:
        """Return the angle in radians: of complex numbers ``atan2(imag, real)``, of real ones 0, or pi below zero."""

    def any(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        dim: Any = None,
        keepdim: builtins.bool = False,
        out: None = None,
    ) -> Tensor:
        """The method of `any`."""

    def apply_(self, callable: Callable[[Any], Any]) -> Tensor: ...

    def arccos(self) -> Tensor:
        """Return the inverse cosine (PyTorch's name for `acos`)."""

    def arccos_(self) -> Tensor:
        """Do the same as `arccos`, in place."""

    def arccosh(self) -> Tensor:
        """Return the inverse hyperbolic cosine (PyTorch's name for `acosh`)."""

    def arccosh_(self) -> Tensor:
        """Do the same as `arccosh`, in place."""

    def arcsin(self) -> Tensor:
        """Return the inverse sine (PyTorch's name for `asin`)."""

    def arcsin_(self) -> Tensor:
        """Do the same as `arcsin`, in place."""

    def arcsinh(self) -> Tensor:
        """Return the inverse hyperbolic sine (PyTorch's name for `asinh`)."""

    def arcsinh_(self) -> Tensor:
        """Do the same as `arcsinh`, in place."""

    def arctan(self) -> Tensor:
        """Return the inverse tangent (PyTorch's name for `atan`)."""

    def arctan2(self, other: Any) -> Tensor:
        """Return the angle of the point ``(x2, x1)`` (PyTorch's name for `atan2`)."""

    def arctan2_(self, other: Any) -> Tensor:
        """Do the same as `arctan2`, in place."""

    def arctan_(self) -> Tensor:
        """Do the same as `arctan`, in place."""

    def arctanh(self) -> Tensor:
        """Return the inverse hyperbolic tangent (PyTorch's name for `atanh`)."""

    def arctanh_(self) -> Tensor:
        """Do the same as `arctanh`, in place."""

    def argmax(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        dim: Any = None,
        keepdim: builtins.bool = False,
        out: None = None,
    ) -> Tensor:
        """The method of `argmax`."""

    def argmin(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        dim: Any = None,
        keepdim: builtins.bool = False,
        out: None = None,
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

    def argwhere(self) -> Tensor:
        """Return the positions of the elements that are not zero, one a row."""

    def as_strided(self, size: Any, stride: Any, storage_offset: builtins.int | None = None) -> Tensor:
        """Return elements picked by strides: (i, j, …) is number ``storage_offset + i*stride[0] + j*stride[1] + …``."""

    def as_strided_scatter(
        self, src: Tensor, size: Any, stride: Any, storage_offset: builtins.int | None = None
    ) -> Tensor:
        """Return `x` with `src` written where `as_strided` would read; strides that meet a place twice are refused."""

    def as_subclass(self, cls: builtins.type[Any]) -> Any:
        """Return the tensor, with its place in the graph, as an instance of a subclass of Tensor."""

    def asin(self) -> Tensor:
        """Return the inverse sine, in radians."""

    def asin_(self) -> Tensor:
        """Do the same as `asin`, in place."""

    def asinh(self) -> Tensor:
        """Return the inverse hyperbolic sine."""

    def asinh_(self) -> Tensor:
        """Do the same as `asinh`, in place."""

    def astype(self, dtype: Any, /, *, copy: builtins.bool = True, device: Any = None) -> Tensor:
        """Return the tensor in another dtype; differentiable between floating-point dtypes."""

    def atan(self) -> Tensor:
        """Return the inverse tangent, in radians."""

    def atan2(self, other: Tensor | complex) -> Tensor:
        """Return the angle of the point ``(x2, x1)``, in radians."""

    def atan2_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `atan2`, in place."""

    def atan_(self) -> Tensor:
        """Do the same as `atan`, in place."""

    def atanh(self) -> Tensor:
        """Return the inverse hyperbolic tangent."""

    def atanh_(self) -> Tensor:
        """Do the same as `atanh`, in place."""

    def baddbmm(self, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
        """Return ``beta * x + alpha * (x1 @ x2)`` of two batches of matrices."""

    def baddbmm_(self, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
        """Do the same as `baddbmm`, in place."""

    def bernoulli(self, p: builtins.float | None = None, *, generator: Generator | None = None) -> Tensor:
        """Return ones and zeros in the shape, dtype and device of `input`."""

    def bernoulli_(self, p: Tensor | builtins.float = 0.5, *, generator: Generator | None = None) -> Tensor:
        """Fill a tensor with ones, each with probability `p` (a number, or a tensor that broadcasts), and zeros."""

    def bfloat16(self) -> Tensor:
        """The method of `a cast to bfloat16`."""

    def bincount(self, weights: Tensor | None = None, minlength: builtins.int = 0) -> Tensor:
        """Return how often each of the numbers 0, 1, 2, … stands in a vector, or the sums of their weights."""

    def bitwise_and(self, other: Tensor | complex) -> Tensor:
        """Return the bitwise and."""

    def bitwise_and_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `bitwise_and`, in place."""

    def bitwise_left_shift(self, other: Tensor | complex) -> Tensor:
        """Shift bits to the left."""

    def bitwise_left_shift_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `bitwise_left_shift`, in place."""

    def bitwise_not(self) -> Tensor:
        """Return the bitwise complement."""

    def bitwise_not_(self) -> Tensor:
        """Do the same as `bitwise_not`, in place."""

    def bitwise_or(self, other: Tensor | complex) -> Tensor:
        """Return the bitwise or."""

    def bitwise_or_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `bitwise_or`, in place."""

    def bitwise_right_shift(self, other: Tensor | complex) -> Tensor:
        """Shift bits to the right."""

    def bitwise_right_shift_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `bitwise_right_shift`, in place."""

    def bitwise_xor(self, other: Tensor | complex) -> Tensor:
        """Return the bitwise exclusive or."""

    def bitwise_xor_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `bitwise_xor`, in place."""

    def bmm(self, mat2: Tensor) -> Tensor:
        """Return the products of two batches of matrices."""

    def bool(self) -> Tensor:
        """The method of `a cast to bool`."""

    def broadcast_to(self, size: builtins.int | tuple[builtins.int, ...]) -> Tensor:
        """Return the tensor broadcast to a shape."""

    def byte(self) -> Tensor:
        """The method of `a cast to uint8`."""

    def cauchy_(
        self, median: builtins.float = 0.0, sigma: builtins.float = 1.0, *, generator: Generator | None = None
    ) -> Tensor:
        """Fill a tensor with draws from the Cauchy distribution; returns it."""

    def cdouble(self) -> Tensor:
        """The method of `a cast to complex128`."""

    def ceil(self) -> Tensor:
        """Round towards plus infinity; the gradient is zero."""

    def ceil_(self) -> Tensor:
        """Do the same as `ceil`, in place."""

    def cfloat(self) -> Tensor:
        """The method of `a cast to complex64`."""

    def char(self) -> Tensor:
        """The method of `a cast to int8`."""

    def cholesky(self, /, upper: builtins.bool = False) -> Tensor:
        """Return Cholesky's factors: `linalg.cholesky`."""

    def cholesky_inverse(self, /, upper: builtins.bool = False) -> Tensor:
        """Return the inverses of matrices that have been factored by `linalg.cholesky`."""

    def cholesky_solve(self, input2: Tensor, upper: builtins.bool = False) -> Tensor:
        """Solve systems of linear equations whose matrices have been factored by `linalg.cholesky`."""

    def chunk(
        self, chunks: builtins.int, axis: builtins.int = 0, *, dim: builtins.int | None = None
    ) -> tuple[Tensor, ...]:
        """Return equal pieces along an axis."""

    def clamp(self, min: Any = None, max: Any = None) -> Tensor:
        """Limit the values to an interval (PyTorch's name for `clip`)."""

    def clamp_(self, min: Any = None, max: Any = None) -> Tensor:
        """Limit the values to an interval in place."""

    def clamp_max(self, max: Any) -> Tensor:
        """Return the smaller of the values and a bound; the gradient passes at the bound."""

    def clamp_max_(self, max: Any) -> Tensor:
        """Do the same as `clamp_max`, in place."""

    def clamp_min(self, min: Any) -> Tensor:
        """Return the larger of the values and a bound; the gradient passes at the bound."""

    def clamp_min_(self, min: Any) -> Tensor:
        """Do the same as `clamp_min`, in place."""

    def clip(self, /, min: Any = None, max: Any = None) -> Tensor:
        """Limit the values to the interval from `min` to `max`."""

    def clip_(self, /, min: Any = None, max: Any = None) -> Tensor:
        """Do the same as `clip`, in place."""

    def clone(self) -> Tensor:
        """Return a copy, recorded."""

    def conj(self) -> Tensor:
        """Return the complex conjugate."""

    def conj_physical(self) -> Tensor:
        """Return the complex conjugate (PyTorch's name for `conj` without a lazy bit)."""

    def conj_physical_(self) -> Tensor:
        """Do the same as `conj_physical`, in place."""

    def const_data_ptr(self) -> builtins.int:
        """Return what `data_ptr` returns."""

    def contiguous(self) -> Tensor:
        """Return the tensor itself: memory order is the backend's business."""

    def copy_(self, src: Tensor, non_blocking: builtins.bool = False) -> Tensor:
        """Take another tensor's values, in the own dtype and on the own device; they broadcast."""

    def copysign(self, other: Tensor | complex) -> Tensor:
        """Return the magnitude of ``x1`` with the sign of ``x2``."""

    def copysign_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `copysign`, in place."""

    def corrcoef(self) -> Tensor:
        """Return the correlation coefficients of variables, of which each row holds the observations (see `cov`)."""

    def cos(self) -> Tensor:
        """Return the cosine of ``x`` in radians."""

    def cos_(self) -> Tensor:
        """Do the same as `cos`, in place."""

    def cosh(self) -> Tensor:
        """Return the hyperbolic cosine."""

    def cosh_(self) -> Tensor:
        """Do the same as `cosh`, in place."""

    def count_nonzero(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        dim: Any = None,
        keepdim: builtins.bool = False,
        out: None = None,
    ) -> Tensor:
        """The method of `count_nonzero`."""

    def cov(
        self, *, correction: builtins.float = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
    ) -> Tensor:
        """Return the covariances of variables, of which each row holds the observations."""

    def cpu(self) -> Tensor:
        """Return the tensor on the host's device."""

    def cross(self, other: Tensor, axis: builtins.int | None = None, *, dim: builtins.int | None = None) -> Tensor:
        """Return the cross products of vectors of three elements along an axis."""

    def cuda(self, device: Any = None, non_blocking: builtins.bool = False) -> Tensor:
        """Return the tensor on a CUDA device."""

    def cummax(self, axis: builtins.int | None = None, *, dim: builtins.int | None = None) -> ValuesAndIndices:
        """Return the largest value so far along an axis, and its index (of equal ones the last)."""

    def cummin(self, axis: builtins.int | None = None, *, dim: builtins.int | None = None) -> ValuesAndIndices:
        """Return the smallest value so far along an axis, and its index (of equal ones the last); NaN stays."""

    def cumprod(self, axis: Any = None, *, dtype: Any = None, dim: Any = None) -> Any:
        """The method of `cumulative_prod`."""

    def cumprod_(self, axis: Any = None, *, dtype: Any = None, dim: Any = None) -> Any:
        """Do the same as `cumprod`, in place."""

    def cumsum(self, axis: Any = None, *, dtype: Any = None, dim: Any = None) -> Any:
        """The method of `cumulative_sum`."""

    def cumsum_(self, axis: Any = None, *, dtype: Any = None, dim: Any = None) -> Any:
        """Do the same as `cumsum`, in place."""

    def data_ptr(self) -> builtins.int:
        """Return the address of the first element, which holds until the tensor is next written."""

    def deg2rad(self) -> Tensor:
        """Return angles in radians, of degrees."""

    def deg2rad_(self) -> Tensor:
        """Do the same as `deg2rad`, in place."""

    def det(self) -> Tensor:
        """Return the determinants of square matrices (..., M, M): `linalg.det`."""

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

    def diagonal_scatter(
        self,
        src: Tensor,
        offset: builtins.int = 0,
        axis1: builtins.int = 0,
        axis2: builtins.int = 1,
        *,
        dim1: builtins.int | None = None,
        dim2: builtins.int | None = None,
    ) -> Tensor:
        """Return `x` with `src` in place of its diagonals (see `diagonal`)."""

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

    def digamma_(self) -> Tensor:
        """Do the same as `digamma`, in place."""

    def dim(self) -> builtins.int:
        """Return the number of axes."""

    def dist(self, other: Tensor, p: builtins.float = 2) -> Tensor:
        """Return the p-norm of the difference of all elements; the shapes broadcast."""

    def div(self, other: Any, *, rounding_mode: str | None = None) -> Tensor:
        """Return the quotient, rounded down ("floor") or towards zero ("trunc") if asked for."""

    def div_(self, other: Any, *, rounding_mode: str | None = None) -> Tensor:
        """Divide in place, rounding down ("floor") or towards zero ("trunc") if asked for."""

    def divide(self, other: Any, *, rounding_mode: str | None = None) -> Tensor:
        """Return the quotient, rounded down ("floor") or towards zero ("trunc") if asked for."""

    def divide_(self, other: Any, *, rounding_mode: str | None = None) -> Tensor:
        """Divide in place, rounding down ("floor") or towards zero ("trunc") if asked for."""

    def dot(self, tensor: Tensor) -> Tensor:
        """Return the sum of products of two vectors, without conjugation."""

    def double(self) -> Tensor:
        """The method of `a cast to float64`."""

    def dsplit(self, indices_or_sections: Any) -> tuple[Tensor, ...]:
        """Return pieces along the third axis: equal ones, or those between places."""

    def element_size(self) -> builtins.int:
        """Return the bytes of an element."""

    def eq(self, other: Tensor | complex) -> Tensor:
        """Say where the operands are equal."""

    def eq_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `eq`, in place."""

    def equal(self, other: Tensor | complex) -> Tensor:
        """Say where the operands are equal."""

    def erf(self) -> Tensor:
        """Return the error function, ``2/sqrt(pi)`` times the integral of ``exp(-t*t)`` from 0 to ``x``."""

    def erf_(self) -> Tensor:
        """Do the same as `erf`, in place."""

    def erfc(self) -> Tensor:
        """Return the complementary error function, ``1 - erf(x)``."""

    def erfc_(self) -> Tensor:
        """Do the same as `erfc`, in place."""

    def erfinv(self) -> Tensor:
        """Return the inverse of the error function."""

    def erfinv_(self) -> Tensor:
        """Do the same as `erfinv`, in place."""

    def exp(self) -> Tensor:
        """Return e to the power ``x``."""

    def exp2(self) -> Tensor:
        """Return 2 to the power ``x``."""

    def exp2_(self) -> Tensor:
        """Do the same as `exp2`, in place."""

    def exp_(self) -> Tensor:
        """Do the same as `exp`, in place."""

    def expand(self, *sizes: Any) -> Tensor:
        """Return the tensor broadcast to sizes; -1 keeps an axis's size."""

    def expand_as(self, other: Tensor) -> Tensor:
        """Return the tensor broadcast to another's shape."""

    def expand_dims(self, /, axis: builtins.int = 0) -> Tensor:
        """Return the tensor with new axes of size one."""

    def expm1(self) -> Tensor:
        """Return ``exp(x) - 1``, exact near zero."""

    def expm1_(self) -> Tensor:
        """Do the same as `expm1`, in place."""

    def exponential_(self, lambd: builtins.float = 1.0, *, generator: Generator | None = None) -> Tensor:
        """Fill a tensor with draws from the exponential distribution of rate `lambd`, all above 0; returns it."""

    def fill_(self, value: Any) -> Tensor:
        """Fill with one value."""

    def fill_diagonal_(self, fill_value: Any, wrap: builtins.bool = False) -> Tensor:
        """Write one value on the main diagonal."""

    def fix(self) -> Tensor:
        """Round towards zero (PyTorch's name for `trunc`)."""

    def fix_(self) -> Tensor:
        """Do the same as `fix`, in place."""

    def flatten(self, start_dim: builtins.int = 0, end_dim: builtins.int = -1) -> Tensor:
        """Return the tensor with axes merged."""

    def flip(self, *axes: Any, axis: Any = None, dims: Any = None) -> Tensor:
        """Return the tensor with the order along axes reversed; no axis means all."""

    def fliplr(self) -> Tensor:
        """Return the tensor with the order along the second axis reversed."""

    def flipud(self) -> Tensor:
        """Return the tensor with the order along the first axis reversed."""

    def float(self) -> Tensor:
        """The method of `a cast to float32`."""

    def float_power(self, exponent: Any) -> Tensor:
        """Return ``x1`` to the power ``x2`` in double precision, float64 or complex128, where the device has it."""

    def float_power_(self, exponent: Any) -> Tensor:
        """Do the same as `float_power`, in place."""

    def floor(self) -> Tensor:
        """Round towards minus infinity; the gradient is zero."""

    def floor_(self) -> Tensor:
        """Do the same as `floor`, in place."""

    def floor_divide(self, other: Tensor | complex) -> Tensor:
        """Return ``floor(x1 / x2)``; its gradient is zero."""

    def floor_divide_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `floor_divide`, in place."""

    def fmax(self, other: Any) -> Tensor:
        """Return the larger operand, elementwise; a number wins against NaN."""

    def fmin(self, other: Any) -> Tensor:
        """Return the smaller operand, elementwise; a number wins against NaN."""

    def fmod(self, other: Tensor | complex) -> Tensor:
        """Return the remainder of the quotient rounded towards zero, with the dividend's sign."""

    def fmod_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `fmod`, in place."""

    def frac(self) -> Tensor:
        """Return what rounding towards zero takes away, with the sign of ``x``."""

    def frac_(self) -> Tensor:
        """Do the same as `frac`, in place."""

    def frexp(self) -> MantissaAndExponent:
        """Return mantissas in [1/2, 1) and int32 exponents with ``x == mantissa * 2**exponent``."""

    def gather(self, dim: builtins.int, index: Tensor, *, sparse_grad: builtins.bool = False) -> Tensor:
        """Return elements along an axis that `index` names."""

    def gcd(self, other: Tensor | complex) -> Tensor:
        """Return the greatest common divisor, not negative; that of zeros is zero."""

    def gcd_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `gcd`, in place."""

    def ge(self, other: Tensor | complex) -> Tensor:
        """Say where ``x1 >= x2``."""

    def ge_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `ge`, in place."""

    def geometric_(self, p: builtins.float, *, generator: Generator | None = None) -> Tensor:
        """Fill a tensor with how many trials it took, each with probability `p`, until one succeeds; returns it."""

    def geqrf(self) -> GeqrfResult:
        """Factor matrices as `qr`, by reflections packed as LAPACK packs them."""

    def ger(self, vec2: Tensor) -> Tensor:
        """Return the matrix of products of two vectors."""

    def get_device(self) -> builtins.int:
        """Return the index of the tensor's device; -1 on the host."""

    def greater(self, other: Tensor | complex) -> Tensor:
        """Say where ``x1 > x2``."""

    def greater_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `greater`, in place."""

    def greater_equal(self, other: Tensor | complex) -> Tensor:
        """Say where ``x1 >= x2``."""

    def greater_equal_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `greater_equal`, in place."""

    def gt(self, other: Tensor | complex) -> Tensor:
        """Say where ``x1 > x2``."""

    def gt_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `gt`, in place."""

    def half(self) -> Tensor:
        """The method of `a cast to float16`."""

    def hardshrink(self, lambd: builtins.float = 0.5) -> Tensor:
        """Return the tensor with zeros where the absolute value is at most `lambd`."""

    def heaviside(self, values: Tensor) -> Tensor:
        """Return 0 below zero, 1 above it, and `values` at it; NaN counts as below, as in PyTorch."""

    def heaviside_(self, values: Tensor) -> Tensor:
        """Do the same as `heaviside`, in place."""

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

    def hsplit(self, indices_or_sections: Any) -> tuple[Tensor, ...]:
        """Return pieces along the second axis, of a vector along its only one: equal ones, or those between places."""

    def hypot(self, other: Tensor | complex) -> Tensor:
        """Return ``sqrt(x1**2 + x2**2)`` without overflow."""

    def hypot_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `hypot`, in place."""

    def i0(self) -> Tensor:
        """Return the modified Bessel function of the first kind, of order 0."""

    def i0_(self) -> Tensor:
        """Do the same as `i0`, in place."""

    def igamma(self, other: Tensor | complex) -> Tensor:
        """Return the regularized lower incomplete gamma function P(x1, x2)."""

    def igamma_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `igamma`, in place."""

    def igammac(self, other: Tensor | complex) -> Tensor:
        """Return the regularized upper incomplete gamma function, Q(x1, x2) = 1 - P(x1, x2)."""

    def igammac_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `igammac`, in place."""

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

    def inner(self, other: Tensor) -> Tensor:
        """Return the sums of products over the last axes, without conjugation; a number multiplies."""

    def int(self) -> Tensor:
        """The method of `a cast to int32`."""

    def inverse(self) -> Tensor:
        """Return the inverses of square matrices: `linalg.inv`."""

    def is_complex(self) -> builtins.bool:
        """Say whether the dtype is complex."""

    def is_conj(self) -> builtins.bool:
        """Return False: a conjugate is computed at once."""

    def is_contiguous(self) -> builtins.bool:
        """Return True: memory order is the backend's business."""

    @property
    def is_cpu(self) -> builtins.bool: ...

    @property
    def is_cuda(self) -> builtins.bool: ...

    def is_floating_point(self) -> builtins.bool:
        """Say whether the dtype is a real floating-point one."""

    @property
    def is_ipu(self) -> builtins.bool: ...

    @property
    def is_maia(self) -> builtins.bool: ...

    @property
    def is_meta(self) -> builtins.bool: ...

    @property
    def is_mkldnn(self) -> builtins.bool: ...

    @property
    def is_mps(self) -> builtins.bool: ...

    @property
    def is_mtia(self) -> builtins.bool: ...

    def is_neg(self) -> builtins.bool:
        """Return False: a negative is computed at once."""

    @property
    def is_nested(self) -> builtins.bool: ...

    def is_nonzero(self) -> builtins.bool:
        """Say whether the one element of a tensor is not zero."""

    def is_pinned(self, device: Any = None) -> builtins.bool:
        """Say whether the tensor lies in pinned memory of the host, from which a device copies by itself."""

    @property
    def is_quantized(self) -> builtins.bool: ...

    def is_same_size(self, other: Tensor) -> builtins.bool:
        """Say whether two tensors have the same shape."""

    def is_signed(self) -> builtins.bool:
        """Say whether the dtype has negative numbers."""

    @property
    def is_sparse(self) -> builtins.bool: ...

    @property
    def is_sparse_csr(self) -> builtins.bool: ...

    @property
    def is_vulkan(self) -> builtins.bool: ...

    @property
    def is_xla(self) -> builtins.bool: ...

    @property
    def is_xpu(self) -> builtins.bool: ...

    def isclose(
        self, other: Any, rtol: builtins.float = 1e-05, atol: builtins.float = 1e-08, equal_nan: builtins.bool = False
    ) -> Tensor:
        """Say where ``|x1 - x2| <= atol + rtol * |x2|``; infinities are close to themselves."""

    def isfinite(self) -> Tensor:
        """Say where values are finite."""

    def isinf(self) -> Tensor:
        """Say where values are infinite."""

    def isnan(self) -> Tensor:
        """Say where values are NaN."""

    def isneginf(self) -> Tensor:
        """Say where values are minus infinity, in real dtypes."""

    def isposinf(self) -> Tensor:
        """Say where values are plus infinity, in real dtypes."""

    def isreal(self) -> Tensor:
        """Say where values have no imaginary part; real dtypes have none anywhere."""

    def istft(
        self,
        n_fft: builtins.int,
        hop_length: builtins.int | None = None,
        win_length: builtins.int | None = None,
        window: Tensor | None = None,
        center: builtins.bool = True,
        normalized: builtins.bool = False,
        onesided: builtins.bool | None = None,
        length: builtins.int | None = None,
        return_complex: builtins.bool = False,
    ) -> Tensor:
        """Return the signals whose short-time Fourier transforms are nearest to `input` by least squares."""

    def kron(self, other: Tensor) -> Tensor:
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

    def lcm(self, other: Any) -> Tensor:
        """Return the least common multiple, not negative; with zero it is zero."""

    def lcm_(self, other: Any) -> Tensor:
        """Do the same as `lcm`, in place."""

    def ldexp(self, other: Tensor | builtins.float) -> Tensor:
        """Return ``x * 2**other``, exactly wherever the result can be held."""

    def ldexp_(self, other: Tensor | builtins.float) -> Tensor:
        """Do the same as `ldexp`, in place."""

    def le(self, other: Tensor | complex) -> Tensor:
        """Say where ``x1 <= x2``."""

    def le_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `le`, in place."""

    def lerp(self, end: Tensor, weight: Tensor | builtins.float) -> Tensor:
        """Return ``input + weight * (end - input)``: the way from one tensor to another."""

    def lerp_(self, end: Tensor, weight: Tensor | builtins.float) -> Tensor:
        """Do the same as `lerp`, in place."""

    def less(self, other: Tensor | complex) -> Tensor:
        """Say where ``x1 < x2``."""

    def less_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `less`, in place."""

    def less_equal(self, other: Tensor | complex) -> Tensor:
        """Say where ``x1 <= x2``."""

    def less_equal_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `less_equal`, in place."""

    def lgamma(self) -> Tensor:
        """Return the logarithm of the absolute value of the gamma function."""

    def lgamma_(self) -> Tensor:
        """Do the same as `lgamma`, in place."""

    def log(self) -> Tensor:
        """Return the natural logarithm."""

    def log10(self) -> Tensor:
        """Return the logarithm to base 10."""

    def log10_(self) -> Tensor:
        """Do the same as `log10`, in place."""

    def log1p(self) -> Tensor:
        """Return ``log(1 + x)``, exact near zero."""

    def log1p_(self) -> Tensor:
        """Do the same as `log1p`, in place."""

    def log2(self) -> Tensor:
        """Return the logarithm to base 2."""

    def log2_(self) -> Tensor:
        """Do the same as `log2`, in place."""

    def log_(self) -> Tensor:
        """Do the same as `log`, in place."""

    def log_normal_(
        self, mean: builtins.float = 1.0, std: builtins.float = 2.0, *, generator: Generator | None = None
    ) -> Tensor:
        """Fill a tensor with exponentials of normal draws, whose mean and deviation are given; returns it."""

    def log_softmax(self, axis: Any = None, *, dtype: Any = None, dim: Any = None) -> Tensor:
        """Return the logarithm of `softmax` along an axis, by default the last, in another dtype if one is given."""

    def logaddexp(self, other: Tensor | complex) -> Tensor:
        """Return ``log(exp(x1) + exp(x2))`` without overflow."""

    def logaddexp2(self, other: Tensor | builtins.float) -> Tensor:
        """Return ``log2(2**x1 + 2**x2)`` without overflow."""

    def logcumsumexp(self, axis: builtins.int | None = None, *, dim: builtins.int | None = None) -> Tensor:
        """Return the logarithm of the running sum of exponentials along an axis, without overflow."""

    def logdet(self) -> Tensor: ...

    def logical_and(self, other: Tensor | complex) -> Tensor:
        """Return the logical and; a number is true if it is not zero."""

    def logical_and_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `logical_and`, in place."""

    def logical_not(self) -> Tensor:
        """Return the logical complement; a number is true if it is not zero."""

    def logical_not_(self) -> Tensor:
        """Do the same as `logical_not`, in place."""

    def logical_or(self, other: Tensor | complex) -> Tensor:
        """Return the logical or; a number is true if it is not zero."""

    def logical_or_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `logical_or`, in place."""

    def logical_xor(self, other: Tensor | complex) -> Tensor:
        """Return the logical exclusive or; a number is true if it is not zero."""

    def logical_xor_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `logical_xor`, in place."""

    def logit(self, eps: builtins.float | None = None) -> Tensor:
        """Return ``log(x / (1 - x))``, the inverse of `sigmoid`."""

    def logit_(self, eps: builtins.float | None = None) -> Tensor:
        """Do the same as `logit`, in place."""

    def logsumexp(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        dim: Any = None,
        keepdim: builtins.bool = False,
        out: None = None,
    ) -> Tensor:
        """The method of `logsumexp`."""

    def long(self) -> Tensor:
        """The method of `a cast to int64`."""

    def lt(self, other: Tensor | complex) -> Tensor:
        """Say where ``x1 < x2``."""

    def lt_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `lt`, in place."""

    def lu(self, /, pivot: builtins.bool = True, get_infos: builtins.bool = False) -> Any:
        """Factor matrices as `linalg.lu_factor`; with `get_infos` as `linalg.lu_factor_ex`."""

    def lu_solve(self, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
        """Solve systems by the factors of `lu`: `linalg.lu_solve` with the right sides first."""

    @property
    def mH(self) -> Tensor: ...

    @property
    def mT(self) -> Tensor: ...

    def map2_(self, x: Tensor, y: Tensor, callable: Callable[[Any, Any, Any], Any]) -> Tensor: ...

    def map_(self, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor: ...

    def masked_fill(self, mask: Tensor, value: Any) -> Tensor:
        """Return `x` with `value` where `mask` is true; the mask broadcasts."""

    def masked_fill_(self, mask: Tensor, value: Any) -> Tensor:
        """Write a value where the mask is true."""

    def masked_scatter(self, mask: Tensor, source: Tensor) -> Tensor:
        """Return the tensor with the first elements of `source`, in order, where the mask is true."""

    def masked_scatter_(self, mask: Tensor, source: Tensor) -> Tensor:
        """Do the same as `masked_scatter`, in place."""

    def masked_select(self, mask: Tensor) -> Tensor:
        """Return the elements of `x` where `mask` is true, in one axis."""

    def matmul(self, other: Tensor) -> Tensor:
        """Return the matrix product; leading axes broadcast."""

    def matrix_exp(self) -> Tensor:
        """Return the exponentials of square matrices: `linalg.matrix_exp`."""

    def matrix_power(self, n: builtins.int) -> Tensor: ...

    def max(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        other: Any = None,
        dim: Any = None,
        keepdim: builtins.bool = False,
        out: None = None,
    ) -> Tensor:
        """The method of `max`."""

    def maximum(self, other: Tensor | complex) -> Tensor:
        """Return the larger operand, elementwise; NaN wins."""

    def mean(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        dtype: Any = None,
        dim: Any = None,
        keepdim: builtins.bool = False,
        out: None = None,
    ) -> Tensor:
        """Return the mean over axes, computed in another dtype if one is given."""

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
        other: Any = None,
        dim: Any = None,
        keepdim: builtins.bool = False,
        out: None = None,
    ) -> Tensor:
        """The method of `min`."""

    def minimum(self, other: Tensor | complex) -> Tensor:
        """Return the smaller operand, elementwise; NaN wins."""

    def mm(self, mat2: Tensor) -> Tensor:
        """Return the product of two matrices."""

    def mode(
        self,
        axis: builtins.int | None = None,
        keepdims: builtins.bool = False,
        *,
        dim: builtins.int | None = None,
        keepdim: builtins.bool = False,
    ) -> ValuesAndIndices:
        """Return the commonest value along an axis, the smallest of equally common ones, and its last index."""

    def moveaxis(self, source: Any, destination: Any) -> Tensor:
        """Return the tensor with axes moved to other positions."""

    def movedim(self, source: Any, destination: Any) -> Tensor:
        """Return `x` with axes moved (PyTorch's name for `moveaxis`)."""

    def msort(self) -> Tensor:
        """Return the values in order along the first axis."""

    def mul(self, other: Tensor | complex) -> Tensor:
        """Return the product ``x1 * x2``; of booleans, the logical and."""

    def mul_(self, other: Tensor | complex) -> Tensor:
        """Compute `multiply` in place."""

    def multinomial(
        self, num_samples: builtins.int, replacement: builtins.bool = False, *, generator: Generator | None = None
    ) -> Tensor:
        """Return indices drawn in proportion to weights."""

    def multiply(self, other: Tensor | complex) -> Tensor:
        """Return the product ``x1 * x2``; of booleans, the logical and."""

    def multiply_(self, other: Tensor | complex) -> Tensor:
        """Compute `multiply` in place."""

    def mv(self, vec: Tensor) -> Tensor:
        """Return the product of a matrix and a vector."""

    def mvlgamma(self, p: builtins.int) -> Tensor:
        """Return the logarithm of the multivariate gamma function of dimension `p` (DLMF 35.3.4)."""

    def mvlgamma_(self, p: builtins.int) -> Tensor:
        """Do the same as `mvlgamma`, in place."""

    def nan_to_num(
        self,
        /,
        nan: builtins.float | None = None,
        posinf: builtins.float | None = None,
        neginf: builtins.float | None = None,
    ) -> Tensor:
        """Replace NaN and infinities by numbers; they have no gradient."""

    def nan_to_num_(
        self,
        /,
        nan: builtins.float | None = None,
        posinf: builtins.float | None = None,
        neginf: builtins.float | None = None,
    ) -> Tensor:
        """Do the same as `nan_to_num`, in place."""

    def nanmean(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        dtype: Any = None,
        dim: Any = None,
        keepdim: builtins.bool = False,
    ) -> Tensor:
        """Return the mean over axes of what is no NaN, computed in another dtype if one is given."""

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

    def narrow(self, dim: builtins.int, start: Any, length: builtins.int) -> Tensor:
        """Return `length` slices along an axis, from `start` on."""

    def narrow_copy(
        self,
        axis: builtins.int | None = None,
        start: builtins.int | Tensor | None = None,
        length: builtins.int | None = None,
        *,
        dim: builtins.int | None = None,
    ) -> Tensor:
        """Return `length` slices along an axis from `start` on."""

    def ndimension(self) -> builtins.int:
        """Return the number of axes."""

    def ne(self, other: Tensor | complex) -> Tensor:
        """Say where the operands differ."""

    def ne_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `ne`, in place."""

    def neg(self) -> Tensor:
        """Return ``-x``."""

    def neg_(self) -> Tensor:
        """Do the same as `neg`, in place."""

    def negative(self) -> Tensor:
        """Return ``-x``."""

    def negative_(self) -> Tensor:
        """Do the same as `negative`, in place."""

    def nelement(self) -> builtins.int:
        """Return the number of elements (PyTorch's name for `x.size`)."""

    def new_empty(self, *sizes: Any, size: Any = None, dtype: Any = None, device: Any = None) -> Tensor:
        """Return arbitrary values on the same device and in the same dtype."""

    def new_full(self, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
        """Return one value on the same device and in the same dtype."""

    def new_ones(self, *sizes: Any, size: Any = None, dtype: Any = None, device: Any = None) -> Tensor:
        """Return ones on the same device and in the same dtype."""

    def new_tensor(self, data: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
        """Return a tensor of the data on the same device and in the same dtype."""

    def new_zeros(self, *sizes: Any, size: Any = None, dtype: Any = None, device: Any = None) -> Tensor:
        """Return zeros on the same device and in the same dtype."""

    def nextafter(self, other: Tensor | complex) -> Tensor:
        """Return the next representable value after ``x1`` towards ``x2``; its gradient is that of ``x1``."""

    def nextafter_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `nextafter`, in place."""

    def nonzero(self, /, *, as_tuple: builtins.bool = True) -> Any:
        """Return one index tensor per axis of the elements that are not zero."""

    def nonzero_static(self, *, size: builtins.int, fill_value: builtins.int = -1) -> Tensor:
        """Return the positions of the first `size` elements that are not zero, one in a row, as in PyTorch."""

    def norm(
        self,
        p: Any = 2.0,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        dtype: Any = None,
        dim: Any = None,
        keepdim: builtins.bool = False,
    ) -> Tensor:
        """Return the vector norm over axes of the order `p`; "fro" is the second, "nuc" the sum of singular values."""

    def normal_(
        self, mean: builtins.float = 0.0, std: builtins.float = 1.0, *, generator: Generator | None = None
    ) -> Tensor:
        """Fill a tensor with normal draws, a complex one with half the variance in each part; returns it."""

    def not_equal(self, other: Tensor | complex) -> Tensor:
        """Say where the operands differ."""

    def not_equal_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `not_equal`, in place."""

    def numel(self) -> builtins.int:
        """Return the number of elements."""

    def orgqr(self, input2: Tensor) -> Tensor:
        """Return products of reflections: `linalg.householder_product`."""

    def ormqr(
        self, input2: Tensor, input3: Tensor, left: builtins.bool = True, transpose: builtins.bool = False
    ) -> Tensor:
        """Return the product of matrices with the whole product Q of reflections."""

    def outer(self, vec2: Tensor) -> Tensor:
        """Return the matrix of products of two vectors."""

    def permute(self, *axes: Any, dims: Any = None) -> Tensor:
        """Return the tensor with its axes in another order."""

    def permute_dims(self, /, axes: Any) -> Tensor:
        """Return the tensor with its axes in another order."""

    def pin_memory(self, device: Any = None) -> Tensor:
        """Return the tensor in pinned memory of the host, so that ``x.to(device, non_blocking=True)`` need not wait."""

    def pinverse(self, /, rcond: builtins.float = 1e-15) -> Tensor:
        """Return pseudo-inverses: `linalg.pinv` with ``rtol=rcond``."""

    def polygamma(self, n: builtins.int) -> Tensor:
        """Return the n-th derivative of `digamma`."""

    def polygamma_(self, n: builtins.int) -> Tensor:
        """Do the same as `polygamma`, in place."""

    def positive(self) -> Tensor:
        """Return ``+x``, a new tensor of the same values."""

    def pow(self, exponent: Any) -> Tensor:
        """Return the elements to the power `exponent`."""

    def pow_(self, exponent: Any) -> Tensor:
        """Raise the elements to the power `exponent` in place."""

    def prelu(self, weight: Tensor) -> Tensor:
        """Return the tensor with negative elements times `weight`, one or one for each channel (the second axis)."""

    def prod(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        dtype: Any = None,
        dim: Any = None,
        keepdim: builtins.bool = False,
        out: None = None,
    ) -> Tensor:
        """The method of `prod`."""

    def put(self, index: Tensor, source: Tensor, accumulate: builtins.bool = False) -> Tensor:
        """Return the tensor with elements written, or added, at places of the flattened tensor."""

    def put_(self, index: Tensor, source: Tensor, accumulate: builtins.bool = False) -> Tensor:
        """Do the same as `put`, in place."""

    def qr(self, /, some: builtins.bool = True) -> Any:
        """Factor matrices into Q and R: `linalg.qr`, whose mode is "reduced" for `some` and else "complete"."""

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

    def rad2deg(self) -> Tensor:
        """Return angles in degrees, of radians."""

    def rad2deg_(self) -> Tensor:
        """Do the same as `rad2deg`, in place."""

    def random_(self, low: Any = None, high: Any = None, *, generator: Generator | None = None) -> Tensor:
        """Fill a tensor with integers from [low, high); returns it."""

    def ravel(self) -> Tensor:
        """Return the elements in one axis, in row-major order."""

    @property
    def real(self) -> Tensor: ...

    def reciprocal(self) -> Tensor:
        """Return ``1 / x``."""

    def reciprocal_(self) -> Tensor:
        """Do the same as `reciprocal`, in place."""

    def record_stream(self, stream: Any) -> None:
        """Tell that a stream uses this tensor, which is not the one on which it was made."""

    def relu(self) -> Tensor:
        """Return ``max(x, 0)``; the gradient at 0 is 0."""

    def relu_(self) -> Tensor:
        """Do the same as `relu`, in place."""

    def remainder(self, other: Tensor | complex) -> Tensor:
        """Return the remainder of ``floor_divide``, with the divisor's sign."""

    def remainder_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `remainder`, in place."""

    def renorm(
        self,
        p: builtins.float,
        axis: builtins.int | None = None,
        maxnorm: builtins.float | None = None,
        *,
        dim: builtins.int | None = None,
    ) -> Tensor:
        """Return the tensor with every slice across an axis shortened to a largest p-norm; shorter ones stay."""

    def renorm_(
        self,
        p: builtins.float,
        axis: builtins.int | None = None,
        maxnorm: builtins.float | None = None,
        *,
        dim: builtins.int | None = None,
    ) -> Tensor:
        """Do the same as `renorm`, in place."""

    def repeat(self, *repeats: Any, axis: builtins.int | None = None, dim: builtins.int | None = None) -> Tensor:
        """Return the tensor with each element repeated; several counts, PyTorch's way to tile, are refused."""

    def repeat_interleave(
        self,
        repeats: Any = None,
        axis: builtins.int | None = None,
        *,
        dim: builtins.int | None = None,
        output_size: builtins.int | None = None,
    ) -> Tensor:
        """Return `x` with each element repeated (PyTorch's name for `repeat`)."""

    def reshape(self, *sizes: Any, shape: Any = None, copy: builtins.bool | None = None) -> Tensor:
        """Return the elements in another shape; ints or one tuple."""

    def reshape_as(self, other: Tensor) -> Tensor:
        """Return the elements in another tensor's shape."""

    def resolve_conj(self) -> Tensor:
        """Return the tensor itself: a conjugate is computed at once."""

    def resolve_neg(self) -> Tensor:
        """Return the tensor itself: a negative is computed at once."""

    def roll(self, shift: Any = None, axis: Any = None, *, shifts: Any = None, dims: Any = None) -> Tensor:
        """Return the tensor with elements shifted round along axes, flattened without one."""

    def rot90(
        self, k: builtins.int = 1, axes: Sequence[builtins.int] = (0, 1), *, dims: Sequence[builtins.int] | None = None
    ) -> Tensor:
        """Return the tensor turned by `k` quarters in the plane of two axes, from the first towards the second."""

    def round(self, *, decimals: builtins.int = 0) -> Tensor:
        """Return the elements rounded, ties to even, to so many places after the point, or before it where negative."""

    def round_(self, *, decimals: builtins.int = 0) -> Tensor:
        """Round the elements in place."""

    def rsqrt(self) -> Tensor:
        """Return ``1 / sqrt(x)``."""

    def rsqrt_(self) -> Tensor:
        """Do the same as `rsqrt`, in place."""

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

    def select(self, dim: builtins.int, index: builtins.int) -> Tensor:
        """Return the slice at `index` along an axis, without that axis."""

    def select_scatter(
        self,
        src: Tensor,
        axis: builtins.int | None = None,
        index: builtins.int | None = None,
        *,
        dim: builtins.int | None = None,
    ) -> Tensor:
        """Return `x` with `src` as its slice number `index` along an axis."""

    def sgn(self) -> Tensor:
        """Return the sign, of complex numbers ``x / abs(x)`` (PyTorch's name for `sign`)."""

    def sgn_(self) -> Tensor:
        """Do the same as `sgn`, in place."""

    def short(self) -> Tensor:
        """The method of `a cast to int16`."""

    def sigmoid(self) -> Tensor:
        """Return ``1 / (1 + exp(-x))``."""

    def sigmoid_(self) -> Tensor:
        """Do the same as `sigmoid`, in place."""

    def sign(self) -> Tensor:
        """Return the sign: -1, 0 or 1, and ``x / abs(x)`` for complex numbers."""

    def sign_(self) -> Tensor:
        """Do the same as `sign`, in place."""

    def signbit(self) -> Tensor:
        """Say where the sign bit is set; of integers, where they are negative."""

    def sin(self) -> Tensor:
        """Return the sine of ``x`` in radians."""

    def sin_(self) -> Tensor:
        """Do the same as `sin`, in place."""

    def sinc(self) -> Tensor:
        """Return ``sin(pi x) / (pi x)``, 1 at zero."""

    def sinc_(self) -> Tensor:
        """Do the same as `sinc`, in place."""

    def sinh(self) -> Tensor:
        """Return the hyperbolic sine."""

    def sinh_(self) -> Tensor:
        """Do the same as `sinh`, in place."""

    def slice_scatter(
        self,
        src: Tensor,
        axis: builtins.int | None = None,
        start: builtins.int | None = None,
        end: builtins.int | None = None,
        step: builtins.int = 1,
        *,
        dim: builtins.int | None = None,
    ) -> Tensor:
        """Return `x` with `src` in place of the slices ``start:end:step`` along an axis, by default the first."""

    def slogdet(self) -> Any:
        """Return the signs of determinants and the logarithms of their magnitudes: `linalg.slogdet`."""

    def softmax(self, axis: Any = None, *, dtype: Any = None, dim: Any = None) -> Tensor: ...

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

    def split_with_sizes(
        self, split_sizes: Sequence[builtins.int], axis: builtins.int | None = None, *, dim: builtins.int | None = None
    ) -> tuple[Tensor, ...]:
        """Return pieces of the given sizes along an axis, by default the first."""

    def sqrt(self) -> Tensor:
        """Return the square root."""

    def sqrt_(self) -> Tensor:
        """Do the same as `sqrt`, in place."""

    def square(self) -> Tensor:
        """Return ``x * x``."""

    def square_(self) -> Tensor:
        """Do the same as `square`, in place."""

    def squeeze(self, axis: Any = None, *, dim: Any = None) -> Tensor:
        """Return the tensor without axes of size one: those named, or all of them."""

    def squeeze_(self, axis: Any = None, *, dim: Any = None) -> Tensor:
        """Do the same as `squeeze`, in place."""

    def std(
        self,
        axis: Any = None,
        unbiased: builtins.bool | None = None,
        keepdims: builtins.bool = False,
        *,
        correction: builtins.float | None = None,
        dim: Any = None,
        keepdim: builtins.bool = False,
    ) -> Tensor:
        """Return the standard deviation over axes; the correction is 0 unless given, as in the standard."""

    def stft(
        self,
        n_fft: builtins.int,
        hop_length: builtins.int | None = None,
        win_length: builtins.int | None = None,
        window: Tensor | None = None,
        center: builtins.bool = True,
        pad_mode: str = 'reflect',
        normalized: builtins.bool = False,
        onesided: builtins.bool | None = None,
        return_complex: builtins.bool | None = None,
        align_to_window: builtins.bool | None = None,
    ) -> Tensor:
        """Return the Fourier transforms of the windows that slide over signals."""

    def sub(self, other: Any, *, alpha: builtins.float = 1) -> Tensor:
        """Return ``self - alpha * other``."""

    def sub_(self, other: Any, *, alpha: builtins.float = 1) -> Tensor:
        """Subtract in place."""

    def subtract(self, other: Any, *, alpha: builtins.float = 1) -> Tensor:
        """Return ``self - alpha * other``."""

    def subtract_(self, other: Any, *, alpha: builtins.float = 1) -> Tensor:
        """Subtract in place."""

    def sum(
        self,
        axis: Any = None,
        keepdims: builtins.bool = False,
        *,
        dtype: Any = None,
        dim: Any = None,
        keepdim: builtins.bool = False,
        out: None = None,
    ) -> Tensor:
        """The method of `sum`."""

    def sum_to_size(self, *size: Any) -> Tensor:
        """Return the sum over the axes along which `size` would broadcast to the tensor's shape."""

    def svd(self, /, some: builtins.bool = True, compute_uv: builtins.bool = True) -> SVDNamesResult:
        """Factor matrices into ``x = U @ diag(S) @ V^H``: `linalg.svd`, but for V in place of its adjoint."""

    def swapaxes(self, axis0: builtins.int, axis1: builtins.int) -> Tensor:
        """Return the tensor with two axes exchanged."""

    def swapaxes_(self, axis0: builtins.int, axis1: builtins.int) -> Tensor:
        """Do the same as `swapaxes`, in place."""

    def swapdims(self, dim0: builtins.int, dim1: builtins.int) -> Tensor:
        """Return the tensor with two axes exchanged."""

    def swapdims_(self, dim0: builtins.int, dim1: builtins.int) -> Tensor:
        """Do the same as `swapdims`, in place."""

    def t(self) -> Tensor:
        """Return the transpose of a matrix; a vector stays as it is."""

    def t_(self) -> Tensor:
        """Do the same as `t`, in place."""

    def take(self, index: Tensor, *, axis: builtins.int | tuple[builtins.int, ...] | None = None) -> Tensor:
        """Return the slices along an axis that integers name."""

    def take_along_dim(self, indices: Tensor, dim: builtins.int | None = None) -> Tensor:
        """Return elements along an axis that `indices` name, or of the flattened tensor."""

    def tan(self) -> Tensor:
        """Return the tangent of ``x`` in radians."""

    def tan_(self) -> Tensor:
        """Do the same as `tan`, in place."""

    def tanh(self) -> Tensor:
        """Return the hyperbolic tangent."""

    def tanh_(self) -> Tensor:
        """Do the same as `tanh`, in place."""

    def tensor_split(
        self,
        indices_or_sections: Any = None,
        axis: builtins.int | None = None,
        *,
        dim: builtins.int | None = None,
        indices: Any = None,
        sections: builtins.int | None = None,
    ) -> tuple[Tensor, ...]:
        """Return pieces along an axis: a number of nearly equal ones, or those between places."""

    def tensordot(
        self,
        other: Tensor,
        axes: builtins.int | tuple[Sequence[builtins.int], Sequence[builtins.int]] | None = None,
        *,
        dims: Any = None,
    ) -> Tensor:
        """Return the contraction of two tensors over pairs of axes."""

    def tile(self, *repetitions: Any, dims: Any = None) -> Tensor:
        """Return the tensor repeated whole along each axis."""

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        """Return the tensor on another device, in another dtype, or both."""

    def to_dense(self, dtype: Any = None, *, masked_grad: builtins.bool | None = None) -> Tensor:
        """Return the tensor, which is dense, in another dtype if one is given."""

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

    def trace(self) -> Tensor:
        """Return the sum along the diagonal of a matrix; `linalg.trace` takes those in the last two axes."""

    def transpose(self, dim0: builtins.int, dim1: builtins.int) -> Tensor:
        """Return the tensor with two axes exchanged."""

    def transpose_(self, dim0: builtins.int, dim1: builtins.int) -> Tensor:
        """Do the same as `transpose`, in place."""

    def triangular_solve(
        self,
        A: Tensor,
        upper: builtins.bool = True,
        transpose: builtins.bool = False,
        unitriangular: builtins.bool = False,
    ) -> TriangularSolveResult: ...

    def tril(self, k: builtins.int = 0, *, diagonal: builtins.int = 0) -> Tensor:
        """Return the lower triangle of the last two axes, zeros above the diagonal `k`."""

    def tril_(self, k: builtins.int = 0, *, diagonal: builtins.int = 0) -> Tensor:
        """Do the same as `tril`, in place."""

    def triu(self, k: builtins.int = 0, *, diagonal: builtins.int = 0) -> Tensor:
        """Return the upper triangle of the last two axes, zeros below the diagonal `k`."""

    def triu_(self, k: builtins.int = 0, *, diagonal: builtins.int = 0) -> Tensor:
        """Do the same as `triu`, in place."""

    def true_divide(self, other: Tensor | complex) -> Tensor:
        """Return the quotient ``x1 / x2``; integers become the default float dtype."""

    def true_divide_(self, other: Tensor | complex) -> Tensor:
        """Compute `divide` in place."""

    def trunc(self) -> Tensor:
        """Round towards zero; the gradient is zero."""

    def trunc_(self) -> Tensor:
        """Do the same as `trunc`, in place."""

    def type(self, dtype: Any = None, non_blocking: builtins.bool = False) -> Any:
        """Return the tensor in another dtype; without one, the name of its own."""

    def type_as(self, other: Tensor) -> Tensor:
        """Return the tensor in another's dtype."""

    def unbind(self, axis: builtins.int = 0, *, dim: builtins.int | None = None) -> tuple[Tensor, ...]:
        """Return the slices along an axis."""

    def unflatten(self, dim: builtins.int, sizes: Any) -> Tensor:
        """Return the tensor with one axis taken apart into several."""

    def unfold(
        self,
        axis: builtins.int | None = None,
        size: builtins.int | None = None,
        step: builtins.int | None = None,
        *,
        dimension: builtins.int | None = None,
    ) -> Tensor:
        """Return the windows along an axis, each in a last axis of its own."""

    def uniform_(
        self, low: builtins.float = 0.0, high: builtins.float = 1.0, *, generator: Generator | None = None
    ) -> Tensor:
        """Fill a tensor with uniform draws from [low, high); returns it."""

    def unique(
        self,
        sorted: builtins.bool = True,
        return_inverse: builtins.bool = False,
        return_counts: builtins.bool = False,
        axis: builtins.int | None = None,
        *,
        dim: builtins.int | None = None,
    ) -> Any:
        """Return the distinct values, or the distinct slices along an axis, in order."""

    def unique_consecutive(
        self,
        return_inverse: builtins.bool = False,
        return_counts: builtins.bool = False,
        axis: builtins.int | None = None,
        *,
        dim: builtins.int | None = None,
    ) -> Any:
        """Return the first of each run of equal elements, or of equal slices along an axis."""

    def unsafe_chunk(
        self, chunks: builtins.int, axis: builtins.int | None = None, *, dim: builtins.int | None = None
    ) -> tuple[Tensor, ...]:
        """Return what `chunk` returns: no write is unsafe here."""

    def unsafe_split(
        self, split_size: builtins.int, axis: builtins.int | None = None, *, dim: builtins.int | None = None
    ) -> tuple[Tensor, ...]:
        """Return what `split` returns: no write is unsafe here."""

    def unsafe_split_with_sizes(
        self, split_sizes: Sequence[builtins.int], axis: builtins.int | None = None, *, dim: builtins.int | None = None
    ) -> tuple[Tensor, ...]:
        """Return what `split_with_sizes` returns: no write is unsafe here."""

    def unsqueeze(self, axis: builtins.int | None = None, *, dim: builtins.int | None = None) -> Tensor:
        """Return the tensor with a new axis of size one."""

    def unsqueeze_(self, axis: builtins.int | None = None, *, dim: builtins.int | None = None) -> Tensor:
        """Do the same as `unsqueeze`, in place."""

    def var(
        self,
        axis: Any = None,
        unbiased: builtins.bool | None = None,
        keepdims: builtins.bool = False,
        *,
        correction: builtins.float | None = None,
        dim: Any = None,
        keepdim: builtins.bool = False,
    ) -> Tensor:
        """Return the variance over axes; the correction is 0 unless given, as in the standard."""

    def vdot(self, other: Tensor) -> Tensor:
        """Return the sum of products of two vectors, the first one conjugated."""

    def vecdot(self, other: Tensor, *, axis: builtins.int = -1) -> Tensor:
        """Return the sum of ``conj(x1) * x2`` along an axis."""

    def view(self, *shape: Any) -> Tensor:
        """Return the elements in another shape, or another dtype's cast is refused: use `reshape`, `to`."""

    def view_as(self, other: Tensor) -> Tensor:
        """Return the elements in another tensor's shape."""

    def vsplit(self, indices_or_sections: Any) -> tuple[Tensor, ...]:
        """Return pieces along the first of at least two axes: equal ones, or those between places."""

    def where(self, condition: Tensor, other: Any) -> Tensor:
        """Return the tensor's elements where the condition holds, those of `other` elsewhere."""

    def xlogy(self, other: Tensor | complex) -> Tensor:
        """Return ``x1 * log(x2)``, 0 where ``x1`` is 0."""

    def xlogy_(self, other: Tensor | complex) -> Tensor:
        """Do the same as `xlogy`, in place."""

    def zero_(self) -> Tensor:
        """Fill with zeros."""
