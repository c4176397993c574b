"""From tables to a `Snapshot`: every table checked alone, then all of them together."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from adl_jax.io.checks import (
    Names,
    check_balance,
    check_one_each,
    check_positions,
    check_tiers,
)
from adl_jax.io.columns import Table, read_table
from adl_jax.io.problems import Problems
from adl_jax.io.schema import TABLES
from adl_jax.io.snapshot import Snapshot
from adl_jax.result import InputError


_ENDINGS = (".csv", ".parquet")


def read_book(folder: Path | str, *, balanced: bool = True) -> Snapshot:
    """Reads a book from a folder: a CSV or Parquet file of each table.

    The tables are `accounts`, `positions`, `markets`, `margin_tiers`, `depth` and `fund`;
    `write_template` writes examples and says what is in them.

    **Arguments:** `balanced`: whether longs and shorts must be equal in every market, as
    they are in the book of a whole venue.

    **Returns:** a `Snapshot`.

    **Raises:** `BookError` with everything that is wrong: table, row, column, value and
    fix; `InputError` where there is no such folder.

    **Cost:** 500,000 positions in some two seconds on one core
    (`benchmarks/read_book.py`).
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; fix: check the path")
    problems = Problems(str(folder), TABLES)
    sources: dict[str, Any] = {}
    for name in TABLES:
        found = [folder / (name + end) for end in _ENDINGS]
        found = [path for path in found if path.is_file()]
        if len(found) > 1:
            called = " and ".join(path.name for path in found)
            problems.add(name, f"is there twice, {called}", "keep one of them")
        elif not found:
            fix = f"add {name}.csv; adl-jax template writes an example"
            problems.add(name, "no such file in the folder", fix)
        sources[name] = found[0] if found else None
    return _read(sources, problems, balanced)


def book_from_tables(
    tables: Mapping[str, Any], *, balanced: bool = True, source: str = "book"
) -> Snapshot:
    """Makes a book from tables in memory: pandas, polars, or whatever speaks Arrow.

    **Arguments:** `tables`: one a name of `schema.TABLES`, a path to a file included;
    `balanced`: as in `read_book`; `source`: what messages call it.

    **Returns:** a `Snapshot`.

    **Raises:** `BookError` with everything that is wrong; rows are numbered as a
    spreadsheet would, from 2.
    """
    problems = Problems(source, TABLES)
    for name in [one for one in tables if one not in TABLES]:
        raise InputError(f"no table is called {name!r}; there are: {', '.join(TABLES)}")
    for name in TABLES:
        if name not in tables:
            problems.add(name, "is missing", "give it")
    return _read({name: tables.get(name) for name in TABLES}, problems, balanced)


def _read(sources: dict[str, Any], problems: Problems, balanced: bool) -> Snapshot:
    tables = {name: _table(name, source, problems) for name, source in sources.items()}
    accounts = Names(tables["accounts"], "account", problems)
    markets = Names(tables["markets"], "market", problems)
    positions, tiers, depth = (
        tables[name] for name in ("positions", "margin_tiers", "depth")
    )
    account = accounts.find(positions, problems)
    market = markets.find(positions, problems)
    tier_market = markets.find(tiers, problems)
    depth_market = markets.find(depth, problems)
    check_positions(positions, account, market, problems)
    check_tiers(tiers, tier_market, markets, problems)
    check_one_each(depth, depth_market, markets, problems)
    fund = _fund(tables["fund"], markets, problems)
    if balanced:
        check_balance(positions, market, markets, problems)
    problems.raise_any()
    order = np.lexsort((market, account))
    of_account, of_market = tables["accounts"].columns, tables["markets"].columns
    rate, floor = _ladders(tiers, tier_market, len(markets.names))
    owners = of_account["owner"]
    return Snapshot(
        accounts=tuple(accounts.names),
        collateral=of_account["collateral_usd"],
        account_of=account[order],
        market_of=market[order],
        size=positions.columns["size"][order],
        entry_price=positions.columns["entry_price_usd"][order],
        markets=tuple(markets.names),
        mark=of_market["mark_usd"],
        max_leverage=of_market["max_leverage"],
        depth_usd=depth.columns["depth_usd"][np.argsort(depth_market)],
        margin_rate=rate,
        margin_floor=floor,
        fund=fund,
        owners=None if owners is None else tuple(owners),
        lot=of_market["lot"],
        beta=of_market["beta"],
    )


def _table(name: str, source: Any, problems: Problems) -> Table:
    if source is None:
        # Its absence is reported; an empty one takes its place.
        source = pd.DataFrame(columns=list(TABLES[name].model_fields))
        return read_table(name, source, TABLES[name], Problems("", TABLES))
    source = Path(source) if isinstance(source, str) else source
    return read_table(name, source, TABLES[name], problems)


def _fund(table: Table, markets: Names, problems: Problems) -> np.ndarray:
    """The venue's balance, or a balance each market in the markets' order."""
    balance = table.columns["balance_usd"]
    if table.columns["market"] is None:
        for row in table.rows[1:].tolist():
            fix = "keep one row, or add a column market for a fund of each"
            problems.add(table.name, "a venue has one fund", fix, row=row)
        return np.asarray(balance[:1].sum())
    place = markets.find(table, problems)
    check_one_each(table, place, markets, problems)
    return balance[np.argsort(place)]


def _ladders(
    tiers: Table, market: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rates and floors, `(markets, tiers)`; short ladders repeat their last tier."""
    order = np.argsort(market, kind="stable")
    lengths = np.bincount(market, minlength=count)
    first = np.cumsum(lengths) - lengths
    step = np.minimum(np.arange(lengths.max())[None, :], lengths[:, None] - 1)
    at = order[first[:, None] + step]
    columns = tiers.columns
    return columns["maintenance_rate"][at], columns["floor_usd"][at]
