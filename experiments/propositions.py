"""Every checkable proposition of both papers, tried on many instances.

    python experiments/propositions.py [--instances 100000] [--seed 0] [--out DIR]

Prints a table and, with `--out`, writes it as CSV, Parquet and JSON, and draws how
regret grows with the horizon. Exits with 1 where a claim that should hold has a
violation, or one that is known to fail has none.

A claim is `measured <= bound + tolerance` in float64, with a tolerance of 16 roundings
(2.2e-16 each) for every number that enters, of the size of the largest of them; strict
and yes-or-no claims have none. Programs solved by HiGHS are compared to 1.6e-6.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import jax
import pandas as pd
from claims import (
    companion,
    companion_formulas,
    companion_regret,
    execution,
    geometry,
    growth,
    linear_programs,
    self_tests,
    severity_regret,
    vector_regret,
)
from claims.harness import Form, Suite, Tally, run
from provenance import provenance
from rich.console import Console
from rich.table import Table

from adl_jax.tables import write_table, written_whole


SUITES: tuple[Suite, ...] = (
    severity_regret.SUITE,
    vector_regret.FIXED,
    vector_regret.CONSTANTS,
    vector_regret.MOVING,
    geometry.VERTICES,
    geometry.QUEUE,
    geometry.JUMP,
    geometry.ALTERNATING,
    execution.DECOMPOSITION,
    execution.IMPACT,
    execution.TRACKING,
    execution.CHURN,
    companion.TOP,
    companion.CAPPED,
    companion.RISK,
    companion.MONEY,
    companion_formulas.SUITE,
    companion_regret.SUITE,
    self_tests.SUITE,
)
MOST_PROGRAMS = 300


def tried(instances: int, seed: int, console: Console) -> list[Tally]:
    """Runs every suite."""
    tallies = []
    for suite in SUITES:
        started = time.perf_counter()
        tallies += run(suite, instances, seed)
        name = f"{suite.check.__module__}.{suite.check.__name__}"
        console.print(f"{name}: {time.perf_counter() - started:.1f} s", style="dim")
    started = time.perf_counter()
    tallies += linear_programs.run(min(instances, MOST_PROGRAMS), seed)
    console.print(
        f"linear programs: {time.perf_counter() - started:.1f} s", style="dim"
    )
    return tallies


def frame(tallies: list[Tally]) -> pd.DataFrame:
    """One row a claim; null where a ratio has no positive bound to compare with."""
    finite = lambda value: value if abs(value) != float("inf") else None
    return pd.DataFrame(
        {
            "claim": tally.claim.label,
            "statement": tally.claim.statement,
            "form": tally.claim.form.value,
            "known_to_fail": tally.claim.fails,
            "instances": tally.tried,
            "violations": tally.violations,
            "tightest_ratio": finite(tally.ratio),
            "worst_excess_in_tolerances": finite(tally.excess),
            "first_violation": tally.first_violation,
            "as_expected": tally.as_expected,
        }
        for tally in tallies
    )


def shown(tallies: list[Tally]) -> Table:
    """The table for people."""
    table = Table(title="Propositions and lemmas, tried")
    for name in ("claim", "statement", "form"):
        table.add_column(name, overflow="fold")
    for name in ("instances", "violations", "ratio", "verdict"):
        table.add_column(name, justify="right")
    for tally in tallies:
        claim = tally.claim
        verdict = "fails" if tally.violations else "holds"
        verdict += " as known" if claim.fails and tally.as_expected else ""
        colour = "green" if not tally.violations else "yellow"
        if not tally.as_expected:
            verdict, colour = f"{verdict}: NOT EXPECTED", "red"
        table.add_row(
            claim.label,
            claim.statement,
            claim.form.value,
            f"{tally.tried:,}",
            f"{tally.violations:,}",
            "" if tally.ratio == float("-inf") else f"{tally.ratio:.4g}",
            f"[{colour}]{verdict}[/]",
        )
    return table


def write(
    tallies: list[Tally], curves: list[growth.Curve], made_with: dict, args
) -> None:
    """The table, the curves and the figure, each whole or not at all."""
    rows = frame(tallies)
    write_table(rows, args.out / "propositions")
    record = {
        "instances": args.instances,
        "seed": args.seed,
        **made_with,
        "claims": json.loads(rows.to_json(orient="records")),
        "horizons": growth.HORIZONS,
        "growth": [curve._asdict() for curve in curves],
    }
    with written_whole(args.out / "propositions.json") as path:
        path.write_text(json.dumps(record, indent=1), encoding="utf-8")
    growth.draw(curves, args.out / "regret_growth.png")


def whole(text: str) -> int:
    """A whole number above 0, also written as 1e6."""
    number = int(float(text))
    if number != float(text) or number < 1:
        raise ValueError(f"{text} is not a whole number above 0")
    return number


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--instances", type=whole, default=100_000, help="for each claim, such as 1e6"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder for tables and the figure")
    args = parser.parse_args(arguments)
    jax.config.update("jax_enable_x64", True)
    console = Console()
    made_with = provenance()
    started = time.perf_counter()
    tallies = tried(args.instances, args.seed, console)
    console.print(shown(tallies))
    curves = [
        *growth.allocation_curves(),
        *growth.severity_curves(),
        *growth.printed_curves(),
    ]
    for curve in curves:
        at_end = f"{curve.regret[-1]:,.4g} at T = {growth.HORIZONS[-1]:,}"
        console.print(f"{curve.name}: slope {curve.slope:.3f}, {at_end}")
    if args.out:
        write(tallies, curves, made_with, args)
    wrong = [tally for tally in tallies if not tally.as_expected]
    papers = [tally for tally in tallies if tally.claim.form is not Form.self_test]
    console.print(
        f"{len(papers)} claims, {sum(bool(t.violations) for t in papers)} with violations, "
        f"{len(wrong)} not as expected; {time.perf_counter() - started:.0f} s"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
