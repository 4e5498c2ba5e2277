"""The command line: ``candelabra train digits``, ``devices``, ``conformance DEVICE``, ``new-plugin NAME``.

Exit codes: 0, 1 where a conformance check failed, 2 for bad input or a missing optional library, 3 where the suite
itself broke, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .core.errors import CandelabraError, MissingDependencyError

DISABLE = "CANDELABRA_DISABLE_PLUGINS=1"


def whole_number(text: str) -> int:
    """Read a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def positive(text: str) -> float:
    """Read a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def version() -> str:
    """The installed version of candelabra."""
    from importlib.metadata import version

    return version("candelabra")


def parser() -> argparse.ArgumentParser:
    """Build the parser of the whole command line."""
    root = argparse.ArgumentParser(prog="candelabra", description="Train models, list devices, check a device.")
    root.add_argument("--version", action="store_true", help="print the version and exit")
    commands = root.add_subparsers(title="commands", metavar="COMMAND", dest="command")

    train = commands.add_parser(
        "train",
        help="train a small model on real data",
        description="Train on scikit-learn's handwritten digits; write the model and a picture of the training.",
    )
    train.add_argument("task", choices=["digits"], help="what to learn")
    train.add_argument("--device", default="cpu", help="where to train (default cpu; see `candelabra devices`)")
    train.add_argument("--model", choices=["cnn", "mlp"], default="cnn", help="default cnn")
    train.add_argument("--epochs", type=whole_number, help="passes over the data (default 12 for cnn, 40 for mlp)")
    train.add_argument("--batch-size", type=whole_number, default=64, help="default 64")
    train.add_argument("--lr", type=positive, default=3e-3, help="learning rate of AdamW (default 0.003)")
    train.add_argument("--seed", type=int, default=0, help="of the weights, the order and the dropout (default 0)")
    train.add_argument("--output", default="runs/digits", metavar="FOLDER", help="default runs/digits")
    train.set_defaults(run=run_train)

    devices = commands.add_parser(
        "devices",
        help="list devices, backends and versions, and why one does not load",
        description=f"List the devices there are. This imports the installed plugins' code; {DISABLE} switches it off.",
    )
    devices.add_argument("--json", action="store_true", help="for programs")
    devices.set_defaults(run=run_devices)

    conformance = commands.add_parser(
        "conformance",
        help="check that a device computes what it should",
        description="Run the conformance suite on one device, and write what came of it as JSON and as one HTML page. "
        "What else is given goes to pytest.",
        epilog="Exit codes: 0 all passed, 1 a check failed, 2 bad input or nothing selected, 3 the suite broke, "
        "130 interrupted. A run that is interrupted or killed leaves reports that say so.",
    )
    conformance.add_argument("device", metavar="DEVICE", help="such as cpu, cuda:0 or a plugin's device")
    conformance.add_argument("--html", metavar="FILE", help="where to write the page")
    conformance.add_argument("--json", metavar="FILE", help="where to write the JSON")
    conformance.add_argument(
        "--output", default="", metavar="FOLDER",
        help="for both reports, DEVICE.json and DEVICE.html (default runs/conformance, unless a file is named)",
    )  # fmt: skip
    conformance.add_argument("-k", metavar="NAMES", default="", dest="select", help='such as tanh or "conv and vmap"')
    conformance.add_argument(
        "--max-examples", type=whole_number, metavar="N", help="examples per check and dtype (default 4)"
    )
    conformance.add_argument("-x", action="store_true", dest="first", help="stop at the first failure")
    conformance.add_argument(
        "-n", metavar="N", default="", dest="processes", help="in N processes at once (needs pytest-xdist), or auto"
    )
    conformance.set_defaults(run=run_conformance)

    plugin = commands.add_parser(
        "new-plugin",
        help="write a plugin that makes a device of an array library",
        description="Write a distribution, with a test, that makes a device of a library of the array API standard.",
    )
    plugin.add_argument("name", metavar="NAME", help="the device type, an identifier in lower case")
    plugin.add_argument(
        "--library", default="array_api_strict", metavar="MODULE",
        help="the namespace, such as jax.numpy (default array_api_strict, the standard's own reference)",
    )  # fmt: skip
    plugin.add_argument("--output", default=".", metavar="FOLDER", help="where to put it (default here)")
    plugin.set_defaults(run=run_new_plugin)
    return root


def run_train(options: argparse.Namespace) -> int:
    """``candelabra train digits``."""
    from .training_demo import Settings, train

    settings = Settings(
        device=options.device,
        model=options.model,
        epochs=options.epochs or {"cnn": 12, "mlp": 40}[options.model],
        batch_size=options.batch_size,
        lr=options.lr,
        seed=options.seed,
        output=options.output,
    )
    try:
        result = train(settings)
    except OSError as error:
        return complain(f"cannot write to {options.output}: {error.strerror or error}; choose another --output")
    print(f"test accuracy {result.accuracy:.2%}; wrote {result.model_file} and {result.picture_file}")
    return 0


def device_records() -> list[dict[str, Any]]:
    """One record per backend, or per plugin that does not load: what it is, its devices, its facts, its error."""
    from .plugins.manager import manager

    records = []
    for status in manager.statuses(load=True):
        record: dict[str, Any] = {
            "backend": status.name,
            "device_types": list(status.device_types),
            "state": status.state,
            "distribution": status.distribution,
            "version": status.version,
            "devices": [],
            "facts": {},
            "error": status.error,
        }
        if status.backend is not None:
            try:
                names = status.backend.devices()
                record["devices"] = [
                    {"device": f"{kind}:{index}" if len(names) > 1 else kind, "name": name}
                    for kind in status.device_types
                    for index, name in enumerate(names)
                ]
                record["facts"] = dict(status.backend.describe())
            except Exception as error:  # a third party's code: it must not hide the other devices
                record["error"] = f"{type(error).__name__}: {error}"
        records.append(record)
    return records


def run_devices(options: argparse.Namespace) -> int:
    """``candelabra devices``."""
    import platform

    from .plugins.manager import manager, plugins_disabled

    records = device_records()
    off = plugins_disabled()
    if options.json:
        everything = {
            "candelabra": version(),
            "python": platform.python_version(),
            "plugins": not off,
            "backends": records,
            "announced": manager.announced(),
        }
        print(json.dumps(everything, indent=2))
        return 0
    print(f"candelabra {version()}, Python {platform.python_version()}")
    for record in records:
        print("\n" + "\n".join(described(record)))
    others = [line for hook, by_plugin in manager.announced().items() for line in announced(hook, by_plugin)]
    if others:
        print("\n" + "\n".join(others))
    if off:
        print(f"\nPlugins of third parties are switched off by {DISABLE}.")
    else:
        print(f"\nListing imports the code of the installed plugins; {DISABLE} switches third parties off.")
    return 0


BROUGHT = {
    "candelabra_kernels": "kernels", "candelabra_rows": "functions", "candelabra_serializers": "file formats",
    "candelabra_exporters": "export formats, which nothing asks for yet",
    "candelabra_communicators": "communicators, which nothing asks for yet",
}  # fmt: skip


def announced(hook: str, by_plugin: dict[str, list[str]]) -> list[str]:
    """The lines of the listing for what plugins bring beside devices."""
    lines = []
    for plugin, names in by_plugin.items():
        shown = sorted(set(names))
        if hook == "candelabra_kernels":
            # There may be a hundred of them.
            devices = sorted({name.rpartition(" ")[2] for name in shown})
            text = f"{len(shown)} for {', '.join(devices)}"
        else:
            text = ", ".join(shown)
        lines.append(f"{BROUGHT[hook]}: {text} ({plugin})")
    return lines


def described(record: dict[str, Any]) -> list[str]:
    """A backend's lines of the listing."""
    source = f"{record['distribution']} {record['version']}".strip()
    if not record["device_types"]:
        title = f"plugin {record['backend']} ({source}) does not load"
    else:
        there = bool(record["devices"])
        title = f"{', '.join(record['device_types'])}: backend {record['backend']} ({source})"
        title += "" if there else ", not usable" if record["state"] == "failed" else ", no device there"
    lines = [title]
    for device in record["devices"]:
        lines.append(f"  {device['device']}" + (f"  {device['name']}" if device["name"] else ""))
    lines += [f"    {key}: {value}" for key, value in record["facts"].items()]
    if record["error"]:
        lines.append("  why: " + record["error"].replace("\n", "\n       "))
    return lines


