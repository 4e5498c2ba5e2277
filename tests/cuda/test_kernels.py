"""The text of the kernels for a card, run on the host and held to conformance."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from candelabra.backends.cupy.kernels.table import FAMILIES

sys.path.insert(0, str(Path(__file__).parent))

from cards import python


@pytest.mark.parametrize("family", FAMILIES)
def test_kernels_on_the_host_conform(family: str, tmp_path: Path) -> None:
    rows = FAMILIES[family]
    report = tmp_path / "report.json"
    code = ["-m", "candelabra", "conformance", "cuda", "-q", "--max-examples", "2", "--json", str(report)]
    chosen = " or ".join(f"cuda:0-{row}]" for row in rows)
    done = python([*code, "-k", chosen], tmp_path, CANDELABRA_SYNC_ERRORS="1")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    found = json.loads(report.read_text())["devices"]["cuda:0"]["rows"]
    assert {found[row]["source"] for row in rows} == {"kernel"}


def test_a_bad_index_is_told_when_the_card_is_waited_for(tmp_path: Path) -> None:
    code = """
import candelabra as cb
from candelabra.core import errors
weight = cb.randn(5, 3, device="cuda")
found = cb.embedding(weight, cb.tensor([1, 9], device="cuda"))
more = cb.gather(weight, cb.tensor([[0, 1, -7]], device="cuda"), axis=0)
try:
    found.numpy()
except errors.IndexOutOfRangeError as error:
    print(error)
print((weight + 1).numpy().shape, found[1].tolist() == weight[4].tolist())
loss = cb.cross_entropy(weight, cb.tensor([0, 1, 2, 3, 0], device="cuda"))
try:
    loss.item()
except errors.IndexOutOfRangeError as error:
    print(error)
"""
    done = python(["-c", code], tmp_path, CANDELABRA_SYNC_ERRORS="0")
    assert done.returncode == 0, done.stderr
    hint = "a card tells it only when it is waited for, CANDELABRA_SYNC_ERRORS=1 makes it tell at once"
    assert done.stdout.splitlines() == [
        "embedding: index 9 is out of range for size 5; gather: index -7 is out of range for size 5; " + hint,
        "(5, 3) True",
        "cross_entropy: index 3 is out of range for size 3; " + hint,
    ]


def test_a_barrier_that_not_all_threads_reach_is_found(tmp_path: Path) -> None:
    code = """
import numpy as np
from stand_in import Deadlock, Module
text = '''
__global__ void mixed(int* out) {
    if (threadIdx.x & 1) __syncthreads();
    else __syncwarp();
    out[0] = 1;
}
'''
run = Module(text, (), ("mixed",)).get_function("mixed")
try:
    run((1,), (64,), (np.zeros(1, np.int32),))
except Deadlock as error:
    print(error)
"""
    done = python(["-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "mixed: threads wait for each other at different barriers"


def test_an_argument_of_another_type_is_found(tmp_path: Path) -> None:
    code = """
import cupy, numpy as np
text = "typedef long long int64; template <class T> "
text += "__global__ void put(T* out, int64 n, double x) { out[0] = (T)(n * x); }"
put = cupy.RawModule(code=text, name_expressions=("put<float>",)).get_function("put<float>")
out = cupy.zeros(1, np.float32)
put((1,), (1,), (out, np.int64(3), np.float64(2)))
print(out.tolist())
wide = cupy.zeros(1, np.float64)
for given in ((out, np.int32(3), np.float64(2)), (wide, np.int64(3), np.float64(2)), (out, np.int64(3), 2.0), (out,)):
    try:
        put((1,), (1,), given)
    except AssertionError as error:
        print(error)
"""
    done = python(["-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "[6.0]",
        "put<float>: argument 1 is int32, not int64",
        "put<float>: argument 0 is an array of float64, not float32",
        "put<float>: argument 2: what 2.0 is on a card is not said",
        "put<float> takes 3 arguments, got 1",
    ]
