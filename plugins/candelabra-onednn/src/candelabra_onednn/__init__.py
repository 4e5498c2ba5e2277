"""oneDNN's kernels for candelabra's CPU: convolution, products, normalization, pooling and recurrent layers."""

from __future__ import annotations

from candelabra.plugins.hookspecs import KernelSpec


def candelabra_kernels() -> list[KernelSpec]:
    """Announce the kernels; none where the library does not load, which `candelabra devices` tells."""
    from . import library

    if library.load() is None:
        return []
    from . import attention, convolution, normalization, pointwise, pooling, products, recurrent

    families = (attention, convolution, normalization, pointwise, pooling, products, recurrent)
    return [KernelSpec("cpu", row, kernel) for family in families for row, kernel in family.KERNELS.items()]
