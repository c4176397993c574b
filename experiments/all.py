"""Runs every experiment, each in its own process, and tells how each came out.

    python -m experiments.all [--data DIR] [--out DIR] [--only NAME ...] [--quick] [--list]

A failure does not stop the others; the exit code is 1 if there was one. Without --data,
experiments that need the public tables are skipped. Each has its log in DIR/logs. A quick
run takes small sizes, to see that everything works; its numbers mean little.
"""

import argparse
import dataclasses
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from adl_jax.tables import write_file
from experiments.catalogue import EXPERIMENTS, Experiment, Tables


ROOT = Path(__file__).parents[1]
OUT = Path("experiment-results")
NO_TABLES = "skipped: needs --data, the folder of the public tables (docs/data.md)"
NO_QUICK = "skipped: has no small size"
DONE, FAILED = "done", "failed"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How an experiment came out: `done`, `failed` with a code, or why it was skipped."""

    name: str
    outcome: str
    seconds: float | None = None

    @property
    def failed(self) -> bool:
        return self.outcome.startswith(FAILED)


def why_skipped(one: Experiment, data: Path | None, quick: bool) -> str | None:
    """What keeps an experiment from being run."""
    if one.tables is Tables.needed and data is None:
        return NO_TABLES
    return NO_QUICK if quick and one.quick is None else None


def command(one: Experiment, data: Path | None, out: Path, quick: bool) -> list[str]:
    """The command line of an experiment."""
    words = [sys.executable, *one.command]
    if one.tables is not Tables.unused and data is not None:
        words += ["--data", str(data)]
    if one.folder is not None:
        words += ["--out", str(out / one.folder)]
    return [*words, *(one.quick or () if quick else ())]


def run(one: Experiment, data: Path | None, out: Path, quick: bool) -> Outcome:
    """Runs an experiment to its end; what it prints goes to its log."""
    skipped = why_skipped(one, data, quick)
    if skipped:
        return Outcome(one.name, skipped)
    words = command(one, data, out, quick)
    log = out / "logs" / f"{one.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    with log.open("w", encoding="utf-8") as stream:
        stream.write(f"$ {' '.join(words)}\n")
        stream.flush()
        done = subprocess.run(
            words,
            cwd=ROOT,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            check=False,
        )
    seconds = time.perf_counter() - started
    if done.returncode == 0:
        return Outcome(one.name, DONE, seconds)
    return Outcome(
        one.name, f"{FAILED} with code {done.returncode}, see {log}", seconds
    )


def listed(experiments: Sequence[Experiment]) -> Table:
    """What there is."""
    table = Table(title="Experiments")
    table.add_column("name", no_wrap=True)
    for title in ("shows", "public tables", "seconds", "quick"):
        table.add_column(title)
    for one in experiments:
        table.add_row(
            one.name,
            one.shows,
            one.tables.value,
            "not recorded" if one.seconds is None else f"{one.seconds:.0f}",
            "no" if one.quick is None else " ".join(one.quick) or "the same",
        )
    return table


def shown(outcomes: Sequence[Outcome]) -> Table:
    """How each came out."""
    table = Table(title="Outcomes")
    table.add_column("name", no_wrap=True)
    table.add_column("seconds", justify="right")
    table.add_column("outcome", overflow="fold")
    for one in outcomes:
        colour = "red" if one.failed else "green" if one.outcome == DONE else "yellow"
        seconds = "" if one.seconds is None else f"{one.seconds:.1f}"
        table.add_row(one.name, seconds, f"[{colour}]{one.outcome}[/]")
    return table


def main(
    arguments: Sequence[str] | None = None,
    experiments: Sequence[Experiment] = EXPERIMENTS,
) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.all", description=(__doc__ or "").partition("\n")[0]
    )
    names = [one.name for one in experiments]
    parser.add_argument("--data", type=Path, help="folder of the public tables")
    parser.add_argument("--out", type=Path, default=OUT, help=f"default: {OUT}")
    parser.add_argument(
        "--only", nargs="+", choices=names, metavar="NAME", help="run these alone"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--list", action="store_true", help="list them and stop")
    chosen = parser.parse_args(arguments)
    console = Console(width=120)
    wanted = [one for one in experiments if not chosen.only or one.name in chosen.only]
    if chosen.list:
        console.print(listed(wanted))
        return 0
    if chosen.data is not None and not chosen.data.is_dir():
        parser.error(f"--data {chosen.data}: no such folder; see docs/data.md")
    data = None if chosen.data is None else chosen.data.resolve()
    out = chosen.out.resolve()
    outcomes = []
    for one in wanted:
        console.print(f"{one.name}: {one.shows}", style="dim")
        outcomes.append(run(one, data, out, chosen.quick))
    console.print(shown(outcomes))
    write_file(pd.DataFrame(map(dataclasses.asdict, outcomes)), out / "outcomes.csv")
    return 1 if any(one.failed for one in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
