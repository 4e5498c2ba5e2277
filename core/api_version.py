"""The array API standard's view of candelabra: the namespace of a tensor, and the inspection functions."""

from __future__ import annotations

import sys
from functools import wraps
from types import ModuleType
from typing import Any

from . import device as devices
from . import dtypes
from .errors import ArgumentError, ArgumentTypeError

VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12", "2025.12")


# What returns a tuple since 2025.12, and a list before.
LISTS_BEFORE_2025 = ("broadcast_arrays", "meshgrid")

# Outside the standard, and what consumers take for NumPy's where a namespace has it: scikit-learn asks for `median`,
# SciPy for `put_along_axis`. Ours are PyTorch's: the lower of two with its index, and a new tensor.
NOT_NUMPYS = frozenset(("median", "nanmedian", "put_along_axis"))


class Namespace(ModuleType):
    """The package as tensors name it to consumers: what NumPy means otherwise is not offered in its place."""

    def __init__(self, version: str) -> None:
        super().__init__(_package().__name__, _package().__doc__)
        self.__array_api_version__ = version

    def __getattr__(self, name: str) -> Any:
        if name in NOT_NUMPYS:
            raise AttributeError(
                f"the array namespace of a tensor has no {name!r}: NumPy means something else by it; candelabra.{name} "
                "is PyTorch's"
            )
        value = getattr(_package(), name)
        setattr(self, name, value)
        return value

    def __dir__(self) -> list[str]:
        return [name for name in dir(_package()) if name not in NOT_NUMPYS]

    def __eq__(self, other: object) -> bool:
        """Of the newest version it is the package to those who compare."""
        return self is other or (other is _package() and self.__array_api_version__ == VERSIONS[-1])

    def __hash__(self) -> int:
        return hash(_package())

    def __repr__(self) -> str:
        return f"<candelabra as version {self.__array_api_version__} of the array API standard has it>"

    def __reduce__(self) -> tuple[Any, ...]:
        return namespace_for, (self.__array_api_version__,)


class OlderNamespace(Namespace):
    """The package's namespace with lists where versions of the standard before 2025.12 have lists, not tuples."""

    def __init__(self, version: str) -> None:
        super().__init__(version)
        for name in LISTS_BEFORE_2025:
            setattr(self, name, _listed(getattr(_package(), name)))

    def __array_namespace_info__(self) -> NamespaceInfo:
        """Return the object with the standard's inspection functions."""
        return OlderNamespaceInfo()


def _package() -> ModuleType:
    return sys.modules[__package__.rpartition(".")[0]]


def _listed(function: Any) -> Any:
    @wraps(function)
    def listed(*arguments: Any, **options: Any) -> list[Any]:
        return list(function(*arguments, **options))

    return listed


_made: dict[str | None, Namespace] = {}


def namespace_for(api_version: str | None) -> ModuleType:
    """Return the namespace that implements a version of the standard, one object per version; None is the newest."""
    found = _made.get(api_version)
    if found is None:
        version = api_version or VERSIONS[-1]
        if version not in VERSIONS:
            raise ArgumentError(
                f"__array_namespace__: version {api_version!r} of the array API standard is not one of "
                f"{', '.join(VERSIONS)}"
            )
        made = _made.get(version) or (Namespace if version == VERSIONS[-1] else OlderNamespace)(version)
        found = _made[version] = _made[api_version] = made
    return found


class NamespaceInfo:
    """What the standard's inspection functions tell.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.__array_namespace_info__().default_dtypes()["integral"]
    candelabra.int64
    """

    def capabilities(self) -> dict[str, Any]:
        """Return what the library supports beyond the minimum."""
        return {
            "boolean indexing": True,
            "data-dependent shapes": devices.get_default_device().backend.data_dependent_shapes,
            "max dimensions": 64,
        }

    def default_device(self) -> devices.Device:
        """Return the default device."""
        return devices.get_default_device()

    def default_dtypes(self, *, device: Any = None) -> dict[str, dtypes.DType]:
        """Return the dtypes that Python numbers become."""
        target = devices.as_device(device)
        real = dtypes.get_default_dtype()
        whole = target.dtype_of[target.best_native_dtype(dtypes.int64)]
        return {"real floating": real, "complex floating": real.to_complex(), "integral": whole, "indexing": whole}

    def devices(self) -> tuple[devices.Device, ...]:
        """Return the devices of the backends in use."""
        default = devices.get_default_device()
        host = devices.host_device()
        return (default,) if default is host else (host, default)

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, dtypes.DType]:
        """Return the standard's dtypes that a device supports, by name, of a kind or of all."""
        from .functions.data_types import isdtype

        target = devices.as_device(device)
        found = {d.name: d for d in dtypes.STANDARD if d in target.native}
        if kind is None:
            return found
        if not isinstance(kind, (str, tuple)):
            raise ArgumentTypeError(f"dtypes: kind is a string or a tuple of strings, not {kind!r}")
        return {name: d for name, d in found.items() if isdtype(d, kind)}


class OlderNamespaceInfo(NamespaceInfo):
    """What the inspection functions tell before 2025.12."""

    def devices(self) -> list[devices.Device]:  # type: ignore[override]
        """Return the devices of the backends in use."""
        return list(super().devices())


def __array_namespace_info__() -> NamespaceInfo:
    """Return the object with the standard's inspection functions."""
    return NamespaceInfo()
