"""Optimizers without PyTorch: values by hand, groups, state, hooks, state dicts and errors."""

from __future__ import annotations

import copy
import math
import pickle

import candelabra as cb
import pytest
from candelabra.core.errors import ArgumentError, ArgumentTypeError, CandelabraError, ShapeError, StateDictError
from candelabra.optim import SGD, Adam, AdamW, Optimizer


def leaf(*values: float) -> cb.Tensor:
    return cb.tensor(list(values), requires_grad=True)


def give(p: cb.Tensor, *values: float) -> None:
    p.grad = cb.tensor(list(values))


def test_sgd_by_hand() -> None:
    p = leaf(1.0, 2.0)
    opt = SGD([p], lr=0.5, weight_decay=0.5)
    give(p, 1.0, -1.0)
    opt.step()
    assert p.tolist() == [1 - 0.5 * 1.5, 2 - 0.5 * 0.0]


def test_momentum_by_hand() -> None:
    p = leaf(0.0)
    opt = SGD([p], lr=1.0, momentum=0.5, dampening=0.25)
    for g, expected in [(1.0, -1.0), (2.0, -1 - (0.5 + 1.5)), (0.0, -3 - 1.0)]:
        give(p, g)
        opt.step()
        assert p.item() == expected
    assert opt.state[p]["momentum_buffer"].item() == 1.0


def test_nesterov_by_hand() -> None:
    p = leaf(0.0)
    opt = SGD([p], lr=1.0, momentum=0.5, nesterov=True, maximize=True)
    give(p, 1.0)
    opt.step()
    assert p.item() == 1.5


@pytest.mark.parametrize("kind", [Adam, AdamW])
def test_adam_by_hand(kind: type[Adam]) -> None:
    p = leaf(1.0)
    opt = kind([p], lr=0.1, betas=(0.5, 0.75), eps=0.0, weight_decay=0.5)
    x, m, v = 1.0, 0.0, 0.0
    for t in range(1, 5):
        g = float(t)
        give(p, g)
        opt.step()
        if kind is AdamW:
            x -= 0.1 * 0.5 * x
        else:
            g += 0.5 * x
        m, v = 0.5 * m + 0.5 * g, 0.75 * v + 0.25 * g * g
        x -= 0.1 * (m / (1 - 0.5**t)) / math.sqrt(v / (1 - 0.75**t))
        assert p.item() == pytest.approx(x, rel=1e-5)
    assert opt.state[p]["step"].item() == 4.0


def test_parameters_keep_their_identity_and_snapshots_their_values() -> None:
    p = leaf(1.0)
    before = p.detach()
    opt = SGD([p], lr=1.0)
    give(p, 1.0)
    opt.step()
    assert before.item() == 1.0 and p.item() == 0.0 and p.is_leaf and p.requires_grad


def test_a_gradient_is_not_written() -> None:
    p, q = leaf(1.0, 1.0), leaf(1.0, 1.0)
    shared = cb.ones(2)
    p.grad = q.grad = shared
    opt = SGD([p, q], lr=1.0, momentum=0.9, weight_decay=0.1)
    for _ in range(3):
        opt.step()
    assert shared.tolist() == [1.0, 1.0]


def test_parameters_without_a_gradient_are_left_alone() -> None:
    p, q, frozen = leaf(1.0), leaf(1.0), cb.tensor([1.0])
    opt = Adam([p, q, frozen], lr=0.1, weight_decay=0.1)
    opt.step()
    assert opt.state_dict()["state"] == {}
    for who in (p, q, p):
        opt.zero_grad()
        give(who, 1.0)
        opt.step()
    counts = [opt.state[x]["step"].item() for x in (p, q)]
    assert counts == [2.0, 1.0] and frozen.item() == 1.0 and frozen not in opt.state


def test_zero_grad() -> None:
    p, q = leaf(1.0), leaf(1.0)
    opt = SGD([p, q], lr=1.0)
    give(p, 3.0)
    opt.zero_grad(set_to_none=False)
    assert p.grad is not None and p.grad.item() == 0.0 and q.grad is None
    opt.zero_grad()
    assert p.grad is None


