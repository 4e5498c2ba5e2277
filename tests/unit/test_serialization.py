"""Saving and loading: what comes back equals what was saved, and a bad file or state changes nothing."""

from __future__ import annotations

import json
import math
import os
import struct
from collections import Counter, OrderedDict, defaultdict, namedtuple
from pathlib import Path
from typing import Any

import candelabra as cb
import ml_dtypes
import numpy as np
import pytest
from candelabra.core import errors
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import numpy as safetensors_numpy
from safetensors import safe_open

DTYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "bfloat16",
          "float32", "float64", "complex64", "complex128"]  # fmt: skip
SHAPES = [(), (0,), (3,), (2, 3), (2, 0, 3), (1, 2, 1, 2)]
IN_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
MANY = settings(IN_FOLDER, max_examples=300)  # a millisecond each


def array(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    kind = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    values = np.arange(math.prod(shape)).reshape(shape) - 1
    if dtype.startswith("complex"):
        values = values * (1 - 2j)
    return np.asarray(abs(values) if dtype.startswith("uint") else values).astype(kind)


def tensor(dtype: str, shape: tuple[int, ...], requires_grad: bool = False) -> cb.Tensor:
    return cb.from_numpy(array(dtype, shape)).requires_grad_(requires_grad)


def assert_same(a: Any, b: Any) -> None:
    """Hold that two states are equal, of the same types all the way down, nan being equal to nan."""
    assert type(a) is type(b)
    if isinstance(a, cb.Tensor):
        assert (a.dtype, a.shape, a.device, a.requires_grad) == (b.dtype, b.shape, b.device, b.requires_grad)
        assert a.is_leaf and b.is_leaf
        assert a.detach().numpy().tobytes() == b.detach().numpy().tobytes()
    elif isinstance(a, np.ndarray | np.generic):
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    elif isinstance(a, dict):
        if isinstance(a, OrderedDict):
            assert_same(vars(a), vars(b))
        assert_same(list(a.items()), list(b.items()))
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b):
            assert_same(x, y)
    elif isinstance(a, set | frozenset):
        assert sorted(map(repr, a)) == sorted(map(repr, b))
    elif isinstance(a, int):
        assert a == b
    else:
        assert repr(a) == repr(b)


def round_trip(state: Any, folder: Path) -> Any:
    path = folder / "state.safetensors"
    cb.save(state, path)
    assert os.listdir(folder) == ["state.safetensors"]
    return cb.load(path)


@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors_of_every_dtype_and_shape(dtype: str, tmp_path: Path) -> None:
    state = [tensor(dtype, shape) for shape in SHAPES] + [array(dtype, shape) for shape in SHAPES]
    assert_same(round_trip(state, tmp_path), state)


def with_metadata() -> OrderedDict[str, Any]:
    state: Any = OrderedDict(weight=tensor("float32", (2,)))
    state._metadata = OrderedDict({"": {"version": 2}})
    return state


VALUES = [
    None, True, False, 0, -1, 2**63 - 1, -(2**63), 2**63, -(2**200), 10**6000, 0.0, -0.0, 0.1, 5e-324, math.nan,
    math.inf, -math.inf, 1j, complex(math.nan, -math.inf), complex(-0.0, 0.0), "", "text", "ü\u2028\0\"\\", "\ud800",
    b"", b"\0\xff", bytearray(b"ab"), (), [], {}, set(), frozenset(), (1,), [(), []],
    {1: "int", "1": "text", 1.5: "float"}, {"a": {"b": {"c": [1]}}},
    {None: 0, True: 1, (1, ("a", b"b")): 2, frozenset({1, 2}): 3, 2j: 4, math.nan: 5},
    {1, "a", (2, 3), None}, frozenset({frozenset(), 1.0}), OrderedDict(b=1, a=2), Counter("abca"), cb.float32, cb.bool,
    {cb.bfloat16: cb.device("cpu")}, np.float32(0.1), np.float64(math.nan), np.int8(-3), np.uint64(2**64 - 1),
    np.bool_(True), np.complex64(1 - 2j), ml_dtypes.bfloat16(1.5), np.float16(math.inf), {np.int64(3): 1},
    np.arange(6, dtype=">i4").astype("<i4").reshape(2, 3).T.copy(),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=[f"{i}-{type(value).__name__}" for i, value in enumerate(VALUES)])
