"""Products, decompositions and transforms that PyTorch has under names and conventions of its own."""

from __future__ import annotations

from typing import Any

import torch

FLOATING = frozenset({torch.float32, torch.float64, torch.complex64, torch.complex128})


def matmul(x1: Any, x2: Any, /) -> Any:
    return torch.matmul(x1, x2)


def euclidean_norm(x: Any, /, *, axis: Any, keepdims: bool) -> Any:
    if axis == () or not x.numel():
        return NotImplemented
    return torch.linalg.vector_norm(x, 2, axis, keepdims)


def qr(x: Any, /, *, mode: str) -> Any:
    return tuple(torch.linalg.qr(x, mode)) if x.dtype in FLOATING and x.numel() else NotImplemented


def solve_triangular(x1: Any, x2: Any, /, *, upper: bool, unitriangular: bool) -> Any:
    if x1.dtype not in FLOATING or not x1.numel() or not x2.numel():
        return NotImplemented
    return torch.linalg.solve_triangular(x1, x2, upper=upper, unitriangular=unitriangular)


def lu_packed(x: Any, /, *, pivot: bool) -> Any:
    if not pivot or x.dtype not in FLOATING or not x.numel():
        return NotImplemented
    packed, pivots, _ = torch.linalg.lu_factor_ex(x)
    return packed, pivots


def lu_solve(factors: Any, pivots: Any, x2: Any, /, *, adjoint: bool) -> Any:
    if factors.dtype not in FLOATING or not factors.numel() or not x2.numel():
        return NotImplemented
    n = factors.shape[-1]
    if bool(((pivots < 1) | (pivots > n)).any()):
        return NotImplemented
    lead = torch.broadcast_shapes(factors.shape[:-2], pivots.shape[:-1], x2.shape[:-2])
    factors, pivots = factors.expand(*lead, n, n), pivots.to(torch.int32).expand(*lead, n)
    return torch.linalg.lu_solve(factors, pivots, x2.expand(*lead, *x2.shape[-2:]), adjoint=adjoint)


def fft_c2c(x: Any, /, *, axis: Any, inverse: bool, scale: float) -> Any:
    if not x.numel() or not axis:
        return NotImplemented
    found = torch.fft.ifftn(x, dim=axis, norm="forward") if inverse else torch.fft.fftn(x, dim=axis)
    return found if scale == 1.0 else found.mul_(scale)


def fft_r2c(x: Any, /, *, axis: int, scale: float) -> Any:
    if not x.numel() or x.dtype not in FLOATING:
        return NotImplemented
    found = torch.fft.rfft(x, dim=axis)
    return found if scale == 1.0 else found.mul_(scale)


def fft_c2r(x: Any, /, *, n: int, axis: int, scale: float) -> Any:
    if not x.numel():
        return NotImplemented
    found = torch.fft.irfft(x, n, dim=axis, norm="forward")
    return found if scale == 1.0 else found.mul_(scale)


KERNELS: dict[str, Any] = {
    "matmul": matmul, "euclidean_norm": euclidean_norm, "qr": qr, "solve_triangular": solve_triangular,
    "lu_packed": lu_packed, "lu_solve": lu_solve, "fft_c2c": fft_c2c, "fft_r2c": fft_r2c, "fft_c2r": fft_c2r,
}  # fmt: skip
