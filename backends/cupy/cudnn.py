"""Convolution by cuDNN through NVIDIA's frontend: a graph for each kind of call, built once and kept.

Without the library, and for what it does not serve, candelabra's own kernels convolve.
"""

from __future__ import annotations

import math
import os
import threading
import warnings
from functools import cache
from typing import Any

import numpy as np

from ...core.precision import get_float32_matmul_precision
from .launch import Launcher

SWITCH = "CANDELABRA_CUDNN"
# What the frontend calls dtypes.
KINDS = {"float16": "HALF", "bfloat16": "BFLOAT16", "float32": "FLOAT", "float64": "DOUBLE"}
# What it calls a convolution's operands, forward and by its input and its weight.
OPERANDS = {"conv_fprop": ("image", "weight"), "conv_dgrad": ("loss", "filter"), "conv_wgrad": ("image", "loss")}
# Plans that need more memory than this beside the operands are left out.
MOST_WORKSPACE = 1 << 30
# It takes arrays to begin at multiples of so many bytes.
ALIGNMENT = 16
# How many graphs are kept: shapes that change from call to call must not fill the memory.
MOST_GRAPHS = 2048

# What cuDNN has refused, and why: it is told once, and in `describe`.
_refused: dict[str, str] = {}


@cache
def load() -> tuple[Any, str]:
    """Return the frontend's module and its versions, or None and why there is none."""
    if os.environ.get(SWITCH, "1") == "0":
        return None, f"{SWITCH}=0"
    try:
        import cudnn
    except (ImportError, OSError) as error:
        return None, f"cuDNN's frontend cannot be imported ({error}); pip install 'candelabra[cudnn]'"
    try:
        number = cudnn.backend_version()
    except (AttributeError, RuntimeError) as error:
        return None, f"cuDNN's frontend finds no libcudnn ({error}); pip install 'candelabra[cudnn]'"
    return cudnn, f"cuDNN {number // 10000}.{number // 100 % 100}.{number % 100}, frontend {cudnn.__version__}"


def describe() -> str:
    """Return what convolves on a card."""
    library, about = load()
    if library is None:
        return f"own kernels: {about}"
    return about + "".join(f"; own kernels for {what}: {why}" for what, why in _refused.items())


def packed(shape: tuple[int, ...], last: bool) -> list[int]:
    """Return the strides of (N, C, *spatial) in C order, or with channels last in memory."""
    order = [0, *range(2, len(shape)), 1] if last else list(range(len(shape)))
    return [math.prod(shape[j] for j in order[order.index(axis) + 1 :]) for axis in range(len(shape))]


