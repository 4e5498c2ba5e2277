"""Counts how often the host waits for a card: by row of the table, forward and back, by optimizer and by layer.

It is run with the stand-in of CuPy on the path, prints JSON, and knows nothing of what is allowed. Its argument says
what to walk; further ones choose among it.
"""

from __future__ import annotations

import functools
import json
import random
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import candelabra as cb
import cupy
import numpy as np
from candelabra import nn, optim
from candelabra.conformance.composites import CASES, CompositeSubject
from candelabra.conformance.derivatives import Kink
from candelabra.conformance.drawing import Draw
from candelabra.conformance.samples import generator_of
from candelabra.conformance.subject import Subject, Unanswered
from candelabra.core.autograd.engine import grad
from candelabra.core.primitives.row import TABLE

CARD = cb.device("cuda:0").resolved()
counts = cupy.cuda.counts


class Watched:
    """How often the host waits while something runs, and where."""

    def __init__(self) -> None:
        self.places: list[str] = []

    def __call__(self, run: Callable[[], Any]) -> Any:
        before = counts["synchronisations"]
        type(counts).__setitem__ = self._told  # type: ignore[method-assign]
        try:
            return run()
        finally:
            del type(counts).__setitem__
            self.count = counts["synchronisations"] - before

    def _told(self, key: str, value: int) -> None:
        if key == "synchronisations" and value > counts[key]:
            stack = [f"{f.filename.split('/main/')[-1]}:{f.lineno}" for f in traceback.extract_stack()[:-1]]
            self.places.append(" < ".join([s for s in reversed(stack) if "fake/" not in s][:4]))
        dict.__setitem__(counts, key, value)


class Counts(type(counts)):  # type: ignore[misc]
    """A counter that can be watched."""


counts.__class__ = Counts


def of_rows(chosen: list[str]) -> dict[str, list[str]]:
    """Return where the host waited in each row's forward and way back, for rows in which it did."""
    found: dict[str, list[str]] = {}
    for name in sorted(TABLE):
        row = TABLE[name]
        generator = generator_of(row)
        if generator is None or (chosen and name not in chosen):
            continue
        subject = Subject(row, CARD)
        for dtype in dict.fromkeys(
            d for d in ("float32", "float16", "int64", "complex64", "bool") if d in subject.dtypes()
        ):
            for seed in range(2):
                places = waits_of(subject, generator, dtype, seed)
                if places:
                    found.setdefault(name, [])
                    found[name] += [p for p in places if p not in found[name]]
    return found


def waits_of(subject: Subject, generator: Callable[[Draw], Any], dtype: str, seed: int) -> list[str]:
    """Return where the host waited in one call of a row and its way back."""
    try:
        sample = generator(Draw(random.Random(seed).randint, dtype, smooth=seed % 2 == 1))
    except (Kink, Unanswered):
        return []
    inexact = getattr(subject.row, "is_differentiable", True)
    operands, statics = subject.tensors(sample, grad=inexact), subject.statics(sample)
    tensors = [t for o in operands for t in (o if isinstance(o, list) else [o]) if isinstance(t, cb.Tensor)]
    leaves = [t for t in tensors if t.requires_grad]
    watched = Watched()
    try:
        outputs = watched(lambda: subject.call(operands, statics))
    except Unanswered:
        return []
    places = watched.places
    flows = [o for o in subject.differentiable(outputs) if o.requires_grad]
    if flows and leaves:
        cotangents = [cb.ones_like(o.detach()) for o in flows]
        watched = Watched()
        watched(lambda: grad(flows, leaves, cotangents, allow_unused=True))
        places = places + [f"back: {place}" for place in watched.places]
    return places


def of_composites(chosen: list[str]) -> dict[str, list[str]]:
    """Return where the host waited in a function made of rows, and its way back."""
    found: dict[str, list[str]] = {}
    for name, case in CASES.items():
        subject = CompositeSubject(name, case, CARD)
        if (chosen and name not in chosen) or not subject.dtypes():
            continue
        sample = subject.sample(subject.dtypes()[-1] if not case.real else "float32", 3)
        places = waits_of(subject, lambda _, sample=sample: sample, "float32", 0)
        if places:
            found[name] = places
    return found


