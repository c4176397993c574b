"""`adl-jax decide`: one live decision on a book."""

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adl_jax.cli.check import UnbalancedOption
from adl_jax.cli.shared import Format, FormatOption, fail, fail_writing


if TYPE_CHECKING:
    from adl_jax.live import LiveDecision
    from adl_jax.venue import Venue


def decide(
    folder: Annotated[Path, typer.Argument(help="A book; see adl-jax template.")],
    policy: Annotated[
        str,
        typer.Option(
            help="queue, pro_rata, another allocation; SEVERITY/ALLOCATION; or a joint "
            "policy; see docs/your_own_book.md."
        ),
    ],
    deficit: Annotated[
        float | None,
        typer.Option(help="USD missing after the fund; from the book if not given."),
    ] = None,
    venue: Annotated[
        str, typer.Option(help="Whose rules: paper (profit is taken), binance, ...")
    ] = "paper",
    unbalanced: UnbalancedOption = False,
    format: FormatOption = Format.table,
    out: Annotated[
        Path | None, typer.Option(help="A .csv file for the lines, or .json for all.")
    ] = None,
) -> None:
    """Decide who gives what now, with the reason, totals and an audit hash."""
    if out is not None and out.suffix not in (".csv", ".json"):
        fail(f"{out}: fix: a name that ends in .csv or .json")
    if out is not None and out.resolve().parent == folder.resolve():
        fail(f"{out}: the folder holds the book; fix: another one")
    import jax

    jax.config.update("jax_enable_x64", True)
    from adl_jax.io import read_book
    from adl_jax.live import decide_now, policy_named
    from adl_jax.result import InputError

    try:
        chosen, rules = policy_named(policy), _venue(venue)
        snapshot = read_book(folder, balanced=not unbalanced)
        decision = decide_now(snapshot, chosen, venue=rules, deficit=deficit)
        if out is not None:
            _write(decision, out)
    except InputError as error:
        fail(str(error))
    except OSError as error:
        fail_writing(error)
    if format is Format.json:
        print(json.dumps(decision.to_dict(), allow_nan=False, indent=2))
        return
    from rich.console import Console

    from adl_jax.book_text import print_decision

    print_decision(Console(), decision)
    if out is not None:
        print(f"Written to {out}")


def _venue(name: str) -> "Venue | None":
    from adl_jax.config.problems import nearest, short
    from adl_jax.config.venue import PAPER
    from adl_jax.venue import venues

    if name == PAPER:
        return None
    if name not in venues:
        fail(
            f"no venue is called {short(name)}; fix: {nearest(name, [PAPER, *venues])}"
        )
    return venues[name]()


def _write(decision: "LiveDecision", out: Path) -> None:
    from adl_jax.inert import cell, shown
    from adl_jax.live import Line
    from adl_jax.tables import written_whole

    with (
        written_whole(out) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        if out.suffix == ".json":
            json.dump(decision.to_dict(), file, allow_nan=False, indent=2)
            return
        writer = csv.writer(file)
        writer.writerow(Line._fields)
        # Whole names, but for what a spreadsheet or a terminal would act on.
        inert = lambda value: (
            cell(shown(value, len(value))) if isinstance(value, str) else value
        )
        for line in decision.lines:
            writer.writerow([inert(value) for value in line])
