"""Every function of candelabra: rows of the table, and composites.

Written by docs/make_stubs.py; do not edit.
"""

import builtins
from collections.abc import Sequence
from typing import Any, NamedTuple

from .device import Device
from .dtypes import DType
from .primitives.row import Row
from .tensor import Tensor
from .functions.arrangement import (
    adjoint as adjoint,
    argwhere as argwhere,
    as_strided as as_strided,
    as_strided_scatter as as_strided_scatter,
    broadcast_tensors as broadcast_tensors,
    cartesian_prod as cartesian_prod,
    combinations as combinations,
    fliplr as fliplr,
    flipud as flipud,
    narrow_copy as narrow_copy,
    ravel as ravel,
    ravel_multi_index as ravel_multi_index,
    swapdims as swapdims,
    unfold as unfold,
    unfold_copy as unfold_copy,
    unravel_index as unravel_index,
)
from .functions.conversion import (
    as_tensor as as_tensor,
    asarray as asarray,
    from_dlpack as from_dlpack,
    from_numpy as from_numpy,
    tensor as tensor,
)
from .functions.counting import (
    bincount as bincount,
    bucketize as bucketize,
    histc as histc,
    histogram as histogram,
    nanmean as nanmean,
    nansum as nansum,
)
from .functions.creation import (
    arange as arange,
    clone as clone,
    empty_like as empty_like,
    eye as eye,
    full as full,
    full_like as full_like,
    linspace as linspace,
    meshgrid as meshgrid,
    ones_like as ones_like,
    tril_indices as tril_indices,
    triu_indices as triu_indices,
    zeros_like as zeros_like,
)
from .functions.data_types import (
    astype as astype,
    broadcast_shapes as broadcast_shapes,
    can_cast as can_cast,
    finfo as finfo,
    iinfo as iinfo,
    is_complex as is_complex,
    is_floating_point as is_floating_point,
    is_tensor as is_tensor,
    isdtype as isdtype,
    promote_types as promote_types,
    result_type as result_type,
    to_device as to_device,
)
from .functions.decompositions import (
    matrix_power as matrix_power,
)
from .functions.distance import (
    cdist as cdist,
    dist as dist,
    pdist as pdist,
)
from .functions.elementwise_names import (
    absolute as absolute,
    addcdiv as addcdiv,
    addcmul as addcmul,
    angle as angle,
    arccos as arccos,
    arccosh as arccosh,
    arcsin as arcsin,
    arcsinh as arcsinh,
    arctan as arctan,
    arctan2 as arctan2,
    arctanh as arctanh,
    bitwise_not as bitwise_not,
    clamp_max as clamp_max,
    clamp_min as clamp_min,
    conj_physical as conj_physical,
    deg2rad as deg2rad,
    fix as fix,
    float_power as float_power,
    fmax as fmax,
    fmin as fmin,
    frac as frac,
    frexp as frexp,
    heaviside as heaviside,
    is_nonzero as is_nonzero,
    isneginf as isneginf,
    isposinf as isposinf,
    isreal as isreal,
    lcm as lcm,
    ldexp as ldexp,
    lerp as lerp,
    logaddexp2 as logaddexp2,
    nan_to_num as nan_to_num,
    polar as polar,
    rad2deg as rad2deg,
    rsub as rsub,
    sgn as sgn,
    view_as_complex as view_as_complex,
    view_as_real as view_as_real,
)
from .functions.extra import (
    nunique as nunique,
    setdiff1d as setdiff1d,
    union1d as union1d,
)
from .functions.histograms import (
    histogram2d as histogram2d,
    histogramdd as histogramdd,
)
from .functions.indexing import (
    get_item as get_item,
    index_select as index_select,
    masked_fill as masked_fill,
    masked_select as masked_select,
    narrow as narrow,
    select as select,
    set_item as set_item,
    take_item as take_item,
)
from .functions.integrals import (
    convolve as convolve,
    cumulative_trapezoid as cumulative_trapezoid,
    gradient as gradient,
    interp as interp,
    trapezoid as trapezoid,
    trapz as trapz,
)
from .functions.joining import (
    atleast_2d as atleast_2d,
    atleast_3d as atleast_3d,
    column_stack as column_stack,
    concatenate as concatenate,
    dsplit as dsplit,
    dstack as dstack,
    hsplit as hsplit,
    row_stack as row_stack,
    tensor_split as tensor_split,
    vsplit as vsplit,
)
from .functions.linear_names import (
    cholesky as cholesky,
    cholesky_inverse as cholesky_inverse,
    cholesky_solve as cholesky_solve,
    det as det,
    frobenius_norm as frobenius_norm,
    inverse as inverse,
    logdet as logdet,
    lu as lu,
    lu_solve as lu_solve,
    lu_unpack as lu_unpack,
    matrix_exp as matrix_exp,
    norm_except_dim as norm_except_dim,
    nuclear_norm as nuclear_norm,
    orgqr as orgqr,
    pinverse as pinverse,
    qr as qr,
    slogdet as slogdet,
    svd as svd,
    triangular_solve as triangular_solve,
)
from .functions.low_rank import (
    pca_lowrank as pca_lowrank,
    svd_lowrank as svd_lowrank,
)
from .functions.manipulation import (
    atleast_1d as atleast_1d,
    broadcast_arrays as broadcast_arrays,
    cat as cat,
    chunk as chunk,
    diff as diff,
    flatten as flatten,
    hstack as hstack,
    movedim as movedim,
    permute as permute,
    repeat as repeat,
    repeat_interleave as repeat_interleave,
    split as split,
    swapaxes as swapaxes,
    t as t,
    transpose as transpose,
    unbind as unbind,
    unflatten as unflatten,
    unsqueeze as unsqueeze,
    vstack as vstack,
)
from .functions.mathematics import (
    addmm as addmm,
    allclose as allclose,
    bmm as bmm,
    clamp as clamp,
    clip as clip,
    dot as dot,
    einsum as einsum,
    global_norm as global_norm,
    isclose as isclose,
    mm as mm,
    mul as mul,
    norm as norm,
    outer as outer,
    sub as sub,
    tensordot as tensordot,
    true_divide as true_divide,
    where as where,
)
from .functions.matrices import (
    block_diag as block_diag,
    diag as diag,
    diag_embed as diag_embed,
    diagflat as diagflat,
    diagonal as diagonal,
    kron as kron,
    rot90 as rot90,
)
from .functions.overlays import (
    diagonal_scatter as diagonal_scatter,
    select_scatter as select_scatter,
    slice_scatter as slice_scatter,
)
from .functions.polynomials import (
    chebyshev_polynomial_t as chebyshev_polynomial_t,
    chebyshev_polynomial_u as chebyshev_polynomial_u,
    chebyshev_polynomial_v as chebyshev_polynomial_v,
    chebyshev_polynomial_w as chebyshev_polynomial_w,
    hermite_polynomial_h as hermite_polynomial_h,
    hermite_polynomial_he as hermite_polynomial_he,
    laguerre_polynomial_l as laguerre_polynomial_l,
    legendre_polynomial_p as legendre_polynomial_p,
    shifted_chebyshev_polynomial_t as shifted_chebyshev_polynomial_t,
    shifted_chebyshev_polynomial_u as shifted_chebyshev_polynomial_u,
    shifted_chebyshev_polynomial_v as shifted_chebyshev_polynomial_v,
    shifted_chebyshev_polynomial_w as shifted_chebyshev_polynomial_w,
)
from .functions.products import (
    addbmm as addbmm,
    addmv as addmv,
    addr as addr,
    baddbmm as baddbmm,
    chain_matmul as chain_matmul,
    cross as cross,
    ger as ger,
    inner as inner,
    mv as mv,
    trace as trace,
    vdot as vdot,
)
from .functions.progressions import (
    geomspace as geomspace,
    logspace as logspace,
    range as range,
    vander as vander,
)
from .functions.random import (
    bernoulli as bernoulli,
    dropout as dropout,
    multinomial as multinomial,
    normal as normal,
    rand as rand,
    rand_like as rand_like,
    randint as randint,
    randint_like as randint_like,
    randn as randn,
    randn_like as randn_like,
    randperm as randperm,
    uniform as uniform,
)
from .functions.random_counts import (
    binomial as binomial,
    cauchy_ as cauchy_,
    geometric_ as geometric_,
    log_normal_ as log_normal_,
    poisson as poisson,
)
from .functions.random_inplace import (
    bernoulli_ as bernoulli_,
    exponential_ as exponential_,
    normal_ as normal_,
    random_ as random_,
    uniform_ as uniform_,
)
from .functions.reflections import (
    geqrf as geqrf,
    ormqr as ormqr,
)
from .functions.scatter import (
    gather as gather,
    index_add as index_add,
    index_copy as index_copy,
    index_fill as index_fill,
    index_put as index_put,
    index_reduce as index_reduce,
    masked_scatter as masked_scatter,
    put as put,
    put_along_axis as put_along_axis,
    scatter as scatter,
    scatter_add as scatter_add,
    scatter_reduce as scatter_reduce,
    take_along_dim as take_along_dim,
)
from .functions.searching import (
    isin as isin,
    nonzero as nonzero,
    searchsorted as searchsorted,
    sort as sort,
    unique as unique,
)
from .functions.segments import (
    segment_reduce as segment_reduce,
)
from .functions.selection import (
    cummax as cummax,
    cummin as cummin,
    kthvalue as kthvalue,
    logcumsumexp as logcumsumexp,
    median as median,
    msort as msort,
    nanmedian as nanmedian,
    nanquantile as nanquantile,
    quantile as quantile,
    topk as topk,
)
from .functions.sets import (
    argpartition as argpartition,
    digitize as digitize,
    one_hot as one_hot,
    partition as partition,
    unique_consecutive as unique_consecutive,
    unique_dim as unique_dim,
)
from .functions.short_time import (
    istft as istft,
    stft as stft,
)
from .functions.special import (
    beta as beta,
    expit as expit,
    gammainc as gammainc,
    gammaincc as gammaincc,
    gammaln as gammaln,
    logit as logit,
    modified_bessel_i0 as modified_bessel_i0,
    modified_bessel_i1 as modified_bessel_i1,
    modified_bessel_k0 as modified_bessel_k0,
    modified_bessel_k1 as modified_bessel_k1,
    multigammaln as multigammaln,
    mvlgamma as mvlgamma,
    polygamma as polygamma,
    psi as psi,
    spherical_bessel_j0 as spherical_bessel_j0,
    zeta as zeta,
)
from .functions.statistics import (
    aminmax as aminmax,
    corrcoef as corrcoef,
    cov as cov,
    mode as mode,
    nanargmax as nanargmax,
    nanargmin as nanargmin,
    nancumprod as nancumprod,
    nancumsum as nancumsum,
    nanmax as nanmax,
    nanmin as nanmin,
    nanprod as nanprod,
    nanstd as nanstd,
    nanvar as nanvar,
    renorm as renorm,
    std_mean as std_mean,
    var_mean as var_mean,
)
from .functions.tensor_names import (
    detach as detach,
    detach_ as detach_,
    fill as fill,
    frombuffer as frombuffer,
    get_device as get_device,
    is_conj as is_conj,
    is_neg as is_neg,
    is_same_size as is_same_size,
    is_signed as is_signed,
    nonzero_static as nonzero_static,
    resolve_conj as resolve_conj,
    resolve_neg as resolve_neg,
    scalar_tensor as scalar_tensor,
    split_with_sizes as split_with_sizes,
    to_dlpack as to_dlpack,
    unsafe_chunk as unsafe_chunk,
    unsafe_split as unsafe_split,
    unsafe_split_with_sizes as unsafe_split_with_sizes,
)
from .functions.torch_names import (
    amax as amax,
    amin as amin,
    cumprod as cumprod,
    cumsum as cumsum,
    div as div,
    eq as eq,
    ge as ge,
    gt as gt,
    le as le,
    log_softmax as log_softmax,
    logsumexp as logsumexp,
    lt as lt,
    ne as ne,
    neg as neg,
    numel as numel,
    round as round,
    softmax as softmax,
)
from .functions.windows import (
    bartlett_window as bartlett_window,
    blackman_window as blackman_window,
    hamming_window as hamming_window,
    hann_window as hann_window,
    kaiser_window as kaiser_window,
)

