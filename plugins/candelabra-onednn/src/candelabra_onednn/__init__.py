"""oneDNN's kernels for candelabra's CPU: convolution, products, normalization, pooling and recurrent layers."""

from __future__ import annotations

from candelabra.core.backend import Kernel
from candelabra.plugins.hookspecs import KernelSpec


def candelabra_kernels() -> list[KernelSpec]:
    """Announce the kernels; none where the library does not load, which `candelabra devices` tells."""
    from . import library

    if library.load() is None:
        return []
    from . import convolution, pointwise, products, recurrent

    kernels: dict[str, Kernel] = {**convolution.KERNELS, **products.KERNELS, **pointwise.KERNELS, **recurrent.KERNELS}
    return [KernelSpec("cpu", row, kernel) for row, kernel in kernels.items()]
