"""Layers of normalization against PyTorch's; the format is told in `conftest.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn


def repeated(library: Any, layer: Any, x: Any) -> Any:
    """Three batches, so that running statistics are averages of several."""
    outputs = [layer(x * (1 + i) - i) for i in range(3)]
    return outputs[0] + outputs[1] * 2 + outputs[2]


def frozen(library: Any, layer: Any, x: Any) -> Any:
    """One batch in training, then evaluation."""
    layer.train()
    layer(x.detach() * 3 + 1)
    layer.eval()
    return layer(x)


SEVERAL = {"run": repeated, "order": 2}
ONCE = {"order": 2}
CASES: list[tuple[Any, ...]] = [
    ("BatchNorm1d", (4,), {}, [(6, 4)], ONCE),
    ("BatchNorm1d", (4,), {"momentum": None, "eps": 1e-3}, [(3, 4, 5)], SEVERAL),
    ("BatchNorm1d", (4,), {"affine": False}, [(6, 4)]),
    ("BatchNorm1d", (4,), {"track_running_stats": False, "bias": False}, [(6, 4)]),
    ("BatchNorm1d", (4,), {"affine": False, "track_running_stats": False}, [(2, 4, 1)]),
    ("BatchNorm1d", (4,), {}, [(0, 4)]),
    ("BatchNorm1d", (4,), {}, [(1, 4)], {"modes": ("eval",)}),
    ("BatchNorm2d", (3,), {"momentum": 0.3}, [(2, 3, 4, 5)], SEVERAL),
    ("BatchNorm2d", (3,), {"momentum": 0.0, "eps": 0.1}, [(2, 3, 4, 5)]),
    ("BatchNorm2d", (3,), {"affine": False, "track_running_stats": False, "momentum": None}, [(2, 3, 2, 2)]),
    ("BatchNorm2d", (3,), {"bias": False}, [(2, 3, 4, 5)], {"run": frozen}),
    ("BatchNorm3d", (3,), {}, [(2, 3, 2, 3, 2)], ONCE),
    ("BatchNorm3d", (3,), {"momentum": None, "eps": 1e-3, "bias": False}, [(2, 3, 2, 1, 2)], SEVERAL),
    ("BatchNorm3d", (3,), {"affine": False, "track_running_stats": False}, [(2, 3, 2, 3, 2)]),
    ("LayerNorm", (5,), {}, [(3, 4, 5)], ONCE),
    ("LayerNorm", ((4, 5),), {"eps": 1e-3, "bias": False}, [(3, 4, 5)]),
    ("LayerNorm", ([5],), {"elementwise_affine": False}, [(3, 5)]),
    ("LayerNorm", ((3, 4, 5),), {}, [(3, 4, 5)]),
    ("LayerNorm", (5,), {}, [(0, 5)]),
    ("RMSNorm", (5,), {}, [(3, 4, 5)], ONCE),
    ("RMSNorm", ((4, 5),), {"eps": 0.1}, [(3, 4, 5)], ONCE),
    ("RMSNorm", ([5],), {"elementwise_affine": False}, [(5,)]),
    ("RMSNorm", (5,), {}, [np.full((2, 5), 1e-8)]),
    ("GroupNorm", (2, 4), {}, [(3, 4)], ONCE),
    ("GroupNorm", (1, 4), {"eps": 0.1}, [(3, 4, 5)], ONCE),
    ("GroupNorm", (4, 4), {"bias": False}, [(2, 4, 3, 5)], ONCE),
    ("GroupNorm", (3, 6), {"affine": False}, [(2, 6, 2, 3, 2)]),
    ("GroupNorm", (2, 4), {}, [(0, 4, 3)]),
    ("GroupNorm", (4, 4), {}, [(2, 4)]),
    ("InstanceNorm1d", (3,), {}, [(2, 3, 5)], ONCE),
    ("InstanceNorm1d", (3,), {"affine": True, "eps": 0.1}, [(3, 5)], ONCE),
    ("InstanceNorm1d", (3,), {"affine": True, "bias": False}, [(2, 3, 5)]),
    ("InstanceNorm1d", (3,), {"track_running_stats": True, "momentum": 0.4}, [(2, 3, 5)], SEVERAL),
    ("InstanceNorm1d", (3,), {"track_running_stats": True, "momentum": None, "affine": True}, [(2, 3, 5)], SEVERAL),
    ("InstanceNorm1d", (3,), {}, [(2, 4, 5)]),
    ("InstanceNorm2d", (3,), {}, [(2, 3, 4, 5)]),
    ("InstanceNorm2d", (3,), {"affine": True, "eps": 0.1, "bias": False}, [(3, 4, 5)]),
    ("InstanceNorm2d", (3,), {"track_running_stats": True, "momentum": 0.4}, [(2, 3, 4, 5)], SEVERAL),
    ("InstanceNorm3d", (3,), {}, [(2, 3, 2, 3, 2)]),
    ("InstanceNorm3d", (3,), {"affine": True, "eps": 0.1, "bias": False}, [(3, 2, 3, 2)]),
    ("InstanceNorm3d", (3,), {"track_running_stats": True, "momentum": 0.4}, [(2, 3, 2, 3, 2)], {"run": frozen}),
    ("LocalResponseNorm", (2,), {}, [(2, 5, 4)], ONCE),
    ("LocalResponseNorm", (3,), {"alpha": 0.5, "beta": 0.3, "k": 2.0}, [(2, 5, 3, 4)], ONCE),
    ("LocalResponseNorm", (1,), {"alpha": 0.5}, [(2, 3, 2, 2, 2)]),
    ("LocalResponseNorm", (7,), {"alpha": 0.5}, [(2, 4, 3)]),
    ("LocalResponseNorm", (4,), {"alpha": 0.5}, [(2, 9, 3)]),
]

REFUSALS: list[tuple[Any, ...]] = [
    ("GroupNorm", (3, 4), {}, "num_channels=4 must be a multiple of num_groups=3"),
    ("GroupNorm", (0, 4), {}, "num_channels=4 must be a multiple of num_groups=0"),
]

# What a layer must not take: name, arguments, input, PyTorch refuses it too, our text.
BAD_INPUTS: list[tuple[str, tuple[Any, ...], dict[str, Any], Any, str]] = [
    ("BatchNorm1d", (3,), {}, (1, 3), "more than one value per channel"),
    ("BatchNorm1d", (3,), {}, (2, 4), "num_features=3"),
    ("BatchNorm1d", (3,), {}, (2, 3, 4, 5), r"\(N, C\) or \(N, C, L\)"),
    ("BatchNorm2d", (3,), {}, (2, 3), r"\(N, C, H, W\)"),
    ("BatchNorm3d", (3,), {}, (2, 3, 4, 5), r"\(N, C, D, H, W\)"),
    ("BatchNorm1d", (3,), {}, np.ones((2, 3), np.complex128), "real floating-point"),
    ("LayerNorm", (3,), {}, (2, 4), r"weight has shape \(3,\), .* \(2, 4\)"),
    ("RMSNorm", (3,), {}, (2, 4), r"normalized_shape=\(3,\)"),
    ("GroupNorm", (2, 4), {}, (4,), "at least"),
    ("GroupNorm", (2, 4), {}, (2, 6), r"weight has shape \(4,\)"),
    ("GroupNorm", (4, 4), {}, (1, 4), "more than one value per group"),
    ("InstanceNorm1d", (3,), {}, (2, 3, 4, 5), r"\(N, C, L\) or \(C, L\)"),
    ("InstanceNorm1d", (3,), {"affine": True}, (2, 4, 5), "num_features=3"),
    ("InstanceNorm1d", (3,), {}, (2, 3, 1), "more than one value per channel"),
    ("InstanceNorm2d", (3,), {}, (3, 4), r"\(C, H, W\)"),
    ("InstanceNorm3d", (3,), {}, (3, 4, 5), r"\(C, D, H, W\)"),
    ("LocalResponseNorm", (2,), {}, (3, 4), "at least 3 axes"),
    ("LocalResponseNorm", (0,), {}, (2, 3, 4), "size is a number of channels"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_layer(check_layer: Callable[..., None], case: tuple[Any, ...]) -> None:
    check_layer(*case)


@pytest.mark.parametrize("case", BAD_INPUTS, ids=[f"{i}-{case[0]}" for i, case in enumerate(BAD_INPUTS)])
def test_bad_input_changes_nothing(torch: Any, case: tuple[Any, ...]) -> None:
    name, args, kwargs, given, text = case
    array = np.ones(given) if isinstance(given, tuple) else given
    theirs = getattr(torch.nn, name)(*args, **kwargs).double()
    with pytest.raises((ValueError, RuntimeError, NotImplementedError)):
        theirs(torch.tensor(array))
    ours = getattr(nn, name)(*args, **kwargs).double()
    before = {k: v.numpy().copy() for k, v in ours.state_dict().items()}
    with pytest.raises(cb.CandelabraError, match=text):
        ours(cb.tensor(array))
    for key, value in ours.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[key])


def test_channels_that_do_not_matter_are_warned_of() -> None:
    with pytest.warns(UserWarning, match="num_features=3"):
        nn.InstanceNorm1d(3)(cb.ones(2, 4, 5))


def test_an_empty_batch_leaves_running_statistics_alone() -> None:
    layer = nn.BatchNorm1d(3)
    layer(cb.zeros(0, 3))
    np.testing.assert_array_equal(layer.running_mean.numpy(), 0)
    np.testing.assert_array_equal(layer.running_var.numpy(), 1)
    assert layer.num_batches_tracked.item() == 1


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["LayerNorm", "RMSNorm", "GroupNorm", "BatchNorm1d", "InstanceNorm1d"])
def test_narrow_floats(torch: Any, name: str, kind: str) -> None:
    args = (2, 6) if name == "GroupNorm" else (5,) if name in ("LayerNorm", "RMSNorm") else (6,)
    x = np.random.default_rng(0).standard_normal((4, 6, 5)).astype(np.float32)
    ours = getattr(nn, name)(*args).to(getattr(cb, kind))
    theirs = getattr(torch.nn, name)(*args).to(getattr(torch, kind))
    one = ours(cb.tensor(x).to(getattr(cb, kind)))
    other = theirs(torch.tensor(x).to(getattr(torch, kind)))
    assert one.dtype.name == kind
    step = 2.0**-9 if kind == "float16" else 2.0**-6
    np.testing.assert_allclose(
        one.detach().float().numpy(), other.detach().float().numpy(), rtol=2 * step, atol=2 * step
    )


def test_old_state_dicts_of_instance_norm_say_what_to_do() -> None:
    state = {"running_mean": cb.zeros(3), "running_var": cb.ones(3)}
    with pytest.raises(cb.CandelabraError, match="track_running_stats=True"):
        nn.InstanceNorm1d(3).load_state_dict(state)


@pytest.mark.parametrize("bad", ["running_mean", "both", "shape"])
def test_functions_refuse_what_is_incomplete(bad: str) -> None:
    x = cb.ones(2, 3, 4)
    functional = nn.functional
    if bad == "running_mean":
        for function in (functional.batch_norm, functional.instance_norm):
            with pytest.raises(cb.CandelabraError, match="both or neither"):
                function(x, cb.zeros(3), None)
    elif bad == "both":
        with pytest.raises(cb.CandelabraError, match="running_mean and running_var are needed"):
            functional.batch_norm(x, None, None)
        with pytest.raises(cb.CandelabraError, match="running_mean and running_var are needed"):
            functional.instance_norm(x, use_input_stats=False)
    else:
        with pytest.raises(cb.CandelabraError, match=r"weight has shape \(2,\)"):
            functional.group_norm(x, 3, cb.ones(2))
        with pytest.raises(cb.CandelabraError, match=r"weight must have normalized_shape=\(4,\)"):
            functional.rms_norm(x, (4,), cb.ones(2))
