"""What stands between a program and its CUDA devices, and what to install."""

from __future__ import annotations

import os
import sys
from typing import Any

from ...core.errors import CandelabraError, DeviceError, MissingDependencyError

# CUDA's numbers of errors.
NO_DEVICE, OLD_DRIVER, NOT_INITIALIZED = 100, 35, 3
EXTRA = "pip install 'candelabra[cuda]'"
# The oldest driver that this CuPy's CUDA runs on, as the driver counts.
OLDEST = 12000

FORKED = (
    "CUDA does not survive a fork: it was in use in the parent process. Start processes by 'spawn' or 'forkserver' "
    "(multiprocessing.set_start_method, DataLoader(multiprocessing_context=...)), or use the device only after the "
    "fork; let a DataLoader's workers return host tensors, and name the device in DataLoader(device=...)"
)


def no_cupy(error: ImportError) -> CandelabraError:
    """Return the error where CuPy cannot be imported."""
    text = str(error).strip()
    if error.name in (None, "cupy") and "cupy" not in sys.modules and "No module named" in text:
        return MissingDependencyError(f"CUDA devices need CuPy, which cannot be imported ({text}); {EXTRA}")
    lines = [line.strip() for line in text.splitlines() if line.strip(" =-")]
    why = next((line for line in reversed(lines) if "Error" in line or "error" in line), lines[0] if lines else "")
    return MissingDependencyError(
        f"CUDA devices need CuPy, which cannot be imported ({why or type(error).__name__}); {EXTRA}, and have one "
        "distribution of CuPy alone (`pip list` shows them)"
    )


def no_device(cupy: Any, error: Exception | None) -> CandelabraError:
    """Return the error where CuPy finds no card, which tells a driver that lacks from a card that does."""
    found = f"CuPy {cupy.__version__} is installed, but finds no CUDA device"
    status = getattr(error, "status", None)
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    masked = f"; CUDA_VISIBLE_DEVICES={hidden!r} in the environment chooses among them" if hidden is not None else ""
    if status == NOT_INITIALIZED:
        return DeviceError(f"{found}: {error}; {FORKED}")
    driver = _driver(cupy)
    if error is None or status == NO_DEVICE:
        return DeviceError(f"{found}{f': {error}' if error else ''}; `nvidia-smi` must list one{masked}")
    if status == OLD_DRIVER and driver:
        return DeviceError(
            f"{found}: {error}; the driver is one for CUDA {_version(driver)}, CuPy was built for "
            f"{_version(_built_for(cupy))}: install a newer driver, or the CuPy that fits it"
        )
    where = "" if sys.platform != "linux" or os.path.exists("/dev/nvidiactl") else (
        " (in a container, start it with access to the cards)"
    )  # fmt: skip
    return DeviceError(
        f"{found}: {error}; install NVIDIA's driver, and see that `nvidia-smi` lists the card{where}{masked}"
    )


def no_libraries(cupy: Any) -> list[str]:
    """Return the names of CUDA's libraries that cannot be loaded, and of headers that kernels need."""
    missing = []
    try:
        cupy.cuda.nvrtc.getVersion()
    except Exception:  # what a loader of libraries raises differs from release to release
        missing.append("NVRTC")
    try:
        from cupy_backends.cuda.libs import cublas  # noqa: F401
    except ImportError:
        missing.append("cuBLAS")
    try:
        # Where CuPy looks, too.
        from cuda.pathfinder import find_nvidia_header_directory
    except ImportError:
        return missing
    if find_nvidia_header_directory("cudart") is None:
        missing.append("the headers of its runtime")
    return missing


def _driver(cupy: Any) -> int:
    """Return the driver's version of CUDA, 0 where there is none."""
    try:
        return int(cupy.cuda.runtime.driverGetVersion())
    except (AttributeError, cupy.cuda.runtime.CUDARuntimeError):
        return 0


def _built_for(cupy: Any) -> int:
    try:
        return int(cupy.cuda.runtime.runtimeGetVersion())
    except (AttributeError, cupy.cuda.runtime.CUDARuntimeError):
        return OLDEST


def _version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"
