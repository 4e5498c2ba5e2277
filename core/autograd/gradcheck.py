"""Checking derivatives against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import dtypes, ops
from ..errors import ArgumentTypeError, GradientCheckError
from ..tensor import Tensor
from .engine import grad
from .mode import enable_grad, no_grad


def _outputs(value: Any) -> list[Tensor]:
    found = list(value) if isinstance(value, (tuple, list)) else [value]
    return [t for t in found if isinstance(t, Tensor) and t.dtype.is_differentiable]


def _check_inputs(inputs: Sequence[Any], operation: str) -> list[int]:
    wanted = [i for i, t in enumerate(inputs) if isinstance(t, Tensor) and t.requires_grad]
    if not wanted:
        raise ArgumentTypeError(f"{operation}: at least one input must be a Tensor that requires a gradient")
    for i in wanted:
        if inputs[i].dtype not in (dtypes.float64, dtypes.complex128):
            raise ArgumentTypeError(
                f"{operation}: input {i} has dtype {inputs[i].dtype.name}; finite differences need float64 or "
                "complex128"
            )
    return wanted


def _columns(function: Callable[..., Any], inputs: list[Any], which: int, eps: float) -> list[list[list[complex]]]:
    """Numerical derivatives: for each direction (real, then imaginary) and element, each output's flat change."""
    x = inputs[which]
    values = ops.reshape(x.detach(), (-1,)).tolist()
    directions = [1.0, 1j] if x.dtype.is_complex else [1.0]
    found = []
    for direction in directions:
        per_element = []
        for i in range(len(values)):
            sides = []
            for sign in (1, -1):
                moved = list(values)
                moved[i] = moved[i] + sign * eps * direction
                trial = ops.reshape(ops.asarray(moved, dtype=x.dtype, device=x.device), x.shape)
                with no_grad():
                    sides.append(_flat(function(*inputs[:which], trial, *inputs[which + 1 :])))
            per_element.append([(a - b) / (2 * eps) for a, b in zip(*sides, strict=True)])
        found.append(per_element)
    return found


def _flat(value: Any) -> list[complex]:
    return [v for t in _outputs(value) for v in ops.reshape(t.detach(), (-1,)).tolist()]


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Compare the gradients of a function with central differences, element by element.

    Parameters
    ----------
    func : callable
        Takes the inputs, returns a Tensor or a tuple of Tensors.
    inputs : Tensor or sequence
        Those that require a gradient are checked; float64 or complex128.
    eps : float
        The step of the differences.
    atol, rtol : float
        Tolerances.
    raise_exception : bool
        Raise on a disagreement, instead of returning False.

    Returns
    -------
    bool
        True if all agree.

    Examples
    --------
    >>> import candelabra as cb
    >>> x = cb.tensor([0.5, 1.5], dtype=cb.float64, requires_grad=True)
    >>> cb.autograd.gradcheck(cb.sin, x)
    True
    """
    given = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    wanted = _check_inputs(given, "gradcheck")
    with enable_grad():
        outputs = _outputs(func(*given))
        for which in wanted:
            numerical = _columns(func, given, which, eps)
            row = 0
            for k, out in enumerate(outputs):
                parts = [1.0, 1j] if out.dtype.is_complex else [1.0]
                for element in range(int(out.size)):
                    for part in parts:
                        seed: list[complex] = [0.0] * int(out.size)
                        seed[element] = part
                        v = ops.reshape(ops.asarray(seed, dtype=out.dtype, device=out.device), out.shape)
                        analytical: list[Any] = [0.0] * int(given[which].size)
                        if out.node is not None:
                            (g,) = grad(out, given[which], v, retain_graph=True, allow_unused=True)
                            if g is not None:
                                analytical = ops.reshape(g, (-1,)).tolist()
                        for i, a in enumerate(analytical):
                            slopes = [column[i][row] for column in numerical]
                            expected = _expected(slopes, part)
                            if not abs(a - expected) <= atol + rtol * abs(expected):
                                if not raise_exception:
                                    return False
                                raise GradientCheckError(
                                    f"gradcheck: input {which}, element {i}, against output {k}, element {element}: "
                                    f"analytical {a}, numerical {expected}"
                                )
                    row += 1
    return True


def _expected(slopes: list[complex], part: complex) -> complex:
    """PyTorch's convention: the cotangent of z = x + iy is Re(v* dL/dx) + i Re(v* dL/dy)."""
    conjugate = part.conjugate()
    real = (conjugate * slopes[0]).real
    return real if len(slopes) == 1 else complex(real, (conjugate * slopes[1]).real)


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Compare the second derivatives of a function with central differences of its gradients.

    Examples
    --------
    >>> import candelabra as cb
    >>> x = cb.tensor([0.5, 1.5], dtype=cb.float64, requires_grad=True)
    >>> cb.autograd.gradgradcheck(cb.sin, x)
    True
    """
    given = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    wanted = _check_inputs(given, "gradgradcheck")
    with enable_grad():
        outputs = _outputs(func(*given))
    if grad_outputs is None:
        # Fixed and without symmetry, so that a failure comes again.
        seeds = []
        for out in outputs:
            ramp = ops.reshape(ops.arange(int(out.size), dtype=dtypes.float64, device=out.device), out.shape)
            seeds.append(ops.astype(ops.cos(ramp + 0.5), out.dtype).requires_grad_())
    else:
        seeds = [grad_outputs] if isinstance(grad_outputs, Tensor) else list(grad_outputs)
    count = len(given)

    def first(*args: Any) -> tuple[Tensor, ...]:
        arguments, cotangents = list(args[:count]), args[count:]
        with enable_grad():
            for i in wanted:
                if arguments[i].node is None:
                    arguments[i] = arguments[i].detach().requires_grad_()
            outs = _outputs(func(*arguments))
            return grad(
                outs, [arguments[i] for i in wanted], list(cotangents), create_graph=True, materialize_grads=True
            )

    return gradcheck(first, [*given, *seeds], eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception)