def abs(x: Tensor, /) -> Tensor:
    """Return the absolute value; real for complex numbers."""

def abs_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `abs_` does, and return it."""

def acos(x: Tensor, /) -> Tensor:
    """Return the inverse cosine, in radians."""

def acos_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `acos_` does, and return it."""

def acosh(x: Tensor, /) -> Tensor:
    """Return the inverse hyperbolic cosine."""

def acosh_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `acosh_` does, and return it."""

def adadelta_step(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    square_avgs: Sequence[Tensor],
    acc_deltas: Sequence[Tensor],
    /,
    *,
    lr: Any,
    rho: Any,
    eps: Any,
    weight_decay: Any,
    maximize: Any,
) -> None:
    """Update parameters by Adadelta (Zeiler, 2012)."""

def adafactor_step(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    row_vars: Sequence[Tensor],
    col_vars: Sequence[Tensor],
    variances: Sequence[Tensor],
    /,
    *,
    steps: Any,
    lr: Any,
    beta2_decay: Any,
    eps1: Any,
    eps2: Any,
    d: Any,
    weight_decay: Any,
    maximize: Any,
) -> None: ...

def adagrad_step(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    sums: Sequence[Tensor],
    /,
    *,
    steps: Any,
    lr: Any,
    lr_decay: Any,
    eps: Any,
    weight_decay: Any,
    maximize: Any,
) -> None:
    """Update parameters by Adagrad (Duchi, Hazan and Singer, 2011)."""

def adam_step(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    exp_avgs: Sequence[Tensor],
    exp_avg_sqs: Sequence[Tensor],
    max_exp_avg_sqs: Sequence[Tensor],
    /,
    *,
    steps: Any,
    lr: Any,
    beta1: Any,
    beta2: Any,
    eps: Any,
    weight_decay: Any,
    amsgrad: Any,
    maximize: Any,
    decoupled: Any,
) -> None:
    """Update parameters by Adam (Kingma and Ba, 2015), or AdamW where `decoupled` (Loshchilov and Hutter, 2019)."""

def adamax_step(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    exp_avgs: Sequence[Tensor],
    exp_infs: Sequence[Tensor],
    /,
    *,
    steps: Any,
    lr: Any,
    beta1: Any,
    beta2: Any,
    eps: Any,
    weight_decay: Any,
    maximize: Any,
) -> None:
    """Update parameters by Adamax, Adam with the infinity norm (Kingma and Ba, 2015)."""

def adaptive_avg_pool(x: Tensor, /, *, output_size: Any) -> Tensor:
    """Return the means of windows of an input (N, C, *spatial) that are laid out to give a size."""

def adaptive_max_pool(x: Tensor, /, *, output_size: Any) -> Tensor:
    """Return the largest values of windows that are laid out to give a size; the first wins a tie."""

class adaptive_max_pool_with_indices_result(NamedTuple):
    out: Tensor
    indices: Tensor

def adaptive_max_pool_with_indices(x: Tensor, /, *, output_size: Any) -> adaptive_max_pool_with_indices_result: ...

def add(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Return the sum ``x1 + x2``; of booleans, the logical or."""

