"""Products that cuBLASLt finishes as it writes them: a bias, GELU, sums of a factor; no pass for these alone.

CuPy has no cuBLASLt, but what it loads brings it along, and it is called here by way of `ctypes`. What it has no way
for is done otherwise (`kernels/epilogue.py`).
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections import OrderedDict
from ctypes import POINTER, c_float, c_int, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from typing import Any

from .launch import Launcher
from .products import DTYPES, LIMIT, computing, kind_of, readable

# cuBLASLt's numbers: attributes of a product, its epilogues (GELU is by tanh, KEEPING also writes what it is of, and
# SUMMING is of the second factor by terms), attributes of what is asked of a way.
TRANSA, TRANSB, EPILOGUE, BIAS_POINTER, KEPT_POINTER, KEPT_STEP = 3, 4, 7, 8, 11, 12
BIAS, GELU, KEEPING, SUMMING = 4, 32, 128, 512
MAX_WORKSPACE, ALIGNMENTS = 1, (5, 6, 7, 8)

_REAL32 = DTYPES["float32"]
_SERVED = {DTYPES[name] for name in ("float32", "float16", "bfloat16")}
# What is finished otherwise than by a bias is of 16 bits, where what cuBLASLt rounds on the way does not show, its rows
# multiples of so many elements, as the manual wants them of what is kept; on cards from so many on, which gain by it.
_NARROW, _EVEN = _SERVED - {_REAL32}, 8
_GELU_FROM, _SUMMING_FROM = 90, 80
# A way may want this much memory besides; it is had from the pool for as long as the product is asked for.
_WORKSPACE = 32 * 2**20
# How many products, by layout and sizes, a thread remembers the ways of.
_REMEMBERED = 512

_HANDLE = (c_void_p,)
_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "cublasLtMatmulDescCreate": (POINTER(c_void_p), c_int, c_int),
    "cublasLtMatmulDescSetAttribute": (c_void_p, c_int, c_void_p, c_size_t),
    "cublasLtMatmulDescDestroy": _HANDLE,
    "cublasLtMatrixLayoutCreate": (POINTER(c_void_p), c_int, c_uint64, c_uint64, c_int64),
    "cublasLtMatrixLayoutDestroy": _HANDLE,
    "cublasLtMatmulPreferenceCreate": (POINTER(c_void_p),),
    "cublasLtMatmulPreferenceSetAttribute": (c_void_p, c_int, c_void_p, c_size_t),
    "cublasLtMatmulPreferenceDestroy": _HANDLE,
    "cublasLtMatmulAlgoGetHeuristic": (*_HANDLE * 7, c_int, c_void_p, POINTER(c_int)),
    "cublasLtMatmul": (*_HANDLE * 14, c_size_t, c_void_p),
}


class Way(ctypes.Structure):
    """`cublasLtMatmulHeuristicResult_t`, which begins with the algorithm itself."""

    _fields_ = (
        ("algorithm", c_uint64 * 8), ("workspace", c_size_t), ("state", c_int), ("waves", c_float),
        ("reserved", c_int * 4),
    )  # fmt: skip


class Failed(RuntimeError):
    """cuBLASLt does not do what it is asked for."""


def load(runtime_version: int) -> ctypes.CDLL | None:
    """Return the cuBLASLt of a version of CUDA's runtime, None where there is none."""
    major = runtime_version // 1000
    try:
        library = ctypes.CDLL(f"cublasLt64_{major}.dll" if os.name == "nt" else f"libcublasLt.so.{major}")
        return prepared(library)
    except (OSError, AttributeError):
        return None


def prepared(library: ctypes.CDLL) -> ctypes.CDLL:
    """Tell `ctypes` what the functions take."""
    for name, types in _FUNCTIONS.items():
        function = getattr(library, name)
        function.argtypes, function.restype = types, c_int
    return library


class _Plan:
    """How one product is done: its description, the layouts of its matrices, and the way."""

    def __init__(
        self, library: Any, handle: int, compute: int, kind: int, turned: Any, sizes: Any, steps: Any, alignments: Any,
        epilogue: int, vector: int, kept: int,
    ) -> None:  # fmt: skip
        self._library, self._made = library, list[tuple[str, c_void_p]]()
        (n, m, k), (turned_b, turned_a) = sizes, turned
        try:
            self.product = self._create("MatmulDesc", compute, _REAL32)
            for attribute, value in ((TRANSA, turned_b), (TRANSB, turned_a), (EPILOGUE, epilogue)):
                self._set("MatmulDesc", self.product, attribute, c_int32(value))
            # Where they lie says how they are aligned.
            self.set_places(vector, kept)
            if kept:
                self._set("MatmulDesc", self.product, KEPT_STEP, c_int64(n))
            shapes = ((k, n) if turned_b else (n, k), (m, k) if turned_a else (k, m), (n, m))
            self.layouts = [
                self._create("MatrixLayout", kind, rows, columns, step)
                for (rows, columns), step in zip(shapes, steps, strict=True)
            ]
            wish = self._create("MatmulPreference")
            self._set("MatmulPreference", wish, MAX_WORKSPACE, c_uint64(_WORKSPACE))
            of_a, of_b, of_out = alignments
            for attribute, alignment in zip(ALIGNMENTS, (of_a, of_b, of_out, of_out), strict=True):
                self._set("MatmulPreference", wish, attribute, c_uint32(alignment))
            self.way, found = Way(), c_int(0)
            a, b, out = self.layouts
            self._check(library.cublasLtMatmulAlgoGetHeuristic(
                handle, self.product, a, b, out, out, wish, 1, ctypes.byref(self.way), ctypes.byref(found)
            ))  # fmt: skip
            if found.value < 1 or self.way.state:
                raise Failed(f"no way, state {self.way.state}")
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _check(status: int) -> None:
        if status:
            raise Failed(f"status {status}")

    def _create(self, what: str, *arguments: Any) -> c_void_p:
        made = c_void_p()
        self._check(getattr(self._library, f"cublasLt{what}Create")(ctypes.byref(made), *arguments))
        self._made.append((what, made))
        return made

    def _set(self, what: str, of: c_void_p, attribute: int, value: Any) -> None:
        set_attribute = getattr(self._library, f"cublasLt{what}SetAttribute")
        self._check(set_attribute(of, attribute, ctypes.byref(value), ctypes.sizeof(value)))

    def set_places(self, vector: int, kept: int) -> None:
        """Say where the bias lies, or the sums, and what GELU is of; zero for what there is not."""
        if vector:
            self._set("MatmulDesc", self.product, BIAS_POINTER, c_void_p(vector))
        if kept:
            self._set("MatmulDesc", self.product, KEPT_POINTER, c_void_p(kept))

    def close(self) -> None:
        """Give back what cuBLASLt has made."""
        while self._made:
            what, made = self._made.pop()
            getattr(self._library, f"cublasLt{what}Destroy")(made)

    __del__ = close


