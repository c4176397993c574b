"""`adl-jax reverse-stress`: how small a shock already does harm."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from adl_jax.cli.shared import (
    Format,
    FormatOption,
    fail,
    fail_writing,
    keep_programs,
    use_every_processor,
    without_nan,
)


def reverse_stress(
    config: Annotated[
        str, typer.Argument(help="A TOML file, or the name of a built-in one.")
    ],
    scenarios: Annotated[int, typer.Option(min=2, help="How many.")] = 256,
    cost: Annotated[
        float | None,
        typer.Option(help="USD: also find what costs winners as much as this."),
    ] = None,
    fund_sizes: Annotated[
        str | None,
        typer.Option(help="USD, comma-separated: once for each insurance fund."),
    ] = None,
    probability: Annotated[
        float, typer.Option(help="Of the event, at the shock that is looked for.")
    ] = 0.5,
    max_scale: Annotated[
        float,
        typer.Option(help="Largest shock tried, in multiples of a scenario's own."),
    ] = 4.0,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Scenarios at once; from free memory.")
    ] = None,
    format: FormatOption = Format.table,
    out: Annotated[
        Path | None, typer.Option(help="A file for the table, .csv or .parquet.")
    ] = None,
) -> None:
    """Find the smallest shock that empties the fund, triggers ADL or leaves debt unpaid.

    A shock is a scenario's own path with its log returns scaled.
    """
    sizes = _numbers(fund_sizes)
    if not 0 < probability < 1:
        fail(f"--probability is {probability}; fix: a number between 0 and 1")
    import jax

    use_every_processor()
    keep_programs()
    from adl_jax.config import build, load
    from adl_jax.monte_carlo import reverse_stress as search
    from adl_jax.result import InputError
    from adl_jax.tables import check_table_name, write_file

    try:
        if out is not None:
            check_table_name(out)
        chosen = load(config)
        jax.config.update("jax_enable_x64", chosen.dtype == "float64")
        scenario, policies = build(chosen)
        with _progress(format) as report:
            found = search(
                jax.random.key(chosen.seed),
                scenario,
                policies,
                scenarios,
                cost=cost,
                fund_sizes=sizes,
                max_scale=max_scale,
                batch_size=batch_size,
                report=report,
            )
        frame = found.to_pandas(probability)
        if out is not None:
            write_file(frame, out)
    except InputError as error:
        fail(str(error))
    except OSError as error:
        fail_writing(error)
    if format is Format.json:
        values = {
            "configuration": chosen.model_dump(mode="json"),
            "cost_usd": cost,
            "max_scale": found.max_scale,
            "resolution": found.resolution,
            "smallest_shocks": without_nan(frame.to_dict("records")),
        }
        print(json.dumps(values, allow_nan=False, indent=2))
        return
    from rich.console import Console

    from adl_jax.monte_carlo_text import print_smallest_shocks

    print_smallest_shocks(Console(), frame, found)
    if out is not None:
        print(f"Written to {out}")


def _numbers(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        fail(f"--fund-sizes is {text!r}; fix: numbers of USD, such as 0,10000,50000")


@contextmanager
def _progress(format: Format) -> Iterator[Callable[[int, int], None] | None]:
    """A line on standard error that says how much is done."""
    if format is Format.json:
        yield None
        return
    from rich.console import Console

    with Console(stderr=True).status("compiling") as status:
        yield lambda done, total: status.update(f"{done} of {total} searches done")
