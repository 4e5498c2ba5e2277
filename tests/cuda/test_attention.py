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


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "tf32", "float32", "float64"])
def test_it_is_what_float64_gives(dtype: str, tmp_path: Path) -> None:
    done = python([str(HERE / "attention_cases.py"), dtype], tmp_path)
    assert done.returncode == 0, done.stderr
    assert not done.stdout


def test_what_numbers_cannot_give_is_not_hidden(tmp_path: Path) -> None:
    code = """
import candelabra as cb
from candelabra.nn import functional as F
last = None
for dtype in (cb.float16, cb.bfloat16, cb.float32, cb.float32):
    if dtype == last:
        cb.set_float32_matmul_precision("high")
    last = dtype
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
    assert done.stdout.splitlines() == ["True True True"] * 4


def test_heads_that_share_keys_and_padding_need_no_copies(tmp_path: Path) -> None:
    code = """
import candelabra as cb
from candelabra.backends.cupy.launch import Launcher
from candelabra.nn import functional as F
ran, copies = [], []
run, contiguous = Launcher.run, Launcher.contiguous
Launcher.run = lambda self, file, expression, *more, **options: (
    ran.append(expression), run(self, file, expression, *more, **options)
)[1]
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
    heads = "Heads<__nv_bfloat16, 32>"
    forward, grad = f"attention_mma<{heads}>", f"attention_fused_grad<{heads}>"
    assert done.stdout.splitlines() == [
        f"['{forward}'] []",
        str([grad, "attention_gathered<__nv_bfloat16>", forward, "attention_shares<__nv_bfloat16, false>"]) + " []",
        "(2, 6, 20, 32) (2, 2, 20, 32) True True",
    ]


def test_the_same_bits_come_where_they_must(tmp_path: Path) -> None:
    code = """
import candelabra as cb
from candelabra.backends.cupy.launch import Launcher
from candelabra.nn import functional as F
ran = []
run = Launcher.run
Launcher.run = lambda self, file, *more, **options: (ran.append(file), run(self, file, *more, **options))[1]
q, k, v = (cb.randn(1, 20, 32, dtype=cb.float16, device="cuda").requires_grad_() for _ in range(3))
def files(deterministic, *wanted):
    out = F.scaled_dot_product_attention(q, k, v).sum()
    del ran[:]
    cb.use_deterministic_algorithms(deterministic)
    cb.autograd.grad(out, wanted)
    return [file for file in ran if "attention" in file]
print(files(False, q, k, v))
print(files(True, q, k, v))
# What is not asked for is not found.
print(files(False, q), files(False, k), files(False, q, v))
"""
    done = python(["-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    shares, one, fused = "attention", "attention_mma", "attention_fused"
    assert done.stdout.splitlines() == [
        str([shares, fused, "attention"]), str([shares, one, one]),
        f"{[shares, one]} {[shares, one]} {[shares, fused, 'attention']}",
    ]  # fmt: skip


def test_float32_goes_to_tensor_cores_where_it_may_be_rounded(tmp_path: Path) -> None:
    code = """
import candelabra as cb, numpy as np
from candelabra.backends.cupy.launch import Launcher
from candelabra.nn import functional as F
ran = []
run = Launcher.run
Launcher.run = lambda self, file, *more, **options: (ran.append(file), run(self, file, *more, **options))[1]
q, k, v = (cb.randn(2, 40, 64, device="cuda").requires_grad_() for _ in range(3))
found = []
# What is found forward under one setting is what the other one's backward takes.
for forward, backward in (("highest", "highest"), ("high", "high"), ("highest", "high"), ("high", "highest")):
    del ran[:]
    cb.set_float32_matmul_precision(forward)
    out = F.scaled_dot_product_attention(q, k, v)
    cb.set_float32_matmul_precision(backward)
    grads = cb.autograd.grad((out * out).sum(), (q, k, v))
    found.append([x.detach().cpu().numpy() for x in (out, *grads)])
    gaps = [float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(found[-1], found[0])]
    print(sorted({f for f in ran if "attention" in f}), max(gaps) < 1e-2, max(gaps) > 1e-5)
"""
    done = python(["-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "['attention'] True False",
        "['attention', 'attention_fused', 'attention_mma'] True True",
        "['attention', 'attention_fused'] True True",
        "['attention', 'attention_mma'] True True",
    ]


def test_a_card_of_little_shared_memory_takes_what_fits(tmp_path: Path) -> None:
    code = """
import candelabra as cb
from candelabra.backends.cupy.kernels.attention import _way
import numpy as np
half, single = np.dtype(np.float16), np.dtype(np.float32)
for room in (48, 64, 99, 163, 227):
    found = [_way(half, w, False, 80, room * 1024) for w in (64, 128, 256)]
    found += [_way(single, w, True, 80, room * 1024) for w in (64, 128)]
    print(room, [None if way is None else way.file for way in found])
print(_way(half, 256, False, 75, 227 * 1024), _way(single, 256, True, 90, 227 * 1024))
"""
    done = python(["-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    mma, plain = "attention_mma", "attention"
    assert done.stdout.splitlines() == [
        f"48 {[mma, mma, None, mma, plain]}",
        f"64 {[mma, mma, None, mma, plain]}",
        *(f"{room} {[mma] * 5}" for room in (99, 163, 227)),
        "None None",
    ]


@pytest.mark.parametrize("architecture", ["80", "90"])
@pytest.mark.parametrize("file", ["attention_mma", "attention_fused"])
def test_tensor_cores_multiply_and_registers_suffice(file: str, architecture: str) -> None:
    nvrtc = pytest.importorskip("cupy", reason="the extra `cuda-compile` is not installed").cuda.nvrtc
    text = source(file)
    names = instances(text)

    def compiled(*options: str) -> tuple[str, str, list[str]]:
        program = nvrtc.createProgram(text, f"{file}.cu", [], [])
        for name in names:
            nvrtc.addNameExpression(program, name)
        nvrtc.compileProgram(program, [*options, *OPTIONS, *cuda_headers()])
        lowered = [nvrtc.getLoweredName(program, name) for name in names]
        return nvrtc.getPTX(program).decode(), nvrtc.getProgramLog(program), lowered

    text_of, _, lowered = compiled(f"--gpu-architecture=compute_{architecture}")
    kernels = {kernel.split("(")[0]: kernel for kernel in text_of.split(".entry ")[1:]}
    assert len(kernels) == len(names)
    for name, low in zip(names, lowered, strict=True):
        depth = "m16n8k8" if "<float" in name else "m16n8k16"
        assert f"mma.sync.aligned.{depth}" in kernels[low] and "ldmatrix" in kernels[low]
        assert "cp.async.cg" in kernels[low] and ".local" not in kernels[low]
        # Hopper adds four numbers at once.
        added = "red.global.add.v4.f32" if architecture == "90" else "atom.global.add.f32|red.global.add.f32"
        assert file == "attention_mma" or re.search(added, kernels[low])
    # For a card the compiler also says what its instructions need.
    log = compiled(f"--gpu-architecture=sm_{architecture}", "-Xptxas", "-v")[1]
    frames = re.findall(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", log)
    assert frames == [("0", "0", "0")] * len(names), log
