# ruff: noqa: E501
"""One call or more for every name of PyTorch's that candelabra has: what `test_every_name.py` runs on both libraries.

A line is ``name: call ; call ...`` on the tensors of `INPUTS`; ``T`` is the library. Where PyTorch spells the same
differently, its own call follows after ``|``. A call that begins with ``~`` draws at random: shape and dtype are compared
alone; one that begins with ``!`` is not differentiated. A method in place (`exp_`) runs on a copy; without a line of its own
it takes the calls of its namesake (`exp`), and so does a function (``T.exp(x)``) those of the method.
"""

from __future__ import annotations

import functools
import re

import numpy as np
from name_cases_functions import FUNCTIONS, MODULES

_rng = np.random.default_rng(0)
_root = _rng.standard_normal((3, 3))
INPUTS: dict[str, np.ndarray] = {
    "x": _rng.standard_normal((3, 4)), "y": _rng.standard_normal((3, 4)), "p": np.abs(_rng.standard_normal((3, 4))) + 0.2,
    "u": _rng.uniform(0.1, 0.9, (3, 4)), "v": _rng.standard_normal(4), "w": _rng.standard_normal(4),
    "r": _rng.standard_normal(3), "m": _rng.standard_normal((3, 3)), "s": _root @ _root.T + 3 * np.eye(3),
    "l": np.tril(_rng.standard_normal((3, 3))) + 3 * np.eye(3), "q": _rng.standard_normal((4, 2)),
    "z": _rng.standard_normal((3, 2)), "cube": _rng.standard_normal((2, 3, 4)), "stack": _rng.standard_normal((2, 4, 5)),
    "c": _rng.standard_normal((3, 4)) + 1j * _rng.standard_normal((3, 4)), "one": np.array(1.5),
    "holes": np.where(_rng.uniform(size=(3, 4)) < 0.3, np.nan, _rng.standard_normal((3, 4))),
    "i": _rng.integers(-5, 6, (3, 4)), "j": _rng.integers(1, 7, (3, 4)), "b": _rng.uniform(size=(3, 4)) < 0.5,
    "d": _rng.uniform(size=(3, 4)) < 0.5, "few": np.array([2, 0]), "at": _rng.integers(0, 3, (3, 4)),
    "count": np.array([3, 1, 1, 0, 5]), "signal": _rng.standard_normal(32), "flat": np.array([1, 5, 11]),
}  # fmt: skip

