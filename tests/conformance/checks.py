"""What is asked of a row on a device, one question each: values, what it leaves alone, its kernel's agreement."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from candelabra.conformance.drawing import Sample
from candelabra.conformance.subject import TOLERANCE, Subject, assert_close, host
from candelabra.core import dtypes, ops
from candelabra.core.autograd.engine import grad
from candelabra.core.autograd.mode import no_grad
from candelabra.core.errors import LostWriteWarning
from candelabra.core.implementation import Implementation, implementations
from candelabra.core.tensor import Tensor


def arrays_in(operands: Any) -> list[Any]:
    """Return the arrays (or tensors) among operands, lists opened."""
    found: list[Any] = []
    for o in operands:
        found += arrays_in(o) if isinstance(o, (list, tuple)) else [o] if isinstance(o, (np.ndarray, Tensor)) else []
    return found


# Eigenvalues in the order that the library finds them.
UNORDERED = frozenset(("eig", "eigvals"))


def in_the_order_of(values: np.ndarray, wanted: list[np.ndarray]) -> list[np.ndarray]:
    """Return eigenvalues (..., n), and the eigenvectors (..., n, n) beside them, in the order of other eigenvalues."""
    if values.shape != wanted[0].shape:
        return wanted
    order = np.empty(values.shape, np.int64)
    for at in np.ndindex(values.shape[:-1]):
        left = list(range(values.shape[-1]))
        for i, value in enumerate(values[at]):
            order[at][i] = left.pop(int(np.argmin(np.abs(np.ma.getdata(wanted[0])[at][left] - value))))
    return [np.take_along_axis(w, order if w.ndim == order.ndim else order[..., None, :], axis=-1) for w in wanted]


# Real vectors, up to a sign: the output whose columns they are and, where there is one, that of their partners, rows.
SIGNED = {"eigh": (1, None), "svd": (0, 2)}


def with_the_signs_of(found: list[np.ndarray], wanted: list[Any], columns: int, rows: int | None) -> list[Any]:
    """Return the real vectors wanted with the signs of those found: which of both, the standard leaves open."""
    one = found[columns]
    if np.iscomplexobj(one) or one.shape != wanted[columns].shape:
        return wanted
    sign = np.where(np.sum(one * np.ma.getdata(wanted[columns]), axis=-2) < 0, -1, 1)
    wanted = list(wanted)
    wanted[columns] = wanted[columns] * sign[..., None, :]
    if rows is not None:
        partners = np.ones(wanted[rows].shape[:-1], dtype=int)
        k = min(partners.shape[-1], sign.shape[-1])
        partners[..., :k] = sign[..., :k]
        wanted[rows] = wanted[rows] * partners[..., None]
    return wanted


def check_values(subject: Subject, sample: Sample) -> None:
    """Values, shapes, dtypes and device are the reference's; operands stay as they were."""
    row = subject.row
    operands: Any = subject.tensors(sample)
    originals: Any = sample.operands
    found = subject.call(operands, subject.statics(sample))
    wanted = subject.expected(sample)
    assert len(found) == len(wanted), f"{row.name}: {len(found)} outputs, expected {len(wanted)}"
    if row.name in UNORDERED:
        wanted = in_the_order_of(host(found[0]), wanted)
    if row.name in SIGNED:
        wanted = with_the_signs_of([host(f) for f in found], wanted, *SIGNED[row.name])
    for i, (f, w) in enumerate(zip(found, wanted, strict=True)):
        what = f"{row.name} output {i} of {sample}"
        assert f.device is subject.device, f"{what}: on {f.device}, not {subject.device}"
        dtype = subject.expected_dtype(sample, w)
        assert f.dtype.name == dtype, f"{what}: dtype {f.dtype.name}, expected {dtype}"
        assert tuple(f.shape) == w.shape, f"{what}: shape {tuple(f.shape)}, expected {w.shape}"
        assert_close(host(f), w, dtype, what, row.tolerance)
    if row.kind == "update":
        kept = [i for i, o in enumerate(row.operands) if o.name not in row.outputs]
        operands, originals = [operands[i] for i in kept], [originals[i] for i in kept]
    check_unchanged(row.name, operands, originals)


