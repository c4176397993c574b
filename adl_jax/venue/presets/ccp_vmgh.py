"""A central counterparty that haircuts variation margin gains."""

from typing import Any

from adl_jax.score import return_only
from adl_jax.venue.base import Venue
from adl_jax.venue.fund import Fund
from adl_jax.venue.presets._margin import half_of_initial


def ccp_vmgh(
    max_leverage: Any = 20.0, *, notional_scale: float = 1.0, fund: Any = 0.0
) -> Venue:
    """Gains are scaled by 1 - loss / sum of gains and positions stay open: `pro_rata`."""
    return Venue(
        margin=half_of_initial(max_leverage, notional_scale=notional_scale),
        fund=Fund(balance=fund),
        settlement="pnl",
        basis="profit",
        leaves=False,
        score=return_only,
    )
