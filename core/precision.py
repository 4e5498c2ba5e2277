"""How exactly products of float32 matrices are computed, where a device offers a faster way."""

from __future__ import annotations

from .errors import ArgumentError

PRECISIONS = ("highest", "high", "medium")

_float32_matmul = "highest"


def set_float32_matmul_precision(precision: str) -> None:
    """Set how exactly products of float32 matrices are computed, in all threads.

    It allows a device to round the factors before it multiplies them; sums are always taken in float32. On NVIDIA
    cards from the Ampere generation on a product then takes a fraction of the time. Devices without a faster way
    compute in float32 whatever is set.

    Parameters
    ----------
    precision : str
        ``"highest"`` (at first): float32, 24 bits of significand; ``"high"``: TensorFloat32, 11 bits; ``"medium"``:
        bfloat16, 8 bits.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.set_float32_matmul_precision("high")
    >>> cb.get_float32_matmul_precision()
    'high'
    >>> cb.set_float32_matmul_precision("highest")
    """
    global _float32_matmul
    if precision not in PRECISIONS:
        raise ArgumentError(
            f"set_float32_matmul_precision: 'highest', 'high' or 'medium' is needed, got {precision!r}"
        )
    _float32_matmul = precision


def get_float32_matmul_precision() -> str:
    """Return how exactly products of float32 matrices are computed: ``"highest"``, ``"high"`` or ``"medium"``."""
    return _float32_matmul
