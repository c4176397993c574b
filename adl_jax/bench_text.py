"""What `adl-jax bench` measured, as a table in a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.ticker import EngFormatter
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from adl_jax.bench import Throughput


def print_throughput(
    console: Console, machine: Mapping[str, Any], results: Sequence[Throughput]
) -> None:
    """Prints one line a program."""
    first = results[0]
    table = Table(
        title=f"{first.scenarios:,} scenarios x {first.accounts:,} accounts x "
        f"{first.rounds} rounds, {first.dtype}, {machine['devices']} x "
        f"{machine['device']}",
        title_justify="left",
    )
    table.add_column("", no_wrap=True)
    for title in (
        *("account-\nrounds/s", "scenarios\n/s", "rounds\nactive", "with a\ndeficit"),
        *("com-\npiling", "memory", "of band-\nwidth"),
    ):
        table.add_column(title, justify="right", no_wrap=True)
    count, size = EngFormatter(places=2, sep=""), EngFormatter(unit="B", places=1)
    share = lambda value: "" if value is None else f"{100 * value:.1f}%"
    for result in results:
        table.add_row(
            escape(result.program),
            count(result.account_rounds_a_second),
            f"{result.scenarios / result.least_s:,.0f}",
            share(result.active_share),
            share(result.deficit_share),
            f"{result.compile_s:.1f} s",
            size(result.peak_bytes),
            share(result.bandwidth_share),
        )
    console.print(table)
    console.print(
        "Least of the repeats. 'Of bandwidth' is what every round has to read and write "
        "at least, over what a copy of memory moves in that time."
    )