def test_closure_runs_with_gradients_and_its_loss_comes_back() -> None:
    p = leaf(3.0)
    opt = SGD([p], lr=0.5)

    def closure() -> cb.Tensor:
        opt.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with cb.no_grad():
        assert opt.step(closure).item() == 9.0
    assert p.item() == 0.0


def test_groups_have_their_own_options() -> None:
    p, q = leaf(1.0), leaf(1.0)
    given = {"params": q, "lr": 0.25}
    opt = SGD([{"params": [p]}, given], lr=1.0)
    assert opt.param_groups[1] is given and given["momentum"] == 0 and given["params"] == [q]
    for x in (p, q):
        give(x, 1.0)
    given["lr"] = 0.5
    opt.step()
    assert (p.item(), q.item()) == (0.0, 0.5)
    r = leaf(1.0)
    opt.add_param_group({"params": [r], "lr": 2.0})
    give(r, 1.0)
    opt.zero_grad()
    give(r, 1.0)
    opt.step()
    assert (p.item(), r.item()) == (0.0, -1.0)


def test_named_parameters_keep_their_names() -> None:
    opt = SGD([("weight", leaf(1.0)), ("bias", leaf(2.0))], lr=1.0)
    assert opt.param_groups[0]["param_names"] == ["weight", "bias"]
    assert opt.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]


def test_repr() -> None:
    assert repr(SGD([leaf(1.0)], lr=0.5)).splitlines() == [
        "SGD (",
        "Parameter Group 0",
        "    dampening: 0",
        "    differentiable: False",
        "    foreach: None",
        "    fused: None",
        "    lr: 0.5",
        "    maximize: False",
        "    momentum: 0",
        "    nesterov: False",
        "    weight_decay: 0",
        ")",
    ]


# State


def test_state_read_between_steps_stays_current() -> None:
    p = leaf(1.0)
    opt = Adam([p], lr=0.1)
    for count in range(1, 4):
        give(p, 1.0)
        opt.step()
        if count == 1:
            mine = opt.state[p]
            step, mean = mine["step"], mine["exp_avg"]
        assert mine["step"] is step and step.item() == float(count)
        assert mine["exp_avg"] is mean
    assert mean.item() == pytest.approx(1 - 0.9**3)
    assert (step.dtype, step.shape, step.device) == (cb.float32, (), cb.device("cpu"))


def test_state_may_be_edited() -> None:
    p = leaf(0.0)
    opt = SGD([p], lr=1.0, momentum=0.5)
    give(p, 1.0)
    opt.step()
    opt.state[p]["momentum_buffer"] = cb.tensor([4.0])
    opt.step()
    assert p.item() == -1.0 - 3.0
    del opt.state[p]
    opt.step()
    assert p.item() == -4.0 - 1.0


def test_amsgrad_may_be_switched_on_later() -> None:
    p = leaf(1.0)
    opt = Adam([p], lr=0.1)
    give(p, 1.0)
    opt.step()
    opt.param_groups[0]["amsgrad"] = True
    opt.step()
    assert opt.state[p]["max_exp_avg_sq"].item() == opt.state[p]["exp_avg_sq"].item()


def test_state_follows_the_dtype_of_its_parameter() -> None:
    p = leaf(1.0)
    opt = SGD([p], lr=0.1, momentum=0.9)
    give(p, 1.0)
    opt.step()
    buffer = opt.state[p]["momentum_buffer"]
    opt.state_dict()
    p.data = p.detach().to(cb.float64)
    p.grad = cb.ones(1, dtype=cb.float64)
    opt.step()
    assert buffer.dtype == cb.float64 and p.dtype == cb.float64


