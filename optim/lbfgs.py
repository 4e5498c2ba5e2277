"""L-BFGS."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..core import ops
from ..core.autograd import enable_grad, no_grad
from ..core.device import Device
from ..core.errors import ArgumentError, ArgumentTypeError, StateDictError
from ..core.tensor import Tensor
from .checks import nonnegative, number, scalar
from .line_search import Point, strong_wolfe
from .optimizer import Optimizer


def flattened(tensors: list[Tensor]) -> Tensor:
    """Return tensors as one of one axis on the first one's device, complex numbers as pairs."""
    tensors = [t.to(tensors[0].device) for t in tensors]
    parts = [ops.stack([ops.real(t), ops.imag(t)], axis=-1) if t.dtype.is_complex else t for t in tensors]
    return ops.concat([ops.reshape(t, (-1,)) for t in parts])


def moved(value: Any, device: Device) -> Any:
    """Return a value of the state, a tensor on `device`."""
    return value.to(device) if isinstance(value, Tensor) else value


class LBFGS(Optimizer):
    """L-BFGS: a quasi-Newton method that remembers the last steps and how they changed the gradient.

    `step` evaluates the loss several times, and so takes a closure that clears the gradients, computes the loss, runs
    backward and returns the loss. There is one parameter group, and its options hold for all parameters, whose state is
    that of the first one.

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor) or of dict
        The parameters, or one group of them, all on one device.
    lr : float or Tensor
        Length of a step, or with a line search of the first one tried.
    max_iter : int
        Most iterations in a step.
    max_eval : int, optional
        Most evaluations of the loss in a step; a quarter more than `max_iter` where it is not given.
    tolerance_grad : float
        A step ends where no element of the gradient is larger.
    tolerance_change : float
        A step ends where neither loss nor parameters change more.
    history_size : int
        How many steps are remembered; each takes twice the memory of the parameters.
    line_search_fn : str, optional
        ``"strong_wolfe"``, or None for steps of fixed length.

    Raises
    ------
    ArgumentError
        An option is out of range, or there are several groups.

    Notes
    -----
    J. Nocedal, "Updating quasi-Newton matrices with limited storage", Mathematics of Computation 35, 1980; the line
    search: J. Nocedal and S. J. Wright, "Numerical optimization", chapter 3; stopping as in M. Schmidt's minFunc.

    Examples
    --------
    >>> import candelabra as cb
    >>> w = cb.tensor([3.0, -2.0], requires_grad=True)
    >>> optimizer = cb.optim.LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((w - 1) ** 4).sum()
    ...     loss.backward()
    ...     return loss
    >>> for _ in range(3):
    ...     loss = optimizer.step(closure)
    >>> bool(loss < 1e-6)
    True
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        if max_eval is None and isinstance(max_iter, int):
            max_eval = max_iter * 5 // 4
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)

    def check_group(self, group: dict[str, Any]) -> None:
        """Raise where an option of `group` is out of range."""
        owner = type(self).__name__
        nonnegative(owner, "lr", group["lr"])
        for name in ("tolerance_grad", "tolerance_change"):
            number(owner, name, group[name])
        for name, least in (("max_iter", 0), ("max_eval", 0), ("history_size", 1)):
            if not isinstance(group[name], int) or group[name] < least:
                raise ArgumentError(f"{owner}: {name}={group[name]!r} is not an integer of at least {least}")
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise ArgumentError(
                f"{owner}: line_search_fn={group['line_search_fn']!r} is neither 'strong_wolfe' nor None"
            )

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Take the one group there is."""
        if self.param_groups:
            raise ArgumentError(
                f"{type(self).__name__}: there is one parameter group, since its steps are of all parameters together; "
                "give all parameters in one list"
            )
        super().add_param_group(param_group)

    def check_state(self, entry: dict[str, Any], p: Tensor, label: str, group: dict[str, Any]) -> None:
        """Raise where a loaded direction or gradient is not of as many elements as the parameters."""
        params = self.param_groups[0]["params"]
        size = sum(q.size * (2 if q.dtype.is_complex else 1) for q in params)
        held = [(name, entry.get(name)) for name in ("d", "prev_flat_grad")]
        held += [(name, t) for name in ("old_dirs", "old_stps") for t in entry.get(name) or ()]
        for name, value in held:
            if isinstance(value, Tensor) and value.shape != (size,):
                raise StateDictError(
                    f"{label}: the saved {name} has shape {value.shape}, the parameters together {size} elements; the "
                    "state dict belongs to another model"
                )
        if entry and "n_iter" not in entry:
            raise StateDictError(f"{label}: the state has no 'n_iter'; it belongs to another kind of optimizer")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters by up to `max_iter` iterations.

        Parameters
        ----------
        closure : callable
            Clears the gradients, computes the loss, runs backward and returns the loss.

        Returns
        -------
        Tensor
            The loss before the step.
        """
        if closure is None:
            raise ArgumentTypeError(
                f"{type(self).__name__}.step: needs a closure that clears the gradients, computes the loss, runs "
                "backward and returns the loss, since a step evaluates it several times"
            )
        with no_grad():
            return self._minimize(closure)

    def _minimize(self, closure: Callable[[], Any]) -> Any:
        group = self.param_groups[0]
        lr, tolerance = scalar(group["lr"]), scalar(group["tolerance_change"])
        state = self.state[group["params"][0]]
        place = group["params"][0].device
        for name, value in state.items():
            # Parameters may have moved since the last step.
            state[name] = [moved(v, place) for v in value] if isinstance(value, list) else moved(value, place)
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        with enable_grad():
            first = closure()
        if first is None:
            raise ArgumentTypeError(f"{type(self).__name__}.step: the closure returned None; it returns the loss")
        loss, gradient = float(first), self._gradient()
        evaluations = 1
        state["func_evals"] += 1
        if self._is_optimal(gradient):
            return first
        iterations = 0
        while iterations < group["max_iter"]:
            iterations += 1
            state["n_iter"] += 1
            direction = self._direction(state, gradient)
            former = loss
            state["prev_flat_grad"], state["prev_loss"] = gradient, loss
            t: Any = lr
            if state["n_iter"] == 1:
                steepness: Any = ops.sum(ops.abs(gradient))
                t = min(1.0, 1.0 / steepness) * lr
            state["t"] = t
            slope = ops.matmul(gradient, direction)
            if slope > -tolerance:
                break
            taken = 0
            optimal = False
            if group["line_search_fn"] is not None:
                start = Point(0, loss, gradient, slope)
                end, taken = strong_wolfe(
                    lambda t, d=direction: self._evaluate(closure, t, d),  # type: ignore[misc]
                    start,
                    t,
                    direction,
                    tolerance=tolerance,
                    most=group["max_eval"] - evaluations,
                )
                loss, gradient, t = end.loss, end.gradient, end.t
                state["t"] = t
                self._move(t, direction)
                optimal = self._is_optimal(gradient)
            else:
                self._move(t, direction)
                # The last evaluation would be for nothing where the next step sees other data.
                if iterations != group["max_iter"]:
                    with enable_grad():
                        loss = float(closure())
                    gradient = self._gradient()
                    taken = 1
                    optimal = self._is_optimal(gradient)
            evaluations += taken
            state["func_evals"] += taken
            if (
                iterations == group["max_iter"]
                or evaluations >= group["max_eval"]
                or optimal
                or ops.max(ops.abs(direction * t)) <= tolerance
                or abs(loss - former) < tolerance
            ):
                break
        return first

    def _direction(self, state: dict[str, Any], gradient: Tensor) -> Tensor:
        """Remember the last step, and return the quasi-Newton direction (the two-loop recursion)."""
        history = self.param_groups[0]["history_size"]
        if state["n_iter"] == 1:
            state.update(d=-gradient, old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return state["d"]
        changes, steps, inverses = state["old_dirs"], state["old_stps"], state["ro"]
        change = gradient - state["prev_flat_grad"]
        step = state["d"] * state["t"]
        curvature = ops.matmul(change, step)
        if curvature > 1e-10:
            if len(changes) == history:
                for memory in (changes, steps, inverses):
                    memory.pop(0)
            changes.append(change)
            steps.append(step)
            inverses.append(1.0 / curvature)
            state["H_diag"] = curvature / ops.matmul(change, change)
        weights = state.setdefault("al", [None] * history)
        d = -gradient
        for i in reversed(range(len(changes))):
            weights[i] = ops.matmul(steps[i], d) * inverses[i]
            d = d - weights[i] * changes[i]
        d = d * state["H_diag"]
        for i in range(len(changes)):
            d = d + (weights[i] - ops.matmul(changes[i], d) * inverses[i]) * steps[i]
        state["d"] = d
        return d

    def _gradient(self) -> Tensor:
        params = self.param_groups[0]["params"]
        return flattened([ops.zeros_like(p.detach()) if p.grad is None else p.grad.detach() for p in params])

    def _is_optimal(self, gradient: Tensor) -> bool:
        return bool(ops.max(ops.abs(gradient)) <= scalar(self.param_groups[0]["tolerance_grad"]))

    def _move(self, t: Any, direction: Tensor) -> None:
        """Add ``t * direction`` to the parameters."""
        step = direction * t
        offset = 0
        for p in self.param_groups[0]["params"]:
            size = p.size * (2 if p.dtype.is_complex else 1)
            part = step[offset : offset + size].to(p.device)
            offset += size
            if p.dtype.is_complex:
                pairs = ops.reshape(part, (*p.shape, 2))
                part = ops.astype(pairs[..., 0], p.dtype) + ops.astype(pairs[..., 1], p.dtype) * 1j
            p.data = p.detach() + ops.astype(ops.reshape(part, p.shape), p.dtype)

    def _evaluate(self, closure: Callable[[], Any], t: Any, direction: Tensor) -> Point:
        """Return the point at step length `t`, and leave the parameters as they were."""
        params = self.param_groups[0]["params"]
        before = [p.detach() for p in params]
        self._move(t, direction)
        try:
            with enable_grad():
                loss = float(closure())
            gradient = self._gradient()
        finally:
            for p, value in zip(params, before):
                p.data = value
        return Point(t, loss, gradient, ops.matmul(gradient, direction))
