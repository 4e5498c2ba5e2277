"""Functions beyond the standard against PyTorch's: values, gradients, gradients of gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest

Compare = Callable[..., None]
RNG = np.random.default_rng(58)
LIMITS = np.array([0.0, -0.0, 1.0, -1.0, 2.0, -3.0, np.inf, -np.inf, np.nan])


def uniform(low: float, high: float, *shape: int) -> np.ndarray:
    return np.asarray(RNG.uniform(low, high, shape))


SPECIAL = {
    "lgamma": (-6, 9), "digamma": (-4, 9), "erfinv": (-1, 1), "sinc": (-4, 4), "i0": (-12, 12),
    "special.i1": (-12, 12), "special.entr": (0, 4), "special.expit": (-4, 4),
}  # fmt: skip


def theirs_of(torch: Any, name: str) -> Any:
    return getattr(torch.special, name.removeprefix("special.")) if "." in name else getattr(torch, name)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", SPECIAL)
def test_special_function(compare: Compare, name: str, dtype: str) -> None:
    mine = getattr(cb, name.removeprefix("special."))
    x = uniform(*SPECIAL[name], 4, 5)
    # PyTorch computes trigamma and its kin in float32 with five digits.
    compare(mine, lambda torch, x: theirs_of(torch, name)(x), x, dtype=dtype, tolerance=10)


@pytest.mark.parametrize("name", SPECIAL)
def test_special_function_at_its_limits(torch: Any, name: str) -> None:
    mine = getattr(cb, name.removeprefix("special."))(cb.tensor(LIMITS)).numpy()
    wanted = theirs_of(torch, name)(torch.tensor(LIMITS)).numpy()
    if name in ("i0", "special.i1"):
        # PyTorch's 0 * inf is NaN there.
        wanted[6:8] = [np.inf, np.inf if name == "i0" else -np.inf]
    np.testing.assert_allclose(mine, wanted, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5])
def test_polygamma(compare: Compare, n: int) -> None:
    # PyTorch's trigamma has nine digits.
    loose = 100 if n < 2 else 1
    x = uniform(0.3, 8, 3, 4)
    compare(lambda x: cb.polygamma(n, x), lambda torch, x: torch.polygamma(n, x), x, tolerance=loose)


@pytest.mark.parametrize("eps", [None, 0.1])
def test_logit(compare: Compare, eps: float | None) -> None:
    compare(lambda x: cb.logit(x, eps), lambda torch, x: torch.logit(x, eps), uniform(0.01, 0.99, 30))
    compare(lambda x: cb.logit(x, 0.1), lambda torch, x: torch.logit(x, 0.1), np.array([0.05, 0.95, -1.0, 2.0]))


def test_products_with_logarithms(compare: Compare) -> None:
    x, y = uniform(-2, 2, 3, 4), uniform(0.1, 3, 4)
    compare(cb.xlogy, lambda torch, x, y: torch.xlogy(x, y), x, y)
    compare(cb.xlog1py, lambda torch, x, y: torch.special.xlog1py(x, y), x, y - 0.9)
    zero, edge = np.zeros(4), np.array([0.0, 1.0, -2.0, np.nan])
    compare(cb.xlogy, lambda torch, x, y: torch.xlogy(x, y), zero, edge, order=1)
    compare(cb.xlog1py, lambda torch, x, y: torch.special.xlog1py(x, y), zero, edge - 1, order=1)


TIES = np.array([[2.0, 1.0, 2.0, 0.5], [3.0, 3.0, -1.0, 3.0], [np.nan, 1.0, 2.0, 0.0], [np.inf, 1.0, np.inf, -np.inf]])


def distinct(*shape: int) -> np.ndarray:
    return np.asarray(RNG.permutation(int(np.prod(shape))).reshape(shape) / 3.0)


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("k, axis", [(1, -1), (3, -1), (0, 1), (2, 0), (4, 1)])
def test_topk(compare: Compare, k: int, axis: int, largest: bool) -> None:
    x = distinct(3, 4, 5)
    compare(lambda x: cb.topk(x, k, axis=axis, largest=largest), lambda torch, x: torch.topk(x, k, axis, largest), x)
    compare(lambda x: x.topk(k, dim=axis).values, lambda torch, x: x.topk(k, dim=axis).values, x.astype(np.int64))


@pytest.mark.parametrize("keepdims", [True, False])
@pytest.mark.parametrize("axis", [0, -1, 1])
def test_kthvalue_and_medians(compare: Compare, axis: int, keepdims: bool) -> None:
    for x in (distinct(3, 4, 5), distinct(1, 6, 2)):
        compare(lambda x: cb.kthvalue(x, 1, axis, keepdims), lambda torch, x: torch.kthvalue(x, 1, axis, keepdims), x)
        compare(lambda x: cb.median(x, axis, keepdims), lambda torch, x: torch.median(x, axis, keepdims), x)
        compare(lambda x: cb.nanmedian(x, axis, keepdims), lambda torch, x: torch.nanmedian(x, axis, keepdims), x)


def test_medians_of_everything(compare: Compare) -> None:
    for x in (distinct(3, 4), np.array([1.0, 2.0, 2.0, 2.0, 3.0, 3.0]), np.array(4.0), np.zeros((0,))):
        compare(cb.median, lambda torch, x: torch.median(x), x, order=1 if x.size else 0)
        compare(cb.nanmedian, lambda torch, x: torch.nanmedian(x), x, order=1 if x.size else 0)
    for name in ("median", "nanmedian"):
        along = lambda x, n=name: getattr(x, n)(dim=1).values
        compare(along, lambda torch, x, f=along: f(x), TIES)
        compare(lambda x, n=name: getattr(x, n)(), lambda torch, x, n=name: getattr(x, n)(), TIES[:3], order=0)
    compare(cb.median, lambda torch, x: torch.median(x), RNG.integers(0, 9, 8))


@pytest.mark.parametrize("interpolation", ["linear", "lower", "higher", "midpoint", "nearest"])
@pytest.mark.parametrize("name", ["quantile", "nanquantile"])
def test_quantiles(compare: Compare, name: str, interpolation: str) -> None:
    x = distinct(3, 4, 5)
    holes = np.where(x == 4.0, np.nan, x)
    points = np.array([0.0, 0.1, 0.5, 0.77, 1.0])
    for axis, keepdims in [(None, False), (None, True), (1, False), (-1, True)]:
        for q in (0.3, points):
            for values in (x, holes):
                compare(
                    lambda x, a=axis, k=keepdims, q=q: getattr(cb, name)(
                        x, q if q is not points else cb.tensor(points), a, k, interpolation=interpolation
                    ),
                    lambda torch, x, a=axis, k=keepdims, q=q: getattr(torch, name)(
                        x, q if q is not points else torch.tensor(points), a, k, interpolation=interpolation
                    ),
                    values,
                )


def test_msort(compare: Compare) -> None:
    compare(cb.msort, lambda torch, x: torch.msort(x), distinct(5, 3))


@pytest.mark.parametrize("name", ["cummax", "cummin", "logcumsumexp"])
def test_running(compare: Compare, name: str) -> None:
    for x, axis in [(distinct(7, 2), 0), (distinct(2, 9, 2) - 3, 1), (np.array(2.0), 0), (np.zeros((0, 2)), 0)]:
        compare(lambda x, a=axis: getattr(cb, name)(x, a), lambda torch, x, a=axis: getattr(torch, name)(x, a), x)
    if name != "logcumsumexp":
        compare(lambda x: getattr(x, name)(dim=1), lambda torch, x: getattr(x, name)(dim=1), TIES)
        compare(lambda x: getattr(x, name)(0), lambda torch, x: getattr(x, name)(0), RNG.integers(0, 3, (8, 3)))
    else:
        compare(lambda x: cb.logcumsumexp(x, 1), lambda torch, x: torch.logcumsumexp(x, 1), TIES, order=0)


def normal(*shape: int) -> np.ndarray:
    return np.asarray(RNG.standard_normal(shape))


@pytest.mark.parametrize("offset", [0, 1, -2, 3, -3])
def test_diagonals(compare: Compare, offset: int) -> None:
    x = normal(3, 4, 2)
    for one, two in [(0, 1), (1, 0), (-1, 0), (1, 2)]:
        compare(
            lambda x, a=one, b=two: cb.diagonal(x, offset, a, b),
            lambda torch, x, a=one, b=two: torch.diagonal(x, offset, a, b), x,
        )  # fmt: skip
        compare(
            lambda x, a=one, b=two: cb.diag_embed(x, offset, a, b),
            lambda torch, x, a=one, b=two: torch.diag_embed(x, offset, a, b), x,
        )  # fmt: skip
    compare(lambda x: cb.diag(x, offset), lambda torch, x: torch.diag(x, offset), normal(4))
    compare(lambda x: x.diag(diagonal=offset), lambda torch, x: x.diag(diagonal=offset), normal(4, 5))
    compare(lambda x: cb.diagflat(x, offset), lambda torch, x: torch.diagflat(x, offset), normal(2, 3))


def test_matrices_from_pieces(compare: Compare) -> None:
    for one, two in [((2,), (3,)), ((2, 3), (4,)), ((), (2, 2)), ((2, 1, 3), (2, 2))]:
        compare(cb.kron, lambda torch, a, b: torch.kron(a, b), normal(*one), normal(*two))
    pieces = (normal(2, 3), normal(2), np.array(5.0), normal(0, 2), RNG.integers(0, 9, (1, 2)))
    compare(cb.block_diag, lambda torch, *a: torch.block_diag(*a), *pieces)
    for k in (-1, 0, 1, 2, 3, 5):
        for axes in ((0, 1), (1, 0), (-1, 0)):
            compare(
                lambda x, k=k, a=axes: cb.rot90(x, k, a),
                lambda torch, x, k=k, a=axes: torch.rot90(x, k, a), normal(2, 3, 4),
            )  # fmt: skip


def test_sums_without_nan(compare: Compare) -> None:
    x = normal(3, 4, 2)
    x[x > 0.8] = np.nan
    for axis in (None, 1, (0, 2)):
        for keepdims in (False, True):
            for name in ("nansum", "nanmean"):
                compare(
                    lambda x, a=axis, k=keepdims, n=name: getattr(cb, n)(x, a, k),
                    lambda torch, x, a=axis, k=keepdims, n=name: getattr(torch, n)(x, a, k), x,
                )  # fmt: skip
    compare(cb.nansum, lambda torch, x: torch.nansum(x), np.arange(4))
    compare(cb.nanmean, lambda torch, x: torch.nanmean(x), np.array([np.nan, np.nan]), order=0)


def test_bins(compare: Compare) -> None:
    x, edges = normal(4, 5), np.array([-1.0, -0.25, 0.0, 1.5])
    x[0, 0], x[1, 1] = -0.25, 1.5
    for right in (False, True):
        compare(
            lambda x, e, r=right: cb.bucketize(x, e, right=r, out_int32=r),
            lambda torch, x, e, r=right: torch.bucketize(x, e, right=r, out_int32=r), x, edges,
        )  # fmt: skip
    for bins, low, high in [(7, 0, 0), (5, -1, 1.5), (1, -2, 2)]:
        compare(
            lambda x, b=bins, s=(low, high): cb.histc(x, b, *s),
            lambda torch, x, b=bins, s=(low, high): torch.histc(x.detach(), b, *s), x,
        )  # fmt: skip
    for density in (False, True):
        compare(
            lambda x, e, w, d=density: cb.histogram(x, e, weight=w, density=d),
            lambda torch, x, e, w, d=density: torch.histogram(x.detach(), e.detach(), weight=w.detach(), density=d),
            x, edges, normal(4, 5), order=0,
        )  # fmt: skip
        compare(
            lambda x, d=density: cb.histogram(x, 6, range=(-1.0, 2.0), density=d),
            lambda torch, x, d=density: torch.histogram(x.detach(), 6, range=(-1.0, 2.0), density=d), x, order=0,
        )  # fmt: skip
    compare(lambda x: cb.histogram(x, 4), lambda torch, x: torch.histogram(x.detach(), 4), x, order=0)


def test_bincount(compare: Compare) -> None:
    x = RNG.integers(0, 6, 12)
    compare(lambda x: cb.bincount(x), lambda torch, x: torch.bincount(x), x)
    compare(lambda x: cb.bincount(x, minlength=9), lambda torch, x: torch.bincount(x, minlength=9), x)
    compare(lambda x: cb.bincount(x, minlength=2), lambda torch, x: torch.bincount(x, minlength=2), x[:0])
    for weights in (normal(12), normal(12).astype(np.float32), RNG.integers(0, 9, 12)):
        compare(cb.bincount, lambda torch, x, w: torch.bincount(x, w.detach()), x, weights, order=0)


@pytest.mark.parametrize("initial", [None, 0.5])
@pytest.mark.parametrize("reduce", ["sum", "mean", "max", "min", "prod"])
def test_segments(compare: Compare, reduce: str, initial: float | None) -> None:
    options: dict[str, Any] = {} if initial is None else {"initial": initial}
    x, lengths = normal(6, 2), np.array([2, 0, 3, 1])
    compare(
        lambda x, n: cb.segment_reduce(x, reduce, lengths=n, **options),
        lambda torch, x, n: torch.segment_reduce(x, reduce, lengths=n, **options), x, lengths, order=1,
    )  # fmt: skip
    compare(
        lambda x, n: cb.segment_reduce(x, reduce, offsets=n, **options),
        lambda torch, x, n: torch.segment_reduce(x, reduce, offsets=n, **options),
        x, np.array([0, 2, 2, 5, 6]), order=1,
    )  # fmt: skip
