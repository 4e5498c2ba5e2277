"""The same numbers everywhere: what a seed gives on the device, against plain integers and against the host.

`docs/random.md` says what agrees bit for bit, and what by a few units in the last place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn
from candelabra.conformance import philox_reference as stream
from candelabra.conformance.subject import host
from candelabra.core import dtypes
from candelabra.core.device import Device, host_device
from candelabra.core.errors import ArgumentError, DTypeError
from candelabra.core.random_stream import blocks_for
from candelabra.data import DataLoader, TensorDataset

SEED = 0
N = 41
# More than any kernel draws in one go.
MANY = 70001
FLOATS = ("float64", "float32", "float16", "bfloat16")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


def require(device: Device, dtype: str) -> None:
    if dtypes.as_dtype(dtype) not in device.native:
        pytest.skip(f"{device} has no {dtype}")


def wide(tensor: cb.Tensor) -> np.ndarray:
    """The values in float64, which holds those of every narrower dtype."""
    found = host(tensor)
    return found if found.dtype == np.float64 else found.astype(np.float64)


def as_bits(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).view(np.uint8)


def assert_same_bits(found: np.ndarray, wanted: np.ndarray) -> None:
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    assert np.array_equal(as_bits(found), as_bits(wanted)), (found, wanted)


def assert_in_the_last_places(found: Any, wanted: Any, dtype: str, places: float = 4.0) -> None:
    """Both numbers of a pair within units in the last place of its radius, then rounded to the dtype once."""
    wanted = np.asarray(wanted, np.float64)
    pairs = np.append(wanted, np.zeros(wanted.size % 2)).reshape(-1, 2)
    radius = np.repeat(np.hypot(pairs[:, 0], pairs[:, 1]), 2)[: wanted.size]
    computed = 2.0**-52 if dtype == "float64" else 2.0**-23
    rounded = {"float16": 2.0**-11, "bfloat16": 2.0**-8}.get(dtype, 0.0)
    allowed = places * computed * np.maximum(radius, 1.0) + rounded * np.abs(wanted)
    gap = np.abs(np.asarray(found, np.float64) - wanted)
    assert (gap <= allowed).all(), (float((gap / allowed).max()), found, wanted)


@pytest.mark.parametrize("dtype", FLOATS)
def test_uniforms(conformance_device: Device, dtype: str) -> None:
    require(conformance_device, dtype)
    generator = cb.Generator().manual_seed(SEED)
    place: dict[str, Any] = {"generator": generator, "dtype": dtype, "device": conformance_device}
    found = [cb.rand(N, **place), cb.uniform(-2.5, 0.3, (N,), **place), cb.uniform(1.0, 3.0, (N,), **place)]
    assert all(f.device == conformance_device and f.dtype.name == dtype for f in found)
    step = blocks_for("uniform", N, dtype)
    assert wide(found[0]).tolist() == stream.uniform(SEED, 0, N, dtype)
    assert wide(found[1]).tolist() == stream.uniform(SEED, step, N, dtype, -2.5, 0.3)
    assert wide(found[2]).tolist() == stream.uniform(SEED, 2 * step, N, dtype, 1.0, 3.0)


@pytest.mark.parametrize("dtype", FLOATS)
def test_normals(conformance_device: Device, dtype: str) -> None:
    require(conformance_device, dtype)
    cb.manual_seed(SEED)
    found = cb.randn(N, dtype=dtype, device=conformance_device)
    assert found.device == conformance_device and found.dtype.name == dtype
    assert_in_the_last_places(wide(found), stream.normal(SEED, 0, N, dtype), dtype)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers(conformance_device: Device, dtype: str) -> None:
    require(conformance_device, dtype)
    bits = int(dtype.lstrip("uint"))
    low, high = (0, 1 << bits) if dtype.startswith("u") else (-(1 << bits - 1), 1 << bits - 1)
    ranges = [(0, 10), (0, 1), (low, high), (low, low + 3), (high - 100, high), (low // 3, high // 2 + 1)]
    generator = cb.Generator().manual_seed(SEED)
    for i, (a, b) in enumerate(ranges):
        found = cb.randint(a, b, (N,), dtype=dtype, device=conformance_device, generator=generator)
        assert found.device == conformance_device and found.dtype.name == dtype
        assert found.tolist() == stream.integers(SEED, i * blocks_for("integers", N), N, a, b), (a, b)
    with pytest.raises((ArgumentError, DTypeError)):
        cb.randint(low, high + 1, (N,), dtype=dtype, device=conformance_device)


def test_permutations(conformance_device: Device) -> None:
    generator = cb.Generator().manual_seed(SEED)
    for counter, n in ((0, 1), (1, 5), (3, 257)):
        found = cb.randperm(n, device=conformance_device, generator=generator)
        assert found.device == conformance_device
        assert found.tolist() == stream.permutation(SEED, counter, n)


@pytest.mark.parametrize("dtype", FLOATS)
def test_bernoulli(conformance_device: Device, dtype: str) -> None:
    require(conformance_device, dtype)
    generator = cb.Generator().manual_seed(SEED)
    shape = cb.zeros(N, dtype=dtype, device=conformance_device)
    step = blocks_for("bernoulli", N, dtype)
    for i, p in enumerate((0.3, 0.0, 1.0, 0.5)):
        found = cb.bernoulli(shape, p, generator=generator)
        assert found.dtype.name == dtype and found.device == conformance_device
        assert wide(found).tolist() == [float(b) for b in stream.bernoulli(SEED, i * step, N, dtype, p)]


def drawn(draw: Callable[[Any], Any], device: Device) -> Any:
    cb.manual_seed(SEED)
    return draw({"device": device})


LIKE = lambda where, *shape: cb.zeros(shape, **where)
# What the device makes out of draws: equal to the host's bit for bit.
EXACT: dict[str, Callable[[Any], Any]] = {
    "rand of many": lambda where: cb.rand(MANY, **where),
    "randint of many": lambda where: cb.randint(-7, 1000, (MANY,), **where),
    "randperm of many": lambda where: cb.randperm(MANY, **where),
    "rand of axes": lambda where: cb.rand(3, 0, 5, **where),
    "rand of one": lambda where: cb.rand((), **where),
    "rand, complex": lambda where: cb.rand(N, dtype="complex64", **where),
    "rand_like": lambda where: cb.rand_like(LIKE(where, 4, 5)),
    "randint_like": lambda where: cb.randint_like(LIKE(where, 4, 5), 3, 77),
    "uniform_": lambda where: LIKE(where, 4, 5).uniform_(-1.0, 2.0),
    "random_": lambda where: LIKE(where, N).random_(5, 90),
    "bernoulli_": lambda where: LIKE(where, N).bernoulli_(0.25),
    "bernoulli of tensors": lambda where: cb.bernoulli(cb.linspace(0.0, 1.0, N, **where)),
    "multinomial": lambda where: cb.multinomial(cb.asarray([1.0, 2.0, 0.0, 5.0], **where), 20, replacement=True),
    "multinomial, once each": lambda where: cb.multinomial(cb.asarray([1.0, 2.0, 0.0, 5.0], **where), 3),
    "dropout": lambda where: nn.functional.dropout(cb.ones((7, 9), **where), 0.5),
    "dropout, a module": lambda where: nn.Dropout(0.25)(cb.ones((7, 9), **where)) != 0,
    "dropout1d": lambda where: nn.functional.dropout1d(cb.ones((4, 3, 5), **where), 0.5),
    "alpha_dropout's mask": lambda where: nn.functional.alpha_dropout(cb.ones((7, 9), **where), 0.5) > 0,
    "rrelu": lambda where: nn.functional.rrelu(cb.full((7, 9), -1.0, **where), 0.25, 0.5, training=True),
    "vmap": lambda where: cb.func.vmap(lambda x: cb.rand(3, **where) + x, randomness="different")(LIKE(where, 4, 3)),
}  # fmt: skip
# What comes from functions of draws: as close as these functions are.
CLOSE: dict[str, Callable[[Any], Any]] = {
    "randn of many": lambda where: cb.randn(MANY, **where),
    "randn_like": lambda where: cb.randn_like(LIKE(where, 4, 5)),
    "randn, complex": lambda where: cb.randn(N, dtype="complex64", **where),
    "normal of tensors": lambda where: cb.normal(LIKE(where, N) + 2.0, LIKE(where, N) + 0.5),
    "normal_": lambda where: LIKE(where, 4, 5).normal_(-1.0, 2.0),
    "exponential_": lambda where: LIKE(where, N).exponential_(2.0),
    "gumbel_softmax": lambda where: nn.functional.gumbel_softmax(LIKE(where, 4, 5)),
}  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
def test_equal_on_the_host(conformance_device: Device, name: str) -> None:
    found, wanted = (drawn(EXACT[name], device) for device in (conformance_device, host_device()))
    assert found.device == conformance_device
    a, b = host(found), host(wanted)
    if a.dtype.kind == "i" and a.dtype != b.dtype:
        # A device without 64 bits holds integers by 32.
        b = b.astype(a.dtype)
    assert_same_bits(a, b)
    state = cb.get_rng_state().tolist()
    drawn(EXACT[name], conformance_device)
    assert cb.get_rng_state().tolist() == state


@pytest.mark.parametrize("name", CLOSE)
def test_close_to_the_host(conformance_device: Device, name: str) -> None:
    found, wanted = (drawn(CLOSE[name], device) for device in (conformance_device, host_device()))
    assert found.device == conformance_device
    np.testing.assert_allclose(host(found), host(wanted), rtol=1e-5, atol=2e-6)


def filled(fill: Callable[..., Any], *shape: int) -> Callable[[Any], Any]:
    return lambda where: fill(LIKE(where, *shape))


INITIALIZERS: dict[str, Callable[[Any], Any]] = {
    "uniform_": filled(lambda t: nn.init.uniform_(t, -0.5, 2.0), 4, 5),
    "xavier_uniform_": filled(nn.init.xavier_uniform_, 4, 5),
    "kaiming_uniform_": filled(lambda t: nn.init.kaiming_uniform_(t, a=math.sqrt(5)), 4, 3, 2, 2),
    "normal_": filled(lambda t: nn.init.normal_(t, 1.0, 0.02), 4, 5),
    "xavier_normal_": filled(nn.init.xavier_normal_, 4, 5),
    "kaiming_normal_": filled(nn.init.kaiming_normal_, 4, 3, 2, 2),
    "trunc_normal_": filled(nn.init.trunc_normal_, 4, 5),
    "orthogonal_": filled(nn.init.orthogonal_, 5, 4),
    "sparse_": filled(lambda t: nn.init.sparse_(t, 0.4), 5, 4),
}  # fmt: skip


@pytest.mark.parametrize("name", INITIALIZERS)
def test_initializers(conformance_device: Device, name: str) -> None:
    found, wanted = (drawn(INITIALIZERS[name], device) for device in (conformance_device, host_device()))
    assert found.device == conformance_device
    if name.endswith("uniform_"):
        assert_same_bits(host(found), host(wanted))
    else:
        np.testing.assert_allclose(host(found), host(wanted), rtol=2e-5, atol=2e-6)


LAYERS: dict[str, Callable[[Any], nn.Module]] = {
    "linear": lambda where: nn.Linear(5, 4, **where),
    "bilinear": lambda where: nn.Bilinear(3, 4, 5, **where),
    "conv": lambda where: nn.Conv2d(4, 6, 3, groups=2, **where),
    "transposed conv": lambda where: nn.ConvTranspose1d(4, 6, 3, **where),
    "embedding": lambda where: nn.Embedding(7, 5, padding_idx=2, **where),
    "lstm": lambda where: nn.LSTM(4, 5, num_layers=2, bidirectional=True, **where),
    "gru cell": lambda where: nn.GRUCell(4, 5, **where),
    "attention": lambda where: nn.MultiheadAttention(8, 2, **where),
    "encoder": lambda where: nn.TransformerEncoderLayer(8, 2, 16, **where),
    "batch norm": lambda where: nn.BatchNorm2d(4, **where),
    "prelu": lambda where: nn.PReLU(3, **where),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_layers(conformance_device: Device, name: str) -> None:
    # Made on the device, made there by default, and moved there: all begin with the same numbers.
    here = drawn(LAYERS[name], host_device()).state_dict()
    there = drawn(LAYERS[name], conformance_device).state_dict()
    with conformance_device:
        by_default = drawn(lambda where: LAYERS[name]({}), conformance_device).state_dict()
    moved = drawn(LAYERS[name], host_device()).to(conformance_device).state_dict()
    for other in (there, by_default, moved):
        assert list(other) == list(here)
        for key, value in other.items():
            assert value.device == conformance_device
            np.testing.assert_allclose(wide(value), wide(here[key]), rtol=1e-6, atol=1e-7, err_msg=key)
            if "embedding" not in name:
                assert np.array_equal(wide(value), wide(here[key])), key


def order(device: Device, generator: cb.Generator | None) -> list[list[int]]:
    numbers = TensorDataset(cb.arange(23, device=host_device()))
    loader = DataLoader(numbers, batch_size=4, shuffle=True, device=device, generator=generator)
    batches = [batch for _ in range(2) for (batch,) in loader]
    assert all(batch.device == device for batch in batches)
    return [batch.tolist() for batch in batches]


@pytest.mark.parametrize("own", [False, True], ids=["the default generator", "its own generator"])
def test_order_of_a_loader(conformance_device: Device, own: bool) -> None:
    found = []
    for device in (conformance_device, host_device()):
        cb.manual_seed(SEED)
        found.append(order(device, cb.Generator().manual_seed(5) if own else None))
    assert found[0] == found[1] and found[0][:6] != found[0][6:]
    assert sorted(i for batch in found[0][:6] for i in batch) == list(range(23))


@pytest.mark.parametrize("back", [False, True], ids=["from the device", "to the device"])
def test_state_of_a_generator(conformance_device: Device, back: bool) -> None:
    first, second = (host_device(), conformance_device)[:: 1 if back else -1]
    one, other = cb.Generator(first).manual_seed(-3), cb.Generator(second)
    cb.rand(13, device=first, generator=one)
    cb.randint(0, 5, (2,), device=first, generator=one)
    other.set_state(one.get_state())
    wanted = cb.rand(N, device=first, generator=one)
    assert_same_bits(host(cb.rand(N, device=second, generator=other)), host(wanted))
    assert one.get_state().tolist() == other.get_state().tolist()


def test_draws_follow_each_other_across_devices(conformance_device: Device) -> None:
    # One generator serves all devices: which of them draws does not matter.
    def numbers(devices: list[Device]) -> list[Any]:
        cb.manual_seed(SEED)
        return [cb.rand(3, device=device).tolist() for device in devices]

    here, there = host_device(), conformance_device
    assert numbers([here, there, here, there]) == numbers([here] * 4) == numbers([there] * 4)
