"""Aevo: a queue at the mark."""

from typing import Any

from adl_jax.score import aevo as aevo_score
from adl_jax.venue.base import Venue
from adl_jax.venue.close_price import Mark
from adl_jax.venue.fund import Fund
from adl_jax.venue.presets._margin import half_of_initial


def aevo(
    max_leverage: Any = 20.0, *, notional_scale: float = 1.0, fund: Any = 0.0
) -> Venue:
    """Accounts without equity that the book does not take are closed at the mark."""
    return Venue(
        margin=half_of_initial(max_leverage, notional_scale=notional_scale),
        closes_out="insolvent",
        fund=Fund(balance=fund),
        settlement="contracts",
        close_price=Mark(),
        protect_collateral=False,
        leaves=False,
        score=aevo_score,
    )
