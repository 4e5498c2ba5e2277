"""Workers that raise, hang, die or cannot start, callers that are killed: clear errors and nothing left behind."""

from __future__ import annotations

import gc
import importlib.util
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
from candelabra.core.errors import DataError, WorkerError
from candelabra.data import DataLoader

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import worker_cases as cases  # noqa: E402

SLOW = 60
"""Seconds after which a test gives up; none takes as many on a machine that is not overloaded."""
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc and /dev/shm")
METHODS = [name for name in ("forkserver", "spawn") if name in multiprocessing.get_all_start_methods()]


def named_memory() -> set[str]:
    return {path.name for path in Path("/dev/shm").glob("candelabra*")}


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before = named_memory()
    yield
    gc.collect()
    assert wait_until(lambda: not multiprocessing.active_children())
    assert named_memory() <= before


def wait_until(holds) -> bool:
    deadline = time.monotonic() + SLOW
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(holds())


# Errors of the dataset


@pytest.mark.parametrize("error", [KeyError("k"), ValueError("v"), OSError(2, "gone"), cases.OwnError("own")])
def test_an_error_comes_with_its_traceback_and_class(error: Exception) -> None:
    loader = DataLoader(cases.Failing(error), 2, num_workers=2)
    iterator = iter(loader)
    assert [next(iterator).tolist() for _ in range(2)] == [[0, 1], [2, 3]]
    with pytest.raises(type(error)) as caught:
        next(iterator)
    text = str(caught.value)
    assert f"Caught {type(error).__name__} in DataLoader worker 0 while it made batch 2" in text
    assert "Traceback (most recent call last):" in text and "\n" in text and "in fail\n" in text
    assert [batch.tolist() for batch in iterator] == [[6, 7], [8, 9]], "the batches after it can still be had"


def test_errors_that_cannot_be_made_again() -> None:
    with pytest.raises(ValueError, match="Caught DemandingError in DataLoader worker 0") as caught:
        list(DataLoader(cases.Demanding(), num_workers=1))
    assert type(caught.value) is ValueError
    with pytest.raises(LookupError, match=r"HiddenError: lost"):
        list(DataLoader(cases.LocalError(), num_workers=1))
    with pytest.raises(WorkerError, match=r"Caught StopIteration in [^$]*StopIteration: 3"):
        list(DataLoader(cases.Failing(StopIteration(3)), num_workers=1))
    with pytest.raises(WorkerError, match="Caught KeyboardInterrupt in"):
        list(DataLoader(cases.Failing(KeyboardInterrupt()), num_workers=1))
    with pytest.raises(WorkerError, match=r"Caught Exception in [^$]*plain"):
        list(DataLoader(cases.Failing(Exception("plain")), num_workers=1))
    with pytest.raises(DataError, match="the dataset raised StopIteration for a sample"):
        list(DataLoader(cases.Failing(StopIteration(3))))


def test_without_workers_the_batches_after_an_error_can_be_had_too() -> None:
    iterator = iter(DataLoader(cases.Failing(ValueError("v")), 5))
    next(iterator)
    with pytest.raises(ValueError, match="v"):
        next(iterator)
    assert list(iterator) == []


def test_a_stream_that_breaks() -> None:
    iterator = iter(DataLoader(cases.Breaking(), None, num_workers=2))
    assert [next(iterator) for _ in range(6)] == [0, 0, 1, 1, 2, 2]
    for worker in range(2):
        with pytest.raises(cases.OwnError, match=rf"in DataLoader worker {worker} while it made batch 3[^$]*no fourth"):
            next(iterator)
    assert list(iterator) == []


def test_batches_that_cannot_be_sent() -> None:
    iterator = iter(DataLoader(cases.Odd("function"), None, num_workers=1))
    for _ in range(5):
        next(iterator)
    with pytest.raises(Exception, match="its batch cannot be sent to the caller; let the dataset and collate_fn"):
        next(iterator)
    assert list(iterator) == [6, 7, 8, 9]
    with pytest.raises(RuntimeError, match=r"cannot be sent to the caller.*detached from any graph") as caught:
        list(DataLoader(cases.Odd("graph"), None, num_workers=1))
    assert "only leaves can be pickled; call x.detach() first" in str(caught.value)


def test_a_worker_init_fn_that_raises() -> None:
    for persistent in (False, True):
        loader = DataLoader(range(4), num_workers=2, worker_init_fn=cases.fail_at_start, persistent_workers=persistent)
        with pytest.raises(cases.OwnError, match="init of 0"):
            next(iter(loader))