_METHODS = r"""
H: x.H | x.T.conj()
H: c.H
T: x.T
abs: x.abs() ; c.abs()
absolute: x.absolute()
acos: u.acos()
acosh: (1 + p).acosh()
add: x.add(y) ; x.add(y, alpha=2) ; x.add(2.5) ; x.add(other=y)
addbmm: r.diag().addbmm(cube, stack[:, :, :3]) ; m.addbmm(cube, stack[:, :, :3], beta=2, alpha=0.5)
addcdiv: x.addcdiv(y, p) ; x.addcdiv(y, p, value=0.5)
addcmul: x.addcmul(y, p) ; x.addcmul(y, p, value=0.5)
addmm: z.addmm(x, q) ; z.addmm(mat1=x, mat2=q) ; z.addmm(x, q, beta=2, alpha=0.5)
addmv: r.addmv(x, v) ; r.addmv(x, v, beta=0.5, alpha=2)
addr: x.addr(r, v) ; x.addr(r, v, beta=0.5, alpha=2)
adjoint: x.adjoint() ; c.adjoint()
all: b.all() ; b.all(1) ; b.all(dim=0, keepdim=True)
allclose: x.allclose(x) ; x.allclose(y, atol=10) ; x.allclose(y)
amax: x.amax() ; x.amax(1) ; x.amax((0, 1), True) ; x.amax(dim=1, keepdim=True)
amin: x.amin() ; x.amin(1) ; x.amin((0, 1), True) ; x.amin(dim=1, keepdim=True)
aminmax: x.aminmax() ; x.aminmax(dim=1) ; x.aminmax(dim=0, keepdim=True)
angle: x.angle() ; c.angle()
any: b.any() ; b.any(1) ; b.any(dim=0, keepdim=True)
arccos: u.arccos()
arccosh: (1 + p).arccosh()
arcsin: u.arcsin()
arcsinh: x.arcsinh()
arctan: x.arctan()
arctan2: x.arctan2(y)
arctanh: u.arctanh()
argmax: x.argmax() ; x.argmax(1) ; x.argmax(dim=1, keepdim=True)
argmin: x.argmin() ; x.argmin(1) ; x.argmin(dim=1, keepdim=True)
argsort: x.argsort() ; x.argsort(0) ; x.argsort(dim=1, descending=True)
argwhere: b.argwhere()
as_strided: x.as_strided((2, 2), (4, 1)) ; x.as_strided((2, 3), (1, 4), 2)
as_strided_scatter: !x.as_strided_scatter(y[:2, :2], (2, 2), (4, 1)) ; !x.as_strided_scatter(y[:2, :3], (2, 3), (4, 1), 1)
as_subclass: type(x.as_subclass(type(x))) is type(x)
asin: u.asin()
asinh: x.asinh()
atan: x.atan()
atan2: x.atan2(y) ; x.atan2(other=y)
atanh: u.atanh()
backward: x.sum().backward() ; x.exp().backward(y, retain_graph=True)
baddbmm: m.repeat_interleave(2, 0)[:4].reshape(2, 2, 3).baddbmm(cube[:, :2], stack[:, :, :3]) ; cube[:, :, :3].baddbmm(cube, stack[:, :, :3], beta=0.5, alpha=2)
bernoulli: ~u.bernoulli() ; ~x.bernoulli(0.3) ; ~x.bernoulli(p=0.3)
bfloat16: x.bfloat16().float()
bincount: count.bincount() ; count.bincount(minlength=9) ; count.bincount(w[[0, 1, 2, 3, 0]])
bitwise_and: i.bitwise_and(j) ; i.bitwise_and(3) ; b.bitwise_and(d)
bitwise_left_shift: j.bitwise_left_shift(at) ; j.bitwise_left_shift(2)
bitwise_not: i.bitwise_not() ; b.bitwise_not()
bitwise_or: i.bitwise_or(j) ; i.bitwise_or(3) ; b.bitwise_or(d)
bitwise_right_shift: i.bitwise_right_shift(at) ; i.bitwise_right_shift(1)
bitwise_xor: i.bitwise_xor(j) ; i.bitwise_xor(3) ; b.bitwise_xor(d)
bmm: cube.bmm(stack)
bool: i.bool()
broadcast_to: v.broadcast_to((3, 4))
byte: j.byte()
cdouble: c.cdouble() ; x.cdouble()
ceil: x.ceil()
cfloat: x.cfloat()
char: i.char()
cholesky: s.cholesky() ; s.cholesky(upper=True)
cholesky_inverse: l.tril().cholesky_inverse() ; l.mT.triu().cholesky_inverse(upper=True)
cholesky_solve: z.cholesky_solve(l.tril()) ; z.cholesky_solve(l.mT.triu(), True)
chunk: x.chunk(2) ; x.chunk(2, 1) ; x.chunk(3, dim=1)
clamp: x.clamp(-0.5, 0.5) ; x.clamp(min=0) ; x.clamp(max=y) ; x.clamp(min=y - 1, max=y)
clamp_max: x.clamp_max(0.3) ; x.clamp_max(y)
clamp_min: x.clamp_min(0.3) ; x.clamp_min(y)
clip: x.clip(-0.5, 0.5) ; x.clip(min=0)
clone: x.clone()
conj: c.conj()
conj_physical: c.conj_physical() ; x.conj_physical()
const_data_ptr: x.const_data_ptr() > 0
contiguous: x.contiguous()
copysign: x.copysign(y) ; x.copysign(-1.0)
corrcoef: x.corrcoef() ; c.corrcoef()
cos: x.cos() ; c.cos()
cosh: x.cosh()
count_nonzero: b.count_nonzero() ; i.count_nonzero(1) ; i.count_nonzero(dim=(0, 1))
cov: x.cov() ; x.cov(correction=0) ; x.cov(fweights=count[:4] + 1) ; x.cov(aweights=w.abs())
cpu: x.cpu()
cross: z.T.cross(m[:2], dim=1) ; m.cross(s, dim=0) ; m.cross(s, 1)
cummax: x.cummax(1) ; x.cummax(dim=0)
cummin: x.cummin(1) ; x.cummin(dim=0)
cumprod: x.cumprod(1) ; x.cumprod(dim=0)
cumsum: x.cumsum(1) ; x.cumsum(dim=0) ; i.cumsum(0) ; i.cumsum(0, dtype=T.float64)
data: x.data
data_ptr: x.data_ptr() > 0
deg2rad: x.deg2rad()
det: m.det() ; s.det()
detach: x.detach()
device: x.device.type
diag: v.diag() ; x.diag() ; x.diag(1) ; m.diag(diagonal=-1)
diag_embed: x.diag_embed() ; x.diag_embed(1) ; x.diag_embed(offset=-1, dim1=0, dim2=2)
diagflat: v.diagflat() ; x.diagflat(1)
diagonal: cube.diagonal() ; cube.diagonal(1) ; cube.diagonal(offset=-1, dim1=1, dim2=2)
diagonal_scatter: x.diagonal_scatter(r) ; x.diagonal_scatter(r, 1) ; x.diagonal_scatter(r[:2], offset=-1)
diff: x.diff() ; x.diff(1, 0) ; x.diff(dim=0) ; x.diff(n=2)
digamma: p.digamma()
dim: x.dim()
dist: x.dist(y) ; x.dist(y, 1) ; x.dist(y, p=3)
div: x.div(p) ; i.div(j) ; x.div(2) ; x.div(p, rounding_mode="floor") ; x.div(p, rounding_mode="trunc") ; i.div(j, rounding_mode="trunc")
divide: x.divide(p) ; x.divide(p, rounding_mode="floor") ; i.divide(j, rounding_mode="floor")
dot: v.dot(w)
double: i.double()
dsplit: cube.dsplit(2) ; cube.dsplit([1, 3])
dtype: x.dtype.is_floating_point
element_size: x.element_size()
eq: x.eq(x) ; i.eq(2) ; i.eq(j)
equal: x.equal(y) | x.eq(y)
erf: x.erf()
erfc: x.erfc()
erfinv: u.erfinv()
exp: x.exp() ; c.exp()
exp2: x.exp2()
expand: r.unsqueeze(1).expand(3, 5) ; v.expand(2, -1) ; v.expand((3, 4))
expand_as: v.expand_as(x)
expm1: x.expm1()
fix: x.fix()
flatten: cube.flatten() ; cube.flatten(1) ; cube.flatten(start_dim=0, end_dim=1)
flip: x.flip(0) ; x.flip((0, 1)) ; x.flip(0, 1) ; x.flip(dims=[1])
fliplr: x.fliplr()
flipud: x.flipud()
float: i.float()
float_power: p.float_power(x) ; i.float_power(2) ; p.float_power(1.5)
floor: x.floor()
floor_divide: x.floor_divide(p) ; i.floor_divide(j) ; x.floor_divide(0.7)
fmax: x.fmax(y)
fmin: x.fmin(y)
fmod: x.fmod(p) ; i.fmod(j) ; x.fmod(0.7) ; i.fmod(3)
frac: x.frac()
frexp: x.frexp()
gather: x.gather(1, at) ; x.gather(dim=0, index=at)
gcd: i.gcd(j)
ge: x.ge(y) ; x.ge(0)
geqrf: m.geqrf()
ger: v.ger(w)
get_device: x.get_device()
grad: x.grad
grad_fn: x.grad_fn is None
greater: x.greater(y)
greater_equal: x.greater_equal(y)
gt: x.gt(y) ; x.gt(0)
half: x.half()
hardshrink: x.hardshrink() ; x.hardshrink(0.2)
heaviside: x.heaviside(y) ; i.double().heaviside(one.double())
histc: x.histc() ; x.histc(5) ; x.histc(bins=4, min=-1, max=1)
histogram: x.histogram(5) ; x.histogram(4, range=(-1.0, 1.0))
hsplit: x.hsplit(2) ; x.hsplit([1, 3])
hypot: x.hypot(y)
i0: x.i0()
igamma: p.igamma(u)
igammac: p.igammac(u)
imag: c.imag
index_add: x.index_add(0, few, y[:2]) ; x.index_add(1, few, y[:, :2], alpha=2)
index_copy: x.index_copy(0, few, y[:2]) ; x.index_copy(1, few, y[:, :2])
index_fill: x.index_fill(0, few, 2.5) ; x.index_fill(1, few, one)
index_put: x.index_put((few, few), r[:2]) ; x.index_put((few, few), one, accumulate=True)
index_reduce: x.index_reduce(0, few, y[:2], "prod") ; x.index_reduce(0, few, y[:2], "amax", include_self=False)
index_select: x.index_select(0, few) ; x.index_select(dim=1, index=few)
inner: x.inner(y) ; v.inner(w) ; cube.inner(x)
int: x.int()
inverse: m.inverse()
is_complex: x.is_complex()
is_conj: x.is_conj()
is_contiguous: x.is_contiguous()
is_cpu: x.is_cpu
is_cuda: x.is_cuda
is_floating_point: x.is_floating_point()
is_ipu: x.is_ipu
is_leaf: x.is_leaf
is_maia: x.is_maia
is_meta: x.is_meta
is_mkldnn: x.is_mkldnn
is_mps: x.is_mps
is_mtia: x.is_mtia
is_neg: x.is_neg()
is_nested: x.is_nested
is_nonzero: one.is_nonzero()
is_pinned: x.is_pinned()
is_quantized: x.is_quantized
is_same_size: x.is_same_size(y) ; x.is_same_size(v)
is_signed: x.is_signed() ; j.byte().is_signed() ; b.is_signed()
is_sparse: x.is_sparse
is_sparse_csr: x.is_sparse_csr
is_vulkan: x.is_vulkan
is_xla: x.is_xla
is_xpu: x.is_xpu
isclose: x.isclose(y, atol=1) ; holes.isclose(holes, equal_nan=True)
isfinite: holes.isfinite()
isinf: holes.isinf()
isnan: holes.isnan()
isneginf: (1 / i).isneginf()
isposinf: (1 / i).isposinf()
isreal: c.isreal() ; x.isreal()
istft: signal.stft(8, return_complex=True, window=T.ones(8, dtype=T.float64)).istft(8, window=T.ones(8, dtype=T.float64))
item: one.item()
itemsize: x.itemsize
kron: x.kron(q) ; v.kron(x)
kthvalue: x.kthvalue(2) ; x.kthvalue(1, 0) ; x.kthvalue(2, dim=1, keepdim=True)
lcm: i.lcm(j)
ldexp: x.ldexp(at)
le: x.le(y) ; x.le(0)
lerp: x.lerp(y, 0.3) ; x.lerp(y, u)
less: x.less(y)
less_equal: x.less_equal(y)
lgamma: p.lgamma()
log: p.log()
log10: p.log10()
log1p: p.log1p()
log2: p.log2()
log_softmax: x.log_softmax(1) ; x.log_softmax(dim=0) ; i.log_softmax(0, dtype=T.float64)
logaddexp: x.logaddexp(y)
logaddexp2: x.logaddexp2(y)
logcumsumexp: x.logcumsumexp(1) ; x.logcumsumexp(dim=0)
logdet: s.logdet()
logical_and: b.logical_and(d) ; x.logical_and(i)
logical_not: b.logical_not() ; i.logical_not()
logical_or: b.logical_or(d)
logical_xor: b.logical_xor(d)
logit: u.logit() ; u.logit(eps=0.3)
logsumexp: x.logsumexp(1) ; x.logsumexp(dim=(0, 1), keepdim=True)
long: x.long()
lt: x.lt(y) ; x.lt(0)
lu: m.lu() | T.linalg.lu_factor(m)
lu_solve: z.lu_solve(*T.linalg.lu_factor(m))
mH: c.mH ; cube.mH
mT: cube.mT
masked_fill: x.masked_fill(b, 2.5) ; x.masked_fill(b, one)
masked_scatter: x.masked_scatter(b, y)
masked_select: x.masked_select(b)
matmul: x.matmul(q) ; cube.matmul(v)
matrix_exp: m.matrix_exp()
matrix_power: m.matrix_power(3) ; m.matrix_power(-1)
max: x.max() ; x.max(other=y) ; x.max(1) | x.max(1).values ; x.max(y)
maximum: x.maximum(y)
mean: x.mean() ; x.mean(1) ; x.mean(dim=(0, 1), keepdim=True) ; i.mean(0, dtype=T.float64)
median: x.median() ; x.median(1) ; x.median(dim=0, keepdim=True)
min: x.min() ; x.min(1) | x.min(1).values ; x.min(y)
minimum: x.minimum(y)
mm: x.mm(q)
mode: i.mode() ; x.mode(0) ; i.mode(dim=1, keepdim=True)
moveaxis: cube.moveaxis(0, 2) ; cube.moveaxis((0, 1), (1, 2))
movedim: cube.movedim(0, 2) ; cube.movedim((0, 1), (1, 2)) ; cube.movedim(source=0, destination=1)
msort: x.msort()
mul: x.mul(y) ; x.mul(other=y) ; x.mul(2) ; i.mul(1.5)
multinomial: ~p.multinomial(2) ; ~p.multinomial(5, True) ; ~p.multinomial(5, replacement=True)
multiply: x.multiply(y)
mv: x.mv(v)
mvlgamma: (p + 2).mvlgamma(2) ; (p + 2).mvlgamma(p=3)
nan_to_num: holes.nan_to_num() ; holes.nan_to_num(1.5, 2.5, -2.5) ; (1 / i).nan_to_num(posinf=3.0, neginf=-3.0)
nanmean: holes.nanmean() ; holes.nanmean(1) ; holes.nanmean(dim=0, keepdim=True)
nanmedian: holes.nanmedian() ; holes.nanmedian(1) ; holes.nanmedian(dim=0, keepdim=True)
nanquantile: holes.nanquantile(0.4) ; holes.nanquantile(0.4, 1) ; holes.nanquantile(0.4, dim=0, keepdim=True)
nansum: holes.nansum() ; holes.nansum(1) ; holes.nansum(dim=0, keepdim=True)
narrow: x.narrow(1, 1, 2) ; x.narrow(dim=0, start=1, length=2)
narrow_copy: x.narrow_copy(1, 1, 2) ; x.narrow_copy(dim=0, start=1, length=2)
nbytes: x.nbytes
ndim: x.ndim
ndimension: x.ndimension()
ne: x.ne(x) ; i.ne(2)
neg: x.neg()
negative: x.negative()
nelement: x.nelement()
new_empty: ~x.new_empty(2, 3) ; ~x.new_empty((2, 3), dtype=T.int64)
new_full: x.new_full((2, 3), 1.5) ; x.new_full((2,), 2, dtype=T.int64)
new_ones: x.new_ones(2, 3) ; x.new_ones((2, 3), dtype=T.int64)
new_tensor: x.new_tensor([1, 2]) ; x.new_tensor([1.5], dtype=T.float32)
new_zeros: x.new_zeros(2, 3) ; x.new_zeros(size=(2, 3)) ; x.new_zeros((2, 3), dtype=T.int64)
nextafter: x.nextafter(y)
nonzero: b.nonzero() | b.nonzero(as_tuple=True)
nonzero_static: i.nonzero_static(size=4) ; i.nonzero_static(size=20, fill_value=-7)
norm: x.norm() ; x.norm(1) ; x.norm(2, 1) ; x.norm(p=3, dim=0, keepdim=True) ; x.norm("fro") ; x.norm("nuc")
not_equal: x.not_equal(y)
numel: x.numel()
numpy: x.detach().numpy()
orgqr: m.tril().geqrf()[0].orgqr(r)
ormqr: m.ormqr(r, x) ; m.ormqr(r, x.mT, left=False) ; m.ormqr(r, x, transpose=True)
outer: v.outer(r)
permute: cube.permute(2, 0, 1) ; cube.permute((2, 0, 1)) ; cube.permute(dims=(1, 0, 2))
pinverse: x.pinverse()
polygamma: p.polygamma(1) ; p.polygamma(2)
positive: x.positive()
pow: p.pow(x) ; x.pow(2) ; p.pow(exponent=1.5)
prelu: x.prelu(one) ; x.prelu(v)
prod: x.prod() ; x.prod(1) ; x.prod(dim=0, keepdim=True) ; i.prod(0)
put: x.put(flat, r) ; x.put(flat, r, accumulate=True)
qr: (x.qr()[0] @ x.qr()[1]) ; m.qr(some=False)[1].abs()
quantile: x.quantile(0.4) ; x.quantile(0.4, 1) ; x.quantile(0.4, dim=0, keepdim=True, interpolation="nearest")
rad2deg: x.rad2deg()
ravel: cube.ravel()
real: c.real
reciprocal: p.reciprocal()
register_hook: x.register_hook(print) is not None
register_post_accumulate_grad_hook: x.register_post_accumulate_grad_hook(print) is not None
relu: x.relu()
remainder: x.remainder(p) ; i.remainder(j) ; x.remainder(0.7)
renorm: x.renorm(2, 0, 1.0) ; x.renorm(p=1, dim=1, maxnorm=0.5)
repeat: x.tile(2, 1) | x.repeat(2, 1)
repeat_interleave: x.repeat_interleave(2) ; x.repeat_interleave(2, dim=0, output_size=6) ; x.repeat_interleave(2, 0) ; x.repeat_interleave(count[:3], dim=0)
requires_grad: x.requires_grad
reshape: x.reshape(4, 3) ; x.reshape((2, -1)) ; x.reshape(shape=(4, 3))
reshape_as: x.reshape_as(x.T)
resolve_conj: c.resolve_conj()
resolve_neg: x.resolve_neg()
retain_grad: x.retain_grad()
retains_grad: x.retains_grad
roll: x.roll(1) ; x.roll(1, 0) ; x.roll((1, 2), (0, 1)) ; x.roll(shifts=1, dims=1)
rot90: x.rot90() ; x.rot90(2) ; x.rot90(1, (1, 0)) ; x.rot90(k=-1, dims=[0, 1])
round: x.round() ; x.round(decimals=1)
rsqrt: p.rsqrt()
scatter: x.scatter(0, at, y) ; x.scatter(1, at, 2.5) ; x.scatter(0, at, 2.5, reduce="multiply")
scatter_add: x.scatter_add(0, at, y) ; x.scatter_add(dim=1, index=at, src=y)
scatter_reduce: x.scatter_reduce(0, at, y, "sum") ; x.scatter_reduce(0, at, y, reduce="amax", include_self=False)
select: x.select(0, 1) ; x.select(dim=1, index=-1)
select_scatter: x.select_scatter(v, 0, 1) ; x.select_scatter(r, dim=1, index=-1)
sgn: x.sgn() ; c.sgn()
shape: x.shape[1]
short: x.short()
sigmoid: x.sigmoid()
sign: x.sign()
signbit: x.signbit()
sin: x.sin()
sinc: x.sinc()
sinh: x.sinh()
size: x.size(0)
slice_scatter: x.slice_scatter(y[:2], 0, 1) ; x.slice_scatter(y[:, :2], dim=1, start=0, end=4, step=2)
slogdet: m.slogdet()
softmax: x.softmax(1) ; x.softmax(dim=0) ; i.softmax(0, dtype=T.float64)
sort: x.sort() | x.sort().values ; x.sort(0, descending=True) | x.sort(0, descending=True).values
split: x.split(2) ; x.split(2, 1) ; x.split([1, 2]) ; x.split([1, 3], dim=1)
split_with_sizes: x.split_with_sizes([1, 2]) ; x.split_with_sizes([1, 3], 1) ; x.split_with_sizes([1, 3], dim=1)
sqrt: p.sqrt()
square: x.square()
squeeze: x[None].squeeze() ; x[None].squeeze(0) ; x[:, None].squeeze(dim=1)
std: x.std(unbiased=False) ; x.std(False) ; x.std(1, False) ; x.std(1, True, True) ; x.std(1, correction=1) | x.std(1) ; x.std(dim=0, correction=1, keepdim=True)
stft: signal.stft(8, return_complex=True, window=T.ones(8, dtype=T.float64)) ; signal.stft(8, 4, window=T.ones(8, dtype=T.float64), center=False, return_complex=True)
sub: x.sub(y) ; x.sub(y, alpha=2) ; x.sub(2.5)
subtract: x.subtract(y) ; x.subtract(y, alpha=2)
sum: x.sum() ; x.sum(1) ; x.sum(dim=(0, 1), keepdim=True) ; b.sum() ; i.sum(0, dtype=T.float64) ; x.sum(0, True)
sum_to_size: x.sum_to_size(4) ; x.sum_to_size(1, 4) ; cube.sum_to_size((3, 1))
svd: x.svd()[1]
swapaxes: cube.swapaxes(0, 2) ; cube.swapaxes(axis0=0, axis1=1)
swapdims: cube.swapdims(0, 2) ; cube.swapdims(dim0=0, dim1=1)
t: x.t() ; v.t()
take: x.reshape(-1).take(flat) | x.take(flat)
take_along_dim: x.take_along_dim(at, 0) ; x.take_along_dim(flat)
tan: x.tan()
tanh: x.tanh()
tensor_split: x.tensor_split(2) ; x.tensor_split(3, 1) ; x.tensor_split((1, 3), dim=1)
tile: x.tile(2) ; x.tile((2, 1)) ; x.tile(2, 1, 1) ; x.tile(dims=(1, 2))
to: x.to(T.float32) ; x.to("cpu") ; x.to("cpu", T.float32) ; x.to(i) ; x.to(dtype=T.float32, copy=True)
to_dense: x.to_dense() ; x.to_dense(T.float32)
tolist: x.tolist()
topk: x.topk(2) ; x.topk(2, 0) ; x.topk(2, dim=1, largest=False, sorted=True)
trace: m.trace()
transpose: cube.transpose(0, 2) ; cube.transpose(dim0=0, dim1=1)
triangular_solve: z.triangular_solve(l, upper=False) ; z.triangular_solve(l.T) ; z.triangular_solve(l, upper=False, transpose=True)
tril: x.tril() ; x.tril(1) ; x.tril(diagonal=-1)
triu: x.triu() ; x.triu(1) ; x.triu(diagonal=-1)
true_divide: x.true_divide(p) ; i.true_divide(j)
trunc: x.trunc()
type: x.type(T.float32)
type_as: x.type_as(i)
unbind: x.unbind() ; x.unbind(1) ; x.unbind(dim=1)
unflatten: x.unflatten(1, (2, 2)) ; x.unflatten(dim=-1, sizes=(-1, 2))
unfold: x.unfold(1, 2, 1) ; x.unfold(0, 2, 1) ; x.unfold(dimension=1, size=3, step=2)
unique: i.unique() ; i.unique(return_counts=True) ; i.unique(return_inverse=True)
unique_consecutive: count.unique_consecutive() ; count.unique_consecutive(return_inverse=True, return_counts=True)
unsafe_chunk: x.unsafe_chunk(2) ; x.unsafe_chunk(2, 1)
unsafe_split: x.unsafe_split(2) ; x.unsafe_split(2, 1)
unsafe_split_with_sizes: x.unsafe_split_with_sizes([1, 2]) ; x.unsafe_split_with_sizes([1, 3], 1)
unsqueeze: x.unsqueeze(0) ; x.unsqueeze(dim=-1)
var: x.var(unbiased=False) ; x.var(False) ; x.var(1, False) ; x.var(1, True, True) ; x.var(1, correction=1) | x.var(1) ; x.var(dim=0, correction=1, keepdim=True)
vdot: v.vdot(w) ; c[0].vdot(c[1])
view: x.view(4, 3) ; x.view((2, -1)) ; x.view(-1)
view_as: x.view_as(x.reshape(4, 3))
vsplit: x[:2].vsplit(2) ; x.vsplit([1])
where: x.where(b, y) ; x.where(b, 2.5)
xlogy: x.xlogy(p) ; x.xlogy(2.0)
"""

