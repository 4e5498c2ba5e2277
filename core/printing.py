"""How tensors print: PyTorch's layout, `tensor([[1., 2.], [3., 4.]])`, with what is not as usual behind the values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from . import dtypes
from .device import host_device
from .errors import ArgumentError, ArgumentTypeError, TransformError
from .failures import reason_of
from .tensor import Tensor

if TYPE_CHECKING:
    import numpy as np


@dataclass(slots=True)
class _Options:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_options = _Options()

_PROFILES: dict[str, dict[str, float]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors print; what is None stays as it is, but for `sci_mode`.

    Parameters
    ----------
    precision : int, optional
        Digits behind the point (4).
    threshold : float, optional
        The number of elements above which the middle of a tensor is left out (1000).
    edgeitems : int, optional
        How many elements then show at each end of an axis (3).
    linewidth : int, optional
        Characters on a line (80).
    profile : {"default", "short", "full"}, optional
        A set of the above; what else is given changes it.
    sci_mode : bool, optional
        Whether numbers print as ``1.0000e+00``; None lets the numbers decide.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If a value cannot be used. Nothing is changed then.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.set_printoptions(precision=2)
    >>> cb.tensor([1.12345])
    tensor([1.12])
    >>> cb.set_printoptions(profile="default")
    >>> cb.tensor([1.12345])
    tensor([1.1235])
    """
    chosen: dict[str, Any] = asdict(_options)
    if profile is not None:
        if profile not in _PROFILES:
            raise ArgumentError(
                f"set_printoptions: profile is one of {', '.join(map(repr, _PROFILES))}, not {profile!r}"
            )
        chosen.update(_PROFILES[profile])
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    for name, value in given.items():
        if value is None:
            continue
        numbers = (int, float) if name == "threshold" else (int,)
        if isinstance(value, bool) or not isinstance(value, numbers):
            raise ArgumentTypeError(f"set_printoptions: {name} is a number, not {value!r}")
        if not value >= (1 if name == "linewidth" else 0):
            raise ArgumentError(f"set_printoptions: {name} cannot be {value}")
        chosen[name] = value
    if sci_mode is not None and not isinstance(sci_mode, bool):
        raise ArgumentTypeError(f"set_printoptions: sci_mode is True, False or None, not {sci_mode!r}")
    chosen["sci_mode"] = sci_mode
    for name, value in chosen.items():
        setattr(_options, name, value)


def get_printoptions() -> dict[str, Any]:
    """Return how tensors print, as a dictionary that `set_printoptions` takes as keywords.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.get_printoptions()["precision"]
    4
    """
    return asdict(_options)


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Print tensors in another way inside a block; takes what `set_printoptions` takes.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.core.printing import printoptions
    >>> with printoptions(precision=1):
    ...     print(cb.tensor([0.25]))
    tensor([0.2])
    """
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)


def tensor_text(tensor: Tensor) -> str:
    """Return the text of a tensor.

    Parameters
    ----------
    tensor : Tensor
        Any shape, dtype and device. Inside a transformation that hides the values ``...`` stands for them.
    """
    prefix = "tensor("
    suffixes = []
    try:
        array = _host_values(tensor)
    except Exception as error:
        # A device may be gone or in trouble, and a debugger prints all the same.
        if tensor.device == host_device():
            raise
        array = None
        suffixes.append(f"unreadable={reason_of(error.__cause__ or error)!r}")
    if tensor.device != host_device():
        suffixes.append(f"device='{tensor.device}'")
    usual = dtypes.get_default_dtype()
    if array is None or array.size == 0:
        if array is None or array.ndim != 1:
            suffixes.append(f"size={tensor.shape}")
        # Without elements nothing else tells the dtype.
        named = tensor.dtype is not usual
        body = "..." if array is None else "[]"
    else:
        if not _options.edgeitems:
            suffixes.append(f"size={tensor.shape}")
        named = tensor.dtype not in (usual, usual.to_complex(), dtypes.int64, dtypes.bool_)
        body = _body(array, len(prefix))
    if named:
        suffixes.append(f"dtype={tensor.dtype!r}")
    if tensor.device.levels:
        suffixes.append(f"inside={'+'.join(map(str, tensor.device.levels))}")
    if tensor.grad_fn is not None:
        suffixes.append(f"grad_fn=<{tensor.grad_fn.name}>")
    elif tensor.requires_grad:
        suffixes.append("requires_grad=True")
    return _with_suffixes(prefix + body, suffixes, len(prefix))


def _host_values(tensor: Tensor) -> np.ndarray | None:
    """Return a tensor's values on the host, None where a transformation hides them."""
    try:
        return tensor._to_host("repr")
    except TransformError:
        return None


