"""Random rows: each takes the key and counter of its draw, as `docs/random.md` numbers them, and remembers nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import device as devices
from .. import dtypes
from ..errors import DTypeError
from .row import TABLE, creation, linear


def _filled_on_the_host(name: str, made: str = "") -> Callable[..., Any]:
    """Return the body of a random row, for a backend without a kernel: the host draws, the device gets the result."""

    def body(xp: Any, **statics: Any) -> Any:
        from ..implementation import implementation

        device, host = xp.device.physical, devices.host_device()
        native = statics.get("dtype")
        if native is not None:
            dtype = device.dtype_of[native]
            if device is host:
                # Only its own kernel's refusal brings the host here.
                raise DTypeError(f"{name}: makes {made} dtypes, not {dtype.name}; convert the result")
            statics["dtype"] = host.native_dtype(dtype, name)
        return devices.transfer(implementation(TABLE[name], host).forward(**statics), host, device)

    return body


# Where a device has no uint64, its widest integers hold the leading bits, so that an order of words stays what it is.
WORDS = ((dtypes.uint64, 0), (dtypes.int64, 1), (dtypes.uint32, 32), (dtypes.int32, 33))


def _words(xp: Any, **statics: Any) -> Any:
    from ..implementation import implementation, namespace

    device, host = xp.device.physical, devices.host_device()
    words = implementation(TABLE["random_bits"], host).forward(**statics)
    dtype, shift = next(pair for pair in WORDS if pair[0] in device.native)
    if shift:
        there = namespace(host)
        shifts = there.full((), shift, dtype=words.dtype)
        words = there.astype(there.bitwise_right_shift(words, shifts), host.native[dtype])
    return devices.transfer(words, host, device)


_FLOATS = "real floating-point"

random_bits = creation(
    "random_bits", "*, key, counter, n", "Return the first n words of the random stream at a counter, as uint64 or their leading bits.",
    body=_words,
)  # fmt: skip
random_uniform = creation(
    "random_uniform", "*, key, counter, shape, dtype, low=0.0, high=1.0", "Return uniform draws in [low, high).",
    body=_filled_on_the_host("random_uniform", _FLOATS), category="real floating-point",
)  # fmt: skip
random_normal = creation(
    "random_normal", "*, key, counter, shape, dtype, mean=0.0, std=1.0", "Return normal draws.",
    body=_filled_on_the_host("random_normal", _FLOATS), category="real floating-point",
)  # fmt: skip
random_bernoulli = creation(
    "random_bernoulli", "*, key, counter, shape, dtype, p", "Return ones with probability p, else zeros.",
    body=_filled_on_the_host("random_bernoulli", "real"), category="real",
)  # fmt: skip
random_integers = creation(
    "random_integers", "*, key, counter, shape, dtype, low, high", "Return integers from [low, high).",
    body=_filled_on_the_host("random_integers", "real"), category="real numeric",
)  # fmt: skip
random_permutation = creation(
    "random_permutation", "*, key, counter, n, dtype", "Return a random order of the integers below n.",
    body=_filled_on_the_host("random_permutation", "real"), category="real numeric",
)  # fmt: skip


def _dropout_body(xp: Any, x: Any, *, key: int, counter: int, keep: float, wide: bool) -> Any:
    drawn = xp.device.native_dtype("float64" if wide else "float32", "random_dropout")
    mask = xp.random_bernoulli(key=key, counter=counter, shape=tuple(x.shape), dtype=drawn, p=keep)
    kind = xp.device.dtype_of.get(x.dtype, x.dtype).to_real()
    mask = xp.astype(mask, xp.device.native_dtype(kind, "random_dropout"))
    return xp.multiply(x, xp.multiply(mask, 1 / keep))


random_dropout = linear(
    "random_dropout", "x, /, *, key, counter, keep, wide",
    "Return `x` with elements set to zero by a draw, of a word each (`wide`) or half a word, that keeps a share, and scaled by its "
    "inverse.",
    transpose=lambda xp, g, key, counter, keep, wide: xp.random_dropout(
        g, key=key, counter=counter, keep=keep, wide=wide
    ),
    body=_dropout_body, category="floating-point", floating=True,
)  # fmt: skip
