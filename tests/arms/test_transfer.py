"""Tensors on their way between the devices of different libraries: values, dtypes, derivatives, transformations."""

from __future__ import annotations

import candelabra as cb
import numpy as np
import pytest
from candelabra import func
from candelabra.core import dtypes
from candelabra.core.errors import DTypeError, OutOfRangeError, TransformError

PATTERNS = {
    "bool": [True, False, True],
    "unsigned": [0, 1, 200],
    "signed": [-100, 0, 100],
    "float": [-0.0, 1.5, float("inf"), float("-inf"), float("nan"), 3e-3],
    "complex": [1 - 2j, complex(float("inf"), -0.0), 0.25j],
}


def at(name: str) -> cb.device:
    return cb.device(name).resolved()


def bits(x: cb.Tensor) -> bytes:
    return np.ascontiguousarray(x.detach().cpu().numpy()).tobytes()


def test_every_common_dtype_arrives_bit_for_bit(pair):
    source, target = pair
    common = [d for d in dtypes.ALL if d in at(source).native
              and d in at(target).native]  # fmt: skip
    assert cb.float32 in common and cb.bool in common and len(common) >= 6
    for dtype in common:
        x = cb.tensor(PATTERNS[dtype.kind], dtype=dtype).to(source)
        for shaped in (x, x[0], x[:0], x.reshape((1, -1, 1)), cb.stack([x, x]).permute(1, 0), cb.flip(x, axis=0)):
            y = shaped.to(target)
            assert y.device == at(target) and y.dtype is dtype and y.shape == shaped.shape
            assert bits(y) == bits(shaped), (dtype, shaped.shape)
            assert bits(y.to(source)) == bits(shaped)


def test_every_dtype_goes_to_the_host_and_back(place):
    for dtype in at(place).native:
        x = cb.tensor(PATTERNS[dtype.kind], dtype=dtype)
        y = x.to(place)
        assert y.dtype is dtype and bits(y) == bits(x)
        assert y.to("cpu").dtype is dtype and bits(y.to("cpu").to(place)) == bits(x)


def test_forms_of_to(pair):
    source, target = pair
    x = cb.tensor([1.0, 2.0], device=source)
    other = cb.zeros(1, dtype=cb.int32, device=target)
    assert x.to(target).device == at(target) and x.to(target).dtype is cb.float32
    assert x.to(at(target)).device == at(target)
    assert x.to(device=target, dtype=cb.int32).dtype is cb.int32
    assert x.to(target, cb.int32).tolist() == [1, 2] and x.to(target, cb.int32, True).device == at(target)
    for same in (x.to(other), x.to(other=other)):
        assert same.device == at(target) and same.dtype is cb.int32
    assert x.to(target, non_blocking=True).tolist() == [1.0, 2.0]
    assert x.to(source) is x and x.to(source, copy=True) is not x and x.to(target, copy=True).tolist() == [1.0, 2.0]
    assert x.to(target).cpu().device == at("cpu") and cb.asarray(x, device=target).device == at(target)
    with pytest.raises(TypeError, match=r"to: unknown argument 'wherever'"):
        x.to(target, wherever=1)


def test_the_gradient_comes_back(pair):
    source, target = pair
    x = cb.tensor([1.0, 2.0], device=source, requires_grad=True)
    y = x.to(target)
    y.retain_grad()
    seen = []
    y.register_hook(lambda g: seen.append(g.device))
    (y * y).sum().to(source).backward()
    assert x.grad.device == x.device and x.grad.tolist() == [2.0, 4.0]
    assert y.grad.device == y.device and seen == [y.device]
    (x.to(target).sum() + (x * x).to(target).sum()).backward()
    assert x.grad.tolist() == [5.0, 9.0]


def test_derivatives_of_every_order(pair):
    source, target = pair
    x = cb.tensor([1.0, 2.0], device=source, requires_grad=True)
    (g,) = cb.grad((x.to(target) ** 4).sum(), x, create_graph=True)
    (h,) = cb.grad(g.to(target).sum().to(source), x, create_graph=True)
    (third,) = cb.grad(h.sum(), x)
    assert g.device == h.device == third.device == x.device
    assert np.allclose([g.tolist(), h.tolist(), third.tolist()], [[4, 32], [12, 48], [24, 48]])


