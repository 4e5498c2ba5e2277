"""Optimizers and schedulers against PyTorch's: trajectories, state dicts both ways, texts of `repr`."""

from __future__ import annotations

from typing import Any

import candelabra as cb
import numpy as np
import pytest

SHAPES = [(4, 3), (5,), (), (2, 1, 3)]
STEPS = 24

SGD_OPTIONS = [
    {},
    {"weight_decay": 0.1},
    {"momentum": 0.9},
    {"momentum": 0.9, "dampening": 0.3},
    {"momentum": 0.9, "nesterov": True},
    {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1},
]
ADAM_OPTIONS = [
    {},
    {"weight_decay": 0.1},
    {"amsgrad": True},
    {"amsgrad": True, "weight_decay": 0.1},
    {"betas": (0.5, 0.7), "eps": 1e-3},
    {"betas": (0.0, 0.0)},
]
CASES = [
    (kind, {**options, "lr": 0.05, "maximize": maximize})
    for kind, table in [("SGD", SGD_OPTIONS), ("Adam", ADAM_OPTIONS), ("AdamW", ADAM_OPTIONS)]
    for options in table
    for maximize in (False, True)
]
NAMES = [f"{kind}-{'-'.join(f'{k}={v}' for k, v in options.items())}" for kind, options in CASES]


def starts(dtype: str) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [np.asarray(rng.standard_normal(shape)).astype(dtype) for shape in SHAPES]


def gradients(step: int, dtype: str) -> list[np.ndarray | None]:
    """Gradients of one step; the second parameter has none at every third."""
    rng = np.random.default_rng(100 + step)
    grads: list[np.ndarray | None] = [np.asarray(rng.standard_normal(shape)).astype(dtype) for shape in SHAPES]
    if step % 3 == 0:
        grads[1] = None
    return grads


class Pair:
    """The same parameters and optimizer in both libraries."""

    def __init__(self, torch: Any, kind: str, options: dict[str, Any], dtype: str = "float64") -> None:
        self.dtype = dtype
        self.torch = torch
        self.ours = [cb.tensor(a, requires_grad=True) for a in starts(dtype)]
        self.theirs = [torch.tensor(a, requires_grad=True) for a in starts(dtype)]
        self.opt = getattr(cb.optim, kind)(self.ours, **options)
        self.ref = getattr(torch.optim, kind)(self.theirs, **options)

    def step(self, number: int) -> None:
        for p, q, g in zip(self.ours, self.theirs, gradients(number, self.dtype)):
            p.grad = None if g is None else cb.tensor(g)
            q.grad = None if g is None else self.torch.tensor(g)
        self.opt.step()
        self.ref.step()

    def check(self) -> None:
        rtol = 1e-10 if self.dtype == "float64" else 2e-5
        for p, q in zip(self.ours, self.theirs):
            np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=rtol, atol=rtol)