def addmv_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `addmv_` does, and return it."""

def adjugate(x: Tensor, /) -> Tensor: ...

def airy_ai(x: Tensor, /) -> Tensor:
    """Return Airy's function Ai."""

def airy_ai_slope(x: Tensor, /) -> Tensor:
    """Return the derivative of Airy's function Ai."""

def alias(x: Tensor, /) -> Tensor:
    """Return a new tensor of the same values, recorded."""

def all(x: Tensor, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
    """Say whether all elements over axes are true."""

def any(x: Tensor, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
    """Say whether any element over axes is true."""

def arccos_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `arccos_` does, and return it."""

def arccosh_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `arccosh_` does, and return it."""

def arcsin_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `arcsin_` does, and return it."""

def arcsinh_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `arcsinh_` does, and return it."""

def arctan_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `arctan_` does, and return it."""

def arctanh_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `arctanh_` does, and return it."""

def argmax(x: Tensor, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
    """Return the index of the first largest value."""

def argmin(x: Tensor, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
    """Return the index of the first smallest value."""

def argsort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """Return the indices that sort along an axis."""

def asgd_step(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    averages: Sequence[Tensor],
    /,
    *,
    etas: Any,
    mus: Any,
    lambd: Any,
    weight_decay: Any,
    maximize: Any,
) -> None:
    """Update parameters by stochastic gradient descent, and the average of the way (Polyak and Juditsky, 1992)."""

def asin(x: Tensor, /) -> Tensor:
    """Return the inverse sine, in radians."""

def asin_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `asin_` does, and return it."""

def asinh(x: Tensor, /) -> Tensor:
    """Return the inverse hyperbolic sine."""

def asinh_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `asinh_` does, and return it."""

def atan(x: Tensor, /) -> Tensor:
    """Return the inverse tangent, in radians."""

def atan2(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Return the angle of the point ``(x2, x1)``, in radians."""

def atan_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `atan_` does, and return it."""

def atanh(x: Tensor, /) -> Tensor:
    """Return the inverse hyperbolic tangent."""

def atanh_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `atanh_` does, and return it."""

def attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, /, *, is_causal: bool = False, scale: Any = None
) -> Tensor: ...

def average_step(averages: Sequence[Tensor], values: Sequence[Tensor], /, *, share: Any) -> None:
    """Move averages towards new values by a share of the distance."""

def avg_pool(
    x: Tensor,
    /,
    *,
    kernel_size: Any,
    stride: int | tuple[int, ...] | None = None,
    padding: int | tuple[int | tuple[int, int], ...] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: Any = None,
) -> Tensor:
    """Return the mean of each window of an input (N, C, *spatial)."""

class batch_norm_result(NamedTuple):
    out: Tensor
    mean: Tensor
    var: Tensor

def batch_norm(
    x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, /, *, eps: float = 1e-05
) -> batch_norm_result: ...

def bessel_j0(x: Tensor, /) -> Tensor:
    """Return the Bessel function of the first kind, of order 0."""

def bessel_j1(x: Tensor, /) -> Tensor:
    """Return the Bessel function of the first kind, of order 1."""

def bessel_y0(x: Tensor, /) -> Tensor:
    """Return the Bessel function of the second kind, of order 0."""

def bessel_y1(x: Tensor, /) -> Tensor:
    """Return the Bessel function of the second kind, of order 1."""

def betaln(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Return the logarithm of the absolute value of the beta function."""

def binary_cross_entropy(x: Tensor, target: Tensor, /, *, reduction: str = 'mean') -> Tensor:
    """Return ``-(target log(x) + (1 - target) log(1 - x))``, its mean or its sum; logarithms stop at -100."""

def binary_cross_entropy_with_logits(x: Tensor, target: Tensor, /, *, reduction: str = 'mean') -> Tensor:
    """Return the binary cross entropy of ``sigmoid(x)``, without overflow, its mean or its sum."""

def bitwise_and(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Return the bitwise and."""

def bitwise_count(x: Tensor, /) -> Tensor:
    """Return how many bits of the absolute value are ones."""

def bitwise_invert(x: Tensor, /) -> Tensor:
    """Return the bitwise complement."""

def bitwise_left_shift(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Shift bits to the left."""

def bitwise_or(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Return the bitwise or."""

def bitwise_right_shift(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Shift bits to the right."""

def bitwise_xor(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Return the bitwise exclusive or."""

def broadcast_to(x: Tensor, /, shape: int | tuple[int, ...]) -> Tensor:
    """Return the tensor broadcast to a shape."""

def ceil(x: Tensor, /) -> Tensor:
    """Round towards plus infinity; the gradient is zero."""

def ceil_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `ceil_` does, and return it."""

def clamp_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `clamp_` does, and return it."""

def clamp_max_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `clamp_max_` does, and return it."""

def clamp_min_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `clamp_min_` does, and return it."""

def clip_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `clip_` does, and return it."""

def clip_norm_step(grads: Sequence[Tensor], total: Tensor, /, *, max_norm: Any) -> None:
    """Scale gradients by ``min(1, max_norm / (total + 1e-6))``, where `total` is their norm."""

def clip_value_step(grads: Sequence[Tensor], /, *, bound: Any) -> None:
    """Cut gradients off at ``-bound`` and ``bound``."""

def col2im(
    x: Tensor,
    /,
    *,
    output_size: Any,
    kernel_size: Any,
    dilation: int | tuple[int, ...] = 1,
    padding: int | tuple[int | tuple[int, int], ...] = 0,
    stride: int | tuple[int, ...] | None = 1,
) -> Tensor:
    """Return the sum (N, C, *output_size) of windows given as columns (N, C * kernel elements, windows)."""

def complex(real: Tensor | builtins.complex, imag: Tensor | builtins.complex, /) -> Tensor:
    """Return complex numbers of given real and imaginary parts."""

def concat(arrays: Sequence[Tensor], /, *, axis: int = 0) -> Tensor:
    """Join tensors along an axis; None flattens them first."""

def conj(x: Tensor, /) -> Tensor:
    """Return the complex conjugate."""

def conj_physical_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `conj_physical_` does, and return it."""

def conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    /,
    *,
    stride: int | tuple[int, ...] | None = 1,
    padding: int | tuple[int | tuple[int, int], ...] = 0,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
) -> Tensor:
    """Return the cross-correlation of x (N, C, *spatial) with kernels (O, C / groups, *kernel)."""

def conv_input(
    c: Tensor,
    weight: Tensor,
    /,
    *,
    x_shape: Any,
    stride: int | tuple[int, ...] | None,
    padding: int | tuple[int | tuple[int, int], ...],
    dilation: int | tuple[int, ...],
    groups: Any,
) -> Tensor:
    """Return the transpose of `conv` in its input, applied to a cotangent `c`: a transposed convolution."""

def conv_weight(
    x: Tensor,
    c: Tensor,
    /,
    *,
    weight_shape: Any,
    stride: int | tuple[int, ...] | None,
    padding: int | tuple[int | tuple[int, int], ...],
    dilation: int | tuple[int, ...],
    groups: Any,
) -> Tensor:
    """Return the transpose of `conv` in its weight, applied to a cotangent `c`."""

def copy_step(targets: Sequence[Tensor], values: Sequence[Tensor], /) -> None:
    """Let tensors take the values of others, each of one's shape and dtype."""

def copysign(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Return the magnitude of ``x1`` with the sign of ``x2``."""

def cos(x: Tensor, /) -> Tensor:
    """Return the cosine of ``x`` in radians."""

def cos_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `cos_` does, and return it."""

def cosh(x: Tensor, /) -> Tensor:
    """Return the hyperbolic cosine."""

def cosh_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `cosh_` does, and return it."""

def count_nonzero(x: Tensor, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
    """Count the elements over axes that are not zero."""

def cross_entropy(
    x: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    /,
    *,
    ignore_index: int = -100,
    reduction: str = 'mean',
    label_smoothing: float = 0.0,
) -> Tensor: ...

def cross_product(x1: Tensor, x2: Tensor, /) -> Tensor:
    """Return the cross products of vectors in the last axis, of size 3; the others broadcast."""

def ctc_loss(
    log_probs: Tensor, targets: Tensor, input_lengths: Tensor, target_lengths: Tensor, /, *, blank: int = 0
) -> Tensor: ...

def cumulative_prod(
    x: Tensor,
    /,
    *,
    axis: int | tuple[int, ...] | None = None,
    dtype: DType | None = None,
    include_initial: bool = False,
) -> Tensor:
    """Return the running product along an axis."""

def cumulative_sum(
    x: Tensor,
    /,
    *,
    axis: int | tuple[int, ...] | None = None,
    dtype: DType | None = None,
    include_initial: bool = False,
) -> Tensor:
    """Return the running sum along an axis."""

def definite_order(x: Tensor, /) -> Tensor:
    """Return the order of the first leading minor of Hermitian matrices that is not positive; 0 for definite ones."""

def deg2rad_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `deg2rad_` does, and return it."""

def digamma(x: Tensor, /) -> Tensor:
    """Return the logarithmic derivative of the gamma function."""

def divide(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Return the quotient ``x1 / x2``; integers become the default float dtype."""

class eig_result(NamedTuple):
    eigenvalues: Tensor
    eigenvectors: Tensor

def eig(x: Tensor, /) -> eig_result:
    """Return the eigenvalues and eigenvectors (of length one, in columns) of square matrices, both complex."""

class eigh_result(NamedTuple):
    eigenvalues: Tensor
    eigenvectors: Tensor

def eigh(x: Tensor, /) -> eigh_result: ...

def eigvals(x: Tensor, /) -> Tensor:
    """Return the eigenvalues of square matrices, complex."""

def eigvalsh(x: Tensor, /) -> Tensor:
    """Return the eigenvalues (ascending) of Hermitian matrices, of which the lower triangle is read."""

def elu(x: Tensor, /, *, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Tensor:
    """Return ``scale * x`` where positive, ``alpha * scale * (exp(input_scale * x) - 1)`` elsewhere."""

def embedding(weight: Tensor, indices: Tensor, /, *, padding_idx: Any = None) -> Tensor:
    """Return the rows of `weight` that integers name; the row `padding_idx` gets no gradient."""

def empty(
    shape: Any = (), *more: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **size: Any
) -> Tensor:
    """Return a tensor of arbitrary values."""

def entr(x: Tensor, /) -> Tensor:
    """Return ``-x log(x)``: 0 at zero, minus infinity below."""

def equal(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Say where the operands are equal."""

def erf(x: Tensor, /) -> Tensor:
    """Return the error function, ``2/sqrt(pi)`` times the integral of ``exp(-t*t)`` from 0 to ``x``."""

def erf_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `erf_` does, and return it."""

def erfc(x: Tensor, /) -> Tensor:
    """Return the complementary error function, ``1 - erf(x)``."""

def erfc_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `erfc_` does, and return it."""

def erfcx(x: Tensor, /) -> Tensor:
    """Return the scaled complementary error function, ``exp(x*x) * erfc(x)``."""

def erfinv(x: Tensor, /) -> Tensor:
    """Return the inverse of the error function."""

def euclidean_norm(x: Tensor, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
    """Return the root of the sum of squared magnitudes over axes; no axis means all. At zero its gradient is zero."""

def exp(x: Tensor, /) -> Tensor:
    """Return e to the power ``x``."""

def exp2(x: Tensor, /) -> Tensor:
    """Return 2 to the power ``x``."""

def exp2_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `exp2_` does, and return it."""

def exp_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `exp_` does, and return it."""

def expand_dims(x: Tensor, /, axis: int = 0) -> Tensor:
    """Return the tensor with new axes of size one."""

def expm1(x: Tensor, /) -> Tensor:
    """Return ``exp(x) - 1``, exact near zero."""

def expm1_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `expm1_` does, and return it."""

def fft_c2c(
    x: Tensor, /, *, axis: int | tuple[int, ...] | None = None, inverse: bool = False, scale: float = 1.0
) -> Tensor:
    """Return the Fourier transform along axes (None: all): ``out[k] = scale * sum_j x[j] exp(-2 pi i j k / n)``."""

def fft_c2r(x: Tensor, /, *, n: Any, axis: int = -1, scale: float = 1.0) -> Tensor:
    """Return the n real numbers whose inverse discrete Fourier transform has this first half."""

def fft_r2c(x: Tensor, /, *, axis: int = -1, scale: float = 1.0) -> Tensor:
    """Return the first half, ``n // 2 + 1`` elements, of the discrete Fourier transform of real numbers."""

def fill_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `fill_` does, and return it."""

def fix_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `fix_` does, and return it."""

def flip(x: Tensor, /, *, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """Return the tensor with the order along axes reversed; no axis means all."""

def floor(x: Tensor, /) -> Tensor:
    """Round towards minus infinity; the gradient is zero."""

def floor_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `floor_` does, and return it."""

def floor_divide(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Return ``floor(x1 / x2)``; its gradient is zero."""

def fmod(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Return the remainder of the quotient rounded towards zero, with the dividend's sign."""

def frac_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `frac_` does, and return it."""

def frexp_exponent(x: Tensor, /) -> Tensor:
    """Return the power of two that scales each value's mantissa into [1/2, 1), as int32."""

def gammainc_slope(a: Tensor | builtins.complex, x: Tensor | builtins.complex, /, *, order: int = 1) -> Tensor:
    """Return a derivative of P(a, x) in ``a``."""

def gcd(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Return the greatest common divisor, not negative; that of zeros is zero."""

def gcd_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `gcd_` does, and return it."""

def gelu(x: Tensor, /, *, approximate: str = 'none') -> Tensor:
    """Return ``x * Phi(x)``, Phi the normal distribution function: exact, or by tanh where ``approximate='tanh'``."""

def getitem(x: Tensor, indices: Sequence[Tensor], /, *, key: Any) -> Tensor:
    """Return the elements that a key selects, as ``x[key]``."""

def getitem_transpose(g: Tensor, indices: Sequence[Tensor], /, *, x_shape: Any, key: Any) -> Tensor:
    """Return zeros of shape `x_shape` with `g` added at the places that a key selects."""

def greater(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Say where ``x1 > x2``."""

def greater_equal(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Say where ``x1 >= x2``."""

def group_norm(
    x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, /, *, num_groups: Any, eps: float = 1e-05
) -> Tensor:
    """Normalize each sample's groups of channels (axis 1) by their own mean and variance (Wu and He, 2018)."""

class gru_result(NamedTuple):
    out: Tensor
    h_n: Tensor

def gru(
    x: Tensor,
    h0: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
    /,
    *,
    reverse: bool = False,
    batch_sizes: Any = None,
) -> gru_result:
    """Run one layer of gated recurrent units over x (time, batch, features); return outputs and the last state."""

def hardsigmoid(x: Tensor, /) -> Tensor:
    """Return ``min(max(x + 3, 0), 6) / 6``; the gradient at the bends is 0."""

def hardswish(x: Tensor, /) -> Tensor:
    """Return ``x * min(max(x + 3, 0), 6) / 6``; the gradient is 0 at -3 and 1 at 3."""

def hardtanh(x: Tensor, /, *, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """Return ``min(max(x, min_val), max_val)``; the gradient at the bounds is 0."""

def hermitian_part(x: Tensor, /) -> Tensor:
    """Return the mean of square matrices and their adjoints."""

def hypot(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Return ``sqrt(x1**2 + x2**2)`` without overflow."""

def i0(x: Tensor, /) -> Tensor:
    """Return the modified Bessel function of the first kind, of order 0."""

def i0_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `i0_` does, and return it."""

def i0e(x: Tensor, /) -> Tensor:
    """Return ``exp(-abs(x)) * i0(x)``."""

def i1(x: Tensor, /) -> Tensor:
    """Return the modified Bessel function of the first kind, of order 1."""

def i1e(x: Tensor, /) -> Tensor:
    """Return ``exp(-abs(x)) * i1(x)``."""

def igamma(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Return the regularized lower incomplete gamma function P(x1, x2)."""

def igammac(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Return the regularized upper incomplete gamma function, Q(x1, x2) = 1 - P(x1, x2)."""

def im2col(
    x: Tensor,
    /,
    *,
    kernel_size: Any,
    dilation: int | tuple[int, ...] = 1,
    padding: int | tuple[int | tuple[int, int], ...] = 0,
    stride: int | tuple[int, ...] | None = 1,
) -> Tensor:
    """Return the windows of an input (N, C, *spatial) as columns (N, C * kernel elements, windows)."""

def imag(x: Tensor, /) -> Tensor:
    """Return the imaginary part."""

def index_put_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `index_put_` does, and return it."""

def interpolate(
    x: Tensor,
    /,
    *,
    size: Any,
    mode: str = 'linear',
    scale_factor: Any = None,
    align_corners: bool = False,
    antialias: bool = False,
) -> Tensor:
    """Return an input (N, C, *spatial) resampled to other spatial sizes."""

def interpolate_transpose(
    x: Tensor,
    /,
    *,
    size: Any,
    mode: str = 'linear',
    scale_factor: Any = None,
    align_corners: bool = False,
    antialias: bool = False,
) -> Tensor:
    """Return the transpose of `interpolate` from sizes `size`, applied to a cotangent."""

def inv(x: Tensor, /) -> Tensor:
    """Return the inverses of square matrices."""

def isfinite(x: Tensor, /) -> Tensor:
    """Say where values are finite."""

def isinf(x: Tensor, /) -> Tensor:
    """Say where values are infinite."""

def isnan(x: Tensor, /) -> Tensor:
    """Say where values are NaN."""

def layer_norm(
    x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, /, *, axes: int = 1, eps: float = 1e-05
) -> Tensor:
    """Return ``(x - mean) / sqrt(var + eps) * weight + bias`` over the last `axes` axes (Ba et al., 2016)."""

def lcm_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `lcm_` does, and return it."""

def ldexp_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `ldexp_` does, and return it."""

class ldl_packed_result(NamedTuple):
    LD: Tensor
    pivots: Tensor
    info: Tensor

def ldl_packed(x: Tensor, /, *, hermitian: bool = False) -> ldl_packed_result: ...

def ldl_solve(factors: Tensor, pivots: Tensor, x2: Tensor, /, *, hermitian: bool = False) -> Tensor:
    """Solve systems of linear equations by the factors of `ldl_packed` and its pivots."""

def leaky_relu(x: Tensor, /, *, negative_slope: float = 0.01) -> Tensor:
    """Return ``x`` where positive, ``negative_slope * x`` elsewhere."""

def less(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Say where ``x1 < x2``."""

def less_equal(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Say where ``x1 <= x2``."""

def lgamma(x: Tensor, /) -> Tensor:
    """Return the logarithm of the absolute value of the gamma function."""

def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None, /) -> Tensor:
    """Return ``x @ weight.T + bias``: x (..., in), weight (out, in), bias (out,)."""

def linear_activation(x: Tensor, weight: Tensor, bias: Tensor | None = None, /, *, activation: str = 'relu') -> Tensor:
    """Return an activation of `linear`: ReLU, SiLU, or GELU, exact or by tanh."""

def log(x: Tensor, /) -> Tensor:
    """Return the natural logarithm."""

def log10(x: Tensor, /) -> Tensor:
    """Return the logarithm to base 10."""

def log10_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `log10_` does, and return it."""

def log1p(x: Tensor, /) -> Tensor:
    """Return ``log(1 + x)``, exact near zero."""

def log1p_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `log1p_` does, and return it."""

def log2(x: Tensor, /) -> Tensor:
    """Return the logarithm to base 2."""

def log2_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `log2_` does, and return it."""

def log_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `log_` does, and return it."""

def log_ndtr(x: Tensor, /) -> Tensor:
    """Return the logarithm of the normal distribution function."""

def logaddexp(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Return ``log(exp(x1) + exp(x2))`` without overflow."""

def logical_and(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Return the logical and; a number is true if it is not zero."""

def logical_not(x: Tensor, /) -> Tensor:
    """Return the logical complement; a number is true if it is not zero."""

def logical_or(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Return the logical or; a number is true if it is not zero."""

def logical_xor(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Return the logical exclusive or; a number is true if it is not zero."""

def logit_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `logit_` does, and return it."""

def logsigmoid(x: Tensor, /) -> Tensor:
    """Return ``log(1 / (1 + exp(-x)))``, without overflow."""

class lstm_result(NamedTuple):
    out: Tensor
    h_n: Tensor
    c_n: Tensor

def lstm(
    x: Tensor,
    h0: Tensor,
    c0: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
    w_hr: Tensor | None = None,
    /,
    *,
    reverse: bool = False,
    batch_sizes: Any = None,
) -> lstm_result:
    """Run one layer of a long short-term memory over x (time, batch, features); return outputs and the last states."""

class lstsq_result(NamedTuple):
    solution: Tensor
    rank: Tensor

def lstsq(x1: Tensor, x2: Tensor, rtol: Tensor, /) -> lstsq_result: ...

class lu_packed_result(NamedTuple):
    LU: Tensor
    pivots: Tensor

def lu_packed(x: Tensor, /, *, pivot: bool = True) -> lu_packed_result: ...

class lu_triangles_result(NamedTuple):
    L: Tensor
    U: Tensor

def lu_triangles(packed: Tensor, /) -> lu_triangles_result:
    """Return L and U of what `lu_packed` packed."""

def matmul(x1: Tensor, x2: Tensor, /) -> Tensor:
    """Return the matrix product; leading axes broadcast."""

def matrix_transpose(x: Tensor, /) -> Tensor:
    """Return the tensor with its last two axes exchanged."""

def max(x: Tensor, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
    """Return the largest value over axes; NaN wins."""

def max_pool(
    x: Tensor,
    /,
    *,
    kernel_size: Any,
    stride: int | tuple[int, ...] | None = None,
    padding: int | tuple[int | tuple[int, int], ...] = 0,
    dilation: int | tuple[int, ...] = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """Return the largest value of each window of an input (N, C, *spatial); the first wins a tie."""

class max_pool_with_indices_result(NamedTuple):
    out: Tensor
    indices: Tensor

def max_pool_with_indices(
    x: Tensor,
    /,
    *,
    kernel_size: Any,
    stride: int | tuple[int, ...] | None = None,
    padding: int | tuple[int | tuple[int, int], ...] = 0,
    dilation: int | tuple[int, ...] = 1,
    ceil_mode: bool = False,
) -> max_pool_with_indices_result:
    """Return the largest value of each window, and its index in the flattened spatial axes."""

def max_unpool(x: Tensor, indices: Tensor, /, *, output_size: Any) -> Tensor:
    """Return zeros with the values of `x` written where `indices` say in the flattened spatial axes."""

def maximum(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Return the larger operand, elementwise; NaN wins."""

def mean(x: Tensor, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
    """Return the arithmetic mean over axes."""

def min(x: Tensor, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
    """Return the smallest value over axes; NaN wins."""

def minimum(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Return the smaller operand, elementwise; NaN wins."""

def mish(x: Tensor, /) -> Tensor:
    """Return ``x * tanh(softplus(x))``."""

def moveaxis(x: Tensor, source: Any, destination: Any, /) -> Tensor:
    """Return the tensor with axes moved to other positions."""

def mse_loss(x: Tensor, target: Tensor, /, *, reduction: str = 'mean') -> Tensor:
    """Return the squared difference, its mean or its sum."""

def multiply(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Return the product ``x1 * x2``; of booleans, the logical and."""

def muon_step(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    momentum_buffers: Sequence[Tensor],
    /,
    *,
    lr: Any,
    weight_decay: Any,
    momentum: Any,
    nesterov: Any,
    a: Any,
    b: Any,
    c: Any,
    eps: Any,
    ns_steps: Any,
    adjust: Any,
) -> None:
    """Update matrices by Muon, momentum made orthogonal (Jordan et al., 2024), in bfloat16's precision."""

def nadam_step(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    exp_avgs: Sequence[Tensor],
    exp_avg_sqs: Sequence[Tensor],
    /,
    *,
    steps: Any,
    mu_products: Any,
    lr: Any,
    beta1: Any,
    beta2: Any,
    eps: Any,
    weight_decay: Any,
    momentum_decay: Any,
    decoupled: Any,
    maximize: Any,
) -> None:
    """Update parameters by Adam with Nesterov's momentum (Dozat, 2016)."""

def nan_to_num_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `nan_to_num_` does, and return it."""

def ndtr(x: Tensor, /) -> Tensor:
    """Return the normal distribution function: the integral of its density up to ``x``."""

def ndtri(x: Tensor, /) -> Tensor:
    """Return the inverse of the normal distribution function: quantiles of probabilities."""

def neg_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `neg_` does, and return it."""

def negative(x: Tensor, /) -> Tensor:
    """Return ``-x``."""

def negative_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `negative_` does, and return it."""

def nextafter(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Return the next representable value after ``x1`` towards ``x2``; its gradient is that of ``x1``."""

def nll_loss(
    x: Tensor, target: Tensor, weight: Tensor | None = None, /, *, ignore_index: int = -100, reduction: str = 'mean'
) -> Tensor:
    """Return minus the log probabilities of class indices: x (N, C, ...) or (C,), target (N, ...) or ()."""

def not_equal(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Say where the operands differ."""

def ones(
    shape: Any = (), *more: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **size: Any
) -> Tensor:
    """Return a tensor of ones."""

def orthogonal_polynomial(
    x: Tensor | builtins.complex, n: Tensor | builtins.complex, /, *, family: str = 'legendre', order: int = 0
) -> Tensor:
    """Return a polynomial of each element's degree, or its derivative of an order; ``n`` holds integers."""

def pad(x: Tensor, /, *, widths: Any, value: float = 0.0, mode: str = 'constant') -> Tensor:
    """Return the tensor with constants, or with elements of its own, put before and after along each axis."""

def permutation(pivots: Tensor, like: Tensor, /) -> Tensor:
    """Return the matrices that undo the exchanges of rows by pivots, of the size and the dtype of matrices' columns."""

def permute_dims(x: Tensor, /, axes: Any) -> Tensor:
    """Return the tensor with its axes in another order."""

def pinv(x: Tensor, rtol: Tensor, /) -> Tensor:
    """Return the pseudo-inverses of matrices; singular values up to `rtol` times the largest count as zero."""

def pivot_order(pivots: Tensor, /, *, rows: Any) -> Tensor:
    """Return the order of rows that exchanging row k with row ``pivots[..., k] - 1``, one after the other, makes."""

def positive(x: Tensor, /) -> Tensor:
    """Return ``+x``, a new tensor of the same values."""

def pow(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Return ``x1`` to the power ``x2``."""

def prelu(x: Tensor | builtins.complex, weight: Tensor | builtins.complex, /) -> Tensor:
    """Return ``x`` where positive, ``weight * x`` elsewhere; the operands broadcast."""

def prod(
    x: Tensor, /, *, axis: int | tuple[int, ...] | None = None, dtype: DType | None = None, keepdims: bool = False
) -> Tensor:
    """Return the product over axes."""

def rad2deg_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `rad2deg_` does, and return it."""

def radam_step(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    exp_avgs: Sequence[Tensor],
    exp_avg_sqs: Sequence[Tensor],
    /,
    *,
    steps: Any,
    lr: Any,
    beta1: Any,
    beta2: Any,
    eps: Any,
    weight_decay: Any,
    decoupled: Any,
    maximize: Any,
) -> None:
    """Update parameters by rectified Adam (Liu et al., 2020)."""

def random_bernoulli(
    *,
    key: Any,
    counter: Any,
    shape: int | tuple[int, ...],
    dtype: DType | None,
    p: Any,
    device: Device | str | None = None,
) -> Tensor:
    """Return ones with probability p, else zeros."""

def random_bits(*, key: Any, counter: Any, n: Any, device: Device | str | None = None) -> Tensor:
    """Return the first n words of the random stream at a counter, as uint64 or their leading bits."""

def random_dropout(x: Tensor, /, *, key: Any, counter: Any, keep: Any, wide: Any) -> Tensor: ...

def random_integers(
    *,
    key: Any,
    counter: Any,
    shape: int | tuple[int, ...],
    dtype: DType | None,
    low: Any,
    high: Any,
    device: Device | str | None = None,
) -> Tensor:
    """Return integers from [low, high)."""

def random_normal(
    *,
    key: Any,
    counter: Any,
    shape: int | tuple[int, ...],
    dtype: DType | None,
    mean: float = 0.0,
    std: float = 1.0,
    device: Device | str | None = None,
) -> Tensor:
    """Return normal draws."""

def random_permutation(
    *, key: Any, counter: Any, n: Any, dtype: DType | None, device: Device | str | None = None
) -> Tensor:
    """Return a random order of the integers below n."""

def random_uniform(
    *,
    key: Any,
    counter: Any,
    shape: int | tuple[int, ...],
    dtype: DType | None,
    low: float = 0.0,
    high: float = 1.0,
    device: Device | str | None = None,
) -> Tensor:
    """Return uniform draws in [low, high)."""

def rank_index(x: Tensor, /, *, rank: Any = None, axis: int = -1, nan: str = 'last') -> Tensor: ...

def real(x: Tensor, /) -> Tensor:
    """Return the real part."""

def reciprocal(x: Tensor, /) -> Tensor:
    """Return ``1 / x``."""

def reciprocal_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `reciprocal_` does, and return it."""

class reflections_result(NamedTuple):
    packed: Tensor
    tau: Tensor

def reflections(x: Tensor, /) -> reflections_result: ...

def relu(x: Tensor, /) -> Tensor:
    """Return ``max(x, 0)``; the gradient at 0 is 0."""

def relu_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `relu_` does, and return it."""

def remainder(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Return the remainder of ``floor_divide``, with the divisor's sign."""

def reshape(x: Tensor, /, shape: int | tuple[int, ...], *, copy: bool | None = None) -> Tensor:
    """Return the elements in another shape; one size may be -1."""

def rms_norm(x: Tensor, weight: Tensor | None = None, /, *, axes: int = 1, eps: Any = None) -> Tensor:
    """Return ``x / sqrt(mean(x * x) + eps) * weight`` over the last `axes` axes (Zhang and Sennrich, 2019)."""

def rmsprop_step(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    square_avgs: Sequence[Tensor],
    momentum_buffers: Sequence[Tensor],
    grad_avgs: Sequence[Tensor],
    /,
    *,
    lr: Any,
    rho: Any,
    eps: Any,
    weight_decay: Any,
    momentum: Any,
    centered: Any,
    maximize: Any,
) -> None:
    """Update parameters by RMSprop (Tieleman and Hinton, 2012), or its centered version (Graves, 2013)."""

class rnn_result(NamedTuple):
    out: Tensor
    h_n: Tensor

def rnn(
    x: Tensor,
    h0: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
    /,
    *,
    nonlinearity: str = 'tanh',
    reverse: bool = False,
    batch_sizes: Any = None,
) -> rnn_result:
    """Run one layer of an Elman network over x (time, batch, features); return outputs and the last state."""

def roll(x: Tensor, /, shift: Any, *, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """Return the tensor with elements shifted round along axes."""

def round_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `round_` does, and return it."""

def rprop_step(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    former: Sequence[Tensor],
    step_sizes: Sequence[Tensor],
    /,
    *,
    shrink: Any,
    grow: Any,
    smallest: Any,
    largest: Any,
    maximize: Any,
) -> None:
    """Update parameters by resilient backpropagation (Riedmiller and Braun, 1993)."""

def rsqrt(x: Tensor, /) -> Tensor:
    """Return ``1 / sqrt(x)``."""

def rsqrt_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `rsqrt_` does, and return it."""

class running_extremum_result(NamedTuple):
    values: Tensor
    indices: Tensor

def running_extremum(x: Tensor, /, *, axis: int = -1, maxima: bool = True) -> running_extremum_result: ...

def running_logsumexp(x: Tensor, /, *, axis: int = -1) -> Tensor:
    """Return the logarithm of the running sum of exponentials along an axis, without overflow."""

def scaled_modified_bessel_k0(x: Tensor, /) -> Tensor:
    """Return ``exp(x)`` times the modified Bessel function of the second kind, of order 0."""

def scaled_modified_bessel_k1(x: Tensor, /) -> Tensor:
    """Return ``exp(x)`` times the modified Bessel function of the second kind, of order 1."""

def segment_argmax(x: Tensor, lengths: Tensor, /) -> Tensor: ...

def segment_reduction(x: Tensor, lengths: Tensor, /, *, by: str = 'sum') -> Tensor: ...

def setitem(x: Tensor, value: Tensor, indices: Sequence[Tensor], /, *, key: Any) -> Tensor:
    """Return `x` with `value` written where a key selects."""

def sgd_step(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    momentum_buffers: Sequence[Tensor],
    /,
    *,
    lr: Any,
    momentum: Any,
    dampening: Any,
    weight_decay: Any,
    nesterov: Any,
    maximize: Any,
    first: Any,
) -> None:
    """Update parameters by stochastic gradient descent with momentum (Sutskever et al., 2013)."""

def sigmoid(x: Tensor, /) -> Tensor:
    """Return ``1 / (1 + exp(-x))``."""

def sigmoid_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `sigmoid_` does, and return it."""

def sign(x: Tensor, /) -> Tensor:
    """Return the sign: -1, 0 or 1, and ``x / abs(x)`` for complex numbers."""

def signbit(x: Tensor, /) -> Tensor:
    """Say where the sign bit is set; of integers, where they are negative."""

def silu(x: Tensor, /) -> Tensor:
    """Return ``x * sigmoid(x)``."""

def sin(x: Tensor, /) -> Tensor:
    """Return the sine of ``x`` in radians."""

def sin_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `sin_` does, and return it."""

def sinc(x: Tensor, /) -> Tensor:
    """Return ``sin(pi x) / (pi x)``, 1 at zero."""

def sinc_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `sinc_` does, and return it."""

def sinh(x: Tensor, /) -> Tensor:
    """Return the hyperbolic sine."""

def sinh_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `sinh_` does, and return it."""

def slice(x: Tensor, /, *, key: Any) -> Tensor:
    """Return the elements that integers, slices, None and Ellipsis select."""

def smooth_l1_loss(x: Tensor, target: Tensor, /, *, reduction: str = 'mean', width: float = 1.0) -> Tensor: ...

def softplus(x: Tensor, /, *, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Return ``log(1 + exp(beta * x)) / beta``, linear above the threshold."""

def solve(x1: Tensor, x2: Tensor, /) -> Tensor:
    """Solve ``x1 @ out = x2``: x1 (..., M, M), x2 (M,) or (..., M, K); leading axes broadcast."""

def solve_triangular(x1: Tensor, x2: Tensor, /, *, upper: Any, unitriangular: bool = False) -> Tensor:
    """Solve ``x1 @ out = x2`` for triangular matrices (..., M, M), of which one triangle is read; x2 is (..., M, K)."""

def sqrt(x: Tensor, /) -> Tensor:
    """Return the square root."""

def sqrt_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `sqrt_` does, and return it."""

def square(x: Tensor, /) -> Tensor:
    """Return ``x * x``."""

def square_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `square_` does, and return it."""

def squeeze(x: Tensor, /, axis: int | tuple[int, ...] | None) -> Tensor:
    """Return the tensor without the named axes, each of size one."""

def stack(arrays: Sequence[Tensor], /, *, axis: int = 0) -> Tensor:
    """Join tensors along a new axis."""

def std(
    x: Tensor, /, *, axis: int | tuple[int, ...] | None = None, correction: float = 0.0, keepdims: bool = False
) -> Tensor:
    """Return the standard deviation over axes, the square root of the variance divided by ``n - correction``."""

def subtract(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Return the difference ``x1 - x2``."""

def sum(
    x: Tensor, /, *, axis: int | tuple[int, ...] | None = None, dtype: DType | None = None, keepdims: bool = False
) -> Tensor:
    """Return the sum over axes; no axis means all."""

def svdvals(x: Tensor, /) -> Tensor:
    """Return the singular values of matrices (..., M, N), descending."""

def take(x: Tensor, indices: Tensor, /, *, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """Return the slices along an axis that integers name."""

def take_along_axis(x: Tensor, indices: Tensor, /, *, axis: int = -1) -> Tensor:
    """Return along an axis the elements that an index tensor names."""

def tan(x: Tensor, /) -> Tensor:
    """Return the tangent of ``x`` in radians."""

def tan_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `tan_` does, and return it."""

def tanh(x: Tensor, /) -> Tensor:
    """Return the hyperbolic tangent."""

def tanh_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `tanh_` does, and return it."""

def tile(x: Tensor, repetitions: Any, /) -> Tensor:
    """Return the tensor repeated whole along each axis."""

def top_indices(x: Tensor, /, *, count: Any, axis: int = -1, descending: bool = True) -> Tensor:
    """Return the indices of the first values in order along an axis, of equal ones the first."""

def total_norm(tensors: Sequence[Tensor], /, *, norm_type: Any) -> Tensor:
    """Return the norm of an order of all elements of several tensors together."""

def transfer(x: Tensor, /) -> Tensor:
    """Return the tensor on another device."""

def tril(x: Tensor, /, *, k: int = 0) -> Tensor:
    """Return the lower triangle of the last two axes, zeros above."""

def triu(x: Tensor, /, *, k: int = 0) -> Tensor:
    """Return the upper triangle of the last two axes, zeros below."""

def trunc(x: Tensor, /) -> Tensor:
    """Round towards zero; the gradient is zero."""

def trunc_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `trunc_` does, and return it."""

class unique_all_result(NamedTuple):
    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor

def unique_all(x: Tensor, /) -> unique_all_result:
    """Return the distinct values, their first indices, the inverse and the counts."""

class unique_counts_result(NamedTuple):
    values: Tensor
    counts: Tensor

def unique_counts(x: Tensor, /) -> unique_counts_result:
    """Return the distinct values and their counts."""

class unique_inverse_result(NamedTuple):
    values: Tensor
    inverse_indices: Tensor

def unique_inverse(x: Tensor, /) -> unique_inverse_result:
    """Return the distinct values and the inverse."""

def unique_values(x: Tensor, /) -> Tensor:
    """Return the distinct values, in ascending order."""

def unstack(x: Tensor, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """Split a tensor into its slices along an axis."""

def var(
    x: Tensor, /, *, axis: int | tuple[int, ...] | None = None, correction: float = 0.0, keepdims: bool = False
) -> Tensor:
    """Return the variance over axes, divided by ``n - correction``."""

def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """Return the sum of ``conj(x1) * x2`` along an axis."""

def xlog1py(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Return ``x1 * log(1 + x2)``, 0 where ``x1`` is 0."""

def xlogy(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:
    """Return ``x1 * log(x2)``, 0 where ``x1`` is 0."""

def xlogy_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `xlogy_` does, and return it."""

def zero_(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
    """Do to a tensor what its method `zero_` does, and return it."""

def zeros(
    shape: Any = (), *more: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **size: Any
) -> Tensor:
    """Return a tensor of zeros."""

def row_function(row: Row) -> Any:
    """Return the public function of a row, with its documentation."""
