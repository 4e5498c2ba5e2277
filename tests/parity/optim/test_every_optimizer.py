"""Every optimizer of `torch.optim`, with every argument at a value that is not its default, step by step.

`ROWS` is the table. A class without a row fails, an argument that no row of its class sets fails, and so does a
signature that is not PyTorch's. Tolerances: after 100 steps parameters and state agree to a relative 1e-9 in float64
and 2e-4 in float32, whose rounding differs from library to library and adds up; Muon's iteration rounds to bfloat16 in
both libraries, and a sum that falls on the other side of such a rounding moves a step by less than a hundredth.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.core.errors import ArgumentError

SHAPES = [(4, 3), (5,), (), (2, 3, 4)]
MATRICES = [(4, 3), (3, 5), (4, 4), (1, 2)]

Value = Any  # a value, or a function of the library that makes one


def tensor_of(value: float) -> Callable[[Any], Any]:
    return lambda library: library.tensor(value, dtype=library.float64)


# Options that PyTorch refuses on the CPU, or that select an implementation there: the reference runs without them.
WITHOUT = ("capturable", "fused", "foreach")

ADAM = [
    {"lr": 0.05},
    {"lr": tensor_of(0.05)},
    {"betas": (0.5, 0.7), "eps": 1e-2},
    {"weight_decay": 0.1, "amsgrad": True},
    {"weight_decay": 0.2, "maximize": True},
    {"foreach": True, "capturable": True},
    {"fused": True},
]
ROWS: dict[str, list[dict[str, Value]]] = {
    "ASGD": [
        {"lr": 0.05},
        {"lr": tensor_of(0.05)},
        {"lambd": 0.1, "alpha": 0.3, "t0": 20},
        {"weight_decay": 0.1, "t0": 0, "maximize": True},
        {"foreach": True, "capturable": True},
    ],
    "Adadelta": [
        {"lr": 0.5},
        {"lr": tensor_of(0.5)},
        {"rho": 0.5, "eps": 1e-3},
        {"weight_decay": 0.1, "maximize": True},
        {"foreach": True, "capturable": True},
    ],
    "Adafactor": [
        {"lr": 0.1},
        {"lr": tensor_of(0.1)},
        {"beta2_decay": -0.5, "eps": (1e-2, 1e-1)},
        {"d": 1.5, "weight_decay": 0.1},
        {"maximize": True, "foreach": True},
    ],
    "Adagrad": [
        {"lr": 0.1},
        {"lr": tensor_of(0.1)},
        {"lr_decay": 0.05, "weight_decay": 0.1},
        {"initial_accumulator_value": 0.5, "eps": 1e-2, "maximize": True},
        {"foreach": True},
        {"fused": True},
    ],
    "Adam": [*ADAM, {"decoupled_weight_decay": True, "weight_decay": 0.3}],
    "AdamW": ADAM,
    "Adamax": [
        {"lr": 0.05},
        {"lr": tensor_of(0.05)},
        {"betas": (0.5, 0.7), "eps": 1e-2},
        {"weight_decay": 0.1, "maximize": True},
        {"foreach": True, "capturable": True},
    ],
    "Muon": [
        {"lr": 0.05},
        {"lr": tensor_of(0.05)},
        {"weight_decay": 0.3, "momentum": 0.7},
        {"nesterov": False, "adjust_lr_fn": "original"},
        {"ns_coefficients": (2.0, -1.5, 0.5), "ns_steps": 3},
        {"eps": 0.5, "adjust_lr_fn": "match_rms_adamw"},
    ],
    "NAdam": [
        {"lr": 0.05},
        {"lr": tensor_of(0.05)},
        {"betas": (0.5, 0.7), "eps": 1e-2, "momentum_decay": 0.1},
        {"weight_decay": 0.1, "maximize": True},
        {"weight_decay": 0.1, "decoupled_weight_decay": True},
        {"foreach": True, "capturable": True},
    ],
    "RAdam": [
        {"lr": 0.05},
        {"lr": tensor_of(0.05)},
        {"betas": (0.5, 0.7), "eps": 1e-2},
        {"weight_decay": 0.1, "maximize": True},
        {"weight_decay": 0.1, "decoupled_weight_decay": True},
        {"foreach": True, "capturable": True},
    ],
    "RMSprop": [
        {"lr": 0.05},
        {"lr": tensor_of(0.05)},
        {"alpha": 0.7, "eps": 1e-2},
        {"weight_decay": 0.1, "momentum": 0.9, "maximize": True},
        {"centered": True, "momentum": 0.5},
        {"foreach": True, "capturable": True},
    ],
    "Rprop": [
        {"lr": 0.05},
        {"lr": tensor_of(0.05)},
        {"etas": (0.3, 1.5), "step_sizes": (1e-3, 0.1)},
        {"maximize": True},
        {"foreach": True, "capturable": True},
    ],
    "SGD": [
        {"lr": 0.05},
        {"lr": tensor_of(0.05)},
        {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1},
        {"momentum": 0.9, "nesterov": True, "maximize": True},
        {"foreach": True},
        {"fused": True},
    ],
}
LBFGS: list[dict[str, Value]] = [
    {},
    {"lr": 0.3, "max_iter": 4},
    {"lr": tensor_of(0.5), "max_iter": 6, "max_eval": 5},
    {"line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "lr": 0.2, "max_iter": 5, "max_eval": 9},
    {"history_size": 2, "line_search_fn": "strong_wolfe"},
    {"tolerance_grad": 1e-2, "tolerance_change": 1e-3},
]
# Refused by name, with the reason.
REFUSED = {"differentiable": True}

CASES = [(kind, options) for kind, rows in ROWS.items() for options in rows]
NAMES = [
    "-".join([kind, *(f"{k}={'tensor' if callable(v) else v}" for k, v in options.items())]) for kind, options in CASES
]
TOLERANCE = {"float64": 1e-9, "float32": 2e-4, "widened": 1e-7}


def made(library: Any, options: dict[str, Value], without: tuple[str, ...] = ()) -> dict[str, Any]:
    return {k: v(library) if callable(v) else v for k, v in options.items() if k not in without}


def shapes_of(kind: str) -> list[tuple[int, ...]]:
    return MATRICES if kind == "Muon" else SHAPES


def arrays(kind: str, seed: int, dtype: str) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(shape)).astype(dtype) for shape in shapes_of(kind)]


def gradients(kind: str, step: int, dtype: str) -> list[np.ndarray | None]:
    """Gradients of one step; the second parameter has none at every third."""
    grads: list[np.ndarray | None] = [g + 0.1 for g in arrays(kind, 100 + step, dtype)]
    if step % 3 == 0:
        grads[1] = None
    return grads


def ours(kind: str, options: dict[str, Value], dtype: str) -> tuple[list[Any], Any]:
    params = [cb.tensor(a, requires_grad=True) for a in arrays(kind, 0, dtype)]
    return params, getattr(cb.optim, kind)(params, **made(cb, options))


def theirs(torch: Any, kind: str, options: dict[str, Value], dtype: str) -> tuple[list[Any], Any]:
    params = [torch.tensor(a, requires_grad=True) for a in arrays(kind, 0, dtype)]
    return params, getattr(torch.optim, kind)(params, **made(torch, options, WITHOUT))


def advance(library: Any, params: list[Any], opt: Any, kind: str, step: int, dtype: str) -> None:
    for p, g in zip(params, gradients(kind, step, dtype), strict=True):
        p.grad = None if g is None else library.tensor(g)
    opt.step()


def check(kind: str, params: list[Any], reference: list[Any], dtype: str, opt: Any) -> None:
    tolerance = TOLERANCE[dtype]
    # As large as all steps of Muon together times the share that a rounding to bfloat16 may turn.
    loose = 0.01 * float(opt.param_groups[0]["lr"]) * 3 if kind == "Muon" else 0.0
    for p, q in zip(params, reference, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=tolerance, atol=tolerance + loose)


def same_state(ours: dict[str, Any], theirs: dict[str, Any], dtype: str) -> None:
    for mine, other in zip(ours["param_groups"], theirs["param_groups"], strict=True):
        assert list(mine) == list(other)
        assert {k: v for k, v in mine.items() if k not in WITHOUT} == {
            k: v for k, v in other.items() if k not in WITHOUT
        }
    assert ours["state"].keys() == theirs["state"].keys()
    for number, entry in theirs["state"].items():
        assert list(ours["state"][number]) == list(entry)
        for name, value in entry.items():
            mine = ours["state"][number][name]
            assert str(mine.dtype).rpartition(".")[2] == str(value.dtype).rpartition(".")[2], name
            np.testing.assert_allclose(mine.numpy(), value.numpy(), rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def as_torch(torch: Any, value: Any) -> Any:
    if isinstance(value, cb.Tensor):
        return torch.tensor(np.array(value.numpy()))
    if isinstance(value, dict):
        return {k: as_torch(torch, v) for k, v in value.items()}
    if isinstance(value, list):
        return [as_torch(torch, v) for v in value]
    return value


# The table


def classes(module: Any, base: type) -> set[str]:
    return {n for n, c in vars(module).items() if inspect.isclass(c) and issubclass(c, base) and c is not base}


def test_every_class_has_a_row(torch: Any) -> None:
    wanted = classes(torch.optim, torch.optim.Optimizer)
    assert wanted == {*ROWS, "LBFGS", "SparseAdam"}
    assert wanted <= classes(cb.optim, cb.optim.Optimizer)
    assert {*torch.optim.__all__} <= {*cb.optim.__all__}


@pytest.mark.parametrize("kind", [*ROWS, "LBFGS", "SparseAdam"])
def test_the_signature_is_pytorchs(torch: Any, kind: str) -> None:
    def plain(owner: Any) -> list[tuple[Any, ...]]:
        return [(p.name, p.kind, p.default) for p in inspect.signature(getattr(owner.optim, kind)).parameters.values()]

    assert plain(cb) == plain(torch)


@pytest.mark.parametrize("kind", [*ROWS, "LBFGS"])
def test_every_argument_has_a_row(torch: Any, kind: str) -> None:
    signature = inspect.signature(getattr(torch.optim, kind))
    rows = LBFGS if kind == "LBFGS" else ROWS[kind]
    for name, parameter in signature.parameters.items():
        if name == "params" or name in REFUSED:
            continue
        values = [made(cb, row)[name] for row in rows if name in row]
        assert any(isinstance(value, cb.Tensor) or value != parameter.default for value in values), (
            f"{kind}: no row sets {name} to a value that is not its default"
        )


@pytest.mark.parametrize("kind", [k for k in ROWS if k not in ("Adafactor", "Muon")])
def test_differentiable_is_refused_with_the_reason(kind: str) -> None:
    with pytest.raises(
        ArgumentError, match=f"{kind}: differentiable=True is not available, since a step is one kernel"
    ):
        getattr(cb.optim, kind)([cb.zeros(2, requires_grad=True)], differentiable=True)


def test_sparse_adam_says_why_not() -> None:
    with pytest.raises(ArgumentError, match="SparseAdam takes sparse gradients, and all gradients here are dense; use"):
        cb.optim.SparseAdam([cb.zeros(2, requires_grad=True)])


# Numbers


@pytest.mark.parametrize(("kind", "options"), CASES, ids=NAMES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_hundred_steps(torch: Any, kind: str, options: dict[str, Value], dtype: str) -> None:
    params, opt = ours(kind, options, dtype)
    reference, ref = theirs(torch, kind, options, dtype)
    for step in range(100):
        advance(cb, params, opt, kind, step, dtype)
        advance(torch, reference, ref, kind, step, dtype)
        if step < 5 or step % 10 == 9:
            check(kind, params, reference, dtype, opt)
    same_state(opt.state_dict(), ref.state_dict(), dtype)
    assert repr(opt).splitlines()[0] == repr(ref).splitlines()[0]


@pytest.mark.parametrize(("kind", "options"), CASES, ids=NAMES)
def test_resumed_bit_identically(kind: str, options: dict[str, Value], tmp_path: Path) -> None:
    dtype = "float32"
    straight, opt = ours(kind, options, dtype)
    params, first = ours(kind, options, dtype)
    for step in range(100):
        advance(cb, straight, opt, kind, step, dtype)
    for step in range(50):
        advance(cb, params, first, kind, step, dtype)
    cb.save({"params": [p.detach() for p in params], "optimizer": first.state_dict()}, tmp_path / "middle.safetensors")
    saved = cb.load(tmp_path / "middle.safetensors")
    resumed = [p.clone().requires_grad_() for p in saved["params"]]
    second = getattr(cb.optim, kind)(resumed, lr=9.0)
    second.load_state_dict(saved["optimizer"])
    for step in range(50, 100):
        advance(cb, resumed, second, kind, step, dtype)
    for p, q in zip(straight, resumed, strict=True):
        assert p.numpy(force=True).tobytes() == q.numpy(force=True).tobytes()
    mine, other = opt.state_dict()["state"], second.state_dict()["state"]
    for number, entry in mine.items():
        for name, value in entry.items():
            assert value.numpy().tobytes() == other[number][name].numpy().tobytes(), name


@pytest.mark.parametrize(("kind", "options"), CASES, ids=NAMES)
def test_state_dicts_load_both_ways(torch: Any, kind: str, options: dict[str, Value]) -> None:
    dtype = "float64"
    params, opt = ours(kind, options, dtype)
    reference, ref = theirs(torch, kind, options, dtype)
    for step in range(7):
        advance(cb, params, opt, kind, step, dtype)
        advance(torch, reference, ref, kind, step, dtype)
    taken = getattr(cb.optim, kind)(params, lr=9.0)
    taken.load_state_dict(ref.state_dict())
    given = opt.state_dict()
    for group, other in zip(given["param_groups"], ref.state_dict()["param_groups"], strict=True):
        group.update({k: other[k] for k in WITHOUT if k in other})
    back = getattr(torch.optim, kind)(reference, lr=9.0)
    back.load_state_dict(as_torch(torch, given))
    same_state(taken.state_dict(), ref.state_dict(), dtype)
    for step in range(7, 12):
        advance(cb, params, taken, kind, step, dtype)
        advance(torch, reference, back, kind, step, dtype)
    # PyTorch widens the numbers of a loaded state (NAdam's mu_product, ASGD's eta) to the parameter's dtype and goes on
    # in float64, so that it does not go on as it was; here they stay float32.
    check(kind, params, reference, "widened" if kind in ("NAdam", "ASGD") else dtype, taken)


@pytest.mark.parametrize("kind", [*ROWS, "LBFGS"])
def test_a_checkpoint_of_pytorch_loads(torch: Any, kind: str, tmp_path: Path) -> None:
    if kind == "LBFGS":
        reference, params = start_of(torch, "float32"), start_of(cb, "float32")
        ref, opt = torch.optim.LBFGS(reference, max_iter=3), cb.optim.LBFGS(params)
        ref.step(closure_of(reference, ref))
    else:
        reference, ref = theirs(torch, kind, ROWS[kind][2], "float32")
        params, opt = ours(kind, {}, "float32")
        for step in range(3):
            advance(torch, reference, ref, kind, step, "float32")
    torch.save({"optimizer": ref.state_dict(), "epoch": 3}, tmp_path / "checkpoint.pt")
    opt.load_state_dict(cb.load(tmp_path / "checkpoint.pt")["optimizer"])
    for number, entry in ref.state_dict()["state"].items():
        for name, value in entry.items():
            mine = opt.state_dict()["state"][number][name]
            if torch.is_tensor(value):
                assert mine.tolist() == value.tolist()
            else:
                assert type(mine) is type(value)


@pytest.mark.parametrize("kind", ROWS)
def test_groups_of_named_parameters(torch: Any, kind: str) -> None:
    """Two groups with options of their own, one changed on the way, and a third group later."""

    def groups(library: Any, params: list[Any]) -> list[dict[str, Any]]:
        named = [(f"p{i}", p) for i, p in enumerate(params)]
        return [{"params": named[:1]}, {"params": named[1:3], **made(library, ROWS[kind][2], WITHOUT)}]

    params = [cb.tensor(a, requires_grad=True) for a in arrays(kind, 0, "float64")]
    reference = [torch.tensor(a, requires_grad=True) for a in arrays(kind, 0, "float64")]
    opt = getattr(cb.optim, kind)(groups(cb, params), lr=0.1)
    ref = getattr(torch.optim, kind)(groups(torch, reference), lr=0.1)
    for step in range(20):
        if step == 5:
            for o in (opt, ref):
                o.param_groups[0]["lr"] = 0.3
        if step == 8:
            opt.add_param_group({"params": [("late", params[3])], "lr": 0.02})
            ref.add_param_group({"params": [("late", reference[3])], "lr": 0.02})
        advance(cb, params, opt, kind, step, "float64")
        advance(torch, reference, ref, kind, step, "float64")
    check(kind, params, reference, "float64", opt)
    same_state(opt.state_dict(), ref.state_dict(), "float64")
    assert repr(opt) == repr(ref)


@pytest.mark.parametrize("kind", [k for k in ROWS if k not in ("Adafactor", "Muon")])
def test_complex_parameters(torch: Any, kind: str) -> None:
    start = np.array([1 - 0.5j, 0.3 + 2j, -1j])
    rng = np.random.default_rng(3)
    p, q = cb.tensor(start, requires_grad=True), torch.tensor(start, requires_grad=True)
    option = {"weight_decay": 0.1} if kind != "Rprop" else {}
    opt, ref = (getattr(library.optim, kind)([x], lr=0.1, **option) for library, x in ((cb, p), (torch, q)))
    for _ in range(20):
        g = rng.standard_normal(3) + 1j * rng.standard_normal(3)
        p.grad, q.grad = cb.tensor(g), torch.tensor(g)
        opt.step()
        ref.step()
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-9)
    saved, wanted = opt.state_dict()["state"].get(0, {}), ref.state_dict()["state"].get(0, {})
    for name, value in wanted.items():
        if value is not None:
            np.testing.assert_allclose(saved[name].numpy(), value.numpy(), rtol=1e-9)


# L-BFGS takes a closure.


def start_of(library: Any, dtype: str) -> list[Any]:
    rng = np.random.default_rng(5)
    return [library.tensor(rng.standard_normal(s).astype(dtype), requires_grad=True) for s in [(3, 2), (4,)]]


def closure_of(params: list[Any], opt: Any) -> Callable[[], Any]:
    def closure() -> Any:
        opt.zero_grad()
        a, b = params
        loss = ((a - 1) ** 4).sum() + ((b * b - 2) ** 2).sum() + ((a[0, 0] - b[0]) ** 2) * 3 + (a.sum() - 2) ** 2
        loss.backward()
        return loss

    return closure


@pytest.mark.parametrize("options", LBFGS, ids=lambda o: "-".join(o) or "default")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_lbfgs(torch: Any, options: dict[str, Value], dtype: str) -> None:
    runs = []
    for library in (cb, torch):
        params = start_of(library, dtype)
        opt = library.optim.LBFGS(params, **made(library, options))
        closure = closure_of(params, opt)
        losses, places = [], []
        for _ in range(100):
            losses.append(float(opt.step(closure).detach()))
            places.append(np.concatenate([np.asarray(p.detach().numpy()).ravel() for p in params]))
        state = opt.state_dict()["state"][0]
        runs.append((losses, places, state["n_iter"], state["func_evals"], set(state)))
    ours, theirs = runs
    # Near the minimum differences of gradients are rounding errors, and so is what they say about the curvature.
    rtol, atol = (1e-6, 5e-5) if dtype == "float64" else (2e-2, 1e-2)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=rtol, atol=1e-4 if dtype == "float32" else 1e-9)
    for mine, other in zip(ours[1], theirs[1], strict=True):
        np.testing.assert_allclose(mine, other, rtol=rtol, atol=atol)
    if dtype == "float64":
        assert abs(ours[2] - theirs[2]) <= 2 and abs(ours[3] - theirs[3]) <= 4
    assert ours[4] == theirs[4]


@pytest.mark.parametrize("options", LBFGS, ids=lambda o: "-".join(o) or "default")
def test_lbfgs_resumes_bit_identically(options: dict[str, Value], tmp_path: Path) -> None:
    small = {"max_iter": 3, **options}

    def run(params: list[Any], opt: Any, steps: int) -> bytes:
        for _ in range(steps):
            opt.step(closure_of(params, opt))
        return b"".join(p.numpy(force=True).tobytes() for p in params)

    straight = start_of(cb, "float64")
    whole = run(straight, cb.optim.LBFGS(straight, **made(cb, small)), 8)
    params = start_of(cb, "float64")
    opt = cb.optim.LBFGS(params, **made(cb, small))
    run(params, opt, 3)
    cb.save({"params": [p.detach() for p in params], "optimizer": opt.state_dict()}, tmp_path / "middle.safetensors")
    saved = cb.load(tmp_path / "middle.safetensors")
    params = [p.clone().requires_grad_() for p in saved["params"]]
    opt = cb.optim.LBFGS(params, lr=9.0)
    opt.load_state_dict(saved["optimizer"])
    assert run(params, opt, 5) == whole


@pytest.mark.parametrize("options", LBFGS, ids=lambda o: "-".join(o) or "default")
def test_lbfgs_state_dicts_load_both_ways(torch: Any, options: dict[str, Value]) -> None:
    small = {"max_iter": 3, **options}
    lists = [start_of(library, "float64") for library in (cb, torch)]
    opts = [
        library.optim.LBFGS(params, **made(library, small)) for library, params in zip((cb, torch), lists, strict=True)
    ]
    for params, opt in zip(lists, opts, strict=True):
        for _ in range(2):
            opt.step(closure_of(params, opt))
    saved = [opt.state_dict() for opt in opts]
    taken = cb.optim.LBFGS(lists[0])
    taken.load_state_dict(saved[1])
    back = torch.optim.LBFGS(lists[1])
    back.load_state_dict(as_torch(torch, saved[0]))
    for _ in range(2):
        for params, opt in zip(lists, (taken, back), strict=True):
            opt.step(closure_of(params, opt))
    for p, q in zip(*lists, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-8)


def test_lbfgs_of_complex_parameters(torch: Any) -> None:
    target = np.array([1 + 2j, -0.5j])
    ends = []
    for library in (cb, torch):
        z = library.tensor(np.array([0.1 + 0j, 1 + 1j]), requires_grad=True)
        opt = library.optim.LBFGS([z], line_search_fn="strong_wolfe", max_iter=5)

        def closure(library: Any = library, z: Any = z, opt: Any = opt) -> Any:
            opt.zero_grad()
            d = library.abs(z - library.tensor(target))
            loss = (d**4 + d**2).sum()
            loss.backward()
            return loss

        for _ in range(3):
            opt.step(closure)
        ends.append(z.detach().numpy())
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-9)
