"""Call libraries' functions on Tensors in a process of their own, and say what became of each.

SciPy reads SCIPY_ARRAY_API when it is imported, so that these calls cannot be made in a process that has SciPy already.
The calls stand in `calls/`, one a line: an expression over the modules and arrays of `<library>_cases.py` and `xp`,
which is NumPy or candelabra. Its name is what stands before its first parenthesis, or before a colon.

Run with a path and a library (and names of calls, where not all are wanted) this writes what it found as JSON: of every
call, on `cpu`, on `strict`, and on `strict` as the default device,

- ``computes``: everything was done in functions of candelabra, and what came back lies on that device;
- ``host``: the library went through host memory (`Tensor.__array__`, DLPack) and handed Tensors back;
- ``leaves``: what came back are no Tensors (NumPy arrays, Python numbers), or Tensors of another device;
- ``refuses``: an error, whose text follows;
- ``views``: the library wrote through a view, which a Tensor is not; the values are others, and a LostWriteWarning
  said so;
- ``wrong``: other values than NumPy's without a word;

and of the gradient ``flows`` (and is the derivative of the same call on NumPy, by difference quotients), ``refused``
(an error that says that the graph would be left), ``none`` (nothing that comes back depends differentiably on the
inputs), ``error``, ``views``, ``nan`` (the library divides by zero and writes over what came of it), ``partial`` (the
library computes a part with Python numbers, and only that of the rest comes), ``wrong``. Where it flows, `transformed`
says what forward mode and `vmap` make of the call.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # Only here: doctests are collected from this file, too.
    os.environ["SCIPY_ARRAY_API"] = "1"

import candelabra as cb
import numpy as np

HERE = Path(__file__).resolve().parent
LIBRARIES = {"scipy": "scipy", "sklearn": "scikit-learn", "extra": "array-api-extra"}
lost_writes: list[str] = []


def leaves(found: Any) -> list[Any]:
    """Return the arrays and numbers in what a function has returned, in order."""
    if isinstance(found, dict):
        return [leaf for value in found.values() for leaf in leaves(value)]
    if isinstance(found, list | tuple):
        return [leaf for value in found for leaf in leaves(value)]
    if isinstance(found, slice):
        return [found.start, found.stop]
    if isinstance(found, cb.Tensor | np.ndarray | np.generic | bool | int | float | complex):
        return [found]
    names = [name for name in ("statistic", "pvalue") if hasattr(found, name)]
    if not names:
        return [None] if found is None or isinstance(found, str) else [str(found)]
    return [leaf for name in names for leaf in leaves(getattr(found, name))]


def read_calls(library: str) -> dict[str, str]:
    """Return the calls of a library by their names."""
    found: dict[str, str] = {}
    for line in (HERE / "calls" / f"{library}.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("["):
            name, colon, call = line.partition(": ")
            if not colon or "(" in name:
                name, call = line.partition("(")[0], line
            assert name not in found, name
            found[name] = call
    return found


class Calls:
    """The calls of one library, with what they name."""

    def __init__(self, library: str) -> None:
        cases = import_module(f"{library}_cases")
        self.calls = read_calls(library)
        self.arrays: dict[str, np.ndarray] = cases.inputs()
        self.modules: dict[str, Any] = cases.modules()
        self.allowed = getattr(cases, "allowed", lambda name, array, direction: direction)
        self.tolerances: dict[str, float] = getattr(cases, "TOLERANCES", {})
        self.partial: frozenset[str] = getattr(cases, "PARTIAL", frozenset())

    def needed(self, call: str) -> dict[str, np.ndarray]:
        """Return the arrays that a call speaks of."""
        code: list[Any] = [compile(self.calls[call], call, "eval")]
        names: set[str] = set()
        while code:
            one = code.pop()
            names |= set(one.co_names)
            code += [part for part in one.co_consts if hasattr(part, "co_names")]
        return {name: array for name, array in self.arrays.items() if name in names}

    def make(self, text: str, arrays: dict[str, Any], xp: Any) -> list[Any]:
        lost_writes.clear()
        with warnings.catch_warnings(record=True) as said, np.errstate(all="ignore"):
            warnings.simplefilter("always")
            found = leaves(eval(text, {**self.modules, **arrays, "xp": xp}))
        lost_writes.extend(str(one.message) for one in said if issubclass(one.category, cb.LostWriteWarning))
        return found


class HostReads:
    """Counts what goes from Tensors to host memory, by the array protocol or by DLPack."""

    def __init__(self) -> None:
        self.count = 0

    def watch(self) -> None:
        """Count from now on, in this process."""
        self.original, self.by_dlpack = cb.Tensor.__array__, cb.Tensor.__dlpack__

        def counted(tensor: cb.Tensor, *args: Any, **kwargs: Any) -> Any:
            self.count += 1
            return self.original(tensor, *args, **kwargs)

        def exported(tensor: cb.Tensor, **kwargs: Any) -> Any:
            self.count += 1
            return self.by_dlpack(tensor, **kwargs)

        cb.Tensor.__array__, cb.Tensor.__dlpack__ = counted, exported


reads = HostReads()


def as_numpy(leaf: Any) -> Any:
    return leaf.detach().cpu().numpy() if isinstance(leaf, cb.Tensor) else np.asarray(leaf)


def difference(found: list[Any], right: list[Any], tolerance: float = 1e-9) -> str:
    """Return what differs, nothing where nothing does."""
    if len(found) != len(right):
        return f"{len(found)} results, NumPy has {len(right)}"
    for ours, theirs in zip(found, right, strict=True):
        if theirs is None or isinstance(theirs, str):
            if ours != theirs:
                return f"{ours}, NumPy has {theirs}"
            continue
        one, two = as_numpy(ours), np.asarray(theirs)
        if one.shape != two.shape:
            return f"shape {one.shape}, NumPy's is {two.shape}"
        if one.dtype.kind != two.dtype.kind and not {one.dtype.kind, two.dtype.kind} <= {"i", "u"}:
            return f"dtype {one.dtype}, NumPy's is {two.dtype}"
        if not np.array_equal(np.isnan(one), np.isnan(two)):
            return "NaN in other places"
        if not np.allclose(one, two, rtol=tolerance, atol=tolerance, equal_nan=True):
            return f"off by {np.nanmax(np.abs(one - two)):.1e}"
    return ""


def outcome(calls: Calls, name: str, right: list[Any], device: str, default: str) -> list[str]:
    text, arrays = calls.calls[name], calls.needed(name)
    given = {name: cb.asarray(array, device=device, copy=True) for name, array in arrays.items()}
    reads.count = 0
    try:
        with cb.device(default):
            found = calls.make(text, given, cb)
    except Exception as error:
        return ["refuses", f"{type(error).__name__}: {error}"]
    if differs := difference(found, right, calls.tolerances.get(name, 1e-9)):
        return ["views" if lost_writes else "wrong", differs]
    here = [leaf.device.type == device for leaf in found if isinstance(leaf, cb.Tensor)]
    values = [leaf for leaf in found if leaf is not None and not isinstance(leaf, str)]
    if not all(here):
        return ["leaves", "on another device"]
    if reads.count:
        return ["host" if here else "leaves", ""]
    return ["leaves" if values and not here else "computes", ""]


def gradient(calls: Calls, call: str, right: list[Any]) -> list[str]:
    """Compare the derivative along one direction with difference quotients on NumPy."""
    text, arrays = calls.calls[call], calls.needed(call)
    random = np.random.default_rng(3)
    names = sorted(name for name, array in arrays.items() if array.dtype.kind in "fc")
    given = {name: cb.asarray(array, copy=True) for name, array in arrays.items()}
    for name in names:
        given[name].requires_grad_()
    try:
        found = calls.make(text, given, cb)
    except Exception as error:
        refused = isinstance(error, cb.CandelabraError) and "detach()" in str(error)
        return ["refused", ""] if refused else ["error", f"{type(error).__name__}: {error}"]
    lost = bool(lost_writes)
    flowing = [i for i, leaf in enumerate(found) if isinstance(leaf, cb.Tensor) and leaf.requires_grad]
    if not flowing:
        return ["none", ""]
    finite = {i: np.isfinite(right[i]) for i in flowing}
    weights = {i: random.normal(size=np.shape(right[i])) for i in flowing}
    total: Any = 0
    for i in flowing:
        total = total + cb.sum(cb.where(cb.asarray(finite[i]), cb.real(found[i]), 0.0) * cb.asarray(weights[i]))
    slopes = cb.grad(total, [given[name] for name in names], allow_unused=True)
    directions, ours = {}, 0.0
    for name, slope in zip(names, slopes, strict=True):
        directions[name] = calls.allowed(name, arrays[name], random.normal(size=arrays[name].shape))
        if slope is not None:
            ours += float(np.sum(np.real(np.conj(slope.numpy()) * directions[name])))

    def at(distance: float) -> float:
        moved = {name: arrays[name] + distance * directions[name] for name in names}
        results = calls.make(text, {**arrays, **moved}, np)
        return float(sum(np.sum(np.where(finite[i], np.real(results[i]), 0.0) * weights[i]) for i in flowing))

    if np.isnan(ours):
        return ["nan", ""]
    quotients = [(at(h) - at(-h)) / (2 * h) for h in (1e-4, 3e-5, 1e-5)]
    if any(abs(ours - theirs) <= 1e-5 * (1 + abs(theirs)) for theirs in quotients):
        return ["flows", ""]
    if call in calls.partial:
        return ["partial", ""]
    return ["views" if lost else "wrong", f"{ours} where difference quotients give {quotients}"]


def transformed(calls: Calls, call: str) -> dict[str, list[str]]:
    """Say of a differentiable call whether forward mode agrees with backward, and whether `vmap` maps it.

    ``maps`` (to the same values as two calls), ``refused`` (an error of candelabra's: the call asks for values that it
    has not under `vmap`), ``error`` (the library's own), ``wrong``.
    """
    random = np.random.default_rng(5)
    text, arrays = calls.calls[call], calls.needed(call)
    names = sorted(name for name, array in arrays.items() if array.dtype.kind in "fc")
    constant = {name: cb.asarray(array) for name, array in arrays.items() if name not in names}

    def function(*given: cb.Tensor) -> tuple[cb.Tensor, ...]:
        found = calls.make(text, {**constant, **dict(zip(names, given, strict=True))}, cb)
        return tuple(x for x in found if isinstance(x, cb.Tensor) and x.dtype.is_floating_point)

    points = [cb.asarray(arrays[name], copy=True) for name in names]
    directions = [calls.allowed(name, arrays[name], random.normal(size=arrays[name].shape)) for name in names]
    turned = [cb.asarray(way.astype(arrays[name].dtype)) for name, way in zip(names, directions, strict=True)]
    leaves_of = [point.clone().requires_grad_() for point in points]
    forward = ["agrees", ""]
    try:
        _, tangents = cb.func.jvp(function, tuple(points), tuple(turned))
        for value, tangent in zip(function(*leaves_of), tangents, strict=True):
            if not value.requires_grad:
                continue
            weights = cb.where(cb.isfinite(value), cb.asarray(random.normal(size=value.shape)), 0.0)
            total = (cb.where(weights != 0, value, 0.0) * weights).sum()
            slopes = cb.grad(total, leaves_of, allow_unused=True, retain_graph=True)
            back = sum(
                float(np.sum(np.real(np.conj(slope.numpy()) * way.numpy())))
                for slope, way in zip(slopes, turned, strict=True)
                if slope is not None
            )
            ahead = float((cb.where(weights != 0, tangent, 0.0) * weights).sum())
            if abs(back - ahead) > 1e-7 * (1 + abs(back)):
                forward = ["wrong", f"backward {back}, forward {ahead}"]
    except Exception as error:
        forward = ["error", f"{type(error).__name__}: {error}"]
    return {"forward": forward, "vmap": mapped(function, points, turned)}


def mapped(function: Any, points: list[cb.Tensor], directions: list[cb.Tensor]) -> list[str]:
    """Say whether a function of a batch of two is the same as two calls."""
    others = [point + 1e-3 * way for point, way in zip(points, directions, strict=True)]
    try:
        found = cb.func.vmap(function)(*(cb.stack(pair) for pair in zip(points, others, strict=True)))
    except cb.CandelabraError:
        return ["refused", ""]
    except Exception as error:
        return ["error", f"{type(error).__name__}: {error}"]
    one, two = function(*points), function(*others)
    for both, first, second in zip(found, one, two, strict=True):
        if differs := difference([both[0], both[1]], [as_numpy(first), as_numpy(second)], 1e-8):
            return ["wrong", differs]
    return ["maps", ""]


def look(library: str, names: list[str]) -> dict[str, dict[str, list[str]]]:
    calls = Calls(library)
    found = {}
    for name in names or calls.calls:
        try:
            right = calls.make(calls.calls[name], calls.needed(name), np)
        except (AttributeError, NameError):
            # Another version of the library has it.
            continue
        found[name] = {
            "cpu": outcome(calls, name, right, "cpu", "cpu"),
            "strict": outcome(calls, name, right, "strict", "cpu"),
            "default": outcome(calls, name, right, "strict", "strict"),
            "gradient": gradient(calls, name, right),
        }
        if found[name]["gradient"][0] == "flows":
            found[name] |= transformed(calls, name)
    return found


def main() -> None:
    path, library, *names = sys.argv[1:]
    reads.watch()
    # Libraries make their constants in the default dtype, and NumPy's is float64.
    cb.set_default_dtype(cb.float64)
    report = {"version": version(LIBRARIES[library]), "found": look(library, names)}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(report, file, indent=1)


if __name__ == "__main__":
    main()
