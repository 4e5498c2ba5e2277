"""``python -m candelabra_numba [names…]``: compile ahead, so that no program waits for it."""

from __future__ import annotations

import sys
import time
from importlib import import_module

from . import FAMILIES, candelabra_kernels, compiled


def main(names: list[str]) -> None:
    """Compile every loop for every dtype, or those whose names begin as the given ones do, with a line for each."""
    if not candelabra_kernels():
        raise SystemExit("numba is not installed: pip install numba")
    for family in FAMILIES:
        import_module(f".{family}", __package__)
    wanted = tuple(names) or ("",)
    loops = [loop for loop in compiled.LOOPS if f"{loop.module}.{loop.name}".startswith(wanted)]
    jobs = [(loop, dtype) for loop in loops for dtype in loop.dtypes]
    if not jobs:
        raise SystemExit(f"no function is named {', '.join(names)}")
    begin = time.perf_counter()
    for i, (loop, dtype) in enumerate(jobs, 1):
        start = time.perf_counter()
        # Asking for it compiles it.
        loop[dtype]
        took = time.perf_counter() - start
        print(f"[{i}/{len(jobs)}] {loop.module}.{loop.name} for {compiled.NAMES[dtype]}: {took:.1f} s", flush=True)
    print(f"{len(jobs)} functions in {time.perf_counter() - begin:.0f} s, kept in {compiled.cache_folder()}")


if __name__ == "__main__":
    main(sys.argv[1:])
