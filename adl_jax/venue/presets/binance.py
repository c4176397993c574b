"""Binance USD-M as of 2019: the fund takes bankrupt positions, then a queue."""

from typing import Any

from adl_jax.score import binance as binance_score
from adl_jax.venue.base import Venue
from adl_jax.venue.close_price import Bankruptcy
from adl_jax.venue.fund import Fund
from adl_jax.venue.liquidation import ToMargin
from adl_jax.venue.presets._margin import half_of_initial


# BTCUSDT in 2021, above the first bracket of 0.4 %.
RATES = (0.005, 0.01, 0.025, 0.05, 0.10, 0.125, 0.15, 0.25, 0.50)
FLOORS = (50e3, 250e3, 1e6, 10e6, 20e6, 50e6, 100e6, 200e6, 300e6)


def binance(
    max_leverage: Any = 125.0, *, notional_scale: float = 1.0, fund: Any = 0.0
) -> Venue:
    """BTCUSDT's ladder, with no rate below half the initial one for other limits.

    One order closes as much as brings the account back to its margin; the rest goes to
    the fund at the bankruptcy price. Fee: the middle one of 0.3, 0.5 and 0.75 %.
    """
    return Venue(
        margin=half_of_initial(
            max_leverage, RATES, FLOORS, notional_scale=notional_scale
        ),
        liquidation=ToMargin(1.0),
        liquidation_fee=0.005,
        fund=Fund(balance=fund),
        settlement="contracts",
        close_price=Bankruptcy(),
        protect_collateral=False,
        leaves=False,
        score=binance_score,
    )
