"""Softmax, log-softmax and logsumexp on a card: one pass for the sums, one for the results."""

from __future__ import annotations

from typing import Any

from ....core.backend import Kernel
from ..launch import Launcher, int64, rows_of, threads_for, type_of
from .places import packed

# From so many rows beside each other, a thread takes a row for itself and its neighbour the next.
_BESIDE = 32
_THREADS = 128


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""

    def run(kernel: str, kinds: str, sizes: tuple[int, int, int], *arrays: Any) -> None:
        """Run a kernel, in the form that suits the rows' sizes, on arrays that lie alike and what it makes of them."""
        rows, width, after = sizes
        if after >= _BESIDE:
            told = (int64(rows), int64(width), int64(after))
            gpu.run("softmax", f"{kernel}_columns<{kinds}>", -(-rows // _THREADS), _THREADS, *arrays, *told)
            return
        # Of rows whose elements lie apart, single ones are moved.
        wide, each = packed(gpu, width if after == 1 else 1, *arrays[: 1 if kernel == "logsumexp" else None])
        threads = threads_for(width // each)
        gpu.run("softmax", f"{kernel}_rows<{kinds}, {wide}>", rows, threads, *arrays, int64(width), int64(after))

    def forward(x: Any, axis: int, log: str) -> Any:
        kind = type_of(x)
        if kind is None:
            return NotImplemented
        if not x.shape:
            return gpu.xp.zeros_like(x) if log == "true" else gpu.xp.ones_like(x)
        x, axis = gpu.contiguous(x), axis % x.ndim
        out = gpu.empty(x.shape, x.dtype)
        if out.size:
            run("softmax", f"{kind}, {log}", rows_of(x.shape, axis, axis + 1), x, out)
        return out

    def back(g: Any, out: Any, axis: int, log: str) -> Any:
        kind = type_of(out)
        if kind is None or not out.shape or g.dtype != out.dtype:
            return NotImplemented
        g, out, axis = gpu.contiguous(g), gpu.contiguous(out), axis % out.ndim
        result = gpu.empty(out.shape, out.dtype)
        if out.size:
            run("softmax_grad", f"{kind}, {log}", rows_of(out.shape, axis, axis + 1), out, g, result)
        return (result,)

    def softmax(x: Any, /, *, axis: int) -> Any:
        return forward(x, axis, "false")

    def softmax_vjp(xp: Any, g: Any, out: Any, axis: int) -> Any:
        return back(g, out, axis, "false")

    def log_softmax(x: Any, /, *, axis: int) -> Any:
        return forward(x, axis, "true")

    def log_softmax_vjp(xp: Any, g: Any, out: Any, axis: int) -> Any:
        return back(g, out, axis, "true")

    def logsumexp(x: Any, /, *, axis: int | tuple[int, ...], keepdims: bool) -> Any:
        kind = type_of(x)
        axes = sorted({a % x.ndim for a in ((axis,) if isinstance(axis, int) else axis)}) if x.ndim else []
        if kind is None or not axes:
            return NotImplemented
        shape = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
        if axes[-1] - axes[0] != len(axes) - 1:
            x = x.transpose([a for a in range(x.ndim) if a not in axes] + axes)
            axes = list(range(x.ndim - len(axes), x.ndim))
        x = gpu.contiguous(x)
        sizes = rows_of(x.shape, axes[0], axes[-1] + 1)
        out = gpu.empty(sizes[:1], x.dtype)
        run("logsumexp", kind, sizes, x, out)
        return out.reshape(shape if keepdims else tuple(n for a, n in enumerate(x.shape) if a not in axes))

    return {
        "softmax": Kernel(softmax, vjp=softmax_vjp),
        "log_softmax": Kernel(log_softmax, vjp=log_softmax_vjp),
        "logsumexp": logsumexp,
    }