def test_plain_values(value: Any, tmp_path: Path) -> None:
    assert_same(round_trip(value, tmp_path), value)


def test_a_module_s_state_dict_keeps_its_versions(tmp_path: Path) -> None:
    state = with_metadata()
    assert_same(round_trip({"model": state}, tmp_path), {"model": state})


keys = st.one_of(
    st.text(max_size=5), st.integers(), st.booleans(), st.none(), st.binary(max_size=3),
    st.floats(allow_nan=False), st.tuples(st.integers(), st.text(max_size=2)),
)  # fmt: skip
leaves = st.one_of(
    keys, st.floats(), st.complex_numbers(), st.sampled_from([cb.float16, cb.device("cpu"), np.float32(2.5)]),
    st.builds(
        lambda dtype, shape, grad: tensor(dtype, shape, grad and dtype[0] in "bfc" and dtype != "bool"),
        st.sampled_from(DTYPES), st.sampled_from(SHAPES), st.booleans(),
    ),
    st.builds(array, st.sampled_from(DTYPES), st.sampled_from(SHAPES)),
)  # fmt: skip
states = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.lists(inner, max_size=3).map(tuple), st.dictionaries(keys, inner, max_size=4),
        st.dictionaries(keys, inner, max_size=3).map(OrderedDict), st.sets(keys, max_size=3),
        inner.map(lambda value: [value, value]),
    ),
    max_leaves=12,
)  # fmt: skip


@IN_FOLDER
@given(state=states)
def test_nested_states_come_back_as_they_were(state: Any, tmp_path: Path) -> None:
    assert_same(round_trip(state, tmp_path), state)


def test_a_flat_dictionary_is_plain_to_other_readers(tmp_path: Path) -> None:
    state = {"layer.0.weight": tensor("float32", (2, 3)), "ü": tensor("int64", (2,)), "": tensor("bfloat16", (3,))}
    path = tmp_path / "model.safetensors"
    cb.save(state, path)
    with safe_open(path, framework="np") as file:
        assert sorted(file.keys()) == sorted(state)
        for name, value in state.items():
            assert file.get_tensor(name).tobytes() == value.numpy().tobytes()
    assert list(cb.load(path)) == list(state)


def test_entries_are_named_after_their_place(tmp_path: Path) -> None:
    one = [tensor("float32", (2,)) for _ in range(5)]
    state = {"a": {"b": one[0], 3: [one[1]]}, "a.b": one[2], "__metadata__": one[3], "\ud800": one[4]}
    assert_same(round_trip(state, tmp_path), state)
    with safe_open(tmp_path / "state.safetensors", framework="np") as file:
        assert sorted(file.keys()) == ["?", "__metadata__#2", "a.3.0", "a.b", "a.b#2"]


def test_arrays_in_any_order_of_memory(tmp_path: Path) -> None:
    base = np.arange(24, dtype="float32").reshape(2, 3, 4)
    views = [base.T, base[:, ::-1], base[..., 1:3], np.broadcast_to(base[0, 0], (5, 4)), np.asfortranarray(base),
             base.astype(">f4"), base.astype("complex64").transpose(1, 2, 0)]  # fmt: skip
    loaded = round_trip({"arrays": views, "tensors": [cb.from_numpy(v) for v in views[:5]]}, tmp_path)
    for view, got in zip(views + views[:5], loaded["arrays"] + loaded["tensors"]):
        assert np.array_equal(got if isinstance(got, np.ndarray) else got.numpy(), view)
    loaded["arrays"][0][0, 0, 0] = 7.0  # arrays of the user's are his to write to


