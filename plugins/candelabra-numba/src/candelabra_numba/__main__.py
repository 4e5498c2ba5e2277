"""``python -m candelabra_numba``: compile everything ahead, so that no program waits for it."""

from __future__ import annotations

import time

from . import candelabra_kernels, compiled


def main() -> None:
    """Compile every loop for every dtype, with a line for each."""
    if not candelabra_kernels():
        raise SystemExit("numba is not installed: pip install numba")
    jobs = [(loop, dtype) for loop in compiled.LOOPS for dtype in loop.dtypes]
    begin = time.perf_counter()
    for i, (loop, dtype) in enumerate(jobs, 1):
        start = time.perf_counter()
        loop[dtype]  # noqa: B018 - asking for it compiles it
        took = time.perf_counter() - start
        print(f"[{i}/{len(jobs)}] {loop.module}.{loop.name} for {compiled.NAMES[dtype]}: {took:.1f} s", flush=True)
    print(f"{len(jobs)} functions in {time.perf_counter() - begin:.0f} s, kept in {compiled.cache_folder()}")


if __name__ == "__main__":
    main()
