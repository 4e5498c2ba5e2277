"""A training step of a two-layer pre-norm transformer encoder with AdamW.

128 wide, 4 heads, 512 wide inside (relu, no dropout), batch 8, length 128, squared error against a fixed target.
"""

from __future__ import annotations

from ..workload import Arrays, Step, Workload

LAYERS, WIDTH, HEADS, INNER = 2, 128, 4, 512
LR, WEIGHT_DECAY = 1e-3, 1e-2


def inputs(rng, batch: int = 8, length: int = 128) -> Arrays:
    def uniform(bound: float, *shape: int):
        return rng.uniform(-bound, bound, shape).astype("float32")

    parameters = {}
    for layer in range(LAYERS):
        parameters |= {
            f"layers.{layer}.{name}": array
            for name, array in {
                "self_attn.in_proj_weight": uniform((6 / (4 * WIDTH)) ** 0.5, 3 * WIDTH, WIDTH),
                "self_attn.in_proj_bias": uniform(0.1, 3 * WIDTH),
                "self_attn.out_proj.weight": uniform(WIDTH**-0.5, WIDTH, WIDTH),
                "self_attn.out_proj.bias": uniform(0.1, WIDTH),
                "linear1.weight": uniform(WIDTH**-0.5, INNER, WIDTH),
                "linear1.bias": uniform(WIDTH**-0.5, INNER),
                "linear2.weight": uniform(INNER**-0.5, WIDTH, INNER),
                "linear2.bias": uniform(INNER**-0.5, WIDTH),
                "norm1.weight": 1 + uniform(0.1, WIDTH),
                "norm1.bias": uniform(0.1, WIDTH),
                "norm2.weight": 1 + uniform(0.1, WIDTH),
                "norm2.bias": uniform(0.1, WIDTH),
            }.items()
        }
    x, y = rng.standard_normal((2, batch, length, WIDTH), dtype="float32")
    return {"x": x, "y": y, "parameters": parameters}


