"""What must hold between the tables of a book, and within their columns together."""

import difflib
import re

import numpy as np
import pandas as pd

from adl_jax.inert import quoted
from adl_jax.io.columns import Table
from adl_jax.io.problems import Problems


# A venue keeps decimals: what its exports sum to is off by rounding alone.
_ROUNDING = 1e-9
_UNKNOWN = -1


class Names:
    """The names that a table gives to accounts or markets, each once.

    **Arguments:** `table`: where they are; `column`: what they are called there and in
    the other tables.
    """

    def __init__(self, table: Table, column: str, problems: Problems):
        """Reports names that are there already."""
        self.names: list[str] = table.columns[column]
        self.column = column
        self._table = table
        self._number: dict[str, int] = {}
        for place, name in enumerate(self.names):
            first = self._number.setdefault(name, place)
            if first != place and name:
                problems.add(
                    table.name,
                    f"is in row {table.rows[first]} already",
                    "keep one of them",
                    row=int(table.rows[place]),
                    column=column,
                    value=name,
                )
        # A name that could not be read has been reported.
        self._number[""] = _UNKNOWN
        self._alike: dict[str, str] | None = None

    def find(self, table: Table, problems: Problems) -> np.ndarray:
        """Numbers of the names in another table; -1 for unknown ones, which it reports."""
        names: list[str] = table.columns[self.column]
        missing = len(self.names)
        number = self._number
        found = np.fromiter(
            (number.get(name, missing) for name in names), np.int64, len(names)
        )
        unknown = np.flatnonzero(found == missing)
        found[unknown] = _UNKNOWN
        if any(self.names):  # Otherwise that is what is wrong.
            part = "" if self._table.whole else ", of which not every row could be read"
            for place in unknown.tolist():
                name = names[place]
                full = problems.is_full(table.name, self.column)
                problems.add(
                    table.name,
                    f"not in {self._table.name}{part}",
                    "" if full else self._meant(name),
                    row=int(table.rows[place]),
                    column=self.column,
                    value=name,
                )
        return found

    def _meant(self, name: str) -> str:
        if self._alike is None:
            self._alike = {_bare(one): one for one in self.names}
        close = self._alike.get(_bare(name))
        if close is None and len(self.names) <= 1000:
            close = next(iter(difflib.get_close_matches(name, self.names, n=1)), None)
        add = f"add it to {self._table.name}"
        return f"did you mean {quoted(close)}? else {add}" if close else add


def _bare(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()


def check_positions(
    table: Table, account: np.ndarray, market: np.ndarray, problems: Problems
) -> None:
    """Sizes that are 0, and second positions of an account in a market."""
    size = table.columns["size"]
    for place in np.flatnonzero(size == 0).tolist():
        problems.add(
            table.name,
            "must not be 0",
            "remove the row, or write the size",
            row=int(table.rows[place]),
            column="size",
            value="0",
        )
    keys = pd.DataFrame({"account": account, "market": market})
    known = (account != _UNKNOWN) & (market != _UNKNOWN)
    for place in np.flatnonzero(keys.duplicated() & known).tolist():
        same = (account == account[place]) & (market == market[place])
        first = int(table.rows[int(np.flatnonzero(same)[0])])
        name, called = (table.columns[one][place] for one in ("account", "market"))
        problems.add(
            table.name,
            f"has a position in {quoted(called)} in row {first} already",
            "net them; isolated positions are accounts of their own, with one owner",
            row=int(table.rows[place]),
            column="account",
            value=name,
        )


def check_one_each(
    table: Table, market: np.ndarray, markets: Names, problems: Problems
) -> None:
    """One row for every market, no more and no less."""
    for place in np.flatnonzero(
        pd.Series(market).duplicated() & (market != _UNKNOWN)
    ).tolist():
        first = int(table.rows[int(np.flatnonzero(market == market[place])[0])])
        problems.add(
            table.name,
            f"is in row {first} already",
            "keep one of them",
            row=int(table.rows[place]),
            column="market",
            value=table.columns["market"][place],
        )
    _check_covered(table, market, markets, problems)


def _check_covered(
    table: Table, market: np.ndarray, markets: Names, problems: Problems
) -> None:
    if not (table.whole and table.rows.size and any(table.columns["market"])):
        return
    there = set(market.tolist())
    for number, name in enumerate(markets.names):
        # A second row of the same name is a fault of the table of markets.
        if name and number not in there and markets.names.index(name) == number:
            problems.add(
                table.name, f"has no row for {quoted(name)}", "add one", column="market"
            )


def check_tiers(
    table: Table, market: np.ndarray, markets: Names, problems: Problems
) -> None:
    """Ladders that start at 0 and rise."""
    last: dict[int, int] = {}
    floor, rate = table.columns["floor_usd"], table.columns["maintenance_rate"]
    for place, number in enumerate(market.tolist()):
        if number == _UNKNOWN:
            continue
        place_before = last.get(number)
        last[number] = place
        row = int(table.rows[place])
        if place_before is None:
            if floor[place] > 0:
                problems.add(
                    table.name,
                    "a market's first tier starts at 0",
                    "write 0, or give the tier below",
                    row=row,
                    column="floor_usd",
                    value=f"{floor[place]:g}",
                )
            continue
        before = int(table.rows[place_before])
        for column, values, low, how in (
            ("floor_usd", floor, floor[place] <= floor[place_before], "not above"),
            ("maintenance_rate", rate, rate[place] < rate[place_before], "below"),
        ):
            if low:
                problems.add(
                    table.name,
                    f"{how} the tier before it, {values[place_before]:g} in row {before}",
                    "give each market's tiers in ascending order",
                    row=row,
                    column=column,
                    value=f"{values[place]:g}",
                )
    _check_covered(table, market, markets, problems)


def check_balance(
    table: Table, market: np.ndarray, markets: Names, problems: Problems
) -> None:
    """Longs and shorts that differ: every contract has two sides."""
    size = table.columns["size"]
    read = np.isfinite(size) & (market != _UNKNOWN)
    count = len(markets.names)
    total = lambda part: np.bincount(market[read], part[read], minlength=count)
    long, short = total(np.maximum(size, 0)), total(np.maximum(-size, 0))
    off = np.abs(long - short) > _ROUNDING * (long + short)
    for number in np.flatnonzero(off).tolist():
        broken = not table.whole or bool((~read).any())
        fix = "add the missing accounts, or allow it (--unbalanced, balanced=False)"
        problems.add(
            table.name,
            f"longs in {quoted(markets.names[number])} hold {long[number]:,.8g} contracts "
            f"and shorts {short[number]:,.8g}"
            + (", as far as the rows can be read" if broken else ""),
            f"correct the rows above first; else {fix}" if broken else fix,
            column="size",
        )
