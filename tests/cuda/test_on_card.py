"""What only a card can show, for ``python -m pytest tests/cuda/test_on_card.py --device cuda``; skipped without one."""

from __future__ import annotations

from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn, optim
from candelabra.core.errors import IndexOutOfRangeError, OutOfMemoryError
from candelabra.data import DataLoader, TensorDataset


def error_of_product(card: cb.Device, size: int = 512) -> float:
    x, y = np.random.default_rng(0).standard_normal((2, size, size), dtype="float32")
    wanted = x.astype(np.float64) @ y.astype(np.float64)
    found = cb.matmul(cb.tensor(x, device=card), cb.tensor(y, device=card))
    return float(np.abs(found.cpu().numpy() - wanted).max() / np.abs(wanted).max())


def test_products_are_as_precise_as_asked(card: cb.Device) -> None:
    exact = error_of_product(card)
    cb.set_float32_matmul_precision("high")
    try:
        coarse = error_of_product(card)
    finally:
        cb.set_float32_matmul_precision("highest")
    assert exact < 2e-6 and exact <= coarse < 5e-3
    assert error_of_product(card) < 2e-6


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_batched_products_of_16_bits(card: cb.Device, dtype: str) -> None:
    x, y = (cb.randn(6, 130, 70, device=card).to(getattr(cb, dtype)) for _ in range(2))
    found = cb.matmul(x, y.transpose(1, 2)).float().cpu().numpy()
    wanted = np.matmul(*(a.double().cpu().numpy() for a in (x, y.transpose(1, 2))))
    bound = {"float16": 2e-3, "bfloat16": 1.2e-2}[dtype]
    assert np.abs(found - wanted).max() <= bound * np.abs(wanted).max()


