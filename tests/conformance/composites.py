"""One call of each composite, for the checks that rows get: derivatives and `vmap` on every device.

A case is a function of tensors, its operands as shapes (random numbers of a domain) or as arrays (indices, masks). What
is not here is a row, or stands in `WITHOUT` with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import candelabra as cb
import numpy as np
from candelabra.conformance.drawing import DOMAINS, Sample
from candelabra.conformance.subject import Subject, Unanswered, refusals
from candelabra.core.device import Device


class Case(NamedTuple):
    """A call of a composite."""

    function: Callable[..., Any]
    operands: tuple[Any, ...]
    domain: str = "real"
    complex: bool = False
    real: bool = True
    derivative: bool = True
    batch: bool = True
    tolerance: float = 1.0


class CompositeSubject(Subject):
    """A composite on a device."""

    def __init__(self, name: str, case: Case, device: Device) -> None:
        self.name, self.case, self.device = name, case, device
        self.row: Any = SimpleNamespace(name=name, tolerance=case.tolerance, takes_complex=case.complex)

    def on(self, device: Device) -> CompositeSubject:
        return CompositeSubject(self.name, self.case, device)

    def dtypes(self) -> list[str]:
        wanted = ("float64", "float32", "complex128", "complex64")
        return [
            d.name
            for d in self.device.native
            if d.name in wanted and (self.case.complex if d.is_complex else self.case.real)
        ]

    def smooth_dtypes(self) -> list[str]:
        return ["float32" if n == "float64" and not self._answers(n) else n for n in super().smooth_dtypes()]

    def _answers(self, dtype: str) -> bool:
        if "complex128" in {d.name for d in self.device.native}:
            return True
        try:
            self.run(self.sample(dtype, 20))
        except Unanswered:
            return False
        return True

    def call(self, operands: Any, statics: dict[str, Any]) -> list[Any]:
        with refusals(self.device):
            found = self.case.function(*operands)
        return list(found) if isinstance(found, (tuple, list)) else [found]

    def differentiable(self, outputs: Any) -> list[Any]:
        return [o for o in outputs if o.dtype.is_differentiable]

    def sample(self, dtype: str, seed: int) -> Sample:
        """Return operands of a dtype."""
        values = np.random.default_rng(seed)
        low, high = DOMAINS[self.case.domain]

        def draw(shape: tuple[int, ...]) -> np.ndarray:
            found = values.uniform(low, high, shape)
            if self.case.domain == "nonzero":
                found = found * values.choice([-1.0, 1.0], shape)
            return np.asarray(found + 1j * values.uniform(-1, 1, shape) if "complex" in dtype else found).astype(dtype)

        return Sample(tuple(draw(o) if isinstance(o, tuple) else o for o in self.case.operands))


def case(function: Callable[..., Any], *operands: Any, **options: Any) -> Case:
    """Return a case; a Python list as operand becomes an array."""
    return Case(function, tuple(np.asarray(o) if isinstance(o, list) else o for o in operands), **options)


def discrete(function: Callable[..., Any], *operands: Any, **options: Any) -> Case:
    """Return a case without a derivative."""
    return case(function, *operands, derivative=False, **options)


V, M, CUBE, SQUARE = (4,), (3, 4), (2, 3, 4), (3, 3)
ROWS, BITS = [2, 0, 2], [[True, False, True, True]] * 3

CASES: dict[str, Case] = {
    "addbmm": case(lambda x, a, b: cb.addbmm(x, a, b, beta=0.5, alpha=2), SQUARE, CUBE, (2, 4, 3), complex=True),
    "addmm": case(lambda x, a, b: cb.addmm(x, a, b, beta=0.5, alpha=2), SQUARE, M, (4, 3), complex=True),
    "addmv": case(lambda x, a, b: cb.addmv(x, a, b, beta=0.5, alpha=2), (3,), M, V, complex=True),
    "addr": case(lambda x, a, b: cb.addr(x, a, b, beta=0.5, alpha=2), M, (3,), V, complex=True),
    "adjoint": case(lambda x: cb.adjoint(x), CUBE, complex=True),
    "amax": case(lambda x: cb.amax(x, dim=1), M),
    "amin": case(lambda x: cb.amin(x, dim=(0, 1)), M),
    "aminmax": case(lambda x: cb.aminmax(x, dim=1), M),
    "argpartition": discrete(lambda x: cb.argpartition(x, 1, dim=0), M),
    "as_strided": case(lambda x: cb.as_strided(x, (3, 2), (1, 2), 1), M, complex=True),
    "as_strided_scatter": case(lambda x, s: cb.as_strided_scatter(x, s, (3, 2), (1, 4), 1), M, (3, 2), complex=True),
    "atleast_1d": case(lambda x: cb.atleast_1d(x), (), complex=True),
    "atleast_2d": case(lambda x, y: cb.atleast_2d(x, y), (), V, complex=True),
    "atleast_3d": case(lambda x: cb.atleast_3d(x), M, complex=True),
    "baddbmm": case(lambda x, a, b: cb.baddbmm(x, a, b, beta=0.5, alpha=2), (2, 3, 3), CUBE, (2, 4, 3), complex=True),
    "bincount": case(lambda n, w: cb.bincount(n, w, minlength=5), [0, 3, 3], (3,), batch=False),
    "block_diag": case(lambda x, y: cb.block_diag(x, y), M, (2, 2), complex=True),
    "bmm": case(lambda x, y: cb.bmm(x, y), CUBE, (2, 4, 3), complex=True),
    "broadcast_arrays": case(lambda x, y: cb.broadcast_arrays(x, y), M, V, complex=True),
    "broadcast_tensors": case(lambda x, y: cb.broadcast_tensors(x, y), M, V, complex=True),
    "bucketize": discrete(lambda x: cb.bucketize(x, cb.tensor([-1.0, 0.0, 1.0], dtype=x.dtype, device=x.device)), M),
    "cartesian_prod": case(lambda x, y: cb.cartesian_prod(x, y), V, (3,), complex=True),
    "cat": case(lambda x, y: cb.cat([x, y], dim=1), M, (3, 2), complex=True),
    "cdist": case(lambda x, y: cb.cdist(x, y), M, (2, 4)),
    "chain_matmul": case(lambda x, y, z: cb.chain_matmul(x, y, z), M, (4, 2), (2, 3), complex=True),
    "chunk": case(lambda x: cb.chunk(x, 2, dim=1), M, complex=True),
    "clamp": case(lambda x: cb.clamp(x, -1.0, 1.5), M),
    "clip": case(lambda x, low: cb.clip(x, low, 2.0), M, V),
    "column_stack": case(lambda x, y: cb.column_stack([x, y]), (3,), M, complex=True),
    "combinations": case(lambda x: cb.combinations(x, 3), V, complex=True),
    "concatenate": case(lambda x, y: cb.concatenate([x, y], dim=1), M, (3, 2), complex=True),
    "convolve": case(lambda x, y: cb.convolve(x, y, "same"), (5,), (2,), complex=True),
    "corrcoef": case(lambda x: cb.corrcoef(x), (2, 5), tolerance=10.0),
    "cov": case(lambda x: cb.cov(x), M, complex=True),
    "cross": case(lambda x, y: cb.cross(x, y), M, M, complex=True),
    "cummax": case(lambda x: cb.cummax(x, axis=1).values, M),
    "cummin": case(lambda x: cb.cummin(x, axis=0).values, M),
    "cumprod": case(lambda x: cb.cumprod(x, dim=1), M, domain="nonzero", complex=True),
    "cumsum": case(lambda x: cb.cumsum(x, dim=0), M, complex=True),
    "cumulative_trapezoid": case(lambda y, x: cb.cumulative_trapezoid(y, x, dim=1), M, V, complex=True),
    "diag": case(lambda x: cb.diag(x, 1), M, complex=True),
    "diag_embed": case(lambda x: cb.diag_embed(x, offset=-1), M, complex=True),
    "diagflat": case(lambda x: cb.diagflat(x, 1), M, complex=True),
    "diagonal": case(lambda x: cb.diagonal(x, 1, 0, 2), CUBE, complex=True),
    "diagonal_scatter": case(lambda x, s: cb.diagonal_scatter(x, s, 1), M, (3,), complex=True),
    "diff": case(lambda x: cb.diff(x, n=2, axis=1), M, complex=True),
    "digitize": discrete(lambda x: cb.digitize(x, cb.tensor([1.0, 0.0, -1.0], dtype=x.dtype, device=x.device)), M),
    "dist": case(lambda x, y: cb.dist(x, y, 3), M, V, complex=True),
    "div": case(lambda x, y: cb.div(x, y), M, V, domain="nonzero", complex=True),
    "dot": case(lambda x, y: cb.dot(x, y), V, V, complex=True),
    "dsplit": case(lambda x: cb.dsplit(x, 2), CUBE, complex=True),
    "dstack": case(lambda x, y: cb.dstack([x, y]), M, M, complex=True),
    "einsum": case(lambda x, y, z: cb.einsum("ij,jk,k->i", x, y, z), M, (4, 3), (3,), complex=True),
    "eq": discrete(lambda x, y: cb.eq(x, y), M, M),
    "expit": case(lambda x: cb.expit(x), M),
    "flatten": case(lambda x: cb.flatten(x, 1), CUBE, complex=True),
    "fliplr": case(lambda x: cb.fliplr(x), M, complex=True),
    "flipud": case(lambda x: cb.flipud(x), M, complex=True),
    "gather": case(lambda x, i: cb.gather(x, 1, i), M, [[1, 0], [3, 2]], complex=True),
    "ge": discrete(lambda x, y: cb.ge(x, y), M, V),
    "ger": case(lambda x, y: cb.ger(x, y), V, (3,), complex=True),
    "global_norm": case(lambda x, y: cb.global_norm([x, y]), M, V),
    "gradient": case(lambda x: cb.gradient(x, spacing=[2.0, 0.5], edge_order=2), M, complex=True),
    "gt": discrete(lambda x, y: cb.gt(x, y), M, V),
    "histc": discrete(lambda x: cb.histc(x, 4, -3, 3), M, batch=False),
    "histogram": discrete(lambda x: cb.histogram(x, 4, range=(-3.0, 3.0)), M, batch=False),
    "histogram2d": discrete(lambda x, y: cb.histogram2d(x, y, 3, ((-3, 3), (-3, 3))), V, V, batch=False),
    "histogramdd": discrete(lambda x: cb.histogramdd(x, 3, range=[-3.0, 3.0] * 4).hist, M, batch=False),
    "hsplit": case(lambda x: cb.hsplit(x, 2), M, complex=True),
    "hstack": case(lambda x, y: cb.hstack([x, y]), M, (3, 2), complex=True),
    "index_add": case(lambda x, i, s: cb.index_add(x, 0, i, s, alpha=2), M, ROWS, (3, 4), complex=True),
    "index_copy": case(lambda x, i, s: cb.index_copy(x, i, s, axis=1), M, [3, 0], (3, 2), complex=True),
    "index_fill": case(lambda x, i, s: cb.index_fill(x, i, s, axis=1), M, [3, 0], (), complex=True),
    "index_put": case(lambda x, i, s: cb.index_put(x, (i,), s, accumulate=True), M, ROWS, (3, 4), complex=True),
    "index_reduce": case(
        lambda x, i, s: cb.index_reduce(x, i, s, axis=0, reduce="prod"), M, ROWS, (3, 4), domain="nonzero"
    ),
    "index_select": case(lambda x, i: cb.index_select(x, 0, i), M, ROWS, complex=True),
    "inner": case(lambda x, y: cb.inner(x, y), CUBE, M, complex=True),
    "interp": case(
        lambda x, f: cb.interp(x, cb.tensor([-2.0, -0.5, 0.4, 2.5], dtype=x.dtype, device=x.device), f), M, V
    ),
    "isclose": discrete(lambda x, y: cb.isclose(x, y), M, M),
    "isin": discrete(lambda x, y: cb.isin(x, y), [[1, 2], [3, 4]], [2, 5]),
    "istft": case(
        lambda x: cb.istft(x, 8, 4, window=cb.hann_window(8, dtype=cb.float64 if x.dtype == cb.complex128 else
        cb.float32, device=x.device), length=16), (5, 5), complex=True, real=False,
    ),
    "kron": case(lambda x, y: cb.kron(x, y), M, (2, 2), complex=True),
    "kthvalue": case(lambda x: cb.kthvalue(x, 2, dim=1).values, M),
    "le": discrete(lambda x, y: cb.le(x, y), M, V),
    "log_softmax": case(lambda x: cb.log_softmax(x, dim=0), M),
    "logcumsumexp": case(lambda x: cb.logcumsumexp(x, dim=1), M, complex=True),
    "logit": case(lambda x: cb.logit(x, eps=0.1), M),
    "logsumexp": case(lambda x: cb.logsumexp(x, dim=1, keepdim=True), M),
    "lt": discrete(lambda x, y: cb.lt(x, y), M, V),
    "masked_fill": case(lambda x, m: cb.masked_fill(x, m, 2.0), M, BITS, complex=True),
    "masked_scatter": case(lambda x, m, s: cb.masked_scatter(x, m, s), M, BITS, (9,), complex=True),
    "masked_select": case(lambda x, m: cb.masked_select(x, m), M, BITS, complex=True, batch=False),
    "median": case(lambda x: cb.median(x, dim=1).values, M),
    "meshgrid": case(lambda x, y: cb.meshgrid(x, y), V, (3,), complex=True),
    "mm": case(lambda x, y: cb.mm(x, y), M, (4, 2), complex=True),
    "mode": case(lambda x: cb.mode(x, dim=1).values, M),
    "movedim": case(lambda x: cb.movedim(x, 0, 2), CUBE, complex=True),
    "msort": case(lambda x: cb.msort(x), M),
    "mul": case(lambda x, y: cb.mul(x, y), M, V, complex=True),
    "mv": case(lambda x, y: cb.mv(x, y), M, V, complex=True),
    "nanargmax": discrete(lambda x: cb.nanargmax(x, dim=1), M),
    "nanargmin": discrete(lambda x: cb.nanargmin(x, dim=1), M),
    "nancumprod": case(lambda x: cb.nancumprod(x, dim=1), M, domain="nonzero"),
    "nancumsum": case(lambda x: cb.nancumsum(x, dim=1), M),
    "nanmax": case(lambda x: cb.nanmax(x, dim=1), M),
    "nanmean": case(lambda x: cb.nanmean(x, dim=1), M),
    "nanmedian": case(lambda x: cb.nanmedian(x, dim=1).values, M),
    "nanmin": case(lambda x: cb.nanmin(x, dim=1), M),
    "nanprod": case(lambda x: cb.nanprod(x, dim=1), M, domain="nonzero"),
    "nanquantile": case(lambda x: cb.nanquantile(x, 0.3, dim=1), M),
    "nanstd": case(lambda x: cb.nanstd(x, dim=1, correction=1), M),
    "nansum": case(lambda x: cb.nansum(x, dim=1), M),
    "nanvar": case(lambda x: cb.nanvar(x, dim=(0, 1)), M),
    "narrow": case(lambda x: cb.narrow(x, 1, 1, 2), M, complex=True),
    "narrow_copy": case(lambda x: cb.narrow_copy(x, 1, 1, 2), M, complex=True),
    "ne": discrete(lambda x, y: cb.ne(x, y), M, M),
    "neg": case(lambda x: cb.neg(x), M, complex=True),
    "norm": case(lambda x: cb.norm(x, 3.0, axis=1), M, complex=True),
    "one_hot": discrete(lambda x: cb.one_hot(x, 4), [2, 0, 3]),
    "outer": case(lambda x, y: cb.outer(x, y), V, (3,), complex=True),
    "partition": case(lambda x: cb.partition(x, 1, dim=0), M),
    "pdist": case(lambda x: cb.pdist(x, 1.5), M),
    "permute": case(lambda x: cb.permute(x, (2, 0, 1)), CUBE, complex=True),
    "polygamma": case(lambda x: cb.polygamma(2, x), M, domain="positive", tolerance=1e3),
    "put": case(lambda x, i, s: cb.put(x, i, s, accumulate=True), M, [5, 0, 5], (3,), complex=True),
    "put_along_axis": case(
        lambda x, i, s: cb.put_along_axis(x, i, s, axis=1), M, [[1, 0], [3, 2], [0, 1]], (3, 2), complex=True
    ),
    "quantile": case(lambda x: cb.quantile(x, 0.3, dim=0), M),
    "ravel": case(lambda x: cb.ravel(x), M, complex=True),
    "ravel_multi_index": discrete(lambda x, y: cb.ravel_multi_index((x, y), (3, 4)), [2, 0, 1], [3, 3, 0]),
    "renorm": case(lambda x: cb.renorm(x, 2, 0, 1.0), M, complex=True),
    "repeat": case(lambda x: cb.repeat(x, 2, axis=1), M, complex=True),
    "repeat_interleave": case(lambda x: cb.repeat_interleave(x, 3, dim=0), M, complex=True),
    "rot90": case(lambda x: cb.rot90(x, 1, (0, 1)), M, complex=True),
    "row_stack": case(lambda x, y: cb.row_stack([x, y]), M, V, complex=True),
    "scatter": case(lambda x, i, s: cb.scatter(x, 1, i, s), M, [[1, 0], [3, 2]], (2, 2), complex=True),
    "scatter_add": case(lambda x, i, s: cb.scatter_add(x, 1, i, s), M, [[1, 1], [3, 2]], (2, 2), complex=True),
    "scatter_reduce": case(lambda x, i, s: cb.scatter_reduce(x, 1, i, s, "mean"), M, [[1, 1], [3, 2]], (2, 2)),
    "searchsorted": discrete(
        lambda x: cb.searchsorted(cb.tensor([-1.0, 0.0, 1.0], dtype=x.dtype, device=x.device), x), M
    ),
    "segment_reduce": case(
        lambda x, n: cb.segment_reduce(x, "mean", lengths=n), (5, 2), [2, 1, 2], batch=False
    ),
    "select": case(lambda x: cb.select(x, 1, -1), M, complex=True),
    "select_scatter": case(lambda x, s: cb.select_scatter(x, s, 1, -1), M, (3,), complex=True),
    "slice_scatter": case(lambda x, s: cb.slice_scatter(x, s, 1, 0, None, 2), M, (3, 2), complex=True),
    "softmax": case(lambda x: cb.softmax(x, dim=1), M),
    "sort": case(lambda x: cb.sort(x, axis=1, descending=True), M),
    "split": case(lambda x: cb.split(x, [1, 3], dim=1), M, complex=True),
    "std_mean": case(lambda x: cb.std_mean(x, dim=1), M),
    "stft": case(
        lambda x: cb.stft(x, 8, 4, window=cb.hann_window(8, dtype=x.dtype, device=x.device), return_complex=True),
        (2, 16), tolerance=10.0,
    ),
    "sub": case(lambda x, y: cb.sub(x, y, alpha=2), M, V, complex=True),
    "swapaxes": case(lambda x: cb.swapaxes(x, 0, 2), CUBE, complex=True),
    "swapdims": case(lambda x: cb.swapdims(x, 0, 2), CUBE, complex=True),
    "t": case(lambda x: cb.t(x), M, complex=True),
    "take_along_dim": case(lambda x, i: cb.take_along_dim(x, i, dim=1), M, [[1, 0], [3, 2], [0, 0]], complex=True),
    "tensor_split": case(lambda x: cb.tensor_split(x, 3, dim=1), M, complex=True),
    "tensordot": case(lambda x, y: cb.tensordot(x, y, axes=2), CUBE, (3, 4, 2), complex=True),
    "topk": case(lambda x: cb.topk(x, 2, dim=1).values, M),
    "trace": case(lambda x: cb.trace(x), M, complex=True),
    "transpose": case(lambda x: cb.transpose(x, 0, 2), CUBE, complex=True),
    "trapezoid": case(lambda y, x: cb.trapezoid(y, x, dim=1), M, M, complex=True),
    "trapz": case(lambda y: cb.trapz(y, dx=0.5), M, complex=True),
    "true_divide": case(lambda x, y: cb.true_divide(x, y), M, V, domain="nonzero", complex=True),
    "unbind": case(lambda x: cb.unbind(x, dim=1), M, complex=True),
    "unflatten": case(lambda x: cb.unflatten(x, 1, (2, 2)), M, complex=True),
    "unfold": case(lambda x: cb.unfold(x, 1, 3, 1), M, complex=True),
    "unfold_copy": case(lambda x: cb.unfold_copy(x, 1, 2, 2), M, complex=True),
    "unravel_index": discrete(lambda x: cb.unravel_index(x, (3, 4)), [[11, 0], [5, -1]]),
    "unsqueeze": case(lambda x: cb.unsqueeze(x, 1), M, complex=True),
    "vander": case(lambda x: cb.vander(x, 3), V, complex=True),
    "var_mean": case(lambda x: cb.var_mean(x, dim=(0, 1)), M),
    "vdot": case(lambda x, y: cb.vdot(x, y), V, V, complex=True),
    "vsplit": case(lambda x: cb.vsplit(x, [1]), M, complex=True),
    "vstack": case(lambda x, y: cb.vstack([x, y]), M, V, complex=True),
    "where": case(lambda m, x, y: cb.where(m, x, y), BITS, M, V, complex=True),
}  # fmt: skip

_CREATION = "makes a tensor of no other"
_FACT = "answers with a fact, not with a tensor"
_RANDOM = "draws; its gradient is that of a constant"
_SHAPE = "the result's shape depends on the data"
WITHOUT: dict[str, str] = {
    **dict.fromkeys(
        (
            "arange", "as_tensor", "asarray", "bartlett_window", "blackman_window", "empty", "empty_like", "eye",
            "from_dlpack", "from_numpy", "full", "full_like", "geomspace", "hamming_window", "hann_window",
            "kaiser_window", "linspace", "logspace", "ones", "ones_like", "range", "tensor", "tril_indices",
            "triu_indices", "zeros", "zeros_like",
        ), _CREATION,
    ),
    **dict.fromkeys(
        (
            "allclose", "broadcast_shapes", "can_cast", "finfo", "iinfo", "is_complex", "is_floating_point",
            "is_nonzero", "is_tensor", "isdtype", "nunique", "numel", "promote_types", "result_type",
        ), _FACT,
    ),
    **dict.fromkeys(
        ("bernoulli", "bernoulli_", "dropout", "exponential_", "multinomial", "normal", "normal_", "rand", "rand_like",
         "randint", "randint_like", "randn", "randn_like", "random_", "randperm", "uniform", "uniform_"), _RANDOM,
    ),
    "astype": "the row of the same name", "clone": "the row `alias`", "to_device": "the row `transfer`",
    "get_item": "the row `getitem`", "take_item": "the row `getitem`", "set_item": "the row `setitem`",
    **dict.fromkeys(
        ("argwhere", "nonzero", "setdiff1d", "union1d", "unique", "unique_consecutive", "unique_dim"), _SHAPE,
    ),
}  # fmt: skip
