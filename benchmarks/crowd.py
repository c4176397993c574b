"""The crowd that crashes in the benchmarks: its book, its markets and its venue."""

import jax.numpy as jnp
import numpy as np

import adl_jax
from adl_jax.venue import Fund, flat_margin


def crowd(accounts, *, leverage, markets=1, extra=0, seed=0, dtype=jnp.float32):
    """A book of `accounts`, with `extra` further positions, and its markets and venue.

    Longs have the given range of leverage, shorts little, so that a fall bankrupts longs
    and enriches shorts.
    """
    draw = np.random.default_rng(seed)
    each = extra == 0
    count = np.ones(accounts, int)
    if not each:
        np.add.at(count, draw.integers(0, accounts, extra), 1)
        count = np.minimum(count, markets)
    account = np.repeat(np.arange(accounts), count)
    # Consecutive markets from a random first one: distinct within an account.
    first = np.repeat(draw.integers(0, markets, accounts), count)
    start = np.repeat(np.cumsum(count) - count, count)
    market = (first + np.arange(account.size) - start) % markets
    size = draw.pareto(1.2, account.size) + 0.01
    size *= np.repeat(np.where(draw.random(accounts) < 0.5, -1, 1), count)
    for m in range(markets):
        inside = market == m
        long = inside & (size > 0)
        short = inside & (size < 0)
        size[short] *= size[long].sum() / max(-size[short].sum(), 1e-9)
    notional = np.bincount(account, np.abs(size) * 100, accounts)
    is_long = np.bincount(account, size, accounts) > 0
    ratio = np.where(is_long, draw.uniform(*leverage, accounts), 1.5)
    array = lambda value: jnp.asarray(value, dtype)
    interest = np.bincount(market, np.abs(size), markets) / 2 + 1e-6
    book = adl_jax.Book(
        account=account,
        market=market,
        size=array(size),
        entry_price=array(np.full(account.size, 100.0)),
        collateral=array(notional / ratio),
        one_position_each=each,
    )
    market = adl_jax.Market(
        mark=array(np.full(markets, 100.0)),
        impact=array(5 / interest),
        depth=array(0.02 * interest),
    )
    margin = flat_margin(array(np.full(markets, 0.0125)))
    fund = Fund(array(0.001 * notional.sum()))
    return book, market, adl_jax.Venue(margin, fund=fund)
