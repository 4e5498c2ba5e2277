"""Bridges to libraries that ask for one: importing `candelabra.interop.<library>` makes it known to the library.

What speaks the array API standard needs no bridge: SciPy, scikit-learn, array-api-extra and `einops.array_api` take a
Tensor as it is.
"""

from __future__ import annotations
