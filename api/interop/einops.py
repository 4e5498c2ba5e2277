"""A bridge to einops: after ``import candelabra.interop.einops`` its functions take Tensors.

einops looks for backends among the subclasses of `einops._backends.AbstractBackend`; this module defines one. einops'
layers `Rearrange`, `Reduce` and `EinMix` are here as modules. `einops.array_api` needs no bridge, but has no layers.
"""

from __future__ import annotations

from typing import Any

from ..core import ops
from ..core.errors import MissingDependencyError
from ..core.tensor import Tensor
from ..nn.module import Module
from ..nn.parameter import Parameter

try:
    from einops._backends import AbstractBackend
    from einops.layers import RearrangeMixin, ReduceMixin
    from einops.layers._einmix import _EinmixMixin
except ModuleNotFoundError as error:
    raise MissingDependencyError(
        "interop.einops: einops is not installed; pip install candelabra[ecosystem]"
    ) from error

__all__ = ["CandelabraBackend", "EinMix", "Rearrange", "Reduce"]


class CandelabraBackend(AbstractBackend):
    """What einops asks a library for, answered for Tensors; einops finds it by itself.

    Examples
    --------
    >>> import candelabra as cb, einops
    >>> import candelabra.interop.einops
    >>> einops.rearrange(cb.reshape(cb.arange(6), (2, 3)), "h w -> (w h)")
    tensor([0, 3, 1, 4, 2, 5])
    """

    # The name of a loaded module: einops leaves backends of other libraries alone.
    framework_name = __name__.partition(".")[0]

    def is_appropriate_type(self, tensor: Any) -> bool:
        return isinstance(tensor, Tensor)

    def from_numpy(self, x: Any) -> Tensor:
        return ops.asarray(x)

    def to_numpy(self, x: Tensor) -> Any:
        return x.numpy(force=True)

    def arange(self, start: int, stop: int) -> Tensor:
        return ops.arange(start, stop)

    def reshape(self, x: Tensor, shape: Any) -> Tensor:
        return ops.reshape(x, tuple(shape))

    def transpose(self, x: Tensor, axes: Any) -> Tensor:
        return ops.permute_dims(x, tuple(axes))

    def reduce(self, x: Tensor, operation: str, axes: Any) -> Tensor:
        return getattr(ops, operation)(x, axis=tuple(axes))

    def stack_on_zeroth_dimension(self, tensors: list[Tensor]) -> Tensor:
        return ops.stack(tensors)

    def add_axis(self, x: Tensor, new_position: int) -> Tensor:
        return ops.expand_dims(x, axis=new_position)

    def add_axes(self, x: Tensor, n_axes: int, pos2len: dict[int, int]) -> Tensor:
        added: Any = tuple(pos2len)
        x = ops.expand_dims(x, axis=added)
        return ops.broadcast_to(x, tuple(pos2len.get(axis, n) for axis, n in enumerate(x.shape)))

    def tile(self, x: Tensor, repeats: Any) -> Tensor:
        return ops.tile(x, tuple(repeats))

    def concat(self, tensors: list[Tensor], axis: int) -> Tensor:
        return ops.concat(tensors, axis=axis)

    def is_float_type(self, x: Tensor) -> bool:
        return x.dtype.is_floating_point or x.dtype.is_complex

    def einsum(self, pattern: str, *x: Tensor) -> Tensor:
        return ops.einsum(pattern, *x)

    def layers(self) -> Any:
        import sys

        return sys.modules[__name__]


class Rearrange(RearrangeMixin, Module):
    """`einops.rearrange` as a layer.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.interop.einops import Rearrange
    >>> Rearrange("b c (h two) -> b (c two) h", two=2)(cb.zeros(1, 3, 8)).shape
    (1, 6, 4)
    """

    def forward(self, x: Tensor) -> Tensor:
        return self._apply_recipe(x)


class Reduce(ReduceMixin, Module):
    """`einops.reduce` as a layer.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.interop.einops import Reduce
    >>> Reduce("b c (h two) -> b c h", "max", two=2)(cb.zeros(1, 3, 8)).shape
    (1, 3, 4)
    """

    def forward(self, x: Tensor) -> Tensor:
        return self._apply_recipe(x)


class EinMix(_EinmixMixin, Module):
    """einops' `EinMix`: a linear layer over named axes, with the parameters `weight` and, where asked for, `bias`.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.interop.einops import EinMix
    >>> heads = EinMix("t b c -> t b (head d)", weight_shape="c head d", bias_shape="head d", c=8, head=2, d=3)
    >>> heads(cb.zeros(5, 4, 8)).shape, heads.weight.shape
    ((5, 4, 6), (8, 2, 3))
    """

    def _create_parameters(self, weight_shape: Any, weight_bound: float, bias_shape: Any, bias_bound: float) -> None:
        self.weight = Parameter(ops.zeros(tuple(weight_shape)).uniform_(-weight_bound, weight_bound))
        if bias_shape is None:
            self.bias = None
        else:
            self.bias = Parameter(ops.zeros(tuple(bias_shape)).uniform_(-bias_bound, bias_bound))

    def _create_rearrange_layers(
        self,
        pre_reshape_pattern: str | None,
        pre_reshape_lengths: dict[str, int] | None,
        post_reshape_pattern: str | None,
        post_reshape_lengths: dict[str, int] | None,
    ) -> None:
        self.pre_rearrange = None
        if pre_reshape_pattern is not None:
            self.pre_rearrange = Rearrange(pre_reshape_pattern, **(pre_reshape_lengths or {}))  # type: ignore[call-arg]
        self.post_rearrange = None
        if post_reshape_pattern is not None:
            self.post_rearrange = Rearrange(post_reshape_pattern, **(post_reshape_lengths or {}))  # type: ignore[call-arg]

    def forward(self, x: Tensor) -> Tensor:
        if self.pre_rearrange is not None:
            x = self.pre_rearrange(x)
        x = ops.einsum(self.einsum_pattern, x, self.weight)
        if self.bias is not None:
            x = x + self.bias
        return x if self.post_rearrange is None else self.post_rearrange(x)
