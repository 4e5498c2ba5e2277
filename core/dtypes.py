"""Data types and their promotion: facts of the core, the same on every device.

Within a kind the array API standard decides; across kinds the higher kind's dtype is kept, as PyTorch does
(``int64 + float32`` is float32); a Python scalar never widens within its kind.
"""

from __future__ import annotations

from typing import Any, ClassVar

from .errors import ArgumentTypeError, DTypeError

_KIND_RANK = {"bool": 0, "unsigned": 1, "signed": 1, "float": 2, "complex": 3}


class DType:
    """A data type, such as `candelabra.float32`.

    There is one object per data type, compared by identity.

    Attributes
    ----------
    name : str
        The standard's name, such as ``"float32"``.
    kind : str
        One of ``"bool"``, ``"signed"``, ``"unsigned"``, ``"float"``, ``"complex"``.
    itemsize : int
        Bytes per element.
    """

    __slots__ = ("bits", "itemsize", "kind", "name", "rank")
    _all: ClassVar[dict[str, DType]] = {}

    def __init__(self, name: str, kind: str, bits: int) -> None:
        self.name = name
        self.kind = kind
        self.bits = bits
        self.itemsize = max(bits // 8, 1)
        self.rank = _KIND_RANK[kind]
        DType._all[name] = self

    def __repr__(self) -> str:
        return f"candelabra.{self.name}"

    def __str__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Any, ...]:
        return (as_dtype, (self.name,))

    def __copy__(self) -> DType:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> DType:
        return self

    @property
    def is_floating_point(self) -> bool:
        """Whether it is a real floating-point dtype."""
        return self.kind == "float"

    @property
    def is_complex(self) -> bool:
        """Whether it is a complex dtype."""
        return self.kind == "complex"

    @property
    def is_signed(self) -> bool:
        """Whether it holds negative numbers."""
        return self.kind in ("signed", "float", "complex")

    @property
    def is_differentiable(self) -> bool:
        """Whether a tensor of it may require a gradient."""
        return self.rank >= 2

    def to_real(self) -> DType:
        """Return the dtype of the real part."""
        return {"complex64": float32, "complex128": float64}.get(self.name, self)

    def to_complex(self) -> DType:
        """Return the complex dtype of the same precision."""
        if self.kind == "complex":
            return self
        return complex128 if self.name == "float64" else complex64


bool_ = DType("bool", "bool", 8)
int8 = DType("int8", "signed", 8)
int16 = DType("int16", "signed", 16)
int32 = DType("int32", "signed", 32)
int64 = DType("int64", "signed", 64)
uint8 = DType("uint8", "unsigned", 8)
uint16 = DType("uint16", "unsigned", 16)
uint32 = DType("uint32", "unsigned", 32)
uint64 = DType("uint64", "unsigned", 64)
float16 = DType("float16", "float", 16)
bfloat16 = DType("bfloat16", "float", 16)
float32 = DType("float32", "float", 32)
float64 = DType("float64", "float", 64)
complex64 = DType("complex64", "complex", 64)
complex128 = DType("complex128", "complex", 128)

ALL: tuple[DType, ...] = tuple(DType._all.values())
STANDARD: tuple[DType, ...] = tuple(d for d in ALL if d.name not in ("float16", "bfloat16"))

_ALIASES: dict[Any, DType] = {
    "half": float16, "float": float32, "double": float64, "short": int16, "int": int32, "long": int64,
    "cfloat": complex64, "cdouble": complex128,
}  # fmt: skip

# What `as_dtype` has been asked for.
_found: dict[Any, DType] = {}

_process_default_float = float32

CATEGORIES: dict[str, frozenset[DType]] = {
    "all": frozenset(ALL),
    "boolean": frozenset([bool_]),
    "integer": frozenset(d for d in ALL if d.kind in ("signed", "unsigned")),
    "integer or boolean": frozenset(d for d in ALL if d.rank < 2),
    "real floating-point": frozenset(d for d in ALL if d.kind == "float"),
    "floating-point": frozenset(d for d in ALL if d.rank >= 2),
    "complex floating-point": frozenset(d for d in ALL if d.kind == "complex"),
    "real numeric": frozenset(d for d in ALL if d.kind in ("signed", "unsigned", "float")),
    "numeric": frozenset(d for d in ALL if d.rank >= 1),
    "real": frozenset(d for d in ALL if d.rank < 3),
}