def test_a_state_dict_is_a_snapshot() -> None:
    p = leaf(1.0)
    opt = Adam([p], lr=0.1)
    give(p, 1.0)
    opt.step()
    saved = opt.state_dict()
    before = saved["state"][0]["exp_avg"].item(), saved["state"][0]["step"].item()
    opt.step()
    assert (saved["state"][0]["exp_avg"].item(), saved["state"][0]["step"].item()) == before


def test_state_dict_resumes() -> None:
    runs = []
    for resume in (False, True):
        p, q = leaf(1.0, -1.0), leaf(2.0)
        opt = AdamW([{"params": [p]}, {"params": [q], "amsgrad": True}], lr=0.1)
        for step in range(6):
            if resume and step == 3:
                saved = opt.state_dict()
                opt = AdamW([{"params": [p]}, {"params": [q]}], lr=9.0)
                opt.load_state_dict(saved)
            give(p, 1.0, float(step))
            give(q, -float(step))
            opt.step()
        runs.append((p.tolist(), q.tolist()))
    assert runs[0] == runs[1]


def test_a_number_as_step_count_loads() -> None:
    p = leaf(1.0)
    opt = Adam([p])
    give(p, 1.0)
    opt.step()
    saved = opt.state_dict()
    saved["state"][0]["step"] = 7
    opt.load_state_dict(saved)
    opt.step()
    assert opt.state[p]["step"].item() == 8.0


def test_options_that_a_state_dict_lacks_stay() -> None:
    opt = SGD([leaf(1.0)], lr=0.5, nesterov=True, momentum=0.9)
    saved = opt.state_dict()
    for name in ("maximize", "nesterov"):
        del saved["param_groups"][0][name]
    opt.load_state_dict(saved)
    assert opt.param_groups[0]["nesterov"] is True


def test_an_adam_state_dict_decays_as_adamw_once_loaded_there() -> None:
    opt = AdamW([leaf(1.0)])
    opt.load_state_dict(Adam([leaf(1.0)]).state_dict())
    assert opt.param_groups[0]["decoupled_weight_decay"] is True


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_go_on_alone(copied) -> None:
    p = leaf(1.0)
    opt = Adam([p], lr=0.1)
    give(p, 1.0)
    opt.step()
    other = copied(opt)
    [q] = other.param_groups[0]["params"]
    give(q, 1.0)
    other.step()
    assert other.state[q]["step"].item() == 2.0 and opt.state[p]["step"].item() == 1.0
    opt.step()
    assert q.item() == p.item()


# Hooks


def test_step_hooks() -> None:
    p = leaf(1.0)
    opt = SGD([p], lr=1.0)
    give(p, 1.0)
    calls: list[str] = []
    first = opt.register_step_pre_hook(lambda o, args, kwargs: calls.append(f"pre {p.item()}"))
    opt.register_step_post_hook(lambda o, args, kwargs: calls.append(f"post {p.item()}"))
    opt.step()
    first.remove()
    opt.step()
    assert calls == ["pre 1.0", "post 0.0", "post -1.0"]
    opt.register_step_pre_hook(lambda o, args, kwargs: ((lambda: "changed",), {}))
    assert opt.step() == "changed"
    opt.register_step_pre_hook(lambda o, args, kwargs: 3)
    with pytest.raises(ArgumentTypeError, match="pre-hook returned int"):
        opt.step()


def test_state_dict_hooks() -> None:
    opt = SGD([leaf(1.0)], lr=1.0)
    order: list[str] = []
    opt.register_state_dict_pre_hook(lambda o: order.append("second"))
    opt.register_state_dict_pre_hook(lambda o: order.append("first"), prepend=True)
    opt.register_state_dict_post_hook(lambda o, d: {**d, "extra": 1})
    saved = opt.state_dict()
    assert order == ["first", "second"] and saved["extra"] == 1
    opt.register_load_state_dict_pre_hook(lambda o, d: {**d, "param_groups": [{**d["param_groups"][0], "lr": 5.0}]})
    opt.register_load_state_dict_post_hook(lambda o: order.append("loaded"))
    opt.load_state_dict(saved)
    assert opt.param_groups[0]["lr"] == 5.0 and order[-1] == "loaded"