def run_conformance(options: argparse.Namespace) -> int:
    """``candelabra conformance DEVICE``."""
    from importlib.util import find_spec

    from .core.device import as_device

    # Looked for and not imported: pytest wants to rewrite its plugins' assertions as it imports them.
    for library in ("pytest", "hypothesis"):
        if find_spec(library) is None:
            raise MissingDependencyError(
                f"conformance: the suite needs {library}, which is not installed; pip install candelabra[conformance]"
            )
    if options.processes and find_spec("xdist") is None:
        raise MissingDependencyError("conformance: -n needs pytest-xdist, which is not installed; leave -n out")
    # A device that makes no array would fail each check in the same words.
    _ = as_device(options.device).resolved().native
    from .conformance import command

    json_file, html_file = command.paths(options.output, options.device, (options.json, options.html))
    settings = command.Settings(
        device=options.device, json=json_file, html=html_file, select=options.select,
        max_examples=options.max_examples, processes=options.processes, first=options.first, rest=options.rest,
    )  # fmt: skip
    try:
        return command.run(settings)
    except OSError as error:
        return complain(f"cannot write to {error.filename}: {error.strerror or error}; choose another file or --output")


def run_new_plugin(options: argparse.Namespace) -> int:
    """``candelabra new-plugin NAME``."""
    from .new_plugin import new_plugin

    try:
        written = new_plugin(options.name, options.library, Path(options.output))
    except FileExistsError as error:
        return complain(f"{error}, and nothing is overwritten; choose another name or --output")
    except OSError as error:
        return complain(f"cannot write to {options.output}: {error.strerror or error}; choose another --output")
    root = written[0].parent
    print("\n".join(map(str, written)))
    print(f"next: pip install -e '{root}[test]' && candelabra conformance {options.name}")
    return 0


def complain(text: str) -> int:
    """Print an error as the last line on standard error, and return the exit code for bad input."""
    print(f"candelabra: {text}", file=sys.stderr)
    return 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments, without the program's name; those of the process if omitted.

    Examples
    --------
    >>> from candelabra.cli import main
    >>> main(["train", "digits", "--device", "nowhere"])
    2
    """
    arguments = parser()
    options, options_rest = arguments.parse_known_args(argv)
    options.rest = options_rest
    if options.version:
        print(f"candelabra {version()}")
        return 0
    if options.command is None:
        arguments.print_help()
        return 2
    if options.rest and options.command != "conformance":
        arguments.error(f"unrecognized arguments: {' '.join(options.rest)}")
    try:
        return options.run(options)
    except CandelabraError as error:
        return complain(str(error))
    except KeyboardInterrupt:
        print("candelabra: interrupted", file=sys.stderr)
        return 130
