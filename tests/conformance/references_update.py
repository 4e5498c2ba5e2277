"""What update rows give, said once more: one parameter after another in float64, by the papers' own algorithms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def _turned(p: Any, g: Any, how: dict[str, Any]) -> Any:
    return (-g if how["maximize"] else g) + how.get("weight_decay", 0.0) * p


def _collect(rows: Any, count: int) -> Any:
    """Turn one tuple per parameter into one list per output; None leaves a list empty."""
    return tuple([row[k] for row in rows if row[k] is not None] for k in range(count))


def asgd_step(params: Any, grads: Any, averages: Any, **how: Any) -> Any:
    rows = []
    for p, g, a, eta, mu in zip(params, grads, averages, how["etas"], how["mus"], strict=True):
        new = p - eta * (_turned(p, g, how) + how["lambd"] * p)
        rows.append((new, (1 - mu) * a + mu * new))
    return _collect(rows, 2)


def rprop_step(params: Any, grads: Any, former: Any, step_sizes: Any, **how: Any) -> Any:
    rows = []
    for lists in zip(params, grads, former, step_sizes, strict=True):
        made = tuple(np.empty_like(x) for x in lists[:3])
        for k in np.ndindex(lists[0].shape):
            p, g, old, size = (float(x[k]) for x in lists)
            g = -g if how["maximize"] else g
            size *= {1: how["grow"], 0: 1.0, -1: how["shrink"]}[int(np.sign(g * old))]
            size = min(max(size, how["smallest"]), how["largest"])
            g = 0.0 if g * old < 0 else g
            made[0][k], made[1][k], made[2][k] = p - math.copysign(size, g) * (g != 0), g, size
        rows.append(made)
    return _collect(rows, 3)


def average_step(averages: Any, values: Any, *, share: float) -> Any:
    return ([(1 - share) * a + share * v for a, v in zip(averages, values, strict=True)],)


def copy_step(targets: Any, values: Any) -> Any:
    return ([np.array(v) for v in values],)


def total_norm(tensors: Any, *, norm_type: float) -> Any:
    flat = np.concatenate([np.abs(np.asarray(x)).reshape(-1) for x in tensors])
    return np.asarray(np.linalg.norm(flat, norm_type) if flat.size else 0.0)


def clip_norm_step(grads: Any, total: Any, *, max_norm: float) -> Any:
    return ([np.asarray(g * min(1.0, max_norm / (float(np.real(total)) + 1e-6))) for g in grads],)


def clip_value_step(grads: Any, *, bound: float) -> Any:
    return ([np.asarray(np.clip(g, -bound, bound)) for g in grads],)


def adagrad_step(params: Any, grads: Any, sums: Any, **how: Any) -> Any:
    rows = []
    for p, g, s, t in zip(params, grads, sums, how["steps"], strict=True):
        d = _turned(p, g, how)
        total = s + d**2
        rows.append((p - how["lr"] / (1 + (t - 1) * how["lr_decay"]) * d / (total**0.5 + how["eps"]), total))
    return _collect(rows, 2)


def adadelta_step(params: Any, grads: Any, square_avgs: Any, acc_deltas: Any, **how: Any) -> Any:
    rows, rho, eps = [], how["rho"], how["eps"]
    for p, g, s, a in zip(params, grads, square_avgs, acc_deltas, strict=True):
        d = _turned(p, g, how)
        s = rho * s + (1 - rho) * d**2
        delta = ((a + eps) / (s + eps)) ** 0.5 * d
        rows.append((p - how["lr"] * delta, s, rho * a + (1 - rho) * delta**2))
    return _collect(rows, 3)


def rmsprop_step(params: Any, grads: Any, square_avgs: Any, momentum_buffers: Any, grad_avgs: Any, **how: Any) -> Any:
    rows, rho = [], how["rho"]
    for i, (p, g, s) in enumerate(zip(params, grads, square_avgs, strict=True)):
        d = _turned(p, g, how)
        s = rho * s + (1 - rho) * d**2
        mean = rho * grad_avgs[i] + (1 - rho) * d if how["centered"] else None
        b = d / (np.sqrt(s - (0.0 if mean is None else mean**2)) + how["eps"])
        if how["momentum"]:
            b = b + how["momentum"] * momentum_buffers[i]
        rows.append((p - how["lr"] * b, s, b if how["momentum"] else None, mean))
    return _collect(rows, 4)


def adamax_step(params: Any, grads: Any, exp_avgs: Any, exp_infs: Any, **how: Any) -> Any:
    rows, b1, b2 = [], how["beta1"], how["beta2"]
    for p, g, m, u, t in zip(params, grads, exp_avgs, exp_infs, how["steps"], strict=True):
        d = _turned(p, g, how)
        m, u = b1 * m + (1 - b1) * d, np.where(b2 * u > abs(d) + how["eps"], b2 * u, abs(d) + how["eps"])
        rows.append((p - how["lr"] * m / u / (1 - b1**t), m, u))
    return _collect(rows, 3)


def _adam_moments(p: Any, g: Any, m: Any, v: Any, how: dict[str, Any]) -> Any:
    """The shrunken parameter, the gradient, and the moments' new values."""
    d = _turned(p, g, {**how, "weight_decay": 0.0} if how["decoupled"] else how)
    if how["decoupled"]:
        p = p - how["lr"] * how["weight_decay"] * p
    return p, d, how["beta1"] * m + (1 - how["beta1"]) * d, how["beta2"] * v + (1 - how["beta2"]) * d**2


