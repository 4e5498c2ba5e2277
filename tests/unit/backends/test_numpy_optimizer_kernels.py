"""The kernels of all optimizers on the NumPy backend: layouts, ownership, threads and 16 bits, against the references.

The references are those of the conformance suite, one parameter after another in float64; that suite compares small
arrays, these tests those that are joined, worked through in blocks, or given to BLAS.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from candelabra.backends.numpy import blas, library, optimizer_blocks, parallel
from candelabra.conformance import references_update
from candelabra.core.primitives import TABLE

SHAPES = [(3, 4), (), (5,), (0,), (70, 80), (2, 1, 3), (300, 250)]
MATRICES = [(3, 4), (0, 2), (300, 250), (80, 300), (5, 5)]
STACKS = [(3, 4), (70, 80), (2, 1, 3), (400, 3, 3), (300, 250), (2, 0, 3)]
N = len(SHAPES)
DECAY: list[dict[str, Any]] = [{"weight_decay": 0.0, "maximize": False}, {"weight_decay": 0.2, "maximize": True}]
BETAS: dict[str, Any] = {"steps": (3.0, 9.0, 3.0, 1.0, 3.0, 3.0, 20.0), "lr": 0.1, "beta1": 0.9, "beta2": 0.99}
BETAS["eps"] = 1e-6
NADAM: dict[str, Any] = {**BETAS, "mu_products": (0.3,) * N, "momentum_decay": 0.01}

# Row, domains of the state ("real" or "positive", None for an empty list), statics without the decay, shapes.
Case = tuple[str, list[str | None], dict[str, Any], list[tuple[int, ...]]]
CASES: list[Case] = [
    ("asgd_step", ["real"], {"etas": (0.1,) * N, "mus": (1.0, 0.5, 0.5, 1.0, 0.5, 1.0, 0.25), "lambd": 0.3}, SHAPES),
    (
        "rprop_step",
        ["real", "positive"],
        {"shrink": 0.5, "grow": 1.25, "smallest": 0.3, "largest": 3.0, "weight_decay": None},
        SHAPES,
    ),
    ("average_step", [], {"share": 0.25, "weight_decay": None, "maximize": None}, SHAPES),
    ("adagrad_step", ["positive"], {"steps": BETAS["steps"], "lr": 0.1, "lr_decay": 0.3, "eps": 1e-8}, SHAPES),
    ("adadelta_step", ["positive", "positive"], {"lr": 0.5, "rho": 0.8, "eps": 1e-3}, SHAPES),
    (
        "rmsprop_step",
        ["positive", None, None],
        {"lr": 0.1, "rho": 0.9, "eps": 1e-3, "momentum": 0.0, "centered": False},
        SHAPES,
    ),
    (
        "rmsprop_step",
        ["positive", "real", "small"],
        {"lr": 0.1, "rho": 0.9, "eps": 1e-3, "momentum": 0.9, "centered": True},
        SHAPES,
    ),
    ("adamax_step", ["real", "positive"], BETAS, SHAPES),
    ("nadam_step", ["real", "positive"], {**NADAM, "decoupled": False}, SHAPES),
    ("nadam_step", ["real", "positive"], {**NADAM, "decoupled": True}, SHAPES),
    ("radam_step", ["real", "positive"], {**BETAS, "decoupled": False}, SHAPES),
    ("radam_step", ["real", "positive"], {**BETAS, "decoupled": True}, SHAPES),
    (
        "adafactor_step",
        ["row", "column", None],
        {"steps": (3.0, 1.0) * 3, "lr": 0.1, "beta2_decay": -0.8, "eps1": (1e-3,) * 6, "eps2": 1e-3, "d": 1.0},
        STACKS,
    ),
    (
        "adafactor_step",
        [None, None, "positive"],
        {"steps": (3.0, 1.0) * 2, "lr": 0.1, "beta2_decay": -0.8, "eps1": (1e-3,) * 4, "eps2": 1e-3, "d": 2.0},
        [(5,), (), (100_000,), (0,)],
    ),
]
NAMES = [f"{case[0]}-{i}" for i, case in enumerate(CASES)]

LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "C": np.array,
    "Fortran": np.asfortranarray,
    "gaps": lambda a: np.repeat(a, 2, axis=-1)[..., ::2] if a.ndim else a.copy(),
}


def statics_of(case: Case, decay: dict[str, Any]) -> dict[str, Any]:
    full = {**decay, **case[2]}
    return {k: v for k, v in full.items() if v is not None}


def drawn(case: Case, dtype: Any = np.float64, seed: int = 0) -> list[list[np.ndarray]]:
    _, domains, _, shapes = case
    rng = np.random.default_rng(seed)

    def draw(shape: tuple[int, ...], domain: str) -> np.ndarray:
        if domain == "row":
            shape, domain = (*shape[:-1], 1), "positive"
        if domain == "column":
            shape, domain = (*shape[:-2], 1, shape[-1]), "positive"
        values = np.asarray(rng.standard_normal(shape))
        if domain == "positive":
            values = abs(values) + 0.5
        return np.asarray(values * (0.1 if domain == "small" else 1.0)).astype(dtype)

    return [[] if d is None else [draw(s, d) for s in shapes] for d in ("real", "real", *domains)]


def kernel(name: str) -> Any:
    return library.Kernels()[name]


def outputs(name: str, lists: list[list[Any]]) -> list[list[Any]]:
    row = TABLE[name]
    places = [o.name for o in row.operands]
    return [lists[places.index(output)] for output in row.outputs]


@pytest.mark.parametrize("donate", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("decay", DECAY, ids=["plain", "decay"])
@pytest.mark.parametrize("case", CASES, ids=NAMES)
@pytest.mark.filterwarnings("error")
def test_values_and_ownership(case: Case, decay: dict[str, Any], layout: str, donate: bool) -> None:
    name, statics = case[0], statics_of(case, decay)
    values = drawn(case)
    with np.errstate(all="ignore"):
        full = [[a.copy() for a in arrays] for arrays in values]
        keep = [i for i, p in enumerate(full[0]) if p.size]
        part = {k: tuple(v[i] for i in keep) if isinstance(v, tuple) else v for k, v in statics.items()}
        wanted = getattr(references_update, name)(*[[a[i] for i in keep] if a else [] for a in full], **part)
    given = [[LAYOUTS[layout](a) for a in arrays] for arrays in values]
    before = [[a.copy() for a in arrays] for arrays in given]
    found = kernel(name)(*[list(arrays) for arrays in given], donate=donate, **statics)
    for got, want, old, kept in zip(found, wanted, outputs(name, given), outputs(name, before), strict=True):
        assert len(got) == len(old)
        for a, b in zip([got[i] for i in keep] if got else [], want, strict=True):
            assert type(a) is np.ndarray and a.dtype == np.float64
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)
        for a, b, c in zip(got, old, kept, strict=True):
            assert a.shape == b.shape
            if donate and layout == "C":
                assert a is b
            elif not donate:
                assert not np.shares_memory(a, b)
                np.testing.assert_array_equal(b, c)
    for g, kept in zip(given[1], before[1], strict=True):
        np.testing.assert_array_equal(g, kept)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("case", CASES, ids=NAMES)
@pytest.mark.parametrize("donate", [False, True])
def test_16_bits_compute_in_float32(case: Case, dtype: Any, donate: bool) -> None:
    name, statics = case[0], statics_of(case, DECAY[1])
    lists = drawn(case, dtype)
    wide = [[a.astype(np.float32) for a in arrays] for arrays in lists]
    wanted = kernel(name)(*wide, **statics)
    found = kernel(name)(*lists, donate=donate, **statics)
    for got, want in zip(found, wanted, strict=True):
        for a, b in zip(got, want, strict=True):
            assert a.dtype == dtype
            np.testing.assert_allclose(a.astype(np.float32), b, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("case", [c for c in CASES if c[0] != "adafactor_step"], ids=lambda c: c[0])
def test_complex_parameters_are_pairs_of_real_ones(case: Case) -> None:
    name, statics = case[0], statics_of(case, DECAY[1])
    one, two = drawn(case, seed=1), drawn(case, seed=2)
    both = [[np.asarray(a + 1j * b) for a, b in zip(x, y, strict=True)] for x, y in zip(one, two, strict=True)]
    found = kernel(name)(*both, **statics)
    for got, real, imag in zip(found, kernel(name)(*one, **statics), kernel(name)(*two, **statics), strict=True):
        for z, a, b in zip(got, real, imag, strict=True):
            assert z.dtype == np.complex128
            np.testing.assert_allclose(z, a + 1j * b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_threads_change_nothing(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    name, statics = case[0], statics_of(case, DECAY[1])
    runs = []
    monkeypatch.setattr(optimizer_blocks, "BLOCK", 1 << 10)
    for threads in (1, 3):
        monkeypatch.setattr(parallel, "_threads", threads)
        monkeypatch.setattr(parallel, "_pool", None)
        runs.append(kernel(name)(*drawn(case, np.float32), donate=True, **statics))
    for a, b in zip(*runs, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)


MUON = {"lr": 0.1, "weight_decay": 0.1, "momentum": 0.9, "a": 3.4445, "b": -4.775, "c": 2.0315, "eps": 1e-7}


@pytest.mark.parametrize("donate", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("adjust", [None, "match_rms_adamw"])
def test_muon(adjust: str | None, nesterov: bool, layout: str, donate: bool) -> None:
    rng = np.random.default_rng(0)
    shapes = [(3, 4), (30, 20), (20, 30), (1, 5)]
    values = [[rng.standard_normal(s) for s in shapes] for _ in range(3)]
    statics = {**MUON, "ns_steps": 2, "nesterov": nesterov, "adjust": adjust}
    wanted = references_update.muon_step(*[[a.copy() for a in arrays] for arrays in values], **statics)
    given = [[LAYOUTS[layout](a) for a in arrays] for arrays in values]
    grads = [g.copy() for g in given[1]]
    params, buffers = kernel("muon_step")(*given, donate=donate, **statics)
    for p, b, want, mean in zip(params, buffers, *wanted, strict=True):
        # A sum that falls on the other side of a rounding to bfloat16 turns an element by its last bit.
        np.testing.assert_allclose(p, want, atol=4e-3)
        np.testing.assert_allclose(b, mean, rtol=1e-12, atol=1e-12)
    for g, kept in zip(given[1], grads, strict=True):
        np.testing.assert_array_equal(g, kept)
    assert all((p is q) == donate for p, q in zip(params, given[0], strict=True))


def test_muon_makes_a_matrix_orthogonal() -> None:
    rng = np.random.default_rng(0)
    p, g = np.zeros((40, 25)), rng.standard_normal((40, 25))
    options = {**MUON, "lr": 1.0, "weight_decay": 0.0, "momentum": 0.0, "a": 2.0, "b": -1.5, "c": 0.5}
    ([p], _) = kernel("muon_step")([p], [g], [np.zeros_like(g)], ns_steps=12, nesterov=False, adjust=None, **options)
    u, _, v = np.linalg.svd(g, full_matrices=False)
    np.testing.assert_allclose(-p / np.sqrt(40 / 25), u @ v, atol=0.02)


def test_blas_does_what_it_says() -> None:
    if blas.axpby is None:
        pytest.skip("NumPy's BLAS is not an OpenBLAS that is found")
    for dtype in (np.float32, np.float64):
        x, y = np.arange(4, dtype=dtype), np.ones(4, dtype)
        blas.axpby(2.0, x, -1.0, y)
        assert y.tolist() == [-1.0, 1.0, 3.0, 5.0]


@pytest.mark.parametrize("options", [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True, "dampening": 0.0}])
@pytest.mark.parametrize("decay", DECAY, ids=["plain", "decay"])
@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
def test_sgd_without_blas(
    options: dict[str, Any], decay: dict[str, Any], dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from candelabra.backends.numpy import optimizer

    full = {"lr": 0.1, "momentum": 0.0, "dampening": 0.3, "nesterov": False, **decay, **options}
    runs = []
    for without in (False, True):
        if without:
            monkeypatch.setattr(optimizer_blocks, "axpby", None)
            monkeypatch.setattr(optimizer, "axpby", None)
        rng = np.random.default_rng(0)
        lists = [[np.asarray(rng.standard_normal(s)).astype(dtype) for s in SHAPES] for _ in range(3)]
        params, grads, buffers = lists if full["momentum"] else (*lists[:2], [])
        for step in range(3):
            first = (step == 0,) * len(SHAPES)
            params, buffers = optimizer.sgd_step(params, grads, buffers, first=first, donate=True, **full)
        runs.append(params + buffers)
    for a, b in zip(*runs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


ADAM: dict[str, Any] = {**BETAS, "amsgrad": False, "decoupled": False}


@pytest.mark.parametrize(
    "case", [*CASES, ("adam_step", ["real", "positive", None], ADAM, SHAPES)], ids=[*NAMES, "adam"]
)
@pytest.mark.parametrize("decay", DECAY, ids=["plain", "decay"])
def test_without_blas(case: Case, decay: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    name, statics = case[0], statics_of(case, decay)
    runs = []
    for without in (False, True):
        if without:
            monkeypatch.setattr(optimizer_blocks, "axpby", None)
        runs.append(kernel(name)(*drawn(case, np.float32), donate=True, **statics))
    for a, b in zip(*runs, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_allclose(x, y, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_gradients_may_be_read_only(case: Case) -> None:
    name, statics = case[0], statics_of(case, DECAY[0])
    runs = []
    for writeable in (True, False):
        lists = drawn(case)
        for g in lists[1]:
            g.flags.writeable = writeable
        runs.append(kernel(name)(*lists, donate=True, **statics))
    for a, b in zip(*runs, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize(("lr", "beta1"), [(0.0, 0.9), (0.1, 0.0)])
def test_factors_of_zero_keep_nan(lr: float, beta1: float) -> None:
    size = 20_000
    p, g, m, v = (np.ones(size) for _ in range(4))
    m[3] = g[5] = np.nan
    statics = {**ADAM, "steps": (2.0,), "lr": lr, "beta1": beta1, **DECAY[0]}
    ([p], [m], [v], _) = kernel("adam_step")([p], [g], [m], [v], [], donate=True, **statics)
    assert np.isnan(p[[3, 5]]).all() and np.isnan(m[[3, 5]]).all() and np.isnan(v[5]) and np.isfinite(p[6])


def test_a_mean_of_constant_gradients_has_no_drift() -> None:
    for beta1 in (0.9, 0.999):
        p, m, v = (np.zeros(10_000, np.float32) for _ in range(3))
        g = np.full(10_000, 0.3, np.float32)
        statics = {**ADAM, "steps": (20.0,), "beta1": beta1, **DECAY[0]}
        m[:] = 0.3
        for _ in range(3000):
            ([p], [m], [v], _) = kernel("adam_step")([p], [g], [m], [v], [], donate=True, **statics)
        np.testing.assert_allclose(m, 0.3, rtol=2e-6)
