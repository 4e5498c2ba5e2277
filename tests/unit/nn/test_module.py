"""The module: registration, traversal, modes, moving, copying, and how errors name their place."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import candelabra as cb
import pytest
from candelabra import nn
from candelabra.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    AutogradError,
    DeviceError,
    DTypeError,
    ShapeError,
)


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear1 = nn.Linear(3, 4)
        self.linear2 = nn.Linear(4, 3)
        self.register_buffer("scale", cb.ones(3))
        self.register_buffer("cache", cb.zeros(3), persistent=False)

    def forward(self, x: cb.Tensor) -> cb.Tensor:
        return self.linear2(self.linear1(x)) * self.scale


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Block() for _ in range(2))
        self.temperature = nn.Parameter(cb.ones(()))

    def forward(self, x: cb.Tensor) -> cb.Tensor:
        for layer in self.layers:
            x = layer(x)
        return x * self.temperature


def test_assigning_registers() -> None:
    model = Model()
    assert [name for name, _ in model.named_parameters()] == [
        "temperature",
        "layers.0.linear1.weight",
        "layers.0.linear1.bias",
        "layers.0.linear2.weight",
        "layers.0.linear2.bias",
        "layers.1.linear1.weight",
        "layers.1.linear1.bias",
        "layers.1.linear2.weight",
        "layers.1.linear2.bias",
    ]
    assert [name for name, _ in model.named_buffers()] == [
        "layers.0.scale",
        "layers.0.cache",
        "layers.1.scale",
        "layers.1.cache",
    ]
    assert [name for name, _ in model.named_modules()][:4] == ["", "layers", "layers.0", "layers.0.linear1"]
    assert [name for name, _ in model.named_parameters(prefix="net", recurse=False)] == ["net.temperature"]
    assert list(model.children()) == [model.layers]


def test_shared_things_are_listed_once() -> None:
    model = nn.Module()
    model.a = model.b = nn.Linear(2, 2)
    model.c = nn.Linear(2, 2)
    model.c.weight = model.a.weight
    assert [name for name, _ in model.named_parameters()] == ["a.weight", "a.bias", "c.bias"]
    assert len(list(model.named_parameters(remove_duplicate=False))) == 6
    assert [name for name, _ in model.named_children()] == ["a", "c"]
    assert [name for name, _ in model.named_modules(remove_duplicate=False)] == ["", "a", "b", "c"]


def test_an_attribute_is_what_the_registry_holds() -> None:
    layer = nn.Linear(2, 2)
    assert layer.weight is layer._parameters["weight"]
    other = nn.Parameter(cb.zeros(2, 2))
    layer._parameters["weight"] = other
    assert layer.weight is other
    del layer._parameters["weight"]
    assert not hasattr(layer, "weight")
    layer.weight = cb.ones(2, 2)
    assert "weight" not in layer._parameters and layer.weight.requires_grad is False


def test_setting_and_deleting() -> None:
    module = nn.Module()
    module.x = nn.Parameter(cb.ones(2))
    with pytest.raises(ArgumentTypeError, match=r"Module.x is a parameter: assign an nn.Parameter or None, got Tensor"):
        module.x = cb.ones(2)
    module.x = None
    assert module.x is None and list(module.parameters()) == []
    module.x = nn.ReLU()
    assert list(module._modules) == ["x"] and list(module._parameters) == []
    with pytest.raises(ArgumentTypeError, match=r"is a child module"):
        module.x = 3
    module.x = nn.Buffer(cb.ones(1), persistent=False)
    assert list(module._buffers) == ["x"] and not module.state_dict()
    module.x = cb.zeros(1)
    assert float(module._buffers["x"]) == 0 and not module.state_dict()
    with pytest.raises(ArgumentTypeError, match=r"is a buffer"):
        module.x = "text"
    del module.x
    assert not hasattr(module, "x")
    with pytest.raises(AttributeError, match=r"'Module' object has no attribute 'x'"):
        module.x
    module.plain = 1
    module.plain = nn.Parameter(cb.ones(1))
    assert list(module._parameters) == ["plain"]
    assert "plain" in dir(module)


@pytest.mark.parametrize("name", ["", "a.b"])
def test_bad_names(name: str) -> None:
    module = nn.Module()
    for register, value in (
        (module.register_parameter, nn.Parameter(cb.ones(1))),
        (module.register_buffer, cb.ones(1)),
        (module.add_module, nn.ReLU()),
    ):
        with pytest.raises(ArgumentError, match=r'contains no "."'):
            register(name, value)


def test_bad_registrations() -> None:
    module = nn.Module()
    with pytest.raises(ArgumentError, match=r"has an attribute 'forward' already"):
        module.add_module("forward", nn.ReLU())
    with pytest.raises(ArgumentTypeError, match=r"name is a string, got int"):
        module.register_parameter(3, None)
    with pytest.raises(ArgumentTypeError, match=r"assign an nn.Module or None, got int"):
        module.add_module("a", 3)
    with pytest.raises(ArgumentTypeError, match=r"nn.Parameter.*a tensor is needed|Parameter: a tensor is needed"):
        nn.Parameter([1.0])


def test_init_must_be_called_first() -> None:
    class Forgetful(nn.Module):
        def __init__(self) -> None:
            self.fc = nn.Linear(2, 2)

    with pytest.raises(ArgumentError, match=r"call super\(\).__init__\(\) first"):
        Forgetful()


def test_missing_forward() -> None:
    with pytest.raises(ArgumentTypeError, match=r"module Module has no forward; define forward"):
        nn.Module()(cb.ones(1))


def test_lookup_by_path() -> None:
    model = Model()
    assert model.get_submodule("layers.1.linear2") is model.layers[1].linear2
    assert model.get_submodule("") is model
    assert model.get_parameter("layers.0.linear1.bias") is model.layers[0].linear1.bias
    assert model.get_buffer("layers.0.scale") is model.layers[0].scale
    model.set_submodule("layers.0.linear1", nn.Identity())
    assert isinstance(model.layers[0].linear1, nn.Identity)
    with pytest.raises(ArgumentError, match=r"has no submodule 'layers.7': ModuleList has no child '7'"):
        model.get_submodule("layers.7")
    with pytest.raises(ArgumentError, match=r"has no parameter 'layers.0.scale'"):
        model.get_parameter("layers.0.scale")
    with pytest.raises(ArgumentError, match=r"to replace"):
        model.set_submodule("layers.9", nn.Identity(), strict=True)


def test_train_eval_and_apply() -> None:
    model = Model()
    assert model.eval() is model
    assert not any(module.training for module in model.modules())
    assert model.train().layers[0].linear1.training
    with pytest.raises(ArgumentTypeError, match=r"True or False"):
        model.train("yes")
    seen: list[str] = []
    model.apply(lambda module: seen.append(type(module).__name__))
    assert seen[:3] == ["Linear", "Linear", "Block"] and seen[-1] == "Model"


def test_requires_grad_and_zero_grad() -> None:
    model = Model()
    model(cb.ones(2, 3)).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad(set_to_none=False)
    assert all(float((p.grad * p.grad).sum()) == 0 for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())
    model.requires_grad_(False)
    assert not any(p.requires_grad for p in model.parameters())
    assert not model(cb.ones(2, 3)).requires_grad
    frozen = nn.Module()
    frozen.counts = nn.Parameter(cb.ones(2, dtype=cb.int64), requires_grad=False)
    frozen.weight = nn.Parameter(cb.ones(2), requires_grad=False)
    with pytest.raises(DTypeError, match=r"parameter 'counts' is int64"):
        frozen.requires_grad_()
    assert not frozen.weight.requires_grad


def test_dtype_keeps_identity_and_integers() -> None:
    layer = nn.BatchNorm1d(3)
    layer(cb.ones(4, 3)).sum().backward()
    weight, grad = layer.weight, layer.weight.grad
    assert grad is not None
    assert layer.double() is layer
    assert layer.weight is weight and weight.dtype is cb.float64 and weight.requires_grad
    assert weight.grad is not None and weight.grad.dtype is cb.float64
    assert layer.running_mean.dtype is cb.float64 and layer.num_batches_tracked.dtype is cb.int64
    for method, dtype in (("half", cb.float16), ("bfloat16", cb.bfloat16), ("float", cb.float32)):
        getattr(layer, method)()
        assert weight.dtype is dtype
    layer.to(cb.float64)
    assert weight.dtype is cb.float64
    layer.to(cb.ones(1))
    assert weight.dtype is cb.float32
    layer.to("cpu", cb.float64)
    assert weight.dtype is cb.float64
    layer.to(dtype=cb.float32, device="cpu", non_blocking=True)
    assert weight.dtype is cb.float32
    layer.type(cb.float64)
    assert layer.num_batches_tracked.dtype is cb.float64


def test_moving_refuses_before_it_changes() -> None:
    layer = nn.Linear(2, 2)
    with pytest.raises(DTypeError, match=r"a floating-point or complex dtype is needed, got int64"):
        layer.to(cb.int64)
    with pytest.raises(ArgumentError, match=r"memory_format is refused"):
        layer.to(memory_format="channels_last")
    with pytest.raises(ArgumentTypeError, match=r"has no argument colour"):
        layer.to(colour=1)
    with pytest.raises(DeviceError):
        layer.to("nowhere")
    with pytest.raises(ArgumentError, match=r"share_memory"):
        layer.share_memory()
    if not cb.cuda.is_available():
        before = layer.weight.tolist()
        with pytest.raises(DeviceError):
            layer.cuda()
        assert str(layer.weight.device) == "cpu" and layer.weight.tolist() == before
    assert layer.cpu().weight.tolist() == layer.weight.tolist()


def test_a_tie_survives_a_move() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    model.double()
    assert model[0].weight is model[1].weight and model[0].weight.dtype is cb.float64


def test_deepcopy_and_pickle() -> None:
    model = Model()
    model.layers[1].linear1 = model.layers[0].linear1
    model.eval()
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert twin.layers[1].linear1 is twin.layers[0].linear1
        assert twin.temperature is twin._parameters["temperature"] and twin.temperature is not model.temperature
        assert isinstance(twin.temperature, nn.Parameter) and twin.temperature.requires_grad
        assert not twin.training and "cache" in twin.layers[0]._non_persistent_buffers_set
        assert twin(cb.ones(1, 3)).tolist() == model(cb.ones(1, 3)).tolist()
        with cb.no_grad():
            twin.temperature.fill_(5.0)
        assert float(model.temperature) == 1.0
    shallow = copy.copy(model)
    shallow.extra = nn.Parameter(cb.ones(1))
    assert "extra" not in model._parameters and shallow.layers is model.layers
    buffer = nn.Buffer(cb.ones(2), persistent=False)
    for twin in (copy.deepcopy(buffer), pickle.loads(pickle.dumps(buffer))):
        assert isinstance(twin, nn.Buffer) and twin.persistent is False and twin.tolist() == [1.0, 1.0]


def test_a_module_is_freed_without_the_collector() -> None:
    gc.disable()
    try:
        model = Model()
        watch = weakref.ref(model.layers[0].linear1.weight)
        del model
        assert watch() is None
    finally:
        gc.enable()


def test_parameter_is_a_value_of_its_own() -> None:
    data = cb.ones(2)
    parameter = nn.Parameter(data)
    with cb.no_grad():
        parameter.mul_(3.0)
    assert data.tolist() == [1.0, 1.0] and parameter.tolist() == [3.0, 3.0]
    assert repr(parameter) == f"Parameter containing:\n{parameter.data}"[:-1] + ", requires_grad=True)"
    with cb.no_grad():
        assert nn.Parameter(data).requires_grad
    assert nn.Parameter(data, requires_grad=False).requires_grad is False
    assert nn.Parameter().shape == (0,)
    assert type(parameter * 2) is cb.Tensor
    with pytest.raises(AutogradError):
        parameter += 1.0


def test_repr() -> None:
    assert repr(Model()) == (
        "Model(\n"
        "  (layers): ModuleList(\n"
        "    (0-1): 2 x Block(\n"
        "      (linear1): Linear(in_features=3, out_features=4, bias=True)\n"
        "      (linear2): Linear(in_features=4, out_features=3, bias=True)\n"
        "    )\n"
        "  )\n"
        ")"
    )
    assert repr(nn.Module()) == "Module()"


def test_an_error_names_the_module() -> None:
    model = Model()
    with pytest.raises(ShapeError, match=r"\(in layers\.0\.linear1\)$"):
        model(cb.ones(2, 5))
    with pytest.raises(ShapeError, match=r"\(in Linear\)$"):
        nn.Linear(2, 3)(cb.ones(2, 5))
    model.layers[1].linear2 = nn.Linear(4, 2)
    with pytest.raises(ShapeError, match=r"\(in layers\.1\)$") as caught:
        model(cb.ones(2, 3))
    assert str(caught.value).count("(in ") == 1


def test_an_error_passes_a_module_that_is_no_child() -> None:
    inner = nn.Linear(2, 2)

    class Borrower(nn.Module):
        def forward(self, x: cb.Tensor) -> cb.Tensor:
            return inner(x)

    model = nn.Sequential(Borrower())
    with pytest.raises(ShapeError, match=r"\(in Linear\)$"):
        model(cb.ones(1, 3))


LAYERS = (lambda: nn.Conv2d(1, 1, 1), lambda: nn.LSTM(2, 3), lambda: nn.Softmax(1), nn.MSELoss)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("wrong", [None, [1.0, 2.0], {"x": 1}, "text"])
def test_what_is_no_tensor_is_refused_with_the_place(layer: Any, wrong: Any) -> None:
    model = nn.Sequential(layer())
    with pytest.raises(cb.CandelabraError, match=r"ensor.*\(in 0\)"):
        model(wrong)


def test_an_attribute_error_of_ones_own_stays() -> None:
    class Mine(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.missing

    with pytest.raises(AttributeError, match="missing"):
        Mine()({"x": 1})
    with pytest.raises(AttributeError, match="missing"):
        nn.Sequential(Mine())({"x": 1})


def test_to_empty_keeps_shapes_dtypes_and_identities() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).double()
    kept = list(model.parameters())
    assert model.to_empty(device="cpu") is model
    assert all(a is b for a, b in zip(kept, model.parameters(), strict=True))
    assert model[0].weight.shape == (3, 2) and model[0].weight.dtype is cb.float64 and model[0].weight.requires_grad
    assert model[1].num_batches_tracked.dtype is cb.int64


def test_the_deprecated_backward_hook_warns() -> None:
    layer, seen = nn.Linear(2, 1), []
    with pytest.warns(FutureWarning, match=r"use register_full_backward_hook"):
        handle = layer.register_backward_hook(lambda module, grad_in, grad_out: seen.append(grad_out))
    layer(cb.ones(1, 2, requires_grad=True)).sum().backward()
    handle.remove()
    assert len(seen) == 1
