"""`adl-jax compare`: runs side by side."""

import json
from pathlib import Path
from typing import Annotated

import typer

from adl_jax.cli.shared import Format, FormatOption, fail, fail_writing, without_nan


def compare(
    runs: Annotated[
        list[Path], typer.Argument(help="Folders that `simulate --out` has written.")
    ],
    reference: Annotated[
        str | None,
        typer.Option(
            help="The policy that others are compared to; the first run's first."
        ),
    ] = None,
    format: FormatOption = Format.table,
    out: Annotated[
        Path | None, typer.Option(help="A file for the table, .csv or .parquet.")
    ] = None,
) -> None:
    """Compare policies, of one run or of several, with paired differences.

    Runs with the same seed met the same random numbers, so their differences are paired
    scenario by scenario; others are compared as independent, and the table says so.
    """
    from adl_jax.monte_carlo import compare as compare_results, read_results
    from adl_jax.monte_carlo.compare import differences, run_names
    from adl_jax.result import InputError
    from adl_jax.tables import check_table_name, write_file

    try:
        if out is not None:
            check_table_name(out)
        results = [read_results(run) for run in runs]
        frame = compare_results(results, reference)
        differs, names = differences(results), run_names(results)
        if out is not None:
            write_file(frame, out)
    except InputError as error:
        fail(str(error))
    except OSError as error:
        fail_writing(error)
    if format is Format.json:
        values = {
            "runs": [
                {"name": name, "folder": str(run), "manifest": one.manifest}
                for name, run, one in zip(names, runs, results, strict=True)
            ],
            "differs": differs,
            "figures": without_nan(frame.to_dict("records")),
        }
        print(json.dumps(values, allow_nan=False, indent=2))
        return
    from rich.console import Console

    from adl_jax.monte_carlo_text import print_comparison

    print_comparison(Console(), frame, names, differs)
    if out is not None:
        print(f"Written to {out}")
