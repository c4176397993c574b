"""`adl-jax replay`: past rounds, and every policy on them."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adl_jax.cli.shared import Format, FormatOption, fail, fail_writing, keep_programs


if TYPE_CHECKING:
    from adl_jax.backtesting import Backtest
    from adl_jax.event import Event


def replay(
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of the public October 10 tables (docs/data.md)."),
    ] = None,
    rounds: Annotated[
        Path | None, typer.Option(help="Rounds of an event of your own, a CSV file.")
    ] = None,
    closeouts: Annotated[
        Path | None, typer.Option(help="Close-outs by market of --rounds, a CSV file.")
    ] = None,
    events: Annotated[
        Path | None, typer.Option(help="ADL fills with winners' accounts, a CSV file.")
    ] = None,
    format: FormatOption = Format.table,
    out: Annotated[
        Path | None, typer.Option(help="Folder for tables, JSON and figures.")
    ] = None,
) -> None:
    """Replay past ADL rounds and judge every policy on them.

    Without options: the sixteen rounds of October 10, 2025, from embedded figures.
    """
    if data is not None and rounds is not None:
        fail("--data and --rounds are two events: give one of them")
    if closeouts is not None and rounds is None:
        fail("--closeouts belongs to --rounds: give both")
    if closeouts is not None and events is not None:
        fail("--events brings its own close-outs: leave --closeouts out")
    keep_programs()
    import jax

    # Published figures are reproduced to the cent.
    jax.config.update("jax_enable_x64", True)
    from adl_jax.backtesting import backtest, semi_synthetic_entries
    from adl_jax.event import with_deleveraged_accounts
    from adl_jax.result import InputError

    try:
        if out is not None:
            _check_out(out, (rounds, closeouts, events))
        event = _event(data, rounds, closeouts, events)
        result = backtest(event)
        semi_synthetic = None
        if data is not None:
            accounts = data / "accounts_deleveraged.csv"
            semi_synthetic = backtest(
                with_deleveraged_accounts(_event(data, None, None, None), accounts),
                semi_synthetic_entries(),
            )
        if out is not None:
            _write(result, semi_synthetic, out)
    except InputError as error:
        fail(str(error))
    except OSError as error:
        fail_writing(error)
    if format is Format.json:
        print(json.dumps(_as_json(result, semi_synthetic), allow_nan=False, indent=2))
        return
    from rich.console import Console

    from adl_jax.report_text import print_backtest

    print_backtest(Console(), result, semi_synthetic)
    if out is not None:
        print(f"\nWritten to {out}")


def _event(
    data: Path | None, rounds: Path | None, closeouts: Path | None, events: Path | None
) -> "Event":
    from adl_jax.event import october10, october10_tables, read_events, read_rounds

    if rounds is not None:
        figures = read_rounds(rounds, closeouts)
    elif data is not None:
        figures = october10_tables(data)
    else:
        figures = october10()
    return figures if events is None else read_events(events, figures)


def _as_json(result: "Backtest", semi_synthetic: "Backtest | None") -> dict[str, Any]:
    from adl_jax.data import evaluations

    values = result.to_dict()
    values["learner_evaluations"] = len(evaluations())
    if semi_synthetic is not None:
        other = semi_synthetic.to_dict()
        values["policies"] += other["policies"]
        values["notes"] += [
            note for note in other["notes"] if note not in values["notes"]
        ]
        values["sources"] += [
            source for source in other["sources"] if source not in values["sources"]
        ]
    return values


_POLICIES, _POLICY_ROUNDS, _RESULT = "policies", "policy_rounds", "result.json"


def _check_out(out: Path, inputs: tuple[Path | None, ...]) -> None:
    # Before anything is computed: a folder that cannot be written is known now.
    there = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not there.is_dir():
        fail(f"{there}: not a folder; fix: choose another --out")
    if not os.access(there, os.W_OK):
        fail(f"{there}: not writable; fix: choose another --out")
    from adl_jax.plot import FIGURES

    names = [_RESULT, *(f"{name}.png" for name in FIGURES)]
    for table in (_POLICIES, _POLICY_ROUNDS):
        names += [f"{table}.csv", f"{table}.parquet"]
    written = {(out / name).resolve() for name in names}
    for given in inputs:
        if given is not None and given.resolve() in written:
            fail(f"{given}: --out would write over it; fix: choose another folder")


def _write(result: "Backtest", semi_synthetic: "Backtest | None", out: Path) -> None:
    import pandas as pd

    from adl_jax.plot import plot_backtest
    from adl_jax.tables import write_table, written_whole

    policies = result.to_pandas()
    if semi_synthetic is not None:
        policies = pd.concat([policies, semi_synthetic.to_pandas()], ignore_index=True)
    write_table(policies, out / _POLICIES)
    write_table(result.rounds_to_pandas(), out / _POLICY_ROUNDS)
    plot_backtest(result, out)
    with written_whole(out / _RESULT) as temporary:
        text = json.dumps(_as_json(result, semi_synthetic), allow_nan=False, indent=2)
        temporary.write_text(text + "\n", encoding="utf-8")
