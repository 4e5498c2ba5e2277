"""Ready-made parametrizations: weight normalization, spectral normalization, and orthogonal matrices."""

from __future__ import annotations

from typing import Any

from ...core import ops
from ...core.autograd import no_grad
from ...core.errors import ArgumentError, AxisError, ShapeError
from ...core.functions.linear_algebra import diagonal
from ...core.tensor import Tensor
from ..functions.distance import normalize
from ..module import Module
from . import orthogonal_maps as maps
from .norms import advance, as_matrix, largest_singular_value, norm_except, unit_vector, weight_of
from .parametrize import register_parametrization
from .spectral_norm import _axis

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


class _WeightNorm(Module):
    """The weight from its lengths and its direction."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        """Return the weight."""
        return weight_of(weight_g, weight_v, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Return the lengths, and the weight as the direction."""
        return norm_except(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    r"""Train a weight's length and direction apart (Salimans and Kingma, 2016); return the module.

    .. math:: w = g \, v / \lVert v \rVert

    The parameters ``parametrizations.weight.original0`` (g) and ``original1`` (v) take the weight's place. State dicts
    of the older `nn.utils.weight_norm` (``weight_g``, ``weight_v``) load, too.

    Parameters
    ----------
    module : Module
        The module.
    name : str
        The name of its weight.
    dim : int, optional
        The axis along which each slice has a length of its own; None for one length of all.

    Examples
    --------
    >>> from candelabra import nn
    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(20, 40))
    >>> layer.parametrizations.weight.original0.shape
    (40, 1)
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    module.register_load_state_dict_pre_hook(_OldNames(name))
    return module


class _OldNames:
    """Reads the lengths and directions of a state dict of the older weight normalization."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, module: Module, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
        old = [f"{prefix}{self.name}{suffix}" for suffix in ("_g", "_v")]
        if all(key in state_dict for key in old):
            for i, key in enumerate(old):
                state_dict[f"{prefix}parametrizations.{self.name}.original{i}"] = state_dict.pop(key)


class _SpectralNorm(Module):
    """The weight divided by its largest singular value."""

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        if not -weight.ndim <= dim < weight.ndim:
            raise AxisError(f"spectral_norm: dim={dim} is no axis of a weight of shape {tuple(weight.shape)}")
        if n_power_iterations <= 0:
            raise ArgumentError(f"spectral_norm: n_power_iterations is positive, got {n_power_iterations}")
        self.dim, self.eps = dim % weight.ndim, eps
        if weight.ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = as_matrix(weight.detach(), self.dim)
            u, v = (unit_vector(n, weight, eps) for n in matrix.shape)
            self.register_buffer("_u", u)
            self.register_buffer("_v", v)
            advance(u, v, matrix, 15, eps, u_first=True)

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weight; in training the singular vectors are improved first."""
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        u, v = self.get_buffer("_u"), self.get_buffer("_v")
        if self.training:
            advance(u, v, matrix, self.n_power_iterations, self.eps, u_first=True)
        # The vectors of this moment: the next step lets their handles name others.
        return ops.divide(weight, largest_singular_value(matrix, u.detach(), v.detach()))

    def right_inverse(self, value: Tensor) -> Tensor:
        """Return the weight as it is, which may not be normalized."""
        return value


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    r"""Divide a weight by its largest singular value, followed by the power method (Miyato et al., 2018).

    .. math:: w = w_{\mathrm{orig}} / \sigma(w_{\mathrm{orig}})

    Parameters
    ----------
    module : Module
        The module, which is returned.
    name : str
        The name of its weight.
    n_power_iterations : int
        Steps of the power method each time that the weight is computed in training.
    eps : float
        The least length that a vector is divided by.
    dim : int, optional
        The axis of the outputs: by default 0, of a transposed convolution 1.

    Examples
    --------
    >>> from candelabra import nn
    >>> layer = nn.utils.parametrizations.spectral_norm(nn.Linear(20, 40))
    >>> layer.parametrizations.weight[0]._u.shape
    (40,)
    """
    weight = _tensor_of(module, name, "spectral_norm")
    made = _SpectralNorm(weight, n_power_iterations, _axis(module, dim, weight.ndim), eps)
    return register_parametrization(module, name, made)


def _tensor_of(module: Module, name: str, operation: str) -> Tensor:
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ArgumentError(f"{operation}: {type(module).__name__} has no parameter or buffer {name!r}")
    return weight


class _Orthogonal(Module):
    """An orthogonal matrix, or orthonormal rows or columns, from one of a set of maps."""

    base: Tensor | None

    def __init__(self, weight: Tensor, orthogonal_map: str, *, use_trivialization: bool = True) -> None:
        super().__init__()
        if weight.dtype.is_complex and orthogonal_map == "householder":
            raise ArgumentError("orthogonal: the map 'householder' is of real matrices; use 'matrix_exp' or 'cayley'")
        self.shape, self.orthogonal_map, self.use_trivialization = weight.shape, orthogonal_map, use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def _get_name(self) -> str:
        return "_Orthogonal"

    def forward(self, x: Tensor) -> Tensor:
        """Return the orthogonal matrix."""
        wide = x.shape[-2] < x.shape[-1]
        if wide:
            x = ops.matrix_transpose(x)
        n, k = x.shape[-2:]
        if self.orthogonal_map == "householder":
            a = ops.tril(x, k=-1)
            tau = ops.divide(2.0, ops.add(ops.sum(ops.multiply(a, a), axis=-2), 1.0))
            q = maps.householder_product(a, tau)
            # Ones and minus ones, which are not trained.
            q = ops.multiply(q, ops.expand_dims(ops.trunc(diagonal(x).detach()), axis=-2))
        else:
            x = ops.tril(x)
            if n != k:
                nothing = ops.zeros((*x.shape[:-2], n, n - k), dtype=x.dtype, device=x.device.physical)
                x = ops.concat([x, nothing], axis=-1)
            skew = ops.subtract(x, ops.conj(ops.matrix_transpose(x)))
            q = maps.matrix_exp(skew) if self.orthogonal_map == "matrix_exp" else maps.cayley(skew)
            if n != k:
                q = q[..., :k]
        if self.use_trivialization:
            base: Any = self.base
            q = ops.matmul(base, q)
        return ops.matrix_transpose(q) if wide else q


class _AssignableOrthogonal(_Orthogonal):
    """One of which an orthogonal matrix can be assigned."""

    def right_inverse(self, q: Tensor) -> Tensor:
        """Return the matrix that the map sends to `q`, or to the orthogonal matrix that QR makes of it."""
        if q.shape != self.shape:
            raise ShapeError(
                f"orthogonal: matrices of shape {tuple(self.shape)} are needed, got shape {tuple(q.shape)}"
            )
        with no_grad():
            start, wide = q, q.shape[-2] < q.shape[-1]
            if wide:
                q = ops.matrix_transpose(q)
            n, k = q.shape[-2:]
            if not self.use_trivialization:
                return self._reflections(q, wide)
            if n != k:
                # Any full orthogonal matrix that begins with these columns.
                more = ops.empty((*q.shape[:-2], n, n - k), dtype=q.dtype, device=q.device).normal_()
                q = maps.nearest_by_qr(ops.concat([q, more], axis=-1))
            elif not maps.is_orthogonal(q):
                q = maps.nearest_by_qr(q)
            self.base = q
            # Of minus one all maps here give the first columns of one: the diagonal is Householder's signs.
            like: dict[str, Any] = {"dtype": start.dtype, "device": start.device}
            return ops.broadcast_to(ops.negative(ops.eye(*start.shape[-2:], **like)), start.shape)

    @staticmethod
    def _reflections(q: Tensor, wide: bool) -> Tensor:
        below, tau, diag = maps.reflections_of(q)
        # Q of a decomposition with a positive diagonal; without a reflection LAPACK leaves the sign as it is.
        signs = ops.multiply(ops.sign(diag), ops.where(ops.equal(tau, 0.0), -1.0, 1.0))
        n, k = q.shape[-2:]
        on_diagonal = ops.eye(n, k, dtype=q.dtype, device=q.device)
        x = ops.add(below, ops.multiply(on_diagonal, ops.expand_dims(signs, axis=-2)))
        return ops.matrix_transpose(x) if wide else x


def orthogonal(
    module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Module:
    """Keep a matrix, or each of a batch, orthogonal; of the longer side its rows or columns are orthonormal.

    Parameters
    ----------
    module : Module
        The module, which is returned.
    name : str
        The name of the matrix.
    orthogonal_map : {"matrix_exp", "cayley", "householder"}, optional
        How an orthogonal matrix is made of any: the exponential of a skew-symmetric matrix, Cayley's map of one, or a
        product of Householder reflections. By default the first for square and complex matrices, else the last.
    use_trivialization : bool
        Whether the map starts from the matrix at hand (Lezcano-Casado, 2019), which then can be assigned by any map.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> layer = nn.utils.parametrizations.orthogonal(nn.Linear(3, 3))
    >>> bool((abs(layer.weight @ layer.weight.T - cb.eye(3)) < 1e-5).all())
    True
    """
    weight = _tensor_of(module, name, "orthogonal")
    if weight.ndim < 2:
        raise ShapeError(f"orthogonal: a matrix or a batch of matrices is needed, got shape {tuple(weight.shape)}")
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square or weight.dtype.is_complex else "householder"
    if orthogonal_map not in ("matrix_exp", "cayley", "householder"):
        raise ArgumentError(
            f"orthogonal: orthogonal_map is 'matrix_exp', 'cayley' or 'householder', got {orthogonal_map!r}"
        )
    assignable = use_trivialization or orthogonal_map == "householder"
    kind = _AssignableOrthogonal if assignable else _Orthogonal
    made = kind(weight, orthogonal_map, use_trivialization=use_trivialization)
    return register_parametrization(module, name, made, unsafe=True)
