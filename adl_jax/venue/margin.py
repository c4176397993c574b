"""Maintenance margin: tier ladders, and what follows from them."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int

from adl_jax._types import PerMarket, PerPosition, as_float, check_range
from adl_jax.result import InputError


class MarginTiers(eqx.Module):
    r"""A ladder of maintenance rates by notional, one a market.

    $$\mathrm{MM}=\max_k\,(r_k N-d_k),\qquad d_k=d_{k-1}+(r_k-r_{k-1})f_k$$

    Notional times rate less a deduction, so that margin is continuous at every floor
    f_k. The maximum is the tier that N is in, because rates rise along the ladder.

    **Arguments:**

    - `rate`: shape `(markets, tiers)`, maintenance margin over notional, ascending.
    - `floor`: shape `(markets, tiers)`, USD of notional where each tier starts,
        ascending from 0. A market with fewer tiers repeats its last one.

    **Raises:** `InputError` where a ladder does not rise.
    """

    rate: Float[Array, "markets tiers"] = eqx.field(converter=as_float)
    floor: Float[Array, "markets tiers"] = eqx.field(converter=as_float)

    def __check_init__(self):
        """Refuses a ladder that does not rise."""
        check_range("MarginTiers.rate", self.rate, 0, 1)
        check_range("MarginTiers.floor", self.floor, 0)
        if self.rate.shape != self.floor.shape or self.rate.ndim != 2:
            raise InputError(
                f"MarginTiers.rate has shape {self.rate.shape} and floor "
                f"{self.floor.shape}: both are (markets, tiers)"
            )
        for name in ("rate", "floor"):
            value = getattr(self, name)
            if isinstance(value, Tracer):
                continue
            falls = np.argwhere(np.diff(np.asarray(value, float), axis=1) < 0)
            if falls.size:
                market, tier = (int(i) for i in falls[0])
                raise InputError(
                    f"MarginTiers.{name}[{market}, {tier + 1}] is below the tier before "
                    "it: give tiers in ascending order"
                )
        if not isinstance(self.floor, Tracer):
            late = np.flatnonzero(np.asarray(self.floor)[:, 0])
            if late.size:
                raise InputError(
                    f"MarginTiers.floor[{late[0]}, 0] is {self.floor[late[0], 0]}: the "
                    "first tier starts at 0"
                )

    @property
    def deduction(self) -> Float[Array, "markets tiers"]:
        """d_k, USD."""
        steps = jnp.diff(self.rate, axis=1, prepend=self.rate[:, :1]) * self.floor
        return jnp.cumsum(steps, axis=1)

    def maintenance(
        self, notional: PerPosition, market: Int[Array, " positions"]
    ) -> PerPosition:
        """Maintenance margin of positions, USD, from their notional in USD."""
        if self.rate.shape[1] == 1:
            return self.rate[market, 0] * notional
        by_tier = self.rate[market] * notional[:, None] - self.deduction[market]
        return by_tier.max(axis=1)


def flat_margin(rate: PerMarket) -> MarginTiers:
    """One maintenance rate a market, whatever the notional."""
    rate = as_float(rate)
    return MarginTiers(rate[:, None], jnp.zeros_like(rate)[:, None])


def bankruptcy_price(
    size: PerPosition,
    mark: PerPosition,
    equity: PerPosition,
    notional: PerPosition,
) -> PerPosition:
    """Price at which closing a position uses up its part of the account's equity.

    p_bk = mark - equity * share / size, with the position's share of the account's
    notional, so that the sum over an account of (mark - p_bk) * size is its equity. A
    single isolated position has p_bk = entry - collateral / size, C-(9) anchored at
    entry.

    **Arguments:** shape `(positions,)`: `size` in contracts, `mark` in USD, `equity` and
    `notional` of the position's *account* in USD.

    **Returns:** USD a contract; the mark where there is no position.
    """
    open_ = (size != 0) & (notional > 0)
    # share / size = |size| * mark / notional / size
    share = jnp.sign(size) * mark / jnp.where(open_, notional, 1)
    return jnp.where(open_, mark - equity * share, mark)


def liquidation_price(
    bankruptcy: PerPosition, size: PerPosition, rate: PerPosition
) -> PerPosition:
    """Mark at which a single position's equity falls to its maintenance margin.

    Long p_bk / (1 - rate), short p_bk / (1 + rate), C-2.2.1.
    """
    return bankruptcy / (1 - jnp.sign(size) * rate)
