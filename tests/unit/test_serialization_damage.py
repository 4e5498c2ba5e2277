"""Damaged and hostile files of `save`'s own kind: each is refused with its reason, and nothing is half loaded."""

from __future__ import annotations

import json
import math
import struct
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.core import errors
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import numpy as safetensors_numpy

MANY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)  # a millisecond each


def rewrite(path: Path, text: Any, **arrays: Any) -> None:
    content = text if isinstance(text, str) else json.dumps(text)
    safetensors_numpy.save_file(arrays, path, {"candelabra": content})


def version(state: Any, number: Any = 1) -> dict[str, Any]:
    return {"format": number, "state": state}


ENTRY = {"entry": "w"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (version(1, 2), "it has format 2, and this candelabra reads up to 1; install a newer one"),
        (version(1, 0), "structure is damaged"),
        (version(1, "1"), "structure is damaged"),
        (version(1, True), "structure is damaged"),
        ({"format": 1}, "structure is damaged"),
        ([], "structure is damaged"),
        ("{", "structure is damaged"),
        ("[" * 100_000, "structure is damaged|too much memory"),
        ('{"format":1,"format":1,"state":1}', "a name stands twice"),
        ('{"format":1,"state":NaN}', "NaN is no JSON"),
        ('{"format":1,"state":1e999}', "structure is damaged"),
        ('{"format":1,"state":' + "9" * 5000 + "}", "structure is damaged"),
        ('{"format":1,"state":' + "[" * 120 + "]" * 120 + "}", "nested deeper than 100"),
        (version({"quaternion": 1}), "a value of kind 'quaternion', which this candelabra does not know"),
        (version({}), "structure is damaged"),
        (version({"tuple": [], "list": []}), "structure is damaged"),
        (version({"tuple": 3}), "structure is damaged"),
        (version({"dict": [[1]]}), "structure is damaged"),
        (version({"dict": [[1, 2], [1, 3]]}), "structure is damaged"),
        (version({"dict": [[[1], 2]]}), "structure is damaged"),
        (version({"dict": [[{"ref": 0}, 2]]}), "structure is damaged"),
        (version({"set": [{"dict": []}]}), "structure is damaged"),
        (version([{"ref": 0}]), "structure is damaged"),
        (version([{"ref": 1}]), "structure is damaged"),
        (version([{"ref": -1}]), "structure is damaged"),
        (version({"int": "x"}), "structure is damaged"),
        (version({"int": 1}), "structure is damaged"),
        (version({"float": "1"}), "structure is damaged"),
        (version({"complex": [1, 2.0]}), "structure is damaged"),
        (version({"bytes": "?"}), "structure is damaged"),
        (version({"bytes": 1}), "structure is damaged"),
        (version({"bytearray": None}), "structure is damaged"),
        (version({"dtype": "float8"}), "a dtype that this candelabra does not have"),
        (version({"device": 1}), "structure is damaged"),
        (version({"scalar": ["int8", 300]}), "out of range"),
        (version({"scalar": ["int8", 1.0]}), "structure is damaged"),
        (version({"scalar": "int8"}), "structure is damaged"),
        (version({"state_dict": [[]]}), "structure is damaged"),
        (version({"tensor": {"entry": "v"}}), "names entry 'v', which is not there"),
        (version({"tensor": {"entry": 1}}), "names entry 1, which is not there"),
        (version({"tensor": {}}), "names entry None, which is not there"),
        (version({"tensor": "w"}), "structure is damaged"),
        (version({"tensor": ENTRY | {"colour": 1}}), "structure is damaged"),
        (version({"tensor": ENTRY | {"device": 1}}), "structure is damaged"),
        (version({"tensor": ENTRY | {"requires_grad": 1}}), "structure is damaged"),
        (version({"tensor": ENTRY | {"class": "Module"}}), "a tensor of class 'Module', which .* not know"),
        (version({"tensor": ENTRY | {"dtype": "complex128"}}), "entry 'w' does not hold what its structure says"),
        (version({"tensor": ENTRY | {"dtype": "float32"}}), "entry 'w' does not hold what its structure says"),
        (version({"ndarray": ENTRY | {"device": "cpu"}}), "structure is damaged"),
        (version(1), "entry 'w' is not part of its structure"),
    ],
    ids=lambda value: json.dumps(value)[:50],
)
def test_damaged_structure(text: Any, message: str, tmp_path: Path) -> None:
    rewrite(tmp_path / "x", text, w=np.ones((2, 2), np.float32))
    with pytest.raises(errors.FileFormatError, match=f"load: .*x: .*({message})"):
        cb.load(tmp_path / "x")


