"""`adl-jax sensitivities`: the Greeks of a venue."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adl_jax.cli.shared import (
    Format,
    FormatOption,
    fail,
    fail_writing,
    keep_programs,
    without_nan,
)


if TYPE_CHECKING:
    import pandas as pd


def sensitivities(
    config: Annotated[
        str, typer.Argument(help="A TOML file, or the name of a built-in one.")
    ],
    policy: Annotated[
        str | None, typer.Option(help="Which of its policies; the first if not given.")
    ] = None,
    scenarios: Annotated[int, typer.Option(min=2, help="How many.")] = 256,
    figures: Annotated[
        str | None, typer.Option(help="Columns of a run, comma-separated.")
    ] = None,
    of: Annotated[
        str | None, typer.Option(help="Parameters of the venue, comma-separated.")
    ] = None,
    bandwidth: Annotated[
        float, typer.Option(help="How far parameters are moved: 0.02 is 2 %.")
    ] = 0.02,
    format: FormatOption = Format.table,
    out: Annotated[
        Path | None, typer.Option(help="A file for the table, .csv or .parquet.")
    ] = None,
) -> None:
    """Say how much mean figures depend on margins, fund, order book, severity and fee."""
    keep_programs()
    import jax

    from adl_jax.config import build, load
    from adl_jax.result import InputError
    from adl_jax.sensitivities import FIGURES, sensitivities as differentiate
    from adl_jax.tables import check_table_name, write_file

    try:
        if out is not None:
            check_table_name(out)
        chosen = load(config)
        jax.config.update("jax_enable_x64", chosen.dtype == "float64")
        scenario, policies = build(chosen)
        name = next(iter(policies)) if policy is None else policy
        if name not in policies:
            fail(f"--policy is {name!r}; fix: one of {', '.join(policies)}")
        frame = differentiate(
            jax.random.key(chosen.seed),
            scenario,
            policies[name],
            scenarios,
            figures=FIGURES if figures is None else _names(figures),
            of=None if of is None else _names(of),
            bandwidth=bandwidth,
        )
        if out is not None:
            write_file(frame, out)
    except InputError as error:
        fail(str(error))
    except OSError as error:
        fail_writing(error)
    if format is Format.json:
        values = {
            "configuration": chosen.model_dump(mode="json"),
            "policy": name,
            "scenarios": scenarios,
            "sensitivities": without_nan(frame.to_dict("records")),
        }
        print(json.dumps(values, allow_nan=False, indent=2))
        return
    _print(frame, name)
    if out is not None:
        print(f"Written to {out}")


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _print(frame: "pd.DataFrame", policy: str) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    console.print(f"Policy {policy}, change of means ± a standard error", markup=False)
    columns = ("pathwise", "smoothed", "kink_bias")
    for figure, rows in frame.groupby("figure", sort=False):
        table = Table(title=escape(str(figure)), title_justify="left")
        table.add_column("of", overflow="fold")
        table.add_column("for", overflow="fold")
        for column in columns:
            table.add_column(column.replace("_", " "), justify="right")
        for row in rows.to_dict("records"):
            cells = [
                f"{_number(row[name])} ± {_number(row[f'{name}_se'])}"
                for name in columns
            ]
            table.add_row(escape(row["parameter"]), escape(row["unit"]), *cells)
        console.print(table)
    console.print(
        "Pathwise: the mean derivative, which does not see who crosses a threshold. "
        "Smoothed: a difference of runs, which does. Kink bias: the second less the first.",
        soft_wrap=True,
    )
