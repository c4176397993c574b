"""A book as files again, and the example that a new user starts from."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from adl_jax.inert import cell
from adl_jax.io.schema import TABLES, column_types, is_text
from adl_jax.io.snapshot import Snapshot
from adl_jax.result import InputError
from adl_jax.tables import written_whole


def write_book(
    snapshot: Snapshot, folder: Path | str, *, parquet: bool = False
) -> list[Path]:
    """Writes a folder that `read_book` reads back, number for number.

    A name that a spreadsheet would take for a formula gets an apostrophe before it in
    CSV, which `read_book` takes off.

    **Arguments:** `parquet`: Parquet instead of CSV.

    **Returns:** the files.

    **Raises:** `InputError` where the folder has one of the files already.
    """
    folder = Path(folder)
    there = [folder / f"{name}{end}" for name in TABLES for end in (".csv", ".parquet")]
    for path in there:
        if path.exists() or path.is_symlink():
            raise InputError(f"{path}: is there already; fix: choose another folder")
    paths = []
    for name, columns in to_tables(snapshot).items():
        path = folder / f"{name}.{'parquet' if parquet else 'csv'}"
        with written_whole(path) as temporary:
            if parquet:
                pq.write_table(pa.table(columns), temporary)
            else:
                _write_csv(name, columns, temporary)
        paths.append(path)
    return paths


def to_tables(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    """The columns of each table of `schema.TABLES`, as `book_from_tables` takes them."""
    accounts, markets = (
        np.array(x, object) for x in (snapshot.accounts, snapshot.markets)
    )
    market, tier = _tiers(snapshot.margin_floor)
    tables = {
        "accounts": {
            "account": accounts,
            "collateral_usd": snapshot.collateral,
            "owner": snapshot.owners,
        },
        "positions": {
            "account": accounts[snapshot.account_of],
            "market": markets[snapshot.market_of],
            "size": snapshot.size,
            "entry_price_usd": snapshot.entry_price,
        },
        "markets": {
            "market": markets,
            "mark_usd": snapshot.mark,
            "max_leverage": snapshot.max_leverage,
            "lot": snapshot.lot,
            "beta": snapshot.beta,
        },
        "margin_tiers": {
            "market": markets[market],
            "floor_usd": snapshot.margin_floor[market, tier],
            "maintenance_rate": snapshot.margin_rate[market, tier],
        },
        "depth": {"market": markets, "depth_usd": snapshot.depth_usd},
        "fund": {
            "balance_usd": np.atleast_1d(snapshot.fund),
            "market": markets if snapshot.fund.ndim else None,
        },
    }
    return {
        name: {column: x for column, x in columns.items() if x is not None}
        for name, columns in tables.items()
    }


def _tiers(floor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Market and place of every tier that is one, and no repeated last."""
    first = np.ones((floor.shape[0], 1), bool)
    market, tier = np.nonzero(np.hstack([first, np.diff(floor, axis=1) > 0]))
    return market, tier


def _write_csv(name: str, columns: dict[str, Any], path: Path) -> None:
    types = column_types(TABLES[name])
    texts = [
        [cell(one) for one in values]
        if is_text(types[column])
        # The shortest text that is the same number.
        else [repr(float(one)) for one in values]
        for column, values in columns.items()
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*texts, strict=True))
