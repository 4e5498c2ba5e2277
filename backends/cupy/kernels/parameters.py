"""Kernels over many arrays: one launch for as many of them as a kernel's argument has room for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..launch import TYPES, Launcher, float64, name_of

# As in parameters.cuh.
MOST, LISTS, CHUNK = 36, 4, 8192
THREADS = 256
PARAMETERS = np.dtype(
    [
        ("from", np.uint64, (LISTS + 1, MOST)), ("to", np.uint64, (LISTS, MOST)), ("sizes", np.int64, MOST),
        ("first", np.float64, MOST), ("second", np.float64, MOST), ("third", np.float64, MOST),
        ("blocks", np.int32, MOST), ("count", np.int32), ("pad", np.int32),
    ]
)  # fmt: skip
NUMBERS = ("first", "second", "third")
# What a dtype's elements are for these kernels, and how many are in one: complex numbers are pairs, as in PyTorch.
KINDS = {name: (TYPES[name], 1) for name in ("float16", "bfloat16", "float32", "float64")}
KINDS |= {"complex64": (TYPES["float32"], 2), "complex128": (TYPES["float64"], 2)}


def alike(arrays: Sequence[Any]) -> bool:
    """Say whether arrays of one shape have their elements in the same order, and nothing between them."""
    first = arrays[0]
    if all(a.flags.c_contiguous for a in arrays):
        return True
    if any(a.strides != first.strides for a in arrays[1:]):
        return False
    after = first.itemsize
    for stride, n in sorted((s, n) for s, n in zip(first.strides, first.shape, strict=True) if n != 1):
        if stride != after:
            return False
        after *= n
    return True


class Part(NamedTuple):
    """What one launch works on: the type, how many of it are in an element (0 for bytes), an argument, and blocks."""

    kind: str
    each: int
    table: Any
    blocks: int


def parts(
    gpu: Launcher, read: Sequence[list[Any]], written: Sequence[list[Any]], *numbers: Sequence[float]
) -> Iterator[Part]:
    """Return the launches that all arrays take, by kinds; those without elements are passed over.

    Parameters
    ----------
    gpu : Launcher
        What runs them.
    read, written : sequence of list of array
        Each list has the arrays of all parameters, whose elements lie `alike`.
    *numbers : sequence of float
        What differs from parameter to parameter.
    """
    kinds: dict[tuple[str, int], list[int]] = {}
    for i, p in enumerate(read[0]):
        if p.size:
            kinds.setdefault(KINDS[name_of(p.dtype)], []).append(i)
    return _cut(gpu, kinds, read, written, numbers)


def byte_parts(gpu: Launcher, read: Sequence[list[Any]], written: Sequence[list[Any]]) -> Iterator[Part]:
    """Yield the launches that arrays of whatever dtypes take, whose bytes are worked on."""
    members = [i for i, p in enumerate(read[0]) if p.size]
    return _cut(gpu, {("char", 0): members}, read, written, ())


def _cut(
    gpu: Launcher, kinds: dict[tuple[str, int], list[int]], read: Sequence[list[Any]],
    written: Sequence[list[Any]], numbers: Sequence[Sequence[float]],
) -> Iterator[Part]:  # fmt: skip
    for (kind, each), members in kinds.items():
        for start in range(0, len(members), MOST):
            chosen = members[start : start + MOST]
            count = len(chosen)
            table = np.zeros((), PARAMETERS)
            for slots, groups in (("from", read), ("to", written)):
                for line, arrays in enumerate(groups):
                    table[slots][line, :count] = [gpu.address(arrays[i]) for i in chosen]
            sizes = [read[0][i].size * each or read[0][i].nbytes for i in chosen]
            table["sizes"][:count] = sizes
            for slot, values in zip(NUMBERS, numbers, strict=False):
                table[slot][:count] = [values[i] for i in chosen]
            blocks = np.cumsum([-(-size // CHUNK) for size in sizes])
            table["blocks"][:count] = blocks
            table["count"] = count
            yield Part(kind, each, table, int(blocks[-1]))


def arguments(told: Sequence[Any]) -> list[Any]:
    """Return numbers as kernels take them; arrays and NumPy's numbers stay as they are."""
    return [np.bool_(x) if isinstance(x, bool) else float64(x) if isinstance(x, (int, float)) else x for x in told]


class Steps:
    """Runs the steps of a file of kernels.

    Parameters
    ----------
    gpu : Launcher
        What runs them.
    file : str
        The file.
    """

    def __init__(self, gpu: Launcher, file: str) -> None:
        self.gpu, self.file = gpu, file

    def __call__(
        self, kernel: str, lists: Sequence[list[Any]], donate: bool, told: Sequence[Any], *numbers: Sequence[float],
        choice: Sequence[bool] = (),
    ) -> Any:  # fmt: skip
        """Run a step, which writes all lists but the second; an empty one is not there.

        `numbers` are those of each parameter, and `choice` the kernel's template arguments after the dtype.
        """
        gpu, params = self.gpu, lists[0]
        served = all(name_of(p.dtype) in KINDS for p in params)
        if not served or any(a[i].dtype != p.dtype for a in lists if a for i, p in enumerate(params)):
            return NotImplemented
        read = [list(arrays) for arrays in lists if arrays]
        for i in range(len(params)):
            if not alike([arrays[i] for arrays in read]):
                for arrays in read:
                    arrays[i] = gpu.contiguous(arrays[i])
        to = [
            # What had to be made contiguous is overwritten in its copy alone.
            arrays if donate else [gpu.empty_like(x) for x in arrays]
            for which, arrays in enumerate(read)
            if which != 1
        ]
        given = arguments(told)
        for part in parts(gpu, read, to, *numbers):
            expression = f"{kernel}<{', '.join([part.kind, *('true' if c else 'false' for c in choice)])}>"
            gpu.run(self.file, expression, part.blocks, THREADS, part.table, *given)
        written = iter(to)
        return tuple(next(written) if arrays else [] for i, arrays in enumerate(lists) if i != 1)
