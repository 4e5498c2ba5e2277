"""Two backends in one process and in one graph: array-api-strict is the second device."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
import warnings

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn, optim
from candelabra.core.errors import ArgumentTypeError, DeviceError, DeviceMismatchError, DTypeError, HostFallbackWarning

pytest.importorskip("candelabra_strict", reason="the strict plugin is not installed")


def on(device, values, dtype=cb.float64, requires_grad=False):
    return cb.tensor(values, dtype=dtype, device=device, requires_grad=requires_grad)


def in_a_process(script, default_device):
    environment = {**os.environ, "CANDELABRA_DEFAULT_DEVICE": default_device}
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False)


class TestDevice:
    def test_equality_and_hash(self):
        assert cb.device("strict:1") == cb.device("strict", 1) == cb.ones(1, device="strict:1").device
        assert cb.device("strict:1") != cb.device("strict:2") != cb.device("cpu")
        assert cb.device("cpu:0") == cb.device("cpu") and cb.device("cpu") is cb.device(cb.device("cpu"))
        assert len({cb.device("strict:1"), cb.device("strict", 1), cb.device("cpu")}) == 2
        assert cb.device("cpu") != "cpu"

    def test_an_index_is_taken_when_a_tensor_is_made(self):
        assert cb.device("strict").index is None
        assert cb.ones(1, device="strict").device == cb.device("strict:0")
        assert cb.ones(1, device="strict").device.index == 0

    def test_text(self):
        device = cb.device("strict:1")
        assert str(device) == "strict:1" and repr(device) == "device(type='strict', index=1)"
        assert str(cb.device("cpu")) == "cpu" and repr(cb.device("cpu")) == "device(type='cpu')"
        assert "device='strict:1'" in repr(cb.ones(1, device="strict:1")) and "device" not in repr(cb.ones(1))

    def test_copies_and_pickles_are_the_same_device(self):
        for device in (cb.device("cpu"), cb.device("strict:1"), cb.device("strict")):
            assert pickle.loads(pickle.dumps(device)) == device
            assert copy.copy(device) is device and copy.deepcopy(device) is device
        x = on("strict:1", [1.0, 2.0], requires_grad=True)
        y = pickle.loads(pickle.dumps(x))
        assert y.device == x.device and y.tolist() == [1.0, 2.0] and y.requires_grad

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("warp", r"device 'warp'|no backend|unknown"),
            ("cpu:1", "there is one device 'cpu' only"),
            ("strict:9", "device 'strict:9' is not there: backend 'strict' has 5 devices"),
            ("strict:", "cannot be read"),
            ("", "cannot be read"),
            ("strict:nowhere", "no device named 'nowhere'"),
        ],
    )
    def test_devices_that_are_not_there(self, text, message):
        with pytest.raises(DeviceError, match=message):
            cb.ones(1, device=text)

    def test_what_is_no_device(self):
        with pytest.raises(ArgumentTypeError, match=r"a string such as 'cpu' or 'cuda:1' is needed, got 3.5"):
            cb.device(3.5)


class TestDefaultDevice:
    def test_as_a_context(self):
        with cb.device("strict:1"):
            x = cb.ones(2)
            assert x.device == cb.device("strict:1") and cb.get_default_device() == cb.device("strict:1")
            assert cb.zeros(2, device="cpu").device == cb.device("cpu")
            with cb.device("cpu"):
                assert cb.tensor([1.0]).device == cb.device("cpu")
            made = [cb.arange(3), cb.eye(2), cb.full((2,), 1.0), cb.randn(2), cb.asarray([1]), cb.linspace(0, 1, 3)]
            made += [nn.Linear(2, 2).weight, cb.randperm(3), cb.tensor(np.ones(2))]
            assert all(t.device == x.device for t in made)
            assert cb.zeros_like(cb.ones(1, device="cpu")).device == cb.device("cpu")
        assert cb.ones(2).device == cb.device("cpu")

    def test_an_exception_restores_it(self):
        with pytest.raises(KeyError), cb.device("strict"):
            raise KeyError
        assert cb.get_default_device() == cb.device("cpu")

    def test_of_the_process(self):
        cb.set_default_device("strict:2")
        try:
            assert cb.ones(1).device == cb.device("strict:2")
        finally:
            cb.set_default_device(None)
        assert cb.ones(1).device == cb.device("cpu")

    def test_of_the_environment(self):
        script = (
            "import candelabra as cb\n"
            "print(cb.ones(1).device, cb.nn.Linear(1, 1).weight.device, cb.zeros(1, device='cpu').device)\n"
            "cb.set_default_device('cpu'); print(cb.ones(1).device)\n"
            "cb.set_default_device(None); print(cb.ones(1).device)\n"
        )
        for named, shown in (("strict:1", "strict:1 strict:1 cpu\ncpu\nstrict:1\n"), ("", "cpu cpu cpu\ncpu\ncpu\n")):
            assert in_a_process(script, named).stdout == shown

    def test_a_bad_one_in_the_environment_is_named(self):
        made = in_a_process("import candelabra as cb; print(cb.ones(1, device='cpu').device); cb.ones(1)", "strict:9")
        assert made.returncode == 1 and made.stdout == "cpu\n"
        assert made.stderr.splitlines()[-1].endswith(
            "DeviceError: CANDELABRA_DEFAULT_DEVICE='strict:9' in the environment cannot be the default device: "
            "device 'strict:9' is not there: backend 'strict' has 5 devices (strict:0 to strict:4)"
        )


class TestTransfers:
    def test_values_and_dtypes_stay(self):
        for dtype in (cb.float32, cb.float64, cb.int64, cb.bool, cb.complex64, cb.uint8):
            x = cb.tensor([[1, 0], [3, 4]], dtype=dtype)
            y = x.to("strict:1")
            assert y.device == cb.device("strict:1") and y.dtype is dtype and y.tolist() == x.tolist()
            assert y.cpu().tolist() == x.tolist() and y.to("strict:2").to("cpu").dtype is dtype

    def test_forms_of_to(self):
        x = cb.ones(2)
        y = on("strict:1", [1.0])
        assert x.to("strict:1", cb.float64).dtype is cb.float64
        assert x.to(y).device == y.device and x.to(y).dtype is cb.float64
        assert x.to(device="strict:1", dtype=cb.int64).dtype is cb.int64
        assert x.to("cpu") is x and x.to(cb.float32) is x and x.to("cpu", copy=True) is not x
        assert cb.asarray(x, device="strict").device.type == "strict"
        assert cb.to_device(x, "strict").device.type == "strict"

    def test_memory_is_never_shared_in_writing(self):
        x = cb.ones(3)
        y = x.to("strict")
        x += 1
        assert y.tolist() == [1.0, 1.0, 1.0]
        z = y.to("cpu")
        z += 5
        y[0] = 9.0
        assert z.tolist() == [6.0, 6.0, 6.0] and y.tolist() == [9.0, 1.0, 1.0]

    def test_a_dtype_that_the_other_device_lacks(self):
        with pytest.raises(DTypeError, match="has no float64"):
            cb.ones(2, dtype=cb.float64).to("strict:no_float64")
        with pytest.raises(DTypeError, match="has no bfloat16"):
            cb.ones(2, dtype=cb.bfloat16).to("strict")

    def test_gradients_come_back(self):
        x = on("cpu", [1.0, 2.0], requires_grad=True)
        y = x.to("strict:1")
        assert y.requires_grad and not y.is_leaf
        (y * y).sum().to("strict:2").backward()
        assert x.grad.device == cb.device("cpu") and x.grad.tolist() == [2.0, 4.0]

    def test_second_derivatives_come_back(self):
        x = on("cpu", [1.0, 2.0], requires_grad=True)
        (g,) = cb.grad((x.to("strict") ** 3).sum().cpu(), x, create_graph=True)
        (h,) = cb.grad((g.to("strict:1") * on("strict:1", [1.0, 10.0])).sum(), x)
        assert h.device == cb.device("cpu") and h.tolist() == [6.0, 120.0]
        assert cb.autograd.gradcheck(lambda v: cb.tanh(v.to("strict")).cpu(), x)
        assert cb.autograd.gradgradcheck(lambda v: cb.tanh(v.to("strict")).cpu() * v, x)

    def test_a_leaf_on_another_device(self):
        x = on("strict:1", [1.0, 2.0], requires_grad=True)
        (x.cpu() * cb.tensor([3.0, 4.0], dtype=cb.float64)).sum().backward()
        assert x.grad.device == x.device and x.grad.tolist() == [3.0, 4.0]


class TestMixtures:
    def test_text(self):
        x, y = on("cpu", [1.0]), on("strict:1", [1.0])
        with pytest.raises(DeviceMismatchError) as caught:
            x + y
        assert str(caught.value) == (
            "add: operands are on different devices, cpu and strict:1 (shapes (1,) on cpu, (1,) on strict:1); "
            "move one of them first, for example with x.to('cpu')"
        )

    @pytest.mark.parametrize(
        "run",
        [
            lambda x, y: x * y, lambda x, y: y @ x, lambda x, y: cb.where(x > 0, y, x), lambda x, y: cb.concat([x, y]),
            lambda x, y: cb.linear(x[None], y[None]), lambda x, y: cb.maximum(x, y), lambda x, y: cb.atan2(y, x),
            lambda x, y: x.__setitem__(0, y[0]), lambda x, y: x[y.astype(cb.int64)], lambda x, y: cb.mse_loss(x, y),
            lambda x, y: x.__iadd__(y), lambda x, y: cb.clip(x, y, None), lambda x, y: cb.einsum("i,i->", x, y),
            lambda x, y: cb.stack([x, y]), lambda x, y: x.take(y.astype(cb.int64), axis=0), lambda x, y: x == y,
        ],
    )  # fmt: skip
    def test_are_refused_by_every_operation(self, run):
        x, y = on("cpu", [1.0, 2.0]), on("strict:1", [1.0, 0.0])
        with pytest.raises(DeviceMismatchError, match=r"different devices, (cpu and strict:1|strict:1 and cpu)"):
            run(x, y)
        assert x.tolist() == [1.0, 2.0]

    def test_of_indices_of_one_backend(self):
        with pytest.raises(DeviceMismatchError, match="strict:1 and strict:2"):
            on("strict:1", [1.0]) * on("strict:2", [1.0])

    def test_numbers_belong_everywhere(self):
        x = on("strict:1", [1.0, 2.0])
        assert (2 * x + 1).tolist() == [3.0, 5.0] and (x + np.float64(1.0)).tolist() == [2.0, 3.0]

    def test_a_host_array_is_not_moved_in_silence(self):
        with pytest.raises(ArgumentTypeError, match=r"numpy.ndarray, not a Tensor on 'strict:1'; convert it with"):
            on("strict:1", [1.0, 2.0]) + np.ones(2)


class TwoDevices(nn.Module):
    """An embedding on the CPU, a layer on the other device, and the loss on the CPU again."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5, 4)
        self.hidden = nn.Linear(4, 6).to("strict:1")
        self.out = nn.Linear(6, 3)

    def forward(self, x):
        h = cb.tanh(self.hidden(self.embedding(x).to("strict:1")))
        return self.out(h.cpu())