def of_optimizers(chosen: list[str]) -> dict[str, list[str]]:
    """Return where the host waited in an optimizer's steps."""
    found = {}
    made: dict[str, Callable[[Any], Any]] = {
        name: getattr(optim, name)
        for name in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "Rprop",
                     "ASGD", "Adafactor", "Muon")
    }  # fmt: skip
    made["SGD with momentum"] = lambda params: optim.SGD(params, lr=0.1, momentum=0.9, nesterov=True)
    made["Adam with amsgrad"] = lambda params: optim.Adam(params, amsgrad=True, weight_decay=0.1)
    for name, make in made.items():
        if chosen and name not in chosen:
            continue
        params = [nn.Parameter(cb.randn(4, 3, device=CARD)) for _ in range(3)]
        optimizer = make(params)
        step(params, optimizer)
        watched = Watched()
        watched(functools.partial(step, params, optimizer))
        watched(functools.partial(step, params, optimizer))
        if watched.places:
            found[name] = watched.places
    return found


def step(params: list[Any], optimizer: Any) -> None:
    """Clip gradients, step, and average."""
    average = optim.swa_utils.AveragedModel(nn.Linear(3, 2).to("cuda"))
    for p in params:
        p.grad = cb.ones_like(p.detach())
    nn.utils.clip_grad_norm_(params, 1.0)
    nn.utils.clip_grad_value_(params, 1.0)
    optimizer.step()
    optimizer.zero_grad()
    for _ in range(2):
        average.update_parameters(average.module)


