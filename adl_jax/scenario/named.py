"""Scenarios by name: a crash, a calm day, and October 10, 2025."""

import numpy as np

from adl_jax.market import Market
from adl_jax.registry import Registry
from adl_jax.scenario.base import AbstractShocks
from adl_jax.scenario.books import SyntheticBook
from adl_jax.scenario.calibration import group, value
from adl_jax.scenario.hawkes import Hawkes
from adl_jax.scenario.october10 import october10_returns
from adl_jax.scenario.returns import FactorReturns
from adl_jax.scenario.scenario import Scenario
from adl_jax.scenario.shocks import Crash, Liquidity
from adl_jax.venue import Fund, Venue
from adl_jax.venue.presets import hyperliquid


# The largest markets by deleveraged notional. Marks are round numbers from before the
# crash; they are units of a contract and nothing more.
MARK = {
    "BTC": 122_000.0,
    "ETH": 4_300.0,
    "SOL": 220.0,
    "HYPE": 45.0,
    "XPL": 0.8,
    "PUMP": 0.006,
    "ENA": 0.55,
    "AVAX": 28.0,
}
NAMES = tuple(MARK)
# Hyperliquid's limits.
MAX_LEVERAGE = (40.0, 25.0, 20.0, 10.0, 10.0, 10.0, 10.0, 10.0)
CLASSES = ("btc", "eth", "large", "large", "small", "tail", "small", "large")
# How far each market fell on the day for each per cent of log fall of BTC.
BETA = np.array([np.log1p(value(f"october10.{name}")) for name in CLASSES]) / np.log1p(
    value("october10.btc")
)


def default(*, num_accounts: int = 1000, one_position_each: bool = True) -> Scenario:
    """A crash in which accounts default, the fund runs out, and ADL acts in rounds.

    Falls come in clustered batches, BTC's 14 % on average, the others' in proportion
    to October 10, 2025; between them returns have a Student-t factor.
    """
    batches = Hawkes()
    expected = batches.base_rate * batches.round_seconds * 16 / (1 - batches.branching)
    returns = FactorReturns(
        volatility=0.01,
        beta=BETA,
        fall=-np.log1p(value("october10.btc")) / expected,
        batches=batches,
    )
    return _scenario(Crash(returns, Liquidity()), num_accounts, one_position_each)


def calm(*, num_accounts: int = 1000, one_position_each: bool = True) -> Scenario:
    """An ordinary ten minutes: markets move by hundredths of a per cent."""
    returns = FactorReturns(volatility=1e-4)
    return _scenario(Crash(returns), num_accounts, one_position_each)


def october10(*, num_accounts: int = 1000, one_position_each: bool = True) -> Scenario:
    """The falls of October 10, 2025 by asset class, with a synthetic book."""
    crash = Crash(october10_returns(CLASSES, noise=0.01), Liquidity())
    return _scenario(crash, num_accounts, one_position_each)


def _scenario(
    shocks: AbstractShocks, num_accounts: int, one_position_each: bool
) -> Scenario:
    """The venue and its book, scaled to the accounts that are drawn.

    The accounts have their share of the order book, which everybody sells into; slopes
    are those of the whole market, since what others sell is in the path of the marks.
    The fund holds some 0.01 % of the open interest: what it can pay does not last.
    """
    share = num_accounts / value("venue.winners")
    mark = np.array([MARK[name] for name in NAMES])
    depth = group("depth.one_percent")
    one_percent = np.array([depth.get(name, depth["other"]) for name in NAMES])
    weight = group("market_share")
    margin = hyperliquid(np.array(MAX_LEVERAGE)).margin
    market = Market(
        mark=mark,
        # What moves the last price by 1 % costs half of that on average.
        impact=0.01 / 2 * mark / (one_percent / mark),
        depth=share * one_percent / mark,
        recovery=0.5,
        max_leverage=np.array(MAX_LEVERAGE),
        names=NAMES,
    )
    venue = Venue(margin=margin, fund=Fund(balance=10.0 * num_accounts))
    books = SyntheticBook(
        margin,
        np.array([weight[name] for name in NAMES]),
        num_accounts=num_accounts,
        one_position_each=one_position_each,
    )
    return Scenario(books, market, venue, shocks)


scenarios: Registry[Scenario] = Registry(
    "scenario",
    Scenario,
    "adl_jax.scenarios",
    takes=("num_accounts", "one_position_each"),
)
scenarios.register("default", default)
scenarios.register("calm", calm)
scenarios.register("october10", october10)
