"""Tensors beside NumPy's arrays, PyTorch's tensors, pandas, opt_einsum and array-api-compat."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import array_api_compat
import candelabra as cb
import numpy as np
import opt_einsum
import pytest


@pytest.fixture(params=["cpu", "strict"])
def device(request: pytest.FixtureRequest) -> str:
    if request.param != "cpu":
        pytest.importorskip("candelabra_strict")
    return request.param


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def test_array_api_compat_knows_tensors(device: str) -> None:
    x = cb.asarray([[1.0, 2.0]], device=device)
    assert array_api_compat.is_array_api_obj(x) and not array_api_compat.is_numpy_array(x)
    assert not array_api_compat.is_lazy_array(x) and array_api_compat.is_writeable_array(x)
    xp = array_api_compat.array_namespace(x, x, 1.0, None)
    assert xp == cb and xp is x.__array_namespace__()
    assert array_api_compat.device(x) is x.device and array_api_compat.size(x) == 2
    assert array_api_compat.to_device(x, "cpu").device == cb.Device("cpu")
    with pytest.raises(TypeError, match="Multiple namespaces for array inputs"):
        array_api_compat.array_namespace(x, np.ones(1))


def test_numpy_shares_memory_and_cannot_write() -> None:
    x = cb.asarray([1.0, 2.0, 3.0])
    seen = np.asarray(x)
    assert address(seen) == address(np.asarray(x)) and not seen.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        seen[0] = 5.0
    x[0] = 7.0
    assert seen.tolist() == [1.0, 2.0, 3.0] and x.tolist() == [7.0, 2.0, 3.0]
    owned = np.array(x)
    owned[0] = 9.0
    assert x[0].item() == 7.0 and np.asarray(x, dtype=np.float64).dtype == np.float64
    borrowed = cb.asarray(owned)
    assert address(np.asarray(borrowed)) == address(owned)
    borrowed += 1
    assert owned.tolist() == [9.0, 2.0, 3.0]


def test_a_tensor_in_a_graph_becomes_no_array() -> None:
    x = cb.asarray([1.0, 2.0], requires_grad=True)
    for convert in (np.asarray, np.array, np.sort, lambda t: np.concatenate([t, t]), np.from_dlpack):
        with pytest.raises(cb.CandelabraError, match=r"would silently leave the graph; call x\.detach\(\) first"):
            convert(x)
    assert np.asarray(x.detach()).tolist() == [1.0, 2.0]


def test_operators_with_arrays_and_numbers_of_numpy() -> None:
    x = cb.asarray([1.0, 2.0], requires_grad=True)
    array = np.asarray([3.0, 4.0], dtype=np.float32)
    for made in (array * x, x * array, array + x, array @ x, array / x, array**x, np.float32(2) * x, array - x):
        assert isinstance(made, cb.Tensor) and made.requires_grad and made.dtype is cb.float32
    assert (array > x).tolist() == [True, True] and (array == x).tolist() == [False, False]
    assert cb.grad((array * x).sum(), [x])[0].tolist() == [3.0, 4.0]
    assert np.arange(5)[cb.asarray([1, 3])].tolist() == [1, 3]
    with pytest.raises(TypeError, match="does not support ufuncs"):
        np.sin(x)


def test_pytorch_shares_memory_both_ways(torch: ModuleType) -> None:
    theirs = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    ours = cb.from_dlpack(theirs)
    assert np.asarray(ours).__array_interface__["data"][0] == theirs.data_ptr() and ours.shape == (2, 3)
    ours += 1
    assert theirs[0, 0].item() == 0.0 and ours[0, 0].item() == 1.0
    x = cb.asarray(np.arange(4.0))
    back = torch.from_dlpack(x)
    assert back.data_ptr() == address(np.asarray(x)) and back.dtype == torch.float64
    for dtype in ("float64", "float32", "int64", "uint8", "bool", "complex64", "float16"):
        made = cb.from_dlpack(torch.ones(3, dtype=getattr(torch, dtype)))
        assert made.dtype is getattr(cb, dtype) and made.tolist() == torch.ones(3, dtype=getattr(torch, dtype)).tolist()
    with pytest.raises(cb.CandelabraError, match="__dlpack__: a tensor that requires a gradient"):
        torch.from_dlpack(cb.ones(2, requires_grad=True))


def test_opt_einsum_contracts_tensors(device: str) -> None:
    random = np.random.default_rng(0)
    a, b, c = random.normal(size=(3, 4)), random.normal(size=(4, 5)), random.normal(size=(5, 3))
    tensors = [cb.asarray(x, device=device, requires_grad=True) for x in (a, b, c)]
    found = opt_einsum.contract("ij,jk,kl->il", *tensors)
    assert isinstance(found, cb.Tensor) and found.device == tensors[0].device
    np.testing.assert_allclose(found.detach().cpu().numpy(), a @ b @ c, rtol=1e-12)
    found.sum().backward()
    np.testing.assert_allclose(tensors[0].grad.cpu().numpy(), np.ones((3, 3)) @ (b @ c).T, rtol=1e-10)
    expression = opt_einsum.contract_expression("ij,jk->ik", (3, 4), (4, 5))
    np.testing.assert_allclose(expression(*tensors[:2]).detach().cpu().numpy(), a @ b, rtol=1e-12)


def test_pandas_takes_tensors() -> None:
    pandas = pytest.importorskip("pandas")
    x = cb.asarray([[1.0, 2.0], [3.0, 4.0]])
    frame = pandas.DataFrame(np.asarray(x), columns=["a", "b"])
    frame["c"] = np.asarray(x[:, 0])
    assert frame["c"].tolist() == [1.0, 3.0] and pandas.Series(np.asarray(x[0])).tolist() == [1.0, 2.0]
    assert cb.asarray(frame.to_numpy()).shape == (2, 3)


def test_the_default_namespace_functions_of_consumers(require_peer: Any) -> None:
    """What SciPy's own helpers ask of a namespace, without which its functions would not start."""
    require_peer("scipy")
    from scipy._lib import _array_api as helpers

    x = cb.asarray([1.0, 2.0], dtype=cb.float64)
    xp = x.__array_namespace__()
    assert helpers.xp_size(x) == 2 and helpers.xp_device(x) is x.device
    assert helpers.xp_promote(x, 1, force_floating=True, xp=xp)[1].dtype is cb.float64
    assert helpers.xp_result_type(cb.asarray([1], dtype=cb.int32), 1.5, force_floating=True, xp=xp) is not None
    assert helpers.xp_copy(x, xp=xp).tolist() == [1.0, 2.0]
    assert helpers.scipy_namespace_for(xp) is None and not helpers.is_numpy(xp)