def test_what_is_shared_is_stored_once_and_shared_again(tmp_path: Path) -> None:
    weight = tensor("float32", (4,))
    betas, group = (0.9, 0.999), [1, 2]
    state = {"a": weight, "tied": weight, "view": weight.detach(), "groups": [group, group], "b": betas, "c": [betas]}
    loaded = round_trip(state, tmp_path)
    assert_same(loaded, state)
    assert loaded["a"] is loaded["tied"] and loaded["a"] is not loaded["view"]
    assert loaded["a"].array is loaded["view"].array
    assert loaded["groups"][0] is loaded["groups"][1] and loaded["b"] is loaded["c"][0]
    with safe_open(tmp_path / "state.safetensors", framework="np") as file:
        assert list(file.keys()) == ["a"]


def test_parameters_stay_parameters(tmp_path: Path) -> None:
    from candelabra import nn

    weight = nn.Parameter(tensor("float32", (2,)))
    state = {"weight": weight, "tied": weight, "frozen": nn.Parameter(tensor("float64", ()), requires_grad=False),
             "values": weight.detach(), "buffer": nn.Buffer(tensor("int32", (3,)))}  # fmt: skip
    loaded = round_trip(state, tmp_path)
    assert_same(loaded, state)
    assert loaded["weight"] is loaded["tied"]


def test_a_buffer_that_is_not_saved_with_its_module_stays_so(tmp_path: Path) -> None:
    from candelabra import nn

    state = {name: nn.Buffer(tensor("float32", (2,)), persistent=name == "kept") for name in ("kept", "left")}
    module = nn.Module()
    for name, buffer in round_trip(state, tmp_path).items():
        assert type(buffer) is nn.Buffer and buffer.persistent == (name == "kept")
        setattr(module, name, buffer)
    assert list(module.state_dict()) == ["kept"]


def test_a_result_is_saved_as_a_leaf(tmp_path: Path) -> None:
    weight = tensor("float32", (2,), requires_grad=True)
    loaded = round_trip({"loss": weight * 2}, tmp_path)["loss"]
    assert loaded.is_leaf and loaded.requires_grad and loaded.tolist() == [-2, 0]


def test_a_tensor_inside_a_transformation_is_not_saved(tmp_path: Path) -> None:
    def f(x: cb.Tensor) -> cb.Tensor:
        cb.save(x, tmp_path / "x")
        return x

    with pytest.raises(errors.TransformError, match="save"):
        cb.func.vmap(f)(tensor("float32", (3, 2)))
    assert os.listdir(tmp_path) == []


def test_a_model_and_its_optimizer_go_on_where_they_were(tmp_path: Path) -> None:
    from candelabra import nn, optim

    def step(model: Any, optimizer: Any) -> list[float]:
        optimizer.zero_grad()
        loss = (model(cb.ones(3, 4)) ** 2).sum()
        loss.backward()
        optimizer.step()
        return [loss.item(), *(p.sum().item() for p in model.parameters())]

    def make(seed: int) -> tuple[Any, Any]:
        cb.manual_seed(seed)
        model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        return model, optim.Adam(model.parameters(), lr=0.1)

    model, optimizer = make(0)
    step(model, optimizer)
    saved = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "rng": cb.get_rng_state(), "epoch": 1}
    loaded = round_trip(saved, tmp_path)
    assert_same(dict(loaded["model"]), dict(saved["model"]))
    other, other_optimizer = make(1)
    other.load_state_dict(loaded["model"])
    other_optimizer.load_state_dict(loaded["optimizer"])
    assert step(other, other_optimizer) == step(model, optimizer)
    cb.set_rng_state(loaded["rng"])
    first = cb.rand(3).tolist()
    cb.set_rng_state(saved["rng"])
    assert cb.rand(3).tolist() == first


