"""Venues whose traders face a pool: profit closes when it outgrows what backs it."""

import jax.numpy as jnp

from adl_jax._sums import sum_by, sum_of
from adl_jax.allocation import queue_by_group
from adl_jax.liquidate import Shock, margin, position_scores, side_of
from adl_jax.market import Market
from adl_jax.projection._multiplier import ratio
from adl_jax.settle import Ledger, pool_pays, trade
from adl_jax.venue import Venue, profit_factor, profit_to_close


def relieve_pool(ledger: Ledger, market: Market, venue: Venue, shock: Shock) -> Ledger:
    """Closes the foremost profit of sides that are above the pool's limit (GMX v2).

    A market's and side's profit P over the pool's value V that is above `pool.most` comes
    down to `pool.target`: positions in profit close at the close price in the order of
    the venue's score, and the pool pays what they made, as far as it can. No account has
    to be insolvent and no policy is asked. The pool is the fund, one for the venue or one
    for each market; both sides of a market meet the same one.

    **Arguments:** `ledger` after `liquidate.strike`; `venue.pool` is given.

    **Invariants:** `total_cash` and `open_contracts` are unchanged.

    **Cost:** that of `queue_by_group` with two groups a market.
    """
    pool = venue.pool
    assert pool is not None
    book, count = ledger.book, market.num_markets
    stands = margin(ledger, market, venue)
    group = side_of(book, book.size)
    pnl = ledger.pnl
    profit = sum_by(pnl, group, 2 * count)
    backing = jnp.broadcast_to(ledger.fund, (count,))[:, None]
    value = jnp.broadcast_to(backing, (count, 2)).reshape(-1)
    stretched = profit_factor(profit, value) > pool.most
    wanted = jnp.where(stretched, profit_to_close(profit, value, pool.target), 0)
    closed = queue_by_group(
        position_scores(ledger, venue, stands.equity, stands.maintenance),
        jnp.maximum(pnl, 0),
        wanted,
        group,
    ).haircut
    sold = book.size * ratio(closed, pnl)
    price = ledger.mark
    if shock.basis is not None:
        price = price * jnp.exp(-shock.basis)
    ledger = trade(ledger, sold, book.of_market(price))
    made = sum_by(closed, book.market, count) if ledger.fund.ndim else sum_of(closed)
    return pool_pays(ledger, jnp.minimum(made, ledger.fund), sum_of(closed))
