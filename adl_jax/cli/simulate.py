"""`adl-jax simulate`: policies on many crashes."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from adl_jax.cli.shared import (
    Format,
    FormatOption,
    fail,
    keep_programs,
    use_every_processor,
    without_nan,
)


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
    format: FormatOption = Format.table,
) -> None:
    """Run policies on many crashes of a simulated venue.

    Built in: default, calm, october10, and more; see docs/configuration.md.
    """
    if resume and out is None:
        fail("--resume goes on with a folder: give --out")
    import jax

    use_every_processor()
    keep_programs()
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
        fail(str(error))
    except OSError as error:
        place = f"{error.filename}: {error.strerror}" if error.filename else error
        again = f"; what is in {out} stands, --resume goes on with it" if out else ""
        fail(f"{place}{again}")
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
        values = {"manifest": results.manifest, "figures": without_nan(rows)}
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