def test_a_loader_inside_a_worker() -> None:
    with pytest.raises(Exception, match=r"in DataLoader worker 0[^$]*cannot have workers of its own"):
        list(DataLoader(range(4), num_workers=1, worker_init_fn=cases.nested_loader))


# Datasets that change their size


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("change", [-3, 3])
def test_a_dataset_that_changes_its_size(workers: int, change: int) -> None:
    data = cases.Appendable(10)
    loader = DataLoader(data, 2, num_workers=workers)
    iterator = iter(loader)
    next(iterator)
    if change < 0:
        del data.items[change:]
    else:
        data.items.extend(range(change))
    text = rf"\(Appendable\) had 10 samples when the epoch began and has {10 + change} now; change it between epochs"
    with pytest.raises(DataError, match=text):
        next(iterator)
    assert list(iterator) == []
    assert sum(len(batch) for batch in loader) == 10 + change, "the next epoch is right again"


@pytest.mark.parametrize("workers", [0, 1])
def test_a_dataset_that_shrinks_by_itself(workers: int) -> None:
    with pytest.raises(DataError, match=r"\(SelfShrinking\) had 10 samples when the epoch began and has \d now"):
        list(DataLoader(cases.SelfShrinking(10), 2, num_workers=workers))


def test_a_sampler_may_follow_a_dataset_that_grows() -> None:
    data = cases.Appendable(3)
    for batch in DataLoader(data, sampler=range(3), num_workers=1):
        data.items.append(int(batch))
    assert len(data) == 6


# Datasets that do not travel


def test_what_does_not_pickle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    text = (
        r"num_workers=1 sends the collate_fn \(function\) to worker processes, but it does not pickle \(.*top level of "
        r"a module and keep lambdas, open files and locks out of it, install cloudpickle \(pip install cloudpickle\), "
        "or use num_workers=0"
    )
    with pytest.raises(DataError, match=text):
        DataLoader(range(3), num_workers=1, collate_fn=lambda samples: samples)
    loader = DataLoader(range(3), num_workers=1)
    loader.collate_fn = lambda samples: samples
    with pytest.raises(DataError, match="sends the collate_fn"):
        iter(loader)


@pytest.mark.parametrize("more", [[], [multiprocessing.get_context("spawn").Lock()]])
def test_what_does_not_pickle_far_behind(more: list, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    data = [*more, *(f"sample {i}" for i in range(200_000)), lambda: None]
    with pytest.raises(DataError, match=r"something in them does not pickle \(.*keep lambdas, open files and locks"):
        iter(DataLoader(data, num_workers=1, multiprocessing_context="spawn"))


def test_cloudpickle_sends_functions_by_value() -> None:
    pytest.importorskip("cloudpickle")
    factor = 3

    class Local(cases.Numbered):
        def __getitem__(self, index):
            return index * factor

    loader = DataLoader(Local(4), 2, num_workers=2, collate_fn=lambda samples: [-sample for sample in samples])
    assert list(loader) == [[0, -3], [-6, -9]]


def test_a_module_that_only_its_file_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    path = tmp_path / "by_hand.py"
    path.write_text("class Own(list):\n    pass\n\ndef own(samples):\n    return Own(samples)\n")
    spec = importlib.util.spec_from_file_location("made.by_hand", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "made", types.ModuleType("made"))
    monkeypatch.setitem(sys.modules, "made.by_hand", module)
    spec.loader.exec_module(module)
    batches = list(DataLoader(module.Own("abc"), 2, num_workers=2, collate_fn=module.own))
    assert batches == [["a", "b"], ["c"]] and {type(batch) for batch in batches} == {module.Own}
    path.unlink()
    with pytest.raises(FileNotFoundError, match="could not be rebuilt in it"):
        list(DataLoader(module.Own("abc"), 2, num_workers=1))


def test_a_dataset_that_cannot_be_rebuilt() -> None:
    with pytest.raises(RuntimeError, match=r"could not be rebuilt in it[^$]*no way back") as caught:
        list(DataLoader(cases.Unrestorable(), num_workers=2))
    assert "in __setstate__" in str(caught.value)


# Workers that die or hang


@linux
@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("kill", r"worker 1 of 2 \(pid \d+\) was killed by SIGKILL; this is what a system short of memory does"),
        ("segv", r"was killed by SIGSEGV; a library that the dataset calls has crashed: find it with num_workers=0"),
        ("sys.exit", r"ended with exit status 3; something in the dataset ends the process \(sys\.exit, os\._exit\)"),
        ("os._exit", "ended with exit status 4; something in the dataset ends the process"),
    ],
)
def test_a_worker_that_dies(how: str, text: str) -> None:
    iterator = iter(DataLoader(cases.Dying(how), 1, num_workers=2, timeout=SLOW, persistent_workers=how == "kill"))
    assert [int(next(iterator)) for _ in range(4)] == [0, 1, 2, 3]
    # What the other worker has made still comes where it is its turn.
    with pytest.raises(WorkerError, match=text):
        list(iterator)
    assert list(iterator) == []


