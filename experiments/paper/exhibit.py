"""What every exhibit shares: its options, its comparison with the paper, its files.

`published.csv` holds each number that the paper prints and where it stands. Ours may be
off by half a unit of the last printed digit. `expect` says what a comparison should find:
`agrees`; `differs`, where the paper's number is not what its words say; or `not public`,
where the paper's input is not.
"""

import argparse
import dataclasses
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

import jax
import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

import adl_jax
from adl_jax.event import Event
from adl_jax.plot import STYLE
from adl_jax.result import InputError
from adl_jax.tables import write_file, written_whole


PUBLISHED = Path(__file__).with_name("published.csv")
RESULTS = Path(__file__).parents[1] / "results" / "paper"
AS_EXPECTED = {
    "agrees": "agrees",
    "differs": "differs, as known",
    "not public": "not comparable",
}
NEEDS_TABLES = "needs the public tables"


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
    beside: tuple[dict[str, object], ...] = ()


Make = Callable[[Given], Exhibit]


def published(name: str) -> pd.DataFrame:
    """The numbers that the paper prints of an exhibit."""
    every = pd.read_csv(PUBLISHED, dtype=str, keep_default_na=False)
    return every[[name in exhibits.split() for exhibits in every["exhibits"]]]


def printed() -> dict[str, float]:
    """Every number that the paper prints, by quantity."""
    every = pd.read_csv(PUBLISHED, keep_default_na=False)
    return dict(zip(every["quantity"], every["printed"], strict=True))


def with_column(
    given: Given, file: str, column: str, ours: np.ndarray
) -> tuple[dict[str, object], ...]:
    """Compares each round, or horizon, with a column of a public table.

    **Returns:** one row: the two sums, and the largest difference of any entry; nothing
    without the tables.
    """
    if given.folder is None:
        return ()
    theirs = pd.read_csv(given.folder / file)[column].to_numpy(np.float64)
    difference = np.abs(theirs - ours).max()
    # Embedded figures have six decimals.
    tolerance = 1e-5
    row = {
        "quantity": f"{column}, every entry",
        "published": f"{theirs.sum():.4f}",
        "ours": float(ours.sum()),
        "unit": "",
        "difference": float(difference),
        "tolerance": tolerance,
        "verdict": "agrees" if difference <= tolerance else "differs",
        "where": file,
        "note": "sums; the difference is the largest of any entry",
    }
    return (row,)


def agreement(name: str, exhibit: Exhibit, *, tables: bool) -> pd.DataFrame:
    """Our numbers beside the paper's.

    **Raises:** `LookupError` where an exhibit computes what the paper does not print, or
    leaves out what it prints and what does not need absent tables.
    """
    printed = published(name)
    strange = set(exhibit.ours) - set(printed["quantity"])
    if strange:
        raise LookupError(f"{name}: not in {PUBLISHED.name}: {sorted(strange)}")
    rows = [_compared(name, row, exhibit, tables) for _, row in printed.iterrows()]
    return pd.DataFrame([*rows, *exhibit.beside])


def _compared(
    name: str, row: pd.Series, exhibit: Exhibit, tables: bool
) -> dict[str, object]:
    fields = {
        "quantity": row["quantity"],
        "published": row["printed"],
        "ours": None,
        "unit": row["unit"],
        "difference": None,
        "tolerance": None,
        "verdict": NEEDS_TABLES,
        "where": row["where"],
        "note": row["note"],
    }
    if row["quantity"] not in exhibit.ours:
        if row["needs"] and not tables:
            return fields
        raise LookupError(f"{name}: no value of {row['quantity']!r}")
    ours = exhibit.ours[row["quantity"]]
    difference = ours - float(row["printed"])
    tolerance = 0.5 * 10.0 ** Decimal(row["printed"]).as_tuple().exponent
    found = "agrees" if abs(difference) <= tolerance else "differs"
    expected = row["expect"]
    as_expected = expected in (found, "not public")
    return fields | {
        "ours": ours,
        "difference": difference,
        "tolerance": tolerance,
        "verdict": AS_EXPECTED[expected] if as_expected else f"{found}: NOT EXPECTED",
    }


def holds(found: pd.DataFrame) -> bool:
    """Whether every comparison came out as expected."""
    return found["verdict"].isin([*AS_EXPECTED.values(), NEEDS_TABLES]).all()


def shown(title: str, found: pd.DataFrame) -> Table:
    """The comparison for people."""
    table = Table(title=title)
    table.add_column("quantity", overflow="fold")
    for column in ("published", "ours", "difference", "tolerance"):
        table.add_column(column, justify="right")
    table.add_column("verdict")
    for row in found.to_dict("records"):
        unit = f" {row['unit']}" if row["unit"] else ""
        table.add_row(
            row["quantity"],
            f"{row['published']}{unit}",
            *(plain(row[name]) for name in ("ours", "difference", "tolerance")),
            row["verdict"],
        )
    return table


def plain(value: float | None) -> str:
    """A number as a person would write it; nothing for none."""
    if value is None or np.isnan(value):
        return ""
    return f"{value:,.4f}" if abs(value) >= 1 else f"{value:.4g}"


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


def run(name: str, make: Make, summary: str, arguments: list[str] | None = None) -> int:
    """Makes an exhibit, compares it with the paper, and writes it.

    **Returns:** the exit code: 1 where a comparison did not come out as expected, 2 where
    an input is absent or bad.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m experiments.paper.{name}", description=summary
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
    found = agreement(name, exhibit, tables=chosen.data is not None)
    console.print(shown(summary, found))
    write(name, exhibit, found, chosen.out)
    return 0 if holds(found) else 1