class _Plans(threading.local):
    """A thread's plans: a product's description is told where the bias lies before each use."""

    def __init__(self) -> None:
        self.of: OrderedDict[Any, _Plan | None] = OrderedDict()


def _aligned(address: int) -> int:
    return 256 if address % 256 == 0 else min(16, address & -address)


class Finished:
    """Products that are finished as they are written.

    Parameters
    ----------
    gpu : Launcher
        Whose arrays they are of.
    library : ctypes.CDLL
        cuBLASLt, `prepared`.
    """

    def __init__(self, gpu: Launcher, library: Any) -> None:
        self.gpu, self.library = gpu, library
        self._plans = _Plans()

    def biased(self, a: Any, b: Any, bias: Any, out: Any) -> bool:
        """Write ``a @ b + bias``, and say whether that was done.

        Parameters
        ----------
        a, b, bias : array
            (M, K), (K, N) and (N,), of one dtype.
        out : array
            (M, N), in C order.
        """
        return self._run(BIAS, a, b, out, self.gpu.contiguous(bias))

    def gelu(self, a: Any, b: Any, bias: Any, out: Any, kept: Any = None) -> bool:
        """Write GELU by tanh of ``a @ b + bias``, and say whether that was done.

        Parameters
        ----------
        a, b, bias, out : array
            As `biased` has them; the bias may be None.
        kept : array, optional
            Where what GELU is of goes, like `out`.
        """
        if not self._gains(out, _GELU_FROM):
            return False
        epilogue = GELU | (0 if bias is None else BIAS) | (0 if kept is None else KEEPING)
        return self._run(epilogue, a, b, out, None if bias is None else self.gpu.contiguous(bias), kept)

    def summing(self, a: Any, b: Any, sums: Any, out: Any) -> bool:
        """Write ``a @ b`` and the sums of a's rows, and say whether that was done.

        Parameters
        ----------
        a, b : array
            (M, K) and (K, N), of one dtype; what a is the transpose of lies in C order.
        sums, out : array
            (M,) and (M, N), in C order.
        """
        if not self._gains(out, _SUMMING_FROM) or out.shape[0] % _EVEN or a.strides[0] != a.itemsize:
            return False
        return self._run(SUMMING, a, b, out, sums)

    def _gains(self, out: Any, capability: int) -> bool:
        kind = kind_of(out.dtype)
        even = out.shape[1] % _EVEN == 0
        return kind is not None and kind.number in _NARROW and even and self.gpu.capability() >= capability

    def _run(self, epilogue: int, a: Any, b: Any, out: Any, vector: Any, kept: Any = None) -> bool:
        gpu, kind = self.gpu, kind_of(out.dtype)
        (m, k), n = a.shape, b.shape[1]
        if kind is None or kind.number not in _SERVED or min(m, n - 1, k - 1) < 1 or max(m, n, k) > LIMIT:
            return False
        a, turned_a, step_a = readable(gpu, a)
        b, turned_b, step_b = readable(gpu, b)
        zero, one = kind.factors
        handle = gpu.blas()[1]
        at_a, at_b, at_out = (gpu.address(x) for x in (a, b, out))
        places = [0 if x is None else gpu.address(x) for x in (vector, kept)]
        told = (
            computing(gpu, kind), kind.number, (turned_b, turned_a), (n, m, k), (step_b, step_a, n),
            (_aligned(at_b), _aligned(at_a), _aligned(at_out)), epilogue,
        )  # fmt: skip
        key = handle, *(_aligned(place) for place in places), told
        plans = self._plans.of
        if key in plans:
            plans.move_to_end(key)
            plan = plans[key]
            if plan is not None:
                plan.set_places(*places)
        else:
            try:
                plan = _Plan(self.library, handle, *told, *places)
            except Failed:
                plan = None
            plans[key] = plan
            if len(plans) > _REMEMBERED and (oldest := plans.popitem(last=False)[1]) is not None:
                oldest.close()
        if plan is None:
            return False
        # The pool gives it to what is asked for on this stream afterwards.
        space = gpu.empty((plan.way.workspace,), "uint8")
        left, right, result = plan.layouts
        status = self.library.cublasLtMatmul(
            handle, plan.product, one, at_b, left, at_a, right, zero, at_out, result, at_out, result,
            ctypes.byref(plan.way), gpu.address(space) if plan.way.workspace else None, plan.way.workspace,
            gpu.stream_address(),
        )  # fmt: skip
        if status:
            plans[key] = None
            plan.close()
            return False
        return True