def same_state(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert ours["param_groups"] == theirs["param_groups"]
    assert [list(g) for g in ours["param_groups"]] == [list(g) for g in theirs["param_groups"]]
    assert ours["state"].keys() == theirs["state"].keys()
    for number, entry in theirs["state"].items():
        assert list(ours["state"][number]) == list(entry)
        for name, value in entry.items():
            mine = ours["state"][number][name]
            assert str(mine.dtype).rpartition(".")[2] == str(value.dtype).rpartition(".")[2]
            np.testing.assert_allclose(mine.numpy(), value.numpy(), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(("kind", "options"), CASES, ids=NAMES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_trajectory(torch: Any, kind: str, options: dict[str, Any], dtype: str) -> None:
    pair = Pair(torch, kind, options, dtype)
    for number in range(STEPS):
        pair.step(number)
        pair.check()
    same_state(pair.opt.state_dict(), pair.ref.state_dict())


@pytest.mark.parametrize(("kind", "options"), CASES, ids=NAMES)
def test_state_dicts_load_both_ways(torch: Any, kind: str, options: dict[str, Any]) -> None:
    pair = Pair(torch, kind, options)
    for number in range(7):
        pair.step(number)

    fresh = getattr(cb.optim, kind)(pair.ours, lr=9.0)
    fresh.load_state_dict(pair.ref.state_dict())
    same_state(fresh.state_dict(), pair.ref.state_dict())

    back = getattr(torch.optim, kind)(pair.theirs, lr=9.0)
    ours = pair.opt.state_dict()
    as_torch = {
        n: {k: torch.tensor(np.array(v.numpy())) for k, v in entry.items()} for n, entry in ours["state"].items()
    }
    back.load_state_dict({"state": as_torch, "param_groups": ours["param_groups"]})
    pair.opt, pair.ref = fresh, back
    for number in range(7, 14):
        pair.step(number)
        pair.check()


@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW"])
def test_groups_and_options_changed_on_the_way(torch: Any, kind: str) -> None:
    a, b = starts("float64")[:2]
    ours = [cb.tensor(x, requires_grad=True) for x in (a, b)]
    theirs = [torch.tensor(x, requires_grad=True) for x in (a, b)]
    option = {"momentum": 0.5} if kind == "SGD" else {"betas": (0.8, 0.9)}

    def groups(params: list[Any]) -> list[dict[str, Any]]:
        return [{"params": [params[0]], "lr": 0.3}, {"params": [params[1]], **option}]

    opt = getattr(cb.optim, kind)(groups(ours), lr=0.1, weight_decay=0.01)
    ref = getattr(torch.optim, kind)(groups(theirs), lr=0.1, weight_decay=0.01)
    assert repr(opt) == repr(ref)
    for number in range(20):
        if number == 8:
            for o in (opt, ref):
                o.param_groups[1]["lr"] = 0.7
                o.param_groups[0]["weight_decay"] = 0.2
                o.param_groups[0]["maximize"] = True
        for p, q, g in zip(ours, theirs, gradients(3 * number + 1, "float64")):
            p.grad, q.grad = cb.tensor(g), torch.tensor(g)
        opt.step()
        ref.step()
        for p, q in zip(ours, theirs):
            np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-10)
    same_state(opt.state_dict(), ref.state_dict())


def test_a_tensor_learning_rate(torch: Any) -> None:
    p = cb.tensor([1.0, 2.0], requires_grad=True)
    q = torch.tensor([1.0, 2.0], requires_grad=True)
    opt = cb.optim.SGD([p], lr=cb.tensor(0.5))
    ref = torch.optim.SGD([q], lr=torch.tensor(0.5))
    scheduler, reference = cb.optim.lr_scheduler.StepLR(opt, 1, 0.5), torch.optim.lr_scheduler.StepLR(ref, 1, 0.5)
    for _ in range(4):
        p.grad, q.grad = cb.ones(2), torch.ones(2)
        opt.step()
        ref.step()
        scheduler.step()
        reference.step()
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-6)
        assert float(opt.param_groups[0]["lr"]) == float(ref.param_groups[0]["lr"])
        assert float(scheduler.get_last_lr()[0]) == float(reference.get_last_lr()[0])


SCHEDULES = [
    ("StepLR", {"step_size": 3, "gamma": 0.5}),
    ("StepLR", {"step_size": 1}),
    ("LambdaLR", {"lr_lambda": lambda epoch: 0.9**epoch}),
    ("LambdaLR", {"lr_lambda": [lambda epoch: 1 / (1 + epoch), lambda epoch: epoch // 3]}),
    ("CosineAnnealingLR", {"T_max": 5}),
    ("CosineAnnealingLR", {"T_max": 4, "eta_min": 0.02}),
]


def two_groups(library: Any) -> tuple[Any, Any]:
    params = [library.ones(2, requires_grad=True), library.ones(3, requires_grad=True)]
    groups = [{"params": [params[0]], "lr": 0.4}, {"params": [params[1]]}]
    return params, library.optim.SGD(groups, lr=0.1)


def advance(library: Any, params: Any, opt: Any, scheduler: Any) -> list[float]:
    for p in params:
        p.grad = library.ones_like(p.detach())
    opt.step()
    scheduler.step()
    assert [g["lr"] for g in opt.param_groups] == scheduler.get_last_lr()
    return scheduler.get_last_lr()


@pytest.mark.parametrize(("kind", "options"), SCHEDULES)
def test_schedule_and_its_state_dict(torch: Any, kind: str, options: dict[str, Any]) -> None:
    params, opt = two_groups(cb)
    theirs, ref = two_groups(torch)
    ours = getattr(cb.optim.lr_scheduler, kind)(opt, **options)
    reference = getattr(torch.optim.lr_scheduler, kind)(ref, **options)
    for _ in range(12):
        assert advance(cb, params, opt, ours) == advance(torch, theirs, ref, reference)
    assert ours.state_dict() == reference.state_dict()
    assert ours.last_epoch == 12

    # Another pair of optimizers takes over from the two state dicts, each library reading the other's.
    params, opt2 = two_groups(cb)
    scheduler = getattr(cb.optim.lr_scheduler, kind)(opt2, **options)
    scheduler.load_state_dict(reference.state_dict())
    opt2.load_state_dict(ref.state_dict())
    theirs, ref2 = two_groups(torch)
    scheduler2 = getattr(torch.optim.lr_scheduler, kind)(ref2, **options)
    scheduler2.load_state_dict(ours.state_dict())
    ref2.load_state_dict(opt.state_dict())
    for _ in range(6):
        assert advance(cb, params, opt2, scheduler) == advance(torch, theirs, ref2, scheduler2)


@pytest.mark.parametrize(("kind", "options"), SCHEDULES)
def test_resuming_by_last_epoch(torch: Any, kind: str, options: dict[str, Any]) -> None:
    rates = []
    for library in (cb, torch):
        params, opt = two_groups(library)
        for group in opt.param_groups:
            group["initial_lr"] = group["lr"]
        scheduler = getattr(library.optim.lr_scheduler, kind)(opt, **options, last_epoch=6)
        rates.append([scheduler.get_last_lr(), *(list(advance(library, params, opt, scheduler)) for _ in range(6))])
    assert rates[0] == rates[1]


@pytest.mark.parametrize(("kind", "options"), SCHEDULES)
def test_the_closed_formula(torch: Any, kind: str, options: dict[str, Any]) -> None:
    rates = []
    for library in (cb, torch):
        _, opt = two_groups(library)
        scheduler = getattr(library.optim.lr_scheduler, kind)(opt, **options)
        opt.step()
        for epoch in (3, 1, 7):
            with pytest.warns(UserWarning):
                scheduler.step(epoch)
            rates.append(scheduler.get_last_lr())
    assert rates[:3] == rates[3:]


def test_chained_schedulers(torch: Any) -> None:
    rates = []
    for library in (cb, torch):
        params, opt = two_groups(library)
        schedulers = library.optim.lr_scheduler
        first, second = schedulers.CosineAnnealingLR(opt, T_max=6), schedulers.StepLR(opt, step_size=2, gamma=0.5)
        for _ in range(8):
            advance(library, params, opt, first)
            second.step()
            rates.append(second.get_last_lr())
    assert rates[:8] == rates[8:]


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_complex_parameters(torch: Any, kind: str) -> None:
    p = cb.ones(2, dtype=cb.complex64, requires_grad=True)
    q = torch.ones(2, dtype=torch.complex64, requires_grad=True)
    opt, ref = getattr(cb.optim, kind)([p], lr=0.1), getattr(torch.optim, kind)([q], lr=0.1)
    for number in range(20):
        p.grad, q.grad = cb.tensor([1 + 2j * number, 0.5j]), torch.tensor([1 + 2j * number, 0.5j])
        opt.step()
        ref.step()
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_state_of_sixteen_bits_loads(torch: Any, dtype: str) -> None:
    q = torch.ones(3, dtype=getattr(torch, dtype), requires_grad=True)
    ref = torch.optim.Adam([q], lr=0.1)
    q.grad = torch.tensor([1.0, -0.3, 0.01], dtype=q.dtype)
    ref.step()
    opt = cb.optim.Adam([cb.ones(3, dtype=getattr(cb, dtype), requires_grad=True)])
    opt.load_state_dict(ref.state_dict())
    for name, value in ref.state_dict()["state"][0].items():
        mine = opt.state_dict()["state"][0][name]
        assert mine.dtype == (cb.float32 if name == "step" else getattr(cb, dtype))
        assert mine.tolist() == value.tolist()
