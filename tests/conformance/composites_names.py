"""One call of each function of PyTorch's that is a method elsewhere, in the form of `composites`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import candelabra as cb
from candelabra.conformance.composites import CUBE, ROWS, Case, M, V, case, discrete
from candelabra.core.functions import tensor_names

# Where the function of that name without the underscore has no value for all positive numbers.
_SMALL = {"acos_", "arccos_", "arcsin_", "arctanh_", "asin_", "atanh_", "logit_"}
_LARGE = {"acosh_", "arccosh_"}


def _on_a_copy(name: str) -> Callable[..., Any]:
    def write(x: Any, *others: Any) -> Any:
        y = 0.2 * x if name in _SMALL else 1.0 + x if name in _LARGE else cb.clone(x)
        return getattr(cb, name)(y, *others)

    return write


_BESIDE: dict[str, Case] = {
    "addmv_": case(_on_a_copy("addmv_"), (3,), M, V, complex=True),
    "clamp_": case(lambda x: cb.clamp_(cb.clone(x), 0.5, 1.5), M),
    "clamp_max_": case(_on_a_copy("clamp_max_"), M, V),
    "clamp_min_": case(_on_a_copy("clamp_min_"), M, V),
    "clip_": case(lambda x: cb.clip_(cb.clone(x), min=0.5), M),
    "fill_": case(_on_a_copy("fill_"), M, ()),
    "gcd_": discrete(_on_a_copy("gcd_"), [[4, 6], [9, 0]], [6, 3]),
    "index_put_": case(lambda x, i, s: cb.index_put_(cb.clone(x), (i,), s, accumulate=True), M, ROWS, (3, 4)),
    "lcm_": discrete(_on_a_copy("lcm_"), [[4, 6], [9, 0]], [6, 3]),
    "ldexp_": case(_on_a_copy("ldexp_"), (2, 2), [1, -2]),
    "xlogy_": case(_on_a_copy("xlogy_"), M, V, domain="positive"),
}
CASES: dict[str, Case] = {
    "detach": discrete(lambda x: cb.detach(x), M),
    "fill": case(lambda x, y: cb.fill(x, y), M, ()),
    "nonzero_static": discrete(lambda x: cb.nonzero_static(x, size=7), [[1, 0, 2], [0, 0, 3]]),
    "resolve_conj": case(lambda x: cb.resolve_conj(cb.conj(x)), M, complex=True),
    "resolve_neg": case(lambda x: cb.resolve_neg(-x), M, complex=True),
    "split_with_sizes": case(lambda x: cb.split_with_sizes(x, [1, 2], dim=1), CUBE, complex=True),
    "unsafe_chunk": case(lambda x: cb.unsafe_chunk(x, 2, dim=1), M, complex=True),
    "unsafe_split": case(lambda x: cb.unsafe_split(x, 2), M, complex=True),
    "unsafe_split_with_sizes": case(lambda x: cb.unsafe_split_with_sizes(x, [1, 2]), M, complex=True),
    **{name: case(_on_a_copy(name), M, domain="positive") for name in tensor_names.WRITING if name not in _BESIDE},
    **_BESIDE,
}

WITHOUT: dict[str, str] = {
    **dict.fromkeys(("frombuffer", "scalar_tensor"), "makes a tensor of no other"),
    **dict.fromkeys(("get_device", "is_conj", "is_neg", "is_same_size", "is_signed"), "answers with a fact"),
    **dict.fromkeys(
        ("binomial", "cauchy_", "geometric_", "log_normal_", "poisson"), "draws; its gradient is that of a constant"
    ),
    "to_dlpack": "hands memory to other libraries",
    "detach_": "takes a result out of its graph",
}