def of_layers(chosen: list[str]) -> dict[str, list[str]]:
    """Return where the host waited in a layer's forward and way back."""
    x, image = (lambda *s: cb.randn(*s, device=CARD)), (2, 4, 6, 6)
    index = cb.asarray(np.asarray([[1, 0, 2], [2, 1, 0]])).to("cuda")
    labels = cb.asarray(np.asarray([1, 0, 2])).to("cuda")
    layers: dict[str, tuple[Any, tuple[Any, ...]]] = {
        "Linear": (nn.Linear(4, 3), (x(2, 4),)),
        "Bilinear": (nn.Bilinear(4, 3, 2), (x(2, 4), x(2, 3))),
        "Embedding": (nn.Embedding(5, 3, padding_idx=1), (index,)),
        "EmbeddingBag": (nn.EmbeddingBag(5, 3), (index,)),
        "Conv1d": (nn.Conv1d(4, 3, 2), (x(2, 4, 5),)),
        "Conv2d": (nn.Conv2d(4, 3, 3, padding=1), (x(*image),)),
        "Conv3d": (nn.Conv3d(1, 2, 2), (x(1, 1, 3, 3, 3),)),
        "ConvTranspose2d": (nn.ConvTranspose2d(4, 3, 2, stride=2), (x(*image),)),
        "BatchNorm2d": (nn.BatchNorm2d(4), (x(*image),)),
        "LayerNorm": (nn.LayerNorm(4), (x(3, 4),)),
        "GroupNorm": (nn.GroupNorm(2, 4), (x(*image),)),
        "InstanceNorm2d": (nn.InstanceNorm2d(4), (x(*image),)),
        "RMSNorm": (nn.RMSNorm(4), (x(3, 4),)),
        "LocalResponseNorm": (nn.LocalResponseNorm(2), (x(*image),)),
        "MaxPool2d": (nn.MaxPool2d(2), (x(*image),)),
        "AvgPool2d": (nn.AvgPool2d(2), (x(*image),)),
        "AdaptiveAvgPool2d": (nn.AdaptiveAvgPool2d(3), (x(*image),)),
        "AdaptiveMaxPool2d": (nn.AdaptiveMaxPool2d(3), (x(*image),)),
        "LPPool2d": (nn.LPPool2d(2, 2), (x(*image),)),
        "Upsample": (nn.Upsample(scale_factor=2, mode="bilinear"), (x(*image),)),
        "Fold": (nn.Fold((4, 4), 2, stride=2), (x(1, 8, 4),)),
        "Unfold": (nn.Unfold(2), (x(*image),)),
        "PixelShuffle": (nn.PixelShuffle(2), (x(*image),)),
        "Dropout": (nn.Dropout(0.5), (x(3, 4),)),
        "Dropout2d": (nn.Dropout2d(0.5), (x(*image),)),
        "AlphaDropout": (nn.AlphaDropout(0.5), (x(3, 4),)),
        "LSTM": (nn.LSTM(4, 3, bidirectional=True), (x(3, 2, 4),)),
        "GRU": (nn.GRU(4, 3, num_layers=2), (x(3, 2, 4),)),
        "RNN": (nn.RNN(4, 3), (x(3, 2, 4),)),
        "LSTMCell": (nn.LSTMCell(4, 3), (x(2, 4),)),
        "MultiheadAttention": (nn.MultiheadAttention(4, 2), (x(3, 2, 4),) * 3),
        "TransformerEncoderLayer": (nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), (x(2, 3, 4),)),
        "TransformerDecoderLayer": (nn.TransformerDecoderLayer(4, 2, 8), (x(2, 3, 4), x(2, 3, 4))),
        "CrossEntropyLoss": (nn.CrossEntropyLoss(label_smoothing=0.1), (x(3, 4), labels)),
        "NLLLoss": (nn.NLLLoss(weight=cb.ones(4)), (x(3, 4), labels)),
        "MultiMarginLoss": (nn.MultiMarginLoss(), (x(3, 4), labels)),
        "MultiLabelMarginLoss": (nn.MultiLabelMarginLoss(), (x(3), labels - 1)),
        "BCELoss": (nn.BCELoss(), (x(3).sigmoid(), cb.ones(3, device=CARD))),
        "BCEWithLogitsLoss": (nn.BCEWithLogitsLoss(), (x(3), cb.ones(3, device=CARD))),
        "KLDivLoss": (nn.KLDivLoss(reduction="batchmean"), (x(3, 4), x(3, 4).softmax(1))),
        "CosineEmbeddingLoss": (nn.CosineEmbeddingLoss(), (x(3, 4), x(3, 4), cb.ones(3, device=CARD))),
        "TripletMarginLoss": (nn.TripletMarginLoss(), (x(3, 4), x(3, 4), x(3, 4))),
        "CTCLoss": (
            nn.CTCLoss(), (x(4, 2, 3).log_softmax(2), cb.ones((2, 2), dtype=cb.int64, device=CARD), (4, 4), (2, 1))
        ),
        "GaussianNLLLoss": (nn.GaussianNLLLoss(), (x(3), x(3), cb.ones(3, device=CARD))),
        "PoissonNLLLoss": (nn.PoissonNLLLoss(full=True), (x(3), cb.ones(3, device=CARD))),
        "MSELoss": (nn.MSELoss(), (x(3), x(3))),
        "AdaptiveLogSoftmaxWithLoss": (nn.AdaptiveLogSoftmaxWithLoss(4, 6, [2, 4]), (x(3, 4), labels)),
    }  # fmt: skip
    for name in ("ReLU", "GELU", "SiLU", "ELU", "SELU", "CELU", "Hardswish", "Hardtanh", "LeakyReLU", "PReLU", "Mish",
                 "Softplus", "Softshrink", "Tanhshrink", "LogSigmoid", "Softsign", "ReLU6", "RReLU", "Threshold",
                 "Softmax", "LogSoftmax", "GLU"):  # fmt: skip
        arguments = {"Threshold": (0.1, 0.2), "Softmax": (1,), "LogSoftmax": (1,)}.get(name, ())
        layers[name] = (getattr(nn, name)(*arguments), (x(3, 4),))
    found = {}
    for name, (layer, given) in layers.items():
        if chosen and name not in chosen:
            continue
        layer = layer.to("cuda")
        inputs = [
            t.detach().requires_grad_() if isinstance(t, cb.Tensor) and t.dtype.is_differentiable else t for t in given
        ]

        def run(layer: Any = layer, inputs: Any = inputs) -> None:
            out = layer(*inputs)
            while isinstance(out, tuple):
                out = out[0] if not hasattr(out, "loss") else out.loss
            out.sum().backward()

        watched = Watched()
        watched(run)
        if watched.places:
            found[name] = watched.places
    return found


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    walks = {"rows": of_rows, "composites": of_composites, "optimizers": of_optimizers, "layers": of_layers}
    print(json.dumps(walks[sys.argv[1]](sys.argv[2:])))
