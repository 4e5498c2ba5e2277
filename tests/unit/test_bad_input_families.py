# ruff: noqa: E501
"""Bad input to functions beyond the core: the whole text of each error, and the same class on another device."""

from __future__ import annotations

import importlib.util

import candelabra as cb
import pytest
from candelabra.core import errors

STRICT = importlib.util.find_spec("candelabra_strict") is not None

# A call, and the class and the text of its error.
CASES = """
cb.linalg.inv(cb.ones((2, 3)))
ShapeError: inv: square matrices in the last two axes are needed, got shape (2, 3)
cb.linalg.inv(cb.zeros((2, 2)))
LinAlgError: inv(x: float32 (2, 2)) on cpu: Singular matrix; add a multiple of the identity, or use pinv
cb.linalg.inv(cb.ones((2, 2), dtype=cb.int64))
DTypeError: inv: takes floating-point dtypes, not int64; convert first, for example with .to(candelabra.float32)
cb.linalg.det(cb.ones(2))
ShapeError: det: square matrices in the last two axes are needed, got shape (2,)
cb.linalg.cholesky(-cb.eye(2))
LinAlgError: cholesky(x: float32 (2, 2)) on cpu: Matrix is not positive definite; add a multiple of the identity, or use eigh
cb.linalg.solve(cb.eye(2), cb.ones(3))
ShapeError: solve: right sides of shape (3,) do not fit matrices of shape (2, 2): they are one vector of 2 numbers, or matrices of as many rows; one vector for each matrix is x2[..., None]
cb.linalg.solve(cb.zeros((2, 2)), cb.ones(2))
LinAlgError: solve(x1: float32 (2, 2), x2: float32 (2,)) on cpu: Singular matrix; add a multiple of the identity, or use pinv
cb.linalg.qr(cb.ones(2))
ShapeError: qr: matrices in the last two axes are needed, got shape (2,)
cb.linalg.svd(cb.ones((2, 2), dtype=cb.bool))
DTypeError: svd: takes floating-point dtypes, not bool; convert first, for example with .to(candelabra.float32)
cb.linalg.eigh(cb.ones((2, 3)))
ShapeError: eigh: square matrices in the last two axes are needed, got shape (2, 3)
cb.linalg.matrix_power(cb.eye(2), 1.5)
ArgumentTypeError: matrix_power: the exponent is an int, not 1.5
cb.linalg.matrix_power(cb.ones((2, 3)), 2)
ShapeError: matrix_power: square matrices in the last two axes are needed, got shape (2, 3)
cb.linalg.vector_norm(cb.ones((2, 3)), axis=5)
AxisError: vector_norm: axis 5 is out of bounds for 2 axes; axes go from -2 to 1
cb.linalg.vector_norm([1.0])
ArgumentTypeError: vector_norm: x is a Tensor, not list [1.0]; make one with candelabra.asarray(...)
cb.linalg.cross(cb.ones(2), cb.ones(2))
ShapeError: cross: axis -1 must have size 3 in both operands, got shapes (2,) and (2,)
cb.linalg.outer(cb.ones((2, 2)), cb.ones(2))
ShapeError: outer: two vectors are needed, got shapes (2, 2) and (2,)
cb.linalg.tensordot(cb.ones((2, 3)), cb.ones((2, 3)), axes=1)
ShapeError: tensordot: axes [1] of shape (2, 3) and [0] of shape (2, 3) do not have equal sizes
cb.linalg.multi_dot([])
ArgumentTypeError: multi_dot: at least two Tensors are needed
cb.fft.fft("a")
ArgumentTypeError: fft: x is a Tensor, not str 'a'; make one with candelabra.asarray(...)
cb.fft.fft(cb.ones((2, 0)))
ShapeError: fft: axis 1 of shape (2, 0) is empty; a transform needs at least one element, or its length as an argument
cb.fft.fft(cb.ones(4), n=0)
ArgumentError: fft: the length of a transform must be positive, got 0
cb.fft.fft(cb.ones(4), norm="sideways")
ArgumentError: fft: norm is one of 'backward', 'ortho', 'forward', not 'sideways'
cb.fft.fft(cb.ones(4), axis=3)
AxisError: fft: axis 3 is out of bounds for 1 axes; axes go from -1 to 0
cb.fft.rfft(cb.ones(4, dtype=cb.complex64))
DTypeError: rfft: real numbers are needed, got complex64; take their real part, or use fft
cb.fft.fftn(cb.ones((2, 2)), s=(2,), axes=(0, 1))
ShapeError: fftn: 1 sizes are given for 2 axes
cb.fft.fftfreq(0)
ArgumentError: fftfreq: n must be positive, got 0
cb.topk(cb.ones((2, 3)), 4)
ArgumentError: topk: k lies between 0 and the 3 elements of the axis, got 4
cb.topk(cb.ones((2, 3)), "two")
ArgumentTypeError: topk: k is an int, not 'two'
cb.topk([1.0, 2.0], 1)
ArgumentTypeError: topk: x is a Tensor, not list [1.0, 2.0]; make one with candelabra.asarray(...)
cb.kthvalue(cb.ones(3), 0)
ArgumentError: kthvalue: k lies between 1 and the 3 elements of the axis, got 0
cb.quantile(cb.ones(3), 1.5)
ArgumentError: quantile: q lies between 0 and 1, got 1.5
cb.quantile(cb.ones(3, dtype=cb.int64), 0.5)
DTypeError: quantile: takes floating-point numbers, not int64; convert first
cb.cummax(cb.ones(3, dtype=cb.complex64), 0)
DTypeError: cummax: takes real numbers, not complex64; convert first
cb.bincount(cb.tensor([-1]))
ArgumentError: bincount: the numbers are not negative, got -1
cb.histc(cb.ones(3), bins=0)
ArgumentError: histc: at least one bin is needed, got 0
cb.histogram(cb.ones(3), 2, range=(1.0,))
ArgumentError: histogram: a range is two numbers, got (1.0,)
cb.searchsorted(cb.ones((2, 2)), cb.ones(2))
ShapeError: searchsorted: the sorted tensor has one axis, or all axes but the last as the values have them; got shapes (2, 2) and (2,)
cb.cdist(cb.ones((2, 3)), cb.ones((2, 4)))
ShapeError: cdist: rows (..., P, M) and (..., R, M) are needed, got shapes (2, 3) and (2, 4)
cb.einsum("ij,jk->ik", cb.ones((2, 3)), cb.ones((2, 3)))
ShapeError: einsum 'ij,jk->ik': letter 'j' has size 3 in one operand and 2 in another
cb.kron("a", cb.ones(2))
ArgumentTypeError: kron: x1 is a Tensor, not str 'a'; make one with candelabra.asarray(...)
cb.polygamma(-1, cb.ones(2))
ArgumentError: polygamma: the order n lies between 0 and 100, got -1
cb.mvlgamma(cb.ones(2), 0)
ArgumentError: mvlgamma: the dimension p is at least 1, got 0
cb.lerp(cb.ones(2), cb.ones(2), "half")
ArgumentTypeError: lerp: weight is a Tensor or a number, not str 'half'; make one with candelabra.asarray(...)
cb.index_copy(cb.ones(3), 0, cb.tensor([0]), cb.tensor([1]))
DTypeError: index_copy: source is of int64, x of float32; cast one of them
cb.index_fill(cb.ones(3), 0, [0], 1.0)
ArgumentTypeError: index_fill: index is a Tensor, not list
cb.put_along_axis(cb.ones((2, 2)), cb.tensor([0]), 1.0, axis=0)
ShapeError: put_along_axis: indices have 1 axes, x has 2; both need the same number
cb.segment_reduce(cb.ones(3), "median", lengths=cb.tensor([3]))
ArgumentError: segment_reduce: reduce is one of sum, mean, max, min, prod, not 'median'
cb.stft(cb.ones(4), 8)
ArgumentError: stft: give return_complex for a real signal; True is what other functions take
cb.hann_window(-1)
ArgumentError: hann_window: window_length must not be negative, got -1
cb.rot90(cb.ones((2, 2)), 1, (0, 0))
AxisError: rot90: an axis stands twice in (0, 0)
cb.narrow(cb.ones((2, 3)), 1, 2, 5)
ShapeError: narrow: 5 slices from 2 on do not fit axis 1 of shape (2, 3)
cb.select(cb.ones((2, 3)), 2, 0)
AxisError: select: axis 2 is out of bounds for 2 axes; axes go from -2 to 1
cb.split(cb.ones(4), 0)
ArgumentError: split: the size of a piece must be positive, got 0
cb.chunk(cb.ones(4), "two")
ArgumentTypeError: chunk: chunks is an int, not str 'two'
cb.diff(cb.tensor(1.0))
ShapeError: diff: a tensor of at least one axis is needed
cb.meshgrid(cb.ones(2), 3)
ArgumentTypeError: meshgrid: arrays[1] is a Tensor, not int 3; make one with candelabra.asarray(...)
cb.masked_fill(cb.ones(2), cb.ones(2), 0.0)
ArgumentTypeError: masked_fill: the mask is boolean, not float32
cb.numel(3)
ArgumentTypeError: numel: x is a Tensor, not int 3; make one with candelabra.asarray(...)
cb.unflatten(cb.ones(6), 0, (4, 2))
ShapeError: unflatten: axis 0 has size 6, which does not fit (4, 2)
cb.conv2d(cb.ones((1, 2, 4, 4)), cb.ones((3, 3, 2, 2)))
ShapeError: conv2d: input has 2 channels, weight (3, 3, 2, 2) with groups=1 wants 3 (and out channels divisible by groups)
cb.softmax(cb.ones((2, 3)), 2)
AxisError: softmax: axis 2 is out of bounds for 2 axes; axes go from -2 to 1
cb.vander(cb.ones((2, 2)))
ShapeError: vander: a vector is needed, got shape (2, 2)
cb.cov("a")
ArgumentTypeError: cov: x is a Tensor, not str 'a'; make one with candelabra.asarray(...)
cb.trapezoid(cb.ones(3), cb.ones(4))
ShapeError: trapezoid: 4 places are given for 3 samples
cb.gradient(cb.ones(3), spacing="one")
ArgumentTypeError: gradient: spacing is a number or a Tensor or a sequence, not str 'one'
cb.heaviside(cb.ones(2), cb.ones(3))
ShapeError: heaviside: where(condition: bool (2,), x1: float32 (3,), x2: float32 (2,)) on cpu: the shapes (2,) and (3,) and (2,) do not broadcast; make sizes equal or 1 from the right, for example with reshape or expand_dims
cb.gcd(cb.ones(2), cb.ones(2))
DTypeError: gcd(x1: float32 (2,), x2: float32 (2,)) on cpu: takes integer dtypes, not float32; convert first, for example with .to(candelabra.int64)
cb.ldexp(cb.ones(2), "two")
ArgumentTypeError: ldexp: other is a Tensor or a number, not str 'two'; make one with candelabra.asarray(...)
"""
LINES = CASES.strip().splitlines()


@pytest.mark.parametrize(("call", "told"), list(zip(LINES[::2], LINES[1::2], strict=True)), ids=LINES[::2])
def test_the_whole_text(call: str, told: str) -> None:
    with pytest.raises(errors.CandelabraError) as caught:
        eval(call)
    assert f"{type(caught.value).__name__}: {caught.value}" == told


# Values are looked at where that costs no synchronization; a library's own checks may come first.
@pytest.mark.skipif(not STRICT, reason="candelabra-strict is not installed")
@pytest.mark.parametrize(("call", "told"), list(zip(LINES[::2], LINES[1::2], strict=True)), ids=LINES[::2])
def test_the_same_class_elsewhere(call: str, told: str) -> None:
    with cb.device("strict"), pytest.raises(errors.CandelabraError) as caught:
        eval(call)
    assert type(caught.value).__name__ == told.partition(":")[0]
