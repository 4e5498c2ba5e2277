"""What all optimizers share, without PyTorch: they descend, resume, copy, and refuse what does not fit."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import candelabra as cb
import pytest
from candelabra import optim
from candelabra.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    CandelabraError,
    DTypeError,
    ShapeError,
    StateDictError,
)
from candelabra.optim.state import TELLING

KINDS: dict[str, dict[str, Any]] = {
    "ASGD": {"lr": 0.1},
    "Adadelta": {"lr": 1.0, "eps": 1e-2},
    "Adafactor": {"lr": 0.1},
    "Adagrad": {"lr": 0.5},
    "Adam": {"lr": 0.1},
    "AdamW": {"lr": 0.1},
    "Adamax": {"lr": 0.1},
    "Muon": {"lr": 0.1},
    "NAdam": {"lr": 0.1},
    "RAdam": {"lr": 0.1},
    "RMSprop": {"lr": 0.05},
    "Rprop": {"lr": 0.1},
    "SGD": {"lr": 0.1},
}


def weights() -> cb.Tensor:
    return cb.tensor([[1.0, -2.0], [0.5, 3.0]], requires_grad=True)


def made(kind: str, **more: Any) -> tuple[cb.Tensor, Any]:
    w = weights()
    return w, getattr(optim, kind)([w], **{**KINDS[kind], **more})


def run(w: cb.Tensor, opt: Any, steps: int) -> float:
    for _ in range(steps):
        opt.zero_grad()
        loss = ((w - 1) ** 2).sum()
        loss.backward()
        opt.step()
    return ((w.detach() - 1) ** 2).sum().item()


def test_the_table_is_whole() -> None:
    exported = {n for n in optim.__all__ if isinstance(getattr(optim, n), type)}
    assert exported == {*KINDS, "LBFGS", "SparseAdam", "Optimizer"}


@pytest.mark.parametrize("kind", KINDS)
def test_descends(kind: str) -> None:
    w, opt = made(kind)
    before = run(w, opt, 0)
    assert run(w, opt, 60) < before / 4


@pytest.mark.parametrize("kind", KINDS)
def test_a_closure_is_called_with_gradients_recorded(kind: str) -> None:
    w, opt = made(kind)

    def closure() -> cb.Tensor:
        opt.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with cb.no_grad():
        assert opt.step(closure).item() == pytest.approx(14.25)
    assert opt.stepped and (w * w).sum().item() != pytest.approx(14.25)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_go_on_alone(kind: str, copied: Any) -> None:
    w, opt = made(kind)
    run(w, opt, 3)
    other = copied(opt)
    [v] = other.param_groups[0]["params"]
    assert run(v, other, 3) == run(w, opt, 3) and v.tolist() == w.tolist()


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_a_gradient_in_memory_changes_nothing(kind: str, dtype: str) -> None:
    ends = []
    for turned in (False, True):
        w = cb.reshape(cb.arange(12, dtype=getattr(cb, dtype)), (3, 4)).requires_grad_()
        opt = getattr(optim, kind)([w], **KINDS[kind])
        for _ in range(2):
            g = cb.cos(w.detach())
            w.grad = g.mT.clone().mT if turned else g
            opt.step()
        ends.append(w.tolist())
    assert ends[0] == ends[1]


@pytest.mark.parametrize("kind", KINDS)
def test_parts_of_a_batch_add_up(kind: str) -> None:
    ends = []
    for parts in (1, 4):
        w, opt = made(kind)
        for _ in range(3):
            opt.zero_grad()
            for _ in range(parts):
                (((w - 1) ** 2).sum() / parts).backward()
            opt.step()
        ends.append(w.tolist())
    assert ends[0] == ends[1]


@pytest.mark.parametrize("kind", KINDS)
def test_state_edited_between_steps_acts(kind: str) -> None:
    w, opt = made(kind)
    run(w, opt, 2)
    opt.state.clear()
    v, fresh = made(kind)
    v.data = w.detach()
    assert run(w, opt, 2) == run(v, fresh, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_hooks_see_every_step(kind: str) -> None:
    w, opt = made(kind)
    seen: list[str] = []
    opt.register_step_pre_hook(lambda *_: seen.append("before"))
    opt.register_step_post_hook(lambda *_: seen.append("after"))
    run(w, opt, 2)
    assert seen == ["before", "after"] * 2


# State dicts that do not fit


def test_the_telling_options_are_those_of_the_optimizers() -> None:
    common = {"lr", "weight_decay", "foreach", "fused", "capturable", "differentiable", "maximize"}
    common |= {"decoupled_weight_decay"}
    options = set().union(*(made(kind)[1].defaults for kind in KINDS), optim.LBFGS([weights()]).defaults)
    assert options - common == TELLING


PAIRS = [(a, b) for a in KINDS for b in KINDS if a != b and {a, b} != {"Adam", "AdamW"}]


@pytest.mark.parametrize(("kind", "other"), PAIRS)
def test_the_state_of_another_kind_is_refused(kind: str, other: str) -> None:
    source, saved = made(other)
    run(source, saved, 1)
    w, opt = made(kind)
    run(w, opt, 1)
    before, after = opt.state_dict(), saved.state_dict()
    if (kind, other) in (("Adam", "RAdam"), ("AdamW", "RAdam")) or (
        kind == "RAdam" and other in ("Adam", "AdamW", "NAdam")
    ):
        # The same state, and no option of the one is missing in the other.
        opt.load_state_dict(after)
        assert opt.state[w]["exp_avg"].tolist() == saved.state[source]["exp_avg"].tolist()
        return
    with pytest.raises(StateDictError, match="another kind of optimizer"):
        opt.load_state_dict(after)
    assert same(opt.state_dict(), before)


def same(one: Any, two: Any) -> bool:
    if isinstance(one, dict):
        return list(one) == list(two) and all(same(one[k], two[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(two) and all(map(same, one, two))
    return one.tolist() == two.tolist() if isinstance(one, cb.Tensor) else one == two


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "SGD"])
def test_the_state_of_another_model_names_group_parameter_and_shapes(kind: str) -> None:
    w, opt = made(kind)
    run(w, opt, 1)
    saved = opt.state_dict()
    v = cb.ones((2, 3), requires_grad=True)
    other = getattr(optim, kind)([("encoder.weight", v)], **KINDS[kind])
    before = other.state_dict()
    with pytest.raises(StateDictError, match=r"parameter 'encoder.weight' of group 0 has shape \(2, 3\).*the saved"):
        other.load_state_dict(saved)
    assert same(other.state_dict(), before)


def test_numbers_of_a_state_are_numbers() -> None:
    w, opt = made("NAdam")
    run(w, opt, 1)
    saved = opt.state_dict()
    saved["state"][0]["mu_product"] = cb.ones(2)
    with pytest.raises(
        StateDictError, match=r"parameter 0 of group 0: the saved mu_product has shape \(2,\); it is one"
    ):
        opt.load_state_dict(saved)
    saved["state"][0]["mu_product"] = 0.25
    opt.load_state_dict(saved)
    assert opt.state[w]["mu_product"].item() == 0.25
    del saved["state"][0]["mu_product"]
    with pytest.raises(StateDictError, match=r"the state has no \['mu_product'\]"):
        opt.load_state_dict(saved)


# Bad arguments

BAD: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("ASGD", {"lr": -1.0}, ArgumentError, "ASGD: lr=-1.0 is not a number of at least 0"),
    ("ASGD", {"lambd": "1"}, ArgumentTypeError, "ASGD: lambd is of type str"),
    ("Adadelta", {"rho": 1.5}, ArgumentError, r"Adadelta: rho=1.5 is not in \[0, 1\]"),
    ("Adadelta", {"eps": -1.0}, ArgumentError, "Adadelta: eps=-1.0 is not"),
    ("Adafactor", {"beta2_decay": 0.5}, ArgumentError, "beta2_decay=0.5 is not a number of at most 0"),
    ("Adafactor", {"d": 0.5}, ArgumentError, "d=0.5 is not a number of at least 1"),
    ("Adafactor", {"eps": 1e-3}, ArgumentError, "eps=0.001 is not a pair of numbers; give"),
    ("Adafactor", {"eps": (-1.0, 1e-3)}, ArgumentError, r"eps\[0\]=-1.0 is not"),
    ("Adagrad", {"initial_accumulator_value": -1}, ArgumentError, "initial_accumulator_value=-1 is not"),
    ("Adagrad", {"lr_decay": -1}, ArgumentError, "lr_decay=-1 is not"),
    ("Adagrad", {"fused": True, "foreach": True}, ArgumentError, "exclude each other"),
    ("Adamax", {"betas": (0.9, 1.0)}, ArgumentError, r"Adamax: betas\[1\]=1.0 is not in \[0, 1\)"),
    ("Muon", {"ns_steps": 100}, ArgumentError, "ns_steps=100 is not an integer between 0 and 99"),
    ("Muon", {"ns_coefficients": (1.0, 2.0)}, ArgumentError, r"ns_coefficients=\(1.0, 2.0\) are not three numbers"),
    ("Muon", {"adjust_lr_fn": "mine"}, ArgumentError, "adjust_lr_fn='mine' is none of 'original'"),
    ("NAdam", {"momentum_decay": -1.0}, ArgumentError, "momentum_decay=-1.0 is not"),
    ("NAdam", {"differentiable": True}, ArgumentError, "NAdam: differentiable=True is not available"),
    ("RAdam", {"betas": 0.9}, ArgumentError, "RAdam: betas=0.9 is not a pair"),
    ("RMSprop", {"alpha": -0.1}, ArgumentError, "RMSprop: alpha=-0.1 is not"),
    ("RMSprop", {"momentum": -0.1}, ArgumentError, "momentum=-0.1 is not"),
    ("Rprop", {"etas": (1.2, 0.5)}, ArgumentError, r"etas=\(1.2, 0.5\) does not fulfil 0 < etas\[0\] < 1 < etas\[1\]"),
    ("Rprop", {"step_sizes": (1e-6,)}, ArgumentError, "step_sizes=.* is not a pair"),
    (
        "LBFGS",
        {"line_search_fn": "armijo"},
        ArgumentError,
        "line_search_fn='armijo' is neither 'strong_wolfe' nor None",
    ),
    ("LBFGS", {"max_iter": 2.5}, ArgumentError, "max_iter=2.5 is not an integer of at least 0"),
    ("LBFGS", {"history_size": 0}, ArgumentError, "history_size=0 is not an integer of at least 1"),
    ("LBFGS", {"lr": -1}, ArgumentError, "LBFGS: lr=-1 is not"),
    ("SparseAdam", {}, ArgumentError, "all gradients here are dense; use Adam"),
]


@pytest.mark.parametrize(("kind", "options", "error", "text"), BAD)
def test_bad_arguments(kind: str, options: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        getattr(optim, kind)([weights()], **options)


def test_parameters_that_an_optimizer_cannot_take() -> None:
    with pytest.raises(
        ShapeError, match=r"Muon: parameter 0 has shape \(3,\), and only matrices can be made orthogonal"
    ):
        optim.Muon([cb.ones(3, requires_grad=True)])
    z = cb.ones((2, 2), dtype=cb.complex64, requires_grad=True)
    with pytest.raises(DTypeError, match=r"Muon: parameter 0, shape .* must be real"):
        optim.Muon([z])
    with pytest.raises(
        DTypeError, match=r"Adafactor: parameter 0, .*complex parameters have no factored second moment"
    ):
        optim.Adafactor([z])
    opt = optim.Muon([weights()])
    with pytest.raises(ShapeError):
        opt.add_param_group({"params": [cb.ones(3, requires_grad=True)]})
    assert len(opt.param_groups) == 1


# L-BFGS


def rosenbrock(w: cb.Tensor) -> cb.Tensor:
    return (1 - w[0]) ** 2 + 100 * (w[1] - w[0] * w[0]) ** 2


def test_lbfgs_finds_the_end_of_the_valley() -> None:
    w = cb.tensor([-1.2, 1.0], dtype=cb.float64, requires_grad=True)
    opt = optim.LBFGS([w], max_iter=100, line_search_fn="strong_wolfe")
    calls: list[int] = []

    def closure() -> cb.Tensor:
        calls.append(1)
        opt.zero_grad()
        loss = rosenbrock(w)
        loss.backward()
        return loss

    first = opt.step(closure)
    assert first.item() == pytest.approx(24.2)
    assert w.tolist() == pytest.approx([1.0, 1.0], abs=1e-3)
    assert opt.state[w]["func_evals"] == len(calls) and opt.state[w]["n_iter"] < 60
    # At the minimum there is nothing left to do.
    before = len(calls)
    opt.step(closure)
    assert len(calls) - before <= 3


def test_lbfgs_needs_a_closure_and_one_group() -> None:
    opt = optim.LBFGS([weights()])
    with pytest.raises(ArgumentTypeError, match=r"LBFGS\.step: needs a closure that clears the gradients"):
        opt.step()
    with pytest.raises(ArgumentTypeError, match="the closure returned None; it returns the loss"):
        opt.step(lambda: None)
    with pytest.raises(ArgumentError, match="LBFGS: there is one parameter group"):
        opt.add_param_group({"params": [weights()]})
    with pytest.raises(ArgumentError, match="there is one parameter group"):
        optim.LBFGS([{"params": [weights()]}, {"params": [weights()]}])


def test_lbfgs_puts_parameters_back_where_the_loss_fails() -> None:
    w = weights()
    opt = optim.LBFGS([w], line_search_fn="strong_wolfe")
    calls: list[int] = []

    def closure() -> cb.Tensor:
        calls.append(1)
        if len(calls) == 2:
            raise OSError("the data are gone")
        opt.zero_grad()
        loss = (w**4).sum()
        loss.backward()
        return loss

    before = w.tolist()
    with pytest.raises(OSError, match="the data are gone"):
        opt.step(closure)
    assert w.tolist() == before


def test_lbfgs_refuses_the_state_of_another_model() -> None:
    w = weights()
    opt = optim.LBFGS([w])

    def closure() -> cb.Tensor:
        opt.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    opt.step(closure)
    other = optim.LBFGS([cb.ones(3, requires_grad=True)])
    with pytest.raises(StateDictError, match=r"the saved d has shape \(4,\), the parameters together 3 elements"):
        other.load_state_dict(opt.state_dict())
    with pytest.raises(StateDictError, match="another kind of optimizer"):
        other.load_state_dict(made("Adam")[1].state_dict())
    assert other.param_groups[0]["lr"] == 1 and not other.state_dict()["state"]


# Other parameters for a while


def test_swapped_in_parameters_and_state_leave_the_optimizer_as_it_was() -> None:
    w, opt = made("Adam")
    run(w, opt, 2)
    saved, before = opt.state_dict(), w.tolist()
    v = weights()
    swapped = opt.state_dict()
    swapped["param_groups"][0]["lr"] = 0.5
    with optim.swap_in_optimizer_params_and_state(opt, {"w": v}, swapped):
        assert opt.param_groups[0]["params"] == [v] and opt.param_groups[0]["lr"] == 0.5
        run(v, opt, 1)
    assert w.tolist() == before and v.tolist() != weights().tolist()
    assert same(opt.state_dict(), saved) and opt.param_groups[0]["params"][0] is w
    assert swapped["state"][0]["step"].item() == 3.0
    with pytest.raises(RuntimeError, match="inside"), optim.swap_in_optimizer_params_and_state(opt, {"w": v}, saved):
        raise RuntimeError("inside")
    assert same(opt.state_dict(), saved)


@pytest.mark.parametrize(
    ("parameters", "change", "text"),
    [
        ([1], lambda d: None, "swapin_parameters is a dict of tensors by name"),
        ({}, lambda d: None, "has 1 parameters; swapin_optim_state has 1 there, and swapin_parameters 0 left"),
        (None, lambda d: d.pop("state"), "with 'state' and 'param_groups'"),
        (None, lambda d: d["param_groups"].clear(), "has 0 parameter groups, the optimizer has 1"),
        (None, lambda d: d["param_groups"][0].pop("lr"), r"group 0 of swapin_optim_state has \['amsgrad'"),
        (None, lambda d: d["state"].update({7: {}}), r"has state of \[7\], which are in no group"),
    ],
)
def test_what_cannot_be_swapped_in(parameters: Any, change: Any, text: str) -> None:
    w, opt = made("Adam")
    run(w, opt, 1)
    saved = opt.state_dict()
    change(saved)
    given: Any = {"w": weights()} if parameters is None else parameters
    with pytest.raises(CandelabraError, match=text), optim.swap_in_optimizer_params_and_state(opt, given, saved):
        pass
    assert opt.param_groups[0]["params"][0] is w
    fresh = made("Adam")[1]
    with (
        pytest.raises(ArgumentError, match="no state yet"),
        optim.swap_in_optimizer_params_and_state(fresh, {"w": w}, saved),
    ):
        pass