def as_dtype(value: Any, operation: str = "") -> DType:
    """Return the DType for a DType, a name, a Python type or a NumPy dtype; an error names the operation."""
    if type(value) is DType:
        return value
    if value is float:
        return get_default_dtype()
    if value is int:
        return int64
    if value is bool:
        return bool_
    if value is complex:
        return get_default_dtype().to_complex()
    try:
        return _found[value]
    except (KeyError, TypeError):
        pass
    name = value if isinstance(value, str) else getattr(value, "__name__", None) or getattr(value, "name", None)
    if isinstance(name, str):
        name = name.removeprefix("candelabra.").removeprefix("torch.").rstrip("_")
        found = DType._all.get(name) or _ALIASES.get(name)
        if found is not None:
            # A library's dtype takes long to tell its name.
            if value.__hash__ is not None:
                _found[value] = found
            return found
    raise ArgumentTypeError(
        f"{operation + ': ' if operation else ''}{value!r} is no dtype of candelabra; use one of "
        f"{', '.join(DType._all)}, such as candelabra.float32"
    )


def get_default_dtype() -> DType:
    """Return the floating-point dtype that Python floats become (float32 until changed)."""
    return _process_default_float


def set_default_dtype(dtype: Any) -> None:
    """Set the floating-point dtype that Python floats become.

    Parameters
    ----------
    dtype : DType
        A real floating-point dtype.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.set_default_dtype(cb.float64)
    >>> cb.tensor([0.5]).dtype
    candelabra.float64
    >>> cb.set_default_dtype(cb.float32)
    """
    global _process_default_float
    chosen = as_dtype(dtype)
    if chosen.kind != "float":
        raise DTypeError(f"set_default_dtype: a real floating-point dtype is needed, got {chosen.name}")
    _process_default_float = chosen


def python_dtype(value: Any) -> DType:
    """Return the dtype that a Python scalar becomes when nothing else decides."""
    kind = type(value)
    if kind is float:
        return get_default_dtype()
    if kind is int:
        return int64
    if kind is bool:
        return bool_
    if kind is complex:
        return get_default_dtype().to_complex()
    # A NumPy scalar is read as the Python scalar that it stands for.
    if hasattr(value, "__array_interface__") and value.shape == ():
        return python_dtype(value.item())
    raise ArgumentTypeError(f"{value!r} of type {kind.__name__} is no Python scalar")


def _promote(a: DType, b: DType) -> DType | None:
    if a is b:
        return a
    if a.rank != b.rank:
        low, high = (a, b) if a.rank < b.rank else (b, a)
        if high.kind == "complex" and low is float64:
            return complex128
        return high
    if a.kind == b.kind:
        if a.bits == b.bits:
            return float32
        return a if a.bits > b.bits else b
    unsigned, signed = (a, b) if a.kind == "unsigned" else (b, a)
    if signed.bits > unsigned.bits:
        return signed
    return {8: int16, 16: int32, 32: int64}.get(unsigned.bits)


PROMOTION: dict[tuple[DType, DType], DType | None] = {(a, b): _promote(a, b) for a in ALL for b in ALL}


def promote_types(a: DType, b: DType) -> DType:
    """Return the dtype to which two dtypes promote."""
    result = PROMOTION[a, b]
    if result is None:
        raise DTypeError(
            f"{a.name} and {b.name} have no common integer dtype; convert one of them first, "
            f"for example with x.to(candelabra.{'int64' if 'uint64' in (a.name, b.name) else 'float32'})"
        )
    return result


def promote_scalar(dtype: DType, value: Any) -> DType:
    """Return the dtype of ``tensor_of_dtype op python_scalar``."""
    scalar = python_dtype(value)
    if scalar.rank <= dtype.rank:
        return dtype
    if scalar.kind == "complex":
        return dtype.to_complex() if dtype.kind == "float" else scalar
    return scalar


def float_for(dtype: DType) -> DType:
    """Return the dtype in which a floating-point operation computes for operands of `dtype`."""
    return dtype if dtype.rank >= 2 else get_default_dtype()
