"""The command line: `adl-jax replay`, `simulate` and `doctor`."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer


if TYPE_CHECKING:
    from adl_jax.backtesting import Backtest
    from adl_jax.event import Event


app = typer.Typer(
    name="adl-jax",
    help="Autodeleveraging as online learning: who should pay, and how much?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Format(Enum):
    """How results are printed."""

    table = "table"
    json = "json"


_Format = Annotated[Format, typer.Option("--format", help="Print tables or JSON.")]


@app.callback()
def _main() -> None:
    # Two commands or more keep their names; the callback keeps it so with one.
    pass


@app.command()
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
    format: _Format = Format.table,
    out: Annotated[
        Path | None, typer.Option(help="Folder for tables, JSON and figures.")
    ] = None,
) -> None:
    """Replay past ADL rounds and judge every policy on them.

    Without options: the sixteen rounds of October 10, 2025, from embedded figures.
    """
    if data is not None and rounds is not None:
        _fail("--data and --rounds are two events: give one of them")
    if closeouts is not None and rounds is None:
        _fail("--closeouts belongs to --rounds: give both")
    if closeouts is not None and events is not None:
        _fail("--events brings its own close-outs: leave --closeouts out")
    _keep_programs()
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
        _fail(str(error))
    except OSError as error:
        place = f"{error.filename}: {error.strerror}" if error.filename else error
        _fail(f"{place}; fix: choose another path")
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
        _fail(f"{there}: not a folder; fix: choose another --out")
    if not os.access(there, os.W_OK):
        _fail(f"{there}: not writable; fix: choose another --out")
    from adl_jax.plot import FIGURES

    names = [_RESULT, *(f"{name}.png" for name in FIGURES)]
    for table in (_POLICIES, _POLICY_ROUNDS):
        names += [f"{table}.csv", f"{table}.parquet"]
    written = {(out / name).resolve() for name in names}
    for given in inputs:
        if given is not None and given.resolve() in written:
            _fail(f"{given}: --out would write over it; fix: choose another folder")


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


@app.command()
def simulate(
    config: Annotated[
        str, typer.Argument(help="A TOML file, or the name of a built-in one.")
    ],
    scenarios: Annotated[
        int | None, typer.Option(min=1, help="How many, instead of the file's.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Scenarios at once; from free memory.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the rows, one Parquet file a batch.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --out.")
    ] = False,
    format: _Format = Format.table,
) -> None:
    """Run policies on many crashes of a simulated venue.

    Built in: default, calm, october10, and more; see docs/configuration.md.
    """
    if resume and out is None:
        _fail("--resume goes on with a folder: give --out")
    import jax

    # Before anything asks for a device: the scenarios are split over the processors.
    if "jax_num_cpu_devices" in jax.config.values:
        jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)
    _keep_programs()
    from adl_jax.config import build, load
    from adl_jax.monte_carlo import monte_carlo, summarise
    from adl_jax.result import InputError

    try:
        chosen = load(config)
        jax.config.update("jax_enable_x64", chosen.dtype == "float64")
        scenario, policies = build(chosen)
        with _progress(format) as report:
            results = monte_carlo(
                jax.random.key(chosen.seed),
                scenario,
                policies,
                chosen.scenarios if scenarios is None else scenarios,
                batch_size=batch_size,
                out=out,
                resume=resume,
                configuration=chosen.model_dump(mode="json"),
                report=report,
            )
        summary = summarise(results)
    except InputError as error:
        _fail(str(error))
    except OSError as error:
        place = f"{error.filename}: {error.strerror}" if error.filename else error
        again = f"; what is in {out} stands, --resume goes on with it" if out else ""
        _fail(f"{place}{again}")
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        if out is not None:
            print(
                f"what is in {out} stands; go on with: adl-jax simulate {config} --out "
                f"{out} --resume",
                file=sys.stderr,
            )
        raise typer.Exit(130) from None
    if format is Format.json:
        rows = summary.to_dict("records")
        values = {"manifest": results.manifest, "figures": _without_nan(rows)}
        print(json.dumps(values, allow_nan=False, indent=2))
        return
    from rich.console import Console

    from adl_jax.monte_carlo_text import print_summary

    print_summary(Console(), summary)
    if out is not None:
        print(f"Rows are in {out}")


@contextmanager
def _progress(format: Format) -> "Iterator[Callable[[Any], None] | None]":
    """A bar on standard error with the rate and the time that is left."""
    if format is Format.json:
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn("scenarios"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as bar:
        task = bar.add_task("", total=None, rate="compiling")

        def report(progress: Any) -> None:
            rate = f"{progress.computed / progress.seconds:,.0f} a second"
            bar.update(task, completed=progress.done, total=progress.total, rate=rate)

        yield report


def _without_nan(rows: list[dict[Any, Any]]) -> list[dict[Any, Any]]:
    return [
        {
            name: None if isinstance(value, float) and value != value else value
            for name, value in row.items()
        }
        for row in rows
    ]


@app.command()
def doctor(format: _Format = Format.table) -> None:
    """Show versions and devices, and check that this machine computes right."""
    from adl_jax.doctor import examine

    found = examine()
    if format is Format.json:
        print(json.dumps(found, allow_nan=False, indent=2))
    else:
        lines = [
            ("python", f"{found['python']} on {found['platform']}"),
            *found["versions"].items(),
            ("backend", f"{found['backend']}: {', '.join(found['devices'])}"),
            ("known-bad release", "; ".join(found["known_bad"]) or "no"),
            (
                "guard computation",
                f"wrong at sizes {found['guard_wrong_sizes']}"
                if found["guard_wrong_sizes"]
                else "right",
            ),
            (
                "float32 against float64",
                f"{found['float32_relative_error']:.1e} of the deficit at most, "
                "October 10 replay",
            ),
            ("verdict", "healthy" if found["healthy"] else "NOT to be trusted"),
        ]
        for name, value in lines:
            print(f"{name:24} {value}")
    if not found["healthy"]:
        raise typer.Exit(1)


def _keep_programs() -> None:
    """Keeps compiled programs in the user's cache folder, for the next run.

    jax's own variables have their way: JAX_COMPILATION_CACHE_DIR chooses a folder,
    JAX_ENABLE_COMPILATION_CACHE=0 keeps nothing.
    """
    import jax
    from platformdirs import user_cache_path

    chosen = jax.config.values["jax_compilation_cache_dir"]
    # Older releases warn of a crash at every program that they load from a folder
    # (openxla/xla#44565), and nothing in Python can silence them.
    if jax.__version_info__ < (0, 12) or chosen:
        return
    folder = user_cache_path("adl_jax", appauthor=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if os.access(folder, os.W_OK):
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def _fail(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    raise typer.Exit(2)


def main() -> None:
    """Runs the command line."""
    app()
