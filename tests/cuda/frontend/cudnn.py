"""A stand-in for NVIDIA's frontend of cuDNN: its names and manners, NumPy's arithmetic on the host's memory.

Put this folder on ``PYTHONPATH``, beside the stand-in for CuPy. It has what both 1.24 and 1.28 have, in the order in
which they want it, and refuses what cuDNN's engines often do: more padding on one side than on the other. `executed`
tells what ran; float32 is rounded to TensorFloat32 unless plans that do so are deselected. No engine adds a bias to
what is of double precision.
"""

from __future__ import annotations

import ctypes
import enum
import itertools
from typing import Any

import ml_dtypes
import numpy as np

__version__ = "1.28.0"
executed: list[dict[str, Any]] = []
built: list[str] = []


class cudnnGraphNotSupportedError(Exception):
    """No engine serves a graph."""


class data_type(enum.Enum):
    """Dtypes."""

    HALF, BFLOAT16, FLOAT, DOUBLE = range(4)


class numerical_note(enum.Enum):
    """What an engine's results are like."""

    TENSOR_CORE, DOWN_CONVERT_INPUTS, NONDETERMINISTIC = range(3)


class heur_mode(enum.Enum):
    """Where plans come from."""

    A, B, FALLBACK = range(3)


NUMPYS = {
    data_type.HALF: np.dtype(np.float16), data_type.BFLOAT16: np.dtype(ml_dtypes.bfloat16),
    data_type.FLOAT: np.dtype(np.float32), data_type.DOUBLE: np.dtype(np.float64),
}  # fmt: skip


def backend_version() -> int:
    """Return the library's version."""
    return 92800


class Handle:
    """A handle of the card that is current."""

    def __init__(self) -> None:
        import cupy

        self.card, self.stream = cupy.cuda.runtime.getDevice(), 0


def create_handle() -> Handle:
    """Return a new handle."""
    return Handle()


def set_stream(handle: Handle, stream: int) -> None:
    """Let a handle's work go to a stream."""
    handle.stream = stream


class Tensor:
    """An operand or a result."""

    def __init__(self, dim: list[int], stride: list[int], data_type: Any, uid: int) -> None:
        self.dim, self.stride, self.data_type, self.uid, self.output = dim, stride, data_type, uid, False

    def set_output(self, value: bool) -> Tensor:
        self.output = value
        return self

    def set_data_type(self, value: Any) -> Tensor:
        self.data_type = value
        return self

    def set_dim(self, value: list[int]) -> Tensor:
        self.dim = value
        return self

    def set_stride(self, value: list[int]) -> Tensor:
        self.stride = value
        return self

    def set_uid(self, value: int) -> Tensor:
        self.uid = value
        return self

    def at(self, address: int) -> np.ndarray:
        """Return the array that lies somewhere; it is packed, and begins where cuDNN assumes arrays to."""
        assert address % 16 == 0, "cuDNN takes arrays to begin at multiples of 16 bytes"
        dtype, size = NUMPYS[self.data_type], int(np.prod(self.dim))
        memory = np.frombuffer((ctypes.c_char * (size * dtype.itemsize)).from_address(address), dtype)
        strides = [s * dtype.itemsize for s in self.stride]
        reach = sum((n - 1) * s for n, s in zip(self.dim, self.stride))
        assert reach + 1 == size, f"strides {self.stride} of {self.dim} leave gaps"
        return np.lib.stride_tricks.as_strided(memory, self.dim, strides)


STAGES = ("described", "validated", "operations", "plans", "supported", "built")


