"""Attention on a card: held against float64 on the host, and to what its instructions are."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from candelabra.backends.cupy.launch import OPTIONS, source

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from cards import python  # noqa: E402
from instances import instances  # noqa: E402
from test_compilation import cuda_headers  # noqa: E402


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_it_is_what_float64_gives(dtype: str, tmp_path: Path) -> None:
    done = python([str(HERE / "attention_cases.py"), dtype], tmp_path)
    assert done.returncode == 0, done.stderr
    assert not done.stdout


def test_what_numbers_cannot_give_is_not_hidden(tmp_path: Path) -> None:
    code = """
import candelabra as cb
from candelabra.nn import functional as F
for dtype in (cb.float16, cb.bfloat16, cb.float32):
    q, k, v = (cb.ones(1, 40, 16, dtype=dtype, device="cuda") for _ in range(3))
    k[0, 3, 2] = float("nan")
    out = F.scaled_dot_product_attention(q, k, v)
    v[0, 5, 1] = float("inf")
    sees = cb.arange(40, device="cuda") < 3
    some = F.scaled_dot_product_attention(q, k, v, sees)
    v[0, 39, 1] = float("nan")
    early = F.scaled_dot_product_attention(q, k, v, is_causal=True)[0, :3]
    print(bool(cb.all(cb.isnan(out))), bool(cb.all(some[..., 2:] == 1)), bool(cb.all(early[:, 2:] == 1)))
"""
    done = python(["-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["True True True"] * 3


def test_heads_that_share_keys_and_padding_need_no_copies(tmp_path: Path) -> None:
    code = """
import candelabra as cb
from candelabra.backends.cupy.launch import Launcher
from candelabra.nn import functional as F
ran, copies = [], []
run, contiguous = Launcher.run, Launcher.contiguous
Launcher.run = lambda self, file, expression, *more: (ran.append(expression), run(self, file, expression, *more))[1]
Launcher.contiguous = lambda self, array: (copies.append(array.shape), contiguous(self, array))[1]
def rows(heads):
    return cb.randn(2, 20, heads, 32, dtype=cb.bfloat16, device="cuda").transpose(1, 2).requires_grad_()
q, k, v = rows(6), rows(2), rows(2)
padding = (cb.arange(20, device="cuda") < 15).view(1, 1, 1, 20)
del ran[:]
out = F.scaled_dot_product_attention(q, k, v, padding, enable_gqa=True)
print(sorted(e for e in ran if e.startswith("attention")), copies)
(out * out).sum().backward()
print(sorted(e for e in ran if e.startswith("attention")), copies)
print(out.shape, k.grad.shape, bool(cb.all(k.grad[:, :, 15:] == 0)), bool(cb.any(k.grad != 0)))
"""
    done = python(["-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    forward, grad = "attention_mma<__nv_bfloat16, 32>", "attention_mma_grad<__nv_bfloat16, 32, "
    assert done.stdout.splitlines() == [
        f"['{forward}'] []",
        str([forward, grad + "false>", grad + "true>", "attention_shares<__nv_bfloat16>"]) + " []",
        "(2, 6, 20, 32) (2, 2, 20, 32) True True",
    ]


@pytest.mark.parametrize("architecture", ["80", "90"])
def test_tensor_cores_multiply_and_registers_suffice(architecture: str) -> None:
    nvrtc = pytest.importorskip("cupy", reason="the extra `cuda-compile` is not installed").cuda.nvrtc
    text = source("attention_mma")
    names = instances(text)

    def compiled(*options: str) -> tuple[str, str]:
        program = nvrtc.createProgram(text, "attention_mma.cu", [], [])
        for name in names:
            nvrtc.addNameExpression(program, name)
        nvrtc.compileProgram(program, [*options, *OPTIONS, *cuda_headers()])
        return nvrtc.getPTX(program).decode(), nvrtc.getProgramLog(program)

    kernels = compiled(f"--gpu-architecture=compute_{architecture}")[0].split(".entry ")[1:]
    assert len(kernels) == len(names)
    for kernel in kernels:
        assert "mma.sync.aligned.m16n8k16" in kernel and "ldmatrix" in kernel and "cp.async.cg" in kernel
        assert ".local" not in kernel
    # For a card the compiler also says what its instructions need.
    log = compiled(f"--gpu-architecture=sm_{architecture}", "-Xptxas", "-v")[1]
    frames = re.findall(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", log)
    assert frames == [("0", "0", "0")] * len(names), log
    shared = [int(size) for size in re.findall(r"(\d+) bytes smem", log)]
    assert len(shared) == len(names) and max(shared) <= 48 * 1024
