"""OKX: a queue at the mark once the fund is 30 % below its peak (weak evidence)."""

from typing import Any

from adl_jax.score import okx as okx_score
from adl_jax.venue.base import Venue
from adl_jax.venue.close_price import Mark
from adl_jax.venue.fund import Fund
from adl_jax.venue.liquidation import ToMargin
from adl_jax.venue.presets._margin import half_of_initial


def okx(
    max_leverage: Any = 100.0, *, notional_scale: float = 1.0, fund: Any = 0.0
) -> Venue:
    """Positions are cut back to their margin first. Closed at the mark, so that a winner
    loses what might have come and nothing now.
    """
    return Venue(
        margin=half_of_initial(max_leverage, notional_scale=notional_scale),
        liquidation=ToMargin(1.0),
        fund=Fund(balance=fund, floor=0.7),
        settlement="contracts",
        close_price=Mark(),
        protect_collateral=False,
        leaves=False,
        score=okx_score,
    )
