"""WhiteBIT: a queue by profit over equity, a spread away from the last price."""

from typing import Any

import jax.numpy as jnp

from adl_jax._types import check_range
from adl_jax.score import whitebit as whitebit_score
from adl_jax.venue.base import Venue
from adl_jax.venue.close_price import Spread
from adl_jax.venue.fund import Fund
from adl_jax.venue.presets._margin import half_of_initial


def whitebit(
    max_leverage: Any = 100.0,
    *,
    notional_scale: float = 1.0,
    fund: Any = 0.0,
    taker_fee: float = 0.0005,
) -> Venue:
    """Closes at last * (1 -+ d), d = margin fraction - 2 * the loser's taker fee.

    The margin fraction is not defined; with the maintenance rate and no fee it is the
    bankruptcy price, of which the same page speaks, of an account that just fell under
    its margin. The mark stands for the last price.

    **Arguments:** as every preset; `taker_fee`: USD a USD, 0.0005 in the example.
    """
    check_range("taker_fee", taker_fee, 0, 1)
    margin = half_of_initial(max_leverage, notional_scale=notional_scale)
    return Venue(
        margin=margin,
        fund=Fund(balance=fund),
        settlement="contracts",
        close_price=Spread(jnp.maximum(margin.rate[:, 0] - 2 * taker_fee, 0)),
        protect_collateral=False,
        leaves=False,
        score=whitebit_score,
    )
