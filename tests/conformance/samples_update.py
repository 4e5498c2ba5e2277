"""Generators of valid calls of update rows: lists of parameters, gradients and state."""

from __future__ import annotations

from typing import Any

import numpy as np
from candelabra.conformance.drawing import Draw, Sample


def _lists(d: Draw, *domains: str, count: int | None = None, shapes: Any = None) -> list[list[Any]]:
    """Parameters, gradients, and state of the given domains."""
    shapes = shapes or [d.shape() for _ in range(d.integer(1, 3) if count is None else count)]
    return [[d.array(s, domain) for s in shapes] for domain in ("real", "real", *domains)]


def _decay(d: Draw) -> dict[str, Any]:
    return {"weight_decay": d.choice((0.0, 0.2)), "maximize": d.flag()}


def _steps(d: Draw, lists: list[list[Any]]) -> dict[str, Any]:
    return {"steps": tuple(float(d.integer(1, 9)) for _ in lists[0])}


def draw_asgd_step(d: Draw) -> Sample:
    lists = _lists(d, "real")
    etas = tuple(0.1 / (1 + i) for i in range(len(lists[0])))
    mus = tuple(d.choice((1.0, 0.25)) for _ in lists[0])
    return Sample(tuple(lists), {"etas": etas, "mus": mus, "lambd": 0.3, **_decay(d)})


def draw_rprop_step(d: Draw) -> Sample:
    lists = _lists(d, "nonzero", "positive")
    statics = {"shrink": 0.5, "grow": 1.25, "smallest": 0.3, "largest": 3.0, "maximize": d.flag()}
    return Sample(tuple(lists), statics)


def draw_average_step(d: Draw) -> Sample:
    return Sample(tuple(_lists(d)), {"share": 0.25})


def draw_copy_step(d: Draw) -> Sample:
    return Sample(tuple(_lists(d)), {})


def draw_total_norm(d: Draw) -> Sample:
    arrays = [d.array(d.shape()) for _ in range(d.integer(1, 3))]
    return Sample((arrays,), {"norm_type": d.choice((2.0, 1.0, 0.0, 3.0, float("inf"), float("-inf")))})


def draw_clip_norm_step(d: Draw) -> Sample:
    arrays = [d.array(d.shape()) for _ in range(d.integer(1, 3))]
    return Sample((arrays, np.asarray(abs(d.array((), "positive")))), {"max_norm": d.choice((0.5, 2.0))})


def draw_clip_value_step(d: Draw) -> Sample:
    return Sample(([d.array(d.shape()) for _ in range(d.integer(1, 3))],), {"bound": 0.5})


def draw_adagrad_step(d: Draw) -> Sample:
    lists = _lists(d, "positive")
    return Sample(tuple(lists), {**_steps(d, lists), "lr": 0.1, "lr_decay": 0.3, "eps": 1e-8, **_decay(d)})


def draw_adadelta_step(d: Draw) -> Sample:
    return Sample(tuple(_lists(d, "positive", "positive")), {"lr": 0.5, "rho": 0.8, "eps": 1e-3, **_decay(d)})


def draw_rmsprop_step(d: Draw) -> Sample:
    centered, momentum = d.flag(), d.choice((0.0, 0.9))
    params, grads, buffers = _lists(d, "real")
    # A mean whose square is less than the mean of squares.
    means = [np.asarray(b * b.dtype.type(0.1)) for b in buffers]
    squares = [np.asarray(abs(b) + b.dtype.type(1)) for b in buffers]
    statics = {"lr": 0.1, "rho": 0.9, "eps": 1e-3, "momentum": momentum, "centered": centered, **_decay(d)}
    return Sample((params, grads, squares, buffers if momentum else [], means if centered else []), statics)


def _betas(d: Draw, lists: list[list[Any]]) -> dict[str, Any]:
    return {**_steps(d, lists), "lr": 0.1, "beta1": d.choice((0.9, 0.2)), "beta2": 0.99, "eps": 1e-6, **_decay(d)}


def draw_adamax_step(d: Draw) -> Sample:
    lists = _lists(d, "real", "positive")
    return Sample(tuple(lists), _betas(d, lists))


def draw_nadam_step(d: Draw) -> Sample:
    lists = _lists(d, "real", "positive")
    products = tuple(0.5 / (1 + i) for i in range(len(lists[0])))
    statics = {"mu_products": products, "momentum_decay": 0.01, "decoupled": d.flag(), **_betas(d, lists)}
    return Sample(tuple(lists), statics)


def draw_radam_step(d: Draw) -> Sample:
    lists = _lists(d, "real", "positive")
    return Sample(tuple(lists), {"decoupled": d.flag(), **_betas(d, lists)})


def draw_adafactor_step(d: Draw) -> Sample:
    matrices, count = d.flag(), d.integer(1, 2)
    sizes = [[d.integer(1, 4) for _ in range(d.integer(2, 3) if matrices else d.integer(0, 1))] for _ in range(count)]
    shapes = [tuple(s) for s in sizes]
    params, grads, variances = _lists(d, "positive", shapes=shapes)
    rows = [d.array((*s[:-1], 1), "positive") for s in shapes] if matrices else []
    columns = [d.array((*s[:-2], 1, s[-1]), "positive") for s in shapes] if matrices else []
    statics = {
        **_steps(d, [params]), "lr": 0.1, "beta2_decay": -0.8, "eps1": (1e-3,) * count, "eps2": 1e-3,
        "d": d.choice((1.0, 2.0)), **_decay(d),
    }  # fmt: skip
    return Sample((params, grads, rows, columns, [] if matrices else variances), statics)


def draw_muon_step(d: Draw) -> Sample:
    shapes = [(d.integer(1, 4), d.integer(1, 4)) for _ in range(d.integer(1, 2))]
    lists = _lists(d, "real", shapes=shapes)
    statics = {
        "lr": 0.1, "weight_decay": 0.1, "momentum": 0.9, "nesterov": d.flag(), "a": 3.4445, "b": -4.775, "c": 2.0315,
        "eps": 1e-7, "ns_steps": d.integer(0, 3), "adjust": d.choice((None, "original", "match_rms_adamw")),
    }  # fmt: skip
    return Sample(tuple(lists), statics)
