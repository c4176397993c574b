"""Hyperliquid: a backstop vault, then a queue at the mark of the round before."""

import dataclasses
from typing import Any

import numpy as np

from adl_jax.score import (
    hyperliquid_literal as literal_score,
    hyperliquid_side_adjusted,
)
from adl_jax.venue.base import Venue
from adl_jax.venue.close_price import PreviousMark
from adl_jax.venue.fund import Vault
from adl_jax.venue.liquidation import Slice
from adl_jax.venue.presets._margin import half_of_initial, limits


# Leverage limit: the limit of the second tier, and USD of notional where it starts.
SECOND_TIER = {
    10.0: (5.0, 20e6),
    20.0: (10.0, 70e6),
    25.0: (15.0, 100e6),
    40.0: (20.0, 150e6),
}
SECOND_TIER_SMALL = 3e6


def hyperliquid(
    max_leverage: Any = 20.0,
    *,
    notional_scale: float = 1.0,
    fund: Any = 0.0,
    small: Any = False,
) -> Venue:
    """Ranked by the index with entry/mark for shorts, so that winners are first.

    A market takes the ladder of the greatest published limit that is not above its own,
    and below 10x it has one tier.

    **Arguments:** as every preset; `fund` is the cash of the backstop vault, whose
    positions may reach its equity (the venue publishes no limit). `small`: bool, shape
    `()` or `(markets,)`, the small markets whose second tier starts at 3 million.
    """
    limit = limits(max_leverage)
    published = np.array(list(SECOND_TIER), limit.dtype)
    second, start = np.array(list(SECOND_TIER.values()), limit.dtype).T
    ladder = np.searchsorted(published, limit, side="right") - 1
    tiered = ladder >= 0
    start = np.where(small, SECOND_TIER_SMALL, start[ladder])
    margin = half_of_initial(
        limit,
        rate=1 / (2 * np.where(tiered, second[ladder], limit))[:, None],
        floor=np.where(tiered, start, 0)[:, None],
        notional_scale=notional_scale,
    )
    return Venue(
        margin=margin,
        liquidation=Slice(share=0.2, above=100_000.0 * notional_scale),
        closes_out="insolvent",
        vault=Vault(cash=fund, below=2 / 3),
        settlement="contracts",
        close_price=PreviousMark(),
        protect_collateral=False,
        leaves=False,
        score=hyperliquid_side_adjusted,
    )


def hyperliquid_literal(
    max_leverage: Any = 20.0,
    *,
    notional_scale: float = 1.0,
    fund: Any = 0.0,
    small: Any = False,
) -> Venue:
    """Ranked by the index as printed, which puts losing shorts above winning ones."""
    venue = hyperliquid(
        max_leverage, notional_scale=notional_scale, fund=fund, small=small
    )
    return dataclasses.replace(venue, score=literal_score)