class Sign(Optimizer):
    """An optimizer as users of PyTorch write them."""

    def __init__(self, params, lr: float = 0.1) -> None:
        super().__init__(params, {"lr": lr})

    @cb.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                state["count"] = state.get("count", 0) + 1
                p -= group["lr"] * cb.sign(p.grad)


def test_an_optimizer_of_ones_own() -> None:
    p = leaf(1.0, 1.0)
    opt = Sign([p], lr=0.5)
    calls: list[int] = []
    opt.register_step_post_hook(lambda o, args, kwargs: calls.append(1))
    give(p, 3.0, -3.0)
    opt.step()
    assert p.tolist() == [0.5, 1.5] and calls == [1] and opt.stepped
    other = Sign([p])
    other.load_state_dict(opt.state_dict())
    assert other.state[p]["count"] == 1 and other.param_groups[0]["lr"] == 0.5


def test_an_optimizer_without_an_update_says_so() -> None:
    p = leaf(1.0)
    give(p, 1.0)
    with pytest.raises(CandelabraError, match="Optimizer defines neither step nor update"):
        Optimizer([p], {}).step()


# Errors

BAD = [
    (lambda: SGD([]), ArgumentError, "SGD: the parameter list is empty; pass model.parameters"),
    (lambda: SGD(leaf(1.0)), ArgumentTypeError, r"params is a single Tensor; give a list of tensors: SGD\(\[tensor\]"),
    (lambda: SGD({leaf(1.0)}), ArgumentTypeError, "params is a set, whose order changes between runs; give a list"),
    (lambda: SGD({"w": leaf(1.0)}), ArgumentTypeError, "params is a dict; give its values"),
    (lambda: SGD(3), ArgumentTypeError, "params is of type int; give a list of tensors"),
    (lambda: SGD([leaf(1.0), "b"]), ArgumentTypeError, "parameter 1 is of type str; give tensors"),
    (lambda: SGD([leaf(1.0) * 2]), ArgumentError, r"parameter 0, shape \(1,\), is not a leaf.*p.detach\(\)"),
    (lambda: SGD([("w", leaf(1.0)), leaf(2.0)]), ArgumentError, "some parameters have names and some have none"),
    (lambda: SGD([{"params": [leaf(1.0)]}, leaf(2.0)]), ArgumentTypeError, "a parameter group is a dict"),
    (lambda: SGD([{"lr": 0.1}]), ArgumentError, r"has no 'params'; it has \['lr'\]"),
    (lambda: SGD([leaf(1.0)], lr=-0.1), ArgumentError, "SGD: lr=-0.1 is not a number of at least 0"),
    (lambda: SGD([leaf(1.0)], lr=math.nan), ArgumentError, "lr=nan is not"),
    (lambda: SGD([leaf(1.0)], lr="0.1"), ArgumentTypeError, "lr is of type str; give a number"),
    (lambda: SGD([leaf(1.0)], lr=cb.ones(2)), ArgumentError, r"lr is a tensor of shape \(2,\)"),
    (lambda: SGD([leaf(1.0)], momentum=-1), ArgumentError, "momentum=-1 is not"),
    (lambda: SGD([leaf(1.0)], weight_decay=-1), ArgumentError, "weight_decay=-1 is not"),
    (lambda: SGD([leaf(1.0)], nesterov=True), ArgumentError, "nesterov=True needs momentum > 0 and dampening=0"),
    (lambda: SGD([{"params": [leaf(1.0)], "lr": -1.0}]), ArgumentError, "lr=-1.0 is not"),
    (lambda: SGD([leaf(1.0)], differentiable=True), ArgumentError, "differentiable=True is not available, since"),
    (lambda: SGD([leaf(1.0)], fused=True, foreach=True), ArgumentError, "exclude each other"),
    (lambda: Adam([leaf(1.0)], betas=(0.9, 1.0)), ArgumentError, r"Adam: betas\[1\]=1.0 is not in \[0, 1\)"),
    (lambda: Adam([leaf(1.0)], betas=0.9), ArgumentError, "betas=0.9 is not a pair"),
    (lambda: AdamW([leaf(1.0)], eps=-1e-8), ArgumentError, "AdamW: eps=-1e-08 is not"),
    (lambda: Adam([leaf(1.0)], weight_decay=-1.0), ArgumentError, "weight_decay=-1.0 is not"),
    (lambda: Adam([leaf(1.0)], differentiable=True), ArgumentError, "differentiable=True is not available"),
]


