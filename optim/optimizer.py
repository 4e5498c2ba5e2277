"""`Optimizer`: parameter groups, state, hooks and state dicts; what an optimizer computes is its `update`.

A step is made of handles: the tensors of a group's parameters and of their state stay the same objects from step to
step and only get new arrays. So the lists that a kernel takes are kept in a `Plan` between steps, and the step counts
are Python numbers that become tensors when somebody looks at them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from copy import deepcopy
from operator import is_
from typing import Any, ClassVar

from ..core import ops
from ..core.autograd import enable_grad, no_grad
from ..core.autograd.hooks import RemovableHandle, register
from ..core.errors import ArgumentError, ArgumentTypeError, DeviceMismatchError, ShapeError
from ..core.tensor import Tensor
from .hooks import hooked
from .plan import Plan
from .state import check_entry, checked_state, host_number, snapshot

_PLAIN = frozenset((float, int))

# The default of an option that every group must state itself.
required: Any = object()


class Optimizer:
    """Base of all optimizers: parameter groups, per-parameter state, hooks and state dicts.

    A subclass either states `state_names` and `update`, which gives it a lean `step`, or writes its own `step` over
    `param_groups` and `state` as one does in PyTorch.

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor) or of dict
        What is optimized: leaf tensors, named ones (`Module.named_parameters()`), or groups, dicts with ``"params"``
        and whatever options differ from the defaults.
    defaults : dict
        The options of a group that does not state its own.

    Attributes
    ----------
    param_groups : list of dict
        The groups; an option changed here acts at the next step.
    stepped : bool
        Whether `step` has run; the schedulers look at it.

    Raises
    ------
    ArgumentError
        The list is empty; a tensor is not a leaf or appears twice; an option is out of range.
    ArgumentTypeError
        `params` is a single tensor or a set, or holds something that is not a tensor.

    Examples
    --------
    >>> import candelabra as cb
    >>> class SignDescent(cb.optim.Optimizer):
    ...     def __init__(self, params, lr=0.1):
    ...         super().__init__(params, {"lr": lr})
    ...
    ...     @cb.no_grad()
    ...     def step(self, closure=None):
    ...         for group in self.param_groups:
    ...             for p in group["params"]:
    ...                 if p.grad is not None:
    ...                     p -= group["lr"] * cb.sign(p.grad)
    >>> w = cb.tensor([1.0, -2.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> SignDescent([w], lr=0.5).step()
    >>> w.tolist()
    [0.5, -1.5]
    """

    # Whether the state counts steps; further numbers that it holds; names that it may lack, being added later.
    counts_steps: ClassVar[bool] = False
    numbers: ClassVar[tuple[str, ...]] = ()
    optional_state: ClassVar[frozenset[str]] = frozenset()
    # Whether `part_of` tells parameters of a group apart.
    separates: ClassVar[bool] = False

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._reset()
        name = type(self).__name__
        if isinstance(params, Tensor):
            raise ArgumentTypeError(f"{name}: params is a single Tensor; give a list of tensors: {name}([tensor], ...)")
        if isinstance(params, Mapping):
            raise ArgumentTypeError(
                f"{name}: params is a dict; give its values, a list of tensors, or a list of group dicts, each with "
                "'params'"
            )
        self.param_groups: list[dict[str, Any]] = []
        groups = self._listed(params)
        if not groups:
            raise ArgumentError(
                f"{name}: the parameter list is empty; pass model.parameters() of a module that has parameters (a "
                "generator can be read only once: call parameters() again)"
            )
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = hooked(cls.__dict__["step"])  # type: ignore[method-assign]

    def _reset(self) -> None:
        self._state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        self._plans: dict[Hashable, Plan] = {}
        self._exposed = False
        self._inside_step = False
        self.stepped = False
        self._step_pre_hooks: dict[int, Callable[..., Any]] = {}
        self._step_post_hooks: dict[int, Callable[..., Any]] = {}
        self._state_dict_pre_hooks: dict[int, Callable[..., Any]] = {}
        self._state_dict_post_hooks: dict[int, Callable[..., Any]] = {}
        self._load_state_dict_pre_hooks: dict[int, Callable[..., Any]] = {}
        self._load_state_dict_post_hooks: dict[int, Callable[..., Any]] = {}

    def __getstate__(self) -> dict[str, Any]:
        self._settle()
        return {"defaults": self.defaults, "state": self._state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._reset()
        self.defaults = state["defaults"]
        self._state = state["state"]
        self.param_groups = state["param_groups"]

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for index, group in enumerate(self.param_groups):
            lines.extend([""] if index else [])
            lines.append(f"Parameter Group {index}")
            lines.extend(f"    {key}: {group[key]}" for key in sorted(group) if key != "params")
        return "\n".join([*lines, ")"])

    # What a subclass states

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Return the names of a parameter's state tensors, each of the parameter's shape; one tuple per meaning."""
        return ()

    def part_of(self, p: Tensor) -> Hashable:
        """Return what tells parameters apart that need different state; asked only where `separates`."""
        return None

    def state_names_of(self, group: dict[str, Any], part: Hashable) -> tuple[str, ...]:
        """Return the names of the state tensors of one part of a group."""
        return self.state_names(group)

    def state_shape(self, name: str, p: Tensor) -> tuple[int, ...]:
        """Return the shape of a parameter's state tensor."""
        return p.shape

    def start_state(self, name: str, p: Tensor, group: dict[str, Any]) -> Tensor:
        """Return a state tensor as it is before the first update."""
        return ops.zeros_like(p.detach())

    def start_number(self, name: str, group: dict[str, Any]) -> float:
        """Return one of `numbers` as it is before the first update."""
        return 0.0

    def check_state(self, entry: dict[str, Any], p: Tensor, label: str, group: dict[str, Any]) -> None:
        """Raise where a loaded state is not one of parameter `p`."""
        check_entry(self, entry, p, label, group)

    def check_group(self, group: dict[str, Any]) -> None:
        """Raise where an option of `group` is not one that the optimizer takes."""

    def update(self, plan: Plan, grads: list[Tensor]) -> None:
        """Update `plan.params` by `grads`, `plan.buffers` and, where steps are counted, `plan.steps`."""
        raise ArgumentTypeError(
            f"{type(self).__name__} defines neither step nor update; an optimizer needs one of the two"
        )

    # Steps

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient.

        Parameters
        ----------
        closure : callable, optional
            Computes the loss again and returns it, gradients recorded.

        Returns
        -------
        Tensor or None
            What `closure` returned.

        Raises
        ------
        DeviceMismatchError, ShapeError
            A gradient does not belong to its parameter. Nothing has been updated.
        """
        if self._step_pre_hooks or self._step_post_hooks:
            return self._hooked_step(closure)
        return self._step(closure)

    def _step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        work = []
        for group in self.param_groups:
            params = []
            grads = []
            for p in group["params"]:
                g = p.grad
                if g is not None:
                    params.append(p)
                    grads.append(g)
            if not params:
                continue
            if not self.separates:
                work.append((self._planned(group, None, params, grads), grads))
                continue
            parts: dict[Hashable, tuple[list[Tensor], list[Tensor]]] = {}
            for p, g in zip(params, grads):
                lists = parts.setdefault(self.part_of(p), ([], []))
                lists[0].append(p)
                lists[1].append(g)
            for part, lists in parts.items():
                work.append((self._planned(group, part, *lists), lists[1]))
        for plan, grads in work:
            self.update(plan, grads)
            if plan.key not in self._plans:
                self._adopt(plan)
        if self._exposed:
            self._settle()
        self.stepped = True
        return loss

    _hooked_step = hooked(_step)

    def _planned(self, group: dict[str, Any], part: Hashable, params: list[Tensor], grads: list[Tensor]) -> Plan:
        """Return the plan of `params`, kept or new, with everything checked that an update takes for granted."""
        if type(group.get("lr", 0)) not in _PLAIN and not isinstance(group["lr"], Tensor):
            # A schedule of the user's own wrote it; before any group is updated.
            self.check_group(group)
        names = self.state_names_of(group, part)
        plan = self._plans.get(id(group) if part is None else (id(group), part))
        if (
            plan is None
            or plan.names != names
            or len(plan.params) != len(params)
            or not all(map(is_, plan.params, params))
            or plan.shapes != [p.array.shape for p in params]
        ):
            plan = self._make_plan(group, part, names, params)
        elif names:
            # Parameters may have moved since the last step; state tensors all follow together, so one is asked.
            for p, b in zip(params, plan.buffers[names[0]]):
                if b.device is not p.device or b.array.dtype is not p.array.dtype:
                    self._follow(plan)
                    break
        for p, g in zip(params, grads):
            if g.device is not p.device or g.array.shape != p.array.shape:
                self._check_gradient(group, p, g)
        return plan

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or fill them with zeros.

        Parameters
        ----------
        set_to_none : bool
            With True `grad` becomes None, and a parameter that gets no gradient is left alone by the next step; with
            False `grad` becomes zeros, and momentum and weight decay go on.
        """
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad = ops.zeros_like(p.grad.detach())

    # State

    @property
    def state(self) -> defaultdict[Any, dict[str, Any]]:
        """The state of each parameter, a dict by name. Reading it makes later steps keep its step counts current."""
        self._settle()
        self._exposed = True
        return self._state

    @state.setter
    def state(self, state: Mapping[Any, dict[str, Any]]) -> None:
        self._plans.clear()
        self._state = defaultdict(dict, state)
        self._exposed = True

    def _make_plan(self, group: dict[str, Any], part: Hashable, names: tuple[str, ...], params: list[Tensor]) -> Plan:
        """Collect the state of `params`; state that is missing starts anew and is entered by `_adopt`."""
        plan = Plan(group, part, names, params)
        old = self._plans.pop(plan.key, None)
        if old is not None:
            self._flush(old)
        states = [self._state.get(p) or {} for p in params]
        plan.first = tuple(not names or state.get(names[0]) is None for state in states)
        with no_grad():
            for name in names:
                tensors = [state.get(name) for state in states]
                plan.buffers[name] = [
                    self.start_state(name, p, group) if t is None else t for p, t in zip(params, tensors)
                ]
        if self.counts_steps:
            plan.steps = tuple(float(state.get("step", 0.0)) for state in states)
        for name in self.numbers:
            start = self.start_number(name, group)
            plan.numbers[name] = tuple(float(state.get(name, start)) for state in states)
        self._follow(plan)
        return plan

    def _adopt(self, plan: Plan) -> None:
        """Enter a plan that has made its first step, and the state that it brought along."""
        if plan.names:
            for i, p in enumerate(plan.params):
                state = self._state[p]
                if plan.steps is not None and not isinstance(state.get("step"), Tensor):
                    state["step"] = host_number(plan.steps[i])
                for name, values in plan.numbers.items():
                    if not isinstance(state.get(name), Tensor):
                        state[name] = host_number(values[i])
                for name in plan.names:
                    state[name] = plan.buffers[name][i]
        plan.first = (False,) * len(plan.params)
        self._plans[plan.key] = plan

    def _follow(self, plan: Plan) -> None:
        """Bring state to the device and dtype of its parameter."""
        for name in plan.names:
            for p, tensor in zip(plan.params, plan.buffers[name]):
                if tensor.shape != self.state_shape(name, p):
                    raise ShapeError(
                        f"{type(self).__name__}.step: {self.describe(plan.group, p)} of shape {p.shape} has a {name} "
                        f"of shape {tensor.shape}; a parameter that changes its shape needs a new optimizer (or delete "
                        "optimizer.state[parameter])"
                    )
                if tensor.device != p.device or tensor.dtype != p.dtype:
                    moved = tensor.detach().to(p.device, p.dtype)
                    tensor._rebind(moved.array, moved.device)

    def _check_gradient(self, group: dict[str, Any], p: Tensor, g: Tensor) -> None:
        where = f"{type(self).__name__}.step: {self.describe(group, p)}"
        if g.device != p.device:
            raise DeviceMismatchError(
                f"{where} is on {p.device}, its gradient on {g.device}; move the model before backward(), or call "
                "zero_grad() after moving it"
            )
        if g.shape != p.shape:
            raise ShapeError(f"{where} has shape {p.shape}, its gradient {g.shape}; call zero_grad() and backward()")

    def describe(self, group: dict[str, Any], p: Tensor) -> str:
        """Return a parameter's name, if it has one, or number, and its group, for an error's text."""
        index = next(i for i, q in enumerate(group["params"]) if q is p)
        number = next((i for i, g in enumerate(self.param_groups) if g is group), len(self.param_groups))
        name = group.get("param_names")
        return f"parameter {repr(name[index]) if name else index} of group {number}"

    def _flush(self, plan: Plan) -> None:
        """Write a plan's numbers into the state, which keeps its tensors."""
        made: dict[float, Tensor] = {}
        held = plan.numbers if plan.steps is None else {"step": plan.steps, **plan.numbers}
        for name, values in held.items():
            for p, number in zip(plan.params, values):
                value = made.get(number)
                if value is None:
                    value = made[number] = host_number(number)
                self._state[p][name]._rebind(value.array, value.device)

    def _settle(self) -> None:
        """Make `_state` the whole truth: numbers become tensors and the next step starts from them."""
        for plan in self._plans.values():
            self._flush(plan)
        self._plans.clear()

    # Groups

    def _listed(self, params: Any) -> list[Any]:
        if isinstance(params, (set, frozenset)):
            raise ArgumentTypeError(
                f"{type(self).__name__}: params is a set, whose order changes between runs; give a list"
            )
        try:
            return list(params)
        except TypeError:
            raise ArgumentTypeError(
                f"{type(self).__name__}: params is of type {type(params).__name__}; give a list of tensors, as "
                "model.parameters() yields them"
            ) from None

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group, for example layers that are unfrozen during training.

        Parameters
        ----------
        param_group : dict
            ``"params"`` and the options that differ from the defaults. The others are filled in.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            As the constructor; the optimizer is then unchanged.
        """
        name = type(self).__name__
        if not isinstance(param_group, dict):
            raise ArgumentTypeError(
                f"{name}: a parameter group is a dict with 'params'; got {type(param_group).__name__} (a list holds "
                "either tensors or dicts, not both)"
            )
        if "params" not in param_group:
            raise ArgumentError(f"{name}: the parameter group has no 'params'; it has {sorted(map(str, param_group))}")
        given = param_group["params"]
        entries: list[Any] = [given] if isinstance(given, Tensor) else self._listed(given)
        named = [e for e in entries if isinstance(e, tuple) and len(e) == 2]
        if named and len(named) != len(entries):
            raise ArgumentError(f"{name}: some parameters have names and some have none; name all of them or none")
        params = [e[1] for e in entries] if named else entries
        group = {**param_group, "params": params}
        if named:
            group["param_names"] = [e[0] for e in entries]
        for index, p in enumerate(params):
            label = repr(group["param_names"][index]) if named else str(index)
            if not isinstance(p, Tensor):
                raise ArgumentTypeError(f"{name}: parameter {label} is of type {type(p).__name__}; give tensors")
            if not p.is_leaf:
                raise ArgumentError(
                    f"{name}: parameter {label}, shape {p.shape}, is not a leaf but the result of an operation, so it "
                    "gets no gradient of its own; pass the tensor that it was computed from, or p.detach()"
                    ".requires_grad_()"
                )
        for key, default in self.defaults.items():
            if default is required and key not in group:
                raise ArgumentError(f"{name}: the parameter group does not state {key!r}, which has no default")
            group.setdefault(key, default)
        seen = {id(p) for g in self.param_groups for p in g["params"]}
        for index, p in enumerate(params):
            if id(p) in seen:
                label = repr(group["param_names"][index]) if named else str(index)
                raise ArgumentError(
                    f"{name}: parameter {label}, shape {p.shape}, appears twice and would be updated twice in a step; "
                    "pass each tensor once"
                )
            seen.add(id(p))
        if self.param_groups and ("param_names" in group) != ("param_names" in self.param_groups[0]):
            raise ArgumentError(f"{name}: some parameter groups have names and some have none; name all or none")
        self.check_group(group)
        # The caller's dict becomes the group, so that options changed through it act, as in PyTorch.
        param_group.update(group)
        self.param_groups.append(param_group)

    # State dicts

    def state_dict(self) -> dict[str, Any]:
        """Return the state and the options, in PyTorch's format.

        Returns
        -------
        dict
            ``"state"``: a dict by parameter number of dicts by name; ``"param_groups"``: the options of each group,
            ``"params"`` being parameter numbers. It is a snapshot: later steps do not change it.
        """
        for hook in tuple(self._state_dict_pre_hooks.values()):
            hook(self)
        self._settle()
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            packed = {key: value for key, value in group.items() if key != "params"}
            for p in group["params"]:
                numbers.setdefault(id(p), len(numbers))
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            groups.append(deepcopy(packed))
        state = {
            (numbers.get(id(key), key) if isinstance(key, Tensor) else key): snapshot(value)
            for key, value in self._state.items()
        }
        result: dict[str, Any] = {"state": state, "param_groups": groups}
        for hook in tuple(self._state_dict_post_hooks.values()):
            changed = hook(self, result)
            if changed is not None:
                result = changed
        return result

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load what `state_dict` returned, here or in PyTorch.

        State tensors are copied to the device and dtype of their parameter; step counts stay float32 on the CPU.

        Parameters
        ----------
        state_dict : dict
            The tensors may be of any library that exports DLPack or NumPy arrays.

        Raises
        ------
        StateDictError
            Groups, parameters, shapes or names do not fit. Nothing has been loaded.
        """
        loaded: Any = dict(state_dict) if isinstance(state_dict, Mapping) else state_dict
        for hook in tuple(self._load_state_dict_pre_hooks.values()):
            changed = hook(self, loaded)
            if changed is not None:
                loaded = changed
        state, groups = checked_state(self, loaded)
        self._plans.clear()
        self._state = state
        for group, saved in zip(self.param_groups, groups):
            group.update(saved)
        for hook in tuple(self._load_state_dict_post_hooks.values()):
            hook(self)

    # Hooks

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before each step; it may return new ``(args, kwargs)``."""
        return register(self._step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return register(self._step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer)`` before each `state_dict`."""
        return register(self._state_dict_pre_hooks, hook, first=prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` after each `state_dict`; it may return another one."""
        return register(self._state_dict_post_hooks, hook, first=prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` before each `load_state_dict`; it may return another one."""
        return register(self._load_state_dict_pre_hooks, hook, first=prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer)`` after each `load_state_dict`."""
        return register(self._load_state_dict_post_hooks, hook, first=prepend)
