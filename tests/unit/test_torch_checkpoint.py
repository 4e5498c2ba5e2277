"""PyTorch's checkpoints, read without PyTorch: what torch.save writes comes back, and nothing in a file is run.

The files in `tests/data` were written by PyTorch 2.13 with `write_samples` below.
"""

from __future__ import annotations

import itertools
import pickletools
import struct
import sys
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.core import errors
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

DATA = Path(__file__).parents[1] / "data"
IN_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
MANY = settings(IN_FOLDER, max_examples=300)  # a millisecond each


def samples(torch: Any) -> dict[str, tuple[Any, dict[str, Any]]]:
    """What the files in `tests/data` hold, and how they are saved."""
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.arange(float(parameter.numel())).reshape(parameter.shape))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
    kinds = {
        str(dtype).removeprefix("torch."): torch.tensor([0, 1, 2]).to(dtype)
        for dtype in (
            torch.bool, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.uint16, torch.uint32,
            torch.uint64, torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64,
            torch.complex128,
        )
    }  # fmt: skip
    shared = torch.ones(4)
    views = {
        "0-d": torch.tensor(7), "empty": torch.zeros(0, 3), "strided": base.permute(2, 0, 1)[1:],
        "slice": base[1, 1:, ::2], "expanded": torch.ones(1).expand(3, 4), "conj": torch.tensor([1 + 2j]).conj(),
        "negated": torch.tensor([1 + 2j]).conj().imag, "parameter": torch.nn.Parameter(torch.ones(2)),
        "frozen": torch.nn.Parameter(torch.ones(2), requires_grad=False),
        "leaf": torch.ones(2, requires_grad=True), "shared": [shared, shared, shared.detach(), shared[:2]],
    }  # fmt: skip
    plain = {
        "size": torch.Size([1, 2]), "device": torch.device("cpu"), "dtype": torch.bfloat16, "none": None,
        "big": -(2**100), 3: 2.5, True: (1, [2, {"x": b"\xff", "e": b""}]), (1, "a"): 1j, "set": {1, 2},
        "frozen": frozenset({3}), "bytes": bytearray(b"ab"), "counter": Counter("aab"),
        "ordered": OrderedDict(b=1, a=2), "text": "ü\ud800",
    }  # fmt: skip
    training = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}
    return {
        "training.pt": (training, {}),
        "kinds.pt": ({"kinds": kinds, "views": views, "plain": plain}, {}),
        "protocol5.pt": ({"views": views, "plain": plain}, {"pickle_protocol": 5}),
    }


def write_samples(torch: Any, folder: Path) -> None:
    for name, (state, options) in samples(torch).items():
        torch.serialization.set_crc32_options("pickle_protocol" not in options)
        torch.save(state, folder / name, **options)
    torch.serialization.set_crc32_options(True)


def check_kinds(kinds: dict[str, Any]) -> None:
    assert len(kinds) == 15
    for name, value in kinds.items():
        assert str(value.dtype) == name
        assert value.tolist() == ([False, True, True] if name == "bool" else [0, 1, 2])


def check_views(views: dict[str, Any]) -> None:
    base = np.arange(24.0).reshape(2, 3, 4)
    assert views["0-d"].shape == () and views["0-d"].item() == 7 and views["0-d"].dtype is cb.int64
    assert views["empty"].shape == (0, 3)
    assert views["strided"].tolist() == base.transpose(2, 0, 1)[1:].tolist()
    assert views["slice"].tolist() == base[1, 1:, ::2].tolist()
    assert views["expanded"].tolist() == [[1.0] * 4] * 3
    assert views["conj"].tolist() == [1 - 2j] and views["negated"].tolist() == [-2.0]
    assert [views[n].requires_grad for n in ("parameter", "frozen", "leaf", "conj")] == [True, False, True, False]
    assert [type(views[n]).__name__ for n in ("parameter", "frozen", "leaf")] == ["Parameter", "Parameter", "Tensor"]
    first, again, detached, part = views["shared"]
    assert first is again and detached is not first and detached.array is first.array and part.tolist() == [1, 1]


