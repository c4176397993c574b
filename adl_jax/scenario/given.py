"""Books from a user's own snapshot: the book itself, or accounts drawn from it."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from adl_jax._types import Key, PerMarket, Scalar, as_dtype, as_float, check_range
from adl_jax.book import Book
from adl_jax.result import InputError
from adl_jax.scenario.base import AbstractBooks
from adl_jax.scenario.makers import with_makers


class Given(AbstractBooks):
    """One book in every scenario, whatever the key.

    **Arguments:** `book`.
    """

    book: Book

    def sample(self, key: Key, mark: PerMarket) -> Book:
        """The book, in the dtype of the marks."""
        del key
        return as_dtype(self.book, mark.dtype)


class Bootstrap(AbstractBooks):
    """Books of whole accounts drawn from a snapshot with replacement.

    An account comes with its collateral and all its positions. Each is padded to the
    largest number of positions in the snapshot with positions of size 0, so that shapes
    stay the same; pads are in markets where the account has nothing.

    Longs and shorts of the accounts drawn do not balance. One maker a market, after the
    accounts drawn, holds the difference, entered at the mark; with it net open interest
    is zero whether or not the snapshot's was. Expected totals of the accounts drawn are
    the snapshot's, times `num_accounts` over its number of accounts.

    **Arguments:**

    - `book`: the snapshot. Its accounts are drawn one by one: owners are refused.
    - `num_markets`: as in `Market`.
    - `num_accounts`: how many are drawn; as many as there are if not given.
    - `maker_leverage`: shape `()`, in (0, 1].

    **Raises:** `InputError` for a book with owners, or in a market that is not there.
    """

    market: Int[Array, "accounts most"]
    size: Float[Array, "accounts most"]
    entry_price: Float[Array, "accounts most"]
    collateral: Float[Array, " accounts"]
    holdings: Float[Array, "accounts assets"] | None
    maker_leverage: Scalar
    num_accounts: int = eqx.field(static=True)
    num_markets: int = eqx.field(static=True)

    def __init__(
        self,
        book: Book,
        num_markets: int,
        *,
        num_accounts: int | None = None,
        maker_leverage: Any = 1.0,
    ):
        """Lays the positions out as a row an account."""
        if book.owner is not None:
            raise InputError(
                "Bootstrap: the book has owners, but accounts are drawn one by one: "
                "leave owner out, or merge each owner's accounts"
            )
        if num_accounts is not None and num_accounts < 1:
            raise InputError(
                f"Bootstrap: num_accounts is {num_accounts}: draw one or more"
            )
        account, market = np.asarray(book.account), np.asarray(book.market)
        if market.size and market.max() >= num_markets:
            raise InputError(
                f"Bootstrap: the book has a position in market {market.max()}, but there "
                f"are {num_markets} markets"
            )
        row, place, laid = _laid_out(account, market, book.num_accounts)
        spread = lambda values, fill: (
            jnp.full(laid.shape, fill, values.dtype).at[row, place].set(values)
        )
        self.market = jnp.asarray(laid)
        self.size = spread(book.size, 0)
        self.entry_price = spread(book.entry_price, 1)
        self.collateral = book.collateral
        self.holdings = book.holdings
        self.maker_leverage = as_float(maker_leverage)
        self.num_markets = num_markets
        self.num_accounts = book.num_accounts if num_accounts is None else num_accounts

    def __check_init__(self):
        """Refuses makers that cannot be margined."""
        check_range("Bootstrap.maker_leverage", self.maker_leverage, 1e-6, 1)

    def sample(self, key: Key, mark: PerMarket) -> Book:
        """One book of `num_accounts` accounts and a maker for each mark."""
        if mark.shape[0] != self.num_markets:
            raise InputError(
                f"Bootstrap: {mark.shape[0]} marks for {self.num_markets} markets"
            )
        parts = as_dtype(self, mark.dtype)
        drawn = jax.random.randint(
            key, (self.num_accounts,), 0, self.collateral.shape[0]
        )
        most = self.market.shape[1]
        others = Book(
            account=jnp.repeat(jnp.arange(self.num_accounts), most),
            market=self.market[drawn].reshape(-1),
            size=parts.size[drawn].reshape(-1),
            entry_price=parts.entry_price[drawn].reshape(-1),
            collateral=parts.collateral[drawn],
            holdings=None if parts.holdings is None else parts.holdings[drawn],
            one_position_each=most == 1,
        )
        return with_makers(others, mark, parts.maker_leverage)


def _laid_out(
    account: np.ndarray, market: np.ndarray, num_accounts: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row and place of each position, and every row's markets, pads included."""
    count = np.bincount(account, minlength=num_accounts)
    most = max(int(count.max()), 1)
    start = np.cumsum(count) - count
    place = np.arange(account.size) - start[account]
    laid = np.full((num_accounts, most), -1)
    laid[account, place] = market
    for row in np.flatnonzero(count < most):
        # The pads' markets are the lowest numbers that the account does not use.
        used = market[start[row] : start[row] + count[row]]
        free = np.setdiff1d(np.arange(most), used, assume_unique=True)
        laid[row, count[row] :] = free[: most - count[row]]
    return account, place, laid
