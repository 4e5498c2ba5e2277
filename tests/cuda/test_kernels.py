"""The text of the kernels for a card, run on the host and held to conformance."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from candelabra.backends.cupy.kernels.table import FAMILIES

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from stand_in import COMPILER  # noqa: E402

NEEDED = os.environ.get("CANDELABRA_REQUIRE_PEERS") == "1"


def on_the_host(code: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the device `hostcuda` installed as a plugin."""
    if COMPILER is None:
        assert not NEEDED, "there is no C++ compiler"
        pytest.skip("there is no C++ compiler")
    info = folder / "candelabra_hostcuda-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: candelabra-hostcuda\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[candelabra]\nhostcuda = stand_in\n")
    path = os.pathsep.join([str(folder), str(HERE)])
    return subprocess.run(
        [sys.executable, *code], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": path, "CANDELABRA_DISABLE_PLUGINS": "0", **environment},
    )  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_kernels_on_the_host_conform(family: str, tmp_path: Path) -> None:
    rows = FAMILIES[family]
    report = tmp_path / "report.json"
    code = ["-m", "candelabra", "conformance", "hostcuda", "-q", "--max-examples", "2", "--json", str(report)]
    chosen = " or ".join(f"hostcuda:0-{row}]" for row in rows)
    done = on_the_host([*code, "-k", chosen], tmp_path, CANDELABRA_SYNC_ERRORS="1")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    found = json.loads(report.read_text())["devices"]["hostcuda:0"]["rows"]
    assert {found[row]["source"] for row in rows} == {"kernel"}


def test_a_bad_index_is_told_when_the_card_is_waited_for(tmp_path: Path) -> None:
    code = """
import candelabra as cb
from candelabra.core import errors
weight = cb.randn(5, 3, device="hostcuda")
found = cb.embedding(weight, cb.tensor([1, 9], device="hostcuda"))
more = cb.gather(weight, cb.tensor([[0, 1, -7]], device="hostcuda"), axis=0)
try:
    found.numpy()
except errors.IndexOutOfRangeError as error:
    print(error)
print((weight + 1).numpy().shape, found[1].tolist() == weight[4].tolist())
loss = cb.cross_entropy(weight, cb.tensor([0, 1, 2, 3, 0], device="hostcuda"))
try:
    loss.item()
except errors.IndexOutOfRangeError as error:
    print(error)
"""
    done = on_the_host(["-c", code], tmp_path, CANDELABRA_SYNC_ERRORS="0")
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
    done = on_the_host(["-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "mixed: threads wait for each other at different barriers"
