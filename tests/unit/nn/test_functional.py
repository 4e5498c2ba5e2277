"""Functions that no layer covers."""

from __future__ import annotations

import inspect

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn
from candelabra.core.errors import ArgumentError, ArgumentTypeError, CandelabraError, DTypeError, ShapeError
from candelabra.nn import functional as F


def test_everything_public_has_a_docstring_with_an_example() -> None:
    public = {name: getattr(F, name) for name in F.__all__}
    public |= {name: getattr(nn, name) for name in nn.__all__ if name not in ("functional", "init", "utils")}
    for name in nn.utils.__all__:
        value = getattr(nn.utils, name)
        public |= {n: getattr(value, n) for n in value.__all__} if inspect.ismodule(value) else {name: value}
    public |= {name: value for name, value in vars(nn.init).items() if name.endswith("_") and name[0] != "_"}
    assert len(public) > 100
    assert [name for name, value in public.items() if ">>> " not in (value.__doc__ or "")] == []


@pytest.mark.parametrize(("mode", "numpy_mode"), [("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")])
def test_pad_modes(mode: str, numpy_mode: str) -> None:
    x = np.arange(12.0).reshape(1, 3, 4)
    ours = F.pad(cb.tensor(x), (2, 1, 1, 2), mode)
    np.testing.assert_array_equal(ours.numpy(), np.pad(x, ((0, 0), (1, 2), (2, 1)), mode=numpy_mode))
    # What is cut off in front is seen in the mirror behind, and does not come round.
    cut = {"reflect": [[2.0, 3.0, 2.0, 1.0]], "replicate": [[2.0, 3.0, 3.0, 3.0]], "circular": [[2.0, 3.0, 2.0, 3.0]]}
    np.testing.assert_array_equal(F.pad(cb.arange(4.0)[None], (-2, 2), mode).numpy(), cut[mode])


def test_pad_constant() -> None:
    x = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(
        F.pad(cb.tensor(x), (1, 2), value=7.0).numpy(), np.pad(x, ((0, 0), (1, 2)), constant_values=7.0)
    )
    np.testing.assert_array_equal(F.pad(cb.tensor(x), (-1, 0, 0, -2)).numpy(), x[:1, 1:])


def test_pad_refuses() -> None:
    x = cb.ones(3, 4)
    with pytest.raises(ArgumentError, match=r"pairs \(before, after\) for at most the 2 axes"):
        F.pad(x, (1, 2, 3))
    with pytest.raises(ArgumentError, match=r"mode is 'constant', 'reflect', 'replicate' or 'circular', got 'mirror'"):
        F.pad(x, (1, 1), "mirror")
    with pytest.raises(ArgumentError, match=r"value=3.0 has a meaning in mode 'constant' only"):
        F.pad(x, (1, 1), "reflect", 3.0)
    with pytest.raises(ShapeError, match=r"reflecting \(4, 0\) needs more elements than that along axis 1, not 4"):
        F.pad(x, (4, 0), "reflect")
    with pytest.raises(ShapeError, match=r"wraps more than once"):
        F.pad(x, (5, 0), "circular")
    with pytest.raises(ShapeError, match=r"pads the last 1, 2 or 3 axes of a tensor with one or two axes more, got 2"):
        F.pad(x, (1, 0, 1, 0), "circular")
    with pytest.raises(ArgumentTypeError, match=r"pad: pairs of ints are needed, got \[1.5, 1\]"):
        F.pad(x, [1.5, 1])  # type: ignore[list-item]
    with pytest.raises(CandelabraError):
        F.pad(x, (-5, 0))
    with pytest.raises(ShapeError, match=r"pad: \(-2, -2\) leaves nothing of shape \(3, 4\) in mode 'reflect'"):
        F.pad(x, (-2, -2), "reflect")


def test_one_hot() -> None:
    assert F.one_hot(cb.asarray([[0], [2]])).tolist() == [[[1, 0, 0]], [[0, 0, 1]]]
    assert F.one_hot(cb.zeros(0, dtype=cb.int64), 3).shape == (0, 3)
    with pytest.raises(DTypeError, match=r"class indices are int64, got float32; use x.long\(\)"):
        F.one_hot(cb.ones(2))
    with pytest.raises(ArgumentError, match=r"classes lie between 0 and num_classes - 1 = 1, got 0 to 2"):
        F.one_hot(cb.asarray([0, 2]), 2)
    with pytest.raises(ArgumentError, match=r"num_classes is positive, got 0"):
        F.one_hot(cb.asarray([0]), 0)
    with pytest.raises(ArgumentError, match=r"cannot be inferred"):
        F.one_hot(cb.zeros(0, dtype=cb.int64))


def test_normalize() -> None:
    x = cb.tensor([[3.0, 4.0], [0.0, 0.0]], requires_grad=True)
    out = F.normalize(x)
    np.testing.assert_allclose(out.detach().numpy(), [[0.6, 0.8], [0.0, 0.0]], rtol=1e-6)
    out.sum().backward()
    assert np.isfinite(x.grad.numpy()).all()
    with pytest.raises(ArgumentError, match=r"out is refused"):
        F.normalize(x, out=x)


def test_attention_function_checks_static_keys() -> None:
    x, square = cb.ones(5, 2, 4), cb.ones(4, 4)
    arguments = (x, x, x, 4, 2, cb.ones(12, 4), None, None, None, False, 0.0, square, None)
    static = cb.ones(4, 5, 2)
    out, weights = F.multi_head_attention_forward(*arguments, static_k=static, static_v=static)
    assert out.shape == (5, 2, 4) and weights.shape == (2, 5, 5)
    with pytest.raises(ShapeError, match=r"static_k has shape \(N·num_heads, S, head_dim\) = \(4, S, 2\)"):
        F.multi_head_attention_forward(*arguments, static_k=cb.ones(3, 5, 2), static_v=static)
    single, _ = F.multi_head_attention_forward(
        *(x[:, 0],) * 3, *arguments[3:], key_padding_mask=cb.zeros(5, dtype=cb.bool)
    )
    assert single.shape == (5, 4)
