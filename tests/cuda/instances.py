"""Every instance of every kernel: what its template's parameters are says which."""

from __future__ import annotations

import itertools
import re

from candelabra.backends.cupy.launch import FLOATS, FOLDER, TYPES

# A kernel's `class T` is a floating-point dtype, `class E` any that a card has, `class A` one that it adds
# atomically, `class I` one of indices, `class H` one of 16 bits that tensor cores multiply; `class F` is an elementwise
# function, `class D` one with a slope.
FUNCTIONS = ["Gelu", "GeluTanh", "Silu", "Softplus", "Mish"]
CHOICES = {
    "class D": FUNCTIONS,
    "class F": [*FUNCTIONS, "Erf", "Erfc", "Sigmoid", "LogGamma"],
    "class T": [TYPES[name] for name in FLOATS],
    "class A": [TYPES[name] for name in (*FLOATS, "int32", "int64", "uint32", "uint64")],
    "class E": list(TYPES.values()),
    "class I": [TYPES["int32"], TYPES["int64"]],
    "class H": [TYPES["float16"], TYPES["bfloat16"]],
}
_KERNEL = re.compile(r"(?:template <([^>]*)>\s*)?__global__ void (\w+)\(")


def files() -> list[str]:
    """Return the names of the files of kernels."""
    return sorted(path.stem for path in FOLDER.glob("*.cu"))


def instances(text: str) -> list[str]:
    """Return the expressions of all instances of the kernels of a text."""
    found = []
    for parameters, name in _KERNEL.findall(text):
        choices = [_choices(parameter.strip()) for parameter in parameters.split(",")] if parameters else []
        found += [name + (f"<{', '.join(chosen)}>" if chosen else "") for chosen in itertools.product(*choices)]
    return found


def _choices(parameter: str) -> list[str]:
    if parameter.startswith("bool "):
        return ["false", "true"]
    if parameter in CHOICES:
        return CHOICES[parameter]
    raise ValueError(f"what instances does a kernel with the template parameter {parameter!r} have?")
