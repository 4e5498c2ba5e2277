"""einops on Tensors: by its array API functions as they are, and by its own functions and layers over the bridge."""

from __future__ import annotations

import copy
import pickle
from types import ModuleType
from typing import Any

import candelabra as cb
import numpy as np
import pytest

DEVICES = ["cpu", "strict"]
REARRANGED = [
    ("b c (h p) (w q) -> b (h w) (c p q)", {"p": 2, "q": 3}),
    ("b c h w -> (b c) h w", {}),
    ("b ... w -> w ... b", {}),
    ("b c h w -> b 1 c (w h)", {}),
]
REDUCED = [
    ("b c (h p) (w q) -> b c h w", "max", {"p": 2, "q": 3}),
    ("b c h w -> b", "mean", {}),
    ("b c h w -> b c () ()", "min", {}),
    ("b c h w -> h w", "sum", {}),
    ("b c h w -> ", "prod", {}),
]
REPEATED = [("b c h w -> b c (h x) (w y)", {"x": 2, "y": 3}), ("b c h w -> n b c h w", {"n": 3})]


@pytest.fixture
def einops(require_peer: Any) -> ModuleType:
    found = require_peer("einops")
    import candelabra.interop.einops  # noqa: F401

    return found


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> str:
    if request.param != "cpu":
        pytest.importorskip("candelabra_strict")
    return request.param


def images() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(2, 3, 4, 6))


def doors(einops: ModuleType) -> list[Any]:
    import einops.array_api as standard

    return [einops, standard]


@pytest.mark.parametrize("door", [0, 1], ids=["einops", "einops.array_api"])
def test_functions_are_numpys_on_every_device(einops: ModuleType, device: str, door: int) -> None:
    ours, x = doors(einops)[door], cb.asarray(images(), device=device)
    for pattern, sizes in REARRANGED:
        made = ours.rearrange(x, pattern, **sizes)
        assert made.device == x.device
        np.testing.assert_array_equal(made.cpu().numpy(), einops.rearrange(images(), pattern, **sizes))
    for pattern, how, sizes in REDUCED:
        made = ours.reduce(x, pattern, how, **sizes)
        assert made.device == x.device
        np.testing.assert_allclose(made.cpu().numpy(), einops.reduce(images(), pattern, how, **sizes), rtol=1e-12)
    for pattern, sizes in REPEATED:
        made = ours.repeat(x, pattern, **sizes)
        np.testing.assert_array_equal(made.cpu().numpy(), einops.repeat(images(), pattern, **sizes))
    packed, shapes = ours.pack([x, x[:, 0]], "b * w")
    right, same = einops.pack([images(), images()[:, 0]], "b * w")
    np.testing.assert_array_equal(packed.cpu().numpy(), right)
    assert [tuple(shape) for shape in shapes] == [tuple(shape) for shape in same]
    back = ours.unpack(packed, shapes, "b * w")
    assert bool(cb.all(back[0] == x)) and bool(cb.all(back[1] == x[:, 0]))


def test_what_only_the_bridge_has(einops: ModuleType, device: str) -> None:
    x = cb.asarray(images(), device=device)
    found = einops.einsum(x, x, "b c h w, b d h w -> b c d")
    np.testing.assert_allclose(found.cpu().numpy(), np.einsum("bchw,bdhw->bcd", images(), images()), rtol=1e-10)
    assert einops.parse_shape(x, "b _ h w") == {"b": 2, "h": 4, "w": 6}
    assert einops.rearrange([x, x], "n b c h w -> b (n c) h w").shape == (2, 6, 4, 6)
    positive = einops.reduce(x > 0, "b c h w -> b", "any")
    assert positive.dtype is cb.bool and positive.tolist() == [True, True]
    np.testing.assert_array_equal(einops.asnumpy(x.cpu()), images())
    with pytest.raises(einops.EinopsError, match=r"Input tensor shape: \(2, 3, 4, 6\)"):
        einops.rearrange(x, "b c h -> b")
    with pytest.raises(NotImplementedError, match="reduce_mean is not available for non-floating tensors"):
        einops.reduce(x > 0, "b c h w -> b", "mean")