_IN_PLACE = r"""
abs_: x.abs_()
logical_and_: b.logical_and_(d) ; !x.logical_and_(i)
absolute_: x.absolute_()
cumprod_: x.cumprod_(1) ; x.cumprod_(dim=0)
cumsum_: x.cumsum_(1) ; x.cumsum_(dim=0)
div_: x.div_(p) ; x.div_(2) ; x.div_(p, rounding_mode="floor") ; i.div_(j, rounding_mode="trunc")
divide_: x.divide_(p) ; i.divide_(j, rounding_mode="floor")
float_power_: p.float_power_(x) ; p.float_power_(1.5)
mul_: x.mul_(y) ; x.mul_(other=y) ; x.mul_(2) ; i.mul_(2)
true_divide_: x.true_divide_(p)
apply_: !x.apply_(lambda e: e * 2)
bernoulli_: ~x.bernoulli_() ; ~x.bernoulli_(0.3) ; ~x.bernoulli_(u)
cauchy_: ~x.cauchy_() ; ~x.cauchy_(1.0, 2.0) ; ~x.cauchy_(median=1, sigma=2)
copy_: x.copy_(y) ; x.copy_(v) ; x.copy_(i)
detach_: x.detach_()
exponential_: ~x.exponential_() ; ~x.exponential_(2.0) ; ~x.exponential_(lambd=2.0)
fill_: x.fill_(2.5) ; x.fill_(one)
fill_diagonal_: x.fill_diagonal_(2.5) ; q.fill_diagonal_(2.5) ; q.fill_diagonal_(2.5, wrap=True) ; stack[:, :2, :2].contiguous().fill_diagonal_(1.0)
geometric_: ~x.geometric_(0.3) ; ~j.geometric_(p=0.3)
log_normal_: ~x.log_normal_() ; ~x.log_normal_(0.5, 0.25) ; ~x.log_normal_(mean=0.5, std=0.25)
map_: !x.map_(y, lambda e, f: e + f)
map2_: !x.map2_(y, p, lambda e, f, g: e * f + g)
normal_: ~x.normal_() ; ~x.normal_(1.0, 2.0) ; ~x.normal_(mean=1, std=2)
random_: ~i.random_() ; ~x.random_(5) ; ~i.random_(2, 9)
requires_grad_: x.requires_grad_()
uniform_: ~x.uniform_() ; ~x.uniform_(-1, 1)
zero_: x.zero_()
"""


