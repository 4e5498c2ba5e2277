"""What was saved on one device is loaded onto any other, bit for bit."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn, optim


def at(name: str) -> cb.device:
    return cb.device(name).resolved()


def bits(x: cb.Tensor) -> bytes:
    return np.ascontiguousarray(x.detach().cpu().numpy()).tobytes()


def state(device: str) -> dict[str, Any]:
    names = ("float32", "float16", "bfloat16", "int32", "uint8", "bool", "complex64")
    kinds = [getattr(cb, name) for name in names if getattr(cb, name) in at(device).native]
    tensors = {d.name: cb.tensor([[0, 1, 2], [1, 0, 3]]).to(d).to(device) for d in kinds}
    return {
        **tensors,
        "weight": nn.Parameter(cb.linspace(-1, 1, 7).to(device)),
        "epoch": 3,
        "device": at(device),
        "row": tensors["float32"][0],
        "empty": cb.zeros((0, 2), device=device),
        "scalar": cb.tensor(2.5, device=device),
    }


def compare(found: Any, wanted: Any, device: str) -> None:
    assert found.keys() == wanted.keys() and found["epoch"] == 3
    for name, value in wanted.items():
        if isinstance(value, cb.Tensor):
            assert type(found[name]) is type(value) and found[name].requires_grad == value.requires_grad
            assert found[name].device == at(device) and found[name].dtype is value.dtype, name
            assert found[name].shape == value.shape and bits(found[name]) == bits(value), name


def test_saved_here_and_loaded_there(pair, tmp_path):
    source, target = pair
    saved = state(source)
    path = tmp_path / "state.safetensors"
    cb.save(saved, path)
    compare(cb.load(path), saved, source)
    common = {k: v for k, v in saved.items() if not isinstance(v, cb.Tensor) or v.dtype in at(target).native}
    cb.save(common, path)
    for location in (target, at(target), {str(at(source)): target, source: target}, lambda name: target):
        compare(cb.load(path, map_location=location), common, target)
    compare(cb.load(path, map_location="cpu"), common, "cpu")
    moved = cb.load(path, map_location=target)
    moved["float32"][0, 0] = 100.0
    assert bits(cb.load(path, map_location=target)["float32"]) == bits(saved["float32"])


def test_wide_integers_and_what_a_device_lacks(tmp_path):
    pytest.importorskip("candelabra_strict")
    path = tmp_path / "state.safetensors"
    cb.save({"n": cb.tensor(3), "x": cb.ones(2)}, path)
    loaded = cb.load(path, map_location="strict:no_x64")
    assert loaded["n"].dtype is cb.int32 and loaded["n"].item() == 3
    cb.save({"y": cb.ones(2, dtype=cb.float64)}, path)
    with pytest.raises(cb.core.errors.DTypeError, match=r"load: .*state.safetensors: .*has no float64"):
        cb.load(path, map_location="strict:no_x64")
    with pytest.raises(cb.core.errors.DeviceError, match=r"no backend serves device 'nowhere'"):
        cb.load(path, map_location="nowhere")


def trained(device: str) -> tuple[nn.Module, Any, Any]:
    cb.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2)).to(device)
    optimizer = optim.AdamW(model.parameters(), lr=0.1)
    schedule = optim.lr_scheduler.StepLR(optimizer, 2)
    train(model, optimizer, schedule, 3)
    return model, optimizer, schedule


def train(model: nn.Module, optimizer: Any, schedule: Any, count: int) -> list[float]:
    where, losses = model[0].weight.device, []
    x = cb.linspace(-1, 1, 18).reshape((6, 3)).to(where)
    for _ in range(count):
        optimizer.zero_grad()
        loss = (model(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


def test_training_goes_on_elsewhere(pair, tmp_path):
    source, target = pair
    model, optimizer, schedule = trained(source)
    path = tmp_path / "training.safetensors"
    cb.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict(),
             "random": cb.get_rng_state()}, path)  # fmt: skip
    expected = train(model, optimizer, schedule, 4)
    twin, other, again = trained(target)
    found = cb.load(path, map_location=target)
    twin.load_state_dict(found["model"])
    other.load_state_dict(found["optimizer"])
    again.load_state_dict(found["schedule"])
    # The state of a generator is the host's, wherever it was loaded to.
    cb.set_rng_state(found["random"])
    assert np.allclose(train(twin, other, again, 4), expected, rtol=1e-3)
    assert all(t.device == at(target) for t in twin.state_dict().values())


def test_pickles_and_deep_copies_stay_where_they_are(arm):
    x = cb.tensor([1.0, 2.0], device=arm, requires_grad=True)
    x.sum().backward()
    for y in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
        assert y.device == at(arm) and y.requires_grad and y.tolist() == [1.0, 2.0] and y.grad.tolist() == [1.0, 1.0]
    for dtype in (d for d in (cb.float16, cb.bfloat16, cb.bool, cb.complex64) if d in at(arm).native):
        z = cb.ones(3, device=arm).to(dtype)
        again = pickle.loads(pickle.dumps(z))
        assert again.dtype is dtype and again.device == at(arm) and bits(again) == bits(z)


def test_a_state_dict_of_pytorch_goes_onto_any_device(arm, torch, tmp_path):
    torch.manual_seed(0)
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    ours = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).to(arm)
    ours.load_state_dict(theirs.state_dict())
    torch.save(theirs.state_dict(), tmp_path / "model.pt")
    loaded = cb.load(tmp_path / "model.pt", map_location=arm)
    for name, value in theirs.state_dict().items():
        assert ours.state_dict()[name].device == loaded[name].device == at(arm)
        assert np.array_equal(ours.state_dict()[name].cpu().numpy(), value.numpy())
        assert np.array_equal(loaded[name].cpu().numpy(), value.numpy())
    x = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
    with torch.no_grad():
        wanted = theirs.eval()(torch.asarray(x)).numpy()
    assert np.allclose(ours.eval()(cb.asarray(x, device=arm)).detach().cpu().numpy(), wanted, atol=1e-5)
    # And back: PyTorch takes what lies on the device through DLPack.
    theirs[0].load_state_dict({k: torch.from_dlpack(v.detach().cpu()) for k, v in ours[0].state_dict().items()})


def test_draws_go_on_after_a_state_is_restored(pair):
    source, target = pair
    generator = cb.Generator().manual_seed(5)
    cb.rand(3, device=source, generator=generator)
    kept = generator.get_state()
    here = cb.rand(6, device=source, generator=generator).cpu().numpy()
    other = cb.Generator()
    other.set_state(kept)
    assert np.array_equal(cb.rand(6, device=target, generator=other).cpu().numpy(), here)
