"""Bitget as of 2025-09: a queue once the coin's fund is used up (weak evidence)."""

from typing import Any

from adl_jax.score import bitget as bitget_score
from adl_jax.venue.base import Venue
from adl_jax.venue.close_price import Bankruptcy
from adl_jax.venue.fund import Fund
from adl_jax.venue.liquidation import ToMargin
from adl_jax.venue.presets._margin import half_of_initial


def bitget(
    max_leverage: Any = 125.0, *, notional_scale: float = 1.0, fund: Any = 0.0
) -> Venue:
    """Steps down two margin tiers first, here until margin is covered again."""
    return Venue(
        margin=half_of_initial(max_leverage, notional_scale=notional_scale),
        liquidation=ToMargin(1.0),
        margin_to_fund=1.0,
        fund=Fund(balance=fund),
        settlement="contracts",
        close_price=Bankruptcy(),
        protect_collateral=False,
        leaves=False,
        score=bitget_score,
    )