def check_plain(plain: dict[Any, Any]) -> None:
    expected = {
        "size": (1, 2), "device": cb.device("cpu"), "dtype": cb.bfloat16, "none": None, "big": -(2**100), 3: 2.5,
        True: (1, [2, {"x": b"\xff", "e": b""}]), (1, "a"): 1j, "set": {1, 2}, "frozen": frozenset({3}),
        "bytes": bytearray(b"ab"), "counter": Counter("aab"), "ordered": OrderedDict(b=1, a=2), "text": "ü\ud800",
    }  # fmt: skip
    assert plain == expected
    assert [type(value) for value in plain.values()] == [type(value) for value in expected.values()]


def test_a_training_state() -> None:
    state = cb.load(DATA / "training.pt")
    model, optimizer = state["model"], state["optimizer"]
    assert type(model) is OrderedDict and state["epoch"] == 3
    assert list(model) == ["0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var",
                           "1.num_batches_tracked"]  # fmt: skip
    assert model._metadata["1"] == {"version": 2}
    np.testing.assert_allclose(model["0.weight"].numpy(), np.arange(6.0).reshape(2, 3) - 0.01, atol=1e-6)
    [group] = optimizer["param_groups"]
    assert group["betas"] == (0.9, 0.999) and group["params"] == [0, 1, 2, 3]
    assert list(optimizer["state"]) == [0, 1, 2, 3]
    np.testing.assert_allclose(optimizer["state"][0]["exp_avg"].numpy(), np.full((2, 3), 0.1), rtol=1e-6)
    assert optimizer["state"][0]["step"].item() == 1


def test_every_dtype_view_and_plain_value() -> None:
    state = cb.load(DATA / "kinds.pt")
    check_kinds(state["kinds"])
    check_views(state["views"])
    check_plain(state["plain"])


def test_the_newest_pickle_without_checksums() -> None:
    state = cb.load(DATA / "protocol5.pt")
    check_views(state["views"])
    check_plain(state["plain"])


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_what_the_installed_torch_writes(torch: Any, protocol: int, tmp_path: Path) -> None:
    state, _ = samples(torch)["kinds.pt"]
    torch.save(state, tmp_path / "x.pt", pickle_protocol=protocol)
    loaded = cb.load(tmp_path / "x.pt")
    check_kinds(loaded["kinds"])
    check_views(loaded["views"])
    check_plain(loaded["plain"])
    tensor = torch.nn.Parameter(torch.ones(2))
    tensor.note = "an attribute"
    torch.save([tensor, tensor.detach()], tmp_path / "x.pt", pickle_protocol=protocol)
    assert [t.tolist() for t in cb.load(tmp_path / "x.pt")] == [[1, 1], [1, 1]]