def test_containers_shared_many_levels_deep_take_little_room(tmp_path: Path) -> None:
    state: Any = [1]
    for _ in range(60):
        state = [state, state]
    loaded = round_trip(state, tmp_path)
    for _ in range(60):
        assert loaded[0] is loaded[1]
        loaded = loaded[0]
    assert loaded == [1]


def test_a_tensor_that_borrows_an_array_does_not_share_it_after_loading(tmp_path: Path) -> None:
    numbers = np.ones(3)
    loaded = round_trip([cb.from_numpy(numbers), numbers], tmp_path)
    loaded[1][:] = 5
    assert loaded[0].tolist() == [1, 1, 1]


def test_files_of_equal_states_are_equal(tmp_path: Path) -> None:
    contents = []
    for order in (["x", "y", "z", "w"], ["w", "z", "y", "x"]):
        cb.save({"names": set(order), "t": tensor("float32", (2,))}, tmp_path / "a.safetensors")
        contents.append((tmp_path / "a.safetensors").read_bytes())
    assert contents[0] == contents[1]


Point = namedtuple("Point", "x y")


class WithState:
    def state_dict(self) -> dict[str, int]:
        return {}


class WithGetState:
    def get_state(self) -> int:
        return 0


class MyTensor(cb.Tensor):
    pass


