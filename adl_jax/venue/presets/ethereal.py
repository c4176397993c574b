"""Ethereal: the mark, but never worse for a loser than its bankruptcy price."""

from typing import Any

from adl_jax.score import return_only
from adl_jax.venue.base import Venue
from adl_jax.venue.close_price import MarkCapped
from adl_jax.venue.fund import Fund
from adl_jax.venue.presets._margin import half_of_initial


def ethereal(
    max_leverage: Any = 20.0, *, notional_scale: float = 1.0, fund: Any = 0.0
) -> Venue:
    """Run it with `lexicographic`: leverage, profit, lowest balance, newest account."""
    return Venue(
        margin=half_of_initial(max_leverage, notional_scale=notional_scale),
        closes_out="insolvent",
        fund=Fund(balance=fund),
        settlement="contracts",
        close_price=MarkCapped(),
        protect_collateral=False,
        leaves=False,
        score=return_only,
    )
