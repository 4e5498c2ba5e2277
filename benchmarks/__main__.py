"""``python -m benchmarks [names…]``: race candelabra against its peers and say which ceilings are met."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .devices import HOST
from .race import Course, Outcome, race
from .report import judged_share, markdown, ratio_text, table, verdict
from .workloads import WORKLOADS

FOLDER = Path(__file__).parent
PEERS = ("torch", "numpy")
# Other processes on the host hardly disturb a card.
PATIENCE = {True: 5.0, False: 1.0}


def parser() -> argparse.ArgumentParser:
    places = {(True, False): "cpu", (False, True): "card", (True, True): "both"}
    listing = "\n".join(
        f"  {name:22}{places[workload.runs_on(True), workload.runs_on(False)]:6}{workload.title}"
        for name, workload in WORKLOADS.items()
    )
    arguments = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog=f"workloads, and what they are for: the host, a card, or both:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    arguments.add_argument(
        "names", nargs="*", metavar="name", help="workloads to run (all for the device, unless named)"
    )
    arguments.add_argument(
        "--device", default=HOST, help="where both libraries compute (default cpu), such as cuda or cuda:1"
    )
    arguments.add_argument(
        "--torch-device", metavar="DEVICE", help="what PyTorch calls the device, where it is not the same"
    )
    arguments.add_argument(
        "--torch-python", metavar="PATH", help="a Python that has PyTorch, where it is not the one that runs this"
    )
    arguments.add_argument("--rounds", type=int, default=7, help="turns of each library (default 7)")
    arguments.add_argument("--seconds", type=float, default=0.3, help="about how long one turn lasts (default 0.3)")
    arguments.add_argument(
        "--patience",
        type=float,
        help="seconds for which a turn is taken again while others keep the cores busy (default 5, on a card 1)",
    )
    arguments.add_argument("--peers", help="of torch and numpy (default both; elsewhere than on the host torch)")
    arguments.add_argument("--small", action="store_true", help="at the size of tests, to see that all of it runs")
    arguments.add_argument("--without-candelabra", action="store_true", help="race the peers alone")
    arguments.add_argument(
        "--json", type=Path, metavar="FILE", help="write the numbers to a file; what it holds of other workloads stays"
    )
    arguments.add_argument(
        "--write-results",
        action="store_true",
        help="write benchmarks/RESULTS.md, for a card benchmarks/RESULTS-cuda.md and so on; "
        "with --from-json from a former run, else from this one",
    )
    arguments.add_argument("--from-json", type=Path, metavar="FILE", help="run nothing, read a former run's numbers")
    return arguments


def processor() -> str:
    """The processor's name, as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:  # not Linux
        pass
    return platform.processor() or platform.machine()


def chosen(names: list[str], device: str) -> list[str]:
    """Return the workloads to run: those that are named, or all that are for the device."""
    return names or [name for name, workload in WORKLOADS.items() if workload.runs_on(device == HOST)]


def course_of(options: argparse.Namespace) -> Course:
    """Return where and how long is raced."""
    patience = PATIENCE[options.device == HOST] if options.patience is None else options.patience
    names = {"torch": options.torch_device} if options.torch_device else {}
    interpreters = {"torch": options.torch_python} if options.torch_python else {}
    return Course(options.rounds, options.seconds, patience, options.device, names, interpreters, options.small)


def run(options: argparse.Namespace, peers: list[str], keep: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Race the chosen workloads, printing a line for each; `keep` is given what is there after each."""
    libraries = [] if options.without_candelabra else ["candelabra"]
    libraries += peers
    course = course_of(options)
    results: dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "device": options.device,
        "small": options.small,
        "machine": {
            "processor": processor(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "system": platform.system(),
            "python": platform.python_version(),
        },
        "rounds": options.rounds,
        "seconds": options.seconds,
        "libraries": {},
        "outcomes": [],
    }
    try:
        for name in chosen(options.names, options.device):
            print(f"{WORKLOADS[name].title} …", end=" ", flush=True)
            outcome = race(WORKLOADS[name], libraries, course)
            results["outcomes"].append(outcome.as_dict())
            results["libraries"] |= {library: about for library, about in outcome.about.items() if about}
            told = [f"{pair} {ratio_text(outcome, pair)}" for pair in outcome.ratios] + judged_share(outcome)
            print(*told, verdict(outcome), sep=", ", flush=True)
            keep(results)
    finally:
        course.end()
    return results


def merged(former: dict[str, Any], latest: dict[str, Any]) -> dict[str, Any]:
    """The latest run's numbers, and the former's for the workloads that it did not run, in the order of the table."""
    outcomes = {outcome["name"]: outcome for outcome in former["outcomes"] + latest["outcomes"]}
    return {
        **latest,
        "libraries": former["libraries"] | latest["libraries"],
        "outcomes": [outcomes[name] for name in WORKLOADS if name in outcomes],
    }


def suffix(device: str) -> str:
    """Return what the names of a device's pages end with."""
    return "" if device == HOST else "-" + device.split(":")[0]


def main(argv: list[str] | None = None) -> int:
    arguments = parser()
    options = arguments.parse_args(argv)
    unknown = [name for name in options.names if name not in WORKLOADS]
    if unknown:
        arguments.error(f"no workload is called {', '.join(unknown)}; there are: {', '.join(WORKLOADS)}")
    on_host = options.device == HOST
    asked = options.peers if options.peers is not None else ",".join(PEERS) if on_host else "torch"
    peers = [peer for peer in asked.split(",") if peer]
    if not set(peers) <= set(PEERS):
        arguments.error(f"--peers takes some of {', '.join(PEERS)}, separated by a comma")
    if options.rounds < 1 or options.seconds <= 0:
        arguments.error("--rounds takes a whole number of at least 1, --seconds a number above 0")
    if options.small and options.write_results:
        arguments.error("--small shows that it runs, and what it measures is no result")
    if not hasattr(signal, "SIGSTOP"):
        arguments.error("this system cannot freeze a process (SIGSTOP), and without that the ratios would be false")
    # A plain SIGTERM would leave frozen workers behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    former = json.loads(options.json.read_text()) if options.json and options.json.exists() else None
    if former and not options.from_json:
        kinds = [(kind.get("device", HOST), kind.get("small", False)) for kind in (former, vars(options))]
        if kinds[0] != kinds[1]:
            arguments.error(
                f"{options.json} holds the numbers of device {kinds[0][0]}, or of another size; name another"
            )

    def keep(results: dict[str, Any]) -> None:
        # After each workload, so that a run that is ended early leaves what it has.
        if options.json:
            whole = merged(former, results) if former else results
            options.json.write_text(json.dumps(whole, indent=2) + "\n")

    if options.from_json:
        results = json.loads(options.from_json.read_text())
    else:
        results = run(options, peers, keep)
        results = merged(former, results) if former else results
    device = results.get("device", HOST)
    remarks = FOLDER / f"REMARKS{suffix(device)}.md"
    if remarks.exists():
        results["remarks"] = remarks.read_text().strip()
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    if options.write_results:
        if results.get("small"):
            arguments.error(f"{options.from_json} was run with --small, and is no result")
        (FOLDER / f"RESULTS{suffix(device)}.md").write_text(markdown(results))
    print("\n" + table([Outcome(**outcome) for outcome in results["outcomes"]]))
    return int(any(outcome["errors"] for outcome in results["outcomes"]))


if __name__ == "__main__":
    sys.exit(main())
