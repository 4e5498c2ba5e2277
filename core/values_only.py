"""Results of operations whose PyTorch namesake returns a pair: taking them apart as one is refused with the mend."""

from __future__ import annotations

import opcode
import sys
from collections.abc import Iterator

from .errors import ArgumentTypeError
from .tensor import Tensor

_UNPACK = opcode.opmap["UNPACK_SEQUENCE"]


class _Values(Tensor):
    """The values alone, where PyTorch has values and indices."""

    __slots__ = ("other",)
    other: str

    def __iter__(self) -> Iterator[Tensor]:
        frame = sys._getframe(1)
        if frame.f_code.co_code[frame.f_lasti] == _UNPACK:
            raise ArgumentTypeError(
                "this returns the values alone, as the array API standard has it, and no (values, indices) pair; "
                f"call {self.other} for the indices"
            )
        return super().__iter__()

    @property
    def values(self) -> Tensor:
        """Refused: PyTorch's pair has this name."""
        raise ArgumentTypeError("the result is the values themselves, as the array API standard has it; drop .values")

    @property
    def indices(self) -> Tensor:
        """Refused: PyTorch's pair has this name."""
        raise ArgumentTypeError(
            f"the result is the values alone, as the array API standard has it; call {self.other} for the indices"
        )


def values_only(result: Tensor, other: str) -> Tensor:
    """Return a tensor that says, when it is taken for a pair, that `other` gives the indices."""
    made: _Values = object.__new__(_Values)
    made.array, made.device, made.node, made.other = result.array, result.device, result.node, other
    return made
