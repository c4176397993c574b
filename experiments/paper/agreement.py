"""Our numbers beside the paper's.

`published.csv` holds each number that the paper prints, and where it stands; of Figures 12
and 13 also the order of the policies, as a 1. Ours may be off by half a unit of the last
printed digit. `expect` says what a comparison should find: `agrees`; `differs`, where the
paper's number is not what its words say; or `not public`, where the paper's input is not.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.table import Table


PUBLISHED = Path(__file__).with_name("published.csv")
AS_EXPECTED = {
    "agrees": "agrees",
    "differs": "differs, as known",
    "not public": "not comparable",
}
NEEDS_TABLES = "needs the public tables"
Row = dict[Any, Any]


def published(name: str) -> pd.DataFrame:
    """The numbers that the paper prints of an exhibit."""
    every = pd.read_csv(PUBLISHED, dtype=str, keep_default_na=False)
    return every[[name in exhibits.split() for exhibits in every["exhibits"]]]


def agreement(
    name: str, ours: Mapping[str, float], beside: Iterable[Row], *, tables: bool
) -> pd.DataFrame:
    """Compares an exhibit's numbers with the paper's, each with a verdict.

    **Arguments:** `ours`: our value of each published quantity, in its unit; `beside`:
    comparisons with public tables, see `with_column`; `tables`: whether there are any.

    **Raises:** `LookupError` where an exhibit computes what the paper does not print, or
    leaves out what it prints and what does not need absent tables.
    """
    theirs = published(name)
    strange = set(ours) - set(theirs["quantity"])
    if strange:
        raise LookupError(f"{name}: not in {PUBLISHED.name}: {sorted(strange)}")
    rows = []
    for row in theirs.to_dict("records"):
        if row["quantity"] in ours:
            rows.append(_compared(row, ours[row["quantity"]]))
        elif row["needs"] and not tables:
            rows.append(_line(row, verdict=NEEDS_TABLES))
        else:
            raise LookupError(f"{name}: no value of {row['quantity']!r}")
    return pd.DataFrame([*rows, *beside])


def _compared(row: Row, ours: float) -> Row:
    difference = ours - float(row["printed"])
    exponent = Decimal(row["printed"]).as_tuple().exponent
    assert isinstance(exponent, int)
    tolerance = 0.5 * 10.0**exponent
    found = "agrees" if abs(difference) <= tolerance else "differs"
    expected = row["expect"] in (found, "not public")
    verdict = AS_EXPECTED[row["expect"]] if expected else f"{found}: NOT EXPECTED"
    return _line(row, verdict, ours, difference, tolerance)


def _line(
    row: Row,
    verdict: str,
    ours: float | None = None,
    difference: float | None = None,
    tolerance: float | None = None,
) -> Row:
    return {
        "quantity": row["quantity"],
        "published": row["printed"],
        "ours": ours,
        "unit": row["unit"],
        "difference": difference,
        "tolerance": tolerance,
        "verdict": verdict,
        "where": row["where"],
        "note": row["note"],
    }


def with_column(
    folder: Path | None, file: str, column: str, ours: np.ndarray
) -> list[Row]:
    """Compares each round, or horizon, with a column of a public table.

    **Returns:** one row: the two sums, and the largest difference of any entry; none
    without the tables.
    """
    if folder is None:
        return []
    theirs = pd.read_csv(folder / file)[column].to_numpy(np.float64)
    difference = float(np.abs(theirs - ours).max())
    # Embedded figures have six decimals.
    tolerance = 1e-5
    row = {
        "quantity": f"{column}, every entry",
        "printed": f"{theirs.sum():.4f}",
        "unit": "",
        "where": file,
        "note": "sums; the difference is the largest of any entry",
    }
    verdict = "agrees" if difference <= tolerance else "differs: NOT EXPECTED"
    return [_line(row, verdict, float(ours.sum()), difference, tolerance)]


def holds(found: pd.DataFrame) -> bool:
    """Whether every comparison came out as expected."""
    return not found["verdict"].str.contains("NOT EXPECTED").any()


def shown(title: str, found: pd.DataFrame) -> Table:
    """The comparison for people."""
    table = Table(title=title)
    table.add_column("quantity", overflow="fold")
    for column in ("published", "ours", "difference", "tolerance"):
        table.add_column(column, justify="right")
    table.add_column("verdict")
    for row in found.to_dict("records"):
        table.add_row(row["quantity"], *cells(row), row["verdict"])
    return table


def cells(row: Mapping[Any, Any]) -> list[str]:
    """Published, ours, difference and tolerance of a row, as a person writes them."""
    printed = f"{Decimal(row['published']):,} {row['unit']}".rstrip()
    return [printed, *(_plain(row[n]) for n in ("ours", "difference", "tolerance"))]


def _plain(value: float | None) -> str:
    if value is None or np.isnan(value):
        return ""
    return f"{value:,.4f}" if abs(value) >= 1 else f"{value:.4g}"
