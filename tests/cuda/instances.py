"""Every instance of every kernel: what its template's parameters are says which."""

from __future__ import annotations

import itertools
import re

from candelabra.backends.cupy.launch import FLOATS, FOLDER, TYPES

# A kernel's `class T` is a floating-point dtype, `class E` any that a card has, `class S` one of numbers, `class A` one
# that it adds atomically, `class I` one of indices, `class M` what is moved at once, `class N` what counts elements,
# `class O` how two are joined, `class H` one of 16 bits that tensor cores multiply; `class F` is an elementwise
# function, `class D` one with a slope, `class L` one that follows linear maps; `int WIDE` is how many features a tile
# has.
FUNCTIONS = ["Gelu", "GeluTanh", "Silu", "Softplus", "Mish"]
HEADS = [f"Heads<{TYPES[name]}, {wide}>" for name in ("float16", "bfloat16", "float32") for wide in (32, 64, 128)]
CHOICES = {
    "class D": FUNCTIONS,
    "class L": ["Relu", "Gelu", "GeluTanh", "Silu"],
    "class F": [*FUNCTIONS, "Erf", "Erfc", "Sigmoid", "LogGamma"],
    "class T": [TYPES[name] for name in FLOATS],
    "class A": [TYPES[name] for name in ("float32", "float64", "int32", "int64", "uint32", "uint64")],
    "class E": list(TYPES.values()),
    "class I": [TYPES["int32"], TYPES["int64"]],
    "class M": ["unsigned char", "unsigned short", "unsigned", "unsigned long long", "Sixteen"],
    "class N": ["unsigned", "long long"],
    "class O": ["Adding", "Multiplying", "Greater", "Less"],
    "class S": [kind for name, kind in TYPES.items() if name != "bool"],
    "class H": [TYPES["float16"], TYPES["bfloat16"]],
    "class P": [*HEADS, "Heads<__half, 256>", "Heads<__nv_bfloat16, 256>"],
    "class U": HEADS,
}
_KERNEL = re.compile(r"(?:template <([^>]*)>\s*)?__global__ void (?:__launch_bounds__\([^()]*\)\s+)?(\w+)\(")


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
