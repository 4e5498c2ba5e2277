"""Generators of valid calls for the rows of neural networks, creation, random draws and optimizers."""

from __future__ import annotations

from typing import Any

import numpy as np
from candelabra.conformance.drawing import Draw, Sample


def _maybe(d: Draw, shape: tuple[int, ...], domain: str = "real") -> np.ndarray | None:
    return d.array(shape, domain) if d.flag() else None


def draw_linear(d: Draw) -> Sample:
    features, out = d.side(), d.side()
    return Sample((d.array((*d.shape(0, 2), features)), d.array((out, features)), _maybe(d, (out,))))


def draw_linear_activation(d: Draw) -> Sample:
    found = draw_linear(d)
    found.statics["activation"] = d.choice(("relu", "gelu", "gelu_tanh", "silu"))
    return found


def draw_layer_norm(d: Draw) -> Sample:
    shape = tuple(n + 1 for n in d.shape(1, empty=False))
    axes = d.integer(1, len(shape))
    tail = shape[-axes:]
    return Sample((d.array(shape), _maybe(d, tail), _maybe(d, tail)), {"axes": axes, "eps": d.choice((1e-5, 0.1))})


def draw_batch_norm(d: Draw) -> Sample:
    channels = d.integer(1, 3)
    shape = (d.integer(2, 4), channels, *d.shape(0, 2, empty=False))
    return Sample((d.array(shape), _maybe(d, (channels,)), _maybe(d, (channels,))), {"eps": d.choice((1e-5, 0.1))})


def draw_cross_entropy(d: Draw) -> Sample:
    classes = d.integer(1, 4)
    alone = d.integer(0, 3) == 3
    rest = () if alone else (d.integer(1, 3), *d.shape(0, 1, empty=False))
    x = d.array((classes,) if alone else (rest[0], classes, *rest[1:]))
    target = d.indices(rest, classes, negative=False)
    statics = {
        "reduction": d.choice(("mean", "sum", "none")), "label_smoothing": d.choice((0.0, 0.2)),
        "ignore_index": d.choice((-100, 0)),
    }  # fmt: skip
    if statics["ignore_index"] == -100 and rest and d.flag():
        target.flat[-1] = -100
    if statics["reduction"] == "mean" and not (target != statics["ignore_index"]).any():
        statics["reduction"] = "sum"
    weight = d.array((classes,), "positive") if d.flag() else None
    return Sample((x, target, weight), statics)


# Creation, and random draws at a key and counter.


def draw_filled(d: Draw) -> Sample:
    return Sample((), {"shape": d.shape(), "dtype": d.dtype.name})


def draw_full(d: Draw) -> Sample:
    return Sample((), {"shape": d.shape(), "fill_value": d.array((), "positive").item(), "dtype": d.dtype.name})


def draw_arange(d: Draw) -> Sample:
    start = d.integer(0, 3)
    return Sample((), {"start": start, "stop": start + d.integer(0, 6), "step": d.integer(1, 3), "dtype": d.dtype.name})


def draw_linspace(d: Draw) -> Sample:
    ends = d.values.uniform(-3, 3, 2)
    return Sample(
        (),
        {
            "start": float(ends[0]),
            "stop": float(ends[1]),
            "num": d.integer(0, 6),
            "endpoint": d.flag(),
            "dtype": d.dtype.name,
        },
    )


def draw_eye(d: Draw) -> Sample:
    return Sample(
        (), {"n_rows": d.side(0), "n_cols": d.choice((None, 2, 3)), "k": d.integer(-2, 2), "dtype": d.dtype.name}
    )


def _stream(d: Draw) -> dict[str, Any]:
    return {"key": d.integer(0, 2**64 - 1), "counter": d.integer(0, 2**256 - 1)}


def draw_random_bits(d: Draw) -> Sample:
    return Sample((), {**_stream(d), "n": d.integer(0, 9)})


def draw_random_uniform(d: Draw) -> Sample:
    low, high = d.choice(((0.0, 1.0), (-2.5, 0.25)))
    return Sample((), {**_stream(d), "shape": d.shape(), "dtype": d.dtype.name, "low": low, "high": high})


def draw_random_normal(d: Draw) -> Sample:
    mean, std = d.choice(((0.0, 1.0), (0.5, 2.0)))
    return Sample((), {**_stream(d), "shape": d.shape(), "dtype": d.dtype.name, "mean": mean, "std": std})


def draw_random_bernoulli(d: Draw) -> Sample:
    return Sample((), {**_stream(d), "shape": d.shape(), "dtype": d.dtype.name, "p": d.choice((0.0, 0.3, 1.0))})


def draw_random_dropout(d: Draw) -> Sample:
    wide = d.dtype.name in ("float64", "complex128")
    return Sample((d.array(d.shape()),), {**_stream(d), "keep": d.choice((0.3, 0.5, 1.0)), "wide": wide})


def draw_random_integers(d: Draw) -> Sample:
    return Sample((), {**_stream(d), "shape": d.shape(), "dtype": d.dtype.name, "low": 0, "high": d.integer(1, 100)})


def draw_random_permutation(d: Draw) -> Sample:
    return Sample((), {**_stream(d), "n": d.integer(0, 9), "dtype": d.dtype.name})


# Optimizers: lists of parameters, gradients and state.


def _parameters(d: Draw, count: int) -> list[tuple[int, ...]]:
    return [d.shape() for _ in range(count)]


def draw_sgd_step(d: Draw) -> Sample:
    shapes = _parameters(d, d.integer(1, 3))
    momentum = d.choice((0.0, 0.9))
    lists = [[d.array(s) for s in shapes] for _ in range(3 if momentum else 2)]
    statics = {
        "lr": 0.1, "momentum": momentum, "dampening": d.choice((0.0, 0.3)), "weight_decay": d.choice((0.0, 0.2)),
        "nesterov": False, "maximize": d.flag(), "first": tuple(d.flag() for _ in shapes),
    }  # fmt: skip
    if momentum and statics["dampening"] == 0.0:
        statics["nesterov"] = d.flag()
    return Sample((*lists, *([[]] if not momentum else [])), statics)


def draw_adam_step(d: Draw) -> Sample:
    shapes = _parameters(d, d.integer(1, 3))
    amsgrad = d.flag()
    lists = [[d.array(s) for s in shapes] for _ in range(3)]
    lists += [[d.array(s, "positive") for s in shapes] for _ in range(2 if amsgrad else 1)]
    statics = {
        "steps": tuple(d.integer(1, 5) for _ in shapes), "lr": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8,
        "weight_decay": d.choice((0.0, 0.2)), "amsgrad": amsgrad, "maximize": d.flag(), "decoupled": d.flag(),
    }  # fmt: skip
    return Sample((*lists, *([[]] if not amsgrad else [])), statics)
