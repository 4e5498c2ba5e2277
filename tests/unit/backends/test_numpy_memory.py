"""The memory and BLAS policy, each case in a process of its own."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest
from candelabra.backends.numpy import memory, parallel

GLIBC = sys.platform.startswith("linux") and platform.libc_ver()[0] == "glibc"


def run(code, **environment):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("CANDELABRA_", "OPENBLAS_", "MALLOC_"))}
    # The module is loaded by its path: importing the package would import NumPy first.
    prelude = (
        "import importlib.util, os, sys\n"
        f"spec = importlib.util.spec_from_file_location('memory', {memory.__file__!r})\n"
        "memory = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(memory)\n"
        "assert 'numpy' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", prelude + code], env=clean | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")


@pytest.mark.skipif(not GLIBC, reason="acts on glibc only")
def test_allocator_is_tuned_once_and_reported():
    first, second, text, *_ = run(
        "print(memory.tune_allocator()); print(memory.tune_allocator()); print(memory.policy()['allocator'])"
    )
    assert (first, second) == ("True", "True")
    assert text.startswith("tuned: blocks up to")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [("CANDELABRA_MALLOC", "0", "CANDELABRA_MALLOC=0"), ("MALLOC_TRIM_THRESHOLD_", "1000000", "the environment sets")],
)
def test_allocator_can_be_left_alone(name, value, reason):
    done, text, *_ = run("print(memory.tune_allocator()); print(memory.policy()['allocator'])", **{name: value})
    assert done == "False"
    if GLIBC:
        assert reason in text


def test_large_results_reuse_memory_once_tuned():
    if not GLIBC:
        pytest.skip("acts on glibc only")
    code = (
        "memory.tune_allocator()\n"
        "import numpy as np, resource\n"
        "faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "x = np.ones(1 << 22, np.uint8)\n"
        "for i in range(3): y = x + x; del y\n"
        "before = faults()\n"
        "for i in range(20): y = x + x; del y\n"
        "print(faults() - before)\n"
    )
    assert int(run(code)[0]) < 100


IMPORT = (
    "with memory.blas_environment():\n"
    "    seen = os.environ.get('OPENBLAS_CORETYPE')\n"
    "    import numpy\n"
    "print(seen); print(os.environ.get('OPENBLAS_CORETYPE')); print(memory.policy()['blas kernels'])\n"
)


def test_blas_kernels_are_chosen_around_the_import():
    for fits, expected in ((True, "SkylakeX"), (False, "None")):
        seen, after, text, *_ = run(f"memory._amd_with_avx512 = lambda: {fits}\n" + IMPORT.replace("import numpy", ""))
        assert (seen, after) == (expected, "None")
        assert text.startswith("SkylakeX" if fits else "untouched: OpenBLAS's own choice")
    assert run("memory._amd_with_avx512()\n" + IMPORT)[1] == "None"


def test_blas_kernels_can_be_left_alone():
    seen, after, text, *_ = run("memory._amd_with_avx512 = lambda: True\n" + IMPORT, CANDELABRA_BLAS_CORETYPE="0")
    assert (seen, after) == ("None", "None") and "CANDELABRA_BLAS_CORETYPE=0" in text
    seen, after, text, *_ = run("memory._amd_with_avx512 = lambda: True\n" + IMPORT, OPENBLAS_CORETYPE="Haswell")
    assert (seen, after) == ("Haswell", "Haswell") and "as set by the user" in text
    seen, _, text, *_ = run("memory._amd_with_avx512 = lambda: True\nimport numpy\n" + IMPORT)
    assert seen == "None" and "imported before" in text


def test_spinning_of_blas_workers_is_cut_short():
    code = IMPORT.replace("CORETYPE", "THREAD_TIMEOUT").replace("kernels", "spinning")
    assert run(code)[:3] == ["18", "None", "2**18 clock ticks"]
    seen, _, text, *_ = run(code, CANDELABRA_BLAS_TIMEOUT="0")
    assert seen == "None" and "CANDELABRA_BLAS_TIMEOUT=0" in text
    seen, after, text, *_ = run(code, OPENBLAS_THREAD_TIMEOUT="20")
    assert (seen, after) == ("20", "20") and "as set by the user" in text


def test_environment_is_restored_after_a_failed_import():
    code = (
        "memory._amd_with_avx512 = lambda: True\n"
        "try:\n"
        "    with memory.blas_environment():\n"
        "        import no_such_module_at_all\n"
        "except ImportError:\n"
        "    print(os.environ.get('OPENBLAS_CORETYPE'))\n"
    )
    assert run(code)[0] == "None"


def test_policy_names_everything():
    assert set(memory.policy()) == {"allocator", "blas kernels", "blas core", "blas spinning", "threads"}
    assert all(isinstance(value, str) and value for value in memory.policy().values())


def test_threads():
    before, ours = memory.get_num_threads(), parallel.get_num_threads()
    try:
        known = memory.set_num_threads(1)
        assert parallel.get_num_threads() == 1
        assert memory.get_num_threads() == (1 if known else None)
        if known:
            assert "1" in memory.policy()["threads"]
    finally:
        memory.set_num_threads(before or 1)
        parallel.set_num_threads(ours)


def test_blas_stays_on_its_thread_inside_and_comes_back():
    before = memory.get_num_threads()
    if before is None:
        pytest.skip("NumPy's BLAS is no OpenBLAS that can be told")
    try:
        memory.set_num_threads(2)
        with memory.single_threaded_blas():
            with memory.single_threaded_blas():
                assert memory.get_num_threads() == 1
            assert memory.get_num_threads() == 1
        assert memory.get_num_threads() == 2
        with memory.single_threaded_blas():
            assert memory.set_num_threads(3)
            assert memory.get_num_threads() == 1
        assert memory.get_num_threads() == 3
    finally:
        memory.set_num_threads(before)


def test_threads_are_a_positive_int():
    with pytest.raises(TypeError, match="takes an int, got float"):
        memory.set_num_threads(1.5)
    with pytest.raises(TypeError, match="takes an int, got bool"):
        memory.set_num_threads(True)
    with pytest.raises(ValueError, match="at least 1 thread, got 0"):
        memory.set_num_threads(0)


def test_without_openblas_there_is_a_clear_answer(monkeypatch):
    monkeypatch.setattr(memory, "_function", lambda *_: None)
    assert memory.get_num_threads() is None
    threads = parallel.get_num_threads()
    assert memory.set_num_threads(threads) is False
    assert memory.policy()["blas core"].startswith("unknown: no OpenBLAS")
