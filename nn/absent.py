"""What PyTorch's `nn` has and this one has not, with the reason; `nn.__getattr__` says it."""

from __future__ import annotations

_LAZY = "layers here are built with their sizes; pass in_features, in_channels or num_features"
_UNINITIALIZED = "parameters here have a shape from the start"

ABSENT: dict[str, str] = {
    "Container": "PyTorch deprecated it; derive from nn.Module, or use nn.Sequential, nn.ModuleList or nn.ModuleDict",
    "CrossMapLRN2d": "PyTorch keeps it for old files; use nn.LocalResponseNorm",
    "DataParallel": "one process drives one device here; split the batch over processes",
    "SyncBatchNorm": "there is no process group to average over; use nn.BatchNorm2d, or nn.GroupNorm, which needs none",
    "UninitializedBuffer": _UNINITIALIZED,
    "UninitializedParameter": _UNINITIALIZED,
    **{
        f"Lazy{name}": _LAZY
        for name in (
            "Linear", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d",
            "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d",
        )
    },
}  # fmt: skip

_SCALED = "8-bit and 4-bit scaled products are PyTorch's CUDA kernels; use matmul"

ABSENT_FUNCTIONS: dict[str, str] = {
    "grouped_mm": "PyTorch's ragged product; loop over the groups with matmul",
    "scaled_grouped_mm": _SCALED,
    "scaled_mm": _SCALED,
}