@pytest.mark.parametrize(("make", "error", "text"), BAD)
def test_bad_arguments(make, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()


def test_implementation_options_are_accepted() -> None:
    for options in ({"foreach": True}, {"fused": True}):
        p = leaf(1.0)
        give(p, 1.0)
        SGD([p], lr=1.0, **options).step()
        assert p.item() == 0.0
    opt = Adam([p], capturable=True, fused=True)
    assert opt.state_dict()["param_groups"][0]["capturable"] is True


def test_duplicates_are_refused_and_leave_the_optimizer_as_it_was() -> None:
    p = leaf(1.0)
    with pytest.raises(ArgumentError, match=r"parameter 1, shape \(1,\), appears twice"):
        SGD([p, p])
    opt = SGD([p])
    group = {"params": [leaf(2.0), p]}
    with pytest.raises(ArgumentError, match="parameter 1, shape"):
        opt.add_param_group(group)
    assert len(opt.param_groups) == 1 and list(group) == ["params"]
    with pytest.raises(ArgumentError, match="some parameter groups have names"):
        opt.add_param_group({"params": [("w", leaf(1.0))]})


def fitted() -> tuple[Adam, cb.Tensor]:
    p = leaf(1.0, 2.0)
    opt = Adam([p])
    give(p, 1.0, 1.0)
    opt.step()
    return opt, p


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda d: d.pop("state"), "a dict with 'state' and 'param_groups'"),
        (lambda d: d.update(param_groups=[]), r"has 0 parameter groups of \[\] parameters, the optimizer 1 of \[1\]"),
        (lambda d: d.update(param_groups=[{}]), "each of 'param_groups' is a dict with 'params'"),
        (lambda d: d["param_groups"][0].update(params=[0, 1]), r"groups of \[2\] parameters"),
        (lambda d: d["param_groups"][0].update(lr=-1.0), "lr=-1.0 is not"),
        (lambda d: d["state"][0].pop("exp_avg"), r"parameter 0 of group 0: the state has no \['exp_avg'\]"),
        (lambda d: d["state"][0].pop("step"), r"the state has no \['step'\]"),
        (lambda d: d["state"][0].update(exp_avg_sq=cb.ones(3)), r"shape \(2,\), the saved exp_avg_sq \(3,\)"),
    ],
)
def test_state_dicts_that_do_not_fit_change_nothing(change, text: str) -> None:
    opt, p = fitted()
    saved = fitted()[0].state_dict()
    saved["param_groups"][0]["lr"] = 0.7
    change(saved)
    with pytest.raises((StateDictError, ArgumentError), match=text):
        opt.load_state_dict(saved)
    assert opt.param_groups[0]["lr"] == 1e-3 and opt.state[p]["step"].item() == 1.0


def test_a_parameter_that_changed_its_shape_updates_nothing() -> None:
    p, q = leaf(1.0), leaf(1.0)
    opt = SGD([{"params": [p]}, {"params": [q]}], lr=1.0, momentum=0.9)
    for x in (p, q):
        give(x, 1.0)
    opt.step()
    q.data = cb.ones(3)
    with pytest.raises(ShapeError):
        opt.step()
    assert p.item() == 0.0
    q.grad = cb.ones(3)
    with pytest.raises(ShapeError, match=r"shape \(3,\) has a momentum_buffer of shape \(1,\)"):
        opt.step()
    assert p.item() == 0.0