def in_candelabra(arrays: Arrays) -> Step:
    import candelabra as cb
    from candelabra import nn, optim

    x, y = cb.tensor(arrays["x"]), cb.tensor(arrays["y"])
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, INNER, dropout=0.0, batch_first=True, norm_first=True)
    model = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
    model.load_state_dict({name: cb.tensor(array) for name, array in arrays["parameters"].items()})
    optimizer = optim.AdamW(model.parameters(), lr=LR, weight_decay=WEIGHT_DECAY)
    loss_function = nn.MSELoss()

    def step():
        optimizer.zero_grad()
        loss = loss_function(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def in_torch(arrays: Arrays) -> Step:
    import torch
    from torch import nn, optim

    x, y = torch.tensor(arrays["x"]), torch.tensor(arrays["y"])
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, INNER, dropout=0.0, batch_first=True, norm_first=True)
    model = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
    model.load_state_dict({name: torch.tensor(array) for name, array in arrays["parameters"].items()})
    optimizer = optim.AdamW(model.parameters(), lr=LR, weight_decay=WEIGHT_DECAY)
    loss_function = nn.MSELoss()

    def step():
        optimizer.zero_grad()
        loss = loss_function(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


class EncoderLayer:
    """One layer by hand; activations are (batch × length, features)."""

    def __init__(self, arrays: Arrays, batch: int, length: int):
        self.parameters = list(arrays.values())
        self.shape = (batch, length)

    def forward(self, x):
        from .by_hand import layer_norm

        w_in, b_in, w_out, b_out, w1, b1, w2, b2, norm1_w, norm1_b, norm2_w, norm2_b = self.parameters
        self.normal1, self.saved1 = layer_norm(x, norm1_w, norm1_b)
        self.attended = self.attention(self.normal1 @ w_in.T + b_in)
        out = self.attended @ w_out.T
        out += b_out
        out += x
        self.normal2, self.saved2 = layer_norm(out, norm2_w, norm2_b)
        self.hidden = self.normal2 @ w1.T
        self.hidden += b1
        self.hidden.clip(0, out=self.hidden)
        out += self.hidden @ w2.T
        out += b2
        return out

    def backward(self, g):
        """Gradient by x, and the gradients of the parameters in their order."""
        from .by_hand import layer_norm_backward

        w_in, _, w_out, _, w1, _, w2, _, *_ = self.parameters
        hidden_grad = g @ w2
        hidden_grad *= self.hidden > 0
        normal_grad, norm2_w, norm2_b = layer_norm_backward(hidden_grad @ w1, self.saved2)
        feed_forward = [hidden_grad.T @ self.normal2, hidden_grad.sum(0), g.T @ self.hidden, g.sum(0)]
        g = g + normal_grad
        projected = self.attention_backward(g @ w_out)
        attention = [projected.T @ self.normal1, projected.sum(0), g.T @ self.attended, g.sum(0)]
        normal_grad, norm1_w, norm1_b = layer_norm_backward(projected @ w_in, self.saved1)
        g = g + normal_grad
        return g, [*attention, *feed_forward, norm1_w, norm1_b, norm2_w, norm2_b]

    def attention(self, projected):
        """Softmax(q kᵀ / √d) v for all heads."""
        import numpy as np

        split = projected.reshape(*self.shape, 3, HEADS, WIDTH // HEADS).transpose(2, 0, 3, 1, 4)
        self.q, self.k, self.v = np.ascontiguousarray(split)
        self.q *= (WIDTH // HEADS) ** -0.5
        weights = self.q @ self.k.swapaxes(-1, -2)
        weights -= weights.max(axis=-1, keepdims=True)
        np.exp(weights, out=weights)
        weights /= weights.sum(axis=-1, keepdims=True)
        self.weights = weights
        return (weights @ self.v).transpose(0, 2, 1, 3).reshape(projected.shape[0], WIDTH)

    def attention_backward(self, g):
        import numpy as np

        g = np.ascontiguousarray(g.reshape(*self.shape, HEADS, -1).transpose(0, 2, 1, 3))
        v_grad = self.weights.swapaxes(-1, -2) @ g
        weights_grad = g @ self.v.swapaxes(-1, -2)
        weights_grad -= np.einsum("bhij,bhij->bhi", weights_grad, self.weights)[..., None]
        weights_grad *= self.weights
        q_grad = weights_grad @ self.k
        q_grad *= (WIDTH // HEADS) ** -0.5
        k_grad = weights_grad.swapaxes(-1, -2) @ self.q
        stacked = np.stack([q_grad, k_grad, v_grad])
        return stacked.transpose(1, 3, 0, 2, 4).reshape(-1, 3 * WIDTH)


def in_numpy(arrays: Arrays) -> Step:
    import numpy as np

    from .by_hand import Adam

    batch, length, _ = arrays["x"].shape
    x, y = arrays["x"].reshape(-1, WIDTH), arrays["y"].reshape(-1, WIDTH)
    layers = [
        EncoderLayer({k: v for k, v in arrays["parameters"].items() if k.startswith(f"layers.{i}.")}, batch, length)
        for i in range(LAYERS)
    ]
    optimizer = Adam(list(arrays["parameters"].values()), LR, WEIGHT_DECAY)

    def step():
        h = x
        for layer in layers:
            h = layer.forward(h)
        residual = h - y
        loss = np.square(residual).mean()
        g = residual * (2 / residual.size)
        gradients = []
        for layer in reversed(layers):
            g, layer_gradients = layer.backward(g)
            gradients = layer_gradients + gradients
        optimizer.step(gradients)
        return loss

    return step


WORKLOADS = [
    Workload(
        name="transformer",
        title="transformer encoder 2×128, 4 heads, batch 8, length 128, AdamW",
        ceiling=1.05,
        inputs=inputs,
        variants={"candelabra": in_candelabra, "torch": in_torch, "numpy": in_numpy},
        small={"batch": 2, "length": 12},
    )
]
