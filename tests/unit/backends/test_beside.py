"""Arrays that lie beside each other as others do, and the array that they are the slices of."""

import candelabra as cb
import numpy as np
import pytest
from candelabra.backends.numpy.beside import empty_beside, joined


def parts(axis=0):
    whole = np.arange(2 * 5 * 3 * 4 * 6, dtype=np.float32).reshape(2, 5, 3, 4, 6)
    return list(whole.transpose(2, 0, 3, 1, 4))


def test_new_arrays_lie_as_the_old_ones_do():
    given = parts()
    new = empty_beside(given)
    for old, one in zip(given, new, strict=True):
        assert (one.shape, one.strides, one.dtype) == (old.shape, old.strides, old.dtype)
        one[...] = old
    assert new[0].base is new[1].base is new[2].base
    for axis in (0, 1, 4, -1, -2):
        whole = joined(new, axis)
        assert np.shares_memory(whole, new[0])
        np.testing.assert_array_equal(whole, np.stack(given, axis))


@pytest.mark.parametrize(
    "given",
    [
        [np.ones((2, 3)), np.ones((2, 3))],
        [np.ones((4, 6))[:, :3], np.ones((4, 6))[:, 3:]],
        list(np.ones((3, 4, 6)))[::-1],
        [np.ones((3, 4))[i] for i in (0, 1, 1)],
        [*np.ones((4, 5))[:2], np.ones((4, 5))[3]],
        [np.ones((2, 6))[0, :3], np.ones((2, 6))[1, :4]],
        list(np.ones((3, 0))),
        [np.ones((2, 3))[0]],
    ],
    ids=["whole", "two wholes", "backwards", "one twice", "a gap", "shapes", "empty", "one"],
)
def test_others_are_new_each(given):
    for old, one in zip(given, empty_beside(given), strict=True):
        assert (one.shape, one.dtype) == (old.shape, old.dtype)
        assert one.base is None or old.base is not None
    assert joined(given, 0) is None


def test_what_is_strewn_is_not_filled():
    # Every second column: beside each other, but not all of what lies between.
    whole = np.ones((3, 4, 10))
    given = list(whole[:, :, ::2])
    assert all(one.base is None for one in empty_beside(given))
    np.testing.assert_array_equal(joined(given, 0), np.stack(given))


def test_cotangents_of_slices_may_share_their_memory():
    x = cb.tensor(np.arange(12, dtype=np.float32).reshape(3, 4), requires_grad=True)
    weights = cb.tensor(np.arange(12, dtype=np.float32).reshape(3, 4) + 1)
    cb.autograd.backward(list(cb.unstack(x)), list(cb.unstack(weights)))
    np.testing.assert_array_equal(x.grad.numpy(), weights.numpy())
    x.grad.mul_(0)
    np.testing.assert_array_equal(weights.numpy(), np.arange(12).reshape(3, 4) + 1)