class TestTraining:
    def test_a_model_on_two_devices_learns_what_it_learns_on_one(self):
        def train(split):
            cb.manual_seed(0)
            model = TwoDevices()
            if not split:
                model.hidden.cpu()
                model.forward = lambda x: model.out(cb.tanh(model.hidden(model.embedding(x))))
            optimizer = optim.Adam(model.parameters(), lr=0.05)
            x, target = cb.tensor([0, 1, 2, 3, 4]), cb.tensor([0, 1, 2, 0, 1])
            losses = []
            for _ in range(20):
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(x), target)
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
            return model, losses

        model, losses = train(split=True)
        _, expected = train(split=False)
        assert losses[-1] < 0.3 * losses[0] and np.allclose(losses, expected, rtol=1e-4)
        assert {str(p.device) for p in model.parameters()} == {"cpu", "strict:1"}
        assert all(p.grad.device == p.device for p in model.parameters())

    def test_a_whole_model_on_the_other_device(self):
        cb.manual_seed(0)
        x, y = cb.randn(20, 3), cb.randn(20, 1)
        model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))
        twin = copy.deepcopy(model).to("strict")
        for m, device in ((model, "cpu"), (twin, "strict")):
            optimizer = optim.SGD(m.parameters(), lr=0.1, momentum=0.9)
            for _ in range(5):
                optimizer.zero_grad()
                nn.functional.mse_loss(m(x.to(device)), y.to(device)).backward()
                optimizer.step()
        for p, q in zip(model.parameters(), twin.parameters(), strict=True):
            assert q.device.type == "strict"
            assert np.allclose(p.detach().numpy(), q.detach().cpu().numpy(), rtol=1e-4, atol=1e-6)

    def test_module_to_keeps_identity(self):
        model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
        tied = model[0].weight
        before = [*model.parameters(), *model.buffers()]
        hook_calls = []
        tied.register_hook(lambda g: hook_calls.append(g.device))
        assert model.to("strict:1") is model
        after = [*model.parameters(), *model.buffers()]
        assert all(a is b for a, b in zip(before, after, strict=True)) and model[0].weight is tied
        assert all(t.device == cb.device("strict:1") for t in after)
        model(cb.randn(4, 2, device="strict:1")).sum().backward()
        assert tied.grad.device == cb.device("strict:1") and hook_calls == [cb.device("strict:1")]
        model.cpu()
        assert all(t.device == cb.device("cpu") for t in before) and tied.grad.device == cb.device("cpu")

    @pytest.mark.parametrize(
        "make",
        [
            lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
            lambda p: optim.Adam(p, lr=0.1),
            lambda p: optim.AdamW(p, lr=0.1),
        ],
    )
    def test_optimizer_state_follows(self, make):
        def run(move):
            cb.manual_seed(0)
            model = nn.Linear(3, 1).double()
            x, y = cb.randn(6, 3, dtype=cb.float64), cb.randn(6, 1, dtype=cb.float64)
            optimizer = make(model.parameters())
            for step in range(4):
                if move and step == 2:
                    model.to("strict:1")
                    x, y = x.to("strict:1"), y.to("strict:1")
                optimizer.zero_grad()
                nn.functional.mse_loss(model(x), y).backward()
                optimizer.step()
            return model, optimizer

        model, optimizer = run(move=True)
        plain, _ = run(move=False)
        assert np.allclose(model.weight.detach().cpu().numpy(), plain.weight.detach().numpy(), rtol=1e-12)
        state = optimizer.state[model.weight]
        moved = [t for t in state.values() if isinstance(t, cb.Tensor) and t.ndim]
        assert moved and all(t.device == cb.device("strict:1") for t in moved)

    def test_a_model_and_its_input_apart(self):
        model = nn.Linear(3, 1).to("strict:1")
        with pytest.raises(DeviceMismatchError, match=r"linear: operands are on different devices, cpu and strict:1"):
            model(cb.ones(2, 3))

    def test_checkpoint_hooks_and_functions_across_devices(self):
        x = on("cpu", [0.5, 0.3], requires_grad=True)
        plain = on("cpu", [0.5, 0.3], requires_grad=True)

        def segment(v):
            return (cb.exp(v.to("strict:1")) * 2).cpu() * v

        y = cb.checkpoint(segment, x)
        y.retain_grad()
        y.sum().backward()
        segment(plain).sum().backward()
        assert np.allclose(x.grad.numpy(), plain.grad.numpy()) and y.grad.device == cb.device("cpu")

    def test_a_custom_function_that_changes_devices(self):
        class Across(cb.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x.to("strict:1") * 2

            @staticmethod
            def backward(ctx, g):
                assert g.device == cb.device("strict:1")
                return g.cpu() * 2

        x = on("cpu", [1.0, 2.0], requires_grad=True)
        y = Across.apply(x)
        assert y.device == cb.device("strict:1")
        (y * y).sum().backward()
        assert x.grad.device == cb.device("cpu") and x.grad.tolist() == [8.0, 16.0]
        (g,) = cb.grad((Across.apply(x) ** 2).sum(), x, create_graph=True)
        assert cb.grad(g.sum(), x)[0].tolist() == [8.0, 8.0]


class TestRandomness:
    def test_the_same_seed_gives_the_same_numbers(self):
        for draw in (
            lambda d: cb.rand(5, device=d),
            lambda d: cb.randint(0, 10, (5,), device=d),
            lambda d: cb.randperm(7, device=d),
            lambda d: cb.dropout(cb.ones(10, device=d), p=0.5),
        ):
            found = []
            for device in ("cpu", "strict:1"):
                cb.manual_seed(3)
                found.append(draw(device).tolist())
            assert found[0] == found[1]
        cb.manual_seed(3)
        here = cb.randn(100).numpy()
        cb.manual_seed(3)
        assert np.allclose(here, cb.randn(100, device="strict").cpu().numpy(), rtol=1e-6)


class TestHostFallback:
    def test_it_is_announced_once(self):
        from candelabra.core.implementation import Implementation
        from candelabra.core.primitives import TABLE

        device = cb.ones(1, device="strict:1").device
        kept = device.backend.namespace

        class Without:
            def __getattr__(self, name):
                if name == "tanh":
                    raise AttributeError(name)
                return getattr(kept, name)

        device.backend.namespace = Without()
        try:
            impl = Implementation(TABLE["tanh"], device)
        finally:
            device.backend.namespace = kept
        assert impl.source == "host"
        x = on("strict:1", [0.5]).array
        with pytest.warns(HostFallbackWarning, match="tanh: backend 'strict' does not offer it; it runs on the host"):
            result = impl.forward(x)
        assert abs(float(result[0]) - np.tanh(0.5)) < 1e-15
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            impl.forward(x)

    @pytest.mark.parametrize("how", ["the library's function does not implement it", "a kernel declines it"])
    def test_what_a_library_does_not_implement_runs_on_the_host(self, how, monkeypatch):
        from candelabra.core.implementation import Implementation
        from candelabra.core.primitives import TABLE

        device = cb.ones(1, device="strict:1").device
        kept = device.backend.namespace

        class Partial:
            def __getattr__(self, name):
                def refuse(*operands, **options):
                    raise NotImplementedError

                return refuse if name == "unique_values" else getattr(kept, name)

        if how.startswith("a kernel"):
            monkeypatch.setattr(device.backend, "kernels", {"unique_values": lambda x: NotImplemented})
        else:
            monkeypatch.setattr(device.backend, "namespace", Partial())
        impl = Implementation(TABLE["unique_values"], device)
        x = on("strict:1", [3.0, 1.0, 3.0])
        with pytest.warns(HostFallbackWarning, match="unique_values: backend 'strict' does not offer it; it runs on"):
            found = impl.forward(x.array)
        assert cb.Tensor(found, device).tolist() == [1.0, 3.0] and type(found) is type(x.array)


@pytest.mark.parametrize("size", [1e-36, 1e-20, 1.0, 1e20, 1e37])
@pytest.mark.parametrize("dtype", [cb.float32, cb.complex64])
def test_qr_without_a_kernel_squares_nothing_out_of_range(size, dtype):
    rows = [[0.5, -1.0, 2.0], [1.5, 1.0, 0.25], [-0.75, 0.5, 1.0]]
    x = on("strict", rows, dtype) * (1 + 0.5j if dtype == cb.complex64 else 1.0)
    plain, scaled = cb.linalg.qr(x), cb.linalg.qr(x * size)
    assert cb.all(cb.abs(scaled.Q - plain.Q) < 1e-5)
    assert cb.all(cb.abs(scaled.R / size - plain.R) < 1e-5)
