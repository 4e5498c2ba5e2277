"""`nn.utils` against PyTorch's: parametrizations, weight and spectral norms, vectors, fusion, stateless calls."""

from __future__ import annotations

import copy
import inspect
import pickle
import warnings
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn
from candelabra.nn.utils import parametrizations, parametrize

RNG = np.random.default_rng(0)


def both(torch: Any, make: Any) -> tuple[Any, Any]:
    """Return our module and PyTorch's in float64, with the same state, loaded both ways."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = make(cb), make(torch)
    ours, theirs = ours.double(), theirs.double()
    exchange(torch, ours, theirs)
    return ours, theirs


def exchange(torch: Any, ours: Any, theirs: Any) -> None:
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict({k: torch.tensor(np.array(v.numpy())) for k, v in ours.state_dict().items()})
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]


def same(ours: Any, theirs: Any, tolerance: float = 1e-10) -> None:
    a, b = ours.detach().numpy(), theirs.detach().numpy()
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def step(torch: Any, ours: Any, theirs: Any, x: np.ndarray, tolerance: float = 1e-10) -> None:
    """Compare an output, all gradients, and the state after a step of gradient descent."""
    y, z = ours(cb.tensor(x)), theirs(torch.tensor(x))
    same(y, z, tolerance)
    (y * y).sum().backward()
    (z * z).sum().backward()
    mine, other = dict(ours.named_parameters()), dict(theirs.named_parameters())
    for name, parameter in other.items():
        if parameter.grad is None:
            assert mine[name].grad is None, name
            continue
        same(mine[name].grad, parameter.grad, tolerance)
    cb.optim.SGD(ours.parameters(), lr=0.01).step()
    torch.optim.SGD(theirs.parameters(), lr=0.01).step()
    ours.zero_grad()
    theirs.zero_grad()
    for (name, a), b in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=tolerance, atol=tolerance, err_msg=name)


LAYERS = {
    "linear": (lambda lib: lib.nn.Linear(3, 4), (5, 3)),
    "conv": (lambda lib: lib.nn.Conv2d(3, 4, 2), (2, 3, 4, 4)),
}


@pytest.mark.parametrize("style", ["hook", "parametrization"])
@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_norm(torch: Any, kind: str, dim: int | None, style: str) -> None:
    make, shape = LAYERS[kind]

    def layer(lib: Any) -> Any:
        utils = lib.nn.utils if style == "hook" else lib.nn.utils.parametrizations
        return utils.weight_norm(make(lib), dim=dim)

    ours, theirs = both(torch, layer)
    assert repr(ours) == repr(theirs)
    for _ in range(2):
        step(torch, ours, theirs, RNG.standard_normal(shape))
    x = RNG.standard_normal(shape)
    if style == "hook":
        a, b = nn.utils.remove_weight_norm(ours), torch.nn.utils.remove_weight_norm(theirs)
    else:
        a = parametrize.remove_parametrizations(ours, "weight")
        b = torch.nn.utils.parametrize.remove_parametrizations(theirs, "weight")
    assert list(a.state_dict()) == list(b.state_dict()) == ["bias", "weight"] and a is ours
    assert repr(a) == repr(b)
    step(torch, a, b, x)


@pytest.mark.parametrize("style", ["hook", "parametrization"])
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU", "MultiheadAttention"])
def test_weights_of_larger_layers(torch: Any, kind: str, style: str) -> None:
    name = "in_proj_weight" if kind == "MultiheadAttention" else "weight_hh_l0"

    def layer(lib: Any) -> Any:
        utils = lib.nn.utils if style == "hook" else lib.nn.utils.parametrizations
        return utils.weight_norm(getattr(lib.nn, kind)(4, 2), name)

    ours, theirs = both(torch, layer)
    x = RNG.standard_normal((5, 2, 4))
    given = 3 if kind == "MultiheadAttention" else 1
    y, z = ours(*[cb.tensor(x)] * given)[0], theirs(*[torch.tensor(x)] * given)[0]
    same(y, z)
    (y * y).sum().backward()
    (z * z).sum().backward()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        same(a.grad, b.grad)


@pytest.mark.parametrize("name", ["weight", "weight_hh_l0"])
def test_the_newer_weight_norm_reads_the_older_state(torch: Any, name: str) -> None:
    def make(lib: Any) -> Any:
        return lib.nn.Linear(3, 4) if name == "weight" else lib.nn.RNN(3, 4)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        old = torch.nn.utils.weight_norm(make(torch), name)
        mine = nn.utils.weight_norm(make(cb), name)
        mine.load_state_dict(old.state_dict())
    new = parametrizations.weight_norm(make(cb), name)
    for state in (old.state_dict(), mine.state_dict()):
        new.load_state_dict(state)
        same(getattr(new, name), getattr(old, name), 1e-6)
    theirs = torch.nn.utils.parametrizations.weight_norm(make(torch), name)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in mine.state_dict().items()})
    same(getattr(new, name), getattr(theirs, name), 1e-6)


@pytest.mark.parametrize("style", ["hook", "parametrization"])
@pytest.mark.parametrize(
    ("kind", "options"),
    [("linear", {}), ("conv", {"n_power_iterations": 3}), ("linear", {"dim": 1, "eps": 1e-6}), ("conv", {"dim": 2})],
)
def test_spectral_norm(torch: Any, kind: str, options: dict[str, Any], style: str) -> None:
    make, shape = LAYERS[kind]

    def layer(lib: Any) -> Any:
        utils = lib.nn.utils if style == "hook" else lib.nn.utils.parametrizations
        return utils.spectral_norm(make(lib), **options)

    ours, theirs = both(torch, layer)
    assert repr(ours) == repr(theirs)
    for _ in range(3):
        step(torch, ours, theirs, RNG.standard_normal(shape))
    ours.eval()
    theirs.eval()
    before = ours.state_dict()
    step(torch, ours, theirs, RNG.standard_normal(shape))
    vectors = [k for k in before if k.endswith(("_u", "_v"))]
    assert len(vectors) == 2 and all((ours.state_dict()[k] == before[k]).all() for k in vectors)
    if style == "hook":
        assert ours.state_dict()._metadata[""] == theirs.state_dict()._metadata[""]
        nn.utils.remove_spectral_norm(ours)
        torch.nn.utils.remove_spectral_norm(theirs)
        assert "spectral_norm" not in ours.state_dict()._metadata[""]
    else:
        parametrize.remove_parametrizations(ours, "weight")
        torch.nn.utils.parametrize.remove_parametrizations(theirs, "weight")
    # PyTorch leaves a hook behind, so that its layer does not load a state dict any more.
    ours.load_state_dict(theirs.state_dict())
    same(ours.weight, theirs.weight)


def test_spectral_norm_finds_the_largest_singular_value(torch: Any) -> None:
    for make in (nn.utils.spectral_norm, parametrizations.spectral_norm):
        layer = make(nn.Linear(6, 5).double(), n_power_iterations=20)
        for _ in range(10):
            layer(cb.ones(1, 6, dtype=cb.float64))
        assert np.linalg.svd(layer.weight.detach().numpy(), compute_uv=False)[0] == pytest.approx(1.0, abs=1e-6)
    transposed = parametrizations.spectral_norm(nn.ConvTranspose2d(3, 4, 2))
    assert transposed.parametrizations.weight[0]._u.shape == (4,)
    vector = parametrizations.spectral_norm(nn.Linear(3, 4), "bias")
    assert float((vector.bias * vector.bias).sum()) == pytest.approx(1.0, rel=1e-5)


@pytest.mark.parametrize("trivialized", [True, False])
@pytest.mark.parametrize("orthogonal_map", ["matrix_exp", "cayley", "householder", None])
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5)])
def test_orthogonal(torch: Any, shape: tuple[int, int], orthogonal_map: str | None, trivialized: bool) -> None:
    torch.manual_seed(0)

    def layer(lib: Any) -> Any:
        made = lib.nn.Linear(*shape).double()
        utils = lib.nn.utils.parametrizations
        return utils.orthogonal(made, orthogonal_map=orthogonal_map, use_trivialization=trivialized)

    ours, theirs = both(torch, layer)
    assert repr(ours) == repr(theirs)
    with torch.no_grad(), cb.no_grad():
        name = "parametrizations.weight.original"
        noise = 0.3 * RNG.standard_normal(ours.weight.shape)
        if (orthogonal_map or ("matrix_exp" if shape[0] == shape[1] else "householder")) == "householder":
            noise -= np.eye(*noise.shape) * noise
        ours.get_parameter(name).add_(cb.tensor(noise))
        theirs.get_parameter(name).add_(torch.tensor(noise))
    for _ in range(2):
        step(torch, ours, theirs, RNG.standard_normal((2, shape[0])), 1e-9)
    w = ours.weight.detach().numpy()
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-10)


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5)])
@pytest.mark.parametrize("orthogonal_map", ["matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("trivialized", [True, False])
def test_an_orthogonal_matrix_is_assigned(
    torch: Any, shape: tuple[int, int], orthogonal_map: str, trivialized: bool
) -> None:
    layer = parametrizations.orthogonal(
        nn.Linear(*shape).double(), orthogonal_map=orthogonal_map, use_trivialization=trivialized
    )
    wanted = nn.init.orthogonal_(cb.empty(shape[1], shape[0], dtype=cb.float64))
    if not trivialized and orthogonal_map != "householder":
        with pytest.raises(cb.CandelabraError, match="has no right_inverse"):
            layer.weight = wanted
        return
    layer.weight = wanted
    if orthogonal_map == "householder" or trivialized:
        np.testing.assert_allclose(layer.weight.detach().numpy(), wanted.numpy(), atol=1e-10)
    theirs = torch.nn.utils.parametrizations.orthogonal(
        torch.nn.Linear(*shape).double(), orthogonal_map=orthogonal_map, use_trivialization=trivialized
    )
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in layer.state_dict().items()})
    same(layer.weight, theirs.weight)
    with pytest.raises(cb.CandelabraError, match="matrices of shape"):
        layer.weight = cb.ones(2, 2, dtype=cb.float64)


def test_batches_and_complex_matrices(torch: Any) -> None:
    x = RNG.standard_normal((2, 3, 3)) + 1j * RNG.standard_normal((2, 3, 3))
    for kind, values in (("matrix_exp", x), ("cayley", x), ("householder", x.real), ("matrix_exp", x.real)):
        pair = []
        for lib in (cb, torch):
            module = lib.nn.Module()
            module.register_parameter("w", lib.nn.Parameter(lib.tensor(values)))
            lib.nn.utils.parametrizations.orthogonal(module, "w", kind)
            pair.append(module)
        ours, theirs = pair
        same(ours.w, theirs.w, 1e-9)
    with pytest.raises(cb.CandelabraError, match="'householder' is of real matrices"):
        module = nn.Module()
        module.w = nn.Parameter(cb.tensor(x))
        parametrizations.orthogonal(module, "w", "householder")


def make_symmetric(lib: Any) -> Any:
    class Symmetric(lib.nn.Module):  # type: ignore[name-defined,misc]
        def forward(self, x: Any) -> Any:
            return x.triu() + x.triu(1).mT

        def right_inverse(self, a: Any) -> Any:
            return a.triu()

    class Scaled(lib.nn.Module):  # type: ignore[name-defined,misc]
        def forward(self, x: Any) -> Any:
            return x * 3.0

        def right_inverse(self, a: Any) -> Any:
            return a / 3.0

    class Split(lib.nn.Module):  # type: ignore[name-defined,misc]
        def forward(self, one: Any, other: Any) -> Any:
            return one * other

        def right_inverse(self, a: Any) -> Any:
            return a * 0.5, 2.0 * lib.ones_like(a)

    return Symmetric, Scaled, Split


def test_parametrizations_of_ones_own(torch: Any) -> None:
    def chain(lib: Any) -> Any:
        symmetric, scaled, _ = make_symmetric(lib)
        layer = lib.nn.Linear(3, 3).double()
        lib.nn.utils.parametrize.register_parametrization(layer, "weight", symmetric())
        return lib.nn.utils.parametrize.register_parametrization(layer, "weight", scaled())

    ours, theirs = both(torch, chain)
    assert repr(ours) == repr(theirs)
    step(torch, ours, theirs, RNG.standard_normal((2, 3)))
    value = RNG.standard_normal((3, 3))
    ours.weight, theirs.weight = cb.tensor(value + value.T), torch.tensor(value + value.T)
    exchange(torch, ours, theirs)
    same(ours.weight, theirs.weight)
    kept = ours.parametrizations.weight.original
    parametrize.remove_parametrizations(ours, "weight", leave_parametrized=False)
    torch.nn.utils.parametrize.remove_parametrizations(theirs, "weight", leave_parametrized=False)
    same(ours.weight, theirs.weight)
    assert ours.weight is kept and type(ours) is nn.Linear


def test_parametrizations_of_several_tensors_and_of_buffers(torch: Any) -> None:
    def split(lib: Any) -> Any:
        layer = lib.nn.BatchNorm1d(3).double()
        lib.nn.utils.parametrize.register_parametrization(layer, "weight", make_symmetric(lib)[2]())
        return lib.nn.utils.parametrize.register_parametrization(layer, "running_var", make_symmetric(lib)[1]())

    ours, theirs = both(torch, split)
    assert repr(ours) == repr(theirs)
    ours.eval()
    theirs.eval()
    step(torch, ours, theirs, RNG.standard_normal((2, 3)))
    for module, library in ((ours, cb), (theirs, torch)):
        library.nn.utils.parametrize.remove_parametrizations(module, "running_var")
    assert repr(ours) == repr(theirs)
    exchange(torch, ours, theirs)
    with pytest.raises(cb.CandelabraError, match="computed from 2 tensors"):
        parametrize.remove_parametrizations(ours, "weight", leave_parametrized=False)
    for module, library in ((ours, cb), (theirs, torch)):
        library.nn.utils.parametrize.remove_parametrizations(module, "weight")
    exchange(torch, ours, theirs)
    assert isinstance(ours.weight, nn.Parameter) and type(ours) is nn.BatchNorm1d


def test_vectors_of_parameters(torch: Any) -> None:
    ours, theirs = both(torch, lambda lib: lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.Linear(4, 2)))
    a, b = nn.utils.parameters_to_vector(ours.parameters()), torch.nn.utils.parameters_to_vector(theirs.parameters())
    same(a, b)
    (a * a).sum().backward()
    (b * b).sum().backward()
    same(ours[0].weight.grad, theirs[0].weight.grad)
    vector = RNG.standard_normal(26)
    kept = list(ours.parameters())
    nn.utils.vector_to_parameters(cb.tensor(vector), ours.parameters())
    torch.nn.utils.vector_to_parameters(torch.tensor(vector), theirs.parameters())
    assert all(x is y for x, y in zip(kept, ours.parameters(), strict=True))
    for x, y in zip(ours.parameters(), theirs.parameters(), strict=True):
        same(x, y)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_fusion(torch: Any, bias: bool, affine: bool) -> None:
    cases: list[tuple[Any, Any, tuple[int, ...], dict[str, Any]]] = [
        (lambda n: n.Conv2d(3, 4, 2, bias=bias), lambda n: n.BatchNorm2d(4, affine=affine), (2, 3, 4, 4), {}),
        (
            lambda n: n.ConvTranspose2d(3, 4, 2, bias=bias), lambda n: n.BatchNorm2d(4, affine=affine), (2, 3, 4, 4),
            {"transpose": True},
        ),
        (lambda n: n.Linear(3, 4, bias=bias), lambda n: n.BatchNorm1d(4, affine=affine), (5, 3), {}),
    ]  # fmt: skip
    for layer, norm, shape, options in cases:
        ours, theirs = both(torch, lambda lib: lib.nn.Sequential(layer(lib.nn), norm(lib.nn)))  # noqa: B023
        for _ in range(3):
            x = RNG.standard_normal(shape) * 2 + 1
            ours(cb.tensor(x))
            theirs(torch.tensor(x))
        linear = len(shape) == 2
        name = "fuse_linear_bn_eval" if linear else "fuse_conv_bn_eval"
        with pytest.raises(cb.CandelabraError, match="must be in evaluation"):
            getattr(nn.utils, name)(ours[0], ours[1], **options)
        ours.eval()
        theirs.eval()
        a = getattr(nn.utils, name)(ours[0], ours[1], **options)
        expected = ours(cb.tensor(x)).detach().numpy()
        np.testing.assert_allclose(a(cb.tensor(x)).detach().numpy(), expected, rtol=1e-9, atol=1e-10)
        if linear and not affine:
            continue  # PyTorch fails there.
        b = getattr(torch.nn.utils, name)(theirs[0], theirs[1], **options)
        for p, q in zip(a.parameters(), b.parameters(), strict=True):
            same(p, q)
            assert p.requires_grad == q.requires_grad


def test_functional_call(torch: Any) -> None:
    def net(lib: Any) -> Any:
        made = lib.nn.Sequential(lib.nn.Linear(3, 3), lib.nn.BatchNorm1d(3), lib.nn.Linear(3, 3))
        made[2].weight = made[0].weight
        return made

    ours, theirs = both(torch, net)
    x = RNG.standard_normal((4, 3))
    values = {"0.weight": RNG.standard_normal((3, 3)), "1.running_mean": np.zeros(3), "2.bias": np.ones(3)}
    mine = {k: cb.tensor(v, requires_grad=k != "1.running_mean") for k, v in values.items()}
    other = {k: torch.tensor(v, requires_grad=k != "1.running_mean") for k, v in values.items()}
    before = {k: v.numpy().copy() for k, v in ours.state_dict().items()}
    for options in ({}, {"tie_weights": False}):
        y = cb.func.functional_call(ours, mine, cb.tensor(x), **options)
        z = torch.func.functional_call(theirs, other, torch.tensor(x), **options)
        same(y, z)
        same(mine["1.running_mean"], other["1.running_mean"])
    y.sum().backward()
    z.sum().backward()
    same(mine["2.bias"].grad, other["2.bias"].grad)
    after = ours.state_dict()
    for key in set(before) - {"1.running_var", "1.num_batches_tracked"}:
        np.testing.assert_array_equal(after[key].numpy(), before[key], err_msg=key)
    assert ours[2].weight is ours[0].weight
    # Per-sample gradients of a loss over a module.
    layer = nn.Linear(3, 1)
    params = {k: v.detach() for k, v in layer.named_parameters()}
    each = cb.func.vmap(
        cb.func.grad(lambda p, row: (cb.func.functional_call(layer, p, row) ** 2).sum()), in_axes=(None, 0)
    )(params, cb.tensor(x.astype("float32")))
    assert each["weight"].shape == (4, 1, 3)
    row = cb.tensor(x[1].astype("float32"))
    (layer(row) ** 2).sum().backward()
    np.testing.assert_allclose(each["weight"][1].numpy(), layer.weight.grad.numpy(), rtol=1e-5)


def test_functional_call_refuses(torch: Any) -> None:
    layer = nn.Linear(3, 2)
    x = cb.ones(1, 3)
    call = cb.func.functional_call
    with pytest.raises(cb.CandelabraError, match="missing: bias; unexpected: scale"):
        call(layer, {"weight": cb.ones(2, 3), "scale": cb.ones(1)}, x, strict=True)
    with pytest.raises(cb.CandelabraError, match="weight stands in more than one"):
        call(layer, ({"weight": cb.ones(2, 3)}, {"weight": cb.ones(2, 3)}), x)
    with pytest.raises(cb.CandelabraError, match="'weight' is a tensor, got int"):
        call(layer, {"weight": 3}, x)
    with pytest.raises(cb.CandelabraError, match="no submodule 'deep'"):
        call(layer, {"deep.weight": cb.ones(1)}, x)
    with pytest.raises(cb.CandelabraError):
        call(layer, {"weight": cb.ones(2, 2)}, x)
    assert isinstance(layer.weight, nn.Parameter) and layer.weight.shape == (2, 3)
    tied = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    with pytest.raises(cb.CandelabraError, match=r"0\.weight, 1\.weight share one tensor"):
        call(tied, {"0.weight": cb.ones(3, 3), "1.weight": cb.zeros(3, 3)}, x)
    assert call(layer, ({"weight": cb.ones(2, 3)}, {"bias": cb.zeros(2)}), (), {"input": x}).tolist() == [[3.0, 3.0]]


@pytest.mark.parametrize(
    "name",
    [
        "clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "fuse_conv_bn_eval",
        "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights", "get_total_norm",
        "parameters_to_vector",
        "remove_spectral_norm", "remove_weight_norm", "skip_init", "spectral_norm", "vector_to_parameters",
        "weight_norm",
        "parametrizations.orthogonal", "parametrizations.spectral_norm", "parametrizations.weight_norm",
        "parametrize.register_parametrization", "parametrize.remove_parametrizations", "parametrize.is_parametrized",
        "parametrize.cached", "parametrize.type_before_parametrizations", "parametrize.ParametrizationList",
        "parametrize.transfer_parametrizations_and_params", "stateless.functional_call",
    ],
)  # fmt: skip
def test_the_same_arguments_and_defaults(torch: Any, name: str) -> None:
    ours, theirs = nn.utils, torch.nn.utils
    for part in name.split("."):
        ours, theirs = getattr(ours, part), getattr(theirs, part)
    mine, other = (inspect.signature(f).parameters.values() for f in (ours, theirs))
    assert [(p.name, p.default, p.kind) for p in mine] == [(p.name, p.default, p.kind) for p in other]


def test_deprecated_clipping(torch: Any) -> None:
    weight = nn.Parameter(cb.zeros(2))
    weight.grad = cb.asarray([3.0, 4.0])
    with pytest.warns(FutureWarning, match="clip_grad_norm is deprecated"):
        assert float(nn.utils.clip_grad_norm([weight], 1.0)) == 5.0
    assert weight.grad.tolist() == pytest.approx([0.6, 0.8], rel=1e-5)


def test_modules_with_norms_are_copied_and_pickled() -> None:
    x = cb.ones(2, 3)
    # Those of the older style hold a result, which PyTorch does not copy either.
    for make in (parametrizations.weight_norm, parametrizations.spectral_norm, parametrizations.orthogonal):
        module = make(nn.Linear(3, 3))
        module.eval()
        for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
            assert repr(twin) == repr(module) and list(twin.state_dict()) == list(module.state_dict())
            np.testing.assert_allclose(twin(x).detach().numpy(), module(x).detach().numpy(), rtol=1e-6)
            before = module(x).detach().numpy()
            with cb.no_grad():
                for parameter in twin.parameters():
                    parameter.mul_(1.5).add_(0.1)
            np.testing.assert_array_equal(module(x).detach().numpy(), before)


@pytest.mark.parametrize("name", [*(f"convert_conv{n}d_weight_memory_format" for n in (2, 3)), "prune"])
def test_what_is_absent_says_why(torch: Any, name: str) -> None:
    with pytest.raises(AttributeError, match=rf"nn\.utils\.{name}: "):
        getattr(nn.utils, name)
