"""Aster: Binance's score and queue, for positions that the book leaves bankrupt."""

from typing import Any

from adl_jax.score import binance as binance_score
from adl_jax.venue.base import Venue
from adl_jax.venue.close_price import Bankruptcy
from adl_jax.venue.fund import Fund
from adl_jax.venue.presets._margin import half_of_initial


def aster(
    max_leverage: Any = 100.0, *, notional_scale: float = 1.0, fund: Any = 0.0
) -> Venue:
    """The close price is not stated: the losers' bankruptcy price."""
    return Venue(
        margin=half_of_initial(max_leverage, notional_scale=notional_scale),
        closes_out="insolvent",
        fund=Fund(balance=fund),
        settlement="contracts",
        close_price=Bankruptcy(),
        protect_collateral=False,
        leaves=False,
        score=binance_score,
    )
