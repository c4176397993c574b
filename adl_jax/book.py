"""The account book as arrays: a position table sorted by account."""

from collections.abc import Iterator, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax.core import Tracer
from jaxtyping import Array, Float, Int, Shaped

from adl_jax._sums import spread, sum_by
from adl_jax._types import (
    PerAccount,
    PerMarket,
    PerPosition,
    PerSide,
    as_float,
    check_range,
)
from adl_jax.brief import brief, count, usd
from adl_jax.result import InputError


class Book(eqx.Module):
    """Accounts, what they posted, and their positions. USD and contracts.

    Cross margin is the general case: an account's positions share its collateral.
    Isolated margin is one account for each position, with `owner` saying whose it is.

    **Arguments:**

    - `account`: int, shape `(positions,)`, ascending; the account of each position.
    - `market`: int, shape `(positions,)`; at most one position of an account in a
        market.
    - `size`: shape `(positions,)`, contracts, negative for shorts; 0 is no position.
    - `entry_price`: shape `(positions,)`, USD a contract, > 0, the average entry.
    - `collateral`: shape `(accounts,)`, USD of posted margin, >= 0.
    - `owner`: int, shape `(accounts,)`, optional: accounts of one legal owner share a
        number.
    - `holdings`: shape `(accounts, assets)`, optional: units of other assets posted as
        collateral, >= 0; `Market` says what they are worth.
    - `one_position_each`: whether position i is the only one of account i, for every i.
        Sums over an account's positions then cost nothing.

    **Raises:** `InputError` naming the field, the row, the value and the fix. Values
    that are traced are not checked.

    **Example:**

    ```python
    >>> import adl_jax
    >>> book = adl_jax.Book(
    ...     account=[0, 0, 1], market=[0, 1, 0], size=[2.0, -10.0, -2.0],
    ...     entry_price=[100.0, 5.0, 100.0], collateral=[50.0, 80.0],
    ... )
    >>> print(book.pnl(jax.numpy.array([90.0, 4.0])))
    [-10.  20.]

    ```
    """

    account: Int[Array, " positions"] = eqx.field(converter=jnp.asarray)
    market: Int[Array, " positions"] = eqx.field(converter=jnp.asarray)
    size: PerPosition = eqx.field(converter=as_float)
    entry_price: PerPosition = eqx.field(converter=as_float)
    collateral: PerAccount = eqx.field(converter=as_float)
    owner: Int[Array, " accounts"] | None = eqx.field(
        default=None,
        converter=lambda value: None if value is None else jnp.asarray(value),
    )
    holdings: Float[Array, "accounts assets"] | None = eqx.field(
        default=None, converter=lambda value: None if value is None else as_float(value)
    )
    one_position_each: bool = eqx.field(default=False, static=True)

    def __check_init__(self):
        """Refuses a book that cannot be one."""
        _check_shapes(self)
        check_range("Book.size", self.size, None)
        check_range("Book.entry_price", self.entry_price, 0)
        check_range("Book.collateral", self.collateral, 0)
        check_range("Book.holdings", self.holdings, 0)
        if not isinstance(self.entry_price, Tracer):
            zero = np.flatnonzero(np.asarray(self.entry_price) == 0)
            if zero.size:
                raise InputError(
                    f"Book.entry_price[{zero[0]}] is 0: give the average entry price in "
                    "USD a contract"
                )
        _check_table(self)

    @classmethod
    def from_table(cls, table: Any, *, markets: Sequence[Any] | None = None) -> "Book":
        """Makes a book of one table of positions, in any order and with any names.

        For a venue's own export, with margins, depth and a fund, there is
        `adl_jax.read_book`, which checks every cell.

        **Arguments:**

        - `table`: a row a position: a frame of pandas or polars, an Arrow table, or a
            mapping of columns. `account` and `market`: names or numbers; `size`,
            `entry_price`: as in `Book`; `collateral`: the account's, the same in each of
            its rows.
        - `markets`: names of the markets in the order of `Market`; ascending if not
            given.

        **Returns:** a `Book`. Accounts are numbered in ascending order of their names.

        **Raises:** `InputError` naming the column or the row, the value and the fix.

        **Example:**

        ```python
        >>> import adl_jax
        >>> rows = {
        ...     "account": ["bea", "al", "bea"], "market": ["BTC", "BTC", "ETH"],
        ...     "size": [1.0, -1.0, 8.0], "entry_price": [90.0, 95.0, 3.0],
        ...     "collateral": [20.0, 50.0, 20.0],
        ... }
        >>> book = adl_jax.Book.from_table(rows)
        >>> print(book.account, book.market, book.collateral)
        [0 1 1] [0 0 1] [50. 20.]

        ```
        """
        columns = _columns_of(table)
        held, account = np.unique(columns["account"], return_inverse=True)
        names = np.unique(columns["market"]) if markets is None else list(markets)
        known = pd.Index(names)
        if known.has_duplicates:
            raise InputError("`markets` has a name twice: give each once")
        market = known.get_indexer(pd.Index(columns["market"]))
        row = _first(market < 0)
        if row is not None:
            raise InputError(
                f"row {row}: market {columns['market'][row]!s} is not one of `markets`: "
                "add it"
            )
        posted = columns["collateral"]
        collateral = np.zeros(len(held), posted.dtype)
        collateral[account] = posted
        row = _first(collateral[account] != posted)
        if row is not None:
            raise InputError(
                f"row {row}: account {columns['account'][row]!s} has collateral "
                f"{posted[row]}, and {collateral[account[row]]} in another row: give the "
                "account's in each"
            )
        order = np.lexsort((market, account))
        return cls(
            account=account[order],
            market=market[order],
            size=columns["size"][order],
            entry_price=columns["entry_price"][order],
            collateral=collateral,
            one_position_each=len(held) == len(order),
        )

    def __repr__(self) -> str:
        """Sizes, open interest at entry prices, collateral and dtype."""
        return brief(self, self.size, 1, self._said)

    def _said(self) -> Iterator[str]:
        held = self.size[self.size != 0]
        worth = self.size * self.entry_price
        yield count(self.num_accounts, "account")
        yield count(held.size, "position")
        yield f"{usd(jnp.maximum(worth, 0))} long and {usd(jnp.maximum(-worth, 0))} short"
        yield f"collateral {usd(self.collateral)}"
        yield str(self.size.dtype)

    @property
    def num_accounts(self) -> int:
        """How many accounts there are."""
        return self.collateral.shape[0]

    @property
    def num_positions(self) -> int:
        """How many rows the position table has."""
        return self.size.shape[0]

    def by_account(self, values: Float[Array, "positions *rest"]) -> Array:
        """Sums over each account's positions, `(positions, ...)` to `(accounts, ...)`."""
        if self.one_position_each:
            return values
        return jax.ops.segment_sum(
            values, self.account, self.num_accounts, indices_are_sorted=True
        )

    def by_owner(self, values: PerAccount, num_owners: int) -> Float[Array, " owners"]:
        """Sums over each legal owner's accounts: who pays, seen through its accounts.

        **Raises:** `InputError` where the book does not know its owners.
        """
        if self.owner is None:
            raise InputError("Book.owner is not given: say whose each account is")
        return jax.ops.segment_sum(values, self.owner, num_owners)

    def of_account(self, values: Shaped[Array, "accounts *rest"]) -> Array:
        """Each position's account's value, `(accounts, ...)` to `(positions, ...)`."""
        return values if self.one_position_each else values[self.account]

    def pnl(self, mark: PerMarket) -> PerAccount:
        """Unrealised profit, PNL_i = sum of size * (mark - entry), eq. (1). USD."""
        return self.by_account(self.size * (self.of_market(mark) - self.entry_price))

    def equity(self, mark: PerMarket) -> PerAccount:
        """e_i = collateral + PNL_i, without other collateral. USD."""
        return self.collateral + self.pnl(mark)

    def notional(self, mark: PerMarket) -> PerAccount:
        """Sum of |size| * mark. USD."""
        return self.by_account(jnp.abs(self.size) * self.of_market(mark))

    def of_market(self, values: PerMarket) -> PerPosition:
        """Each position's market's value."""
        return spread(values, self.market)

    def open_interest(self, num_markets: int) -> PerSide:
        """Contracts held long and held short in each market, both >= 0."""
        return self.by_side(self.size, num_markets)

    def by_side(self, size: PerPosition, num_markets: int) -> PerSide:
        """Sums of contracts of longs and of shorts in each market, both >= 0."""
        # By market, which scenarios of a batch share; sides they do not.
        sides = jnp.maximum(size, 0), jnp.maximum(-size, 0)
        sums = [sum_by(side, self.market, num_markets) for side in sides]
        return jnp.stack(sums, axis=-1)

    def solvency(self, mark: PerMarket) -> Array:
        """Solv = sum of equity (2); its negative part is the shortfall (3). USD."""
        return self.equity(mark).sum()


