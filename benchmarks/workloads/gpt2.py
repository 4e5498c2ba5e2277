"""A training step of GPT-2 small (Radford et al., 2019; 124M parameters) on 8 sequences of 1024 tokens, AdamW.

Pre-norm blocks, tanh-approximated gelu, the token embedding tied to the output, no dropout. Once in float32 with TF32
products, once with everything in bfloat16.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import Any

from ..workload import Arrays, Goal, Step, Workload
from .both import both, products

LR, BETAS, WEIGHT_DECAY = 3e-4, (0.9, 0.95), 0.1


def inputs(
    rng: Any,
    batch: int = 8,
    length: int = 1024,
    vocabulary: int = 50257,
    layers: int = 12,
    width: int = 768,
    heads: int = 12,
) -> Arrays:
    def drawn(*shape: int) -> Any:
        return ((rng.random(shape, dtype="float32") - 0.5) * 0.07).astype("float32")

    parameters = {"wte.weight": drawn(vocabulary, width), "wpe.weight": drawn(length, width)}
    for layer in range(layers):
        sizes = {"attn.c_attn": 3 * width, "attn.c_proj": width, "mlp.c_fc": 4 * width, "mlp.c_proj": width}
        for name, size in sizes.items():
            within = 4 * width if name == "mlp.c_proj" else width
            parameters[f"h.{layer}.{name}.weight"] = drawn(size, within)
            parameters[f"h.{layer}.{name}.bias"] = drawn(size)
        for norm in ("ln_1", "ln_2"):
            parameters[f"h.{layer}.{norm}.weight"] = 1 + drawn(width)
            parameters[f"h.{layer}.{norm}.bias"] = drawn(width)
    parameters |= {"ln_f.weight": 1 + drawn(width), "ln_f.bias": drawn(width)}
    tokens = rng.integers(0, vocabulary, (batch, length + 1))
    return {"tokens": tokens, "heads": heads, "layers": layers, "parameters": parameters}


def network(lib: Any, vocabulary: int, length: int, layers: int, width: int, heads: int) -> Any:
    """Return the network, written with a library's modules."""
    nn, functional = lib.nn, lib.functional

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.c_attn = nn.Linear(width, 3 * width)
            self.c_proj = nn.Linear(width, width)

        def forward(self, x: Any) -> Any:
            batch, count, _ = x.shape
            q, k, v = (
                part.reshape(batch, count, heads, width // heads).transpose(1, 2)
                for part in self.c_attn(x).chunk(3, dim=-1)
            )
            out = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.c_proj(out.transpose(1, 2).reshape(batch, count, width))

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.attn = Attention()
            self.mlp = nn.Sequential(
                OrderedDict(
                    c_fc=nn.Linear(width, 4 * width),
                    act=nn.GELU(approximate="tanh"),
                    c_proj=nn.Linear(4 * width, width),
                )
            )

        def forward(self, x: Any) -> Any:
            x = x + self.attn(self.ln_1(x))
            return x + self.mlp(self.ln_2(x))

    class Gpt2(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wte, self.wpe = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
            self.h = nn.ModuleList([Block() for _ in range(layers)])
            self.ln_f = nn.LayerNorm(width)

        def forward(self, tokens: Any) -> Any:
            x = self.wte(tokens) + self.wpe.weight[: tokens.shape[1]]
            for block in self.h:
                x = block(x)
            return functional.linear(self.ln_f(x), self.wte.weight)

    return Gpt2()


def train(lib: Any, arrays: Arrays, dtype: str) -> Step:
    parameters = arrays["parameters"]
    vocabulary, width = parameters["wte.weight"].shape
    length = len(parameters["wpe.weight"])
    tokens = lib.tensor(arrays["tokens"][:, :-1].copy())
    target = lib.tensor(arrays["tokens"][:, 1:].reshape(-1).copy())
    model = network(lib, vocabulary, length, arrays["layers"], width, arrays["heads"])
    model.load_state_dict({name: lib.tensor(array) for name, array in parameters.items()})
    model.to(getattr(lib.module, dtype))
    optimizer = lib.optim.AdamW(model.parameters(), lr=LR, betas=BETAS, weight_decay=WEIGHT_DECAY)
    cross_entropy = lib.functional.cross_entropy

    def step() -> Any:
        with products(lib, "high"):
            optimizer.zero_grad()
            loss = cross_entropy(model(tokens).reshape(-1, vocabulary), target)
            loss.backward()
            optimizer.step()
        return [loss, model.wte.weight, model.ln_f.weight]

    return step


def operations(arrays: Arrays) -> float:
    """Six for each token and parameter that is a factor of a product, and causal attention's."""
    parameters = arrays["parameters"]
    tokens = arrays["tokens"][:, :-1]
    factors = sum(array.size for name, array in parameters.items() if array.ndim == 2 and name != "wpe.weight")
    width = parameters["wte.weight"].shape[1]
    return tokens.size * (6.0 * factors + 6.0 * arrays["layers"] * tokens.shape[1] * width)


SMALL = {"batch": 2, "length": 24, "vocabulary": 60, "layers": 2, "width": 32, "heads": 4}

WORKLOADS = [
    Workload(
        name=f"gpt2-{dtype}",
        title=f"GPT-2 small on 8×1024 tokens, AdamW, {told}",
        ceiling=None,
        inputs=inputs,
        variants=both(partial(train, dtype=dtype)),
        small=SMALL,
        card=Goal(ceiling=1.0),
        operations=operations,
    )
    for dtype, told in (("float32", "TF32"), ("bfloat16", "bfloat16"))
]
