"""dYdX v4: no score; counterparties are drawn by lot."""

from typing import Any

from adl_jax.score import return_only
from adl_jax.venue.base import Venue
from adl_jax.venue.close_price import Bankruptcy
from adl_jax.venue.fund import Fund
from adl_jax.venue.presets._margin import half_of_initial


def dydx(
    max_leverage: Any = 20.0, *, notional_scale: float = 1.0, fund: Any = 0.0
) -> Venue:
    """Run it with `random_order`: the score ranks nobody here.

    The liquidation fee is its largest, 1.5 %, and goes to the fund.
    """
    return Venue(
        margin=half_of_initial(max_leverage, notional_scale=notional_scale),
        closes_out="insolvent",
        liquidation_fee=0.015,
        fund=Fund(balance=fund),
        settlement="contracts",
        close_price=Bankruptcy(),
        protect_collateral=False,
        leaves=False,
        score=return_only,
    )