@linux
def test_a_worker_that_is_killed_from_outside() -> None:
    loader = DataLoader(cases.Numbered(1000), 1, num_workers=2, persistent_workers=True)
    iterator = iter(loader)
    next(iterator)
    pids = [process.pid for process in multiprocessing.active_children()]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(WorkerError, match="was killed by SIGKILL"):
        list(iterator)
    assert len(list(loader)) == 1000, "the next epoch has new workers"
    del loader, iterator


@linux
@pytest.mark.parametrize("in_order", [False, True])
def test_a_worker_that_hangs(in_order: bool) -> None:
    list(DataLoader(range(2), num_workers=1))  # the fork server is up now, however slow the machine
    loader = DataLoader(cases.Dying("sleep"), 1, num_workers=1, timeout=4, in_order=in_order)
    iterator = iter(loader)
    assert len([next(iterator) for _ in range(5)]) == 5
    with pytest.raises(WorkerError, match=r"timed out: no batch came within timeout=4 seconds from worker 0 of 1; the"):
        next(iterator)
    assert list(iterator) == []


@linux
def test_a_worker_that_is_stopped() -> None:
    iterator = iter(DataLoader(cases.Numbered(100), 1, num_workers=1, timeout=SLOW))
    next(iterator)
    iterator.pool.timeout = 1
    (process,) = multiprocessing.active_children()
    os.kill(process.pid, signal.SIGSTOP)
    with pytest.raises(WorkerError, match="timed out"):
        list(iterator)


# Scripts


def start(code: str, folder: Path, *, file: bool = True, **options) -> subprocess.Popen:
    """Run a script, or the same as ``-c``."""
    text = textwrap.dedent(code)
    path = folder / "script.py"
    path.write_text(text)
    return subprocess.Popen(
        [sys.executable, *([str(path)] if file else ["-c", text])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])},
        **options,
    )


def finished(process: subprocess.Popen) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=SLOW)
    return process.returncode, out, err


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("own", [False, True])
def test_a_script_without_a_guard(tmp_path: Path, method: str, own: bool) -> None:
    code = f"""
    import candelabra as cb
    from candelabra.data import DataLoader, Dataset, TensorDataset

    class Own(Dataset):
        def __len__(self):
            return 8
        def __getitem__(self, index):
            return index

    data = Own() if {own} else TensorDataset(cb.arange(8))
    for batch in DataLoader(data, batch_size=2, num_workers=2, multiprocessing_context={method!r}):
        print("batch")
    """
    status, out, err = finished(start(code, tmp_path))
    assert status == 1 and out == ""
    assert err.count("Traceback (most recent call last)") == 1 and err.count("Error: ") == 1, err
    assert 'put what it runs below `if __name__ == "__main__":`' in err


@pytest.mark.parametrize("method", METHODS)
def test_a_script_with_a_guard(tmp_path: Path, method: str) -> None:
    code = f"""
    import sys
    from dataclasses import dataclass
    from candelabra.data import DataLoader, Dataset

    print("imported as", __name__, sys.argv[0].endswith("script.py"), file=sys.stderr)

    @dataclass
    class Sample:
        x: int

    class Own(Dataset):
        def __len__(self):
            return 4
        def __getitem__(self, index):
            return Sample(index)

    class OwnError(Exception):
        pass

    def refuse(samples):
        raise OwnError("no")

    if __name__ == "__main__":
        for epoch in range(2):
            loader = DataLoader(Own(), batch_size=2, num_workers=2, multiprocessing_context={method!r})
            print([(type(batch) is Sample, batch.x.tolist()) for batch in loader])
        try:
            list(DataLoader(Own(), num_workers=1, collate_fn=refuse, multiprocessing_context={method!r}))
        except OwnError:
            print("refused")
    """
    status, out, err = finished(start(code, tmp_path))
    assert status == 0, err
    assert out.splitlines() == ["[(True, [0, 1]), (True, [2, 3])]"] * 2 + ["refused"]
    assert "imported as __mp_main__ True" in err
    if method == "forkserver":
        assert err.count("imported as __mp_main__") == 1, "only the server imports the script"


