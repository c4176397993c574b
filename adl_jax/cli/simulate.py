"""`adl-jax simulate`: policies on many crashes."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from adl_jax.cli.shared import (
    Format,
    FormatOption,
    fail,
    join_processes,
    keep_programs,
    use_every_processor,
    without_nan,
)


def simulate(
    config: Annotated[
        str, typer.Argument(help="A TOML file, or the name of a built-in one.")
    ],
    scenarios: Annotated[
        int | None, typer.Option(min=2, help="How many, instead of the file's.")
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
    process: Annotated[
        str | None,
        typer.Option(
            help="Which of several processes this is: I/N@HOST:PORT, or auto where SLURM "
            "or MPI knows. They share --out."
        ),
    ] = None,
    half_width: Annotated[
        float | None,
        typer.Option(
            help="End when the 95 % interval of --figure is this far either way, after "
            "--scenarios at most."
        ),
    ] = None,
    relative: Annotated[
        bool,
        typer.Option("--relative", help="--half-width is a share of the figure."),
    ] = False,
    figure: Annotated[
        str, typer.Option(help="Of --half-width and --convergence.")
    ] = "unpaid_mean_usd",
    convergence: Annotated[
        bool,
        typer.Option(
            "--convergence", help="Show --figure from the first scenarios only."
        ),
    ] = False,
    format: FormatOption = Format.table,
) -> None:
    """Run policies on many crashes of a simulated venue.

    Built in: default, calm, october10, and more; see docs/configuration.md.
    """
    if resume and out is None:
        fail("--resume goes on with a folder: give --out")
    if relative and half_width is None:
        fail("--relative says how --half-width is meant: give --half-width")
    if process is not None and (out is None or batch_size is None):
        fail("--process shares a folder of batches: give --out and --batch-size")
    import jax

    use_every_processor()
    keep_programs()
    prints = join_processes(process)
    from adl_jax.config import build, load
    from adl_jax.monte_carlo import (
        Until,
        convergence as converging,
        monte_carlo,
        summarise,
    )
    from adl_jax.monte_carlo.summary import figure as known_figure
    from adl_jax.result import InputError

    try:
        chosen, until = load(config), None
        if half_width is not None:
            until = Until(figure, half_width, relative=relative)
        known_figure(figure)
        jax.config.update("jax_enable_x64", chosen.dtype == "float64")
        scenario, policies = build(chosen)
        with _progress(format if prints else Format.json) as (report, show):
            results = monte_carlo(
                jax.random.key(chosen.seed),
                scenario,
                policies,
                chosen.scenarios if scenarios is None else scenarios,
                batch_size=batch_size,
                out=out,
                resume=resume,
                until=until,
                configuration=chosen.model_dump(mode="json"),
                report=report,
                show=show,
            )
        if not prints:
            return
        summary = summarise(results)
        path = converging(results, figure) if convergence else None
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
        if path is not None:
            values["convergence"] = without_nan(path.to_dict("records"))
        print(json.dumps(values, allow_nan=False, indent=2))
        return
    from rich.console import Console

    from adl_jax.monte_carlo_text import print_summary

    print_summary(Console(), summary)
    if path is not None:
        _print_convergence(Console(), path, figure)
    weights = results.weights()
    if weights is not None:
        from adl_jax.statistics import effective_sample_size

        size = effective_sample_size(weights)
        print(
            f"Scenarios are tilted and count for their weights, worth {size:,.0f} "
            "scenarios for what is not rare."
        )
    if out is not None:
        print(f"Rows are in {out}")


def _print_convergence(console: Any, path: Any, figure: str) -> None:
    """A line a number of scenarios: value and half width of every policy."""
    from rich.markup import escape
    from rich.table import Table

    title = f"{figure} from the first scenarios, and its half width"
    table = Table(title=title, title_justify="left")
    table.add_column("scenarios", justify="right")
    policies = list(dict.fromkeys(path["policy"]))
    for policy in policies:
        table.add_column(escape(policy), justify="right")
    at = path.set_index(["scenarios", "policy"])
    for count in dict.fromkeys(path["scenarios"]):
        rows = [at.loc[(count, policy)] for policy in policies]
        cells = [f"{row['value']:.4g} ± {row['half_width']:.2g}" for row in rows]
        table.add_row(f"{count:,}", *cells)
    console.print(table)


@contextmanager
def _progress(format: Format) -> "Iterator[tuple[Any, Any]]":
    """A bar on standard error with the rate and the time that is left.

    Above it, each policy's first scenarios, while others are still compiled.
    """
    if format is Format.json:
        yield None, None
        return
    from rich.console import Console
    from rich.markup import escape
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

        def show(policy: str, rows: Any) -> None:
            paid, unpaid = rows["executed"], rows["unpaid"]
            bar.console.print(
                f"first {paid.size:,} scenarios, {escape(policy)}: winners pay in "
                f"{(paid > 0).mean():.0%} of them; {paid.mean():,.0f} USD paid and "
                f"{unpaid.mean():,.0f} USD unpaid on average"
            )

        yield report, show
