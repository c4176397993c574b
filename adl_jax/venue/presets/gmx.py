"""GMX v2: profitable positions close at the oracle price when the pool is stretched."""

from typing import Any

from adl_jax.score import return_only
from adl_jax.venue.base import Venue
from adl_jax.venue.close_price import Oracle
from adl_jax.venue.fund import Fund
from adl_jax.venue.pool import PoolLimit
from adl_jax.venue.presets._margin import half_of_initial


def gmx(
    max_leverage: Any = 50.0, *, notional_scale: float = 1.0, fund: Any = 0.0
) -> Venue:
    """The pool is the fund here. Profit above 55 % of it closes down to 50 %, synthetic
    markets' limits, before anybody is insolvent; what insolvent accounts owe beyond it is
    ADL again. A keeper chooses who closes; here, the largest return.
    """
    return Venue(
        margin=half_of_initial(max_leverage, notional_scale=notional_scale),
        closes_out="insolvent",
        liquidation_fee=0.002,
        fund=Fund(balance=fund),
        pool=PoolLimit(),
        settlement="contracts",
        close_price=Oracle(),
        protect_collateral=False,
        leaves=False,
        score=return_only,
    )