@pytest.mark.parametrize("door", [0, 1], ids=["einops", "einops.array_api"])
def test_gradients_and_transformations(einops: ModuleType, torch: ModuleType, door: int) -> None:
    ours = doors(einops)[door]
    x, theirs = cb.asarray(images(), copy=True), torch.tensor(images(), requires_grad=True)
    x.requires_grad_()

    def function(library: Any, images: Any) -> Any:
        cut = library.rearrange(images, "b c (h p) w -> b (h w) (c p)", p=2)
        far = library.repeat(cut, "b t c -> b t c n", n=2)
        return library.reduce(far * far, "b t c n -> b c", "max")

    function(ours, x).sum().backward()
    function(einops, theirs).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), theirs.grad.numpy(), rtol=1e-12)
    plain = x.detach()
    one = cb.stack([function(ours, image[None])[0] for image in plain])
    mapped = cb.func.vmap(lambda image: function(ours, image[None])[0])(plain)
    np.testing.assert_allclose(mapped.numpy(), one.numpy(), rtol=1e-12)
    _, tangent = cb.func.jvp(lambda images: function(ours, images).sum(), (plain,), (cb.ones_like(plain),))
    np.testing.assert_allclose(tangent.item(), x.grad.sum().item(), rtol=1e-10)


def test_layers(einops: ModuleType, torch: ModuleType) -> None:
    from candelabra.interop.einops import CandelabraBackend, EinMix, Rearrange, Reduce
    from einops.layers.torch import EinMix as TheirEinMix

    model = cb.nn.Sequential(
        Rearrange("b c (h p) (w q) -> b (h w) (c p q)", p=2, q=3),
        EinMix("b t c -> b t (head d)", weight_shape="c head d", bias_shape="head d", c=18, head=2, d=5),
        Reduce("b t c -> b c", "mean"),
    )
    x = cb.asarray(images(), dtype=cb.float32)
    assert model(x).shape == (2, 10)
    assert [name for name, _ in model.named_parameters()] == ["1.weight", "1.bias"]
    theirs = TheirEinMix("b t c -> b t (head d)", weight_shape="c head d", bias_shape="head d", c=18, head=2, d=5)
    state = {name: cb.from_numpy(value.detach().numpy()) for name, value in theirs.state_dict().items()}
    model[1].load_state_dict(state)
    tokens = einops.rearrange(images().astype("float32"), "b c (h p) (w q) -> b (h w) (c p q)", p=2, q=3)
    right = theirs(torch.from_numpy(tokens))
    np.testing.assert_allclose(model[:2](x).detach().numpy(), right.detach().numpy(), rtol=1e-5, atol=1e-6)
    model(x).sum().backward()
    right.mean(1).sum().backward()
    np.testing.assert_allclose(model[1].weight.grad.numpy(), theirs.weight.grad.numpy(), rtol=1e-4, atol=1e-6)
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert bool(cb.all(again(x) == model(x)))
    plain = EinMix("t c -> t d", weight_shape="c d", c=3, d=4)
    assert plain.bias is None and plain(cb.ones(2, 3)).shape == (2, 4)
    bound = (3 / 3) ** 0.5
    assert float(plain.weight.abs().max()) <= bound and "EinMix('t c -> t d', 'c d', c=3, d=4)" in repr(plain)
    backend = einops.einops.get_backend(x)
    assert isinstance(backend, CandelabraBackend) and backend.layers().Rearrange is Rearrange
    assert backend.arange(0, 3).tolist() == [0, 1, 2] and backend.from_numpy(np.ones(2)).tolist() == [1.0, 1.0]
    assert backend.tile(cb.asarray([1, 2]), (2,)).tolist() == [1, 2, 1, 2]
    assert backend.add_axis(cb.ones(2), 1).shape == (2, 1)