class pygraph:
    """A graph of one convolution."""

    def __init__(self, *, io_data_type: Any, intermediate_data_type: Any, compute_data_type: Any, handle: Any) -> None:
        assert isinstance(handle, Handle) and all(
            isinstance(kind, data_type) for kind in (io_data_type, intermediate_data_type, compute_data_type)
        )
        self.card, self.computed = handle.card, compute_data_type
        self.stage, self.deselected, self.added = 0, set[Any](), None

    def _enter(self, stage: str) -> None:
        assert STAGES[self.stage] == STAGES[STAGES.index(stage) - 1], f"{stage} comes after {STAGES[self.stage]}"
        self.stage += 1

    def tensor(self, *, dim: list[int], stride: list[int], data_type: Any, uid: int) -> Tensor:
        return Tensor(dim, stride, data_type, uid)

    def _convolution(self, operation: str, operands: dict[str, Tensor], how: dict[str, list[int]]) -> Tensor:
        assert 4 <= len(next(iter(operands.values())).dim) <= 5, "images have two or three axes"
        self.operation, self.operands, self.how = operation, list(operands.values()), how
        self.result = Tensor([], [], None, -1)
        return self.result

    def conv_fprop(self, *, image: Tensor, weight: Tensor, **how: list[int]) -> Tensor:
        return self._convolution("conv_fprop", {"image": image, "weight": weight}, how)

    def conv_dgrad(self, *, loss: Tensor, filter: Tensor, **how: list[int]) -> Tensor:
        return self._convolution("conv_dgrad", {"loss": loss, "filter": filter}, how)

    def conv_wgrad(self, *, image: Tensor, loss: Tensor, **how: list[int]) -> Tensor:
        return self._convolution("conv_wgrad", {"image": image, "loss": loss}, how)

    def bias(self, *, input: Tensor, bias: Tensor) -> Tensor:
        assert input is self.result and not input.output and self.operation == "conv_fprop" and self.added is None
        self.convolved, self.added, self.result = input, bias, Tensor([], [], None, -1)
        return self.result

    def _roles(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return image, weight and result of the forward direction."""
        a, b, c = *self.operands, self.result
        return {"conv_fprop": (a, b, c), "conv_dgrad": (c, b, a), "conv_wgrad": (a, c, b)}[self.operation]

    def validate(self) -> None:
        self._enter("validated")
        x, w, y = self._roles()
        assert self.result.output and self.result.uid > 0
        before, after, stride, dilation = (
            self.how[name] for name in ("pre_padding", "post_padding", "stride", "dilation")
        )
        assert x.dim[1] % w.dim[1] == 0 and w.dim[0] % (x.dim[1] // w.dim[1]) == 0
        expected = [x.dim[0], w.dim[0]] + [
            (n + b + a - d * (k - 1) - 1) // s + 1
            for n, k, b, a, s, d in zip(x.dim[2:], w.dim[2:], before, after, stride, dilation, strict=True)
        ]
        assert list(y.dim) == expected, f"the result's shape is {expected}, not {y.dim}"
        if self.added is not None:
            assert not self.convolved.output, "what lies between is nowhere"
            assert list(self.added.dim) == [1, y.dim[1], *[1] * (len(y.dim) - 2)] and self.added.stride[1] == 1

    def build_operation_graph(self) -> None:
        self._enter("operations")

    def create_execution_plans(self, modes: list[Any]) -> None:
        self._enter("plans")
        assert modes and all(isinstance(mode, heur_mode) for mode in modes)

    def deselect_numeric_notes(self, notes: list[Any]) -> None:
        assert STAGES[self.stage] == "plans", "notes mark plans, which are there once they were created"
        self.deselected |= set(notes)

    def deselect_workspace_greater_than(self, size: int) -> None:
        assert size >= 64

    def check_support(self) -> None:
        self._enter("supported")
        if self.how["pre_padding"] != self.how["post_padding"]:
            raise cudnnGraphNotSupportedError("No valid execution plans\nfor uneven padding")
        if self.added is not None and self.computed is data_type.DOUBLE:
            raise cudnnGraphNotSupportedError("No valid engine configs for Add in double precision")

    def build_plans(self) -> None:
        self._enter("built")
        built.append(self.operation)

    def get_workspace_size(self) -> int:
        return 64 if self.operation == "conv_wgrad" else 0

    def execute(self, places: dict[int, int], workspace: int, handle: Handle) -> None:
        assert STAGES[self.stage] == "built" and handle.card == self.card
        assert (workspace != 0) == (self.get_workspace_size() > 0)
        executed.append(
            {"operation": self.operation, "card": handle.card, "stream": handle.stream,
             "biased": self.added is not None, "last": self.operands[0].stride[1] == 1 and self.operands[0].dim[1] > 1,
             "deselected": {note.name for note in self.deselected}}
        )  # fmt: skip
        wide = np.float64
        given = [t.at(places[t.uid]).astype(wide) for t in self.operands]
        if self.operands[0].data_type is data_type.FLOAT and numerical_note.TENSOR_CORE not in self.deselected:
            given = [rounded(a) for a in given]
        out = self.result.at(places[self.result.uid])
        found = convolved(self.operation, *given, tuple(out.shape), self.how)
        if self.added is not None:
            found = found + self.added.at(places[self.added.uid]).astype(wide)
        out[...] = found.astype(out.dtype)


def rounded(array: np.ndarray) -> np.ndarray:
    """Return float32 numbers with the significand of TensorFloat32."""
    bits = array.astype(np.float32).view(np.uint32)
    return ((bits + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view(np.float32).astype(np.float64)


def convolved(
    operation: str, first: np.ndarray, second: np.ndarray, shape: tuple[int, ...], how: dict[str, list[int]]
) -> np.ndarray:
    """Return a convolution or one of its transposes, tap by tap."""
    out = np.zeros(shape)
    x, w, y = {
        "conv_fprop": (first, second, out), "conv_dgrad": (out, second, first), "conv_wgrad": (first, out, second),
    }[operation]  # fmt: skip
    before, after = how["pre_padding"], how["post_padding"]
    groups = x.shape[1] // w.shape[1]
    wide = np.pad(x, [(0, 0), (0, 0), *zip(before, after)])
    sample = (x.shape[0], groups, w.shape[1])
    weight = w.reshape(groups, -1, *w.shape[1:])
    target = y.reshape(y.shape[0], groups, -1, *y.shape[2:])
    for tap in itertools.product(*map(range, w.shape[2:])):
        cuts = tuple(
            slice(t * d, t * d + (m - 1) * s + 1, s)
            for t, d, s, m in zip(tap, how["dilation"], how["stride"], y.shape[2:])
        )
        seen = wide[(slice(None), slice(None), *cuts)]
        part = seen.reshape(*sample, *seen.shape[2:])
        if operation == "conv_fprop":
            target += np.einsum("ngc...,goc->ngo...", part, weight[(..., *tap)])
        elif operation == "conv_dgrad":
            seen += np.einsum("ngo...,goc->ngc...", target, weight[(..., *tap)]).reshape(seen.shape)
        else:
            flat = part.reshape(*sample, -1), target.reshape(*target.shape[:3], -1)
            weight[(..., *tap)] = np.einsum("ngcp,ngop->goc", *flat)
    if operation == "conv_dgrad":
        return wide[(slice(None), slice(None), *(slice(b, b + n) for b, n in zip(before, shape[2:])))]
    return out