class Convolutions:
    """cuDNN's convolutions on the arrays of a launcher.

    Parameters
    ----------
    gpu : Launcher
        What holds CuPy.
    """

    def __init__(self, gpu: Launcher) -> None:
        self.gpu = gpu
        self._plans: dict[Any, Any] = {}
        self._lock = threading.Lock()
        # A handle belongs to a card, and is used by one thread at a time.
        self._handles = threading.local()

    def run(
        self, operation: str, first: Any, second: Any, out: Any, last: bool, stride: tuple[int, ...],
        padding: tuple[tuple[int, int], ...], dilation: tuple[int, ...], bias: Any = None,
    ) -> bool:  # fmt: skip
        """Write a result, in C order or its channels last in memory; say False where cuDNN does not serve.

        What it does not serve with a bias it may without; nothing is told of that.

        Parameters
        ----------
        operation : str
            One of `OPERANDS`.
        first, second, out : array
            Its operands, in the same order of memory, and where the result goes.
        last : bool
            Whether channels are last in memory.
        stride, padding, dilation : tuple
            As the row has them.
        bias : array, optional
            What is added to each channel of a ``"conv_fprop"``.
        """
        library, _ = load()
        if library is None:
            return False
        gpu = self.gpu
        shapes = tuple(tuple(a.shape) for a in (first, second, out))
        exact = first.dtype.name == "float32" and get_float32_matmul_precision() == "highest"
        key = (
            operation, shapes, last, first.dtype.name, stride, padding, dilation, bias is not None, gpu.card(),
            gpu.deterministic, exact,
        )  # fmt: skip
        plan = self._plans.get(key, key)
        if plan is key:
            with self._lock:
                plan = self._plans.get(key, key)
                if plan is key:
                    if len(self._plans) >= MOST_GRAPHS:
                        del self._plans[next(iter(self._plans))]
                    # One that was refused is kept as None.
                    plan = self._plans[key] = self._planned(library, *key)
        if plan is None:
            return False
        graph, size, one_at_a_time = plan
        given = [self._laid_out(a, last) for a in (first, second)]
        target = out if self._is_laid_out(out, last) else self._laid_out(out, last)
        workspace = gpu.empty((size,), np.uint8) if size else None
        handle = self._handle(library)
        library.set_stream(handle, gpu.xp.cuda.get_current_stream().ptr)
        added = () if bias is None else (self._line(bias),)
        places = {i: gpu.address(a) for i, a in enumerate((*given, target, *added), 1)}
        with one_at_a_time:
            graph.execute(places, 0 if workspace is None else gpu.address(workspace), handle=handle)
        if target is not out:
            out[...] = target
        return True

    def _handle(self, library: Any) -> Any:
        """Return this thread's handle of the current card."""
        handles: dict[Any, Any] = self._handles.__dict__
        card = self.gpu.card()
        if card not in handles:
            handles[card] = library.create_handle()
        return handles[card]

    def _planned(
        self, library: Any, operation: str, shapes: Any, last: bool, dtype: str, stride: tuple[int, ...],
        padding: tuple[tuple[int, int], ...], dilation: tuple[int, ...], biased: bool, card: int, deterministic: bool,
        exact: bool,
    ) -> Any:  # fmt: skip
        """Return a graph, the size of its workspace and its lock, or None where cuDNN does not serve."""
        notes = [library.numerical_note.NONDETERMINISTIC] if deterministic else []
        if dtype == "float32":
            # Inputs are never rounded to 16 bits, and to TensorFloat32 only where it is asked for.
            notes += [library.numerical_note.DOWN_CONVERT_INPUTS]
            notes += [library.numerical_note.TENSOR_CORE] if exact else []
        try:
            graph = described(
                library, operation, shapes, last, dtype, stride, padding, dilation, self._handle(library), biased
            )
            graph.validate()
            graph.build_operation_graph()
            graph.create_execution_plans([library.heur_mode.A, library.heur_mode.FALLBACK])
            if notes:
                graph.deselect_numeric_notes(notes)
            graph.deselect_workspace_greater_than(MOST_WORKSPACE)
            graph.check_support()
            graph.build_plans()
            return graph, graph.get_workspace_size(), threading.Lock()
        except (library.cudnnGraphNotSupportedError, RuntimeError) as error:
            what = f"{operation} of {dtype}"
            if what not in _refused and not biased:
                _refused[what] = " ".join(str(error).split()) or type(error).__name__
                warnings.warn(
                    f"cuDNN does not serve {what} of shapes {shapes[0]} and {shapes[1]}: {_refused[what]}; "
                    "candelabra's own kernel does",
                    RuntimeWarning,
                    stacklevel=2,
                )
            return None

    def _is_laid_out(self, array: Any, last: bool) -> bool:
        strides = zip(array.shape, array.strides, packed(array.shape, last))
        return self.gpu.address(array) % ALIGNMENT == 0 and all(
            n == 1 or s == p * array.itemsize for n, s, p in strides
        )

    def _line(self, bias: Any) -> Any:
        """Return a bias as cuDNN takes it."""
        bias = self.gpu.contiguous(bias)
        return self.gpu.copied(bias) if self.gpu.address(bias) % ALIGNMENT else bias

    def _laid_out(self, array: Any, last: bool) -> Any:
        """Return an array as cuDNN takes it: packed, and aligned."""
        if self._is_laid_out(array, last):
            return array
        if not last:
            return self.gpu.copied(array)
        moveaxis = self.gpu.xp.moveaxis
        return moveaxis(self.gpu.copied(moveaxis(array, 1, -1)), -1, 1)


def described(
    library: Any, operation: str, shapes: Any, last: bool, dtype: str, stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...], dilation: tuple[int, ...], handle: Any = None, biased: bool = False,
) -> Any:  # fmt: skip
    """Return a graph of one convolution: its operands are numbered 1 and 2, its result 3, and a bias 4.

    A line is a plane of height 1.
    """
    kind = getattr(library.data_type, KINDS[dtype])
    computed = library.data_type.DOUBLE if dtype == "float64" else library.data_type.FLOAT
    if len(stride) == 1:
        shapes = [(n, c, 1, size) for n, c, size in shapes]
        stride, padding, dilation = (1, *stride), ((0, 0), *padding), (1, *dilation)
    graph = library.pygraph(
        io_data_type=kind, intermediate_data_type=computed, compute_data_type=computed, handle=handle
    )
    operands = {
        name: graph.tensor(dim=list(shape), stride=packed(shape, last), data_type=kind, uid=number)
        for number, (name, shape) in enumerate(zip(OPERANDS[operation], shapes), 1)
    }
    result = getattr(graph, operation)(
        **operands, pre_padding=[before for before, _ in padding], post_padding=[after for _, after in padding],
        stride=list(stride), dilation=list(dilation),
    )  # fmt: skip
    if biased:
        shape = (1, shapes[2][1], *(1,) * len(stride))
        added = graph.tensor(dim=list(shape), stride=packed(shape, last), data_type=kind, uid=4)
        result = graph.bias(input=result, bias=added)
    result.set_output(True)
    result.set_data_type(kind)
    result.set_dim(list(shapes[2]))
    result.set_stride(packed(shapes[2], last))
    result.set_uid(3)
    return graph
