"""The rows of neural networks, random draws and optimizers as explicit loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from candelabra.conformance import philox_reference as stream


def linear(x: Any, weight: Any, bias: Any) -> Any:
    found = np.einsum("...i,oi->...o", x, weight)
    return found if bias is None else found + bias


def linear_activation(x: Any, weight: Any, bias: Any, *, activation: str) -> Any:
    found = linear(x, weight, bias)
    if activation == "relu":
        return np.maximum(found, 0)
    if activation == "silu":
        return found / (1 + np.exp(-found))
    inner = math.sqrt(2 / math.pi) * (found + 0.044715 * found**3)
    erf = np.vectorize(math.erf, otypes=[float])
    return 0.5 * found * (1 + (np.tanh(inner) if activation == "gelu_tanh" else erf(found / math.sqrt(2))))


def layer_norm(x: Any, weight: Any, bias: Any, *, axes: int, eps: float) -> Any:
    found = np.zeros_like(x)
    for place in np.ndindex(*x.shape[:-axes]):
        values = x[place]
        mean = math.fsum(values.flat) / values.size
        variance = math.fsum((v - mean) ** 2 for v in values.flat) / values.size
        found[place] = (values - mean) / math.sqrt(variance + eps)
    found = found if weight is None else found * weight
    return found if bias is None else found + bias


def batch_norm(x: Any, weight: Any, bias: Any, *, eps: float) -> Any:
    found = np.zeros_like(x)
    means, variances = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    for c in range(x.shape[1]):
        values = x[:, c]
        means[c] = math.fsum(values.flat) / values.size
        variances[c] = math.fsum((v - means[c]) ** 2 for v in values.flat) / values.size
        found[:, c] = (values - means[c]) / math.sqrt(variances[c] + eps)
        found[:, c] = found[:, c] * (1 if weight is None else weight[c]) + (0 if bias is None else bias[c])
    return found, means, variances


def cross_entropy(
    x: Any, target: Any, weight: Any, *, ignore_index: int, reduction: str, label_smoothing: float
) -> Any:
    classes = x.shape[0] if x.ndim == 1 else x.shape[1]
    w = np.ones(classes) if weight is None else weight
    losses, total = np.zeros(target.shape), 0.0
    for place in np.ndindex(*target.shape):
        t = int(target[place])
        if t == ignore_index:
            continue
        scores = x if x.ndim == 1 else x[(place[0], slice(None), *place[1:])]
        log_sum = math.log(math.fsum(math.exp(s) for s in scores))
        hard = w[t] * (log_sum - scores[t])
        smooth = math.fsum(w[k] * (log_sum - scores[k]) for k in range(classes)) / classes
        losses[place] = (1 - label_smoothing) * hard + label_smoothing * smooth
        total += w[t]
    if reduction == "none":
        return losses
    return np.asarray(losses.sum() / (total if reduction == "mean" else 1.0))


# Random draws: the stream of docs/random.md in Python integers.


def random_bits(*, key: int, counter: int, n: int) -> Any:
    return np.asarray(stream.words(key, counter, n), dtype=np.uint64)


def random_uniform(*, key: int, counter: int, shape: Any, dtype: str, low: float, high: float) -> Any:
    values = stream.uniform(key, counter, math.prod(shape), dtype, low, high)
    return np.asarray(values, dtype=np.float64).reshape(shape)


def random_normal(*, key: int, counter: int, shape: Any, dtype: str, mean: float, std: float) -> Any:
    values = stream.normal(key, counter, math.prod(shape), dtype)
    return mean + std * np.asarray(values, dtype=np.float64).reshape(shape)


def random_bernoulli(*, key: int, counter: int, shape: Any, dtype: str, p: float) -> Any:
    values = stream.bernoulli(key, counter, math.prod(shape), dtype, p)
    return np.asarray(values, dtype=dtype if dtype != "bfloat16" else np.float64).reshape(shape)


def random_dropout(x: Any, *, key: int, counter: int, keep: float, wide: bool) -> Any:
    drawn = stream.bernoulli(key, counter, x.size, "float64" if wide else "float32", keep)
    return x * np.asarray(drawn, dtype=np.float64).reshape(x.shape) / keep


def random_integers(*, key: int, counter: int, shape: Any, dtype: str, low: int, high: int) -> Any:
    values = stream.integers(key, counter, math.prod(shape), low, high)
    return np.asarray(values, dtype=dtype if dtype != "bfloat16" else np.float64).reshape(shape)


def random_permutation(*, key: int, counter: int, n: int, dtype: str) -> Any:
    return np.asarray(stream.permutation(key, counter, n), dtype=dtype if dtype != "bfloat16" else np.float64)


# Optimizers: one element after another, by the papers' own algorithms.


def sgd_step(params: Any, grads: Any, momentum_buffers: Any, **how: Any) -> Any:
    new, buffers = [], []
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        d = (-g if how["maximize"] else g) + how["weight_decay"] * p
        if how["momentum"]:
            b = d if how["first"][i] else how["momentum"] * momentum_buffers[i] + (1 - how["dampening"]) * d
            buffers.append(b)
            d = d + how["momentum"] * b if how["nesterov"] else b
        new.append(p - how["lr"] * d)
    return new, buffers


def adam_step(params: Any, grads: Any, exp_avgs: Any, exp_avg_sqs: Any, max_exp_avg_sqs: Any, **how: Any) -> Any:
    found: tuple[list[Any], ...] = ([], [], [], [])
    lr, b1, b2 = how["lr"], how["beta1"], how["beta2"]
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        t = how["steps"][i]
        d = -g if how["maximize"] else g
        if how["decoupled"]:
            p = p - lr * how["weight_decay"] * p
        else:
            d = d + how["weight_decay"] * p
        m, v = b1 * exp_avgs[i] + (1 - b1) * d, b2 * exp_avg_sqs[i] + (1 - b2) * d**2
        top = np.maximum(max_exp_avg_sqs[i], v) if how["amsgrad"] else v
        new = p - lr * (m / (1 - b1**t)) / (np.sqrt(top / (1 - b2**t)) + how["eps"])
        for place, value in zip(found, (new, m, v, top), strict=True):
            place.append(value)
    return found if how["amsgrad"] else (*found[:3], [])