_NAMES = ("account", "market")
_NUMBERS = ("size", "entry_price", "collateral")


def _columns_of(table: Any) -> dict[str, np.ndarray]:
    """The columns of a table of positions, complete and of one length."""
    columns: dict[str, np.ndarray] = {}
    for name in (*_NAMES, *_NUMBERS):
        try:
            column = np.asarray(table[name])
        except Exception as error:
            # Each kind of table has an error of its own for this.
            raise InputError(
                f"the table of positions has no column {name!r}: give "
                f"{', '.join((*_NAMES, *_NUMBERS))}"
            ) from error
        if name in _NUMBERS and not np.issubdtype(column.dtype, np.number):
            raise InputError(f"column {name!r} is {column.dtype}: give numbers")
        # A number that is not finite, or a name that is not there.
        wrong = ~np.isfinite(column) if name in _NUMBERS else pd.isna(column)
        row = _first(wrong)
        if row is not None:
            raise InputError(f"row {row}: {name} is {column[row]}: give its value")
        columns[name] = column
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"columns have different lengths, {lengths}: give a row each")
    return columns


def _first(wrong: np.ndarray) -> int | None:
    return int(wrong.argmax()) if wrong.any() else None


def _check_shapes(book: Book) -> None:
    for name, shape in {
        "size": "(positions,)",
        "collateral": "(accounts,)",
        "holdings": "(accounts, assets)",
    }.items():
        value = getattr(book, name)
        if value is not None and value.ndim != len(shape.split()):
            raise InputError(f"Book.{name} has shape {value.shape}: give {shape}")
    for name in ("account", "market", "size", "entry_price"):
        value = getattr(book, name)
        if value.shape != book.size.shape:
            raise InputError(
                f"Book.{name} has shape {value.shape}, but size has {book.size.shape}: "
                "give one entry a position"
            )
    for name in ("account", "market", "owner"):
        value = getattr(book, name)
        if value is not None and not jnp.issubdtype(value.dtype, jnp.integer):
            raise InputError(f"Book.{name} is {value.dtype}: give whole numbers")
    for name in ("owner", "holdings"):
        value = getattr(book, name)
        if value is not None and value.shape[:1] != book.collateral.shape:
            raise InputError(
                f"Book.{name} has shape {value.shape} for {book.num_accounts} accounts: "
                "give one row an account"
            )
    if book.one_position_each and book.num_accounts != book.num_positions:
        raise InputError(
            f"Book.one_position_each, but there are {book.num_positions} positions for "
            f"{book.num_accounts} accounts: leave it False"
        )