MAGNITUDES = (0.0, 1e-30, 1e-8, 0.5, 1.0, 3.0, 20.0, 88.0, 100.0, 1e3, 1e30, float("inf"))


def check_magnitudes(subject: Subject, sample: Sample) -> None:
    """Values are right, relative to themselves, from tiny to huge ones, and at infinities, zeros and NaN."""
    row = subject.row
    line = np.asarray([*MAGNITUDES, *[-v for v in MAGNITUDES], float("nan")])
    dtype = next(a.dtype for a in arrays_in(sample.operands))
    shapes = [(-1,) + (1,) * i for i in range(len(row.operands))]
    given = Sample(tuple(line.astype(dtype).reshape(shape) for shape in shapes), sample.statics)
    with np.errstate(all="ignore"):
        found = host(subject.run(given)[0])
        wanted = np.asarray(subject.expected(given)[0]).astype(found.dtype).astype(np.float64)
        wide = found.astype(np.float64)
        gap = np.abs(wide - wanted)
        bound = TOLERANCE[dtypes.as_dtype(dtype).name] * row.tolerance * np.abs(wanted) + np.finfo(dtype).tiny
    right = (wide == wanted) | (np.isnan(wide) & np.isnan(wanted)) | (gap <= bound)
    if row.name == "astype" and found.dtype.kind in "iu":
        # The standard leaves open what becomes of numbers that the dtype does not hold.
        right |= ~(np.abs(given.operands[0].astype(np.float64)) < 2.0**31)
    places = np.argwhere(~right)
    assert not len(places), f"{row.name} with {sample.statics}: " + "; ".join(
        f"of {tuple(float(np.broadcast_to(o, right.shape)[tuple(p)]) for o in given.operands)} it gives "
        f"{wide[tuple(p)]}, expected {wanted[tuple(p)]}"
        for p in places[:5]
    )


def check_unchanged(name: str, tensors: Any, originals: Any) -> None:
    """Operands still hold what they were made of."""
    for t, a in zip(arrays_in(tensors), arrays_in(originals), strict=True):
        assert_close(host(t), a, t.dtype.name, f"{name}: an operand was changed; it", 0.0)


def scattered(subject: Subject, value: Any, way: int) -> Any:
    """Return an operand as a tensor of the same values in another memory layout."""
    if isinstance(value, list):
        return [scattered(subject, v, way) for v in value]
    if not isinstance(value, np.ndarray):
        return value
    if not value.ndim:
        return subject.tensor(np.stack([value, value]))[1]
    if way == 0:
        return ops.permute_dims(subject.tensor(np.transpose(value).copy()), tuple(range(value.ndim))[::-1])
    if way == 1:
        return subject.tensor(np.repeat(value, 2, axis=-1))[..., ::2]
    return ops.flip(subject.tensor(np.flip(value).copy()))


def check_layouts(subject: Subject, sample: Sample) -> None:
    """Transposed, strided and reversed operands give what contiguous ones give."""
    statics = subject.statics(sample)
    wanted = subject.run(sample)
    for way in range(3):
        operands = tuple(scattered(subject, v, way) for v in sample.operands)
        found = subject.call(operands, statics)
        for f, w in zip(found, wanted, strict=True):
            what = f"{subject.row.name}, layout {way}, of {sample}"
            assert f.dtype is w.dtype, f"{what}: dtype {f.dtype.name}, contiguous {w.dtype.name}"
            assert_close(host(f), host(w), f.dtype.name, what, subject.row.tolerance)
        check_unchanged(subject.row.name, operands, sample.operands)


def check_aliasing(subject: Subject, sample: Sample) -> None:
    """Writing into an operand changes no output, writing into an output changes neither operand nor other output."""
    for victim in range(len(arrays_in(sample.operands))):
        operands = subject.tensors(sample)
        outputs = subject.call(operands, subject.statics(sample))
        before = [host(o).copy() for o in outputs]
        overwrite(arrays_in(operands)[victim])
        for o, b in zip(outputs, before, strict=True):
            assert_close(host(o), b, o.dtype.name, f"{subject.row.name}: operand {victim} was written, an output", 0.0)
    operands = subject.tensors(sample)
    outputs = subject.call(operands, subject.statics(sample))
    for victim, output in enumerate(outputs):
        before = [host(o).copy() for o in outputs]
        overwrite(output)
        check_unchanged(f"{subject.row.name}: output {victim} was written", operands, sample.operands)
        for i, (o, b) in enumerate(zip(outputs, before, strict=True)):
            if i != victim:
                assert_close(host(o), b, o.dtype.name, f"{subject.row.name}: output {victim} was written, another", 0.0)


