"""Drift: nobody is closed; bankruptcies are charged to everyone's open positions."""

from typing import Any

from adl_jax.score import return_only
from adl_jax.venue.base import Venue
from adl_jax.venue.fund import Fund
from adl_jax.venue.presets._margin import half_of_initial


def drift(
    max_leverage: Any = 20.0, *, notional_scale: float = 1.0, fund: Any = 0.0
) -> Venue:
    """Run it with `pro_rata` weighted by leverage: a haircut in proportion to weight times
    equity is one in proportion to notional, our reading of a charge on open contracts.
    """
    return Venue(
        margin=half_of_initial(max_leverage, notional_scale=notional_scale),
        closes_out="insolvent",
        fund=Fund(balance=fund),
        settlement="pnl",
        basis="collateral",
        leaves=False,
        score=return_only,
    )