def _check_table(book: Book) -> None:
    if isinstance(book.account, Tracer) or isinstance(book.market, Tracer):
        return
    account, market = np.asarray(book.account), np.asarray(book.market)
    check = _first_bad(account, market, book.num_accounts, book.one_position_each)
    if check is not None:
        row, problem = check
        raise InputError(
            f"Book row {row}: account {account[row]}, market {market[row]}: {problem}"
        )


def _first_bad(
    account: Int[np.ndarray, " positions"],
    market: Int[np.ndarray, " positions"],
    count: int,
    each: bool,
) -> tuple[int, str] | None:
    outside = np.flatnonzero((account < 0) | (account >= count))
    if outside.size:
        return int(outside[0]), f"accounts are numbered 0 to {count - 1}"
    if (negative := np.flatnonzero(market < 0)).size:
        return int(negative[0]), "markets are numbered from 0"
    if (back := np.flatnonzero(account[1:] < account[:-1])).size:
        return int(back[0]) + 1, "sort the positions by account"
    order = np.lexsort((market, account))
    same = (account[order][1:] == account[order][:-1]) & (
        market[order][1:] == market[order][:-1]
    )
    if same.any():
        first = int(order[int(np.flatnonzero(same)[0]) + 1])
        return first, "the account has a position in this market already; net them"
    if each and (account != np.arange(count)).any():
        first = int(np.flatnonzero(account != np.arange(count))[0])
        return first, "one_position_each needs account i in row i"
    return None