def _with_suffixes(text: str, suffixes: list[str], indent: int) -> str:
    parts = [text]
    width = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if width + len(suffix) + 2 > _options.linewidth:
            parts.append(",\n" + " " * indent + suffix)
            width = indent + len(suffix)
        else:
            parts.append(", " + suffix)
            width += len(suffix) + 2
    return "".join(parts) + ")"


def _body(array: np.ndarray, indent: int) -> str:
    import numpy as np

    summarize = array.size > _options.threshold
    shown = array
    if summarize:
        for axis, n in enumerate(array.shape):
            if n > 2 * _options.edgeitems:
                edge = _options.edgeitems
                shown = np.take(shown, [*range(edge), *range(n - edge, n)], axis=axis)
    if array.dtype.kind == "c":
        real, imag = _Column(shown.real), _Column(shown.imag)
        width = real.width + imag.width + 1
        write = _complex_writer(real, imag)
    else:
        column = _Column(shown)
        width, write = column.width, column.write
        if column.floating:
            # Python's floats hold every value of the narrower dtypes.
            shown = shown.astype(np.float64)
    return _nested(shown, array.shape, indent, summarize, width, write)


def _complex_writer(real: _Column, imag: _Column) -> Callable[[Any], str]:
    def write(value: complex) -> str:
        text = imag.write(value.imag).lstrip()
        return real.write(value.real) + ("" if text[0] in "+-" else "+") + text + "j"

    return write


class _Column:
    """How the numbers of a tensor are written, all to one width."""

    def __init__(self, values: np.ndarray) -> None:
        import numpy as np

        self.floating = values.dtype.kind not in "iub"
        self.integral, self.scientific, self.width = True, False, 1
        if not self.floating:
            self.width = max([1, *(len(str(v)) for v in values.reshape(-1).tolist())])
            return
        finite = values.astype(np.float64).reshape(-1)
        finite = finite[np.isfinite(finite) & (finite != 0)]
        if finite.size == 0:
            return
        self.integral = bool((finite == np.ceil(finite)).all())
        sizes = np.abs(finite)
        least, most = float(sizes.min()), float(sizes.max())
        decided = _options.sci_mode
        # The quotient may overflow, which says enough.
        wide = most > 1000.0 * least or most > 1e8 or least < 1e-4
        self.scientific = wide if decided is None else decided
        self.width = max(len(self._plain(v)) for v in finite.tolist())

    def _plain(self, value: float) -> str:
        if self.scientific:
            return f"{value:.{_options.precision}e}"
        if self.integral:
            return f"{value:.0f}" + ("." if math.isfinite(value) else "")
        return f"{value:.{_options.precision}f}"

    def write(self, value: Any) -> str:
        """Return a number's text."""
        return (self._plain(value) if self.floating else str(value)).rjust(self.width)


def _nested(
    values: np.ndarray, shape: tuple[int, ...], indent: int, summarize: bool, width: int, write: Callable[[Any], str]
) -> str:
    """Return nested brackets; `shape` is the whole tensor's, of which `values` may be the ends only."""
    if not shape:
        return write(values.item())
    gap = summarize and shape[0] > 2 * _options.edgeitems
    edge = _options.edgeitems
    if len(shape) == 1:
        items = [write(v) for v in values.tolist()]
        if gap:
            items = [*items[:edge], " ...", *items[edge:]] if edge else ["..."]
        count = max(1, (_options.linewidth - indent) // (width + 2))
        lines = [", ".join(items[i : i + count]) for i in range(0, len(items), count)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    parts = [_nested(v, shape[1:], indent + 1, summarize, width, write) for v in values]
    if gap:
        parts[edge:edge] = ["..."]
    return "[" + ("," + "\n" * (len(shape) - 1) + " " * (indent + 1)).join(parts) + "]"
