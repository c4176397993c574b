"""Every market pays for its own close-outs: a rate and a budget for each."""

from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from adl_jax._types import Key, PerAccount, PerMarket, Scalar, as_float, check_range
from adl_jax.messages import Commitment, Information, Observation, Record
from adl_jax.policy import AbstractPolicy
from adl_jax.severity import AbstractSeverity
from adl_jax.severity.running_mean import mean_so_far
from adl_jax.vector.learner import FractionLearner, LearnerState


_NEEDS_GAP = "markets learn from closeout_gap: give rounds that have it"


class MarketMeanRate(AbstractSeverity[tuple[PerMarket, PerMarket]]):
    """Each market's needed USD over its closed-out USD, of all past rounds.

    A market never closed out takes `initial_rate`. Close-outs in one market never move
    another's rate.

    **Arguments:** `initial_rate`: shape `()`, >= 0; 0 claims no knowledge.
    """

    information: ClassVar[Information] = Information.notional

    initial_rate: Scalar = eqx.field(default=0.0, converter=as_float)

    def __check_init__(self):
        """Refuses a negative rate; a traced one is clipped."""
        check_range("MarketMeanRate.initial_rate", self.initial_rate, 0)

    def init(self, observation: Observation) -> tuple[PerMarket, PerMarket]:
        """Starts with nothing needed and nothing closed out, in any market."""
        assert observation.deficit is not None
        if observation.market is None:
            raise ValueError("a rate for each market needs close-outs by market")
        zeros = jnp.zeros(observation.market.shape, observation.deficit.dtype)
        return zeros, zeros

    def commit(
        self, state: tuple[PerMarket, PerMarket], observation: Observation
    ) -> Commitment:
        """Commits to each market's mean rate so far."""
        del observation
        needed, notional = state
        initial = jnp.maximum(self.initial_rate, 0).astype(needed.dtype)
        return Commitment(rate=mean_so_far(needed, notional, initial))

    def learn(
        self,
        state: tuple[PerMarket, PerMarket],
        observation: Observation,
        record: Record,
    ) -> tuple[PerMarket, PerMarket]:
        """Adds this round's needed and closed-out USD, market by market."""
        del observation
        if record.closeout_notional is None or record.closeout_gap is None:
            raise ValueError(_NEEDS_GAP)
        needed, notional = state
        return needed + record.closeout_gap, notional + record.closeout_notional


class PerMarketState(NamedTuple):
    """The rates' state, and one learner a market along a leading axis."""

    severity: Any
    learners: LearnerState


class PerMarketDescent(AbstractPolicy[PerMarketState]):
    """Each market's winners pay for that market alone, by mirror descent on fractions.

    The budget of market m is its own rate times what was closed out in it, at most what
    its winners hold; the rest is not raised, and never moved to another market. Where
    the round's limit cuts the total, every market is cut in proportion.

    **Arguments:**

    - `severity`: a severity that commits to a rate for each market, `MarketMeanRate`.
    - `learner`: a `FractionLearner`, run once for every market.
    - `market_of`: int, shape `(accounts,)`, the market that each account is a winner of.

    **Invariants:** 0 <= x <= u; the sum over a market's accounts is its budget.

    **Cost:** that of `FractionLearner` times the number of markets.
    """

    severity: AbstractSeverity
    learner: FractionLearner
    market_of: Int[Array, " accounts"]

    @property
    def information(self) -> Information:
        """What the severity declares."""
        return self.severity.information

    def init(self, observation: Observation) -> PerMarketState:
        """Nothing learned, in any market."""
        capacity = self._by_market(observation.capacity, observation)
        return PerMarketState(
            self.severity.init(observation), jax.vmap(self.learner.init)(capacity)
        )

    def commit(self, state: PerMarketState, observation: Observation) -> Commitment:
        """A rate for each market."""
        return self.severity.commit(state.severity, observation)

    def allocate(
        self,
        state: PerMarketState,
        observation: Observation,
        budget: Scalar,
        *,
        key: Key,
    ) -> PerAccount:
        """The sum of every market's haircuts: no account is in two markets."""
        del key
        capacity = self._by_market(observation.capacity, observation)
        rate = self.severity.commit(state.severity, observation).rate
        budgets = self._budgets(rate, observation.closeout_notional, capacity, budget)
        return jax.vmap(self.learner.play)(state.learners, capacity, budgets).sum(
            axis=0
        )

    def learn(
        self, state: PerMarketState, observation: Observation, record: Record
    ) -> PerMarketState:
        """One step in every market, towards what that market needed."""
        if record.closeout_gap is None:
            raise ValueError(_NEEDS_GAP)
        capacity = self._by_market(observation.capacity, observation)
        haircut = self._by_market(record.haircut, observation)
        budgets = self._budgets(
            record.commitment.rate, record.closeout_notional, capacity, record.budget
        )
        learners = jax.vmap(self.learner.learn)(
            state.learners, capacity, budgets, haircut, record.closeout_gap
        )
        severity = self.severity.learn(state.severity, observation, record)
        return PerMarketState(severity, learners)

    def _by_market(
        self, amount: PerAccount | None, observation: Observation
    ) -> Float[Array, "markets accounts"]:
        if amount is None or observation.market is None:
            raise ValueError(
                "a budget for each market needs accounts and close-outs by market"
            )
        markets = jnp.arange(observation.market.shape[0], dtype=self.market_of.dtype)
        own = self.market_of[None] == markets[:, None]
        return jnp.where(own, amount[None], 0)

    @staticmethod
    def _budgets(
        rate: Any,
        notional: PerMarket | None,
        capacity: Float[Array, "markets accounts"],
        budget: Scalar,
    ) -> PerMarket:
        assert notional is not None
        asked = rate * notional
        total = asked.sum()
        some = total > 0
        kept = jnp.where(some, jnp.minimum(budget, total), 0) / jnp.where(
            some, total, 1
        )
        return jnp.minimum(asked * kept, capacity.sum(axis=1))
