"""Joining populations into one book, and market makers for what is left over."""

import jax.numpy as jnp
from jaxtyping import Array

from adl_jax._types import PerMarket, Scalar
from adl_jax.book import Book


def joined(first: Book, second: Book) -> Book:
    """One book of two, the second's accounts numbered after the first's.

    Neither has owners; both or none have holdings.
    """
    join = lambda one, other: jnp.concatenate([one, other])
    return Book(
        account=join(first.account, first.num_accounts + second.account),
        market=join(first.market, second.market),
        size=join(first.size, second.size),
        entry_price=join(first.entry_price, second.entry_price),
        collateral=join(first.collateral, second.collateral),
        holdings=None
        if first.holdings is None or second.holdings is None
        else join(first.holdings, second.holdings),
        one_position_each=first.one_position_each and second.one_position_each,
    )


def with_makers(others: Book, mark: PerMarket, leverage: Scalar) -> Book:
    """Appends an account a market, so that net open interest is zero in each.

    A maker holds minus the sum of all other sizes, rounding included, entered at the
    mark, and posts 1/leverage of its notional. Unlevered makers outlive any fall: they
    stand for the holders and basis traders whom no liquidation reaches.

    **Arguments:** `mark`: shape `(markets,)`, USD a contract; `leverage`: shape `()`,
    in (0, 1].
    """
    count = mark.shape[0]
    markets = jnp.arange(count, dtype=others.market.dtype)
    sides = others.open_interest(count)
    size = sides[:, 1] - sides[:, 0]
    makers = Book(
        account=markets,
        market=markets,
        size=size,
        entry_price=mark,
        collateral=jnp.abs(size) * mark / leverage,
        holdings=_none_of(others.holdings, count),
        one_position_each=True,
    )
    return joined(others, makers)


def _none_of(holdings: Array | None, count: int) -> Array | None:
    if holdings is None:
        return None
    return jnp.zeros((count, holdings.shape[1]), holdings.dtype)