def nadam_step(params: Any, grads: Any, exp_avgs: Any, exp_avg_sqs: Any, **how: Any) -> Any:
    rows = []
    for p, g, m, v, t, product in zip(
        params, grads, exp_avgs, exp_avg_sqs, how["steps"], how["mu_products"], strict=True
    ):
        p, d, m, v = _adam_moments(p, g, m, v, how)
        mu, mu_next = (how["beta1"] * (1 - 0.5 * 0.96 ** (k * how["momentum_decay"])) for k in (t, t + 1))
        estimate = mu_next * m / (1 - product * mu_next) + (1 - mu) * d / (1 - product)
        rows.append((p - how["lr"] * estimate / (np.sqrt(v / (1 - how["beta2"] ** t)) + how["eps"]), m, v))
    return _collect(rows, 3)


def radam_step(params: Any, grads: Any, exp_avgs: Any, exp_avg_sqs: Any, **how: Any) -> Any:
    rows, b1, b2 = [], how["beta1"], how["beta2"]
    for p, g, m, v, t in zip(params, grads, exp_avgs, exp_avg_sqs, how["steps"], strict=True):
        p, _, m, v = _adam_moments(p, g, m, v, how)
        long = 2 / (1 - b2) - 1
        rho = long - 2 * t * b2**t / (1 - b2**t)
        step = m / (1 - b1**t)
        if rho > 5:
            r = math.sqrt((rho - 4) * (rho - 2) * long / ((long - 4) * (long - 2) * rho))
            step = step * r * math.sqrt(1 - b2**t) / (np.sqrt(v) + how["eps"])
        rows.append((p - how["lr"] * step, m, v))
    return _collect(rows, 3)


def adafactor_step(params: Any, grads: Any, row_vars: Any, col_vars: Any, variances: Any, **how: Any) -> Any:
    rows = []
    for i, (p, g, t) in enumerate(zip(params, grads, how["steps"], strict=True)):
        d = -g if how["maximize"] else g
        new = t ** how["beta2_decay"]
        alpha = max(how["eps2"], math.sqrt((p**2).sum() / p.size)) * min(how["lr"], t**-0.5)
        r = c = v = None
        if row_vars:
            r = (1 - new) * row_vars[i] + new * (d**2).mean(-1, keepdims=True)
            c = (1 - new) * col_vars[i] + new * (d**2).mean(-2, keepdims=True)
            estimate = np.einsum("...ik,...kj->...ij", r, c)
            estimate = estimate / np.maximum(r.mean(-2, keepdims=True), how["eps1"][i])
        else:
            estimate = v = (1 - new) * variances[i] + new * d**2
        u = d / np.sqrt(np.maximum(estimate, how["eps1"][i] ** 2))
        u = u / max(1.0, math.sqrt((u**2).sum() / u.size) / how["d"])
        rows.append((p - how["lr"] * how["weight_decay"] * p - alpha * u, r, c, v))
    return _collect(rows, 4)


def _bfloat16(x: Any) -> Any:
    """Eight significant bits, by hand."""
    mantissa, exponent = np.frexp(np.asarray(x, np.float32).astype(np.float64))
    return np.ldexp(np.rint(mantissa * 256) / 256, exponent)


def _single(x: Any) -> Any:
    return x.astype(np.float32)


def muon_step(params: Any, grads: Any, momentum_buffers: Any, **how: Any) -> Any:
    rows, mu = [], how["momentum"]
    for p, g, b in zip(params, grads, momentum_buffers, strict=True):
        b = mu * b + (1 - mu) * g
        x = _bfloat16((1 - mu) * g + mu * b if how["nesterov"] else b)
        x = x.T if p.shape[0] > p.shape[1] else x
        x = _bfloat16(x / max(float(_bfloat16(np.sqrt((x**2).sum()))), how["eps"]))
        # Between two roundings the row computes in float32, and so do these.
        first, third, fifth = (np.float32(how[name]) for name in "abc")
        for _ in range(how["ns_steps"]):
            gram = _bfloat16(x @ x.T)
            inner = _bfloat16(_single(gram) * third + _single(gram @ gram) * fifth)
            x = _bfloat16(_single(x) * first + _single(inner @ x))
        x = x.T if p.shape[0] > p.shape[1] else x
        size = math.sqrt(max(1, p.shape[0] / p.shape[1]))
        if how["adjust"] == "match_rms_adamw":
            size = 0.2 * math.sqrt(max(p.shape))
        rows.append((p - how["lr"] * how["weight_decay"] * p - how["lr"] * size * x, b))
    return _collect(rows, 2)
