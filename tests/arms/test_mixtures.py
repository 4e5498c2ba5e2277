"""Operands on different devices: what the error says, and that nothing was changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import candelabra as cb
import pytest
from candelabra import nn, optim
from candelabra.core.errors import DeviceMismatchError

F = nn.functional


def refused(run: Callable[[], Any]) -> str:
    with pytest.raises(DeviceMismatchError) as caught:
        run()
    return str(caught.value)


def test_the_whole_text(arm):
    x, y = cb.ones(2, 3), cb.ones(3, device=arm)
    there = str(y.device)
    assert refused(lambda: x + y) == (
        f"add: operands are on different devices, cpu and {there} (shapes (2, 3) on cpu, (3,) on {there}); "
        "move one of them first, for example with x.to('cpu')"
    )
    assert refused(lambda: cb.matmul(y, x.mT)).startswith(
        f"matmul: operands are on different devices, {there} and cpu (shapes (3,) on {there}, (3, 2) on cpu); "
    )
    with pytest.raises(DeviceMismatchError, match=r"\(2,\) on cpu, \(2,\) on cpu and others\)"):
        cb.concat([y, *[cb.ones(2)] * 8])


OPERATIONS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "add": lambda x, y, i: x.add_(y), "subtract": lambda x, y, i: x.__isub__(y), "multiply": lambda x, y, i: x * y,
    "setitem": lambda x, y, i: x.__setitem__(0, y[0]), "getitem": lambda x, y, i: x[i], "equal": lambda x, y, i: x == y,
    "concat": lambda x, y, i: cb.concat([x, y]), "stack": lambda x, y, i: cb.stack([x, y]),
    "take": lambda x, y, i: cb.take(x, i, axis=0), "where": lambda x, y, i: cb.where(y > 0, x, x),
    "gather": lambda x, y, i: x.gather(0, i[None]), "clip": lambda x, y, i: cb.clip(x, y),
    "index_add": lambda x, y, i: x.index_add(0, i, x), "embedding": lambda x, y, i: F.embedding(i, x),
    "cross_entropy": lambda x, y, i: F.cross_entropy(x, i), "mse_loss": lambda x, y, i: F.mse_loss(x, y),
    "nll_loss": lambda x, y, i: F.nll_loss(x, i), "attention": lambda x, y, i: F.scaled_dot_product_attention(x, x, y),
    "meshgrid": lambda x, y, i: cb.meshgrid(x[0], y[0]), "solve": lambda x, y, i: cb.linalg.solve(x, y),
    "backward": lambda x, y, i: (x.requires_grad_() * 1).backward(y), "linear": lambda x, y, i: F.linear(x, y),
    "searchsorted": lambda x, y, i: cb.searchsorted(x[0], y[0]),
    "jvp": lambda x, y, i: cb.func.jvp(cb.sin, (x,), (y,)), "vjp": lambda x, y, i: cb.func.vjp(cb.sin, x)[1](y),
    "linearize": lambda x, y, i: cb.func.linearize(cb.sin, x)[1](y), "einsum": lambda x, y, i: cb.einsum("ij,jk", x, y),
    "isclose": lambda x, y, i: cb.isclose(x, y), "lerp": lambda x, y, i: x.lerp(y, 0.5),
    "conv": lambda x, y, i: F.conv1d(x[None], y[..., None]), "layer_norm": lambda x, y, i: F.layer_norm(x, (3,), y[0]),
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_name_themselves_both_devices_and_the_mend(arm, name):
    x, y = cb.ones(3, 3), cb.ones(3, 3, device=arm)
    text = refused(lambda: OPERATIONS[name](x, y, cb.tensor([0, 1, 2]).to(arm)))
    assert re.match(rf"([a-z]+: )?{name}: |{name}: ", text), text
    there = str(y.device)
    assert f"cpu and {there}" in text or f"{there} and cpu" in text, text
    assert "(shapes (" in text and f") on {there}" in text and ") on cpu" in text and "for example with x.to('" in text
    assert x.tolist() == [[1.0] * 3] * 3 == y.tolist()


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = nn.BatchNorm1d(3, affine=False)
        self.head = nn.Linear(8, 2)
        self.scale = nn.Parameter(cb.ones(2))

    def forward(self, x: cb.Tensor) -> cb.Tensor:
        return self.head(self.norm(self.encoder(x))) * self.scale


def test_the_module_and_its_parameter_are_named(arm):
    model, x = Model().eval(), cb.ones(2, 3, 8, device=arm)
    there = str(x.device)
    found = []
    for part in (model.encoder, model.norm, model.head):
        found.append(refused(lambda: model(x)))
        part.to(arm)
    found.append(refused(lambda: model(x)))
    ends = [
        f"(in encoder.layers.0.self_attn: parameter 'in_proj_weight' is on cpu, query on {there}; "
        f"module.to('{there}') moves the module)",
        f"(in norm: buffer 'running_mean' is on cpu, input on {there}; module.to('{there}') moves the module)",
        f"(in head: parameter 'weight' is on cpu, input on {there}; module.to('{there}') moves the module)",
        f"(in Model: parameter 'scale' is on cpu, x on {there}; module.to('{there}') moves the module)",
    ]
    for text, end in zip(found, ends, strict=True):
        assert text.endswith(end), text
    model.to(arm)
    assert model(x).device == x.device
    bias = model.encoder.layers[1].linear2.bias
    bias.data = bias.detach().cpu()
    assert "linear2: parameter 'bias' is on cpu, input on" in refused(lambda: model(x))
    assert refused(lambda: nn.Embedding(5, 2)(cb.tensor([1]).to(arm))).endswith(
        f"(in Embedding: parameter 'weight' is on cpu, input on {there}; module.to('{there}') moves the module)"
    )


def test_losses_name_their_operands(arm):
    logits, labels = cb.ones(3, 4, device=arm), cb.tensor([0, 1, 2])
    there = str(logits.device)
    assert refused(lambda: nn.CrossEntropyLoss()(logits, labels)).endswith(
        f"(in CrossEntropyLoss: input is on {there}, target on cpu)"
    )
    weighted = nn.CrossEntropyLoss(weight=cb.ones(4))
    assert "(in CrossEntropyLoss: buffer 'weight' is on cpu, input on" in refused(
        lambda: weighted(logits, labels.to(arm))
    )


def test_what_is_no_mixture_of_the_modules_own_is_not_blamed_on_it(arm):
    class Careless(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, x: cb.Tensor) -> cb.Tensor:
            return self.layer(x) + cb.ones(2, device=arm)

    assert refused(lambda: Careless()(cb.ones(1, 2))).endswith("for example with x.to('cpu') (in Careless)")


def test_optimizers_and_vectors(arm):
    model = nn.Linear(2, 2)
    model(cb.ones(1, 2)).sum().backward()
    model.weight.node.grad = model.weight.grad.to(arm)
    text = refused(optim.AdamW(model.named_parameters()).step)
    assert text.startswith(f"AdamW.step: parameter 'weight' of group 0 is on cpu, its gradient on {arm}") and (
        "move the model before backward(), or call zero_grad() after moving it" in text
    )
    text = refused(lambda: nn.utils.parameters_to_vector([cb.ones(2), cb.ones(2, device=arm)]))
    assert "one device, got cpu and" in text and ".to(device)" in text