@pytest.mark.parametrize(("dtype", "error"), [("float32", 2e-6), ("float16", 1e-3), ("bfloat16", 8e-3)])
def test_cublaslt_adds_a_bias_in_every_layout(
    card: cb.Device, dtype: str, error: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    from candelabra.backends.cupy.biased import Finished

    if card.backend.gpu.blas_lt() is None:
        pytest.skip("there is no cuBLASLt")
    done: list[bool] = []
    run = Finished.biased
    monkeypatch.setattr(Finished, "biased", lambda self, *given: done.append(run(self, *given)) or done[-1])
    for rows, features, outputs in ((1, 64, 96), (33, 65, 7), (512, 256, 1024)):
        x = cb.randn(rows, features, device=card).to(getattr(cb, dtype))
        w = cb.randn(outputs, features, device=card).to(getattr(cb, dtype))
        b = (100 * cb.randn(outputs + 1, device=card)).to(getattr(cb, dtype))
        for xs, ws, bs in ((x, w, b[1:]), (x.T.clone().T, w, b[:-1]), (x, w.T.clone().T, b[:-1])):
            found = nn.functional.linear(xs, ws, bs).double().cpu().numpy()
            wanted = xs.double().cpu().numpy() @ ws.double().cpu().numpy().T + bs.double().cpu().numpy()
            assert np.abs(found - wanted).max() <= error * np.abs(wanted).max()
    assert done and any(done), "cuBLASLt has not computed one of them"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("activation", [nn.ReLU(), nn.GELU(), nn.GELU("tanh"), nn.SiLU()])
def test_what_cublaslt_finishes_is_as_the_host_has_it(
    card: cb.Device, dtype: str, activation: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    from candelabra.backends.cupy.biased import Finished

    if card.backend.gpu.blas_lt() is None or card.backend.gpu.capability() < 90:
        pytest.skip("cuBLASLt finishes GELU from compute capability 9.0 on")
    done: dict[str, list[bool]] = {"gelu": [], "summing": []}
    for name, each in done.items():
        run = getattr(Finished, name)
        told = lambda self, *given, run=run, each=each: each.append(run(self, *given)) or each[-1]
        monkeypatch.setattr(Finished, name, told)
    here = nn.Sequential(nn.Linear(64, 256), activation, nn.Linear(256, 64)).to(device="cpu")
    there = nn.Sequential(nn.Linear(64, 256), activation, nn.Linear(256, 64)).to(device=card)
    there.load_state_dict(here.state_dict())
    there.to(getattr(cb, dtype))
    x = cb.randn(512, 64, device="cpu")
    (here(x) ** 2).mean().backward()
    (there(x.to(device=card, dtype=getattr(cb, dtype))) ** 2).mean().backward()
    for p, q in zip(here.parameters(), there.parameters(), strict=True):
        wanted = p.grad.numpy()
        found = q.grad.float().cpu().numpy()
        assert np.abs(found - wanted).max() <= {"float16": 1e-2, "bfloat16": 6e-2}[dtype] * np.abs(wanted).max()
    assert any(done["summing"]), "cuBLASLt has not summed a cotangent"
    assert any(done["gelu"]) or getattr(activation, "approximate", "") != "tanh", "cuBLASLt has not computed GELU"


@pytest.mark.parametrize("layer", [nn.RNN, nn.GRU, nn.LSTM])
def test_recurrent_layers_are_the_hosts(card: cb.Device, layer: Any) -> None:
    cb.manual_seed(0)
    here = layer(20, 33, num_layers=2, bidirectional=True, device="cpu")
    there = layer(20, 33, num_layers=2, bidirectional=True, device=card)
    there.load_state_dict(here.state_dict())
    x, found = cb.randn(9, 5, 20, device="cpu"), []
    for model, given in ((here, x), (there, x.to(card))):
        out = model(given)[0]
        (out * out).sum().backward()
        found.append([out.detach().cpu().numpy(), *(p.grad.cpu().numpy() for p in model.parameters())])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(other, one, rtol=0, atol=1e-5 * max(1.0, np.abs(one).max()))


def test_random_numbers_are_those_of_the_cpu(card: cb.Device) -> None:
    for draw in (cb.rand, cb.randn):
        cb.manual_seed(5)
        here = draw(10_001, device="cpu").numpy()
        cb.manual_seed(5)
        there = draw(10_001, device=card).cpu().numpy()
        np.testing.assert_allclose(
            there, here, rtol=0 if draw is cb.rand else 2e-6, atol=0 if draw is cb.rand else 2e-6
        )


def test_a_network_learns_on_it_what_it_learns_on_the_cpu(card: cb.Device) -> None:
    found: list[list[float]] = []
    for device in ("cpu", card):
        cb.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(96, 5)
        ).to(device)
        x, y = cb.randn(32, 1, 8, 8, device="cpu").to(device), (cb.arange(32, device="cpu") % 5).to(device)
        optimizer, losses = optim.AdamW(model.parameters(), lr=1e-2), []
        for _ in range(8):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        found.append(losses)
    np.testing.assert_allclose(found[1], found[0], rtol=2e-3)
    assert found[1][-1] < found[1][0]


def test_a_bad_index_is_told_and_the_card_goes_on(card: cb.Device) -> None:
    weight = cb.ones(5, 3, device=card)
    with pytest.raises(IndexOutOfRangeError, match="embedding: index 9 is out of range for size 5"):
        cb.embedding(weight, cb.tensor([1, 9], device=card))
        cb.synchronize(card)
    assert float((weight + 1).sum()) == 30.0


def test_too_much_memory_is_an_error_that_says_who_holds_it(card: cb.Device) -> None:
    total = card.backend.memory(card.index or 0)["total"]
    held = cb.ones(1 << 20, device=card)
    with pytest.raises(OutOfMemoryError) as caught:
        cb.zeros(total, dtype=cb.float32, device=card)
    assert "held" in str(caught.value) or "allocated" in str(caught.value)
    assert float(held.sum()) == 1 << 20


def test_streams_order_what_they_are_told_to(card: cb.Device) -> None:
    side, start, end = cb.Stream(card), cb.Event(card, enable_timing=True), cb.Event(card, enable_timing=True)
    x = cb.full((64, 64), 1 / 64, device=card)
    side.wait_stream(card.current_stream())
    with side:
        start.record()
        for _ in range(20):
            x = x @ x
        end.record()
    card.current_stream().wait_stream(side)
    total = x.sum()
    end.synchronize()
    assert start.elapsed_time(end) > 0 and side.query()
    assert total.item() == 64.0


def test_batches_come_to_it_whole(card: cb.Device) -> None:
    x = cb.arange(4000.0, device="cpu").reshape(1000, 4)
    loader = DataLoader(TensorDataset(x, cb.arange(1000, device="cpu")), batch_size=64, device=card)
    for _ in range(3):
        rows, places = zip(*loader)
        assert all(part.device == card for part in (*rows, *places))
        assert np.array_equal(cb.concat(rows).cpu().numpy(), x.numpy())


def test_the_same_bits_come_in_every_run_where_it_is_asked_for(card: cb.Device) -> None:
    index, g = cb.randint(0, 50, (20_000,), device=card), cb.randn(20_000, 8, device=card)
    cb.use_deterministic_algorithms(True)
    try:
        sums = [cb.index_add(cb.zeros(50, 8, device=card), index, g, axis=0).cpu().numpy() for _ in range(3)]
    finally:
        cb.use_deterministic_algorithms(False)
    assert all(np.array_equal(other, sums[0]) for other in sums)
    np.testing.assert_allclose(
        cb.index_add(cb.zeros(50, 8, device=card), index, g, axis=0).cpu().numpy(), sums[0], atol=1e-3
    )


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("width", [32, 64, 128, 256])
@pytest.mark.parametrize("dtype", [cb.float16, cb.bfloat16, cb.float32])
@pytest.mark.parametrize("length", [77, 257])
def test_attention_on_tensor_cores(
    card: cb.Device, length: int, dtype: cb.DType, width: int, deterministic: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("candelabra.core.precision._float32_matmul", "high")
    monkeypatch.setattr("candelabra.core.determinism._mode", 2 if deterministic else 0)
    leaves = [cb.randn(1, 2, length, width, device=card).to(dtype).requires_grad_() for _ in range(3)]
    wide = [leaf.detach().float().cpu().double().requires_grad_() for leaf in leaves]
    attention: Any = nn.functional.scaled_dot_product_attention
    out, wanted = attention(*leaves, is_causal=True), attention(*wide, is_causal=True)
    out.sum().backward()
    wanted.sum().backward()
    for mine, theirs in ((out, wanted), *((a.grad, b.grad) for a, b in zip(leaves, wide))):
        expected = theirs.detach().numpy()
        gap = np.abs(mine.detach().float().cpu().numpy() - expected).max()
        assert gap <= 3e-2 * max(1.0, np.abs(expected).max())


def test_memory_is_shared_with_pytorch_on_the_same_card(card: cb.Device, torch: Any) -> None:
    if not torch.cuda.is_available():
        pytest.skip("PyTorch cannot use the card")
    theirs = torch.arange(6.0, device=f"cuda:{card.index}")
    ours = cb.from_dlpack(theirs)
    assert ours.device == card and ours.data_ptr() == theirs.data_ptr()
    back = torch.from_dlpack(ours * 2)
    assert back.device == theirs.device and back.tolist() == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]


def test_memory_is_shared_with_jax_on_the_same_card(card: cb.Device) -> None:
    jax = pytest.importorskip("jax")
    try:
        place = jax.devices("gpu")[card.index]
    except RuntimeError:
        pytest.skip("JAX cannot use the card")
    theirs = jax.device_put(np.arange(6.0, dtype=np.float32), place)
    ours = cb.from_dlpack(theirs)
    assert ours.device == card and ours.data_ptr() == theirs.unsafe_buffer_pointer()
    back = jax.dlpack.from_dlpack(ours * 2)
    assert back.devices() == {place} and back.tolist() == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]


@pytest.mark.parametrize("shape", [(32, 64, 56, 56), (16, 256, 7, 7), (4096, 512)])
def test_batch_norm_of_many_elements(card: cb.Device, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    values = [rng.standard_normal(shape, "float32") + 20, *rng.uniform(0.5, 2, (2, shape[1])).astype("float32")]
    g, found = rng.standard_normal(shape, "float32"), []
    for device, dtype in ((card, cb.float32), (cb.device("cpu"), cb.float64)):
        x, weight, bias = (cb.tensor(v, dtype=dtype, device=device).requires_grad_() for v in values)
        out = nn.functional.batch_norm(x, None, None, weight, bias, training=True)
        out.backward(cb.tensor(g, dtype=dtype, device=device))
        found.append([t.detach().cpu().double().numpy() for t in (out, x.grad, weight.grad, bias.grad)])
    for mine, wanted in zip(*found):
        assert np.abs(mine - wanted).max() <= 1e-4 * max(1.0, np.abs(wanted).max())
