"""How a layer of ours is compared with PyTorch's.

A file ``test_<family>_classes.py`` lists ``CASES``, tuples of

    (class name, positional arguments, keyword arguments, inputs[, options])

- An input is an array, or the shape of one that is drawn from N(0, 1), or a list of inputs, or any other value. Arrays
  of floats are differentiated. An array among the arguments becomes a tensor.
- A `functools.partial` anywhere is called with the library, ``cb`` or ``torch``:
  ``partial(lambda lib: lib.nn.ReLU())``.
- Options: ``call``, keyword arguments of the call; ``run``, a function of (library, layer, *inputs) instead of the
  call; ``tolerance`` (1e-9); ``modes``, instead of ("train", "eval"); ``order``, 2 compares gradients of gradients too
  (1); ``same_repr``, False where a text differs on purpose.

The fixture `check_layer` runs one: the same weights must give the same values, gradients of inputs and parameters,
buffers, representation and state dict. ``REFUSALS`` lists (class name, positional arguments, keyword arguments,
pattern) that raise an error which names the argument. `test_every_class.py` reads both lists from all files.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from layer_cases import draw, flat, give, materialize


@pytest.fixture
def check_layer(torch: Any) -> Callable[..., None]:
    """Compare one layer with PyTorch's."""
    return functools.partial(check, torch)


def close(ours: Any, theirs: Any, tolerance: float, what: str) -> None:
    assert tuple(ours.shape) == tuple(theirs.shape), (
        f"{what}: shape {tuple(ours.shape)}, PyTorch's {tuple(theirs.shape)}"
    )
    kind = str(theirs.dtype).removeprefix("torch.")
    assert ours.dtype.name == kind, f"{what}: {ours.dtype.name}, PyTorch's {kind}"
    one, other = ours.detach().numpy(), theirs.detach().numpy()
    np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance, err_msg=what)


def twins(torch: Any, name: str, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Return our layer and PyTorch's in float64, with the same drawn weights, loaded through a state dict."""
    theirs = getattr(torch.nn, name)(*give(torch, list(args)), **give(torch, kwargs)).double()
    with torch.no_grad():
        for i, parameter in enumerate(theirs.parameters()):
            parameter.copy_(torch.tensor(draw(tuple(parameter.shape), 100 + i)))
    ours = getattr(cb.nn, name)(*give(cb, list(args)), **give(cb, kwargs)).double()
    ours.load_state_dict(theirs.state_dict())
    # And back: PyTorch takes ours.
    theirs.load_state_dict({k: torch.tensor(np.array(v.numpy())) for k, v in ours.state_dict().items()})
    return ours, theirs


def check(torch: Any, name: str, args: Any, kwargs: Any, inputs: Any, options: dict[str, Any] | None = None) -> None:
    """Compare one layer with PyTorch's."""
    options = dict(options or {})
    call, run = options.pop("call", {}), options.pop("run", None)
    tolerance, modes = options.pop("tolerance", 1e-9), options.pop("modes", ("train", "eval"))
    order, same_repr = options.pop("order", 1), options.pop("same_repr", True)
    assert not options, f"no such options: {options}"
    ours, theirs = twins(torch, name, args, kwargs)
    if same_repr:
        assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    values = [materialize(v, 3 * i) for i, v in enumerate(inputs)]
    for mode in modes:
        results = []
        for library, layer in ((cb, ours), (torch, theirs)):
            layer.train(mode == "train")
            layer.zero_grad()
            leaves: list[Any] = []
            given = give(library, values, leaves)
            if kwargs.get("inplace"):
                given = [x * 1 for x in given]
            options_given = give(library, call, leaves)
            output = run(library, layer, *given) if run else layer(*given, **options_given)
            named = [(f"input {i}", leaf) for i, leaf in enumerate(leaves)] + list(layer.named_parameters())
            results.append((flat(output), dict(named)))
        (one, our_leaves), (other, their_leaves) = results
        assert len(one) == len(other), f"{len(one)} outputs, PyTorch has {len(other)}"
        for i, (a, b) in enumerate(zip(one, other)):
            close(a, b, tolerance, f"{mode}: output {i}")
        compare_gradients(torch, one, other, our_leaves, their_leaves, tolerance, order, mode)
    for key, value in theirs.state_dict().items():
        close(ours.state_dict()[key], value, tolerance, key)


def compare_gradients(
    torch: Any, ours: list[Any], theirs: list[Any], our_leaves: dict[str, Any], their_leaves: dict[str, Any],
    tolerance: float, order: int, mode: str,
) -> None:  # fmt: skip
    assert list(our_leaves) == list(their_leaves)
    for level in range(1, order + 1):
        live = [(a, b) for a, b in zip(ours, theirs) if b.requires_grad]
        names = [n for n, leaf in their_leaves.items() if leaf.requires_grad]
        if not live or not names:
            return
        seeds = [draw(tuple(b.shape), 50 * level + i) for i, (_, b) in enumerate(live)]
        our_live = [(a, cb.tensor(s)) for (a, _), s in zip(live, seeds) if a.requires_grad]
        wanted = [our_leaves[n] for n in names]
        keep = {"create_graph": level < order, "allow_unused": True, "materialize_grads": True}
        ours = (
            list(cb.grad([a for a, _ in our_live], wanted, [s for _, s in our_live], **keep))
            if our_live
            else [cb.zeros_like(w) for w in wanted]
        )
        theirs = list(
            torch.autograd.grad(
                [b for _, b in live], [their_leaves[n] for n in names], [torch.tensor(s) for s in seeds], **keep
            )
        )
        for name, a, b in zip(names, ours, theirs):
            close(a, b, tolerance * 10 ** (level - 1), f"{mode}: gradient of {name}, order {level}")
