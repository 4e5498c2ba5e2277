"""Random rows: each takes the key and counter of its draw, as `docs/random.md` numbers them, and remembers nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import device as devices
from ..errors import DTypeError
from .row import TABLE, creation


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


_FLOATS = "real floating-point"

random_bits = creation(
    "random_bits", "*, key, counter, n", "Return the first n words of the random stream at a counter, as uint64.",
    body=_filled_on_the_host("random_bits"),
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
