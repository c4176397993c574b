"""BitMEX: a queue by leveraged return, at the losers' bankruptcy price."""

from typing import Any

from adl_jax.score import bitmex as bitmex_score
from adl_jax.venue.base import Venue
from adl_jax.venue.close_price import Bankruptcy
from adl_jax.venue.fund import Fund
from adl_jax.venue.presets._margin import half_of_initial


def bitmex(
    max_leverage: Any = 100.0, *, notional_scale: float = 1.0, fund: Any = 0.0
) -> Venue:
    """What liquidations leave over feeds the fund; ADL once it is empty."""
    return Venue(
        margin=half_of_initial(max_leverage, notional_scale=notional_scale),
        closes_out="insolvent",
        margin_to_fund=1.0,
        fund=Fund(balance=fund),
        settlement="contracts",
        close_price=Bankruptcy(),
        protect_collateral=False,
        leaves=False,
        score=bitmex_score,
    )
