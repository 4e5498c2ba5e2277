"""Products of matrices: large ones in float32, TF32 and bfloat16, and batches of smaller ones in 16 bits."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..workload import Arrays, Goal, Step, Workload
from .both import both, products


def inputs(rng: Any, batch: int = 0, rows: int = 8192, inner: int = 8192, columns: int = 8192) -> Arrays:
    lead = (batch,) if batch else ()
    return {
        "x": rng.random((*lead, rows, inner), dtype="float32") - 0.5,
        "y": rng.random((*lead, inner, columns), dtype="float32") - 0.5,
    }


def product(lib: Any, arrays: Arrays, dtype: str, precision: str) -> Step:
    """One product, forward alone, into a new array."""
    x, y = (lib.tensor(arrays[name], dtype=getattr(lib.module, dtype)) for name in ("x", "y"))
    matmul = lib.module.matmul
    if precision == "highest":
        return lambda: matmul(x, y)

    def step() -> Any:
        with products(lib, precision):
            return matmul(x, y)

    return step


def operations(arrays: Arrays) -> float:
    x, y = arrays["x"], arrays["y"]
    return 2.0 * x.size * y.shape[-1]


def workload(name: str, title: str, dtype: str, precision: str = "highest", **sizes: int) -> Workload:
    return Workload(
        name=name,
        title=title,
        ceiling=None,
        inputs=partial(inputs, **sizes),
        variants=both(lambda lib, arrays: product(lib, arrays, dtype, precision)),
        small={"batch": 2 if sizes else 0, "rows": 24, "inner": 40, "columns": 16},
        card=Goal(ceiling=1.02),
        operations=operations,
    )


SCORES = {"batch": 64, "rows": 1024, "inner": 64, "columns": 1024}
SQUARES = {"batch": 16, "rows": 2048, "inner": 2048, "columns": 2048}

WORKLOADS = [
    workload("matmul-float32", "matmul 8192³, float32", "float32"),
    workload("matmul-tf32", "matmul 8192³, TF32", "float32", "high"),
    workload("matmul-bfloat16", "matmul 8192³, bfloat16", "bfloat16"),
    workload("bmm-scores", "64 products 1024×64×1024, bfloat16", "bfloat16", **SCORES),
    workload("bmm-squares-bfloat16", "16 products 2048³, bfloat16", "bfloat16", **SQUARES),
    workload("bmm-squares-float16", "16 products 2048³, float16", "float16", **SQUARES),
]