def test_what_torch_writes_beyond_tensors_is_refused(torch: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    refused: list[tuple[Any, str]] = [
        (torch.nn.Linear(1, 1), r"'torch.nn.modules.linear.Linear', which is .* torch.save\(model.state_dict"),
        (torch.ones(2).to_sparse(), "'torch._utils._rebuild_sparse_tensor'"),
        ({"a": slice(1)}, r"'(__builtin__|builtins).slice'"),
        (torch.ones(2).untyped_storage(), "a bare storage"),
        ([torch.nn.Parameter], "a bare storage or a class"),
        (torch.ones(2, device="meta"), "'torch._utils._rebuild_meta_tensor_no_storage'"),
    ]
    for value, message in refused:
        torch.save(value, path)
        with pytest.raises(errors.FileFormatError, match=f"load: .*x.pt: .*{message}"):
            cb.load(path)
    torch.save({"a": torch.ones(2)}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(errors.FileFormatError, match=r"format before 1\.6"):
        cb.load(path)


def test_locations(torch: Any, tmp_path: Path) -> None:
    asked = []
    torch.save([torch.ones(2), torch.zeros(2)], tmp_path / "x.pt")
    loaded = cb.load(tmp_path / "x.pt", map_location=lambda name: asked.append(name) or "cpu")
    assert asked == ["cpu"] and loaded[0].tolist() == [1, 1]


# Hostile files, assembled by hand.


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def number(value: int) -> bytes:
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def sizes(*values: int) -> bytes:
    return b"(" + b"".join(number(v) for v in values) + b"t"


def storage(key: str = "0", count: int = 4, kind: str = "FloatStorage", tag: str = "storage") -> bytes:
    return b"(" + text(tag) + name("torch", kind) + text(key) + text("cpu") + number(count) + b"tQ"


def tensor(
    size: bytes = sizes(4), stride: bytes = sizes(1), offset: bytes = number(0), source: bytes = b"",
    grad: bytes = b"\x89",
) -> bytes:  # fmt: skip
    hooks = name("collections", "OrderedDict") + b")R"
    arguments = (source or storage()) + offset + size + stride + grad + hooks
    return name("torch._utils", "_rebuild_tensor_v2") + b"(" + arguments + b"tR"


def write(path: Path, pickle: bytes, members: dict[str, bytes] | None = None, method: int = zipfile.ZIP_STORED) -> Path:
    if pickle[:1] != b"\x80":
        pickle = b"\x80\x02" + pickle + b"."
    numbers = np.arange(4, dtype="<f4").tobytes()
    content = {"data.pkl": pickle, "byteorder": b"little", "data/0": numbers, "version": b"3\n"}
    with zipfile.ZipFile(path, "w", method) as archive:
        for member, data in (content | (members or {})).items():
            archive.writestr(f"archive/{member}", data)
    return path


def refuse(path: Path, message: str) -> None:
    with pytest.raises(errors.FileFormatError, match=f"load: .*: .*({message})"):
        cb.load(path)


def test_the_hand_made_file_is_a_good_one(tmp_path: Path) -> None:
    assert cb.load(write(tmp_path / "x", tensor())).tolist() == [0, 1, 2, 3]
    assert cb.load(write(tmp_path / "x", tensor(sizes(2, 1, 2), sizes(1, 2**60, 2)))).tolist() == [[[0, 2]], [[1, 3]]]


def test_byte_order_is_honoured(tmp_path: Path) -> None:
    for kind, dtype in (("Float", "f4"), ("Short", "i2"), ("ComplexDouble", "c16"), ("Byte", "u1"), ("Bool", "?")):
        values = np.array([0, 1, 1, 0] if kind == "Bool" else [1, 2, 3, 4]).astype(dtype)
        for order in ("little", "big"):
            data = {"data/0": values.astype(values.dtype.newbyteorder(order)).tobytes(), "byteorder": order.encode()}
            path = write(tmp_path / "x", tensor(source=storage(kind=f"{kind}Storage")), data)
            assert cb.load(path).tolist() == values.tolist()
            path = write(tmp_path / "x", tensor(sizes(2), sizes(2), source=storage(kind=f"{kind}Storage")), data)
            assert cb.load(path).tolist() == values[::2].tolist()
    refuse(write(tmp_path / "x", tensor(), {"byteorder": b"middle"}), "byte order is b'middle'")


RAN: list[str] = []


class Evil:
    def __reduce__(self) -> Any:
        return (RAN.append, ("ran",))


ORDERED = name("collections", "OrderedDict") + b")R"


@pytest.mark.parametrize(
    ("pickle", "message"),
    [
        (name("os", "system") + text("true") + b"\x85R", "it holds 'os.system', which is neither a tensor"),
        (name("builtins", "eval") + text("1") + b"\x85R", "it holds 'builtins.eval'"),
        (name("torch._utils", "__dict__"), "it holds 'torch._utils.__dict__'"),
        (name("torch", "Tensor.__class__"), "it holds 'torch.Tensor.__class__'"),
        (text("os") + text("system") + b"\x93", "it holds 'os.system'"),
        (number(1) + text("system") + b"\x93", "names a class by something other than text"),
        (b"cos", "cut off"),
        (b"c\xff\n\xff\n", "not UTF-8"),
        (b"(ios\nsystem\n", "opcode b'i'"),
        (b"(" + name("builtins", "set") + b"o", "opcode b'o'"),
        (name("builtins", "set") + b")\x81", r"opcode b'\\x81'"),
        (b"\x82\x01", r"opcode b'\\x82'"),
        (b"Pid\n", "opcode b'P'"),
        (b"I1\n", "opcode b'I'"),
        (text("x") + b")R", "calls something that is no constructor"),
        (name("torch", "FloatStorage") + b")R", "calls something that is no constructor"),
        (name("builtins", "set") + b"]R", "calls something that is no constructor"),
        (name("torch._utils", "_rebuild_tensor_v2") + b")R", "wrong number of arguments"),
        (name("builtins", "set") + b"}b", "fills a _Constructor like a OrderedDict"),
        (name("torch._utils", "_rebuild_tensor_v2") + b"N}" + text("x") + b"Ns\x86b", "fills a _Constructor"),
        (tensor() + b"}b", "fills a TensorSpec like a OrderedDict"),
        (ORDERED + b"}" + text("__class__") + b"Nsb", "sets attributes that candelabra does not know"),
        (ORDERED + b"}" + text("_metadata") + b"Nsb", "sets attributes that candelabra does not know"),
        (ORDERED + b"]b", "sets attributes that candelabra does not know"),
        (b"}" + b"Na", "fills a dict like a list"),
        (b")" + b"(Ne", "fills a tuple like a list"),
        (b"]NNs", "fills a list like a dict"),
        (b"}(Nu", "a key without a value"),
        (b"]]\x8f(u", "fills a set like a dict"),
        (b"}]Ns", "a list cannot be a dictionary's key"),
        (b"}" + tensor() + b"Ns", "a TensorSpec cannot be a dictionary's key"),
        (b"}" + b"N" + b"2\x86" * 40 + b"Ns", "a tuple cannot be a dictionary's key"),
        (b"\x8f(]\x90", "a list cannot be"),
        (b"(]\x91", "a list cannot be"),
        (b"h\x05", "refers to something that it has not made"),
        (b"R", "takes more than it gave"),
        (b"e", "takes more than it gave"),
        (b"2", "takes more than it gave"),
        (b"NN", "ends before it is complete"),
        (b"(N", "ends before it is complete"),
        (b"\x80\x09N", "protocol 9"),
        (b"X\xff\xff\xff\xffabc", "cut off"),
        (b"\x8d" + b"\xff" * 8, "cut off"),
        (b"X\x01\x00\x00\x00\xff", "not UTF-8"),
        (storage(), "a bare storage"),
        (name("builtins", "set"), "a bare storage or a class"),
        (b"]q\x00h\x00a", "contains itself"),
        (b"]q\x00h\x00\x85a", "contains itself"),
        (b"]" * 102 + b"a" * 101, "nested deeper than 100"),
        (b"]" * 100_000 + b"a" * 99_999, "nested deeper than 100"),
        (b"N" + b"\x85" * 100_000, "nested deeper than 100"),
        (storage(tag="module"), "names a storage wrongly"),
        (b"NQ", "names a storage wrongly"),
        (b")Q", "names a storage wrongly"),
        (b"(" + text("storage") + b"NNNNtQ", "names a storage wrongly"),
        (storage("1"), "storage '1' is not in the archive"),
        (storage(""), "storage '' is not in the archive"),
        (storage("../data.pkl"), "storage '../data.pkl' is not in the archive"),
        (storage(count=5), "storage '0' has 16 bytes, which disagrees"),
        (storage(count=-4), "which disagrees"),
        (storage(kind="DoubleStorage"), "which disagrees"),
        (storage(kind="QInt8Storage"), "it holds 'torch.QInt8Storage'"),
        (tensor(sizes(5)), r"size \(5,\), stride \(1,\) and offset 0 reaches element 4 of storage '0', which has 4"),
        (tensor(sizes(2, 2), sizes(3, 1)), "reaches element 4"),
        (tensor(sizes(4), offset=number(1)), "reaches element 4"),
        (tensor(sizes(2**62, 2**62), sizes(2**62, 2**62)), "reaches element"),
        (tensor(sizes(2), sizes(-1), number(3)), "a tensor's stride is no tuple of at most 64 non-negative integers"),
        (tensor(sizes(-1)), "a tensor's size is no tuple"),
        (tensor(sizes(2**70)), "a tensor's size is no tuple"),
        (tensor(b"N"), "a tensor's size is no tuple"),
        (tensor(b"\x88\x85"), "a tensor's size is no tuple"),
        (tensor(sizes(*[1] * 65), sizes(*[1] * 65)), "a tensor's size is no tuple"),
        (tensor(sizes(2, 2)), "is described wrongly"),
        (tensor(offset=number(-1)), "is described wrongly"),
        (tensor(grad=b"N"), "is described wrongly"),
        (tensor(source=b"N"), "lacks a storage or a dtype"),
        (tensor(source=storage(kind="IntStorage"), grad=b"\x88"), "dtype int32 requires a gradient"),
        (tensor(sizes(0, 2**62), sizes(1, 1)), "impossible size"),
        (tensor(sizes(2**40), sizes(0)), "far larger than the memory"),
        (b"](" + b"".join(tensor(sizes(1000, 1000, n), sizes(0, 0, 0)) for n in range(1, 8)) + b"e", "far larger than"),
        (name("torch", "Size") + b"]" + number(-1) + b"a\x85R", "a tensor's size is no tuple"),
        (name("torch", "device") + b"N\x85R", "a device is described wrongly"),
        (name("builtins", "complex") + b"NN\x86R", "a complex number is described wrongly"),
        (name("_codecs", "encode") + text("x") + text("rot13") + b"\x86R", "a byte string is described wrongly"),
        (name("_codecs", "encode") + text("\u20ac") + text("latin1") + b"\x86R", "a byte string is described wrongly"),
        (name("builtins", "bytearray") + number(2**40) + b"\x85R", "a byte string is described wrongly"),
        (name("builtins", "set") + number(1) + b"\x85R", "a set is described wrongly"),
        (name("collections", "OrderedDict") + b"]Na\x85R", "a dictionary is described wrongly"),
        (name("collections", "Counter") + b"}" + text("a") + b"Ns\x85R", "a counter is described wrongly"),
        (name("torch._utils", "_rebuild_parameter") + b"N\x88N\x87R", "a parameter is described wrongly"),
        (name("torch._utils", "_rebuild_parameter") + tensor(source=storage(kind="IntStorage")) + b"\x88N\x87R",
         "a parameter of dtype int32 requires a gradient"),
        (name("torch._tensor", "_rebuild_from_type_v2") + b"(" + name("builtins", "set") + name("torch", "Tensor")
         + b")NtR", "a tensor of a class that candelabra does not know"),
        (name("torch._utils", "_rebuild_tensor_v2") + b"(" + storage() + number(0) + sizes(4) + sizes(1) + b"\x89N}"
         + text("conj") + b"\x88stR", "cannot be stored conjugated"),
        (name("torch._utils", "_rebuild_tensor_v2") + b"(" + storage() + number(0) + sizes(4) + sizes(1) + b"\x89N}"
         + text("colour") + b"\x88stR", "metadata that candelabra does not know"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value[:40],
)  # fmt: skip
def test_hostile_pickles(pickle: bytes, message: str, tmp_path: Path) -> None:
    refuse(write(tmp_path / "x", pickle), message)


def test_nothing_from_a_file_is_run(tmp_path: Path) -> None:
    import pickle

    refuse(write(tmp_path / "x", pickle.dumps(Evil(), 2)), "it holds .*, which is neither a tensor nor a plain value")
    assert RAN == []


def test_a_memo_with_large_numbers_takes_no_memory(tmp_path: Path) -> None:
    assert cb.load(write(tmp_path / "x", b"Nr\xff\xff\xff\xff0j\xff\xff\xff\xff")) is None


def test_sharing_many_levels_deep_takes_little_memory(tmp_path: Path) -> None:
    loaded = cb.load(write(tmp_path / "x", b"N" + b"2\x86" * 60))
    for _ in range(60):
        assert loaded[0] is loaded[1]
        loaded = loaded[0]
    assert loaded is None


def test_a_truncated_bool_is_0_or_1(tmp_path: Path) -> None:
    path = write(tmp_path / "x", tensor(source=storage(kind="BoolStorage")), {"data/0": b"\x00\x01\x02\xff"})
    assert cb.load(path).numpy().view(np.uint8).tolist() == [0, 1, 1, 1]


def edit(path: Path, change: Callable[[bytes], bytes]) -> Path:
    path.write_bytes(change(path.read_bytes()))
    return path


def test_hostile_archives(tmp_path: Path) -> None:
    path = tmp_path / "x"
    refuse(write(path, tensor(), method=zipfile.ZIP_DEFLATED), "is compressed, which torch.save never does")
    refuse(write(path, tensor(), {"constants.pkl": b""}), "a TorchScript archive, which holds code")
    refuse(write(path, tensor(), {"version": b"99"}), "archive version is b'99'; candelabra reads versions 1 to 10")
    refuse(write(path, tensor(), {"version": b"x"}), "archive version is b'x'")
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(write(path, tensor()), "a") as archive:
        archive.writestr("archive/data/0", b"\0" * 16)
    refuse(path, "two members of one name")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights.npy", b"")
    refuse(path, "no PyTorch checkpoint")
    with zipfile.ZipFile(write(path, tensor()), "a") as archive:
        archive.writestr("other/data.pkl", b"")
    refuse(path, "no PyTorch checkpoint")
    refuse(edit(write(path, tensor()), lambda raw: raw.replace(b"data/0", b"data/1", 1)), "two different ways")
    refuse(edit(write(path, tensor()), lambda raw: raw.replace(b"\0\0\x80?", b"\0\0\x81?", 1)), "its checksum is wrong")
    refuse(edit(write(path, tensor()), lambda raw: raw[:-30]), "cannot be read as one")
    # The second header of data.pkl, the first in the directory, may not say that it is encrypted or lies elsewhere.
    start = write(path, tensor()).read_bytes().index(b"PK\x01\x02")
    refuse(edit(path, lambda raw: raw[: start + 8] + b"\x01" + raw[start + 9 :]), "is encrypted")
    write(path, tensor())
    refuse(edit(path, lambda raw: raw[: start + 42] + b"\x07" + raw[start + 43 :]), "is not where the zip dir")
    write(path, tensor())
    huge = struct.pack("<II", 2**31, 2**31)
    refuse(edit(path, lambda raw: raw[: start + 20] + huge + raw[start + 28 :]), "overlap|cannot be read as one")


def test_a_pickle_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from candelabra.core import torch_checkpoint

    monkeypatch.setattr(torch_checkpoint, "_MAX_PICKLE_BYTES", 1 << 20)
    refuse(write(tmp_path / "x", b"X" + struct.pack("<I", 2 << 20) + b"x" * (2 << 20)), "data.pkl is larger than 1 MiB")


def test_no_torch_is_imported(tmp_path: Path) -> None:
    import subprocess

    code = f"import sys, candelabra as cb; cb.load({str(DATA / 'kinds.pt')!r}); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 0


@MANY
@given(data=st.data(), sample=st.sampled_from(["training.pt", "kinds.pt", "protocol5.pt"]))
def test_a_mutated_file_is_read_or_refused(data: st.DataObject, sample: str, tmp_path: Path) -> None:
    content = bytearray((DATA / sample).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    load_or_refuse(bytes(content), tmp_path)


@MANY
@given(data=st.data(), sample=st.sampled_from(["training.pt", "kinds.pt", "protocol5.pt"]))
def test_a_mutated_pickle_is_read_or_refused(data: st.DataObject, sample: str, tmp_path: Path) -> None:
    # With a right checksum, so that the change reaches the machine.
    with zipfile.ZipFile(DATA / sample) as archive:
        members = {m.filename.partition("/")[2]: raw(archive, m) for m in archive.infolist()}
    pickle = members["data.pkl"]
    starts = [at for _, _, at in pickletools.genops(pickle)] + [len(pickle)]
    parts = [pickle[a:b] for a, b in itertools.pairwise(starts)]
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(parts) - 1))
        change = data.draw(st.sampled_from(["replace", "insert", "delete", "swap", "opcode", "byte"]))
        if change == "replace":
            parts[at] = data.draw(st.sampled_from(parts))
        elif change == "insert":
            parts.insert(at, data.draw(st.sampled_from(parts)))
        elif change == "delete" and len(parts) > 1:
            del parts[at]
        elif change == "swap":
            other = data.draw(st.integers(0, len(parts) - 1))
            parts[at], parts[other] = parts[other], parts[at]
        elif change == "opcode":
            parts.insert(at, bytes([data.draw(st.sampled_from(b"N()]}tR0129abesuQ\x85\x86\x87\x8f\x90\x91\x93\x94"))]))
        else:
            parts[at] = parts[at][:-1] + data.draw(st.binary(min_size=1, max_size=2))
    pickle = b"".join(parts)
    load_or_refuse(write(tmp_path / "y", b"", members | {"data.pkl": pickle}).read_bytes(), tmp_path)


@MANY
@given(data=st.data())
def test_a_truncated_file_is_refused(data: st.DataObject, tmp_path: Path) -> None:
    content = (DATA / "training.pt").read_bytes()
    (tmp_path / "x").write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(errors.FileFormatError):
        cb.load(tmp_path / "x")


def raw(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """A member's bytes without a look at its checksum, which one of the samples lacks."""
    assert archive.fp is not None
    archive.fp.seek(member.header_offset + 26)
    name_length, extra_length = struct.unpack("<HH", archive.fp.read(4))
    archive.fp.seek(name_length + extra_length, 1)
    return archive.fp.read(member.file_size)


def load_or_refuse(content: bytes, folder: Path) -> None:
    (folder / "x").write_bytes(content)
    try:
        cb.load(folder / "x")
    except errors.CandelabraError as error:
        assert str(error)
