"""Paradex: nobody is closed; withdrawals are cut by the same share for everyone."""

from typing import Any

from adl_jax.score import return_only
from adl_jax.venue.base import Venue
from adl_jax.venue.fund import Fund
from adl_jax.venue.presets._margin import half_of_initial


def paradex(
    max_leverage: Any = 50.0, *, notional_scale: float = 1.0, fund: Any = 0.0
) -> Venue:
    """Run it with `pro_rata`: the same fraction of every equity, which is the printed
    `socialized_loss_factor`.
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
