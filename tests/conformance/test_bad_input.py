"""Bad input is refused on every device, with an error that names the operation and what is wrong."""

from __future__ import annotations

import random
import re

import pytest
from candelabra.conformance.bad_inputs import from_signature, name_of, of_row
from candelabra.conformance.checks import arrays_in
from candelabra.conformance.drawing import Draw, Sample
from candelabra.conformance.harness import for_rows
from candelabra.conformance.samples import sample
from candelabra.conformance.subject import Subject
from candelabra.core import dtypes, errors
from candelabra.core.device import host_device
from candelabra.core.primitives.row import Row


def called(row: Row) -> bool:
    return bool(row.operands) and row.kind != "update" and row.name != "transfer"


def valid(subject: Subject, dtype: str) -> Sample:
    """A sample with some shape, always the same one."""
    for seed in range(20):
        found = sample(subject.row, Draw(random.Random(seed).randint, dtype))
        if all(a.size and a.ndim for a in arrays_in(found.operands)):
            break
    return found


def usual(subject: Subject) -> str:
    """A dtype that the row takes: float32 if it does."""
    names = subject.dtypes()
    return "float32" if "float32" in names else names[0]


@for_rows(called)
def test_bad_input(subject: Subject) -> None:
    for bad in [*from_signature(subject.row, valid(subject, usual(subject))), *of_row(subject.row)]:
        operands = subject.tensors(bad.sample)
        with pytest.raises(errors.CandelabraError) as caught:
            subject.call(operands, subject.statics(bad.sample))
            # What only a card has seen is told when it is waited for.
            subject.device.backend.synchronize(subject.device.index or 0)
        told = f"{subject.row.name}, {bad.what}: {type(caught.value).__name__}: {caught.value}"
        assert isinstance(caught.value, bad.error), told
        assert re.search(bad.text, str(caught.value), re.DOTALL), f"{told}\nexpected {bad.text!r}"


@for_rows(lambda row: called(row) and row.category != "all" and bool(row.promote))
def test_wrong_dtype(subject: Subject) -> None:
    row = subject.row
    for dtype in dtypes.ALL:
        converted = row.floating and dtype.rank < 2
        if dtype not in subject.device.native or dtype in dtypes.CATEGORIES[row.category] or converted:
            continue
        given = valid(subject, dtype.name)
        try:
            subject.run(given)
        except errors.DTypeError as error:
            text = str(error)
            told = f"{name_of(row)}.*: takes {row.category} dtypes, not {dtype.name}; (convert first|take x.real)"
            assert re.match(told, text, re.DOTALL), text
        else:
            # Libraries take truth values as numbers here and there.
            lenient = "; where a library takes them as numbers, its Backend says `lenient = True`"
            told = f"{row.name} took {dtype.name}" + (lenient if dtype.kind == "bool" else "")
            assert subject.device.backend.lenient and dtype.kind == "bool", told


@for_rows(lambda row: called(row) and len(row.operands) > 1)
def test_operands_on_two_devices(subject: Subject) -> None:
    other = Subject(subject.row, host_device())
    given = valid(subject, usual(subject))
    tensors = subject.tensors(given)
    second = next((i for i, o in enumerate(tensors) if i and arrays_in([o])), None)
    if second is None or subject.device is other.device:
        return
    mixed = [*tensors[:second], *other.tensors(given)[second : second + 1], *tensors[second + 1 :]]
    with pytest.raises(errors.DeviceMismatchError) as caught:
        subject.call(mixed, subject.statics(given))
    text = str(caught.value)
    assert text.startswith(f"{subject.row.name}: operands are on different devices"), text
    assert str(subject.device) in text and str(other.device) in text and "x.to(" in text, text