def my_tensor() -> cb.Tensor:
    plain = tensor("float32", (1,))
    return MyTensor(plain.array, plain.device)


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ({"optimizer": [0, 1, 2, WithState()]}, r"state\['optimizer'\]\[3\] is a .*State.*; save its state_dict\(\)"),
        ({"g": WithGetState()}, r"state\['g'\] is .*save its get_state\(\) instead"),
        ([{1: (open,)}], r"state\[0\]\[1\]\[0\] is a builtin_function.*, which a file cannot hold; save the tensors"),
        (Point(1, 2), r"state is a .*Point.*; save it as tuple\(x\) or as x._asdict\(\)"),
        (defaultdict(int), r"state is a collections.defaultdict.*; save it as dict\(x\)"),
        ({"k": {cb.device: 1}}, r"a key or set item at state\['k'\] is a type"),
        ({"s": {1, (2, open)}}, r"a key or set item at state\['s'\] is a builtin_function"),
        ({"a": np.array(["x"])}, r"state\['a'\] is a numpy.ndarray"),
        ({"a": np.datetime64("2020")}, r"state\['a'\] is a numpy.datetime64"),
        ([cb.float32, my_tensor()], r"state\[1\] is a .*MyTensor.*or its detach\(\)"),
        (np.ma.masked_array([1.0], [True]), r"state is a numpy.ma.*MaskedArray"),
        (Path("x"), r"state is a pathlib"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_what_cannot_be_saved_is_named_by_its_place(state: Any, text: str, tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    cb.save([1], path)
    before = path.read_bytes()
    with pytest.raises(errors.ArgumentTypeError, match=text):
        cb.save(state, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["state.safetensors"]


def test_a_state_that_contains_itself_is_refused(tmp_path: Path) -> None:
    loop: dict[str, Any] = {"a": [1]}
    loop["a"].append({"b": loop})
    with pytest.raises(errors.ArgumentError, match=r"state\['a'\]\[1\]\['b'\] contains itself"):
        cb.save(loop, tmp_path / "x")
    assert os.listdir(tmp_path) == []


def test_a_state_that_is_too_deep_is_refused(tmp_path: Path) -> None:
    deep: Any = 1
    for _ in range(100):
        deep = (deep,)
    assert_same(round_trip(deep, tmp_path), deep)
    for _ in range(10_000):
        deep = [deep]
    with pytest.raises(errors.ArgumentError, match="nested deeper than 100 levels"):
        cb.save(deep, tmp_path / "x")
    key: Any = 1
    for _ in range(1000):
        key = (key,)
    with pytest.raises(errors.ArgumentTypeError, match="a key or set item"):
        cb.save({key: 1}, tmp_path / "x")


def test_too_much_around_the_tensors_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from candelabra.core import serialization

    monkeypatch.setattr(serialization, "_MAX_HEADER_BYTES", 3 << 20)
    with pytest.raises(errors.ArgumentError, match=r"takes 4 MiB, and .* has room for 3; put long lists"):
        cb.save(b"x" * (3 << 20), tmp_path / "x")
    assert os.listdir(tmp_path) == []


def test_the_state_s_size_in_the_header_is_estimated_from_above(tmp_path: Path) -> None:
    from candelabra.core import serialization, structure

    state = {'quo"te\n' * 3 + str(i): tensor("float32", (2**40, 0)) for i in range(20)}
    entries = serialization._Entries()
    text = json.dumps(structure.Encoder(entries.encode, serialization._encode_scalar).encode(state))
    cb.save(state, tmp_path / "x")
    (header,) = struct.unpack("<Q", (tmp_path / "x").read_bytes()[:8])
    assert header <= len(json.dumps(text)) + sum(len(json.dumps(n)) + 20 * 2 + 120 for n in entries.arrays)


@pytest.mark.parametrize("failing", ["chmod", "replace", "fsync"])
def test_a_file_that_cannot_be_written_leaves_nothing(
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.safetensors"
    cb.save([1], path)
    before = path.read_bytes()

    def fail(*args: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OSError, match="no space left"):
        cb.save({"x": tensor("float32", (2,))}, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["state.safetensors"]


def test_a_failure_of_the_writer_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import safetensors

    def fail(*args: Any) -> None:
        raise safetensors.SafetensorError("disk on fire")

    monkeypatch.setattr(safetensors_numpy, "save_file", fail)
    with pytest.raises(OSError, match=r"save: .*state.safetensors cannot be written \(disk on fire\)"):
        cb.save([1], tmp_path / "state.safetensors")
    assert os.listdir(tmp_path) == []


def test_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for bad in (3, None, b"bytes"):
        with pytest.raises(errors.ArgumentTypeError, match="the path must be a string or a path"):
            cb.save([1], bad)
        with pytest.raises(errors.ArgumentTypeError, match="the path must be a string or a path"):
            cb.load(bad)
    for special in (tmp_path, os.devnull):
        with pytest.raises(OSError, match="is no regular file"):
            cb.save([1], special)
    with pytest.raises(FileNotFoundError):
        cb.save([1], tmp_path / "nowhere" / "x")
    with pytest.raises(FileNotFoundError):
        cb.load(tmp_path / "nothing")
    monkeypatch.chdir(tmp_path)
    cb.save([1], "here" * 50)
    assert cb.load("here" * 50) == [1]


@pytest.mark.skipif(os.name != "posix", reason="permissions and links as POSIX has them")
def test_permissions_and_links_stay(tmp_path: Path) -> None:
    path, link = tmp_path / "state", tmp_path / "link"
    mask = os.umask(0o027)
    try:
        cb.save([1], path)
    finally:
        os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o640
    path.chmod(0o600)
    link.symlink_to(path)
    cb.save([2], link)
    assert link.is_symlink() and cb.load(path) == [2]
    assert path.stat().st_mode & 0o777 == 0o600


def rewrite(path: Path, text: Any, **arrays: Any) -> None:
    content = text if isinstance(text, str) else json.dumps(text)
    safetensors_numpy.save_file(arrays, path, {"candelabra": content})


def version(state: Any, number: Any = 1) -> dict[str, Any]:
    return {"format": number, "state": state}


ENTRY = {"entry": "w"}


def test_other_files_of_safetensors(tmp_path: Path) -> None:
    arrays = {"b": np.ones((2, 3), np.float16), "a": np.array(3), "c": np.array([1j], "c8"), "e": np.zeros((0, 2))}
    safetensors_numpy.save_file(arrays, tmp_path / "x", {"format": "np"})
    loaded = cb.load(tmp_path / "x")
    assert type(loaded) is dict and loaded.keys() == arrays.keys()
    for name, value in arrays.items():
        assert_same(loaded[name].numpy().copy(), value)
    header = b'{"w":{"dtype":"F32","shape":[' + b"1," * 70 + b'1],"data_offsets":[0,4]}}'
    (tmp_path / "x").write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 4)
    with pytest.raises(errors.FileFormatError, match="entry 'w' has a shape that NumPy cannot hold"):
        cb.load(tmp_path / "x")
    safetensors_numpy.save_file({"w": np.ones(2, ml_dtypes.float8_e5m2)}, tmp_path / "x")
    with pytest.raises(errors.FileFormatError, match="entry 'w' has dtype F8_E5M2, which candelabra does not have"):
        cb.load(tmp_path / "x")


def test_a_bool_is_0_or_1_whatever_the_file_says(tmp_path: Path) -> None:
    cb.save({"mask": cb.from_numpy(np.array([True, False]))}, tmp_path / "x")
    content = (tmp_path / "x").read_bytes()
    (tmp_path / "x").write_bytes(content[:-2] + b"\xff\x00")
    assert cb.load(tmp_path / "x")["mask"].numpy().view(np.uint8).tolist() == [1, 0]


@pytest.mark.parametrize(
    "where",
    ["cpu", cb.device("cpu"), {"cuda:3": "cpu"}, {cb.device("cuda:3"): cb.device("cpu")}, lambda name: "cpu"],
    ids=["text", "device", "mapping", "mapping of devices", "function"],
)
def test_map_location(where: Any, tmp_path: Path) -> None:
    entry = version([{"tensor": ENTRY | {"device": "cuda:3"}}, {"tensor": ENTRY}])
    rewrite(tmp_path / "x", entry, w=np.ones(2, np.float32))
    loaded = cb.load(tmp_path / "x", map_location=where)
    assert [str(t.device) for t in loaded] == ["cpu", "cpu"]
    assert loaded[0].tolist() == [1, 1]


def test_map_location_is_asked_by_name(tmp_path: Path) -> None:
    asked = []
    rewrite(tmp_path / "x", version([{"tensor": ENTRY}, {"tensor": ENTRY | {"device": "cuda:3"}}]), w=np.ones(1))
    cb.load(tmp_path / "x", map_location=lambda name: asked.append(name) or ("cpu" if ":" in name else None))
    assert asked == ["cpu", "cuda:3"]
    with pytest.raises(errors.ArgumentTypeError, match="map_location must be a device, a mapping of dev"):
        cb.load(tmp_path / "x", map_location=3)


def test_a_device_that_is_not_there(tmp_path: Path) -> None:
    rewrite(tmp_path / "x", version({"tensor": ENTRY | {"device": "candle:7"}}), w=np.ones(1))
    with pytest.raises(errors.DeviceError, match=r"load: .*x: a tensor was saved on 'candle:7': .* pass map_location"):
        cb.load(tmp_path / "x")
    with pytest.raises(errors.DeviceError, match=r"load: .*x: .*candle"):
        cb.load(tmp_path / "x", map_location="candle:8")
    rewrite(tmp_path / "x", version({"device": "candle:7"}))
    with pytest.raises(errors.DeviceError, match=r"load: .*x: .*candle"):
        cb.load(tmp_path / "x")
    assert cb.load(tmp_path / "x", map_location="cpu") == cb.device("cpu")


def test_torch_reads_a_state_dict(torch: Any, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    cb.save({"weight": tensor("float32", (2, 3)), "half": tensor("bfloat16", (3,))}, tmp_path / "x")
    loaded = load_file(tmp_path / "x")
    assert torch.equal(loaded["weight"], torch.arange(6.0).reshape(2, 3) - 1)
    assert loaded["half"].dtype is torch.bfloat16 and loaded["half"].tolist() == [-1, 0, 1]


def test_loading_what_torch_wrote(torch: Any, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"w": torch.arange(4, dtype=torch.bfloat16)}, tmp_path / "x", {"format": "pt"})
    assert cb.load(tmp_path / "x")["w"].tolist() == [0, 1, 2, 3]
