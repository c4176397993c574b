"""What every exhibit shares: what it is computed from, its options, and its files."""

import argparse
import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import jax
import matplotlib
import pandas as pd
from matplotlib.figure import Figure
from rich.console import Console

import adl_jax
from adl_jax.event import Event
from adl_jax.plot import STYLE
from adl_jax.result import InputError
from adl_jax.tables import write_file, written_whole
from experiments.paper.agreement import Row, agreement, holds, shown


RESULTS = Path(__file__).parents[1] / "results" / "paper"


@dataclasses.dataclass(frozen=True)
class Given:
    """What exhibits are computed from.

    **Fields:** `event`: the sixteen rounds; `folder`: of the public tables; `fills`: a
    table of ADL fills, for the exhibits about accounts.
    """

    event: Event
    folder: Path | None = None
    fills: Path | None = None


@dataclasses.dataclass(frozen=True)
class Exhibit:
    """A table, or the data of a figure.

    **Fields:**

    - `rows`: what is printed or drawn.
    - `ours`: our value of each published quantity, in its unit.
    - `draw`: draws a figure.
    - `beside`: further comparisons, with columns of the public tables.
    """

    rows: pd.DataFrame
    ours: Mapping[str, float]
    draw: Callable[[Figure], None] | None = None
    beside: tuple[Row, ...] = ()

    def agreement(self, name: str, *, tables: bool) -> pd.DataFrame:
        """Our numbers beside the paper's."""
        return agreement(name, self.ours, self.beside, tables=tables)


def write(name: str, exhibit: Exhibit, found: pd.DataFrame, folder: Path) -> None:
    """The data as CSV, the comparison as CSV, and the figure."""
    write_file(exhibit.rows, folder / f"{name}.csv")
    write_file(found, folder / f"{name}_agreement.csv")
    if exhibit.draw is None:
        return
    with matplotlib.rc_context(STYLE):
        figure = Figure()
        exhibit.draw(figure)
        with written_whole(folder / f"{name}.png") as path:
            figure.savefig(path, dpi=80, pil_kwargs={"optimize": True})


def run(
    name: str,
    make: Callable[[Given], Exhibit],
    text: str | None,
    arguments: list[str] | None = None,
) -> int:
    """Makes an exhibit, compares it with the paper, and writes it.

    **Arguments:** `text`: about the exhibit; its first line is its title.

    **Returns:** the exit code: 1 where a comparison did not come out as expected, 2 where
    an input is absent or bad.
    """
    title = (text or name).partition("\n")[0]
    parser = argparse.ArgumentParser(
        prog=f"python -m experiments.paper.{name}", description=title
    )
    parser.add_argument("--data", type=Path, help="folder of the public tables")
    parser.add_argument("--fills", type=Path, help="a table of ADL fills")
    parser.add_argument("--out", type=Path, default=RESULTS)
    chosen = parser.parse_args(arguments)
    jax.config.update("jax_enable_x64", True)
    console = Console(width=120)
    try:
        event = (
            adl_jax.october10()
            if chosen.data is None
            else adl_jax.october10_tables(chosen.data)
        )
        exhibit = make(Given(event, chosen.data, chosen.fills))
    except InputError as error:
        console.print(f"{name}: {error}", markup=False)
        return 2
    found = exhibit.agreement(name, tables=chosen.data is not None)
    console.print(shown(title, found))
    write(name, exhibit, found, chosen.out)
    return 0 if holds(found) else 1
