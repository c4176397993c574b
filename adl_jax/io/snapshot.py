"""A venue's book at one moment, with its names, on the host in float64."""

import dataclasses
import hashlib
from typing import Any

import numpy as np

from adl_jax.book import Book
from adl_jax.market import Market
from adl_jax.venue import Fund, MarginTiers, Venue


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Snapshot:
    """Accounts, positions, markets, margin tiers, depth and fund, as somebody gave them.

    Names stand next to the arrays and never in them, so that nothing a name holds
    reaches a compiled program. Amounts are NumPy float64, whatever jax computes in.

    **Fields:**

    - `accounts`, `markets`: names, in the order of the numbers below.
    - `collateral`: shape `(accounts,)`, USD.
    - `account_of`, `market_of`: int, shape `(positions,)`, sorted by both;
        `size`: contracts, negative for shorts; `entry_price`: USD a contract.
    - `mark`, `max_leverage`, `depth_usd`: shape `(markets,)`; the last in USD on each
        side within 1 % of the mark.
    - `margin_rate`, `margin_floor`: shape `(markets, tiers)`, as in `MarginTiers`.
    - `fund`: USD, shape `()`, or `(markets,)` for a fund of each market.
    - `owners`: names, one an account, optional.
    - `lot`, `beta`: shape `(markets,)`, optional.

    **Example:**

    ```python
    >>> from adl_jax.io import example
    >>> snapshot = example()
    >>> print(snapshot)
    6 accounts, 9 positions, 2 markets
    >>> snapshot.book().pnl(snapshot.market().mark).shape
    (6,)

    ```
    """

    accounts: tuple[str, ...]
    collateral: np.ndarray
    account_of: np.ndarray
    market_of: np.ndarray
    size: np.ndarray
    entry_price: np.ndarray
    markets: tuple[str, ...]
    mark: np.ndarray
    max_leverage: np.ndarray
    depth_usd: np.ndarray
    margin_rate: np.ndarray
    margin_floor: np.ndarray
    fund: np.ndarray
    owners: tuple[str, ...] | None = None
    lot: np.ndarray | None = None
    beta: np.ndarray | None = None

    def __repr__(self) -> str:
        """What is in it, in a line."""
        return (
            f"{len(self.accounts):,} accounts, {self.size.size:,} positions, "
            f"{len(self.markets):,} markets"
        )

    def book(self) -> Book:
        """The accounts and positions, in jax's default precision."""
        number = {name: i for i, name in enumerate(dict.fromkeys(self.owners or ()))}
        owner = None
        if self.owners is not None:
            owner = np.array([number[name] for name in self.owners])
        each = np.array_equal(self.account_of, np.arange(len(self.accounts)))
        return Book(
            account=self.account_of,
            market=self.market_of,
            size=self.size,
            entry_price=self.entry_price,
            collateral=self.collateral,
            owner=owner,
            one_position_each=each,
        )

    def market(self) -> Market:
        """The markets, with slopes and depths that follow from `depth_usd`."""
        return Market(
            mark=self.mark,
            impact=linear_slope(self.mark, self.depth_usd),
            depth=self.depth_usd / self.mark,
            lot=self.lot,
            max_leverage=self.max_leverage,
            names=self.markets,
        )

    def margin(self) -> MarginTiers:
        """The ladders of maintenance rates."""
        return MarginTiers(self.margin_rate, self.margin_floor)

    def venue(self, rules: Venue | None = None) -> Venue:
        """Rules under which this book is held: its own margin tiers, its own fund.

        **Arguments:** `rules`: everything else, such as `venues["binance"]()`; the
        paper's rules if not given.
        """
        if rules is None:
            return Venue(self.margin(), fund=Fund(self.fund))
        fund = dataclasses.replace(rules.fund, balance=self.fund)
        return dataclasses.replace(rules, margin=self.margin(), fund=fund)

    def sha256(self) -> str:
        """A hash of every name and number, whatever files they came from: 64 digits."""
        digest = hashlib.sha256()
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            digest.update(f"{field.name}:{_described(value)}\n".encode())
        return digest.hexdigest()


def linear_slope(mark: np.ndarray, depth_usd: np.ndarray) -> np.ndarray:
    """The slope at which `depth_usd` moves the last price by 1 %, half on average.

    **Arguments:** USD, shape `(markets,)`. **Returns:** USD a contract squared.
    """
    return 0.01 / 2 * mark / (depth_usd / mark)


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        whole = np.issubdtype(value.dtype, np.integer)
        # 0 is 0, whatever its sign.
        plain = value.astype("<i8") if whole else value.astype("<f8") + 0.0
        content = hashlib.sha256(plain.tobytes()).hexdigest()
        return f"{plain.shape}{content}"
    if value is None:
        return "-"
    # The length first, so that names cannot run into each other.
    return ",".join(f"{len(name)}:{name}" for name in value)