@functools.cache
def _lines(text: str) -> dict[str, list[str]]:
    table = {}
    for line in text.strip().splitlines():
        name, _, calls = line.partition(": ")
        table[name] = calls.split(" ; ")
    return table


def of_method(name: str) -> list[str]:
    """Return the calls of a method, of one in place those of its namesake where it has none of its own."""
    own = _lines(_IN_PLACE if name.endswith("_") else _METHODS).get(name)
    if name.endswith("_") and own is None:
        own = [_renamed(call, name) for call in _lines(_METHODS).get(name[:-1], [])]
    return own or []


def _renamed(call: str, name: str) -> str:
    return " | ".join(re.sub(rf"\.{name[:-1]}\(", f".{name}(", part) for part in call.split(" | "))


def of_function(name: str) -> list[str]:
    """Return the calls of a function, without any of its own those of the method."""
    own = _lines(FUNCTIONS).get(name)
    if own is None:
        copy = ".clone()" if name.endswith("_") else ""
        pattern, form = rf"^([~!]?)(.*?)\.{name}\((.*)\)", rf"\1T.{name}(\2{copy}, \3)"
        # Operands of functions have no names.
        calls = [call for call in of_method(name) if "other=" not in call and "mat1=" not in call]
        own = [re.sub(pattern, form, call).replace(", )", ")") for call in calls]
    return own


def of_module(module: str, name: str) -> list[str]:
    """Return the calls of a function of a module."""
    return _lines(MODULES[module]).get(name, [])


def written(call: str) -> str:
    """Return a call in place on a copy of its tensor."""
    return re.sub(r"^([~!]?\w+)((?:\[.*?\]|\.contiguous\(\))*)\.(\w+_)\(", r"\1\2.clone().\3(", call)
