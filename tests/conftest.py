"""The conformance suite is collected as the installed package; what stands in for libraries is never collected."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

# Libraries' stand-ins bear their names: who looks at them here would import them in their place.
collect_ignore = ["conformance", "cuda/fake", "cuda/frontend"]
# What tests run in processes of their own, with a stand-in.
collect_ignore_glob = ["cuda/*_cases.py", "cuda/fused_*.py", "cuda/synchronised.py"]

# Tests of the CPU's backend and of its texts, of processes and of packages: `--device` leaves them where they are.
HOST = (
    "arms", "cuda", "ecosystem", "examples", "unit/backends", "unit/data/test_workers.py", "unit/nn/test_any_device.py",
    "unit/optim/test_devices.py", "unit/test_bad_input.py", "unit/test_bad_input_everywhere.py",
    "unit/test_bad_input_families.py", "unit/test_bad_input_methods.py", "unit/test_bad_input_sizes.py",
    "unit/test_benchmarks.py", "unit/test_cli.py", "unit/test_compiled.py", "unit/test_conformance.py",
    "unit/test_conformance_command.py", "unit/test_conformance_faults.py", "unit/test_devices.py",
    "unit/test_differences.py", "unit/test_dlpack.py", "unit/test_documents.py", "unit/test_new_plugin.py",
    "unit/test_operations_page.py", "unit/test_packaging.py", "unit/test_plugin_failures.py",
    "unit/test_plugin_hooks.py", "unit/test_plugins.py", "unit/test_printing.py", "unit/test_special_functions.py",
    "unit/test_streams.py", "unit/test_table_documentation.py", "unit/transforms/test_writes.py",
)  # fmt: skip
HERE = Path(__file__).parent


def of_the_host(path: Path) -> bool:
    return path.is_relative_to(HERE) and any(path.relative_to(HERE).is_relative_to(host) for host in HOST)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """What a file of tests makes when it is imported lies where its tests run."""
    asked = collector.config.getoption("--device", None) or []
    if len(asked) != 1 or not isinstance(collector, pytest.Module) or of_the_host(collector.path):
        return (yield)
    import candelabra as cb

    with cb.device(asked[0]):
        return (yield)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if of_the_host(item.path):
            item.add_marker(pytest.mark.host)
