"""The workloads, in the order of the table."""

from __future__ import annotations

from ..workload import Workload
from . import (
    adam,
    attention,
    attention_long,
    bandwidth,
    cnn,
    conv3x3,
    data_loader,
    gelu,
    gpt2,
    hessian,
    import_time,
    linear_sgd,
    lstm,
    mlp,
    per_sample_gradients,
    products,
    resnet18,
    resnet_block,
    rows,
    small_multiply,
    small_operations,
    small_tensors,
    transformer,
)

WORKLOADS: dict[str, Workload] = {
    workload.name: workload
    for module in (
        small_multiply,
        small_operations,
        small_tensors,
        linear_sgd,
        mlp,
        transformer,
        attention,
        cnn,
        conv3x3,
        resnet_block,
        lstm,
        gelu,
        rows,
        per_sample_gradients,
        hessian,
        adam,
        data_loader,
        import_time,
        products,
        bandwidth,
        attention_long,
        resnet18,
        gpt2,
    )
    for workload in module.WORKLOADS
}
