"""``python -m benchmarks [names…]``: race candelabra against its peers and say which ceilings are met."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import signal
import sys
from pathlib import Path
from typing import Any

from .race import Outcome, race
from .report import markdown, ratio_text, table, verdict
from .workloads import WORKLOADS

RESULTS = Path(__file__).with_name("RESULTS.md")
REMARKS = Path(__file__).with_name("REMARKS.md")
PEERS = ("torch", "numpy")


def parser() -> argparse.ArgumentParser:
    listing = "\n".join(f"  {name:18}{workload.title}" for name, workload in WORKLOADS.items())
    arguments = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog=f"workloads:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    arguments.add_argument("names", nargs="*", metavar="name", help="workloads to run (all, unless named)")
    arguments.add_argument("--rounds", type=int, default=7, help="turns of each library (default 7)")
    arguments.add_argument("--seconds", type=float, default=0.3, help="about how long one turn lasts (default 0.3)")
    arguments.add_argument(
        "--patience",
        type=float,
        default=5.0,
        help="seconds for which a turn is taken again while other processes keep the cores busy (default 5)",
    )
    arguments.add_argument("--peers", default=",".join(PEERS), help="of torch and numpy (default both)")
    arguments.add_argument("--without-candelabra", action="store_true", help="race the peers alone")
    arguments.add_argument(
        "--json", type=Path, metavar="FILE", help="write the numbers to a file; what it holds of other workloads stays"
    )
    arguments.add_argument(
        "--write-results",
        action="store_true",
        help="write benchmarks/RESULTS.md; with --from-json from a former run, else from this one",
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


def run(options: argparse.Namespace, peers: list[str]) -> dict[str, Any]:
    """Race the chosen workloads, printing a line for each."""
    libraries = [] if options.without_candelabra else ["candelabra"]
    libraries += peers
    libraries_met: dict[str, Any] = {}
    outcomes = []
    for name in options.names or WORKLOADS:
        workload = WORKLOADS[name]
        print(f"{workload.title} …", end=" ", flush=True)
        outcome = race(workload, libraries, options.rounds, options.seconds, options.patience)
        outcomes.append(outcome)
        libraries_met |= outcome.about
        ratios = [f"{pair} {ratio_text(outcome, pair)}" for pair in outcome.ratios]
        print(*ratios, verdict(outcome), sep=", ", flush=True)
    return {
        "date": datetime.date.today().isoformat(),
        "machine": {
            "processor": processor(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "system": platform.system(),
            "python": platform.python_version(),
        },
        "rounds": options.rounds,
        "seconds": options.seconds,
        "libraries": libraries_met,
        "outcomes": [outcome.as_dict() for outcome in outcomes],
    }


def merged(former: dict[str, Any], latest: dict[str, Any]) -> dict[str, Any]:
    """The latest run's numbers, and the former's for the workloads that it did not run, in the order of the table."""
    outcomes = {outcome["name"]: outcome for outcome in former["outcomes"] + latest["outcomes"]}
    return {
        **latest,
        "libraries": former["libraries"] | latest["libraries"],
        "outcomes": [outcomes[name] for name in WORKLOADS if name in outcomes],
    }


def main(argv: list[str] | None = None) -> int:
    arguments = parser()
    options = arguments.parse_args(argv)
    unknown = [name for name in options.names if name not in WORKLOADS]
    if unknown:
        arguments.error(f"no workload is called {', '.join(unknown)}; there are: {', '.join(WORKLOADS)}")
    peers = [peer for peer in options.peers.split(",") if peer]
    if not set(peers) <= set(PEERS):
        arguments.error(f"--peers takes some of {', '.join(PEERS)}, separated by a comma")
    if options.rounds < 1 or options.seconds <= 0:
        arguments.error("--rounds takes a whole number of at least 1, --seconds a number above 0")
    if not hasattr(signal, "SIGSTOP"):
        arguments.error("this system cannot freeze a process (SIGSTOP), and without that the ratios would be false")
    # A plain SIGTERM would leave frozen workers behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    results = json.loads(options.from_json.read_text()) if options.from_json else run(options, peers)
    if REMARKS.exists():
        results["remarks"] = REMARKS.read_text().strip()
    if options.json and options.json.exists() and not options.from_json:
        results = merged(json.loads(options.json.read_text()), results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    if options.write_results:
        RESULTS.write_text(markdown(results))
    print("\n" + table([Outcome(**outcome) for outcome in results["outcomes"]]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
