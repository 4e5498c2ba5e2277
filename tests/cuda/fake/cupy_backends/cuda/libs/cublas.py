"""cuBLAS on host memory: products of matrices stored by columns, as its manual has them, and what it refuses.

Arguments are those of CuPy's thin wrapper: addresses, cuBLAS's numbers of operations, dtypes and ways to compute. What
was asked for is written down in `calls`.
"""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

OPERATIONS = {0: "N", 1: "T", 2: "C"}
DTYPES = {
    0: np.dtype(np.float32), 1: np.dtype(np.float64), 2: np.dtype(np.float16), 4: np.dtype(np.complex64),
    5: np.dtype(np.complex128), 14: np.dtype(ml_dtypes.bfloat16),
}  # fmt: skip
# Which dtypes of factors and results each way to compute has: in float32, that in bfloat16 or TF32, in float64.
_WIDE = {("float32", "float32"), ("complex64", "complex64")}
COMPUTES = {
    68: _WIDE | {(a, c) for a in ("float16", "bfloat16") for c in (a, "float32")},
    75: _WIDE,
    77: _WIDE,
    70: {("float64", "float64"), ("complex128", "complex128")},
}
# Bits of the significand, beside the first, that each way keeps of float32.
KEPT_BITS = {75: 7, 77: 10}
ALGORITHMS = (-1, 99)
LIMIT = 2**31 - 1


class CUBLASError(RuntimeError):
    """What CuPy raises."""

    def __init__(self, status: str) -> None:
        super().__init__(f"CUBLAS_STATUS_{status}")


class Call(NamedTuple):
    """A product that was asked for."""

    operations: str
    sizes: tuple[int, int, int]
    dtypes: tuple[str, str]
    compute: int
    count: int
    strides: tuple[int, int, int]
    beta: Any


calls: list[Call] = []


def gemmEx(
    handle: int, transa: int, transb: int, m: int, n: int, k: int, alpha: int, A: int, Atype: int, lda: int, B: int,
    Btype: int, ldb: int, beta: int, C: int, Ctype: int, ldc: int, computeType: int, algo: int,
) -> None:  # fmt: skip
    _run(handle, transa, transb, m, n, k, alpha, A, Atype, lda, 0, B, Btype, ldb, 0, beta, C, Ctype, ldc, 0, 1,
         computeType, algo)  # fmt: skip


def gemmStridedBatchedEx(
    handle: int, transa: int, transb: int, m: int, n: int, k: int, alpha: int, A: int, Atype: int, lda: int,
    strideA: int, B: int, Btype: int, ldb: int, strideB: int, beta: int, C: int, Ctype: int, ldc: int, strideC: int,
    batchCount: int, computeType: int, algo: int,
) -> None:  # fmt: skip
    _run(handle, transa, transb, m, n, k, alpha, A, Atype, lda, strideA, B, Btype, ldb, strideB, beta, C, Ctype, ldc,
         strideC, batchCount, computeType, algo)  # fmt: skip


