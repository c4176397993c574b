"""A rate for each market, shrunk towards its leverage tier's."""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp

from adl_jax._types import PerMarket, Scalar, as_dtype, as_float
from adl_jax.messages import Commitment, Information, Observation, Record
from adl_jax.severity.base import AbstractSeverity
from adl_jax.severity.coordinate import Rate, notional
from adl_jax.severity.running_mean import mean_so_far


class ShrunkenRateState(NamedTuple):
    """Sums over past rounds: what was needed, tier-weighted close-outs by market, what
    each market cost, and in how many rounds each market was closed out in. USD."""

    needed: Scalar
    unit: PerMarket
    gap: PerMarket
    active: PerMarket


class ShrunkenRate(AbstractSeverity[ShrunkenRateState]):
    r"""Empirical-Bayes rates: the market's own past, and its tier's where that is thin.

    $r_c=g_c[w_c\,gap_c/n_c+(1-w_c)\,\kappa]$ with $g_c$ of `Rate`, $n_c$ the market's
    tier-weighted close-outs, $\kappa=\sum needed/\sum n$ the level of all markets, and
    $w_c=n_c/(n_c+m\bar n)$, where $\bar n$ is a market's mean close-out in a round it was
    in: a market's past outweighs its tier's from m rounds on (James and Stein, 1961;
    Efron and Morris, 1975). Needed money is split over markets as their costs are; where
    the rounds do not tell those, in proportion to close-outs.

    **Arguments:**

    - `initial_rate`: shape `()`, r0, USD per USD closed out, until a round is over.
    - `tier`: the law of leverage tiers, a `Rate`.
    - `trust`: shape `()`, 1/m >= 0, how fast a market's own past counts; 0 for tiers
        alone.
    - `discount`: shape `()`, in (0, 1], what the past keeps a round later.
    """

    initial_rate: Scalar = eqx.field(default=0.01, converter=as_float)
    tier: Rate = eqx.field(default_factory=Rate)
    trust: Scalar = eqx.field(default=0.5, converter=as_float)
    discount: Scalar = eqx.field(default=1.0, converter=as_float)

    @property
    def information(self) -> Information:
        """The tier's, `notional`."""
        return self.tier.information

    def init(self, observation: Observation) -> ShrunkenRateState:
        """Starts with nothing closed out."""
        assert observation.deficit is not None
        nothing = jnp.zeros_like(self.tier.factor(observation))
        zero = jnp.zeros((), nothing.dtype)
        return ShrunkenRateState(zero, nothing, nothing, nothing)

    def commit(self, state: ShrunkenRateState, observation: Observation) -> Commitment:
        """Commits to the shrunken rates."""
        self = as_dtype(self, state.needed.dtype)
        total = state.unit.sum()
        level = mean_so_far(state.needed, total, self.initial_rate)
        mean_unit = total / jnp.maximum(state.active.sum(), 1)
        weighed = self.trust * state.unit + mean_unit
        own = self.trust * state.gap + mean_unit * level
        rate = mean_so_far(own, weighed, level)
        return Commitment(rate=self.tier.factor(observation) * rate)

    def learn(
        self, state: ShrunkenRateState, observation: Observation, record: Record
    ) -> ShrunkenRateState:
        """Adds this round to what is left of the past."""
        self = as_dtype(self, state.needed.dtype)
        closed = notional(record)
        unit = self.tier.factor(observation) * closed
        total = unit.sum()
        needed = jnp.where(total > 0, record.needed, 0)
        share = unit / jnp.where(total > 0, total, 1)
        if record.closeout_gap is not None:
            # Costs by market may leave out what the vault or the fund paid of them.
            cost = record.closeout_gap.sum()
            own = record.closeout_gap / jnp.where(cost > 0, cost, 1)
            share = jnp.where(cost > 0, own, share)
        gap = needed * share
        active = (closed > 0).astype(unit.dtype)
        return ShrunkenRateState(
            *(
                self.discount * old + new
                for old, new in zip(state, (needed, unit, gap, active), strict=True)
            )
        )