def overwrite(tensor: Tensor) -> None:
    """Write into a tensor by both ways that may write in place."""
    with warnings.catch_warnings():
        # Some outputs are views: that their owners stay as they are is what the caller wants to see.
        warnings.simplefilter("ignore", LostWriteWarning)
        if tensor.dtype.name != "bool":
            tensor += 1
        tensor[...] = 0 if tensor.dtype.name != "bool" else False


@contextlib.contextmanager
def by_body(subject: Subject) -> Iterator[None]:
    """Run the row by its generic body."""
    table = implementations(subject.row)
    own = table[subject.device]
    table[subject.device] = Implementation(subject.row, subject.device, generic=True)
    try:
        yield
    finally:
        table[subject.device] = own


def with_gradients(subject: Subject, sample: Sample) -> list[np.ndarray]:
    """Return the outputs, and the gradients of the operands that can have one."""
    recorded = subject.row.is_differentiable and subject.row.kind != "update"
    operands = subject.tensors(sample, grad=recorded)
    outputs = subject.call(operands, subject.statics(sample))
    inputs = [t for t in arrays_in(operands) if t.requires_grad]
    roots = [o for o in subject.differentiable(outputs) if o.requires_grad]
    found = [host(o) for o in outputs]
    if not inputs or not roots:
        return found
    seeds = pattern(subject, roots)
    return found + [host(g) for g in grad(roots, inputs, seeds, allow_unused=True, materialize_grads=True)]


def check_saved(subject: Subject, sample: Sample) -> None:
    """What the graph saved does not change when operands and outputs are written before backward."""
    operands = subject.tensors(sample, grad=True)
    inputs = [t for t in arrays_in(operands) if t.requires_grad]
    between = iter([ops.alias(t) for t in inputs])

    def through(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return type(value)([through(v) for v in value])
        return next(between) if isinstance(value, Tensor) and value.requires_grad else value

    given = through(operands)
    outputs = subject.call(given, subject.statics(sample))
    roots = [o for o in subject.differentiable(outputs) if o.requires_grad]
    if not inputs or not roots:
        return
    with no_grad():
        for t in [*arrays_in(given), *outputs]:
            overwrite(t)
    found = [host(g) for g in grad(roots, inputs, pattern(subject, roots), allow_unused=True, materialize_grads=True)]
    wanted = with_gradients(subject, sample)[len(outputs) :]
    for i, (f, w) in enumerate(zip(found, wanted, strict=True)):
        dtype = dtypes.as_dtype(w.dtype).name
        assert_close(f, w, dtype, f"{subject.row.name}: gradient {i} after operands and outputs were written", 1.0)


def pattern(subject: Subject, roots: list[Tensor]) -> list[Tensor]:
    """Return cotangents, always the same ones."""
    return [subject.tensor(np.cos(np.arange(o.size)).reshape(o.shape).astype(host(o).dtype)) for o in roots]


def check_kernel(subject: Subject, sample: Sample) -> None:
    """A kernel gives what the generic body gives, values and first derivatives."""
    row = subject.row
    found = with_gradients(subject, sample)
    with by_body(subject):
        wanted = with_gradients(subject, sample)
    assert len(found) == len(wanted), f"{row.name}: {len(found)} results, by its body {len(wanted)}"
    for i, (f, w) in enumerate(zip(found, wanted, strict=True)):
        what = f"{row.name}, result {i}, at {sample}"
        dtype = dtypes.as_dtype(w.dtype).name
        assert dtypes.as_dtype(f.dtype).name == dtype, f"{what}: dtype {f.dtype}, by its body {dtype}"
        assert_close(f, w, dtype, what, 8 * row.tolerance)
