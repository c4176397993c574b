"""Maintenance margin from leverage limits: half the initial rate, and rising ladders."""

from typing import Any

import numpy as np

from adl_jax._types import check_range
from adl_jax.market import require_positive
from adl_jax.result import InputError
from adl_jax.venue.margin import MarginTiers


def limits(max_leverage: Any) -> np.ndarray:
    """Checked leverage limits, shape `(markets,)`; one number is one market."""
    limit = np.atleast_1d(np.asarray(max_leverage))
    if not np.issubdtype(limit.dtype, np.floating):
        limit = limit.astype(float)
    if limit.ndim != 1:
        raise InputError(
            f"max_leverage has shape {limit.shape}: give one number a market"
        )
    check_range("max_leverage", limit, 0)
    require_positive("max_leverage", limit)
    return limit


def half_of_initial(
    max_leverage: Any, rate: Any = (), floor: Any = (), *, notional_scale: float = 1.0
) -> MarginTiers:
    """Half the initial rate 1 / max_leverage, and no less than a venue's ladder.

    **Arguments:**

    - `max_leverage`: shape `(markets,)`.
    - `rate`, `floor`: the tiers above the first, shape `(tiers,)`, or
        `(markets, tiers)`: maintenance rates, and USD of notional where they start.
        One rate a market if not given.
    - `notional_scale`: multiplies the floors, for a book that is a part of the venue's.
    """
    check_range("notional_scale", notional_scale, 0)
    first = 1 / (2 * limits(max_leverage)[:, None])
    rate, floor = np.asarray(rate, first.dtype), np.asarray(floor, first.dtype)
    shape = (first.shape[0], rate.shape[-1])
    rates = np.maximum(first, np.broadcast_to(rate, shape))
    floors = np.broadcast_to(floor, shape) * first.dtype.type(notional_scale)
    return MarginTiers(
        rate=np.minimum(np.concatenate([first, rates], axis=1), 1),
        floor=np.concatenate([np.zeros_like(first), floors], axis=1),
    )
