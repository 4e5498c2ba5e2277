"""One LSTM layer, 64 to 128 features, batch 32, length 64, forward and backward to input and parameters."""

from __future__ import annotations

from ..workload import Arrays, Step, Workload

FEATURES, HIDDEN = 64, 128


def inputs(rng, batch: int = 32, length: int = 64) -> Arrays:
    bound = HIDDEN**-0.5
    shapes = {
        "weight_ih_l0": (4 * HIDDEN, FEATURES),
        "weight_hh_l0": (4 * HIDDEN, HIDDEN),
        "bias_ih_l0": (4 * HIDDEN,),
        "bias_hh_l0": (4 * HIDDEN,),
    }
    return {
        "x": rng.standard_normal((length, batch, FEATURES), dtype="float32"),
        "g": rng.standard_normal((length, batch, HIDDEN), dtype="float32"),
        "parameters": {name: rng.uniform(-bound, bound, shape).astype("float32") for name, shape in shapes.items()},
    }


def in_candelabra(arrays: Arrays) -> Step:
    import candelabra as cb
    from candelabra import nn

    x, g = cb.tensor(arrays["x"], requires_grad=True), cb.tensor(arrays["g"])
    model = nn.LSTM(FEATURES, HIDDEN)
    model.load_state_dict({name: cb.tensor(array) for name, array in arrays["parameters"].items()})

    def step():
        x.grad = None
        model.zero_grad()
        out, _ = model(x)
        out.backward(g)
        return [out, x.grad, *(parameter.grad for parameter in model.parameters())]

    return step


def in_torch(arrays: Arrays) -> Step:
    import torch
    from torch import nn

    x, g = torch.tensor(arrays["x"], requires_grad=True), torch.tensor(arrays["g"])
    model = nn.LSTM(FEATURES, HIDDEN)
    model.load_state_dict({name: torch.tensor(array) for name, array in arrays["parameters"].items()})

    def step():
        x.grad = None
        model.zero_grad()
        out, _ = model(x)
        out.backward(g)
        return [out, x.grad, *(parameter.grad for parameter in model.parameters())]

    return step


def in_numpy(arrays: Arrays) -> Step:
    import numpy as np

    x, g = arrays["x"], arrays["g"]
    w_ih, w_hh, b_ih, b_hh = arrays["parameters"].values()
    length, batch, _ = x.shape
    rows = x.reshape(-1, FEATURES)
    # Step t of `hidden` and `cell` is the state before it; gates are in PyTorch's order: input, forget, cell, output.
    hidden = np.zeros((length + 1, batch, HIDDEN), np.float32)
    cell = np.zeros_like(hidden)
    cell_tanh = np.empty((length, batch, HIDDEN), np.float32)
    sigmoid_scale = np.repeat(np.float32([0.5, 0.5, 1, 0.5]), HIDDEN)
    sigmoid_shift = np.repeat(np.float32([0.5, 0.5, 0, 0.5]), HIDDEN)
    recurrent = np.ascontiguousarray(w_hh.T)

    def step():
        gates = (rows @ w_ih.T + (b_ih + b_hh)).reshape(length, batch, -1)
        for t in range(length):
            z = gates[t]
            z += hidden[t] @ recurrent
            # sigmoid(z) = (1 + tanh(z / 2)) / 2 puts all four gates through one tanh.
            z *= sigmoid_scale
            np.tanh(z, out=z)
            z *= sigmoid_scale
            z += sigmoid_shift
            i, f, c, o = np.split(z, 4, axis=1)
            np.multiply(f, cell[t], out=cell[t + 1])
            cell[t + 1] += i * c
            np.tanh(cell[t + 1], out=cell_tanh[t])
            np.multiply(o, cell_tanh[t], out=hidden[t + 1])

        z_grad = np.empty_like(gates)
        h_grad = np.zeros((batch, HIDDEN), np.float32)
        c_grad = np.zeros((batch, HIDDEN), np.float32)
        for t in reversed(range(length)):
            i, f, c, o = np.split(gates[t], 4, axis=1)
            z_i, z_f, z_c, z_o = np.split(z_grad[t], 4, axis=1)
            h_grad += g[t]
            z_o[:] = h_grad * cell_tanh[t] * o * (1 - o)
            c_grad += h_grad * o * (1 - cell_tanh[t] * cell_tanh[t])
            z_i[:] = c_grad * c * i * (1 - i)
            z_f[:] = c_grad * cell[t] * f * (1 - f)
            z_c[:] = c_grad * i * (1 - c * c)
            c_grad *= f
            h_grad = z_grad[t] @ w_hh
        z_grad = z_grad.reshape(length * batch, -1)
        bias_grad = z_grad.sum(axis=0)
        x_grad = (z_grad @ w_ih).reshape(x.shape)
        return [
            hidden[1:],
            x_grad,
            z_grad.T @ rows,
            z_grad.T @ hidden[:-1].reshape(length * batch, -1),
            bias_grad,
            bias_grad,
        ]

    return step


WORKLOADS = [
    Workload(
        name="lstm",
        title="LSTM 64→128, batch 32, length 64, forward and backward",
        ceiling=1.3,
        inputs=inputs,
        variants={"candelabra": in_candelabra, "torch": in_torch, "numpy": in_numpy},
        small={"batch": 3, "length": 5},
    )
]
