"""The functions of tensor cores: their twins on the host multiply, and for a card they are the instructions."""

from __future__ import annotations

import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from candelabra.backends.cupy.launch import FOLDER, OPTIONS

sys.path.insert(0, str(Path(__file__).parent))

from cards import NEEDED
from instances import instances
from stand_in import COMPILER, Module
from test_compilation import cuda_headers

HEADERS = "\n".join((FOLDER / name).read_text() for name in ("common.cuh", "mma.cuh"))
KERNELS = """
// out = a b of (16, 16) and (16, 8), b as it is or given as its transpose; a and b go through shared memory.
template <class H, bool TRANSPOSED> __global__ void multiply(const H* a, const H* b, float* out) {
    __shared__ __align__(16) H left[16 * 16];
    __shared__ __align__(16) H right[16 * 16];
    const int lane = threadIdx.x;
    copy_async<16>(left + lane * 8, a + lane * 8, true);
    commit_copies();
    copy_async<16>(right + lane * 8, b + lane * 8, lane < 16);
    commit_copies();
    unsigned x[4], y[4];
    wait_for_copies<1>();
    __syncwarp();
    load_matrices(x, left + lane % 16 * 16 + lane / 16 * 8);
    wait_for_copies<0>();
    __syncwarp();
    // b lies as (16, 8), its transpose as (8, 16): in both the second eight rows or columns are matrix 1.
    if (TRANSPOSED) load_matrices(y, right + lane % 8 * 16 + lane / 8 % 2 * 8);
    else load_transposed(y, right + lane % 16 * 8);
    float d[4] = {0, 0, 0, 0};
    product<H>(d, x, y[0], y[1]);
    for (int i = 0; i < 4; i++) out[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = d[i];
}

// out = (a b) a, the first product being the second one's left operand.
template <class H> __global__ void again(const H* a, const H* b, float* out) {
    __shared__ __align__(16) H both[2][16 * 16];
    const int lane = threadIdx.x;
    for (int i = lane; i < 256; i += 32) both[0][i] = a[i], both[1][i] = b[i];
    __syncwarp();
    unsigned x[4], y[4];
    const int at = lane % 16 * 16 + lane / 16 * 8;
    load_matrices(x, both[0] + at);
    load_transposed(y, both[1] + at);
    float d[2][4] = {};
    for (int n = 0; n < 2; n++) product<H>(d[n], x, y[2 * n], y[2 * n + 1]);
    const unsigned left[4] = {pack<H>(d[0][0], d[0][1]), pack<H>(d[0][2], d[0][3]), pack<H>(d[1][0], d[1][1]),
                              pack<H>(d[1][2], d[1][3])};
    load_transposed(y, both[0] + at);
    for (int n = 0; n < 2; n++) {
        float e[4] = {0, 0, 0, 0};
        product<H>(e, left, y[2 * n], y[2 * n + 1]);
        for (int i = 0; i < 4; i++) out[(lane / 4 + i / 2 * 8) * 16 + n * 8 + lane % 4 * 2 + i % 2] = e[i];
    }
}

// out = a b of (16, 8) and (8, 8).
__global__ void multiply_tf32(const float* a, const float* b, float* out) {
    const int lane = threadIdx.x, g = lane / 4, t = lane % 4;
    unsigned x[4];
    for (int i = 0; i < 4; i++) x[i] = tf32(a[(g + i % 2 * 8) * 8 + t + i / 2 * 4]);
    float d[4] = {0, 0, 0, 0};
    product_tf32(d, x, tf32(b[t * 8 + g]), tf32(b[(t + 4) * 8 + g]));
    for (int i = 0; i < 4; i++) out[(g + i / 2 * 8) * 8 + t * 2 + i % 2] = d[i];
}
"""
TEXT = HEADERS + KERNELS
DTYPES = {"__half": np.float16, "__nv_bfloat16": ml_dtypes.bfloat16}


def run(expression: str, shape: tuple[int, ...], *arguments: np.ndarray) -> np.ndarray:
    if COMPILER is None:
        assert not NEEDED, "there is no C++ compiler"
        pytest.skip("there is no C++ compiler")
    out = np.full(shape, np.nan, np.float32)
    Module(TEXT, OPTIONS, (expression,)).get_function(expression)((1,), (32,), (*arguments, out))
    return out


@pytest.mark.parametrize("name", DTYPES)
def test_fragments_multiply(name: str) -> None:
    rng = np.random.default_rng(0)
    # Small integers: every sum is exact.
    a, b = (rng.integers(-8, 9, shape).astype(DTYPES[name]) for shape in ((16, 16), (16, 8)))
    want = a.astype(np.float32) @ b.astype(np.float32)
    assert np.array_equal(run(f"multiply<{name}, false>", (16, 8), a, b), want)
    assert np.array_equal(run(f"multiply<{name}, true>", (16, 8), a, np.ascontiguousarray(b.T)), want)


@pytest.mark.parametrize("name", DTYPES)
def test_a_product_is_the_next_ones_left_operand(name: str) -> None:
    rng = np.random.default_rng(1)
    a, b = (rng.integers(-2, 3, (16, 16)).astype(DTYPES[name]) for _ in range(2))
    first = a.astype(np.float32) @ b.astype(np.float32)
    assert np.array_equal(run(f"again<{name}>", (16, 16), a, b), first @ a.astype(np.float32))


def test_tf32_keeps_ten_bits() -> None:
    rng = np.random.default_rng(2)
    a, b = (rng.standard_normal(shape, np.float32) for shape in ((16, 8), (8, 8)))
    found = run("multiply_tf32", (16, 8), a, b)
    assert np.allclose(found, a @ b, rtol=0, atol=0.02) and not np.allclose(found, a @ b, rtol=0, atol=1e-5)
    kept = [((x.view(np.uint32) + 0x1000) & ~np.uint32(0x1FFF)).view(np.float32) for x in (a, b)]
    assert np.allclose(found, kept[0] @ kept[1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("architecture", ["compute_80", "compute_90"])
def test_they_are_tensor_cores_instructions(architecture: str) -> None:
    nvrtc = pytest.importorskip("cupy", reason="the extra `cuda-compile` is not installed").cuda.nvrtc
    program = nvrtc.createProgram(TEXT, "matrices.cu", [], [])
    for expression in instances(KERNELS):
        nvrtc.addNameExpression(program, expression)
    try:
        nvrtc.compileProgram(program, [f"--gpu-architecture={architecture}", *OPTIONS, *cuda_headers()])
    except nvrtc.NVRTCError:
        pytest.fail(nvrtc.getProgramLog(program))
    text = nvrtc.getPTX(program).decode()
    for instruction in (
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32",
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32", "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16",
        "cp.async.cg.shared.global",
    ):  # fmt: skip
        assert instruction in text