def test_a_script_that_cannot_be_imported_again(tmp_path: Path) -> None:
    code = """
    import sys
    from candelabra.data import DataLoader
    if __name__ != "__main__":
        raise OSError("not twice")
    list(DataLoader(range(4), num_workers=1))
    """
    status, _, err = finished(start(code, tmp_path))
    assert status == 1
    assert "OSError: not twice" in err and "ended with exit status 1 before its first batch" in err


def test_a_session_without_a_file(tmp_path: Path) -> None:
    code = """
    import sys
    if sys.argv[1:] == []:
        sys.modules["cloudpickle"] = None
    from candelabra.data import DataLoader, Dataset
    print([batch.tolist() for batch in DataLoader(range(4), 2, num_workers=2)])
    class Own(Dataset):
        def __len__(self):
            return 2
        def __getitem__(self, index):
            return index
    try:
        print([batch.tolist() for batch in DataLoader(Own(), 2, num_workers=2)])
    except ValueError as error:
        print(error)
    """
    status, out, err = finished(start(code, tmp_path, file=False))
    assert status == 0, err
    first, second = out.splitlines()
    assert first == "[[0, 1], [2, 3]]"
    assert "Own is defined in an interactive session" in second and "pip install cloudpickle" in second
    try:
        import cloudpickle  # noqa: F401
    except ImportError:
        return
    status, out, err = finished(start(code.replace('sys.argv[1:] == []', "False"), tmp_path, file=False))
    assert (status, out.splitlines()[1]) == (0, "[[0, 1]]"), err


# Datasets must be longer than what is asked for ahead, or a worker may have ended before it is looked at.
LOADS = """
    import os, sys, time
    import worker_cases as cases
    from candelabra.data import DataLoader
    from multiprocessing import active_children

    if __name__ == "__main__":
        loader = DataLoader(cases.{data}, 2, num_workers=2, multiprocessing_context="{method}", {more})
        iterator = iter(loader)
        next(iterator)
        print(*(process.pid for process in active_children()), flush=True)
        {then}
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@linux
@pytest.mark.parametrize("data", ["Numbered(10**6, (3, 64, 64))", 'Dying("sleep", 10**6)'])
@pytest.mark.parametrize("method", ["forkserver", "spawn", "fork"])
def test_workers_end_with_a_caller_that_is_killed(tmp_path: Path, method: str, data: str) -> None:
    then = "for batch in iterator: pass"
    process = start(LOADS.format(data=data, method=method, then=then, more=""), tmp_path)
    pids = [int(word) for word in process.stdout.readline().split()]
    # The samples do not run out: no worker has ended by itself.
    living = [pid for pid in pids if alive(pid)]
    process.kill()
    assert len(living) == 2, process.communicate()
    process.wait()
    assert wait_until(lambda: not any(map(alive, pids)))
    process.communicate()


@linux
def test_ctrl_c(tmp_path: Path) -> None:
    then = "list(iterator)"
    code = LOADS.format(data='Dying("sleep", 10**6)', method="forkserver", then=then, more="")
    process = start(code, tmp_path, start_new_session=True)
    pids = [int(word) for word in process.stdout.readline().split()]
    assert len(pids) == 2
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=SLOW)
    assert process.returncode != 0 and err.count("KeyboardInterrupt") == 1, err
    assert wait_until(lambda: not any(map(alive, pids)))


@linux
@pytest.mark.parametrize("more", ["", "persistent_workers=True"])
def test_a_program_that_ends_in_the_middle_of_an_epoch(tmp_path: Path, more: str) -> None:
    for then in ("sys.exit(0)", "del iterator", "pass"):
        code = LOADS.format(data="Numbered(1000, (3, 64, 64))", method="forkserver", then=then, more=more)
        status, out, err = finished(start(code, tmp_path))
        assert (status, err) == (0, "")
        pids = [int(word) for word in out.split()]
        assert wait_until(lambda pids=pids: not any(map(alive, pids)))