def test_a_gradient_for_integers_is_refused(tmp_path: Path) -> None:
    rewrite(tmp_path / "x", version({"tensor": ENTRY | {"requires_grad": True}}), w=np.ones(2, np.int32))
    with pytest.raises(errors.FileFormatError, match="dtype int32 in it requires a gradient"):
        cb.load(tmp_path / "x")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"hello", "no file that candelabra knows"),
        (b"\x80\x04\x95" + b"\x01" * 20, "a pickle, which could run code"),
        (b"\x93NUMPY\x01\x00v\x00{'descr'", "a NumPy file"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 20, "an HDF5 file"),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02", "PyTorch file of the format before 1.6"),
        (struct.pack("<Q", 10**18) + b"{}", "it is damaged"),
        (struct.pack("<Q", 2) + b"{]", "it is damaged"),
        (struct.pack("<Q", 2) + b"{}more", "it is damaged"),
        (b"PK\x03\x04" + b"\0" * 30, "starts like a zip archive"),
    ],
)
def test_other_kinds_of_files(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(errors.FileFormatError, match=f"load: .*x: .*{message}"):
        cb.load(tmp_path / "x")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sample") / "x"
    model: Any = OrderedDict(weight=cb.tensor([1.0, 2.0]))
    model._metadata = OrderedDict({"": {"version": 2}})
    state = {
        "model": model, "mask": cb.tensor([True, False]), "c": cb.tensor([1j, 2.0]), "step": 3, 0: (1.5, math.nan),
        "groups": [{"betas": (0.9, 0.999), "params": [0, 1]}], "big": 2**70, "bytes": b"abc", "set": {1, "x"},
        "scalar": np.float32(2), "array": np.arange(4), "grad": cb.tensor([1.0], requires_grad=True),
        "dtype": cb.float16, "device": cb.device("cpu"),
    }  # fmt: skip
    cb.save(state, path)
    return path.read_bytes()


TAGS = ["tensor", "ndarray", "dict", "tuple", "ref", "set", "int", "float", "bytes", "scalar", "state_dict", "entry",
        "dtype", "device", "requires_grad", "class", "format", "unknown"]  # fmt: skip


def nodes(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a JSON value, as a container and what stands there."""
    for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(item, dict | list):
            yield from nodes(item)


def load_or_refuse(content: bytes, folder: Path) -> None:
    (folder / "x").write_bytes(content)
    try:
        cb.load(folder / "x")
    except errors.CandelabraError as error:
        assert str(error)


@MANY
@given(data=st.data())
def test_a_mutated_file_is_read_or_refused(data: st.DataObject, sample: bytes, tmp_path: Path) -> None:
    content = bytearray(sample)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    load_or_refuse(bytes(content), tmp_path)


@MANY
@given(data=st.data())
def test_a_mutated_structure_is_read_or_refused(data: st.DataObject, sample: bytes, tmp_path: Path) -> None:
    (length,) = struct.unpack("<Q", sample[:8])
    header = json.loads(sample[8 : 8 + length])
    content = json.loads(header["__metadata__"]["candelabra"])
    places = list(nodes(content))
    for _ in range(data.draw(st.integers(1, 3))):
        parent, key = data.draw(st.sampled_from(places))
        if isinstance(parent, dict) and data.draw(st.booleans()):
            parent[data.draw(st.sampled_from(TAGS))] = parent.pop(key, None)
        elif isinstance(parent, list) and key < len(parent) and data.draw(st.booleans()):
            del parent[key]
        else:
            other, at = data.draw(st.sampled_from(places))
            there = other.get(at) if isinstance(other, dict) else other[at % len(other)] if other else None
            value = data.draw(
                st.sampled_from([there, None, True, 0, -1, 1.5, "", "a", [], {}, [[]], {"ref": 0}, 10**30])
            )
            value = json.loads(json.dumps(value))  # a copy: what is put into itself is no JSON
            if isinstance(parent, dict):
                parent[key] = value
            else:
                parent.insert(key, value)
    header["__metadata__"]["candelabra"] = json.dumps(content)
    encoded = json.dumps(header).encode()
    load_or_refuse(struct.pack("<Q", len(encoded)) + encoded + sample[8 + length :], tmp_path)


@MANY
@given(data=st.data())
def test_a_truncated_or_padded_file_is_refused(data: st.DataObject, sample: bytes, tmp_path: Path) -> None:
    cut = data.draw(st.integers(0, len(sample) - 1))
    for content in (sample[:cut], sample + sample[:cut] + b"\0"):
        (tmp_path / "x").write_bytes(content)
        with pytest.raises(errors.FileFormatError):
            cb.load(tmp_path / "x")
