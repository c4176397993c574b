"""Shocks: returns, and an order book that thins out and comes back."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from adl_jax._types import (
    Key,
    PerMarket,
    PerRound,
    Scalar,
    as_dtype,
    as_float,
    check_range,
)
from adl_jax.market import Market, Shocks
from adl_jax.result import InputError
from adl_jax.scenario.base import AbstractReturns, AbstractShocks
from adl_jax.scenario.calibration import calibrated


class Liquidity(eqx.Module):
    r"""Depth that collapses when the crash begins, and recovers by half-lives.

    $$m_t=p-(p-m_0)\,2^{-t/h},\qquad \mathrm{depth}_t=m_t\,\mathrm{depth},\qquad
    \alpha_t=\alpha\,m_t^{-\gamma}$$

    There are two regimes: m_0 is `multiplier`, or `severe_multiplier` with probability
    `severe_probability`.

    **Arguments:** shape `()`.

    - `multiplier`, `severe_multiplier`: share of the depth left in round 0, in (0, 1].
    - `severe_probability`: in [0, 1].
    - `persistent`: p, share of the depth that comes back, in (0, 1].
    - `half_life_rounds`: h > 0.
    - `impact_power`: gamma >= 0; 1 where the same orders are spread thinner.
    """

    multiplier: Scalar = calibrated("depth.multiplier")
    severe_multiplier: Scalar = calibrated("depth.severe_multiplier")
    severe_probability: Scalar = eqx.field(default=0.1, converter=as_float)
    persistent: Scalar = calibrated("depth.persistent")
    half_life_rounds: Scalar = calibrated("depth.half_life_rounds")
    impact_power: Scalar = eqx.field(default=1.0, converter=as_float)

    def __check_init__(self):
        """Refuses an order book that is not there."""
        for name in ("multiplier", "severe_multiplier", "persistent"):
            check_range(f"Liquidity.{name}", getattr(self, name), 1e-9, 1)
        check_range("Liquidity.severe_probability", self.severe_probability, 0, 1)
        check_range("Liquidity.half_life_rounds", self.half_life_rounds, 1e-9)
        check_range("Liquidity.impact_power", self.impact_power, 0)

    def left(self, key: Key, num_rounds: int) -> PerRound:
        """m_t, in the dtype of the parameters."""
        dtype = self.multiplier.dtype
        severe = jax.random.uniform(key, (), dtype) < self.severe_probability
        first = jnp.where(severe, self.severe_multiplier, self.multiplier)
        rounds = jnp.arange(num_rounds, dtype=dtype)
        missing = (self.persistent - first) * 2 ** (-rounds / self.half_life_rounds)
        return self.persistent - missing

    def sample(
        self, key: Key, market: Market, num_rounds: int
    ) -> tuple[Float[Array, "rounds markets"], Float[Array, "rounds markets"]]:
        """Impact and depth of each round, in the units of `Market`."""
        parts = as_dtype(self, market.mark.dtype)
        left = parts.left(key, num_rounds)[:, None]
        slope = market.impact[None] * left**-parts.impact_power
        return slope, market.depth[None] * left


class Crash(AbstractShocks):
    """Returns from one sampler, liquidity from another.

    **Arguments:** `returns`: an `AbstractReturns`; `liquidity`: a `Liquidity`, the
    market's own in every round if not given; `funding`: shape `()` or `(markets,)`, USD
    a USD of notional that longs pay shorts in each round, none if not given.
    """

    returns: AbstractReturns
    liquidity: Liquidity | None = None
    funding: PerMarket | Scalar | None = eqx.field(
        default=None, converter=lambda value: None if value is None else as_float(value)
    )

    def __check_init__(self):
        """Refuses a rate that is not finite."""
        check_range("Crash.funding", self.funding, None)

    def sample(self, key: Key, market: Market, num_rounds: int) -> Shocks:
        """One scenario's path."""
        for_returns, for_liquidity = jax.random.split(key)
        log_return, weight = self.returns.weighted(for_returns, market, num_rounds)
        impact = depth = funding = None
        if self.liquidity is not None:
            impact, depth = self.liquidity.sample(for_liquidity, market, num_rounds)
        if self.funding is not None:
            rate = self.funding.astype(log_return.dtype)
            funding = jnp.broadcast_to(rate, log_return.shape)
        return Shocks(
            log_return, impact=impact, depth=depth, funding=funding, log_weight=weight
        )


class GivenShocks(AbstractShocks):
    """The same shocks in every scenario, funding included.

    **Arguments:** `shocks`.
    """

    shocks: Shocks

    def sample(self, key: Key, market: Market, num_rounds: int) -> Shocks:
        """The shocks, in the dtype of the marks."""
        del key
        if self.shocks.log_return.shape != (num_rounds, market.num_markets):
            raise InputError(
                f"GivenShocks has shape {self.shocks.log_return.shape}: give "
                f"{num_rounds} rounds of {market.num_markets} markets"
            )
        return as_dtype(self.shocks, market.mark.dtype)
