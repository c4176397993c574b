"""Bybit: ADL covers what is beyond a 30 % drawdown of the insurance pool."""

from typing import Any

from adl_jax.score import bitmex as bitmex_score
from adl_jax.venue.base import Venue
from adl_jax.venue.close_price import Bankruptcy
from adl_jax.venue.fund import Fund
from adl_jax.venue.presets._margin import half_of_initial


def bybit(
    max_leverage: Any = 100.0, *, notional_scale: float = 1.0, fund: Any = 0.0
) -> Venue:
    """The pool keeps 70 % of its highest balance; losers' bankruptcy price.

    The exact score is not published: profit fraction times effective leverage, as BitMEX.
    """
    return Venue(
        margin=half_of_initial(max_leverage, notional_scale=notional_scale),
        fund=Fund(balance=fund, floor=0.7),
        settlement="contracts",
        close_price=Bankruptcy(),
        protect_collateral=False,
        leaves=False,
        score=bitmex_score,
    )
