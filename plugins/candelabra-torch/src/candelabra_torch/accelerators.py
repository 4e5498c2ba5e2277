"""The devices that a PyTorch finds, and how to wait for one and ask for its memory."""

from __future__ import annotations

import torch


def names() -> list[str]:
    found = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    return [*found, "mps"] if torch.backends.mps.is_available() else found


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def memory(device: torch.device) -> dict[str, int]:
    """Return what is in use and what PyTorch keeps; of host memory it tells nothing."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        used, kept = torch.cuda.memory_allocated(device), torch.cuda.memory_reserved(device)
        return {"allocated": used, "reserved": kept, "free": free, "total": total}
    if device.type == "mps":
        return {"allocated": torch.mps.current_allocated_memory(), "reserved": torch.mps.driver_allocated_memory()}
    return {"allocated": 0, "reserved": 0}


def release_memory(device: torch.device) -> None:
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
