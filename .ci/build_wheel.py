"""Build a wheel of a project from a clean copy of its tree.

Only files that git tracks, or would track, are copied: a `build/lib` left in the checkout keeps modules that are
long deleted, and setuptools would put them into the next wheel.

Usage: ``python .ci/build_wheel.py PROJECT OUTPUT [pip options]``
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

NOT_SOURCE = ("build", "dist", "runs", "__pycache__", "*.egg-info", ".*", "*.pyc")


def copy_sources(project: Path, target: Path) -> None:
    """Copy the sources of `project` into the new folder `target`; without git, all but the usual build products."""
    command = ["git", "-C", str(project), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "."]
    try:
        listed = subprocess.run(command, check=True, capture_output=True).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        listed = ""
    if not listed:
        shutil.copytree(project, target, ignore=shutil.ignore_patterns(*NOT_SOURCE))
        return
    for name in sorted(set(listed.split("\0"))):
        source = project / name
        if name and source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target / name)


def build_wheel(project: Path, output: Path, options: list[str]) -> Path:
    """Build the wheel of `project` in the folder `output` and return its path; `options` go to ``pip wheel``."""
    with tempfile.TemporaryDirectory() as folder:
        copy, made = Path(folder) / "copy", Path(folder) / "made"
        copy_sources(project.resolve(), copy)
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(made), *options]
        subprocess.run([*command, str(copy)], check=True)
        (wheel,) = made.glob("*.whl")
        output.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(wheel, output))


if __name__ == "__main__":
    print(build_wheel(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
