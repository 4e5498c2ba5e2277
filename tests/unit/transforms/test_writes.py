"""In-place operations inside transformations: what is made inside may be written, what is shared may not."""

from __future__ import annotations

from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import func, nn
from candelabra.core.errors import TransformError

X = cb.tensor([1.0, 2.0, 3.0])


def filled(a: Any) -> Any:
    z = cb.zeros(4)
    z[0] = a
    z[1:3] = a * 2
    z += 1
    return z


def test_what_is_made_inside_is_written() -> None:
    expected = np.stack([[a + 1, 2 * a + 1, 2 * a + 1, 1] for a in (1.0, 2.0, 3.0)])
    np.testing.assert_array_equal(func.vmap(filled)(X).numpy(), expected)
    slopes = func.vmap(func.grad(lambda a: (filled(a) ** 2).sum()))(X)
    np.testing.assert_allclose(slopes.numpy(), 2 * expected @ [1, 2, 2, 0])
    nested = func.vmap(lambda a: func.vmap(lambda b: filled(a * b))(X))(X)
    assert nested.shape == (3, 3, 4)


def test_a_cycle_of_the_functions_own_keeps_nothing_from_being_written() -> None:
    def recursive(a: Any) -> Any:
        z = cb.zeros(2)

        def again(n: int) -> Any:
            return again(n - 1) if n else z

        z[0] = a
        return again(2) * 1

    assert func.vmap(recursive)(X).tolist() == [[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]


def test_a_write_of_one_value_for_all_stays() -> None:
    total = cb.ones(())

    def counted(a: Any) -> Any:
        total.add_(1.0)
        return a + total

    assert func.vmap(counted)(X).tolist() == [3.0, 4.0, 5.0]
    assert total.item() == 2.0 and not total.requires_grad


@pytest.mark.parametrize("outside", ["argument", "closure"])
def test_a_write_of_each_samples_own_value_is_refused_and_undone(outside: str) -> None:
    total = cb.ones(())
    text = (
        r"^vmap: a tensor of shape \(\) from outside was written in place at .*test_writes\.py:\d+: .*, with a value "
        r"of each sample's own; return the value from the function instead, or make the tensor inside it$"
    )
    with pytest.raises(TransformError, match=text):
        if outside == "argument":
            func.vmap(lambda a, t: t.add_(a), in_axes=(0, None))(X, total)
        else:
            func.vmap(lambda a: total.add_(a))(X)
    assert (total + 1).item() == 2.0
    row = cb.ones(3)

    def first(a: Any) -> Any:
        row[0] = a
        return a

    with pytest.raises(TransformError, match=r"shape \(3,\) from outside"):
        func.vmap(first)(X)
    with pytest.raises(TransformError, match=r"^jvp: .* with a value that has a tangent"):
        func.jvp(first, (X[0],), (X[1],))
    assert row.tolist() == [1.0, 1.0, 1.0]


def test_after_an_exception_nothing_is_half_written() -> None:
    row = cb.ones(3)

    def fails(a: Any) -> Any:
        row.add_(a)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        func.vmap(fails)(X)
    assert (row * 2).tolist() == [2.0, 2.0, 2.0]


def test_batch_norm_in_training() -> None:
    layer = nn.BatchNorm1d(3)
    batches = cb.randn(2, 4, 3)
    with pytest.raises(TransformError, match=r"running statistics, which all samples of a vmap share.*replace_all"):
        func.vmap(layer)(batches)
    assert layer.running_mean.tolist() == [0.0, 0.0, 0.0] and layer.num_batches_tracked.item() == 0
    # Forward mode moves the statistics, by the values alone.
    func.jvp(layer, (batches[0],), (batches[1],))
    expected = nn.BatchNorm1d(3)
    expected(batches[0])
    np.testing.assert_allclose(layer.running_mean.numpy(), expected.running_mean.numpy())
    assert layer.num_batches_tracked.item() == 1
    mapped = func.vmap(layer.eval())(batches)
    np.testing.assert_allclose(mapped[1].detach().numpy(), layer(batches[1]).detach().numpy(), rtol=1e-5)


def test_an_ensembles_running_statistics_move_apart() -> None:
    models = [nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)) for _ in range(2)]
    parameters, buffers = func.stack_module_state(models)
    batch = cb.randn(5, 3)

    def step(p: Any, b: Any) -> Any:
        b = dict(b)
        return func.functional_call(models[0], (p, b), batch), b

    _, moved = func.vmap(step)(parameters, buffers)
    for i, model in enumerate(models):
        model(batch)
        np.testing.assert_allclose(
            moved["1.running_mean"][i].detach().numpy(), model[1].running_mean.numpy(), rtol=1e-4, atol=1e-6
        )
    assert moved["1.num_batches_tracked"].tolist() == [1, 1]