def _run(
    handle: int, transa: int, transb: int, m: int, n: int, k: int, alpha: int, A: int, Atype: int, lda: int,
    strideA: int, B: int, Btype: int, ldb: int, strideB: int, beta: int, C: int, Ctype: int, ldc: int, strideC: int,
    count: int, compute: int, algo: int,
) -> None:  # fmt: skip
    _refuse_other_cards(handle)
    for number in (transa, transb, m, n, k, lda, ldb, ldc, count, Atype, Btype, Ctype, compute, algo):
        if not isinstance(number, int) or abs(number) > LIMIT:
            raise OverflowError(f"value too large to convert to int: {number!r}")
    # cuBLAS's own conditions, in its manual's words: lda >= max(1, m) where A is not transposed, max(1, k) elsewhere.
    if (
        transa not in OPERATIONS or transb not in OPERATIONS or min(m, n, k, count) < 0 or algo not in ALGORITHMS
        or lda < max(1, k if transa else m) or ldb < max(1, n if transb else k) or ldc < max(1, m)
    ):  # fmt: skip
        raise CUBLASError("INVALID_VALUE")
    kinds = DTYPES[Atype].name, DTYPES[Ctype].name
    if Atype != Btype or kinds not in COMPUTES.get(compute, ()):
        raise CUBLASError("NOT_SUPPORTED")
    wide = np.dtype(np.complex128 if kinds[0] == "complex128" else kinds[0] if kinds[0] == "complex64" else
                    np.float64 if compute == 70 else np.float32)  # fmt: skip
    factor, share = _at(alpha, wide, (1,), (1,))[0], _at(beta, wide, (1,), (1,))[0]
    read = OPERATIONS[transa] + OPERATIONS[transb]
    calls.append(Call(read, (m, n, k), kinds, compute, count, (strideA, strideB, strideC), share))
    if not (m and n and count):
        return
    places = np.arange(count)[:, None, None] * strideC + np.arange(n)[:, None] * ldc + np.arange(m)
    assert len(np.unique(places)) == places.size, "results of one call lie over each other"
    for i in range(count):
        a = _operand(A, DTYPES[Atype], i * strideA, transa, m, k, lda).astype(wide)
        b = _operand(B, DTYPES[Btype], i * strideB, transb, k, n, ldb).astype(wide)
        if compute in KEPT_BITS:
            a, b = rounded(a, KEPT_BITS[compute]), rounded(b, KEPT_BITS[compute])
        c = _at(C + i * strideC * DTYPES[Ctype].itemsize, DTYPES[Ctype], (m, n), (1, ldc))
        with np.errstate(all="ignore"):
            found = factor * (a @ b)
            # What C holds is not looked at where beta is zero: it may be no number.
            c[...] = (found if share == 0 else found + share * c.astype(wide)).astype(c.dtype)


def _refuse_other_cards(handle: int) -> None:
    """A handle is of the card that was current when it was made; without `cupy` kernels run by themselves."""
    import sys

    cuda = sys.modules.get("cupy.cuda")
    if handle and cuda is not None and handle != cuda.get_device_id() + 1:
        raise CUBLASError("ARCH_MISMATCH")


def _at(address: int, dtype: np.dtype, shape: tuple[int, ...], steps: tuple[int, ...]) -> Any:
    """Return what lies at an address; steps are in elements."""
    size = (1 + sum((n - 1) * s for n, s in zip(shape, steps, strict=True))) * dtype.itemsize
    if address % dtype.itemsize:
        raise CUBLASError("MAPPING_ERROR")
    memory = np.frombuffer((ctypes.c_char * size).from_address(address), dtype)
    return np.lib.stride_tricks.as_strided(memory, shape, [s * dtype.itemsize for s in steps])


def _operand(
    address: int, dtype: np.dtype, start: int, operation: int, rows: int, columns: int, lead: int
) -> Any:
    """Return op(X), which is (rows, columns): X is stored by columns, `lead` elements apart."""
    if rows == 0 or columns == 0:
        return np.zeros((rows, columns), dtype)
    shape = (columns, rows) if operation else (rows, columns)
    found = _at(address + start * dtype.itemsize, dtype, shape, (1, lead))
    return found if not operation else found.T if operation == 1 else found.T.conj()


def rounded(x: Any, bits: int) -> Any:
    """Return an array of float32 with so many bits of its significands, rounded to the nearest even."""
    if x.dtype.kind == "c":
        return rounded(x.real, bits) + 1j * rounded(x.imag, bits)
    whole = np.ascontiguousarray(x, np.float32).view(np.uint32).astype(np.uint64)
    drop = np.uint64(23 - bits)
    half = (np.uint64(1) << (drop - np.uint64(1))) - np.uint64(1)
    found = (whole + half + ((whole >> drop) & np.uint64(1))) >> drop << drop
    return np.where(np.isfinite(x), found.astype(np.uint32).view(np.float32), x)
