"""Helpers around training."""

from __future__ import annotations

from typing import Any

from . import parametrizations, parametrize, rnn, stateless
from .clip_grad import clip_grad_norm, clip_grad_norm_, clip_grad_value_, clip_grads_with_norm_, get_total_norm
from .convert_parameters import parameters_to_vector, vector_to_parameters
from .fusion import fuse_conv_bn_eval, fuse_conv_bn_weights, fuse_linear_bn_eval, fuse_linear_bn_weights
from .skip_init import skip_init
from .spectral_norm import remove_spectral_norm, spectral_norm
from .weight_norm import remove_weight_norm, weight_norm

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
    "get_total_norm",
    "parameters_to_vector",
    "parametrizations",
    "parametrize",
    "remove_spectral_norm",
    "remove_weight_norm",
    "rnn",
    "skip_init",
    "spectral_norm",
    "stateless",
    "vector_to_parameters",
    "weight_norm",
]

_MEMORY_FORMAT = "each backend chooses its own memory order"
_ABSENT = {
    "convert_conv2d_weight_memory_format": _MEMORY_FORMAT,
    "convert_conv3d_weight_memory_format": _MEMORY_FORMAT,
    "prune": "multiply a weight by a mask in a parametrization; see nn.utils.parametrize.register_parametrization",
}


def __getattr__(name: str) -> Any:
    reason = _ABSENT.get(name)
    raise AttributeError(
        f"nn.utils.{name}: {reason}" if reason else f"module 'candelabra.nn.utils' has no attribute {name!r}"
    )
