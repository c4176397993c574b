"""A central counterparty that tears up contracts against a defaulter's."""

from typing import Any

from adl_jax.score import return_only
from adl_jax.venue.base import Venue
from adl_jax.venue.close_price import Mark
from adl_jax.venue.fund import Fund
from adl_jax.venue.presets._margin import half_of_initial


def ccp_tear_up(
    max_leverage: Any = 20.0, *, notional_scale: float = 1.0, fund: Any = 0.0
) -> Venue:
    """Contracts close pro rata at a price that the counterparty sets, here the mark."""
    return Venue(
        margin=half_of_initial(max_leverage, notional_scale=notional_scale),
        fund=Fund(balance=fund),
        settlement="contracts",
        close_price=Mark(),
        protect_collateral=False,
        leaves=False,
        score=return_only,
    )
