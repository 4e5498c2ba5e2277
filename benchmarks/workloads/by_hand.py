"""What the hand-written NumPy variants share: cross entropy, layer and batch norm, Adam, 3×3 convolution, pooling.

Arrays are float32. Each function states its own derivative beside it; nothing here is general.
"""

from __future__ import annotations

import numpy as np


def cross_entropy(logits: np.ndarray, target: np.ndarray) -> tuple[np.floating, np.ndarray]:
    """Mean cross entropy of class indices, and its gradient by the logits, which are overwritten."""
    rows = np.arange(len(target))
    logits -= logits.max(axis=1, keepdims=True)
    picked = logits[rows, target]
    exp = np.exp(logits, out=logits)
    total = exp.sum(axis=1, keepdims=True)
    loss = (np.log(total[:, 0]) - picked).mean()
    exp /= total
    exp[rows, target] -= 1
    exp /= len(target)
    return loss, exp


def layer_norm(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, tuple]:
    """Layer norm over the last axis, and what its backward pass needs."""
    normal = x - x.mean(axis=-1, keepdims=True)
    rstd = 1 / np.sqrt(np.einsum("nd,nd->n", normal, normal)[:, None] / x.shape[-1] + np.float32(1e-5))
    normal *= rstd
    out = normal * weight
    out += bias
    return out, (normal, rstd, weight)


def layer_norm_backward(g: np.ndarray, saved: tuple) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradients of `layer_norm` by x, weight and bias."""
    normal, rstd, weight = saved
    weight_grad = np.einsum("nd,nd->d", g, normal)
    bias_grad = g.sum(axis=0)
    g = g * weight
    projection = np.einsum("nd,nd->n", g, normal)[:, None] / g.shape[-1]
    g -= g.mean(axis=-1, keepdims=True)
    g -= normal * projection
    g *= rstd
    return g, weight_grad, bias_grad


class Adam:
    """Adam (Kingma and Ba, 2015), decoupled weight decay if any, in blocks that stay in the cache."""

    BLOCK = 32768

    def __init__(self, parameters: list[np.ndarray], lr: float, weight_decay: float = 0.0):
        self.parameters = [parameter.reshape(-1) for parameter in parameters]
        self.first = [np.zeros_like(parameter) for parameter in self.parameters]
        self.second = [np.zeros_like(parameter) for parameter in self.parameters]
        self.scratch = np.empty(self.BLOCK, np.float32)
        self.lr, self.decay, self.steps = lr, 1 - lr * weight_decay, 0

    def step(self, gradients: list[np.ndarray]) -> None:
        self.steps += 1
        step_size = self.lr / (1 - 0.9**self.steps)
        scale = 1 / (1 - 0.999**self.steps) ** 0.5
        for parameter, gradient, first, second in zip(self.parameters, gradients, self.first, self.second, strict=True):
            gradient = gradient.reshape(-1)
            for start in range(0, parameter.size, self.BLOCK):
                block = slice(start, start + self.BLOCK)
                p, g, m, v = parameter[block], gradient[block], first[block], second[block]
                s = self.scratch[: p.size]
                if self.decay != 1:
                    p *= self.decay
                m *= 0.9
                m += np.multiply(g, 0.1, out=s)
                v *= 0.999
                np.multiply(g, g, out=s)
                s *= 0.001
                v += s
                np.sqrt(v, out=s)
                s *= scale
                s += 1e-8
                np.divide(m, s, out=s)
                s *= step_size
                p -= s


class Conv3x3:
    """3×3 convolution, padding 1, as one matrix product per image over its unfolded patches."""

    def __init__(self, weight: np.ndarray, bias: np.ndarray):
        self.weight, self.bias = weight, bias

    def forward(self, x: np.ndarray) -> np.ndarray:
        batch, channels, height, width = x.shape
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(2, 3))
        self.columns = np.ascontiguousarray(windows).reshape(batch, channels * 9, height * width)
        out = np.matmul(self.weight.reshape(len(self.weight), -1), self.columns)
        out += self.bias[:, None]
        return out.reshape(batch, -1, height, width)

    def backward(self, g: np.ndarray, wants_input: bool = True) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
        """Gradients by input, weight and bias."""
        batch, filters, height, width = g.shape
        g = g.reshape(batch, filters, -1)
        weight_grad = np.zeros((filters, self.columns.shape[1]), np.float32)
        for image, columns in zip(g, self.columns, strict=True):
            weight_grad += image @ columns.T
        bias_grad = g.sum(axis=(0, 2))
        if not wants_input:
            return None, weight_grad.reshape(self.weight.shape), bias_grad
        channels = self.weight.shape[1]
        padded = np.zeros((batch, channels, height + 2, width + 2), np.float32)
        flipped = self.weight.reshape(filters, -1).T
        for image, target in zip(g, padded, strict=True):
            patches = (flipped @ image).reshape(channels, 3, 3, height, width)
            for row in range(3):
                for column in range(3):
                    target[:, row : row + height, column : column + width] += patches[:, row, column]
        return padded[:, :, 1:-1, 1:-1], weight_grad.reshape(self.weight.shape), bias_grad


class BatchNorm:
    """Batch norm of images by their own statistics (Ioffe and Szegedy, 2015)."""

    def __init__(self, channels: int):
        self.weight, self.bias = np.ones(channels, np.float32), np.zeros(channels, np.float32)

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.normal = x - x.mean(axis=(0, 2, 3), keepdims=True)
        variance = np.square(self.normal).mean(axis=(0, 2, 3), keepdims=True)
        self.rstd = 1 / np.sqrt(variance + np.float32(1e-5))
        self.normal *= self.rstd
        out = self.normal * self.weight[:, None, None]
        out += self.bias[:, None, None]
        return out

    def backward(self, g: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Gradients by input, weight and bias."""
        weight_grad = (g * self.normal).sum(axis=(0, 2, 3))
        bias_grad = g.sum(axis=(0, 2, 3))
        count = g.size // len(bias_grad)
        back = g - self.normal * (weight_grad / count)[:, None, None]
        back -= (bias_grad / count)[:, None, None]
        back *= self.rstd * self.weight[:, None, None]
        return back, weight_grad, bias_grad


def max_pool(x: np.ndarray) -> np.ndarray:
    """2×2 max pooling of non-overlapping windows."""
    rows = np.maximum(x[:, :, 0::2], x[:, :, 1::2])
    return np.maximum(rows[..., 0::2], rows[..., 1::2])


def max_pool_relu_backward(g: np.ndarray, x: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Gradient of `max_pool(relu(z))` by z, from x = relu(z) and its pooled out.

    Equal values in one window are zeros, through which the relu lets nothing pass, so that they need no order.
    """
    g = np.where(out > 0, g, np.float32(0))
    grad = np.empty_like(x)
    for row in range(2):
        for column in range(2):
            part = x[:, :, row::2, column::2]
            np.multiply(g, part == out, out=grad[:, :, row::2, column::2])
    return grad
