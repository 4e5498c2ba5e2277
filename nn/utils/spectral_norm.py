"""Spectral normalization by a hook, as PyTorch had it first; see `parametrizations.spectral_norm` for the newer way."""

from __future__ import annotations

from typing import Any

from ...core import ops
from ...core.autograd import no_grad
from ...core.errors import ArgumentError, AxisError
from ..module import Module
from ..parameter import Parameter
from .norms import advance, as_matrix, largest_singular_value, unit_vector
from .weight_norm import find_hook

__all__ = ["remove_spectral_norm", "spectral_norm"]


class SpectralNorm:
    """The hook: before each forward it divides the weight by its largest singular value."""

    version = 1

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        self.name, self.n_power_iterations, self.dim, self.eps = name, n_power_iterations, dim, eps

    def compute_weight(self, module: Any, do_power_iteration: bool) -> Any:
        """Return the weight."""
        weight = getattr(module, f"{self.name}_orig")
        u, v = getattr(module, f"{self.name}_u"), getattr(module, f"{self.name}_v")
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            advance(u, v, matrix, self.n_power_iterations, self.eps, u_first=False)
        # The vectors of this moment: the next step lets their handles name others.
        return ops.divide(weight, largest_singular_value(matrix, u.detach(), v.detach()))

    def __call__(self, module: Any, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, module.training))

    def note_version(self, module: Any, state_dict: Any, prefix: str, local_metadata: dict[str, Any]) -> None:
        """Say in a state dict's metadata how it was made, as PyTorch does."""
        local_metadata.setdefault("spectral_norm", {})[f"{self.name}.version"] = self.version

    def check_version(
        self, module: Any, state_dict: Any, prefix: str, local_metadata: dict[str, Any], strict: bool,
        missing: list[str], unexpected: list[str], problems: list[str],
    ) -> None:  # fmt: skip
        """Refuse a state dict from before PyTorch 1.0."""
        key = prefix + self.name
        version = local_metadata.get("spectral_norm", {}).get(f"{self.name}.version")
        if version is None and key in state_dict and f"{key}_orig" in state_dict and f"{key}_v" not in state_dict:
            problems.append(
                f"{key}: this spectral_norm was saved by PyTorch before 1.0, without {self.name}_v; load and save it "
                "with a newer PyTorch first"
            )


def _axis(module: Module, dim: int | None, ndim: int) -> int:
    """Return the axis of the outputs, which of a transposed convolution's weight is the second."""
    if dim is None:
        dim = 1 if type(module).__name__.removeprefix("Parametrized").startswith("ConvTranspose") else 0
    if not -ndim <= dim < ndim:
        raise AxisError(f"spectral_norm: dim={dim} is no axis of a weight of {ndim} axes")
    return dim % ndim


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    r"""Divide a weight by its largest singular value, followed by the power method (Miyato et al., 2018).

    .. math:: w = w_{\mathrm{orig}} / \sigma(w_{\mathrm{orig}})

    The parameter ``weight_orig`` and the buffers ``weight_u`` and ``weight_v`` take the weight's place.

    Parameters
    ----------
    module : Module
        The module, which is returned.
    name : str
        The name of its weight.
    n_power_iterations : int
        Steps of the power method in each forward in training.
    eps : float
        The least length that a vector is divided by.
    dim : int, optional
        The axis of the outputs: by default 0, of a transposed convolution 1.

    Examples
    --------
    >>> from candelabra import nn
    >>> list(nn.utils.spectral_norm(nn.Linear(20, 40)).state_dict())
    ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    if n_power_iterations <= 0:
        raise ArgumentError(f"spectral_norm: n_power_iterations is positive, got {n_power_iterations}")
    if find_hook(module, SpectralNorm, name) is not None:
        raise ArgumentError(f"spectral_norm: {type(module).__name__}.{name} has one already")
    weight = module._parameters.get(name)
    if weight is None:
        raise ArgumentError(f"spectral_norm: {type(module).__name__} has no parameter {name!r}")
    hook = SpectralNorm(name, n_power_iterations, _axis(module, dim, weight.ndim), eps)
    matrix = as_matrix(weight.detach(), hook.dim)
    u, v = (unit_vector(n, weight, eps) for n in matrix.shape)
    delattr(module, name)
    module.register_parameter(f"{name}_orig", weight)
    setattr(module, name, weight.detach())
    module.register_buffer(f"{name}_u", u)
    module.register_buffer(f"{name}_v", v)
    module.register_forward_pre_hook(hook)
    module.register_state_dict_post_hook(hook.note_version)
    module.register_load_state_dict_pre_hook(hook.check_version)
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Make the normalized weight an ordinary parameter again; return the module.

    Examples
    --------
    >>> from candelabra import nn
    >>> list(nn.utils.remove_spectral_norm(nn.utils.spectral_norm(nn.Linear(2, 2))).state_dict())
    ['bias', 'weight']
    """
    key = find_hook(module, SpectralNorm, name)
    if key is None:
        raise ArgumentError(f"remove_spectral_norm: {type(module).__name__} has no spectral_norm of {name!r}")
    hooks: Any = module._hooks
    hook: Any = hooks.forward_pre[key].function
    with no_grad():
        weight = hook.compute_weight(module, False).detach()
    for suffix in ("", "_u", "_v", "_orig"):
        delattr(module, name + suffix)
    module.register_parameter(name, Parameter(weight))
    del hooks.forward_pre[key]
    for entries in (hooks.state_dict, hooks.load_pre):
        for number in [n for n, e in entries.items() if getattr(e.function, "__self__", None) is hook]:
            del entries[number]
    return module