def test_transformations_cross(pair):
    source, target = pair
    x = cb.tensor([1.0, 2.0, 3.0], device=source)

    def there(v):
        return (v.to(target) ** 3).sum()

    g = func.grad(there)(x)
    assert g.device == x.device and np.allclose(g.tolist(), [3, 12, 27])
    out, tangent = func.jvp(lambda v: cb.sin(v.to(target)).to(source) * v, (x,), (cb.ones_like(x),))
    assert out.device == tangent.device == x.device
    assert np.allclose(tangent.tolist(), np.cos([1, 2, 3]) * [1, 2, 3] + np.sin([1, 2, 3]), atol=1e-5)
    out, tangent = func.jvp(there, (x,), (cb.ones_like(x),))
    assert out.device == tangent.device == at(target) and np.isclose(float(tangent), 42)
    rows = cb.stack([x, 2 * x])
    sums = func.vmap(there)(rows)
    assert sums.device == at(target) and np.allclose(sums.tolist(), [36, 288])
    each = func.vmap(func.grad(there))(rows)
    assert each.device == x.device and np.allclose(each.tolist(), [[3, 12, 27], [12, 48, 108]])
    wanted = np.diag([6.0, 12.0, 18.0])
    for twice in (func.hessian(there), func.jacfwd(func.jacrev(there)), func.jacrev(func.jacfwd(there)),
                  func.jacrev(func.jacrev(there)), func.jacfwd(func.jacfwd(there))):  # fmt: skip
        found = twice(x)
        assert np.allclose(found.cpu().numpy(), wanted, atol=1e-4)
    # A weight that all samples share lies on the other device.
    w = cb.tensor([1.0, 10.0, 100.0], device=target)
    shared = func.grad(lambda u: func.vmap(lambda v: (u * v.to(target)).sum())(rows).sum())(w)
    assert shared.device == w.device and np.allclose(shared.tolist(), [3, 6, 9])


def test_what_outlives_its_transformation_does_not_move(arm):
    kept = []
    func.vmap(lambda v: kept.append(v) or v)(cb.ones(2, 3))
    with pytest.raises(TransformError, match=r"made inside vmap and used after it ended"):
        kept[0].to(arm)


def test_anomaly_mode_looks_across(pair):
    source, target = pair
    x = cb.tensor([0.0, 1.0], device=source, requires_grad=True)
    with cb.autograd.detect_anomaly():
        cb.exp(x.to(target)).to(source).sum().backward()
        assert np.allclose(x.grad.tolist(), np.exp([0, 1]), rtol=1e-5)
        with pytest.raises(cb.core.errors.AnomalyError, match=r"log made something non-finite"):
            cb.log(x.to(target))


def test_numeric_gradients_agree(pair):
    source, target = pair
    if not all(cb.float64 in at(d).native for d in pair):
        pytest.skip("one of them has no float64")
    x = cb.tensor([0.5, -1.0], dtype=cb.float64, device=source, requires_grad=True)
    assert cb.autograd.gradcheck(lambda v: cb.tanh(v.to(target)).to(source) * v, x)
    assert cb.autograd.gradgradcheck(lambda v: cb.tanh(v.to(target)).to(source) * v, x)


@pytest.mark.parametrize("wide", [cb.int64, cb.uint64])
def test_wide_integers_where_there_are_none(wide):
    pytest.importorskip("candelabra_strict")
    held = {cb.int64: cb.int32, cb.uint64: cb.uint32}[wide]
    target = "strict:no_x64"
    assert wide not in at(target).native
    x = cb.tensor([7, 0, 2**31 - 1], dtype=wide)
    y = x.to(target)
    assert y.dtype is held and y.tolist() == x.tolist()
    assert cb.tensor([0.5], dtype=cb.float64).to(target, cb.float32).tolist() == [0.5]
    with pytest.raises(OutOfRangeError, match=rf"device 'strict:.' has no {wide.name}, and {held.name} does not hold"):
        cb.tensor([2**40], dtype=wide).to(target)
    with pytest.raises(DTypeError, match=r"to_device: device 'strict:.' has no float64; it supports"):
        cb.tensor([0.5], dtype=cb.float64).to(target)
    model = cb.nn.BatchNorm1d(2).to(target)
    assert model.num_batches_tracked.dtype is cb.int32 and model.running_mean.dtype is cb.float32


def test_a_dtype_that_the_other_device_lacks(arm):
    lacking = [d for d in dtypes.ALL if d not in at(arm).native and d.name not in ("int64", "uint64")]
    for dtype in lacking:
        x = cb.ones(2, dtype=dtype)
        with pytest.raises(DTypeError, match=rf"to_device: device '{arm}.*' has no {dtype.name}; it supports"):
            x.to(arm)
        assert x.to(arm, cb.int32 if not dtype.is_complex else cb.complex64).tolist() == [1, 1]
    assert arm != "strict" or [d.name for d in lacking] == ["float16", "bfloat16"]
